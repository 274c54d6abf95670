/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Starting children, watching them, starting them again. */
#include "sensor/supervisor.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#define BACKOFF_FIRST (100 * NS_PER_MS)
#define BACKOFF_MOST  (10 * NS_PER_SEC)
#define LIVED_WELL    (60 * NS_PER_SEC)

enum { ENV_MOST = 16 };

/*
 * What a child gets of the caller's environment: words about time and language.  A library to load first, where to look
 * for libraries, somebody's token are not for processes that read what strangers send.
 */
static void child_env(char *env[ENV_MOST])
{
    static const char *const kept[] = {"TZ=", "LANG=", "LANGUAGE=", "LC_ALL=", "LC_TIME=", "LC_CTYPE=", "LC_MESSAGES=",
                                       "ASAN_OPTIONS=", "UBSAN_OPTIONS=", "TSAN_OPTIONS=" /* of builds for tests */};
    static char path[] = "PATH=/usr/sbin:/usr/bin:/sbin:/bin";
    unsigned n = 0;
    static_assert(ARRAY_LEN(kept) + 2 <= ENV_MOST, "all, the path and the end");
    env[n++] = path;
    for (size_t k = 0; k < ARRAY_LEN(kept); k++)
        for (char **e = environ; *e; e++)
            if (!strncmp(*e, kept[k], strlen(kept[k]))) {
                env[n++] = *e;
                break;
            }
    env[n] = NULL;
}

/* In the child, between fork and exec: only what is safe there. */
static void child_exec(int channel, const char *role, char *const env[])
{
    sigset_t none;
    sigemptyset(&none);
    (void)sigprocmask(SIG_SETMASK, &none, NULL);
    if (channel == MSG_CHANNEL)
        (void)fcntl(channel, F_SETFD, 0);
    else if (dup2(channel, MSG_CHANNEL) < 0)
        _exit(127);
    char name[] = "riposte", flag[] = "-P", word[16] = "";
    strncpy(word, role, sizeof(word) - 1);
    char *argv[] = {name, flag, word, NULL};
    execve("/proc/self/exe", argv, env);
    _exit(127);
}

static int by_exec(struct proc *p, int channel)
{
    char *env[ENV_MOST];
    child_env(env);
    pid_t pid = fork();
    if (pid == 0)
        child_exec(channel, role_name[p->role], env);
    if (pid < 0)
        return -errno;
    p->pid = pid;
    p->pidfd = pidfd_open(pid, 0);
    return 0;
}

/* x: where there may be a template; NULL: none. */
static int spawn(struct sensor *x, struct proc *p)
{
    int parent, child, rc = msg_channel(&parent, &child);
    if (rc)
        return rc;
    if (!x || template_child(x, p, child))
        rc = by_exec(p, child);
    close(child);
    if (rc) {
        close(parent);
        return rc;
    }
    p->channel = parent;
    p->state = PROC_STARTING;
    p->started_ns = sup_now();
    p->restart_ns = 0;
    return 0;
}

int proc_spawn(struct proc *p)
{
    return spawn(NULL, p);
}

void proc_close(struct proc *p)
{
    if (p->channel >= 0)
        close(p->channel);
    if (p->pidfd >= 0)
        close(p->pidfd);
    p->channel = p->pidfd = -1;
    p->state = PROC_NONE;
}

/* Only ever a child of ours, by its descriptor: the number can't have gone to somebody else. */
void proc_kill(struct proc *p)
{
    if (p->state == PROC_NONE)
        return;
    if (p->pidfd >= 0)
        (void)pidfd_send_signal(p->pidfd, SIGKILL, NULL, 0);
    else
        (void)kill(p->pid, SIGKILL);
}

bool proc_reap(struct proc *p)
{
    int st;
    if (p->state == PROC_NONE || waitpid(p->pid, &st, WNOHANG) != p->pid)
        return false;
    if (WIFSIGNALED(st))
        snprintf(p->last_end, sizeof(p->last_end), "signal %d", WTERMSIG(st));
    else
        snprintf(p->last_end, sizeof(p->last_end), "exit %d", WEXITSTATUS(st));
    return true;
}

/* At once after a long life, then later and later. */
void proc_backoff(struct proc *p)
{
    uint64_t now = sup_now();
    if (now - p->started_ns > LIVED_WELL)
        p->backoff_ns = 0;
    p->restart_ns = now + p->backoff_ns + 1;
    p->backoff_ns = p->backoff_ns ? u64_min(p->backoff_ns * 2, BACKOFF_MOST) : BACKOFF_FIRST;
}

/* ------------------------------------------------------------------ setting them up */

static int send_setup(struct supervisor *s, struct proc *p, int conf_fd, int page_fd, int dir_fd)
{
    int fd[3] = {conf_fd, page_fd, dir_fd};
    struct msg_setup x = s->setup;
    x.generation = s->now.number;
    unsigned n = dir_fd >= 0 ? 3 : page_fd >= 0 ? 2 : 1;
    return msg_send(p->channel, MSG_SETUP, &x, sizeof(x), fd, n);
}

