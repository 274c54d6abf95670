/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bump allocation, freed whole.
 *
 * One owner thread.  arena_alloc never returns NULL for reasons of the cap alone unless a cap was
 * given: with cap_bytes set it returns NULL when the cap is met, and counts it in `refused`.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/attr.h"
#include "base/str.h"

struct arena_chunk;
struct arena {
    struct arena_chunk *first; /* newest first */
    uint8_t *at, *end;         /* free part of the newest chunk */
    size_t chunk_bytes;        /* size of an ordinary chunk */
    size_t used_bytes;         /* taken from malloc */
    size_t cap_bytes;          /* 0: none */
    uint64_t refused;
};

/* chunk_bytes 0 means 4096.  No memory is taken before the first allocation. */
void arena_init(struct arena *a, size_t chunk_bytes, size_t cap_bytes);
void arena_done(struct arena *a);
/* Forget all allocations; keeps one chunk for reuse. */
void arena_reset(struct arena *a);
/* Zeroed memory, aligned to 16; NULL when the cap is met or malloc fails. */
void *arena_alloc(struct arena *a, size_t n) MUST_CHECK;
/* As arena_alloc, not zeroed. */
void *arena_alloc_raw(struct arena *a, size_t n) MUST_CHECK;
/* A copy of the bytes with a NUL after them (not counted); {NULL, 0} on failure. */
struct str arena_dup(struct arena *a, const void *p, size_t n);
/* What was freed goes back to the system, where the allocator can: after large work that is done once. */
void memory_trim(void);
/*
 * From now on each large piece is a mapping of its own: untouched parts of it cost nothing, and all of it goes back when it is
 * freed.  (By itself the allocator learns from the first large piece that is freed to put those that follow into its heap.)
 */
void memory_sparse(void);
struct str arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3);

#endif
