/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a candidate is tested against before its body, in order of cost: enabled, transport, direction, flow
 * state, application, ports, addresses; then the tests that look at no buffer.
 */
#include "detect/match.h"

#include "base/bytes.h"

#include <netinet/in.h>

void packet_classes(struct detect *d)
{
    const struct packet *p = d->p;
    const struct overlay *o = d->overlay;
    if (d->classes_known)
        return;
    d->classes_known = true;
    struct detect_flow *m = p->flow ? p->flow->detect : NULL;
    if (m && m->stamp == o->stamp && !(p->flags & PKT_ICMP)) {
        unsigned s = p->dir ? 1 : 0;
        for (unsigned e = 0; e < 2; e++) {
            d->addr_class[e] = m->addr_class[s ^ e];
            d->port_class[e] = m->port_class[s ^ e];
        }
        return;
    }
    d->addr_class[0] = overlay_addr_class(o, p->ver, &p->src);
    d->addr_class[1] = overlay_addr_class(o, p->ver, &p->dst);
    d->port_class[0] = overlay_port_class(o, p->sp);
    d->port_class[1] = overlay_port_class(o, p->dp);
    if (p->flow && !(p->flags & (PKT_ICMP | PKT_ICMP6))) {
        m = flow_memory(d, p->flow);
        if (!m)
            return;
        unsigned s = p->dir ? 1 : 0;
        for (unsigned e = 0; e < 2; e++) {
            m->addr_class[s ^ e] = d->addr_class[e];
            m->port_class[s ^ e] = d->port_class[e];
        }
        m->stamp = o->stamp;
    }
}

/* Does the rule's source -> destination hold with the packet's ends as they are (or turned round)? */
static bool ends_ok(const struct detect *d, const struct img_rule *r, unsigned turn, bool ports)
{
    const struct overlay *o = d->overlay;
    for (unsigned e = 0; e < 2; e++) {
        if (ports && r->port[e] && !overlay_port_has(o, d->port_class[e ^ turn], r->port[e]))
            return false;
        if (r->addr[e] && !overlay_addr_has(o, d->addr_class[e ^ turn], r->addr[e]))
            return false;
    }
    return true;
}

static bool flow_facts_ok(const struct detect *d, const struct img_rule *r)
{
    const struct packet *p = d->p;
    const struct flow *f = p->flow;
    if (!f) {
        if (r->flags & (RULE_TO_SERVER | RULE_TO_CLIENT | RULE_ESTABLISHED | RULE_NEEDS_FLOW))
            return false;
        return !r->app;
    }
    if (!(r->dirs & 1u << p->dir))
        return false;
    if (r->flags & (RULE_ESTABLISHED | RULE_NOT_ESTABLISHED)) {
        if (flow_is_established(p) != ((r->flags & RULE_ESTABLISHED) != 0))
            return false;
    }
    if (r->app) {
        uint16_t have = f->app_proto[p->dir] ? f->app_proto[p->dir] : f->app_proto_any;
        if (!app_covers(r->app, have) && !app_covers(r->app, f->app_proto_any))
            return false;
    }
    return true;
}

/* Snort 3: `service` stands beside the ports: a flow of the service is judged on any port. */
bool rule_service_holds(const struct detect *d, const struct img_rule *r)
{
    const struct flow *f = d->p->flow;
    if (!r->n_apps || !f || !f->app_proto_any)
        return false;
    for (unsigned k = 0; k < r->n_apps && k < ARRAY_LEN(r->apps); k++)
        if (app_covers(r->apps[k], f->app_proto_any))
            return true;
    return false;
}

static const uint8_t transport_bit[TR_COUNT] = {RULE_TCP,  RULE_UDP,      RULE_ICMP4, RULE_ICMP6,
                                                RULE_SCTP, RULE_IP_OTHER, RULE_NO_IP};

bool rule_transport_ok(const struct detect *d, const struct img_rule *r)
{
    return (r->transports & transport_bit[d->transport]) != 0;
}

