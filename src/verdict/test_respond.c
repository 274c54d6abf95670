/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers of resets, for each way in which a connection may stand. */
#include "verdict/respond_test.h"

static struct lab *opened(uint8_t ver)
{
    struct lab *w = lab_new(NULL);
    w->ver = ver;
    lab_open(w);
    return w;
}

/* A request is answered: one exact reset to each end, the sender first. */
static void request(void **state)
{
    (void)state;
    for (uint8_t ver = 4; ver <= 6; ver += 2) {
        struct lab *w = opened(ver);
        w->response = RESP_RST_BOTH;
        lab_tcp(w, 'c', "PA", 1001, 5001, 100, 0);
        assert_int_equal(w->n_sent, 2);
        is_reset(w, 0, 'c', 5001);
        is_reset(w, 1, 's', 1101);
        assert_int_equal(w->sent[0].p.tcp.flags, TCP_RST);
        assert_int_equal(w->status, STATUS_WOULD);
        assert_null(w->why);
        assert_int_equal(responder_counters(w->r)->injected, 2);
        assert_int_equal(responder_counters(w->r)->answered, 1);
        lab_free(w);
    }
}

static void one_side(void **state)
{
    (void)state;
    static const struct {
        uint8_t bits;
        char who, to;
        uint32_t seq;
    } cases[] = {
        {RESP_RST_SRC, 'c', 'c', 5001},
        {RESP_RST_DST, 'c', 's', 1101},
        {RESP_RST_SRC, 's', 's', 1001},
        {RESP_RST_DST, 's', 'c', 5101},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct lab *w = opened(4);
        w->response = cases[i].bits;
        if (cases[i].who == 'c')
            lab_tcp(w, 'c', "PA", 1001, 5001, 100, 0);
        else
            lab_tcp(w, 's', "PA", 5001, 1001, 100, 0);
        assert_int_equal(w->n_sent, 1);
        is_reset(w, 0, cases[i].to, cases[i].seq);
        lab_free(w);
    }
}

/* A FIN takes a number; a packet that was dropped in the wire has moved nobody. */
static void fin_and_drop(void **state)
{
    (void)state;
    struct lab *w = opened(4);
    w->response = RESP_RST_DST;
    lab_tcp(w, 'c', "FPA", 1001, 5001, 10, 0);
    is_reset(w, 0, 's', 1012);
    lab_free(w);
    w = opened(4);
    w->response = RESP_RST_BOTH;
    w->dropped = true;
    lab_tcp(w, 'c', "PA", 1001, 5001, 100, 0);
    assert_int_equal(w->n_sent, 2);
    is_reset(w, 0, 'c', 5001);
    is_reset(w, 1, 's', 1001);
    lab_free(w);
}

/* A connecting end believes a reset that acknowledges its SYN. */
static void connecting(void **state)
{
    (void)state;
    struct lab *w = lab_new(NULL);
    w->response = RESP_RST_BOTH;
    lab_tcp(w, 'c', "S", 1000, 0, 0, 0);
    assert_int_equal(w->n_sent, 2);
    w->ttl[1] = 64; /* the server has not been seen */
    is_reset(w, 0, 'c', 0);
    assert_int_equal(w->sent[0].p.tcp.flags, TCP_RST | TCP_ACK);
    assert_int_equal(w->sent[0].p.tcp.ack, 1001);
    is_reset(w, 1, 's', 1001);
    w->ttl[1] = 63;
    /* The server answers all the same: the client is told once more, with the number that it has
     * now. */
    lab_tcp(w, 's', "SA", 5000, 1001, 0, 0);
    assert_int_equal(w->n_sent, 3);
    is_reset(w, 2, 'c', 5001);
    assert_int_equal(w->sent[2].p.tcp.flags, TCP_RST | TCP_ACK);
    assert_int_equal(w->sent[2].p.tcp.ack, 1001);
    lab_free(w);

    w = lab_new(NULL); /* data in the SYN: taken or not */
    w->response = RESP_RST_DST;
    lab_tcp(w, 'c', "S", 1000, 0, 20, 0);
    w->ttl[1] = 64;
    assert_int_equal(w->n_sent, 2);
    is_reset(w, 0, 's', 1001);
    is_reset(w, 1, 's', 1021);
    lab_free(w);

    w = lab_new(NULL); /* the SYN/ACK */
    lab_tcp(w, 'c', "S", 1000, 0, 0, 0);
    w->response = RESP_RST_BOTH;
    lab_tcp(w, 's', "SA", 5000, 1001, 0, 0);
    assert_int_equal(w->n_sent, 2);
    is_reset(w, 0, 's', 1001);
    assert_int_equal(w->sent[0].p.tcp.flags, TCP_RST);
    is_reset(w, 1, 'c', 5001);
    assert_int_equal(w->sent[1].p.tcp.flags, TCP_RST | TCP_ACK);
    assert_int_equal(w->sent[1].p.tcp.ack, 1001);
    lab_free(w);
}

