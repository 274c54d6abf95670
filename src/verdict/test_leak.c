/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What reached an end behind the forbidden bytes: in the same frame, later; by rule. */
#include "verdict/respond_test.h"

#include <unistd.h>

/* The server sends n bytes at 5001 in segments of seg; what it must not send ends before `end`. */
static struct lab *forbidden(uint32_t n, uint16_t seg, uint32_t end)
{
    struct lab *w = lab_new(&(struct response_config){.attempts = 1}); /* no chase */
    lab_open(w);
    w->response = RESP_RST_BOTH;
    w->placed = end != 0;
    w->end_seq = end;
    lab_tcp(w, 's', "A", 5001, 1001, n, seg);
    assert_int_equal(w->n_sent, 2);
    return w;
}

static void is_leak(struct lab *w, uint32_t packets, uint32_t bytes)
{
    lab_wait(w, 2 * SEC);
    assert_int_equal(w->n_reports, 1);
    assert_int_equal(w->report[0].leaked_bytes, bytes);
    assert_int_equal(w->report[0].leaked_packets, packets);
    assert_int_equal(responder_counters(w->r)->leaked_bytes, bytes);
    assert_int_equal(responder_counters(w->r)->leaked_packets, packets);
    struct response_counters c;
    assert_true(responder_rule_counters(w->r, RULE, &c));
    assert_int_equal(c.leaked_bytes, bytes);
    assert_int_equal(c.leaked_packets, packets);
}

/* What stands behind the forbidden bytes in the frame itself, as far as its receiver took it. */
static void same_frame(void **state)
{
    (void)state;
    static const struct {
        uint32_t n, end, acked, packets, bytes; /* end, acked: from the frame's first byte; acked 0: nothing is heard */
        uint16_t seg;
    } cases[] = {
        {100, 60, 100, 0, 40, 0},           /* in the forbidden packet itself */
        {100, 100, 100, 0, 0, 0},
        {100, 60, 60, 0, 0, 0},
        {100, 60, 70, 0, 10, 0},
        {100, 60, 0, 0, 40, 0},             /* its receiver is not seen: what passed */
        {10000, 2500, 10000, 7, 7500, 1000}, /* seven whole segments, and half of one that was forbidden anyway */
        {10000, 2500, 5000, 2, 2500, 1000},
        {10000, 2500, 5001, 3, 2501, 1000},
        {10000, 2500, 3000, 0, 500, 1000},
        {10000, 2500, 3001, 1, 501, 1000},
        {10000, 3000, 3001, 1, 1, 1000},
        {10000, 3000, 10000, 7, 7000, 1000},
        {10000, 2500, 2000, 0, 0, 1000},
        {10000, 1, 10000, 9, 9999, 1000},
        {10000, 9001, 10000, 0, 999, 1000},
        {9500, 8999, 9500, 1, 501, 1000},
        {9500, 9001, 9500, 0, 499, 1000},
        {65160, 1448, 65160, 44, 63712, 1448},
    };
    for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
        struct lab *w = forbidden(cases[k].n, cases[k].seg, 5001 + cases[k].end);
        if (cases[k].acked)
            lab_tcp(w, 'c', "A", 1001, 5001 + cases[k].acked, 0, 0);
        else
            w->r->row[0].end[0].acked = w->r->row[0].end[1].acked = false;
        is_leak(w, cases[k].packets, cases[k].bytes);
        lab_free(w);
    }
}

/* Where the rule says no place, the frame is forbidden to its end. */
static void no_place(void **state)
{
    (void)state;
    struct lab *w = forbidden(10000, 1000, 0);
    lab_tcp(w, 's', "A", 15001, 1001, 500, 0);
    lab_tcp(w, 'c', "A", 1001, 15501, 0, 0);
    is_leak(w, 1, 500);
    lab_free(w);
    w = forbidden(10000, 1000, 0x70000000); /* a place that can't be */
    lab_tcp(w, 'c', "A", 1001, 15001, 0, 0);
    is_leak(w, 0, 0);
    lab_free(w);
}

