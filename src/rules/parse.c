/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One rule: header, options, checks; and the chunk that it goes into.
 *
 * A rule is parsed in its file's dialect.  If that fails and the rule's own marks say unmistakably
 * that it is another's (a Suricata rule in a Snort 2 file), it is parsed as such.
 */
#include "rules/parse.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

bool no_memory(struct parse *p)
{
    p->c->no_memory = true;
    if (!p->failed) {
        p->failed = true;
        p->reason = "no memory";
        p->hint = NULL;
    }
    return false;
}

/* What to do about a refusal that brings no word of its own: the option's right form. */
static const char *form_hint(struct parse *p, const char *reason)
{
    struct str s = {0}, name = p->opt ? p->opt->name : STR("");
    const struct keyword *k = p->opt ? keyword_find(name, (unsigned)p->d) : NULL;
    const struct app_keyword *app = p->opt && !k ? app_keyword_find(name) : NULL;
    if (strstr(reason, "not built") || strstr(reason, "this build"))
        return "leave the rule out until that is built: the others load";
    if (k && k->flags & KW_NO_VALUE)
        s = arena_printf(p->c->arena, "write %s; without a value", k->name);
    else if (k && k->arg && *k->arg)
        s = arena_printf(p->c->arena, "the form is %s:%s", k->name, k->arg);
    else if (k)
        s = arena_printf(p->c->arena, "%s: %s", k->name, k->help);
    else if (app)
        s = arena_printf(p->c->arena, "the form is %s:%s", app->name, app->arg);
    else if (p->opt)
        s = arena_printf(p->c->arena, "write " STR_FMT "; and a content behind it", STR_ARG(name));
    return s.p ? (const char *)s.p : "compare the rule with one that loads: riposte rules show SID";
}

bool bad(struct parse *p, const char *hint, const char *fmt, ...)
{
    if (p->failed)
        return false;
    p->failed = true;
    char text[300];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    struct str s = arena_dup(p->c->arena, text, strlen(text));
    p->reason = s.p ? (const char *)s.p : "no memory";
    p->hint = hint ? hint : form_hint(p, p->reason);
    return false;
}

int32_t name_id(struct parse *p, struct str name)
{
    int64_t id = strtab_add(&p->c->bits, name, true);
    if (id < 0 || id >= UINT16_MAX) {
        no_memory(p);
        return -1;
    }
    return (int32_t)id;
}

struct rule_test *test_add_at(struct parse *p, enum test_kind kind, uint16_t where,
                              uint8_t instance)
{
    if (p->n == RULE_TESTS_MAX) {
        bad(p, "divide it into two rules", "more than %d tests in a rule", RULE_TESTS_MAX);
        return NULL;
    }
    struct rule_test *t = &p->t[p->n++];
    memset(t, 0, sizeof(*t));
    t->kind = (uint8_t)kind;
    t->where = where;
    t->instance = instance;
    t->column = p->opt ? p->opt->at + 1 : 0;
    if (where && where == p->where) {
        t->tx_dir = p->tx_dir;
        p->sticky_open = false;
    }
    bool match = kind == TEST_CONTENT || kind == TEST_PCRE || kind == TEST_BYTE_TEST ||
                 kind == TEST_BYTE_JUMP || kind == TEST_BYTE_EXTRACT || kind == TEST_BYTE_MATH ||
                 kind == TEST_ISDATAAT;
    if (match)
        p->last_match = (int32_t)p->n - 1;
    return t;
}

struct rule_test *test_add(struct parse *p, enum test_kind kind)
{
    return test_add_at(p, kind, p->where, p->instance);
}

/* ---- the chunk */

int chunk_init(struct chunk *c, struct arena *a, const struct rules_options *o,
               const struct classes *k)
{
    *c = (struct chunk){.arena = a, .o = o, .classes = k};
    arena_init(&c->scratch, 1u << 16, 0);
    arena_init(&c->tmp, 1u << 16, 0);
    strtab_init(&c->addr, a);
    strtab_init(&c->port, a);
    strtab_init(&c->bits, a);
    strtab_init(&c->class_new, a);
    c->kw = arena_alloc(&c->tmp, KW_SLOTS * sizeof(*c->kw));
    c->options = arena_alloc_raw(&c->tmp, RULE_OPTIONS_MAX * sizeof(*c->options));
    c->tests = arena_alloc_raw(&c->tmp, RULE_TESTS_MAX * sizeof(*c->tests));
    c->where = arena_alloc(a, 64 * sizeof(*c->where));
    c->where_room = 64;
    c->n_where = 1; /* the payload */
    if (!c->kw || !c->options || !c->tests || !c->where ||
        strtab_add(&c->addr, STR("any"), false) < 0 || strtab_add(&c->port, STR("any"), false) < 0)
        return -ENOMEM;
    return 0;
}

void chunk_done(struct chunk *c)
{
    arena_done(&c->scratch);
    arena_done(&c->tmp);
}

