/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses and ports as sets: tables, and random lists against a naive model. */
#include "rules/rules_test.h"

#include "base/bytes.h"
#include "base/hash.h"

#include <stdlib.h>
#include <time.h>

static bool in_ranges(const struct ip_ranges *r, const char *text)
{
    struct ip_addr a;
    uint8_t ver;
    assert_true(ip_parse(str_cstr(text), &a, &ver));
    const struct ip_range *v = ver == 4 ? r->v4 : r->v6;
    for (uint32_t i = 0; i < (ver == 4 ? r->n4 : r->n6); i++)
        if (ip_cmp(&v[i].lo, &a) <= 0 && ip_cmp(&a, &v[i].hi) <= 0)
            return true;
    return false;
}

static void addresses(void **state)
{
    (void)state;
    static const struct {
        const char *expr, *in, *out; /* blank-separated; expr without both: an error */
    } cases[] = {
        {"any", "1.2.3.4 :: ffff:: 0.0.0.0 255.255.255.255", ""},
        {"10.0.0.1", "10.0.0.1", "10.0.0.2 ::ffff:10.0.0.1"},
        {"10.0.0.0/8", "10.0.0.0 10.255.255.255", "9.255.255.255 11.0.0.0"},
        {"10.1.2.3/8", "10.0.0.0 10.255.255.255", "11.0.0.0"},
        {"10.0.0.0/255.255.0.0", "10.0.255.255", "10.1.0.0"},
        {"1.2.3.4-1.2.3.9", "1.2.3.4 1.2.3.9", "1.2.3.3 1.2.3.10"},
        {"[10.0.0.0/8,!10.10.0.0/16]", "10.9.255.255 10.11.0.0", "10.10.0.0 10.10.255.255 1.1.1.1"},
        {"[!10.10.0.0/16,10.0.0.0/8]", "10.11.0.0", "10.10.1.1"},
        {"!10.0.0.0/8", "9.9.9.9 11.0.0.0 2001:db8::1", "10.0.0.1"},
        {"[!10.0.0.0/8,!11.0.0.0/8]", "12.0.0.0 9.0.0.0 ::1", "10.0.0.1 11.1.1.1"},
        {"![10.0.0.0/8,11.0.0.0/8]", "12.0.0.0", "10.0.0.1 11.1.1.1"},
        {"[[10.0.0.0/8,!10.1.0.0/16],12.0.0.1]", "10.2.0.1 12.0.0.1", "10.1.0.1 12.0.0.2"},
        {"![!10.0.0.0/8]", "10.0.0.1", "11.0.0.1"},
        {"192.168.0.0/16,10.0.0.0/8", "192.168.1.1 10.1.1.1", "1.1.1.1"},
        {" [ 1.1.1.1 , 2.2.2.2 ] ", "1.1.1.1 2.2.2.2", "3.3.3.3"},
        {"$HOME_NET", "10.1.1.1 192.168.255.255", "1.1.1.1"},
        {"!$HOME_NET", "1.1.1.1", "10.1.1.1"},
        {"$EXTERNAL_NET", "1.1.1.1 2001:db8::1", "10.1.1.1"},
        {"[$EXTERNAL_NET,10.0.0.1]", "1.1.1.1 10.0.0.1", "10.0.0.2"},
        {"[$HOME_NET,!10.0.0.0/8]", "192.168.0.1", "10.0.0.1"},
        {"2001:db8::/32", "2001:db8:: 2001:db8:ffff::1", "2001:db9:: 1.1.1.1"},
        {"[2001:db8::/32,!2001:db8:1::/48,1.1.1.1]", "2001:db8::1 1.1.1.1", "2001:db8:1::5"},
        {"!any", NULL, NULL},
        {"$NOWHERE", NULL, NULL},
        {"[10.0.0.0/8,!10.0.0.0/7]", NULL, NULL},
        {"$UNKNOWN", NULL, NULL},
        {"$", NULL, NULL},
        {"$LOOP", NULL, NULL},
        {"", NULL, NULL},
        {"[]", NULL, NULL},
        {"[1.1.1.1", NULL, NULL},
        {"1.1.1.1]", NULL, NULL},
        {"[1.1.1.1,]", NULL, NULL},
        {"[,1.1.1.1]", NULL, NULL},
        {"[1.1.1.1,,2.2.2.2]", NULL, NULL},
        {"!", NULL, NULL},
        {"!!1.1.1.1", NULL, NULL},
        {"1.1.1", NULL, NULL},
        {"1.1.1.1/33", NULL, NULL},
        {"1.1.1.9-1.1.1.1", NULL, NULL},
        {"1.1.1.1-::1", NULL, NULL},
        {"host.example", NULL, NULL},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena a;
        struct diags d;
        struct ip_ranges r;
        arena_init(&a, 0, 0);
        diags_init(&d, &a);
        int rc = rules_resolve_addr(&a, str_cstr(cases[i].expr), test_var, NULL, &r, &d);
        if ((rc == 0) != (cases[i].in != NULL))
            fail_msg("'%s': %d", cases[i].expr, rc);
        assert_int_equal(d.errors, rc < 0);
        for (unsigned side = 0; rc == 0 && side < 2; side++) {
            char list[256];
            snprintf(list, sizeof(list), "%s", side ? cases[i].out : cases[i].in);
            for (char *save = NULL, *w = strtok_r(list, " ", &save); w;
                 w = strtok_r(NULL, " ", &save))
                if (in_ranges(&r, w) == (side == 1))
                    fail_msg("'%s': %s", cases[i].expr, w);
        }
        arena_done(&a);
    }
}

