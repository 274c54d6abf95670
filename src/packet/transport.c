/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What stands behind an IP header: TCP (RFC 9293), UDP, SCTP (RFC 9260), ESP, AH, IGMP. */
#include "packet/decode.h"

#include <string.h>

enum { TCP_LEN = 20, UDP_LEN = 8, SCTP_LEN = 12 };

enum {
    OPT_EOL = 0,
    OPT_NOP = 1,
    OPT_MSS = 2,
    OPT_WSCALE = 3,
    OPT_SACK_OK = 4,
    OPT_SACK = 5,
    OPT_TS = 8,
    OPT_MD5 = 19,
    OPT_AO = 29,
    OPT_EXPERIMENT1 = 253,
    OPT_EXPERIMENT2 = 254,
    FASTOPEN_EXPERIMENT = 0xf989,
    OPT_FASTOPEN = 34,
};

/* The transport header is not whole.  Where the snap length is to blame, that has been said. */
static enum step l4_cut(struct way *w, unsigned event)
{
    if (w->p->cut) {
        w->p->flags |= PKT_INVALID | PKT_IGNORE | PKT_L4_BROKEN;
        return STEP_END;
    }
    return way_broken(w, event, PKT_L4_BROKEN);
}

static void payload_set(struct packet *p, const struct cursor *c)
{
    p->payload = c->at;
    p->payload_len = (uint32_t)cur_left(c);
}

/* Header at h, payload what is left. */
static void l4_set(struct way *w, const uint8_t *h, uint32_t flags)
{
    struct packet *p = w->p;
    p->l4 = h;
    p->l4_len = (uint32_t)(w->c.end - h);
    payload_set(p, &w->c);
    p->flags |= flags | PKT_WANTS_FLOW;
    if (w->check && !p->cut && !csum_l4_good(w))
        p->flags |= PKT_L4_CSUM_BAD;
}

/* Marks an option as seen, or raises the event when it was. */
static bool opt_first(struct packet *p, bool *seen)
{
    if (*seen)
        packet_event(p, DECODE_TCP_OPT_DUPLICATE);
    else
        *seen = true;
    return *seen;
}

/* One option with its length checked against the header; false: of a length that its kind hasn't.
 */
static bool tcp_option(struct packet *p, const uint8_t *o, unsigned len)
{
    struct tcp_view *t = &p->tcp;
    switch (o[0]) {
    case OPT_MSS:
        if (len == 4 && opt_first(p, &t->has_mss))
            t->mss = be16_at(o + 2);
        return len == 4;
    case OPT_WSCALE:
        if (len == 3 && opt_first(p, &t->has_wscale))
            t->wscale = o[2] > 14 ? 14 : o[2]; /* RFC 7323 2.3 */
        return len == 3;
    case OPT_SACK_OK:
        if (len == 2)
            (void)opt_first(p, &t->has_sack_ok);
        return len == 2;
    case OPT_TS:
        if (len == 10 && opt_first(p, &t->has_ts)) {
            t->ts_val = be32_at(o + 2);
            t->ts_ecr = be32_at(o + 6);
        }
        return len == 10;
    case OPT_SACK:
        if (len < 10 || (len - 2) % 8 || len > 34)
            return len == 2;
        if (t->sack_n) {
            packet_event(p, DECODE_TCP_OPT_DUPLICATE);
            return true;
        }
        t->sack_n = (uint8_t)((len - 2) / 8);
        t->sack = o + 2;
        return true;
    case OPT_FASTOPEN: /* RFC 7413: a request, or a cookie of 4 to 16 bytes */
        if (len == 2 || (len >= 6 && len <= 18 && len % 2 == 0))
            return opt_first(p, &t->has_fastopen);
        return false;
    case OPT_EXPERIMENT1: /* RFC 6994: what Fast Open was before it had a number */
    case OPT_EXPERIMENT2:
        if (len >= 4 && be16_at(o + 2) == FASTOPEN_EXPERIMENT && (len == 4 || (len >= 8 && len <= 20)))
            (void)opt_first(p, &t->has_fastopen);
        return true;
    case OPT_MD5:
        t->has_auth = true;
        return len == 18;
    case OPT_AO:
        t->has_auth = true;
        return len >= 4;
    default:
        return true;
    }
}

