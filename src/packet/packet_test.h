/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests only: packets made from the inside out, decoded from exact-size heap memory, and looked
 * at.
 *
 * Each t_* function puts a header in front of what is there and fills lengths and checksums from
 * it:
 *
 *     struct t_pkt t;
 *     t_init(&t, "hello", 5);
 *     t_udp(&t, 40000, 53);
 *     t_ip4(&t, 17);
 *     t_ether(&t, 0x0800);
 */
#ifndef PACKET_PACKET_TEST_H
#define PACKET_PACKET_TEST_H

#include "base/bytes.h"
#include "packet/packet.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

enum { T_ROOM = 70000 };

struct t_pkt {
    uint8_t b[T_ROOM];
    size_t at; /* first byte; the last is always at T_ROOM - 1 */
};

static inline uint8_t *t_front(struct t_pkt *t, size_t n)
{
    assert_true(t->at >= n);
    t->at -= n;
    memset(t->b + t->at, 0, n);
    return t->b + t->at;
}
static inline size_t t_len(const struct t_pkt *t)
{
    return T_ROOM - t->at;
}
static inline const uint8_t *t_data(const struct t_pkt *t)
{
    return t->b + t->at;
}

static inline void t_put(struct t_pkt *t, const void *p, size_t n)
{
    uint8_t *to = t_front(t, n);
    if (n)
        memcpy(to, p, n);
}
static inline void t_init(struct t_pkt *t, const void *payload, size_t n)
{
    t->at = T_ROOM;
    t_put(t, payload, n);
}
/* Bytes written as hex, blanks between them allowed. */
static inline void t_hex(struct t_pkt *t, const char *hex)
{
    uint8_t out[2048];
    size_t n = 0;
    for (const char *s = hex; *s; s++) {
        unsigned v;
        if (*s == ' ')
            continue;
        assert_int_equal(sscanf(s, "%2x", &v), 1);
        out[n++] = (uint8_t)v;
        s++;
    }
    t_put(t, out, n);
}

static const uint8_t t_ip4_src[4] = {10, 1, 1, 10}, t_ip4_dst[4] = {192, 0, 2, 80};
static const uint8_t t_ip6_src[16] = {0x20, 1, 0x0d, 0xb8, [15] = 1},
                     t_ip6_dst[16] = {0x20, 1, 0x0d, 0xb8, [15] = 2};

/* Transport checksums are of the fixed addresses; `proto` 0 leaves them out. */
static inline uint16_t t_csum(const struct t_pkt *t, uint8_t ver, uint8_t proto)
{
    struct ip_addr s4 = ip_from_v4(t_ip4_src), d4 = ip_from_v4(t_ip4_dst);
    struct ip_addr s6 = ip_from_v6(t_ip6_src), d6 = ip_from_v6(t_ip6_dst);
    return csum_l4(ver, ver == 4 ? &s4 : &s6, ver == 4 ? &d4 : &d6, proto, t_data(t), t_len(t));
}
static inline void t_udp_ver(struct t_pkt *t, uint16_t sp, uint16_t dp, uint8_t ver)
{
    uint8_t *h = t_front(t, 8);
    be16_put(h, sp);
    be16_put(h + 2, dp);
    be16_put(h + 4, (uint16_t)t_len(t));
    uint16_t sum = t_csum(t, ver, 17);
    be16_put(h + 6, sum ? sum : 0xffff);
}
static inline void t_udp(struct t_pkt *t, uint16_t sp, uint16_t dp)
{
    t_udp_ver(t, sp, dp, 4);
}
static inline void t_tcp_ver(struct t_pkt *t, uint16_t sp, uint16_t dp, const char *options,
                             uint8_t ver)
{
    size_t before = t_len(t);
    t_hex(t, options);
    size_t olen = t_len(t) - before;
    uint8_t *h = t_front(t, 20);
    be16_put(h, sp);
    be16_put(h + 2, dp);
    be32_put(h + 4, 1000);
    be32_put(h + 8, 2000);
    h[12] = (uint8_t)((20 + olen) / 4 << 4);
    h[13] = TCP_ACK | TCP_PSH;
    be16_put(h + 14, 500);
    be16_put(h + 16, t_csum(t, ver, 6));
}
static inline void t_tcp(struct t_pkt *t, uint16_t sp, uint16_t dp)
{
    t_tcp_ver(t, sp, dp, "", 4);
}

