/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Addresses.  IPv4 addresses are kept IPv4-mapped (::ffff:a.b.c.d) so that keys have one size; an
 * address is IPv4 when its packet is, which `ver` beside it tells (an IPv6 packet may carry a
 * mapped address on the wire: tables for the two families stay apart).
 */
#ifndef BASE_IP_H
#define BASE_IP_H

#include "base/attr.h"
#include "base/str.h"
#include <string.h>

struct ip_addr {
    union {
        uint8_t b[16];
        uint32_t w[4];
        uint64_t q[2];
    };
};
struct ip_prefix {
    struct ip_addr addr; /* host bits zero */
    uint8_t ver;         /* 4 or 6 */
    uint8_t bits;        /* 0..32 or 0..128 */
};
#define IP_TEXT 46 /* room for the longest address as text, with NUL */

static inline struct ip_addr ip_from_v4(const void *four)
{
    struct ip_addr a = {.b = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, 0, 0, 0, 0}};
    memcpy(a.b + 12, four, 4);
    return a;
}
static inline struct ip_addr ip_from_v6(const void *sixteen)
{
    struct ip_addr a;
    memcpy(a.b, sixteen, 16);
    return a;
}
static inline bool ip_eq(const struct ip_addr *a, const struct ip_addr *b)
{
    return a->q[0] == b->q[0] && a->q[1] == b->q[1];
}
int ip_cmp(const struct ip_addr *a, const struct ip_addr *b);
bool ip_parse(struct str s, struct ip_addr *out, uint8_t *ver) MUST_CHECK;
/* a.b.c.d/len, a.b.c.d/mask, IPv6/len, or a bare address (then a host prefix). */
bool ip_prefix_parse(struct str s, struct ip_prefix *out) MUST_CHECK;
bool ip_prefix_has(const struct ip_prefix *p, uint8_t ver, const struct ip_addr *a);
/* IPv6 without compression of zeroes, as EVE writes it: eight groups of four digits. */
char *ip_format(const struct ip_addr *a, uint8_t ver, char out[IP_TEXT]);
/* RFC 5952. */
char *ip_format_short(const struct ip_addr *a, uint8_t ver, char out[IP_TEXT]);

#endif
