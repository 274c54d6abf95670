/* SPDX-License-Identifier: GPL-2.0-or-later */
/* DNS: names, records, events, EVE of both versions, buffers, probes, streams at every cut, gaps.
 */
#include "app/test_util.h"

#include <stdio.h>

#include "app/dns/dns.h"
#include "app/dns/dns_tx.h"

/* ------------------------------------------------------------------ messages from text */

/* "1234 |8180| ..." : hex digits, and "text" as a label sequence ('.' splits, a final 0 is added).
 */
static uint32_t bytes_of(const char *s, uint8_t *out)
{
    uint32_t n = 0;
    for (; *s; s++) {
        if (*s == ' ')
            continue;
        if (*s != '\'') {
            unsigned v;
            assert_int_equal(sscanf(s, "%2x", &v), 1);
            out[n++] = (uint8_t)v;
            s++;
            continue;
        }
        for (s++; *s != '\'';) {
            uint32_t at = n++;
            for (; *s != '.' && *s != '\''; s++)
                out[n++] = (uint8_t)*s;
            out[at] = (uint8_t)(n - at - 1);
            s += *s == '.';
        }
        out[n++] = 0;
    }
    return n;
}

/* The log of one transaction as text: the records that would be written, one after the other. */
static const char *log_of(struct talk *t, struct app_tx *tx, const struct conf_node *options)
{
    static char text[8192];
    struct app_log_ctx c = {
        .af = t->flow.app, .tx = tx, .flow = &t->flow, .options = options, .scratch = &t->scratch};
    uint32_t n = 0;
    for (const struct app_log *l = app_dns_def.logs; l->event_type; l++) {
        struct sbuf tape, out;
        struct fields f;
        struct json j;
        sbuf_init(&tape);
        sbuf_init(&out);
        fields_init(&f, &tape);
        if (l->write(&c, &f)) {
            json_init(&j, &out);
            json_open(&j, NULL);
            assert_true(fields_to_json(&j, tape.p, tape.n));
            json_close(&j);
            assert_true(n + out.n + 2 < sizeof(text));
            memcpy(text + n, out.p, out.n);
            n += (uint32_t)out.n;
            text[n++] = '0' + (char)l->dir;
        }
        sbuf_done(&tape);
        sbuf_done(&out);
    }
    text[n] = 0;
    return text;
}

static void say(struct talk *t, unsigned dir, const char *message)
{
    uint8_t b[4096];
    t->flow.port[1] = 53;
    talk_datagram(t, dir, b, bytes_of(message, b));
}

/* ------------------------------------------------------------------ names */

static const struct {
    const char *wire; /* whole message; the name stands at 0 */
    bool ok;
    const char *text;
    uint32_t end, events;
} names[] = {
    {"'www.example.com'", true, "www.example.com", 17, 0},
    {"00", true, "", 1, 0},
    {"'MiXed.CaSe'", true, "MiXed.CaSe", 12, 0},
    {"01 61 c004 '.'", true, "a", 4, 0},
    {"0161 c005 00 '' ", true, "a", 4, 0},
    {"0161 c006 ffff 0162 00", true, "a.b", 4, 0},
    {"c002 00", true, "", 2, 0},
    {"c000", true, "", 2, 1u << DNS_EVENT_INFINITE_LOOP},
    {"0161 c000", true, NULL, 4, 1u << DNS_EVENT_INFINITE_LOOP},
    {"c0", false, "", 0, 0},
    {"c0ff", false, "", 0, 0},
    {"05 6162", false, "", 0, 0},
    {"41 61 00", false, "", 0, 0},
    {"81 61 00", false, "", 0, 0},
    {"03 610062 00", true, NULL, 5, 0},
};

static void name_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(names); i++) {
        uint8_t b[256];
        uint32_t n = bytes_of(names[i].wire, b);
        uint8_t *exact = malloc(n);
        struct dns_name out;
        memcpy(exact, b, n);
        bool ok = dns_name_read(exact, n, 0, &out);
        free(exact);
        if (ok != names[i].ok)
            fail_msg("%s: %d", names[i].wire, ok);
        if (!ok)
            continue;
        assert_int_equal(out.end, names[i].end);
        assert_int_equal(out.events, names[i].events);
        if (names[i].text) {
            assert_int_equal(out.n, strlen(names[i].text));
            assert_memory_equal(out.text, names[i].text, out.n);
        }
    }
}

