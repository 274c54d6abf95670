/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Snort's rules on a packet and on the stream that it is part of: one occurrence, one alert.
 *
 * Where streams are judged when they are acknowledged, a rule with positions sees the same bytes twice.  Snort
 * remembers in the session what a packet has shown; Suricata tells both.  The last few matches in packets are
 * remembered by flow: in the stream such a rule has to reach behind them.
 */
#include "detect/match.h"

#include <stdlib.h>

enum { MOST = 8 };

struct flow_once {
    struct one {
        uint32_t rule, generation;
        uint32_t end; /* place in the stream behind the packet's last byte, modulo 2^32 */
        uint8_t dir;
        bool used;
    } one[MOST];
    unsigned next;
};

static bool counts(const struct detect *d, const struct img_rule *r)
{
    return d->config.on_ack && r->dialect != DIALECT_SURICATA && r->needs_packet == 1 && d->transport == TR_TCP;
}

void once_seen(struct detect *d, uint32_t rule)
{
    const struct packet *p = d->p;
    struct tcp_side side;
    if (!counts(d, &d->rules[rule]) || !(p->flags & PKT_STREAM_ADD) || !p->flow || !tcp_side_get(p->flow, p->dir, &side))
        return;
    struct detect_flow *m = flow_memory(d, p->flow);
    if (m && !m->once) {
        m->once = calloc(1, sizeof(*m->once));
        d->count.flow_state_bytes += m->once ? sizeof(*m->once) : 0;
    }
    if (!m || !m->once)
        return;
    m->once->one[m->once->next] = (struct one){
        .rule = rule, .generation = d->generation, .end = p->tcp.seq + p->payload_len - (side.isn + 1), .dir = p->dir, .used = true};
    m->once->next = (m->once->next + 1) % MOST;
}

uint32_t once_fresh(const struct detect *d, uint32_t rule)
{
    const struct detect_flow *m = d->p->flow ? d->p->flow->detect : NULL;
    if (!m || !m->once || !counts(d, &d->rules[rule]))
        return 0;
    uint32_t fresh = 0;
    for (unsigned k = 0; k < MOST; k++) {
        const struct one *o = &m->once->one[k];
        uint32_t at = o->end - (uint32_t)d->stream.offset;
        if (o->used && o->rule == rule && o->generation == d->generation && o->dir == d->p->dir && at <= d->stream.n && at > fresh)
            fresh = at;
    }
    return fresh;
}

void once_free(struct detect_flow *m)
{
    free(m->once);
    m->once = NULL;
}
