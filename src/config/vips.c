/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Virtual IPSs: each entry of `virtual-ips` is laid over the rest of the configuration.
 *
 *     virtual-ips:
 *       - name: dormitory
 *         capture: {interfaces: [eth1]}
 *         rule-files: [dormitory.rules]
 *
 * Maps are merged, all else replaces; what --set says holds over both.
 */
#include "config/tree.h"

#include <errno.h>
#include <string.h>

enum { NAME_MOST = 63 };

static const struct conf_node *entries(const struct conf *c)
{
    const struct conf_node *list = conf_node(c, "virtual-ips");
    return list && list->kind == CONF_LIST ? list->child : NULL;
}

unsigned conf_vips(const struct conf *c)
{
    unsigned n = 0;
    for (const struct conf_node *e = entries(c); e; e = e->next)
        n++;
    return n;
}

const char *conf_vips_name(const struct conf *c, unsigned i)
{
    const struct conf_node *e = entries(c);
    while (e && i--)
        e = e->next;
    return e ? conf_sub_str(e, "name", NULL) : NULL;
}

/* It is part of file names, and a word on the control socket. */
static bool good_name(const char *s)
{
    static const char letters[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";
    size_t n = strlen(s);
    return n && n <= NAME_MOST && *s != '.' && *s != '-' && strspn(s, letters) == n &&
           strcmp(s, "all") != 0;
}

static int wrong(struct diags *d, const struct conf_node *n, const char *hint, const char *what)
{
    diag_add(d, DIAG_ERROR, n->file, n->line, n->column, hint, "virtual-ips: %s", what);
    return -EINVAL;
}

/* What belongs to the sensor, not to one of its virtual IPSs. */
static int sensors_own(const struct conf_node *e, struct diags *d)
{
    static const char *const own[] = {"virtual-ips", "daemon",  "pid-file", "umask",
                                      "quiet",       "verbose", "vips"};
    for (size_t i = 0; i < ARRAY_LEN(own); i++) {
        const struct conf_node *n = tree_child(e, own[i]);
        if (n) {
            diag_add(d, DIAG_ERROR, n->file, n->line, n->column, "write it outside of virtual-ips",
                     "virtual-ips: %s is the whole sensor's", own[i]);
            return -EINVAL;
        }
    }
    return 0;
}

static int check_entry(const struct conf *c, const struct conf_node *e, struct diags *d)
{
    const char *name = e->kind == CONF_MAP ? conf_sub_str(e, "name", NULL) : NULL;
    if (!name)
        return wrong(d, e, "- name: dormitory, and its settings below it",
                     "an entry without a name");
    if (!good_name(name))
        return wrong(d, tree_child(e, "name"),
                     "letters, digits, `.`, `_`, `-`; at most 63; not `all`",
                     "this can't be a name");
    for (const struct conf_node *k = entries(c); k != e; k = k->next) {
        const char *other = conf_sub_str(k, "name", "");
        if (!strcmp(other, name))
            return wrong(d, tree_child(e, "name"), "each has a name of its own", "two of one name");
    }
    return sensors_own(e, d);
}

int conf_vips_check(const struct conf *c, struct diags *d)
{
    const struct conf_node *list = conf_node(c, "virtual-ips");
    if (!list || (list->kind == CONF_SCALAR && !*list->value))
        return 0;
    if (list->kind != CONF_LIST)
        return wrong(d, list, "- name: ..., an item for each", "a list is expected");
    int rc = 0;
    for (const struct conf_node *e = list->child; e; e = e->next) {
        int bad = check_entry(c, e, d);
        rc = rc ? rc : bad;
    }
    if (!rc && conf_vips(c) > CONF_VIPS)
        rc = wrong(d, list, NULL, "more than 256 entries");
    if (!rc && list->child && conf_str(c, "control.socket"))
        rc = wrong(d, conf_node(c, "control.socket"),
                   "each has a socket by its name; control.socket in an entry gives another",
                   "they can't share one control.socket");
    return rc;
}

/* Lays `from` over `to`. */
static bool merge(struct conf *c, struct conf_node *to, const struct conf_node *from,
                  unsigned depth)
{
    if (depth >= CONF_DEPTH)
        return false;
    for (const struct conf_node *k = from->child; k; k = k->next) {
        if (!depth && !strcmp(k->name, "name"))
            continue;
        struct conf_node *old = tree_child(to, k->name);
        if (old && old->kind == CONF_MAP && k->kind == CONF_MAP) {
            if (!merge(c, old, k, depth + 1))
                return false;
            continue;
        }
        struct conf_node *n = tree_put(c, to, k->name, strlen(k->name));
        if (!n || !tree_copy(c, n, k, depth + 1))
            return false;
        tree_mark(n, k->file, k->line, k->column);
    }
    return true;
}

static void leave_out(struct conf_node *parent, const char *name)
{
    struct conf_node **at = &parent->child, *before = NULL;
    while (*at && strcmp((*at)->name, name) != 0) {
        before = *at;
        at = &(*at)->next;
    }
    struct tree_node *p = (struct tree_node *)parent;
    if (!*at)
        return;
    if (p->last == (struct tree_node *)*at)
        p->last = (struct tree_node *)before;
    *at = (*at)->next;
    p->kids--;
}

/* Each has a folder of its own, unless its entry names one. */
static bool own_folder(struct conf *c, const char *name, bool named)
{
    const char *dir = conf_str(c, "default-log-dir");
    const struct conf_node *n = conf_node(c, "default-log-dir");
    if (named && n && n->from != CONF_SET)
        return true;
    struct str path = arena_printf(&c->arena, "%s/%s", dir, name);
    struct conf_node where = n ? *n : (struct conf_node){0};
    return path.p && tree_set(c, "default-log-dir", (const char *)path.p, n ? &where : NULL);
}

int conf_vips_choose(struct conf *c, const char *name, struct diags *d)
{
    const struct conf_node *e = entries(c);
    while (e && strcmp(conf_sub_str(e, "name", ""), name) != 0)
        e = e->next;
    if (!e) {
        diag_add(d, DIAG_ERROR, NULL, 0, 0, NULL, "virtual-ips has no entry %s", name);
        return -ENOENT;
    }
    bool named = tree_child(e, "default-log-dir") != NULL;
    int rc = conf_check_below(c, e, d);
    if (rc)
        return rc;
    leave_out(c->root, "virtual-ips");
    if (!merge(c, c->root, e, 0) || !tree_set(c, "vips.name", name, e) || conf_assign_sets(c) ||
        !own_folder(c, name, named))
        return -ENOMEM;
    c->rules.n = 0;
    struct arena mem; /* what is wrong with the rest has been told when it was read */
    struct diags told;
    arena_init(&mem, 0, 0);
    diags_init(&told, &mem);
    rc = conf_finish(c, &told);
    arena_done(&mem);
    return rc;
}
