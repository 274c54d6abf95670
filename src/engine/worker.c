/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The worker: a burst through its stages.  Time is the packets'; each second of it the tables are swept.
 *
 * Replay with several workers shows every frame to every worker; each judges the packets of its own flows, and
 * passes by what is plainly another's (share.c).  So every worker's clock follows every packet, fragments and
 * tunnels need no handing over, and any number of workers writes the same events.
 */
#include "engine/worker.h"

#include "engine/handover.h"
#include "engine/kept.h"

#include "base/bytes.h"
#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

static void stream_to_app(void *ctx, struct flow *f, struct packet *p, unsigned dir, const uint8_t *data, uint32_t n,
                          unsigned piece)
{
    struct engine *e = ctx;
    app_stream_data(e->app, f, p, dir, data, n, piece);
}

/* Inline, an earlier copy of the data wins: what leaves carries it. */
static void stream_rewrite(void *ctx, struct packet *p, uint32_t offset, const uint8_t *data, uint32_t n)
{
    (void)packet_patch(ctx, p, offset, data, n);
}

/* Only where the packet of an alert is not the one that brought the bytes. */
static bool keeping(struct engine *e)
{
    const struct engine_settings *s = e->settings;
    bool wanted = s->replay && s->wants.packets_kept && s->stream.inspect == INSPECT_ON_ACK;
    e->kept = wanted ? kept_new(KEPT_BYTES) : NULL;
    return !wanted || e->kept;
}

static void want_of_files(struct engine *e, const struct image_needs *n, struct diags *d)
{
    app_engine_want_hash(e->app, n->file_md5, n->file_sha1, n->file_sha256);
    app_engine_want_store(e->app, n->filestore && e->settings->wants.file_store);
    bool asked = n->file_magic || e->settings->wants.file_magic;
    if (asked && app_engine_want_magic(e->app) && d)
        diag_add(d, DIAG_WARNING, NULL, 0, 0, "install libmagic-mgc", "there is no database of file types: file.magic never matches");
}

struct engine *engine_new(const struct engine_parts *parts, struct diags *d)
{
    struct engine *e = calloc(1, sizeof(*e));
    if (!e)
        return NULL;
    const struct engine_settings *s = parts->settings;
    e->settings = s;
    e->verdict = s->verdict;
    e->parts = *parts;
    e->sink = (struct stream_sink){.ctx = e, .data = stream_to_app, .rewrite = stream_rewrite};
    arena_init(&e->scratch, 1 << 14, 0);
    arena_init(&e->burst_memory, 1 << 16, 0);
    struct flow_config fc = s->flow;
    if (!s->replay && random_bytes(&fc.hash_seed, sizeof(fc.hash_seed)))
        fc.hash_seed = 0;
    e->hash_seed = fc.hash_seed;
    struct detect_config dc = s->detect;
    dc.worker = parts->worker;
    dc.state = parts->state;
    struct stream_config sc = s->stream;
    struct image_needs needs;
    image_needs(overlay_image(parts->overlay), &needs);
    sc.raw = needs.stream_raw && conf_bool(s->conf, "stream.reassembly.raw");
    struct emitter_config ec = {.ring = parts->ring,
                                .full = parts->ring_full,
                                .ctx = parts->ctx,
                                .worker = parts->worker,
                                .vips = parts->vips,
                                .first_seq = (uint64_t)parts->generation << 40};
    e->decoder = decoder_new(&s->decode);
    e->flows = flow_table_new(&fc);
    e->streams = stream_engine_new(&sc);
    e->app = app_engine_new(s->conf, s->stream.inline_mode, d);
    e->detect = detect_new(&dc, parts->overlay);
    e->out = emitter_new(&ec);
    if (s->twin_ns && parts->n_ifaces > 1)
        e->twins = twins_new(s->twin_ns, fc.hash_seed, s->flow.vlan_in_key);
    if (e->detect && parts->watch)
        detect_watch(e->detect, parts->watch);
    if (e->app) {
        app_engine_on_tx_free(e->app, detect_tx_free);
        want_of_files(e, &needs, d);
    }
    if (e->flows)
        flow_table_peers(e->flows, &parts->peers);
    struct response_config rc = s->response;
    rc.worker = parts->worker;
    rc.n_workers = parts->n_workers;
    e->responder = responder_new(&rc, parts->injector, emit_response, e);
    if (!keeping(e) || !e->decoder || !e->flows || !e->streams || !e->app || !e->detect || !e->out || !e->responder ||
        (s->twin_ns && parts->n_ifaces > 1 && !e->twins) ||
        emit_app_init(e)) {
        diag_add(d, DIAG_ERROR, NULL, 0, 0, "lower the memcaps, or give the machine more memory",
                 "a worker can't be set up: no memory");
        engine_free(e);
        return NULL;
    }
    live_take(e, parts->overlay);
    return e;
}

