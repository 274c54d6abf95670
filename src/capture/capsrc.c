/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The bytes of one capture file (capsrc.h): mapped, or read and unpacked (gzip: RFC 1952; xz: the .xz file format)
 * into a buffer.
 *
 * The map's pages are populated a window ahead, so that the reader takes no page faults, and
 * dropped behind, so that a file of any size costs a few megabytes of resident memory.
 */
#include "capture/capsrc.h"

#include <errno.h>
#include <fcntl.h>
#include <lzma.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>

#ifndef MADV_POPULATE_READ
#define MADV_POPULATE_READ 22
#endif

enum {
    BUF_BYTES = 2 * CAP_SRC_PIECE, /* a piece may begin anywhere in the first half */
    GULP_BYTES = 256 * 1024,
    IN_BYTES = 64 * 1024,
    WINDOW_BYTES = 4 * 1024 * 1024,
    LOOK_MS = 200, /* who waits for a pipe looks for the end that often */
    XZ_BYTES = 256 * 1024 * 1024, /* that unpacking may take: xz -9 wants 65 MB */
};

enum pack { PACK_NONE, PACK_GZ, PACK_XZ };

struct cap_stream {
    int fd;
    const _Atomic bool *stop;
    bool can_wait; /* not a regular file: poll before read */
    enum pack pack;
    bool in_eof, z_end, begun;
    z_stream z;
    lzma_stream xz;
    size_t in_n, in_at;
    uint8_t in[IN_BYTES];
    uint8_t buf[BUF_BYTES];
};

static int why_not(char *why, size_t room, int err, const char *what)
{
    snprintf(why, room, "%s: %s", what, strerror(-err));
    return err;
}

static void map_ahead(struct cap_src *s)
{
    size_t at = (size_t)(s->at - s->map);
    while (s->ahead < s->map_bytes && s->ahead < at + WINDOW_BYTES) {
        size_t n = s->map_bytes - s->ahead;
        if (n > WINDOW_BYTES)
            n = WINDOW_BYTES;
        /* Advice only: what fails here shows up as ordinary page faults. */
        (void)madvise(s->map + s->ahead, n, MADV_POPULATE_READ);
        s->ahead += n;
        if (s->ahead < s->map_bytes) {
            size_t more = s->map_bytes - s->ahead;
            (void)madvise(s->map + s->ahead, more < WINDOW_BYTES ? more : WINDOW_BYTES,
                          MADV_WILLNEED);
        }
    }
}

static int open_map(struct cap_src *s, int fd, size_t bytes)
{
    void *m = mmap(NULL, bytes, PROT_READ, MAP_PRIVATE, fd, 0);
    if (m == MAP_FAILED)
        return -errno;
    close(fd);
    (void)madvise(m, bytes, MADV_SEQUENTIAL);
    s->map = m;
    s->map_bytes = bytes;
    s->base = s->at = s->map;
    s->end = s->map + bytes;
    s->eof = true;
    map_ahead(s);
    return 0;
}

static int open_stream(struct cap_src *s, int fd, bool regular, const _Atomic bool *stop)
{
    struct cap_stream *st = malloc(sizeof *st);
    if (!st)
        return -ENOMEM;
    st->fd = fd;
    st->stop = stop;
    st->can_wait = !regular;
    st->pack = PACK_NONE;
    st->in_eof = st->z_end = st->begun = false;
    st->in_n = st->in_at = 0;
    memset(&st->z, 0, sizeof st->z);
    st->xz = (lzma_stream)LZMA_STREAM_INIT;
    s->stream = st;
    s->base = s->at = s->end = st->buf;
    return 0;
}

static int wait_for_it(const struct cap_stream *st)
{
    struct pollfd p = {.fd = st->fd, .events = POLLIN};
    while (poll(&p, 1, LOOK_MS) <= 0)
        if (st->stop && *st->stop)
            return -ECANCELED;
    return 0;
}

/* More input, if all of it is used up.  1, 0 at the end, negative errno. */
static int stream_read(struct cap_stream *st, int wait_ms)
{
    if (st->in_at < st->in_n)
        return 1;
    if (st->in_eof)
        return 0;
    if (st->can_wait && wait_ms >= 0) {
        struct pollfd p = {.fd = st->fd, .events = POLLIN};
        if (poll(&p, 1, wait_ms) <= 0)
            return -EAGAIN;
    }
    int r = st->can_wait && wait_ms < 0 ? wait_for_it(st) : 0;
    if (r < 0)
        return r;
    ssize_t n;
    do
        n = read(st->fd, st->in, IN_BYTES);
    while (n < 0 && errno == EINTR);
    if (n < 0)
        return -errno;
    st->in_at = 0;
    st->in_n = (size_t)n;
    st->in_eof = n == 0;
    return n > 0;
}

