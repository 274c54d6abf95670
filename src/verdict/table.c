/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was answered lately (both directions one row), own packets, rate limits. All of fixed size. */
#include "verdict/respond.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int answered_init(struct responder *r)
{
    r->rows = r->config.table_rows ? r->config.table_rows : 4096;
    r->slots = 64;
    while (r->slots < r->rows)
        r->slots *= 2;
    r->row = calloc(r->rows, sizeof(*r->row));
    r->slot = calloc(r->slots, sizeof(*r->slot));
    return r->row && r->slot ? 0 : -ENOMEM;
}

void answered_done(struct responder *r)
{
    free(r->row);
    free(r->slot);
}

/* The same for both directions. */
static uint32_t ends_hash(const struct packet *p)
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
    return (uint32_t)hash_bytes(&k, sizeof(k), 7);
}

struct answered *answered_find(struct responder *r, const struct packet *p, bool *turned)
{
    for (uint32_t x = r->slot[ends_hash(p) & (r->slots - 1)]; x; x = r->row[x - 1].next) {
        struct answered *a = &r->row[x - 1];
        if (a->proto != p->proto || a->ver != p->ver)
            continue;
        for (unsigned t = 0; t < 2; t++)
            if (ip_eq(&a->addr[t], &p->src) && ip_eq(&a->addr[!t], &p->dst) && a->port[t] == p->sp &&
                a->port[!t] == p->dp) {
                *turned = t;
                return a;
            }
    }
    return NULL;
}

static void unlink_age(struct responder *r, struct answered *a)
{
    if (a->older)
        r->row[a->older - 1].newer = a->newer;
    else
        r->oldest = a->newer;
    if (a->newer)
        r->row[a->newer - 1].older = a->older;
    else
        r->newest = a->older;
}

static void unlink_slot(struct responder *r, struct answered *a)
{
    uint32_t self = (uint32_t)(a - r->row) + 1, *x = &r->slot[a->hash & (r->slots - 1)];
    while (*x && *x != self)
        x = &r->row[*x - 1].next;
    if (*x)
        *x = a->next;
}

struct answered *answered_make(struct responder *r, const struct packet *p)
{
    uint32_t at;
    if (r->used < r->rows) {
        at = ++r->used;
    } else {
        at = r->oldest;
        unlink_age(r, &r->row[at - 1]);
        unlink_slot(r, &r->row[at - 1]);
    }
    struct answered *a = &r->row[at - 1];
    uint32_t h = ends_hash(p), *slot = &r->slot[h & (r->slots - 1)];
    *a = (struct answered){.addr = {p->src, p->dst},
                           .port = {p->sp, p->dp},
                           .proto = p->proto,
                           .ver = p->ver,
                           .used = true,
                           .next = *slot,
                           .older = r->newest,
                           .hash = h,
                           .sent_ns = p->ts_ns};
    *slot = at;
    if (r->newest)
        r->row[r->newest - 1].newer = at;
    else
        r->oldest = at;
    r->newest = at;
    return a;
}

/* ------------------------------------------------------------------ own packets */

uint64_t own_hash(const struct ip_addr *src, const struct ip_addr *dst, uint16_t sp, uint16_t dp, uint32_t seq)
{
    struct {
        struct ip_addr s, d;
        uint16_t sp, dp;
        uint32_t seq;
    } k = {*src, *dst, sp, dp, seq};
    return hash_bytes(&k, sizeof(k), 11) | 1;
}

void own_put(struct responder *r, uint64_t hash) { r->own[r->own_at++ % OWN_RING] = hash; }

bool own_has(const struct responder *r, uint64_t hash)
{
    for (unsigned k = 0; k < OWN_RING; k++)
        if (r->own[k] == hash)
            return true;
    return false;
}

/* ------------------------------------------------------------------ rates */

static bool take(struct bucket *b, uint32_t per_s, uint64_t now_ns)
{
    uint64_t second = now_ns / 1000000000u;
    if (b->second != second) {
        b->second = second;
        b->tokens = per_s;
    }
    if (!b->tokens)
        return false;
    b->tokens--;
    return true;
}

/* Forged sources must not make us a weapon: a limit in total, and one for each address that we send to. */
bool rate_ok(struct responder *r, uint8_t ver, const struct ip_addr *target)
{
    struct bucket *b = &r->target[hash_bytes(target->b, sizeof(target->b), 13) % TARGETS];
    if (!ip_eq(&b->addr, target) || b->ver != ver) {
        /* Another address lives here: it may go once its second is over; until then both share. */
        if (b->second != r->now_ns / 1000000000u)
            *b = (struct bucket){.addr = *target, .ver = ver};
    }
    if (r->config.rate_per_target_s && !take(b, r->config.rate_per_target_s, r->now_ns))
        return false;
    return !r->config.rate_per_s || take(&r->total, r->config.rate_per_s, r->now_ns);
}

/* ------------------------------------------------------------------ by rule */

struct response_counters *rule_count(struct responder *r, uint32_t rule)
{
    uint32_t h = (uint32_t)hash_mix(rule + 1u) % RULE_ROWS;
    for (unsigned k = 0; k < RULE_ROWS; k++) {
        struct rule_row *x = &r->rule[(h + k) % RULE_ROWS];
        if (!x->used) {
            x->used = true;
            x->rule = rule;
        }
        if (x->rule == rule)
            return &x->count;
    }
    return &r->rule[h].count; /* more rules answer than there are rows: they share one */
}

bool responder_rule_counters(const struct responder *r, uint32_t rule, struct response_counters *out)
{
    for (unsigned k = 0; k < RULE_ROWS; k++)
        if (r->rule[k].used && r->rule[k].rule == rule) {
            *out = r->rule[k].count;
            return true;
        }
    return false;
}
