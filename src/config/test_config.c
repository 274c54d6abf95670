/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tree, YAML, the table of settings, --set, variables, the stock configuration. */
#include "config/tree.h"

#include "base/hash.h"
#include <errno.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

struct world {
    struct arena arena;
    struct diags d;
    struct conf *c;
};

static struct world world_new(void)
{
    struct world w = {.c = conf_new()};
    assert_non_null(w.c);
    arena_init(&w.arena, 0, 0);
    return w;
}

static void world_done(struct world *w)
{
    conf_free(w->c);
    arena_done(&w->arena);
}

/* Reads from a heap block of exact size; the diags of the last read stay in w->d. */
static int load(struct world *w, const char *text, size_t n)
{
    char *exact = malloc(n ? n : 1);
    memcpy(exact, text, n);
    diags_init(&w->d, &w->arena);
    int rc = conf_load_text(w->c, "t.yaml", exact, n, CONF_FORMAT_AUTO, &w->d);
    free(exact);
    return rc;
}

static int load_z(struct world *w, const char *text)
{
    return load(w, text, strlen(text));
}

static void truths_and_times(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int truth;
        int64_t ns;
    } cases[] = {
        {"yes", 1, -1},
        {"TRUE", 1, -1},
        {"On", 1, -1},
        {"1", 1, 1000000000},
        {"no", 0, -1},
        {"off", 0, -1},
        {"0", 0, 0},
        {"false", 0, -1},
        {"maybe", -1, -1},
        {"", -1, -1},
        {"10", -1, 10000000000},
        {"10s", -1, 10000000000},
        {"100ms", -1, 100000000},
        {"7 us", -1, 7000},
        {"1m", -1, 60000000000},
        {"2h", -1, 7200000000000},
        {"1d", -1, 86400000000000},
        {"5x", -1, -1},
        {"99999999999999999d", -1, -1},
        {"-1", -1, -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        uint64_t ns = 0;
        assert_int_equal(conf_truth(cases[i].text), cases[i].truth);
        bool ok = value_time(cases[i].text, &ns);
        assert_int_equal(ok ? (int64_t)ns : -1, cases[i].ns);
    }
}

static void table_is_sound(void **state)
{
    (void)state;
    size_t n;
    const struct setting *s = settings_all(&n);
    assert_true(n > 300);
    for (size_t i = 0; i < n; i++) {
        assert_ptr_equal(setting_find(s[i].path), &s[i]); /* no row twice */
        assert_true(strlen(s[i].help) > 3);
        if (s[i].dflt)
            if (value_wrong(&s[i], s[i].dflt))
                fail_msg("%s: %s", s[i].path, s[i].dflt);
        assert_true(s[i].dflt || (s[i].type != SET_BOOL && s[i].type != SET_INT));
        assert_true(s[i].min <= s[i].max);
    }
    assert_null(setting_find("stream"));
    assert_string_equal(setting_nearest("stream.midstram"), "stream.midstream");
    assert_null(setting_nearest("zzzzzzzzzzzzzz"));
    assert_true(setting_covers("outputs.1.eve-log.enabled"));
    assert_true(setting_covers("stream.reassembly"));
    assert_false(setting_covers("stream.nothing"));
}

/* A value that means nothing ends the start, with its place and what is right. */
static void senseless_values(void **state)
{
    (void)state;
    static const struct {
        const char *text, *reason, *hint;
    } cases[] = {
        {"response:\n  mode: banana\n", "response.mode: banana", "auto, link, ip"},
        {"capture:\n  ring: v4\n", "capture.ring: v4", "auto, v2, v3"},
        {"exception-policy: explode\n", "exception-policy: explode", "drop-flow"},
        {"stream:\n  inline: perhaps\n", "stream.inline: perhaps", "auto, yes, no"},
        {"response:\n  attempts: 21\n", "out of range", "1 to 20"},
        {"flow:\n  memcap: -1\n", "not a size", "4096 to"},
        {"flow:\n  memcap: 99999999999999999999gb\n", "not a size", "4096 to"},
        {"flow:\n  memcap: 18446744073709551615\n", "out of range", "4096 to"},
        {"stats:\n  interval: -4\n", "not a time", "1 to"},
        {"decoder:\n  vxlan:\n    ports: 80,70000\n", "no such value", "ports:"},
        {"decoder:\n  vxlan:\n    ports: \"[80,\"\n", "no such value", "ports:"},
        {"app-layer:\n  protocols:\n    tls:\n      detection-ports:\n        dp: 443x\n",
         "no list of ports", NULL},
    };
    struct world w = world_new();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (load_z(&w, cases[i].text) != -EINVAL)
            fail_msg("%s", cases[i].text);
        assert_int_equal(w.d.errors, 1);
        assert_non_null(strstr(w.d.first->reason, cases[i].reason));
        assert_true(!cases[i].hint || strstr(w.d.first->hint, cases[i].hint));
        assert_string_equal(w.d.first->file, "t.yaml");
        assert_true(w.d.first->line >= 1);
    }
    static const char *const good[] = {
        "stream:\n  inline: true\n",
        "decoder:\n  vxlan:\n    ports: \"[4789, 8472:8475, !80]\"\n",
        "decoder:\n  teredo:\n    ports: $TEREDO_PORTS\n",
        "app-layer:\n  protocols:\n    tls:\n      detection-ports:\n        dp: 443, 8443\n",
        "app-layer:\n  protocols:\n    tls:\n      detection-ports:\n        dp: "
        "\"[443,[1:2,3]]\"\n",
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++)
        assert_int_equal(load_z(&w, good[i]), 0);
    assert_int_equal(load_z(&w, "respnse:\n  mode: link\n"), 0);
    assert_non_null(strstr(w.d.first->hint, "response"));
    world_done(&w);
}