/* What follows is added; what ended before the frame makes all of it leak; a FIN is no byte. */
/* A SYN is answered by an error alone, and the connection lives: both ways count, whatever numbers they begin with. */
static void from_the_first(void **state)
{
    (void)state;
    static const uint32_t begins[] = {0, 1000, 0x7ffffff0, 0x80000010, 3000000000u, 0xfffffff0};
    for (size_t k = 0; k < ARRAY_LEN(begins); k++) {
        uint32_t c = begins[k], s = begins[ARRAY_LEN(begins) - 1 - k];
        struct lab *w = lab_new(&(struct response_config){.attempts = 1});
        w->response = RESP_ICMP_PORT;
        lab_tcp(w, 'c', "S", c, 0, 0, 0);
        w->response = 0;
        lab_tcp(w, 's', "SA", s, c + 1, 0, 0);
        lab_tcp(w, 'c', "A", c + 1, s + 1, 0, 0);
        for (uint32_t n = 0; n < 3; n++) {
            lab_tcp(w, 'c', "PA", c + 1 + 5 * n, s + 1 + 100 * n, 5, 0);
            lab_tcp(w, 's', "PA", s + 1 + 100 * n, c + 6 + 5 * n, 100, 0);
            lab_tcp(w, 'c', "A", c + 6 + 5 * n, s + 101 + 100 * n, 0, 0);
        }
        lab_wait(w, 2 * SEC);
        assert_int_equal(w->n_reports, 1);
        assert_int_equal(w->report[0].leaked_bytes, 315);
        lab_free(w);
    }
}

static void frames_behind(void **state)
{
    (void)state;
    struct lab *w = forbidden(3000, 1000, 5001 + 1500);
    lab_tcp(w, 's', "FPA", 8001, 1001, 2000, 1000);
    lab_tcp(w, 'c', "A", 1001, 10002, 0, 0);
    is_leak(w, 1 + 2, 1500 + 2000);
    lab_free(w);
    w = lab_new(&(struct response_config){.attempts = 1});
    lab_open(w);
    lab_tcp(w, 's', "A", 5001, 1001, 1000, 0);
    lab_tcp(w, 's', "A", 6001, 1001, 1448, 0);
    w->response = RESP_RST_BOTH;
    w->placed = true;
    w->end_seq = 5901;
    lab_tcp(w, 's', "FPA", 7449, 1001, 200, 0);
    lab_tcp(w, 'c', "A", 1001, 7649, 0, 0);
    is_leak(w, 2 + 1, 100 + 1448 + 200); /* the packets before are counted as full ones: 1548 bytes are two */
    lab_free(w);
    w = lab_new(&(struct response_config){.attempts = 1}); /* the hole is filled: what stands behind it was there before */
    lab_open(w);
    lab_tcp(w, 's', "A", 6001, 1001, 1448, 0);
    w->response = RESP_RST_BOTH;
    w->placed = true;
    w->end_seq = 5501;
    lab_tcp(w, 's', "A", 5001, 1001, 1000, 0);
    lab_tcp(w, 'c', "A", 1001, 7449, 0, 0);
    is_leak(w, 1, 500 + 1448);
    lab_free(w);
}

/* A packet that was dropped in the wire has reached nobody. */
static void dropped(void **state)
{
    (void)state;
    struct lab *w = lab_new(&(struct response_config){.attempts = 1});
    lab_open(w);
    w->response = RESP_RST_BOTH;
    w->placed = w->dropped = true;
    w->end_seq = 5011;
    lab_tcp(w, 's', "A", 5001, 1001, 1000, 0);
    lab_tcp(w, 'c', "A", 1001, 5001, 0, 0);
    is_leak(w, 0, 0);
    lab_free(w);
}

/* ------------------------------------------------------------------ by rules */

struct world {
    struct arena arena;
    struct diags d;
    struct state *state;
    struct image *i;
    struct overlay *o;
};

static const char *no_variable(void *ctx, bool port, const char *name)
{
    (void)ctx, (void)port, (void)name;
    return NULL;
}

