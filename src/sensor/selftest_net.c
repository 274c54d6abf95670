/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The self test's connection (selftest.h). */
#include "sensor/selftest.h"

#include "base/str.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <linux/neighbour.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/tcp.h>
#include <poll.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#define GUEST "riposte-test0"
enum { CONNECT_MS = 3000, ANSWER_MS = 2000 };

bool end_parse(const char *text, struct tcp_end *out)
{
    char host[64];
    const char *colon = strrchr(text, ':');
    uint64_t port;
    size_t n = colon ? (size_t)(colon - text) : 0;
    if (n && text[0] == '[' && text[n - 1] == ']') {
        text++;
        n -= 2;
    }
    if (!n || n >= sizeof(host) || !str_u64(str_cstr(colon + 1), &port) || !port || port > 65535)
        return false;
    memcpy(host, text, n);
    host[n] = 0;
    uint8_t b[16];
    memset(out, 0, sizeof(*out));
    out->port = (uint16_t)port;
    if (inet_pton(AF_INET, host, b) == 1) {
        out->ver = 4;
        out->a = ip_from_v4(b);
        return true;
    }
    out->ver = 6;
    return inet_pton(AF_INET6, host, out->a.b) == 1;
}

void end_text(const struct tcp_end *e, char out[64])
{
    char host[INET6_ADDRSTRLEN] = "?";
    (void)inet_ntop(e->ver == 4 ? AF_INET : AF_INET6, e->ver == 4 ? e->a.b + 12 : e->a.b, host,
                    sizeof(host));
    snprintf(out, 64, e->ver == 4 ? "%s:%u" : "[%s]:%u", host,
             e->port); /* two formats, both of ours */
}

/* ------------------------------------------------------------------ a guest */

static int run(const char *const *words)
{
    pid_t pid = fork();
    int st;
    if (pid == 0) {
        union {
            const char *const *in;
            char *const *out;
        } u = {.in = words};
        execvp(words[0], u.out);
        _exit(127);
    }
    if (pid < 0 || waitpid(pid, &st, 0) != pid)
        return -ECHILD;
    return WIFEXITED(st) ? WEXITSTATUS(st) : -EINTR;
}

/* In the old namespace, when the new one is there. */
static int make_device(const char *port, pid_t owner)
{
    char pid[16];
    snprintf(pid, sizeof(pid), "%ld", (long)owner);
    const char *const words[] = {"ip",    "link", "add",  "link",    port,   "name",    GUEST,
                                 "netns", pid,    "type", "macvlan", "mode", "private", NULL};
    return run(words);
}

static int give_address(const char *address, const struct tcp_end *to)
{
    char host[64];
    end_text(to, host);
    char *colon = strrchr(host, ':');
    *(colon ? colon : host) = 0;
    char *plain = host[0] == '[' ? host + 1 : host;
    plain[strcspn(plain, "]")] = 0;
    bool v6 = to->ver == 6;
    const char *const add[] = {"ip", "addr", "add", address, "dev", GUEST, v6 ? "nodad" : NULL,
                               NULL};
    const char *const up[] = {"ip", "link", "set", GUEST, "up", NULL};
    const char *const route[] = {"ip", v6 ? "-6" : "-4", "route", "replace", plain, "dev", GUEST,
                                 NULL};
    int rc = run(add);
    if (!rc)
        rc = run(up);
    return rc ? rc : run(route);
}

int guest_enter(const char *port, const char *address, const struct tcp_end *to, char *why,
                size_t room)
{
    int go[2];
    pid_t self = getpid();
    if (pipe(go))
        return -errno;
    pid_t helper = fork();
    if (helper == 0) {
        char c;
        close(go[1]);
        _exit(read(go[0], &c, 1) == 1 ? make_device(port, self) & 0xff : 1);
    }
    close(go[0]);
    int rc = helper < 0 || unshare(CLONE_NEWNET) ? -errno : 0, st = 1;
    if (!rc && write(go[1], "g", 1) != 1)
        rc = -EIO;
    close(go[1]);
    if (helper > 0)
        (void)waitpid(helper, &st, 0);
    if (rc) {
        snprintf(why, room, "no network namespace: %s", strerror(-rc));
    } else if (st) {
        snprintf(why, room, "no guest on %s: `ip link add ... type macvlan` failed", port);
        rc = -ENODEV;
    } else if (give_address(address, to)) {
        snprintf(why, room, "the guest does not take the address %s", address);
        rc = -EINVAL;
    }
    return rc;
}

/* ------------------------------------------------------------------ TCP */

static socklen_t sock_of(const struct tcp_end *e, struct sockaddr_storage *s)
{
    memset(s, 0, sizeof(*s));
    if (e->ver == 4) {
        struct sockaddr_in *v = (void *)s;
        v->sin_family = AF_INET;
        v->sin_port = htons(e->port);
        memcpy(&v->sin_addr, e->a.b + 12, 4);
        return sizeof(*v);
    }
    struct sockaddr_in6 *v = (void *)s;
    v->sin6_family = AF_INET6;
    v->sin6_port = htons(e->port);
    memcpy(&v->sin6_addr, e->a.b, 16);
    return sizeof(*v);
}

