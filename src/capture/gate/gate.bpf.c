/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's side of the gate (gate.h): one question, asked at tc ingress of a wire's ports and
 * as filter of the capture rings.  Compiled by clang for the BPF machine, embedded in the program.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

#include "capture/gate/gate_age.h"

SEC("tc")
int gate_port(struct __sk_buff *skb)
{
    __u32 zero = 0;
    const struct gate_settings *s = bpf_map_lookup_elem(&settings, &zero);
    if (!s)
        return TC_ACT_UNSPEC;
    __u64 old = age(s);
    if (old < s->after_ns) { /* the rings have it */
        if (old >= s->after_ns - s->guard_ns)
            count(GATE_BETWEEN, skb->len);
        return TC_ACT_SHOT;
    }
    count(s->stale_drop ? GATE_STALE_DROPPED : GATE_BRIDGED, skb->len);
    return s->stale_drop ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}

SEC("socket")
int gate_ring(struct __sk_buff *skb)
{
    __u32 zero = 0;
    const struct gate_settings *s = bpf_map_lookup_elem(&settings, &zero);
    (void)skb;
    return s && age(s) < s->after_ns - s->guard_ns ? -1 : 0; /* -1: the whole frame */
}

/* Of the packet filter (xtables, -m bpf): true, the queue has it. */
SEC("socket")
int gate_queue(struct __sk_buff *skb)
{
    __u32 zero = 0;
    const struct gate_settings *s = bpf_map_lookup_elem(&settings, &zero);
    if (s && age(s) < s->after_ns)
        return -1;
    if (s)
        count(s->stale_drop ? GATE_STALE_DROPPED : GATE_BRIDGED, skb->len);
    return 0;
}

/* The rule behind it: true, what the queue did not get is dropped. */
SEC("socket")
int gate_shut(struct __sk_buff *skb)
{
    __u32 zero = 0;
    const struct gate_settings *s = bpf_map_lookup_elem(&settings, &zero);
    (void)skb;
    return s && s->stale_drop ? -1 : 0;
}

char _license[] SEC("license") = "GPL";
