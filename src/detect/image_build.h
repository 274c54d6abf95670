/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The image in work: sections as growing arrays.  Private to detect's compiler. */
#ifndef DETECT_IMAGE_BUILD_H
#define DETECT_IMAGE_BUILD_H

#include "base/sbuf.h"
#include "detect/detect.h"
#include "detect/image_layout.h"

/* Spans of a section by their bytes, so that equal ones stand there once: an open hash. */
struct span_table {
    struct img_text *slot; /* at and n in elements; n 0: free */
    uint32_t slots, used;
};
struct builder {
    const struct rule_set *set;
    const struct rule **order; /* rules in order of evaluation */
    uint32_t n_rules;
    struct sbuf sec[SEC_COUNT]; /* arrays of the section's struct */
    uint32_t n_pcre, n_slow, needs, notes_left;
    unsigned threads;
    bool failed;
    struct rule_fact {
        uint8_t of_tx, needs_packet;
    } *fact; /* of each rule, as in struct img_rule */
    struct image_out *out;
    struct span_table text, run; /* texts in SEC_DATA, runs of texts in SEC_TEXTS */
    struct sbuf pack;            /* rules' texts of the packed block in work */
    struct diags *d;
};

/* Appends; returns the element's index. */
uint32_t build_put(struct builder *b, enum image_section s, const void *p, size_t size, size_t n);
uint32_t build_count(const struct builder *b, enum image_section s, size_t size);
/* image_texts.c */
struct img_text build_text(struct builder *b, struct str s); /* equal texts are one */
void build_texts_init(struct builder *b);
/* What stands in SEC_TEXTS from `first` on is a run of texts: equal ones are one. Returns where it stands. */
uint32_t build_run(struct builder *b, uint32_t first);
void build_rule_text(struct builder *b, struct str s, struct img_rule *o);
void build_texts_end(struct builder *b);
void build_texts_done(struct builder *b);
int build_groups(struct builder *b) MUST_CHECK;
/* In which directions a rule can fire, by its flags and buffers. */
uint8_t build_dirs(const struct rule_set *s, const struct rule *r);
void build_sets(struct builder *b); /* image_sets.c */
void build_notes(struct builder *b); /* image_notes.c */
/* image_tests.c */
bool build_is_buffer_test(unsigned kind);
bool build_is_post_test(const struct rule_test *t); /* done after a match */
bool build_is_tx_test(const struct rule_set *s, const struct rule_test *t);
struct img_test build_test(struct builder *b, const struct rule_test *t);
void build_blocks(struct builder *b, const struct rule *r, struct img_rule *o);
/* image_write.c */
int build_out_open(struct builder *b, const char *path) MUST_CHECK;
void build_section_out(struct builder *b, enum image_section s); /* written now, and its memory given up */
/* Writes the sections that are left and renames the file into its place; with rc: removes it. Returns rc. */
int build_out_close(struct builder *b, const char *path, int rc) MUST_CHECK;

#endif
