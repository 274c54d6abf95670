/* SPDX-License-Identifier: GPL-2.0-or-later */
/* EVE lines: one golden line for each type of event, filters of outputs, bytes of any kind. */
#include "event/community.h"
#include "event/test_help.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static const char *app_name(uint16_t id)
{
    return id == 1 ? "http" : NULL;
}

static const char *pcap_name(void *ctx, uint64_t i)
{
    (void)ctx;
    return i == 3 ? "third.pcap" : NULL;
}

static const struct logger_identity plain = {
    .sensor = "s1", .app_name = app_name, .pcap_name = pcap_name, .version = "riposte 0.1"};

/* One event through ring, logger and file; what eve.json holds then. */
static char *line_of(struct bench *b, const char *const *settings, const struct logger_identity *id)
{
    struct arena a;
    struct diags d;
    arena_init(&a, 0, 0);
    diags_init(&d, &a);
    char *dir = test_dir();
    struct conf *c = test_conf(settings);
    struct logger *l = logger_new(c, dir, id, &d);
    assert_non_null(l);
    assert_int_equal(d.errors, 0);
    logger_drain(l, &b->reader, 1, false, 0);
    logger_flush(l);
    assert_int_equal(logger_counters(l)->broken, 0);
    assert_int_equal(logger_counters(l)->write_errors, 0);
    logger_free(l);
    conf_free(c);
    char *text = test_file(dir, "eve.json", NULL);
    test_dir_free(dir);
    arena_done(&a);
    return text;
}

#define EVE   "outputs.0.eve-log.enabled=yes"
#define TYPES "outputs.0.eve-log.types."
#define ALERT TYPES "0.alert."
static const char *const stock[] = {EVE,
                                    TYPES "0=alert",
                                    TYPES "1=http",
                                    TYPES "2=flow",
                                    TYPES "3=files",
                                    TYPES "4=drop",
                                    TYPES "5=stats",
                                    TYPES "6=anomaly",
                                    TYPES "7=netflow",
                                    TYPES "8=ftp",
                                    NULL};

static void golden(struct bench *b, const char *const *settings, const struct logger_identity *id,
                   const char *want)
{
    assert_true(event_end(b->e));
    char *text = line_of(b, settings, id);
    assert_non_null(text);
    size_t n = strlen(text);
    assert_true(n > 0 && text[n - 1] == '\n');
    text[n - 1] = 0;
    assert_string_equal(text, want);
    assert_true(test_json_good(text));
    free(text);
    bench_free(b);
}

#define HEAD "{\"timestamp\":\"2016-07-13T22:42:07.573103+0000\",\"flow_id\":77,"
#define ADDR                                                                                       \
    "\"src_ip\":\"10.0.0.1\",\"src_port\":1234,\"dest_ip\":\"192.168.1.2\",\"dest_port\":80,"      \
    "\"proto\":\"TCP\",\"ip_v\":4"

static void test_alert(void **state)
{
    (void)state;
    struct bench b;
    bench_new(&b, 1 << 16, 0);
    struct event *h = bench_event(&b, EVENT_ALERT);
    h->pkt_src = 0;
    h->dir = 0;
    h->app_proto = 1;
    h->tx_id = 4;
    h->flags |= EVENT_HAS_TX;
    bench_alert(&b, "ET \"x\"", "Bad");
    struct fields *f = event_fields(b.e);
    fields_open(f, "http");
    fields_cstr(f, "hostname", "a.b");
    fields_close(f);
    golden(&b, stock, &plain,
           HEAD
           "\"pcap_cnt\":5,\"event_type\":\"alert\"," ADDR
           ",\"pkt_src\":\"wire/pcap\",\"tx_id\":4,\"alert\":{\"action\":\"allowed\",\"gid\":1,"
           "\"signature_id\":2002152,\"rev\":2,\"signature\":\"ET \\\"x\\\"\",\"category\":\"Bad\","
           "\"severity\":3},\"app_proto\":\"http\",\"direction\":\"to_server\","
           "\"http\":{\"hostname\":\"a.b\"}}");
}

