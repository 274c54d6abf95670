/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * After the answer: the chase, what leaked, and whether the connection died.
 *
 * Chase: an end that should be dead but acknowledges names the number that it takes; data on its
 * way to an end names the number at which that will stand.  Both get one exact reset, unless it was
 * told the number already.
 *
 * Died: an end's host has said that it knows no such connection (it resets what still comes, or a
 * probe), or it owes an acknowledgement and keeps silent.  Lived: an end goes on, or the exchange
 * had ended by itself.  All else is unknown: silence alone proves nothing.
 */
#include "verdict/respond.h"

#include <netinet/in.h>
#include <string.h>

/* ------------------------------------------------------------------ begin */

/* What the tracked stream knows of the end that sends in direction dir. */
static void end_tracked(struct end *e, const struct flow *f, unsigned dir)
{
    struct tcp_side peer;
    if (!f || !f->tcp || !tcp_side_get(f, !dir, &peer) ||
        (!peer.seen_bytes && (tcp_is_midstream(f) || tcp_flow_state(f) < TCP_ESTABLISHED)))
        return;
    if (!e->seen || (seq_gt(peer.next_seq, e->high) && peer.next_seq - e->high < 1u << 26))
        e->high = peer.next_seq;
    e->seen = true;
    if (!e->acked && (f->flags & (dir ? FLOW_SEEN_TO_CLIENT : FLOW_SEEN_TO_SERVER))) {
        e->ack = peer.last_ack;
        e->acked = true;
    }
}

static void end_begin(struct answered *a, const struct packet *p, unsigned side, bool from)
{
    struct end *e = &a->end[side];
    const struct flow *f = p->flow;
    unsigned dir = from ? p->dir : !p->dir; /* of what this end sends */
    e->ttl = from ? p->ttl : f ? f->ttl[dir] : 0;
    if (!(p->flags & PKT_TCP))
        return;
    if (from) {
        e->acked = e->seen = p->tcp.flags & TCP_ACK;
        e->ack = e->high = p->tcp.ack;
        e->fin = p->tcp.flags & TCP_FIN;
        e->fin_end = p->tcp.seq + segment_len(p);
    } else {
        e->seen = true;
        e->high = p->tcp.seq + segment_len(p);
    }
    end_tracked(e, f, dir);
    e->high_told = e->high;
}

void watch_begin(struct responder *r, struct answered *a, const struct packet *p, const struct decision *d)
{
    bool from0 = p->sp == a->end[0].port && ip_eq(&p->src, &a->end[0].addr);
    end_begin(a, p, 0, from0);
    end_begin(a, p, 1, !from0);
    a->server = (uint8_t)(p->flow ? (p->dir == (from0 ? 0 : 1))
                                  : 1); /* side 0 sends to the server: it is side 1 */
    a->earlier =
        p->flow ? (uint32_t)u64_min(p->flow->pkts[from0 ? p->dir : !p->dir], UINT32_MAX) : 0;
    leak_begin(a, p, d, a->from);
    if (!r->look_ns)
        r->look_ns = r->now_ns;
}

void watch_told(struct responder *r, struct answered *a, unsigned side, uint32_t number)
{
    struct end *e = &a->end[side];
    e->told = true;
    e->number = number;
    e->told_ns = r->now_ns;
    e->alive = false;
    e->high_told = e->high;
}

/* ------------------------------------------------------------------ effects */

/* The server's answer was taken to its end. */
static bool ended_by_itself(const struct answered *a)
{
    return a->end[a->server].fin_acked;
}

/* It owes an acknowledgement of data that passed a while ago, and says nothing. */
static bool is_mute(const struct responder *r, const struct answered *a, const struct end *e)
{
    uint64_t while_ns = r->config.effect_ns / 2;
    return e->told && e->seen && e->acked && seq_gt(e->high, e->ack) &&
           e->last_ns + while_ns < r->now_ns && a->asked_ns + while_ns < r->now_ns;
}

static bool is_alive(const struct responder *r, const struct answered *a, const struct end *e)
{
    return !e->gone && (e->alive || e->last_ns > a->asked_ns + r->config.effect_ns / 2);
}

