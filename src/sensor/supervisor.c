/* SPDX-License-Identifier: GPL-2.0-or-later */
/* One virtual IPS: its start, a turn of its work, its end (supervisor.h). */
#include "sensor/supervisor.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/log.h"
#include "engine/engine.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/mman.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TICK_MS = 200 };
#define END_MOST   (20 * NS_PER_SEC) /* for an engine to end its flows */
#define STALLED_NS (5 * NS_PER_SEC)

uint64_t sup_now(void)
{
    return clock_mono_ns();
}

void sensor_tell(const struct diags *d, enum diag_level least)
{
    for (const struct diag *x = d->first; x; x = x->next) {
        if (x->level > least)
            continue;
        char place[600] = "";
        if (x->file && x->line)
            snprintf(place, sizeof(place), "%.500s:%u:%u: ", x->file, x->line, x->column);
        else if (x->file)
            snprintf(place, sizeof(place), "%.500s: ", x->file);
        log_at(x->level == DIAG_ERROR ? LOG_AT_ERROR : LOG_AT_WARNING, "supervisor", "%s%s%s%s%s",
               place, x->reason, x->hint ? " (" : "", x->hint ? x->hint : "", x->hint ? ")" : "");
    }
}

void sup_tell(struct supervisor *s)
{
    sensor_tell(&s->diags, DIAG_WARNING);
    arena_reset(&s->arena);
    diags_init(&s->diags, &s->arena);
}

void sup_fail(struct supervisor *s, const char *why)
{
    log_at(LOG_AT_ERROR, "supervisor", "%s", why);
    s->failed = true;
    s->exit_status = 1;
}

/* ------------------------------------------------------------------ start */

static int fill_setup(struct supervisor *s)
{
    struct msg_setup *x = &s->setup;
    const struct port_plan *p = &s->plan;
    if (random_bytes(&x->boot, sizeof(x->boot)))
        x->boot = clock_wall_ns();
    x->n_workers = p->workers ? p->workers : 1;
    x->n_ifaces = p->n;
    x->check_csum = s->o->check_csum;
    x->log_level = (uint32_t)sensor_level(s->conf);
    if (s->name)
        strncpy(x->scope, s->name, sizeof(x->scope) - 1);
    x->ring = (uint32_t)p->live.ring;
    x->library = p->pcap;
    x->outgoing = p->with_address;
    x->realtime = p->realtime;
    x->in_wire = p->in_wire;
    x->queue = p->queue;
    x->queue_first = p->q.queue;
    x->queue_mode = (uint32_t)p->q.mode;
    x->queue_route = p->q.route_to;
    x->queue_mark = p->q.mark;
    x->queue_mask = p->q.mark_mask;
    x->queue_done = p->q.done_mark;
    x->answers = p->response || p->raw;
    x->after_ns = p->after_ns;
    x->ring_bytes = p->live.ring_bytes;
    x->event_bytes = rec_ring_bytes(p->event_bytes);
    for (unsigned i = 0; i < p->n; i++)
        strncpy(x->iface[i], p->live.iface[i], MSG_NAME - 1);
    if (p->response)
        strncpy(x->response, p->response, MSG_NAME - 1);
    return place_user(s->conf, x, &s->diags);
}

static void *page_new(int *fd, const char *name, size_t bytes)
{
    *fd = memory_shared(name, bytes);
    void *p = *fd < 0 ? MAP_FAILED : mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, *fd, 0);
    return p == MAP_FAILED ? NULL : p;
}

static int open_files(struct supervisor *s)
{
    s->dir_fd = place_logs(s->conf, &s->setup, &s->diags);
    if (s->dir_fd < 0)
        return s->dir_fd;
    place_data(s->conf, &s->setup, &s->diags);
    /* Held by all who write there; two are told of each other and go on. */
    if (flock(s->dir_fd, LOCK_EX | LOCK_NB))
        log_at(LOG_AT_WARNING, "supervisor",
               "another sensor writes into %s: the lines of both stand in the same files "
               "(-l DIR gives each its own)",
               conf_str(s->conf, "default-log-dir"));
    return control_open(s);
}

