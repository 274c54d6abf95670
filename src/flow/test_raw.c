/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Raw views, depth, urgent bytes. */
#include "flow/flow_test.h"

static const struct stream_config arrival = {.inspect = INSPECT_ON_ARRIVAL, .check_csum = true};
static const struct stream_config acked = {.inspect = INSPECT_ON_ACK, .check_csum = true};

static void depth_ends_it(void **state)
{
    (void)state;
    for (unsigned mode = 0; mode < 2; mode++) {
        struct stream_config sc = mode ? acked : arrival;
        sc.depth_bytes = 5;
        sc.raw = true;
        struct world w;
        struct stream_view v;
        w_init(&w, &sc, NULL);
        w_open(&w);
        w_seg(&w, 'c', "PA", 1001, 5001, "abcdefg");
        w_seg(&w, 's', "A", 5001, 1008, "");
        assert_string_equal(w_text(&w, 0), "abcde");
        assert_int_equal(w.got[0].depths, 1);
        assert_int_equal(stream_counters(w.e)->event[STREAM_EV_REASSEMBLY_DEPTH_REACHED], 1);
        assert_true(stream_raw(w.e, w.f, &w.p, 0, &v));
        assert_int_equal(v.n, 5);
        assert_true(v.eof);
        stream_raw_done(w.e, w.f, 0);
        w_seg(&w, 'c', "PA", 1008, 5001, "more");
        assert_false(w.p.flags & PKT_STREAM_ADD);
        assert_false(stream_raw(w.e, w.f, &w.p, 0, &v));
        w_seg(&w, 'c', "FA", 1012, 5001, "");
        assert_int_equal(tcp_flow_state(w.f), TCP_CLOSE_WAIT);
        assert_int_equal(w.got[0].eofs, 0); /* DEPTH was the end */
        w_done(&w);
    }
}

static void depth_is_raised(void **state)
{
    (void)state;
    struct stream_config sc = arrival;
    sc.depth_bytes = 5;
    struct world w;
    w_init(&w, &sc, NULL);
    w_open(&w);
    w_seg(&w, 'c', "PA", 1001, 5001, "abc");
    stream_set_depth(w.f, 8);
    w_seg(&w, 'c', "PA", 1004, 5001, "defghijkl");
    assert_string_equal(w_text(&w, 0), "abcdefgh");
    w_done(&w);
}

static void urgent_byte(void **state)
{
    (void)state;
    static const struct {
        enum urgent_policy policy;
        const char *want;
    } row[] = {{URGENT_OOB, "EVILMARK"},
               {URGENT_INLINE, "EVILMXARK"},
               {URGENT_GAP, "EVILM?ARK"},
               {URGENT_DROP, "EVILM?ARK"}};
    for (size_t i = 0; i < ARRAY_LEN(row); i++)
        for (unsigned mode = 0; mode < 2; mode++) {
            struct stream_config sc = mode ? acked : arrival;
            sc.urgent = row[i].policy;
            struct world w;
            w_init(&w, &sc, NULL);
            w_open(&w);
            w_seg(&w, 'c', "PA", 1001, 5001, "EVILM");
            w_tcp(&w, 'c', "UA", 1006, 5001, "X", 1);
            w.p.tcp.urp = 1;
            w_send(&w);
            assert_int_equal(!!(w.p.flags & PKT_DROPPED), row[i].policy == URGENT_DROP);
            w_seg(&w, 'c', "PA", 1007, 5001, "ARK");
            w_seg(&w, 's', "A", 5001, 1010, "");
            assert_string_equal(w_text(&w, 0), row[i].want);
            w_done(&w);
        }
}

