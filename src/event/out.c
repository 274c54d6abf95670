/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Buffers of whole records and when they leave.  Files are in out_file.c, sockets in out_sock.c. */
#include "event/out_impl.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { RETRY_EVERY = 64 };

static void news(struct out *o, bool good, const char *text)
{
    struct out_state *st = o->st;
    if (st->news_n == ARRAY_LEN(st->news))
        return;
    snprintf(st->news[st->news_n].text, sizeof(st->news[0].text), "%.190s", text);
    st->news[st->news_n++].good = good;
}

static const char *short_name(const struct out *o)
{
    const char *slash = strrchr(o->path, '/');
    return slash ? slash + 1 : o->path;
}

void out_lost(struct out *o)
{
    o->st->count.lost++;
    o->lost++;
}

void out_count(const struct out *o, uint64_t *written, uint64_t *lost, uint64_t *waiting)
{
    *waiting = o->ends_n;
    *lost = o->lost;
    *written = o->taken - o->cut;
}

void out_error(struct out *o, int err)
{
    bool sock = o->c.kind == OUT_DGRAM || o->c.kind == OUT_STREAM;
    bool nobody = sock && (err == ENOENT || err == ECONNREFUSED);
    o->st->count.write_errors++;
    snprintf(o->st->error, sizeof(o->st->error), "%.120s: %s%s%s", sock ? o->path : short_name(o),
             nobody ? "nobody listens there (" : "", strerror(err), nobody ? ")" : "");
    if (o->told_err != err)
        news(o, false, o->st->error);
    o->told_err = err;
}

/* Writing works; if it did not, that is news. */
static void out_good(struct out *o)
{
    char text[200];
    if (!o->told_err)
        return;
    o->told_err = 0;
    snprintf(text, sizeof(text), "%.120s is written again", short_name(o));
    news(o, true, text);
}

int out_new(const struct out_config *c, struct out_state *st, struct out **out)
{
    struct out *o = calloc(1, sizeof(*o));
    if (!o)
        return -ENOMEM;
    o->c = *c;
    o->st = st;
    o->fd = c->kind == OUT_FD ? c->fd : -1;
    o->path = strdup(c->path ? c->path : "-");
    o->ends = malloc(OUT_RECORDS * sizeof(*o->ends));
    sbuf_init(&o->buf);
    int rc = o->path && o->ends ? 0 : -ENOMEM;
    if (!rc && (c->kind == OUT_FILE || c->kind == OUT_STAMPED))
        rc = file_start(o);
    if (!rc && (c->kind == OUT_DGRAM || c->kind == OUT_STREAM))
        sock_connect(o); /* a listener may come later */
    if (rc) {
        o->ends_n = 0;
        out_free(o);
        return rc;
    }
    *out = o;
    return 0;
}

void out_free(struct out *o)
{
    if (!o)
        return;
    if (o->ends_n)
        out_flush(o);
    o->st->count.lost += o->ends_n;
    if (o->fd >= 0 && o->c.kind != OUT_FD)
        close(o->fd);
    sbuf_done(&o->buf);
    free(o->made);
    free(o->ends);
    free(o->name);
    free(o->path);
    free(o);
}

/* The record at hand is of the next file: what waits is of this one. */
static void turn(struct out *o, uint64_t ts_ns)
{
    if (o->turn_ns && ts_ns >= o->turn_ns && !o->failing) {
        if (o->ends_n)
            out_flush(o);
        if (o->ends_n) /* it can't be written: no new file without it */
            return;
        o->ts_ns = o->first_ns = ts_ns;
        file_turn(o);
        o->turn_ns = 0;
    }
    if (!o->turn_ns)
        o->turn_ns = out_turn_next(&o->c.every, ts_ns);
}