static int send_start(struct proc *p, const struct msg_start *start)
{
    struct msg_start none = {0};
    return msg_send(p->channel, MSG_START, start ? start : &none, sizeof(none), NULL, 0);
}

static int send_rings(struct supervisor *s, const struct generation *g)
{
    int rc = 0;
    for (unsigned w = 0; w < g->workers && g->number && !rc; w++) {
        struct msg_ring r = {.generation = g->number,
                             .worker = w,
                             .n_workers = g->workers,
                             .bytes = rec_ring_bytes(s->plan.event_bytes)};
        rc = msg_send(s->logger.channel, MSG_RING, &r, sizeof(r), &g->ring[w], 1);
    }
    return rc;
}

static int started(struct proc *p, int rc)
{
    if (rc) {
        log_at(LOG_AT_ERROR, "supervisor", "the %s can't be started: %s", role_name[p->role],
               strerror(-rc));
        proc_kill(p); /* its end is seen by the loop */
    }
    return rc;
}

int sup_start_logger(struct supervisor *s)
{
    int rc = spawn(s->sensor, &s->logger);
    if (!rc)
        rc = send_setup(s, &s->logger, s->conf_fd, s->log_page_fd, s->dir_fd);
    if (!rc)
        rc = send_rings(s, &s->old);
    if (!rc)
        rc = send_rings(s, &s->now);
    return started(&s->logger, rc ? rc : send_start(&s->logger, NULL));
}

int sup_start_engine(struct supervisor *s)
{
    int rc = generation_open(s);
    if (rc)
        return rc;
    if (s->logger.state != PROC_NONE && s->logger.state != PROC_STOPPING)
        (void)!send_rings(s, &s->now); /* a dead logger gets them when it comes again */
    rc = spawn(s->sensor, &s->engine);
    if (!rc)
        rc = send_setup(s, &s->engine, s->conf_fd, s->page_fd, -1);
    if (!rc)
        rc = generation_send(s, s->engine.channel);
    if (!rc)
        rc = lists_send(s, s->engine.channel);
    struct msg_rules r = {.version = s->version};
    int fd[2] = {s->image_fd, s->conf_fd};
    if (!rc)
        rc = msg_send(s->engine.channel, MSG_RULES, &r, sizeof(r), fd, 2);
    return started(&s->engine, rc ? rc : send_start(&s->engine, NULL));
}

static int send_file(struct proc *p, enum msg_file_kind kind, uint32_t value, const char *path)
{
    struct msg_file f = {.kind = kind, .value = value};
    if (strlen(path) >= sizeof(f.path))
        return -ENAMETOOLONG;
    strncpy(f.path, path, sizeof(f.path) - 1);
    return msg_send(p->channel, MSG_FILE, &f, sizeof(f), NULL, 0);
}

int sup_start_compiler(struct supervisor *s, struct conf *c, int conf_fd)
{
    const struct sensor_options *o = s->o;
    struct proc *p = &s->compiler;
    char out[4200];
    int rc = place_build(s->cache, &s->setup, s->reload.build, sizeof(s->reload.build));
    if (rc)
        return started(p, rc);
    snprintf(out, sizeof(out), "%s/image", s->reload.build);
    rc = proc_spawn(p);
    if (!rc)
        rc = send_setup(s, p, conf_fd, -1, -1);
    if (!rc)
        rc = send_file(p, FILE_OUT, 0, out);
    if (!rc && s->cache[0])
        rc = send_file(p, FILE_CACHE, 0, s->cache);
    for (unsigned i = 0; i < o->n_only && !rc; i++)
        rc = send_file(p, FILE_ONLY, (uint32_t)o->dialect, o->only[i]);
    for (unsigned i = 0; i < o->n_more && !rc; i++)
        rc = send_file(p, FILE_MORE, (uint32_t)o->dialect, o->more[i]);
    struct msg_start start = {.dialect = (uint32_t)o->dialect, .threads = image_threads()};
    if (o->fatal || conf_bool(c, "init-errors-fatal"))
        start.flags |= START_FATAL;
    /* A test compiles anew: it is to find out whether that works. */
    if (!conf_bool(c, "detect.sgh-mpm-caching") || o->test)
        start.flags |= START_NO_CACHE;
    if (o->test)
        start.flags |= START_TEST;
    if (s->running) /* a reload that misses files would take rules away */
        start.flags |= START_STRICT;
    return started(p, rc ? rc : send_start(p, &start));
}

/* ------------------------------------------------------------------ what they say */