/* One byte is enough to tell: no capture format begins with one of these. */
static enum pack pack_of(uint8_t first)
{
    return first == 0x1f ? PACK_GZ : first == 0xfd ? PACK_XZ : PACK_NONE;
}

static int unpack_begin(struct cap_stream *st)
{
    bool again = st->begun, good;
    if (st->pack == PACK_XZ)
        good = lzma_stream_decoder(&st->xz, XZ_BYTES, 0) == LZMA_OK;
    else
        good = (again ? inflateReset(&st->z) : inflateInit2(&st->z, 15 + 16)) == Z_OK;
    st->z_end = false;
    st->begun = good;
    return good ? 0 : -ENOMEM;
}

/*
 * A packed file may have several members (xz: streams, with zero bytes between them); what follows the last one and
 * is none is ignored (gzip(1)).
 */
static int next_member(struct cap_stream *st, int wait_ms)
{
    int r;
    while ((r = stream_read(st, wait_ms)) > 0 && st->pack == PACK_XZ && st->in[st->in_at] == 0)
        st->in_at++;
    if (r <= 0)
        return r;
    if (pack_of(st->in[st->in_at]) != st->pack) {
        st->in_at = st->in_n;
        st->in_eof = true;
        return 0;
    }
    r = unpack_begin(st);
    return r < 0 ? r : 1;
}

/* Some of the input unpacked: how many bytes, negative errno. */
static int64_t inflate_some(struct cap_stream *st, uint8_t *out, size_t room)
{
    st->z.next_in = st->in + st->in_at;
    st->z.avail_in = (uInt)(st->in_n - st->in_at);
    st->z.next_out = out;
    st->z.avail_out = (uInt)room;
    int z = inflate(&st->z, Z_NO_FLUSH);
    st->in_at = st->in_n - st->z.avail_in;
    if (z != Z_OK && z != Z_STREAM_END && z != Z_BUF_ERROR)
        return -EBADMSG;
    st->z_end = z == Z_STREAM_END;
    return (int64_t)(room - st->z.avail_out);
}

static int64_t unxz_some(struct cap_stream *st, uint8_t *out, size_t room)
{
    st->xz.next_in = st->in + st->in_at;
    st->xz.avail_in = st->in_n - st->in_at;
    st->xz.next_out = out;
    st->xz.avail_out = room;
    lzma_ret z = lzma_code(&st->xz, LZMA_RUN);
    st->in_at = st->in_n - st->xz.avail_in;
    if (z != LZMA_OK && z != LZMA_STREAM_END)
        return z == LZMA_MEMLIMIT_ERROR || z == LZMA_MEM_ERROR ? -ENOMEM : -EBADMSG;
    st->z_end = z == LZMA_STREAM_END;
    return (int64_t)(room - st->xz.avail_out);
}

/* Some bytes to out: how many, 0 at the end, negative errno. */
static int64_t stream_some(struct cap_stream *st, uint8_t *out, size_t room, int wait_ms)
{
    for (;;) {
        int r = st->z_end ? next_member(st, wait_ms) : stream_read(st, wait_ms);
        if (r < 0)
            return r;
        if (r == 0)
            return st->pack && !st->z_end ? -EBADMSG : 0; /* the end inside a member: cut */
        if (!st->pack) {
            size_t n = st->in_n - st->in_at < room ? st->in_n - st->in_at : room;
            memcpy(out, st->in + st->in_at, n);
            st->in_at += n;
            return (int64_t)n;
        }
        int64_t n = st->pack == PACK_GZ ? inflate_some(st, out, room) : unxz_some(st, out, room);
        if (n)
            return n;
    }
}

static int start_stream(struct cap_src *s)
{
    struct cap_stream *st = s->stream;
    int r = stream_read(st, -1);
    if (r < 0)
        return r;
    st->pack = st->in_n ? pack_of(st->in[0]) : PACK_NONE;
    return st->pack ? unpack_begin(st) : 0;
}

