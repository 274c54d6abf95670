/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bounded single-producer single-consumer rings.
 *
 * ptr_ring carries pointers between two threads.  rec_ring carries records of bytes and may lie in
 * memory shared by two processes: it holds offsets only, and the reader treats what it finds there
 * as foreign input (a record whose length does not fit ends the ring with -EPROTO).
 * A full ring refuses; nobody ever waits.
 */
#ifndef BASE_RING_H
#define BASE_RING_H

#include "base/attr.h"
#include <stdatomic.h>

struct ptr_ring {
    CACHE_ALIGNED _Atomic uint64_t head; /* written by the producer */
    uint64_t tail_seen;
    CACHE_ALIGNED _Atomic uint64_t tail; /* written by the consumer */
    uint64_t head_seen;
    CACHE_ALIGNED void **slot;
    uint64_t mask;
};
int ptr_ring_init(struct ptr_ring *r, uint32_t slots_pow2) MUST_CHECK;
void ptr_ring_done(struct ptr_ring *r);
bool ptr_ring_put(struct ptr_ring *r, void *p) MUST_CHECK;
void *ptr_ring_get(struct ptr_ring *r); /* NULL: empty */

/*
 * One side's handle of a ring in shared memory: size and own position are kept in it, because the
 * other process may overwrite anything in the shared part.  Each process attaches for itself.
 */
struct rec_ring;
/* Lays a ring into bytes of memory (page-aligned, power of two + one page).  NULL: no such size. */
struct rec_ring *rec_ring_format(void *mem, size_t bytes);
/* Takes up a ring that the other side formatted; NULL if it isn't one of that size. */
struct rec_ring *rec_ring_attach(void *mem, size_t bytes);
void rec_ring_free(struct rec_ring *r); /* the handle; the memory stays the caller's */
size_t rec_ring_bytes(size_t payload_pow2);
/* Room for one record of up to n bytes, or NULL when it does not fit now (counted as dropped). */
void *rec_ring_reserve(struct rec_ring *r, uint32_t n);
/* Makes the reserved record visible with its final length n; 0 takes the reservation back. */
void rec_ring_commit(struct rec_ring *r, uint32_t n);
/*
 * The oldest record: its length, 0 if there is none, or -EPROTO (for ever), -ENOMEM.  It is a copy
 * in the handle, which the other side can't change while it is parsed.  Borrowed until the next
 * rec_ring_next.  Records of up to half the payload always fit sooner or later.
 */
int64_t rec_ring_peek(struct rec_ring *r, const void **rec) MUST_CHECK;
void rec_ring_next(struct rec_ring *r);
/*
 * The consumer takes batches: what was taken so far is given back to the producer, and what is there
 * now is the next batch (rec_ring_peek sees no more).  Until then a consumer that dies leaves its
 * batch to its successor.  From the first call on.
 */
void rec_ring_batch(struct rec_ring *r);
uint64_t rec_ring_dropped(const struct rec_ring *r);
uint64_t rec_ring_used(const struct rec_ring *r); /* bytes waiting */

#endif
