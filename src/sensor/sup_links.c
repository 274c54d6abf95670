/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Links of the ports, and the response port that goes and comes back.
 *
 * The engine's sending sockets and the supervisor's are the same sockets: bound to the port anew here, they send
 * there, and the engine need not know.  A mirror port that goes is the engine's to tell (sup_ports.c).  Sockets are bound
 * to numbers: one that is called otherwise goes on being watched.
 */
#include "sensor/supervisor.h"

#include "base/clock.h"
#include "base/log.h"

#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <net/if.h>
#include <errno.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum { RESPONSE_BIT = CAPTURE_IFACES };

/* Flags of a port; -1: it is not there. */
static int flags_of(int fd, const char *name)
{
    struct ifreq r = {0};
    strncpy(r.ifr_name, name, sizeof(r.ifr_name) - 1);
    return ioctl(fd, SIOCGIFFLAGS, &r) ? -1 : (uint16_t)r.ifr_flags;
}

static void link_look(struct supervisor *s, int fd, unsigned bit, const char *name)
{
    int flags = flags_of(fd, name);
    uint64_t mask = 1ull << bit;
    if (flags < 0) { /* that it is gone is said elsewhere */
        s->links_down &= ~mask;
        return;
    }
    bool up = (flags & IFF_UP) && (flags & IFF_RUNNING);
    if (up == !(s->links_down & mask))
        return;
    s->links_down ^= mask;
    if (up)
        log_at(LOG_AT_NOTICE, bit == RESPONSE_BIT ? "response" : "capture", "%s is up again", name);
    else
        log_at(LOG_AT_WARNING, bit == RESPONSE_BIT ? "response" : "capture", "%s is down (%s): nothing %s it", name,
               flags & IFF_UP ? "no link" : "set down", bit == RESPONSE_BIT ? "leaves" : "is seen on");
}

/* The name that a mirror port has now; NULL: it is gone. */
static const char *port_name(struct supervisor *s, unsigned i)
{
    const char *name = s->plan.live.iface[i];
    char other[IF_NAMESIZE], *called = s->port_called[i];
    uint32_t index = if_nametoindex(name);
    static_assert(IF_NAMESIZE <= sizeof(s->port_called[i]), "a name has room");
    if (!s->port_index[i]) /* libpcap's, opened by the engine */
        s->port_index[i] = index;
    if (s->port_index[i] == index) {
        if (*called)
            log_at(LOG_AT_NOTICE, "capture", "%s has its name again", name);
        *called = 0;
        return index ? name : NULL;
    }
    if (!if_indextoname(s->port_index[i], other)) {
        *called = 0;
        return NULL;
    }
    if (strcmp(called, other) != 0)
        log_at(LOG_AT_WARNING, "capture",
               "%s is called %s now: it goes on being watched until the engine begins anew, which looks for %s", name, other, name);
    memcpy(called, other, IF_NAMESIZE);
    return called;
}

/* True: it is there, under the number that the sockets are bound to. */
static bool response_there(struct supervisor *s)
{
    const char *name = s->plan.response;
    uint32_t index = if_nametoindex(name);
    if (index == s->response_index && !s->response_gone) {
        s->response_renamed = false;
        return true;
    }
    char other[IF_NAMESIZE];
    if (!index && !s->response_gone && if_indextoname(s->response_index, other)) {
        if (!s->response_renamed)
            log_at(LOG_AT_WARNING, "response", "%s is called %s now: answers go on leaving it until the engine begins anew", name, other);
        s->response_renamed = true;
        return true;
    }
    if (!index) {
        if (!s->response_gone)
            log_at(LOG_AT_WARNING, "response", "%s is gone: nothing is answered until it comes back", name);
        s->response_gone = true;
        return false;
    }
    if (!s->response_gone) /* went and came between two looks */
        log_at(LOG_AT_WARNING, "response", "%s is another port now", name);
    s->response_gone = true;
    if (port_has_address(name)) /* the host's own */
        ports_hush(s);
    else if (capture_silence_port(name, &s->diags))
        return false;
    for (unsigned w = 0; w < s->now.workers; w++)
        if (s->now.response[w][0] >= 0 && injector_rebind(s->now.response[w][0], name))
            return false;
    s->response_index = index;
    s->response_gone = false;
    log_at(LOG_AT_NOTICE, "response", "%s is there again", name);
    return true;
}

void links_opened(struct supervisor *s, unsigned iface)
{
    s->port_index[iface] = if_nametoindex(s->plan.live.iface[iface]);
    s->port_called[iface][0] = 0;
}

void links_began(struct supervisor *s)
{
    for (unsigned i = 0; i < s->plan.n; i++)
        links_opened(s, i);
    if (s->running) /* a port that came back meanwhile is still to be made silent: links_look sees its new number */
        return;
    s->response_index = s->plan.response ? if_nametoindex(s->plan.response) : 0;
    s->response_gone = s->plan.response && !s->response_index;
}

bool link_is_up(const struct supervisor *s, unsigned iface)
{
    return !(s->links_down >> iface & 1);
}

bool link_is_there(const struct supervisor *s, unsigned iface)
{
    return !(s->dead >> iface & 1) && !(s->links_gone >> iface & 1);
}

bool link_response_up(const struct supervisor *s)
{
    return !s->response_gone && link_is_up(s, RESPONSE_BIT);
}

/* A port that comes back begins to speak within a second (multicast listener reports): it is silenced before. */
void links_listen(struct supervisor *s)
{
    struct sockaddr_nl a = {.nl_family = AF_NETLINK, .nl_groups = RTMGRP_LINK};
    s->link_fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, NETLINK_ROUTE);
    if (s->link_fd >= 0 && bind(s->link_fd, (struct sockaddr *)&a, sizeof(a))) {
        close(s->link_fd);
        s->link_fd = -1;
    }
}

/* What it says is not looked at: the ports are.  Too much to read (ENOBUFS) says the same. */
void links_heard(struct supervisor *s)
{
    char any[4096];
    for (unsigned k = 0; k < 1000 && (recv(s->link_fd, any, sizeof(any), 0) > 0 || errno == EINTR || errno == ENOBUFS); k++)
        ;
    s->links_look_ns = s->dead_look_ns = 0;
}

void links_now(struct supervisor *s)
{
    s->links_look_ns = 0;
    links_look(s);
}

void links_look(struct supervisor *s)
{
    uint64_t now = sup_now();
    if (!s->running || now - s->links_look_ns < NS_PER_SEC)
        return;
    s->links_look_ns = now;
    char other[IF_NAMESIZE];
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return;
    s->links_gone = 0;
    for (unsigned i = 0; i < s->plan.n && !s->plan.queue; i++) {
        const char *name = s->dead >> i & 1 ? NULL : port_name(s, i);
        if (name)
            link_look(s, fd, i, name);
        else
            s->links_gone |= 1u << i;
    }
    if (s->plan.response && !s->plan.raw && response_there(s))
        link_look(s, fd, RESPONSE_BIT, if_indextoname(s->response_index, other) ? other : s->plan.response);
    close(fd);
    loss_look(s);
    arena_reset(&s->arena); /* still away: said once is enough */
    diags_init(&s->diags, &s->arena);
}
