/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The blacklist's block of memory: a head, shards, slots, cells.
 *
 * A shard has a lock, a ring of slots (open addressing, linear) and a pool of cells.  A slot is one 64-bit word, half
 * of the hash over the cell's number; beside it stands a byte of the hash, its hint, so that a look that finds nothing
 * reads a few neighbouring bytes (2 MB for a million entries: they stay in the cache) and takes no lock.  Taken cells
 * leave a tomb; a shard with many is laid anew, and `turn` tells looks that this happened under them.
 * No pointers; counts that another process wrote are checked against the sizes that this one computed.
 */
#include "verdict/blacklist/blacklist.h"

#include "base/clock.h"
#include "base/hash.h"

#include <errno.h>
#include <sched.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { SHARDS = 64, SPINS = 4000, YIELDS = 8, PREFIXES = 129, SWEEP = 4096, MAGIC = 0x4b4c4c42, VERSION = 1 };
#define TOMB     (1ull << 32) /* no cell; looks go on behind it */
#define TAG(h)   (((h) >> 32 | 2) << 32) /* never a tomb's nor an empty one's */
#define MINUTE   (60 * NS_PER_SEC)
#define NO_CELL  UINT32_MAX
#define HINT_TOMB 1
#define HINT(h)  ((uint8_t)(((h) >> 56) < 2 ? ((h) >> 56) + 2 : (h) >> 56)) /* not of the bits that choose shard and slot */

struct cell {
    struct block_entry e;
    uint32_t next; /* free: the next free cell */
    uint32_t used;
};
struct shard {
    _Atomic uint32_t lock;
    _Atomic uint32_t turn; /* odd: slots are laid anew */
    _Atomic uint32_t n;          /* cells in use */
    uint32_t tombs, fresh, free; /* slots with tombs; cells that were ever used; first free or NO_CELL */
    _Atomic uint64_t extended, removed, expired, hits, full;
    _Alignas(64) char end[];
};
struct head {
    uint32_t magic, version, entries, per_minute;
    uint64_t seed;
    _Alignas(64) _Atomic uint64_t generation;
    _Atomic uint32_t kind[BLOCK_KIND_COUNT], n;
    _Atomic uint64_t nets4, nets6[3]; /* prefix lengths in use */
    _Alignas(64) _Atomic uint32_t lock; /* of what follows, and of nets */
    uint32_t net[2][PREFIXES];
    uint64_t minute_ns, minute_n;
    uint32_t n_never;
    struct ip_prefix never[BLACKLIST_NEVER];
    _Atomic uint64_t added, refused, rate, busy;
    _Atomic uint32_t sweep;
    _Alignas(64) char end[];
};
/* What each process works out for itself. */
struct sizes {
    uint32_t entries, per_minute, per_shard, slots;
    size_t shards_at, hints_at, slots_at, cells_at, bytes;
};
struct blacklist {
    struct head *head;
    struct shard *shard;
    _Atomic uint8_t *hint;
    _Atomic uint64_t *slot;
    struct cell *cell;
    struct sizes size;
    uint64_t seed;
};

static struct sizes sizes_of(const struct blacklist_config *c)
{
    struct sizes z = {.entries = c->entries ? c->entries : BLACKLIST_ENTRIES, .per_minute = c->per_minute ? c->per_minute : BLACKLIST_PER_MINUTE};
    if (z.entries > BLACKLIST_ENTRIES_MOST)
        z.entries = BLACKLIST_ENTRIES_MOST;
    uint32_t even = z.entries / SHARDS;
    z.per_shard = even + even / 8 + 64; /* hashes are not spread evenly */
    for (z.slots = 64; z.slots < z.per_shard + z.per_shard / 2; z.slots *= 2)
        ;
    z.shards_at = sizeof(struct head);
    z.hints_at = z.shards_at + SHARDS * sizeof(struct shard);
    z.slots_at = z.hints_at + (size_t)SHARDS * z.slots;
    z.cells_at = z.slots_at + (size_t)SHARDS * z.slots * sizeof(uint64_t);
    z.bytes = z.cells_at + (size_t)SHARDS * z.per_shard * sizeof(struct cell);
    return z;
}

