/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JSON read in place: a checking pass over a value, then views. */
#include "base/jread.h"

#include <string.h>

struct scan {
    const uint8_t *p, *end;
};

static void blanks(struct scan *s)
{
    while (s->p < s->end && (*s->p == ' ' || *s->p == '\t' || *s->p == '\n' || *s->p == '\r'))
        s->p++;
}

static bool take(struct scan *s, uint8_t c)
{
    if (s->p == s->end || *s->p != c)
        return false;
    s->p++;
    return true;
}

static int hex_digit(uint8_t c)
{
    return c >= '0' && c <= '9'                 ? c - '0'
           : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10
                                                : -1;
}

static bool string(struct scan *s)
{
    if (!take(s, '"'))
        return false;
    while (s->p < s->end) {
        uint8_t c = *s->p++;
        if (c == '"')
            return true;
        if (c < 32)
            return false;
        if (c != '\\')
            continue;
        if (s->p == s->end)
            return false;
        c = *s->p++;
        if (c == 'u') {
            if (s->end - s->p < 4)
                return false;
            for (unsigned k = 0; k < 4; k++)
                if (hex_digit(*s->p++) < 0)
                    return false;
        } else if (!strchr("\"\\/bfnrt", c) || !c) {
            return false;
        }
    }
    return false;
}

static bool digits(struct scan *s)
{
    const uint8_t *from = s->p;
    while (s->p < s->end && *s->p >= '0' && *s->p <= '9')
        s->p++;
    return s->p > from;
}

static bool number(struct scan *s)
{
    take(s, '-');
    bool zero = s->p < s->end && *s->p == '0';
    const uint8_t *from = s->p;
    if (!digits(s) || (zero && s->p - from > 1))
        return false;
    if (take(s, '.') && !digits(s))
        return false;
    if (s->p < s->end && (*s->p | 32) == 'e') {
        s->p++;
        if (!take(s, '+'))
            take(s, '-');
        return digits(s);
    }
    return true;
}

static bool word(struct scan *s, const char *w)
{
    size_t n = strlen(w);
    if ((size_t)(s->end - s->p) < n || memcmp(s->p, w, n))
        return false;
    s->p += n;
    return true;
}

static bool value(struct scan *s, unsigned depth, enum jkind *kind);

static bool inside(struct scan *s, bool object, unsigned depth)
{
    uint8_t close = object ? '}' : ']';
    enum jkind kind;
    s->p++;
    blanks(s);
    if (take(s, close))
        return true;
    if (depth == JREAD_DEPTH)
        return false;
    for (;;) {
        blanks(s);
        if (object && !string(s))
            return false;
        blanks(s);
        if ((object && !take(s, ':')) || !value(s, depth + 1, &kind))
            return false;
        blanks(s);
        if (take(s, close))
            return true;
        if (!take(s, ','))
            return false;
    }
}

static bool value(struct scan *s, unsigned depth, enum jkind *kind)
{
    blanks(s);
    if (s->p == s->end)
        return false;
    switch (*s->p) {
    case '{':
        *kind = JREAD_OBJECT;
        return inside(s, true, depth);
    case '[':
        *kind = JREAD_ARRAY;
        return inside(s, false, depth);
    case '"':
        *kind = JREAD_STRING;
        return string(s);
    case 't':
        *kind = JREAD_TRUE;
        return word(s, "true");
    case 'f':
        *kind = JREAD_FALSE;
        return word(s, "false");
    case 'n':
        *kind = JREAD_NULL;
        return word(s, "null");
    default:
        *kind = JREAD_NUMBER;
        return number(s);
    }
}

bool jread_value(struct str *in, struct jvalue *out)
{
    struct scan s = {in->p, in->p + in->n};
    blanks(&s);
    const uint8_t *from = s.p;
    bool ok = value(&s, 0, &out->kind);
    out->text = str_of(from, (size_t)(s.p - from));
    *in = str_of(s.p, (size_t)(s.end - s.p));
    return ok;
}

