/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the kernel says of a queued packet, and what it is told (linux/netfilter/nfnetlink_queue.h).
 *
 * Reading: one netlink message is one packet; nothing of it is believed before it was measured.
 * Writing: messages one behind the other in the caller's memory, sent together.
 */
#ifndef CAPTURE_NFQ_MESSAGE_H
#define CAPTURE_NFQ_MESSAGE_H

#include "base/attr.h"
#include "base/cursor.h"

enum nfq_kind { NFQ_PACKET, NFQ_ERROR, NFQ_OTHER, NFQ_BAD };

struct nfq_packet {
    uint32_t id, mark;
    uint32_t in, out; /* devices, bridge ports where there are some; 0: not told */
    uint32_t info;    /* NFQA_SKB_* */
    uint16_t proto;   /* EtherType */
    uint32_t n, cap_n;
    const uint8_t *data; /* from the IP header on; NULL: none */
    uint64_t ts_ns;      /* 0: not told */
    bool bridged, has_src, has_dst, tagged;
    uint8_t src[6], dst[6];
    uint16_t tpid, tci;
    int32_t error; /* NFQ_ERROR: -errno of something we sent; 0: an acknowledgement */
};
enum { NFQ_HEAD_MOST = 18 }; /* Ethernet header with a tag */

/* The message at the front of n bytes (one datagram holds one). */
enum nfq_kind nfq_read(const uint8_t *p, size_t n, struct nfq_packet *out);
/*
 * Writes the Ethernet header in front of the packet, over attributes that were read.  `from` is
 * where the memory begins.  Its length; 0: no room.
 */
unsigned nfq_head(const struct nfq_packet *p, uint8_t *from);

struct nfq_out {
    uint8_t *mem;
    uint32_t n, room;
};
/* Each false: no room, nothing was written. */
bool nfq_put_bind(struct nfq_out *o, uint16_t queue, bool bind);
bool nfq_put_settings(struct nfq_out *o, uint16_t queue, uint32_t copy, uint32_t most,
                      uint32_t flags, uint32_t mask);
bool nfq_put_verdict(struct nfq_out *o, uint16_t queue, uint32_t id, uint32_t verdict,
                     const uint32_t *mark, const uint8_t *data, uint32_t n);
/* All packets up to id. */
bool nfq_put_batch(struct nfq_out *o, uint16_t queue, uint32_t id, uint32_t verdict,
                   const uint32_t *mark);
/* The last message written is to be acknowledged. */
void nfq_ask_ack(struct nfq_out *o, uint32_t last_at);

#endif
