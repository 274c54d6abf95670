/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A port that never speaks by itself: mirror ports, and the response port between responses.
 *
 * An interface that comes up sends neighbour discovery and group reports unless IPv6 is off on it
 * before; with ARP off and no multicast nothing else of the kernel uses it.
 */
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "capture/capture.h"

static int no_ipv6(const char *iface)
{
    char path[128];
    snprintf(path, sizeof path, "/proc/sys/net/ipv6/conf/%s/disable_ipv6", iface);
    int fd = open(path, O_RDWR | O_CLOEXEC);
    if (fd < 0)
        return errno == EACCES || errno == EPERM ? -errno : access("/proc/sys/net/ipv4", F_OK) == 0 && errno == ENOENT ? 0 : -ENOENT;
    char is = 0;
    int r = 0;
    if (read(fd, &is, 1) != 1 || (is != '1' && pwrite(fd, "1\n", 2, 0) != 2))
        r = -errno;
    close(fd);
    return r;
}

static int set_flags(int fd, const char *iface)
{
    struct ifreq r = {0};
    snprintf(r.ifr_name, sizeof r.ifr_name, "%s", iface);
    if (ioctl(fd, SIOCGIFFLAGS, &r) != 0)
        return -errno;
    int flags = (uint16_t)r.ifr_flags;
    int want = (flags | IFF_UP | IFF_NOARP | IFF_PROMISC) & ~(IFF_MULTICAST | IFF_ALLMULTI);
    if (flags == want)
        return 0;
    /* First silent, then up. */
    r.ifr_flags = (short)((want & ~IFF_UP) | (flags & IFF_UP));
    if (ioctl(fd, SIOCSIFFLAGS, &r) != 0)
        return -errno;
    r.ifr_flags = (short)want;
    return ioctl(fd, SIOCSIFFLAGS, &r) == 0 ? 0 : -errno;
}

int capture_silence_port(const char *iface, struct diags *d)
{
    const char *hint = NULL;
    int r = -ENODEV, fd = -1;
    if (strlen(iface) >= IFNAMSIZ || strchr(iface, '/') || !if_nametoindex(iface))
        hint = "`ip link` lists the interfaces";
    else if ((r = no_ipv6(iface)) < 0)
        hint = "IPv6 can't be turned off on it: /proc/sys must be mounted and writable";
    else if ((fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) < 0)
        r = -errno;
    else
        r = set_flags(fd, iface);
    if (fd >= 0)
        close(fd);
    if (r == -EPERM || r == -EACCES)
        hint = "that needs root, or CAP_NET_ADMIN";
    if (r < 0)
        diag_add(d, DIAG_ERROR, iface, 0, 0, hint, "can't make the port silent: %s", strerror(-r));
    return r;
}
