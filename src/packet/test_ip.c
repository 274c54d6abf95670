/* SPDX-License-Identifier: GPL-2.0-or-later */
/* IPv4 and IPv6: lengths, options, extension headers, checksums, super-frames. */
#include "packet/packet_test.h"

static struct t_pkt t;
static struct t_out o;

static void udp4(struct t_ip ip)
{
    t_init(&t, "EVIL", 4);
    t_udp(&t, 40000, 53);
    ip.proto = 17;
    t_ip4_with(&t, ip);
    t_ether(&t, 0x0800);
}

static const struct {
    const char *options, *events;
    uint16_t bits;
    bool invalid;
} options4[] = {
    {"00000000", "ipv4.opt_pad_required", IPOPT_BIT_EOL, false},
    {"01010101 01010100", "", IPOPT_BIT_NOP | IPOPT_BIT_EOL, false},
    {"0707 04 00000000 00", "", IPOPT_BIT_RR | IPOPT_BIT_EOL, false},
    {"8307 04 0a000001 00", "", IPOPT_BIT_LSRR | IPOPT_BIT_EOL, false},
    {"8907 08 0a000001 00", "", IPOPT_BIT_SSRR | IPOPT_BIT_EOL, false},
    {"4408 0500 00000000", "", IPOPT_BIT_TS, false},
    {"820b 0000 00000000 000000 00 00000000", "", IPOPT_BIT_SEC | IPOPT_BIT_EOL, false},
    {"8503 00 00 00000000", "", IPOPT_BIT_ESEC | IPOPT_BIT_EOL, false},
    {"8804 0001 00000000", "", IPOPT_BIT_SATID | IPOPT_BIT_EOL, false},
    {"9404 0000 00000000", "", IPOPT_BIT_RTRALT | IPOPT_BIT_CIPSO_RTRALT | IPOPT_BIT_EOL, false},
    {"1908 0000 00000000", "", IPOPT_BIT_QS | IPOPT_BIT_CIPSO_RTRALT, false},
    {"860a 00000001 0104 0000 00 00 00000000", "",
     IPOPT_BIT_CIPSO | IPOPT_BIT_CIPSO_RTRALT | IPOPT_BIT_EOL, false},
    {"860a 00000001 0105 0000 00 00 00000000", "ipv4.opt_malformed", IPOPT_BIT_EOL, false},
    {"0707 03 00000000 00", "ipv4.opt_malformed", IPOPT_BIT_EOL, false},
    {"0707 0c 00000000 00", "ipv4.opt_malformed", IPOPT_BIT_EOL, false},
    {"0702 0000 00000000", "ipv4.opt_invalid_len", IPOPT_BIT_EOL, false},
    {"4408 0502 00000000", "ipv4.opt_malformed", 0, false},
    {"4404 0500 00000000", "ipv4.opt_invalid_len", IPOPT_BIT_EOL, false},
    {"8803 00 00 00000000", "ipv4.opt_invalid_len", IPOPT_BIT_EOL, false},
    {"8804 0001 8804 0001", "ipv4.opt_duplicate", IPOPT_BIT_SATID, false},
    {"6304 0000 00000000", "ipv4.opt_unknown", IPOPT_BIT_CIPSO_RTRALT | IPOPT_BIT_EOL, false},
    {"01010101 01010107", "ipv4.opt_eol_required", IPOPT_BIT_NOP, false},
    {"0700 0000 00000000", "ipv4.opt_invalid_len", 0, true},
    {"0709 0400 00000000", "ipv4.opt_invalid_len", 0, true},
};

static void ip4_options(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(options4); i++) {
        udp4((struct t_ip){.options = options4[i].options});
        t_decode(&o, &t, LINK_ETHERNET);
        const struct packet *p = &o.p[0];
        if (strcmp(t_events(p), options4[i].events) != 0 || p->ip_opts != options4[i].bits)
            fail_msg("%s: %s %x", options4[i].options, t_events(p), p->ip_opts);
        assert_int_equal(!!(p->flags & PKT_INVALID), options4[i].invalid);
        assert_int_equal(p->payload_len, 4); /* read all the same */
        assert_int_equal(p->flags & PKT_IP_CSUM_BAD, 0);
        t_cuts(&t, LINK_ETHERNET);
    }
}

