/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The process that supervises: one thread, one poll loop over all virtual IPSs (supervisor.h).
 *
 * Without `virtual-ips` there is one, and what ends it ends the sensor.  With them each stands for
 * itself: one whose start fails is tried again, later and later, and the others know nothing of it.
 */
#include "sensor/supervisor.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/signalfd.h>
#include <sys/stat.h>
#include <unistd.h>

enum { TICK_MS = 200 };
#define RETRY_FIRST (1 * NS_PER_SEC)
#define RETRY_MOST  (60 * NS_PER_SEC)

enum watched { W_SIGNAL, W_CONTROL, W_LINK, W_CHANNEL, W_PID, W_THREAD, W_CLIENT };
struct watch {
    enum watched what;
    struct supervisor *s;
    struct proc *proc;
    struct control_client *client;
};
enum { WATCHED_OF_ONE = 2 + 2 * ROLE_COUNT + WIRE_THREADS + SUP_CLIENTS };

enum log_level sensor_level(const struct conf *c)
{
    if (conf_bool(c, "verbose"))
        return LOG_AT_INFO;
    return conf_bool(c, "quiet") ? LOG_AT_WARNING : LOG_AT_NOTICE;
}

/* Whose lines of the log follow; NULL: the sensor's own. */
void sensor_scope(const struct supervisor *s)
{
    log_set_scope(s && s->name ? s->name : NULL);
}

static void for_all(struct sensor *x, void (*f)(struct supervisor *s))
{
    for (unsigned i = 0; i < x->n; i++)
        if (x->seat[i].s) {
            sensor_scope(x->seat[i].s);
            f(x->seat[i].s);
        }
    sensor_scope(NULL);
}

/* ------------------------------------------------------------------ start */

static int signals(struct sensor *x)
{
    static const int taken[] = {SIGINT, SIGTERM, SIGHUP, SIGUSR1, SIGUSR2, SIGCHLD};
    sigset_t set;
    sigemptyset(&set);
    for (size_t i = 0; i < ARRAY_LEN(taken); i++)
        sigaddset(&set, taken[i]);
    (void)signal(SIGPIPE, SIG_IGN);
    if (sigprocmask(SIG_BLOCK, &set, NULL))
        return -errno;
    x->signal_fd = signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
    return x->signal_fd < 0 ? -errno : 0;
}

/* Interfaces of the command line would be those of each. */
static int several_check(const struct conf *c, struct diags *d)
{
    static const char *const paths[] = {"capture.interfaces", "capture.pairs", "capture.queues",
                                        "vips.name"};
    for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
        const struct conf_node *n = conf_node(c, paths[i]);
        if (n && n->from == CONF_SET) {
            diag_add(d, DIAG_ERROR, NULL, 0, 0,
                     "-i, --pair, --queue, --name are for a sensor without virtual-ips",
                     "each virtual IPS names its own ports: %s can't be set for all", paths[i]);
            return -EINVAL;
        }
    }
    return conf_vips_check(c, d);
}

/* The configuration that all have in common, and one seat for each. */
static int seats(struct sensor *x)
{
    struct arena mem;
    struct diags d;
    arena_init(&mem, 0, 0);
    diags_init(&d, &mem);
    x->conf = x->o->configure(x->o->ctx, &d);
    int rc = x->conf ? 0 : -EINVAL;
    x->n = rc ? 0 : conf_vips(x->conf);
    x->several = x->n > 0;
    if (!rc && x->several)
        rc = several_check(x->conf, &d);
    if (!x->several)
        x->n = rc ? 0 : 1;
    for (unsigned i = 0; i < x->n && !rc; i++) {
        const char *name = x->several ? conf_vips_name(x->conf, i) : NULL;
        snprintf(x->seat[i].name, sizeof(x->seat[i].name), "%s", name ? name : "");
    }
    sensor_tell(&d, x->several || rc ? DIAG_WARNING
                                     : DIAG_ERROR); /* a single one tells its warnings itself */
    arena_done(&mem);
    return rc;
}

static struct supervisor *seat_fill(struct sensor *x, struct seat *t)
{
    t->s = supervisor_new(x, (unsigned)(t - x->seat), x->several ? t->name : NULL);
    return t->s;
}

/* Descriptors: some thirty of each virtual IPS, and the sockets of its workers. */
static void room_for_descriptors(void)
{
    struct rlimit r;
    if (!getrlimit(RLIMIT_NOFILE, &r) && r.rlim_cur < r.rlim_max) {
        r.rlim_cur = r.rlim_max;
        (void)setrlimit(RLIMIT_NOFILE, &r);
    }
}

