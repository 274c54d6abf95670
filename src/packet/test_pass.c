/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Two decoders are shown the same frames; one decodes them all, the other passes by what is plainly
 * not its own, as the workers of a replay do.  Frames of every kind that meets the decoder's ways
 * (tags, tunnels, fragments, extension headers, errors that quote), changed at random where headers
 * lie, cut, snapped, by decoders of any setting.  What both decode must give the same packets,
 * rebuilt ones too; what is passed by must have been one packet without events, of the owner that
 * was told; in the end the counters are the same.
 */
#include "base/hash.h"
#include "packet/packet_test.h"

#include <time.h>

enum { ROUNDS = 200, FRAMES = 800, HEADERS = 110, WORKERS_MOST = 64 };

static uint64_t seed;

static uint32_t any(uint32_t n)
{
    seed += 0x9e3779b97f4a7c15u;
    return (uint32_t)(hash_mix(seed) >> 32) % n;
}

/* ------------------------------------------------------------------ frames */

static uint16_t any_port(void)
{
    static const uint16_t ports[] = {80, 53, 4789, 6081, 3544, 1234, 5 * 64 + 53};
    return any(3) ? ports[any(ARRAY_LEN(ports))] : (uint16_t)any(65536);
}

static const char *any_options(void)
{
    static const char *const options[] = {
        "",
        "01 01 08 0a 00 00 00 01 00 00 00 02",
        "02 04 05 b4",
        "02 04 05 b4 04 02 08 0a 00 00 00 01 00 00 00 00 01 03 03 07",
        "01 01 05 0a 00 00 00 01 00 00 00 09",
        "08 0a 00 00 00 01 00 00 00 02 00 00", /* stamp first, as nobody sends it */
        "02 04 05 b4 02 04 05 b4",             /* twice: an event */
        "02 00 00 00",                         /* of no length: an event */
    };
    return options[any(ARRAY_LEN(options))];
}

static uint8_t transport(struct t_pkt *t, uint8_t ver)
{
    switch (any(8)) {
    case 0:
        t_hex(t, ver == 4 ? "08 00 00 00 00 01 00 01" : "80 00 00 00 00 01 00 01");
        return ver == 4 ? 1 : 58;
    case 1:
        t_hex(t, "00 50 00 51 00 00 00 00 00 00 00 00");
        return 132;
    case 2:
    case 3:
    case 4:
        t_udp_ver(t, any_port(), any_port(), ver);
        return 17;
    default:
        t_tcp_ver(t, any_port(), any_port(), any_options(), ver);
        return 6;
    }
}

static uint16_t ip(struct t_pkt *t, uint8_t ver, uint8_t proto)
{
    if (ver == 4) {
        static const uint16_t frags[] = {0x4000, 0x2000, 0x0001, 0x2003, 0x8000};
        struct t_ip o = {.proto = proto,
                         .options = any(12) ? "" : "94 04 00 00",
                         .id = (uint16_t)any(3),
                         .frag = any(4) ? 0 : frags[any(ARRAY_LEN(frags))]};
        t_ip4_with(t, o);
        return 0x0800;
    }
    static const char *const headers[] = {
        "%02x 00 05 02 00 00 01 00",                         /* hop by hop: router alert */
        "%02x 00 00 00 00 00 00 01",                         /* a fragment header that says whole */
        "%02x 00 00 01 00 00 00 02",                         /* the first */
        "%02x 00 00 10 00 00 00 02",                         /* the last */
        "%02x 01 01 04 00 00 00 00 00 00 00 00 00 00 00 00", /* options of padding */
    };
    static const uint8_t kinds[] = {0, 44, 44, 44, 60};
    for (unsigned n = any(4) ? 0 : any(3); n; n--) {
        unsigned k = any(ARRAY_LEN(headers));
        char text[64];
        int len = snprintf(text, sizeof(text), "%02x", proto);
        assert_int_equal(len, 2);
        snprintf(text + 2, sizeof(text) - 2, "%s", headers[k] + 4);
        t_hex(t, text);
        proto = kinds[k];
    }
    t_ip6(t, proto);
    return 0x86dd;
}

