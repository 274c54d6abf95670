/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Streams: when bytes are given out, gaps, ends, urgent data, raw views, what others ask. */
#include "flow/flow_test.h"

static const struct stream_config arrival = {.inspect = INSPECT_ON_ARRIVAL, .check_csum = true};
static const struct stream_config acked = {.inspect = INSPECT_ON_ACK, .check_csum = true};

static void in_order(void **state)
{
    (void)state;
    struct world w;
    w_init(&w, &arrival, NULL);
    w_open(&w);
    w_seg(&w, 'c', "PA", 1001, 5001, "GET / ");
    assert_true(w.p.flags & PKT_STREAM_ADD && w.p.flags & PKT_STREAM_EST);
    assert_string_equal(w_text(&w, 0), "GET / ");
    w_seg(&w, 'c', "PA", 1007, 5001, "HTTP");
    w_seg(&w, 's', "A", 5001, 1011, "");
    w_seg(&w, 's', "PA", 5001, 1011, "200");
    w_seg(&w, 'c', "FA", 1011, 5004, "");
    assert_int_equal(w.got[0].eofs, 1);
    assert_int_equal(tcp_flow_state(w.f), TCP_CLOSE_WAIT);
    assert_int_equal(w.f->state, FLOW_ESTABLISHED);
    w_seg(&w, 's', "FA", 5004, 1012, "");
    assert_int_equal(tcp_flow_state(w.f), TCP_LAST_ACK);
    w_seg(&w, 'c', "A", 1012, 5005, "");
    assert_int_equal(tcp_flow_state(w.f), TCP_CLOSED);
    assert_int_equal(w.f->state, FLOW_CLOSED);
    assert_string_equal(w_text(&w, 0), "GET / HTTP");
    assert_string_equal(w_text(&w, 1), "200");
    assert_int_equal(w.got[1].eofs, 1);
    assert_int_equal(w.got[0].starts + w.got[1].starts, 2);
    w_done(&w);
}

static void on_ack_waits(void **state)
{
    (void)state;
    struct world w;
    w_init(&w, &acked, NULL);
    w_open(&w);
    w_seg(&w, 'c', "PA", 1001, 5001, "abcdef");
    assert_int_equal(w.got[0].n, 0);
    w_seg(&w, 's', "A", 5001, 1004, "");
    assert_string_equal(w_text(&w, 0), "abc");
    w_seg(&w, 's', "PA", 5001, 1007, "xyz");
    assert_string_equal(w_text(&w, 0), "abcdef");
    assert_int_equal(w.got[1].n, 0);
    w_seg(&w, 'c', "PA", 1007, 5001, "gh"); /* does not acknowledge */
    assert_int_equal(w.got[1].n, 0);
    w_done(&w); /* the end brings all */
    assert_string_equal(w_text(&w, 0), "abcdefgh");
    assert_string_equal(w_text(&w, 1), "xyz");
    assert_int_equal(w.got[0].eofs + w.got[1].eofs, 2);
}

static void out_of_order(void **state)
{
    (void)state;
    for (unsigned mode = 0; mode < 2; mode++) {
        struct world w;
        w_init(&w, mode ? &acked : &arrival, NULL);
        w_open(&w);
        w_seg(&w, 'c', "PA", 1007, 5001, "gh");
        w_seg(&w, 'c', "PA", 1004, 5001, "def");
        assert_int_equal(w.got[0].n, 0);
        w_seg(&w, 'c', "PA", 1001, 5001, "abc");
        w_seg(&w, 's', "A", 5001, 1009, "");
        assert_string_equal(w_text(&w, 0), "abcdefgh");
        assert_int_equal(w.got[0].gaps, 0);
        assert_string_equal(w.events, "");
        w_done(&w);
    }
}

static void acked_gap(void **state)
{
    (void)state;
    for (unsigned mode = 0; mode < 2; mode++) {
        struct world w;
        w_init(&w, mode ? &acked : &arrival, NULL);
        w_open(&w);
        w_seg(&w, 'c', "PA", 1001, 5001, "abc");
        w_seg(&w, 'c', "PA", 1014, 5001, "xyz");
        w_seg(&w, 's', "A", 5001, 1004, ""); /* the hole is not acknowledged */
        assert_string_equal(w_text(&w, 0), "abc");
        w_seg(&w, 's', "A", 5001, 1017, "");
        assert_string_equal(w.events, "reassembly_seq_gap");
        assert_string_equal(w_text(&w, 0), "abc??????????xyz");
        assert_int_equal(w.f->acked_unseen[0], 10);
        assert_int_equal(stream_counters(w.e)->reassembly_gap, 1);
        assert_int_equal(stream_counters(w.e)->acked_unseen_bytes, 10);
        w_done(&w);
    }
}

