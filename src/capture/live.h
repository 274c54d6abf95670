/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * AF_PACKET rings (Documentation/networking/packet_mmap.rst), shared by opening, reading and
 * merging.
 *
 * A port is one socket with its ring.  Frames of a burst stay in the ring until port_done.  V2
 * slots are small: a frame that does not fit comes whole by recv (PACKET_COPY_THRESH) into a buffer
 * of the burst.
 */
#ifndef CAPTURE_LIVE_H
#define CAPTURE_LIVE_H

#include <net/if.h>

#include "capture/impl.h"

enum {
    RING_BLOCK_BYTES = 256 * 1024,
    RING_SLOT_BYTES = 2048, /* V2 */
    RING_MIN_BYTES = 1024 * 1024,
    SUPER_BYTES = 72 * 1024, /* one buffer; 4 KB of it are headroom */
    VNET_BYTES = 10,         /* struct virtio_net_hdr in front of each frame */
};
#define RING_DEFAULT_BYTES (64ull * 1024 * 1024)

struct super_pool {
    uint8_t *mem; /* BURST_MAX buffers */
    unsigned used;
};
struct port {
    int fd; /* -1: dead */
    enum capture_ring ring;
    uint16_t link;
    uint8_t *map;
    size_t map_bytes;
    uint32_t n;         /* slots or blocks */
    uint64_t at, given; /* next to read, next to give back; V2: slots, V3: blocks since the start */
    /* V3: inside the block at `at` */
    uint8_t *next;
    uint32_t left;
    struct capture_iface_counters count;
};

uint64_t ring_bytes(const struct capture_live_options *o);
/* Maps fd's ring.  The port owns fd from then on, also on failure. */
int port_open(struct port *p, int fd, enum capture_ring ring, uint64_t bytes) MUST_CHECK;
void port_close(struct port *p);
/* Time of the frame that waits first, or 0. */
uint64_t port_peek(struct port *p);
/* Takes it: only after port_peek said so. */
void port_take(struct port *p, struct super_pool *s, struct frame *f);
/* Gives all taken frames back to the kernel. */
void port_done(struct port *p);
/* Reads statistics, clears errors; closes the port if its interface has gone. */
void port_check(struct port *p);

/* Compiles the filter for the interface and attaches it to fd; false with a diag. */
bool live_filter(const char *iface, const char *text, int fd, struct diags *d);

#endif
