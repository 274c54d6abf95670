/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tunnels: the inner packet comes out, in order, with its outer one; what is wrong says so. */
#include "packet/packet_test.h"

static struct t_pkt t;
static struct t_out o;

enum carrier { OVER4, OVER6, UDP4, UDP6 };
enum inside { IN4, IN6, ETH4, IN_ARP };

/* What carries: the protocol or port behind the outer IP header, bytes of the tunnel's header. */
static const struct row {
    const char *name;
    enum carrier carrier;
    uint16_t number; /* IP protocol, UDP port */
    const char *head;
    enum inside inside;
    uint8_t src;
    uint16_t vlan;
    const char *events; /* of the inner packet */
} rows[] = {
    {"4in4", OVER4, 4, "", IN4, PKT_SRC_IPV4, 0, ""},
    {"6in4", OVER4, 41, "", IN6, PKT_SRC_IPV4, 0, ""},
    {"4in6", OVER6, 4, "", IN4, PKT_SRC_IPV6, 0, ""},
    {"6in6", OVER6, 41, "", IN6, PKT_SRC_IPV6, 0, ""},
    {"gre", OVER4, 47, "0000 0800", IN4, PKT_SRC_GRE, 0, ""},
    {"gre over 6", OVER6, 47, "0000 86dd", IN6, PKT_SRC_GRE, 0, ""},
    {"gre all", OVER4, 47, "b000 0800 00000000 00000001 00000002", IN4, PKT_SRC_GRE, 0, ""},
    {"gre routes", OVER4, 47, "4000 0800 00000000 0800 0004 0a000001 00000000", IN4, PKT_SRC_GRE, 0,
     ""},
    {"gre ether", OVER4, 47, "0000 6558", ETH4, PKT_SRC_GRE, 0, ""},
    {"gre vlan", OVER4, 47, "0000 8100 0007 0800", IN4, PKT_SRC_GRE, 7, ""},
    {"gre mpls", OVER4, 47, "0000 8847 00012140", IN4, PKT_SRC_GRE, 0, ""},
    {"gre ppp", OVER4, 47, "0000 880b ff03 0021", IN4, PKT_SRC_GRE, 0, ""},
    {"gre arp", OVER4, 47, "0000 0806", IN_ARP, PKT_SRC_GRE, 0, ""},
    {"pptp", OVER4, 47, "3081 880b 00240001 00000001 00000001 0021", IN4, PKT_SRC_GRE, 0, ""},
    {"pptp no ack", OVER4, 47, "3001 880b 00240001 00000001 21", IN4, PKT_SRC_GRE, 0, ""},
    {"erspan 1", OVER4, 47, "0000 88be", ETH4, PKT_SRC_ERSPAN, 0, ""},
    {"erspan 2", OVER4, 47, "1000 88be 00000001 1064 0000 00000000", ETH4, PKT_SRC_ERSPAN, 0x64,
     ""},
    {"erspan 2 untagged", OVER4, 47, "1000 88be 00000001 1000 0000 00000000", ETH4, PKT_SRC_ERSPAN,
     0, ""},
    {"vxlan", UDP4, 4789, "0800 0000 000007 00", ETH4, PKT_SRC_VXLAN, 0, ""},
    {"vxlan over 6", UDP6, 4789, "0800 0000 000007 00", ETH4, PKT_SRC_VXLAN, 0, ""},
    {"vxlan reserved bits", UDP4, 4789, "0a01 0203 000007 04", ETH4, PKT_SRC_VXLAN, 0, ""},
    {"geneve", UDP4, 6081, "0000 6558 000007 00", ETH4, PKT_SRC_GENEVE, 0, ""},
    {"geneve options", UDP4, 6081, "0340 0800 000007 00 0102 8002 0000000000000000", IN4,
     PKT_SRC_GENEVE, 0, ""},
    {"geneve 6", UDP6, 6081, "0000 86dd 000007 00", IN6, PKT_SRC_GENEVE, 0, ""},
    {"teredo", UDP4, 3544, "", IN6, PKT_SRC_TEREDO, 0, ""},
    {"teredo origin", UDP4, 3544, "0000 1234 0a000001", IN6, PKT_SRC_TEREDO, 0, ""},
};

