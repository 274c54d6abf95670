/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IPv4 (RFC 791) with its options, and what an IP header says of the transport behind it. */
#include "packet/decode.h"

enum {
    IP4_LEN = 20,
    IP4_WIRE_MAX = 1500, /* a frame with more was put together from several */
};

enum {
    OPT_EOL = 0,
    OPT_NOP = 1,
    OPT_RR = 7,
    OPT_QS = 25,
    OPT_TS = 68,
    OPT_SEC = 130,
    OPT_LSRR = 131,
    OPT_ESEC = 133,
    OPT_CIPSO = 134,
    OPT_SID = 136,
    OPT_SSRR = 137,
    OPT_RTRALT = 148,
};

/* Routes carry a pointer to the next address, counted from 1. */
static unsigned route_check(const uint8_t *o, unsigned len)
{
    if (len < 3)
        return DECODE_IPV4_OPT_INVALID_LEN;
    if (len == 3)
        return DECODE_EVENT_COUNT;
    bool inside = o[2] >= 4 && o[2] % 4 == 0 && o[2] <= len + 1;
    return inside ? DECODE_EVENT_COUNT : DECODE_IPV4_OPT_MALFORMED;
}

static unsigned timestamp_check(const uint8_t *o, unsigned len)
{
    if (len < 5)
        return DECODE_IPV4_OPT_INVALID_LEN;
    unsigned flag = o[3] & 0x0f, record = flag == 0 ? 4 : 8;
    bool good = (flag == 0 || flag == 1 || flag == 3) && o[2] >= 5 && (o[2] - 5u) % record == 0 &&
                o[2] <= len + 1;
    return good ? DECODE_EVENT_COUNT : DECODE_IPV4_OPT_MALFORMED;
}

/* CIPSO: a domain, then tags with lengths. */
static unsigned cipso_check(const uint8_t *o, unsigned len)
{
    if (len < 8)
        return DECODE_IPV4_OPT_INVALID_LEN;
    struct cursor c = cur_of(o + 6, len - 6);
    bool good = be32_at(o + 2) != 0;
    while (good && cur_left(&c)) {
        const uint8_t *tag = cur_take(&c, 2);
        good = tag && tag[1] >= 4 && cur_skip(&c, tag[1] - 2u);
    }
    return good ? DECODE_EVENT_COUNT : DECODE_IPV4_OPT_MALFORMED;
}

static const struct ip4_opt {
    uint8_t type, len; /* len 0: its own check */
    uint16_t bits;
    unsigned (*check)(const uint8_t *o, unsigned len); /* an event, or DECODE_EVENT_COUNT */
} ip4_opts[] = {
    {OPT_RR, 0, IPOPT_BIT_RR, route_check},
    {OPT_LSRR, 0, IPOPT_BIT_LSRR, route_check},
    {OPT_SSRR, 0, IPOPT_BIT_SSRR, route_check},
    {OPT_TS, 0, IPOPT_BIT_TS, timestamp_check},
    {OPT_SEC, 11, IPOPT_BIT_SEC, NULL},
    {OPT_ESEC, 0, IPOPT_BIT_ESEC, NULL},
    {OPT_SID, 4, IPOPT_BIT_SATID, NULL},
    {OPT_QS, 8, IPOPT_BIT_QS | IPOPT_BIT_CIPSO_RTRALT, NULL},
    {OPT_CIPSO, 0, IPOPT_BIT_CIPSO | IPOPT_BIT_CIPSO_RTRALT, cipso_check},
    {OPT_RTRALT, 4, IPOPT_BIT_RTRALT | IPOPT_BIT_CIPSO_RTRALT, NULL},
};

static const struct ip4_opt *opt_find(uint8_t type)
{
    for (unsigned i = 0; i < ARRAY_LEN(ip4_opts); i++)
        if (ip4_opts[i].type == type)
            return &ip4_opts[i];
    return NULL;
}

static void opt_read(struct way *w, const uint8_t *o, unsigned len)
{
    struct packet *p = w->p;
    const struct ip4_opt *def = opt_find(o[0]);
    if (!def) {
        packet_event(p, DECODE_IPV4_OPT_UNKNOWN);
        p->ip_opts |= IPOPT_BIT_CIPSO_RTRALT;
        return;
    }
    if (p->ip_opts & def->bits & (uint16_t)~IPOPT_BIT_CIPSO_RTRALT) {
        packet_event(p, DECODE_IPV4_OPT_DUPLICATE);
        return;
    }
    unsigned event = DECODE_EVENT_COUNT;
    if (def->len && len != def->len)
        event = DECODE_IPV4_OPT_INVALID_LEN;
    else if (def->check)
        event = def->check(o, len);
    if (event != DECODE_EVENT_COUNT)
        packet_event(p, event);
    else
        p->ip_opts |= def->bits;
    /* still on its way: transport checksums are over the route's last address (RFC 9293 3.1) */
    bool route = o[0] == OPT_LSRR || o[0] == OPT_SSRR;
    if (route && event == DECODE_EVENT_COUNT && len >= 7 && o[2] <= len)
        w->csum_dst = o + len - 4;
}

