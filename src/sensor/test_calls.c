/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The filters of calls.c and the fences of fence.c, each in a process of its own. */
#include "sensor/calls.h"
#include "sensor/fence.h"

#include "base/attr.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

enum {
    P = 1 << CALLS_PACKET,
    X = 1 << CALLS_XDP,
    Q = 1 << CALLS_QUEUE,
    L = 1 << CALLS_LOGGER,
    C = 1 << CALLS_COMPILER,
    ALL = P | X | Q | L | C,
};

struct probe {
    const char *name;
    long nr;
    long arg[4];
    unsigned allowed; /* who */
};

/* All arguments are such that the call does nothing, allowed or not. */
static const struct probe probes[] = {
    {"getppid", __NR_getppid, {0}, ALL},
    {"read", __NR_read, {-1}, ALL},
    {"recvmsg", __NR_recvmsg, {-1}, ALL},
    {"openat", __NR_openat, {-1, 0}, ALL},
    {"socket unix", __NR_socket, {AF_UNIX, SOCK_DGRAM}, P | X | L},
    {"socket inet", __NR_socket, {AF_INET, SOCK_DGRAM}, 0},
    {"socket netlink", __NR_socket, {AF_NETLINK, SOCK_RAW}, 0},
    {"socket packet", __NR_socket, {AF_PACKET, SOCK_RAW}, 0},
    {"connect", __NR_connect, {-1}, L},
    {"bind", __NR_bind, {-1}, P | X},
    {"listen", __NR_listen, {-1}, 0},
    {"accept4", __NR_accept4, {-1}, 0},
    {"setsockopt", __NR_setsockopt, {-1}, P | X | L},
    {"sendmmsg", __NR_sendmmsg, {-1}, P | X | Q},
    {"sched_setscheduler", __NR_sched_setscheduler, {-1, -1}, P | X | Q},
    {"ioctl SIOCSIFFLAGS", __NR_ioctl, {-1, 0x8914}, 0},
    {"ioctl TIOCSTI", __NR_ioctl, {-1, 0x5412}, 0},
    {"prctl dumpable", __NR_prctl, {PR_SET_DUMPABLE, 0}, 0},
    {"clone, a process", __NR_clone, {CLONE_SIGHAND}, 0},
    {"clone, a thread", __NR_clone, {CLONE_THREAD}, ALL}, /* without CLONE_SIGHAND: EINVAL */
    {"tgkill of another", __NR_tgkill, {1, 1, 0}, 0},
    {"kill", __NR_kill, {1, 0}, 0},
    {"execve", __NR_execve, {0}, 0},
    {"execveat", __NR_execveat, {-1}, 0},
    {"ptrace", __NR_ptrace, {-1}, 0},
    {"bpf", __NR_bpf, {-1}, 0},
    {"mount", __NR_mount, {0}, 0},
    {"setns", __NR_setns, {-1}, 0},
    {"unshare", __NR_unshare, {0}, 0},
    {"setuid", __NR_setuid, {-1}, 0},
    {"chroot", __NR_chroot, {0}, 0},
    {"io_uring_setup", __NR_io_uring_setup, {0}, 0},
    {"userfaultfd", __NR_userfaultfd, {-1}, 0},
    {"process_vm_writev", __NR_process_vm_writev, {-1}, 0},
    {"perf_event_open", __NR_perf_event_open, {0}, 0},
    {"keyctl", __NR_keyctl, {-1}, 0},
    {"no such call", 100000, {0}, 0},
};

static bool killed_by_call(enum calls_of k, const struct probe *p, int *status)
{
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        (void)signal(SIGSYS, SIG_DFL);
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || calls_confine(k))
            _exit(77);
        (void)syscall(p->nr, p->arg[0], p->arg[1], p->arg[2], p->arg[3], 0, 0);
        syscall(__NR_exit_group, 0);
    }
    assert_int_equal(waitpid(pid, status, 0), pid);
    return WIFSIGNALED(*status) && WTERMSIG(*status) == SIGSYS;
}

