/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * rule-overrides: what a policy changes of rules by query, without their text; private to verdict.
 *
 *     - {query: "classtype:trojan-activity", action: drop, priority: 1}
 *     - {query: "sid:2001219", enabled: no}
 */
#ifndef VERDICT_OVERRIDE_H
#define VERDICT_OVERRIDE_H

#include "config/config.h"
#include "detect/detect.h"

struct overrides;
/* Its memory is the arena's.  Entries that can't be read are errors in d, and left out.  NULL: no memory. */
struct overrides *overrides_read(struct arena *a, const struct conf *c, struct diags *d);
/* All entries that fit, one after the other: what a later one says holds. */
void overrides_apply(struct overrides *o, const struct image *i, uint32_t rule, struct overlay_rule *r);
/* Warnings of entries that fitted no rule. */
void overrides_tell(const struct overrides *o, struct diags *d);

#endif
