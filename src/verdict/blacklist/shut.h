/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to verdict: what rules put into the blacklist. */
#ifndef VERDICT_BLACKLIST_SHUT_H
#define VERDICT_BLACKLIST_SHUT_H

#include "verdict/blacklist/blacklist.h"
#include "verdict/verdict.h"

/*
 * A match of a rule with `blacklist`.  `alerting`: its thresholds let it through.  True: its condition is met, and what
 * it names is in the blacklist now; what was asked is noted in out->shut.
 */
bool shut_by_rule(const struct verdict_config *c, struct detect *d, const struct packet *p, const struct match *m, bool alerting,
                  struct decision *out);

#endif
