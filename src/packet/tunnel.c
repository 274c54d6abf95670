/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tunnels: GRE (RFC 2784, 2890, 1701; version 1: RFC 2637), ERSPAN, IP in IP (RFC 2003, 4213),
 * VXLAN (RFC 7348), Geneve (RFC 8926), Teredo (RFC 4380).  Each leaves the inner packet to the
 * driver.
 */
#include "packet/decode.h"

enum { IP4_LEN = 20, IP6_LEN = 40 };

/* GRE's first two bytes */
enum {
    GRE_CSUM = 0x8000,
    GRE_ROUTE = 0x4000,
    GRE_KEY = 0x2000,
    GRE_SEQ = 0x1000,
    GRE_SSR = 0x0800,
    GRE_RECUR = 0x0700,
    GRE_ACK1 = 0x0080, /* version 1 */
    GRE_FLAGS0 = 0x00f8,
    GRE_FLAGS1 = 0x0078,
    GRE_VERSION = 0x0007,
};

/* Source route entries until the empty one. */
static bool gre_routes(struct cursor *c)
{
    for (;;) {
        const uint8_t *e = cur_take(c, 4);
        if (!e)
            return false;
        if (be16_at(e) == 0 && e[3] == 0)
            return true;
        if (!cur_skip(c, e[3]))
            return false;
    }
}

static bool gre0_read(struct way *w, unsigned flags, struct cursor *c)
{
    unsigned event = DECODE_EVENT_COUNT;
    size_t more = (flags & GRE_KEY ? 4 : 0) + (flags & GRE_SEQ ? 4 : 0) +
                  (flags & (GRE_CSUM | GRE_ROUTE) ? 4 : 0);
    if (flags & GRE_RECUR)
        event = DECODE_GRE_VERSION0_RECUR;
    else if (flags & GRE_FLAGS0)
        event = DECODE_GRE_VERSION0_FLAGS;
    else if (!cur_skip(c, more))
        event = DECODE_GRE_VERSION0_HDR_TOO_BIG;
    else if (flags & GRE_ROUTE && !gre_routes(c))
        event = DECODE_GRE_VERSION0_MALFORMED_SRE_HDR;
    if (event == DECODE_EVENT_COUNT)
        return true;
    way_broken(w, event, PKT_L4_BROKEN);
    return false;
}

static bool gre1_read(struct way *w, unsigned flags, uint16_t proto, struct cursor *c)
{
    static const struct {
        uint16_t flag, event;
    } wrong[] = {
        {GRE_CSUM, DECODE_GRE_VERSION1_CHKSUM},  {GRE_ROUTE, DECODE_GRE_VERSION1_ROUTE},
        {GRE_SSR, DECODE_GRE_VERSION1_SSR},      {GRE_RECUR, DECODE_GRE_VERSION1_RECUR},
        {GRE_FLAGS1, DECODE_GRE_VERSION1_FLAGS},
    };
    unsigned event = DECODE_EVENT_COUNT;
    for (unsigned i = 0; i < ARRAY_LEN(wrong) && event == DECODE_EVENT_COUNT; i++)
        if (flags & wrong[i].flag)
            event = wrong[i].event;
    size_t more = 4 + (flags & GRE_SEQ ? 4u : 0u) + (flags & GRE_ACK1 ? 4u : 0u);
    if (event != DECODE_EVENT_COUNT)
        ;
    else if (proto != ETHERTYPE_NUM_PPP)
        event = DECODE_GRE_VERSION1_WRONG_PROTOCOL;
    else if (!(flags & GRE_KEY))
        event = DECODE_GRE_VERSION1_NO_KEY;
    else if (!cur_skip(c, more))
        event = DECODE_GRE_VERSION1_HDR_TOO_BIG;
    if (event == DECODE_EVENT_COUNT)
        return true;
    way_broken(w, event, PKT_L4_BROKEN);
    return false;
}

