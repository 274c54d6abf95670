/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packets of our own: IP with TCP, UDP or an ICMP error, and the link header before them. */
#include "packet/decode.h"

#include <string.h>

enum {
    IP4_LEN = 20,
    IP6_LEN = 40,
    TCP_LEN = 20,
    UDP_LEN = 8,
    ICMP_LEN = 8,
    ICMP4_MAX = 576,  /* RFC 1812 4.3.2.3 */
    ICMP6_MAX = 1280, /* RFC 4443 2.4 c */
};

static size_t ip_len_of(const struct build_ip *ip)
{
    return ip->ver == 4 ? IP4_LEN : IP6_LEN;
}

static void ip_put(uint8_t *out, const struct build_ip *ip, uint8_t proto, size_t l4_len)
{
    if (ip->ver == 4) {
        memset(out, 0, IP4_LEN);
        out[0] = 0x45;
        out[1] = ip->tos;
        be16_put(out + 2, (uint16_t)(IP4_LEN + l4_len));
        be16_put(out + 4, ip->id);
        be16_put(out + 6, ip->df ? 0x4000 : 0);
        out[8] = ip->ttl;
        out[9] = proto;
        memcpy(out + 12, ip->src.b + 12, 4);
        memcpy(out + 16, ip->dst.b + 12, 4);
        be16_put(out + 10, csum_inet(out, IP4_LEN));
        return;
    }
    be32_put(out, 6u << 28 | (uint32_t)ip->tos << 20);
    be16_put(out + 4, (uint16_t)l4_len);
    out[6] = proto;
    out[7] = ip->ttl;
    memcpy(out + 8, ip->src.b, 16);
    memcpy(out + 24, ip->dst.b, 16);
}

/* Room for header and transport; NULL if there is none, or no such length. */
static uint8_t *l4_at(uint8_t *out, size_t room, const struct build_ip *ip, size_t l4_len)
{
    size_t hlen = ip_len_of(ip);
    size_t most = ip->ver == 4 ? UINT16_MAX - IP4_LEN : UINT16_MAX;
    if ((ip->ver != 4 && ip->ver != 6) || l4_len > most || room < hlen || room - hlen < l4_len)
        return NULL;
    return out + hlen;
}

static uint16_t l4_csum(const struct build_ip *ip, uint8_t proto, const uint8_t *l4, size_t n)
{
    return csum_l4(ip->ver, &ip->src, &ip->dst, proto, l4, n);
}

size_t build_tcp(uint8_t *out, size_t room, const struct build_ip *ip, uint16_t sp, uint16_t dp,
                 uint32_t seq, uint32_t ack, uint8_t flags, uint16_t win, const void *payload,
                 size_t n)
{
    if (n > UINT16_MAX)
        return 0;
    uint8_t *h = l4_at(out, room, ip, TCP_LEN + n);
    if (!h)
        return 0;
    memset(h, 0, TCP_LEN);
    be16_put(h, sp);
    be16_put(h + 2, dp);
    be32_put(h + 4, seq);
    be32_put(h + 8, ack);
    h[12] = TCP_LEN / 4 << 4;
    h[13] = flags;
    be16_put(h + 14, win);
    if (n)
        memcpy(h + TCP_LEN, payload, n);
    be16_put(h + 16, l4_csum(ip, IPPROTO_NUM_TCP, h, TCP_LEN + n));
    ip_put(out, ip, IPPROTO_NUM_TCP, TCP_LEN + n);
    return ip_len_of(ip) + TCP_LEN + n;
}

size_t build_udp(uint8_t *out, size_t room, const struct build_ip *ip, uint16_t sp, uint16_t dp,
                 const void *payload, size_t n)
{
    if (n > UINT16_MAX - UDP_LEN)
        return 0;
    uint8_t *h = l4_at(out, room, ip, UDP_LEN + n);
    if (!h)
        return 0;
    be16_put(h, sp);
    be16_put(h + 2, dp);
    be16_put(h + 4, (uint16_t)(UDP_LEN + n));
    be16_put(h + 6, 0);
    if (n)
        memcpy(h + UDP_LEN, payload, n);
    uint16_t sum = l4_csum(ip, IPPROTO_NUM_UDP, h, UDP_LEN + n);
    be16_put(h + 6, sum ? sum : UINT16_MAX);
    ip_put(out, ip, IPPROTO_NUM_UDP, UDP_LEN + n);
    return ip_len_of(ip) + UDP_LEN + n;
}

