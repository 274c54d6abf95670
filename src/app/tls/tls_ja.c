/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fingerprints of hellos: JA3, JA3S (numbers in order of appearance) and JA4 (sorted).
 *
 * JA4 is the first form of FoxIO's set, which is free to use (BSD 3-clause).
 */
#include <stdlib.h>
#include <string.h>

#include "app/tls/tls_hello.h"
#include "base/hash.h"

/* ------------------------------------------------------------------ JA3 */

struct text {
    char *p;
    uint32_t n;
    bool more; /* a number stands already: put '-' first */
};

static void text_u16(struct text *t, uint16_t v)
{
    char digits[5];
    unsigned k = 0;
    if (t->more)
        t->p[t->n++] = '-';
    t->more = true;
    do
        digits[k++] = (char)('0' + v % 10);
    while (v /= 10);
    while (k)
        t->p[t->n++] = digits[--k];
}

static void text_comma(struct text *t)
{
    t->p[t->n++] = ',';
    t->more = false;
}

static void text_list(struct text *t, struct str list)
{
    uint16_t v;
    for (unsigned i = 0; tls_list_u16(list, i, &v); i++)
        if (!tls_grease(v))
            text_u16(t, v);
}

static void text_extensions(struct text *t, struct str block)
{
    struct cursor c = cur_of(block.p, block.n);
    uint16_t type;
    struct str body;
    while (tls_extension_next(&c, &type, &body))
        if (!tls_grease(type))
            text_u16(t, type);
}

/* Room for every list at five digits and a dash a member. */
static bool text_room(struct text *t, struct arena *a, uint32_t list_bytes)
{
    *t = (struct text){.p = arena_alloc_raw(a, 16 + 4 * (size_t)list_bytes)};
    return t->p;
}

struct str tls_ja3_string(const struct tls_hello *h, struct arena *a)
{
    struct text t;
    if (!text_room(&t, a, h->ciphers.n + h->extensions.n + h->groups.n + h->point_formats.n))
        return (struct str){NULL, 0};
    text_u16(&t, h->legacy_version);
    text_comma(&t);
    text_list(&t, h->ciphers);
    text_comma(&t);
    text_extensions(&t, h->extensions);
    text_comma(&t);
    text_list(&t, h->groups);
    text_comma(&t);
    for (uint32_t i = 0; i < h->point_formats.n; i++)
        text_u16(&t, h->point_formats.p[i]);
    return str_of(t.p, t.n);
}

struct str tls_ja3s_string(const struct tls_hello *h, struct arena *a)
{
    struct text t;
    if (!text_room(&t, a, h->ciphers.n + h->extensions.n))
        return (struct str){NULL, 0};
    text_u16(&t, h->legacy_version);
    text_comma(&t);
    text_list(&t, h->ciphers);
    text_comma(&t);
    text_extensions(&t, h->extensions);
    return str_of(t.p, t.n);
}

/* ------------------------------------------------------------------ JA4 */

static const char digits16[] = "0123456789abcdef";

static const char *ja4_version(const struct tls_hello *h)
{
    static const struct {
        uint16_t version;
        char name[3];
    } names[] = {{TLS_1_3, "13"}, {TLS_1_2, "12"}, {TLS_1_1, "11"},
                 {TLS_1_0, "10"}, {SSL_3, "s3"},   {SSL_2, "s2"}};
    uint16_t best = h->has_versions ? 0 : h->legacy_version, v;
    for (unsigned i = 0; tls_list_u16(h->versions, i, &v); i++)
        if (!tls_grease(v) && v > best)
            best = v;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (names[i].version == best)
            return names[i].name;
    return "00";
}