bool rule_header_ok(struct detect *d, const struct img_rule *r, uint32_t index)
{
    const struct packet *p = d->p;
    if (!d->overlay->rule[index].enabled)
        return false;
    if (r->flags & RULE_PKTHDR)
        return true;
    if (!rule_transport_ok(d, r) || ((r->flags & RULE_IP4_ONLY) && p->ver != 4) ||
        ((r->flags & RULE_IP6_ONLY) && p->ver != 6))
        return false;
    if ((r->flags & RULE_ONLY_FRAG) && !(p->flags & (PKT_FRAGMENT | PKT_REBUILT)))
        return false;
    if ((r->flags & RULE_NO_FRAG) && (p->flags & (PKT_FRAGMENT | PKT_REBUILT)))
        return false;
    if (!flow_facts_ok(d, r))
        return false;
    if (p->ver == 0)
        return !r->addr[0] && !r->addr[1];
    if (!(r->addr[0] | r->addr[1] | r->port[0] | r->port[1]))
        return true;
    packet_classes(d);
    bool ports = d->transport <= TR_UDP || d->transport == TR_SCTP;
    if (ports && rule_service_holds(d, r))
        ports = false;
    return ends_ok(d, r, 0, ports) || ((r->flags & RULE_BOTH_WAYS) && ends_ok(d, r, 1, ports));
}

/* ------------------------------------------------------------------ numbers of packet and flow */

static bool flow_field(const struct packet *p, unsigned field, uint64_t *v)
{
    const struct flow *f = p->flow;
    switch (field) {
    case PFIELD_FLOW_AGE:
        *v = f ? (p->ts_ns - f->first_ns) / 1000000000u : 0;
        return f != NULL;
    case PFIELD_FLOW_PKTS:
        *v = f ? f->pkts[0] + f->pkts[1] : 0;
        return f != NULL;
    case PFIELD_FLOW_PKTS_TS:
        *v = f ? f->pkts[0] : 0;
        return f != NULL;
    case PFIELD_FLOW_PKTS_TC:
        *v = f ? f->pkts[1] : 0;
        return f != NULL;
    case PFIELD_FLOW_BYTES:
        *v = f ? f->bytes[0] + f->bytes[1] : 0;
        return f != NULL;
    case PFIELD_FLOW_BYTES_TS:
        *v = f ? f->bytes[0] : 0;
        return f != NULL;
    case PFIELD_FLOW_BYTES_TC:
        *v = f ? f->bytes[1] : 0;
        return f != NULL;
    default:
        return false;
    }
}

static bool tcp_field(const struct packet *p, unsigned field, uint64_t *v)
{
    bool tcp = p->flags & PKT_TCP;
    switch (field) {
    case PFIELD_SEQ:
        *v = p->tcp.seq;
        return tcp;
    case PFIELD_ACK:
        *v = p->tcp.ack;
        return tcp;
    case PFIELD_WINDOW:
        *v = p->tcp.win;
        return tcp;
    case PFIELD_MSS:
        *v = p->tcp.mss;
        return tcp && p->tcp.has_mss;
    case PFIELD_WSCALE:
        *v = p->tcp.wscale;
        return tcp && p->tcp.has_wscale;
    case PFIELD_TCP_HLEN:
        *v = p->tcp.hlen;
        return tcp;
    default:
        return flow_field(p, field, v);
    }
}

static bool icmp_field(const struct packet *p, unsigned field, uint64_t *v)
{
    bool icmp = p->flags & (PKT_ICMP | PKT_ICMP6);
    switch (field) {
    case PFIELD_ITYPE:
        *v = p->icmp_type;
        return icmp;
    case PFIELD_ICODE:
        *v = p->icmp_code;
        return icmp;
    case PFIELD_ICMP_ID:
        *v = p->icmp_id;
        return icmp;
    case PFIELD_ICMP_SEQ:
        *v = p->icmp_seq;
        return icmp;
    case PFIELD_ICMP6_MTU:
        *v = p->icmp_mtu;
        return (p->flags & PKT_ICMP6) && p->icmp_type == 2;
    default:
        return tcp_field(p, field, v);
    }
}

/* Each knows its own, and asks the next one. */
bool packet_field(const struct detect *d, unsigned field, uint64_t *v)
{
    const struct packet *p = d->p;
    switch (field) {
    case PFIELD_TTL:
        *v = p->ttl;
        return p->ver != 0;
    case PFIELD_TOS:
        *v = p->tos;
        return p->ver == 4;
    case PFIELD_ID:
        *v = p->ip_id;
        return p->ver == 4;
    case PFIELD_IP_HLEN:
        *v = p->ip_hlen;
        return p->ver == 4;
    case PFIELD_DSIZE:
        *v = p->seg_size && p->seg_n > 1 ? p->seg_size : p->payload_len;
        return !(p->flags & PKT_PSEUDO);
    case PFIELD_VLAN_LAYERS:
        *v = p->vlan_n;
        return true;
    case PFIELD_VLAN_ID:
        *v = p->vlan[0];
        return p->vlan_n > 0;
    case PFIELD_IP_PROTO:
        *v = p->proto;
        return p->ver != 0;
    case PFIELD_VXLAN_VNI:
        *v = p->vxlan_vni;
        return p->src_kind == PKT_SRC_VXLAN;
    default:
        return icmp_field(p, field, v);
    }
}