static void name_limits(void **state)
{
    (void)state;
    static uint8_t b[20000];
    struct dns_name out;
    uint32_t n = 0;
    for (unsigned i = 0; i < 300; i++) { /* 30 bytes each */
        b[n++] = 30;
        memset(b + n, 'a', 30);
        n += 30;
    }
    b[n++] = 0;
    assert_true(dns_name_read(b, n, 0, &out));
    assert_int_equal(out.n, DNS_NAME_MAX);
    assert_int_equal(out.end, n); /* the end is found behind the cut */
    assert_true(out.events & 1u << DNS_EVENT_NAME_TOO_LONG);
    n = 0;
    for (unsigned i = 0; i < 256; i++) {
        b[n++] = 1;
        b[n++] = 'x';
    }
    b[n++] = 0;
    assert_true(dns_name_read(b, n, 0, &out));
    assert_int_equal(out.events, 1u << DNS_EVENT_TOO_MANY_LABELS);
    assert_int_equal(out.n, 255 * 2 - 1);
    assert_int_equal(out.end, n);
    assert_true(dns_name_read(b + 2, n - 2, 0, &out)); /* 255 are allowed */
    assert_int_equal(out.events, 0);
}

/* ------------------------------------------------------------------ records in EVE */

#define RESPONSE(type, rdata)                                                                      \
    "abcd 8580 0001 0001 0000 0000 'a.b' " type " 0001 c00c " type " 0001 0000000a " rdata
#define HEAD(name)                                                                                 \
    "{\"dns\":{\"version\":3,\"type\":\"response\",\"tx_id\":1,\"id\":43981,\"flags\":\"8580\","   \
    "\"qr\":true,"                                                                                 \
    "\"aa\":true,\"rd\":true,\"ra\":true,\"opcode\":0,\"rcode\":\"NOERROR\",\"queries\":[{"        \
    "\"rrname\":\"a.b\","                                                                          \
    "\"rrtype\":\"" name "\"}],\"answers\":["
#define ANSWER(name) "{\"rrname\":\"a.b\",\"rrtype\":\"" name "\",\"ttl\":10"

