/* SPDX-License-Identifier: GPL-2.0-or-later */
/* HTTP/1: buffers, every cut, pipelining, bodies, files, events, gaps, settings, EVE. */
#include "app/test_util.h"

#include <stdio.h>

#include <zlib.h>

#include "app/core.h"
#include "app/http/http_tx.h"

#define REQUEST                                                                                    \
    "GET /a/../b%20c/%2e/d?x=%41&y=1 HTTP/1.1\r\n"                                                 \
    "Host: WWW.Example.COM:8080\r\n"                                                               \
    "User-Agent:   Mozilla/5.0 \r\n"                                                               \
    "Cookie: a=b; c=d\r\n"                                                                         \
    "Accept: */*\r\n"                                                                              \
    "X-Folded: one\r\n"                                                                            \
    "  two\r\n"                                                                                    \
    "Referer: http://r.example/\r\n"                                                               \
    "Accept-Encoding: gzip\r\n"                                                                    \
    "Accept-Language: de\r\n"                                                                      \
    "Connection: keep-alive\r\n"                                                                   \
    "\r\n"
#define RESPONSE                                                                                   \
    "HTTP/1.1 302 Moved Somewhere\r\n"                                                             \
    "Server: nginx\r\n"                                                                            \
    "Set-Cookie: s=1\r\n"                                                                          \
    "Location: http://other/\r\n"                                                                  \
    "Content-Type: text/html; charset=utf-8\r\n"                                                   \
    "Content-Length: 5\r\n"                                                                        \
    "\r\n"                                                                                         \
    "hello"

