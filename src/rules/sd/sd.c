/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Snort 3's sd_pattern: so many numbers of one kind stand in the buffer.
 *
 * FORM: "KIND"[, threshold N].  Kinds are small readers over digits and signs, not expressions; each wants that neither
 * a digit nor a letter stands at its ends.  Expressions of one's own are refused.
 *
 * Cards: ISO/IEC 7812 (check digit of Luhn) with the lengths and first digits of four issuers; social security numbers:
 * 42 USC 405 as the SSA assigns them (no 000, 666, 9xx; no 00; no 0000); telephones: the North American plan.
 */
#include "rules/kw.h"

#include <string.h>

/* The length of one that begins at s; 0: none does. */
typedef uint32_t kind_fn(struct str s);

static bool digit(uint8_t c)
{
    return c >= '0' && c <= '9';
}
static bool letter(uint8_t c)
{
    return (c | 0x20) >= 'a' && (c | 0x20) <= 'z';
}
static bool in_word(uint8_t c)
{
    return digit(c) || letter(c);
}

/* Groups of digits, `form` like "4-4-4-4": '-' is a blank or a dash, the same all over, or nothing between all of them. */
static uint32_t groups(struct str s, const char *form, bool must_part, uint8_t *out)
{
    uint32_t at = 0, n = 0;
    int part = -1; /* not yet known */
    for (; *form; form++) {
        if (*form == '-') {
            uint8_t c = at < s.n ? s.p[at] : 0;
            bool parted = c == ' ' || c == '-';
            if (part < 0)
                part = parted ? c : 0;
            if (part && c != part)
                return 0;
            at += part != 0;
            continue;
        }
        for (int k = *form - '0'; k; k--, at++) {
            if (at >= s.n || !digit(s.p[at]))
                return 0;
            out[n++] = (uint8_t)(s.p[at] - '0');
        }
    }
    return must_part && part <= 0 ? 0 : at;
}
static unsigned number(const uint8_t *d, unsigned n)
{
    unsigned v = 0;
    while (n--)
        v = v * 10 + *d++;
    return v;
}

static bool luhn(const uint8_t *d, unsigned n)
{
    unsigned sum = 0;
    for (unsigned i = 0; i < n; i++) {
        unsigned v = d[n - 1 - i] * (1 + (i & 1));
        sum += v > 9 ? v - 9 : v;
    }
    return sum % 10 == 0;
}
static uint32_t credit_card(struct str s)
{
    static const struct {
        uint16_t low, high; /* of the first four digits */
        const char *form;
    } issuers[] = {{3400, 3499, "4-6-5"},   {3700, 3799, "4-6-5"},   {4000, 4999, "4-4-4-4"}, {5100, 5599, "4-4-4-4"},
                   {2221, 2720, "4-4-4-4"}, {6011, 6011, "4-4-4-4"}, {6440, 6599, "4-4-4-4"}};
    uint8_t d[16];
    for (unsigned i = 0; i < ARRAY_LEN(issuers); i++) {
        uint32_t n = groups(s, issuers[i].form, false, d);
        unsigned digits = issuers[i].form[2] == '6' ? 15 : 16, first = n ? number(d, 4) : 0;
        if (n && first >= issuers[i].low && first <= issuers[i].high && luhn(d, digits))
            return n;
    }
    return 0;
}

static uint32_t social(struct str s, bool parted)
{
    uint8_t d[9];
    uint32_t n = parted ? groups(s, "3-2-4", true, d) : groups(s, "9", false, d);
    if (!n)
        return 0;
    unsigned area = number(d, 3);
    return area && area != 666 && area < 900 && number(d + 3, 2) && number(d + 5, 4) ? n : 0;
}
static uint32_t us_social(struct str s)
{
    return social(s, true);
}
static uint32_t us_social_nodashes(struct str s)
{
    return social(s, false);
}

