/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Link layers other than Ethernet: Linux cooked captures, BSD loopback, raw IP, PPP (RFC 1661,
 * 1662), PPPoE (RFC 2516), Cisco HDLC.
 */
#include "packet/decode.h"

static void l2_here(struct way *w)
{
    if (!w->p->l2)
        w->p->l2 = w->c.at;
}

/* By ethertype, without a word about unknown ones but the count. */
static enum step type_next(struct way *w, uint16_t type)
{
    enum step s = way_ethertype(w, type);
    return s == STEP_NONE ? STEP_END : s;
}

enum step sll_read(struct way *w)
{
    w->d->n.sll++;
    if (!way_layer(w))
        return STEP_END;
    l2_here(w);
    const uint8_t *h = cur_take(&w->c, 16);
    if (!h)
        return way_broken(w, DECODE_SLL_PKT_TOO_SMALL, 0);
    return type_next(w, be16_at(h + 14));
}

enum step sll2_read(struct way *w)
{
    w->d->n.sll2++;
    if (!way_layer(w))
        return STEP_END;
    l2_here(w);
    const uint8_t *h = cur_take(&w->c, 20);
    if (!h)
        return way_broken(w, DECODE_SLL2_PKT_TOO_SMALL, 0);
    return type_next(w, be16_at(h));
}

/* BSD loopback: an address family in the byte order of the capturing host (LOOP: of the network).
 */
enum step null_read(struct way *w)
{
    w->d->n.null++;
    if (!way_layer(w))
        return STEP_END;
    l2_here(w);
    const uint8_t *h = cur_take(&w->c, 4);
    if (!h)
        return way_broken(w, DECODE_LTNULL_PKT_TOO_SMALL, 0);
    uint32_t family = le32_at(h);
    if (family > 0xffff)
        family = be32_at(h);
    switch (family) {
    case 2:
        return STEP_IP4;
    case 10: /* Linux, and the BSDs' and macOS' various AF_INET6 */
    case 24:
    case 28:
    case 30:
        return STEP_IP6;
    default:
        packet_event(w->p, DECODE_LTNULL_UNSUPPORTED_TYPE);
        return STEP_END;
    }
}

enum step raw_read(struct way *w)
{
    w->d->n.raw++;
    if (cur_left(&w->c) < 20)
        return way_broken(w, DECODE_IPV4_PKT_TOO_SMALL, 0);
    switch (w->c.at[0] >> 4) {
    case 4:
        return STEP_IP4;
    case 6:
        return STEP_IP6;
    default:
        packet_event(w->p, DECODE_IPRAW_INVALID_IP_VERSION);
        return STEP_END;
    }
}

/* PPP protocol numbers that carry packets which nobody here reads. */
static const uint16_t ppp_unsupported[] = {
    0x0023, 0x0025, 0x0027, 0x0029, 0x002b, 0x002f, 0x0031, 0x0033, 0x0035, 0x003d, 0x003f,
    0x004b, 0x004d, 0x004f, 0x0201, 0x0203, 0x0205, 0x0207, 0x0231, 0x00fb, 0x00fd,
};

static bool ppp_is_unsupported(uint16_t proto)
{
    for (unsigned i = 0; i < ARRAY_LEN(ppp_unsupported); i++)
        if (ppp_unsupported[i] == proto)
            return true;
    return false;
}

static enum step ppp_ip(struct way *w, enum step step, uint32_t least, unsigned event)
{
    return cur_left(&w->c) < least ? way_broken(w, event, 0) : step;
}

static enum step ppp_protocol(struct way *w, uint16_t proto)
{
    switch (proto) {
    case 0x0021:
        return ppp_ip(w, STEP_IP4, 20, DECODE_PPP_IP4_PKT_TOO_SMALL);
    case 0x0057:
        return ppp_ip(w, STEP_IP6, 40, DECODE_PPP_IP6_PKT_TOO_SMALL);
    case 0x002d: /* Van Jacobson, uncompressed: IP but for the protocol number (a connection's slot)
                  */
        return ppp_ip(w, STEP_END, 20, DECODE_PPP_VJU_PKT_TOO_SMALL);
    case 0x0281:
    case 0x0283:
        return STEP_MPLS;
    default:
        break;
    }
    if (ppp_is_unsupported(proto))
        packet_event(w->p, DECODE_PPP_UNSUP_PROTO);
    else if (proto < 0x4000) /* above: the link's own affairs (LCP, IPCP, PAP ...) */
        packet_event(w->p, DECODE_PPP_WRONG_TYPE);
    return STEP_END;
}