static void each_role_and_call(void **state)
{
    (void)state;
    for (unsigned k = 0; k < CALLS_KINDS; k++)
        for (unsigned i = 0; i < ARRAY_LEN(probes); i++) {
            int status = 0;
            bool killed = killed_by_call((enum calls_of)k, &probes[i], &status),
                 may = probes[i].allowed >> k & 1;
            if (killed == may || (may && status))
                fail_msg("role %u, %s: status %#x, allowed %d", k, probes[i].name, (unsigned)status,
                         may);
        }
}

static void clone3_is_not_there(void **state)
{
    (void)state;
    pid_t pid = fork();
    if (pid == 0) {
        if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || calls_confine(CALLS_PACKET))
            _exit(77);
        _exit(syscall(__NR_clone3, NULL, 0) == -1 && errno == ENOSYS ? 0 : 1);
    }
    int status;
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
}

static void every_jump_ends_inside(void **state)
{
    (void)state;
    for (unsigned k = 0; k < CALLS_KINDS; k++) {
        struct sock_filter f[CALLS_MOST];
        unsigned n = calls_filter((enum calls_of)k, f);
        assert_in_range(n, 100, CALLS_MOST);
        for (unsigned i = 0; i < n; i++)
            if (BPF_CLASS(f[i].code) == BPF_JMP)
                assert_true(i + 1 + f[i].jt < n && i + 1 + f[i].jf < n);
        assert_int_equal(BPF_CLASS(f[n - 1].code), BPF_RET);
    }
}

struct folder {
    char dir[64], file[96], other[96];
};

static void make_folder(struct folder *x)
{
    snprintf(x->dir, sizeof(x->dir), "/tmp/riposte-fence-XXXXXX");
    assert_non_null(mkdtemp(x->dir));
    snprintf(x->file, sizeof(x->file), "%s/in", x->dir);
    assert_int_equal(mkdir(x->file, 0755), 0);
    snprintf(x->file, sizeof(x->file), "%s/in/image", x->dir);
    snprintf(x->other, sizeof(x->other), "%s/other", x->dir);
    int fd = open(x->other, O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    assert_true(fd >= 0);
    close(fd);
}

static bool opens(const char *path, int how)
{
    int fd = open(path, how | O_CLOEXEC, 0644);
    if (fd >= 0)
        close(fd);
    return fd >= 0;
}

/* Bits: what could be opened; 64: no Landlock here. */
static int look(struct folder *x, unsigned who)
{
    int status;
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        struct conf *c = conf_new();
        char in[96];
        snprintf(in, sizeof(in), "%s/in", x->dir);
        int rc = !c || prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) || chdir(in) ? -1 : 0;
        rc = rc         ? rc
             : who == 0 ? fence_engine(c)
             : who == 1 ? fence_logger(c)
                        : fence_compiler(x->file);
        if (rc)
            _exit(rc == 1 ? 64 : 128);
        _exit((opens(x->file, O_WRONLY | O_CREAT) ? 1 : 0) | (opens(x->other, O_WRONLY) ? 2 : 0) |
              (opens(x->other, O_RDONLY) ? 4 : 0) | (opens("/etc/passwd", O_RDONLY) ? 8 : 0));
    }
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void fences(void **state)
{
    (void)state;
    static const int want[] = {0, 1, 1 | 4 | 8};
    struct folder x;
    make_folder(&x);
    int got[3], skipped = 0;
    for (unsigned who = 0; who < 3; who++) {
        got[who] = look(&x, who);
        skipped |= got[who] == 64;
    }
    char in[96];
    snprintf(in, sizeof(in), "%s/in", x.dir);
    (void)unlink(x.file);
    (void)unlink(x.other);
    (void)rmdir(in);
    (void)rmdir(x.dir);
    if (skipped) /* cmocka's own word for it is "not ok" */
        print_message("# no Landlock, or a sanitizer: fences not tried\n");
    for (unsigned who = 0; who < 3 && !skipped; who++)
        assert_int_equal(got[who], want[who]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(each_role_and_call),
        cmocka_unit_test(clone3_is_not_there),
        cmocka_unit_test(every_jump_ends_inside),
        cmocka_unit_test(fences),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
