/* SPDX-License-Identifier: GPL-2.0-or-later */
/* snort.conf: statements, variables, includes, what is mapped and what is named. */
#include "config/tree.h"

#include "base/hash.h"
#include "base/sbuf.h"
#include <errno.h>
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

static int load(struct world *w, const char *text, size_t n)
{
    char *exact = malloc(n ? n : 1);
    memcpy(exact, text, n);
    diags_init(&w->d, &w->arena);
    int rc = conf_load_text(w->c, "snort.conf", exact, n, CONF_FORMAT_SNORT, &w->d);
    free(exact);
    return rc;
}

static bool warned(const struct world *w, const char *words)
{
    for (const struct diag *x = w->d.first; x; x = x->next)
        if (strstr(x->reason, words))
            return true;
    return false;
}

/* One statement gives one setting and no warning. */
static void settings_are_mapped(void **state)
{
    (void)state;
    static const struct {
        const char *text, *path, *value;
    } cases[] = {
        {"config pcre_match_limit: 3000", "pcre.match-limit", "3000"},
        {"config flexresp2_attempts: 7", "response.attempts", "7"},
        {"config flexresp2_interface: eth7", "response.interface", "eth7"},
        {"config flexresp2_memcap: 100000", "response.table.memcap", "100000"},
        {"config flexresp2_rows: 512", "response.table.rows", "512"},
        {"config response: attempts 2", "response.attempts", "2"},
        {"config response: device eth1 dst_mac 00:01:02:03:04:05 attempts 9", "response.dst-mac",
         "00:01:02:03:04:05"},
        {"config response: eth0 attempts 2", "response.interface", "eth0"},
        {"config daq: pcap", "capture.library", "pcap"},
        {"output alert_csv: a.csv default", "outputs.0.csv.fields", "default"},
        {"output alert_csv: a.csv", "outputs.0.csv.filename", "a.csv"},
        {"output alert_csv: a.csv timestamp,msg, src 128M", "outputs.0.csv.fields",
         "timestamp,msg, src"},
        {"output alert_csv: a.csv timestamp,msg 128M", "outputs.0.csv.rotate-size", "128M"},
        {"output alert_csv: a.csv \"timestamp, msg\" 1K", "outputs.0.csv.rotate-size", "1K"},
        {"output alert_csv: a.csv \"timestamp, msg\" 1K", "outputs.0.csv.fields", "timestamp, msg"},
        {"config layer2resets: 00:06:76:DD:5F:E3", "response.src-mac", "00:06:76:DD:5F:E3"},
        {"config checksum_mode: none", "stream.checksum-validation", "no"},
        {"config checksum_mode : all", "stream.checksum-validation", "yes"},
        {"config daemon", "daemon", "yes"},
        {"config logdir: /tmp/x", "default-log-dir", "/tmp/x"},
        {"config interface: eth3", "capture.interfaces.0", "eth3"},
        {"config umask: 022", "umask", "022"},
        {"config nolog", "event.log-packets", "no"},
        {"config show_year", "event.year", "yes"},
        {"config detection_filter: memcap 100000", "detect.thresholds.memcap", "100000"},
        {"config bpf_file: f.bpf", "capture.bpf-file", "f.bpf"},
        {"config snaplen: 4096", "capture.snaplen", "4096"},
        {"config set_uid: snort", "run-as.user", "snort"},
        {"config order: pass activation log alert", "action-order.1", "activate"},
        {"config event_queue: max_queue 12 log 5 order_events priority", "detect.event-queue.order",
         "priority"},
        {"config event_queue: process_all_events", "detect.process-all-events", "yes"},
        {"config event_filter: memcap 100000", "detect.thresholds.memcap", "100000"},
        {"config tagged_packet_limit: 0", "detect.tag.packet-limit", "0"},
        {"var X 77\nconfig pkt_count: $X", "capture.packet-count", "77"},
        {"preprocessor frag3_global: max_frags 1000, memcap 8388608", "defrag.memcap", "8388608"},
        {"preprocessor frag3_engine: policy BSD-right timeout 90", "defrag.timeout", "90"},
        {"preprocessor frag3_engine: policy BSD-right", "defrag.host-os-policy.bsd-right.1",
         "::/0"},
        {"preprocessor frag3_engine: policy linux, bind_to [10.1.0.0/16,10.2.0.0/16]",
         "defrag.host-os-policy.linux.1", "10.2.0.0/16"},
        {"ipvar N [1.1.1.1,2.2.2.2]\npreprocessor stream5_tcp: bind_to $N, policy hpux",
         "stream.host-os-policy.hpux11.0", "1.1.1.1"},
        {"preprocessor stream5_tcp: timeout 45", "flow-timeouts.tcp.established", "45"},
        {"preprocessor stream5_tcp: policy first", "stream.midstream", "yes"},
        {"preprocessor stream5_udp: timeout 46", "flow-timeouts.udp.established", "46"},
        {"preprocessor stream4: timeout 47", "flow-timeouts.tcp.established", "47"},
        {"preprocessor http_inspect_server: server default profile iis ports { 80 8080 }",
         "app-layer.protocols.http.detection-ports.dp", "80, 8080"},
        {"preprocessor http_inspect_server: server default profile iis5_0 ports { 80 }",
         "app-layer.protocols.http.libhtp.default-config.personality", "IIS_7_0"},
        {"preprocessor http_inspect_server: server default post_depth 100",
         "app-layer.protocols.http.libhtp.default-config.request-body-limit", "100"},
        {"preprocessor ftp_telnet_protocol: ftp server default ports { 21 2121 }",
         "app-layer.protocols.ftp.detection-ports.dp", "21, 2121"},
        {"preprocessor modbus: ports { 502 }", "app-layer.protocols.modbus.enabled", "yes"},
        {"preprocessor ssl: ports { 443 465 }, trustservers, noinspect_encrypted",
         "app-layer.protocols.tls.detection-ports.dp", "443, 465"},
        {"output alert_fast: alerts.txt", "outputs.0.fast.filename", "alerts.txt"},
        {"output alert_fast", "outputs.0.fast.filename", "alert"},
        {"output alert_fast", "outputs.0.fast.format", "snort"},
        {"output log_tcpdump: t.log", "outputs.0.pcap-log.conditional", "alerts"},
        {"output alert_full: a, 128M", "outputs.0.full.rotate-size", "128M"},
        {"output alert_syslog: LOG_AUTH LOG_ALERT LOG_PID", "outputs.0.syslog.level", "alert"},
        {"output alert_syslog: host=h:514, LOG_AUTH LOG_ALERT", "outputs.0.syslog.host", "h:514"},
        {"output alert_syslog: LOG_LOCAL3", "outputs.0.syslog.facility", "local3"},
        {"output log_tcpdump: t.log", "outputs.0.pcap-log.filename", "t.log"},
        {"output log_tcpdump: t.log", "outputs.0.pcap-log.flows", "no"},
        {"output unified2: filename m.log, limit 128, nostamp, vlan_event_types",
         "outputs.0.unified2.limit", "128 MiB"},
        {"output log_unified2: filename m.log\noutput alert_fast: x", "outputs.1.fast.filename",
         "x"},
        {"output log_null", "event.log-packets", "no"},
    };
    struct world w = world_new();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(load(&w, cases[i].text, strlen(cases[i].text)), 0);
        const struct conf_node *n = conf_node(w.c, cases[i].path);
        if (!n || !n->value || w.d.first)
            print_message("# %s: %s\n", cases[i].text, w.d.first ? w.d.first->reason : "not set");
        assert_non_null(n);
        assert_string_equal(n->value, cases[i].value);
        assert_int_equal(w.d.warnings + w.d.errors, 0);
        assert_int_equal(n->line > 0 || !strcmp(cases[i].path, "stream.midstream"), 1);
    }
    world_done(&w);
}

