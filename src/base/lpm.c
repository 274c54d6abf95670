/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Longest-prefix match by one hash table a family whose key is (prefix, length).
 *
 * A lookup probes once for each length that occurs, longest first: address lists are hosts and
 * two or three sizes of network, so that is one to five probes in a table of 12 (24) bytes a row,
 * where a trie of 256-way nodes takes kilobytes a prefix.  Tables are at most half full.
 */
#include "base/lpm.h"

#include "base/bytes.h"
#include "base/hash.h"
#include <errno.h>
#include <stdlib.h>

struct row4 {
    uint32_t addr, value;
    uint8_t bits1; /* bits + 1; 0: free */
};
struct row6 {
    uint64_t hi, lo;
    uint32_t value;
    uint8_t bits1;
};
struct lpm {
    struct row4 *v4;
    struct row6 *v6;
    uint32_t mask4, mask6, n4, n6;
    uint8_t lens4, lens6;        /* how many lengths occur */
    uint8_t len4[33], len6[129]; /* longest first */
};

enum { LPM_FIRST = 8 };

struct lpm *lpm_new(void)
{
    return calloc(1, sizeof(struct lpm));
}

void lpm_free(struct lpm *t)
{
    if (!t)
        return;
    free(t->v4);
    free(t->v6);
    free(t);
}

static inline uint32_t mask32(unsigned bits)
{
    return bits ? ~0u << (32 - bits) : 0;
}

static inline uint64_t mask64(unsigned bits)
{
    return bits ? ~0ull << (64 - bits) : 0;
}

static inline struct row4 *slot4(struct row4 *v, uint32_t mask, uint32_t addr, unsigned bits)
{
    uint32_t i = (uint32_t)hash_mix((uint64_t)addr << 8 | bits) & mask;
    while (v[i].bits1 && (v[i].addr != addr || v[i].bits1 != bits + 1))
        i = (i + 1) & mask;
    return &v[i];
}

static inline struct row6 *slot6(struct row6 *v, uint32_t mask, uint64_t hi, uint64_t lo,
                                 unsigned bits)
{
    uint32_t i = (uint32_t)hash_mix(hi ^ hash_mix(lo + bits)) & mask;
    while (v[i].bits1 && (v[i].hi != hi || v[i].lo != lo || v[i].bits1 != bits + 1))
        i = (i + 1) & mask;
    return &v[i];
}

static int grow4(struct lpm *t)
{
    uint32_t rows = t->v4 ? (t->mask4 + 1) * 2 : LPM_FIRST;
    struct row4 *v = rows ? calloc(rows, sizeof(*v)) : NULL;
    if (!v)
        return -ENOMEM;
    for (uint32_t i = 0; t->v4 && i <= t->mask4; i++)
        if (t->v4[i].bits1)
            *slot4(v, rows - 1, t->v4[i].addr, t->v4[i].bits1 - 1u) = t->v4[i];
    free(t->v4);
    t->v4 = v;
    t->mask4 = rows - 1;
    return 0;
}

static int grow6(struct lpm *t)
{
    uint32_t rows = t->v6 ? (t->mask6 + 1) * 2 : LPM_FIRST;
    struct row6 *v = rows ? calloc(rows, sizeof(*v)) : NULL;
    if (!v)
        return -ENOMEM;
    for (uint32_t i = 0; t->v6 && i <= t->mask6; i++) {
        const struct row6 *r = &t->v6[i];
        if (r->bits1)
            *slot6(v, rows - 1, r->hi, r->lo, r->bits1 - 1u) = *r;
    }
    free(t->v6);
    t->v6 = v;
    t->mask6 = rows - 1;
    return 0;
}

static void length_note(uint8_t *len, uint8_t *n, uint8_t bits)
{
    unsigned i = 0;
    while (i < *n && len[i] > bits)
        i++;
    if (i < *n && len[i] == bits)
        return;
    memmove(len + i + 1, len + i, *n - i);
    len[i] = bits;
    (*n)++;
}

static int add4(struct lpm *t, const struct ip_prefix *p, uint32_t value)
{
    if ((!t->v4 || t->n4 * 2 > t->mask4) && grow4(t))
        return -ENOMEM;
    uint32_t addr = be32_at(p->addr.b + 12) & mask32(p->bits);
    struct row4 *r = slot4(t->v4, t->mask4, addr, p->bits);
    t->n4 += !r->bits1;
    *r = (struct row4){.addr = addr, .value = value, .bits1 = (uint8_t)(p->bits + 1)};
    length_note(t->len4, &t->lens4, p->bits);
    return 0;
}

static int add6(struct lpm *t, const struct ip_prefix *p, uint32_t value)
{
    if ((!t->v6 || t->n6 * 2 > t->mask6) && grow6(t))
        return -ENOMEM;
    unsigned high = p->bits < 64 ? p->bits : 64;
    uint64_t hi = be64_at(p->addr.b) & mask64(high);
    uint64_t lo = be64_at(p->addr.b + 8) & mask64(p->bits - high);
    struct row6 *r = slot6(t->v6, t->mask6, hi, lo, p->bits);
    t->n6 += !r->bits1;
    *r = (struct row6){.hi = hi, .lo = lo, .value = value, .bits1 = (uint8_t)(p->bits + 1)};
    length_note(t->len6, &t->lens6, p->bits);
    return 0;
}

int lpm_add(struct lpm *t, const struct ip_prefix *p, uint32_t value)
{
    assert((p->ver == 4 && p->bits <= 32) || (p->ver == 6 && p->bits <= 128));
    return p->ver == 4 ? add4(t, p, value) : add6(t, p, value);
}

uint32_t lpm_get(const struct lpm *t, uint8_t ver, const struct ip_addr *a)
{
    if (ver == 4) {
        uint32_t addr = be32_at(a->b + 12);
        for (unsigned i = 0; i < t->lens4; i++) {
            unsigned bits = t->len4[i];
            const struct row4 *r = slot4(t->v4, t->mask4, addr & mask32(bits), bits);
            if (r->bits1)
                return r->value;
        }
        return LPM_NONE;
    }
    uint64_t hi = be64_at(a->b), lo = be64_at(a->b + 8);
    for (unsigned i = 0; i < t->lens6; i++) {
        unsigned bits = t->len6[i], high = bits < 64 ? bits : 64;
        const struct row6 *r =
            slot6(t->v6, t->mask6, hi & mask64(high), lo & mask64(bits - high), bits);
        if (r->bits1)
            return r->value;
    }
    return LPM_NONE;
}

size_t lpm_bytes(const struct lpm *t)
{
    size_t n = sizeof(*t);
    if (t->v4)
        n += ((size_t)t->mask4 + 1) * sizeof(*t->v4);
    if (t->v6)
        n += ((size_t)t->mask6 + 1) * sizeof(*t->v6);
    return n;
}
