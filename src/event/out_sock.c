/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Unix sockets: never waited for, connected again when they went away. */
#include "event/out_impl.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

int sock_connect(struct out *o)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    size_t n = strlen(o->path);
    if (n >= sizeof(a.sun_path))
        return ENAMETOOLONG;
    memcpy(a.sun_path, o->path, n);
    int type = o->c.kind == OUT_DGRAM ? SOCK_DGRAM : SOCK_STREAM;
    int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return errno;
    if (connect(fd, (const struct sockaddr *)&a, sizeof(a))) {
        int err = errno;
        close(fd);
        return err;
    }
    o->fd = fd;
    return 0;
}

static int sock_ready(struct out *o)
{
    return o->fd >= 0 ? 0 : sock_connect(o);
}

/* After an error that ends the connection. */
static void sock_lost(struct out *o, int err)
{
    if (err == EAGAIN || err == ENOBUFS || err == EINTR)
        return;
    close(o->fd);
    o->fd = -1;
}

int sock_send_records(struct out *o, uint32_t n, size_t *done)
{
    int err = sock_ready(o);
    for (uint32_t i = 0; !err && i < n; i++) {
        size_t at = i ? o->ends[i - 1] : 0;
        ssize_t put = send(o->fd, o->buf.p + at, o->ends[i] - at, MSG_NOSIGNAL);
        if (put < 0 && errno == EMSGSIZE) {
            out_error(o, errno);
            out_lost(o);
            o->cut++;
        } else if (put < 0) {
            err = errno;
            sock_lost(o, err);
            return err;
        }
        *done = o->ends[i];
    }
    return err;
}

int sock_send_stream(struct out *o, size_t want, size_t *done)
{
    bool fresh = o->fd < 0;
    int err = sock_ready(o);
    if (!err && fresh && o->partial) {
        /* The start of this record went to a listener that is gone. */
        *done = o->ends[0];
        out_lost(o);
        o->cut++;
    }
    while (!err && *done < want) {
        ssize_t put = send(o->fd, o->buf.p + *done, want - *done, MSG_NOSIGNAL);
        if (put >= 0) {
            *done += (size_t)put;
            continue;
        }
        err = errno;
        sock_lost(o, err);
    }
    return err;
}