static void ip4_fields(void **state)
{
    (void)state;
    udp4((struct t_ip){.id = 0x1234, .frag = 0x4000, .ttl = 7});
    t.b[t.at + 15] = 0x2e;            /* type of service: the checksum breaks */
    memset(t.b + T_ROOM - 4, 'x', 4); /* so does UDP's */
    t_decode(&o, &t, LINK_ETHERNET);
    const struct packet *p = &o.p[0];
    assert_int_equal(p->ip_id, 0x1234);
    assert_int_equal(p->ip_flags, 2);
    assert_int_equal(p->ttl, 7);
    assert_int_equal(p->tos, 0x2e);
    assert_int_equal(p->flags & (PKT_IP_CSUM_BAD | PKT_L4_CSUM_BAD),
                     PKT_IP_CSUM_BAD | PKT_L4_CSUM_BAD);
    o.f.csum = FRAME_CSUM_UNFINISHED;
    t_decode(&o, &t, LINK_ETHERNET);
    assert_int_equal(o.p[0].flags & (PKT_IP_CSUM_BAD | PKT_L4_CSUM_BAD), 0);
    o.f.csum = FRAME_CSUM_GOOD;
    t_decode(&o, &t, LINK_ETHERNET);
    assert_int_equal(o.p[0].flags & (PKT_IP_CSUM_BAD | PKT_L4_CSUM_BAD), 0);
    o.f.csum = FRAME_CSUM_CHECK;
}

static const struct {
    uint8_t at, value; /* of the IPv4 header */
    const char *events;
} lies4[] = {
    {0, 0x55, "ipv4.wrong_ip_version"},
    {0, 0x44, "ipv4.hlen_too_small"},
    {3, 19, "ipv4.iplen_smaller_than_hlen"},
    {3, 0, "ipv4.iplen_smaller_than_hlen"},
    {0, 0x4f, "ipv4.iplen_smaller_than_hlen"},
    {3, 33, "ipv4.trunc_pkt"},
    {2, 200, "ipv4.trunc_pkt"},
    {9, 58, "ipv4.icmpv6"},
};

static void ip4_lies(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(lies4); i++) {
        udp4((struct t_ip){0});
        t.b[t.at + 14 + lies4[i].at] = lies4[i].value;
        t_decode(&o, &t, LINK_ETHERNET);
        assert_string_equal(t_events(&o.p[0]), lies4[i].events);
        assert_true(o.p[0].flags & PKT_INVALID);
        t_cuts(&t, LINK_ETHERNET);
    }
}

/* What follows the datagram in the frame is nobody's payload. */
static void padding(void **state)
{
    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        uint8_t frame[200] = {0};
        t_init(&t, "EVIL", 4);
        t_udp_ver(&t, 1, 2, v6 ? 6 : 4);
        v6 ? t_ip6(&t, 17) : t_ip4(&t, 17);
        t_ether(&t, v6 ? 0x86dd : 0x0800);
        memcpy(frame, t_data(&t), t_len(&t));
        memset(frame + t_len(&t), 'P', 20);
        t_feed(&o, frame, t_len(&t) + 20, LINK_ETHERNET);
        assert_int_equal(o.p[0].payload_len, 4);
        assert_int_equal(o.p[0].l4_len, 12);
        assert_int_equal(o.p[0].ip_len, t_len(&t) - 14);
        assert_int_equal(o.p[0].n_events, 0);
    }
}

/* A snapped frame: what is there is read, `cut` says what is missing. */
static void snapped(void **state)
{
    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        t_init(&t, "0123456789", 10);
        t_udp_ver(&t, 1, 2, v6 ? 6 : 4);
        v6 ? t_ip6(&t, 17) : t_ip4(&t, 17);
        t_ether(&t, v6 ? 0x86dd : 0x0800);
        o.f.wire_len = (uint32_t)t_len(&t);
        t_feed(&o, t_data(&t), t_len(&t) - 7, LINK_ETHERNET);
        const struct packet *p = &o.p[0];
        assert_int_equal(p->payload_len, 3);
        assert_int_equal(p->cut, 7);
        assert_int_equal(p->flags & (PKT_IGNORE | PKT_L4_CSUM_BAD), 0);
        assert_string_equal(t_events(p), v6 ? "ipv6.trunc_pkt" : "ipv4.trunc_pkt");
        /* more is promised than was on the wire: that is no matter of the snap length */
        o.f.wire_len = (uint32_t)t_len(&t) - 1;
        t_feed(&o, t_data(&t), t_len(&t) - 7, LINK_ETHERNET);
        assert_true(o.p[0].flags & PKT_L3_BROKEN);
        /* the same bytes as a whole frame are a lie */
        o.f.wire_len = 0;
        t_feed(&o, t_data(&t), t_len(&t) - 7, LINK_ETHERNET);
        assert_true(o.p[0].flags & PKT_L3_BROKEN);
        assert_int_equal(o.p[0].ver, 0);
    }
}

