/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One packet: flow, stream, application, rules, verdict, events. */
#include "engine/kept.h"
#include "engine/worker.h"

#include <netinet/in.h>
#include <string.h>

/* What a flow's flag says of its further packets. */
static void flow_verdict(struct engine *e, const struct packet *p, struct decision *d)
{
    const struct flow *f = p->flow;
    uint32_t bit = p->dir ? FLOW_DROP_TO_CLIENT : FLOW_DROP_TO_SERVER;
    if (e->verdict.place == PLACE_INLINE && (f->flags & (FLOW_DROP | bit))) {
        d->drop = true;
        d->drop_reason = f->flags & FLOW_DROP_BY_FIREWALL    ? DROP_FW_FLOW_DROP
                         : f->flags & FLOW_DROP_BY_EXCEPTION ? DROP_EXCEPTION_FLOW
                                                             : DROP_FLOW_DROP;
    }
}

static void inspect(struct engine *e, struct packet *p, struct decision *d)
{
    const struct flow *f = p->flow;
    const struct firewall *firewall = e->settings->firewall;
    uint32_t pass = firewall ? 0 : FLOW_PASS; /* the firewall is asked though detection is not */
    if (f && (f->flags & (pass | FLOW_NO_PACKET_INSPECTION | FLOW_WOULD_DROP))) {
        detect_watch_unlooked(e->detect, f->flags & FLOW_WOULD_DROP ? WATCH_FLOW_DROPPED : WATCH_FLOW_PASSED);
        return;
    }
    const struct matches *m = detect_packet(e->detect, p, e->streams);
    if (m->n || m->firewall.asked)
        verdict_decide(&e->verdict, e->detect, p, m, d);
    if (m->n_replace)
        packet_replace(e, p, m, d);
}

/* Firewall rules that are asked early; false: the packet ends here. */
static bool early(struct engine *e, struct packet *p, enum firewall_table t, struct decision *d)
{
    if (!e->settings->firewall || d->drop) /* dropped before: with its inner packet, or its flow */
        return true;
    const struct matches *m = detect_early(e->detect, p, t);
    verdict_decide(&e->verdict, e->detect, p, m, d);
    return !d->drop;
}

/* What the flow did to this packet before rules were asked. */
static bool flow_dropped(const struct decision *d)
{
    return d->drop && (d->drop_reason == DROP_FLOW_DROP || d->drop_reason == DROP_EXCEPTION_FLOW || d->drop_reason == DROP_BLACKLIST || drop_by_firewall(d->drop_reason));
}

static void exception(struct engine *e, struct packet *p, struct exception x, struct decision *d)
{
    if (!x.target || x.target >= EXCEPTION_TARGETS || x.policy >= EXCEPTION_POLICIES)
        return;
    e->verdicts.exception[x.target][x.policy]++;
    verdict_exception(&e->verdict, p, x, d);
}

/* A flow that is let on without being looked at: counted, no stream, no rules. */
static bool bypassed(struct engine *e, const struct packet *p)
{
    const struct flow *f = p->flow;
    if (!f || !(f->flags & FLOW_BYPASS))
        return false;
    detect_watch_unlooked(e->detect, WATCH_BYPASSED);
    if (e->burst && p->frame && !(p->flags & PKT_INNER) && p->frame >= e->burst->frame && p->frame < e->burst->frame + e->burst->n)
        e->burst->done_with[p->frame - e->burst->frame] = 1;
    e->verdicts.bypassed_pkts++;
    e->verdicts.bypassed_bytes += p->frame ? p->frame->len : 0;
    return true;
}

static void flow_stage(struct engine *e, struct packet *p, struct decision *d)
{
    struct exception x = {0};
    struct flow *f = flow_get(e->flows, p, &x, judge_flow_end, e);
    exception(e, p, x, d);
    if (f)
        flow_verdict(e, p, d);
}

/* Asks the blacklist; in replay when all packets before have had their say. */
static void listed(struct engine *e, struct packet *p, struct decision *d)
{
    if (!e->verdict.blacklist || d->drop)
        return;
    if (e->parts.wait_turn && !*e->parts.near_caps)
        e->parts.wait_turn(e->parts.ctx);
    if (verdict_blacklist(&e->verdict, p, d))
        e->verdicts.blacklisted++;
}