/* A datagram; its ethertype. */
static uint16_t datagram(struct t_pkt *t, unsigned depth)
{
    uint8_t ver = any(3) ? 4 : 6, outer = any(3) ? 4 : 6;
    uint16_t type = ip(t, ver, transport(t, ver));
    if (!depth || any(3))
        return type;
    switch (any(6)) {
    case 0: /* IP in IP */
        return ip(t, outer, ver == 4 ? 4 : 41);
    case 1: /* GRE */
        t_hex(t, type == 0x0800 ? "00 00 08 00" : "00 00 86 dd");
        return ip(t, outer, 47);
    case 2: /* an error that quotes it */
        t_hex(t, outer == 4 ? "03 03 00 00 00 00 00 00" : "01 04 00 00 00 00 00 00");
        return ip(t, outer, outer == 4 ? 1 : 58);
    case 3: /* Teredo, or what looks like it */
    case 4:
        t_udp_ver(t, any_port(), any(2) ? 3544 : any_port(), outer);
        return ip(t, outer, 17);
    default: /* VXLAN, or what looks like it */
        t_ether(t, type);
        t_hex(t, "08 00 00 00 00 00 01 00");
        t_udp_ver(t, any_port(), any(2) ? 4789 : any_port(), outer);
        return ip(t, outer, 17);
    }
}

/* The link type. */
static uint16_t frame_make(struct t_pkt *t)
{
    char payload[40];
    memset(payload, 'x', sizeof(payload));
    t_init(t, payload, any(sizeof(payload)));
    uint16_t type = datagram(t, 1);
    if (any(30) == 0)
        return LINK_RAW;
    for (unsigned n = any(6) ? 0 : 1 + any(3); n; n--) {
        t_vlan(t, (uint16_t)any(4096), type);
        type = any(2) ? 0x8100 : 0x88a8;
    }
    t_ether(t, type);
    return any(30) ? LINK_ETHERNET : any(2) ? LINK_SLL2 : LINK_PPP;
}

/* Half of a datagram that another frame completes, if its clock still runs. */
static void half_make(struct t_pkt *t)
{
    bool last = any(2);
    t_init(t, "half of a datagram, of 24", 24);
    if (!last) {
        t_udp(t, 1000, 53);
        be16_put(t->b + t->at + 4, 8 + 24 + 24);
    }
    t_ip4_with(
        t, (struct t_ip){.proto = 17, .id = (uint16_t)(100 + any(4)), .frag = last ? 4 : 0x2000});
    t_ether(t, 0x0800);
}

/* Bytes of the headers become what means something there, or anything. */
static void change(struct t_pkt *t)
{
    static const uint8_t telling[] = {0x00, 0x01, 0x04, 0x05, 0x06, 0x08, 0x11, 0x20,
                                      0x29, 0x2c, 0x2f, 0x3a, 0x3c, 0x40, 0x45, 0x46,
                                      0x50, 0x60, 0x65, 0x80, 0x81, 0xff};
    size_t room = t_len(t) < HEADERS ? t_len(t) : HEADERS;
    for (unsigned n = any(3) ? any(3) : 0; n; n--) {
        uint8_t *at = t->b + t->at + any((uint32_t)room);
        *at = any(4) ? telling[any(ARRAY_LEN(telling))] : (uint8_t)(*at + 1 - 2 * any(2));
    }
}

static struct decode_config any_config(void)
{
    struct decode_config c = {.check_csum = any(2),
                              .layers_max = any(3) ? 0 : (uint8_t)(1 + any(6)),
                              .teredo = any(2),
                              .vxlan = any(2),
                              .geneve = any(2),
                              .erspan_i = any(2),
                              .no_ipip = any(3) == 0,
                              .no_vntag = any(3) == 0,
                              .teredo_any = any(4) == 0,
                              .frag_max = any(2) ? 0 : 2,
                              .frag_timeout_ns = 1000000000,
                              .refuse_len_zero = any(2)};
    if (any(3) == 0)
        c.vxlan_ports[0] = 1234;
    if (any(3) == 0)
        c.teredo_ports[0] = 53;
    return c;
}

/* ------------------------------------------------------------------ two decoders */

