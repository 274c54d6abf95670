/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine's side: records into the ring.
 *
 * One event is in work: its head, its sections (in `body`) and its tape (in `tape`) lie in buffers
 * of the emitter, which stop growing once they have seen the largest event; event_end puts them
 * into the ring one behind the other.  A record is
 *
 *     struct event | { u32 tag, u32 length, bytes, zeroes up to 8 } ...
 */
#include "event/record.h"

#include <stdlib.h>
#include <string.h>

struct emitter {
    struct emitter_config c;
    struct event head;
    struct sbuf body, tape;
    struct fields fields;
    bool busy, has_fields;
    uint64_t seq, lost, count;
};

struct emitter *emitter_new(const struct emitter_config *c)
{
    struct emitter *e = calloc(1, sizeof(*e));
    if (!e)
        return NULL;
    e->c = *c;
    e->seq = c->first_seq;
    sbuf_init(&e->body);
    sbuf_init(&e->tape);
    return e;
}

void emitter_free(struct emitter *e)
{
    if (!e)
        return;
    sbuf_done(&e->body);
    sbuf_done(&e->tape);
    free(e);
}

struct event *event_begin(struct emitter *e, enum event_type type)
{
    memset(&e->head, 0, sizeof(e->head));
    e->head.type = (uint16_t)type;
    e->head.worker = e->c.worker;
    e->head.vips = e->c.vips;
    e->head.pkt_src = 0xff;
    e->head.dir = 0xff;
    sbuf_clear(&e->body);
    e->has_fields = false;
    e->busy = true;
    return &e->head;
}

struct fields *event_fields(struct emitter *e)
{
    if (!e->has_fields) {
        sbuf_clear(&e->tape);
        fields_init(&e->fields, &e->tape);
        e->has_fields = true;
    }
    return &e->fields;
}

static size_t padded(size_t n)
{
    return (n + 7) & ~(size_t)7;
}

/* Head of a section; returns where its bytes go, the padding is zeroed.  There must be room. */
static uint8_t *section_head(uint8_t *to, uint32_t tag, size_t n)
{
    const struct section_head h = {tag, (uint32_t)n};
    memcpy(to, &h, sizeof(h));
    if (n & 7)
        memset(to + sizeof(h) + padded(n) - 8, 0, 8);
    return to + sizeof(h);
}

void event_section2(struct emitter *e, enum event_section tag, const void *p, uint32_t n,
                    const void *q, uint32_t m)
{
    size_t len = (size_t)n + m, all = sizeof(struct section_head) + padded(len);
    struct sbuf *b = &e->body;
    if (!sbuf_room(b, all))
        return;
    uint8_t *to = section_head(b->p + b->n, tag, len);
    if (n)
        memcpy(to, p, n);
    if (m)
        memcpy(to + n, q, m);
    b->n += all;
}

void event_section(struct emitter *e, enum event_section tag, const void *p, uint32_t n)
{
    event_section2(e, tag, p, n, NULL, 0);
}

static void *reserve(struct emitter *e, size_t size)
{
    if (size > EVENT_MOST)
        return NULL;
    void *to = rec_ring_reserve(e->c.ring, (uint32_t)size);
    if (!to && e->c.full) {
        e->c.full(e->c.ctx);
        to = rec_ring_reserve(e->c.ring, (uint32_t)size);
    }
    return to;
}

bool event_end(struct emitter *e)
{
    assert(e->busy);
    e->busy = false;
    e->head.seq = ++e->seq; /* counted for lost ones too: the gap shows them */
    size_t tape = 0, size = sizeof(e->head) + e->body.n;
    if (e->has_fields) {
        fields_finish(&e->fields);
        tape = e->tape.n;
    }
    if (tape)
        size += sizeof(struct section_head) + padded(tape);
    uint8_t *to = e->body.failed ? NULL : reserve(e, size);
    if (!to) {
        e->lost++;
        return false;
    }
    e->head.size = (uint32_t)size;
    memcpy(to, &e->head, sizeof(e->head));
    to += sizeof(e->head);
    if (tape)
        memcpy(section_head(to, SECTION_FIELDS, tape), e->tape.p, tape);
    if (e->body.n)
        memcpy(to + (tape ? sizeof(struct section_head) + padded(tape) : 0), e->body.p, e->body.n);
    rec_ring_commit(e->c.ring, (uint32_t)size);
    e->count++;
    return true;
}

void event_abort(struct emitter *e)
{
    e->busy = false;
}

uint64_t emitter_lost(const struct emitter *e)
{
    return e->lost;
}

uint64_t emitter_count(const struct emitter *e)
{
    return e->count;
}
