/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * First and last byte are compared at 16 places at once; what has both is compared whole.  The C
 * library's memmem pays for its table of shifts on every call, which is much for a few hundred bytes.
 */
#include "base/find.h"

#include <string.h>
#ifdef __SSE2__
#include <emmintrin.h>
#endif

static uint8_t lower(uint8_t c)
{
    return c >= 'A' && c <= 'Z' ? (uint8_t)(c + 32) : c;
}

static uint8_t upper(uint8_t c)
{
    return c >= 'a' && c <= 'z' ? (uint8_t)(c - 32) : c;
}

static bool same(const uint8_t *p, const uint8_t *what, size_t m, bool nocase)
{
    if (!nocase)
        return !memcmp(p, what, m);
    for (size_t k = 0; k < m; k++)
        if (lower(p[k]) != what[k])
            return false;
    return true;
}

const uint8_t *find_bytes(const uint8_t *p, size_t n, const uint8_t *what, size_t m, bool nocase)
{
    if (n < m)
        return NULL;
    if (!m)
        return p;
    size_t places = n - m + 1, k = 0;
    if (m == 1 && (!nocase || upper(what[0]) == what[0]))
        return memchr(p, what[0], n);
#ifdef __SSE2__
    const __m128i first = _mm_set1_epi8((char)what[0]), last = _mm_set1_epi8((char)what[m - 1]);
    const __m128i first2 = nocase ? _mm_set1_epi8((char)upper(what[0])) : first;
    const __m128i last2 = nocase ? _mm_set1_epi8((char)upper(what[m - 1])) : last;
    for (; k + 16 <= places; k += 16) {
        __m128i a = _mm_loadu_si128((const void *)(p + k));
        __m128i b = _mm_loadu_si128((const void *)(p + k + m - 1));
        __m128i f = _mm_or_si128(_mm_cmpeq_epi8(a, first), _mm_cmpeq_epi8(a, first2));
        __m128i l = _mm_or_si128(_mm_cmpeq_epi8(b, last), _mm_cmpeq_epi8(b, last2));
        for (unsigned bits = (unsigned)_mm_movemask_epi8(_mm_and_si128(f, l)); bits; bits &= bits - 1) {
            const uint8_t *at = p + k + __builtin_ctz(bits);
            if (same(at, what, m, nocase))
                return at;
        }
    }
#endif
    for (; k < places; k++)
        if ((nocase ? lower(p[k]) : p[k]) == what[0] && same(p + k, what, m, nocase))
            return p + k;
    return NULL;
}