static const struct {
    const char *message, *log;
} records[] = {
    {RESPONSE("0001", "0004 01020304"),
     HEAD("A") ANSWER("A") ",\"rdata\":\"1.2.3.4\"}],\"grouped\":{\"A\":[\"1.2.3.4\"]}}}1"},
    {RESPONSE("001c", "0010 20010db8 00000000 00000000 00000001"),
     HEAD("AAAA")
         ANSWER("AAAA") ",\"rdata\":\"2001:0db8:0000:0000:0000:0000:0000:0001\"}],\"grouped\":{"
                        "\"AAAA\":[\"2001:0db8:0000:0000:0000:0000:0000:0001\"]}}}1"},
    {RESPONSE("0005", "0005 'x' c00c"),
     HEAD("CNAME") ANSWER("CNAME") ",\"rdata\":\"x\"}],\"grouped\":{\"CNAME\":[\"x\"]}}}1"},
    {RESPONSE("0005", "0004 0178 c00c"),
     HEAD("CNAME") ANSWER("CNAME") ",\"rdata\":\"x.a.b\"}],\"grouped\":{\"CNAME\":[\"x.a.b\"]}}}1"},
    {RESPONSE("000f", "0006 000a 0178 c00c"),
     HEAD("MX") ANSWER("MX") ",\"rdata\":\"x.a.b\"}],\"grouped\":{\"MX\":[\"x.a.b\"]}}}1"},
    {RESPONSE("0010", "0009 0361 6263 0001 22 0178"),
     HEAD("TXT") ANSWER("TXT") ",\"rdata\":\"abc\"}," ANSWER("TXT") ",\"rdata\":\"\"}," ANSWER(
         "TXT") ",\"rdata\":\"\\\"\"}," ANSWER("TXT") ",\"rdata\":\"x\"}],\"grouped\":{\"TXT\":["
                                                      "\"abc\",\"\","
                                                      "\"\\\"\",\"x\"]}}}1"},
    {RESPONSE("000a", "0003 61c501"),
     HEAD("NULL") ANSWER("NULL") ",\"rdata\":\"a\\\\xc5\\u0001\"}],\"grouped\":{\"NULL\":["
                                 "\"a\\\\xc5\\u0001\"]}}}1"},
    {RESPONSE("0006", "001a 'm' 'r' 00000001 00000002 00000003 00000004 00000005"),
     HEAD("SOA") ANSWER(
         "SOA") ",\"soa\":{\"mname\":\"m\",\"rname\":\"r\",\"serial\":1,\"refresh\":2,\"retry\":3,"
                "\"expire\":4,\"minimum\":5}}],\"grouped\":{\"SOA\":[{\"mname\":\"m\",\"rname\":"
                "\"r\",\"serial\":1,\"refresh\":2,\"retry\":3,\"expire\":4,\"minimum\":5}]}}}1"},
    {RESPONSE("0021", "0009 0001 0002 13c4 's'"),
     HEAD("SRV")
         ANSWER("SRV") ",\"srv\":{\"priority\":1,\"weight\":2,\"port\":5060,\"name\":\"s\"}}],"
                       "\"grouped\":{"
                       "\"SRV\":[{\"priority\":1,\"weight\":2,\"port\":5060,\"name\":\"s\"}]}}}1"},
    {RESPONSE("002c", "0004 0102 abcd"),
     HEAD("SSHFP") ANSWER(
         "SSHFP") ",\"sshfp\":{\"fingerprint\":\"ab:cd\",\"algo\":1,\"type\":2}}],\"grouped\":{"
                  "\"SSHFP\":[{\"fingerprint\":\"ab:cd\",\"algo\":1,\"type\":2}]}}}1"},
    {RESPONSE("0041", "0003 0001 00"), HEAD("HTTPS") ANSWER("HTTPS") "}],\"grouped\":{}}}1"},
    {RESPONSE("fde8", "0000"), HEAD("65000") ANSWER("65000") "}],\"grouped\":{}}}1"},
    {RESPONSE("0001", "0003 010203"), HEAD("A") ANSWER("A") "}],\"grouped\":{}}}1"},
    {"abcd 8183 0001 0000 0001 0001 'a.b' 0001 0001 'b' 0002 0001 0000000a 0003 'n' "
     "00 0029 1000 00000000 0008 000a 0004 01020304",
     "{\"dns\":{\"version\":3,\"type\":\"response\",\"tx_id\":1,\"id\":43981,\"flags\":\"8183\","
     "\"qr\":true,"
     "\"rd\":true,\"ra\":true,\"opcode\":0,\"rcode\":\"NXDOMAIN\",\"queries\":[{\"rrname\":\"a.b\","
     "\"rrtype\":"
     "\"A\"}],\"authorities\":[{\"rrname\":\"b\",\"rrtype\":\"NS\",\"ttl\":10,\"rdata\":\"n\"}],"
     "\"additionals\":[{"
     "\"rrname\":\"\",\"rrtype\":\"OPT\",\"ttl\":0,\"opt\":[{\"code\":10,\"data\":\"01020304\"}]}]}"
     "}1"},
};

static void eve_records(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(records); i++) {
        struct talk t;
        talk_begin(&t, NULL);
        say(&t, 0, "abcd 0100 0001 0000 0000 0000 'a.b' 0001 0001");
        say(&t, 1, records[i].message);
        assert_non_null(talk_tx(&t, 1));
        assert_int_equal(talk_tx(&t, 1)->events, 0);
        assert_string_equal(log_of(&t, talk_tx(&t, 1), NULL), records[i].log);
        talk_end(&t);
    }
}

static void eve_request(void **state)
{
    struct talk t;
    (void)state;
    talk_begin(&t, NULL);
    say(&t, 0, "0001 0140 0002 0000 0000 0000 'a.b' 0001 0001 'c' 00ff 0001");
    assert_string_equal(
        log_of(&t, talk_tx(&t, 0), NULL),
        "{\"dns\":{\"version\":3,\"type\":\"request\",\"tx_id\":0,\"id\":1,\"flags\":\"140\","
        "\"rd\":"
        "true,\"z\":true,\"opcode\":0,\"rcode\":\"NOERROR\",\"queries\":[{\"rrname\":\"a.b\","
        "\"rrtype\":\"A\"},{\"rrname\":\"c\",\"rrtype\":\"ANY\"}]}}0");
    talk_end(&t);
}

static const char request[] = "0001 0100 0002 0000 0000 0000 'a' 0001 0001 'c' 000f 0001";
static const char answer[] =
    "0001 8180 0001 0001 0000 0000 'a' 0001 0001 c00c 0001 0001 00000001 0004 01020304";

#define V2_A                                                                                       \
    "{\"dns\":{\"version\":2,\"type\":\"query\",\"id\":1,\"rrname\":\"a\",\"rrtype\":\"A\","       \
    "\"tx_id\":0,\"opcode\":0}}0"
