/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Frames: their memory, the stores, fill and completion rings (area.h). */
#include "capture/xdp/area.h"

#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/utsname.h>

enum { LEAST = 256, SPINS = 1000, FILL_STEP = 64 };

bool xdp_in_parts(void)
{
    struct utsname u;
    if (uname(&u))
        return false;
    char *end;
    unsigned long major = strtoul(u.release, &end, 10),
                  minor = *end == '.' ? strtoul(end + 1, NULL, 10) : 0;
    return major > 6 || (major == 6 && minor >= 6);
}

struct xdp_area *xdp_area_new(int fd, const struct xdp_frames *f, unsigned n_queues)
{
    struct xdp_area *a =
        aligned_alloc(CACHE_LINE, (sizeof(*a) + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);
    if (!a || f->bytes / f->chunk < LEAST) {
        free(a);
        return NULL;
    }
    memset(a, 0, sizeof(*a));
    a->n = (uint32_t)(f->bytes / f->chunk);
    a->bytes = (size_t)a->n * f->chunk;
    a->chunk_log = (unsigned)__builtin_ctz(f->chunk);
    a->reserve = a->n / 32;
    a->n_queues = n_queues;
    a->free = calloc(a->n, sizeof(*a->free));
    a->mem = mmap(NULL, a->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (!a->free || a->mem == MAP_FAILED) {
        a->mem = a->mem == MAP_FAILED ? NULL : a->mem;
        xdp_area_free(a);
        return NULL;
    }
    /* The last taken first: lower ones are used again and again. */
    for (uint32_t i = 0; i < a->n; i++)
        a->free[i] = a->n - 1 - i;
    atomic_store_explicit(&a->n_free, a->n, memory_order_relaxed);
    return a;
}

static void unmap(struct xring *r)
{
    if (r->map)
        munmap(r->map, r->map_bytes);
}

void xdp_area_free(struct xdp_area *a)
{
    for (unsigned i = 0; i < a->n_queues; i++) {
        unmap(&a->queue[i].fill);
        unmap(&a->queue[i].done);
    }
    if (a->mem)
        munmap(a->mem, a->bytes);
    free(a->free);
    free(a);
}

/* ------------------------------------------------------------------ stores */

static void lock(atomic_flag *f)
{
    /* Workers may share a core: who holds it must get his turn. */
    for (unsigned k = 1; atomic_flag_test_and_set_explicit(f, memory_order_acquire); k++)
        if (k % SPINS == 0)
            (void)sched_yield();
}
static bool try_lock(atomic_flag *f)
{
    return !atomic_flag_test_and_set_explicit(f, memory_order_acquire);
}
static void unlock(atomic_flag *f)
{
    atomic_flag_clear_explicit(f, memory_order_release);
}

static void give_back(struct xdp_store *s, uint32_t n)
{
    struct xdp_area *a = s->area;
    lock(&a->busy);
    uint32_t free = atomic_load_explicit(&a->n_free, memory_order_relaxed);
    n = u32_min(n, a->n - free); /* never more than there are */
    memcpy(a->free + free, s->frame + s->n - n, n * sizeof(*s->frame));
    atomic_store_explicit(&a->n_free, free + n, memory_order_relaxed);
    unlock(&a->busy);
    s->n -= n;
}

static void take(struct xdp_store *s, uint32_t want, uint32_t keep)
{
    struct xdp_area *a = s->area;
    if (atomic_load_explicit(&a->n_free, memory_order_relaxed) <= keep)
        return;
    lock(&a->busy);
    uint32_t free = atomic_load_explicit(&a->n_free, memory_order_relaxed);
    uint32_t n = free > keep ? u32_min(want, free - keep) : 0;
    memcpy(s->frame + s->n, a->free + free - n, n * sizeof(*s->frame));
    atomic_store_explicit(&a->n_free, free - n, memory_order_relaxed);
    unlock(&a->busy);
    s->n += n;
}

void xdp_store_init(struct xdp_store *s, struct xdp_area *a, unsigned workers)
{
    s->area = a;
    s->n = 0;
    s->cap = u32_max(u32_min(XDP_STORE, a->n / (4 * u32_max(workers, 1))), 2);
}

bool xdp_store_get(struct xdp_store *s, uint32_t keep, uint32_t *frame)
{
    if (!s->n)
        take(s, u32_max(s->cap / 2, 1), keep);
    if (!s->n)
        return false;
    *frame = s->frame[--s->n];
    return true;
}

void xdp_store_put(struct xdp_store *s, uint32_t frame)
{
    if (s->n >= s->cap)
        give_back(s, u32_max(s->cap / 2, 1));
    if (s->n < s->cap)
        s->frame[s->n++] = frame;
}

void xdp_store_done(struct xdp_store *s)
{
    give_back(s, s->n);
}

/* ------------------------------------------------------------------ a queue's rings */

void xdp_queue_reclaim(struct xdp_store *s, struct xdp_queue *q)
{
    if (!try_lock(&q->done_busy))
        return;
    uint32_t n = xring_waiting(&q->done, q->done.size);
    for (uint32_t i = 0; i < n; i++)
        xdp_store_put(s, xdp_frame(s->area, xring_take(&q->done)));
    if (n)
        xring_tell(&q->done);
    unlock(&q->done_busy);
}

void xdp_queue_fill(struct xdp_store *s, struct xdp_queue *q)
{
    if (!try_lock(&q->fill_busy))
        return;
    uint32_t room = xring_room(&q->fill, q->fill.size), n = 0, frame;
    if (room < u32_min(FILL_STEP, q->fill.size))
        room = 0; /* some at a time */
    for (; n < room && xdp_store_get(s, s->area->reserve, &frame); n++)
        xring_put(&q->fill, xdp_addr(s->area, frame));
    if (n)
        xring_tell(&q->fill);
    unlock(&q->fill_busy);
}
