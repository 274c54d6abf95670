/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Threshold files of both peers, classification and reference files. */
#include "rules/rules_test.h"

#include <stdlib.h>
#include <unistd.h>

struct file_of_text {
    char path[64];
};
static struct file_of_text file_of(const char *text)
{
    struct file_of_text f = {"/tmp/riposte-test-XXXXXX"};
    int fd = mkstemp(f.path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), (ssize_t)strlen(text));
    close(fd);
    return f;
}

static struct rule_set *with_threshold_file(const char *text)
{
    struct file_of_text f = file_of(text);
    struct rules_options o = {.var = test_var, .threshold = f.path};
    struct rule_set *s =
        rules_of("alert tcp any any -> any any (content:\"a\"; sid:1;)\n", DIALECT_SURICATA, &o, 1);
    unlink(f.path);
    return s;
}

static void lines_that_hold(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        struct rule_threshold t; /* addr: -2 any number, -1 none */
    } cases[] = {
        {"suppress gen_id 1, sig_id 5", {.type = THRESH_SUPPRESS, .gid = 1, .sid = 5, .addr = -1}},
        {"suppress gen_id 1, sig_id 5, track by_src, ip 10.0.0.1",
         {.type = THRESH_SUPPRESS, .gid = 1, .sid = 5, .track = TRACK_SRC, .addr = -2}},
        {"suppress gen_id 0, sig_id 0, track by_either, ip [10.0.0.0/8,!10.1.0.0/16]",
         {.type = THRESH_SUPPRESS, .track = TRACK_EITHER, .addr = -2}},
        {"suppress gen_id 1, sig_id 5, track by_dst, ip $HOME_NET",
         {.type = THRESH_SUPPRESS, .gid = 1, .sid = 5, .track = TRACK_DST, .addr = -2}},
        {"threshold gen_id 1, sig_id 5, type limit, track by_src, count 2, seconds 60",
         {.type = THRESH_LIMIT,
          .gid = 1,
          .sid = 5,
          .track = TRACK_SRC,
          .count = 2,
          .seconds = 60,
          .addr = -1}},
        {"event_filter gen_id 1, sig_id 0, type both, track by_dst, count 3, seconds 9",
         {.type = THRESH_BOTH, .gid = 1, .track = TRACK_DST, .count = 3, .seconds = 9, .addr = -1}},
        {"  event_filter \\\n gen_id 1, \\\n sig_id 7, type threshold, track by_rule, count 3, "
         "seconds 9",
         {.type = THRESH_THRESHOLD,
          .gid = 1,
          .sid = 7,
          .track = TRACK_RULE,
          .count = 3,
          .seconds = 9,
          .addr = -1}},
        {"event_filter gen_id 1, sig_id 5, type limit, track by_src, count -1, seconds 60",
         {.type = THRESH_LIMIT, .gid = 1, .sid = 5, .seconds = 60, .addr = -1}},
        {"rate_filter gen_id 1, sig_id 5, track by_src, count 5, seconds 10, new_action drop, "
         "timeout 30",
         {.type = THRESH_RATE,
          .gid = 1,
          .sid = 5,
          .count = 5,
          .seconds = 10,
          .new_action = ACTION_DROP,
          .timeout_s = 30,
          .addr = -1}},
        {"rate_filter gen_id 1, sig_id 5, track by_src, count 5, seconds 0, new_action drop, "
         "timeout 30, "
         "apply_to [10.0.0.0/8]",
         {.type = THRESH_RATE,
          .gid = 1,
          .sid = 5,
          .count = 5,
          .new_action = ACTION_DROP,
          .timeout_s = 30,
          .addr = -2}},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rule_set *s = with_threshold_file(cases[i].line);
        if (s->diags.errors || s->n_file_thresholds != 1)
            fail_msg("%s: %s", cases[i].line, s->diags.first ? s->diags.first->reason : "nothing");
        struct rule_threshold got = s->file_thresholds[0], want = cases[i].t;
        assert_true(got.in_file);
        if (want.addr == -2)
            assert_true(got.addr > 0 && (uint32_t)got.addr < s->n_addr);
        else
            assert_int_equal(got.addr, -1);
        assert_int_equal(got.type, want.type);
        assert_int_equal(got.track, want.track);
        assert_int_equal(got.gid, want.gid);
        assert_int_equal(got.sid, want.sid);
        assert_int_equal(got.count, want.count);
        assert_int_equal(got.seconds, want.seconds);
        assert_int_equal(got.timeout_s, want.timeout_s);
        assert_int_equal(got.new_action, want.new_action);
        rules_free(s);
    }
}