static void seat_later(struct sensor *x, struct seat *t)
{
    t->wait_ns = t->wait_ns ? u64_min(2 * t->wait_ns, RETRY_MOST) : RETRY_FIRST;
    t->retry_ns = sup_now() + t->wait_ns;
    t->tried = true;
    sensor_scope(t->s);
    log_at(LOG_AT_WARNING, "supervisor", "it is tried again in %llu s; the others go on",
           (unsigned long long)(t->wait_ns / NS_PER_SEC));
    supervisor_finish(t->s);
    supervisor_free(t->s);
    t->s = NULL;
    sensor_scope(NULL);
    (void)x;
}

/* What can be opened is opened.  With several, what fails here may be there later; settings may
 * not. */
static int seat_open(struct sensor *x, struct seat *t)
{
    sensor_scope(t->s);
    int rc = supervisor_open(t->s);
    if (!rc)
        (void)!sup_compile(t->s, t->s->conf); /* a failure is seen by the loop */
    else if (x->several)
        seat_later(x, t);
    sensor_scope(NULL);
    return rc;
}

static int plan_all(struct sensor *x)
{
    int rc = 0;
    for (unsigned i = 0; i < x->n && !(x->o->test && geteuid()); i++) /* a test needs no rights */
        if (x->seat[i].s) {
            sensor_scope(x->seat[i].s);
            int bad = trunks_plan(x->seat[i].s);
            rc = rc ? rc : bad;
        }
    sensor_scope(NULL);
    if (!rc)
        for_all(x, trunks_rings);
    return rc;
}

static int configure_all(struct sensor *x)
{
    int rc = 0;
    for (unsigned i = 0; i < x->n; i++) {
        struct seat *t = &x->seat[i];
        if (!seat_fill(x, t))
            return -ENOMEM;
        sensor_scope(t->s);
        int bad = supervisor_configure(t->s);
        if (bad == -ENODEV && x->several && !x->o->test)
            seat_later(x, t); /* a port may come */
        else if (bad)
            rc = bad;
        sensor_scope(NULL);
    }
    return rc ? rc : plan_all(x);
}

static int prepare(struct sensor *x)
{
    room_for_descriptors();
    int rc = seats(x);
    if (rc)
        return rc;
    log_set_level(sensor_level(x->conf));
    if (x->o->starting && !conf_bool(x->conf, "quiet"))
        log_at(LOG_AT_NOTICE, "start", "%s", x->o->starting);
    rc = configure_all(x);
    if (!rc && !x->o->test && conf_bool(x->conf, "daemon"))
        rc = house_background(x);
    if (!rc)
        rc = signals(x);
    struct arena mem;
    struct diags d;
    arena_init(&mem, 0, 0);
    diags_init(&d, &mem);
    if (!rc && !x->o->test)
        rc = house_pid_file(x, &d);
    sensor_tell(&d, DIAG_WARNING);
    arena_done(&mem);
    if (!rc)
        template_start(x);
    for (unsigned i = 0; i < x->n && !rc; i++) {
        struct seat *t = &x->seat[i];
        if (!t->s)
            continue;
        if (x->o->test)
            (void)!sup_compile(t->s, t->s->conf);
        else if (seat_open(x, t) && !x->several)
            rc = -EIO; /* it has been told why */
    }
    return rc;
}

/* ------------------------------------------------------------------ loop */

static void reload_one(struct supervisor *s)
{
    (void)sup_reload(s);
}

static void one_signal(struct sensor *x, uint32_t n)
{
    if (n == SIGINT || n == SIGTERM) {
        log_at(LOG_AT_NOTICE, "supervisor", "signal %u: ending", n);
        x->stop = true;
    } else if (n == SIGHUP) {
        log_at(LOG_AT_NOTICE, "supervisor", "signal: log files are opened anew");
        house_reopen(x);
    } else if (n == SIGUSR1) {
        for_all(x, report_log);
    } else if (n == SIGUSR2) {
        for_all(x, reload_one);
    }
    /* SIGCHLD: the loop looks anyway */
}

static void take_signals(struct sensor *x)
{
    struct signalfd_siginfo i;
    while (read(x->signal_fd, &i, sizeof(i)) == sizeof(i))
        one_signal(x, i.ssi_signo);
}

static void watch_add(struct sensor *x, int fd, short events, struct watch w)
{
    if (fd < 0 || x->n_watched >= x->watch_room)
        return;
    x->poll[x->n_watched] = (struct pollfd){.fd = fd, .events = events};
    x->watch[x->n_watched++] = w;
}

