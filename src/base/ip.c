/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Addresses from and to text. */
#include "base/ip.h"

#include "base/bytes.h"
#include <arpa/inet.h>

int ip_cmp(const struct ip_addr *a, const struct ip_addr *b)
{
    return memcmp(a->b, b->b, sizeof(a->b));
}

bool ip_parse(struct str s, struct ip_addr *out, uint8_t *ver)
{
    char z[IP_TEXT];
    if (!s.n || s.n >= sizeof(z) || memchr(s.p, 0, s.n))
        return false;
    memcpy(z, s.p, s.n);
    z[s.n] = 0;
    uint8_t raw[16];
    if (str_chr(s, ':') >= 0) {
        if (inet_pton(AF_INET6, z, raw) != 1)
            return false;
        *out = ip_from_v6(raw);
        *ver = 6;
        return true;
    }
    if (inet_pton(AF_INET, z, raw) != 1)
        return false;
    *out = ip_from_v4(raw);
    *ver = 4;
    return true;
}

/* Clears what is behind the prefix. */
static void mask_apply(struct ip_addr *a, unsigned keep)
{
    unsigned i = keep / 8;
    if (keep % 8) {
        a->b[i] &= (uint8_t)(0xff00u >> keep % 8);
        i++;
    }
    for (; i < 16; i++)
        a->b[i] = 0;
}

bool ip_prefix_parse(struct str s, struct ip_prefix *out)
{
    struct str tail;
    int64_t slash = str_chr(s, '/');
    struct str head = str_split(s, '/', &tail);
    struct ip_addr a;
    uint8_t ver;
    if (!ip_parse(head, &a, &ver))
        return false;
    unsigned most = ver == 4 ? 32 : 128;
    uint64_t bits = most;
    if (slash >= 0 && ver == 4 && str_chr(tail, '.') >= 0) {
        struct ip_addr m;
        uint8_t mver;
        if (!ip_parse(tail, &m, &mver) || mver != 4)
            return false;
        uint32_t mask = be32_at(m.b + 12);
        bits = (uint64_t)__builtin_popcount(mask);
        if (bits && mask != ~0u << (32 - bits))
            return false; /* a mask with holes is no prefix */
    } else if (slash >= 0 && (!str_u64_base(tail, 10, &bits) || bits > most)) {
        return false;
    }
    mask_apply(&a, (unsigned)bits + (ver == 4 ? 96 : 0));
    *out = (struct ip_prefix){.addr = a, .ver = ver, .bits = (uint8_t)bits};
    return true;
}

bool ip_prefix_has(const struct ip_prefix *p, uint8_t ver, const struct ip_addr *a)
{
    if (ver != p->ver)
        return false;
    struct ip_addr m = *a;
    mask_apply(&m, p->bits + (ver == 4 ? 96u : 0u));
    return ip_eq(&m, &p->addr);
}

static char *put_octet(char *to, unsigned v)
{
    if (v >= 100)
        *to++ = (char)('0' + v / 100);
    if (v >= 10)
        *to++ = (char)('0' + v / 10 % 10);
    *to++ = (char)('0' + v % 10);
    return to;
}

static char *format_v4(const uint8_t *b, char *to)
{
    for (int i = 0; i < 4; i++) {
        to = put_octet(to, b[i]);
        *to++ = i < 3 ? '.' : '\0';
    }
    return to;
}

char *ip_format(const struct ip_addr *a, uint8_t ver, char out[IP_TEXT])
{
    static const char hex[] = "0123456789abcdef";
    if (ver == 4) {
        format_v4(a->b + 12, out);
        return out;
    }
    char *to = out;
    for (int i = 0; i < 16; i += 2) {
        *to++ = hex[a->b[i] >> 4];
        *to++ = hex[a->b[i] & 15];
        *to++ = hex[a->b[i + 1] >> 4];
        *to++ = hex[a->b[i + 1] & 15];
        *to++ = i < 14 ? ':' : '\0';
    }
    return out;
}

char *ip_format_short(const struct ip_addr *a, uint8_t ver, char out[IP_TEXT])
{
    if (ver == 4)
        return ip_format(a, ver, out);
    if (!inet_ntop(AF_INET6, a->b, out, IP_TEXT))
        out[0] = 0;
    return out;
}
