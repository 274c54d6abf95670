/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Answers inside what carried the packet: tunnels (IP in IP, GRE, VXLAN, Geneve, Teredo), PPPoE
 * sessions (RFC 2516), MPLS (RFC 3032).
 *
 * The frame's own bytes up to p's IP header are taken, lengths and sums set anew.  Backwards,
 * addresses are turned at each level; MPLS labels can't be: the way back has others.  GRE with
 * sequence numbers is left alone (its end would drop what follows), and so are link headers with a
 * meaning of their own (802.1ah, VN-tag, NSH).
 */
#include "verdict/respond.h"

#include "base/bytes.h"

#include <netinet/in.h>
#include <string.h>

enum {
    MAC_BYTES = 12,
    TYPE_VLAN = 0x8100,
    TYPE_QINQ = 0x88a8,
    TYPE_QINQ_OLD = 0x9100,
    TYPE_MPLS = 0x8847,
    TYPE_PPPOE = 0x8864,
    TYPE_IP4 = 0x0800,
    TYPE_IP6 = 0x86dd,
    GRE_CSUM = 0x80, /* of the first byte */
    GRE_SEQ = 0x10,
    GRE_VERSION = 0x07, /* of the second */
    PPPOE_LEN = 6,
};

struct wrap {
    const struct packet *p;
    const uint8_t *start; /* link header of the outermost packet */
    uint8_t *out;
    size_t head, total; /* bytes before p's IP header; of the whole */
    size_t shift;       /* tags that were put in behind the MACs */
    bool back;
    struct head_sum sum[HEAD_SUMS]; /* from the inside out */
    unsigned n_sums;
};

static bool is_outermost(const struct packet *p)
{
    return !p->outer || p->src_kind == PKT_SRC_ERSPAN;
}

/* Where a place in the frame lies in the output; 0: not in the head. */
static size_t place(const struct wrap *w, const uint8_t *at)
{
    size_t off = (size_t)(at - w->start);
    if (!at || at < w->start || off + w->shift > w->head)
        return 0;
    return off + w->shift;
}

/* Ethernet's type, tags, PPPoE, MPLS from `at` (the type's place) to `end`. */
static bool link_patch(struct wrap *w, size_t at, size_t end)
{
    for (unsigned k = 0; k < 8 && at + 2 <= end; k++) {
        unsigned type = be16_at(w->out + at);
        at += 2;
        switch (type) {
        case TYPE_VLAN:
        case TYPE_QINQ:
        case TYPE_QINQ_OLD:
            at += 2;
            break;
        case TYPE_MPLS:
            return !w->back;
        case TYPE_PPPOE:
            if (at + PPPOE_LEN + 2 > end)
                return false;
            be16_put(w->out + at + 4, (uint16_t)(w->total - at - PPPOE_LEN));
            return true;
        case TYPE_IP4:
        case TYPE_IP6:
            return true;
        default:
            return false;
        }
    }
    return false;
}

static void swap(uint8_t *a, uint8_t *b, size_t n)
{
    uint8_t t[16];
    memcpy(t, a, n);
    memcpy(a, b, n);
    memcpy(b, t, n);
}

/* A sum over all behind it: of UDP over IPv6 (ip: its IP header), or of GRE (0). */
static void sum_put(uint8_t *out, const struct head_sum *s, size_t total)
{
    uint8_t *h = out + s->at;
    size_t n = total - s->at;
    if (!s->ip) {
        be16_put(h + 4, 0);
        be16_put(h + 4, csum_inet(h, n));
        return;
    }
    struct ip_addr src = ip_from_v6(out + s->ip + 8), dst = ip_from_v6(out + s->ip + 24);
    be16_put(h + 6, 0);
    uint16_t sum = csum_l4(6, &src, &dst, IPPROTO_UDP, h, n);
    be16_put(h + 6, sum ? sum : UINT16_MAX);
}

static bool sum_add(struct wrap *w, size_t at, size_t ip)
{
    if (w->n_sums == HEAD_SUMS)
        return false;
    struct head_sum *s = &w->sum[w->n_sums++];
    *s = (struct head_sum){.at = (uint16_t)at, .ip = (uint16_t)ip};
    sum_put(w->out, s, w->total);
    return true;
}

static bool udp_patch(struct wrap *w, const struct packet *q, const struct packet *inner, size_t at,
                      size_t ip)
{
    uint8_t *h = w->out + at;
    if (w->back &&
        inner->src_kind == PKT_SRC_TEREDO) /* others keep their port in both directions */
        swap(h, h + 2, 2);
    be16_put(h + 4, (uint16_t)(w->total - at));
    be16_put(h + 6, 0);
    if (q->ver == 4)
        return true; /* none is allowed (RFC 768) */
    return sum_add(w, at, ip);
}

static bool gre_patch(struct wrap *w, size_t at)
{
    uint8_t *h = w->out + at;
    if ((h[0] & GRE_SEQ) || (h[1] & GRE_VERSION))
        return false;
    if (!(h[0] & GRE_CSUM))
        return true;
    return at + 8 <= w->head && sum_add(w, at, 0);
}

