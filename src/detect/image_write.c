/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The finished image as a file: written whole beside its place, then renamed into it. */
#include "detect/image_build.h"

#include "base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const size_t element[SEC_COUNT] = {
    sizeof(struct img_rule),  sizeof(struct img_test),  sizeof(struct img_block),   sizeof(struct img_where),
    sizeof(struct img_text),  sizeof(struct img_text),  sizeof(struct img_text),    sizeof(struct img_text),
    sizeof(struct img_class), sizeof(struct img_group), sizeof(struct img_pattern), sizeof(struct img_list),
    sizeof(uint32_t),         sizeof(struct rule_threshold), 1, 1};

static int write_all(int fd, const void *p, size_t n)
{
    const uint8_t *b = p;
    while (n) {
        ssize_t k = write(fd, b, n);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return k < 0 ? -errno : -EIO;
        b += k;
        n -= (size_t)k;
    }
    return 0;
}

int build_write(const struct builder *b, const char *path, struct diags *d)
{
    struct sbuf out;
    sbuf_init(&out);
    struct img_header h;
    memset(&h, 0, sizeof(h));
    static const uint8_t zero[IMAGE_ALIGN] = {0};
    sbuf_put(&out, &h, sizeof(h));
    for (unsigned s = 0; s < SEC_COUNT; s++) {
        sbuf_put(&out, zero, (IMAGE_ALIGN - out.n % IMAGE_ALIGN) % IMAGE_ALIGN);
        h.sec[s].at = out.n;
        h.sec[s].n = b->sec[s].n / element[s];
        sbuf_put(&out, b->sec[s].p, b->sec[s].n);
    }
    int rc = -ENOMEM, fd = -1;
    char tmp[4200];
    snprintf(tmp, sizeof(tmp), "%s.%ld.tmp", path, (long)getpid());
    if (out.failed)
        goto done;
    memcpy(h.magic, IMAGE_MAGIC, 8);
    h.version = IMAGE_VERSION;
    h.struct_hash = image_struct_hash();
    h.size = out.n;
    h.content_hash = b->set->content_hash;
    h.platform = image_platform();
    h.n_slow = b->n_slow;
    h.needs = b->needs;
    h.n_file_thresholds = b->set->n_file_thresholds;
    h.n_pcre = b->n_pcre;
    h.checksum = hash_bytes(out.p + sizeof(h), out.n - sizeof(h), 0);
    memcpy(out.p, &h, sizeof(h));
    fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    rc = fd < 0 ? -errno : write_all(fd, out.p, out.n);
    if (fd >= 0 && close(fd) && !rc)
        rc = -errno;
    if (!rc && rename(tmp, path))
        rc = -errno;
    if (rc && fd >= 0)
        unlink(tmp);
done:
    if (rc)
        diag_add(d, DIAG_ERROR, path, 0, 0, "choose another cache folder with cache-dir",
                 "the image of rules can't be written: %s", strerror(-rc));
    sbuf_done(&out);
    return rc;
}
