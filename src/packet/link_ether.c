/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Ethernet and what stands between it and the network layer: 802.3 with LLC/SNAP, VLAN tags
 * (802.1Q, 802.1ad), 802.1ah, VN-Tag, E-Tag (802.1BR), FabricPath (DCE), NSH (RFC 8300), MPLS (RFC
 * 3032), ARP.
 */
#include "packet/decode.h"

enum { ETHER_LEN = 14, MPLS_LABELS_MAX = 64 };

static const struct {
    uint16_t type;
    uint8_t step;
} ethertypes[] = {
    {ETHERTYPE_NUM_IPV4, STEP_IP4},
    {ETHERTYPE_NUM_IPV6, STEP_IP6},
    {ETHERTYPE_NUM_VLAN, STEP_VLAN},
    {ETHERTYPE_NUM_QINQ, STEP_VLAN},
    {ETHERTYPE_NUM_QINQ_OLD, STEP_VLAN},
    {ETHERTYPE_NUM_ARP, STEP_ARP},
    {ETHERTYPE_NUM_MPLS, STEP_MPLS},
    {ETHERTYPE_NUM_MPLS_MCAST, STEP_MPLS},
    {ETHERTYPE_NUM_PPPOE_SESS, STEP_PPPOE_SESS},
    {ETHERTYPE_NUM_PPPOE_DISC, STEP_PPPOE_DISC},
    {ETHERTYPE_NUM_BRIDGE, STEP_ETHER},
    {ETHERTYPE_NUM_8021AH, STEP_PBB},
    {ETHERTYPE_NUM_VNTAG, STEP_VNTAG},
    {ETHERTYPE_NUM_ETAG, STEP_ETAG},
    {ETHERTYPE_NUM_DCE, STEP_DCE},
    {ETHERTYPE_NUM_NSH, STEP_NSH},
};

enum step ethertype_step(uint16_t type)
{
    for (unsigned i = 0; i < ARRAY_LEN(ethertypes); i++)
        if (ethertypes[i].type == type)
            return ethertypes[i].step;
    return STEP_NONE;
}

/* 802.2: SNAP with an ethertype behind it, or IP as a service of its own. */
static enum step llc_step(struct way *w, uint16_t len)
{
    struct cursor c = w->c;
    if (len < cur_left(&c))
        c.end = c.at + len; /* the rest is padding */
    const uint8_t *h = cur_take(&c, 3);
    if (!h)
        return STEP_NONE;
    if (h[0] == 0x06 && h[1] == 0x06 && h[2] == 0x03) {
        w->c = c;
        return STEP_IP4;
    }
    const uint8_t *snap = h[0] == 0xaa && h[1] == 0xaa && h[2] == 0x03 ? cur_take(&c, 5) : NULL;
    if (!snap || snap[0] || snap[1] || (snap[2] && snap[2] != 0xf8))
        return STEP_NONE;
    enum step s = ethertype_step(be16_at(snap + 3));
    if (s != STEP_NONE)
        w->c = c;
    return s;
}

enum step way_ethertype(struct way *w, uint16_t type)
{
    enum step s = type < 0x600 ? llc_step(w, type) : ethertype_step(type);
    if (s == STEP_VNTAG && w->d->cfg.no_vntag)
        s = STEP_NONE;
    if (s == STEP_NONE) {
        w->d->n.unknown_ethertype++;
        packet_event(w->p, DECODE_ETHERNET_UNKNOWN_ETHERTYPE);
    }
    return s;
}

enum step ether_read(struct way *w)
{
    if (!way_layer(w))
        return STEP_END;
    w->d->n.ethernet++;
    const uint8_t *h = cur_take(&w->c, ETHER_LEN);
    if (!h)
        return way_broken(w, DECODE_ETHERNET_PKT_TOO_SMALL, 0);
    if (!w->p->l2)
        w->p->l2 = h;
    uint16_t type = be16_at(h + 12);
    if (type == ETHERTYPE_NUM_IPV4) /* nearly always: no table, no indirect call */
        return ip4_read(w);
    enum step s = way_ethertype(w, type);
    return s == STEP_NONE ? STEP_END : s;
}

/* A tag whose header is `len` bytes that end in an ethertype.  NULL: broken. */
static const uint8_t *tag_take(struct way *w, unsigned len, unsigned event_small)
{
    if (!way_layer(w))
        return NULL;
    const uint8_t *h = cur_take(&w->c, len);
    if (!h)
        way_broken(w, event_small, 0);
    return h;
}

static enum step tag_next(struct way *w, uint16_t type, unsigned event_unknown)
{
    enum step s = way_ethertype(w, type);
    return s == STEP_NONE ? way_broken(w, event_unknown, 0) : s;
}

enum step vlan_read(struct way *w)
{
    struct packet *p = w->p;
    struct decode_counters *n = &w->d->n;
    if (p->vlan_n == 0)
        n->vlan++;
    else if (p->vlan_n == 1)
        n->vlan_qinq++;
    else if (p->vlan_n == 2)
        n->vlan_qinqinq++;
    const uint8_t *h = tag_take(w, 4, DECODE_VLAN_HEADER_TOO_SMALL);
    if (!h)
        return STEP_END;
    if (p->vlan_n == PACKET_VLANS)
        return way_broken(w, DECODE_VLAN_TOO_MANY_LAYERS, 0);
    p->vlan[p->vlan_n++] = be16_at(h) & 0x0fff;
    return tag_next(w, be16_at(h + 2), DECODE_VLAN_UNKNOWN_TYPE);
}

