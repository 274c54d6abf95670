/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The supervisor's start, loop and end (supervisor.h). */
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

void sup_tell(struct supervisor *s)
{
    for (const struct diag *x = s->diags.first; x; x = x->next) {
        char place[600] = "";
        if (x->file && x->line)
            snprintf(place, sizeof(place), "%.500s:%u:%u: ", x->file, x->line, x->column);
        else if (x->file)
            snprintf(place, sizeof(place), "%.500s: ", x->file);
        log_at(x->level == DIAG_ERROR ? LOG_AT_ERROR : LOG_AT_WARNING, "supervisor", "%s%s%s%s%s",
               place, x->reason, x->hint ? " (" : "", x->hint ? x->hint : "", x->hint ? ")" : "");
    }
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

static enum log_level level_of(const struct conf *c)
{
    if (conf_bool(c, "verbose"))
        return LOG_AT_INFO;
    return conf_bool(c, "quiet") ? LOG_AT_WARNING : LOG_AT_NOTICE;
}

static int fill_setup(struct supervisor *s)
{
    struct msg_setup *x = &s->setup;
    const struct port_plan *p = &s->plan;
    if (random_bytes(&x->boot, sizeof(x->boot)))
        x->boot = clock_wall_ns();
    x->n_workers = p->workers ? p->workers : 1;
    x->n_ifaces = p->n;
    x->check_csum = s->o->check_csum;
    x->log_level = (uint32_t)level_of(s->conf);
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

static int signals(struct supervisor *s)
{
    static const int taken[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_LEN(taken); i++)
        sigaddset(&set, taken[i]);
    (void)signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &set, NULL))
        return -errno;
    s->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    if (s->signal_fd < 0)
        return -errno;
    links_listen(s);
    return 0;
}

/* Our own messages: to DIR/riposte.log when there is no terminal to write to. */
static int open_log(struct supervisor *s)
{
    int fd = openat(s->dir_fd, "riposte.log",
                    O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0)
        return -errno;
    (void)dup2(fd, STDERR_FILENO);
    (void)dup2(fd, STDOUT_FILENO);
    if (s->log_fd >= 0)
        close(s->log_fd);
    s->log_fd = fd;
    return 0;
}

/* Parent: waits for the child's word and ends with it.  Child: goes on. */
static int daemonize(struct supervisor *s)
{
    int p[2];
    char status = 1;
    if (pipe2(p, O_CLOEXEC))
        return -errno;
    pid_t pid = fork();
    if (pid < 0)
        return -errno;
    if (pid) {
        close(p[1]);
        if (read(p[0], &status, 1) != 1)
            status = 1;
        _exit(status);
    }
    close(p[0]);
    s->ready_fd = p[1];
    (void)setsid();
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0)
        (void)dup2(null, STDIN_FILENO);
    if (null >= 0)
        close(null);
    return 0;
}

/* The one who waits in daemonize gets his answer; then the log is a file. */
static void told_ready(struct supervisor *s, char status)
{
    if (s->ready_fd < 0)
        return;
    (void)!write(s->ready_fd, &status, 1);
    close(s->ready_fd);
    s->ready_fd = -1;
    int rc = open_log(s);
    if (rc)
        log_at(LOG_AT_WARNING, "supervisor", "no log of our own: %s", strerror(-rc));
    struct proc *const both[] = {&s->engine, &s->logger};
    for (unsigned i = 0; i < 2 && !rc; i++)
        if (both[i]->channel >= 0)
            (void)!msg_send(both[i]->channel, MSG_LOG, NULL, 0, &s->log_fd, 1);
}

