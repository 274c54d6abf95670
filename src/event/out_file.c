/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files: opening, names with times, rotation, and what a full disk leaves behind. */
#include "event/out_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

enum { STAMP_TRIES = 4096, TAIL = 1 << 16 };

static mode_t mode_of(const struct out *o)
{
    return o->c.mode ? (mode_t)o->c.mode : 0640;
}

/* A line that an earlier end left half written is cut off. */
static void tail_mend(int fd, uint64_t *size)
{
    static const size_t most = TAIL;
    if (!*size)
        return;
    uint8_t *tail = malloc(most);
    size_t n = *size < most ? (size_t)*size : most;
    ssize_t got = tail ? pread(fd, tail, n, (off_t)(*size - n)) : -1;
    if (got == (ssize_t)n && tail[n - 1] != '\n') {
        uint8_t *nl = memrchr(tail, '\n', n);
        uint64_t keep = nl ? *size - n + (uint64_t)(nl - tail) + 1 : *size > n ? *size : 0;
        if (keep < *size && !ftruncate(fd, (off_t)keep))
            *size = keep;
    }
    free(tail);
}

/* Writes the header of a new file; on failure the file is empty again. */
static int header_put(struct out *o, int fd, uint64_t *size)
{
    struct sbuf b;
    sbuf_init(&b);
    o->c.header(o->c.ctx, &b);
    ssize_t put = b.failed ? -1 : write(fd, b.p, b.n);
    int err = b.failed ? ENOMEM : put < 0 ? errno : (size_t)put < b.n ? ENOSPC : 0;
    if (err && put > 0 && ftruncate(fd, 0))
        err = errno;
    if (!err)
        *size = b.n;
    sbuf_done(&b);
    return -err;
}

/* Opens `name`; with `fresh` it must not be there yet.  0 or -errno. */
static int open_as(struct out *o, const char *name, bool fresh)
{
    int flags = O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY | O_NONBLOCK | (fresh ? O_EXCL : 0);
    if (o->c.truncate && !fresh && !o->size)
        flags |= O_TRUNC;
    int fd = open(name, flags | O_RDWR, mode_of(o));
    if (fd < 0 && (errno == EACCES || errno == ENXIO))
        fd = open(name, flags | O_WRONLY, mode_of(o));
    if (fd < 0)
        return -errno;
    struct stat st;
    uint64_t size = 0;
    if (!fstat(fd, &st) && S_ISREG(st.st_mode))
        size = (uint64_t)st.st_size;
    if (o->c.text)
        tail_mend(fd, &size);
    int rc = o->c.header && !size ? header_put(o, fd, &size) : 0;
    if (rc) {
        close(fd);
        if (fresh)
            unlink(name);
        return rc;
    }
    if (o->fd >= 0)
        close(o->fd);
    o->fd = fd;
    o->size = size;
    o->header_bytes = o->c.header ? size : 0;
    return 0;
}

/* False: too long. */
static bool stamped_name(const struct out *o, uint64_t stamp, char out[PATH_MAX])
{
    size_t at = o->c.stamp_at;
    int n = at ? snprintf(out, PATH_MAX, "%.*s%llu%s", (int)at, o->path, (unsigned long long)stamp, o->path + at)
               : snprintf(out, PATH_MAX, "%s.%llu", o->path, (unsigned long long)stamp);
    return n > 0 && n < PATH_MAX;
}

/* The oldest of more than max_files goes. */
static void made_note(struct out *o, uint64_t stamp)
{
    char name[PATH_MAX];
    if (!o->made)
        return;
    uint64_t *slot = &o->made[o->made_n % o->c.max_files];
    if (o->made_n >= o->c.max_files && stamped_name(o, *slot, name))
        unlink(name);
    *slot = stamp;
    o->made_n++;
}

static int open_stamped(struct out *o)
{
    char name[PATH_MAX];
    uint64_t stamp = o->first_ns / 1000000000u;
    if (o->c.nostamp && !o->made_n) {
        o->made_n = 1;
        return open_as(o, o->path, false);
    }
    for (unsigned i = 0; i < STAMP_TRIES; i++, stamp++) {
        if (!stamped_name(o, stamp, name))
            return -ENAMETOOLONG;
        int rc = open_as(o, name, true);
        if (!rc)
            made_note(o, stamp);
        if (rc != -EEXIST)
            return rc;
    }
    return -EEXIST;
}

/* The name is that of the first record that waits; one that comes again is gone on with. */
static int open_dated(struct out *o)
{
    char name[PATH_MAX];
    int rc = out_name_at(o, o->first_ns, name);
    if (rc)
        return rc;
    if (!o->name || strcmp(o->name, name) != 0) {
        char *own = strdup(name);
        if (!own)
            return -ENOMEM;
        free(o->name);
        o->name = own;
        o->size = 0;
    }
    return open_as(o, o->name, false);
}

