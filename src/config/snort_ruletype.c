/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ruletype NAME { type ACTION  output ... }: an action of the configuration's own.
 *
 * It becomes an entry of `ruletypes`; its outputs stand with the others and say whose they are.
 */
#include "config/snort.h"

#include "base/find.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const actions[] = {"alert", "log",   "pass",  "activate", "dynamic",
                                      "drop",  "sdrop", "block", "reject"};

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The next word: braces stand alone. */
static struct str word_of(struct str *left)
{
    struct str t = str_trim(*left);
    uint32_t n = 0;
    while (n < t.n && !is_blank(t.p[n]) && t.p[n] != ':' && t.p[n] != '{' && t.p[n] != '}')
        n++;
    n += n == 0 && t.n;
    *left = str_trim(str_skip(t, n));
    return str_first(t, n);
}

/* A line's output ends at the next one, or at the brace. */
static struct str output_of(struct str *left)
{
    struct str t = *left;
    uint32_t n = 0;
    for (; n < t.n && t.p[n] != '}'; n++)
        if (n && is_blank(t.p[n - 1]) && str_starts(str_skip(t, n), STR("output ")))
            break;
    *left = str_skip(t, n);
    return str_trim(str_first(t, n));
}

static int take_type(struct snort *s, struct str word)
{
    struct str had = STR("");
    for (size_t i = 0; i < ARRAY_LEN(actions); i++)
        if (str_eq(word, str_cstr(actions[i])))
            had = str_cstr(actions[i]);
    if (!had.n) {
        snort_warn(
            s, "ruletype %s: type %.*s: alert, log, pass, drop, sdrop, reject, activate or dynamic",
            s->ruletype, (int)u32_min(word.n, 60), (const char *)word.p);
        return 0;
    }
    if (s->again || conf_ruletype_find(s->c, str_cstr(s->ruletype)) >= 0) {
        snort_warn(s, "ruletype %s stands twice: the first holds", s->ruletype);
        s->typed = true;
        return 0;
    }
    const struct conf_node *list = conf_node(s->c, "ruletypes");
    unsigned n = 0;
    for (const struct conf_node *k = list ? list->child : NULL; k; k = k->next)
        n++;
    if (n >= CONF_RULETYPES) {
        snort_warn(s, "ruletype %s: more than %d are not taken", s->ruletype, CONF_RULETYPES);
        return 0;
    }
    struct conf_node *map = snort_item_map(s, "ruletypes", s->ruletype);
    s->typed = true;
    return map ? snort_put(s, map, "type", had) : -ENOMEM;
}

static void end(struct snort *s)
{
    if (!s->typed)
        snort_warn(s, "ruletype %s: no type: its rules are refused", s->ruletype);
    s->in_ruletype = false;
    s->ruletype = NULL;
}

int snort_ruletype_line(struct snort *s, struct str text)
{
    int rc = 0;
    while (!rc && s->in_ruletype && (text = str_trim(text)).n && text.p[0] != '#') {
        struct str w = word_of(&text);
        if (str_eq(w, STR("}"))) {
            end(s);
        } else if (str_eq(w, STR("type"))) {
            if (text.n && text.p[0] == ':')
                text = str_trim(str_skip(text, 1));
            rc = take_type(s, word_of(&text));
        } else if (str_eq(w, STR("output"))) {
            struct str out = output_of(&text);
            rc = s->again ? 0 : snort_output(s, out);
        } else if (!str_eq(w, STR("{"))) {
            snort_warn(s, "ruletype %s: %.*s is not taken: type and output are", s->ruletype,
                       (int)u32_min(w.n, 60), (const char *)w.p);
            text = str_skip(text, text.n);
        }
    }
    return rc;
}

int snort_ruletype(struct snort *s, struct str args)
{
    struct str name = word_of(&args);
    struct str copy = arena_dup(&s->c->arena, name.p, name.n);
    if (!copy.p)
        return -ENOMEM;
    s->ruletype = (const char *)copy.p;
    s->in_ruletype = true;
    s->typed = false;
    s->again = conf_ruletype_find(s->c, name) >= 0;
    return snort_ruletype_line(s, args);
}

