/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fragments: sizes, keys, tunnels, caps, timeouts, what is rebuilt. */
#include "packet/frag_test.h"

static const uint8_t junk[65536];

/* The second fragment ends inside the first and says it is the last: event, no end, freed in time.
 */
static void teardrop(void **state)
{
    (void)state;
    for (unsigned policy = 0; policy < POLICIES; policy++) {
        policy_now = policy;
        o.f.ts_ns += 1000;
        assert_null(
            piece_send((struct piece){.ver = 4, .id = 5, .data = junk, .n = 40, .more = true}));
        assert_null(piece_send((struct piece){.ver = 4, .id = 5, .off = 24, .data = junk, .n = 4}));
        assert_true(PIECE_EVENT(FRAG_OVERLAP));
        assert_int_equal(decoder_counters(o.d)->frag_trackers, 1);
        o.f.ts_ns += 200000000000;
        decoder_burst_end(o.d, o.f.ts_ns);
        all_given_back();
    }
    assert_int_equal(decoder_counters(o.d)->frag_ipv4_timeout, POLICIES);
}

static void sizes(void **state)
{
    (void)state;
    policy_now = FRAG_BSD;
    static const struct {
        struct piece f;
        bool too_large, invalid, kept;
    } rows[] = {
        {{.ver = 4, .off = 65512, .n = 4}, true, false, false},
        {{.ver = 4, .off = 65512, .n = 3}, false, false, true},
        {{.ver = 6, .off = 65528, .n = 8}, true, false, false},
        {{.ver = 6, .off = 65528, .n = 7}, false, false, true},
        {{.ver = 6, .off = 65528, .n = 9, .more = true}, true, true, false},
        {{.ver = 6, .off = 8, .n = 9, .more = true}, false, true, false},
        {{.ver = 4, .off = 8, .n = 9, .more = true}, false, false, true},
        {{.ver = 4, .off = 8, .n = 0, .more = true}, false, false, false},
        {{.ver = 6, .off = 8, .n = 0}, false, false, false},
    };
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        struct piece f = rows[i].f;
        uint64_t before = decoder_counters(o.d)->frag_trackers;
        f.data = junk;
        f.id = 200 + i;
        assert_null(piece_send(f));
        assert_int_equal(PIECE_EVENT(FRAG_PKT_TOO_LARGE), rows[i].too_large);
        assert_int_equal(has_event(&o.p[0], DECODE_EVENT_COUNT, DECODE_IPV6_FRAG_INVALID_LENGTH),
                         rows[i].invalid);
        assert_int_equal(decoder_counters(o.d)->frag_trackers - before, rows[i].kept);
    }
    o.f.ts_ns += 200000000000;
    decoder_burst_end(o.d, o.f.ts_ns);
    all_given_back();
}

/* The largest datagrams there are, in order and backwards. */
static void largest(void **state)
{
    (void)state;
    static uint8_t data[65535];
    for (size_t i = 0; i < sizeof(data); i++)
        data[i] = (uint8_t)(i * 7 >> 3);
    for (unsigned round = 0; round < 4; round++) {
        uint8_t ver = round & 1 ? 6 : 4;
        uint32_t whole = ver == 4 ? 65515 : 65535, step = 1480, n = (whole + step - 1) / step;
        const struct packet *p = NULL;
        policy_now = round % POLICIES;
        for (uint32_t i = 0; i < n; i++) {
            assert_null(p);
            uint32_t k = round & 2 ? n - 1 - i : i, off = k * step;
            p = piece_send((struct piece){.ver = ver,
                                          .id = 9,
                                          .off = off,
                                          .data = data + off,
                                          .n = off + step < whole ? step : whole - off,
                                          .more = k + 1 < n});
        }
        assert_non_null(p);
        assert_int_equal(p->payload_len, whole);
        assert_memory_equal(p->payload, data, whole);
        decoder_burst_end(o.d, 0);
    }
    all_given_back();
}