static int file_open(struct out *o)
{
    if (o->c.dated)
        return open_dated(o);
    return o->c.kind == OUT_STAMPED ? open_stamped(o) : open_as(o, o->path, false);
}

/* Files whose names wait for the first record: at least their folder must take one. */
static int folder_check(const char *path)
{
    char dir[PATH_MAX];
    const char *slash = strrchr(path, '/');
    size_t n = slash ? (size_t)(slash - path) : 0;
    if (n >= sizeof(dir))
        return -ENAMETOOLONG;
    memcpy(dir, path, n);
    dir[n] = 0;
    const char *name = slash ? n ? dir : "/" : ".";
    struct stat st;
    if (stat(name, &st))
        return -errno;
    if (!S_ISDIR(st.st_mode))
        return -ENOTDIR;
    return access(name, W_OK | X_OK) ? -errno : 0;
}

/* No file yet: its size will be the header's. */
static void size_reset(struct out *o)
{
    struct sbuf b;
    sbuf_init(&b);
    if (o->c.header)
        o->c.header(o->c.ctx, &b);
    o->size = o->header_bytes = b.n;
    sbuf_done(&b);
}

int file_start(struct out *o)
{
    if (o->c.kind == OUT_STAMPED)
        size_reset(o);
    if (o->c.kind == OUT_STAMPED && o->c.max_files) {
        o->made = calloc(o->c.max_files, sizeof(*o->made));
        if (!o->made)
            return -ENOMEM;
    }
    tzset(); /* later /etc may be out of reach */
    return o->c.kind == OUT_STAMPED || o->c.dated ? folder_check(o->path) : file_open(o);
}

int file_write(struct out *o, const uint8_t *p, size_t n, size_t *done)
{
    *done = 0;
    if (o->fd < 0) {
        int rc = file_open(o);
        if (rc)
            return -rc;
    }
    while (*done < n) {
        ssize_t put = write(o->fd, p + *done, n - *done);
        if (put < 0 && errno == EINTR)
            continue;
        if (put < 0)
            return errno;
        if (!put)
            return ENOSPC;
        *done += (size_t)put;
        o->size += (size_t)put;
    }
    return 0;
}

bool file_cut(struct out *o, size_t bytes)
{
    struct stat st;
    /* Only if the end is still ours: another writer's lines are not cut. */
    if (o->c.kind == OUT_FD || fstat(o->fd, &st) || (uint64_t)st.st_size != o->size ||
        ftruncate(o->fd, (off_t)(o->size - bytes)))
        return false;
    o->size -= bytes;
    return true;
}

/* Out of the way under the next free name. */
static int move_away(const char *path, uint64_t stamp)
{
    char name[PATH_MAX];
    for (unsigned i = 0; i < STAMP_TRIES; i++, stamp++) {
        int n = snprintf(name, sizeof(name), "%s.%llu", path, (unsigned long long)stamp);
        if (n < 0 || (size_t)n >= sizeof(name))
            return ENAMETOOLONG;
        if (!renameat2(AT_FDCWD, path, AT_FDCWD, name, RENAME_NOREPLACE))
            return 0;
        if (errno != EEXIST)
            return errno;
    }
    return EEXIST;
}

void file_rotate(struct out *o)
{
    int err = 0;
    if (o->c.kind == OUT_STAMPED) {
        if (o->fd >= 0)
            close(o->fd);
        o->fd = -1;
        size_reset(o);
    } else {
        const char *name = o->c.dated ? o->name : o->path;
        err = move_away(name, o->ts_ns / 1000000000u);
        if (!err)
            err = -open_as(o, name, false);
    }
    if (err)
        out_error(o, err);
    else
        o->st->count.files_rotated++;
}

void file_turn(struct out *o)
{
    if (!o->c.dated) {
        if (o->size > o->header_bytes)
            file_rotate(o);
        return;
    }
    if (o->fd >= 0) {
        close(o->fd);
        o->st->count.files_rotated++;
    }
    o->fd = -1;
}

int file_reopen(struct out *o)
{
    if (o->c.dated) {
        if (o->fd >= 0)
            close(o->fd);
        o->fd = -1;
        return 0;
    }
    if (o->c.kind == OUT_STAMPED) {
        if (o->fd >= 0)
            close(o->fd);
        o->fd = -1;
        size_reset(o);
        return 0;
    }
    int rc = open_as(o, o->path, false);
    if (rc)
        out_error(o, -rc);
    return rc;
}
