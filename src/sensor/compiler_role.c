/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The compiler: rule files to an image.  It may read any file and write into the one folder that
 * the supervisor made for it; it has no network and knows no descriptor but the channel.
 *
 * The supervisor moves the image into the cache, under the key that is told here.
 */
#include "sensor/fence.h"
#include "sensor/role.h"

#include "base/clock.h"
#include "base/hash.h"
#include "verdict/verdict.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { FILES = 256, REFUSALS_TOLD = 200 };

struct compile {
    struct child child;
    char *file[FILES];
    struct {
        uint32_t kind, value;
    } kind[FILES];
    unsigned n;
    bool only;
    int missing; /* why a file can't be read; 0: all can */
    char out[4096], cache[4096];
    struct msg_start start;
    struct msg_compiled result;
};

static const char *variable(void *ctx, bool port, const char *name)
{
    const struct conf *c = ctx;
    return port ? conf_port_var(c, name) : conf_address_var(c, name);
}

static void take_file(struct compile *w, struct message *m)
{
    const struct msg_file *f = (const void *)m->body;
    if (f->kind == FILE_OUT) {
        memcpy(w->out, f->path, sizeof(w->out));
        return;
    }
    if (f->kind == FILE_CACHE) {
        memcpy(w->cache, f->path, sizeof(w->cache));
        return;
    }
    w->only |= f->kind == FILE_ONLY;
    if (w->n == FILES) {
        diag_add(&w->child.diags, DIAG_ERROR, NULL, 0, 0, NULL,
                 "more than %d rule files on the command line", FILES);
        return;
    }
    w->kind[w->n].kind = f->kind;
    w->kind[w->n].value = f->value;
    w->file[w->n] = strdup(f->path);
    w->n += w->file[w->n] != NULL;
}

/* The set has a diag of what can't be read; a reload ends there. */
static void add(struct compile *w, struct rule_loader *l, const char *path, enum rule_dialect d)
{
    int rc = rules_add_file(l, path, d, false);
    if (!rc)
        return;
    w->missing = rc;
    if (w->start.flags & START_STRICT)
        diag_add(&w->child.diags, DIAG_ERROR, NULL, 0, 0, NULL, "%s can't be read: %s", path,
                 strerror(-rc));
}

static void add_given(struct compile *w, struct rule_loader *l, enum msg_file_kind kind)
{
    for (unsigned i = 0; i < w->n; i++)
        if (w->kind[i].kind == (uint32_t)kind)
            add(w, l, w->file[i], (enum rule_dialect)w->kind[i].value);
}

static void add_configured(struct compile *w, struct rule_loader *l)
{
    const struct conf_rule_file *f;
    size_t n = conf_rule_files(w->child.conf, &f);
    for (size_t i = 0; i < n; i++) {
        int d = f[i].dialect ? rule_dialect_find(str_cstr(f[i].dialect)) : (int)w->start.dialect;
        add(w, l, f[i].path, d < 0 ? DIALECT_AUTO : (enum rule_dialect)d);
    }
}

static void add_firewall(struct compile *w, struct rule_loader *l)
{
    int rc = conf_bool(w->child.conf, "firewall.enabled") ? rules_add_firewall(l, w->child.conf, NULL) : 0;
    if (!rc)
        return;
    w->missing = rc;
    if (w->start.flags & START_STRICT)
        diag_add(&w->child.diags, DIAG_ERROR, NULL, 0, 0, NULL, "firewall rules can't be read: %s", strerror(-rc));
}

static struct rule_loader *load(struct compile *w)
{
    const struct conf *c = w->child.conf;
    struct rules_options o = {
        .dialect = (enum rule_dialect)w->start.dialect,
        .conf = c,
        .classification = conf_str(c, "classification-file"),
        .reference = conf_str(c, "reference-config-file"),
        .threshold = conf_str(c, "threshold-file"),
        .var = variable,
        .ctx = w->child.conf,
        .init_errors_fatal = w->start.flags & START_FATAL,
        .ignore_unknown_requirements = conf_bool(c, "ignore-unknown-requirements"),
    };
    struct rule_loader *l = rules_begin(&o);
    if (!l)
        return NULL;
    add_given(w, l, FILE_ONLY);
    if (!w->only)
        add_configured(w, l);
    add_given(w, l, FILE_MORE);
    add_firewall(w, l);
    return l;
}

