/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The worker's part of a survey, and what becomes of all parts (survey.h). */
#include "sensor/survey.h"

#include "base/sbuf.h"
#include "engine/engine.h"

#include <stdlib.h>
#include <string.h>

struct survey *survey_new(enum survey_kind kind, const struct flow_query *q, uint32_t worker)
{
    struct survey *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->kind = kind;
    s->query = *q;
    s->worker = worker;
    if (kind == SURVEY_FLOWS)
        s->flow = calloc(q->most, sizeof(*s->flow));
    else if (kind == SURVEY_COSTS)
        s->cost = calloc(SURVEY_COSTS_MOST + 1, sizeof(*s->cost));
    else
        s->rule = calloc(SURVEY_RULES, sizeof(*s->rule));
    s->n = s->cost != NULL;
    if (s->flow || s->rule || s->cost)
        return s;
    free(s);
    return NULL;
}

void survey_free(struct survey *s)
{
    if (!s)
        return;
    free(s->flow);
    free(s->rule);
    free(s->cost);
    free(s);
}

size_t survey_row_size(enum survey_kind k)
{
    static const size_t size[SURVEY_KINDS] = {[SURVEY_FLOWS] = sizeof(struct flow_row),
                                              [SURVEY_RESPONSES] = sizeof(struct response_row),
                                              [SURVEY_COSTS] = sizeof(struct cost_row)};
    return k < SURVEY_KINDS ? size[k] : sizeof(struct flow_row);
}

/* ------------------------------------------------------------------ flows */

bool flow_query_match(const struct flow_query *q, const struct flow *f)
{
    const uint32_t a = q->ask;
    const struct ip_addr *c = &f->addr[0], *s = &f->addr[1];
    bool vlan = !(a & ASK_VLAN);
    for (unsigned i = 0; i < f->vlan_n && i < PACKET_VLANS; i++)
        vlan |= f->vlan[i] == q->vlan;
    return (!(a & ASK_ANY) || ip_prefix_has(&q->any, f->ver, c) ||
            ip_prefix_has(&q->any, f->ver, s)) &&
           (!(a & ASK_SRC) || ip_prefix_has(&q->src, f->ver, c)) &&
           (!(a & ASK_DST) || ip_prefix_has(&q->dst, f->ver, s)) &&
           (!(a & ASK_PORT) || f->port[0] == q->port || f->port[1] == q->port) &&
           (!(a & ASK_SPORT) || f->port[0] == q->sport) &&
           (!(a & ASK_DPORT) || f->port[1] == q->dport) &&
           (!(a & ASK_PROTO) || f->proto == q->proto || (q->proto == 1 && f->proto == 58)) &&
           (!(a & ASK_APP) || f->app_proto_any == q->app) &&
           (!(a & ASK_STATE) || f->state == q->state) &&
           (!(a & ASK_TCP_STATE) || (f->tcp && tcp_flow_state(f) == q->tcp_state)) &&
           (!(a & ASK_ALERTED) || f->flags & FLOW_ALERTED) &&
           (!(a & ASK_ANSWERED) || f->flags & FLOW_RESPONDED) &&
           (!(a & ASK_ID) || f->id == q->id) && vlan;
}

static void row_of(const struct flow *f, uint32_t worker, struct flow_row *r)
{
    *r = (struct flow_row){
        .addr = {f->addr[0], f->addr[1]},
        .port = {f->port[0], f->port[1]},
        .app = f->app_proto_any,
        .iface = f->iface,
        .ver = f->ver,
        .proto = f->proto,
        .state = f->flags & FLOW_BYPASS ? FLOW_BYPASSED : f->state,
        .tcp_state = f->tcp ? (uint8_t)tcp_flow_state(f) : TCP_NONE,
        .alerted = (f->flags & FLOW_ALERTED) != 0,
        .answered = (f->flags & FLOW_RESPONDED) != 0,
        .id = f->id,
        .first_ns = f->first_ns,
        .last_ns = f->last_ns,
        .pkts = {f->pkts[0], f->pkts[1]},
        .bytes = {f->bytes[0], f->bytes[1]},
        .timeout_s = f->timeout_s,
        .worker = worker,
    };
    for (unsigned i = 0; i < f->vlan_n && i < ARRAY_LEN(r->vlan); i++)
        r->vlan[r->vlan_n++] = f->vlan[i];
}

/* The oldest of those kept is on top, and goes when a newer one comes. */
static void sink(struct flow_row *r, uint32_t n, uint32_t at)
{
    for (;;) {
        uint32_t kid = at * 2 + 1;
        if (kid + 1 < n && r[kid + 1].last_ns < r[kid].last_ns)
            kid++;
        if (kid >= n || r[at].last_ns <= r[kid].last_ns)
            return;
        struct flow_row t = r[at];
        r[at] = r[kid];
        r[kid] = t;
        at = kid;
    }
}

