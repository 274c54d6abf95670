/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * systemd's notification protocol (sd_notify(3)): datagrams to the socket that NOTIFY_SOCKET names, an
 * abstract one where it begins with @.  Our own lines, for libsystemd would come with much else.
 */
#include "sensor/notify.h"

#include "base/clock.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

void notify_init(struct notify *n)
{
    const char *path = getenv("NOTIFY_SOCKET"), *us = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    *n = (struct notify){.fd = -1};
    size_t k = path ? strlen(path) : 0;
    if (!k || k >= sizeof(n->to.sun_path) || (path[0] != '/' && path[0] != '@'))
        return;
    n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    n->to.sun_family = AF_UNIX;
    memcpy(n->to.sun_path, path, k);
    if (path[0] == '@')
        n->to.sun_path[0] = 0;
    n->n_to = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + k);
    if (us && (!pid || strtol(pid, NULL, 10) == (long)getpid()))
        n->every_ns = strtoull(us, NULL, 10) * 1000 / 3; /* two may be late */
}

void notify_say(const struct notify *n, const char *what)
{
    if (n->fd >= 0)
        (void)!sendto(n->fd, what, strlen(what), MSG_NOSIGNAL, (const struct sockaddr *)&n->to, n->n_to);
}

void notify_alive(struct notify *n, uint64_t now_ns)
{
    if (!n->every_ns || now_ns < n->next_ns)
        return;
    n->next_ns = now_ns + n->every_ns;
    notify_say(n, "WATCHDOG=1");
}

void notify_done(struct notify *n)
{
    if (n->fd >= 0)
        close(n->fd);
    n->fd = -1;
}