#define V2_C                                                                                       \
    "{\"dns\":{\"version\":2,\"type\":\"query\",\"id\":1,\"rrname\":\"c\",\"rrtype\":\"MX\","      \
    "\"tx_id\":0,\"opcode\":0}}0"
#define V2_ANSWER                                                                                  \
    "{\"dns\":{\"version\":2,\"type\":\"answer\",\"id\":1,\"flags\":\"8180\",\"qr\":true,\"rd\":"  \
    "true,\"ra\":true,\"opcode\":0,\"rrname\":\"a\",\"rrtype\":\"A\",\"rcode\":\"NOERROR\""
#define V2_DETAIL                                                                                  \
    ",\"answers\":[{\"rrname\":\"a\",\"rrtype\":\"A\",\"ttl\":1,\"rdata\":\"1.2.3.4\"}]"
#define V2_GROUPED ",\"grouped\":{\"A\":[\"1.2.3.4\"]}"

static const struct {
    const char *set[4];
    const char *request, *answer; /* prefix; "" : nothing is written */
} options[] = {
    {{"outputs.0.version=2"}, V2_A, V2_ANSWER V2_DETAIL V2_GROUPED "}}0"},
    {{"outputs.0.version=1"}, V2_A, V2_ANSWER V2_DETAIL V2_GROUPED "}}0"},
    {{"outputs.0.version=2", "outputs.0.types.0=mx"}, V2_C, ""},
    {{"outputs.0.version=2", "outputs.0.types.0=a"}, V2_A, V2_ANSWER},
    {{"outputs.0.version=2", "outputs.0.formats.0=grouped"}, V2_A, V2_ANSWER V2_GROUPED "}}0"},
    {{"outputs.0.version=2", "outputs.0.formats.0=detailed"}, V2_A, V2_ANSWER V2_DETAIL "}}0"},
    {{"outputs.0.requests=no"}, "", "{\"dns\":{\"version\":3,\"type\":\"response\""},
    {{"outputs.0.responses=no"}, "{\"dns\":{\"version\":3,\"type\":\"request\"", ""},
    {{"outputs.0.types.0=txt", "outputs.0.types.1=AAAA"}, "", ""},
    {{"outputs.0.types.0=MX"}, "{\"dns\":{\"version\":3,\"type\":\"request\"", ""},
};

static void eve_options(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(options); i++) {
        struct talk t;
        const char *log;
        talk_begin(&t, NULL);
        struct diags d;
        diags_init(&d, &t.scratch);
        for (const char *const *set = options[i].set; *set; set++)
            assert_int_equal(conf_set(t.conf, *set, &d), 0);
        say(&t, 0, request);
        say(&t, 1, answer);
        const struct conf_node *x = conf_node(t.conf, "outputs.0");
        assert_non_null(x);
        log = log_of(&t, talk_tx(&t, 0), x);
        if (strncmp(log, options[i].request, strlen(options[i].request)) ||
            !*log != !*options[i].request)
            fail_msg("%s: request %s", options[i].set[0], log);
        log = log_of(&t, talk_tx(&t, 1), x);
        if (strncmp(log, options[i].answer, strlen(options[i].answer)) ||
            !*log != !*options[i].answer)
            fail_msg("%s: answer %s", options[i].set[0], log);
        talk_end(&t);
    }
}

/* ------------------------------------------------------------------ events */

