/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From files to a rule set.
 *
 * Files are cut into rules in order, the rules into chunks, the chunks are parsed on several
 * threads and joined in order: names get their numbers in the order of first mention, whatever the
 * number of chunks was.
 */
#include "rules/load.h"

#include "rules/expr.h"

#include "base/hash.h"
#include "config/config.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum { CHUNK_RULES_MIN = 256, CHUNKS_A_THREAD = 8, INCLUDE_DEPTH = 16, INCLUDE_FILES = 4096 };

/* ---- input */

static void side_read(struct rule_loader *l, unsigned which, const char *told, const char *setting)
{
    const char *path = told;
    if (!path && l->o.conf)
        path = conf_str(l->o.conf, setting);
    if (!path || !*path)
        return;
    struct side_file *f = &l->side[which];
    struct str name = arena_dup(&l->set->pub.arena, path, strlen(path));
    f->name = name.p ? (const char *)name.p : "?";
    int rc = f->rc = source_read(path, &f->bytes, &f->n);
    if (rc < 0)
        diag_add(&l->set->pub.diags, rc == -ENOENT && l->o.conf ? DIAG_WARNING : DIAG_ERROR,
                 f->name, 0, 0, "the built-in values hold", "%s can't be read: %s", setting,
                 strerror(-rc));
}

struct rule_loader *rules_begin(const struct rules_options *o)
{
    struct rule_loader *l = calloc(1, sizeof(*l));
    struct whole *w = calloc(1, sizeof(*w));
    if (!l || !w) {
        free(l);
        free(w);
        return NULL;
    }
    l->o = *o;
    l->set = w;
    arena_init(&w->pub.arena, 1u << 18, 0);
    diags_init(&w->pub.diags, &w->pub.arena);
    side_read(l, SIDE_CLASS, o->classification, "classification-file");
    side_read(l, SIDE_REFERENCE, o->reference, "reference-config-file");
    side_read(l, SIDE_THRESHOLD, o->threshold, "threshold-file");
    return l;
}

static struct source *source_add(struct rule_loader *l, const char *name)
{
    if (l->n == l->room) {
        uint32_t room = l->room ? l->room * 2 : 16;
        struct source *more = realloc(l->src, room * sizeof(*more));
        if (!more)
            return NULL;
        l->src = more;
        l->room = room;
    }
    struct str own = arena_dup(&l->set->pub.arena, name, strlen(name));
    if (!own.p)
        return NULL;
    struct source *s = &l->src[l->n];
    *s = (struct source){.name = (const char *)own.p};
    return s;
}

/* A snort.conf with rules in it: the configuration has read what else stands there. */
static bool is_embedded(const struct rules_options *o, const char *path)
{
    const struct conf_rule_file *f;
    size_t n = o->conf ? conf_rule_files(o->conf, &f) : 0;
    for (size_t i = 0; i < n; i++)
        if (f[i].embedded && strcmp(f[i].path, path) == 0)
            return true;
    return false;
}

static void source_dialect_set(const struct rule_loader *l, struct source *s, enum rule_dialect d)
{
    if (d == DIALECT_AUTO)
        d = l->o.dialect;
    s->told = d != DIALECT_AUTO;
    s->dialect = (uint8_t)d;
}

/* Is the file one of those that include number `i`, or that itself? */
static bool includes_itself(const struct rule_loader *l, uint32_t i, const struct stat *st)
{
    for (uint32_t k = i + 1; k; k = l->src[k - 1].from)
        if (l->src[k - 1].ino == st->st_ino && l->src[k - 1].dev == st->st_dev)
            return true;
    return false;
}

static int file_add(struct rule_loader *l, const char *path, const struct source *like)
{
    struct source *s = source_add(l, path);
    struct stat st;
    if (!s)
        return -ENOMEM;
    int rc = source_read(path, &s->bytes, &s->n);
    if (rc < 0)
        return rc;
    s->told = like->told;
    s->dialect = like->dialect;
    s->firewall = like->firewall;
    s->depth = like->depth;
    s->from = like->from;
    s->embedded = is_embedded(&l->o, path);
    s->followed = true;
    if (stat(path, &st) == 0) {
        s->dev = st.st_dev;
        s->ino = st.st_ino;
    }
    l->n++;
    return 0;
}