static void test_http(void **state)
{
    (void)state;
    struct bench b;
    bench_new(&b, 1 << 16, 0);
    struct event *h = bench_event(&b, EVENT_APP);
    h->vlan_n = 2;
    h->vlan[0] = 6;
    h->vlan[1] = 4095;
    h->flags |= EVENT_HAS_TX;
    event_section(b.e, SECTION_NAME, "http", 4);
    fields_open(event_fields(b.e), "http");
    fields_u64(event_fields(b.e), "status", 200);
    golden(&b, stock, &plain,
           HEAD "\"pcap_cnt\":5,\"event_type\":\"http\",\"vlan\":[6,4095]," ADDR
                ",\"tx_id\":0,\"http\":{\"status\":200}}");
}

static void test_flow(void **state)
{
    (void)state;
    struct bench b;
    bench_new(&b, 1 << 16, 0);
    struct event *h = bench_event(&b, EVENT_FLOW);
    h->flags |= EVENT_HIDE_NUMBER;
    h->app_proto = 1;
    h->parent_id = 12;
    struct fields *f = event_fields(b.e);
    fields_open(f, "flow");
    fields_u64(f, "pkts_toserver", 5);
    fields_time(f, "start", 1468449727000001999u);
    fields_bool(f, "alerted", false);
    fields_close(f);
    golden(&b, stock, &plain,
           HEAD "\"parent_id\":12,\"event_type\":\"flow\"," ADDR
                ",\"app_proto\":\"http\",\"flow\":{\"pkts_toserver\":5,"
                "\"start\":\"2016-07-13T22:42:07.000001+0000\",\"alerted\":false}}");
}

static void test_netflow_icmp6(void **state)
{
    (void)state;
    struct bench b;
    bench_new(&b, 1 << 16, 0);
    struct event *h = bench_event(&b, EVENT_NETFLOW);
    h->ver = 6;
    h->proto = 58;
    h->flags |= EVENT_ICMP | EVENT_NO_PORTS;
    h->sp = 128;
    h->dp = 0;
    memset(h->src.b, 0xfe, 16);
    memset(h->dst.b, 0x01, 16);
    golden(&b, stock, &plain,
           HEAD "\"pcap_cnt\":5,\"event_type\":\"netflow\","
                "\"src_ip\":\"fefe:fefe:fefe:fefe:fefe:fefe:fefe:fefe\","
                "\"dest_ip\":\"0101:0101:0101:0101:0101:0101:0101:0101\",\"proto\":\"IPv6-ICMP\","
                "\"ip_v\":6,\"icmp_type\":128,\"icmp_code\":0}");
}

static void test_fileinfo(void **state)
{
    (void)state;
    struct bench b;
    bench_new(&b, 1 << 16, 0);
    (void)bench_event(&b, EVENT_FILEINFO);
    fields_open(event_fields(b.e), "fileinfo");
    fields_str(event_fields(b.e), "filename", STR("/\xe4\n"));
    fields_hex(event_fields(b.e), "md5", "\xd4\x1d", 2);
    golden(&b, stock, &plain,
           HEAD "\"pcap_cnt\":5,\"event_type\":\"fileinfo\"," ADDR
                ",\"fileinfo\":{\"filename\":\"/\\u00e4\\n\",\"md5\":\"d41d\"}}");
}

/* No addresses, no flow: a broken frame. */
static void test_anomaly(void **state)
{
    (void)state;
    struct bench b;
    static const char *const settings[] = {EVE, TYPES "0.anomaly.types.decode=yes",
                                           TYPES "0.anomaly.packethdr=yes", NULL};
    bench_new(&b, 1 << 16, 0);
    struct event *h = event_begin(b.e, EVENT_ANOMALY);
    h->ts_ns = 1468449727573103000u;
    h->number = 1;
    h->pkt_src = 0;
    fields_open(event_fields(b.e), "anomaly");
    fields_cstr(event_fields(b.e), "type", "decode");
    fields_cstr(event_fields(b.e), "event", "decoder.ipv4.trunc_pkt");
    fields_close(event_fields(b.e));
    struct event_packet p = {.link = 104, .len = 3, .wire_len = 3};
    event_section2(b.e, SECTION_PACKET, &p, sizeof(p), "\1\2\3", 3);
    golden(&b, settings, &plain,
           "{\"timestamp\":\"2016-07-13T22:42:07.573103+0000\",\"pcap_cnt\":1,"
           "\"event_type\":\"anomaly\",\"pkt_src\":\"wire/pcap\",\"anomaly\":{\"type\":\"decode\","
           "\"event\":\"decoder.ipv4.trunc_pkt\"},\"packet\":\"AQID\",\"packet_info\":{"
           "\"linktype\":104,\"linktype_name\":\"C_HDLC\"}}");
}