static void inner(enum inside in)
{
    if (in == IN_ARP) {
        t_init(&t, NULL, 0);
        t_hex(&t, "0001 0800 06 04 0001 020000000005 0a000001 000000000000 0a000002");
        return;
    }
    t_init(&t, "EVIL", 4);
    t_udp_ver(&t, 40000, 53, in == IN6 ? 6 : 4);
    in == IN6 ? t_ip6(&t, 17) : t_ip4(&t, 17);
    if (in == ETH4)
        t_ether(&t, 0x0800);
}

static void outer(enum carrier c, uint16_t number)
{
    bool udp = c == UDP4 || c == UDP6, v6 = c == OVER6 || c == UDP6;
    if (udp)
        t_udp_ver(&t, 3333, number, v6 ? 6 : 4);
    uint8_t proto = udp ? 17 : (uint8_t)number;
    v6 ? t_ip6(&t, proto) : t_ip4(&t, proto);
    t_vlan(&t, 99, v6 ? 0x86dd : 0x0800);
    t_ether(&t, 0x8100);
}

static void tunnels(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        const struct row *r = &rows[i];
        inner(r->inside);
        t_hex(&t, r->head);
        outer(r->carrier, r->number);
        t_decode(&o, &t, LINK_ETHERNET);
        if (o.n != 2)
            fail_msg("%s: %u packets, %s", r->name, o.n, t_events(&o.p[0]));
        const struct packet *in = &o.p[0], *out = &o.p[1];
        assert_ptr_equal(in->outer, out);
        assert_true(out->flags & PKT_HAS_TUNNEL && in->flags & PKT_INNER);
        assert_int_equal(!!(out->flags & PKT_CARRIER), in->ver && !(in->flags & PKT_INVALID));
        assert_int_equal(in->src_kind, r->src);
        assert_int_equal(out->src_kind, PKT_SRC_WIRE);
        assert_int_equal(in->depth, 1);
        assert_int_equal(out->depth, 0);
        assert_int_equal(in->link, LINK_RAW);
        assert_int_equal(out->vlan[0], 99);
        assert_int_equal(in->vlan_n, r->vlan ? 1 : 0);
        assert_int_equal(in->vlan[0], r->vlan);
        assert_string_equal(t_events(in), r->events);
        assert_string_equal(t_events(out), "");
        assert_int_equal(!!(out->flags & PKT_WANTS_FLOW), r->carrier == UDP4 || r->carrier == UDP6);
        if (r->inside == IN_ARP) {
            assert_true(in->flags & PKT_ARP);
            continue;
        }
        assert_true(in->flags & PKT_UDP && in->payload_len == 4);
        assert_memory_equal(in->payload, "EVIL", 4);
        assert_int_equal(in->flags & PKT_L4_CSUM_BAD, 0);
        if (r->src == PKT_SRC_VXLAN || r->src == PKT_SRC_GENEVE)
            assert_int_equal(in->vxlan_vni, 7);
        t_cuts(&t, LINK_ETHERNET);
    }
}