/* What has no counterpart is said, with its name and place, and nothing else happens. */
static void rest_is_named(void **state)
{
    (void)state;
    static const struct {
        const char *text, *reason;
    } cases[] = {
        {"config autogenerate_preprocessor_decoder_rules", "no counterpart"},
        {"config paf_max: 16000", "config paf_max: no counterpart"},
        {"config flexresp2_attempts: 99", "not from 1 to 20"},
        {"config pcre_match_limit: many",
         "\"many\": not a whole number: left out, pcre.match-limit stays"},
        {"config react: page.html", "config react: accepted; no effect: no page is sent"},
        {"config order: foo alert", "action-order: foo is no action"},
        {"preprocessor bo", "preprocessor bo: no counterpart"},
        {"preprocessor sfportscan: proto { all } memcap { 1000 }", "preprocessor sfportscan"},
        {"preprocessor dns: ports { 53 } enable_rdata_overflow", "enable_rdata_overflow"},
        {"preprocessor frag3_engine: policy plan9", "unknown policy plan9"},
        {"output database: log, mysql, user=root",
         "output database is not here, left out; instead: "},
        {"output alert_ful: x",
         "output alert_ful: no such output, left out; did you mean alert_full"},
        {"output alert_csv: a.csv default banana", "banana is no limit"},
        {"config flexresp2_atempts: 7", "did you mean flexresp2_attempts"},
        {"config xyzzyplugh: 7", "unknown: config xyzzyplugh, left out"},
        {"config flexresp2_rows: banana", "\"banana\": not a whole number"},
        {"config flexresp2_rows: 3", "\"3\": out of range"},
        {"config flexresp2_memcap: -5", "\"-5\": not a size"},
        {"config daq: dpdk", "config daq: dpdk is not here"},
        {"config daq_mode: inline", "holds nothing back"},
        {"preprocesor bo", "unknown statement: preprocesor; did you mean preprocessor"},
        {"dynamicdetection directory /x", "shared-object rules"},
        {"ruletype odd\n{\n type log\n output log_tcpdum: x\n}\n",
         "output log_tcpdum: no such output"},
        {"ruletype odd\n{\n output log_tcpdump: x\n}\n", "ruletype odd: no type"},
        {"ruletype odd { type log } \nruletype odd2 { type log config x }",
         "ruletype odd2: config is not taken"},
        {"frobnicate: yes", "unknown statement: frobnicate"},
        {"var LONELY", "needs a name and a value"},
        {"include $NOWHERE/x.rules", "variable NOWHERE: not defined"},
        {"var A $B\nvar B $A\ninclude $A/x", "without end"},
        {"var A $(B:?say B)", "variable B: say B"},
    };
    struct world w = world_new();
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_int_equal(load(&w, cases[i].text, strlen(cases[i].text)), 0);
        assert_int_equal(w.d.errors, 0);
        assert_int_equal(w.d.warnings, 1);
        if (!strstr(w.d.first->reason, cases[i].reason))
            print_message("# %s\n", w.d.first->reason);
        assert_non_null(strstr(w.d.first->reason, cases[i].reason));
        assert_string_equal(w.d.first->file, "snort.conf");
        assert_true(w.d.first->line >= 1);
    }
    world_done(&w);
}