/* 212-555-0123, (212) 555-0123: area and exchange begin with 2 to 9. */
static uint32_t us_phone(struct str s)
{
    uint8_t d[10];
    uint32_t bracket = 0, n;
    if (s.n > 5 && s.p[0] == '(' && s.p[4] == ')') {
        bracket = 5 + (s.p[5] == ' ');
        if (groups(str_skip(s, 1), "3", false, d) != 3)
            return 0;
        n = groups(str_skip(s, bracket), "3-4", true, d + 3);
    } else {
        n = groups(s, "3-3-4", true, d);
    }
    return n && d[0] > 1 && d[3] > 1 ? bracket + n : 0;
}

static uint32_t email(struct str s)
{
    enum { LOCAL_MAX = 64, DOMAIN_MAX = 255 };
    uint32_t at = 0, dot = 0;
    while (at < s.n && at <= LOCAL_MAX && (in_word(s.p[at]) || (at && memchr("._%+-", s.p[at], 5))))
        at++;
    if (!at || at > LOCAL_MAX || at >= s.n || s.p[at++] != '@')
        return 0;
    uint32_t from = at, end = 0;
    for (; at < s.n && at - from < DOMAIN_MAX && (in_word(s.p[at]) || s.p[at] == '-' || s.p[at] == '.'); at++) {
        if (s.p[at] == '.' && (at == from || s.p[at - 1] == '.'))
            break;
        if (s.p[at] == '.')
            dot = at;
        if (dot && at >= dot + 2 && letter(s.p[at]) && letter(s.p[at - 1]))
            end = at + 1;
    }
    return end;
}

static const struct {
    const char *name;
    kind_fn *fn;
    bool letters; /* it may begin with one */
} kinds[] = {{"credit_card", credit_card, false},
             {"us_social", us_social, false},
             {"us_social_nodashes", us_social_nodashes, false},
             {"us_phone", us_phone, false},
             {"email", email, true}};

enum { KIND };      /* in b */
enum { THRESHOLD }; /* in n */

static bool sd_parse(struct parse *p, struct rule_key *k, struct str v)
{
    struct str name = str_trim(list_next(&v, ',')), word;
    (void)value_unquote(&name);
    unsigned i = 0;
    while (i < ARRAY_LEN(kinds) && !str_eq(name, str_cstr(kinds[i].name)))
        i++;
    if (i == ARRAY_LEN(kinds))
        return bad(p, "credit_card, us_social, us_social_nodashes, us_phone, email",
                   "'" STR_FMT "' is none of the kinds of data", STR_ARG(name));
    k->b[KIND] = (uint8_t)i;
    k->n[THRESHOLD] = 1;
    v = str_trim(v);
    if (!v.n)
        return true;
    word = word_next(&v);
    if (!str_eq(word, STR("threshold")) || !str_u64(str_trim(v), &k->n[THRESHOLD]) || !k->n[THRESHOLD] ||
        k->n[THRESHOLD] > UINT32_MAX)
        return bad(p, NULL, "threshold N, from 1 on");
    return true;
}

static bool sd_holds(const struct key_look *l)
{
    kind_fn *fn = kinds[l->b[KIND]].fn;
    bool letters = kinds[l->b[KIND]].letters;
    uint64_t found = 0;
    for (uint32_t at = 0; at < l->in.n;) {
        uint8_t c = l->in.p[at];
        bool first = !at || c == '(' || !in_word(l->in.p[at - 1]);
        bool may = first && (digit(c) || c == '(' || (letters && letter(c)));
        uint32_t n = may ? fn(str_skip(l->in, at)) : 0;
        if (n && at + n < l->in.n && in_word(l->in.p[at + n]))
            n = 0;
        found += n != 0;
        if (found == l->n[THRESHOLD])
            return true;
        at += n ? n : 1;
    }
    return false;
}

static const struct key_word sd_pattern = {
    .kw = {.name = "sd_pattern",
           .dialects = D_S3,
           .flags = KW_VALUE,
           .parse = key_option,
           .arg = "\"credit_card|us_social|us_social_nodashes|us_phone|email\"[, threshold N]",
           .help = "so many numbers of that kind stand in the buffer"},
    .def = {.words = "holds sensitive data", .place = KEY_OF_BUFFER, .holds = sd_holds},
    .parse = sd_parse,
};
extern const struct key_word *const keys_sd[];
const struct key_word *const keys_sd[] = {&sd_pattern, NULL};
