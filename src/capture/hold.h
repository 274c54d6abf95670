/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames that wait for a verdict: copies with a deadline, bounded in bytes.
 *
 * Slots in one table (index and generation make the handle), a heap of slot indices by deadline
 * and, for equal deadlines, by order of holding.  Copies live in blocks of three sizes that are
 * kept for reuse: memory is asked for only when more is held than ever before.  Owner: the worker.
 */
#ifndef CAPTURE_HOLD_H
#define CAPTURE_HOLD_H

#include "base/attr.h"
#include "packet/packet.h"

#define HOLD_CAP_DEFAULT (16ull * 1024 * 1024)

enum { HOLD_CLASSES = 4 };

struct hold_slot {
    struct frame frame; /* data: the copy */
    uint64_t until_ns, seq;
    uint32_t generation;
    uint32_t at;    /* place in the heap; UINT32_MAX: free */
    uint32_t next;  /* free list */
    uint8_t class_; /* of its block */
};
struct hold_block {
    struct hold_block *next;
};
struct hold {
    struct hold_slot *slot;
    uint32_t *heap;
    uint32_t slots, n; /* room of both tables; held now */
    uint32_t free;     /* first free slot, UINT32_MAX: none */
    struct hold_block *blocks[HOLD_CLASSES];
    uint64_t cap_bytes, bytes, seq;
};

/* cap_bytes 0: HOLD_CAP_DEFAULT.  No memory is taken before the first hold. */
void hold_init(struct hold *h, uint64_t cap_bytes);
void hold_done(struct hold *h);
/* Copies f.  Its handle, or 0 when the cap is met or memory is short. */
uint64_t hold_put(struct hold *h, const struct frame *f, uint64_t until_ns) MUST_CHECK;
/* The frame behind a handle, NULL if it has gone.  Borrowed until hold_drop. */
struct hold_slot *hold_find(struct hold *h, uint64_t id);
/* The one with the earliest deadline, NULL if none is held. */
struct hold_slot *hold_first(struct hold *h);
void hold_drop(struct hold *h, struct hold_slot *s);

#endif
