/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which flow a packet belongs to: addresses, ports, transport, IP version and, if so set, VLANs.
 * ICMP queries and their answers are one flow by address pair and type; an ICMP error belongs to
 * the flow of the packet that it quotes (RFC 792, RFC 4443).
 */
#include "flow/flow_table.h"

#include <netinet/in.h>
#include <string.h>

enum { ICMP_NO_ANSWER = 0xffff };

struct icmp_pair {
    uint8_t asks, answers;
};
static const struct icmp_pair icmp4_pairs[] = {
    {8, 0},   /* echo */
    {13, 14}, /* timestamp */
    {15, 16}, /* information */
    {17, 18}, /* address mask */
    {10, 9},  /* router solicitation, advertisement */
};
static const struct icmp_pair icmp6_pairs[] = {
    {128, 129}, /* echo */
    {133, 134}, /* router solicitation, advertisement */
    {135, 136}, /* neighbour solicitation, advertisement */
    {139, 140}, /* node information */
    {144, 145}, /* home agent discovery */
};

static uint16_t icmp_counterpart(const struct icmp_pair *pair, size_t n, uint8_t type, bool *answer)
{
    for (size_t i = 0; i < n; i++) {
        if (pair[i].asks == type)
            return pair[i].answers;
        if (pair[i].answers == type) {
            *answer = true;
            return pair[i].asks;
        }
    }
    return ICMP_NO_ANSWER;
}

static bool has_ports(uint8_t proto)
{
    return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP ||
           proto == IPPROTO_ESP /* the SPI's halves */;
}

/* Of what carries others, IP in IP is a flow between the tunnel's ends; GRE and the like are not. */
static bool wants_flow(const struct packet *p)
{
    return (p->flags & PKT_WANTS_FLOW) || p->proto == IPPROTO_IPIP || p->proto == IPPROTO_IPV6;
}

/* Hashes are compared as a whole, so that what differs here differs for good. */
static uint32_t depth_bits(const struct flow_table *t, const struct packet *p)
{
    return t->cfg.depth_in_key ? p->depth * 0x9e3779b1u : 0;
}

bool flow_key_of(const struct flow_table *t, struct packet *p, struct flow_key *k)
{
    const uint32_t never = PKT_IGNORE | PKT_FRAGMENT | PKT_L3_BROKEN | PKT_L4_BROKEN;
    if (!p->ver || (p->flags & never) || !wants_flow(p))
        return false;
    k->src = p->src;
    k->dst = p->dst;
    k->sp = k->dp = 0;
    k->proto = p->proto;
    k->ver = p->ver;
    k->vlan_n = p->vlan_n;
    memcpy(k->vlan, p->vlan, sizeof(k->vlan));
    k->icmp = k->quoted = k->answer = false;
    if (p->flags & (PKT_ICMP | PKT_ICMP6)) {
        if (p->quote.have) {
            k->quoted = true;
            k->src = p->quote.src;
            k->dst = p->quote.dst;
            k->proto = p->quote.proto;
            k->ver = p->quote.ver;
            if (has_ports(k->proto)) {
                k->sp = p->quote.sp;
                k->dp = p->quote.dp;
            }
            k->hash = packet_hash_quote(p, t->cfg.hash_seed, t->cfg.vlan_in_key) ^ depth_bits(t, p);
            return true;
        } else {
            bool four = p->flags & PKT_ICMP;
            k->icmp = true;
            k->sp = p->icmp_type;
            k->dp = icmp_counterpart(four ? icmp4_pairs : icmp6_pairs,
                                     four ? ARRAY_LEN(icmp4_pairs) : ARRAY_LEN(icmp6_pairs),
                                     p->icmp_type, &k->answer);
        }
    } else if (has_ports(p->proto)) {
        k->sp = p->sp;
        k->dp = p->dp;
    }
    k->hash = p->hash ? p->hash : packet_hash(p, t->cfg.hash_seed, t->cfg.vlan_in_key);
    k->hash ^= depth_bits(t, p);
    return true;
}

int flow_key_match(const struct flow_key *k, const struct flow *f)
{
    if (k->proto != f->proto || k->ver != f->ver)
        return -1;
    int dir;
    if (k->sp == f->port[0] && k->dp == f->port[1] && ip_eq(&k->src, &f->addr[0]) &&
        ip_eq(&k->dst, &f->addr[1]))
        dir = 0;
    else if (k->sp == f->port[1] && k->dp == f->port[0] && ip_eq(&k->src, &f->addr[1]) &&
             ip_eq(&k->dst, &f->addr[0]))
        dir = 1;
    else
        return -1;
    if (k->vlan_n == f->vlan_n && !memcmp(k->vlan, f->vlan, sizeof(k->vlan)))
        return dir;
    const struct flow_slot *s = (const struct flow_slot *)f;
    return s->table->cfg.vlan_in_key ? -1 : dir;
}
