/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whether a connection died, lived on, or nobody knows; what leaked; probes; own packets. */
#include "verdict/respond_test.h"

static struct lab *answered_request(void)
{
    struct lab *w = lab_new(NULL);
    lab_open(w);
    w->response = RESP_RST_BOTH;
    lab_tcp(w, 'c', "PA", 1001, 5001, 100, 0);
    assert_int_equal(w->n_sent, 2);
    return w;
}

static const struct response_report *only_report(struct lab *w)
{
    lab_wait(w, 2 * SEC);
    assert_int_equal(w->n_reports, 1);
    const struct response_report *r = &w->report[0];
    const struct response_counters *c = responder_counters(w->r);
    assert_int_equal(c->died, r->effect == EFFECT_DIED);
    assert_int_equal(c->lived, r->effect == EFFECT_LIVED);
    assert_int_equal(c->unknown, r->effect == EFFECT_UNKNOWN);
    assert_int_equal(r->status, r->effect == EFFECT_DIED    ? STATUS_DONE
                                : r->effect == EFFECT_LIVED ? STATUS_COULD_NOT
                                                            : STATUS_WOULD);
    return r;
}

/* Silence proves nothing: both ends are asked, some times, and say nothing. */
static void silence(void **state)
{
    (void)state;
    struct lab *w = answered_request();
    lab_tcp(w, 's', "A", 5001, 1101, 0, 0);
    const struct response_report *r = only_report(w);
    assert_int_equal(r->effect, EFFECT_UNKNOWN);
    assert_int_equal(w->n_sent, 2 + 2 * PROBES_MOST);
    for (unsigned k = 2; k < w->n_sent; k++) {
        const struct packet *p = &w->sent[k].p;
        bool to_client = p->dp == w->sp;
        assert_int_equal(p->tcp.flags, TCP_ACK);
        assert_int_equal(p->payload_len, 0);
        assert_int_equal(p->tcp.seq, to_client ? 5000 : 1100);
        assert_int_equal(p->tcp.ack, to_client ? 1101 : 5001);
        assert_int_equal(p->ttl, w->ttl[to_client]);
    }
    lab_free(w);
}

/* A host that knows no such connection resets what comes. */
static void host_resets(void **state)
{
    (void)state;
    struct lab *w = answered_request();
    lab_tcp(w, 'c', "R", 1101, 0, 0, 0);
    const struct response_report *r = only_report(w);
    assert_int_equal(r->effect, EFFECT_DIED);
    assert_int_equal(r->rule, RULE);
    assert_int_equal(r->attempts, 2);
    assert_int_equal(r->sp, w->sp);
    assert_int_equal(r->leaked_packets, 0);
    assert_int_equal(r->over_ns - r->asked_ns, 20000);
    lab_free(w);
}

/* The probe draws the reset. */
static void probe_answered(void **state)
{
    (void)state;
    struct lab *w = answered_request();
    lab_tcp(w, 's', "A", 5001, 1101, 0, 0);
    lab_wait(w, 300 * MSEC);
    assert_int_equal(w->n_sent, 4);
    lab_tcp(w, 's', "R", 5001, 0, 0, 0);
    const struct response_report *r = only_report(w);
    assert_int_equal(r->effect, EFFECT_DIED);
    assert_int_equal(w->n_sent, 4); /* enough is known */
    lab_free(w);
}

/* It draws an acknowledgement: the end was missed, and says where it stands. */
static void probe_finds_life(void **state)
{
    (void)state;
    struct lab *w = answered_request();
    lab_wait(w, 250 * MSEC);
    lab_tcp(w, 'c', "A", 1101, 5701, 0, 0);
    assert_int_equal(w->n_sent, 5);
    is_reset(w, 4, 'c', 5701);
    lab_tcp(w, 'c', "R", 1101, 0, 0, 0);
    assert_int_equal(only_report(w)->effect, EFFECT_DIED);
    lab_free(w);
}

/* A reset that its receiver would ignore is no evidence, whoever sent it. */
static void lying_reset(void **state)
{
    (void)state;
    struct lab *w = answered_request();
    lab_tcp(w, 'c', "R", 0x7fff0000, 0, 0, 0);
    assert_int_equal(responder_counters(w->r)->foreign_resets, 0);
    for (unsigned k = 0; k < 10; k++) {
        lab_tcp(w, 's', "PA", 5001 + k * 10, 1101, 10, 0);
        lab_tcp(w, 'c', "A", 1101, 5011 + k * 10, 0, 0);
        w->now_ns += 100 * MSEC;
    }
    assert_int_equal(only_report(w)->effect, EFFECT_LIVED);
    lab_free(w);
}

