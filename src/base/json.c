/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The JSON writer.  Escaping walks the string eight bytes at a time while nothing in them needs
 * an escape, and copies runs whole.  UTF-8 by RFC 3629 (no overlong forms, no surrogates).
 */
#include "base/sbuf.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

enum { JSON_DEPTH = 63 };

/* 0: stays; 'u': \u00XX; '8': begins or continues UTF-8; else the letter behind the backslash. */
#define U8 'u', 'u', 'u', 'u', 'u', 'u', 'u', 'u'
#define H8 '8', '8', '8', '8', '8', '8', '8', '8'
static const char escape[256] = {
    U8,         'b', 't', 'n', 'u',      'f',         'r',
    'u',        'u', U8,  U8,  [32] = 0, ['"'] = '"', ['\\'] = '\\',
    [128] = H8, H8,  H8,  H8,  H8,       H8,          H8,
    H8,         H8,  H8,  H8,  H8,       H8,          H8,
    H8,         H8,
};

void json_init(struct json *j, struct sbuf *out)
{
    *j = (struct json){.out = out};
}

/* Comma, key and colon, with room for `more` bytes behind; NULL when there is no memory. */
static uint8_t *begin(struct json *j, const char *key, size_t more)
{
    struct sbuf *b = j->out;
    size_t kn = key ? strlen(key) : 0;
    if (b->failed || (b->room - b->n < kn + 4 + more && !sbuf_room(b, kn + 4 + more)))
        return NULL;
    uint8_t *to = b->p + b->n;
    uint64_t bit = 1ull << j->depth;
    if (j->comma & bit)
        *to++ = ',';
    j->comma |= bit;
    if (key) {
        *to++ = '"';
        memcpy(to, key, kn);
        to += kn;
        *to++ = '"';
        *to++ = ':';
    }
    return to;
}

static void finish(struct json *j, const uint8_t *to)
{
    j->out->n = (size_t)(to - j->out->p);
}

static void open_with(struct json *j, const char *key, uint8_t c)
{
    uint8_t *to = begin(j, key, 1);
    if (to) {
        *to++ = c;
        finish(j, to);
    }
    assert(j->depth < JSON_DEPTH);
    j->depth++;
    j->comma &= ~(1ull << j->depth);
}

static void close_with(struct json *j, uint8_t c)
{
    assert(j->depth > 0);
    j->depth--;
    sbuf_byte(j->out, c);
}

void json_open(struct json *j, const char *key)
{
    open_with(j, key, '{');
}

void json_close(struct json *j)
{
    close_with(j, '}');
}

void json_array(struct json *j, const char *key)
{
    open_with(j, key, '[');
}

void json_array_end(struct json *j)
{
    close_with(j, ']');
}

