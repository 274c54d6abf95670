/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rate limits.  Forged sources must not make us a weapon: what anyone can forge (datagrams, SYNs)
 * is answered within a limit by address and half of the total; the other half stays for connections
 * of which both sides were seen, so that a flood of forgeries can't buy an attack its way.
 *
 * The limits hold for any second, not for calendar seconds: sums over eleven slots of 100 ms, the
 * one of now included.  A limiter that refuses costs nothing but the question.
 */
#include "verdict/respond.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A worker's part: together they make the whole. */
static uint32_t part(const struct responder *r, uint32_t whole)
{
    unsigned n = r->config.n_workers ? r->config.n_workers : 1, k = r->config.worker % n;
    return whole / n + (k < whole % n);
}

void limits_set(struct responder *r)
{
    r->total_per_s = part(r, r->config.rate_per_s);
    r->target_per_s = part(r, r->config.rate_per_target_s);
}

int limits_init(struct responder *r)
{
    limits_set(r);
    r->target = calloc(TARGETS, sizeof(*r->target));
    return r->target ? 0 : -ENOMEM;
}

void limits_done(struct responder *r)
{
    free(r->target);
}

static void limit_turn(struct limit *l, uint64_t now_ns)
{
    uint64_t slot = now_ns / LIMIT_SLOT_NS;
    if (slot <= l->slot) /* packet times may step back a little: they count where we are */
        return;
    if (slot - l->slot >= LIMIT_SLOTS) {
        memset(l->n, 0, sizeof(l->n));
        l->sum = 0;
    } else {
        for (uint64_t s = l->slot + 1; s <= slot; s++) {
            l->sum -= l->n[s % LIMIT_SLOTS];
            l->n[s % LIMIT_SLOTS] = 0;
        }
    }
    l->slot = slot;
}

static void limit_add(struct limit *l)
{
    l->n[l->slot % LIMIT_SLOTS]++;
    l->sum++;
}

/* Addresses whose hashes meet share a place: that makes the limit stricter, never looser. */
static struct limit *target_limit(struct responder *r, uint8_t ver, const struct ip_addr *a)
{
    struct limit *l = &r->target[hash_bytes(a->b, sizeof(a->b), r->seed + ver) % TARGETS];
    limit_turn(l, r->now_ns);
    return l;
}

bool limit_open(struct responder *r, uint8_t ver, const struct ip_addr *target, bool proven)
{
    if (r->config.rate_per_s) {
        uint32_t most = proven ? r->total_per_s : r->total_per_s - r->total_per_s / 2;
        limit_turn(&r->total, r->now_ns);
        if (r->total.sum >= most)
            return false;
    }
    return proven || !r->config.rate_per_target_s ||
           target_limit(r, ver, target)->sum < r->target_per_s;
}

bool limit_take(struct responder *r, uint8_t ver, const struct ip_addr *target, bool proven)
{
    if (!limit_open(r, ver, target, proven))
        return false;
    if (r->config.rate_per_s)
        limit_add(&r->total);
    if (!proven && r->config.rate_per_target_s)
        limit_add(target_limit(r, ver, target));
    return true;
}
