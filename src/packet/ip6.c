/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * IPv6 (RFC 8200): the fixed header, the chain of extension headers, jumbograms (RFC 2675).
 *
 * The chain is walked to the transport, a fragment, or a header that nobody knows; repeated headers
 * are noted and passed.  A fragment header that says "whole" (RFC 6946) is passed like any other.
 */
#include "packet/decode.h"

enum { IP6_LEN = 40, EXT_MAX = 8192 /* as many as fit into 64 KB */ };

enum {
    SEEN_HOPOPT = 1u << 0,
    SEEN_DSTOPTS1 = 1u << 1,
    SEEN_DSTOPTS2 = 1u << 2,
    SEEN_ROUTING = 1u << 3,
    SEEN_FRAGMENT = 1u << 4,
    SEEN_AH = 1u << 5,
};

struct chain {
    uint8_t nh;         /* the header that comes next */
    uint32_t nh_at;     /* where that is written, from the IPv6 header */
    uint32_t seen;      /* SEEN_* */
    uint32_t jumbo_len; /* of a jumbo payload option */
};

static enum step ext_cut(struct way *w)
{
    if (w->p->cut) /* trunc_pkt has been said */
        w->p->flags |= PKT_INVALID | PKT_IGNORE;
    else
        way_broken(w, DECODE_IPV6_TRUNC_EXTHDR, 0);
    w->p->flags |= PKT_L4_BROKEN;
    return STEP_END;
}

enum { OPT6_PAD1 = 0, OPT6_PADN = 1, OPT6_ROUTER_ALERT = 5, OPT6_JUMBO = 194, OPT6_HOME = 201 };

/* One option of `len` bytes of data; false: of a wrong length. */
static bool option_read(struct way *w, struct chain *ch, uint8_t type, const uint8_t *data,
                        unsigned len, unsigned event_unknown)
{
    switch (type) {
    case OPT6_PADN:
        if (len == 0)
            packet_event(w->p, DECODE_IPV6_ZERO_LEN_PADN);
        return true;
    case OPT6_ROUTER_ALERT:
        return len == 2;
    case OPT6_JUMBO:
        if (len != 4)
            return false;
        ch->jumbo_len = be32_at(data);
        return true;
    case OPT6_HOME: /* RFC 6275: the checksum is over the home address */
        if (len != 16)
            return false;
        w->csum_src = data;
        return true;
    default:
        packet_event(w->p, event_unknown);
        return true;
    }
}

/* Hop-by-hop and destination options. */
static void options_read(struct way *w, struct chain *ch, struct cursor c)
{
    bool hop = ch->nh == IPPROTO_NUM_HOPOPT, only_padding = true;
    unsigned unknown = hop ? DECODE_IPV6_HOPOPTS_UNKNOWN_OPT : DECODE_IPV6_DSTOPTS_UNKNOWN_OPT;
    while (cur_left(&c)) {
        uint8_t type = cur_u8(&c);
        if (type == OPT6_PAD1)
            continue;
        uint8_t len = cur_u8(&c);
        const uint8_t *data = cur_take(&c, len);
        if (!data || !option_read(w, ch, type, data, len, unknown)) {
            packet_event(w->p, DECODE_IPV6_EXTHDR_INVALID_OPTLEN);
            return;
        }
        if (type != OPT6_PADN)
            only_padding = false;
    }
    if (only_padding)
        packet_event(w->p,
                     hop ? DECODE_IPV6_HOPOPTS_ONLY_PADDING : DECODE_IPV6_DSTOPTS_ONLY_PADDING);
}

/* Notes a kind of header; false (and the event) when it was there before. */
static bool first_of(struct way *w, struct chain *ch, uint32_t kind, unsigned event_again)
{
    if (ch->seen & kind) {
        packet_event(w->p, event_again);
        return false;
    }
    ch->seen |= kind;
    return true;
}

static void routing_read(struct way *w, struct chain *ch, const uint8_t *h, unsigned len)
{
    if (!first_of(w, ch, SEEN_ROUTING, DECODE_IPV6_EXTHDR_DUPL_RH))
        return;
    if (h[2] == 0)
        packet_event(w->p, DECODE_IPV6_RH_TYPE_0);
    if (h[3] == 0 || len < 24)
        return;
    /* on its way to another address: the checksum is over the last one */
    if (h[2] == 0 || h[2] == 2)
        w->csum_dst = h + (len & ~7u) - 16;
    else if (h[2] == 4)
        w->csum_dst = h + 8;
}

