/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The logger's inside, shared by logger.c and logger_conf.c. */
#ifndef EVENT_LOGGER_IMPL_H
#define EVENT_LOGGER_IMPL_H

#include "event/eve.h"
#include "event/out.h"
#include "event/writer.h"

enum { LOGGER_OUTPUTS = 24, LOGGER_RINGS = 256 };

struct output;
struct writer {
    bool (*wants)(const struct output *u, const struct event_view *v);
    /* Appends one record; nothing appended: none. */
    void (*put)(struct logger *l, struct output *u, const struct event_view *v, struct sbuf *b);
};
const struct writer *writer_of(enum log_format f);

struct output {
    const struct writer *writer;
    struct out *out;
    struct eve_options *eve; /* LOGFMT_EVE */
    uint32_t eve_index;      /* among the eve-logs, as in event_wants */
    char *prefix;            /* before each line */
    enum time_year year;
    bool newline;
};

struct logger {
    struct logger_identity id;
    struct out_state st;
    struct eve_common eve;
    struct output output[LOGGER_OUTPUTS];
    unsigned n;
    uint64_t event_no; /* unified2's event_id */
};

#endif