/* Says why an included file is left out; -ENOMEM, else 0. */
static int include_one(struct rule_loader *l, uint32_t i, uint32_t line, struct str name)
{
    struct source like = l->src[i];
    struct diags *d = &l->set->pub.diags;
    char path[4200];
    struct stat st;
    static const char hint[] = "give a path beside this file or below default-rule-path";
    like.from = i + 1;
    like.depth++;
    int rc = 0;
    if (!include_path(like.name, name, &l->o, &l->vars, path, sizeof(path)))
        diag_add(d, DIAG_ERROR, like.name, line, 1, hint, "include '" STR_FMT "' is no path",
                 STR_ARG(str_first(name, 80)));
    else if (stat(path, &st) == 0 && includes_itself(l, i, &st))
        diag_add(d, DIAG_ERROR, like.name, line, 1, "take the include out",
                 "include %s: the file includes itself", path);
    else if (like.depth > INCLUDE_DEPTH || l->n >= INCLUDE_FILES)
        diag_add(d, DIAG_ERROR, like.name, line, 1, "include fewer files",
                 "include %s: more than %d deep, or more than %d files", path, INCLUDE_DEPTH,
                 INCLUDE_FILES);
    else if ((rc = file_add(l, path, &like)) < 0 && rc != -ENOMEM)
        diag_add(d, DIAG_ERROR, like.name, line, 1, hint, "include %s can't be read: %s", path,
                 strerror(-rc));
    return rc == -ENOMEM ? rc : 0;
}

static int follow(struct rule_loader *l, uint32_t i);

/* An include in source i: read, and looked at in its turn. */
static int follow_include(struct rule_loader *l, uint32_t i, uint32_t line, struct str name)
{
    uint32_t n = l->n;
    int rc = include_one(l, i, line, name);
    if (!rc && l->n > n)
        rc = follow(l, n);
    return rc ? rc : file_vars_mark(&l->vars, i, line);
}

/*
 * Statements of a source that say what is read next, and how: included files stand behind the one
 * that names them, variables hold from their line on.  As deep as includes may be.
 */
static int follow(struct rule_loader *l, uint32_t i)
{
    if (source_is_odd(&l->src[i]))
        return 0;
    struct include_scan x = {.left = str_of(l->src[i].bytes, l->src[i].n), .arena = &l->set->pub.arena};
    bool embedded = l->src[i].embedded, followed = l->src[i].followed;
    struct str text;
    bool var;
    int rc = file_vars_mark(&l->vars, i, 0);
    while (!rc && include_next(&x, &text, &var)) {
        if (var) {
            rc = file_vars_line(&l->vars, text, &l->o, &l->set->pub.arena, l->src[i].name, x.line, embedded,
                                &l->set->pub.diags);
            rc = rc ? rc : file_vars_mark(&l->vars, i, x.line);
        } else if (!embedded && followed) {
            rc = follow_include(l, i, x.line, text);
        }
    }
    return rc;
}

int rules_add_file(struct rule_loader *l, const char *path, enum rule_dialect dialect,
                   bool firewall)
{
    struct source like = {.firewall = firewall || l->o.firewall};
    source_dialect_set(l, &like, dialect);
    uint32_t n = l->n;
    int rc = file_add(l, path, &like);
    if (rc < 0 && rc != -ENOMEM) {
        struct str name = arena_dup(&l->set->pub.arena, path, strlen(path));
        diag_add(&l->set->pub.diags, DIAG_ERROR, (const char *)name.p, 0, 0, NULL,
                 "the rule file can't be read: %s", strerror(-rc));
    }
    return rc < 0 ? rc : follow(l, n);
}

