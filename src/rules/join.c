/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Chunks to one set: numbers of names become the set's, rules that stand twice are settled.
 */
#include "rules/load.h"
#include "rules/lists.h"

#include "base/hash.h"
#include "config/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct join {
    struct whole *w;
    struct strtab *addr;
    struct strtab port, bits, classes;
    struct rule_where *where;
    uint32_t n_where, where_room;
    const struct classes *k;
    /* of the chunk in work */
    uint32_t *addr_map, *port_map, *bits_map, *class_map;
    uint16_t *where_map;
    struct rule **rules;
    uint32_t n_rules;
    struct rule_refusal *refusals, *replaced;
    uint32_t n_refusals, n_replaced;
};

/* state: of each, NULL: all are fine.  A broken one belongs to refused rules alone. */
static uint32_t *map_names(struct strtab *to, const struct strtab *from, const uint8_t *state)
{
    uint32_t *map = calloc(from->n + 1u, sizeof(*map));
    for (uint32_t i = 0; map && i < from->n; i++) {
        if (state && state[i] & EXPR_BAD)
            continue;
        int64_t id = strtab_add(to, from->s[i], false);
        if (id < 0) {
            free(map);
            return NULL;
        }
        map[i] = (uint32_t)id;
    }
    return map;
}

static bool where_same(const struct rule_where *a, const struct rule_where *b)
{
    if (a->buffer != b->buffer || a->n_xform != b->n_xform ||
        memcmp(a->xform, b->xform, a->n_xform) != 0)
        return false;
    for (unsigned i = 0; i < a->n_xform; i++)
        if (!str_eq(a->arg[i], b->arg[i]))
            return false;
    return true;
}

static int map_where(struct join *j, const struct chunk *c)
{
    j->where_map = calloc(c->n_where + 1u, sizeof(*j->where_map));
    if (!j->where_map)
        return -ENOMEM;
    for (uint32_t i = 0; i < c->n_where; i++) {
        uint32_t k = 0;
        while (k < j->n_where && !where_same(&j->where[k], &c->where[i]))
            k++;
        if (k == j->n_where) {
            if (k == j->where_room) {
                uint32_t room = k ? k * 2 : 128;
                struct rule_where *more =
                    room > UINT16_MAX ? NULL : arena_alloc(&j->w->pub.arena, room * sizeof(*more));
                if (!more)
                    return -ENOMEM;
                if (k)
                    memcpy(more, j->where, k * sizeof(*more));
                j->where = more;
                j->where_room = room;
            }
            j->where[j->n_where++] = c->where[i];
        }
        j->where_map[i] = (uint16_t)k;
    }
    return 0;
}

static void map_test(const struct join *j, struct rule_test *t)
{
    t->where = j->where_map[t->where];
    switch (t->kind) {
    case TEST_BITS:
        for (unsigned i = 0; i < t->u.bits.n; i++)
            t->u.bits.id[i] = (uint16_t)j->bits_map[t->u.bits.id[i]];
        if (t->u.bits.group)
            t->u.bits.group = (uint16_t)(j->bits_map[t->u.bits.group - 1] + 1);
        break;
    case TEST_FLOWINT:
        t->u.flowint.id = (uint16_t)j->bits_map[t->u.flowint.id];
        if (t->u.flowint.value_is_var)
            t->u.flowint.value_id = (uint16_t)j->bits_map[t->u.flowint.value_id];
        break;
    case TEST_PCRE:
        for (unsigned i = 0; i < t->u.pcre.n_captures; i++)
            t->u.pcre.capture[i].name = (uint16_t)j->bits_map[t->u.pcre.capture[i].name];
        break;
    case TEST_ENTROPY:
        t->u.entropy.name = (uint16_t)j->bits_map[t->u.entropy.name];
        break;
    case TEST_KEY_PACKET:
    case TEST_KEY_BUFFER:
        for (unsigned i = 0; i < t->u.key.n_names; i++)
            t->u.key.name[i] = (uint16_t)j->bits_map[t->u.key.name[i]];
        break;
    case TEST_IPREP:
        t->u.iprep.category = (uint16_t)j->bits_map[t->u.iprep.category];
        break;
    default:
        break;
    }
}

