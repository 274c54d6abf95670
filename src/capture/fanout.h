/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The program that tells a fanout group's member (fanout.c). */
#ifndef CAPTURE_FANOUT_H
#define CAPTURE_FANOUT_H

#include <linux/filter.h>
#include <stdint.h>

enum { FANOUT_STEPS = 256 };
struct fanout_program {
    unsigned n;
    uint32_t net;
    struct sock_filter step[FANOUT_STEPS];
};
/* proto: where the ethertype is; net: where the network header begins (the kernel's ancillary
 * offsets, or a frame's). */
void fanout_program(struct fanout_program *p, uint32_t proto, uint32_t net, unsigned workers);

#endif