static void urgent_odd(void **state)
{
    (void)state;
    struct world w;
    w_init(&w, &arrival, NULL);
    w_open(&w);
    w_tcp(&w, 'c', "UA", 1001, 5001, "EVIL", 4);
    w.p.tcp.urp = 65535; /* far past the segment */
    w_send(&w);
    w_tcp(&w, 'c', "A", 1005, 5001, "MARK", 4);
    w.p.tcp.urp = 3; /* no flag */
    w_send(&w);
    assert_string_equal(w_text(&w, 0), "EVILMARK");
    /* in the middle of a segment, out of order, then the same again */
    w_tcp(&w, 'c', "UA", 1012, 5001, "d!ef", 4);
    w.p.tcp.urp = 2;
    w_send(&w);
    w_seg(&w, 'c', "A", 1009, 5001, "abc");
    w_tcp(&w, 'c', "UA", 1012, 5001, "d!ef", 4);
    w.p.tcp.urp = 2;
    w_send(&w);
    w_seg(&w, 'c', "A", 1016, 5001, "gh");
    assert_string_equal(w_text(&w, 0), "EVILMARKabcdefgh");
    /* one after the other, up to more than are remembered */
    for (uint32_t i = 0; i < 20; i++) {
        w_tcp(&w, 'c', "UA", 1018 + 2 * i, 5001, "!x", 2);
        w.p.tcp.urp = 1;
        w_send(&w);
    }
    assert_string_equal(w_text(&w, 0), "EVILMARKabcdefghxxxxxxxxxxxxxxxxxxxx");
    assert_int_equal(stream_counters(w.e)->urgent_oob, 21);
    struct tcp_side s;
    assert_true(tcp_side_get(w.f, 1, &s));
    assert_int_equal(s.rcv_nxt, 1018 + 40);
    w_done(&w);
}

static void raw_on_ack_by_chunks(void **state)
{
    (void)state;
    struct stream_config sc = acked;
    sc.raw = true;
    sc.chunk_bytes[0] = sc.chunk_bytes[1] = 8;
    struct world w;
    struct stream_view v;
    w_init(&w, &sc, NULL);
    w_open(&w);
    w_seg(&w, 'c', "PA", 1001, 5001, "abcd");
    w_seg(&w, 's', "A", 5001, 1005, "");
    assert_false(stream_raw(w.e, w.f, &w.p, 0, &v));
    w_seg(&w, 'c', "PA", 1005, 5001, "efghij");
    assert_false(stream_raw(w.e, w.f, &w.p, 0, &v)); /* not acknowledged */
    w_seg(&w, 's', "A", 5001, 1011, "");
    assert_true(stream_raw(w.e, w.f, &w.p, 0, &v));
    assert_int_equal(v.n, 10);
    assert_int_equal(v.fresh, 0);
    assert_memory_equal(v.data, "abcdefghij", 10);
    stream_raw_done(w.e, w.f, 0);
    assert_false(stream_raw(w.e, w.f, &w.p, 0, &v));
    w_seg(&w, 'c', "PA", 1011, 5001, "kl");
    w_seg(&w, 's', "A", 5001, 1013, "");
    assert_false(stream_raw(w.e, w.f, &w.p, 0, &v));
    stream_raw_trigger(w.f, 0);
    assert_true(stream_raw(w.e, w.f, &w.p, 0, &v));
    assert_memory_equal(v.data + v.fresh, "kl", 2);
    assert_int_equal(v.fresh, 8); /* looks back one chunk */
    assert_int_equal(v.offset, 2);
    stream_raw_done(w.e, w.f, 0);
    w_seg(&w, 'c', "FPA", 1013, 5001, "m");
    assert_true(stream_raw(w.e, w.f, &w.p, 0, &v)); /* the end brings the rest */
    assert_true(v.eof);
    assert_memory_equal(v.data + v.fresh, "m", 1);
    uint8_t copy[32];
    assert_int_equal(stream_copy(w.f, 0, 4, copy, sizeof(copy)), 9);
    assert_memory_equal(copy, "efghijklm", 9);
    w_done(&w);
}

