/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Firewall mode: what no rule accepts is dropped.
 *
 * Firewall rules stand in lists by the place where they are asked: before the flow, before the stream, the packet
 * filter, and for each protocol and direction its transactions.  A list is in the order of the rule files; the first
 * rule that holds decides, else the policy of the place.  Rules of a transaction are asked state by state: from the
 * one reached last (again, for more may have come) to the one reached now.  What a rule on buffers found once stands
 * for the transaction, without a second alert; a rule on nothing but its state is asked anew each time.
 *
 *     accept:hook    on to the next place          accept:packet  no further firewall rule for this packet
 *     accept:tx      ... for this transaction      accept:flow    ... for this flow
 *     drop:packet, drop:flow, reject:...           detection's rules are not asked any more
 *
 * A rule of "<state" is asked in all states up to that one, and as long as it may still hold, those before its state
 * go on.
 */
#include "detect/match.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { SCOPE_PACKET = 1, SCOPE_FLOW, SCOPE_HOOK, SCOPE_TX };

static const char *state_name(const struct app_proto_def *def, unsigned dir, unsigned state)
{
    for (const struct app_enum *s = def->states[dir]; s && s->name; s++)
        if (s->value == state)
            return s->name;
    return NULL;
}

void firewall_at_text(const struct firewall_at *at, char out[96])
{
    static const char *const table[FIREWALL_TABLES] = {"packet:pre_flow", "packet:pre_stream", "packet:filter"};
    const struct app_proto_def *def = at->table == FIREWALL_APP ? app_def(at->app) : NULL;
    const char *name = def ? state_name(def, at->dir & 1, at->state) : NULL;
    if (at->table < FIREWALL_TABLES)
        snprintf(out, 96, "%s", table[at->table]);
    else
        snprintf(out, 96, "%s:%s", def ? app_name(at->app) : "app", name ? name : "");
}

/* ------------------------------------------------------------------ lists */

struct by_order {
    uint32_t rule, order;
};

static int order_cmp(const void *x, const void *y)
{
    const struct by_order *a = x, *b = y;
    return a->order < b->order ? -1 : a->order > b->order;
}

static unsigned table_of(const struct img_rule *r)
{
    switch ((enum rule_hook)r->hook) {
    case HOOK_PRE_FLOW:
        return FIREWALL_PRE_FLOW;
    case HOOK_PRE_STREAM:
        return FIREWALL_PRE_STREAM;
    case HOOK_APP:
        return FIREWALL_APP;
    case HOOK_NONE:
    case HOOK_ALL:
    case HOOK_FLOW_START:
        break;
    }
    return FIREWALL_FILTER;
}

static bool of_app(const struct img_rule *r, unsigned app, unsigned dir)
{
    return table_of(r) == FIREWALL_APP && r->hook_dir == dir && (!r->hook_app || app_covers(r->hook_app, app));
}

/* Rules of all lists; a rule on http stands in those of each protocol that http covers. */
static uint32_t lists_fill(struct firewall_rules *w, const struct img_rule *rules, const struct by_order *o, uint32_t n, uint32_t *out)
{
    uint32_t at = 0;
    for (unsigned t = 0; t < FIREWALL_TABLES; t++) {
        w->packet[t].first = at;
        for (uint32_t k = 0; k < n; k++)
            if (table_of(&rules[o[k].rule]) == t) {
                if (out)
                    out[at] = o[k].rule;
                at++;
            }
        w->packet[t].n = at - w->packet[t].first;
    }
    for (unsigned app = 1; app < APP_COUNT; app++)
        for (unsigned dir = 0; app_def(app) && dir < 2; dir++) {
            w->app[app][dir].first = at;
            for (uint32_t k = 0; k < n; k++)
                if (of_app(&rules[o[k].rule], app, dir)) {
                    if (out)
                        out[at] = o[k].rule;
                    at++;
                }
            w->app[app][dir].n = at - w->app[app][dir].first;
        }
    return at;
}

int firewall_init(struct detect *d)
{
    struct firewall_rules *w = &d->firewall;
    uint32_t n = 0, most = image_n_rules(d->image);
    *w = (struct firewall_rules){.policy_rule = {-1, -1}};
    if (!d->config.firewall)
        return 0;
    struct by_order *o = calloc(most + 1, sizeof(*o));
    if (!o)
        return -ENOMEM;
    for (uint32_t k = 0; k < most; k++) {
        const struct img_rule *r = &d->rules[k];
        if (!(r->flags & RULE_FIREWALL))
            continue;
        if (r->gid == 1 && (r->sid == FIREWALL_SID_PACKET || r->sid == FIREWALL_SID_APP))
            w->policy_rule[r->sid == FIREWALL_SID_APP] = k;
        else
            o[n++] = (struct by_order){k, r->load_order};
    }
    if (n)
        qsort(o, n, sizeof(*o), order_cmp);
    w->rule = calloc(lists_fill(w, d->rules, o, n, NULL) + 1, sizeof(*w->rule));
    if (w->rule)
        (void)lists_fill(w, d->rules, o, n, w->rule);
    free(o);
    return w->rule ? 0 : -ENOMEM;
}