static const struct {
    unsigned dir;
    const char *message;
    const char *events[3];
    bool logged;
} events[] = {
    {0, "0001 0140 0001 0000 0000 0000 'a' 0001 0001", {"z_flag_set"}, true},
    {0, "0001 4900 0001 0000 0000 0000 'a' 0001 0001", {"invalid_opcode"}, true},
    {0, "0001 2000 0001 0000 0000 0000 'a' 0001 0001", {NULL}, true},
    {0, "0001 0100 0002 0000 0000 0000 'a' 0001 0001", {"malformed_data"}, false},
    {0, "0001 0100 0001 0000 0000 0000 'a' 0001", {"malformed_data"}, false},
    {0, "0001 0100 0001 0000 0000 0000 c0ff 0001 0001", {"malformed_data"}, false},
    {0, "0001 0100 0001 0000 0000 0000 4161 00 0001 0001", {"malformed_data"}, false},
    {0, "0001 0100 0001 0000 0000 0000 c00c 0001 0001", {"infinite_loop"}, true},
    {0, "0001 8100 0001 0000 0000 0000 'a' 0001 0001", {"not_request", "not_a_request"}, false},
    {1, "0001 0100 0001 0000 0000 0000 'a' 0001 0001", {"not_response", "not_a_response"}, false},
    {1,
     "0001 8100 0001 0001 0000 0000 'a' 0001 0001 c00c 0001 0001 00000001 0005 01020304",
     {"malformed_data"},
     false},
    {1,
     "0001 8100 0001 0001 0000 0000 'a' 0005 0001 c00c 0005 0001 00000001 0003 0161c0",
     {"malformed_data"},
     false},
    {1,
     "0001 8100 0001 0001 0000 0000 'a' 0006 0001 c00c 0006 0001 00000001 0006 'a' 'b'",
     {"malformed_data"},
     false},
    {1, "0001 8100 0001 0000 0001 0001 'a' 0001 0001", {"invalid_authorities"}, true},
    {1, "0001 8100 0001 0000 0000 0001 'a' 0001 0001", {"invalid_additionals"}, true},
    {0, "0001 0100 0001", {"malformed_data"}, false},
    {0, "00", {"malformed_data"}, false},
};

static void event_table(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(events); i++) {
        struct talk t;
        uint64_t want = 0;
        talk_begin(&t, NULL);
        say(&t, 0, "abcd 0100 0001 0000 0000 0000 'a.b' 0001 0001");
        say(&t, 1, "abcd 8180 0001 0000 0000 0000 'a.b' 0001 0001");
        say(&t, events[i].dir, events[i].message);
        const struct app_tx *tx = talk_tx(&t, 2);
        assert_non_null(tx);
        for (unsigned k = 0; k < 3 && events[i].events[k]; k++)
            want |= 1ull << app_event_find(APP_DNS, str_cstr(events[i].events[k]));
        if (tx->events != want)
            fail_msg("%s: events %lx, not %lx", events[i].message, (unsigned long)tx->events,
                     (unsigned long)want);
        assert_int_equal(*log_of(&t, talk_tx(&t, 2), NULL) != 0, events[i].logged);
        assert_int_equal(tx->progress[0], 1);
        assert_int_equal(tx->progress[1], 1);
        assert_int_equal(app_counters(t.engine)->error_parser[APP_DNS][1],
                         !strcmp(events[i].events[0] ? events[i].events[0] : "", "malformed_data"));
        assert_int_equal(tx->flags & (TX_SKIP_TO_SERVER | TX_SKIP_TO_CLIENT),
                         events[i].dir ? TX_SKIP_TO_SERVER : TX_SKIP_TO_CLIENT);
        talk_end(&t);
    }
}

/* Names that point to one long name cost a bounded amount of work. */
static void pointer_bomb(void **state)
{
    (void)state;
    static uint8_t b[65535];
    static struct dns_rr rr[DNS_RECORDS_MAX];
    struct dns_msg m;
    uint32_t n = 12;
    bytes_of("0001 0100 ffff 0000 0000 0000", b);
    for (unsigned i = 0; i < 250; i++, n += 2)
        memcpy(b + n, "\1x", 2);
    b[n++] = 0;
    memcpy(b + n, "\0\1\0\1", 4);
    n += 4;
    while (n + 6 <= sizeof(b)) {
        memcpy(b + n, "\xc0\x0c\0\1\0\1", 6);
        n += 6;
    }
    assert_true(dns_msg_read(&m, b, n, rr, DNS_RECORDS_MAX));
    assert_true(m.events & 1u << DNS_EVENT_TOO_MANY_LABELS);
    assert_true(m.events & 1u << DNS_EVENT_MALFORMED_DATA);
    assert_in_range(m.records, 1000, 6000); /* stopped on the way */
}

/* ------------------------------------------------------------------ buffers */

