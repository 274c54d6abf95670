/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One packet: candidates from addresses, header facts, payload and stream; then their bodies in order.
 * Rules on transactions come up here too when their literal stands in the payload; they are judged in
 * inspect_tx.c.
 */
#include "detect/match.h"

#include <errno.h>
#include <netinet/in.h>
#include <string.h>

static unsigned transport_of(const struct packet *p)
{
    if (p->flags & PKT_TCP)
        return TR_TCP;
    if (p->flags & PKT_UDP)
        return TR_UDP;
    if (p->flags & PKT_ICMP)
        return TR_ICMP4;
    if (p->flags & PKT_ICMP6)
        return TR_ICMP6;
    if (p->flags & PKT_SCTP)
        return TR_SCTP;
    if (!p->ver)
        return TR_NO_IP;
    /* A flow's end, and what lost its transport header. */
    switch (p->proto) {
    case IPPROTO_TCP:
        return TR_TCP;
    case IPPROTO_UDP:
        return TR_UDP;
    case IPPROTO_ICMP:
        return TR_ICMP4;
    case IPPROTO_ICMPV6:
        return TR_ICMP6;
    case IPPROTO_SCTP:
        return TR_SCTP;
    default:
        return TR_OTHER;
    }
}

bool packet_buffer(const struct packet *p, unsigned buffer, struct input *out)
{
    *out = (struct input){.last = true};
    switch (buffer) {
    case BUF_PAYLOAD:
    case BUF_RAW_PAYLOAD:
        if (p->flags & (PKT_PSEUDO | PKT_CARRIER)) /* what a tunnel carries is judged as what it is */
            return false;
        out->p = p->payload;
        out->n = p->payload ? p->payload_len : 0;
        return p->payload != NULL;
    case BUF_IPV4_HDR:
    case BUF_IPV6_HDR:
        if (p->ver != (buffer == BUF_IPV4_HDR ? 4 : 6) || !p->ip)
            return false;
        out->p = p->ip;
        out->n = p->ip_hlen;
        return true;
    case BUF_IP_SRC:
    case BUF_IP_DST: {
        const struct ip_addr *a = buffer == BUF_IP_SRC ? &p->src : &p->dst;
        if (!p->ver)
            return false;
        out->p = p->ver == 4 ? a->b + 12 : a->b;
        out->n = p->ver == 4 ? 4 : 16;
        return true;
    }
    case BUF_TCP_HDR:
        if (!(p->flags & PKT_TCP) || (p->flags & PKT_PSEUDO))
            return false;
        out->p = p->l4;
        out->n = p->tcp.hlen;
        return p->l4 != NULL;
    case BUF_UDP_HDR:
    case BUF_ICMPV4_HDR:
    case BUF_ICMPV6_HDR: {
        uint32_t want = buffer == BUF_UDP_HDR ? PKT_UDP : buffer == BUF_ICMPV4_HDR ? PKT_ICMP : PKT_ICMP6;
        if (!(p->flags & want) || !p->l4)
            return false;
        out->p = p->l4;
        out->n = p->payload && p->payload > p->l4 ? (uint32_t)(p->payload - p->l4) : p->l4_len;
        /* A router advertisement's header has the routers in it (RFC 1256): their number, words each. */
        if (buffer == BUF_ICMPV4_HDR && p->icmp_type == 9 && p->l4_len >= 8)
            out->n = u32_min(p->l4_len, 8 + (uint32_t)p->l4[4] * p->l4[5] * 4);
        return true;
    }
    default:
        return false;
    }
}

