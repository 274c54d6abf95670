/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The allowed system calls (calls.h).  A row names a call, who may make it, and, for calls that are many
 * in one, the values that one argument may have.  What stands in no row ends the process.
 *
 * Which files may be opened is Landlock's to say (fence.c); here stands only that files may be.
 */
#include "sensor/calls.h"

#include "base/attr.h"
#include "base/machine.h"

#include <errno.h>
#include <linux/seccomp.h>
#include <sched.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>

enum {
    P = 1 << CALLS_PACKET,
    X = 1 << CALLS_XDP,
    Q = 1 << CALLS_QUEUE,
    L = 1 << CALLS_LOGGER,
    C = 1 << CALLS_COMPILER,
    ENGINES = P | X | Q,
    ALL = ENGINES | L | C,
    VALUES = 4,
};
enum what { ANY, ONE_OF, SELF, NOT_THERE }; /* SELF: the argument is our process; NOT_THERE: ENOSYS, the caller has another way */

struct call {
    int nr;
    uint8_t who, what, arg, n;
    uint32_t mask, value[VALUES];
};

#define CALL(name, who) {__NR_##name, who, ANY, 0, 0, 0, {0}}
#define CALL_IF(name, who, arg, mask, n, ...) {__NR_##name, who, ONE_OF, arg, n, mask, {__VA_ARGS__}}

static const struct call calls[] = {
    /* memory, threads, time, signals */
    CALL(brk, ALL), CALL(mmap, ALL), CALL(munmap, ALL), CALL(mremap, ALL), CALL(mprotect, ALL), CALL(madvise, ALL),
    CALL(mlock, ALL), CALL(munlock, ALL), CALL(msync, ALL), CALL(membarrier, ALL), CALL(memfd_create, ALL),
    CALL(futex, ALL), CALL(set_robust_list, ALL), CALL(get_robust_list, ALL), CALL(rseq, ALL), CALL(set_tid_address, ALL),
    CALL_IF(clone, ALL, 0, CLONE_THREAD, 1, CLONE_THREAD),
    {__NR_clone3, ALL, NOT_THERE, 0, 0, 0, {0}}, /* its flags lie in memory, where no filter sees them */
    CALL(exit, ALL), CALL(exit_group, ALL), CALL(restart_syscall, ALL),
    CALL(rt_sigaction, ALL), CALL(rt_sigprocmask, ALL), CALL(rt_sigreturn, ALL), CALL(rt_sigtimedwait, ALL), CALL(sigaltstack, ALL),
    {__NR_tgkill, ALL, SELF, 0, 1, 0xffffffff, {0}}, /* abort() */
    CALL(clock_gettime, ALL), CALL(clock_getres, ALL), CALL(clock_nanosleep, ALL), CALL(nanosleep, ALL), CALL(gettimeofday, ALL),
    CALL(getrandom, ALL), CALL(getcpu, ALL), CALL(getrusage, ALL), CALL(sysinfo, ALL), CALL(uname, ALL), CALL(times, ALL),
    CALL(sched_yield, ALL), CALL(sched_getaffinity, ALL), CALL(sched_setaffinity, ENGINES | C), CALL(sched_getscheduler, ALL),
    CALL(sched_setscheduler, ENGINES), CALL(sched_getparam, ALL), CALL(sched_get_priority_min, ALL), CALL(sched_get_priority_max, ALL),
    CALL(getpid, ALL), CALL(getppid, ALL), CALL(gettid, ALL), CALL(getuid, ALL), CALL(geteuid, ALL), CALL(getgid, ALL),
    CALL(getegid, ALL), CALL(prlimit64, ALL),
    CALL_IF(prctl, ALL, 0, 0xffffffff, 3, PR_SET_NAME, PR_GET_NAME, PR_SET_VMA),
    /* what is open */
    CALL(read, ALL), CALL(write, ALL), CALL(readv, ALL), CALL(writev, ALL), CALL(pread64, ALL), CALL(pwrite64, ALL), CALL(lseek, ALL),
    CALL(close, ALL), CALL(dup, ALL), CALL(dup3, ALL), CALL(fcntl, ALL), CALL(fstat, ALL), CALL(newfstatat, ALL), CALL(statx, ALL),
    CALL(fstatfs, ALL), CALL(ppoll, ALL), CALL(pselect6, ALL), CALL(epoll_create1, ENGINES), CALL(epoll_ctl, ENGINES), CALL(epoll_pwait, ENGINES),
    CALL(eventfd2, ENGINES), CALL(ftruncate, ALL), CALL(fallocate, ALL), CALL(fadvise64, ALL), CALL(fsync, ALL), CALL(fdatasync, ALL),
    CALL(flock, L | C), CALL(fchmod, ALL),
    CALL_IF(ioctl, ENGINES, 1, 0xffffffff, 4, TCGETS, FIONREAD, SIOCGIFINDEX, SIOCGIFFLAGS),
    CALL_IF(ioctl, L | C, 1, 0xffffffff, 2, TCGETS, FIONREAD),
    /* files: fence.c says which */
    CALL(openat, ALL), CALL(faccessat, ALL), CALL(faccessat2, ALL), CALL(readlinkat, ALL), CALL(getdents64, ALL), CALL(getcwd, ALL),
    CALL(statfs, ALL), CALL(umask, ALL), CALL(mkdirat, ALL), CALL(unlinkat, ALL), CALL(renameat2, ALL), CALL(utimensat, ALL),
    CALL(symlinkat, L), CALL(linkat, L), CALL(fchmodat, L | C), CALL(fchownat, L), CALL(fchown, L),
    /* sockets that are there; new ones: of this machine alone */
    CALL(recvmsg, ALL), CALL(sendmsg, ALL), CALL(recvfrom, ALL), CALL(sendto, ALL), CALL(recvmmsg, ENGINES), CALL(sendmmsg, ENGINES),
    CALL(getsockopt, ALL), CALL(getsockname, ALL), CALL(getpeername, ALL), CALL(shutdown, ENGINES | L),
    CALL(setsockopt, P | X | L), CALL(bind, P | X), CALL(connect, L),
    CALL_IF(socket, P | X | L, 0, 0xffffffff, 1, AF_UNIX), /* engines: if_nametoindex; they may not connect it */
    /* they only take rights away */
    CALL(landlock_create_ruleset, ALL), CALL(landlock_add_rule, ALL), CALL(landlock_restrict_self, ALL),
    /* the calls of old (machine.h: some machines lack them) */
    CALL(open, ALL), CALL(stat, ALL), CALL(lstat, ALL), CALL(access, ALL), CALL(readlink, ALL), CALL(mkdir, ALL), CALL(rmdir, L | C),
    CALL(unlink, ALL), CALL(rename, ALL), CALL(poll, ALL), CALL(select, ALL), CALL(dup2, ALL), CALL(pause, ENGINES), CALL(chmod, L | C),
    CALL(epoll_wait, ENGINES), CALL(getdents, ALL), CALL(time, ALL), CALL(arch_prctl, ALL), CALL(symlink, L), CALL(link, L),
    CALL(renameat, ALL),
};