static void same_packets(const struct t_out *a, const struct packet *q, unsigned n)
{
    assert_int_equal(a->n, n);
    for (unsigned k = 0; k < n; k++) {
        struct packet x = a->p[k], y = q[k];
        assert_int_equal(x.flags, y.flags);
        assert_int_equal(x.n_events, y.n_events);
        assert_memory_equal(x.events, y.events, x.n_events * sizeof(x.events[0]));
        assert_int_equal(x.payload_len, y.payload_len);
        if (x.payload_len)
            assert_memory_equal(x.payload, y.payload, x.payload_len);
        assert_int_equal(packet_hash(&x, 5, true), packet_hash(&y, 5, true));
    }
}

struct told {
    unsigned plain, passed, rebuilt;
};

/* One frame: by the first decoder; by the second if it may be the second's. */
static void show(struct t_out *all, struct decoder *some, unsigned workers, struct told *told)
{
    struct packet p;
    static struct packet q[PACKET_LAYERS_MAX];
    memset(&p, 0xa5, sizeof(p));
    bool plain = decode_plain(some, &all->f, &p);
    assert_int_equal(plain, all->plain); /* what is around a frame does not matter */
    told->plain += plain;
    for (unsigned k = 0; k < all->n; k++)
        told->rebuilt += (all->p[k].flags & PKT_REBUILT) != 0;
    unsigned owner =
        plain ? (unsigned)((uint64_t)packet_hash(&p, seed | 1, true) * workers >> 32) : 0;
    if (plain) {
        struct packet o = all->p[0];
        assert_int_equal(owner,
                         (unsigned)((uint64_t)packet_hash(&o, seed | 1, true) * workers >> 32));
    }
    if (plain && owner) {
        told->passed++;
        decoder_count_plain(some, &all->f, &p);
        decoder_clock(some, all->f.ts_ns);
        return;
    }
    memset(q, 0xa5, sizeof(q));
    unsigned n = decode_frame(some, &all->f, q, PACKET_LAYERS_MAX);
    same_packets(all, q, n);
}

static void round_of(struct told *told)
{
    static struct t_pkt t;
    struct t_out all;
    struct decode_config c = any_config();
    unsigned workers = 2 + any(WORKERS_MOST - 1);
    t_open(&all, &c);
    struct decoder *some = decoder_new(&c);
    assert_non_null(some);
    uint64_t now = 1000000000;
    for (unsigned k = 0; k < FRAMES; k++) {
        bool half = any(8) == 0;
        uint16_t link = LINK_ETHERNET;
        if (half) {
            half_make(&t);
        } else {
            link = frame_make(&t);
            change(&t);
        }
        size_t len = t_len(&t), whole = len;
        if (!half && any(8) == 0)
            len = any((uint32_t)len + 1);
        now += any(20) ? any(50000000) : any(1500000000);
        all.f.ts_ns = any(6) ? now : now - any(1000000000);
        all.f.wire_len = (uint32_t)(any(2) ? len : whole + any(2) * any(20));
        all.f.seg_size = any(25) ? 0 : (uint16_t)(1 + any(30));
        all.f.vlan_n = any(25) ? 0 : (uint8_t)(1 + any(2));
        all.f.vlan_tci[0] = (uint16_t)any(4096);
        all.f.csum = (uint8_t)any(3);
        t_feed(&all, t_data(&t), len, link);
        show(&all, some, workers, told);
        if (any(10) == 0) {
            decoder_burst_end(all.d, now);
            decoder_burst_end(some, now);
        }
    }
    decoder_burst_end(all.d, now);
    decoder_burst_end(some, now);
    assert_memory_equal(decoder_counters(all.d), decoder_counters(some),
                        sizeof(struct decode_counters));
    decoder_free(some);
    t_close(&all);
}

static void passing_by_changes_nothing(void **state)
{
    (void)state;
    struct told told = {0};
    for (unsigned k = 0; k < ROUNDS; k++)
        round_of(&told);
    print_message("# of %u frames plain %u, passed by %u, rebuilt %u\n", ROUNDS * FRAMES,
                  told.plain, told.passed, told.rebuilt);
    assert_true(told.plain > ROUNDS * FRAMES / 20 && told.passed > told.plain / 4 &&
                told.passed < told.plain);
    assert_true(told.rebuilt > 200);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    seed = getenv("SEED") ? strtoull(getenv("SEED"), NULL, 0) : (uint64_t)time(NULL) * 2654435761u;
    print_message("# SEED=%llu\n", (unsigned long long)seed);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passing_by_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