/* What the engine could not go by is told before anything starts: a sensor that answers nothing is
 * no sensor. */
static int settings_check(const struct conf *c, bool in_wire, struct diags *d)
{
    uint32_t before = d->errors;
    engine_settings_free(engine_settings_new(c, false, in_wire, -1, d));
    return d->errors > before ? -EINVAL : 0;
}

static bool names_ports(const struct conf *c)
{
    const struct conf_node *list = conf_node(c, "capture.interfaces"), *pairs = conf_node(c, "capture.pairs");
    return conf_str(c, "capture.queues") || (list && list->child) || (pairs && (pairs->child || pairs->value));
}

int sensor_check(const struct conf *c, struct diags *d)
{
    struct port_plan *p = calloc(1, sizeof(*p));
    int rc = p ? 0 : -ENOMEM;
    if (p && names_ports(c)) {
        rc = port_plan(c, p, d);
        rc = rc ? rc : ports_apart(c, p, d);
    }
    if (p && !rc)
        rc = port_filters_check(c, p, d);
    bool in_wire = p && p->in_wire;
    if (p)
        port_plan_done(p);
    free(p);
    int wrong = settings_check(c, in_wire, d);
    return rc ? rc : wrong;
}

int supervisor_configure(struct supervisor *s)
{
    int rc = 0;
    s->conf = sup_configure(s);
    if (!s->conf) {
        sup_tell(s);
        return -EINVAL;
    }
    /* A test of a configuration alone knows no ports; one that names some is tested with them. */
    if (!s->o->test || names_ports(s->conf))
        rc = port_plan(s->conf, &s->plan, &s->diags);
    if (!rc)
        rc = port_plan_check(s->conf, &s->plan, &s->diags);
    if (!rc)
        rc = fill_setup(s);
    if (!rc)
        rc = settings_check(s->conf, s->plan.in_wire, &s->diags);
    if (!rc)
        rc = port_filters_check(s->conf, &s->plan, &s->diags);
    if (!rc && s->o->test)
        rc = place_logs_check(s->conf, &s->setup, &s->diags);
    place_cache(s->conf, s->cache, sizeof(s->cache));
    sup_tell(s);
    return rc;
}

int supervisor_open(struct supervisor *s)
{
    int rc = open_files(s);
    sup_tell(s);
    if (!rc)
        rc = ports_prepare(s);
    if (!rc)
        rc = wire_prepare(s);
    if (!rc)
        rc = lists_prepare(s);
    if (!rc)
        rc = nft_prepare(s);
    sup_tell(s);
    s->page = page_new(&s->page_fd, "riposte-engine", sizeof(*s->page));
    s->log_page = page_new(&s->log_page_fd, "riposte-logger", sizeof(*s->log_page));
    if (!rc && (!s->page || !s->log_page))
        rc = -ENOMEM;
    links_listen(s);
    return rc;
}

/* ------------------------------------------------------------------ a turn */

void supervisor_reopen(struct supervisor *s)
{
    if (s->logger.channel < 0)
        return;
    sensor_give_log(s->sensor, &s->logger);
    if (msg_send(s->logger.channel, MSG_REOPEN, NULL, 0, NULL, 0))
        log_at(LOG_AT_WARNING, "supervisor", "the logger can't be told to reopen its files");
}

void supervisor_reap(struct supervisor *s)
{
    struct proc *const all[] = {&s->engine, &s->logger, &s->compiler};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (proc_reap(all[i]))
            sup_ended(s, all[i]);
}

