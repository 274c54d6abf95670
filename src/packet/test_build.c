/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Packets of our own, read back by the decoder. */
#include "packet/packet_test.h"

static struct t_out o;

static struct build_ip ip_of(uint8_t ver)
{
    struct build_ip ip = {.ver = ver, .ttl = 61, .tos = 0x28, .id = 0x4321, .df = true};
    ip.src = ver == 4 ? ip_from_v4(t_ip4_src) : ip_from_v6(t_ip6_src);
    ip.dst = ver == 4 ? ip_from_v4(t_ip4_dst) : ip_from_v6(t_ip6_dst);
    return ip;
}

static void ip_check(const struct build_ip *ip)
{
    const struct packet *p = &o.p[0];
    assert_int_equal(o.n, 1);
    assert_string_equal(t_events(p), "");
    assert_int_equal(p->ver, ip->ver);
    assert_true(ip_eq(&p->src, &ip->src) && ip_eq(&p->dst, &ip->dst));
    assert_int_equal(p->ttl, 61);
    assert_int_equal(p->tos, 0x28);
    if (ip->ver == 4) {
        assert_int_equal(p->ip_id, 0x4321);
        assert_int_equal(p->ip_flags, 2);
    }
    assert_int_equal(p->flags & (PKT_IP_CSUM_BAD | PKT_L4_CSUM_BAD | PKT_IGNORE), 0);
}

static void tcp_and_udp(void **state)
{
    (void)state;
    static uint8_t out[70000], data[1400];
    memset(data, 'd', sizeof(data));
    for (unsigned v = 4; v <= 6; v += 2)
        for (size_t n = 0; n <= sizeof(data); n += 35) {
            struct build_ip ip = ip_of((uint8_t)v);
            size_t len = build_tcp(out, sizeof(out), &ip, 80, 40000, 0xfffffff0, 77,
                                   TCP_RST | TCP_ACK, 512, data, n);
            assert_int_equal(len, (v == 4 ? 40 : 60) + n);
            t_feed(&o, out, len, LINK_RAW);
            ip_check(&ip);
            const struct packet *p = &o.p[0];
            assert_true(p->flags & PKT_TCP);
            assert_true(p->sp == 80 && p->dp == 40000 && p->tcp.seq == 0xfffffff0 &&
                        p->tcp.ack == 77);
            assert_true(p->tcp.flags == (TCP_RST | TCP_ACK) && p->tcp.win == 512);
            assert_int_equal(p->payload_len, n);
            assert_int_equal(build_tcp(out, len - 1, &ip, 80, 40000, 1, 2, TCP_RST, 0, data, n), 0);

            len = build_udp(out, sizeof(out), &ip, 53, 40000, data, n);
            assert_int_equal(len, (v == 4 ? 28 : 48) + n);
            t_feed(&o, out, len, LINK_RAW);
            ip_check(&ip);
            assert_true(o.p[0].flags & PKT_UDP && o.p[0].sp == 53 && o.p[0].payload_len == n);
            assert_int_not_equal(be16_at(o.p[0].l4 + 6), 0);
            assert_int_equal(build_udp(out, len - 1, &ip, 53, 40000, data, n), 0);
        }
}

static void too_long(void **state)
{
    (void)state;
    static uint8_t out[140000], data[70000];
    struct build_ip ip = ip_of(4);
    assert_int_equal(build_udp(out, sizeof(out), &ip, 1, 2, data, 65507), 65535);
    assert_int_equal(build_udp(out, sizeof(out), &ip, 1, 2, data, 65508), 0);
    assert_int_equal(build_tcp(out, sizeof(out), &ip, 1, 2, 0, 0, 0, 0, data, 65496), 0);
    assert_int_equal(build_tcp(out, sizeof(out), &ip, 1, 2, 0, 0, 0, 0, data, 70000), 0);
    ip.ver = 5;
    assert_int_equal(build_udp(out, sizeof(out), &ip, 1, 2, data, 5), 0);
}

