/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Building and sending: addresses and TTL of the end that is impersonated, the link header of the
 * target with our own source MAC (a forged one would move the victim's entry in the switch), tags
 * as in the packet.
 */
#include "verdict/respond.h"

#include "base/bytes.h"

#include <netinet/in.h>
#include <string.h>

enum { ICMP_DEST_UNREACH = 3, ICMP6_DEST_UNREACH = 1, TTL_DEFAULT = 64 };

/* Of what an ERSPAN tunnel brought, the connection itself is answered: the tunnel is the mirror's.
 */
static bool in_tunnel(const struct packet *p)
{
    return p->outer && p->src_kind != PKT_SRC_ERSPAN;
}

static const struct packet *outermost(const struct packet *p)
{
    while (in_tunnel(p))
        p = p->outer;
    return p;
}

const char *send_obstacle(const struct responder *r, const struct packet *p)
{
    if ((p->flags & PKT_PSEUDO) || !p->ip)
        return "the connection is over";
    if (!injector_has_link(r->out))
        return in_tunnel(p) ? "inside a tunnel, and the response port sends plain IP" : NULL;
    const struct packet *o = outermost(p);
    if (!o->frame || o->frame->link != LINK_ETHERNET || !o->l2)
        return "no Ethernet header to answer to";
    return NULL;
}

/* The head kept for an end, NULL: none (any more). */
static struct head *head_of(const struct responder *r, const struct answered *a, unsigned side)
{
    uint32_t k = a->end[side].head;
    struct head *h = k ? &r->head[k - 1] : NULL;
    return h && h->row == (uint32_t)(a - r->row) + 1 && h->side == side ? h : NULL;
}

static bool ip_is_tcp(const uint8_t *ip)
{
    return ip[ip[0] >> 4 == 4 ? 9 : 6] == IPPROTO_TCP;
}

static struct head *head_make(struct responder *r, struct answered *a, unsigned side)
{
    struct head *h = head_of(r, a, side);
    if (!h) {
        uint32_t k = r->n_heads++ % HEADS;
        h = &r->head[k];
        a->end[side].head = k + 1;
    }
    h->row = (uint32_t)(a - r->row) + 1;
    h->side = (uint8_t)side;
    h->n = h->n_sums = 0;
    return h;
}

bool send_has_head(const struct responder *r, const struct answered *a, unsigned side)
{
    const struct head *h = head_of(r, a, side);
    return h && h->n;
}

static bool put_on_wire(struct responder *r, struct answered *a, unsigned side,
                        const struct packet *p, bool back, const uint8_t *ip, size_t n)
{
    if (!injector_has_link(r->out))
        return injector_send_ip(r->out, ip, n);
    const struct packet *o = outermost(p);
    const uint8_t *dst = r->config.has_dst_mac ? r->config.dst_mac : back ? o->l2 + 6 : o->l2;
    bool wire = injector_in_wire(r->out);
    /* In the wire the answer comes from where the other end is: nothing moves in a switch. */
    const uint8_t *src = r->config.has_src_mac ? r->config.src_mac
                         : wire                ? (back ? o->l2 : o->l2 + 6)
                                               : injector_mac(r->out);
    unsigned port = back ? o->frame->iface : capture_other_end(o->frame->iface);
    if (wire)
        injector_aim(r->out, port);
    /* An ICMP error is longer than what is sent later: its head is not kept. */
    struct head other, *h = ip_is_tcp(ip) ? head_make(r, a, side) : &other;
    h->port = (uint16_t)port;
    size_t l =
        p == o && !p->outer ? build_ether(r->frame, sizeof(r->frame), dst, src, p, p->ver) : 0;
    if (l && n <= sizeof(r->frame) - l) {
        if (l <= HEAD_ROOM) {
            h->n = (uint8_t)l;
            h->n_sums = 0;
            h->ip_n = (uint16_t)n;
            memcpy(h->bytes, r->frame, l);
        }
        memcpy(r->frame + l, ip, n);
        l += n;
    } else {
        l = wrap_put(r->frame, sizeof(r->frame), p, back, dst, src, ip, n, h);
    }
    return l && injector_send_frame(r->out, r->frame, l);
}

static bool count_send(struct responder *r, struct answered *a, bool ok)
{
    if (!ok) {
        COUNT(r, a->rule, failed, 1);
        return false;
    }
    COUNT(r, a->rule, injected, 1);
    a->sends++;
    a->round_sends++;
    if (a->n_rules)
        a->by[a->n_rules - 1].sends++;
    return true;
}

/* Is p from the end `side`? */
static bool is_from(const struct answered *a, const struct packet *p, unsigned side)
{
    return p->sp == a->end[side].port && ip_eq(&p->src, &a->end[side].addr);
}

/* To the end `side`, with the TTL that the other one's packets have here. */
static struct build_ip ip_head(struct responder *r, const struct answered *a, unsigned side)
{
    uint16_t id = (uint16_t)++r->packet_id;
    const struct end *from = &a->end[!side];
    return (struct build_ip){.ver = a->ver,
                             .ttl = from->ttl ? from->ttl : TTL_DEFAULT,
                             .id = id ? id : (uint16_t)++r->packet_id,
                             .df = true,
                             .src = from->addr,
                             .dst = a->end[side].addr};
}

/* The flow label is part of no checksum. */
static void mark(const struct responder *r, uint8_t *ip)
{
    if (ip[0] >> 4 == 6)
        be32_put(ip, be32_at(ip) | (r->packet_id & 0xfffff));
}

static bool ip_send(struct responder *r, struct answered *a, const struct packet *p, unsigned side,
                    uint8_t *ip, size_t n)
{
    if (n)
        mark(r, ip);
    bool ok = n && put_on_wire(r, a, side, p, is_from(a, p, side), ip, n);
    if (ok)
        own_put(r, ip, n);
    return count_send(r, a, ok);
}

/* Both directions were seen: nobody far away has forged this. */
static bool is_proven(const struct answered *a)
{
    const uint32_t both = FLOW_SEEN_TO_SERVER | FLOW_SEEN_TO_CLIENT;
    return a->proto == IPPROTO_TCP && a->flow && (a->flow->flags & both) == both;
}

bool send_reset(struct responder *r, struct answered *a, const struct packet *p, unsigned side,
                uint32_t seq, uint32_t ack, uint8_t flags)
{
    if (is_spent(a))
        return false;
    if (!limit_take(r, a->ver, &a->end[side].addr, is_proven(a))) {
        COUNT(r, a->rule, rate_limited, 1);
        return false;
    }
    uint8_t ip[128];
    struct build_ip h = ip_head(r, a, side);
    size_t n = build_tcp(ip, sizeof(ip), &h, a->end[!side].port, a->end[side].port, seq,
                         flags & TCP_ACK ? ack : 0, flags, 0, NULL, 0);
    if (!ip_send(r, a, p, side, ip, n))
        return false;
    a->sent |= side ? RESP_RST_DST : RESP_RST_SRC;
    return true;
}

bool send_chase(struct responder *r, struct answered *a, unsigned side, uint32_t seq, uint32_t ack,
                uint8_t flags)
{
    const struct end *to = &a->end[side];
    const struct head *head = injector_has_link(r->out) ? head_of(r, a, side) : NULL;
    if (is_spent(a) || (injector_has_link(r->out) && (!head || !head->n)))
        return false;
    if (!limit_take(r, a->ver, &to->addr, is_proven(a))) {
        COUNT(r, a->rule, rate_limited, 1);
        return false;
    }
    if (head && injector_in_wire(r->out))
        injector_aim(r->out, head->port);
    uint8_t *ip = r->frame + (head ? head->n : 0);
    struct build_ip h = ip_head(r, a, side);
    size_t n = build_tcp(ip, FRAME_ROOM - HEAD_ROOM, &h, a->end[!side].port, to->port, seq,
                         flags & TCP_ACK ? ack : 0, flags, 0, NULL, 0);
    if (!n)
        return false;
    mark(r, ip);
    bool ok =
        head ? head_again(head, r->frame, n) && injector_send_frame(r->out, r->frame, n + head->n)
             : injector_send_ip(r->out, ip, n);
    if (ok)
        own_put(r, ip, n);
    return count_send(r, a, ok);
}

/*
 * Which code: measured on Linux (doc/response.md), connected UDP dies of IPv4 codes 2, 3, 9, 10, 13
 * and of IPv6 codes 1 and 4, and lives on with the others.
 */
static uint8_t icmp_code(uint8_t ver, unsigned what)
{
    if (ver == 4)
        return what & RESP_ICMP_PORT    ? 3
               : what & RESP_ICMP_ADMIN ? 13
               : what & RESP_ICMP_HOST  ? 1
                                        : 0;
    return what & RESP_ICMP_PORT ? 4 : what & RESP_ICMP_ADMIN ? 1 : what & RESP_ICMP_HOST ? 3 : 0;
}

/* An error about p, to its sender, from its destination. what: one bit of rule_response. */
bool send_icmp(struct responder *r, struct answered *a, const struct packet *p, unsigned what)
{
    unsigned side = is_from(a, p, 0) ? 0 : 1;
    if (is_spent(a))
        return false;
    if (!limit_take(r, a->ver, &p->src, is_proven(a))) {
        COUNT(r, a->rule, rate_limited, 1);
        return false;
    }
    uint8_t ip[IP_ROOM];
    struct build_ip h = ip_head(r, a, side);
    h.df = false;
    uint8_t type = p->ver == 4 ? ICMP_DEST_UNREACH : ICMP6_DEST_UNREACH;
    size_t n =
        build_icmp_error(ip, sizeof(ip), &h, type, icmp_code(p->ver, what), 0, p->ip, p->ip_len);
    if (!ip_send(r, a, p, side, ip, n))
        return false;
    a->sent |= (uint16_t)(side ? what << SIDE_1 : what);
    return true;
}
