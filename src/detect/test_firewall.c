/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Firewall mode: the order of rules, policies, scopes, states of transactions, and what detection still sees. */
#include "detect/detect_test.h"

#include "config/config.h"

static struct firewall policies;

static void fw_open(struct dt *t, const char *firewall, const char *detection)
{
    struct rules_options o = {.var = dt_var};
    char path[64];
    dt_init(t);
    memset(&policies, 0, sizeof(policies));
    struct state_config sc = {0};
    t->state = state_new(&sc);
    struct rule_loader *l = rules_begin(&o);
    assert_non_null(l);
    assert_int_equal(rules_add_text(l, "td.rules", str_cstr(detection), DIALECT_SURICATA), 0);
    assert_int_equal(rules_add_firewall_text(l, "fw.rules", str_cstr(firewall)), 0);
    struct conf *c = conf_new(); /* names no files: the policies' rules alone */
    assert_int_equal(rules_add_firewall(l, c, NULL), 0);
    conf_free(c);
    struct rule_set *s = rules_finish(l, 1);
    assert_non_null(s);
    if (s->n_refusals)
        fail_msg("refused: %s", s->refusals[0].reason);
    dt_path(path);
    assert_int_equal(image_build(s, path, 1, &t->diags), 0);
    rules_free(s);
    t->image = image_open(path, &t->diags);
    unlink(path);
    assert_non_null(t->image);
    struct overlay_options oo = {.var = dt_var, .version = 1};
    t->overlay = overlay_build(t->image, &oo, &t->diags);
    struct detect_config dc = {.state = t->state, .inline_mode = true, .firewall = &policies};
    t->detect = t->overlay ? detect_new(&dc, t->overlay) : NULL;
    assert_non_null(t->detect);
}

static const struct matches *ask(struct dt *t, const char *payload)
{
    struct packet *p = dt_udp(t, payload, strlen(payload));
    p->flow = &t->flow;
    t->flow.proto = IPPROTO_UDP;
    return detect_packet(t->detect, p, NULL);
}

/* sid of the rule that decided; 0: a policy */
static uint32_t decided(const struct dt *t, const struct matches *m)
{
    assert_true(m->firewall.asked);
    return m->firewall.rule < 0 ? 0 : t->image->rules[m->firewall.rule].sid;
}

static void packets(void **state)
{
    (void)state;
    static const char rules[] = "drop:packet udp:all any any -> any any (content:\"bad\"; alert; sid:1;)\n"
                                "accept:hook udp:all any any -> any 53 (content:\"good\"; sid:2;)\n"
                                "accept:flow,alert udp:flow_start any any -> any 53 (content:\"first\"; sid:3;)\n"
                                "accept:packet udp:all any any -> any 99 (sid:4;)\n";
    static const char td[] = "alert udp any any -> any any (content:\"good\"; sid:100;)";
    static const struct {
        const char *payload;
        uint32_t sid;
        bool accept;
        unsigned alerts, detected;
    } t[] = {{"first good", 2, true, 0, 1}, /* the earlier line of the file */
             {"good and bad", 1, false, 1, 0}, /* dropped: detection is not asked */
             {"nothing", 0, false, 0, 0},      /* no rule: the policy */
             {"first", 0, false, 0, 0},        /* flow_start: not the flow's first packet any more */
             {"good", 2, true, 0, 1}};
    struct dt d;
    fw_open(&d, rules, td);
    for (unsigned k = 0; k < ARRAY_LEN(t); k++) {
        const struct matches *m = ask(&d, t[k].payload);
        assert_int_equal(decided(&d, m), t[k].sid);
        assert_int_equal(m->firewall.does.action == ACTION_ACCEPT, t[k].accept);
        assert_int_equal(dt_hits(&d, m, 100), t[k].detected);
        unsigned loud = 0;
        for (uint32_t i = 0; i < m->n; i++)
            loud += (m->m[i].flags & (MATCH_FIREWALL | MATCH_ALERT)) == (MATCH_FIREWALL | MATCH_ALERT);
        assert_int_equal(loud, t[k].alerts);
    }
    dt_close(&d);
}

static void flows(void **state)
{
    (void)state;
    struct dt d;
    fw_open(&d, "accept:flow,pass:flow udp:flow_start any any -> any any (content:\"a\"; sid:1;)\n",
            "alert udp any any -> any any (content:\"a\"; sid:100;)");
    const struct matches *m = ask(&d, "a");
    assert_int_equal(decided(&d, m), 1);
    assert_int_equal(m->firewall.does.secondary, SECOND_PASS_FLOW);
    d.flow.flags |= FLOW_ACCEPT;
    m = ask(&d, "a");
    assert_int_equal(m->firewall.does.action, ACTION_ACCEPT); /* without a rule */
    assert_int_equal(decided(&d, m), 0);
    assert_int_equal(dt_hits(&d, m, 100), 1);
    d.flow.flags |= FLOW_PASS;
    assert_int_equal(dt_hits(&d, ask(&d, "a"), 100), 0);
    dt_close(&d);
}