/* Chains before UDP "EVIL": `next` is the IPv6 header's next header. */
static const struct {
    uint8_t next;
    const char *exts, *events;
    uint8_t proto; /* what comes of it */
    bool invalid;
} chains[] = {
    {17, "", "", 17, false},
    {0, "1100 0502 0000 0000", "", 17, false},
    {0, "1100 0502 0000 0100", "ipv6.zero_len_padn", 17, false},
    {0, "1100 0104 0000 0000", "ipv6.hopopts_only_padding", 17, false},
    {0, "1100 0100 0102 0000", "ipv6.zero_len_padn ipv6.hopopts_only_padding", 17, false},
    {0, "1100 0000 0000 0000", "ipv6.hopopts_only_padding", 17, false},
    {0, "1100 1e04 0000 0000", "ipv6.hopopts_unknown_opt", 17, false},
    {0, "1100 0109 0000 0000", "ipv6.exthdr_invalid_optlen", 17, false},
    {0, "1100 0503 0000 0000", "ipv6.exthdr_invalid_optlen", 17, false},
    {60, "1100 0104 0000 0000", "ipv6.dstopts_only_padding", 17, false},
    {60, "1100 1e04 0000 0000", "ipv6.dstopts_unknown_opt", 17, false},
    {60, "3c00 1e04 0000 0000 1100 1e04 0000 0000", "ipv6.dstopts_unknown_opt", 17, false},
    {60, "3c00 1e04 0000 0000 3c00 1e04 0000 0000 1100 1e04 0000 0000",
     "ipv6.dstopts_unknown_opt ipv6.exthdr_dupl_dh", 17, false},
    {0, "0000 0502 0000 0100 1100 0502 0000 0100", "ipv6.zero_len_padn ipv6.exthdr_dupl_hh", 17,
     false},
    {43, "1100 0000 0000 0000", "ipv6.rh_type_0", 17, false},
    {43, "1100 0400 0000 0000", "", 17, false},
    {43, "2b00 0400 0000 0000 1100 0400 0000 0000", "ipv6.exthdr_dupl_rh", 17, false},
    {51, "1101 0000 00000001 00000001", "", 17, false},
    {51, "1101 0100 00000001 00000001", "ipv6.exthdr_ah_res_not_null", 17, false},
    {51, "3301 0000 00000001 00000001 1101 0000 00000001 00000001", "ipv6.exthdr_dupl_ah", 17,
     false},
    {44, "1100 0000 00000007", "ipv6.exthdr_useless_fh", 17, false},
    {44, "1101 0000 00000007", "ipv6.fh_non_zero_reserved_field ipv6.exthdr_useless_fh", 17, false},
    {44, "2c00 0000 00000007 1100 0000 00000007", "ipv6.exthdr_useless_fh ipv6.exthdr_dupl_fh", 17,
     false},
    {135, "1100 0000 0000 0000", "", 17, false},
    {139, "1100 0000 0000 0000", "", 17, false},
    {140, "1100 0000 0000 0000", "", 17, false},
    {59, "", "ipv6.data_after_none_header", 59, false},
    {253, "", "ipv6.unknown_next_header", 253, false},
    {1, "", "ipv6.icmpv4", 1, false},
    {0, "11ff 0502 0000 0000", "ipv6.trunc_exthdr", 0, true},
    {51, "11ff 0000 00000001 00000001", "ipv6.trunc_exthdr", 51, true},
};

