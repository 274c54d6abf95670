/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Flexible response.
 *
 * Numbers: to the sender of the matching packet its own acknowledgement, to the receiver the end of the packet;
 * then where data in flight implies that the receiver stands by the time the reset comes; then the chase: every
 * acknowledgement of an end that should be dead names the number that it takes, so it gets one exact reset.
 * Effects are seen, not assumed: a connection died when neither end acknowledges anything new any more.
 */
#include "verdict/respond.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum { ATTEMPTS = 4, ATTEMPTS_MOST = 20 };

struct responder *responder_new(const struct response_config *c, struct injector *i, response_report_fn *f, void *ctx)
{
    struct responder *r = calloc(1, sizeof(*r));
    if (!r)
        return NULL;
    r->config = *c;
    if (!r->config.attempts)
        r->config.attempts = ATTEMPTS;
    if (r->config.attempts > ATTEMPTS_MOST)
        r->config.attempts = ATTEMPTS_MOST;
    if (!r->config.effect_ns)
        r->config.effect_ns = 1000000000u;
    r->out = i;
    r->report = f;
    r->ctx = ctx;
    if (answered_init(r)) {
        responder_free(r);
        return NULL;
    }
    return r;
}

void responder_free(struct responder *r)
{
    if (!r)
        return;
    answered_done(r);
    free(r);
}

const struct response_counters *responder_counters(const struct responder *r) { return &r->count; }

/* ------------------------------------------------------------------ reports */

static void finish(struct responder *r, struct answered *a, enum response_effect effect)
{
    if (a->over)
        return;
    a->over = true;
    struct response_counters *n = rule_count(r, a->rule);
    uint64_t *sum = effect == EFFECT_DIED ? &r->count.died : effect == EFFECT_LIVED ? &r->count.lived : &r->count.unknown;
    uint64_t *one = effect == EFFECT_DIED ? &n->died : effect == EFFECT_LIVED ? &n->lived : &n->unknown;
    ++*sum;
    ++*one;
    r->count.leaked_packets += a->leaked_packets;
    r->count.leaked_bytes += a->leaked_bytes;
    n->leaked_packets += a->leaked_packets;
    n->leaked_bytes += a->leaked_bytes;
    if (!a->sends)
        a->status = STATUS_COULD_NOT;
    else
        a->status = effect == EFFECT_DIED ? STATUS_DONE : effect == EFFECT_LIVED ? STATUS_COULD_NOT : STATUS_WOULD;
    if (!a->reason && effect == EFFECT_LIVED)
        a->reason = "the connection lived on";
    struct response_report rep = {
        .flow = a->flow,
        .rule = a->rule,
        .kind = a->kind,
        .attempts = a->sends,
        .effect = (uint8_t)effect,
        .status = a->status,
        .reason = a->reason,
        .sent_ns = a->sent_ns,
        .over_ns = a->dead_ns ? a->dead_ns : a->progress_ns,
        .leaked_packets = a->leaked_packets,
        .leaked_bytes = a->leaked_bytes,
        .challenge_acks = a->challenge_acks,
        .ver = a->ver,
        .proto = a->proto,
        .src = a->addr[0],
        .dst = a->addr[1],
        .sp = a->port[0],
        .dp = a->port[1],
        .flow_id = a->flow_id,
    };
    if (r->report)
        r->report(r->ctx, &rep);
    a->flow = NULL;
}

/* ------------------------------------------------------------------ answering */

static enum verdict_status refuse(struct responder *r, const struct decision *d, uint64_t *counter, size_t at)
{
    ++*counter;
    uint64_t *one = (uint64_t *)(void *)((uint8_t *)rule_count(r, d->response_rule) + at);
    ++*one;
    return STATUS_COULD_NOT;
}
#define REFUSE(member) refuse(r, d, &r->count.member, offsetof(struct response_counters, member))

/* Where the receiver of p's data stands, now or when the reset arrives. */
static void reset_receiver(struct responder *r, struct answered *a, const struct packet *p, unsigned side)
{
    const struct tcp_view *t = &p->tcp;
    uint32_t end = t->seq + p->payload_len + ((t->flags & TCP_SYN) ? 1 : 0) + ((t->flags & TCP_FIN) ? 1 : 0);
    if (!send_reset(r, a, p, side, end, t->ack, TCP_RST))
        return;
    struct tcp_side s;
    uint32_t step = p->seg_size && p->payload_len ? p->payload_len : 1448, next = end;
    if (p->flow && tcp_side_get(p->flow, p->dir, &s) && seq_gt(s.next_seq, end))
        next = s.next_seq;
    /* Without data on its way one exact reset is enough; more are for what is in flight. */
    bool bulk = p->payload_len >= 1000 && p->flow && p->flow->bytes[p->dir] > 16384;
    for (unsigned k = 1; k < r->config.attempts && bulk; k++) {
        uint32_t seq = next == end ? end + k * step : next + (k - 1) * step;
        if (!send_reset(r, a, p, side, seq, t->ack, TCP_RST))
            return;
    }
}

