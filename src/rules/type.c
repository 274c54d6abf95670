/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Suricata's rule types (SURVEY A5): when a rule is looked at and how far its action reaches. */
#include "rules/parse.h"

struct facts {
    bool app, payload, anchored, stream_size, header_buffer, raw_only;
    bool other; /* a test that an address-only rule can't have */
    bool app_protocol, decode, not_decode;
};

static bool looks_at_payload(uint8_t kind)
{
    switch (kind) {
    case TEST_CONTENT:
    case TEST_PCRE:
    case TEST_ISDATAAT:
    case TEST_BYTE_TEST:
    case TEST_BYTE_JUMP:
    case TEST_BYTE_EXTRACT:
    case TEST_BYTE_MATH:
    case TEST_BSIZE:
    case TEST_BASE64_DECODE:
    case TEST_ASN1:
    case TEST_RPC:
    case TEST_FTPBOUNCE:
    case TEST_DATASET:
    case TEST_ENTROPY:
    case TEST_KEY_BUFFER:
    case TEST_BUFFER_PRESENT:
    case TEST_BUFFER_ABSENT:
        return true;
    default:
        return false;
    }
}

/* May stand in a rule on addresses alone. */
static bool fits_ip_only(const struct rule_test *t)
{
    switch (t->kind) {
    case TEST_BITS:
        return t->u.bits.scope != BITS_FLOW || t->u.bits.cmd == BITS_SET;
    case TEST_PACKET:
        return t->u.packet.field == PFIELD_IP_PROTO;
    case TEST_KEY_PACKET:
        return rule_key_def(t->u.key.key)->of_addresses;
    case TEST_IPREP:
    case TEST_THRESHOLD:
    case TEST_DETECTION_FILTER:
    case TEST_TAG:
    case TEST_BLACKLIST:
        return true;
    default:
        return false;
    }
}

static bool neutral(const struct rule_test *t)
{
    return t->kind == TEST_THRESHOLD || t->kind == TEST_DETECTION_FILTER || t->kind == TEST_TAG ||
           t->kind == TEST_BLACKLIST;
}

static void facts_of_test(const struct parse *p, const struct rule_test *t, struct facts *f)
{
    unsigned buffer = buffer_at(p, t->where);
    f->app |= buffer >= RULE_BUF_APP || (t->kind == TEST_APP_EVENT && t->app) ||
              t->kind == TEST_APP_STATE || t->kind == TEST_FILESTORE || t->kind == TEST_FILE_HASH;
    if (looks_at_payload(t->kind) && buffer < RULE_BUF_APP) {
        bool payload = buffer == BUF_PAYLOAD || buffer == BUF_RAW_PAYLOAD, first = !f->payload;
        f->payload |= payload;
        /* Snort: behind nothing is the payload's beginning. */
        f->anchored |= payload && first && p->d != DIALECT_SURICATA && t->kind == TEST_CONTENT &&
                       (t->u.content.flags & CONTENT_RELATIVE);
        f->raw_only &= buffer == BUF_RAW_PAYLOAD || !payload;
        f->header_buffer |= buffer >= BUF_IPV4_HDR && buffer <= BUF_ICMPV6_HDR;
        f->anchored |= payload && t->kind == TEST_CONTENT &&
                       (t->u.content.flags & (CONTENT_OFFSET | CONTENT_DEPTH));
    }
    f->stream_size |= t->kind == TEST_STREAM_SIZE;
    f->app_protocol |= t->kind == TEST_APP_PROTOCOL;
    f->decode |= t->kind == TEST_DECODE_EVENT;
    f->not_decode |= t->kind != TEST_DECODE_EVENT && !neutral(t);
    f->other |= !fits_ip_only(t) && t->kind != TEST_APP_PROTOCOL;
}

static bool addresses_negated(const struct parse *p)
{
    return (p->c->addr_state && ((p->r->addr[0] && (p->c->addr_state[p->r->addr[0]] & 2)) ||
                                 (p->r->addr[1] && (p->c->addr_state[p->r->addr[1]] & 2))));
}

/* Types without payload and without an application protocol; -1: none of them. */
static int header_type(const struct parse *p, const struct facts *f)
{
    const struct rule *r = p->r;
    if (p->d != DIALECT_SURICATA || p->app || f->app || f->payload || f->header_buffer || r->hook)
        return -1;
    if (f->decode && !f->not_decode)
        return TYPE_DE_ONLY;
    bool direction_only = !(r->flags & (RULE_ESTABLISHED | RULE_NOT_ESTABLISHED | RULE_STATELESS |
                                        RULE_STREAM_ONLY | RULE_NO_STREAM));
    if (f->app_protocol && !f->other && direction_only)
        return TYPE_PD_ONLY;
    if (f->app_protocol || f->other || p->seen.flow ||
        (r->flags & (RULE_PKTHDR | RULE_ARP | RULE_ETHER | RULE_PACKET_ONLY | RULE_STREAM_ONLY)))
        return -1;
    return addresses_negated(p) ? TYPE_LIKE_IP_ONLY : TYPE_IP_ONLY;
}

static uint8_t payload_type(const struct parse *p, const struct facts *f)
{
    const struct rule *r = p->r;
    if (r->flags & RULE_PACKET_ONLY)
        return TYPE_PKT;
    if (r->flags & RULE_STREAM_ONLY)
        return TYPE_STREAM;
    if (!f->payload)
        return p->app ? TYPE_APP_LAYER : TYPE_PKT;
    if (!(r->transports & RULE_TCP))
        return TYPE_PKT;
    /* Snort looks at packets as well, so it sees those outside of sessions. */
    bool both = f->anchored || f->stream_size ||
                (p->d != DIALECT_SURICATA && !(r->flags & RULE_ESTABLISHED));
    return both ? TYPE_PKT_STREAM : TYPE_STREAM;
}

void rule_type_set(struct parse *p)
{
    struct facts f = {.raw_only = true};
    for (uint32_t i = 0; i < p->n; i++)
        facts_of_test(p, &p->t[i], &f);
    f.app |= p->r->hook == HOOK_APP;
    if (p->seen.packet && !f.app)
        p->r->flags |= RULE_PACKET_ONLY;
    if (f.payload && f.raw_only && !f.app)
        p->r->flags |= RULE_PACKET_ONLY;
    int t = header_type(p, &f);
    p->r->type = (uint8_t)(t >= 0 ? t : f.app ? TYPE_APP_TX : payload_type(p, &f));
    if (f.app || p->app)
        p->r->flags |= RULE_NEEDS_FLOW;
}