void firewall_done(struct detect *d)
{
    free(d->firewall.rule);
    d->firewall = (struct firewall_rules){.rule = NULL};
}

/* ------------------------------------------------------------------ what was decided */

static void say(struct detect *d, uint32_t rule, unsigned flags, struct app_tx *tx, const struct firewall_at *at)
{
    uint32_t n = d->matches.n;
    match_add(d, rule, flags | MATCH_FIREWALL, tx, at->table == FIREWALL_APP ? at->dir : d->p->dir);
    if (d->matches.n > n)
        d->matches.m[n].at = *at;
}

static void word_set(struct detect *d, struct firewall_policy does, int64_t rule, const struct firewall_at *at)
{
    d->matches.firewall = (struct firewall_word){.asked = true, .does = does, .rule = rule, .at = *at};
}

static struct firewall_policy rule_does(const struct detect *d, uint32_t rule)
{
    const struct img_rule *r = &d->rules[rule];
    uint8_t scope = r->scope ? r->scope : SCOPE_PACKET;
    return (struct firewall_policy){d->overlay->rule[rule].action, scope, r->secondary};
}

static void policy_apply(struct detect *d, const struct firewall_policy *p, struct app_tx *tx, const struct firewall_at *at)
{
    int64_t rule = d->firewall.policy_rule[at->table == FIREWALL_APP];
    word_set(d, *p, -1, at);
    if ((p->secondary & SECOND_ALERT) && rule >= 0)
        say(d, (uint32_t)rule, MATCH_ALERT | (tx ? MATCH_TX : 0u), tx, at);
}

/* ------------------------------------------------------------------ packets */

static bool packet_list(struct detect *d, const struct firewall_list *l, const struct firewall_at *at)
{
    for (uint32_t k = 0; k < l->n; k++) {
        uint32_t rule = d->firewall.rule[l->first + k];
        const struct img_rule *r = &d->rules[rule];
        bool in_stream = false;
        if (!gate_holds(d, rule) || !judge_packet_rule(d, rule, &in_stream) || !rule_is_on(d, r))
            continue;
        rule_post(d, r, NULL);
        say(d, rule, match_voice(r) | (in_stream ? MATCH_STREAM : 0u), NULL, at);
        word_set(d, rule_does(d, rule), rule, at);
        return true;
    }
    return false;
}

bool firewall_packet(struct detect *d, enum firewall_table t)
{
    static const struct firewall_policy accept = {ACTION_ACCEPT, SCOPE_HOOK, 0}, flow = {ACTION_ACCEPT, SCOPE_FLOW, 0},
                                        drop = {ACTION_DROP, SCOPE_PACKET, 0};
    const struct firewall_policy *p = &d->config.firewall->packet[t];
    const struct firewall_at at = {.table = (uint8_t)t, .dir = d->p->dir};
    if (d->p->flags & PKT_PSEUDO) {
        word_set(d, accept, -1, &at);
        return true;
    }
    if (d->p->flow && (d->p->flow->flags & FLOW_ACCEPT)) {
        word_set(d, flow, -1, &at);
        return true;
    }
    if (!packet_list(d, &d->firewall.packet[t], &at)) {
        if (!p->action)
            p = t == FIREWALL_FILTER ? &drop : &accept;
        policy_apply(d, p, NULL, &at);
    }
    return d->matches.firewall.does.action == ACTION_ACCEPT;
}

/* ------------------------------------------------------------------ transactions */

static enum found tx_ask(struct tx_work *w, uint32_t rule, bool *fresh)
{
    struct detect *d = w->d;
    const struct img_rule *r = &d->rules[rule];
    const struct tx_rule *s = tx_rule_find(w->tx->detect, rule, w->dir);
    bool in_stream = false;
    *fresh = false;
    if (s && s->over)
        return s->fired ? FOUND : NEVER;
    if (!gate_holds(d, rule) || !rule_header_ok(d, r, rule) || !rule_pre_ok(d, r, w->tx, w->dir))
        return NEVER;
    d->count.evaluated++;
    vars_rule(d);
    enum found f = r->n_blocks ? tx_rule_blocks(w, rule, w->dir, &in_stream) : FOUND;
    *fresh = f == FOUND;
    return f;
}

