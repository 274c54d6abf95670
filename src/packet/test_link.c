/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Link layers: each whole, at every cut, and with each thing that can be wrong with it. */
#include "packet/packet_test.h"

/* UDP 40000 > 53 with "EVIL" over IPv4 or IPv6. */
static void inner4(struct t_pkt *t)
{
    t_init(t, "EVIL", 4);
    t_udp(t, 40000, 53);
    t_ip4(t, 17);
}
static void inner6(struct t_pkt *t)
{
    t_init(t, "EVIL", 4);
    t_udp_ver(t, 40000, 53, 6);
    t_ip6(t, 17);
}

enum inside { NOTHING, IN4, IN6, ETH4 /* a whole Ethernet frame with IN4 */ };

/* A link header in front of a packet that must come out whole. */
static const struct whole {
    const char *name;
    uint16_t link;
    enum inside inside;
    const char *head; /* hex */
    uint8_t vlan_n;
    uint16_t vlan[3];
    const char *events;
} wholes[] = {
    {"ether4", LINK_ETHERNET, IN4, "02000000000c 020000000005 0800", 0, {0}, ""},
    {"ether6", LINK_ETHERNET, IN6, "02000000000c 020000000005 86dd", 0, {0}, ""},
    {"llc snap",
     LINK_ETHERNET,
     IN4,
     "02000000000c 020000000005 0028 aaaa03 000000 0800",
     0,
     {0},
     ""},
    {"llc ip", LINK_ETHERNET, IN4, "02000000000c 020000000005 0023 060603", 0, {0}, ""},
    {"one tag", LINK_ETHERNET, IN4, "02000000000c 020000000005 8100 6005 0800", 1, {5}, ""},
    {"two tags",
     LINK_ETHERNET,
     IN6,
     "02000000000c 020000000005 88a8 0005 8100 0006 86dd",
     2,
     {5, 6},
     ""},
    {"three tags",
     LINK_ETHERNET,
     IN4,
     "02000000000c 020000000005 9100 0005 8100 0006 8100 0007 0800",
     3,
     {5, 6, 7},
     ""},
    {"tag and snap",
     LINK_ETHERNET,
     IN4,
     "02000000000c 020000000005 8100 0009 0028 aaaa03000000 0800",
     1,
     {9},
     ""},
    {"802.1ah",
     LINK_ETHERNET,
     IN4,
     "02000000000c 020000000005 88e7 00000001 020000000001 020000000002 0800",
     0,
     {0},
     ""},
    {"vntag",
     LINK_ETHERNET,
     IN4,
     "02000000000c 020000000005 8926 00000000 8100 000a 0800",
     1,
     {10},
     ""},
    {"etag", LINK_ETHERNET, IN4, "02000000000c 020000000005 893f 000000000000 0800", 0, {0}, ""},
    {"dce", LINK_ETHERNET, ETH4, "02000000000c 020000000005 8903 0020", 0, {0}, ""},
    {"nsh 1",
     LINK_ETHERNET,
     IN4,
     "02000000000c 020000000005 894f 00060101 00000102 00000000000000000000000000000000",
     0,
     {0},
     ""},
    {"nsh 2", LINK_ETHERNET, IN6, "02000000000c 020000000005 894f 00020202 01010102", 0, {0}, ""},
    {"nsh ether",
     LINK_ETHERNET,
     ETH4,
     "02000000000c 020000000005 894f 00020203 01010102",
     0,
     {0},
     ""},
    {"mpls",
     LINK_ETHERNET,
     IN4,
     "02000000000c 020000000005 8847 00010040 00011040 00012140",
     0,
     {0},
     ""},
    {"mpls 6", LINK_ETHERNET, IN6, "02000000000c 020000000005 8848 00012140", 0, {0}, ""},
    {"mpls null 4", LINK_ETHERNET, IN4, "02000000000c 020000000005 8847 00000140", 0, {0}, ""},
    {"mpls null 6", LINK_ETHERNET, IN6, "02000000000c 020000000005 8847 00002140", 0, {0}, ""},
    {"mpls wire",
     LINK_ETHERNET,
     ETH4,
     "02000000000c 020000000005 8847 00013140 00000000",
     0,
     {0},
     ""},
    {"pppoe", LINK_ETHERNET, IN4, "02000000000c 020000000005 8864 1100 0001 0022 0021", 0, {0}, ""},
    {"pppoe short field",
     LINK_ETHERNET,
     IN4,
     "02000000000c 020000000005 8864 1100 0001 0021 21",
     0,
     {0},
     ""},
    {"pppoe 6",
     LINK_ETHERNET,
     IN6,
     "02000000000c 020000000005 8864 1100 0001 0036 0057",
     0,
     {0},
     ""},
    {"pppoe too long",
     LINK_ETHERNET,
     IN4,
     "02000000000c 020000000005 8864 1100 0001 0fa0 0021",
     0,
     {0},
     "pppoe.pkt_too_small"},
    {"pppoe link", LINK_PPP_ETHER, IN4, "1100 0001 0022 0021", 0, {0}, ""},
    {"sll", LINK_SLL, IN4, "0000 0001 0006 020000000001 0000 0800", 0, {0}, ""},
    {"sll vlan", LINK_SLL, IN4, "0000 0001 0006 020000000001 0000 8100 0007 0800", 1, {7}, ""},
    {"sll2", LINK_SLL2, IN6, "86dd 0000 00000002 0001 00 06 0200000000010000", 0, {0}, ""},
    {"null", LINK_NULL, IN4, "02000000", 0, {0}, ""},
    {"null swapped", LINK_NULL, IN4, "00000002", 0, {0}, ""},
    {"null 24", LINK_NULL, IN6, "18000000", 0, {0}, ""},
    {"null 28", LINK_NULL, IN6, "0000001c", 0, {0}, ""},
    {"null 30", LINK_NULL, IN6, "1e000000", 0, {0}, ""},
    {"loop", LINK_LOOP, IN4, "00000002", 0, {0}, ""},
    {"raw 4", LINK_RAW, IN4, "", 0, {0}, ""},
    {"raw 6", LINK_RAW, IN6, "", 0, {0}, ""},
    {"raw 12", LINK_RAW_OLD, IN4, "", 0, {0}, ""},
    {"raw 14", LINK_RAW_BSD, IN6, "", 0, {0}, ""},
    {"ipv4", LINK_IPV4, IN4, "", 0, {0}, ""},
    {"ipv6", LINK_IPV6, IN6, "", 0, {0}, ""},
    {"ppp", LINK_PPP, IN4, "0021", 0, {0}, ""},
    {"ppp hdlc", LINK_PPP, IN4, "ff03 0021", 0, {0}, ""},
    {"ppp compressed", LINK_PPP, IN4, "21", 0, {0}, ""},
    {"ppp hdlc compressed", LINK_PPP_SERIAL, IN6, "ff03 57", 0, {0}, ""},
    {"ppp mpls", LINK_PPP, IN4, "0281 00012140", 0, {0}, ""},
    {"ppp cisco", LINK_PPP_SERIAL, IN4, "0f00 0800", 0, {0}, ""},
    {"chdlc", LINK_CHDLC, IN4, "0f00 0800", 0, {0}, ""},
    {"chdlc multicast 6", LINK_CHDLC, IN6, "8f00 86dd", 0, {0}, ""},
};