static void lines_that_break(void **state)
{
    (void)state;
    static const char *const cases[] = {
        "event_filter gen_id 1, sig_id 1, type limit, track by_src, count 0, seconds 60",
        "event_filter gen_id 1, sig_id 1, type limit, track by_src, count -2, seconds 60",
        "event_filter gen_id 1, sig_id 1, type limit, track by_src, count 1, seconds 0",
        "event_filter gen_id 1, sig_id 1, type limit, track by_src, count 1, seconds -1",
        "event_filter gen_id 1, sig_id 1, type limit, track by_src, count 1, seconds 60s",
        "event_filter gen_id 1, sig_id 1, type limit, track by_either, count 1, seconds 60",
        "event_filter gen_id 1, sig_id 1, type limit, track by_src, count 1, seconds 60, ip "
        "10.0.0.1",
        "event_filter gen_id 1, sig_id 1, type limit, track by_src, count 1, seconds 60, "
        "new_action drop",
        "event_filter gen_id -1, sig_id 1, type limit, track by_src, count 1, seconds 60",
        "event_filter gen_id 1, sig_id -1, type limit, track by_src, count 1, seconds 60",
        "event_filter gen_id 0, sig_id 5, type limit, track by_src, count 1, seconds 60",
        "event_filter gen_id 1, sig_id 1, type backoff, track by_src, count 1, multiplier 2",
        "event_filter gen_id 1, sig_id 1, type backoff, track by_flow, count 1, multiplier 0",
        "suppress gen_id 1, sig_id 1, track by_src, ip 10.0.0.0/33",
        "suppress gen_id 1, sig_id 1, track by_src, ip 300.1.1.1",
        "suppress gen_id 1, sig_id 1, track by_src, ip",
        "suppress gen_id 1, sig_id 1, track by_rule, ip 10.0.0.1",
        "rate_filter gen_id 1, sig_id 1, track by_src, count -1, seconds 1, new_action drop, "
        "timeout 1",
        "rate_filter gen_id 1, sig_id 1, track by_src, count 1, seconds 1, new_action activate, "
        "timeout 1",
        "this is not correct",
        "suppress",
        "suppress gen_id 1",
        "suppress gen_id x, sig_id 1",
        "suppress gen_id 1, sig_id 1, track by_src",
        "suppress gen_id 1, sig_id 1, ip 10.0.0.1",
        "suppress gen_id 1, sig_id 1, track by_src, ip host",
        "suppress gen_id 1, sig_id 1, track by_src, ip $UNKNOWN",
        "suppress gen_id 1, sig_id 1, count 5",
        "suppress gen_id 1, gen_id 1, sig_id 1",
        "threshold gen_id 1, sig_id 1, type limit, track by_src, count 1",
        "threshold gen_id 1, sig_id 1, type foo, track by_src, count 1, seconds 1",
        "event_filter gen_id 1, sig_id 1, type limit, track by_me, count 1, seconds 1",
        "rate_filter gen_id 1, sig_id 1, track by_src, count 1, seconds 1, new_action foo, timeout "
        "1",
        "rate_filter gen_id 1, sig_id 1, track by_src, count 0, seconds 1, new_action drop, "
        "timeout 1",
        "rate_filter gen_id 1, sig_id 1, track by_src, count 1, seconds 1, timeout 1",
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        char text[256];
        snprintf(text, sizeof(text), "# comment\n\n%s\nsuppress gen_id 1, sig_id 9\n", cases[i]);
        struct rule_set *s = with_threshold_file(text);
        if (s->diags.errors != 1)
            fail_msg("%s: %u errors", cases[i], s->diags.errors);
        const struct diag *x = s->diags.first;
        if (x->line != 3 || !x->column || x->column > strlen(cases[i]) + 1 || !x->hint || !*x->hint)
            fail_msg("%s: without place or hint", cases[i]);
        assert_int_equal(s->n_file_thresholds, 1); /* the others hold */
        assert_int_equal(s->file_thresholds[0].sid, 9);
        assert_int_equal(s->n_rules, 1);
        rules_free(s);
    }
}

