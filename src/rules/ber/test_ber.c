/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ber_data and ber_skip: where the cursor stands behind them. */
#include "rules/rules_test.h"

#include <stdlib.h>

static int after(const char *name, uint8_t type, bool optional, const char *bytes, uint32_t n,
                 uint32_t from)
{
    const struct key_word *w;
    unsigned at = 0;
    while ((w = key_word_next(&at)) && strcmp(w->kw.name, name))
        ;
    assert_non_null(w);
    uint8_t b[8] = {!strcmp(name, "ber_skip"), optional, type};
    uint8_t *exact = malloc(n ? n : 1);
    assert_non_null(exact);
    memcpy(exact, bytes, n);
    struct key_look l = {.b = b, .in = str_of(exact, n), .cursor = &from};
    bool holds = w->def.holds(&l);
    free(exact);
    return holds ? (int)from : -1;
}

static void cursors(void **state)
{
    (void)state;
    static const struct {
        const char *name, *bytes;
        uint32_t n, from;
        int to;
        uint8_t type;
        bool optional;
    } t[] = {
        {"ber_data", "\x30\x02\x01\x02", 4, 0, 2, 0x30, false},
        {"ber_skip", "\x30\x02\x01\x02", 4, 0, 4, 0x30, false},
        {"ber_skip", "\x30\x02\x01\x02", 4, 0, -1, 0x04, false},
        {"ber_skip", "\x30\x02\x01\x02", 4, 0, 0, 0x04, true},
        {"ber_data", "\x30\x02\x01\x02", 4, 0, -1, 0x04, false},
        {"ber_data", "x\x30\x02\x01\x02", 5, 1, 3, 0x30, false},
        {"ber_data", "\x30\x05\x01\x02", 4, 0, 2, 0x30, false}, /* the content may be cut */
        {"ber_skip", "\x30\x05\x01\x02", 4, 0, -1, 0x30, false},
        {"ber_skip", "\x30\x05\x01\x02", 4, 0, -1, 0x30, true},
        {"ber_skip", "\x30\x81\x02\x01\x02!", 6, 0, 5, 0x30, false},
        {"ber_data", "\x30\x84\x00\x00\x01\x00", 6, 0, 6, 0x30, false},
        {"ber_data", "\x30\x84\xff\xff\xff\xff", 6, 0, 6, 0x30, false},
        {"ber_skip", "\x30\x84\xff\xff\xff\xff", 6, 0, -1, 0x30, false},
        {"ber_data", "\x30\x85\x00\x00\x00\x00\x01", 7, 0, -1, 0x30, false},
        {"ber_data", "\x30\x80\x00\x00", 4, 0, -1, 0x30, false},
        {"ber_data", "\x30\x82\x01", 3, 0, -1, 0x30, false},
        {"ber_data", "\x30", 1, 0, -1, 0x30, false},
        {"ber_data", "", 0, 0, -1, 0x30, false},
        {"ber_skip", "\x30\x00", 2, 2, -1, 0x30, false},
        {"ber_skip", "\x30\x00", 2, 3, -1, 0x30, true},
    };
    for (size_t k = 0; k < ARRAY_LEN(t); k++) {
        int to = after(t[k].name, t[k].type, t[k].optional, t[k].bytes, t[k].n, t[k].from);
        if (to != t[k].to)
            fail_msg("row %zu (%s): %d, not %d", k, t[k].name, to, t[k].to);
    }
}

static void values(void **state)
{
    (void)state;
    static const struct rule_case t[] = {
        {DIALECT_SNORT3, NULL, "content:\"a\"; ber_data:0x30;", "goes into the BER element 0x30"},
        {DIALECT_SNORT3, NULL, "content:\"a\"; ber_skip:4,optional;",
         "goes behind the BER element 4,optional"},
        {DIALECT_SNORT3, NULL, "ber_data:0x30,optional;", "!unknown word 'optional'"},
        {DIALECT_SNORT3, NULL, "ber_skip:0x30,other;", "!unknown word 'other'"},
        {DIALECT_SNORT3, NULL, "ber_data:256;", "!no type of an element"},
    };
    CASES_RUN(t);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {cmocka_unit_test(cursors), cmocka_unit_test(values)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
