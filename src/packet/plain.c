/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose flow is a frame's, without decoding it?
 *
 * Nearly all frames are plain: Ethernet with at most one tag, IPv4 without options or IPv6, not a
 * fragment, TCP with no or the usual options, or UDP on no tunnel's port, all whole.  Of such a
 * frame it is known before it is decoded that it gives one packet, with which addresses and ports,
 * and without events. Workers that are shown the same frames leave those of the others undecoded,
 * and one of them counts what decoding would have counted (checksums are not counted by the
 * decoder).
 *
 * What is asked here must be as strict as the steps of a frame's way are: test_plain.c and the
 * fuzz target hold both against each other.
 */
#include "packet/decode.h"

enum {
    ETHER_LEN = 14,
    VLAN_LEN = 4,
    IP4_LEN = 20,
    IP6_LEN = 40,
    TCP_LEN = 20,
    UDP_LEN = 8,
    LAYERS = 4
};

/* The bytes of the transport, or NULL. */
static const uint8_t *ip_plain(const uint8_t *ip, uint32_t left, uint16_t type, struct packet *p,
                               uint32_t *len)
{
    if (type == ETHERTYPE_NUM_IPV4 && left >= IP4_LEN) {
        uint32_t total = be16_at(ip + 2);
        if (ip[0] != 0x45 || total < IP4_LEN || total > left || (be16_at(ip + 6) & 0x3fff))
            return NULL;
        p->ver = 4;
        p->proto = ip[9];
        p->src = ip_from_v4(ip + 12);
        p->dst = ip_from_v4(ip + 16);
        *len = total - IP4_LEN;
        return ip + IP4_LEN;
    }
    if (type == ETHERTYPE_NUM_IPV6 && left >= IP6_LEN) {
        uint32_t rest = be16_at(ip + 4);
        if (ip[0] >> 4 != 6 || !rest || rest > left - IP6_LEN)
            return NULL;
        p->ver = 6;
        p->proto = ip[6];
        p->src = ip_from_v6(ip + 8);
        p->dst = ip_from_v6(ip + 24);
        *len = rest;
        return ip + IP6_LEN;
    }
    return NULL;
}

/* Options of the usual kinds and lengths, each at most once. */
static bool options_plain(const uint8_t *at, const uint8_t *end)
{
    static const uint8_t lens[] = {
        [2] = 4, [3] = 3, [4] = 2, [8] = 10}; /* MSS, scale, SACK, stamp */
    uint32_t seen = 0;
    while (at < end && *at != 0) {
        uint8_t kind = *at;
        if (kind == 1) {
            at++;
            continue;
        }
        if (kind >= ARRAY_LEN(lens) || !lens[kind] || end - at < lens[kind] ||
            at[1] != lens[kind] || seen >> kind & 1)
            return false;
        seen |= 1u << kind;
        at += lens[kind];
    }
    return true;
}

static bool tcp_plain(const uint8_t *h, uint32_t len)
{
    if (len < TCP_LEN)
        return false;
    uint32_t hlen = (h[12] >> 4) * 4u;
    if (hlen <= TCP_LEN || len < hlen)
        return hlen == TCP_LEN;
    return (hlen == TCP_LEN + 12 && be32_at(h + TCP_LEN) == 0x0101080a) ||
           options_plain(h + TCP_LEN, h + hlen);
}

static bool listed(const uint16_t ports[4], uint16_t sp, uint16_t dp)
{
    for (unsigned i = 0; i < 4 && ports[i]; i++)
        if (ports[i] == sp || ports[i] == dp)
            return true;
    return false;
}

static bool udp_plain(const struct decoder *d, const uint8_t *h, uint32_t len)
{
    if (len < UDP_LEN || be16_at(h + 4) < UDP_LEN || be16_at(h + 4) > len)
        return false;
    if (d->cfg.teredo && d->cfg.teredo_any)
        return false;
    uint16_t sp = be16_at(h), dp = be16_at(h + 2);
    uint64_t ports = d->tunnel_ports; /* DNS's 53 meets VXLAN's bit */
    return !((ports >> (sp & 63) | ports >> (dp & 63)) & 1) ||
           !(listed(d->cfg.vxlan_ports, sp, dp) || listed(d->cfg.geneve_ports, sp, dp) ||
             listed(d->cfg.teredo_ports, sp, dp));
}

bool decode_plain(const struct decoder *d, const struct frame *f, struct packet *p)
{
    uint32_t len = 0;
    if (f->link != LINK_ETHERNET || f->len < ETHER_LEN || f->vlan_n || f->seg_size ||
        d->layers_max < LAYERS)
        return false;
    const uint8_t *ip = f->data + ETHER_LEN;
    p->vlan_n = 0;
    p->vlan[0] = p->vlan[1] = p->vlan[2] = 0;
    if (be16_at(ip - 2) == ETHERTYPE_NUM_VLAN && f->len >= ETHER_LEN + VLAN_LEN) {
        p->vlan[p->vlan_n++] = be16_at(ip) & 0x0fff;
        ip += VLAN_LEN;
    }
    const uint8_t *h = ip_plain(ip, f->len - (uint32_t)(ip - f->data), be16_at(ip - 2), p, &len);
    if (!h || !(p->proto == IPPROTO_NUM_TCP   ? tcp_plain(h, len)
                : p->proto == IPPROTO_NUM_UDP ? udp_plain(d, h, len)
                                              : false))
        return false;
    p->sp = be16_at(h);
    p->dp = be16_at(h + 2);
    return true;
}

void decoder_count_plain(struct decoder *d, const struct frame *f, const struct packet *p)
{
    d->n.pkts++;
    d->n.bytes += f->wire_len;
    d->n.max_pkt_size = u64_max(d->n.max_pkt_size, f->wire_len);
    d->n.ethernet++;
    d->n.vlan += p->vlan_n;
    *(p->ver == 4 ? &d->n.ipv4 : &d->n.ipv6) += 1;
    *(p->proto == IPPROTO_NUM_TCP ? &d->n.tcp : &d->n.udp) += 1;
}

void decoder_clock(struct decoder *d, uint64_t now_ns)
{
    d->now_ns = u64_max(d->now_ns, now_ns);
}
