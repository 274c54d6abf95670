/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tape: round trips through JSON, tapes that don't fit, and tapes that an enemy wrote. */
#include "event/test_help.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* JSON of a tape; ok tells what the player said. */
static char *play(const void *tape, size_t n, bool *ok)
{
    struct sbuf b;
    struct json j;
    sbuf_init(&b);
    json_init(&j, &b);
    json_open(&j, NULL);
    *ok = fields_to_json(&j, tape, n);
    json_close(&j);
    char *text = strdup(sbuf_z(&b));
    sbuf_done(&b);
    return text;
}

static void all_kinds(struct fields *f)
{
    static const uint8_t six[16] = {0x20, 1, 0xd, 0xb8, [15] = 1};
    struct ip_addr v4 = ip_from_v4("\xc0\xa8\0\1"), v6 = ip_from_v6(six);
    fields_open(f, "http");
    fields_cstr(f, "hostname", "example.org");
    fields_str(f, "url", STR("/a\"b\\c\n\xff\x01"));
    fields_u64(f, "length", UINT64_MAX);
    fields_i64(f, "delta", INT64_MIN);
    fields_double(f, "entropy", 4.25);
    fields_bool(f, "yes", true);
    fields_bool(f, "no", false);
    fields_null(f, "nothing");
    fields_array(f, "list");
    fields_u64(f, NULL, 1);
    fields_open(f, NULL);
    fields_str_key(f, STR("od\"d key"), STR("v"));
    fields_close(f);
    fields_array(f, NULL);
    fields_array_end(f);
    fields_array_end(f);
    fields_close(f);
    fields_hex(f, "hex", "\x01\xab", 2);
    fields_base64(f, "b64", "abcd", 4);
    fields_printable(f, "print", "a\x01\r\n\"", 5);
    fields_ip(f, "v4", 4, &v4);
    fields_ip(f, "v6", 6, &v6);
    fields_time(f, "start", 1468449727573103000u);
}

static const char all_text[] =
    "{\"http\":{\"hostname\":\"example.org\",\"url\":\"/a\\\"b\\\\c\\n\\u00ff\\u0001\","
    "\"length\":18446744073709551615,\"delta\":-9223372036854775808,\"entropy\":4.25,\"yes\":true,"
    "\"no\":false,\"nothing\":null,\"list\":[1,{\"od\\\"d key\":\"v\"},[]]},\"hex\":\"01ab\","
    "\"b64\":\"YWJjZA==\",\"print\":\"a.\\r\\n\\\"\",\"v4\":\"192.168.0.1\","
    "\"v6\":\"2001:0db8:0000:0000:0000:0000:0000:0001\","
    "\"start\":\"2016-07-13T22:42:07.573103+0000\"}";

static void test_round_trip(void **state)
{
    (void)state;
    struct sbuf b;
    struct fields f;
    bool ok;
    sbuf_init(&b);
    fields_init(&f, &b);
    all_kinds(&f);
    char *text = play(b.p, b.n, &ok);
    assert_true(ok);
    assert_string_equal(text, all_text);
    free(text);
    text = play("", 0, &ok);
    assert_true(ok);
    assert_string_equal(text, "{}");
    free(text);
    sbuf_done(&b);
}

static void json_good(const char *text)
{
    if (!test_json_good(text))
        fail_msg("no JSON: %s", text);
}

/* Integers beyond 63 bits are JSON, but not jansson's: none here. */
static void small_kinds(struct fields *f)
{
    fields_open(f, "a");
    fields_str(f, "s", STR("x\xf0\x9f\x98\x80y"));
    fields_u64(f, "n", 7);
    fields_array(f, "l");
    fields_bool(f, NULL, true);
    fields_open(f, NULL);
    fields_null(f, "z");
    fields_close(f);
    fields_array_end(f);
    fields_close(f);
    fields_hex(f, "h", "ab", 2);
}

static void test_cut_tape(void **state)
{
    (void)state;
    struct sbuf b;
    struct fields f;
    sbuf_init(&b);
    fields_init(&f, &b);
    small_kinds(&f);
    unsigned good = 0;
    for (size_t n = 0; n <= b.n; n++) {
        bool ok;
        uint8_t *exact = malloc(n ? n : 1);
        assert_non_null(exact);
        memcpy(exact, b.p, n);
        char *text = play(exact, n, &ok);
        json_good(text);
        good += ok;
        free(text);
        free(exact);
    }
    assert_int_equal(good, 3); /* nothing, the first object, all */
    sbuf_done(&b);
}

static void test_bit_flips(void **state)
{
    (void)state;
    struct sbuf b;
    struct fields f;
    sbuf_init(&b);
    fields_init(&f, &b);
    small_kinds(&f);
    unsigned refused = 0;
    for (size_t bit = 0; bit < b.n * 8; bit++) {
        bool ok;
        uint8_t *exact = malloc(b.n);
        assert_non_null(exact);
        memcpy(exact, b.p, b.n);
        exact[bit / 8] ^= (uint8_t)(1u << bit % 8);
        char *text = play(exact, b.n, &ok);
        refused += !ok;
        json_good(text);
        free(text);
        free(exact);
    }
    assert_true(refused > b.n);
    sbuf_done(&b);
}