static void opts_read(struct way *w, struct cursor c)
{
    struct packet *p = w->p;
    if (cur_left(&c) % 8)
        packet_event(p, DECODE_IPV4_OPT_PAD_REQUIRED);
    while (cur_left(&c)) {
        const uint8_t *o = c.at;
        if (*o == OPT_EOL) {
            p->ip_opts |= IPOPT_BIT_EOL;
            return;
        }
        if (*o == OPT_NOP) {
            p->ip_opts |= IPOPT_BIT_NOP;
            (void)cur_skip(&c, 1);
            continue;
        }
        if (cur_left(&c) < 2) {
            packet_event(p, DECODE_IPV4_OPT_EOL_REQUIRED);
            return;
        }
        if (o[1] < 2 || !cur_skip(&c, o[1])) { /* no host takes such a packet */
            way_broken(w, DECODE_IPV4_OPT_INVALID_LEN, 0);
            return;
        }
        opt_read(w, o, o[1]);
    }
}

/*
 * Length 0 is what a sender's stack writes when the card is to cut the frame up (TSO beyond 64 KB,
 * or seen before the driver).  Only for TCP, and only where it can't have come over a wire.
 */
static bool length_is_frames(const struct way *w, const uint8_t *h, size_t left)
{
    if (w->f->seg_size)
        return true;
    return !w->d->cfg.refuse_len_zero && h[9] == IPPROTO_NUM_TCP && left > IP4_WIRE_MAX;
}

/* Total length against what is there; sets ip_len and cut.  False: unusable, event set. */
static bool ip4_length(struct way *w, const uint8_t *h, unsigned hlen)
{
    struct packet *p = w->p;
    size_t left = IP4_LEN + cur_left(&w->c);
    size_t total = be16_at(h + 2);
    if ((total == 0 && length_is_frames(w, h, left)) || (total > left && w->f->seg_size))
        total = left;
    if (total < hlen) {
        way_broken(w, DECODE_IPV4_IPLEN_SMALLER_THAN_HLEN, PKT_L3_BROKEN);
        return false;
    }
    p->ip_len = (uint32_t)total;
    if (total > left) {
        packet_event(p, DECODE_IPV4_TRUNC_PKT);
        p->cut = (uint32_t)(total - left);
        if (left < hlen || !way_snapped(w, p->cut)) {
            p->ip_len = p->cut = 0;
            way_broken(w, DECODE_IPV4_TRUNC_PKT, PKT_L3_BROKEN);
            return false;
        }
        p->ip_len = (uint32_t)left;
    }
    w->c.end = h + p->ip_len;
    return true;
}

static enum step ip4_fragment(struct way *w, const uint8_t *h)
{
    struct packet *p = w->p;
    p->flags |= PKT_FRAGMENT;
    w->d->n.frag_ipv4++;
    if (p->flags & (PKT_INVALID | PKT_IP_CSUM_BAD) || p->cut) {
        w->d->n.frag_refused++;
        return STEP_END;
    }
    struct frag_piece f = {.hdr = h,
                           .hdr_len = p->ip_hlen,
                           .data = w->c.at,
                           .len = (uint32_t)cur_left(&w->c),
                           .off = p->frag_off,
                           .id = p->ip_id,
                           .more = p->ip_flags & 1};
    frag_take(w, &f);
    return STEP_END;
}

enum step ip4_read(struct way *w)
{
    struct packet *p = w->p;
    w->d->n.ipv4++;
    if (!way_layer(w))
        return STEP_END;
    const uint8_t *h = cur_take(&w->c, IP4_LEN);
    if (!h)
        return way_broken(w, DECODE_IPV4_PKT_TOO_SMALL, PKT_L3_BROKEN);
    if (h[0] >> 4 != 4)
        return way_broken(w, DECODE_IPV4_WRONG_IP_VERSION, PKT_L3_BROKEN);
    unsigned hlen = (h[0] & 0x0f) * 4u;
    if (hlen < IP4_LEN)
        return way_broken(w, DECODE_IPV4_HLEN_TOO_SMALL, PKT_L3_BROKEN);
    if (!ip4_length(w, h, hlen))
        return STEP_END;
    const uint8_t *options = cur_take(&w->c, hlen - IP4_LEN);
    uint16_t off = be16_at(h + 6);
    p->ver = 4;
    p->ip = h;
    p->ip_hlen = (uint16_t)hlen;
    p->src = ip_from_v4(h + 12);
    p->dst = ip_from_v4(h + 16);
    p->proto = h[9];
    p->ttl = h[8];
    p->tos = h[1];
    p->ip_id = be16_at(h + 4);
    p->frag_id = p->ip_id;
    p->ip_flags = (uint8_t)(off >> 13);
    p->frag_off = (uint16_t)(off << 3);
    if (w->check && csum_inet(h, hlen) != 0)
        p->flags |= PKT_IP_CSUM_BAD;
    if (hlen > IP4_LEN)
        opts_read(w, cur_of(options, hlen - IP4_LEN));
    if (off & 0x3fff)
        return ip4_fragment(w, h);
    if (p->proto == IPPROTO_NUM_TCP)
        return tcp_read(w);
    if (p->proto == IPPROTO_NUM_UDP)
        return udp_read(w);
    return transport_read(w, p->proto);
}
