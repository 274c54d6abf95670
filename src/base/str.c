/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Strings as pointer and length. */
#include "base/str.h"

#include <string.h>

static inline uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

static bool same_nocase(const uint8_t *a, const uint8_t *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (lower(a[i]) != lower(b[i]))
            return false;
    return true;
}

struct str str_cstr(const char *s)
{
    return s ? str_of(s, strlen(s)) : (struct str){(const uint8_t *)"", 0};
}

bool str_eq(struct str a, struct str b)
{
    return a.n == b.n && (!a.n || !memcmp(a.p, b.p, a.n));
}

bool str_ieq(struct str a, struct str b)
{
    return a.n == b.n && same_nocase(a.p, b.p, a.n);
}

bool str_starts(struct str s, struct str prefix)
{
    return s.n >= prefix.n && (!prefix.n || !memcmp(s.p, prefix.p, prefix.n));
}

bool str_istarts(struct str s, struct str prefix)
{
    return s.n >= prefix.n && same_nocase(s.p, prefix.p, prefix.n);
}

bool str_ends(struct str s, struct str suffix)
{
    return s.n >= suffix.n && (!suffix.n || !memcmp(s.p + (s.n - suffix.n), suffix.p, suffix.n));
}

int str_cmp(struct str a, struct str b)
{
    uint32_t n = a.n < b.n ? a.n : b.n;
    int d = n ? memcmp(a.p, b.p, n) : 0;
    return d ? d : (a.n > b.n) - (a.n < b.n);
}

int64_t str_find(struct str s, struct str what)
{
    if (!what.n)
        return 0;
    const uint8_t *at = s.n ? memmem(s.p, s.n, what.p, what.n) : NULL;
    return at ? at - s.p : -1;
}

int64_t str_ifind(struct str s, struct str what)
{
    for (uint32_t i = 0; what.n <= s.n && i <= s.n - what.n; i++)
        if (same_nocase(s.p + i, what.p, what.n))
            return i;
    return -1;
}

int64_t str_chr(struct str s, uint8_t c)
{
    const uint8_t *at = s.n ? memchr(s.p, c, s.n) : NULL;
    return at ? at - s.p : -1;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str str_trim(struct str s)
{
    while (s.n && is_blank(s.p[0])) {
        s.p++;
        s.n--;
    }
    while (s.n && is_blank(s.p[s.n - 1]))
        s.n--;
    return s;
}

struct str str_skip(struct str s, uint32_t n)
{
    if (n > s.n)
        n = s.n;
    return n ? (struct str){s.p + n, s.n - n} : s;
}

struct str str_first(struct str s, uint32_t n)
{
    return (struct str){s.p, s.n < n ? s.n : n};
}

struct str str_split(struct str s, uint8_t sep, struct str *rest)
{
    int64_t at = str_chr(s, sep);
    if (at < 0) {
        *rest = str_skip(s, s.n);
        return s;
    }
    *rest = str_skip(s, (uint32_t)at + 1);
    return str_first(s, (uint32_t)at);
}

static unsigned digit_of(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c = lower(c);
    return c >= 'a' && c <= 'f' ? c - 'a' + 10u : 99u;
}

bool str_u64_base(struct str s, unsigned base, uint64_t *out)
{
    uint64_t v = 0;
    if (!s.n)
        return false;
    for (uint32_t i = 0; i < s.n; i++) {
        unsigned d = digit_of(s.p[i]);
        if (d >= base || __builtin_mul_overflow(v, base, &v) || __builtin_add_overflow(v, d, &v))
            return false;
    }
    *out = v;
    return true;
}

bool str_u64(struct str s, uint64_t *out)
{
    if (str_istarts(s, STR("0x")))
        return str_u64_base(str_skip(s, 2), 16, out);
    return str_u64_base(s, 10, out);
}

bool str_i64(struct str s, int64_t *out)
{
    bool minus = s.n && s.p[0] == '-';
    if (s.n && (s.p[0] == '-' || s.p[0] == '+'))
        s = str_skip(s, 1);
    uint64_t v;
    if (!str_u64(s, &v) || v > (uint64_t)INT64_MAX + minus)
        return false;
    *out = minus ? (int64_t)(0 - v) : (int64_t)v;
    return true;
}

/* Shift of a unit's name, or -1. */
static int unit_shift(struct str u)
{
    static const struct {
        char letter;
        int shift;
    } units[] = {{'k', 10}, {'m', 20}, {'g', 30}, {'t', 40}};
    if (!u.n || str_ieq(u, STR("b")))
        return 0;
    for (size_t i = 0; i < ARRAY_LEN(units); i++) {
        if (lower(u.p[0]) != (uint8_t)units[i].letter)
            continue;
        struct str rest = str_skip(u, 1);
        if (!rest.n || str_ieq(rest, STR("b")) || str_ieq(rest, STR("ib")))
            return units[i].shift;
    }
    return -1;
}

bool str_size(struct str s, uint64_t *bytes)
{
    s = str_trim(s);
    uint32_t n = 0;
    while (n < s.n && ((s.p[n] >= '0' && s.p[n] <= '9') || s.p[n] == '.'))
        n++;
    struct str frac, whole = str_split(str_first(s, n), '.', &frac);
    bool dot = str_chr(str_first(s, n), '.') >= 0;
    int shift = unit_shift(str_trim(str_skip(s, n)));
    uint64_t v, f = 0, tens = 1;
    if (shift < 0 || !str_u64_base(whole, 10, &v) || v > UINT64_MAX >> shift)
        return false;
    if (dot && (frac.n > 6 || !str_u64_base(frac, 10, &f)))
        return false;
    for (uint32_t i = 0; i < frac.n; i++)
        tens *= 10;
    v <<= shift;
    /* f < 10^6 and shift <= 40: no overflow in the product. */
    return !__builtin_add_overflow(v, (f << shift) / tens, bytes);
}

bool str_span(struct str s, uint64_t *ns)
{
    enum { SPAN_MOST_S = 10 * 366 * 86400 };
    static const struct {
        char unit;
        uint32_t s;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 7 * 86400}};
    uint64_t n, unit = 1;
    for (size_t k = 0; s.n && k < sizeof(units) / sizeof(*units); k++)
        if (s.p[s.n - 1] == units[k].unit) {
            unit = units[k].s;
            s.n--;
            break;
        }
    if (!str_u64(s, &n) || !n || n > SPAN_MOST_S / unit)
        return false;
    *ns = n * unit * 1000000000u;
    return true;
}
