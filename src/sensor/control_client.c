/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The other end of the control socket: what `riposte ctl` uses. */
#include "sensor/sensor.h"

#include "base/sbuf.h"

#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

enum { ANSWER_MOST = 64 << 20 };

static int connect_to(const char *path)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof(a.sun_path))
        return -ENAMETOOLONG;
    strncpy(a.sun_path, path, sizeof(a.sun_path) - 1);
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    if (connect(fd, (const struct sockaddr *)&a, sizeof(a))) {
        int err = -errno;
        close(fd);
        return err;
    }
    return fd;
}

static bool answers(const char *path)
{
    int fd = connect_to(path);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* The answering sockets, one after the other, until f says no. */
static void each_socket(bool (*f)(void *ctx, const char *path), void *ctx)
{
    glob_t g;
    bool more = true;
    if (glob("/run/riposte/*.sock", 0, NULL, &g))
        return;
    for (size_t i = 0; i < g.gl_pathc && more; i++)
        if (answers(g.gl_pathv[i]))
            more = f(ctx, g.gl_pathv[i]);
    globfree(&g);
}

struct all {
    char (*out)[4096];
    unsigned n, most;
};
static bool one_more(void *ctx, const char *path)
{
    struct all *a = ctx;
    snprintf(a->out[a->n++], sizeof(*a->out), "%s", path);
    return a->n < a->most;
}

unsigned sensor_control_all(char (*out)[4096], unsigned most)
{
    struct all a = {.out = out, .most = most};
    if (most)
        each_socket(one_more, &a);
    return a.n;
}

struct only {
    char *out;
    size_t room;
    char names[1024];
    unsigned n;
};
static bool name_it(void *ctx, const char *path)
{
    struct only *o = ctx;
    size_t at = strlen(o->names);
    snprintf(o->out, o->room, "%s", path);
    snprintf(o->names + at, sizeof(o->names) - at, "%s%s", o->n++ ? " " : "", path);
    return true;
}

/* The only one that answers; several: which. */
static int only_one(char *out, size_t room, struct diags *d)
{
    struct only o = {.out = out, .room = room};
    each_socket(name_it, &o);
    unsigned n = o.n;
    if (n == 1)
        return 0;
    if (n == 0)
        diag_add(d, DIAG_ERROR, NULL, 0, 0, "-s PATH names its control socket",
                 "no sensor answers in /run/riposte");
    else
        diag_add(d, DIAG_ERROR, NULL, 0, 0, "choose one with -s NAME, or -s all", "%u sensors run: %s", n, o.names);
    return n ? -EINVAL : -ENOENT;
}

int sensor_control_path(const char *name, char *out, size_t room, struct diags *d)
{
    if (!name)
        return only_one(out, room, d);
    int n = strchr(name, '/') ? snprintf(out, room, "%s", name)
                              : snprintf(out, room, "/run/riposte/%s.sock", name);
    return n > 0 && (size_t)n < room ? 0 : -ENAMETOOLONG;
}

int sensor_request(const char *path, const char *request, struct sbuf *out, struct diags *d)
{
    char line[SENSOR_CONTROL_MAX];
    int n = snprintf(line, sizeof(line), "%s\n", request);
    sbuf_clear(out);
    if (n <= 0 || (size_t)n >= sizeof(line) || strchr(request, '\n'))
        return -EINVAL;
    int fd = connect_to(path), rc = fd < 0 ? fd : 0;
    if (!rc && send(fd, line, (size_t)n, MSG_NOSIGNAL) != n)
        rc = -errno;
    while (!rc) {
        uint8_t part[65536];
        ssize_t k = recv(fd, part, sizeof(part), 0);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0) {
            rc = k < 0 ? -errno : 0;
            break;
        }
        sbuf_put(out, part, (size_t)k);
        if (out->failed || out->n > ANSWER_MOST)
            rc = -ENOMEM;
    }
    if (fd >= 0)
        close(fd);
    if (!rc && !out->n)
        rc = -ECONNRESET;
    if (rc)
        diag_add(d, DIAG_ERROR, path, 0, 0,
                 rc == -EACCES                          ? "the control socket is root's"
                 : rc == -ENOENT || rc == -ECONNREFUSED ? "does a sensor run there?"
                                                        : NULL,
                 "no answer: %s", strerror(-rc));
    return rc;
}
