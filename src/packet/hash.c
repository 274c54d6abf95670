/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The flow hash: the same for both directions, and not to be aimed at without the seed.
 *
 * Each end (address and port) is hashed by itself with the seed, and the two are added; what is
 * common goes in behind.  An end's hash is two folded 64 x 64 multiplications, as in wyhash.
 */
#include "packet/decode.h"

static uint64_t fold(uint64_t a, uint64_t b)
{
    __uint128_t m = (__uint128_t)a * b;
    return (uint64_t)m ^ (uint64_t)(m >> 64);
}

static uint64_t end_hash(const struct ip_addr *a, uint16_t port, uint64_t seed)
{
    uint64_t k = seed * 0x9e3779b97f4a7c15u;
    uint64_t h = fold(a->q[0] ^ seed ^ 0xa0761d6478bd642fu, a->q[1] ^ k ^ 0xe7037ed1a0b428dbu);
    return fold(h ^ port ^ 0x8ebc6af09c88c6e3u, k | 1);
}

static uint32_t tuple_hash(const struct ip_addr *src, const struct ip_addr *dst, uint16_t sp,
                           uint16_t dp, uint64_t common, uint64_t seed)
{
    uint64_t h = end_hash(src, sp, seed) + end_hash(dst, dp, seed);
    h = fold(h ^ common, seed ^ 0x589965cc75374cc3u);
    return (uint32_t)(h ^ h >> 32);
}

/* Protocol, family and VLANs; what both directions have in common. */
static uint64_t common_of(const struct packet *p, uint8_t proto, uint8_t ver, bool use_vlan)
{
    uint64_t c = proto | (uint64_t)ver << 8;
    if (use_vlan)
        c |= (uint64_t)p->vlan[0] << 16 | (uint64_t)p->vlan[1] << 32 | (uint64_t)p->vlan[2] << 48;
    return c;
}

uint32_t packet_hash(struct packet *p, uint64_t seed, bool use_vlan)
{
    uint64_t common = common_of(p, p->proto, p->ver, use_vlan);
    p->hash = tuple_hash(&p->src, &p->dst, p->sp, p->dp, common, seed);
    return p->hash;
}

uint32_t packet_hash_quote(const struct packet *p, uint64_t seed, bool use_vlan)
{
    const struct icmp_quote *q = &p->quote;
    uint64_t common = common_of(p, q->proto, q->ver, use_vlan);
    return tuple_hash(&q->src, &q->dst, q->sp, q->dp, common, seed);
}