static void built_in_defaults(void **state)
{
    (void)state;
    struct world w = world_new();
    assert_int_equal(load_z(&w, "stats:\n"), 0);
    assert_int_equal(w.d.warnings, 0);
    assert_int_equal(conf_bytes(w.c, "stream.reassembly.depth"), 0);
    assert_int_equal(conf_bytes(w.c, "app-layer.protocols.http.libhtp.default-config."
                                     "request-body-limit"),
                     4096);
    assert_int_equal(conf_ns(w.c, "flow-timeouts.tcp.established"), 300000000000);
    assert_true(conf_bool(w.c, "stream.checksum-validation"));
    assert_false(conf_bool(w.c, "stream.midstream"));
    assert_int_equal(conf_int(w.c, "packet-alert-max"), 15);
    assert_string_equal(conf_str(w.c, "stream.inline"), "auto");
    assert_null(conf_str(w.c, "stream.midstream-policy"));
    assert_null(conf_node(w.c, "outputs"));
    assert_int_equal(conf_app_mode(w.c, "dns", "udp"), CONF_APP_ON);
    assert_int_equal(conf_app_mode(w.c, "modbus", NULL), CONF_APP_OFF);
    assert_int_equal(conf_app_mode(w.c, "imap", NULL), CONF_APP_DETECT);
    assert_int_equal(conf_app_mode(w.c, "unheard-of", NULL), CONF_APP_ON);
    world_done(&w);
}

static void yaml_shapes(void **state)
{
    (void)state;
    struct world w = world_new();
    int rc = load_z(&w, "%YAML 1.1\n---\n"
                        "vars:\n"
                        "  address-groups:\n"
                        "    HOME_NET: \"[10.0.0.0/8]\"\n"
                        "outputs:\n"
                        "  - fast:\n"
                        "      enabled: yes\n"
                        "  - eve-log: &eve\n"
                        "      types:\n"
                        "        - alert\n"
                        "        - http: {extended: no}\n"
                        "        - dns:\n"
                        "  - eve-log:\n"
                        "      <<: *eve\n"
                        "      filename: two.json\n"
                        "stream: {mem_cap: 1mb, memcap: 2mb, midstream: true}\n"
                        "stream:\n"
                        "  memcap: 3mb\n");
    assert_int_equal(rc, 0);
    assert_int_equal(w.d.warnings, 0);
    assert_int_equal(conf_bytes(w.c, "stream.memcap"), 3 << 20);
    assert_false(conf_bool(w.c, "stream.midstream")); /* the second map replaced the first */
    const struct conf_node *outputs = conf_node(w.c, "outputs");
    assert_int_equal(outputs->kind, CONF_LIST);
    const char *name;
    const struct conf_node *eve = conf_item(outputs->child->next->next, &name);
    assert_string_equal(name, "eve-log");
    assert_string_equal(conf_sub_str(eve, "filename", "x"), "two.json");
    assert_int_equal(eve->line, 14);
    assert_int_equal(eve->column, 5);
    const struct conf_node *type = conf_sub(eve, "types")->child;
    const struct conf_node *inner = conf_item(type, &name);
    assert_string_equal(name, "alert");
    assert_null(inner->child);
    inner = conf_item(type->next, &name);
    assert_string_equal(name, "http");
    assert_false(conf_sub_bool(inner, "extended", true));
    inner = conf_item(type->next->next, &name);
    assert_string_equal(name, "dns");
    assert_int_equal(conf_sub_int(inner, "version", 3), 3);
    assert_string_equal(conf_node(w.c, "outputs.1.eve-log.types.1.http.extended")->value, "no");
    assert_string_equal(conf_address_var(w.c, "HOME_NET"), "[10.0.0.0/8]");
    world_done(&w);
}

