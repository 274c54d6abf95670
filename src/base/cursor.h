/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bounded reading of untrusted bytes.
 *
 * After the first short read every further read gives 0 and `bad` stays set: test it once a
 * record.  Lengths that came from the wire go into cur_sub, never into pointer arithmetic.
 */
#ifndef BASE_CURSOR_H
#define BASE_CURSOR_H

#include "base/attr.h"
#include "base/bytes.h"

struct cursor {
    const uint8_t *at, *end;
    bool bad;
};

/* What a parser says of its input: whole and taken, untouched for want of more, or broken. */
enum parse_result { PARSE_DONE, PARSE_MORE, PARSE_BAD };

static inline struct cursor cur_of(const void *p, size_t n)
{
    const uint8_t *b = p;
    return (struct cursor){.at = b, .end = n ? b + n : b, .bad = false}; /* p may be NULL then */
}
static inline size_t cur_left(const struct cursor *c)
{
    return (size_t)(c->end - c->at);
}

/* A block of n bytes, or NULL (and bad). */
static inline const uint8_t *cur_take(struct cursor *c, size_t n)
{
    if (c->bad || cur_left(c) < n) {
        c->bad = true;
        return NULL;
    }
    const uint8_t *p = c->at;
    if (n) /* at may be NULL */
        c->at += n;
    return p;
}
/* A cursor over the next n bytes, which are taken from c; empty and bad when they are not there. */
static inline struct cursor cur_sub(struct cursor *c, size_t n)
{
    const uint8_t *p = cur_take(c, n);
    return (struct cursor){.at = p, .end = p ? p + n : p, .bad = !p};
}
static inline bool cur_skip(struct cursor *c, size_t n)
{
    return cur_take(c, n) != NULL;
}
static inline uint8_t cur_u8(struct cursor *c)
{
    const uint8_t *p = cur_take(c, 1);
    return p ? *p : 0;
}
static inline uint16_t cur_be16(struct cursor *c)
{
    const uint8_t *p = cur_take(c, 2);
    return p ? be16_at(p) : 0;
}
static inline uint32_t cur_be24(struct cursor *c)
{
    const uint8_t *p = cur_take(c, 3);
    return p ? be24_at(p) : 0;
}
static inline uint32_t cur_be32(struct cursor *c)
{
    const uint8_t *p = cur_take(c, 4);
    return p ? be32_at(p) : 0;
}
static inline uint16_t cur_le16(struct cursor *c)
{
    const uint8_t *p = cur_take(c, 2);
    return p ? le16_at(p) : 0;
}
static inline uint32_t cur_le32(struct cursor *c)
{
    const uint8_t *p = cur_take(c, 4);
    return p ? le32_at(p) : 0;
}

#endif
