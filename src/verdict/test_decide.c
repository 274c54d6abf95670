/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From matches to a decision: what drops, what is answered, what is written, by dialect and place. */
#include "verdict/respond_test.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct world {
    struct arena arena;
    struct diags d;
    struct state *state;
    struct image *i;
    struct overlay *o;
    struct detect *detect;
    struct flow flow;
    struct packet p;
    uint8_t payload[8];
};

static const char *no_variable(void *ctx, bool port, const char *name)
{
    (void)ctx, (void)port, (void)name;
    return NULL;
}

static void world_open(struct world *w, const char *text, enum rule_dialect dialect)
{
    char path[] = "/tmp/riposte-test-XXXXXX";
    static const uint8_t src[4] = {10, 1, 1, 10}, dst[4] = {192, 0, 2, 80};
    static const struct frame none;
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    memset(w, 0, sizeof(*w));
    arena_init(&w->arena, 0, 0);
    diags_init(&w->d, &w->arena);
    struct rules_options ro = {0};
    struct rule_loader *l = rules_begin(&ro);
    assert_int_equal(rules_add_text(l, "t.rules", str_cstr(text), dialect), 0);
    struct rule_set *s = rules_finish(l, 1);
    assert_non_null(s);
    if (s->n_refusals)
        fail_msg("%s: %s", text, s->refusals[0].reason);
    assert_int_equal(image_build(s, path, 1, &w->d), 0);
    rules_free(s);
    w->i = image_open(path, &w->d);
    assert_non_null(w->i);
    unlink(path);
    w->o = overlay_build(w->i, &(struct overlay_options){.var = no_variable, .version = 1}, &w->d);
    w->state = state_new(&(struct state_config){0});
    w->detect = detect_new(&(struct detect_config){.state = w->state, .inline_mode = true}, w->o);
    assert_non_null(w->detect);
    memcpy(w->payload, "abcdefgh", 8);
    w->p = (struct packet){.src = ip_from_v4(src),
                           .dst = ip_from_v4(dst),
                           .sp = 40000,
                           .dp = 53,
                           .proto = IPPROTO_UDP,
                           .ver = 4,
                           .flags = PKT_UDP,
                           .frame = &none,
                           .ts_ns = 1000 * SEC,
                           .number = 1,
                           .payload = w->payload,
                           .payload_len = 8,
                           .seg_n = 1,
                           .ttl = 64};
}

static void world_close(struct world *w)
{
    detect_free(w->detect);
    overlay_close(w->o);
    image_close(w->i);
    state_free(w->state);
    arena_done(&w->arena);
}

/* All rules of the world match, in the given order; flags are of all. */
static void decide(struct world *w, const struct verdict_config *c, const char *sids, uint8_t flags, struct decision *out)
{
    struct match v[16];
    struct matches m = {.m = v, .room = ARRAY_LEN(v)};
    for (const char *at = sids; *at;) {
        char *end;
        int64_t rule = image_find_sid(w->i, 1, (uint32_t)strtoul(at, &end, 10));
        assert_true(rule >= 0);
        v[m.n++] = (struct match){.rule = (uint32_t)rule, .flags = flags, .dir = w->p.dir};
        at = end + strspn(end, " ");
    }
    memset(out, 0, sizeof(*out));
    out->drop_rule = -1;
    verdict_decide(c, w->detect, &w->p, &m, out);
}

enum { M = PLACE_MIRROR, I = PLACE_INLINE };
#define UDP_RULE(action, options) action " udp any any -> any any (msg:\"x\"; content:\"abc\"; " options "sid:1;)\n"