static void yaml_errors(void **state)
{
    (void)state;
    static const struct {
        const char *text, *reason;
        unsigned line, column;
    } cases[] = {
        {"a: [b\nc: d\n", "did not find expected", 2, 0},
        {"- a\n- b\n", "not a map", 1, 1},
        {"stream:\n  memcap: a lot\n", "not a size", 2, 3},
        {"stream:\n  midstream: perhaps\n", "neither yes nor no", 2, 3},
        {"packet-alert-max: 0\n", "out of range", 1, 1},
        {"stats: {interval: 10 parsecs}\n", "not a time", 1, 9},
        {"vars: *nothing\n", "no such anchor", 1, 7},
        {"outputs: &a [*a]\n", "no such anchor", 1, 14},
        {"[a, b]: c\n", "plain word", 1, 1},
        {"stats:\n  <<: word\n", "<< takes maps", 2, 7},
        {"rules: [{dialect: snort2}]\n", "without a file", 1, 9},
        {"rules: [{file: x, dialect: snort9}]\n", "no such dialect", 1, 9},
    };
    struct world w = world_new();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        if (load_z(&w, cases[i].text) != -EINVAL)
            fail_msg("%s", cases[i].text);
        assert_int_equal(w.d.errors, 1);
        assert_non_null(strstr(w.d.first->reason, cases[i].reason));
        assert_string_equal(w.d.first->file, "t.yaml");
        assert_int_equal(w.d.first->line, cases[i].line);
        if (cases[i].column)
            assert_int_equal(w.d.first->column, cases[i].column);
    }
    world_done(&w);
}

static void unknown_keys(void **state)
{
    (void)state;
    struct world w = world_new();
    assert_int_equal(load_z(&w, "stream:\n  midstraem: yes\nplugins: {anything: 1}\n"
                                "vars: {address-groups: {X: 1}}\nnonsense: {a: {b: c}}\n"),
                     0);
    assert_int_equal(w.d.warnings, 2);
    assert_int_equal(w.d.first->line, 2);
    assert_string_equal(w.d.first->reason, "unknown setting: stream.midstraem");
    assert_string_equal(w.d.first->hint, "did you mean stream.midstream?");
    assert_string_equal(w.d.first->next->reason, "unknown setting: nonsense");
    assert_null(w.d.first->next->hint);
    world_done(&w);
}

static void limits_hold(void **state)
{
    (void)state;
    struct world w = world_new();
    char deep[600] = "outputs: ";
    for (int i = 9; i < 200; i++)
        deep[i] = '[';
    assert_int_equal(load_z(&w, deep), -EINVAL);
    assert_int_equal(w.d.errors, 1);
    /* Ten levels of ten aliases each: 10^10 nodes if nobody counts. */
    char laughs[2000];
    int n = snprintf(laughs, sizeof(laughs), "profiling:\n  a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n");
    for (int i = 1; i < 10; i++) {
        int up = i - 1;
        n += snprintf(laughs + n, sizeof(laughs) - (size_t)n,
                      "  a%d: &a%d [*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d,*a%d]\n", i, i, up, up, up,
                      up, up, up, up, up);
    }
    assert_int_equal(load_z(&w, laughs), -EINVAL);
    assert_non_null(strstr(w.d.first->reason, "too large"));
    world_done(&w);
}