void match_add(struct detect *d, uint32_t rule, unsigned flags, struct app_tx *tx, unsigned dir)
{
    struct matches *m = &d->matches;
    d->count.matched++;
    if (d->watch)
        watch_matched(d, rule);
    if (d->rules[rule].replaces)
        replace_note(d, rule);
    if (m->n == m->room) {
        m->overflow++;
        d->count.alert_queue_overflow++;
        return;
    }
    uint32_t told = d->n_told - d->told_from;
    m->m[m->n++] = (struct match){.rule = rule,
                                  .told = d->told_from,
                                  .n_told = (uint8_t)told,
                                  .flags = (uint8_t)flags,
                                  .dir = (uint8_t)dir,
                                  .tx = tx,
                                  .tx_id = tx ? tx->id : 0,
                                  .phase = d->phase,
                                  .placed = d->placed && !tx,
                                  .end_seq = d->end_seq};
    d->told_from = d->n_told;
}

/* A test of the block says where in the buffer it looks. */
static bool counts_from_start(const struct detect *d, const struct img_block *b)
{
    for (uint32_t k = 0; k < b->n; k++) {
        const struct img_test *t = &d->image->tests[b->first + k];
        if (t->kind == TEST_CONTENT && (t->flags & (CONTENT_OFFSET | CONTENT_DEPTH | CONTENT_STARTS)))
            return true;
        struct str s = t->kind == TEST_PCRE ? img_str(d->image, t->u.pcre.pattern) : (struct str){0};
        if (s.n && !(t->flags & REGEX_RELATIVE) && (s.p[0] == '^' || (t->u.pcre.options & PCRE2_ANCHORED)))
            return true;
    }
    return false;
}

/* Where a block that held has matched: in the packet (offset -1), or in a view at this offset of the stream. */
static void place_note(struct detect *d, const struct img_block *b, int64_t offset)
{
    const struct packet *p = d->p;
    uint32_t seq = p->tcp.seq + !!(p->tcp.flags & TCP_SYN);
    for (uint32_t k = 0; k < b->n; k++)
        if (d->image->tests[b->first + k].on_base64) /* counts in other bytes */
            return;
    if (!d->reach || (offset >= 0 && !stream_number_at(p->flow, p->dir, (uint64_t)offset, &seq)))
        return;
    seq += d->reach;
    if (!d->placed || seq_gt(seq, d->end_seq))
        d->end_seq = seq;
    d->placed = true;
}

/*
 * A piece of stream that waited for its acknowledgement begins where the one before ended, with a message as a rule:
 * offset, depth and ^ hold at its start, too, as with the peers.
 */
/* The stream first, then the packet if it has to be judged by itself. */
bool payload_block(struct detect *d, const struct img_rule *r, const struct img_block *b, bool *in_stream)
{
    const struct packet *p = d->p;
    const struct img_test *t = &d->image->tests[b->first];
    bool tcp = d->transport == TR_TCP;
    if (tcp && r->needs_packet != 2 && d->has_stream) {
        uint32_t fresh = u32_max(d->stream.fresh, once_fresh(d, (uint32_t)(r - d->rules)));
        struct input in = {d->stream.data, d->stream.n, d->stream.offset, d->stream.eof, fresh};
        if (block_match(d, t, b->n, &in)) {
            place_note(d, b, (int64_t)in.offset);
            *in_stream = true;
            return true;
        }
        if (d->stream.fresh && d->config.on_ack && counts_from_start(d, b)) {
            uint32_t seen = fresh - d->stream.fresh;
            in = (struct input){d->stream.data + d->stream.fresh, d->stream.n - d->stream.fresh, 0, d->stream.eof, seen};
            if (in.n && block_match(d, t, b->n, &in)) {
                place_note(d, b, (int64_t)(d->stream.offset + d->stream.fresh));
                *in_stream = true;
                return true;
            }
        }
    }
    if (tcp && r->needs_packet != 2 && (p->flags & PKT_STREAM_ADD) && (!r->needs_packet || r->needs_stream))
        return false;
    if (tcp && r->needs_stream == 2 && !(p->flags & PKT_STREAM_ADD) && p->flow)
        return false;
    struct input in;
    if (!packet_buffer(p, BUF_PAYLOAD, &in) || !block_match(d, t, b->n, &in))
        return false;
    if (tcp)
        place_note(d, b, -1);
    return true;
}

