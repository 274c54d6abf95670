/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Words of responses, rules by query, own networks, settings; what a mirror can't prevent. */
#include "verdict/respond_test.h"

#include "config/config.h"
#include "verdict/query.h"

#include <unistd.h>

static void words(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int rc;
        uint8_t bits;
        const char *bad;
    } cases[] = {
        {"reset_both", 0, RESP_RST_BOTH, NULL},
        {" reset_source , icmp_port ", 0, RESP_RST_SRC | RESP_ICMP_PORT, NULL},
        {"RST_ALL,ICMP_ALL", 0, RESP_RST_BOTH | RESP_ICMP_ALL, NULL},
        {"rst_snd", 0, RESP_RST_SRC, NULL},
        {"rst_rcv,icmp_net,icmp_host", 0, RESP_RST_DST | RESP_ICMP_NET | RESP_ICMP_HOST, NULL},
        {"icmp_admin", 0, RESP_ICMP_ADMIN, NULL},
        {"none", 0, 0, NULL},
        {"", 0, 0, NULL},
        {"reset", -1, 0, "reset"},
        {"reset_both,,icmp_port", -1, 0, ""},
        {"reset_both icmp_port", -1, 0, "reset_both icmp_port"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint8_t bits = 0xaa;
        struct str bad = STR("");
        assert_int_equal(response_words(str_cstr(cases[i].text), &bits, &bad), cases[i].rc);
        if (cases[i].rc)
            assert_true(str_eq(bad, str_cstr(cases[i].bad)));
        else
            assert_int_equal(bits, cases[i].bits);
    }
}

/* ------------------------------------------------------------------ queries */

static const char rules_text[] =
    "alert tcp any any -> any any (msg:\"ET TROJAN, the first\"; content:\"a1b2\"; classtype:trojan-activity; sid:100; "
    "rev:3; metadata:attack_target Server, tag x;)\n"
    "drop udp any any -> any 53 (msg:\"policy thing\"; content:\"c3d4\"; classtype:policy-violation; sid:200; rev:1;)\n"
    "alert tcp any any -> any any (msg:\"named\"; content:\"e5f6\"; classtype:trojan-activity; sid:300; rev:1; "
    "resp:icmp_host;)\n"
    "alert icmp any any -> any any (msg:\"gid\"; itype:8; gid:3; sid:400; rev:1; priority:7;)\n";

static struct image *image_of(const char *text, struct diags *d)
{
    char path[] = "/tmp/riposte-test-XXXXXX";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    close(fd);
    struct rules_options o = {0};
    struct rule_loader *l = rules_begin(&o);
    assert_int_equal(rules_add_text(l, "t.rules", str_cstr(text), DIALECT_SURICATA), 0);
    struct rule_set *s = rules_finish(l, 1);
    assert_non_null(s);
    assert_int_equal(s->n_refusals, 0);
    assert_int_equal(image_build(s, path, 1, d), 0);
    rules_free(s);
    struct image *i = image_open(path, d);
    assert_non_null(i);
    unlink(path);
    return i;
}

