/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The image in work: sections as growing arrays.  Private to detect's compiler. */
#ifndef DETECT_IMAGE_BUILD_H
#define DETECT_IMAGE_BUILD_H

#include "base/sbuf.h"
#include "detect/detect.h"
#include "detect/image_layout.h"

struct builder {
    const struct rule_set *set;
    const struct rule **order; /* rules in order of evaluation */
    uint32_t n_rules;
    struct sbuf sec[SEC_COUNT]; /* arrays of the section's struct */
    uint32_t n_pcre, n_slow, needs;
    unsigned threads;
    bool failed;
    struct sbuf text_table; /* dedupe of texts: u32 slots */
    uint32_t text_slots, text_used;
    struct diags *d;
};

/* Appends; returns the element's index. */
uint32_t build_put(struct builder *b, enum image_section s, const void *p, size_t size, size_t n);
uint32_t build_count(const struct builder *b, enum image_section s, size_t size);
struct img_text build_text(struct builder *b, struct str s); /* equal texts are one */
int build_groups(struct builder *b) MUST_CHECK;
/* In which directions a rule can fire, by its flags and buffers. */
uint8_t build_dirs(const struct rule_set *s, const struct rule *r);
/* image_tests.c */
bool build_is_buffer_test(unsigned kind);
bool build_is_post_test(const struct rule_test *t); /* done after a match */
bool build_is_tx_test(const struct rule_set *s, const struct rule_test *t);
struct img_test build_test(struct builder *b, const struct rule_test *t);
void build_blocks(struct builder *b, const struct rule *r, struct img_rule *o);
/* image_write.c */
int build_write(const struct builder *b, const char *path, struct diags *d) MUST_CHECK;

#endif
