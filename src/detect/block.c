/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tests of one block, on one buffer.
 *
 * A cursor stands behind the last match.  A match whose successor starts from the cursor is tried again
 * from the next place when the successor fails (doc/matching.md); the number of such tries has a limit
 * for each block.  Recursion is one level a test, and a block has at most a few hundred.
 */
#include "detect/block.h"

#include "base/find.h"

#include <string.h>

enum outcome { FAILS, HOLDS, FAILS_FOR_GOOD /* no other place of what stands before can help */ };

static enum outcome run(struct block *b, const struct img_test *t);

bool uint_holds(unsigned op, uint64_t v, uint64_t a, uint64_t b)
{
    switch ((enum num_op)op) {
    case NUM_EQ:
        return v == a;
    case NUM_NE:
        return v != a;
    case NUM_LT:
        return v < a;
    case NUM_LE:
        return v <= a;
    case NUM_GT:
        return v > a;
    case NUM_GE:
        return v >= a;
    case NUM_IN:
        return v >= a && v <= b;
    case NUM_NOT_IN:
        return v < a || v > b;
    case NUM_MASK_SET:
        return (v & a) == b;
    case NUM_MASK_ANY:
        return (v & a) != b;
    }
    return false;
}

/* ------------------------------------------------------------------ content */

static inline void path_note(const struct block *b, const struct img_test *t, uint32_t at, uint32_t end)
{
    if (b->path)
        b->path[t - b->first] = (struct block_span){at, end};
}

bool block_window(const struct block *b, const struct img_test *t, int64_t *from, int64_t *to)
{
    const struct detect *d = b->d;
    const struct input *in = block_input(b, t);
    int64_t lo = 0, hi = in->n, base = (int64_t)in->offset;
    if (t->flags & CONTENT_RELATIVE) {
        int64_t at = d->cursor[t->on_base64] + ((t->flags & CONTENT_DISTANCE) ? block_num(d, t->u.content.distance) : 0);
        if (t->flags & CONTENT_WITHIN)
            hi = at + block_num(d, t->u.content.within);
        lo = at;
        /* offset and depth beside distance: the larger start counts, depth from the cursor */
        if ((t->flags & CONTENT_OFFSET) && block_num(d, t->u.content.offset) - base > lo)
            lo = block_num(d, t->u.content.offset) - base;
        if ((t->flags & CONTENT_DEPTH) && d->cursor[t->on_base64] + block_num(d, t->u.content.depth) < hi)
            hi = d->cursor[t->on_base64] + block_num(d, t->u.content.depth);
    } else {
        int64_t off = (t->flags & CONTENT_OFFSET) ? block_num(d, t->u.content.offset) : 0;
        lo = off - base;
        if (t->flags & CONTENT_DEPTH)
            hi = off + block_num(d, t->u.content.depth) - base;
    }
    if (t->flags & CONTENT_STARTS) {
        lo = -base;
        hi = lo + t->u.content.bytes.n;
    }
    if (lo < 0) {
        if (t->flags & CONTENT_STARTS)
            return false;
        lo = 0;
    }
    if (hi > in->n)
        hi = in->n;
    *from = lo;
    *to = hi;
    return lo <= in->n && hi > 0 && lo < hi;
}

static enum outcome content_found(struct block *b, const struct img_test *t);

/*
 * What searches from the cursor to the end has from a later cursor only places that it had from this one: when it
 * has failed, what stands before need not be tried further on.  Unless it failed for being old: how far a match
 * reaches counts what stands before, too.
 */
static enum outcome content(struct block *b, const struct img_test *t)
{
    enum outcome o = content_found(b, t);
    return o == FAILS && t->for_good == GOOD_ONWARDS && !b->was_stale ? FAILS_FOR_GOOD : o;
}

static enum outcome content_found(struct block *b, const struct img_test *t)
{
    struct detect *d = b->d;
    const struct input *in = block_input(b, t);
    struct str what = img_str(d->image, t->u.content.bytes);
    bool negated = t->flags & CONTENT_NEGATED;
    int64_t from, to;
    uint32_t cursor = d->cursor[t->on_base64];
    enum outcome nothing = t->for_good == GOOD_ALONE ? FAILS_FOR_GOOD : FAILS;
    bool window = block_window(b, t, &from, &to);
    if (!window || to - from < what.n)
        return !negated || (!window && (t->flags & IMG_CONTENT_WINDOW)) ? nothing : run(b, t + 1);
    if ((t->flags & CONTENT_ENDS) && from < (int64_t)in->n - what.n)
        from = (int64_t)in->n - what.n;
    while (to - from >= what.n) {
        const uint8_t *at = find_bytes(in->p + from, (size_t)(to - from), what.p, what.n, t->flags & CONTENT_NOCASE);
        if (at && (t->flags & CONTENT_ENDS) && at + what.n != in->p + in->n)
            at = NULL;
        if (negated)
            return at ? nothing : run(b, t + 1);
        if (!at)
            return nothing;
        d->cursor[t->on_base64] = (uint32_t)(at - in->p) + what.n;
        path_note(b, t, (uint32_t)(at - in->p), d->cursor[t->on_base64]);
        uint32_t far = b->far;
        b->far = u32_max(far, d->cursor[t->on_base64]);
        b->stale = false;
        enum outcome o = run(b, t + 1);
        b->far = far;
        if (o != FAILS || (!t->next_relative && !b->stale))
            return o == FAILS ? nothing : o;
        if (!d->budget || !--d->budget) {
            d->count.limit_hits++;
            return FAILS_FOR_GOOD;
        }
        d->cursor[t->on_base64] = cursor;
        from = at - in->p + 1;
    }
    return negated ? run(b, t + 1) : nothing;
}

