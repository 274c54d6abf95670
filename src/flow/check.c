/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Would the target take this segment?  Timestamps (RFC 7323), acknowledgements (RFC 5961),
 * keep-alives. */
#include "flow/session.h"

enum { PAWS_IDLE_S = 24 * 86400 };

/* How far back a target lets a timestamp go, and whether a zero means "none". */
static const struct {
    uint8_t back;
    bool zero_is_none;
} leniency[OS_POLICIES] = {
    [OS_LINUX] = {1, false}, [OS_OLD_LINUX] = {1, true},   [OS_WINDOWS] = {0, true},
    [OS_VISTA] = {0, true},  [OS_WINDOWS2K3] = {0, false}, [OS_SOLARIS] = {0, false},
};

bool timestamp_ok(const struct pass *c)
{
    const struct packet *p = c->p;
    const struct tcp_half *h = c->mine;
    if (!p->tcp.has_ts || !(c->s->flags & SSN_TS) || !(h->flags & HALF_TS))
        return true;
    unsigned policy = h->policy < OS_POLICIES ? h->policy : OS_BSD;
    if (leniency[policy].zero_is_none && (!p->tcp.ts_val || !h->ts_val))
        return true;
    int32_t ahead = (int32_t)(p->tcp.ts_val - h->ts_val);
    int32_t back = c->e->cfg.liberal_timestamps ? leniency[OS_LINUX].back : leniency[policy].back;
    if (ahead + back >= 0)
        return true;
    uint32_t now_s = (uint32_t)(p->ts_ns / 1000000000);
    return now_s - h->ts_s > PAWS_IDLE_S && now_s > h->ts_s;
}

void timestamp_take(struct pass *c)
{
    const struct packet *p = c->p;
    struct tcp_half *h = c->mine;
    if (!p->tcp.has_ts)
        return;
    /* only what is in order moves it: an earlier segment may still be on its way */
    if ((h->flags & HALF_TS) && seq_gt(p->tcp.seq, h->edge_seq))
        return;
    if (!(h->flags & HALF_TS) || (int32_t)(p->tcp.ts_val - h->ts_val) >= 0) {
        h->ts_val = p->tcp.ts_val;
        h->ts_s = (uint32_t)(p->ts_ns / 1000000000);
        h->flags |= HALF_TS;
    }
}

bool ack_plausible(const struct pass *c)
{
    const struct tcp_half *o = c->other;
    uint32_t ack = c->p->tcp.ack;
    if (!(c->p->tcp.flags & TCP_ACK) || !(o->flags & HALF_BASE))
        return true;
    if (c->s->flags & SSN_ASYNC)
        return true;
    uint32_t probe = o->flags & HALF_PROBE ? 1 : 0; /* a byte that was sent without leave */
    if (seq_gt(ack, o->next_win + probe) && seq_gt(ack, o->next_seq + probe))
        return false;
    if (seq_ge(ack, o->last_ack))
        return true;
    uint32_t back = u32_max(o->window, 65535u << 2);
    return seq_ge(ack, o->last_ack - back) && seq_ge(ack, o->isn);
}

bool is_keepalive(const struct pass *c)
{
    const struct packet *p = c->p;
    const struct tcp_half *h = c->mine;
    const uint8_t flags = p->tcp.flags & (TCP_ACK | TCP_SYN | TCP_FIN | TCP_RST);
    return flags == TCP_ACK && p->payload_len <= 1 && p->tcp.seq == h->next_seq - 1 &&
           h->last_ack == h->next_seq;
}

/*
 * Numbers outside every window are forged, or much was lost before the capture.  What one end sends
 * and the other acknowledges is true: neither can forge both.
 */
static void jump(struct pass *c, struct tcp_half *h, uint32_t to)
{
    h->flags &=
        ~(uint32_t)(HALF_JUMP_SENT | HALF_JUMP_ACKED | HALF_ACK_HINT | HALF_PROBE | HALF_FIN_SEEN);
    h->next_seq = h->last_ack = to;
    h->next_win = to + h->window;
    deliver_ready(c, h == c->mine);
}

bool jump_acked(struct pass *c)
{
    struct tcp_half *o = c->other;
    uint32_t ack = c->p->tcp.ack;
    if ((o->flags & HALF_JUMP_SENT) && seq_ge(ack, o->jump) && seq_le(ack, o->jump_end) &&
        seq_gt(ack, o->next_seq)) {
        jump(c, o, ack);
        return true;
    }
    o->flags = (o->flags | HALF_JUMP_ACKED) & ~(uint32_t)HALF_JUMP_SENT;
    o->jump = o->jump_end = ack;
    return false;
}

bool jump_sent(struct pass *c)
{
    struct tcp_half *h = c->mine;
    uint32_t seq = c->p->tcp.seq;
    if ((h->flags & HALF_JUMP_ACKED) && seq == h->jump && seq_gt(seq, h->next_seq)) {
        jump(c, h, seq);
        return true;
    }
    h->flags = (h->flags | HALF_JUMP_SENT) & ~(uint32_t)HALF_JUMP_ACKED;
    h->jump = seq;
    h->jump_end = seq + c->p->payload_len + !!(c->p->tcp.flags & TCP_FIN);
    return false;
}
