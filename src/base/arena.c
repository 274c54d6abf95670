/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bump allocation.  Chunks hang in a list, newest ordinary one first; an allocation larger than a
 * chunk gets a chunk of its own behind the first, so that the free part of the first stays in use.
 */
#include "base/arena.h"

#include <malloc.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct arena_chunk {
    struct arena_chunk *next;
    size_t bytes; /* as taken from malloc, header included */
    CACHE_ALIGNED uint8_t data[];
};

enum { ARENA_ALIGN = 16, ARENA_CHUNK = 4096 };

void arena_init(struct arena *a, size_t chunk_bytes, size_t cap_bytes)
{
    *a = (struct arena){.chunk_bytes = chunk_bytes ? chunk_bytes : ARENA_CHUNK,
                        .cap_bytes = cap_bytes};
}

static void chunks_free(struct arena_chunk *c)
{
    while (c) {
        struct arena_chunk *next = c->next;
        free(c);
        c = next;
    }
}

void arena_done(struct arena *a)
{
    chunks_free(a->first);
    arena_init(a, a->chunk_bytes, a->cap_bytes);
}

void arena_reset(struct arena *a)
{
    struct arena_chunk *c = a->first;
    if (!c)
        return;
    /* A chunk of extraordinary size isn't worth keeping: it may be that of one hostile packet. */
    if (c->bytes > sizeof(*c) + a->chunk_bytes) {
        chunks_free(c);
        a->first = NULL;
        a->at = a->end = NULL;
        a->used_bytes = 0;
        return;
    }
    chunks_free(c->next);
    c->next = NULL;
    a->used_bytes = c->bytes;
    a->at = c->data;
    a->end = (uint8_t *)c + c->bytes;
}

static struct arena_chunk *chunk_new(struct arena *a, size_t payload)
{
    size_t bytes = sizeof(struct arena_chunk) + payload;
    if (bytes < payload || (a->cap_bytes && bytes > a->cap_bytes - a->used_bytes)) {
        a->refused++;
        return NULL;
    }
    struct arena_chunk *c = aligned_alloc(CACHE_LINE, (bytes + CACHE_LINE - 1) & ~(size_t)63);
    if (!c) {
        a->refused++;
        return NULL;
    }
    c->bytes = bytes;
    a->used_bytes += bytes;
    return c;
}

static void *alloc_slow(struct arena *a, size_t n)
{
    bool own = n > a->chunk_bytes / 4;
    struct arena_chunk *c = chunk_new(a, own && n > a->chunk_bytes ? n : a->chunk_bytes);
    if (!c)
        return NULL;
    if (n > a->chunk_bytes && a->first) {
        c->next = a->first->next;
        a->first->next = c;
        return c->data;
    }
    c->next = a->first;
    a->first = c;
    a->at = c->data + n;
    a->end = (uint8_t *)c + c->bytes;
    return c->data;
}

void *arena_alloc_raw(struct arena *a, size_t n)
{
    if (n > SIZE_MAX / 2) {
        a->refused++;
        return NULL;
    }
    n = (n + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
    if (!n)
        n = ARENA_ALIGN;
    if ((size_t)(a->end - a->at) >= n) {
        void *p = a->at;
        a->at += n;
        return p;
    }
    return alloc_slow(a, n);
}

void *arena_alloc(struct arena *a, size_t n)
{
    void *p = arena_alloc_raw(a, n);
    if (p)
        memset(p, 0, n);
    return p;
}

struct str arena_dup(struct arena *a, const void *p, size_t n)
{
    if (n >= UINT32_MAX)
        return (struct str){NULL, 0};
    uint8_t *to = arena_alloc_raw(a, n + 1);
    if (!to)
        return (struct str){NULL, 0};
    if (n)
        memcpy(to, p, n);
    to[n] = 0;
    return str_of(to, n);
}

struct str arena_printf(struct arena *a, const char *fmt, ...)
{
    va_list args, again;
    va_start(args, fmt);
    va_copy(again, args);
    int n = vsnprintf(NULL, 0, fmt, args);
    va_end(args);
    struct str s = {NULL, 0};
    char *to = n < 0 ? NULL : arena_alloc_raw(a, (size_t)n + 1);
    if (to) {
        vsnprintf(to, (size_t)n + 1, fmt, again);
        s = str_of(to, (size_t)n);
    }
    va_end(again);
    return s;
}

void memory_trim(void)
{
#ifdef __GLIBC__
    malloc_trim(0);
#endif
}

void memory_sparse(void)
{
#ifdef __GLIBC__
    (void)mallopt(M_MMAP_THRESHOLD, 1 << 16);
    (void)mallopt(M_TRIM_THRESHOLD, 1 << 16);
#endif
}
