/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to detect: one block of tests at work on one buffer. */
#ifndef DETECT_BLOCK_H
#define DETECT_BLOCK_H

#include "detect/match.h"

struct block {
    struct detect *d;
    const struct img_test *first, *end;
    const struct input *in;
    struct block_span *path; /* NULL: nobody asks */
    uint32_t far;   /* end of the farthest match so far, in the buffer */
    bool was_stale; /* stale at some place so far */
    bool stale;     /* all held, but wholly in bytes that were inspected before */
};

/* Values from the wire are cut to what sums of a few can't overflow. */
static inline int64_t block_clamp(int64_t v)
{
    enum { MOST_BIT = 60 };
    return v > (1ll << MOST_BIT) ? 1ll << MOST_BIT : v < -(1ll << MOST_BIT) ? -(1ll << MOST_BIT) : v;
}
static inline int64_t block_num(const struct detect *d, struct img_num n)
{
    return n.var >= 0 ? block_clamp(d->var[(uint8_t)n.var]) + n.v : n.v;
}
static inline const struct input *block_input(const struct block *b, const struct img_test *t)
{
    return t->on_base64 ? &b->d->base64 : b->in;
}

/* block.c: the window in which a content may lie, in offsets of the buffer; false: nowhere */
bool block_window(const struct block *b, const struct img_test *t, int64_t *from, int64_t *to);
/* Reads the field of a byte_* test; *end is behind it. */
bool block_field(const struct block *b, const struct img_test *t, uint64_t *v, int64_t *end);
/* block_bytes.c: false when the test fails */
bool block_byte_test(const struct block *b, const struct img_test *t);
bool block_byte_jump(const struct block *b, const struct img_test *t);
bool block_byte_extract(const struct block *b, const struct img_test *t);
bool block_byte_math(const struct block *b, const struct img_test *t);
bool block_isdataat(const struct block *b, const struct img_test *t);
bool block_entropy_of(const struct block *b, const struct img_test *t, double *out); /* false: no byte */
bool block_entropy(const struct block *b, const struct img_test *t);
bool block_base64(struct block *b, const struct img_test *t);
/* block_proto.c */
bool block_rpc(const struct block *b, const struct img_test *t);
bool block_asn1(const struct block *b, const struct img_test *t);
bool block_ftpbounce(const struct block *b);

#endif
