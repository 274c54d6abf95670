/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Addresses with their variables, as sets.
 *
 * A list is the union of its members less the union of its negated ones; a list of negated members
 * alone is everything less those.  Sets are kept as sorted disjoint ranges of 128-bit numbers, by
 * family; lists of thousands cost a sort.
 */
#include "rules/expr.h"

#include "base/bytes.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

__extension__ typedef unsigned __int128 u128;

struct span {
    u128 lo, hi;
};
struct span_set {
    struct span *s;
    uint32_t n, room;
};
struct addr_set {
    struct span_set v4, v6;
};
struct resolve {
    rules_var_fn *var;
    void *ctx;
    bool lenient, unknown; /* unknown: a variable was taken as empty */
    struct diags *d;
};
/* What this reports is a reason of a refusal: it needs a list to report into. */
#define FAIL(x, hint, ...)                                                                         \
    (((x)->d ? (void)diag_add((x)->d, DIAG_ERROR, NULL, 0, 0, hint, __VA_ARGS__) : (void)0),       \
     -EINVAL)

static u128 number_of(const struct ip_addr *a)
{
    return (u128)be64_at(a->b) << 64 | be64_at(a->b + 8);
}

static struct ip_addr addr_of(u128 v)
{
    struct ip_addr a;
    be64_put(a.b, (uint64_t)(v >> 64));
    be64_put(a.b + 8, (uint64_t)v);
    return a;
}

static const u128 V4_FIRST = (u128)0xffff00000000u, V4_LAST = (u128)0xffffffffffffu;

static void set_done(struct addr_set *s)
{
    free(s->v4.s);
    free(s->v6.s);
    *s = (struct addr_set){0};
}

static int span_add(struct span_set *s, u128 lo, u128 hi)
{
    if (s->n == s->room) {
        uint32_t room = s->room ? s->room * 2 : 8;
        struct span *more = realloc(s->s, room * sizeof(*more));
        if (!more)
            return -ENOMEM;
        s->s = more;
        s->room = room;
    }
    s->s[s->n++] = (struct span){lo, hi};
    return 0;
}

static int by_start(const void *a, const void *b)
{
    const struct span *x = a, *y = b;
    return x->lo < y->lo ? -1 : x->lo > y->lo;
}

/* Sorted and disjoint; neighbours become one. */
static void span_sort(struct span_set *s)
{
    if (s->n > 1)
        qsort(s->s, s->n, sizeof(*s->s), by_start);
    uint32_t k = 0;
    for (uint32_t i = 0; i < s->n; i++) {
        if (k && (s->s[i].lo <= s->s[k - 1].hi || s->s[i].lo == s->s[k - 1].hi + 1)) {
            if (s->s[i].hi > s->s[k - 1].hi)
                s->s[k - 1].hi = s->s[i].hi;
        } else {
            s->s[k++] = s->s[i];
        }
    }
    s->n = k;
}

/* a less b, both sorted and disjoint. */
static int span_less(struct span_set *a, const struct span_set *b)
{
    if (!b->n)
        return 0;
    struct span_set out = {0};
    uint32_t j = 0;
    for (uint32_t i = 0; i < a->n; i++) {
        u128 lo = a->s[i].lo, hi = a->s[i].hi;
        bool left = true;
        while (j < b->n && b->s[j].hi < lo)
            j++;
        for (uint32_t k = j; k < b->n && b->s[k].lo <= hi && left; k++) {
            if (b->s[k].lo > lo && span_add(&out, lo, b->s[k].lo - 1) < 0)
                goto no_memory;
            left = b->s[k].hi < hi;
            lo = b->s[k].hi + 1;
        }
        if (left && span_add(&out, lo, hi) < 0)
            goto no_memory;
    }
    free(a->s);
    *a = out;
    return 0;
no_memory:
    free(out.s);
    return -ENOMEM;
}

static int set_join(struct addr_set *to, const struct addr_set *from)
{
    for (uint32_t i = 0; i < from->v4.n; i++)
        if (span_add(&to->v4, from->v4.s[i].lo, from->v4.s[i].hi) < 0)
            return -ENOMEM;
    for (uint32_t i = 0; i < from->v6.n; i++)
        if (span_add(&to->v6, from->v6.s[i].lo, from->v6.s[i].hi) < 0)
            return -ENOMEM;
    return 0;
}

static int set_any(struct addr_set *s)
{
    return span_add(&s->v4, V4_FIRST, V4_LAST) < 0 || span_add(&s->v6, 0, ~(u128)0) < 0 ? -ENOMEM
                                                                                        : 0;
}

/* "a-b" */
static int add_range(struct resolve *x, struct str m, int64_t dash, struct addr_set *out)
{
    struct ip_addr lo, hi;
    uint8_t v1, v2;
    if (!ip_parse(str_trim(str_first(m, (uint32_t)dash)), &lo, &v1) ||
        !ip_parse(str_trim(str_skip(m, (uint32_t)dash + 1)), &hi, &v2) || v1 != v2 ||
        number_of(&lo) > number_of(&hi))
        return FAIL(x, "the lower address first, both of one family: 10.0.0.1-10.0.0.9",
                    "'" STR_FMT "' is no range of addresses", STR_ARG(m));
    return span_add(v1 == 4 ? &out->v4 : &out->v6, number_of(&lo), number_of(&hi));
}