static void ready(struct supervisor *s, struct proc *p)
{
    p->state = PROC_RUNNING;
    if (p->restarts)
        log_at(LOG_AT_NOTICE, "supervisor", "the %s runs again (process %ld)", role_name[p->role],
               (long)p->pid);
    if (p->role == ROLE_LOGGER && s->engine.state == PROC_NONE && !s->engine.restart_ns &&
        !s->running && sup_start_engine(s))
        sup_fail(s, "the engine can't be started");
    if (p->role == ROLE_ENGINE) {
        wire_engine_ready(s);
        hogs_engine_ready(s);
    }
    if (p->role == ROLE_ENGINE && !s->running) {
        s->running = true;
        wire_began(s);
        log_at(LOG_AT_NOTICE, "supervisor",
               "running: engine %ld, logger %ld, %u worker%s, %llu rules%s%s", (long)s->engine.pid,
               (long)s->logger.pid, s->plan.workers, s->plan.workers == 1 ? "" : "s",
               (unsigned long long)s->rules.n_rules, s->control[0] ? ", control " : "", s->control);
    }
}

static void one_message(struct supervisor *s, struct proc *p, const struct message *m)
{
    const struct msg_number *number = (const void *)m->body;
    switch (m->type) {
    case MSG_DIAG:
        sup_diag(s, p, m);
        break;
    case MSG_READY:
        ready(s, p);
        break;
    case MSG_COMPILED:
        sup_compiled(s, (const void *)m->body);
        break;
    case MSG_RULE_FILE:
        sup_rule_file(s, m);
        break;
    case MSG_SWAPPED:
        sup_swapped(s, (const void *)m->body);
        break;
    case MSG_DEAD_PORT:
        ports_lost(s, number->mask);
        break;
    case MSG_SURVEYED:
        survey_take(s, m);
        break;
    case MSG_RING_DONE:
        if (s->old.number && number->value == s->old.number)
            generation_close(s, &s->old, true);
        break;
    case MSG_REOPENED:
        control_reopened(s);
        break;
    case MSG_SETUP:
    case MSG_RING:
    case MSG_CAPTURE:
    case MSG_RESPONSE:
    case MSG_GATE:
    case MSG_BLACKLIST:
    case MSG_RULES:
    case MSG_FILE:
    case MSG_START:
    case MSG_REPLACE:
    case MSG_LOG:
    case MSG_REOPEN:
    case MSG_SURVEY:
    case MSG_STOP:
    case MSG_FORK:
    case MSG_FORKED:
    case MSG_TYPES: /* msg_recv lets none of these through */
        break;
    }
}

void sup_message(struct supervisor *s, struct proc *p)
{
    int rc = -EAGAIN;
    /* A flood from one child must not starve the others. */
    for (unsigned i = 0; i < 256; i++) {
        rc = msg_recv(p->channel, role_from(p->role), false, &s->message);
        if (rc <= 0)
            break;
        one_message(s, p, &s->message);
        msg_done(&s->message);
    }
    if (rc == -EPROTO) {
        log_at(LOG_AT_ERROR, "supervisor",
               "the %s (process %ld) sent what is no message: it is ended", role_name[p->role],
               (long)p->pid);
        proc_kill(p);
    }
    if (rc <= 0 && rc != -EAGAIN && p->channel >= 0) {
        close(p->channel); /* its end is seen at the pidfd */
        p->channel = -1;
    }
}

/* ------------------------------------------------------------------ their ends */

static void engine_gone(struct supervisor *s)
{
    wire_engine_gone(s);
    s->n_hogs = 0;
    lists_engine_gone(s);
    counts_past(s);
    for (unsigned w = 0; w < SENSOR_WORKERS; w++)
        atomic_store_explicit(&s->page->worker[w].beat_ns, 0, memory_order_relaxed);
    if (s->reload.state == RELOAD_SWAPPING)
        sup_reload_failed(s, "the engine ended meanwhile");
}

static void logger_gone(struct supervisor *s)
{
    struct logger_counts c;
    if (snapshot_get(&s->log_page->seq, s->log_page->word, &c, sizeof(c))) {
        uint64_t *a = (void *)&s->past_log;
        const uint64_t *b = (const void *)&c.logger;
        for (size_t i = 0; i < sizeof(s->past_log) / sizeof(*a); i++)
            a[i] += b[i];
    }
    memset(&c, 0, sizeof(c));
    snapshot_put(&s->log_page->seq, s->log_page->word, &c, sizeof(c));
}

void sup_ended(struct supervisor *s, struct proc *p)
{
    bool was_ready = p->state == PROC_RUNNING, asked = p->state == PROC_STOPPING;
    if (p->channel >= 0)
        sup_message(s, p); /* its last words */
    log_at(p->role == ROLE_COMPILER || asked ? LOG_AT_INFO : LOG_AT_WARNING, "supervisor",
           "the %s (process %ld) ended: %s", role_name[p->role], (long)p->pid, p->last_end);
    proc_close(p);
    if (p->role == ROLE_ENGINE)
        engine_gone(s);
    if (p->role == ROLE_LOGGER)
        logger_gone(s);
    if (p->role == ROLE_COMPILER) {
        sup_compiler_ended(s);
        return;
    }
    if (asked || s->stop)
        return;
    if (!s->running && !was_ready) {
        sup_fail(s,
                 p->role == ROLE_ENGINE ? "the engine did not start" : "the logger did not start");
        return;
    }
    p->restarts++;
    proc_backoff(p);
}
