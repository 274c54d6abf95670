/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TLS: handshakes at every cut and in every shape of records, fingerprints, certificates, events.
 */
#include "app/test_util.h"

#include "app/tls/test_tls_data.h"
#include "app/tls/test_tls_hex.h"
#include "app/tls/tls.h"
#include "app/tls/tls_tx.h"

static void json_of(const struct app_log_ctx *c,
                    bool (*write)(const struct app_log_ctx *c, struct fields *out), char *text,
                    size_t room)
{
    struct sbuf tape, out;
    struct fields f;
    struct json j;
    sbuf_init(&tape);
    sbuf_init(&out);
    fields_init(&f, &tape);
    text[0] = 0;
    if (write(c, &f)) {
        json_init(&j, &out);
        json_open(&j, NULL);
        assert_true(fields_to_json(&j, tape.p, tape.n));
        json_close(&j);
        assert_true(out.n < room);
        memcpy(text, out.p, out.n);
        text[out.n] = 0;
    }
    sbuf_done(&tape);
    sbuf_done(&out);
}
static const char *log_with(struct talk *t, const struct conf_node *options)
{
    static char text[16384];
    struct app_log_ctx c = {.af = t->flow.app,
                            .tx = t->flow.app ? t->flow.app->first : NULL,
                            .flow = &t->flow,
                            .options = options,
                            .scratch = &t->scratch};
    text[0] = 0;
    if (c.tx)
        json_of(&c, app_tls_def.logs[0].write, text, sizeof(text));
    return text;
}
static const char *log_of(struct talk *t)
{
    return log_with(t, NULL);
}

static void flights_say(struct talk *t, const struct flight *f)
{
    static uint8_t b[8192];
    for (; f->dir < 2; f++)
        talk_piece(t, f->dir, b, hex_of(f->hex, b), 0);
}
static bool happened(struct talk *t, const char *event)
{
    return t->flow.app && t->flow.app->first && talk_event(t, t->flow.app->first, event);
}

/* ------------------------------------------------------------------ whole handshakes */

#define SERVER                                                                                     \
    "{\"tls\":{\"subject\":\"C=AT, ST=Wien, O=Probe, Inc., OU=Labor, CN=probe.example, "           \
    "Email=post@probe.example\",\"issuerdn\":\"C=AT, ST=Wien, O=Probe, Inc., OU=Labor, "           \
    "CN=probe.example, "                                                                           \
    "Email=post@probe.example\",\"subjectaltname\":[\"probe.example\",\"www.probe.example\","      \
    "\"192.0.2.7\","                                                                               \
    "\"https://probe.example/\",\"a@b.example\"],\"serial\":\"00:A1:B2:C3\",\"fingerprint\":"      \
    "\"fe:38:f5:ab:28:e5:59:cc:70:94:38:2e:fc:30:d7:bf:c1:32:3b:6c\",\"notbefore\":\"2026-11-"     \
    "22T16:51:49\","                                                                               \
    "\"notafter\":\"2036-11-19T16:51:49\",\"sni\":\"www.probe.example\",\"version\":\"TLS 1.2\","  \
    "\"client_alpns\":[\"h2\",\"http/1.1\"],\"server_alpns\":[\"http/1.1\"],"                      \
    "\"ja3\":{\"hash\":\"104774240db569f8f87b1a28206b25e5\",\"string\":\"771,49196-49200-49195-"   \
    "49199-52393-"                                                                                 \
    "52392-49188-49192-49187-49191-159-158-107-103-255,0-11-10-35-16-22-23-13,29-23-30-25-24,0-1-" \
    "2\"},"                                                                                        \
    "\"ja3s\":{\"hash\":\"e195432758194ce2d482396b82e0d48e\",\"string\":\"771,49196,65281-11-35-"  \
    "16-23\"},"                                                                                    \
    "\"ja4\":\"t12d1508h2_d68b136fe8d9_e7e480e5a997\""
#define LOG_13                                                                                     \
    "{\"tls\":{\"sni\":\"www.probe.example\",\"version\":\"TLS "                                   \
    "1.3\",\"client_alpns\":[\"h2\",\"http/1.1\"],"                                                \
    "\"ja3\":{\"hash\":\"304734bb1c086c3453b387400cf83f11\",\"string\":\"771,4866-4867-4865-"      \
    "49196-49200-49195-"                                                                           \
    "49199-52393-52392-49188-49192-49187-49191-159-158-107-103-255,0-11-10-35-16-22-23-13-43-45-"  \
    "51-21,29-23-"                                                                                 \
    "30-25-24-256-257-258-259-260,0-1-2\"},\"ja3s\":{\"hash\":"                                    \
    "\"15af977ce25de452b96affa2addb1036\",\"string\":"                                             \
    "\"771,4866,43-51\"},\"ja4\":\"t13d1812h2_85036bcba153_d41ae481755e\"}}"
