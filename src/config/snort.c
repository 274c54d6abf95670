/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * snort.conf of Snort 2.8 and 2.9: statements, variables, includes.
 *
 * A file that is included is read twice: once to see what stands in it (rules alone make it a rule
 * file, thresholds, classes or references alone a setting), and once statement by statement.
 */
#include "config/snort.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void snort_warn(struct snort *s, const char *fmt, ...)
{
    char text[600];
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(text, sizeof(text), fmt, args);
    va_end(args);
    diag_add(s->d, DIAG_WARNING, s->file, s->line, 1, NULL, "%s", text);
}

int snort_set(struct snort *s, const char *path, struct str value)
{
    struct conf_node *n = tree_make(s->c, path);
    if (!n || !tree_scalar(s->c, n, (const char *)value.p, value.n))
        return -ENOMEM;
    tree_mark(n, s->file, s->line, 1);
    return 0;
}

int snort_set_z(struct snort *s, const char *path, const char *value)
{
    return snort_set(s, path, str_cstr(value));
}

int snort_put(struct snort *s, struct conf_node *map, const char *key, struct str value)
{
    struct conf_node *n = tree_put(s->c, map, key, strlen(key));
    if (!n || !tree_scalar(s->c, n, (const char *)value.p, value.n))
        return -ENOMEM;
    tree_mark(n, s->file, s->line, 1);
    return 0;
}

static struct conf_node *list_item(struct snort *s, const char *list)
{
    struct conf_node *l = tree_make(s->c, list);
    if (!l || l->kind == CONF_SCALAR)
        return NULL;
    if (!l->file)
        tree_mark(l, s->file, s->line, 1);
    struct conf_node *n = tree_item(s->c, l);
    if (n)
        tree_mark(n, s->file, s->line, 1);
    return n;
}

int snort_item(struct snort *s, const char *list, struct str value)
{
    struct conf_node *n = list_item(s, list);
    if (!n || !tree_scalar(s->c, n, (const char *)value.p, value.n))
        return -ENOMEM;
    tree_mark(n, s->file, s->line, 1);
    return 0;
}

struct conf_node *snort_item_map(struct snort *s, const char *list, const char *name)
{
    struct conf_node *n = list_item(s, list);
    struct conf_node *inner = n ? tree_put(s->c, n, name, strlen(name)) : NULL;
    if (inner)
        tree_mark(inner, s->file, s->line, 1);
    return inner;
}

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

struct str snort_word(struct str *left)
{
    struct str t = *left;
    while (t.n && (is_blank(t.p[0]) || t.p[0] == ','))
        t = str_skip(t, 1);
    uint8_t open = t.n ? t.p[0] : 0;
    uint8_t close = open == '[' ? ']' : open == '{' ? '}' : open == '"' ? '"' : 0;
    uint32_t n = 0, depth = 0;
    for (; n < t.n; n++) {
        uint8_t c = t.p[n];
        if (!close && (is_blank(c) || c == ','))
            break;
        depth += close != '"' && c == open;
        if (close && c == close && n && (close == '"' || --depth == 0)) {
            n++;
            break;
        }
    }
    *left = str_skip(t, n);
    return str_first(t, n);
}

struct str snort_inside(struct str w)
{
    bool closed = w.n > 1 && ((w.p[0] == '[' && w.p[w.n - 1] == ']') ||
                              (w.p[0] == '{' && w.p[w.n - 1] == '}') ||
                              (w.p[0] == '"' && w.p[w.n - 1] == '"'));
    return closed ? str_trim(str_of(w.p + 1, w.n - 2)) : w;
}

struct str snort_name(struct str text, struct str *args)
{
    uint32_t n = 0;
    while (n < text.n && !is_blank(text.p[n]) && text.p[n] != ':')
        n++;
    struct str rest = str_trim(str_skip(text, n));
    if (rest.n && rest.p[0] == ':')
        rest = str_trim(str_skip(rest, 1));
    *args = rest;
    return str_first(text, n);
}

/* ---- variables */

static const char *var_text(struct snort *s, struct str name)
{
    char key[CONF_PATH];
    if (!name.n || name.n >= sizeof(key))
        return NULL;
    memcpy(key, name.p, name.n);
    key[name.n] = 0;
    static const char *const maps[] = {"vars.address-groups", "vars.port-groups"};
    const struct conf_node *n = tree_child(s->c->snort_vars, key);
    for (size_t i = 0; i < ARRAY_LEN(maps) && !n; i++) {
        const struct conf_node *map = conf_node(s->c, maps[i]);
        n = map ? tree_child(map, key) : NULL;
    }
    return n ? n->value : NULL;
}

