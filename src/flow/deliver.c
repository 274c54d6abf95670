/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Giving bytes to the application layer: each once, in order; gaps, depth and the end.
 *
 * On arrival: all up to the edge.  On acknowledgement: up to what the other side has acknowledged.
 * A gap is declared when the other side acknowledged bytes that never came by: they were lost
 * before the capture, and its stack has them.
 */
#include "flow/session.h"

#include <string.h>

enum {
    RAW_LAG_MAX = 256 << 10,  /* bytes that wait for raw inspection; older ones are given up */
    INLINE_KEPT_MAX = 1 << 20 /* bytes kept for the first copy to win until they are acknowledged */
};

bool half_keeps(const struct stream_engine *e, const struct tcp_half *h)
{
    if (h->flags & HALF_DEPTH)
        return false;
    return e->cfg.inline_mode || (e->cfg.raw && !(h->flags & HALF_RAW_OFF));
}

void deliver_trim(struct stream_engine *e, struct tcp_half *h, unsigned dir)
{
    bool raw = e->cfg.raw && !(h->flags & HALF_RAW_OFF);
    uint64_t floor = h->app;
    if (raw) {
        if (h->app - h->raw > RAW_LAG_MAX)
            h->raw = h->app - RAW_LAG_MAX;
        uint64_t keep = e->cfg.raw_keep_bytes ? e->cfg.raw_keep_bytes : e->cfg.chunk_bytes[dir];
        floor = h->raw > keep ? h->raw - keep : 0;
    } else {
        h->raw = h->app;
    }
    if (e->cfg.inline_mode && !(h->flags & HALF_DEPTH)) {
        uint64_t acked = half_acked(h);
        if (h->app > INLINE_KEPT_MAX)
            acked = u64_max(acked, h->app - INLINE_KEPT_MAX);
        floor = u64_min(floor, acked);
    }
    if (h->store)
        store_trim(e, h->store, floor);
}

/* Calls the sink; afterwards the ends may have changed places. */
static void give(struct pass *c, bool own, const uint8_t *data, uint64_t n, unsigned piece)
{
    struct tcp_half *h = side(c, own);
    if (!(h->flags & HALF_STARTED)) {
        h->flags |= HALF_STARTED;
        piece |= PIECE_START;
    }
    if (c->s->flags & SSN_MIDSTREAM)
        piece |= PIECE_MIDSTREAM;
    if ((h->flags & (HALF_APP_OFF | HALF_EOF)) || !c->sink || !c->sink->data)
        return;
    uint32_t was = c->f->flags & FLOW_SWAPPED;
    unsigned dir = own ? c->dir : !c->dir;
    while (n > UINT32_MAX) { /* a gap can be any length */
        c->sink->data(c->sink->ctx, c->f, c->p, dir, data, UINT32_MAX, piece);
        n -= UINT32_MAX;
        piece &= ~(unsigned)PIECE_START;
    }
    c->sink->data(c->sink->ctx, c->f, c->p, dir, data, (uint32_t)n, piece);
    if ((c->f->flags & FLOW_SWAPPED) == was)
        return;
    c->dir = !c->dir;
    c->mine = &c->s->half[c->dir];
    c->other = &c->s->half[!c->dir];
    if (c->p)
        c->p->dir = (uint8_t)c->dir;
}

static void depth_check(struct pass *c, bool own)
{
    struct tcp_half *h = side(c, own);
    if (!h->depth || h->app < h->depth || (h->flags & HALF_DEPTH))
        return;
    stream_event(c, STREAM_EV_REASSEMBLY_DEPTH_REACHED);
    c->e->n.stream_depth_reached++;
    if (c->e->cfg.bypass)
        c->f->flags |= FLOW_BYPASS;
    if (h->store)
        h->store->ext_n = h->store->ext_head = 0;
    h->flags |= HALF_DEPTH | HALF_RAW_END;
    give(c, own, NULL, 0, PIECE_DEPTH);
    side(c, own)->flags |= HALF_EOF;
}