void engine_free(struct engine *e)
{
    if (!e)
        return;
    responder_free(e->responder);
    emitter_free(e->out);
    detect_free(e->detect);
    app_engine_free(e->app);
    stream_engine_free(e->streams);
    flow_table_free(e->flows);
    twins_free(e->twins);
    kept_free(e->kept);
    decoder_free(e->decoder);
    overlay_close(e->swap_to);
    arena_done(&e->scratch);
    arena_done(&e->burst_memory);
    free(e);
}

/* ------------------------------------------------------------------ order among workers */

#define PLACE_PACKETS (1ull << 63) /* behind all flows that end at the same packet's time */

#define PLACE_TICK 1 /* all look at their tables before the first flow ends */

void alone(struct engine *e)
{
    if (e->parts.alone && *e->parts.near_caps)
        e->parts.alone(e->parts.ctx);
}

void place_set(struct engine *e, uint64_t order, uint64_t order2)
{
    atomic_store_explicit(&e->place.order2, 0, memory_order_release);
    atomic_store_explicit(&e->place.order, order, memory_order_release);
    atomic_store_explicit(&e->place.order2, order2, memory_order_release);
}

void place_turn(struct engine *e, uint64_t turn)
{
    e->place.turn = turn;
    place_set(e, 0, 0);
    atomic_store_explicit(&e->place.done, turn - 1, memory_order_release);
}

static void place_done(struct engine *e)
{
    place_set(e, 0, 0);
    atomic_store_explicit(&e->place.done, e->place.turn, memory_order_release);
}

bool engine_waits(const struct engine *e, const struct engine *other)
{
    uint64_t done = atomic_load_explicit(&other->place.done, memory_order_acquire);
    if (done >= e->place.turn)
        return false;
    if (done + 1 < e->place.turn)
        return true;
    uint64_t mine = atomic_load_explicit(&e->place.order, memory_order_relaxed);
    uint64_t order = atomic_load_explicit(&other->place.order, memory_order_acquire);
    uint64_t order2 = atomic_load_explicit(&other->place.order2, memory_order_acquire);
    return order < mine ||
           (order == mine && order2 < atomic_load_explicit(&e->place.order2, memory_order_relaxed));
}

/* ------------------------------------------------------------------ time */

static void tick(struct engine *e, uint64_t now_ns)
{
    place_set(e, PLACE_TICK, 0);
    alone(e);
    e->ticking = true;
    flow_tick(e->flows, now_ns, judge_flow_end, e);
    if (e->parts.state && e->parts.worker == 0 && !e->settings->replay)
        state_tick(e->parts.state, now_ns);
    emit_list_tick(e, now_ns);
    e->next_tick_ns = now_ns - now_ns % e->settings->tick_ns + e->settings->tick_ns;
    e->ticking = false;
}

/* A rule took more steps than it may: told by worker 0 of those that count together. */
static void over_budget(void *ctx, const struct rule_over *x)
{
    enum { SAID_MOST = 20 };
    struct engine *e = ctx;
    if (e->settings->detect.sums_shared && e->parts.worker)
        return;
    struct image_rule_info r;
    image_rule(overlay_image(detect_overlay(e->detect)), x->rule, &r);
    e->tick_order2++;
    emit_over_budget(e, &r, x);
    if (e->budgets_said++ < SAID_MOST)
        log_at(LOG_AT_WARNING, "rules", "sid %u took %llu steps in a second, over detect.rule-budget: %s%s", r.sid,
               (unsigned long long)x->steps, x->goes_on ? "it goes on, for it keeps something out or in" : "suspended",
               e->budgets_said == SAID_MOST ? "; no more of this is said here" : "");
}

