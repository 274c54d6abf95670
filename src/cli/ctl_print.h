/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_CTL_PRINT_H
#define CLI_CTL_PRINT_H

#include <stdbool.h>
#include <stddef.h>

/* One JSON object of a sensor: as it is, or for people.  True: the sensor says ok. */
bool ctl_print(const char *answer, size_t n, bool raw, bool all);

/* `rules top`: a table, or the JSON as it is. */
bool rules_top_print(const char *answer, size_t n, bool raw);

#endif
