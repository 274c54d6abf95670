/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Rules by query, private to verdict.
 *
 *     query := term { blank term }            all terms must hold
 *     term  := [!] key ":" value { "," value }    one value must; "!": none
 *     key   := sid gid rev priority           numbers and ranges: 5  100-200  -3  7-
 *              classtype action dialect       words
 *              msg                            a part of the message, case folded; quotes for blanks
 * and commas metadata                       KEY or KEY=VALUE
 *     "*" or "all" holds for every rule
 */
#ifndef VERDICT_QUERY_H
#define VERDICT_QUERY_H

#include "detect/detect.h"

struct query;
/* Its memory is the arena's, so is the text's copy.  NULL: *why says what is wrong, or "no memory".
 */
struct query *query_parse(struct arena *a, struct str text, const char **why);
bool query_match(const struct query *q, const struct image *i, uint32_t rule,
                 const struct overlay_rule *now);

#endif
