/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The kernel's words for AF_XDP, with those that Debian 12's headers lack. */
#ifndef CAPTURE_XDP_KERNEL_H
#define CAPTURE_XDP_KERNEL_H

#include <linux/if_xdp.h>

#ifndef AF_XDP
#define AF_XDP 44
#endif
#ifndef SOL_XDP
#define SOL_XDP 283
#endif
#ifndef XDP_USE_SG /* Linux 6.6: frames in several parts */
#define XDP_USE_SG (1 << 4)
#endif
#ifndef XDP_PKT_CONTD
#define XDP_PKT_CONTD (1 << 0)
#endif
#ifndef XDP_MAX_TX_SKB_BUDGET /* Linux 6.18: frames sent a call */
#define XDP_MAX_TX_SKB_BUDGET 9
#endif

#endif
