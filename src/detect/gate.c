/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The gate: what a packet is, in one word of which each group has at most one bit (transport, direction,
 * state of the flow, IP version, fragment, application, classes of addresses and ports), and for each
 * rule a word with the bits that it takes.  A rule that lacks a bit of the packet's can't hold: most
 * candidates end here, before they are sorted or looked at.  rule_header_ok stays the judge; the gate only
 * lets fewer through to it.
 */
#include "detect/match.h"

#include <errno.h>

enum {
    GATE_TRANSPORT = 0, /* TR_COUNT bits */
    GATE_TO_SERVER = 8,
    GATE_TO_CLIENT,
    GATE_NO_FLOW,
    GATE_EST,
    GATE_NOT_EST,
    GATE_IP4,
    GATE_IP6,
    GATE_NO_IP,
    GATE_FRAGMENT,
    GATE_WHOLE,
    GATE_APP, /* APP_BITS bits, by the protocol's number */
    APP_BITS = 8,
    GATE_ADDR = 32, /* source; then destination; CLASS_BITS each, by the class's number */
    GATE_PORT = 48,
    CLASS_BITS = 8,
};
static_assert((int)TR_COUNT <= (int)GATE_TO_SERVER, "a bit for each transport");
static_assert(GATE_APP + APP_BITS <= GATE_ADDR && GATE_PORT + 2 * CLASS_BITS <= 64, "a gate is one word");

#define BIT(n) (1ull << (n))

static const uint8_t transport_bit[TR_COUNT] = {RULE_TCP,  RULE_UDP,      RULE_ICMP4, RULE_ICMP6,
                                                RULE_SCTP, RULE_IP_OTHER, RULE_NO_IP};

static uint64_t app_bits(uint16_t rule_app)
{
    uint64_t bits = 0;
    for (unsigned have = 0; have < APP_COUNT; have++)
        if (!rule_app || app_covers(rule_app, have))
            bits |= BIT(GATE_APP + have % APP_BITS);
    return bits;
}

static uint64_t flow_bits(const struct img_rule *r)
{
    uint64_t bits = 0;
    uint32_t f = r->flags;
    if (r->dirs & 1)
        bits |= BIT(GATE_TO_SERVER);
    if (r->dirs & 2)
        bits |= BIT(GATE_TO_CLIENT);
    if (!(f & (RULE_TO_SERVER | RULE_TO_CLIENT | RULE_ESTABLISHED | RULE_NEEDS_FLOW)) && !r->app)
        bits |= BIT(GATE_NO_FLOW);
    if ((f & RULE_ESTABLISHED) || !(f & RULE_NOT_ESTABLISHED))
        bits |= BIT(GATE_EST);
    if (!(f & RULE_ESTABLISHED))
        bits |= BIT(GATE_NOT_EST);
    return bits;
}

/* For each expression the classes that it holds for. */
struct holds {
    uint8_t *addr, *port;
};

static uint64_t end_bits(const struct img_rule *r, const struct holds *h)
{
    uint64_t bits = 0;
    for (unsigned e = 0; e < 2; e++) {
        uint64_t a = r->addr[e] ? h->addr[r->addr[e]] : 0xff;
        uint64_t p = r->port[e] && !r->n_apps ? h->port[r->port[e]] : 0xff; /* a service stands beside ports */
        for (unsigned way = 0; way < (r->flags & RULE_BOTH_WAYS ? 2u : 1u); way++)
            bits |= a << (GATE_ADDR + CLASS_BITS * (e ^ way)) | p << (GATE_PORT + CLASS_BITS * (e ^ way));
    }
    return bits;
}