struct want {
    unsigned dir;
    const char *name, *text;
};
static const struct want wanted[] = {
    {0, "http.uri", "/b c/d?x=A&y=1"},
    {0, "http.uri.raw", "/a/../b%20c/%2e/d?x=%41&y=1"},
    {0, "http uri path", "/b c/d"},
    {0, "http uri query", "x=A&y=1"},
    {0, "http uri fragment", NULL},
    {0, "http uri scheme", NULL},
    {0, "http uri host", NULL},
    {0, "http uri port", NULL},
    {0, "http.method", "GET"},
    {0, "http.protocol", "HTTP/1.1"},
    {0, "http.request_line", "GET /a/../b%20c/%2e/d?x=%41&y=1 HTTP/1.1"},
    {0, "http.host", "www.example.com"},
    {0, "http.host.raw", "WWW.Example.COM:8080"},
    {0, "http.user_agent", "Mozilla/5.0"},
    {0, "http.cookie", "a=b; c=d"},
    {0, "http.accept", "*/*"},
    {0, "http.accept_enc", "gzip"},
    {0, "http.accept_lang", "de"},
    {0, "http.connection", "keep-alive"},
    {0, "http.referer", "http://r.example/"},
    {0, "http.content_type", NULL},
    {0, "http.request_body", NULL},
    {0, "http.header",
     "Host: WWW.Example.COM:8080\r\nUser-Agent: Mozilla/5.0\r\nAccept: */*\r\nX-Folded: one  "
     "two\r\n"
     "Referer: http://r.example/\r\nAccept-Encoding: gzip\r\nAccept-Language: de\r\n"
     "Connection: keep-alive\r\n"},
    {0, "http.header_block",
     "Host: WWW.Example.COM:8080\r\nUser-Agent: Mozilla/5.0\r\nAccept: */*\r\nX-Folded: one  "
     "two\r\n"
     "Referer: http://r.example/\r\nAccept-Encoding: gzip\r\nAccept-Language: de\r\n"
     "Connection: keep-alive\r\n\r\n"},
    {0, "http.header_names",
     "\r\nHost\r\nUser-Agent\r\nCookie\r\nAccept\r\nX-Folded\r\nReferer\r\nAccept-Encoding\r\n"
     "Accept-Language\r\nConnection\r\n\r\n"},
    {1, "http.stat_code", "302"},
    {1, "http.stat_msg", "Moved Somewhere"},
    {1, "http.protocol", "HTTP/1.1"},
    {1, "http.response_line", "HTTP/1.1 302 Moved Somewhere"},
    {1, "http.server", "nginx"},
    {1, "http.location", "http://other/"},
    {1, "http.cookie", "s=1"},
    {1, "http.content_type", "text/html; charset=utf-8"},
    {1, "http.content_len", "5"},
    {1, "http.header",
     "Server: nginx\r\nLocation: http://other/\r\nContent-Type: text/html; charset=utf-8\r\n"
     "Content-Length: 5\r\n"},
    {1, "http.header_names",
     "\r\nServer\r\nSet-Cookie\r\nLocation\r\nContent-Type\r\nContent-Length\r\n\r\n"},
    {1, "http.header.raw",
     "Server: nginx\r\nSet-Cookie: s=1\r\nLocation: http://other/\r\nContent-Type: text/html; "
     "charset=utf-8\r\nContent-Length: 5\r\n\r\n"},
    {1, "http.start",
     "HTTP/1.1 302 Moved Somewhere\r\nServer: nginx\r\nSet-Cookie: s=1\r\nLocation: "
     "http://other/\r\nContent-Type: text/html; charset=utf-8\r\nContent-Length: 5\r\n\r\n"},
    {1, "http.response_body", "hello"},
    {1, "file.data", "hello"},
    {1, "file.name", "/b c/d"},
};
static void expect_all(struct talk *t)
{
    for (unsigned i = 0; i < ARRAY_LEN(wanted); i++)
        talk_expect(t, 0, wanted[i].dir, wanted[i].name, wanted[i].text);
}
static void buffers(void **state)
{
    (void)state;
    struct talk t;
    talk_begin(&t, NULL);
    talk_say(&t, 0, REQUEST);
    talk_say(&t, 1, RESPONSE);
    expect_all(&t);
    struct app_tx *tx = talk_tx(&t, 0);
    assert_int_equal(tx->progress[0], HTTP_COMPLETE);
    assert_int_equal(tx->progress[1], HTTP_COMPLETE);
    talk_end(&t);
}
static void each_header_alone(void **state)
{
    (void)state;
    struct talk t;
    struct app_view v;
    talk_begin(&t, NULL);
    talk_say(&t, 0, REQUEST);
    struct app_tx *tx = talk_tx(&t, 0);
    assert_true(talk_get(&t, tx, 0, "http.request_header", 1, false, &v));
    assert_memory_equal(v.data, "User-Agent: Mozilla/5.0", v.n);
    assert_true(talk_get(&t, tx, 0, "http.request_header", 8, false, &v));
    assert_false(talk_get(&t, tx, 0, "http.request_header", 9, false, &v));
    talk_end(&t);
}
static void at_every_cut(void **state)
{
    (void)state;
    struct talk t;
    const size_t n = sizeof REQUEST - 1, m = sizeof RESPONSE - 1;
    talk_begin(&t, NULL);
    for (size_t cut = 0; cut <= n || cut <= m; cut++) {
        size_t a = cut < n ? cut : n, b = cut < m ? cut : m;
        talk_piece(&t, 0, REQUEST, a, PIECE_START);
        talk_piece(&t, 0, &REQUEST[a], n - a, 0);
        talk_piece(&t, 1, RESPONSE, b, PIECE_START);
        talk_piece(&t, 1, &RESPONSE[b], m - b, 0);
        expect_all(&t);
        talk_flow_end(&t);
    }
    talk_end(&t);
}
static void byte_by_byte(void **state)
{
    (void)state;
    struct talk t;
    talk_begin(&t, NULL);
    for (size_t i = 0; i < sizeof REQUEST - 1; i++)
        talk_piece(&t, 0, &REQUEST[i], 1, 0);
    for (size_t i = 0; i < sizeof RESPONSE - 1; i++)
        talk_piece(&t, 1, &RESPONSE[i], 1, 0);
    expect_all(&t);
    talk_end(&t);
}
/* What can be told is told at once: the URI before the headers have ended. */
static void progress_grows(void **state)
{
    (void)state;
    struct talk t;
    talk_begin(&t, NULL);
    talk_say(&t, 0, "GET /x HTTP/1.1\r\n");
    struct app_tx *tx = talk_tx(&t, 0);
    assert_non_null(tx);
    assert_int_equal(tx->progress[0], HTTP_LINE);
    talk_expect(&t, 0, 0, "http.uri", "/x");
    talk_expect(&t, 0, 0, "http.host", NULL);
    talk_say(&t, 0, "Host: a\r\n\r\n");
    assert_int_equal(tx->progress[0], HTTP_COMPLETE);
    talk_say(&t, 1, "HTTP/1.1 200 OK\r\n");
    assert_int_equal(tx->progress[1], HTTP_LINE);
    talk_say(&t, 1, "Content-Length: 4\r\n\r\n");
    assert_int_equal(tx->progress[1], HTTP_HEADERS);
    talk_say(&t, 1, "ab");
    assert_int_equal(tx->progress[1],
                     HTTP_BODY); /* from here on rules see it, not only when it is whole */
    talk_expect(&t, 0, 1, "http.response_body", "ab");
    talk_say(&t, 1, "cd");
    assert_int_equal(tx->progress[1], HTTP_COMPLETE);
    talk_end(&t);
}
static void pipelined(void **state)
{
    (void)state;
    struct talk t;
    talk_begin(&t, NULL);
    talk_say(&t, 0,
             "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nPOST /2 HTTP/1.1\r\nHost: a\r\nContent-Length: "
             "3\r\n\r\nabc"
             "GET /3 HTTP/1.1\r\nHost: a\r\n\r\n");
    talk_say(
        &t, 1,
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nAHTTP/1.1 404 No\r\nContent-Length: 1\r\n\r\nB"
        "HTTP/1.1 500 Oh\r\nContent-Length: 1\r\n\r\nC");
    talk_expect(&t, 0, 0, "http.uri", "/1");
    talk_expect(&t, 1, 0, "http.uri", "/2");
    talk_expect(&t, 1, 0, "http.request_body", "abc");
    talk_expect(&t, 2, 0, "http.uri", "/3");
    talk_expect(&t, 0, 1, "http.stat_code", "200");
    talk_expect(&t, 1, 1, "http.stat_code", "404");
    talk_expect(&t, 2, 1, "http.stat_code", "500");
    talk_expect(&t, 2, 1, "http.response_body", "C");
    talk_end(&t);
}
static void interim_answer(void **state)
{
    (void)state;
    struct talk t;
    talk_begin(&t, NULL);
    talk_say(&t, 0,
             "POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n");
    talk_say(&t, 1, "HTTP/1.1 100 Continue\r\n\r\n");
    struct app_tx *tx = talk_tx(&t, 0);
    assert_true(tx->progress[1] < HTTP_LINE);
    talk_say(&t, 0, "hi");
    talk_say(&t, 1, "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
    talk_expect(&t, 0, 1, "http.stat_code", "201");
    assert_null(talk_tx(&t, 1));
    talk_end(&t);
}
static void old_protocol(void **state)
{
    (void)state;
    struct talk t;
    talk_begin(&t, NULL);
    talk_say(&t, 0, "GET /old\r\n");
    talk_say(&t, 1, "<html>plain</html>");
    talk_close(&t);
    talk_expect(&t, 0, 0, "http.uri", "/old");
    talk_expect(&t, 0, 1, "http.response_body", "<html>plain</html>");
    talk_end(&t);
}
static void rubbish_before_the_answer(void **state)
{
    (void)state;
    static const char answer[] = "foobar\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi";
    struct talk t;
    talk_begin(&t, NULL);
    for (size_t cut = 0; cut < sizeof answer - 1; cut++) {
        talk_say(&t, 0, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        talk_piece(&t, 1, answer, cut, 0);
        talk_piece(&t, 1, answer + cut, sizeof answer - 1 - cut, 0);
        talk_expect(&t, 0, 1, "http.stat_code", "200");
        talk_expect(&t, 0, 1, "http.response_body", "hi");
        talk_flow_end(&t);
    }
    talk_end(&t);
}
static void answer_without_request(void **state)
{
    (void)state;
    struct talk t;
    talk_begin(&t, NULL);
    talk_say(&t, 1, RESPONSE);
    struct app_tx *tx = talk_tx(&t, 0);
    assert_non_null(tx);
    assert_int_equal(tx->progress[0], HTTP_COMPLETE);
    assert_int_equal(tx->progress[1], HTTP_COMPLETE);
    assert_true(talk_event(&t, tx, "unable_to_match_response_to_request"));
    talk_expect(&t, 0, 1, "http.response_body", "hello");
    talk_expect(&t, 0, 1, "file.name", "/libhtp::request_uri_not_seen");
    talk_end(&t);
}

/* ------------------------------------------------------------------ bodies */

static size_t deflate_to(const void *p, size_t n, int window, uint8_t *out, size_t room)
{
    z_stream z = {0};
    assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, window, 8, Z_DEFAULT_STRATEGY), Z_OK);
    z.next_in = (Bytef *)(uintptr_t)p;
    z.avail_in = (uInt)n;
    z.next_out = out;
    z.avail_out = (uInt)room;
    assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
    size_t used = room - z.avail_out;
    deflateEnd(&z);
    return used;
}
static void compressed(struct talk *t, const char *encoding, int window, size_t step)
{
    static const char text[] = "<script>evil()</script> and some more of it, some more of it";
    uint8_t body[256];
    char head[160];
    size_t n = deflate_to(text, sizeof text - 1, window, body, sizeof body);
    snprintf(head, sizeof head,
             "HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: %zu\r\n\r\n", encoding, n);
    talk_say(t, 0, "GET /z HTTP/1.1\r\nHost: a\r\n\r\n");
    talk_say(t, 1, head);
    for (size_t i = 0; i < n; i += step)
        talk_piece(t, 1, body + i, i + step < n ? step : n - i, 0);
    talk_expect(t, 0, 1, "file.data", text);
    assert_int_equal(talk_tx(t, 0)->files[1].first->size, sizeof text - 1);
    talk_flow_end(t);
}
static void decompression(void **state)
{
    (void)state;
    struct talk t;
    talk_begin(&t, NULL);
    for (size_t step = 1; step < 80; step += 13) {
        compressed(&t, "gzip", 31, step);
        compressed(&t, "deflate", 15, step);
        compressed(&t, "deflate", -15, step);
    }
    talk_end(&t);
}
/* Two gzip members, the first with a wrong header checksum in its header and a name; rubbish
 * behind. */