static void wholes_decode(void **state)
{
    (void)state;
    static struct t_pkt t;
    struct t_out o;
    t_open(&o, NULL);
    for (unsigned i = 0; i < ARRAY_LEN(wholes); i++) {
        const struct whole *w = &wholes[i];
        w->inside == IN6 ? inner6(&t) : inner4(&t);
        if (w->inside == ETH4)
            t_ether(&t, 0x0800);
        t_hex(&t, w->head);
        t_decode(&o, &t, w->link);
        const struct packet *p = &o.p[0];
        if (o.n != 1 || !(p->flags & PKT_UDP) || p->payload_len != 4)
            fail_msg("%s: not decoded: %s", w->name, t_events(p));
        assert_memory_equal(p->payload, "EVIL", 4);
        assert_int_equal(p->sp, 40000);
        assert_int_equal(p->dp, 53);
        assert_int_equal(p->ver, w->inside == IN6 ? 6 : 4);
        assert_int_equal(p->link, w->link);
        assert_int_equal(p->flags & (PKT_INVALID | PKT_IGNORE | PKT_L4_CSUM_BAD | PKT_IP_CSUM_BAD),
                         0);
        assert_true(p->flags & PKT_WANTS_FLOW);
        assert_int_equal(p->vlan_n, w->vlan_n);
        assert_memory_equal(p->vlan, w->vlan, sizeof(p->vlan));
        assert_string_equal(t_events(p), w->events);
        assert_true(p->data == o.heap && p->data_len == t_len(&t));
        assert_true(p->l2 == (w->head[0] ? o.heap : NULL));
        assert_true(link_type_known(w->link));
        t_cuts(&t, w->link);
    }
    t_close(&o);
}