/* The IP header of q, and what lies between it and the inner packet.  Inner levels are done
 * already. */
static bool ip_patch(struct wrap *w, const struct packet *q, const struct packet *inner)
{
    size_t at = place(w, q->ip), l4 = place(w, q->l4);
    if (!at || (q->flags & (PKT_FRAGMENT | PKT_REBUILT)))
        return false;
    uint8_t *h = w->out + at;
    size_t n = w->total - at;
    if (n > UINT16_MAX)
        return false;
    if (q->ver == 4) {
        be16_put(h + 2, (uint16_t)n);
        be16_put(h + 4, 0);
        if (w->back)
            swap(h + 12, h + 16, 4);
        be16_put(h + 10, 0);
        be16_put(h + 10, csum_inet(h, q->ip_hlen));
    } else {
        be16_put(h + 4, (uint16_t)(n - 40));
        if (w->back)
            swap(h + 8, h + 24, 16);
    }
    if (q->proto == IPPROTO_UDP)
        return l4 && l4 + 8 <= w->head && udp_patch(w, q, inner, l4, at);
    if (q->proto == IPPROTO_GRE)
        return l4 && l4 + 4 <= w->head && gre_patch(w, l4);
    return q->proto == IPPROTO_IPIP || q->proto == IPPROTO_IPV6;
}

/* An Ethernet header inside a tunnel. */
static bool inner_link_patch(struct wrap *w, const struct packet *p)
{
    if (!p->l2)
        return true;
    size_t at = place(w, p->l2), end = place(w, p->ip);
    if (!at || at + MAC_BYTES + 2 > end)
        return false;
    if (w->back)
        swap(w->out + at, w->out + at + 6, 6);
    return link_patch(w, at + MAC_BYTES, end);
}

/* From the inside out: sums of outer levels hold the inner ones. */
static bool levels_patch(struct wrap *w)
{
    const struct packet *q = w->p;
    for (; !is_outermost(q); q = q->outer)
        if (!inner_link_patch(w, q) || !q->outer || !ip_patch(w, q->outer, q))
            return false;
    size_t end = place(w, q->ip);
    return end && link_patch(w, MAC_BYTES, end);
}

static bool head_put(struct wrap *w, size_t room, const uint8_t dst_mac[6],
                     const uint8_t src_mac[6])
{
    const struct packet *p = w->p, *o = p;
    const struct frame *f = p->frame;
    while (!is_outermost(o))
        o = o->outer;
    bool own_bytes = !p->outer && (p->flags & PKT_REBUILT);
    const uint8_t *from = own_bytes ? p->data : f->data,
                  *to = from + (own_bytes ? p->data_len : f->len);
    if (!o->l2 || o->l2 < from || p->ip < o->l2 || p->ip > to || p->ip - o->l2 < MAC_BYTES + 2)
        return false;
    unsigned tags = o->outer || f->vlan_n > ARRAY_LEN(f->vlan_tci) ? 0 : f->vlan_n;
    w->start = o->l2;
    w->shift = tags * 4u;
    w->head = (size_t)(p->ip - o->l2) + w->shift;
    if (w->head > room)
        return false;
    memcpy(w->out, dst_mac, 6);
    memcpy(w->out + 6, src_mac, 6);
    for (unsigned k = 0; k < tags; k++) {
        be16_put(w->out + MAC_BYTES + 4 * k, TYPE_VLAN);
        be16_put(w->out + MAC_BYTES + 4 * k + 2, f->vlan_tci[k] & (uint16_t)~0x1000u);
    }
    memcpy(w->out + MAC_BYTES + w->shift, o->l2 + MAC_BYTES, w->head - w->shift - MAC_BYTES);
    return true;
}

size_t wrap_put(uint8_t *out, size_t room, const struct packet *p, bool back,
                const uint8_t dst_mac[6], const uint8_t src_mac[6], const uint8_t *ip, size_t n,
                struct head *keep)
{
    struct wrap w = {.p = p, .out = out, .back = back};
    if (!p->frame || !head_put(&w, room, dst_mac, src_mac) || n > room - w.head)
        return 0;
    memcpy(out + w.head, ip, n);
    w.total = w.head + n;
    if (!levels_patch(&w))
        return 0;
    keep->n = 0;
    if (w.head <= HEAD_ROOM) {
        keep->n = (uint8_t)w.head;
        keep->ip_n = (uint16_t)n;
        keep->n_sums = (uint8_t)w.n_sums;
        memcpy(keep->sum, w.sum, sizeof(keep->sum));
        memcpy(keep->bytes, out, w.head);
    }
    return w.total;
}

bool head_again(const struct head *h, uint8_t *out, size_t n)
{
    if (!h->n || n != h->ip_n)
        return false;
    memcpy(out, h->bytes, h->n);
    for (unsigned k = 0; k < h->n_sums; k++)
        sum_put(out, &h->sum[k], h->n + n);
    return true;
}
