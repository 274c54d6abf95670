/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Notes on rules that load but deserve a look: slow ones, those that wait for what never comes, and those that nothing
 * comes of.  What can never match for a reason that the loader knows is refused there: depth less than the content,
 * empty variables ...
 */
#include "rules/lint.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

enum { LITERAL_SHORT = 4 };

void lint_note(const struct lint *l, const struct rule *r, const struct rule_test *t, enum lint_kind kind, const char *fmt, ...)
{
#define WORDS(id, kind, hint) {kind, hint},
    static const struct {
        const char *kind, *hint;
    } words[LINT_KINDS] = {RULE_LINTS(WORDS)};
#undef WORDS
    char text[512];
    va_list v;
    va_start(v, fmt);
    vsnprintf(text, sizeof(text), fmt, v);
    va_end(v);
    struct rule_note n = {.file = r->file,
                          .line = r->line,
                          .column = t && t->column ? t->column : 1,
                          .sid = r->sid,
                          .kind = words[kind].kind,
                          .reason = text,
                          .hint = words[kind].hint};
    l->f(l->ctx, &n);
}

static void literal_note(const struct lint *l, const struct rule *r)
{
    bool needs = r->type == TYPE_PKT || r->type == TYPE_PKT_STREAM || r->type == TYPE_STREAM || r->type == TYPE_APP_TX;
    const struct rule_test *negated = NULL, *body = NULL, *pcre = NULL;
    bool events = false, others = false;
    if (!needs)
        return;
    for (unsigned i = 0; i < r->n_tests; i++) {
        const struct rule_test *t = &r->tests[i];
        if (t->kind == TEST_CONTENT && !negated)
            negated = t;
        if (t->kind == TEST_PCRE && !(t->u.pcre.flags & REGEX_NEGATED) && !pcre)
            pcre = t;
        if (t->kind <= TEST_BASE64_DECODE && !body)
            body = t;
        others |= t->kind <= TEST_BASE64_DECODE && t->kind != TEST_PCRE;
        events |= t->kind == TEST_DECODE_EVENT || t->kind == TEST_STREAM_EVENT || t->kind == TEST_APP_EVENT;
    }
    if (r->fast < 0) {
        if (negated)
            lint_note(l, r, negated, LINT_NEGATED_LITERAL, "its contents give the prefilter nothing: negated, or decoded first");
        else if (pcre && !others && !events)
            lint_note(l, r, pcre, LINT_PCRE_ALONE, "it has a pcre and no content: the expression is run on all it may concern");
        else if (body && !events)
            lint_note(l, r, body, LINT_NO_LITERAL, "it has no content for the prefilter: its body is run on all it may concern");
        return;
    }
    const struct rule_test *fast = &r->tests[r->fast];
    uint32_t n = fast->u.content.fast_len ? fast->u.content.fast_len : fast->u.content.bytes.n;
    if (n < LITERAL_SHORT)
        lint_note(l, r, fast, n == 1 ? LINT_ONE_BYTE_LITERAL : LINT_SHORT_LITERAL,
                  "its content for the prefilter has %u byte%s only", n, n == 1 ? "" : "s");
}

static void direction_note(const struct lint *l, const struct rule *r)
{
    uint32_t both = RULE_TO_SERVER | RULE_TO_CLIENT;
    if ((r->flags & both) == both && !(r->flags & RULE_TX_WHOLE))
        lint_note(l, r, NULL, LINT_TWO_DIRECTIONS, "its buffers belong to different directions: it can never match");
}

bool rule_reset_in_vain(const struct rule *r)
{
    return r->response && !(r->response & ~RESP_RST_BOTH) && !(r->transports & RULE_TCP) && !(r->flags & RULE_DISABLED);
}

