/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Bytes from hex digits, and ClientHellos from lists, for tests. */
#ifndef APP_TLS_TEST_HEX_H
#define APP_TLS_TEST_HEX_H

#include <stdio.h>

#include "app/test_util.h"

static inline uint32_t hex_of(const char *s, uint8_t *out)
{
    uint32_t n = 0;
    for (; s && *s; s++) {
        unsigned v;
        if (*s == ' ')
            continue;
        assert_int_equal(sscanf(s, "%2x", &v), 1);
        out[n++] = (uint8_t)v;
        s++;
    }
    return n;
}

static inline uint32_t hello_build(uint8_t *out, uint16_t version, const char *ciphers,
                                   const char *extensions)
{
    uint8_t c[512], e[2048];
    uint32_t cn = hex_of(ciphers, c), en = extensions ? hex_of(extensions, e) : 0, n = 0;
    out[n++] = (uint8_t)(version >> 8);
    out[n++] = (uint8_t)version;
    memset(out + n, 7, 32);
    n += 32;
    out[n++] = 0;
    out[n++] = (uint8_t)(cn >> 8);
    out[n++] = (uint8_t)cn;
    memcpy(out + n, c, cn);
    n += cn;
    out[n++] = 1;
    out[n++] = 0;
    if (!extensions)
        return n;
    out[n++] = (uint8_t)(en >> 8);
    out[n++] = (uint8_t)en;
    memcpy(out + n, e, en);
    return n + en;
}

#endif
