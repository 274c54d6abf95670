/* SPDX-License-Identifier: GPL-2.0-or-later */
/* An AF_XDP capture: the sockets of one worker (xdp.c), their making (open.c), sending by them
 * (send.c). */
#ifndef CAPTURE_XDP_SOCKETS_H
#define CAPTURE_XDP_SOCKETS_H

#include <net/if.h>

#include "capture/beat.h"
#include "capture/impl.h"
#include "capture/xdp/area.h"
#include "capture/xdp/xdp.h"

enum {
    XDP_SUPER_BYTES = 64 * 1024, /* a long frame's parts, put together */
    XDP_OWN = 256,               /* frames of our own that wait */
};

/* One worker's socket at one queue of one port. */
struct xsock {
    int fd;
    uint8_t iface, queue; /* of the port */
    bool dead, to_kick;
    bool down; /* nothing can be sent now */
    struct xring rx, tx;
};
/* Beside each frame of the burst: frame.slot. */
struct xticket {
    const uint8_t *data; /* as it came */
    uint16_t n;          /* parts that are ours; 0: sent */
    uint8_t queue;
    struct xring_desc part[XDP_PARTS];
};
struct xown {
    uint32_t iface, len, frame;
};
struct xdp {
    struct capture base;
    struct xdp_store store; /* and the area */
    struct beat beat;
    bool zero_copy;
    unsigned n_ifaces, n; /* sockets */
    struct xsock sock[CAPTURE_IFACES];
    uint8_t first[CAPTURE_IFACES],
        queues[CAPTURE_IFACES]; /* of an interface: its sockets stand together */
    char name[CAPTURE_IFACES][IFNAMSIZ];
    struct capture_iface_counters count[CAPTURE_IFACES];
    uint64_t number, checked_ns, horizon_ns, to_wall_ns;
    int wake_fd;
    unsigned n_tickets, n_supers;
    uint8_t *super; /* BURST_MAX buffers */
    unsigned n_own;
    struct xown own[XDP_OWN];
    struct xticket ticket[BURST_MAX];
};

extern const struct capture_ops xdp_ops;

/* open.c */
int xdp_open(struct xdp *x, const struct capture_xdp_options *o, const int *fd, unsigned n,
             struct diags *d) MUST_CHECK;
void xdp_close_sockets(struct xdp *x);

/* send.c */
bool xdp_leave(struct capture *c, const struct frame *f);
bool xdp_send(struct capture *c, unsigned iface, const void *frame, size_t n);
void xdp_flush(struct xdp *x); /* what was put goes out */
void xdp_flush_own(struct xdp *x);
void xdp_recycle(struct xdp *x, struct xticket *t); /* parts that were not sent are free */

#endif
