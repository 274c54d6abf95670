/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Datagrams in work: found by key, capped in number and bytes, given up oldest first, put together.
 *
 * No memory is taken after start: trackers, chunks and pieces come from pools, and rebuilt
 * datagrams lie in one buffer that is reused with the next burst.  RFC 791 3.2, RFC 8200 4.5, RFC
 * 5722, RFC 6946.
 */
#include "packet/frag.h"

#include "base/clock.h"
#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

enum {
    TRACKERS_DEFAULT = 65535,
    CAP_DEFAULT = 32 << 20,
    TIMEOUT_DEFAULT_S = 60,
    EXPIRE_A_BURST = 32, /* looked at */
    EVICT_A_PIECE = 64,  /* given up for one fragment, at most */
    IP6_LEN = 40,
};

static void memory_count(struct frag_table *t, int64_t bytes)
{
    t->n->frag_mem_bytes += (uint64_t)bytes;
}

static bool memory_left(const struct frag_table *t, uint64_t bytes)
{
    return t->n->frag_mem_bytes + bytes <= t->cap_bytes;
}

uint32_t frag_chunk_get(struct frag_table *t)
{
    uint32_t i = t->chunks_free;
    if (!memory_left(t, FRAG_CHUNK))
        return 0;
    if (i)
        memcpy(&t->chunks_free, frag_chunk_at(t, i), sizeof(i));
    else if (t->chunks_fresh < t->chunks_max)
        i = ++t->chunks_fresh;
    if (i)
        memory_count(t, FRAG_CHUNK);
    return i;
}

void frag_chunk_put(struct frag_table *t, uint32_t i)
{
    memcpy(frag_chunk_at(t, i), &t->chunks_free, sizeof(i));
    t->chunks_free = i;
    memory_count(t, -FRAG_CHUNK);
}

uint32_t frag_span_get(struct frag_table *t)
{
    uint32_t i = t->spans_free;
    if (i)
        t->spans_free = frag_span_at(t, i)->next;
    else if (t->spans_fresh < t->spans_max)
        i = ++t->spans_fresh;
    if (i) {
        t->spans_used++;
        memory_count(t, sizeof(struct frag_span));
    }
    return i;
}

void frag_span_put(struct frag_table *t, uint32_t i)
{
    frag_span_at(t, i)->next = t->spans_free;
    t->spans_free = i;
    t->spans_used--;
    memory_count(t, -(int64_t)sizeof(struct frag_span));
}

void frag_tracker_empty(struct frag_table *t, struct frag_tracker *k)
{
    for (uint32_t i = k->first, next; i; i = next) {
        next = frag_span_at(t, i)->next;
        frag_span_put(t, i);
    }
    for (unsigned i = 0; i < FRAG_CHUNKS; i++)
        if (k->chunk[i])
            frag_chunk_put(t, k->chunk[i]);
    if (k->head_chunk)
        frag_chunk_put(t, k->head_chunk);
    memset(k->chunk, 0, sizeof(k->chunk));
    t->pieces -= k->pieces;
    k->first = k->last = k->spans = k->held = k->head_chunk = k->pieces = 0;
}

static struct frag_tracker *tracker_at(const struct frag_table *t, uint32_t i)
{
    return &t->tracker[i - 1];
}

static uint32_t *bucket_of(const struct frag_table *t, const struct frag_key *key)
{
    return &t->bucket[hash_bytes(key, sizeof(*key), t->seed) & t->bucket_mask];
}

static void tracker_free(struct frag_table *t, uint32_t i)
{
    struct frag_tracker *k = tracker_at(t, i);
    uint32_t *link = bucket_of(t, &k->key);
    while (*link != i)
        link = &tracker_at(t, *link)->hash_next;
    *link = k->hash_next;
    if (k->older)
        tracker_at(t, k->older)->newer = k->newer;
    else
        t->oldest = k->newer;
    if (k->newer)
        tracker_at(t, k->newer)->older = k->older;
    else
        t->newest = k->older;
    frag_tracker_empty(t, k);
    k->hash_next = t->trackers_free;
    t->trackers_free = i;
    t->n->frag_trackers--;
    memory_count(t, -(int64_t)sizeof(*k));
}

static void tracker_timeout(struct frag_table *t, uint32_t i)
{
    if (tracker_at(t, i)->key.ver == 4)
        t->n->frag_ipv4_timeout++;
    else
        t->n->frag_ipv6_timeout++;
    tracker_free(t, i);
}

