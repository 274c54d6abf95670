/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Values of options: numbers with operators and ranges, byte variables, bytes of contents. */
#include "rules/parse.h"

#include <string.h>

enum { CONTENT_MAX = 8192 };

enum uint_style uint_style(const struct parse *p)
{
    if (p->d == DIALECT_SNORT2)
        return UINT_SNORT2;
    return p->d == DIALECT_SNORT3 ? UINT_SNORT3 : UINT_SURICATA;
}

static bool number(struct parse *p, struct str v, uint64_t max, const struct app_enum *names,
                   uint64_t *out)
{
    v = str_trim(v);
    for (; names && names->name; names++)
        if (str_ieq(v, str_cstr(names->name))) {
            *out = names->value;
            return true;
        }
    uint64_t unit = 1;
    struct str digits = v;
    static const struct {
        const char *suffix;
        uint64_t unit;
    } units[] = {{"kib", 1024}, {"mib", 1024 * 1024}, {"gib", 1024 * 1024 * 1024}};
    for (unsigned i = 0; i < ARRAY_LEN(units); i++)
        if (v.n > 3 && str_ieq(str_skip(v, v.n - 3), str_cstr(units[i].suffix))) {
            digits = str_trim(str_first(v, v.n - 3));
            unit = units[i].unit;
        }
    if (!str_u64(digits, out) || __builtin_mul_overflow(*out, unit, out) || *out > max)
        return bad(p, "give a number in that range: N, <N, >N, N<>M",
                   "'" STR_FMT "' is no number from 0 to %llu", STR_ARG(v),
                   (unsigned long long)max);
    return true;
}

/* Takes an operator off the front; the longest first. */
static bool take(struct str *v, const char *op)
{
    if (!str_starts(*v, str_cstr(op)))
        return false;
    *v = str_trim(str_skip(*v, (uint32_t)strlen(op)));
    return true;
}

/* Offset of a range sign with something before it, its length; -1. */
static int64_t range_sign(struct str v, uint32_t *len, bool *ends)
{
    int64_t at = str_find(v, STR("<=>"));
    *len = 3;
    *ends = true;
    if (at > 0)
        return at;
    at = str_find(v, STR("<>"));
    *len = 2;
    *ends = false;
    if (at > 0)
        return at;
    at = str_chr(v, '-');
    *len = 1;
    return at > 0 ? at : -1;
}

static bool range_parse(struct parse *p, struct str v, int64_t at, uint32_t len, bool ends,
                        uint64_t max, const struct app_enum *names, struct test_uint *out)
{
    uint64_t a, b;
    if (!number(p, str_first(v, (uint32_t)at), max, names, &a) ||
        !number(p, str_skip(v, (uint32_t)at + len), max, names, &b))
        return false;
    if (ends ? a > b : b < a || b - a < 2)
        return bad(p,
                   ends ? "the lower end comes first"
                        : "the lower end comes first; the ends do not belong to the range",
                   "no number lies in the range " STR_FMT, STR_ARG(v));
    out->a = ends ? a : a + 1;
    out->b = ends ? b : b - 1;
    return true;
}

/* &mask=value, &mask!=value */
static bool mask_parse(struct parse *p, struct str v, uint64_t max, struct test_uint *out)
{
    int64_t eq = str_chr(v, '=');
    bool not = eq > 0 && v.p[eq - 1] == '!';
    if (eq < 1)
        return bad(p, "write &MASK=VALUE or &MASK!=VALUE", "the mask has no value");
    out->op = not ? NUM_MASK_ANY : NUM_MASK_SET;
    return number(p, str_first(v, (uint32_t)eq - not ), max, NULL, &out->a) &&
           number(p, str_skip(v, (uint32_t)eq + 1), max, NULL, &out->b);
}

/* Comparisons that no number, or every number of the field, holds (Suricata refuses both). */
static bool bound_fits(struct parse *p, uint64_t max, const struct test_uint *u)
{
    static const struct {
        uint8_t op;
        bool top, never; /* at the top or at 0; it holds never or always */
        const char *sign;
    } t[] = {{NUM_GT, true, true, ">"},
             {NUM_LT, false, true, "<"},
             {NUM_LE, true, false, "<="},
             {NUM_GE, false, false, ">="}};
    /* Below the width of the number the peers see no bound for <=. */
    bool whole = max == UINT8_MAX || max == UINT16_MAX || max == UINT32_MAX || max == UINT64_MAX;
    for (unsigned i = 0; i < ARRAY_LEN(t); i++)
        if (u->op == t[i].op && u->a == (t[i].top ? max : 0) && (t[i].never || !t[i].top || whole))
            return bad(p, t[i].never ? "give a bound within the field's range" : "leave it out",
                       "the field goes from 0 to %llu: %s%llu holds %s", (unsigned long long)max,
                       t[i].sign, (unsigned long long)u->a, t[i].never ? "never" : "always");
    return true;
}

