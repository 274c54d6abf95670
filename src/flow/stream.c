/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The stream engine's door: which state takes a packet, what it is counted as, how a flow's stream
 * ends.
 */
#include "flow/session.h"

#include <stdlib.h>
#include <string.h>

struct stream_engine *stream_engine_new(const struct stream_config *c)
{
    struct stream_engine *e = calloc(1, sizeof(*e));
    if (!e)
        return NULL;
    e->cfg = *c;
    for (unsigned d = 0; d < 2; d++)
        if (!e->cfg.chunk_bytes[d])
            e->cfg.chunk_bytes[d] = 2560;
    if (e->cfg.inline_mode)
        e->cfg.inspect = INSPECT_ON_ARRIVAL;
    return e;
}

void stream_engine_free(struct stream_engine *e)
{
    if (!e)
        return;
    pools_done(e);
    free(e);
}

const struct stream_counters *stream_counters(const struct stream_engine *e)
{
    return &e->n;
}

void stream_event(struct pass *c, enum stream_event ev)
{
    c->e->n.event[ev]++;
    if (c->p)
        packet_event(c->p, STREAM_EVENT_BASE + (unsigned)ev);
}

void session_state(struct pass *c, enum tcp_state st)
{
    static const uint8_t flow_state[] = {
        [TCP_NONE] = FLOW_NEW,
        [TCP_LISTEN] = FLOW_NEW,
        [TCP_SYN_SENT] = FLOW_NEW,
        [TCP_SYN_RECV] = FLOW_NEW,
        [TCP_ESTABLISHED] = FLOW_ESTABLISHED,
        [TCP_FIN_WAIT1] = FLOW_ESTABLISHED,
        [TCP_FIN_WAIT2] = FLOW_ESTABLISHED,
        [TCP_CLOSE_WAIT] = FLOW_ESTABLISHED,
        [TCP_CLOSING] = FLOW_ESTABLISHED,
        [TCP_LAST_ACK] = FLOW_CLOSED,
        [TCP_TIME_WAIT] = FLOW_CLOSED,
        [TCP_CLOSED] = FLOW_CLOSED,
    };
    c->s->state = (uint8_t)st;
    if (st == TCP_ESTABLISHED)
        c->s->flags |= SSN_WAS_UP;
    flow_state_set(c->f, (enum flow_state)flow_state[st]);
}

void packet_skip(struct pass *c)
{
    c->p->flags |= PKT_STREAM_IGNORE;
}

void packet_refuse(struct pass *c)
{
    c->p->flags |= PKT_STREAM_IGNORE;
    if (c->e->cfg.inline_mode && c->e->cfg.drop_invalid) {
        c->p->flags |= PKT_DROPPED;
        c->e->n.drop_invalid++;
    }
}

void session_prefetch(const struct tcp_session *s)
{
    const char *at = (const char *)s;
    for (size_t i = 0; i < sizeof(*s); i += CACHE_LINE)
        __builtin_prefetch(at + i);
}

void session_swap(struct tcp_session *s)
{
    struct tcp_half h = s->half[0];
    s->half[0] = s->half[1];
    s->half[1] = h;
}

bool tcp_replaces(struct flow *f, const struct packet *p, unsigned dir, struct tcp_syn *seed,
                  bool *has_seed)
{
    const struct tcp_session *s = f->tcp;
    uint8_t fl = p->tcp.flags & (TCP_SYN | TCP_FIN | TCP_RST | TCP_ACK);
    if (fl == TCP_SYN) {
        bool over = s->state == TCP_CLOSED || s->state == TCP_TIME_WAIT || s->state == TCP_LAST_ACK;
        if (over)
            return p->tcp.seq != s->half[dir].isn || (!(s->flags & SSN_WAS_UP) && s->half[dir].app);
        /* Fast Open refused, and now without data: what was inspected of it counts for nothing. */
        return s->state == TCP_SYN_RECV && dir == 0 && p->tcp.seq == s->syn.isn && s->half[0].app &&
               !p->payload_len && seq_le(s->half[0].next_seq, s->syn.isn + 1);
    }
    if (fl != (TCP_SYN | TCP_ACK) || !(s->flags & SSN_RESYN) || dir != 1)
        return false;
    if (p->tcp.ack != s->syn.isn + 1 || (p->tcp.seq == s->half[1].isn && s->state != TCP_CLOSED))
        return false;
    *seed = s->syn;
    *has_seed = true;
    return true;
}