/* Length of the UTF-8 sequence at p (first byte >= 128), or 0 if it isn't one. */
static size_t utf8_length(const uint8_t *p, size_t n)
{
    uint8_t c = p[0];
    if (c >= 0xc2 && c <= 0xdf)
        return n >= 2 && (p[1] & 0xc0) == 0x80 ? 2 : 0;
    if ((c & 0xf0) == 0xe0) {
        if (n < 3 || (p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80)
            return 0;
        bool bad = (c == 0xe0 && p[1] < 0xa0) || (c == 0xed && p[1] > 0x9f);
        return bad ? 0 : 3;
    }
    if (c >= 0xf0 && c <= 0xf4) {
        if (n < 4 || (p[1] & 0xc0) != 0x80 || (p[2] & 0xc0) != 0x80 || (p[3] & 0xc0) != 0x80)
            return 0;
        bool bad = (c == 0xf0 && p[1] < 0x90) || (c == 0xf4 && p[1] > 0x8f);
        return bad ? 0 : 4;
    }
    return 0;
}

/* Bit 7 of every byte that is a control, a quote, a backslash or above 127. */
static inline uint64_t special8(const uint8_t *p)
{
    const uint64_t ones = 0x0101010101010101u, tops = 0x8080808080808080u;
    uint64_t v;
    memcpy(&v, p, 8);
    uint64_t q = v ^ ones * '"', s = v ^ ones * '\\';
    return (v | (v - ones * 32) | (q - ones) | (s - ones)) & tops;
}

/* Length of the longest head of p that is copied as it is. */
static size_t plain_run(const uint8_t *p, size_t n)
{
    size_t i = 0;
    for (;;) {
        /* Borrows may flag a byte behind a special one, never hide one: then the table decides. */
        while (n - i >= 8 && !special8(p + i))
            i += 8;
        size_t stop = n - i < 8 ? n : i + 8;
        while (i < stop && !escape[p[i]])
            i++;
        if (i == n)
            return n;
        if (i == stop)
            continue;
        size_t u = escape[p[i]] == '8' ? utf8_length(p + i, n - i) : 0;
        if (!u)
            return i;
        i += u;
    }
}

static uint8_t *put_escape(uint8_t *to, uint8_t c)
{
    static const char hex[] = "0123456789abcdef";
    *to++ = '\\';
    char e = escape[c];
    if (e != 'u' && e != '8') {
        *to++ = (uint8_t)e;
        return to;
    }
    memcpy(to, "u00", 3);
    to[3] = (uint8_t)hex[c >> 4];
    to[4] = (uint8_t)hex[c & 15];
    return to + 5;
}

void json_str(struct json *j, const char *key, struct str v)
{
    struct sbuf *b = j->out;
    uint8_t *to = begin(j, key, (size_t)v.n + 2);
    if (!to)
        return;
    *to++ = '"';
    const uint8_t *p = v.p;
    size_t n = v.n;
    while (n) {
        size_t run = plain_run(p, n);
        memcpy(to, p, run);
        to += run;
        p += run;
        n -= run;
        if (!n)
            break;
        finish(j, to);
        if (!sbuf_room(b, n + 6 + 1))
            return;
        to = put_escape(b->p + b->n, *p);
        p++;
        n--;
    }
    *to++ = '"';
    finish(j, to);
}

void json_cstr(struct json *j, const char *key, const char *v)
{
    json_str(j, key, str_cstr(v));
}

void json_u64(struct json *j, const char *key, uint64_t v)
{
    uint8_t *to = begin(j, key, 20);
    if (to) {
        finish(j, to);
        sbuf_u64(j->out, v);
    }
}

void json_i64(struct json *j, const char *key, int64_t v)
{
    uint8_t *to = begin(j, key, 20);
    if (to) {
        finish(j, to);
        sbuf_i64(j->out, v);
    }
}

void json_raw(struct json *j, const char *key, struct str text)
{
    uint8_t *to = begin(j, key, text.n);
    if (!to)
        return;
    if (text.n)
        memcpy(to, text.p, text.n);
    finish(j, to + text.n);
}

void json_double(struct json *j, const char *key, double v)
{
    char text[40];
    if (!isfinite(v)) {
        json_null(j, key);
        return;
    }
    /* The shortest of the two forms that reads back as the same number. */
    int n = snprintf(text, sizeof(text) - 3, "%.15g", v);
    double back = 0;
    if (sscanf(text, "%lf", &back) != 1 || back < v || back > v)
        n = snprintf(text, sizeof(text) - 3, "%.17g", v);
    if (n <= 0)
        return;
    if (!strpbrk(text, ".e")) {
        memcpy(text + n, ".0", 3);
        n += 2;
    }
    json_raw(j, key, str_of(text, (size_t)n));
}

void json_bool(struct json *j, const char *key, bool v)
{
    json_raw(j, key, v ? STR("true") : STR("false"));
}

void json_null(struct json *j, const char *key)
{
    json_raw(j, key, STR("null"));
}

static bool quote(struct json *j, const char *key)
{
    uint8_t *to = begin(j, key, 1);
    if (!to)
        return false;
    *to++ = '"';
    finish(j, to);
    return true;
}

void json_hex(struct json *j, const char *key, const void *p, size_t n)
{
    if (!quote(j, key))
        return;
    sbuf_hex(j->out, p, n);
    sbuf_byte(j->out, '"');
}

void json_base64(struct json *j, const char *key, const void *p, size_t n)
{
    if (!quote(j, key))
        return;
    sbuf_base64(j->out, p, n);
    sbuf_byte(j->out, '"');
}

void json_printable(struct json *j, const char *key, const void *p, size_t n)
{
    const uint8_t *at = p;
    uint8_t *to = begin(j, key, 2 * n + 2);
    if (!to)
        return;
    *to++ = '"';
    for (size_t i = 0; i < n; i++) {
        uint8_t c = at[i];
        char e = escape[c];
        bool kept = (c >= 32 && c <= 126) || c == '\r' || c == '\n';
        if (kept && e) {
            *to++ = '\\';
            c = (uint8_t)e;
        } else if (!kept) {
            c = '.';
        }
        *to++ = c;
    }
    *to++ = '"';
    finish(j, to);
}