/* Behind all flows that end by now, whichever worker has them, and before the packet. */
static void budgets(struct engine *e)
{
    if (!detect_clock_due(e->detect, e->now_ns))
        return;
    e->tick_order = PLACE_PACKETS - 1;
    e->tick_order2 = 0;
    if (e->parts.wait_turn) {
        place_set(e, e->tick_order, 0);
        e->parts.wait_turn(e->parts.ctx);
    }
    detect_clock(e->detect, e->now_ns, over_budget, e);
    e->tick_order = e->tick_order2 = 0;
}

static void time_to(struct engine *e, uint64_t ts_ns)
{
    if (ts_ns > e->now_ns)
        e->now_ns = ts_ns;
    flow_clock(e->flows, e->now_ns);
    if (e->now_ns >= e->next_tick_ns)
        tick(e, e->now_ns);
    budgets(e);
    if (e->parts.share_frames && e->now_ns >= e->due_ns)
        e->due_ns = u64_min(e->next_tick_ns, e->now_ns - e->now_ns % NS_PER_SEC + NS_PER_SEC); /* budgets' second */
}

/* ------------------------------------------------------------------ packets */

/* Whose flow is it?  An ICMP error goes where the flow is that it speaks of. */
static bool is_mine(struct engine *e, struct packet *p)
{
    uint64_t seed = e->hash_seed;
    bool vlan = e->settings->flow.vlan_in_key;
    if (e->parts.share_frames && p->frame->owner) { /* a plain one, and not passed by */
        p->hash = p->frame->hash;
        return true;
    }
    packet_hash(p, seed, vlan);
    if (e->parts.handover)
        return handover_mine(e, p);
    if (!e->parts.share_frames || e->parts.n_workers < 2)
        return true;
    uint32_t h = p->hash;
    if (!p->ver)
        h = 0;
    if (p->quote.have) {
        struct packet q = *p;
        q.src = p->quote.src;
        q.dst = p->quote.dst;
        q.sp = p->quote.sp;
        q.dp = p->quote.dp;
        q.proto = p->quote.proto;
        q.ver = p->quote.ver;
        h = packet_hash(&q, seed, vlan);
    }
    return share_owner(e, h) == e->parts.worker;
}

/* Captures of local senders have unfinished checksums: when many of the first are bad, none is tested. */
static void csum_watch(struct engine *e, struct packet *p)
{
    if (!e->settings->csum_auto)
        return;
    if (e->csum_off) {
        p->flags &= ~(uint32_t)(PKT_IP_CSUM_BAD | PKT_L4_CSUM_BAD);
        return;
    }
    if (++e->csum_seen <= CSUM_SAMPLE) {
        e->csum_bad += (p->flags & (PKT_IP_CSUM_BAD | PKT_L4_CSUM_BAD)) != 0;
        e->csum_off = e->csum_seen == CSUM_SAMPLE && e->csum_bad * 10 > CSUM_SAMPLE;
    }
}

/* Snort's way: what no receiver takes is not looked at (detect.checksum-mode). */
static bool csum_skipped(const struct engine *e, const struct packet *p)
{
    uint8_t skip = e->settings->csum_skip;
    uint8_t l4 = p->flags & PKT_ICMP || p->proto == IPPROTO_ICMPV6 ? SKIP_ICMP : p->proto == IPPROTO_TCP ? SKIP_TCP : p->proto == IPPROTO_UDP ? SKIP_UDP : 0;
    return skip && (((p->flags & PKT_IP_CSUM_BAD) && (skip & SKIP_IP)) || ((p->flags & PKT_L4_CSUM_BAD) && (skip & l4)));
}

/* A frame from another worker has been counted there. */
static unsigned decode(struct engine *e, const struct frame *f)
{
    if (e->parts.share_frames)
        decoder_clock(e->decoder, e->now_ns); /* some may have been passed by */
    if (!e->hand.taken)
        return decode_frame(e->decoder, f, e->layer, ENGINE_LAYERS);
    struct decode_counters before = *decoder_counters(e->decoder);
    unsigned n = decode_frame(e->decoder, f, e->layer, ENGINE_LAYERS);
    decoder_uncount(e->decoder, &before);
    return n;
}

/* Of this frame, by whichever worker: inner packets are judged before what carries them. */
static bool inner_dropped(const struct engine *e, const _Atomic uint8_t *verdict)
{
    if (e->settings->inline_mode && e->parts.wait_turn)
        e->parts.wait_turn(e->parts.ctx);
    return atomic_load_explicit(verdict, memory_order_relaxed) == VERDICT_DROP;
}

