/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bridge of a pair, made and removed by rtnetlink (rtnetlink(7)): an invisible one.
 *
 * A bridge forwards no frames to link-local groups unless told: its own mask takes bits 3 to 15,
 * its ports' masks all but bit 1 (PAUSE, which no bridge may forward).
 */
#include "capture/gate/gate.h"

#include "capture/gate/netlink.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_bridge.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define OWN_PREFIX "riposte"
enum { MASK_BRIDGE = 0xfff8, MASK_PORT = 0xfffd };

/* ------------------------------------------------------------------ asking */

struct link_info {
    int index, master;
    char name[IFNAMSIZ];
    bool bridge;
};

static void link_take(const struct nlmsghdr *h, struct link_info *out)
{
    const struct ifinfomsg *i = NLMSG_DATA(h);
    struct rtattr *tb[IFLA_MAX + 1], *kind[IFLA_INFO_MAX + 1];
    nl_attrs(tb, IFLA_MAX, IFLA_RTA(i), (int)IFLA_PAYLOAD(h));
    *out = (struct link_info){.index = i->ifi_index};
    if (tb[IFLA_MASTER] && RTA_PAYLOAD(tb[IFLA_MASTER]) >= sizeof(int))
        memcpy(&out->master, RTA_DATA(tb[IFLA_MASTER]), sizeof(int));
    if (tb[IFLA_IFNAME])
        snprintf(out->name, sizeof(out->name), "%.*s", (int)RTA_PAYLOAD(tb[IFLA_IFNAME]),
                 (const char *)RTA_DATA(tb[IFLA_IFNAME]));
    if (!tb[IFLA_LINKINFO])
        return;
    nl_attrs(kind, IFLA_INFO_MAX, RTA_DATA(tb[IFLA_LINKINFO]), (int)RTA_PAYLOAD(tb[IFLA_LINKINFO]));
    out->bridge = kind[IFLA_INFO_KIND] && RTA_PAYLOAD(kind[IFLA_INFO_KIND]) >= 6 &&
                  !memcmp(RTA_DATA(kind[IFLA_INFO_KIND]), "bridge", 6);
}

static int link_ask(int index, struct link_info *out)
{
    struct nl_request q;
    struct ifinfomsg i = {.ifi_family = AF_UNSPEC, .ifi_index = index};
    nl_begin(&q, RTM_GETLINK, 0, &i, sizeof(i));
    char answer[16384];
    int n = nl_ask(&q, answer, sizeof(answer));
    if (n < 0)
        return n;
    link_take((const void *)answer, out);
    return 0;
}

/* Ports of the bridge beside a and b. */
static unsigned others_in(int bridge, int a, int b)
{
    unsigned n = 0;
    struct if_nameindex *all = if_nameindex();
    for (const struct if_nameindex *i = all; i && i->if_index; i++) {
        struct link_info x;
        if ((int)i->if_index != a && (int)i->if_index != b && !link_ask((int)i->if_index, &x))
            n += x.master == bridge;
    }
    if (all)
        if_freenameindex(all);
    return n;
}

/* ------------------------------------------------------------------ making */

static int bridge_make(const char *name)
{
    struct nl_request q;
    struct ifinfomsg i = {.ifi_family = AF_UNSPEC};
    nl_begin(&q, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &i, sizeof(i));
    nl_put(&q, IFLA_IFNAME, name, strlen(name) + 1);
    size_t info = nl_nest(&q, IFLA_LINKINFO);
    nl_put(&q, IFLA_INFO_KIND, "bridge", 7);
    size_t data = nl_nest(&q, IFLA_INFO_DATA);
    nl_put_u32(&q, IFLA_BR_FORWARD_DELAY, 0);
    nl_put_u32(&q, IFLA_BR_STP_STATE, 0);
    nl_put_u16(&q, IFLA_BR_GROUP_FWD_MASK, MASK_BRIDGE);
    nl_put_u8(&q, IFLA_BR_MCAST_SNOOPING, 0);
    nl_nest_end(&q, data);
    nl_nest_end(&q, info);
    return nl_do(&q);
}

static int port_put(int port, int bridge)
{
    struct nl_request q;
    struct ifinfomsg i = {.ifi_family = AF_UNSPEC, .ifi_index = port};
    nl_begin(&q, RTM_NEWLINK, 0, &i, sizeof(i));
    nl_put_u32(&q, IFLA_MASTER, (uint32_t)bridge);
    return nl_do(&q);
}

