/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Options of a command as a table: one row an option; parsing and --help come from it.
 *
 * -x VALUE, -xVALUE, -xyz (flags together), --name VALUE, --name=VALUE, -- ends the options.
 */
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include "base/attr.h"

#include <stddef.h>

enum { TEXTS_MOST = 128 };
struct texts {
    const char *v[TEXTS_MOST];
    unsigned n;
};
enum opt_kind {
    OPT_FLAG,   /* bool */
    OPT_TEXT,   /* const char * */
    OPT_LIST,   /* struct texts */
    OPT_NUMBER, /* uint64_t */
    OPT_MAYBE,  /* const char *: the next word if it is a number, else "" */
    OPT_JOINED, /* const char *: what stands behind '=', else "" */
    OPT_EMPTY,  /* takes its value, means nothing here: struct texts of the options that were given
                 */
    OPT_ABSENT, /* refused: the help says what does it */
    OPT_HEAD,   /* a line of the help */
};
struct opt {
    const char *shorts; /* one letter, or "" */
    const char *name;   /* long, or NULL */
    const char *arg;    /* what the value is called; NULL: none */
    enum opt_kind kind;
    size_t at; /* place in the command's struct */
    const char *help;
};

/* Fills `into`; what is no option goes into rest.  0, -EINVAL with a message printed. */
int options_parse(const char *command, const struct opt *rows, size_t n, void *into, int argc,
                  char **argv, struct texts *rest) MUST_CHECK;
void options_help(const char *usage, const struct opt *rows, size_t n);

#endif
