/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * var, ipvar and portvar in rule files: they hold from their line on, in the files that are read
 * later as well, as Snort 2 reads them.
 *
 * A value's references to variables of files are replaced where it is defined, so none can lead in
 * a circle; those to the configuration's stay.  A rule has the number of definitions before it;
 * `$X` in its header is replaced by the last one among these.  What the command line sets wins.
 */
#include "rules/load.h"

#include "rules/expr.h"

#include "base/sbuf.h"
#include "config/config.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum { DEFS_MOST = 4096, VALUE_MOST = 65536 };

void file_vars_done(struct file_vars *v)
{
    free(v->def);
    free(v->mark);
    *v = (struct file_vars){0};
}

int file_vars_mark(struct file_vars *v, uint32_t src, uint32_t line)
{
    if (!v->n)
        return 0; /* none anywhere so far */
    if (v->n_marks && v->mark[v->n_marks - 1].src == src && v->mark[v->n_marks - 1].n == v->n)
        return 0;
    if (v->n_marks == v->marks_room) {
        uint32_t room = v->marks_room ? v->marks_room * 2 : 64;
        struct file_var_mark *more = realloc(v->mark, room * sizeof(*more));
        if (!more)
            return -ENOMEM;
        v->mark = more;
        v->marks_room = room;
    }
    v->mark[v->n_marks++] = (struct file_var_mark){src, line, v->n};
    return 0;
}

uint32_t file_vars_at(const struct file_vars *v, uint32_t src, uint32_t line)
{
    uint32_t n = 0;
    for (uint32_t i = 0; v && i < v->n_marks; i++)
        if (v->mark[i].src == src && v->mark[i].line <= line)
            n = v->mark[i].n;
    return n;
}

static const struct file_var *find(const struct file_vars *v, uint32_t n, bool port,
                                   struct str name)
{
    for (uint32_t i = n; i; i--) {
        const struct file_var *d = &v->def[i - 1];
        if ((port ? d->port : d->address) && str_eq(d->name, name))
            return d;
    }
    return NULL;
}

const struct file_var *file_vars_find(const struct file_vars *v, struct str name)
{
    const struct file_var *d = find(v, v->n, false, name);
    return d ? d : find(v, v->n, true, name);
}

static bool in_name(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_';
}

static void value_put(struct sbuf *b, struct str value)
{
    bool wrap = value.n && value.p[0] == '!';
    if (wrap)
        sbuf_byte(b, '[');
    sbuf_str(b, value);
    if (wrap)
        sbuf_byte(b, ']');
}

struct str file_vars_expand(const struct file_vars *v, uint32_t n, bool port, struct str text,
                            struct arena *a)
{
    struct sbuf b;
    bool any = false;
    if (!v || !n || str_chr(text, '$') < 0)
        return text;
    sbuf_init(&b);
    for (uint32_t i = 0; i < text.n && b.n < VALUE_MOST;) {
        uint32_t k = i + 1;
        while (text.p[i] == '$' && k < text.n && in_name(text.p[k]))
            k++;
        const struct file_var *d =
            k > i + 1 ? find(v, n, port, (struct str){text.p + i + 1, k - i - 1}) : NULL;
        d = d && d->same ? NULL : d;
        any |= d != NULL;
        if (d)
            value_put(&b, d->value);
        else
            sbuf_put(&b, text.p + i, k - i);
        i = k;
    }
    struct str out = text;
    if (any)
        out = b.failed ? (struct str){0} : arena_dup(a, b.p, b.n);
    sbuf_done(&b);
    return out;
}

/* Does a value mean something, with what is defined so far? */
static bool value_good(struct str value, bool port, const struct rules_options *o, struct arena *a,
                       struct diags *why)
{
    struct ip_ranges r;
    uint8_t bits[8192];
    diags_init(why, a);
    return (port ? port_resolve(value, o->var, o->ctx, !o->var, bits, why)
                 : addr_resolve(a, value, o->var, o->ctx, !o->var, &r, why)) == 0;
}

/* The command line's word counts for more. */
static bool set_outside(const struct rules_options *o, bool port, struct str name)
{
    char z[128];
    if (!o->conf || name.n >= sizeof(z))
        return false;
    memcpy(z, name.p, name.n);
    z[name.n] = 0;
    const struct conf_node *n = conf_var_node(o->conf, port, z);
    return n && n->from == CONF_SET;
}

static bool wrong(struct diags *d, const char *file, uint32_t line, const char *hint,
                  struct str name, const char *why)
{
    diag_add(d, DIAG_ERROR, file, line, 1, hint, "variable " STR_FMT ": %s: the line is left out",
             STR_ARG(str_first(name, 60)), why);
    return false;
}

static bool definition_good(struct file_vars *v, const struct file_var *f,
                            const struct rules_options *o, struct arena *a, const char *file,
                            uint32_t line, struct diags *d)
{
    static const char hint[] = "ipvar NAME [10.0.0.0/8,!10.1.0.0/16], portvar NAME [80,8000:8080]";
    struct diags why;
    uint32_t n = 0;
    while (n < f->name.n && in_name(f->name.p[n]))
        n++;
    if (!n || n < f->name.n || !f->value.n)
        return wrong(d, file, line, hint, f->name, "a variable needs a name and a value");
    if (v->n == DEFS_MOST)
        return wrong(d, file, line, "define fewer", f->name,
                     "there are more than 4096 definitions");
    if (f->address && f->port) /* var: perhaps a folder */
        return true;
    return value_good(f->value, f->port, o, a, &why) ||
           wrong(d, file, line, hint, f->name, why.first ? why.first->reason : "it means nothing");
}

int file_vars_line(struct file_vars *v, struct str text, const struct rules_options *o,
                   struct arena *a, const char *file, uint32_t line, bool silent, struct diags *d)
{
    struct arena scratch;
    struct diags own;
    uint32_t n = 0;
    struct file_var f = {.address = !str_starts(text, STR("portvar")),
                         .port = !str_starts(text, STR("ipvar"))};
    while (text.n && text.p[0] != ' ' && text.p[0] != '\t')
        text = str_skip(text, 1);
    text = str_trim(text);
    while (n < text.n && text.p[n] != ' ' && text.p[n] != '\t')
        n++;
    f.name = arena_dup(a, text.p, n);
    f.value = file_vars_expand(v, v->n, !f.address, str_trim(str_skip(text, n)), a);
    f.value = arena_dup(a, f.value.p, f.value.n);
    if (!f.name.p || !f.value.p)
        return -ENOMEM;
    arena_init(&scratch, 0, 0);
    diags_init(&own, &scratch);
    bool good = definition_good(v, &f, o, &scratch, file, line, silent ? &own : d);
    arena_done(&scratch);
    if (!good || set_outside(o, !f.address, f.name))
        return 0;
    const char *set = silent && o->var ? o->var(o->ctx, !f.address, (const char *)f.name.p) : NULL;
    f.same = set && str_eq(f.value, str_cstr(set));
    if (v->n == v->room) {
        uint32_t room = v->room ? v->room * 2 : 32;
        struct file_var *more = realloc(v->def, room * sizeof(*more));
        if (!more)
            return -ENOMEM;
        v->def = more;
        v->room = room;
    }
    v->def[v->n++] = f;
    return 0;
}