unsigned match_voice(const struct img_rule *r)
{
    return r->noalert == RULE_SILENT ? MATCH_NOALERT : r->noalert == RULE_LOUD ? MATCH_ALERT : 0u;
}

bool judge_packet_rule(struct detect *d, uint32_t index, bool *in_stream)
{
    const struct img_rule *r = &d->rules[index];
    vars_rule(d);
    d->count.evaluated++;
    if (r->hook == HOOK_FLOW_START && !d->flow_start)
        return false;
    if (!rule_header_ok(d, r, index) || !rule_pre_ok(d, r, NULL, d->p->dir))
        return false;
    memset(d->var, 0, r->n_vars * sizeof(d->var[0]));
    d->placed = false;
    for (unsigned k = 0; k < r->n_blocks; k++) {
        const struct img_block *b = &d->image->blocks[r->block_first + k];
        struct input in;
        bool ok;
        if (b->buffer == BUF_PAYLOAD)
            ok = payload_block(d, r, b, in_stream);
        else
            ok = packet_buffer(d->p, b->buffer, &in) && transform_apply(d, &d->image->wheres[b->where], &in) &&
                 block_match(d, &d->image->tests[b->first], b->n, &in);
        if (!ok)
            return false;
    }
    return true;
}

/* A rule without a transaction. */
static void judge(struct detect *d, uint32_t index)
{
    const struct img_rule *r = &d->rules[index];
    bool in_stream = false;
    if (!judge_packet_rule(d, index, &in_stream) || !rule_is_on(d, r))
        return;
    rule_post(d, r, NULL);
    unsigned flags = in_stream ? MATCH_STREAM : 0;
    if (!in_stream)
        once_seen(d, index);
    if (r->type == TYPE_IP_ONLY || r->type == TYPE_LIKE_IP_ONLY)
        flags |= MATCH_IP_ONLY;
    flags |= match_voice(r);
    match_add(d, index, flags, NULL, d->p->dir);
}

static void judge_counted(struct detect *d, uint32_t index)
{
    if (!cost_counts(d)) {
        judge(d, index);
    } else if (cost_begin(d, index)) {
        judge(d, index);
        cost_end(d, index);
    }
}

static void judge_all(struct detect *d)
{
    d->n_cand_tx = 0;
    if (d->watch)
        watch_turn(d);
    for (uint32_t k = 0; k < d->cand.n; k++) {
        if (d->watch && watch_due(d, d->cand.rule[k]))
            watch_packet(d);
        if (d->rules[d->cand.rule[k]].of_tx)
            d->n_cand_tx++;
        else
            judge_counted(d, d->cand.rule[k]);
    }
    if (d->watch && watch_due(d, UINT32_MAX))
        watch_packet(d);
}

/* Address-only rules: the first packet of a flow in each direction, and packets without a flow. */
static void ip_only(struct detect *d)
{
    struct packet *p = d->p;
    const struct overlay *o = d->overlay;
    if (!p->ver || (!o->n_ip_any && !o->ip_only_rules))
        return;
    if (p->flow) {
        uint32_t bit = p->dir ? FLOW_IPONLY_TO_CLIENT : FLOW_IPONLY_TO_SERVER;
        if (p->flow->flags & bit)
            return;
        p->flow->flags |= bit;
    }
    const struct ip_addr *ends[2] = {&p->src, &p->dst};
    for (unsigned e = 0; e < 2; e++) {
        const struct class_list *l = &o->ip_only[overlay_addr_class(o, p->ver, ends[e])];
        for (uint32_t k = 0; k < l->n; k++)
            candidates_add(&d->cand, o->ip_only_rules[l->first + k]);
    }
    for (uint32_t k = 0; k < o->n_ip_any; k++)
        candidates_add(&d->cand, o->ip_any[k]);
}

