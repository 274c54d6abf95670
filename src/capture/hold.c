/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Held frames: table, heap of deadlines, blocks for copies (hold.h). */
#include "capture/hold.h"

#include <stdlib.h>
#include <string.h>

#define NONE UINT32_MAX
static const uint32_t class_bytes[HOLD_CLASSES] = {2048, 16 * 1024, 72 * 1024, 264 * 1024};

void hold_init(struct hold *h, uint64_t cap_bytes)
{
    memset(h, 0, sizeof *h);
    h->cap_bytes = cap_bytes ? cap_bytes : HOLD_CAP_DEFAULT;
    h->free = NONE;
}

void hold_done(struct hold *h)
{
    for (uint32_t i = 0; i < h->slots; i++)
        if (h->slot[i].at != NONE)
            free((void *)(uintptr_t)h->slot[i].frame.data);
    for (unsigned c = 0; c < HOLD_CLASSES; c++)
        while (h->blocks[c]) {
            struct hold_block *b = h->blocks[c];
            h->blocks[c] = b->next;
            free(b);
        }
    free(h->slot);
    free(h->heap);
    hold_init(h, h->cap_bytes);
}

static bool sooner(const struct hold *h, uint32_t a, uint32_t b)
{
    const struct hold_slot *x = &h->slot[a], *y = &h->slot[b];
    return x->until_ns != y->until_ns ? x->until_ns < y->until_ns : x->seq < y->seq;
}
static void place(struct hold *h, uint32_t at, uint32_t slot)
{
    h->heap[at] = slot;
    h->slot[slot].at = at;
}
static void heap_up(struct hold *h, uint32_t at, uint32_t slot)
{
    while (at && sooner(h, slot, h->heap[(at - 1) / 2])) {
        place(h, at, h->heap[(at - 1) / 2]);
        at = (at - 1) / 2;
    }
    place(h, at, slot);
}
static void heap_down(struct hold *h, uint32_t at, uint32_t slot)
{
    for (uint32_t kid; (kid = 2 * at + 1) < h->n; at = kid) {
        if (kid + 1 < h->n && sooner(h, h->heap[kid + 1], h->heap[kid]))
            kid++;
        if (!sooner(h, h->heap[kid], slot))
            break;
        place(h, at, h->heap[kid]);
    }
    place(h, at, slot);
}

/* The tables double; a slot costs about 100 bytes, which the cap on copies bounds as well. */
static bool grow(struct hold *h)
{
    uint32_t n = h->slots ? h->slots * 2 : 64;
    struct hold_slot *slot = realloc(h->slot, n * sizeof *slot);
    if (!slot)
        return false;
    h->slot = slot;
    uint32_t *heap = realloc(h->heap, n * sizeof *heap);
    if (!heap)
        return false;
    h->heap = heap;
    memset(slot + h->slots, 0, (n - h->slots) * sizeof *slot);
    for (uint32_t i = n; i-- > h->slots;) {
        slot[i].at = NONE;
        slot[i].next = h->free;
        h->free = i;
    }
    h->slots = n;
    return true;
}

static void *block_take(struct hold *h, unsigned class_)
{
    struct hold_block *b = h->blocks[class_];
    if (!b)
        return malloc(class_bytes[class_]);
    h->blocks[class_] = b->next;
    return b;
}

uint64_t hold_put(struct hold *h, const struct frame *f, uint64_t until_ns)
{
    unsigned c = 0;
    while (c < HOLD_CLASSES && f->len > class_bytes[c])
        c++;
    if (c == HOLD_CLASSES || class_bytes[c] > h->cap_bytes - h->bytes)
        return 0;
    if (h->free == NONE && !grow(h))
        return 0;
    uint8_t *copy = block_take(h, c);
    if (!copy)
        return 0;
    if (f->len)
        memcpy(copy, f->data, f->len);
    uint32_t i = h->free;
    struct hold_slot *s = &h->slot[i];
    h->free = s->next;
    s->frame = *f;
    s->frame.data = copy;
    s->frame.slot = NULL;
    s->until_ns = until_ns;
    s->seq = h->seq++;
    s->class_ = (uint8_t)c;
    s->generation++;
    h->bytes += class_bytes[c];
    heap_up(h, h->n++, i);
    return (uint64_t)s->generation << 32 | (i + 1u);
}

struct hold_slot *hold_find(struct hold *h, uint64_t id)
{
    uint32_t i = (uint32_t)id - 1;
    if (!id || i >= h->slots)
        return NULL;
    struct hold_slot *s = &h->slot[i];
    return s->at != NONE && s->generation == id >> 32 ? s : NULL;
}

struct hold_slot *hold_first(struct hold *h)
{
    return h->n ? &h->slot[h->heap[0]] : NULL;
}

void hold_drop(struct hold *h, struct hold_slot *s)
{
    uint32_t at = s->at, last = h->heap[--h->n];
    if (at < h->n) {
        if (at && sooner(h, last, h->heap[(at - 1) / 2]))
            heap_up(h, at, last);
        else
            heap_down(h, at, last);
    }
    struct hold_block *b = (void *)(uintptr_t)s->frame.data;
    b->next = h->blocks[s->class_];
    h->blocks[s->class_] = b;
    h->bytes -= class_bytes[s->class_];
    s->at = NONE;
    s->next = h->free;
    h->free = (uint32_t)(s - h->slot);
}