size_t blacklist_bytes(const struct blacklist_config *c) { return sizes_of(c).bytes; }

void blacklist_lay(void *block, const struct blacklist_config *c)
{
    struct sizes z = sizes_of(c);
    struct head *h = block;
    h->magic = MAGIC;
    h->version = VERSION;
    h->entries = z.entries;
    h->per_minute = z.per_minute;
    h->seed = c->seed;
    struct shard *s = (void *)((uint8_t *)block + z.shards_at);
    for (unsigned k = 0; k < SHARDS; k++)
        s[k].free = NO_CELL;
}

int blacklist_attach(void *block, size_t bytes, struct blacklist **out)
{
    const struct head *h = block;
    if (bytes < sizeof(*h) || h->magic != MAGIC || h->version != VERSION)
        return -EINVAL;
    struct blacklist_config c = {.entries = h->entries, .per_minute = h->per_minute};
    struct sizes z = sizes_of(&c);
    if (z.bytes > bytes || z.entries != c.entries)
        return -EINVAL;
    struct blacklist *b = calloc(1, sizeof(*b));
    if (!b)
        return -ENOMEM;
    *b = (struct blacklist){.head = block,
                            .shard = (void *)((uint8_t *)block + z.shards_at),
                            .hint = (void *)((uint8_t *)block + z.hints_at),
                            .slot = (void *)((uint8_t *)block + z.slots_at),
                            .cell = (void *)((uint8_t *)block + z.cells_at),
                            .size = z,
                            .seed = h->seed};
    *out = b;
    return 0;
}

void blacklist_detach(struct blacklist *b) { free(b); }

/* ------------------------------------------------------------------ locks */

static bool take(struct blacklist *b, _Atomic uint32_t *lock)
{
    for (unsigned y = 0; y < YIELDS; y++) {
        for (unsigned k = 0; k < SPINS; k++) {
            uint32_t open = 0;
            if (!atomic_load_explicit(lock, memory_order_relaxed) &&
                atomic_compare_exchange_weak_explicit(lock, &open, 1, memory_order_acquire, memory_order_relaxed))
                return true;
        }
        sched_yield(); /* its holder may wait for this core */
    }
    atomic_fetch_add_explicit(&b->head->busy, 1, memory_order_relaxed);
    return false;
}

static void give(_Atomic uint32_t *lock) { atomic_store_explicit(lock, 0, memory_order_release); }

/* ------------------------------------------------------------------ places */

struct place {
    struct shard *s;
    _Atomic uint8_t *hint;
    _Atomic uint64_t *slot;
    struct cell *cell;
    uint64_t hash;
    uint32_t mask;
};

static struct place shard_at(struct blacklist *b, unsigned k)
{
    return (struct place){.s = &b->shard[k],
                          .hint = b->hint + (size_t)k * b->size.slots,
                          .slot = b->slot + (size_t)k * b->size.slots,
                          .cell = b->cell + (size_t)k * b->size.per_shard,
                          .mask = b->size.slots - 1};
}

static struct place place_of(struct blacklist *b, const struct block_key *key)
{
    uint64_t h = hash_bytes(key, sizeof(*key), b->seed);
    struct place p = shard_at(b, (unsigned)(h >> 26) % SHARDS); /* neither slot's bits nor the tag's */
    p.hash = h;
    return p;
}

static struct cell *cell_of(const struct blacklist *b, const struct place *p, uint64_t word)
{
    uint32_t k = (uint32_t)word;
    return k && k <= b->size.per_shard ? &p->cell[k - 1] : NULL;
}

