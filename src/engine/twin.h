/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames that are seen twice: several mirror ports show the same packet where it enters the switch,
 * on the trunk, where it leaves.  It is judged once, when it comes first.
 *
 * The same is what a router or a switch does not change: addresses, identification, all behind the
 * IP header; not MAC addresses, hops, traffic class, checksum of the IPv4 header.  VLANs count
 * where flows are kept apart by them.  A port that shows a packet twice itself shows two packets: a
 * port's n-th copy within the window is new unless another port has shown n already.
 *
 * One worker's own.  Rows are recycled, oldest first: a lost row means a packet judged twice.
 */
#ifndef ENGINE_TWIN_H
#define ENGINE_TWIN_H

#include "packet/packet.h"

struct twins;
/* window_ns: how far apart copies may be.  `vlan`: tags make different packets.  NULL: no memory.
 */
struct twins *twins_new(uint64_t window_ns, uint64_t seed, bool vlan);
void twins_free(struct twins *t);
/* Has another port shown this one?  Frames without an IP header are never the same. */
bool twins_seen(struct twins *t, const struct frame *f);

#endif
