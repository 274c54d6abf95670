/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rings.
 *
 * rec_ring in shared memory: one page of header (magic, size, head, tail, drops), then the
 * payload.  A record is an 8-byte head (length) and its bytes, rounded up to 8; records are
 * contiguous, a head with length PAD says that the rest of the payload is skipped.  head and tail
 * count bytes and never wrap.  What a side must be able to rely on (size, its own position) stands
 * in its own handle: the other process may write anything anywhere in the shared part.
 */
#include "base/ring.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int ptr_ring_init(struct ptr_ring *r, uint32_t slots_pow2)
{
    memset(r, 0, sizeof(*r));
    if (!slots_pow2 || (slots_pow2 & (slots_pow2 - 1)))
        return -EINVAL;
    r->slot = calloc(slots_pow2, sizeof(*r->slot));
    if (!r->slot)
        return -ENOMEM;
    r->mask = slots_pow2 - 1;
    return 0;
}

void ptr_ring_done(struct ptr_ring *r)
{
    free(r->slot);
    r->slot = NULL;
}

bool ptr_ring_put(struct ptr_ring *r, void *p)
{
    assert(p);
    uint64_t head = atomic_load_explicit(&r->head, memory_order_relaxed);
    if (head - r->tail_seen > r->mask) {
        r->tail_seen = atomic_load_explicit(&r->tail, memory_order_acquire);
        if (head - r->tail_seen > r->mask)
            return false;
    }
    r->slot[head & r->mask] = p;
    atomic_store_explicit(&r->head, head + 1, memory_order_release);
    return true;
}

void *ptr_ring_get(struct ptr_ring *r)
{
    uint64_t tail = atomic_load_explicit(&r->tail, memory_order_relaxed);
    if (tail == r->head_seen) {
        r->head_seen = atomic_load_explicit(&r->head, memory_order_acquire);
        if (tail == r->head_seen)
            return NULL;
    }
    void *p = r->slot[tail & r->mask];
    atomic_store_explicit(&r->tail, tail + 1, memory_order_release);
    return p;
}

enum { REC_PAGE = 4096, REC_HEAD = 8 };
#define REC_MAGIC 0x3152474e49525052ull
#define REC_PAD   UINT32_MAX

struct rec_shared {
    _Atomic uint64_t magic;
    _Atomic uint64_t size;
    CACHE_ALIGNED _Atomic uint64_t head; /* written by the producer */
    _Atomic uint64_t dropped;
    CACHE_ALIGNED _Atomic uint64_t tail; /* written by the consumer */
};

struct rec_ring {
    struct rec_shared *sh;
    uint8_t *data;
    uint64_t size;
    /* producer */
    uint64_t head, tail_seen, dropped;
    uint64_t at;       /* where the reserved record lies */
    uint32_t reserved; /* 0: none */
    /* consumer */
    uint64_t tail;
    uint32_t have; /* bytes of the record in `copy`, 0: none */
    uint64_t step; /* bytes of ring that it takes */
    bool broken;
    bool batch;          /* tail is published by rec_ring_batch alone */
    uint64_t batch_head; /* end of the batch */
    uint8_t *copy;
    size_t copy_room;
};

static uint64_t rec_step(uint32_t n)
{
    return REC_HEAD + (((uint64_t)n + 7) & ~7ull);
}

static struct rec_ring *handle_new(void *mem, size_t bytes)
{
    uint64_t size = bytes - REC_PAGE;
    if (bytes <= REC_PAGE || (size & (size - 1)) || size < 64 || ((uintptr_t)mem & 63))
        return NULL;
    struct rec_ring *r = calloc(1, sizeof(*r));
    if (!r)
        return NULL;
    r->sh = mem;
    r->data = (uint8_t *)mem + REC_PAGE;
    r->size = size;
    return r;
}

struct rec_ring *rec_ring_format(void *mem, size_t bytes)
{
    struct rec_ring *r = handle_new(mem, bytes);
    if (!r)
        return NULL;
    memset(mem, 0, sizeof(*r->sh));
    atomic_store_explicit(&r->sh->size, r->size, memory_order_relaxed);
    atomic_store_explicit(&r->sh->magic, REC_MAGIC, memory_order_release);
    return r;
}

struct rec_ring *rec_ring_attach(void *mem, size_t bytes)
{
    struct rec_ring *r = handle_new(mem, bytes);
    if (!r)
        return NULL;
    uint64_t magic = atomic_load_explicit(&r->sh->magic, memory_order_acquire);
    uint64_t size = atomic_load_explicit(&r->sh->size, memory_order_relaxed);
    r->tail = r->tail_seen = atomic_load_explicit(&r->sh->tail, memory_order_acquire);
    r->head = atomic_load_explicit(&r->sh->head, memory_order_acquire);
    r->dropped = atomic_load_explicit(&r->sh->dropped, memory_order_relaxed);
    uint64_t used = r->head - r->tail;
    if (magic != REC_MAGIC || size != r->size || used > r->size || ((r->head | r->tail) & 7)) {
        rec_ring_free(r);
        return NULL;
    }
    return r;
}