static void assignments(void **state)
{
    (void)state;
    struct world w = world_new();
    diags_init(&w.d, &w.arena);
    assert_int_equal(conf_set(w.c, "stream.midstream=true", &w.d), 0);
    assert_int_equal(
        load_z(&w, "outputs: [{fast: {enabled: no}}, {eve-log: {types: [alert, ftp]}}]\n"
                   "stream: {midstream: no, memcap: 1mb}\n"
                   "host-os-policy: {linux: [10.0.0.0/8, \"::1\"], bsd: '1.1.1.1, 2.2.2.2'}\n"),
        0);
    assert_true(conf_bool(w.c, "stream.midstream"));
    assert_int_equal(conf_bytes(w.c, "stream.memcap"), 1 << 20);
    assert_int_equal(conf_set(w.c, "outputs.0.fast.enabled=yes", &w.d), 0);
    assert_true(conf_sub_bool(conf_node(w.c, "outputs.0.fast"), "enabled", false));
    assert_int_equal(conf_set(w.c, "outputs.1.eve-log.types.1.ftp.extended=yes", &w.d), 0);
    const char *name;
    const struct conf_node *ftp = conf_item(conf_node(w.c, "outputs.1.eve-log.types.1"), &name);
    assert_string_equal(name, "ftp");
    assert_true(conf_sub_bool(ftp, "extended", false));
    assert_int_equal(conf_set(w.c, "outputs.2.stats.enabled=no", &w.d), 0);
    assert_string_equal(conf_node(w.c, "outputs.2.stats.enabled")->value, "no");
    assert_int_equal(conf_set(w.c, " sensor-name = a=b", &w.d), 0);
    assert_string_equal(conf_str(w.c, "sensor-name"), "a=b");
    assert_int_equal(conf_set(w.c, "reputation-files=x.list", &w.d), 0);
    assert_string_equal(conf_node(w.c, "reputation-files.0")->value, "x.list");
    assert_int_equal(conf_set(w.c, "vars.address-groups.MY_NET=1.2.3.4", &w.d), 0);
    assert_string_equal(conf_address_var(w.c, "MY_NET"), "1.2.3.4");
    assert_int_equal(w.d.errors + w.d.warnings, 0);
    assert_int_equal(conf_set(w.c, "stream.memcap=lots", &w.d), -EINVAL);
    assert_int_equal(conf_set(w.c, "no assignment", &w.d), -EINVAL);
    assert_int_equal(conf_set(w.c, "=x", &w.d), -EINVAL);
    assert_int_equal(w.d.errors, 3);
    assert_int_equal(conf_bytes(w.c, "stream.memcap"), 1 << 20);
    /* An unknown key ends it and names the nearest; a section is none by itself. */
    static const struct {
        const char *set, *hint;
    } unknown[] = {{"stream.memcp=1", "did you mean stream.memcap?"},
                   {"strem.memcap=1", "did you mean stream.memcap?"},
                   {"zzzzzzzzzzzz=1", "riposte config show lists them"}};
    for (size_t i = 0; i < ARRAY_LEN(unknown); i++) {
        diags_init(&w.d, w.d.arena);
        assert_int_equal(conf_set(w.c, unknown[i].set, &w.d), -EINVAL);
        assert_int_equal(w.d.errors, 1);
        assert_string_equal(w.d.first->hint, unknown[i].hint);
    }
    diags_init(&w.d, w.d.arena);
    size_t all;
    const struct setting *row = settings_all(&all);
    for (size_t i = 0; i < all; i++) { /* a number that is empty has been lost on the way */
        static const char *const what[] = {[SET_INT] = "not a whole number", [SET_BYTES] = "not a size",
                                           [SET_TIME] = "not a time", [SET_BOOL] = "neither yes nor no",
                                           [SET_STR] = NULL, [SET_MAP] = NULL, [SET_LIST] = NULL};
        char set[CONF_PATH];
        snprintf(set, sizeof(set), "%s= ", row[i].path);
        assert_int_equal(conf_set(w.c, set, &w.d), what[row[i].type] ? -EINVAL : 0);
        if (what[row[i].type] && !strstr(w.d.newest->reason, what[row[i].type]))
            fail_msg("%s: %s", set, w.d.newest->reason);
    }
    assert_int_equal(conf_set(w.c, "umask=027", &w.d), 0);
    assert_int_equal(conf_set(w.c, "umask=999", &w.d), -EINVAL);
    assert_int_equal(conf_set(w.c, "umask=1777", &w.d), -EINVAL);
    world_done(&w);
}

/* A value of another kind than its row's is an error with its place, not silence. */
static void kinds_of_values(void **state)
{
    (void)state;
    static const struct {
        const char *text, *reason;
        bool error;
    } rows[] = {
        {"vars: []\n", "vars: a map is expected", true},
        {"stream: foo\n", "stream: a map is expected", true},
        {"vars:\n  address-groups: any\n", "vars.address-groups: a map is expected", true},
        {"outputs: foo\n", "outputs: a list is expected", true},
        {"outputs: {fast: {enabled: yes}}\n", "outputs: a list is expected", true},
        {"rule-files: a.rules\n", "rule-files: a list is expected", true},
        {"host-os-policy: [a]\n", "host-os-policy: a map is expected", true},
        {"action-order: [pass, alrt]\n", "action-order: alrt is no action", false},
        {"action-order: [pass, drop, odd]\nruletypes: [{odd: {type: log}}]\n", NULL, false},
        {"vars:\noutputs:\nhost-os-policy: {}\nrule-files: []\n", NULL, false},
        {"response:\n  networks: any\nrules: a.rules\ndetect-engine: x\n", NULL, false},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct world w = world_new();
        assert_int_equal(load_z(&w, rows[i].text), rows[i].error ? -EINVAL : 0);
        assert_int_equal(w.d.errors + w.d.warnings, rows[i].reason ? 1 : 0);
        if (rows[i].reason) {
            assert_non_null(strstr(w.d.first->reason, rows[i].reason));
            assert_true(w.d.first->line >= 1);
            assert_non_null(w.d.first->hint);
        }
        world_done(&w);
    }
}