static void ip6_chains(void **state)
{
    (void)state;
    for (unsigned i = 0; i < ARRAY_LEN(chains); i++) {
        t_init(&t, "EVIL", 4);
        t_udp_ver(&t, 40000, 53, 6);
        t_hex(&t, chains[i].exts);
        uint32_t hlen = 40 + (uint32_t)t_len(&t) - 12;
        t_ip6(&t, chains[i].next);
        t_ether(&t, 0x86dd);
        t_decode(&o, &t, LINK_ETHERNET);
        const struct packet *p = &o.p[0];
        if (strcmp(t_events(p), chains[i].events) != 0)
            fail_msg("%u %s: %s", chains[i].next, chains[i].exts, t_events(p));
        assert_int_equal(p->proto, chains[i].proto);
        assert_int_equal(!!(p->flags & PKT_INVALID), chains[i].invalid);
        assert_int_equal(!!(p->flags & PKT_UDP), chains[i].proto == 17);
        if (p->flags & PKT_UDP) {
            assert_int_equal(p->ip_hlen, hlen);
            assert_int_equal(p->flags & PKT_L4_CSUM_BAD, 0);
            assert_memory_equal(p->payload, "EVIL", 4);
        }
        t_cuts(&t, LINK_ETHERNET);
    }
}

/* Nothing, or one byte, behind an extension header. */
static void ip6_cut_behind_ext(void **state)
{
    (void)state;
    for (size_t n = 0; n < 2; n++) {
        t_init(&t, "x", n);
        t_hex(&t, "0600 0000 00000007");
        t_ip6(&t, 44);
        t_decode(&o, &t, LINK_RAW);
        assert_string_equal(t_events(&o.p[0]), "ipv6.exthdr_useless_fh ipv6.trunc_exthdr");
        assert_true(o.p[0].flags & PKT_L4_BROKEN);
    }
}

/* Fifty headers are walked; the event comes once. */
static void ip6_long_chain(void **state)
{
    (void)state;
    t_init(&t, "EVIL", 4);
    t_udp_ver(&t, 40000, 53, 6);
    t_hex(&t, "1100 1e04 0000 0000");
    for (unsigned i = 0; i < 49; i++)
        t_hex(&t, "3c00 1e04 0000 0000");
    t_ip6(&t, 60);
    t_decode(&o, &t, LINK_RAW);
    assert_true(o.p[0].flags & PKT_UDP);
    assert_string_equal(t_events(&o.p[0]), "ipv6.dstopts_unknown_opt ipv6.exthdr_dupl_dh");
}

/* The checksum is over the last address of a routing header, and over a home address. */
static void ip6_csum_addresses(void **state)
{
    (void)state;
    struct ip_addr s = ip_from_v6(t_ip6_src), home = s, last = s;
    home.b[15] = 9;
    last.b[15] = 8;
    for (unsigned right = 0; right < 2; right++) {
        t_init(&t, "EVIL", 4);
        t_udp_ver(&t, 40000, 53, 6);
        be16_put(t.b + t.at + 6, 0);
        be16_put(t.b + t.at + 6, csum_l4(6, right ? &home : &s, &last, 17, t_data(&t), t_len(&t)));
        t_put(&t, home.b, 16);
        t_hex(&t, "1102 0102 0000 c910"); /* destination options: PadN 2, home address */
        t_put(&t, last.b, 16);
        t_hex(&t, "3c02 0001 0000 0000"); /* routing 0, one to go */
        t_ip6(&t, 43);
        t_decode(&o, &t, LINK_RAW);
        assert_int_equal(!(o.p[0].flags & PKT_L4_CSUM_BAD), right);
        assert_string_equal(t_events(&o.p[0]), "ipv6.rh_type_0");
        t_cuts(&t, LINK_RAW);
    }
}

/* Over IPv4 the same holds for source routes that are not at their end. */
static void ip4_csum_route(void **state)
{
    (void)state;
    struct ip_addr src = ip_from_v4(t_ip4_src), last = src;
    last.b[15] = 1;
    last.b[14] = 0;
    last.b[13] = 0;
    for (unsigned done = 0; done < 2; done++) {
        t_init(&t, "EVIL", 4);
        t_udp(&t, 40000, 53);
        if (!done) {
            be16_put(t.b + t.at + 6, 0);
            be16_put(t.b + t.at + 6, csum_l4(4, &src, &last, 17, t_data(&t), t_len(&t)));
        }
        t_ip4_with(&t,
                   (struct t_ip){.proto = 17,
                                 .options = done ? "8307 08 0a000001 00" : "8307 04 0a000001 00"});
        t_decode(&o, &t, LINK_RAW);
        assert_int_equal(o.p[0].flags & PKT_L4_CSUM_BAD, 0);
    }
}

