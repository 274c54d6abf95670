/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Giving up rights (role.h). */
#include "sensor/role.h"

#include "base/machine.h"

#include <cap-ng.h>
#include <errno.h>
#include <grp.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
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
 * An engine that may judge (CAP_NET_ADMIN) may not turn that into more: no new sockets, no settings of
 * those it has, no ioctl of devices, no BPF, no other program.  What is left of the right is what its
 * netfilter sockets take, which is more than verdicts: the kernel offers no finer one.
 */
static int verdicts_only(void)
{
    static const uint32_t never[] = {
        __NR_socket,      __NR_socketpair, __NR_bind,         __NR_connect,     __NR_setsockopt,     __NR_bpf,
        __NR_execve,      __NR_execveat,   __NR_ptrace,       __NR_setns,       __NR_unshare,        __NR_mount,
        __NR_umount2,     __NR_pivot_root, __NR_chroot,       __NR_init_module, __NR_finit_module,   __NR_perf_event_open,
        __NR_keyctl,      __NR_add_key,    __NR_request_key,  __NR_userfaultfd, __NR_io_uring_setup, __NR_process_vm_writev,
        __NR_kexec_load,  __NR_open_by_handle_at,
    };
    enum { HEAD = 4, TAIL = 6, N = ARRAY_LEN(never), IOCTL_FIRST = 0x8900, IOCTL_LAST = 0x8bff };
    struct sock_filter f[HEAD + N + TAIL] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MACHINE_AUDIT, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    };
    const struct sock_filter tail[TAIL] = {
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, __NR_ioctl, 0, 3), /* devices and their addresses */
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, args[1])),
        BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, IOCTL_FIRST, 0, 1),
        BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, IOCTL_LAST, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
    };
    for (unsigned i = 0; i < N; i++) /* to the last line */
        f[HEAD + i] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, never[i], (uint8_t)(N - i - 1 + TAIL - 1), 0);
    memcpy(f + HEAD + N, tail, sizeof(tail));
    struct sock_fprog p = {.len = ARRAY_LEN(f), .filter = f};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p, 0, 0) ? -errno : 0;
}

int role_confine(enum role r, bool drop, uint32_t uid, uint32_t gid, bool verdicts)
{
    int keep = kept_cap(r, verdicts);
    if (r == ROLE_COMPILER)
        (void)unshare(CLONE_NEWNET); /* without rights for it there is nothing to lose either */
    int rc = caps_drop(keep, drop, uid, gid);
    if (!rc && prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0))
        rc = -errno;
    rc = rc ? rc : caps_check(keep, drop, uid, gid);
    return rc || !verdicts ? rc : verdicts_only();
}