/* An acknowledgement of what was never seen is not believed until its sender goes on from there. */
static void ack_of_unseen(void **state)
{
    (void)state;
    struct world w;
    w_init(&w, &acked, NULL);
    w_open(&w);
    w_seg(&w, 's', "A", 5001, 6001, "");
    w_seg(&w, 'c', "PA", 1001, 5001, "abc");
    w_seg(&w, 's', "A", 5001, 1004, "");
    assert_string_equal(w_text(&w, 0), "abc");
    assert_int_equal(w.got[0].gaps, 0);
    w_seg(&w, 's', "A", 5001, 1104, ""); /* and now a true loss */
    assert_int_equal(w.got[0].gaps, 0);
    w_seg(&w, 'c', "PA", 1104, 5001, "def");
    assert_int_equal(w.got[0].gap_bytes, 100);
    w_seg(&w, 's', "A", 5001, 1107, "");
    assert_int_equal(w.got[0].n, 3 + 64 + 3);
    w_done(&w);
}

static void wrap_around(void **state)
{
    (void)state;
    struct world w;
    w_init(&w, &acked, NULL);
    uint32_t isn = 0xfffffffb;
    w_seg(&w, 'c', "S", isn, 0, "");
    w_seg(&w, 's', "SA", 0xffffffff, isn + 1, "");
    w_seg(&w, 'c', "A", isn + 1, 0, "");
    w_seg(&w, 'c', "PA", isn + 4, 0, "def");
    w_seg(&w, 'c', "PA", isn + 1, 0, "abc");
    w_seg(&w, 's', "PA", 0, isn + 7, "xyz");
    w_seg(&w, 'c', "FA", isn + 7, 3, "");
    assert_string_equal(w_text(&w, 0), "abcdef");
    assert_string_equal(w_text(&w, 1), "xyz");
    assert_int_equal(w.got[0].eofs, 1);
    struct tcp_side side;
    assert_true(tcp_side_get(w.f, 1, &side));
    assert_int_equal(side.rcv_nxt, isn + 8); /* behind the FIN */
    w_done(&w);
}

/* The exact numbers for resets: what each end's stack expects next. */
static void exact_numbers(void **state)
{
    (void)state;
    struct world w;
    w_init(&w, &arrival, NULL);
    w_open(&w);
    struct tcp_side c, s;
    w_seg(&w, 'c', "PA", 1001, 5001, "hello");
    w_seg(&w, 'c', "PA", 1016, 5001, "later"); /* ten bytes are missing before it */
    assert_true(tcp_side_get(w.f, 0, &c) && tcp_side_get(w.f, 1, &s));
    assert_int_equal(s.rcv_nxt, 1006); /* the server has these, acknowledged or not */
    assert_int_equal(c.rcv_nxt, 5001);
    assert_int_equal(c.next_seq, 1021);
    assert_int_equal(c.seen_bytes, 20);
    assert_int_equal(c.last_ack, 1001);
    assert_int_equal(c.window, 65535);
    w_seg(&w, 's', "A", 5001, 1021, "");
    assert_true(tcp_side_get(w.f, 1, &s));
    assert_int_equal(s.rcv_nxt, 1021);
    stream_app_disable(w.f, 0); /* nobody wants the bytes: the numbers go on */
    w_seg(&w, 'c', "PA", 1021, 5001, "more");
    assert_true(tcp_side_get(w.f, 1, &s));
    assert_int_equal(s.rcv_nxt, 1025);
    assert_int_equal(s.isn, 5000);
    assert_false(tcp_is_midstream(w.f));
    w_done(&w);
}

