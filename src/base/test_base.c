/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Arenas, strings, buffers, JSON, addresses, digests, diagnostics. */
#include "base/arena.h"
#include "base/clock.h"
#include "base/diag.h"
#include "base/hash.h"
#include "base/ip.h"
#include "base/log.h"
#include "base/sbuf.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

static void arena_hands_out_apart(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 256, 0);
    assert_int_equal(a.used_bytes, 0);
    uint8_t *p[200];
    for (unsigned i = 0; i < 200; i++) {
        size_t n = i % 7 ? i : 10 * i;
        p[i] = arena_alloc(&a, n);
        assert_non_null(p[i]);
        assert_int_equal((uintptr_t)p[i] % 16, 0);
        for (size_t k = 0; k < n; k++)
            assert_int_equal(p[i][k], 0);
        memset(p[i], (int)i, n);
    }
    for (unsigned i = 1; i < 200; i++)
        assert_int_equal(p[i][(i % 7 ? i : 10 * i) - 1], i);
    arena_reset(&a);
    assert_true(a.used_bytes < 1000);
    uint8_t *q = arena_alloc(&a, 100);
    assert_int_equal(q[0] | q[99], 0);
    struct str s = arena_printf(&a, "%s-%d", "abc", 42);
    assert_true(str_eq(s, STR("abc-42")));
    assert_int_equal(s.p[s.n], 0);
    assert_true(str_eq(arena_dup(&a, "x\0y", 3), str_of("x\0y", 3)));
    arena_done(&a);
    assert_int_equal(a.used_bytes, 0);
}

static void arena_keeps_its_cap(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 1024, 8192);
    unsigned got = 0;
    while (arena_alloc(&a, 100))
        got++;
    assert_true(got >= 40 && got <= 82);
    assert_true(a.used_bytes <= 8192);
    assert_int_equal(a.refused, 1);
    assert_null(arena_alloc(&a, 1 << 20));
    assert_null(arena_alloc(&a, SIZE_MAX - 3));
    assert_int_equal(a.refused, 3);
    arena_done(&a);
}

static void str_basics(void **state)
{
    (void)state;
    assert_true(str_ieq(STR("HoSt"), STR("host")));
    assert_false(str_ieq(STR("host"), STR("hosts")));
    assert_true(str_starts(STR("abc"), STR("ab")) && !str_starts(STR("a"), STR("ab")));
    assert_true(str_istarts(STR("ABc"), STR("ab")) && str_ends(STR("abc"), STR("bc")));
    assert_true(str_cmp(STR("a"), STR("ab")) < 0 && str_cmp(STR("b"), STR("ab")) > 0);
    assert_int_equal(str_cmp(STR("x"), STR("x")), 0);
    assert_int_equal(str_find(STR("hello"), STR("lo")), 3);
    assert_int_equal(str_find(STR("hello"), STR("xx")), -1);
    assert_int_equal(str_find(STR(""), STR("x")), -1);
    assert_int_equal(str_find(STR("x"), STR("")), 0);
    assert_int_equal(str_ifind(STR("heLLo"), STR("lO")), 3);
    assert_int_equal(str_ifind(STR("a"), STR("ab")), -1);
    assert_true(str_eq(str_trim(STR(" \t a b \r\n")), STR("a b")));
    assert_int_equal(str_trim(STR("  ")).n, 0);
    struct str rest, head = str_split(STR("a,b,c"), ',', &rest);
    assert_true(str_eq(head, STR("a")) && str_eq(rest, STR("b,c")));
    head = str_split(STR("abc"), ',', &rest);
    assert_true(str_eq(head, STR("abc")) && !rest.n);
    assert_int_equal(str_skip(STR("abc"), 9).n, 0);
    assert_int_equal(str_cstr(NULL).n, 0);
}

static void str_numbers(void **state)
{
    (void)state;
    uint64_t v;
    int64_t i;
    assert_true(str_u64(STR("18446744073709551615"), &v) && v == UINT64_MAX);
    assert_false(str_u64(STR("18446744073709551616"), &v));
    assert_true(str_u64(STR("0xFf"), &v) && v == 255);
    assert_false(str_u64(STR("0x"), &v) || str_u64(STR(""), &v) || str_u64(STR("1 "), &v));
    assert_true(str_i64(STR("-9223372036854775808"), &i) && i == INT64_MIN);
    assert_false(str_i64(STR("9223372036854775808"), &i) || str_i64(STR("-"), &i));
    assert_true(str_i64(STR("+7"), &i) && i == 7);
    assert_true(str_u64_base(STR("777"), 8, &v) && v == 511);
    assert_false(str_u64_base(STR("8"), 8, &v));
    static const struct {
        const char *text;
        int64_t bytes;
    } sizes[] = {
        {"0", 0},           {"10", 10},
        {"10b", 10},        {"10kb", 10240},
        {"1 MiB", 1 << 20}, {"2gb", 2ll << 30},
        {"1.5mb", 1572864}, {" 64MB ", 64 << 20},
        {"1k", 1024},       {"x", -1},
        {"", -1},           {"1.", -1},
        {"1.2.3", -1},      {"17179869184gb", -1},
        {"10qb", -1},       {"-1", -1},
        {"0.25kb", 256},    {"1tb", 1ll << 40},
    };
    for (size_t k = 0; k < ARRAY_LEN(sizes); k++) {
        bool ok = str_size(str_cstr(sizes[k].text), &v);
        assert_int_equal(ok ? (int64_t)v : -1, sizes[k].bytes);
    }
}