static void queries(void **state)
{
    (void)state;
    static const struct {
        const char *text, *sids; /* in order; NULL: refused */
    } cases[] = {
        {"all", "100 200 300 400 "},
        {"*", "100 200 300 400 "},
        {"sid:200", "200 "},
        {"sid:100,300", "100 300 "},
        {"sid:150-350", "200 300 "},
        {"sid:-200", "100 200 "},
        {"sid:300-", "300 400 "},
        {"!sid:300-", "100 200 "},
        {"gid:3", "400 "},
        {"rev:3", "100 "},
        {"priority:7", "400 "},
        {"classtype:trojan-activity", "100 300 "},
        {"classtype:TROJAN-activity,policy-violation", "100 200 300 "},
        {"classtype:trojan-activity !sid:300", "100 "},
        {"  classtype:trojan-activity \t action:alert  ", "100 300 "},
        {"action:drop", "200 "},
        {"!action:alert", "200 "},
        {"dialect:suricata", "100 200 300 400 "},
        {"dialect:snort2", ""},
        {"msg:trojan", "100 "},
        {"msg:\"TROJAN, the\"", "100 "},
        {"msg:policy,named", "200 300 "},
        {"metadata:attack_target=server", "100 "},
        {"metadata:tag", "100 "},
        {"metadata:tag=y", ""},
        {"", NULL},
        {"   ", NULL},
        {"sid", NULL},
        {"sid:", NULL},
        {"sid:x", NULL},
        {"sid:5-3", NULL},
        {"sid:-", NULL},
        {"sid:5,", NULL},
        {"colour:red", NULL},
        {"msg:\"open", NULL},
        {"msg:\"a\"sid:5", NULL},
        {"!", NULL},
        {"classtype :x", NULL},
    };
    struct arena arena;
    struct diags d;
    arena_init(&arena, 0, 0);
    diags_init(&d, &arena);
    struct image *i = image_of(rules_text, &d);
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        /* exact-size memory, each cut of it parsed, too */
        size_t n = strlen(cases[c].text);
        for (size_t cut = 0; cut <= n; cut++) {
            uint8_t *heap = malloc(cut ? cut : 1);
            const char *why;
            memcpy(heap, cases[c].text, cut);
            struct query *q = query_parse(&arena, str_of(heap, cut), &why);
            free(heap);
            assert_true(!q == !!why);
            if (cut < n)
                continue;
            if (!q != !cases[c].sids)
                fail_msg("\"%s\": %s", cases[c].text, q ? "taken" : why);
            char got[100] = "";
            for (uint32_t k = 0; q && k < image_n_rules(i); k++) {
                struct image_rule_info r;
                image_rule(i, k, &r);
                struct overlay_rule now = {.action = r.action, .response = r.response};
                if (query_match(q, i, k, &now))
                    snprintf(got + strlen(got), sizeof(got) - strlen(got), "%u ", r.sid);
            }
            /* the image may order rules as it likes */
            for (const char *s = cases[c].sids; s && *s; s += 4) {
                char one[6];
                snprintf(one, sizeof(one), "%.4s", s);
                if (!strstr(got, one))
                    fail_msg("\"%s\": %s", cases[c].text, got);
            }
            if (cases[c].sids)
                assert_int_equal(strlen(got), strlen(cases[c].sids));
        }
    }
    image_close(i);
    arena_done(&arena);
}

/* ------------------------------------------------------------------ settings */

static struct conf *conf_of(const char *yaml, struct diags *d)
{
    char path[] = "/tmp/riposte-test-XXXXXX.yaml";
    int fd = mkstemps(path, 5);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, yaml, strlen(yaml)), strlen(yaml));
    close(fd);
    struct conf *c = conf_new();
    assert_int_equal(conf_load(c, path, CONF_FORMAT_RIPOSTE, d), 0);
    unlink(path);
    return c;
}

#define VARS "vars:\n  address-groups:\n    HOME_NET: \"[10.7.0.0/16,!10.7.9.0/24,fd07::/16]\"\n"

static bool own(struct response_policy *p, const char *text)
{
    struct ip_addr a;
    uint8_t ver;
    assert_true(ip_parse(str_cstr(text), &a, &ver));
    return response_policy_own(p, ver, &a);
}