/* The header stays good whatever its options say: hosts take the data. */
static void tcp_options(struct packet *p, const uint8_t *at, unsigned n)
{
    /* what nearly every segment has: NOP NOP TS */
    if (n == 12 && be32_at(at) == 0x0101080a) {
        p->tcp.has_ts = true;
        p->tcp.ts_val = be32_at(at + 4);
        p->tcp.ts_ecr = be32_at(at + 8);
        return;
    }
    struct cursor c = cur_of(at, n);
    while (cur_left(&c)) {
        const uint8_t *o = c.at;
        if (*o == OPT_EOL)
            return;
        if (*o == OPT_NOP) {
            (void)cur_skip(&c, 1);
            continue;
        }
        if (cur_left(&c) < 2)
            return;
        if (o[1] < 2 || !cur_skip(&c, o[1])) {
            packet_event(p, DECODE_TCP_OPT_INVALID_LEN);
            return;
        }
        if (!tcp_option(p, o, o[1]))
            packet_event(p, DECODE_TCP_OPT_INVALID_LEN);
    }
}

enum step tcp_read(struct way *w)
{
    struct packet *p = w->p;
    w->d->n.tcp++;
    const uint8_t *h = cur_take(&w->c, TCP_LEN);
    if (!h)
        return l4_cut(w, DECODE_TCP_PKT_TOO_SMALL);
    unsigned hlen = (h[12] >> 4) * 4u;
    if (hlen < TCP_LEN)
        return way_broken(w, DECODE_TCP_INVALID_OPTLEN, PKT_L4_BROKEN);
    size_t olen = hlen - TCP_LEN;
    if (olen > cur_left(&w->c) && p->cut)
        olen = cur_left(&w->c); /* snapped inside the options */
    const uint8_t *options = cur_take(&w->c, olen);
    if (!options)
        return l4_cut(w, DECODE_TCP_HLEN_TOO_SMALL);
    p->sp = be16_at(h);
    p->dp = be16_at(h + 2);
    p->tcp.seq = be32_at(h + 4);
    p->tcp.ack = be32_at(h + 8);
    p->tcp.hlen = (uint8_t)hlen;
    p->tcp.flags = h[13];
    p->tcp.win = be16_at(h + 14);
    p->tcp.urp = be16_at(h + 18);
    if (olen)
        tcp_options(p, options, (unsigned)olen);
    l4_set(w, h, PKT_TCP);
    return STEP_END;
}

/* The length field against what is there.  False: unusable, event set. */
static bool udp_length(struct way *w, const uint8_t *h)
{
    struct packet *p = w->p;
    size_t left = UDP_LEN + cur_left(&w->c), len = be16_at(h + 4);
    if (w->f->seg_size || (len == 0 && left > UINT16_MAX)) { /* offload; RFC 2675 */
        if (len < UDP_LEN || len > left)
            len = left;
    }
    if (len > left && len - left > p->cut) {
        way_broken(w, DECODE_UDP_PKT_TOO_SMALL, PKT_L4_BROKEN);
        return false;
    }
    if (len < UDP_LEN) {
        way_broken(w, DECODE_UDP_LEN_INVALID, PKT_L4_BROKEN);
        return false;
    }
    if (len < left)
        w->c.end = h + len; /* what follows is nobody's payload */
    return true;
}

enum step udp_read(struct way *w)
{
    struct packet *p = w->p;
    w->d->n.udp++;
    const uint8_t *h = cur_take(&w->c, UDP_LEN);
    if (!h)
        return l4_cut(w, DECODE_UDP_HLEN_TOO_SMALL);
    if (!udp_length(w, h))
        return STEP_END;
    p->sp = be16_at(h);
    p->dp = be16_at(h + 2);
    l4_set(w, h, PKT_UDP);
    uint64_t ports = w->d->tunnel_ports;
    if (((ports >> (p->dp & 63) | ports >> (p->sp & 63)) & 1) ||
        (w->d->cfg.teredo && w->d->cfg.teredo_any))
        udp_tunnel_read(w, w->c);
    return STEP_END;
}