/* It matches and nothing comes of it. */
static void effect_note(const struct lint *l, const struct rule *r)
{
    if (!(r->flags & RULE_NOALERT) || (r->flags & (RULE_FILESTORE | RULE_BYPASS | RULE_FIREWALL)) || r->response ||
        r->activates || r->action != ACTION_ALERT)
        return;
    for (unsigned i = 0; i < r->n_tests; i++) {
        const struct rule_test *t = &r->tests[i];
        bool sets = t->kind == TEST_BITS && t->u.bits.cmd != BITS_ISSET && t->u.bits.cmd != BITS_ISNOTSET;
        bool lists = t->kind == TEST_DATASET && (t->u.listed.cmd == LISTED_ADD || t->u.listed.cmd == LISTED_TAKE);
        bool captures = t->kind == TEST_PCRE && t->u.pcre.n_captures;
        if (sets || lists || captures || t->kind == TEST_TAG || t->kind == TEST_FLOWINT || t->kind == TEST_FILESTORE)
            return;
    }
    lint_note(l, r, NULL, LINT_NO_EFFECT, "it writes no alert, sets nothing and answers nothing");
}

/* ------------------------------------------------------------------ bits */

/* One name is another bit for a flow, a host, a pair, a transaction; and a number. */
enum { OF_FLOW, OF_HOST, OF_PAIR, OF_TX, NUMBERS, SPACES };
static uint32_t slot(unsigned space, uint16_t id) { return (uint32_t)id * SPACES + space; }
static unsigned space_of(const struct test_bits *b)
{
    static const uint8_t spaces[] = {[BITS_FLOW] = OF_FLOW, [BITS_HOST_SRC] = OF_HOST, [BITS_HOST_DST] = OF_HOST, [BITS_PAIR] = OF_PAIR,
                                     [BITS_TX] = OF_TX,     [BITS_HOST_BOTH] = OF_HOST};
    return spaces[b->scope];
}

static void number_used_by(const struct lint *l, const struct test_flowint *f)
{
    l->set[slot(NUMBERS, f->id)] |= f->op == '=' || f->op == '+' || f->op == '-';
}

static void bits_used_by(const struct lint *l, const struct rule *r)
{
    for (unsigned i = 0; i < r->n_tests; i++) {
        const struct rule_test *t = &r->tests[i];
        if (t->kind == TEST_FLOWINT)
            number_used_by(l, &t->u.flowint);
        if (t->kind != TEST_BITS)
            continue;
        bool sets = t->u.bits.cmd == BITS_SET || t->u.bits.cmd == BITS_SETX || t->u.bits.cmd == BITS_TOGGLE;
        bool reads = t->u.bits.cmd == BITS_ISSET || t->u.bits.cmd == BITS_ISNOTSET;
        /* A group is asked or cleared as a whole: its bits are of use. */
        bool grouped = t->u.bits.group && (reads || sets);
        for (unsigned k = 0; k < t->u.bits.n && k < ARRAY_LEN(t->u.bits.id); k++) {
            uint32_t at = slot(space_of(&t->u.bits), t->u.bits.id[k]);
            l->set[at] |= sets;
            l->read[at] |= reads || grouped;
        }
    }
}

static void bit_never_set(const struct lint *l, const struct rule *r, const struct rule_test *t)
{
    const struct test_bits *b = &t->u.bits;
    unsigned missing = 0;
    uint16_t first = b->id[0];
    for (unsigned k = b->n; k-- > 0;)
        if (!l->set[slot(space_of(b), b->id[k])]) {
            missing++;
            first = b->id[k];
        }
    bool never = b->n && (b->all ? missing > 0 : missing == b->n);
    if (never)
        lint_note(l, r, t, LINT_BIT_NEVER_SET, "it waits for the bit " STR_FMT ", which no enabled rule sets",
                  STR_ARG(l->s->bits[first]));
}