static bool flags_hold(const struct img_test *t, uint8_t have)
{
    uint8_t want = t->u.flags.value, v = have & t->u.flags.mask;
    switch (t->u.flags.mode) {
    case '+':
        return (v & want) == want;
    case '*':
        return (v & want) != 0;
    case '!':
        return (v & want) != want;
    default:
        return v == want;
    }
}

/* Layers count from the outside, negative ones from the inside. */
static bool vlan_id(const struct packet *p, const struct img_test *t)
{
    int at = t->u.uint.index;
    if (at == RULE_INDEX_ANY || at == RULE_INDEX_ALL) {
        unsigned hits = 0;
        for (unsigned k = 0; k < p->vlan_n && k < PACKET_VLANS; k++)
            hits += uint_holds(t->u.uint.op, p->vlan[k], t->u.uint.a, t->u.uint.b);
        return p->vlan_n && (at == RULE_INDEX_ALL ? hits == p->vlan_n : hits > 0);
    }
    if (at < 0)
        at += p->vlan_n;
    return at >= 0 && at < p->vlan_n && at < PACKET_VLANS &&
           uint_holds(t->u.uint.op, p->vlan[at], t->u.uint.a, t->u.uint.b);
}

/* As all dialects count: sequence numbers used, so a SYN is one and a side that said nothing has 1. */
static uint64_t numbers_used(const struct tcp_side *s)
{
    return s->known ? s->seen_bytes + 1 : 0;
}

static bool stream_size(const struct detect *d, const struct img_test *t)
{
    struct tcp_side s[2] = {{0}};
    if (!d->p->flow || !tcp_side_get(d->p->flow, 0, &s[0]) || !tcp_side_get(d->p->flow, 1, &s[1]))
        return false;
    bool client = uint_holds(t->u.size.op, numbers_used(&s[0]), t->u.size.size, 0);
    bool server = uint_holds(t->u.size.op, numbers_used(&s[1]), t->u.size.size, 0);
    switch (t->u.size.who) {
    case 0:
        return server;
    case 1:
        return client;
    case 2:
        return client && server;
    default:
        return client || server;
    }
}

static bool has_event(const struct packet *p, unsigned event)
{
    for (unsigned k = 0; k < p->n_events; k++)
        if (p->events[k] == event)
            return true;
    return false;
}

static bool app_event(const struct detect *d, const struct img_test *t, const struct app_tx *tx)
{
    const struct app_flow *af = d->p->flow ? d->p->flow->app : NULL;
    if (!af)
        return false;
    if (!t->u.ref.app)
        return af->core_number == d->p->number && (af->core_events >> t->u.ref.id & 1);
    return ((tx ? tx->events : 0) | af->flow_events) >> t->u.ref.id & 1;
}

static bool app_protocol(const struct detect *d, const struct img_test *t)
{
    const struct flow *f = d->p->flow;
    if (!f)
        return false;
    uint16_t have = f->app_proto_any, dir = f->app_proto[d->p->dir];
    bool same = t->u.ref.id == APP_FAILED ? have == APP_FAILED || dir == APP_FAILED
                                          : app_covers(t->u.ref.id, have) || app_covers(t->u.ref.id, dir);
    if (t->u.ref.id == APP_UNKNOWN)
        same = have == APP_UNKNOWN;
    if (t->u.ref.negated)
        return have != APP_UNKNOWN && !same;
    return same;
}

static bool csum(const struct detect *d, const struct img_test *t)
{
    const struct packet *p = d->p;
    bool bad;
    switch (t->u.csum.which) {
    case 0:
        if (p->ver != 4)
            return false;
        bad = p->flags & PKT_IP_CSUM_BAD;
        break;
    default:
        if (p->proto != t->u.csum.which || (t->u.csum.ver && p->ver != t->u.csum.ver) || !p->l4)
            return false;
        bad = p->flags & PKT_L4_CSUM_BAD;
    }
    return bad != t->u.csum.valid;
}