static const struct {
    const struct flight *flights;
    const char *log;
    const char *after; /* flights until the log's progress is reached: "0", "01" ... */
} handshakes[] = {
    {tls12, SERVER "}}", "01"},
    {tls12_client_cert,
     SERVER ",\"client\":{\"subject\":\"C=DE, O=Kunde, CN=client\",\"issuerdn\":\"C=DE, O=Kunde, "
            "CN=client\","
            "\"subjectaltname\":[\"client.example\"],\"serial\":\"05\",\"fingerprint\":"
            "\"e4:90:a7:5a:62:ce:80:22:9e:70:1d:6b:57:93:f2:17:40:84:e2:57\","
            "\"notbefore\":\"2026-11-22T16:51:49\",\"notafter\":\"2036-11-19T16:51:49\"}}}",
     "010"},
    {tls13, LOG_13, "01"},
    {tls13_retry, LOG_13, "0101"},
    {tls12_resumed,
     "{\"tls\":{\"sni\":\"www.probe.example\",\"version\":\"TLS "
     "1.2\",\"session_resumed\":true,\"client_alpns\":["
     "\"h2\",\"http/1.1\"],\"server_alpns\":[\"http/"
     "1.1\"],\"ja3\":{\"hash\":\"5976f1e477cd6e42ea87626b5a4d8c1b\","
     "\"string\":\"771,49196-49200-49195-49199-52393-52392-49188-49192-49187-49191-159-158-107-103-"
     "255,0-11-10-35-"
     "16-22-23-13-21,29-23-30-25-24,0-1-2\"},\"ja3s\":{\"hash\":"
     "\"93d1391af13d019030090b7f26bac378\",\"string\":"
     "\"771,49196,65281-16-23\"},\"ja4\":\"t12d1509h2_d68b136fe8d9_8932e62835fd\"}}",
     "01"},
};

static bool log_due(const struct talk *t)
{
    const struct app_tx *tx = t->flow.app ? t->flow.app->first : NULL;
    return tx && tx->progress[0] >= app_tls_def.logs[0].at[0] &&
           tx->progress[1] >= app_tls_def.logs[0].at[1];
}

static void whole(void **state)
{
    struct talk t;
    static uint8_t b[8192];
    (void)state;
    talk_begin(&t, NULL);
    for (size_t i = 0; i < ARRAY_LEN(handshakes); i++) {
        const struct flight *f = handshakes[i].flights;
        for (unsigned k = 0; f[k].dir < 2; k++) {
            assert_int_equal(log_due(&t), k >= strlen(handshakes[i].after));
            talk_piece(&t, f[k].dir, b, hex_of(f[k].hex, b), 0);
        }
        assert_int_equal(t.flow.app_proto_any, APP_TLS);
        assert_int_equal(t.flow.app->n_tx, 1);
        assert_int_equal(t.flow.app->first->events, 0);
        assert_string_equal(log_of(&t), handshakes[i].log);
        assert_int_equal(t.flow.app->first->progress[0], TLS_CLIENT_FINISHED);
        assert_int_equal(t.flow.app->first->progress[1], TLS_SERVER_FINISHED);
        assert_true(t.flow.flags & FLOW_NO_PAYLOAD_INSPECTION);
        talk_flow_end(&t);
    }
    talk_end(&t);
}

/* Each flight cut in two at every byte, and then byte by byte. */
static void every_cut(void **state)
{
    struct talk t;
    static uint8_t b[8192];
    (void)state;
    talk_begin(&t, NULL);
    for (size_t i = 0; i < ARRAY_LEN(handshakes); i++) {
        for (uint32_t cut = 1, longest = 2; cut<longest; cut += cut> 400 ? 7 : 1) {
            for (const struct flight *f = handshakes[i].flights; f->dir < 2; f++) {
                uint32_t n = hex_of(f->hex, b), k = u32_min(cut, n);
                longest = u32_max(longest, n);
                talk_piece(&t, f->dir, b, k, 0);
                if (n > k)
                    talk_piece(&t, f->dir, b + k, n - k, 0);
            }
            if (strcmp(log_of(&t), handshakes[i].log) || t.flow.app->first->events)
                fail_msg("handshake %zu, cut %u: %s", i, cut, log_of(&t));
            arena_reset(&t.scratch);
            talk_flow_end(&t);
        }
        for (const struct flight *f = handshakes[i].flights; f->dir < 2; f++) {
            uint32_t n = hex_of(f->hex, b);
            for (uint32_t k = 0; k < n; k++)
                talk_piece(&t, f->dir, b + k, 1, 0);
        }
        assert_string_equal(log_of(&t), handshakes[i].log);
        talk_flow_end(&t);
    }
    talk_end(&t);
}

