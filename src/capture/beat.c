/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Storing the beat, and letting it go (beat.h). */
#include "capture/beat.h"

#include "base/clock.h"
#include "capture/gate/gate.h"

static void let_go(struct beat *b, uint64_t now_ns)
{
    if (b->beats)
        atomic_store_explicit(&b->beats->worker[b->worker].ns,
                              now_ns > b->gone_ns ? now_ns - b->gone_ns : 0, memory_order_relaxed);
}

void beat_turn(struct beat *b, struct capture_counters *n, bool (*full)(const void *),
               bool (*empty)(const void *), const void *ctx)
{
    if (b->over || !b->beats)
        return;
    uint64_t now_ns = clock_mono_ns();
    if (!b->let_go && full(ctx)) {
        b->let_go = true;
        n->let_go++;
        let_go(b, now_ns);
    }
    if (b->let_go && !empty(ctx))
        return;
    if (!b->let_go && b->at_ns && now_ns - b->at_ns > b->after_ns)
        n->stalled++;
    b->let_go = false;
    b->at_ns = now_ns;
    atomic_store_explicit(&b->beats->worker[b->worker].ns, now_ns, memory_order_relaxed);
}

void beat_end(struct beat *b)
{
    if (b->over)
        return;
    b->over = true;
    let_go(b, clock_mono_ns());
}
