/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The memory of frames that all AF_XDP sockets of an engine share (UMEM), and who has which frame.
 *
 * A frame is the kernel's (in a fill ring, or on its way out) or a worker's (received, or free in
 * its small store), or lies in the common store.  Fill and completion rings belong to a port's
 * queue, not to a worker: whoever finds one unused works on it, nobody waits.  The common store's
 * lock is taken for hundreds of frames at a time.
 */
#ifndef CAPTURE_XDP_AREA_H
#define CAPTURE_XDP_AREA_H

#include <stdatomic.h>

#include "capture/capture.h"
#include "capture/xdp/ring.h"
#include "capture/xdp/xdp.h"

enum {
    XDP_CHUNK_LEAST = 2048,
    XDP_CHUNK_MOST = 4096,
    XDP_CHUNK_ROOM = 256, /* XDP_PACKET_HEADROOM: the kernel's, in front of the frame */
    XDP_PARTS = 18,       /* of a long frame, at most: what fits behind one another in the kernel */
    XDP_PARTS_BYTES = 60 * 1024,
    XDP_STORE = 1024,
};

bool xdp_in_parts(void); /* frames in several parts: Linux 6.6 */

struct xdp_queue {
    CACHE_ALIGNED atomic_flag fill_busy;
    struct xring fill;
    CACHE_ALIGNED atomic_flag done_busy;
    struct xring done;
};
struct xdp_area {
    uint8_t *mem;
    size_t bytes;
    unsigned chunk_log;
    uint32_t n,
        reserve; /* frames; so many stay out of the fill rings, for what we send ourselves */
    CACHE_ALIGNED atomic_flag busy;
    _Atomic uint32_t n_free;
    uint32_t *free;
    unsigned users; /* the main thread's */
    unsigned n_queues;
    int first_fd[CAPTURE_IFACES]; /* worker 0's sockets, by slot */
    struct xdp_queue queue[CAPTURE_IFACES];
};
/* A worker's. */
struct xdp_store {
    struct xdp_area *area;
    uint32_t n, cap;
    uint32_t frame[XDP_STORE];
};

/* Maps fd, which stays the caller's.  NULL: no memory. */
struct xdp_area *xdp_area_new(int fd, const struct xdp_frames *f, unsigned n_queues);
void xdp_area_free(struct xdp_area *a);

static inline uint64_t xdp_addr(const struct xdp_area *a, uint32_t frame)
{
    return (uint64_t)frame << a->chunk_log;
}
/* The frame that an address lies in; the kernel's word is checked. */
static inline uint32_t xdp_frame(const struct xdp_area *a, uint64_t addr)
{
    return (uint32_t)((addr >> a->chunk_log) % a->n);
}
static inline uint32_t xdp_room(const struct xdp_area *a)
{
    return (1u << a->chunk_log) - XDP_CHUNK_ROOM;
}

void xdp_store_init(struct xdp_store *s, struct xdp_area *a, unsigned workers);
/* One frame; false: there is none left but `keep`. */
bool xdp_store_get(struct xdp_store *s, uint32_t keep, uint32_t *frame);
void xdp_store_put(struct xdp_store *s, uint32_t frame);
void xdp_store_done(struct xdp_store *s); /* all back to the common store */
/* What the kernel has sent of a queue's frames comes back, free ones go to it. */
void xdp_queue_reclaim(struct xdp_store *s, struct xdp_queue *q);
void xdp_queue_fill(struct xdp_store *s, struct xdp_queue *q);

#endif
