/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Building an overlay: variables resolved, classes of addresses and ports, rules tuned. */
#include "detect/overlay.h"

#include "base/bytes.h"
#include "base/hash.h"

#include <errno.h>
#include <stdatomic.h>
#include <string.h>

enum { CLASS_MAX = 65535 };

/* An expression begins or ends to hold at an address. */
struct edge {
    struct ip_addr at;
    uint32_t expr;
    bool begins;
};
struct edges {
    struct edge *e;
    size_t n, room;
};
/* Distinct bit rows, found by hash. */
struct rows {
    uint64_t *bits;
    uint32_t n, room, words;
    uint32_t *slot;
    uint32_t slots;
};

static int edge_cmp(const void *x, const void *y)
{
    const struct edge *a = x, *b = y;
    return memcmp(a->at.b, b->at.b, 16);
}

static bool edge_add(struct edges *e, const struct ip_addr *at, uint32_t expr, bool begins)
{
    if (e->n == e->room) {
        size_t room = e->room ? e->room * 2 : 1024;
        struct edge *p = realloc(e->e, room * sizeof(*p));
        if (!p)
            return false;
        e->e = p;
        e->room = room;
    }
    e->e[e->n++] = (struct edge){*at, expr, begins};
    return true;
}

/* The address behind a; false if there is none. */
static bool ip_next(const struct ip_addr *a, uint8_t ver, struct ip_addr *out)
{
    *out = *a;
    for (int k = 15; k >= (ver == 4 ? 12 : 0); k--)
        if (++out->b[k])
            return true;
    return false;
}

static int row_class(struct rows *r, const uint64_t *row)
{
    uint64_t h = hash_bytes(row, r->words * 8, 0);
    for (;; h++) {
        uint32_t *s = &r->slot[h & (r->slots - 1)];
        if (*s && memcmp(r->bits + (size_t)(*s - 1) * r->words, row, r->words * 8))
            continue;
        if (*s)
            return (int)*s - 1;
        if (r->n >= CLASS_MAX || r->n * 2 >= r->slots)
            return -ENOSPC;
        if (r->n == r->room) {
            uint32_t room = r->room ? r->room * 2 : 64;
            uint64_t *p = realloc(r->bits, (size_t)room * r->words * 8);
            if (!p)
                return -ENOMEM;
            r->bits = p;
            r->room = room;
        }
        memcpy(r->bits + (size_t)r->n * r->words, row, r->words * 8);
        *s = ++r->n;
        return (int)r->n - 1;
    }
}

static int rows_init(struct rows *r, uint32_t exprs)
{
    *r = (struct rows){.words = (exprs + 63) / 64, .slots = 1u << 17};
    r->slot = calloc(r->slots, sizeof(*r->slot));
    return r->slot ? 0 : -ENOMEM;
}

/* Sweeps over sorted edges; each stretch between two is an interval of one class. */
static int sweep(struct edges *e, uint8_t ver, struct rows *rows, struct ip_addr **start, uint16_t **class,
                 uint32_t *n_out)
{
    uint64_t *row = calloc(rows->words, 8);
    uint16_t *depth = calloc((size_t)rows->words * 64, sizeof(*depth));
    *start = calloc(e->n + 1, sizeof(**start));
    *class = calloc(e->n + 1, sizeof(**class));
    int rc = -ENOMEM;
    if (!row || !depth || !*start || !*class)
        goto done;
    if (e->n)
        qsort(e->e, e->n, sizeof(*e->e), edge_cmp);
    uint32_t n = 0;
    struct ip_addr at = {.q = {0, 0}};
    if (ver == 4)
        at = ip_from_v4("\0\0\0\0");
    for (size_t i = 0;;) {
        for (; i < e->n && !memcmp(e->e[i].at.b, at.b, 16); i++) {
            uint32_t x = e->e[i].expr;
            depth[x] = (uint16_t)(depth[x] + (e->e[i].begins ? 1 : -1));
            if (depth[x])
                row[x / 64] |= 1ull << (x % 64);
            else
                row[x / 64] &= ~(1ull << (x % 64));
        }
        rc = row_class(rows, row);
        if (rc < 0)
            goto done;
        (*start)[n] = at;
        (*class)[n++] = (uint16_t)rc;
        if (i >= e->n)
            break;
        at = e->e[i].at;
    }
    *n_out = n;
    rc = 0;
done:
    free(row);
    free(depth);
    return rc;
}

static bool add_ranges(struct edges *e, const struct ip_range *r, uint32_t n, uint8_t ver, uint32_t expr)
{
    for (uint32_t k = 0; k < n; k++) {
        struct ip_addr behind;
        if (!edge_add(e, &r[k].lo, expr, true))
            return false;
        if (ip_next(&r[k].hi, ver, &behind) && !edge_add(e, &behind, expr, false))
            return false;
    }
    return true;
}

