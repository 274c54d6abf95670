/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names and values from the wire as EVE writes them: what is UTF-8 stays; in anything else the
 * bytes above 127 become \xHH.  (Quotes and control bytes are the JSON writer's.)
 */
#ifndef APP_TEXT_H
#define APP_TEXT_H

#include "base/arena.h"
#include "event/event.h"

/* Bytes of the UTF-8 sequence at p, 0 if it is none (RFC 3629: no surrogates, shortest form). */
static inline unsigned utf8_sequence(const uint8_t *p, uint32_t n)
{
    static const struct {
        uint8_t first, last, low, high; /* of the first byte; of the second */
        uint8_t bytes;
    } forms[] = {
        {0x00, 0x7f, 0, 0, 1},       {0xc2, 0xdf, 0x80, 0xbf, 2}, {0xe0, 0xe0, 0xa0, 0xbf, 3},
        {0xe1, 0xec, 0x80, 0xbf, 3}, {0xed, 0xed, 0x80, 0x9f, 3}, {0xee, 0xef, 0x80, 0xbf, 3},
        {0xf0, 0xf0, 0x90, 0xbf, 4}, {0xf1, 0xf3, 0x80, 0xbf, 4}, {0xf4, 0xf4, 0x80, 0x8f, 4},
    };
    for (unsigned i = 0; i < ARRAY_LEN(forms); i++) {
        if (p[0] < forms[i].first || p[0] > forms[i].last)
            continue;
        unsigned k = forms[i].bytes;
        if (k > n || (k > 1 && (p[1] < forms[i].low || p[1] > forms[i].high)))
            return 0;
        for (unsigned j = 2; j < k; j++)
            if (p[j] >> 6 != 2)
                return 0;
        return k;
    }
    return 0;
}

static inline bool utf8_valid(const uint8_t *p, uint32_t n)
{
    for (uint32_t i = 0; i < n;) {
        unsigned k = p[i] < 0x80 ? 1 : utf8_sequence(p + i, n - i);
        if (k == 0)
            return false;
        i += k;
    }
    return true;
}

static inline void fields_text(struct fields *f, struct arena *scratch, const char *key,
                               const void *bytes, uint32_t n)
{
    static const char hex[] = "0123456789abcdef";
    const uint8_t *p = bytes;
    uint8_t *out = utf8_valid(p, n) ? NULL : arena_alloc_raw(scratch, 4 * (size_t)n);
    if (!out) {
        fields_str(f, key, str_of(p, n));
        return;
    }
    uint32_t k = 0;
    for (uint32_t i = 0; i < n; i++) {
        if (p[i] < 0x80) {
            out[k++] = p[i];
            continue;
        }
        out[k++] = '\\';
        out[k++] = 'x';
        out[k++] = (uint8_t)hex[p[i] >> 4];
        out[k++] = (uint8_t)hex[p[i] & 15];
    }
    fields_str(f, key, str_of(out, k));
}

#endif