static unsigned put(struct sock_filter *f, const struct call *c)
{
    unsigned n = 0, values = c->what == ANY || c->what == NOT_THERE ? 0 : c->n;
    const unsigned body = values ? 3 + values : 1; /* load, mask, a compare each, kill; then allow */
    f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, (uint32_t)c->nr, 0, (uint8_t)(values ? body + 1 : 1));
    if (values) {
        f[n++] = (struct sock_filter)BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
                                              (uint32_t)(offsetof(struct seccomp_data, args) + 8u * c->arg));
        f[n++] = (struct sock_filter)BPF_STMT(BPF_ALU | BPF_AND | BPF_K, c->mask);
        for (unsigned i = 0; i < values; i++)
            f[n++] = (struct sock_filter)BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K,
                                                  c->what == SELF ? (uint32_t)getpid() : c->value[i],
                                                  (uint8_t)(values - i), 0);
        f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    }
    f[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, c->what == NOT_THERE ? SECCOMP_RET_ERRNO | ENOSYS : SECCOMP_RET_ALLOW);
    return n;
}

unsigned calls_filter(enum calls_of k, struct sock_filter out[CALLS_MOST])
{
    static const struct sock_filter head[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, MACHINE_AUDIT, 1, 0),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS),
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, nr)),
    };
    enum { HEAD = ARRAY_LEN(head), ROW_MOST = 5 + VALUES };
    static_assert(HEAD + ARRAY_LEN(calls) * 2 + 16 * ROW_MOST < CALLS_MOST, "room for all rows");
    unsigned n = 0;
    for (; n < HEAD; n++)
        out[n] = head[n];
    for (unsigned i = 0; i < ARRAY_LEN(calls); i++)
        if (calls[i].who >> k & 1)
            n += put(out + n, &calls[i]);
    out[n++] = (struct sock_filter)BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_KILL_PROCESS);
    return n;
}

int calls_confine(enum calls_of k)
{
    struct sock_filter f[CALLS_MOST];
    struct sock_fprog p = {.len = (unsigned short)calls_filter(k, f), .filter = f};
    return prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &p, 0, 0) ? -errno : 0;
}

bool calls_built(void)
{
    return !MACHINE_SANITIZED;
}
