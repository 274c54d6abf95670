/* SPDX-License-Identifier: GPL-2.0-or-later */
/* TCP, UDP, ICMP, SCTP and the rest: fields, options, quotes, checksums, what is wrong with them.
 */
#include "packet/packet_test.h"

static struct t_pkt t;
static struct t_out o;

static const struct {
    const char *options, *events;
    struct tcp_view want;
} tcp_opts[] = {
    {"", "", {0}},
    {"0101080a 00000001 00000002", "", {.has_ts = true, .ts_val = 1, .ts_ecr = 2}},
    {"080a 00000001 00000002 0101", "", {.has_ts = true, .ts_val = 1, .ts_ecr = 2}},
    {"020405b4 0402 0303 07 00 0000",
     "",
     {.has_mss = true, .mss = 1460, .has_sack_ok = true, .has_wscale = true, .wscale = 7}},
    {"0303 ff 00", "", {.has_wscale = true, .wscale = 14}},
    {"0101 0512 00000001 00000002 00000003 00000004", "", {.sack_n = 2}},
    {"0101 0502", "", {0}},
    {"050a 00000001 00000002 050a 00000003 00000004", "tcp.opt_duplicate", {.sack_n = 1}},
    {"0508 00000001 0000", "tcp.opt_invalid_len", {0}},
    {"2208 0102030405 06", "", {.has_fastopen = true}},
    {"2202 0000", "", {.has_fastopen = true}},
    {"2206 01020304 0101", "", {.has_fastopen = true}},
    {"2204 0102", "tcp.opt_invalid_len", {0}},
    {"2212 0102030405060708 0102030405060708 0101", "", {.has_fastopen = true}},
    {"2214 0102030405060708 0102030405060708 0102", "tcp.opt_invalid_len", {0}},
    {"2207 01020304 0500", "tcp.opt_invalid_len", {0}},
    {"1312 00000000 00000000 00000000 00000000 0101", "", {.has_auth = true}},
    {"1304 0000", "tcp.opt_invalid_len", {.has_auth = true}},
    {"1d04 0000", "", {.has_auth = true}},
    {"fd04 f989", "", {.has_fastopen = true}},
    {"fe0c f989 0102030405060708", "", {.has_fastopen = true}},
    {"fd04 f988", "", {0}},
    {"020405b4 020405b4", "tcp.opt_duplicate", {.has_mss = true, .mss = 1460}},
    {"020305b4", "tcp.opt_invalid_len", {0}},
    {"0200 0000", "tcp.opt_invalid_len", {0}},
    {"0201 0000", "tcp.opt_invalid_len", {0}},
    {"0205 05b4", "tcp.opt_invalid_len", {0}},
    {"01010102", "", {0}},
    {"00ffffff", "", {0}},
};

static void tcp_options(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(tcp_opts); i++) {
        t_init(&t, "EVIL", 4);
        t_tcp_ver(&t, 40000, 80, tcp_opts[i].options, 4);
        t_ip4(&t, 6);
        t_decode(&o, &t, LINK_RAW);
        const struct packet *p = &o.p[0];
        const struct tcp_view *a = &p->tcp, *b = &tcp_opts[i].want;
        if (strcmp(t_events(p), tcp_opts[i].events) != 0)
            fail_msg("%s: %s", tcp_opts[i].options, t_events(p));
        assert_true(p->flags & PKT_TCP);
        assert_int_equal(p->flags & (PKT_L4_CSUM_BAD | PKT_IGNORE), 0);
        assert_int_equal(a->seq, 1000);
        assert_int_equal(a->ack, 2000);
        assert_int_equal(a->win, 500);
        assert_int_equal(a->flags, TCP_ACK | TCP_PSH);
        assert_true(a->has_ts == b->has_ts && a->ts_val == b->ts_val && a->ts_ecr == b->ts_ecr);
        assert_true(a->has_mss == b->has_mss && a->mss == b->mss);
        assert_true(a->has_wscale == b->has_wscale && a->wscale == b->wscale);
        assert_true(a->has_sack_ok == b->has_sack_ok && a->has_fastopen == b->has_fastopen);
        assert_true(a->has_auth == b->has_auth);
        assert_int_equal(a->sack_n, b->sack_n);
        if (a->sack_n)
            assert_int_equal(be32_at(a->sack), 1);
        assert_int_equal(p->payload_len, 4);
        assert_int_equal(packet_tcp_wire_len(p), 4);
        t_cuts(&t, LINK_RAW);
    }
}

