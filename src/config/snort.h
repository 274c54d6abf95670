/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of the snort.conf reader share. */
#ifndef CONFIG_SNORT_H
#define CONFIG_SNORT_H

#include "base/sbuf.h"
#include "config/tree.h"

enum {
    SNORT_VAR_DEPTH = 8,
    SNORT_REFERENCES = 4096,        /* in one text */
    SNORT_TEXT_BYTES = 1024 * 1024, /* of one text, expanded */
};

struct snort {
    struct conf *c;
    struct diags *d;
    const char *file; /* of the statement at hand */
    uint32_t line;
    unsigned references; /* of the text that is being expanded */
    bool in_ruletype;     /* between { and } of a ruletype */
    const char *ruletype; /* its name: outputs are its own */
    bool typed;           /* and it has said its type */
    bool again;           /* there is one of its name: the first holds */
    bool tracks_tcp;  /* stream4 or stream5_tcp stands there */
    bool needs_3whs;  /* and takes no connection in the middle */
};

/* All handlers: 0, -ENOMEM, or -EINVAL with a report; what has no counterpart is a warning. */
int snort_config(struct snort *s, struct str args);
int snort_preprocessor(struct snort *s, struct str args);
int snort_output(struct snort *s, struct str args);
/* ruletype NAME { type ACTION output ... }, in one line or in several: the head, then each line to }. */
int snort_ruletype(struct snort *s, struct str args);
int snort_ruletype_line(struct snort *s, struct str text);
bool snort_is_action(const struct snort *s, struct str word);

/* Statements of a text, continuations joined; comments and empty lines are skipped. */
struct snort_lines {
    struct str left;
    uint32_t line; /* of the next physical line */
};
bool snort_lines_next(struct snort_lines *l, struct sbuf *out, uint32_t *line);

void snort_warn(struct snort *s, const char *fmt, ...) PRINTF_LIKE(2, 3);
int snort_set(struct snort *s, const char *path, struct str value) MUST_CHECK;
int snort_set_z(struct snort *s, const char *path, const char *value) MUST_CHECK;
/* A member of a map that the caller builds, or an item of a list. */
int snort_put(struct snort *s, struct conf_node *map, const char *key, struct str value) MUST_CHECK;
int snort_item(struct snort *s, const char *list, struct str value) MUST_CHECK;
/* A new map item {name: {...}} of a list; the inner map. */
struct conf_node *snort_item_map(struct snort *s, const char *list, const char *name);
/*
 * Variables in text to their values; with `all` false only $(X), $(X:-default) and $(X:?message),
 * and names stay $X.
 */
int snort_expand(struct snort *s, struct str text, bool all, struct sbuf *out,
                 unsigned depth) MUST_CHECK;
/* The next word: [...] and {...} are one, as is "..."; blanks and commas part; n == 0: the end. */
struct str snort_word(struct str *left);
/* What is between brackets or braces; the text itself if there are none. */
struct str snort_inside(struct str word);
/* "name: args" or "name args". */
struct str snort_name(struct str text, struct str *args);

#endif