struct sbuf *out_begin(struct out *o, uint64_t ts_ns)
{
    if (o->c.every.unit != TURN_NEVER)
        turn(o, ts_ns);
    if (o->buf.n >= OUT_FLUSH_BYTES || o->ends_n == OUT_RECORDS) {
        bool full = o->buf.n >= OUT_KEEP_BYTES || o->ends_n == OUT_RECORDS;
        /* A full disk isn't asked again for each event. */
        if (!o->failing || (full && ++o->refused % RETRY_EVERY == 0))
            out_flush(o);
        if (o->buf.n >= OUT_KEEP_BYTES || o->ends_n == OUT_RECORDS) {
            out_lost(o);
            return NULL;
        }
    }
    o->start = o->buf.n;
    o->ts_ns = ts_ns;
    if (!o->ends_n)
        o->first_ns = ts_ns;
    return &o->buf;
}

void out_undo(struct out *o)
{
    o->buf.n = o->start;
    o->buf.failed = false;
}

static void take(struct out *o, size_t bytes, uint32_t records)
{
    memmove(o->buf.p, o->buf.p + bytes, o->buf.n - bytes);
    o->buf.n -= bytes;
    o->ends_n -= records;
    for (uint32_t i = 0; i < o->ends_n; i++)
        o->ends[i] = o->ends[i + records] - (uint32_t)bytes;
}

/* Records that end within the first n bytes. */
static uint32_t records_in(const struct out *o, size_t n)
{
    uint32_t lo = 0, hi = o->ends_n;
    while (lo < hi) {
        uint32_t mid = (lo + hi) / 2;
        if (o->ends[mid] <= n)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo;
}

/* Writes the first n records. */
static void flush_records(struct out *o, uint32_t n)
{
    size_t want = o->ends[n - 1], done = 0;
    int err = 0;
    switch (o->c.kind) {
    case OUT_FILE:
    case OUT_STAMPED:
    case OUT_FD:
        err = file_write(o, o->buf.p, want, &done);
        break;
    case OUT_DGRAM:
        err = sock_send_records(o, n, &done);
        break;
    case OUT_STREAM:
        err = sock_send_stream(o, want, &done);
        break;
    }
    uint32_t whole = records_in(o, done);
    size_t kept = whole ? o->ends[whole - 1] : 0;
    /* A piece of a record went out: a file takes it back; in a stream the rest of it comes first.
     */
    if (done > kept && o->c.kind != OUT_STREAM && file_cut(o, done - kept))
        done = kept;
    o->partial = done == kept ? o->partial && !done : true;
    o->st->count.bytes += done;
    o->failing = err != 0;
    if (err)
        out_error(o, err);
    o->taken += whole;
    take(o, done, whole);
    if (!err && !o->ends_n) /* all that waited is written, not only a piece into the last gap */
        out_good(o);
}

void out_commit(struct out *o)
{
    if (o->buf.failed) {
        out_undo(o);
        out_lost(o);
        return;
    }
    if (o->buf.n == o->start)
        return;
    o->ends[o->ends_n++] = (uint32_t)o->buf.n;
    bool file = o->c.kind == OUT_FILE || o->c.kind == OUT_STAMPED;
    if (!file || !o->c.limit_bytes || o->size + o->buf.n <= o->c.limit_bytes)
        return;
    /* This record would pass the limit: what is before it goes into this file, it into the next. */
    if (o->ends_n > 1)
        flush_records(o, o->ends_n - 1);
    if (o->ends_n == 1 && o->size > o->header_bytes) {
        o->first_ns = o->ts_ns;
        file_rotate(o);
    }
}

void out_flush(struct out *o)
{
    if (o->reopen)
        out_reopen(o);
    if (o->ends_n)
        flush_records(o, o->ends_n);
}

void out_reopen(struct out *o)
{
    if (o->ends_n && !o->reopen)
        flush_records(o, o->ends_n);
    if (o->c.kind == OUT_FILE || o->c.kind == OUT_STAMPED)
        o->reopen = file_reopen(o) != 0;
}

const char *out_path(const struct out *o)
{
    return o->path;
}
