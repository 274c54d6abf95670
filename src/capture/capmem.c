/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A capture over an array of frames, for tests of everything behind captures. */
#include <stdlib.h>

#include "capture/impl.h"

struct capmem {
    struct capture base;
    const struct frame *frames;
    size_t n, next;
    void (*left)(void *ctx, const struct frame *f);
    void *ctx;
};

static enum capture_state mem_recv(struct capture *base, struct burst *b, int wait_ms UNUSED)
{
    struct capmem *c = (struct capmem *)base;
    while (b->n < BURST_MAX && c->next < c->n) {
        struct frame *f = &b->frame[b->n++];
        *f = c->frames[c->next++];
        if (!f->number)
            f->number = c->next;
    }
    if (!b->n)
        return CAPTURE_END;
    b->now_ns = b->frame[b->n - 1].ts_ns;
    return CAPTURE_MORE;
}

static bool mem_leave(struct capture *base, const struct frame *f)
{
    struct capmem *c = (struct capmem *)base;
    if (c->left)
        c->left(c->ctx, f);
    return true;
}

static void mem_close(struct capture *base)
{
    capture_base_done(base);
    free(base);
}

static const struct capture_ops mem_ops = {
    .recv = mem_recv, .leave = mem_leave, .close = mem_close};

struct capture *capture_mem_open(const struct frame *frames, size_t n, uint64_t hold_cap_bytes,
                                 void (*left)(void *ctx, const struct frame *f), void *ctx)
{
    struct capmem *c = calloc(1, sizeof *c);
    if (!c)
        return NULL;
    capture_base_init(&c->base, &mem_ops, hold_cap_bytes);
    c->frames = frames;
    c->n = n;
    c->left = left;
    c->ctx = ctx;
    return &c->base;
}