#define EACH(byte) ((byte) * 0x0101010101010101ull)
/* The lowest zero byte's highest bit; those above it may be set without cause. */
static uint64_t zeros(uint64_t v) { return (v - EACH(1)) & ~v & EACH(0x80); }

/*
 * Eight hints at once, from the hash's own on: an empty one before any that is alike.  Without a branch for each, looks
 * for several flows overlap.  False: a longer look must tell.
 */
static bool absent_soon(const struct place *p, uint32_t at)
{
    if (__BYTE_ORDER__ != __ORDER_LITTLE_ENDIAN__)
        return false;
    const _Atomic uint64_t *word = (const _Atomic uint64_t *)(uintptr_t)p->hint;
    unsigned part = at % 8 * 8;
    uint64_t low = atomic_load_explicit(&word[at / 8], memory_order_acquire),
             high = atomic_load_explicit(&word[((at + 8) & p->mask) / 8], memory_order_acquire);
    uint64_t v = low >> part | high << 1 << (63 - part);
    uint64_t empty = zeros(v), alike = zeros(v ^ EACH(HINT(p->hash)));
    return (empty & -empty) - 1 < (alike & -alike) - 1; /* none is alike: the largest number */
}

/* Without the lock: no slot of this hash.  False: perhaps there is one. */
static bool absent(const struct place *p)
{
    uint32_t turn = atomic_load_explicit(&p->s->turn, memory_order_acquire);
    uint32_t at = (uint32_t)p->hash & p->mask;
    if (absent_soon(p, at))
        return !(turn & 1) && atomic_load_explicit(&p->s->turn, memory_order_acquire) == turn;
    for (uint32_t k = 0; k <= p->mask; k++, at = (at + 1) & p->mask) {
        uint8_t w = atomic_load_explicit(&p->hint[at], memory_order_acquire);
        if (!w)
            return !(turn & 1) && atomic_load_explicit(&p->s->turn, memory_order_acquire) == turn;
        if (w == HINT(p->hash))
            return false;
    }
    return false;
}

/* With the lock: the key's cell, or NULL; *at: its slot, or the first that can take it. */
static struct cell *find(const struct blacklist *b, const struct place *p, const struct block_key *key, uint32_t *at)
{
    uint32_t here = (uint32_t)p->hash & p->mask, first = NO_CELL;
    for (uint32_t k = 0; k <= p->mask; k++, here = (here + 1) & p->mask) {
        uint64_t w = atomic_load_explicit(&p->slot[here], memory_order_relaxed);
        if ((!w || w == TOMB) && first == NO_CELL)
            first = here;
        if (!w)
            break;
        struct cell *c = (w & ~0xffffffffull) == TAG(p->hash) ? cell_of(b, p, w) : NULL;
        if (c && c->used && !memcmp(&c->e.key, key, sizeof(*key))) {
            *at = here;
            return c;
        }
    }
    *at = first;
    return NULL;
}

static void slot_put(const struct place *p, uint32_t at, uint64_t word, uint8_t hint)
{
    atomic_store_explicit(&p->slot[at], word, memory_order_release);
    atomic_store_explicit(&p->hint[at], hint, memory_order_release);
}

static void lay_anew(struct blacklist *b, const struct place *p)
{
    atomic_fetch_add_explicit(&p->s->turn, 1, memory_order_acq_rel);
    for (uint32_t k = 0; k <= p->mask; k++)
        slot_put(p, k, 0, 0);
    uint32_t fresh = p->s->fresh < b->size.per_shard ? p->s->fresh : b->size.per_shard;
    for (uint32_t k = 0; k < fresh; k++) {
        if (!p->cell[k].used)
            continue;
        uint64_t h = hash_bytes(&p->cell[k].e.key, sizeof(struct block_key), b->seed);
        uint32_t at = (uint32_t)h & p->mask;
        while (atomic_load_explicit(&p->slot[at], memory_order_relaxed))
            at = (at + 1) & p->mask;
        slot_put(p, at, TAG(h) | (k + 1), HINT(h));
    }
    p->s->tombs = 0;
    atomic_fetch_add_explicit(&p->s->turn, 1, memory_order_acq_rel);
}