/* ruletype in rule files, whoever names them: types and their outputs are the configuration's. */
static void types_of_rule_files(void **state)
{
    (void)state;
    static const struct {
        const char *name, *text;
    } files[] = {
        {"a.rules", "# ruletype no { type log }\nalert tcp any any -> any any (msg:\"ruletype not\"; sid:1;)\n"
                    "ruletype red\n{\n type alert\n output alert_fast: red.log\n}\nred tcp any any -> any any (sid:2;)\n"
                    "include sub/b.rules\ninclude nothing.rules\n"},
        {"sub/b.rules", "ruletype blue { type drop output alert_fast: blue.log }\nblue tcp any any -> any any (sid:3;)\n"
                        "include c.rules\ninclude b.rules\n"},
        {"sub/c.rules", "ruletype open\n{\n type log\nalert tcp any any -> any any (sid:4;)\nruletype red { type pass }\n"},
    };
    char dir[] = "/tmp/riposte-test-XXXXXX", path[128];
    assert_non_null(mkdtemp(dir));
    snprintf(path, sizeof(path), "%s/sub", dir);
    assert_int_equal(mkdir(path, 0700), 0);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, files[i].name);
        FILE *f = fopen(path, "w");
        assert_non_null(f);
        assert_true(fputs(files[i].text, f) >= 0);
        fclose(f);
    }
    struct arena arena;
    struct diags d;
    arena_init(&arena, 0, 0);
    diags_init(&d, &arena);
    struct conf *c = conf_new();
    assert_int_equal(conf_load_stock(c), 0);
    snprintf(path, sizeof(path), "%s/a.rules", dir);
    assert_int_equal(conf_ruletypes_of(c, path, &d), 0);
    assert_int_equal(conf_ruletypes_of(c, "/nonexistent/x.rules", &d), 0);
    static const char *const want[][2] = {{"red", "alert"}, {"blue", "drop"}, {"open", "log"}};
    const char *type;
    for (unsigned i = 0; i < ARRAY_LEN(want); i++) {
        assert_string_equal(conf_ruletype(c, i, &type), want[i][0]);
        assert_string_equal(type, want[i][1]);
        assert_int_equal(conf_ruletype_find(c, str_cstr(want[i][0])), i);
    }
    assert_null(conf_ruletype(c, ARRAY_LEN(want), &type));
    unsigned own = 0;
    for (const struct conf_node *n = conf_node(c, "outputs")->child; n; n = n->next) {
        const char *name, *whose;
        const struct conf_node *o = conf_item(n, &name);
        if (o && (whose = conf_sub_str(o, "ruletype", NULL))) {
            assert_string_equal(name, "fast");
            assert_string_equal(whose, own ? "blue" : "red");
            own++;
        }
    }
    assert_int_equal(own, 2);
    assert_int_equal(d.errors, 0);
    assert_int_equal(d.warnings, 1); /* red stands twice; what b.rules includes of itself was there */
    conf_free(c);
    arena_done(&arena);
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, files[i].name);
        unlink(path);
    }
    snprintf(path, sizeof(path), "%s/sub", dir);
    rmdir(path);
    rmdir(dir);
}

