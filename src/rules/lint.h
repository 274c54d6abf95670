/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private: one lint over a set of rules. */
#ifndef RULES_LINT_H
#define RULES_LINT_H

#include "rules/load.h"

#define LINT_ID(id, kind, hint) LINT_##id,
enum lint_kind { RULE_LINTS(LINT_ID) LINT_KINDS };
#undef LINT_ID

struct lint {
    const struct rule_set *s;
    rules_lint_fn *f;
    void *ctx;
    uint8_t *set, *read; /* by name's number and whose it is (lint.c): some enabled rule does */
};

/* t: the test that it is about; NULL: the rule as a whole. */
void lint_note(const struct lint *l, const struct rule *r, const struct rule_test *t, enum lint_kind kind, const char *fmt,
               ...) PRINTF_LIKE(5, 6);
/* lint_never.c: tests that contradict each other */
void lint_never(const struct lint *l, const struct rule *r);

#endif
