/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A worker finds the core on which packets come soonest, and stays there. */
#include "sensor/seat.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static cpu_set_t cores(unsigned n)
{
    cpu_set_t s;
    CPU_ZERO(&s);
    for (unsigned k = 0; k < n; k++)
        CPU_SET((size_t)(k * 2), &s); /* with gaps */
    return s;
}

/* One period: `n` packets that come late[core / 2] after their stamps, one of them much later. */
static int period(struct seat *s, int here, const uint64_t *late, unsigned n)
{
    for (unsigned k = 0; k < n; k++)
        seat_note(s, k ? late[here / 2] + k % 3 : 50000000);
    int to = seat_look(s);
    return to < 0 ? here : to;
}

static void finds_the_best(void **state)
{
    (void)state;
    static const uint64_t late[4] = {60000, 25000, 40000, 90000};
    for (int from = 0; from < 8; from += 2) {
        cpu_set_t may = cores(4);
        struct seat s;
        int here = from;
        seat_init(&s, &may, from);
        for (unsigned k = 0; k < 12; k++)
            here = period(&s, here, late, 30);
        assert_int_equal(s.best, 2);
        assert_int_equal(here, 2);
    }
}

static void stays_for_a_small_gain(void **state)
{
    (void)state;
    static const uint64_t late[2] = {20000, 19000};
    cpu_set_t may = cores(2);
    struct seat s;
    int here = 0;
    seat_init(&s, &may, 0);
    for (unsigned k = 0; k < 4; k++)
        here = period(&s, here, late, 30);
    assert_int_equal(here, 0);
}

static void tries_ever_more_seldom(void **state)
{
    (void)state;
    static const uint64_t late[2] = {20000, 50000};
    cpu_set_t may = cores(2);
    struct seat s;
    int here = 0;
    unsigned away[2] = {0, 0};
    seat_init(&s, &may, 0);
    for (unsigned k = 0; k < 2000; k++) {
        here = period(&s, here, late, 30);
        away[k >= 1000] += here != 0;
    }
    assert_in_range(away[0], 3, 10);
    assert_in_range(away[1], 0, 2);
}

static void moves_when_the_place_gets_worse(void **state)
{
    (void)state;
    uint64_t late[2] = {20000, 50000};
    cpu_set_t may = cores(2);
    struct seat s;
    int here = 0;
    seat_init(&s, &may, 0);
    for (unsigned k = 0; k < 20; k++)
        here = period(&s, here, late, 30);
    late[0] = 200000;
    for (unsigned k = 0; k < 40; k++)
        here = period(&s, here, late, 30);
    assert_int_equal(here, 2);
}

static void few_packets_say_nothing(void **state)
{
    (void)state;
    static const uint64_t late[2] = {20000, 10};
    cpu_set_t may = cores(2);
    struct seat s;
    seat_init(&s, &may, 0);
    assert_int_equal(period(&s, 0, late, SEAT_ENOUGH - 1), 0);
    assert_int_equal(period(&s, 0, late, 1), 2); /* together enough */
    may = cores(1);
    seat_init(&s, &may, 0);
    assert_int_equal(period(&s, 0, late, 60), 0);
    for (unsigned k = 0; k < 1000; k++) /* more than are kept */
        seat_note(&s, UINT64_MAX);
    assert_int_equal(s.n, SEAT_SAMPLES);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(finds_the_best),
        cmocka_unit_test(stays_for_a_small_gain),
        cmocka_unit_test(tries_ever_more_seldom),
        cmocka_unit_test(moves_when_the_place_gets_worse),
        cmocka_unit_test(few_packets_say_nothing),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