void deliver_direct(struct pass *c, const uint8_t *data, uint32_t n)
{
    struct tcp_half *h = c->mine;
    uint64_t from = h->edge;
    if (half_keeps(c->e, h)) {
        deliver_trim(c->e, h, c->dir);
        enum reserve why = store_reserve(c->e, h, from, from + n);
        if (why == RESERVE_OK) {
            uint64_t room;
            memcpy(store_at(h->store, from, &room), data, n);
            store_run_add(c->e, h->store, from, from + n);
        } else {
            reasm_no_memory(c, why);
        }
    } else {
        if (h->store)
            deliver_trim(c->e, h, c->dir);
        h->raw = from + n;
    }
    edge_advance(h, from + n);
    h->app = h->edge;
    c->p->flags |= PKT_STREAM_ADD;
    give(c, true, data, n, 0);
    depth_check(c, true);
}

/* Stored bytes [app, to), which are contiguous. */
static void deliver_span(struct pass *c, bool own, uint64_t to)
{
    for (;;) {
        struct tcp_half *h = side(c, own);
        uint64_t n;
        if (h->app >= to || !h->store)
            return;
        const uint8_t *data = store_at(h->store, h->app, &n);
        if (!data)
            return; /* cannot be: what lies below the edge is stored or delivered */
        n = u64_min(n, to - h->app);
        store_run_add(c->e, h->store, h->app, h->app + n);
        h->app += n;
        store_extents_drop(h->store, h->app);
        if (!half_keeps(c->e, h))
            h->raw = h->app;
        give(c, own, data, n, 0);
        depth_check(c, own);
    }
}

static uint64_t next_stored(const struct tcp_half *h)
{
    uint32_t n;
    if (!h->store)
        return UINT64_MAX;
    const struct extent *x = store_extents(h->store, h->edge, &n);
    for (uint32_t i = 0; i < n; i++)
        if (x[i].s > h->edge)
            return x[i].s;
    return UINT64_MAX;
}

static void skip_gap(struct pass *c, bool own, uint64_t to, bool lost)
{
    struct tcp_half *h = side(c, own);
    if (h->depth && to > h->depth)
        to = u64_max(h->depth, h->edge);
    uint64_t n = to - h->edge;
    if (lost) {
        stream_event(c, STREAM_EV_REASSEMBLY_SEQ_GAP);
        c->e->n.reassembly_gap++;
        c->e->n.acked_unseen_bytes += n;
        c->f->acked_unseen[own ? c->dir : !c->dir] += n;
    }
    if (!h->edge)
        h->first_gap = to;
    edge_advance(h, to);
    h->app = h->edge;
    if (!half_keeps(c->e, h))
        h->raw = h->app;
    if (h->store) {
        edge_follow(h);
        store_extents_drop(h->store, h->app);
    }
    give(c, own, NULL, n, PIECE_GAP);
    depth_check(c, own);
}

void deliver_ready(struct pass *c, bool own)
{
    for (;;) {
        struct tcp_half *h = side(c, own);
        uint64_t acked = half_acked(h);
        if (half_is_off(c, h)) {
            track_edge(c, h, acked);
            return;
        }
        uint64_t to = on_ack(c) || c->hold ? u64_min(h->edge, acked) : h->edge;
        if (h->app < to) {
            uint64_t was = h->app;
            deliver_span(c, own, to);
            if (side(c, own)->app == was)
                return;
            continue;
        }
        if (h->app != h->edge || acked <= h->edge)
            return;
        skip_gap(c, own, u64_min(acked, next_stored(h)), true);
    }
}

void deliver_all(struct pass *c, bool own, bool across_gaps)
{
    for (;;) {
        struct tcp_half *h = side(c, own);
        if (half_is_off(c, h))
            return;
        if (h->app < h->edge) {
            uint64_t was = h->app;
            deliver_span(c, own, h->edge);
            if (side(c, own)->app == was)
                return;
            continue;
        }
        uint64_t next = next_stored(h);
        if (!across_gaps || next == UINT64_MAX)
            return;
        skip_gap(c, own, next, false);
    }
}

void deliver_eof(struct pass *c, bool own)
{
    struct tcp_half *h = side(c, own);
    h->flags |= HALF_RAW_END;
    if (h->flags & HALF_EOF)
        return;
    if (c->p)
        c->p->flags |= PKT_STREAM_EOF;
    give(c, own, NULL, 0, PIECE_EOF);
    side(c, own)->flags |= HALF_EOF;
}
