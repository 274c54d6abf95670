/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files that rules want kept: DIR/ab/ab...(sha256), as Suricata's file-store 2.
 *
 * Pieces come from the engine in order (EVENT_FILE) and go into DIR/tmp/; with the last one, which brings the digest,
 * the file gets its name, or where that stands already only a new time.  What is not whole at the end (a lost piece, a
 * limit) is removed: a name never stands for other bytes.  Names are made of digests and numbers alone.
 */
#include "event/logger_impl.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { HEX = 64, NAME = 96 };

struct file_store {
    char *dir;
    uint64_t most_bytes, written; /* of this run; 0: no limit */
    uint32_t n, room;
    struct kept_file {
        uint64_t flow;
        uint64_t size;
        uint32_t worker, id;
        int fd;      /* -1: free */
        bool broken; /* removed at its end */
    } *file;
};

struct file_store *file_store_new(const char *dir, uint32_t open_most, uint64_t most_bytes)
{
    struct file_store *s = calloc(1, sizeof(*s));
    if (!s || !(s->dir = strdup(dir)) || !(s->file = calloc(open_most, sizeof(*s->file)))) {
        file_store_free(s);
        return NULL;
    }
    s->room = open_most;
    s->most_bytes = most_bytes;
    for (uint32_t k = 0; k < open_most; k++)
        s->file[k].fd = -1;
    return s;
}

static int tmp_name(const struct file_store *s, const struct kept_file *f, char out[PATH_MAX])
{
    int n = snprintf(out, PATH_MAX, "%s/tmp/%016llx.%u.%u", s->dir, (unsigned long long)f->flow, f->worker, f->id);
    return n < 0 || n >= PATH_MAX - NAME ? -ENAMETOOLONG : 0;
}

static void drop(struct file_store *s, struct kept_file *f)
{
    char path[PATH_MAX];
    if (f->fd < 0)
        return;
    close(f->fd);
    f->fd = -1;
    if (!tmp_name(s, f, path))
        (void)unlink(path);
}

void file_store_free(struct file_store *s)
{
    if (!s)
        return;
    for (uint32_t k = 0; s->file && k < s->room; k++)
        drop(s, &s->file[k]);
    free(s->file);
    free(s->dir);
    free(s);
}

static int folder(const struct file_store *s, const char *name)
{
    char path[PATH_MAX];
    int n = snprintf(path, sizeof(path), "%s%s%s", s->dir, *name ? "/" : "", name);
    if (n < 0 || n >= PATH_MAX - NAME)
        return -ENAMETOOLONG;
    return mkdir(path, 0750) && errno != EEXIST ? -errno : 0;
}

/* A file that begins; NULL: *rc. */
static struct kept_file *begin(struct file_store *s, const struct kept_file *key, int *rc)
{
    struct kept_file *f = NULL;
    char path[PATH_MAX];
    for (uint32_t k = 0; k < s->room && !f; k++)
        if (s->file[k].fd < 0)
            f = &s->file[k];
    *rc = f ? folder(s, "") : -EMFILE;
    if (!*rc)
        *rc = folder(s, "tmp");
    if (!*rc)
        *rc = tmp_name(s, key, path);
    if (*rc)
        return NULL;
    *f = *key;
    f->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
    *rc = f->fd < 0 ? -errno : 0;
    return f->fd < 0 ? NULL : f;
}

static int append(struct file_store *s, struct kept_file *f, struct str bytes)
{
    if (s->most_bytes && s->written + bytes.n > s->most_bytes)
        return -EDQUOT;
    while (bytes.n) {
        ssize_t n = write(f->fd, bytes.p, bytes.n);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return n ? -errno : -EIO;
        s->written += (uint64_t)n;
        f->size += (uint64_t)n;
        bytes = str_skip(bytes, (uint32_t)n);
    }
    return 0;
}

static int name_it(struct file_store *s, struct kept_file *f, const uint8_t sha256[32], char *path)
{
    char hex[HEX + 1], tmp[PATH_MAX], two[3];
    for (unsigned k = 0; k < 32; k++)
        snprintf(hex + 2 * k, 3, "%02x", sha256[k]);
    snprintf(two, sizeof(two), "%.2s", hex);
    int rc = folder(s, two);
    if (!rc)
        rc = tmp_name(s, f, tmp);
    int n = snprintf(path, PATH_MAX, "%s/%s/%s", s->dir, two, hex);
    if (rc || n < 0 || n >= PATH_MAX)
        return rc ? rc : -ENAMETOOLONG;
    if (!utimensat(AT_FDCWD, path, NULL, AT_SYMLINK_NOFOLLOW))
        return 0; /* there: drop() takes the copy away */
    if (rename(tmp, path))
        return -errno;
    close(f->fd);
    f->fd = -1;
    return 0;
}

static struct kept_file *find(struct file_store *s, const struct kept_file *key)
{
    for (uint32_t k = 0; k < s->room; k++) {
        struct kept_file *f = &s->file[k];
        if (f->fd >= 0 && f->flow == key->flow && f->id == key->id && f->worker == key->worker)
            return f;
    }
    return NULL;
}

int file_store_put(struct file_store *s, const struct event_view *v, char *path)
{
    struct event_file e;
    int rc = 0;
    if (!view_file(v, &e))
        return -EINVAL;
    struct kept_file key = {.flow = v->head->flow_id, .worker = v->head->worker, .id = e.id}, *f = find(s, &key);
    if (!f && !e.offset && !(e.end && !e.whole))
        f = begin(s, &key, &rc);
    if (!f)
        return rc; /* it was given up */
    if (f->size != e.offset)
        rc = -ENODATA; /* a piece is missing */
    if (!rc)
        rc = append(s, f, v->section[SECTION_PAYLOAD]);
    if (!rc && e.end && e.whole)
        rc = name_it(s, f, e.sha256, path);
    bool named = !rc && e.end && e.whole;
    if (rc || e.end)
        drop(s, f);
    return named ? 1 : rc == -ENODATA ? 0 : rc; /* lost pieces are counted where they were lost */
}

int file_store_info(const char *path, const struct event_view *v, struct str json)
{
    struct event_file e;
    char name[PATH_MAX];
    if (!view_file(v, &e))
        return -EINVAL;
    int n = snprintf(name, sizeof(name), "%s.%llu.%u.json", path, (unsigned long long)(v->head->ts_ns / 1000000000u), e.id);
    if (n < 0 || n >= (int)sizeof(name))
        return -ENAMETOOLONG;
    int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0640);
    if (fd < 0)
        return -errno;
    ssize_t put = write(fd, json.p, json.n);
    int rc = put < 0 ? -errno : (uint32_t)put < json.n ? -ENOSPC : 0;
    close(fd);
    return rc;
}
