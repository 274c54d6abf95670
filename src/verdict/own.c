/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Own packets are known again when a mirror port shows them.
 *
 * An end's own reset may carry the very numbers that ours did; what tells them apart is the IPv4
 * identification or the IPv6 flow label, of which every packet of ours has another one.
 */
#include "verdict/respond.h"

#include "base/bytes.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

enum { IP4_LEN = 20, IP6_LEN = 40, L4_KEPT = 8 };

int own_init(struct responder *r)
{
    r->own = calloc(OWN_SETS, sizeof(*r->own));
    return r->own ? 0 : -ENOMEM;
}

void own_done(struct responder *r)
{
    free(r->own);
}

/* Addresses, mark, and the first bytes of the transport: ports and number, or type, code and sum. 0
 * is "none". */
static uint64_t own_hash(const struct responder *r, uint8_t ver, const uint8_t *ip,
                         const uint8_t *l4)
{
    uint8_t k[32 + 4 + L4_KEPT] = {0};
    if (ver == 4) {
        memcpy(k, ip + 12, 8);
        memcpy(k + 32, ip + 4, 2);
    } else {
        memcpy(k, ip + 8, 32);
        be32_put(k + 32, be32_at(ip) & 0xfffff);
    }
    memcpy(k + 36, l4, L4_KEPT);
    return hash_bytes(k, sizeof(k), r->seed) | 1;
}

void own_put(struct responder *r, const uint8_t *ip, size_t n)
{
    uint8_t ver = ip[0] >> 4;
    size_t at = ver == 4 ? IP4_LEN : IP6_LEN;
    if (n < at + L4_KEPT)
        return;
    uint64_t h = own_hash(r, ver, ip, ip + at);
    size_t set = (h >> 8) % OWN_SETS;
    r->own[set][r->own_at[set]++ % OWN_WAYS] = h;
}

bool responder_own(struct responder *r, const struct packet *p)
{
    /* Resets, probes, errors. */
    bool reset =
        (p->flags & PKT_TCP) && !p->payload_len &&
        ((p->tcp.flags & TCP_RST) || (!p->tcp.win && p->tcp.hlen == 20 && p->tcp.flags == TCP_ACK));
    bool error = ((p->flags & PKT_ICMP) && p->icmp_type == 3) ||
                 ((p->flags & PKT_ICMP6) && p->icmp_type == 1);
    if ((!reset && !error) || !r->count.injected || !p->ip || !p->l4 || p->l4_len < L4_KEPT)
        return false;
    uint64_t h = own_hash(r, p->ver, p->ip, p->l4);
    size_t set = (h >> 8) % OWN_SETS;
    for (unsigned k = 0; k < OWN_WAYS; k++)
        if (r->own[set][k] == h) {
            r->count.own_seen++;
            return true;
        }
    return false;
}
