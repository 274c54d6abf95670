/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Groups: for each (kind of input, transport, direction, buffer) the literals that bring up candidates, and
 * the rules that hang on each; and lists of rules that no literal brings up.
 *
 * Literals under four bytes double the cost of a scan: over payloads their rules stand in a list (flow facts,
 * ports, addresses and a map of the payload's pairs of bytes turn most away), in buffers they have a small
 * database of their own.
 */
#include "detect/image_build.h"
#include "detect/image_regex.h"

#include "base/arena.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum {
    LONG_LITERAL = 4,
    /* More of a literal selects no better, and makes databases larger and their compiler take ten times the memory. */
    LITERAL_MOST = 64,
};

/* One (group, literal, rule). */
struct use {
    struct img_group key; /* kind, dir, transport, where */
    struct str bytes;
    uint8_t nocase, brief;
    uint32_t rule;
};
/* One (list, rule). */
struct listed {
    struct img_list key;
    uint32_t rule, pair;
};
struct group_work {
    struct builder *b;
    struct arena texts; /* what regular expressions need */
    bool many_pairs;    /* rules that hang on a pair of a regular expression's bytes: enough to make the map for */
    struct use *use;
    size_t n_use, room_use;
    struct listed *listed;
    size_t n_listed, room_listed;
};

static bool grow(void **p, size_t *room, size_t n, size_t size)
{
    if (n < *room)
        return true;
    size_t more = *room ? *room * 2 : 4096;
    void *q = realloc(*p, more * size);
    if (!q)
        return false;
    *p = q;
    *room = more;
    return true;
}

static bool add_use(struct group_work *w, const struct use *u)
{
    if (!grow((void **)&w->use, &w->room_use, w->n_use, sizeof(*w->use)))
        return false;
    w->use[w->n_use++] = *u;
    return true;
}

static bool add_pair(struct group_work *w, unsigned kind, unsigned dir, unsigned key, uint32_t rule, uint32_t pair)
{
    if (!grow((void **)&w->listed, &w->room_listed, w->n_listed, sizeof(*w->listed)))
        return false;
    w->listed[w->n_listed++] = (struct listed){
        .key = {.kind = (uint8_t)kind, .dir = (uint8_t)dir, .key = (uint16_t)key}, .rule = rule, .pair = pair};
    return true;
}

static bool add_listed(struct group_work *w, unsigned kind, unsigned dir, unsigned key, uint32_t rule)
{
    return add_pair(w, kind, dir, key, rule, PAIRS_NONE);
}

static const uint8_t transport_bit[TR_COUNT] = {RULE_TCP,  RULE_UDP,      RULE_ICMP4, RULE_ICMP6,
                                                RULE_SCTP, RULE_IP_OTHER, RULE_NO_IP};

/* The piece that is searched for. */
static struct str fast_piece(const struct test_content *c)
{
    struct str s = (c->flags & CONTENT_NOCASE) && c->folded.n ? c->folded : c->bytes;
    if (c->fast_len && (uint32_t)c->fast_offset + c->fast_len <= s.n)
        s = str_of(s.p + c->fast_offset, c->fast_len);
    return s;
}

/* The same for the pattern library: leading NULs are left out, it refuses them. */
static struct str literal_of(const struct test_content *c)
{
    struct str s = fast_piece(c);
    if (s.n > LITERAL_MOST)
        s = str_skip(s, s.n - LITERAL_MOST);
    while (s.n && !s.p[0])
        s = str_skip(s, 1);
    return s;
}

static bool list_packet(struct group_work *w, const struct rule *r, uint32_t rule, unsigned kind, uint8_t dirs,
                        uint32_t pair)
{
    for (unsigned t = 0; t < TR_COUNT; t++)
        for (unsigned dir = 0; dir < 2; dir++)
            if ((r->transports & transport_bit[t]) && (dirs & 1u << dir) &&
                !add_pair(w, kind, dir, t, rule, pair))
                return false;
    return true;
}

