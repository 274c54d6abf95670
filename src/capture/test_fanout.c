/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The fanout's program says what capture_owner says, whatever stands before the addresses. */
#include "capture/fanout.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>
#include <pcap/pcap.h>

#include "base/bytes.h"
#include "base/hash.h"
#include "capture/capture.h"
#include "capture/xdp/owner.h"

/* A frame whose addresses and ports come out of `seed`; back: the other direction of the same. */
struct shape {
    uint16_t tags[3];
    bool pppoe;
    uint8_t ver, proto, options;
    uint16_t fragment;
    bool back;
};
static size_t make(uint8_t *f, const struct shape *s, uint64_t seed)
{
    uint8_t *p = f + 12, a[2][16];
    memset(f, 0, 12);
    for (unsigned i = 0; i < 4; i++) {
        uint64_t r = hash_mix(seed + i);
        memcpy(a[i / 2] + i % 2 * 8, &r, 8);
    }
    uint16_t port[2] = {(uint16_t)hash_mix(seed + 9), (uint16_t)hash_mix(seed + 10)};
    for (unsigned i = 0; i < 3 && s->tags[i]; i++, p += 4) {
        be16_put(p, s->tags[i]);
        be16_put(p + 2, (uint16_t)(i + 1));
    }
    be16_put(p, s->pppoe ? 0x8864 : s->ver == 4 ? 0x0800 : 0x86dd);
    p += 2;
    if (s->pppoe) {
        memset(p, 0, 6);
        be16_put(p + 6, s->ver == 4 ? 0x21 : 0x57);
        p += 8;
    }
    memset(p, 0, 60);
    size_t n = s->ver == 4 ? 20u + s->options : 40;
    if (s->ver == 4) {
        p[0] = (uint8_t)(0x40 | n / 4);
        be16_put(p + 6, s->fragment);
        p[9] = s->proto;
        memcpy(p + 12, a[s->back], 4);
        memcpy(p + 16, a[!s->back], 4);
    } else {
        p[0] = 0x60;
        p[6] = s->proto;
        memcpy(p + 8, a[s->back], 16);
        memcpy(p + 24, a[!s->back], 16);
    }
    be16_put(p + n, port[s->back]);
    be16_put(p + n + 2, port[!s->back]);
    return (size_t)(p - f) + n + 8;
}

static unsigned wanted(const struct shape *s, uint64_t seed, unsigned workers)
{
    uint8_t f[200];
    struct shape plain = *s;
    memset(plain.tags, 0, sizeof(plain.tags));
    plain.pppoe = false;
    make(f, &plain, seed);
    const uint8_t *p = f + 14;
    struct ip_addr a = s->ver == 4 ? ip_from_v4(p + 12) : ip_from_v6(p + 8);
    struct ip_addr b = s->ver == 4 ? ip_from_v4(p + 16) : ip_from_v6(p + 24);
    size_t n = s->ver == 4 ? 20u + s->options : 40;
    bool ports = (s->proto == IPPROTO_TCP || s->proto == IPPROTO_UDP || s->proto == IPPROTO_SCTP) &&
                 !(s->fragment & 0x3fff);
    return capture_owner(s->ver, &a, &b, ports ? be16_at(p + n) : 0, ports ? be16_at(p + n + 2) : 0,
                         workers);
}

static unsigned run(const struct fanout_program *p, const uint8_t *f, size_t n)
{
    struct bpf_insn code[FANOUT_STEPS];
    static_assert(sizeof(code[0]) == sizeof(p->step[0]), "one machine, two names");
    memcpy(code, p->step, p->n * sizeof(code[0]));
    uint8_t *exact = malloc(n);
    assert_non_null(exact);
    memcpy(exact, f, n);
    unsigned r = bpf_filter(code, exact, (unsigned)n, (unsigned)n);
    free(exact);
    return r;
}

/* The same of AF_XDP's program. */
static unsigned owner_exact(const uint8_t *f, size_t n, unsigned workers)
{
    uint8_t *exact = malloc(n);
    assert_non_null(exact);
    memcpy(exact, f, n);
    unsigned r = owner_of(exact, exact + n, workers);
    free(exact);
    return r;
}