static void map_rule(const struct join *j, struct rule *r)
{
    for (unsigned i = 0; i < 2; i++) {
        r->addr[i] = j->addr_map[r->addr[i]];
        r->port[i] = j->port_map[r->port[i]];
    }
    if (r->class_id > j->k->n)
        r->class_id = (uint16_t)(j->k->n + j->class_map[r->class_id - j->k->n - 1] + 1);
    for (unsigned i = 0; i < r->n_tests; i++)
        map_test(j, &r->tests[i]);
}

static uint32_t file_number(const struct whole *w, const char *name)
{
    uint32_t i = 0;
    while (i + 1 < w->pub.n_files && w->files[i].path != name)
        i++;
    return i;
}

static int join_chunk(struct join *j, struct chunk *c)
{
    j->addr_map = map_names(j->addr, &c->addr, c->addr_state);
    j->port_map = map_names(&j->port, &c->port, c->port_state);
    j->bits_map = map_names(&j->bits, &c->bits, NULL);
    j->class_map = map_names(&j->classes, &c->class_new, NULL);
    int rc = map_where(j, c);
    if (!j->addr_map || !j->port_map || !j->bits_map || !j->class_map || j->bits.n > UINT16_MAX)
        rc = -ENOMEM;
    for (uint32_t i = 0; rc == 0 && i < c->n_rules; i++) {
        map_rule(j, c->rules[i]);
        j->rules[j->n_rules++] = c->rules[i];
    }
    for (uint32_t i = 0; rc == 0 && i < c->n_refusals; i++)
        j->refusals[j->n_refusals++] = c->refusals[i];
    for (uint32_t i = 0; rc == 0 && i < c->n_skipped; i++)
        j->w->files[file_number(j->w, c->skipped[i])].disabled++;
    j->w->pub.skipped += c->n_skipped;
    j->w->pub.disabled += c->n_skipped;
    free(j->addr_map);
    free(j->port_map);
    free(j->bits_map);
    free(j->class_map);
    free(j->where_map);
    j->where_map = NULL;
    return rc;
}

/* ---- rules that stand twice */

static uint64_t rule_key(const struct rule *r)
{
    return (uint64_t)r->gid << 32 | r->sid;
}

/* Keeps `later` instead of `first`? */
static bool later_wins(const struct rule *first, const struct rule *later)
{
    bool off1 = first->flags & RULE_DISABLED, off2 = later->flags & RULE_DISABLED;
    if (off1 != off2)
        return off1;
    if (later->dialect == DIALECT_SURICATA)
        return later->rev > first->rev;
    return later->rev >= first->rev;
}

/*
 * What happens to the rule that lost.  Behind # or with a later one of a higher rev (in Snort: of
 * the same) it is replaced, which is no error in any peer; a later one that brings nothing new is
 * refused.
 */
static void twice(struct join *j, const struct rule *lost, const struct rule *kept, bool replaced)
{
    struct arena *a = &j->w->pub.arena;
    struct str s = arena_printf(
        a,
        replaced ? "rev %u of sid %u:%u is replaced by rev %u in %s:%u"
                 : "rev %u of sid %u:%u: the sid stands already, with rev %u, in %s:%u",
        lost->rev, lost->gid, lost->sid, kept->rev, kept->file, kept->line);
    struct rule_refusal x = {
        .file = lost->file,
        .line = lost->line,
        .column = 1,
        .sid = lost->sid,
        .twice = true,
        .reason = s.p ? (const char *)s.p : "the rule stands twice",
        .hint = replaced ? "take the old one out"
                         : "give each rule a sid of its own; a changed rule gets a higher rev"};
    struct rule_file_info *f = &j->w->files[file_number(j->w, lost->file)];
    if (!replaced) {
        j->refusals[j->n_refusals++] = x;
        return;
    }
    j->replaced[j->n_replaced++] = x;
    f->disabled++;
    j->w->pub.disabled++;
}