/* Rules on an application buffer hang below each protocol that has the buffer and that the rule may meet. */
static bool list_tx(struct group_work *w, const struct rule *r, uint32_t rule, unsigned kind, uint8_t dirs)
{
    bool may[APP_COUNT];
    for (unsigned id = 0; id < APP_COUNT; id++)
        may[id] = app_def(id) && (!r->app || app_covers(r->app, id)) && (!r->hook_app || app_covers(r->hook_app, id));
    for (unsigned k = 0; k < r->n_tests; k++) {
        const struct rule_test *t = &r->tests[k];
        if (!build_is_tx_test(w->b->set, t))
            continue;
        unsigned buffer = w->b->set->where[t->where].buffer;
        for (unsigned id = 0; id < APP_COUNT; id++) {
            if (t->app && t->kind != TEST_BUFFER_UINT)
                may[id] &= t->app == id || app_covers(t->app, id);
            else if (buffer >= RULE_BUF_APP)
                may[id] &= app_buffer_of(buffer - RULE_BUF_APP, id) != NULL;
        }
    }
    for (unsigned id = 0; id < APP_COUNT; id++)
        for (unsigned dir = 0; dir < 2; dir++)
            if (may[id] && (dirs & 1u << dir) && !add_listed(w, kind, dir, id, rule))
                return false;
    return true;
}

/* A rule hangs on a literal of a test, or on a pair of bytes where that is too short. */
static bool add_needed(struct group_work *w, const struct rule *r, uint32_t rule, uint8_t dirs, const struct rule_test *t,
                       struct use u, uint32_t pair)
{
    const struct rule_fact *ir = &w->b->fact[rule];
    unsigned buffer = w->b->set->where[t->where].buffer;
    u.rule = rule;
    u.brief = u.bytes.n < LONG_LITERAL;
    if (!u.bytes.n)
        return ir->of_tx ? list_tx(w, r, rule, LIST_TX, dirs)
                         : list_packet(w, r, rule, buffer == BUF_PAYLOAD ? LIST_PAYLOAD : LIST_PACKET, dirs, pair);
    if (buffer != BUF_PAYLOAD) {
        u.key.kind = GROUP_BUFFER;
        u.key.where = t->where;
        for (unsigned dir = 0; dir < 2; dir++) {
            u.key.dir = (uint8_t)dir;
            if ((dirs & 1u << dir) && !add_use(w, &u))
                return false;
        }
        return true;
    }
    if (u.brief)
        return list_packet(w, r, rule, LIST_PAYLOAD, dirs, pair);
    for (unsigned tr = 0; tr < TR_COUNT; tr++)
        for (unsigned dir = 0; dir < 2; dir++) {
            if (!(r->transports & transport_bit[tr]) || !(dirs & 1u << dir))
                continue;
            u.key.dir = (uint8_t)dir;
            u.key.transport = (uint8_t)tr;
            bool tcp = tr == TR_TCP;
            u.key.kind = GROUP_PACKET;
            if ((!tcp || ir->needs_packet) && !add_use(w, &u))
                return false;
            u.key.kind = GROUP_STREAM;
            if (tcp && ir->needs_packet != 2 && !add_use(w, &u))
                return false;
        }
    return true;
}

static bool add_literal(struct group_work *w, const struct rule *r, uint32_t rule, uint8_t dirs)
{
    const struct rule_test *t = &r->tests[r->fast];
    struct use u = {.bytes = literal_of(&t->u.content), .nocase = (t->u.content.flags & CONTENT_NOCASE) != 0};
    return add_needed(w, r, rule, dirs, t, u, pair_word(fast_piece(&t->u.content)));
}

