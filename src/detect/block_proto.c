/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Protocols told by their bytes alone: RPC calls, FTP's PORT, BER lengths. */
#include "detect/block.h"

#include "base/cursor.h"

#include <ctype.h>
#include <string.h>

/* RFC 1831: a call, over UDP, or over TCP behind the record mark. */
bool block_rpc(const struct block *b, const struct img_test *t)
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
bool block_ftpbounce(const struct block *b)
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
bool block_asn1(const struct block *b, const struct img_test *t)
{
    enum { ELEMENTS = 256 };
    uint32_t most = b->d->config.asn1_elements ? b->d->config.asn1_elements : ELEMENTS;
    int64_t at = t->u.asn1.relative ? (int64_t)b->d->cursor[0] + t->u.asn1.relative_offset : t->u.asn1.absolute_offset;
    if (at < 0 || at >= b->in->n)
        return false;
    struct cursor c = cur_of(b->in->p + at, (size_t)(b->in->n - at));
    for (unsigned k = 0; k < most && cur_left(&c) >= 2; k++) {
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