/* Gives up the oldest datagram, but not `keep`.  False: there is none. */
static bool evict(struct frag_table *t, uint32_t keep)
{
    uint32_t i = t->oldest == keep && keep ? tracker_at(t, keep)->newer : t->oldest;
    if (!i)
        return false;
    t->n->frag_max_hit++;
    tracker_free(t, i);
    return true;
}

static void key_set(const struct frag_table *t, const struct packet *p, const struct frag_piece *f,
                    struct frag_key *key)
{
    memset(key, 0, sizeof(*key));
    key->src = p->src;
    key->dst = p->dst;
    key->id = f->id;
    key->vni = p->vxlan_vni;
    key->ver = p->ver;
    key->proto = p->ver == 4 ? p->proto : 0; /* IPv6: a fragment's next header may differ */
    key->depth = p->depth;
    if (!t->cfg->frag_ignore_vlan)
        memcpy(key->vlan, p->vlan, sizeof(key->vlan));
}

static uint32_t tracker_find(struct frag_table *t, const struct frag_key *key, uint64_t now_ns)
{
    uint32_t i = *bucket_of(t, key);
    while (i && memcmp(&tracker_at(t, i)->key, key, sizeof(*key)) != 0)
        i = tracker_at(t, i)->hash_next;
    if (i && tracker_at(t, i)->expire_ns <= now_ns) {
        tracker_timeout(t, i);
        return 0;
    }
    return i;
}

static uint32_t tracker_slot(struct frag_table *t)
{
    for (unsigned tries = 0; tries < EVICT_A_PIECE; tries++) {
        uint32_t i = t->trackers_free;
        if (memory_left(t, sizeof(struct frag_tracker))) {
            if (i) {
                t->trackers_free = tracker_at(t, i)->hash_next;
                return i;
            }
            if (t->trackers_fresh < t->trackers_max)
                return ++t->trackers_fresh;
        }
        if (!evict(t, 0))
            return 0;
    }
    return 0;
}

static uint32_t tracker_new(struct frag_table *t, const struct frag_key *key, uint64_t now_ns)
{
    const struct decode_config *cfg = t->cfg;
    uint32_t i = tracker_slot(t);
    if (!i)
        return 0;
    struct frag_tracker *k = tracker_at(t, i);
    memset(k, 0, offsetof(struct frag_tracker, head));
    k->key = *key;
    k->policy =
        (uint8_t)(cfg->frag_policy ? cfg->frag_policy(cfg->ctx, key->ver, &key->dst) : FRAG_BSD);
    if (k->policy > FRAG_SOLARIS)
        k->policy = FRAG_BSD;
    uint64_t timeout =
        cfg->frag_timeout ? cfg->frag_timeout(cfg->ctx, key->ver, &key->dst) : cfg->frag_timeout_ns;
    k->expire_ns = now_ns + (timeout ? timeout : TIMEOUT_DEFAULT_S * NS_PER_SEC);
    uint32_t *bucket = bucket_of(t, key);
    k->hash_next = *bucket;
    *bucket = i;
    k->older = t->newest;
    if (t->newest)
        tracker_at(t, t->newest)->newer = i;
    else
        t->oldest = i;
    t->newest = i;
    t->n->frag_trackers++;
    memory_count(t, sizeof(*k));
    return i;
}

static bool chunk_want(struct frag_table *t, uint32_t i, uint32_t *chunk)
{
    for (unsigned tries = 0; !*chunk && tries < EVICT_A_PIECE; tries++) {
        *chunk = frag_chunk_get(t);
        if (!*chunk && !evict(t, i))
            return false;
    }
    return *chunk != 0;
}

/* Everything that putting [s, e) in may need is there; false: it can't be had. */
static bool room_make(struct frag_table *t, uint32_t i, uint32_t s, uint32_t e, uint32_t head_len)
{
    struct frag_tracker *k = tracker_at(t, i);
    if (k->spans + 2 > FRAG_PIECES_MAX)
        return false;
    while (t->pieces >= t->pieces_max || t->spans_max - t->spans_used < k->spans + 2)
        if (!evict(t, i))
            return false;
    if (head_len > FRAG_HEAD && !chunk_want(t, i, &k->head_chunk))
        return false;
    for (uint32_t c = s / FRAG_CHUNK; c <= (e - 1) / FRAG_CHUNK; c++)
        if (!chunk_want(t, i, &k->chunk[c]))
            return false;
    return true;
}