/* Headers of 8-byte units (RFC 6564): options, routing, mobility, HIP, shim6. */
static bool plain_ext_read(struct way *w, struct chain *ch)
{
    const uint8_t *h = cur_left(&w->c) >= 8 ? w->c.at : NULL;
    unsigned len = h ? 8 + h[1] * 8u : 0;
    if (!h || !cur_skip(&w->c, len)) {
        ext_cut(w);
        return false;
    }
    switch (ch->nh) {
    case IPPROTO_NUM_HOPOPT:
        if (first_of(w, ch, SEEN_HOPOPT, DECODE_IPV6_EXTHDR_DUPL_HH))
            options_read(w, ch, cur_of(h + 2, len - 2));
        break;
    case IPPROTO_NUM_DSTOPTS: /* one may stand before, one behind the routing header */
        if (!(ch->seen & SEEN_DSTOPTS1))
            ch->seen |= SEEN_DSTOPTS1;
        else if (!first_of(w, ch, SEEN_DSTOPTS2, DECODE_IPV6_EXTHDR_DUPL_DH))
            break;
        options_read(w, ch, cur_of(h + 2, len - 2));
        break;
    case IPPROTO_NUM_ROUTING:
        routing_read(w, ch, h, len);
        break;
    default:
        break;
    }
    ch->nh = h[0];
    ch->nh_at = (uint32_t)(h - w->p->ip);
    return true;
}

static bool ah_read(struct way *w, struct chain *ch)
{
    const uint8_t *h = cur_left(&w->c) >= 8 ? w->c.at : NULL;
    if (!h || !cur_skip(&w->c, (h[1] + 2u) * 4u)) {
        ext_cut(w);
        return false;
    }
    if (first_of(w, ch, SEEN_AH, DECODE_IPV6_EXTHDR_DUPL_AH) && be16_at(h + 2) != 0)
        packet_event(w->p, DECODE_IPV6_EXTHDR_AH_RES_NOT_NULL);
    ch->nh = h[0];
    ch->nh_at = (uint32_t)(h - w->p->ip);
    return true;
}

static void fragment_take(struct way *w, const struct chain *ch, const uint8_t *h)
{
    struct packet *p = w->p;
    p->flags |= PKT_FRAGMENT;
    w->d->n.frag_ipv6++;
    if (p->flags & PKT_INVALID || p->cut) {
        w->d->n.frag_refused++;
        return;
    }
    struct frag_piece f = {.hdr = p->ip,
                           .hdr_len = (uint32_t)(h - p->ip),
                           .nh_at = ch->nh_at,
                           .data = w->c.at,
                           .len = (uint32_t)cur_left(&w->c),
                           .off = p->frag_off,
                           .id = p->frag_id,
                           .more = p->ip_flags & 1,
                           .nh = h[0]};
    frag_take(w, &f);
}

/* False: the walk ends here (a real fragment, or broken). */
static bool fragment_read(struct way *w, struct chain *ch)
{
    struct packet *p = w->p;
    const uint8_t *h = cur_take(&w->c, 8);
    if (!h) {
        ext_cut(w);
        return false;
    }
    if (first_of(w, ch, SEEN_FRAGMENT, DECODE_IPV6_EXTHDR_DUPL_FH)) {
        uint16_t off = be16_at(h + 2);
        if (h[1] || off & 6)
            packet_event(p, DECODE_IPV6_FH_NON_ZERO_RESERVED_FIELD);
        p->frag_off = off & 0xfff8;
        p->ip_flags = off & 1;
        p->frag_id = be32_at(h + 4);
        p->ip_id = (uint16_t)p->frag_id;
        p->proto = h[0];
        if (off & 0xfff9) {
            fragment_take(w, ch, h);
            return false;
        }
        packet_event(p, DECODE_IPV6_EXTHDR_USELESS_FH);
    }
    ch->nh = h[0];
    ch->nh_at = (uint32_t)(h - p->ip);
    return true;
}