/* Frames that are wrong, with what is said of them. */
static const struct wrong {
    uint16_t link;
    const char *frame, *events;
    bool invalid;
} wrongs[] = {
    {LINK_ETHERNET, "02000000000c 020000000005 08", "ethernet.pkt_too_small", true},
    {LINK_ETHERNET, "02000000000c 020000000005 fbb7 0000", "ethernet.unknown_ethertype", false},
    {LINK_ETHERNET, "02000000000c 020000000005 0026 424203 0000", "ethernet.unknown_ethertype",
     false},
    {LINK_ETHERNET, "02000000000c 020000000005 8100 0005", "vlan.header_too_small", true},
    {LINK_ETHERNET, "02000000000c 020000000005 8100 0005 8035",
     "ethernet.unknown_ethertype vlan.unknown_type", true},
    {LINK_ETHERNET, "02000000000c 020000000005 8100 0005 8100 0005 8100 0005 8100 0005 0800",
     "vlan.too_many_layers", true},
    {LINK_ETHERNET, "02000000000c 020000000005 88e7 00000000", "ieee8021ah.header_too_small", true},
    {LINK_ETHERNET, "02000000000c 020000000005 8926 00000000 81", "vntag.header_too_small", true},
    {LINK_ETHERNET, "02000000000c 020000000005 8926 00000000 8035",
     "ethernet.unknown_ethertype vntag.unknown_type", true},
    {LINK_ETHERNET, "02000000000c 020000000005 893f 00000000", "etag.header_too_small", true},
    {LINK_ETHERNET, "02000000000c 020000000005 893f 000000000000 8035",
     "ethernet.unknown_ethertype etag.unknown_type", true},
    {LINK_ETHERNET, "02000000000c 020000000005 8903 0020 0200", "dce.pkt_too_small", true},
    {LINK_ETHERNET, "02000000000c 020000000005 894f 0006", "nsh.header_too_small", true},
    {LINK_ETHERNET, "02000000000c 020000000005 894f 40020201 00000000", "nsh.unsupported_version",
     true},
    {LINK_ETHERNET, "02000000000c 020000000005 894f 00020001 00000000", "nsh.reserved_type", true},
    {LINK_ETHERNET, "02000000000c 020000000005 894f 00020501 00000000", "nsh.unsupported_type",
     true},
    {LINK_ETHERNET, "02000000000c 020000000005 894f 00020101 00000000", "nsh.bad_header_length",
     true},
    {LINK_ETHERNET, "02000000000c 020000000005 894f 00050201 00000000", "nsh.bad_header_length",
     true},
    {LINK_ETHERNET, "02000000000c 020000000005 894f 00020207 00000000", "nsh.unknown_payload",
     true},
    {LINK_ETHERNET, "02000000000c 020000000005 8847 000100", "mpls.header_too_small", true},
    {LINK_ETHERNET, "02000000000c 020000000005 8847 00010040 00010040", "mpls.header_too_small",
     true},
    {LINK_ETHERNET, "02000000000c 020000000005 8847 00001140 45", "mpls.bad_label_router_alert",
     true},
    {LINK_ETHERNET, "02000000000c 020000000005 8847 00003140 45", "mpls.bad_label_implicit_null",
     true},
    {LINK_ETHERNET, "02000000000c 020000000005 8847 00004140 45", "mpls.bad_label_reserved", true},
    {LINK_ETHERNET, "02000000000c 020000000005 8847 00012140 4500", "mpls.pkt_too_small", true},
    {LINK_ETHERNET, "02000000000c 020000000005 8847 00012140 90000000", "mpls.unknown_payload_type",
     true},
    {LINK_ETHERNET, "02000000000c 020000000005 8863 11090000 00", "pppoe.pkt_too_small", true},
    {LINK_ETHERNET, "02000000000c 020000000005 8863 11110000 0000", "pppoe.wrong_code", true},
    {LINK_ETHERNET, "02000000000c 020000000005 8863 11090000 0003 010100", "pppoe.malformed_tags",
     true},
    {LINK_ETHERNET, "02000000000c 020000000005 8863 11090000 0005 0101 0004 00",
     "pppoe.malformed_tags", true},
    {LINK_ETHERNET, "02000000000c 020000000005 8863 11090000 0004 0101 0000", "", false},
    {LINK_ETHERNET, "02000000000c 020000000005 8864 11000001 0000", "pppoe.pkt_too_small", true},
    {LINK_ETHERNET, "02000000000c 020000000005 8864 11000001 0004 c021 0101", "", false},
    {LINK_SLL, "0000 0001 0006", "sll.pkt_too_small", true},
    {LINK_SLL2, "0800 0000", "sll2.pkt_too_small", true},
    {LINK_NULL, "0200", "ltnull.pkt_too_small", true},
    {LINK_NULL, "07000000 45", "ltnull.unsupported_type", false},
    {LINK_RAW, "4500", "ipv4.pkt_too_small", true},
    {LINK_RAW, "5500000000000000000000000000000000000000", "ipraw.invalid_ip_version", false},
    {LINK_RAW, "6000000000000000000000000000000000000000", "ipv6.pkt_too_small", true},
    {LINK_IPV4, "6500000000000000000000000000000000000000", "ipv4.wrong_ip_version", true},
    {LINK_PPP, "", "ppp.pkt_too_small", true},
    {LINK_PPP, "00", "ppp.pkt_too_small", true},
    {LINK_PPP, "0020 45", "ppp.wrong_type", true},
    {LINK_PPP, "0021 45", "ppp.ip4_pkt_too_small", true},
    {LINK_PPP, "0057 60", "ppp.ip6_pkt_too_small", true},
    {LINK_PPP, "002d 45", "ppp.vju_pkt_too_small", true},
    {LINK_PPP, "002b 0000", "ppp.unsup_proto", false},
    {LINK_PPP, "0099 0000", "ppp.wrong_type", false},
    {LINK_PPP, "c021 0101", "", false},
    {LINK_CHDLC, "0f00 08", "chdlc.pkt_too_small", true},
    {LINK_CHDLC, "8f00 8035 00000000", "ethernet.unknown_ethertype", false},
    {147, "00010203", "", false},
};