static void gre_payload(struct way *w, unsigned flags, uint16_t proto, struct cursor c)
{
    if (cur_left(&c) == 0) /* an acknowledgement, a keep-alive */
        return;
    switch (proto) {
    case ETHERTYPE_NUM_PPP:
        way_inner(w, STEP_PPP, c, PKT_SRC_GRE);
        return;
    case ETHERTYPE_NUM_ERSPAN:
        if (flags & GRE_SEQ)
            way_inner(w, STEP_ERSPAN2, c, PKT_SRC_ERSPAN);
        else if (w->d->cfg.erspan_i)
            way_inner(w, STEP_ERSPAN1, c, PKT_SRC_ERSPAN);
        return;
    case ETHERTYPE_NUM_ERSPAN3:
        way_inner(w, STEP_ERSPAN3, c, PKT_SRC_ERSPAN);
        return;
    default:
        break;
    }
    if (!way_inner_type(w, proto, c, PKT_SRC_GRE)) {
        w->p->payload = c.at;
        w->p->payload_len = (uint32_t)cur_left(&c);
    }
}

enum step gre_read(struct way *w)
{
    struct packet *p = w->p;
    w->d->n.gre++;
    if (!way_layer(w))
        return STEP_END;
    struct cursor c = w->c;
    const uint8_t *h = cur_take(&c, 4);
    if (!h)
        return way_broken(w, DECODE_GRE_PKT_TOO_SMALL, PKT_L4_BROKEN);
    unsigned flags = be16_at(h);
    uint16_t proto = be16_at(h + 2);
    bool good;
    switch (flags & GRE_VERSION) {
    case 0:
        good = gre0_read(w, flags, &c);
        break;
    case 1:
        good = gre1_read(w, flags, proto, &c);
        break;
    default:
        return way_broken(w, DECODE_GRE_WRONG_VERSION, PKT_L4_BROKEN);
    }
    if (!good)
        return STEP_END;
    p->l4 = h;
    p->l4_len = (uint32_t)(c.end - h);
    gre_payload(w, flags, proto, c);
    return STEP_END;
}

/* Type I has no header of its own. */
enum step erspan1_read(struct way *w)
{
    w->d->n.erspan++;
    return STEP_ETHER;
}

enum step erspan2_read(struct way *w)
{
    struct packet *p = w->p;
    w->d->n.erspan++;
    if (!way_layer(w))
        return STEP_END;
    const uint8_t *h = cur_take(&w->c, 8);
    if (!h || cur_left(&w->c) < 14)
        return way_broken(w, DECODE_ERSPAN_HEADER_TOO_SMALL, 0);
    if (h[0] >> 4 != 1)
        return way_broken(w, DECODE_ERSPAN_UNSUPPORTED_VERSION, 0);
    uint16_t vlan = be16_at(h) & 0x0fff;
    if (vlan) {
        if (p->vlan_n == PACKET_VLANS)
            return way_broken(w, DECODE_ERSPAN_TOO_MANY_VLAN_LAYERS, 0);
        p->vlan[p->vlan_n++] = vlan;
    }
    return STEP_ETHER;
}

enum step erspan3_read(struct way *w)
{
    w->d->n.erspan++;
    return way_broken(w, DECODE_ERSPAN_UNSUPPORTED_VERSION, 0);
}

