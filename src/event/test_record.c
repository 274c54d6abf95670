/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records: emitter to view and back, hostile records, full rings, merging of workers. */
#include "event/test_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void fill(struct bench *b)
{
    struct event *h = bench_event(b, EVENT_ALERT);
    h->tx_id = 3;
    h->flags |= EVENT_HAS_TX;
    fields_cstr(event_fields(b->e), "k", "value");
    bench_alert(b, "message", "class");
    struct event_packet p = {.link = 1, .len = 5, .wire_len = 9, .ts_ns = 7};
    event_section2(b->e, SECTION_PACKET, &p, sizeof(p), "frame", 5);
    struct event_verdict d = {.status = STATUS_COULD_NOT, .reason = {sizeof(d), 3}};
    event_section2(b->e, SECTION_VERDICT, &d, sizeof(d), "why", 3);
    event_section(b->e, SECTION_PAYLOAD, "odd", 3);
}

static void test_round_trip(void **state)
{
    (void)state;
    struct bench b;
    struct event_view v;
    struct event_alert a;
    struct event_packet p;
    struct event_verdict d;
    struct str s;
    bench_new(&b, 1 << 16, 9);
    fill(&b);
    assert_true(event_end(b.e));
    bench_take(&b, &v);
    assert_int_equal(v.head->type, EVENT_ALERT);
    assert_int_equal(v.head->worker, 9);
    assert_int_equal(v.head->seq, 1);
    assert_int_equal(v.head->tx_id, 3);
    assert_int_equal(v.head->pkt_src, 0xff);
    assert_int_equal(v.head->dp, 80);
    assert_true(view_alert(&v, &a));
    assert_int_equal(a.sid, 2002152);
    assert_true(event_alert_text(&v, a.msg, &s) && str_eq(s, STR("message")));
    assert_true(event_alert_text(&v, a.class_text, &s) && str_eq(s, STR("class")));
    assert_false(event_alert_text(&v, a.rule, &s));
    assert_true(view_packet(&v, &p, &s) && str_eq(s, STR("frame")));
    assert_int_equal(p.wire_len, 9);
    assert_true(view_verdict(&v, &d, &s) && str_eq(s, STR("why")));
    assert_true(str_eq(v.section[SECTION_PAYLOAD], STR("odd")));
    assert_int_equal(v.section[SECTION_NAME].n, 0);
    free((void *)(uintptr_t)v.head);
    /* The next event starts from nothing. */
    (void)bench_event(&b, EVENT_FLOW);
    assert_true(event_end(b.e));
    bench_take(&b, &v);
    assert_int_equal(v.head->seq, 2);
    assert_int_equal(v.head->size, sizeof(struct event));
    free((void *)(uintptr_t)v.head);
    /* An event that is given up leaves nothing. */
    (void)bench_event(&b, EVENT_FLOW);
    event_abort(b.e);
    const void *rec;
    assert_int_equal(rec_ring_peek(b.reader, &rec), 0);
    assert_int_equal(emitter_count(b.e), 2);
    bench_free(&b);
}

/* A whole record in exact-size memory. */
static uint8_t *record(size_t *n)
{
    struct bench b;
    struct event_view v;
    bench_new(&b, 1 << 16, 0);
    fill(&b);
    assert_true(event_end(b.e));
    bench_take(&b, &v);
    *n = v.head->size;
    bench_free(&b);
    return (uint8_t *)(uintptr_t)v.head;
}

static volatile uint8_t sink;
/* Reads everything a writer would. */
static uint8_t touch(const struct event_view *v)
{
    struct event_alert a;
    struct event_packet p;
    struct event_verdict d;
    struct str s;
    uint8_t sum = 0;
    if (view_alert(v, &a)) {
        const struct event_text t[] = {a.msg,      a.class_text, a.references,
                                       a.metadata, a.extra,      a.rule};
        for (size_t i = 0; i < ARRAY_LEN(t); i++)
            if (event_alert_text(v, t[i], &s))
                for (uint32_t k = 0; k < s.n; k++)
                    sum ^= s.p[k];
    }
    if (view_packet(v, &p, &s))
        for (uint32_t k = 0; k < s.n; k++)
            sum ^= s.p[k];
    if (view_verdict(v, &d, &s))
        for (uint32_t k = 0; k < s.n; k++)
            sum ^= s.p[k];
    return sum;
}