/* Takes one extension header; false ends the walk without a transport. */
static bool ext_read(struct way *w, struct chain *ch, bool *is_ext)
{
    *is_ext = true;
    switch (ch->nh) {
    case IPPROTO_NUM_HOPOPT:
    case IPPROTO_NUM_DSTOPTS:
    case IPPROTO_NUM_ROUTING:
    case IPPROTO_NUM_MOBILITY:
    case IPPROTO_NUM_HIP:
    case IPPROTO_NUM_SHIM6:
        return plain_ext_read(w, ch);
    case IPPROTO_NUM_AH:
        return ah_read(w, ch);
    case IPPROTO_NUM_FRAGMENT:
        return fragment_read(w, ch);
    case IPPROTO_NUM_NONE:
        if (cur_left(&w->c))
            packet_event(w->p, DECODE_IPV6_DATA_AFTER_NONE_HEADER);
        w->p->proto = IPPROTO_NUM_NONE;
        return false;
    default:
        *is_ext = false;
        return true;
    }
}

/* A jumbogram's length stands in the first option header; then the packet ends where that says. */
static void jumbo_end(struct way *w, const struct chain *ch)
{
    struct packet *p = w->p;
    uint32_t there = (uint32_t)(w->c.end - p->ip) - IP6_LEN;
    if (ch->jumbo_len && ch->jumbo_len < there && !w->f->seg_size) {
        const uint8_t *end = p->ip + IP6_LEN + ch->jumbo_len;
        w->c.end = end > w->c.at ? end : w->c.at;
        p->ip_len = (uint32_t)(w->c.end - p->ip);
    }
}

static enum step chain_read(struct way *w, uint8_t nh, bool jumbo)
{
    struct packet *p = w->p;
    struct chain ch = {.nh = nh, .nh_at = 6};
    bool is_ext = true;
    for (unsigned i = 0; is_ext; i++) {
        if (i == EXT_MAX)
            return way_broken(w, DECODE_TOO_MANY_LAYERS, PKT_L4_BROKEN);
        if (i > 0 && ch.nh != IPPROTO_NUM_NONE && cur_left(&w->c) < 2)
            return ext_cut(w); /* no header is that short, a transport's neither */
        bool go_on = ext_read(w, &ch, &is_ext);
        p->ip_hlen = (uint16_t)u32_min((uint32_t)(w->c.at - p->ip), UINT16_MAX);
        if (!go_on)
            return STEP_END;
        if (jumbo && i == 0)
            jumbo_end(w, &ch);
    }
    p->proto = ch.nh;
    return transport_read(w, ch.nh);
}

/* Payload length against what is there; sets ip_len and cut.  False: unusable, event set. */
static bool ip6_length(struct way *w, const uint8_t *h, bool *jumbo)
{
    struct packet *p = w->p;
    size_t left = cur_left(&w->c), plen = be16_at(h + 4);
    *jumbo = plen == 0 && h[6] == IPPROTO_NUM_HOPOPT && left > 0;
    bool super = w->f->seg_size != 0;
    if (*jumbo || (super && (plen == 0 || plen > left)))
        plen = left;
    p->ip_len = (uint32_t)(IP6_LEN + plen);
    if (plen > left) {
        packet_event(p, DECODE_IPV6_TRUNC_PKT);
        p->cut = (uint32_t)(plen - left);
        if (!way_snapped(w, p->cut)) {
            p->ip_len = p->cut = 0;
            way_broken(w, DECODE_IPV6_TRUNC_PKT, PKT_L3_BROKEN);
            return false;
        }
        p->ip_len = (uint32_t)(IP6_LEN + left);
    }
    w->c.end = h + p->ip_len;
    return true;
}

enum step ip6_read(struct way *w)
{
    struct packet *p = w->p;
    bool jumbo;
    w->d->n.ipv6++;
    if (!way_layer(w))
        return STEP_END;
    const uint8_t *h = cur_take(&w->c, IP6_LEN);
    if (!h)
        return way_broken(w, DECODE_IPV6_PKT_TOO_SMALL, PKT_L3_BROKEN);
    if (h[0] >> 4 != 6)
        return way_broken(w, DECODE_IPV6_WRONG_IP_VERSION, PKT_L3_BROKEN);
    if (!ip6_length(w, h, &jumbo))
        return STEP_END;
    p->ver = 6;
    p->ip = h;
    p->ip_hlen = IP6_LEN;
    p->src = ip_from_v6(h + 8);
    p->dst = ip_from_v6(h + 24);
    p->proto = h[6];
    p->ttl = h[7];
    p->tos = (uint8_t)(h[0] << 4 | h[1] >> 4);
    if (p->proto == IPPROTO_NUM_TCP)
        return tcp_read(w);
    if (p->proto == IPPROTO_NUM_UDP)
        return udp_read(w);
    return chain_read(w, p->proto, jumbo);
}
