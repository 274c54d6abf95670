/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Text logs: fast in both dialects, syslog, full, cmg, stats.log. */
#include "event/test_help.h"
#include "event/writer.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

static const struct line_style plain;

static const char *text_of(struct sbuf *b)
{
    const char *z = sbuf_z(b);
    assert_non_null(z);
    return z;
}

/* An event of those that vary: taken out of the ring into *v. */
struct spec {
    uint8_t ver, proto, flags;
    uint16_t sp, dp;
    const char *class_text;
    int status; /* -1: no verdict section */
    uint8_t would, blocked;
};

static void make(const struct spec *s, struct event_view *v)
{
    struct bench b;
    bench_new(&b, 1 << 16, 0);
    struct event *h = bench_event(&b, EVENT_ALERT);
    h->ver = s->ver;
    h->proto = s->proto;
    h->flags = s->flags;
    h->sp = s->sp;
    h->dp = s->dp;
    struct event_alert a = {.gid = 1, .sid = 2002152, .rev = 2, .priority = 3};
    const char *msg = "ET a\nb";
    char text[128] = {0};
    memcpy(text, msg, 6);
    a.would = s->would;
    a.blocked = s->blocked;
    a.msg = (struct event_text){sizeof(a), 6};
    if (s->class_text) {
        a.class_text = (struct event_text){sizeof(a) + 6, (uint32_t)strlen(s->class_text)};
        memcpy(text + 6, s->class_text, strlen(s->class_text));
    }
    event_section2(b.e, SECTION_ALERT, &a, sizeof(a), text, sizeof(text));
    if (s->status >= 0) {
        struct event_verdict d = {.status = (uint8_t)s->status, .action = EVENT_VERDICT_DROP};
        event_section(b.e, SECTION_VERDICT, &d, sizeof(d));
    }
    assert_true(event_end(b.e));
    bench_take(&b, v);
    bench_free(&b);
}