/* What is known and does nothing says so, below a map, too. */
static void says_no_effect(void **state)
{
    (void)state;
    static const struct {
        const char *set, *why;
    } rows[] = {
        {"daemon-directory=/", "relative"},
        {"unix-command.enabled=no", "no effect"},
        {"lua.allow-rules=yes", "no effect"},
        {"app-layer.protocols.smb.max-tx=3", "not parsed"},
        {"app-layer.protocols.ftp.enabled=no", 0},
        {"flow.memcap=1mb", 0},
        {"outputs.0.fast.enabled=no", 0},
    };
    struct world w = world_new();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        diags_init(&w.d, &w.arena);
        assert_int_equal(conf_set(w.c, rows[i].set, &w.d), 0);
        assert_int_equal(w.d.warnings, rows[i].why ? 1 : 0);
        if (rows[i].why)
            assert_non_null(strstr(w.d.first->reason, rows[i].why));
    }
    world_done(&w);
}

static void count_row(void *ctx, const struct setting *s, const char *value, const char *source)
{
    unsigned *seen = ctx;
    if (!strcmp(s->path, "stream.memcap")) {
        assert_string_equal(value, "1mb");
        assert_string_equal(source, "t.yaml:2");
        (*seen)++;
    } else if (!strcmp(s->path, "stream.midstream")) {
        assert_string_equal(value, "yes");
        assert_string_equal(source, "--set");
        (*seen)++;
    } else if (!strcmp(s->path, "rule-files")) {
        assert_string_equal(value, "[a.rules, b.rules]");
        (*seen)++;
    } else if (!strcmp(s->path, "flow.memcap")) {
        assert_string_equal(value, "32mb");
        assert_string_equal(source, "default");
        (*seen)++;
    }
}

static void shows_each(void **state)
{
    (void)state;
    struct world w = world_new();
    unsigned seen = 0;
    assert_int_equal(load_z(&w, "stream:\n  memcap: 1mb\nrule-files: [a.rules, b.rules]\n"
                                "default-rule-path: /r/\n"),
                     0);
    assert_int_equal(conf_set(w.c, "stream.midstream=yes", &w.d), 0);
    conf_each(w.c, count_row, &seen);
    assert_int_equal(seen, 4);
    const struct conf_rule_file *r;
    assert_int_equal(conf_rule_files(w.c, &r), 2);
    assert_string_equal(r[1].path, "/r/b.rules");
    assert_null(r[1].dialect);
    assert_int_equal(conf_format(w.c), CONF_FORMAT_SURICATA);
    assert_int_equal(load_z(&w, "rules: [x.rules, {file: /y.rules, dialect: snort3}]\n"), 0);
    assert_int_equal(conf_format(w.c), CONF_FORMAT_RIPOSTE);
    assert_int_equal(conf_rule_files(w.c, &r), 2);
    assert_string_equal(r[0].path, "x.rules");
    assert_string_equal(r[1].dialect, "snort3");
    world_done(&w);
}

static void note_policy(void *ctx, const char *policy, const char *network)
{
    char *text = ctx;
    size_t n = strlen(text);
    snprintf(text + n, 256 - n, "%s=%s ", policy, network);
}

static void policies_and_variables(void **state)
{
    (void)state;
    struct world w = world_new();
    char text[256] = "";
    assert_int_equal(load_z(&w,
                            "host-os-policy: {linux: [10.0.0.0/8, \"::1\"], bsd: '1.1.1.1,2.2.2.2',"
                            " windows: []}\ndefrag: {host-os-policy: {first: '[0.0.0.0/0]'}}\n"),
                     0);
    assert_int_equal(conf_each_host_policy(w.c, false, note_policy, text), 4);
    assert_string_equal(text, "linux=10.0.0.0/8 linux=::1 bsd=1.1.1.1 bsd=2.2.2.2 ");
    text[0] = 0;
    assert_int_equal(conf_each_host_policy(w.c, true, note_policy, text), 1);
    assert_string_equal(text, "first=0.0.0.0/0 ");
    assert_true(conf_var_is_fallback(w.c, false, "SIP_SERVERS"));
    assert_string_equal(conf_address_var(w.c, "SIP_SERVERS"), "$HOME_NET");
    assert_string_equal(conf_port_var(w.c, "FILE_DATA_PORTS"), "[$HTTP_PORTS,110,143]");
    assert_null(conf_port_var(w.c, "HOME_NET"));
    assert_null(conf_address_var(w.c, "NO_SUCH"));
    assert_false(conf_var_is_fallback(w.c, false, "NO_SUCH"));
    world_done(&w);
}

static void write_file(const char *dir, const char *name, const char *text)
{
    char path[512];
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_true(fputs(text, f) >= 0);
    fclose(f);
}

static void circle_told(const struct world *w, const char *dir, const char *way)
{
    char want[2000];
    size_t n = 0;
    for (const char *s = way; *s && n < sizeof(want); s++)
        if (*s == '@') {
            n += (size_t)snprintf(want + n, sizeof(want) - n, "%s", dir);
        } else {
            want[n++] = *s;
        }
    want[n] = 0;
    const char *told = strstr(w->d.newest->reason, "circle: ");
    assert_non_null(told);
    assert_string_equal(told + 8, want);
}

