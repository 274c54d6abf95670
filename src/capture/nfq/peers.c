/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Senders by bridge port (peers.h). */
#include "capture/nfq/peers.h"

#include <string.h>

enum { SRC4 = 12, DST4 = 16, SRC6 = 8, DST6 = 24, HEAD4 = 20, HEAD6 = 40 };

/* The address as 16 bytes.  False: no IP packet. */
static bool address(const uint8_t *ip, size_t n, bool dst, uint8_t out[16], uint8_t *ver)
{
    *ver = n ? ip[0] >> 4 : 0;
    memset(out, 0, 16);
    if (*ver == 4 && n >= HEAD4)
        memcpy(out, ip + (dst ? DST4 : SRC4), 4);
    else if (*ver == 6 && n >= HEAD6)
        memcpy(out, ip + (dst ? DST6 : SRC6), 16);
    else
        return false;
    return true;
}

static unsigned place_of(const uint8_t a[16])
{
    uint64_t x, y;
    memcpy(&x, a, 8);
    memcpy(&y, a + 8, 8);
    x = (x ^ (y * 0x9e3779b97f4a7c15ull)) * 0xff51afd7ed558ccdull;
    return (unsigned)(x >> 40) % PEERS;
}

void peers_note(struct peers *t, const struct nfq_packet *p)
{
    uint8_t a[16], ver;
    if (!p->bridged || !p->has_src || !p->in || !p->data || !address(p->data, p->n, false, a, &ver))
        return;
    struct peer *r = &t->row[place_of(a)];
    if (r->ver == ver && r->port == p->in && !memcmp(r->addr, a, 16) && !memcmp(r->mac, p->src, 6))
        return;
    *r = (struct peer){.ver = ver, .port = p->in};
    memcpy(r->addr, a, 16);
    memcpy(r->mac, p->src, 6);
}

const struct peer *peers_find(const struct peers *t, const uint8_t *ip, size_t n)
{
    uint8_t a[16], ver;
    if (!address(ip, n, true, a, &ver))
        return NULL;
    const struct peer *r = &t->row[place_of(a)];
    return r->ver == ver && !memcmp(r->addr, a, 16) ? r : NULL;
}
