/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JSON read in place: what is right, what is broken, at every cut, and what strings say. */
#include "base/jread.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static bool whole(const char *text, size_t n)
{
    uint8_t *heap = malloc(n ? n : 1);
    assert_non_null(heap);
    memcpy(heap, text, n);
    struct str in = str_of(heap, n);
    struct jvalue v;
    bool ok = jread_value(&in, &v) && jread_end(in);
    free(heap);
    return ok;
}

static void right_and_broken(void **state)
{
    (void)state;
    static const char *const right[] = {"{}",
                                        "[]",
                                        " [ 1 , 2 ] ",
                                        "null",
                                        "true",
                                        "false",
                                        "-0.5e+3",
                                        "0",
                                        "\"\"",
                                        "\"a\\u00e9\\n\"",
                                        "{\"a\":{\"b\":[{},[],\"]\"]},\"c\":1}",
                                        "[[[[1]]]]"};
    static const char *const broken[] = {
        "",         " ",          "{",       "[",         "[1",     "[1,",   "[1,]", "{\"a\"}",
        "{\"a\":}", "{\"a\":1,}", "{a:1}",   "01",        "1.",     "-",     "1e",   "tru",
        "\"",       "\"\\",       "\"\\x\"", "\"\\u12\"", "\"\n\"", "[1] 2", "}",    "[}"};
    for (unsigned k = 0; k < ARRAY_LEN(right); k++)
        if (!whole(right[k], strlen(right[k])))
            fail_msg("%s", right[k]);
    for (unsigned k = 0; k < ARRAY_LEN(broken); k++)
        if (whole(broken[k], strlen(broken[k])))
            fail_msg("%s", broken[k]);
}

static void cut_anywhere(void **state)
{
    (void)state;
    static const char text[] = "{\"k\":[1,-2.5e3,\"x\\u0041\\\\\",true,false,null,{\"m\":{}}]}";
    for (size_t n = 0; n + 1 < sizeof(text) - 1; n++)
        assert_false(whole(text, n));
    assert_true(whole(text, sizeof(text) - 1));
}

static void depth_has_a_limit(void **state)
{
    (void)state;
    char text[400];
    for (unsigned deep = 1; deep <= 100; deep++) {
        memset(text, '[', deep);
        memset(text + deep, ']', deep);
        assert_int_equal(whole(text, 2 * deep), deep <= JREAD_DEPTH + 1);
    }
}

static void strings_and_paths(void **state)
{
    (void)state;
    static const struct {
        const char *path, *want;
    } t[] = {{"a", "x"},
             {"b.c", "\xc3\xa9\"/"},
             {"b.d.e", "\xf0\x9f\x98\x80"},
             {"b.l", "\xef\xbf\xbd!"},
             {"b.x", NULL},
             {"a.b", NULL},
             {"n.n", NULL}};
    struct str in = str_cstr("{\"a\":\"x\",\"b\":{\"c\":\"\\u00e9\\\"\\/"
                             "\",\"d\":{\"e\":\"\\ud83d\\ude00\"},\"l\":\"\\ud83d!\"},\"n\":1}");
    struct jvalue root, v, parent;
    assert_true(jread_value(&in, &root));
    for (unsigned k = 0; k < ARRAY_LEN(t); k++) {
        bool ok = jread_path(&root, str_cstr(t[k].path), &v, &parent);
        assert_int_equal(ok, t[k].want != NULL);
        if (!ok)
            continue;
        uint8_t out[64];
        struct str got = str_of(out, jread_string(&v, out));
        assert_true(got.n <= v.text.n);
        assert_true(str_eq(got, str_cstr(t[k].want)));
        assert_int_equal(parent.kind, JREAD_OBJECT);
    }
}

static void members_and_items(void **state)
{
    (void)state;
    struct str in = str_cstr(" { \"a\" : 1 , \"b\" : [ 2 , {} ] } "), at, key;
    struct jvalue o, v, x;
    assert_true(jread_value(&in, &o));
    at = jread_inner(&o);
    assert_true(jread_member(&at, &key, &v));
    assert_true(str_eq(key, STR("a")) && v.kind == JREAD_NUMBER && str_eq(v.text, STR("1")));
    assert_true(jread_member(&at, &key, &v));
    assert_true(str_eq(key, STR("b")) && v.kind == JREAD_ARRAY);
    assert_false(jread_member(&at, &key, &x));
    at = jread_inner(&v);
    assert_true(jread_item(&at, &x) && x.kind == JREAD_NUMBER);
    assert_true(jread_item(&at, &x) && x.kind == JREAD_OBJECT);
    assert_false(jread_item(&at, &x));
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(right_and_broken),  cmocka_unit_test(cut_anywhere),
        cmocka_unit_test(depth_has_a_limit), cmocka_unit_test(strings_and_paths),
        cmocka_unit_test(members_and_items),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
