/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of packet headers, lengths and flow counters. */
#include "rules/kw.h"

#include "packet/packet.h"

#include <netinet/in.h>
#include <string.h>

static uint64_t field_max(unsigned field)
{
    switch (field) {
    case PFIELD_TTL:
    case PFIELD_TOS:
    case PFIELD_ITYPE:
    case PFIELD_ICODE:
    case PFIELD_IP_PROTO:
    case PFIELD_WSCALE:
    case PFIELD_TCP_HLEN:
    case PFIELD_IP_HLEN:
        return 255;
    case PFIELD_ID:
    case PFIELD_ICMP_ID:
    case PFIELD_ICMP_SEQ:
    case PFIELD_WINDOW:
    case PFIELD_MSS:
    case PFIELD_DSIZE:
    case PFIELD_VLAN_ID:
        return 65535;
    case PFIELD_VXLAN_VNI:
        return 0xffffff;
    case PFIELD_VLAN_LAYERS:
        return 3;
    case PFIELD_SEQ:
    case PFIELD_ACK:
    case PFIELD_ICMP6_MTU:
    case PFIELD_FLOW_AGE:
    case PFIELD_FLOW_PKTS:
    case PFIELD_FLOW_PKTS_TS:
    case PFIELD_FLOW_PKTS_TC:
        return UINT32_MAX;
    default:
        return UINT64_MAX;
    }
}

static bool packet_test(struct parse *p, unsigned field, const struct test_uint *u)
{
    struct rule_test *t = test_add_at(p, TEST_PACKET, 0, 0);
    if (!t)
        return false;
    t->u.packet.field = (uint8_t)field;
    t->u.packet.index = RULE_INDEX_ANY;
    t->u.packet.uint = *u;
    return true;
}

bool kw_packet_uint(struct parse *p, const struct keyword *k, struct str v)
{
    struct test_uint u;
    value_unquote(&v);
    if (k->extra != PFIELD_TTL && v.n && v.p[0] == '-') /* open ranges are those of ttl */
        return bad(p, "no number here is below 0; for at most N write <N",
                   "'" STR_FMT "' is negative", STR_ARG(v));
    if (k->extra == PFIELD_TTL && p->d == DIALECT_SNORT2 && v.n > 1 && v.p[v.n - 1] == '-') { /* 5-: 5 and above */
        uint64_t from;
        if (!str_u64(str_trim(str_first(v, v.n - 1)), &from) || from > field_max(PFIELD_TTL))
            return bad(p, "5-, -5, 5-10: numbers from 0 to 255", "'" STR_FMT "' is no range", STR_ARG(v));
        u = (struct test_uint){.op = NUM_GE, .a = from};
        return packet_test(p, k->extra, &u);
    }
    if (k->extra == PFIELD_TOS && v.n && (v.p[0] == 'x' || v.p[0] == 'X')) {
        u = (struct test_uint){.op = NUM_EQ};
        if (!str_u64_base(str_skip(v, 1), 16, &u.a) || u.a > 255)
            return bad(p, NULL, "'" STR_FMT "' is no type of service", STR_ARG(v));
        return packet_test(p, k->extra, &u);
    }
    if (k->extra == PFIELD_TOS && p->d == DIALECT_SURICATA &&
        (str_chr(v, '<') >= 0 || str_chr(v, '>') >= 0 || str_chr(v, '-') >= 0))
        return bad(p, "tos:N or tos:!N", "tos compares with one value only");
    enum uint_style style = uint_style(p);
    if (style == UINT_SNORT2 && (k->extra == PFIELD_ITYPE || k->extra == PFIELD_ICODE))
        style = UINT_SNORT3; /* without the ends, as Snort 3 */
    return uint_parse(p, v, style, field_max(k->extra), NULL, &u) && packet_test(p, k->extra, &u);
}

bool kw_dsize(struct parse *p, const struct keyword *k, struct str v)
{
    for (uint32_t i = 0; i < p->n; i++)
        if (p->d == DIALECT_SURICATA && p->t[i].kind == TEST_PACKET &&
            p->t[i].u.packet.field == PFIELD_DSIZE)
            return bad(p, NULL, "dsize stands twice in the rule");
    if (!kw_packet_uint(p, k, v))
        return false;
    /* Suricata asks for a payload where the words could hold without one. */
    const struct test_uint *u = &p->t[p->n - 1].u.packet.uint;
    bool empty = (u->op == NUM_NE && u->a) || u->op == NUM_NOT_IN || (u->op == NUM_GE && !u->a);
    struct test_uint some = {.op = NUM_GE, .a = 1};
    return p->d != DIALECT_SURICATA || !empty || packet_test(p, PFIELD_DSIZE, &some);
}