static void includes(void **state)
{
    (void)state;
    char dir[] = "/tmp/conf-XXXXXX", path[600], sub[600];
    assert_non_null(mkdtemp(dir));
    snprintf(sub, sizeof(sub), "%s/sub", dir);
    assert_int_equal(mkdir(sub, 0700), 0);
    write_file(dir, "main.yaml",
               "stream: {memcap: 1mb}\nflow: {memcap: 1mb}\n"
               "include: [sub/a.yaml, b.yaml]\nflow: {memcap: 5mb}\n"
               "vars:\n  address-groups:\n    include: sub/nets.yaml\n"
               "  port-groups: !include sub/ports.yaml\n");
    write_file(sub, "a.yaml", "stream: {memcap: 2mb}\ninclude: c.yaml\n");
    write_file(sub, "c.yaml", "host: {memcap: 7mb}\n");
    write_file(sub, "nets.yaml", "%YAML 1.1\n---\nA_NET: 1.1.1.1\n");
    write_file(sub, "ports.yaml", "P_PORTS: 99\n");
    write_file(dir, "b.yaml", "flow: {memcap: 2mb}\n");
    write_file(dir, "loop.yaml", "flow: {}\ninclude: loop.yaml\n");
    write_file(dir, "round.yaml", "flow: {}\ninclude:\n - b.yaml\n - sub/back.yaml\n");
    write_file(sub, "back.yaml", "flow: {}\nstream: {}\ninclude: ../round.yaml\n");
    write_file(dir, "twice.yaml", "include: [b.yaml, b.yaml]\n");
    write_file(dir, "gone.yaml", "flow: {}\ninclude: nowhere.yaml\n");
    struct world w = world_new();
    diags_init(&w.d, &w.arena);
    snprintf(path, sizeof(path), "%s/main.yaml", dir);
    assert_int_equal(conf_load(w.c, path, CONF_FORMAT_AUTO, &w.d), 0);
    assert_int_equal(w.d.warnings, 0);
    assert_int_equal(conf_bytes(w.c, "stream.memcap"), 2 << 20);
    assert_int_equal(conf_bytes(w.c, "flow.memcap"), 5 << 20);
    assert_int_equal(conf_bytes(w.c, "host.memcap"), 7 << 20);
    assert_string_equal(conf_address_var(w.c, "A_NET"), "1.1.1.1");
    assert_string_equal(conf_port_var(w.c, "P_PORTS"), "99");
    snprintf(path, sizeof(path), "%s/loop.yaml", dir);
    assert_int_equal(conf_load(w.c, path, CONF_FORMAT_AUTO, &w.d), -EINVAL);
    assert_string_equal(w.d.newest->file, path);
    assert_int_equal(w.d.newest->line, 2);
    circle_told(&w, dir, "@/loop.yaml:2 -> @/loop.yaml");
    snprintf(path, sizeof(path), "%s/round.yaml", dir); /* two files, the first one by another name */
    assert_int_equal(conf_load(w.c, path, CONF_FORMAT_AUTO, &w.d), -EINVAL);
    assert_non_null(strstr(w.d.newest->file, "sub/back.yaml"));
    assert_int_equal(w.d.newest->line, 3);
    circle_told(&w, dir, "@/round.yaml:4 -> @/sub/back.yaml:3 -> @/sub/../round.yaml");
    snprintf(path, sizeof(path), "%s/twice.yaml", dir); /* one behind the other is no circle */
    assert_int_equal(conf_load(w.c, path, CONF_FORMAT_AUTO, &w.d), 0);
    snprintf(path, sizeof(path), "%s/gone.yaml", dir);
    assert_int_equal(conf_load(w.c, path, CONF_FORMAT_AUTO, &w.d), -EINVAL);
    assert_int_equal(w.d.errors, 3);
    snprintf(path, sizeof(path), "%s/none.yaml", dir);
    assert_int_equal(conf_load(w.c, path, CONF_FORMAT_AUTO, &w.d), -ENOENT);
    world_done(&w);
    static const char *const all[] = {"main.yaml",     "b.yaml",        "loop.yaml",
                                      "gone.yaml",     "sub/a.yaml",    "sub/c.yaml",
                                      "sub/nets.yaml", "sub/ports.yaml", "round.yaml", "sub/back.yaml", "twice.yaml"};
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, all[i]);
        unlink(path);
    }
    rmdir(sub);
    rmdir(dir);
}