static void tcp_wrong(void **state)
{
    (void)state;
    static const struct {
        uint8_t n, offset; /* bytes of the header there, data offset */
        const char *events;
    } rows[] = {
        {0, 5, "tcp.pkt_too_small"},
        {19, 5, "tcp.pkt_too_small"},
        {20, 4, "tcp.invalid_optlen"},
        {20, 0, "tcp.invalid_optlen"},
        {20, 6, "tcp.hlen_too_small"},
        {24, 15, "tcp.hlen_too_small"},
        {20, 5, ""},
    };
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t h[24] = {0, 1, 0, 2, [12] = (uint8_t)(rows[i].offset << 4)};
        t_init(&t, h, rows[i].n);
        t_ip4(&t, 6);
        t_decode(&o, &t, LINK_RAW);
        assert_string_equal(t_events(&o.p[0]), rows[i].events);
        assert_int_equal(!(o.p[0].flags & PKT_L4_BROKEN), rows[i].events[0] == 0);
        assert_int_equal(o.p[0].ver, 4); /* addresses are known all the same */
        assert_int_equal(o.p[0].proto, 6);
    }
}

/* Snapped inside the options: ports, numbers and the length of what was sent. */
static void tcp_snapped(void **state)
{
    (void)state;
    t_init(&t, "0123456789", 10);
    t_tcp_ver(&t, 40000, 80, "0101080a 00000001 00000002", 4);
    t_ip4(&t, 6);
    o.f.wire_len = (uint32_t)t_len(&t);
    t_feed(&o, t_data(&t), 20 + 24, LINK_RAW);
    assert_true(o.p[0].flags & PKT_TCP);
    assert_int_equal(o.p[0].dp, 80);
    assert_int_equal(o.p[0].payload_len, 0);
    assert_int_equal(packet_tcp_wire_len(&o.p[0]), 10);
    t_feed(&o, t_data(&t), 20 + 19, LINK_RAW);
    assert_true(o.p[0].flags & PKT_L4_BROKEN);
    assert_string_equal(t_events(&o.p[0]), "ipv4.trunc_pkt");
}

static void udp_lengths(void **state)
{
    (void)state;
    static const struct {
        uint16_t length;
        const char *events;
        uint32_t payload;
    } rows[] = {{12, "", 4},
                {8, "", 0},
                {10, "", 2},
                {7, "udp.len_invalid", 0},
                {0, "udp.len_invalid", 0},
                {13, "udp.pkt_too_small", 0},
                {65535, "udp.pkt_too_small", 0}};
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        t_init(&t, "EVIL", 4);
        t_udp(&t, 1, 2);
        be16_put(t.b + t.at + 4, rows[i].length);
        be16_put(t.b + t.at + 6, 0);
        t_ip4(&t, 17);
        t_decode(&o, &t, LINK_RAW);
        assert_string_equal(t_events(&o.p[0]), rows[i].events);
        assert_int_equal(o.p[0].payload_len, rows[i].payload);
        assert_int_equal(!!(o.p[0].flags & PKT_UDP), rows[i].events[0] == 0);
        t_cuts(&t, LINK_RAW);
    }
    t_init(&t, NULL, 0);
    t_hex(&t, "00010002 0008 00");
    t_ip4(&t, 17);
    t_decode(&o, &t, LINK_RAW);
    assert_string_equal(t_events(&o.p[0]), "udp.hlen_too_small");
}

