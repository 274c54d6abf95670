/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to engine: what one worker got and another must judge (handover.c). */
#ifndef ENGINE_HANDOVER_H
#define ENGINE_HANDOVER_H

#include "engine/engine.h"

struct engine;

/* Is p, of the frame in work, this worker's to judge?  If not, whose it is gets the frame, or the
 * datagram it lies in. */
bool handover_mine(struct engine *e, const struct packet *p);
/* The frame is done: what was given becomes visible, sleepers wake. */
void handover_frame_done(struct engine *e);
void handover_burst_done(struct engine *e);

#endif
