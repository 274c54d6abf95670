/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory: after warming up no packet asks the heap for any, and whichever allocation fails, nothing
 * breaks.  The linker sends malloc, calloc and aligned_alloc of this program through here.
 */
#include "flow/flow_test.h"

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t k);
void *__real_aligned_alloc(size_t a, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t k);
void *__wrap_aligned_alloc(size_t a, size_t n);

static unsigned asked, fail_at;
static bool refuse(void)
{
    return ++asked == fail_at;
}
void *__wrap_malloc(size_t n)
{
    return refuse() ? NULL : __real_malloc(n);
}
void *__wrap_calloc(size_t n, size_t k)
{
    return refuse() ? NULL : __real_calloc(n, k);
}
void *__wrap_aligned_alloc(size_t a, size_t n)
{
    return refuse() ? NULL : __real_aligned_alloc(a, n);
}

struct run {
    struct flow_table *t;
    struct stream_engine *e;
    struct world w; /* for its packet builder and clock only */
};

static void on_data(void *ctx, struct flow *f, struct packet *p, unsigned dir, const uint8_t *data,
                    uint32_t n, unsigned piece)
{
    (void)ctx;
    (void)f;
    (void)p;
    (void)dir;
    (void)piece;
    volatile uint8_t sum = 0;
    for (uint32_t i = 0; data && i < n; i++)
        sum = (uint8_t)(sum + data[i]);
}
static const struct stream_sink sink = {.data = on_data};

static void on_end(void *ctx, struct flow *f)
{
    struct run *r = ctx;
    stream_flush(r->e, f, &sink);
    stream_done(r->e, f);
}

static void send_one(struct run *r, char who, const char *flags, uint32_t seq, uint32_t ack,
                     uint32_t n)
{
    static const uint8_t payload[4000];
    struct packet *p = w_tcp(&r->w, who, flags, seq, ack, payload, n);
    struct exception exc;
    struct stream_view v;
    flow_tick(r->t, p->ts_ns, on_end, r);
    struct flow *f = flow_get(r->t, p, &exc, on_end, r);
    if (!f)
        return;
    stream_packet(r->e, f, p, &sink);
    for (unsigned d = 0; d < 2; d++)
        while (stream_raw(r->e, f, p, d, &v))
            stream_raw_done(r->e, f, d);
}

/* A connection with data both ways, disorder, overlaps and a close. */
static void connection(struct run *r)
{
    r->w.sp++;
    send_one(r, 'c', "S", 1000, 0, 0);
    send_one(r, 'c', "S", 3000, 0, 0);
    send_one(r, 's', "SA", 5000, 1001, 0);
    send_one(r, 'c', "A", 1001, 5001, 0);
    uint32_t c = 1001, s = 5001;
    for (unsigned i = 0; i < 40; i++) {
        send_one(r, 'c', "PA", c + 700, s, 500);
        send_one(r, 'c', "PA", c + 100, s, 700);
        send_one(r, 'c', "PA", c, s, 200);
        c += 1200;
        send_one(r, 's', "A", s, c, 0);
        send_one(r, 's', "PA", s, c, 1400);
        s += 1400;
        send_one(r, 'c', "A", c, s, 0);
    }
    send_one(r, 'c', "FA", c, s, 0);
    send_one(r, 's', "FA", s, c + 1, 0);
    send_one(r, 'c', "A", c + 1, s + 1, 0);
    r->w.now_ns += SEC;
}

static bool run_init(struct run *r, unsigned mode)
{
    memset(r, 0, sizeof(*r));
    struct flow_config fc = w_flow_config();
    struct stream_config sc = {.inspect = mode & 1 ? INSPECT_ON_ACK : INSPECT_ON_ARRIVAL,
                               .raw = mode & 2,
                               .inline_mode = mode & 4};
    r->w.now_ns = 1000 * SEC;
    r->w.dp = 80;
    r->t = flow_table_new(&fc);
    r->e = stream_engine_new(&sc);
    return r->t && r->e;
}

static void run_done(struct run *r)
{
    if (r->t && r->e) {
        flow_end_all(r->t, on_end, r);
        assert_int_equal(stream_counters(r->e)->memuse_bytes, 0);
        assert_int_equal(stream_counters(r->e)->reassembly_memuse_bytes, 0);
    }
    flow_table_free(r->t);
    stream_engine_free(r->e);
}

static void no_heap_in_the_run(void **state)
{
    (void)state;
    static struct run r;
    for (unsigned mode = 0; mode < 8; mode++) {
        fail_at = 0;
        assert_true(run_init(&r, mode));
        for (unsigned i = 0; i < 100; i++) /* up to the flows that the timeouts leave alive */
            connection(&r);
        unsigned before = asked;
        for (unsigned i = 0; i < 100; i++)
            connection(&r);
        assert_int_equal(asked, before);
        run_done(&r);
    }
}

static void any_allocation_may_fail(void **state)
{
    (void)state;
    static struct run r;
    for (unsigned mode = 0; mode < 8; mode++)
        for (unsigned n = 1;; n++) {
            asked = 0;
            fail_at = n;
            if (run_init(&r, mode))
                for (unsigned i = 0; i < 3; i++)
                    connection(&r);
            run_done(&r);
            bool all = asked < n;
            fail_at = 0;
            if (all)
                break;
        }
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(no_heap_in_the_run),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