/* Which variables exist decides which rules are refused: names count, values don't. */
static void hash_name(void *ctx, const char *name, const char *text)
{
    uint64_t *h = ctx;
    (void)text;
    *h = hash_bytes(name, strlen(name), *h);
}

static uint64_t key_of(const struct compile *w, const struct rule_loader *l)
{
    uint64_t h = rules_input_hash(l);
    uint32_t k[2] = {w->start.dialect, w->start.flags & START_FATAL};
    h = hash_bytes(k, sizeof(k), h);
    (void)conf_each_var(w->child.conf, false, hash_name, &h);
    (void)conf_each_var(w->child.conf, true, hash_name, &h);
    return h;
}

static int tell_file(struct compile *w, const struct rule_file_info *f)
{
    alignas(8) uint8_t body[sizeof(struct msg_rule_file) + 2048];
    struct msg_rule_file x = {(uint32_t)f->dialect, f->told, f->loaded, f->disabled, f->refused, 0};
    size_t n = strlen(f->path);
    x.n_path = (uint32_t)(n > 2048 ? 2048 : n);
    memcpy(body, &x, sizeof(x));
    memcpy(body + sizeof(x), f->path, x.n_path);
    return msg_send(w->child.channel, MSG_RULE_FILE, body, sizeof(x) + x.n_path, NULL, 0);
}

/* What the compile said, from the image: the same whether it was made now or lay in the cache. */
static void tell_image(struct compile *w, const struct image *i)
{
    struct image_report r;
    uint32_t refusals = 0;
    int rc = 0;
    image_report(i, &r);
    w->result.loaded = r.loaded;
    w->result.disabled = r.disabled;
    w->result.refused = r.refused;
    w->result.n_files = r.n_files;
    for (uint32_t k = 0; k < r.n_notes && !rc; k++) {
        struct diag d;
        bool refusal;
        image_note(i, k, &d, &refusal);
        refusals += refusal;
        if (refusals <= REFUSALS_TOLD)
            rc = msg_send_diag(w->child.channel, &d, refusal ? DIAG_REFUSAL : DIAG_PLAIN);
    }
    for (uint32_t k = 0; k < r.n_files && !rc; k++) {
        struct rule_file_info f;
        image_rule_file(i, k, &f);
        (void)rule_file_broken(&f, w->start.flags & START_TEST ? DIAG_ERROR : DIAG_WARNING, &w->child.diags);
        rc = tell_file(w, &f);
    }
}

static void fill_info(struct compile *w, struct image *i)
{
    struct image_info x;
    image_info(i, &x);
    w->result.n_groups = x.n_groups;
    w->result.n_patterns = x.n_patterns;
    w->result.n_pcre = x.n_pcre;
    w->result.n_slow = x.n_slow;
    w->result.bytes = x.bytes;
    tell_image(w, i);
}

/* An image of these rules that the cache has.  A stale one is made anew. */
static bool cached(struct compile *w)
{
    char path[4200];
    if (!w->cache[0] || w->start.flags & START_NO_CACHE ||
        image_cache_path(w->cache, w->result.key, path, sizeof(path)))
        return false;
    struct image *i = image_open_cached(path, &w->child.diags);
    if (!i)
        return false;
    fill_info(w, i);
    image_close(i);
    w->result.cached = 1;
    return true;
}

/* No image will tell it. */
static void tell_set(struct compile *w, const struct rule_set *s)
{
    w->result.loaded = s->n_rules;
    w->result.disabled = s->disabled;
    w->result.refused = s->n_refusals;
    w->result.n_files = s->n_files;
    msg_send_diags(w->child.channel, &s->diags);
    for (uint32_t i = 0; i < s->n_refusals && i < REFUSALS_TOLD; i++) {
        const struct rule_refusal *r = &s->refusals[i];
        struct diag d = {.level = DIAG_ERROR,
                         .line = r->line,
                         .column = r->column,
                         .sid = r->sid,
                         .file = r->file,
                         .reason = r->reason,
                         .hint = r->hint};
        if (msg_send_diag(w->child.channel, &d, DIAG_REFUSAL))
            return;
    }
}

