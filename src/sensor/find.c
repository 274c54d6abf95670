/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finding what was installed, and guessing what nobody said (sensor.h). */
#include "sensor/sensor.h"

#include "base/ip.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <limits.h>
#include <net/if.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static bool there(const char *dir, const char *below, const char *name, char *out, size_t room)
{
    int n = snprintf(out, room, "%s%s/%s", dir, below, name);
    return n > 0 && (size_t)n < room && access(out, R_OK) == 0;
}

bool sensor_find(const char *name, char *out, size_t room)
{
    char exe[PATH_MAX];
    const char *home = getenv("RIPOSTE_HOME");
    if (home && *home && there(home, "", name, out, room))
        return true;
    ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);
    if (n > 0) {
        exe[n] = 0;
        char *slash = strrchr(exe, '/');
        *(slash ? slash : exe) = 0;
        static const char *const below[] = {"/..", "/../share/riposte", "/../lib/riposte"};
        for (size_t i = 0; i < ARRAY_LEN(below); i++)
            if (there(exe, below[i], name, out, room))
                return true;
        /* Straight from a build folder inside the source tree. */
        static const char *const tree[] = {"/../..", "/../../.."};
        for (size_t i = 0; i < ARRAY_LEN(tree); i++)
            if (there(exe, tree[i], "src/sensor/meson.build", out, room) &&
                there(exe, tree[i], name, out, room))
                return true;
    }
    if (!strncmp(name, "etc/", 4) && there("/etc/riposte", "", name + 4, out, room))
        return true;
    return there("/usr/share/riposte", "", name, out, room);
}

/* ------------------------------------------------------------------ HOME_NET */

struct nets {
    char *out;
    size_t room, n;
    bool full;
};

static void net_add(struct nets *w, const char *text)
{
    char seen[80];
    int k = snprintf(seen, sizeof(seen), "%s,", text);
    if (k <= 0 || (size_t)k >= sizeof(seen))
        return;
    /* "[a,b," so far: each ends with a comma. */
    for (const char *p = strstr(w->out, seen); p; p = strstr(p + 1, seen))
        if (p[-1] == '[' || p[-1] == ',')
            return;
    if (w->n + (size_t)k + 2 > w->room) {
        w->full = true;
        return;
    }
    memcpy(w->out + w->n, seen, (size_t)k + 1);
    w->n += (size_t)k;
}

/* The network of an interface's address; false: not one to speak of. */
static bool net_of(const struct ifaddrs *a, bool *global, char out[72])
{
    char text[INET6_ADDRSTRLEN];
    uint8_t b[16];
    const struct sockaddr *mask = a->ifa_netmask;
    bool v6 = a->ifa_addr->sa_family == AF_INET6;
    unsigned bytes = v6 ? 16 : 4, bits = 0;
    const uint8_t *p, *m;
    if (v6) {
        p = (const uint8_t *)&((const struct sockaddr_in6 *)(const void *)a->ifa_addr)->sin6_addr;
        m = (const uint8_t *)&((const struct sockaddr_in6 *)(const void *)mask)->sin6_addr;
    } else {
        p = (const uint8_t *)&((const struct sockaddr_in *)(const void *)a->ifa_addr)->sin_addr;
        m = (const uint8_t *)&((const struct sockaddr_in *)(const void *)mask)->sin_addr;
    }
    if (v6 && p[0] == 0xfe && (p[1] & 0xc0) == 0x80) /* link local: every port has one */
        return false;
    for (unsigned i = 0; i < bytes; i++) {
        b[i] = p[i] & m[i];
        bits += (unsigned)__builtin_popcount(m[i]);
    }
    *global =
        v6 ? (p[0] & 0xfe) != 0xfc
           : !(p[0] == 10 || (p[0] == 172 && (p[1] & 0xf0) == 16) || (p[0] == 192 && p[1] == 168));
    if (!inet_ntop(v6 ? AF_INET6 : AF_INET, b, text, sizeof(text)))
        return false;
    snprintf(out, 72, "%s/%u", text, bits);
    return true;
}

static bool is_watched(const char *name, const char *const *iface, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (!strcmp(iface[i], name))
            return true;
    return false;
}

bool sensor_guess_home(const char *const *iface, unsigned n, char *out, size_t room)
{
    static const char *const private[] = {"192.168.0.0/16", "10.0.0.0/8", "172.16.0.0/12",
                                          "fc00::/7"};
    struct ifaddrs *all = NULL;
    struct nets w = {.out = out, .room = room, .n = 1};
    bool own = false, global;
    char net[72];
    if (room < 256)
        return false;
    strncpy(out, "[", room);
    (void)getifaddrs(&all);
    for (unsigned turn = 0; turn < 2 && !own; turn++) {
        if (turn == 1)
            for (size_t i = 0; i < ARRAY_LEN(private); i++)
                net_add(&w, private[i]);
        for (const struct ifaddrs *a = all; a; a = a->ifa_next) {
            if (!a->ifa_addr || !a->ifa_netmask || (a->ifa_flags & IFF_LOOPBACK && turn) ||
                (a->ifa_addr->sa_family != AF_INET && a->ifa_addr->sa_family != AF_INET6) ||
                is_watched(a->ifa_name, iface, n) != (turn == 0) || !net_of(a, &global, net))
                continue;
            own |= turn == 0;
            if (turn == 0 || global)
                net_add(&w, net);
        }
    }
    if (all)
        freeifaddrs(all);
    out[w.n - 1] = ']';
    out[w.n] = 0;
    return own;
}