static void note_var(void *ctx, const char *name, const char *text)
{
    (void)name;
    (void)text;
    (*(unsigned *)ctx)++;
}

static void variables(void **state)
{
    (void)state;
    static const char text[] = "var HOME_NET 10.0.0.0/8\n"
                               "ipvar EXTERNAL_NET !$HOME_NET\n"
                               "portvar HTTP_PORTS [80,\\\n   8080]\n"
                               "portvar HTTP_PORTS [$HTTP_PORTS,8443] \n"
                               "  # a comment \\\n"
                               "var WEB $(NOT_SET:-1.2.3.4)\n"
                               "var WEB2 [$(WEB),$(HOME_NET:-x)]\r\n"
                               "var P 25\n";
    struct world w = world_new();
    assert_int_equal(load(&w, text, sizeof(text) - 1), 0);
    assert_int_equal(w.d.warnings, 0);
    assert_string_equal(conf_address_var(w.c, "HOME_NET"), "10.0.0.0/8");
    assert_string_equal(conf_address_var(w.c, "EXTERNAL_NET"), "!$HOME_NET");
    assert_string_equal(conf_port_var(w.c, "HTTP_PORTS"), "[[80,    8080],8443]");
    assert_string_equal(conf_address_var(w.c, "WEB"), "1.2.3.4");
    assert_string_equal(conf_address_var(w.c, "WEB2"), "[$WEB,$HOME_NET]");
    assert_string_equal(conf_port_var(w.c, "P"), "25"); /* a plain var serves for both */
    assert_true(conf_var_is_fallback(w.c, true, "SSH_PORTS"));
    unsigned seen = 0;
    assert_int_equal(conf_each_var(w.c, false, note_var, &seen), 5);
    assert_int_equal(seen, 5);
    assert_int_equal(conf_format(w.c), CONF_FORMAT_SNORT);
    assert_int_equal(load(&w, "config daemon\n", 14), 0);
    assert_string_equal(conf_address_var(w.c, "HOME_NET"), "any");
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

static const char rule[] = "alert tcp any any -> any any (msg:\"x\"; sid:1;)\n";

/* A file that includes itself, and two that include each other; a long row of files is no circle. */
static void include_circles(void **state)
{
    (void)state;
    char dir[] = "/tmp/snort-XXXXXX", path[700], want[1500], line[60];
    assert_non_null(mkdtemp(dir));
    write_file(dir, "self.conf", "config checksum_mode: none\ninclude ./self.conf\n");
    write_file(dir, "a.conf", "# first\n\ninclude b.conf\n");
    write_file(dir, "b.conf", "config checksum_mode: none\nvar A 1\nvar B 1\ninclude a.conf\n");
    for (unsigned i = 0; i < 18; i++) { /* the last one includes nothing */
        snprintf(path, sizeof(path), "row%u", i);
        snprintf(line, sizeof(line), i < 17 ? "var A%u 1\ninclude row%u\n" : "var A%u 1\n", i, i + 1);
        write_file(dir, path, line);
    }
    static const struct {
        const char *name, *file;
        uint32_t line;
        const char *way;
    } t[] = {
        {"self.conf", "self.conf", 2, "goes round in a circle: %s/self.conf:2 -> %s/./self.conf"},
        {"a.conf", "b.conf", 4, "goes round in a circle: %s/a.conf:3 -> %s/b.conf:4 -> %s/a.conf"},
        {"row1", NULL, 0, NULL},
        {"row0", "row16", 2, "nested too deeply, more than 16: %s/row0:2 -> %s/row1:2 -> %s/row2:2"},
    };
    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        struct world w = world_new();
        diags_init(&w.d, &w.arena);
        snprintf(path, sizeof(path), "%s/%s", dir, t[i].name);
        assert_int_equal(conf_load(w.c, path, CONF_FORMAT_SNORT, &w.d), t[i].file ? -EINVAL : 0);
        assert_int_equal(w.d.errors, t[i].file ? 1 : 0);
        if (t[i].file) {
            snprintf(path, sizeof(path), "%s/%s", dir, t[i].file);
            assert_string_equal(w.d.newest->file, path);
            assert_int_equal(w.d.newest->line, t[i].line);
            size_t n = 0;
            for (const char *s = t[i].way; *s; s++)
                if (*s == '%')
                    n += (size_t)snprintf(want + n, sizeof(want) - n, "%s", dir), s++;
                else
                    want[n++] = *s;
            want[n] = 0;
            if (!strstr(w.d.newest->reason, want))
                fail_msg("\"%s\" lacks \"%s\"", w.d.newest->reason, want);
        }
        world_done(&w);
    }
    snprintf(path, sizeof(path), "rm -rf %s", dir);
    assert_int_equal(system(path), 0);
}