static void icmp_errors(void **state)
{
    (void)state;
    static uint8_t out[2000], quoted[1500], data[1400];
    for (unsigned v = 4; v <= 6; v += 2) {
        struct build_ip ip = ip_of((uint8_t)v);
        size_t n = build_udp(quoted, sizeof(quoted), &ip, 40000, 53, data, 1400);
        size_t len =
            build_icmp_error(out, sizeof(out), &ip, v == 4 ? 3 : 1, v == 4 ? 3 : 4, 0, quoted, n);
        assert_int_equal(len, v == 4 ? 576 : 1280);
        t_feed(&o, out, len, LINK_RAW);
        ip_check(&ip);
        const struct packet *p = &o.p[0];
        assert_true(p->flags & (v == 4 ? PKT_ICMP : PKT_ICMP6));
        assert_true(p->quote.have && p->quote.sp == 40000 && p->quote.dp == 53);
        assert_int_equal(build_icmp_error(out, len - 1, &ip, 3, 3, 0, quoted, n), 0);
        len = build_icmp_error(out, sizeof(out), &ip, v == 4 ? 3 : 2, v == 4 ? 4 : 0, 1400, quoted,
                               60);
        t_feed(&o, out, len, LINK_RAW);
        ip_check(&ip);
        assert_int_equal(o.p[0].icmp_mtu, 1400);
    }
}

static const uint8_t mac_a[6] = {2, 0, 0, 0, 0, 0xa}, mac_b[6] = {2, 0, 0, 0, 0, 0xb};

/* The tags of the packet that is answered, of any kind and depth. */
static void link_headers(void **state)
{
    (void)state;
    static const struct {
        uint16_t link;
        const char *head, *want; /* hex: before IP; what must stand between the MACs and IP */
        uint8_t taken_off;       /* tags that the kernel took */
    } rows[] = {
        {LINK_ETHERNET, "02000000000c 020000000005 0800", "0800", 0},
        {LINK_ETHERNET, "02000000000c 020000000005 8100 e00a 0800", "8100 e00a 0800", 0},
        {LINK_ETHERNET, "02000000000c 020000000005 8100 100a 0800", "8100 000a 0800", 0},
        {LINK_ETHERNET, "02000000000c 020000000005 88a8 0005 8100 0006 8100 0007 0800",
         "88a8 0005 8100 0006 8100 0007 0800", 0},
        {LINK_ETHERNET, "02000000000c 020000000005 0800", "8100 2005 0800", 1},
        {LINK_ETHERNET, "02000000000c 020000000005 8100 0007 0800",
         "8100 2005 8100 2005 8100 0007 0800", 2},
        {LINK_SLL, "0000 0001 0006 020000000001 0000 8100 0007 0800", "8100 0007 0800", 0},
        {LINK_SLL, "0000 0001 0006 020000000001 0000 0800", "8100 2005 0800", 1},
        {LINK_RAW, "", "0800", 0},
        {LINK_ETHERNET, "02000000000c 020000000005 8847 00012140", NULL, 0},
        {LINK_ETHERNET, "02000000000c 020000000005 8864 1100 0001 0022 0021", NULL, 0},
    };
    static struct t_pkt t, want;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t out[64];
        t_init(&t, "EVIL", 4);
        t_udp(&t, 1, 2);
        t_ip4(&t, 17);
        t_hex(&t, rows[i].head);
        o.f.vlan_n = rows[i].taken_off;
        o.f.vlan_tci[0] = o.f.vlan_tci[1] = 0x3005; /* "may be dropped" is not for us */
        t_decode(&o, &t, rows[i].link);
        assert_true(o.p[0].flags & PKT_UDP);
        size_t n = build_ether(out, sizeof(out), mac_a, mac_b, &o.p[0], 4);
        if (!rows[i].want) {
            assert_int_equal(n, 0);
            continue;
        }
        t_init(&want, NULL, 0);
        t_hex(&want, rows[i].want);
        t_put(&want, mac_b, 6);
        t_put(&want, mac_a, 6);
        assert_int_equal(n, t_len(&want));
        assert_memory_equal(out, t_data(&want), n);
        for (size_t small = 0; small < n; small++)
            assert_int_equal(build_ether(out, small, mac_a, mac_b, &o.p[0], 4), 0);
    }
    o.f.vlan_n = 0;
    uint8_t out[14];
    assert_int_equal(build_ether(out, sizeof(out), mac_a, mac_b, NULL, 6), 14);
    assert_int_equal(be16_at(out + 12), 0x86dd);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tcp_and_udp),
        cmocka_unit_test(too_long),
        cmocka_unit_test(icmp_errors),
        cmocka_unit_test(link_headers),
    };
    t_open(&o, NULL);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    t_close(&o);
    return failed;
}