static void ip6_jumbo(void **state)
{
    (void)state;
    t_init(&t, "EVIL", 4);
    t_udp_ver(&t, 40000, 53, 6);
    t_hex(&t, "1100 c204 00000014"); /* 8 + 12 */
    t_ip6(&t, 0);
    be16_put(t.b + t.at + 4, 0);
    t_ether(&t, 0x86dd);
    uint8_t frame[100] = {0};
    memcpy(frame, t_data(&t), t_len(&t));
    t_feed(&o, frame, t_len(&t) + 6, LINK_ETHERNET); /* with padding */
    assert_true(o.p[0].flags & PKT_UDP);
    assert_int_equal(o.p[0].payload_len, 4);
    assert_int_equal(o.p[0].flags & PKT_L4_CSUM_BAD, 0);
    assert_string_equal(t_events(&o.p[0]), "");
}

/* Super-frames: lengths of the header don't count, nor do checksums; segments are counted. */
static void super_frames(void **state)
{
    (void)state;
    static const struct {
        uint8_t ver;
        uint16_t length; /* of the IP header */
        size_t n;
        uint16_t seg_n;
    } rows[] = {
        {4, 0, 5000, 4}, {4, 5040, 5000, 4}, {4, 9999, 2920, 2}, {4, 41, 1, 1},
        {6, 0, 5000, 4}, {6, 5020, 5000, 4}, {4, 0, 66000, 46},  {6, 0, 66000, 46},
    };
    static uint8_t data[66000];
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        bool v6 = rows[i].ver == 6;
        t_init(&t, data, rows[i].n);
        t_tcp(&t, 1, 2);
        v6 ? t_ip6(&t, 6) : t_ip4(&t, 6);
        be16_put(t.b + t.at + (v6 ? 4 : 2), rows[i].length);
        be16_put(t.b + t.at + (v6 ? 56 : 36), 0xdead); /* the checksum that the card would fill */
        t_ether(&t, v6 ? 0x86dd : 0x0800);
        o.f.seg_size = 1460;
        t_decode(&o, &t, LINK_ETHERNET);
        const struct packet *p = &o.p[0];
        assert_string_equal(t_events(p), "");
        assert_int_equal(p->payload_len, rows[i].n);
        assert_int_equal(p->seg_n, rows[i].seg_n);
        assert_int_equal(p->seg_size, 1460);
        assert_int_equal(p->flags & (PKT_IP_CSUM_BAD | PKT_L4_CSUM_BAD | PKT_IGNORE), 0);
    }
    o.f.seg_size = 0;
}

/* Length 0 without a word from capture: only a TCP frame that no wire carries. */
static void length_zero(void **state)
{
    (void)state;
    static uint8_t data[3000];
    static const struct {
        uint8_t proto;
        size_t n;
        bool taken;
    } rows[] = {{6, 3000, true}, {6, 1400, false}, {17, 3000, false}};
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        t_init(&t, data, rows[i].n);
        rows[i].proto == 6 ? t_tcp(&t, 1, 2) : t_udp(&t, 1, 2);
        t_ip4(&t, rows[i].proto);
        be16_put(t.b + t.at + 2, 0);
        t_ether(&t, 0x0800);
        t_decode(&o, &t, LINK_ETHERNET);
        assert_int_equal(o.p[0].ver, rows[i].taken ? 4 : 0);
        assert_int_equal(o.p[0].payload_len, rows[i].taken ? rows[i].n : 0);
    }
    struct t_out strict;
    struct decode_config c = t_config();
    c.refuse_len_zero = true;
    t_open(&strict, &c);
    t_init(&t, data, 3000);
    t_tcp(&t, 1, 2);
    t_ip4(&t, 6);
    be16_put(t.b + t.at + 2, 0);
    t_decode(&strict, &t, LINK_RAW);
    assert_string_equal(t_events(&strict.p[0]), "ipv4.iplen_smaller_than_hlen");
    t_close(&strict);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(ip4_options),
        cmocka_unit_test(ip4_fields),
        cmocka_unit_test(ip4_lies),
        cmocka_unit_test(padding),
        cmocka_unit_test(snapped),
        cmocka_unit_test(ip6_chains),
        cmocka_unit_test(ip6_cut_behind_ext),
        cmocka_unit_test(ip6_long_chain),
        cmocka_unit_test(ip6_csum_addresses),
        cmocka_unit_test(ip4_csum_route),
        cmocka_unit_test(ip6_jumbo),
        cmocka_unit_test(super_frames),
        cmocka_unit_test(length_zero),
    };
    t_open(&o, NULL);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    t_close(&o);
    return failed;
}