/* Tunnels that are wrong: events of the outer packet, of the inner one if there is any. */
static const struct {
    enum carrier carrier;
    uint16_t number;
    const char *bytes, *outer, *inner; /* inner NULL: there is none */
} wrongs[] = {
    {OVER4, 47, "00", "gre.pkt_too_small", NULL},
    {OVER4, 47, "0002 0800", "gre.wrong_version", NULL},
    {OVER4, 47, "0100 0800", "gre.version0_recur", NULL},
    {OVER4, 47, "0008 0800", "gre.version0_flags", NULL},
    {OVER4, 47, "b000 0800 00000000 00000001 0000", "gre.version0_hdr_too_big", NULL},
    {OVER4, 47, "4000 0800 00000000 080000ff 4500", "gre.version0_malformed_sre_hdr", NULL},
    {OVER4, 47, "4000 0800 00000000 0800 00", "gre.version0_malformed_sre_hdr", NULL},
    {OVER4, 47, "a001 880b 00000001", "gre.version1_chksum", NULL},
    {OVER4, 47, "6001 880b 00000001", "gre.version1_route", NULL},
    {OVER4, 47, "2801 880b 00000001", "gre.version1_ssr", NULL},
    {OVER4, 47, "2101 880b 00000001", "gre.version1_recur", NULL},
    {OVER4, 47, "2009 880b 00000001", "gre.version1_flags", NULL},
    {OVER4, 47, "2001 0800 00000001", "gre.version1_wrong_protocol", NULL},
    {OVER4, 47, "0001 880b 00000001", "gre.version1_no_key", NULL},
    {OVER4, 47, "3001 880b 00000001 0000", "gre.version1_hdr_too_big", NULL},
    {OVER4, 47, "3081 880b 00000001 00000001 00000001", "", NULL}, /* acknowledgement alone */
    {OVER4, 47, "0000 0000 00", "", NULL},
    {OVER4, 47, "0000 22eb 20000000 00000000", "", "erspan.unsupported_version"},
    {OVER4, 47, "1000 88be 00000001 10", "", "erspan.header_too_small"},
    {OVER4, 47, "1000 88be 00000001 2000 0000 00000000 0000000000000000000000000000", "",
     "erspan.unsupported_version"},
    {OVER4, 47, "0000 0800 45", "", "ipv4.pkt_too_small"},
    /* Teredo: what a client and its server say to each other */
    {UDP4, 3544,
     "0001 0000 0102030405060708 00 60000000 0000 3b40 00000000000000000000000000000001 "
     "00000000000000000000000000000002",
     "", NULL},
    {OVER6, 4, "45", "ipv6.ipv4_in_ipv6_too_small", NULL},
    {OVER6, 4, "60000000000000000000000000000000 00000000", "ipv6.ipv4_in_ipv6_wrong_version",
     NULL},
    {OVER6, 41, "60", "ipv6.ipv6_in_ipv6_too_small", NULL},
    {OVER6, 41,
     "45000000000000000000000000000000 00000000000000000000000000000000 0000000000000000",
     "ipv6.ipv6_in_ipv6_wrong_version", NULL},
    {OVER4, 41, "60", "", "ipv6.pkt_too_small"},
    {UDP4, 4789, "0000 0000 000007 00 000000000000 000000000000 0800", "", NULL},
    {UDP4, 4789, "0800 0000 000007 00 000000000000 000000000000 9999", "vxlan.unknown_payload_type",
     NULL},
    {UDP4, 4789, "0800 0000 000007 00 000000000000 000000000000 08", "", NULL},
    {UDP4, 6081, "4000 6558 000007 00", "", NULL},
    {UDP4, 6081, "0300 0800 000007 00 0102 8001", "", NULL},
    {UDP4, 6081, "0100 0800 000007 00 0102 8001", "", NULL},
    {UDP4, 6081, "0000 9999 000007 00 00", "geneve.unknown_payload_type", NULL},
    {UDP4, 6081, "0000 6558 000007 00 00", "", "ethernet.pkt_too_small"},
    {UDP4, 3544, "6000", "", NULL},
    {UDP4, 3544,
     "60000000 0001 1140 00000000000000000000000000000000 00000000000000000000000000000000", "",
     NULL},
    /* as long as it says, but its UDP is not: no tunnel, then */
    {UDP4, 3544,
     "60000000 0001 1140 00000000000000000000000000000000 00000000000000000000000000000000 00", "",
     NULL},
};

static void wrong_tunnels(void **state)
{
    (void)state;
    uint64_t teredo = decoder_counters(o.d)->teredo;
    for (unsigned i = 0; i < ARRAY_LEN(wrongs); i++) {
        t_init(&t, NULL, 0);
        t_hex(&t, wrongs[i].bytes);
        outer(wrongs[i].carrier, wrongs[i].number);
        t_decode(&o, &t, LINK_ETHERNET);
        const struct packet *out = &o.p[o.n - 1];
        if (o.n != (wrongs[i].inner ? 2 : 1) || strcmp(t_events(out), wrongs[i].outer) != 0)
            fail_msg("%s: %u packets, %s", wrongs[i].bytes, o.n, t_events(out));
        if (wrongs[i].inner)
            assert_string_equal(t_events(&o.p[0]), wrongs[i].inner);
        assert_int_equal(!!(out->flags & PKT_INVALID), wrongs[i].outer[0] && out->proto != 17);
        assert_int_equal(!!(out->flags & PKT_HAS_TUNNEL), wrongs[i].inner != NULL);
        assert_int_equal(!!(out->flags & PKT_CARRIER), wrongs[i].inner && o.p[0].ver && !(o.p[0].flags & PKT_INVALID));
        assert_int_equal(decoder_counters(o.d)->teredo, teredo);
        t_cuts(&t, LINK_ETHERNET);
    }
}