static void assert_buf(struct sbuf *b, const char *want)
{
    assert_string_equal(sbuf_z(b), want);
    sbuf_clear(b);
}

static void sbuf_writes(void **state)
{
    (void)state;
    struct sbuf b;
    sbuf_init(&b);
    static const uint64_t numbers[] = {0, 9, 10, 99, 100, 12345, 1000000, UINT64_MAX};
    for (size_t i = 0; i < ARRAY_LEN(numbers); i++) {
        char want[32];
        snprintf(want, sizeof(want), "%llu", (unsigned long long)numbers[i]);
        sbuf_u64(&b, numbers[i]);
        assert_buf(&b, want);
    }
    sbuf_i64(&b, INT64_MIN);
    sbuf_byte(&b, ' ');
    sbuf_i64(&b, 5);
    assert_buf(&b, "-9223372036854775808 5");
    sbuf_hex(&b, "\x00\xff\x1a", 3);
    sbuf_str(&b, STR("|"));
    sbuf_cstr(&b, "z");
    assert_buf(&b, "00ff1a|z");
    static const char *const b64[] = {"",         "Zg==",     "Zm8=",    "Zm9v",
                                      "Zm9vYg==", "Zm9vYmE=", "Zm9vYmFy"};
    for (size_t i = 0; i < 7; i++) {
        sbuf_base64(&b, "foobar", i);
        assert_buf(&b, b64[i]);
    }
    for (int i = 0; i < 1000; i++)
        sbuf_printf(&b, "%03d,", i);
    assert_int_equal(b.n, 4000);
    assert_memory_equal(b.p + 3996, "999,", 4);
    assert_false(sbuf_room(&b, SIZE_MAX));
    assert_true(b.failed);
    sbuf_put(&b, "x", 1);
    assert_int_equal(b.n, 4000);
    assert_null(sbuf_z(&b));
    sbuf_done(&b);
}

static void json_shapes(void **state)
{
    (void)state;
    struct sbuf b;
    struct json j;
    sbuf_init(&b);
    json_init(&j, &b);
    json_open(&j, NULL);
    json_u64(&j, "a", 1);
    json_i64(&j, "b", -2);
    json_array(&j, "c");
    json_cstr(&j, NULL, "x");
    json_array(&j, NULL);
    json_array_end(&j);
    json_open(&j, NULL);
    json_close(&j);
    json_bool(&j, NULL, true);
    json_array_end(&j);
    json_open(&j, "d");
    json_null(&j, "e");
    json_double(&j, "f", 0.1);
    json_double(&j, "g", 3);
    json_double(&j, "h", NAN);
    json_hex(&j, "i", "\xab", 1);
    json_base64(&j, "j", "a", 1);
    json_raw(&j, "k", STR("[1]"));
    json_printable(&j, "l", "a\r\n\"\\\x00\xc3\xa4\x7f", 9);
    json_close(&j);
    json_close(&j);
    assert_buf(&b, "{\"a\":1,\"b\":-2,\"c\":[\"x\",[],{},true],\"d\":{\"e\":null,\"f\":0.1,"
                   "\"g\":3.0,\"h\":null,\"i\":\"ab\",\"j\":\"YQ==\",\"k\":[1],"
                   "\"l\":\"a\\r\\n\\\"\\\\....\"}}");
    sbuf_done(&b);
}

