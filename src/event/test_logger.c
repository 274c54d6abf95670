/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The logger as the configuration makes it: all outputs, what they want, failing memory. */
#include "event/logger_impl.h"
#include "event/test_help.h"
#include "event/writer.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static const struct logger_identity id = {.sensor = "s"};

struct scene {
    struct arena a;
    struct diags d;
    struct bench b;
    char *dir;
};

static void scene_new(struct scene *s)
{
    arena_init(&s->a, 0, 0);
    diags_init(&s->d, &s->a);
    bench_new(&s->b, 1 << 16, 0);
    s->dir = test_dir();
}

static void scene_free(struct scene *s)
{
    bench_free(&s->b);
    test_dir_free(s->dir);
    arena_done(&s->a);
}

static void alert(struct scene *s, uint64_t number)
{
    bench_event(&s->b, EVENT_ALERT)->number = number;
    bench_alert(&s->b, "msg", "cls");
    struct event_packet p = {.link = 1, .len = 3, .wire_len = 3, .ts_ns = 1468449727573103000u};
    event_section2(s->b.e, SECTION_PACKET, &p, sizeof(p), "abc", 3);
    assert_true(event_end(s->b.e));
}

static void is_file(const char *dir, const char *name, const char *part)
{
    size_t n;
    char *text = test_file(dir, name, &n);
    if (!text)
        fail_msg("%s is not there", name);
    if (!memmem(text, n, part, strlen(part)))
        fail_msg("%s: no %s in %.200s", name, part, text);
    free(text);
}

static void test_stock(void **state)
{
    (void)state;
    struct scene s;
    struct event_wants w;
    scene_new(&s);
    struct conf *c = conf_new();
    assert_int_equal(conf_load_stock(c), 0);
    event_wants_read(c, &w);
    assert_true(w.any && w.alert && w.flow && w.stats && w.fileinfo && w.anomaly_app && w.response);
    assert_true(w.stats_totals && w.alert_app_metadata && w.alert_tagged && w.metadata);
    assert_false(w.drop || w.netflow || w.anomaly_decode || w.anomaly_stream || w.packet_bytes);
    assert_false(w.packets_alerted || w.packets_kept);
    assert_false(w.packets_all || w.alert_payload || w.alert_packet || w.alert_verdict);
    assert_non_null(event_wants_app(&w, "http"));
    assert_non_null(event_wants_app(&w, "bittorrent_dht"));
    assert_null(event_wants_app(&w, "pgsql"));
    assert_null(event_wants_app(&w, "modbus"));
    assert_true(conf_sub_bool(event_wants_app(&w, "tls"), "extended", false));
    assert_int_equal(w.stats_interval_ns, 8000000000u);
    assert_string_equal(w.decoder_events_prefix, "decoder.event");
    struct logger *l = logger_new(c, s.dir, &id, &s.d);
    assert_int_equal(s.d.errors, 0);
    alert(&s, 1);
    assert_int_equal(logger_drain(l, &s.b.reader, 1, false, 0), 1);
    assert_int_equal(logger_counters(l)->alerts, 1);
    logger_free(l);
    is_file(s.dir, "eve.json", "\"event_type\":\"alert\"");
    is_file(s.dir, "fast.log", "07/13/2016-22:42:07.573103  [**] [1:2002152:2] msg");
    is_file(s.dir, "stats.log", "");
    assert_int_equal(test_names(s.dir, ""), 3);
    conf_free(c);
    scene_free(&s);
}

#define O(n, name) "outputs." #n "." name

static void packet_of(struct scene *s, uint64_t number, uint32_t worker, uint32_t link, bool passed)
{
    struct event *e = bench_event(&s->b, EVENT_FRAME);
    e->number = number;
    e->worker = worker;
    e->ts_ns = 1468449727573103000u + number * 1000000000u;
    e->more = passed ? EVENT_PASSED : 0;
    struct event_packet p = {.link = link, .len = 3, .wire_len = 3, .ts_ns = e->ts_ns};
    event_section2(s->b.e, SECTION_PACKET, &p, sizeof(p), number & 1 ? "odd" : "evn", 3);
    assert_true(event_end(s->b.e));
}

