/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Holding: deadlines against packet time, release, handles, the cap; and a naive model of it all.
 */
#include "capture/test_util.h"

#include <time.h>

#include "capture/hold.h"

enum { N = 200 };
static struct frame frames[N];
static uint8_t bytes[N];
static char order[4096]; /* first bytes of what left */
static unsigned left_n;

static void left(void *ctx, const struct frame *f)
{
    (void)ctx;
    assert_true(left_n < sizeof order - 1);
    order[left_n++] = f->len ? (char)f->data[0] : '-';
    order[left_n] = 0;
}
static struct capture *start(unsigned n, uint64_t cap)
{
    for (unsigned i = 0; i < n; i++) {
        bytes[i] = (uint8_t)('A' + i % 50);
        frames[i] =
            (struct frame){.data = &bytes[i], .len = 1, .wire_len = 1, .ts_ns = 100 + 10 * i};
    }
    left_n = 0;
    order[0] = 0;
    return capture_mem_open(frames, n, cap, left, NULL);
}

static struct burst b;

static void deadline_by_packet_time(void **state)
{
    (void)state;
    struct capture *c = start(6, 0);
    assert_int_equal(capture_recv(c, &b, 0), CAPTURE_MORE);
    assert_int_equal(b.n, 6);
    b.verdict[0] = b.verdict[1] = b.verdict[2] = VERDICT_HOLD;
    b.until_ns[0] = 140; /* leaves before E (time 140) */
    b.until_ns[1] = 125; /* before D (130) */
    b.until_ns[2] = 125; /* the same, behind B */
    capture_verdict(c, &b);
    assert_string_equal(order, "BCDAEF");
    assert_int_equal(capture_counters(c)->held_late, 3);
    assert_int_equal(capture_recv(c, &b, 0), CAPTURE_END);
    capture_close(c);
}

static void across_bursts(void **state)
{
    (void)state;
    struct capture *c = start(130, 0);
    assert_int_equal(capture_recv(c, &b, 0), CAPTURE_MORE);
    for (unsigned i = 0; i < 64; i++)
        b.verdict[i] = VERDICT_DROP;
    b.verdict[3] = VERDICT_HOLD;
    b.until_ns[3] = 100 + 640; /* time of the next burst's first frame */
    b.verdict[4] = VERDICT_HOLD;
    b.until_ns[4] = 100 + 650; /* of its second */
    capture_verdict(c, &b);
    assert_string_equal(order, "");
    assert_int_equal(capture_recv(c, &b, 0), CAPTURE_MORE);
    assert_string_equal(order, "D");
    for (unsigned i = 1; i < 64; i++)
        b.verdict[i] = VERDICT_DROP;
    capture_verdict(c, &b);
    assert_string_equal(order, "DOE"); /* O is the 65th */
    capture_close(c);
}

static void release(void **state)
{
    (void)state;
    struct capture *c = start(5, 0);
    assert_int_equal(capture_recv(c, &b, 0), CAPTURE_MORE);
    for (unsigned i = 0; i < 4; i++) {
        b.verdict[i] = VERDICT_HOLD;
        b.until_ns[i] = UINT64_MAX;
    }
    capture_verdict(c, &b);
    uint64_t id[4];
    for (unsigned i = 0; i < 4; i++) {
        id[i] = b.hold_id[i];
        assert_true(id[i] != 0);
    }
    assert_true(capture_release(c, id[2], VERDICT_PASS, NULL, 0));
    assert_false(capture_release(c, id[2], VERDICT_PASS, NULL, 0));
    assert_true(capture_release(c, id[0], VERDICT_DROP, NULL, 0));
    assert_true(capture_release(c, id[1], VERDICT_MODIFIED, (const uint8_t *)"m", 1));
    assert_false(capture_release(c, 0, VERDICT_PASS, NULL, 0));
    assert_false(capture_release(c, UINT64_MAX, VERDICT_PASS, NULL, 0));
    assert_string_equal(order, "ECm");
    /* At the end: one empty burst to let the last one go, then it leaves by itself. */
    assert_int_equal(capture_recv(c, &b, 0), CAPTURE_MORE);
    assert_int_equal(b.n, 0);
    assert_int_equal(b.now_ns, 140);
    assert_string_equal(order, "ECm");
    assert_int_equal(capture_recv(c, &b, 0), CAPTURE_END);
    assert_string_equal(order, "ECmD");
    const struct capture_counters *n = capture_counters(c);
    assert_int_equal(n->held, 4);
    assert_int_equal(n->released, 3);
    assert_int_equal(n->held_late, 1);
    assert_int_equal(n->passed, 3);
    assert_int_equal(n->dropped, 1);
    assert_int_equal(n->modified, 1);
    capture_close(c);
}

