/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Kept segments: what comes back is what was put, in order, until the ring has gone over it. */
#include "engine/kept.h"

#include "base/str.h"
#include "base/hash.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static void put(struct kept *k, uint64_t flow, uint64_t number, const uint8_t *data, uint32_t n, unsigned said)
{
    struct frame f = {.data = (uint8_t *)(uintptr_t)data, .len = n, .wire_len = n + 4, .ts_ns = number * 10};
    struct packet p = {.frame = &f, .data = data, .data_len = n, .number = number, .ts_ns = number * 10, .dir = number & 1};
    kept_put(k, flow, &p, said);
}

struct seen {
    unsigned n, say;
    uint64_t number[KEPT_MOST + 8];
    uint8_t first[KEPT_MOST + 8], said[KEPT_MOST + 8];
    uint32_t len[KEPT_MOST + 8];
};
static unsigned see(void *ctx, const struct kept_packet *p)
{
    struct seen *s = ctx;
    assert_true(s->n < ARRAY_LEN(s->number));
    assert_int_equal(p->ts_ns, p->number * 10);
    assert_int_equal(p->wire_len, p->len + 4);
    assert_int_equal(p->dir, p->number & 1);
    for (uint32_t i = 1; i < p->len; i++)
        assert_int_equal(p->data[i], p->data[0]);
    s->number[s->n] = p->number;
    s->first[s->n] = p->data[0];
    s->said[s->n] = p->said;
    s->len[s->n++] = p->len;
    return s->say;
}

static void test_order(void **state)
{
    (void)state;
    uint8_t a[40], b[1];
    struct kept *k = kept_new(1 << 16);
    assert_non_null(k);
    memset(a, 'a', sizeof(a));
    b[0] = 'b';
    put(k, 7, 1, a, sizeof(a), 0);
    put(k, 8, 2, b, sizeof(b), 0);
    put(k, 7, 3, b, sizeof(b), 2);
    struct seen s = {.say = 1};
    kept_each(k, 7, see, &s);
    assert_int_equal(s.n, 2);
    assert_true(s.number[0] == 1 && s.number[1] == 3);
    assert_true(s.first[0] == 'a' && s.first[1] == 'b' && s.len[0] == 40 && s.len[1] == 1);
    assert_true(s.said[0] == 0 && s.said[1] == 2);
    s = (struct seen){.say = 4}; /* what was said stays, of this flow alone */
    kept_each(k, 7, see, &s);
    assert_true(s.n == 2 && s.said[0] == 1 && s.said[1] == 3);
    s = (struct seen){.n = 0};
    kept_each(k, 8, see, &s);
    assert_true(s.n == 1 && s.said[0] == 0);
    s = (struct seen){.n = 0};
    kept_each(k, 9, see, &s);
    assert_int_equal(s.n, 0);
    kept_free(k);
}

/* More than the ring, or than what is told of one alert, holds: the last ones. */
static void test_bounds(void **state)
{
    (void)state;
    static uint8_t big[4096];
    struct kept *k = kept_new(2048);
    struct seen s = {.n = 0};
    assert_non_null(k);
    put(k, 1, 1, big, sizeof(big), 0); /* too large: as if it had not been */
    kept_each(k, 1, see, &s);
    assert_int_equal(s.n, 0);
    kept_free(k);

    k = kept_new(KEPT_BYTES);
    assert_non_null(k);
    for (uint64_t i = 1; i <= KEPT_MOST + 100; i++)
        put(k, 1, i, big, 1, 0);
    kept_each(k, 1, see, &s);
    assert_int_equal(s.n, KEPT_MOST);
    assert_true(s.number[0] == 101 && s.number[KEPT_MOST - 1] == KEPT_MOST + 100);
    kept_free(k);
}

static uint64_t below(uint64_t *seed, uint64_t n)
{
    *seed = *seed * 6364136223846793005u + 1442695040888963407u;
    return (*seed >> 33) % n;
}

/* Any sizes and flows: of each flow an unbroken last run of what was put, whole. */
static void test_any(void **state)
{
    (void)state;
    enum { PUTS = 4000, FLOWS = 5 };
    static struct {
        uint64_t flow;
        uint8_t byte;
        uint32_t len;
    } put_was[PUTS + 1];
    static uint8_t data[700];
    uint64_t seed;
    assert_int_equal(random_bytes(&seed, sizeof(seed)), 0);
    print_message("# seed %llu\n", (unsigned long long)seed);
    struct kept *k = kept_new(9000);
    assert_non_null(k);
    for (uint64_t i = 1; i <= PUTS; i++) {
        put_was[i].flow = below(&seed, FLOWS) * 8192; /* some share a bucket */
        put_was[i].byte = (uint8_t)below(&seed, 256);
        put_was[i].len = 1 + (uint32_t)below(&seed, sizeof(data) - 1);
        memset(data, put_was[i].byte, put_was[i].len);
        put(k, put_was[i].flow, i, data, put_was[i].len, 0);
        uint64_t flow = below(&seed, FLOWS) * 8192, last = i;
        struct seen s = {.n = 0};
        kept_each(k, flow, see, &s);
        if (flow == put_was[i].flow)
            assert_true(s.n && s.number[s.n - 1] == i); /* the newest is always there */
        while (s.n--) {
            while (put_was[last].flow != flow)
                last--;
            assert_int_equal(s.number[s.n], last);
            assert_int_equal(s.first[s.n], put_was[last].byte);
            assert_int_equal(s.len[s.n], put_was[last].len);
            last--;
        }
    }
    kept_free(k);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_bounds),
        cmocka_unit_test(test_any),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
