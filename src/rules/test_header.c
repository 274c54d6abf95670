/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Actions, protocols, addresses, ports, directions, hooks; and the types that rules get. */
#include "rules/rules_test.h"

#define SU DIALECT_SURICATA
#define S2 DIALECT_SNORT2
#define S3 DIALECT_SNORT3

static const struct rule_case headers[] = {
    {SU, "alert tcp any any -> any any", "content:\"a\";", "alert 1:1:0~; tcp any any -> any any"},
    {SU, "alert  tcp  any  any  ->  $HOME_NET  any ", "content:\"a\";", "any any -> $HOME_NET any"},
    {SU, "drop udp $HOME_NET 53 <> !$HOME_NET !80", "content:\"a\";",
     "drop~udp $HOME_NET 53 <> !$HOME_NET !80, both ways"},
    {SU, "alert tcp [10.0.0.0/8, !10.1.0.0/16] [80, 443] -> any 1024:", "content:\"a\";",
     "[10.0.0.0/8,!10.1.0.0/16] [80,443] -> any 1024:"},
    {SU, "alert tcp 10.0.0.1,10.0.0.2 any -> any !80,!443", "content:\"a\";",
     "10.0.0.1,10.0.0.2 any -> any !80,!443"},
    {SU, "alert tcp $HOME_NET any -> [$HOME_NET,$EXTERNAL_NET] $HTTP_PORTS", "content:\"a\";",
     "$HTTP_PORTS"},
    {SU, "reject tcp any any -> any any", "content:\"a\";", "reject 1:1"},
    {SU, "rejectsrc tcp any any -> any any", "content:\"a\";", "rejectsrc"},
    {SU, "rejectboth tcp any any -> any any", "content:\"a\";", "rejectboth"},
    {SU, "pass ip any any -> any any", "content:\"a\";",
     "pass~tcp udp icmp icmpv6 sctp other IP any"},
    {S2, "sdrop tcp any any -> any any", "content:\"a\";", "sdrop"},
    {S2, "log tcp any any -> any any", "content:\"a\";", "log"},
    {S2, "block tcp any any -> any any", "content:\"a\";", "block"},
    {S3, "rewrite tcp any any -> any any", "content:\"a\";", "replace"},
    {SU, "alert IP any any -> any any", "content:\"a\";", "alert"},
    {SU, "alert ipv6 any any -> any any", "content:\"a\";", "IPv6"},
    {SU, "alert icmpv6 any any -> any any", "itype:1;", "icmpv6 any"},
    {SU, "alert sctp any any -> any any", "content:\"a\";", "sctp any"},
    {SU, "alert tcp-pkt any any -> any any", "content:\"a\";", "packets alone~type packet;"},
    {SU, "alert tcp-stream any any -> any any", "content:\"a\";", "stream alone~type stream;"},
    {SU, "alert pkthdr any any -> any any", "decode-event:ipv4.pkt_too_small;",
     "no IP~type decoder events"},
    {SU, "alert arp any any -> any any", "sid:1;", "no IP"},
    {SU, "alert http any any -> any any", "content:\"a\";", "tcp http any~type stream;"},
    {SU, "alert http1 any any -> any any", "content:\"a\";", "http any"},
    {SU, "alert dns any any -> any any", "content:\"a\";", "tcp udp dns any"},
    {SU, "alert smtp any any -> any any", "content:\"a\";", "smtp any"},
    {SU, "alert smb any any -> any any", "content:\"a\";", "smb any"},
    {SU, "alert ftp-data any any -> any any", "content:\"a\";", "ftp-data any"},
    {SU, "alert tls:client_hello_done any any -> any any", "tls.sni; content:\"a\";",
     "tls any~to server"},
    {SU, "alert http1:request_line any any -> any any", "http.uri; content:\"a\";",
     "http any~to server~type transaction"},
    {SU, "alert tcp:all any any -> any any", "content:\"a\";", "tcp any"},
    {SU, "alert http any any => any any", "http.uri; content:\"a\";", "request and response"},
    {S3, "alert http", "content:\"a\";", "tcp http any any -> any any"},
    {S3, "alert ssl", "content:\"a\";", "tls any"},
    {S3, "alert", "content:\"a\";", "any any -> any any"},
    {S3, "alert file", "file_data; content:\"a\";", "file.data"},
    {SU, "alert tcp any any -> any 65536", "content:\"a\";", "!no port"},
    {SU, "alert tcp any any -> any 9:8", "content:\"a\";", "!no port"},
    {SU, "alert tcp $FOO any -> any any", "content:\"a\";", "!variable $FOO is not set"},
    {SU, "alert tcp any $FOO -> any any", "content:\"a\";", "!variable $FOO is not set"},
    {SU, "alert tcp $NOWHERE any -> any any", "content:\"a\";", "!no address at all"},
    {SU, "alert tcp $LOOP any -> any any", "content:\"a\";", "!nested too deep"},
    {SU, "alert tcp [1.1.1.1 any -> any any", "content:\"a\";", "!addresses is broken: a '[' is not closed"},
    {SU, "alert tcp any any -> [[1.1.1.1],2.2.2.2 any", "content:\"a\";", "!']' is missing"},
    {SU, "alert tcp any [80,81 -> any any", "content:\"a\";", "!ports is broken: a '[' is not closed"},
    {SU, "alert tcp 1.1.1.1] any -> any any", "content:\"a\";", "!a ']' has no '[' before it"},
    {SU, "alert tcp any 80]] -> any any", "content:\"a\";", "!ports is broken: a ']' has no '['"},
    {SU, "alert tcp [1.1.1.1,] any -> any any", "content:\"a\";", "!has nothing beside it"},
    {SU, "alert tcp host any -> any any", "content:\"a\";", "!no address"},
    {SU, "alert tcp any any <- any any", "content:\"a\";", "!unknown direction"},
    {SU, "alert tcp any any -> any", "content:\"a\";", "!too short"},
    {SU, "alert tcp any any -> any any x", "content:\"a\";", "!stands behind the header"},
    {SU, "alert asdf any any -> any any", "content:\"a\";", "!unknown protocol"},
    {SU, "alert", "content:\"a\";", "!no protocol"},
    {SU, "accept:flow tcp:all any any -> any any", "content:\"a\";", "!firewall"},
    {SU, "alert tls:no_such_hook any any -> any any", "content:\"a\";", "!unknown rule hook"},
    {SU, "alert smtp:request_started any any -> any any", "content:\"a\";", "!parser"},
    {SU, "foo tcp any any -> any any", "content:\"a\";", "!action"},
};