/*
 * Expressions that do not hold with these variables, and why.  The compile refuses such rules; what
 * is left are those whose image was made with other values of the same variables.
 */
struct broken {
    const struct diag **addr, **port;
    struct diags why;
    struct arena a;
};

static int broken_init(struct broken *b, const struct image *i)
{
    arena_init(&b->a, 4096, 0);
    diags_init(&b->why, &b->a);
    b->addr = calloc(img_count(i, SEC_ADDRS) + 1, sizeof(*b->addr));
    b->port = calloc(img_count(i, SEC_PORTS) + 1, sizeof(*b->port));
    return b->addr && b->port ? 0 : -ENOMEM;
}

static void broken_done(struct broken *b)
{
    free(b->addr);
    free(b->port);
    arena_done(&b->a);
}

/* The last thing said. */
static const struct diag *broken_why(const struct broken *b)
{
    static const struct diag unsaid = {.reason = "its addresses or ports can't be resolved"};
    const struct diag *x = b->why.first;
    while (x && x->next)
        x = x->next;
    return x ? x : &unsaid;
}

/* The rule is off if one of its expressions is broken: said of it, the others are judged. */
static bool rule_broken(const struct broken *b, const struct img_rule *r, struct diags *d)
{
    const struct diag *why = NULL;
    for (unsigned side = 0; side < 2 && !why; side++)
        why = b->addr[r->addr[side]] ? b->addr[r->addr[side]] : b->port[r->port[side]];
    if (why)
        diag_add(d, DIAG_WARNING, NULL, 0, 0, "set the variables so that something is left", "rule %u:%u is off: %s", r->gid,
                 r->sid, why->reason);
    return why != NULL;
}

static int build_addrs(struct overlay *o, const struct overlay_options *opt, struct broken *broken)
{
    const struct image *i = o->image;
    uint32_t n = (uint32_t)img_count(i, SEC_ADDRS);
    struct edges e4 = {0}, e6 = {0};
    struct rows rows;
    struct arena a;
    arena_init(&a, 1 << 16, 0);
    int rc = rows_init(&rows, n);
    for (uint32_t k = 0; k < n && !rc; k++) {
        struct ip_ranges r = {0};
        if (rules_resolve_addr(&a, img_str(i, i->addrs[k]), opt->var, opt->ctx, &r, &broken->why)) {
            broken->addr[k] = broken_why(broken);
            continue;
        }
        if (!add_ranges(&e4, r.v4, r.n4, 4, k) || !add_ranges(&e6, r.v6, r.n6, 6, k))
            rc = -ENOMEM;
    }
    struct ip_addr *start4 = NULL;
    if (!rc)
        rc = sweep(&e4, 4, &rows, &start4, &o->class4, &o->n4);
    if (!rc)
        rc = sweep(&e6, 6, &rows, &o->start6, &o->class6, &o->n6);
    if (!rc) {
        o->start4 = calloc(o->n4, sizeof(*o->start4));
        if (!o->start4)
            rc = -ENOMEM;
        for (uint32_t k = 0; k < o->n4 && !rc; k++)
            o->start4[k] = __builtin_bswap32(start4[k].w[3]);
    }
    o->addr_bits = rows.bits;
    o->addr_words = rows.words;
    o->n_addr_classes = rows.n;
    free(rows.slot);
    free(start4);
    free(e4.e);
    free(e6.e);
    arena_done(&a);
    return rc;
}

/* Ports where some expression begins or ends: between them nothing changes. */
static void port_edges(uint8_t (*bits)[8192], uint32_t n, uint8_t edges[8192])
{
    for (uint32_t k = 0; k < n; k++) {
        const uint8_t *b = bits[k];
        edges[0] |= (uint8_t)(b[0] ^ b[0] << 1);
        for (unsigned j = 1; j < 8192; j++)
            edges[j] |= (uint8_t)(b[j] ^ (b[j] << 1 | b[j - 1] >> 7));
    }
}