static void test_random_tapes(void **state)
{
    (void)state;
    uint64_t seed = (uint64_t)time(NULL) * 2654435761u + 1;
    print_message("# seed %llu\n", (unsigned long long)seed);
    for (int round = 0; round < 20000; round++) {
        size_t n = test_random(&seed) % 40;
        uint8_t *tape = malloc(n ? n : 1);
        assert_non_null(tape);
        for (size_t i = 0; i < n; i++) {
            uint64_t r = test_random(&seed);
            tape[i] = (uint8_t)(r % 3 ? r >> 8 : r >> 8 & 0x91);
        }
        bool ok;
        char *text = play(tape, n, &ok);
        json_good(text);
        free(text);
        free(tape);
    }
}

static void test_too_much(void **state)
{
    (void)state;
    struct sbuf b;
    struct fields f;
    bool ok;
    sbuf_init(&b);
    fields_init(&f, &b);
    char *big = calloc(1, FIELDS_MOST);
    assert_non_null(big);
    memset(big, 'x', FIELDS_MOST);
    fields_open(&f, "a");
    fields_cstr(&f, "first", "1");
    fields_str(&f, "half", str_of(big, FIELDS_MOST / 2));
    fields_str(&f, "other", str_of(big, FIELDS_MOST / 2)); /* does not fit */
    assert_true(f.cut);
    fields_open(&f, "gone");
    fields_u64(&f, "n", 1);
    fields_close(&f);
    fields_u64(&f, "small", 1); /* after a cut nothing more */
    fields_close(&f);
    assert_int_equal(f.depth, 0);
    assert_true(b.n < FIELDS_MOST);
    char *text = play(b.p, b.n, &ok);
    assert_true(ok);
    assert_int_equal(test_json_members(text, "a"), 3);
    test_json_is(text, "a.first", "\"1\"");
    test_json_is(text, "a.cut", "true");
    free(text);
    free(big);
    sbuf_done(&b);
}

static void test_depth(void **state)
{
    (void)state;
    struct sbuf b;
    struct fields f;
    bool ok;
    sbuf_init(&b);
    fields_init(&f, &b);
    for (int i = 0; i < 3 * FIELDS_DEPTH; i++)
        fields_open(&f, "d");
    fields_u64(&f, "n", 1);
    for (int i = 0; i < 3 * FIELDS_DEPTH; i++)
        fields_close(&f);
    char *text = play(b.p, b.n, &ok);
    assert_true(ok);
    json_good(text);
    assert_non_null(strstr(text, "\"cut\":true"));
    free(text);
    /* The same by hand, without a limit. */
    uint8_t deep[64];
    for (size_t i = 0; i < sizeof(deep); i++)
        deep[i] = i % 3 == 0 ? FIELDS_OBJECT | 0x80 : i % 3 == 1 ? 1 : 'k';
    text = play(deep, 63, &ok);
    assert_false(ok);
    json_good(text);
    free(text);
    sbuf_done(&b);
}

static void test_long_key(void **state)
{
    (void)state;
    struct sbuf b;
    struct fields f;
    bool ok;
    char key[400];
    memset(key, 'k', sizeof(key));
    sbuf_init(&b);
    fields_init(&f, &b);
    fields_str_key(&f, str_of(key, sizeof(key)), STR("v"));
    fields_str_key(&f, STR(""), STR("empty"));
    char *text = play(b.p, b.n, &ok);
    assert_true(ok);
    json_good(text);
    key[255] = 0;
    char want[450];
    snprintf(want, sizeof(want), "{\"%s\":\"v\",\"\":\"empty\"}", key);
    assert_string_equal(text, want);
    free(text);
    sbuf_done(&b);
}

static void test_find(void **state)
{
    (void)state;
    struct sbuf b;
    struct fields f;
    struct str v;
    sbuf_init(&b);
    fields_init(&f, &b);
    fields_open(&f, "flow");
    fields_cstr(&f, "hostname", "wrong");
    fields_close(&f);
    fields_open(&f, "http");
    fields_open(&f, "deep");
    fields_cstr(&f, "hostname", "wrong");
    fields_close(&f);
    fields_cstr(&f, "hostname", "right");
    fields_close(&f);
    struct str tape = sbuf_view(&b);
    assert_true(fields_find_str(tape, "http", "hostname", &v));
    assert_true(str_eq(v, STR("right")));
    assert_false(fields_find_str(tape, "http", "url", &v));
    assert_false(fields_find_str(tape, "dns", "hostname", &v));
    for (uint32_t n = 0; n < tape.n; n++) /* a cut tape gives an answer or none, never more */
        (void)fields_find_str((struct str){tape.p, n}, "http", "hostname", &v);
    sbuf_done(&b);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_cut_tape),
        cmocka_unit_test(test_bit_flips),  cmocka_unit_test(test_random_tapes),
        cmocka_unit_test(test_too_much),   cmocka_unit_test(test_depth),
        cmocka_unit_test(test_long_key),   cmocka_unit_test(test_find),
    };
    setenv("TZ", "UTC", 1);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
