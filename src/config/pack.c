/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A configuration as bytes: the supervisor reads files, its children open none and get this.
 *
 * Layout (numbers little-endian as the machine has them, one host only): magic, format, tree of
 * `root`, tree of `snort_vars`, rule files, lines.  A node: kind, from, name, line, column, file
 * (a string, or empty for that of the node before), value or children.  A string: length, bytes.
 */
#include "config/tree.h"

#include "base/cursor.h"
#include "base/sbuf.h"

#include <errno.h>
#include <string.h>

#define PACK_MAGIC 0x31464352u

static void put_u32(struct sbuf *b, uint32_t v)
{
    sbuf_put(b, &v, sizeof(v));
}

static void put_text(struct sbuf *b, const char *s)
{
    /* NULL and "" differ: length 0 is NULL. */
    size_t n = s ? strlen(s) + 1 : 0;
    put_u32(b, (uint32_t)n);
    if (n)
        sbuf_put(b, s, n);
}

static void put_node(struct sbuf *b, const struct conf_node *n, const char **file, unsigned depth)
{
    if (depth > CONF_DEPTH)
        return;
    sbuf_byte(b, (uint8_t)n->kind);
    sbuf_byte(b, (uint8_t)n->from);
    put_text(b, n->name);
    put_u32(b, n->line);
    put_u32(b, n->column);
    bool same = n->file == *file || (n->file && *file && !strcmp(n->file, *file));
    sbuf_byte(b, same);
    if (!same)
        put_text(b, n->file);
    *file = n->file;
    if (n->kind == CONF_SCALAR) {
        put_text(b, n->value);
        return;
    }
    uint32_t kids = 0;
    for (const struct conf_node *k = n->child; k && depth < CONF_DEPTH; k = k->next)
        kids++;
    put_u32(b, kids);
    for (const struct conf_node *k = n->child; k && depth < CONF_DEPTH; k = k->next)
        put_node(b, k, file, depth + 1);
}

int conf_pack(const struct conf *c, struct sbuf *out)
{
    const char *file = NULL;
    put_u32(out, PACK_MAGIC);
    sbuf_byte(out, (uint8_t)c->format);
    put_node(out, c->root, &file, 0);
    put_node(out, c->snort_vars, &file, 0);
    const struct conf_rule_file *r = c->rules.p;
    put_u32(out, (uint32_t)c->rules.n);
    for (size_t i = 0; i < c->rules.n; i++) {
        put_text(out, r[i].path);
        put_text(out, r[i].dialect);
        sbuf_byte(out, r[i].embedded);
    }
    for (unsigned k = 0; k < CONF_LINE_KINDS; k++) {
        const struct conf_line *l = c->lines[k].p;
        put_u32(out, (uint32_t)c->lines[k].n);
        for (size_t i = 0; i < c->lines[k].n; i++) {
            put_text(out, l[i].file);
            put_text(out, l[i].text);
            put_u32(out, l[i].line);
        }
    }
    return out->failed ? -ENOMEM : 0;
}

/* ---- and back */

struct unpack {
    struct conf *c;
    struct cursor in;
    const char *file;
};

static uint32_t get_u32(struct unpack *u)
{
    uint32_t v = 0;
    const uint8_t *p = cur_take(&u->in, sizeof(v));
    if (p)
        memcpy(&v, p, sizeof(v));
    return v;
}

static const char *get_text(struct unpack *u)
{
    uint32_t n = get_u32(u);
    const uint8_t *p = n ? cur_take(&u->in, n) : NULL;
    if (!p)
        return NULL;
    if (p[n - 1] || memchr(p, 0, n - 1)) {
        u->in.bad = true;
        return NULL;
    }
    const char *s = (const char *)arena_dup(&u->c->arena, p, n - 1).p;
    u->in.bad |= !s;
    return s;
}

static void get_node(struct unpack *u, struct conf_node *n, unsigned depth);

static void get_kids(struct unpack *u, struct conf_node *n, unsigned depth)
{
    uint32_t kids = get_u32(u);
    for (uint32_t k = 0; k < kids && !u->in.bad; k++) {
        struct conf_node *kid = depth < CONF_DEPTH ? tree_new(u->c, "", 0) : NULL;
        if (!kid || !tree_append(u->c, n, kid))
            u->in.bad = true;
        else
            get_node(u, kid, depth + 1);
    }
}

static void get_node(struct unpack *u, struct conf_node *n, unsigned depth)
{
    uint8_t kind = cur_u8(&u->in), from = cur_u8(&u->in);
    const char *name = get_text(u);
    n->line = get_u32(u);
    n->column = get_u32(u);
    if (!cur_u8(&u->in))
        u->file = get_text(u);
    n->file = u->file;
    if (kind > CONF_LIST || from > CONF_SET || !name)
        u->in.bad = true;
    if (u->in.bad)
        return;
    n->kind = (enum conf_kind)kind;
    n->from = (enum conf_from)from;
    n->name = name;
    if (n->kind == CONF_SCALAR) {
        n->value = get_text(u);
        u->in.bad |= !n->value;
    } else {
        get_kids(u, n, depth);
    }
}

static void get_rules(struct unpack *u)
{
    uint32_t n = get_u32(u);
    u->c->rules.n = 0;
    for (uint32_t i = 0; i < n && !u->in.bad; i++) {
        struct conf_rule_file *r = array_add(u->c, &u->c->rules, sizeof(*r));
        if (!r) {
            u->in.bad = true;
            return;
        }
        *r = (struct conf_rule_file){.path = get_text(u), .dialect = get_text(u)};
        r->embedded = cur_u8(&u->in) != 0;
        u->in.bad |= !r->path;
    }
}

static void get_lines(struct unpack *u, struct conf_array *a)
{
    uint32_t n = get_u32(u);
    for (uint32_t i = 0; i < n && !u->in.bad; i++) {
        struct conf_line *l = array_add(u->c, a, sizeof(*l));
        if (!l) {
            u->in.bad = true;
            return;
        }
        const char *file = get_text(u), *text = get_text(u);
        *l = (struct conf_line){.file = file, .text = text, .line = get_u32(u)};
        u->in.bad |= !text;
    }
}

static int unpack(struct unpack *u)
{
    struct arena mem;
    struct diags quiet; /* told where the files were read */
    if (get_u32(u) != PACK_MAGIC)
        return -EINVAL;
    uint8_t format = cur_u8(&u->in);
    if (format > CONF_FORMAT_SNORT)
        return -EINVAL;
    u->c->format = (enum conf_format)format;
    u->c->no_files = true;
    get_node(u, u->c->root, 0);
    get_node(u, u->c->snort_vars, 0);
    if (u->in.bad)
        return -EINVAL;
    arena_init(&mem, 0, 0);
    diags_init(&quiet, &mem);
    int rc = conf_finish(u->c, &quiet);
    arena_done(&mem);
    if (rc == -ENOMEM)
        return rc;
    get_rules(u);
    for (unsigned k = 0; k < CONF_LINE_KINDS; k++)
        get_lines(u, &u->c->lines[k]);
    return u->in.bad || cur_left(&u->in) ? -EINVAL : 0;
}

struct conf *conf_unpack(const void *p, size_t n)
{
    struct unpack u = {.c = conf_new(), .in = cur_of(p, n)};
    if (u.c && unpack(&u)) {
        conf_free(u.c);
        return NULL;
    }
    return u.c;
}