static void *table_grow(struct chunk *c, void *old, uint32_t n, uint32_t *room, size_t size)
{
    if (n < *room)
        return old;
    uint32_t more = *room ? *room * 2 : 256;
    void *p = arena_alloc_raw(c->arena, more * size);
    if (!p) {
        c->no_memory = true;
        return NULL;
    }
    if (n)
        memcpy(p, old, n * size);
    *room = more;
    return p;
}

/* The sid of a rule that could not be cut into options: where "sid:" stands as a word. */
static uint32_t sid_in_text(struct str s)
{
    for (uint32_t i = 0; i + 4 < s.n; i++) {
        if (memcmp(s.p + i, "sid", 3) != 0 || (i && (isalnum(s.p[i - 1]) || s.p[i - 1] == '_')))
            continue;
        struct str v = str_trim(str_skip(s, i + 3));
        if (!v.n || v.p[0] != ':')
            continue;
        v = str_trim(str_skip(v, 1));
        uint32_t n = 0;
        uint64_t sid = 0;
        while (n < v.n && isdigit(v.p[n]) && n < 11)
            n++;
        if (str_u64(str_first(v, n), &sid) && sid && sid <= UINT32_MAX)
            return (uint32_t)sid;
    }
    return 0;
}

static void refuse(struct chunk *c, const struct raw_rule *raw, const char *file, uint32_t at,
                   uint32_t sid, const char *reason, const char *hint)
{
    struct rule_refusal *r =
        table_grow(c, c->refusals, c->n_refusals, &c->refusals_room, sizeof(*r));
    if (!r)
        return;
    c->refusals = r;
    struct rule_refusal *e = &r[c->n_refusals++];
    sid = sid ? sid : sid_in_text(raw->text);
    *e = (struct rule_refusal){.file = file, .sid = sid, .reason = reason, .hint = hint};
    raw_locate(raw, at, &e->line, &e->column);
}

/* ---- the rule */

static uint32_t sid_of(const struct option *o, uint32_t n)
{
    uint64_t v = 0;
    for (uint32_t i = 0; i < n; i++)
        if (str_eq(o[i].name, STR("sid")) && str_u64(o[i].value, &v) && v <= UINT32_MAX)
            return (uint32_t)v;
    return 0;
}

/* Header and body; a Snort 2 rule may have no body. */
static bool split_rule(struct parse *p, struct str *head, struct str *body)
{
    struct str t = p->raw->text;
    int64_t open = str_chr(t, '(');
    *head = t;
    *body = (struct str){t.p + t.n, 0};
    if (open < 0)
        return p->d == DIALECT_SNORT2 || bad(p, "put (msg:\"...\"; sid:N;) behind the header",
                                             "the rule has no options in parentheses");
    *head = str_first(t, (uint32_t)open);
    if (t.p[t.n - 1] != ')') {
        p->error_at = t.n - 1;
        return bad(p, "the rule ends with ;)", "the closing parenthesis is missing");
    }
    *body = (struct str){t.p + open + 1, t.n - (uint32_t)open - 2};
    return true;
}

static bool split_options(struct parse *p, struct str body, uint32_t *n)
{
    struct chunk *c = p->c;
    uint32_t at = (uint32_t)(body.p - p->raw->text.p), where = 0;
    const char *error = NULL;
    enum split_style style = p->d == DIALECT_SURICATA ? SPLIT_SURICATA
                             : p->d == DIALECT_SNORT3 ? SPLIT_QUOTES
                                                      : SPLIT_SNORT2;
    int rc = options_split(body, at, style, c->options, RULE_OPTIONS_MAX, n, &error, &where);
    if (rc < 0 && style == SPLIT_QUOTES) /* a quote too many: as the others do */
        rc = options_split(body, at, SPLIT_SNORT2, c->options, RULE_OPTIONS_MAX, n, &error, &where);
    if (rc < 0) {
        p->error_at = where;
        return bad(p, "each option ends with a semicolon", "%s", error);
    }
    return true;
}

static bool parse_requires(struct parse *p, uint32_t n)
{
    for (uint32_t i = 0; i < n && p->d == DIALECT_SURICATA; i++)
        if (str_eq(p->c->options[i].name, STR("requires")) &&
            (!option_parse(p, &p->c->options[i]) || p->skip))
            return false;
    return true;
}

static bool parse_body(struct parse *p, uint32_t n)
{
    for (uint32_t i = 0; i < n; i++)
        if (!option_parse(p, &p->c->options[i]))
            return false;
    p->opt = NULL;
    return sticky_close(p);
}