static void test_lines(void **state)
{
    (void)state;
    static const struct {
        struct spec s;
        const char *suricata, *snort, *syslog;
    } cases[] = {
        {{4, 6, 0, 6112, 80, "Bad", -1, 0, 0},
         "07/13/2016-22:42:07.573103  [**] [1:2002152:2] ET a.b [**] [Classification: Bad] "
         "[Priority: 3] {TCP} 10.0.0.1:6112 -> 192.168.1.2:80",
         "07/13-22:42:07.573103  [**] [1:2002152:2] ET a.b [**] [Classification: Bad] "
         "[Priority: 3] {TCP} 10.0.0.1:6112 -> 192.168.1.2:80",
         "[1:2002152:2] ET a.b [Classification: Bad] [Priority: 3] {TCP} 10.0.0.1:6112 -> "
         "192.168.1.2:80"},
        {{4, 1, EVENT_ICMP, 8, 0, NULL, -1, 0, 1},
         "07/13/2016-22:42:07.573103  [Drop] [**] [1:2002152:2] ET a.b [**] [Classification: "
         "(null)] [Priority: 3] {ICMP} 10.0.0.1:8 -> 192.168.1.2:0",
         "07/13-22:42:07.573103  [Drop] [**] [1:2002152:2] ET a.b [**] [Priority: 3] {ICMP} "
         "10.0.0.1 -> 192.168.1.2",
         "[Drop] [1:2002152:2] ET a.b [Classification: (null)] [Priority: 3] {ICMP} 10.0.0.1:8 -> "
         "192.168.1.2:0"},
        {{4, 253, EVENT_NO_PORTS, 0, 0, NULL, -1, 1, 0},
         "07/13/2016-22:42:07.573103  [wDrop] [**] [1:2002152:2] ET a.b [**] [Classification: "
         "(null)] [Priority: 3] {PROTO:253} 10.0.0.1:0 -> 192.168.1.2:0",
         "07/13-22:42:07.573103  [wDrop] [**] [1:2002152:2] ET a.b [**] [Priority: 3] {253} "
         "10.0.0.1 -> 192.168.1.2",
         "[wDrop] [1:2002152:2] ET a.b [Classification: (null)] [Priority: 3] {253} 10.0.0.1:0 -> "
         "192.168.1.2:0"},
        {{6, 17, 0, 53, 54, "C", -1, 0, 0},
         "07/13/2016-22:42:07.573103  [**] [1:2002152:2] ET a.b [**] [Classification: C] "
         "[Priority: 3] {UDP} 0000:0000:0000:0000:0000:ffff:0a00:0001:53 -> "
         "0000:0000:0000:0000:0000:ffff:c0a8:0102:54",
         "07/13-22:42:07.573103  [**] [1:2002152:2] ET a.b [**] [Classification: C] "
         "[Priority: 3] {UDP} 0000:0000:0000:0000:0000:ffff:0a00:0001:53 -> "
         "0000:0000:0000:0000:0000:ffff:c0a8:0102:54",
         "[1:2002152:2] ET a.b [Classification: C] [Priority: 3] {UDP} "
         "0000:0000:0000:0000:0000:ffff:0a00:0001:53 -> "
         "0000:0000:0000:0000:0000:ffff:c0a8:0102:54"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct event_view v;
        struct sbuf b;
        struct line_style s = plain;
        sbuf_init(&b);
        make(&cases[i].s, &v);
        s.year = YEAR_LONG;
        fast_put(&v, LINE_SURICATA, &s, &b);
        assert_string_equal(text_of(&b), cases[i].suricata);
        sbuf_clear(&b);
        fast_put(&v, LINE_SNORT, &plain, &b);
        assert_string_equal(text_of(&b), cases[i].snort);
        sbuf_clear(&b);
        fast_put(&v, LINE_SYSLOG, &plain, &b);
        assert_string_equal(text_of(&b), cases[i].syslog);
        sbuf_done(&b);
        free((void *)(uintptr_t)v.head);
    }
}

/* What the verdict says outweighs what the rule would: "blocked" of what passed is the worst bug.
 */
static void test_marks(void **state)
{
    (void)state;
    static const struct {
        int status;
        uint8_t would, blocked;
        const char *mark;
    } cases[] = {
        {-1, 0, 0, ""},
        {-1, 0, 1, "[Drop] "},
        {-1, 1, 0, "[wDrop] "},
        {STATUS_DONE, 0, 1, "[Drop] "},
        {STATUS_DONE, 0, 0, "[Drop] "},
        {STATUS_WOULD, 0, 1, "[wDrop] "},
        {STATUS_COULD_NOT, 0, 1, "[wDrop] "},
        {STATUS_NONE, 0, 0, ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct event_view v;
        struct spec s = {4, 6, 0, 1, 2, NULL, cases[i].status, cases[i].would, cases[i].blocked};
        make(&s, &v);
        assert_string_equal(drop_mark(&v), cases[i].mark);
        free((void *)(uintptr_t)v.head);
    }
}

static void test_styles(void **state)
{
    (void)state;
    static const char *const ifaces[] = {"eth0", NULL};
    struct line_style s = {.year = YEAR_SHORT, .obfuscate = true, .iface = ifaces, .ifaces = 1};
    struct spec spec = {4, 6, 0, 1, 2, NULL, -1, 0, 0};
    struct event_view v;
    struct sbuf b;
    sbuf_init(&b);
    make(&spec, &v);
    fast_put(&v, LINE_SNORT, &s, &b);
    assert_string_equal(text_of(&b),
                        "07/13/16-22:42:07.573103  [**] [1:2002152:2] <eth0> ET a.b [**] "
                        "[Priority: 3] {TCP} xxx.xxx.xxx.xxx:1 -> xxx.xxx.xxx.xxx:2");
    setenv("TZ", "XXX-2", 1);
    tzset();
    char t[40];
    time_line(v.head->ts_ns, YEAR_NONE, false, t);
    assert_string_equal(t, "07/14-00:42:07.573103");
    time_line(v.head->ts_ns, YEAR_NONE, true, t);
    assert_string_equal(t, "07/13-22:42:07.573103");
    setenv("TZ", "UTC", 1);
    tzset();
    sbuf_done(&b);
    free((void *)(uintptr_t)v.head);
}

static void test_syslog(void **state)
{
    (void)state;
    struct sbuf b;
    sbuf_init(&b);
    syslog_head_put(21 << 3 | 6, "riposte[7]", 1468449727573103000u, &b);
    assert_string_equal(text_of(&b), "<174>Jul 13 22:42:07 riposte[7]: ");
    assert_int_equal(syslog_facility("LOG_AUTH"), 4);
    assert_int_equal(syslog_facility("local5"), 21);
    assert_int_equal(syslog_facility("nowhere"), -1);
    assert_int_equal(syslog_level("Info"), 6);
    assert_int_equal(syslog_level("LOG_ALERT"), 1);
    assert_int_equal(syslog_level(""), -1);
    sbuf_done(&b);
}

/* Ethernet, VLAN 5, IPv4 with DF, TCP with MSS, NOP, window scale, PSH ACK, "GET". */
static const uint8_t frame[] = {
    0x66, 0x77, 0x88, 0x99, 0xaa, 0xbb, 0,   0x11, 0x22, 0x33, 0x44, 0x55, 0x81, 0,
    0,    5,    8,    0,    0x45, 0,    0,   51,   0x12, 0x34, 0x40, 0,    64,   6,
    0,    0,    10,   0,    0,    1,    192, 168,  1,    2,    0x04, 0xd2, 0,    80,
    1,    2,    3,    4,    5,    6,    7,   8,    0x70, 0x18, 0x10, 0,    0,    0,
    0,    0,    2,    4,    5,    0xb4, 1,   3,    3,    7,    'G',  'E',  'T'};

static void make_frame(const uint8_t *p, uint32_t n, uint32_t link, struct event_view *v)
{
    struct bench b;
    bench_new(&b, 1 << 16, 0);
    (void)bench_event(&b, EVENT_ALERT);
    bench_alert(&b, "msg", "Bad");
    struct event_packet k = {.link = link, .len = n, .wire_len = n, .ts_ns = 1468449727573103000u};
    event_section2(b.e, SECTION_PACKET, &k, sizeof(k), p, n);
    assert_true(event_end(b.e));
    bench_take(&b, v);
    bench_free(&b);
}

static void test_full(void **state)
{
    (void)state;
    struct event_view v;
    struct sbuf b;
    struct packet_text *t = packet_text_new();
    assert_non_null(t);
    sbuf_init(&b);
    make_frame(frame, sizeof(frame), 1, &v);
    full_put(t, &v, &plain, &b);
    assert_string_equal(text_of(&b),
                        "[**] [1:2002152:2] msg [**]\n"
                        "[Classification: Bad] [Priority: 3] \n"
                        "07/13-22:42:07.573103 10.0.0.1:1234 -> 192.168.1.2:80\n"
                        "TCP TTL:64 TOS:0x0 ID:4660 IpLen:20 DgmLen:51 DF\n"
                        "***AP*** Seq: 0x1020304  Ack: 0x5060708  Win: 0x1000  TcpLen: 28\n"
                        "TCP Options (3) => MSS: 1460 NOP WS: 7\n\n");
    sbuf_clear(&b);
    cmg_put(t, &v, &plain, &b);
    assert_string_equal(
        text_of(&b),
        "07/13-22:42:07.573103  [**] [1:2002152:2] msg [**] [Classification: Bad] [Priority: 3] "
        "{TCP} 10.0.0.1:1234 -> 192.168.1.2:80\n"
        "07/13-22:42:07.573103 00:11:22:33:44:55 -> 66:77:88:99:AA:BB type:0x8100 len:0x45\n"
        "10.0.0.1:1234 -> 192.168.1.2:80 TCP TTL:64 TOS:0x0 ID:4660 IpLen:20 DgmLen:51 DF\n"
        "***AP*** Seq: 0x1020304  Ack: 0x5060708  Win: 0x1000  TcpLen: 28\n"
        "TCP Options (3) => MSS: 1460 NOP WS: 7\n"
        "47 45 54                                         GET\n"
        "\n=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+\n\n");
    free((void *)(uintptr_t)v.head);
    /* Frames cut anywhere, of links that don't fit, still give an alert and an end. */
    for (uint32_t n = 0; n <= sizeof(frame); n++)
        for (uint32_t link = 0; link < 300; link += 113) {
            make_frame(frame, n, link, &v);
            sbuf_clear(&b);
            full_put(t, &v, &plain, &b);
            cmg_put(t, &v, &plain, &b);
            assert_non_null(strstr(text_of(&b), "10.0.0.1:1234 -> 192.168.1.2:80\n"));
            free((void *)(uintptr_t)v.head);
        }
    sbuf_done(&b);
    packet_text_free(t);
}

static void csv_line(struct packet_text *t, const char *fields, const struct event_view *v,
                     const char *want)
{
    struct csv_columns c;
    struct str bad;
    struct sbuf b;
    sbuf_init(&b);
    assert_true(csv_columns_read(str_cstr(fields), &c, &bad));
    csv_put(t, &c, v, &plain, &b);
    assert_string_equal(text_of(&b), want);
    sbuf_done(&b);
}

static void test_csv(void **state)
{
    (void)state;
    struct event_view v;
    struct csv_columns c;
    struct str bad;
    struct sbuf b;
    struct packet_text *t = packet_text_new();
    assert_non_null(t);
    make_frame(frame, sizeof(frame), 1, &v);
    csv_line(t, "default", &v,
             "07/13-22:42:07.573103 ,1,2002152,2,\"msg\",TCP,10.0.0.1,1234,192.168.1.2,80,"
             "00:11:22:33:44:55,66:77:88:99:AA:BB,0x45,***AP***,0x1020304,0x5060708,28,0x1000,64,0,"
             "4660,51,20,,,,\n");
    csv_line(t, " msg, dst ,SRC,tcpln", &v, "\"msg\",192.168.1.2,10.0.0.1,28\n");
    free((void *)(uintptr_t)v.head);
    assert_false(csv_columns_read(STR("msg,banana,src,kiwi"), &c, &bad));
    assert_true(str_eq(bad, STR("banana")));
    assert_int_equal(c.n, 2);
    /* Any cut of the frame: what is not there is empty, and each line has its columns. */
    sbuf_init(&b);
    assert_true(csv_columns_read(STR(""), &c, &bad));
    for (uint32_t n = 0; n <= sizeof(frame); n++) {
        unsigned commas = 0;
        make_frame(frame, n, 1, &v);
        sbuf_clear(&b);
        csv_put(t, &c, &v, &plain, &b);
        for (size_t i = 0; i < b.n; i++)
            commas += b.p[i] == ',';
        assert_int_equal(commas, c.n - 1);
        free((void *)(uintptr_t)v.head);
    }
    sbuf_done(&b);
    packet_text_free(t);
}

static void test_xref(void **state)
{
    (void)state;
    struct bench k;
    struct event_view v;
    struct sbuf tape, b;
    struct fields f;
    struct packet_text *t = packet_text_new();
    assert_non_null(t);
    sbuf_init(&tape);
    sbuf_init(&b);
    fields_init(&f, &tape);
    fields_array(&f, "references");
    fields_cstr(&f, NULL, "http://a");
    fields_cstr(&f, NULL, "http://b");
    fields_array_end(&f);
    bench_new(&k, 1 << 16, 0);
    (void)bench_event(&k, EVENT_ALERT);
    struct event_alert a = {.gid = 1, .sid = 5};
    a.references = (struct event_text){sizeof(a), (uint32_t)tape.n};
    event_section2(k.e, SECTION_ALERT, &a, sizeof(a), tape.p, (uint32_t)tape.n);
    assert_true(event_end(k.e));
    bench_take(&k, &v);
    full_put(t, &v, &plain, &b);
    assert_non_null(strstr(text_of(&b), "\n[Xref => http://a][Xref => http://b]\n\n"));
    free((void *)(uintptr_t)v.head);
    bench_free(&k);
    sbuf_done(&tape);
    sbuf_done(&b);
    packet_text_free(t);
}

static void test_stats(void **state)
{
    (void)state;
    struct bench k;
    struct event_view v;
    struct sbuf b;
    struct stats_style s = {.totals = true};
    sbuf_init(&b);
    bench_new(&k, 1 << 16, 0);
    event_begin(k.e, EVENT_STATS)->ts_ns = 1468449727573103000u;
    struct fields *f = event_fields(k.e);
    fields_open(f, "stats");
    fields_u64(f, "uptime", 90061);
    fields_open(f, "decoder");
    fields_u64(f, "pkts", 7);
    fields_u64(f, "bytes", 0);
    fields_open(f, "event");
    fields_u64(f, "x", 1);
    fields_close(f);
    fields_u64(f, "last", 3);
    fields_close(f);
    fields_open(f, "threads");
    fields_open(f, "W#01");
    fields_open(f, "decoder");
    fields_u64(f, "pkts", 4);
    fields_close(f);
    fields_close(f);
    fields_close(f);
    fields_u64(f, "after", 9);
    fields_close(f);
    assert_true(event_end(k.e));
    bench_take(&k, &v);
    stats_put(&v, &s, &b);
    static const char head[] =
        "------------------------------------------------------------------------------------\n"
        "Date: 7/13/2016 -- 22:42:07 (uptime: 1d, 01h 01m 01s)\n"
        "------------------------------------------------------------------------------------\n"
        "Counter                                       | TM Name                   | Value\n"
        "------------------------------------------------------------------------------------\n";
    assert_memory_equal(text_of(&b), head, sizeof(head) - 1);
    assert_string_equal(
        text_of(&b) + sizeof(head) - 1,
        "decoder.pkts                                  | Total                     | 7\n"
        "decoder.event.x                               | Total                     | 1\n"
        "decoder.last                                  | Total                     | 3\n"
        "after                                         | Total                     | 9\n");
    sbuf_clear(&b);
    s.totals = false;
    s.threads = true;
    stats_put(&v, &s, &b);
    assert_string_equal(
        text_of(&b) + sizeof(head) - 1,
        "decoder.pkts                                  | W#01                      | 4\n");
    free((void *)(uintptr_t)v.head);
    bench_free(&k);
    sbuf_done(&b);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_lines),  cmocka_unit_test(test_marks), cmocka_unit_test(test_styles),
        cmocka_unit_test(test_syslog), cmocka_unit_test(test_full),  cmocka_unit_test(test_xref),
        cmocka_unit_test(test_stats),  cmocka_unit_test(test_csv),
    };
    setenv("TZ", "UTC", 1);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
