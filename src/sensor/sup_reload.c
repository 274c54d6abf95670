/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rules and policy: configuration -> compiler -> image -> engine.  The start goes the same way.
 *
 * A reload that fails at any step changes nothing.  What it changes: rules and variables at once;
 * other settings are compared, and those that need a restart are named.
 */
#include "sensor/supervisor.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct conf *sup_configure(struct supervisor *s)
{
    struct conf *c = s->o->configure(s->o->ctx, &s->diags);
    if (c && s->name) {
        /* What is wrong with the part that all have in common is told once, by the sensor. */
        arena_reset(&s->arena);
        diags_init(&s->diags, &s->arena);
        if (conf_vips_choose(c, s->name, &s->diags)) {
            if (!s->diags.errors)
                diag_add(&s->diags, DIAG_ERROR, NULL, 0, 0, NULL, "no configuration can be made of this entry");
            conf_free(c);
            c = NULL;
        }
    }
    return c;
}

static int pack(const struct conf *c)
{
    struct sbuf b;
    sbuf_init(&b);
    int fd = conf_pack(c, &b);
    if (!fd)
        fd = memory_of("riposte-conf", b.p, b.n);
    sbuf_done(&b);
    return fd;
}

static void reload_free(struct reload *r)
{
    if (r->build[0])
        place_build_done(r->build);
    r->build[0] = 0;
    if (r->conf != r->current)
        conf_free(r->conf);
    r->conf = NULL;
    if (r->conf_fd >= 0)
        close(r->conf_fd);
    r->conf_fd = -1;
    r->queued = false;
    r->state = RELOAD_NONE;
}

void rules_report_done(struct rules_report *r)
{
    for (unsigned i = 0; i < r->n_refusals; i++) {
        free(r->refusal[i].file);
        free(r->refusal[i].reason);
        free(r->refusal[i].hint);
    }
    memset(r, 0, sizeof(*r));
}

int sup_compile(struct supervisor *s, struct conf *c)
{
    struct reload *r = &s->reload;
    rules_report_done(&s->last_rules);
    r->conf = c;
    r->current = s->conf;
    r->conf_fd = pack(c);
    r->error[0] = 0;
    r->state = RELOAD_COMPILING;
    r->began_ns = sup_now();
    r->queued = r->conf_fd >= 0;
    if (r->conf_fd < 0)
        sup_reload_failed(s, "the configuration can't be handed on");
    return r->queued ? 0 : -ENOMEM;
}

void sup_compile_now(struct supervisor *s)
{
    struct reload *r = &s->reload;
    r->queued = false;
    if (sup_start_compiler(s, r->conf, r->conf_fd) && s->compiler.state == PROC_NONE)
        sup_reload_failed(s, "the compiler can't be started");
}

/* ------------------------------------------------------------------ what changed in the settings
 */

static void keep(void *ctx, const struct setting *x, const char *value, const char *source)
{
    struct setting_list *l = ctx;
    (void)x;
    (void)source;
    if (l->n < l->room)
        l->value[l->n++] = value ? strdup(value) : NULL;
}

static void list_take(struct setting_list *l, const struct conf *c)
{
    (void)settings_all(&l->room);
    l->value = calloc(l->room, sizeof(*l->value));
    if (l->value)
        conf_each(c, keep, l);
}

void setting_list_done(struct setting_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->value[i]);
    free(l->value);
    memset(l, 0, sizeof(*l));
}

struct setting_diff {
    const struct setting_list *was;
    size_t at;
    struct json *j;
    bool live;
    unsigned n;
};

static void differ(void *ctx, const struct setting *x, const char *value, const char *source)
{
    struct setting_diff *w = ctx;
    (void)source;
    if (w->at >= w->was->n)
        return;
    const char *old = w->was->value[w->at++];
    if (x->live != w->live || (!old == !value && (!old || !strcmp(old, value))))
        return;
    json_cstr(w->j, NULL, x->path);
    w->n++;
}

/*
 * Two arrays of paths.  What an engine takes up with the new overlay, against the configuration before; all else,
 * against the one that the sensor began with: it waits until there is a restart, or until it is taken back.
 * Returns how many wait.
 */
static unsigned settings_compare(struct supervisor *s, const struct conf *is, struct sbuf *out)
{
    struct setting_list before = {0};
    struct json j;
    list_take(&before, s->conf);
    json_init(&j, out);
    json_open(&j, NULL);
    struct setting_diff rest = {.was = &s->began, .j = &j}, live = {.was = &before, .j = &j, .live = true};
    json_array(&j, "needs_restart");
    conf_each(is, differ, &rest);
    json_array_end(&j);
    json_array(&j, "changed");
    conf_each(is, differ, &live);
    json_array_end(&j);
    json_close(&j);
    setting_list_done(&before);
    return rest.n;
}

