/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Reading clocks.  Only engine, sensor, capture and cli call these: time is a parameter elsewhere.
 */
#ifndef BASE_CLOCK_H
#define BASE_CLOCK_H

#include "base/attr.h"

#define NS_PER_SEC 1000000000ull
#define NS_PER_MS  1000000ull
#define NS_PER_US  1000ull

uint64_t clock_wall_ns(void);
uint64_t clock_mono_ns(void);
uint64_t clock_cpu_ns(void); /* CPU time of the process */


/* The processor's counter, or nanoseconds where there is none: for shares, not for times. */
static inline uint64_t clock_cycles(void)
{
#if defined(__x86_64__) || defined(__i386__)
    return __builtin_ia32_rdtsc();
#else
    return clock_mono_ns();
#endif
}

#endif
