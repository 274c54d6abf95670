/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The finished image as a file: written beside its place, section by section, then renamed into it.  A
 * section is given up when it is written, those of rules before pattern databases are compiled, and the largest
 * are written as they grow: a compiler of all of ET Open stays below 90 MB.
 */
#include "detect/image_build.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct image_out {
    int fd, rc;
    uint32_t written; /* bit a section */
    struct img_header header;
    char tmp[4200];
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

static void out_block(struct image_out *o)
{
    if (!o->n)
        return;
    o->sum = image_sum(o->block, o->n, o->sum);
    if (!o->rc)
        o->rc = write_at(o->fd, o->block, o->n, o->at);
    o->at += o->n;
    o->n = 0;
}

static void out_put(struct image_out *o, const void *p, size_t n)
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

static void section_begin(struct builder *b, enum image_section s)
{
    static const uint8_t zero[IMAGE_ALIGN];
    struct image_out *o = b->out;
    uint64_t at = o->at + o->n;
    out_put(o, zero, (IMAGE_ALIGN - at % IMAGE_ALIGN) % IMAGE_ALIGN);
    o->header.sec[s].at = o->at + o->n;
}

void build_stream(struct builder *b, enum image_section s)
{
    assert(b->stream < 0);
    section_begin(b, s);
    b->stream = (int)s;
    b->streamed = 0;
}

void build_flush(struct builder *b, enum image_section s)
{
    if (b->stream != (int)s || b->sec[s].failed)
        return;
    out_put(b->out, b->sec[s].p, b->sec[s].n);
    b->streamed += b->sec[s].n;
    sbuf_clear(&b->sec[s]);
}

/* Memory is given up; what failed on the way is told at the end. */
void build_section_out(struct builder *b, enum image_section s)
{
    struct image_out *o = b->out;
    bool streamed = b->stream == (int)s;
    if (b->sec[s].failed)
        b->failed = true;
    if (!streamed)
        section_begin(b, s);
    o->header.sec[s].n = (b->sec[s].n + (streamed ? b->streamed : 0)) / image_section_size(s);
    out_put(o, b->sec[s].p, b->sec[s].n);
    sbuf_done(&b->sec[s]);
    o->written |= 1u << s;
    if (streamed)
        b->stream = -1;
}

void build_facts(struct builder *b)
{
    struct img_header *h = &b->out->header;
    h->content_hash = b->set->content_hash;
    h->n_file_thresholds = b->set->n_file_thresholds;
    h->loaded = b->set->n_rules;
    h->disabled = b->set->disabled;
    h->refused = b->set->n_refusals;
    h->replaced = b->set->n_replaced;
    h->skipped = b->set->skipped;
    memcpy(h->action_rank, b->set->action_rank, sizeof(b->set->action_rank));
    memcpy(h->ruletype_rank, b->set->ruletype_rank, sizeof(b->set->ruletype_rank));
}

int build_out_open(struct builder *b, const char *path)
{
    struct image_out *o = b->out = calloc(1, sizeof(*o));
    if (!o)
        return -ENOMEM;
    o->fd = -1;
    int n = snprintf(o->tmp, sizeof(o->tmp), "%s.%ld.tmp", path, (long)getpid());
    if (n < 0 || (size_t)n >= sizeof(o->tmp))
        return -ENAMETOOLONG;
    (void)unlink(o->tmp); /* of a compiler with our number that died */
    /* The folder may be everybody's (/tmp): nobody's link is followed. */
    o->fd = open(o->tmp, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0644);
    o->at = sizeof(o->header);
    return o->fd < 0 ? -errno : 0;
}

static int finish(struct builder *b)
{
    struct image_out *o = b->out;
    struct img_header *h = &o->header;
    for (unsigned s = 0; s < SEC_COUNT; s++)
        if (!(o->written >> s & 1))
            build_section_out(b, (enum image_section)s);
    out_block(o);
    if (b->failed)
        return -ENOMEM;
    memcpy(h->magic, IMAGE_MAGIC, 8);
    h->version = IMAGE_VERSION;
    h->struct_hash = image_struct_hash();
    h->size = o->at;
    h->platform = image_platform();
    h->n_slow = b->n_slow;
    h->needs = b->needs;
    h->n_pcre = b->n_pcre;
    h->notes_left = b->notes_left;
    h->checksum = image_sum_header(h, o->sum);
    return o->rc ? o->rc : write_at(o->fd, h, sizeof(*h), 0);
}

int build_out_close(struct builder *b, const char *path, int rc)
{
    struct image_out *o = b->out;
    if (!o)
        return rc;
    if (!rc)
        rc = finish(b);
    if (o->fd >= 0) {
        if (close(o->fd) && !rc)
            rc = -errno;
        if (!rc && rename(o->tmp, path))
            rc = -errno;
        if (rc)
            unlink(o->tmp);
    }
    free(o);
    b->out = NULL;
    return rc;
}
