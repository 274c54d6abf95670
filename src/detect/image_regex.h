/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a regular expression can't do without: for rules that have no content.  Private to detect's
 * compiler. */
#ifndef DETECT_IMAGE_REGEX_H
#define DETECT_IMAGE_REGEX_H

#include "base/str.h"

enum { REGEX_LITERAL_MOST = 64 };
struct regex_need {
    uint8_t literal[REGEX_LITERAL_MOST]; /* the longest piece of text that every match has; lower
                                            case if nocase */
    uint32_t n;                          /* 0: none */
    bool nocase;
    uint32_t pair; /* two pairs of neighbouring bytes of every match, as pair_word has them;
                      PAIRS_NONE: none */
};
/* options: PCRE2_. False: nothing is known, the expression has to be tried. */
bool regex_needs(struct str pattern, uint32_t options, struct regex_need *out);

#endif
