/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The finished tree against the table: wrong values, unknown keys; and the table against the tree.
 */
#include "config/tree.h"

#include "base/sbuf.h"
#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { UNKNOWN_MOST = 200 }; /* warnings of unknown keys in one configuration */

struct check {
    struct conf *c;
    struct diags *d;
    unsigned unknown, wrong;
    bool below; /* an entry of virtual-ips: it has a name */
    char path[CONF_PATH];
};

static bool is_prefix(const char *path)
{
    size_t all, n = strlen(path);
    const struct setting *s = settings_all(&all);
    for (size_t i = 0; i < all; i++)
        if (!strncmp(s[i].path, path, n) && s[i].path[n] == '.')
            return true;
    return false;
}

const struct setting *setting_above(const char *path)
{
    char head[CONF_PATH];
    size_t n = strlen(path);
    if (n >= sizeof(head))
        return NULL;
    memcpy(head, path, n + 1);
    for (char *dot = head + n; dot; dot = strrchr(head, '.')) {
        bool whole = *dot == 0;
        *dot = 0;
        const struct setting *s = setting_find(head);
        if (s && (whole || s->type == SET_MAP || s->type == SET_LIST))
            return s;
    }
    return NULL;
}

bool setting_covers(const char *path)
{
    return strlen(path) < CONF_PATH && (setting_above(path) || is_prefix(path));
}

bool str_hint(char *to, size_t room, const char *near)
{
    int n = snprintf(to, room, "did you mean %s?", near);
    return n > 0 && (size_t)n < room;
}

static void say_unknown(struct check *k, const struct conf_node *n)
{
    char hint[CONF_PATH];
    if (k->unknown++ >= UNKNOWN_MOST || n->from == CONF_SET)
        return;
    char room[CONF_PATH];
    const char *near = key_nearest(k->path, room, sizeof(room));
    bool ok = near && str_hint(hint, sizeof(hint), near);
    diag_add(k->d, DIAG_WARNING, n->file, n->line, n->column, ok ? hint : NULL,
             "unknown setting: %s", k->path);
}

/* The items of a list where one value is expected become a text with commas. */
static int join(struct check *k, const struct setting *s, const struct conf_node *n)
{
    size_t all;
    const struct setting *rows = settings_all(&all);
    struct sbuf b;
    sbuf_init(&b);
    for (const struct conf_node *i = n->child; i; i = i->next) {
        if (i != n->child)
            sbuf_cstr(&b, ", ");
        sbuf_cstr(&b, i->value ? i->value : "");
    }
    struct str text = {NULL, 0};
    if (!b.failed)
        text = arena_dup(&k->c->arena, b.p ? (const void *)b.p : "", b.n);
    sbuf_done(&b);
    k->c->joined[s - rows] = text.n ? (const char *)text.p : NULL;
    return text.p ? 0 : -ENOMEM;
}

static void wrong_kind(struct check *k, const struct conf_node *n, const char *path, bool list)
{
    k->wrong++;
    diag_add(k->d, DIAG_ERROR, n->file, n->line, n->column,
             list ? "[one, two], or a line \"- one\" for each" : "NAME: VALUE in lines of their own below it",
             "%s: a %s is expected", path, list ? "list" : "map");
}

/* A single value where a list or a map belongs would be taken without a word, and do nothing. */
static void check_kind(struct check *k, const struct setting *s, const struct conf_node *n)
{
    static const char *const both[] = {"rules", "response.networks", "defrag.host-config"};
    bool empty = n->kind == CONF_SCALAR ? !*n->value : !n->child;
    if (empty || strstr(s->help, "no effect") || n->kind == (s->type == SET_LIST ? CONF_LIST : CONF_MAP))
        return;
    for (size_t i = 0; i < ARRAY_LEN(both); i++)
        if (!strcmp(both[i], s->path))
            return;
    wrong_kind(k, n, s->path, s->type == SET_LIST);
}

static int check_row(struct check *k, const struct setting *s, const struct conf_node *n)
{
    if (s->type == SET_MAP || s->type == SET_LIST) {
        check_kind(k, s, n);
        return 0;
    }
    if (n->kind == CONF_LIST && s->type == SET_STR)
        return join(k, s, n);
    if (n->kind != CONF_SCALAR) {
        if (!is_prefix(s->path))
            diag_add(k->d, DIAG_WARNING, n->file, n->line, n->column, NULL,
                     "%s takes a single value: ignored", s->path);
        return 0;
    }
    const char *wrong = *n->value ? value_wrong(s, n->value) : NULL;
    if (wrong) {
        char room[80];
        k->wrong++;
        diag_add(k->d, DIAG_ERROR, n->file, n->line, n->column, value_hint(s, room, sizeof(room)),
                 "%s: %s: %s", s->path, n->value, wrong);
    }
    return 0;
}

static int check_map(struct check *k, const struct conf_node *map, size_t at, bool all);

static int check_node(struct check *k, const struct conf_node *n, size_t at)
{
    const struct setting *s = setting_find(k->path);
    int rc = s ? check_row(k, s, n) : 0;
    bool free_form = s && (s->type == SET_MAP || s->type == SET_LIST), prefix = is_prefix(k->path);
    if (!rc && prefix && n->kind == CONF_MAP) /* in a free map only what has a row */
        return check_map(k, n, at, !free_form);
    if (rc || free_form)
        return rc;
    if (!s && prefix && (n->kind == CONF_LIST || *n->value))
        wrong_kind(k, n, k->path, false);
    else if (!s && !prefix)
        say_unknown(k, n);
    return 0;
}

