/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The public rule sets beside the project, when they are there: how much of each loads, at least.
 * What a floor asks for is what loads today; raise it, never lower it.
 */
#include "rules/rules_test.h"

#include <stdlib.h>
#include <unistd.h>

static const char *all_set(void *ctx, bool port, const char *name)
{
    (void)ctx;
    if (!port && strcmp(name, "EXTERNAL_NET") == 0)
        return "!$HOME_NET";
    if (!port)
        return "[192.168.0.0/16,10.0.0.0/8,172.16.0.0/12]";
    return strcmp(name, "SHELLCODE_PORTS") == 0 ? "!80" : "80";
}

static const struct {
    const char *file;
    enum rule_dialect d; /* as which it must be recognised */
    bool disabled;       /* count those behind # as well */
    double floor;        /* per cent */
} sets[] = {
    {"et-open.rules.gz", DIALECT_SURICATA, false, 99.9},
    {"et-open.rules.gz", DIALECT_SURICATA, true, 99.9},
    {"et-open-2019.rules.gz", DIALECT_SURICATA, true, 99.9},
    {"et-open-snort29.rules.gz", DIALECT_SNORT2, true, 99.9},
    {"snort-gpl-2.8.5.rules.gz", DIALECT_SNORT2, true, 100},
    {"snort2-community.rules.gz", DIALECT_SNORT2, true, 99.3},
    {"snort3-community.rules.gz", DIALECT_SNORT3, true, 99.3},
    {"suricata-events.rules.gz", DIALECT_SURICATA, false, 64},
};

static void floors(void **state)
{
    (void)state;
    const char *folder = getenv("RIPOSTE_RULE_SETS");
    if (!folder)
        folder = RULE_SETS;
    if (access(folder, R_OK) != 0) {
        print_message("# skipped: %s is not there\n", folder);
        return; /* cmocka's skip() counts as a failure in TAP */
    }
    for (size_t i = 0; i < ARRAY_LEN(sets); i++) {
        char path[512];
        snprintf(path, sizeof(path), "%s/%s", folder, sets[i].file);
        struct rules_options o = {.var = all_set, .keep_disabled = sets[i].disabled};
        struct rule_loader *l = rules_begin(&o);
        assert_int_equal(rules_add_file(l, path, DIALECT_AUTO, false), 0);
        struct rule_set *s = rules_finish(l, 2);
        assert_non_null(s);
        double rate = 100.0 * s->n_rules / (s->n_rules + s->n_refusals);
        print_message("# %s%s: %u of %u, %.2f %%\n", sets[i].file, sets[i].disabled ? " (all)" : "",
                      s->n_rules, s->n_rules + s->n_refusals, rate);
        if (rate < sets[i].floor || s->files[0].dialect != sets[i].d)
            fail_msg("%s: %.2f %%, taken as %s", sets[i].file, rate,
                     rule_dialect_name(s->files[0].dialect));
        for (uint32_t k = 0; k < s->n_refusals; k++)
            assert_true(s->refusals[k].line > 0 && s->refusals[k].reason && *s->refusals[k].reason);
        struct sbuf out;
        sbuf_init(&out);
        for (uint32_t k = 0; k < s->n_rules; k += 97) /* every kind of rule can be put in words */
            rule_explain(s, s->rules[k], &out);
        assert_true(out.n > 0 && !out.failed);
        sbuf_done(&out);
        rules_free(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(floors)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