static int port_mask(int port)
{
    struct nl_request q;
    struct ifinfomsg i = {.ifi_family = AF_BRIDGE, .ifi_index = port};
    nl_begin(&q, RTM_SETLINK, 0, &i, sizeof(i));
    size_t info = nl_nest(&q, IFLA_PROTINFO | NLA_F_NESTED);
    nl_put_u16(&q, IFLA_BRPORT_GROUP_FWD_MASK, MASK_PORT);
    nl_nest_end(&q, info);
    return nl_do(&q);
}

/* IPv6 off before it is up: it would announce itself. */
static void no_ipv6(const char *iface)
{
    char path[128];
    snprintf(path, sizeof(path), "/proc/sys/net/ipv6/conf/%s/disable_ipv6", iface);
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd >= 0) {
        (void)!write(fd, "1\n", 2);
        close(fd);
    }
}

static int set_up(const char *iface)
{
    struct ifreq r = {0};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), rc = fd < 0 ? -errno : 0;
    snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", iface);
    if (!rc && ioctl(fd, SIOCGIFFLAGS, &r))
        rc = -errno;
    r.ifr_flags = (short)((r.ifr_flags | IFF_UP | IFF_NOARP) & ~IFF_MULTICAST);
    if (!rc && ioctl(fd, SIOCSIFFLAGS, &r))
        rc = -errno;
    if (fd >= 0)
        close(fd);
    return rc;
}

static int fail(struct diags *d, const char *what, const char *where, int rc)
{
    diag_add(d, DIAG_ERROR, where, 0, 0, rc == -EPERM ? "that needs root, or CAP_NET_ADMIN" : NULL,
             "%s: %s", what, strerror(-rc));
    return rc;
}

int wire_bridge_join(const struct wire_bridge *w, const char *port, struct diags *d)
{
    int bridge = (int)if_nametoindex(w->name), index = (int)if_nametoindex(port), rc = -ENODEV;
    struct link_info x;
    if (bridge && index)
        rc = link_ask(index, &x);
    if (!rc && x.master != bridge)
        rc = port_put(index, bridge);
    if (!rc && w->own)
        rc = port_mask(index);
    return rc ? fail(d, "the port can't be put into the bridge", port, rc) : 0;
}

static int bridge_new(const char *a, int index, struct wire_bridge *out, struct diags *d)
{
    snprintf(out->name, sizeof(out->name), OWN_PREFIX "%d", index);
    out->own = true;
    int rc = bridge_make(out->name);
    if (rc == -EEXIST) { /* an earlier one's, whose ports left it */
        out->found = true;
        rc = 0;
    }
    if (rc)
        return fail(d, rc == -EOPNOTSUPP ? "the kernel has no bridge" : "no bridge can be made", a,
                    rc);
    no_ipv6(out->name);
    rc = set_up(out->name);
    return rc ? fail(d, "the bridge can't be set up", out->name, rc) : 0;
}

int wire_bridge_up(const char *a, const char *b, struct wire_bridge *out, struct diags *d)
{
    struct link_info x, y, m;
    int ia = (int)if_nametoindex(a), ib = (int)if_nametoindex(b);
    memset(out, 0, sizeof(*out));
    int rc = ia && ib ? link_ask(ia, &x) : -ENODEV;
    rc = rc ? rc : link_ask(ib, &y);
    if (rc)
        return fail(d, "the ports can't be asked for", a, rc);
    int master = x.master ? x.master : y.master;
    if (x.master && y.master && x.master != y.master) {
        diag_add(d, DIAG_ERROR, a, 0, 0, "`ip link set PORT nomaster` takes one out",
                 "%s and %s stand in two bridges", a, b);
        return -EBUSY;
    }
    if (!master) {
        rc = bridge_new(a, ia, out, d);
    } else {
        rc = link_ask(master, &m);
        if (rc || !m.bridge) {
            diag_add(d, DIAG_ERROR, a, 0, 0, "`ip link set PORT nomaster` takes it out",
                     "%s belongs to another device (%s)", a, rc ? "?" : m.name);
            return -EBUSY;
        }
        snprintf(out->name, sizeof(out->name), "%s", m.name);
        out->found = true;
        out->own = !strncmp(m.name, OWN_PREFIX, strlen(OWN_PREFIX));
        out->others = others_in(master, ia, ib);
    }
    rc = rc ? rc : wire_bridge_join(out, a, d);
    return rc ? rc : wire_bridge_join(out, b, d);
}

int wire_bridge_remove(const struct wire_bridge *w)
{
    struct nl_request q;
    int index = (int)if_nametoindex(w->name);
    if (!w->own || !index)
        return 0;
    struct ifinfomsg i = {.ifi_family = AF_UNSPEC, .ifi_index = index};
    nl_begin(&q, RTM_DELLINK, 0, &i, sizeof(i));
    return nl_do(&q);
}
