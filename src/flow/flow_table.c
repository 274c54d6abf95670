/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Finding and making flows.
 *
 * One worker's; no locks.  A bucket is the index of the newest flow of its chain; a chain compares
 * the 32-bit hash before it touches the key.  Memory: buckets once, then blocks of 256 flows as
 * they are needed; freed flows are used again, newest first.
 */
#include "flow/flow_table.h"
#include "flow/session.h"

#include "base/hash.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define CLOCK_BACK_NS UINT64_C(10000000000)

static uint32_t pow2_up(uint32_t n)
{
    uint32_t p = 64;
    while (p < n && p < 1u << 27)
        p <<= 1;
    return p;
}

static uint32_t buckets_of(const struct flow_config *c)
{
    return pow2_up(c->buckets ? c->buckets : 65536);
}

uint64_t flow_table_bytes(const struct flow_config *c, uint64_t flows)
{
    uint64_t blocks = (flows + BLOCK_FLOWS) / BLOCK_FLOWS; /* index 0 is "none" */
    return (uint64_t)buckets_of(c) * 4 + blocks * sizeof(struct flow_slot) * BLOCK_FLOWS;
}

struct flow_table *flow_table_new(const struct flow_config *c)
{
    struct flow_table *t =
        aligned_alloc(CACHE_LINE, (sizeof(*t) + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);
    if (!t)
        return NULL;
    memset(t, 0, sizeof(*t));
    t->cfg = *c;
    uint32_t buckets = buckets_of(c);
    uint64_t cap = c->memcap_bytes ? c->memcap_bytes : 128u << 20;
    uint64_t rest = cap > (uint64_t)buckets * 4 ? cap - (uint64_t)buckets * 4 : 0;
    uint64_t blocks = rest / (sizeof(struct flow_slot) * BLOCK_FLOWS);
    if (c->max_flows)
        blocks = u64_min(blocks, ((uint64_t)c->max_flows + BLOCK_FLOWS) / BLOCK_FLOWS);
    blocks = u64_min(blocks ? blocks : 1, 1u << 22);
    t->blocks_max = (uint32_t)blocks;
    t->max_flows = (uint32_t)(blocks * BLOCK_FLOWS - 1); /* index 0 is "none" */
    if (c->max_flows && c->max_flows < t->max_flows)
        t->max_flows = c->max_flows;
    t->mask = buckets - 1;
    t->bucket = calloc(buckets, sizeof(*t->bucket));
    t->block = calloc(t->blocks_max, sizeof(struct flow_slot *));
    if (!t->bucket || !t->block) {
        flow_table_free(t);
        return NULL;
    }
    t->n.memuse_bytes = (uint64_t)buckets * 4;
    return t;
}

void flow_table_free(struct flow_table *t)
{
    if (!t)
        return;
    for (uint32_t i = 0; i < t->blocks; i++)
        free(t->block[i]);
    free(t->block);
    free(t->bucket);
    free(t);
}

static bool block_add(struct flow_table *t)
{
    if (t->blocks == t->blocks_max)
        return false;
    size_t bytes = sizeof(struct flow_slot) * BLOCK_FLOWS;
    struct flow_slot *b = aligned_alloc(CACHE_LINE, bytes);
    if (!b)
        return false;
    memset(b, 0, bytes);
    uint32_t base = t->blocks << BLOCK_SHIFT;
    t->block[t->blocks++] = b;
    t->n.memuse_bytes += bytes;
    for (uint32_t i = BLOCK_FLOWS; i-- > 0;) {
        if (base + i == 0)
            continue;
        b[i].table = t;
        b[i].f.index = base + i;
        b[i].f.next = t->free;
        t->free = base + i;
        t->n.spare++;
    }
    return true;
}

/* An empty flow with its index, or NULL when the cap is met. */
static struct flow *flow_take(struct flow_table *t)
{
    if (t->n.active + t->others >= t->max_flows)
        return NULL;
    if (!t->free && !block_add(t))
        return NULL;
    struct flow_slot *s = slot_at(t, t->free);
    t->free = s->f.next;
    t->n.spare--;
    uint32_t index = s->f.index;
    memset(s, 0, sizeof(*s));
    s->table = t;
    s->f.index = index;
    return &s->f;
}

static uint64_t *proto_counter(struct flow_table *t, uint8_t proto)
{
    static const struct {
        uint8_t proto;
        uint16_t at;
    } row[] = {
        {IPPROTO_TCP, offsetof(struct flow_counters, tcp)},
        {IPPROTO_UDP, offsetof(struct flow_counters, udp)},
        {IPPROTO_ICMP, offsetof(struct flow_counters, icmpv4)},
        {IPPROTO_ICMPV6, offsetof(struct flow_counters, icmpv6)},
    };
    for (size_t i = 0; i < ARRAY_LEN(row); i++)
        if (row[i].proto == proto)
            return (uint64_t *)(void *)((char *)&t->n + row[i].at);
    return NULL;
}

static void unchain(struct flow_table *t, struct flow *f)
{
    uint32_t *at = &t->bucket[f->hash & t->mask];
    while (*at && *at != f->index)
        at = &slot_at(t, *at)->f.next;
    if (*at)
        *at = f->next;
}

void flow_release(struct flow_table *t, struct flow *f)
{
    unchain(t, f);
    wheel_remove(t, slot_of(f));
    f->live = 0;
    f->next = t->free;
    t->free = f->index;
    t->n.spare++;
    t->n.active--;
}

static void set_macs(struct flow *f, const struct packet *p)
{
    if (!p->l2 || p->depth || !p->frame || p->frame->link != LINK_ETHERNET)
        return;
    memcpy(f->mac[0], p->l2 + 6, 6);
    memcpy(f->mac[1], p->l2, 6);
    f->mac_have = 1;
}

static struct flow *flow_make(struct flow_table *t, const struct packet *p,
                              const struct flow_key *k)
{
    struct flow *f = flow_take(t);
    if (!f)
        return NULL;
    f->addr[0] = k->src;
    f->addr[1] = k->dst;
    f->port[0] = k->sp;
    f->port[1] = k->dp;
    f->hash = k->hash;
    memcpy(f->vlan, k->vlan, sizeof(f->vlan));
    f->vlan_n = k->vlan_n;
    f->proto = k->proto;
    f->ver = k->ver;
    f->live = 1;
    f->state = FLOW_NEW;
    f->first_ns = f->last_ns = p->ts_ns;
    f->first_number = p->number;
    uint64_t id = hash_mix(hash_mix(p->ts_ns ^ (uint64_t)k->hash << 32) + p->number);
    f->id = id & ((UINT64_C(1) << 53) - 1);
    f->iface = p->frame ? p->frame->iface : 0;
    set_macs(f, p);
    f->next = t->bucket[k->hash & t->mask];
    t->bucket[k->hash & t->mask] = f->index;
    t->n.total++;
    t->n.active++;
    uint64_t *by_proto = proto_counter(t, f->proto);
    if (by_proto)
        (*by_proto)++;
    struct flow_slot *s = slot_of(f);
    /* A clock set back must not end flows early; packets a little out of order must not move
       anything: live, now_ns is this worker's alone. */
    s->skew_ns = t->now_ns > p->ts_ns + CLOCK_BACK_NS ? t->now_ns - p->ts_ns : 0;
    f->timeout_s = flow_timeout(t, f);
    wheel_arm(t, s);
    return f;
}

static struct flow *flow_lookup(const struct flow_table *t, const struct flow_key *k, int *dir)
{
    for (uint32_t i = t->bucket[k->hash & t->mask]; i;) {
        struct flow *f = &slot_at(t, i)->f;
        if (f->hash == k->hash) {
            int d = flow_key_match(k, f);
            if (d >= 0) {
                *dir = d;
                return f;
            }
        }
        i = f->next;
    }
    return NULL;
}

/* As it would lie on a wire of its own: with the link header that a tunnel carried. */
static uint32_t inner_len(const struct packet *p)
{
    return p->l2 && p->ip && p->ip > p->l2 ? (uint32_t)(p->ip - p->l2) + p->ip_len : p->ip_len;
}

static void count_packet(struct flow_table *t, struct flow *f, struct packet *p, unsigned dir,
                         bool error)
{
    static const uint32_t seen[2] = {FLOW_SEEN_TO_SERVER, FLOW_SEEN_TO_CLIENT};
    static const uint32_t elephant[2] = {FLOW_ELEPHANT_TO_SERVER, FLOW_ELEPHANT_TO_CLIENT};
    unsigned n = p->seg_n ? p->seg_n : 1;
    if (!f->pkts[dir]) {
        f->min_ttl[dir] = f->max_ttl[dir] = p->ttl;
        p->flags |= PKT_FIRST_OF_FLOW_DIR;
    } else if (p->ttl < f->min_ttl[dir]) {
        f->min_ttl[dir] = p->ttl;
    } else if (p->ttl > f->max_ttl[dir]) {
        f->max_ttl[dir] = p->ttl;
    }
    f->pkts[dir] += n;
    f->bytes[dir] += p->frame && !p->depth ? p->frame->wire_len : inner_len(p);
    if (!error) {
        f->ttl[dir] = p->ttl;
        f->flags |= seen[dir];
        f->icmp_code[dir] = p->icmp_code;
    }
    if (p->ts_ns > f->last_ns)
        f->last_ns = p->ts_ns;
    if (t->cfg.elephant_bytes && f->bytes[dir] > t->cfg.elephant_bytes &&
        !(f->flags & elephant[dir])) {
        f->flags |= elephant[dir];
        t->n.elephant++;
    }
}

/* Flows without a session are established once both sides were seen. */
static void follow_state(struct flow *f, struct packet *p)
{
    const uint32_t both = FLOW_SEEN_TO_SERVER | FLOW_SEEN_TO_CLIENT;
    if ((f->flags & FLOW_BYPASS) && f->state != FLOW_BYPASSED)
        flow_state_set(f, FLOW_BYPASSED);
    if (f->proto == IPPROTO_TCP)
        return;
    if (f->state == FLOW_NEW && (f->flags & both) == both)
        flow_state_set(f, FLOW_ESTABLISHED);
    if (f->state == FLOW_ESTABLISHED)
        p->flags |= PKT_STREAM_EST;
}

/*
 * A place for a new flow.  At the cap the table enters its emergency, in which timeouts are short,
 * and the flow that would expire first goes.
 */
static struct flow *make_or_evict(struct flow_table *t, const struct packet *p,
                                  const struct flow_key *k, struct exception *exc, flow_end_fn *end,
                                  void *ctx)
{
    struct flow *f = flow_make(t, p, k);
    if (f)
        return f;
    if (t->peers.evict)
        t->peers.emergency(t->peers.ctx);
    else
        flow_emergency(t, true);
    if (t->peers.evict ? t->peers.evict(t->peers.ctx) : flow_evict(t, end, ctx)) {
        f = flow_make(t, p, k);
        if (f)
            return f;
    }
    t->n.memcap++;
    exc->target = EXCEPTION_FLOW_MEMCAP;
    exc->policy = (uint8_t)t->cfg.memcap_policy;
    return NULL;
}

static struct flow *get_quoted(struct flow_table *t, struct packet *p, const struct flow_key *k)
{
    int dir;
    struct flow *f = flow_lookup(t, k, &dir);
    if (!f)
        return NULL;
    p->flow = f;
    p->dir = (uint8_t)!dir; /* the error travels against the packet that it quotes */
    count_packet(t, f, p, p->dir, true);
    return f;
}

struct flow *flow_get(struct flow_table *t, struct packet *p, struct exception *exc,
                      flow_end_fn *end, void *ctx)
{
    struct flow_key k;
    exc->target = EXCEPTION_NONE;
    exc->policy = EXCEPTION_IGNORE;
    p->flow = NULL;
    if (!flow_key_of(t, p, &k))
        return NULL;
    if (p->ts_ns > t->now_ns)
        t->now_ns = p->ts_ns;
    if (k.quoted)
        return get_quoted(t, p, &k);
    int dir = 0;
    struct flow *f = flow_lookup(t, &k, &dir);
    struct tcp_syn seed;
    bool has_seed = false;
    if (f) {
        if (p->ts_ns >= f->last_ns + f->timeout_s * UINT64_C(1000000000) &&
            p->ts_ns >= flow_expiry_ns(f)) {
            flow_finish(t, f, FLOW_END_TIMEOUT, end, ctx);
            f = NULL;
        } else if (f->tcp && (p->flags & PKT_TCP) && (p->tcp.flags & TCP_SYN) &&
                   tcp_replaces(f, p, (unsigned)dir, &seed, &has_seed)) {
            f->flags |= FLOW_TCP_REUSED;
            t->n.tcp_reuse++;
            flow_finish(t, f, FLOW_END_TCP_REUSE, end, ctx);
            f = NULL;
        } else if (k.icmp && !k.answer && dir == 1 && f->port[0] != f->port[1]) {
            flow_swap(f); /* the request came after its answer */
            dir = 0;
        }
    }
    if (!f) {
        dir = 0;
        f = make_or_evict(t, p, &k, exc, end, ctx);
        if (!f)
            return NULL;
        p->flags |= PKT_FLOW_NEW;
        if (has_seed) {
            slot_of(f)->seed = seed;
            slot_of(f)->has_seed = true;
            flow_swap(f);
            f->flags &= ~FLOW_SWAPPED;
            dir = 1;
        }
    }
    p->flow = f;
    p->dir = (uint8_t)dir;
    count_packet(t, f, p, (unsigned)dir, false);
    follow_state(f, p);
    return f;
}

void flow_clock(struct flow_table *t, uint64_t now_ns)
{
    if (now_ns > t->now_ns)
        t->now_ns = now_ns;
}

struct flow *flow_find(struct flow_table *t, const struct packet *p)
{
    struct packet q = *p;
    struct flow_key k;
    int dir;
    if (!flow_key_of(t, &q, &k))
        return NULL;
    return flow_lookup(t, &k, &dir);
}

void flow_prefetch(struct flow_table *t, struct packet *const *p, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        if (!p[i]->ver || (p[i]->flags & (PKT_ICMP | PKT_ICMP6)))
            continue;
        if (!p[i]->hash)
            packet_hash(p[i], t->cfg.hash_seed, t->cfg.vlan_in_key);
        __builtin_prefetch(&t->bucket[p[i]->hash & t->mask]);
    }
    for (unsigned i = 0; i < n; i++) {
        uint32_t at = t->bucket[p[i]->hash & t->mask];
        if (!at)
            continue;
        const char *f = (const char *)slot_at(t, at);
        __builtin_prefetch(f);
        __builtin_prefetch(f + CACHE_LINE);
        __builtin_prefetch(f + 2 * CACHE_LINE);
    }
    for (unsigned i = 0; i < n; i++) {
        uint32_t at = t->bucket[p[i]->hash & t->mask];
        if (!at)
            continue;
        const struct flow *f = &slot_at(t, at)->f;
        if (f->hash == p[i]->hash && f->tcp)
            session_prefetch(f->tcp);
    }
}