static void buffers(void **state)
{
    struct talk t;
    struct app_view v;
    uint64_t u;
    (void)state;
    talk_begin(&t, NULL);
    say(&t, 0, request);
    say(&t, 1,
        "0001 8183 0001 0002 0001 0001 'a' 0005 0001 c00c 0005 0001 00000001 0003 'x' c00c 000f "
        "0001 "
        "00000001 0005 0001 'y' 'auth' 0001 0001 00000001 0004 01020304 'more' 0001 0001 00000001 "
        "0004 01020304");
    assert_int_equal(talk_tx(&t, 1)->events, 0);
    talk_expect(&t, 0, 0, "dns.query", "a");
    talk_expect(&t, 0, 0, "dns.queries.rrname", "a");
    talk_expect(&t, 0, 0, "dns_query", "a");
    assert_true(talk_get(&t, talk_tx(&t, 0), 0, "dns.query", 1, false, &v));
    assert_memory_equal(v.data, "c", 1);
    assert_false(talk_get(&t, talk_tx(&t, 0), 0, "dns.query", 2, false, &v));
    talk_expect(&t, 0, 0, "dns.answers.rrname", NULL);
    talk_expect(&t, 0, 1, "dns.queries.rrname", NULL); /* sent in the other direction */
    talk_expect(&t, 1, 1, "dns.queries.rrname", "a");
    talk_expect(&t, 1, 1, "dns.answers.rrname", "a");
    talk_expect(&t, 1, 1, "dns.authorities.rrname", "auth");
    talk_expect(&t, 1, 1, "dns.additionals.rrname", "more");
    static const char *const all[] = {"a", "a", "a", "x", "a", "y", "auth", "auth", "more", "more"};
    for (unsigned i = 0; i < ARRAY_LEN(all); i++) {
        assert_true(talk_get(&t, talk_tx(&t, 1), 1, "dns.response.rrname", i, false, &v));
        assert_int_equal(v.n, strlen(all[i]));
        assert_memory_equal(v.data, all[i], v.n);
    }
    assert_false(talk_get(&t, talk_tx(&t, 1), 1, "dns.response.rrname", ARRAY_LEN(all), false, &v));
    static const struct {
        const char *name;
        unsigned tx, index;
        bool there;
        uint64_t value;
    } numbers[] = {
        {"dns.rcode", 0, 0, true, 0},   {"dns.rcode", 1, 0, true, 3},
        {"dns.opcode", 0, 0, true, 0},  {"dns.opcode", 0, 1, false, 0},
        {"dns.rrtype", 0, 0, true, 1},  {"dns.rrtype", 0, 1, true, 15},
        {"dns.rrtype", 0, 2, false, 0}, {"dns.rrtype", 1, 0, true, 5},
        {"dns.rrtype", 1, 1, true, 15},
    };
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        int k = app_buffer_find(str_cstr(numbers[i].name), APP_SURICATA);
        const struct app_buffer *b = app_buffer_of((unsigned)k, APP_DNS);
        struct app_get q = {.af = t.flow.app,
                            .tx = talk_tx(&t, numbers[i].tx),
                            .dir = numbers[i].tx,
                            .scratch = &t.scratch};
        bool there = b->get_uint(&q, numbers[i].index, &u);
        assert_int_equal(there, numbers[i].there);
        if (there)
            assert_int_equal(u, numbers[i].value);
    }
    talk_end(&t);
}

/* ------------------------------------------------------------------ probes */

static const struct {
    const char *message;
    unsigned dir;
    enum app_probe_result known, any;
} probe_cases[] = {
    {"0001 0100 0001 0000 0000 0000 'a.b' 0001 0001", 0, PROBE_YES, PROBE_YES},
    {"0001 0100 0001 0000 0000 0000 'a.b' 0001 0001", 1, PROBE_REVERSED, PROBE_REVERSED},
    {"0001 8180 0001 0000 0000 0000 'a.b' 0001 0001", 0, PROBE_REVERSED, PROBE_REVERSED},
    {"0001 8180 0001 0000 0000 0000 'a.b' 0001 0001", 1, PROBE_YES, PROBE_YES},
    {"0001 8181 0000 0000 0000 0000", 1, PROBE_YES, PROBE_NO},
    {"0001 0100 0001 0000 0000 0000 'a.b' 0001 0001 00", 0, PROBE_YES, PROBE_NO},
    {"0001 0100 0001 0000 0000 0000 'a.b' 0001 0007", 0, PROBE_YES, PROBE_NO},
    {"0001 0100 0001 0000 0000 0000 'a.b' fff0 0001", 0, PROBE_YES, PROBE_NO},
    {"0001 4900 0001 0000 0000 0000 'a.b' 0001 0001", 0, PROBE_YES, PROBE_NO},
    {"0001 4900 0001 0000 0000 0000 4161 00 0001 0001", 0, PROBE_NO, PROBE_NO},
    {"0001 0100 0101 0000 0000 0000 'a.b' 0001 0001", 0, PROBE_NO, PROBE_NO},
    {"0001 0110 0001 0000 0000 0000 'CKAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA' 0021 0001", 0, PROBE_YES,
     PROBE_NO},
    {"3040020103300f02030091c8020205dc040104020103041530130400", 0, PROBE_NO, PROBE_NO},
    {"474554202f20485454502f312e310d0a0d0a", 0, PROBE_NO, PROBE_NO},
};