static int settle_twice(struct join *j)
{
    uint32_t slots = 64;
    while (slots < j->n_rules * 2)
        slots *= 2;
    uint32_t *slot = calloc(slots, sizeof(*slot));
    if (!slot)
        return -ENOMEM;
    for (uint32_t i = 0; i < j->n_rules; i++) {
        struct rule *r = j->rules[i];
        uint64_t key = rule_key(r);
        uint32_t at = (uint32_t)hash_mix(key + (r->flags & RULE_FIREWALL ? 1 : 0)) & (slots - 1);
        if (!r->sid)
            continue;
        for (;; at = (at + 1) & (slots - 1)) {
            const struct rule *o = slot[at] ? j->rules[slot[at] - 1] : NULL;
            if (!slot[at]) {
                slot[at] = i + 1;
                break;
            }
            if (!o || rule_key(o) != key || ((o->flags ^ r->flags) & RULE_FIREWALL))
                continue;
            if (later_wins(o, r)) {
                twice(j, o, r, true);
                j->rules[slot[at] - 1] = NULL;
                slot[at] = i + 1;
            } else {
                twice(j, r, o, r->flags & RULE_DISABLED);
                j->rules[i] = NULL;
            }
            break;
        }
    }
    free(slot);
    return 0;
}

static int by_place(const void *a, const void *b)
{
    const struct rule_refusal *x = a, *y = b;
    if (x->line != y->line)
        return x->line < y->line ? -1 : 1;
    return x->column < y->column ? -1 : x->column > y->column;
}

/* Refusals by file and line: those of rules that stand twice came last. */
static void order_refusals(struct join *j)
{
    uint32_t from = 0;
    for (uint32_t f = 0; f < j->w->pub.n_files; f++) {
        uint32_t to = from;
        for (uint32_t i = from; i < j->n_refusals; i++)
            if (j->refusals[i].file == j->w->files[f].path) {
                struct rule_refusal r = j->refusals[i];
                j->refusals[i] = j->refusals[to];
                j->refusals[to++] = r;
            }
        qsort(j->refusals + from, to - from, sizeof(*j->refusals), by_place);
        j->w->files[f].refused += to - from;
        from = to;
    }
}

static void compact(struct join *j)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < j->n_rules; i++) {
        struct rule *r = j->rules[i];
        if (!r)
            continue;
        r->index = n;
        j->rules[n++] = r;
        j->w->files[file_number(j->w, r->file)].loaded++;
    }
    j->n_rules = n;
}

/* Rules whose lists can't be read are refused; those of rules that are replaced or off are not read. */
static int lists_settle(struct join *j, const struct rules_options *o)
{
    struct arena *a = &j->w->pub.arena;
    struct lists x = {.arena = a, .o = o, .names = j->bits.s, .diags = &j->w->pub.diags};
    for (uint32_t i = 0; i < j->n_rules; i++) {
        struct rule *r = j->rules[i];
        struct list_error e;
        uint32_t column = 1;
        int rc = !r || (r->flags & RULE_DISABLED) ? 0 : lists_bind(&x, r, &e, &column);
        if (rc < 0)
            return rc;
        if (!rc)
            continue;
        struct str reason = arena_dup(a, e.reason, strlen(e.reason));
        j->refusals[j->n_refusals++] = (struct rule_refusal){.file = r->file, .line = r->line, .column = column, .sid = r->sid,
            .reason = reason.p ? (const char *)reason.p : "a list of it can't be read", .hint = e.hint};
        j->rules[i] = NULL;
    }
    j->w->pub.lists = x.l;
    j->w->pub.n_lists = x.n;
    j->w->pub.deps = x.deps;
    j->w->pub.n_deps = x.n_deps;
    return 0;
}

static const struct rule *first_of_class(const struct join *j, uint32_t id)
{
    for (uint32_t i = 0; i < j->n_rules; i++)
        if (j->rules[i] && j->rules[i]->class_id == id)
            return j->rules[i];
    return NULL;
}

/* The known classes, and behind them those that only rules name. */
static int classes_settle(struct join *j)
{
    struct rule_set *s = &j->w->pub;
    uint32_t n = j->k->n + j->classes.n;
    struct rule_class *c = arena_alloc(&s->arena, (n + 1) * sizeof(*c));
    if (!c)
        return -ENOMEM;
    for (uint32_t i = 0; i < j->k->n; i++)
        c[i + 1] =
            (struct rule_class){j->k->rows[i].name, j->k->rows[i].text, j->k->rows[i].priority};
    for (uint32_t i = 0; i < j->classes.n; i++) {
        struct str name = j->classes.s[i];
        c[j->k->n + i + 1] = (struct rule_class){name, name, 3};
        const struct rule *r = first_of_class(j, j->k->n + i + 1);
        diag_add(&s->diags, DIAG_WARNING, r ? r->file : NULL, r ? r->line : 0, r ? 1 : 0,
                 "add it to the classification file", "unknown classtype " STR_FMT ": priority 3",
                 STR_ARG(name));
    }
    s->classes = c;
    s->n_classes = n + 1;
    return 0;
}