static struct lab *ruled(struct world *x, const char *text)
{
    char path[] = "/tmp/riposte-test-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    memset(x, 0, sizeof(*x));
    arena_init(&x->arena, 0, 0);
    diags_init(&x->d, &x->arena);
    struct rules_options ro = {0};
    struct rule_loader *l = rules_begin(&ro);
    assert_int_equal(rules_add_text(l, "t.rules", str_cstr(text), DIALECT_SURICATA), 0);
    struct rule_set *s = rules_finish(l, 1);
    assert_int_equal(s->n_refusals, 0);
    assert_int_equal(image_build(s, path, 1, &x->d), 0);
    rules_free(s);
    x->i = image_open(path, &x->d);
    unlink(path);
    x->o = overlay_build(x->i, &(struct overlay_options){.var = no_variable, .version = 1}, &x->d);
    x->state = state_new(&(struct state_config){0});
    struct lab *w = lab_new(&(struct response_config){.attempts = 1});
    w->detect = detect_new(&(struct detect_config){.state = x->state, .inline_mode = true}, x->o);
    assert_non_null(w->detect);
    lab_open(w);
    return w;
}

static void ruled_free(struct world *x, struct lab *w)
{
    flow_end_all(w->flows, lab_flow_end, w);
    detect_free(w->detect);
    lab_free(w);
    overlay_close(x->o);
    image_close(x->i);
    state_free(x->state);
    arena_done(&x->arena);
}

#define CONTENT_RULE(content, sid) "alert tcp any any -> any any (msg:\"x\"; content:\"" content "\"; resp:reset_both; sid:" #sid ";)\n"

/* The matcher says where it was found: in a packet, across two, in one that came out of order. */
static void found_at(void **state)
{
    (void)state;
    static uint8_t text[3000];
    static const struct {
        const char *rule;
        uint32_t part[3]; /* segments, in this order; all of the text is acknowledged */
        uint32_t bytes;
    } cases[] = {
        {CONTENT_RULE("|02|needle", 1), {3000}, 3000 - 1507},
        {CONTENT_RULE("|02|needle", 1), {1504, 1496}, 3000 - 1507},
        {CONTENT_RULE("|02|needle", 1), {1000, 1000, 1000}, 3000 - 1507},
        /* the farthest of what it looks at */
        {"alert tcp any any -> any any (msg:\"x\"; content:\"|02|needle\"; content:\"|01|first\"; resp:reset_both; sid:1;)\n", {3000}, 3000 - 1507},
        {"alert tcp any any -> any any (msg:\"x\"; content:\"|01|first\"; pcre:\"/need(le)?/R\"; resp:reset_both; sid:1;)\n", {3000}, 3000 - 1507},
        /* of the packet alone, and nothing that has a place */
        {"alert tcp any any -> any any (msg:\"x\"; dsize:3000; content:\"|02|needle\"; resp:reset_both; sid:1;)\n", {3000}, 3000 - 1507},
        {"alert tcp any any -> any any (msg:\"x\"; dsize:3000; resp:reset_both; sid:1;)\n", {3000}, 0},
        {"alert tcp any any -> any any (msg:\"x\"; dsize:3000; content:!\"nothing\"; resp:reset_both; sid:1;)\n", {3000}, 0},
        {"alert tcp any any -> any any (msg:\"x\"; content:\"|02|needle\"; tcp.hdr; content:\"|00|\"; resp:reset_both; sid:1;)\n", {3000}, 3000 - 1507},
    };
    memset(text, '.', sizeof(text));
    memcpy(text + 100, "\1first", 6);
    memcpy(text + 1500, "\2needle", 7);
    for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
        struct world x;
        struct lab *w = ruled(&x, cases[k].rule);
        uint32_t at = 0;
        for (unsigned i = 0; i < 3 && at < sizeof(text); at += cases[k].part[i++]) {
            w->payload = text + at;
            lab_tcp(w, 's', "A", 5001 + at, 1001, cases[k].part[i], 0);
        }
        assert_int_equal(w->n_sent, 2);
        w->payload = NULL;
        lab_tcp(w, 'c', "A", 1001, 8001, 0, 0);
        lab_wait(w, 2 * SEC);
        assert_int_equal(w->n_reports, 1);
        if (w->report[0].leaked_bytes != cases[k].bytes)
            fail_msg("case %zu: %u bytes leaked, not %u", k, (unsigned)w->report[0].leaked_bytes, cases[k].bytes);
        ruled_free(&x, w);
    }
}