/* at: length of k->path. */
static int check_map(struct check *k, const struct conf_node *map, size_t at, bool all)
{
    int rc = 0;
    for (const struct conf_node *n = map->child; n && !rc; n = n->next) {
        size_t len = strlen(n->name);
        if (at + len + 2 > sizeof(k->path))
            continue;
        size_t from = at;
        if (at)
            k->path[from++] = '.';
        memcpy(k->path + from, n->name, len + 1);
        if (k->below && !at && !strcmp(n->name, "name"))
            continue;
        if (all || setting_find(k->path))
            rc = check_node(k, n, from + len);
        k->path[at] = 0;
    }
    return rc;
}

/* Of Snort 2, Snort 3 and Suricata; the rules' own table is in another house. */
static void check_order(struct check *k)
{
    static const char *const words[] = {"pass",     "drop",     "sdrop",     "block",  "reject", "alert", "log",
                                        "activate", "dynamic",  "activation", "reset", "react",  "rewrite"};
    const struct conf_node *list = conf_node(k->c, "action-order");
    for (const struct conf_node *n = list ? list->child : NULL; n; n = n->next) {
        struct name_search near = {.name = str_cstr(n->value ? n->value : n->name)};
        bool known = n->value && conf_ruletype_find(k->c, near.name) >= 0;
        for (size_t i = 0; i < ARRAY_LEN(words) && !known; i++) {
            known = str_eq(near.name, str_cstr(words[i]));
            name_offer(&near, words[i]);
        }
        if (!known)
            diag_add(k->d, DIAG_WARNING, n->file, n->line, n->column, near.best,
                     "action-order: " STR_FMT " is no action, left out", STR_ARG(near.name));
    }
}

int conf_finish(struct conf *c, struct diags *d)
{
    size_t all;
    (void)settings_all(&all);
    c->joined = arena_alloc(&c->arena, all * sizeof(*c->joined));
    if (!c->joined)
        return -ENOMEM;
    struct check k = {.c = c, .d = d};
    int rc = check_map(&k, c->root, 0, true);
    check_order(&k);
    if (!rc)
        rc = conf_vips_check(c, d);
    if (!rc)
        rc = rules_collect(c, d);
    return rc ? rc : k.wrong ? -EINVAL : 0;
}

int conf_check_below(struct conf *c, const struct conf_node *map, struct diags *d)
{
    struct check k = {.c = c, .d = d, .below = true};
    int rc = check_map(&k, map, 0, true);
    return rc ? rc : k.wrong ? -EINVAL : 0;
}

/* A subtree in one line: {a: b, c: [d, e]}. */
static void render(struct sbuf *b, const struct conf_node *n)
{
    if (n->kind == CONF_SCALAR) {
        sbuf_cstr(b, n->value);
        return;
    }
    bool list = n->kind == CONF_LIST;
    sbuf_byte(b, list ? '[' : '{');
    for (const struct conf_node *k = n->child; k && b->n < 65536; k = k->next) {
        if (k != n->child)
            sbuf_cstr(b, ", ");
        if (!list) {
            sbuf_cstr(b, k->name);
            sbuf_cstr(b, ": ");
        }
        render(b, k);
    }
    sbuf_byte(b, list ? ']' : '}');
}

static const char *source_of(const struct conf_node *n, struct sbuf *b)
{
    if (n->from == CONF_SET)
        return "--set";
    while (!n->file && n->child)
        n = n->child; /* a map that was made on the way to a member */
    if (!n->file)
        return n->from == CONF_SET ? "--set" : "stock";
    sbuf_clear(b);
    sbuf_cstr(b, n->file);
    if (n->line) {
        sbuf_byte(b, ':');
        sbuf_u64(b, n->line);
    } else {
        sbuf_cstr(b, " (no line: as such a file means it)");
    }
    const char *z = sbuf_z(b);
    return z ? z : n->file;
}

void conf_each(const struct conf *c,
               void (*f)(void *ctx, const struct setting *s, const char *value, const char *source),
               void *ctx)
{
    struct sbuf value, source;
    size_t all;
    const struct setting *s = settings_all(&all);
    sbuf_init(&value);
    sbuf_init(&source);
    for (size_t i = 0; i < all; i++) {
        const struct conf_node *n = conf_node(c, s[i].path);
        bool empty = !n || (n->kind == CONF_SCALAR ? !*n->value : !n->child);
        bool one = s[i].type != SET_MAP && s[i].type != SET_LIST, items = n && n->kind == CONF_LIST && s[i].type == SET_STR;
        bool misfit = n && one && n->kind != CONF_SCALAR && !items; /* and ignored */
        if (empty || misfit) {
            f(ctx, &s[i], s[i].dflt, "default");
            continue;
        }
        sbuf_clear(&value);
        render(&value, n);
        f(ctx, &s[i], sbuf_z(&value), source_of(n, &source));
    }
    sbuf_done(&value);
    sbuf_done(&source);
}