/* A line for a rule that is not there is said, and does not stop the start. */
static void lines_without_a_rule(void **state)
{
    (void)state;
    struct rule_set *s = with_threshold_file("suppress gen_id 1, sig_id 424242\n"
                                             "suppress gen_id 122, sig_id 1\n"
                                             "suppress gen_id 1, sig_id 0\n"
                                             "suppress gen_id 0, sig_id 0\n");
    assert_true(s->diags.errors == 0 && s->n_file_thresholds == 4);
    assert_int_equal(s->diags.warnings, 2);
    const struct diag *x = s->diags.first;
    assert_true(x->line == 1 && x->hint && strstr(x->reason, "1:424242"));
    assert_true(x->next->line == 2 && x->next->hint && strstr(x->next->reason, "122"));
    rules_free(s);
}

static struct rule_set *with_classes(const char *class, const char *reference, const char *rule)
{
    struct file_of_text c = file_of(class), r = file_of(reference);
    struct rules_options o = {.var = test_var, .classification = c.path, .reference = r.path};
    struct rule_set *s = rules_of(rule, DIALECT_SURICATA, &o, 1);
    unlink(c.path);
    unlink(r.path);
    return s;
}

static void classes(void **state)
{
    (void)state;
    struct rule_set *s =
        with_classes("# x\nconfig classification: mine, My Class , 7\n"
                     "config classification:trojan-activity,Changed,9\n",
                     "config reference: url http://\n",
                     "alert tcp any any -> any any (classtype:mine; sid:1;)\n"
                     "alert tcp any any -> any any (classtype:trojan-activity; sid:2;)\n"
                     "alert tcp any any -> any any (classtype:web-application-attack; sid:3;)\n"
                     "alert tcp any any -> any any (classtype:other; sid:4;)\n"
                     "alert tcp any any -> any any (classtype:other; sid:5;)\n");
    assert_int_equal(s->diags.errors, 0);
    assert_int_equal(s->diags.warnings, 1); /* the unknown one, once */
    assert_int_equal(s->n_rules, 5);
    static const uint32_t priority[] = {7, 9, 1, 3, 3};
    for (unsigned i = 0; i < 5; i++) {
        assert_int_equal(s->rules[i]->priority, priority[i]);
        assert_int_equal(s->classes[s->rules[i]->class_id].priority, priority[i]);
    }
    assert_true(str_eq(s->classes[s->rules[0]->class_id].text, STR("My Class")));
    assert_true(str_eq(s->classes[s->rules[3]->class_id].name, STR("other")));
    assert_int_equal(s->rules[3]->class_id, s->rules[4]->class_id);
    rules_free(s);
}

static void companions_that_break(void **state)
{
    (void)state;
    static const char *const lines[] = {"this is not correct", "config classification: a,b",
                                        "config classification: a,b,x", "config classification",
                                        "config reference: url x"};
    for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
        struct rule_set *s = with_classes(lines[i], "", "alert tcp any any -> any any (sid:1;)\n");
        assert_int_equal(s->diags.errors, 1);
        assert_int_equal(s->diags.first->line, 1);
        rules_free(s);
    }
    struct rule_set *s =
        with_classes("", "this is not correct", "alert tcp any any -> any any (sid:1;)\n");
    assert_int_equal(s->diags.errors, 1);
    rules_free(s);
}

static void missing_files(void **state)
{
    (void)state;
    struct rules_options o = {.threshold = "/nonexistent/threshold.config"};
    struct rule_set *s =
        rules_of("alert tcp any any -> any any (sid:1;)\n", DIALECT_SURICATA, &o, 1);
    assert_true(s->diags.errors == 1 && s->n_rules == 1);
    rules_free(s);
    o = (struct rules_options){0};
    struct rule_loader *l = rules_begin(&o);
    assert_int_equal(rules_add_file(l, "/nonexistent/x.rules", DIALECT_AUTO, false), -2);
    s = rules_finish(l, 1);
    assert_true(s && s->diags.errors == 1 && s->n_rules == 0 && s->n_files == 0);
    rules_free(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(lines_that_hold),       cmocka_unit_test(lines_that_break),
        cmocka_unit_test(lines_without_a_rule),  cmocka_unit_test(classes),
        cmocka_unit_test(companions_that_break), cmocka_unit_test(missing_files),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