static void wrongs_say_so(void **state)
{
    (void)state;
    static struct t_pkt t;
    struct t_out o;
    t_open(&o, NULL);
    for (unsigned i = 0; i < ARRAY_LEN(wrongs); i++) {
        t_init(&t, NULL, 0);
        t_hex(&t, wrongs[i].frame);
        t_decode(&o, &t, wrongs[i].link);
        if (strcmp(t_events(&o.p[0]), wrongs[i].events) != 0)
            fail_msg("%s: %s", wrongs[i].frame, t_events(&o.p[0]));
        assert_int_equal(o.n, 1);
        assert_true(o.p[0].flags & PKT_IGNORE);
        assert_int_equal(!!(o.p[0].flags & PKT_INVALID), wrongs[i].invalid);
        t_cuts(&t, wrongs[i].link);
    }
    assert_true(decoder_counters(o.d)->invalid > 30);
    assert_false(link_type_known(147));
    assert_null(link_type_name(147));
    t_close(&o);
}

static const struct {
    const char *frame, *events;
    bool good;
} arps[] = {
    {"0001 0800 06 04 0001 020000000005 0a000001 000000000000 0a000002", "", true},
    {"0001 0800 06 04 0002 020000000005 0a000001 020000000006 0a000002 00000000", "", true},
    {"0001 0800 06 04 0001 020000000005 0a000001 000000000000 0a0000", "arp.pkt_too_small", false},
    {"0006 0800 06 04 0001 020000000005 0a000001 000000000000 0a000002", "arp.unsupported_hardware",
     false},
    {"0001 86dd 06 04 0001 020000000005 0a000001 000000000000 0a000002", "arp.unsupported_protocol",
     false},
    {"0001 0800 08 04 0001 020000000005 0a000001 000000000000 0a000002",
     "arp.invalid_hardware_size", false},
    {"0001 0800 06 ff 0001 020000000005 0a000001 000000000000 0a000002",
     "arp.invalid_protocol_size", false},
    {"0001 0800 06 04 0063 020000000005 0a000001 000000000000 0a000002", "arp.unsupported_opcode",
     false},
};

