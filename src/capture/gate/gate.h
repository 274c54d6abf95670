/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The gate: what becomes of frames of a wire while nobody judges them, decided in the kernel.
 *
 * The two ports of a wire stand in a bridge.  Each worker's packet loop stores the time in its
 * entry of one BPF array (its beat).  While all beats are fresh, a program at the ports' tc ingress
 * keeps frames from the bridge, and the capture rings get them; once the oldest beat is older than
 * `after_ns`, or 0, a filter keeps frames from the rings and the bridge carries them.  The filter
 * shuts GATE_GUARD_NS before the bridge opens, so that no frame goes both ways: what is on its way
 * past both hooks then is lost instead of doubled.
 *
 * The programs stay at the ports when the processes die; age opens the gate.  Owner: the
 * supervisor; an engine maps the beats and nothing else.
 */
#ifndef CAPTURE_GATE_GATE_H
#define CAPTURE_GATE_GATE_H

#include "base/attr.h"
#include "base/diag.h"

#include <stdatomic.h>

enum { GATE_WORKERS = 64 };
#define GATE_GUARD_NS 250000ull

/* The array's memory: CLOCK_MONOTONIC, 0: this worker lets all go. */
struct gate_beats {
    struct {
        CACHE_ALIGNED _Atomic uint64_t ns;
    } worker[GATE_WORKERS];
};
struct gate_beats *gate_beats_map(int fd); /* NULL: it can't be mapped; fd stays the caller's */
void gate_beats_unmap(struct gate_beats *b);

struct gate_options {
    uint64_t after_ns; /* GATE_GUARD_NS at least */
    unsigned workers;
    bool stale_drop; /* nothing passes while no beat is fresh */
};
struct gate;
/* Makes the array, loads the programs (needs CAP_BPF and CAP_NET_ADMIN).  All beats are 0.  NULL
 * with d. */
struct gate *gate_new(const struct gate_options *o, struct diags *d);
/* The programs stay where they are attached. */
void gate_free(struct gate *g);
int gate_beats_fd(const struct gate *g);  /* for engines */
int gate_filter_fd(const struct gate *g); /* for SO_ATTACH_BPF of capture sockets */
/* "beats", "settings", "counts": for other programs that ask the gate's question; -ENOENT. */
int gate_map_fd(const struct gate *g, const char *name);
/* At the port's tc ingress, in place of what an earlier gate left there. */
int gate_attach(struct gate *g, const char *iface, struct diags *d) MUST_CHECK;
int gate_attach_program(int program, const char *iface, struct diags *d) MUST_CHECK; /* another one, in its place */
void gate_detach(const char *iface);
/* The packet filter's programs (true: to the queue; true: drop the rest), pinned in a BPF file system.  0 or -errno. */
int gate_pin_queue(const struct gate *g, const char *queue_path, const char *shut_path) MUST_CHECK;
/* All beats to 0: the bridge carries from now on. */
void gate_open(struct gate *g);
void gate_stale_drop(struct gate *g, bool drop);
struct gate_counters {
    uint64_t bridged, bridged_bytes; /* frames that went on without us (super-frames are one) */
    uint64_t stale_dropped, stale_bytes;
    uint64_t between,
        between_bytes; /* lost while the rings were shut and the bridge not open yet */
    /* AF_XDP */
    uint64_t taken, taken_bytes;       /* given to a socket */
    uint64_t too_long, too_long_bytes; /* forwarded unlooked, for no socket could send them */
};
void gate_counters(const struct gate *g, struct gate_counters *out);

/* ---- the bridge below the gate (rtnetlink) */

enum { WIRE_NAME = 16 };
struct wire_bridge {
    char name[WIRE_NAME];
    bool own;        /* made by us: silent, and ours to remove */
    bool found;      /* it was there */
    unsigned others; /* further ports that stand in it */
};
/*
 * The bridge of a pair: the one that both ports stand in already, else a new one (spanning tree and
 * multicast snooping off, no forward delay, IPv6 and ARP off, link-local groups let through) with
 * both in it, up.  A bridge of the user's is taken as it is; one that an earlier sensor left is
 * ours.
 */
int wire_bridge_up(const char *a, const char *b, struct wire_bridge *out,
                   struct diags *d) MUST_CHECK;
/* Puts a port that came back into it. */
int wire_bridge_join(const struct wire_bridge *w, const char *port, struct diags *d) MUST_CHECK;
/* Removes our own bridge; the ports stand alone afterwards. */
int wire_bridge_remove(const struct wire_bridge *w) MUST_CHECK;

#endif