int rules_add_text(struct rule_loader *l, const char *name, struct str text,
                   enum rule_dialect dialect)
{
    struct source *s = source_add(l, name);
    uint8_t *bytes = s ? malloc(text.n + 1u) : NULL;
    if (!bytes)
        return -ENOMEM;
    if (text.n)
        memcpy(bytes, text.p, text.n);
    s->bytes = bytes;
    s->n = text.n;
    source_dialect_set(l, s, dialect);
    s->firewall = l->o.firewall;
    l->n++;
    int rc = follow(l, l->n - 1);
    if (rc < 0)
        free(l->src[--l->n].bytes);
    return rc;
}

int rules_add_firewall_text(struct rule_loader *l, const char *name, struct str text)
{
    int rc = rules_add_text(l, name, text, DIALECT_SURICATA);
    if (!rc)
        l->src[l->n - 1].firewall = true;
    return rc;
}

int rules_add_firewall(struct rule_loader *l, const struct conf *c, const char *file)
{
    static const char policies[] =
        "accept:hook,alert ip:all any any -> any any (msg:\"SURICATA FW default packet policy\"; sid:2201000; rev:1;)\n"
        "accept:hook,alert ip:all any any -> any any (msg:\"SURICATA FW default app policy\"; sid:2201001; rev:1;)\n";
    const struct conf_node *files = conf_node(c, "firewall.rule-files");
    const char *folder = conf_str(c, "firewall.rule-path");
    int rc = file ? rules_add_file(l, file, DIALECT_SURICATA, true) : 0;
    for (const struct conf_node *n = files && !file ? files->child : NULL; n; n = n->next) {
        char path[4096];
        bool below = n->value && folder && *folder && n->value[0] != '/';
        if (!n->value)
            continue;
        int got = snprintf(path, sizeof(path), "%s%s%s", below ? folder : "", below ? "/" : "", n->value);
        int bad = got < 0 || (size_t)got >= sizeof(path) ? -ENAMETOOLONG : rules_add_file(l, path, DIALECT_SURICATA, true);
        rc = rc ? rc : bad;
    }
    int bad = rules_add_firewall_text(l, "firewall policies", str_cstr(policies));
    return rc ? rc : bad;
}

bool rule_file_broken(const struct rule_file_info *f, enum diag_level level, struct diags *d)
{
    if (f->loaded || f->disabled || !f->refused)
        return false;
    diag_add(d, level, f->path, 0, 0, "mend it, or leave it out", "nothing in it can be loaded: %u refused",
             f->refused);
    return true;
}

/* ---- companions */

static int classes_load(struct rule_loader *l, const struct raw_rules *raw, struct classes *k)
{
    struct whole *w = l->set;
    struct diags *d = &w->pub.diags;
    if (classes_init(k, &w->pub.arena) < 0)
        return -ENOMEM;
    const struct side_file *f = &l->side[SIDE_CLASS];
    if (f->bytes && classes_read(k, str_of(f->bytes, f->n), f->name, d) == -ENOMEM)
        return -ENOMEM;
    f = &l->side[SIDE_REFERENCE];
    if (f->bytes && references_check(str_of(f->bytes, f->n), f->name, d) == -ENOMEM)
        return -ENOMEM;
    const struct conf_line *lines;
    size_t n = l->o.conf ? conf_lines(l->o.conf, CONF_LINE_CLASS, &lines) : 0;
    for (size_t i = 0; i < n; i++)
        if (classes_read_line(k, str_trim(str_cstr(lines[i].text)), lines[i].file, lines[i].line,
                              d) == -ENOMEM)
            return -ENOMEM;
    n = l->o.conf ? conf_lines(l->o.conf, CONF_LINE_REFERENCE, &lines) : 0;
    for (size_t i = 0; i < n; i++)
        if (references_read_line(str_trim(str_cstr(lines[i].text)), lines[i].file, lines[i].line,
                                 d) == -ENOMEM)
            return -ENOMEM;
    return statements_classes(raw, l->src, k, l->o.conf, d);
}