/* pcap-log: a file for each worker where `mode: multi` says so; %n, %i its number, %t the time. */
static void test_files_by_worker(void **state)
{
    (void)state;
    struct scene s;
    struct event_wants w;
    static const char *const settings[] = {
        O(0, "pcap-log.enabled=yes"), O(0, "pcap-log.filename=a.%n.%t.pcap"), O(0, "pcap-log.mode=multi"),
        O(1, "pcap-log.enabled=yes"), O(1, "pcap-log.filename=b"), O(1, "pcap-log.mode=multi"),
        O(1, "pcap-log.limit=40"), O(1, "pcap-log.max-files=1"),
        O(2, "pcap-log.enabled=yes"), O(2, "pcap-log.filename=c%%n"),
        O(3, "pcap-log.enabled=yes"), O(3, "pcap-log.filename=d%i%%"), O(3, "pcap-log.mode=multi"), NULL};
    scene_new(&s);
    struct conf *c = test_conf(settings);
    event_wants_read(c, &w);
    assert_true(w.packets_all && !w.packets_passed);
    struct logger *l = logger_new(c, s.dir, &id, &s.d);
    assert_int_equal(s.d.errors, 0);
    packet_of(&s, 1, 0, 1, false);
    packet_of(&s, 2, 1, 1, false);
    packet_of(&s, 3, 0, 101, false);
    logger_drain(l, &s.b.reader, 1, false, 0);
    logger_flush(l);
    is_file(s.dir, "a.1.1468449728.pcap", "odd");
    is_file(s.dir, "a.2.1468449729.pcap", "evn");
    is_file(s.dir, "a.1.1468449730.pcap.link101", "odd");
    is_file(s.dir, "b.1.1468449728", "odd");
    is_file(s.dir, "b.2.1468449729", "evn");
    is_file(s.dir, "b.1.link101.1468449730", "odd");
    is_file(s.dir, "c%%n.1468449728", "evn"); /* one for all, by just that name */
    is_file(s.dir, "c%%n.link101.1468449730", "odd");
    is_file(s.dir, "d1%.1468449728", "odd");
    is_file(s.dir, "d2%.1468449729", "evn");
    is_file(s.dir, "d1%.link101.1468449730", "odd");
    packet_of(&s, 4, 1, 1, false); /* over the limit: the next file of worker 2, and its first is gone */
    logger_drain(l, &s.b.reader, 1, false, 0);
    logger_free(l);
    is_file(s.dir, "b.2.1468449731", "evn");
    size_t n;
    assert_null(test_file(s.dir, "b.2.1468449729", &n));
    is_file(s.dir, "b.1.1468449728", "odd");
    conf_free(c);
    scene_free(&s);
}