/* What ended the start: the first thing that can't be loaded, by its place. */
static void tell_fatal(struct compile *w, const struct rule_set *s)
{
    static const char hint[] = "mend it, or leave --init-errors-fatal out";
    const struct rule_refusal *r = s->refusals;
    struct diags *d = &w->child.diags;
    struct str file = s->n_refusals ? arena_dup(d->arena, r->file, strlen(r->file)) : (struct str){0};
    char which[24] = "";
    if (s->n_refusals && r->sid)
        snprintf(which, sizeof(which), "sid %u: ", r->sid);
    if (s->n_refusals)
        diag_add(d, DIAG_ERROR, (const char *)file.p, r->line, r->column, hint,
                 "init-errors-fatal: %s%s; in all %u can't be loaded", which, r->reason, s->n_refusals);
    else
        diag_add(d, DIAG_ERROR, NULL, 0, 0, hint, "init-errors-fatal: the errors above");
}

/* At a reload: what such a file had given before would be taken away. */
static bool broken_file(const struct rule_set *s, struct diags *d)
{
    bool broken = false;
    for (uint32_t k = 0; k < s->n_files; k++)
        broken |= rule_file_broken(&s->files[k], DIAG_ERROR, d);
    return broken;
}

static int build(struct compile *w, struct rule_loader *l)
{
    struct diags *d = &w->child.diags;
    bool cache = w->cache[0] && !(w->start.flags & START_NO_CACHE);
    struct image_options io = {.threads = w->start.threads, .cache_dir = cache ? w->cache : NULL, .last = true};
    struct rule_set *s = rules_finish(l, w->start.threads);
    if (!s)
        return -ENOMEM;
    if (!w->child.setup.in_wire)
        response_mirror_note(s);
    int rc = w->start.flags & START_FATAL && (s->n_refusals || s->diags.errors) ? -EINVAL : 0;
    if (rc)
        tell_fatal(w, s);
    else if (w->start.flags & START_STRICT && broken_file(s, d))
        rc = -EINVAL;
    else
        rc = image_make(s, w->out, &io, NULL, d);
    if (rc)
        tell_set(w, s);
    rules_free(s);
    struct image *i = rc ? NULL : image_open(w->out, d);
    if (!rc && !i)
        rc = -EINVAL;
    if (i)
        fill_info(w, i);
    image_close(i);
    return rc;
}

static int compile(struct compile *w)
{
    struct rule_loader *l = load(w);
    int rc = !l ? -ENOMEM : w->start.flags & START_STRICT ? w->missing : 0;
    if (l && rc)
        rules_drop(l);
    if (!rc) {
        w->result.key = key_of(w, l);
        if (!w->missing && cached(w))
            rules_drop(l);
        else
            rc = build(w, l);
    }
    child_tell(&w->child);
    w->result.rc = rc;
    w->result.cpu_ns = clock_cpu_ns();
    return msg_send(w->child.channel, MSG_COMPILED, &w->result, sizeof(w->result), NULL, 0);
}

int role_compiler(void)
{
    struct compile *w = calloc(1, sizeof(*w));
    struct message *m = malloc(sizeof(*m));
    int rc = w && m ? child_begin(&w->child, ROLE_COMPILER, NULL) : -ENOMEM;
    bool go = false;
    while (!rc && !go) {
        rc = msg_recv(w->child.channel, FROM_PARENT, true, m);
        if (rc <= 0) {
            rc = -ECONNRESET;
            break;
        }
        rc = 0;
        if (m->type == MSG_FILE)
            take_file(w, m);
        else if (m->type == MSG_START) {
            memcpy(&w->start, m->body, sizeof(w->start));
            go = true;
        }
        msg_done(m);
    }
    if (!rc)
        rc = child_fenced(&w->child, fence_compiler(w->out));
    if (!rc)
        rc = compile(w);
    if (w) {
        for (unsigned i = 0; i < w->n; i++)
            free(w->file[i]);
        child_end(&w->child);
    }
    free(w);
    free(m);
    return rc ? 1 : 0;
}