/* The rebuilt packet is one that the sender could have sent; its link header stands before it. */
static void rebuilt_header(void **state)
{
    (void)state;
    for (unsigned v6 = 0; v6 < 2; v6++) {
        static struct t_pkt whole;
        t_init(&whole, "0123456789abcdefEVIL", 20);
        t_udp_ver(&whole, 40000, 53, v6 ? 6 : 4);
        for (unsigned k = 0; k < 2; k++) {
            piece_make((struct piece){.ver = v6 ? 6 : 4,
                                      .id = 77,
                                      .off = k * 16,
                                      .data = t_data(&whole) + k * 16,
                                      .n = k ? 12 : 16,
                                      .more = !k,
                                      .proto = 17});
            t_vlan(&t, 6, v6 ? 0x86dd : 0x0800);
            t_ether(&t, 0x8100);
            t_decode(&o, &t, LINK_ETHERNET);
        }
        assert_int_equal(o.n, 2);
        const struct packet *p = &o.p[0];
        assert_true(p->flags & PKT_UDP && p->flags & PKT_REBUILT);
        assert_int_equal(p->flags & (PKT_IP_CSUM_BAD | PKT_L4_CSUM_BAD | PKT_FRAGMENT | PKT_INNER),
                         0);
        assert_memory_equal(p->payload + 16, "EVIL", 4);
        assert_int_equal(p->vlan[0], 6);
        assert_int_equal(p->link, LINK_ETHERNET);
        assert_ptr_equal(p->l2, p->data);
        assert_null(p->outer);
        assert_int_equal(p->ip - p->data, 18);
        assert_int_equal(p->frag_off | p->ip_flags, 0);
        /* byte for byte what would have come in one piece */
        v6 ? t_ip6(&whole, 17) : t_ip4_with(&whole, (struct t_ip){.proto = 17, .id = 77});
        t_vlan(&whole, 6, v6 ? 0x86dd : 0x0800);
        t_ether(&whole, 0x8100);
        assert_int_equal(p->data_len, t_len(&whole));
        assert_memory_equal(p->data, t_data(&whole), t_len(&whole));
        decoder_burst_end(o.d, 0);
    }
}

/* Extension headers before the fragment header stay; the first fragment's next header counts. */
static void ext_headers_kept(void **state)
{
    (void)state;
    for (unsigned k = 0; k < 2; k++) {
        t_init(&t, "EVIL...", 8);
        if (!k)
            t_udp_ver(&t, 40000, 53, 6);
        uint8_t *h = t_front(&t, 8);
        h[0] = k ? 6 : 17;
        be16_put(h + 2, k ? 16 : 1);
        h[7] = 9;
        t_hex(&t, "2c00 1e04 0000 0000");
        t_hex(&t, "3c00 0502 0000 0100");
        t_ip6(&t, 0);
        t_decode(&o, &t, LINK_RAW);
    }
    assert_int_equal(o.n, 2);
    assert_int_equal(o.p[0].proto, 17);
    assert_int_equal(o.p[0].ip_hlen, 56);
    assert_int_equal(o.p[0].dp, 53);
    decoder_burst_end(o.d, 0);
}

