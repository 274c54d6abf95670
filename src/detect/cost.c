/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What rules cost: checks, matches and cycles of each, of one packet in so many (rule_sample); and the budget.
 *
 * A rule's work is counted in steps (places tried, bytes looked at), not in time, so that a replay does the same each
 * time, with any number of workers.  Time goes in epochs of a second of packet time.  At the turn of an epoch each
 * worker looks which rules took more than the budget in the one that is over, and suspends them for a while.  In
 * replay the workers' steps are added up in the overlay, which they share: four sums in turn, so that nobody adds to
 * one that another still reads; the caller sees to it that all have come to the turn (detect_clock).  In a sensor each
 * worker goes by its own.
 *
 * A rule that drops, answers or passes is told and goes on: what it keeps out stays out.
 */
#include "detect/match.h"

#include "base/clock.h"

#include <errno.h>

void sums_free(struct rule_sums *s)
{
    for (unsigned k = 0; s && k < ARRAY_LEN(s->steps); k++)
        free(s->steps[k]);
    free(s);
}

static struct rule_sums *sums_new(uint32_t rules)
{
    struct rule_sums *s = calloc(1, sizeof(*s));
    bool ok = s;
    for (unsigned k = 0; s && k < ARRAY_LEN(s->steps); k++)
        ok &= (s->steps[k] = calloc(rules + 1, sizeof(*s->steps[k]))) != NULL;
    if (ok)
        return s;
    sums_free(s);
    return NULL;
}

/* The overlay's: whichever worker comes first makes them. */
static struct rule_sums *sums_shared(struct overlay *o)
{
    struct rule_sums *have = atomic_load_explicit(&o->sums, memory_order_acquire);
    if (have)
        return have;
    struct rule_sums *mine = sums_new(image_n_rules(o->image));
    if (mine && atomic_compare_exchange_strong(&o->sums, &have, mine))
        return mine;
    sums_free(mine);
    return have;
}

int cost_init(struct detect *d)
{
    uint32_t n = image_n_rules(d->image);
    if (d->config.rule_sample && !(d->cost = calloc(n + 1, sizeof(*d->cost))))
        return -ENOMEM;
    if (!d->config.rule_budget)
        return 0;
    d->until = calloc(n + 1, sizeof(*d->until));
    d->own_sums = d->config.sums_shared ? NULL : sums_new(n);
    d->sums = d->own_sums ? d->own_sums : sums_shared(d->overlay);
    d->turn = 0;
    return d->until && d->sums ? 0 : -ENOMEM;
}

void cost_done(struct detect *d)
{
    free(d->cost);
    free(d->until);
    sums_free(d->own_sums);
    d->cost = NULL;
    d->until = NULL;
    d->own_sums = d->sums = NULL;
}

/* Another overlay of the same image: what is suspended stays so, the sums begin anew. */
int cost_overlay(struct detect *d, struct overlay *o)
{
    if (!d->config.rule_budget || d->own_sums)
        return 0;
    struct rule_sums *s = sums_shared(o);
    if (!s)
        return -ENOMEM;
    d->sums = s;
    d->turn = 0;
    return 0;
}

static bool must_go_on(const struct overlay_rule *r)
{
    switch ((enum rule_action)r->action) {
    case ACTION_ALERT:
    case ACTION_LOG:
    case ACTION_ACTIVATE:
    case ACTION_DYNAMIC:
    case ACTION_FILE_ID:
        return r->response != 0;
    case ACTION_PASS:
    case ACTION_DROP:
    case ACTION_SDROP:
    case ACTION_BLOCK:
    case ACTION_REJECT:
    case ACTION_REJECTSRC:
    case ACTION_REJECTDST:
    case ACTION_REJECTBOTH:
    case ACTION_RESET:
    case ACTION_REACT:
    case ACTION_REPLACE:
    case ACTION_BLACKLIST:
    case ACTION_ACCEPT:
    case ACTION_CONFIG:
    case ACTION_COUNT:
        break;
    }
    return true;
}

static bool is_suspended(const struct detect *d, uint32_t rule)
{
    return d->until && d->until[rule] > d->epoch && !must_go_on(&d->overlay->rule[rule]);
}

bool cost_begin(struct detect *d, uint32_t rule)
{
    if (is_suspended(d, rule)) {
        d->count.suspended_checks++;
        return false;
    }
    d->steps = 1;
    d->cost_matched = d->count.matched;
    if (d->sampling)
        d->cost_from = clock_cycles();
    return true;
}

void cost_end(struct detect *d, uint32_t rule)
{
    if (d->sampling) {
        struct rule_cost *c = &d->cost[rule];
        c->cycles += clock_cycles() - d->cost_from;
        c->checks++;
        c->matches += d->count.matched - d->cost_matched;
        c->steps += d->steps;
    }
    if (d->sums) {
        uint32_t steps = d->steps < UINT32_MAX / 4 ? (uint32_t)d->steps : UINT32_MAX / 4;
        atomic_fetch_add_explicit(&d->sums->steps[d->turn % SUMS][rule], steps, memory_order_relaxed);
    }
}

/* ------------------------------------------------------------------ the budget */

static void turn_over(struct detect *d, uint32_t epoch, detect_over_fn *f, void *ctx)
{
    uint32_t n = image_n_rules(d->image), before = d->epoch;
    const _Atomic uint32_t *sum = d->sums->steps[d->turn % SUMS];
    for (uint32_t k = 0; k < n; k++) {
        uint32_t steps = atomic_load_explicit(&sum[k], memory_order_relaxed);
        if (steps <= d->config.rule_budget || d->until[k] > before)
            continue;
        struct rule_over x = {.rule = k, .steps = steps, .goes_on = must_go_on(&d->overlay->rule[k])};
        d->until[k] = epoch + d->config.rule_suspend_s; /* of one that goes on: not told again before */
        if (!x.goes_on)
            d->count.suspended_rules += d->config.worker == 0 || !d->config.sums_shared;
        if (f)
            f(ctx, &x);
    }
}

bool detect_clock_due(const struct detect *d, uint64_t now_ns)
{
    return d->sums && now_ns / NS_PER_SEC != d->epoch;
}

void detect_clock(struct detect *d, uint64_t now_ns, detect_over_fn *f, void *ctx)
{
    uint32_t epoch = (uint32_t)(now_ns / NS_PER_SEC);
    if (!detect_clock_due(d, now_ns))
        return;
    turn_over(d, epoch, f, ctx);
    d->epoch = epoch;
    d->turn++;
    /* Read by all, and by nobody added to before the turn after this one. */
    _Atomic uint32_t *next = d->sums->steps[(d->turn + 1) % SUMS];
    for (uint32_t k = 0, n = image_n_rules(d->image); k < n && (d->config.worker == 0 || d->own_sums); k++)
        atomic_store_explicit(&next[k], 0, memory_order_relaxed);
}

bool detect_costs(const struct detect *d, uint32_t *at, uint32_t places, void (*f)(void *ctx, const struct rule_cost *c), void *ctx)
{
    uint32_t n = image_n_rules(d->image), to = n - *at < places ? n : *at + places;
    for (; d->cost && *at < to; (*at)++) {
        struct rule_cost c = d->cost[*at];
        if (!c.checks)
            continue;
        c.gid = d->rules[*at].gid;
        c.sid = d->rules[*at].sid;
        c.suspended = is_suspended(d, *at);
        f(ctx, &c);
    }
    return d->cost && *at < n;
}
