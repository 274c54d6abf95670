/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lists that rules look into: which rule means which, and when each is read.
 *
 * A list is known by its name; the rule (or the setting `datasets`) that names it first says its
 * type and file, and later ones must agree.  Files are read here, once, while rules are joined in
 * their order, and become part of the image: an engine opens no files.
 */
#include "rules/lists.h"

#include "base/hash.h"
#include "config/config.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MEMCAP_ROW = 64,
    MEMCAP_ENTRY = 104,
    MEMCAP_ENTRIES_LEAST = 1000,
    LISTS_MOST = 4096,
    PATH_ROOM = 4096
};
#define MEMCAP_DEFAULT (100ull << 20)

int list_bad(struct list_error *e, const char *hint, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(e->reason, sizeof(e->reason), fmt, ap);
    va_end(ap);
    e->hint = hint;
    return 1;
}

uint64_t rules_dep_hash(const char *path)
{
    uint8_t *b;
    size_t n;
    if (source_read(path, &b, &n))
        return 0;
    uint64_t h = hash_bytes(b, n, 1);
    free(b);
    return h ? h : 1;
}

static int dep_add(struct lists *x, const char *path, uint64_t hash)
{
    struct str s = arena_dup(x->arena, path, strlen(path));
    if (x->n_deps == x->deps_room) {
        uint32_t room = x->deps_room ? x->deps_room * 2 : 8;
        struct rule_dep *d = arena_alloc(x->arena, room * sizeof(*d));
        if (!d)
            return -ENOMEM;
        if (x->n_deps)
            memcpy(d, x->deps, x->n_deps * sizeof(*d));
        x->deps = d;
        x->deps_room = room;
    }
    x->deps[x->n_deps++] = (struct rule_dep){s, hash};
    return s.p ? 0 : -ENOMEM;
}

int list_bytes(struct lists *x, const char *path, struct str *text)
{
    uint8_t *b = NULL;
    size_t n = 0;
    int rc = source_read(path, &b, &n);
    uint64_t h = rc ? 0 : hash_bytes(b, n, 1);
    int kept = dep_add(x, path, rc || h ? h : 1);
    if (!rc && n > UINT32_MAX)
        rc = -EFBIG;
    if (!rc) {
        *text = arena_dup(x->arena, b, n);
        rc = text->p ? kept : -ENOMEM;
    }
    free(b);
    return rc;
}

int list_add(struct list_file *f, struct str key, uint32_t score, struct str json)
{
    if (f->n == f->room) {
        uint32_t room = f->room ? f->room * 2 : 64;
        struct rule_list_entry *e =
            room < f->room ? NULL : arena_alloc_raw(f->arena, (size_t)room * sizeof(*e));
        if (!e)
            return -ENOMEM;
        if (f->n)
            memcpy(e, f->e, f->n * sizeof(*e));
        f->e = e;
        f->room = room;
    }
    f->e[f->n++] = (struct rule_list_entry){.key = key, .json = json, .score = score};
    return 0;
}

/* ------------------------------------------------------------------ where files are */

static void below(char *out, const char *dir, struct str name)
{
    snprintf(out, PATH_ROOM, "%s/" STR_FMT, dir && *dir ? dir : ".", STR_ARG(name));
}

/* A list lies beside its rule file, else where we stand; what a set saves below the data folder. */
static void path_of(const struct lists *x, const struct rule *r, const struct listed_words *w,
                    char *out)
{
    if (w->load.p[0] == '/') {
        snprintf(out, PATH_ROOM, STR_FMT, STR_ARG(w->load));
        return;
    }
    if (w->load_below_data) {
        below(out, x->o->conf ? conf_str(x->o->conf, "data-dir") : NULL, w->load);
        return;
    }
    char dir[PATH_ROOM];
    const char *slash = r->file ? strrchr(r->file, '/') : NULL;
    snprintf(dir, sizeof(dir), "%.*s", slash ? (int)(slash - r->file) + 1 : 1,
             slash ? r->file : ".");
    below(out, dir, w->load);
    FILE *f = fopen(out, "re");
    if (!f && slash)
        below(out, ".", w->load);
    if (f)
        fclose(f);
}