static void json_strings(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        {"plain text that is long enough for words", "plain text that is long enough for words"},
        {"\"\\\b\f\n\r\t", "\\\"\\\\\\b\\f\\n\\r\\t"},
        {"1234567\"89012345\\", "1234567\\\"89012345\\\\"},
        {"\x01\x1f\x7f", "\\u0001\\u001f\x7f"},
        {"\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80", "\xc3\xa4 \xe2\x82\xac \xf0\x9f\x98\x80"},
        {"\xc3", "\\u00c3"},
        {"\xc0\x80", "\\u00c0\\u0080"},
        {"\xe0\x80\x80", "\\u00e0\\u0080\\u0080"},
        {"\xed\xa0\x80", "\\u00ed\\u00a0\\u0080"},
        {"\xf4\x90\x80\x80", "\\u00f4\\u0090\\u0080\\u0080"},
        {"\xf5\x80", "\\u00f5\\u0080"},
        {"\xe2\x82", "\\u00e2\\u0082"},
        {"abcdefg\xe2\x82\xac", "abcdefg\xe2\x82\xac"},
        {"/<>&'", "/<>&'"},
    };
    struct sbuf b;
    sbuf_init(&b);
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct json j;
        size_t n = strlen(cases[i].in);
        uint8_t *exact = malloc(n);
        memcpy(exact, cases[i].in, n);
        json_init(&j, &b);
        json_str(&j, NULL, str_of(exact, n));
        free(exact);
        char want[128];
        snprintf(want, sizeof(want), "\"%s\"", cases[i].out);
        assert_buf(&b, want);
    }
    /* Every byte at every place of a word, against the rule written plainly. */
    for (unsigned c = 0; c < 256; c++)
        for (unsigned at = 0; at < 20; at++) {
            uint8_t text[20];
            struct json j;
            memset(text, 'x', sizeof(text));
            text[at] = (uint8_t)c;
            json_init(&j, &b);
            json_str(&j, NULL, str_of(text, sizeof(text)));
            size_t grown = c < 32 || c > 127 ? 5 : c == '"' || c == '\\' ? 1 : 0;
            if (c == '\b' || c == '\f' || c == '\n' || c == '\r' || c == '\t')
                grown = 1;
            assert_int_equal(b.n, 22 + grown);
            assert_int_equal(b.p[1 + at], grown ? '\\' : c);
            sbuf_clear(&b);
        }
    sbuf_done(&b);
}

static void ip_text(void **state)
{
    (void)state;
    static const struct {
        const char *in;
        unsigned ver;
        const char *full, *brief;
    } good[] = {
        {"10.0.0.1", 4, "10.0.0.1", "10.0.0.1"},
        {"255.255.255.255", 4, "255.255.255.255", "255.255.255.255"},
        {"::1", 6, "0000:0000:0000:0000:0000:0000:0000:0001", "::1"},
        {"2001:DB8::8:800:200c:417a", 6, "2001:0db8:0000:0000:0008:0800:200c:417a",
         "2001:db8::8:800:200c:417a"},
        {"::ffff:1.2.3.4", 6, "0000:0000:0000:0000:0000:ffff:0102:0304", "::ffff:1.2.3.4"},
    };
    for (size_t i = 0; i < ARRAY_LEN(good); i++) {
        struct ip_addr a;
        uint8_t ver;
        char text[IP_TEXT];
        assert_true(ip_parse(str_cstr(good[i].in), &a, &ver));
        assert_int_equal(ver, good[i].ver);
        assert_string_equal(ip_format(&a, ver, text), good[i].full);
        assert_string_equal(ip_format_short(&a, ver, text), good[i].brief);
    }
    static const char *const bad[] = {"",  "1.2.3",   "1.2.3.4.5", "256.1.1.1", "a.b.c.d",
                                      ":", "1::2::3", "1.2.3.4 ",  "12345::"};
    for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
        struct ip_addr a;
        uint8_t ver;
        assert_false(ip_parse(str_cstr(bad[i]), &a, &ver));
    }
}

static void ip_prefixes(void **state)
{
    (void)state;
    static const struct {
        const char *in, *addr;
        int bits; /* -1: refused */
    } cases[] = {
        {"10.1.2.3/8", "10.0.0.0", 8},
        {"10.1.2.3/255.255.0.0", "10.1.0.0", 16},
        {"10.1.2.3/0.0.0.0", "0.0.0.0", 0},
        {"10.1.2.3", "10.1.2.3", 32},
        {"0.0.0.0/0", "0.0.0.0", 0},
        {"192.168.1.130/25", "192.168.1.128", 25},
        {"2001:db8:ffff::/36", "2001:db8:f000::", 36},
        {"::/0", "::", 0},
        {"::1", "::1", 128},
        {"1.2.3.4/33", NULL, -1},
        {"1.2.3.4/", NULL, -1},
        {"1.2.3.4/255.0.255.0", NULL, -1},
        {"::1/129", NULL, -1},
        {"::1/255.0.0.0", NULL, -1},
        {"/8", NULL, -1},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct ip_prefix p;
        char text[IP_TEXT];
        bool ok = ip_prefix_parse(str_cstr(cases[i].in), &p);
        assert_int_equal(ok ? p.bits : -1, cases[i].bits);
        if (ok)
            assert_string_equal(ip_format_short(&p.addr, p.ver, text), cases[i].addr);
    }
    struct ip_prefix p;
    struct ip_addr a;
    uint8_t ver;
    assert_true(ip_prefix_parse(STR("10.0.0.0/9"), &p));
    assert_true(ip_parse(STR("10.127.0.1"), &a, &ver) && ip_prefix_has(&p, ver, &a));
    assert_true(ip_parse(STR("10.128.0.1"), &a, &ver) && !ip_prefix_has(&p, ver, &a));
    /* A mapped address on the wire is IPv6 and matches no IPv4 prefix. */
    assert_true(ip_parse(STR("::ffff:10.0.0.1"), &a, &ver) && !ip_prefix_has(&p, ver, &a));
}