static void drop_event(struct bench *b)
{
    bench_new(b, 1 << 16, 0);
    (void)bench_event(b, EVENT_DROP);
    fields_open(event_fields(b->e), "drop");
    fields_cstr(event_fields(b->e), "reason", "rules");
    fields_close(event_fields(b->e));
    bench_alert(b, "m", NULL);
    struct event_verdict d = {.status = STATUS_DONE,
                              .action = EVENT_VERDICT_DROP,
                              .reject_target = REJECT_BOTH,
                              .reject = REJECT_TCP_RESET | REJECT_ICMP_PROHIB | REJECT_ICMP_HOST};
    event_section(b->e, SECTION_VERDICT, &d, sizeof(d));
}

static void test_drop(void **state)
{
    (void)state;
    struct bench b;
    static const char *const with[] = {EVE, TYPES "0.drop.alerts=yes", TYPES "0.drop.verdict=yes",
                                       NULL};
    drop_event(&b);
    golden(&b, stock, &plain,
           HEAD "\"pcap_cnt\":5,\"event_type\":\"drop\"," ADDR ",\"drop\":{\"reason\":\"rules\"}}");
    drop_event(&b);
    golden(&b, with, &plain,
           HEAD
           "\"pcap_cnt\":5,\"event_type\":\"drop\"," ADDR
           ",\"alert\":{\"action\":\"allowed\",\"gid\":1,\"signature_id\":2002152,\"rev\":2,"
           "\"signature\":\"m\",\"category\":\"\",\"severity\":3},\"drop\":{\"reason\":\"rules\"},"
           "\"verdict\":{\"action\":\"drop\",\"reject-target\":\"both\","
           "\"reject\":[\"tcp-reset\",\"icmp-prohib\",\"icmp_host\"]}}");
}

/* What an alert claims stands there without `verdict: yes` where the configuration is nobody
 * else's. */
