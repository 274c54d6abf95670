/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Times and protocols as text. */
#ifndef EVENT_TEXT_H
#define EVENT_TEXT_H

#include "event/event.h"

/*
 * The text of recent seconds, because localtime costs more than the rest of an event's head.
 * All zero is an empty cache.
 */
enum { TIME_SLOTS = 16, TIME_TEXT = 31 };
struct time_cache {
    struct {
        uint64_t key;  /* second + 1 */
        char date[20]; /* 2016-07-13T22:42:07. */
        char zone[5];  /* +0000 */
    } slot[TIME_SLOTS];
};
/* Writes TIME_TEXT bytes, no NUL. */
void time_put(struct time_cache *c, uint64_t ns, uint8_t *to);

/* Snort's and Suricata's line formats: MM/DD[/YY or /YYYY]-HH:MM:SS.uuuuuu; returns the length. */
enum time_year { YEAR_NONE, YEAR_SHORT, YEAR_LONG };
size_t time_line(uint64_t ns, enum time_year year, bool utc, char out[40]);

/* IANA's keyword of an IP protocol, or NULL. */
const char *proto_keyword(uint8_t proto);

#endif
