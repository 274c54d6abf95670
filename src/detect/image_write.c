/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The finished image as a file: written beside its place, section by section, then renamed into it.  Each
 * section is given up when it is written: a compiler of all of ET Open stays below 150 MB.
 */
#include "detect/image_build.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct out {
    int fd, rc;
    uint64_t at; /* in the file, of the block in work */
    uint64_t sum;
    uint32_t n;
    uint8_t block[IMAGE_SUM_BLOCK];
};

static int write_at(int fd, const void *p, size_t n, uint64_t at)
{
    const uint8_t *b = p;
    while (n) {
        ssize_t k = pwrite(fd, b, n, (off_t)at);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return k < 0 ? -errno : -EIO;
        b += k;
        at += (uint64_t)k;
        n -= (size_t)k;
    }
    return 0;
}

static void out_block(struct out *o)
{
    if (!o->n)
        return;
    o->sum = image_sum(o->block, o->n, o->sum);
    if (!o->rc)
        o->rc = write_at(o->fd, o->block, o->n, o->at);
    o->at += o->n;
    o->n = 0;
}

static void out_put(struct out *o, const void *p, size_t n)
{
    const uint8_t *b = p;
    while (n) {
        size_t k = sizeof(o->block) - o->n;
        if (k > n)
            k = n;
        memcpy(o->block + o->n, b, k);
        o->n += (uint32_t)k;
        b += k;
        n -= k;
        if (o->n == sizeof(o->block))
            out_block(o);
    }
}

static void out_sections(struct out *o, struct builder *b, struct img_header *h)
{
    static const uint8_t zero[IMAGE_ALIGN];
    for (unsigned s = 0; s < SEC_COUNT; s++) {
        uint64_t at = o->at + o->n;
        out_put(o, zero, (IMAGE_ALIGN - at % IMAGE_ALIGN) % IMAGE_ALIGN);
        h->sec[s].at = o->at + o->n;
        h->sec[s].n = b->sec[s].n / image_section_size((enum image_section)s);
        out_put(o, b->sec[s].p, b->sec[s].n);
        sbuf_done(&b->sec[s]);
    }
    out_block(o);
}

static int write_file(struct out *o, struct builder *b)
{
    struct img_header h;
    memset(&h, 0, sizeof(h));
    o->at = sizeof(h);
    out_sections(o, b, &h);
    memcpy(h.magic, IMAGE_MAGIC, 8);
    h.version = IMAGE_VERSION;
    h.struct_hash = image_struct_hash();
    h.size = o->at;
    h.content_hash = b->set->content_hash;
    h.platform = image_platform();
    h.n_slow = b->n_slow;
    h.needs = b->needs;
    h.n_file_thresholds = b->set->n_file_thresholds;
    h.n_pcre = b->n_pcre;
    h.checksum = o->sum;
    return o->rc ? o->rc : write_at(o->fd, &h, sizeof(h), 0);
}

int build_write(struct builder *b, const char *path, struct diags *d)
{
    char tmp[4200];
    int rc = -ENOMEM;
    struct out *o = calloc(1, sizeof(*o));
    if (!o)
        goto done;
    snprintf(tmp, sizeof(tmp), "%s.%ld.tmp", path, (long)getpid());
    (void)unlink(tmp); /* of a compiler with our number that died */
    /* The folder may be everybody's (/tmp): nobody's link is followed. */
    o->fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    if (o->fd < 0) {
        rc = -errno;
        goto done;
    }
    rc = write_file(o, b);
    if (close(o->fd) && !rc)
        rc = -errno;
    if (!rc && rename(tmp, path))
        rc = -errno;
    if (rc)
        unlink(tmp);
done:
    free(o);
    if (rc)
        diag_add(d, DIAG_ERROR, path, 0, 0, "choose another cache folder with cache-dir",
                 "the image of rules can't be written: %s", strerror(-rc));
    return rc;
}
