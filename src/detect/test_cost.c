/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What rules cost, and what becomes of those that cost more than their budget. */
#include "detect/detect_test.h"

#include "base/clock.h"

static const char rules[] = "alert udp any any -> any any (content:\"abcd\"; sid:1;)\n"
                            "drop udp any any -> any any (content:\"abcd\"; sid:2;)\n"
                            "alert udp any any -> any any (content:\"abcd\"; content:\"efgh\"; sid:3;)\n"
                            "alert udp any any -> any any (content:\"zzzz\"; sid:4;)\n";

struct counted {
    unsigned n, suspended, goes_on;
    uint64_t steps;
};

static void over(void *ctx, const struct rule_over *x)
{
    struct counted *t = ctx;
    t->n++;
    t->suspended += !x->goes_on;
    t->goes_on += x->goes_on;
    t->steps += x->steps;
}

static struct detect *worker(struct dt *t, unsigned number, uint32_t budget, bool shared)
{
    struct detect_config dc = {.state = t->state, .inline_mode = true, .worker = number, .rule_sample = 1, .rule_budget = budget,
                               .rule_suspend_s = 5, .sums_shared = shared};
    struct detect *d = detect_new(&dc, t->overlay);
    assert_non_null(d);
    return d;
}

static unsigned judged(struct dt *t, struct detect *d, uint64_t second)
{
    struct packet *p = dt_udp(t, "..abcd..", 8);
    p->ts_ns = second * NS_PER_SEC;
    return detect_packet(d, p, NULL)->n;
}

static struct counted turn(struct detect *d, uint64_t second)
{
    struct counted t = {0};
    assert_true(detect_clock_due(d, second * NS_PER_SEC));
    detect_clock(d, second * NS_PER_SEC, over, &t);
    assert_false(detect_clock_due(d, second * NS_PER_SEC + 1));
    return t;
}

static void a_rule_over_its_budget_rests(void **state)
{
    (void)state;
    struct dt t;
    dt_open(&t, rules, DIALECT_SURICATA);
    struct detect *d = worker(&t, 0, 15, false);
    (void)turn(d, 100);
    for (unsigned k = 0; k < 10; k++)
        assert_int_equal(judged(&t, d, 100), 2);
    struct counted x = turn(d, 101);
    assert_int_equal(x.n, 3);
    assert_int_equal(x.suspended, 2);
    assert_int_equal(x.goes_on, 1); /* the one that drops */
    assert_int_equal(detect_counters(d)->suspended_rules, 2);
    for (unsigned second = 101; second < 106; second++) {
        if (second > 101)
            assert_int_equal(turn(d, second).n, 0); /* told once */
        assert_int_equal(judged(&t, d, second), 1);
    }
    assert_int_equal(detect_counters(d)->suspended_checks, 10);
    (void)turn(d, 106);
    assert_int_equal(judged(&t, d, 106), 2); /* it is back */
    detect_free(d);
    dt_close(&t);
}

static void within_the_budget_nothing_rests(void **state)
{
    (void)state;
    struct dt t;
    dt_open(&t, rules, DIALECT_SURICATA);
    struct detect *d = worker(&t, 0, 1000000, false), *none = worker(&t, 0, 0, false);
    assert_false(detect_clock_due(none, UINT64_MAX / 2));
    for (unsigned second = 100; second < 110; second++) {
        assert_int_equal(turn(d, second).n, 0);
        assert_int_equal(judged(&t, d, second), 2);
    }
    detect_free(d);
    detect_free(none);
    dt_close(&t);
}

/* Two workers that share their sums suspend what one would: none of the two is over the budget by itself. */
static void workers_of_a_replay_count_together(void **state)
{
    (void)state;
    struct dt t;
    dt_open(&t, rules, DIALECT_SURICATA);
    struct detect *d[2] = {worker(&t, 0, 15, true), worker(&t, 1, 15, true)};
    for (unsigned second = 100; second < 120; second += 10) {
        for (unsigned k = 0; k < 2; k++)
            assert_int_equal(turn(d[k], second).n, 0);
        for (unsigned k = 0; k < 10; k++)
            assert_int_equal(judged(&t, d[k % 2], second), 2);
        for (unsigned k = 0; k < 2; k++)
            assert_int_equal(turn(d[k], second + 1).n, 3);
        for (unsigned k = 0; k < 2; k++)
            assert_int_equal(judged(&t, d[k], second + 1), 1);
    }
    detect_free(d[0]);
    detect_free(d[1]);
    dt_close(&t);
}

struct seen {
    unsigned n;
    struct rule_cost by_sid[5];
};
static void see(void *ctx, const struct rule_cost *c)
{
    struct seen *s = ctx;
    s->n++;
    assert_in_range(c->sid, 1, 4);
    s->by_sid[c->sid] = *c;
}

static void checks_and_matches_are_counted(void **state)
{
    (void)state;
    struct dt t;
    dt_open(&t, rules, DIALECT_SURICATA);
    struct detect *d = worker(&t, 0, 0, false);
    for (unsigned k = 0; k < 10; k++)
        (void)judged(&t, d, 100);
    struct seen s = {.n = 0};
    uint32_t at = 0;
    while (detect_costs(d, &at, 1, see, &s))
        ;
    /* a rule whose first content is not there is not looked at */
    assert_int_equal(s.by_sid[1].checks, 10);
    assert_int_equal(s.by_sid[1].matches, 10);
    assert_int_equal(s.by_sid[2].matches, 10);
    assert_int_equal(s.by_sid[3].matches, 0);
    assert_int_equal(s.by_sid[4].checks, 0);
    assert_true(s.by_sid[1].steps >= 20);
    detect_free(d);
    dt_close(&t);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_rule_over_its_budget_rests), cmocka_unit_test(within_the_budget_nothing_rests),
        cmocka_unit_test(workers_of_a_replay_count_together), cmocka_unit_test(checks_and_matches_are_counted)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
