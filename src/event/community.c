/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Community ID version 1 (github.com/corelight/community-id-spec).  A SHA-1 costs more than a whole
 * line of EVE, and a flow writes several: the last ones are kept by tuple.
 */
#include "event/community.h"

#include "base/bytes.h"
#include "base/hash.h"
#include "base/sbuf.h"
#include <stdlib.h>
#include <string.h>

enum { SLOTS = 1024 };

/* As hashed, but for the seed in front. */
struct tuple {
    uint8_t bytes[40]; /* at most 16 + 16 + 1 + 1 + 2 + 2 */
    uint32_t n;
    uint16_t seed;
    uint16_t pad;
};
struct community_cache {
    struct {
        struct tuple key;
        char text[COMMUNITY_TEXT];
    } slot[SLOTS];
};

struct community_cache *community_new(void)
{
    return calloc(1, sizeof(struct community_cache));
}

void community_free(struct community_cache *c)
{
    free(c);
}

struct pair {
    uint8_t a, b;
};
static const struct pair icmp4[] = {{8, 0},   {0, 8},   {13, 14}, {14, 13}, {15, 16},
                                    {16, 15}, {17, 18}, {18, 17}, {10, 9},  {9, 10}};
static const struct pair icmp6[] = {{128, 129}, {129, 128}, {133, 134}, {134, 133},
                                    {135, 136}, {136, 135}, {130, 131}, {131, 130},
                                    {139, 140}, {140, 139}, {144, 145}, {145, 144}};

/* The type of the answer stands in the place of the code where there is one; else false. */
static bool icmp_ports(uint8_t proto, uint16_t type, uint16_t *dp)
{
    const struct pair *t = proto == 1 ? icmp4 : icmp6;
    size_t n = proto == 1 ? ARRAY_LEN(icmp4) : ARRAY_LEN(icmp6);
    for (size_t i = 0; i < n; i++)
        if (t[i].a == type) {
            *dp = t[i].b;
            return true;
        }
    return false;
}

static void tuple_make(const struct event *h, uint16_t seed, struct tuple *t)
{
    uint16_t sp = h->sp, dp = h->dp;
    bool both = true, ports = !(h->flags & EVENT_NO_PORTS);
    if (h->proto == 1 || h->proto == 58) {
        both = icmp_ports(h->proto, sp, &dp);
        ports = true;
    }
    int cmp = ip_cmp(&h->src, &h->dst);
    bool swap = both && (cmp > 0 || (cmp == 0 && sp > dp));
    const struct ip_addr *a = swap ? &h->dst : &h->src, *b = swap ? &h->src : &h->dst;
    uint32_t skip = h->ver == 4 ? 12 : 0, len = 16 - skip;
    memset(t, 0, sizeof(*t));
    memcpy(t->bytes, a->b + skip, len);
    memcpy(t->bytes + len, b->b + skip, len);
    t->n = 2 * len;
    t->bytes[t->n] = h->proto;
    t->n += 2; /* and a zero */
    if (ports) {
        be16_put(t->bytes + t->n, swap ? dp : sp);
        be16_put(t->bytes + t->n + 2, swap ? sp : dp);
        t->n += 4;
    }
    t->seed = seed;
}

const char *community_id(struct community_cache *c, uint16_t seed, const struct event *h)
{
    struct tuple t;
    if (!h->ver)
        return NULL;
    tuple_make(h, seed, &t);
    unsigned i = (unsigned)(hash_bytes(&t, sizeof(t), 0) % SLOTS);
    if (!memcmp(&c->slot[i].key, &t, sizeof(t)))
        return c->slot[i].text;
    uint8_t in[2 + sizeof(t.bytes)], sum[DIGEST_MAX];
    be16_put(in, seed);
    memcpy(in + 2, t.bytes, t.n);
    size_t n = digest_of(DIGEST_SHA1, in, 2 + t.n, sum);
    struct sbuf b;
    sbuf_init(&b);
    sbuf_base64(&b, sum, n);
    bool ok = !b.failed && b.n == COMMUNITY_TEXT - 2;
    if (ok) {
        memcpy(c->slot[i].text, "1:", 2);
        memcpy(c->slot[i].text + 2, b.p, b.n);
        c->slot[i].key = t;
    }
    sbuf_done(&b);
    return ok ? c->slot[i].text : NULL;
}
