/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Surveys: the words of `ctl flows`, what fits, the newest first, rows of many workers as one. */
#include "sensor/message.h"
#include "sensor/survey.h"

#include "app/app.h"
#include "base/hash.h"
#include "base/sbuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

static struct ip_addr addr(const char *s)
{
    struct ip_prefix p;
    assert_true(ip_prefix_parse(str_cstr(s), &p));
    return p.addr;
}

static void words(void **state)
{
    (void)state;
    static const struct {
        const char *words;
        bool good, fits; /* 203.0.113.5:40000 -> 10.7.1.20:80, TCP, http, established, VLAN 7 */
    } cases[] = {
        {"", true, true},
        {"host 10.7.1.20", true, true},
        {"10.7.0.0/16", true, true},
        {"10.8.0.0/16", true, false},
        {"src=203.0.113.5 dst=10.7.1.20", true, true},
        {"src=10.7.1.20", true, false},
        {"--orig-src 203.0.113.0/24 --dport 80", true, true},
        {"80", true, true},
        {"port 40000 tcp", true, true},
        {"sport 80", true, false},
        {"dest_port=80 app_proto=http", true, true},
        {"proto udp", true, false},
        {"p=6", true, true},
        {"http ESTABLISHED", true, true},
        {"state new", true, false},
        {"state=syn_sent", true, false},
        {"vlan 7", true, true},
        {"vlan 8", true, false},
        {"flow_id 77", true, true},
        {"id=78", true, false},
        {"alerted", true, true},
        {"answered", true, false},
        {"limit 5", true, true},
        {"fd07::1", true, false},
        {"limit 0", false, false},
        {"limit 1001", false, false},
        {"port 65536", false, false},
        {"port", false, false},
        {"host banana", false, false},
        {"banana", false, false},
        {"port=80;reboot", false, false},
        {"vlan 4096", false, false},
        {"10.0.0.0/33", false, false},
        {"a-very-long-word-that-is-no-word-of-ours-at-all-and-goes-on", false, false},
    };
    struct flow f = {.addr = {addr("203.0.113.5"), addr("10.7.1.20")},
                     .port = {40000, 80},
                     .vlan = {7},
                     .vlan_n = 1,
                     .proto = 6,
                     .ver = 4,
                     .state = FLOW_ESTABLISHED,
                     .flags = FLOW_ALERTED,
                     .app_proto_any = (uint16_t)app_find(STR("http")),
                     .id = 77};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct flow_query q;
        char why[400] = "";
        bool good = flow_query_parse(cases[i].words, &q, why, sizeof(why));
        if (good != cases[i].good || (good && flow_query_match(&q, &f) != cases[i].fits))
            fail_msg("%s: %d %s", cases[i].words, good, why);
        assert_true(good ? flow_query_good(&q) : why[0] != 0);
    }
}

static void order(void **state)
{
    (void)state;
    struct flow_row r[100];
    uint64_t seed = 42;
    for (unsigned i = 0; i < 100; i++)
        r[i] = (struct flow_row){.last_ns = hash_mix(seed + i) % 50, .first_ns = i};
    assert_int_equal(flow_rows_order(r, 100, 10), 10);
    for (unsigned i = 1; i < 100; i++)
        assert_true(r[i - 1].last_ns > r[i].last_ns ||
                    (r[i - 1].last_ns == r[i].last_ns && r[i - 1].first_ns > r[i].first_ns));
    assert_int_equal(flow_rows_order(NULL, 0, 10), 0);
}

static void merge(void **state)
{
    (void)state;
    struct response_row r[] = {{.gid = 1, .sid = 9, .count = {.injected = 1, .died = 1}},
                               {.gid = 1, .sid = 2, .count = {.injected = 4}},
                               {.gid = 1, .sid = 9, .count = {.injected = 2, .leaked_bytes = 7}}};
    assert_int_equal(response_rows_merge(r, 3), 2);
    assert_int_equal(r[0].sid, 2);
    assert_int_equal(r[1].count.injected, 3);
    assert_int_equal(r[1].count.died, 1);
    assert_int_equal(r[1].count.leaked_bytes, 7);
}

static void json(void **state)
{
    (void)state;
    struct flow_row r = {.addr = {addr("203.0.113.5"), addr("10.7.1.20")},
                         .port = {40000, 80},
                         .ver = 4,
                         .proto = 6,
                         .state = FLOW_NEW,
                         .tcp_state = TCP_SYN_SENT,
                         .id = 77,
                         .last_ns = 2000000000};
    struct sbuf b;
    struct json j;
    sbuf_init(&b);
    json_init(&j, &b);
    flow_row_json(&r, "mon1", &j);
    assert_non_null(strstr(sbuf_z(&b),
                           "\"proto\":\"TCP\",\"src_ip\":\"203.0.113.5\",\"src_port\":40000,"
                           "\"dest_ip\":\"10.7.1.20\",\"dest_port\":80,\"in_iface\":\"mon1\""));
    assert_non_null(strstr(sbuf_z(&b), "\"tcp_state\":\"syn_sent\""));
    sbuf_done(&b);
}

/* What an engine could make up. */
static void hostile(void **state)
{
    (void)state;
    struct record {
        uint32_t magic, type, size, n_fds;
        struct msg_surveyed s;
        struct flow_row row[2];
    } good = {0x52504d31u, MSG_SURVEYED,        sizeof(good) - 16,
              0,           {.n = 2, .last = 1}, {{.ver = 4}, {.ver = 6}}};
    assert_true(msg_valid(&good, sizeof(good), 0, FROM_ENGINE));
    assert_false(msg_valid(&good, sizeof(good), 0, FROM_LOGGER));
    for (unsigned k = 0; k < 8; k++) {
        struct record bad = good;
        bad.s.n = k == 0 ? 3 : k == 1 ? 1 : k == 2 ? UINT32_MAX : 2;
        bad.s.kind = k == 3 ? SURVEY_KINDS : k == 4 ? SURVEY_RESPONSES : SURVEY_FLOWS;
        bad.row[1].ver = k == 5 ? 5 : 6;
        bad.row[0].state = k == 6 ? FLOW_STATES : FLOW_NEW;
        bad.row[0].tcp_state = k == 7 ? TCP_CLOSED + 1 : TCP_NONE;
        assert_false(msg_valid(&bad, sizeof(bad), 0, FROM_ENGINE));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(words), cmocka_unit_test(order),
                                       cmocka_unit_test(merge), cmocka_unit_test(json),
                                       cmocka_unit_test(hostile)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
