/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames that are told to be plain before they are decoded.  That the decoder agrees is asserted
 * for every frame of every test of this folder (t_plain in packet_test.h); here: which are, which
 * are not, the counters of one that is passed by, and frames changed at random.
 */
#include "base/hash.h"
#include "packet/packet_test.h"

#include <time.h>

enum kind {
    TCP4,
    TCP4_TS,
    TCP6,
    UDP4,
    UDP6,
    TCP4_SYN,
    VLAN_TCP4,
    PLAIN_KINDS, /* those before */
    TCP4_TWICE = PLAIN_KINDS,
    TCP4_FRAGMENT,
    VXLAN,
    TEREDO,
    QINQ_TCP4,
    ICMP4,
    IPIP,
    RAW_TCP4,
    SUPER,
    KINDS
};

static void make(struct t_pkt *t, enum kind k)
{
    bool six = k == TCP6 || k == UDP6;
    t_init(t, "hello, plain frame", 18);
    if (k == UDP4 || k == UDP6 || k == VXLAN || k == TEREDO)
        t_udp_ver(t, 40000, k == VXLAN ? 4789 : k == TEREDO ? 3544 : 53, six ? 6 : 4);
    else if (k == ICMP4)
        t_hex(t, "08 00 00 00 00 01 00 01");
    else
        t_tcp_ver(t, 40000, 80,
                  k == TCP4_TS      ? "01 01 08 0a 00 00 00 01 00 00 00 02"
                  : k == TCP4_SYN   ? "02 04 05 b4 04 02 08 0a 00 00 00 01 00 00 00 00 01 03 03 07"
                  : k == TCP4_TWICE ? "02 04 05 b4 02 04 05 b4"
                                    : "",
                  six ? 6 : 4);
    if (six)
        t_ip6(t, k == UDP6 ? 17 : 6);
    else
        t_ip4(t, k == ICMP4 ? 1 : k == UDP4 || k == VXLAN || k == TEREDO ? 17 : 6);
    if (k == TCP4_FRAGMENT)
        t->b[t->at + 6] |= 0x20;
    if (k == IPIP)
        t_ip4(t, 4);
    if (k == RAW_TCP4)
        return;
    if (k == QINQ_TCP4)
        t_hex(t, "00 07 08 00");
    if (k == VLAN_TCP4 || k == QINQ_TCP4)
        t_hex(t, k == VLAN_TCP4 ? "00 05 08 00" : "00 05 81 00");
    t_ether(t, k == VLAN_TCP4 || k == QINQ_TCP4 ? 0x8100 : six ? 0x86dd : 0x0800);
}

static void which_are_plain(void **state)
{
    (void)state;
    static struct t_pkt t;
    for (unsigned k = 0; k < KINDS; k++) {
        struct t_out o;
        t_open(&o, NULL);
        make(&t, (enum kind)k);
        o.f.seg_size = k == SUPER ? 10 : 0;
        t_decode(&o, &t, k == RAW_TCP4 ? LINK_RAW : LINK_ETHERNET);
        if (o.plain != (k < PLAIN_KINDS))
            fail_msg("kind %u: %s", k, o.plain ? "plain" : "not plain");
        t_close(&o);
        t_cuts(&t, LINK_ETHERNET);
    }
}

/* One decoder decodes, another passes by and counts: the same. */
static void counted_as_decoded(void **state)
{
    (void)state;
    static struct t_pkt t;
    for (unsigned k = TCP4; k < PLAIN_KINDS; k++) {
        struct t_out o, other;
        struct packet p;
        t_open(&o, NULL);
        t_open(&other, NULL);
        make(&t, (enum kind)k);
        t_decode(&o, &t, LINK_ETHERNET);
        assert_true(decode_plain(other.d, &o.f, &p));
        decoder_count_plain(other.d, &o.f, &p);
        decoder_clock(other.d, o.f.ts_ns);
        assert_memory_equal(decoder_counters(o.d), decoder_counters(other.d),
                            sizeof(struct decode_counters));
        t_close(&o);
        t_close(&other);
    }
}

static void changed_at_random(void **state)
{
    (void)state;
    const char *env = getenv("SEED");
    uint64_t seed = env ? strtoull(env, NULL, 0) : (uint64_t)time(NULL);
    print_message("# SEED=%llu\n", (unsigned long long)seed);
    static struct t_pkt t;
    struct t_out o;
    t_open(&o, NULL);
    unsigned plain = 0, other = 0;
    for (unsigned n = 0; n < 20000; n++) {
        make(&t, (enum kind)(n % KINDS));
        size_t len = t_len(&t);
        for (uint64_t changes = hash_mix(++seed) % 3; changes; changes--) {
            uint64_t r = hash_mix(++seed);
            t.b[t.at + r % (len < 80 ? len : 80)] = (uint8_t)(r >> 32);
        }
        if (hash_mix(++seed) % 8 == 0)
            len = hash_mix(seed) % len;
        o.f.wire_len = (uint32_t)t_len(&t);
        t_feed(&o, t_data(&t), len, LINK_ETHERNET);
        plain += o.plain;
        other += !o.plain;
        decoder_burst_end(o.d, 0);
    }
    t_close(&o);
    assert_true(plain > 1000 && other > 1000);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(which_are_plain),
        cmocka_unit_test(counted_as_decoded),
        cmocka_unit_test(changed_at_random),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
