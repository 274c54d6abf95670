/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What an image of rules hangs on: its name in the cache. */
#include "rules/load.h"

#include "rules/expr.h"
#include "rules/key.h"

#include "base/hash.h"
#include "config/config.h"

#include <string.h>

struct var_hash {
    uint64_t h;
    bool port;
    const struct rule_loader *l;
};

/*
 * Of a variable count its name, whether it holds a negation (the type of rules on addresses hangs
 * on that) and whether it can be resolved; not its value, so that sensors with other networks share
 * an image.
 */
static void hash_var(void *ctx, const char *name, const char *text)
{
    struct var_hash *x = ctx;
    const struct rules_options *o = &x->l->o;
    struct str expr = str_cstr(text);
    struct arena a;
    struct ip_ranges r;
    uint8_t bits[8192];
    arena_init(&a, 0, 0);
    int rc = x->port ? port_resolve(expr, o->var, o->ctx, !o->var, bits, NULL)
                     : addr_resolve(&a, expr, o->var, o->ctx, !o->var, &r, NULL);
    arena_done(&a);
    uint8_t facts[2] = {expr_negated(expr, x->port, o->var, o->ctx, 0), rc == 0};
    x->h = hash_bytes(name, strlen(name), x->h);
    x->h = hash_bytes(facts, sizeof(facts), x->h);
}

/* Groups of actions by the word that action-order uses for them, in the order that holds without
 * it. */
static const struct {
    const char *word;
    uint32_t actions;
} action_groups[] = {
    {"pass", 1u << ACTION_PASS | 1u << ACTION_ACCEPT},
    {"drop", 1u << ACTION_DROP | 1u << ACTION_SDROP | 1u << ACTION_BLOCK | 1u << ACTION_BLACKLIST},
    {"reject", 1u << ACTION_REJECT | 1u << ACTION_REJECTSRC | 1u << ACTION_REJECTDST |
                   1u << ACTION_REJECTBOTH | 1u << ACTION_RESET | 1u << ACTION_REACT},
    {"alert", 1u << ACTION_ALERT | 1u << ACTION_LOG | 1u << ACTION_ACTIVATE | 1u << ACTION_DYNAMIC |
                  1u << ACTION_REPLACE | 1u << ACTION_CONFIG | 1u << ACTION_FILE_ID},
};

static_assert((int)RULE_TYPES_OWN == (int)CONF_RULETYPES, "one number for both");

/*
 * Rank of each action; words that are no action are told by the configuration's own check.  Actions of
 * its own come last, in their order, unless they are named.
 */
void rules_action_ranks(const struct conf *conf, uint8_t rank[ACTION_COUNT], uint8_t own[RULE_TYPES_OWN + 1])
{
    for (unsigned i = 0; i <= RULE_TYPES_OWN; i++)
        own[i] = (uint8_t)(128 + i);
    const struct conf_node *list = conf ? conf_node(conf, "action-order") : NULL;
    uint8_t group[ARRAY_LEN(action_groups)] = {0, 1, 2, 3}, n = 0;
    for (const struct conf_node *k = list ? list->child : NULL; k && n < 128; k = k->next) {
        int type = k->value ? conf_ruletype_find(conf, str_cstr(k->value)) : -1;
        if (type >= 0)
            own[type + 1] = n++;
        for (unsigned g = 0; k->value && g < ARRAY_LEN(action_groups); g++)
            if (!strcmp(k->value, action_groups[g].word))
                group[g] = n++;
    }
    for (unsigned a = 0; a < ACTION_COUNT; a++)
        for (unsigned g = 0; g < ARRAY_LEN(action_groups); g++)
            if (action_groups[g].actions >> a & 1)
                rank[a] = group[g];
}

static uint64_t hash_node(const struct conf_node *n, uint64_t h)
{
    for (; n; n = n->next) {
        h = hash_bytes(n->name, strlen(n->name), h);
        if (n->value)
            h = hash_bytes(n->value, strlen(n->value), h);
        h = hash_node(n->child, h + 1);
    }
    return h;
}

/* Settings that say which lists are read and where they are. */
static uint64_t hash_lists(const struct conf *c, uint64_t h)
{
    static const char *const words[] = {"data-dir", "default-reputation-path", "reputation-categories-file"};
    for (unsigned i = 0; i < ARRAY_LEN(words); i++) {
        const char *v = conf_str(c, words[i]);
        h = hash_bytes(v ? v : "", v ? strlen(v) : 0, h + i);
    }
    const struct key_word *w;
    for (unsigned at = 0; (w = key_word_next(&at));) {
        const char *v = w->def.setting ? conf_str(c, w->def.setting) : NULL;
        h = hash_bytes(v ? v : "", v ? strlen(v) : 0, h + at);
    }
    const struct conf_node *files = conf_node(c, "reputation-files"), *sets = conf_node(c, "datasets");
    h = hash_node(files ? files->child : NULL, h + 1);
    if (files && files->value)
        h = hash_bytes(files->value, strlen(files->value), h);
    return hash_node(sets ? sets->child : NULL, h + 1);
}

uint64_t rules_input_hash(const struct rule_loader *l)
{
    struct var_hash x = {.h = 1, .l = l};
    uint8_t rank[ACTION_COUNT] = {0}, own[RULE_TYPES_OWN + 1];
    rules_action_ranks(l->o.conf, rank, own);
    x.h = hash_bytes(rank, sizeof(rank), x.h);
    x.h = hash_bytes(own, sizeof(own), x.h);
    for (uint32_t i = 0; i < l->n; i++) {
        const struct source *s = &l->src[i];
        uint8_t head[2] = {s->dialect, (uint8_t)(s->firewall | l->o.keep_disabled << 1)};
        x.h = hash_bytes(head, sizeof(head), x.h);
        x.h = hash_bytes(s->name, strlen(s->name), x.h);
        x.h = hash_bytes(s->bytes, s->n, x.h);
    }
    for (unsigned i = 0; i < SIDE_FILES; i++)
        if (l->side[i].name) { /* the name and what went wrong stand in what the image tells */
            x.h = hash_bytes(l->side[i].name, strlen(l->side[i].name), x.h);
            x.h = hash_bytes(&l->side[i].rc, sizeof(l->side[i].rc), x.h + i);
            if (l->side[i].bytes)
                x.h = hash_bytes(l->side[i].bytes, l->side[i].n, x.h + i);
        }
    if (!l->o.conf)
        return x.h;
    x.h = hash_lists(l->o.conf, x.h);
    const struct conf_node *types = conf_node(l->o.conf, "ruletypes");
    x.h = hash_node(types ? types->child : NULL, x.h);
    for (unsigned kind = 0; kind < CONF_LINE_KINDS; kind++) {
        const struct conf_line *lines;
        size_t n = conf_lines(l->o.conf, (enum conf_line_kind)kind, &lines);
        for (size_t i = 0; i < n; i++)
            x.h = hash_bytes(lines[i].text, strlen(lines[i].text), x.h + kind);
    }
    (void)conf_each_var(l->o.conf, false, hash_var, &x);
    x.port = true;
    (void)conf_each_var(l->o.conf, true, hash_var, &x);
    return x.h;
}