/* A reset that would have counted, but whose sender goes on. */
static void reset_and_on(void **state)
{
    (void)state;
    struct lab *w = answered_request();
    lab_tcp(w, 'c', "R", 1101, 0, 0, 0);
    for (unsigned k = 0; k < 10; k++) {
        lab_tcp(w, 's', "PA", 5001 + k * 10, 1101, 10, 0);
        lab_tcp(w, 'c', "A", 1101, 5011 + k * 10, 0, 0);
        w->now_ns += 95 * MSEC;
    }
    assert_int_equal(only_report(w)->effect, EFFECT_LIVED);
    lab_free(w);
}

/* The server owes an acknowledgement, and the client sends its request again and again to nobody.
 */
static void mute(void **state)
{
    (void)state;
    struct lab *w = answered_request();
    lab_tcp(w, 's', "PA", 5001, 1101, 500, 0); /* was on its way; a live client acknowledges that */
    const struct response_report *r = only_report(w);
    assert_int_equal(r->effect, EFFECT_DIED);
    assert_int_equal(r->leaked_bytes, 0);
    lab_free(w);
}

static void lives_on(void **state)
{
    (void)state;
    struct lab *w = answered_request();
    for (unsigned k = 0; k < 20; k++) {
        lab_tcp(w, 's', "PA", 5001 + k * 1000, 1101, 1000, 0);
        lab_tcp(w, 'c', "A", 1101, 6001 + k * 1000, 0, 0);
        w->now_ns += 48 * MSEC;
    }
    const struct response_report *r = only_report(w);
    assert_int_equal(r->effect, EFFECT_LIVED);
    assert_string_equal(r->reason, "the connection lived on");
    assert_int_equal(r->leaked_bytes, 20000);
    assert_int_equal(r->leaked_packets, 20);
    assert_int_equal(responder_counters(w->r)->leaked_bytes, 20000);
    /* It attacks again: it is answered again, but not for ever. */
    unsigned before = w->n_sent;
    uint32_t at = 1101;
    for (unsigned round = 0; round < 10; round++) {
        w->response = RESP_RST_BOTH;
        lab_tcp(w, 'c', "PA", at, 25001, 100, 0);
        at += 100;
        for (unsigned k = 0; k < 20; k++, at += 10) {
            lab_tcp(w, 'c', "PA", at, 25001, 10, 0);
            lab_tcp(w, 's', "A", 25001, at + 10, 0, 0);
            w->now_ns += 60 * MSEC;
        }
        if (!round)
            assert_true(w->n_sent >= before + 2);
    }
    assert_true(w->n_sent <= SENDS_MOST);
    assert_true(responder_counters(w->r)->damped > 0);
    assert_true(w->n_reports <= 1 + ROUNDS_MOST);
    lab_free(w);
}

/* The answer was there before us, and taken to its end. */
static void ended_in_order(void **state)
{
    (void)state;
    struct lab *w = answered_request();
    lab_tcp(w, 's', "FPA", 5001, 1101, 700, 0);
    lab_tcp(w, 'c', "FA", 1101, 5702, 0, 0);
    lab_tcp(w, 's', "A", 5702, 1102, 0, 0);
    const struct response_report *r = only_report(w);
    assert_int_equal(r->effect, EFFECT_LIVED);
    assert_string_equal(r->reason, "it had ended by itself");
    assert_int_equal(r->leaked_bytes, 700);
    lab_free(w);
}

/* A client that only says that it will send no more has got nothing yet. */
static void half_closed(void **state)
{
    (void)state;
    struct lab *w = answered_request();
    lab_tcp(w, 'c', "FA", 1101, 5001, 0, 0);
    lab_tcp(w, 's', "A", 5001, 1102, 0, 0);
    lab_tcp(w, 's', "R", 5001, 0, 0, 0);
    assert_int_equal(only_report(w)->effect, EFFECT_DIED);
    lab_free(w);
}

