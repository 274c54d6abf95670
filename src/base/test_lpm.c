/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Longest-prefix match against a scan of all prefixes. */
#include "base/hash.h"
#include "base/lpm.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

enum { PREFIXES = 400, LOOKUPS = 4000, ROUNDS = 12 };

struct pair {
    struct ip_prefix p;
    uint32_t value;
};

static uint64_t next(uint64_t *s)
{
    *s += 0x9e3779b97f4a7c15u;
    return hash_mix(*s);
}

/* Few distinct bytes, so that prefixes nest and lookups hit. */
static struct ip_addr any_addr(uint64_t *s, unsigned ver)
{
    uint8_t raw[16];
    for (unsigned i = 0; i < 16; i++)
        raw[i] = (uint8_t)(next(s) % 3 * 0x55 + next(s) % 2);
    return ver == 4 ? ip_from_v4(raw) : ip_from_v6(raw);
}

static uint32_t naive(const struct pair *all, size_t n, uint8_t ver, const struct ip_addr *a)
{
    int best = -1;
    uint32_t value = LPM_NONE;
    for (size_t i = 0; i < n; i++)
        if (all[i].p.bits >= best && ip_prefix_has(&all[i].p, ver, a)) {
            best = all[i].p.bits;
            value = all[i].value;
        }
    return value;
}

static void agrees_with_scan(void **state)
{
    (void)state;
    uint64_t seed;
    assert_int_equal(random_bytes(&seed, sizeof(seed)), 0);
    print_message("# seed %llu\n", (unsigned long long)seed);
    struct pair *all = calloc(PREFIXES, sizeof(*all));
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct lpm *t = lpm_new();
        size_t hits = 0;
        for (uint32_t i = 0; i < PREFIXES; i++) {
            uint8_t ver = next(&seed) % 2 ? 4 : 6;
            unsigned most = ver == 4 ? 32 : 128;
            char text[IP_TEXT + 8], addr[IP_TEXT];
            struct ip_addr a = any_addr(&seed, ver);
            unsigned bits = round % 2 ? (unsigned)(next(&seed) % (most + 1))
                                      : most - (unsigned)(next(&seed) % 4) * 8;
            int n = snprintf(text, sizeof(text), "%s/%u", ip_format(&a, ver, addr), bits);
            assert_true(ip_prefix_parse(str_of(text, (size_t)n), &all[i].p));
            all[i].value = i;
            assert_int_equal(lpm_add(t, &all[i].p, i), 0);
        }
        for (unsigned i = 0; i < LOOKUPS; i++) {
            uint8_t ver = next(&seed) % 2 ? 4 : 6;
            struct ip_addr a = any_addr(&seed, ver);
            uint32_t want = naive(all, PREFIXES, ver, &a);
            assert_int_equal(lpm_get(t, ver, &a), want);
            hits += want != LPM_NONE;
        }
        assert_true(round % 2 == 0 || hits > 0);
        assert_true(lpm_bytes(t) < PREFIXES * 100 + 1024);
        lpm_free(t);
    }
    free(all);
}

static void edges(void **state)
{
    (void)state;
    struct lpm *t = lpm_new();
    struct ip_prefix p;
    struct ip_addr a;
    uint8_t ver;
    assert_true(ip_parse(STR("1.2.3.4"), &a, &ver));
    assert_int_equal(lpm_get(t, 4, &a), LPM_NONE);
    assert_int_equal(lpm_get(t, 6, &a), LPM_NONE);
    assert_true(ip_prefix_parse(STR("0.0.0.0/0"), &p));
    assert_int_equal(lpm_add(t, &p, 1), 0);
    assert_int_equal(lpm_get(t, 4, &a), 1);
    assert_int_equal(lpm_get(t, 6, &a), LPM_NONE);
    assert_int_equal(lpm_add(t, &p, 2), 0);
    assert_int_equal(lpm_get(t, 4, &a), 2);
    assert_true(ip_prefix_parse(STR("1.2.3.4"), &p));
    assert_int_equal(lpm_add(t, &p, 3), 0);
    assert_int_equal(lpm_get(t, 4, &a), 3);
    lpm_free(t);
    lpm_free(NULL);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(edges),
        cmocka_unit_test(agrees_with_scan),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