static void test_every_cut(void **state)
{
    (void)state;
    size_t all;
    uint8_t *whole = record(&all);
    unsigned good = 0;
    for (size_t n = 0; n <= all; n++) {
        struct event_view v;
        uint8_t *exact = malloc(n ? n : 1);
        assert_non_null(exact);
        memcpy(exact, whole, n);
        uint32_t size = (uint32_t)n;
        if (n >= 4)
            memcpy(exact + offsetof(struct event, size), &size, sizeof(size));
        bool ok = event_view(exact, n, &v);
        if (ok)
            sink = (uint8_t)(sink ^ touch(&v));
        good += ok;
        free(exact);
    }
    assert_int_equal(good, 6); /* the head alone, and after each of five sections */
    struct event_view v;
    assert_false(event_view(whole, all - 8, &v)); /* size says more */
    free(whole);
}

static void test_bit_flips(void **state)
{
    (void)state;
    size_t n;
    uint8_t *whole = record(&n);
    unsigned refused = 0;
    for (size_t bit = 0; bit < n * 8; bit++) {
        struct event_view v;
        uint8_t *exact = malloc(n);
        assert_non_null(exact);
        memcpy(exact, whole, n);
        exact[bit / 8] ^= (uint8_t)(1u << bit % 8);
        if (event_view(exact, n, &v))
            sink = (uint8_t)(sink ^ touch(&v));
        else
            refused++;
        free(exact);
    }
    assert_true(refused > 200);
    free(whole);
}

static void test_twice_a_section(void **state)
{
    (void)state;
    struct bench b;
    bench_new(&b, 1 << 16, 0);
    (void)bench_event(&b, EVENT_FLOW);
    event_section(b.e, SECTION_NAME, "a", 1);
    event_section(b.e, SECTION_NAME, "b", 1);
    assert_true(event_end(b.e));
    const void *p;
    struct event_view v;
    int64_t n = rec_ring_peek(b.reader, &p);
    assert_true(n > 0);
    assert_false(event_view(p, (size_t)n, &v));
    bench_free(&b);
}

static unsigned full_calls;
static void when_full(void *ctx)
{
    struct bench *b = ctx;
    const void *p;
    full_calls++;
    while (rec_ring_peek(b->reader, &p) > 0)
        rec_ring_next(b->reader);
}

static void test_ring_full(void **state)
{
    (void)state;
    struct bench b;
    bench_new(&b, 4096, 0);
    unsigned sent = 0, lost = 0;
    for (int i = 0; i < 100; i++) {
        (void)bench_event(&b, EVENT_FLOW);
        event_end(b.e) ? sent++ : lost++;
    }
    assert_true(sent > 5 && lost > 50);
    assert_int_equal(emitter_lost(b.e), lost);
    assert_int_equal(emitter_count(b.e), sent);
    /* What is there is whole, in order, and the next one after a gap shows it by its number. */
    struct event_view v;
    for (unsigned i = 0; i < sent; i++) {
        bench_take(&b, &v);
        assert_int_equal(v.head->seq, i + 1);
        free((void *)(uintptr_t)v.head);
    }
    (void)bench_event(&b, EVENT_FLOW);
    assert_true(event_end(b.e));
    bench_take(&b, &v);
    assert_int_equal(v.head->seq, 101);
    free((void *)(uintptr_t)v.head);
    emitter_free(b.e);
    /* With somebody to empty it nothing is lost. */
    struct emitter_config c = {.ring = b.ring, .full = when_full, .ctx = &b};
    b.e = emitter_new(&c);
    full_calls = 0;
    for (int i = 0; i < 100; i++) {
        (void)bench_event(&b, EVENT_FLOW);
        assert_true(event_end(b.e));
    }
    assert_true(full_calls > 2);
    /* A record larger than the ring is refused and counted, not waited for. */
    (void)bench_event(&b, EVENT_FLOW);
    char big[8192] = {0};
    event_section(b.e, SECTION_PAYLOAD, big, sizeof(big));
    assert_false(event_end(b.e));
    assert_int_equal(emitter_lost(b.e), 1);
    bench_free(&b);
}

