/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What stands in a rule file beside rules.
 *
 * Snort reads any statement of its configuration from a rule file, too.  Taken are: include (the
 * file joins the others), variables (file_vars.c), thresholds, classes and references.  Settings
 * belong to the configuration, which is read before and in another place: each such line is warned
 * of.  The other statements of a snort.conf that holds rules itself are the configuration's.
 */
#include "rules/load.h"

#include "config/config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* ---- include */

static bool at_word(struct str line, const char *word)
{
    struct str w = str_cstr(word);
    return str_starts(line, w) && line.n > w.n &&
           (line.p[w.n] == ' ' || line.p[w.n] == '\t' || line.p[w.n] == ':');
}

static bool is_var(struct str line)
{
    return at_word(line, "var") || at_word(line, "ipvar") || at_word(line, "portvar");
}

/* The lines that go on behind a backslash, as one. */
static struct str whole_line(struct include_scan *x, struct str line)
{
    while (line.n && line.p[line.n - 1] == '\\' && x->left.n) {
        struct str rest, more = str_trim(str_split(x->left, '\n', &rest));
        x->left = rest;
        x->next++;
        struct str joined =
            arena_printf(x->arena, STR_FMT " " STR_FMT, STR_ARG(str_first(line, line.n - 1)), STR_ARG(more));
        if (!joined.p)
            break;
        line = joined;
    }
    return line;
}

/*
 * The next include (its path) or variable (the line); false: there is none.  Blocks of Snort 3
 * comments hide them.
 */
bool include_next(struct include_scan *x, struct str *text, bool *var)
{
    while (x->left.n) {
        struct str rest, line = str_trim(str_split(x->left, '\n', &rest));
        x->left = rest;
        x->line = ++x->next;
        if (x->hidden) {
            x->hidden = str_find(line, str_cstr(x->until)) < 0;
            continue;
        }
        bool comment = str_starts(line, STR("/*"));
        if (comment || str_starts(line, STR("#begin"))) {
            x->until = comment ? "*/" : "#end";
            x->hidden = str_find(line, str_cstr(x->until)) < 0;
            continue;
        }
        *var = is_var(line);
        if (*var)
            *text = whole_line(x, line);
        if (*var)
            return true;
        if (!at_word(line, "include"))
            continue;
        line = str_trim(str_skip(line, 8));
        if (line.n > 1 && (line.p[0] == '"' || line.p[0] == '\'') &&
            line.p[line.n - 1] == line.p[0])
            line = (struct str){line.p + 1, line.n - 2};
        *text = line;
        return true;
    }
    return false;
}

/* "$RULE_PATH/x.rules": the variable's value before the rest. */
static bool path_expand(struct str name, const struct rules_options *o, const struct file_vars *v,
                        char *out, size_t room)
{
    struct str value = STR("");
    struct str rest = name;
    if (name.n && name.p[0] == '$') {
        uint32_t n = 1;
        while (n < name.n && name.p[n] != '/')
            n++;
        char var[128];
        if (n < 2 || n > sizeof(var))
            return false;
        memcpy(var, name.p + 1, n - 1);
        var[n - 1] = 0;
        const struct file_var *d = file_vars_find(v, str_cstr(var));
        const char *set = d || !o->var ? NULL : o->var(o->ctx, false, var);
        if (!d && !set)
            return false;
        value = d ? d->value : str_cstr(set);
        rest = str_skip(name, n);
    }
    if (!name.n || memchr(name.p, 0, name.n))
        return false;
    int n = snprintf(out, room, STR_FMT STR_FMT, STR_ARG(value), STR_ARG(rest));
    return n > 0 && (size_t)n < room;
}

