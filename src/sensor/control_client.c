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

/* The only one that answers; several: which. */
static int only_one(char *out, size_t room, struct diags *d)
{
    glob_t g;
    char names[1024] = "";
    unsigned n = 0;
    if (!glob("/run/riposte/*.sock", 0, NULL, &g)) {
        for (size_t i = 0; i < g.gl_pathc; i++) {
            if (!answers(g.gl_pathv[i]))
                continue;
            snprintf(out, room, "%s", g.gl_pathv[i]);
            size_t at = strlen(names);
            snprintf(names + at, sizeof(names) - at, "%s%s", n++ ? " " : "", g.gl_pathv[i]);
        }
        globfree(&g);
    }
    if (n == 1)
        return 0;
    if (n == 0)
        diag_add(d, DIAG_ERROR, NULL, 0, 0, "-s PATH names its control socket",
                 "no sensor answers in /run/riposte");
    else
        diag_add(d, DIAG_ERROR, NULL, 0, 0, "choose one with -s", "%u sensors run: %s", n, names);
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