bool uint_parse(struct parse *p, struct str v, enum uint_style style, uint64_t max,
                const struct app_enum *names, struct test_uint *out)
{
    *out = (struct test_uint){.op = NUM_EQ};
    v = str_trim(v);
    if (!v.n)
        return bad(p, "N, <N, >N, N-M ...", "the number is missing");
    if (take(&v, "&"))
        return mask_parse(p, v, max, out);
    static const struct {
        const char *op;
        uint8_t num;
    } ops[] = {{"!=", NUM_NE}, {"<=", NUM_LE}, {">=", NUM_GE}, {"!", NUM_NE},
               {"<", NUM_LT},  {">", NUM_GT},  {"=", NUM_EQ}};
    unsigned i = 0;
    while (i < ARRAY_LEN(ops) && !take(&v, ops[i].op))
        i++;
    if (i < ARRAY_LEN(ops))
        out->op = ops[i].num;
    uint32_t len;
    bool ends;
    int64_t at = range_sign(v, &len, &ends);
    if (at > 0 && (out->op == NUM_EQ || out->op == NUM_NE)) {
        /* Snort 2 counts the ends in; Snort 3 in a-b and a<=>b. */
        ends |= style == UINT_SNORT2 || (style == UINT_SNORT3 && len == 1);
        out->op = out->op == NUM_EQ ? NUM_IN : NUM_NOT_IN;
        return range_parse(p, v, at, len, ends, max, names, out);
    }
    if (v.n && v.p[v.n - 1] == '-' && style != UINT_SURICATA && out->op == NUM_EQ) {
        out->op = NUM_GE; /* ttl:5- */
        v = str_first(v, v.n - 1);
    }
    if (v.n > 1 && v.p[0] == '-' && style != UINT_SURICATA && out->op == NUM_EQ) {
        out->op = NUM_LE; /* ttl:-5 */
        v = str_skip(v, 1);
    }
    return number(p, v, max, names, &out->a) && (style != UINT_SURICATA || bound_fits(p, max, out));
}

uint64_t uint_max(const struct test_uint *u)
{
    switch ((enum num_op)u->op) {
    case NUM_EQ:
    case NUM_LE:
        return u->a;
    case NUM_LT:
        return u->a ? u->a - 1 : 0;
    case NUM_IN:
        return u->b;
    case NUM_NE:
    case NUM_GT:
    case NUM_GE:
    case NUM_NOT_IN:
    case NUM_MASK_SET:
    case NUM_MASK_ANY:
        break;
    }
    return UINT64_MAX;
}

bool uint_test(const struct test_uint *u, uint64_t v)
{
    switch ((enum num_op)u->op) {
    case NUM_EQ:
        return v == u->a;
    case NUM_NE:
        return v != u->a;
    case NUM_LT:
        return v < u->a;
    case NUM_LE:
        return v <= u->a;
    case NUM_GT:
        return v > u->a;
    case NUM_GE:
        return v >= u->a;
    case NUM_IN:
        return v >= u->a && v <= u->b;
    case NUM_NOT_IN:
        return v < u->a || v > u->b;
    case NUM_MASK_SET:
        return (v & u->a) == u->b;
    case NUM_MASK_ANY:
        return (v & u->a) != u->b;
    }
    return false;
}

/* ---- byte variables */

struct rule_num num_of(int64_t v)
{
    return (struct rule_num){.v = v, .var = -1};
}

int var_find(const struct parse *p, struct str name)
{
    for (int i = 0; i < p->r->n_vars; i++)
        if (str_eq(p->var[i].name, name))
            return i;
    return -1;
}

static bool name_fits(struct str name)
{
    if (!name.n || name.n > 64 || (name.p[0] >= '0' && name.p[0] <= '9') || name.p[0] == '-')
        return false;
    for (uint32_t i = 0; i < name.n; i++) {
        uint8_t c = name.p[i];
        if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
              c == '_' || c == '.' || c == '-'))
            return false;
    }
    return true;
}

