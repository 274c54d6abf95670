/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ports with their variables, as bitmaps; lists mean what they mean for addresses (resolve.c). */
#include "rules/expr.h"

#include <errno.h>
#include <string.h>

enum { PORT_BYTES = 8192 };

struct resolve {
    rules_var_fn *var;
    void *ctx;
    bool lenient, unknown; /* unknown: a variable was taken as empty */
    struct diags *d;
};
#define FAIL(x, hint, ...)                                                                         \
    (((x)->d ? (void)diag_add((x)->d, DIAG_ERROR, NULL, 0, 0, hint, __VA_ARGS__) : (void)0),       \
     -EINVAL)

static void bits_set(uint8_t *bits, uint32_t lo, uint32_t hi)
{
    for (uint32_t p = lo; p <= hi;) {
        if ((p & 7) == 0 && p + 7 <= hi) {
            uint32_t n = (hi + 1 - p) / 8;
            memset(bits + p / 8, 0xff, n);
            p += n * 8;
        } else {
            bits[p / 8] |= (uint8_t)(1u << (p & 7));
            p++;
        }
    }
}

static bool port_number(struct str s, uint32_t *out)
{
    uint64_t v;
    if (!str_u64_base(str_trim(s), 10, &v) || v > 65535)
        return false;
    *out = (uint32_t)v;
    return true;
}

/* N, N:M, N:, :M */
static int add_range(struct resolve *x, struct str m, uint8_t *bits)
{
    int64_t colon = str_chr(m, ':');
    uint32_t lo = 0, hi = 65535;
    bool fine;
    if (colon < 0) {
        fine = port_number(m, &lo);
        hi = lo;
    } else {
        struct str a = str_first(m, (uint32_t)colon), b = str_skip(m, (uint32_t)colon + 1);
        fine = (a.n || b.n) && (!a.n || port_number(a, &lo)) && (!b.n || port_number(b, &hi)) &&
               lo <= hi;
    }
    if (!fine)
        return FAIL(x, "ports are 0 to 65535: N, N:M, N:, :M", "'" STR_FMT "' is no port",
                    STR_ARG(m));
    bits_set(bits, lo, hi);
    return 0;
}

static int resolve_list(struct resolve *x, struct str expr, unsigned depth, uint8_t *out);

static int add_member(struct resolve *x, struct str m, unsigned depth, uint8_t *bits)
{
    if (str_ieq(m, STR("any"))) {
        memset(bits, 0xff, PORT_BYTES);
        return 0;
    }
    if (m.p[0] == '$') {
        const char *v =
            expr_variable(str_skip(m, 1), true, x->var, x->ctx, x->lenient ? NULL : x->d);
        if (v)
            return resolve_list(x, str_cstr(v), depth + 1, bits);
        x->unknown = true;
        return x->lenient ? 0 : -EINVAL;
    }
    if (m.p[0] == '[')
        return resolve_list(x, m, depth + 1, bits);
    return add_range(x, m, bits);
}

/* Adds the list's ports to out.  Two bitmaps a level, at most RULE_NEST_MAX levels. */
static int resolve_list(struct resolve *x, struct str expr, unsigned depth, uint8_t *out)
{
    if (depth > RULE_NEST_MAX)
        return FAIL(x, "a variable may refer to itself", "lists or variables are nested too deep");
    bool list, broken = false, any_plus = false;
    struct str rest = expr_unwrap(expr, &list), m;
    if (!rest.n)
        return FAIL(x, "any, 80, 1024:, [80,443,!8080] or a $VARIABLE",
                    "the list of ports is empty");
    uint8_t plus[PORT_BYTES] = {0}, minus[PORT_BYTES] = {0};
    while (expr_member(&rest, &m, &broken)) {
        bool negated = value_negated(&m);
        if (!m.n || m.p[0] == '!')
            return FAIL(x, "write !80 or ![80,443], with one !", "a '!' without a port behind it");
        any_plus |= !negated;
        int rc = add_member(x, m, depth, negated ? minus : plus);
        if (rc < 0)
            return rc;
    }
    if (broken)
        return FAIL(x, "write lists as [80,443,!8080]", "the list of ports is broken: %s", expr_broken(expr));
    for (uint32_t i = 0; i < PORT_BYTES; i++)
        out[i] |= (uint8_t)((any_plus ? plus[i] : 0xff) & ~minus[i]);
    return 0;
}

int port_resolve(struct str expr, rules_var_fn *var, void *ctx, bool lenient,
                 uint8_t bits[PORT_BYTES], struct diags *d)
{
    struct resolve x = {.var = var, .ctx = ctx, .lenient = lenient, .d = d};
    uint8_t all = 0;
    memset(bits, 0, PORT_BYTES);
    int rc = resolve_list(&x, expr, 0, bits);
    for (uint32_t i = 0; i < PORT_BYTES; i++)
        all |= bits[i];
    if (rc == 0 && !all && !x.unknown)
        return FAIL(&x, "a rule needs one port at least: leave a negation out",
                    "'" STR_FMT "' holds no port at all", STR_ARG(str_first(expr, 80)));
    return rc;
}

int rules_resolve_port(struct str expr, rules_var_fn *var, void *ctx, uint8_t bits[PORT_BYTES],
                       struct diags *d)
{
    return port_resolve(expr, var, ctx, false, bits, d);
}