static void stream_stage(struct engine *e, struct packet *p, struct decision *d)
{
    struct flow *f = p->flow;
    if (!f || d->drop)
        return;
    if (p->flags & PKT_TCP) {
        struct exception x = stream_packet(e->streams, f, p, &e->sink);
        exception(e, p, x, d);
        if (p->flags & PKT_DROPPED) {
            d->drop = e->verdict.place == PLACE_INLINE;
            d->drop_reason = DROP_STREAM_ERROR;
        }
    } else if ((p->flags & PKT_UDP) && p->payload_len) {
        app_datagram(e->app, f, p);
    }
}

/* A parser that gave up on a direction: the setting says what becomes of the flow. */
static void app_gave_up(struct engine *e, struct packet *p, struct decision *d)
{
    struct app_flow *af = p->flow ? p->flow->app : NULL;
    if (!af || !af->gave_up)
        return;
    af->gave_up = false;
    exception(e, p, (struct exception){EXCEPTION_APP_ERROR, (uint8_t)e->settings->app_error_policy}, d);
}

/* A segment whose bytes are judged later. */
static void keep(struct engine *e, const struct packet *p, const struct decision *d)
{
    const struct flow *f = p->flow;
    if (!e->kept || !f || !(p->flags & PKT_TCP) || !p->payload_len || (p->flags & PKT_PSEUDO))
        return;
    unsigned said = d->n_alerts ? EVENT_KEPT_FLOW | EVENT_KEPT_MATCH : f->flags & FLOW_ALERTED ? EVENT_KEPT_FLOW : 0;
    kept_put(e->kept, f->id, p, said);
}

static void report(struct engine *e, struct packet *p, struct decision *d)
{
    if (d->response) {
        responder_answer_all(e->responder, d, p);
        d->response_why = d->answer[0].why;
    }
    if (d->n_alerts) {
        e->alerts += d->n_alerts;
        e->tagged = tagged(e, p); /* it counts for the tag, too */
        emit_kept(e, p, d);
        emit_alerts(e, p, d);
        e->tagged = false;
    } else {
        emit_tagged(e, p);
        emit_flow_packet(e, p);
    }
    if (d->n_shut)
        emit_shut(e, p, d);
    emit_packet_metadata(e, p);
    keep(e, p, d);
    if (d->drop && !(p->flags & PKT_PSEUDO))
        emit_drop(e, p, d);
    if (p->n_events)
        emit_anomalies(e, p);
    if (e->arp_wanted && (p->flags & PKT_ARP))
        emit_arp(e, p);
}

void judge_packet(struct engine *e, struct packet *p, struct decision *d)
{
    if (responder_own(e->responder, p)) /* came back through a mirror port */
        return;
    if (!early(e, p, FIREWALL_PRE_FLOW, d)) {
        report(e, p, d);
        verdict_count(&e->verdicts, p, d);
        return;
    }
    if (!(p->flags & PKT_IGNORE))
        flow_stage(e, p, d);
    listed(e, p, d);
    struct flow *f = p->flow;
    e->flow_passed = f && (f->flags & FLOW_PASS);
    if (!d->drop && bypassed(e, p)) {
        verdict_count(&e->verdicts, p, d);
        return;
    }
    if (f && (f->flags & FLOW_RESPONDED))
        responder_see(e->responder, p);
    if (f && f->app) {
        f->app->now_ns = p->ts_ns;
        f->app->number = p->number;
    }
    if (f && (p->flags & PKT_TCP))
        (void)early(e, p, FIREWALL_PRE_STREAM, d);
    stream_stage(e, p, d);
    app_gave_up(e, p, d);
    if (d->drop ? !flow_dropped(d) && !e->settings->firewall : !d->pass)
        inspect(e, p, d);
    else
        detect_watch_unlooked(e->detect, d->drop ? WATCH_FLOW_DROPPED : WATCH_FLOW_PASSED);
    report(e, p, d);
    if (f && f->app) {
        emit_app(e, p, f, false);
        app_reap(f->app, !(f->flags & (FLOW_PASS | FLOW_NO_PACKET_INSPECTION)), true);
    }
    verdict_count(&e->verdicts, p, d);
}