static enum response_effect effect_of_datagrams(const struct answered *a)
{
    const struct end *e = &a->end[0];
    if (e->gone)
        return EFFECT_DIED;
    if (e->last_ns)
        return EFFECT_LIVED;
    /* One that has spoken several times and is silent now; a single datagram proves nothing. */
    return a->earlier > 2 && !a->end[1].last_ns ? EFFECT_DIED : EFFECT_UNKNOWN;
}

static enum response_effect effect_of(const struct responder *r, const struct answered *a)
{
    const struct end *e = a->end;
    if (a->proto != IPPROTO_TCP)
        return effect_of_datagrams(a);
    if (e[0].gone || e[1].gone)
        return EFFECT_DIED;
    if (ended_by_itself(a))
        return EFFECT_LIVED;
    bool all = !(a->kind & RESP_RST_BOTH); /* no end was reset: neither should go on */
    for (unsigned s = 0; s < 2; s++)
        if ((e[s].wanted || all) && is_alive(r, a, &e[s]))
            return EFFECT_LIVED;
    return is_mute(r, a, &e[0]) || is_mute(r, a, &e[1]) ? EFFECT_DIED : EFFECT_UNKNOWN;
}


static void report(struct responder *r, const struct answered *a, const struct row_rule *by, const struct leak *l)
{
    struct response_report rep = {
        .flow = a->flow,
        .rule = by->rule,
        .kind = by->kind & (uint8_t)(a->sent | a->sent >> SIDE_1), /* what left */
        .attempts = (uint16_t)by->sends,
        .effect = a->effect,
        .status = a->status,
        .reason = by->reason ? by->reason : a->fate,
        .asked_ns = by->asked_ns,
        .sent_ns = by->sent_ns,
        .over_ns = a->last_ns,
        .leaked_packets = l->packets,
        .leaked_bytes = l->bytes,
        .challenge_acks = a->challenge_acks,
        .chased = a->chased,
        .ver = a->ver,
        .proto = a->proto,
        .src = a->end[0].addr,
        .dst = a->end[1].addr,
        .sp = a->end[0].port,
        .dp = a->end[1].port,
        .flow_id = a->flow_id,
    };
    if (r->report)
        r->report(r->ctx, &rep);
}

static void fate_add(struct response_counters *n, enum response_effect effect, const struct leak *l)
{
    n->leaked_packets += l->packets;
    n->leaked_bytes += l->bytes;
    n->died += effect == EFFECT_DIED;
    n->lived += effect == EFFECT_LIVED;
    n->unknown += effect == EFFECT_UNKNOWN;
}

void watch_finish(struct responder *r, struct answered *a, enum response_effect effect)
{
    static const char *const lived_reason = "the connection lived on", *const ended_reason =
                                                                           "it had ended by itself";
    if (a->over)
        return;
    a->over = true;
    if (!a->round_sends && effect == EFFECT_DIED) /* it was not us */
        effect = EFFECT_UNKNOWN;
    a->effect = (uint8_t)effect;
    struct leak all = leaked(a, a->from);
    fate_add(&r->count, effect, &all);
    if (a->round_sends)
        a->status = effect == EFFECT_DIED ? STATUS_DONE : effect == EFFECT_LIVED ? STATUS_COULD_NOT : STATUS_WOULD;
    if (effect == EFFECT_LIVED)
        a->fate = a->proto == IPPROTO_TCP && ended_by_itself(a) ? ended_reason : lived_reason;
    for (unsigned k = 0; k < a->n_rules; k++) { /* each rule that asked has its own */
        const struct row_rule *by = &a->by[k];
        struct leak own = leaked(a, by->from);
        if (by->sends || by->damped || !a->round_sends)
            fate_add(rule_count(r, by->rule), effect, &own);
        if (by->sends || a->n_rules == 1)
            report(r, a, by, &own);
    }
}

/* ------------------------------------------------------------------ what passes */

static void tell_now(struct responder *r, struct answered *a, unsigned side);