/* Number of bits of a set of TCP flags or fragment bits; false: unknown letter. */
static bool flag_letters(struct str s, bool tcp, uint8_t *out)
{
    static const char tcp_letters[] = "FSRPAUEC";
    for (uint32_t i = 0; i < s.n; i++) {
        char c = (char)s.p[i];
        if (c >= 'a' && c <= 'z')
            c = (char)(c - 32);
        if (tcp && c == '1')
            c = 'C';
        if (tcp && c == '2')
            c = 'E';
        if (tcp && c == '0')
            continue;
        const char *at = tcp ? strchr(tcp_letters, c) : NULL;
        if (tcp && at)
            *out |= (uint8_t)(1u << (at - tcp_letters));
        else if (!tcp && (c == 'M' || c == 'D' || c == 'R'))
            *out |= c == 'M' ? 0x20 : c == 'D' ? 0x40 : 0x80;
        else
            return false;
    }
    return true;
}

static bool flag_test(struct parse *p, enum test_kind kind, uint8_t value, uint8_t mask, char mode)
{
    struct rule_test *t = test_add_at(p, kind, 0, 0);
    if (!t)
        return false;
    t->u.flags.value = value;
    t->u.flags.mask = mask;
    t->u.flags.mode = (uint8_t)mode;
    return true;
}

/* Mode letters at either end, then the flags. */
static bool flags_parse(struct parse *p, enum test_kind kind, struct str v, uint8_t mask)
{
    char mode = '=';
    static const char modes[] = "+*!";
    v = str_trim(v);
    if (v.n && strchr(modes, v.p[0]) && v.p[0]) {
        mode = (char)v.p[0];
        v = str_trim(str_skip(v, 1));
    } else if (v.n && strchr(modes, v.p[v.n - 1]) && v.p[v.n - 1]) {
        mode = (char)v.p[v.n - 1];
        v = str_trim(str_first(v, v.n - 1));
    }
    uint8_t value = 0;
    if (!v.n || !flag_letters(v, kind == TEST_TCP_FLAGS, &value))
        return bad(p, kind == TEST_TCP_FLAGS ? "[!*+]FSRPAUEC" : "[!*+]MDR",
                   "unknown flag in '" STR_FMT "'", STR_ARG(v));
    value &= mask;
    if (mode != '!' || p->d == DIALECT_SURICATA)
        return flag_test(p, kind, value, mask, mode);
    for (unsigned bit = 1; bit < 256; bit <<= 1) /* Snort: none of them is set */
        if ((value & bit) && !flag_test(p, kind, (uint8_t)bit, mask, '!'))
            return false;
    return true;
}

/* [!*+]FLAGS[,ignored] */
bool kw_flags(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    struct str flags = list_next(&v, ',');
    uint8_t ignored = 0;
    if (v.n && !flag_letters(str_trim(v), true, &ignored))
        return bad(p, "FSRPAUEC", "unknown flag in '" STR_FMT "'", STR_ARG(v));
    return flags_parse(p, TEST_TCP_FLAGS, flags, (uint8_t)~ignored);
}

bool kw_fragbits(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    return flags_parse(p, TEST_FRAGBITS, v, 0xe0);
}

bool kw_fragoffset(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    struct test_uint u;
    if (!uint_parse(p, v, uint_style(p), 8191, NULL, &u))
        return false;
    struct rule_test *t = test_add_at(p, TEST_FRAGOFFSET, 0, 0);
    if (!t)
        return false;
    t->u.uint = u;
    return true;
}

bool kw_ipopts(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    static const struct {
        const char *word;
        uint32_t bit;
    } t[] = {{"rr", IPOPT_BIT_RR},       {"lsrr", IPOPT_BIT_LSRR}, {"lsrre", IPOPT_BIT_LSRR},
             {"ssrr", IPOPT_BIT_SSRR},   {"ts", IPOPT_BIT_TS},     {"sec", IPOPT_BIT_SEC},
             {"satid", IPOPT_BIT_SATID}, {"esec", IPOPT_BIT_ESEC}, {"eol", IPOPT_BIT_EOL},
             {"nop", IPOPT_BIT_NOP},     {"any", UINT32_MAX}};
    value_unquote(&v);
    for (unsigned i = 0; i < ARRAY_LEN(t); i++) {
        if (!str_ieq(v, str_cstr(t[i].word)))
            continue;
        if (p->d == DIALECT_SURICATA && str_ieq(v, STR("lsrre")))
            break;
        struct rule_test *test = test_add_at(p, TEST_IPOPTS, 0, 0);
        if (!test)
            return false;
        bool any = t[i].bit == UINT32_MAX;
        test->u.uint = (struct test_uint){.op = NUM_EQ, .a = any ? 0 : t[i].bit, .b = any};
        return true;
    }
    return bad(p, "rr, lsrr, ssrr, ts, sec, esec, satid, eol, nop, any", "unknown IP option '" STR_FMT "'",
               STR_ARG(v));
}

