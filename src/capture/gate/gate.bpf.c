/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's side of the gate (gate.h): one question, asked at tc ingress of a wire's ports and
 * as filter of the capture rings.  Compiled by clang for the BPF machine, embedded in the program.
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

#include "capture/gate/gate_shared.h"

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, GATE_BEATS);
    __type(key, __u32);
    __type(value, struct gate_beat);
} beats SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __type(key, __u32);
    __type(value, struct gate_settings);
} settings SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, GATE_COUNTS);
    __type(key, __u32);
    __type(value, struct gate_count);
} counts SEC(".maps");

/* Age of the oldest beat; the largest number: one worker lets all go. */
static __always_inline __u64 age(const struct gate_settings *s)
{
    __u64 now = bpf_ktime_get_ns(), oldest = 0;
    for (__u32 i = 0; i < GATE_BEATS; i++) {
        __u32 k = i;
        if (i >= s->workers)
            break;
        const struct gate_beat *b = bpf_map_lookup_elem(&beats, &k);
        __u64 at = b ? *(const volatile __u64 *)&b->ns : 0;
        if (!at)
            return -1ull;
        if ((__s64)(now - at) > (__s64)oldest)
            oldest = now - at;
    }
    return oldest;
}

static __always_inline void count(__u32 what, __u32 bytes)
{
    struct gate_count *c = bpf_map_lookup_elem(&counts, &what);
    if (c) {
        c->frames++;
        c->bytes += bytes;
    }
}

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

char _license[] SEC("license") = "GPL";
