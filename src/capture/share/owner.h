/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose frame is it?  By its outermost VLAN, else by the networks of its two ends: the same answer for both
 * directions of a flow, and for all who ask (the gate, the rings, the fanout).  BPF code only.
 */
#ifndef CAPTURE_SHARE_OWNER_H
#define CAPTURE_SHARE_OWNER_H

#include "capture/share/share_shared.h"

#include <linux/if_ether.h>
#include <linux/in.h>

#include <bpf/bpf_endian.h>

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, SHARE_VLANS);
    __type(key, __u32);
    __type(value, struct share_vlan);
} vlans SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct share_all);
} all SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_LPM_TRIE);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, SHARE_NETS);
    __type(key, struct share_net);
    __type(value, __u32);
} nets SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(map_flags, BPF_F_NO_PREALLOC);
    __uint(max_entries, 4096);
    __type(key, struct share_pair);
    __type(value, __u32);
} between SEC(".maps");

struct share_ends {
    __u32 version; /* 0: no IP */
    __u32 at;      /* of the IP header, behind the network header's start */
    __u8 src[16], dst[16];
};

static __always_inline int load_net(const struct __sk_buff *skb, __u32 at, void *to, __u32 n)
{
    return bpf_skb_load_bytes_relative(skb, at, to, n, BPF_HDR_START_NET);
}

static __always_inline int is_tag(__u16 type)
{
    return type == bpf_htons(ETH_P_8021Q) || type == bpf_htons(ETH_P_8021AD) || type == bpf_htons(ETH_P_QINQ1);
}

/* Behind the tag that the kernel has taken off there may stand two more, or PPPoE. */
static __always_inline void ends_of(const struct __sk_buff *skb, struct share_ends *e)
{
    __u16 type = (__u16)skb->protocol;
    __u32 at = 0;
    e->version = 0;
    for (int i = 0; i < 2; i++) {
        if (!is_tag(type))
            break;
        if (load_net(skb, at + 2, &type, 2))
            return;
        at += 4;
    }
    if (type == bpf_htons(ETH_P_PPP_SES)) {
        if (load_net(skb, at + 6, &type, 2))
            return;
        at += 8;
        type = type == bpf_htons(0x21) ? bpf_htons(ETH_P_IP) : type == bpf_htons(0x57) ? bpf_htons(ETH_P_IPV6) : 0;
    }
    e->at = at;
    if (type == bpf_htons(ETH_P_IP)) {
        __builtin_memset(e->src, 0, sizeof(e->src));
        __builtin_memset(e->dst, 0, sizeof(e->dst));
        if (!load_net(skb, at + 12, e->src, 4) && !load_net(skb, at + 16, e->dst, 4))
            e->version = 4;
    } else if (type == bpf_htons(ETH_P_IPV6)) {
        if (!load_net(skb, at + 8, e->src, 16) && !load_net(skb, at + 24, e->dst, 16))
            e->version = 6;
    }
}

static __always_inline __u32 net_owner(__u16 vlan, __u32 version, const __u8 addr[16])
{
    struct share_net k = {.prefixlen = SHARE_FAMILY_BITS + 128, .vlan = vlan, .version = (__u16)version};
    __builtin_memcpy(k.addr, addr, 16);
    const __u32 *m = bpf_map_lookup_elem(&nets, &k);
    return m ? *m : SHARE_NONE;
}

/* Of two networks' members: the one that a row of the table names, else the one that stands first. */
static __always_inline __u32 between_of(__u32 a, __u32 b)
{
    if (a == b || b == SHARE_NONE)
        return a;
    if (a == SHARE_NONE)
        return b;
    struct share_pair k = {.a = (__u16)(a < b ? a : b), .b = (__u16)(a < b ? b : a)};
    const __u32 *by = bpf_map_lookup_elem(&between, &k);
    return by ? *by : k.a;
}

static __always_inline __u32 owner(const struct __sk_buff *skb)
{
    __u32 zero = 0, vlan = skb->vlan_present ? skb->vlan_tci & 0xfff : 0;
    __u32 key = vlan ? vlan : SHARE_VLANS - 1; /* a tag of 0 is a priority, not a VLAN */
    const struct share_vlan *v = bpf_map_lookup_elem(&vlans, &key);
    const struct share_all *s = bpf_map_lookup_elem(&all, &zero);
    if (!v || !s)
        return SHARE_NONE;
    if (v->member != SHARE_NONE)
        return v->member;
    if (v->known ? v->nets : s->nets) {
        struct share_ends e;
        __u16 where = v->known ? (__u16)key : (__u16)SHARE_ANY_VLAN;
        ends_of(skb, &e);
        if (e.version) {
            __u32 m = between_of(net_owner(where, e.version, e.src), net_owner(where, e.version, e.dst));
            if (m != SHARE_NONE)
                return m;
        }
    }
    return s->rest;
}

#endif