static void every_cut(void **state)
{
    (void)state;
    static const char text[] = "%YAML 1.1\n---\nvars: &v {address-groups: {A: \"b\\n\"}}\n"
                               "include: x\nstream:\n  <<: [*v]\n  memcap: 1mb\n"
                               "rules:\n - {file: a, dialect: snort2}\n - b\n";
    struct world w = world_new();
    for (size_t n = 0; n < sizeof(text); n++) {
        int rc = load(&w, text, n);
        assert_true(rc == 0 || (rc == -EINVAL && w.d.errors));
    }
    uint64_t seed;
    assert_int_equal(random_bytes(&seed, sizeof(seed)), 0);
    print_message("# seed %llu\n", (unsigned long long)seed);
    for (unsigned i = 0; i < 1500; i++) {
        char noisy[sizeof(text)];
        memcpy(noisy, text, sizeof(text));
        for (unsigned k = 0; k < 4; k++) {
            seed = hash_mix(seed + k + 1);
            noisy[seed % sizeof(text)] = (char)(seed >> 40);
        }
        int rc = load(&w, noisy, sizeof(text) - 1);
        assert_true(rc == 0 || (rc == -EINVAL && w.d.errors));
    }
    world_done(&w);
}

static void stock_holds(void **state)
{
    (void)state;
    struct world w = world_new();
    assert_int_equal(conf_load_stock(w.c), 0);
    assert_int_equal(conf_bytes(w.c, "stream.reassembly.depth"), 1 << 20);
    assert_int_equal(conf_ns(w.c, "flow-timeouts.tcp.established"), 600000000000);
    assert_string_equal(conf_address_var(w.c, "EXTERNAL_NET"), "!$HOME_NET");
    assert_false(conf_var_is_fallback(w.c, false, "EXTERNAL_NET"));
    diags_init(&w.d, &w.arena);
    assert_int_equal(conf_set(w.c, "outputs.1.eve-log.types.2.anomaly.types.stream=yes", &w.d), 0);
    assert_true(
        conf_sub_bool(conf_node(w.c, "outputs.1.eve-log.types.2.anomaly.types"), "stream", false));
    assert_int_equal(conf_app_mode(w.c, "dns", "tcp"), CONF_APP_ON);
    assert_int_equal(conf_app_mode(w.c, "sip", "udp"), CONF_APP_ON);
    assert_int_equal(conf_app_mode(w.c, "pgsql", "tcp"), CONF_APP_OFF);
    world_done(&w);
}

/* Every scalar of the peer's stock file whose row means something has the value of ours. */
static void same_as(const struct conf *ours, const struct conf_node *n, char *path, size_t at,
                    unsigned *same)
{
    for (const struct conf_node *k = n->child; k; k = k->next) {
        int len = snprintf(path + at, CONF_PATH - at, "%s%s", at ? "." : "", k->name);
        const struct setting *row = setting_find(path);
        bool skip = (row && strstr(row->help, "no effect")) || !strncmp(path, "datasets", 8) ||
                    !strcmp(path, "classification-file") || !strcmp(path, "reference-config-file");
        if (!skip && k->kind == CONF_SCALAR && *k->value) {
            const struct conf_node *o = conf_node(ours, path);
            bool equal =
                o && o->value &&
                (!strcmp(o->value, k->value) ||
                 (conf_truth(o->value) >= 0 && conf_truth(o->value) == conf_truth(k->value)));
            if (!equal)
                print_message("# %s: %s, ours %s\n", path, k->value,
                              o && o->value ? o->value : "-");
            assert_true(equal);
            (*same)++;
        } else if (!skip) {
            same_as(ours, k, path, at + (size_t)len, same);
        }
        path[at] = 0;
    }
}

static void stock_is_the_peers(void **state)
{
    (void)state;
    static const char file[] = "../shared/conformance/stock.yaml";
    char path[CONF_PATH] = "";
    snprintf(path, sizeof(path), "%s/%s", SOURCE_ROOT, file);
    /* cmocka's skip() writes "not ok # SKIP", which meson counts as a failure. */
    if (access(path, R_OK)) {
        print_message("# skipped: no %s\n", path);
        return;
    }
    struct world w = world_new(), stock = world_new();
    unsigned same = 0;
    diags_init(&w.d, &w.arena);
    assert_int_equal(conf_load(w.c, path, CONF_FORMAT_AUTO, &w.d), 0);
    assert_int_equal(w.d.warnings, 0);
    assert_int_equal(conf_load_stock(stock.c), 0);
    path[0] = 0;
    same_as(stock.c, conf_node(w.c, ""), path, 0, &same);
    assert_true(same > 200);
    world_done(&w);
    world_done(&stock);
}

/* ------------------------------------------------------------------ virtual IPSs */

static const char three_vips[] = "default-log-dir: /l\n"
                                 "rule-files: [common.rules]\n"
                                 "stream: {memcap: 1mb, midstream: yes}\n"
                                 "outputs: [fast: {enabled: yes}]\n"
                                 "virtual-ips:\n"
                                 "  - name: one\n"
                                 "    stream: {memcap: 2mb}\n"
                                 "    outputs: [eve-log: {enabled: yes}, fast: {enabled: no}]\n"
                                 "  - name: two\n"
                                 "    rule-files: [two.rules]\n"
                                 "    default-log-dir: /own\n"
                                 "  - name: three\n"
                                 "    steam: {x: 1}\n";

