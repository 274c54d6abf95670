/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private: parts of a rule's form in words. */
#ifndef RULES_EXPLAIN_H
#define RULES_EXPLAIN_H

#include "rules/rules.h"

enum explain_step { STEP_PACKET, STEP_BUFFER, STEP_MATCH, STEPS }; /* in the order of judging */
enum explain_step explain_step_of(const struct rule_test *t);
const char *explain_step_name(enum explain_step step);
void explain_bytes(struct sbuf *out, struct str s);
void explain_regex(struct sbuf *out, const struct test_pcre *t);
void explain_blacklist(struct sbuf *out, const struct test_blacklist *t);
void explain_tag(struct sbuf *out, const struct test_tag *t);
void explain_threshold(struct sbuf *out, const struct rule_threshold *t);
/* What brings the rule up, what it does, what it says of itself. */
void explain_facts(const struct rule_set *s, const struct rule *r, struct sbuf *out);

#endif