static void watch_one(struct sensor *x, struct supervisor *s)
{
    int thread[WIRE_THREADS];
    unsigned n_threads = wire_watched(s, thread);
    struct proc *const all[] = {&s->engine, &s->logger, &s->compiler};
    watch_add(x, s->control_fd, POLLIN, (struct watch){W_CONTROL, s, NULL, NULL});
    watch_add(x, s->link_fd, POLLIN, (struct watch){W_LINK, s, NULL, NULL});
    for (size_t i = 0; i < ARRAY_LEN(all); i++) {
        watch_add(x, all[i]->channel, POLLIN, (struct watch){W_CHANNEL, s, all[i], NULL});
        watch_add(x, all[i]->pidfd, POLLIN, (struct watch){W_PID, s, all[i], NULL});
    }
    for (unsigned i = 0; i < n_threads; i++)
        watch_add(x, thread[i], POLLIN, (struct watch){W_THREAD, s, NULL, NULL});
    for (unsigned i = 0; i < SUP_CLIENTS; i++) {
        struct control_client *c = &s->client[i];
        watch_add(x, c->fd, c->sent < c->out.n ? POLLOUT : POLLIN,
                  (struct watch){W_CLIENT, s, NULL, c});
    }
}

static int timeout_ms(const struct sensor *x)
{
    uint64_t now = sup_now(), next = now + TICK_MS * NS_PER_MS;
    for (unsigned i = 0; i < x->n; i++) {
        const struct supervisor *s = x->seat[i].s;
        if (s && s->engine.restart_ns)
            next = u64_min(next, s->engine.restart_ns);
        if (s && s->logger.restart_ns)
            next = u64_min(next, s->logger.restart_ns);
    }
    return next <= now ? 0 : (int)((next - now) / NS_PER_MS) + 1;
}

static void serve(const struct watch *w, const struct pollfd *f)
{
    sensor_scope(w->s);
    if (w->what == W_CHANNEL && w->proc->channel == f->fd)
        sup_message(w->s, w->proc);
    else if (w->what == W_CLIENT && w->client->fd == f->fd)
        control_serve(w->s, w->client, f->revents);
    else if (w->what == W_CONTROL)
        control_accept(w->s);
    else if (w->what == W_LINK)
        links_heard(w->s);
    sensor_scope(NULL);
}

/* One compiler at a time: those who follow find the image that it made. */
static void compile_next(struct sensor *x)
{
    for (unsigned i = 0; i < x->n; i++)
        if (x->seat[i].s && x->seat[i].s->compiler.state != PROC_NONE)
            return;
    for (unsigned i = 0; i < x->n; i++) {
        struct supervisor *s = x->seat[i].s;
        if (!s || !s->reload.queued)
            continue;
        sensor_scope(s);
        sup_compile_now(s);
        sensor_scope(NULL);
        if (s->compiler.state != PROC_NONE)
            return;
    }
}

static void seat_retry(struct sensor *x, struct seat *t)
{
    if (!seat_fill(x, t))
        return;
    sensor_scope(t->s);
    int rc = supervisor_configure(t->s);
    rc = rc ? rc : trunks_plan(t->s);
    if (!rc)
        trunks_rings(t->s);
    sensor_scope(NULL);
    if (rc)
        seat_later(x, t);
    else
        (void)seat_open(x, t);
}

/* Those that ended, by themselves or because they were told to. */
static void look_after(struct sensor *x)
{
    for (unsigned i = 0; i < x->n; i++) {
        struct seat *t = &x->seat[i];
        if (t->s && t->s->running)
            t->tried = true, t->wait_ns = 0;
        if (t->s && x->several && t->s->failed && !x->o->test) {
            seat_later(x, t);
        } else if (t->s && x->several && t->s->stop) {
            sensor_scope(t->s);
            supervisor_finish(t->s);
            supervisor_free(t->s);
            t->s = NULL;
            sensor_scope(NULL);
            t->ended = true;
        } else if (!t->s && !t->ended && t->retry_ns && sup_now() >= t->retry_ns) {
            seat_retry(x, t);
        }
    }
}

