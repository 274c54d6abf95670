/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ber_data, ber_skip (Snort 3): an element of BER (X.690 8.1) stands at the cursor.
 *
 * ber_data:TYPE goes to the element's content; ber_skip:TYPE[,optional] goes behind it, and with
 * `optional` stays where it is when another one stands there.  TYPE is the identifier's octet; the
 * length is definite, of four octets at most.
 */
#include "rules/kw.h"

enum { SKIP, OPTIONAL, TYPE }; /* in key.b */

static bool ber_parse(struct parse *p, struct rule_key *k, struct str v, bool skip)
{
    struct str type = list_next(&v, ','), word = str_trim(v);
    uint64_t n;
    if (!str_u64(type, &n) || n > UINT8_MAX)
        return bad(p, NULL, "'" STR_FMT "' is no type of an element", STR_ARG(type));
    k->b[SKIP] = skip;
    k->b[TYPE] = (uint8_t)n;
    k->b[OPTIONAL] = word.n > 0;
    return !word.n || (skip && str_eq(word, STR("optional"))) ||
           bad(p, NULL, "unknown word '" STR_FMT "'", STR_ARG(word));
}

static bool data_parse(struct parse *p, struct rule_key *k, struct str v)
{
    return ber_parse(p, k, v, false);
}
static bool skip_parse(struct parse *p, struct rule_key *k, struct str v)
{
    return ber_parse(p, k, v, true);
}

/* An element's head at the start of s: bytes of it and of its content; false: there is none of that
 * type. */
static bool element(struct str s, uint8_t type, uint32_t *head, uint32_t *n)
{
    enum { HEAD = 2, LONG = 0x80, OCTETS = 4 };
    if (s.n < HEAD || s.p[0] != type)
        return false;
    uint32_t octets = s.p[1] & LONG ? s.p[1] & ~(unsigned)LONG : 0;
    *head = HEAD + octets;
    *n = s.p[1] & LONG ? 0 : s.p[1];
    if (octets > OCTETS || *head > s.n || s.p[1] == LONG)
        return false;
    for (uint32_t k = 0; k < octets; k++)
        *n = *n << 8 | s.p[HEAD + k];
    return true;
}

static bool ber_holds(const struct key_look *l)
{
    uint32_t from = *l->cursor, head, n;
    if (from > l->in.n)
        return false;
    struct str s = str_skip(l->in, from);
    if (!element(s, l->b[TYPE], &head, &n))
        return l->b[OPTIONAL] != 0;
    if (l->b[SKIP] && n > s.n - head)
        return false;
    *l->cursor = from + head + (l->b[SKIP] ? n : 0);
    return true;
}

static const struct key_word ber_data = {
    .kw = {.name = "ber_data",
           .dialects = D_S3,
           .flags = KW_VALUE,
           .parse = key_option,
           .arg = "type",
           .help = "go to the content of the BER element of this type"},
    .def = {.words = "goes into the BER element",
            .place = KEY_OF_BUFFER,
            .moves = true,
            .holds = ber_holds},
    .parse = data_parse,
};
static const struct key_word ber_skip = {
    .kw = {.name = "ber_skip",
           .dialects = D_S3,
           .flags = KW_VALUE,
           .parse = key_option,
           .arg = "type[,optional]",
           .help = "go behind the BER element of this type"},
    .def = {.words = "goes behind the BER element",
            .place = KEY_OF_BUFFER,
            .moves = true,
            .holds = ber_holds},
    .parse = skip_parse,
};
extern const struct key_word *const keys_ber[];
const struct key_word *const keys_ber[] = {&ber_data, &ber_skip, NULL};
