/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines, options, values: what a rule's text is cut into. */
#include "rules/rules_test.h"

#include <stdlib.h>

static uint32_t split(const char *body, enum split_style style, struct option *o, uint32_t room)
{
    uint32_t n = 0, at = 0;
    const char *error = NULL;
    return options_split(str_cstr(body), 0, style, o, room, &n, &error, &at) < 0 ? UINT32_MAX : n;
}

static void options_by_dialect(void **state)
{
    (void)state;
    static const struct {
        const char *body;
        uint32_t suricata, snort2, snort3; /* number of options, UINT32_MAX: broken */
    } cases[] = {
        {"", 0, 0, 0},
        {"  ", 0, 0, 0},
        {"nocase;", 1, 1, 1},
        {"a:1;b:2;", 2, 2, 2},
        {" a : 1 ; b : 2 ; ", 2, 2, 2},
        {"content:\"a\\;b\";", 1, 1, 1},
        {"content:\"a;b\";", 2, 2, 1},
        {"content:\"a;b\"; sid:1;", 3, 3, 2},
        {"pcre:\"/^[\"']?get/i\"; sid:1;", 2, 2, UINT32_MAX}, /* quotes don't match up */
        {"pcre:\"/a[\"']b[\"]/\"; sid:1;", 2, 2, 2},
        {"content:\"C:\\\\\"; sid:1;", 2, 2, 2},
        {"x:\\\\;", UINT32_MAX, 1, 1}, /* an escaped backslash before the end */
        {";", UINT32_MAX, UINT32_MAX, UINT32_MAX},
        {"a:1;;", UINT32_MAX, UINT32_MAX, UINT32_MAX},
        {"a:1", UINT32_MAX, UINT32_MAX, UINT32_MAX},
        {":1;", UINT32_MAX, UINT32_MAX, UINT32_MAX},
    };
    struct option o[8];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const char *b = cases[i].body;
        if (split(b, SPLIT_SURICATA, o, 8) != cases[i].suricata ||
            split(b, SPLIT_SNORT2, o, 8) != cases[i].snort2 ||
            split(b, SPLIT_QUOTES, o, 8) != cases[i].snort3)
            fail_msg("'%s'", b);
    }
    assert_int_equal(split("a;b;c;", SPLIT_SNORT2, o, 2), UINT32_MAX);
}

static void option_places(void **state)
{
    (void)state;
    struct option o[4];
    uint32_t n = 0, at = 0;
    const char *error = NULL;
    struct str body = STR(" msg : \"a: b\" ;nocase; x:;");
    assert_int_equal(options_split(body, 100, SPLIT_SURICATA, o, 4, &n, &error, &at), 0);
    assert_int_equal(n, 3);
    assert_true(str_eq(o[0].name, STR("msg")) && str_eq(o[0].value, STR("\"a: b\"")));
    assert_int_equal(o[0].at, 101);
    assert_int_equal(o[0].value_at, 107);
    assert_false(o[1].has_value);
    assert_true(o[2].has_value && o[2].value.n == 0);
}

/* Every prefix of a body, in memory of exactly its size. */
static void options_at_every_cut(void **state)
{
    (void)state;
    static const char body[] =
        "msg:\"x\\\"y\"; content:!\"|41 42|c\\;\"; pcre:\"/a\\/b;\"/Ui\"; sid:1;";
    for (uint32_t n = 0; n < sizeof(body); n++) {
        uint8_t *exact = malloc(n ? n : 1);
        assert_non_null(exact);
        memcpy(exact, body, n);
        for (unsigned style = SPLIT_SURICATA; style <= SPLIT_QUOTES; style++) {
            struct option o[16];
            uint32_t k = 0, at = 0;
            const char *error = NULL;
            int rc =
                options_split(str_of(exact, n), 0, (enum split_style)style, o, 16, &k, &error, &at);
            assert_true(rc < 0 ? error != NULL && at <= n : k <= 5);
        }
        free(exact);
    }
}

static void values(void **state)
{
    (void)state;
    struct str v = STR("!  \"x\"");
    assert_true(value_negated(&v) && str_eq(v, STR("\"x\"")));
    assert_true(value_unquote(&v) && str_eq(v, STR("x")));
    assert_false(value_unquote(&v));
    v = STR("\"");
    assert_false(value_unquote(&v));
    v = STR(" a , b,c");
    assert_true(str_eq(list_next(&v, ','), STR("a")));
    assert_true(str_eq(list_next(&v, ','), STR("b")));
    assert_true(str_eq(list_next(&v, ','), STR("c")));
    assert_int_equal(v.n, 0);
    v = STR("  type limit");
    assert_true(str_eq(word_next(&v), STR("type")) && str_eq(word_next(&v), STR("limit")));
}

