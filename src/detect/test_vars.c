/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Variables that rules take out of the traffic: of flows, packets, alerts. */
#include "detect/detect_test.h"

/* "name=value name=value", numbers too */
static const char *text_of(const struct detect *d, const struct flow *f)
{
    static char out[1024];
    size_t n = 0;
    struct detect_var v;
    out[0] = 0;
    for (unsigned k = 0; f ? detect_flow_var(d, f, k, &v) : detect_packet_var(d, k, &v); k++) {
        n += (size_t)snprintf(out + n, sizeof(out) - n, "%s" STR_FMT "=", k ? " " : "", STR_ARG(v.name));
        if (v.kind == VAR_BYTES_OF)
            n += (size_t)snprintf(out + n, sizeof(out) - n, STR_FMT, STR_ARG(v.text));
        else if (v.kind == VAR_INTEGER)
            n += (size_t)snprintf(out + n, sizeof(out) - n, "%lld", (long long)v.integer);
        else
            n += (size_t)snprintf(out + n, sizeof(out) - n, "%.3f", v.real);
    }
    return out;
}

static const struct matches *judge(struct dt *t, const char *payload, bool flow)
{
    struct packet *p = dt_udp(t, payload, strlen(payload));
    t->flow.proto = IPPROTO_UDP;
    t->flow.ver = 4;
    p->flow = flow ? &t->flow : NULL;
    return detect_packet(t->detect, p, NULL);
}

static void captures_go_where_they_belong(void **state)
{
    (void)state;
    static const struct {
        const char *options, *payload, *flow, *packet;
    } t[] = {
        {"pcre:\"/id=(\\d+)/, flow:id\";", "id=42", "id=42", ""},
        {"pcre:\"/id=(\\d+)/, pkt:id\";", "id=42", "", "id=42"},
        {"pcre:\"/(\\w+)=(\\d+)/, flow:key, pkt:value\";", "id=42", "key=id", "value=42"},
        {"pcre:\"/(?P<flow_key>\\w+)=(?<pkt_value>\\d+)/\";", "id=42", "key=id", "value=42"},
        {"pcre:\"/(?P<key>\\w+)=(\\d+)/\";", "id=42", "", ""},
        /* a group that took no part, or nothing */
        {"pcre:\"/(a)?b(c*)/, flow:a, flow:c\";", "b", "", ""},
        /* in the order of the rule */
        {"pcre:\"/a(\\d)/, flow:a\"; pcre:\"/b(\\d)/, flow:b\";", "b2 a1", "a=1 b=2", ""},
        /* only the try that held counts */
        {"pcre:\"/k(\\d)/, flow:k\"; content:\"!\"; distance:0; within:1;", "k1 k2! k3", "k=2", ""},
        /* the rule does not match: nothing is kept */
        {"pcre:\"/k(\\d)/, flow:k\"; content:\"none\";", "k1", "", ""},
        {"flowint:n,+,3; flowint:n,notset; content:\"k\";", "k", "n=3", ""},
        {"entropy:value < 1;", "aaaa", "content=0.000", ""},
        {"entropy:value < 1;", "abcd", "content=2.000", ""}, /* also where it does not hold */
    };
    for (size_t k = 0; k < ARRAY_LEN(t); k++) {
        char rule[256];
        struct dt d;
        snprintf(rule, sizeof(rule), "alert udp any any -> any any (%s sid:1;)\n", t[k].options);
        dt_open(&d, rule, DIALECT_SURICATA);
        judge(&d, t[k].payload, true);
        if (strcmp(text_of(d.detect, &d.flow), t[k].flow) || strcmp(text_of(d.detect, NULL), t[k].packet))
            fail_msg("%s: flow \"%s\"", t[k].options, text_of(d.detect, &d.flow));
        judge(&d, t[k].payload, false); /* no flow: nothing to keep it at */
        judge(&d, "?", true);
        assert_string_equal(text_of(d.detect, NULL), ""); /* a packet's are its own */
        dt_close(&d);
    }
}

static void the_last_value_stays_and_rooms_are_bounded(void **state)
{
    (void)state;
    enum { LONG = 3 * VAR_BYTES };
    struct dt d;
    dt_open(&d, "alert udp any any -> any any (pcre:\"/v=([^+]*)/, flow:v\"; sid:1;)\n", DIALECT_SURICATA);
    static const char *const values[] = {"v=1+", "v=longer+", "v=x+"};
    for (size_t k = 0; k < ARRAY_LEN(values); k++)
        judge(&d, values[k], true);
    assert_string_equal(text_of(d.detect, &d.flow), "v=x");
    char *big = malloc(LONG);
    assert_non_null(big);
    memset(big, 'a', LONG);
    memcpy(big, "v=", 2);
    big[LONG - 1] = 0;
    judge(&d, big, true);
    struct detect_var v;
    assert_true(detect_flow_var(d.detect, &d.flow, 0, &v));
    assert_int_equal(v.text.n, VAR_BYTES);
    free(big);
    dt_close(&d);

    char rules[16384];
    size_t n = 0;
    for (unsigned k = 0; k < VARS_FLOW + 3; k++)
        n += (size_t)snprintf(rules + n, sizeof(rules) - n,
                              "alert udp any any -> any any (pcre:\"/(a)/, flow:v%u, pkt:p%u\"; sid:%u;)\n", k, k, k + 1);
    struct rule_set *s = dt_rules_any(rules, DIALECT_SURICATA);
    assert_int_equal(s->n_rules, 0); /* one group, two names */
    rules_free(s);
    n = 0;
    for (unsigned k = 0; k < VARS_FLOW + 3; k++)
        n += (size_t)snprintf(rules + n, sizeof(rules) - n,
                              "alert udp any any -> any any (pcre:\"/((a))/, flow:v%u, pkt:p%u\"; sid:%u;)\n", k, k, k + 1);
    dt_open(&d, rules, DIALECT_SURICATA);
    judge(&d, "a", true);
    unsigned flow = 0, packet = 0;
    while (detect_flow_var(d.detect, &d.flow, flow, &v))
        flow++;
    while (detect_packet_var(d.detect, packet, &v))
        packet++;
    assert_int_equal(flow, VARS_FLOW);
    assert_int_equal(packet, VARS_PACKET);
    assert_int_equal(detect_counters(d.detect)->refused, 3 + (VARS_FLOW + 3 - VARS_PACKET));
    dt_close(&d);
}