static void events(struct detect *d)
{
    const struct packet *p = d->p;
    for (unsigned k = 0; k < p->n_events; k++) {
        unsigned e = p->events[k];
        if (e >= STREAM_EVENT_BASE && e - STREAM_EVENT_BASE < STREAM_EVENT_COUNT)
            candidates_list(d, &d->cand, d->list_stream[e - STREAM_EVENT_BASE]);
        else if (e < DECODE_EVENT_COUNT)
            candidates_list(d, &d->cand, d->list_decode[e]);
    }
}

static void protocol_known(struct detect *d)
{
    struct packet *p = d->p;
    struct flow *f = p->flow;
    if (!f || !d->list_protocol[p->dir])
        return;
    uint32_t bit = p->dir ? FLOW_PD_TO_CLIENT : FLOW_PD_TO_SERVER;
    if (!(f->flags & bit))
        return;
    struct detect_flow *m = flow_memory(d, f);
    if (!m || m->pd_done[p->dir])
        return;
    m->pd_done[p->dir] = true;
    candidates_list(d, &d->cand, d->list_protocol[p->dir]);
}

static void scan_payload(struct detect *d, bool stream)
{
    struct packet *p = d->p;
    unsigned dir = p->dir, tr = d->transport;
    bool payload = p->payload && p->payload_len && !(p->flags & (PKT_PSEUDO | PKT_CARRIER));
    if (stream && d->stream_group[dir] >= 0)
        prefilter_scan(d, (uint32_t)d->stream_group[dir], d->stream.data, d->stream.n, &d->cand);
    if (payload && d->packet_group[tr][dir] >= 0)
        prefilter_scan(d, (uint32_t)d->packet_group[tr][dir], p->payload, p->payload_len, &d->cand);
    if (payload && tr == TR_TCP && !(p->flags & PKT_STREAM_ADD) && d->stream_group[dir] >= 0)
        prefilter_scan(d, (uint32_t)d->stream_group[dir], p->payload, p->payload_len, &d->cand);
    if (payload || stream)
        candidates_payload(d, d->list_payload[tr][dir]);
}

static void scan_headers(struct detect *d)
{
    for (uint32_t k = 0; k < d->n_header_groups; k++) {
        const struct img_group *g = &d->image->groups[d->header_groups[k]];
        const struct img_where *w = &d->image->wheres[g->where];
        struct input in;
        if (g->dir == d->p->dir && packet_buffer(d->p, w->buffer, &in) && transform_apply(d, w, &in))
            prefilter_scan(d, d->header_groups[k], in.p, in.n, &d->cand);
    }
}

/* A view never lies across a gap: what stands behind one is inspected for itself. */
static void more_views(struct detect *d, struct stream_engine *streams)
{
    enum { VIEWS = 64 };
    struct packet *p = d->p;
    for (unsigned n = 0; n < VIEWS && stream_raw(streams, p->flow, p, p->dir, &d->stream); n++) {
        d->count.streams++;
        if (d->stream_group[p->dir] >= 0)
            prefilter_scan(d, (uint32_t)d->stream_group[p->dir], d->stream.data, d->stream.n, &d->cand);
        d->pairs_known = false;
        candidates_payload(d, d->list_payload[d->transport][p->dir]);
        candidates_sort(&d->cand);
        judge_all(d);
        candidates_clear(&d->cand);
        stream_raw_done(streams, p->flow, p->dir);
    }
}

static bool packet_begin(struct detect *d, struct packet *p)
{
    struct flow *f = p->flow;
    d->p = p;
    d->classes_known = d->pairs_known = false;
    d->has_stream = d->flow_start = false;
    d->matches.n = d->matches.overflow = d->matches.n_replace = 0;
    d->matches.firewall = (struct firewall_word){.rule = -1};
    d->n_told = d->told_from = d->n_packet_vars = 0;
    d->transport = transport_of(p);
    d->phase = PHASE_FILTER;
    if (f && !(p->flags & PKT_PSEUDO))
        d->flow_start = !(f->flags & (p->dir ? FLOW_START_TO_CLIENT : FLOW_START_TO_SERVER));
    if (!image_n_rules(d->image) && !d->config.firewall)
        return false;
    arena_reset(&d->arena);
    d->sampling = d->cost && d->count.packets % d->config.rule_sample == 0;
    d->cand.gate = d->tx_cand.gate = d->overlay->gate;
    d->cand.now = d->tx_cand.now = gate_of_packet(d);
    return true;
}