static void networks(void **state)
{
    (void)state;
    static const struct {
        const char *yaml, *yes, *no;
        bool error;
    } cases[] = {
        {VARS, "10.7.1.20", "10.8.1.20", false},
        {VARS, "10.7.255.255", "10.7.9.1", false},
        {VARS, "fd07::1", "fd08::1", false},
        {VARS "response:\n  networks: [192.168.0.0/16, 203.0.113.7]\n", "203.0.113.7", "10.7.1.20", false},
        {VARS "response:\n  networks: [\"$HOME_NET\", 203.0.113.7]\n", "10.7.1.20", "203.0.113.8", false},
        {VARS "response:\n  networks: any\n", "1.2.3.4", NULL, false},
        {VARS "response:\n  networks: [any]\n", "2001::1", NULL, false},
        {VARS "response:\n  networks: [10.0.0.300]\n", NULL, "10.7.1.20", true},
        {VARS "response:\n  networks: [\"$NOBODY\"]\n", NULL, "10.7.1.20", true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena arena;
        struct diags d;
        arena_init(&arena, 0, 0);
        diags_init(&d, &arena);
        struct conf *c = conf_of(cases[i].yaml, &d);
        struct response_policy *p = response_policy_new(c, &d);
        assert_non_null(p);
        if (cases[i].yes && !own(p, cases[i].yes))
            fail_msg("%s is not own in %s", cases[i].yes, cases[i].yaml);
        if (cases[i].no && own(p, cases[i].no))
            fail_msg("%s is own in %s", cases[i].no, cases[i].yaml);
        assert_int_equal(d.errors > 0, cases[i].error);
        response_policy_free(p);
        conf_free(c);
        arena_done(&arena);
    }
    response_policy_free(NULL);
}

static const char *var(void *ctx, bool port, const char *name)
{
    (void)ctx, (void)port, (void)name;
    return NULL;
}

/* Rules that name no response get the first that fits; others keep theirs. */
static void by_default(void **state)
{
    (void)state;
    struct arena arena;
    struct diags d;
    arena_init(&arena, 0, 0);
    diags_init(&d, &arena);
    struct conf *c = conf_of("response:\n"
                             "  default:\n"
                             "    - {query: \"sid:200\", resp: icmp_port}\n"
                             "    - {query: \"nonsense\", resp: icmp_port}\n"
                             "    - {query: \"all\", resp: \"reset_all\"}\n"
                             "    - {query: \"all\"}\n"
                             "    - {query: \"classtype:trojan-activity,policy-violation\", resp: reset_both}\n",
                             &d);
    char text[sizeof(rules_text) + 200];
    snprintf(text, sizeof(text), "%salert tcp any any -> any any (msg:\"marks\"; content:\"g7h8\"; flowbits:set,x; flowbits:noalert; "
             "classtype:trojan-activity; sid:500;)\n", rules_text);
    struct image *i = image_of(text, &d);
    assert_int_equal(d.errors, 0);
    struct response_policy *p = response_policy_new(c, &d);
    assert_int_equal(d.errors, 3); /* no such key, no such word, no resp */
    struct overlay_options o = {.var = var, .version = 1, .tune = response_policy_tune, .tune_ctx = p};
    struct overlay *v = overlay_build(i, &o, &d);
    assert_non_null(v);
    static const struct {
        uint32_t gid, sid;
        uint8_t response;
    } want[] = {{1, 100, RESP_RST_BOTH}, {1, 200, RESP_ICMP_PORT}, {1, 300, RESP_ICMP_HOST}, {3, 400, 0}, {1, 500, 0}};
    for (size_t k = 0; k < ARRAY_LEN(want); k++) {
        int64_t at = image_find_sid(i, want[k].gid, want[k].sid);
        assert_true(at >= 0);
        assert_int_equal(overlay_rule(v, (uint32_t)at)->response, want[k].response);
    }
    overlay_close(v);
    response_policy_free(p);
    image_close(i);
    conf_free(c);
    arena_done(&arena);
}

/* Entries that fit, in order; those that can't be read are left out; what fitted nothing is told. */
static void overrides(void **state)
{
    (void)state;
    struct arena arena;
    struct diags d;
    arena_init(&arena, 0, 0);
    diags_init(&d, &arena);
    struct conf *c = conf_of("rule-overrides:\n"
                             "  - {query: \"sid:100\", action: drop, priority: 1}\n"
                             "  - {query: \"sid:100\", priority: 7, resp: reset_both}\n"
                             "  - {query: \"sid:200\", enabled: no}\n"
                             "  - {query: \"action:drop\", action: reject}\n"
                             "  - {query: \"sid:12345\", enabled: no}\n"
                             "  - {query: \"sid:300\"}\n"
                             "  - {query: \"sid:300\", action: dorp}\n"
                             "  - {query: \"sid:300\", enabled: perhaps}\n"
                             "  - {query: \"sid:300\", priority: 0}\n"
                             "  - {query: \"sid:300\", colour: red}\n"
                             "  - {query: \"nonsense\", enabled: no}\n",
                             &d);
    struct image *i = image_of(rules_text, &d);
    assert_int_equal(d.errors, 0);
    struct response_policy *p = response_policy_new(c, &d);
    assert_int_equal(d.errors, 6);
    assert_int_equal(d.first->line, 7);
    struct overlay_options o = {.var = var, .version = 1, .tune = response_policy_tune, .tune_ctx = p};
    struct overlay *v = overlay_build(i, &o, &d);
    assert_non_null(v);
    assert_true(overlay_reorders(v));
    const struct overlay_rule *a = overlay_rule(v, (uint32_t)image_find_sid(i, 1, 100)), *b = overlay_rule(v, (uint32_t)image_find_sid(i, 1, 200)),
                              *e = overlay_rule(v, (uint32_t)image_find_sid(i, 1, 300));
    assert_int_equal(a->action, ACTION_REJECT); /* what an entry before has made of it is what a later one sees */
    assert_int_equal(a->priority, 7);
    assert_int_equal(a->response, RESP_RST_BOTH);
    assert_int_equal(a->enabled, 1);
    assert_int_equal(b->enabled, 0);
    assert_int_equal(e->action, ACTION_ALERT);
    uint32_t before = d.errors;
    struct diags told;
    diags_init(&told, &arena);
    response_policy_tell(p, &told);
    assert_non_null(told.first);
    assert_null(told.first->next); /* of 12345 alone */
    assert_int_equal(told.first->line, 6);
    assert_int_equal(d.errors, before);
    overlay_close(v);
    response_policy_free(p);
    image_close(i);
    conf_free(c);
    arena_done(&arena);
}

/* Other rules come into force: what is open and what was counted keeps its rule. */
static void other_rules(void **state)
{
    (void)state;
    struct arena arena;
    struct diags d;
    arena_init(&arena, 0, 0);
    diags_init(&d, &arena);
    struct image *from = image_of(rules_text, &d);
    struct image *to = image_of("alert tcp any any -> any any (msg:\"new\"; content:\"zz99\"; sid:50;)\n"
                                "alert tcp any any -> any any (msg:\"newer\"; content:\"yy99\"; sid:60;)\n"
                                "alert tcp any any -> any any (msg:\"other text\"; content:\"a1b2\"; sid:100; rev:4;)\n",
                                &d);
    struct lab *w = lab_new(NULL);
    w->dp = 53;
    w->rule = (uint32_t)image_find_sid(from, 1, 100);
    w->response = RESP_ICMP_PORT;
    lab_udp(w, 'c', 10);
    w->sp++;
    w->rule = (uint32_t)image_find_sid(from, 1, 200);
    w->response = RESP_ICMP_PORT;
    lab_udp(w, 'c', 10);
    responder_rules(w->r, from, from);
    responder_rules(w->r, from, to);
    struct response_counters c;
    assert_true(responder_rule_counters(w->r, (uint32_t)image_find_sid(to, 1, 100), &c));
    assert_int_equal(c.requested, 1);
    uint32_t rule;
    assert_true(responder_rule_at(w->r, 1, &rule, &c));
    assert_int_equal(rule, UINT32_MAX);
    assert_int_equal(c.requested, 1);
    lab_wait(w, 2 * SEC);
    assert_int_equal(w->n_reports, 2);
    assert_int_equal(w->report[0].rule, image_find_sid(to, 1, 100));
    assert_int_equal(w->report[1].rule, UINT32_MAX);
    lab_free(w);
    image_close(from);
    image_close(to);
    arena_done(&arena);
}

static void configuration(void **state)
{
    (void)state;
    struct arena arena;
    struct diags d;
    struct response_config r;
    arena_init(&arena, 0, 0);
    diags_init(&d, &arena);
    struct conf *c = conf_of("response:\n  attempts: 7\n  rate-limit: 50\n  target-rate-limit: 5\n"
                             "  dst-mac: \"02:00:00:AA:bb:01\"\n  src-mac: 02-00-00-00-00-02\n  on-drop: icmp_all\n"
                             "  table: {rows: 100, time: 3, memcap: 64kb}\n",
                             &d);
    response_config_read(c, NULL, &r, &d);
    assert_int_equal(r.attempts, 7);
    assert_int_equal(r.rate_per_s, 50);
    assert_int_equal(r.rate_per_target_s, 5);
    assert_int_equal(r.table_rows, 100);
    assert_int_equal(r.table_bytes, 65536);
    assert_int_equal(r.table_ns, 3 * SEC);
    assert_true(r.has_dst_mac && r.has_src_mac && r.chase);
    assert_memory_equal(r.dst_mac, "\x02\0\0\xaa\xbb\x01", 6);
    assert_memory_equal(r.src_mac, "\x02\0\0\0\0\x02", 6);
    assert_int_equal(response_on_drop(c, &d), RESP_ICMP_ALL);
    assert_int_equal(d.errors, 0);
    conf_free(c);
    static const char *const bad[] = {"response: {dst-mac: \"02:00:00:00:00\"}", "response: {dst-mac: \"02:00:00:00:00:01:02\"}",
                                      "response: {src-mac: \"hello\"}", "response: {src-mac: \"01:00:5e:00:00:01\"}",
                                      "response: {dst-mac: \"ff:ff:ff:ff:ff:ff\"}", "response: {on-drop: everything}"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        uint32_t before = d.errors;
        c = conf_of(bad[i], &d);
        response_config_read(c, NULL, &r, &d);
        assert_false(r.has_dst_mac || r.has_src_mac);
        (void)response_on_drop(c, &d);
        assert_int_equal(d.errors, before + 1);
        conf_free(c);
    }
    static const struct {
        const char *yaml;
        uint8_t bits;
    } drops[] = {{"response: {on-drop: none}", 0},
                 {"response: {on-drop: no}", 0},
                 {"response: {on-drop: yes}", RESP_RST_BOTH | RESP_ICMP_PORT},
                 {"response: {attempts: 4}", RESP_RST_BOTH | RESP_ICMP_PORT}};
    for (size_t i = 0; i < ARRAY_LEN(drops); i++) {
        c = conf_of(drops[i].yaml, &d);
        assert_int_equal(response_on_drop(c, &d), drops[i].bits);
        conf_free(c);
    }
    arena_done(&arena);
}

/* A drop rule is answered by response.on-drop unless it names an answer of its own, or one end. */
static void what_a_mirror_answers(void **state)
{
    (void)state;
    const uint8_t on = RESP_RST_BOTH | RESP_ICMP_PORT;
    static const struct {
        unsigned action;
        uint8_t response, answer;
    } cases[] = {
        {ACTION_ALERT, 0, 0},
        {ACTION_ALERT, RESP_RST_SRC, RESP_RST_SRC},
        {ACTION_DROP, 0, RESP_RST_BOTH | RESP_ICMP_PORT},
        {ACTION_DROP, RESP_RST_SRC, RESP_RST_SRC},
        {ACTION_BLOCK, 0, RESP_RST_BOTH | RESP_ICMP_PORT},
        {ACTION_REJECT, 0, RESP_RST_BOTH | RESP_ICMP_PORT},
        {ACTION_REJECTSRC, 0, RESP_RST_SRC | RESP_ICMP_PORT},
        {ACTION_REJECTDST, 0, RESP_RST_DST | RESP_ICMP_PORT},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(response_on_mirror(cases[i].action, cases[i].response, on), cases[i].answer);
    assert_int_equal(response_on_mirror(ACTION_DROP, 0, 0), 0);
}

static void what_a_mirror_cannot(void **state)
{
    (void)state;
    static const struct {
        const char *text, *part;
    } cases[] = {
        {"alert udp any any -> any 53 (msg:\"u\"; content:\"abcd\"; sid:1; resp:icmp_port;)\n", "one packet"},
        {"alert tcp any any -> any 80 (msg:\"t\"; content:\"abcd\"; sid:1; resp:reset_both;)\n", NULL},
        {"alert ip any any -> any any (msg:\"i\"; content:\"abcd\"; sid:1; resp:reset_both;)\n", NULL},
        {"alert icmp any any -> any any (msg:\"i\"; itype:8; sid:1; resp:icmp_host;)\n", "one packet"},
        {"alert quic any any -> any any (msg:\"q\"; content:\"abcd\"; sid:1; resp:icmp_port;)\n", "QUIC"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rules_options o = {0};
        struct rule_loader *l = rules_begin(&o);
        assert_int_equal(rules_add_text(l, "t.rules", str_cstr(cases[i].text), DIALECT_SURICATA), 0);
        struct rule_set *s = rules_finish(l, 1);
        assert_int_equal(s->n_rules, 1);
        const char *why = response_limit(s->rules[0]);
        assert_int_equal(!why, !cases[i].part);
        if (why)
            assert_non_null(strstr(why, cases[i].part));
        unsigned quic = 9, n = response_lint(s, NULL, NULL, &quic);
        assert_int_equal(n, why != NULL);
        assert_int_equal(quic, why && strstr(why, "QUIC"));
        response_mirror_note(s);
        assert_int_equal(s->diags.warnings, n);
        rules_free(s);
    }
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words),         cmocka_unit_test(queries),       cmocka_unit_test(networks),
        cmocka_unit_test(by_default), cmocka_unit_test(overrides),   cmocka_unit_test(other_rules),   cmocka_unit_test(configuration),
        cmocka_unit_test(what_a_mirror_cannot), cmocka_unit_test(what_a_mirror_answers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
