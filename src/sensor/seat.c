/* SPDX-License-Identifier: GPL-2.0-or-later */
/* On which core a real-time worker sits (seat.h). */
#include "sensor/seat.h"

#include <stdlib.h>

/*
 * Looks are a tenth of a second apart.  The first trials come at once; as long as none of them is
 * better, the next comes twice as late, at last once in some ten minutes: a trial of a bad core
 * costs answers.
 */
enum { WAIT_FIRST = 8, WAIT_MOST = 6000 };

void seat_init(struct seat *s, const cpu_set_t *may, int here)
{
    *s = (struct seat){.may = *may, .here = here, .best = -1, .wait = WAIT_FIRST};
}

static int up(const void *a, const void *b)
{
    const uint32_t *x = a, *y = b;
    return (*x > *y) - (*x < *y);
}

static int next_core(const struct seat *s, int from)
{
    for (int k = 1; k <= CPU_SETSIZE; k++) {
        int c = (from + k) % CPU_SETSIZE;
        if (CPU_ISSET((size_t)c, &s->may) && c != s->best)
            return c;
    }
    return -1;
}

static int move(struct seat *s, int core)
{
    if (core < 0 || core == s->here)
        return -1;
    return s->here = core;
}

/* The seat tried was measured: keep it, or go on. */
static int judge(struct seat *s, uint32_t median)
{
    if (s->best < 0 || median < s->best_ns / 8 * 7) { /* a small gain is chance */
        s->best = s->here;
        s->best_ns = median;
        s->wait = WAIT_FIRST;
        s->trials = 0;
    }
    if (++s->trials < (unsigned)CPU_COUNT(&s->may))
        return move(s, next_core(s, s->here));
    s->trials = 0;
    s->rest = s->wait;
    s->wait = s->wait * 2 < WAIT_MOST ? s->wait * 2 : WAIT_MOST;
    return move(s, s->best);
}

int seat_look(struct seat *s)
{
    if (CPU_COUNT(&s->may) < 2 || s->n < SEAT_ENOUGH) /* what came too seldom waits for more */
        return -1;
    qsort(s->sample, s->n, sizeof(s->sample[0]), up);
    uint32_t median = s->sample[s->n / 2];
    s->n = 0;
    if (s->here != s->best)
        return judge(s, median);
    s->best_ns = median; /* as it is today */
    if (s->rest) {
        s->rest--;
        return -1;
    }
    s->trials = 1;
    return move(s, next_core(s, s->here));
}
