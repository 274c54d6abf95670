/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Writing pcap files (2.4, our byte order, us or ns).
 *
 * Records gather in a buffer.  On a full disk the file is cut back to its last whole record and
 * what was not written stays in the buffer for the next try; only when the buffer is full, too, a
 * record is refused.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/clock.h"
#include "capture/capture.h"

enum { BUF_BYTES = 512 * 1024, SNAP = 262144, RECORD_HEAD = 16 };

struct pcap_writer {
    int fd;
    bool nanosecond;
    uint64_t file_bytes; /* whole records, all in the file */
    size_t n;
    uint8_t buf[BUF_BYTES];
};
struct pcap_head {
    uint32_t magic;
    uint16_t major, minor;
    uint32_t zone, figures, snap, link;
};

/* Bytes of whole records (the file header counts as one) within the first n bytes of the buffer. */
static size_t whole_within(const struct pcap_writer *w, size_t n)
{
    size_t at = w->file_bytes ? 0 : sizeof(struct pcap_head);
    if (at > n)
        return 0;
    while (n - at >= RECORD_HEAD) {
        uint32_t len;
        memcpy(&len, w->buf + at + 8, 4);
        if (len > n - at - RECORD_HEAD)
            break;
        at += RECORD_HEAD + len;
    }
    return at;
}

int pcap_writer_flush(struct pcap_writer *w)
{
    size_t done = 0;
    int err = 0;
    while (done < w->n) {
        ssize_t n = write(w->fd, w->buf + done, w->n - done);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0) {
            err = -errno;
            break;
        }
        done += (size_t)n;
    }
    size_t whole = err ? whole_within(w, done) : done;
    if (whole < done && (ftruncate(w->fd, (off_t)(w->file_bytes + whole)) != 0 ||
                         lseek(w->fd, (off_t)(w->file_bytes + whole), SEEK_SET) < 0))
        return err; /* a pipe: nothing can be taken back */
    memmove(w->buf, w->buf + whole, w->n - whole);
    w->n -= whole;
    w->file_bytes += whole;
    return err;
}

struct pcap_writer *pcap_writer_open(const char *path, uint16_t link, bool nanosecond)
{
    struct pcap_writer *w = malloc(sizeof *w);
    if (!w)
        return NULL;
    w->fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0640);
    if (w->fd < 0) {
        free(w);
        return NULL;
    }
    struct pcap_head h = {
        .magic = nanosecond ? 0xa1b23c4du : 0xa1b2c3d4u,
        .major = 2,
        .minor = 4,
        .snap = SNAP,
        .link = link,
    };
    w->nanosecond = nanosecond;
    w->file_bytes = 0;
    memcpy(w->buf, &h, sizeof h);
    w->n = sizeof h;
    return w;
}

int pcap_writer_put(struct pcap_writer *w, uint64_t ts_ns, const void *data, uint32_t len,
                    uint32_t wire_len)
{
    if (len > SNAP)
        len = SNAP;
    if (RECORD_HEAD + len > BUF_BYTES - w->n) {
        int r = pcap_writer_flush(w);
        if (r < 0 && RECORD_HEAD + len > BUF_BYTES - w->n)
            return r;
    }
    uint64_t rest = ts_ns % NS_PER_SEC;
    uint32_t head[4] = {(uint32_t)(ts_ns / NS_PER_SEC),
                        (uint32_t)(w->nanosecond ? rest : rest / NS_PER_US), len, wire_len};
    memcpy(w->buf + w->n, head, sizeof head);
    if (len)
        memcpy(w->buf + w->n + sizeof head, data, len);
    w->n += sizeof head + len;
    return 0;
}

int pcap_writer_close(struct pcap_writer *w)
{
    if (!w)
        return 0;
    int r = pcap_writer_flush(w);
    if (close(w->fd) != 0 && r == 0)
        r = -errno;
    free(w);
    return r;
}
