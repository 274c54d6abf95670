/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The logger: takes records from the rings and gives each to the outputs that want it.
 *
 * An output is a writer (one of LOGFMT_) on an `out`.  The table of outputs in logger_conf.c makes
 * them from the configuration.
 */
#include "event/logger_impl.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static bool wants_alert(const struct output *u, const struct event_view *v)
{
    (void)u;
    return v->head->type == EVENT_ALERT && v->section[SECTION_ALERT].n;
}

static bool wants_eve(const struct output *u, const struct event_view *v)
{
    if (v->head->outputs && !(v->head->outputs >> u->eve_index & 1))
        return false;
    return eve_wants_event(u->eve, v);
}

static void put_eve(struct logger *l, struct output *u, const struct event_view *v, struct sbuf *b)
{
    if (u->prefix)
        sbuf_cstr(b, u->prefix);
    if (!eve_put(&l->eve, u->eve, v, b))
        l->st.count.broken++;
    if (u->newline)
        sbuf_byte(b, '\n');
}

static void put_fast(struct logger *l, struct output *u, const struct event_view *v, struct sbuf *b)
{
    (void)l;
    fast_put(v, LINE_SURICATA, u->year, b);
    sbuf_byte(b, '\n');
}

static void put_snort_fast(struct logger *l, struct output *u, const struct event_view *v,
                           struct sbuf *b)
{
    (void)l;
    fast_put(v, LINE_SNORT, u->year, b);
    sbuf_byte(b, '\n');
}

static const struct writer writers[] = {
    [LOGFMT_EVE] = {wants_eve, put_eve},
    [LOGFMT_FAST] = {wants_alert, put_fast},
    [LOGFMT_SNORT_FAST] = {wants_alert, put_snort_fast},
};

const struct writer *writer_of(enum log_format f)
{
    return f < ARRAY_LEN(writers) && writers[f].put ? &writers[f] : NULL;
}

void logger_event(struct logger *l, const struct event_view *v)
{
    l->st.count.events++;
    l->st.count.alerts += v->head->type == EVENT_ALERT;
    l->event_no++;
    for (unsigned i = 0; i < l->n; i++) {
        struct output *u = &l->output[i];
        if (!u->writer->wants(u, v))
            continue;
        struct sbuf *b = out_begin(u->out, v->head->ts_ns);
        if (!b)
            continue;
        u->writer->put(l, u, v, b);
        out_commit(u->out);
    }
}

/* The record waiting in a ring; NULL: none. */
static const struct event *ring_head(struct logger *l, struct rec_ring *r, struct event_view *v)
{
    for (;;) {
        const void *p;
        int64_t n = rec_ring_peek(r, &p);
        if (n <= 0)
            return NULL;
        if (event_view(p, (size_t)n, v))
            return v->head;
        l->st.count.broken++;
        rec_ring_next(r);
    }
}

static bool before(const struct event *a, const struct event *b)
{
    if (a->number != b->number)
        return a->number < b->number;
    return a->order != b->order ? a->order < b->order : a->worker < b->worker;
}

static size_t drain_ordered(struct logger *l, struct rec_ring *const *ring, unsigned n,
                            uint64_t limit)
{
    struct event_view view[LOGGER_RINGS];
    const struct event *head[LOGGER_RINGS];
    size_t taken = 0;
    for (unsigned i = 0; i < n; i++)
        head[i] = ring_head(l, ring[i], &view[i]);
    for (;;) {
        unsigned best = n;
        for (unsigned i = 0; i < n; i++)
            if (head[i] && (best == n || before(head[i], head[best])))
                best = i;
        if (best == n || head[best]->number > limit)
            return taken;
        logger_event(l, &view[best]);
        rec_ring_next(ring[best]);
        taken++;
        head[best] = ring_head(l, ring[best], &view[best]);
    }
}

size_t logger_drain(struct logger *l, struct rec_ring *const *ring, unsigned n, bool ordered,
                    uint64_t limit)
{
    struct event_view v;
    size_t taken = 0;
    assert(n <= LOGGER_RINGS);
    if (ordered && n > 1)
        return drain_ordered(l, ring, n, limit);
    for (unsigned i = 0; i < n; i++)
        while (ring_head(l, ring[i], &v) && (!ordered || v.head->number <= limit)) {
            logger_event(l, &v);
            rec_ring_next(ring[i]);
            taken++;
        }
    return taken;
}

void logger_flush(struct logger *l)
{
    for (unsigned i = 0; i < l->n; i++)
        out_flush(l->output[i].out);
}

void logger_reopen(struct logger *l)
{
    for (unsigned i = 0; i < l->n; i++)
        out_reopen(l->output[i].out);
}

const struct logger_counters *logger_counters(const struct logger *l)
{
    return &l->st.count;
}

const char *logger_last_error(const struct logger *l)
{
    return l->st.error[0] ? l->st.error : NULL;
}

void logger_free(struct logger *l)
{
    if (!l)
        return;
    for (unsigned i = 0; i < l->n; i++) {
        out_free(l->output[i].out);
        free(l->output[i].eve);
        free(l->output[i].prefix);
    }
    eve_common_done(&l->eve);
    free(l);
}