static void bad_checksums_stay_out(void **state)
{
    (void)state;
    struct world w;
    w_init(&w, &arrival, NULL);
    w_open(&w);
    w_tcp(&w, 'c', "PA", 1001, 5001, "NO", 2);
    w.p.flags |= PKT_L4_CSUM_BAD;
    w_send(&w);
    assert_true(w.p.flags & PKT_STREAM_IGNORE);
    w_tcp(&w, 'c', "R", 1001, 0, "", 0);
    w.p.flags |= PKT_L4_CSUM_BAD;
    w_send(&w);
    assert_int_equal(tcp_flow_state(w.f), TCP_ESTABLISHED);
    w_seg(&w, 'c', "PA", 1001, 5001, "yes");
    assert_string_equal(w_text(&w, 0), "yes");
    assert_int_equal(stream_counters(w.e)->invalid_checksum, 2);
    w_done(&w);
}

/* A probe into a closed window counts only if it is acknowledged. */
static void zero_window_probe(void **state)
{
    (void)state;
    struct world w;
    w_init(&w, &arrival, NULL);
    w.sc.inspect = INSPECT_ON_ARRIVAL;
    w_seg(&w, 'c', "S", 1000, 0, "");
    w_tcp(&w, 's', "SA", 5000, 1001, "", 0);
    w.p.tcp.win = 4;
    w_send(&w);
    w_seg(&w, 'c', "A", 1001, 5001, "");
    w_seg(&w, 'c', "PA", 1001, 5001, "EVIL");
    w_tcp(&w, 's', "A", 5001, 1005, "", 0);
    w.p.tcp.win = 0;
    w_send(&w);
    w_seg(&w, 'c', "A", 1005, 5001, "X"); /* refused ... */
    assert_string_equal(w_text(&w, 0), "EVIL");
    w_tcp(&w, 's', "A", 5001, 1005, "", 0);
    w.p.tcp.win = 0;
    w_send(&w);
    w_seg(&w, 'c', "A", 1005, 5001, "M");
    w_seg(&w, 's', "A", 5001, 1006, ""); /* ... taken */
    assert_string_equal(w.events, "est_ack_zwp_data");
    w_seg(&w, 'c', "PA", 1006, 5001, "ARK");
    assert_string_equal(w_text(&w, 0), "EVILMARK");
    w_done(&w);
}

static void inline_first_copy_leaves(void **state)
{
    (void)state;
    struct stream_config sc = {.inline_mode = true};
    struct world w;
    w_init(&w, &sc, NULL);
    w_open(&w);
    w_seg(&w, 'c', "PA", 1001, 5001, "MARKmark");
    w_seg(&w, 'c', "PA", 1003, 5001, "XXmaYYYY");
    assert_string_equal(w.events, "reassembly_overlap_different_data");
    assert_memory_equal(w.rewritten, "RKmark", 6);
    assert_string_equal(w_text(&w, 0), "MARKmarkYY");
    w_seg(&w, 's', "A", 5001, 1011, "");
    w.rewritten_n = 0;
    w_seg(&w, 'c', "PA", 1001, 5001, "ZZZZ"); /* nobody reads it again */
    assert_int_equal(w.rewritten_n, 0);
    assert_true(w.p.flags & PKT_RETRANSMIT);
    w_done(&w);
}

/* What stream rules have seen they don't see in the packet again. */
static void again_is_of_the_stream(void **state)
{
    (void)state;
    struct world w;
    w_init(&w, &acked, NULL);
    w_open(&w);
    w_seg(&w, 'c', "PA", 1001, 5001, "mark");
    assert_true(w.p.flags & PKT_STREAM_ADD);
    w_seg(&w, 's', "A", 5001, 1005, "");
    w_seg(&w, 'c', "PA", 1001, 5001, "mark");
    assert_true(w.p.flags & PKT_RETRANSMIT);
    assert_true(w.p.flags & PKT_STREAM_ADD);
    assert_string_equal(w_text(&w, 0), "mark");
    w_seg(&w, 'c', "PA", 1005, 5001, "next");
    w_seg(&w, 's', "A", 5001, 1009, "");
    assert_string_equal(w_text(&w, 0), "marknext");
    w_done(&w);
}

static void drop_invalid(void **state)
{
    (void)state;
    for (unsigned on = 0; on < 2; on++) {
        struct stream_config sc = {.inline_mode = true, .drop_invalid = on};
        struct world w;
        w_init(&w, &sc, NULL);
        w_open(&w);
        w_seg(&w, 'c', "PA", 1001, 5001, "ok");
        assert_false(w.p.flags & PKT_DROPPED);
        w_seg(&w, 'c', "PA", 1001, 95001, "evil");
        assert_int_equal(!!(w.p.flags & PKT_DROPPED), on);
        assert_int_equal(stream_counters(w.e)->drop_invalid, on);
        w_seg(&w, 's', "A", 5001, 1003, "");
        w_seg(&w, 'c', "PA", 1001, 5001, "ok"); /* a late retransmission is nothing bad */
        assert_false(w.p.flags & PKT_DROPPED);
        w_done(&w);
    }
}

