/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine's main thread asks its workers (survey.h).  One survey at a time: the memory of a
 * worker that has not answered stays its own, and no other survey begins until it has.
 */
#include "sensor/engine_role.h"

#include "base/clock.h"

#include <stdlib.h>
#include <string.h>

#define SURVEY_MOST_NS (3 * NS_PER_SEC)

static void tell(struct engine_proc *p, struct msg_surveyed *head, const void *rows, uint32_t n,
                 size_t one)
{
    uint8_t body[MSG_BODY];
    uint32_t room = (uint32_t)((sizeof(body) - sizeof(*head)) / one), at = 0;
    do {
        head->n = u32_min(n - at, room);
        head->last = at + head->n == n;
        memcpy(body, head, sizeof(*head));
        if (head->n)
            memcpy(body + sizeof(*head), (const uint8_t *)rows + at * one, head->n * one);
        if (msg_send(p->child.channel, MSG_SURVEYED, body,
                     (uint32_t)(sizeof(*head) + head->n * one), NULL, 0)) {
            p->closed = true;
            return;
        }
        at += head->n;
    } while (at < n);
}

static bool all_back(const struct engine_proc *p)
{
    bool all = true;
    for (unsigned i = 0; i < p->n; i++)
        all &= !p->worker[i].asked ||
               atomic_load_explicit(&p->worker[i].surveyed, memory_order_relaxed) != NULL;
    return all;
}

static struct survey *take_back(struct worker *w)
{
    struct survey *s =
        w->asked ? atomic_exchange_explicit(&w->surveyed, NULL, memory_order_acq_rel) : NULL;
    w->asked &= s == NULL;
    return s;
}

static void answer(struct engine_proc *p)
{
    struct survey *part[SENSOR_WORKERS] = {NULL};
    struct msg_surveyed head = {.request = p->survey_request, .kind = p->survey_kind};
    size_t one = survey_row_size(p->survey_kind);
    uint32_t n = 0, sum = 0;
    for (unsigned i = 0; i < p->n; i++) {
        part[i] = take_back(&p->worker[i]);
        sum += part[i] ? part[i]->n : 0;
    }
    uint8_t *rows = calloc(sum ? sum : 1, one);
    for (unsigned i = 0; i < p->n; i++) {
        struct survey *s = part[i];
        head.unheard += s == NULL;
        head.seen += s ? s->seen : 0;
        if (s && rows && s->n) {
            memcpy(rows + n * one, s->flow ? (void *)s->flow : s->rule ? (void *)s->rule : (void *)s->cost, s->n * one);
            n += s->n;
        }
        survey_free(s);
    }
    n = !rows                             ? 0
        : p->survey_kind == SURVEY_FLOWS     ? flow_rows_order((void *)rows, n, p->survey_most)
        : p->survey_kind == SURVEY_RESPONSES ? response_rows_merge((void *)rows, n)
                                             : cost_rows_merge((void *)rows, n);
    tell(p, &head, rows, n, one);
    free(rows);
    p->survey_request = 0;
}

void engine_survey_begin(struct engine_proc *p, const struct message *m)
{
    struct msg_survey q;
    memcpy(&q, m->body, sizeof(q));
    if (!p->started || p->survey_request)
        return; /* the supervisor asks one thing at a time */
    p->survey_request = q.request;
    p->survey_until_ns = clock_mono_ns() + SURVEY_MOST_NS;
    p->survey_kind = (enum survey_kind)q.kind;
    p->survey_most = q.query.most;
    for (unsigned i = 0; i < p->n; i++) {
        struct worker *w = &p->worker[i];
        survey_free(take_back(w)); /* came too late the last time */
        struct survey *s = w->asked ? NULL : survey_new(p->survey_kind, &q.query, i);
        if (!s)
            continue; /* still at the last one: unheard this time */
        w->asked = true;
        atomic_store_explicit(&w->survey, s, memory_order_release);
    }
}

void engine_survey_look(struct engine_proc *p)
{
    if (all_back(p) || clock_mono_ns() > p->survey_until_ns)
        answer(p);
}
