/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a rule file: first byte picks the dialect; what loads must go into words. */
#include "rules/rules.h"

#include "base/sbuf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const char *var(void *ctx, bool port, const char *name)
{
    (void)ctx;
    return name[0] == 'N'   ? NULL
           : port           ? "[80,!443,$P]"
           : name[0] == 'L' ? "$L"
                            : "[10.0.0.0/8,!$E]";
}

static void ignore(void *ctx, const struct rule_note *n)
{
    (void)ctx, (void)n;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const enum rule_dialect d[] = {DIALECT_AUTO, DIALECT_SNORT2, DIALECT_SNORT3,
                                          DIALECT_SURICATA};
    if (size < 1 || size > 65536)
        return 0;
    struct rules_options o = {
        .var = data[0] & 4 ? var : NULL, .keep_disabled = data[0] & 8, .firewall = data[0] & 16};
    struct rule_loader *l = rules_begin(&o);
    if (!l)
        return 0;
    if (rules_add_text(l, "fuzz", str_of(data + 1, size - 1), d[data[0] & 3]) < 0)
        return 0;
    struct rule_set *s = rules_finish(l, 1);
    if (!s)
        return 0;
    struct sbuf out;
    sbuf_init(&out);
    for (uint32_t i = 0; i < s->n_rules; i++)
        rule_explain(s, s->rules[i], &out);
    rules_lint(s, ignore, NULL);
    sbuf_done(&out);
    rules_free(s);
    return 0;
}
