/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The header that goes with a frame to and from a packet socket (struct virtio_net_hdr, VIRTIO 1.2
 * 5.1.6): segment size, and where a checksum is still to be completed.
 */
#ifndef CAPTURE_VNET_H
#define CAPTURE_VNET_H

#include <linux/virtio_net.h>

#include "packet/packet.h"

/* For a frame whose own header is gone: made of its segment size, checksum state and bytes. */
void vnet_make(const struct frame *f, struct virtio_net_hdr *v);
/*
 * The n bytes were changed and carry a whole checksum: where v says that the kernel completes it,
 * the sum of the pseudo header goes there instead (RFC 9293 3.1).
 */
void vnet_refit(uint8_t *data, uint32_t n, const struct virtio_net_hdr *v);
/*
 * Where nothing but the bytes came along: is the checksum of TCP or UDP still that of the pseudo header
 * alone, as a virtual link's sender leaves it for the card?  (One in 65,536 whole ones looks so: completed, it is
 * the same again.)
 */
bool vnet_unfinished(const uint8_t *data, uint32_t n);
/* Completes it.  Where in the frame it stands; 0: it has none that we know. */
uint32_t vnet_finish(uint8_t *data, uint32_t n);

#endif
