/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Checksums: RFC 1071 for IP, ICMP, TCP and UDP; CRC32c for SCTP (RFC 9260 appendix A).
 *
 * The one's complement sum does not care for byte order until its end: bytes are summed as
 * little-endian words of 32 bits into 64, folded, then swapped once.
 */
#include "packet/decode.h"

#include <string.h>

static uint64_t sum_add(uint64_t sum, const uint8_t *p, size_t n)
{
    uint64_t a = 0, b = 0, v[4];
    for (; n >= 32; n -= 32, p += 32) {
        memcpy(v, p, 32);
        a += (v[0] & UINT32_MAX) + (v[1] & UINT32_MAX) + (v[2] & UINT32_MAX) + (v[3] & UINT32_MAX);
        b += (v[0] >> 32) + (v[1] >> 32) + (v[2] >> 32) + (v[3] >> 32);
    }
    sum += a + b;
    for (; n >= 4; n -= 4, p += 4)
        sum += le32_at(p);
    if (n >= 2) {
        sum += le16_at(p);
        p += 2;
        n -= 2;
    }
    return n ? sum + *p : sum;
}

/* Folded, complemented, as a number whose big-endian form goes into the header. */
static uint16_t sum_end(uint64_t sum)
{
    sum = (sum & UINT32_MAX) + (sum >> 32);
    sum = (sum & UINT32_MAX) + (sum >> 32);
    sum = (sum & UINT16_MAX) + (sum >> 16);
    sum = (sum & UINT16_MAX) + (sum >> 16);
    return (uint16_t)~__builtin_bswap16((uint16_t)sum);
}

uint16_t csum_inet(const void *p, size_t n)
{
    return sum_end(sum_add(0, p, n));
}

/* Addresses of `len` bytes. */
static uint64_t sum_pseudo(const uint8_t *src, const uint8_t *dst, size_t len, uint8_t proto,
                           size_t n)
{
    uint64_t sum = sum_add(0, src, len);
    sum = sum_add(sum, dst, len);
    uint8_t tail[8] = {0};
    be32_put(tail, (uint32_t)n);
    tail[7] = proto;
    return sum_add(sum, tail, 8);
}

uint16_t csum_l4(uint8_t ver, const struct ip_addr *src, const struct ip_addr *dst, uint8_t proto,
                 const void *l4, size_t n)
{
    uint64_t sum = ver == 4 ? sum_pseudo(src->b + 12, dst->b + 12, 4, proto, n)
                            : sum_pseudo(src->b, dst->b, 16, proto, n);
    return sum_end(sum_add(sum, l4, n));
}

void csum_crc32c_init(struct decoder *d)
{
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++)
            c = c & 1 ? c >> 1 ^ 0x82f63b78u : c >> 1;
        d->crc32c[i] = c;
    }
}

static uint32_t crc_add(const struct decoder *d, uint32_t c, const uint8_t *p, size_t n)
{
    for (size_t i = 0; i < n; i++)
        c = d->crc32c[(c ^ p[i]) & 0xff] ^ c >> 8;
    return c;
}

/* Adler-32, SCTP's checksum before RFC 3309: old captures have it. */
static uint32_t adler_add(uint32_t sum, const uint8_t *p, size_t n)
{
    uint32_t a = sum & UINT16_MAX, b = sum >> 16;
    for (size_t i = 0; i < n; i++) {
        a = (a + p[i]) % 65521;
        b = (b + a) % 65521;
    }
    return b << 16 | a;
}

/* The sum is over the packet with its checksum field as zero; CRC32c is written little-endian. */
static bool sctp_good(const struct way *w)
{
    static const uint8_t zero[4];
    const struct packet *p = w->p;
    uint32_t c = crc_add(w->d, UINT32_MAX, p->l4, 8);
    c = crc_add(w->d, c, zero, 4);
    c = ~crc_add(w->d, c, p->l4 + 12, p->l4_len - 12);
    if (c == le32_at(p->l4 + 8))
        return true;
    c = adler_add(adler_add(1, p->l4, 8), zero, 4);
    return adler_add(c, p->l4 + 12, p->l4_len - 12) == be32_at(p->l4 + 8);
}

/* UDP's 0 means "none": legal over IPv4, over IPv6 for tunnels only (RFC 6935). */
static bool udp_none_good(const struct way *w)
{
    const struct packet *p = w->p;
    if (p->ver == 4)
        return true;
    uint64_t ports = w->d->tunnel_ports;
    return (ports >> (p->dp & 63) & 1) != 0;
}

/* The sum over a good packet is 0.  src, dst: instead of the header's, or NULL. */
static uint16_t l4_sum(const struct packet *p, const uint8_t *src, const uint8_t *dst)
{
    size_t skip = p->ver == 4 ? 12 : 0, len = p->ver == 4 ? 4 : 16;
    uint64_t sum = sum_pseudo(src ? src : p->src.b + skip, dst ? dst : p->dst.b + skip, len,
                              p->proto, p->l4_len);
    return sum_end(sum_add(sum, p->l4, p->l4_len));
}

bool csum_l4_good(const struct way *w)
{
    const struct packet *p = w->p;
    switch (p->proto) {
    case IPPROTO_NUM_ICMP:
        return csum_inet(p->l4, p->l4_len) == 0;
    case IPPROTO_NUM_SCTP:
        return sctp_good(w);
    case IPPROTO_NUM_UDP:
        if (be16_at(p->l4 + 6) == 0)
            return udp_none_good(w);
        break;
    case IPPROTO_NUM_TCP:
    case IPPROTO_NUM_ICMPV6:
        break;
    default:
        return true;
    }
    if (l4_sum(p, w->csum_src, w->csum_dst) == 0)
        return true;
    /* senders that forget the route are forgiven: hosts on the way can't tell */
    return (w->csum_src || w->csum_dst) && l4_sum(p, NULL, NULL) == 0;
}
