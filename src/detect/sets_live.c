/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What rules put into data sets and took out: beside the image's list, by name and type, so that it
 * outlives a change of the image.  One lock a set; an open hash over entries in the order in which
 * they came, keys in one block of bytes; all of it within the set's memcap.
 */
#include "detect/match.h"

#include "base/hash.h"
#include "base/sbuf.h"

#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct live_entry {
    uint32_t at, n; /* of the key, in data */
    uint32_t hash;
    uint8_t what; /* enum live_what */
};
struct live_set {
    struct live_set *next;
    pthread_mutex_t lock;
    uint64_t name, seed, cap_bytes, refused;
    uint64_t changes, saved; /* so many, and how many of them the file has */
    uint8_t type;
    struct live_entry *e;
    uint32_t n, room;
    uint32_t *slot; /* + 1 */
    uint32_t slots;
    struct sbuf data;
};

struct live_set *state_set(struct state *s, struct str name, uint8_t type, uint64_t cap_bytes)
{
    uint64_t h = hash_bytes(name.p, name.n, 0);
    struct live_sets *all = state_sets(s);
    struct live_set *l;
    pthread_mutex_lock(&all->lock);
    for (l = all->first; l && (l->name != h || l->type != type); l = l->next)
        ;
    if (!l && (l = calloc(1, sizeof(*l)))) {
        l->name = h;
        l->type = type;
        if (random_bytes(&l->seed, sizeof(l->seed)))
            l->seed = h;
        pthread_mutex_init(&l->lock, NULL);
        sbuf_init(&l->data);
        l->next = all->first;
        all->first = l;
    }
    if (l)
        l->cap_bytes = cap_bytes;
    pthread_mutex_unlock(&all->lock);
    return l;
}

void live_sets_free(struct live_set *l)
{
    while (l) {
        struct live_set *next = l->next;
        pthread_mutex_destroy(&l->lock);
        free(l->e);
        free(l->slot);
        sbuf_done(&l->data);
        free(l);
        l = next;
    }
}

/* The entry, or the free slot where it would stand. */
static struct live_entry *find(const struct live_set *l, struct str key, uint32_t hash,
                               uint32_t *at)
{
    *at = l->slots ? hash & (l->slots - 1) : 0;
    while (l->slots && l->slot[*at]) {
        struct live_entry *e = &l->e[l->slot[*at] - 1];
        if (e->hash == hash && e->n == key.n && !memcmp(l->data.p + e->at, key.p, key.n))
            return e;
        *at = (*at + 1) & (l->slots - 1);
    }
    return NULL;
}

static bool grow(struct live_set *l)
{
    uint32_t room = l->room ? l->room * 2 : 64, slots = room * 2;
    if (room < l->room || slots < room)
        return false;
    struct live_entry *e = realloc(l->e, room * sizeof(*e));
    if (e)
        l->e = e;
    uint32_t *slot = e ? calloc(slots, sizeof(*slot)) : NULL;
    if (!slot)
        return false;
    for (uint32_t k = 0; k < l->n; k++) {
        uint32_t at = e[k].hash & (slots - 1);
        while (slot[at])
            at = (at + 1) & (slots - 1);
        slot[at] = k + 1;
    }
    free(l->slot);
    l->slot = slot;
    l->slots = slots;
    l->room = room;
    return true;
}

static struct live_entry *make(struct live_set *l, struct str key, uint32_t hash)
{
    uint32_t at;
    uint64_t bytes =
        (l->n + 1ull) * (sizeof(struct live_entry) + 2 * sizeof(uint32_t)) + l->data.n + key.n;
    if (bytes > l->cap_bytes || (l->n == l->room && !grow(l)) || l->data.n + key.n > UINT32_MAX ||
        !sbuf_room(&l->data, key.n)) {
        l->refused++;
        return NULL;
    }
    (void)find(l, key, hash, &at);
    struct live_entry *e = &l->e[l->n++];
    *e = (struct live_entry){.at = (uint32_t)l->data.n, .n = key.n, .hash = hash};
    sbuf_put(&l->data, key.p, key.n);
    l->slot[at] = l->n;
    return e;
}

enum live_what live_get(struct state *s, struct live_set *l, unsigned worker, uint64_t number,
                        struct str key)
{
    uint32_t at, hash = (uint32_t)hash_bytes(key.p, key.n, l->seed);
    state_enter(s, worker, number);
    pthread_mutex_lock(&l->lock);
    const struct live_entry *e = find(l, key, hash, &at);
    enum live_what w = e ? (enum live_what)e->what : LIVE_UNKNOWN;
    pthread_mutex_unlock(&l->lock);
    return w;
}

bool live_put(struct state *s, struct live_set *l, unsigned worker, uint64_t number, struct str key,
              bool in, bool image)
{
    uint32_t at, hash = (uint32_t)hash_bytes(key.p, key.n, l->seed);
    state_enter(s, worker, number);
    pthread_mutex_lock(&l->lock);
    struct live_entry *e = find(l, key, hash, &at);
    bool was = e ? e->what == LIVE_IN : image;
    if (was != in && !e)
        e = make(l, key, hash);
    bool done = was != in && e;
    if (done) {
        e->what = in ? LIVE_IN : LIVE_OUT;
        l->changes++;
    }
    pthread_mutex_unlock(&l->lock);
    return done;
}

