/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Counters of responses by rule. */
#include "verdict/respond.h"

#include <string.h>

struct response_counters *rule_count(struct responder *r, uint32_t rule)
{
    if (rule == UINT32_MAX)
        return &r->rule_rest;
    uint32_t h = (uint32_t)hash_mix(rule + 1ull) % RULE_ROWS;
    for (unsigned k = 0; k < RULE_ROWS; k++) {
        struct rule_row *x = &r->rule[(h + k) % RULE_ROWS];
        if (!x->used) {
            x->used = true;
            x->rule = rule;
        }
        if (x->rule == rule)
            return &x->count;
    }
    return &r->rule_rest;
}

bool responder_rule_counters(const struct responder *r, uint32_t rule,
                             struct response_counters *out)
{
    for (unsigned k = 0; k < RULE_ROWS; k++)
        if (r->rule[k].used && r->rule[k].rule == rule) {
            *out = r->rule[k].count;
            return true;
        }
    return false;
}

bool responder_rule_at(const struct responder *r, unsigned n, uint32_t *rule,
                       struct response_counters *out)
{
    for (unsigned k = 0; k < RULE_ROWS; k++)
        if (r->rule[k].used && !n--) {
            *rule = r->rule[k].rule;
            *out = r->rule[k].count;
            return true;
        }
    if (n || !r->rule_rest.requested)
        return false;
    *rule = UINT32_MAX;
    *out = r->rule_rest;
    return true;
}

const struct response_counters *responder_counters(const struct responder *r)
{
    return &r->count;
}

static uint32_t same_rule(const struct image *from, const struct image *to, uint32_t rule)
{
    struct image_rule_info i;
    if (rule >= image_n_rules(from))
        return UINT32_MAX;
    image_rule(from, rule, &i);
    int64_t now = image_find_sid(to, i.gid, i.sid);
    return now < 0 ? UINT32_MAX : (uint32_t)now;
}

static void counters_add(struct response_counters *sum, const struct response_counters *x)
{
#define ADD(name) sum->name += x->name;
    RESPONSE_COUNTERS(ADD)
#undef ADD
}

void responder_rules(struct responder *r, const struct image *from, const struct image *to)
{
    if (from == to)
        return;
    struct rule_row old[RULE_ROWS];
    memcpy(old, r->rule, sizeof(old));
    memset(r->rule, 0, sizeof(r->rule));
    for (unsigned k = 0; k < RULE_ROWS; k++)
        if (old[k].used) /* what a rule that has gone did stays counted among the rest */
            counters_add(rule_count(r, same_rule(from, to, old[k].rule)), &old[k].count);
    for (uint32_t x = r->watch; x; x = r->row[x - 1].newer)
        for (unsigned k = 0; !r->row[x - 1].over && k < r->row[x - 1].n_rules; k++) {
            struct answered *a = &r->row[x - 1];
            a->rule = a->by[k].rule = same_rule(from, to, a->by[k].rule);
        }
}