static void test_claims(void **state)
{
    (void)state;
    static const struct {
        enum event_claims claims;
        unsigned status;
        const char *verdict;
    } cases[] = {
        {CLAIMS_NONE, STATUS_WOULD, ""},
        {CLAIMS_SET, STATUS_NONE, ""},
        {CLAIMS_SET, STATUS_WOULD, ",\"verdict\":{\"action\":\"alert\",\"status\":\"would\"}"},
        {CLAIMS_SET, STATUS_DONE, ",\"verdict\":{\"action\":\"alert\",\"status\":\"done\"}"},
        {CLAIMS_ALL, STATUS_NONE, ",\"verdict\":{\"action\":\"alert\"}"},
        {CLAIMS_ALL, STATUS_COULD_NOT,
         ",\"verdict\":{\"action\":\"alert\",\"status\":\"could_not\"}"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bench b;
        struct logger_identity id = plain;
        id.claims = cases[i].claims;
        bench_new(&b, 1 << 16, 0);
        (void)bench_event(&b, EVENT_ALERT);
        struct event_alert a = {.gid = 1, .sid = 1, .rev = 1, .priority = 3};
        event_section(b.e, SECTION_ALERT, &a, sizeof(a));
        struct event_verdict d = {.status = (uint8_t)cases[i].status};
        event_section(b.e, SECTION_VERDICT, &d, sizeof(d));
        char want[1024];
        snprintf(want, sizeof(want),
                 HEAD "\"pcap_cnt\":5,\"event_type\":\"alert\"," ADDR
                      ",\"alert\":{\"action\":\"allowed\",\"gid\":1,\"signature_id\":1,\"rev\":1,"
                      "\"signature\":\"\",\"category\":\"\",\"severity\":3}%s}",
                 cases[i].verdict);
        golden(&b, stock, &id, want);
    }
}

static void test_stats(void **state)
{
    (void)state;
    struct bench b;
    bench_new(&b, 1 << 16, 0);
    event_begin(b.e, EVENT_STATS)->ts_ns = 1468449727573103000u;
    fields_open(event_fields(b.e), "stats");
    fields_u64(event_fields(b.e), "uptime", 3);
    golden(&b, stock, &plain,
           "{\"timestamp\":\"2016-07-13T22:42:07.573103+0000\",\"event_type\":\"stats\","
           "\"stats\":{\"uptime\":3}}");
}

/* Everything an alert can carry. */
static void test_alert_full(void **state)
{
    (void)state;
    struct bench b;
    struct sbuf ref, meta, extra;
    struct fields f;
    static const char *const settings[] = {EVE,
                                           ALERT "payload=yes",
                                           ALERT "payload-printable=yes",
                                           ALERT "payload-length=yes",
                                           ALERT "packet=yes",
                                           ALERT "verdict=yes",
                                           ALERT "metadata.rule.raw=yes",
                                           ALERT "metadata.rule.reference=yes",
                                           "outputs.0.eve-log.ethernet=yes",
                                           "outputs.0.eve-log.pcap-file=yes",
                                           "outputs.0.eve-log.suricata-version=yes",
                                           "outputs.0.eve-log.community-id=yes",
                                           NULL};
    static const char *const vips[] = {"north", "south", NULL};
    static const char *const ifaces[] = {"eth0", "eth\"1", NULL};
    struct logger_identity id = plain;
    id.sensor = "s\"1";
    id.host = "probe";
    id.tenant = "t";
    id.vips = vips;
    id.iface = ifaces;
    id.boot = 0xabc;
    id.extended = true;
    sbuf_init(&ref);
    sbuf_init(&meta);
    sbuf_init(&extra);
    fields_init(&f, &ref);
    fields_array(&f, "references");
    fields_cstr(&f, NULL, "http://x/1");
    fields_array_end(&f);
    fields_init(&f, &meta);
    fields_open(&f, "metadata");
    fields_array(&f, "tag");
    fields_cstr(&f, NULL, "tag1");
    fields_array_end(&f);
    fields_close(&f);
    fields_init(&f, &extra);
    fields_open(&f, "target");
    fields_cstr(&f, "ip", "1.2.3.4");
    fields_close(&f);
    bench_new(&b, 1 << 16, 2);
    struct event *h = bench_event(&b, EVENT_ALERT);
    h->vips = 1;
    h->iface = 1;
    h->policy_version = 8;
    h->flags |= EVENT_HAS_ETHER | EVENT_STREAM | EVENT_HAS_TX | EVENT_TX_GUESSED;
    h->ether_type = 64439;
    memcpy(h->mac[0], "\0\1\2\3\4\xff", 6);
    h->pcap_file = 3;
    h->payload_len = 99;
    h->dir = 1;
    struct event_alert a = {.gid = 1, .sid = 1, .rev = 1, .priority = 1, .blocked = 1};
    struct sbuf text;
    sbuf_init(&text);
    sbuf_put(&text, &a, sizeof(a));
    a.references = (struct event_text){(uint32_t)text.n, (uint32_t)ref.n};
    sbuf_str(&text, sbuf_view(&ref));
    a.metadata = (struct event_text){(uint32_t)text.n, (uint32_t)meta.n};
    sbuf_str(&text, sbuf_view(&meta));
    a.extra = (struct event_text){(uint32_t)text.n, (uint32_t)extra.n};
    sbuf_str(&text, sbuf_view(&extra));
    a.rule = (struct event_text){(uint32_t)text.n, 5};
    sbuf_cstr(&text, "alert");
    memcpy(text.p, &a, sizeof(a));
    event_section(b.e, SECTION_ALERT, text.p, (uint32_t)text.n);
    struct event_packet p = {.link = 1, .len = 1, .wire_len = 1};
    event_section2(b.e, SECTION_PACKET, &p, sizeof(p), "x", 1);
    event_section(b.e, SECTION_PAYLOAD, "GOOD\x80", 5);
    struct event_verdict d = {
        .status = STATUS_COULD_NOT, .action = EVENT_VERDICT_DROP, .reason = {sizeof(d), 4}};
    event_section2(b.e, SECTION_VERDICT, &d, sizeof(d), "late", 4);
    golden(
        &b, settings, &id,
        HEAD
        "\"in_iface\":\"eth\\\"1\",\"host\":\"probe\",\"pcap_cnt\":5,\"event_type\":\"alert\"," ADDR
        ",\"ether\":{\"ether_type\":64439,\"src_mac\":\"00:01:02:03:04:ff\","
        "\"dest_mac\":\"00:00:00:00:00:00\"},"
        "\"community_id\":\"1:oSd0cYw6egpmMYgjEgDn1mvjku8=\","
        "\"event_id\":\"s\\\"1-abc-2-1\",\"vips\":\"south\",\"tenant\":\"t\","
        "\"policy_version\":8,\"suricata_version\":\"riposte 0.1\",\"tx_id\":0,"
        "\"tx_guessed\":true,\"alert\":{\"action\":\"blocked\",\"gid\":1,\"signature_id\":1,"
        "\"rev\":1,\"signature\":\"\",\"category\":\"\",\"severity\":1,"
        "\"target\":{\"ip\":\"1.2.3.4\"},\"references\":[\"http://x/1\"],"
        "\"metadata\":{\"tag\":[\"tag1\"]},\"rule\":\"alert\"},\"direction\":\"to_client\","
        "\"verdict\":{\"action\":\"drop\",\"status\":\"could_not\",\"reason\":\"late\"},"
        "\"payload\":\"R09PRIA=\",\"payload_printable\":\"GOOD.\",\"payload_length\":99,"
        "\"stream\":1,\"packet\":\"eA==\",\"packet_info\":{\"linktype\":1,"
        "\"linktype_name\":\"EN10MB\"},\"pcap_filename\":\"third.pcap\"}");
    sbuf_done(&text);
    sbuf_done(&ref);
    sbuf_done(&meta);
    sbuf_done(&extra);
}

/* Community IDs of the specification's README and of Suricata's tests. */
static void test_community(void **state)
{
    (void)state;
    static const struct {
        const char *src, *dst;
        uint16_t sp, dp, seed;
        uint8_t proto;
        const char *id;
    } cases[] = {
        {"128.232.110.120", "66.35.250.204", 34855, 80, 0, 6, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
        {"66.35.250.204", "128.232.110.120", 80, 34855, 0, 6, "1:LQU9qZlK+B5F3KDmev6m5PMibrg="},
        {"128.232.110.120", "66.35.250.204", 34855, 80, 1, 6, "1:3V71V58M3Ksw/yuFALMcW0LAHvc="},
        {"192.168.1.52", "8.8.8.8", 54585, 53, 0, 17, "1:d/FP5EW3wiY1vCndhwleRRKHowQ="},
        {"192.168.0.89", "192.168.0.1", 8, 0, 0, 1, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="},
        {"192.168.0.1", "192.168.0.89", 0, 0, 0, 1, "1:X0snYXpgwiv9TZtqg64sgzUn6Dk="},
        {"fe80::200:86ff:fe05:80da", "fe80::260:97ff:fe07:69ea", 135, 0, 0, 58,
         "1:dGHyGvjMfljg6Bppwm3bg0LO8TY="},
        {"192.168.170.8", "192.168.170.56", 7, 80, 0, 132, "1:jQgCxbku+pNGw8WPbEc/TS/uTpQ="},
    };
    struct community_cache *c = community_new();
    assert_non_null(c);
    for (unsigned round = 0; round < 2; round++) /* computed, then from the cache */
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
            struct event h = {.proto = cases[i].proto, .sp = cases[i].sp, .dp = cases[i].dp};
            assert_true(ip_parse(str_cstr(cases[i].src), &h.src, &h.ver));
            assert_true(ip_parse(str_cstr(cases[i].dst), &h.dst, &h.ver));
            char have[COMMUNITY_TEXT + 1] = {0};
            const char *id = community_id(c, cases[i].seed, &h);
            assert_non_null(id);
            memcpy(have, id, COMMUNITY_TEXT);
            assert_string_equal(have, cases[i].id);
        }
    community_free(c);
}

/* Types that are not asked for don't appear; names with - and _ are one. */
static void test_filter(void **state)
{
    (void)state;
    static const struct {
        enum event_type type;
        const char *name;
        unsigned lines;
    } cases[] = {
        {EVENT_APP, "http", 1},    {EVENT_APP, "dns", 0},   {EVENT_APP, "ftp_data", 1},
        {EVENT_APP, "httpx", 0},   {EVENT_APP, "htt", 0},   {EVENT_APP, "bittorrent_dht", 1},
        {EVENT_APP, "tls", 0},     {EVENT_FLOW, NULL, 0},   {EVENT_STATS, NULL, 0},
        {EVENT_RESPONSE, NULL, 1}, {EVENT_NOTICE, NULL, 1}, {EVENT_PACKET, NULL, 0},
    };
    static const char *const settings[] = {
        EVE,           TYPES "0=alert",          TYPES "1.http.extended=yes",
        TYPES "2=ftp", TYPES "3=bittorrent-dht", TYPES "4.tls.enabled=no",
        NULL};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct bench b;
        bench_new(&b, 1 << 16, 0);
        (void)bench_event(&b, cases[i].type);
        if (cases[i].name)
            event_section(b.e, SECTION_NAME, cases[i].name, (uint32_t)strlen(cases[i].name));
        assert_true(event_end(b.e));
        char *text = line_of(&b, settings, &plain);
        unsigned lines = 0;
        for (char *p = text; *p; p++)
            lines += *p == '\n';
        if (lines != cases[i].lines)
            fail_msg("case %zu: %u lines", i, lines);
        free(text);
        bench_free(&b);
    }
}

/* Two eve-logs with different options of one type. */
static void test_two_logs(void **state)
{
    (void)state;
    static const char *const settings[] = {EVE,
                                           TYPES "0.dns.requests=yes",
                                           TYPES "1=http",
                                           "outputs.1.eve-log.enabled=yes",
                                           "outputs.1.eve-log.filename=b.json",
                                           "outputs.1.eve-log.types.0.dns.requests=no",
                                           "outputs.1.eve-log.types.1=http",
                                           NULL};
    struct conf *c = test_conf(settings);
    struct event_wants w;
    struct event_app_want each[EVENT_EVES];
    event_wants_read(c, &w);
    assert_int_equal(event_wants_app_each(&w, "tls", each), 0);
    assert_int_equal(event_wants_app_each(&w, "http", each), 1);
    assert_int_equal(each[0].outputs, 0);
    assert_int_equal(event_wants_app_each(&w, "dns", each), 2);
    assert_int_equal(each[0].outputs, 1);
    assert_int_equal(each[1].outputs, 2);
    assert_true(conf_sub_bool(each[0].options, "requests", false));
    assert_false(conf_sub_bool(each[1].options, "requests", true));
    struct arena a;
    struct diags d;
    struct bench b;
    arena_init(&a, 0, 0);
    diags_init(&d, &a);
    bench_new(&b, 1 << 16, 0);
    for (uint8_t i = 1; i < 4; i++) { /* to the first, the second, both */
        bench_event(&b, EVENT_APP)->outputs = i;
        event_section(b.e, SECTION_NAME, "dns", 3);
        assert_true(event_end(b.e));
    }
    (void)bench_event(&b, EVENT_APP);
    event_section(b.e, SECTION_NAME, "dns", 3);
    assert_true(event_end(b.e));
    char *dir = test_dir();
    struct logger *l = logger_new(c, dir, &plain, &d);
    logger_drain(l, &b.reader, 1, false, 0);
    logger_free(l);
    size_t n1, n2;
    free(test_file(dir, "eve.json", &n1));
    free(test_file(dir, "b.json", &n2));
    assert_true(n1 == n2 && n1 > 300);
    test_dir_free(dir);
    bench_free(&b);
    arena_done(&a);
    conf_free(c);
}

/* Whatever the bytes, the line is JSON and one line. */
static void test_random_bytes(void **state)
{
    (void)state;
    uint64_t seed = (uint64_t)time(NULL) * 2654435761u + 1;
    print_message("# seed %llu\n", (unsigned long long)seed);
    struct bench b;
    bench_new(&b, 1 << 20, 0);
    static const char *const settings[] = {EVE, ALERT "payload-printable=yes", TYPES "1=xyz", NULL};
    enum { ROUNDS = 300 };
    for (int round = 0; round < ROUNDS; round++) {
        uint8_t raw[128];
        for (size_t i = 0; i < sizeof(raw); i++)
            raw[i] = (uint8_t)test_random(&seed);
        struct event *h = bench_event(&b, EVENT_ALERT);
        h->pkt_src = raw[0];
        h->app_proto = raw[1];
        h->iface = raw[2];
        h->vips = raw[3];
        h->proto = raw[4];
        struct event_alert a = {.sid = raw[5],
                                .msg = {sizeof(a), 50},
                                .class_text = {sizeof(a) + 50, 30},
                                .metadata = {sizeof(a) + 80, 40}};
        event_section2(b.e, SECTION_ALERT, &a, sizeof(a), raw, sizeof(raw));
        struct fields *f = event_fields(b.e);
        fields_open(f, "http");
        fields_str_key(f, str_of(raw, raw[6] % 32), str_of(raw + 32, raw[7] % 90));
        fields_printable(f, "p", raw, sizeof(raw));
        event_section(b.e, SECTION_PAYLOAD, raw, sizeof(raw));
        assert_true(event_end(b.e));
    }
    struct arena arena;
    struct diags d;
    arena_init(&arena, 0, 0);
    diags_init(&d, &arena);
    char *dir = test_dir();
    struct conf *c = test_conf(settings);
    struct logger *l = logger_new(c, dir, &plain, &d);
    assert_int_equal(logger_drain(l, &b.reader, 1, false, 0), ROUNDS);
    logger_free(l);
    conf_free(c);
    char *text = test_file(dir, "eve.json", NULL), *at = text;
    int lines = 0;
    for (char *end = strchr(at, '\n'); end; at = end + 1, end = strchr(at, '\n'), lines++) {
        *end = 0;
        if (!test_json_good(at))
            fail_msg("no JSON: %s", at);
    }
    assert_int_equal(lines, ROUNDS);
    free(text);
    test_dir_free(dir);
    arena_done(&arena);
    bench_free(&b);
}

static void test_time(void **state)
{
    (void)state;
    char out[40];
    assert_int_equal(event_time_format(0, out), 31);
    assert_string_equal(out, "1970-01-01T00:00:00.000000+0000");
    event_time_format(UINT64_MAX, out);
    assert_string_equal(out, "2554-07-21T23:34:33.709551+0000");
    setenv("TZ", "XXX-5:30", 1);
    tzset();
    event_time_format(1468449727573103999u, out);
    assert_string_equal(out, "2016-07-14T04:12:07.573103+0530");
    setenv("TZ", "XXX3", 1);
    tzset();
    event_time_format(1468449727573103999u, out);
    assert_string_equal(out, "2016-07-13T19:42:07.573103-0300");
    setenv("TZ", "UTC", 1);
    tzset();
    assert_int_equal(event_proto_text(47, 4, out), 3);
    assert_string_equal(out, "GRE");
    event_proto_text(253, 4, out);
    assert_string_equal(out, "253");
    event_proto_text(99, 4, out);
    assert_string_equal(out, "099");
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alert),     cmocka_unit_test(test_http),
        cmocka_unit_test(test_flow),      cmocka_unit_test(test_netflow_icmp6),
        cmocka_unit_test(test_fileinfo),  cmocka_unit_test(test_anomaly),
        cmocka_unit_test(test_drop),      cmocka_unit_test(test_claims),
        cmocka_unit_test(test_stats),     cmocka_unit_test(test_alert_full),
        cmocka_unit_test(test_community), cmocka_unit_test(test_filter),
        cmocka_unit_test(test_two_logs),  cmocka_unit_test(test_random_bytes),
        cmocka_unit_test(test_time),
    };
    setenv("TZ", "UTC", 1);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
