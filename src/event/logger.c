/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The logger: takes records from the rings and gives each to the outputs that want it.
 *
 * An output is a writer (writers.c) on a sink (out.c), made from the configuration (logger_conf.c).
 */
#include "event/logger_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { BROKEN_MOST = 4096 };

/* Of an action of the configuration's own: is this output one that its alerts go to? */
static bool right_type(const struct logger *l, const struct output *u, unsigned type)
{
    if (u->ruletype)
        return u->ruletype == type;
    return type > CONF_RULETYPES || !u->kinds || (u->kinds & (unsigned)~l->own[type]);
}

void logger_event(struct logger *l, const struct event_view *v)
{
    struct event_alert a = {0};
    bool alert = v->head->type == EVENT_ALERT && view_alert(v, &a);
    l->st.count.events++;
    if (v->head->type == EVENT_ALERT) {
        l->st.count.alerts += !a.log_only;
        l->event_id++;
    }
    for (unsigned i = 0; i < l->n; i++) {
        struct output *u = &l->output[i];
        if (!u->writer->wants(u, v) || (alert ? !right_type(l, u, a.ruletype) : u->ruletype != 0))
            continue;
        if (a.log_only && !(u->kinds & KIND_PACKETS))
            continue;
        struct out *o = u->writer->sink ? u->writer->sink(l, u, v) : u->out;
        struct sbuf *b = o ? out_begin(o, v->head->ts_ns) : NULL;
        if (!b)
            continue;
        u->writer->put(l, u, v, b);
        out_commit(o);
    }
}

/* The record waiting in a ring; NULL: none, or a flood of broken ones that the next call goes on
 * with. */
static const struct event *ring_head(struct logger *l, struct rec_ring *r, struct event_view *v)
{
    for (unsigned broken = 0; broken < BROKEN_MOST; broken++) {
        const void *p;
        int64_t n = rec_ring_peek(r, &p);
        if (n <= 0)
            return NULL;
        if (event_view(p, (size_t)n, v))
            return v->head;
        l->st.count.broken++;
        rec_ring_next(r);
    }
    return NULL;
}

static bool before(const struct event *a, const struct event *b)
{
    if (a->number != b->number)
        return a->number < b->number;
    if (a->order != b->order)
        return a->order < b->order;
    return a->order2 != b->order2 ? a->order2 < b->order2 : a->worker < b->worker;
}

static bool behind(const struct event *a, const struct event_place *p)
{
    if (a->number != p->number)
        return a->number > p->number;
    return a->order != p->order ? a->order > p->order : a->order2 > p->order2;
}

size_t logger_drain_to(struct logger *l, struct rec_ring *const *ring, unsigned n,
                       const struct event_place *last)
{
    struct event_view view[LOGGER_RINGS];
    const struct event *head[LOGGER_RINGS];
    size_t taken = 0;
    assert(n <= LOGGER_RINGS);
    for (unsigned i = 0; i < n; i++)
        head[i] = ring_head(l, ring[i], &view[i]);
    for (;;) {
        unsigned best = n;
        for (unsigned i = 0; i < n; i++)
            if (head[i] && (best == n || before(head[i], head[best])))
                best = i;
        if (best == n || behind(head[best], last))
            return taken;
        logger_event(l, &view[best]);
        rec_ring_next(ring[best]);
        taken++;
        head[best] = ring_head(l, ring[best], &view[best]);
    }
}

/* What waits now, not what comes meanwhile: a busy engine must not keep the logger here. */
static size_t drain_one(struct logger *l, struct rec_ring *r, uint64_t limit)
{
    struct event_view v;
    size_t taken = 0;
    uint64_t left = rec_ring_used(r);
    while (left && ring_head(l, r, &v) && v.head->number <= limit) {
        left -= u64_min(left, v.head->size);
        logger_event(l, &v);
        rec_ring_next(r);
        taken++;
    }
    return taken;
}

size_t logger_drain(struct logger *l, struct rec_ring *const *ring, unsigned n, bool ordered,
                    uint64_t limit)
{
    size_t taken = 0;
    assert(n <= LOGGER_RINGS);
    if (ordered && n > 1)
        return logger_drain_to(l, ring, n, &(struct event_place){limit, UINT64_MAX, UINT64_MAX});
    for (unsigned i = 0; i < n; i++)
        taken += drain_one(l, ring[i], ordered ? limit : UINT64_MAX);
    return taken;
}

static void each_out(struct logger *l, void (*f)(struct out *o))
{
    for (unsigned i = 0; i < l->n; i++) {
        if (l->output[i].out)
            f(l->output[i].out);
        for (unsigned k = 0; k < l->output[i].n_pcap; k++)
            f(l->output[i].pcap_file[k].out);
        host_files_each(l->output[i].hosts, f);
    }
}

void logger_flush(struct logger *l)
{
    each_out(l, out_flush);
}

void logger_reopen(struct logger *l)
{
    each_out(l, out_reopen);
}

const struct logger_counters *logger_counters(const struct logger *l)
{
    return &l->st.count;
}

void logger_outputs(const struct logger *l, logger_output_fn *f, void *ctx)
{
    for (unsigned i = 0; i < l->n; i++)
        for (unsigned k = 0; k <= l->output[i].n_pcap; k++) {
            const struct output *u = &l->output[i];
            const struct out *o = k ? u->pcap_file[k - 1].out : u->out;
            uint64_t written, lost, waiting;
            if (!o)
                continue;
            out_count(o, &written, &lost, &waiting);
            f(ctx, out_path(o), written, lost + waiting);
        }
}

bool logger_news(struct logger *l, char *text, size_t room, bool *good)
{
    struct out_state *st = &l->st;
    if (!st->news_n)
        return false;
    snprintf(text, room, "%s", st->news[0].text);
    *good = st->news[0].good;
    memmove(&st->news[0], &st->news[1], --st->news_n * sizeof(st->news[0]));
    return true;
}

const char *logger_last_error(const struct logger *l)
{
    return l->st.error[0] ? l->st.error : NULL;
}

void output_done(struct output *u)
{
    out_free(u->out);
    for (unsigned k = 0; k < u->n_pcap; k++)
        out_free(u->pcap_file[k].out);
    free(u->pcap_file);
    packet_text_free(u->text);
    host_files_free(u->hosts);
    file_store_free(u->store);
    cap_filter_free(u->filter);
    free(u->eve);
    free(u->prefix);
    free(u->syslog_tag);
    free(u->pcap_path);
    memset(u, 0, sizeof(*u));
}

void logger_free(struct logger *l)
{
    if (!l)
        return;
    for (unsigned i = 0; i < l->n; i++)
        output_done(&l->output[i]);
    eve_common_done(&l->eve);
    free(l);
}