static bool one_flow(void *ctx, struct flow *f)
{
    struct survey *s = ctx;
    if (!flow_query_match(&s->query, f))
        return true;
    s->seen++;
    if (s->n < s->query.most) {
        row_of(f, s->worker, &s->flow[s->n++]);
        for (uint32_t i = s->n == s->query.most ? s->n / 2 : 0; i--;)
            sink(s->flow, s->n, i); /* full: now it is a heap */
    } else if (f->last_ns > s->flow[0].last_ns) {
        row_of(f, s->worker, &s->flow[0]);
        sink(s->flow, s->n, 0);
    }
    return true;
}

/* ------------------------------------------------------------------ responses */

static void one_rule(void *ctx, uint32_t gid, uint32_t sid, const struct response_counters *c)
{
    struct survey *s = ctx;
    if (s->n == SURVEY_RULES)
        return;
    s->rule[s->n++] = (struct response_row){.gid = gid, .sid = sid, .count = *c};
}

/* ------------------------------------------------------------------ costs */

static void cost_sink(struct cost_row *r, uint32_t n, uint32_t at)
{
    for (uint32_t kid; (kid = 2 * at + 1) < n; at = kid) {
        kid += kid + 1 < n && r[kid + 1].cycles < r[kid].cycles;
        if (r[at].cycles <= r[kid].cycles)
            return;
        struct cost_row t = r[at];
        r[at] = r[kid];
        r[kid] = t;
    }
}

static void cost_add(struct cost_row *sum, const struct cost_row *r)
{
    sum->checks += r->checks;
    sum->matches += r->matches;
    sum->cycles += r->cycles;
    sum->steps += r->steps;
    sum->suspended += r->suspended;
}

static void one_cost(void *ctx, const struct rule_cost *c)
{
    struct survey *s = ctx;
    struct cost_row row = {.gid = c->gid, .sid = c->sid, .checks = c->checks, .matches = c->matches,
                           .cycles = c->cycles, .steps = c->steps, .suspended = c->suspended};
    struct cost_row *heap = s->cost + 1;
    s->seen++;
    if (s->n <= SURVEY_COSTS_MOST) {
        s->cost[s->n++] = row;
        for (uint32_t i = s->n > SURVEY_COSTS_MOST ? SURVEY_COSTS_MOST / 2 : 0; i--;)
            cost_sink(heap, SURVEY_COSTS_MOST, i); /* full: now it is a heap */
    } else if (row.cycles > heap[0].cycles) {
        cost_add(&s->cost[0], &heap[0]);
        heap[0] = row;
        cost_sink(heap, SURVEY_COSTS_MOST, 0);
    } else {
        cost_add(&s->cost[0], &row);
    }
}

bool survey_step(struct survey *s, struct engine *e)
{
    if (s->kind == SURVEY_COSTS)
        return engine_costs(e, &s->at, SURVEY_COST_STEP, one_cost, s);
    if (s->kind == SURVEY_FLOWS)
        return engine_flows(e, &s->at, SURVEY_STEP, one_flow, s);
    engine_responses(e, one_rule, s);
    return false;
}

/* ------------------------------------------------------------------ all parts together */

static int newest(const void *a, const void *b)
{
    const struct flow_row *x = a, *y = b;
    if (x->last_ns != y->last_ns)
        return x->last_ns < y->last_ns ? 1 : -1;
    return x->first_ns < y->first_ns ? 1 : x->first_ns > y->first_ns ? -1 : 0;
}

uint32_t flow_rows_order(struct flow_row *r, uint32_t n, uint32_t most)
{
    if (n)
        qsort(r, n, sizeof(*r), newest);
    return u32_min(n, most);
}

static int by_sid(const void *a, const void *b)
{
    const struct response_row *x = a, *y = b;
    if (x->gid != y->gid)
        return x->gid < y->gid ? -1 : 1;
    return x->sid < y->sid ? -1 : x->sid > y->sid;
}

uint32_t response_rows_merge(struct response_row *r, uint32_t n)
{
    uint32_t out = 0;
    if (n)
        qsort(r, n, sizeof(*r), by_sid);
    for (uint32_t i = 0; i < n; i++) {
        if (!out || by_sid(&r[out - 1], &r[i])) {
            r[out++] = r[i];
            continue;
        }
#define ADD(name) r[out - 1].count.name += r[i].count.name;
        RESPONSE_COUNTERS(ADD)
#undef ADD
    }
    return out;
}

static int cost_by_sid(const void *a, const void *b)
{
    const struct cost_row *x = a, *y = b;
    return x->gid != y->gid ? (x->gid < y->gid ? -1 : 1) : x->sid < y->sid ? -1 : x->sid > y->sid;
}

static int cost_dearest(const void *a, const void *b)
{
    const struct cost_row *x = a, *y = b;
    return x->cycles != y->cycles ? (x->cycles < y->cycles ? 1 : -1) : cost_by_sid(a, b);
}

uint32_t cost_rows_merge(struct cost_row *r, uint32_t n)
{
    uint32_t out = 0;
    if (n)
        qsort(r, n, sizeof(*r), cost_by_sid);
    for (uint32_t i = 0; i < n; i++) {
        if (out && !cost_by_sid(&r[out - 1], &r[i]))
            cost_add(&r[out - 1], &r[i]);
        else
            r[out++] = r[i];
    }
    if (out)
        qsort(r, out, sizeof(*r), cost_dearest);
    return out;
}
