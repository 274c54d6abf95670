/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Making and mending the header of offloads (vnet.h). */
#include "capture/vnet.h"

#include <linux/if_ether.h>
#include <netinet/in.h>
#include <string.h>

#include "base/bytes.h"

#ifndef VIRTIO_NET_HDR_GSO_UDP_L4 /* Linux 6.2 */
#define VIRTIO_NET_HDR_GSO_UDP_L4 5
#endif

enum { TAGS_MOST = 4, HEADERS_MOST = 8, TCP_SUM = 16, UDP_SUM = 6 };

struct place {
    uint32_t ip, l4;
    uint8_t ver, proto;
};

static bool is_tag(uint16_t type)
{
    return type == ETH_P_8021Q || type == ETH_P_8021AD || type == ETH_P_QINQ1;
}

static bool is_extension(uint8_t proto)
{
    return proto == IPPROTO_HOPOPTS || proto == IPPROTO_ROUTING || proto == IPPROTO_DSTOPTS;
}

static bool find6(const uint8_t *d, uint32_t n, struct place *out)
{
    if (n - out->ip < 40)
        return false;
    out->ver = 6;
    out->proto = d[out->ip + 6];
    out->l4 = out->ip + 40;
    for (unsigned k = 0; k < HEADERS_MOST && is_extension(out->proto); k++) {
        if (n - out->l4 < 8)
            return false;
        uint32_t step = (d[out->l4 + 1] + 1u) * 8;
        out->proto = d[out->l4];
        if (step > n - out->l4)
            return false;
        out->l4 += step;
    }
    return true;
}

/* Where the transport header stands in an Ethernet frame.  False: it has none that we know. */
static bool find(const uint8_t *d, uint32_t n, struct place *out)
{
    uint32_t at = 2 * ETH_ALEN;
    if (n < at + 2)
        return false;
    uint16_t type = be16_at(d + at);
    for (unsigned k = 0; k < TAGS_MOST && is_tag(type); k++) {
        at += 4;
        if (n < at + 2)
            return false;
        type = be16_at(d + at);
    }
    out->ip = at + 2;
    if (type == ETH_P_IPV6 && n >= out->ip)
        return find6(d, n, out);
    if (type != ETH_P_IP || n - out->ip < 20)
        return false;
    out->ver = 4;
    out->proto = d[out->ip + 9];
    out->l4 = out->ip + (d[out->ip] & 15u) * 4;
    return out->l4 <= n;
}

static unsigned sum_at(uint8_t proto)
{
    return proto == IPPROTO_TCP ? TCP_SUM : UDP_SUM;
}

void vnet_make(const struct frame *f, struct virtio_net_hdr *v)
{
    struct place p;
    memset(v, 0, sizeof *v);
    if ((!f->seg_size && f->csum != FRAME_CSUM_UNFINISHED) || f->link != LINK_ETHERNET ||
        !find(f->data, f->len, &p) || (p.proto != IPPROTO_TCP && p.proto != IPPROTO_UDP) ||
        f->len - p.l4 < (p.proto == IPPROTO_TCP ? 20u : 8u))
        return;
    v->flags = VIRTIO_NET_HDR_F_NEEDS_CSUM;
    v->csum_start = (uint16_t)p.l4;
    v->csum_offset = (uint16_t)sum_at(p.proto);
    if (!f->seg_size)
        return;
    bool tcp = p.proto == IPPROTO_TCP;
    v->gso_type = !tcp         ? VIRTIO_NET_HDR_GSO_UDP_L4
                  : p.ver == 4 ? VIRTIO_NET_HDR_GSO_TCPV4
                               : VIRTIO_NET_HDR_GSO_TCPV6;
    v->gso_size = f->seg_size;
    v->hdr_len = (uint16_t)(p.l4 + (tcp ? (f->data[p.l4 + 12] >> 4) * 4u : 8u));
}

static uint32_t words(const uint8_t *p, uint32_t n)
{
    uint32_t sum = 0;
    for (uint32_t i = 0; i < n; i += 2)
        sum += be16_at(p + i);
    return sum;
}

/* The sum of the pseudo header, as it stands in a field that the card completes. */
static uint16_t pseudo(const uint8_t *data, const struct place *p, uint32_t l4)
{
    uint32_t sum = p->proto + (l4 >> 16) + (l4 & 0xffff) +
                   (p->ver == 4 ? words(data + p->ip + 12, 8) : words(data + p->ip + 8, 32));
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)sum;
}

void vnet_refit(uint8_t *data, uint32_t n, const struct virtio_net_hdr *v)
{
    struct place p;
    if (!(v->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM) || !find(data, n, &p) || p.l4 != v->csum_start ||
        p.l4 + sum_at(p.proto) + 2u > n)
        return;
    be16_put(data + p.l4 + sum_at(p.proto), pseudo(data, &p, n - p.l4));
}

/* The transport's part as the IP header says, without what pads the frame.  0: none with a checksum of ours. */
static uint32_t transport(const uint8_t *d, uint32_t n, struct place *p)
{
    enum { MORE_OR_OFFSET = 0x3fff };
    if (!find(d, n, p) || (p->proto != IPPROTO_TCP && p->proto != IPPROTO_UDP))
        return 0;
    if (p->ver == 4 && (p->l4 < p->ip + 20 || be16_at(d + p->ip + 6) & MORE_OR_OFFSET))
        return 0;
    uint32_t end = p->ip + (p->ver == 4 ? be16_at(d + p->ip + 2) : 40u + be16_at(d + p->ip + 4));
    uint32_t least = p->proto == IPPROTO_TCP ? 20 : 8;
    return end <= n && end >= p->l4 + least ? end - p->l4 : 0;
}

bool vnet_unfinished(const uint8_t *data, uint32_t n)
{
    struct place p;
    uint32_t l4 = transport(data, n, &p);
    return l4 && be16_at(data + p.l4 + sum_at(p.proto)) == pseudo(data, &p, l4);
}

uint32_t vnet_finish(uint8_t *data, uint32_t n)
{
    struct place p;
    struct ip_addr src = {0}, dst = {0};
    uint32_t l4 = transport(data, n, &p);
    if (!l4)
        return 0;
    uint32_t at = p.l4 + sum_at(p.proto), len = p.ver == 4 ? 4 : 16;
    memcpy(src.b + 16 - len, data + p.ip + (p.ver == 4 ? 12 : 8), len);
    memcpy(dst.b + 16 - len, data + p.ip + (p.ver == 4 ? 16 : 24), len);
    be16_put(data + at, 0);
    uint16_t sum = csum_l4(p.ver, &src, &dst, p.proto, data + p.l4, l4);
    be16_put(data + at, sum || p.proto == IPPROTO_TCP ? sum : UINT16_MAX); /* RFC 768: 0 says there is none */
    return at;
}
