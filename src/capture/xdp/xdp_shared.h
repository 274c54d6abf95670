/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the program at the port and the reader of the sockets both know.  Included by BPF code: no
 * other header. */
#ifndef CAPTURE_XDP_XDP_SHARED_H
#define CAPTURE_XDP_XDP_SHARED_H

#include <linux/types.h>

/* In front of each frame: when it came (CLOCK_MONOTONIC).  The reader wipes `magic`, for buffers
 * are used again. */
#define XDP_STAMP_MAGIC 0x5249504f53544521ull
struct xdp_stamp {
    __u64 magic, ns;
};

#endif
