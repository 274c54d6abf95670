/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Building and sending: addresses and TTL of the end that is impersonated, the link header of the target with
 * our own source MAC (a forged one would move the victim's entry in the switch), tags as in the packet.
 */
#include "verdict/respond.h"

#include <netinet/in.h>
#include <string.h>

enum { ICMP_DEST_UNREACH = 3, ICMP6_DEST_UNREACH = 1, TTL_DEFAULT = 64 };

bool can_send(const struct responder *r, const struct packet *p, const char **why)
{
    *why = NULL;
    if (!r->out)
        *why = "no response port";
    else if (p->flags & PKT_INNER)
        *why = "inside a tunnel";
    else if (injector_has_link(r->out) && (!p->l2 || !p->frame || p->frame->link != LINK_ETHERNET) && !(p->flags & PKT_REBUILT))
        *why = "no Ethernet header to answer to";
    else if (p->flags & PKT_PSEUDO)
        *why = "the connection is over";
    return !*why;
}

/* side: index in answered of the end that gets the packet. */
static bool put_on_wire(struct responder *r, const struct answered *a, const struct packet *p, unsigned side,
                        const uint8_t *ip, size_t n)
{
    if (!injector_has_link(r->out))
        return injector_send_ip(r->out, ip, n);
    /* Did the target send p, or was p on its way to it? */
    bool sent_it = ip_eq(&p->src, &a->addr[side]) && p->sp == a->port[side];
    const uint8_t *mac = NULL;
    if (r->config.has_dst_mac)
        mac = r->config.dst_mac;
    else if (p->l2)
        mac = sent_it ? p->l2 + 6 : p->l2;
    else if (a->flow && a->flow->mac_have == 3)
        mac = a->flow->mac[sent_it ? p->dir : !p->dir];
    if (!mac)
        return false;
    size_t l = build_ether(r->frame, sizeof(r->frame), mac, injector_mac(r->out), p, p->ver);
    if (!l || l + n > sizeof(r->frame))
        return false;
    memcpy(r->frame + l, ip, n);
    return injector_send_frame(r->out, r->frame, l + n);
}

static bool count_send(struct responder *r, struct answered *a, bool ok)
{
    struct response_counters *n = rule_count(r, a->rule);
    if (ok) {
        r->count.injected++;
        n->injected++;
        a->sends++;
        a->last_ns = r->now_ns;
    } else {
        r->count.failed++;
        n->failed++;
    }
    return ok;
}

static struct build_ip ip_head(struct responder *r, const struct answered *a, const struct packet *p, unsigned side)
{
    struct build_ip h = {.ver = a->ver,
                         .ttl = TTL_DEFAULT,
                         .id = ++r->ip_id,
                         .df = true,
                         .src = a->addr[!side],
                         .dst = a->addr[side]};
    /* TTL as the target sees it from the end that we impersonate. */
    bool peer_sent_it = ip_eq(&p->src, &h.src) && p->sp == a->port[!side];
    if (peer_sent_it && p->ttl)
        h.ttl = p->ttl;
    else if (a->flow && a->flow->ttl[!p->dir])
        h.ttl = a->flow->ttl[!p->dir];
    return h;
}

bool send_reset(struct responder *r, struct answered *a, const struct packet *p, unsigned side, uint32_t seq,
                uint32_t ack, uint8_t flags)
{
    if (!rate_ok(r, a->ver, &a->addr[side])) {
        r->count.rate_limited++;
        rule_count(r, a->rule)->rate_limited++;
        return false;
    }
    uint8_t ip[128];
    struct build_ip h = ip_head(r, a, p, side);
    size_t n = build_tcp(ip, sizeof(ip), &h, a->port[!side], a->port[side], seq, ack, flags, 0, NULL, 0);
    own_put(r, own_hash(&h.src, &h.dst, a->port[!side], a->port[side], seq));
    a->last_seq[side] = seq;
    a->reset_to[side] = true;
    return count_send(r, a, n && put_on_wire(r, a, p, side, ip, n));
}

/*
 * Which code: measured on Linux (doc/response.md): connected UDP dies of IPv4 codes 2, 3, 9, 10, 13 and IPv6 1, 4.
 */
static uint8_t icmp_code(uint8_t ver, unsigned what)
{
    if (ver == 4)
        return what & RESP_ICMP_PORT ? 3 : what & RESP_ICMP_ADMIN ? 13 : what & RESP_ICMP_HOST ? 1 : 0;
    return what & RESP_ICMP_PORT ? 4 : what & RESP_ICMP_ADMIN ? 1 : what & RESP_ICMP_HOST ? 3 : 0;
}

/* An error about p, to its sender, from its destination. what: one bit of rule_response. */
bool send_icmp(struct responder *r, struct answered *a, const struct packet *p, unsigned what)
{
    if (!rate_ok(r, p->ver, &p->src)) {
        r->count.rate_limited++;
        rule_count(r, a->rule)->rate_limited++;
        return false;
    }
    uint8_t ip[1400];
    unsigned side = ip_eq(&a->addr[0], &p->src) && a->port[0] == p->sp ? 0 : 1;
    struct build_ip h = ip_head(r, a, p, side);
    uint8_t type = p->ver == 4 ? ICMP_DEST_UNREACH : ICMP6_DEST_UNREACH;
    size_t n = build_icmp_error(ip, sizeof(ip), &h, type, icmp_code(p->ver, what), 0, p->ip, p->ip_len);
    return count_send(r, a, n && put_on_wire(r, a, p, side, ip, n));
}