bool kw_sameip(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    (void)v;
    return test_add_at(p, TEST_SAMEIP, 0, 0) != NULL;
}

bool kw_ftpbounce(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    (void)v;
    return test_add_at(p, TEST_FTPBOUNCE, 0, 0) != NULL;
}

/* Suricata: a protocol without operator stands alone. */
static bool protocol_alone(struct parse *p)
{
    unsigned named = 0, all = 0;
    for (uint32_t i = 0; i < p->n && p->d == DIALECT_SURICATA; i++)
        if (p->t[i].kind == TEST_PACKET && p->t[i].u.packet.field == PFIELD_IP_PROTO) {
            named += p->t[i].u.packet.uint.op == NUM_EQ;
            all++;
        }
    return !named || all == 1 ||
           bad(p, "leave the others out", "a second ip_proto stands beside one that names the protocol");
}

/* [!<>]NUMBER or a name */
bool kw_ip_proto(struct parse *p, const struct keyword *k, struct str v)
{
    static const struct {
        const char *lower, *upper;
        uint8_t n;
    } names[] = {
        {"ip", "IP", 0},           {"icmp", "ICMP", 1},        {"igmp", "IGMP", 2},
        {"ipip", "IP-ENCAP", 4},   {"tcp", "TCP", 6},          {"egp", "EGP", 8},
        {"igp", "IGP", 9},         {"pup", "PUP", 12},         {"udp", "UDP", 17},
        {"hmp", "HMP", 20},        {"idp", "XNS-IDP", 22},     {"rdp", "RDP", 27},
        {"dccp", "DCCP", 33},      {"ipv6", "IPv6", 41},       {"rsvp", "RSVP", 46},
        {"gre", "GRE", 47},        {"esp", "ESP", 50},         {"ah", "AH", 51},
        {"icmpv6", "ICMPv6", 58},  {"icmp6", "IPv6-ICMP", 58}, {"rspf", "RSPF", 73},
        {"eigrp", "EIGRP", 88},    {"ospf", "OSPF", 89},       {"pim", "PIM", 103},
        {"ipcomp", "IPCOMP", 108}, {"vrrp", "VRRP", 112},      {"l2tp", "L2TP", 115},
        {"isis", "ISIS", 124},     {"sctp", "SCTP", 132},      {"udplite", "UDPLite", 136}};
    struct test_uint u;
    value_unquote(&v);
    struct str word = v;
    bool negated = value_negated(&word);
    for (unsigned i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq(word, str_cstr(names[i].lower)) || str_eq(word, str_cstr(names[i].upper))) {
            u = (struct test_uint){.op = negated ? NUM_NE : NUM_EQ, .a = names[i].n};
            return packet_test(p, PFIELD_IP_PROTO, &u) && protocol_alone(p);
        }
    return kw_packet_uint(p, k, v) && protocol_alone(p);
}

/* extra: 4 or 6 times 256, and the protocol; 0: IPv4's own */
bool kw_csum(struct parse *p, const struct keyword *k, struct str v)
{
    value_unquote(&v);
    bool valid = str_ieq(v, STR("valid"));
    if (!valid && !str_ieq(v, STR("invalid")))
        return bad(p, "valid or invalid", "'" STR_FMT "' is no state of a checksum", STR_ARG(v));
    struct rule_test *t = test_add_at(p, TEST_CSUM, 0, 0);
    if (!t)
        return false;
    t->u.csum.which = (uint8_t)k->extra;
    t->u.csum.ver = (uint8_t)(k->extra >> 8);
    t->u.csum.valid = valid;
    return true;
}

