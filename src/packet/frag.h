/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Private to the fragment files: what a datagram in work is made of.
 *
 * Everything lives in three pools that are taken at start (their pages are touched when first
 * used): trackers, one a datagram; chunks of 2 KB that hold bytes at their place in the datagram;
 * pieces, the list of who owns which bytes.  A piece is bytes of one fragment that won their place;
 * pieces of a tracker are sorted and never overlap.  All links are indices + 1, 0 is none.
 */
#ifndef PACKET_FRAG_H
#define PACKET_FRAG_H

#include "packet/decode.h"

enum {
    FRAG_CHUNK = 2048,
    FRAG_CHUNKS = 65536 / FRAG_CHUNK,
    FRAG_HEAD = 128,        /* link and IP header of nearly everyone */
    FRAG_PIECES_MAX = 2048, /* of one datagram: 64 KB in pieces of 32 */
};

struct frag_key {
    struct ip_addr src, dst;
    uint32_t id, vni;
    uint16_t vlan[PACKET_VLANS];
    uint8_t ver, proto, depth;
    uint8_t zero[3];
};

struct frag_span {
    uint32_t next;
    uint16_t start, end;
};

struct frag_tracker {
    struct frag_key key;
    uint32_t hash_next, older, newer; /* LRU by first fragment */
    uint64_t expire_ns;
    uint32_t first, last, spans; /* pieces */
    uint32_t pieces;             /* fragments taken */
    uint32_t held;               /* bytes */
    uint32_t end;                /* of the datagram, if have_end */
    uint16_t head_len, prefix;   /* prefix + IP header(s) of the fragment that owns byte 0 */
    uint32_t nh_at;
    uint8_t nh, policy;
    bool have_end, dead; /* dead: overlapping IPv6; swallows the rest */
    uint32_t head_chunk; /* when it does not fit into head */
    uint32_t chunk[FRAG_CHUNKS];
    uint8_t head[FRAG_HEAD];
};

struct frag_table {
    const struct decode_config *cfg;
    struct decode_counters *n;
    uint64_t seed, cap_bytes;
    struct frag_tracker *tracker;
    uint32_t trackers_max, trackers_fresh, trackers_free;
    uint32_t *bucket, bucket_mask;
    uint32_t oldest, newest;
    uint32_t pieces, pieces_max; /* fragments kept */
    uint8_t *chunk;
    uint32_t chunks_max, chunks_fresh, chunks_free;
    struct frag_span *span;
    uint32_t spans_max, spans_fresh, spans_free, spans_used;
    uint8_t *out; /* rebuilt datagrams of this burst */
    uint64_t out_used;
};

enum { FRAG_OUT_BYTES = 8 << 20 };

/* Pools; 0: none left, or over the cap. */
uint32_t frag_chunk_get(struct frag_table *t);
void frag_chunk_put(struct frag_table *t, uint32_t i);
static inline uint8_t *frag_chunk_at(const struct frag_table *t, uint32_t i)
{
    return t->chunk + (size_t)(i - 1) * FRAG_CHUNK;
}
uint32_t frag_span_get(struct frag_table *t);
void frag_span_put(struct frag_table *t, uint32_t i);
static inline struct frag_span *frag_span_at(const struct frag_table *t, uint32_t i)
{
    return &t->span[i - 1];
}
void frag_tracker_empty(struct frag_table *t, struct frag_tracker *k); /* gives back all it holds */

struct frag_fit {
    bool overlap; /* touches bytes that were there */
    bool exact;   /* ... but only one older piece of exactly its place and content */
    bool took_zero;
};
/* What would overlap, without changing anything. */
struct frag_fit frag_spans_look(const struct frag_table *t, const struct frag_tracker *k,
                                uint32_t s, uint32_t e, const uint8_t *data);
/*
 * Puts bytes [s, e) of the datagram, data at s, in, by policy.  Chunks for them must be there and
 * two more spans than k has must be free.
 */
struct frag_fit frag_spans_put(struct frag_table *t, struct frag_tracker *k, uint32_t s, uint32_t e,
                               const uint8_t *data);

#endif
