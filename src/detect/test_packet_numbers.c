/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Numbers of packet and flow: each field of the table has its value, and none where the packet has no such thing. */
#include "detect/detect_test.h"
#include "detect/match.h"

static struct detect d; /* large */

static const uint64_t values[PFIELD_COUNT] = {
    [PFIELD_TTL] = 1,
    [PFIELD_TOS] = 2,
    [PFIELD_ID] = 3,
    [PFIELD_IP_HLEN] = 24,
    [PFIELD_IP_PROTO] = 6,
    [PFIELD_VLAN_LAYERS] = 2,
    [PFIELD_VLAN_ID] = 77,
    [PFIELD_VXLAN_VNI] = 5000,
    [PFIELD_DSIZE] = 11,
    [PFIELD_SEQ] = 101,
    [PFIELD_ACK] = 102,
    [PFIELD_WINDOW] = 103,
    [PFIELD_MSS] = 104,
    [PFIELD_WSCALE] = 9,
    [PFIELD_TCP_HLEN] = 32,
    [PFIELD_ITYPE] = 2,
    [PFIELD_ICODE] = 13,
    [PFIELD_ICMP_ID] = 14,
    [PFIELD_ICMP_SEQ] = 15,
    [PFIELD_ICMP6_MTU] = 1280,
    [PFIELD_FLOW_AGE] = 7,
    [PFIELD_FLOW_PKTS] = 30,
    [PFIELD_FLOW_PKTS_TS] = 10,
    [PFIELD_FLOW_PKTS_TC] = 20,
    [PFIELD_FLOW_BYTES] = 700,
    [PFIELD_FLOW_BYTES_TS] = 300,
    [PFIELD_FLOW_BYTES_TC] = 400,
};

static struct packet tcp_packet(struct flow *f)
{
    return (struct packet){.ver = 4,
                           .flags = PKT_TCP,
                           .ttl = 1,
                           .tos = 2,
                           .ip_id = 3,
                           .ip_hlen = 24,
                           .proto = 6,
                           .vlan_n = 2,
                           .vlan = {77, 78},
                           .src_kind = PKT_SRC_VXLAN,
                           .vxlan_vni = 5000,
                           .payload_len = 11,
                           .tcp = {.seq = 101, .ack = 102, .win = 103, .mss = 104, .has_mss = true, .wscale = 9, .has_wscale = true, .hlen = 32},
                           .ts_ns = 9999999999,
                           .flow = f};
}

static void every_field(void **state)
{
    (void)state;
    struct flow f = {.first_ns = 2000000000, .pkts = {10, 20}, .bytes = {300, 400}};
    struct packet tcp = tcp_packet(&f),
                  icmp = {.ver = 6, .flags = PKT_ICMP6, .icmp_type = 2, .icmp_code = 13, .icmp_id = 14, .icmp_seq = 15, .icmp_mtu = 1280};
    for (unsigned k = 0; k < PFIELD_COUNT; k++) {
        uint64_t v = 0;
        bool of_icmp = k == PFIELD_ITYPE || k == PFIELD_ICODE || k == PFIELD_ICMP_ID || k == PFIELD_ICMP_SEQ || k == PFIELD_ICMP6_MTU;
        if (!values[k])
            fail_msg("field %u has no row here", k);
        d.p = of_icmp ? &icmp : &tcp;
        if (!packet_field(&d, k, &v) || v != values[k])
            fail_msg("field %u: %llu, not %llu", k, (unsigned long long)v, (unsigned long long)values[k]);
        d.p = of_icmp ? &tcp : &icmp; /* what the other has, too: all of IP */
        bool both = k == PFIELD_TTL || k == PFIELD_IP_PROTO || k == PFIELD_VLAN_LAYERS || k == PFIELD_DSIZE;
        if (packet_field(&d, k, &v) != both)
            fail_msg("field %u of the other packet", k);
    }
    uint64_t v;
    assert_false(packet_field(&d, PFIELD_COUNT, &v));
}

static void options_and_segments(void **state)
{
    (void)state;
    struct packet p = tcp_packet(NULL);
    uint64_t v;
    d.p = &p;
    p.tcp.has_mss = p.tcp.has_wscale = false;
    assert_false(packet_field(&d, PFIELD_MSS, &v));
    assert_false(packet_field(&d, PFIELD_WSCALE, &v));
    assert_false(packet_field(&d, PFIELD_FLOW_AGE, &v));
    p.seg_size = 5; /* a super-frame is as long as its segments */
    p.seg_n = 3;
    assert_true(packet_field(&d, PFIELD_DSIZE, &v) && v == 5);
    p.seg_n = 1;
    assert_true(packet_field(&d, PFIELD_DSIZE, &v) && v == 11);
    p.flags |= PKT_PSEUDO;
    assert_false(packet_field(&d, PFIELD_DSIZE, &v));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_field),
        cmocka_unit_test(options_and_segments),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
