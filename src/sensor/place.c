/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Folders, files and users (place.h). */
#include "sensor/place.h"

#include "base/str.h"
#include "detect/detect.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

/* ------------------------------------------------------------------ users */

static int number_of(const char *s, uint32_t *out)
{
    uint64_t v;
    if (!str_u64(str_cstr(s), &v) || v >= UINT32_MAX)
        return -ENOENT;
    *out = (uint32_t)v;
    return 0;
}

int place_user(const struct conf *c, struct msg_setup *out, struct diags *d)
{
    const char *user = conf_str(c, "run-as.user"), *group = conf_str(c, "run-as.group");
    out->drop = geteuid() == 0;
    out->uid = geteuid();
    out->gid = getegid();
    if (!out->drop)
        return 0;
    const struct passwd *p = getpwnam(user ? user : "nobody");
    if (p) {
        out->uid = p->pw_uid;
        out->gid = p->pw_gid;
    } else if (!user) {
        out->uid = out->gid = 65534;
    } else if (number_of(user, &out->uid)) {
        diag_add(d, DIAG_ERROR, NULL, 0, 0, "`getent passwd` lists them", "there is no user %s",
                 user);
        return -EINVAL;
    } else {
        out->gid = out->uid;
    }
    const struct group *g = group ? getgrnam(group) : NULL;
    if (g) {
        out->gid = g->gr_gid;
    } else if (group && number_of(group, &out->gid)) {
        diag_add(d, DIAG_ERROR, NULL, 0, 0, "`getent group` lists them", "there is no group %s",
                 group);
        return -EINVAL;
    }
    return 0;
}

/* ------------------------------------------------------------------ the folder of outputs */

/* Makes a folder and its parents; *made: it was not there. */
static int make_dirs(const char *path, mode_t mode, bool *made)
{
    char p[PATH_MAX];
    int n = snprintf(p, sizeof(p), "%s", path);
    if (n <= 0 || (size_t)n >= sizeof(p))
        return -ENAMETOOLONG;
    for (char *s = strchr(p + 1, '/'); s; s = strchr(s + 1, '/')) {
        *s = 0;
        if (mkdir(p, 0755) && errno != EEXIST && errno != EROFS)
            return -errno;
        *s = '/';
    }
    *made = mkdir(p, mode) == 0;
    return *made || errno == EEXIST ? 0 : -errno;
}

static bool may_write(const struct stat *st, const struct msg_setup *s)
{
    if (!s->uid)
        return true;
    mode_t need = st->st_uid == s->uid ? 0300 : st->st_gid == s->gid ? 0030 : 0003;
    return (st->st_mode & need) == need;
}

/* Folders that belong to everybody, or to the system. */
static bool is_system(const char *path)
{
    static const char *const top[] = {"etc",   "usr",  "bin", "sbin", "lib",
                                      "lib64", "boot", "dev", "proc", "sys"};
    char real[PATH_MAX];
    if (!realpath(path, real))
        return true;
    const char *slash = strchr(real + 1, '/');
    if (!slash)
        return true; /* "/", "/root", "/var" ... */
    for (size_t i = 0; i < ARRAY_LEN(top); i++)
        if (strlen(top[i]) == (size_t)(slash - real - 1) &&
            !strncmp(real + 1, top[i], strlen(top[i])))
            return true;
    return !strcmp(real, "/var/log") || !strcmp(real, "/var/lib") || !strcmp(real, "/var/cache");
}

/* A file that root's replay left behind, say: the logger is to go on with it. */
static void own_file(int dir, const char *name, const struct msg_setup *s)
{
    struct stat st;
    if (!name || strchr(name, '/') || !strcmp(name, "-"))
        return;
    int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
    if (fd < 0)
        return;
    if (!fstat(fd, &st) && S_ISREG(st.st_mode) && st.st_nlink == 1 && st.st_uid == 0)
        (void)!fchown(fd, s->uid, s->gid);
    close(fd);
}

static void own_files(const struct conf *c, int dir, const struct msg_setup *s)
{
    static const char *const usual[] = {"eve.json", "fast.log", "stats.log", "alert"};
    const struct conf_node *list = conf_node(c, "outputs");
    for (size_t i = 0; i < ARRAY_LEN(usual); i++)
        own_file(dir, usual[i], s);
    for (const struct conf_node *i = list ? list->child : NULL; i; i = i->next) {
        const char *name;
        own_file(dir, conf_sub_str(conf_item(i, &name), "filename", NULL), s);
    }
}