struct t_ip {
    uint8_t proto;
    const char *options; /* hex */
    uint16_t id, frag;   /* frag: flags and offset as in the header */
    uint8_t ttl;
};
static inline void t_ip4_with(struct t_pkt *t, struct t_ip o)
{
    size_t before = t_len(t);
    t_hex(t, o.options ? o.options : "");
    size_t hlen = 20 + t_len(t) - before;
    uint8_t *h = t_front(t, 20);
    h[0] = (uint8_t)(0x40 | hlen / 4);
    be16_put(h + 2, (uint16_t)t_len(t));
    be16_put(h + 4, o.id);
    be16_put(h + 6, o.frag);
    h[8] = o.ttl ? o.ttl : 64;
    h[9] = o.proto;
    memcpy(h + 12, t_ip4_src, 4);
    memcpy(h + 16, t_ip4_dst, 4);
    be16_put(h + 10, csum_inet(h, hlen));
}
static inline void t_ip4(struct t_pkt *t, uint8_t proto)
{
    t_ip4_with(t, (struct t_ip){.proto = proto});
}
static inline void t_ip6(struct t_pkt *t, uint8_t next)
{
    uint16_t plen = (uint16_t)t_len(t);
    uint8_t *h = t_front(t, 40);
    h[0] = 0x60;
    be16_put(h + 4, plen);
    h[6] = next;
    h[7] = 64;
    memcpy(h + 8, t_ip6_src, 16);
    memcpy(h + 24, t_ip6_dst, 16);
}
static inline void t_ether(struct t_pkt *t, uint16_t type)
{
    uint8_t *h = t_front(t, 14);
    h[0] = 2;
    h[5] = 0x0c;
    h[6] = 2;
    h[11] = 5;
    be16_put(h + 12, type);
}
static inline void t_vlan(struct t_pkt *t, uint16_t id, uint16_t type)
{
    uint8_t *h = t_front(t, 4);
    be16_put(h, id);
    be16_put(h + 2, type);
}

/* A decoder with everything on. */
static inline struct decode_config t_config(void)
{
    return (struct decode_config){
        .check_csum = true, .teredo = true, .vxlan = true, .geneve = true, .erspan_i = true};
}

/* One decoded frame.  Bytes are in heap memory of exactly their size, so that ASan sees a step
 * past. */
struct t_out {
    struct decoder *d;
    struct frame f;
    uint8_t *heap;
    unsigned n;
    struct packet p[PACKET_LAYERS_MAX];
    bool plain; /* decode_plain said so */
};

static inline void t_inside(const struct t_out *o, const struct packet *p, const uint8_t *at,
                            size_t n)
{
    if (!at)
        assert_int_equal(n, 0);
    else
        assert_true(at >= p->data && at + n <= p->data + p->data_len);
    (void)o;
}
/* What holds for every packet, however broken. */
static inline void t_invariants(const struct t_out *o)
{
    assert_true(o->n >= 1 && o->n <= PACKET_LAYERS_MAX);
    for (unsigned i = 0; i < o->n; i++) {
        const struct packet *p = &o->p[i];
        t_inside(o, p, p->payload, p->payload_len);
        t_inside(o, p, p->l4, p->l4_len);
        t_inside(o, p, p->ip, p->ip ? p->ip_len : 0);
        assert_true(!p->l2 || (p->l2 >= p->data && p->l2 <= p->data + p->data_len));
        assert_true(p->ver == 0 || p->ver == 4 || p->ver == 6);
        assert_true(p->ver || p->flags & PKT_IGNORE);
        assert_true((p->ver == 0) == (p->ip == NULL));
        assert_true(!(p->flags & PKT_INVALID) || p->flags & PKT_IGNORE);
        assert_true(!(p->flags & (PKT_TCP | PKT_UDP | PKT_ICMP | PKT_ICMP6 | PKT_SCTP)) || p->l4);
        assert_true(p->vlan_n <= PACKET_VLANS && p->n_events <= PACKET_EVENTS);
        assert_true(p->seg_n >= 1);
        /* inner before outer */
        assert_true(!p->outer || (p->outer > p && p->outer < o->p + o->n));
        assert_true(!p->outer == !(p->flags & PKT_INNER));
        if (!(p->flags & PKT_REBUILT) && !p->outer)
            assert_ptr_equal(p->data, o->heap);
        if (p->flags & PKT_TCP)
            assert_true(!p->tcp.sack_n || (p->tcp.sack >= p->l4 + 22 &&
                                           p->tcp.sack + p->tcp.sack_n * 8 <= p->l4 + p->tcp.hlen));
    }
    assert_null(o->p[o->n - 1].outer);
}

