/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The gate's question and its maps, for BPF programs that ask it (gate.bpf.c, xdp/xdp.bpf.c).  BPF
 * code only. */
#ifndef CAPTURE_GATE_GATE_AGE_H
#define CAPTURE_GATE_GATE_AGE_H

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

/* Age of the oldest beat in a map of them; the largest number: one worker lets all go. */
static __always_inline __u64 age_of(void *map, const struct gate_settings *s)
{
    __u64 now = bpf_ktime_get_ns(), oldest = 0;
    for (__u32 i = 0; i < GATE_BEATS; i++) {
        __u32 k = i;
        if (i >= s->workers)
            break;
        const struct gate_beat *b = bpf_map_lookup_elem(map, &k);
        __u64 at = b ? *(const volatile __u64 *)&b->ns : 0;
        if (!at)
            return -1ull;
        if ((__s64)(now - at) > (__s64)oldest)
            oldest = now - at;
    }
    return oldest;
}

static __always_inline __u64 age(const struct gate_settings *s)
{
    return age_of(&beats, s);
}

static __always_inline void count(__u32 what, __u32 bytes)
{
    struct gate_count *c = bpf_map_lookup_elem(&counts, &what);
    if (c) {
        c->frames++;
        c->bytes += bytes;
    }
}

#endif