static void own_end(int fd, struct tcp_end *own)
{
    struct sockaddr_storage s;
    socklen_t n = sizeof(s);
    memset(own, 0, sizeof(*own));
    if (getsockname(fd, (struct sockaddr *)&s, &n))
        return;
    if (s.ss_family == AF_INET) {
        const struct sockaddr_in *v = (const void *)&s;
        own->ver = 4;
        own->port = ntohs(v->sin_port);
        own->a = ip_from_v4(&v->sin_addr);
    } else {
        const struct sockaddr_in6 *v = (const void *)&s;
        own->ver = 6;
        own->port = ntohs(v->sin6_port);
        memcpy(own->a.b, &v->sin6_addr, 16);
    }
}

int tcp_open(const struct tcp_end *to, struct tcp_end *own)
{
    struct sockaddr_storage s;
    socklen_t n = sock_of(to, &s);
    int fd = socket(s.ss_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0), err = 0;
    if (fd < 0)
        return -errno;
    if (connect(fd, (struct sockaddr *)&s, n) && errno != EINPROGRESS)
        err = errno;
    struct pollfd p = {.fd = fd, .events = POLLOUT};
    socklen_t len = sizeof(err);
    if (!err && poll(&p, 1, CONNECT_MS) != 1)
        err = ETIMEDOUT;
    if (!err && getsockopt(fd, SOL_SOCKET, SO_ERROR, &err, &len))
        err = errno;
    if (err) {
        close(fd);
        return -err;
    }
    own_end(fd, own);
    return fd;
}

static int number(int fd, int queue, uint32_t *out)
{
    socklen_t n = sizeof(*out);
    return setsockopt(fd, IPPROTO_TCP, TCP_REPAIR_QUEUE, &queue, sizeof(queue)) ||
                   getsockopt(fd, IPPROTO_TCP, TCP_QUEUE_SEQ, out, &n)
               ? -errno
               : 0;
}

int tcp_numbers(int fd, uint32_t *send_next, uint32_t *receive_next)
{
    enum { RECEIVE_QUEUE = 1, SEND_QUEUE = 2, OFF_QUIETLY = -1 };
    int on = 1, off = OFF_QUIETLY;
    if (setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &on, sizeof(on)))
        return -errno;
    int rc = number(fd, SEND_QUEUE, send_next);
    if (!rc)
        rc = number(fd, RECEIVE_QUEUE, receive_next);
    if (setsockopt(fd, IPPROTO_TCP, TCP_REPAIR, &off, sizeof(off)))
        rc = rc ? rc : -errno;
    return rc;
}

int tcp_is_dead(int fd)
{
    char c = '\n';
    struct pollfd p = {.fd = fd, .events = POLLIN};
    if (send(fd, &c, 1, MSG_NOSIGNAL) != 1)
        return errno == ECONNRESET || errno == EPIPE ? 1 : -errno;
    (void)poll(&p, 1, ANSWER_MS);
    ssize_t n = recv(fd, &c, 1, 0);
    return n < 0 && errno == ECONNRESET ? 1 : 0;
}

/* The entry's MAC if it is the one of that address. */
static bool neighbour_is(const struct nlmsghdr *h, const struct ip_addr *want, uint8_t ver, uint8_t mac[6])
{
    const struct ndmsg *m = NLMSG_DATA(h);
    const uint8_t *found = NULL;
    bool same = false;
    size_t skip = ver == 4 ? 12 : 0;
    if (h->nlmsg_type != RTM_NEWNEIGH || h->nlmsg_len < NLMSG_LENGTH(sizeof(*m)))
        return false;
    int left = (int)(h->nlmsg_len - NLMSG_LENGTH(sizeof(*m)));
    for (const struct rtattr *a = (const void *)((const char *)m + NLMSG_ALIGN(sizeof(*m))); RTA_OK(a, left); a = RTA_NEXT(a, left)) {
        if (a->rta_type == NDA_DST && RTA_PAYLOAD(a) == 16 - skip)
            same = !memcmp(RTA_DATA(a), want->b + skip, 16 - skip);
        if (a->rta_type == NDA_LLADDR && RTA_PAYLOAD(a) == 6)
            found = RTA_DATA(a);
    }
    if (!same || !found)
        return false;
    memcpy(mac, found, 6);
    return true;
}

bool neighbour_mac(const struct tcp_end *e, uint8_t mac[6])
{
    _Alignas(8) char room[16384];
    struct {
        struct nlmsghdr h;
        struct ndmsg m;
    } ask = {.h = {.nlmsg_len = sizeof(ask), .nlmsg_type = RTM_GETNEIGH, .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP},
             .m = {.ndm_family = e->ver == 4 ? AF_INET : AF_INET6}};
    bool found = false, done = false;
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    if (fd < 0)
        return false;
    struct timeval wait = {.tv_sec = 1};
    (void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
    done = send(fd, &ask, sizeof(ask), 0) != (ssize_t)sizeof(ask);
    while (!found && !done) {
        ssize_t n = recv(fd, room, sizeof(room), 0);
        if (n <= 0)
            break;
        unsigned left = (unsigned)n;
        for (const struct nlmsghdr *h = (const void *)room; NLMSG_OK(h, left) && !found && !done; h = NLMSG_NEXT(h, left)) {
            done = h->nlmsg_type == NLMSG_DONE || h->nlmsg_type == NLMSG_ERROR;
            found = neighbour_is(h, &e->a, e->ver, mac);
        }
    }
    close(fd);
    return found;
}
