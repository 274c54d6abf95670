/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sending frames and packets of our own, without waiting: what can't go at once is counted and
 * lost.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "capture/capture.h"

struct injector {
    int link, raw4, raw6;
    uint8_t mac[6];
    struct injector_counters n;
    bool (*mem)(void *ctx, const void *frame, size_t n, bool link);
    void *ctx;
    struct capture *wire; /* the ports of a pair */
    unsigned aim;
};

int injector_socket(const char *iface, struct diags *d)
{
    /* Protocol 0: the socket receives nothing. */
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0) {
        int err = -errno;
        diag_add(d, DIAG_ERROR, iface, 0, 0,
                 err == -EPERM ? "sending needs root (or CAP_NET_RAW)" : NULL,
                 "can't open a packet socket: %s", strerror(-err));
        return err;
    }
    struct sockaddr_ll l = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(iface)};
    int one = 1, err = 0;
    if (!l.sll_ifindex || bind(fd, (struct sockaddr *)&l, sizeof l) != 0)
        err = -errno;
    if (err) {
        diag_add(d, DIAG_ERROR, iface, 0, 0, "`ip link` lists the interfaces", "can't use it: %s",
                 strerror(-err));
        close(fd);
        return err;
    }
    /* Straight to the card: no queueing discipline behind which a reset would wait. */
    (void)setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof one);
    return fd;
}

int injector_socket_away(struct diags *d)
{
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), one = 1;
    if (fd < 0) {
        int err = -errno;
        diag_add(d, DIAG_ERROR, NULL, 0, 0, NULL, "can't open a packet socket: %s", strerror(-err));
        return err;
    }
    (void)setsockopt(fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof one);
    return fd;
}

int injector_rebind(int fd, const char *iface)
{
    struct sockaddr_ll l = {.sll_family = AF_PACKET, .sll_ifindex = (int)if_nametoindex(iface)};
    int err = 0;
    socklen_t n = sizeof err;
    if (!l.sll_ifindex || bind(fd, (struct sockaddr *)&l, sizeof l) != 0)
        return errno ? -errno : -ENODEV;
    (void)getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &n); /* that the old port went down is no news */
    return 0;
}

int injector_raw_socket(int ver, struct diags *d)
{
    int fd =
        socket(ver == 4 ? AF_INET : AF_INET6, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, IPPROTO_RAW);
    if (fd >= 0)
        return fd;
    int err = -errno;
    diag_add(d, DIAG_ERROR, NULL, 0, 0,
             err == -EPERM ? "sending needs root (or CAP_NET_RAW)" : NULL,
             "can't open a raw IPv%d socket: %s", ver, strerror(-err));
    return err;
}

struct injector *injector_attach(int fd_link, int fd_raw4, int fd_raw6)
{
    struct injector *i = calloc(1, sizeof *i);
    if (!i)
        return NULL;
    i->link = fd_link;
    i->raw4 = fd_raw4;
    i->raw6 = fd_raw6;
    return i;
}

struct injector *injector_mem(bool (*f)(void *ctx, const void *frame, size_t n, bool link),
                              void *ctx)
{
    static const uint8_t mac[6] = {2, 0, 0, 0, 0, 0xee};
    struct injector *i = injector_attach(-1, -1, -1);
    if (!i)
        return NULL;
    i->mem = f;
    i->ctx = ctx;
    memcpy(i->mac, mac, sizeof mac);
    return i;
}

struct injector *injector_capture(struct capture *c)
{
    struct injector *i = injector_attach(-1, -1, -1);
    if (i)
        i->wire = c;
    return i;
}

bool injector_in_wire(const struct injector *i)
{
    return i->wire != NULL;
}

void injector_aim(struct injector *i, unsigned iface)
{
    i->aim = iface;
}

static bool count(struct injector *i, ssize_t n)
{
    if (n >= 0)
        i->n.sent++;
    else if (errno == EAGAIN || errno == EWOULDBLOCK || errno == ENOBUFS)
        i->n.would_block++;
    else
        i->n.failed++;
    return n >= 0;
}

static bool send_mem(struct injector *i, const void *bytes, size_t n, bool link)
{
    bool ok = i->mem(i->ctx, bytes, n, link);
    i->n.sent += ok;
    i->n.failed += !ok;
    return ok;
}

bool injector_send_frame(struct injector *i, const void *frame, size_t n)
{
    if (i->mem)
        return send_mem(i, frame, n, true);
    if (i->wire) {
        bool ok = capture_send(i->wire, i->aim, frame, n);
        i->n.sent += ok;
        i->n.failed += !ok;
        return ok;
    }
    if (i->link < 0) {
        i->n.failed++;
        return false;
    }
    ssize_t r = send(i->link, frame, n, MSG_DONTWAIT | MSG_NOSIGNAL);
    /* An interface that was down leaves its error at the socket: it is told once, instead of
     * sending. */
    if (r < 0 && errno == ENETDOWN)
        r = send(i->link, frame, n, MSG_DONTWAIT | MSG_NOSIGNAL);
    return count(i, r);
}

static bool send_raw(struct injector *i, const uint8_t *p, size_t n)
{
    if (n >= 20 && p[0] >> 4 == 4 && i->raw4 >= 0) {
        struct sockaddr_in to = {.sin_family = AF_INET};
        memcpy(&to.sin_addr, p + 16, 4);
        return count(i, sendto(i->raw4, p, n, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&to,
                               sizeof to));
    }
    if (n >= 40 && p[0] >> 4 == 6 && i->raw6 >= 0) {
        struct sockaddr_in6 to = {.sin6_family = AF_INET6};
        memcpy(&to.sin6_addr, p + 24, 16);
        return count(i, sendto(i->raw6, p, n, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&to,
                               sizeof to));
    }
    i->n.failed++;
    return false;
}

bool injector_send_ip(struct injector *i, const void *packet, size_t n)
{
    return i->mem ? send_mem(i, packet, n, false) : send_raw(i, packet, n);
}

bool injector_has_link(const struct injector *i)
{
    return i->link >= 0 || i->mem || i->wire;
}
const uint8_t *injector_mac(struct injector *i)
{
    struct sockaddr_ll l;
    socklen_t n = sizeof l;
    /* Asked anew each time: another process may have bound the socket to another port (injector_rebind). */
    if (i->link >= 0 && getsockname(i->link, (struct sockaddr *)&l, &n) == 0 &&
        l.sll_halen == sizeof i->mac)
        memcpy(i->mac, l.sll_addr, sizeof i->mac);
    return i->mac;
}
const struct injector_counters *injector_counters(const struct injector *i)
{
    return &i->n;
}

void injector_close(struct injector *i)
{
    if (!i)
        return;
    const int fd[] = {i->link, i->raw4, i->raw6};
    for (size_t k = 0; k < ARRAY_LEN(fd); k++)
        if (fd[k] >= 0)
            close(fd[k]);
    free(i);
}
