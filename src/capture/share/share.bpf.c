/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The kernel's side of a port that several virtual IPSs share (share.h).
 *
 * share_port   at tc ingress of a wire's ports: the gate's question, asked of the owner's beats
 * share_fanout which socket of the group gets a frame
 * share_ring   filter of a member's sockets in the wire: its frames alone, and none while its gate
 * is open share_mirror the same on mirror ports: its frames alone
 */
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

#include "capture/gate/gate_age.h"
#include "capture/share/owner.h"

const volatile __u32 self; /* whose filters these are */

struct beats_inner {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(map_flags, BPF_F_MMAPABLE);
    __uint(max_entries, GATE_BEATS);
    __uint(key_size, sizeof(__u32));
    __uint(value_size, sizeof(struct gate_beat));
};
struct settings_inner {
    __uint(type, BPF_MAP_TYPE_ARRAY);
    __uint(max_entries, 1);
    __uint(key_size, sizeof(__u32));
    __uint(value_size, sizeof(struct gate_settings));
};
struct counts_inner {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, GATE_COUNTS);
    __uint(key_size, sizeof(__u32));
    __uint(value_size, sizeof(struct gate_count));
};
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, SHARE_MEMBERS);
    __type(key, __u32);
    __array(values, struct beats_inner);
} all_beats SEC(".maps");
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, SHARE_MEMBERS);
    __type(key, __u32);
    __array(values, struct settings_inner);
} all_settings SEC(".maps");
struct {
    __uint(type, BPF_MAP_TYPE_ARRAY_OF_MAPS);
    __uint(max_entries, SHARE_MEMBERS);
    __type(key, __u32);
    __array(values, struct counts_inner);
} all_counts SEC(".maps");

struct {
    __uint(type, BPF_MAP_TYPE_HASH);
    __uint(max_entries, SHARE_MEMBERS *SHARE_PORTS);
    __type(key, struct share_place_key);
    __type(value, struct share_place);
} places SEC(".maps");
struct {
    __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
    __uint(max_entries, SHARE_COUNTS);
    __type(key, __u32);
    __type(value, struct gate_count);
} share_counts SEC(".maps");

static __always_inline void count_in(void *map, __u32 what, __u32 bytes)
{
    struct gate_count *c = map ? bpf_map_lookup_elem(map, &what) : 0;
    if (c) {
        c->frames++;
        c->bytes += bytes;
    }
}

SEC("tc")
int share_port(struct __sk_buff *skb)
{
    __u32 zero = 0, m = owner(skb);
    void *beats_of = m < SHARE_MEMBERS ? bpf_map_lookup_elem(&all_beats, &m) : 0;
    if (!beats_of) { /* nobody's, or of one that does not run: the bridge has it */
        count_in(&share_counts, SHARE_UNCLAIMED, skb->len);
        return TC_ACT_UNSPEC;
    }
    void *settings_of = bpf_map_lookup_elem(&all_settings, &m);
    const struct gate_settings *s = settings_of ? bpf_map_lookup_elem(settings_of, &zero) : 0;
    void *counts_of = bpf_map_lookup_elem(&all_counts, &m);
    if (!s)
        return TC_ACT_UNSPEC;
    __u64 old = age_of(beats_of, s);
    if (old < s->after_ns) {
        if (old >= s->after_ns - s->guard_ns)
            count_in(counts_of, GATE_BETWEEN, skb->len);
        return TC_ACT_SHOT;
    }
    count_in(counts_of, s->stale_drop ? GATE_STALE_DROPPED : GATE_BRIDGED, skb->len);
    return s->stale_drop ? TC_ACT_SHOT : TC_ACT_UNSPEC;
}

/* Another's frame at this socket: the group's order is not what the map of places says. */
static __always_inline int is_own(const struct __sk_buff *skb)
{
    struct share_place_key k = {.ifindex = skb->ifindex, .member = owner(skb)};
    if (k.member == self)
        return 1;
    if (k.member != SHARE_NONE && bpf_map_lookup_elem(&places, &k))
        count_in(&share_counts, SHARE_ASTRAY, skb->len);
    return 0;
}

SEC("socket")
int share_ring(struct __sk_buff *skb)
{
    __u32 zero = 0;
    const struct gate_settings *s = bpf_map_lookup_elem(&settings, &zero);
    return s && is_own(skb) && age(s) < s->after_ns - s->guard_ns ? -1 : 0;
}

SEC("socket")
int share_mirror(struct __sk_buff *skb)
{
    return is_own(skb) ? -1 : 0;
}

/* As capture_owner has it (capture/fanout.c). */
static __always_inline __u32 fold(const struct share_ends *e, const __u8 a[16], __u32 port)
{
    __u32 w[4], h = 0;
    __builtin_memcpy(w, a, 16);
    if (e->version == 4)
        h = bpf_ntohl(w[0]);
    else
        for (int i = 0; i < 4; i++)
            h = (h + bpf_ntohl(w[i])) * 3;
    return h + port * 0x9e3779b1u;
}

static __always_inline __u32 worker_of(const struct __sk_buff *skb, __u32 workers)
{
    struct share_ends e;
    __u16 port[2] = {0, 0};
    __u8 proto = 0, first = 0;
    ends_of(skb, &e);
    if (!e.version)
        return 0;
    __u32 at = e.at + 40;
    if (e.version == 6) {
        (void)load_net(skb, e.at + 6, &proto, 1);
    } else {
        __u16 fragment = 0;
        (void)load_net(skb, e.at + 6, &fragment, 2);
        (void)load_net(skb, e.at, &first, 1);
        if (!(bpf_ntohs(fragment) & 0x3fff))
            (void)load_net(skb, e.at + 9, &proto, 1);
        at = e.at + ((first & 15u) << 2);
    }
    if (proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP)
        if (load_net(skb, at, port, 4))
            return 0;
    __u32 a = fold(&e, e.src, bpf_ntohs(port[0])), b = fold(&e, e.dst, bpf_ntohs(port[1]));
    __u32 h = (a + b) * 0x85ebca6bu ^ (a ^ b) * 0xc2b2ae35u;
    h = (h ^ h >> 15) * 0x27d4eb2fu;
    return (h >> 16) * workers >> 16;
}

SEC("socket")
int share_fanout(struct __sk_buff *skb)
{
    struct share_place_key k = {.ifindex = skb->ifindex, .member = owner(skb)};
    const struct share_place *p = bpf_map_lookup_elem(&places, &k);
    if (!p || !p->workers)
        return 0; /* its filter lets no frame of others through */
    __u32 w = p->workers > 1 ? worker_of(skb, p->workers) : 0;
    asm volatile("" : "+r"(w)); /* the verifier wants the test on the very number that is used */
    return w < SHARE_PLACES ? (int)p->at[w] : 0;
}

char _license[] SEC("license") = "GPL";