static void early(void **state)
{
    (void)state;
    struct dt d;
    fw_open(&d, "drop:packet udp:pre_flow any any -> any 53 (sid:1;)\naccept:packet udp:all any any -> any any (sid:2;)\n", "");
    struct packet *p = dt_udp(&d, "x", 1);
    const struct matches *m = detect_early(d.detect, p, FIREWALL_PRE_FLOW);
    assert_int_equal(decided(&d, m), 1);
    assert_int_equal(m->firewall.does.action, ACTION_DROP);
    p->dp = 54;
    m = detect_early(d.detect, p, FIREWALL_PRE_FLOW); /* by itself nothing is dropped so early */
    assert_int_equal(decided(&d, m), 0);
    assert_int_equal(m->firewall.does.action, ACTION_ACCEPT);
    assert_int_equal(decided(&d, ask(&d, "x")), 2);
    dt_close(&d);
}

static void policy(void **state)
{
    (void)state;
    struct dt d;
    char text[96];
    fw_open(&d, "", "alert udp any any -> any any (content:\"a\"; sid:100;)");
    policies.packet[FIREWALL_FILTER] = (struct firewall_policy){ACTION_ACCEPT, 3, SECOND_ALERT};
    const struct matches *m = ask(&d, "a");
    assert_int_equal(m->firewall.does.action, ACTION_ACCEPT);
    assert_int_equal(dt_hits(&d, m, FIREWALL_SID_PACKET), 1);
    assert_int_equal(dt_hits(&d, m, 100), 1);
    firewall_at_text(&m->m[0].at, text);
    assert_string_equal(text, "packet:filter");
    firewall_at_text(&(struct firewall_at){FIREWALL_APP, 1, 1, APP_DNS}, text);
    assert_string_equal(text, "dns:response_complete");
    dt_close(&d);
}

/* A transaction by hand: rules on states look at nothing in it. */
static const char app_rules[] = "accept:hook udp:all any any -> any any (sid:1;)\n"
                                "accept:hook,alert dns:request_started any any -> any any (sid:2;)\n"
                                "accept:%s,alert dns:request_complete any any -> any any (sid:3;)\n";

static void transactions(void **state)
{
    (void)state;
    static const struct {
        const char *scope;
        uint8_t progress;
        uint8_t drop; /* policy of request_complete instead of its rule */
        uint32_t sid;
        unsigned started, complete;
        bool tx_passed, done;
    } t[] = {
        {"hook", 0, 0, 2, 1, 0, false, false}, {"hook", 1, 0, 3, 1, 1, false, true},
        {"tx", 1, 0, 3, 1, 1, true, false},    {"flow", 1, 0, 3, 1, 1, false, false},
        {NULL, 1, 1, 0, 1, 0, false, false},
    };
    for (unsigned k = 0; k < ARRAY_LEN(t); k++) {
        struct dt d;
        char rules[512];
        snprintf(rules, sizeof(rules), app_rules, t[k].scope ? t[k].scope : "hook");
        if (!t[k].scope)
            *strstr(rules, "accept:hook,alert dns:request_complete") = 0;
        fw_open(&d, rules, "");
        struct app_tx tx = {.progress = {t[k].progress, 0}, .updated = {true, false}, .begun_bytes = {UINT64_MAX, 9},
                            .firewall_bytes = {UINT64_MAX, 9}};
        struct app_flow af = {.flow = &d.flow, .def = app_def(APP_DNS), .proto_any = APP_DNS, .proto = {APP_DNS, APP_DNS},
                              .first = &tx, .last = &tx, .bytes = {5, 9}};
        d.flow.app = &af;
        d.flow.app_proto_any = d.flow.app_proto[0] = d.flow.app_proto[1] = APP_DNS;
        const struct matches *m = ask(&d, "x");
        assert_int_equal(decided(&d, m), t[k].sid);
        assert_int_equal(m->firewall.does.action, t[k].drop ? ACTION_DROP : ACTION_ACCEPT);
        assert_int_equal(dt_hits(&d, m, 2), t[k].started);
        assert_int_equal(dt_hits(&d, m, 3), t[k].complete);
        assert_int_equal(!!(tx.flags & TX_PASS), t[k].tx_passed);
        assert_int_equal(tx.firewall_done[0], t[k].done);
        m = ask(&d, "x"); /* nothing of the request came: no state is asked again */
        assert_int_equal(dt_hits(&d, m, 2), 0);
        detect_tx_free(&tx);
        d.flow.app = NULL;
        dt_close(&d);
    }
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest t[] = {cmocka_unit_test(packets), cmocka_unit_test(flows), cmocka_unit_test(early),
                                   cmocka_unit_test(policy), cmocka_unit_test(transactions)};
    return cmocka_run_group_tests(t, NULL, NULL);
}
