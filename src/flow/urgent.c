/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Urgent data (RFC 6093).  With the policy "oob" the byte that the urgent pointer names is taken
 * out of the stream, as a receiver without SO_OOBINLINE does: offsets behind it move down by one.
 */
#include "flow/session.h"

#include <string.h>

int urgent_between(const struct tcp_half *h, uint32_t from, uint32_t to)
{
    uint32_t kept = u32_min(h->urg_total, URGENT_KEPT);
    int n = 0;
    for (uint32_t i = 0; i < kept; i++)
        n += seq_ge(h->urg_seq[i], from) && seq_lt(h->urg_seq[i], to);
    return n;
}

bool urgent_at(const struct tcp_half *h, uint32_t seq)
{
    uint32_t kept = u32_min(h->urg_total, URGENT_KEPT);
    for (uint32_t i = 0; i < kept; i++)
        if (h->urg_seq[i] == seq)
            return true;
    return false;
}

static enum urgent_policy urgent_policy_now(struct pass *c)
{
    if (c->e->cfg.urgent != URGENT_OOB || c->mine->urg_total < URGENT_LIMIT)
        return c->e->cfg.urgent;
    stream_event(c, STREAM_EV_REASSEMBLY_URGENT_OOB_LIMIT_REACHED);
    return (enum urgent_policy)c->e->cfg.urgent_oob_limit_policy;
}

bool urgent_note(struct pass *c)
{
    struct tcp_half *h = c->mine;
    const struct packet *p = c->p;
    switch (urgent_policy_now(c)) {
    case URGENT_INLINE:
        return true;
    case URGENT_DROP:
        packet_refuse(c);
        c->p->flags |= PKT_DROPPED;
        return false;
    case URGENT_GAP:
        packet_skip(c);
        return false;
    case URGENT_OOB:
        break;
    }
    uint32_t at = p->tcp.seq + p->tcp.urp - 1;
    if (!p->tcp.urp || p->tcp.urp > p->payload_len || urgent_at(h, at))
        return true;
    /* What is stored beyond has its offsets already: then the byte stays in line. */
    if (seq_lt(at, h->next_seq) ||
        (h->urg_total >= URGENT_KEPT && seq_ge(h->urg_seq[0], h->edge_seq)))
        return true;
    if (h->urg_total >= URGENT_KEPT)
        memmove(&h->urg_seq[0], &h->urg_seq[1], (URGENT_KEPT - 1) * sizeof(h->urg_seq[0]));
    h->urg_seq[u32_min(h->urg_total, URGENT_KEPT - 1)] = at;
    h->urg_total++;
    c->e->n.urgent_oob++;
    return true;
}