/* Long headers before the fragment header: kept, kept without the link header, refused. */
static void long_headers(void **state)
{
    (void)state;
    static const struct {
        unsigned tags, units; /* VLAN tags are few: MPLS labels make the link header long */
        bool rebuilt, link;
    } rows[] = {
        {0, 10, true, true}, {10, 20, true, true}, {20, 250, true, false}, {0, 256, false, false}};
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        for (unsigned k = 0; k < 2; k++) {
            uint8_t ext[2048] = {44, (uint8_t)(rows[i].units - 1), 0x1e, 4};
            t_init(&t, junk, 16);
            uint8_t *h = t_front(&t, 8);
            h[0] = PROTO;
            be16_put(h + 2, k ? 16 : 1);
            t_put(&t, ext, rows[i].units * 8);
            t_ip6(&t, 60);
            t_hex(&t, "00012140");
            for (unsigned n = 0; n < rows[i].tags; n++)
                t_hex(&t, "00011040");
            t_ether(&t, 0x8847);
            t_decode(&o, &t, LINK_ETHERNET);
        }
        assert_int_equal(o.n, rows[i].rebuilt ? 2 : 1);
        assert_int_equal(PIECE_EVENT(FRAG_IGNORED), !rows[i].rebuilt);
        if (rows[i].rebuilt) {
            assert_int_equal(o.p[0].payload_len, 32);
            assert_int_equal(o.p[0].ip_hlen, 40 + rows[i].units * 8);
            assert_int_equal(o.p[0].l2 != NULL, rows[i].link);
            assert_int_equal(o.p[0].ip - o.p[0].data, rows[i].link ? 18 + rows[i].tags * 4 : 0);
        }
        decoder_burst_end(o.d, 0);
    }
    o.f.ts_ns += 200000000000;
    decoder_burst_end(o.d, o.f.ts_ns);
    all_given_back();
}

/* What makes another datagram of it: id, protocol (IPv4), VLAN, tunnel depth. */
static void keys(void **state)
{
    (void)state;
    policy_now = FRAG_BSD;
    struct piece first = {.ver = 4, .id = 1, .data = junk, .n = 8, .more = true};
    struct piece last = {.ver = 4, .id = 1, .off = 8, .data = junk, .n = 8};
    struct piece other = last;
    other.id = 2;
    assert_null(piece_send(first));
    assert_null(piece_send(other));
    other = last;
    other.proto = 252;
    assert_null(piece_send(other));
    piece_make(last);
    t_vlan(&t, 5, 0x0800);
    t_ether(&t, 0x8100);
    t_decode(&o, &t, LINK_ETHERNET);
    assert_int_equal(o.n, 1);
    piece_make(last);
    t_ip4(&t, 4);
    t_decode(&o, &t, LINK_RAW);
    assert_int_equal(o.n, 2);
    assert_non_null(piece_send(last));
    /* IPv6: the next header of later fragments may be anything */
    first.ver = last.ver = 6;
    last.proto = 6;
    assert_null(piece_send(first));
    assert_non_null(piece_send(last));
    o.f.ts_ns += 200000000000;
    decoder_burst_end(o.d, o.f.ts_ns);
    all_given_back();

    struct decode_config c = config();
    struct t_out own;
    c.frag_ignore_vlan = true;
    t_open(&own, &c);
    for (unsigned k = 0; k < 2; k++) {
        piece_make(
            (struct piece){.ver = 4, .id = 1, .off = k * 8, .data = junk, .n = 8, .more = !k});
        t_vlan(&t, (uint16_t)k, 0x0800);
        t_ether(&t, 0x8100);
        t_decode(&own, &t, LINK_ETHERNET);
    }
    assert_int_equal(own.n, 2);
    t_close(&own);
}

/* An inner datagram in pieces; the rebuilt packet's outer one is the tunnel's. */
static void in_tunnel(void **state)
{
    (void)state;
    for (unsigned k = 0; k < 2; k++) {
        piece_make(
            (struct piece){.ver = 6, .id = 1, .off = k * 8, .data = junk, .n = 8, .more = !k});
        t_ip4(&t, 41);
        t_decode(&o, &t, LINK_RAW);
    }
    assert_int_equal(o.n, 3); /* rebuilt, inner fragment, outer */
    assert_true(o.p[0].flags & PKT_REBUILT && o.p[0].flags & PKT_INNER);
    assert_ptr_equal(o.p[0].outer, &o.p[2]);
    assert_ptr_equal(o.p[1].outer, &o.p[2]);
    assert_int_equal(o.p[0].depth, 1);
    decoder_burst_end(o.d, 0);
    /* and a tunnel in pieces */
    static struct t_pkt whole;
    t_init(&whole, "EVIL", 4);
    t_udp(&whole, 1, 2);
    t_ip4(&whole, 17);
    for (unsigned k = 0; k < 2; k++) {
        piece_make((struct piece){.ver = 4,
                                  .id = 1,
                                  .off = k * 16,
                                  .data = t_data(&whole) + k * 16,
                                  .n = 16,
                                  .more = !k,
                                  .proto = 4});
        t_decode(&o, &t, LINK_RAW);
    }
    assert_int_equal(o.n, 3); /* inner, rebuilt tunnel, fragment */
    assert_true(o.p[0].flags & PKT_UDP && o.p[1].flags & PKT_HAS_TUNNEL);
    assert_ptr_equal(o.p[0].outer, &o.p[1]);
    decoder_burst_end(o.d, 0);
    all_given_back();
}

