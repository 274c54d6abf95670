/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The flow table from inside.
 *
 * Flows live in a slab of blocks that grows and never shrinks; everything links them by 32-bit
 * index (0: none).  Hash chains hang on struct flow's `next`; the timer wheel has one slot a second
 * and hangs on the slot's own links.  A flow is armed at the second in which it would expire if no
 * packet came; packets only move last_ns, so the wheel finds it too early and arms it again.
 */
#ifndef FLOW_FLOW_TABLE_H
#define FLOW_FLOW_TABLE_H

#include "flow/flow.h"

enum {
    BLOCK_SHIFT = 8,
    BLOCK_FLOWS = 1 << BLOCK_SHIFT,
    WHEEL_SLOTS = 2048, /* seconds; longer timeouts are armed in steps */
};

/* What a SYN or SYN/ACK said (session.h keeps them, and a flow that replaces another inherits one).
 */
struct tcp_syn {
    uint32_t isn, ack, ts_val;
    uint16_t win, mss, len;
    uint8_t wscale, flags; /* enum syn_flag */
};
enum syn_flag {
    SYN_TS = 1 << 0,
    SYN_WSCALE = 1 << 1,
    SYN_SACK = 1 << 2,
    SYN_FASTOPEN = 1 << 3,
    SYN_AUTH = 1 << 4,
    SYN_MSS = 1 << 5,
};

struct flow_slot {
    struct flow f;
    struct flow_table *table;
    uint64_t skew_ns; /* the clock ran back by so much when the flow began */
    uint32_t prev, next;
    uint32_t armed_s; /* low bits of the second it is armed at; only compared within the wheel */
    uint32_t list;    /* wheel slot */
    bool has_seed;
    struct tcp_syn seed; /* SYN that an older flow of these ends had seen */
} __attribute__((aligned(CACHE_LINE)));

static_assert(offsetof(struct flow, flags) < CACHE_LINE &&
                  offsetof(struct flow, exceptions) < CACHE_LINE,
              "what lookup touches stays in line 0");
static_assert(offsetof(struct flow, tcp) == CACHE_LINE, "line 0 is full and nothing else");
static_assert(offsetof(struct flow, timeout_s) < 3 * CACHE_LINE, "counters stay in lines 1 and 2");

struct flow_table {
    struct flow_config cfg;
    uint32_t *bucket;
    uint32_t mask;
    uint32_t free; /* chain by struct flow's next */
    struct flow_slot **block;
    uint32_t blocks, blocks_max;
    uint32_t max_flows;
    uint64_t now_ns, now_s;
    uint64_t wheel_s;         /* first second whose slot was not emptied yet */
    uint32_t emergency_leave; /* active flows at which the emergency is over */
    bool started, emergency, rearm, emergency_counted;
    uint64_t others; /* flows of other tables under this cap */
    struct flow_peers peers;
    uint32_t wheel[WHEEL_SLOTS];
    struct flow_counters n;
};

static inline struct flow_slot *slot_at(const struct flow_table *t, uint32_t i)
{
    return &t->block[i >> BLOCK_SHIFT][i & (BLOCK_FLOWS - 1)];
}
static inline struct flow_slot *slot_of(struct flow *f)
{
    return (struct flow_slot *)f;
}

/* flow_table.c */
void flow_release(struct flow_table *t,
                  struct flow *f); /* out of chain and wheel, to the free list */
/* flow_expire.c */
uint32_t flow_timeout(const struct flow_table *t, const struct flow *f);
void wheel_arm(struct flow_table *t, struct flow_slot *s);
void wheel_remove(struct flow_table *t, struct flow_slot *s);
void flow_finish(struct flow_table *t, struct flow *f, enum flow_end why, flow_end_fn *end,
                 void *ctx);
bool flow_evict(struct flow_table *t, flow_end_fn *end, void *ctx);
/* Changes the state and with it the timeout; also of a flow that stands in no table (index 0). */
void flow_state_set(struct flow *f, enum flow_state state);

/* flow_key.c */
struct flow_key {
    struct ip_addr src, dst;
    uint16_t sp, dp;
    uint32_t hash;
    uint16_t vlan[PACKET_VLANS];
    uint8_t vlan_n, proto, ver;
    bool icmp;   /* sp, dp: type and its answer's */
    bool quoted; /* the key of the packet that an ICMP error quotes */
    bool answer; /* ICMP: this type answers another */
};
bool flow_key_of(const struct flow_table *t, struct packet *p, struct flow_key *k);
/* 0: as the packet that made the flow, 1: the other way, -1: another flow. */
int flow_key_match(const struct flow_key *k, const struct flow *f);

#endif
