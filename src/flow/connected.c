/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Established and closing sessions (RFC 9293 3.10.7.4, seen from between the ends).
 *
 * A segment must be one that the target would take: timestamp, acknowledgement, window.  Then its
 * acknowledgement moves the other half, its data this one, its FIN the state.
 */
#include "flow/session.h"

/* What a broken packet is called, by state. */
struct state_events {
    int16_t window, fin_window, ack, fin_ack, before;
};
#define NONE -1
static const struct state_events events[] = {
    [TCP_ESTABLISHED] = {STREAM_EV_EST_PACKET_OUT_OF_WINDOW, STREAM_EV_FIN_OUT_OF_WINDOW,
                         STREAM_EV_EST_INVALID_ACK, STREAM_EV_FIN_INVALID_ACK,
                         STREAM_EV_EST_PKT_BEFORE_LAST_ACK},
    [TCP_FIN_WAIT1] = {STREAM_EV_FIN1_ACK_WRONG_SEQ, STREAM_EV_FIN1_FIN_WRONG_SEQ,
                       STREAM_EV_FIN1_INVALID_ACK, STREAM_EV_FIN1_INVALID_ACK, NONE},
    [TCP_FIN_WAIT2] = {STREAM_EV_FIN2_ACK_WRONG_SEQ, STREAM_EV_FIN2_FIN_WRONG_SEQ,
                       STREAM_EV_FIN2_INVALID_ACK, STREAM_EV_FIN2_INVALID_ACK, NONE},
    [TCP_CLOSING] = {STREAM_EV_CLOSING_ACK_WRONG_SEQ, STREAM_EV_CLOSING_ACK_WRONG_SEQ,
                     STREAM_EV_CLOSING_INVALID_ACK, STREAM_EV_CLOSING_INVALID_ACK, NONE},
    [TCP_CLOSE_WAIT] = {STREAM_EV_CLOSEWAIT_ACK_OUT_OF_WINDOW,
                        STREAM_EV_CLOSEWAIT_FIN_OUT_OF_WINDOW, STREAM_EV_CLOSEWAIT_INVALID_ACK,
                        STREAM_EV_CLOSEWAIT_INVALID_ACK, STREAM_EV_CLOSEWAIT_PKT_BEFORE_LAST_ACK},
    [TCP_LAST_ACK] = {STREAM_EV_LASTACK_ACK_WRONG_SEQ, STREAM_EV_LASTACK_ACK_WRONG_SEQ,
                      STREAM_EV_LASTACK_INVALID_ACK, STREAM_EV_LASTACK_INVALID_ACK, NONE},
    [TCP_TIME_WAIT] = {STREAM_EV_TIMEWAIT_ACK_WRONG_SEQ, STREAM_EV_TIMEWAIT_ACK_WRONG_SEQ,
                       STREAM_EV_TIMEWAIT_INVALID_ACK, STREAM_EV_TIMEWAIT_INVALID_ACK, NONE},
    [TCP_CLOSED] = {NONE, NONE, NONE, NONE, NONE},
};

static void event_if(struct pass *c, int16_t ev)
{
    if (ev >= 0)
        stream_event(c, (enum stream_event)ev);
}

/* SYN and SYN/ACK on a living session: retransmissions, or the next connection of these ends. */
static void connected_syn(struct pass *c)
{
    const struct packet *p = c->p;
    struct tcp_session *s = c->s;
    if (s->state == TCP_CLOSED && !(s->flags & SSN_WAS_UP) && c->dir == 0 &&
        !(p->tcp.flags & TCP_ACK)) {
        /* refused, and tried again with the same number */
        struct tcp_syn syn;
        syn_read(p, &syn);
        for (unsigned d = 0; d < 2; d++)
            s->half[d].flags &= HALF_APP_OFF | HALF_RAW_OFF;
        half_from_syn(c, 0, &syn);
        s->syn = syn;
        session_state(c, TCP_SYN_SENT);
        return;
    }
    if (s->state != TCP_ESTABLISHED) {
        stream_event(c, STREAM_EV_SHUTDOWN_SYN_RESEND);
    } else if (p->tcp.flags & TCP_ACK) {
        if (c->dir == 0)
            stream_event(c, STREAM_EV_EST_SYNACK_TOSERVER);
        else if (p->tcp.ack != s->half[0].isn + 1 && p->tcp.ack != s->half[0].last_ack)
            stream_event(c, STREAM_EV_EST_SYNACK_RESEND_WITH_DIFF_ACK);
        else if (p->tcp.seq != s->half[1].isn)
            stream_event(c, STREAM_EV_EST_SYNACK_RESEND_WITH_DIFF_SEQ);
        else if (s->half[0].edge || s->half[1].edge)
            stream_event(c, STREAM_EV_EST_SYNACK_RESEND);
        else
            return; /* the handshake's last ACK was lost on its way */
    } else if (c->dir == 1) {
        stream_event(c, STREAM_EV_EST_SYN_TOCLIENT);
    } else if (p->tcp.seq != s->half[0].isn) {
        stream_event(c, STREAM_EV_EST_SYN_RESEND_DIFF_SEQ);
    } else {
        stream_event(c, STREAM_EV_EST_SYN_RESEND);
    }
    bool fresh = p->tcp.seq != s->half[0].isn || s->state == TCP_CLOSED;
    if (!(p->tcp.flags & TCP_ACK) && c->dir == 0 && fresh) {
        syn_read(p, &s->syn);
        s->flags |= SSN_RESYN;
    }
    packet_skip(c); /* never dropped: the ends sort it out (RFC 5961 4) */
}