static void nesting_has_an_end(void **state)
{
    (void)state;
    char deep[400];
    memset(deep, '[', 100);
    memcpy(deep + 100, "1.1.1.1", 7);
    memset(deep + 107, ']', 100);
    deep[207] = 0;
    struct arena a;
    struct diags d;
    struct ip_ranges r;
    uint8_t bits[8192];
    arena_init(&a, 0, 0);
    diags_init(&d, &a);
    assert_true(rules_resolve_addr(&a, str_cstr(deep), test_var, NULL, &r, &d) < 0);
    memcpy(deep + 100, "      8", 7);
    assert_true(rules_resolve_port(str_cstr(deep), test_var, NULL, bits, &d) < 0);
    assert_true(rules_resolve_port(STR("$LOOP_PORTS"), test_var, NULL, bits, &d) < 0);
    arena_done(&a);
}

static bool port_in(const uint8_t *bits, unsigned p)
{
    return bits[p >> 3] >> (p & 7) & 1;
}

static void ports(void **state)
{
    (void)state;
    static const struct {
        const char *expr;
        int in[4], out[4]; /* -1 ends; in[0] == -2: an error */
    } cases[] = {
        {"any", {0, 1, 65535, -1}, {-1}},
        {"80", {80, -1}, {79, 81, 0, 65535}},
        {"0", {0, -1}, {1, -1}},
        {"80:90", {80, 90, 85, -1}, {79, 91, -1}},
        {"1024:", {1024, 65535, -1}, {1023, -1}},
        {":1023", {0, 1023, -1}, {1024, -1}},
        {"!80", {0, 79, 81, 65535}, {80, -1}},
        {"!80,!443", {79, 442, -1}, {80, 443, -1}},
        {"[!80,!443]", {79, 442, -1}, {80, 443, -1}},
        {"![80,443]", {79, 442, -1}, {80, 443, -1}},
        {"[!80,1:100]", {1, 79, 81, 100}, {80, 101, 0, -1}},
        {"[80,[443,!443],8080:]", {80, 8080, 65535, -1}, {79, -1}},
        {"$HTTP_PORTS", {80, 8080, 8088, -1}, {81, 8089, -1}},
        {"[!$HTTP_PORTS,1024:]", {1024, 8079, 8089, -1}, {80, 8080, 1023, -1}},
        {"[$HTTP_PORTS,7547]", {80, 7547, -1}, {7548, -1}},
        {"0:65535", {0, 65535, -1}, {-1}},
        {"65536", {-2}, {-1}},
        {"$BAD_PORTS", {-2}, {-1}},
        {"$NO_PORTS", {-2}, {-1}},
        {"90:80", {-2}, {-1}},
        {":", {-2}, {-1}},
        {"", {-2}, {-1}},
        {"http", {-2}, {-1}},
        {"0x50", {-2}, {-1}},
        {"-1", {-2}, {-1}},
        {"!any", {-2}, {-1}},
        {"[80,!80]", {-2}, {-1}},
        {"[80", {-2}, {-1}},
        {"80,", {-2}, {-1}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct arena a;
        struct diags d;
        uint8_t bits[8192];
        arena_init(&a, 0, 0);
        diags_init(&d, &a);
        int rc = rules_resolve_port(str_cstr(cases[i].expr), test_var, NULL, bits, &d);
        if ((rc < 0) != (cases[i].in[0] == -2))
            fail_msg("'%s': %d", cases[i].expr, rc);
        for (unsigned k = 0; rc == 0 && k < 4 && cases[i].in[k] >= 0; k++)
            if (!port_in(bits, (unsigned)cases[i].in[k]))
                fail_msg("'%s' lacks %d", cases[i].expr, cases[i].in[k]);
        for (unsigned k = 0; rc == 0 && k < 4 && cases[i].out[k] >= 0; k++)
            if (port_in(bits, (unsigned)cases[i].out[k]))
                fail_msg("'%s' holds %d", cases[i].expr, cases[i].out[k]);
        arena_done(&a);
    }
}

/* Random lists over 256 addresses; the model is an array of 256 answers. */
static void lists_against_a_model(void **state)
{
    (void)state;
    uint64_t seed = (uint64_t)time(NULL);
    print_message("# seed %llu\n", (unsigned long long)seed);
    for (unsigned round = 0; round < 400; round++) {
        char text[4096];
        size_t n = 0;
        bool plus[256] = {false}, minus[256] = {false}, any_plus = false;
        unsigned members = 1 + (unsigned)(hash_mix(++seed) % 40);
        text[n++] = '[';
        for (unsigned i = 0; i < members; i++) {
            uint64_t x = hash_mix(++seed);
            unsigned bits = 24 + (unsigned)(x % 9), at = x >> 8 & 0xff, size = 1u << (32 - bits);
            bool neg = (x >> 20 & 3) == 0;
            n += (size_t)snprintf(text + n, sizeof(text) - n, "%s%s10.0.0.%u/%u", i ? "," : "",
                                  neg ? "!" : "", at, bits);
            for (unsigned k = at & ~(size - 1); k < (at & ~(size - 1)) + size; k++)
                (neg ? minus : plus)[k & 0xff] = true;
            any_plus |= !neg;
        }
        text[n++] = ']';
        struct arena a;
        struct diags d;
        struct ip_ranges r = {0};
        arena_init(&a, 0, 0);
        diags_init(&d, &a);
        int rc = rules_resolve_addr(&a, str_of(text, n), NULL, NULL, &r, &d);
        bool some = !any_plus;
        for (unsigned k = 0; k < 256; k++)
            some |= plus[k] && !minus[k];
        assert_int_equal(rc == 0, some);
        for (unsigned k = 0; rc == 0 && k < 256; k++) {
            char ip[16];
            snprintf(ip, sizeof(ip), "10.0.0.%u", k);
            bool want = (!any_plus || plus[k]) && !minus[k];
            if (in_ranges(&r, ip) != want)
                fail_msg("%.*s: %s", (int)n, text, ip);
        }
        for (uint32_t k = 1; rc == 0 && k < r.n4; k++) /* sorted, disjoint, not touching */
            assert_true(be64_at(r.v4[k - 1].hi.b + 8) + 1 < be64_at(r.v4[k].lo.b + 8));
        arena_done(&a);
    }
}

static void list_of_thousands(void **state)
{
    (void)state;
    enum { N = 20000 };
    char *text = malloc(N * 20);
    assert_non_null(text);
    size_t n = 0;
    text[n++] = '[';
    for (unsigned i = 0; i < N; i++)
        n += (size_t)snprintf(text + n, 20, "%s%u.%u.%u.1", i ? "," : "", 1 + i / 10000,
                              i / 100 % 100, i % 100);
    text[n++] = ']';
    struct arena a;
    struct diags d;
    struct ip_ranges r;
    arena_init(&a, 0, 0);
    diags_init(&d, &a);
    assert_int_equal(rules_resolve_addr(&a, str_of(text, n), NULL, NULL, &r, &d), 0);
    assert_int_equal(r.n4, N);
    assert_true(in_ranges(&r, "2.99.99.1") && !in_ranges(&r, "2.99.99.2"));
    arena_done(&a);
    free(text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(addresses),
        cmocka_unit_test(nesting_has_an_end),
        cmocka_unit_test(ports),
        cmocka_unit_test(lists_against_a_model),
        cmocka_unit_test(list_of_thousands),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