/* Tests and lists move from scratch into the rule. */
static bool settle(struct parse *p)
{
    struct arena *a = p->c->arena;
    struct rule *r = p->r;
    r->tests = arena_alloc_raw(a, p->n * sizeof(*r->tests) + 1);
    r->references = arena_alloc_raw(a, p->n_refs * sizeof(*r->references) + 1);
    r->metadata = arena_alloc_raw(a, p->n_meta * sizeof(*r->metadata) + 1);
    if (!r->tests || !r->references || !r->metadata)
        return no_memory(p);
    if (p->n)
        memcpy(r->tests, p->t, p->n * sizeof(*r->tests));
    if (p->n_refs)
        memcpy(r->references, p->refs, p->n_refs * sizeof(*r->references));
    if (p->n_meta)
        memcpy(r->metadata, p->meta, p->n_meta * sizeof(*r->metadata));
    r->n_tests = (uint16_t)p->n;
    r->n_references = (uint16_t)p->n_refs;
    r->n_metadata = (uint16_t)p->n_meta;
    return true;
}

/* 1: a rule, 0: refused, -1: left out (requires). */
static int parse_as(struct chunk *c, const struct raw_rule *raw, enum rule_dialect d,
                    struct parse *p, uint32_t *sid)
{
    *p = (struct parse){.c = c,
                        .raw = raw,
                        .d = d,
                        .t = c->tests,
                        .last_content = RULE_NO_TEST,
                        .last_match = RULE_NO_TEST};
    struct str head, body;
    uint32_t n = 0;
    p->r = arena_alloc(c->arena, sizeof(*p->r));
    if (!p->r)
        return no_memory(p);
    p->r->gid = 1;
    p->r->fast = -1;
    p->r->dialect = (uint8_t)d;
    if (!split_rule(p, &head, &body) || !split_options(p, body, &n))
        return 0;
    *sid = sid_of(c->options, n);
    if (!parse_requires(p, n))
        return p->skip && !p->failed ? -1 : 0;
    if (!header_parse(p, head, 0) || !parse_body(p, n))
        return 0;
    p->error_at = 0;
    if (!rule_finish(p) || !settle(p))
        return 0;
    return p->skip ? -1 : 1; /* enable:no */
}

static enum rule_dialect dialect_told(const struct raw_rule *raw)
{
    int64_t at = str_find(raw->text, STR("riposte_dialect "));
    if (at < 0)
        return DIALECT_AUTO;
    /* A word of metadata, not of a message or content. */
    int64_t from = at;
    while (from > 0 && raw->text.p[from - 1] != ';' && raw->text.p[from - 1] != '(')
        from--;
    if (!str_starts(str_trim(str_skip(raw->text, (uint32_t)from)), STR("metadata")))
        return DIALECT_AUTO;
    struct str rest = str_skip(raw->text, (uint32_t)at + 16);
    uint32_t n = 0;
    while (n < rest.n && rest.p[n] != ',' && rest.p[n] != ';' && rest.p[n] != ' ')
        n++;
    int d = rule_dialect_find(str_first(rest, n));
    return d > 0 ? (enum rule_dialect)d : DIALECT_AUTO;
}

/* Another dialect that the rule's own marks name without doubt; AUTO: none. */
static enum rule_dialect dialect_marked(const struct raw_rule *raw)
{
    struct marks m;
    rule_marks(raw->text, &m);
    unsigned named = (m.snort2 > 0) + (m.snort3 > 0) + (m.suricata > 0);
    if (named != 1)
        return DIALECT_AUTO;
    return m.snort2 ? DIALECT_SNORT2 : m.snort3 ? DIALECT_SNORT3 : DIALECT_SURICATA;
}

void chunk_rule(struct chunk *c, const struct raw_rule *raw, const char *file)
{
    if (raw->error) {
        refuse(c, raw, file, 0, 0, raw->error, raw->hint);
        return;
    }
    struct parse p, other;
    uint32_t sid = 0;
    enum rule_dialect told = dialect_told(raw), d = told ? told : (enum rule_dialect)raw->dialect;
    int rc = parse_as(c, raw, d, &p, &sid);
    if (rc == 0 && !told) {
        enum rule_dialect marked = dialect_marked(raw);
        if (marked && marked != d && parse_as(c, raw, marked, &other, &sid) == 1) {
            p = other;
            rc = 1;
        }
    }
    if (rc < 0) {
        const char **s = table_grow(c, c->skipped, c->n_skipped, &c->skipped_room, sizeof(*s));
        if (s) {
            c->skipped = s;
            s[c->n_skipped++] = file;
        }
    }
    if (rc == 0)
        refuse(c, raw, file, p.error_at, sid, p.reason, p.hint);
    if (rc == 1) {
        struct rule *r = p.r;
        r->file = file;
        raw_locate(raw, 0, &r->line, &(uint32_t){0});
        r->text = raw->text;
        if (raw->disabled)
            r->flags |= RULE_DISABLED;
        struct rule **rules = table_grow(c, c->rules, c->n_rules, &c->rules_room, sizeof(*rules));
        if (rules) {
            c->rules = rules;
            rules[c->n_rules++] = r;
        }
    }
    arena_reset(&c->scratch);
}