static bool in_name(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

/* One reference; `mod` is what stands behind the name in $(...). */
static int expand_one(struct snort *s, struct str name, struct str mod, bool all, struct sbuf *out,
                      unsigned depth)
{
    const char *v = var_text(s, name);
    if (v && !all) {
        sbuf_byte(out, '$');
        sbuf_str(out, name);
        return 0;
    }
    if (v)
        return snort_expand(s, str_cstr(v), all, out, depth + 1);
    if (str_starts(mod, STR(":-")))
        return snort_expand(s, str_skip(mod, 2), all, out, depth + 1);
    struct str why =
        str_starts(mod, STR(":?")) ? str_skip(mod, 2) : STR("not defined before its use");
    snort_warn(s, "variable %.*s: %.*s", (int)u32_min(name.n, 100), (const char *)name.p,
               (int)u32_min(why.n, 200), (const char *)why.p);
    sbuf_byte(out, '$');
    sbuf_str(out, name);
    return 0;
}

/* Says so once. */
static bool too_long(struct snort *s, const struct sbuf *out)
{
    if (s->references > SNORT_REFERENCES)
        return true;
    if (++s->references <= SNORT_REFERENCES && out->n <= SNORT_TEXT_BYTES)
        return false;
    s->references = SNORT_REFERENCES + 1;
    snort_warn(s, "variables make too long a text: the rest of it is left out");
    return true;
}

int snort_expand(struct snort *s, struct str text, bool all, struct sbuf *out, unsigned depth)
{
    if (depth > SNORT_VAR_DEPTH) {
        snort_warn(s, "variables refer to each other without end");
        return 0;
    }
    if (depth == 0)
        s->references = 0;
    if (too_long(s, out)) /* each may double what the one before made */
        return 0;
    for (uint32_t i = 0; i < text.n;) {
        if (text.p[i] != '$') {
            sbuf_byte(out, text.p[i++]);
            continue;
        }
        struct str t = str_skip(text, i + 1), mod = {t.p, 0};
        int64_t close = t.n && t.p[0] == '(' ? str_chr(t, ')') : -1;
        uint32_t n = close > 0 ? 1 : 0, from = n;
        while (n < t.n && in_name(t.p[n]))
            n++;
        struct str name = str_first(str_skip(t, from), n - from);
        if (close > 0)
            mod = str_first(str_skip(t, n), (uint32_t)close - u32_min(n, (uint32_t)close));
        if (close < 0 && !all) {
            sbuf_byte(out, '$');
            sbuf_str(out, name);
        } else if (expand_one(s, name, mod, all, out, depth)) {
            return -ENOMEM;
        }
        i += 1 + (close > 0 ? (uint32_t)close + 1 : n);
    }
    return out->failed ? -ENOMEM : 0;
}

/* A variable that names itself means its former value; other references stay. */
static int var_value(struct snort *s, struct str name, struct str text, struct sbuf *out)
{
    struct sbuf tmp;
    sbuf_init(&tmp);
    int rc = snort_expand(s, text, false, &tmp, 0);
    struct str t = sbuf_view(&tmp);
    const char *old = var_text(s, name);
    while (t.n && !rc) {
        bool self = t.p[0] == '$' && str_starts(str_skip(t, 1), name) &&
                    (t.n == name.n + 1 || !in_name(t.p[name.n + 1]));
        if (self && old) {
            if (too_long(s, out))
                break;
            sbuf_cstr(out, old);
        } else {
            sbuf_byte(out, t.p[0]);
        }
        t = str_skip(t, self && old ? name.n + 1 : 1);
    }
    sbuf_done(&tmp);
    return out->failed ? -ENOMEM : rc;
}

static int var_statement(struct snort *s, struct conf_node *map, struct str args)
{
    uint32_t n = 0;
    while (n < args.n && !is_blank(args.p[n]))
        n++;
    struct str name = str_first(args, n), text = str_trim(str_skip(args, n));
    if (!map || !name.n || !text.n || name.n >= CONF_PATH) {
        snort_warn(s, "a variable needs a name and a value");
        return 0;
    }
    struct sbuf value;
    sbuf_init(&value);
    int rc = var_value(s, name, text, &value);
    struct conf_node *k = rc ? NULL : tree_put(s->c, map, (const char *)name.p, name.n);
    if (!rc && (!k || !tree_scalar(s->c, k, (const char *)value.p, value.n)))
        rc = -ENOMEM;
    if (k)
        tree_mark(k, s->file, s->line, 1);
    sbuf_done(&value);
    return rc;
}

static int do_var(struct snort *s, struct str args)
{
    return var_statement(s, s->c->snort_vars, args);
}

static int do_ipvar(struct snort *s, struct str args)
{
    return var_statement(s, tree_make(s->c, "vars.address-groups"), args);
}

static int do_portvar(struct snort *s, struct str args)
{
    return var_statement(s, tree_make(s->c, "vars.port-groups"), args);
}

/* ---- statements */

static int keep_line(struct snort *s, enum conf_line_kind kind, struct str text)
{
    struct conf_line *l = array_add(s->c, &s->c->lines[kind], sizeof(*l));
    const char *copy = (const char *)arena_dup(&s->c->arena, text.p, text.n).p;
    if (!l || !copy)
        return -ENOMEM;
    *l = (struct conf_line){.file = s->file, .text = copy, .line = s->line};
    return 0;
}

static int add_rules(struct snort *s, bool embedded)
{
    struct conf_rule_file *r = array_add(s->c, &s->c->rules, sizeof(*r));
    if (!r)
        return -ENOMEM;
    *r = (struct conf_rule_file){.path = s->file, .dialect = "snort2", .embedded = embedded};
    return 0;
}

static int snort_file(struct snort *s, const char *path, const char *text, size_t n);

static int do_include(struct snort *s, struct str args)
{
    struct sbuf name;
    sbuf_init(&name);
    int rc = snort_expand(s, snort_inside(args), true, &name, 0);
    const char *z = rc ? NULL : sbuf_z(&name);
    const char *path = z ? path_beside(s->c, s->file, z) : NULL;
    sbuf_done(&name);
    if (!path)
        return -ENOMEM;
    if (s->c->no_files)
        return 0;
    char *text;
    size_t n;
    rc = file_read(path, &text, &n);
    if (rc) {
        snort_warn(s, "cannot read include %s: %s", path, strerror(-rc));
        return 0;
    }
    struct conf_include here = {.file = s->file, .line = s->line};
    rc = include_enter(s->c, &here, 1, path, s->d);
    if (!rc) {
        rc = snort_file(s, path, text, n);
        include_leave(s->c, &here);
    }
    s->file = here.file;
    s->line = here.line;
    s->in_ruletype = false;
    s->ruletype = NULL;
    free(text);
    return rc;
}

static int do_nothing(struct snort *s, struct str args)
{
    (void)s;
    (void)args;
    return 0;
}

static int do_so_rules(struct snort *s, struct str args)
{
    (void)args;
    snort_warn(s, "shared-object rules can't be loaded: left out");
    return 0;
}

static int do_threshold(struct snort *s, struct str args)
{
    return keep_line(s, CONF_LINE_THRESHOLD, args);
}

enum kind { KIND_RULE, KIND_THRESHOLD, KIND_CLASS, KIND_REFERENCE, KIND_OTHER, KINDS };

static const struct statement {
    const char *word;
    int (*f)(struct snort *s, struct str args);
} statements[] = {
    {"var", do_var},
    {"ipvar", do_ipvar},
    {"portvar", do_portvar},
    {"include", do_include},
    {"config", snort_config},
    {"preprocessor", snort_preprocessor},
    {"output", snort_output},
    {"ruletype", snort_ruletype},
    {"dynamicpreprocessor", do_nothing},
    {"dynamicengine", do_nothing},
    {"dynamicdetection", do_so_rules},
    {"event_filter", do_threshold},
    {"threshold", do_threshold},
    {"suppress", do_threshold},
    {"rate_filter", do_threshold},
};

bool snort_is_action(const struct snort *s, struct str word)
{
    static const char *const actions[] = {"alert",   "log",    "pass",     "activate",
                                          "dynamic", "drop",   "sdrop",    "block",
                                          "sblock",  "reject", "blacklist"};
    for (size_t i = 0; i < ARRAY_LEN(actions); i++)
        if (str_eq(word, str_cstr(actions[i])))
            return true;
    return conf_ruletype_find(s->c, word) >= 0;
}

static const struct statement *statement_find(struct str word)
{
    for (size_t i = 0; i < ARRAY_LEN(statements); i++)
        if (str_eq(word, str_cstr(statements[i].word)))
            return &statements[i];
    return NULL;
}

static enum kind kind_of(const struct snort *s, struct str text)
{
    struct str args, word = snort_name(text, &args);
    if (snort_is_action(s, word))
        return KIND_RULE;
    const struct statement *st = statement_find(word);
    if (st && st->f == do_threshold)
        return KIND_THRESHOLD;
    if (st && st->f == snort_config) {
        struct str rest, what = snort_name(args, &rest);
        if (str_eq(what, STR("classification")))
            return KIND_CLASS;
        if (str_eq(what, STR("reference")))
            return KIND_REFERENCE;
    }
    return KIND_OTHER;
}

/* ---- lines */

/* Without the backslash at the end (blanks may follow it); false: there is none. */
static bool cut_backslash(struct str *t)
{
    struct str s = str_trim(*t);
    if (!s.n || s.p[s.n - 1] != '\\')
        return false;
    t->n = (uint32_t)(s.p + s.n - 1 - t->p);
    return true;
}

bool snort_lines_next(struct snort_lines *l, struct sbuf *out, uint32_t *line)
{
    sbuf_clear(out);
    bool more = false;
    while (l->left.n) {
        struct str t = str_split(l->left, '\n', &l->left);
        struct str body = str_trim(t);
        uint32_t at = ++l->line;
        if (!more) {
            if (!body.n || body.p[0] == '#' || body.p[0] == ';')
                continue;
            *line = at;
        }
        bool next = cut_backslash(&t);
        sbuf_str(out, more ? t : str_trim(t));
        if (!next)
            return true;
        sbuf_byte(out, ' ');
        more = true;
    }
    return more && out->n > 1;
}

static int statement(struct snort *s, struct str text, bool *has_rules)
{
    if (s->in_ruletype)
        return snort_ruletype_line(s, text);
    enum kind kind = kind_of(s, text);
    if (kind == KIND_RULE) {
        bool first = !*has_rules;
        *has_rules = true;
        return first ? add_rules(s, true) : 0;
    }
    if (kind == KIND_THRESHOLD)
        return keep_line(s, CONF_LINE_THRESHOLD, text);
    if (kind == KIND_CLASS || kind == KIND_REFERENCE)
        return keep_line(s, kind == KIND_CLASS ? CONF_LINE_CLASS : CONF_LINE_REFERENCE, text);
    struct str args, word = snort_name(text, &args);
    const struct statement *st = statement_find(word);
    if (st)
        return st->f(s, args);
    struct name_search near = {.name = word};
    for (size_t i = 0; i < ARRAY_LEN(statements); i++)
        name_offer(&near, statements[i].word);
    snort_warn(s, "unknown statement: %.*s%s%s", (int)u32_min(word.n, 100), (const char *)word.p,
               near.best ? "; did you mean " : "", near.best ? near.best : "");
    return 0;
}

/* An included file of one kind of thing alone needs no reading here. */
static int whole_file(struct snort *s, const uint32_t *count, bool *done)
{
    static const struct {
        enum kind kind;
        const char *path;
    } settings[] = {
        {KIND_THRESHOLD, "threshold-file"},
        {KIND_CLASS, "classification-file"},
        {KIND_REFERENCE, "reference-config-file"},
    };
    uint32_t all = 0;
    for (unsigned k = 0; k < KINDS; k++)
        all += count[k];
    *done = all == 0;
    if (!s->c->inside || !all)
        return 0;
    if (count[KIND_RULE] == all) {
        *done = true;
        return add_rules(s, false);
    }
    for (size_t i = 0; i < ARRAY_LEN(settings); i++) {
        if (count[settings[i].kind] != all || conf_node(s->c, settings[i].path))
            continue;
        *done = true;
        return snort_set_z(s, settings[i].path, s->file);
    }
    return 0;
}

static int snort_file(struct snort *s, const char *path, const char *text, size_t n)
{
    uint32_t count[KINDS] = {0};
    bool done = false, has_rules = false;
    struct sbuf one;
    sbuf_init(&one);
    s->file = path;
    s->line = 1;
    struct snort_lines l = {.left = str_of(text, n)};
    while (snort_lines_next(&l, &one, &s->line))
        count[kind_of(s, sbuf_view(&one))]++;
    int rc = whole_file(s, count, &done);
    l = (struct snort_lines){.left = str_of(text, n)};
    while (!rc && !done && snort_lines_next(&l, &one, &s->line))
        rc = one.failed ? -ENOMEM : statement(s, str_trim(sbuf_view(&one)), &has_rules);
    sbuf_done(&one);
    return rc;
}

int snort_read(struct conf *c, const char *file, const char *text, size_t n, struct diags *d)
{
    struct snort s = {.c = c, .d = d};
    int rc = snort_file(&s, file, text, n);
    /* Snort takes connections up in the middle unless it is told to want the handshake. */
    if (!rc && s.tracks_tcp && !s.needs_3whs && !conf_node(c, "stream.midstream")) {
        s.file = file;
        s.line = 0;
        rc = snort_set_z(&s, "stream.midstream", "yes");
    }
    if (rc && rc != -EINVAL) /* which has been told */
        diag_add(d, DIAG_ERROR, s.file, s.line, 1, NULL, "the configuration is too large");
    return rc ? -EINVAL : 0;
}