/* Rows of transports: bytes, their events, and whether they have flows. */
static const struct {
    uint8_t ver, proto;
    const char *bytes, *events;
    uint32_t flags; /* that must be there */
} others[] = {
    {4, 132, "0007 0008 00000001 00000000", "", PKT_SCTP | PKT_WANTS_FLOW},
    {4, 132, "0007 0008 00000001 000000", "sctp.pkt_too_small", PKT_INVALID},
    {4, 50, "0000007b 00000001 00", "", PKT_WANTS_FLOW},
    {4, 50, "0000007b 000000", "esp.pkt_too_small", PKT_INVALID},
    {6, 50, "0000007b 00000001 00", "", PKT_WANTS_FLOW},
    {4, 2, "1100 eeff 00000000", "", 0},
    {4, 2, "1100 eeff 000000", "igmp.pkt_too_small", PKT_INVALID},
    {4, 89, "0201 0000", "", 0},
    {6, 89, "0301 0000", "ipv6.unknown_next_header", 0},
    {4, 51, "1104 0000 00000001 00000001 000000000000000000000000 00010002 0008 0000", "", PKT_UDP},
    {4, 51, "11ff 0000 00000001 00000001", "", 0},
    {4, 1, "0800 0000 0007 0009 61", "", PKT_ICMP | PKT_WANTS_FLOW},
    {4, 1, "0800 0000 0007 00", "icmpv4.pkt_too_small", PKT_INVALID},
    {4, 1, "0801 0000 0007 0009", "icmpv4.unknown_code", PKT_ICMP},
    {4, 1, "2800 0000 0000 0000", "icmpv4.unknown_type", PKT_ICMP},
    {4, 1, "0310 0000 0000 0000", "icmpv4.unknown_code", PKT_ICMP},
    {4, 1, "0303 0000 0000 0000", "", PKT_ICMP},
    {4, 1, "0303 0000 0000 0000 45", "icmpv4.ipv4_trunc_pkt", PKT_ICMP},
    {4, 1, "0303 0000 0000 0000 65000000000000000000 00000000000000000000",
     "icmpv4.ipv4_unknown_ver", PKT_ICMP},
    {6, 58, "8000 0000 0007 0009 61", "", PKT_ICMP6 | PKT_WANTS_FLOW},
    {6, 58, "8000 0000 0007 00", "icmpv6.pkt_too_small", PKT_INVALID},
    {6, 58, "8001 0000 0007 0009", "icmpv6.unknown_code", PKT_ICMP6},
    {6, 58, "ff00 0000 0000 0000", "icmpv6.unknown_type", PKT_ICMP6},
    {6, 58, "0500 0000 0000 0000", "icmpv6.unassigned_type", PKT_ICMP6},
    {6, 58, "6300 0000 0000 0000", "icmpv6.unassigned_type", PKT_ICMP6},
    {6, 58, "c700 0000 0000 0000", "icmpv6.unassigned_type", PKT_ICMP6},
    {6, 58, "6400 0000 0000 0000", "icmpv6.experimentation_type", PKT_ICMP6},
    {6, 58, "c900 0000 0000 0000", "icmpv6.experimentation_type", PKT_ICMP6},
    {6, 58, "8200 0000 0000 0000", "icmpv6.mld_message_with_invalid_hl", PKT_ICMP6},
    {6, 58, "8f00 0000 0000 0000", "icmpv6.mld_message_with_invalid_hl", PKT_ICMP6},
    {6, 58, "0103 0000 0000 0000 60", "icmpv6.ipv6_trunc_pkt", PKT_ICMP6},
    {6, 58,
     "0300 0000 0000 0000 45000000000000000000000000000000 00000000000000000000000000000000 "
     "0000000000000000",
     "icmpv6.ipv6_unknown_version", PKT_ICMP6},
};