static void connected_reset(struct pass *c)
{
    if (c->p->payload_len)
        stream_event(c, STREAM_EV_RST_WITH_DATA);
    if (!reset_counts(c))
        packet_refuse(c);
    else
        reset_take(c);
    c->p->flags |= PKT_STREAM_IGNORE; /* text in a reset is delivered to nobody */
}

/* Where the session stands, from who has sent a FIN and whose was acknowledged. */
static void closing_state(struct pass *c)
{
    struct tcp_session *s = c->s;
    bool client = s->half[0].flags & HALF_FIN, server = s->half[1].flags & HALF_FIN;
    bool client_acked = s->half[0].flags & HALF_FIN_ACKED,
         server_acked = s->half[1].flags & HALF_FIN_ACKED;
    if (s->state == TCP_CLOSED || (!client && !server))
        return;
    enum tcp_state st;
    if (!server)
        st = TCP_CLOSE_WAIT;
    else if (!client)
        st = server_acked ? TCP_FIN_WAIT2 : TCP_FIN_WAIT1;
    else if (server_acked && (client_acked || !(s->flags & SSN_SERVER_FIRST)))
        st = TCP_CLOSED;
    else if (s->flags & SSN_SERVER_FIRST)
        st = server_acked ? TCP_TIME_WAIT : TCP_CLOSING;
    else
        st = TCP_LAST_ACK;
    if (st != s->state)
        session_state(c, st);
}

/* A FIN counts when all before it is there, or was acknowledged with it. */
static void fin_check(struct pass *c, bool own)
{
    struct tcp_half *h = side(c, own);
    if (!(h->flags & HALF_FIN_SEEN))
        return;
    if (!(h->flags & HALF_FIN)) {
        if (seq_gt(h->last_ack,
                   h->fin_seq + 1)) { /* the stream went on behind it: it never was one */
            h->flags &= ~(uint32_t)HALF_FIN_SEEN;
            return;
        }
        if (h->edge_seq != h->fin_seq)
            return;
        h->flags |= HALF_FIN;
        unsigned dir = own ? c->dir : !c->dir;
        if (dir == 1 && !(c->s->half[0].flags & HALF_FIN))
            c->s->flags |= SSN_SERVER_FIRST;
        if (h->store && h->store->ext_n && h->app == h->edge)
            h->store->ext_n = h->store->ext_head = 0; /* what came behind the FIN */
        deliver_all(c, own, false);
        deliver_eof(c, own);
    }
    h = side(c, own);
    if (seq_gt(h->last_ack, h->fin_seq))
        h->flags |= HALF_FIN_ACKED;
}

static void half_skip(struct tcp_half *h, uint32_t seq)
{
    int64_t to = half_offset(h, seq);
    if (to > (int64_t)h->edge)
        edge_advance(h, (uint64_t)to);
    h->app = h->raw = h->edge;
    h->next_seq = h->last_ack = seq;
}

/* The receiver had room for the probing byte after all. */
static void probe_taken(struct pass *c)
{
    struct tcp_half *o = c->other;
    stream_event(c, STREAM_EV_EST_ACK_ZWP_DATA);
    c->mine = o;
    c->dir = !c->dir;
    reasm_data(c, o->next_seq, &o->probe_byte, 1);
    c->dir = !c->dir;
    c->p->dir = (uint8_t)c->dir;
    c->mine = &c->s->half[c->dir];
    c->other = &c->s->half[!c->dir];
    c->other->next_seq++;
    c->other->flags &= ~(uint32_t)(HALF_PROBE | HALF_ACK_HINT);
}