static void atomic_alone(void **state)
{
    (void)state;
    assert_null(piece_send((struct piece){.ver = 6, .id = 3, .data = junk, .n = 8, .more = true}));
    piece_make((struct piece){.ver = 6, .id = 3, .data = junk, .n = 8});
    t_decode(&o, &t, LINK_RAW);
    assert_int_equal(o.n, 1);
    assert_int_equal(o.p[0].flags & PKT_FRAGMENT, 0);
    assert_int_equal(o.p[0].payload_len, 8);
    assert_non_null(piece_send((struct piece){.ver = 6, .id = 3, .off = 8, .data = junk, .n = 8}));
    decoder_burst_end(o.d, 0);
}

/* RFC 5722: an overlap ends the whole datagram, an exact duplicate does not. */
static void ipv6_overlap_drops(void **state)
{
    (void)state;
    struct decode_config c = config();
    struct t_out kept = o;
    uint8_t other[8] = {1};
    struct piece f[] = {{.ver = 6, .id = 1, .data = junk, .n = 8, .more = true},
                        {.ver = 6, .id = 1, .off = 8, .data = junk, .n = 8}};
    c.frag_ipv6_drop_overlap = true;
    t_open(&o, &c);
    assert_null(piece_send(f[0]));
    assert_null(piece_send(f[0]));
    assert_true(PIECE_EVENT(FRAG_OVERLAP));
    assert_non_null(piece_send(f[1]));
    assert_null(piece_send(f[0]));
    f[0].data = other;
    assert_null(piece_send(f[0]));
    assert_true(PIECE_EVENT(FRAG_OVERLAP));
    assert_null(piece_send(f[0]));
    assert_null(piece_send(f[1]));
    f[0].ver = f[1].ver = 4; /* IPv4 goes by policy */
    assert_null(piece_send(f[0]));
    assert_null(piece_send(f[0]));
    assert_non_null(piece_send(f[1]));
    decoder_burst_end(o.d, 61000000000);
    all_given_back();
    t_close(&o);
    o = kept;
}

static void timeouts(void **state)
{
    (void)state;
    struct piece first = {.ver = 4, .id = 1, .data = junk, .n = 8, .more = true};
    struct piece last = {.ver = 4, .id = 1, .off = 8, .data = junk, .n = 8};
    uint64_t before = decoder_counters(o.d)->frag_ipv4_timeout, start = o.f.ts_ns;
    timeout_now = 5000000000;
    assert_null(piece_send(first));
    o.f.ts_ns = start + 4999999999;
    decoder_burst_end(o.d, o.f.ts_ns);
    assert_non_null(piece_send(last));
    assert_null(piece_send(first));
    o.f.ts_ns += 5000000000; /* too late: it begins anew */
    assert_null(piece_send(last));
    assert_int_equal(decoder_counters(o.d)->frag_ipv4_timeout - before, 1);
    o.f.ts_ns = start; /* time never runs backwards */
    assert_non_null(piece_send(first));
    timeout_now = 0;
    decoder_burst_end(o.d, 0);
    all_given_back();
}