void rec_ring_free(struct rec_ring *r)
{
    if (!r)
        return;
    free(r->copy);
    free(r);
}

size_t rec_ring_bytes(size_t payload_pow2)
{
    return payload_pow2 + REC_PAGE;
}

static void head_put(uint8_t *at, uint32_t n)
{
    uint64_t h = n;
    memcpy(at, &h, sizeof(h));
}

static bool rec_fits(struct rec_ring *r, uint64_t need)
{
    uint64_t used = r->head - r->tail_seen;
    if (used <= r->size && r->size - used >= need)
        return true;
    r->tail_seen = atomic_load_explicit(&r->sh->tail, memory_order_acquire);
    used = r->head - r->tail_seen;
    /* A tail that the other side made up counts as a full ring. */
    return used <= r->size && r->size - used >= need;
}

void *rec_ring_reserve(struct rec_ring *r, uint32_t n)
{
    uint64_t step = rec_step(n), at = r->head & (r->size - 1);
    uint64_t pad = r->size - at < step ? r->size - at : 0;
    r->reserved = 0;
    if (!n || step > r->size || !rec_fits(r, pad + step)) {
        r->dropped++;
        atomic_store_explicit(&r->sh->dropped, r->dropped, memory_order_relaxed);
        return NULL;
    }
    if (pad) {
        head_put(r->data + at, REC_PAD);
        r->head += pad;
        at = 0;
        atomic_store_explicit(&r->sh->head, r->head, memory_order_release);
    }
    r->at = at;
    r->reserved = n;
    return r->data + at + REC_HEAD;
}

void rec_ring_commit(struct rec_ring *r, uint32_t n)
{
    assert(n <= r->reserved);
    r->reserved = 0;
    if (!n)
        return;
    head_put(r->data + r->at, n);
    r->head += rec_step(n);
    atomic_store_explicit(&r->sh->head, r->head, memory_order_release);
}

static int64_t rec_bad(struct rec_ring *r)
{
    r->broken = true;
    return -EPROTO;
}

static int copy_room(struct rec_ring *r, uint32_t n)
{
    if (n <= r->copy_room)
        return 0;
    uint8_t *p = realloc(r->copy, n);
    if (!p)
        return -ENOMEM;
    r->copy = p;
    r->copy_room = n;
    return 0;
}

static void tail_store(struct rec_ring *r)
{
    if (!r->batch)
        atomic_store_explicit(&r->sh->tail, r->tail, memory_order_release);
}

int64_t rec_ring_peek(struct rec_ring *r, const void **rec)
{
    if (r->broken)
        return -EPROTO;
    if (r->have) {
        *rec = r->copy;
        return r->have;
    }
    /* Read once: the bound of the loop must not move under it. */
    uint64_t head =
        r->batch ? r->batch_head : atomic_load_explicit(&r->sh->head, memory_order_acquire);
    uint64_t left = head - r->tail;
    if (left > r->size || (left & 7))
        return rec_bad(r);
    while (left) {
        uint64_t at = r->tail & (r->size - 1), h;
        memcpy(&h, r->data + at, sizeof(h));
        uint64_t step = r->size - at;
        if (h != REC_PAD) {
            if (!h || h >= r->size || rec_step((uint32_t)h) > step)
                return rec_bad(r);
            step = rec_step((uint32_t)h);
        }
        if (step > left)
            return rec_bad(r);
        if (h != REC_PAD) {
            if (copy_room(r, (uint32_t)h))
                return -ENOMEM;
            memcpy(r->copy, r->data + at + REC_HEAD, h);
            r->have = (uint32_t)h;
            r->step = step;
            *rec = r->copy;
            return (int64_t)h;
        }
        r->tail += step;
        left -= step;
        tail_store(r);
    }
    return 0;
}

void rec_ring_next(struct rec_ring *r)
{
    if (!r->have)
        return;
    r->have = 0;
    r->tail += r->step;
    tail_store(r);
}

void rec_ring_batch(struct rec_ring *r)
{
    r->batch = true;
    r->batch_head = atomic_load_explicit(&r->sh->head, memory_order_acquire);
    atomic_store_explicit(&r->sh->tail, r->tail, memory_order_release);
}

uint64_t rec_ring_dropped(const struct rec_ring *r)
{
    return atomic_load_explicit(&r->sh->dropped, memory_order_relaxed);
}

uint64_t rec_ring_used(const struct rec_ring *r)
{
    uint64_t tail = atomic_load_explicit(&r->sh->tail, memory_order_relaxed);
    uint64_t used = atomic_load_explicit(&r->sh->head, memory_order_relaxed) - tail;
    return used > r->size ? r->size : used;
}