/* The protocol field, of one byte if it is odd (RFC 1661 6.5). */
static enum step ppp_field(struct way *w, unsigned event_small)
{
    const uint8_t *h = cur_take(&w->c, 1);
    if (!h)
        return way_broken(w, event_small, 0);
    if (h[0] & 1)
        return ppp_protocol(w, h[0]);
    const uint8_t *low = cur_take(&w->c, 1);
    if (!low)
        return way_broken(w, event_small, 0);
    if (!(low[0] & 1))
        return way_broken(w, DECODE_PPP_WRONG_TYPE, 0);
    return ppp_protocol(w, be16_at(h));
}

enum step ppp_read(struct way *w)
{
    w->d->n.ppp++;
    if (!way_layer(w))
        return STEP_END;
    l2_here(w);
    size_t left = cur_left(&w->c);
    const uint8_t *h = w->c.at;
    /* HDLC framing: address "all", control "unnumbered"; Cisco's framing inside a PPP capture */
    if (left >= 2 && h[0] == 0xff && h[1] == 0x03)
        (void)cur_skip(&w->c, 2);
    else if (left >= 4 && (h[0] == 0x0f || h[0] == 0x8f) && h[1] == 0)
        return STEP_CHDLC;
    return ppp_field(w, DECODE_PPP_PKT_TOO_SMALL);
}

enum step chdlc_read(struct way *w)
{
    w->d->n.chdlc++;
    if (!way_layer(w))
        return STEP_END;
    l2_here(w);
    const uint8_t *h = cur_take(&w->c, 4);
    if (!h)
        return way_broken(w, DECODE_CHDLC_PKT_TOO_SMALL, 0);
    return type_next(w, be16_at(h + 2));
}

/* Version and type, code, session, length.  NULL: broken. */
static const uint8_t *pppoe_header(struct way *w)
{
    w->d->n.pppoe++;
    if (!way_layer(w))
        return NULL;
    l2_here(w);
    const uint8_t *h = cur_take(&w->c, 6);
    if (!h)
        way_broken(w, DECODE_PPPOE_PKT_TOO_SMALL, 0);
    else if (be16_at(h + 4) > cur_left(&w->c))
        packet_event(w->p, DECODE_PPPOE_PKT_TOO_SMALL); /* what is there is read all the same */
    return h;
}

/* The length is not taken at its word: IP has its own, and links were seen where this one is wrong.
 */
enum step pppoe_session_read(struct way *w)
{
    const uint8_t *h = pppoe_header(w);
    return h ? ppp_field(w, DECODE_PPPOE_PKT_TOO_SMALL) : STEP_END;
}

static bool pppoe_code_known(uint8_t code)
{
    return code == 0x09 || code == 0x07 || code == 0x19 || code == 0x65 || code == 0xa7;
}

enum step pppoe_discovery_read(struct way *w)
{
    const uint8_t *h = pppoe_header(w);
    if (!h)
        return STEP_END;
    if (!pppoe_code_known(h[1]))
        return way_broken(w, DECODE_PPPOE_WRONG_CODE, 0);
    if (be16_at(h + 4) < cur_left(&w->c))
        w->c.end = w->c.at + be16_at(h + 4); /* the rest is padding */
    while (cur_left(&w->c)) {
        const uint8_t *tag = cur_take(&w->c, 4);
        if (!tag || !cur_skip(&w->c, be16_at(tag + 2)))
            return way_broken(w, DECODE_PPPOE_MALFORMED_TAGS, 0);
    }
    return STEP_END;
}
