/* SPDX-License-Identifier: GPL-2.0-or-later */
/* sd_pattern: what counts as one of each kind, thresholds, values that are refused. */
#include "rules/rules_test.h"

#include <stdlib.h>

static const struct key_def *def(void)
{
    const struct key_word *w;
    unsigned at = 0;
    while ((w = key_word_next(&at)) && strcmp(w->kw.name, "sd_pattern"))
        ;
    assert_non_null(w);
    return &w->def;
}
static bool holds(uint8_t kind, uint64_t threshold, const char *text, size_t n)
{
    uint8_t b[8] = {kind};
    uint64_t number[KEY_NUMBERS] = {threshold};
    uint8_t *exact = malloc(n ? n : 1);
    uint32_t cursor = 0;
    assert_non_null(exact);
    if (n)
        memcpy(exact, text, n);
    struct key_look l = {.b = b, .n = number, .in = str_of(exact, (uint32_t)n), .cursor = &cursor};
    bool yes = def()->holds(&l);
    free(exact);
    return yes;
}

enum { CARD, SOCIAL, NODASHES, PHONE, EMAIL };
static const struct {
    uint8_t kind;
    const char *text;
    unsigned n; /* so many are found */
} texts[] = {
    {CARD, "4111111111111111", 1},
    {CARD, "x 4111-1111-1111-1111.", 1},
    {CARD, "4111 1111 1111 1111", 1},
    {CARD, "4111 1111-1111 1111", 0},
    {CARD, "4111111111111112", 0}, /* check digit */
    {CARD, "14111111111111111", 0},
    {CARD, "41111111111111111", 0},
    {CARD, "a4111111111111111", 0},
    {CARD, "378282246310005", 1},
    {CARD, "3782 822463 10005", 1},
    {CARD, "6011111111111117 5555555555554444,2223003122003222", 3},
    {CARD, "1234567890123452", 0}, /* nobody's */
    {CARD, "411111111111111", 0},
    {SOCIAL, "123-45-6789", 1},
    {SOCIAL, "123 45 6789", 1},
    {SOCIAL, "123-45 6789", 0},
    {SOCIAL, "123456789", 0},
    {SOCIAL, "000-45-6789 666-45-6789 900-45-6789 123-00-6789 123-45-0000", 0},
    {SOCIAL, "123-45-6789 123-45-67890 899-01-0001", 2},
    {NODASHES, "123456789", 1},
    {NODASHES, "1234567890", 0},
    {NODASHES, "666456789", 0},
    {PHONE, "212-555-0123 (212) 555-0123 (212)555-0123 212 555 0123", 4},
    {PHONE, "2125550123 112-555-0123 212-155-0123 (212 555-0123", 0},
    {PHONE, "x(212) 555-0123", 1},
    {EMAIL, "a@b.de", 1},
    {EMAIL, "<first.last+tag@mail.example.com>, x@y", 1},
    {EMAIL, "a@b a@.de @b.de a@b..de a@b.1", 0},
    {EMAIL, "", 0},
};
static void kinds_test(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
        size_t n = strlen(texts[i].text);
        if (texts[i].n && !holds(texts[i].kind, texts[i].n, texts[i].text, n))
            fail_msg("%s: fewer than %u", texts[i].text, texts[i].n);
        if (holds(texts[i].kind, texts[i].n + 1, texts[i].text, n))
            fail_msg("%s: more than %u", texts[i].text, texts[i].n);
        for (size_t cut = 0; cut < n; cut++) /* never beyond the end */
            (void)holds(texts[i].kind, 1000, texts[i].text, cut);
    }
}

static const struct {
    const char *option;
    bool loads;
} values[] = {
    {"sd_pattern:\"credit_card\", threshold 2", true}, {"sd_pattern:\"email\"", true},
    {"sd_pattern:us_phone,threshold 20", true},        {"sd_pattern:\"\\d{5}\"", false},
    {"sd_pattern:\"email\", threshold 0", false},      {"sd_pattern:\"email\", threshold", false},
    {"sd_pattern:\"email\", 2", false},                {"sd_pattern", false},
};
static void values_test(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        char text[200];
        (void)snprintf(text, sizeof text, "alert tcp any any -> any any (pkt_data; %s; sid:1;)\n", values[i].option);
        struct rule_set *s = rules_of(text, DIALECT_SNORT3, NULL, 1);
        if (s->n_rules != values[i].loads)
            fail_msg("%s", values[i].option);
        rules_free(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(kinds_test), cmocka_unit_test(values_test)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