static bool good_payload(const struct packet *p) { return !(p->flags & PKT_IGNORE); }

/* Candidates among the rules on packets and streams. */
static void packet_candidates(struct detect *d)
{
    struct packet *p = d->p;
    events(d);
    if (!good_payload(p)) {
        if (p->ver && !(p->flags & PKT_L3_BROKEN)) {
            ip_only(d); /* only its IP header is good: for rules on that */
            candidates_list(d, &d->cand, d->list_packet[TR_OTHER][p->dir]);
        }
        return;
    }
    if (!(p->flags & PKT_PSEUDO))
        ip_only(d);
    candidates_list(d, &d->cand, d->list_packet[d->transport][p->dir]);
    if (d->n_header_groups && !(p->flags & PKT_PSEUDO))
        scan_headers(d);
    if (!p->flow || !(p->flow->flags & FLOW_NO_PAYLOAD_INSPECTION))
        scan_payload(d, d->has_stream);
    protocol_known(d);
}

static void stream_begin(struct detect *d, struct stream_engine *streams)
{
    struct packet *p = d->p;
    if (d->transport == TR_TCP && p->flow && streams && good_payload(p))
        d->has_stream = stream_raw(streams, p->flow, p, p->dir, &d->stream);
    d->count.streams += d->has_stream;
}

static bool has_txs(const struct flow *f) { return f && f->app && f->app->def; }

/* Rules of detection; in firewall mode the firewall's word on transactions comes between packet and transaction. */
static void detection(struct detect *d)
{
    struct packet *p = d->p;
    struct flow *f = p->flow;
    bool asked = !d->config.firewall || !f || !(f->flags & FLOW_PASS);
    d->phase = PHASE_PACKET;
    if (asked) {
        packet_candidates(d);
        candidates_sort(&d->cand);
        d->count.candidates += d->cand.n;
        judge_all(d);
    }
    if (d->config.firewall && has_txs(f)) {
        d->phase = PHASE_APP_FILTER;
        firewall_txs(d, f->app, p->dir);
        const struct firewall_policy *does = &d->matches.firewall.does;
        asked &= does->action == ACTION_ACCEPT && !(does->secondary & (SECOND_PASS_FLOW | SECOND_PASS_PACKET));
    }
    d->phase = PHASE_APP;
    if (has_txs(f) && asked)
        inspect_txs(d, f->app, p->dir);
    candidates_clear(&d->cand);
}

const struct matches *detect_packet(struct detect *d, struct packet *p, struct stream_engine *streams)
{
    d->count.packets++;
    if (!packet_begin(d, p))
        return &d->matches;
    stream_begin(d, streams);
    bool goes_on = !d->config.firewall || firewall_packet(d, FIREWALL_FILTER);
    if (goes_on)
        detection(d);
    if (d->flow_start)
        p->flow->flags |= p->dir ? FLOW_START_TO_CLIENT : FLOW_START_TO_SERVER;
    if (d->has_stream) {
        stream_raw_done(streams, p->flow, p->dir);
        if (goes_on)
            more_views(d, streams);
    }
    return &d->matches;
}

const struct matches *detect_early(struct detect *d, struct packet *p, enum firewall_table t)
{
    if (packet_begin(d, p))
        (void)firewall_packet(d, t);
    return &d->matches;
}

/* ------------------------------------------------------------------ the worker's object */

enum { MATCHES_ROOM = 256, RECURSION_LIMIT = 3000, PCRE_LIMIT = 3500, PCRE_RECURSION = 1500 };