static void each(const struct live_set *l, void (*f)(void *ctx, struct str key, enum live_what what), void *ctx)
{
    for (uint32_t k = 0; k < l->n; k++)
        f(ctx, str_of(l->data.p + l->e[k].at, l->e[k].n), (enum live_what)l->e[k].what);
}

void live_each(struct live_set *l, void (*f)(void *ctx, struct str key, enum live_what what),
               void *ctx)
{
    pthread_mutex_lock(&l->lock);
    each(l, f, ctx);
    pthread_mutex_unlock(&l->lock);
}

/* ------------------------------------------------------------------ kept in files */

struct saving {
    const struct image *image;
    const struct img_set *set;
    struct sbuf out;
};

static void line_put(struct saving *w, struct str key)
{
    char text[IP_TEXT];
    struct ip_addr a;
    switch ((enum listed_type)w->set->type) {
    case LISTED_STRING:
        sbuf_base64(&w->out, key.p, key.n);
        break;
    case LISTED_IPV4:
        a = ip_from_v4(key.p);
        sbuf_cstr(&w->out, ip_format(&a, 4, text));
        break;
    case LISTED_IP:
    case LISTED_IPV6:
        a = ip_from_v6(key.p);
        sbuf_cstr(&w->out, ip_format(&a, 6, text));
        break;
    case LISTED_MD5:
    case LISTED_SHA1:
    case LISTED_SHA256:
        sbuf_hex(&w->out, key.p, key.n);
        break;
    }
    sbuf_byte(&w->out, '\n');
}

static void live_line(void *ctx, struct str key, enum live_what what)
{
    if (what == LIVE_IN)
        line_put(ctx, key);
}

static int write_whole(const char *path, const struct sbuf *b)
{
    char tmp[4300];
    snprintf(tmp, sizeof(tmp), "%s.%ld.tmp", path, (long)getpid());
    int fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644),
        rc = fd < 0 ? -errno : 0;
    for (size_t at = 0; !rc && at < b->n;) {
        ssize_t k = write(fd, b->p + at, b->n - at);
        if (k < 0 && errno != EINTR)
            rc = -errno;
        else if (k > 0)
            at += (size_t)k;
    }
    if (!rc && fsync(fd))
        rc = -errno;
    if (fd >= 0 && close(fd) && !rc)
        rc = -errno;
    if (!rc && rename(tmp, path))
        rc = -errno;
    if (rc && fd >= 0)
        unlink(tmp);
    return rc;
}

/* The image's entries first, but for those taken out; then what came, in its order. */
static int set_save(struct state *s, const struct image *i, const struct img_set *set,
                    const char *path)
{
    struct saving w = {.image = i, .set = set};
    struct live_set *l =
        set->changes ? state_set(s, img_str(i, set->name), set->type, set->memcap_bytes) : NULL;
    if (set->changes && !l)
        return -ENOMEM;
    sbuf_init(&w.out);
    if (l)
        pthread_mutex_lock(&l->lock);
    uint64_t changes = l ? l->changes : 0;
    for (uint32_t k = 0; k < set->n; k++) {
        struct str key = img_str(i, i->set_entries[set->first + k].key);
        uint32_t at;
        if (!l || !find(l, key, (uint32_t)hash_bytes(key.p, key.n, l->seed), &at))
            line_put(&w, key);
    }
    if (l) {
        each(l, live_line, &w);
        pthread_mutex_unlock(&l->lock);
    }
    int rc = w.out.failed ? -ENOMEM : write_whole(path, &w.out);
    if (l && !rc)
        l->saved = changes;
    sbuf_done(&w.out);
    return rc;
}

/* Folders in the name, as far as they are missing. */
static void folders(char *path)
{
    for (char *s = strchr(path + 1, '/'); s; s = strchr(s + 1, '/')) {
        *s = 0;
        (void)mkdir(path, 0755);
        *s = '/';
    }
}

/* Rules have changed it since it was written. */
static bool is_newer(struct state *s, const struct image *i, const struct img_set *set)
{
    struct live_set *l = set->changes ? state_set(s, img_str(i, set->name), set->type, set->memcap_bytes) : NULL;
    if (!l)
        return false;
    pthread_mutex_lock(&l->lock);
    bool newer = l->changes != l->saved;
    pthread_mutex_unlock(&l->lock);
    return newer;
}

int state_save(struct state *s, const struct image *i, const char *dir, bool newer, struct diags *d)
{
    int first = 0;
    for (uint64_t k = 0; k < img_count(i, SEC_SETS); k++) {
        const struct img_set *set = &i->sets[k];
        struct str name = img_str(i, set->save);
        char path[4200];
        if (!name.n || (newer && !is_newer(s, i, set)))
            continue;
        int n = name.p[0] == '/' ? snprintf(path, sizeof(path), STR_FMT, STR_ARG(name))
                                 : snprintf(path, sizeof(path), "%s/" STR_FMT,
                                            dir && *dir ? dir : ".", STR_ARG(name));
        int rc = n > 0 && (size_t)n < sizeof(path) ? 0 : -ENAMETOOLONG;
        if (!rc) {
            folders(path);
            rc = set_save(s, i, set, path);
        }
        if (!rc)
            continue;
        struct str own = arena_dup(d->arena, path, strlen(path));
        diag_add(d, DIAG_ERROR, (const char *)own.p, 0, 0, "data-dir tells the folder",
                 "a data set can't be saved: %s", strerror(-rc));
        first = first ? first : rc;
    }
    return first;
}