static void includes(void **state)
{
    (void)state;
    static const char *const names[] = {"snort.conf",     "rules/a.rules",     "rules/empty.rules",
                                        "class.config",   "ref.config",        "threshold.conf",
                                        "more.threshold", "rules/mixed.rules"};
    char dir[] = "/tmp/snort-XXXXXX", sub[600], path[700], mixed[300];
    assert_non_null(mkdtemp(dir));
    snprintf(sub, sizeof(sub), "%s/rules", dir);
    assert_int_equal(mkdir(sub, 0700), 0);
    write_file(dir, "snort.conf",
               "var RULE_PATH rules\ninclude class.config\ninclude ref.config\n"
               "include $RULE_PATH/a.rules\ninclude $RULE_PATH/empty.rules\n"
               "include $RULE_PATH/gone.rules\ninclude threshold.conf\ninclude more.threshold\n"
               "include $RULE_PATH/mixed.rules\n\n"
               "alert udp any any -> any any (sid:9;)\ndrop udp any any -> any any (sid:8;)\n"
               "suppress gen_id 1, sig_id 7\n");
    write_file(sub, "a.rules", rule);
    write_file(sub, "empty.rules", "# nothing\n\n");
    snprintf(mixed, sizeof(mixed), "portvar HTTP_PORTS 81\n%sconfig reference: url http://\n",
             rule);
    write_file(sub, "mixed.rules", mixed);
    write_file(dir, "class.config", "# c\nconfig classification: a,b,1\n");
    write_file(dir, "ref.config", "config reference: cve http://cve/\n");
    write_file(dir, "threshold.conf",
               "event_filter gen_id 1, sig_id 1, type limit, \\\n track "
               "by_src, count 1, seconds 60\n");
    write_file(dir, "more.threshold", "rate_filter gen_id 1, sig_id 2\n");
    struct world w = world_new();
    diags_init(&w.d, &w.arena);
    snprintf(path, sizeof(path), "%s/snort.conf", dir);
    assert_int_equal(conf_load(w.c, path, CONF_FORMAT_AUTO, &w.d), 0);
    assert_int_equal(conf_format(w.c), CONF_FORMAT_SNORT);
    assert_int_equal(w.d.warnings, 1);
    assert_non_null(strstr(w.d.first->reason, "gone.rules: No such file"));
    assert_int_equal(w.d.first->line, 6);
    const struct conf_rule_file *r;
    assert_int_equal(conf_rule_files(w.c, &r), 3);
    assert_non_null(strstr(r[0].path, "rules/a.rules"));
    assert_false(r[0].embedded);
    assert_string_equal(r[0].dialect, "snort2");
    assert_non_null(strstr(r[1].path, "rules/mixed.rules"));
    assert_true(r[1].embedded);
    assert_non_null(strstr(r[2].path, "snort.conf"));
    assert_true(r[2].embedded);
    assert_non_null(strstr(conf_str(w.c, "classification-file"), "class.config"));
    assert_non_null(strstr(conf_str(w.c, "reference-config-file"), "ref.config"));
    assert_non_null(strstr(conf_str(w.c, "threshold-file"), "threshold.conf"));
    const struct conf_line *l;
    assert_int_equal(conf_lines(w.c, CONF_LINE_THRESHOLD, &l), 2);
    assert_string_equal(l[0].text, "rate_filter gen_id 1, sig_id 2");
    assert_non_null(strstr(l[0].file, "more.threshold"));
    assert_string_equal(l[1].text, "suppress gen_id 1, sig_id 7");
    assert_int_equal(l[1].line, 13);
    assert_int_equal(conf_lines(w.c, CONF_LINE_REFERENCE, &l), 1);
    assert_int_equal(conf_lines(w.c, CONF_LINE_CLASS, &l), 0);
    assert_string_equal(conf_port_var(w.c, "HTTP_PORTS"), "81");
    world_done(&w);
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
        unlink(path);
    }
    rmdir(sub);
    rmdir(dir);
}

