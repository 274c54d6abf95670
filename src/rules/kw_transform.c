/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Transforms of a sticky buffer, and whether their arguments can be taken. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "rules/kw.h"

#include <pcre2.h>

/* An even number of hex digits. */
static bool key_fits(struct parse *p, struct str v)
{
    uint32_t n = 0;
    while (n < v.n && ((v.p[n] >= '0' && v.p[n] <= '9') ||
                       ((v.p[n] | 0x20) >= 'a' && (v.p[n] | 0x20) <= 'f')))
        n++;
    return (n == v.n && n && n % 2 == 0) ||
           bad(p, "xor:\"0d0ac8ff\": two hex digits a byte", "the key of xor is not hex");
}

/* It compiles, and has the one group whose bytes go on. */
static bool expression_fits(struct parse *p, struct str v)
{
    int error;
    PCRE2_SIZE at;
    uint32_t groups = 0;
    pcre2_code *code = pcre2_compile(v.p, v.n, 0, &error, &at, NULL);
    if (!code)
        return bad(p, NULL, "the regular expression is wrong at byte %zu", (size_t)at);
    pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &groups);
    pcre2_code_free(code);
    return groups == 1 || bad(p, "put what shall go on into one pair of parentheses",
                              "the expression has %u groups, not one", groups);
}

/* "offset 6, bytes 4, mode rfc2045", "max-size 1024"; the value follows a blank or a colon. */
static bool words_fit(struct parse *p, const struct keyword *k, struct str v)
{
    static const struct {
        const char *word;
        bool base64;
    } t[] = {{"offset", true}, {"bytes", true}, {"mode", true}, {"max-size", false}};
    unsigned seen = 0;
    while (v.n) {
        struct str part = list_next(&v, ','), value;
        struct str word = str_trim(str_split(part, ':', &value));
        if (!value.n) {
            value = part;
            word = word_next(&value);
        }
        value = str_trim(value);
        uint64_t n;
        unsigned i = 0;
        while (i < ARRAY_LEN(t) &&
               (!str_eq(word, str_cstr(t[i].word)) || t[i].base64 != (k->extra == XFORM_FROM_BASE64)))
            i++;
        if (i == ARRAY_LEN(t) || (seen >> i & 1))
            return bad(p, NULL, "'" STR_FMT "' of %s is not known, or stands twice", STR_ARG(part),
                       k->name);
        seen |= 1u << i;
        bool fits = str_eq(word, STR("mode"))
                        ? str_eq(value, STR("rfc4648")) || str_eq(value, STR("rfc2045")) ||
                              str_eq(value, STR("strict"))
                        : str_u64(value, &n) && n <= (str_eq(word, STR("max-size")) ? UINT32_MAX : UINT16_MAX);
        if (!fits)
            return bad(p, "a number up to 65535; mode: rfc4648, rfc2045, strict",
                       "'" STR_FMT "' is no value of " STR_FMT, STR_ARG(value), STR_ARG(word));
    }
    return true;
}

static bool transform_value(struct parse *p, const struct keyword *k, struct str v, struct str *arg)
{
    *arg = (struct str){0};
    switch (k->extra) {
    case XFORM_XOR:
    case XFORM_PCREXFORM:
        if (!value_unquote(&v) || !v.n)
            return bad(p, NULL, "%s needs a value in quotes", k->name);
        if (k->extra == XFORM_XOR ? !key_fits(p, v) : !expression_fits(p, v))
            return false;
        break;
    case XFORM_FROM_BASE64:
    case XFORM_GUNZIP:
    case XFORM_INFLATE:
        value_unquote(&v);
        if (!words_fit(p, k, v))
            return false;
        break;
    default:
        return !v.n || bad(p, NULL, "%s takes no value", k->name);
    }
    *arg = keep(p, v);
    return !p->failed;
}

bool kw_transform(struct parse *p, const struct keyword *k, struct str v)
{
    struct str arg;
    if (!p->sticky)
        return bad(p, "it stands behind a sticky buffer", "%s has no sticky buffer before it",
                   k->name);
    if (!transform_value(p, k, v, &arg))
        return false;
    struct rule_where w = p->c->where[p->where];
    if (w.n_xform == RULE_XFORMS)
        return bad(p, NULL, "more than %d transforms of one buffer", RULE_XFORMS);
    w.xform[w.n_xform] = (uint8_t)k->extra;
    w.arg[w.n_xform++] = arg;
    int32_t at = where_add(p, &w);
    if (at < 0)
        return false;
    p->where = (uint16_t)at; /* tests before it stay with what it was */
    p->sticky_open = true;
    return true;
}
