/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * State by host, pair, rule: one sharded table a vIPS.
 *
 * A row has a key, a time at which it is over, and four numbers.  Chains by index; a shard that is at its cap
 * first drops what is over, then refuses (counted).  Replay with several workers enters in the order of
 * packets (state_config.enter), so that any number of workers sees one history.
 */
#include "detect/match.h"

#include "base/hash.h"

#include <pthread.h>
#include <stdatomic.h>
#include <string.h>

enum { SHARDS = 64, ROWS_FIRST = 64 };
#define STATE_CAP_DEFAULT (64ull << 20)

struct row {
    struct state_key key;
    struct state_row row;
    uint32_t next; /* + 1 */
    uint32_t hash;
};
struct shard {
    pthread_mutex_t lock;
    struct row *rows;
    uint32_t n, room, cap;
    uint32_t free; /* + 1 */
    uint32_t *slot;
    uint32_t slots;
    uint64_t entries, refused, expired, swept_ns;
};
struct state {
    struct state_config config;
    struct live_sets sets;
    uint64_t seed;
    _Atomic uint64_t tags; /* rows of tagged hosts */
    struct shard shard[SHARDS];
};

struct state *state_new(const struct state_config *c)
{
    struct state *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->config = *c;
    pthread_mutex_init(&s->sets.lock, NULL);
    if (!c->enter && random_bytes(&s->seed, sizeof(s->seed)))
        s->seed = 0;
    uint64_t cap = c->cap_bytes ? c->cap_bytes : STATE_CAP_DEFAULT;
    for (unsigned k = 0; k < SHARDS; k++) {
        pthread_mutex_init(&s->shard[k].lock, NULL);
        s->shard[k].cap = (uint32_t)(cap / SHARDS / (sizeof(struct row) + 2 * sizeof(uint32_t)));
    }
    return s;
}

void state_free(struct state *s)
{
    if (!s)
        return;
    for (unsigned k = 0; k < SHARDS; k++) {
        pthread_mutex_destroy(&s->shard[k].lock);
        free(s->shard[k].rows);
        free(s->shard[k].slot);
    }
    live_sets_free(s->sets.first);
    pthread_mutex_destroy(&s->sets.lock);
    free(s);
}

struct live_sets *state_sets(struct state *s) { return &s->sets; }

void state_enter(struct state *s, unsigned worker, uint64_t number)
{
    if (s->config.enter)
        s->config.enter(s->config.ctx, worker, number);
}

void state_counters(const struct state *s, struct state_counters *out)
{
    *out = (struct state_counters){0};
    for (unsigned k = 0; k < SHARDS; k++) {
        const struct shard *h = &s->shard[k];
        out->entries += h->entries;
        out->bytes += h->room * sizeof(struct row) + h->slots * sizeof(uint32_t);
        out->refused += h->refused;
        out->expired += h->expired;
    }
}

static bool shard_grow(struct shard *h)
{
    uint32_t room = h->room ? h->room * 2 : ROWS_FIRST;
    if (room > h->cap)
        room = h->cap;
    if (room <= h->room)
        return false;
    struct row *rows = realloc(h->rows, room * sizeof(*rows));
    if (!rows)
        return false;
    h->rows = rows;
    h->room = room;
    uint32_t slots = ROWS_FIRST;
    while (slots < room)
        slots *= 2;
    uint32_t *slot = calloc(slots, sizeof(*slot));
    if (!slot)
        return false;
    /* Live rows are those in chains. */
    for (uint32_t k = 0; k < h->slots; k++)
        for (uint32_t x = h->slot[k]; x;) {
            uint32_t next = rows[x - 1].next, *to = &slot[rows[x - 1].hash & (slots - 1)];
            rows[x - 1].next = *to;
            *to = x;
            x = next;
        }
    free(h->slot);
    h->slot = slot;
    h->slots = slots;
    return true;
}

static void tags_count(struct state *s, const struct state_key *k, int64_t by)
{
    if (k->kind == STATE_TAG)
        atomic_fetch_add_explicit(&s->tags, (uint64_t)by, memory_order_relaxed);
}

bool state_has_tags(struct state *s, unsigned worker, uint64_t number)
{
    if (!s)
        return false;
    if (s->config.enter)
        s->config.enter(s->config.ctx, worker, number);
    return atomic_load_explicit(&s->tags, memory_order_relaxed) != 0;
}

static void shard_sweep(struct state *s, struct shard *h, uint64_t now_ns)
{
    for (uint32_t k = 0; k < h->slots; k++)
        for (uint32_t *x = &h->slot[k]; *x;) {
            struct row *r = &h->rows[*x - 1];
            if (r->row.expires_ns > now_ns) {
                x = &r->next;
                continue;
            }
            uint32_t gone = *x;
            *x = r->next;
            r->next = h->free;
            h->free = gone;
            tags_count(s, &r->key, -1);
            h->entries--;
            h->expired++;
        }
    h->swept_ns = now_ns;
}

static struct row *shard_make(struct state *s, struct shard *h, const struct state_key *key, uint32_t hash, uint64_t now_ns)
{
    if (!h->free && h->n == h->room && !shard_grow(h)) {
        /* Sweeping a full shard for each new row would be a way to slow us down. */
        if (now_ns - h->swept_ns > 1000000000u || now_ns < h->swept_ns)
            shard_sweep(s, h, now_ns);
        if (!h->free) {
            h->refused++;
            return NULL;
        }
    }
    uint32_t at = h->free ? h->free : ++h->n;
    struct row *r = &h->rows[at - 1];
    if (h->free)
        h->free = r->next;
    uint32_t *slot = &h->slot[hash & (h->slots - 1)];
    *r = (struct row){.key = *key, .hash = hash, .next = *slot};
    *slot = at;
    h->entries++;
    tags_count(s, key, 1);
    return r;
}

int state_with(struct state *s, unsigned worker, uint64_t number, uint64_t now_ns, const struct state_key *k,
               bool make, int (*f)(void *ctx, struct state_row *row, bool fresh), void *ctx)
{
    uint64_t hash = hash_bytes(k, sizeof(*k), s->seed);
    struct shard *h = &s->shard[hash % SHARDS];
    uint32_t low = (uint32_t)(hash >> 32);
    if (s->config.enter)
        s->config.enter(s->config.ctx, worker, number);
    int rc = -1;
    pthread_mutex_lock(&h->lock);
    struct row *r = NULL;
    for (uint32_t x = h->slots ? h->slot[low & (h->slots - 1)] : 0; x; x = h->rows[x - 1].next)
        if (h->rows[x - 1].hash == low && !memcmp(&h->rows[x - 1].key, k, sizeof(*k))) {
            r = &h->rows[x - 1];
            break;
        }
    bool fresh = false;
    if (r && r->row.expires_ns <= now_ns && r->row.expires_ns) { /* over: as if it were not there */
        if (make)
            r->row = (struct state_row){0};
        else
            r = NULL; /* and as it is: a row of zeros would stand for ever */
        fresh = true;
    } else if (!r && make) {
        r = shard_make(s, h, k, low, now_ns);
        fresh = true;
    }
    if (r)
        rc = f(ctx, &r->row, fresh);
    pthread_mutex_unlock(&h->lock);
    return rc;
}

void state_tick(struct state *s, uint64_t now_ns)
{
    for (unsigned k = 0; k < SHARDS; k++) {
        struct shard *h = &s->shard[k];
        pthread_mutex_lock(&h->lock);
        if (now_ns > h->swept_ns + 10000000000u)
            shard_sweep(s, h, now_ns);
        pthread_mutex_unlock(&h->lock);
    }
}