static void other_transports(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(others); i++) {
        t_init(&t, NULL, 0);
        t_hex(&t, others[i].bytes);
        others[i].ver == 4 ? t_ip4(&t, others[i].proto) : t_ip6(&t, others[i].proto);
        t_decode(&o, &t, LINK_RAW);
        const struct packet *p = &o.p[0];
        if (strcmp(t_events(p), others[i].events) != 0 ||
            (p->flags & others[i].flags) != others[i].flags)
            fail_msg("%u/%s: %s %x", others[i].proto, others[i].bytes, t_events(p), p->flags);
        if (others[i].proto == 2 && !(p->flags & PKT_INVALID)) { /* rules count from the header */
            assert_ptr_equal(p->payload, p->l4);
            assert_int_equal(p->payload_len, 8);
        }
        bool flow = p->flags & PKT_WANTS_FLOW;
        assert_int_equal(flow,
                         !!(others[i].flags & (PKT_WANTS_FLOW | PKT_ICMP | PKT_ICMP6 | PKT_UDP)));
        t_cuts(&t, LINK_RAW);
    }
}

static void esp_spi(void **state)
{
    (void)state;
    t_init(&t, NULL, 0);
    t_hex(&t, "0001007b 00000001");
    t_ip4(&t, 50);
    t_decode(&o, &t, LINK_RAW);
    assert_int_equal((uint32_t)o.p[0].sp << 16 | o.p[0].dp, 0x1007b);
}

/* What an error quotes, as much of it as is there. */
static void quotes(void **state)
{
    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        t_init(&t, "EVIL", 4);
        t_tcp_ver(&t, 40000, 80, "", v6 ? 6 : 4);
        v6 ? t_ip6(&t, 6) : t_ip4(&t, 6);
        t_hex(&t, v6 ? "0200 0000 00000500" : "0304 0000 0000 0500");
        size_t whole = t_len(&t);
        for (size_t n = 8; n <= whole; n++) {
            static struct t_pkt q;
            t_init(&q, t_data(&t), n);
            v6 ? t_ip6(&q, 58) : t_ip4(&q, 1);
            t_decode(&o, &q, LINK_RAW);
            const struct packet *p = &o.p[0];
            size_t ip = v6 ? 40 : 20, have = n - 8;
            assert_int_equal(p->quote.have, have >= ip);
            assert_int_equal(p->icmp_mtu, 0x500);
            if (!p->quote.have)
                continue;
            assert_int_equal(p->quote.ver, v6 ? 6 : 4);
            assert_int_equal(p->quote.proto, 6);
            assert_true(ip_eq(&p->quote.src, &p->src) && ip_eq(&p->quote.dst, &p->dst));
            assert_int_equal(p->quote.sp, have >= ip + 4 ? 40000 : 0);
            assert_int_equal(p->quote.dp, have >= ip + 4 ? 80 : 0);
            assert_int_equal(p->quote.seq, have >= ip + 8 ? 1000 : 0);
        }
    }
}

/* A quoted echo, and a quote behind extension headers. */
static void quotes_of_others(void **state)
{
    (void)state;
    t_init(&t, NULL, 0);
    t_hex(&t, "0800 0000 1234 0001");
    t_ip4(&t, 1);
    t_hex(&t, "0b00 0000 0000 0000");
    t_ip4(&t, 1);
    t_decode(&o, &t, LINK_RAW);
    const struct icmp_quote *q = &o.p[0].quote;
    assert_true(q->have && q->proto == 1 && q->icmp_type == 8 && q->icmp_code == 0);
    assert_true(q->icmp_id == 0x1234 && q->sp == 0 && q->dp == 0);
    static const struct {
        uint8_t next;
        const char *exts;
        uint8_t proto;
        uint16_t dp;
    } rows[] = {
        {17, "", 17, 53},
        {0, "1100 0502 0000 0000", 17, 53},
        {0, "3c00 0502 0000 0000 2b00 0000 0000 0000 2c00 0000 0000 0000 1100 0001 0000 0007", 17,
         53},
        {44, "1100 0009 0000 0007", 44, 0}, /* a later fragment: no ports */
        {0, "11ff 0502 0000 0000", 0, 0},
        {253, "", 253, 0},
    };
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        t_init(&t, "EVIL", 4);
        t_udp_ver(&t, 40000, 53, 6);
        t_hex(&t, rows[i].exts);
        t_ip6(&t, rows[i].next);
        t_hex(&t, "0104 0000 0000 0000");
        t_ip6(&t, 58);
        t_decode(&o, &t, LINK_RAW);
        assert_true(q->have);
        assert_int_equal(q->proto, rows[i].proto);
        assert_int_equal(q->dp, rows[i].dp);
        t_cuts(&t, LINK_RAW);
    }
}