/* The header of the fragment that byte 0 came with; what is in front of it if it fits. */
static void head_keep(struct frag_table *t, struct frag_tracker *k, const struct packet *p,
                      const struct frag_piece *f)
{
    size_t prefix = (size_t)(f->hdr - p->data);
    if (prefix + f->hdr_len > FRAG_CHUNK)
        prefix = 0;
    k->prefix = (uint16_t)prefix;
    k->head_len = (uint16_t)(prefix + f->hdr_len);
    k->nh_at = f->nh_at;
    k->nh = f->nh;
    uint8_t *to = k->head_len > FRAG_HEAD ? frag_chunk_at(t, k->head_chunk) : k->head;
    memcpy(to, f->hdr - prefix, k->head_len);
}

/*
 * Where the datagram ends, against what this fragment says; the first word counts, but Solaris
 * appends. Cuts *e to it.  False: not to be taken.
 */
static bool end_agree(struct frag_table *t, struct frag_tracker *k, const struct frag_piece *f,
                      uint32_t *e)
{
    uint32_t reach = k->last ? frag_span_at(t, k->last)->end : 0;
    if (!f->more && !k->have_end) {
        if (*e >= reach) {
            k->have_end = true;
            k->end = *e;
        } else if (k->policy == FRAG_LINUX) {
            return false; /* more is there already than it says there is */
        }
    } else if (!f->more && k->policy == FRAG_SOLARIS) {
        k->end = u32_max(k->end, *e);
    }
    if (!k->have_end || *e <= k->end)
        return true;
    if (k->policy == FRAG_LINUX || f->off >= k->end)
        return false;
    *e = k->end;
    return true;
}

/* Cuts the header free of its fragment fields. */
static void head_mend(const struct frag_tracker *k, uint8_t *ip, uint32_t len)
{
    if (k->key.ver == 4) {
        unsigned hlen = (ip[0] & 0x0f) * 4u;
        be16_put(ip + 2, (uint16_t)len);
        be16_put(ip + 6, 0);
        be16_put(ip + 10, 0);
        be16_put(ip + 10, csum_inet(ip, hlen));
        return;
    }
    be16_put(ip + 4, (uint16_t)(len - IP6_LEN));
    ip[k->nh_at] = k->nh;
}

/* Puts a whole datagram together.  False: no room in this burst, or more than a datagram can be. */
static bool rebuild(struct frag_table *t, const struct frag_tracker *k, struct frag_whole *out)
{
    uint32_t len = k->head_len + k->end;
    uint32_t most = UINT16_MAX + (k->key.ver == 4 ? 0 : IP6_LEN);
    if (FRAG_OUT_BYTES - t->out_used < len || len - k->prefix > most)
        return false;
    uint8_t *to = t->out + t->out_used;
    t->out_used += (len + 63u) & ~63u;
    memcpy(to, k->head_len > FRAG_HEAD ? frag_chunk_at(t, k->head_chunk) : k->head, k->head_len);
    for (uint32_t at = 0; at < k->end; at += FRAG_CHUNK)
        memcpy(to + k->head_len + at, frag_chunk_at(t, k->chunk[at / FRAG_CHUNK]),
               u32_min(FRAG_CHUNK, k->end - at));
    head_mend(k, to + k->prefix, len - k->prefix);
    *out = (struct frag_whole){.data = to, .len = len, .prefix = k->prefix};
    return true;
}

static void refuse(struct way *w, unsigned event4, unsigned event6)
{
    packet_event(w->p, w->p->ver == 4 ? event4 : event6);
    w->d->n.frag_refused++;
}

/* Lengths that no datagram can have. */
static bool piece_sane(struct way *w, const struct frag_piece *f)
{
    bool v4 = w->p->ver == 4, good = true;
    uint32_t around = v4 ? f->hdr_len : f->hdr_len - IP6_LEN;
    if (around + f->off + f->len > UINT16_MAX) {
        refuse(w, DECODE_IPV4_FRAG_PKT_TOO_LARGE, DECODE_IPV6_FRAG_PKT_TOO_LARGE);
        good = false;
    }
    if (!v4 && f->more && f->len % 8) { /* hosts answer with a parameter problem and drop it */
        refuse(w, DECODE_IPV6_FRAG_INVALID_LENGTH, DECODE_IPV6_FRAG_INVALID_LENGTH);
        good = false;
    }
    return good && f->len > 0;
}

