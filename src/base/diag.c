/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Diagnostics: a list in an arena, in the order of reports. */
#include "base/diag.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

void diags_init(struct diags *d, struct arena *a)
{
    *d = (struct diags){.arena = a};
    d->last = &d->first;
}

/* What is shown when memory ran out: the list must stay whole, and the error must count. */
static struct diag *diag_lost(struct diags *d)
{
    d->errors++;
    return NULL;
}

/* The file's owner (a configuration that failed to load) may go before the list is shown; names repeat. */
static const char *diag_file(struct diags *d, const char *file)
{
    if (!file || (d->newest && d->newest->file && !strcmp(d->newest->file, file)))
        return file ? d->newest->file : NULL;
    return (const char *)arena_dup(d->arena, file, strlen(file)).p;
}

struct diag *diag_add(struct diags *d, enum diag_level level, const char *file, uint32_t line,
                      uint32_t column, const char *hint, const char *reason_fmt, ...)
{
    char text[1024];
    va_list args;
    va_start(args, reason_fmt);
    int n = vsnprintf(text, sizeof(text), reason_fmt, args);
    va_end(args);
    struct diag *g = arena_alloc(d->arena, sizeof(*g));
    if (!g || n < 0)
        return diag_lost(d);
    struct str reason = arena_dup(d->arena, text, strlen(text));
    struct str h = {NULL, 0};
    if (hint)
        h = arena_dup(d->arena, hint, strlen(hint));
    if (!reason.p)
        return diag_lost(d);
    *g = (struct diag){.level = level,
                       .line = line,
                       .column = column,
                       .file = diag_file(d, file),
                       .reason = (const char *)reason.p,
                       .hint = (const char *)h.p};
    *d->last = g;
    d->last = &g->next;
    d->newest = g;
    if (level == DIAG_ERROR)
        d->errors++;
    else
        d->warnings++;
    return g;
}
