/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Folders of capture files (filelist.h). */
#include "capture/filelist.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "capture/capread.h"

enum { DEPTH_MAX = 16, FILES_MAX = 1000000 };

int file_list_add(struct file_list *l, const char *path)
{
    if (l->n == l->room) {
        if (l->n >= FILES_MAX)
            return -E2BIG;
        size_t room = l->room ? l->room * 2 : 16;
        struct file_entry *e = realloc(l->entry, room * sizeof *e);
        if (!e)
            return -ENOMEM;
        l->entry = e;
        l->room = room;
    }
    char *copy = strdup(path);
    if (!copy)
        return -ENOMEM;
    l->entry[l->n++] = (struct file_entry){.path = copy};
    return 0;
}

void file_list_done(struct file_list *l)
{
    for (size_t i = 0; i < l->n; i++)
        free(l->entry[i].path);
    free(l->entry);
    *l = (struct file_list){0};
}

static bool begins_as_capture(const char *path)
{
    uint8_t m[4];
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return false;
    ssize_t n = read(fd, m, sizeof m);
    close(fd);
    return n > 0 && cap_magic_known(m, (size_t)n);
}

static int walk(struct file_list *l, const char *folder, bool recursive, unsigned depth,
                struct diags *d);

static int walk_entry(struct file_list *l, const char *folder, const char *name, bool recursive,
                      unsigned depth, struct diags *d)
{
    char path[4096];
    struct stat st;
    if (name[0] == '.')
        return 0;
    int n = snprintf(path, sizeof path, "%s%s%s", folder,
                     folder[strlen(folder) - 1] == '/' ? "" : "/", name);
    if (n < 0 || (size_t)n >= sizeof path || lstat(path, &st) != 0)
        return 0;
    /* Links to files are followed, links to folders not: they may lead in a circle. */
    if (S_ISLNK(st.st_mode) && (stat(path, &st) != 0 || !S_ISREG(st.st_mode)))
        return 0;
    if (S_ISDIR(st.st_mode))
        l->skipped += !recursive;
    if (S_ISDIR(st.st_mode))
        return recursive && depth < DEPTH_MAX ? walk(l, path, true, depth + 1, d) : 0;
    if (!S_ISREG(st.st_mode))
        return 0;
    if (begins_as_capture(path)) {
        int r = file_list_add(l, path);
        if (r == 0 && stat(path, &st) == 0) { /* of a link what it leads to */
            struct file_entry *e = &l->entry[l->n - 1];
            e->dev = st.st_dev;
            e->ino = st.st_ino;
            e->changed_ns =
                (uint64_t)st.st_mtim.tv_sec * 1000000000u + (uint64_t)st.st_mtim.tv_nsec;
        }
        return r;
    }
    if (d)
        diag_add(d, DIAG_WARNING, folder, 0, 0, NULL, "%s is no capture file: left out", name);
    return 0;
}

static int walk(struct file_list *l, const char *folder, bool recursive, unsigned depth,
                struct diags *d)
{
    DIR *dir = opendir(folder);
    if (!dir)
        return -errno;
    int r = 0;
    for (struct dirent *e; r == 0 && (e = readdir(dir));)
        r = walk_entry(l, folder, e->d_name, recursive, depth, d);
    closedir(dir);
    return r;
}

static uint64_t first_time(const char *path)
{
    struct cap_src s;
    struct cap_reader *r = malloc(sizeof *r);
    char why[128];
    uint64_t ns = 0;
    if (!r || cap_src_open(&s, path, why, sizeof why) < 0) {
        free(r);
        return 0;
    }
    if (cap_reader_start(r, &s) == 0) {
        struct frame f;
        size_t need = 0;
        enum cap_read got;
        while ((got = cap_reader_next(r, &s, &f, &need)) == CAP_FILL)
            if (cap_src_fill(&s, need, -1) < 0)
                break;
        if (got == CAP_FRAME)
            ns = f.ts_ns;
    }
    cap_reader_done(r);
    cap_src_close(&s);
    free(r);
    return ns;
}

static int by_path(const void *a, const void *b)
{
    const struct file_entry *x = a, *y = b;
    return strcmp(x->path, y->path);
}
static int by_first(const void *a, const void *b)
{
    const struct file_entry *x = a, *y = b;
    if (x->first_ns != y->first_ns)
        return x->first_ns < y->first_ns ? -1 : 1;
    return by_path(a, b);
}

int file_list_folder(struct file_list *l, const char *folder, bool recursive, bool by_time,
                     struct diags *d)
{
    int r = walk(l, folder, recursive, 0, d);
    if (r < 0) {
        diag_add(d, DIAG_ERROR, folder, 0, 0, NULL, "can't read the folder: %s", strerror(-r));
        return r;
    }
    if (l->skipped)
        diag_add(d, DIAG_WARNING, folder, 0, 0, "--pcap-file-recursive reads them, too",
                 "%zu folder%s in it %s left out", l->skipped, l->skipped == 1 ? "" : "s",
                 l->skipped == 1 ? "is" : "are");
    if (by_time)
        for (size_t i = 0; i < l->n; i++)
            l->entry[i].first_ns = first_time(l->entry[i].path);
    if (l->n)
        qsort(l->entry, l->n, sizeof *l->entry, by_time ? by_first : by_path);
    return 0;
}

/* ---- a folder that grows */

static int by_change(const void *a, const void *b)
{
    const struct file_entry *x = a, *y = b;
    if (x->changed_ns != y->changed_ns)
        return x->changed_ns < y->changed_ns ? -1 : 1;
    return by_path(a, b);
}

static bool same_file(const struct file_entry *a, const struct file_entry *b)
{
    return a->dev == b->dev && a->ino == b->ino && strcmp(a->path, b->path) == 0;
}

/* Moves an entry from one list to another. */
static int entry_move(struct file_list *to, struct file_entry *e)
{
    int r = file_list_add(to, e->path);
    if (r < 0)
        return r;
    char *path = to->entry[to->n - 1].path;
    to->entry[to->n - 1] = *e;
    to->entry[to->n - 1].path = path;
    return 0;
}

int file_list_new(struct file_list *l, struct file_list *known, const char *folder, bool recursive,
                  uint64_t now_ns, uint64_t delay_ns)
{
    struct file_list all = {0}, still = {0};
    int r = walk(&all, folder, recursive, 0, NULL);
    if (all.n)
        qsort(all.entry, all.n, sizeof *all.entry, by_path);
    if (known->n)
        qsort(known->entry, known->n, sizeof *known->entry, by_path);
    size_t k = 0;
    for (size_t i = 0; i < all.n && r == 0; i++) {
        while (k < known->n && strcmp(known->entry[k].path, all.entry[i].path) < 0)
            k++;
        if (k < known->n && same_file(&known->entry[k], &all.entry[i]))
            r = entry_move(&still, &all.entry[i]);
        else if (now_ns >= delay_ns && all.entry[i].changed_ns <= now_ns - delay_ns)
            r = entry_move(l, &all.entry[i]);
    }
    file_list_done(&all);
    if (r < 0) {
        file_list_done(&still);
        return r;
    }
    file_list_done(known);
    *known = still;
    if (l->n)
        qsort(l->entry, l->n, sizeof *l->entry, by_change);
    return 0;
}
