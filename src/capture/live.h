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
    uint8_t vnet[VNET_BYTES]; /* of the frame that was taken last, fit for its tag that was put back */
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
/* V2: does the ring hold so many frames at least? */
bool port_holds(const struct port *p, uint32_t frames);

/* The rings of one worker, merged: a capture of mirror ports, and what a wire's is built on (pair.c). */
struct live {
    struct capture base;
    enum capture_ring ring;
    uint64_t ring_bytes;
    unsigned n_ports;
    struct port port[CAPTURE_IFACES];
    char name[CAPTURE_IFACES][IFNAMSIZ];
    uint64_t number, checked_ns;
    int wake_fd; /* another reason to end a wait; -1: none */
    uint64_t horizon_ns;
    struct super_pool super;
    uint64_t burst_bytes; /* a burst ends behind the frame that brings it there; 0: it does not */
    /* Called for each frame taken, b->frame[i] of port `port`.  NULL: not. */
    void (*taken)(struct live *l, unsigned i, unsigned port, struct frame *f);
};
int live_init(struct live *l, const struct capture_ops *ops, const struct capture_live_options *o,
              uint64_t hold_cap_bytes) MUST_CHECK;
/* Maps the sockets, owns them from then on; -errno with d.  live_done frees what there is, but l itself. */
int live_open(struct live *l, const struct capture_live_options *o, const int *fd, unsigned n,
              struct diags *d) MUST_CHECK;
void live_done(struct live *l);
enum capture_state live_recv(struct capture *base, struct burst *b, int wait_ms);
void live_given(struct capture *base, struct burst *b); /* the burst's slots go back */
void live_count(struct capture *base);
const char *live_iface_name(const struct capture *base, unsigned iface);

extern const struct capture_live_ops live_part;

/* A wire's (pair.c). */
extern const struct capture_ops pair_ops;

/* Compiles the filter for the interface and attaches it to fd; false with a diag. */
bool live_filter(const char *iface, const char *text, int fd, struct diags *d);

#endif