/* No content, but a regular expression that can't hold without some text.  False: there is none, or no memory. */
static bool add_regex(struct group_work *w, const struct rule *r, uint32_t rule, uint8_t dirs, bool *ok)
{
    enum { LEAST = LONG_LITERAL }; /* less selects little in a buffer, and a database of them costs a scan more */
    for (unsigned k = 0; k < r->n_tests; k++)
        if (r->tests[k].kind == TEST_BUFFER_ABSENT)
            return false;
    for (unsigned k = 0; k < r->n_tests; k++) {
        const struct rule_test *t = &r->tests[k];
        unsigned buffer = t->kind == TEST_PCRE ? w->b->set->where[t->where].buffer : BUF_BASE64;
        struct regex_need need;
        if ((buffer != BUF_PAYLOAD || w->b->fact[rule].of_tx) && buffer < RULE_BUF_APP)
            continue;
        if ((t->u.pcre.flags & REGEX_NEGATED) ||
            !regex_needs(t->u.pcre.pattern, t->u.pcre.options, &need))
            continue;
        struct str s = str_of(need.literal, need.n);
        while (s.n && !s.p[0])
            s = str_skip(s, 1);
        if (s.n < LEAST && (buffer != BUF_PAYLOAD || need.pair == PAIRS_NONE || !w->many_pairs))
            continue;
        struct use u = {.bytes = arena_dup(&w->texts, s.p, s.n < LEAST ? 0 : s.n), .nocase = need.nocase};
        *ok = (u.bytes.n || s.n < LEAST) && add_needed(w, r, rule, dirs, t, u, need.pair);
        return true;
    }
    return false;
}

/* A map of a payload's pairs costs as much as some searches in it. */
static bool are_many_pairs(const struct builder *b)
{
    enum { MANY = 8 };
    unsigned n = 0;
    for (uint32_t k = 0; k < b->n_rules && n < MANY; k++) {
        const struct rule *r = b->order[k];
        struct regex_need need;
        for (unsigned t = 0; t < r->n_tests && r->fast < 0 && r->type != TYPE_APP_TX; t++)
            n += r->tests[t].kind == TEST_PCRE && !r->addr[0] && !r->addr[1] &&
                 b->set->where[r->tests[t].where].buffer == BUF_PAYLOAD &&
                 regex_needs(r->tests[t].u.pcre.pattern, r->tests[t].u.pcre.options, &need) && need.n < LONG_LITERAL;
    }
    return n >= MANY;
}

/* Rules without a literal hang on the cheapest other fact. */
static bool add_fact(struct group_work *w, const struct rule *r, uint32_t rule, uint8_t dirs)
{
    const struct rule_fact *ir = &w->b->fact[rule];
    bool ok = true, event = false, app_event = false;
    for (unsigned k = 0; k < r->n_tests; k++) {
        const struct rule_test *t = &r->tests[k];
        if (t->kind == TEST_DECODE_EVENT || t->kind == TEST_STREAM_EVENT) {
            event = true;
            ok = ok && add_listed(w, t->kind == TEST_DECODE_EVENT ? LIST_DECODE : LIST_STREAM_EVENT, 0,
                                  t->u.event.id, rule);
        }
        app_event |= t->kind == TEST_APP_EVENT;
    }
    if (event)
        return ok;
    if (!app_event && add_regex(w, r, rule, dirs, &ok))
        return ok;
    if (ir->of_tx)
        return list_tx(w, r, rule, app_event ? LIST_APP_EVENT : LIST_TX, dirs);
    if (r->type == TYPE_IP_ONLY)
        return add_listed(w, LIST_IP_ONLY, 0, 0, rule);
    if (r->type == TYPE_PD_ONLY)
        return add_listed(w, LIST_PROTOCOL, 0, 0, rule) && add_listed(w, LIST_PROTOCOL, 1, 0, rule);
    w->b->n_slow++;
    return list_packet(w, r, rule, LIST_PACKET, dirs, PAIRS_NONE);
}

/* ------------------------------------------------------------------ sorting into groups */

static int key_cmp(const struct img_group *a, const struct img_group *b)
{
    int d = (int)a->kind - (int)b->kind;
    if (!d)
        d = (int)a->transport - (int)b->transport;
    if (!d)
        d = (int)a->dir - (int)b->dir;
    if (!d && a->where != b->where)
        d = a->where < b->where ? -1 : 1;
    return d;
}

static int use_cmp(const void *x, const void *y)
{
    const struct use *a = x, *b = y;
    int d = key_cmp(&a->key, &b->key);
    if (!d)
        d = (int)a->brief - (int)b->brief;
    if (!d)
        d = str_cmp(a->bytes, b->bytes);
    if (!d)
        d = (int)a->nocase - (int)b->nocase;
    if (!d)
        d = a->rule < b->rule ? -1 : a->rule > b->rule;
    return d;
}

