/* SPDX-License-Identifier: GPL-2.0-or-later */
/* ICMP (RFC 792) and ICMPv6 (RFC 4443, 4861, 3810), with the packet that an error quotes. */
#include "packet/decode.h"

enum { ICMP_LEN = 8, IP4_LEN = 20, IP6_LEN = 40 };

/* What a type is: the highest code it has, whether it quotes, carries id and sequence, an MTU. */
struct icmp_type {
    uint8_t known : 1, quotes : 1, echo : 1, mld : 1, unassigned : 1, experiment : 1;
    uint8_t code_max;
};

static const struct icmp_type types4[256] = {
    [0] = {.known = 1, .echo = 1},
    [3] = {.known = 1, .quotes = 1, .code_max = 15},
    [4] = {.known = 1, .quotes = 1},
    [5] = {.known = 1, .quotes = 1, .code_max = 3},
    [8] = {.known = 1, .echo = 1},
    [9] = {.known = 1, .code_max = 16},
    [10] = {.known = 1},
    [11] = {.known = 1, .quotes = 1, .code_max = 1},
    [12] = {.known = 1, .quotes = 1, .code_max = 2},
    [13] = {.known = 1, .echo = 1},
    [14] = {.known = 1, .echo = 1},
    [15] = {.known = 1, .echo = 1},
    [16] = {.known = 1, .echo = 1},
    [17] = {.known = 1, .echo = 1},
    [18] = {.known = 1, .echo = 1},
};

#define ANY_CODE 255
static const struct icmp_range {
    uint8_t from, to;
    struct icmp_type type;
} types6[] = {
    {1, 1, {.known = 1, .quotes = 1, .code_max = 8}},
    {2, 2, {.known = 1, .quotes = 1}},
    {3, 3, {.known = 1, .quotes = 1, .code_max = 1}},
    {4, 4, {.known = 1, .quotes = 1, .code_max = 10}},
    {5, 99, {.unassigned = 1}},
    {100, 101, {.experiment = 1}},
    {102, 126, {.unassigned = 1}},
    {128, 129, {.known = 1, .echo = 1}},
    {130, 132, {.known = 1, .mld = 1, .code_max = ANY_CODE}},
    {133, 137, {.known = 1}},
    {138, 138, {.known = 1, .code_max = ANY_CODE}},
    {139, 140, {.known = 1, .code_max = 2}},
    {141, 142, {.known = 1, .code_max = ANY_CODE}},
    {143, 143, {.known = 1, .mld = 1, .code_max = ANY_CODE}},
    {144, 161, {.known = 1, .code_max = ANY_CODE}},
    {162, 199, {.unassigned = 1}},
    {200, 201, {.experiment = 1}},
    {202, 254, {.unassigned = 1}},
};

static const struct icmp_type *type6_find(uint8_t type)
{
    static const struct icmp_type unknown;
    for (unsigned i = 0; i < ARRAY_LEN(types6); i++)
        if (type >= types6[i].from && type <= types6[i].to)
            return &types6[i].type;
    return &unknown;
}

/* Ports, or what stands for them, of the quoted transport; as much of it as was quoted. */
static void quote_transport(struct icmp_quote *q, struct cursor c)
{
    bool ports =
        q->proto == IPPROTO_NUM_TCP || q->proto == IPPROTO_NUM_UDP || q->proto == IPPROTO_NUM_SCTP;
    const uint8_t *h = cur_take(&c, 4);
    const uint8_t *more = cur_take(&c, 4);
    if (!h)
        return;
    if (ports) {
        q->sp = be16_at(h);
        q->dp = be16_at(h + 2);
        if (more && q->proto == IPPROTO_NUM_TCP)
            q->seq = be32_at(more);
    } else if (q->proto == IPPROTO_NUM_ICMP || q->proto == IPPROTO_NUM_ICMPV6) {
        q->icmp_type = h[0];
        q->icmp_code = h[1];
        q->icmp_id = more ? be16_at(more) : 0;
    }
}

static void quote4_read(struct way *w, struct cursor c)
{
    if (cur_left(&c) == 0)
        return;
    const uint8_t *h = cur_take(&c, IP4_LEN);
    if (!h) {
        if (!w->p->cut)
            packet_event(w->p, DECODE_ICMPV4_IPV4_TRUNC_PKT);
        return;
    }
    if (h[0] >> 4 != 4) {
        packet_event(w->p, DECODE_ICMPV4_IPV4_UNKNOWN_VER);
        return;
    }
    unsigned hlen = (h[0] & 0x0f) * 4u;
    if (hlen < IP4_LEN)
        return;
    w->p->quote = (struct icmp_quote){.have = true,
                                      .ver = 4,
                                      .proto = h[9],
                                      .src = ip_from_v4(h + 12),
                                      .dst = ip_from_v4(h + 16)};
    if (cur_skip(&c, hlen - IP4_LEN) && !(be16_at(h + 6) & 0x1fff))
        quote_transport(&w->p->quote, c);
}