enum { WORKERS = 3, EVENTS = 400 };

/* Events of one packet stream, dealt to workers at random, come out in one order. */
static void test_merge(void **state)
{
    (void)state;
    struct bench b[WORKERS];
    struct rec_ring *rings[WORKERS];
    struct arena arena;
    struct diags d;
    uint64_t seed = (uint64_t)time(NULL) * 2654435761u + 1;
    print_message("# seed %llu\n", (unsigned long long)seed);
    static const char *const settings[] = {"outputs.0.eve-log.enabled=yes",
                                           "outputs.0.eve-log.types.0=flow", NULL};
    static const struct logger_identity id = {.sensor = "s"};
    arena_init(&arena, 0, 0);
    diags_init(&d, &arena);
    for (uint32_t i = 0; i < WORKERS; i++) {
        bench_new(&b[i], 1 << 18, i);
        rings[i] = b[i].reader;
    }
    for (uint64_t i = 0; i < EVENTS; i++) {
        struct bench *w = &b[test_random(&seed) % WORKERS];
        struct event *h = bench_event(w, EVENT_FLOW);
        h->number = 1 + i / 8;
        h->order = i / 4 % 2;
        h->order2 = i / 2 % 2; /* two of each: the worker decides */
        h->flow_id = i + 1;
        assert_true(event_end(w->e));
    }
    char *dir = test_dir();
    struct conf *c = test_conf(settings);
    struct logger *l = logger_new(c, dir, &id, &d);
    assert_non_null(l);
    size_t first = logger_drain(l, rings, WORKERS, true, 20);
    assert_int_equal(first, 160); /* packets 1 to 20 */
    assert_int_equal(logger_drain(l, rings, WORKERS, true, 20), 0);
    assert_int_equal(logger_drain(l, rings, WORKERS, true, UINT64_MAX), EVENTS - 160);
    assert_int_equal(logger_counters(l)->events, EVENTS);
    logger_free(l);
    conf_free(c);
    char *text = test_file(dir, "eve.json", NULL), *at = text;
    for (uint64_t i = 0; i < EVENTS; i++) {
        unsigned long long flow = 0;
        at = strstr(at, "\"flow_id\":");
        assert_non_null(at);
        assert_int_equal(sscanf(at, "\"flow_id\":%llu", &flow), 1);
        assert_int_equal((flow - 1) / 2, i / 2);
        at++;
    }
    free(text);
    test_dir_free(dir);
    for (uint32_t i = 0; i < WORKERS; i++)
        bench_free(&b[i]);
    arena_done(&arena);
}

/* Garbage in a ring is counted and passed over. */
static void test_broken_record(void **state)
{
    (void)state;
    struct bench b;
    struct arena arena;
    struct diags d;
    static const struct logger_identity id = {.sensor = "s"};
    arena_init(&arena, 0, 0);
    diags_init(&d, &arena);
    bench_new(&b, 1 << 16, 0);
    struct logger *l = logger_new(NULL, NULL, &id, &d);
    assert_non_null(l);
    for (int i = 0; i < 5; i++) {
        uint8_t *p = rec_ring_reserve(b.ring, 300);
        assert_non_null(p);
        memset(p, i * 50, 300);
        rec_ring_commit(b.ring, 300);
        (void)bench_event(&b, EVENT_FLOW);
        assert_true(event_end(b.e));
    }
    assert_int_equal(logger_drain(l, &b.reader, 1, false, 0), 5);
    assert_int_equal(logger_counters(l)->broken, 5);
    logger_free(l);
    bench_free(&b);
    arena_done(&arena);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),    cmocka_unit_test(test_every_cut),
        cmocka_unit_test(test_bit_flips),     cmocka_unit_test(test_twice_a_section),
        cmocka_unit_test(test_ring_full),     cmocka_unit_test(test_merge),
        cmocka_unit_test(test_broken_record),
    };
    setenv("TZ", "UTC", 1);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
