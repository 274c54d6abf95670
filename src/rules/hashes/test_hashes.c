/* SPDX-License-Identifier: GPL-2.0-or-later */
/* md5, sha256, sha512: which piece is hashed, values that are refused. */
#include "rules/rules_test.h"

#include <stdlib.h>

#define MD5_ABC "900150983cd24fb0d6963f7d28e17f72" /* RFC 1321 A.5 */
#define SHA256_ABC                                                                                 \
    "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad" /* FIPS 180-4 */
#define SHA512_ABC                                                                                 \
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"                             \
    "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f"

static const struct {
    const char *option;
    const char *refusal; /* NULL: it loads */
} values[] = {
    {"md5:\"" MD5_ABC "\",length 3", NULL},
    {"md5:\"900150983CD24FB0D6963F7D28E17F72\", length 3, offset 4", NULL},
    {"md5:!\"" MD5_ABC "\",length 3,offset -4,relative", NULL},
    {"sha256:\"" SHA256_ABC "\",length 3", NULL},
    {"sha512:! \"" SHA512_ABC "\",length 65535", NULL},
    {"md5:\"" MD5_ABC "\"", "no length"},
    {"md5:\"" MD5_ABC "\",length 0", "no length"},
    {"md5:\"" MD5_ABC "\",length 65536", "no length"},
    {"md5:\"" MD5_ABC "\",length 3,offset -1", "from the last match"},
    {"md5:\"" MD5_ABC "\",length 3,offset name", "no offset"},
    {"md5:\"" MD5_ABC "\",length 3,width 8", "unknown word"},
    {"md5:" MD5_ABC ",length 3", "quotes"},
    {"md5:\"" SHA256_ABC "\",length 3", "32 hex digits, not 64"},
    {"md5:\"9001509-3cd24fb0d6963f7d28e17f72\",length 3", "no hash"},
    {"sha512:\"\",length 3", "128 hex digits"},
    {"sha256", "value"},
};
static void values_test(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(values); i++) {
        char text[400];
        (void)snprintf(text, sizeof text, "alert tcp any any -> any any (pkt_data; %s; sid:1;)\n",
                       values[i].option);
        struct rule_set *s = rules_of(text, DIALECT_SNORT3, NULL, 1);
        if (s->n_rules != !values[i].refusal)
            fail_msg("%s", values[i].option);
        if (values[i].refusal && !strstr(s->refusals[0].reason, values[i].refusal))
            fail_msg("%s: %s", values[i].option, s->refusals[0].reason);
        rules_free(s);
    }
}

/* The first key of a rule with the option, asked about a buffer. */
static bool holds(const char *option, const char *buffer, uint32_t *cursor)
{
    char text[400];
    (void)snprintf(text, sizeof text, "alert tcp any any -> any any (pkt_data; %s; sid:1;)\n",
                   option);
    struct rule_set *s = rules_of(text, DIALECT_SNORT3, NULL, 1);
    assert_int_equal(s->n_rules, 1);
    const struct rule_key *k = NULL;
    for (unsigned i = 0; i < s->rules[0]->n_tests; i++)
        if (s->rules[0]->tests[i].kind == TEST_KEY_BUFFER)
            k = &s->rules[0]->tests[i].u.key;
    assert_non_null(k);
    size_t n = strlen(buffer);
    uint8_t *exact = malloc(n ? n : 1);
    assert_non_null(exact);
    memcpy(exact, buffer, n);
    struct key_look l = {.b = k->b, .n = k->n, .in = str_of(exact, (uint32_t)n), .cursor = cursor};
    l.text[0] = k->text[0];
    bool yes = rule_key_def(k->key)->holds(&l);
    free(exact);
    rules_free(s);
    return yes;
}

static const struct {
    const char *option, *buffer;
    uint32_t from, to; /* the cursor */
    bool holds;
} looks[] = {
    {"md5:\"" MD5_ABC "\",length 3", "abc", 0, 3, true},
    {"md5:\"" MD5_ABC "\",length 3", "abcd", 4, 3, true},
    {"md5:\"" MD5_ABC "\",length 3", "ab", 0, 0, false},
    {"md5:\"" MD5_ABC "\",length 3", "xabc", 0, 0, false},
    {"md5:\"" MD5_ABC "\",length 3,offset 1", "xabc", 0, 4, true},
    {"md5:\"" MD5_ABC "\",length 3,offset 2", "xabc", 0, 0, false},
    {"md5:\"" MD5_ABC "\",length 3,relative", "xabc", 1, 4, true},
    {"md5:\"" MD5_ABC "\",length 3,relative", "xabc", 2, 2, false},
    {"md5:\"" MD5_ABC "\",length 3,offset 1,relative", "xyabc", 1, 5, true},
    {"md5:\"" MD5_ABC "\",length 3,offset -2,relative", "xabc", 3, 4, true},
    {"md5:\"" MD5_ABC "\",length 3,offset -9,relative", "xabc", 3, 3, false},
    {"md5:!\"" MD5_ABC "\",length 3", "abc", 1, 1, false},
    {"md5:!\"" MD5_ABC "\",length 3", "abd", 1, 1, true},
    {"md5:!\"" MD5_ABC "\",length 3", "ab", 1, 1, true},
    {"sha256:\"" SHA256_ABC "\",length 3", "abc", 0, 3, true},
    {"sha512:\"" SHA512_ABC "\",length 3", "abcabc", 0, 3, true},
    {"sha512:\"" SHA512_ABC "\",length 4", "abcabc", 0, 0, false},
    {"sha512:\"" SHA512_ABC "\",length 3", "", 0, 0, false},
};
static void pieces(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(looks); i++) {
        uint32_t cursor = looks[i].from;
        if (holds(looks[i].option, looks[i].buffer, &cursor) != looks[i].holds)
            fail_msg("%s in \"%s\" from %u", looks[i].option, looks[i].buffer, looks[i].from);
        if (cursor != looks[i].to)
            fail_msg("%s in \"%s\": cursor %u", looks[i].option, looks[i].buffer, cursor);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(values_test), cmocka_unit_test(pieces)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