/* The four forms of IP in IP. */
enum step ipip_read(struct way *w, uint8_t proto)
{
    struct packet *p = w->p;
    struct decode_counters *n = &w->d->n;
    bool in4 = proto == IPPROTO_NUM_IPIP;
    size_t left = cur_left(&w->c);
    if (p->ver == 6) {
        if (in4)
            n->ipv4_in_ipv6++;
        else
            n->ipv6_in_ipv6++;
        if (left < (in4 ? IP4_LEN : IP6_LEN))
            return way_broken(
                w, in4 ? DECODE_IPV6_IPV4_IN_IPV6_TOO_SMALL : DECODE_IPV6_IPV6_IN_IPV6_TOO_SMALL,
                PKT_L4_BROKEN);
        if (w->c.at[0] >> 4 != (in4 ? 4 : 6))
            return way_broken(w,
                              in4 ? DECODE_IPV6_IPV4_IN_IPV6_WRONG_VERSION
                                  : DECODE_IPV6_IPV6_IN_IPV6_WRONG_VERSION,
                              PKT_L4_BROKEN);
        return way_inner(w, in4 ? STEP_IP4 : STEP_IP6, w->c, PKT_SRC_IPV6);
    }
    if (in4)
        n->ipv4_in_ipv4++;
    else
        n->ipv6_in_ipv4++;
    if (left == 0)
        return STEP_END;
    return way_inner(w, in4 ? STEP_IP4 : STEP_IP6, w->c, PKT_SRC_IPV4);
}

static void vxlan_read(struct way *w, struct cursor c)
{
    const uint8_t *h = cur_take(&c, 8);
    if (!h || !(h[0] & 0x08) || cur_left(&c) < 14)
        return;
    if (ethertype_step(be16_at(c.at + 12)) == STEP_NONE) {
        packet_event(w->p, DECODE_VXLAN_UNKNOWN_PAYLOAD_TYPE);
        return;
    }
    w->d->n.vxlan++;
    w->p->vxlan_vni = be24_at(h + 4);
    way_inner(w, STEP_ETHER, c, PKT_SRC_VXLAN);
}

/* Options are of 4 bytes and a length each and must fill their space. */
static bool geneve_options_good(struct cursor c)
{
    while (cur_left(&c)) {
        const uint8_t *o = cur_take(&c, 4);
        if (!o || !cur_skip(&c, (o[3] & 0x1f) * 4u))
            return false;
    }
    return true;
}

static void geneve_read(struct way *w, struct cursor c)
{
    const uint8_t *h = cur_take(&c, 8);
    if (!h || h[0] >> 6 != 0)
        return;
    struct cursor options = cur_sub(&c, (h[0] & 0x3f) * 4u);
    if (options.bad || !geneve_options_good(options))
        return;
    if (!way_inner_type(w, be16_at(h + 2), c, PKT_SRC_GENEVE)) {
        packet_event(w->p, DECODE_GENEVE_UNKNOWN_PAYLOAD_TYPE);
        return;
    }
    w->d->n.geneve++;
    w->p->vxlan_vni = be24_at(h + 4);
}

/*
 * Teredo has no mark of its own: an IPv6 packet that fills the datagram exactly, maybe behind an
 * origin indication.  What has an authentication header is the qualification of a client with its
 * server, not traffic.
 */
static void teredo_read(struct way *w, struct cursor c)
{
    if (cur_left(&c) >= 8 && c.at[0] == 0 && c.at[1] == 0)
        (void)cur_skip(&c, 8);
    if (cur_left(&c) < IP6_LEN || c.at[0] >> 4 != 6 ||
        cur_left(&c) != (size_t)IP6_LEN + be16_at(c.at + 4))
        return;
    way_inner(w, STEP_IP6, c, PKT_SRC_TEREDO);
    w->inner_quiet = true;
    w->d->n.teredo++;
}

static bool port_in(const uint16_t ports[4], uint16_t port)
{
    return port && (ports[0] == port || ports[1] == port || ports[2] == port || ports[3] == port);
}

void udp_tunnel_read(struct way *w, struct cursor payload)
{
    const struct decode_config *cfg = &w->d->cfg;
    const struct packet *p = w->p;
    if (cfg->vxlan && port_in(cfg->vxlan_ports, p->dp))
        vxlan_read(w, payload);
    else if (cfg->geneve && port_in(cfg->geneve_ports, p->dp))
        geneve_read(w, payload);
    else if (cfg->teredo && (cfg->teredo_any || port_in(cfg->teredo_ports, p->dp) ||
                             port_in(cfg->teredo_ports, p->sp)))
        teredo_read(w, payload);
}
