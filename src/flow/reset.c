/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Resets.  Tracking is strict: a reset that the target would ignore or challenge must not end
 * inspection (RFC 5961: only the exact number ends a connection).  Old systems take any number in
 * the window (RFC 793).  A reset that counted may still have been forged with a short TTL: when its
 * sender goes on, so do we.
 */
#include "flow/session.h"

enum rule { EXACT, WINDOW, AHEAD };
static const uint8_t rules[OS_POLICIES] = {
    [OS_OLD_LINUX] = WINDOW,
    [OS_OLD_SOLARIS] = WINDOW,
    [OS_SOLARIS] = WINDOW,
    [OS_HPUX11] = AHEAD,
};

bool reset_counts(struct pass *c)
{
    const struct packet *p = c->p;
    const struct tcp_half *h = c->mine;
    if ((p->tcp.flags & TCP_ACK) && !ack_plausible(c)) {
        stream_event(c, STREAM_EV_RST_INVALID_ACK);
        return false;
    }
    if (!(h->flags & HALF_BASE))
        return true;
    uint32_t seq = p->tcp.seq, got = h->edge_seq + !!(h->flags & HALF_FIN);
    if (seq == h->next_seq || seq == got)
        return true;
    switch ((enum rule)rules[h->policy < OS_POLICIES ? h->policy : OS_BSD]) {
    case EXACT:
        break;
    case WINDOW:
        return seq_ge(seq + p->payload_len, h->last_ack) && seq_lt(seq, h->next_seq + h->window);
    case AHEAD:
        return seq_ge(seq, h->next_seq);
    }
    return false;
}

void reset_take(struct pass *c)
{
    if (c->mine->flags & HALF_RST) /* once more */
        return;
    c->mine->flags |= HALF_RST;
    if (c->s->state != TCP_CLOSED)
        c->s->state_before_rst = c->s->state;
    session_state(c, TCP_CLOSED);
    /* What is in order may have been read before the reset came; the end waits for the flow's end.
     */
    deliver_all(c, true, false);
    deliver_all(c, false, false);
}

/* A packet that its sender could not send after its own reset. */
bool reset_undone(struct pass *c)
{
    struct tcp_session *s = c->s;
    if (!(c->mine->flags & HALF_RST) || s->state_before_rst < TCP_ESTABLISHED)
        return false;
    if (!c->p->payload_len || seq_lt(c->p->tcp.seq, c->mine->last_ack) ||
        seq_gt(c->p->tcp.seq + c->p->payload_len, c->mine->next_win) || !ack_plausible(c))
        return false;
    stream_event(c, STREAM_EV_SUSPECTED_RST_INJECT);
    c->mine->flags &= ~(uint32_t)HALF_RST;
    session_state(c, (enum tcp_state)s->state_before_rst);
    return true;
}