/* A flood of orphans: the caps hold, the newest are kept, the good one is whole. */
static void caps(void **state)
{
    (void)state;
    static const struct {
        uint32_t max;
        uint64_t bytes;
    } rows[] = {{16, 0}, {0, 100000}, {0, 10000}, {1, 0}};
    struct t_out kept = o;
    policy_now = FRAG_BSD;
    for (unsigned i = 0; i < ARRAY_LEN(rows); i++) {
        struct decode_config c = config();
        c.frag_max = rows[i].max;
        c.frag_cap_bytes = rows[i].bytes;
        t_open(&o, &c);
        for (uint32_t id = 0; id < 3000; id++) {
            assert_null(piece_send((struct piece){
                .ver = 4, .id = id, .off = 8 * (id % 5), .data = junk, .n = 8, .more = true}));
            const struct decode_counters *n = decoder_counters(o.d);
            assert_true(!rows[i].max || n->frag_trackers <= rows[i].max);
            assert_true(!rows[i].bytes || n->frag_mem_bytes <= rows[i].bytes);
        }
        assert_true(decoder_counters(o.d)->frag_max_hit > 2000);
        assert_null(
            piece_send((struct piece){.ver = 4, .id = 9999, .data = junk, .n = 8, .more = true}));
        assert_non_null(
            piece_send((struct piece){.ver = 4, .id = 9999, .off = 8, .data = junk, .n = 8}));
        t_close(&o);
    }
    /* less than one datagram: refused, said, no crash */
    struct decode_config c = config();
    c.frag_cap_bytes = 300;
    t_open(&o, &c);
    assert_null(piece_send((struct piece){.ver = 4, .data = junk, .n = 8, .more = true}));
    assert_true(PIECE_EVENT(FRAG_IGNORED));
    assert_int_equal(decoder_counters(o.d)->frag_refused, 1);
    t_close(&o);
    o = kept;
}

/* Memory for bytes runs out, not for trackers: older datagrams give theirs up, the one in work
 * never. */
static void caps_of_bytes(void **state)
{
    (void)state;
    struct t_out kept = o;
    struct decode_config c = config();
    c.frag_cap_bytes = 40000;
    t_open(&o, &c);
    for (uint32_t id = 0; id < 50; id++) {
        for (uint32_t k = 0; k < 8; k++)
            assert_null(piece_send((struct piece){
                .ver = 4, .id = id, .off = k * 4000, .data = junk, .n = 4000, .more = true}));
        assert_true(decoder_counters(o.d)->frag_mem_bytes <= 40000);
        assert_int_equal(decoder_counters(o.d)->frag_trackers, 1);
        if (id % 2)
            assert_non_null(
                piece_send((struct piece){.ver = 4, .id = id, .off = 32000, .data = junk, .n = 8}));
        decoder_burst_end(o.d, 0);
    }
    for (uint32_t k = 0; k < 16; k++) { /* more than all there is */
        assert_null(piece_send((struct piece){
            .ver = 4, .id = 99, .off = k * 4000, .data = junk, .n = 4000, .more = true}));
        assert_int_equal(PIECE_EVENT(FRAG_IGNORED), k * 4000 + 4000 > 38912);
    }
    t_close(&o);
    o = kept;
}

/* More datagrams become whole in one burst than there is room for: refused, said. */
static void burst_full(void **state)
{
    (void)state;
    unsigned whole = 0, refused = 0;
    for (uint32_t id = 0; id < 140; id++) {
        assert_null(
            piece_send((struct piece){.ver = 6, .id = id, .data = junk, .n = 60000, .more = true}));
        const struct packet *p =
            piece_send((struct piece){.ver = 6, .id = id, .off = 60000, .data = junk, .n = 5000});
        whole += p != NULL;
        refused += PIECE_EVENT(FRAG_IGNORED);
    }
    assert_int_equal(whole + refused, 140);
    assert_in_range(whole, 120, 135);
    decoder_burst_end(o.d, 0);
    all_given_back();
}