/* ------------------------------------------------------------------ networks in use */

static void net_count(struct blacklist *b, const struct block_key *k, bool more)
{
    struct head *h = b->head;
    if (k->kind != BLOCK_NET || k->prefix >= PREFIXES || !take(b, &h->lock))
        return; /* a length that stays noted costs a look */
    uint32_t *n = &h->net[k->ver == 6][k->prefix];
    *n = more ? *n + 1 : *n ? *n - 1 : 0;
    _Atomic uint64_t *bits = k->ver == 6 ? &h->nets6[k->prefix / 64] : &h->nets4;
    uint64_t bit = 1ull << (k->prefix % 64);
    if (*n)
        atomic_fetch_or_explicit(bits, bit, memory_order_release);
    else
        atomic_fetch_and_explicit(bits, ~bit, memory_order_release);
    give(&h->lock);
}

static void counted(struct blacklist *b, const struct block_key *k, bool more)
{
    if (k->kind >= BLOCK_KIND_COUNT)
        return;
    if (more) {
        atomic_fetch_add_explicit(&b->head->kind[k->kind], 1, memory_order_release);
        atomic_fetch_add_explicit(&b->head->n, 1, memory_order_relaxed);
    } else {
        atomic_fetch_sub_explicit(&b->head->kind[k->kind], 1, memory_order_release);
        atomic_fetch_sub_explicit(&b->head->n, 1, memory_order_relaxed);
    }
}

/* With the shard's lock.  The slot becomes a tomb, the cell free. */
static void drop_cell(struct blacklist *b, const struct place *p, struct cell *c, uint32_t at)
{
    struct block_key k = c->e.key;
    slot_put(p, at, TOMB, HINT_TOMB);
    c->used = 0;
    c->next = p->s->free;
    p->s->free = (uint32_t)(c - p->cell);
    p->s->n -= p->s->n > 0;
    if (++p->s->tombs > b->size.slots / 4)
        lay_anew(b, p);
    counted(b, &k, false);
    net_count(b, &k, false);
}

/* With the shard's lock: a cell to fill, or NULL. */
static struct cell *new_cell(const struct blacklist *b, const struct place *p)
{
    uint32_t k = p->s->free;
    if (k < b->size.per_shard) {
        p->s->free = p->cell[k].next;
        return &p->cell[k];
    }
    if (p->s->fresh < b->size.per_shard)
        return &p->cell[p->s->fresh++];
    return NULL;
}

/* ------------------------------------------------------------------ changes */

/* With the head's lock. */
static bool never_holds(const struct head *h, const struct block_key *k)
{
    uint8_t own = k->kind == BLOCK_NET ? k->prefix : k->ver == 6 ? 128 : 32;
    struct ip_prefix mine = {.addr = k->a, .ver = k->ver, .bits = own};
    for (uint32_t n = 0; n < h->n_never && n < BLACKLIST_NEVER; n++) {
        const struct ip_prefix *x = &h->never[n];
        if (x->ver == k->ver && x->bits <= 128 && own <= 128 && (x->bits <= own ? ip_prefix_has(x, k->ver, &k->a) : ip_prefix_has(&mine, x->ver, &x->addr)))
            return true;
    }
    return false;
}

static bool never_names(struct blacklist *b, const struct block_key *k)
{
    if (!take(b, &b->head->lock))
        return true; /* rather nobody than the gateway */
    bool named = never_holds(b->head, k);
    give(&b->head->lock);
    return named;
}

static bool rate_allows(struct blacklist *b, uint64_t now_ns)
{
    struct head *h = b->head;
    if (!take(b, &h->lock))
        return false;
    if (now_ns - h->minute_ns >= MINUTE) { /* also when the clock went back */
        h->minute_ns = now_ns;
        h->minute_n = 0;
    }
    bool ok = h->minute_n < b->size.per_minute;
    h->minute_n += ok;
    give(&h->lock);
    return ok;
}