static void probes(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(probe_cases); i++) {
        uint8_t b[512];
        uint32_t n = bytes_of(probe_cases[i].message, b + 2);
        b[0] = 0;
        b[1] = (uint8_t)n;
        assert_int_equal(dns_probe_udp(b + 2, n, probe_cases[i].dir), probe_cases[i].known);
        assert_int_equal(dns_probe_udp_any(b + 2, n, probe_cases[i].dir), probe_cases[i].any);
        assert_int_equal(dns_probe_tcp(b, n + 2, probe_cases[i].dir), probe_cases[i].known);
        assert_int_equal(dns_probe_tcp_any(b, n + 2, probe_cases[i].dir), probe_cases[i].any);
        for (uint32_t k = 0; k < n + 2;
             k++) { /* never yes too early on unknown ports, never beyond the end */
            uint8_t *exact = malloc(k + 1);
            memcpy(exact, b, k);
            enum app_probe_result r = dns_probe_tcp_any(exact, k, probe_cases[i].dir);
            assert_true(r == PROBE_MORE || r == PROBE_NO);
            if (probe_cases[i].any == PROBE_YES)
                assert_int_equal(r, PROBE_MORE);
            (void)dns_probe_tcp(exact, k, 0);
            free(exact);
        }
    }
}

static void other_ports(void **state)
{
    struct talk t;
    uint8_t b[512];
    (void)state;
    talk_begin(&t, NULL);
    t.flow.port[1] = 5300;
    talk_datagram(&t, 0, b, bytes_of("0001 0100 0001 0000 0000 0000 'a.b' 0001 0001", b));
    assert_int_equal(t.flow.app_proto_any, APP_DNS);
    talk_expect(&t, 0, 0, "dns.query", "a.b");
    talk_end(&t);
}

/* ------------------------------------------------------------------ streams */

static const char *const conversation[] = {
    "0001 0100 0001 0000 0000 0000 'one.example' 0001 0001",
    "0002 0100 0001 0000 0000 0000 'two.example' 0010 0001",
    "0003 0100 0001 0000 0000 0000 'three.example' 000f 0001"};

static uint32_t stream_of(uint8_t *out)
{
    uint32_t n = 0;
    for (size_t i = 0; i < ARRAY_LEN(conversation); i++) {
        uint32_t k = bytes_of(conversation[i], out + n + 2);
        out[n] = 0;
        out[n + 1] = (uint8_t)k;
        n += k + 2;
    }
    return n;
}

static void expect_names(struct talk *t, unsigned cut)
{
    static const char *const want[] = {"one.example", "two.example", "three.example"};
    if (!t->flow.app || t->flow.app->n_tx != 3)
        fail_msg("cut %u: %u transactions", cut, t->flow.app ? t->flow.app->n_tx : 0);
    for (unsigned i = 0; i < 3; i++) {
        talk_expect(t, i, 0, "dns.query", want[i]);
        assert_int_equal(talk_tx(t, i)->events, 0);
    }
}

static void every_cut(void **state)
{
    uint8_t b[512];
    uint32_t n = stream_of(b);
    (void)state;
    for (uint32_t cut = 0; cut <= n; cut++) {
        struct talk t;
        talk_begin(&t, NULL);
        t.flow.port[1] = cut & 1 ? 53 : 5333;
        if (cut)
            talk_piece(&t, 0, b, cut, PIECE_START);
        if (cut < n)
            talk_piece(&t, 0, b + cut, n - cut, 0);
        expect_names(&t, cut);
        talk_end(&t);
    }
    struct talk t;
    talk_begin(&t, NULL);
    t.flow.port[1] = 53;
    for (uint32_t i = 0; i < n; i++)
        talk_piece(&t, 0, b + i, 1, 0);
    expect_names(&t, n + 1);
    talk_close(&t);
    talk_end(&t);
}

/* A hole from `at` of `len` bytes: how many messages are found around it? */
static unsigned with_hole(uint32_t at, uint32_t len)
{
    struct talk t;
    uint8_t b[512];
    uint32_t n = stream_of(b);
    talk_begin(&t, NULL);
    t.flow.port[1] = 53;
    talk_piece(&t, 0, b, at, PIECE_START);
    talk_piece(&t, 0, NULL, len, PIECE_GAP);
    talk_piece(&t, 0, b + at + len, n - at - len, 0);
    unsigned found = t.flow.app->n_tx;
    assert_false(t.flow.app->failed[0]);
    talk_end(&t);
    return found;
}