static void caps(void **state)
{
    (void)state;
    struct stream_config sc = arrival;
    sc.reassembly_memcap_bytes = 4096;
    sc.reassembly_policy = EXCEPTION_DROP_FLOW;
    sc.max_regions = 3;
    struct world w;
    w_init(&w, &sc, NULL);
    for (unsigned i = 0; i < 3; i++) { /* wide windows */
        w_tcp(&w, i == 1 ? 's' : 'c',
              i == 0   ? "S"
              : i == 1 ? "SA"
                       : "A",
              i == 1 ? 5000 : 1000 + i / 2,
              i == 0   ? 0
              : i == 1 ? 1001
                       : 5001,
              "", 0);
        w.p.tcp.has_wscale = i < 2;
        w.p.tcp.wscale = 7;
        w_send(&w);
    }
    w_seg(&w, 's', "A", 5001, 1001, "");
    w_seg(&w, 'c', "A", 1011, 5001, "far");
    w_seg(&w, 'c', "A", 101001, 5001, "far");
    assert_string_equal(w.events, "");
    w_seg(&w, 'c', "A", 201001, 5001, "far");
    w_seg(&w, 'c', "A", 301001, 5001, "far");
    assert_string_equal(w.events, "reassembly_insert_limit");
    static char big[5000];
    memset(big, 'b', sizeof(big));
    w_tcp(&w, 'c', "A", 1012, 5001, big, sizeof(big));
    w_send(&w);
    assert_string_equal(w.events, "reassembly_insert_memcap");
    assert_int_equal(w.exc.target, EXCEPTION_REASSEMBLY_MEMCAP);
    assert_int_equal(w.exc.policy, EXCEPTION_DROP_FLOW);
    assert_true(stream_counters(w.e)->reassembly_memuse_bytes <= 4096);
    w_done(&w);

    sc = arrival;
    sc.memcap_bytes = 1500;
    sc.memcap_policy = EXCEPTION_PASS_PACKET;
    w_init(&w, &sc, NULL);
    unsigned refused = 0;
    w.sink.data = NULL; /* several flows */
    for (unsigned i = 0; i < 5; i++) {
        w.sp = (uint16_t)(40000 + i);
        w_seg(&w, 'c', "S", 1000, 0, "");
        refused += w.exc.target == EXCEPTION_STREAM_MEMCAP;
    }
    assert_true(refused >= 1 && refused < 5);
    assert_int_equal(stream_counters(w.e)->ssn_memcap_drop, refused);
    w_done(&w);
}

/* A cap holds for all workers together: what the others have counts. */
static void caps_with_others(void **state)
{
    (void)state;
    for (unsigned others = 0; others < 2; others++) {
        struct stream_config sc = arrival;
        sc.reassembly_memcap_bytes = 1 << 20;
        sc.reassembly_policy = EXCEPTION_DROP_FLOW;
        struct world w;
        w_init(&w, &sc, NULL);
        w_open(&w);
        stream_others(w.e, 0, others ? 1 << 20 : 0);
        w_seg(&w, 'c', "A", 1011, 5001, "behind a hole");
        assert_string_equal(w.events, others ? "reassembly_insert_memcap" : "");
        assert_int_equal(w.exc.target, others ? EXCEPTION_REASSEMBLY_MEMCAP : EXCEPTION_NONE);
        w_done(&w);
    }
}

/* Many islands of one byte: bounded memory, and still right when the holes are filled. */
static void many_islands(void **state)
{
    (void)state;
    struct world w;
    w_init(&w, &arrival, NULL);
    w_open(&w);
    enum { N = 3000 };
    for (uint32_t i = N; i-- > 0;) {
        w_tcp(&w, 'c', "A", 1001 + 2 * i + 1, 5001, "o", 1);
        w_send(&w);
    }
    assert_true(stream_counters(w.e)->reassembly_memuse_bytes < 1 << 18);
    assert_int_equal(w.got[0].n, 0);
    for (uint32_t i = 0; i < N; i++) {
        w_tcp(&w, 'c', "A", 1001 + 2 * i, 5001, "e", 1);
        w_send(&w);
    }
    assert_int_equal(w.got[0].n, 2 * N);
    for (uint32_t i = 0; i < 2 * N; i++)
        assert_int_equal(w.got[0].data[i], i % 2 ? 'o' : 'e');
    w_done(&w);
}

