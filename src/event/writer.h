/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The writers other than EVE: each turns one event into one record of its file. */
#ifndef EVENT_WRITER_H
#define EVENT_WRITER_H

#include "event/out.h"
#include "event/record.h"

/* fast.log of Suricata, alert_fast of Snort, the syslog line. */
enum line_dialect { LINE_SURICATA, LINE_SNORT, LINE_SYSLOG };
void fast_put(const struct event_view *v, enum line_dialect d, enum time_year year, struct sbuf *b);
/* Address and port as both line formats write them. */
void endpoint_put(struct sbuf *b, const struct event *h, bool destination, bool ports);
/* "would", "drop" marks with a trailing blank, or nothing. */
const char *drop_mark(const struct event_view *v);

#endif
