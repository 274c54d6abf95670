/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose frame is it?  The third form of capture_owner (fanout.c), for the program at the port: from
 * the bytes, with up to three tags and PPPoE before them; what it can't read is worker 0's.
 * Compiled for the BPF machine and, by the unit test, for this one.
 */
#ifndef CAPTURE_XDP_OWNER_H
#define CAPTURE_XDP_OWNER_H

#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/types.h>

#define OWNER_INLINE static inline __attribute__((always_inline))

OWNER_INLINE __u32 owner_16(const __u8 *p)
{
    return (__u32)p[0] << 8 | p[1];
}
OWNER_INLINE __u32 owner_32(const __u8 *p)
{
    return owner_16(p) << 16 | owner_16(p + 2);
}

OWNER_INLINE __u32 owner_fold(const __u8 *p)
{
    __u32 h = 0;
    h = (h + owner_32(p)) * 3;
    h = (h + owner_32(p + 4)) * 3;
    h = (h + owner_32(p + 8)) * 3;
    return (h + owner_32(p + 12)) * 3;
}

OWNER_INLINE int owner_has_ports(__u32 proto)
{
    return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP;
}

OWNER_INLINE __u32 owner_mix(__u32 a, __u32 b, __u32 workers)
{
    __u32 h = (a + b) * 0x85ebca6bu ^ (a ^ b) * 0xc2b2ae35u;
    h = (h ^ h >> 15) * 0x27d4eb2fu;
    return ((h >> 16) * workers) >> 16;
}

OWNER_INLINE int owner_is_tag(__u32 type)
{
    return type == ETH_P_8021Q || type == ETH_P_8021AD || type == ETH_P_QINQ1;
}

OWNER_INLINE __u32 owner_4(const __u8 *p, const __u8 *end, __u32 workers)
{
    if (p + 20 > end)
        return 0;
    __u32 a = owner_32(p + 12), b = owner_32(p + 16);
    if (!(owner_16(p + 6) & 0x3fff) && owner_has_ports(p[9])) {
        const __u8 *l4 = p + (p[0] & 15u) * 4;
        if (l4 + 4 > end)
            return 0;
        a += owner_16(l4) * 0x9e3779b1u;
        b += owner_16(l4 + 2) * 0x9e3779b1u;
    }
    return owner_mix(a, b, workers);
}

OWNER_INLINE __u32 owner_6(const __u8 *p, const __u8 *end, __u32 workers)
{
    if (p + 40 > end)
        return 0;
    __u32 a = owner_fold(p + 8), b = owner_fold(p + 24);
    if (owner_has_ports(p[6])) {
        if (p + 44 > end)
            return 0;
        a += owner_16(p + 40) * 0x9e3779b1u;
        b += owner_16(p + 42) * 0x9e3779b1u;
    }
    return owner_mix(a, b, workers);
}

OWNER_INLINE __u32 owner_of(const __u8 *p, const __u8 *end, __u32 workers)
{
    if (p + 14 > end)
        return 0;
    __u32 type = owner_16(p + 12);
    p += 14;
    for (int k = 0; k < 3; k++) {
        if (!owner_is_tag(type))
            break;
        if (p + 4 > end)
            return 0;
        type = owner_16(p + 2);
        p += 4;
    }
    if (type == ETH_P_PPP_SES) {
        if (p + 8 > end)
            return 0;
        __u32 ppp = owner_16(p + 6);
        p += 8;
        type = ppp == 0x21 ? ETH_P_IP : ppp == 0x57 ? ETH_P_IPV6 : 0;
    }
    return type == ETH_P_IP     ? owner_4(p, end, workers)
           : type == ETH_P_IPV6 ? owner_6(p, end, workers)
                                : 0;
}

#endif