int chunks_join(struct whole *w, struct chunk *chunks, uint32_t n, const struct classes *k,
                const struct rules_options *o, struct strtab *addr)
{
    struct arena *a = &w->pub.arena;
    struct join j = {.w = w, .addr = addr, .k = k};
    strtab_init(addr, a);
    strtab_init(&j.port, a);
    strtab_init(&j.bits, a);
    strtab_init(&j.classes, a);
    uint32_t rules = 0, refusals = 0;
    for (uint32_t i = 0; i < n; i++) {
        rules += chunks[i].n_rules;
        refusals += chunks[i].n_refusals;
    }
    j.rules = arena_alloc_raw(a, (rules + 1) * sizeof(*j.rules));
    j.refusals = arena_alloc_raw(a, (rules + refusals + 1) * sizeof(*j.refusals));
    j.replaced = arena_alloc_raw(a, (rules + 1) * sizeof(*j.replaced));
    if (!j.rules || !j.refusals || !j.replaced || strtab_add(addr, STR("any"), false) < 0 ||
        strtab_add(&j.port, STR("any"), false) < 0)
        return -ENOMEM;
    for (uint32_t i = 0; i < n; i++)
        if (join_chunk(&j, &chunks[i]) < 0)
            return -ENOMEM;
    if (settle_twice(&j) < 0 || lists_settle(&j, o) < 0 || classes_settle(&j) < 0)
        return -ENOMEM;
    compact(&j);
    order_refusals(&j);
    w->pub.rules = j.rules;
    w->pub.n_rules = j.n_rules;
    w->pub.refusals = j.refusals;
    w->pub.n_refusals = j.n_refusals;
    w->pub.replaced = j.replaced;
    w->pub.n_replaced = j.n_replaced;
    w->pub.port = j.port.s;
    w->pub.n_port = j.port.n;
    w->pub.bits = j.bits.s;
    w->pub.n_bits = j.bits.n;
    w->pub.where = j.where;
    w->pub.n_where = j.n_where;
    return 0;
}

/* Variables that the configuration lacks and that have a value of the program's own: each once. */
static int fallback_note(struct whole *w, const struct rules_options *o, struct str expr, bool port,
                         struct strtab *seen)
{
    for (uint32_t i = 0; i < expr.n; i++) {
        if (expr.p[i] != '$')
            continue;
        uint32_t from = ++i;
        while (i < expr.n && expr.p[i] != ',' && expr.p[i] != ']')
            i++;
        char name[128];
        uint32_t n = i - from, before = seen->n;
        if (!n || n >= sizeof(name))
            continue;
        memcpy(name, expr.p + from, n);
        name[n] = 0;
        if (strtab_add(seen, (struct str){expr.p + from, n}, false) < 0)
            return -ENOMEM;
        if (seen->n == before || !conf_var_is_fallback(o->conf, port, name))
            continue;
        const char *text = o->var ? o->var(o->ctx, port, name) : NULL;
        diag_add(&w->pub.diags, DIAG_WARNING, NULL, 0, 0, "set it among the variables",
                 "variable $%s is not set: %s is taken", name, text ? text : "nothing");
    }
    return 0;
}

int set_settle(struct whole *w, const struct rules_options *o, const struct strtab *addr)
{
    w->pub.addr = addr->s;
    w->pub.n_addr = addr->n;
    if (rules_notes(&w->pub) < 0)
        return -ENOMEM;
    if (!o->conf)
        return 0;
    struct strtab seen[2];
    for (unsigned port = 0; port < 2; port++) {
        const struct str *e = port ? w->pub.port : w->pub.addr;
        strtab_init(&seen[port], &w->pub.arena);
        for (uint32_t i = 0; i < (port ? w->pub.n_port : w->pub.n_addr); i++)
            if (fallback_note(w, o, e[i], port, &seen[port]) < 0)
                return -ENOMEM;
    }
    return 0;
}