/* Each rule counts from its own bytes; one whose answer others have sent is told, too. */
static void by_rule(void **state)
{
    (void)state;
    static uint8_t text[3000], more[500];
    static const uint32_t want[3] = {3000 - 106 + 500, 3000 - 1507 + 500, 100};
    struct world x;
    struct lab *w = ruled(&x, CONTENT_RULE("|01|first", 1) CONTENT_RULE("|02|needle", 2) CONTENT_RULE("|03|late", 3));
    memset(text, '.', sizeof(text));
    memcpy(text + 100, "\1first", 6);
    memcpy(text + 1500, "\2needle", 7);
    w->payload = text;
    lab_tcp(w, 's', "A", 5001, 1001, 3000, 0);
    memcpy(more + 395, "\3late", 5);
    w->payload = more;
    lab_tcp(w, 's', "A", 8001, 1001, 500, 0);
    w->payload = NULL;
    lab_tcp(w, 'c', "A", 1001, 8501, 0, 0);
    lab_tcp(w, 's', "R", 8501, 0, 0, 0);
    lab_wait(w, 2 * SEC);
    struct response_counters c;
    for (uint32_t sid = 1; sid <= 3; sid++) {
        assert_true(responder_rule_counters(w->r, (uint32_t)image_find_sid(x.i, 1, sid), &c));
        assert_int_equal(c.damped, sid > 1);
        assert_int_equal(c.died, 1);
        assert_int_equal(c.leaked_bytes, want[sid - 1]);
    }
    assert_int_equal(responder_counters(w->r)->died, 1);
    assert_int_equal(responder_counters(w->r)->leaked_bytes, want[0]);
    assert_int_equal(w->n_reports, 1); /* who sent nothing reports nothing */
    ruled_free(&x, w);
}

/* Sixteen rules of a connection are told its fate; what finds no room is counted. */
static void many_rules(void **state)
{
    (void)state;
    for (unsigned same = 0; same < 2; same++) {
        enum { RULES = 20, TOLD = 16 };
        static const uint8_t asks[] = {RESP_RST_SRC, RESP_RST_DST, RESP_ICMP_NET, RESP_ICMP_HOST};
        struct lab *w = lab_new(&(struct response_config){.attempts = 1});
        struct response_counters c;
        lab_open(w);
        for (unsigned k = 0; k < RULES; k++) {
            w->rule = k;
            w->response = same ? (uint8_t)RESP_RST_BOTH : asks[k < ARRAY_LEN(asks) ? k : 0];
            lab_tcp(w, 'c', "PA", 1001 + k * 10, 5001, 10, 0);
        }
        lab_tcp(w, 'c', "R", 1001 + RULES * 10, 0, 0, 0);
        lab_wait(w, 2 * SEC);
        unsigned died = 0, untold = 0;
        for (unsigned k = 0; k < RULES; k++) {
            assert_true(responder_rule_counters(w->r, k, &c));
            died += (unsigned)c.died;
            untold += (unsigned)c.untold;
            assert_int_equal(c.died + c.untold, 1);
        }
        assert_int_equal(died, TOLD);
        assert_int_equal(untold, RULES - TOLD);
        assert_int_equal(responder_counters(w->r)->untold, RULES - TOLD);
        assert_int_equal(responder_counters(w->r)->died, 1);
        assert_int_equal(w->n_reports, same ? 1 : 4);
        lab_free(w);
    }
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_frame),
        cmocka_unit_test(no_place),
        cmocka_unit_test(from_the_first), cmocka_unit_test(frames_behind),
        cmocka_unit_test(dropped),
        cmocka_unit_test(found_at),
        cmocka_unit_test(by_rule),
        cmocka_unit_test(many_rules),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
