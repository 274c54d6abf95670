/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The supervisor's part of a survey (survey.h): questions of `ctl` go to the engine one after the
 * other; the rows come back in pieces, from a process that is not believed.
 */
#include "sensor/supervisor.h"

#include "base/clock.h"
#include "base/sbuf.h"

#include <stdlib.h>
#include <string.h>

#define ANSWER_MOST (6 * NS_PER_SEC)

static void over(struct supervisor *s, bool ok)
{
    struct sup_survey *v = &s->survey;
    control_surveyed(s, v->request, ok);
    free(v->rows);
    v->rows = NULL;
    v->n = 0;
    v->busy = false;
}

/* The next client that waits. */
static void begin(struct supervisor *s)
{
    struct sup_survey *v = &s->survey;
    struct control_client *c = NULL;
    for (unsigned i = 0; i < SUP_CLIENTS; i++) {
        struct control_client *x = &s->client[i];
        if (x->fd >= 0 && x->survey && (!c || x->survey < c->survey))
            c = x;
    }
    if (!c || v->busy)
        return;
    struct msg_survey q = {.request = c->survey, .kind = c->survey_kind, .query = c->query};
    v->request = c->survey;
    v->kind = c->survey_kind;
    v->query = c->query;
    v->since_ns = sup_now();
    v->since_cycles = clock_cycles();
    v->busy = true;
    v->n = v->unheard = 0;
    v->seen = 0;
    v->rows = calloc(SUP_ROWS, survey_row_size(v->kind));
    if (!v->rows || s->engine.state != PROC_RUNNING ||
        msg_send(s->engine.channel, MSG_SURVEY, &q, sizeof(q), NULL, 0))
        over(s, false);
}

void survey_ask(struct supervisor *s, struct control_client *c, enum survey_kind kind,
                const struct flow_query *q)
{
    c->survey = ++s->survey.last;
    c->survey_kind = kind;
    c->query = *q;
    begin(s);
}

void survey_take(struct supervisor *s, const struct message *m)
{
    struct sup_survey *v = &s->survey;
    struct msg_surveyed h;
    memcpy(&h, m->body, sizeof(h));
    if (!v->busy || h.request != v->request || h.kind != v->kind)
        return;
    uint32_t n = u32_min(h.n, SUP_ROWS - v->n);
    memcpy((uint8_t *)v->rows + v->n * survey_row_size(v->kind), m->body + sizeof(h),
           n * survey_row_size(v->kind));
    v->n += n;
    v->seen = h.seen;
    v->unheard = h.unheard;
    if (!h.last)
        return;
    over(s, true);
    begin(s);
}

void survey_tick(struct supervisor *s)
{
    if (s->survey.busy &&
        (s->engine.state != PROC_RUNNING || sup_now() - s->survey.since_ns > ANSWER_MOST))
        over(s, false);
    begin(s);
}

static void put_flows(struct supervisor *s, struct json *j)
{
    const struct sup_survey *v = &s->survey;
    const struct flow_row *r = v->rows;
    json_array(j, "flows");
    for (uint32_t i = 0; i < v->n; i++)
        flow_row_json(&r[i], r[i].iface < s->plan.n ? s->plan.live.iface[r[i].iface] : NULL, j);
    json_array_end(j);
    json_u64(j, "fitting", v->seen);
    json_bool(j, "more", v->seen > v->n);
    report_flows(s, j);
}

static void put_responses(struct supervisor *s, struct json *j)
{
    const struct sup_survey *v = &s->survey;
    const struct response_row *r = v->rows;
    json_array(j, "rules");
    for (uint32_t i = 0; i < v->n; i++) {
        json_open(j, NULL);
        json_u64(j, "gid", r[i].gid);
        json_u64(j, "sid", r[i].sid);
#define PUT(name) json_u64(j, #name, r[i].count.name);
        RESPONSE_COUNTERS(PUT)
#undef PUT
        json_close(j);
    }
    json_array_end(j);
    json_open(j, "total");
    struct worker_counts *c = &s->sum;
    (void)counts_sum(s, c);
#define PUT(name) json_u64(j, #name, c->engine.response.name);
    RESPONSE_COUNTERS(PUT)
#undef PUT
    json_close(j);
    if (!s->plan.response && !s->plan.raw)
        json_cstr(j, "note", "there is no response port: nothing is sent (--response IF)");
}

/* The dearest first; shares are of all, told or not. */
static void put_costs(struct supervisor *s, struct json *j)
{
    const struct sup_survey *v = &s->survey;
    const struct cost_row *r = v->rows;
    uint64_t all = 0, checks = 0, told = 0, ns = sup_now() - v->since_ns;
    double per_ns = ns ? (double)(clock_cycles() - v->since_cycles) / (double)ns : 1;
    per_ns = per_ns > 0 ? per_ns : 1;
    for (uint32_t i = 0; i < v->n; i++) {
        all += r[i].cycles;
        checks += r[i].checks;
    }
    json_i64(j, "sample", conf_int(s->conf, "detect.rule-sample"));
    json_u64(j, "rules_checked", v->seen);
    json_u64(j, "checks", checks);
    json_double(j, "ns", (double)all / per_ns);
    json_array(j, "rules");
    for (uint32_t i = 0; i < v->n && told < v->query.most; i++) {
        if (!r[i].gid)
            continue;
        told++;
        json_open(j, NULL);
        json_u64(j, "gid", r[i].gid);
        json_u64(j, "sid", r[i].sid);
        json_u64(j, "checks", r[i].checks);
        json_u64(j, "matches", r[i].matches);
        json_u64(j, "steps", r[i].steps);
        json_double(j, "share", all ? (double)r[i].cycles / (double)all : 0);
        json_double(j, "ns", (double)r[i].cycles / per_ns);
        json_double(j, "avg_ns", r[i].checks ? (double)r[i].cycles / per_ns / (double)r[i].checks : 0);
        json_bool(j, "suspended", r[i].suspended > 0);
        json_close(j);
    }
    json_array_end(j);
}

void report_survey(struct supervisor *s, struct json *j)
{
    if (s->survey.kind == SURVEY_FLOWS)
        put_flows(s, j);
    else if (s->survey.kind == SURVEY_COSTS)
        put_costs(s, j);
    else
        put_responses(s, j);
    if (s->survey.unheard)
        json_u64(j, "workers_unheard", s->survey.unheard);
}
