/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/load.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "verdict/verdict.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { REFUSALS_TOLD = 20, PRUNED_MOST = 500 };

static const char *variable(void *ctx, bool port, const char *name)
{
    const struct conf *c = ctx;
    return port ? conf_port_var(c, name) : conf_address_var(c, name);
}

static void *conf_ctx(const struct conf *c)
{
    union {
        const struct conf *c;
        void *p;
    } u = {.c = c};
    return u.p;
}

int load_vips(struct conf *c, const char *vips, struct diags *d)
{
    const struct conf_node *list = conf_node(c, "virtual-ips");
    if (vips)
        return conf_vips_choose(c, vips, d);
    if (conf_vips(c))
        diag_add(d, DIAG_WARNING, list->file, list->line, list->column, "--vips NAME takes one of them",
                 "virtual-ips: what they have in common is taken, without any of the %u", conf_vips(c));
    return 0;
}

/* A file that can't be read is an error each time, whatever the cache holds. */
static void add_file(struct rule_loader *l, const char *path, enum rule_dialect dialect, bool firewall, struct diags *d)
{
    int rc = rules_add_file(l, path, dialect, firewall);
    if (rc)
        diag_add(d, DIAG_ERROR, path, 0, 0, "give the path of a rule file", "rules can't be read: %s", strerror(-rc));
}

static struct rule_loader *loader(const struct load_options *o, struct diags *d)
{
    struct rules_options ro = {
        .dialect = o->dialect,
        .conf = o->conf,
        .keep_disabled = o->keep_disabled,
        .classification = conf_str(o->conf, "classification-file"),
        .reference = conf_str(o->conf, "reference-config-file"),
        .threshold = conf_str(o->conf, "threshold-file"),
        .var = variable,
        .ctx = conf_ctx(o->conf),
        .init_errors_fatal = o->init_errors_fatal,
        .ignore_unknown_requirements = conf_bool(o->conf, "ignore-unknown-requirements"),
    };
    struct rule_loader *l = rules_begin(&ro);
    if (!l) {
        diag_add(d, DIAG_ERROR, NULL, 0, 0, NULL, "no memory for rules");
        return NULL;
    }
    for (unsigned k = 0; k < o->n_only; k++)
        add_file(l, o->only[k], o->dialect, false, d);
    if (!o->n_only && !o->no_rules) {
        const struct conf_rule_file *f;
        size_t n = conf_rule_files(o->conf, &f);
        for (size_t k = 0; k < n; k++) {
            int dialect = f[k].dialect ? rule_dialect_find(str_cstr(f[k].dialect)) : (int)o->dialect;
            add_file(l, f[k].path, dialect < 0 ? DIALECT_AUTO : (enum rule_dialect)dialect, false, d);
        }
    }
    for (unsigned k = 0; k < o->n_more; k++)
        add_file(l, o->more[k], o->dialect, false, d);
    int rc = o->firewall || conf_bool(o->conf, "firewall.enabled") ? rules_add_firewall(l, o->conf, o->firewall) : 0;
    if (rc)
        diag_add(d, DIAG_ERROR, o->firewall, 0, 0, "give the path of a rule file", "firewall rules can't be read: %s", strerror(-rc));
    return l;
}

struct rule_set *load_set(const struct load_options *o, struct diags *d)
{
    struct rule_loader *l = loader(o, d);
    struct rule_set *s = l ? rules_finish(l, o->threads ? o->threads : image_threads()) : NULL;
    if (l && !s)
        diag_add(d, DIAG_ERROR, NULL, 0, 0, NULL, "no memory for rules");
    return s;
}

/* Which variables exist decides which rules are refused. */
static void hash_var(void *ctx, const char *name, const char *text)
{
    (void)text;
    uint64_t *h = ctx;
    *h = hash_bytes(name, strlen(name), *h);
}