static int build_ports(struct overlay *o, const struct overlay_options *opt, struct broken *broken)
{
    const struct image *i = o->image;
    uint32_t n = (uint32_t)img_count(i, SEC_PORTS);
    struct rows rows;
    int rc = rows_init(&rows, n);
    uint8_t(*bits)[8192] = calloc(n + 1, sizeof(*bits)), edges[8192] = {0};
    uint64_t *row = rc ? NULL : calloc(rows.words, 8);
    o->port_class = calloc(65536, sizeof(*o->port_class));
    if (!bits || !row || !o->port_class)
        rc = -ENOMEM;
    for (uint32_t k = 0; k < n && !rc; k++)
        if (rules_resolve_port(img_str(i, i->ports[k]), opt->var, opt->ctx, bits[k], &broken->why))
            broken->port[k] = broken_why(broken);
    if (!rc)
        port_edges(bits, n, edges);
    for (uint32_t p = 0; p < 65536 && !rc; p++) {
        bool same = p && !(edges[p / 8] >> (p % 8) & 1);
        for (uint32_t k = 0; k < n && !same; k++) {
            uint64_t bit = 1ull << (k % 64);
            row[k / 64] = bits[k][p / 8] >> (p % 8) & 1 ? row[k / 64] | bit : row[k / 64] & ~bit;
        }
        rc = same ? o->port_class[p - 1] : row_class(&rows, row);
        if (rc < 0)
            break;
        o->port_class[p] = (uint16_t)rc;
        rc = 0;
    }
    o->port_bits = rows.bits;
    o->port_words = rows.words;
    o->n_port_classes = rows.n;
    free(rows.slot);
    free(bits);
    free(row);
    return rc;
}

/* ------------------------------------------------------------------ address-only rules */

/* How much of all addresses an expression holds for, v4 and v6 as one: the less, the better it selects. */
static uint64_t *expr_spread(const struct overlay *o)
{
    uint32_t n = (uint32_t)img_count(o->image, SEC_ADDRS);
    uint64_t *s = calloc(n + 1, sizeof(*s)), *size = calloc(o->n_addr_classes + 1, sizeof(*size));
    for (uint32_t k = 0; size && k < o->n4; k++)
        size[o->class4[k]] += (k + 1 < o->n4 ? o->start4[k + 1] : (uint64_t)1 << 32) - o->start4[k];
    for (uint32_t k = 0; size && k < o->n6; k++) /* in units of /32; any bit of one counts */
        size[o->class6[k]] +=
            (k + 1 < o->n6 ? be32_at(o->start6[k + 1].b) : (uint64_t)1 << 32) - be32_at(o->start6[k].b) + 1;
    for (uint32_t c = 0; s && size && c < o->n_addr_classes; c++)
        for (uint32_t k = 0; k < n; k++)
            if (overlay_addr_has(o, (uint16_t)c, k))
                s[k] += size[c];
    free(size);
    return s;
}

/* Hangs each address-only rule on the classes of its more selective address, unless that is almost any. */
static int build_ip_only(struct overlay *o)
{
    const struct image *i = o->image;
    uint32_t n_lists = (uint32_t)img_count(i, SEC_LISTS);
    const struct img_list *l = NULL;
    for (uint32_t k = 0; k < n_lists && !l; k++)
        if (i->lists[k].kind == LIST_IP_ONLY)
            l = &i->lists[k];
    uint32_t n = l ? l->n_refs : 0, n_addr = (uint32_t)img_count(i, SEC_ADDRS);
    uint64_t *spread = expr_spread(o);
    uint32_t *side = calloc(n + 1, sizeof(*side));
    uint32_t *head = calloc(n_addr + 1, sizeof(*head)), *next = calloc(n + 1, sizeof(*next));
    o->ip_only = calloc(o->n_addr_classes + 1, sizeof(*o->ip_only));
    o->ip_any = calloc(n + 1, sizeof(*o->ip_any));
    int rc = spread && side && head && next && o->ip_only && o->ip_any ? 0 : -ENOMEM;
    for (uint32_t k = n; k-- > 0 && !rc;) { /* backwards: lists come out ascending */
        const struct img_rule *r = &i->rules[i->refs[l->refs + k]];
        uint32_t x = spread[r->addr[0]] <= spread[r->addr[1]] ? r->addr[0] : r->addr[1];
        side[k] = spread[x] > (uint64_t)1 << 32 ? UINT32_MAX : x; /* more than a half */
        if (side[k] != UINT32_MAX) {
            next[k] = head[x];
            head[x] = k + 1;
        }
    }
    for (uint32_t k = 0; k < n && !rc; k++)
        if (side[k] == UINT32_MAX)
            o->ip_any[o->n_ip_any++] = i->refs[l->refs + k];
    size_t used = 0, room = 0;
    for (uint32_t c = 0; c < o->n_addr_classes && !rc; c++) {
        o->ip_only[c].first = (uint32_t)used;
        for (uint32_t x = 0; x < n_addr && !rc; x++) {
            if (!head[x] || !overlay_addr_has(o, (uint16_t)c, x))
                continue;
            for (uint32_t k = head[x]; k; k = next[k - 1]) {
                if (used == room) {
                    room = room ? room * 2 : 1024;
                    uint32_t *p = realloc(o->ip_only_rules, room * sizeof(*p));
                    if (!p) {
                        rc = -ENOMEM;
                        break;
                    }
                    o->ip_only_rules = p;
                }
                o->ip_only_rules[used++] = i->refs[l->refs + k - 1];
            }
        }
        o->ip_only[c].n = (uint32_t)used - o->ip_only[c].first;
    }
    free(spread);
    free(side);
    free(head);
    free(next);
    return rc;
}