/* ------------------------------------------------------------------ the end of a flow */

/* A packet without a frame: rules see what waits in the stream and in transactions of one direction. */
static void pseudo(struct engine *e, struct flow *f, unsigned dir)
{
    struct packet p;
    memset(&p, 0, sizeof(p));
    static const struct frame none;
    p.frame = &none;
    p.src = f->addr[dir];
    p.dst = f->addr[!dir];
    p.sp = f->port[dir];
    p.dp = f->port[!dir];
    p.proto = f->proto;
    p.ver = f->ver;
    p.dir = (uint8_t)dir;
    p.vlan_n = f->vlan_n;
    memcpy(p.vlan, f->vlan, sizeof(p.vlan));
    p.flow = f;
    p.flags = PKT_PSEUDO | PKT_STREAM_EST | PKT_STREAM_EOF | (f->proto == IPPROTO_TCP ? PKT_TCP : 0u);
    p.tcp.flags = TCP_ACK;
    p.tcp.hlen = 20;
    p.ts_ns = e->now_ns;
    p.number = e->finishing ? FINISH_NUMBER + f->first_number : e->number;
    p.seg_n = 1;
    p.src_kind = PKT_SRC_FLOW_TIMEOUT;
    struct decision *d = &e->decision;
    struct decision kept;
    /* In the middle of a packet's way its decision stays. */
    bool nested = !e->tick_order;
    if (nested)
        kept = *d;
    *d = (struct decision){.drop_rule = -1};
    inspect(e, &p, d);
    d->response = 0; /* there is nobody to be answered any more */
    report(e, &p, d);
    verdict_count(&e->verdicts, &p, d);
    if (nested)
        *d = kept;
}

/* Transactions of which rules have not seen the last in this direction. */
static bool uninspected(const struct flow *f, unsigned dir)
{
    for (const struct app_tx *tx = f->app ? f->app->first : NULL; tx; tx = tx->next)
        if (!tx->inspected[dir])
            return true;
    return false;
}

void judge_flow_end(void *ctx, struct flow *f)
{
    struct engine *e = ctx;
    uint64_t order = e->tick_order, order2 = e->tick_order2;
    /* Else in a packet's way, which makes place for its own flow: what ends is part of that packet's. */
    bool apart = e->ticking || e->finishing;
    if (e->finishing) /* flows end in order of their first packets, whichever worker has them */
        place_turn(e, FINISH_NUMBER + f->first_number);
    if (apart) {
        e->tick_order = flow_expiry_ns(f) + 1;
        /* A tunnel's flows begin with one frame: then by id, as flow_tick has them. */
        e->tick_order2 = f->first_number << 24 | f->id >> 29;
        if (e->finishing)
            e->tick_order = f->first_number;
        place_set(e, e->tick_order, e->tick_order2);
        alone(e);
    }
    bool open = f->tcp && tcp_flow_state(f) != TCP_CLOSED;
    bool dropped = (f->flags & FLOW_DROP) && e->verdict.place == PLACE_INLINE;
    bool inspected = !(f->flags & (FLOW_PASS | FLOW_NO_PACKET_INSPECTION | FLOW_DROP));
    for (unsigned dir = 0; dir < 2; dir++) {
        if (f->tcp)
            stream_flush_side(e->streams, f, dir, &e->sink);
        app_finish_side(f, dir);
        if (inspected && f->tcp && (open || uninspected(f, dir) || stream_raw_waits(e->streams, f, dir)))
            pseudo(e, f, dir);
    }
    if (f->app && !dropped) /* what was cut off is no transaction */
        emit_app(e, NULL, f, true);
    if (f->flags & FLOW_RESPONDED)
        responder_flow_end(e->responder, f);
    emit_flow(e, f);
    emit_netflow(e, f);
    detect_flow_free(e->detect, f);
    app_flow_free(f);
    stream_done(e->streams, f);
    e->tick_order = order;
    e->tick_order2 = order2;
}
