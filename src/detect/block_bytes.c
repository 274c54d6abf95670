/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Numbers in a buffer: byte_test, byte_jump, byte_extract, byte_math, isdataat; and base64_decode.  Each moves
 * the block's cursor or variables; none reads outside the buffer.
 */
#include "detect/block.h"

#include <ctype.h>
#include <math.h>

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
    if ((base == 16 || base == 0) && k + 2 < n && p[k] == '0' && (p[k + 1] | 32) == 'x' && isxdigit(p[k + 2])) {
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
    *out = minus ? 0 - v : v;
    *used = k;
    return any;
}

bool block_field(const struct block *b, const struct img_test *t, uint64_t *v, int64_t *end)
{
    const struct detect *d = b->d;
    const struct input *in = block_input(b, t);
    int64_t n = block_num(d, t->u.bytes.n), at = block_num(d, t->u.bytes.offset);
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
        *end = at + (block_num(d, t->u.bytes.n) ? n : used);
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
    return (uint64_t)v + (t->u.bytes.value_var >= 0 ? (uint64_t)d->var[(uint8_t)t->u.bytes.value_var] : 0);
}

bool block_byte_test(const struct block *b, const struct img_test *t)
{
    uint64_t v, want = value_of(b->d, t);
    int64_t end;
    if (!block_field(b, t, &v, &end))
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

bool block_byte_jump(const struct block *b, const struct img_test *t)
{
    struct detect *d = b->d;
    const struct input *in = block_input(b, t);
    uint64_t v = 0;
    int64_t end;
    if (!block_field(b, t, &v, &end))
        return false;
    int64_t jump = (int64_t)(v > INT32_MAX ? INT32_MAX : v);
    if (t->u.bytes.multiplier)
        jump *= t->u.bytes.multiplier;
    if ((t->flags & BYTE_ALIGN4) && jump % 4)
        jump += 4 - jump % 4;
    jump += t->u.bytes.post;
    if (t->u.bytes.post_var >= 0)
        jump += block_clamp(d->var[(uint8_t)t->u.bytes.post_var]);
    if (t->flags & BYTE_FROM_BEGIN)
        end = 0;
    else if (t->flags & BYTE_FROM_END)
        end = in->n;
    int64_t to = end + jump;
    if (to < 0 && (t->flags & BYTE_TO_START))
        to = 0;
    if (to < 0 || to > in->n)
        return false;
    d->cursor[t->on_base64] = (uint32_t)to;
    return true;
}

bool block_byte_extract(const struct block *b, const struct img_test *t)
{
    struct detect *d = b->d;
    uint64_t v;
    int64_t end;
    if (!block_field(b, t, &v, &end) || end > block_input(b, t)->n)
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

bool block_byte_math(const struct block *b, const struct img_test *t)
{
    struct detect *d = b->d;
    uint64_t v, r = value_of(d, t);
    int64_t end;
    if (!block_field(b, t, &v, &end))
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

bool block_isdataat(const struct block *b, const struct img_test *t)
{
    const struct input *in = block_input(b, t);
    int64_t v = block_clamp((int64_t)value_of(b->d, t));
    bool r;
    if (t->flags & BYTE_RELATIVE)
        r = (int64_t)b->d->cursor[t->on_base64] + v <= in->n;
    else
        r = (int64_t)in->n + (int64_t)in->offset > v;
    return r != ((t->flags & BYTE_NEGATED) != 0);
}

/* ------------------------------------------------------------------ entropy */

static bool real_holds(unsigned op, double v, double a, double b)
{
    switch ((enum num_op)op) {
    case NUM_EQ:
        return v <= a && v >= a;
    case NUM_NE:
        return v < a || v > a;
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
    case NUM_MASK_ANY:
        break;
    }
    return false;
}

/* Shannon's, in bits a byte: of nothing there is none. */
bool block_entropy_of(const struct block *b, const struct img_test *t, double *out)
{
    const struct input *in = block_input(b, t);
    uint32_t count[256] = {0}, n = in->n > t->u.entropy.offset ? in->n - t->u.entropy.offset : 0;
    double v = 0;
    if (t->u.entropy.bytes && t->u.entropy.bytes < n)
        n = t->u.entropy.bytes;
    if (!n)
        return false;
    for (uint32_t k = 0; k < n; k++)
        count[in->p[t->u.entropy.offset + k]]++;
    for (unsigned k = 0; k < 256; k++)
        if (count[k])
            v -= (double)count[k] / n * log2((double)count[k] / n);
    *out = v;
    return true;
}

bool block_entropy(const struct block *b, const struct img_test *t)
{
    double v;
    if (!block_entropy_of(b, t, &v))
        return false;
    vars_number(b->d, t->u.entropy.name, v); /* also where it does not hold */
    return real_holds(t->u.entropy.op, v, t->u.entropy.a, t->u.entropy.b);
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
bool block_base64(struct block *b, const struct img_test *t)
{
    enum { MOST = 65536 };
    struct detect *d = b->d;
    int64_t at = block_num(d, t->u.bytes.offset), n = block_num(d, t->u.bytes.n);
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
