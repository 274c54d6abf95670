/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * After a SYN, before its answer.
 *
 * Whoever can send can forge SYNs and SYN/ACKs beside the true ones.  So what differs is
 * remembered, and the answer decides: the SYN/ACK says which SYN counts, the client's ACK which
 * SYN/ACK.
 */
#include "flow/session.h"

void syn_read(const struct packet *p, struct tcp_syn *out)
{
    const struct tcp_view *t = &p->tcp;
    *out = (struct tcp_syn){.isn = t->seq, .ack = t->ack, .win = t->win};
    out->len = (uint16_t)u32_min(p->payload_len, UINT16_MAX);
    if (t->has_ts) {
        out->ts_val = t->ts_val;
        out->flags |= SYN_TS;
    }
    if (t->has_wscale) {
        out->wscale = t->wscale > TCP_WSCALE_MAX ? TCP_WSCALE_MAX : t->wscale;
        out->flags |= SYN_WSCALE;
    }
    if (t->has_mss) {
        out->mss = t->mss;
        out->flags |= SYN_MSS;
    }
    if (t->has_sack_ok)
        out->flags |= SYN_SACK;
    if (t->has_fastopen)
        out->flags |= SYN_FASTOPEN;
    if (t->has_auth)
        out->flags |= SYN_AUTH;
}

void half_from_syn(struct pass *c, unsigned dir, const struct tcp_syn *syn)
{
    struct tcp_half *h = &c->s->half[dir];
    if (h->store) {
        store_give(c->e, h->store);
        h->store = NULL;
    }
    half_base(h, syn->isn);
    h->mss = syn->mss;
    h->wscale = syn->wscale;
    h->flags &= ~(uint32_t)(HALF_TS | HALF_WSCALE);
    if (syn->flags & SYN_WSCALE)
        h->flags |= HALF_WSCALE;
    if (syn->flags & SYN_TS) {
        h->ts_val = syn->ts_val;
        h->ts_s = c->p ? (uint32_t)(c->p->ts_ns / 1000000000) : 0;
        h->flags |= HALF_TS;
    }
    if (syn->flags & SYN_AUTH)
        c->s->flags |= SSN_AUTH;
}

/*
 * Data in a SYN counts once the SYN/ACK covers it.  In the wire it is inspected at once when the
 * client shows a Fast Open cookie: the server may act on it before it answers.
 */
void syn_data(struct pass *c)
{
    const struct packet *p = c->p;
    if (p->tcp.has_fastopen)
        c->s->flags |= SSN_FASTOPEN;
    if (!p->payload_len)
        return;
    c->hold = !(p->tcp.has_fastopen && c->e->cfg.inline_mode && !on_ack(c));
    reasm_data(c, p->tcp.seq + 1, p->payload, p->payload_len);
    c->hold = false;
    if (!p->tcp.has_fastopen)
        c->p->flags &=
            ~(uint32_t)PKT_STREAM_ADD; /* hardly ever taken: rules see it in the packet */
    if (p->tcp.has_fastopen)
        c->s->half[0].next_seq = p->tcp.seq + 1 + p->payload_len;
}

void windows_from_syns(struct pass *c, const struct tcp_syn *syn, const struct tcp_syn *synack)
{
    struct tcp_half *a = &c->s->half[0], *b = &c->s->half[1];
    if (!(syn->flags & synack->flags & SYN_WSCALE))
        a->wscale = b->wscale = 0;
    /* windows of segments with SYN are never scaled */
    a->window = synack->win;
    a->next_win = a->last_ack + a->window;
    b->window = syn->win;
    b->next_win = b->last_ack + b->window;
    if (syn->flags & synack->flags & SYN_TS)
        c->s->flags |= SSN_TS;
    if (syn->flags & synack->flags & SYN_SACK)
        c->s->flags |= SSN_SACK;
}

static bool syn_answers(const struct tcp_syn *s, uint32_t ack)
{
    return ack - (s->isn + 1) <= s->len;
}

const struct tcp_syn *syn_of_ack(const struct tcp_session *s, uint32_t ack)
{
    if (syn_answers(&s->syn, ack))
        return &s->syn;
    for (unsigned i = 0; s->hs && i < s->hs->syns; i++)
        if (syn_answers(&s->hs->syn[i], ack))
            return &s->hs->syn[i];
    return NULL;
}

/* More SYNs than could be remembered: the server's word for which it was, options unknown. */
static const struct tcp_syn *syn_forgotten(const struct tcp_session *s,
                                           const struct tcp_syn *synack, struct tcp_syn *out)
{
    if (!(s->flags & SSN_SYN_FLOOD))
        return NULL;
    *out = (struct tcp_syn){.isn = synack->ack - 1, .win = UINT16_MAX, .flags = synack->flags};
    out->wscale = synack->flags & SYN_WSCALE ? TCP_WSCALE_MAX : 0;
    return out;
}