int place_logs(const struct conf *c, const struct msg_setup *s, struct diags *d)
{
    const char *path = conf_str(c, "default-log-dir");
    bool made = false;
    struct stat st;
    int rc = make_dirs(path, 0750, &made);
    int fd = rc ? rc : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0) {
        rc = rc ? rc : -errno;
        diag_add(d, DIAG_ERROR, path, 0, 0, "-l DIR names another folder",
                 "the folder of the outputs can't be used: %s", strerror(-rc));
        return rc;
    }
    if (!s->drop)
        return fd;
    if (made)
        (void)!fchown(fd, s->uid, s->gid);
    if (!fstat(fd, &st) && !may_write(&st, s) && st.st_uid == 0 && !is_system(path) &&
        !fchown(fd, (uid_t)-1, s->gid))
        (void)!fchmod(fd, (st.st_mode & 07777) | 0070);
    if (fstat(fd, &st) || !may_write(&st, s)) {
        diag_add(d, DIAG_ERROR, path, 0, 0,
                 "give a folder of its own with -l, or another user with --user",
                 "user %u can't write there", s->uid);
        close(fd);
        return -EACCES;
    }
    own_files(c, fd, s);
    return fd;
}

void place_data(const struct conf *c, const struct msg_setup *s, struct diags *d)
{
    const char *path = conf_str(c, "data-dir");
    bool made = false;
    struct stat st;
    if (!path || !*path || !s->drop)
        return;
    int rc = make_dirs(path, 0750, &made), fd = rc ? rc : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd >= 0 && made)
        (void)!fchown(fd, s->uid, s->gid);
    if (fd >= 0 && !fstat(fd, &st) && !may_write(&st, s) && st.st_uid == 0 && !is_system(path) &&
        !fchown(fd, (uid_t)-1, s->gid))
        (void)!fchmod(fd, (st.st_mode & 07777) | 0070);
    if (fd < 0 || fstat(fd, &st) || !may_write(&st, s))
        diag_add(d, DIAG_WARNING, path, 0, 0, "data-dir names a folder that the run-as user may write into",
                 "data sets can't be saved: user %u can't write there", s->uid);
    if (fd >= 0)
        close(fd);
}

/* The part of a path that is there. */
static int deepest(const char *path, char *p, size_t room, struct stat *st)
{
    int n = snprintf(p, room, "%s", path && *path ? path : ".");
    if (n <= 0 || (size_t)n >= room)
        return -ENAMETOOLONG;
    while (stat(p, st)) {
        char *slash = strrchr(p, '/');
        if (errno != ENOENT)
            return -errno;
        if (!slash)
            memcpy(p, ".", 2);
        else if (slash == p)
            p[1] = 0;
        else
            *slash = 0;
    }
    return S_ISDIR(st->st_mode) ? 0 : -ENOTDIR;
}

int place_logs_check(const struct conf *c, const struct msg_setup *s, struct diags *d)
{
    const char *path = conf_str(c, "default-log-dir");
    char p[PATH_MAX];
    struct stat st;
    int rc = deepest(path, p, sizeof(p), &st);
    if (!rc && access(p, W_OK))
        rc = -errno;
    if (rc) {
        diag_add(d, DIAG_ERROR, path, 0, 0, "-l DIR names another folder",
                 "the folder of the outputs can't be used: %s", strerror(-rc));
        return rc;
    }
    /* A start makes the folder, or gives root's own to the user's group. */
    if (!s->drop || strcmp(p, path) != 0 || may_write(&st, s) || (st.st_uid == 0 && !is_system(path)))
        return 0;
    diag_add(d, DIAG_ERROR, path, 0, 0, "give a folder of its own with -l, or another user with --user",
             "user %u can't write there", s->uid);
    return -EACCES;
}

/* ------------------------------------------------------------------ images */

void place_cache(const struct conf *c, char *out, size_t room)
{
    char path[4200];
    *out = 0;
    if (image_cache_path(conf_str(c, "cache-dir"), 0, path, sizeof(path)))
        return;
    char *slash = strrchr(path, '/');
    if (slash && slash > path) {
        *slash = 0;
        (void)snprintf(out, room, "%s", path);
    }
}

int place_build(const char *cache, const struct msg_setup *s, char *out, size_t room)
{
    const char *where[] = {cache, "/var/tmp", "/tmp"};
    int err = -ENOENT;
    for (size_t i = 0; i < ARRAY_LEN(where); i++) {
        int n = snprintf(out, room, "%s/build-XXXXXX", where[i]);
        if (!*where[i] || n <= 0 || (size_t)n >= room)
            continue;
        if (!mkdtemp(out)) {
            err = -errno;
            continue;
        }
        if (!s->drop || !chown(out, s->uid, s->gid))
            return 0;
        err = -errno;
        rmdir(out);
    }
    return err;
}