/* ------------------------------------------------------------------ in rule files */

enum { TYPE_FILES = 256 };
struct type_scan {
    struct snort s;
    unsigned n, depth; /* files that were read; that include the one at hand */
    struct {
        dev_t dev;
        ino_t ino;
    } file[TYPE_FILES];
};

static int scan_file(struct type_scan *x, const char *path);

/* As the reader of rules finds it: beside the file, else below default-rule-path. */
static int scan_include(struct type_scan *x, struct str args)
{
    struct snort *s = &x->s;
    const struct snort outer = *s;
    struct sbuf name;
    sbuf_init(&name);
    int rc = snort_expand(s, snort_inside(args), true, &name, 0);
    const char *z = rc ? NULL : sbuf_z(&name), *dir = conf_str(s->c, "default-rule-path");
    const char *path = z ? path_beside(s->c, s->file, z) : NULL;
    if (path && *z != '/' && dir && *dir && access(path, F_OK))
        path = (const char *)arena_printf(&s->c->arena, "%s/%s", dir, z).p;
    sbuf_done(&name);
    if (!path)
        return -ENOMEM;
    if (x->depth + 1 >= CONF_INCLUDES) /* the reader of rules says so */
        return 0;
    x->depth++;
    rc = scan_file(x, path);
    x->depth--;
    s->file = outer.file;
    s->line = outer.line;
    s->in_ruletype = false;
    s->ruletype = NULL;
    return rc;
}

static int scan_line(struct type_scan *x, struct str text)
{
    struct str args, word = snort_name(text, &args);
    if (str_eq(word, STR("include")))
        return scan_include(x, args);
    if (str_eq(word, STR("ruletype")))
        return snort_ruletype(&x->s, args);
    /* A block that is not closed hides no rules. */
    if (x->s.in_ruletype && (snort_is_action(&x->s, word) || str_chr(text, ';') >= 0))
        x->s.in_ruletype = false;
    return x->s.in_ruletype ? snort_ruletype_line(&x->s, text) : 0;
}

static bool has_word(const char *text, size_t n, const char *word)
{
    return find_bytes((const uint8_t *)text, n, (const uint8_t *)word, (uint32_t)strlen(word), false) != NULL;
}

static int scan_text(struct type_scan *x, const char *text, size_t n)
{
    struct sbuf one;
    struct snort_lines l = {.left = str_of(text, n)};
    int rc = 0;
    sbuf_init(&one);
    while (!rc && snort_lines_next(&l, &one, &x->s.line))
        rc = one.failed ? -ENOMEM : scan_line(x, str_trim(sbuf_view(&one)));
    sbuf_done(&one);
    return rc;
}

/* Each file once, so that includes come to an end. */
static bool scan_is_new(struct type_scan *x, const char *path)
{
    struct stat st;
    if (stat(path, &st) || x->n == TYPE_FILES)
        return false;
    for (unsigned k = 0; k < x->n; k++)
        if (x->file[k].dev == st.st_dev && x->file[k].ino == st.st_ino)
            return false;
    x->file[x->n].dev = st.st_dev;
    x->file[x->n++].ino = st.st_ino;
    return true;
}

/* What can't be read is told by the reader of rules. */
static int scan_file(struct type_scan *x, const char *path)
{
    char *text;
    size_t n;
    if (x->s.c->no_files || !scan_is_new(x, path) || file_read(path, &text, &n))
        return 0;
    x->s.file = path;
    int rc = has_word(text, n, "ruletype") || has_word(text, n, "include ") ? scan_text(x, text, n) : 0;
    free(text);
    return rc;
}

int conf_ruletypes_of(struct conf *c, const char *path, struct diags *d)
{
    const struct conf_rule_file *f;
    size_t n = conf_rule_files(c, &f);
    for (size_t i = 0; i < n && c->format == CONF_FORMAT_SNORT; i++)
        if (!strcmp(f[i].path, path)) /* the reader of the configuration was there */
            return 0;
    struct str own = arena_dup(&c->arena, path, strlen(path) + 1);
    struct type_scan x = {.s = {.c = c, .d = d}};
    return own.p ? scan_file(&x, (const char *)own.p) : -ENOMEM;
}