static void formats(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum conf_format format;
    } cases[] = {
        {"%YAML 1.1\n---\nstream:\n  memcap: 1\n", CONF_FORMAT_SURICATA},
        {"include: x.yaml\nvars:\n", CONF_FORMAT_SURICATA},
        {"# var\n# config x\noutputs:\n - fast:\n", CONF_FORMAT_SURICATA},
        {"var HOME_NET any\n", CONF_FORMAT_SNORT},
        {"config response: eth0 attempts 2\n", CONF_FORMAT_SNORT},
        {"preprocessor bo\noutput alert_fast: x\n", CONF_FORMAT_SNORT},
        {"include $RULE_PATH/a.rules\n", CONF_FORMAT_SNORT},
        {"alert tcp any any -> any any (msg:\"a: b\"; sid:1;)\n", CONF_FORMAT_SNORT},
        {"", CONF_FORMAT_SURICATA},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        assert_int_equal(format_guess(cases[i].text, strlen(cases[i].text)), cases[i].format);
}

/* Each line doubles what a variable stands for, by itself or through others: bounded in time and
 * room. */
static void growing_variables(void **state)
{
    (void)state;
    struct world w = world_new();
    struct sbuf b;
    sbuf_init(&b);
    sbuf_cstr(&b, "var T abcdefgh\n");
    for (unsigned i = 0; i < 40; i++)
        sbuf_cstr(&b, "var T $T$T$T\n");
    assert_int_equal(load(&w, (const char *)b.p, b.n), 0);
    assert_true(warned(&w, "too long a text"));
    world_done(&w);
    w = world_new();
    b.n = 0;
    sbuf_cstr(&b, "var V0 none\n");
    for (unsigned i = 1; i < 8; i++)
        for (unsigned k = 0; k < 20; k++) {
            if (k == 0)
                sbuf_printf(&b, "var V%u ", i);
            sbuf_printf(&b, "$V%u%s", i - 1, k == 19 ? "\n" : "");
        }
    sbuf_cstr(&b, "include $V7/x.rules\n");
    assert_int_equal(load(&w, (const char *)b.p, b.n), 0);
    assert_true(warned(&w, "too long a text"));
    sbuf_done(&b);
    world_done(&w);
}