/* Where no size is set, a chunk has one of its own, in either direction. */
static void raw_chunks_by_default(void **state)
{
    (void)state;
    static char text[2600];
    memset(text, 'x', sizeof(text));
    for (unsigned dir = 0; dir < 2; dir++) {
        struct stream_config sc = acked;
        sc.raw = true;
        struct world w;
        struct stream_view v;
        uint32_t from = dir ? 5001 : 1001, to = dir ? 1001 : 5001;
        w_init(&w, &sc, NULL);
        w_open(&w);
        w_tcp(&w, dir ? 's' : 'c', "PA", from, to, text, 100);
        w_send(&w);
        w_seg(&w, dir ? 'c' : 's', "A", to, from + 100, "");
        assert_false(stream_raw(w.e, w.f, &w.p, dir, &v));
        w_tcp(&w, dir ? 's' : 'c', "PA", from + 100, to, text, sizeof(text) - 100);
        w_send(&w);
        w_seg(&w, dir ? 'c' : 's', "A", to, from + sizeof(text), "");
        assert_true(stream_raw(w.e, w.f, &w.p, dir, &v));
        assert_int_equal(v.n, sizeof(text));
        w_done(&w);
    }
}

static void raw_and_gaps(void **state)
{
    (void)state;
    struct stream_config sc = acked;
    sc.raw = true;
    struct world w;
    struct stream_view v;
    w_init(&w, &sc, NULL);
    w_open(&w);
    w_seg(&w, 'c', "PA", 1001, 5001, "VERY");
    w_seg(&w, 'c', "PA", 1009, 5001, "DATA");
    stream_flush(w.e, w.f, &w.sink);
    assert_string_equal(w_text(&w, 0), "VERY????DATA");
    assert_true(stream_raw(w.e, w.f, NULL, 0, &v));
    assert_int_equal(v.n, 4);
    assert_memory_equal(v.data, "VERY", 4);
    assert_false(v.eof);
    stream_raw_done(w.e, w.f, 0);
    assert_true(stream_raw(w.e, w.f, NULL, 0, &v));
    assert_int_equal(v.n, 4);
    assert_int_equal(v.fresh, 0);
    assert_int_equal(v.offset, 8);
    assert_memory_equal(v.data, "DATA", 4);
    assert_true(v.eof);
    stream_raw_done(w.e, w.f, 0);
    assert_false(stream_raw(w.e, w.f, NULL, 0, &v));
    char copy[64] = {0};
    stream_copy(w.f, 0, 0, (uint8_t *)copy, 60);
    assert_string_equal(copy, "VERY[4 bytes missing]DATA");
    assert_int_equal(stream_counters(w.e)->reassembly_gap, 0); /* nobody acknowledged it */
    w_done(&w);
}

static void raw_on_arrival_looks_back(void **state)
{
    (void)state;
    struct stream_config sc = arrival;
    sc.raw = true;
    sc.chunk_bytes[0] = sc.chunk_bytes[1] = 16;
    struct world w;
    struct stream_view v;
    w_init(&w, &sc, NULL);
    w_open(&w);
    static const char text[] = "one two three four EVILMARK five";
    unsigned hits = 0;
    for (uint32_t i = 0; i < sizeof(text) - 1; i++) {
        w_tcp(&w, 'c', "PA", 1001 + i, 5001, text + i, 1);
        w_send(&w);
        assert_true(stream_raw(w.e, w.f, &w.p, 0, &v));
        assert_int_equal(v.offset + v.n, i + 1);
        assert_int_equal(v.fresh, v.n - 1);
        const uint8_t *at = memmem(v.data, v.n, "EVILMARK", 8);
        hits += at && at + 8 > v.data + v.fresh; /* ends in what is fresh */
        stream_raw_done(w.e, w.f, 0);
        assert_false(stream_raw(w.e, w.f, &w.p, 0, &v));
    }
    assert_int_equal(hits, 1);
    stream_raw_disable(w.f, 0);
    w_seg(&w, 'c', "PA", 1001 + sizeof(text) - 1, 5001, "x");
    assert_false(stream_raw(w.e, w.f, &w.p, 0, &v));
    w_done(&w);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(depth_ends_it),
        cmocka_unit_test(depth_is_raised),
        cmocka_unit_test(urgent_byte),
        cmocka_unit_test(urgent_odd),
        cmocka_unit_test(raw_on_ack_by_chunks),
        cmocka_unit_test(raw_chunks_by_default), cmocka_unit_test(raw_and_gaps),
        cmocka_unit_test(raw_on_arrival_looks_back),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
