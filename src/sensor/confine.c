/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Giving up rights (role.h). */
#include "sensor/role.h"

#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

/* What a role may keep; -1: nothing. */
static int kept_cap(enum role r, bool verdicts)
{
    return r == ROLE_COMPILER ? CAP_DAC_READ_SEARCH : r == ROLE_ENGINE && verdicts ? CAP_NET_ADMIN : -1;
}

static int caps_drop(int keep, bool drop, uint32_t uid, uint32_t gid)
{
    capng_clear(CAPNG_SELECT_BOTH);
    if (keep >= 0 && capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, (unsigned)keep))
        return -EPERM;
    if (drop)
        return capng_change_id((int)uid, (int)gid, CAPNG_DROP_SUPP_GRP | CAPNG_CLEAR_BOUNDING)
                   ? -EPERM
                   : 0;
    if (geteuid() != 0)
        capng_clear(CAPNG_SELECT_BOTH); /* nothing can be kept that is not there */
    /* Without CAP_SETPCAP the bounding set stays; no_new_privs makes it meaningless. */
    (void)capng_apply(CAPNG_SELECT_BOUNDS);
    return capng_apply(CAPNG_SELECT_CAPS) ? -EPERM : 0;
}

/* Trust nothing of the above: look. */
static int caps_check(int keep, bool drop, uint32_t uid, uint32_t gid)
{
    uid_t u[3];
    gid_t g[3];
    if (getresuid(&u[0], &u[1], &u[2]) || getresgid(&g[0], &g[1], &g[2]))
        return -errno;
    for (unsigned i = 0; drop && i < 3; i++)
        if (u[i] != uid || g[i] != gid)
            return -EPERM;
    if (drop && uid && setuid(0) == 0)
        return -EPERM;
    if (capng_get_caps_process())
        return -EPERM;
    for (unsigned c = 0; c <= CAP_LAST_CAP; c++)
        if ((int)c != keep &&
            (capng_have_capability(CAPNG_EFFECTIVE, c) ||
             capng_have_capability(CAPNG_PERMITTED, c)))
            return -EPERM;
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : -EPERM;
}

/*
 * An engine that may judge queues keeps CAP_NET_ADMIN and can't turn it into more: its row of calls has no
 * new sockets and no settings of those it has.  What is left of the right is what its netfilter sockets
 * take, which is more than verdicts: the kernel offers no finer one.
 */
int role_confine(enum role r, bool drop, uint32_t uid, uint32_t gid, enum calls_of calls)
{
    int keep = kept_cap(r, calls == CALLS_QUEUE);
    if (r == ROLE_COMPILER)
        (void)unshare(CLONE_NEWNET); /* without rights for it there is nothing to lose either */
    int rc = caps_drop(keep, drop, uid, gid);
    if (!rc && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        rc = -errno;
    rc = rc ? rc : caps_check(keep, drop, uid, gid);
    return rc || !calls_built() ? rc : calls_confine(calls);
}