static void tell_all(struct responder *r)
{
    for (unsigned k = 0; k < r->n_due; k++)
        for (unsigned s = 0; s < 2; s++)
            if (r->row[r->due[k]].end[s].due)
                tell_now(r, &r->row[r->due[k]], s);
    r->n_due = 0;
}

/* p's data on its way to e. True: some of it is new. */
static bool note_data(struct end *e, const struct packet *p)
{
    uint32_t len = segment_len(p), end = p->tcp.seq + len;
    if (!len || (e->seen && !seq_gt(end, e->high)))
        return false;
    uint32_t fresh = e->seen ? end - e->high : len;
    if (!e->seen)
        e->first = p->tcp.seq + !!(p->tcp.flags & TCP_SYN);
    e->after_packets += p->seg_n ? p->seg_n : 1;
    e->after_bytes += fresh < p->payload_len ? fresh : p->payload_len;
    e->high = end;
    e->seen = true;
    return true;
}

/* The end e sent p, which acknowledges. True: nothing new, without data: a challenge, or a
 * duplicate. */
static bool note_ack(struct end *e, struct end *peer, const struct packet *p)
{
    uint32_t ack = p->tcp.ack;
    bool news = !e->acked || seq_gt(ack, e->ack);
    if (news) {
        e->acked = true;
        e->ack = ack;
    }
    if (peer->fin && seq_ge(ack, peer->fin_end))
        peer->fin_acked = true;
    if (e->told && e->seen && seq_gt(ack, e->high_told))
        e->alive = true;
    return !news && e->told && !p->payload_len && !(p->tcp.flags & (TCP_SYN | TCP_FIN));
}

/* Tells an end what it is due to be told. */
static void tell_now(struct responder *r, struct answered *a, unsigned side)
{
    struct end *e = &a->end[side];
    e->due = false;
    if (a->over || !send_chase(r, a, side, e->due_number, e->due_ack, e->due_flags))
        return;
    e->chases++;
    a->chased++;
    COUNT(r, a->rule, chased, 1);
    watch_told(r, a, side, e->due_number);
}

/*
 * Another sensor's resets may be on their way while this one chases: until that is known, its own part
 * is all it takes.  A connection whose bytes pour in can't wait for that.
 */
static bool must_wait(const struct responder *r, const struct answered *a)
{
    return a->sends >= SENDS_OF_TWO && r->now_ns < a->begun_ns + ALONE_NS &&
           a->end[0].after_bytes + a->end[1].after_bytes < BULK_AFTER;
}

/*
 * Tells an end a number, if that is any news to it: when the burst is over, for what is behind in
 * it may know a better one.
 */
static void tell(struct responder *r, struct answered *a, const struct packet *p, unsigned side,
                 uint32_t number, uint32_t ack, uint8_t flags)
{
    struct end *e = &a->end[side];
    if (!r->config.chase || !e->wanted || e->chases >= CHASE_MOST || must_wait(r, a))
        return;
    if (e->told && r->now_ns - e->told_ns < REPEAT_NS && !seq_gt(number, e->number))
        return;
    if (e->due && !seq_gt(number, e->due_number))
        return;
    bool listed = a->end[0].due || a->end[1].due;
    e->due_number = number;
    e->due_ack = ack;
    e->due_flags = flags;
    if (injector_has_link(r->out) && !send_has_head(r, a, side)) { /* only with a packet at hand */
        if (!send_obstacle(r, p) && send_reset(r, a, p, side, number, ack, flags)) {
            e->chases++;
            a->chased++;
            COUNT(r, a->rule, chased, 1);
            watch_told(r, a, side, number);
        }
        return;
    }
    e->due = true;
    if (listed)
        return;
    if (r->n_due == DUE_MOST)
        tell_all(r);
    r->due[r->n_due++] = (uint32_t)(a - r->row);
}

/* Does a reset fit?  One that its receiver ignores says nothing, but that somebody wants it to say
 * something. */
static bool believable(const struct end *from, const struct end *to, const struct packet *p)
{
    const struct tcp_view *t = &p->tcp;
    if ((t->flags & TCP_ACK) && from->seen && t->ack == from->high)
        return true;
    return (to->seen && t->seq == to->high) || (to->acked && t->seq == to->ack);
}

