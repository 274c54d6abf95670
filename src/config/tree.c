/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tree of nodes: building, looking up, assigning.
 *
 * All memory is the configuration's arena; a node that is replaced stays there unused.
 */
#include "config/tree.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct tree_node *tn(struct conf_node *n)
{
    return (struct tree_node *)n;
}

struct conf_node *tree_new(struct conf *c, const char *name, size_t name_n)
{
    if (c->nodes >= CONF_NODES)
        return NULL;
    struct tree_node *t = arena_alloc(&c->arena, sizeof(*t));
    struct str copy = arena_dup(&c->arena, name, name_n);
    if (!t || !copy.p)
        return NULL;
    c->nodes++;
    t->n.name = (const char *)copy.p;
    t->n.kind = CONF_MAP;
    t->n.from = CONF_FILE;
    return &t->n;
}

bool tree_append(struct conf *c, struct conf_node *parent, struct conf_node *n)
{
    (void)c;
    struct tree_node *p = tn(parent);
    if (!n || (parent->kind == CONF_MAP && p->kids >= CONF_MAP_KEYS))
        return false;
    n->parent = parent;
    n->next = NULL;
    if (p->last)
        p->last->n.next = n;
    else
        parent->child = n;
    p->last = tn(n);
    p->kids++;
    return true;
}

struct conf_node *tree_child(const struct conf_node *parent, const char *name)
{
    struct conf_node *n = parent->child;
    while (n && strcmp(n->name, name) != 0)
        n = n->next;
    return n;
}

static void tree_empty(struct conf_node *n)
{
    n->child = NULL;
    n->value = NULL;
    n->kind = CONF_MAP;
    n->from = CONF_FILE;
    tn(n)->last = NULL;
    tn(n)->kids = 0;
}

struct conf_node *tree_put(struct conf *c, struct conf_node *parent, const char *name, size_t n)
{
    char key[CONF_PATH];
    if (n >= sizeof(key))
        return NULL;
    memcpy(key, name, n);
    key[n] = 0;
    tree_key_fix(parent, key);
    struct conf_node *old = tree_child(parent, key);
    if (old) {
        tree_empty(old);
        return old;
    }
    struct conf_node *k = tree_new(c, key, n);
    return k && tree_append(c, parent, k) ? k : NULL;
}

struct conf_node *tree_item(struct conf *c, struct conf_node *list)
{
    char name[16];
    int n = snprintf(name, sizeof(name), "%u", tn(list)->kids);
    list->kind = CONF_LIST;
    struct conf_node *k = tree_new(c, name, (size_t)n);
    return k && tree_append(c, list, k) ? k : NULL;
}

bool tree_scalar(struct conf *c, struct conf_node *n, const char *value, size_t len)
{
    struct str copy = arena_dup(&c->arena, value, len);
    if (!copy.p)
        return false;
    tree_empty(n);
    n->kind = CONF_SCALAR;
    n->value = (const char *)copy.p;
    return true;
}

void tree_mark(struct conf_node *n, const char *file, uint32_t line, uint32_t column)
{
    n->file = file;
    n->line = line;
    n->column = column;
}

void tree_key_fix(const struct conf_node *parent, char *key)
{
    if (parent->name &&
        (!strcmp(parent->name, "address-groups") || !strcmp(parent->name, "port-groups")))
        return;
    for (char *p = key; *p; p++)
        if (*p == '_')
            *p = '-';
}

bool tree_copy(struct conf *c, struct conf_node *to, const struct conf_node *from, unsigned depth)
{
    if (depth >= CONF_DEPTH)
        return false;
    tree_empty(to);
    to->kind = from->kind;
    to->value = from->value;
    for (const struct conf_node *k = from->child; k; k = k->next) {
        struct conf_node *copy = tree_new(c, k->name, strlen(k->name));
        if (!copy || !tree_append(c, to, copy) || !tree_copy(c, copy, k, depth + 1))
            return false;
        tree_mark(copy, k->file, k->line, k->column);
    }
    return true;
}

static bool is_number(const char *s)
{
    if (!*s)
        return false;
    while (*s >= '0' && *s <= '9')
        s++;
    return !*s;
}