static const struct rule_case types[] = {
    {SU, "alert ip 10.0.0.1 any -> any any", "msg:\"x\";", "type addresses alone;"},
    {SU, "alert tcp [10.0.0.1,10.0.0.2] any -> $HOME_NET any",
     "threshold:type limit, track by_src, count 1, seconds 60; flowbits:set,a;",
     "type addresses alone;"},
    {SU, "alert ip !10.0.0.1 any -> any any", "msg:\"x\";", "type addresses alone, negated;"},
    {SU, "alert ip $EXTERNAL_NET any -> any any", "msg:\"x\";", "type addresses alone, negated;"},
    {SU, "alert ip any any -> any any", "ip_proto:47;", "type addresses alone;"},
    {SU, "alert ip any any -> any any", "flowbits:isset,a;", "type packet;"},
    {SU, "alert tcp any any -> any 80", "msg:\"x\";", "type addresses alone;"},
    {SU, "alert tcp any any -> any any", "flow:to_server;", "type packet;"},
    {SU, "alert tcp any any -> any any", "ttl:123;", "type packet;"},
    {SU, "alert tcp any any -> any any", "app-layer-protocol:http; flow:to_server;",
     "type protocol;"},
    {SU, "alert tcp any any -> any any", "content:\"a\";", "type stream;"},
    {SU, "alert tcp any any -> any any", "content:\"a\"; depth:30;", "type packet and stream;"},
    {SU, "alert tcp any any -> any any", "content:\"a\"; startswith;", "type packet and stream;"},
    {SU, "alert tcp any any -> any any", "content:\"a\"; stream_size:server,<,5;",
     "type packet and stream;"},
    {SU, "alert tcp any any -> any any", "content:\"a\"; flags:A;", "type packet;"},
    {SU, "alert udp any any -> any any", "content:\"a\";", "type packet;"},
    {SU, "alert http any any -> any any", "msg:\"x\";", "type protocol's flow;"},
    {SU, "alert tls any any -> any any", "flowint:a,=,0;", "type protocol's flow;"},
    {SU, "alert http any any -> any any", "dsize:5;", "type packet;"},
    {SU, "alert http any any -> any any", "content:\"a\"; http_uri; content:\"b\";",
     "type transaction;"},
    {SU, "alert http any any -> any any", "urilen:5;", "type transaction;"},
    {S2, "alert ip 10.0.0.1 any -> any any", "msg:\"x\";", "type packet;"},
    {S2, "alert tcp any any -> any any", "content:\"a\";", "type packet and stream;"},
    {S2, "alert tcp any any -> any any", "content:\"a\"; flow:established;", "type stream;"},
    {S2, "alert tcp any any -> any any", "content:\"a\"; http_uri;", "type transaction;"},
    /* behind nothing is the beginning of what came, packet or stream */
    {S2, "alert tcp any any -> any any", "content:\"a\"; within:1; flow:established;",
     "type packet and stream;"},
    {SU, "alert tcp any any -> any any", "content:\"a\"; within:1; flow:established;",
     "type stream;"},
};