/* Every eighth byte a fragment of its own: the list of pieces has a cap, too. */
static void many_pieces(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 4000; i++) {
        assert_null(piece_send((struct piece){
            .ver = 4, .id = 1, .off = 65504 - 16 * i, .data = junk, .n = 8, .more = true}));
        assert_int_equal(PIECE_EVENT(FRAG_IGNORED), i > 2046);
    }
    o.f.ts_ns += 200000000000;
    decoder_burst_end(o.d, o.f.ts_ns);
    all_given_back();
}

/* No host takes a fragment with a wrong header checksum: neither do we, unless we don't look. */
static void bad_checksum(void **state)
{
    (void)state;
    uint8_t decoy[8] = "decoy...";
    for (unsigned check = 0; check < 2; check++) {
        struct decode_config c = config();
        struct t_out own;
        policy_now = FRAG_FIRST;
        c.check_csum = check;
        t_open(&own, &c);
        for (unsigned k = 0; k < 3; k++) {
            piece_make((struct piece){.ver = 4,
                                      .id = 1,
                                      .off = k == 2 ? 8 : 0,
                                      .data = k ? junk : decoy,
                                      .n = 8,
                                      .more = k != 2});
            if (!k)
                t.b[t.at + 8]++;
            t_decode(&own, &t, LINK_RAW);
        }
        assert_int_equal(own.n, 2);
        assert_int_equal(own.p[0].payload[0], check ? 0 : 'd');
        t_close(&own);
    }
}

/* Linux cuts a fragment that more follow to whole units; the rest of it never was. */
static void unaligned(void **state)
{
    (void)state;
    for (unsigned policy = 0; policy < POLICIES; policy++) {
        uint8_t a[12];
        memset(a, 'A', sizeof(a));
        policy_now = policy;
        assert_null(
            piece_send((struct piece){.ver = 4, .id = 1, .data = a, .n = 12, .more = true}));
        const struct packet *p =
            piece_send((struct piece){.ver = 4, .id = 1, .off = 8, .data = junk, .n = 8});
        assert_non_null(p);
        assert_int_equal(PIECE_EVENT(FRAG_OVERLAP), policy != FRAG_LINUX);
        bool old = policy != FRAG_LINUX && policy != FRAG_LAST && policy != FRAG_BSD_RIGHT;
        assert_int_equal(p->payload[8], old ? 'A' : 0);
        assert_int_equal(p->payload[7], 'A');
        decoder_burst_end(o.d, 0);
    }
    all_given_back();
}

/* Snapped fragments are not whole: their bytes must not become a datagram's. */
static void snapped_piece(void **state)
{
    (void)state;
    piece_make((struct piece){.ver = 4, .id = 1, .data = junk, .n = 64, .more = true});
    o.f.wire_len = (uint32_t)t_len(&t);
    t_feed(&o, t_data(&t), t_len(&t) - 8, LINK_RAW);
    assert_true(o.p[0].flags & PKT_FRAGMENT);
    all_given_back();
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(teardrop),
        cmocka_unit_test(sizes),
        cmocka_unit_test(largest),
        cmocka_unit_test(rebuilt_header),
        cmocka_unit_test(ext_headers_kept),
        cmocka_unit_test(keys),
        cmocka_unit_test(in_tunnel),
        cmocka_unit_test(atomic_alone),
        cmocka_unit_test(ipv6_overlap_drops),
        cmocka_unit_test(timeouts),
        cmocka_unit_test(caps),
        cmocka_unit_test(caps_of_bytes),
        cmocka_unit_test(burst_full),
        cmocka_unit_test(long_headers),
        cmocka_unit_test(many_pieces),
        cmocka_unit_test(bad_checksum),
        cmocka_unit_test(unaligned),
        cmocka_unit_test(snapped_piece),
    };
    struct decode_config c = config();
    t_open(&o, &c);
    int failed = cmocka_run_group_tests(tests, NULL, NULL);
    t_close(&o);
    return failed;
}