/* flow.pkts, flow.bytes: of one side or the other */
static bool either_side(const struct detect *d, const struct img_test *t)
{
    const struct flow *f = d->p->flow;
    const uint64_t *n = !f ? NULL : t->u.uint.field == PFIELD_FLOW_PKTS ? f->pkts : f->bytes;
    return n && (uint_holds(t->u.uint.op, n[0], t->u.uint.a, t->u.uint.b) ||
                 uint_holds(t->u.uint.op, n[1], t->u.uint.a, t->u.uint.b));
}

/* Is it asked of the packet's own headers?  What stands for the end of a flow has none. */
static bool of_headers(const struct img_test *t)
{
    switch (t->kind) {
    case TEST_PACKET:
        return t->u.uint.field <= PFIELD_ICMP6_MTU || t->u.uint.field == PFIELD_TCP_HLEN || t->u.uint.field == PFIELD_IP_HLEN;
    case TEST_TCP_FLAGS:
    case TEST_FRAGBITS:
    case TEST_FRAGOFFSET:
    case TEST_IPOPTS:
    case TEST_CSUM:
        return true;
    default:
        return false;
    }
}
static_assert(PFIELD_ICMP6_MTU < PFIELD_FLOW_AGE && PFIELD_DSIZE < PFIELD_ICMP6_MTU, "fields of headers come first");

bool rule_pre_test(struct detect *d, const struct img_test *t, struct app_tx *tx)
{
    const struct packet *p = d->p;
    uint64_t v;
    if ((p->flags & PKT_PSEUDO) && of_headers(t))
        return false;
    switch (t->kind) {
    case TEST_PACKET:
        if (t->u.uint.field == PFIELD_VLAN_ID)
            return vlan_id(p, t);
        if (t->u.uint.field == PFIELD_FLOW_PKTS || t->u.uint.field == PFIELD_FLOW_BYTES)
            return either_side(d, t);
        return packet_field(d, t->u.uint.field, &v) && uint_holds(t->u.uint.op, v, t->u.uint.a, t->u.uint.b);
    case TEST_TCP_FLAGS:
        return (p->flags & PKT_TCP) && flags_hold(t, p->tcp.flags);
    case TEST_FRAGBITS:
        return p->ver == 4 && flags_hold(t, (uint8_t)(p->ip_flags << 5));
    case TEST_FRAGOFFSET:
        return p->ver != 0 && uint_holds(t->u.uint.op, p->frag_off / 8u, t->u.uint.a, t->u.uint.b);
    case TEST_IPOPTS:
        return p->ver == 4 && (t->u.uint.b ? p->ip_opts != 0 : (p->ip_opts & t->u.uint.a) != 0);
    case TEST_SAMEIP:
        return p->ver != 0 && !(p->flags & PKT_PSEUDO) && ip_eq(&p->src, &p->dst);
    case TEST_BITS:
        return bits_test(d, t, tx);
    case TEST_FLOWINT:
        return flowint_test(d, t);
    case TEST_STREAM_SIZE:
        return stream_size(d, t);
    case TEST_DECODE_EVENT:
        return has_event(p, t->u.ref.id);
    case TEST_STREAM_EVENT:
        return has_event(p, STREAM_EVENT_BASE + t->u.ref.id);
    case TEST_APP_EVENT:
        return app_event(d, t, tx);
    case TEST_APP_PROTOCOL:
        return app_protocol(d, t);
    case TEST_APP_STATE:
        return tx && uint_holds(t->u.ref.mode, tx->progress[t->u.ref.dir], t->u.ref.progress, 0);
    case TEST_CSUM:
        return csum(d, t);
    case TEST_IPREP:
        return rep_test(d, t);
    case TEST_KEY_PACKET:
        return key_holds(d, t, NULL);
    default:
        return false; /* the rule compiler lets no other kind through */
    }
}

bool rule_pre_ok(struct detect *d, const struct img_rule *r, struct app_tx *tx, unsigned dir)
{
    (void)dir;
    const struct img_test *t = &d->image->tests[r->pre_first];
    for (unsigned k = 0; k < r->n_pre; k++)
        if (!rule_pre_test(d, &t[k], tx))
            return false;
    return true;
}
