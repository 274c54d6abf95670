/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Layout of a record behind its head; see emitter.c. */
#ifndef EVENT_RECORD_H
#define EVENT_RECORD_H

#include "event/fields.h"

struct section_head {
    uint32_t tag, len;
};
/* No record is larger: two tapes at their most and a super-frame. */
#define EVENT_MOST (4u << 20)
static_assert(sizeof(struct event) % 8 == 0, "sections are aligned");

/* Sections as structs; false: not there (event_view has checked their sizes). */
bool view_alert(const struct event_view *v, struct event_alert *out);
bool view_packet(const struct event_view *v, struct event_packet *out, struct str *frame);
bool view_file(const struct event_view *v, struct event_file *out);
bool view_verdict(const struct event_view *v, struct event_verdict *out, struct str *reason);

#endif
