/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private: expressions of addresses and ports, taken apart. */
#ifndef RULES_EXPR_H
#define RULES_EXPR_H

#include "rules/parse.h"

/* The next member of a list on its level (brackets kept); false: none left.  *bad: brackets don't
 * fit. */
bool expr_member(struct str *list, struct str *member, bool *broken);
/* Takes blanks and one pair of brackets around all of it off. */
struct str expr_unwrap(struct str s, bool *was_list);
/* The place of the first '[' that is not closed; false: there is none. */
bool expr_open(struct str s, uint32_t *at);
/* Why expr_member said broken, in words. */
const char *expr_broken(struct str s);
/* Text of a variable; NULL (with a report, if d): not set. */
const char *expr_variable(struct str name, bool port, rules_var_fn *var, void *ctx,
                          struct diags *d);
/* As rules_resolve_addr; lenient: an unknown variable is no mistake. */
int addr_resolve(struct arena *a, struct str expr, rules_var_fn *var, void *ctx, bool lenient,
                 struct ip_ranges *out, struct diags *d) MUST_CHECK;
int port_resolve(struct str expr, rules_var_fn *var, void *ctx, bool lenient, uint8_t bits[8192],
                 struct diags *d) MUST_CHECK;

#endif
