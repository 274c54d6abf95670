/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The tests of one block, on one buffer.
 *
 * A cursor stands behind the last match.  A match whose successor starts from the cursor is tried again
 * from the next place when the successor fails (doc/matching.md); the number of such tries has a limit
 * for each block.  Recursion is one level a test, and a block has at most a few hundred.
 */
#include "detect/match.h"

#include "base/cursor.h"

#include <ctype.h>
#include <string.h>
#include <strings.h>

enum outcome { FAILS, HOLDS, FAILS_FOR_GOOD /* no other place of what stands before can help */ };

struct block {
    struct detect *d;
    const struct img_test *end;
    const struct input *in;
};

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

static int64_t num(const struct detect *d, struct img_num n)
{
    return n.var >= 0 ? d->var[(uint8_t)n.var] + n.v : n.v;
}

static const struct input *input_of(const struct block *b, const struct img_test *t)
{
    return t->on_base64 ? &b->d->base64 : b->in;
}

/* ------------------------------------------------------------------ content */

static const uint8_t *find_folded(const uint8_t *p, size_t n, const uint8_t *what, size_t m)
{
    uint8_t lo = what[0], up = (uint8_t)toupper(lo);
    const uint8_t *end = p + n - m + 1;
    const uint8_t *a = NULL, *c = NULL; /* next lower, next upper first letter */
    while (p < end) {
        if (!a || a < p)
            a = memchr(p, lo, (size_t)(end - p));
        if (!a)
            a = end;
        if (lo == up)
            c = end;
        else if (!c || c < p)
            c = memchr(p, up, (size_t)(end - p));
        if (!c)
            c = end;
        p = a < c ? a : c;
        if (p >= end)
            return NULL;
        size_t k = 1;
        while (k < m && tolower(p[k]) == what[k])
            k++;
        if (k == m)
            return p;
        p++;
    }
    return NULL;
}

static const uint8_t *find(const uint8_t *p, size_t n, struct str what, bool nocase)
{
    if (n < what.n)
        return NULL;
    return nocase ? find_folded(p, n, what.p, what.n) : memmem(p, n, what.p, what.n);
}