static const struct shape shapes[] = {
    {.ver = 4, .proto = IPPROTO_TCP},
    {.ver = 4, .proto = IPPROTO_UDP},
    {.ver = 4, .proto = IPPROTO_SCTP},
    {.ver = 4, .proto = IPPROTO_ICMP},
    {.ver = 4, .proto = IPPROTO_GRE},
    {.ver = 4, .proto = IPPROTO_UDP, .options = 40},
    {.ver = 4, .proto = IPPROTO_UDP, .fragment = 0x2000},
    {.ver = 4, .proto = IPPROTO_UDP, .fragment = 0x0010},
    {.ver = 4, .proto = IPPROTO_UDP, .fragment = 0x4000}, /* don't fragment */
    {.ver = 4, .proto = IPPROTO_TCP, .tags = {0x8100}},
    {.ver = 4, .proto = IPPROTO_TCP, .tags = {0x88a8, 0x8100}},
    {.ver = 6, .proto = IPPROTO_TCP},
    {.ver = 6, .proto = IPPROTO_UDP, .tags = {0x9100, 0x8100}},
    {.ver = 6, .proto = 44}, /* a fragment */
    {.ver = 6, .proto = 0},
    {.ver = 4, .proto = IPPROTO_TCP, .pppoe = true},
    {.ver = 6, .proto = IPPROTO_TCP, .pppoe = true, .tags = {0x8100}},
};

static void program_and_function_agree(void **state)
{
    (void)state;
    uint64_t seed = (uint64_t)time(NULL);
    printf("# seed %llu\n", (unsigned long long)seed);
    for (unsigned workers = 1; workers <= 64; workers = workers * 2 + 1) {
        struct fanout_program p;
        fanout_program(&p, 12, 14, workers);
        assert_true(p.n < FANOUT_STEPS);
        for (size_t k = 0; k < ARRAY_LEN(shapes); k++)
            for (unsigned i = 0; i < 200; i++) {
                uint8_t f[200];
                struct shape s = shapes[k];
                uint64_t x = hash_mix(seed + k * 1000 + i);
                unsigned want = wanted(&s, x, workers);
                assert_true(want < workers);
                for (unsigned back = 0; back < 2; back++) {
                    s.back = back;
                    size_t n = make(f, &s, x);
                    if (run(&p, f, n) != want)
                        fail_msg("shape %zu, %u workers: %u, not %u", k, workers, run(&p, f, n),
                                 want);
                    assert_int_equal(wanted(&s, x, workers), want);
                    assert_int_equal(owner_exact(f, n, workers), want);
                }
            }
    }
}

/* Cut frames, other protocols: worker 0, and no reading behind the end (ASan). */
static void the_rest_goes_to_the_first(void **state)
{
    (void)state;
    struct fanout_program p;
    fanout_program(&p, 12, 14, 8);
    for (size_t k = 0; k < ARRAY_LEN(shapes); k++) {
        uint8_t f[200];
        size_t n = make(f, &shapes[k], 5);
        for (size_t cut = 14; cut < n; cut++)
            assert_true(run(&p, f, cut) < 8 && owner_exact(f, cut, 8) < 8);
    }
    uint8_t arp[60] = {[12] = 8, [13] = 6};
    assert_int_equal(run(&p, arp, sizeof(arp)), 0);
    assert_int_equal(owner_exact(arp, sizeof(arp), 8), 0);
}

/* Neighbours do not all go the same way: by address, by port, by both as load generators count them
 * up. */
static void shares_are_fair(void **state)
{
    (void)state;
    for (unsigned how = 0; how < 4; how++) {
        unsigned got[4] = {0};
        for (unsigned i = 0; i < 4096; i++) {
            uint8_t a[4] = {10, 0, (uint8_t)(i >> 8), (uint8_t)i}, b[4] = {10, 0, 0, 1};
            if (how == 1)
                memcpy(a, "\x0a\x01\x01\x01", 4);
            if (how == 3)
                b[2] = a[2], b[3] = a[3], b[1] = 1;
            struct ip_addr x = ip_from_v4(a), y = ip_from_v4(b);
            got[capture_owner(4, &x, &y, (uint16_t)(how == 0 || how == 3 ? 4000 : 1024 + i), 80,
                              4)]++;
        }
        for (unsigned w = 0; w < 4; w++)
            if (got[w] < 4096 / 4 * 3 / 4 || got[w] > 4096 / 4 * 5 / 4)
                fail_msg("way %u: %u %u %u %u", how, got[0], got[1], got[2], got[3]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(program_and_function_agree),
        cmocka_unit_test(the_rest_goes_to_the_first),
        cmocka_unit_test(shares_are_fair),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