/* One rule, matched by a packet of no flow. */
static void one_rule(void **state)
{
    (void)state;
    enum { RST_ICMP = RESP_RST_BOTH | RESP_ICMP_PORT, SILENT = MATCH_NOALERT };
    static const struct {
        enum rule_dialect dialect;
        const char *rule;
        uint8_t place, on_drop, flags, response, alerts, status;
        bool drop, would, blocked, reject;
    } cases[] = {
        {DIALECT_SURICATA, UDP_RULE("alert", ""), M, RST_ICMP, 0, 0, 1, STATUS_NONE, false, false, false, false},
        {DIALECT_SURICATA, UDP_RULE("alert", "resp:reset_both;"), M, 0, 0, RESP_RST_BOTH, 1, STATUS_WOULD, false, false, false, false},
        {DIALECT_SURICATA, UDP_RULE("alert", "resp:reset_both;"), I, 0, 0, RESP_RST_BOTH, 1, STATUS_WOULD, false, false, false, false},
        /* who raises no event: in Snort's dialects it answers nothing, in Suricata's the action holds */
        {DIALECT_SURICATA, UDP_RULE("alert", "resp:reset_both; noalert;"), M, 0, SILENT, RESP_RST_BOTH, 0, 0, false, false, false, false},
        {DIALECT_SNORT2, UDP_RULE("alert", "resp:reset_both;"), M, 0, 0, RESP_RST_BOTH, 1, STATUS_WOULD, false, false, false, false},
        {DIALECT_SNORT2, UDP_RULE("alert", "resp:reset_both; flowbits:set,x; flowbits:noalert;"), M, 0, SILENT, 0, 0, 0, false, false, false, false},
        {DIALECT_SNORT2, UDP_RULE("alert", "resp:reset_both; flowbits:set,x; flowbits:noalert;"), I, 0, SILENT, 0, 0, 0, false, false, false, false},
        {DIALECT_SNORT3, UDP_RULE("reject", "flowbits:set,x; flowbits:noalert;"), M, RST_ICMP, SILENT, 0, 0, 0, false, false, false, true},
        {DIALECT_SNORT3, UDP_RULE("drop", "flowbits:set,x; flowbits:noalert;"), I, RST_ICMP, SILENT, 0, 0, 0, true, false, false, false},
        {DIALECT_SURICATA, UDP_RULE("drop", "noalert;"), M, RST_ICMP, SILENT, RST_ICMP, 0, 0, false, false, false, false},
        {DIALECT_SURICATA, UDP_RULE("reject", "noalert;"), I, 0, SILENT, RESP_RST_SRC | RESP_ICMP_PORT, 0, 0, true, false, false, true},
        /* actions, in the wire and on a mirror */
        {DIALECT_SURICATA, UDP_RULE("drop", ""), I, RST_ICMP, 0, 0, 1, STATUS_DONE, true, false, true, false},
        {DIALECT_SURICATA, UDP_RULE("drop", ""), M, 0, 0, 0, 1, STATUS_WOULD, false, true, false, false},
        {DIALECT_SURICATA, UDP_RULE("drop", ""), M, RST_ICMP, 0, RST_ICMP, 1, STATUS_WOULD, false, true, false, false},
        {DIALECT_SURICATA, UDP_RULE("drop", "resp:icmp_net;"), M, RST_ICMP, 0, RESP_ICMP_NET, 1, STATUS_WOULD, false, true, false, false},
        {DIALECT_SURICATA, UDP_RULE("drop", "resp:icmp_net;"), I, RST_ICMP, 0, RESP_ICMP_NET, 1, STATUS_DONE, true, false, true, false},
        {DIALECT_SURICATA, UDP_RULE("reject", ""), I, 0, 0, RESP_RST_SRC | RESP_ICMP_PORT, 1, STATUS_DONE, true, false, true, true},
        {DIALECT_SURICATA, UDP_RULE("reject", ""), M, RST_ICMP, 0, RST_ICMP, 1, STATUS_WOULD, false, true, false, true},
        {DIALECT_SURICATA, UDP_RULE("rejectsrc", ""), M, RST_ICMP, 0, RESP_RST_SRC | RESP_ICMP_PORT, 1, STATUS_WOULD, false, true, false, true},
        {DIALECT_SURICATA, UDP_RULE("rejectdst", ""), M, RST_ICMP, 0, RESP_RST_DST | RESP_ICMP_PORT, 1, STATUS_WOULD, false, true, false, true},
        {DIALECT_SURICATA, UDP_RULE("rejectboth", ""), I, 0, 0, RST_ICMP, 1, STATUS_DONE, true, false, true, true},
        {DIALECT_SURICATA, UDP_RULE("pass", ""), I, RST_ICMP, 0, 0, 0, 0, false, false, false, false},
        {DIALECT_SNORT2, UDP_RULE("sdrop", ""), I, 0, 0, 0, 0, 0, true, false, false, false},
        {DIALECT_SNORT2, UDP_RULE("sdrop", ""), M, RST_ICMP, 0, RST_ICMP, 0, 0, false, false, false, false},
        {DIALECT_SNORT2, UDP_RULE("log", ""), M, RST_ICMP, 0, 0, 1, STATUS_NONE, false, false, false, false},
        {DIALECT_SNORT3, UDP_RULE("block", ""), M, RST_ICMP, 0, RST_ICMP, 1, STATUS_WOULD, false, true, false, false},
    };
    for (size_t k = 0; k < ARRAY_LEN(cases); k++)
        for (unsigned would = 0; would < 2; would++) {
            struct world w;
            struct decision d;
            bool in_wire = cases[k].place == I, test = would && in_wire, drops = in_wire ? cases[k].drop : cases[k].would;
            struct verdict_config c = {.place = (enum verdict_place)cases[k].place, .on_drop = cases[k].on_drop, .would = would};
            world_open(&w, cases[k].rule, cases[k].dialect);
            decide(&w, &c, "1", cases[k].flags, &d);
            if (d.response != cases[k].response || d.n_alerts != cases[k].alerts)
                fail_msg("case %zu: response %x, %u alerts: %s", k, d.response, d.n_alerts, cases[k].rule);
            assert_int_equal(d.drop, cases[k].drop && !test);
            assert_int_equal(d.reject, cases[k].reject);
            assert_int_equal(d.n_answers, cases[k].response != 0);
            if (d.n_answers) {
                assert_int_equal(d.answer[0].response, d.response);
                assert_int_equal(d.answer[0].rule, 0);
            }
            if (d.n_alerts) {
                assert_int_equal(d.alert[0].status, test && cases[k].status == STATUS_DONE ? STATUS_WOULD : cases[k].status);
                assert_int_equal(d.alert[0].would, test ? drops : cases[k].would);
                assert_int_equal(d.alert[0].blocked, cases[k].blocked && !test);
            }
            assert_int_equal(d.drop_rule, d.drop ? 0 : -1);
            assert_int_equal(d.drop_reason, d.drop ? DROP_RULES : DROP_NONE);
            world_close(&w);
        }
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
