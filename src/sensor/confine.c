/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Giving up rights (role.h). */
#include "sensor/role.h"

#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <sched.h>
#include <sys/prctl.h>
#include <unistd.h>

static int caps_drop(enum role r, bool drop, uint32_t uid, uint32_t gid)
{
    capng_clear(CAPNG_SELECT_BOTH);
    if (r == ROLE_COMPILER &&
        capng_update(CAPNG_ADD, CAPNG_EFFECTIVE | CAPNG_PERMITTED, CAP_DAC_READ_SEARCH))
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
static int caps_check(enum role r, bool drop, uint32_t uid, uint32_t gid)
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
        if ((r != ROLE_COMPILER || c != CAP_DAC_READ_SEARCH) &&
            (capng_have_capability(CAPNG_EFFECTIVE, c) ||
             capng_have_capability(CAPNG_PERMITTED, c)))
            return -EPERM;
    return prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0) == 1 ? 0 : -EPERM;
}

int role_confine(enum role r, bool drop, uint32_t uid, uint32_t gid)
{
    if (r == ROLE_COMPILER)
        (void)unshare(CLONE_NEWNET); /* without rights for it there is nothing to lose either */
    int rc = caps_drop(r, drop, uid, gid);
    if (!rc && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        rc = -errno;
    return rc ? rc : caps_check(r, drop, uid, gid);
}
