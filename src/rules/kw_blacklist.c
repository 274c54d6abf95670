/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * blacklist: what a rule blocks for a time once its condition is met; and the action of that name.
 *
 *     blacklist: by src|dst|src_port|pair|net/24[/64] [, for 10m] [, after 5 in 60s] [, scope vips|sensor]
 */
#include "rules/kw.h"
#include "rules/parse.h"

#define HINT "blacklist: by src|dst|src_port|pair|net/N, for TIME, after COUNT in TIME, scope vips|sensor"
enum { NET4 = 24, NET6 = 64 };

static bool seconds_of(struct parse *p, struct str s, uint32_t *out)
{
    uint64_t ns;
    if (!str_span(s, &ns))
        return bad(p, "90s, 10m, 2h, 7d; at most 10 years", "'" STR_FMT "' is no time", STR_ARG(s));
    *out = (uint32_t)(ns / 1000000000u);
    return true;
}

static bool by_what(struct parse *p, struct str w, struct test_blacklist *t)
{
    static const char *const words[] = {
#define WORD(id, word) word,
        BLOCK_KINDS(WORD)
#undef WORD
    };
    struct str n4, n6, word = str_split(w, '/', &n4);
    uint64_t n, m = NET6;
    n4 = str_split(n4, '/', &n6);
    for (t->kind = 0; t->kind < BLOCK_KIND_COUNT && !str_eq(word, str_cstr(words[t->kind])); t->kind++)
        ;
    if (t->kind == BLOCK_KIND_COUNT || (n4.n && t->kind != BLOCK_NET))
        return bad(p, HINT, "'" STR_FMT "' is nothing to block by", STR_ARG(w));
    if (t->kind != BLOCK_NET)
        return true;
    n = NET4;
    if ((n4.n && (!str_u64(n4, &n) || n < 8 || n > 32)) || (n6.n && (!str_u64(n6, &m) || m < 16 || m > 128)))
        return bad(p, "net/24, or net/24/64 with that of IPv6; 8 to 32, 16 to 128", "'" STR_FMT "' is no length of a network", STR_ARG(w));
    t->prefix = (uint8_t)n;
    t->prefix6 = (uint8_t)m;
    return true;
}

static bool after_what(struct parse *p, struct str v, struct test_blacklist *t)
{
    struct str count = word_next(&v), in = word_next(&v);
    uint64_t n;
    if (!str_u64(count, &n) || !n || n > UINT32_MAX || !str_eq(in, STR("in")))
        return bad(p, "after 5 in 60s", "'" STR_FMT "' is no condition", STR_ARG(count));
    t->after = (uint32_t)n;
    return seconds_of(p, str_trim(v), &t->within);
}

bool kw_blacklist(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    struct test_blacklist t = {0};
    unsigned seen = 0;
    value_unquote(&v);
    for (unsigned first = 1; v.n || first; first = 0) {
        struct str part = list_next(&v, ','), word = word_next(&part), rest = str_trim(part);
        static const char *const words[] = {"by", "for", "after", "scope"};
        unsigned which = 0;
        while (which < ARRAY_LEN(words) && !str_eq(word, str_cstr(words[which])))
            which++;
        if (which == ARRAY_LEN(words))
            return bad(p, HINT, "'" STR_FMT "' is not understood", STR_ARG(word));
        if (seen >> which & 1)
            return bad(p, HINT, "'%s' stands twice", words[which]);
        seen |= 1u << which;
        if (which == 0 && !by_what(p, rest, &t))
            return false;
        if (which == 1 && !seconds_of(p, rest, &t.seconds))
            return false;
        if (which == 2 && !after_what(p, rest, &t))
            return false;
        t.sensor = which == 3 ? str_eq(rest, STR("sensor")) : t.sensor;
        if (which == 3 && !t.sensor && !str_eq(rest, STR("vips")))
            return bad(p, "scope vips, scope sensor", "'" STR_FMT "' is no scope", STR_ARG(rest));
    }
    if (!(seen & 1))
        return bad(p, HINT, "blacklist does not say by what");
    for (unsigned n = 0; n < p->n; n++)
        if (p->t[n].kind == TEST_BLACKLIST)
            return bad(p, "write another rule", "blacklist stands twice");
    struct rule_test *test = test_add_at(p, TEST_BLACKLIST, 0, 0);
    if (!test)
        return false;
    test->u.blacklist = t;
    return true;
}

/* One packet that anyone can forge must not shut out whom it names. */
static bool forgeable(const struct rule *r, const struct test_blacklist *t)
{
    bool counted = t->after > 1;
    if (r->threshold && r->threshold->type != THRESH_LIMIT)
        counted |= r->threshold->count > 1;
    if (r->detection_filter)
        counted |= r->detection_filter->count > 0;
    return !counted && !(r->transports == RULE_TCP && (r->flags & RULE_ESTABLISHED));
}

bool blacklist_fits(struct parse *p)
{
    struct rule *r = p->r;
    struct rule_test *t = NULL;
    for (unsigned n = 0; n < p->n && !t; n++)
        t = p->t[n].kind == TEST_BLACKLIST ? &p->t[n] : NULL;
    if (!t && r->action == ACTION_BLACKLIST) {
        t = test_add_at(p, TEST_BLACKLIST, 0, 0);
        if (!t)
            return false;
        t->u.blacklist = (struct test_blacklist){.kind = BLOCK_SRC};
    }
    if (t && r->action == ACTION_PASS)
        return bad(p, "write alert for pass", "a pass rule blacklists nobody");
    if (t && forgeable(r, &t->u.blacklist))
        return bad(p, "add 'after COUNT in TIME', a threshold, or flow:established to a rule of TCP",
                   "one forged packet would blacklist whom it names");
    return true;
}
