/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The n-th allocation fails, for every n: no crash, no leak, an honest result (linked with --wrap).
 */
#include "capture/test_make.h"

#include "capture/capread.h"

void *__real_malloc(size_t n);
void *__real_calloc(size_t k, size_t n);
void *__real_realloc(void *p, size_t n);
char *__real_strdup(const char *s);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t k, size_t n);
void *__wrap_realloc(void *p, size_t n);
char *__wrap_strdup(const char *s);

static bool armed;
static unsigned until_failure;

static bool fails(void)
{
    return armed && until_failure-- == 0;
}
void *__wrap_malloc(size_t n)
{
    return fails() ? NULL : __real_malloc(n);
}
void *__wrap_calloc(size_t k, size_t n)
{
    return fails() ? NULL : __real_calloc(k, n);
}
void *__wrap_realloc(void *p, size_t n)
{
    return fails() ? NULL : __real_realloc(p, n);
}
char *__wrap_strdup(const char *s)
{
    return fails() ? NULL : __real_strdup(s);
}

static struct burst b;

/* Opens, holds every second frame, releases some; returns frames seen, -1 when it did not open. */
static int use(const char *path, const struct capture_file_options *o)
{
    struct arena arena;
    struct diags diags;
    arena_init(&arena, 0, 0);
    diags_init(&diags, &arena);
    int n = 0;
    struct capture *c = capture_file_open(path, o, &diags);
    for (enum capture_state st; c && (st = capture_recv(c, &b, 0)) != CAPTURE_END;) {
        for (unsigned i = 0; i < b.n; i++, n++) {
            b.verdict[i] = i % 2 ? VERDICT_HOLD : VERDICT_PASS;
            b.until_ns[i] = UINT64_MAX;
        }
        capture_verdict(c, &b);
        for (unsigned i = 0; i < b.n; i += 3)
            (void)capture_release(c, b.hold_id[i], VERDICT_PASS, NULL, 0);
    }
    if (c) {
        const struct capture_counters *q = capture_counters(c);
        assert_int_equal(q->held, q->released + q->held_late);
        assert_int_equal(q->passed, n);
    }
    capture_close(c);
    arena_done(&arena);
    return c ? n : -1;
}

static void every_allocation(void **state)
{
    (void)state;
    struct tmp_dir t = tmp_make();
    char path[256], out[256];
    struct maker m = {.big = false};
    sbuf_init(&m.b);
    ng_section(&m);
    ng_iface(&m, &(struct ng_if){LINK_ETHERNET, 0, -1, 0, NULL});
    for (unsigned i = 0; i < 300; i++)
        ng_packet(&m, 0, i, 60 + i, (uint8_t)i, false);
    file_put_gz(tmp_path(&t, "x", path), m.b.p, m.b.n);
    sbuf_done(&m.b);
    struct capture_file_options o = {.out_path = tmp_path(&t, "out", out),
                                     .bpf = "ip or not ip",
                                     .by_time = true,
                                     .hold_cap_bytes = 1 << 20};
    for (int folder = 0; folder < 2; folder++) {
        unsigned n = 0;
        bool all = false;
        for (; !all && n < 500; n++) {
            remove(out);
            until_failure = n;
            armed = true;
            (void)use(folder ? t.path : path, &o);
            armed = false;
            all = until_failure <= n; /* it never came to the n-th */
        }
        assert_true(n > 8);
        assert_true(n < 500);
        remove(out);
        assert_int_equal(use(folder ? t.path : path, &o), 300);
    }
    tmp_remove(&t);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {cmocka_unit_test(every_allocation)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
