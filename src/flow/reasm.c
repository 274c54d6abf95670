/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Putting segments in order.
 *
 * In order and nothing stored beyond: straight to the sink.  Else into the store, where the
 * target's policy decides byte by byte whose copy counts; delivered bytes never change.  In line
 * the first copy wins whatever the target, and a packet that says otherwise is rewritten.
 */
#include "flow/session.h"

#include <string.h>

int64_t half_offset(const struct tcp_half *h, uint32_t seq)
{
    int64_t off = (int64_t)h->edge + (int32_t)(seq - h->edge_seq);
    if (!h->urg_total)
        return off;
    if (seq_ge(seq, h->edge_seq))
        return off - urgent_between(h, h->edge_seq, seq);
    return off + urgent_between(h, seq, h->edge_seq);
}

/* Moves the edge; urgent bytes on the way, and one that stands where it comes to rest, are passed.
 */
void edge_advance(struct tcp_half *h, uint64_t to)
{
    uint32_t left = (uint32_t)(to - h->edge);
    h->edge = to;
    uint32_t kept = u32_min(h->urg_total, URGENT_KEPT);
    for (;;) {
        if (kept && urgent_at(h, h->edge_seq)) {
            h->edge_seq++;
            continue;
        }
        if (!left)
            return;
        uint32_t step = left;
        for (uint32_t i = 0; i < kept; i++)
            if (seq_gt(h->urg_seq[i], h->edge_seq))
                step = u32_min(step, h->urg_seq[i] - h->edge_seq);
        h->edge_seq += step;
        left -= step;
    }
}

uint64_t half_acked(const struct tcp_half *h)
{
    uint32_t ack = h->last_ack;
    if ((h->flags & HALF_FIN_SEEN) && seq_gt(ack, h->fin_seq))
        ack = h->fin_seq;
    int64_t off = half_offset(h, ack);
    return off > 0 ? (uint64_t)off : 0;
}

bool half_is_off(const struct pass *c, const struct tcp_half *h)
{
    if (h->flags & HALF_DEPTH)
        return true;
    return (h->flags & HALF_APP_OFF) && (!c->e->cfg.raw || (h->flags & HALF_RAW_OFF)) &&
           !c->e->cfg.inline_mode;
}

/* Nobody wants the bytes: only where the stream stands. */
void track_edge(struct pass *c, struct tcp_half *h, uint64_t to)
{
    if (to > h->edge)
        edge_advance(h, to);
    bool depth = h->flags & HALF_DEPTH;
    if (!depth)
        h->app = h->raw = h->edge;
    bool raw_waits = depth && c->e->cfg.raw && !(h->flags & HALF_RAW_OFF) && h->raw < h->app;
    if (h->store && !raw_waits) {
        store_give(c->e, h->store);
        h->store = NULL;
    }
}

static void track_only(struct pass *c, struct tcp_half *h, uint32_t seq, uint32_t n)
{
    int64_t end = half_offset(h, seq + n);
    bool joins = half_offset(h, seq) <= (int64_t)h->edge && end > (int64_t)h->edge;
    track_edge(c, h, joins ? (uint64_t)end : h->edge);
}

void reasm_no_memory(struct pass *c, enum reserve why)
{
    if (why == RESERVE_MEMCAP) {
        c->e->n.segment_memcap_drop++;
        stream_event(c, STREAM_EV_REASSEMBLY_INSERT_MEMCAP);
        c->exc.target = EXCEPTION_REASSEMBLY_MEMCAP;
        c->exc.policy = (uint8_t)c->e->cfg.reassembly_policy;
    } else {
        c->e->n.insert_list_fail++;
        stream_event(c, STREAM_EV_REASSEMBLY_INSERT_LIMIT);
    }
}

static void note_overlap(struct pass *c, bool differs)
{
    c->e->n.overlap++;
    c->mine->overlaps++;
    if (differs) {
        c->e->n.overlap_diff_data++;
        stream_event(c, STREAM_EV_REASSEMBLY_OVERLAP_DIFFERENT_DATA);
    }
}

/* Compares [from, to) of a segment that starts at off with what is kept; in line, rewrites it. */
static bool compare_kept(struct pass *c, uint64_t off, const uint8_t *data, uint64_t from,
                         uint64_t to)
{
    uint64_t n;
    const uint8_t *kept = store_at(c->mine->store, from, &n);
    if (!kept)
        return false;
    n = u64_min(n, to - from);
    const uint8_t *mine = data + (from - off);
    if (!memcmp(kept, mine, n))
        return false;
    const struct packet *p = c->p;
    bool in_packet = mine >= p->payload && mine + n <= p->payload + p->payload_len;
    if (c->e->cfg.inline_mode && c->sink && c->sink->rewrite && in_packet)
        c->sink->rewrite(c->sink->ctx, c->p, (uint32_t)(mine - c->p->payload), kept, (uint32_t)n);
    return true;
}

/* The part below `app`: what is still kept of it can be compared, nothing more. */
static void compare_delivered(struct pass *c, uint64_t off, const uint8_t *data, uint64_t end)
{
    struct store *st = c->mine->store;
    if (!st)
        return;
    const struct extent *run = store_runs(st);
    bool differs = false;
    for (uint32_t i = store_run_after(st, off); i < st->runs && run[i].s < end; i++) {
        uint64_t from = u64_max(off, run[i].s), to = u64_min(end, run[i].e);
        differs |= compare_kept(c, off, data, from, to);
    }
    if (differs)
        note_overlap(c, true);
}