/* Past the extension headers of a quoted IPv6 packet; false: not to a transport. */
static bool quote6_exts(struct cursor *c, uint8_t *nh)
{
    for (unsigned i = 0; i < 16; i++) {
        bool fragment = *nh == IPPROTO_NUM_FRAGMENT;
        if (!fragment && *nh != IPPROTO_NUM_HOPOPT && *nh != IPPROTO_NUM_DSTOPTS &&
            *nh != IPPROTO_NUM_ROUTING)
            return true;
        const uint8_t *h = cur_take(c, 8);
        if (!h || (fragment && be16_at(h + 2) & 0xfff8) || (!fragment && !cur_skip(c, h[1] * 8u)))
            return false;
        *nh = h[0];
    }
    return false;
}

static void quote6_read(struct way *w, struct cursor c)
{
    if (cur_left(&c) == 0)
        return;
    const uint8_t *h = cur_take(&c, IP6_LEN);
    if (!h) {
        if (!w->p->cut)
            packet_event(w->p, DECODE_ICMPV6_IPV6_TRUNC_PKT);
        return;
    }
    if (h[0] >> 4 != 6) {
        packet_event(w->p, DECODE_ICMPV6_IPV6_UNKNOWN_VERSION);
        return;
    }
    struct icmp_quote *q = &w->p->quote;
    *q = (struct icmp_quote){
        .have = true, .ver = 6, .proto = h[6], .src = ip_from_v6(h + 8), .dst = ip_from_v6(h + 24)};
    if (quote6_exts(&c, &q->proto))
        quote_transport(q, c);
}

/* What both families have.  NULL: broken. */
static const uint8_t *icmp_header(struct way *w, uint32_t flag, unsigned event_small)
{
    struct packet *p = w->p;
    const uint8_t *h = cur_take(&w->c, ICMP_LEN);
    if (!h) {
        if (p->cut)
            p->flags |= PKT_INVALID | PKT_IGNORE | PKT_L4_BROKEN;
        else
            way_broken(w, event_small, PKT_L4_BROKEN);
        return NULL;
    }
    p->l4 = h;
    p->l4_len = (uint32_t)(w->c.end - h);
    p->payload = w->c.at;
    p->payload_len = (uint32_t)cur_left(&w->c);
    p->icmp_type = h[0];
    p->icmp_code = h[1];
    p->flags |= flag | PKT_WANTS_FLOW;
    if (w->check && !p->cut && !csum_l4_good(w))
        p->flags |= PKT_L4_CSUM_BAD;
    return h;
}

static void echo_read(struct packet *p, const uint8_t *h)
{
    p->icmp_id = be16_at(h + 4);
    p->icmp_seq = be16_at(h + 6);
}

enum step icmp4_read(struct way *w)
{
    struct packet *p = w->p;
    w->d->n.icmpv4++;
    const uint8_t *h = icmp_header(w, PKT_ICMP, DECODE_ICMPV4_PKT_TOO_SMALL);
    if (!h)
        return STEP_END;
    const struct icmp_type *t = &types4[h[0]];
    if (!t->known) {
        packet_event(p, DECODE_ICMPV4_UNKNOWN_TYPE);
    } else if (h[1] > t->code_max) {
        packet_event(p, DECODE_ICMPV4_UNKNOWN_CODE);
    } else if (t->quotes) {
        if (h[0] == 3 && h[1] == 4)
            p->icmp_mtu = be16_at(h + 6);
        quote4_read(w, w->c);
    }
    if (t->echo)
        echo_read(p, h);
    return STEP_END;
}

enum step icmp6_read(struct way *w)
{
    struct packet *p = w->p;
    w->d->n.icmpv6++;
    const uint8_t *h = icmp_header(w, PKT_ICMP6, DECODE_ICMPV6_PKT_TOO_SMALL);
    if (!h)
        return STEP_END;
    const struct icmp_type *t = type6_find(h[0]);
    if (t->unassigned) {
        packet_event(p, DECODE_ICMPV6_UNASSIGNED_TYPE);
    } else if (t->experiment) {
        packet_event(p, DECODE_ICMPV6_EXPERIMENTATION_TYPE);
    } else if (!t->known) {
        packet_event(p, DECODE_ICMPV6_UNKNOWN_TYPE);
    } else if (h[1] > t->code_max) {
        packet_event(p, DECODE_ICMPV6_UNKNOWN_CODE);
    } else if (t->quotes) {
        if (h[0] == 2)
            p->icmp_mtu = be32_at(h + 4);
        quote6_read(w, w->c);
    } else if (t->mld && p->ttl != 1) {
        packet_event(p, DECODE_ICMPV6_MLD_MESSAGE_WITH_INVALID_HL);
    }
    if (t->echo)
        echo_read(p, h);
    return STEP_END;
}
