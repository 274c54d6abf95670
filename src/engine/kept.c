/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The ring (kept.h): entries one behind the other, each whole; where one does not fit before the end it begins
 * anew at the start.  Places are counted without end, so an entry is there as long as nothing was written a
 * ring's length behind its begin.  Entries of a bucket of flows are chained backwards.
 */
#include "engine/kept.h"

#include <stdlib.h>
#include <string.h>

enum { BUCKETS = 8192 };
#define NOTHING UINT64_MAX

struct entry {
    uint64_t before; /* place of the bucket's entry before this one, or NOTHING */
    uint64_t flow_id, number, ts_ns;
    uint32_t link, len, wire_len;
    uint8_t dir, said, pad[2];
};
struct kept {
    size_t size;
    uint64_t at; /* where the next begins */
    uint64_t last[BUCKETS];
    uint64_t found[KEPT_MOST];
    uint8_t ring[];
};

struct kept *kept_new(size_t bytes)
{
    struct kept *k = malloc(sizeof(*k) + bytes);
    if (!k)
        return NULL;
    k->size = bytes & ~(size_t)7;
    k->at = 0;
    for (unsigned i = 0; i < BUCKETS; i++)
        k->last[i] = NOTHING;
    return k;
}

void kept_free(struct kept *k)
{
    free(k);
}

static uint64_t *bucket(struct kept *k, uint64_t flow_id)
{
    return &k->last[(flow_id * 0x9e3779b97f4a7c15u) >> 51];
}

static bool there(const struct kept *k, uint64_t place)
{
    return place != NOTHING && place + k->size >= k->at;
}

static void entry_get(const struct kept *k, uint64_t place, struct entry *e)
{
    memcpy(e, k->ring + place % k->size, sizeof(*e));
}

void kept_put(struct kept *k, uint64_t flow_id, const struct packet *p, unsigned said)
{
    const struct frame *f = p->frame;
    bool whole = f && p->data == f->data;
    struct entry e = {.flow_id = flow_id,
                      .number = p->number,
                      .ts_ns = whole ? f->ts_ns : p->ts_ns,
                      .link = p->link,
                      .len = p->data_len,
                      .wire_len = whole ? f->wire_len : p->data_len,
                      .dir = p->dir,
                      .said = (uint8_t)said};
    size_t need = (sizeof(e) + p->data_len + 7) & ~(size_t)7;
    if (!p->data || need > k->size)
        return;
    if (k->at % k->size + need > k->size)
        k->at += k->size - k->at % k->size;
    uint64_t *last = bucket(k, flow_id);
    e.before = *last;
    *last = k->at;
    uint8_t *to = k->ring + k->at % k->size;
    memcpy(to, &e, sizeof(e));
    memcpy(to + sizeof(e), p->data, p->data_len);
    k->at += need;
}

void kept_each(struct kept *k, uint64_t flow_id, unsigned (*f)(void *ctx, const struct kept_packet *p), void *ctx)
{
    unsigned n = 0;
    struct entry e;
    for (uint64_t at = *bucket(k, flow_id); there(k, at) && n < KEPT_MOST; at = e.before) {
        entry_get(k, at, &e);
        if (e.flow_id == flow_id)
            k->found[n++] = at;
    }
    while (n--) {
        entry_get(k, k->found[n], &e);
        struct kept_packet p = {.number = e.number,
                                .ts_ns = e.ts_ns,
                                .link = e.link,
                                .len = e.len,
                                .wire_len = e.wire_len,
                                .dir = e.dir,
                                .said = e.said,
                                .data = k->ring + k->found[n] % k->size + sizeof(e)};
        e.said |= (uint8_t)f(ctx, &p);
        memcpy(k->ring + k->found[n] % k->size, &e, sizeof(e));
    }
}