/* The flow took over from another whose last SYN is answered now. */
static void begin_from_seed(struct pass *c)
{
    struct flow_slot *slot = slot_of(c->f);
    slot->has_seed = false;
    if (!session_begin(c, TCP_SYN_SENT))
        return;
    half_from_syn(c, 0, &slot->seed);
    c->s->syn = slot->seed;
}

static void by_state(struct pass *c)
{
    switch ((enum tcp_state)c->s->state) {
    case TCP_SYN_SENT:
        state_syn_sent(c);
        break;
    case TCP_SYN_RECV:
        state_syn_recv(c);
        break;
    case TCP_ESTABLISHED:
    case TCP_FIN_WAIT1:
    case TCP_FIN_WAIT2:
    case TCP_TIME_WAIT:
    case TCP_LAST_ACK:
    case TCP_CLOSE_WAIT:
    case TCP_CLOSING:
    case TCP_CLOSED:
        state_connected(c);
        break;
    case TCP_NONE:
    case TCP_LISTEN:
        break;
    }
}

static void count_flags(struct stream_engine *e, uint8_t fl)
{
    if (fl & TCP_URG)
        e->n.urg++;
    if (fl & TCP_RST)
        e->n.rst++;
    if ((fl & (TCP_SYN | TCP_ACK)) == TCP_SYN)
        e->n.syn++;
    if ((fl & (TCP_SYN | TCP_ACK)) == (TCP_SYN | TCP_ACK))
        e->n.synack++;
}

struct exception stream_packet(struct stream_engine *e, struct flow *f, struct packet *p,
                               const struct stream_sink *sink)
{
    struct pass c = {.e = e, .f = f, .s = f->tcp, .p = p, .sink = sink, .dir = p->dir};
    uint8_t fl = p->tcp.flags;
    bool was_up = c.s && c.s->state >= TCP_ESTABLISHED;
    if (!(p->flags & PKT_TCP))
        return c.exc;
    count_flags(e, fl);
    if (e->cfg.check_csum && (p->flags & (PKT_L4_CSUM_BAD | PKT_IP_CSUM_BAD))) {
        e->n.invalid_checksum++;
        p->flags |= PKT_STREAM_IGNORE;
        if (was_up)
            p->flags |= PKT_STREAM_EST;
        return c.exc;
    }
    if (!(fl & TCP_ACK) && p->tcp.ack)
        stream_event(&c, STREAM_EV_PKT_BROKEN_ACK);
    if ((fl & (TCP_SYN | TCP_FIN)) == (TCP_SYN | TCP_FIN)) {
        stream_event(&c, STREAM_EV_FIN_SYN);
        packet_refuse(&c);
        return c.exc;
    }
    if (!c.s && f->index && slot_of(f)->has_seed)
        begin_from_seed(&c);
    if (c.s) {
        c.mine = &c.s->half[c.dir];
        c.other = &c.s->half[!c.dir];
        by_state(&c);
    } else {
        state_none(&c);
        if (!c.s)
            return c.exc;
    }
    c.mine->flags_seen |= fl;
    /* The packet that ends the handshake is still of the handshake, unless it says something. */
    if (c.s->state >= TCP_ESTABLISHED && (was_up || p->payload_len))
        p->flags |= PKT_STREAM_EST;
    return c.exc;
}

void stream_flush_side(struct stream_engine *e, struct flow *f, unsigned dir,
                       const struct stream_sink *sink)
{
    struct tcp_session *s = f->tcp;
    if (!s || (s->flags & SSN_ENDED))
        return;
    struct pass c = {.e = e, .f = f, .s = s, .sink = sink, .dir = 0};
    c.mine = &s->half[0];
    c.other = &s->half[1];
    if (s->flags & SSN_WAS_UP) /* else what waits is data of a SYN that nobody took */
        deliver_all(&c, dir == 0, true);
    deliver_eof(&c, dir == 0);
    if (s->half[0].flags & s->half[1].flags & HALF_EOF)
        s->flags |= SSN_ENDED;
}

void stream_flush(struct stream_engine *e, struct flow *f, const struct stream_sink *sink)
{
    for (unsigned dir = 0; dir < 2; dir++)
        stream_flush_side(e, f, dir, sink);
}

void stream_done(struct stream_engine *e, struct flow *f)
{
    if (!f->tcp)
        return;
    session_give(e, f->tcp);
    f->tcp = NULL;
}