static uint64_t key_of(const struct load_options *o, const struct rule_loader *l)
{
    uint64_t h = rules_input_hash(l);
    struct {
        uint8_t dialect, disabled, fatal, firewall, requirements;
    } k = {(uint8_t)o->dialect, o->keep_disabled, o->init_errors_fatal, o->firewall || conf_bool(o->conf, "firewall.enabled"),
           conf_bool(o->conf, "ignore-unknown-requirements")};
    h = hash_bytes(&k, sizeof(k), h);
    conf_each_var(o->conf, false, hash_var, &h);
    conf_each_var(o->conf, true, hash_var, &h);
    return h;
}

static void print_diag(const struct diag *x)
{
    char place[512] = "";
    if (x->file && x->line)
        snprintf(place, sizeof(place), "%s:%u:%u: ", x->file, x->line, x->column);
    else if (x->file)
        snprintf(place, sizeof(place), "%s: ", x->file);
    log_at(x->level == DIAG_ERROR ? LOG_AT_ERROR : LOG_AT_WARNING, "config", "%s%s%s%s%s", place, x->reason, x->hint ? " (" : "",
           x->hint ? x->hint : "", x->hint ? ")" : "");
}

void print_diags(const struct diags *d, bool quiet)
{
    for (const struct diag *x = d->first; x; x = x->next)
        if (!quiet || x->level == DIAG_ERROR)
            print_diag(x);
}

static void print_refusal(const char *file, uint32_t line, uint32_t column, uint32_t sid, const char *reason, const char *hint)
{
    char which[24] = ""; /* a whole file's has none */
    if (sid)
        snprintf(which, sizeof(which), " (sid %u)", sid);
    log_at(LOG_AT_ERROR, "rules", "%s:%u:%u: %s%s%s%s%s", file ? file : "-", line, column, reason, hint ? " (" : "",
           hint ? hint : "", hint ? ")" : "", which);
}

void print_refusals(const struct rule_set *s, unsigned most)
{
    for (uint32_t k = 0; k < s->n_refusals && k < most; k++) {
        const struct rule_refusal *r = &s->refusals[k];
        print_refusal(r->file, r->line, r->column, r->sid, r->reason, r->hint);
    }
    if (s->n_refusals > most)
        log_at(LOG_AT_ERROR, "rules", "and %u more; riposte check shows all", s->n_refusals - most);
}

/* What the compile said, from the image: the same words whether it was made now or lay in the cache. */
static void print_image(const struct image *i, bool quiet)
{
    struct image_report r;
    uint32_t refusals = 0;
    image_report(i, &r);
    for (uint32_t k = 0; k < r.n_notes; k++) {
        struct diag x;
        bool refusal;
        image_note(i, k, &x, &refusal);
        refusals += refusal;
        if (refusal && refusals <= REFUSALS_TOLD)
            print_refusal(x.file, x.line, x.column, x.sid, x.reason, x.hint);
        else if (!refusal)
            print_diag(&x);
    }
    if (r.refused > REFUSALS_TOLD)
        log_at(LOG_AT_ERROR, "rules", "and %u more; riposte check shows all", r.refused - REFUSALS_TOLD);
    if (!quiet && r.n_files)
        log_at(LOG_AT_NOTICE, "rules", "%u loaded, %u disabled, %u refused, from %u file%s", r.loaded, r.disabled, r.refused,
               r.n_files, r.n_files == 1 ? "" : "s");
}

/* What ended the start: the first thing that can't be loaded, by its place. */
static void fatal_note(const struct rule_set *s, struct diags *d)
{
    static const char hint[] = "mend it, or leave --init-errors-fatal out";
    const struct rule_refusal *r = s->refusals;
    const struct diag *x = s->diags.first;
    while (x && x->level != DIAG_ERROR)
        x = x->next;
    unsigned more = s->n_refusals + s->diags.errors - 1;
    char rest[64] = "", which[24] = "";
    if (s->n_refusals && r->sid)
        snprintf(which, sizeof(which), "sid %u: ", r->sid);
    if (more)
        snprintf(rest, sizeof(rest), "; %u more can't be loaded", more);
    if (s->n_refusals)
        diag_add(d, DIAG_ERROR, r->file, r->line, r->column, hint, "init-errors-fatal: %s%s%s", which, r->reason, rest);
    else if (x)
        diag_add(d, DIAG_ERROR, x->file, x->line, x->column, hint, "init-errors-fatal: %s%s", x->reason, rest);
}