/* Writes the segment over the stored ones as the policy says. */
static void write_by_policy(struct pass *c, struct extent x, const uint8_t *data)
{
    struct store *st = c->mine->store;
    enum os_policy policy = c->e->cfg.inline_mode ? OS_FIRST : (enum os_policy)c->mine->policy;
    uint32_t n;
    const struct extent *old = store_extents(st, x.s, &n);
    uint64_t room, at = x.s;
    uint8_t *dst = store_at(st, x.s, &room);
    bool differs = false, overlaps = false;
    /* In line compare_kept also rewrites: the older copy must still stand in the store. */
    for (uint32_t i = 0; i < n && old[i].s < x.e; i++) {
        uint64_t from = u64_max(x.s, old[i].s), to = u64_min(x.e, old[i].e);
        if (from >= to)
            continue;
        differs |= compare_kept(c, x.s, data, from, to);
        overlaps |= old[i].s != x.s || old[i].e != x.e || differs;
    }
    for (uint32_t i = 0; i < n && old[i].s < x.e; i++) {
        uint64_t from = u64_max(x.s, old[i].s), to = u64_min(x.e, old[i].e);
        if (from >= to || to <= at || overlap_new_wins(policy, &x, &old[i]))
            continue;
        if (from > at)
            memcpy(dst + (at - x.s), data + (at - x.s), from - at);
        at = to;
    }
    if (at < x.e)
        memcpy(dst + (at - x.s), data + (at - x.s), x.e - at);
    if (overlaps)
        note_overlap(c, differs);
}

void edge_follow(struct tcp_half *h)
{
    uint32_t n;
    const struct extent *x = store_extents(h->store, h->edge, &n);
    uint64_t edge = h->edge;
    for (uint32_t i = 0; i < n && x[i].s <= edge; i++)
        edge = u64_max(edge, x[i].e);
    if (edge != h->edge)
        edge_advance(h, edge);
}

static void store_insert(struct pass *c, uint64_t off, const uint8_t *data, uint64_t end)
{
    struct tcp_half *h = c->mine;
    struct extent x = {off, end};
    deliver_trim(c->e, h, c->dir);
    enum reserve why = store_reserve(c->e, h, off, end);
    if (why != RESERVE_OK) {
        reasm_no_memory(c, why);
        return;
    }
    if (h->store->ext_n)
        write_by_policy(c, x, data);
    else {
        uint64_t room;
        memcpy(store_at(h->store, off, &room), data, end - off);
    }
    if (!store_extent_add(c->e, h->store, x)) {
        reasm_no_memory(c, RESERVE_REGIONS);
        return;
    }
    c->p->flags |= PKT_STREAM_ADD;
    if (off <= h->edge)
        edge_follow(h);
}

static void place(struct pass *c, uint32_t seq, const uint8_t *data, uint32_t n)
{
    struct tcp_half *h = c->mine;
    int64_t start = half_offset(h, seq), end = start + n;
    if (start < 0) {
        stream_event(c, STREAM_EV_REASSEMBLY_SEGMENT_BEFORE_BASE_SEQ);
        if (end <= 0)
            return;
        data += -start;
        start = 0;
    }
    if ((h->flags & HALF_FIN) && end > (int64_t)h->edge)
        end = (int64_t)h->edge; /* bytes behind the FIN reach nobody */
    if (h->depth && end > (int64_t)h->depth)
        end = (int64_t)h->depth > start ? (int64_t)h->depth : start;
    if (start < (int64_t)h->app) {
        int64_t to = end < (int64_t)h->app ? end : (int64_t)h->app;
        compare_delivered(c, (uint64_t)start, data, (uint64_t)to);
        c->p->flags |= PKT_STREAM_ADD;
        if (end <= (int64_t)h->app) {
            c->p->flags |= PKT_RETRANSMIT;
            return;
        }
        data += (int64_t)h->app - start;
        start = (int64_t)h->app;
    }
    if (start >= end)
        return;
    bool nothing_stored = !h->store || !h->store->ext_n;
    if (!on_ack(c) && !c->hold && nothing_stored && start == (int64_t)h->edge && h->app == h->edge)
        deliver_direct(c, data, (uint32_t)(end - start));
    else
        store_insert(c, (uint64_t)start, data, (uint64_t)end);
}

void reasm_data(struct pass *c, uint32_t seq, const uint8_t *data, uint32_t n)
{
    struct tcp_half *h = c->mine;
    if (half_is_off(c, h)) {
        track_only(c, h, seq, n);
        return;
    }
    if (!h->urg_total || !urgent_between(h, seq, seq + n)) {
        place(c, seq, data, n);
        return;
    }
    for (uint32_t i = 0; i < n;) { /* the pieces between the urgent bytes */
        uint32_t k = i;
        while (k < n && !urgent_at(h, seq + k))
            k++;
        if (k > i)
            place(c, seq + i, data + i, k - i);
        h = c->mine; /* the sink may have swapped the ends */
        i = k + (k < n);
    }
    if (urgent_at(h, h->edge_seq))
        edge_advance(h, h->edge);
}