static void arp(void **state)
{
    (void)state;
    static struct t_pkt t;
    struct t_out o;
    t_open(&o, NULL);
    for (unsigned i = 0; i < ARRAY_LEN(arps); i++) {
        t_init(&t, NULL, 0);
        t_hex(&t, arps[i].frame);
        t_ether(&t, 0x0806);
        t_decode(&o, &t, LINK_ETHERNET);
        assert_string_equal(t_events(&o.p[0]), arps[i].events);
        assert_int_equal(!!(o.p[0].flags & PKT_ARP), arps[i].good);
        assert_true(o.p[0].flags & PKT_IGNORE);
        if (arps[i].good)
            assert_true(o.p[0].l4 == o.heap + 14 && o.p[0].l4_len == 28);
        t_cuts(&t, LINK_ETHERNET);
    }
    t_close(&o);
}

/* Tags that the kernel took off come first. */
static void kernel_tags(void **state)
{
    (void)state;
    static struct t_pkt t;
    struct t_out o;
    t_open(&o, NULL);
    inner4(&t);
    t_vlan(&t, 7, 0x0800);
    t_ether(&t, 0x8100);
    o.f.vlan_n = 2;
    o.f.vlan_tci[0] = 0xe005;
    o.f.vlan_tci[1] = 6;
    t_decode(&o, &t, LINK_ETHERNET);
    assert_int_equal(o.p[0].vlan_n, 3);
    assert_int_equal(o.p[0].vlan[0], 5);
    assert_int_equal(o.p[0].vlan[1], 6);
    assert_int_equal(o.p[0].vlan[2], 7);
    t_close(&o);
}

/* Sixteen layers and no more: Ethernet in MPLS in Ethernet ... */
static void layers_end(void **state)
{
    (void)state;
    static struct t_pkt t;
    struct t_out o;
    t_open(&o, NULL);
    for (unsigned pairs = 1; pairs < 60; pairs++) {
        inner4(&t);
        for (unsigned i = 0; i < pairs; i++) {
            t_ether(&t, i == 0 ? 0x0800 : 0x8847);
            if (i + 1 < pairs)
                t_hex(&t, "00013140 00000000");
        }
        t_decode(&o, &t, LINK_ETHERNET);
        bool fits = 2 * pairs <= 16; /* Ethernets, MPLS between them, IP */
        assert_int_equal(!!(o.p[0].flags & PKT_UDP), fits);
        assert_string_equal(t_events(&o.p[0]), fits ? "" : "too_many_layers");
    }
    assert_true(decoder_counters(o.d)->too_many_layers == 59 - 8);
    t_close(&o);
}

static void names(void **state)
{
    (void)state;
    for (unsigned i = 0; i < DECODE_EVENT_COUNT; i++) {
        const char *name = decode_event_name(i);
        assert_non_null(name);
        assert_int_equal(decode_event_find(str_cstr(name)), (int)i);
    }
    assert_null(decode_event_name(DECODE_EVENT_COUNT));
    assert_int_equal(decode_event_find(STR("decoder.ipv4.trunc_pkt")), DECODE_IPV4_TRUNC_PKT);
    assert_int_equal(decode_event_find(STR("ipv4.no_such")), -1);
    assert_string_equal(packet_source_name(PKT_SRC_DEFRAG), "defrag");
    assert_string_equal(packet_source_name(200), "<unknown>");
    assert_string_equal(link_type_name(LINK_CHDLC), "C_HDLC");
}

/* An event is kept once, and no more than there is room for. */
static void events_kept(void **state)
{
    (void)state;
    struct packet p = {0};
    for (unsigned round = 0; round < 2; round++)
        for (unsigned i = 0; i < PACKET_EVENTS + 5; i++)
            packet_event(&p, i);
    assert_int_equal(p.n_events, PACKET_EVENTS);
    for (unsigned i = 0; i < PACKET_EVENTS; i++)
        assert_int_equal(p.events[i], i);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(wholes_decode), cmocka_unit_test(wrongs_say_so), cmocka_unit_test(arp),
        cmocka_unit_test(kernel_tags),   cmocka_unit_test(layers_end),    cmocka_unit_test(names),
        cmocka_unit_test(events_kept),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
