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
    struct rule_set *own; /* to be given up before databases are compiled; NULL: the caller needs it */
    const char *cache_dir; /* images of before that may have databases; NULL: none is looked at */
    struct image_made made;
    const struct rule **order; /* rules in order of evaluation */
    uint32_t n_rules;
    struct sbuf sec[SEC_COUNT]; /* arrays of the section's struct */
    uint64_t streamed; /* bytes of the section that is being streamed, already in the file */
    int stream;        /* which section that is; -1: none */
    uint32_t n_pcre, n_slow, needs, notes_left;
    unsigned threads;
    bool failed;
    struct rule_fact {
        uint8_t of_tx, needs_packet;
        uint32_t text_block;
        struct img_text text;
        uint64_t text_hash;
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
void build_rule_text(struct builder *b, struct str s, struct rule_fact *o);
void build_texts_end(struct builder *b);
void build_texts_done(struct builder *b);
int build_groups(struct builder *b) MUST_CHECK;
int build_dbs(struct builder *b) MUST_CHECK; /* image_dbs.c; looks at sections alone, not at the rules */
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
/* image_old.c: databases of the newest images of a cache */
struct old_images;
struct old_images *old_images_new(const char *dir); /* NULL: none */
void old_images_free(struct old_images *o);
/* The database of this set of patterns, at 64 bytes' alignment, to be freed; NULL: none has it. */
void *old_images_find(struct old_images *o, const struct img_pattern *p, uint32_t n, const uint8_t *data,
                      size_t *bytes);
uint64_t pattern_set_hash(const struct img_pattern *p, uint32_t n, const uint8_t *data);
bool pattern_set_same(const struct img_pattern *a, const uint8_t *a_data, const struct img_pattern *b,
                      const uint8_t *b_data, uint32_t n);
/* image_library.c: how often the pattern library's answer differs from a naive search, over random sets of literals and
 * texts at 64 alignments; any but 0 makes rules silent. -ENOMEM: it can't be told. */
int64_t pattern_library_misses(uint64_t seed, unsigned sets) MUST_CHECK;
enum { LIBRARY_SETS = 40, LIBRARY_SEED = 1 }; /* of the check at each compile */
/* image_write.c */
int build_out_open(struct builder *b, const char *path) MUST_CHECK;
void build_section_out(struct builder *b, enum image_section s); /* written now, and its memory given up */
/* From now until build_section_out the section goes into the file as it grows: one at a time. */
void build_stream(struct builder *b, enum image_section s);
void build_flush(struct builder *b, enum image_section s); /* after what build_put has not put */
void build_facts(struct builder *b); /* of the set, into the header */
/* Writes the sections that are left and renames the file into its place; with rc: removes it. Returns rc. */
int build_out_close(struct builder *b, const char *path, int rc) MUST_CHECK;

#endif