static void digests(void **state)
{
    (void)state;
    static const struct {
        enum digest_kind kind;
        const char *hex;
    } abc[] = {
        {DIGEST_MD5, "900150983cd24fb0d6963f7d28e17f72"},
        {DIGEST_SHA1, "a9993e364706816aba3e25717850c26c9cd0d89d"},
        {DIGEST_SHA256, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"},
    };
    struct sbuf b;
    sbuf_init(&b);
    for (size_t i = 0; i < ARRAY_LEN(abc); i++) {
        uint8_t out[DIGEST_MAX];
        sbuf_hex(&b, out, digest_of(abc[i].kind, "abc", 3, out));
        assert_buf(&b, abc[i].hex);
        struct digest *d = digest_new(abc[i].kind);
        digest_add(d, "a", 1);
        digest_add(d, "", 0);
        digest_add(d, "bc", 2);
        sbuf_hex(&b, out, digest_end(d, out));
        assert_buf(&b, abc[i].hex);
    }
    sbuf_done(&b);
    digest_free(digest_new(DIGEST_MD5));
    digest_free(NULL);
    assert_int_not_equal(hash_bytes("abc", 3, 1), hash_bytes("abc", 3, 2));
    assert_int_equal(hash_bytes("abc", 3, 1), hash_bytes("abc", 3, 1));
    uint8_t r1[16] = {0}, r2[16] = {0};
    assert_int_equal(random_bytes(r1, 16) | random_bytes(r2, 16), 0);
    assert_memory_not_equal(r1, r2, 16);
}

static void diags_in_order(void **state)
{
    (void)state;
    struct arena a;
    struct diags d;
    arena_init(&a, 0, 0);
    diags_init(&d, &a);
    char file[] = "f";
    assert_non_null(diag_add(&d, DIAG_WARNING, file, 3, 7, "mend it", "no %s", "x"));
    file[0] = 'g'; /* its owner has gone */
    diag_add(&d, DIAG_ERROR, NULL, 0, 0, NULL, "second")->sid = 9;
    assert_int_equal(d.errors, 1);
    assert_int_equal(d.warnings, 1);
    assert_string_equal(d.first->reason, "no x");
    assert_string_equal(d.first->hint, "mend it");
    assert_string_equal(d.first->file, "f");
    assert_int_equal(d.first->column, 7);
    assert_int_equal(d.first->next->sid, 9);
    assert_null(d.first->next->next);
    arena_done(&a);
    arena_init(&a, 64, 64);
    diags_init(&d, &a);
    assert_null(diag_add(&d, DIAG_WARNING, "f", 3, 7, NULL, "there is no memory for this"));
    assert_int_equal(d.errors, 1);
    arena_done(&a);
}

static void log_lines(void **state)
{
    (void)state;
    int fd[2];
    char got[256];
    assert_int_equal(pipe(fd), 0);
    log_set_level(LOG_AT_ERROR);
    log_set_fd(fd[1]);
    log_at(LOG_AT_NOTICE, "test", "not shown");
    log_at(LOG_AT_ERROR, "test", "number %d", 7);
    log_set_fd(-1);
    log_set_level(LOG_AT_NOTICE);
    ssize_t n = read(fd[0], got, sizeof(got) - 1);
    assert_true(n > 0);
    got[n] = 0;
    assert_string_equal(got, "Error: test: number 7\n");
    close(fd[0]);
    close(fd[1]);
}

static void clocks_advance(void **state)
{
    (void)state;
    uint64_t a = clock_mono_ns(), b = clock_mono_ns();
    assert_true(a && b >= a);
    assert_true(clock_wall_ns() > 1500000000ull * NS_PER_SEC);
    assert_true(clock_cpu_ns() > 0);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(arena_hands_out_apart),
        cmocka_unit_test(arena_keeps_its_cap),
        cmocka_unit_test(str_basics),
        cmocka_unit_test(str_numbers),
        cmocka_unit_test(sbuf_writes),
        cmocka_unit_test(json_shapes),
        cmocka_unit_test(json_strings),
        cmocka_unit_test(ip_text),
        cmocka_unit_test(ip_prefixes),
        cmocka_unit_test(digests),
        cmocka_unit_test(diags_in_order),
        cmocka_unit_test(log_lines),
        cmocka_unit_test(clocks_advance),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
