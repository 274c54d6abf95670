/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The system calls that each kind of child may make: one table (calls.c), a filter from it. */
#ifndef SENSOR_CALLS_H
#define SENSOR_CALLS_H

#include "base/attr.h"

#include <linux/filter.h>
#include <stdbool.h>

/* Engines differ by their way to the packets. */
enum calls_of { CALLS_PACKET, CALLS_XDP, CALLS_QUEUE, CALLS_LOGGER, CALLS_COMPILER, CALLS_KINDS };

enum { CALLS_MOST = 1024 };
/* The filter for this process (tgkill reaches nobody else): its length, at most CALLS_MOST. */
unsigned calls_filter(enum calls_of k, struct sock_filter out[CALLS_MOST]);
/* All else ends the process from now on, threads made later too.  Needs no_new_privs.  0 or negative errno. */
int calls_confine(enum calls_of k) MUST_CHECK;
/* False in builds with a sanitizer, which makes calls of its own: there is no filter and no fence in them. */
bool calls_built(void);

#endif
