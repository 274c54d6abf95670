/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For this folder's tests: capture files made byte by byte, temporary folders, draining a capture.
 */
#ifndef CAPTURE_TEST_UTIL_H
#define CAPTURE_TEST_UTIL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <lzma.h>
#include <zlib.h>
#include <cmocka.h>

#include "base/arena.h"
#include "base/diag.h"
#include "base/sbuf.h"
#include "capture/capture.h"

/* Writes numbers in either byte order. */
struct maker {
    struct sbuf b;
    bool big;
};
static inline void mk16(struct maker *m, uint16_t v)
{
    v = m->big ? __builtin_bswap16(v) : v;
    sbuf_put(&m->b, &v, 2);
}
static inline void mk32(struct maker *m, uint32_t v)
{
    v = m->big ? __builtin_bswap32(v) : v;
    sbuf_put(&m->b, &v, 4);
}
static inline void mk64(struct maker *m, uint64_t v)
{
    v = m->big ? __builtin_bswap64(v) : v;
    sbuf_put(&m->b, &v, 8);
}
static inline void mk_fill(struct maker *m, uint8_t c, uint32_t n)
{
    while (n--)
        sbuf_byte(&m->b, c);
}

struct tmp_dir {
    char path[64];
};
static inline struct tmp_dir tmp_make(void)
{
    struct tmp_dir t;
    snprintf(t.path, sizeof t.path, "/tmp/riposte-test-XXXXXX");
    assert_non_null(mkdtemp(t.path));
    return t;
}
static inline void tmp_remove(struct tmp_dir *t)
{
    char cmd[128];
    snprintf(cmd, sizeof cmd, "rm -rf %s", t->path);
    assert_int_equal(system(cmd), 0);
}
static inline const char *tmp_path(const struct tmp_dir *t, const char *name, char out[256])
{
    snprintf(out, 256, "%s/%s", t->path, name);
    return out;
}
static inline void file_put(const char *path, const void *p, size_t n)
{
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    if (n)
        assert_int_equal(fwrite(p, 1, n, f), n);
    fclose(f);
}
static inline void file_put_gz(const char *path, const void *p, size_t n)
{
    gzFile f = gzopen(path, "wb1");
    assert_non_null(f);
    assert_int_equal(gzwrite(f, p, (unsigned)n), n);
    gzclose(f);
}
static inline void file_put_xz(const char *path, const void *p, size_t n)
{
    size_t room = lzma_stream_buffer_bound(n), used = 0;
    uint8_t *out = malloc(room);
    assert_non_null(out);
    assert_int_equal(lzma_easy_buffer_encode(1, LZMA_CHECK_CRC64, NULL, p, n, out, &used, room), LZMA_OK);
    file_put(path, out, used);
    free(out);
}
static void (*const file_put_as[])(const char *path, const void *p, size_t n) = {file_put, file_put_gz, file_put_xz};
static inline size_t file_get(const char *path, uint8_t *out, size_t room)
{
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t n = fread(out, 1, room, f);
    fclose(f);
    return n;
}

/* What came out of a capture: the frames' bytes, one behind the other. */
struct drained {
    unsigned frames, errors;
    enum capture_state end;
    char error[512];
    struct frame frame[256];
    uint8_t bytes[1 << 20];
    size_t n;
};
/* Reads to the end; every frame passes.  Frames are copied at the end of their burst. */
static inline void drain(struct capture *c, struct drained *d)
{
    static struct burst b;
    memset(d, 0, sizeof *d);
    while ((d->end = capture_recv(c, &b, 1000)) != CAPTURE_END) {
        if (d->end == CAPTURE_ERROR) {
            d->errors++;
            snprintf(d->error, sizeof d->error, "%s", capture_error(c));
        }
        for (unsigned i = 0; i < b.n; i++) {
            if (d->frames < 256 && d->n + b.frame[i].len <= sizeof d->bytes) {
                d->frame[d->frames] = b.frame[i];
                if (b.frame[i].len)
                    memcpy(d->bytes + d->n, b.frame[i].data, b.frame[i].len);
                d->frame[d->frames].data = d->bytes + d->n;
                d->n += b.frame[i].len;
            }
            d->frames++;
        }
        capture_verdict(c, &b);
    }
}

#endif