static int thresholds_load(struct rule_loader *l, const struct raw_rules *raw, struct strtab *addr)
{
    struct whole *w = l->set;
    struct threshold_file t = {0};
    const struct side_file *f = &l->side[SIDE_THRESHOLD];
    int rc = 0;
    if (f->bytes)
        rc = thresholds_read(&w->pub.arena, addr, str_of(f->bytes, f->n), f->name, 1, false, &t,
                             l->o.var, l->o.ctx, &w->pub.diags);
    const struct conf_line *lines;
    size_t n = l->o.conf ? conf_lines(l->o.conf, CONF_LINE_THRESHOLD, &lines) : 0;
    for (size_t i = 0; i < n && rc != -ENOMEM; i++)
        rc = thresholds_read(&w->pub.arena, addr, str_cstr(lines[i].text), lines[i].file,
                             lines[i].line, false, &t, l->o.var, l->o.ctx, &w->pub.diags);
    if (rc != -ENOMEM)
        rc = statements_thresholds(raw, l->src, w, addr, &l->o, &t);
    if (rc != -ENOMEM && thresholds_settle(w, &t) < 0)
        rc = -ENOMEM;
    w->pub.file_thresholds = t.t;
    w->pub.n_file_thresholds = t.n;
    return rc == -ENOMEM ? rc : 0;
}

/* ---- parsing */

struct work {
    struct chunk *chunks;
    struct arena *arenas;
    uint32_t n;
    const struct raw_rules *raw;
    const struct source *src;
    const struct rules_options *o;
    const struct classes *k;
    const struct file_vars *vars;
    uint32_t a_chunk;
    _Atomic uint32_t next;
    _Atomic bool failed;
};

static void *work_run(void *arg)
{
    struct work *w = arg;
    for (;;) {
        uint32_t i = atomic_fetch_add_explicit(&w->next, 1, memory_order_relaxed);
        if (i >= w->n)
            return NULL;
        struct chunk *c = &w->chunks[i];
        uint32_t from = i * w->a_chunk, to = u32_min(from + w->a_chunk, w->raw->n);
        if (chunk_init(c, &w->arenas[i], w->o, w->k) < 0)
            c->no_memory = true;
        c->vars = w->vars;
        for (uint32_t k = from; k < to && !c->no_memory; k++)
            chunk_rule(c, &w->raw->r[k], w->src[w->raw->r[k].file].name);
        chunk_done(c);
        if (c->no_memory)
            atomic_store_explicit(&w->failed, true, memory_order_relaxed);
    }
}

static int parse_all(struct work *w, unsigned threads)
{
    pthread_t t[16];
    unsigned n = 0;
    threads = threads < 1 ? 1 : threads > ARRAY_LEN(t) ? (unsigned)ARRAY_LEN(t) : threads;
    while (n + 1 < threads && n + 1 < w->n && pthread_create(&t[n], NULL, work_run, w) == 0)
        n++;
    work_run(w);
    while (n > 0)
        pthread_join(t[--n], NULL);
    return atomic_load_explicit(&w->failed, memory_order_relaxed) ? -ENOMEM : 0;
}

static int split_all(struct rule_loader *l, struct raw_rules *raw)
{
    struct whole *w = l->set;
    struct rule_file_info *files = arena_alloc(&w->pub.arena, (l->n + 1) * sizeof(*files));
    if (!files)
        return -ENOMEM;
    for (uint32_t i = 0; i < l->n; i++) {
        struct source *s = &l->src[i];
        struct marks m = {0};
        bool odd = !s->embedded && source_is_odd(s);
        if (!s->told && !odd)
            s->dialect = (uint8_t)source_dialect(str_of(s->bytes, s->n), &m);
        uint32_t before = raw->disabled, first = raw->n;
        if (source_split(s, i, (enum rule_dialect)s->dialect, &l->o, &w->pub.arena, raw) < 0)
            return -ENOMEM;
        for (uint32_t k = first; k < raw->n && l->vars.n; k++)
            raw->r[k].n_vars = file_vars_at(&l->vars, i, raw->r[k].line);
        files[i] = (struct rule_file_info){.path = s->name,
                                           .dialect = (enum rule_dialect)s->dialect,
                                           .told = s->told,
                                           .marks = {m.snort2, m.snort3, m.suricata},
                                           .disabled = raw->disabled - before};
    }
    w->pub.files = w->files = files;
    w->pub.n_files = l->n;
    w->pub.disabled = raw->disabled;
    return 0;
}