/* Takes the plain handshake messages of a flight out of their records and puts them into others. */
static uint32_t rerecord(const uint8_t *in, uint32_t n, uint8_t *out, uint32_t size, bool empty)
{
    static uint8_t plain[8192];
    uint32_t at = 0, k = 0, m = 0;
    while (at + 5 <= n && in[at] == 22) {
        uint32_t len = (uint32_t)in[at + 3] << 8 | in[at + 4];
        memcpy(plain + m, in + at + 5, len);
        m += len;
        at += 5 + len;
    }
    for (uint32_t done = 0; done < m;) {
        uint32_t len = u32_min(size, m - done);
        const uint8_t head[5] = {22, 3, 1, (uint8_t)(len >> 8), (uint8_t)len},
                      none[5] = {22, 3, 1, 0, 0};
        if (empty) {
            memcpy(out + k, none, 5);
            k += 5;
        }
        memcpy(out + k, head, 5);
        memcpy(out + k + 5, plain + done, len);
        k += 5 + len;
        done += len;
    }
    memcpy(out + k, in + at, n - at);
    return k + n - at;
}

static void other_records(void **state)
{
    static uint8_t b[8192], r[65536];
    static const uint32_t sizes[] = {1, 2, 3, 4, 5, 7, 16, 100, 1000, 16000};
    struct talk t;
    (void)state;
    talk_begin(&t, NULL);
    for (size_t s = 0; s < 2 * ARRAY_LEN(sizes); s++) {
        const struct flight *f = tls12;
        for (unsigned k = 0; k < 2; k++, f++) {
            uint32_t n = rerecord(b, hex_of(f->hex, b), r, sizes[s / 2], s & 1);
            talk_piece(&t, f->dir, r, n, 0);
        }
        flights_say(&t, f);
        assert_string_equal(log_of(&t), SERVER "}}");
        if (sizes[s / 2] == 1 || sizes[s / 2] >= 100)
            assert_int_equal(happened(&t, "too_many_records_in_packet"), sizes[s / 2] == 1);
        talk_flow_end(&t);
    }
    talk_end(&t);
}

/* ------------------------------------------------------------------ JA3 by rule and by log */

static void ja3_hash(void **state)
{
    struct talk t;
    uint8_t b[1024] = {22, 3, 1};
    (void)state;
    /* the example of JA3's own description */
    uint32_t n =
        hello_build(b + 9, 0x0301, "002f 0035 0005 000a c009 c00a c013 c014 0032 0038 0013 0004",
                    "0000 0006 0004 00 0001 61 000a 0008 0006 0017 0018 0019 000b 0002 0100");
    b[4] = (uint8_t)(n + 4);
    b[3] = (uint8_t)((n + 4) >> 8);
    b[5] = 1;
    b[8] = (uint8_t)n;
    b[7] = (uint8_t)(n >> 8);
    talk_begin(&t, NULL);
    talk_piece(&t, 0, b, n + 9, 0);
    talk_expect(&t, 0, 0, "ja3.hash", "ada70206e40642a3e4461f35503241d5");
    talk_expect(&t, 0, 0, "ja3_hash", "ada70206e40642a3e4461f35503241d5");
    talk_expect(&t, 0, 0, "ja3.string",
                "769,47-53-5-10-49161-49162-49171-49172-50-56-19-4,0-10-11,23-24-25,0");
    talk_expect(&t, 0, 1, "ja3s.hash", NULL);
    talk_expect(&t, 0, 0, "tls.sni", "a");
    talk_end(&t);
    static const char *const off[] = {"app-layer.protocols.tls.ja3-fingerprints=no",
                                      "app-layer.protocols.tls.ja4-fingerprints=no", NULL};
    talk_begin(&t, off);
    talk_piece(&t, 0, b, n + 9, 0);
    talk_expect(&t, 0, 0, "ja3.hash", NULL);
    talk_expect(&t, 0, 0, "ja4.hash", NULL);
    assert_string_equal(log_of(&t), "{\"tls\":{\"sni\":\"a\",\"version\":\"TLSv1\"}}");
    talk_end(&t);
}