/* The first error that is waiting to be told: "file:line:column: reason". */
static void first_error(const struct supervisor *s, char *out, size_t room)
{
    const struct diag *x = s->diags.first;
    while (x && x->level != DIAG_ERROR)
        x = x->next;
    if (!x)
        snprintf(out, room, "the configuration can't be read");
    else if (x->file && x->line)
        snprintf(out, room, "%.200s:%u:%u: %.250s", x->file, x->line, x->column, x->reason);
    else
        snprintf(out, room, "%.400s", x->reason);
}

/* ------------------------------------------------------------------ steps */

uint64_t sup_reload(struct supervisor *s)
{
    struct reload *r = &s->reload;
    if (r->state != RELOAD_NONE || !s->running) {
        r->again = true; /* files may have changed since the one at work read them */
        return r->request + 1;
    }
    r->request++;
    log_at(LOG_AT_NOTICE, "reload", "begins");
    struct conf *c = sup_configure(s);
    if (!c || sensor_check(c, &s->diags)) {
        char why[sizeof(r->error)];
        first_error(s, why, sizeof(why));
        conf_free(c);
        sup_tell(s);
        sup_reload_failed(s, why);
        return r->request;
    }
    sup_tell(s);
    sbuf_clear(&r->settings);
    if (settings_compare(s, c, &r->settings))
        log_at(LOG_AT_WARNING, "reload", "settings that wait for a restart or that changed: %s",
               (const char *)sbuf_z(&r->settings));
    (void)!sup_compile(s, c);
    return r->request;
}

void sup_reload_failed(struct supervisor *s, const char *why)
{
    struct reload *r = &s->reload;
    snprintf(r->error, sizeof(r->error), "%s", why);
    reload_free(r);
    if (!s->running) {
        if (!s->failed)
            sup_fail(s, why);
        return;
    }
    log_at(LOG_AT_ERROR, "reload", "failed: %s; what was loaded stays", why);
    control_reloaded(s, r->request, false);
}

static void say_sum(const struct msg_compiled *c)
{
    log_at(LOG_AT_NOTICE, "rules", "%u loaded, %u disabled, %u refused, from %u file%s%s", c->loaded,
           c->disabled, c->refused, c->n_files, c->n_files == 1 ? "" : "s",
           c->cached ? " (compiled before)" : "");
    if (!c->loaded)
        log_at(LOG_AT_WARNING, "rules",
               "no rules: nothing will be alerted (-S FILE, rule-files, or include in a snort.conf "
               "names some)");
    if (c->refused > 20)
        log_at(LOG_AT_WARNING, "rules", "riposte check shows all %u refusals", c->refused);
}

void sup_compiled(struct supervisor *s, const struct msg_compiled *c)
{
    struct reload *r = &s->reload;
    if (r->state != RELOAD_COMPILING)
        return;
    s->last_rules.sum = *c;
    s->last_rules.told = true;
    if (c->rc) {
        snprintf(r->error, sizeof(r->error), "rules can't be compiled: %s", strerror(-c->rc));
        return; /* the rest when it has ended */
    }
    say_sum(c);
    r->error[0] = 0;
}

/* The image is complete: from now on nobody else writes it. */
static int take_image(struct supervisor *s)
{
    struct reload *r = &s->reload;
    const struct msg_compiled *c = &s->last_rules.sum;
    char path[4200];
    if (!c->cached) {
        snprintf(path, sizeof(path), "%s/image", r->build);
        return place_image(path, s->cache, c->key, &s->diags);
    }
    int rc = image_cache_path(s->cache, c->key, path, sizeof(path));
    return rc ? rc : place_image(path, "", 0, &s->diags);
}

static void adopt(struct supervisor *s)
{
    struct reload *r = &s->reload;
    if (s->conf != r->conf) /* at the start they are one */
        conf_free(s->conf);
    s->conf = r->conf;
    r->conf = NULL;
    lists_never(s);
    if (s->conf_fd >= 0)
        close(s->conf_fd);
    s->conf_fd = r->conf_fd;
    r->conf_fd = -1;
    rules_report_done(&s->rules);
    s->rules = s->last_rules;
    memset(&s->last_rules, 0, sizeof(s->last_rules));
    reload_free(r);
}

static void first_image(struct supervisor *s, int image_fd)
{
    s->image_fd = image_fd;
    s->version++;
    s->last_rules.n_rules = s->last_rules.sum.loaded;
    adopt(s);
    list_take(&s->began, s->conf);
    if (s->o->test)
        s->finished_test = true;
    else if (sup_start_logger(s))
        sup_fail(s, "the logger can't be started");
}

