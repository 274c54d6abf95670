/* SPDX-License-Identifier: GPL-2.0-or-later */
/* xdp.bpf.c, compiled (made by gate/embed.py). */
#ifndef CAPTURE_XDP_XDP_OBJECT_H
#define CAPTURE_XDP_XDP_OBJECT_H

extern const unsigned char xdp_object[];
extern const unsigned long xdp_object_bytes;

#endif
