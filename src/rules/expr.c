/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists of addresses and ports as text: members, brackets, the canonical form. */
#include "rules/expr.h"

static bool blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str expr_canonical(struct arena *a, struct str s)
{
    uint32_t n = 0;
    for (uint32_t i = 0; i < s.n; i++)
        n += !blank(s.p[i]);
    if (n == s.n)
        return s;
    uint8_t *p = arena_alloc_raw(a, n + 1);
    if (!p)
        return (struct str){NULL, 0};
    n = 0;
    for (uint32_t i = 0; i < s.n; i++)
        if (!blank(s.p[i]))
            p[n++] = s.p[i];
    p[n] = 0;
    return str_of(p, n);
}

/* Offset behind the bracket that closes the one at i; 0: none does. */
static uint32_t bracket_end(struct str s, uint32_t i)
{
    unsigned depth = 0;
    for (; i < s.n; i++) {
        depth += s.p[i] == '[';
        if (s.p[i] == ']' && --depth == 0)
            return i + 1;
    }
    return 0;
}

bool expr_open(struct str s, uint32_t *at)
{
    uint32_t closed = 0;
    bool open = false;
    for (uint32_t i = s.n; i-- > 0;) {
        if (s.p[i] == '[' && !closed) {
            *at = i;
            open = true;
        }
        closed += s.p[i] == ']' ? 1u : s.p[i] == '[' && closed ? UINT32_MAX : 0;
    }
    return open;
}

const char *expr_broken(struct str s)
{
    uint32_t at, open = 0;
    if (expr_open(s, &at))
        return "a '[' is not closed: ']' is missing";
    for (uint32_t i = 0; i < s.n; i++) {
        if (s.p[i] == ']' && !open)
            return "a ']' has no '[' before it";
        open += s.p[i] == '[' ? 1u : s.p[i] == ']' ? UINT32_MAX : 0;
    }
    return "a comma or a bracket has nothing beside it";
}

struct str expr_unwrap(struct str s, bool *was_list)
{
    s = str_trim(s);
    *was_list = s.n && s.p[0] == '[' && bracket_end(s, 0) == s.n;
    return *was_list ? str_trim((struct str){s.p + 1, s.n - 2}) : s;
}

bool expr_member(struct str *list, struct str *member, bool *broken)
{
    struct str s = str_trim(*list);
    *broken = false;
    if (!s.n)
        return false;
    uint32_t i = 0;
    while (i < s.n && s.p[i] != ',') {
        uint32_t end = s.p[i] == '[' ? bracket_end(s, i) : i + 1;
        if (!end || s.p[i] == ']') {
            *broken = true;
            return false;
        }
        i = end;
    }
    *member = str_trim(str_first(s, i));
    *broken = !member->n || (i < s.n && i + 1 == s.n); /* an empty member, a comma at the end */
    *list = i < s.n ? str_skip(s, i + 1) : str_skip(s, s.n);
    return !*broken;
}

bool expr_negated(struct str expr, bool port, rules_var_fn *var, void *ctx, unsigned depth)
{
    if (str_chr(expr, '!') >= 0)
        return true;
    if (!var || depth > RULE_NEST_MAX)
        return false;
    for (uint32_t i = 0; i < expr.n; i++) {
        if (expr.p[i] != '$')
            continue;
        uint32_t from = ++i;
        while (i < expr.n && expr.p[i] != ',' && expr.p[i] != ']' && !blank(expr.p[i]))
            i++;
        char name[128];
        if (i - from >= sizeof(name))
            continue;
        for (uint32_t k = from; k < i; k++)
            name[k - from] = (char)expr.p[k];
        name[i - from] = 0;
        const char *v = var(ctx, port, name);
        if (v && expr_negated(str_cstr(v), port, var, ctx, depth + 1))
            return true;
    }
    return false;
}