static void alerts_tell_what_was_taken_for_them(void **state)
{
    (void)state;
    struct dt d;
    struct str key, json, text;
    dt_open(&d, "alert udp any any -> any any (pcre:\"/u=(\\w+)/, alert:user\"; sid:1;)\n", DIALECT_SURICATA);
    const struct matches *m = judge(&d, "u=bob", true);
    assert_int_equal(m->n, 1);
    assert_int_equal(m->m[0].n_told, 1);
    detect_told(d.detect, m->m[0].told, &key, &json, &text);
    assert_true(str_eq(key, STR("user")) && str_eq(text, STR("bob")) && !json.n);
    dt_close(&d);
}

static void a_reload_keeps_them_by_name(void **state)
{
    (void)state;
    struct dt d;
    dt_open(&d, "alert udp any any -> any any (flowbits:set,other; pcre:\"/v=(\\d)/, flow:v\"; sid:1;)\n", DIALECT_SURICATA);
    judge(&d, "v=1", true);
    struct image *i = dt_image(&d, "alert udp any any -> any any (pcre:\"/w=(\\d)/, flow:w\"; pcre:\"/v=(\\d)/, flow:v\"; sid:1;)\n",
                               DIALECT_SURICATA);
    struct overlay_options oo = {.var = dt_var, .version = 2};
    struct overlay *o = overlay_build(i, &oo, &d.diags);
    assert_non_null(o);
    assert_int_equal(detect_swap(d.detect, o), 0);
    overlay_close(o);
    assert_string_equal(text_of(d.detect, &d.flow), "v=1");
    judge(&d, "w=2 v=3", true);
    assert_string_equal(text_of(d.detect, &d.flow), "v=3 w=2");
    image_close(i);
    dt_close(&d);
}

/* flowvar, pktvar: what an earlier packet left at the flow, or an earlier rule at the packet. */
static void rules_ask_for_variables(void **state)
{
    (void)state;
    static const struct {
        const char *payload;
        bool flow;
        unsigned sids; /* bits */
    } steps[] = {
        {"ask", true, 0},           {"u=robert", true, 1u << 1 | 1u << 7}, {"ask", true, 1u << 2 | 1u << 3 | 1u << 5},
        {"ask", false, 0},          {"u=mallory", true, 1u << 1},          {"ask", true, 1u << 4 | 1u << 5},
    };
    struct dt d;
    dt_open(&d,
            "alert udp any any -> any any (pcre:\"/u=((\\w+))/, flow:user, pkt:now\"; pcre:\"/(u)/, pkt:now\"; sid:1;)\n"
            "alert udp any any -> any any (content:\"ask\"; flowvar:user,\"bert\"; sid:2;)\n"
            "alert udp any any -> any any (content:\"ask\"; flowvar:user,|72 6f|bert; sid:3;)\n"
            "alert udp any any -> any any (content:\"ask\"; flowvar:user,!\"bert\"; sid:4;)\n"
            "alert udp any any -> any any (content:\"ask\"; flowvar:user,!\"zzz\"; sid:5;)\n"
            "alert udp any any -> any any (content:\"ask\"; flowvar:other,!\"zzz\"; sid:6;)\n"
            "alert udp any any -> any any (content:\"u=\"; pktvar:now,\"rob\"; sid:7;)\n"
            "alert udp any any -> any any (content:\"ask\"; pktvar:now,\"o\"; sid:8;)\n",
            DIALECT_SURICATA);
    for (size_t k = 0; k < ARRAY_LEN(steps); k++) {
        const struct matches *m = judge(&d, steps[k].payload, steps[k].flow);
        unsigned got = 0;
        for (uint32_t i = 0; i < m->n; i++)
            got |= 1u << d.image->rules[m->m[i].rule].sid;
        if (got != steps[k].sids)
            fail_msg("step %zu: sids %x, not %x", k, got, steps[k].sids);
    }
    dt_close(&d);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(captures_go_where_they_belong),
        cmocka_unit_test(the_last_value_stays_and_rooms_are_bounded),
        cmocka_unit_test(alerts_tell_what_was_taken_for_them),
        cmocka_unit_test(rules_ask_for_variables),
        cmocka_unit_test(a_reload_keeps_them_by_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
