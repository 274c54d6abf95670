/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A worker's beat (gate/gate.h): stored in its packet loop, let go before its ring is full, taken
 * up again when all that waited is judged.
 */
#ifndef CAPTURE_BEAT_H
#define CAPTURE_BEAT_H

#include "capture/capture.h"

struct beat {
    struct gate_beats *beats; /* NULL: no gate */
    unsigned worker;
    uint64_t after_ns,
        gone_ns; /* as old as that is a beat that was let go: the kernel takes over at once */
    uint64_t at_ns;
    bool let_go, over; /* over: for good */
};
/* Once or twice a turn of the loop.  `full`, `empty`: what waits for the worker; asked when it
 * matters. */
void beat_turn(struct beat *b, struct capture_counters *n, bool (*full)(const void *),
               bool (*empty)(const void *), const void *ctx);
void beat_end(struct beat *b);

#endif
