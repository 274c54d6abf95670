/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the process has to itself: its log, its pid file, the background, the word to who started it
 * (sensor.c). */
#include "sensor/supervisor.h"

#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The folder of the sensor's own log: with several, the one that theirs lie in. */
static int log_dir(struct sensor *x)
{
    struct supervisor *first = NULL;
    for (unsigned i = 0; i < x->n && !first; i++)
        first = x->seat[i].s;
    if (x->log_dir >= 0 || !first)
        return x->log_dir;
    if (!x->several)
        return first->dir_fd;
    x->log_dir = place_logs(x->conf, &first->setup, &first->diags);
    sup_tell(first);
    return x->log_dir;
}

/* Our own messages: to DIR/riposte.log when there is no terminal to write to. */
static int house_open_log(struct sensor *x)
{
    int dir = log_dir(x);
    int fd = dir < 0 ? -1
                     : openat(dir, "riposte.log",
                              O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0)
        return dir < 0 ? -ENOENT : -errno;
    (void)dup2(fd, STDERR_FILENO);
    (void)dup2(fd, STDOUT_FILENO);
    if (x->log_fd >= 0)
        close(x->log_fd);
    x->log_fd = fd;
    return 0;
}

/* Parent: waits for the child's word and ends with it.  Child: goes on. */
int house_background(struct sensor *x)
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
    x->ready_fd = p[1];
    (void)setsid();
    int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    if (null >= 0)
        (void)dup2(null, STDIN_FILENO);
    if (null >= 0)
        close(null);
    return 0;
}

void sensor_give_log(struct sensor *x, struct proc *p)
{
    if (x->log_fd >= 0 && p->channel >= 0)
        (void)!msg_send(p->channel, MSG_LOG, NULL, 0, &x->log_fd, 1);
}

/* The one who waits in daemonize gets his answer; then the log is a file. */
void house_ready(struct sensor *x, char status)
{
    if (x->ready_fd < 0)
        return;
    (void)!write(x->ready_fd, &status, 1);
    close(x->ready_fd);
    x->ready_fd = -1;
    int rc = house_open_log(x);
    if (rc)
        log_at(LOG_AT_WARNING, "supervisor", "no log of our own: %s", strerror(-rc));
    for (unsigned i = 0; i < x->n && !rc; i++)
        if (x->seat[i].s) {
            sensor_give_log(x, &x->seat[i].s->engine);
            sensor_give_log(x, &x->seat[i].s->logger);
        }
}

int house_pid_file(struct sensor *x, struct diags *d)
{
    uint64_t mask;
    const char *m = conf_str(x->conf, "umask"), *pid = conf_str(x->conf, "pid-file");
    if (m && str_u64_base(str_cstr(m), 8, &mask) && mask <= 0777)
        (void)umask((mode_t)mask);
    if (!pid || !*pid)
        return 0;
    x->pid_fd = pidfile_take(pid, d);
    if (x->pid_fd < 0)
        return x->pid_fd;
    snprintf(x->pidfile, sizeof(x->pidfile), "%s", pid);
    return 0;
}

void house_reopen(struct sensor *x)
{
    bool ours = x->log_fd >= 0 && !house_open_log(x);
    for (unsigned i = 0; i < x->n; i++) {
        struct supervisor *s = x->seat[i].s;
        if (!s)
            continue;
        sensor_scope(s);
        if (ours)
            sensor_give_log(x, &s->engine);
        supervisor_reopen(s);
    }
    sensor_scope(NULL);
}