static void take_off(struct detect *d)
{
    cost_done(d);
    regex_done(d);
    prefilter_done(d);
    rulestate_done(d);
    firewall_done(d);
    free(d->live);
    d->live = NULL;
    overlay_close(d->overlay);
    d->overlay = NULL;
}

static int put_on(struct detect *d, struct overlay *o)
{
    d->overlay = overlay_ref(o);
    d->image = o->image;
    d->rules = o->image->rules;
    int rc = prefilter_init(d);
    if (!rc)
        rc = rulestate_init(d);
    if (!rc)
        rc = sets_init(d);
    if (!rc)
        rc = cost_init(d);
    if (!rc)
        rc = firewall_init(d);
    return rc ? rc : regex_init(d);
}

struct detect *detect_new(const struct detect_config *c, struct overlay *o)
{
    struct detect *d = calloc(1, sizeof(*d));
    if (!d)
        return NULL;
    d->config = *c;
    if (!d->config.recursion_limit)
        d->config.recursion_limit = RECURSION_LIMIT;
    if (!d->config.pcre_match_limit)
        d->config.pcre_match_limit = PCRE_LIMIT;
    if (!d->config.pcre_recursion_limit)
        d->config.pcre_recursion_limit = PCRE_RECURSION;
    arena_init(&d->arena, 1 << 16, 0);
    d->matches.m = calloc(MATCHES_ROOM, sizeof(*d->matches.m));
    d->matches.room = MATCHES_ROOM;
    d->matches.replace = d->replace;
    if (!d->matches.m || put_on(d, o)) {
        detect_free(d);
        return NULL;
    }
    return d;
}

void detect_free(struct detect *d)
{
    if (!d)
        return;
    take_off(d);
    while (d->free_flows) {
        struct detect_flow *m = d->free_flows;
        d->free_flows = m->next_free;
        free(m);
    }
    names_free(d->names);
    arena_done(&d->arena);
    free(d->matches.m);
    free(d);
}

/*
 * Same image: rule numbers stay, only the overlay changes.  Another image: partial results of transactions
 * name rules by number, so the stamp in them tells that they are void.
 */
int detect_swap(struct detect *d, struct overlay *o)
{
    if (o->image == d->image) {
        struct overlay *old = d->overlay;
        int sums = cost_overlay(d, o);
        if (sums)
            return sums;
        d->overlay = overlay_ref(o);
        overlay_close(old);
        return 0;
    }
    struct detect fresh = *d;
    fresh.scratch = NULL;
    memset(fresh.tx_group, 0, sizeof(fresh.tx_group));
    memset(fresh.n_tx_group, 0, sizeof(fresh.n_tx_group));
    memset(fresh.list_packet, 0, sizeof(fresh.list_packet));
    memset(fresh.list_payload, 0, sizeof(fresh.list_payload));
    memset(fresh.list_tx, 0, sizeof(fresh.list_tx));
    memset(fresh.list_event, 0, sizeof(fresh.list_event));
    memset(fresh.list_protocol, 0, sizeof(fresh.list_protocol));
    fresh.list_decode = fresh.list_stream = NULL;
    fresh.header_groups = NULL;
    fresh.n_header_groups = 0;
    fresh.cand = fresh.tx_cand = (struct candidates){0};
    fresh.name_of = NULL;
    fresh.live = NULL;
    fresh.cost = NULL;
    fresh.until = NULL;
    fresh.sums = fresh.own_sums = NULL;
    fresh.firewall = (struct firewall_rules){0};
    fresh.pcre = NULL;
    fresh.pcre_data = NULL;
    fresh.pcre_context = fresh.pcre_wide = NULL;
    int rc = put_on(&fresh, o);
    if (rc) {
        take_off(&fresh);
        return rc;
    }
    take_off(d);
    *d = fresh;
    d->matches.replace = d->replace;
    d->generation++;
    return 0;
}

struct overlay *detect_overlay(const struct detect *d) { return d->overlay; }
const struct detect_counters *detect_counters(const struct detect *d) { return &d->count; }
