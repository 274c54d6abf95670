/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of one rule that can't hold together. */
#include "rules/lint.h"

#include <string.h>

/* ------------------------------------------------------------------ numbers */

struct interval {
    uint64_t lo, hi;
    bool plain; /* it is one */
};

static struct interval interval_of(const struct test_uint *u)
{
    switch ((enum num_op)u->op) {
    case NUM_EQ:
        return (struct interval){u->a, u->a, true};
    case NUM_LT:
        return u->a ? (struct interval){0, u->a - 1, true} : (struct interval){1, 0, true};
    case NUM_LE:
        return (struct interval){0, u->a, true};
    case NUM_GT:
        return u->a < UINT64_MAX ? (struct interval){u->a + 1, UINT64_MAX, true} : (struct interval){1, 0, true};
    case NUM_GE:
        return (struct interval){u->a, UINT64_MAX, true};
    case NUM_IN:
        return (struct interval){u->a, u->b, true};
    case NUM_NE:
    case NUM_NOT_IN:
    case NUM_MASK_SET:
    case NUM_MASK_ANY:
        break;
    }
    return (struct interval){.plain = false};
}

static uint64_t most_of(const struct rule_test *t)
{
    if (t->kind != TEST_PACKET)
        return UINT64_MAX;
    uint8_t f = t->u.packet.field;
    bool byte = f == PFIELD_TTL || f == PFIELD_TOS || f == PFIELD_ITYPE || f == PFIELD_ICODE || f == PFIELD_IP_PROTO;
    return byte ? UINT8_MAX : UINT64_MAX;
}

static bool one_value(const struct rule_test *t) /* of a packet, or of one buffer */
{
    if (t->kind == TEST_BSIZE)
        return true;
    return t->kind == TEST_PACKET && t->u.packet.field != PFIELD_FLOW_PKTS && t->u.packet.field != PFIELD_FLOW_BYTES &&
           t->u.packet.field != PFIELD_VLAN_ID;
}

static const struct test_uint *uint_of(const struct rule_test *t)
{
    return t->kind == TEST_PACKET ? &t->u.packet.uint : &t->u.uint;
}

static bool same_value(const struct rule_test *a, const struct rule_test *b)
{
    if (a->kind != b->kind)
        return false;
    return a->kind == TEST_PACKET ? a->u.packet.field == b->u.packet.field
                                  : a->where == b->where && a->instance == b->instance && a->tx_dir == b->tx_dir;
}

static void ranges(const struct lint *l, const struct rule *r)
{
    for (unsigned i = 0; i < r->n_tests; i++) {
        const struct rule_test *t = &r->tests[i];
        if (t->kind != TEST_PACKET && t->kind != TEST_BSIZE)
            continue;
        struct interval x = interval_of(uint_of(t));
        if (x.plain && (x.lo > x.hi || x.lo > most_of(t))) {
            lint_note(l, r, t, LINT_EMPTY_RANGE, "no number lies in a range of it: it can never match");
            continue;
        }
        for (unsigned k = 0; k < i && x.plain && one_value(t); k++) {
            struct interval y = same_value(&r->tests[k], t) ? interval_of(uint_of(&r->tests[k])) : (struct interval){.plain = false};
            if (y.plain && (y.lo > x.hi || x.lo > y.hi)) {
                lint_note(l, r, t, LINT_EMPTY_RANGE, "no number lies in this range and in that of an earlier test: it can never match");
                break;
            }
        }
    }
}

/* ------------------------------------------------------------------ contents */

/* A content that can stand at one place only, counted from the start. */
static bool fixed(const struct rule_test *t, int64_t *at)
{
    const struct test_content *c = &t->u.content;
    if (t->kind != TEST_CONTENT || (c->flags & (CONTENT_NEGATED | CONTENT_RELATIVE)) || c->offset.var >= 0 || c->depth.var >= 0)
        return false;
    *at = c->flags & CONTENT_STARTS ? 0 : c->flags & CONTENT_OFFSET ? c->offset.v : 0;
    return (c->flags & CONTENT_STARTS) || ((c->flags & CONTENT_DEPTH) && c->depth.v == c->bytes.n);
}

