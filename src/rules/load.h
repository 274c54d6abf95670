/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private: what is loaded, a rule set with what it owns, and the joining of chunks. */
#ifndef RULES_LOAD_H
#define RULES_LOAD_H

#include "rules/parse.h"

struct whole {
    struct rule_set pub;  /* first: rules_free casts back */
    struct arena *arenas; /* of the chunks */
    uint32_t n_arenas;
    uint8_t **bytes; /* of the files */
    uint32_t n_bytes;
    struct rule_file_info *files;
};
static_assert(offsetof(struct whole, pub) == 0, "rules_free casts back");

/* What is read before anything is parsed. */
struct side_file {
    uint8_t *bytes;
    size_t n;
    const char *name; /* NULL: none is asked for */
    int rc;           /* why it could not be read */
};
enum { SIDE_CLASS, SIDE_REFERENCE, SIDE_THRESHOLD, SIDE_FILES };
struct rule_loader {
    struct rules_options o;
    struct whole *set; /* what it becomes */
    struct source *src;
    uint32_t n, room;
    struct side_file side[SIDE_FILES];
    struct file_vars vars;
};

/* Rules, refusals and names of all chunks in one set; *addr stays open for threshold files. */
int chunks_join(struct whole *w, struct chunk *chunks, uint32_t n, const struct classes *k,
                const struct rules_options *o, struct strtab *addr) MUST_CHECK;
/* Rank of each action by the configuration's action-order (load_hash.c). */
void rules_action_ranks(const struct conf *conf, uint8_t rank[ACTION_COUNT], uint8_t own[RULE_TYPES_OWN + 1]);
/* Says which lines of threshold files name no rule of the set. */
int thresholds_settle(struct whole *w, const struct threshold_file *t) MUST_CHECK;
/* Tables that are known only now, and what is to be said of variables. */
int set_settle(struct whole *w, const struct rules_options *o,
               const struct strtab *addr) MUST_CHECK;

/* resp names resets alone, and the rule is of no TCP (lint.c). */
bool rule_reset_in_vain(const struct rule *r);
/* Warnings of loaded rules that say what can't be, or what is not known here (notes.c). */
int rules_notes(struct rule_set *s) MUST_CHECK;
/* ---- statements beside rules (statements.c) */
struct include_scan {
    struct str left;
    struct arena *arena;  /* for lines that go on */
    uint32_t line, next;  /* of the last one found, of what is left; begin with 0 */
    bool hidden;
    const char *until;
};
bool include_next(struct include_scan *x, struct str *text, bool *var);
/* The path of what `from` includes; false: the name says nothing. */
bool include_path(const char *from, struct str name, const struct rules_options *o,
                  const struct file_vars *v, char *out, size_t room);
/* Classes and references; a warning for each line that is not taken. */
int statements_classes(const struct raw_rules *raw, const struct source *src, struct classes *k,
                       const struct conf *conf, struct diags *d) MUST_CHECK;
int statements_thresholds(const struct raw_rules *raw, const struct source *src, struct whole *w,
                          struct strtab *addr, const struct rules_options *o,
                          struct threshold_file *t) MUST_CHECK;

#endif