static int listed_cmp(const void *x, const void *y)
{
    const struct listed *a = x, *b = y;
    int d = (int)a->key.kind - (int)b->key.kind;
    if (!d)
        d = (int)a->key.key - (int)b->key.key;
    if (!d)
        d = (int)a->key.dir - (int)b->key.dir;
    if (!d)
        d = a->rule < b->rule ? -1 : a->rule > b->rule;
    return d;
}

static void put_lists(struct group_work *w)
{
    if (w->n_listed)
        qsort(w->listed, w->n_listed, sizeof(*w->listed), listed_cmp);
    for (size_t i = 0; i < w->n_listed;) {
        struct img_list l = w->listed[i].key;
        l.refs = build_count(w->b, SEC_RULE_REFS, sizeof(uint32_t));
        l.pairs = l.kind == LIST_PAYLOAD ? build_count(w->b, SEC_PAIRS, sizeof(uint32_t)) : PAIRS_NONE;
        size_t k = i;
        for (; k < w->n_listed && w->listed[k].key.kind == l.kind && w->listed[k].key.key == l.key &&
               w->listed[k].key.dir == l.dir;
             k++) {
            if (k > i && w->listed[k].rule == w->listed[k - 1].rule)
                continue;
            build_put(w->b, SEC_RULE_REFS, &w->listed[k].rule, sizeof(uint32_t), 1);
            if (l.kind == LIST_PAYLOAD)
                build_put(w->b, SEC_PAIRS, &w->listed[k].pair, sizeof(uint32_t), 1);
            l.n_refs++;
        }
        build_put(w->b, SEC_LISTS, &l, sizeof(l), 1);
        i = k;
    }
}

static void put_groups(struct group_work *w)
{
    if (w->n_use)
        qsort(w->use, w->n_use, sizeof(*w->use), use_cmp);
    for (size_t i = 0; i < w->n_use;) {
        struct img_group g = w->use[i].key;
        g.db_at[0] = g.db_at[1] = UINT64_MAX;
        size_t k = i;
        for (unsigned brief = 0; brief < 2; brief++) {
            g.first[brief] = build_count(w->b, SEC_PATTERNS, sizeof(struct img_pattern));
            while (k < w->n_use && !key_cmp(&w->use[k].key, &w->use[i].key) && w->use[k].brief == brief) {
                const struct use *u = &w->use[k];
                struct img_pattern p = {.refs = build_count(w->b, SEC_RULE_REFS, sizeof(uint32_t)),
                                        .bytes = build_text(w->b, u->bytes),
                                        .nocase = u->nocase};
                for (; k < w->n_use && !key_cmp(&w->use[k].key, &u->key) && w->use[k].nocase == u->nocase &&
                       w->use[k].brief == brief && str_eq(w->use[k].bytes, u->bytes);
                     k++, p.n_refs++)
                    build_put(w->b, SEC_RULE_REFS, &w->use[k].rule, sizeof(uint32_t), 1);
                build_put(w->b, SEC_PATTERNS, &p, sizeof(p), 1);
                g.n[brief]++;
            }
        }
        build_put(w->b, SEC_GROUPS, &g, sizeof(g), 1);
        i = k;
    }
}

int build_groups(struct builder *b)
{
    struct group_work w = {.b = b};
    arena_init(&w.texts, 1 << 16, 0);
    w.many_pairs = are_many_pairs(b);
    int rc = -ENOMEM;
    for (uint32_t k = 0; k < b->n_rules; k++) {
        const struct rule *r = b->order[k];
        uint8_t dirs = build_dirs(b->set, r);
        if (r->flags & RULE_FIREWALL)
            continue; /* asked in order, each of them (firewall.c) */
        bool ok = r->fast >= 0 ? add_literal(&w, r, k, dirs) : add_fact(&w, r, k, dirs);
        if (!ok)
            goto done;
    }
    put_lists(&w);
    put_groups(&w);
    rc = 0;
done:
    free(w.use);
    free(w.listed);
    arena_done(&w.texts);
    return rc;
}