enum step sctp_read(struct way *w)
{
    struct packet *p = w->p;
    w->d->n.sctp++;
    const uint8_t *h = cur_take(&w->c, SCTP_LEN);
    if (!h)
        return l4_cut(w, DECODE_SCTP_PKT_TOO_SMALL);
    p->sp = be16_at(h);
    p->dp = be16_at(h + 2);
    l4_set(w, h, PKT_SCTP);
    return STEP_END;
}

static enum step esp_read(struct way *w)
{
    struct packet *p = w->p;
    w->d->n.esp++;
    const uint8_t *h = cur_take(&w->c, 8);
    if (!h)
        return l4_cut(w, DECODE_ESP_PKT_TOO_SMALL);
    p->sp = be16_at(h); /* the SPI: flows are told apart by it */
    p->dp = be16_at(h + 2);
    l4_set(w, h, 0);
    return STEP_END;
}

static enum step igmp_read(struct way *w)
{
    struct packet *p = w->p;
    w->d->n.igmp++;
    const uint8_t *h = cur_take(&w->c, 8);
    if (!h)
        return l4_cut(w, DECODE_IGMP_PKT_TOO_SMALL);
    p->l4 = h;
    p->l4_len = (uint32_t)(w->c.end - h);
    /* Rules count from the IGMP header: its layout is each version's own. */
    struct cursor whole = {h, w->c.end, false};
    payload_set(p, &whole);
    return STEP_END;
}

/* AH over IPv4 (RFC 4302).  Over IPv6 it is one of the extension headers. */
static enum step ah4_read(struct way *w)
{
    const uint8_t *h = cur_left(&w->c) >= 12 ? w->c.at : NULL;
    if (!h || !way_layer(w))
        return STEP_END;
    struct cursor c = w->c;
    if (!cur_skip(&c, (h[1] + 2u) * 4u))
        return STEP_END;
    w->c = c;
    w->p->proto = h[0];
    return transport_read(w, h[0]);
}

static enum step other_read(struct way *w, uint8_t proto)
{
    struct packet *p = w->p;
    if (p->ver == 6)
        packet_event(p, DECODE_IPV6_UNKNOWN_NEXT_HEADER);
    if (p->ver == 4 && proto == IPPROTO_NUM_AH)
        return ah4_read(w);
    payload_set(p, &w->c);
    return STEP_END;
}

enum step transport_read(struct way *w, uint8_t proto)
{
    bool v4 = w->p->ver == 4;
    switch (proto) {
    case IPPROTO_NUM_TCP:
        return tcp_read(w);
    case IPPROTO_NUM_UDP:
        return udp_read(w);
    case IPPROTO_NUM_ICMP:
        if (v4)
            return icmp4_read(w);
        packet_event(w->p, DECODE_IPV6_ICMPV4);
        return STEP_END;
    case IPPROTO_NUM_ICMPV6:
        return v4 ? way_broken(w, DECODE_IPV4_ICMPV6, PKT_L4_BROKEN) : icmp6_read(w);
    case IPPROTO_NUM_GRE:
        return gre_read(w);
    case IPPROTO_NUM_IPIP:
        if (v4 && w->d->cfg.no_ipip) {
            payload_set(w->p, &w->c);
            return STEP_END;
        }
        return ipip_read(w, proto);
    case IPPROTO_NUM_IPV6:
        return ipip_read(w, proto);
    case IPPROTO_NUM_SCTP:
        return sctp_read(w);
    case IPPROTO_NUM_ESP:
        return esp_read(w);
    case IPPROTO_NUM_IGMP:
        return igmp_read(w);
    default:
        return other_read(w, proto);
    }
}