/* ------------------------------------------------------------------ events */

#define HELLO_12 "0303" R32 "00 0002 002f 01 00"
#define R32      "0101010101010101010101010101010101010101010101010101010101010101"
#define HELLO    "16 0301 002d 01 000029" HELLO_12
static const struct {
    const char *client, *server;
    const char *event; /* NULL: none at all */
    int failed;        /* direction that gives up; -1: none */
} events[] = {
    {HELLO, NULL, NULL, -1},
    {HELLO, "16 0303 002c 02 000028 0303" R32 "00 002f 00 0000", NULL, -1},
    {HELLO "21 0301 0000", NULL, "invalid_record_type", 0},
    {HELLO "16 0901 0001 00", NULL, "invalid_record_version", 0},
    {HELLO "16 0309 0000", NULL, "invalid_record_version", -1},
    {HELLO "17 0303 ffff", NULL, "invalid_record_length", 0},
    {HELLO "17 0303 ffff", NULL, "invalid_ssl_record", 0},
    {HELLO, "16 0301 0004 84 000000", "invalid_handshake_message", -1},
    {HELLO, "16 0301 0004 01 000000", "invalid_handshake_message", -1},
    {HELLO, "16 0301 0004 02 000000", "invalid_handshake_message", -1},
    {HELLO, "16 0301 0004 0b 050000", "handshake_invalid_length", -1},
    {HELLO "16 0301 0004 02 000000", NULL, "invalid_handshake_message", -1},
    {HELLO, "16 0301 0013 0b 00000f 00000c 000009 30063084fffffffa04", "invalid_certificate", -1},
    {HELLO, "16 0301 0013 0b 00000f 00000c 000009 30053084fffffffa04", "certificate_invalid_length",
     -1},
    {HELLO, "16 0301 000a 0b 000006 000009 000009", "certificate_invalid_length", -1},
    {HELLO, "16 0301 0004 0b 000000", "certificate_invalid_length", -1},
    {HELLO, "15 0301 0002 0228", NULL, -1},
    {HELLO, "15 0301 0003 022800", "invalid_alert_message", -1},
    {HELLO, "15 0301 0002 0928", "invalid_alert_message", -1},
    {HELLO, "18 0301 0003 010000", "heartbeat_message", -1},
    {HELLO, "18 0301 0003 014000", "overflow_heartbeat_message", -1},
    {HELLO, "18 0301 0004 010001 00", "invalid_heartbeat_message", -1},
    {HELLO, "18 0301 0001 01 17 0301 0008 0000000000000000", "invalid_heartbeat_message", -1},
    {HELLO, "18 0301 0013 030000 00000000000000000000000000000000", "invalid_heartbeat_message",
     -1},
    {HELLO "14 0303 0001 01 18 0303 0002 0000", "14 0303 0001 01 18 0303 0004 00000000",
     "dataleak_heartbeat_mismatch", -1},
    {HELLO "14 0303 0001 01 18 0303 0002 0000", "14 0303 0001 01 18 0303 0002 0000",
     "heartbeat_message", -1},
    /* SNI: a list longer than its extension; another type; two of them; an empty name */
    {"16 0301 0038 01 000034" HELLO_12 "0009 0000 0005 0009 00 0001", NULL, "invalid_sni_length",
     -1},
    {"16 0301 0039 01 000035" HELLO_12 "000a 0000 0006 0004 01 0001 61", NULL, "invalid_sni_type",
     -1},
    {"16 0301 0038 01 000034" HELLO_12 "0009 0000 0005 0003 00 0000", NULL, "invalid_sni_length",
     -1},
    {"16 0301 0037 01 000033" HELLO_12 "0008 0000 0000 0000 0000", NULL, "multiple_sni_extensions",
     -1},
    {"16 0301 0031 01 00002d" HELLO_12 "0004 0000 0005", NULL, "invalid_handshake_message", -1},
    /* SSL 2 */
    {"8014 01 0002 0006 0000 0005 010080 020080 0102030405", NULL, NULL, -1},
    {"8013 01 0002 0006 0000 0005 010080 020080 01020304", NULL, "invalid_sslv2_header", -1},
    {"8014 01 0002 0006 0000 0005 010080 020080 0102030405",
     "8010 00 0001 00000000000000000000000000", "error_message_encountered", -1},
    {"8014 01 0002 0006 0000 0005 010080 020080 0102030405",
     "8010 07 0001 00000000000000000000000000", "invalid_sslv2_header", 1},
};