static void answer_tcp(struct responder *r, struct answered *a, const struct packet *p, unsigned what)
{
    const struct tcp_view *t = &p->tcp;
    uint32_t end = t->seq + p->payload_len + ((t->flags & TCP_SYN) ? 1 : 0) + ((t->flags & TCP_FIN) ? 1 : 0);
    if ((t->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN) {
        /* A connecting end believes a reset that acknowledges its SYN; the other has no connection yet, but may
         * get the SYN before our reset of it. */
        if (what & RESP_RST_SRC)
            send_reset(r, a, p, 0, 0, end, TCP_RST | TCP_ACK);
        if (what & RESP_RST_DST)
            send_reset(r, a, p, 1, end, 0, TCP_RST);
        for (unsigned bit = RESP_ICMP_NET; bit <= RESP_ICMP_ADMIN; bit <<= 1)
            if (what & bit)
                send_icmp(r, a, p, bit);
        return;
    }
    if (what & RESP_RST_DST)
        reset_receiver(r, a, p, 1);
    if (what & RESP_RST_SRC)
        send_reset(r, a, p, 0, t->ack, end, TCP_RST);
}

static bool icmp_answerable(const struct packet *p)
{
    if (p->flags & PKT_ICMP)
        return p->icmp_type == 8 || p->icmp_type == 13 || p->icmp_type == 15 || p->icmp_type == 17;
    if (p->flags & PKT_ICMP6)
        return p->icmp_type == 128;
    return true;
}

static void answer_icmp(struct responder *r, struct answered *a, const struct packet *p, unsigned what)
{
    bool icmp = p->flags & (PKT_ICMP | PKT_ICMP6);
    unsigned bits = what & (RESP_ICMP_ALL | RESP_ICMP_ADMIN);
    if (icmp && (bits & RESP_ICMP_PORT)) /* there is no port to be unreachable */
        bits = (bits & ~(unsigned)RESP_ICMP_PORT) | (bits == RESP_ICMP_PORT ? RESP_ICMP_ADMIN : 0);
    if (!bits && (what & RESP_RST_BOTH))
        bits = icmp ? RESP_ICMP_ADMIN : RESP_ICMP_PORT;
    if (bits & RESP_ICMP_PORT) /* what a connected socket believes comes first */
        send_icmp(r, a, p, RESP_ICMP_PORT);
    for (unsigned bit = RESP_ICMP_NET; bit <= RESP_ICMP_ADMIN; bit <<= 1)
        if ((bits & bit) && bit != RESP_ICMP_PORT)
            send_icmp(r, a, p, bit);
}

enum verdict_status responder_answer(struct responder *r, const struct decision *d, struct packet *p)
{
    const char *why;
    bool turned, tcp = p->flags & PKT_TCP;
    r->now_ns = p->ts_ns;
    r->count.requested++;
    rule_count(r, d->response_rule)->requested++;
    if (!p->ver || (tcp && (p->tcp.flags & TCP_RST)) || !icmp_answerable(p))
        return REFUSE(not_answerable);
    if (r->config.own && !r->config.own(r->config.ctx, p->ver, &p->src) && !r->config.own(r->config.ctx, p->ver, &p->dst))
        return REFUSE(not_own);
    struct answered *a = answered_find(r, p, &turned);
    /* A TCP connection that was answered is the chase's; a new one on the same ports begins with SYN. */
    bool fresh_syn = tcp && (p->tcp.flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
    if (a && (a->sent_ns + r->config.table_ns > p->ts_ns || (tcp && !a->over)) && !(fresh_syn && a->flow_id != (p->flow ? p->flow->id : 0))) {
        r->count.damped++;
        rule_count(r, d->response_rule)->damped++;
        return a->status == STATUS_NONE ? STATUS_WOULD : (enum verdict_status)a->status;
    }
    if (!can_send(r, p, &why))
        return REFUSE(failed);
    if (a && !a->over)
        finish(r, a, EFFECT_UNKNOWN);
    if (!a) {
        if (r->used == r->rows && !r->row[r->oldest - 1].over)
            finish(r, &r->row[r->oldest - 1], EFFECT_UNKNOWN);
        a = answered_make(r, p);
    } else {
        struct answered keep = *a;
        *a = (struct answered){.used = true, .next = keep.next, .older = keep.older, .newer = keep.newer, .hash = keep.hash,
                               .addr = {p->src, p->dst}, .port = {p->sp, p->dp}, .proto = p->proto, .ver = p->ver,
                               .sent_ns = p->ts_ns};
    }
    a->rule = d->response_rule;
    a->kind = d->response;
    a->flow = p->flow;
    a->flow_id = p->flow ? p->flow->id : 0;
    a->seen_ns = a->progress_ns = p->ts_ns;
    if (tcp)
        answer_tcp(r, a, p, d->response);
    else
        answer_icmp(r, a, p, d->response);
    a->status = a->sends ? STATUS_WOULD : STATUS_COULD_NOT;
    return (enum verdict_status)a->status;
}

/* ------------------------------------------------------------------ what happens afterwards */

static bool is_own(struct responder *r, const struct packet *p)
{
    if (!(p->flags & PKT_TCP) || !(p->tcp.flags & TCP_RST))
        return false;
    return own_has(r, own_hash(&p->src, &p->dst, p->sp, p->dp, p->tcp.seq));
}

/* side sent p and should be dead. */
static void chase(struct responder *r, struct answered *a, const struct packet *p, unsigned side)
{
    const struct tcp_view *t = &p->tcp;
    bool wanted = side == 0 ? a->kind & RESP_RST_SRC : a->kind & RESP_RST_DST;
    if (!r->config.chase || !wanted || !(t->flags & TCP_ACK) || a->chases[side] >= CHASE_MOST)
        return;
    if (a->reset_to[side] && a->last_seq[side] == t->ack && a->chases[side])
        return; /* it has been told this number */
    if (!p->payload_len)
        a->challenge_acks++, r->count.challenge_acks++, rule_count(r, a->rule)->challenge_acks++;
    a->chases[side]++;
    if (send_reset(r, a, p, side, t->ack, t->seq + p->payload_len, TCP_RST)) {
        r->count.chased++;
        rule_count(r, a->rule)->chased++;
    }
}

bool responder_see(struct responder *r, struct packet *p)
{
    bool turned;
    r->now_ns = p->ts_ns;
    if (is_own(r, p)) {
        r->count.own_seen++;
        return true;
    }
    struct answered *a = answered_find(r, p, &turned);
    if (!a || a->over || (p->flow && a->flow_id != p->flow->id))
        return false;
    unsigned side = turned ? 1 : 0;
    a->seen_ns = p->ts_ns;
    if (p->payload_len) { /* what reached an end after the forbidden bytes */
        a->leaked_packets += p->seg_n ? p->seg_n : 1;
        a->leaked_bytes += p->payload_len;
    }
    if (!(p->flags & PKT_TCP))
        return false;
    const struct tcp_view *t = &p->tcp;
    if (t->flags & TCP_RST) {
        a->host_reset = true; /* an end that has no such connection any more says so */
        if (!a->dead_ns)
            a->dead_ns = p->ts_ns;
        return false;
    }
    if (t->flags & TCP_ACK) {
        if (a->has_ack[side] && seq_gt(t->ack, a->ack[side])) {
            a->progress_ns = p->ts_ns;
            a->dead_ns = 0;
        }
        if (!a->has_ack[side] || seq_gt(t->ack, a->ack[side])) {
            a->ack[side] = t->ack;
            a->has_ack[side] = true;
        }
        chase(r, a, p, side);
    }
    return false;
}

/* Died: since half of the watch nobody has acknowledged anything new. */
static enum response_effect effect_of(const struct responder *r, const struct answered *a, uint64_t now_ns)
{
    if (a->proto != IPPROTO_TCP)
        return a->leaked_packets ? EFFECT_LIVED : EFFECT_DIED;
    if (a->host_reset && a->dead_ns >= a->progress_ns)
        return EFFECT_DIED;
    return now_ns - a->progress_ns >= r->config.effect_ns / 2 ? EFFECT_DIED : EFFECT_LIVED;
}

void responder_tick(struct responder *r, uint64_t now_ns)
{
    r->now_ns = now_ns;
    for (uint32_t x = r->oldest; x; x = r->row[x - 1].newer) {
        struct answered *a = &r->row[x - 1];
        if (a->over)
            continue;
        if (now_ns == UINT64_MAX)
            finish(r, a, a->host_reset ? EFFECT_DIED : EFFECT_UNKNOWN);
        else if (now_ns >= a->sent_ns + r->config.effect_ns)
            finish(r, a, effect_of(r, a, now_ns));
    }
}

void responder_flow_end(struct responder *r, struct flow *f)
{
    for (uint32_t x = r->newest; x; x = r->row[x - 1].older) {
        struct answered *a = &r->row[x - 1];
        if (a->flow != f)
            continue;
        if (!a->over)
            finish(r, a, a->host_reset || f->end == FLOW_END_TIMEOUT ? EFFECT_DIED : EFFECT_UNKNOWN);
        a->flow = NULL;
        return;
    }
}