/* A worker whose loop stands still: said, not killed. */
static void watch_beats(struct supervisor *s, uint64_t now)
{
    if (s->engine.state != PROC_RUNNING || now - s->stalled_told_ns < 60 * NS_PER_SEC)
        return;
    for (unsigned w = 0; w < s->plan.workers; w++) {
        uint64_t beat = atomic_load_explicit(&s->page->worker[w].beat_ns, memory_order_relaxed);
        if (beat && now > beat && now - beat > STALLED_NS) {
            log_at(LOG_AT_WARNING, "supervisor", "worker %u has not moved for %llu s", w,
                   (unsigned long long)((now - beat) / NS_PER_SEC));
            s->stalled_told_ns = now;
        }
    }
}

static void restart_due(struct supervisor *s, struct proc *p, uint64_t now)
{
    if (!p->restart_ns || now < p->restart_ns || p->state != PROC_NONE)
        return;
    p->restart_ns = 0;
    int rc = p->role == ROLE_ENGINE ? sup_start_engine(s) : sup_start_logger(s);
    if (rc && p->state == PROC_NONE)
        proc_backoff(p);
}

void supervisor_tick(struct supervisor *s)
{
    uint64_t now = sup_now();
    restart_due(s, &s->logger, now);
    restart_due(s, &s->engine, now);
    ports_look(s);
    links_look(s);
    watch_beats(s, now);
    control_tick(s);
    survey_tick(s);
    hogs_tick(s);
    nft_tick(s);
    if (s->reload.again && s->running && s->reload.state == RELOAD_NONE) {
        s->reload.again = false;
        (void)sup_reload(s);
    }
    int64_t most = conf_int(s->conf, "capture.packet-count");
    if (most > 0 && s->running && counts_sum(s, &s->sum) &&
        s->sum.engine.packets >= (uint64_t)most) {
        log_at(LOG_AT_NOTICE, "supervisor", "%llu packets seen: ending",
               (unsigned long long)s->sum.engine.packets);
        s->stop = true;
    }
}

/* ------------------------------------------------------------------ end */

/* Tells it to end and waits; what does not end in time is ended. */
static void end_child(struct supervisor *s, struct proc *p, uint64_t most_ns)
{
    uint64_t until = sup_now() + most_ns;
    bool killed = false;
    if (p->state == PROC_NONE)
        return;
    bool told = p->state == PROC_STOPPING;
    p->state = PROC_STOPPING;
    if (p->channel >= 0 && !told)
        (void)!msg_send(p->channel, MSG_STOP, NULL, 0, NULL, 0);
    while (p->state != PROC_NONE) {
        struct pollfd f[2] = {{.fd = p->pidfd, .events = POLLIN},
                              {.fd = p->channel, .events = POLLIN}};
        (void)poll(f, 2, 100);
        if (f[1].revents && p->channel >= 0) {
            sup_message(s, p);
            p->state = PROC_STOPPING;
        }
        if (proc_reap(p))
            sup_ended(s, p);
        if (p->state != PROC_NONE && sup_now() > until && !killed) {
            log_at(LOG_AT_WARNING, "supervisor", "the %s does not end: killed", role_name[p->role]);
            proc_kill(p);
            killed = true;
        }
    }
}

void supervisor_stop(struct supervisor *s)
{
    s->stop = true;
    s->engine.restart_ns = s->logger.restart_ns = 0;
    proc_kill(&s->compiler);
    if (s->engine.state != PROC_NONE && s->engine.channel >= 0) {
        s->engine.state = PROC_STOPPING;
        (void)!msg_send(s->engine.channel, MSG_STOP, NULL, 0, NULL, 0);
    }
}

void supervisor_finish(struct supervisor *s)
{
    supervisor_stop(s);
    end_child(s, &s->compiler, END_MOST);
    end_child(s, &s->engine, END_MOST);
    /* The logger last: it writes what the engine said at its end, even if it must come back for it.
     */
    if (s->logger.state == PROC_NONE && s->running && sup_start_logger(s))
        log_at(LOG_AT_ERROR, "supervisor", "the last events are lost: no logger");
    end_child(s, &s->logger, END_MOST);
    if (s->running)
        report_log(s);
    wire_end(s);
    nft_end(s);
    lists_end(s);
    generation_close(s, &s->now, true);
    generation_close(s, &s->old, true);
    control_close(s);
}

