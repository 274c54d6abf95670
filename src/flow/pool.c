/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Memory of the stream engine: slabs for sessions, handshakes and stores; buffers by size class
 * (512 bytes << class), freed ones kept for the next up to a bound.  Caps count what is in use.
 */
#include "flow/session.h"

#include <stdlib.h>
#include <string.h>

enum { SLAB_BYTES = 64 << 10, IDLE_MAX = 32 << 20 };

static void *slab_take(struct slab *s, size_t item)
{
    if (!s->free) {
        s->item = (uint32_t)((item + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE);
        char *b = aligned_alloc(CACHE_LINE, SLAB_BYTES);
        if (!b)
            return NULL;
        memcpy(b, &s->blocks, sizeof(void *));
        s->blocks = b;
        for (uint32_t at = CACHE_LINE; at + s->item <= SLAB_BYTES; at += s->item) {
            memcpy(b + at, &s->free, sizeof(void *));
            s->free = b + at;
        }
    }
    void *got = s->free;
    memcpy(&s->free, got, sizeof(void *));
    memset(got, 0, item);
    return got;
}

static void slab_give(struct slab *s, void *item)
{
    memcpy(item, &s->free, sizeof(void *));
    s->free = item;
}

static void slab_done(struct slab *s)
{
    while (s->blocks) {
        void *b = s->blocks;
        memcpy(&s->blocks, b, sizeof(void *));
        free(b);
    }
}

static bool over(uint64_t used, uint64_t more, uint64_t cap)
{
    return cap && used + more > cap;
}

void stream_others(struct stream_engine *e, uint64_t bytes, uint64_t reassembly_bytes)
{
    e->others = bytes;
    e->others_reassembly = reassembly_bytes;
}

struct tcp_session *session_take(struct stream_engine *e)
{
    struct tcp_session *s = NULL;
    if (!over(e->n.memuse_bytes + e->others, sizeof(*s), e->cfg.memcap_bytes))
        s = slab_take(&e->sessions, sizeof(*s));
    if (!s) {
        e->n.ssn_memcap_drop++;
        return NULL;
    }
    e->n.memuse_bytes += sizeof(*s);
    e->n.sessions++;
    e->n.active_sessions++;
    s->engine = e;
    return s;
}

void session_give(struct stream_engine *e, struct tcp_session *s)
{
    for (unsigned d = 0; d < 2; d++)
        if (s->half[d].store)
            store_give(e, s->half[d].store);
    if (s->hs)
        handshake_give(e, s->hs);
    e->n.memuse_bytes -= sizeof(*s);
    e->n.active_sessions--;
    slab_give(&e->sessions, s);
}

struct handshake *handshake_take(struct stream_engine *e)
{
    struct handshake *h = NULL;
    if (!over(e->n.memuse_bytes + e->others, sizeof(*h), e->cfg.memcap_bytes))
        h = slab_take(&e->handshakes, sizeof(*h));
    if (h)
        e->n.memuse_bytes += sizeof(*h);
    return h;
}

void handshake_give(struct stream_engine *e, struct handshake *h)
{
    e->n.memuse_bytes -= sizeof(*h);
    slab_give(&e->handshakes, h);
}

struct store *store_take(struct stream_engine *e)
{
    struct store *s = NULL;
    if (!over(e->n.reassembly_memuse_bytes + e->others_reassembly, sizeof(*s), e->cfg.reassembly_memcap_bytes))
        s = slab_take(&e->stores, sizeof(*s));
    if (s)
        e->n.reassembly_memuse_bytes += sizeof(*s);
    return s;
}

void store_give(struct stream_engine *e, struct store *s)
{
    for (unsigned i = 0; i < s->regions; i++)
        buf_give(e, s->region[i].buf, s->region[i].class);
    if (s->ext)
        buf_give(e, (uint8_t *)s->ext, s->ext_class);
    if (s->run)
        buf_give(e, (uint8_t *)s->run, s->run_class);
    e->n.reassembly_memuse_bytes -= sizeof(*s);
    slab_give(&e->stores, s);
}

uint8_t *buf_take(struct stream_engine *e, uint32_t bytes, uint8_t *class)
{
    uint8_t k = 0;
    while (k < BUF_CLASSES && buf_room(k) < bytes)
        k++;
    if (k == BUF_CLASSES ||
        over(e->n.reassembly_memuse_bytes + e->others_reassembly, buf_room(k), e->cfg.reassembly_memcap_bytes))
        return NULL;
    uint8_t *b = e->buf_free[k];
    if (b) {
        memcpy(&e->buf_free[k], b, sizeof(void *));
        e->buf_idle -= buf_room(k);
    } else {
        b = malloc(buf_room(k));
        if (!b)
            return NULL;
    }
    e->n.reassembly_memuse_bytes += buf_room(k);
    *class = k;
    return b;
}

void buf_give(struct stream_engine *e, uint8_t *buf, uint8_t class)
{
    e->n.reassembly_memuse_bytes -= buf_room(class);
    if (e->buf_idle + buf_room(class) > IDLE_MAX) {
        free(buf);
        return;
    }
    memcpy(buf, &e->buf_free[class], sizeof(void *));
    e->buf_free[class] = buf;
    e->buf_idle += buf_room(class);
}

void pools_done(struct stream_engine *e)
{
    slab_done(&e->sessions);
    slab_done(&e->handshakes);
    slab_done(&e->stores);
    for (unsigned k = 0; k < BUF_CLASSES; k++)
        while (e->buf_free[k]) {
            void *b = e->buf_free[k];
            memcpy(&e->buf_free[k], b, sizeof(void *));
            free(b);
        }
}