static void event_table(void **state)
{
    struct talk t;
    (void)state;
    talk_begin(&t, NULL);
    for (size_t i = 0; i < ARRAY_LEN(events); i++) {
        static uint8_t b[1024];
        talk_piece(&t, 0, b, hex_of(events[i].client, b), 0);
        if (events[i].server)
            talk_piece(&t, 1, b, hex_of(events[i].server, b), 0);
        assert_int_equal(t.flow.app_proto_any, APP_TLS);
        const struct app_tx *tx = t.flow.app->first;
        if (events[i].event ? !talk_event(&t, tx, events[i].event) : tx->events != 0)
            fail_msg("case %zu (%s): events %lx", i, events[i].event, (unsigned long)tx->events);
        for (int dir = 0; dir < 2; dir++)
            if (t.flow.app->failed[dir] != (events[i].failed == dir))
                fail_msg("case %zu: direction %d", i, dir);
        talk_flow_end(&t);
    }
    talk_end(&t);
}

static void ssl2(void **state)
{
    struct talk t;
    static uint8_t b[1024];
    (void)state;
    talk_begin(&t, NULL);
    /* an SSL 2 hello that offers TLS 1.0, answered with TLS records */
    talk_piece(&t, 0, b, hex_of("8014 01 0301 0006 0000 0005 010080 020080 0102030405", b), 0);
    assert_int_equal(t.flow.app->first->progress[0], TLS_CLIENT_HELLO_DONE);
    assert_string_equal(log_of(&t), "{\"tls\":{\"version\":\"TLSv1\"}}");
    talk_expect(&t, 0, 0, "ja3.hash", NULL);
    talk_piece(&t, 1, b, hex_of("16 0301 002c 02 000028 0301" R32 "00 002f 00 0000", b), 0);
    talk_piece(&t, 0, b, hex_of("16 0301 0004 10 000000", b), 0);
    assert_int_equal(t.flow.app->first->events, 0);
    assert_int_equal(t.flow.app->first->progress[1], TLS_SERVER_HELLO);
    assert_int_equal(t.flow.app->first->progress[0], TLS_CLIENT_CERT_DONE);
    talk_flow_end(&t);
    talk_piece(&t, 0, b, hex_of("8014 01 0002 0006 0000 0005 010080 020080 0102030405", b), 0);
    talk_piece(&t, 1, b, hex_of("800b 04 00 01 0002 0000 0000 0000", b), 0);
    talk_piece(&t, 0, b, hex_of("8004 deadbeef", b), 0); /* keys, not looked at */
    assert_int_equal(t.flow.app->first->events, 0);
    assert_string_equal(log_of(&t), "{\"tls\":{\"version\":\"SSLv2\"}}");
    talk_end(&t);
}

/* A header's length is settled by its first byte, whatever the other direction says meanwhile. */
static void header_between(void **state)
{
    struct talk t;
    static uint8_t b[256];
    (void)state;
    talk_begin(&t, NULL);
    talk_piece(&t, 0, b, hex_of(HELLO, b), 0);
    struct app_flow *af = t.flow.app;
    void *st = app_tls_def.state_new(af);
    assert_non_null(st);
    assert_int_equal(app_tls_def.parse(af, st, 1, (const uint8_t *)"\x30\0\0\0", 4, 0), 4);
    uint32_t n = hex_of("8014 01 0002 0006 0000 0005 010080 020080 0102030405", b);
    assert_int_equal(app_tls_def.parse(af, st, 0, b, n, 0), n);
    assert_int_equal(app_tls_def.parse(af, st, 1, (const uint8_t *)"\0\0\0", 3, 0), -1);
    app_tls_def.state_free(af, st);
    talk_end(&t);
}

/* ------------------------------------------------------------------ what rules see */