static int read_file(struct lists *x, const struct rule *r, const struct listed_words *w,
                     struct rule_list *l, struct list_error *e)
{
    char path[PATH_ROOM];
    struct list_file f = {
        .arena = x->arena, .path = path, .kind = l->kind, .type = l->type, .words = w, .error = e};
    path_of(x, r, w, path);
    int rc = list_bytes(x, path, &f.text);
    if (rc == -ENOENT && w->load_below_data)
        return 0; /* the first run: it is made at the end */
    if (rc == -ENOMEM)
        return rc;
    if (rc)
        return list_bad(e, "give a file that is there, from the rule file's folder",
                        "the list %s can't be read: %s", path, strerror(-rc));
    rc = w->format ? list_read_json(&f) : list_read_lines(&f);
    l->e = f.e;
    l->n = f.n;
    return rc;
}

/* ------------------------------------------------------------------ lists by name */

static struct rule_list *list_find(struct lists *x, struct str name, bool digests)
{
    for (uint32_t i = 0; i < x->n; i++)
        if (str_eq(x->l[i].name, name) && x->l[i].kind < LISTED_IPREP &&
            (x->l[i].kind == LISTED_DIGESTS) == digests)
            return &x->l[i];
    return NULL;
}

struct rule_list *list_new(struct lists *x)
{
    if (x->n == x->room) {
        uint32_t room = x->room ? x->room * 2 : 16;
        struct rule_list *l = room > LISTS_MOST ? NULL : arena_alloc(x->arena, room * sizeof(*l));
        if (!l)
            return NULL;
        if (x->n)
            memcpy(l, x->l, x->n * sizeof(*l));
        x->l = l;
        x->room = room;
    }
    return &x->l[x->n++];
}

int list_data_find(const struct lists *x, struct str name)
{
    for (uint32_t i = 0; i < x->n; i++)
        if (x->l[i].kind == LISTED_DATA && str_eq(x->l[i].name, name))
            return (int)i;
    return -1;
}

int list_data_put(struct lists *x, struct str name, struct str data, uint16_t *number)
{
    struct rule_list_entry *e = arena_alloc(x->arena, sizeof(*e));
    struct rule_list *l = e ? list_new(x) : NULL;
    if (!l)
        return -ENOMEM;
    e->key = data;
    *l = (struct rule_list){.name = name, .kind = LISTED_DATA, .type = LISTED_STRING, .e = e, .n = 1};
    *number = (uint16_t)(x->n - 1);
    return 0;
}

static const struct conf_node *settings(const struct lists *x, const char *path)
{
    return x->o->conf ? conf_node(x->o->conf, path) : NULL;
}

/* The budget as Suricata counts it, so that its files' limits mean the same: rows, entries (1,000
 * are made at once), strings. */
static int memcap_fits(struct lists *x, const struct listed_words *w, struct rule_list *l,
                       struct list_error *e)
{
    const struct conf_node *d = settings(x, "datasets");
    uint64_t rows = w->hashsize ? w->hashsize : conf_sub_bytes(d, "defaults.hashsize", 4096);
    uint64_t cap = w->memcap ? w->memcap : conf_sub_bytes(d, "defaults.memcap", MEMCAP_DEFAULT);
    uint64_t need =
        rows * MEMCAP_ROW +
        (uint64_t)(l->n > MEMCAP_ENTRIES_LEAST ? l->n : MEMCAP_ENTRIES_LEAST) * MEMCAP_ENTRY;
    for (uint32_t i = 0; l->type == LISTED_STRING && i < l->n; i++)
        need += l->e[i].key.n;
    l->memcap_bytes = cap;
    if (rows > UINT32_MAX || need > cap)
        return list_bad(e, "give it more: memcap N, or datasets.defaults.memcap",
                        "the set " STR_FMT " needs %llu bytes, its memcap is %llu",
                        STR_ARG(l->name), (unsigned long long)need, (unsigned long long)cap);
    return 0;
}

static bool agrees(struct str a, struct str b)
{
    return !a.n || !b.n || str_eq(a, b);
}