/* Data of the peer that the sender had not yet seen when it sent: the tracked number first. */
static void in_flight_to_the_sender(void **state)
{
    (void)state;
    struct lab *w = opened(4);
    lab_tcp(w, 's', "PA", 5001, 1001, 300, 0);
    w->response = RESP_RST_SRC;
    lab_tcp(w, 'c', "PA", 1001, 5001, 100, 0);
    assert_int_equal(w->n_sent, 2);
    is_reset(w, 0, 'c', 5301);
    is_reset(w, 1, 'c', 5001);
    lab_free(w);
}

/* A packet rule fires on bytes outside of the stream: their numbers are the attacker's choice. */
static void numbers_of_a_liar(void **state)
{
    (void)state;
    struct lab *w = opened(4);
    lab_tcp(w, 'c', "PA", 1001, 5001, 100, 0);
    w->response = RESP_RST_BOTH;
    lab_tcp(w, 'c', "PA", 0x40000000, 0x50000000, 100, 0);
    is_reset(w, 0, 'c', 5001);
    is_reset(w, 1, 's', 1101);
    lab_free(w);
}

struct bulk {
    uint16_t seg;
    uint32_t n, step;
};
static void in_flight_to_the_receiver(void **state)
{
    (void)state;
    static const struct bulk cases[] = {
        {0, 1448, 1448}, {1448, 65160, 65160}, {1448, 43440, 65160}, {1448, 14480, 14480}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (uint8_t attempts = 1; attempts <= 20; attempts += 19) {
            const struct bulk *b = &cases[i];
            struct lab *w = lab_new(&(struct response_config){.chase = true, .attempts = attempts});
            lab_open(w);
            uint32_t at = 5001;
            for (; at < 5001 + 20000; at += b->n) {
                lab_tcp(w, 's', "A", at, 1001, b->n, b->seg);
                lab_tcp(w, 'c', "A", 1001, at + b->n, 0, 0);
            }
            w->response = RESP_RST_BOTH;
            lab_tcp(w, 's', "A", at, 1001, b->n, b->seg);
            assert_int_equal(w->n_sent, 1u + attempts);
            is_reset(w, 0, 's', 1001);
            for (unsigned k = 0; k < attempts; k++)
                is_reset(w, 1 + k, 'c', at + b->n + k * b->step);
            lab_free(w);
        }
}

/* Picked up in the middle, one direction never seen. */
static void midstream(void **state)
{
    (void)state;
    struct lab *w = lab_new(NULL);
    w->response = RESP_RST_BOTH;
    lab_tcp(w, 'c', "PA", 0x80001001, 0xf0005001, 100, 0);
    w->ttl[1] = 64;
    assert_true(w->n_sent >= 2);
    is_reset(w, 0, 'c', 0xf0005001);
    is_reset(w, 1, 's', 0x80001065);
    assert_int_equal(w->n_sent, 2);
    lab_free(w);
}

/* The chase: a challenge ACK names the number; it gets one reset, and the same number no second one
 * at once. */
static void challenge(void **state)
{
    (void)state;
    struct lab *w = opened(4);
    w->response = RESP_RST_BOTH;
    lab_tcp(w, 'c', "PA", 1001, 5001, 100, 0);
    lab_tcp(w, 's', "A", 5001, 1101, 0, 0); /* was on its way: its number is what it was told */
    assert_int_equal(w->n_sent, 2);
    assert_int_equal(responder_counters(w->r)->challenge_acks, 0);
    lab_tcp(w, 's', "PA", 5001, 1101, 50, 0); /* so was this: the client stands behind it now */
    assert_int_equal(w->n_sent, 3);
    is_reset(w, 2, 'c', 5051);
    lab_tcp(w, 'c', "A", 1101, 5051, 0, 0); /* it lives, and was told */
    assert_int_equal(w->n_sent, 3);
    lab_tcp(w, 'c', "A", 1101, 5051, 0, 0);
    assert_int_equal(responder_counters(w->r)->challenge_acks, 1);
    assert_int_equal(w->n_sent, 3);
    w->now_ns += REPEAT_NS;
    lab_tcp(w, 'c', "A", 1101, 5051, 0, 0); /* it was lost, it seems */
    assert_int_equal(w->n_sent, 4);
    is_reset(w, 3, 'c', 5051);
    assert_int_equal(responder_counters(w->r)->chased, 2);
    lab_tcp(w, 'c', "A", 1101, 5551, 0, 0); /* it stands where we have not seen it go */
    assert_int_equal(w->n_sent, 5);
    is_reset(w, 4, 'c', 5551);
    struct response_counters c;
    assert_true(responder_rule_counters(w->r, RULE, &c));
    assert_int_equal(c.chased, 3);
    assert_int_equal(c.injected, 5);
    lab_free(w);
}

/* Whoever can't be killed is not chased for ever. */
static void chase_ends(void **state)
{
    (void)state;
    struct lab *w = opened(4);
    w->response = RESP_RST_BOTH;
    lab_tcp(w, 'c', "PA", 1001, 5001, 100, 0);
    for (unsigned k = 0; k < 2000; k++)
        lab_tcp(w, k & 1 ? 'c' : 's', "PA", k & 1 ? 1101 + k / 2 * 10 : 5001 + k / 2 * 10,
                k & 1 ? 5011 + k / 2 * 10 : 1101 + k / 2 * 10, 10, 0);
    assert_true(w->n_sent <= SENDS_MOST);
    assert_true(w->n_sent >= 2 * CHASE_MOST);
    lab_free(w);
}

/*
 * Another sensor's resets may still be on their way: for 50 ms a chase keeps to its part of what two may
 * send, unless bytes pour in.
 */
static void waits_for_others(void **state)
{
    (void)state;
    for (unsigned bulk = 0; bulk < 2; bulk++) {
        struct lab *w = opened(4);
        unsigned len = bulk ? 1448 : 10, k = 0;
        w->response = RESP_RST_BOTH;
        lab_tcp(w, 'c', "PA", 1001, 5001, 100, 0);
        for (; k < 40; k++) {
            lab_tcp(w, 's', "PA", 5001 + k * len, 1101, len, 0);
            w->now_ns += MSEC;
        }
        if (bulk)
            assert_true(w->n_sent > 20);
        else
            assert_int_equal(w->n_sent, SENDS_OF_TWO);
        unsigned before = w->n_sent;
        w->now_ns += 20 * MSEC; /* nobody else did anything */
        lab_tcp(w, 's', "PA", 5001 + k * len, 1101, len, 0);
        assert_true(w->n_sent > before);
        lab_free(w);
    }
}

static void no_chase(void **state)
{
    (void)state;
    struct lab *w = lab_new(&(struct response_config){.chase = false});
    lab_open(w);
    w->response = RESP_RST_BOTH;
    lab_tcp(w, 'c', "PA", 1001, 5001, 100, 0);
    lab_tcp(w, 's', "PA", 5001, 1101, 50, 0);
    lab_tcp(w, 'c', "A", 1101, 5051, 0, 0);
    lab_wait(w, 2 * SEC);
    assert_int_equal(w->n_sent, 2);
    lab_free(w);
}

/* Only the end that was asked for is chased. */
static void chase_one_side(void **state)
{
    (void)state;
    struct lab *w = opened(4);
    w->response = RESP_RST_SRC;
    lab_tcp(w, 'c', "PA", 1001, 5001, 100, 0);
    lab_tcp(w, 's', "PA", 5001, 1101, 50, 0);
    assert_int_equal(w->n_sent, 2);
    is_reset(w, 1, 'c', 5051);
    lab_tcp(w, 'c', "PA", 1101, 5051, 10, 0);
    assert_int_equal(w->n_sent, 2);
    lab_free(w);
}

/* Two sensors that see each other's packets, hosts that nothing kills. */
static void two_sensors(void **state)
{
    (void)state;
    for (unsigned bulk = 0; bulk < 2; bulk++) {
        struct lab *w[2] = {opened(4), opened(4)};
        for (unsigned k = 0; k < 2; k++) {
            w[k]->response = RESP_RST_BOTH;
            lab_tcp(w[k], 'c', "PA", 1001, 5001, 100, 0);
        }
        unsigned shown[2] = {0, 0};
        for (unsigned t = 0; t < 3000; t++) {
            for (unsigned k = 0; k < 2; k++)
                while (shown[k] < w[k]->n_sent && w[k]->n_sent < 1000) {
                    struct sent *s = &w[k]->sent[shown[k]++];
                    lab_frame(w[!k], s->data, s->n, 0);
                    assert_false(w[!k]->was_own);
                    lab_frame(w[k], s->data, s->n, 0);
                    assert_true(w[k]->was_own);
                }
            for (unsigned k = 0; k < 2; k++) {
                w[k]->response = t % 3 ? 0 : RESP_RST_BOTH; /* each packet matches the rule again */
                if (bulk)
                    lab_tcp(w[k], 's', "PA", 5001 + t * 1448, 1101, 1448, 0);
                lab_tcp(w[k], 'c', "A", 1101, 5001 + bulk * (t + 1) * 1448, 0, 0);
                w[k]->now_ns += 20 * MSEC;
            }
        }
        assert_true(w[0]->n_sent + w[1]->n_sent <= 16);
        assert_true(w[0]->n_sent >= 3);
        lab_free(w[0]);
        lab_free(w[1]);
    }
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(request),
        cmocka_unit_test(one_side),
        cmocka_unit_test(fin_and_drop),
        cmocka_unit_test(connecting),
        cmocka_unit_test(in_flight_to_the_sender),
        cmocka_unit_test(numbers_of_a_liar),
        cmocka_unit_test(in_flight_to_the_receiver),
        cmocka_unit_test(midstream),
        cmocka_unit_test(challenge),
        cmocka_unit_test(chase_ends),
        cmocka_unit_test(waits_for_others),
        cmocka_unit_test(no_chase),
        cmocka_unit_test(chase_one_side),
        cmocka_unit_test(two_sensors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