static uint32_t swap_pair(uint32_t flags, uint32_t a, uint32_t b)
{
    uint32_t out = flags & ~(a | b);
    if (flags & a)
        out |= b;
    if (flags & b)
        out |= a;
    return out;
}

#define SWAP_PAIR(a)                                                                               \
    do {                                                                                           \
        __typeof__((a)[0]) swap_tmp = (a)[0];                                                      \
        (a)[0] = (a)[1];                                                                           \
        (a)[1] = swap_tmp;                                                                         \
    } while (0)

void flow_swap(struct flow *f)
{
    static const uint32_t pairs[][2] = {
        {FLOW_SEEN_TO_SERVER, FLOW_SEEN_TO_CLIENT},
        {FLOW_IPONLY_TO_SERVER, FLOW_IPONLY_TO_CLIENT},
        {FLOW_DROP_TO_SERVER, FLOW_DROP_TO_CLIENT},
        {FLOW_ELEPHANT_TO_SERVER, FLOW_ELEPHANT_TO_CLIENT},
        {FLOW_PD_TO_SERVER, FLOW_PD_TO_CLIENT},
    };
    SWAP_PAIR(f->addr);
    SWAP_PAIR(f->port);
    SWAP_PAIR(f->pkts);
    SWAP_PAIR(f->bytes);
    SWAP_PAIR(f->acked_unseen);
    SWAP_PAIR(f->icmp_code);
    SWAP_PAIR(f->ttl);
    SWAP_PAIR(f->min_ttl);
    SWAP_PAIR(f->max_ttl);
    SWAP_PAIR(f->app_proto);
    uint8_t mac[6];
    memcpy(mac, f->mac[0], 6);
    memcpy(f->mac[0], f->mac[1], 6);
    memcpy(f->mac[1], mac, 6);
    for (size_t i = 0; i < ARRAY_LEN(pairs); i++)
        f->flags = swap_pair(f->flags, pairs[i][0], pairs[i][1]);
    f->flags ^= FLOW_SWAPPED;
    if (f->tcp)
        session_swap(f->tcp);
}