static void buffers(void **state)
{
    struct talk t;
    struct app_view v;
    (void)state;
    talk_begin(&t, NULL);
    flights_say(&t, tls12_client_cert);
    talk_expect(&t, 0, 0, "tls.sni", "www.probe.example");
    talk_expect(
        &t, 0, 1, "tls.cert_subject",
        "C=AT, ST=Wien, O=Probe, Inc., OU=Labor, CN=probe.example, Email=post@probe.example");
    talk_expect(&t, 0, 0, "tls.cert_subject", "C=DE, O=Kunde, CN=client");
    talk_expect(&t, 0, 0, "tls_cert_issuer", "C=DE, O=Kunde, CN=client");
    talk_expect(&t, 0, 1, "tls.cert_serial", "00:A1:B2:C3");
    talk_expect(&t, 0, 0, "tls.cert_fingerprint",
                "e4:90:a7:5a:62:ce:80:22:9e:70:1d:6b:57:93:f2:17:40:84:e2:57");
    talk_expect(&t, 0, 0, "ja4.hash", "t12d1508h2_d68b136fe8d9_e7e480e5a997");
    talk_expect(&t, 0, 1, "ja3s.string", "771,49196,65281-11-35-16-23");
    talk_expect(&t, 0, 1, "tls.alpn", "http/1.1");
    talk_expect(&t, 0, 0, "tls.alpn", "h2");
    static const char *const alt[] = {"probe.example", "www.probe.example", "192.0.2.7",
                                      "https://probe.example/", "a@b.example"};
    static const unsigned order[] = {0, 1, 2, 3, 4, 1, 4, 0, 3}; /* asked for out of order, too */
    for (size_t i = 0; i < ARRAY_LEN(order); i++) {
        assert_true(talk_get(&t, talk_tx(&t, 0), 1, "tls.subjectaltname", order[i], false, &v));
        assert_int_equal(v.n, strlen(alt[order[i]]));
        assert_memory_equal(v.data, alt[order[i]], v.n);
        assert_false(
            talk_get(&t, talk_tx(&t, 0), 1, "tls.subjectaltname", 5 + (unsigned)i, false, &v));
    }
    assert_true(talk_get(&t, talk_tx(&t, 0), 1, "tls.certs", 1, false, &v));
    assert_int_equal(v.n, 395);
    assert_false(talk_get(&t, talk_tx(&t, 0), 1, "tls.certs", 2, false, &v));
    assert_true(talk_get(&t, talk_tx(&t, 0), 0, "tls.random", 0, false, &v));
    assert_int_equal(v.n, 32);
    const uint8_t *r = v.data;
    assert_true(talk_get(&t, talk_tx(&t, 0), 0, "tls.random_bytes", 0, false, &v));
    assert_true(v.n == 28 && v.data == r + 4);
    talk_end(&t);
}

static bool number(struct talk *t, unsigned dir, const char *name, uint64_t *out)
{
    int k = app_buffer_find(str_cstr(name), APP_SURICATA);
    assert_true(k >= 0);
    struct app_get q = {
        .af = t->flow.app, .tx = t->flow.app->first, .dir = dir, .scratch = &t->scratch};
    return app_buffer_of((unsigned)k, APP_TLS)->get_uint(&q, 0, out);
}

static void numbers(void **state)
{
    struct talk t;
    (void)state;
    static const struct {
        const char *name;
        unsigned dir;
        uint64_t value;
    } cases[] = {{"tls.version", 0, 0x0303},
                 {"tls.version", 1, 0x0303},
                 {"ssl_version", 1, 0x0303},
                 {"ssl_state", 0, 13}, /* each hello only where it is said */
                 {"ssl_state", 1, 14},
                 {"tls.cert_chain_len", 1, 2},
                 {"tls.cert_chain_len", 0, 1},
                 {"tls_cert_notbefore", 1, 1795366309},
                 {"tls_cert_notafter", 0, 2110726309}};
    uint64_t v;
    talk_begin(&t, NULL);
    flights_say(&t, tls12_client_cert);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        assert_true(number(&t, cases[i].dir, cases[i].name, &v));
        assert_int_equal(v, cases[i].value);
    }
    t.flow.app->now_ns = 1900000000ull * 1000000000;
    assert_true(number(&t, 1, "tls_cert_valid", &v));
    assert_false(number(&t, 1, "tls_cert_expired", &v));
    t.flow.app->now_ns = 2200000000ull * 1000000000;
    assert_false(number(&t, 1, "tls_cert_valid", &v));
    assert_true(number(&t, 1, "tls_cert_expired", &v));
    t.flow.app->now_ns = 1500000000ull * 1000000000;
    assert_false(number(&t, 1, "tls_cert_valid", &v));
    assert_false(number(&t, 1, "tls_cert_expired", &v));
    talk_end(&t);
}