static void judge_layers(struct engine *e, const struct frame *f, _Atomic uint8_t *verdict)
{
    /* What another worker handed over is no copy: that one looked. */
    bool twin = e->twins && !e->hand.taken && twins_seen(e->twins, f);
    e->n_twins += twin;
    unsigned n = twin ? 0 : decode(e, f);
    bool told = false;
    for (unsigned k = 0; k < n; k++) {
        struct packet *p = &e->layer[k];
        e->seq = (uint64_t)k << 32; /* workers that share a frame's packets keep their order */
        place_set(e, PLACE_PACKETS, k);
        bool csum_bad = (p->flags & (PKT_IP_CSUM_BAD | PKT_L4_CSUM_BAD)) != 0;
        csum_watch(e, p);
        if (!is_mine(e, p))
            continue;
        alone(e);
        e->n_csum_bad += csum_bad;
        bool tell = e->settings->wants.packets_all && !told && p->data == f->data && !(p->flags & PKT_INNER);
        told |= tell;
        e->flow_passed = false;
        if (tell && !e->settings->wants.packets_passed)
            emit_frame(e, p);
        struct decision *d = &e->decision;
        d->n_alerts = d->suppressed = d->overflow = 0;
        d->drop = d->pass = d->reject = false;
        d->drop_reason = DROP_NONE;
        d->drop_rule = -1;
        d->response = d->n_answers = d->n_shut = 0;
        d->response_placed = false;
        d->answers_over = 0;
        d->response_rule = UINT32_MAX;
        d->response_dir = p->dir;
        d->response_why = NULL;
        if ((p->flags & PKT_HAS_TUNNEL) && inner_dropped(e, verdict)) {
            d->drop = true;
            d->drop_reason = DROP_INNER_PACKET;
        }
        if (!csum_skipped(e, p))
            judge_packet(e, p, d);
        if (tell && e->settings->wants.packets_passed) /* now its flow is known */
            emit_frame(e, p);
        if (d->drop) /* whatever another worker made of the frame */
            atomic_store_explicit(verdict, VERDICT_DROP, memory_order_relaxed);
    }
    handover_frame_done(e);
}

/* What nearly all of the others' frames take: nothing but time, which flows are told with the next of their own. */
static bool pass_by(struct engine *e, const struct frame *f)
{
    if (!share_anothers(e, f) || f->ts_ns >= e->due_ns || *e->parts.near_caps || e->swap_to)
        return false;
    e->number = f->number; /* flows that end with the run end at the last one */
    e->seq = 0;
    e->now_ns = u64_max(e->now_ns, f->ts_ns);
    e->packets++;
    e->bytes += f->len;
    atomic_store_explicit(&e->place.done, ++e->place.turn, memory_order_release);
    return true;
}

static void judge_frame(struct engine *e, const struct frame *f, _Atomic uint8_t *verdict)
{
    if (pass_by(e, f))
        return;
    place_turn(e, e->place.turn + 1);
    alone(e);
    e->number = f->number;
    e->seq = 0;
    time_to(e, f->ts_ns);
    if (e->swap_to && f->number >= e->swap_at) {
        struct overlay *o = e->swap_to;
        e->swap_to = NULL;
        if (engine_swap(e, o))
            e->swaps_failed++;
        e->due_ns = 0;
        overlay_close(o);
    }
    if (!share_anothers(e, f))
        judge_layers(e, f, verdict);
    e->packets += !e->hand.taken;
    e->bytes += e->hand.taken ? 0 : f->len;
    place_done(e);
}

void engine_burst(struct engine *e, struct burst *b, _Atomic uint8_t *verdict)
{
    _Atomic uint8_t own[BURST_MAX] = {0};
    _Atomic uint8_t *v = verdict ? verdict : own;
    e->burst = b;
    /* What another worker handed over has left already. */
    e->verdict.would = e->settings->verdict.would || (e->settings->inline_mode && e->hand.taken);
    arena_reset(&e->burst_memory);
    memset(e->changed, 0, sizeof(e->changed));
    for (unsigned k = 0; k < b->n; k++)
        judge_frame(e, &b->frame[k], &v[k]);
    for (unsigned k = 0; k < b->n; k++) {
        uint8_t pass = VERDICT_PASS;
        if (e->changed[k]) {
            b->data[k] = e->changed[k];
            b->len[k] = b->frame[k].len;
            atomic_compare_exchange_strong(&v[k], &pass, VERDICT_MODIFIED);
        }
        if (!verdict)
            b->verdict[k] = own[k];
    }
    e->burst = NULL;
    flow_clock(e->flows, e->now_ns);
    handover_burst_done(e);
    responder_tick(e->responder, e->now_ns);
    decoder_burst_end(e->decoder, e->now_ns);
}

