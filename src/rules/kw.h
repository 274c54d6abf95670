/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private: every keyword's parse function, for the table in keywords.c. */
#ifndef RULES_KW_H
#define RULES_KW_H

#include "rules/parse.h"

/* A keyword that a protocol's folder declares (kw_app.c). */
bool kw_app(struct parse *p, const struct app_keyword *k, struct str v);
/* A regular expression without options in the named buffer of Suricata (kw_pcre.c). */
bool regex_test(struct parse *p, const char *buffer, struct str pattern, bool negated);
/* A content in the named buffer of Suricata (kw_text.c); NULL: refused. */
struct rule_test *text_test(struct parse *p, const char *buffer, struct str bytes, bool negated,
                            bool nocase);

/* The parse function of each row. */
#define X(n, d, f, fn, e, a, h) bool fn(struct parse *p, const struct keyword *k, struct str v);
#include "rules/keywords.def"
#undef X

/* What `extra` of a row means to a function with several rows. */
enum { WINDOW_OFFSET, WINDOW_DEPTH, WINDOW_DISTANCE, WINDOW_WITHIN };
enum { NUMBER_SID, NUMBER_GID, NUMBER_REV, NUMBER_ACTIVATES, NUMBER_ACTIVATED_BY, NUMBER_COUNT };

#endif