static void virtual_ipss(void **state)
{
    (void)state;
    static const struct {
        const char *name, *dir, *rules, *memcap;
        unsigned outputs;
    } cases[] = {
        {"one", "/l/one", "common.rules", "2mb", 2},
        {"two", "/own", "two.rules", "1mb", 1},
        {"three", "/l/three", "common.rules", "1mb", 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world w = world_new();
        assert_int_equal(load_z(&w, three_vips), 0);
        assert_null(w.d.first); /* entries are looked at when they are chosen */
        assert_int_equal(conf_vips(w.c), 3);
        assert_string_equal(conf_vips_name(w.c, (unsigned)i), cases[i].name);
        assert_int_equal(conf_vips_choose(w.c, cases[i].name, &w.d), 0);
        assert_string_equal(conf_str(w.c, "vips.name"), cases[i].name);
        assert_string_equal(conf_str(w.c, "default-log-dir"), cases[i].dir);
        assert_string_equal(conf_str(w.c, "stream.memcap"), cases[i].memcap);
        assert_true(conf_bool(w.c, "stream.midstream")); /* beside what it says itself */
        const struct conf_rule_file *f;
        assert_int_equal(conf_rule_files(w.c, &f), 1);
        assert_non_null(strstr(f[0].path, cases[i].rules));
        unsigned n = 0;
        for (const struct conf_node *o = conf_node(w.c, "outputs")->child; o; o = o->next)
            n++;
        assert_int_equal(n, cases[i].outputs); /* a list replaces */
        assert_null(conf_node(w.c, "virtual-ips"));
        assert_int_equal(w.d.first != NULL, i == 2); /* steam: with its place */
        if (i == 2)
            assert_int_equal(w.d.first->line, 13);
        world_done(&w);
    }
}

/* --set holds over an entry, and the folder of each stays its own. */
static void virtual_ipss_set(void **state)
{
    (void)state;
    struct world w = world_new();
    assert_int_equal(load_z(&w, three_vips), 0);
    assert_int_equal(conf_set(w.c, "stream.memcap=3mb", &w.d), 0);
    assert_int_equal(conf_set(w.c, "default-log-dir=/s", &w.d), 0);
    assert_int_equal(conf_vips_choose(w.c, "two", &w.d), 0);
    assert_string_equal(conf_str(w.c, "stream.memcap"), "3mb");
    assert_string_equal(conf_str(w.c, "default-log-dir"), "/s/two");
    world_done(&w);
    w = world_new();
    assert_int_equal(load_z(&w, three_vips), 0);
    assert_int_equal(conf_vips_choose(w.c, "four", &w.d), -ENOENT);
    assert_int_equal(w.d.errors, 1);
    world_done(&w);
}

static void virtual_ipss_refused(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        uint32_t line;
    } cases[] = {
        {"virtual-ips: {a: 1}\n", 1},
        {"virtual-ips:\n  - vars: {}\n", 2},
        {"virtual-ips:\n  - name: ../etc\n", 2},
        {"virtual-ips:\n  - name: all\n", 2},
        {"virtual-ips:\n  - name: -x\n", 2},
        {"virtual-ips:\n  - name: a\n  - name: b\n  - name: a\n", 4},
        {"virtual-ips:\n  - name: a\n    daemon: yes\n", 3},
        {"virtual-ips:\n  - name: a\n    virtual-ips: []\n", 3},
        {"virtual-ips:\n  - word\n", 2},
        {"control: {socket: /x}\nvirtual-ips:\n  - name: a\n", 1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct world w = world_new();
        assert_int_equal(load_z(&w, cases[i].text), -EINVAL);
        assert_int_equal(w.d.first->line, cases[i].line);
        world_done(&w);
    }
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(truths_and_times), cmocka_unit_test(table_is_sound),
        cmocka_unit_test(senseless_values), cmocka_unit_test(built_in_defaults),
        cmocka_unit_test(yaml_shapes),      cmocka_unit_test(yaml_errors),
        cmocka_unit_test(unknown_keys),     cmocka_unit_test(limits_hold),
        cmocka_unit_test(assignments),      cmocka_unit_test(says_no_effect),
        cmocka_unit_test(kinds_of_values),  cmocka_unit_test(virtual_ipss),
        cmocka_unit_test(virtual_ipss_set), cmocka_unit_test(virtual_ipss_refused),
        cmocka_unit_test(shows_each),       cmocka_unit_test(policies_and_variables),
        cmocka_unit_test(includes),         cmocka_unit_test(every_cut),
        cmocka_unit_test(stock_holds),      cmocka_unit_test(stock_is_the_peers),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