/* The other half's numbers as this packet acknowledges them. */
static void take_ack(struct pass *c)
{
    const struct packet *p = c->p;
    struct tcp_half *o = c->other;
    if (!(p->tcp.flags & TCP_ACK))
        return;
    uint32_t ack = p->tcp.ack;
    if (!(o->flags & HALF_BASE))
        half_base(o, ack - 1);
    if (c->s->flags & SSN_ASYNC) { /* the other side's bytes are not here to be missed */
        if (seq_gt(ack, o->last_ack)) {
            half_skip(o, ack);
            o->next_win = ack + o->window;
        }
        return;
    }
    if (seq_gt(ack, o->next_seq)) {
        /*
         * Beyond all that was seen: lost before the capture, or a lie.  Believed when its sender
         * goes on from there; forgotten when the missing bytes come.
         */
        if (!(o->flags & HALF_ACK_HINT) || o->ack_hint != ack)
            o->flags &= ~(uint32_t)HALF_HINT_DOUBT;
        o->ack_hint = ack;
        o->flags |= HALF_ACK_HINT;
        ack = o->next_seq;
        if ((o->flags & HALF_PROBE) && p->tcp.ack == o->next_seq + 1) {
            probe_taken(c);
            o = c->other;
            ack = o->next_seq;
        }
    }
    if (seq_gt(ack, o->last_ack))
        o->last_ack = ack;
    uint32_t window = (uint32_t)p->tcp.win << c->mine->wscale;
    if (seq_ge(p->tcp.ack, o->last_ack)) {
        if (window)
            o->flags &= ~(uint32_t)HALF_PROBE;
        o->window = window;
        if (seq_gt(o->last_ack + window, o->next_win))
            o->next_win = o->last_ack + window;
    }
    if (o->edge_seq != o->last_ack || on_ack(c) || o->app != o->edge)
        deliver_ready(c, false);
    if (c->other->flags & HALF_FIN_SEEN)
        fin_check(c, false);
}

/* The sender's numbers: what it has sent and skipped. */
static void take_seq(struct pass *c)
{
    const struct packet *p = c->p;
    struct tcp_half *h = c->mine;
    uint32_t end = p->tcp.seq + p->payload_len;
    if (h->flags & HALF_ACK_HINT) {
        bool covered = seq_ge(h->edge_seq, h->ack_hint) ||
                       (p->tcp.seq == h->edge_seq && seq_ge(end, h->ack_hint));
        bool goes_on = seq_ge(p->tcp.seq, h->ack_hint);
        if (covered || (goes_on && !(h->flags & HALF_HINT_DOUBT))) {
            if (seq_gt(h->ack_hint, h->last_ack))
                h->last_ack = h->ack_hint;
            h->flags &= ~(uint32_t)HALF_ACK_HINT;
            if (seq_gt(p->tcp.seq, h->next_seq))
                h->next_seq = p->tcp.seq;
        } else if (p->payload_len && !goes_on) {
            h->flags |= HALF_HINT_DOUBT;
        }
    }
    if (seq_gt(end, h->next_seq))
        h->next_seq = end;
    if (c->s->flags & SSN_ASYNC) {
        h->last_ack = h->next_seq;
        h->next_win = h->last_ack + h->window;
    }
}

static void take_fin(struct pass *c)
{
    const struct packet *p = c->p;
    struct tcp_half *h = c->mine;
    uint32_t at = p->tcp.seq + p->payload_len;
    if (h->flags & HALF_FIN)
        return;
    if (!(h->flags & HALF_FIN_SEEN) || seq_lt(at, h->fin_seq)) {
        h->fin_seq = at;
        h->flags |= HALF_FIN_SEEN;
    }
    if (seq_gt(at + 1, h->next_seq) && at == h->next_seq)
        h->next_seq = at + 1;
}

void connected_take(struct pass *c)
{
    struct packet *p = c->p;
    timestamp_take(c);
    take_ack(c);
    bool urgent_kept = !(p->tcp.flags & TCP_URG) || !p->payload_len || urgent_note(c);
    take_seq(c);
    if (p->payload_len && urgent_kept)
        reasm_data(c, p->tcp.seq, p->payload, p->payload_len);
    if (p->tcp.flags & TCP_FIN)
        take_fin(c);
    if (p->payload_len || (p->tcp.flags & TCP_FIN) || c->mine->edge_seq != c->mine->last_ack)
        deliver_ready(c, true);
    fin_check(c, true);
    closing_state(c);
}

/* A byte that the receiver has no room for: it counts only if it is acknowledged after all. */
static bool is_probe(struct pass *c)
{
    struct tcp_half *h = c->mine;
    const struct packet *p = c->p;
    if (h->window || p->payload_len != 1 || p->tcp.seq != h->last_ack ||
        p->tcp.seq != h->next_seq || c->s->flags & (SSN_ASYNC | SSN_MIDSTREAM))
        return false;
    h->probe_byte = p->payload[0];
    h->flags |= HALF_PROBE;
    return true;
}