static bool compare_op(struct str s, uint8_t *op)
{
    static const struct {
        const char *word;
        uint8_t op;
    } t[] = {{"<", NUM_LT},  {">", NUM_GT},  {"=", NUM_EQ}, {"!=", NUM_NE},
             {"<=", NUM_LE}, {">=", NUM_GE}, {"!", NUM_NE}, {"==", NUM_EQ}};
    for (unsigned i = 0; i < ARRAY_LEN(t); i++)
        if (str_eq(s, str_cstr(t[i].word))) {
            *op = t[i].op;
            return true;
        }
    return false;
}

/* server|client|both|either,OP,N; Snort 3: [OP]N[,to_server ...] */
bool kw_stream_size(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    static const char *const who[] = {"server", "client",    "both",
                                      "either", "to_server", "to_client"};
    struct str parts[3] = {{0}};
    for (unsigned i = 0; i < 3; i++)
        parts[i] = list_next(&v, ',');
    struct str whom = parts[0], op = parts[1], n = parts[2];
    struct str joined = {0};
    if (p->d == DIALECT_SNORT3 && !n.n) {
        joined = parts[0];
        whom = op.n ? op : STR("either");
    }
    unsigned w = 0;
    while (w < ARRAY_LEN(who) && !str_eq(whom, str_cstr(who[w])))
        w++;
    uint64_t size;
    struct test_uint u = {0};
    if (w == ARRAY_LEN(who) || v.n)
        return bad(p, "stream_size:server|client|both|either,<,N",
                   "the side '" STR_FMT "' is unknown", STR_ARG(whom));
    if (joined.p) {
        if (!uint_parse(p, joined, UINT_SNORT3, UINT32_MAX, NULL, &u) || u.op >= NUM_IN)
            return p->failed ? false : bad(p, NULL, "ranges are not supported here");
        size = u.a;
    } else if (!compare_op(op, &u.op) || !str_u64(n, &size)) {
        return bad(p, "stream_size:server|client|both|either,<,N",
                   "the comparison is not understood");
    }
    if (size > UINT32_MAX)
        return bad(p, "give a number in that range", "the size is no number from 0 to %u", UINT32_MAX);
    struct rule_test *t = test_add_at(p, TEST_STREAM_SIZE, 0, 0);
    if (!t)
        return false;
    t->u.size.who = (uint8_t)(w >= 4 ? 5 - w : w);
    t->u.size.op = u.op;
    t->u.size.size = size;
    return true;
}

/* flow.pkts, flow.bytes: toserver|toclient|either,NUMBER; extra: the field of either side. */
bool kw_flow_count(struct parse *p, const struct keyword *k, struct str v)
{
    struct test_uint u;
    struct str side = list_next(&v, ',');
    unsigned field = k->extra;
    if (str_eq(side, STR("toserver")))
        field += 1;
    else if (str_eq(side, STR("toclient")))
        field += 2;
    else if (!str_eq(side, STR("either")))
        return bad(p, "toserver, toclient or either, then a number", "unknown side '" STR_FMT "'",
                   STR_ARG(side));
    return uint_parse(p, v, UINT_SURICATA, field_max(field), NULL, &u) && packet_test(p, field, &u);
}
static_assert(PFIELD_FLOW_PKTS_TS == PFIELD_FLOW_PKTS + 1, "kw_flow_count counts on it");
static_assert(PFIELD_FLOW_PKTS_TC == PFIELD_FLOW_PKTS + 2, "kw_flow_count counts on it");
static_assert(PFIELD_FLOW_BYTES_TS == PFIELD_FLOW_BYTES + 1, "kw_flow_count counts on it");
static_assert(PFIELD_FLOW_BYTES_TC == PFIELD_FLOW_BYTES + 2, "kw_flow_count counts on it");

/* NUMBER[,layer|any|all] */
bool kw_vlan_id(struct parse *p, const struct keyword *k, struct str v)
{
    struct test_uint u;
    struct str number = list_next(&v, ',');
    int64_t index = RULE_INDEX_ANY;
    if (!uint_parse(p, number, UINT_SURICATA, 4095, NULL, &u))
        return false;
    if (str_eq(v, STR("all")))
        index = RULE_INDEX_ALL;
    else if (v.n && !str_eq(v, STR("any")) && (!str_i64(v, &index) || index < -3 || index > 2))
        return bad(p, "0 to 2 from outside, -1 to -3 from inside, any, all",
                   "unknown layer '" STR_FMT "'", STR_ARG(v));
    if (!packet_test(p, k->extra, &u))
        return false;
    p->t[p->n - 1].u.packet.index = (int8_t)index;
    return true;
}