bool var_add(struct parse *p, struct str name, int8_t *out)
{
    if (!name_fits(name))
        return bad(p, "letters, digits, _ and . after a letter",
                   "'" STR_FMT "' is no name of a variable", STR_ARG(name));
    int at = var_find(p, name);
    if (at >= 0 && p->d == DIALECT_SURICATA)
        return bad(p, NULL, "the variable " STR_FMT " is set twice", STR_ARG(name));
    if (at < 0) {
        if (p->r->n_vars == RULE_BYTE_VARS)
            return bad(p, NULL, "a rule has at most %d byte variables", RULE_BYTE_VARS);
        at = p->r->n_vars++;
    }
    p->var[at] = (struct byte_var){.name = name, .where = p->where, .instance = p->instance};
    *out = (int8_t)at;
    return true;
}

/* Suricata looks at the payload and at a transaction's buffers in different steps. */
bool var_usable(struct parse *p, int var, uint16_t where)
{
    if (p->d != DIALECT_SURICATA || buffer_at(p, where) < RULE_BUF_APP ||
        buffer_at(p, p->var[var].where) >= RULE_BUF_APP)
        return true;
    return bad(p, "extract it in the buffer that uses it",
               "the variable " STR_FMT " was set in the packet, not in the transaction",
               STR_ARG(p->var[var].name));
}

bool num_parse(struct parse *p, struct str v, const char *what, int64_t min, int64_t max,
               uint16_t where, struct rule_num *out)
{
    int64_t n;
    v = str_trim(v);
    if (str_i64(v, &n)) {
        if (n < min || n > max)
            return bad(p, "give a number in that range", "%s is %lld, not from %lld to %lld", what,
                       (long long)n, (long long)min, (long long)max);
        *out = num_of(n);
        return true;
    }
    int var = var_find(p, v);
    if (var < 0)
        return bad(p, "a number, or a variable that byte_extract or byte_math set before",
                   "%s is '" STR_FMT "', which is neither a number nor a variable", what,
                   STR_ARG(v));
    *out = (struct rule_num){.v = 0, .var = (int8_t)var};
    return var_usable(p, var, where);
}

/* ---- contents */

static int hex_digit(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* What stands between two bars from *i on; *i ends behind the closing one. */
static bool hex_block(struct parse *p, struct str v, uint32_t *i, uint8_t *out, uint32_t *n)
{
    int high = -1;
    for (; *i < v.n && v.p[*i] != '|'; ++*i) {
        uint8_t c = v.p[*i];
        int d = hex_digit(c);
        if (d < 0 && c != ' ' && c != '\t')
            return bad(p, "two hex digits a byte between bars", "'%c' is no hex digit",
                       c >= 32 && c < 127 ? c : '?');
        if (d < 0)
            continue;
        if (high < 0) {
            high = d;
        } else {
            out[(*n)++] = (uint8_t)(high << 4 | d);
            high = -1;
        }
    }
    if (high >= 0)
        return bad(p, "two hex digits a byte between bars", "a hex digit stands alone");
    if (*i == v.n)
        return bad(p, "close the hex block: |41 42|; a bar as text is |7C|",
                   "a bar has no second one");
    ++*i;
    return true;
}

static bool escape_fits(const struct parse *p, uint8_t c)
{
    if (c == '"' || c == ';' || c == ':' || c == '\\')
        return true;
    return p->d != DIALECT_SURICATA &&
           (c == '|' || c == '!' || c == '/' || c == '?' || c == '.' || c == ',' || c == ' ' ||
            c == '\'' || c == '(' || c == ')' || c == '$');
}

bool content_bytes(struct parse *p, struct str v, struct str *out)
{
    uint8_t *b = arena_alloc_raw(p->c->arena, v.n + 1);
    if (!b)
        return no_memory(p);
    uint32_t n = 0;
    for (uint32_t i = 0; i < v.n;) {
        uint8_t c = v.p[i++];
        if (c == '|') {
            if (!hex_block(p, v, &i, b, &n))
                return false;
            continue;
        }
        if (c == '"' && p->d == DIALECT_SURICATA)
            return bad(p, "write \\\" inside a content", "a quote stands inside the content");
        if (c == '\\') {
            if (i == v.n)
                return bad(p, NULL, "the backslash at the end escapes nothing");
            c = v.p[i++];
            if (!escape_fits(p, c))
                return bad(p, "escapes are \\\" \\; \\: and \\\\", "'\\%c' is no escape",
                           c >= 32 && c < 127 ? c : '?');
        }
        b[n++] = c;
    }
    if (!n)
        return bad(p, "content:\"text\" or content:\"|41 42|\"", "the content is empty");
    if (n > CONTENT_MAX)
        return bad(p, "divide it into several contents with distance:0",
                   "the content has %u bytes, more than %u", n, CONTENT_MAX);
    b[n] = 0;
    *out = str_of(b, n);
    return true;
}