enum verdict { SEQ_GOOD, SEQ_OLD, SEQ_BAD };

static enum verdict seq_check(struct pass *c, const struct state_events *ev)
{
    struct packet *p = c->p;
    const struct tcp_half *h = c->mine;
    uint32_t end = p->tcp.seq + p->payload_len;
    bool fin = p->tcp.flags & TCP_FIN;
    if (!(h->flags & HALF_BASE)) {
        half_base(c->mine, p->tcp.seq - 1);
        c->mine->next_win = c->mine->last_ack + (65535u << TCP_WSCALE_MAX);
        return SEQ_GOOD;
    }
    if (seq_gt(end, h->next_win) && seq_gt(end, h->last_ack) && !jump_sent(c)) {
        event_if(c, fin ? ev->fin_window : ev->window);
        return SEQ_BAD;
    }
    if (p->payload_len && seq_le(end, h->last_ack)) {
        p->flags |= PKT_RETRANSMIT;
        if (half_offset(h, end) <= (int64_t)h->app)
            p->flags |= PKT_STREAM_ADD; /* it was in the stream when it came first: stream rules have seen it */
        if (c->s->state != TCP_ESTABLISHED)
            stream_event(c, STREAM_EV_PKT_RETRANSMISSION);
        stream_event(c, STREAM_EV_PKT_SPURIOUS_RETRANSMISSION);
        return fin ? SEQ_GOOD : SEQ_OLD;
    }
    if (!p->payload_len && !fin && seq_lt(end, h->last_ack)) {
        event_if(c, ev->before);
        return SEQ_OLD;
    }
    return SEQ_GOOD;
}

static bool bad_window_update(const struct pass *c)
{
    const struct packet *p = c->p;
    const struct tcp_half *o = c->other;
    if (p->payload_len || (p->tcp.flags & ~(TCP_ACK | TCP_PSH | TCP_ECE | TCP_CWR)) || !p->tcp.win)
        return false;
    uint32_t window = (uint32_t)p->tcp.win << c->mine->wscale;
    return seq_gt(p->tcp.ack, o->next_seq) && window < o->window &&
           o->window - window > p->tcp.ack - o->last_ack;
}

/* Acknowledges and window count, its data does not. */
static void take_ack_only(struct pass *c)
{
    take_ack(c);
    fin_check(c, true);
    closing_state(c);
}

static bool would_be_taken(struct pass *c, const struct state_events *ev)
{
    uint8_t fl = c->p->tcp.flags;
    if (!(fl & TCP_ACK)) /* no stack takes data without ACK */
        return false;
    if (!timestamp_ok(c)) {
        stream_event(c, STREAM_EV_PKT_INVALID_TIMESTAMP);
        return false;
    }
    if (!ack_plausible(c) && !jump_acked(c)) {
        stream_event(c, STREAM_EV_PKT_INVALID_ACK);
        c->e->n.invalid_ack++;
        event_if(c, fl & TCP_FIN ? ev->fin_ack : ev->ack);
        return false;
    }
    return true;
}

void state_connected(struct pass *c)
{
    struct packet *p = c->p;
    uint8_t fl = p->tcp.flags & (TCP_SYN | TCP_FIN | TCP_RST | TCP_ACK);
    if (fl & TCP_RST) {
        connected_reset(c);
        return;
    }
    if (fl & TCP_SYN) {
        connected_syn(c);
        return;
    }
    if (c->s->state == TCP_CLOSED && !reset_undone(c)) {
        packet_skip(c);
        return;
    }
    if ((c->s->flags & SSN_ASYNC) && !c->mine->flags_seen)
        c->s->flags &= (uint16_t)~SSN_ASYNC; /* the other side is seen after all */
    const struct state_events *ev = &events[c->s->state];
    if (!would_be_taken(c, ev)) {
        packet_refuse(c);
        return;
    }
    if (is_keepalive(c)) {
        p->flags |= PKT_STREAM_IGNORE;
        take_ack_only(c);
        return;
    }
    if (bad_window_update(
            c)) /* or a loss before the capture: the acknowledgement is weighed as any */
        stream_event(c, STREAM_EV_PKT_BAD_WINDOW_UPDATE);
    if (is_probe(c)) {
        packet_skip(c);
        take_ack_only(c);
        return;
    }
    switch (seq_check(c, ev)) {
    case SEQ_BAD:
        packet_refuse(c);
        break;
    case SEQ_OLD:
        packet_skip(c);
        take_ack_only(c);
        break;
    case SEQ_GOOD:
        connected_take(c);
        break;
    }
}
