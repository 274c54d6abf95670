/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Landlock (fence.h).  All rights to files that the kernel knows are taken, and given back below
 * the folders that the role needs.  What is open stays open.
 */
#include "sensor/fence.h"

#include "sensor/calls.h"

#include "base/machine.h"

#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ABI_LEAST = 2, ABI_TRUNCATE = 3, DEPTH_MOST = 32, CLIMB_MOST = 64 };

static const uint64_t READ = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_READ_DIR,
                      OF_FILES = LANDLOCK_ACCESS_FS_READ_FILE | LANDLOCK_ACCESS_FS_WRITE_FILE |
                                 LANDLOCK_ACCESS_FS_TRUNCATE,
                      ALL_OF_2 = (1ULL << 14) - 1,
                      SPECIAL = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_MAKE_CHAR |
                                LANDLOCK_ACCESS_FS_MAKE_BLOCK;

struct fence {
    int fd;
    uint64_t handled;
};

/* What libraries look for: libmagic's data, zones of time, libgcc at a thread's end, CPUs,
 * libpcap's counters. */
static const char *const of_libraries[] = {
    "/usr/share/misc",
    "/usr/lib/file",
    "/usr/share/file",
    "/usr/share/zoneinfo",
    "/etc/localtime",
    "/usr/lib",
    "/usr/lib64",
    "/etc/ld.so.cache",
    "/sys/devices/system/cpu",
    "/sys/devices/virtual/net",
    "/sys/class/net",
    "/dev/null",
    "/proc/sys/vm/overcommit_memory",
};

static int begin(struct fence *f)
{
    long abi = syscall(SYS_landlock_create_ruleset, NULL, 0, LANDLOCK_CREATE_RULESET_VERSION);
    if (abi < ABI_LEAST || !calls_built())
        return 1;
    f->handled = ALL_OF_2 | (abi >= ABI_TRUNCATE ? LANDLOCK_ACCESS_FS_TRUNCATE : 0);
    struct landlock_ruleset_attr a = {.handled_access_fs = f->handled};
    f->fd = (int)syscall(SYS_landlock_create_ruleset, &a, sizeof(a), 0);
    return f->fd < 0 ? -errno : 0;
}

static int allow_fd(const struct fence *f, int fd, uint64_t access)
{
    struct stat st;
    if (fstat(fd, &st))
        return -errno;
    struct landlock_path_beneath_attr b = {.allowed_access = access & f->handled, .parent_fd = fd};
    if (!S_ISDIR(st.st_mode))
        b.allowed_access &= OF_FILES;
    return syscall(SYS_landlock_add_rule, f->fd, LANDLOCK_RULE_PATH_BENEATH, &b, 0) ? -errno : 0;
}

/* What is not there needs no rule. */
static int allow(const struct fence *f, const char *path, uint64_t access)
{
    int fd = open(path, O_PATH | O_CLOEXEC);
    int rc = fd < 0 ? 0 : allow_fd(f, fd, access);
    if (fd >= 0)
        close(fd);
    return rc;
}

/* The folder, or the nearest above it that is there (it may be made later); never the root. */
static int allow_writing(const struct fence *f, const char *path)
{
    char at[4096];
    if (!path || !*path || strlen(path) >= sizeof(at))
        return 0;
    strncpy(at, path, sizeof(at) - 1);
    at[sizeof(at) - 1] = 0;
    for (unsigned i = 0; i < CLIMB_MOST; i++) {
        int fd = open(at, O_PATH | O_DIRECTORY | O_CLOEXEC);
        if (fd >= 0) {
            int rc = allow_fd(f, fd, f->handled & ~SPECIAL);
            close(fd);
            return rc;
        }
        char *slash = strrchr(at, '/');
        if (!slash || slash == at)
            return 0;
        *slash = 0;
    }
    return 0;
}

static int end(const struct fence *f, int rc)
{
    if (!rc && syscall(SYS_landlock_restrict_self, f->fd, 0))
        rc = -errno;
    close(f->fd);
    return rc;
}

static int libraries(const struct fence *f)
{
    int rc = 0;
    for (unsigned i = 0; i < ARRAY_LEN(of_libraries) && !rc; i++)
        rc = allow(f, of_libraries[i], READ);
    return rc;
}

int fence_engine(const struct conf *c)
{
    struct fence f;
    int rc = begin(&f);
    if (rc)
        return rc;
    rc = libraries(&f);
    return end(&f, rc ? rc : allow_writing(&f, conf_str(c, "data-dir")));
}

/* Folders that outputs name outright; the others lie below the one that the logger stands in. */
static int outputs(const struct fence *f, const struct conf_node *n, unsigned depth)
{
    static const char *const keys[] = {"filename", "dir", "home", "prefix"};
    int rc = 0;
    for (; n && !rc; n = n->next) {
        for (unsigned i = 0; i < ARRAY_LEN(keys) && !rc; i++)
            if (n->value && n->name && n->value[0] == '/' && !strcmp(n->name, keys[i])) {
                char at[4096];
                bool file = i != 1 && i != 2;
                snprintf(at, sizeof(at), "%s", n->value);
                if (file)
                    *strrchr(at, '/') = 0;
                rc = allow_writing(f, at);
            }
        if (!rc && n->child && depth < DEPTH_MOST)
            rc = outputs(f, n->child, depth + 1);
    }
    return rc;
}

int fence_logger(const struct conf *c)
{
    struct fence f;
    int rc = begin(&f);
    if (rc)
        return rc;
    const struct conf_node *root = conf_node(c, "outputs");
    while (root && root->parent) /* ruletypes have outputs of their own */
        root = root->parent;
    rc = libraries(&f);
    if (!rc)
        rc = allow_writing(&f, ".");
    return end(&f, rc ? rc : outputs(&f, root, 0));
}

int fence_compiler(const char *out)
{
    struct fence f;
    char at[4096];
    int rc = begin(&f);
    if (rc)
        return rc;
    rc = allow(&f, "/", READ);
    snprintf(at, sizeof(at), "%s", out);
    char *slash = strrchr(at, '/');
    if (slash) {
        *slash = 0;
        rc = rc ? rc : allow_writing(&f, at);
    }
    return end(&f, rc);
}
