/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The cache stays small: the newest images are kept, so many and so many bytes of them, and none that is too old.
 *
 * Who compiles looks through the whole folder for databases to use again (image_old.c): what lies there costs each
 * compile and each reload its time.  An image's time is that of its last use.
 */
#include "detect/detect.h"

#include "base/clock.h"

#include <dirent.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
    KEPT_MOST = 1000,
    LOOKED_MOST = 1 << 20,
    LEFT_S = 86400, /* what a compile that was killed left behind */
};
#define KEPT_BYTES (4ull << 30)

struct cached {
    uint64_t at_ns, bytes;
    char name[64];
};
struct cache_list {
    struct cached *v;
    size_t n, room;
};

static bool list_add(struct cache_list *l, const char *name, const struct stat *st)
{
    if (l->n == l->room) {
        size_t room = l->room ? l->room * 2 : 256;
        struct cached *v = l->n < LOOKED_MOST ? realloc(l->v, room * sizeof(*v)) : NULL;
        if (!v)
            return false;
        l->v = v;
        l->room = room;
    }
    struct cached *c = &l->v[l->n++];
    c->at_ns = (uint64_t)st->st_mtim.tv_sec * NS_PER_SEC + (uint64_t)st->st_mtim.tv_nsec;
    c->bytes = (uint64_t)st->st_size;
    memcpy(c->name, name, strlen(name) + 1);
    return true;
}

static int newest_first(const void *a, const void *b)
{
    const struct cached *x = a, *y = b;
    return x->at_ns > y->at_ns ? -1 : x->at_ns < y->at_ns;
}

/* Images to the list; what never became one goes. */
static void look(DIR *d, struct cache_list *l, uint64_t now_s)
{
    for (struct dirent *e; (e = readdir(d));) {
        size_t n = strlen(e->d_name);
        struct stat st;
        if (strncmp(e->d_name, "rules-", 6) || !strstr(e->d_name, ".image") || n >= sizeof(l->v->name) ||
            fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode))
            continue;
        bool whole = !strcmp(e->d_name + n - 6, ".image");
        if (!whole && (uint64_t)st.st_mtime + LEFT_S <= now_s)
            (void)unlinkat(dirfd(d), e->d_name, 0);
        if (whole && !list_add(l, e->d_name, &st))
            return;
    }
}

void image_cache_prune(const char *dir, uint64_t max_age_s, uint64_t now_s, unsigned most)
{
    struct cache_list l = {0};
    DIR *d = opendir(dir);
    if (!d)
        return;
    look(d, &l, now_s);
    if (l.n)
        qsort(l.v, l.n, sizeof(*l.v), newest_first);
    uint64_t bytes = 0;
    unsigned gone = 0;
    for (size_t i = 0; i < l.n && gone < most; i++) {
        bytes += l.v[i].bytes;
        bool old = max_age_s && l.v[i].at_ns / NS_PER_SEC + max_age_s <= now_s;
        if (old || i >= KEPT_MOST || (i && bytes > KEPT_BYTES))
            gone += !unlinkat(dirfd(d), l.v[i].name, 0);
    }
    free(l.v);
    closedir(d);
}