/* The quote's hash is the one of the packet that it quotes. */
static void quote_hash(void **state)
{
    (void)state;
    t_init(&t, "EVIL", 4);
    t_tcp(&t, 40000, 80);
    t_ip4(&t, 6);
    t_decode(&o, &t, LINK_RAW);
    uint32_t of_packet = packet_hash(&o.p[0], 42, true);
    t_hex(&t, "0303 0000 0000 0000");
    t_ip4(&t, 1);
    t_decode(&o, &t, LINK_RAW);
    assert_int_equal(packet_hash_quote(&o.p[0], 42, true), of_packet);
}

static void hashes(void **state)
{
    (void)state;
    struct packet a = {.ver = 4, .proto = 6, .sp = 1, .dp = 2}, b;
    a.src = ip_from_v4(t_ip4_src);
    a.dst = ip_from_v4(t_ip4_dst);
    b = a;
    b.src = a.dst;
    b.dst = a.src;
    b.sp = 2;
    b.dp = 1;
    assert_int_equal(packet_hash(&a, 7, true), packet_hash(&b, 7, true));
    assert_int_equal(a.hash, b.hash);
    assert_int_not_equal(packet_hash(&a, 7, true), packet_hash(&a, 8, true));
    b.vlan[0] = 5;
    assert_int_not_equal(packet_hash(&a, 7, true), packet_hash(&b, 7, true));
    assert_int_equal(packet_hash(&a, 7, false), packet_hash(&b, 7, false));
    b = a;
    b.proto = 17;
    assert_int_not_equal(packet_hash(&a, 7, true), packet_hash(&b, 7, true));
    /* 64 K connections in 64 K slots: as many slots taken as chance gives (63 %) */
    static uint8_t seen[65536];
    unsigned taken = 0;
    for (unsigned i = 0; i < 65536; i++) {
        a.sp = (uint16_t)i;
        uint32_t slot = packet_hash(&a, 7, true) & 65535;
        taken += !seen[slot];
        seen[slot] = 1;
    }
    assert_in_range(taken, 40000, 43000);
}

