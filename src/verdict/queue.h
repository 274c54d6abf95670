/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to verdict: which of a packet's matches act in Snort's dialects. */
#ifndef VERDICT_QUEUE_H
#define VERDICT_QUEUE_H

#include "verdict/verdict.h"

enum { QUEUE_ROOM = 512 }; /* matches of one packet; with more there is no queue */
/*
 * Matches stand in the order of their rules.  Those that act come first, in the order in which they do: as many as it
 * returns.  Behind them stands what the queue keeps back.
 */
uint32_t queue_select(const struct event_queue *q, const struct overlay *o, struct matches *m);

#endif
