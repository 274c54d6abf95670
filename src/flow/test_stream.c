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

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(in_order),      cmocka_unit_test(on_ack_waits),
        cmocka_unit_test(out_of_order),  cmocka_unit_test(acked_gap),
        cmocka_unit_test(ack_of_unseen),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
