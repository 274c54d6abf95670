/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Who was seen behind which bridge port: a small table, a newer address takes an older one's place.
 * For frames of our own; a wrong row costs one of them.
 */
#ifndef CAPTURE_NFQ_PEERS_H
#define CAPTURE_NFQ_PEERS_H

#include "capture/nfq/message.h"

enum { PEERS = 1024 };
struct peer {
    uint8_t addr[16], mac[6];
    uint8_t ver; /* 0: free */
    uint32_t port;
};
struct peers {
    struct peer row[PEERS];
};
/* The sender of an IP packet. */
void peers_note(struct peers *t, const struct nfq_packet *p);
/* The receiver of the IP packet at `ip`; NULL: not seen on a bridge. */
const struct peer *peers_find(const struct peers *t, const uint8_t *ip, size_t n);

#endif
