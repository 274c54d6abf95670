/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Children from the template (template.c), where there are several virtual IPSs.
 *
 * All that come from it have the same addresses in memory, which an attacker who makes one engine fail
 * again and again would learn from: so a child that died is started anew by execve, with addresses of its own.
 */
#include "sensor/supervisor.h"

#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/prctl.h>
#include <unistd.h>

enum { ANSWER_MS = 2000 };

void template_start(struct sensor *x)
{
    x->template_ = (struct proc){.role = ROLE_TEMPLATE, .channel = -1, .pidfd = -1};
    if (!x->several || x->n < 2 || x->o->test || !conf_bool(x->conf, "vips-template"))
        return;
    int rc = proc_spawn(&x->template_);
    if (rc)
        log_at(LOG_AT_WARNING, "supervisor", "engines and loggers share no memory of their libraries: no template: %s", strerror(-rc));
}

void template_end(struct sensor *x)
{
    proc_kill(&x->template_);
    proc_close(&x->template_);
}

static int answer(struct proc *t, struct message *m, struct msg_number *n)
{
    struct pollfd f = {.fd = t->channel, .events = POLLIN};
    int rc;
    do
        rc = poll(&f, 1, ANSWER_MS);
    while (rc < 0 && errno == EINTR);
    if (rc <= 0)
        return rc ? -errno : -ETIMEDOUT;
    rc = msg_recv(t->channel, FROM_TEMPLATE, false, m);
    if (rc <= 0)
        return rc ? rc : -ECONNRESET;
    memcpy(n, m->body, sizeof(*n));
    msg_done(m);
    return n->mask || !n->value || n->value > INT32_MAX ? -EAGAIN : 0;
}

int template_child(struct sensor *x, struct proc *p, int channel)
{
    struct proc *t = &x->template_;
    if (t->state == PROC_NONE || p->restarts)
        return -ENOENT;
    int fd[] = {channel, STDOUT_FILENO, STDERR_FILENO};
    struct msg_number n = {.value = p->role};
    int rc = prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) ? -errno : 0;
    rc = rc ? rc : msg_send(t->channel, MSG_FORK, &n, sizeof(n), fd, ARRAY_LEN(fd));
    rc = rc ? rc : answer(t, &x->answer, &n);
    (void)prctl(PR_SET_CHILD_SUBREAPER, 0, 0, 0, 0); /* other orphans are not ours */
    if (!rc) {
        p->pid = (pid_t)n.value;
        p->pidfd = pidfd_open(p->pid, 0);
        return 0;
    }
    if (rc != -EAGAIN) { /* it is of no more use; a late answer must not be taken for the next one's */
        log_at(LOG_AT_WARNING, "supervisor", "the template does not answer (%s): children are started without it", strerror(-rc));
        template_end(x);
    }
    return rc;
}