/* ------------------------------------------------------------------ pcre */

static enum outcome regex(struct block *b, const struct img_test *t)
{
    struct detect *d = b->d;
    const struct input *in = block_input(b, t);
    enum outcome nothing = t->for_good == GOOD_ALONE ? FAILS_FOR_GOOD : FAILS;
    uint32_t start = (t->flags & REGEX_RELATIVE) ? d->cursor[t->on_base64] : 0, from = 0, ov[2];
    if (start > in->n)
        return t->flags & REGEX_NEGATED ? run(b, t + 1) : FAILS;
    for (;;) {
        int rc = regex_match(d, t, in->p + start, in->n - start, from, ov);
        if (t->flags & REGEX_NEGATED)
            return rc ? nothing : run(b, t + 1);
        if (!rc)
            return nothing;
        uint32_t taken = d->n_taken;
        if (t->u.pcre.n_captures)
            vars_take(d, t, in->p + start);
        d->cursor[t->on_base64] = start + ov[1];
        path_note(b, t, start + ov[0], start + ov[1]);
        uint32_t far = b->far;
        b->far = u32_max(far, start + ov[1]);
        b->stale = false;
        enum outcome o = run(b, t + 1);
        b->far = far;
        if (o != HOLDS)
            d->n_taken = taken;
        if (o != FAILS || (!t->next_relative && !b->stale))
            return o == FAILS ? nothing : o;
        if (!d->budget || !--d->budget) {
            d->count.limit_hits++;
            return FAILS_FOR_GOOD;
        }
        from = ov[0] + 1;
        if (from > in->n - start)
            return nothing;
    }
}

/* ------------------------------------------------------------------ in order */

/* Tests that have one place to hold at: nothing of them is tried again. */
static bool holds_here(struct block *b, const struct img_test *t)
{
    struct detect *d = b->d;
    switch (t->kind) {
    case TEST_ISDATAAT:
        return block_isdataat(b, t);
    case TEST_BYTE_TEST:
        return block_byte_test(b, t);
    case TEST_BYTE_JUMP:
        return block_byte_jump(b, t);
    case TEST_BYTE_EXTRACT:
        return block_byte_extract(b, t);
    case TEST_BYTE_MATH:
        return block_byte_math(b, t);
    case TEST_BSIZE:
        return uint_holds(t->u.uint.op, block_input(b, t)->n + block_input(b, t)->offset, t->u.uint.a, t->u.uint.b);
    case TEST_ENTROPY:
        return block_entropy(b, t);
    case TEST_KEY_BUFFER:
        return key_holds(d, t, block_input(b, t));
    case TEST_BASE64_DECODE:
        return block_base64(b, t);
    case TEST_DATASET:
    case TEST_FILE_HASH:
        return set_test(d, t, block_input(b, t));
    case TEST_RPC:
        return block_rpc(b, t);
    case TEST_ASN1:
        return block_asn1(b, t);
    case TEST_FTPBOUNCE:
        return block_ftpbounce(b);
    default:
        return false;
    }
}

static enum outcome run(struct block *b, const struct img_test *t)
{
    for (; t < b->end; t++) {
        if (t->kind == TEST_CONTENT)
            return content(b, t);
        if (t->kind == TEST_PCRE)
            return regex(b, t);
        if (!holds_here(b, t))
            return FAILS;
    }
    /* Bytes kept from an earlier inspection are there so that what lies across is found, not to be found again. */
    if (b->in->fresh && b->far && b->far <= b->in->fresh) {
        b->stale = b->was_stale = true;
        return FAILS;
    }
    b->d->reach = b->far;
    return HOLDS;
}

enum { STEP_BYTES = 64 }; /* looked at for the price of one place that is tried */

bool block_match(struct detect *d, const struct img_test *t, unsigned n, const struct input *in)
{
    return block_match_path(d, t, n, in, NULL);
}

bool block_match_path(struct detect *d, const struct img_test *t, unsigned n, const struct input *in,
                      struct block_span *path)
{
    struct block b = {.d = d, .first = t, .end = t + n, .in = in, .path = path};
    d->cursor[0] = d->cursor[1] = 0;
    d->base64 = (struct input){.p = (const uint8_t *)"", .n = 0};
    d->budget = d->config.recursion_limit;
    bool holds = run(&b, t) == HOLDS;
    d->steps += n + (d->config.recursion_limit - d->budget) + in->n / STEP_BYTES;
    return holds;
}