/* ---- files */

static struct raw_rules cut(const char *text, enum rule_dialect d, bool keep, struct arena *a)
{
    struct raw_rules out = {0};
    struct source s = {.name = "t", .n = strlen(text)};
    char *copy = strdup(text);
    assert_non_null(copy);
    s.bytes = (uint8_t *)copy;
    assert_int_equal(source_split(&s, 0, d, &(struct rules_options){.keep_disabled = keep}, a, &out), 0);
    for (uint32_t i = 0; i < out.n; i++) { /* the source goes */
        struct str t = out.r[i].text, src = out.r[i].src;
        out.r[i].text = arena_dup(a, t.p, t.n);
        out.r[i].src = arena_dup(a, src.p, src.n);
    }
    free(copy);
    return out;
}

static void lines(void **state)
{
    (void)state;
    static const struct {
        enum rule_dialect d;
        const char *text;
        uint32_t n, disabled;
        const char *first; /* text of the first rule; NULL: any */
    } cases[] = {
        {DIALECT_SURICATA, "", 0, 0, NULL},
        {DIALECT_SURICATA, "# nothing\n\n   \n", 0, 0, NULL},
        {DIALECT_SURICATA, "alert ip any any -> any any (sid:1;)", 1, 0,
         "alert ip any any -> any any (sid:1;)"},
        {DIALECT_SURICATA,
         "\xef\xbb\xbf"
         "alert ip (sid:1;)\r\n",
         1, 0, "alert ip (sid:1;)"},
        {DIALECT_SURICATA, "  alert ip (sid:1;)  \t\r\nalert ip (sid:2;)", 2, 0,
         "alert ip (sid:1;)"},
        {DIALECT_SURICATA, "alert ip (a; \\\n  sid:1;)\n", 1, 0, "alert ip (a;   sid:1;)"},
        {DIALECT_SURICATA, "alert ip (a;\\  \r\nsid:1;)\n", 1, 0, "alert ip (a;sid:1;)"},
        {DIALECT_SURICATA, "#alert ip (sid:1;)\n#  alert ip (sid:2;)\n# alert is a word\n", 0, 2,
         NULL},
        {DIALECT_SURICATA, "##alert ip (sid:1;)\n#alert ip (\\\n sid:2;)\n", 0, 2, NULL},
        {DIALECT_SNORT2,
         "var X 1\nipvar Y [a]\ninclude z\nconfig a: b\noutput x\nalert ip (sid:1;)\n", 1, 0,
         "alert ip (sid:1;)"},
        {DIALECT_SNORT2, "log tcp any any -> any 80\n", 1, 0, "log tcp any any -> any 80"},
        {DIALECT_SNORT3, "/* alert ip (sid:1;)\n more */\nalert ip (sid:2;)\n", 1, 0,
         "alert ip (sid:2;)"},
        {DIALECT_SNORT3, "#begin x\nalert ip (sid:1;)\n#end\nalert ip (sid:2;)\n", 1, 0,
         "alert ip (sid:2;)"},
        {DIALECT_SNORT3, "alert http\n(\n  msg:\"a\";\n  sid:1;\n)\n", 1, 0,
         "alert http (   msg:\"a\";   sid:1; )"},
        {DIALECT_SNORT3, "alert http ( msg:\"(\"; /* no ) */ sid:1; )\n", 1, 0,
         "alert http ( msg:\"(\";            sid:1; )"},
        {DIALECT_SNORT3, "alert ip ( x:y \"Encoded\"; z:\"; sid:1; )\nalert ip ( sid:2; )\n", 2, 0,
         NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena a;
        arena_init(&a, 0, 0);
        struct raw_rules r = cut(cases[i].text, cases[i].d, false, &a);
        if (r.n != cases[i].n || r.disabled != cases[i].disabled)
            fail_msg("'%s': %u rules, %u disabled", cases[i].text, r.n, r.disabled);
        if (cases[i].first && !str_eq(r.r[0].text, str_cstr(cases[i].first)))
            fail_msg("'%s': '" STR_FMT "'", cases[i].text, STR_ARG(r.r[0].text));
        free(r.r);
        free(r.lines);
        arena_done(&a);
    }
}

static void disabled_kept(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 0, 0);
    struct raw_rules r =
        cut("# alert ip any any -> any any (sid:1;)\nfoo bar\n", DIALECT_SURICATA, true, &a);
    assert_int_equal(r.n, 2);
    assert_true(r.r[0].disabled && r.r[0].column == 3);
    assert_true(r.r[1].error && r.r[1].line == 2);
    free(r.r);
    free(r.lines);
    arena_done(&a);
}