/* One step of a path that is being made. */
static struct conf_node *make_step(struct conf *c, struct conf_node *at, char *key)
{
    tree_key_fix(at, key);
    struct conf_node *next = tree_child(at, key);
    if (next)
        return next;
    if (at->kind == CONF_SCALAR) {
        /* "- ftp" that gets members becomes "- ftp: {...}"; a plain value gives way. */
        const char *word = at->value;
        tree_empty(at);
        if (*word && !strcmp(word, key) && at->parent && at->parent->kind == CONF_LIST)
            at->kind = CONF_MAP;
    }
    if (!at->child && is_number(key))
        at->kind = CONF_LIST;
    struct conf_node *k = tree_new(c, key, strlen(key));
    if (!k || !tree_append(c, at, k))
        return NULL;
    return k;
}

struct conf_node *tree_make(struct conf *c, const char *path)
{
    char key[CONF_PATH];
    struct conf_node *at = c->root;
    struct str left = str_cstr(path);
    for (unsigned depth = 0; left.n && at; depth++) {
        struct str step = str_split(left, '.', &left);
        if (!step.n || step.n >= sizeof(key) || depth >= CONF_DEPTH)
            return NULL;
        memcpy(key, step.p, step.n);
        key[step.n] = 0;
        at = make_step(c, at, key);
    }
    return at == c->root ? NULL : at;
}

bool tree_set(struct conf *c, const char *path, const char *value, const struct conf_node *where)
{
    struct conf_node *n = tree_make(c, path);
    if (!n || !tree_scalar(c, n, value, strlen(value)))
        return false;
    if (where)
        tree_mark(n, where->file, where->line, where->column);
    return true;
}

const struct conf_node *conf_sub(const struct conf_node *from, const char *path)
{
    char key[CONF_PATH];
    struct str left = str_cstr(path);
    while (left.n && from) {
        struct str step = str_split(left, '.', &left);
        if (step.n >= sizeof(key))
            return NULL;
        if (step.n)
            memcpy(key, step.p, step.n);
        key[step.n] = 0;
        from = tree_child(from, key);
    }
    return from;
}

const struct conf_node *conf_node(const struct conf *c, const char *path)
{
    return conf_sub(c->root, path);
}

const struct conf_node *conf_item(const struct conf_node *item, const char **name)
{
    if (item->kind == CONF_SCALAR) {
        *name = item->value;
        return item;
    }
    if (!item->child) {
        *name = "";
        return item;
    }
    *name = item->child->name;
    return item->child;
}

void *array_add(struct conf *c, struct conf_array *a, size_t item)
{
    if (a->n == a->room) {
        size_t room = a->room ? 2 * a->room : 16;
        void *p = arena_alloc(&c->arena, room * item);
        if (!p)
            return NULL;
        if (a->n)
            memcpy(p, a->p, a->n * item);
        a->p = p;
        a->room = room;
    }
    return (uint8_t *)a->p + item * a->n++;
}

static bool exists(const char *path)
{
    FILE *f = fopen(path, "re");
    if (f)
        fclose(f);
    return f != NULL;
}

static const char *in_dir(struct conf *c, const char *dir, size_t dir_n, const char *path)
{
    return (const char *)arena_printf(&c->arena, "%.*s%s", (int)dir_n, dir, path).p;
}

const char *path_beside(struct conf *c, const char *file, const char *path)
{
    const char *slash = file ? strrchr(file, '/') : NULL;
    if (*path == '/' || !file)
        return in_dir(c, "", 0, path);
    const char *first = in_dir(c, file, slash ? (size_t)(slash - file) + 1 : 0, path);
    if (!first || c->no_files || exists(first))
        return first;
    const char *second = in_dir(c, c->dir, strlen(c->dir), path);
    return second && exists(second) ? second : first;
}

int file_read(const char *path, char **text, size_t *n)
{
    FILE *f = fopen(path, "re");
    if (!f)
        return -errno;
    int rc = 0;
    size_t room = 65536, at = 0;
    char *p = malloc(room);
    while (p) {
        at += fread(p + at, 1, room - at - 1, f);
        if (ferror(f)) {
            rc = errno ? -errno : -EIO;
            break;
        }
        if (at < room - 1)
            break;
        if (room >= CONF_FILE_BYTES) {
            rc = -EFBIG;
            break;
        }
        room *= 2;
        char *more = realloc(p, room);
        if (!more)
            free(p);
        p = more;
    }
    fclose(f);
    if (!p)
        return -ENOMEM;
    if (rc) {
        free(p);
        return rc;
    }
    p[at] = 0;
    *text = p;
    *n = at;
    return 0;
}
