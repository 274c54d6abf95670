/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private: a rule set with what it owns, and the joining of chunks. */
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

/* Rules, refusals and names of all chunks in one set; *addr stays open for threshold files. */
int chunks_join(struct whole *w, struct chunk *chunks, uint32_t n, const struct classes *k,
                const struct rules_options *o, struct strtab *addr) MUST_CHECK;
/* Says which lines of threshold files name no rule of the set. */
int thresholds_settle(struct whole *w, const struct threshold_file *t) MUST_CHECK;
/* Tables that are known only now, and what is to be said of variables. */
int set_settle(struct whole *w, const struct rules_options *o,
               const struct strtab *addr) MUST_CHECK;

#endif