void flow_each(struct flow_table *t, bool (*f)(void *ctx, struct flow *f), void *ctx)
{
    for (uint32_t b = 0; b < t->blocks; b++)
        for (uint32_t i = 0; i < BLOCK_FLOWS; i++)
            if (t->block[b][i].f.live && !f(ctx, &t->block[b][i].f))
                return;
}

bool flow_walk(struct flow_table *t, uint32_t *at, uint32_t places,
               bool (*f)(void *ctx, struct flow *f), void *ctx)
{
    uint64_t all = (uint64_t)t->blocks << BLOCK_SHIFT;
    uint32_t i = *at;
    for (; places && i < all; places--, i++) {
        struct flow *x = &t->block[i >> BLOCK_SHIFT][i & (BLOCK_FLOWS - 1)].f;
        if (x->live && !f(ctx, x)) {
            *at = i + 1;
            return false;
        }
    }
    *at = i;
    return i < all;
}

const struct flow_counters *flow_counters(const struct flow_table *t)
{
    return &t->n;
}

const char *flow_state_name(const struct flow *f)
{
    static const char *const name[FLOW_STATES] = {"new", "established", "closed", "bypassed"};
    if (f->flags & FLOW_BYPASS) /* the state follows with the flow's next packet */
        return name[FLOW_BYPASSED];
    return f->state < FLOW_STATES ? name[f->state] : "unknown";
}
