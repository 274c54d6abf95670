/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The rings of an AF_XDP socket (Documentation/networking/af_xdp.rst), mapped from the kernel: one
 * side puts, the other takes; both count on without end, modulo 2^32, and an entry's place is the
 * count's low bits.
 *
 * Fill and TX rings are ours to put into, RX and completion rings to take from.  `at` is how far we
 * are, told to the kernel by xring_tell; `seen` is how far the kernel was when we looked last.
 */
#ifndef CAPTURE_XDP_RING_H
#define CAPTURE_XDP_RING_H

#include "base/attr.h"

#include <stddef.h>

/* struct xdp_desc */
struct xring_desc {
    uint64_t addr;
    uint32_t len, options;
};
struct xring {
    uint32_t *ours, *theirs, *flags;
    void *entry;
    uint32_t size, mask; /* a power of two */
    uint32_t at, seen;
    void *map;
    size_t map_bytes;
};

/* Entries that we may put, `want` at least if there are so many.  The kernel's side is looked at
 * only when it matters. */
static inline uint32_t xring_room(struct xring *r, uint32_t want)
{
    uint32_t room = r->size - (r->at - r->seen);
    if (room < want) {
        r->seen = __atomic_load_n(r->theirs, __ATOMIC_ACQUIRE);
        room = r->size - (r->at - r->seen);
    }
    return room <= r->size ? room : 0; /* nonsense there: nothing */
}

/* Entries that wait to be taken, `want` at least if there are so many. */
static inline uint32_t xring_waiting(struct xring *r, uint32_t want)
{
    uint32_t n = r->seen - r->at;
    if (n < want) {
        r->seen = __atomic_load_n(r->theirs, __ATOMIC_ACQUIRE);
        n = r->seen - r->at;
    }
    return n <= r->size ? n : 0;
}

/* As far as `at`: what was put is the kernel's, what was taken may be overwritten. */
static inline void xring_tell(struct xring *r)
{
    __atomic_store_n(r->ours, r->at, __ATOMIC_RELEASE);
}

/* How far behind the kernel is with what we put. */
static inline uint32_t xring_behind(const struct xring *r)
{
    return r->at - __atomic_load_n(r->theirs, __ATOMIC_ACQUIRE);
}

static inline bool xring_sleeps(const struct xring *r)
{
    return __atomic_load_n(r->flags, __ATOMIC_RELAXED) & 1u; /* XDP_RING_NEED_WAKEUP */
}

/* Only where room or waiting said so. */
static inline void xring_put(struct xring *r, uint64_t addr)
{
    ((uint64_t *)r->entry)[r->at++ & r->mask] = addr;
}
static inline uint64_t xring_take(struct xring *r)
{
    return ((const uint64_t *)r->entry)[r->at++ & r->mask];
}
static inline void xring_put_desc(struct xring *r, struct xring_desc d)
{
    ((struct xring_desc *)r->entry)[r->at++ & r->mask] = d;
}
/* The k-th that waits; it is taken by at++. */
static inline struct xring_desc xring_peek(const struct xring *r, uint32_t k)
{
    return ((const struct xring_desc *)r->entry)[(r->at + k) & r->mask];
}

#endif