static uint16_t csum_naive(const uint8_t *p, size_t n)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += i % 2 ? p[i] : (uint32_t)p[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void csum_twins(void **state)
{
    (void)state;
    uint32_t seed = (uint32_t)random();
    print_message("# seed %u\n", seed);
    srandom(seed);
    for (unsigned i = 0; i < 3000; i++) {
        size_t n = (size_t)random() % 200, big = i % 100 ? n : 65535;
        uint8_t *p = malloc(big + 1);
        assert_non_null(p);
        for (size_t k = 0; k <= big; k++)
            p[k] = i % 3 ? (uint8_t)random() : 0xff;
        assert_int_equal(csum_inet(p + 1, big), csum_naive(p + 1, big));
        free(p);
    }
}

/* RFC 9260's polynomial over "123456789" is e3069283; here as the checksum of a packet. */
static void sctp_csum(void **state)
{
    (void)state;
    t_init(&t, "DATA", 4);
    t_hex(&t, "0007 0008 00000001 00000000");
    uint32_t crc = UINT32_MAX;
    for (size_t i = 0; i < t_len(&t); i++) {
        crc ^= t_data(&t)[i];
        for (int k = 0; k < 8; k++)
            crc = crc & 1 ? crc >> 1 ^ 0x82f63b78u : crc >> 1;
    }
    crc = ~crc;
    memcpy(t.b + t.at + 8, &crc, 4);
    t_ip4(&t, 132);
    t_decode(&o, &t, LINK_RAW);
    assert_int_equal(o.p[0].flags & PKT_L4_CSUM_BAD, 0);
    assert_int_equal(o.p[0].payload_len, 4);
    t.b[T_ROOM - 1] ^= 1;
    t_decode(&o, &t, LINK_RAW);
    assert_true(o.p[0].flags & PKT_L4_CSUM_BAD);
}

/* The checksum that SCTP had before RFC 3309. */
static void sctp_adler(void **state)
{
    (void)state;
    t_init(&t, "DATA", 4);
    t_hex(&t, "0007 0008 00000001 00000000");
    uint32_t a = 1, b = 0;
    for (size_t i = 0; i < t_len(&t); i++) {
        a = (a + t_data(&t)[i]) % 65521;
        b = (b + a) % 65521;
    }
    be32_put(t.b + t.at + 8, b << 16 | a);
    t_ip4(&t, 132);
    t_decode(&o, &t, LINK_RAW);
    assert_int_equal(o.p[0].flags & PKT_L4_CSUM_BAD, 0);
}

/* Every transport with a checksum notices one wrong bit; UDP's "none" is for IPv4. */
static void csum_bits(void **state)
{
    (void)state;
    static const struct {
        uint8_t ver, proto;
    } rows[] = {{4, 6}, {6, 6}, {4, 17}, {6, 17}, {4, 1}, {6, 58}};
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        uint8_t ver = rows[i].ver, proto = rows[i].proto;
        for (unsigned flip = 0; flip < 2; flip++) {
            t_init(&t, "EVILS", 5);
            if (proto == 6)
                t_tcp_ver(&t, 1, 2, "", ver);
            else if (proto == 17)
                t_udp_ver(&t, 1, 2, ver);
            else {
                t_hex(&t, ver == 4 ? "0800 0000 0001 0002" : "8000 0000 0001 0002");
                be16_put(t.b + t.at + 2,
                         ver == 4 ? csum_inet(t_data(&t), t_len(&t)) : t_csum(&t, 6, 58));
            }
            t.b[T_ROOM - 1] ^= (uint8_t)flip;
            ver == 4 ? t_ip4(&t, proto) : t_ip6(&t, proto);
            t_decode(&o, &t, LINK_RAW);
            assert_int_equal(!!(o.p[0].flags & PKT_L4_CSUM_BAD), flip);
        }
    }
    for (unsigned v6 = 0; v6 < 2; v6++) {
        t_init(&t, "EVIL", 4);
        t_udp(&t, 1, 2);
        be16_put(t.b + t.at + 6, 0);
        v6 ? t_ip6(&t, 17) : t_ip4(&t, 17);
        t_decode(&o, &t, LINK_RAW);
        assert_int_equal(!!(o.p[0].flags & PKT_L4_CSUM_BAD), v6);
    }
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tcp_options),      cmocka_unit_test(tcp_wrong),
        cmocka_unit_test(tcp_snapped),      cmocka_unit_test(udp_lengths),
        cmocka_unit_test(other_transports), cmocka_unit_test(esp_spi),
        cmocka_unit_test(quotes),           cmocka_unit_test(quotes_of_others),
        cmocka_unit_test(quote_hash),       cmocka_unit_test(hashes),
        cmocka_unit_test(csum_twins),       cmocka_unit_test(sctp_csum),
        cmocka_unit_test(csum_bits),        cmocka_unit_test(sctp_adler),
    };
    t_open(&o, NULL);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    t_close(&o);
    return failed;
}