/* Beside the file that names it, or else below the folder of rules. */
bool include_path(const char *from, struct str name, const struct rules_options *o,
                  const struct file_vars *v, char *out, size_t room)
{
    char path[2048];
    if (!path_expand(name, o, v, path, sizeof(path)))
        return false;
    const char *slash = strrchr(from, '/');
    int n = path[0] == '/' || !slash
                ? snprintf(out, room, "%s", path)
                : snprintf(out, room, "%.*s/%s", (int)(slash - from), from, path);
    if (n < 0 || (size_t)n >= room)
        return false;
    const char *dir = o->conf ? conf_str(o->conf, "default-rule-path") : NULL;
    if (path[0] == '/' || access(out, F_OK) == 0 || !dir || !*dir)
        return true;
    char below[4200];
    n = snprintf(below, sizeof(below), "%s/%s", dir, path);
    if (n > 0 && (size_t)n < sizeof(below) && (size_t)n < room && access(below, F_OK) == 0)
        memcpy(out, below, (size_t)n + 1);
    return true;
}

/* ---- other statements */

static struct str first_word(struct str s)
{
    uint32_t n = 0;
    while (n < s.n && s.p[n] != ' ' && s.p[n] != '\t' && s.p[n] != ':')
        n++;
    return str_first(s, n);
}

static bool is_threshold(struct str word)
{
    static const char *const words[] = {"event_filter", "suppress", "threshold", "rate_filter"};
    for (unsigned i = 0; i < ARRAY_LEN(words); i++)
        if (str_ieq(word, str_cstr(words[i])))
            return true;
    return false;
}

/* "config classification: ..." */
static bool is_config(struct str text, const char *what)
{
    if (!at_word(text, "config"))
        return false;
    struct str s = str_trim(str_skip(text, 7));
    return str_ieq(first_word(s), str_cstr(what));
}

static const char *hint_of(struct str word)
{
    if (str_ieq(word, STR("include")))
        return "include is followed in files";
    if (str_ieq(word, STR("ruletype")))
        return "define it in the snort.conf, or below ruletypes";
    return "put it into the configuration";
}

static void warn(const struct raw_line *l, const char *file, struct diags *d)
{
    struct str word = first_word(l->text);
    diag_add(d, DIAG_WARNING, file, l->line, 1, hint_of(word),
             "'" STR_FMT "' is not taken from a rule file", STR_ARG(word));
}

/* ruletype NAME: the configuration has taken it (conf_ruletypes_of). */
static bool is_known_type(const struct conf *conf, struct str text)
{
    if (!conf || !at_word(text, "ruletype"))
        return false;
    struct str name = first_word(str_trim(str_skip(text, 8)));
    int64_t brace = str_chr(name, '{');
    return conf_ruletype_find(conf, brace < 0 ? name : str_first(name, (uint32_t)brace)) >= 0;
}

int statements_classes(const struct raw_rules *raw, const struct source *src, struct classes *k,
                       const struct conf *conf, struct diags *d)
{
    int rc = 0;
    for (uint32_t i = 0; i < raw->n_lines && rc != -ENOMEM; i++) {
        const struct raw_line *l = &raw->lines[i];
        const char *file = src[l->file].name;
        if (is_config(l->text, "classification"))
            rc = classes_read_line(k, l->text, file, l->line, d);
        else if (is_config(l->text, "reference"))
            rc = references_read_line(l->text, file, l->line, d);
        else if (!is_threshold(first_word(l->text)) && !is_var(l->text) && !is_known_type(conf, l->text))
            warn(l, file, d);
    }
    return rc == -ENOMEM ? rc : 0;
}

int statements_thresholds(const struct raw_rules *raw, const struct source *src, struct whole *w,
                          struct strtab *addr, const struct rules_options *o,
                          struct threshold_file *t)
{
    int rc = 0;
    for (uint32_t i = 0; i < raw->n_lines && rc != -ENOMEM; i++) {
        const struct raw_line *l = &raw->lines[i];
        if (is_threshold(first_word(l->text)))
            rc = thresholds_read(&w->pub.arena, addr, l->text, src[l->file].name, l->line, false, t,
                                 o->var, o->ctx, &w->pub.diags);
    }
    return rc == -ENOMEM ? rc : 0;
}
