/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Probes.  An end that was reset in the middle of a silence leaves no trace of its death, and one
 * that was missed while it waits for data leaves none of its life.  So a quiet end is asked, as a
 * keep-alive asks: a segment without data just below the number it expects (RFC 9293 3.8.4).  A
 * host without the connection answers with a reset; a live end with an acknowledgement that names
 * its number, which the chase takes up.
 */
#include "verdict/respond.h"

#include <netinet/in.h>

static uint64_t probe_due(const struct responder *r, const struct answered *a, const struct end *e)
{
    uint64_t step = r->config.effect_ns / 5;
    uint64_t last = u64_max(u64_max(a->asked_ns, e->told_ns), e->last_ns);
    return u64_max(last + step, a->asked_ns + step * (e->probes + 1ull));
}

void probe_ends(struct responder *r, struct answered *a)
{
    if (a->proto != IPPROTO_TCP || !r->config.chase || a->foreign || a->end[0].gone ||
        a->end[1].gone)
        return;
    for (unsigned s = 0; s < 2; s++) {
        struct end *e = &a->end[s], *peer = &a->end[!s];
        if (!e->told || !peer->seen || e->probes >= PROBES_MOST || r->now_ns < probe_due(r, a, e))
            continue;
        e->probes++;
        send_chase(r, a, s, e->number - 1, peer->high, TCP_ACK);
    }
}