/* Off, or on other ports. */
static void settings(void **state)
{
    (void)state;
    static const struct {
        bool on;
        uint16_t set, port;
        unsigned packets;
    } cases[] = {
        {true, 0, 4789, 2}, {false, 0, 4789, 1}, {true, 8472, 8472, 2}, {true, 8472, 4789, 1}};
    for (unsigned i = 0; i < ARRAY_LEN(cases); i++) {
        struct decode_config c = {.vxlan = cases[i].on, .vxlan_ports = {cases[i].set}};
        struct t_out own;
        t_open(&own, &c);
        inner(ETH4);
        t_hex(&t, "0800 0000 000007 00");
        outer(UDP4, cases[i].port);
        t_decode(&own, &t, LINK_ETHERNET);
        assert_int_equal(own.n, cases[i].packets);
        t_close(&own);
    }
    struct decode_config none = {0};
    struct t_out own;
    t_open(&own, &none);
    inner(ETH4);
    t_hex(&t, "0000 88be");
    outer(OVER4, 47);
    t_decode(&own, &t, LINK_ETHERNET);
    assert_int_equal(own.n, 1); /* ERSPAN type I is off */
    t_close(&own);
}

/* Twelve nested IP headers: inner before outer all the way. */
static void nested(void **state)
{
    (void)state;
    for (unsigned deep = 1; deep < 40; deep++) {
        inner(IN4);
        for (unsigned i = 0; i < deep; i++)
            t_ip4(&t, 4);
        t_ether(&t, 0x0800);
        t_decode(&o, &t, LINK_ETHERNET);
        bool fits = deep + 2 <= 16; /* Ethernet and the innermost IP are layers, too */
        assert_int_equal(!!(o.p[0].flags & PKT_UDP), fits);
        if (fits)
            assert_int_equal(o.n, deep + 1);
        for (unsigned i = 0; i + 1 < o.n; i++) {
            assert_ptr_equal(o.p[i].outer, &o.p[i + 1]);
            assert_int_equal(o.p[i].depth, o.n - 1 - i);
        }
        assert_string_equal(t_events(&o.p[0]), fits ? "" : "too_many_layers");
    }
}

/* No more packets than the caller has room for. */
static void room(void **state)
{
    (void)state;
    inner(IN4);
    for (unsigned i = 0; i < 5; i++)
        t_ip4(&t, 4);
    struct packet p[3];
    o.f.data = t_data(&t);
    o.f.len = o.f.wire_len = (uint32_t)t_len(&t);
    o.f.link = LINK_RAW;
    assert_int_equal(decode_frame(o.d, &o.f, p, 3), 3);
    assert_string_equal(t_events(&p[0]), "too_many_layers");
    assert_int_equal(decode_frame(o.d, &o.f, p, 1), 1);
}

/* A super-frame in a tunnel: both packets stand for as many as the inner payload was cut into. */
static void super_tunnel(void **state)
{
    (void)state;
    static uint8_t data[5000];
    t_init(&t, data, sizeof(data));
    t_tcp(&t, 1, 2);
    t_ip4(&t, 6);
    t_ether(&t, 0x0800);
    t_hex(&t, "0800 0000 000007 00");
    t_udp(&t, 3333, 4789);
    be16_put(t.b + t.at + 4, 0); /* length and checksum of the outer UDP are the card's affair */
    t_ip4(&t, 17);
    o.f.seg_size = 1400;
    t_decode(&o, &t, LINK_RAW);
    o.f.seg_size = 0;
    assert_int_equal(o.n, 2);
    assert_int_equal(o.p[0].payload_len, 5000);
    assert_int_equal(o.p[0].seg_n, 4);
    assert_int_equal(o.p[1].seg_n, 4);
    assert_int_equal(o.p[0].seg_size, 1400);
    assert_int_equal((o.p[0].flags | o.p[1].flags) & (PKT_INVALID | PKT_L4_CSUM_BAD), 0);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tunnels), cmocka_unit_test(wrong_tunnels), cmocka_unit_test(settings),
        cmocka_unit_test(nested),  cmocka_unit_test(room),          cmocka_unit_test(super_tunnel),
    };
    t_open(&o, NULL);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    t_close(&o);
    return failed;
}
