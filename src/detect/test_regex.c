/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a regular expression can't do without: a table, and random expressions against what the
 * library matches. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "detect/image_layout.h"
#include "detect/image_regex.h"

#include "base/find.h"

#include <pcre2.h>
#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <cmocka.h>

static const struct {
    const char *regex, *literal;
    bool nocase;
} cases[] = {
    {"abc", "abc", false},
    {"^\\s*abc\\d+defg", "defg", false},
    {"AbC+d", "abc", true},
    {"ab?cd*ef", "ef", false},
    {"abcd|ef", NULL, false},
    {"x(abcd|ef)yz", "yz", false},
    {"(?P<v>[^\\]x]+)=for\\((?P=v)", "=for(", false},
    {"(?i)abc", NULL, false},
    {"a\\x41\\/b\\.", "aA/b.", false},
    {"a{3}b{0,2}cdef", "cdef", false},
    {"ab{,5}", NULL, false},
    {"[]ab]cd[^]e]fgh", "fgh", false},
    {"\\Qa|b\\E", NULL, false},
    {"(?=ab)cd", "cd", false},
    {"(a)\\1bc", "bc", false},
    {"\\d{4} \\d", " ", false},
    {"abc(", NULL, false},
    {"", "", false},
};

static void table(void **state)
{
    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
        struct regex_need n;
        struct str p = str_of(cases[k].regex, strlen(cases[k].regex));
        regex_needs(p, cases[k].nocase ? PCRE2_CASELESS : 0, &n);
        const char *want = cases[k].literal ? cases[k].literal : "";
        if (n.n != strlen(want) || memcmp(n.literal, want, n.n))
            fail_msg("%s: %.*s instead of %s", cases[k].regex, (int)n.n, (const char *)n.literal,
                     want);
    }
}

static bool has_pair(const uint8_t *p, uint32_t n, uint32_t place)
{
    for (uint32_t k = 1; k < n; k++)
        if (pair_of(p + k - 1) == place)
            return true;
    return false;
}

/* Where the library finds a match, what was said to be needed is in it. */
static void property(void **state)
{
    (void)state;
    static const char *const part[] = {
        "a",     "b",        "1",      " ",    "A",   "\\d",   "\\s",   ".",     "[ab]",
        "[^a1]", "*",        "+",      "?",    "{2}", "{0,1}", "{1,}",  "(a|b)", "(?:",
        ")",     "(",        "|",      "^",    "$",   "\\b",   "\\x61", "*?",    "\\1",
        "\\.",   "(?P<x>a)", "(?P=x)", "[]a]", "{",   "}",     "(?=a)", "(?!b)", "\\D"};
    unsigned seed =
        getenv("SEED") ? (unsigned)strtoul(getenv("SEED"), NULL, 10) : (unsigned)time(NULL);
    print_message("# seed %u\n", seed);
    srand(seed);
    unsigned matched = 0, told = 0;
    for (unsigned round = 0; round < 60000; round++) {
        char text[128] = "";
        size_t n = 0;
        for (unsigned k = 1 + (unsigned)rand() % 8; k; k--)
            n += (size_t)snprintf(text + n, sizeof(text) - n, "%s",
                                  part[(size_t)rand() % ARRAY_LEN(part)]);
        uint32_t options = (rand() & 1 ? PCRE2_CASELESS : 0) | (rand() & 1 ? PCRE2_DOTALL : 0);
        int err;
        PCRE2_SIZE at;
        pcre2_code *code = pcre2_compile((PCRE2_SPTR)text, n, options, &err, &at, NULL);
        if (!code)
            continue;
        struct regex_need need;
        uint8_t *exact = malloc(n);
        memcpy(exact, text, n);
        bool known = regex_needs(str_of(exact, n), options, &need);
        free(exact);
        pcre2_match_data *m = pcre2_match_data_create(1, NULL);
        for (unsigned t = 0; known && t < 20; t++) {
            uint8_t subject[12];
            uint32_t len = (uint32_t)rand() % sizeof(subject);
            for (uint32_t k = 0; k < len; k++)
                subject[k] = (uint8_t) "aAbB12 \n."[rand() % 9];
            if (pcre2_match(code, subject, len, 0, 0, m, NULL) < 0)
                continue;
            matched++;
            told += need.n > 1;
            uint32_t one = need.pair & 0xffff, two = need.pair >> 16;
            bool ok = !need.n || find_bytes(subject, len, need.literal, need.n, need.nocase);
            ok = ok && (need.pair == PAIRS_NONE ||
                        (has_pair(subject, len, one) && has_pair(subject, len, two)));
            if (!ok)
                fail_msg("seed %u: /%s/ matches '%.*s' without what it needs: '%.*s'", seed, text,
                         (int)len, (const char *)subject, (int)need.n, (const char *)need.literal);
        }
        pcre2_match_data_free(m);
        pcre2_code_free(code);
    }
    assert_true(matched > 1000 && told > 100);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {cmocka_unit_test(table), cmocka_unit_test(property)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