static void places_in_joined_text(void **state)
{
    (void)state;
    struct arena a;
    arena_init(&a, 0, 0);
    struct raw_rules r = cut("\n  alert ip (a;\\\n   bcd;\\\n\te;)\n", DIALECT_SURICATA, false, &a);
    assert_int_equal(r.n, 1);
    uint32_t line, column, at = (uint32_t)str_find(r.r[0].text, STR("bcd"));
    raw_locate(&r.r[0], at, &line, &column);
    assert_true(line == 3 && column == 4);
    raw_locate(&r.r[0], (uint32_t)str_find(r.r[0].text, STR("e;)")), &line, &column);
    assert_true(line == 4 && column == 2);
    raw_locate(&r.r[0], 0, &line, &column);
    assert_true(line == 2 && column == 3);
    raw_locate(&r.r[0], 100000, &line, &column);
    assert_int_equal(line, 4);
    free(r.r);
    free(r.lines);
    arena_done(&a);
}

static void dialect_by_marks(void **state)
{
    (void)state;
    static const struct {
        enum rule_dialect d;
        const char *text;
    } cases[] = {
        {DIALECT_SURICATA, ""},
        {DIALECT_SURICATA, "alert tcp any any -> any any (content:\"a\"; sid:1;)"},
        {DIALECT_SURICATA, "alert tcp any any -> any any (content:\"a\"; http_header; sid:1;)"},
        {DIALECT_SURICATA, "alert http any any -> any any (http.uri; content:\"a\"; sid:1;)"},
        {DIALECT_SURICATA, "alert tcp any any -> any any (content:\"a\"; startswith; sid:1;)"},
        {DIALECT_SURICATA, "alert tcp any any -> any any (pcre:\"/a/V\"; sid:1;)"},
        {DIALECT_SURICATA, "alert tls any any -> any any (metadata:service ssl; sid:1;)"},
        {DIALECT_SURICATA, "#alert dns any any -> any any (dns_query; content:\"a\"; sid:1;)"},
        {DIALECT_SNORT2,
         "alert tcp any any -> any any (content:\"a\"; metadata:policy x, service http; sid:1;)"},
        {DIALECT_SNORT2, "activate tcp any any -> any any (content:\"a\"; activates:1; sid:1;)"},
        {DIALECT_SNORT2, "alert tcp any any -> any $HTTP_PORTS (uricontent:\"/a\"; sid:1;)"},
        {DIALECT_SNORT2, "alert tcp any any -> any any (content:\"a\"; session:all; sid:1;)"},
        {DIALECT_SNORT2, "alert tcp any any -> any any (content:\"a\"; resp:reset_both; sid:1;)"},
        {DIALECT_SURICATA,
         "alert tcp any any -> any any (content:\"a\"; endswith; resp:reset_both; sid:1;)"},
        {DIALECT_SNORT3, "alert tcp any any -> any any ( content:\"a\",nocase; sid:1; )"},
        {DIALECT_SNORT3, "alert tcp any any -> any any ( http_uri; content:\"a\"; sid:1; )"},
        {DIALECT_SNORT3, "alert http ( content:\"a\"; sid:1; )"},
        {DIALECT_SNORT3, "alert tcp any any -> any any ( service:http; sid:1; )"},
        {DIALECT_SNORT3, "alert tcp any any -> any any ( bufferlen:>5; sid:1; )"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        if (source_dialect(str_cstr(cases[i].text), &(struct marks){0}) != cases[i].d)
            fail_msg(
                "'%s' is taken as %s", cases[i].text,
                rule_dialect_name(source_dialect(str_cstr(cases[i].text), &(struct marks){0})));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(options_by_dialect),
        cmocka_unit_test(option_places),
        cmocka_unit_test(options_at_every_cut),
        cmocka_unit_test(values),
        cmocka_unit_test(lines),
        cmocka_unit_test(disabled_kept),
        cmocka_unit_test(places_in_joined_text),
        cmocka_unit_test(dialect_by_marks),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
