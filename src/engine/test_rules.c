/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rules on conversations, through the whole engine: which packets alert.  For what only shows with flows,
 * sessions and transactions around; single buffers are detect/test_block.c's.
 */
#include "engine/engine_test.h"

#include "event/event.h"

/* Segments: who, flags as letters, data; sequence numbers follow from what was said. */
struct said {
    char who; /* 'c', 's'; 0: the end */
    const char *flags, *data;
};

static const struct said silent_server[] = {
    {'c', "S", ""}, {'s', "SA", ""}, {'c', "A", ""}, {'c', "PA", "hello"}, {'s', "A", ""},
    {'c', "PA", "again"}, {'s', "PA", "xy"}, {'c', "FA", ""}, {'s', "FA", ""}, {'c', "A", ""}, {0}};
static const struct said in_the_middle[] = {{'c', "PA", "hello"}, {'s', "PA", "xy"}, {'c', "A", ""}, {0}};

static const struct said left_open[] = {{'c', "S", ""}, {'s', "SA", ""}, {'c', "A", ""}, {'c', "PA", "hello"}, {0}};

/* The wanted file's name comes behind another file, in a segment of its own. */
static const struct said upload[] = {
    {'c', "S", ""}, {'s', "SA", ""}, {'c', "A", ""},
    {'c', "PA", "POST /up HTTP/1.1\r\nHost: h\r\nContent-Type: multipart/form-data; boundary=B\r\nContent-Length: 180\r\n\r\n"},
    {'s', "A", ""},
    {'c', "PA", "--B\r\nContent-Disposition: form-data; name=\"a\"; filename=\"good.txt\"\r\n\r\nfirst\r\n--B\r\n"}, /* 81 */
    {'s', "A", ""},
    {'c', "PA", "Content-Disposition: form-data; name=\"b\"; filename=\"evil.exe\"\r\n\r\nMZ 89012345678901234\r\n--B--\r\n  "}, /* 99 */
    {'s', "A", ""}, {'s', "PA", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"}, {'c', "A", ""}, {0}};
/* A form, its answer in chunks with a trailer, then a second request. */
static const struct said web[] = {
    {'c', "S", ""},
    {'s', "SA", ""},
    {'c', "A", ""},
    {'c', "PA",
     "POST /buy?a=one&B=%74wo&a=three HTTP/1.1\r\nHost: h\r\nCookie: from=client\r\n"
     "X-Forwarded-For: 10.0.0.1, 10.9.9.9\r\nContent-Type: application/x-www-form-urlencoded\r\n"
     "Content-Length: 20\r\n\r\n"},
    {'s', "A", ""},
    {'c', "PA", "card=12%3434&n=a+b&b"},
    {'s', "A", ""},
    {'s', "PA",
     "HTTP/1.1 200 OK\r\nSet-Cookie: from=server\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n"
     "Expires: Wed, 21 Oct 2015\r\nX-Sum:  77\r\n\r\n"},
    {'c', "A", ""},
    {'c', "PA", "GET /next HTTP/1.1\r\nHost: h\r\n\r\n"},
    {'s', "PA", "HTTP/1.1 404 No\r\nContent-Length: 0\r\n\r\n"},
    {'c', "FA", ""},
    {'s', "FA", ""},
    {'c', "A", ""},
    {0}};

static const struct said closed[] = {
    {'c', "S", ""}, {'s', "SA", ""}, {'c', "A", ""}, {'c', "PA", "hello"}, {'s', "PA", "there"}, {'c', "FA", ""}, {'s', "FA", ""},
    {'c', "A", ""}, {0}};

#define SU DIALECT_SURICATA
#define S3 DIALECT_SNORT3
#define ARRIVAL "stream.inspect=arrival"
#define S2 DIALECT_SNORT2
#define DEPTH "stream.reassembly.depth=5"
static const struct {
    enum rule_dialect dialect;
    const char *rule;
    const struct said *said;
    const char *set; /* a setting, or inline */
    const char *alerts; /* packets, counted from 1 */
} rows[] = {
    /* stream_size counts sequence numbers, the SYN as well: a side that said nothing has used one. */
    {SU, "(stream_size:server,=,0;", silent_server, NULL, "1"},
    {SU, "(flow:established,to_server; stream_size:server,=,1;", silent_server, NULL, "4 6"},
    {SU, "(flow:to_server; stream_size:client,=,6;", silent_server, NULL, "4"},
    {SU, "(dsize:2; stream_size:server,=,3; stream_size:client,=,11;", silent_server, NULL, "7"},
    {SU, "(stream_size:both,<,2;", silent_server, NULL, "1 2 3"},
    {SU, "(flow:to_client; stream_size:either,=,3;", silent_server, NULL, "7 9"},
    {SU, "(dsize:5; stream_size:client,=,6; stream_size:server,=,1;", in_the_middle, "stream.midstream=true", "1"},
    /* The end of a flow that stays open is no packet with headers of zeros. */
    {SU, "(ttl:<2;", left_open, NULL, ""},
    {SU, "(window:0;", left_open, NULL, ""},
    {SU, "(ack:0;", left_open, NULL, "1"},
    {SU, "(flags:!P;", left_open, NULL, "1 2 3"},
    {SU, "(id:0; flags:A;", left_open, NULL, ""},
    {SU, "(content:\"hello\";", left_open, NULL, "4"},
    /* What is behind the depth is in no stream: it is looked at by itself, but by flow:only_stream. */
    {SU, "(content:\"again\";", silent_server, DEPTH, "6"},
    {SU, "alert tcp-stream any any -> any any (content:\"again\";", silent_server, DEPTH, "6"},
    {SU, "(flow:only_stream; content:\"again\";", silent_server, DEPTH, ""},
    {SU, "(flow:no_stream; content:\"again\";", silent_server, DEPTH, "6"},
    {SU, "(flow:only_stream; content:\"hello\";", silent_server, DEPTH, "6"},
    {SU, "(flow:no_stream; content:\"hello\";", silent_server, DEPTH, "4"},
    /* The name of each file, also of one that comes later. */
    {SU, "alert http any any -> any any (file.name; content:\"good\"; startswith;", upload, NULL, "8"},
    {SU, "alert http any any -> any any (file.name; content:\"evil\"; startswith;", upload, NULL, "11"},
    {SU, "alert http any any -> any any (fileext:\"exe\";", upload, NULL, "11"},
    {SU, "alert http any any -> any any (filename:\"evil.exe\"; file.data; content:\"MZ\"; startswith;", upload, NULL, "11"},
    {SU, "alert http any any -> any any (filename:\"bad.exe\";", upload, NULL, ""},
    /* Parameters: of query and body, decoded, the first of a name unless what follows is relative. */
    {S3, "(http_param:\"a\"; content:\"one\";", web, ARRIVAL, "6"},
    {S3, "(http_param:\"a\"; content:\"three\";", web, ARRIVAL, ""},
    {S3, "(http_param:\"a\"; content:\"three\",distance 0;", web, ARRIVAL, "6"},
    {S3, "(http_param:\"b\"; content:\"two\";", web, ARRIVAL, ""},
    {S3, "(http_param:\"b\",nocase; content:\"two\";", web, ARRIVAL, "6"},
    {S3, "(http_param:\"B\"; bufferlen:3; content:\"two\";", web, ARRIVAL, "6"},
    {S3, "(http_param:\"card\"; content:\"12434\"; bufferlen:5;", web, ARRIVAL, "6"},
    {S3, "(http_param:\"n\"; content:\"a b\";", web, ARRIVAL, "6"},
    {S3, "(http_param:\"none\"; content:\"o\";", web, ARRIVAL, ""},
    {S3, "(http_uri; content:\"/buy\"; http_param:\"n\"; content:\"a\"; http_param:\"a\"; content:\"one\";", web, ARRIVAL, "6"},
    /* Trailers, and the address that a proxy wrote. */
    {S3, "(http_trailer; content:\"Expires: Wed\"; content:\"X-Sum: 77\";", web, ARRIVAL, "8"},
    {S3, "(http_raw_trailer; content:\"X-Sum:  77\";", web, ARRIVAL, "8"},
    {S3, "(http_trailer:field x-sum; content:\"77\"; bufferlen:2;", web, ARRIVAL, "8"},
    {S3, "(http_trailer; content:\"Cookie\";", web, ARRIVAL, ""},
    {S3, "(http_true_ip; content:\"10.9.9.9\"; bufferlen:8;", web, ARRIVAL, "4"},
    /* A rule on the answer looks back at its own request. */
    {S3, "(flow:to_client; http_uri; content:\"/buy\"; http_stat_code; content:\"200\";", web, ARRIVAL, "8"},
    {S3, "(http_uri; content:\"/buy\"; http_stat_code; content:\"404\";", web, ARRIVAL, ""},
    {S3, "(http_uri; content:\"/next\"; http_stat_code; content:\"404\";", web, ARRIVAL, "11"},
    {S3, "(flow:to_client; http_uri; content:\"/buy\";", web, ARRIVAL, "8"},
    {S3, "(flow:to_server; http_uri; content:\"/buy\"; http_stat_code; content:\"200\";", web, ARRIVAL, ""},
    {S3, "(flow:to_client; http_cookie; content:\"from=client\";", web, ARRIVAL, ""},
    {S3, "(flow:to_client; http_cookie:request; content:\"from=client\"; http_cookie; content:\"from=server\";", web, ARRIVAL, "8"},
    {S3, "(flow:to_client; http_cookie:request; content:\"from=server\";", web, ARRIVAL, ""},
    {S3, "(http_header:request,field x-forwarded-for; content:\"10.0\"; file_data; content:\"hello\"; flow:to_client;", web, ARRIVAL, "8"},
    {S3, "(http_header:request; content:\"X-Forwarded\";", web, ARRIVAL, "4"},
    {S3, "(flow:to_client; http_client_body; content:\"card\"; http_stat_code; content:\"200\";", web, ARRIVAL, ""},
    /* Hashes of a piece: MD5 of "hello", of "ello". */
    {S3, "(file_data; md5:\"5d41402abc4b2a76b9719d911017c592\",length 5;", web, ARRIVAL, "8"},
    {S3, "(file_data; content:\"h\"; md5:\"9ecb0b2f7994a8a3a2919212f764b81a\",length 4,relative;", web, ARRIVAL, "8"},
    {S3, "(file_data; content:\"hel\"; md5:\"5d41402abc4b2a76b9719d911017c592\",length 5,offset -3,relative;", web, ARRIVAL, "8"},
    {S3, "(flow:to_client; file_data; md5:!\"5d41402abc4b2a76b9719d911017c592\",length 4;", web, ARRIVAL, "8"},
    /* Inline, the end of a closed flow is nothing to look at where no rule looks at streams. */
    {SU, "reject ip any any -> any any (flow:to_server,established;", closed, "inline", "4 6 8"},
    /* A relative content behind nothing starts with each packet's payload in Snort. */
    {S2, "(flow:established; content:\"ag\"; within:2;", silent_server, NULL, "6"},
};

static uint8_t flags_of(const char *letters)
{
    uint8_t f = 0;
    for (; *letters; letters++)
        f |= *letters == 'S' ? 2 : *letters == 'A' ? 16 : *letters == 'P' ? 8 : *letters == 'F' ? 1 : 4;
    return f;
}

static void write_capture(const char *path, const struct said *said)
{
    struct et_talk t = {.ver = 4, .proto = IPPROTO_TCP, .client = 1, .server = 2, .sp = 40000, .dp = 7000};
    uint32_t seq[2] = {1000, 5000};
    uint8_t p[512];
    struct pcap_writer *w = pcap_writer_open(path, LINK_RAW, false);
    assert_non_null(w);
    for (unsigned k = 0; said[k].who; k++) {
        unsigned dir = said[k].who == 's';
        size_t n = strlen(said[k].data);
        t.flags = flags_of(said[k].flags);
        t.seq = seq[dir];
        t.ack = t.flags & 16 ? seq[!dir] : 0;
        size_t len = et_packet(p, sizeof(p), &t, dir, said[k].data, n);
        seq[dir] += (uint32_t)n + !!(t.flags & 3);
        assert_int_equal(pcap_writer_put(w, 1000000000ull * 1000 + k * 1000, p, (uint32_t)len, (uint32_t)len), 0);
    }
    assert_int_equal(pcap_writer_close(w), 0);
}

static void read_alerts(const char *dir, struct sbuf *out)
{
    char path[128], *line = NULL;
    size_t room = 0;
    snprintf(path, sizeof(path), "%s/eve.json", dir);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (getline(&line, &room, f) > 0) {
        const char *n = strstr(line, "\"pcap_cnt\":");
        if (!strstr(line, "\"event_type\":\"alert\""))
            continue;
        assert_non_null(n);
        sbuf_printf(out, "%s%lu", out->n ? " " : "", strtoul(n + 11, NULL, 10));
    }
    free(line);
    fclose(f);
}

static void clean(const char *dir)
{
    static const char *const names[] = {"eve.json", "fast.log", "stats.log", "in.pcap", "forwarded.pcap"};
    char path[128];
    for (size_t k = 0; k < ARRAY_LEN(names); k++) {
        snprintf(path, sizeof(path), "%s/%s", dir, names[k]);
        unlink(path);
    }
    rmdir(dir);
}

static void which_packets_alert(void **state)
{
    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(rows); k++) {
        char dir[] = "/tmp/riposte-test-XXXXXX", capture[128], rule[512];
        struct et t;
        struct sbuf got;
        assert_non_null(mkdtemp(dir));
        sbuf_init(&got);
        et_open(&t);
        bool in_the_wire = rows[k].set && !strcmp(rows[k].set, "inline");
        if (rows[k].set && !in_the_wire)
            assert_int_equal(conf_set(t.conf, rows[k].set, &t.diags), 0);
        snprintf(capture, sizeof(capture), "%s/in.pcap", dir);
        write_capture(capture, rows[k].said);
        snprintf(rule, sizeof(rule), "%s%s sid:1;)", rows[k].rule[0] == '(' ? "alert tcp any any -> any any " : "", rows[k].rule);
        struct overlay *v = et_overlay_in(&t, rule, rows[k].dialect, 1);
        static const char *const vips[] = {"default", NULL};
        struct logger_identity id = {.vips = vips};
        struct logger *l = logger_new(t.conf, dir, &id, &t.diags);
        assert_non_null(l);
        struct replay_options o = {.capture = capture,
                                   .out_dir = dir,
                                   .workers = 1,
                                   .simulate_ips = in_the_wire,
                                   .check_csum = -1,
                                   .conf = t.conf,
                                   .overlay = v,
                                   .logger = l};
        static struct replay_result r;
        assert_int_equal(replay_run(&o, &r, &t.diags), 0);
        logger_free(l);
        overlay_close(v);
        read_alerts(dir, &got);
        if (strcmp(sbuf_z(&got), rows[k].alerts) != 0)
            fail_msg("%s alerts on packets %s, not %s", rows[k].rule, sbuf_z(&got), rows[k].alerts);
        sbuf_done(&got);
        clean(dir);
        et_close(&t);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(which_packets_alert)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
