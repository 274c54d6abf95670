/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Notes on rules that load but deserve a look: slow ones, and those that wait for what never comes.
 */
#include "rules/load.h"

#include <stdio.h>
#include <stdlib.h>

enum { LITERAL_SHORT = 4 };

struct lint {
    const struct rule_set *s;
    rules_note_fn *f;
    void *ctx;
    uint8_t *set; /* by bits number: 1 set by an enabled rule */
};

static void note(const struct lint *l, const struct rule *r, const char *kind, const char *text)
{
    l->f(l->ctx, r, kind, text);
}

static void literal_note(const struct lint *l, const struct rule *r)
{
    bool needs = r->type == TYPE_PKT || r->type == TYPE_PKT_STREAM || r->type == TYPE_STREAM ||
                 r->type == TYPE_APP_TX;
    if (!needs || (r->flags & RULE_DISABLED))
        return;
    bool body = false, events = false, negated = false;
    for (unsigned i = 0; i < r->n_tests; i++) {
        uint8_t k = r->tests[i].kind;
        negated |= k == TEST_CONTENT;
        body |= k <= TEST_BASE64_DECODE;
        events |= k == TEST_DECODE_EVENT || k == TEST_STREAM_EVENT || k == TEST_APP_EVENT;
    }
    if (r->fast < 0 && negated) {
        note(l, r, "negated-literal",
             "its contents give the prefilter nothing: negated, or decoded first");
        return;
    }
    if (r->fast < 0) {
        if (body && !events)
            note(l, r, "no-literal",
                 "it has no content for the prefilter: its body is run on all it may concern");
        return;
    }
    const struct test_content *c = &r->tests[r->fast].u.content;
    uint32_t n = c->fast_len ? c->fast_len : c->bytes.n;
    char text[96];
    if (n < LITERAL_SHORT) {
        snprintf(text, sizeof(text), "its content for the prefilter has %u byte%s only", n,
                 n == 1 ? "" : "s");
        note(l, r, "short-literal", text);
    }
}

static void direction_note(const struct lint *l, const struct rule *r)
{
    uint32_t both = RULE_TO_SERVER | RULE_TO_CLIENT;
    if ((r->flags & both) == both && !(r->flags & RULE_TX_WHOLE))
        note(l, r, "two-directions",
             "its buffers belong to different directions: it can never match");
    for (unsigned i = 0; i < r->n_tests; i++) {
        const struct rule_test *t = &r->tests[i];
        const struct test_uint *u = t->kind == TEST_PACKET ? &t->u.packet.uint : &t->u.uint;
        if ((t->kind == TEST_PACKET || t->kind == TEST_BSIZE) && u->op == NUM_IN && u->a > u->b)
            note(l, r, "empty-range", "no number lies in a range of it: it can never match");
    }
}

bool rule_reset_in_vain(const struct rule *r)
{
    return r->response && !(r->response & ~RESP_RST_BOTH) && !(r->transports & RULE_TCP) &&
           !(r->flags & RULE_DISABLED);
}

/* Header fields of one byte against a number that none is above. */
static void bound_note(const struct lint *l, const struct rule *r)
{
    for (unsigned i = 0; i < r->n_tests; i++) {
        const struct rule_test *t = &r->tests[i];
        const struct test_uint *u = &t->u.packet.uint;
        uint8_t f = t->u.packet.field;
        if (t->kind != TEST_PACKET || !(f == PFIELD_TTL || f == PFIELD_TOS || f == PFIELD_ITYPE ||
                                        f == PFIELD_ICODE || f == PFIELD_IP_PROTO))
            continue;
        if ((u->op == NUM_GT && u->a >= UINT8_MAX) || (u->op == NUM_LT && !u->a))
            note(l, r, "empty-range", "no value of a header field lies there: it can never match");
    }
    if (rule_reset_in_vain(r))
        note(l, r, "reset-without-tcp", "it asks for TCP resets alone, and has no TCP: none can be sent");
}

static bool asks(const struct test_bits *b)
{
    return b->cmd == BITS_ISSET && !b->group;
}

static void bits_set_by(const struct lint *l, const struct rule *r)
{
    for (unsigned i = 0; i < r->n_tests; i++) {
        const struct rule_test *t = &r->tests[i];
        if (t->kind == TEST_BITS && (t->u.bits.cmd == BITS_SET || t->u.bits.cmd == BITS_SETX ||
                                     t->u.bits.cmd == BITS_TOGGLE))
            for (unsigned k = 0; k < t->u.bits.n; k++)
                l->set[t->u.bits.id[k]] = 1;
    }
}

static void bits_note(const struct lint *l, const struct rule *r)
{
    for (unsigned i = 0; i < r->n_tests; i++) {
        const struct rule_test *t = &r->tests[i];
        if (t->kind != TEST_BITS || !asks(&t->u.bits))
            continue;
        unsigned missing = 0;
        for (unsigned k = 0; k < t->u.bits.n; k++)
            missing += !l->set[t->u.bits.id[k]];
        bool never = t->u.bits.all ? missing > 0 : missing == t->u.bits.n;
        if (!never)
            continue;
        char text[320];
        struct str name = l->s->bits[t->u.bits.id[0]];
        snprintf(text, sizeof(text), "it waits for the bit " STR_FMT ", which no enabled rule sets",
                 STR_ARG(name));
        note(l, r, "bit-never-set", text);
    }
}

void rules_lint(const struct rule_set *s, rules_note_fn *f, void *ctx)
{
    struct lint l = {.s = s, .f = f, .ctx = ctx, .set = calloc(s->n_bits + 1u, 1)};
    if (!l.set)
        return;
    for (uint32_t i = 0; i < s->n_rules; i++)
        if (!(s->rules[i]->flags & RULE_DISABLED))
            bits_set_by(&l, s->rules[i]);
    for (uint32_t i = 0; i < s->n_rules; i++) {
        const struct rule *r = s->rules[i];
        literal_note(&l, r);
        direction_note(&l, r);
        bound_note(&l, r);
        bits_note(&l, r);
    }
    free(l.set);
}
