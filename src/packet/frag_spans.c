/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which copy of overlapping bytes wins (doc/fragments.md has the table).
 *
 * A new fragment meets the older pieces one by one.  To each it stands in one of three ways: the
 * piece starts before it ("left"), it ends inside the piece ("right"), or it reaches the piece's
 * end or beyond ("cover").  The policy says for each way who keeps the bytes that both claim.
 */
#include "packet/frag.h"

#include <string.h>

enum side { OLD, NEW, NEW_IF_BEFORE, NEW_IF_BEYOND, OLD_IF_BEYOND };

static const struct rule {
    uint8_t left, right, cover;
} rules[] = {
    [FRAG_FIRST] = {OLD, OLD, OLD},
    [FRAG_LAST] = {NEW, NEW, NEW},
    [FRAG_LINUX] = {OLD, NEW, NEW},
    [FRAG_BSD] = {OLD, NEW_IF_BEFORE, NEW_IF_BEFORE},
    [FRAG_BSD_RIGHT] = {OLD_IF_BEYOND, OLD, NEW},
    [FRAG_WINDOWS] = {OLD, OLD, NEW_IF_BEYOND},
    [FRAG_SOLARIS] = {OLD, OLD, NEW_IF_BEFORE},
};

static bool new_wins(unsigned policy, uint32_t s, uint32_t e, const struct frag_span *o)
{
    const struct rule *r = &rules[policy];
    unsigned side = o->start < s ? r->left : e < o->end ? r->right : r->cover;
    switch (side) {
    case NEW:
        return true;
    case NEW_IF_BEFORE:
        return s < o->start;
    case NEW_IF_BEYOND:
        return s < o->start && e > o->end;
    case OLD_IF_BEYOND:
        return o->end < e;
    default:
        return false;
    }
}

/* Calls for each chunk that [s, e) touches: where in it, how much. */
static void bytes_copy(const struct frag_table *t, const struct frag_tracker *k, uint32_t s,
                       uint32_t e, const uint8_t *data)
{
    while (s < e) {
        uint32_t in = s % FRAG_CHUNK, n = u32_min(e - s, FRAG_CHUNK - in);
        memcpy(frag_chunk_at(t, k->chunk[s / FRAG_CHUNK]) + in, data, n);
        data += n;
        s += n;
    }
}

static bool bytes_same(const struct frag_table *t, const struct frag_tracker *k, uint32_t s,
                       uint32_t e, const uint8_t *data)
{
    while (s < e) {
        uint32_t in = s % FRAG_CHUNK, n = u32_min(e - s, FRAG_CHUNK - in);
        if (memcmp(frag_chunk_at(t, k->chunk[s / FRAG_CHUNK]) + in, data, n) != 0)
            return false;
        data += n;
        s += n;
    }
    return true;
}

struct frag_fit frag_spans_look(const struct frag_table *t, const struct frag_tracker *k,
                                uint32_t s, uint32_t e, const uint8_t *data)
{
    struct frag_fit fit = {0};
    if (!k->last || frag_span_at(t, k->last)->end <= s)
        return fit;
    for (uint32_t i = k->first; i; i = frag_span_at(t, i)->next) {
        const struct frag_span *o = frag_span_at(t, i);
        if (o->start >= e)
            break;
        if (o->end <= s)
            continue;
        fit.exact = !fit.overlap && o->start == s && o->end == e && bytes_same(t, k, s, e, data);
        fit.overlap = true;
    }
    return fit;
}

struct put {
    struct frag_table *t;
    struct frag_tracker *k;
    uint32_t s, e; /* the fragment */
    const uint8_t *data;
    uint32_t before; /* the span that new ones go behind; 0: first */
    uint32_t at;     /* bytes before this are decided */
    struct frag_fit fit;
};

static void span_link(struct put *u, uint32_t i)
{
    struct frag_span *o = frag_span_at(u->t, i);
    uint32_t *link = u->before ? &frag_span_at(u->t, u->before)->next : &u->k->first;
    o->next = *link;
    *link = i;
    if (!o->next)
        u->k->last = i;
    u->before = i;
    u->k->spans++;
}

/* [at, to) is the new fragment's. */
static void span_own(struct put *u, uint32_t to)
{
    if (u->at >= to)
        return;
    uint32_t i = frag_span_get(u->t);
    if (!i)
        return; /* can't be: the caller has looked */
    struct frag_span *o = frag_span_at(u->t, i);
    o->start = (uint16_t)u->at;
    o->end = (uint16_t)to;
    span_link(u, i);
    bytes_copy(u->t, u->k, u->at, to, u->data + (u->at - u->s));
    u->k->held += to - u->at;
    if (u->at == 0)
        u->fit.took_zero = true;
    u->at = to;
}

/* The old piece behind u->before loses what it shares with the new fragment. */
static void span_yield(struct put *u, uint32_t i)
{
    struct frag_span *o = frag_span_at(u->t, i);
    uint32_t from = u32_max(o->start, u->s), to = u32_min(o->end, u->e);
    uint32_t tail_end = o->end;
    u->k->held -= to - from;
    if (o->start < u->s) { /* its head stays */
        o->end = (uint16_t)u->s;
        u->before = i;
        if (tail_end > u->e) { /* and its tail, as a piece of its own */
            uint32_t j = frag_span_get(u->t);
            if (!j)
                return;
            struct frag_span *tail = frag_span_at(u->t, j);
            tail->start = (uint16_t)u->e;
            tail->end = (uint16_t)tail_end;
            span_link(u, j);
            u->before = i;
        }
        return;
    }
    if (tail_end > u->e) {
        o->start = (uint16_t)u->e;
        return;
    }
    *(u->before ? &frag_span_at(u->t, u->before)->next : &u->k->first) = o->next;
    if (u->k->last == i)
        u->k->last = u->before;
    frag_span_put(u->t, i);
    u->k->spans--;
}

struct frag_fit frag_spans_put(struct frag_table *t, struct frag_tracker *k, uint32_t s, uint32_t e,
                               const uint8_t *data)
{
    struct put u = {.t = t, .k = k, .s = s, .e = e, .data = data, .at = s};
    uint32_t i = k->first;
    if (k->last && frag_span_at(t, k->last)->end <= s) { /* in order: nothing to look at */
        u.before = k->last;
        i = 0;
    }
    while (i) {
        struct frag_span *o = frag_span_at(t, i);
        uint32_t next = o->next;
        if (o->start >= e)
            break;
        if (o->end <= s) {
            u.before = i;
        } else if (new_wins(k->policy, s, e, o)) {
            u.fit.overlap = true;
            span_yield(&u, i);
        } else {
            u.fit.overlap = true;
            span_own(&u, o->start);
            u.at = u32_max(u.at, o->end);
            u.before = i;
        }
        i = next;
    }
    span_own(&u, e);
    return u.fit;
}
