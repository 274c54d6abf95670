/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which number a reset must carry.
 *
 * Today's stacks die of one number only: the one that they expect next (RFC 5961 3.2).  The mirror
 * knows it best from the tracked stream; then from the packet that matched; what the peer has sent
 * meanwhile, or will have sent when the reset arrives, moves it on by whole frames.  A number
 * inside the window that is not the right one draws a challenge ACK, which the chase takes up.
 */
#include "verdict/respond.h"

#include <string.h>

enum {
    BULK_BYTES = 16384,  /* a flow that sent as much is worth guessing ahead */
    BULK_PAYLOAD = 1000, /* and fills its packets */
    SEGMENT = 1448,
    SUPER_SEGMENT = 65160, /* 45 segments: what a sender with offload fills a super-frame with */
};

struct list {
    uint32_t *n;
    unsigned count, most;
};

static void put(struct list *l, uint32_t number)
{
    for (unsigned k = 0; k < l->count; k++)
        if (l->n[k] == number)
            return;
    if (l->count < l->most)
        l->n[l->count++] = number;
}

/* What the tracked stream says of the end `dir` of a flow; false: nothing reliable. */
static bool tracked(const struct flow *f, unsigned dir, uint32_t near, uint32_t *expects,
                    uint32_t *next)
{
    struct tcp_side own, peer;
    if (!f || !f->tcp || !tcp_side_get(f, dir, &own) || !tcp_side_get(f, !dir, &peer))
        return false;
    *expects = own.rcv_nxt;
    *next = peer.next_seq;
    /* Picked up in the middle, a side may not be known yet: its numbers are far away then. */
    bool close = own.rcv_nxt - near + (1u << 26) < 1u << 27;
    return close || (!tcp_is_midstream(f) && tcp_flow_state(f) >= TCP_ESTABLISHED);
}

/* How far apart in-flight frames end. */
static uint32_t stride(const struct packet *p)
{
    if (!p->seg_size || p->payload_len <= p->seg_size)
        return p->payload_len >= BULK_PAYLOAD ? p->payload_len : SEGMENT;
    return p->payload_len >= SUPER_SEGMENT / 2 ? SUPER_SEGMENT : p->payload_len;
}

/* Frames that follow p at once: where a receiver may stand when the reset arrives. */
static void put_ahead(struct list *l, const struct packet *p, uint32_t from)
{
    const struct flow *f = p->flow;
    if (!f || p->payload_len < BULK_PAYLOAD || f->bytes[p->dir] < BULK_BYTES)
        return;
    uint32_t step = stride(p);
    for (unsigned k = 1; l->count < l->most && k <= RESPONSE_ATTEMPTS_MOST; k++)
        put(l, from + k * step);
}

/* p goes to the end. */
static void for_receiver(struct list *l, const struct packet *p, bool dropped)
{
    uint32_t end = p->tcp.seq + segment_len(p), expects, next;
    if (dropped) { /* it never gets there */
        put(l, p->tcp.seq);
        return;
    }
    bool known = tracked(p->flow, !p->dir, end, &expects, &next);
    if (known)
        put(l, expects);
    put(l, end);
    if (known && seq_gt(next, end) && next - end < 1u << 26)
        put(l, next);
    put_ahead(l, p, known && seq_gt(expects, end) ? expects : end);
}

/* p comes from the end. */
static void for_sender(struct list *l, const struct packet *p)
{
    uint32_t ack = p->tcp.ack, expects, next;
    bool known = tracked(p->flow, p->dir, ack, &expects, &next);
    if (known)
        put(l, expects);
    if (p->tcp.flags & TCP_ACK)
        put(l, ack);
    if (known && seq_gt(next, expects) && next - expects < 1u << 26)
        put(l, next);
}

unsigned numbers_for(const struct responder *r, const struct answered *a, const struct packet *p,
                     unsigned side, bool dropped, uint32_t out[RESPONSE_ATTEMPTS_MOST])
{
    struct list l = {out, 0, r->config.attempts};
    if (p->sp == a->end[side].port && ip_eq(&p->src, &a->end[side].addr))
        for_sender(&l, p);
    else
        for_receiver(&l, p, dropped);
    return l.count;
}