static bool alnum(uint8_t c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static void ja4_alpn(const struct tls_hello *h, char out[2])
{
    struct str s = {NULL, 0};
    out[0] = out[1] = '0';
    if (!tls_alpn_at(h->alpn, 0, &s) || s.n == 0)
        return;
    uint8_t first = s.p[0], last = s.p[s.n - 1];
    bool text = alnum(first) && alnum(last);
    out[0] = text ? (char)first : digits16[first >> 4];
    out[1] = text ? (char)last : digits16[last & 15];
}

static void two_digits(char *out, uint32_t n)
{
    n = u32_min(n, 99);
    out[0] = (char)('0' + n / 10);
    out[1] = (char)('0' + n % 10);
}

static int by_value(const void *a, const void *b)
{
    uint16_t x = *(const uint16_t *)a, y = *(const uint16_t *)b;
    return (x > y) - (x < y);
}

static uint32_t hex_list(char *out, const uint16_t *v, uint32_t n)
{
    uint32_t k = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (i)
            out[k++] = ',';
        for (int shift = 12; shift >= 0; shift -= 4)
            out[k++] = digits16[v[i] >> shift & 15];
    }
    return k;
}

static void hash12(char out[12], const char *text, uint32_t n)
{
    uint8_t d[DIGEST_MAX] = {0};
    memset(out, '0', 12);
    if (n == 0 || digest_of(DIGEST_SHA256, text, n, d) == 0)
        return;
    for (unsigned i = 0; i < 6; i++) {
        out[2 * i] = digits16[d[i] >> 4];
        out[2 * i + 1] = digits16[d[i] & 15];
    }
}

enum { JA4_LIST = 1024 }; /* no client says so much; sorting must stay cheap */

struct ja4_lists {
    uint16_t *v;
    char *text;
};

static void ja4_ciphers(const struct tls_hello *h, struct ja4_lists *l, char *count, char *hash)
{
    uint32_t n = 0;
    uint16_t x;
    for (unsigned i = 0; n < JA4_LIST && tls_list_u16(h->ciphers, i, &x); i++)
        if (!tls_grease(x))
            l->v[n++] = x;
    qsort(l->v, n, sizeof(*l->v), by_value);
    two_digits(count, n);
    hash12(hash, l->text, hex_list(l->text, l->v, n));
}

static void ja4_extensions(const struct tls_hello *h, struct ja4_lists *l, char *count, char *hash)
{
    struct cursor c = cur_of(h->extensions.p, h->extensions.n);
    uint32_t all = 0, n = 0, k;
    uint16_t x;
    struct str body;
    while (n < JA4_LIST && tls_extension_next(&c, &x, &body)) {
        if (tls_grease(x))
            continue;
        all++;
        if (x != TLS_EXT_SNI && x != TLS_EXT_ALPN)
            l->v[n++] = x;
    }
    two_digits(count, all);
    qsort(l->v, n, sizeof(*l->v), by_value);
    k = hex_list(l->text, l->v, n);
    n = 0;
    for (unsigned i = 0; tls_list_u16(h->sig_algs, i, &x); i++)
        if (!tls_grease(x))
            l->v[n++] = x;
    if (k) { /* the underscore stands without algorithms, too: as Suricata has it */
        l->text[k++] = '_';
        k += hex_list(l->text + k, l->v, n);
    }
    hash12(hash, l->text, k);
}

bool tls_ja4(const struct tls_hello *h, struct arena *a, char out[TLS_JA4_BYTES + 1])
{
    size_t n = (size_t)h->ciphers.n + h->extensions.n + 8;
    struct ja4_lists l = {.v = arena_alloc_raw(a, 2 * n), .text = arena_alloc_raw(a, 4 * n)};
    if (!l.v || !l.text)
        return false;
    memcpy(out, "t00i0000xx_000000000000_000000000000", TLS_JA4_BYTES + 1);
    memcpy(out + 1, ja4_version(h), 2);
    out[3] = h->has_sni ? 'd' : 'i';
    ja4_ciphers(h, &l, out + 4, out + 11);
    ja4_extensions(h, &l, out + 6, out + 24);
    ja4_alpn(h, out + 8);
    return true;
}