/* Whether the file behind fd begins as one that is unpacked here. */
static bool fd_is_packed(int fd)
{
    uint8_t m[6];
    ssize_t n = pread(fd, m, sizeof m, 0);
    return (n >= 2 && m[0] == 0x1f && m[1] == 0x8b) || (n == 6 && !memcmp(m, "\xfd" "7zXZ", 6));
}

int cap_src_open(struct cap_src *s, const char *path, char *why, size_t why_room)
{
    return cap_src_open_until(s, path, NULL, why, why_room);
}

/* A FIFO is opened whether somebody writes or not: who waits for the writer, waits for its first byte. */
int cap_src_open_until(struct cap_src *s, const char *path, const _Atomic bool *stop, char *why, size_t why_room)
{
    memset(s, 0, sizeof *s);
    bool in = strcmp(path, "-") == 0;
    int fd = in ? fcntl(STDIN_FILENO, F_DUPFD_CLOEXEC, 3) : open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
    if (fd < 0)
        return why_not(why, why_room, -errno, "can't open");
    struct stat st;
    if (fstat(fd, &st) != 0) {
        int err = -errno;
        close(fd);
        return why_not(why, why_room, err, "can't stat");
    }
    if (!in)
        (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK);
    bool regular = S_ISREG(st.st_mode);
    bool whole = regular && (!in || lseek(fd, 0, SEEK_CUR) == 0);
    int r = whole && st.st_size > 0 && !fd_is_packed(fd) ? open_map(s, fd, (size_t)st.st_size)
                                                     : open_stream(s, fd, regular, stop);
    if (r < 0) {
        close(fd);
        return why_not(why, why_room, r, "can't map");
    }
    if (s->stream && (r = start_stream(s)) < 0) {
        cap_src_close(s);
        return why_not(why, why_room, r, "can't read");
    }
    return 0;
}

void cap_src_close(struct cap_src *s)
{
    if (s->map)
        munmap(s->map, s->map_bytes);
    if (s->stream) {
        inflateEnd(&s->stream->z); /* nothing where it was not begun; so does the next */
        lzma_end(&s->stream->xz);
        close(s->stream->fd);
        free(s->stream);
    }
    memset(s, 0, sizeof *s);
}

static void use_up_skip(struct cap_src *s)
{
    size_t n = cap_src_left(s);
    if (n > s->skip)
        n = (size_t)s->skip;
    s->at += n;
    s->skip -= n;
}

void cap_src_skip(struct cap_src *s, uint64_t n)
{
    s->skip += n;
    use_up_skip(s);
}

/* Moves what is left to the front of the buffer. */
static void stream_pack(struct cap_src *s)
{
    struct cap_stream *st = s->stream;
    size_t n = cap_src_left(s);
    s->base_offset = cap_src_offset(s);
    if (n)
        memmove(st->buf, s->at, n);
    s->base = s->at = st->buf;
    s->end = st->buf + n;
}

int cap_src_fill(struct cap_src *s, size_t need, int wait_ms)
{
    assert(need <= CAP_SRC_PIECE);
    use_up_skip(s);
    if (!s->stream || s->eof)
        return s->skip == 0 && cap_src_left(s) >= need;
    stream_pack(s);
    size_t want = need > GULP_BYTES ? need : GULP_BYTES;
    while (s->skip || cap_src_left(s) < want) {
        /* Beyond the need nobody waits: a pipe's writer may be slow. */
        bool enough = !s->skip && cap_src_left(s) >= need;
        struct cap_stream *st = s->stream;
        uint8_t *to = st->buf + (s->end - st->buf);
        int64_t n = stream_some(st, to, (size_t)(st->buf + BUF_BYTES - to), enough ? 0 : wait_ms);
        if (n < 0)
            return enough ? 1 : (int)n;
        if (n == 0) {
            s->eof = true;
            return enough;
        }
        s->end += n;
        use_up_skip(s);
        if (s->at == s->end)
            stream_pack(s);
    }
    return 1;
}

void cap_src_turn(struct cap_src *s)
{
    if (!s->map)
        return;
    map_ahead(s);
    size_t at = (size_t)(s->at - s->map);
    if (at < s->behind + 2 * (size_t)WINDOW_BYTES)
        return;
    size_t to = (at - WINDOW_BYTES) & ~(size_t)0xffff;
    (void)madvise(s->map + s->behind, to - s->behind, MADV_DONTNEED);
    s->behind = to;
}
