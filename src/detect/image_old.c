/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Databases from images of before: a changed rule changes one or two sets of patterns, the others stand in the newest
 * images of the cache, by exactly the same literals.  A file counts under the conditions of image_open_cached; it is
 * read piece by piece, not mapped: what isn't needed takes no memory.
 */
#include "detect/image_build.h"

#include "base/hash.h"

#include <dirent.h>
#include <fcntl.h>
#include <hs.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { OLD_IMAGES = 2, OLD_GROUPS_MOST = 1 << 16 };

struct old_image {
    int fd;
    struct img_header h;
    struct img_group *group;
    struct img_pattern *pattern;
    uint8_t *data;
    uint64_t n_group, n_pattern, n_data, n_dbs;
};
struct old_images {
    struct old_image image[OLD_IMAGES];
    unsigned n;
};

uint64_t pattern_set_hash(const struct img_pattern *p, uint32_t n, const uint8_t *data)
{
    uint64_t h = n;
    for (uint32_t k = 0; k < n; k++)
        h = hash_bytes(data + p[k].bytes.at, p[k].bytes.n, h + p[k].nocase);
    return h;
}

bool pattern_set_same(const struct img_pattern *a, const uint8_t *a_data, const struct img_pattern *b,
                      const uint8_t *b_data, uint32_t n)
{
    for (uint32_t k = 0; k < n; k++)
        if (a[k].nocase != b[k].nocase || a[k].bytes.n != b[k].bytes.n ||
            memcmp(a_data + a[k].bytes.at, b_data + b[k].bytes.at, a[k].bytes.n))
            return false;
    return true;
}

static bool read_at(int fd, void *p, uint64_t n, uint64_t at)
{
    uint8_t *to = p;
    while (n) {
        ssize_t got = pread(fd, to, n, (off_t)at);
        if (got <= 0)
            return false;
        to += got;
        at += (uint64_t)got;
        n -= (uint64_t)got;
    }
    return true;
}

static bool sum_right(const struct old_image *o)
{
    uint8_t *block = malloc(IMAGE_SUM_BLOCK);
    uint64_t sum = 0, n;
    bool ok = block != NULL;
    for (uint64_t at = sizeof(o->h); ok && at < o->h.size; at += n) {
        n = o->h.size - at < IMAGE_SUM_BLOCK ? o->h.size - at : IMAGE_SUM_BLOCK;
        ok = read_at(o->fd, block, n, at);
        if (ok)
            sum = image_sum(block, n, sum);
    }
    free(block);
    return ok && image_sum_header(&o->h, sum) == o->h.checksum;
}

static void *section(const struct old_image *o, enum image_section s, uint64_t *n)
{
    size_t bytes = o->h.sec[s].n * image_section_size(s);
    void *p = malloc(bytes + 1);
    *n = o->h.sec[s].n;
    if (p && !read_at(o->fd, p, bytes, o->h.sec[s].at)) {
        free(p);
        p = NULL;
    }
    return p;
}

static bool consistent(const struct old_image *o)
{
    for (uint64_t k = 0; k < o->n_pattern; k++)
        if (o->pattern[k].bytes.at > o->n_data || o->pattern[k].bytes.n > o->n_data - o->pattern[k].bytes.at)
            return false;
    for (uint64_t k = 0; k < o->n_group; k++)
        for (unsigned s = 0; s < 2; s++) {
            const struct img_group *g = &o->group[k];
            if (!g->n[s])
                continue;
            if (g->first[s] > o->n_pattern || g->n[s] > o->n_pattern - g->first[s] || g->db_at[s] > o->n_dbs ||
                g->db_bytes[s] > o->n_dbs - g->db_at[s])
                return false;
        }
    return o->n_group <= OLD_GROUPS_MOST;
}

static void old_done(struct old_image *o)
{
    if (o->fd >= 0)
        close(o->fd);
    free(o->group);
    free(o->pattern);
    free(o->data);
}