size_t build_icmp_error(uint8_t *out, size_t room, const struct build_ip *ip, uint8_t type,
                        uint8_t code, uint32_t rest_of_header, const void *quoted, size_t n)
{
    size_t hlen = ip_len_of(ip) + ICMP_LEN, most = ip->ver == 4 ? ICMP4_MAX : ICMP6_MAX;
    if (n > most - hlen)
        n = most - hlen;
    uint8_t *h = l4_at(out, room, ip, ICMP_LEN + n);
    if (!h)
        return 0;
    h[0] = type;
    h[1] = code;
    be16_put(h + 2, 0);
    be32_put(h + 4, rest_of_header);
    if (n)
        memcpy(h + ICMP_LEN, quoted, n);
    uint8_t proto = ip->ver == 4 ? IPPROTO_NUM_ICMP : IPPROTO_NUM_ICMPV6;
    uint16_t sum = ip->ver == 4 ? csum_inet(h, ICMP_LEN + n) : l4_csum(ip, proto, h, ICMP_LEN + n);
    be16_put(h + 2, sum);
    ip_put(out, ip, proto, ICMP_LEN + n);
    return hlen + n;
}

static bool is_tag(uint16_t type)
{
    return ethertype_step(type) == STEP_VLAN;
}

static size_t tag_put(uint8_t *out, size_t room, size_t at, uint16_t tpid, uint16_t tci)
{
    if (room - at < 4)
        return 0;
    be16_put(out + at, tpid);
    be16_put(out + at + 2, tci & (uint16_t)~0x1000u); /* not "may be dropped" */
    return at + 4;
}

/*
 * Tags that stand in the frame of `like`, from its ethertype on.  Returns the new length, 0 if
 * there is no room or something else than tags before the network layer.
 */
static size_t frame_tags_put(uint8_t *out, size_t room, size_t at, const struct packet *like)
{
    struct cursor c = cur_of(like->l2, (size_t)(like->data + like->data_len - like->l2));
    (void)cur_skip(&c, 12);
    uint16_t type = cur_be16(&c);
    for (unsigned i = 0; at && is_tag(type); i++) {
        uint16_t tci = cur_be16(&c), next = cur_be16(&c);
        if (c.bad || i == PACKET_VLANS)
            return 0;
        at = tag_put(out, room, at, type, tci);
        type = next;
    }
    bool ip = type == ETHERTYPE_NUM_IPV4 || type == ETHERTYPE_NUM_IPV6;
    return ip && !c.bad ? at : 0;
}

size_t build_ether(uint8_t *out, size_t room, const uint8_t dst[6], const uint8_t src[6],
                   const struct packet *like, uint8_t ver)
{
    size_t at = 12;
    if (room < 14)
        return 0;
    memcpy(out, dst, 6);
    memcpy(out + 6, src, 6);
    bool outermost = like && !like->outer && like->frame;
    for (unsigned i = 0; at && outermost && i < like->frame->vlan_n && i < 2; i++)
        at = tag_put(out, room, at, ETHERTYPE_NUM_VLAN, like->frame->vlan_tci[i]);
    if (at && like && like->l2 && like->link == LINK_ETHERNET)
        at = frame_tags_put(out, room, at, like);
    else
        for (unsigned i = outermost ? like->frame->vlan_n : 0; at && like && i < like->vlan_n; i++)
            at = tag_put(out, room, at, ETHERTYPE_NUM_VLAN, like->vlan[i]);
    if (!at || room - at < 2)
        return 0;
    be16_put(out + at, ver == 4 ? ETHERTYPE_NUM_IPV4 : ETHERTYPE_NUM_IPV6);
    return at + 2;
}