static int build(const struct load_options *o, struct rule_loader *l, const char *path, bool own, struct diags *d)
{
    unsigned threads = o->threads ? o->threads : image_threads();
    struct rule_set *s = rules_finish(l, threads);
    char dir[4200];
    struct image_options io = {.threads = threads, .cache_dir = own ? NULL : dir, .last = true};
    if (!s) {
        diag_add(d, DIAG_ERROR, NULL, 0, 0, NULL, "no memory for rules");
        return -ENOMEM;
    }
    snprintf(dir, sizeof(dir), "%s", path);
    *strrchr(dir, '/') = 0;
    response_mirror_note(s);
    int rc = o->init_errors_fatal && (s->n_refusals || s->diags.errors) ? -EINVAL : 0;
    if (rc)
        fatal_note(s, d);
    else
        rc = image_make(s, path, &io, NULL, d);
    if (rc) { /* no image will tell it */
        print_diags(&s->diags, false);
        print_refusals(s, REFUSALS_TOLD);
    }
    rules_free(s);
    return rc;
}

/* By number and size alone: how long images are kept is the sensor's to say. */
static void prune(const char *image)
{
    char dir[4200];
    snprintf(dir, sizeof(dir), "%s", image);
    *strrchr(dir, '/') = 0;
    image_cache_prune(dir, 0, clock_wall_ns() / NS_PER_SEC, PRUNED_MOST);
}

int load_image(const struct load_options *o, struct image **image, struct diags *d)
{
    char path[4200];
    struct rule_loader *l = loader(o, d);
    if (!l)
        return -ENOMEM;
    if (d->errors) { /* rules that were asked for are not there: better none runs than a blind one */
        rules_drop(l);
        return -ENOENT;
    }
    uint64_t key = key_of(o, l);
    int rc = image_cache_path(conf_str(o->conf, "cache-dir"), key, path, sizeof(path));
    bool own = rc != 0 || o->no_cache;
    if (own)
        snprintf(path, sizeof(path), "/tmp/riposte-%ld-%016llx.image", (long)getpid(), (unsigned long long)key);
    *image = own ? NULL : image_open_cached(path, d);
    rc = 0;
    if (*image) {
        (void)utimensat(AT_FDCWD, path, NULL, 0); /* used now: image_cache_prune looks at it */
        rules_drop(l);
    } else {
        rc = build(o, l, path, own, d);
        *image = rc ? NULL : image_open(path, d);
        if (!rc && !*image)
            rc = -EINVAL;
        if (own)
            unlink(path);
        else
            prune(path);
    }
    if (!rc)
        print_image(*image, o->quiet);
    struct image_report r = {0};
    if (!rc)
        image_report(*image, &r);
    for (uint32_t k = 0; k < r.n_files; k++) {
        struct rule_file_info f;
        image_rule_file(*image, k, &f);
        (void)rule_file_broken(&f, o->test ? DIAG_ERROR : DIAG_WARNING, d);
    }
    return rc;
}

struct overlay *load_overlay(const struct conf *c, struct image *i, uint64_t version, struct diags *d)
{
    struct response_policy *r = response_policy_new(c, d);
    struct overlay_options oo = {.var = variable, .ctx = conf_ctx(c), .version = version,
                                 .tune = response_policy_tune, .tune_ctx = r};
    struct overlay *o = r ? overlay_build(i, &oo, d) : NULL;
    if (o)
        response_policy_tell(r, d);
    response_policy_free(r);
    return o;
}