static void super_frame(void **state)
{
    (void)state;
    struct world w;
    w_init(&w, &arrival, NULL);
    w_open(&w);
    static uint8_t big[64000];
    for (uint32_t i = 0; i < sizeof(big); i++)
        big[i] = (uint8_t)(i * 7);
    w_tcp(&w, 'c', "A", 1001, 5001, big, sizeof(big));
    w.p.seg_n = 45;
    w.p.seg_size = 1448;
    w_send(&w);
    assert_int_equal(w.got[0].pieces, 1);
    assert_int_equal(w.got[0].n, sizeof(big));
    assert_memory_equal(w.got[0].data, big, sizeof(big));
    assert_int_equal(w.f->pkts[0], 2 + 45);
    w_done(&w);
}

static void swapping_sink(void *ctx, struct flow *f, struct packet *p, unsigned dir,
                          const uint8_t *data, uint32_t n, unsigned piece)
{
    w_data(ctx, f, p, dir, data, n, piece);
    if (n == 3 && !(f->flags & FLOW_SWAPPED))
        flow_swap(f);
}

/* The application finds out in the middle of the data that the server spoke first. */
static void swap_in_the_sink(void **state)
{
    (void)state;
    for (unsigned mode = 0; mode < 2; mode++) {
        struct stream_config sc = mode ? acked : arrival;
        sc.midstream = sc.raw = true;
        struct world w;
        w_init(&w, &sc, NULL);
        w.dp = 50000;
        w.sink.data = swapping_sink;
        w_seg(&w, 's', "PA", 5001, 1001, "220"); /* taken for the client */
        w_seg(&w, 'c', "A", 1001, 5004, "");
        assert_true(w.f->flags & FLOW_SWAPPED);
        assert_int_equal(w.p.dir, 0);
        assert_int_equal(w.f->port[1], 50000);
        memset(w.got, 0, sizeof(w.got));
        w.sink.data = NULL;
        w_seg(&w, 'c', "PA", 1001, 5004, "hi");
        assert_int_equal(w.p.dir, 0);
        struct stream_view v;
        w_seg(&w, 's', "A", 5004, 1003, "");
        assert_int_equal(w.p.dir, 1);
        stream_raw_trigger(w.f, 0);
        assert_true(stream_raw(w.e, w.f, &w.p, 0, &v));
        assert_memory_equal(v.data, "hi", 2);
        w_done(&w);
    }
}

static void disabled_halves_hold_no_memory(void **state)
{
    (void)state;
    struct stream_config sc = arrival;
    sc.raw = true;
    struct world w;
    w_init(&w, &sc, NULL);
    w_open(&w);
    w_seg(&w, 'c', "PA", 1001, 5001, "hello");
    assert_true(stream_counters(w.e)->reassembly_memuse_bytes > 0);
    stream_app_disable(w.f, 0);
    stream_raw_disable(w.f, 0);
    w_seg(&w, 'c', "PA", 1006, 5001, "hello");
    assert_int_equal(stream_counters(w.e)->reassembly_memuse_bytes, 0);
    assert_string_equal(w_text(&w, 0), "hello");
    w_seg(&w, 'c', "FA", 1011, 5001, "");
    assert_int_equal(tcp_flow_state(w.f), TCP_CLOSE_WAIT);
    w_done(&w);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_order),          cmocka_unit_test(on_ack_waits),
        cmocka_unit_test(out_of_order),      cmocka_unit_test(acked_gap),
        cmocka_unit_test(ack_of_unseen),     cmocka_unit_test(wrap_around),
        cmocka_unit_test(exact_numbers),     cmocka_unit_test(bad_checksums_stay_out),
        cmocka_unit_test(zero_window_probe), cmocka_unit_test(inline_first_copy_leaves),
        cmocka_unit_test(drop_invalid),      cmocka_unit_test(caps), cmocka_unit_test(caps_with_others),
        cmocka_unit_test(again_is_of_the_stream),
        cmocka_unit_test(many_islands),      cmocka_unit_test(super_frame),
        cmocka_unit_test(swap_in_the_sink),  cmocka_unit_test(disabled_halves_hold_no_memory),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
