/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Opening a queue (the supervisor's part), and letting go what waits in one. */
#include "capture/capture.h"
#include "capture/nfq/message.h"

#include <errno.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    MOST = 8192,
    SOCKET_BYTES = 64 << 20,
    SEND_BYTES = 4 << 20,
    ANSWER_MS = 2000,
    COPY = 0xffff
};

/* Sends what is in o, whose last message begins at last_at; waits for its answer. */
static int ask(int fd, struct nfq_out *o, uint32_t last_at)
{
    uint8_t in[8192];
    nfq_ask_ack(o, last_at);
    if (send(fd, o->mem, o->n, MSG_NOSIGNAL) < 0)
        return -errno;
    for (unsigned k = 0; k < 64;
         k++) { /* packets may come before the answer: they stay for the engine's time */
        struct pollfd f = {.fd = fd, .events = POLLIN};
        struct nfq_packet p;
        if (poll(&f, 1, ANSWER_MS) <= 0)
            return -ETIMEDOUT;
        ssize_t n = recv(fd, in, sizeof(in), MSG_DONTWAIT | MSG_TRUNC);
        if (n < 0)
            return -errno;
        if (nfq_read(in, (size_t)n < sizeof(in) ? (size_t)n : sizeof(in), &p) == NFQ_ERROR)
            return p.error;
    }
    return -EPROTO;
}

static int configure(int fd, const struct capture_queue_options *o)
{
    uint8_t mem[256];
    struct nfq_out out = {.mem = mem, .room = sizeof(mem)};
    uint32_t flags = (uint32_t)NFQA_CFG_F_GSO | (o->drop_full ? 0 : (uint32_t)NFQA_CFG_F_FAIL_OPEN);
    if (!nfq_put_settings(&out, o->queue, COPY, o->most ? o->most : MOST, flags,
                          NFQA_CFG_F_GSO | NFQA_CFG_F_FAIL_OPEN))
        return -ENOBUFS;
    return ask(fd, &out, 0);
}

/* Bound last: before that nothing can come. */
static int bind_queue(int fd, uint16_t queue)
{
    uint8_t mem[256];
    struct nfq_out out = {.mem = mem, .room = sizeof(mem)};
    return nfq_put_bind(&out, queue, true) ? ask(fd, &out, 0) : -ENOBUFS;
}

static int fail(const struct capture_queue_options *o, int rc, const char *what, struct diags *d)
{
    char name[32];
    (void)snprintf(name, sizeof(name), "queue %u", o->queue);
    diag_add(d, DIAG_ERROR, name, 0, 0,
             rc == -EPERM || rc == -EACCES ? "that needs root, or CAP_NET_ADMIN"
             : rc == -EBUSY ? "another program listens there: end it, or take another number"
                            : NULL,
             "%s: %s", what, rc == -EBUSY ? "it is taken" : strerror(-rc));
    return rc;
}

static int netlink_open(const struct capture_queue_options *o, struct diags *d)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_NETFILTER),
        one = 1;
    int rcv = (int)u64_min(o->socket_bytes ? o->socket_bytes : SOCKET_BYTES, 1u << 30),
        snd = SEND_BYTES;
    struct sockaddr_nl a = {.nl_family = AF_NETLINK};
    if (fd < 0)
        return fail(o, -errno, "the kernel has no netfilter sockets", d);
    int rc = bind(fd, (struct sockaddr *)&a, sizeof(a)) ? -errno : 0;
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &rcv, sizeof(rcv));
    (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &snd, sizeof(snd));
    (void)setsockopt(fd, SOL_NETLINK, NETLINK_NO_ENOBUFS, &one,
                     sizeof(one)); /* gaps in the numbers tell it */
    (void)setsockopt(fd, SOL_NETLINK, NETLINK_CAP_ACK, &one, sizeof(one));
    rc = rc ? rc : bind_queue(fd, o->queue);
    if (rc)
        rc = fail(o, rc, "the queue can't be taken", d);
    else if ((rc = configure(fd, o)))
        rc = fail(o, rc, "the queue can't be set up", d);
    if (rc) {
        close(fd);
        return rc;
    }
    return fd;
}

int capture_queue_open(const struct capture_queue_options *o, int fd[QUEUE_FDS], struct diags *d)
{
    for (unsigned i = 0; i < QUEUE_FDS; i++)
        fd[i] = -1;
    fd[0] = netlink_open(o, d);
    if (fd[0] < 0)
        return fd[0];
    int rc = fd[1] = injector_socket_away(d);
    for (int k = 0; k < 2 && rc >= 0; k++)
        rc = fd[2 + k] = injector_raw_socket(k ? 6 : 4, d);
    for (unsigned i = 0; i < QUEUE_FDS && rc < 0; i++)
        if (fd[i] >= 0) {
            close(fd[i]);
            fd[i] = -1;
        }
    return rc < 0 ? rc : 0;
}

void capture_queue_release(int fd, uint16_t queue)
{
    uint8_t mem[256];
    struct nfq_out out = {.mem = mem, .room = sizeof(mem)};
    /* Numbers are compared by their distance: two of them reach all. */
    (void)nfq_put_batch(&out, queue, INT32_MAX, NF_ACCEPT, NULL);
    (void)nfq_put_batch(&out, queue, UINT32_MAX, NF_ACCEPT, NULL);
    (void)!send(fd, out.mem, out.n, MSG_DONTWAIT | MSG_NOSIGNAL);
}
