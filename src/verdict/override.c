/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "verdict/override.h"

#include "verdict/query.h"
#include "verdict/verdict.h"

#include <string.h>

enum { OVERRIDES_MOST = 10000, UNSET = -1, PRIORITY_MOST = 255 };

struct override {
    struct override *next;
    const struct conf_node *at;
    struct query *query;
    int enabled, action, response, priority; /* UNSET: stays */
    uint64_t fits;
};
struct overrides {
    struct override *first;
};

static bool wrong(struct diags *d, const struct conf_node *at, const char *hint, const char *what,
                  const char *text)
{
    diag_add(d, DIAG_ERROR, at->file, at->line, at->column, hint, "rule-overrides: %s%s%s", what,
             text ? ": " : "", text ? text : "");
    return false;
}

/* Of those that change what becomes of traffic; the others are parts of what a rule asks. */
static int action_of(const char *word)
{
    static const uint8_t may[] = {ACTION_ALERT,      ACTION_PASS,      ACTION_LOG,
                                  ACTION_DROP,       ACTION_SDROP,     ACTION_BLOCK,
                                  ACTION_REJECT,     ACTION_REJECTSRC, ACTION_REJECTDST,
                                  ACTION_REJECTBOTH, ACTION_RESET,     ACTION_BLACKLIST};
    for (size_t k = 0; k < sizeof(may); k++)
        if (!strcmp(word, rule_action_name(may[k])))
            return may[k];
    return UNSET;
}

static bool one(struct override *x, const struct conf_node *n, struct diags *d)
{
    const char *word = n->value ? n->value : "";
    uint64_t v;
    if (!strcmp(n->name, "query"))
        return true;
    if (!strcmp(n->name, "enabled")) {
        x->enabled = conf_truth(word);
        return x->enabled >= 0 || wrong(d, n, "yes, no", "enabled", word);
    }
    if (!strcmp(n->name, "action")) {
        x->action = action_of(word);
        return x->action >= 0 || wrong(d, n,
                                       "alert, pass, log, drop, sdrop, block, reject, rejectsrc, "
                                       "rejectdst, rejectboth, reset, blacklist",
                                       "no action", word);
    }
    if (!strcmp(n->name, "priority") || !strcmp(n->name, "severity")) {
        bool ok = str_u64(str_cstr(word), &v) && v >= 1 && v <= PRIORITY_MOST;
        x->priority = ok ? (int)v : UNSET;
        return ok || wrong(d, n, "1 to 255, 1 is the gravest", "no priority", word);
    }
    if (!strcmp(n->name, "resp")) {
        struct str bad;
        uint8_t bits;
        bool ok = !response_words(str_cstr(word), &bits, &bad);
        x->response = ok ? bits : UNSET;
        return ok || wrong(d, n,
                           "reset_source, reset_dest, reset_both, icmp_net, icmp_host, icmp_port, "
                           "icmp_all, none",
                           "no response", word);
    }
    return wrong(d, n, "query, enabled, action, priority, resp", "not known", n->name);
}

/* False: told, or no memory. */
static bool entry(struct override *x, struct arena *a, const struct conf_node *e, struct diags *d)
{
    const char *query = conf_sub_str(e, "query", NULL), *why;
    *x = (struct override){
        .at = e, .enabled = UNSET, .action = UNSET, .response = UNSET, .priority = UNSET};
    if (!query || !e->child->next)
        return wrong(d, e, "- {query: \"sid:2001219\", enabled: no}",
                     "an entry has a query and what it changes", NULL);
    for (const struct conf_node *n = e->child; n; n = n->next)
        if (!one(x, n, d))
            return false;
    x->query = query_parse(a, str_cstr(query), &why);
    return x->query || wrong(d, e, why, "query", query);
}

struct overrides *overrides_read(struct arena *a, const struct conf *c, struct diags *d)
{
    struct overrides *o = arena_alloc(a, sizeof(*o));
    const struct conf_node *list = conf_node(c, "rule-overrides");
    struct override **last = o ? &o->first : NULL;
    unsigned n = 0;
    for (const struct conf_node *e = list ? list->child : NULL; e && o; e = e->next) {
        struct override *x = arena_alloc(a, sizeof(*x));
        if (!x)
            return NULL;
        if (n++ == OVERRIDES_MOST) {
            (void)wrong(d, e, "one query may name many rules", "more than 10,000 entries", NULL);
            break;
        }
        if (!entry(x, a, e, d))
            continue;
        *last = x;
        last = &x->next;
    }
    return o;
}

void overrides_apply(struct overrides *o, const struct image *i, uint32_t rule,
                     struct overlay_rule *r)
{
    for (struct override *x = o->first; x; x = x->next) {
        if (!query_match(x->query, i, rule, r))
            continue;
        x->fits++;
        if (x->enabled != UNSET)
            r->enabled = (uint8_t)x->enabled;
        if (x->action != UNSET)
            r->action = (uint8_t)x->action;
        if (x->response != UNSET)
            r->response = (uint8_t)x->response;
        if (x->priority != UNSET)
            r->priority = (uint8_t)x->priority;
    }
}

void overrides_tell(const struct overrides *o, struct diags *d)
{
    for (const struct override *x = o->first; x; x = x->next)
        if (!x->fits)
            diag_add(d, DIAG_WARNING, x->at->file, x->at->line, x->at->column,
                     "`riposte rules show` knows the loaded rules",
                     "rule-overrides: no loaded rule fits \"%s\"",
                     conf_sub_str(x->at, "query", ""));
}