struct supervisor *supervisor_new(struct sensor *sensor, unsigned seat, const char *name)
{
    struct supervisor *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->sensor = sensor;
    s->o = sensor->o;
    s->name = name;
    s->seat = seat;
    arena_init(&s->arena, 0, 0);
    diags_init(&s->diags, &s->arena);
    struct proc *const all[] = {&s->engine, &s->logger, &s->compiler};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        *all[i] = (struct proc){.role = (enum role)i, .pidfd = -1, .channel = -1};
    int *const none[] = {&s->conf_fd,    &s->page_fd,        &s->log_page_fd,     &s->dir_fd,  &s->image_fd,
                         &s->control_fd, &s->reload.conf_fd, &s->reload.image_fd, &s->link_fd, &s->list_fd,
                         &s->hush_fd};
    for (size_t i = 0; i < ARRAY_LEN(none); i++)
        *none[i] = -1;
    struct generation *const gen[] = {&s->now, &s->old};
    for (unsigned i = 0; i < 2; i++) {
        memset(gen[i]->ring, -1, sizeof(gen[i]->ring));
        memset(gen[i]->capture, -1, sizeof(gen[i]->capture));
        memset(gen[i]->response, -1, sizeof(gen[i]->response));
    }
    for (unsigned i = 0; i < SUP_CLIENTS; i++) {
        s->client[i].fd = -1;
        sbuf_init(&s->client[i].out);
    }
    sbuf_init(&s->reload.settings);
    s->started_ns = sup_now();
    s->started_wall_ns = clock_wall_ns();
    return s;
}

void supervisor_free(struct supervisor *s)
{
    int *const fds[] = {&s->conf_fd, &s->page_fd,  &s->log_page_fd, &s->dir_fd,
                        &s->image_fd, &s->link_fd, &s->hush_fd};
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        if (*fds[i] >= 0)
            close(*fds[i]);
    if (s->page)
        munmap(s->page, sizeof(*s->page));
    if (s->log_page)
        munmap(s->log_page, sizeof(*s->log_page));
    setting_list_done(&s->began);
    rules_report_done(&s->rules);
    rules_report_done(&s->last_rules);
    free(s->survey.rows);
    sbuf_done(&s->reload.settings);
    for (unsigned i = 0; i < SUP_CLIENTS; i++)
        sbuf_done(&s->client[i].out);
    conf_free(s->conf);
    port_plan_done(&s->plan);
    arena_done(&s->arena);
    free(s);
}

/* Files that can't be read are a failure; refused rules and lines of thresholds are one where the
 * user says so (then the compiler ended it). */
void supervisor_test_result(struct supervisor *s)
{
    const struct rules_report *r = &s->rules;
    if (r->n_errors) {
        s->exit_status = 1;
        log_at(LOG_AT_ERROR, "test", "%u error%s; %u rules", r->n_errors,
               r->n_errors == 1 ? "" : "s", r->sum.loaded);
        return;
    }
    char lines[64] = "";
    if (r->n_lines)
        snprintf(lines, sizeof(lines), ", %u other line%s left out", r->n_lines,
                 r->n_lines == 1 ? "" : "s");
    if (r->sum.refused || r->n_lines)
        log_at(LOG_AT_WARNING, "test",
               "the configuration can be run, without all it asks for: %u rules, %u refused%s "
               "(--init-errors-fatal makes that a failure)",
               r->sum.loaded, r->sum.refused, lines);
    else
        log_at(LOG_AT_NOTICE, "test", "configuration and rules are good: %u rules", r->sum.loaded);
}
