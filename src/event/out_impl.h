/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by out.c, out_file.c and out_sock.c. */
#ifndef EVENT_OUT_IMPL_H
#define EVENT_OUT_IMPL_H

#include "event/out.h"

#include <limits.h>

struct out {
    struct out_config c;
    struct out_state *st;
    char *path;
    int fd;
    struct sbuf buf;
    size_t start;   /* of the record in work */
    uint32_t *ends; /* of the whole records in buf */
    uint32_t ends_n;
    uint32_t refused;
    int told_err; /* 0: it works, as far as was told */
    bool failing;  /* the last write failed */
    bool reopen;   /* a reopen that failed and is tried again */
    bool partial;  /* the buffer begins inside a record */
    uint64_t size; /* of the file */
    uint64_t header_bytes;
    char *name;       /* of a dated file; NULL: none was opened */
    uint64_t turn_ns; /* from then on a new file; 0: not known yet */
    uint64_t ts_ns, first_ns; /* of the record in work, of the first in buf */
    uint64_t *made;           /* OUT_STAMPED with max_files: stamps of the files, a ring */
    uint64_t made_n;
    uint64_t taken, cut, lost; /* records that left buf, of these not whole, and all that are lost */
};

void out_error(struct out *o, int err);
void out_lost(struct out *o);

int file_start(struct out *o);
/* Writes as much as goes; 0 or the errno of what stopped it.  Opens the file if need be. */
int file_write(struct out *o, const uint8_t *p, size_t n, size_t *done);
bool file_cut(struct out *o, size_t bytes); /* takes back the last bytes written, if it can */
void file_rotate(struct out *o);
void file_turn(struct out *o); /* the clock says so */
int out_name_at(const struct out *o, uint64_t ts_ns, char out[PATH_MAX]);
int file_reopen(struct out *o);

int sock_connect(struct out *o);
int sock_send_records(struct out *o, uint32_t n, size_t *done);
int sock_send_stream(struct out *o, size_t want, size_t *done);

#endif
