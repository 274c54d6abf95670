/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The program at the ports of a wire by AF_XDP: beats fresh, the frame is a worker's; else it goes
 * on to the bridge.  What a socket could not send on (too long), or a queue without sockets, goes
 * to the bridge, too.  Loaded for each port with the gate's maps.  Two entries: one for drivers
 * that tell the tag which the card, or a virtual link's sender, keeps beside the frame.
 */
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

#include "capture/gate/gate_age.h"
#include "capture/xdp/owner.h"
#include "capture/xdp/xdp_shared.h"

struct {
    __uint(type, BPF_MAP_TYPE_XSKMAP);
    __uint(max_entries, 1); /* queues x workers: set before loading */
    __type(key, __u32);
    __type(value, __u32);
} sockets SEC(".maps");

const volatile __u32 most_bytes = 1522, workers = 1;

extern int bpf_xdp_metadata_rx_vlan_tag(const struct xdp_md *x, __be16 *proto, __u16 *tci) __ksym;

static __always_inline __u8 *bytes(__u32 at)
{
    return (__u8 *)(long)at;
}

/* The addresses move to the front, the tag behind them. */
static __always_inline int put_tag(struct xdp_md *x, __be16 proto, __u16 tci)
{
    if (bpf_xdp_adjust_head(x, -4))
        return -1;
    __u8 *p = bytes(x->data), *end = bytes(x->data_end);
    if (p + 18 > end)
        return -1;
    for (int i = 0; i < 12; i++)
        p[i] = p[i + 4];
    *(__be16 *)(p + 12) = proto;
    p[14] = (__u8)(tci >> 8);
    p[15] = (__u8)tci;
    return 0;
}

static __always_inline void stamp(struct xdp_md *x)
{
    if (bpf_xdp_adjust_meta(x, -(int)sizeof(struct xdp_stamp)))
        return;
    struct xdp_stamp *s = (void *)bytes(x->data_meta);
    if ((__u8 *)(s + 1) > bytes(x->data))
        return;
    s->magic = XDP_STAMP_MAGIC;
    s->ns = bpf_ktime_get_ns();
}

static __always_inline int onward(const struct gate_settings *s, __u32 why, __u32 n)
{
    count(s->stale_drop ? GATE_STALE_DROPPED : why, n);
    return s->stale_drop ? XDP_DROP : XDP_PASS;
}

static __always_inline int one(struct xdp_md *x, int tags)
{
    __u32 zero = 0, n = (__u32)bpf_xdp_get_buff_len(x), key = x->rx_queue_index * workers;
    const struct gate_settings *s = bpf_map_lookup_elem(&settings, &zero);
    if (!s)
        return XDP_PASS;
    if (age(s) >= s->after_ns)
        return onward(s, GATE_BRIDGED, n);
    if (n > most_bytes)
        return onward(s, GATE_TOO_LONG, n);
    if (workers > 1)
        key += owner_of(bytes(x->data), bytes(x->data_end), workers);
    if (!bpf_map_lookup_elem(&sockets, &key))
        return onward(s, GATE_BRIDGED, n);
    __be16 proto = 0;
    __u16 tci = 0;
    if (tags && !bpf_xdp_metadata_rx_vlan_tag(x, &proto, &tci) && put_tag(x, proto, tci))
        return XDP_ABORTED;
    stamp(x);
    count(GATE_TAKEN, n);
    return (int)bpf_redirect_map(&sockets, key, XDP_PASS);
}

SEC("xdp.frags")
int riposte_xdp(struct xdp_md *x)
{
    return one(x, 0);
}

SEC("xdp.frags")
int riposte_xdptag(struct xdp_md *x)
{
    return one(x, 1);
}

char _license[] SEC("license") = "GPL";
