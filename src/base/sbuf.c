/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The growing buffer.  It doubles; past SBUF_MOST it fails rather than take the machine along. */
#include "base/sbuf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SBUF_FIRST = 512 };
#define SBUF_MOST ((size_t)1 << 30)

void sbuf_init(struct sbuf *b)
{
    *b = (struct sbuf){0};
}

void sbuf_done(struct sbuf *b)
{
    free(b->p);
    *b = (struct sbuf){0};
}

bool sbuf_room(struct sbuf *b, size_t more)
{
    if (b->failed)
        return false;
    if (b->room - b->n >= more)
        return true;
    if (more > SBUF_MOST || b->n + more > SBUF_MOST) {
        b->failed = true;
        return false;
    }
    size_t room = b->room ? b->room : SBUF_FIRST;
    while (room < b->n + more)
        room *= 2;
    uint8_t *p = realloc(b->p, room);
    if (!p) {
        b->failed = true;
        return false;
    }
    b->p = p;
    b->room = room;
    return true;
}

void sbuf_put(struct sbuf *b, const void *p, size_t n)
{
    if (!n || !sbuf_room(b, n))
        return;
    memcpy(b->p + b->n, p, n);
    b->n += n;
}

void sbuf_byte(struct sbuf *b, uint8_t c)
{
    if (sbuf_room(b, 1))
        b->p[b->n++] = c;
}

void sbuf_cstr(struct sbuf *b, const char *s)
{
    sbuf_put(b, s, strlen(s));
}

void sbuf_str(struct sbuf *b, struct str s)
{
    sbuf_put(b, s.p, s.n);
}

static const char pairs[] = "00010203040506070809101112131415161718192021222324252627282930313233"
                            "34353637383940414243444546474849505152535455565758596061626364656667"
                            "6869707172737475767778798081828384858687888990919293949596979899";

void sbuf_u64(struct sbuf *b, uint64_t v)
{
    char text[20];
    char *at = text + sizeof(text);
    while (v >= 100) {
        at -= 2;
        memcpy(at, pairs + v % 100 * 2, 2);
        v /= 100;
    }
    if (v >= 10) {
        at -= 2;
        memcpy(at, pairs + v * 2, 2);
    } else {
        *--at = (char)('0' + v);
    }
    sbuf_put(b, at, (size_t)(text + sizeof(text) - at));
}

void sbuf_i64(struct sbuf *b, int64_t v)
{
    if (v < 0)
        sbuf_byte(b, '-');
    sbuf_u64(b, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void sbuf_hex(struct sbuf *b, const void *p, size_t n)
{
    static const char hex[] = "0123456789abcdef";
    const uint8_t *at = p;
    if (n > SBUF_MOST) {
        b->failed = true;
        return;
    }
    if (!sbuf_room(b, 2 * n))
        return;
    for (size_t i = 0; i < n; i++) {
        b->p[b->n++] = (uint8_t)hex[at[i] >> 4];
        b->p[b->n++] = (uint8_t)hex[at[i] & 15];
    }
}

void sbuf_base64(struct sbuf *b, const void *p, size_t n)
{
    static const char set[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *at = p;
    if (n > SBUF_MOST) {
        b->failed = true;
        return;
    }
    if (!sbuf_room(b, (n + 2) / 3 * 4))
        return;
    uint8_t *to = b->p + b->n;
    for (; n >= 3; n -= 3, at += 3, to += 4) {
        uint32_t v = (uint32_t)at[0] << 16 | (uint32_t)at[1] << 8 | at[2];
        to[0] = (uint8_t)set[v >> 18];
        to[1] = (uint8_t)set[v >> 12 & 63];
        to[2] = (uint8_t)set[v >> 6 & 63];
        to[3] = (uint8_t)set[v & 63];
    }
    if (n) {
        uint32_t v = (uint32_t)at[0] << 16 | (n == 2 ? (uint32_t)at[1] << 8 : 0);
        to[0] = (uint8_t)set[v >> 18];
        to[1] = (uint8_t)set[v >> 12 & 63];
        to[2] = n == 2 ? (uint8_t)set[v >> 6 & 63] : '=';
        to[3] = '=';
        to += 4;
    }
    b->n = (size_t)(to - b->p);
}

void sbuf_printf(struct sbuf *b, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    size_t room = b->failed ? 0 : b->room - b->n;
    int n = vsnprintf(room ? (char *)b->p + b->n : NULL, room, fmt, args);
    va_end(args);
    if (n > 0 && (size_t)n >= room && sbuf_room(b, (size_t)n + 1))
        n = vsnprintf((char *)b->p + b->n, (size_t)n + 1, fmt, again);
    va_end(again);
    if (n > 0 && !b->failed)
        b->n += (size_t)n;
}

const char *sbuf_z(struct sbuf *b)
{
    if (!sbuf_room(b, 1))
        return NULL;
    b->p[b->n] = 0;
    return (const char *)b->p;
}