/* What is called plain before it is decoded gives that packet, no event, and counts as it should. */
static inline bool t_plain(const struct t_out *o, struct decode_counters *n)
{
    struct packet p;
    memset(&p, 0xa5, sizeof(p));
    if (!decode_plain(o->d, &o->f, &p))
        return false;
    n->pkts++;
    n->bytes += o->f.wire_len;
    n->max_pkt_size = o->f.wire_len > n->max_pkt_size ? o->f.wire_len : n->max_pkt_size;
    n->ethernet++;
    n->vlan += p.vlan_n;
    n->ipv4 += p.ver == 4;
    n->ipv6 += p.ver == 6;
    n->tcp += p.proto == 6;
    n->udp += p.proto == 17;
    struct packet q = o->p[0];
    assert_int_equal(o->n, 1);
    assert_int_equal(q.n_events, 0);
    assert_int_equal(q.flags & (PKT_IGNORE | PKT_INVALID | PKT_HAS_TUNNEL | PKT_FRAGMENT), 0);
    assert_false(q.quote.have);
    assert_int_equal(packet_hash(&p, 7, true), packet_hash(&q, 7, true));
    assert_memory_equal(n, decoder_counters(o->d), sizeof(*n));
    return true;
}

static inline void t_feed(struct t_out *o, const void *data, size_t n, uint16_t link)
{
    free(o->heap);
    o->heap = malloc(n ? n : 1);
    assert_non_null(o->heap);
    if (n)
        memcpy(o->heap, data, n);
    o->f.data = o->heap;
    o->f.len = (uint32_t)n;
    if (o->f.wire_len < n)
        o->f.wire_len = (uint32_t)n;
    o->f.link = link;
    o->f.number++;
    memset(o->p, 0xa5, sizeof(o->p)); /* the decoder must not lean on zeroed memory */
    struct decode_counters before = *decoder_counters(o->d);
    o->n = decode_frame(o->d, &o->f, o->p, PACKET_LAYERS_MAX);
    t_invariants(o);
    o->plain = t_plain(o, &before);
}
static inline void t_open(struct t_out *o, const struct decode_config *c)
{
    memset(o, 0, sizeof(*o));
    struct decode_config all = t_config();
    o->d = decoder_new(c ? c : &all);
    assert_non_null(o->d);
}
static inline void t_close(struct t_out *o)
{
    free(o->heap);
    decoder_free(o->d);
}
static inline void t_decode(struct t_out *o, const struct t_pkt *t, uint16_t link)
{
    o->f.wire_len = 0;
    t_feed(o, t_data(t), t_len(t), link);
}
/* Every cut of the packet, as a frame that is short and as one that was snapped; nothing may break.
 */
static inline void t_cuts(const struct t_pkt *t, uint16_t link)
{
    struct t_out o;
    t_open(&o, NULL);
    size_t most = t_len(t) < 400 ? t_len(t) : 400;
    for (size_t n = 0; n <= most; n++)
        for (unsigned snapped = 0; snapped < 2; snapped++) {
            o.f.wire_len = snapped ? (uint32_t)t_len(t) : 0;
            t_feed(&o, t_data(t), n, link);
            decoder_burst_end(o.d, 0);
        }
    t_close(&o);
}

/* The events of a packet as "a b c", sorted as they came. */
static inline const char *t_events(const struct packet *p)
{
    static char text[1024];
    size_t n = 0;
    text[0] = 0;
    for (unsigned i = 0; i < p->n_events; i++)
        n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s", i ? " " : "",
                              decode_event_name(p->events[i]));
    return text;
}

#endif