/* honor-pass-rules: packets that a passed flow brings are not written; other outputs have them. */
static void test_passed_flows(void **state)
{
    (void)state;
    struct scene s;
    struct event_wants w;
    static const char *const settings[] = {O(0, "pcap-log.enabled=yes"), O(0, "pcap-log.filename=all"),
                                           O(1, "pcap-log.enabled=yes"), O(1, "pcap-log.filename=some"),
                                           O(1, "pcap-log.honor-pass-rules=yes"), NULL};
    scene_new(&s);
    struct conf *c = test_conf(settings);
    event_wants_read(c, &w);
    assert_true(w.packets_all && w.packets_passed);
    struct logger *l = logger_new(c, s.dir, &id, &s.d);
    packet_of(&s, 1, 0, 1, false);
    packet_of(&s, 2, 0, 1, true);
    logger_drain(l, &s.b.reader, 1, false, 0);
    logger_free(l);
    is_file(s.dir, "all.1468449728", "odd");
    is_file(s.dir, "all.1468449728", "evn");
    is_file(s.dir, "some.1468449728", "odd");
    size_t n;
    char *text = test_file(s.dir, "some.1468449728", &n);
    assert_null(memmem(text, n, "evn", 3));
    free(text);
    conf_free(c);
    scene_free(&s);
}
static void test_all_outputs(void **state)
{
    (void)state;
    struct scene s;
    struct event_wants w;
    static const char *const settings[] = {O(0, "fast.enabled=yes"),
                                           O(0, "fast.format=snort"),
                                           O(0, "fast.filename=alert"),
                                           O(1, "full.enabled=yes"),
                                           O(1, "full.filename=alert.full"),
                                           O(2, "unified2.enabled=yes"),
                                           O(2, "unified2.filename=snort.u2"),
                                           O(3, "pcap-log.enabled=yes"),
                                           O(3, "pcap-log.conditional=alerts"),
                                           O(3, "pcap-log.filename=snort.log"),
                                           O(4, "unified2.enabled=yes"),
                                           O(4, "unified2.filename=bare.u2"),
                                           O(4, "unified2.nostamp=yes"),
                                           O(4, "unified2.records=alerts"),
                                           O(5, "fast.enabled=no"),
                                           O(6, "no-such-output.enabled=yes"),
                                           O(7, "eve-log.enabled=yes"),
                                           O(7, "eve-log.prefix=@cee: "),
                                           O(7, "eve-log.types.0=alert"),
                                           NULL};
    scene_new(&s);
    struct conf *c = test_conf(settings);
    event_wants_read(c, &w);
    assert_true(w.alert && w.packet_bytes && !w.packets_all && w.alert_app_metadata);
    struct logger *l = logger_new(c, s.dir, &id, &s.d);
    assert_int_equal(s.d.errors, 0);
    alert(&s, 1);
    logger_drain(l, &s.b.reader, 1, false, 0);
    logger_flush(l);
    is_file(s.dir, "alert", "07/13-22:42:07.573103  [**] [1:2002152:2] msg [**]");
    is_file(s.dir, "alert.full", "[**] [1:2002152:2] msg [**]\n[Classification: cls]");
    is_file(s.dir, "snort.u2.1468449727", "abc");
    is_file(s.dir, "snort.log.1468449727", "abc");
    is_file(s.dir, "bare.u2", "");
    is_file(s.dir, "eve.json", "@cee: {\"timestamp\"");
    assert_int_equal(test_names(s.dir, ""), 6);
    /* A signal: all begin anew. */
    logger_reopen(l);
    alert(&s, 2);
    logger_drain(l, &s.b.reader, 1, false, 0);
    logger_free(l);
    is_file(s.dir, "snort.u2.1468449728", "abc");
    is_file(s.dir, "snort.log.1468449728", "abc");
    conf_free(c);
    scene_free(&s);
}

/* The one that is too many is told by its place, with its name; those before it are written. */
static void test_too_many(void **state)
{
    (void)state;
    struct scene s;
    struct sbuf b;
    sbuf_init(&b);
    sbuf_cstr(&b, "outputs:\n");
    for (unsigned i = 0; i < LOGGER_OUTPUTS + 1; i++)
        sbuf_printf(&b, " - %s: {enabled: yes, filename: f%u}\n", i == LOGGER_OUTPUTS ? "stats" : "fast", i);
    scene_new(&s);
    char path[600];
    snprintf(path, sizeof(path), "%s/c.yaml", s.dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(b.p, 1, b.n, f), b.n);
    fclose(f);
    sbuf_done(&b);
    struct conf *c = conf_new();
    assert_int_equal(conf_load(c, path, CONF_FORMAT_RIPOSTE, &s.d), 0);
    struct logger *l = logger_new(c, s.dir, &id, &s.d);
    assert_int_equal(s.d.errors, 1);
    assert_string_equal(s.d.newest->file, path);
    assert_int_equal(s.d.newest->line, LOGGER_OUTPUTS + 2);
    assert_non_null(strstr(s.d.newest->reason, "stats is one more than the 24 outputs"));
    assert_int_equal(l->n, LOGGER_OUTPUTS);
    logger_free(l);
    conf_free(c);
    scene_free(&s);
}