static void the_cap(void **state)
{
    (void)state;
    struct capture *c = start(5, 3 * 2048);
    assert_int_equal(capture_recv(c, &b, 0), CAPTURE_MORE);
    for (unsigned i = 0; i < 5; i++) {
        b.verdict[i] = VERDICT_HOLD;
        b.until_ns[i] = UINT64_MAX;
    }
    capture_verdict(c, &b);
    assert_string_equal(order, "DE"); /* what can't be held passes */
    assert_int_equal(b.hold_id[3], 0);
    assert_int_equal(capture_counters(c)->held_refused, 2);
    capture_expire(c, UINT64_MAX);
    assert_string_equal(order, "DEABC");
    capture_close(c);
}

static void held_at_close(void **state)
{
    (void)state;
    struct capture *c = start(1, 0);
    assert_int_equal(capture_recv(c, &b, 0), CAPTURE_MORE);
    b.verdict[0] = VERDICT_HOLD;
    b.until_ns[0] = UINT64_MAX;
    capture_verdict(c, &b);
    capture_close(c);
    assert_string_equal(order, "");
}

/* Against a list that is searched in full. */
struct naive {
    uint64_t id, until, seq;
    uint32_t len;
    uint8_t fill;
};
static struct naive model[4096];
static unsigned model_n;

static int model_first(void)
{
    int best = -1;
    for (unsigned i = 0; i < model_n; i++)
        if (best < 0 || model[i].until < model[best].until ||
            (model[i].until == model[best].until && model[i].seq < model[best].seq))
            best = (int)i;
    return best;
}
static void model_check(const struct hold_slot *s, const struct naive *m)
{
    assert_non_null(s);
    assert_int_equal(s->until_ns, m->until);
    assert_int_equal(s->frame.len, m->len);
    for (uint32_t i = 0; i < m->len; i += 97)
        assert_int_equal(s->frame.data[i], m->fill);
}

static void against_model(void **state)
{
    (void)state;
    unsigned seed = (unsigned)time(NULL);
    print_message("# seed %u\n", seed);
    srand(seed);
    static uint8_t data[256 * 1024];
    struct hold h;
    hold_init(&h, 8 << 20);
    uint64_t gone[64] = {0}, seq = 0;
    for (unsigned step = 0; step < 20000; step++) {
        int r = rand() % 10;
        if (r < 5 && model_n < ARRAY_LEN(model)) {
            uint32_t len = (uint32_t)(rand() % 50 ? rand() % 3000 : rand() % (int)sizeof data);
            uint8_t fill = (uint8_t)rand();
            memset(data, fill, len);
            uint64_t until = (uint64_t)(rand() % 100);
            struct frame f = {.data = data, .len = len};
            uint64_t id = hold_put(&h, &f, until);
            if (id)
                model[model_n++] = (struct naive){id, until, seq++, len, fill};
            else
                assert_true(h.bytes + 264 * 1024 > h.cap_bytes);
        } else if (r < 7 && model_n) {
            unsigned k = (unsigned)rand() % model_n;
            struct hold_slot *s = hold_find(&h, model[k].id);
            model_check(s, &model[k]);
            hold_drop(&h, s);
            gone[step % 64] = model[k].id;
            model[k] = model[--model_n];
        } else if (model_n) {
            int k = model_first();
            struct hold_slot *s = hold_first(&h);
            model_check(s, &model[k]);
            assert_ptr_equal(s, hold_find(&h, model[k].id));
            hold_drop(&h, s);
            model[k] = model[--model_n];
        }
        assert_int_equal(h.n, model_n);
        assert_null(hold_find(&h, gone[(unsigned)rand() % 64]));
    }
    hold_done(&h);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(deadline_by_packet_time),
        cmocka_unit_test(across_bursts),
        cmocka_unit_test(release),
        cmocka_unit_test(the_cap),
        cmocka_unit_test(held_at_close),
        cmocka_unit_test(against_model),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