static void bits_note(const struct lint *l, const struct rule *r)
{
    for (unsigned i = 0; i < r->n_tests; i++) {
        const struct rule_test *t = &r->tests[i];
        if (t->kind != TEST_BITS || t->u.bits.group)
            continue;
        if (t->u.bits.cmd == BITS_ISSET)
            bit_never_set(l, r, t);
        for (unsigned k = 0; k < t->u.bits.n && (t->u.bits.cmd == BITS_SET || t->u.bits.cmd == BITS_SETX); k++)
            if (!l->read[slot(space_of(&t->u.bits), t->u.bits.id[k])]) {
                lint_note(l, r, t, LINT_BIT_NEVER_READ, "it sets the bit " STR_FMT ", which no enabled rule asks for",
                          STR_ARG(l->s->bits[t->u.bits.id[k]]));
                break;
            }
    }
}

/* ------------------------------------------------------------------ what else waits for another rule */

static void waits_note(const struct lint *l, const struct rule *r)
{
    for (unsigned i = 0; i < r->n_tests; i++) {
        const struct rule_test *t = &r->tests[i];
        const struct test_flowint *f = &t->u.flowint;
        bool asks = t->kind == TEST_FLOWINT && f->op != '=' && f->op != '+' && f->op != '-' && f->op != 'u';
        if (asks && !l->set[slot(NUMBERS, f->id)])
            lint_note(l, r, t, LINT_NUMBER_NEVER_SET, "it asks for the number " STR_FMT ", which no enabled rule sets", STR_ARG(l->s->bits[f->id]));
        if (t->kind != TEST_DATASET || (t->u.listed.cmd != LISTED_IS_SET && t->u.listed.cmd != LISTED_SCORE) || t->u.listed.list >= l->s->n_lists)
            continue;
        const struct rule_list *set = &l->s->lists[t->u.listed.list];
        if (!set->n && !set->load.n && !set->changes)
            lint_note(l, r, t, LINT_SET_NEVER_FILLED, "the set " STR_FMT " has no file, and no rule puts anything into it", STR_ARG(set->name));
    }
    bool activated = !r->activated_by;
    for (uint32_t i = 0; i < l->s->n_rules && !activated; i++)
        activated = !(l->s->rules[i]->flags & RULE_DISABLED) && l->s->rules[i]->activates == r->activated_by;
    if (!activated)
        lint_note(l, r, NULL, LINT_NEVER_ACTIVATED, "it waits for number %u, which no enabled rule activates", r->activated_by);
}

static void twice_note(const struct lint *l, const struct rule_refusal *list, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++) {
        const struct rule_refusal *x = &list[i];
        if (!x->twice)
            continue;
        struct rule r = {.file = x->file, .line = x->line, .sid = x->sid};
        struct rule_test t = {.column = x->column};
        lint_note(l, &r, &t, LINT_DUPLICATE_SID, "%s", x->reason);
    }
}

void rules_lint(const struct rule_set *s, rules_lint_fn *f, void *ctx)
{
    struct lint l = {.s = s, .f = f, .ctx = ctx, .set = calloc((s->n_bits + 1u) * SPACES, 1), .read = calloc((s->n_bits + 1u) * SPACES, 1)};
    for (uint32_t i = 0; l.set && l.read && i < s->n_rules; i++)
        if (!(s->rules[i]->flags & RULE_DISABLED))
            bits_used_by(&l, s->rules[i]);
    for (uint32_t i = 0; l.set && l.read && i < s->n_rules; i++) {
        const struct rule *r = s->rules[i];
        if (r->flags & RULE_DISABLED)
            continue;
        literal_note(&l, r);
        direction_note(&l, r);
        lint_never(&l, r);
        if (rule_reset_in_vain(r))
            lint_note(&l, r, NULL, LINT_RESET_WITHOUT_TCP, "it asks for TCP resets alone, and has no TCP: none can be sent");
        bits_note(&l, r);
        waits_note(&l, r);
        effect_note(&l, r);
    }
    twice_note(&l, s->replaced, s->n_replaced);
    twice_note(&l, s->refusals, s->n_refusals);
    free(l.set);
    free(l.read);
}
