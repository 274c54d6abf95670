/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Texts of the image: messages, references and metadata repeat thousands of times and stand there once; rules'
 * own texts are packed in blocks.
 */
#include "detect/image_build.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { SPAN_SLOTS_FIRST = 1 << 12 };

/* ------------------------------------------------------------------ spans */

static bool span_grow(struct span_table *t, const uint8_t *section, size_t element)
{
    uint32_t slots = t->slots ? t->slots * 2 : SPAN_SLOTS_FIRST;
    struct img_text *to = calloc(slots, sizeof(*to));
    if (!to)
        return false;
    for (uint32_t k = 0; k < t->slots; k++) {
        if (!t->slot[k].n)
            continue;
        uint64_t h = hash_bytes(section + t->slot[k].at * element, t->slot[k].n * element, 0);
        while (to[h & (slots - 1)].n)
            h++;
        to[h & (slots - 1)] = t->slot[k];
    }
    free(t->slot);
    t->slot = to;
    t->slots = slots;
    return true;
}

/* The slot of an equal span, or the free one where it belongs; NULL: no memory. */
static struct img_text *span_find(struct builder *b, struct span_table *t, enum image_section s, size_t element,
                                  const void *p, uint32_t n)
{
    if (t->used * 2 >= t->slots && !span_grow(t, b->sec[s].p, element)) {
        b->failed = true;
        return NULL;
    }
    for (uint64_t h = hash_bytes(p, n * element, 0);; h++) {
        struct img_text *x = &t->slot[h & (t->slots - 1)];
        if (!x->n || (x->n == n && !memcmp(b->sec[s].p + x->at * element, p, n * element)))
            return x;
    }
}

struct img_text build_text(struct builder *b, struct str s)
{
    struct img_text none = {0, 0};
    struct img_text *x = s.n ? span_find(b, &b->text, SEC_DATA, 1, s.p, s.n) : NULL;
    if (!x)
        return none;
    if (!x->n) {
        *x = (struct img_text){(uint32_t)b->sec[SEC_DATA].n, s.n};
        sbuf_put(&b->sec[SEC_DATA], s.p, s.n);
        b->text.used++;
    }
    return b->sec[SEC_DATA].failed ? none : *x;
}

uint32_t build_run(struct builder *b, uint32_t first)
{
    struct sbuf *sec = &b->sec[SEC_TEXTS];
    size_t element = sizeof(struct img_text);
    uint32_t n = build_count(b, SEC_TEXTS, element) - first;
    struct img_text *x = n ? span_find(b, &b->run, SEC_TEXTS, element, sec->p + first * element, n) : NULL;
    if (!x)
        return 0;
    if (!x->n) {
        *x = (struct img_text){first, n};
        b->run.used++;
    } else {
        sec->n = first * element;
    }
    return x->at;
}

/* ------------------------------------------------------------------ packed */

static void pack_block(struct builder *b)
{
    struct img_packed p = {.at = build_count(b, SEC_PACKED_DATA, 1), .n = (uint32_t)b->pack.n};
    struct sbuf *to = &b->sec[SEC_PACKED_DATA];
    uLongf n = compressBound(b->pack.n);
    if (!b->pack.n)
        return;
    if (!sbuf_room(to, n) || compress2(to->p + to->n, &n, b->pack.p, b->pack.n, Z_BEST_SPEED) != Z_OK) {
        b->failed = true;
        return;
    }
    to->n += n;
    build_flush(b, SEC_PACKED_DATA);
    p.packed = (uint32_t)n;
    build_put(b, SEC_PACKED, &p, sizeof(p), 1);
    sbuf_clear(&b->pack);
}

void build_rule_text(struct builder *b, struct str s, struct rule_fact *o)
{
    if (s.n > PACKED_MOST)
        s = str_first(s, PACKED_MOST);
    if (b->pack.n && b->pack.n + s.n > PACKED_BLOCK)
        pack_block(b);
    o->text_block = build_count(b, SEC_PACKED, sizeof(struct img_packed));
    o->text = (struct img_text){(uint32_t)b->pack.n, s.n};
    o->text_hash = hash_bytes(s.p, s.n, 0);
    sbuf_put(&b->pack, s.p, s.n);
    if (b->pack.failed)
        b->failed = true;
}

void build_texts_end(struct builder *b)
{
    pack_block(b);
    sbuf_done(&b->pack);
}

void build_texts_init(struct builder *b)
{
    sbuf_init(&b->pack);
    sbuf_byte(&b->sec[SEC_DATA], 0); /* offset 0 means an empty text */
}

void build_texts_done(struct builder *b)
{
    free(b->text.slot);
    free(b->run.slot);
    b->text = b->run = (struct span_table){0};
    sbuf_done(&b->pack);
}