static void turn(struct sensor *x)
{
    x->n_watched = 0;
    watch_add(x, x->signal_fd, POLLIN, (struct watch){W_SIGNAL, NULL, NULL, NULL});
    for (unsigned i = 0; i < x->n; i++)
        if (x->seat[i].s)
            watch_one(x, x->seat[i].s);
    (void)poll(x->poll, x->n_watched, timeout_ms(x));
    for (unsigned i = 0; i < x->n_watched; i++) { /* before all else: nobody forwards */
        const struct watch *w = &x->watch[i];
        if (x->poll[i].revents &&
            (w->what == W_THREAD || (w->what == W_PID && w->proc == &w->s->engine)))
            wire_engine_gone(w->s);
    }
    for (unsigned i = 0; i < x->n_watched; i++)
        if (x->poll[i].revents && x->watch[i].s)
            serve(&x->watch[i], &x->poll[i]);
    take_signals(x);
    for_all(x, supervisor_reap);
    for_all(x, supervisor_tick);
    uint64_t now = sup_now();
    notify_alive(&x->notify, now);
    if (now >= x->look_ns) {
        x->look_ns = now + TICK_MS * NS_PER_MS;
        trunks_look(x);
    }
    look_after(x);
    compile_next(x);
}

/* ------------------------------------------------------------------ end */

static bool all_tested(const struct sensor *x)
{
    for (unsigned i = 0; i < x->n; i++)
        if (x->seat[i].s && !x->seat[i].s->finished_test && !x->seat[i].s->failed)
            return false;
    return true;
}

static bool goes_on(const struct sensor *x)
{
    bool any = false;
    if (x->stop || (x->o->test && all_tested(x)))
        return false;
    for (unsigned i = 0; i < x->n; i++) {
        const struct supervisor *s = x->seat[i].s;
        if (s && !x->several && (s->stop || s->failed))
            return false;
        any |= s || !x->seat[i].ended;
    }
    return any;
}

/* Each has been tried, and one of them runs. */
static bool is_up(const struct sensor *x)
{
    bool any = false;
    for (unsigned i = 0; i < x->n; i++) {
        any |= x->seat[i].s && x->seat[i].s->running;
        if (!x->seat[i].tried && !(x->seat[i].s && x->seat[i].s->running))
            return false;
    }
    return any;
}

static void finish(struct sensor *x)
{
    notify_say(&x->notify, "STOPPING=1");
    for_all(x, supervisor_stop); /* all at once, then one after the other until it has ended */
    for_all(x, supervisor_finish);
    template_end(x);
    if (x->pidfile[0])
        (void)unlink(x->pidfile);
    for (unsigned i = 0; i < x->n; i++)
        if (x->seat[i].s && x->seat[i].s->exit_status)
            x->exit_status = x->seat[i].s->exit_status;
    if (x->ready_fd >= 0) {
        char status = (char)x->exit_status;
        (void)!write(x->ready_fd, &status, 1);
        close(x->ready_fd);
    }
    for (unsigned i = 0; i < x->n; i++) {
        struct supervisor *s = x->seat[i].s;
        sensor_scope(s);
        if (s && s->finished_test)
            supervisor_test_result(s);
        if (s && s->exit_status)
            x->exit_status = s->exit_status;
        if (s)
            supervisor_free(s);
    }
    sensor_scope(NULL);
}

static int watch_room(struct sensor *x)
{
    x->watch_room = 1 + x->n * WATCHED_OF_ONE;
    x->poll = calloc(x->watch_room, sizeof(*x->poll));
    x->watch = calloc(x->watch_room, sizeof(*x->watch));
    return x->poll && x->watch ? 0 : -ENOMEM;
}

int sensor_run(const struct sensor_options *o)
{
    (void)close_range(3, ~0u,
                      0); /* what the caller had open is nothing for the processes that come */
    struct sensor *x = calloc(1, sizeof(*x));
    if (!x)
        return 1;
    x->o = o;
    x->signal_fd = x->ready_fd = x->pid_fd = x->log_fd = x->log_dir = -1;
    notify_init(&x->notify);
    int rc = prepare(x);
    if (!rc)
        rc = watch_room(x);
    if (rc)
        x->exit_status = 1;
    bool told = false;
    while (!rc && goes_on(x)) {
        turn(x);
        if (!told && is_up(x)) {
            told = true;
            house_ready(x, 0);
            notify_say(&x->notify, "READY=1");
        }
    }
    finish(x);
    int status = x->exit_status, *const fds[] = {&x->signal_fd, &x->pid_fd, &x->log_fd,
                                                 &x->log_dir};
    for (size_t i = 0; i < ARRAY_LEN(fds); i++)
        if (*fds[i] >= 0)
            close(*fds[i]);
    notify_done(&x->notify);
    trunks_free(x);
    conf_free(x->conf);
    free(x->poll);
    free(x->watch);
    free(x);
    return status;
}
