/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The application core: names, numbers of buffers, detection, held bytes, caps, reaping, change of
 * protocol. */
#include "app/test_util.h"

#include "app/core.h"

/* ------------------------------------------------------------------ names and numbers */

static void names(void **state)
{
    (void)state;
    assert_int_equal(app_find(STR("http")), APP_HTTP);
    assert_int_equal(app_find(STR("http1")), APP_HTTP);
    assert_int_equal(app_find(STR("ssl")), APP_TLS);
    assert_int_equal(app_find(STR("failed")), APP_FAILED);
    assert_int_equal(app_find(STR("nothing-of-that-name")), -1);
    for (unsigned i = 1; i < APP_COUNT; i++)
        assert_int_equal(app_find(str_cstr(app_name(i))), i);
    assert_null(app_name(APP_UNKNOWN));
    assert_true(app_covers(APP_HTTP, APP_HTTP2));
    assert_false(app_covers(APP_HTTP2, APP_HTTP));
    assert_int_equal(app_core_event_find(STR("applayer_unexpected_protocol")),
                     APP_CORE_UNEXPECTED_PROTOCOL);
    assert_int_equal(app_core_event_find(STR("x")), -1);
    char room[96];
    assert_string_equal(app_event_eve(APP_HTTP, "missing_host_header", room),
                        "MISSING_HOST_HEADER");
    assert_string_equal(app_event_eve(APP_DNS, "malformed_data", room), "malformed_data");
}
static void buffers_have_numbers(void **state)
{
    (void)state;
    assert_true(app_buffer_count() > 20);
    for (unsigned i = 0; i < app_buffer_count(); i++) {
        enum app_proto_id id;
        const struct app_buffer *b = app_buffer_any(i, &id);
        assert_non_null(b);
        assert_ptr_equal(app_buffer_of(i, id), b);
        assert_int_equal(app_buffer_find(str_cstr(app_buffer_name(i)), APP_SURICATA), i);
        assert_true(b->get || b->get_uint);
        assert_non_null(b->help);
        assert_true(b->dirs >= 1 && b->dirs <= 3);
    }
    assert_null(app_buffer_of(app_buffer_count(), APP_HTTP));
}
static void buffers_by_dialect(void **state)
{
    (void)state;
    int uri = app_buffer_find(STR("http.uri"), APP_SURICATA);
    assert_true(uri >= 0);
    assert_int_equal(app_buffer_find(STR("http.uri"), APP_SNORT2), -1);
    assert_int_equal(app_buffer_find(STR("http_uri"), APP_SNORT3), uri);
    assert_int_equal(app_buffer_find(STR("http_uri"), APP_SURICATA), -1);
    assert_int_equal(app_buffer_find_modifier(STR("http_uri"), APP_SURICATA), uri);
    assert_int_equal(app_buffer_find_modifier(STR("http_uri"), APP_SNORT2), uri);
    assert_int_equal(app_buffer_find_pcre('U', APP_SURICATA), uri);
    assert_int_equal(app_buffer_find_pcre('K', APP_SURICATA), -1);
    assert_true(app_buffer_find_pcre('K', APP_SNORT2) >= 0);
    int data = app_buffer_find(STR("file.data"), APP_SURICATA);
    assert_int_equal(app_buffer_find(STR("file_data"), APP_SURICATA), data);
    assert_int_equal(app_buffer_find(STR("file_data"), APP_SNORT2), data);
    assert_int_equal(app_buffer_find(STR("file_data"), APP_SNORT3), data);
    assert_int_equal(app_buffer_find(STR(""), APP_SURICATA), -1);
}
static void events_and_states(void **state)
{
    (void)state;
    unsigned dir = 9;
    assert_true(app_event_find(APP_HTTP, STR("missing_host_header")) >= 0);
    assert_int_equal(app_event_find(APP_HTTP, STR("no_such_event")), -1);
    assert_int_equal(app_event_find(APP_SSH, STR("x")), -1);
    assert_true(app_state_find(APP_HTTP, STR("response_headers"), &dir) > 0);
    assert_int_equal(dir, 1);
    assert_int_equal(app_state_find(APP_HTTP, STR("x"), &dir), -1);
}

/* ------------------------------------------------------------------ detection */

struct words {
    enum app_proto_id id;
    uint8_t ip_proto, dir;
    uint16_t port;
    uint16_t n;
    const char *bytes;
};
#define W(id, proto, dir, port, text)                                                              \
    {                                                                                              \
        id, IPPROTO_##proto, dir, port, sizeof(text) - 1, text                                     \
    }