static void every_cut(void **state)
{
    (void)state;
    static const char text[] =
        "var A $(B:-x)\nipvar C [$A,!$C]\nportvar P [1:2]\nconfig response: device $A dst_mac "
        "\"1\"\n"
        "preprocessor stream5_tcp: policy linux, bind_to [$C], ports both 1 2\\\n, { 3 [ } \n"
        "preprocessor ftp_telnet_protocol: ftp server default ports { 21 }\n"
        "output unified2: filename u, limit 1\nruletype t { type log output log_tcpdump: x }\n"
        "t tcp any any\n"
        "suppress gen_id 1\nalert ip any any -> any any (sid:1;)\ninclude $A/b\n";
    struct world w = world_new();
    for (size_t n = 0; n < sizeof(text); n++)
        assert_int_equal(load(&w, text, n), 0);
    uint64_t seed;
    assert_int_equal(random_bytes(&seed, sizeof(seed)), 0);
    print_message("# seed %llu\n", (unsigned long long)seed);
    for (unsigned i = 0; i < 1500; i++) {
        static const char odd[] = "$(){}[]\\\"\n,: !#";
        char noisy[sizeof(text)];
        memcpy(noisy, text, sizeof(text));
        for (unsigned k = 0; k < 6; k++) {
            seed = hash_mix(seed + k + 1);
            noisy[seed % sizeof(text)] = odd[(seed >> 40) % (sizeof(odd) - 1)];
        }
        int rc = load(&w, noisy, sizeof(text) - 1);
        assert_true(rc == 0 || (rc == -EINVAL && w.d.errors));
    }
    world_done(&w);
}

/* The peers' own files, where they are. */
static void reference_files(void **state)
{
    (void)state;
    static const char *const files[] = {"snort-2.8.conf", "snort-2.9.conf"};
    struct world w = world_new();
    for (size_t i = 0; i < ARRAY_LEN(files); i++) {
        char path[512];
        snprintf(path, sizeof(path), "%s/../shared/reference/%s", SOURCE_ROOT, files[i]);
        if (access(path, R_OK)) {
            print_message("# skipped: no %s\n", path);
            break;
        }
        diags_init(&w.d, &w.arena);
        assert_int_equal(conf_load(w.c, path, CONF_FORMAT_AUTO, &w.d), 0);
        assert_int_equal(conf_format(w.c), CONF_FORMAT_SNORT);
        assert_int_equal(w.d.errors, 0);
        for (const struct diag *g = w.d.first; g; g = g->next)
            assert_null(strstr(g->reason, "unknown"));
        assert_string_equal(conf_address_var(w.c, "HOME_NET"), "any");
        assert_int_equal(conf_int(w.c, "defrag.max-frags"), 65536);
        assert_non_null(
            conf_node(w.c, i ? "stream.host-os-policy.windows" : "stream.host-os-policy.first"));
        assert_int_equal(conf_bool(w.c, "stream.midstream"), i == 0); /* 2.9 wants the handshake */
    }
    world_done(&w);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_are_mapped),
        cmocka_unit_test(rest_is_named),
        cmocka_unit_test(variables),
        cmocka_unit_test(includes),
        cmocka_unit_test(include_circles),
        cmocka_unit_test(formats),
        cmocka_unit_test(growing_variables),
        cmocka_unit_test(types_of_rule_files), cmocka_unit_test(every_cut),
        cmocka_unit_test(reference_files),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
