/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Random rules on random payloads: what image and matcher say is what a naive evaluation of the
 * rule says, one that tries every place for everything.  Small alphabets and short payloads make
 * accidents likely.
 */
#include "detect/detect_test.h"
#include "detect/watch.h"

#include <ctype.h>

enum { RULES = 160, PAYLOADS = 160, ROUNDS = 60, TESTS = 5, BYTES = 5, LEN = 28, VARS = 2 };

enum kind { T_CONTENT, T_ISDATAAT, T_BYTE_TEST, T_BYTE_JUMP, T_BYTE_EXTRACT, T_PCRE, T_KINDS };
struct number {
    int v;
    int var; /* -1: none */
};
struct test {
    enum kind kind;
    bool negated, relative, nocase, starts, ends, from_start;
    bool has_offset, has_depth, has_distance, has_within;
    struct number offset, depth, distance, within, value;
    uint8_t bytes[BYTES];
    int n;      /* of bytes, or of the field */
    int op;     /* '<' '>' '=' '&' '^' */
    int result; /* variable */
    int post;
};
struct model {
    struct test t[TESTS];
    int n;
    bool snort;
};

static uint64_t seed;
static unsigned rnd(unsigned n)
{
    seed = hash_mix(seed + 0x9e3779b97f4a7c15u);
    return (unsigned)(seed >> 33) % n;
}
static bool often(unsigned in_ten)
{
    return rnd(10) < in_ten;
}

static const uint8_t letters[] = {'a', 'b', 'B', 'c', 1, 2, 3, 4};
static uint8_t letter(void)
{
    return letters[rnd(sizeof(letters))];
}

/* ------------------------------------------------------------------ making rules */

static struct number number(int lo, int hi, int vars)
{
    struct number n = {.v = lo + (int)rnd((unsigned)(hi - lo + 1)), .var = -1};
    if (vars && often(3))
        n.var = (int)rnd((unsigned)vars);
    return n;
}

static void make_content(struct model *m, struct test *t, int vars)
{
    t->n = 1 + (int)rnd(often(3) ? BYTES : 2);
    for (int k = 0; k < t->n; k++)
        t->bytes[k] = letter();
    t->negated = often(2);
    t->nocase = often(3);
    if (!m->snort && often(1)) {
        t->starts = true;
    } else if (m->n && often(6)) {
        t->relative = true;
        t->has_distance = often(7);
        t->has_within = !t->has_distance || often(5);
        t->distance = number(-6, 6, vars);
        t->within = number(t->n, t->n + 6, 0);
    } else if (often(5)) {
        t->has_offset = often(6);
        t->has_depth = !t->has_offset || often(5);
        t->offset = number(0, 8, vars);
        t->depth = number(t->n, t->n + 8, 0);
    }
    if (!m->snort && !t->starts && !t->has_depth && !t->has_within && !t->negated && often(1))
        t->ends = true;
}

static void make_test(struct model *m, int *vars)
{
    struct test *t = &m->t[m->n];
    *t = (struct test){.kind = (enum kind)rnd(T_KINDS)};
    if (!m->n)
        t->kind = often(8) ? T_CONTENT : t->kind;
    t->relative = m->n && often(5);
    t->offset.var = t->value.var = -1;
    switch (t->kind) {
    case T_CONTENT:
        t->relative = false;
        make_content(m, t, *vars);
        break;
    case T_ISDATAAT:
        t->negated = often(4);
        t->value = number(0, 10, *vars);
        /* Behind a negated content this is an endswith of that content (rules/test_keywords.c). */
        if (m->n && t[-1].kind == T_CONTENT && t[-1].negated && t->value.v == 1)
            t->value.v = 2;
        break;
    case T_BYTE_TEST:
        t->n = 1 + (int)rnd(2);
        t->op = "<>=&^"[rnd(5)];
        t->negated = often(2);
        t->value = number(0, 5, *vars);
        t->offset = number(t->relative ? -3 : 0, 4, 0);
        break;
    case T_BYTE_JUMP:
        t->n = 1;
        t->offset = number(t->relative ? -2 : 0, 3, 0);
        t->post = often(3) ? (int)rnd(5) - 2 : 0;
        t->from_start = often(2);
        break;
    case T_BYTE_EXTRACT:
        t->n = 1;
        t->offset = number(0, 4, 0);
        t->result = *vars < VARS ? (*vars)++ : (int)rnd(VARS);
        break;
    case T_PCRE:
        t->n = 1 + (int)rnd(3);
        for (int k = 0; k < t->n; k++)
            t->bytes[k] = letter();
        t->negated = often(2);
        t->nocase = often(2);
        break;
    case T_KINDS:
        break;
    }
    m->n++;
}