static void test_syslog_socket(void **state)
{
    (void)state;
    struct scene s;
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    char set[4][200], got[2000];
    scene_new(&s);
    snprintf(a.sun_path, sizeof(a.sun_path), "%s/dev-log", s.dir);
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    snprintf(set[0], sizeof(set[0]), O(0, "syslog.socket=%s"), a.sun_path);
    snprintf(set[1], sizeof(set[1]), O(1, "eve-log.socket=%s"), a.sun_path);
    const char *const settings[] = {O(0, "syslog.enabled=yes"),
                                    O(0, "syslog.facility=local5"),
                                    set[0],
                                    O(1, "eve-log.enabled=yes"),
                                    O(1, "eve-log.filetype=syslog"),
                                    O(1, "eve-log.types.0=alert"),
                                    set[1],
                                    NULL};
    struct conf *c = test_conf(settings);
    struct logger *l = logger_new(c, s.dir, &id, &s.d);
    assert_int_equal(s.d.errors, 0);
    alert(&s, 1);
    logger_drain(l, &s.b.reader, 1, false, 0);
    logger_flush(l);
    ssize_t n = recv(fd, got, sizeof(got) - 1, 0);
    assert_true(n > 0);
    got[n] = 0;
    char want[300];
    snprintf(want, sizeof(want),
             "<169>Jul 13 22:42:07 riposte[%ld]: [1:2002152:2] msg [Classification: cls] "
             "[Priority: 3] {TCP} 10.0.0.1:1234 -> 192.168.1.2:80",
             (long)getpid());
    assert_string_equal(got, want);
    n = recv(fd, got, sizeof(got) - 1, 0);
    assert_true(n > 0);
    got[n] = 0;
    snprintf(want, sizeof(want), "<134>Jul 13 22:42:07 riposte[%ld]: {\"timestamp\"",
             (long)getpid());
    assert_memory_equal(got, want, strlen(want));
    assert_int_equal(got[n - 1], '}');
    logger_free(l);
    close(fd);
    conf_free(c);
    scene_free(&s);
}

static void test_mistakes(void **state)
{
    (void)state;
    struct scene s;
    static const char *const settings[] = {O(0, "eve-log.enabled=yes"),
                                           O(0, "eve-log.filetype=redis"),
                                           O(1, "syslog.enabled=yes"),
                                           O(1, "syslog.facility=nowhere"),
                                           O(1, "syslog.socket=/nonexistent/log"),
                                           O(2, "fast.enabled=yes"),
                                           NULL};
    scene_new(&s);
    struct conf *c = test_conf(settings);
    struct logger *l = logger_new(c, s.dir, &id, &s.d);
    assert_non_null(l);
    assert_int_equal(s.d.errors, 1);
    assert_int_equal(s.d.warnings, 1);
    assert_non_null(strstr(s.d.first->reason, "redis"));
    alert(&s, 1);
    logger_drain(l, &s.b.reader, 1, false, 0);
    logger_flush(l); /* no syslog there: counted, the others go on */
    assert_true(logger_counters(l)->write_errors > 0);
    assert_string_equal(logger_last_error(l),
                        "/nonexistent/log: nobody listens there (No such file or directory)");
    is_file(s.dir, "fast.log", "msg");
    logger_free(l);
    conf_free(c);
    scene_free(&s);
}