static bool same_buffer(const struct rule_test *a, const struct rule_test *b)
{
    return a->where == b->where && a->instance == b->instance && a->tx_dir == b->tx_dir;
}

static uint8_t low(uint8_t c) { return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c; }

static bool clash(const struct rule_test *a, int64_t at, const struct rule_test *b, int64_t bt)
{
    const struct str *x = &a->u.content.bytes, *y = &b->u.content.bytes;
    bool nocase = (a->u.content.flags | b->u.content.flags) & CONTENT_NOCASE;
    for (uint32_t k = 0; k < x->n; k++) {
        int64_t m = at + k - bt;
        if (m < 0 || m >= y->n)
            continue;
        if (nocase ? low(x->p[k]) != low(y->p[m]) : x->p[k] != y->p[m])
            return true;
    }
    return false;
}

/* Anywhere in the buffer. */
static bool anywhere(const struct test_content *c)
{
    return !(c->flags & (CONTENT_RELATIVE | CONTENT_OFFSET | CONTENT_DEPTH | CONTENT_STARTS | CONTENT_ENDS));
}

/* What must be there holds what must not be. */
static bool denied(const struct rule_test *must, const struct rule_test *not)
{
    const struct test_content *a = &must->u.content, *b = &not->u.content;
    if (must->kind != TEST_CONTENT || not->kind != TEST_CONTENT || (a->flags & CONTENT_NEGATED) ||
        !(b->flags & CONTENT_NEGATED) || !anywhere(b) || b->bytes.n > a->bytes.n || !b->bytes.n)
        return false;
    if ((a->flags & CONTENT_NOCASE) && !(b->flags & CONTENT_NOCASE))
        return false;
    bool nocase = b->flags & CONTENT_NOCASE;
    for (uint32_t k = 0; k + b->bytes.n <= a->bytes.n; k++) {
        uint32_t m = 0;
        while (m < b->bytes.n && (nocase ? low(a->bytes.p[k + m]) == low(b->bytes.p[m]) : a->bytes.p[k + m] == b->bytes.p[m]))
            m++;
        if (m == b->bytes.n)
            return true;
    }
    return false;
}

/* A content may be judged in the packet while another one is in the stream's view: but both hold in one of the two. */
static void contents(const struct lint *l, const struct rule *r)
{
    for (unsigned i = 0; i < r->n_tests; i++)
        for (unsigned k = 0; k < i; k++) {
            const struct rule_test *a = &r->tests[k], *b = &r->tests[i];
            int64_t at, bt;
            if (a->kind != TEST_CONTENT || b->kind != TEST_CONTENT || !same_buffer(a, b))
                continue;
            if (fixed(a, &at) && fixed(b, &bt) && clash(a, at, b, bt)) {
                lint_note(l, r, b, LINT_CONTENTS_CONTRADICT, "at this place an earlier content wants other bytes: it can never match");
                return;
            }
            if (denied(a, b) || denied(b, a)) {
                lint_note(l, r, b, LINT_CONTENTS_CONTRADICT, "what must be there holds what must not be: it can never match");
                return;
            }
        }
}

/* ------------------------------------------------------------------ bits */

static void bits(const struct lint *l, const struct rule *r)
{
    for (unsigned i = 0; i < r->n_tests; i++)
        for (unsigned k = 0; k < r->n_tests; k++) {
            const struct test_bits *a = &r->tests[i].u.bits, *b = &r->tests[k].u.bits;
            if (r->tests[i].kind != TEST_BITS || r->tests[k].kind != TEST_BITS || a->cmd != BITS_ISSET || b->cmd != BITS_ISNOTSET ||
                a->n != 1 || b->n != 1 || a->id[0] != b->id[0] || a->scope != b->scope)
                continue;
            lint_note(l, r, &r->tests[i > k ? i : k], LINT_BITS_CONTRADICT,
                      "the bit " STR_FMT " must be set and not be set: it can never match", STR_ARG(l->s->bits[a->id[0]]));
            return;
        }
}

void lint_never(const struct lint *l, const struct rule *r)
{
    ranges(l, r);
    contents(l, r);
    bits(l, r);
}