/* A rule of "<state" holds at the state that makes its buffers whole, not before, though all may have come at once. */
static bool buffers_of_state(const struct tx_work *w, const struct img_rule *r, unsigned state)
{
    for (unsigned k = 0; k < r->n_blocks; k++) {
        const struct img_block *b = &w->d->image->blocks[r->block_first + k];
        const struct app_buffer *row = b->buffer >= RULE_BUF_APP ? app_buffer_of(b->buffer - RULE_BUF_APP, w->af->proto_any) : NULL;
        if (row && row->at[w->dir] > state)
            return false;
    }
    return true;
}

/* One state of a transaction: the first rule that holds, else the policy. */
static void tx_state(struct tx_work *w, const struct firewall_at *at)
{
    static const struct firewall_policy accept = {ACTION_ACCEPT, SCOPE_HOOK, 0}, drop = {ACTION_DROP, SCOPE_FLOW, 0};
    struct detect *d = w->d;
    const struct firewall_list *l = &d->firewall.app[at->app][at->dir];
    const struct firewall_policy *p = &d->config.firewall->app[at->app][at->dir][at->state];
    bool may_come = false, fresh;
    for (uint32_t k = 0; k < l->n; k++) {
        uint32_t rule = d->firewall.rule[l->first + k];
        const struct img_rule *r = &d->rules[rule];
        bool before = r->hook_before && at->state < r->hook_progress;
        if (at->state != r->hook_progress && !before)
            continue;
        enum found f = before && !buffers_of_state(w, r, at->state) ? NOT_YET : tx_ask(w, rule, &fresh);
        if (f == NOT_YET)
            may_come |= before;
        if (f != FOUND)
            continue;
        if (fresh) {
            rule_post(d, r, w->tx);
            say(d, rule, MATCH_TX | match_voice(r), w->tx, at);
        }
        word_set(d, rule_does(d, rule), rule, at);
        return;
    }
    if (may_come)
        p = &accept;
    else if (!p->action)
        p = &drop;
    policy_apply(d, p, w->tx, at);
}

/* False: the packet's word is said. */
static bool tx_states(struct tx_work *w)
{
    struct app_tx *tx = w->tx;
    struct firewall_at at = {.table = FIREWALL_APP, .dir = (uint8_t)w->dir, .app = w->af->proto_any};
    const struct firewall_policy *does = &w->d->matches.firewall.does;
    for (unsigned s = tx->firewall_progress[w->dir]; s <= tx->progress[w->dir] && s < FIREWALL_STATES; s++) {
        if (!state_name(w->af->def, w->dir, s)) /* the protocol has no hook there */
            continue;
        at.state = tx->firewall_progress[w->dir] = (uint8_t)s;
        tx_state(w, &at);
        if (does->action != ACTION_ACCEPT || does->scope == SCOPE_FLOW || does->scope == SCOPE_PACKET)
            return false;
        if (does->scope == SCOPE_TX) {
            tx->flags |= TX_PASS;
            return true;
        }
    }
    tx->firewall_done[w->dir] = w->whole;
    return true;
}

void firewall_txs(struct detect *d, struct app_flow *af, unsigned dir)
{
    const struct firewall_policy *does = &d->matches.firewall.does;
    if ((d->p->flags & PKT_PSEUDO) || does->scope == SCOPE_FLOW || does->scope == SCOPE_PACKET || af->proto_any >= APP_COUNT)
        return;
    bool first = true; /* what came is of the first transaction that is not whole yet */
    for (struct app_tx *tx = af->first; tx; tx = tx->next) {
        struct tx_work w = {.d = d, .af = af, .tx = tx, .dir = dir};
        bool begun = tx->progress[dir] || (first && af->bytes[dir] != tx->begun_bytes[dir]);
        if (tx->progress[dir] < af->def->complete[dir])
            first = false;
        if ((tx->flags & (TX_PASS | (dir ? TX_SKIP_TO_CLIENT : TX_SKIP_TO_SERVER))) || tx->firewall_done[dir])
            continue;
        w.whole = tx->progress[dir] >= af->def->complete[dir] || (tx->flags & TX_DONE);
        bool more = tx->updated[dir] && af->bytes[dir] != tx->firewall_bytes[dir];
        if (!begun || (!more && !w.whole))
            continue;
        tx->firewall_bytes[dir] = af->bytes[dir];
        tx_renumber(d, tx);
        if (!tx_states(&w))
            return;
    }
}