bool jread_end(struct str in)
{
    return str_trim(in).n == 0;
}

struct str jread_inner(const struct jvalue *v)
{
    bool holds = v->kind == JREAD_ARRAY || v->kind == JREAD_OBJECT;
    return holds ? str_of(v->text.p + 1, v->text.n - 2) : str_of(v->text.p, 0);
}

bool jread_item(struct str *at, struct jvalue *out)
{
    struct scan s = {at->p, at->p + at->n};
    blanks(&s);
    take(&s, ',');
    *at = str_of(s.p, (size_t)(s.end - s.p));
    return jread_value(at, out);
}

bool jread_member(struct str *at, struct str *key, struct jvalue *out)
{
    struct jvalue name;
    if (!jread_item(at, &name) || name.kind != JREAD_STRING)
        return false;
    struct scan s = {at->p, at->p + at->n};
    blanks(&s);
    if (!take(&s, ':'))
        return false;
    *at = str_of(s.p, (size_t)(s.end - s.p));
    *key = str_of(name.text.p + 1, name.text.n - 2);
    return jread_value(at, out);
}

bool jread_path(const struct jvalue *from, struct str path, struct jvalue *out,
                struct jvalue *parent)
{
    struct jvalue x = *from;
    while (path.n) {
        struct str want = str_split(path, '.', &path), key, at = jread_inner(&x);
        struct jvalue v;
        bool found = false;
        if (x.kind != JREAD_OBJECT)
            return false;
        while (!found && jread_member(&at, &key, &v))
            found = str_eq(key, want);
        if (!found)
            return false;
        if (parent)
            *parent = x;
        x = v;
    }
    *out = x;
    return true;
}

static uint32_t utf8_put(uint32_t c, uint8_t *out)
{
    if (c < 0x80) {
        out[0] = (uint8_t)c;
        return 1;
    }
    if (c < 0x800) {
        out[0] = (uint8_t)(0xc0 | c >> 6);
        out[1] = (uint8_t)(0x80 | (c & 63));
        return 2;
    }
    if (c < 0x10000) {
        out[0] = (uint8_t)(0xe0 | c >> 12);
        out[1] = (uint8_t)(0x80 | (c >> 6 & 63));
        out[2] = (uint8_t)(0x80 | (c & 63));
        return 3;
    }
    out[0] = (uint8_t)(0xf0 | c >> 18);
    out[1] = (uint8_t)(0x80 | (c >> 12 & 63));
    out[2] = (uint8_t)(0x80 | (c >> 6 & 63));
    out[3] = (uint8_t)(0x80 | (c & 63));
    return 4;
}

static uint32_t unit(const uint8_t *p)
{
    uint32_t v = 0;
    for (unsigned k = 0; k < 4; k++)
        v = v << 4 | (uint32_t)hex_digit(p[k]);
    return v;
}

uint32_t jread_string(const struct jvalue *v, uint8_t *out)
{
    static const char from[] = "bfnrt", to[] = "\b\f\n\r\t";
    const uint8_t *p = v->text.p + 1, *end = v->text.p + v->text.n - 1;
    uint32_t n = 0;
    if (v->kind != JREAD_STRING)
        return 0;
    while (p < end) {
        if (*p != '\\') {
            out[n++] = *p++;
            continue;
        }
        const char *at = strchr(from, p[1]);
        if (p[1] != 'u') {
            out[n++] = at ? (uint8_t)to[at - from] : p[1];
            p += 2;
            continue;
        }
        uint32_t c = unit(p + 2);
        p += 6;
        if (c >= 0xd800 && c < 0xdc00 && end - p >= 6 && p[0] == '\\' && p[1] == 'u') {
            uint32_t low = unit(p + 2);
            if (low >= 0xdc00 && low < 0xe000) {
                c = 0x10000 + ((c - 0xd800) << 10) + (low - 0xdc00);
                p += 6;
            }
        }
        n += utf8_put(c >= 0xd800 && c < 0xe000 ? 0xfffd : c, out + n);
    }
    return n;
}
