/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Where whole records go: a file, a row of files with the time in their names, a descriptor, a unix
 * socket.
 *
 * Records gather in a buffer and leave it whole.  What can't be written stays in the buffer (a
 * piece of a record in a file is cut back), is tried again at the next flush, and when the buffer
 * is full new records are refused and counted.  Nothing here blocks for longer than a write to a
 * file takes. Owner: the logger's thread.
 */
#ifndef EVENT_OUT_H
#define EVENT_OUT_H

#include "event/event.h"

enum out_kind {
    OUT_FILE,    /* one name; rotation renames it to NAME.<epoch> */
    OUT_STAMPED, /* NAME.<epoch of the first record>, a new one at each rotation */
    OUT_FD,      /* open already, not ours to close */
    OUT_DGRAM,   /* a datagram a record */
    OUT_STREAM,
};
/* When the next file begins, by the times of the records: at the clock's full minute ..., or so long after a file's first
 * record. */
enum turn_unit { TURN_NEVER, TURN_MINUTE, TURN_HOUR, TURN_DAY, TURN_SECONDS };
struct out_turn {
    enum turn_unit unit;
    uint32_t seconds;
};
/* minute, hour, day, N, Ns, Nm, Nh, Nd, Nw; false: it is none. */
bool out_turn_read(struct str s, struct out_turn *t);
uint64_t out_turn_next(const struct out_turn *t, uint64_t ts_ns);
enum out_const {
    OUT_FLUSH_BYTES = 128 << 10, /* written when this much has gathered */
    OUT_KEEP_BYTES = 1 << 20,    /* kept while writing fails */
    OUT_RECORDS = 4096,
};
struct out_config {
    enum out_kind kind;
    const char *path;     /* copied */
    int fd;               /* OUT_FD */
    uint64_t limit_bytes; /* 0: no rotation by size */
    uint32_t max_files;   /* OUT_STAMPED: the oldest goes; 0: all stay */
    uint32_t mode;        /* of files; 0: 0640 */
    struct out_turn every; /* OUT_FILE: rotation by the clock */
    bool dated;            /* OUT_FILE: strftime's words stand in the path from dated_from on */
    size_t dated_from;
    bool truncate;        /* else appended */
    bool text;            /* lines: what lacks its end when a file is opened is cut off */
    bool nostamp;         /* OUT_STAMPED: the first file has the bare name */
    size_t stamp_at;      /* OUT_STAMPED: the time stands there in the path; 0: at its end, behind a dot */
    /* Bytes at the head of each new file. */
    void (*header)(void *ctx, struct sbuf *b);
    void *ctx;
    /* OUT_DGRAM, OUT_STREAM: no error if nobody listens yet */
};
struct out_state { /* the logger's, shared by all outputs */
    struct logger_counters count;
    char error[256]; /* the last one */
    /* Told to nobody yet: an output that begins to fail, or is written again. */
    struct {
        char text[200];
        bool good;
    } news[16];
    unsigned news_n;
};

struct out;
/* Opens a file or tries to connect; -errno if a file can't be made. */
int out_new(const struct out_config *c, struct out_state *st, struct out **out) MUST_CHECK;
void out_free(struct out *o); /* flushes */
/*
 * Room for one record: the buffer to append to, or NULL (counted as lost).  `ts_ns` names new
 * files. out_commit makes it whole, out_undo takes it back.
 */
struct sbuf *out_begin(struct out *o, uint64_t ts_ns);
void out_commit(struct out *o);
void out_undo(struct out *o);
void out_flush(struct out *o);
void out_reopen(struct out *o);
/* Records that reached it, and that did not; what waits is of neither. */
void out_count(const struct out *o, uint64_t *written, uint64_t *lost, uint64_t *waiting);
const char *out_path(const struct out *o);

#endif