static enum block_added put(struct blacklist *b, const struct place *p, const struct block_entry *e, bool by_rule, uint64_t now_ns)
{
    uint32_t at;
    struct cell *c = find(b, p, &e->key, &at);
    if (c && c->e.until_ns > now_ns) {
        if (e->until_ns > c->e.until_ns)
            c->e.until_ns = e->until_ns;
        atomic_fetch_add_explicit(&p->s->extended, 1, memory_order_relaxed);
        return BLOCK_EXTENDED;
    }
    if (by_rule && !rate_allows(b, now_ns)) {
        atomic_fetch_add_explicit(&b->head->rate, 1, memory_order_relaxed);
        return BLOCK_RATE;
    }
    if (c) { /* over, not swept yet: the key's place is taken anew */
        c->e = *e;
        atomic_fetch_add_explicit(&p->s->expired, 1, memory_order_relaxed);
    } else {
        if (at != NO_CELL && atomic_load_explicit(&b->head->n, memory_order_relaxed) < b->size.entries)
            c = new_cell(b, p);
        if (!c) {
            atomic_fetch_add_explicit(&p->s->full, 1, memory_order_relaxed);
            return BLOCK_FULL;
        }
        c->e = *e;
        c->used = 1;
        p->s->n++;
        counted(b, &e->key, true);
        net_count(b, &e->key, true);
        p->s->tombs -= atomic_load_explicit(&p->slot[at], memory_order_relaxed) == TOMB && p->s->tombs;
        slot_put(p, at, TAG(p->hash) | ((uint64_t)(c - p->cell) + 1), HINT(p->hash));
    }
    c->e.hits = c->e.last_hit_ns = 0;
    atomic_fetch_add_explicit(&b->head->added, 1, memory_order_relaxed);
    atomic_fetch_add_explicit(&b->head->generation, 1, memory_order_release);
    return BLOCK_ADDED;
}

enum block_added blacklist_add(struct blacklist *b, const struct block_entry *e, bool by_rule, uint64_t now_ns)
{
    if (never_names(b, &e->key)) {
        atomic_fetch_add_explicit(&b->head->refused, 1, memory_order_relaxed);
        return BLOCK_NEVER;
    }
    struct place p = place_of(b, &e->key);
    if (!take(b, &p.s->lock))
        return BLOCK_BUSY;
    enum block_added r = put(b, &p, e, by_rule, now_ns);
    give(&p.s->lock);
    return r;
}

static bool sane(const struct cell *c, struct block_entry *out);

bool blacklist_get(struct blacklist *b, const struct block_key *k, struct block_entry *out)
{
    struct place p = place_of(b, k);
    uint32_t at;
    if (!take(b, &p.s->lock))
        return false;
    const struct cell *c = find(b, &p, k, &at);
    bool ok = c && sane(c, out);
    give(&p.s->lock);
    return ok;
}

bool blacklist_del(struct blacklist *b, const struct block_key *k)
{
    struct place p = place_of(b, k);
    if (!take(b, &p.s->lock))
        return false;
    uint32_t at;
    struct cell *c = find(b, &p, k, &at);
    if (c) {
        drop_cell(b, &p, c, at);
        atomic_fetch_add_explicit(&p.s->removed, 1, memory_order_relaxed);
    }
    give(&p.s->lock);
    return c != NULL;
}

/* A copy that another process can't have made dangerous. */
static bool sane(const struct cell *c, struct block_entry *out)
{
    *out = c->e;
    out->author[BLOCK_AUTHOR - 1] = out->reason[BLOCK_REASON - 1] = 0;
    const struct block_key *k = &out->key;
    return k->kind < BLOCK_KIND_COUNT && (k->ver == 4 || k->ver == 6) && k->prefix <= (k->ver == 6 ? 128 : 32);
}