static uint64_t gate_of_rule(const struct img_rule *r, const struct overlay_rule *o, const struct holds *h)
{
    uint64_t bits = flow_bits(r) | end_bits(r, h) | app_bits(r->app);
    uint32_t f = r->flags;
    if (!o->enabled)
        return 0;
    if (f & RULE_PKTHDR)
        return UINT64_MAX;
    for (unsigned t = 0; t < TR_COUNT; t++)
        if (r->transports & transport_bit[t])
            bits |= BIT(GATE_TRANSPORT + t);
    if (!(f & RULE_IP6_ONLY))
        bits |= BIT(GATE_IP4);
    if (!(f & RULE_IP4_ONLY))
        bits |= BIT(GATE_IP6);
    if (!(f & (RULE_IP4_ONLY | RULE_IP6_ONLY)))
        bits |= BIT(GATE_NO_IP);
    if (!(f & RULE_NO_FRAG))
        bits |= BIT(GATE_FRAGMENT);
    if (!(f & RULE_ONLY_FRAG))
        bits |= BIT(GATE_WHOLE);
    return bits;
}

static uint8_t *expr_holds(const uint64_t *rows, uint32_t words, uint32_t classes, uint64_t exprs)
{
    uint8_t *h = calloc(exprs + 1, 1);
    for (uint32_t c = 0; h && c < classes; c++)
        for (uint64_t x = 0; x < exprs; x++)
            if (rows[(size_t)c * words + x / 64] >> (x % 64) & 1)
                h[x] |= (uint8_t)(1u << c % CLASS_BITS);
    return h;
}

int gates_build(struct overlay *o)
{
    const struct image *i = o->image;
    uint32_t n = image_n_rules(i);
    struct holds h = {expr_holds(o->addr_bits, o->addr_words, o->n_addr_classes, img_count(i, SEC_ADDRS)),
                      expr_holds(o->port_bits, o->port_words, o->n_port_classes, img_count(i, SEC_PORTS))};
    o->gate = calloc(n + 1, sizeof(*o->gate));
    int rc = h.addr && h.port && o->gate ? 0 : -ENOMEM;
    for (uint32_t k = 0; k < n && !rc; k++)
        o->gate[k] = gate_of_rule(&i->rules[k], &o->rule[k], &h);
    free(h.addr);
    free(h.port);
    return rc;
}

/* Of packets that have ends. */
static uint64_t ends_of_packet(struct detect *d)
{
    uint64_t bits = 0;
    bool ports = d->transport <= TR_UDP || d->transport == TR_SCTP;
    packet_classes(d);
    for (unsigned e = 0; e < 2; e++) {
        bits |= BIT(GATE_ADDR + CLASS_BITS * e + d->addr_class[e] % CLASS_BITS);
        if (ports)
            bits |= BIT(GATE_PORT + CLASS_BITS * e + d->port_class[e] % CLASS_BITS);
    }
    return bits;
}

uint64_t gate_of_packet(struct detect *d)
{
    const struct packet *p = d->p;
    const struct flow *f = p->flow;
    uint64_t bits = BIT(GATE_TRANSPORT + d->transport);
    bits |= p->ver == 4 ? BIT(GATE_IP4) : p->ver == 6 ? BIT(GATE_IP6) : BIT(GATE_NO_IP);
    bits |= p->flags & (PKT_FRAGMENT | PKT_REBUILT) ? BIT(GATE_FRAGMENT) : BIT(GATE_WHOLE);
    if (p->ver)
        bits |= ends_of_packet(d);
    if (!f)
        return bits | BIT(GATE_NO_FLOW);
    bits |= p->dir ? BIT(GATE_TO_CLIENT) : BIT(GATE_TO_SERVER);
    bits |= flow_is_established(p) ? BIT(GATE_EST) : BIT(GATE_NOT_EST);
    /* Two protocols in one flow: no bit for it, the header check looks. */
    uint16_t dir = f->app_proto[p->dir];
    if ((!dir || dir == f->app_proto_any) && f->app_proto_any < APP_COUNT)
        bits |= BIT(GATE_APP + f->app_proto_any % APP_BITS);
    return bits;
}