/* What leaks is what was taken, not what flew by. */
static void leaks(void **state)
{
    (void)state;
    struct lab *w = answered_request();
    for (unsigned k = 0; k < 4; k++)
        lab_tcp(w, 's', "PA", 5001 + k * 1000, 1101, 1000, 0);
    lab_tcp(w, 's', "PA", 5001, 1101, 1000, 0); /* once more, or seen on the other mirror, too */
    lab_tcp(w, 'c', "A", 1101, 7001, 0, 0);
    lab_tcp(w, 's', "R", 7001, 0, 0, 0);
    const struct response_report *r = only_report(w);
    assert_int_equal(r->effect, EFFECT_DIED);
    assert_int_equal(r->leaked_bytes, 2000);
    assert_int_equal(r->leaked_packets, 2);
    lab_free(w);
}

/* Own packets on a mirror are known, with or without their flow; an end's own reset of the same
 * numbers is not. */
static void own_packets(void **state)
{
    (void)state;
    for (uint8_t ver = 4; ver <= 6; ver += 2) {
        struct lab *w = lab_new(NULL);
        w->ver = ver;
        lab_open(w);
        w->response = RESP_RST_BOTH;
        lab_tcp(w, 'c', "PA", 1001, 5001, 100, 0);
        for (unsigned k = 0; k < 2; k++) {
            lab_frame(w, w->sent[k].data, w->sent[k].n, 0);
            assert_true(w->was_own);
        }
        lab_tcp(w, 's', "R", 5001, 0, 0, 0);
        assert_false(w->was_own);
        assert_int_equal(responder_counters(w->r)->foreign_resets, 1);
        flow_end_all(w->flows, lab_flow_end, w);
        lab_frame(w, w->sent[0].data, w->sent[0].n, 0);
        assert_true(w->was_own);
        assert_int_equal(responder_counters(w->r)->own_seen, 3);
        assert_int_equal(w->n_sent, 2);
        lab_free(w);
    }
}

/* Datagrams: one proves nothing, one more proves life, an error or silence after some proves death.
 */
