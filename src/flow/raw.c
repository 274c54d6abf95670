/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Views of the stream for rules on its raw bytes, and what other modules may ask or set.
 *
 * raw <= app: everything delivered is to be seen, once, together with what was kept before it.  A
 * view never reaches across a gap: the caller asks again until there is none.
 */
#include "flow/session.h"

#include <stdio.h>
#include <string.h>

bool stream_raw(struct stream_engine *e, struct flow *f, const struct packet *p, unsigned dir,
                struct stream_view *out)
{
    (void)p;
    if (!f->tcp || !e->cfg.raw)
        return false;
    struct tcp_half *h = &f->tcp->half[dir];
    struct store *st = h->store;
    if (!st || (h->flags & HALF_RAW_OFF) || h->raw >= h->app)
        return false;
    uint64_t keep = e->cfg.raw_keep_bytes ? e->cfg.raw_keep_bytes : e->cfg.chunk_bytes[dir];
    bool chunked = e->cfg.inspect == INSPECT_ON_ACK && !(f->tcp->flags & SSN_ASYNC);
    uint32_t i = store_run_after(st, h->raw);
    if (i >= st->runs)
        return false;
    const struct extent *r = &store_runs(st)[i];
    uint64_t fresh = u64_max(h->raw, r->s);
    bool ready = !chunked || r->e - fresh >= e->cfg.chunk_bytes[dir] || i + 1 < st->runs ||
                 r->e < h->app || (h->flags & (HALF_RAW_TRIGGER | HALF_RAW_END));
    if (!ready)
        return false;
    uint64_t start = fresh - u64_min(keep, fresh - r->s), room;
    out->data = store_at(st, start, &room);
    if (!out->data || room < r->e - start)
        return false;
    out->n = (uint32_t)(r->e - start);
    out->fresh = (uint32_t)(fresh - start);
    out->offset = start;
    out->eof = (h->flags & HALF_RAW_END) && r->e == h->app;
    h->view_end = r->e;
    return true;
}

void stream_raw_done(struct stream_engine *e, struct flow *f, unsigned dir)
{
    if (!f->tcp)
        return;
    struct tcp_half *h = &f->tcp->half[dir];
    if (h->view_end > h->raw)
        h->raw = h->view_end;
    if (h->raw == h->app)
        h->flags &= ~(uint32_t)HALF_RAW_TRIGGER;
    if ((h->flags & HALF_DEPTH) && h->raw == h->app && h->store) {
        store_give(e, h->store);
        h->store = NULL;
    }
}

static void half_flag_set(struct flow *f, unsigned dir, uint32_t flag)
{
    if (f->tcp)
        f->tcp->half[dir].flags |= flag;
}

bool stream_raw_waits(const struct stream_engine *e, const struct flow *f, unsigned dir)
{
    const struct tcp_half *h = f->tcp ? &f->tcp->half[dir] : NULL;
    return e->cfg.raw && h && h->store && !(h->flags & HALF_RAW_OFF) && h->raw < h->app &&
           store_run_after(h->store, h->raw) < h->store->runs;
}

void stream_raw_trigger(struct flow *f, unsigned dir)
{
    half_flag_set(f, dir, HALF_RAW_TRIGGER);
}

void stream_raw_disable(struct flow *f, unsigned dir)
{
    half_flag_set(f, dir, HALF_RAW_OFF);
}

void stream_app_disable(struct flow *f, unsigned dir)
{
    half_flag_set(f, dir, HALF_APP_OFF);
}

void stream_set_depth(struct flow *f, uint32_t depth_bytes)
{
    for (unsigned d = 0; f->tcp && d < 2; d++) {
        struct tcp_half *h = &f->tcp->half[d];
        if (!depth_bytes || (h->depth && depth_bytes > h->depth))
            h->depth = depth_bytes;
    }
}

static uint32_t copy_gap(uint64_t missing, uint8_t *out, uint32_t room)
{
    char text[48];
    int n = snprintf(text, sizeof(text), "[%llu bytes missing]", (unsigned long long)missing);
    if (n < 0 || (uint32_t)n > room)
        return 0;
    memcpy(out, text, (size_t)n);
    return (uint32_t)n;
}

uint32_t stream_copy(const struct flow *f, unsigned dir, uint64_t offset, uint8_t *out,
                     uint32_t room)
{
    struct store *st = f->tcp ? f->tcp->half[dir].store : NULL;
    uint32_t n = 0;
    uint64_t at = offset;
    for (uint32_t i = 0; st && i < st->runs && n < room; i++) {
        const struct extent *r = &store_runs(st)[i];
        if (r->e <= at)
            continue;
        if (at < r->s) {
            /* what was trimmed is not missing, it is just not kept any more */
            if (i || (r->s && f->tcp->half[dir].first_gap == r->s))
                n += copy_gap(r->s - at, out + n, room - n);
            at = r->s;
        }
        uint64_t have;
        const uint8_t *from = store_at(st, at, &have);
        uint32_t take = (uint32_t)u64_min(u64_min(have, r->e - at), room - n);
        if (!from)
            break;
        memcpy(out + n, from, take);
        n += take;
        at += take;
    }
    return n;
}

bool tcp_side_get(const struct flow *f, unsigned dir, struct tcp_side *out)
{
    if (!f->tcp)
        return false;
    const struct tcp_half *h = &f->tcp->half[dir], *o = &f->tcp->half[!dir];
    if (!(h->flags & HALF_BASE) && !(o->flags & HALF_BASE))
        return false;
    memset(out, 0, sizeof(*out));
    out->isn = h->isn;
    out->next_seq = h->next_seq;
    out->last_ack = h->last_ack;
    out->window = h->window;
    /* All that is contiguous on its way to this side is as good as received: it is ahead of the
     * ACKs. */
    uint32_t got = o->edge_seq + !!(o->flags & HALF_FIN);
    out->rcv_nxt = seq_gt(o->last_ack, got) ? o->last_ack : got;
    out->wscale = h->wscale;
    out->flags_seen = h->flags_seen;
    int32_t ahead = (int32_t)(h->next_seq - h->edge_seq);
    if (h->flags & (HALF_FIN | HALF_FIN_SEEN) && ahead > 0)
        ahead--;
    out->seen_bytes = h->edge + (ahead > 0 ? (uint32_t)ahead : 0);
    out->max_regions = h->max_regions;
    out->mss = h->mss;
    out->ts_val = h->ts_val;
    out->overlaps = h->overlaps;
    out->has_ts = h->flags & HALF_TS;
    out->gap = f->acked_unseen[dir] != 0;
    out->known = h->flags & HALF_BASE;
    out->urgent_oob = h->urg_total;
    return true;
}

/* Urgent bytes that were taken out shift what lies before the edge by one each: near enough for counting. */
bool stream_number_at(const struct flow *f, unsigned dir, uint64_t offset, uint32_t *seq)
{
    const struct tcp_half *h = f->tcp ? &f->tcp->half[dir] : NULL;
    if (!h || !(h->flags & HALF_BASE))
        return false;
    *seq = h->edge_seq + (uint32_t)(offset - h->edge);
    return true;
}

bool tcp_is_midstream(const struct flow *f)
{
    return f->tcp && (f->tcp->flags & SSN_MIDSTREAM);
}

enum tcp_state tcp_flow_state(const struct flow *f)
{
    return f->tcp ? (enum tcp_state)f->tcp->state : TCP_NONE;
}