static int prepare_files(struct supervisor *s)
{
    uint64_t mask;
    const char *m = conf_str(s->conf, "umask"), *pid = conf_str(s->conf, "pid-file");
    if (m && str_u64_base(str_cstr(m), 8, &mask) && mask <= 0777)
        (void)umask((mode_t)mask);
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
    if (pid && *pid) {
        s->pid_fd = pidfile_take(pid, &s->diags);
        if (s->pid_fd < 0)
            return s->pid_fd;
        snprintf(s->pidfile, sizeof(s->pidfile), "%s", pid);
    }
    int rc = control_open(s);
    return rc;
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

static int prepare(struct supervisor *s)
{
    int rc = 0;
    s->conf = sup_configure(s);
    if (!s->conf)
        return -EINVAL;
    log_set_level(level_of(s->conf));
    if (s->o->starting && !conf_bool(s->conf, "quiet"))
        log_at(LOG_AT_NOTICE, "start", "%s", s->o->starting);
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
    if (rc || s->o->test)
        return rc ? rc : signals(s);
    if (conf_bool(s->conf, "daemon"))
        rc = daemonize(s);
    if (!rc)
        rc = prepare_files(s);
    sup_tell(s);
    if (!rc)
        rc = ports_prepare(s);
    if (!rc)
        rc = wire_prepare(s);
    if (!rc)
        rc = lists_prepare(s);
    sup_tell(s);
    s->page = page_new(&s->page_fd, "riposte-engine", sizeof(*s->page));
    s->log_page = page_new(&s->log_page_fd, "riposte-logger", sizeof(*s->log_page));
    if (!rc && (!s->page || !s->log_page))
        rc = -ENOMEM;
    return rc ? rc : signals(s);
}

/* ------------------------------------------------------------------ loop */

static void reopen(struct supervisor *s)
{
    if (s->log_fd >= 0 && !open_log(s) && s->engine.channel >= 0)
        (void)!msg_send(s->engine.channel, MSG_LOG, NULL, 0, &s->log_fd, 1);
    if (s->logger.channel < 0)
        return;
    if (s->log_fd >= 0)
        (void)!msg_send(s->logger.channel, MSG_LOG, NULL, 0, &s->log_fd, 1);
    if (msg_send(s->logger.channel, MSG_REOPEN, NULL, 0, NULL, 0))
        log_at(LOG_AT_WARNING, "supervisor", "the logger can't be told to reopen its files");
}

static void reap(struct supervisor *s)
{
    struct proc *const all[] = {&s->engine, &s->logger, &s->compiler};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        if (proc_reap(all[i]))
            sup_ended(s, all[i]);
}

static void one_signal(struct supervisor *s, uint32_t n)
{
    if (n == SIGINT || n == SIGTERM) {
        log_at(LOG_AT_NOTICE, "supervisor", "signal %u: ending", n);
        s->stop = true;
    } else if (n == SIGHUP) {
        log_at(LOG_AT_NOTICE, "supervisor", "signal: log files are opened anew");
        reopen(s);
    } else if (n == SIGUSR1) {
        report_log(s);
    } else if (n == SIGUSR2) {
        (void)sup_reload(s);
    }
    /* SIGCHLD: the loop looks anyway */
}

static void take_signals(struct supervisor *s)
{
    struct signalfd_siginfo x;
    while (read(s->signal_fd, &x, sizeof(x)) == sizeof(x))
        one_signal(s, x.ssi_signo);
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

static void tick(struct supervisor *s)
{
    uint64_t now = sup_now();
    restart_due(s, &s->logger, now);
    restart_due(s, &s->engine, now);
    ports_look(s);
    links_look(s);
    watch_beats(s, now);
    control_tick(s);
    survey_tick(s);
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

static int timeout_ms(const struct supervisor *s)
{
    uint64_t now = sup_now(), next = now + TICK_MS * NS_PER_MS;
    if (s->engine.restart_ns)
        next = u64_min(next, s->engine.restart_ns);
    if (s->logger.restart_ns)
        next = u64_min(next, s->logger.restart_ns);
    return next <= now ? 0 : (int)((next - now) / NS_PER_MS) + 1;
}

enum { WATCHED = 3 + 6 + WIRE_THREADS + SUP_CLIENTS };
struct watch {
    struct pollfd f[WATCHED];
    struct proc *proc[WATCHED];
    struct control_client *client[WATCHED];
    unsigned n;
};

static void watch_add(struct watch *w, int fd, short events, struct proc *p,
                      struct control_client *c)
{
    if (fd < 0)
        return;
    w->f[w->n] = (struct pollfd){.fd = fd, .events = events};
    w->proc[w->n] = p;
    w->client[w->n++] = c;
}

static void turn(struct supervisor *s)
{
    struct watch w = {.n = 0};
    int thread[WIRE_THREADS];
    unsigned n_threads = wire_watched(s, thread);
    struct proc *const all[] = {&s->engine, &s->logger, &s->compiler};
    watch_add(&w, s->signal_fd, POLLIN, NULL, NULL);
    watch_add(&w, s->control_fd, POLLIN, NULL, NULL);
    watch_add(&w, s->link_fd, POLLIN, NULL, NULL);
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        watch_add(&w, all[i]->channel, POLLIN, all[i], NULL);
        watch_add(&w, all[i]->pidfd, POLLIN, NULL, NULL);
    }
    unsigned from = w.n;
    for (unsigned i = 0; i < n_threads; i++)
        watch_add(&w, thread[i], POLLIN, NULL, NULL);
    for (unsigned i = 0; i < SUP_CLIENTS; i++) {
        struct control_client *c = &s->client[i];
        watch_add(&w, c->fd, c->sent < c->out.n ? POLLOUT : POLLIN, NULL, c);
    }
    (void)poll(w.f, w.n, timeout_ms(s));
    for (unsigned i = 0; i < w.n; i++) /* before all else: nobody forwards */
        if (w.f[i].revents && (w.f[i].fd == s->engine.pidfd || i - from < n_threads))
            wire_engine_gone(s);
    for (unsigned i = 0; i < w.n; i++) {
        if (!w.f[i].revents)
            continue;
        if (w.proc[i] && w.proc[i]->channel == w.f[i].fd)
            sup_message(s, w.proc[i]);
        else if (w.client[i] && w.client[i]->fd == w.f[i].fd)
            control_serve(s, w.client[i], w.f[i].revents);
        else if (w.f[i].fd == s->control_fd)
            control_accept(s);
        else if (w.f[i].fd == s->link_fd)
            links_heard(s);
    }
    take_signals(s);
    reap(s);
    tick(s);
}

/* ------------------------------------------------------------------ end */

/* Tells it to end and waits; what does not end in time is ended. */
static void end_child(struct supervisor *s, struct proc *p, uint64_t most_ns)
{
    uint64_t until = sup_now() + most_ns;
    bool killed = false;
    if (p->state == PROC_NONE)
        return;
    p->state = PROC_STOPPING;
    if (p->channel >= 0)
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

static void finish(struct supervisor *s)
{
    s->stop = true;
    s->engine.restart_ns = s->logger.restart_ns = 0;
    proc_kill(&s->compiler);
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
    lists_end(s);
    generation_close(&s->now, true);
    generation_close(&s->old, true);
    control_close(s);
    if (s->pidfile[0])
        (void)unlink(s->pidfile);
}

static struct supervisor *supervisor_new(const struct sensor_options *o)
{
    struct supervisor *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->o = o;
    arena_init(&s->arena, 0, 0);
    diags_init(&s->diags, &s->arena);
    struct proc *const all[] = {&s->engine, &s->logger, &s->compiler};
    for (unsigned i = 0; i < ROLE_COUNT; i++)
        *all[i] = (struct proc){.role = (enum role)i, .pidfd = -1, .channel = -1};
    int *const none[] = {&s->conf_fd,  &s->page_fd,        &s->log_page_fd,     &s->dir_fd,
                         &s->log_fd,   &s->image_fd,       &s->signal_fd,       &s->control_fd,
                         &s->ready_fd, &s->reload.conf_fd, &s->reload.image_fd, &s->pid_fd,
                         &s->link_fd,  &s->list_fd,        &s->hush_fd};
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

static void supervisor_free(struct supervisor *s)
{
    int *const fds[] = {&s->conf_fd, &s->page_fd,  &s->log_page_fd, &s->dir_fd,
                        &s->log_fd,  &s->image_fd, &s->signal_fd,   &s->pid_fd,  &s->link_fd, &s->hush_fd};
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
static void test_result(struct supervisor *s)
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

int sensor_run(const struct sensor_options *o)
{
    (void)close_range(3, ~0u, 0); /* what the caller had open is nothing for the processes that come */
    struct supervisor *s = supervisor_new(o);
    if (!s)
        return 1;
    int rc = prepare(s);
    if (rc)
        s->exit_status = 1;
    else
        (void)!sup_compile(s, s->conf); /* a failure ends the loop */
    bool told = false;
    while (!rc && !s->stop && !s->failed && !s->finished_test) {
        turn(s);
        if (s->running && !told) {
            told = true;
            told_ready(s, 0);
        }
    }
    finish(s);
    if (s->ready_fd >= 0) {
        char status = (char)s->exit_status;
        (void)!write(s->ready_fd, &status, 1);
        close(s->ready_fd);
    }
    if (s->finished_test)
        test_result(s);
    int status = s->exit_status;
    supervisor_free(s);
    return status;
}
