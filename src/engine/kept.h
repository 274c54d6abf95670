/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Packets kept for capture files of alerts.
 *
 * Where streams are judged when they are acknowledged, the packet of an alert is not the one that brought the
 * bytes.  This ring of bytes holds the last segments with data, so that they can be written with the alert.
 * It is used in replay alone: live sensors judge on arrival.
 */
#ifndef ENGINE_KEPT_H
#define ENGINE_KEPT_H

#include "packet/packet.h"

#define KEPT_BYTES (16u << 20)
enum { KEPT_MOST = 1024 }; /* segments told of one alert */

struct kept;
struct kept *kept_new(size_t bytes); /* NULL: no memory */
void kept_free(struct kept *k);
/* said: EVENT_KEPT_*, where the packet has been written already. */
void kept_put(struct kept *k, uint64_t flow_id, const struct packet *p, unsigned said);

struct kept_packet {
    uint64_t number, ts_ns;
    uint32_t link, len, wire_len;
    uint8_t dir, said;
    const uint8_t *data;
};
/*
 * The flow's packets, in order.  f returns what is said of the packet now, in addition.  Not more than the last
 * KEPT_MOST.
 */
void kept_each(struct kept *k, uint64_t flow_id, unsigned (*f)(void *ctx, const struct kept_packet *p), void *ctx);

#endif
