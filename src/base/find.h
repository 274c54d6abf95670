/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Finding bytes in bytes, short ones in short ones above all. */
#ifndef BASE_FIND_H
#define BASE_FIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The first place of what[m] in p[n]; NULL if there is none, p if m is 0.  nocase: letters of ASCII are
 * the same in both cases; `what` is in lower case then.
 */
const uint8_t *find_bytes(const uint8_t *p, size_t n, const uint8_t *what, size_t m, bool nocase);

#endif