static bool old_open(struct old_image *o, int dir, const char *name)
{
    struct stat st;
    *o = (struct old_image){.fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK)};
    bool ok = o->fd >= 0 && !image_foreign(o->fd) && !fstat(o->fd, &st) && st.st_size >= (off_t)sizeof(o->h) &&
              read_at(o->fd, &o->h, sizeof(o->h), 0) && !image_header_wrong(&o->h, (size_t)st.st_size) && sum_right(o);
    if (ok) {
        o->group = section(o, SEC_GROUPS, &o->n_group);
        o->pattern = section(o, SEC_PATTERNS, &o->n_pattern);
        o->data = section(o, SEC_DATA, &o->n_data);
        o->n_dbs = o->h.sec[SEC_DBS].n;
        ok = o->group && o->pattern && o->data && consistent(o);
    }
    if (!ok)
        old_done(o);
    return ok;
}

struct found {
    char name[64];
    struct timespec at;
};

static bool newer(const struct found *a, const struct found *b)
{
    if (a->at.tv_sec != b->at.tv_sec)
        return a->at.tv_sec > b->at.tv_sec;
    if (a->at.tv_nsec != b->at.tv_nsec)
        return a->at.tv_nsec > b->at.tv_nsec;
    return strcmp(a->name, b->name) < 0;
}

/* The newest images of the folder, newest first; how many. */
static unsigned newest(DIR *d, struct found found[OLD_IMAGES])
{
    unsigned n = 0;
    for (struct dirent *e; (e = readdir(d));) {
        struct stat st;
        struct found x = {.name = ""};
        size_t len = strlen(e->d_name);
        if (strncmp(e->d_name, "rules-", 6) || len < 12 || strcmp(e->d_name + len - 6, ".image") ||
            len >= sizeof(x.name) || fstatat(dirfd(d), e->d_name, &st, AT_SYMLINK_NOFOLLOW) || !S_ISREG(st.st_mode))
            continue;
        memcpy(x.name, e->d_name, len + 1);
        x.at = st.st_mtim;
        unsigned at = n < OLD_IMAGES ? n : OLD_IMAGES - 1;
        if (n == OLD_IMAGES && !newer(&x, &found[at]))
            continue;
        for (; at && newer(&x, &found[at - 1]); at--)
            found[at] = found[at - 1];
        found[at] = x;
        n += n < OLD_IMAGES;
    }
    return n;
}

struct old_images *old_images_new(const char *dir)
{
    struct found found[OLD_IMAGES];
    DIR *d = opendir(dir);
    struct old_images *o = d ? calloc(1, sizeof(*o)) : NULL;
    unsigned n = o ? newest(d, found) : 0;
    for (unsigned k = 0; k < n; k++)
        o->n += old_open(&o->image[o->n], dirfd(d), found[k].name);
    if (d)
        closedir(d);
    if (o && !o->n) {
        free(o);
        o = NULL;
    }
    return o;
}

void old_images_free(struct old_images *o)
{
    for (unsigned k = 0; o && k < o->n; k++)
        old_done(&o->image[k]);
    free(o);
}

static void *db_read(const struct old_image *o, const struct img_group *g, unsigned s, size_t *bytes)
{
    size_t n = g->db_bytes[s], room = (n + IMAGE_ALIGN - 1) / IMAGE_ALIGN * IMAGE_ALIGN, told = 0;
    void *p = n >= IMAGE_ALIGN ? aligned_alloc(IMAGE_ALIGN, room) : NULL;
    if (p && read_at(o->fd, p, n, o->h.sec[SEC_DBS].at + g->db_at[s]) &&
        hs_database_size(p, &told) == HS_SUCCESS && told == n) {
        *bytes = n;
        return p;
    }
    free(p);
    return NULL;
}

void *old_images_find(struct old_images *o, const struct img_pattern *p, uint32_t n, const uint8_t *data,
                      size_t *bytes)
{
    for (unsigned k = 0; k < o->n; k++) {
        const struct old_image *x = &o->image[k];
        for (uint64_t g = 0; g < x->n_group; g++)
            for (unsigned s = 0; s < 2; s++)
                if (x->group[g].n[s] == n &&
                    pattern_set_same(p, data, x->pattern + x->group[g].first[s], x->data, n))
                    return db_read(x, &x->group[g], s, bytes);
    }
    return NULL;
}
