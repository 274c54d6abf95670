/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Where sessions begin: at a SYN, or in the middle of a connection if the settings allow. */
#include "flow/session.h"

void half_base(struct tcp_half *h, uint32_t isn)
{
    h->isn = isn;
    h->next_seq = h->last_ack = h->edge_seq = isn + 1;
    h->next_win = isn + 1;
    h->edge = h->app = h->raw = 0;
    h->flags |= HALF_BASE;
}

static enum os_policy target_policy(const struct pass *c, const struct ip_addr *dst)
{
    const struct stream_config *cfg = &c->e->cfg;
    return cfg->os ? cfg->os(cfg->ctx, c->f->ver, dst) : OS_BSD;
}

bool session_begin(struct pass *c, enum tcp_state st)
{
    struct tcp_session *s = session_take(c->e);
    if (!s) {
        c->exc.target = EXCEPTION_STREAM_MEMCAP;
        c->exc.policy = (uint8_t)c->e->cfg.memcap_policy;
        return false;
    }
    c->f->tcp = c->s = s;
    c->mine = &s->half[c->dir];
    c->other = &s->half[!c->dir];
    for (unsigned d = 0; d < 2; d++) {
        s->half[d].depth = c->e->cfg.depth_bytes;
        s->half[d].policy = (uint8_t)target_policy(c, &c->f->addr[!d]);
    }
    session_state(c, st);
    return true;
}

static void packet_turn(struct pass *c)
{
    flow_swap(c->f);
    c->dir = !c->dir;
    c->p->dir = (uint8_t)c->dir;
}

static void begin_syn(struct pass *c)
{
    if (c->dir)
        packet_turn(c); /* packets of an unknown past made the flow; the SYN knows better */
    if (!session_begin(c, TCP_SYN_SENT))
        return;
    struct tcp_syn syn;
    syn_read(c->p, &syn);
    half_from_syn(c, 0, &syn);
    c->s->syn = syn;
    syn_data(c);
}

static void begin_synack(struct pass *c)
{
    if (!c->dir)
        packet_turn(c);
    if (!session_begin(c, TCP_SYN_RECV))
        return;
    c->s->flags |= c->e->cfg.midstream ? SSN_MIDSTREAM : SSN_MIDSTREAM | SSN_ASYNC;
    c->e->n.midstream_pickups++;
    struct tcp_syn synack,
        syn = {.isn = c->p->tcp.ack - 1, .win = 65535, .flags = SYN_WSCALE | SYN_TS | SYN_SACK};
    syn_read(c->p, &synack);
    syn.wscale = synack.flags & SYN_WSCALE ? TCP_WSCALE_MAX : 0;
    half_from_syn(c, 0, &syn);
    half_from_syn(c, 1, &synack);
    windows_from_syns(c, &syn, &synack);
}

/* Both halves from one packet in the middle; windows are unknown and taken as wide as they can be.
 */
void pickup_midstream(struct pass *c)
{
    struct packet *p = c->p;
    c->e->n.midstream_pickups++;
    c->s->flags |= SSN_MIDSTREAM;
    half_base(c->mine, p->tcp.seq - 1);
    c->mine->wscale = c->other->wscale = TCP_WSCALE_MAX;
    c->mine->window = c->other->window = 65535u << TCP_WSCALE_MAX;
    c->mine->next_win = c->mine->last_ack + c->mine->window;
    if (p->tcp.flags & TCP_ACK) {
        half_base(c->other, p->tcp.ack - 1);
        c->other->next_win = c->other->last_ack + c->other->window;
    }
    if (p->tcp.has_ts)
        c->s->flags |= SSN_TS;
    state_connected(c);
}

static void begin_middle(struct pass *c)
{
    /* Who speaks from a port below 1024 to one above is the server. */
    if (c->p->sp < 1024 && c->p->dp >= 1024 && !c->dir)
        packet_turn(c);
    if (session_begin(c, TCP_ESTABLISHED))
        pickup_midstream(c);
}

void state_none(struct pass *c)
{
    const struct stream_config *cfg = &c->e->cfg;
    uint8_t fl = c->p->tcp.flags & (TCP_SYN | TCP_FIN | TCP_RST | TCP_ACK);
    if (fl & TCP_RST) {
        stream_event(c, STREAM_EV_RST_BUT_NO_SESSION);
        return;
    }
    if (fl == TCP_SYN) {
        begin_syn(c);
        return;
    }
    if (fl & TCP_FIN)
        stream_event(c, STREAM_EV_FIN_BUT_NO_SESSION);
    if (!(fl & TCP_ACK))
        return;
    c->exc.target = EXCEPTION_MIDSTREAM;
    c->exc.policy = (uint8_t)cfg->midstream_policy;
    if ((fl & TCP_FIN) && !c->p->payload_len)
        return;
    if ((fl & TCP_SYN) && (cfg->midstream || cfg->async_oneside))
        begin_synack(c);
    else if (!(fl & TCP_SYN) && cfg->midstream)
        begin_middle(c);
}