/* Cells from..to of a shard, with its lock: those that `over` says are taken out. */
struct walk {
    bool (*takes)(const struct block_entry *e, const void *arg);
    const void *arg;
    block_entry_fn *f; /* sees what is taken out */
    void *ctx;
};

static uint64_t walk(struct blacklist *b, unsigned shard, uint32_t from, uint32_t to, const struct walk *w)
{
    struct place p = shard_at(b, shard);
    uint64_t n = 0;
    if (!take(b, &p.s->lock))
        return 0;
    uint32_t fresh = p.s->fresh < b->size.per_shard ? p.s->fresh : b->size.per_shard;
    for (uint32_t k = from; k < to && k < fresh; k++) {
        struct cell *c = &p.cell[k];
        struct block_entry e;
        uint32_t at;
        if (!c->used || !w->takes(&c->e, w->arg))
            continue;
        bool ok = sane(c, &e);
        struct place own = place_of(b, &c->e.key);
        if (own.s == p.s && find(b, &own, &c->e.key, &at) == c) {
            drop_cell(b, &p, c, at);
            n++;
            if (ok && w->f)
                w->f(w->ctx, &e);
        }
    }
    give(&p.s->lock);
    return n;
}

static bool of_author(const struct block_entry *e, const void *author)
{
    return !author || !strncmp(e->author, author, BLOCK_AUTHOR);
}

static bool named_now(const struct block_entry *e, const void *b) { return never_holds(((const struct blacklist *)b)->head, &e->key); }

size_t blacklist_never(struct blacklist *b, const struct ip_prefix *p, size_t n)
{
    n = n < BLACKLIST_NEVER ? n : BLACKLIST_NEVER;
    if (!take(b, &b->head->lock))
        return 0;
    if (n)
        memcpy(b->head->never, p, n * sizeof(*p));
    b->head->n_never = (uint32_t)n;
    give(&b->head->lock);
    for (unsigned k = 0; k < SHARDS; k++)
        atomic_fetch_add_explicit(&b->shard[k].removed, walk(b, k, 0, UINT32_MAX, &(struct walk){.takes = named_now, .arg = b}),
                                  memory_order_relaxed);
    return n;
}

uint64_t blacklist_clear(struct blacklist *b, const char *author)
{
    uint64_t n = 0;
    for (unsigned k = 0; k < SHARDS; k++) {
        uint64_t here = walk(b, k, 0, UINT32_MAX, &(struct walk){.takes = of_author, .arg = author});
        atomic_fetch_add_explicit(&b->shard[k].removed, here, memory_order_relaxed);
        n += here;
    }
    return n;
}

/* ------------------------------------------------------------------ looks */

uint64_t blacklist_generation(const struct blacklist *b) { return atomic_load_explicit(&b->head->generation, memory_order_acquire); }

static bool look_key(struct blacklist *b, const struct block_key *k, uint64_t now_ns, struct block_entry *out)
{
    struct place p = place_of(b, k);
    if (absent(&p) || !take(b, &p.s->lock))
        return false;
    uint32_t at;
    struct cell *c = find(b, &p, k, &at);
    bool hit = c && c->e.until_ns > now_ns;
    if (hit) {
        c->e.hits++;
        c->e.last_hit_ns = now_ns;
        if (out)
            (void)sane(c, out);
        atomic_fetch_add_explicit(&p.s->hits, 1, memory_order_relaxed);
    }
    give(&p.s->lock);
    return hit;
}

static bool look_nets(struct blacklist *b, const struct block_ends *e, uint64_t now_ns, struct block_entry *out)
{
    _Atomic uint64_t *bits = e->ver == 6 ? b->head->nets6 : &b->head->nets4;
    for (unsigned w = 0; w < (e->ver == 6 ? 3u : 1u); w++)
        for (uint64_t left = atomic_load_explicit(&bits[w], memory_order_acquire); left; left &= left - 1) {
            struct block_key k;
            if (block_key_of(BLOCK_NET, w * 64 + (unsigned)__builtin_ctzll(left), e, &k) && look_key(b, &k, now_ns, out))
                return true;
        }
    return false;
}