/* The bytes of the files stay as long as the set: texts and names of rules point into them. */
static int sources_take(struct rule_loader *l)
{
    struct whole *w = l->set;
    w->bytes = calloc(l->n + 1, sizeof(*w->bytes));
    if (!w->bytes)
        return -ENOMEM;
    for (uint32_t i = 0; i < l->n; i++) {
        w->bytes[i] = l->src[i].bytes;
        l->src[i].bytes = NULL;
    }
    w->n_bytes = l->n;
    return 0;
}

static int chunks_make(struct rule_loader *l, struct work *w, const struct raw_rules *raw,
                       const struct classes *k, unsigned threads)
{
    uint32_t most = (threads < 1 ? 1 : threads > 16 ? 16 : threads) * CHUNKS_A_THREAD;
    uint32_t n = (raw->n + CHUNK_RULES_MIN - 1) / CHUNK_RULES_MIN;
    if (n > most)
        n = most;
    n += !n;
    *w = (struct work){.raw = raw, .src = l->src, .o = &l->o, .k = k, .n = n, .vars = &l->vars};
    w->a_chunk = (raw->n + n - 1) / n + !raw->n;
    w->chunks = calloc(n, sizeof(*w->chunks));
    w->arenas = calloc(n, sizeof(*w->arenas));
    if (!w->chunks || !w->arenas)
        return -ENOMEM;
    for (uint32_t i = 0; i < n; i++)
        arena_init(&w->arenas[i], 1u << 18, 0);
    l->set->arenas = w->arenas;
    l->set->n_arenas = n;
    return 0;
}

static void loader_free(struct rule_loader *l)
{
    for (uint32_t i = 0; i < l->n; i++)
        free(l->src[i].bytes);
    for (unsigned i = 0; i < SIDE_FILES; i++)
        free(l->side[i].bytes);
    free(l->src);
    file_vars_done(&l->vars);
    free(l);
}

struct rule_set *rules_finish(struct rule_loader *l, unsigned threads)
{
    struct whole *w = l->set;
    struct raw_rules raw = {0};
    struct classes k;
    struct work work = {0};
    w->pub.content_hash = rules_input_hash(l);
    rules_action_ranks(l->o.conf, w->pub.action_rank, w->pub.ruletype_rank);
    int rc = split_all(l, &raw);
    if (rc == 0)
        rc = classes_load(l, &raw, &k);
    if (rc == 0)
        rc = chunks_make(l, &work, &raw, &k, threads);
    else
        free(work.chunks);
    if (rc == 0)
        rc = parse_all(&work, threads);
    struct strtab addr = {0};
    if (rc == 0)
        rc = chunks_join(w, work.chunks, work.n, &k, &l->o, &addr);
    if (rc == 0)
        rc = thresholds_load(l, &raw, &addr);
    if (rc == 0)
        rc = set_settle(w, &l->o, &addr);
    if (rc == 0)
        rc = sources_take(l);
    free(work.chunks);
    if (!w->arenas)
        free(work.arenas);
    free(raw.r);
    free(raw.lines);
    loader_free(l);
    if (rc == 0)
        return &w->pub;
    rules_free(&w->pub);
    return NULL;
}

void rules_drop(struct rule_loader *l)
{
    if (!l)
        return;
    rules_free(&l->set->pub);
    loader_free(l);
}
