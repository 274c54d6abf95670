/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The tape, for the writers: items one by one, and playing with a cache of times. */
#ifndef EVENT_FIELDS_H
#define EVENT_FIELDS_H

#include "base/cursor.h"
#include "event/event.h"
#include "event/text.h"

struct fields_item {
    uint8_t op; /* enum fields_op */
    bool has_key;
    struct str key, v;
};
/* False: the tape is broken here. */
bool fields_next(struct cursor *c, struct fields_item *out);
bool fields_play(struct json *j, struct str tape, struct time_cache *tc);
/* Closes what the writer left open. */
void fields_finish(struct fields *f);

#endif
