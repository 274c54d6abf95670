/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a person must mend: where, what, and what to do about it. */
#ifndef BASE_DIAG_H
#define BASE_DIAG_H

#include "base/attr.h"
#include "base/arena.h"

enum diag_level { DIAG_ERROR, DIAG_WARNING };

struct diag {
    struct diag *next;
    enum diag_level level;
    uint32_t line, column;     /* from 1; 0: none */
    uint32_t sid;              /* the rule concerned, or 0 */
    const char *file;          /* may be NULL */
    const char *reason, *hint; /* hint may be NULL */
};
/* A list in the order of reports; memory is the arena's. */
struct diags {
    struct arena *arena;
    struct diag *first, **last;
    struct diag *newest;
    uint32_t errors, warnings;
};
void diags_init(struct diags *d, struct arena *a);
/* hint and file may be NULL.  The texts are copied into the arena.  Returns the new entry. */
struct diag *diag_add(struct diags *d, enum diag_level level, const char *file, uint32_t line,
                      uint32_t column, const char *hint, const char *reason_fmt, ...)
    PRINTF_LIKE(7, 8);

#endif