static void headers_test(void **state)
{
    (void)state;
    CASES_RUN(headers);
}
static void types_test(void **state)
{
    (void)state;
    CASES_RUN(types);
}

static const struct rule *first_of(struct rule_set **s, const char *text, bool firewall)
{
    struct rules_options o = {.var = test_var, .firewall = firewall};
    *s = rules_of(text, DIALECT_SURICATA, &o, 1);
    if (!(*s)->n_rules)
        fail_msg("'%s' is refused: %s", text, (*s)->refusals[0].reason);
    return (*s)->rules[0];
}

static void firewall_rules(void **state)
{
    (void)state;
    struct rule_set *s;
    const struct rule *r =
        first_of(&s,
                 "accept:flow,pass:flow,alert http1:<request_headers any any -> any any "
                 "(http.user_agent; content:\"a\"; sid:1;)\n",
                 true);
    assert_int_equal(r->action, ACTION_ACCEPT);
    assert_int_equal(r->scope, 2);
    assert_int_equal(r->secondary, SECOND_ALERT | SECOND_PASS_FLOW);
    assert_true(r->hook == HOOK_APP && r->hook_before && r->hook_dir == 0);
    assert_true(r->flags & RULE_FIREWALL);
    rules_free(s);
    r = first_of(&s, "drop:packet tcp:pre_stream any any -> any any (alert; sid:1;)\n", true);
    assert_true(r->action == ACTION_DROP && r->scope == 1 && r->hook == HOOK_PRE_STREAM);
    assert_int_equal(r->secondary, SECOND_ALERT);
    rules_free(s);
    r = first_of(&s, "drop:flow tls any any -> any any (tls.sni; content:\"a\"; sid:1;)\n", false);
    assert_true(r->action == ACTION_DROP && r->scope == 2);
    rules_free(s);
    struct rules_options o = {.var = test_var, .firewall = true};
    s = rules_of("accept tcp:all any any -> any any (sid:1;)\n", DIALECT_SURICATA, &o, 1);
    assert_int_equal(s->n_refusals, 1);
    rules_free(s);
}

/* Without variables to ask, an unknown one is no mistake. */
static void no_variables(void **state)
{
    (void)state;
    struct rules_options o = {.var = NULL};
    struct rule_set *s = rules_of("alert tcp $A $B -> !$A ![80,$B] (content:\"a\"; sid:1;)\n",
                                  DIALECT_SURICATA, &o, 1);
    assert_int_equal(s->n_rules, 1);
    assert_true(str_eq(s->addr[s->rules[0]->addr[1]], STR("!$A")));
    assert_true(str_eq(s->port[s->rules[0]->port[1]], STR("![80,$B]")));
    rules_free(s);
}

static void services(void **state)
{
    (void)state;
    struct rule_set *s = rule_of("alert tcp any any -> any any",
                                 "service:http, ssl,nonsense; content:\"a\";", DIALECT_SNORT3);
    assert_int_equal(s->rules[0]->n_apps, 2);
    assert_int_equal(s->rules[0]->apps[0], APP_HTTP);
    assert_int_equal(s->rules[0]->apps[1], APP_TLS);
    const struct rule_meta *m = s->rules[0]->metadata;
    assert_int_equal(s->rules[0]->n_metadata, 3);
    assert_true(str_eq(rule_meta_key(&m[1]), STR("service")));
    assert_true(str_eq(rule_meta_value(&m[1]), STR("ssl")));
    rules_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(headers_test),   cmocka_unit_test(types_test),
        cmocka_unit_test(firewall_rules), cmocka_unit_test(no_variables),
        cmocka_unit_test(services),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