static void make_rule(struct model *m)
{
    int vars = 0;
    *m = (struct model){.snort = often(3)};
    int n = 1 + (int)rnd(TESTS);
    while (m->n < n)
        make_test(m, &vars);
}

/* ------------------------------------------------------------------ as text */

static void put_number(struct sbuf *b, struct number n)
{
    if (n.var >= 0)
        sbuf_printf(b, "v%d", n.var);
    else
        sbuf_printf(b, "%d", n.v);
}

static void put_content(struct sbuf *b, const struct test *t)
{
    sbuf_printf(b, "content:%s\"|", t->negated ? "!" : "");
    sbuf_hex(b, t->bytes, (size_t)t->n);
    sbuf_printf(b, "|\"; %s%s%s", t->nocase ? "nocase; " : "", t->starts ? "startswith; " : "",
                t->ends ? "endswith; " : "");
    const struct {
        bool has;
        const char *word;
        struct number n;
    } w[] = {{t->has_offset, "offset", t->offset},
             {t->has_depth, "depth", t->depth},
             {t->has_distance, "distance", t->distance},
             {t->has_within, "within", t->within}};
    for (unsigned k = 0; k < ARRAY_LEN(w); k++)
        if (w[k].has) {
            sbuf_printf(b, "%s:", w[k].word);
            put_number(b, w[k].n);
            sbuf_cstr(b, "; ");
        }
}

static void put_test(struct sbuf *b, const struct test *t)
{
    const char *rel = t->relative ? ",relative" : "";
    switch (t->kind) {
    case T_CONTENT:
        put_content(b, t);
        break;
    case T_ISDATAAT:
        sbuf_printf(b, "isdataat:%s", t->negated ? "!" : "");
        put_number(b, t->value);
        sbuf_printf(b, "%s; ", rel);
        break;
    case T_BYTE_TEST:
        sbuf_printf(b, "byte_test:%d,%s%c,", t->n, t->negated ? "!" : "", t->op);
        put_number(b, t->value);
        sbuf_printf(b, ",%d%s; ", t->offset.v, rel);
        break;
    case T_BYTE_JUMP:
        sbuf_printf(b, "byte_jump:%d,%d%s%s", t->n, t->offset.v, rel,
                    t->from_start ? ",from_beginning" : "");
        if (t->post)
            sbuf_printf(b, ",post_offset %d", t->post);
        sbuf_cstr(b, "; ");
        break;
    case T_BYTE_EXTRACT:
        sbuf_printf(b, "byte_extract:%d,%d,v%d%s; ", t->n, t->offset.v, t->result, rel);
        break;
    case T_PCRE:
        sbuf_printf(b, "pcre:%s\"/", t->negated ? "!" : "");
        for (int k = 0; k < t->n; k++)
            sbuf_printf(b, "\\x%02x", t->bytes[k]);
        sbuf_printf(b, "/%s%s\"; ", t->nocase ? "i" : "", t->relative ? "R" : "");
        break;
    case T_KINDS:
        break;
    }
}

static void put_rule(struct sbuf *b, const struct model *m, unsigned sid)
{
    sbuf_printf(b, "alert udp any any -> any any (msg:\"r\"; ");
    for (int k = 0; k < m->n; k++)
        put_test(b, &m->t[k]);
    sbuf_printf(b, "sid:%u; rev:1;)\n", sid);
}

/* ------------------------------------------------------------------ the naive way */

struct world {
    const struct model *m;
    const uint8_t *p;
    int n;
};

static bool holds(const struct world *w, int k, int cursor, const int64_t var[VARS]);

static int64_t value(struct number n, const int64_t var[VARS])
{
    return n.var >= 0 ? var[n.var] : n.v;
}

static bool same(const struct world *w, const struct test *t, int64_t at)
{
    for (int k = 0; k < t->n; k++) {
        uint8_t a = w->p[at + k], b = t->bytes[k];
        if (a != b && !(t->nocase && tolower(a) == tolower(b)))
            return false;
    }
    return !t->ends || at + t->n == w->n;
}