/* 802.1ah: I-Tag, customer's addresses, ethertype. */
enum step pbb_read(struct way *w)
{
    w->d->n.ieee8021ah++;
    const uint8_t *h = tag_take(w, 18, DECODE_IEEE8021AH_HEADER_TOO_SMALL);
    if (!h)
        return STEP_END;
    enum step s = way_ethertype(w, be16_at(h + 16));
    return s == STEP_NONE ? STEP_END : s;
}

enum step vntag_read(struct way *w)
{
    w->d->n.vntag++;
    const uint8_t *h = tag_take(w, 6, DECODE_VNTAG_HEADER_TOO_SMALL);
    return h ? tag_next(w, be16_at(h + 4), DECODE_VNTAG_UNKNOWN_TYPE) : STEP_END;
}

enum step etag_read(struct way *w)
{
    w->d->n.etag++;
    const uint8_t *h = tag_take(w, 8, DECODE_ETAG_HEADER_TOO_SMALL);
    return h ? tag_next(w, be16_at(h + 6), DECODE_ETAG_UNKNOWN_TYPE) : STEP_END;
}

/* FabricPath: two bytes (tree, TTL), then a whole Ethernet frame. */
enum step dce_read(struct way *w)
{
    if (cur_left(&w->c) < 2 + ETHER_LEN)
        return way_broken(w, DECODE_DCE_PKT_TOO_SMALL, 0);
    (void)cur_skip(&w->c, 2);
    return STEP_ETHER;
}

enum step nsh_read(struct way *w)
{
    static const uint8_t next[] = {
        [1] = STEP_IP4, [2] = STEP_IP6, [3] = STEP_ETHER, [5] = STEP_MPLS};
    w->d->n.nsh++;
    if (!way_layer(w))
        return STEP_END;
    struct cursor c = w->c;
    const uint8_t *h = cur_take(&c, 8); /* base and service path */
    if (!h)
        return way_broken(w, DECODE_NSH_HEADER_TOO_SMALL, 0);
    unsigned len = (h[1] & 0x3f) * 4u, md = h[2] & 0x0f;
    if (h[0] >> 6 != 0)
        return way_broken(w, DECODE_NSH_UNSUPPORTED_VERSION, 0);
    if (md == 0)
        return way_broken(w, DECODE_NSH_RESERVED_TYPE, 0);
    if (md > 2)
        return way_broken(w, DECODE_NSH_UNSUPPORTED_TYPE, 0);
    if ((md == 1 && len != 24) || len < 8 || !cur_skip(&w->c, len))
        return way_broken(w, DECODE_NSH_BAD_HEADER_LENGTH, 0);
    if (h[3] >= ARRAY_LEN(next) || !next[h[3]])
        return way_broken(w, DECODE_NSH_UNKNOWN_PAYLOAD, 0);
    return next[h[3]];
}

/* What a bottom label that is reserved says of the payload. */
static enum step mpls_payload(struct way *w, uint32_t label)
{
    switch (label) {
    case 0:
        return STEP_IP4;
    case 2:
        return STEP_IP6;
    case 1:
        return way_broken(w, DECODE_MPLS_BAD_LABEL_ROUTER_ALERT, 0);
    case 3:
        return way_broken(w, DECODE_MPLS_BAD_LABEL_IMPLICIT_NULL, 0);
    default:
        break;
    }
    if (label < 16)
        return way_broken(w, DECODE_MPLS_BAD_LABEL_RESERVED, 0);
    if (cur_left(&w->c) < 4)
        return way_broken(w, DECODE_MPLS_PKT_TOO_SMALL, 0);
    switch (w->c.at[0] >> 4) {
    case 4:
        return STEP_IP4;
    case 6:
        return STEP_IP6;
    case 0: /* control word of a pseudo-wire */
        (void)cur_skip(&w->c, 4);
        return STEP_ETHER;
    default:
        return way_broken(w, DECODE_MPLS_UNKNOWN_PAYLOAD_TYPE, 0);
    }
}

enum step mpls_read(struct way *w)
{
    w->d->n.mpls++;
    if (!way_layer(w))
        return STEP_END;
    for (unsigned i = 0; i < MPLS_LABELS_MAX; i++) {
        const uint8_t *h = cur_take(&w->c, 4);
        if (!h)
            break;
        uint32_t v = be32_at(h);
        w->p->mpls_label = v >> 12;
        if (v & 0x100)
            return mpls_payload(w, v >> 12);
    }
    return way_broken(w, DECODE_MPLS_HEADER_TOO_SMALL, 0);
}

static bool arp_opcode_known(uint16_t op)
{
    return (op >= 1 && op <= 4) || (op >= 8 && op <= 10); /* ARP, RARP, InARP, NAK */
}

enum step arp_read(struct way *w)
{
    struct packet *p = w->p;
    w->d->n.arp++;
    if (!way_layer(w))
        return STEP_END;
    const uint8_t *h = cur_take(&w->c, 28);
    if (!h)
        return way_broken(w, DECODE_ARP_PKT_TOO_SMALL, 0);
    if (be16_at(h) != 1)
        return way_broken(w, DECODE_ARP_UNSUPPORTED_HARDWARE, 0);
    if (be16_at(h + 2) != ETHERTYPE_NUM_IPV4)
        return way_broken(w, DECODE_ARP_UNSUPPORTED_PROTOCOL, 0);
    if (h[4] != 6)
        return way_broken(w, DECODE_ARP_INVALID_HARDWARE_SIZE, 0);
    if (h[5] != 4)
        return way_broken(w, DECODE_ARP_INVALID_PROTOCOL_SIZE, 0);
    if (!arp_opcode_known(be16_at(h + 6)))
        return way_broken(w, DECODE_ARP_UNSUPPORTED_OPCODE, 0);
    p->flags |= PKT_ARP;
    p->l4 = h;
    p->l4_len = 28;
    return STEP_END;
}