/* Both ends write 1.2 into their own field and mean 1.3 (RFC 8446 4.2.1). */
static void version_13(void **state)
{
    struct talk t;
    uint64_t v;
    (void)state;
    talk_begin(&t, NULL);
    flights_say(&t, tls13);
    for (unsigned dir = 0; dir < 2; dir++) {
        assert_true(number(&t, dir, "tls.version", &v));
        assert_int_equal(v, 0x0304);
        assert_true(number(&t, dir, "ssl_version", &v));
        assert_int_equal(v, 0x0304);
    }
    talk_end(&t);
}

static void custom_log(void **state)
{
    struct talk t;
    struct diags d;
    static const struct {
        const char *set[3];
        const char *log;
    } cases[] = {
        {{"outputs.0.extended=no"},
         "{\"tls\":{\"subject\":\"C=AT, ST=Wien, O=Probe, Inc., OU=Labor, CN=probe.example, "
         "Email=post@probe.example\",\"issuerdn\":\"C=AT, ST=Wien, O=Probe, Inc., OU=Labor, "
         "CN=probe.example, Email=post@probe.example\"}}"},
        {{"outputs.0.custom.0=sni", "outputs.0.custom.1=client_handshake"},
         "{\"tls\":{\"sni\":\"www.probe.example\",\"client_handshake\":{\"version\":\"TLS "
         "1.2\",\"ciphers\":[49196,"
         "49200,49195,49199,52393,52392,49188,49192,49187,49191,159,158,107,103,255],\"exts\":[0,"
         "11,10,35,16,22,23,"
         "13],\"sig_algs\":[1027,1283,1539,2055,2056,2057,2058,2059,2052,2053,2054,1025,1281,1537,"
         "771,769,770,1026,"
         "1282,1538]}}}"},
        {{"outputs.0.custom.0=server_handshake"},
         "{\"tls\":{\"server_handshake\":{\"version\":\"TLS "
         "1.2\",\"cipher\":49196,\"exts\":[65281,11,35,16,23]}}}"},
    };
    (void)state;
    talk_begin(&t, NULL);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        talk_flow_end(&t);
        talk_end(&t);
        talk_begin(&t, NULL);
        diags_init(&d, &t.scratch);
        for (const char *const *s = cases[i].set; *s; s++)
            assert_int_equal(conf_set(t.conf, *s, &d), 0);
        flights_say(&t, tls12);
        assert_string_equal(log_with(&t, conf_node(t.conf, "outputs.0")), cases[i].log);
    }
    diags_init(&d, &t.scratch);
    assert_int_equal(conf_set(t.conf, "outputs.2.custom.0=client_chain", &d), 0);
    assert_int_equal(conf_set(t.conf, "outputs.2.custom.1=chain", &d), 0);
    assert_int_equal(conf_set(t.conf, "outputs.1.session-resumption=no", &d), 0);
    talk_flow_end(&t);
    flights_say(&t, tls12_client_cert);
    const char *log = log_with(&t, conf_node(t.conf, "outputs.2"));
    assert_non_null(strstr(log, "\"chain\":[\"MII"));
    assert_non_null(strstr(log, "\"client\":{\"chain\":[\"MII"));
    talk_flow_end(&t);
    flights_say(&t, tls12_resumed);
    assert_string_equal(log_with(&t, conf_node(t.conf, "outputs.1")), "");
    assert_true(*log_of(&t));
    talk_end(&t);
}

static void encryption_handling(void **state)
{
    static const struct {
        const char *set;
        bool no_payload, bypass;
    } cases[] = {{"app-layer.protocols.tls.encryption-handling=track-only", true, false},
                 {"app-layer.protocols.tls.encryption-handling=full", false, false},
                 {"app-layer.protocols.tls.encryption-handling=bypass", true, true}};
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *const set[] = {cases[i].set, NULL};
        struct talk t;
        talk_begin(&t, set);
        flights_say(&t, tls12);
        assert_int_equal(!!(t.flow.flags & FLOW_NO_PAYLOAD_INSPECTION), cases[i].no_payload);
        assert_int_equal(!!(t.flow.flags & FLOW_BYPASS), cases[i].bypass);
        assert_string_equal(log_of(&t), SERVER "}}");
        app_reap(t.flow.app, false, false);
        assert_int_equal(t.flow.app->n_tx, 0); /* finished, and the state goes on without it */
        talk_piece(&t, 0, "\x17\x03\x03\x00\x02xx", 7, 0);
        talk_piece(&t, 1, "\x18\x03\x03\x00\x02xx", 7, 0);
        assert_int_equal(!!t.flow.app->flow_events, !cases[i].bypass);
        talk_end(&t);
    }
}

