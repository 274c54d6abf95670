/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Community ID, version 1: base64(SHA1(seed, addresses, protocol, ports)), the same on both sides.
 */
#ifndef EVENT_COMMUNITY_H
#define EVENT_COMMUNITY_H

#include "event/event.h"

enum { COMMUNITY_TEXT = 30 }; /* "1:" and 28 characters of base64 */
struct community_cache;
struct community_cache *community_new(void); /* NULL: no memory */
void community_free(struct community_cache *c);
/* COMMUNITY_TEXT bytes, borrowed until the next call; NULL without addresses. */
const char *community_id(struct community_cache *c, uint16_t seed, const struct event *h);

#endif
