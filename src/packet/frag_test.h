/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For the fragment tests: sends pieces of datagrams through one decoder whose policy and timeout
 * are variables.
 */
#ifndef PACKET_FRAG_TEST_H
#define PACKET_FRAG_TEST_H

#include "packet/packet_test.h"

enum { POLICIES = FRAG_SOLARIS + 1, PROTO = 253, UNIT = 8 };
static struct t_pkt t;
static struct t_out o;
static enum frag_policy policy_now;
static uint64_t timeout_now;

static inline enum frag_policy policy_of(void *ctx, uint8_t ver, const struct ip_addr *dst)
{
    (void)ctx;
    bool right =
        ver == 4 ? memcmp(dst->b + 12, t_ip4_dst, 4) == 0 : memcmp(dst->b, t_ip6_dst, 16) == 0;
    assert_true(right); /* by destination */
    return policy_now;
}
static inline uint64_t timeout_of(void *ctx, uint8_t ver, const struct ip_addr *dst)
{
    (void)ctx;
    (void)ver;
    (void)dst;
    return timeout_now;
}

static inline struct decode_config config(void)
{
    struct decode_config c = t_config();
    c.frag_policy = policy_of;
    c.frag_timeout = timeout_of;
    return c;
}

struct piece {
    uint8_t ver;
    uint32_t id, off;
    const uint8_t *data;
    size_t n;
    bool more;
    uint8_t proto; /* 0: PROTO */
};

/* Makes the fragment in `t`, as a raw IP packet. */
static inline void piece_make(struct piece f)
{
    uint8_t proto = f.proto ? f.proto : PROTO;
    t_init(&t, f.data, f.n);
    if (f.ver == 4) {
        t_ip4_with(&t, (struct t_ip){.proto = proto,
                                     .id = (uint16_t)f.id,
                                     .frag = (uint16_t)(f.off / 8 | (f.more ? 0x2000 : 0))});
        return;
    }
    uint8_t *h = t_front(&t, 8);
    h[0] = proto;
    be16_put(h + 2, (uint16_t)(f.off | f.more));
    be32_put(h + 4, f.id);
    t_ip6(&t, 44);
}

/* The whole datagram that this fragment completed, or NULL. */
static inline const struct packet *piece_send(struct piece f)
{
    piece_make(f);
    t_decode(&o, &t, LINK_RAW);
    const struct packet *last = &o.p[o.n - 1];
    assert_true(last->flags & PKT_FRAGMENT);
    assert_int_equal(last->payload_len, 0);
    assert_int_equal(last->flags & PKT_WANTS_FLOW, 0);
    if (o.n == 1)
        return NULL;
    assert_int_equal(o.n, 2);
    assert_true(o.p[0].flags & PKT_REBUILT);
    assert_int_equal(o.p[0].src_kind, PKT_SRC_DEFRAG);
    return &o.p[0];
}

static inline bool has_event(const struct packet *p, unsigned e4, unsigned e6)
{
    for (unsigned i = 0; i < p->n_events; i++)
        if (p->events[i] == (p->ver == 4 ? e4 : e6))
            return true;
    return false;
}
#define PIECE_EVENT(name) has_event(&o.p[o.n - 1], DECODE_IPV4_##name, DECODE_IPV6_##name)

static inline void all_given_back(void)
{
    assert_int_equal(decoder_counters(o.d)->frag_trackers, 0);
    assert_int_equal(decoder_counters(o.d)->frag_mem_bytes, 0);
}

#endif