/* An answer echoes the timestamp of one of the SYNs, or none (RFC 7323 3.2). */
static bool echo_ok(const struct pass *c)
{
    const struct tcp_session *s = c->s;
    const struct packet *p = c->p;
    if (c->dir == 0 || !p->tcp.has_ts || !p->tcp.ts_ecr || (s->flags & SSN_SYN_FLOOD))
        return true;
    uint32_t echo = p->tcp.ts_ecr;
    bool with_none =
        p->tcp.flags & TCP_SYN; /* an echo of what was not sent: odd, but no forgery's mark */
    if (s->syn.flags & SYN_TS ? seq_ge(echo, s->syn.ts_val) && seq_le(echo, s->half[0].ts_val)
                              : with_none)
        return true;
    for (unsigned i = 0; s->hs && i < s->hs->syns; i++)
        if (s->hs->syn[i].flags & SYN_TS ? echo == s->hs->syn[i].ts_val : with_none)
            return true;
    return false;
}

static struct handshake *handshake_of(struct pass *c)
{
    if (!c->s->hs)
        c->s->hs = handshake_take(c->e);
    return c->s->hs;
}

static unsigned queue_max(unsigned set)
{
    return set && set < SYNS_MAX ? set : SYNS_MAX;
}

void syn_queue(struct pass *c)
{
    struct handshake *hs = handshake_of(c);
    struct tcp_syn syn;
    syn_read(c->p, &syn);
    for (unsigned i = 0; hs && i < hs->syns; i++)
        if (hs->syn[i].isn == syn.isn) {
            hs->syn[i] = syn;
            if (c->s->flags & SSN_SYN_FLOOD)
                stream_event(c, STREAM_EV_3WHS_SYN_FLOOD);
            return;
        }
    unsigned most = queue_max(c->e->cfg.max_syn_queued);
    if (hs && hs->syns < most) {
        hs->syn[hs->syns++] = syn;
        return;
    }
    /* The oldest goes: the true one is sent again and again, so it is among the latest. */
    stream_event(c, STREAM_EV_3WHS_SYN_FLOOD);
    c->s->flags |= SSN_SYN_FLOOD;
    if (hs)
        hs->syn[hs->syn_oldest++ % most] = syn;
}

void synack_queue(struct pass *c, const struct tcp_syn *synack)
{
    struct handshake *hs = handshake_of(c);
    for (unsigned i = 0; hs && i < hs->synacks; i++)
        if (hs->synack[i].isn == synack->isn && hs->synack[i].ack == synack->ack) {
            hs->synack[i] = *synack;
            return;
        }
    if (!hs || hs->synacks >= queue_max(c->e->cfg.max_synack_queued)) {
        stream_event(c, STREAM_EV_3WHS_SYNACK_FLOOD);
        packet_refuse(c);
        return;
    }
    hs->synack[hs->synacks++] = *synack;
}

/* Data of the SYN: taken by the server or not? */
static void syn_data_answered(struct pass *c, const struct tcp_syn *syn, uint32_t ack)
{
    struct tcp_half *h = &c->s->half[0];
    uint32_t whole = syn->isn + 1 + syn->len;
    if (ack == whole) {
        h->next_seq = h->last_ack = ack;
        return;
    }
    if (syn->flags & SYN_FASTOPEN)
        stream_event(c, STREAM_EV_3WHS_SYNACK_TFO_DATA_IGNORED);
    h->next_seq = h->last_ack = ack;
    if (h->app)
        return; /* inspected already; it will come again */
    uint32_t flags = h->flags;
    half_base(h, syn->isn);
    h->flags = flags;
    h->next_seq = h->last_ack = ack;
    if (h->store) {
        store_give(c->e, h->store);
        h->store = NULL;
    }
}

void synack_take(struct pass *c, const struct tcp_syn *syn, const struct tcp_syn *synack)
{
    struct tcp_session *s = c->s;
    struct tcp_syn mine = *syn;
    if (mine.isn != s->half[0].isn)
        half_from_syn(c, 0, &mine);
    s->syn = mine;
    half_from_syn(c, 1, synack);
    if (mine.len)
        syn_data_answered(c, &mine, synack->ack);
    windows_from_syns(c, &mine, synack);
}

static void syn_sent_reset(struct pass *c)
{
    const struct packet *p = c->p;
    const struct tcp_session *s = c->s;
    bool good;
    if (c->dir == 1)
        good = (p->tcp.flags & TCP_ACK)
                   ? syn_of_ack(s, p->tcp.ack) != NULL
                   : (s->flags & SSN_FOURWAY) && p->tcp.seq == s->half[1].next_seq;
    else
        /* One with the next number answers something forged in the server's name: it ends nothing.
         */
        good = p->tcp.seq == s->syn.isn;
    if (good) {
        reset_take(c);
        return;
    }
    if (p->tcp.flags & TCP_ACK)
        stream_event(c, STREAM_EV_RST_INVALID_ACK);
    packet_refuse(c);
}

