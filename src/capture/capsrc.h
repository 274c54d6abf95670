/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bytes of one capture file, as a window that moves forward.
 *
 * A regular file is mapped whole: the window is the file, nothing is copied, pages are read ahead
 * and given back behind.  A packed file (gzip, xz), a pipe or standard input goes through one bounded buffer.
 * Pointers into the window stay good until cap_src_fill or cap_src_turn.  One owner.
 */
#ifndef CAPTURE_CAPSRC_H
#define CAPTURE_CAPSRC_H

#include "base/attr.h"

/* No reader asks for more than this in one piece. */
#define CAP_SRC_PIECE (512u * 1024u)

struct cap_stream;
struct cap_src {
    const uint8_t *at, *end; /* the window: at moves by the reader */
    const uint8_t *base;     /* where base_offset lies */
    uint64_t base_offset;
    uint64_t skip; /* bytes to pass over before the window goes on */
    bool eof;      /* nothing comes behind end */
    uint8_t *map;
    size_t map_bytes, ahead, behind; /* offsets in the map: populated up to, dropped up to */
    struct cap_stream *stream;
};

/* 0, or negative errno with a reason in why.  path "-": standard input. */
int cap_src_open(struct cap_src *s, const char *path, char *why, size_t why_room) MUST_CHECK;
/* The same; waiting for a pipe (as cap_src_fill does, too) ends with -ECANCELED when *stop is set. */
int cap_src_open_until(struct cap_src *s, const char *path, const _Atomic bool *stop, char *why,
                       size_t why_room) MUST_CHECK;
void cap_src_close(struct cap_src *s);
/*
 * At least `need` (at most CAP_SRC_PIECE) bytes in the window: 1.  0: the file ends before (eof is
 * set). -EAGAIN: nothing within wait_ms (pipes only; -1 waits for ever).  -EBADMSG: broken
 * compression; other negative errno of read.
 */
int cap_src_fill(struct cap_src *s, size_t need, int wait_ms) MUST_CHECK;
/* Passes over n bytes, also more than the window holds. */
void cap_src_skip(struct cap_src *s, uint64_t n);
/* Nothing in front of `at` is in use: page care of a mapped file. */
void cap_src_turn(struct cap_src *s);

static inline size_t cap_src_left(const struct cap_src *s)
{
    return (size_t)(s->end - s->at);
}
/* Place of `at` in the (uncompressed) file. */
static inline uint64_t cap_src_offset(const struct cap_src *s)
{
    return s->base_offset + (uint64_t)(s->at - s->base);
}

#endif