/* Types that nobody knows are named with the nearest one; protocols and our own are known. */
static void test_types(void **state)
{
    (void)state;
    struct scene s;
    static const char *const settings[] = {
        O(0, "eve-log.enabled=yes"),       O(0, "eve-log.types.0=alrt"), O(0, "eve-log.types.1.http.extended=yes"),
        O(0, "eve-log.types.2=ftp_data"),  O(0, "eve-log.types.3=loss"), O(0, "eve-log.types.4=bittorrent-dht"),
        O(0, "eve-log.types.5.htp.extended=yes"), NULL};
    scene_new(&s);
    struct conf *c = test_conf(settings);
    event_outputs_check(c, &s.d);
    assert_int_equal(s.d.errors, 0);
    assert_int_equal(s.d.warnings, 2);
    assert_string_equal(s.d.first->reason, "outputs: eve-log: types: alrt: no such type, left out");
    assert_string_equal(s.d.first->hint, "alert");
    assert_string_equal(s.d.first->next->hint, "http");
    conf_free(c);
    scene_free(&s);
}

static void test_add(void **state)
{
    (void)state;
    struct scene s;
    scene_new(&s);
    struct logger *l = logger_new(NULL, NULL, &id, &s.d);
    assert_null(logger_last_error(l));
    for (int f = LOGFMT_EVE; f <= LOGFMT_STATS; f++) {
        char path[200];
        snprintf(path, sizeof(path), "%s/f%d", s.dir, f);
        assert_int_equal(logger_add(l, (enum log_format)f, path, &s.d), 0);
    }
    alert(&s, 1);
    logger_drain(l, &s.b.reader, 1, false, 0);
    logger_free(l);
    for (int f = LOGFMT_EVE; f <= LOGFMT_STATS; f++) {
        char name[8];
        snprintf(name, sizeof(name), "f%d", f);
        assert_int_equal(test_names(s.dir, name), f != LOGFMT_SYSLOG);
    }
    is_file(s.dir, "f0", "\"event_type\":\"alert\"");
    scene_free(&s);
}

/* The n-th allocation fails, for every n: nothing leaks, nothing breaks, and some n is enough. */
static long fail_after = -1;
static bool fail_now(void)
{
    return fail_after >= 0 && !fail_after--;
}
void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t m);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t m);
void *__wrap_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n)
{
    return fail_now() ? NULL : __real_malloc(n);
}
void *__wrap_calloc(size_t n, size_t m)
{
    return fail_now() ? NULL : __real_calloc(n, m);
}
void *__wrap_realloc(void *p, size_t n)
{
    return fail_now() ? NULL : __real_realloc(p, n);
}

static void test_no_memory(void **state)
{
    (void)state;
    static const char *const settings[] = {
        O(0, "fast.enabled=yes"),     O(1, "full.enabled=yes"),
        O(2, "unified2.enabled=yes"), O(3, "pcap-log.enabled=yes"),
        O(4, "eve-log.enabled=yes"),  O(4, "eve-log.types.0=alert"),
        O(4, "eve-log.prefix=x"),     NULL};
    bool done = false;
    long n = 0;
    for (; !done && n < 3000; n++) {
        struct scene s;
        scene_new(&s);
        struct conf *c = test_conf(settings);
        fail_after = n;
        struct logger *l = logger_new(c, s.dir, &id, &s.d);
        if (l) {
            bool enough = fail_after >= 0;
            fail_after = n; /* once more, while it runs */
            (void)bench_event(&s.b, EVENT_ALERT);
            bench_alert(&s.b, "msg", "cls");
            fields_cstr(event_fields(s.b.e), "k", "v");
            (void)event_end(s.b.e);
            (void)logger_drain(l, &s.b.reader, 1, false, 0);
            logger_flush(l);
            done = enough && fail_after >= 0;
            fail_after = -1;
            logger_free(l);
        }
        fail_after = -1;
        conf_free(c);
        scene_free(&s);
    }
    print_message("# %ld allocations\n", n);
    assert_true(done && n > 10);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stock),         cmocka_unit_test(test_all_outputs), cmocka_unit_test(test_files_by_worker), cmocka_unit_test(test_passed_flows),
        cmocka_unit_test(test_too_many), cmocka_unit_test(test_syslog_socket), cmocka_unit_test(test_mistakes), cmocka_unit_test(test_types),
        cmocka_unit_test(test_add),           cmocka_unit_test(test_no_memory),
    };
    setenv("TZ", "UTC", 1);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
