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

#define M PLACE_MIRROR
#define I PLACE_INLINE
#define UDP_RULE(action, options) action " udp any any -> any any (msg:\"x\"; content:\"abc\"; " options "sid:1;)\n"

/* One rule, matched by a packet of no flow. */
static void one_rule(void **state)
{
    (void)state;
    enum { RST_ICMP = RESP_RST_BOTH | RESP_ICMP_PORT, SILENT = MATCH_NOALERT };
    static const struct {
        enum rule_dialect dialect;
        const char *rule;
        enum verdict_place place;
        uint8_t on_drop, flags, response, alerts, status;
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
            struct verdict_config c = {.place = cases[k].place, .on_drop = cases[k].on_drop, .would = would};
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

/* The firewall's word: what drops, why, and what is answered. */
static void firewall(void **state)
{
    (void)state;
    static const struct {
        uint8_t action, scope, table;
        int rule; /* -1: a policy */
        enum verdict_place place;
        uint8_t response;
        enum drop_reason why;
        bool drop, reject, accept;
    } cases[] = {
        {ACTION_ACCEPT, 1, FIREWALL_FILTER, 0, I, 0, DROP_NONE, false, false, true},
        {ACTION_DROP, 1, FIREWALL_FILTER, 0, I, 0, DROP_FW_RULES, true, false, false},
        {ACTION_DROP, 1, FIREWALL_FILTER, -1, I, 0, DROP_FW_DEFAULT_PACKET, true, false, false},
        {ACTION_DROP, 2, FIREWALL_APP, -1, I, 0, DROP_FW_DEFAULT_APP, true, false, false},
        {ACTION_DROP, 1, FIREWALL_APP, 0, I, 0, DROP_FW_RULES, true, false, false},
        {ACTION_DROP, 1, FIREWALL_PRE_FLOW, 0, I, 0, DROP_FW_PRE_FLOW, true, false, false},
        {ACTION_DROP, 1, FIREWALL_PRE_STREAM, -1, I, 0, DROP_FW_PRE_STREAM, true, false, false},
        {ACTION_DROP, 2, FIREWALL_FILTER, 0, M, 0, DROP_NONE, false, false, false},
        {ACTION_REJECT, 1, FIREWALL_FILTER, 0, I, RESP_RST_SRC | RESP_ICMP_PORT, DROP_FW_RULES, true, true, false},
        {ACTION_REJECT, 2, FIREWALL_APP, -1, I, RESP_RST_SRC | RESP_ICMP_PORT, DROP_FW_DEFAULT_APP, true, true, false},
        {ACTION_REJECTBOTH, 1, FIREWALL_FILTER, 0, M, RESP_RST_BOTH | RESP_ICMP_PORT, DROP_NONE, false, true, false},
    };
    for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
        struct world w;
        static struct decision d;
        struct matches m = {.firewall = {.asked = true,
                                         .does = {.action = cases[k].action, .scope = cases[k].scope},
                                         .rule = cases[k].rule,
                                         .at = {.table = cases[k].table}}};
        const struct verdict_config c = {.place = cases[k].place};
        bool flow_wide = cases[k].scope == 2;
        world_open(&w, UDP_RULE("alert", ""), DIALECT_SURICATA);
        w.p.flow = &w.flow;
        d = (struct decision){.drop_rule = -1};
        verdict_decide(&c, w.detect, &w.p, &m, &d);
        assert_int_equal(d.drop, cases[k].drop);
        assert_int_equal(d.drop_reason, cases[k].why);
        assert_int_equal(d.reject, cases[k].reject);
        assert_int_equal(d.accept, cases[k].accept);
        assert_int_equal(d.response, cases[k].response);
        /* what is asked for is asked for by somebody: else nothing is sent */
        assert_int_equal(d.n_answers, cases[k].response != 0);
        if (d.n_answers) {
            assert_int_equal(d.answer[0].response, cases[k].response);
            assert_int_equal(d.answer[0].rule, (uint32_t)cases[k].rule);
        }
        assert_int_equal(w.flow.flags & FLOW_DROP, flow_wide && cases[k].drop ? FLOW_DROP : 0);
        assert_int_equal(w.flow.flags & FLOW_WOULD_DROP, flow_wide && cases[k].place == M ? FLOW_WOULD_DROP : 0);
        world_close(&w);
    }
}

/* Of several matches: who comes first, what a pass hides, what finds no room, what the packet loses before. */
static void several(void **state)
{
    (void)state;
    static const char rules[] = UDP_RULE("alert", "") "pass udp any any -> any any (msg:\"p\"; content:\"abc\"; sid:2;)\n"
                                                      "drop udp any any -> any any (msg:\"d\"; content:\"abc\"; resp:reset_source; sid:3;)\n"
                                                      "alert udp any any -> any any (msg:\"e\"; content:\"abc\"; resp:icmp_net; sid:4;)\n";
    static const struct {
        const char *sids;
        uint32_t most, alerts, overflow; /* most: packet-alert-max */
        uint8_t response, answers;
        bool drop, pass;
    } cases[] = {
        {"1", 0, 1, 0, 0, 0, false, false},
        {"4 3", 0, 2, 0, RESP_RST_SRC | RESP_ICMP_NET, 2, true, false},
        {"4 3 1", 2, 2, 1, RESP_RST_SRC | RESP_ICMP_NET, 2, true, false},
        {"1 3 4", 1, 1, 2, RESP_RST_SRC | RESP_ICMP_NET, 2, true, false},
        {"4 3 2 1", 0, 0, 0, 0, 0, false, true}, /* the pass rule comes first, whoever was told first */
        {"3 2", 0, 0, 0, 0, 0, false, true},
    };
    for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
        struct world w;
        static struct decision d;
        const struct verdict_config c = {.place = I, .alerts_max = cases[k].most};
        world_open(&w, rules, DIALECT_SURICATA);
        decide(&w, &c, cases[k].sids, 0, &d);
        if (d.n_alerts != cases[k].alerts || d.overflow != cases[k].overflow)
            fail_msg("%s: %u alerts, %u over", cases[k].sids, d.n_alerts, d.overflow);
        assert_int_equal(d.response, cases[k].response);
        assert_int_equal(d.n_answers, cases[k].answers);
        assert_int_equal(d.drop, cases[k].drop);
        assert_int_equal(d.pass, cases[k].pass);
        for (unsigned i = 0; i + 1 < d.n_alerts; i++)
            assert_true(d.alert[i].rule < d.alert[i + 1].rule);
        world_close(&w);
    }
    struct world w; /* what the matcher had no room for is counted, too */
    static struct decision d;
    struct matches m = {.overflow = 7};
    const struct verdict_config c = {.place = I};
    world_open(&w, rules, DIALECT_SURICATA);
    verdict_decide(&c, w.detect, &w.p, &m, &d);
    assert_int_equal(d.overflow, 7);
    world_close(&w);
}

/* Matches of one phase in the order of their rules, phases one behind the other: only where the firewall speaks. */
static void phases(void **state)
{
    (void)state;
    static const char rules[] = UDP_RULE("alert", "") "alert udp any any -> any any (msg:\"y\"; content:\"abc\"; sid:2;)\n";
    for (unsigned asked = 0; asked < 2; asked++) {
        struct world w;
        static struct decision d;
        struct match v[2] = {{.rule = 0, .phase = PHASE_APP}, {.rule = 1, .phase = PHASE_PACKET}};
        struct matches m = {.m = v, .n = 2, .room = 2, .firewall = {.asked = asked, .does = {.action = ACTION_ACCEPT}, .rule = -1}};
        const struct verdict_config c = {.place = I};
        world_open(&w, rules, DIALECT_SURICATA);
        d = (struct decision){.drop_rule = -1};
        verdict_decide(&c, w.detect, &w.p, &m, &d);
        assert_int_equal(d.n_alerts, 2);
        assert_int_equal(d.alert[0].rule, asked);
        assert_int_equal(d.alert[1].rule, !asked);
        world_close(&w);
    }
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_rule),
        cmocka_unit_test(firewall),
        cmocka_unit_test(several),
        cmocka_unit_test(phases),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
