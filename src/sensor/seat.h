/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * On which core a real-time worker sits.
 *
 * The scheduler moves ordinary threads to an idle core when they wake; a real-time one wakes where
 * it slept, be that behind the kernel's own work on the very packet it waits for.  So it tries
 * its seats: the median time from a packet's stamp to its being taken tells which is best.
 *
 * One worker's own; no lock.  All times in nanoseconds.
 */
#ifndef SENSOR_SEAT_H
#define SENSOR_SEAT_H

#include <sched.h>
#include <stdbool.h>
#include <stdint.h>

enum { SEAT_SAMPLES = 64, SEAT_ENOUGH = 12 };

struct seat {
    cpu_set_t may;
    int here, best;      /* core; best: -1 while none was measured */
    uint32_t best_ns;    /* median there */
    unsigned rest, wait; /* looks until the next trial, and how many there were to be */
    unsigned trials;     /* cores tried since `best` was found */
    unsigned n;
    uint32_t sample[SEAT_SAMPLES];
};

/* `may`: the cores that it may have; `here`: where it is. */
void seat_init(struct seat *s, const cpu_set_t *may, int here);
/* A packet was taken `late_ns` after its stamp. */
static inline void seat_note(struct seat *s, uint64_t late_ns)
{
    if (s->n < SEAT_SAMPLES)
        s->sample[s->n++] = late_ns > UINT32_MAX ? UINT32_MAX : (uint32_t)late_ns;
}
/* Now and then: the core to move to, -1 to stay. */
int seat_look(struct seat *s);

#endif