void engine_idle(struct engine *e, uint64_t now_ns)
{
    e->seq = 0;
    time_to(e, now_ns);
    responder_tick(e->responder, e->now_ns);
    decoder_burst_end(e->decoder, e->now_ns);
}

void engine_finish(struct engine *e)
{
    e->finishing = true;
    e->seq = 0;
    flow_end_all(e->flows, judge_flow_end, e);
    place_turn(e, FINISH_NUMBER * 2);
    responder_tick(e->responder, UINT64_MAX);
    e->tick_order = e->tick_order2 = 0;
}

int engine_swap(struct engine *e, struct overlay *o)
{
    struct image *from = image_ref(overlay_image(detect_overlay(e->detect)));
    int rc = detect_swap(e->detect, o);
    struct image_needs needs;
    image_needs(overlay_image(o), &needs);
    if (!rc)
        want_of_files(e, &needs, NULL);
    if (!rc) {
        responder_rules(e->responder, from, overlay_image(o));
        live_take(e, o);
    }
    image_close(from);
    return rc;
}

void engine_event_place(const struct engine *e, struct event_place *out)
{
    *out = e->event_place;
}

void engine_swap_at(struct engine *e, uint64_t number, struct overlay *o)
{
    e->swap_at = number;
    e->swap_to = overlay_ref(o);
}

/* ------------------------------------------------------------------ counters */

void engine_counters(const struct engine *e, struct engine_counters *out)
{
    *out = (struct engine_counters){
        .csum_bad = e->n_csum_bad,
        .packets = e->packets,
        .bytes = e->bytes,
        .events = emitter_count(e->out),
        .events_lost = emitter_lost(e->out),
        .alerts = e->alerts,
        .twins = e->n_twins,
        .handed_over = e->handed_over,
        .handed_in = e->handed_in,
        .handover_lost = e->handover_lost,
        .decode = *decoder_counters(e->decoder),
        .flow = *flow_counters(e->flows),
        .stream = *stream_counters(e->streams),
        .app = *app_counters(e->app),
        .detect = *detect_counters(e->detect),
        .verdict = e->verdicts,
        .response = *responder_counters(e->responder),
    };
    /* Every worker has decoded every frame: the first one counts. */
    if (e->parts.share_frames && e->parts.worker) {
        memset(&out->decode, 0, sizeof(out->decode));
        out->packets = out->bytes = out->twins = 0;
    }
}

bool engine_flows(struct engine *e, uint32_t *at, uint32_t places, bool (*f)(void *ctx, struct flow *f), void *ctx)
{
    return flow_walk(e->flows, at, places, f, ctx);
}

bool engine_costs(const struct engine *e, uint32_t *at, uint32_t places, void (*f)(void *ctx, const struct rule_cost *c), void *ctx)
{
    return detect_costs(e->detect, at, places, f, ctx);
}

void engine_responses(struct engine *e,
                      void (*f)(void *ctx, uint32_t gid, uint32_t sid, const struct response_counters *c),
                      void *ctx)
{
    const struct image *i = overlay_image(detect_overlay(e->detect));
    struct response_counters c;
    uint32_t rule;
    for (unsigned n = 0; responder_rule_at(e->responder, n, &rule, &c); n++) {
        struct image_rule_info info = {.gid = 0};
        if (rule < image_n_rules(i))
            image_rule(i, rule, &info);
        f(ctx, info.gid, info.sid, &c);
    }
}

/* All counters are uint64_t without gaps. */
void engine_counters_add(struct engine_counters *sum, const struct engine_counters *x)
{
    static_assert(sizeof(struct engine_counters) % sizeof(uint64_t) == 0, "counters are 64-bit numbers");
    uint64_t *a = (void *)sum;
    const uint64_t *b = (const void *)x;
    for (size_t k = 0; k < sizeof(*sum) / sizeof(*a); k++)
        a[k] += b[k];
}