static void see_tcp(struct responder *r, struct answered *a, const struct packet *p, unsigned side)
{
    struct end *from = &a->end[side], *to = &a->end[!side];
    const struct tcp_view *t = &p->tcp;
    if (p->flags & (PKT_IP_CSUM_BAD | PKT_L4_CSUM_BAD)) /* its receiver drops it */
        return;
    if (t->flags & TCP_RST) {
        if (!believable(from, to, p))
            return;
        from->gone = true;
        a->foreign++;
        COUNT(r, a->rule, foreign_resets, 1);
        return;
    }
    from->gone = false;
    from->last_ns = p->ts_ns;
    if (p->ttl)
        from->ttl = p->ttl;
    bool fresh = note_data(to, p);
    if (t->flags & TCP_FIN) {
        from->fin = true;
        from->fin_end = t->seq + segment_len(p);
    }
    if ((t->flags & TCP_ACK) && note_ack(from, to, p)) {
        a->challenge_acks++;
        COUNT(r, a->rule, challenge_acks, 1);
    }
    if (ended_by_itself(a)) {
        watch_finish(r, a, EFFECT_LIVED);
        return;
    }
    if (t->flags & TCP_ACK)
        tell(r, a, p, side, t->ack, 0, TCP_RST);
    if (fresh)
        tell(r, a, p, !side, to->high, t->ack, t->flags & TCP_SYN ? TCP_RST | TCP_ACK : TCP_RST);
}

static void see_datagram(struct answered *a, const struct packet *p, unsigned side)
{
    a->end[side].last_ns = p->ts_ns;
    if (!p->payload_len)
        return;
    a->end[!side].after_packets++;
    a->end[!side].after_bytes += p->payload_len;
}

/* An ICMP error about an answered connection: its sender has no such port (any more). */
static void see_error(struct answered *a, const struct packet *p)
{
    for (unsigned s = 0; s < 2; s++)
        if (ip_eq(&a->end[s].addr, &p->src) && p->quote.dp == a->end[s].port)
            a->end[s].gone = true;
}

void responder_see(struct responder *r, struct packet *p)
{
    unsigned side;
    if (p->ts_ns > r->now_ns)
        r->now_ns = p->ts_ns;
    if (p->quote.have) {
        struct answered *about = p->flow ? p->flow->user[1] : NULL;
        if (about && !about->over)
            see_error(about, p);
        return;
    }
    struct answered *a = answered_find(r, p, &side);
    if (!a || a->over || (p->flow && a->flow_id != p->flow->id))
        return;
    a->last_ns = p->ts_ns;
    if (p->flags & PKT_TCP)
        see_tcp(r, a, p, side);
    else
        see_datagram(a, p, side);
}

/* ------------------------------------------------------------------ time */

static void look(struct responder *r, struct answered *a, uint64_t now_ns)
{
    if (now_ns == UINT64_MAX || now_ns >= a->asked_ns + r->config.effect_ns)
        watch_finish(r, a, effect_of(r, a));
    else
        probe_ends(r, a);
}

void responder_tick(struct responder *r, uint64_t now_ns)
{
    if (r->n_due)
        tell_all(r);
    if (!r->watch || (now_ns < r->look_ns + LOOK_NS && now_ns >= r->look_ns))
        return;
    if (now_ns != UINT64_MAX)
        r->now_ns = u64_max(r->now_ns, now_ns);
    r->look_ns = now_ns;
    for (uint32_t x = r->watch; x; x = r->row[x - 1].newer)
        if (!r->row[x - 1].over)
            look(r, &r->row[x - 1], now_ns);
    while (r->watch && r->row[r->watch - 1].over)
        r->watch = r->row[r->watch - 1].newer;
}

void responder_flow_end(struct responder *r, struct flow *f)
{
    struct answered *a = f->user[1];
    if (!a)
        return;
    if (!a->over)
        watch_finish(r, a, effect_of(r, a));
    a->flow = NULL;
    f->user[1] = NULL;
}