void sup_compiler_ended(struct supervisor *s)
{
    struct reload *r = &s->reload;
    if (r->state != RELOAD_COMPILING)
        return;
    bool told = s->last_rules.told;
    if (!told || s->last_rules.sum.rc) {
        char why[512];
        snprintf(why, sizeof(why), "%s",
                 told && r->error[0] ? r->error : "the compiler ended early");
        sup_reload_failed(s, why);
        return;
    }
    int fd = take_image(s);
    place_prune_apart(s->cache, conf_str(s->conf, "detect.sgh-mpm-caching-max-age"),
                      clock_wall_ns() / NS_PER_SEC);
    sup_tell(s);
    if (fd < 0) {
        sup_reload_failed(s, "the image can't be taken");
        return;
    }
    if (!s->running) {
        first_image(s, fd);
        return;
    }
    struct msg_rules x = {.request = r->request, .version = s->version + 1};
    int both[2] = {fd, r->conf_fd};
    if (s->image_fd >= 0 && s->engine.state != PROC_RUNNING) {
        /* The next engine starts with it. */
        close(s->image_fd);
        s->image_fd = fd;
        s->version++;
        adopt(s);
        control_reloaded(s, r->request, true);
        return;
    }
    r->state = RELOAD_SWAPPING;
    r->image_fd = fd;
    if (msg_send(s->engine.channel, MSG_RULES, &x, sizeof(x), both, 2)) {
        close(fd);
        r->image_fd = -1;
        sup_reload_failed(s, "the engine does not listen");
    }
}

void sup_swapped(struct supervisor *s, const struct msg_swapped *x)
{
    struct reload *r = &s->reload;
    if (r->state != RELOAD_SWAPPING || x->request != r->request)
        return;
    s->swapped = *x;
    if (x->rc) {
        char why[128];
        close(r->image_fd);
        r->image_fd = -1;
        snprintf(why, sizeof(why), "the engine does not take it: %s", strerror(-x->rc));
        sup_reload_failed(s, why);
        return;
    }
    close(s->image_fd);
    s->image_fd = r->image_fd;
    r->image_fd = -1;
    s->version = s->version + 1;
    s->last_rules.n_rules = x->n_rules;
    s->last_rules.n_enabled = x->enabled;
    uint64_t ms = (sup_now() - r->began_ns) / NS_PER_MS, request = r->request;
    adopt(s);
    log_at(LOG_AT_NOTICE, "reload",
           "done in %llu ms: %u rules, %u added, %u removed, %u changed, %u with another action",
           (unsigned long long)ms, x->n_rules, x->added, x->removed, x->changed, x->retuned);
    control_reloaded(s, request, true);
}

/* ------------------------------------------------------------------ what the compiler says */

static char *copy(const char *s)
{
    return s ? strdup(s) : NULL;
}

void sup_diag(struct supervisor *s, struct proc *p, const struct message *m)
{
    const struct msg_diag *h = (const void *)m->body;
    struct rules_report *r = &s->last_rules;
    struct diag *d = msg_read_diag(m, &s->arena);
    if (!d)
        return;
    bool refusal = h->kind == DIAG_REFUSAL && p->role == ROLE_COMPILER;
    if (refusal && r->n_refusals < SUP_REFUSALS) {
        struct refusal *x = &r->refusal[r->n_refusals++];
        *x = (struct refusal){copy(d->file), copy(d->reason), copy(d->hint),
                              d->line,       d->column,       d->sid};
    }
    /* A line of a file is left out, as a rule is; what has no line could not be read at all. */
    bool line = p->role == ROLE_COMPILER && d->line;
    r->n_lines += d->level == DIAG_ERROR && !refusal && line;
    r->n_errors += d->level == DIAG_ERROR && !refusal && !line;
    r->n_warnings += d->level == DIAG_WARNING;
    if (!refusal || r->n_refusals <= 20) {
        char place[600] = "";
        if (d->file && d->line)
            snprintf(place, sizeof(place), "%.500s:%u:%u: ", d->file, d->line, d->column);
        else if (d->file)
            snprintf(place, sizeof(place), "%.500s: ", d->file);
        log_at(d->level == DIAG_ERROR ? LOG_AT_ERROR : LOG_AT_WARNING,
               refusal ? "rules" : role_name[p->role], "%s%s%s%s%s", place, d->reason,
               d->hint ? " (" : "", d->hint ? d->hint : "", d->hint ? ")" : "");
    }
    if (p->role == ROLE_ENGINE && d->level == DIAG_ERROR)
        snprintf(s->reload.error, sizeof(s->reload.error), "%.400s", d->reason);
    arena_reset(&s->arena);
    diags_init(&s->diags, &s->arena);
}

void sup_rule_file(struct supervisor *s, const struct message *m)
{
    const struct msg_rule_file *f = (const void *)m->body;
    (void)s;
    log_at(LOG_AT_INFO, "rules", "%.*s: %s%s, %u loaded, %u disabled, %u refused", (int)f->n_path,
           (const char *)(m->body + sizeof(*f)), rule_dialect_name((enum rule_dialect)f->dialect),
           f->told ? "" : " (by its marks)", f->loaded, f->disabled, f->refused);
}