void place_build_done(const char *dir)
{
    DIR *d = opendir(dir);
    for (struct dirent *e; d && (e = readdir(d));)
        if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
            (void)unlinkat(dirfd(d), e->d_name, 0);
    if (d)
        closedir(d);
    (void)rmdir(dir);
}

int place_image(const char *built, const char *cache, uint64_t key, struct diags *d)
{
    char path[4200];
    struct stat st;
    int fd = open(built, O_RDONLY | O_NOFOLLOW | O_CLOEXEC), rc = fd < 0 ? -errno : 0;
    if (!rc && (fstat(fd, &st) || !S_ISREG(st.st_mode) || st.st_nlink != 1))
        rc = -EINVAL;
    /* One of the cache: nobody else's.  (A built one is the run-as user's, in a folder of its own.) */
    if (!rc && !*cache && st.st_uid != geteuid() && st.st_uid != 0)
        rc = -EPERM;
    if (rc) {
        diag_add(d, DIAG_ERROR, built, 0, 0, NULL, "the image can't be taken: %s", strerror(-rc));
        if (fd >= 0)
            close(fd);
        return rc;
    }
    /* Root's from now on: whoever compiles later must not change what an engine has mapped. */
    if (geteuid() == 0)
        (void)!fchown(fd, 0, 0);
    (void)fchmod(fd, 0644);
    (void)futimens(fd, NULL); /* used now: place_prune looks at it */
    if (*cache && !image_cache_path(cache, key, path, sizeof(path)))
        (void)rename(built, path);
    return fd;
}

static uint64_t age_of(const char *text)
{
    static const struct {
        char unit;
        uint64_t s;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};
    uint64_t n;
    size_t len = text ? strlen(text) : 0;
    for (size_t i = 0; len > 1 && i < ARRAY_LEN(units); i++)
        if (text[len - 1] == units[i].unit && str_u64(str_of(text, len - 1), &n) && n < 100000)
            return n * units[i].s;
    return 0; /* for ever */
}

/* What a compiler that was killed left. */
static void builds_prune(const char *cache, uint64_t now_s)
{
    DIR *d = opendir(cache);
    for (struct dirent *e; d && (e = readdir(d));) {
        struct stat st;
        char path[PATH_MAX];
        if (strncmp(e->d_name, "build-", 6) || fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) ||
            !S_ISDIR(st.st_mode) || (uint64_t)st.st_mtime + 86400 > now_s)
            continue;
        int n = snprintf(path, sizeof(path), "%s/%s", cache, e->d_name);
        if (n > 0 && (size_t)n < sizeof(path))
            place_build_done(path);
    }
    if (d)
        closedir(d);
}

void place_prune(const char *cache, const char *max_age, uint64_t now_s)
{
    if (!*cache)
        return;
    image_cache_prune(cache, age_of(max_age), now_s, UINT_MAX);
    builds_prune(cache, now_s);
}

void place_prune_apart(const char *cache, const char *max_age, uint64_t now_s)
{
    pid_t pid = fork();
    if (pid < 0)
        return;
    if (pid > 0) {
        while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
            ;
        return;
    }
    if (fork() != 0)
        _exit(0);
    (void)close_range(0, UINT_MAX, 0); /* ports, rings and channels are not its */
    (void)!nice(10);
    place_prune(cache, max_age, now_s);
    _exit(0);
}

/* Who wrote it last; 0: nobody can tell. */
static long pidfile_owner(int fd)
{
    char text[32] = "";
    uint64_t pid;
    ssize_t n = pread(fd, text, sizeof(text) - 1, 0);
    if (n <= 0 || !str_u64(str_trim(str_of(text, (size_t)n)), &pid) || pid > INT_MAX)
        return 0;
    return (long)pid;
}

int pidfile_take(const char *path, struct diags *d)
{
    char text[32];
    int n = snprintf(text, sizeof(text), "%ld\n", (long)getpid());
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0644);
    int rc = fd < 0 ? -errno : 0;
    if (!rc && flock(fd, LOCK_EX | LOCK_NB)) {
        diag_add(d, DIAG_ERROR, path, 0, 0, "end that one first, or give another pid file",
                 "a sensor with this pid file runs already: process %ld", pidfile_owner(fd));
        close(fd);
        return -EBUSY;
    }
    if (!rc && (ftruncate(fd, 0) || pwrite(fd, text, (size_t)n, 0) != n))
        rc = errno ? -errno : -EIO;
    if (!rc)
        return fd;
    diag_add(d, DIAG_ERROR, path, 0, 0, NULL, "the pid file can't be written: %s", strerror(-rc));
    if (fd >= 0)
        close(fd);
    return rc;
}