static const struct words first_words[] = {
    W(APP_HTTP, TCP, 0, 4711, "GET / HTTP/1.1\r\n\r\n"),
    W(APP_HTTP, TCP, 0, 80, "get\t/x HTTP/1.0\r\n\r\n"),
    W(APP_HTTP, TCP, 0, 80, "OPTIONS * HTTP/1.1\r\n\r\n"),
    W(APP_HTTP, TCP, 0, 80, "\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
    W(APP_HTTP, TCP, 0, 4711, "FROB /x HTTP/1.1\r\nHost: a\r\n\r\n"),
    W(APP_HTTP, TCP, 0, 4711, "  GET /x HTTP/1.0\r\n\r\n"),
    W(APP_SIP, TCP, 0, 80, "OPTIONS sip:a@b SIP/2.0\r\n"),
    W(APP_SIP, UDP, 0, 5060, "INVITE sip:a@b SIP/2.0\r\n"),
    W(APP_HTTP2, TCP, 0, 80, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    W(APP_SSH, TCP, 0, 2222, "SSH-2.0-OpenSSH_9.2\r\n"),
    W(APP_SSH, TCP, 1, 2222, "SSH-2.0-OpenSSH_9.2\r\n"),
    W(APP_FTP, TCP, 0, 21, "USER anonymous\r\n"),
    W(APP_FTP, TCP, 1, 21, "220 ProFTPD Server ready\r\n"),
    W(APP_SMTP, TCP, 0, 25, "EHLO example.com\r\n"),
    W(APP_SMTP, TCP, 1, 25, "220 mx.example.com ESMTP Postfix\r\n"),
    W(APP_IMAP, TCP, 1, 143, "* OK IMAP4 ready\r\n"),
    W(APP_POP3, TCP, 1, 110, "+OK ready\r\n"),
    W(APP_SMB, TCP, 0, 445, "\0\0\0\x85\xffSMBr\0\0\0\0"),
    W(APP_SMB, TCP, 1, 999, "\0\0\0\x85\xfeSMB@\0\0\0\0"),
    W(APP_DCERPC, TCP, 0, 135, "\5\0\13\3\x10\0\0\0\x48\0\0\0\1\0\0\0\xb8\x10\xb8\x10"),
    W(APP_RFB, TCP, 1, 5900, "RFB 003.008\n"),
    W(APP_MQTT, TCP, 0, 1884, "\x10\x12\0\4MQTT\4\2\0\x3c\0\6abcdef"),
    W(APP_RDP, TCP, 0, 3389, "\3\0\0\x13\x0e\xe0\0\0\0\0\0\1\0\x08\0\3\0\0\0"),
    W(APP_TELNET, TCP, 1, 23, "\xff\xfd\x18\xff\xfd\x20"),
    W(APP_LDAP, TCP, 0, 389, "\x30\x0c\2\1\1\x60\7\2\1\3\4\0\x80\0"),
    W(APP_REDIS, TCP, 0, 6379, "*1\r\n$4\r\nPING\r\n"),
    W(APP_NTP, UDP, 0, 123,
      "\x1b\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
      "\0\0\0\0\0\0\0"),
    W(APP_TFTP, UDP, 0, 69, "\0\1rfc1350.txt\0octet\0"),
    W(APP_SNMP, UDP, 0, 161,
      "\x30\x26\2\1\1\4\6public\xa1\x19\2\4\0\0\0\1\2\1\0\2\1\0\x30\x0b\x30\x09\6\5\x2b\6\1\2\1\5"
      "\0"),
    W(APP_BITTORRENT_DHT, UDP, 0, 6881, "d1:ad2:id20:abcdefghij0123456789e1:q4:ping1:t2:aa1:y1:qe"),
    W(APP_IKE, UDP, 0, 500, "\1\2\3\4\5\6\7\x08\0\0\0\0\0\0\0\0\x21\x20\x22\x08\0\0\0\0\0\0\0\x1c"),
};
static void told_by_first_words(void **state)
{
    (void)state;
    struct talk t;
    talk_begin(&t, NULL);
    for (unsigned i = 0; i < ARRAY_LEN(first_words); i++) {
        const struct words *w = &first_words[i];
        t.flow.port[1] = w->port;
        t.flow.proto = w->ip_proto;
        if (w->ip_proto == IPPROTO_UDP)
            talk_datagram(&t, w->dir, w->bytes, w->n);
        else
            talk_piece(&t, w->dir, w->bytes, w->n, PIECE_START);
        if (t.flow.app_proto_any != w->id)
            fail_msg("row %u: %s, not %s", i, app_name(t.flow.app_proto_any), app_name(w->id));
        assert_int_equal(t.flow.app_proto[w->dir], w->id);
        assert_true(t.flow.flags & (w->dir ? FLOW_PD_TO_CLIENT : FLOW_PD_TO_SERVER));
        talk_flow_end(&t);
    }
    talk_end(&t);
}
/* The same, byte by byte: never another protocol on the way, and the same end. */
static void told_byte_by_byte(void **state)
{
    (void)state;
    struct talk t;
    talk_begin(&t, NULL);
    for (unsigned i = 0; i < ARRAY_LEN(first_words); i++) {
        const struct words *w = &first_words[i];
        if (w->ip_proto == IPPROTO_UDP)
            continue;
        t.flow.port[1] = w->port;
        t.flow.proto = w->ip_proto;
        for (unsigned k = 0; k < w->n; k++)
            talk_piece(&t, w->dir, w->bytes + k, 1, k ? 0 : PIECE_START);
        if (t.flow.app_proto_any != w->id)
            fail_msg("row %u: %u, not %s", i, t.flow.app_proto_any, app_name(w->id));
        talk_flow_end(&t);
    }
    talk_end(&t);
}
static void unknown_fails_when_both_have_spoken(void **state)
{
    (void)state;
    struct talk t;
    talk_begin(&t, NULL);
    t.flow.port[1] = 9999;
    talk_say(&t, 0, "\x99\x98\x97hello there, nobody knows this\n");
    assert_int_equal(t.flow.app_proto_any, APP_UNKNOWN);
    assert_int_equal(t.flow.app_proto[0], APP_FAILED);
    talk_say(&t, 1, "\x91\x90nor this\n");
    assert_int_equal(t.flow.app_proto_any, APP_FAILED);
    assert_null(t.flow.app->held[0]);
    talk_end(&t);
}
static void server_speaks_first(void **state)
{
    (void)state;
    struct talk t;
    talk_begin(&t, NULL);
    t.flow.port[1] = 2525;
    talk_say(&t, 1, "220 welcome\r\n");
    assert_int_equal(t.flow.app_proto_any, APP_UNKNOWN);
    talk_say(&t, 0, "HELO me\r\n");
    assert_int_equal(t.flow.app_proto_any, APP_SMTP);
    assert_false(talk_core_event(&t, APP_CORE_WRONG_DIRECTION_FIRST_DATA));
    talk_end(&t);
}
static void mismatch(void **state)
{
    (void)state;
    struct talk t;
    talk_begin(&t, NULL);
    talk_say(&t, 0, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    talk_say(&t, 1, "SSH-2.0-x\r\n");
    assert_int_equal(t.flow.app_proto_any, APP_HTTP);
    assert_int_equal(t.flow.app_proto[1], APP_SSH);
    assert_true(talk_core_event(&t, APP_CORE_MISMATCH_PROTOCOL_BOTH_DIRECTIONS));
    talk_end(&t);
}
static void only_one_direction(void **state)
{
    (void)state;
    struct talk t;
    talk_begin(&t, NULL);
    talk_say(&t, 0, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    talk_say(&t, 1, "what is this?\r\n");
    assert_true(talk_core_event(&t, APP_CORE_DETECT_PROTOCOL_ONLY_ONE_DIRECTION));
    assert_int_equal(t.flow.app_proto[1], APP_HTTP);
    talk_end(&t);
}
static void off_means_off(void **state)
{
    (void)state;
    static const char *const set[] = {"app-layer.protocols.ssh.enabled=no",
                                      "app-layer.protocols.http.enabled=detection-only",
                                      "app-layer.protocols.telnet.detection-ports.dp=2323", NULL};
    struct talk t;
    talk_begin(&t, set);
    assert_false(app_proto_enabled(t.engine, APP_SSH, false));
    talk_say(&t, 0, "SSH-2.0-x\r\n");
    talk_say(&t, 1, "SSH-2.0-x\r\n");
    assert_int_equal(t.flow.app_proto_any, APP_FAILED);
    talk_flow_end(&t);
    talk_say(&t, 0, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_int_equal(t.flow.app_proto_any, APP_HTTP);
    assert_null(t.flow.app->def);
    assert_null(t.flow.app->first);
    talk_flow_end(&t);
    t.flow.port[1] = 2323;
    talk_piece(&t, 1, "\xff\xfd\x18", 3, PIECE_START);
    assert_int_equal(t.flow.app_proto_any, APP_TELNET);
    talk_flow_end(&t);
    t.flow.port[1] = 23;
    talk_piece(&t, 1, "\xff\xfd\x18", 3, PIECE_START);
    assert_int_equal(t.flow.app_proto_any, APP_UNKNOWN);
    talk_end(&t);
}
static void gap_before_detection(void **state)
{
    (void)state;
    struct talk t;
    talk_begin(&t, NULL);
    talk_piece(&t, 0, "GE", 2, PIECE_START);
    talk_piece(&t, 0, NULL, 100, PIECE_GAP);
    assert_int_equal(t.flow.app_proto[0], APP_FAILED);
    talk_say(&t, 1, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    assert_int_equal(t.flow.app_proto_any, APP_HTTP);
    talk_end(&t);
}
static void waiting_has_an_end(void **state)
{
    (void)state;
    struct talk t;
    uint8_t junk[4096];
    memset(junk, 0x99, sizeof junk);
    talk_begin(&t, NULL);
    for (unsigned i = 0; i < 10; i++)
        talk_piece(&t, 0, junk, sizeof junk, i ? 0 : PIECE_START);
    assert_true(app_counters(t.engine)->memuse_bytes < 32768);
    for (unsigned i = 0; i < 20; i++)
        talk_piece(&t, 0, junk, sizeof junk, 0);
    assert_int_equal(t.flow.app_proto_any, APP_FAILED);
    assert_true(talk_core_event(&t, APP_CORE_PROTO_DETECTION_SKIPPED));
    talk_end(&t);
}
static void midstream_turns_round(void **state)
{
    (void)state;
    struct talk t;
    talk_begin(&t, NULL);
    t.flow.port[0] = 80;
    t.flow.port[1] = 40000;
    static const char reply[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    talk_piece(&t, 0, reply, sizeof reply - 1, PIECE_START | PIECE_MIDSTREAM);
    assert_int_equal(t.flow.app_proto_any, APP_HTTP);
    assert_int_equal(t.flow.port[1], 80); /* turned */
    assert_int_equal(t.packet.dir, 1);
    assert_non_null(t.flow.app->first);
    talk_end(&t);
}

/* ------------------------------------------------------------------ caps, reaping */

static void memcap_refuses(void **state)
{
    (void)state;
    static const char *const set[] = {"app-layer.memcap=65536", NULL};
    struct talk t;
    talk_begin(&t, set);
    for (unsigned i = 0; i < 300; i++)
        talk_say(
            &t, 0,
            "GET /a HTTP/1.1\r\nHost: a\r\nX: 0123456789012345678901234567890123456789\r\n\r\n");
    assert_true(app_counters(t.engine)->refused > 0);
    assert_true(app_counters(t.engine)->memuse_bytes <= 65536);
    talk_end(&t);
}
static void reaping(void **state)
{
    (void)state;
    struct talk t;
    talk_begin(&t, NULL);
    talk_say(&t, 0, "GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n");
    talk_say(&t, 1, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    struct app_flow *af = t.flow.app;
    assert_int_equal(af->n_tx, 2);
    app_reap(af, true, false);
    assert_int_equal(af->n_tx, 2); /* not yet inspected */
    af->first->inspected[0] = af->first->inspected[1] = true;
    app_reap(af, true, true);
    assert_int_equal(af->n_tx, 2); /* not yet written */
    af->first->logged = 1;
    app_reap(af, true, true);
    assert_int_equal(af->n_tx, 1);
    assert_int_equal(af->first->id, 1);
    assert_ptr_equal(af->first, af->last);
    talk_say(&t, 1, "HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n");
    talk_expect(&t, 1, 1, "http.stat_code", "404");
    app_reap(af, false, false);
    assert_null(af->first);
    assert_null(af->last);
    talk_end(&t);
}
static unsigned freed;
static void count_freed(struct app_tx *tx)
{
    (void)tx;
    freed++;
}
static void freeing_is_told(void **state)
{
    (void)state;
    struct talk t;
    talk_begin(&t, NULL);
    freed = 0;
    app_engine_on_tx_free(t.engine, count_freed);
    talk_say(&t, 0, "GET /a HTTP/1.1\r\nHost: a\r\n\r\nGET /b HTTP/1.1\r\nHost: a\r\n\r\n");
    talk_end(&t);
    assert_int_equal(freed, 2);
}
static void blocks_are_recycled(void **state)
{
    (void)state;
    struct talk t;
    talk_begin(&t, NULL);
    void *a = core_alloc(t.engine, 100), *b = core_alloc(t.engine, 100000);
    assert_non_null(a);
    assert_non_null(b);
    memset(a, 0xff, 100);
    core_free(t.engine, a);
    uint8_t *again = core_alloc(t.engine, 90);
    assert_ptr_equal(again, a);
    for (unsigned i = 0; i < 90; i++)
        assert_int_equal(again[i], 0);
    core_free(t.engine, again);
    for (size_t size = 1; size < 40000; size += 37) {
        uint8_t *x = core_alloc(t.engine, size);
        assert_non_null(x);
        memset(x, 0x55, size);
        assert_int_equal((uintptr_t)x % 16, 0);
        core_free(t.engine, x);
    }
    core_free(t.engine, b);
    core_free(t.engine, NULL);
    talk_end(&t);
}

/* ------------------------------------------------------------------ change of protocol */

static void connect_opens_a_tunnel(void **state)
{
    (void)state;
    struct talk t;
    talk_begin(&t, NULL);
    talk_say(&t, 0, "CONNECT b.example:22 HTTP/1.1\r\nHost: b.example:22\r\n\r\n");
    talk_say(&t, 1, "HTTP/1.1 200 Connection established\r\n\r\n");
    assert_int_equal(t.flow.app_proto_any, APP_HTTP);
    assert_int_equal(t.flow.app->first->progress[1], t.flow.app->def->complete[1]);
    talk_say(&t, 1, "SSH-2.0-server\r\n");
    assert_int_equal(t.flow.app_proto_any, APP_SSH);
    assert_int_equal(t.flow.app_proto_orig, APP_HTTP);
    assert_false(talk_core_event(&t, APP_CORE_UNEXPECTED_PROTOCOL));
    talk_end(&t);
}
static void upgrade_to_websocket(void **state)
{
    (void)state;
    struct talk t;
    talk_begin(&t, NULL);
    talk_say(&t, 0,
             "GET /ws HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n");
    talk_say(
        &t, 1,
        "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n");
    talk_piece(&t, 0, "\x81\x85\1\2\3\4abcde", 11, 0);
    assert_int_equal(t.flow.app_proto_any, APP_WEBSOCKET);
    assert_int_equal(t.flow.app_proto_orig, APP_HTTP);
    assert_int_equal(t.flow.app_proto_expected, APP_WEBSOCKET);
    talk_end(&t);
}
static void upgrade_to_something_else(void **state)
{
    (void)state;
    struct talk t;
    talk_begin(&t, NULL);
    talk_say(&t, 0, "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n");
    talk_say(&t, 1,
             "HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: upgrade\r\n\r\n");
    talk_say(&t, 0, "SSH-2.0-x\r\n");
    assert_true(talk_core_event(&t, APP_CORE_UNEXPECTED_PROTOCOL));
    talk_end(&t);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(names),
        cmocka_unit_test(buffers_have_numbers),
        cmocka_unit_test(buffers_by_dialect),
        cmocka_unit_test(events_and_states),
        cmocka_unit_test(told_by_first_words),
        cmocka_unit_test(told_byte_by_byte),
        cmocka_unit_test(unknown_fails_when_both_have_spoken),
        cmocka_unit_test(server_speaks_first),
        cmocka_unit_test(mismatch),
        cmocka_unit_test(only_one_direction),
        cmocka_unit_test(off_means_off),
        cmocka_unit_test(gap_before_detection),
        cmocka_unit_test(waiting_has_an_end),
        cmocka_unit_test(midstream_turns_round),
        cmocka_unit_test(memcap_refuses),
        cmocka_unit_test(reaping),
        cmocka_unit_test(freeing_is_told),
        cmocka_unit_test(blocks_are_recycled),
        cmocka_unit_test(connect_opens_a_tunnel),
        cmocka_unit_test(upgrade_to_websocket),
        cmocka_unit_test(upgrade_to_something_else),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