/* The window in which a content may lie, in offsets of the buffer; false: nowhere. */
static bool content_window(const struct block *b, const struct img_test *t, int64_t *from, int64_t *to)
{
    const struct detect *d = b->d;
    const struct input *in = input_of(b, t);
    int64_t lo = 0, hi = in->n, base = (int64_t)in->offset;
    if (t->flags & CONTENT_RELATIVE) {
        int64_t at = d->cursor[t->on_base64] + ((t->flags & CONTENT_DISTANCE) ? num(d, t->u.content.distance) : 0);
        if (t->flags & CONTENT_WITHIN)
            hi = at + num(d, t->u.content.within);
        lo = at;
        /* offset and depth beside distance: the larger start counts, depth from the cursor */
        if ((t->flags & CONTENT_OFFSET) && num(d, t->u.content.offset) - base > lo)
            lo = num(d, t->u.content.offset) - base;
        if ((t->flags & CONTENT_DEPTH) && d->cursor[t->on_base64] + num(d, t->u.content.depth) < hi)
            hi = d->cursor[t->on_base64] + num(d, t->u.content.depth);
    } else {
        int64_t off = (t->flags & CONTENT_OFFSET) ? num(d, t->u.content.offset) : 0;
        lo = off - base;
        if (t->flags & CONTENT_DEPTH)
            hi = off + num(d, t->u.content.depth) - base;
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

static enum outcome content(struct block *b, const struct img_test *t)
{
    struct detect *d = b->d;
    const struct input *in = input_of(b, t);
    struct str what = img_str(d->image, t->u.content.bytes);
    bool negated = t->flags & CONTENT_NEGATED;
    int64_t from, to;
    uint32_t cursor = d->cursor[t->on_base64];
    enum outcome nothing = negated ? HOLDS : (t->flags & CONTENT_RELATIVE) ? FAILS : FAILS_FOR_GOOD;
    if (!content_window(b, t, &from, &to) || to - from < what.n)
        return negated ? run(b, t + 1) : nothing;
    if ((t->flags & CONTENT_ENDS) && from < (int64_t)in->n - what.n)
        from = (int64_t)in->n - what.n;
    while (to - from >= what.n) {
        const uint8_t *at = find(in->p + from, (size_t)(to - from), what, t->flags & CONTENT_NOCASE);
        if (at && (t->flags & CONTENT_ENDS) && at + what.n != in->p + in->n)
            at = NULL;
        if (negated)
            return at ? FAILS : run(b, t + 1);
        if (!at)
            return nothing;
        d->cursor[t->on_base64] = (uint32_t)(at - in->p) + what.n;
        enum outcome o = run(b, t + 1);
        if (o != FAILS || !t->next_relative)
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
    const struct input *in = input_of(b, t);
    uint32_t start = (t->flags & REGEX_RELATIVE) ? d->cursor[t->on_base64] : 0, from = 0, ov[2];
    if (start > in->n)
        return t->flags & REGEX_NEGATED ? run(b, t + 1) : FAILS;
    for (;;) {
        int rc = regex_match(d, t, in->p + start, in->n - start, from, ov);
        if (t->flags & REGEX_NEGATED)
            return rc ? FAILS : run(b, t + 1);
        if (!rc)
            return FAILS;
        d->cursor[t->on_base64] = start + ov[1];
        enum outcome o = run(b, t + 1);
        if (o != FAILS || !t->next_relative)
            return o;
        if (!d->budget || !--d->budget) {
            d->count.limit_hits++;
            return FAILS_FOR_GOOD;
        }
        from = ov[0] + 1;
        if (from > in->n - start)
            return FAILS;
    }
}

/* ------------------------------------------------------------------ numbers in the buffer */

/* Digits in the given base; 0: by prefix.  Stops at the first that is none. */
static bool digits(const uint8_t *p, uint32_t n, unsigned base, uint64_t *out, uint32_t *used)
{
    uint32_t k = 0;
    uint64_t v = 0;
    bool any = false, minus = false;
    while (k < n && (p[k] == ' ' || (p[k] >= '\t' && p[k] <= '\r')))
        k++;
    if (k < n && (p[k] == '-' || p[k] == '+'))
        minus = p[k++] == '-';
    if ((base == 16 || base == 0) && k + 1 < n && p[k] == '0' && (p[k + 1] | 32) == 'x') {
        k += 2;
        base = 16;
    } else if (base == 0) {
        base = k < n && p[k] == '0' ? 8 : 10;
    }
    for (; k < n; k++) {
        unsigned c = p[k], x = c >= '0' && c <= '9' ? c - '0' : (c | 32) >= 'a' && (c | 32) <= 'f' ? (c | 32) - 'a' + 10 : 99;
        if (x >= base)
            break;
        if (v > (UINT64_MAX - x) / base)
            return false;
        v = v * base + x;
        any = true;
    }
    *out = minus ? (uint64_t) - (int64_t)v : v;
    *used = k;
    return any;
}

/* Reads the field of a byte_* test; *end is behind it. */
static bool read_field(const struct block *b, const struct img_test *t, uint64_t *v, int64_t *end)
{
    const struct detect *d = b->d;
    const struct input *in = input_of(b, t);
    int64_t n = num(d, t->u.bytes.n), at = num(d, t->u.bytes.offset);
    at = t->flags & BYTE_RELATIVE ? at + d->cursor[t->on_base64] : at - (int64_t)in->offset;
    if (at < 0 || at > in->n || n < 0)
        return false;
    const uint8_t *p = in->p + at;
    if (t->flags & BYTE_STRING) {
        uint32_t room = (uint32_t)(in->n - at), used;
        if (n == 0)
            n = room > 23 ? 23 : room; /* all digits that stand there */
        if (n > room || n > 23)
            return false;
        if (!digits(p, (uint32_t)n, t->u.bytes.base, v, &used))
            return false;
        *end = at + (num(d, t->u.bytes.n) ? n : used);
        return true;
    }
    if (n > 8 || n > (int64_t)in->n - at)
        return false;
    uint64_t x = 0;
    bool little = t->flags & BYTE_LITTLE;
    if (t->flags & BYTE_DCE)
        little = true; /* of the DCE header; without one: its usual order */
    for (int64_t k = 0; k < n; k++)
        x = x << 8 | p[little ? n - 1 - k : k];
    *v = x;
    *end = at + n;
    if (t->u.bytes.bitmask) {
        *v &= t->u.bytes.bitmask;
        *v >>= __builtin_ctzll(t->u.bytes.bitmask);
    }
    return true;
}

static uint64_t value_of(const struct detect *d, const struct img_test *t)
{
    int64_t v = t->u.bytes.value;
    return (uint64_t)(t->u.bytes.value_var >= 0 ? d->var[(uint8_t)t->u.bytes.value_var] + v : v);
}

static bool byte_test(const struct block *b, const struct img_test *t)
{
    uint64_t v, want = value_of(b->d, t);
    int64_t end;
    if (!read_field(b, t, &v, &end))
        return false;
    bool r = false;
    switch ((enum byte_op)t->u.bytes.op) {
    case BYTE_LT:
        r = v < want;
        break;
    case BYTE_GT:
        r = v > want;
        break;
    case BYTE_EQ:
        r = v == want;
        break;
    case BYTE_LE:
        r = v <= want;
        break;
    case BYTE_GE:
        r = v >= want;
        break;
    case BYTE_AND:
        r = (v & want) != 0;
        break;
    case BYTE_XOR:
        r = (v ^ want) != 0;
        break;
    }
    return r != ((t->flags & BYTE_NEGATED) != 0);
}

static bool byte_jump(const struct block *b, const struct img_test *t)
{
    struct detect *d = b->d;
    const struct input *in = input_of(b, t);
    uint64_t v = 0;
    int64_t end;
    if (!read_field(b, t, &v, &end))
        return false;
    int64_t jump = (int64_t)(v > INT32_MAX ? INT32_MAX : v);
    if (t->u.bytes.multiplier)
        jump *= t->u.bytes.multiplier;
    if ((t->flags & BYTE_ALIGN4) && jump % 4)
        jump += 4 - jump % 4;
    jump += t->u.bytes.post;
    if (t->u.bytes.post_var >= 0)
        jump += d->var[(uint8_t)t->u.bytes.post_var];
    if (t->flags & BYTE_FROM_BEGIN)
        end = 0;
    else if (t->flags & BYTE_FROM_END)
        end = in->n;
    int64_t to = end + jump;
    if (to < 0 || to > in->n)
        return false;
    d->cursor[t->on_base64] = (uint32_t)to;
    return true;
}

static bool byte_extract(const struct block *b, const struct img_test *t)
{
    struct detect *d = b->d;
    uint64_t v;
    int64_t end;
    if (!read_field(b, t, &v, &end) || end > input_of(b, t)->n)
        return false;
    if (t->u.bytes.multiplier)
        v *= (uint64_t)t->u.bytes.multiplier;
    unsigned align = t->flags & BYTE_ALIGN4 ? 4 : t->flags & BYTE_ALIGN2 ? 2 : 1;
    if (v % align)
        v += align - v % align;
    d->cursor[t->on_base64] = (uint32_t)end;
    if (t->u.bytes.result >= 0)
        d->var[(uint8_t)t->u.bytes.result] = (int64_t)v;
    return true;
}

static bool byte_math(const struct block *b, const struct img_test *t)
{
    struct detect *d = b->d;
    uint64_t v, r = value_of(d, t);
    int64_t end;
    if (!read_field(b, t, &v, &end))
        return false;
    switch (t->u.bytes.op) {
    case '+':
        v += r;
        break;
    case '-':
        v -= r;
        break;
    case '*':
        v *= r;
        break;
    case '/':
        if (!r)
            return false;
        v /= r;
        break;
    case '<':
        v = r < 64 ? v << r : 0;
        break;
    case '>':
        v = r < 64 ? v >> r : 0;
        break;
    default:
        return false;
    }
    d->cursor[t->on_base64] = (uint32_t)end;
    if (t->u.bytes.result >= 0)
        d->var[(uint8_t)t->u.bytes.result] = (int64_t)v;
    return true;
}

static bool isdataat(const struct block *b, const struct img_test *t)
{
    const struct input *in = input_of(b, t);
    int64_t v = (int64_t)value_of(b->d, t);
    bool r;
    if (t->flags & BYTE_RELATIVE)
        r = (int64_t)b->d->cursor[t->on_base64] + v <= in->n;
    else
        r = (int64_t)in->n + (int64_t)in->offset > v;
    return r != ((t->flags & BYTE_NEGATED) != 0);
}

/* ------------------------------------------------------------------ base64 */

int base64_value(uint8_t c)
{
    if (c >= 'A' && c <= 'Z')
        return c - 'A';
    if (c >= 'a' && c <= 'z')
        return c - 'a' + 26;
    if (c >= '0' && c <= '9')
        return c - '0' + 52;
    return c == '+' ? 62 : c == '/' ? 63 : -1;
}

/* RFC 4648; stops at the first foreign byte. */
static bool base64(struct block *b, const struct img_test *t)
{
    enum { MOST = 65536 };
    struct detect *d = b->d;
    int64_t at = num(d, t->u.bytes.offset), n = num(d, t->u.bytes.n);
    if (t->flags & BYTE_RELATIVE)
        at += d->cursor[0];
    if (at < 0 || at >= b->in->n)
        return false;
    const uint8_t *p = b->in->p + at;
    uint32_t left = (uint32_t)(b->in->n - at), used = 0;
    if (n > 0 && (uint64_t)n < left)
        left = (uint32_t)n;
    if (left > MOST)
        left = MOST;
    uint8_t *out = arena_alloc_raw(&d->arena, left + 4);
    if (!out)
        return false;
    uint32_t bits = 0, have = 0;
    for (uint32_t k = 0; k < left; k++) {
        int v = base64_value(p[k]);
        if (v < 0)
            break;
        bits = bits << 6 | (uint32_t)v;
        have += 6;
        if (have >= 8) {
            have -= 8;
            out[used++] = (uint8_t)(bits >> have);
        }
    }
    d->base64 = (struct input){.p = out, .n = used, .last = true};
    d->cursor[1] = 0;
    return used > 0;
}

/* ------------------------------------------------------------------ protocols by their bytes */

/* RFC 1831: a call, over UDP, or over TCP behind the record mark. */
static bool rpc(const struct block *b, const struct img_test *t)
{
    const uint8_t *p = b->in->p;
    uint32_t n = b->in->n;
    if (b->d->p && b->d->p->proto == 6) {
        if (n < 4)
            return false;
        p += 4;
        n -= 4;
    }
    if (n < 24 || be32_at(p + 4) != 0 || be32_at(p + 8) != 2)
        return false;
    return (t->u.rpc.program < 0 || be32_at(p + 12) == (uint64_t)t->u.rpc.program) &&
           (t->u.rpc.version < 0 || be32_at(p + 16) == (uint64_t)t->u.rpc.version) &&
           (t->u.rpc.procedure < 0 || be32_at(p + 20) == (uint64_t)t->u.rpc.procedure);
}

/* PORT h1,h2,h3,h4,p1,p2 with an address that is not the client's. */
static bool ftpbounce(const struct block *b)
{
    const uint8_t *p = b->in->p;
    uint32_t n = b->in->n, k = b->d->cursor[0];
    uint8_t a[4];
    if (!b->d->p || b->d->p->ver != 4 || k > n)
        return false;
    while (k < n && (p[k] == ' ' || p[k] == '\t'))
        k++;
    for (unsigned i = 0; i < 4; i++) {
        unsigned v = 0, m = 0;
        for (; k < n && isdigit(p[k]) && m < 3; k++, m++)
            v = v * 10 + (p[k] - '0');
        if (!m || v > 255 || k >= n || p[k++] != ',')
            return false;
        a[i] = (uint8_t)v;
    }
    return memcmp(a, b->d->p->src.b + 12, 4) != 0;
}

/* BER: walks the elements and looks for lengths that break decoders. */
static bool asn1(const struct block *b, const struct img_test *t)
{
    enum { ELEMENTS = 256 };
    int64_t at = t->u.asn1.relative ? (int64_t)b->d->cursor[0] + t->u.asn1.relative_offset : t->u.asn1.absolute_offset;
    if (at < 0 || at >= b->in->n)
        return false;
    struct cursor c = cur_of(b->in->p + at, (size_t)(b->in->n - at));
    for (unsigned k = 0; k < ELEMENTS && cur_left(&c) >= 2; k++) {
        uint8_t tag = cur_u8(&c);
        if ((tag & 31) == 31) {
            unsigned m = 0;
            while (m++ < 5 && (cur_u8(&c) & 128) && !c.bad)
                ;
        }
        uint8_t l = cur_u8(&c);
        uint64_t len = l;
        if (l & 128) {
            len = 0;
            unsigned m = l & 127;
            if (m > 8)
                return t->u.asn1.oversize;
            while (m--)
                len = len << 8 | cur_u8(&c);
        }
        if (c.bad)
            return false;
        if (t->u.asn1.oversize && len > t->u.asn1.oversize_length)
            return true;
        if (t->u.asn1.bitstring_overflow && tag == 3 && len && cur_left(&c) && (len - 1) * 8 < c.at[0])
            return true;
        if (t->u.asn1.double_overflow && tag == 9 && cur_left(&c)) {
            uint8_t first = c.at[0];
            if (!(first & 128) && !(first & 64) && len > 256)
                return true;
        }
        if (tag & 32)
            continue; /* constructed: what is in it follows */
        if (len > cur_left(&c))
            return false;
        cur_skip(&c, (size_t)len);
    }
    return false;
}

/* ------------------------------------------------------------------ in order */

static enum outcome run(struct block *b, const struct img_test *t)
{
    struct detect *d = b->d;
    for (; t < b->end; t++) {
        bool ok;
        switch (t->kind) {
        case TEST_CONTENT:
            return content(b, t);
        case TEST_PCRE:
            return regex(b, t);
        case TEST_ISDATAAT:
            ok = isdataat(b, t);
            break;
        case TEST_BYTE_TEST:
            ok = byte_test(b, t);
            break;
        case TEST_BYTE_JUMP:
            ok = byte_jump(b, t);
            break;
        case TEST_BYTE_EXTRACT:
            ok = byte_extract(b, t);
            break;
        case TEST_BYTE_MATH:
            ok = byte_math(b, t);
            break;
        case TEST_BSIZE:
            ok = uint_holds(t->u.uint.op, input_of(b, t)->n + input_of(b, t)->offset, t->u.uint.a, t->u.uint.b);
            break;
        case TEST_BASE64_DECODE:
            ok = base64(b, t);
            break;
        case TEST_RPC:
            ok = rpc(b, t);
            break;
        case TEST_ASN1:
            ok = asn1(b, t);
            break;
        case TEST_FTPBOUNCE:
            ok = ftpbounce(b);
            break;
        default:
            (void)d;
            ok = false;
        }
        if (!ok)
            return FAILS;
    }
    return HOLDS;
}

bool block_match(struct detect *d, const struct img_test *t, unsigned n, const struct input *in)
{
    struct block b = {.d = d, .end = t + n, .in = in};
    d->cursor[0] = d->cursor[1] = 0;
    d->base64 = (struct input){.p = (const uint8_t *)"", .n = 0};
    d->budget = d->config.recursion_limit;
    return run(&b, t) == HOLDS;
}
