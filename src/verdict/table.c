/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was answered lately: rows of fixed number, both directions of a connection one row. */
#include "verdict/respond.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum { ROWS_DEFAULT = 4096, ROWS_LEAST = 16 };

int answered_init(struct responder *r)
{
    r->rows = r->config.table_rows ? r->config.table_rows : ROWS_DEFAULT;
    if (r->config.table_bytes && r->config.table_bytes / sizeof(*r->row) < r->rows)
        r->rows = (uint32_t)(r->config.table_bytes / sizeof(*r->row));
    if (r->rows < ROWS_LEAST)
        r->rows = ROWS_LEAST;
    r->slots = 64;
    while (r->slots < r->rows)
        r->slots *= 2;
    r->row = calloc(r->rows, sizeof(*r->row));
    r->slot = calloc(r->slots, sizeof(*r->slot));
    return r->row && r->slot ? 0 : -ENOMEM;
}

void answered_done(struct responder *r)
{
    for (uint32_t k = 0; r->row && k < r->used; k++)
        if (r->row[k].flow)
            r->row[k].flow->user[1] = NULL;
    free(r->row);
    free(r->slot);
}

/* The same for both directions. */
static uint32_t ends_hash(const struct responder *r, const struct packet *p)
{
    struct {
        struct ip_addr a, b;
        uint16_t x, y;
        uint8_t proto, ver, pad[2];
    } k;
    memset(&k, 0, sizeof(k));
    int d = ip_cmp(&p->src, &p->dst);
    bool turn = d > 0 || (!d && p->sp > p->dp);
    k.a = turn ? p->dst : p->src;
    k.b = turn ? p->src : p->dst;
    k.x = turn ? p->dp : p->sp;
    k.y = turn ? p->sp : p->dp;
    k.proto = p->proto;
    k.ver = p->ver;
    return (uint32_t)hash_bytes(&k, sizeof(k), r->seed);
}

static bool is_end(const struct end *e, const struct ip_addr *a, uint16_t port)
{
    return e->port == port && ip_eq(&e->addr, a);
}

/* Side of p's sender in a, or 2. */
static unsigned side_of(const struct answered *a, const struct packet *p)
{
    if (a->proto != p->proto || a->ver != p->ver)
        return 2;
    for (unsigned s = 0; s < 2; s++)
        if (is_end(&a->end[s], &p->src, p->sp) && is_end(&a->end[!s], &p->dst, p->dp))
            return s;
    return 2;
}

struct answered *answered_find(struct responder *r, const struct packet *p, unsigned *side)
{
    if (p->flow && p->flow->user[1]) { /* no hash, no search */
        struct answered *a = p->flow->user[1];
        *side = side_of(a, p);
        if (*side < 2)
            return a;
    }
    for (uint32_t x = r->slot[ends_hash(r, p) & (r->slots - 1)]; x; x = r->row[x - 1].next) {
        struct answered *a = &r->row[x - 1];
        *side = side_of(a, p);
        if (*side < 2)
            return a;
    }
    return NULL;
}

static void list_remove(struct responder *r, struct answered *a)
{
    if (r->watch == (uint32_t)(a - r->row) + 1)
        r->watch = a->newer;
    if (a->older)
        r->row[a->older - 1].newer = a->newer;
    else
        r->oldest = a->newer;
    if (a->newer)
        r->row[a->newer - 1].older = a->older;
    else
        r->newest = a->older;
    a->older = a->newer = 0;
}

static void list_append(struct responder *r, struct answered *a)
{
    uint32_t self = (uint32_t)(a - r->row) + 1;
    a->older = r->newest;
    a->newer = 0;
    if (r->newest)
        r->row[r->newest - 1].newer = self;
    else
        r->oldest = self;
    r->newest = self;
    if (!r->watch)
        r->watch = self;
}

static void chain_remove(struct responder *r, const struct answered *a)
{
    uint32_t self = (uint32_t)(a - r->row) + 1, *x = &r->slot[a->hash & (r->slots - 1)];
    while (*x && *x != self)
        x = &r->row[*x - 1].next;
    if (*x)
        *x = a->next;
}

/* The oldest, but a connection only where there is nothing among the oldest that anyone can forge. */
static struct answered *oldest(const struct responder *r)
{
    enum { LOOKED_AT = 64 };
    uint32_t x = r->oldest;
    for (unsigned k = 0; x && k < LOOKED_AT; k++, x = r->row[x - 1].newer)
        if (r->row[x - 1].proto != IPPROTO_TCP || !r->row[x - 1].flow)
            return &r->row[x - 1];
    return &r->row[r->oldest - 1];
}

static struct answered *recycle(struct responder *r)
{
    struct answered *a = oldest(r);
    if (!a->over)
        watch_finish(r, a, EFFECT_UNKNOWN);
    if (a->asked_ns + r->config.table_ns > r->now_ns)
        r->count.recycled++;
    if (a->flow)
        a->flow->user[1] = NULL;
    list_remove(r, a);
    chain_remove(r, a);
    return a;
}

struct answered *answered_make(struct responder *r, const struct packet *p, bool turned)
{
    struct answered *a = r->used < r->rows ? &r->row[r->used++] : recycle(r);
    uint32_t h = ends_hash(r, p), *slot = &r->slot[h & (r->slots - 1)];
    memset(a, 0, sizeof(*a));
    a->end[turned] = (struct end){.addr = p->src, .port = p->sp};
    a->end[!turned] = (struct end){.addr = p->dst, .port = p->dp};
    a->proto = p->proto;
    a->ver = p->ver;
    a->used = true;
    a->hash = h;
    a->next = *slot;
    *slot = (uint32_t)(a - r->row) + 1;
    list_append(r, a);
    return a;
}

void answered_again(struct responder *r, struct answered *a)
{
    list_remove(r, a);
    list_append(r, a);
}