/* ------------------------------------------------------------------ whole */

struct overlay *overlay_build(struct image *i, const struct overlay_options *opt, struct diags *d)
{
    struct overlay *o = calloc(1, sizeof(*o));
    uint32_t n = image_n_rules(i);
    struct broken broken;
    int rc = broken_init(&broken, i);
    if (o) {
        o->users = 1;
        o->keep = opt->keep;
        o->keep_free = opt->keep_free;
    } else if (opt->keep) {
        opt->keep_free(opt->keep);
    }
    if (!o || rc) {
        rc = -ENOMEM;
        goto done;
    }
    o->version = opt->version;
    o->stamp = (uint32_t)hash_mix(opt->version ^ i->h->content_hash) | 1;
    o->image = image_ref(i);
    o->rule = calloc(n + 1, sizeof(*o->rule));
    rc = o->rule ? build_addrs(o, opt, &broken) : -ENOMEM;
    if (!rc)
        rc = build_ports(o, opt, &broken);
    if (!rc)
        rc = build_ip_only(o);
    for (uint32_t k = 0; k < n && !rc; k++) {
        const struct img_rule *r = &i->rules[k];
        struct overlay_rule *x = &o->rule[k];
        bool broken_rule = rule_broken(&broken, r, d);
        *x = (struct overlay_rule){.enabled = !broken_rule, .action = r->action, .response = r->response};
        if (opt->tune)
            opt->tune(opt->tune_ctx, i, k, x);
        if (broken_rule || x->action >= ACTION_COUNT)
            x->enabled = 0;
        bool as_it_was = x->action == r->action;
        x->rank = as_it_was && r->ruletype ? i->h->ruletype_rank[r->ruletype % IMG_ACTIONS] : i->h->action_rank[x->action % IMG_ACTIONS];
        o->reorders |= !as_it_was;
    }
    if (!rc)
        rc = gates_build(o);
done:
    broken_done(&broken);
    if (rc) {
        diag_add(d, DIAG_ERROR, NULL, 0, 0, NULL, "the overlay of the rules can't be built: %s", strerror(-rc));
        overlay_close(o);
        return NULL;
    }
    return o;
}

bool overlay_reorders(const struct overlay *o)
{
    return o->reorders;
}

struct overlay *overlay_ref(struct overlay *o)
{
    atomic_fetch_add_explicit(&o->users, 1, memory_order_relaxed);
    return o;
}

void overlay_close(struct overlay *o)
{
    if (!o || (o->users && atomic_fetch_sub_explicit(&o->users, 1, memory_order_acq_rel) != 1))
        return;
    if (o->keep)
        o->keep_free(o->keep);
    image_close(o->image);
    free(o->rule);
    free(o->gate);
    free(o->start4);
    free(o->start6);
    free(o->class4);
    free(o->class6);
    free(o->addr_bits);
    free(o->port_class);
    free(o->port_bits);
    free(o->ip_only);
    free(o->ip_only_rules);
    free(o->ip_any);
    sums_free(atomic_load_explicit(&o->sums, memory_order_relaxed));
    free(o);
}

struct image *overlay_image(const struct overlay *o) { return o->image; }
uint64_t overlay_version(const struct overlay *o) { return o->version; }
void *overlay_keep(const struct overlay *o) { return o->keep; }
const struct overlay_rule *overlay_rule(const struct overlay *o, uint32_t rule) { return &o->rule[rule]; }

uint16_t overlay_addr_class(const struct overlay *o, uint8_t ver, const struct ip_addr *a)
{
    uint32_t lo = 0;
    if (ver == 4) {
        uint32_t key = __builtin_bswap32(a->w[3]), hi = o->n4;
        while (hi - lo > 1) {
            uint32_t mid = lo + (hi - lo) / 2;
            if (o->start4[mid] <= key)
                lo = mid;
            else
                hi = mid;
        }
        return o->class4[lo];
    }
    uint32_t hi = o->n6;
    while (hi - lo > 1) {
        uint32_t mid = lo + (hi - lo) / 2;
        if (memcmp(o->start6[mid].b, a->b, 16) <= 0)
            lo = mid;
        else
            hi = mid;
    }
    return o->class6[lo];
}