static bool content_holds(const struct world *w, int k, int cursor, const int64_t var[VARS])
{
    const struct test *t = &w->m->t[k];
    int64_t lo = 0, hi = w->n;
    if (t->relative) {
        lo = cursor + (t->has_distance ? value(t->distance, var) : 0);
        if (t->has_within)
            hi = lo + value(t->within, var);
    } else {
        lo = t->has_offset ? value(t->offset, var) : 0;
        if (t->has_depth)
            hi = lo + value(t->depth, var);
    }
    if (t->starts)
        hi = t->n;
    if (lo < 0)
        lo = 0;
    if (hi > w->n)
        hi = w->n;
    for (int64_t at = lo; at + t->n <= hi; at++) {
        if (!same(w, t, at))
            continue;
        if (t->negated)
            return false;
        if (holds(w, k + 1, (int)at + t->n, var))
            return true;
    }
    if (t->negated && w->m->snort && lo >= hi)
        return false;
    return t->negated && holds(w, k + 1, cursor, var);
}

static bool pcre_holds(const struct world *w, int k, int cursor, const int64_t var[VARS])
{
    const struct test *t = &w->m->t[k];
    for (int at = t->relative ? cursor : 0; at + t->n <= w->n; at++) {
        if (!same(w, t, at))
            continue;
        if (t->negated)
            return false;
        if (holds(w, k + 1, at + t->n, var))
            return true;
    }
    return t->negated && holds(w, k + 1, cursor, var);
}

static bool field(const struct world *w, const struct test *t, int cursor, uint64_t *v,
                  int64_t *end)
{
    int64_t at = t->offset.v + (t->relative ? cursor : 0);
    if (at < 0 || at + t->n > w->n)
        return false;
    *v = 0;
    for (int k = 0; k < t->n; k++)
        *v = *v << 8 | w->p[at + k];
    *end = at + t->n;
    return true;
}

static bool compared(const struct test *t, uint64_t v, uint64_t want)
{
    bool r = t->op == '<'   ? v < want
             : t->op == '>' ? v > want
             : t->op == '=' ? v == want
             : t->op == '&' ? (v & want) != 0
                            : (v ^ want) != 0;
    return r != t->negated;
}

static bool holds(const struct world *w, int k, int cursor, const int64_t var[VARS])
{
    const struct test *t = &w->m->t[k];
    uint64_t v;
    int64_t end;
    if (k == w->m->n)
        return true;
    switch (t->kind) {
    case T_CONTENT:
        return content_holds(w, k, cursor, var);
    case T_PCRE:
        return pcre_holds(w, k, cursor, var);
    case T_ISDATAAT: {
        int64_t at = value(t->value, var) + (t->relative ? cursor : 0);
        bool there = t->relative && !w->m->snort ? at <= w->n : at < w->n;
        return there != t->negated && holds(w, k + 1, cursor, var);
    }
    case T_BYTE_TEST:
        return field(w, t, cursor, &v, &end) && compared(t, v, (uint64_t)value(t->value, var)) &&
               holds(w, k + 1, cursor, var);
    case T_BYTE_JUMP:
        if (!field(w, t, cursor, &v, &end))
            return false;
        end = (t->from_start ? 0 : end) + (int64_t)v + t->post;
        if (end < 0 && !w->m->snort) /* Suricata: to the start */
            end = 0;
        return end >= 0 && end <= w->n && holds(w, k + 1, (int)end, var);
    case T_BYTE_EXTRACT: {
        int64_t mine[VARS] = {var[0], var[1]};
        if (!field(w, t, cursor, &v, &end))
            return false;
        mine[t->result] = (int64_t)v;
        return holds(w, k + 1, (int)end, mine);
    }
    case T_KINDS:
        break;
    }
    return false;
}

/* ------------------------------------------------------------------ both */