static void datagrams(void **state)
{
    (void)state;
    static const struct {
        unsigned before;
        const char *after; /* c, s: a datagram; e: the client's host knows no such port */
        uint8_t effect;
    } cases[] = {
        {0, "", EFFECT_UNKNOWN},  {0, "c", EFFECT_LIVED}, {0, "s", EFFECT_UNKNOWN},
        {0, "se", EFFECT_DIED},   {5, "", EFFECT_DIED},   {5, "c", EFFECT_LIVED},
        {5, "s", EFFECT_UNKNOWN},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (uint8_t ver = 4; ver <= 6; ver += 2) {
            struct lab *w = lab_new(NULL);
            w->ver = ver;
            w->dp = 53;
            for (unsigned k = 0; k < cases[i].before; k++)
                lab_udp(w, 'c', 30);
            w->response = RESP_ICMP_PORT;
            lab_udp(w, 'c', 30);
            assert_int_equal(w->n_sent, 1);
            for (const char *c = cases[i].after; *c; c++) {
                if (*c != 'e') {
                    lab_udp(w, *c, 40);
                    continue;
                }
                uint8_t f[600], quoted[100];
                struct build_ip to = lab_ip(w, false), back = lab_ip(w, true);
                size_t q = build_udp(quoted, sizeof(quoted), &to, 53, w->sp, "x", 1),
                       l = lab_link(w, f, true);
                l += build_icmp_error(f + l, sizeof(f) - l, &back, ver == 4 ? 3 : 1,
                                      ver == 4 ? 3 : 4, 0, quoted, q);
                lab_frame(w, f, l, 0);
                assert_non_null(w->p->flow);
            }
            assert_int_equal(only_report(w)->effect, cases[i].effect);
            lab_free(w);
        }
}

/* Nothing could be sent: what becomes of the connection is told all the same, and the next match is answered. */
static void unsent(void **state)
{
    (void)state;
    struct lab *w = lab_new(&(struct response_config){.attempts = 1});
    lab_open(w);
    w->refuse = ~0u;
    w->response = RESP_RST_BOTH;
    lab_tcp(w, 'c', "PA", 1001, 5001, 100, 0);
    assert_int_equal(w->status, STATUS_COULD_NOT);
    w->response = 0;
    lab_tcp(w, 's', "PA", 5001, 1101, 300, 0);
    lab_tcp(w, 'c', "A", 1101, 5301, 0, 0);
    for (unsigned k = 0; k < 12; k++) { /* it goes on */
        lab_wait(w, SEC / 10);
        lab_tcp(w, 'c', "PA", 1101 + 10 * k, 5301, 10, 0);
        lab_tcp(w, 's', "A", 5301, 1111 + 10 * k, 0, 0);
    }
    lab_wait(w, SEC);
    assert_int_equal(w->n_reports, 1);
    assert_int_equal(w->report[0].effect, EFFECT_LIVED);
    assert_int_equal(w->report[0].status, STATUS_COULD_NOT);
    assert_int_equal(w->report[0].attempts, 0);
    assert_string_equal(w->report[0].reason, "nothing could be sent");
    assert_in_range(w->report[0].leaked_bytes, 380, 420);
    assert_int_equal(responder_counters(w->r)->lived, 1);
    w->refuse = 0;
    w->n_sent = 0;
    w->response = RESP_RST_BOTH;
    lab_tcp(w, 'c', "PA", 1221, 5301, 10, 0);
    assert_true(w->n_sent >= 2);
    lab_free(w);
}

/* What the port refused was not sent: it is counted as failed, and no report names it. */
static void refused(void **state)
{
    (void)state;
    enum { TRIES = 3 }; /* a reset to the client, one to the server, an error */
    static const uint8_t kind[TRIES] = {RESP_RST_SRC, RESP_RST_DST, RESP_ICMP_NET};
    for (unsigned mask = 0; mask < 1u << TRIES; mask++) {
        struct lab *w = lab_new(NULL);
        unsigned want = 0, n = 0;
        lab_open(w);
        w->refuse = mask;
        w->response = RESP_RST_BOTH | RESP_ICMP_NET;
        lab_tcp(w, 'c', "PA", 1001, 5001, 100, 0);
        for (unsigned k = 0; k < TRIES; k++)
            if (!(mask >> k & 1)) {
                want |= kind[k];
                n++;
            }
        assert_int_equal(w->status, n ? STATUS_WOULD : STATUS_COULD_NOT);
        lab_tcp(w, 'c', "R", 1101, 0, 0, 0);
        lab_wait(w, 2 * SEC);
        assert_int_equal(w->n_reports, 1);
        assert_int_equal(w->report[0].kind, want);
        assert_int_equal(w->report[0].attempts, n);
        assert_int_equal(w->report[0].status, n ? STATUS_DONE : STATUS_COULD_NOT);
        if (!n)
            assert_string_equal(w->report[0].reason, "nothing could be sent");
        struct response_counters c;
        assert_true(responder_rule_counters(w->r, RULE, &c));
        assert_int_equal(c.injected, n);
        assert_int_equal(c.failed, TRIES - n);
        assert_int_equal(c.answered, n > 0);
        assert_int_equal(c.died, n > 0);
        assert_int_equal(c.unknown, n == 0);
        assert_int_equal(responder_counters(w->r)->unknown, n == 0);
        assert_int_equal(responder_counters(w->r)->injected, n);
        assert_int_equal(responder_counters(w->r)->failed, TRIES - n);
        lab_free(w);
    }
}

/* Flows that end, and the end of the run. */
static void ends(void **state)
{
    (void)state;
    struct lab *w = answered_request();
    lab_tcp(w, 'c', "R", 1101, 0, 0, 0);
    flow_end_all(w->flows, lab_flow_end, w);
    assert_int_equal(w->n_reports, 1);
    assert_int_equal(w->report[0].effect, EFFECT_DIED);
    assert_non_null(w->report[0].flow);
    lab_wait(w, 2 * SEC);
    assert_int_equal(w->n_reports, 1);
    lab_free(w);
    w = answered_request();
    responder_tick(w->r, UINT64_MAX);
    assert_int_equal(w->n_reports, 1);
    assert_int_equal(w->report[0].effect, EFFECT_UNKNOWN);
    lab_free(w);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(silence),        cmocka_unit_test(host_resets),
        cmocka_unit_test(probe_answered), cmocka_unit_test(probe_finds_life),
        cmocka_unit_test(lying_reset),    cmocka_unit_test(reset_and_on),
        cmocka_unit_test(mute),           cmocka_unit_test(lives_on),
        cmocka_unit_test(ended_in_order), cmocka_unit_test(half_closed),
        cmocka_unit_test(leaks),          cmocka_unit_test(own_packets),
        cmocka_unit_test(datagrams),      cmocka_unit_test(ends),
        cmocka_unit_test(unsent), cmocka_unit_test(refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