static int add_address(struct resolve *x, struct str m, struct addr_set *out)
{
    int64_t dash = str_chr(m, '-');
    if (dash > 0)
        return add_range(x, m, dash, out);
    struct ip_prefix p;
    if (!ip_prefix_parse(m, &p))
        return FAIL(x, "an address is a.b.c.d, a network a.b.c.d/len; the same for IPv6",
                    "'" STR_FMT "' is no address", STR_ARG(m));
    unsigned host = p.ver == 4 ? 32u - p.bits : 128u - p.bits;
    u128 lo = number_of(&p.addr), mask = host == 128 ? ~(u128)0 : ((u128)1 << host) - 1;
    return span_add(p.ver == 4 ? &out->v4 : &out->v6, lo, lo | mask);
}

static int resolve_list(struct resolve *x, struct str expr, unsigned depth, struct addr_set *out);

/* Text of a variable; NULL with a report. */
const char *expr_variable(struct str name, bool port, rules_var_fn *var, void *ctx, struct diags *d)
{
    char z[128];
    if (!name.n || name.n >= sizeof(z)) {
        if (d)
            diag_add(d, DIAG_ERROR, NULL, 0, 0, "a variable is $NAME",
                     "'$" STR_FMT "' is no variable", STR_ARG(name));
        return NULL;
    }
    memcpy(z, name.p, name.n);
    z[name.n] = 0;
    const char *v = var ? var(ctx, port, z) : NULL;
    if (!v && d)
        diag_add(d, DIAG_ERROR, NULL, 0, 0,
                 port ? "set it below vars.port-groups (or with portvar)"
                      : "set it below vars.address-groups (or with ipvar)",
                 "variable $%s is not set", z);
    return v;
}

static int add_member(struct resolve *x, struct str m, unsigned depth, struct addr_set *out)
{
    if (str_ieq(m, STR("any")))
        return set_any(out);
    if (m.p[0] == '$') {
        const char *v =
            expr_variable(str_skip(m, 1), false, x->var, x->ctx, x->lenient ? NULL : x->d);
        x->unknown |= !v;
        if (!v)
            return x->lenient ? 0 : -EINVAL;
        return resolve_list(x, str_cstr(v), depth + 1, out);
    }
    if (m.p[0] == '[')
        return resolve_list(x, m, depth + 1, out);
    return add_address(x, m, out);
}

static int add_signed(struct resolve *x, struct str m, unsigned depth, struct addr_set *plus,
                      struct addr_set *minus, bool *any_plus)
{
    bool negated = value_negated(&m);
    if (!m.n || m.p[0] == '!')
        return FAIL(x, "write !10.0.0.1 or ![a,b], with one !",
                    "a '!' without an address behind it");
    *any_plus |= !negated;
    struct addr_set one = {0};
    int rc = add_member(x, m, depth, &one);
    if (rc == 0)
        rc = set_join(negated ? minus : plus, &one);
    set_done(&one);
    return rc;
}

static int resolve_list(struct resolve *x, struct str expr, unsigned depth, struct addr_set *out)
{
    if (depth > RULE_NEST_MAX)
        return FAIL(x, "a variable may refer to itself", "lists or variables are nested too deep");
    bool list, broken = false, any_plus = false;
    struct str rest = expr_unwrap(expr, &list), m;
    if (!rest.n)
        return FAIL(x, "any, 10.0.0.0/8, [a,b,!c] or a $VARIABLE",
                    "the list of addresses is empty");
    struct addr_set plus = {0}, minus = {0};
    int rc = 0;
    while (rc == 0 && expr_member(&rest, &m, &broken))
        rc = add_signed(x, m, depth, &plus, &minus, &any_plus);
    if (rc == 0 && broken)
        rc = FAIL(x, "write lists as [a,b,!c]", "the list of addresses is broken: %s", expr_broken(expr));
    if (rc == 0 && !any_plus)
        rc = set_any(&plus);
    if (rc == 0) {
        span_sort(&plus.v4);
        span_sort(&plus.v6);
        span_sort(&minus.v4);
        span_sort(&minus.v6);
        rc = span_less(&plus.v4, &minus.v4);
    }
    if (rc == 0)
        rc = span_less(&plus.v6, &minus.v6);
    if (rc == 0)
        rc = set_join(out, &plus);
    set_done(&plus);
    set_done(&minus);
    return rc;
}

static struct ip_range *ranges_of(struct arena *a, const struct span_set *s)
{
    struct ip_range *r = arena_alloc_raw(a, (s->n + 1) * sizeof(*r));
    for (uint32_t i = 0; r && i < s->n; i++)
        r[i] = (struct ip_range){addr_of(s->s[i].lo), addr_of(s->s[i].hi)};
    return r;
}

int addr_resolve(struct arena *a, struct str expr, rules_var_fn *var, void *ctx, bool lenient,
                 struct ip_ranges *out, struct diags *d)
{
    struct resolve x = {.var = var, .ctx = ctx, .lenient = lenient, .d = d};
    struct addr_set s = {0};
    int rc = resolve_list(&x, expr, 0, &s);
    span_sort(&s.v4);
    span_sort(&s.v6);
    if (rc == 0 && !s.v4.n && !s.v6.n && !x.unknown)
        rc = FAIL(&x, "a network of it may be set to any: then nothing is left",
                  "'" STR_FMT "' holds no address at all", STR_ARG(str_first(expr, 80)));
    if (rc == 0) {
        struct ip_ranges r = {
            .v4 = ranges_of(a, &s.v4), .v6 = ranges_of(a, &s.v6), .n4 = s.v4.n, .n6 = s.v6.n};
        if (!r.v4 || !r.v6)
            rc = -ENOMEM;
        else
            *out = r;
    }
    set_done(&s);
    return rc;
}

int rules_resolve_addr(struct arena *a, struct str expr, rules_var_fn *var, void *ctx,
                       struct ip_ranges *out, struct diags *d)
{
    return addr_resolve(a, expr, var, ctx, false, out, d);
}