static void syn_sent_synack(struct pass *c)
{
    const struct packet *p = c->p;
    struct tcp_session *s = c->s;
    struct tcp_syn synack;
    syn_read(p, &synack);
    if (c->dir == 0) { /* the client answers a SYN of the server: simultaneous open */
        if (!(s->flags & SSN_FOURWAY))
            stream_event(c, STREAM_EV_3WHS_SYNACK_IN_WRONG_DIRECTION);
        else if (p->tcp.ack != s->half[1].isn + 1)
            stream_event(c, STREAM_EV_4WHS_SYNACK_WITH_WRONG_ACK);
        else if (p->tcp.seq != s->half[0].isn)
            stream_event(c, STREAM_EV_4WHS_SYNACK_WITH_WRONG_SYN);
        else {
            struct tcp_syn server = {.isn = s->half[1].isn,
                                     .win = (uint16_t)s->half[0].window,
                                     .wscale = s->half[1].wscale};
            server.flags = (s->half[1].flags & HALF_WSCALE ? SYN_WSCALE : 0) |
                           (s->half[1].flags & HALF_TS ? SYN_TS : 0);
            windows_from_syns(c, &synack, &server);
            session_state(c, TCP_SYN_RECV);
            return;
        }
        packet_refuse(c);
        return;
    }
    struct tcp_syn forgotten;
    const struct tcp_syn *syn = syn_of_ack(s, p->tcp.ack);
    if (!syn)
        syn = syn_forgotten(s, &synack, &forgotten);
    if (!syn) {
        stream_event(c, STREAM_EV_3WHS_SYNACK_WITH_WRONG_ACK);
        packet_refuse(c);
        return;
    }
    synack_take(c, syn, &synack);
    session_state(c, TCP_SYN_RECV);
    deliver_ready(c, false);
    if (p->payload_len && (s->flags & SSN_FASTOPEN)) {
        reasm_data(c, p->tcp.seq + 1, p->payload, p->payload_len);
        c->mine->next_seq += p->payload_len;
    }
}

static void syn_sent_syn(struct pass *c)
{
    struct tcp_session *s = c->s;
    struct tcp_syn syn;
    syn_read(c->p, &syn);
    if (c->dir == 0) {
        if (syn.isn != s->syn.isn) {
            syn_queue(c);
        } else if (syn.flags & SYN_TS) {
            s->half[0].ts_val = syn.ts_val;
        }
        return;
    }
    s->flags |= SSN_FOURWAY;
    half_from_syn(c, 1, &syn);
    s->half[0].window = syn.win;
    s->half[0].next_win = s->half[0].last_ack + syn.win;
}

/* The server is not seen, or its SYN/ACK was lost before the capture. */
static void syn_sent_ack(struct pass *c)
{
    const struct packet *p = c->p;
    struct tcp_session *s = c->s;
    if (c->dir == 0 && c->e->cfg.async_oneside) {
        if (!syn_of_ack(s, p->tcp.seq)) {
            stream_event(c, STREAM_EV_3WHS_ASYNC_WRONG_SEQ);
            packet_refuse(c);
            return;
        }
        s->flags |= SSN_ASYNC;
        half_base(c->other, p->tcp.ack - 1);
        c->mine->window = c->other->window = 65535u << TCP_WSCALE_MAX;
        c->mine->next_win = c->mine->last_ack + c->mine->window;
        c->other->next_win = c->other->last_ack + c->other->window;
        deliver_ready(c, true);
        session_up(c);
        return;
    }
    /* Of a server that says nothing at all nobody knows what it took: that is async-oneside's. */
    if (c->dir == 0 && c->e->cfg.midstream && (c->f->flags & FLOW_SEEN_TO_CLIENT) &&
        syn_of_ack(s, p->tcp.seq)) {
        session_state(c, TCP_ESTABLISHED);
        pickup_midstream(c);
        return;
    }
    packet_skip(c);
}

void state_syn_sent(struct pass *c)
{
    uint8_t fl = c->p->tcp.flags & (TCP_SYN | TCP_FIN | TCP_RST | TCP_ACK);
    if (!echo_ok(c)) {
        stream_event(c, STREAM_EV_PKT_INVALID_TIMESTAMP);
        packet_refuse(c);
    } else if (fl & TCP_RST)
        syn_sent_reset(c);
    else if (fl == (TCP_SYN | TCP_ACK))
        syn_sent_synack(c);
    else if (fl == TCP_SYN)
        syn_sent_syn(c);
    else if ((fl & TCP_ACK) && !(fl & TCP_SYN))
        syn_sent_ack(c);
    else
        packet_skip(c);
}