/* ------------------------------------------------------------------ holes, ends, damage */

static void holes(void **state)
{
    struct talk t;
    static uint8_t b[8192];
    (void)state;
    talk_begin(&t, NULL);
    /* in a record that is not looked at: nothing happens */
    flights_say(&t, tls12);
    talk_piece(&t, 0,
               "\x17\x03\x03\x00\x64"
               "ab",
               7, 0);
    talk_piece(&t, 0, NULL, 98, PIECE_GAP);
    talk_piece(&t, 0,
               "\x17\x03\x03\x00\x01"
               "a",
               6, 0);
    assert_false(t.flow.app->failed[0]);
    /* over its end: the framing is lost */
    talk_piece(&t, 0,
               "\x17\x03\x03\x00\x64"
               "ab",
               7, 0);
    talk_piece(&t, 0, NULL, 99, PIECE_GAP);
    assert_true(t.flow.app->failed[0]);
    talk_flow_end(&t);
    /* in the server's certificate: the hello stays, the connection goes on */
    uint32_t n = hex_of(tls12[0].hex, b);
    talk_piece(&t, 0, b, n, 0);
    n = hex_of(tls12[1].hex, b);
    talk_piece(&t, 1, b, 300, 0);
    talk_piece(&t, 1, NULL, 100, PIECE_GAP);
    talk_piece(&t, 1, b + 400, n - 400, 0);
    flights_say(&t, tls12 + 2);
    assert_false(t.flow.app->failed[1]);
    const char *log = log_of(&t);
    assert_non_null(strstr(log, "\"ja3s\":{\"hash\":\"e195432758194ce2d482396b82e0d48e\""));
    assert_null(strstr(log, "subject"));
    assert_true(log_due(&t));
    talk_flow_end(&t);
    /* a client that is left alone: written at the end */
    n = hex_of(tls12[0].hex, b);
    talk_piece(&t, 0, b, n, 0);
    assert_false(log_due(&t));
    app_finish(&t.flow);
    assert_true(log_due(&t));
    assert_non_null(strstr(log_of(&t), "\"version\":\"TLS 1.2\""));
    talk_end(&t);
}

static void damaged(void **state)
{
    struct talk t;
    static uint8_t b[8192];
    unsigned seed = 20261122;
    (void)state;
    print_message("# seed %u\n", seed);
    srand(seed);
    talk_begin(&t, NULL);
    for (unsigned round = 0; round < 1500; round++) {
        for (const struct flight *f = handshakes[(unsigned)rand() % ARRAY_LEN(handshakes)].flights;
             f->dir < 2; f++) {
            uint32_t n = hex_of(f->hex, b), cut = (unsigned)rand() % n;
            for (unsigned k = (unsigned)rand() % 4; k; k--)
                b[(unsigned)rand() % n] = (uint8_t)rand();
            talk_piece(&t, f->dir, b, cut, 0);
            talk_piece(&t, f->dir, b + cut, n - cut, 0);
        }
        struct app_tx *tx = t.flow.app ? t.flow.app->first : NULL;
        for (const struct app_buffer *x = app_tls_def.buffers; tx && x->name; x++)
            for (unsigned dir = 0; dir < 2; dir++) {
                struct app_get q = {.af = t.flow.app, .tx = tx, .dir = dir, .scratch = &t.scratch};
                struct app_view v;
                uint64_t u;
                for (unsigned i = 0;
                     x->dirs & 1u << dir && (x->get ? x->get(&q, i, &v) : x->get_uint(&q, i, &u));
                     i++)
                    assert_true(i < 10000);
            }
        if (tx)
            (void)log_of(&t);
        arena_reset(&t.scratch);
        talk_flow_end(&t);
    }
    talk_end(&t);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(whole),
        cmocka_unit_test(every_cut),
        cmocka_unit_test(other_records),
        cmocka_unit_test(ja3_hash),
        cmocka_unit_test(event_table),
        cmocka_unit_test(ssl2),
        cmocka_unit_test(buffers),
        cmocka_unit_test(numbers),
        cmocka_unit_test(version_13),
        cmocka_unit_test(custom_log),
        cmocka_unit_test(encryption_handling),
        cmocka_unit_test(holes),
        cmocka_unit_test(damaged),
        cmocka_unit_test(header_between),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