static void odd_gzip(void **state)
{
    (void)state;
    uint8_t body[256] = {0x1f, 0x8b, 8, 2 | 8, 0, 0, 0, 0, 0, 3, 'n', 0, 0xde, 0xad};
    struct talk t;
    char head[120];
    size_t n = 14;
    n += deflate_to("hello ", 6, -15, body + n, 100);
    talk_begin(&t, NULL);
    for (unsigned broken = 0; broken < 2; broken++) {
        if (!broken) {
            n = deflate_to("hello ", 6, 31, body, 100);
            n += deflate_to("world", 5, 31, body + n, 100);
            memcpy(body + n, "rubbish", 7);
            n += 7;
        } else {
            static const uint8_t start[] = {0x1f, 0x8b, 8, 2 | 8, 0, 0,    0,
                                            0,    0,    3, 'n',   0, 0xde, 0xad};
            memcpy(body, start, sizeof start);
            n = sizeof start;
            n += deflate_to("hello ", 6, -15, body + n, 100);
        }
        snprintf(head, sizeof head,
                 "HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nContent-Length: %zu\r\n\r\n", n);
        for (size_t cut = 0; cut <= n; cut++) {
            talk_say(&t, 0, "GET /z HTTP/1.1\r\nHost: a\r\n\r\n");
            talk_say(&t, 1, head);
            talk_piece(&t, 1, body, cut, 0);
            talk_piece(&t, 1, body + cut, n - cut, 0);
            talk_expect(&t, 0, 1, "file.data", broken ? "hello " : "hello world");
            talk_flow_end(&t);
        }
    }
    talk_end(&t);
}
static void said_encoded_but_plain(void **state)
{
    (void)state;
    static const char *const encodings[] = {"gzip", "deflate", "br", "gzip, deflate"};
    struct talk t;
    char head[160];
    talk_begin(&t, NULL);
    for (unsigned i = 0; i < ARRAY_LEN(encodings); i++)
        for (size_t cut = 0; cut < 12; cut++) {
            static const char plain[] = "<b>plain</b>";
            snprintf(head, sizeof head,
                     "HTTP/1.1 200 OK\r\nContent-Encoding: %s\r\nContent-Length: 12\r\n\r\n",
                     encodings[i]);
            talk_say(&t, 0, "GET /z HTTP/1.1\r\nHost: a\r\n\r\n");
            talk_say(&t, 1, head);
            talk_piece(&t, 1, plain, cut, 0);
            talk_piece(&t, 1, plain + cut, 12 - cut, 0);
            talk_expect(&t, 0, 1, "file.data", plain);
            talk_flow_end(&t);
        }
    talk_end(&t);
}
static void brotli(void **state)
{
    (void)state;
    /* RFC 7932 9.2: one uncompressed meta-block of 17 bytes, then the empty last one. */
    static const uint8_t body[] = {0x0b, 0x08, 0x80, 'h', 'e', 'l', 'l', 'o', ' ', 'h', 'e',
                                   'l',  'l',  'o',  ' ', 'h', 'e', 'l', 'l', 'o', 0x03};
    static const char text[] = "hello hello hello";
    struct talk t;
    char head[120];
    talk_begin(&t, NULL);
    snprintf(head, sizeof head,
             "HTTP/1.1 200 OK\r\nContent-Encoding: br\r\nContent-Length: %zu\r\n\r\n", sizeof body);
    talk_say(&t, 0, "GET /z HTTP/1.1\r\nHost: a\r\n\r\n");
    talk_say(&t, 1, head);
    for (size_t i = 0; i < sizeof body; i++)
        talk_piece(&t, 1, body + i, 1, 0);
    talk_expect(&t, 0, 1, "file.data", text);
    talk_end(&t);
}
static void bomb_is_stopped(void **state)
{
    (void)state;
    enum { PLAIN = 64 << 20 };
    struct talk t;
    uint8_t *plain = calloc(1, PLAIN), *body = malloc(1 << 20);
    assert_non_null(plain);
    size_t n = deflate_to(plain, PLAIN, 31, body, 1 << 20);
    /* Twice: one pass has a ratio of only 1000. */
    uint8_t *twice = malloc(1 << 20);
    size_t m = deflate_to(body, n, 31, twice, 1 << 20);
    char head[160];
    snprintf(head, sizeof head,
             "HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip\r\nContent-Length: %zu\r\n\r\n", m);
    talk_begin(&t, NULL);
    talk_say(&t, 0, "GET /z HTTP/1.1\r\nHost: a\r\n\r\n");
    talk_say(&t, 1, head);
    talk_piece(&t, 1, twice, m, 0);
    assert_true(talk_event(&t, talk_tx(&t, 0), "compression_bomb"));
    assert_true(talk_tx(&t, 0)->files[1].first->size < PLAIN);
    talk_end(&t);
    free(plain);
    free(body);
    free(twice);
}
static void chunked(void **state)
{
    (void)state;
    struct talk t;
    struct app_view v;
    talk_begin(&t, NULL);
    talk_say(&t, 0,
             "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: "
             "chunked\r\n\r\n3\r\nabc\r\n2\r\nde\r\n0\r\nX-T: v\r\n\r\n");
    talk_expect(&t, 0, 0, "http.request_body", "abcde");
    assert_true(talk_get(&t, talk_tx(&t, 0), 0, "http.header", 0, false, &v));
    assert_true(str_find(str_of(v.data, v.n), STR("X-T: v")) >= 0);
    assert_int_equal(talk_tx(&t, 0)->progress[0], HTTP_COMPLETE);
    talk_end(&t);
}
/* On ack a growing body is shown first when enough is there; inline at once; the limit ends it. */
static void thresholds(void **state)
{
    (void)state;
    static const char *const set[] = {
        "app-layer.protocols.http.libhtp.default-config.response-body-minimal-inspect-size=100",
        "app-layer.protocols.http.libhtp.default-config.response-body-inspect-window=20",
        "app-layer.protocols.http.libhtp.default-config.response-body-limit=300", NULL};
    char part[51];
    struct app_view v;
    struct talk t;
    memset(part, 'x', 50);
    part[50] = 0;
    talk_begin(&t, set);
    talk_say(&t, 0, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    talk_say(&t, 1, "HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n");
    talk_say(&t, 1, part);
    struct app_tx *tx = talk_tx(&t, 0);
    assert_false(talk_get(&t, tx, 1, "http.response_body", 0, true, &v));
    assert_true(talk_get(&t, tx, 1, "http.response_body", 0, false, &v));
    assert_true(v.growing && !v.last && v.n == 50 && v.offset == 0);
    talk_say(&t, 1, part);
    assert_true(talk_get(&t, tx, 1, "http.response_body", 0, true, &v));
    talk_say(&t, 1, part);
    assert_true(talk_get(&t, tx, 1, "http.response_body", 0, true, &v));
    assert_true(v.offset == 80 && v.n == 70); /* the window in front of what is new */
    for (unsigned i = 0; i < 10; i++)
        talk_say(&t, 1, part);
    assert_true(talk_get(&t, tx, 1, "http.response_body", 0, true, &v));
    assert_true(v.last);
    assert_int_equal(v.offset + v.n, 300);
    talk_end(&t);
}
static void limit_zero_keeps_a_window(void **state)
{
    (void)state;
    static const char *const set[] = {
        "app-layer.protocols.http.libhtp.default-config.response-body-limit=0", NULL};
    enum { PART = 60000, PARTS = 60 };
    struct talk t;
    char head[80], *part = malloc(PART);
    memset(part, 'y', PART);
    snprintf(head, sizeof head, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", PART * PARTS);
    talk_begin(&t, set);
    talk_say(&t, 0, "GET /big HTTP/1.1\r\nHost: a\r\n\r\n");
    talk_say(&t, 1, head);
    for (unsigned i = 0; i < PARTS; i++) {
        talk_piece(&t, 1, part, PART, 0);
        assert_true(app_counters(t.engine)->memuse_bytes < 2u << 20);
    }
    assert_int_equal(talk_tx(&t, 0)->files[1].first->size, PART * PARTS);
    assert_int_equal(talk_tx(&t, 0)->files[1].first->state, FILE_CLOSED);
    talk_end(&t);
    free(part);
}

/* ------------------------------------------------------------------ gaps, errors, hostile input */

static void gap_in_a_body(void **state)
{
    (void)state;
    struct talk t;
    talk_begin(&t, NULL);
    talk_say(&t, 0, "GET /f HTTP/1.1\r\nHost: a\r\n\r\n");
    talk_say(&t, 1, "HTTP/1.1 200 OK\r\nContent-Length: 30\r\n\r\n0123456789");
    talk_piece(&t, 1, NULL, 10, PIECE_GAP);
    talk_say(&t, 1, "abcdefghij");
    struct app_tx *tx = talk_tx(&t, 0);
    assert_int_equal(tx->progress[1], HTTP_COMPLETE);
    assert_true(tx->files[1].first->gaps);
    assert_int_equal(tx->files[1].first->size, 30);
    assert_int_equal(tx->files[1].first->state, FILE_TRUNCATED);
    talk_expect(&t, 0, 1, "http.response_body", "0123456789abcdefghij");
    talk_end(&t);
}
static void gap_beyond_a_body(void **state)
{
    (void)state;
    struct talk t;
    talk_begin(&t, NULL);
    talk_say(&t, 0, "GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n");
    talk_say(&t, 1, "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n");
    talk_piece(&t, 1, NULL, 14, PIECE_GAP);
    talk_say(&t, 1, "HTTP/1.1 201 OK\r\nContent-Length: 2\r\n\r\nok");
    assert_int_equal(talk_tx(&t, 0)->progress[1], HTTP_COMPLETE);
    assert_int_equal(talk_tx(&t, 0)->files[1].first->size, 12);
    talk_expect(&t, 1, 1, "http.stat_code", "201");
    talk_expect(&t, 1, 1, "file.data", "ok");
    /* Between two requests. */
    talk_piece(&t, 0, NULL, 100, PIECE_GAP);
    talk_say(&t, 0, "GET /3 HTTP/1.1\r\nHost: a\r\n\r\n");
    talk_expect(&t, 2, 0, "http.uri", "/3");
    talk_end(&t);
}
static void interim_answers(void **state)
{
    (void)state;
    struct talk t;
    talk_begin(&t, NULL);
    talk_say(&t, 0, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi");
    for (unsigned i = 0; i < 3; i++)
        talk_say(&t, 1, "HTTP/1.1 100 Continue\r\n\r\n");
    talk_say(&t, 1, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    talk_expect(&t, 0, 1, "http.stat_code", "200");
    assert_true(talk_event(&t, talk_tx(&t, 0), "100_continue_already_seen"));
    assert_false(t.flow.app->failed[1]);
    talk_end(&t);
}
/* Headers may follow a line without protocol, however late: at every cut the same. */
static void missing_protocol(void **state)
{
    (void)state;
    static const char text[] = "GET /x\r\nHost: a\r\nUser-Agent: u\r\n\r\n";
    struct talk t;
    talk_begin(&t, NULL);
    talk_say(&t, 0, "GET /x\r\n");
    talk_say(&t, 0, text + 8);
    talk_expect(&t, 0, 0, "http.user_agent", "u");
    assert_true(talk_event(&t, talk_tx(&t, 0), "request_line_missing_protocol"));
    talk_flow_end(&t);
    /* Nothing follows: HTTP/0.9. */
    talk_say(&t, 0, "GET /x\r\n");
    assert_null(talk_tx(&t, 0));
    talk_piece(&t, 0, NULL, 0, PIECE_EOF);
    talk_expect(&t, 0, 0, "http.uri", "/x");
    talk_end(&t);
}
static void chunk_extensions(void **state)
{
    (void)state;
    static const char plain[] =
        "POST /p HTTP/1.1\r\nHost: a;b\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3\r\na;b\r\n0\r\nX: a;b\r\n\r\n";
    static const char extended[] =
        "POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n"
        "3\r\nabc\r\n2;x=y\r\nde\r\n0\r\n\r\n";
    struct talk t;
    talk_begin(&t, NULL);
    for (size_t cut = 0; cut < sizeof plain; cut++) {
        talk_piece(&t, 0, plain, cut, 0);
        talk_piece(&t, 0, plain + cut, sizeof plain - 1 - cut, 0);
        assert_false(talk_event(&t, talk_tx(&t, 0), "request_chunk_extension"));
        talk_flow_end(&t);
    }
    talk_say(&t, 0, extended);
    assert_true(talk_event(&t, talk_tx(&t, 0), "request_chunk_extension"));
    talk_expect(&t, 0, 0, "http.request_body", "abcde");
    talk_end(&t);
}
/* The message goes on with what follows the hole, and so do the next ones. */
static void gap_in_headers(void **state)
{
    (void)state;
    struct talk t;
    talk_begin(&t, NULL);
    talk_say(&t, 0, "GET /f HTTP/1.1\r\nHost: a\r\nX: ");
    talk_piece(&t, 0, NULL, 1000, PIECE_GAP);
    talk_say(&t, 0, "end\r\nUser-Agent: u\r\n\r\nGET /g HTTP/1.1\r\nHost: a\r\n\r\n");
    talk_expect(&t, 0, 0, "http.user_agent", "u");
    talk_expect(&t, 1, 0, "http.uri", "/g");
    talk_close(&t);
    talk_end(&t);
}
/* A direction that fails is over in all its transactions; the other one goes on. */
static void one_side_gives_up(void **state)
{
    (void)state;
    struct talk t;
    char *line = malloc(40000);
    memset(line, 'a', 40000);
    talk_begin(&t, NULL);
    talk_say(&t, 0, "GET /f HTTP/1.1\r\nHost: a\r\nX: ");
    talk_piece(&t, 0, line, 40000, 0);
    assert_true(talk_event(&t, talk_tx(&t, 0), "request_field_too_long"));
    assert_true(t.flow.app->failed[0]);
    assert_true(t.flow.app->gave_up);
    assert_int_equal(app_counters(t.engine)->error_parser[APP_HTTP][0], 1);
    assert_int_equal(talk_tx(&t, 0)->progress[0], HTTP_COMPLETE);
    talk_say(&t, 0, "ignored");
    talk_say(&t, 1, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
    talk_expect(&t, 0, 1, "http.response_body", "ok");
    app_reap(t.flow.app, false, false);
    assert_null(t.flow.app->first);
    talk_close(&t);
    talk_end(&t);
    free(line);
}

struct fault {
    const char *event;
    const char *request, *response;
};
static const struct fault faults[] = {
    {"missing_host_header", "GET / HTTP/1.1\r\n\r\n", NULL},
    {"host_header_ambiguous", "GET http://one/ HTTP/1.1\r\nHost: two\r\n\r\n", NULL},
    {"request_field_missing_colon", "GET / HTTP/1.1\r\nHost: a\r\nnocolon\r\n\r\n", NULL},
    {"request_header_invalid", "GET / HTTP/1.1\r\nHost: a\r\nA b: c\r\n\r\n", NULL},
    {"invalid_content_length_field_in_request",
     "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: x\r\n\r\n", NULL},
    {"duplicate_content_length_field_in_request",
     "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", NULL},
    {"invalid_transfer_encoding_value_in_request",
     "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: x\r\n\r\n", NULL},
    {"invalid_request_chunk_len",
     "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n", NULL},
    {"request_header_host_invalid", "GET / HTTP/1.1\r\nHost: a b c\r\n\r\n", NULL},
    {"request_server_port_tcp_port_mismatch", "GET / HTTP/1.1\r\nHost: a:81\r\n\r\n", NULL},
    {"method_delim_non_compliant", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n", NULL},
    {"uri_delim_non_compliant", "GET /\tHTTP/1.1\r\nHost: a\r\n\r\n", NULL},
    {"request_auth_unrecognized", "GET / HTTP/1.1\r\nHost: a\r\nAuthorization: strange x\r\n\r\n",
     NULL},
    {"response_field_missing_colon", NULL,
     "HTTP/1.1 200 OK\r\nnocolon\r\nContent-Length: 0\r\n\r\n"},
    {"response_header_invalid", NULL, "HTTP/1.1 200 OK\r\nA b: c\r\nContent-Length: 0\r\n\r\n"},
    {"invalid_response_chunk_len", NULL,
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n"},
    {"invalid_content_length_field_in_response", NULL,
     "HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n"},
    {"duplicate_content_length_field_in_response", NULL,
     "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab"},
    {"response_chunked_old_proto", NULL,
     "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"},
    {"response_abnormal_transfer_encoding", NULL,
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"},
    {"response_invalid_status", NULL, "HTTP/1.1 2xx OK\r\nContent-Length: 0\r\n\r\n"},
    {"response_multipart_byteranges", NULL,
     "HTTP/1.1 206 OK\r\nContent-Type: multipart/byteranges; boundary=x\r\n\r\n"},
    {"abnormal_ce_header", NULL,
     "HTTP/1.1 200 OK\r\nContent-Encoding: gzipx\r\nContent-Length: 0\r\n\r\n"},
    {"too_many_encoding_layers", NULL,
     "HTTP/1.1 200 OK\r\nContent-Encoding: gzip, gzip, gzip, gzip\r\nContent-Length: 0\r\n\r\n"},
    {"range_invalid", NULL,
     "HTTP/1.1 206 OK\r\nContent-Range: bytes 9-3/20\r\nContent-Length: 2\r\n\r\nab"},
};
static void events(void **state)
{
    (void)state;
    struct talk t;
    unsigned missing = 0;
    talk_begin(&t, NULL);
    for (unsigned i = 0; i < ARRAY_LEN(faults); i++) {
        const struct fault *f = &faults[i];
        talk_say(&t, 0, f->request ? f->request : "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
        if (f->response)
            talk_say(&t, 1, f->response);
        talk_close(&t);
        struct app_tx *tx = talk_tx(&t, 0);
        assert_non_null(tx);
        if (!talk_event(&t, tx, f->event)) {
            print_message("# no %s\n", f->event);
            missing++;
        }
        talk_flow_end(&t);
    }
    assert_int_equal(missing, 0);
    /* And none for what is right. */
    talk_say(&t, 0, "GET / HTTP/1.1\r\nHost: a\r\n\r\n");
    talk_say(&t, 1, RESPONSE);
    talk_close(&t);
    assert_int_equal(talk_tx(&t, 0)->events, 0);
    talk_end(&t);
}
static void endless_pipelining_is_capped(void **state)
{
    (void)state;
    struct talk t;
    talk_begin(&t, NULL);
    for (unsigned i = 0; i < 700; i++)
        talk_say(&t, 0, "GET /a HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(t.flow.app->n_tx <= 512);
    assert_true(t.flow.app->failed[0]);
    talk_end(&t);
}
/* Bytes of any kind, cut anywhere: nothing breaks.  The seed is printed. */
static void random_bytes_and_cuts(void **state)
{
    (void)state;
    static const char *const parts[] = {"GET / HTTP/1.1\r\n",
                                        "Host: a\r\n",
                                        "\r\n",
                                        "Transfer-Encoding: chunked\r\n",
                                        "5\r\nhello\r\n",
                                        "0\r\n\r\n",
                                        "HTTP/1.1 200 OK\r\n",
                                        "Content-Length: 7\r\n",
                                        "Content-Encoding: gzip\r\n",
                                        " folded\r\n",
                                        "POST /x HTTP/1.1\r\n",
                                        "Content-Type: multipart/form-data; boundary=b\r\n",
                                        "--b\r\n",
                                        "\x1f\x8b\x08",
                                        "CONNECT h:1 HTTP/1.1\r\n",
                                        "HTTP/1.1 101 S\r\nUpgrade: websocket\r\n",
                                        "\n\n",
                                        "HTTP/1.1 100 C\r\n\r\n",
                                        "Content-Disposition: form-data; filename=\"q\"\r\n\r\n"};
    uint32_t seed = 20261122;
    print_message("# seed %u\n", seed);
    struct talk t;
    talk_begin(&t, NULL);
    for (unsigned round = 0; round < 3000; round++) {
        for (unsigned i = 0; i < 12; i++) {
            uint32_t r = seed = seed * 1664525 + 1013904223;
            const char *p = parts[(r >> 8) % ARRAY_LEN(parts)];
            size_t n = strlen(p), from = (r >> 16) % 5 ? 0 : (r >> 20) % n;
            unsigned dir = r >> 31;
            if ((r & 0xff) < 4)
                talk_piece(&t, dir, NULL, 1 + (r >> 24), PIECE_GAP);
            else
                talk_piece(&t, dir, p + from, n - from, 0);
            if ((r & 0xf00) == 0x100 && t.flow.app)
                app_reap(t.flow.app, false, false);
        }
        if (round & 1)
            talk_close(&t);
        talk_flow_end(&t);
    }
    talk_end(&t);
}

/* ------------------------------------------------------------------ files to the server */

static const char form[] =
    "preamble\r\n--XyZ\r\nContent-Disposition: form-data; name=\"f\"; filename=\"a;b.txt\"\r\n"
    "Content-Type: text/plain\r\n\r\none\r\n--Xy\r\rtwo\r\n--XyZ\r\n"
    "Content-Disposition: form-data; name=\"plain\"\r\n\r\nvalue\r\n--XyZ\r\n"
    "Content-Disposition: form-data; name=\"g\"; "
    "filename=second.bin\r\n\r\n\r\n\r\n--XyZ--\r\nepilogue";
static void say_form(struct talk *t, size_t cut)
{
    char head[200];
    size_t n = sizeof form - 1;
    snprintf(head, sizeof head,
             "POST /up HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=XyZ\r\n"
             "Content-Length: %zu\r\n\r\n",
             n);
    talk_say(t, 0, head);
    talk_piece(t, 0, form, cut, 0);
    talk_piece(t, 0, form + cut, n - cut, 0);
}
static void multipart_files(void **state)
{
    (void)state;
    struct talk t;
    talk_begin(&t, NULL);
    for (size_t cut = 0; cut < sizeof form; cut++) {
        say_form(&t, cut < sizeof form - 1 ? cut : sizeof form - 1);
        struct app_tx *tx = talk_tx(&t, 0);
        struct app_file *f = tx->files[0].first;
        assert_non_null(f);
        assert_true(str_eq(f->name, STR("a;b.txt")));
        assert_int_equal(f->size, 14);
        assert_memory_equal(f->body.data, "one\r\n--Xy\r\rtwo", 14);
        assert_int_equal(f->state, FILE_CLOSED);
        assert_non_null(f->next);
        assert_true(str_eq(f->next->name, STR("second.bin")));
        assert_int_equal(f->next->size, 2);
        assert_null(f->next->next);
        assert_false(talk_event(&t, tx, "multipart_generic_error"));
        talk_flow_end(&t);
    }
    talk_end(&t);
}
static void multipart_byte_by_byte(void **state)
{
    (void)state;
    struct talk t;
    char head[200];
    snprintf(
        head, sizeof head,
        "POST /up HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=\"XyZ\"\r\n"
        "Content-Length: %zu\r\n\r\n",
        sizeof form - 1);
    talk_begin(&t, NULL);
    talk_say(&t, 0, head);
    for (size_t i = 0; i < sizeof form - 1; i++)
        talk_piece(&t, 0, form + i, 1, 0);
    struct app_file *f = talk_tx(&t, 0)->files[0].first;
    assert_int_equal(f->size, 14);
    assert_memory_equal(f->body.data, "one\r\n--Xy\r\rtwo", 14);
    assert_int_equal(f->next->size, 2);
    talk_expect(&t, 0, 0, "file.data", "one\r\n--Xy\r\rtwo");
    talk_end(&t);
}
static void multipart_cut_short(void **state)
{
    (void)state;
    static const char body[] =
        "--q\r\nContent-Disposition: form-data; name=f; filename=x.txt\r\n\r\nabcde\r\n--q";
    char head[200];
    struct talk t;
    talk_begin(&t, NULL);
    snprintf(head, sizeof head,
             "POST /up HTTP/1.1\r\nHost: a\r\nContent-Type: multipart/form-data; boundary=q\r\n"
             "Content-Length: %zu\r\n\r\n",
             sizeof body - 2);
    talk_say(&t, 0, head);
    talk_piece(&t, 0, body, sizeof body - 2, 0);
    struct app_tx *tx = talk_tx(&t, 0);
    assert_int_equal(tx->progress[0], HTTP_COMPLETE);
    assert_true(talk_event(&t, tx, "multipart_generic_error"));
    struct app_file *f = tx->files[0].first;
    assert_int_equal(f->state, FILE_TRUNCATED);
    assert_memory_equal(f->body.data, "abcde\r\n--", 9); /* no delimiter after all */
    assert_int_equal(f->size, 9);
    talk_end(&t);
}
static void put_and_post_are_files(void **state)
{
    (void)state;
    struct talk t;
    talk_begin(&t, NULL);
    talk_say(&t, 0, "PUT /dir/new.exe HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\n\r\nMZ..");
    talk_say(&t, 0, "POST /form HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\na=b");
    assert_true(str_eq(talk_tx(&t, 0)->files[0].first->name, STR("/dir/new.exe")));
    assert_int_equal(talk_tx(&t, 0)->files[0].first->state, FILE_CLOSED);
    talk_expect(&t, 0, 0, "file.data", "MZ..");
    assert_true(str_eq(talk_tx(&t, 1)->files[0].first->name, STR("/form")));
    talk_end(&t);
}
static void disposition_names(void **state)
{
    (void)state;
    static const struct {
        const char *value, *name;
    } rows[] = {
        {"attachment; filename=\"eicar.txt\"", "eicar.txt"},
        {"attachment; filename=eicar.txt; x=y", "eicar.txt"},
        {"attachment;FILENAME=\"a;b\"", "a;b"},
        {"attachment; filename=\"open", "open"},
        {"attachment; filename=", ""},
        {"attachment", ""},
        {"", ""},
        {";;;filename=x", "x"},
    };
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++)
        assert_true(str_eq(http_disposition_name(str_cstr(rows[i].value)), str_cstr(rows[i].name)));
}

/* With every cap on memory: nothing breaks, nothing leaks, and what is refused is counted. */
static void any_memcap(void **state)
{
    (void)state;
    uint8_t body[200];
    char head[160];
    struct talk t;
    struct app_view v;
    size_t n = deflate_to("<script>evil()</script>", 23, 31, body, sizeof body);
    snprintf(head, sizeof head,
             "HTTP/1.1 200 OK\r\nContent-Encoding: gzip, deflate\r\nContent-Length: %zu\r\n\r\n",
             n);
    talk_begin(&t, NULL);
    for (uint64_t cap = 0; cap < 200000; cap += cap < 20000 ? 64 : 1999) {
        t.engine->memcap_bytes = cap;
        say_form(&t, 50);
        talk_say(&t, 1, head);
        talk_piece(&t, 1, body, n, 0);
        talk_say(&t, 0, "GET /old\r\n");
        struct app_tx *tx = talk_tx(&t, 0);
        for (unsigned dir = 0; tx && dir < 2; dir++) {
            (void)talk_get(&t, tx, dir, "http.header", 0, false, &v);
            (void)talk_get(&t, tx, dir, "http.start", 0, false, &v);
            (void)talk_get(&t, tx, dir, "file.data", 0, false, &v);
        }
        if (cap < 200)
            assert_true(app_counters(t.engine)->refused > 0);
        assert_true(app_counters(t.engine)->memuse_bytes <= cap);
        talk_close(&t);
        talk_flow_end(&t);
        assert_int_equal(app_counters(t.engine)->memuse_bytes, 0);
    }
    talk_end(&t);
}

/* ------------------------------------------------------------------ settings, EVE */

static void servers_by_address(void **state)
{
    (void)state;
    static const char *const set[] = {
        "app-layer.protocols.http.libhtp.server-config.0.iis.address.0=10.0.0.0/8",
        "app-layer.protocols.http.libhtp.server-config.0.iis.personality=IIS_7_0",
        "app-layer.protocols.http.libhtp.server-config.0.iis.double-decode-path=yes", NULL};
    struct talk t;
    talk_begin(&t, set);
    talk_say(&t, 0, "GET /A%252e/b HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_true(talk_event(&t, talk_tx(&t, 0), "double_encoded_uri"));
    talk_flow_end(&t);
    static const uint8_t elsewhere[4] = {192, 0, 2, 1};
    t.flow.addr[1] = ip_from_v4(elsewhere);
    talk_say(&t, 0, "GET /A%252e/b HTTP/1.1\r\nHost: a\r\n\r\n");
    assert_false(talk_event(&t, talk_tx(&t, 0), "double_encoded_uri"));
    talk_expect(&t, 0, 0, "http.uri", "/A%2e/b");
    talk_end(&t);
}
static void parts_of_an_absolute_uri(void **state)
{
    (void)state;
    static const struct want parts[] = {
        {0, "http uri scheme", "http"}, {0, "http uri host", "h.example"},
        {0, "http uri port", "8080"},   {0, "http uri path", "/b"},
        {0, "http uri query", "q=A"},   {0, "http uri fragment", "top"},
    };
    struct talk t;
    talk_begin(&t, NULL);
    talk_say(&t, 0, "GET http://h.example:8080/a/../%62?q=%41#top HTTP/1.1\r\nHost: other\r\n\r\n");
    for (size_t i = 0; i < ARRAY_LEN(parts); i++)
        talk_expect(&t, 0, 0, parts[i].name, parts[i].text);
    talk_end(&t);
}
/* No headers, no list: the schema knows no empty one. */
static void no_headers_no_list(void **state)
{
    (void)state;
    static const char *const set[] = {"outputs.0.dump-all-headers=both", NULL};
    static const struct {
        const char *request, *response;
        bool has[2];
    } rows[] = {
        {"GET / HTTP/1.1\r\nHost: a\r\n\r\n",
         "HTTP/1.1 200 OK\r\nServer: s\r\nContent-Length: 0\r\n\r\n",
         {true, true}},
        {"GET / HTTP/1.0\r\n\r\n", "HTTP/1.0 200 OK\r\n\r\n", {false, false}},
    };
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct talk t;
        struct sbuf tape, text;
        struct fields f;
        struct json j;
        talk_begin(&t, set);
        talk_say(&t, 0, rows[i].request);
        talk_say(&t, 1, rows[i].response);
        sbuf_init(&tape);
        sbuf_init(&text);
        fields_init(&f, &tape);
        struct app_log_ctx c = {.af = t.flow.app,
                                .tx = talk_tx(&t, 0),
                                .flow = &t.flow,
                                .scratch = &t.scratch,
                                .options = conf_node(t.conf, "outputs.0")};
        assert_true(http_logs[0].write(&c, &f));
        json_init(&j, &text);
        json_open(&j, NULL);
        assert_true(fields_to_json(&j, tape.p, tape.n));
        json_close(&j);
        assert_int_equal(!!strstr(sbuf_z(&text), "\"request_headers\":[{"), rows[i].has[0]);
        assert_int_equal(!!strstr(sbuf_z(&text), "\"response_headers\":[{"), rows[i].has[1]);
        assert_null(strstr(sbuf_z(&text), "[]"));
        sbuf_done(&tape);
        sbuf_done(&text);
        talk_end(&t);
    }
}
static void eve(void **state)
{
    (void)state;
    struct talk t;
    struct sbuf tape, text;
    struct fields f;
    struct json j;
    static const char *const set[] = {"outputs.0.extended=yes", NULL};
    talk_begin(&t, set);
    talk_say(&t, 0, REQUEST);
    talk_say(&t, 1, RESPONSE);
    sbuf_init(&tape);
    sbuf_init(&text);
    fields_init(&f, &tape);
    struct app_log_ctx c = {
        .af = t.flow.app, .tx = talk_tx(&t, 0), .flow = &t.flow, .scratch = &t.scratch};
    assert_true(http_logs[0].write(&c, &f));
    struct sbuf without = tape;
    sbuf_init(&tape);
    fields_init(&f, &tape);
    c.options = conf_node(t.conf, "outputs.0");
    assert_non_null(c.options);
    assert_true(http_logs[0].write(&c, &f));
    assert_true(tape.n > without.n);
    sbuf_done(&without);
    json_init(&j, &text);
    json_open(&j, NULL);
    assert_true(fields_to_json(&j, tape.p, tape.n));
    json_close(&j);
    assert_string_equal(sbuf_z(&text),
                        "{\"http\":{\"hostname\":\"WWW.Example.COM\",\"http_port\":8080,\"url\":\"/"
                        "a/../b%20c/%2e/d?x=%41&y=1\","
                        "\"http_user_agent\":\"Mozilla/5.0\",\"http_content_type\":\"text/html\","
                        "\"http_refer\":\"http://r.example/"
                        "\",\"http_method\":\"GET\",\"protocol\":\"HTTP/1.1\",\"status\":302,"
                        "\"redirect\":\"http://other/\",\"length\":5}}");
    sbuf_clear(&tape);
    fields_init(&f, &tape);
    http_alert_fields(&c, &f);
    sbuf_clear(&text);
    json_init(&j, &text);
    json_open(&j, NULL);
    assert_true(fields_to_json(&j, tape.p, tape.n));
    json_close(&j);
    assert_non_null(strstr(sbuf_z(&text), "\"http_method\":\"GET\""));
    sbuf_done(&tape);
    sbuf_done(&text);
    talk_end(&t);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(buffers),
        cmocka_unit_test(each_header_alone),
        cmocka_unit_test(at_every_cut),
        cmocka_unit_test(byte_by_byte),
        cmocka_unit_test(progress_grows),
        cmocka_unit_test(pipelined),
        cmocka_unit_test(interim_answer),
        cmocka_unit_test(old_protocol),
        cmocka_unit_test(rubbish_before_the_answer),
        cmocka_unit_test(answer_without_request),
        cmocka_unit_test(decompression),
        cmocka_unit_test(odd_gzip),
        cmocka_unit_test(said_encoded_but_plain),
        cmocka_unit_test(brotli),
        cmocka_unit_test(bomb_is_stopped),
        cmocka_unit_test(chunked),
        cmocka_unit_test(thresholds),
        cmocka_unit_test(limit_zero_keeps_a_window),
        cmocka_unit_test(gap_in_a_body),
        cmocka_unit_test(gap_beyond_a_body),
        cmocka_unit_test(interim_answers),
        cmocka_unit_test(missing_protocol),
        cmocka_unit_test(chunk_extensions),
        cmocka_unit_test(gap_in_headers),
        cmocka_unit_test(one_side_gives_up),
        cmocka_unit_test(events),
        cmocka_unit_test(endless_pipelining_is_capped),
        cmocka_unit_test(random_bytes_and_cuts),
        cmocka_unit_test(multipart_files),
        cmocka_unit_test(multipart_byte_by_byte),
        cmocka_unit_test(multipart_cut_short),
        cmocka_unit_test(put_and_post_are_files),
        cmocka_unit_test(disposition_names),
        cmocka_unit_test(any_memcap),
        cmocka_unit_test(servers_by_address),
        cmocka_unit_test(parts_of_an_absolute_uri),
        cmocka_unit_test(no_headers_no_list),
        cmocka_unit_test(eve),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
