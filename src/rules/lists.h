/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private: lists that rules look into, read while chunks are joined (lists.c, list_read.c,
 * list_json.c). */
#ifndef RULES_LISTS_H
#define RULES_LISTS_H

#include "rules/parse.h"

struct lists {
    struct arena *arena;
    const struct rules_options *o;
    const struct str *names; /* of categories: the set's interned names */
    struct rule_list *l;
    uint32_t n, room;
    struct rule_dep *deps;
    uint32_t n_deps, deps_room;
    bool rep_read;
    struct diags *diags;
    struct rep *rep; /* categories and addresses, as read */
};
struct list_error { /* what is wrong with a rule's list */
    char reason[512];
    const char *hint;
};
/* Gives the rule's tests their lists.  1: refused, e says why; -ENOMEM. */
int lists_bind(struct lists *x, struct rule *r, struct list_error *e, uint32_t *column) MUST_CHECK;

/* A file in work. */
struct list_file {
    struct arena *arena;
    const char *path;
    struct str text;
    uint8_t kind, type;
    const struct listed_words *words;
    struct rule_list_entry *e;
    uint32_t n, room;
    struct list_error *error;
};
struct rule_list *list_new(struct lists *x); /* NULL: no memory, or too many */
/* Lines of keys, with scores for LISTED_REP. 1 with error. */
int list_read_lines(struct list_file *f) MUST_CHECK;
int list_read_json(struct list_file *f) MUST_CHECK;
int list_add(struct list_file *f, struct str key, uint32_t score, struct str json) MUST_CHECK;
/* A key's text as its bytes; base64: strings stand so in files.  False: it is none of the type. */
bool list_key(struct arena *a, unsigned type, struct str text, bool base64, struct str *out);
int list_bad(struct list_error *e, const char *hint, const char *fmt, ...) PRINTF_LIKE(3, 4);
/* Bytes of a file; the set remembers that it was made of it.  -errno. */
int list_bytes(struct lists *x, const char *path, struct str *text) MUST_CHECK;
/* Data that keywords of their own have made (LISTED_DATA), by name: its number, -1: not yet. */
int list_data_find(const struct lists *x, struct str name);
int list_data_put(struct lists *x, struct str name, struct str data, uint16_t *number) MUST_CHECK;
/* list_iprep.c */
int lists_bind_rep(struct lists *x, struct rule_test *t, struct list_error *e) MUST_CHECK;

#endif