static struct image *build(struct dt *t, struct model m[RULES], bool snort)
{
    char path[64];
    struct rules_options o = {.var = dt_var};
    struct rule_loader *l = rules_begin(&o);
    struct sbuf b;
    sbuf_init(&b);
    for (unsigned k = 0; k < RULES; k++)
        if (m[k].snort == snort)
            put_rule(&b, &m[k], k + 1);
    assert_int_equal(
        rules_add_text(l, "t.rules", sbuf_view(&b), snort ? DIALECT_SNORT2 : DIALECT_SURICATA), 0);
    struct rule_set *s = rules_finish(l, 1);
    assert_non_null(s);
    /* some can never hold, and say so: refused */
    if (s->n_refusals * 4 > s->n_rules)
        fail_msg("%u refused of %u: %s", s->n_refusals, s->n_rules, s->refusals[0].reason);
    sbuf_done(&b);
    dt_path(path);
    assert_int_equal(image_build(s, path, 1, &t->diags), 0);
    rules_free(s);
    struct image *i = image_open(path, &t->diags);
    assert_non_null(i);
    unlink(path);
    return i;
}

static void disagree(const struct model *m, const uint8_t *p, size_t n, bool want)
{
    struct sbuf b;
    sbuf_init(&b);
    put_rule(&b, m, 1);
    sbuf_cstr(&b, "on ");
    sbuf_hex(&b, p, n);
    fail_msg("%s%s: should %smatch", m->snort ? "snort2: " : "", sbuf_z(&b), want ? "" : "not ");
}

/* What is said of a rule under watch is what the engine does with it. */
static void watched_agree(struct watch *w, bool fired)
{
    const struct watch_report *r = watch_report(w);
    assert_int_equal(r->looks, 1);
    assert_int_equal(r->matches, fired);
    assert_int_equal(r->n_match, fired);
    assert_int_equal(r->n_near, 1);
    bool all = true;
    for (unsigned k = 0; k < r->near[0].n; k++)
        all &= r->near[0].step[k].result == WATCH_HOLDS;
    assert_int_equal(all, fired);
    assert_int_equal(r->n_end, !fired);
}

static unsigned compare(struct dt *t, struct model m[RULES], bool snort)
{
    unsigned hits = 0;
    t->image = build(t, m, snort);
    struct overlay_options oo = {.var = dt_var, .version = 1};
    t->overlay = overlay_build(t->image, &oo, &t->diags);
    struct detect_config dc = {.inline_mode = true};
    t->detect = detect_new(&dc, t->overlay);
    assert_non_null(t->detect);
    for (unsigned k = 0; k < PAYLOADS; k++) {
        uint8_t p[LEN];
        size_t n = 1 + rnd(LEN);
        for (size_t x = 0; x < n; x++)
            p[x] = letter();
        struct watch *look = watch_new((uint32_t)rnd(image_n_rules(t->image)));
        assert_non_null(look);
        detect_watch(t->detect, look);
        uint32_t looked = look->rule;
        const struct matches *got = detect_packet(t->detect, dt_udp(t, p, n), NULL);
        assert_int_equal(got->overflow, 0);
        watched_agree(look, dt_hits(t, got, t->image->rules[looked].sid) == 1);
        detect_watch(t->detect, NULL);
        watch_free(look);
        for (unsigned r = 0; r < RULES; r++) {
            if (m[r].snort != snort || image_find_sid(t->image, 1, r + 1) < 0)
                continue;
            static const int64_t none[VARS];
            struct world w = {&m[r], p, (int)n};
            bool want = holds(&w, 0, 0, none);
            if ((dt_hits(t, got, r + 1) == 1) != want)
                disagree(&m[r], p, n, want);
            hits += want;
        }
    }
    assert_int_equal(detect_counters(t->detect)->limit_hits, 0);
    detect_free(t->detect);
    overlay_close(t->overlay);
    image_close(t->image);
    t->detect = NULL;
    t->overlay = NULL;
    t->image = NULL;
    return hits;
}

static void image_and_naive_evaluation_agree(void **state)
{
    (void)state;
    const char *given = getenv("SEED");
    seed = given ? strtoull(given, NULL, 0) : 20261122;
    printf("# seed %llu\n", (unsigned long long)seed);
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct model m[RULES];
        struct dt t;
        dt_init(&t);
        for (unsigned k = 0; k < RULES; k++)
            make_rule(&m[k]);
        unsigned hits = compare(&t, m, false) + compare(&t, m, true);
        assert_true(hits > 500); /* neither nothing nor everything matches */
        assert_true(hits < RULES * PAYLOADS / 2);
        dt_close(&t);
    }
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {cmocka_unit_test(image_and_naive_evaluation_agree)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