static int check_write(const struct lists *x, const struct listed_words *w, struct list_error *e)
{
    const struct conf_node *d = settings(x, "datasets");
    if (!w->save.n)
        return 0;
    if (!conf_sub_bool(d, "rules.allow-write", true))
        return list_bad(e, "allow it, or write load for state",
                        "datasets.rules.allow-write is off: rules write no files");
    if (w->save.p[0] == '/' && !conf_sub_bool(d, "rules.allow-absolute-filenames", false))
        return list_bad(e,
                        "a name below the data folder, or datasets.rules.allow-absolute-filenames",
                        "an absolute path can't be written");
    return 0;
}

static int list_make(struct lists *x, const struct rule *r, const struct rule_test *t,
                     struct list_error *e)
{
    const struct listed_words *w = t->u.listed.words;
    bool digests = t->kind == TEST_FILE_HASH;
    if (!t->u.listed.type)
        return list_bad(e, "type string|md5|sha256|ip|ipv4|ipv6",
                        "the set " STR_FMT " has no type, and no rule before says one",
                        STR_ARG(w->name));
    if (t->u.listed.cmd == LISTED_SCORE && !w->load.n)
        return list_bad(e, "load FILE", "reputation needs a list");
    struct rule_list *l = list_new(x);
    if (!l)
        return -ENOMEM;
    *l = (struct rule_list){.name = w->name,
                            .load = w->load,
                            .save = w->save,
                            .type = t->u.listed.type,
                            .file = r->file,
                            .line = r->line};
    l->kind = digests                           ? LISTED_DIGESTS
              : t->u.listed.cmd == LISTED_SCORE ? LISTED_REP
              : w->format                       ? LISTED_JSON
                                                : LISTED_SET;
    int rc = w->load.n ? read_file(x, r, w, l, e) : 0;
    if (!rc && !digests)
        rc = memcap_fits(x, w, l, e);
    if (rc > 0) /* a later rule may say it right */
        x->n--;
    return rc;
}

static int list_bind(struct lists *x, const struct rule *r, struct rule_test *t,
                     struct list_error *e)
{
    const struct listed_words *w = t->u.listed.words;
    bool digests = t->kind == TEST_FILE_HASH;
    int rc = check_write(x, w, e);
    if (rc)
        return rc;
    struct rule_list *l = list_find(x, w->name, digests);
    if (!l) {
        rc = list_make(x, r, t, e);
        if (rc)
            return rc;
        l = &x->l[x->n - 1];
    }
    bool rep = t->u.listed.cmd == LISTED_SCORE, json = w->format != LISTED_FORMAT_CSV;
    if ((t->u.listed.type && t->u.listed.type != l->type) || !agrees(w->load, l->load) ||
        !agrees(w->save, l->save) || rep != (l->kind == LISTED_REP) ||
        (w->load.n && json != (l->kind == LISTED_JSON)))
        return list_bad(e, "use another name, or say the same in both",
                        "the set " STR_FMT " is another one in %s:%u", STR_ARG(w->name),
                        l->file ? l->file : "-", l->line);
    if (!l->save.n)
        l->save = w->save;
    if (t->u.listed.cmd == LISTED_ADD || t->u.listed.cmd == LISTED_TAKE) {
        if (l->kind != LISTED_SET)
            return list_bad(e, "isset or isnotset", "the set " STR_FMT " is only read",
                            STR_ARG(w->name));
        l->changes = true;
    }
    t->u.listed.type = l->type;
    t->u.listed.list = (uint32_t)(l - x->l);
    t->u.listed.words = NULL;
    return 0;
}

int lists_bind(struct lists *x, struct rule *r, struct list_error *e, uint32_t *column)
{
    for (unsigned i = 0; i < r->n_tests; i++) {
        struct rule_test *t = &r->tests[i];
        int rc = 0;
        *column = t->column;
        if (t->kind == TEST_DATASET || t->kind == TEST_FILE_HASH)
            rc = list_bind(x, r, t, e);
        else if (t->kind == TEST_IPREP)
            rc = lists_bind_rep(x, t, e);
        else if ((t->kind == TEST_KEY_PACKET || t->kind == TEST_KEY_BUFFER) && key_word_of(t->u.key.key)->bind)
            rc = key_word_of(t->u.key.key)->bind(x, &t->u.key, e);
        if (rc)
            return rc;
    }
    return 0;
}
