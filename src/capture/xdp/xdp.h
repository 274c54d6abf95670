/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A wire by AF_XDP (doc/af-xdp.md): capture's public header for it, beside gate/gate.h.
 *
 * A program at each port (xdp.bpf.c) asks the gate: while all beats are fresh, frames go to the
 * sockets, else on to the bridge (or away).  Each worker has a socket for each queue of each port;
 * the program tells by addresses and ports whose frame it is, as the fanout does (capture_owner),
 * so the card's own way of spreading does not matter.  All sockets of an engine share one memory of
 * frames: what passes is sent from where it was received.
 *
 * The supervisor loads, attaches, opens and registers the memory (rights are needed for that); the
 * engine maps memory and rings and binds, which needs none.
 */
#ifndef CAPTURE_XDP_XDP_H
#define CAPTURE_XDP_XDP_H

#include "capture/capture.h"

struct gate;

/* ---- the supervisor's */

struct xdp_wire;
enum xdp_mode { XDP_MODE_NATIVE_TAGS, XDP_MODE_NATIVE, XDP_MODE_GENERIC, XDP_MODES };
/* Nothing is attached yet.  `g` outlives it.  NULL with d. */
struct xdp_wire *xdp_wire_new(struct gate *g, unsigned workers, struct diags *d);
void xdp_wire_free(struct xdp_wire *w); /* the programs stay */
/*
 * Loads the program for the port and attaches it in place of ours that is there: in the driver if
 * it takes it (with the tags that it took off, where the kernel tells them), else in the stack.
 * Also for a port that came back.  -errno with d; another's program at the port is left alone:
 * -EBUSY.
 */
int xdp_wire_attach(struct xdp_wire *w, unsigned iface, const char *name,
                    struct diags *d) MUST_CHECK;
enum xdp_mode xdp_wire_mode(const struct xdp_wire *w, unsigned iface);
/* Frames of more bytes stay in the kernel: they could not leave by a socket. */
uint32_t xdp_wire_most(const struct xdp_wire *w, unsigned iface);
/* Does the port's driver let sockets at its own buffers?  Asked of its first queue. */
bool xdp_can_zero_copy(const char *name);
/* Queues of a port, 1 at least. */
unsigned xdp_queues(const char *name);
/* A worker's socket for a queue, not bound yet, entered where the program looks. */
int xdp_wire_socket(struct xdp_wire *w, unsigned iface, unsigned queue, unsigned worker,
                    struct diags *d) MUST_CHECK;
/* The memory of frames as it suits the ports: `bytes` is a wish. */
struct xdp_frames {
    uint64_t bytes;
    uint32_t chunk; /* bytes of a frame's place */
};
struct xdp_frames xdp_frames_for(const struct xdp_wire *w, uint64_t bytes);
/* Makes that memory (a memfd of so many bytes) the socket's, and of those that are bound with it.
 */
int xdp_register(int socket, int frames_fd, const struct xdp_frames *f, struct diags *d) MUST_CHECK;
/* Our program away from the port, if it is there. */
void xdp_detach(const char *name);

/* ---- the engine's */

struct xdp_area; /* the memory of frames, shared by all workers of an engine; the last to close
                    frees it */
struct capture_xdp_options {
    struct capture_pair_options pair;
    struct xdp_frames frames;
    int frames_fd;                  /* that memory; stays the caller's */
    uint8_t queues[CAPTURE_IFACES]; /* of each interface; together CAPTURE_IFACES at most */
    unsigned workers;
    bool zero_copy;
    struct xdp_area **area; /* worker 0, who comes first, makes it */
};
/*
 * The sockets of one worker, by interface and queue; owned from then on, also on failure.  Worker 0
 * first, from any thread; then each capture is its worker's.
 */
struct capture *capture_xdp_attach(const struct capture_xdp_options *o, const int *fd, unsigned n,
                                   struct diags *d);
#endif
