/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A wire's two links live and die together (link-loss: propagate): who stands behind one port
 * learns by his own link that the other end has gone, as he would of a cable, and routes around.
 *
 * A port whose link is lost takes its twin down; when it has one again, the twin comes up.  A port
 * that was put up gets some seconds to find its link before it counts as lost, or two slow ones
 * would take each other down for ever.
 */
#include "sensor/supervisor.h"

#include "base/clock.h"
#include "base/log.h"

#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#define GRACE_NS (5 * NS_PER_SEC)

/* Flags; 0: it is not there. */
static unsigned flags_of(int fd, const char *name)
{
    struct ifreq r = {0};
    strncpy(r.ifr_name, name, sizeof(r.ifr_name) - 1);
    return ioctl(fd, SIOCGIFFLAGS, &r) ? 0 : (uint16_t)r.ifr_flags;
}

static bool put(int fd, const char *name, bool up)
{
    struct ifreq r = {0};
    strncpy(r.ifr_name, name, sizeof(r.ifr_name) - 1);
    if (ioctl(fd, SIOCGIFFLAGS, &r))
        return false;
    r.ifr_flags = (short)(up ? r.ifr_flags | IFF_UP : r.ifr_flags & ~IFF_UP);
    return !ioctl(fd, SIOCSIFFLAGS, &r);
}

static void put_up(struct trunk *t, int fd, unsigned i)
{
    t->down[i] = false;
    t->up_ns[i] = sup_now();
    bool done = put(fd, t->port[i], true);
    if (t->share)
        share_relinked(t->share, i);
    if (done)
        log_at(LOG_AT_NOTICE, "wire", "%s has a link again: %s is put up", t->port[!i], t->port[i]);
}

static void look(struct trunk *t, int fd)
{
    uint64_t now = sup_now();
    for (unsigned i = 0; i < PAIR_ENDS; i++) {
        unsigned flags = flags_of(fd, t->port[i]), twin = !i;
        bool linked = (flags & IFF_UP) && (flags & IFF_RUNNING);
        if (t->down[i])
            continue; /* that is our own doing: it says nothing */
        if (t->down[twin] && linked)
            put_up(t, fd, twin);
        else if (!t->down[twin] && !linked && now - t->up_ns[i] > GRACE_NS &&
                 (flags_of(fd, t->port[twin]) & IFF_UP) && put(fd, t->port[twin], false)) {
            t->down[twin] = true;
            log_at(LOG_AT_WARNING, "wire",
                   "%s has no link: %s is taken down with it (link-loss: propagate)", t->port[i],
                   t->port[twin]);
        }
    }
}

void loss_look(struct supervisor *s)
{
    const char *word = conf_str(s->conf, "link-loss");
    int fd = -1;
    if (!s->wire || s->plan.queue || s->stop || !strcmp(word, "ignore"))
        return;
    for (unsigned i = 0; i < s->plan.n; i += PAIR_ENDS) {
        fd = fd >= 0 ? fd : socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
        if (fd >= 0 && s->trunk[i]->users)
            look(s->trunk[i], fd);
    }
    if (fd >= 0)
        close(fd);
}

/* Nobody would put it up any more. */
void loss_end(struct trunk *t)
{
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    for (unsigned i = 0; i < PAIR_ENDS && fd >= 0; i++)
        if (t->down[i]) {
            t->down[i] = false;
            (void)put(fd, t->port[i], true);
        }
    if (fd >= 0)
        close(fd);
}
