/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Snort's event queue: which of a packet's events act, and in which order. */
#include "verdict/queue.h"
#include "verdict/respond_test.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static const char *const rules_text[] = {
    [DIALECT_SNORT2] = "pass tcp any any -> any any (content:\"p\"; sid:1;)\n"
                       "drop tcp any any -> any any (content:\"ab\"; sid:2;)\n"
                       "drop tcp any any -> any any (content:\"abcd\"; priority:9; sid:3;)\n"
                       "alert tcp any any -> any any (content:\"a\"; priority:3; sid:4;)\n"
                       "alert tcp any any -> any any (content:\"abc\"; priority:2; sid:5;)\n"
                       "alert tcp any any -> any any (content:\"xyz\"; content:\"abcde\"; priority:1; sid:6;)\n"
                       "alert tcp any any -> any any (content:\"abc\"; flowbits:set,x; flowbits:noalert; sid:7;)\n"
                       "log tcp any any -> any any (content:\"abcdefg\"; sid:8;)\n",
    [DIALECT_SURICATA] = "drop tcp any any -> any any (content:\"ab\"; sid:20;)\n"
                         "alert tcp any any -> any any (content:\"abcd\"; sid:21;)\n",
};

struct world {
    struct arena arena;
    struct diags d;
    struct image *i;
    struct overlay *o;
};

static const char *no_variable(void *ctx, bool port, const char *name)
{
    (void)ctx;
    (void)port;
    (void)name;
    return NULL;
}

static int setup(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    char path[] = "/tmp/riposte-test-XXXXXX";
    int fd = mkstemp(path);
    assert_true(w && fd >= 0);
    close(fd);
    arena_init(&w->arena, 0, 0);
    diags_init(&w->d, &w->arena);
    struct rules_options ro = {0};
    struct rule_loader *l = rules_begin(&ro);
    assert_int_equal(rules_add_text(l, "2.rules", str_cstr(rules_text[DIALECT_SNORT2]), DIALECT_SNORT2), 0);
    assert_int_equal(rules_add_text(l, "s.rules", str_cstr(rules_text[DIALECT_SURICATA]), DIALECT_SURICATA), 0);
    struct rule_set *s = rules_finish(l, 1);
    assert_non_null(s);
    assert_int_equal(s->n_refusals, 0);
    assert_int_equal(image_build(s, path, 1, &w->d), 0);
    rules_free(s);
    w->i = image_open(path, &w->d);
    assert_non_null(w->i);
    unlink(path);
    w->o = overlay_build(w->i, &(struct overlay_options){.var = no_variable, .version = 1}, &w->d);
    assert_non_null(w->o);
    *state = w;
    return 0;
}

static int teardown(void **state)
{
    struct world *w = *state;
    overlay_close(w->o);
    image_close(w->i);
    arena_done(&w->arena);
    free(w);
    return 0;
}

static int by_rule(const void *a, const void *b)
{
    const struct match *x = a, *y = b;
    return x->rule < y->rule ? -1 : x->rule > y->rule;
}

static void selects(void **state)
{
    struct world *w = *state;
    static const struct event_queue usual = {.max = 8, .log = 3}, two = {.max = 8, .log = 2}, one = {.max = 1, .log = 3},
                                    prio = {.max = 8, .log = 3, .by_priority = true},
                                    all = {.max = 8, .log = 8, .all = true}, none = {.max = 8};
    static const struct {
        const struct event_queue *q;
        const char *sids, *acts; /* of the matches, any order; of what acts, in order */
    } cases[] = {
        {&usual, "4", "4"},
        {&usual, "4 2", "2"},            /* drop comes before alert */
        {&usual, "4 2 3", "3 2"},        /* the longer content first */
        {&usual, "4 2 3 1", "1"},        /* pass comes first */
        {&usual, "4 5 6", "6 5 4"},
        {&usual, "8 4", "4"},
        {&usual, "8", "8"},
        {&two, "4 5 6", "6 5"},
        {&one, "4 5 6", "6"},
        {&prio, "4 5 6", "6 5 4"},
        {&prio, "2 3", "2 3"},
        {&all, "4 2 3 8", "3 2 4 8"},
        {&none, "4 2 3 8", "2 3 4 8"},
        {&usual, "7 2 4", "2 7"},        /* who raises no event is no event */
        {&usual, "20 21", "20 21"},      /* Suricata's rules know no queue */
        {&usual, "20 2 4 21", "2 20 21"},
    };
    for (size_t c = 0; c < ARRAY_LEN(cases); c++) {
        struct match v[16];
        struct matches m = {.m = v, .room = ARRAY_LEN(v)};
        char text[64], got[64] = "", *rest = text, *word;
        snprintf(text, sizeof(text), "%s", cases[c].sids);
        while ((word = strsep(&rest, " "))) {
            int64_t rule = image_find_sid(w->i, 1, (uint32_t)strtoul(word, NULL, 10));
            assert_true(rule >= 0);
            v[m.n++] = (struct match){.rule = (uint32_t)rule, .flags = !strcmp(word, "7") ? MATCH_NOALERT : 0};
        }
        qsort(v, m.n, sizeof(v[0]), by_rule);
        uint32_t n = queue_select(cases[c].q, w->o, &m), sum = 0;
        assert_true(n <= m.n);
        for (uint32_t k = 0; k < m.n; k++) {
            struct image_rule_info r;
            image_rule(w->i, v[k].rule, &r);
            sum += r.sid;
            if (k < n)
                snprintf(got + strlen(got), sizeof(got) - strlen(got), "%s%u", k ? " " : "", r.sid);
        }
        /* nothing is lost: what is kept back stands behind */
        snprintf(text, sizeof(text), "%s", cases[c].sids);
        for (rest = text; (word = strsep(&rest, " "));)
            sum -= (uint32_t)strtoul(word, NULL, 10);
        assert_int_equal(sum, 0);
        bool same = !strcmp(got, cases[c].acts);
        if (!same)
            print_error("case %zu: %s: %s, not %s\n", c, cases[c].sids, got, cases[c].acts);
        assert_true(same);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test_setup_teardown(selects, setup, teardown)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
