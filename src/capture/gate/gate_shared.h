/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What both sides of the gate know: layouts of the maps.  Included by BPF code: no other header. */
#ifndef CAPTURE_GATE_GATE_SHARED_H
#define CAPTURE_GATE_GATE_SHARED_H

#include <linux/types.h>

enum { GATE_BEATS = 64 };
struct gate_beat {
    __u64 ns;
    __u64 pad[7]; /* a cache line each */
};
struct gate_settings {
    __u64 after_ns, guard_ns;
    __u32 workers, stale_drop;
};
enum gate_counted {
    GATE_BRIDGED,
    GATE_STALE_DROPPED,
    GATE_BETWEEN,
    GATE_TAKEN,    /* XDP: given to a socket */
    GATE_TOO_LONG, /* XDP: forwarded for no socket could send it */
    GATE_COUNTS
};
struct gate_count {
    __u64 frames, bytes;
};

#endif