bool blacklist_look(struct blacklist *b, const struct block_ends *e, uint64_t now_ns, struct block_entry *out)
{
    for (unsigned kind = 0; kind < BLOCK_KIND_COUNT; kind++) {
        struct block_key k;
        if (!atomic_load_explicit(&b->head->kind[kind], memory_order_relaxed))
            continue;
        if (kind == BLOCK_NET ? look_nets(b, e, now_ns, out) : block_key_of(kind, 0, e, &k) && look_key(b, &k, now_ns, out))
            return true;
    }
    return false;
}

/* ------------------------------------------------------------------ the whole */

static bool is_over(const struct block_entry *e, const void *now) { return e->until_ns <= *(const uint64_t *)now; }

void blacklist_tick(struct blacklist *b, uint64_t now_ns, block_entry_fn *f, void *ctx)
{
    uint32_t per = b->size.per_shard, parts = (per + SWEEP - 1) / SWEEP;
    struct walk w = {.takes = is_over, .arg = &now_ns, .f = f, .ctx = ctx};
    if (!atomic_load_explicit(&b->head->n, memory_order_relaxed))
        return;
    for (uint32_t left = SHARDS; left; left--) { /* empty shards cost nothing, then one part of one shard */
        uint32_t step = atomic_fetch_add_explicit(&b->head->sweep, 1, memory_order_relaxed) % (SHARDS * parts);
        struct shard *s = &b->shard[step % SHARDS];
        if (!s->n)
            continue;
        uint32_t from = step / SHARDS * SWEEP;
        atomic_fetch_add_explicit(&s->expired, walk(b, step % SHARDS, from, from + SWEEP, &w), memory_order_relaxed);
        if (per > SWEEP / SHARDS * 4) /* a large table: the next call goes on */
            left = left > 16 ? left - 15 : 1;
    }
}

void blacklist_each(struct blacklist *b, uint64_t now_ns, block_entry_fn *f, void *ctx)
{
    for (unsigned k = 0; k < SHARDS; k++) {
        struct place p = shard_at(b, k);
        for (uint32_t n = 0; n < b->size.per_shard; n++) {
            struct block_entry e;
            if (!take(b, &p.s->lock))
                break;
            bool end = n >= p.s->fresh, ok = !end && p.cell[n].used && sane(&p.cell[n], &e);
            give(&p.s->lock);
            if (end)
                break;
            if (ok && e.until_ns > now_ns)
                f(ctx, &e);
        }
    }
}

void blacklist_counters(const struct blacklist *b, struct blacklist_counters *out)
{
    struct head *h = b->head;
    *out = (struct blacklist_counters){
        .entries = atomic_load(&h->n), .added = atomic_load(&h->added), .refused_never = atomic_load(&h->refused), .refused_rate = atomic_load(&h->rate), .lock_busy = atomic_load(&h->busy)};
    for (unsigned k = 0; k < SHARDS; k++) {
        struct shard *s = &b->shard[k];
        out->extended += atomic_load(&s->extended);
        out->removed += atomic_load(&s->removed);
        out->expired += atomic_load(&s->expired);
        out->hits += atomic_load(&s->hits);
        out->refused_full += atomic_load(&s->full);
    }
}

void blacklist_break_locks(struct blacklist *b)
{
    give(&b->head->lock);
    for (unsigned k = 0; k < SHARDS; k++) {
        struct place p = shard_at(b, k);
        if (atomic_load(&p.s->lock)) { /* its holder may have died between two steps: slots are made from cells */
            if (atomic_load(&p.s->turn) & 1)
                atomic_fetch_add(&p.s->turn, 1);
            lay_anew(b, &p);
            give(&p.s->lock);
        }
    }
}