static void holes(void **state)
{
    uint8_t b[512];
    uint32_t first = 2 + bytes_of(conversation[0], b), second = 2 + bytes_of(conversation[1], b);
    (void)state;
    /* inside the second message: it is lost alone */
    assert_int_equal(with_hole(first + 5, 10), 2);
    assert_int_equal(with_hole(first + 2, second - 2), 2);
    /* its length unknown: found again where the third begins, else lost */
    assert_int_equal(with_hole(first, second), 2);
    assert_int_equal(with_hole(first + 1, second - 1), 2);
    assert_int_equal(with_hole(first + 1, second + 3), 1);
    assert_int_equal(with_hole(first + 5, second - 3), 1);
}

static void broken_stream(void **state)
{
    struct talk t;
    uint8_t b[64], bad[] = {0, 12, 0, 1, 1, 0, 0xff, 0xff, 0, 0, 0, 0, 0, 0};
    uint32_t n = bytes_of("0001 0100 0001 0000 0000 0000 'a' 0001 0001", b + 2);
    (void)state;
    b[0] = 0;
    b[1] = (uint8_t)n;
    talk_begin(&t, NULL);
    t.flow.port[1] = 53;
    talk_piece(&t, 0, b, n + 2, PIECE_START);
    for (unsigned i = 0; i < 15; i++)
        talk_piece(&t, 0, bad, sizeof(bad), 0);
    talk_piece(&t, 0, b, n + 2, 0);
    assert_false(t.flow.app->failed[0]); /* broken messages cost themselves */
    assert_int_equal(t.flow.app->n_tx, 17);
    for (unsigned i = 0; i < 16; i++)
        talk_piece(&t, 0, bad, sizeof(bad), 0);
    assert_true(t.flow.app->failed[0]); /* but not for ever */
    talk_end(&t);
}

/* Every message at every length, in a buffer of that size. */
static void every_length(void **state)
{
    (void)state;
    struct talk t;
    talk_begin(&t, NULL);
    say(&t, 0, request);
    for (size_t i = 0; i < ARRAY_LEN(records); i++) {
        uint8_t b[512];
        uint32_t n = bytes_of(records[i].message, b);
        for (uint32_t k = 1; k <= n; k++) {
            talk_datagram(&t, 1, b, k);
            struct app_tx *tx = t.flow.app->last;
            const char *log = log_of(&t, tx, NULL);
            assert_true(k == n || tx->events || !*log);
            app_reap(t.flow.app, false, false);
        }
    }
    talk_end(&t);
}

/* Random damage: nothing but memory errors can fail here. */
static void damaged(void **state)
{
    (void)state;
    unsigned seed = 20261122;
    struct talk t;
    print_message("# seed %u\n", seed);
    srand(seed);
    talk_begin(&t, NULL);
    say(&t, 0, request);
    for (unsigned round = 0; round < 4000; round++) {
        uint8_t b[512];
        uint32_t n = bytes_of(records[(unsigned)rand() % ARRAY_LEN(records)].message, b);
        for (unsigned k = (unsigned)rand() % 6; k; k--)
            b[(unsigned)rand() % n] = (uint8_t)((unsigned)rand() % 3 ? rand() : 0xc0);
        talk_datagram(&t, 1, b, n);
        struct app_tx *tx = t.flow.app->last;
        struct app_view v;
        (void)log_of(&t, tx, NULL);
        for (unsigned i = 0; talk_get(&t, tx, 1, "dns.response.rrname", i, false, &v); i++)
            assert_true(v.n <= DNS_NAME_MAX);
        arena_reset(&t.scratch);
        app_reap(t.flow.app, false, false);
    }
    talk_end(&t);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(name_table),    cmocka_unit_test(name_limits),
        cmocka_unit_test(eve_records),   cmocka_unit_test(eve_request),
        cmocka_unit_test(eve_options),   cmocka_unit_test(event_table),
        cmocka_unit_test(pointer_bomb),  cmocka_unit_test(buffers),
        cmocka_unit_test(probes),        cmocka_unit_test(other_ports),
        cmocka_unit_test(every_cut),     cmocka_unit_test(holes),
        cmocka_unit_test(broken_stream), cmocka_unit_test(every_length),
        cmocka_unit_test(damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