/* Takes the fragment into datagram i.  True: it is whole. */
static bool piece_put(struct way *w, uint32_t i, const struct frag_piece *f)
{
    struct frag_table *t = w->d->frags;
    struct frag_tracker *k = tracker_at(t, i);
    uint32_t s = f->off, e = f->off + f->len;
    if (k->policy == FRAG_LINUX && f->more)
        e &= ~7u;
    if (e <= s)
        return false;
    struct frag_fit look = frag_spans_look(t, k, s, e, f->data);
    if (look.overlap)
        packet_event(w->p, w->p->ver == 4 ? DECODE_IPV4_FRAG_OVERLAP : DECODE_IPV6_FRAG_OVERLAP);
    if (look.overlap && !look.exact && w->p->ver == 6 && t->cfg->frag_ipv6_drop_overlap) {
        frag_tracker_empty(t, k);
        k->dead = true;
        return false;
    }
    if (!end_agree(t, k, f, &e))
        return false;
    uint32_t head_len = s == 0 ? (uint32_t)(f->hdr - w->p->data) + f->hdr_len : 0;
    if (f->hdr_len > FRAG_CHUNK || !room_make(t, i, s, e, head_len)) {
        refuse(w, DECODE_IPV4_FRAG_IGNORED, DECODE_IPV6_FRAG_IGNORED);
        return false;
    }
    t->pieces++;
    k->pieces++;
    if (frag_spans_put(t, k, s, e, f->data).took_zero)
        head_keep(t, k, w->p, f);
    return k->have_end && k->held == k->end;
}

void frag_take(struct way *w, const struct frag_piece *f)
{
    struct frag_table *t = w->d->frags;
    uint64_t now = w->d->now_ns;
    struct frag_key key;
    if (!piece_sane(w, f))
        return;
    key_set(t, w->p, f, &key);
    uint32_t i = tracker_find(t, &key, now);
    if (!i)
        i = tracker_new(t, &key, now);
    if (!i) {
        refuse(w, DECODE_IPV4_FRAG_IGNORED, DECODE_IPV6_FRAG_IGNORED);
        return;
    }
    struct frag_tracker *k = tracker_at(t, i);
    if (k->dead || !piece_put(w, i, f))
        return;
    if (!rebuild(t, k, &w->whole))
        refuse(w, DECODE_IPV4_FRAG_IGNORED, DECODE_IPV6_FRAG_IGNORED);
    else if (w->p->ver == 4)
        t->n->frag_ipv4_whole++;
    else
        t->n->frag_ipv6_whole++;
    tracker_free(t, i);
}

void frag_burst_end(struct frag_table *t, uint64_t now_ns)
{
    t->out_used = 0;
    for (unsigned i = 0; i < EXPIRE_A_BURST && t->oldest; i++) {
        if (tracker_at(t, t->oldest)->expire_ns > now_ns)
            return;
        tracker_timeout(t, t->oldest);
    }
}

static uint32_t pow2_above(uint32_t n)
{
    uint32_t p = 64;
    while (p < n && p < 1u << 20)
        p *= 2;
    return p;
}

struct frag_table *frag_table_new(const struct decode_config *c, struct decode_counters *n)
{
    struct frag_table *t = calloc(1, sizeof(*t));
    if (!t)
        return NULL;
    t->cfg = c;
    t->n = n;
    t->cap_bytes = c->frag_cap_bytes ? c->frag_cap_bytes : CAP_DEFAULT;
    uint64_t fit = t->cap_bytes / sizeof(struct frag_tracker) + 1;
    t->trackers_max = (uint32_t)u64_min(c->frag_max ? c->frag_max : TRACKERS_DEFAULT, fit);
    t->pieces_max = c->frag_pieces_max ? c->frag_pieces_max : UINT32_MAX;
    t->chunks_max = (uint32_t)u64_min(t->cap_bytes / FRAG_CHUNK, 1u << 20);
    t->spans_max = u32_max(2 * FRAG_PIECES_MAX, u32_min(t->chunks_max * 16, 1u << 20));
    t->bucket_mask = pow2_above(t->trackers_max) - 1;
    if (random_bytes(&t->seed, sizeof(t->seed)) < 0)
        t->seed = (uintptr_t)t;
    t->tracker = calloc(t->trackers_max, sizeof(*t->tracker));
    t->bucket = calloc(t->bucket_mask + 1ul, sizeof(*t->bucket));
    t->chunk = malloc((size_t)t->chunks_max * FRAG_CHUNK + 1);
    t->span = calloc(t->spans_max, sizeof(*t->span));
    t->out = malloc(FRAG_OUT_BYTES);
    if (t->tracker && t->bucket && t->chunk && t->span && t->out)
        return t;
    frag_table_free(t);
    return NULL;
}

void frag_table_free(struct frag_table *t)
{
    if (!t)
        return;
    free(t->tracker);
    free(t->bucket);
    free(t->chunk);
    free(t->span);
    free(t->out);
    free(t);
}
