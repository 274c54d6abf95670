/* SPDX-License-Identifier: GPL-2.0-or-later */
/* MD5, SHA-1, SHA-256 and SHA-512 by GnuTLS. */
#include "base/hash.h"

#include <gnutls/crypto.h>
#include <stdlib.h>

struct digest {
    gnutls_hash_hd_t h;
    size_t n;
};

static const struct {
    gnutls_digest_algorithm_t id;
    size_t n;
} kinds[] = {
    [DIGEST_MD5] = {GNUTLS_DIG_MD5, 16},
    [DIGEST_SHA1] = {GNUTLS_DIG_SHA1, 20},
    [DIGEST_SHA256] = {GNUTLS_DIG_SHA256, 32},
    [DIGEST_SHA512] = {GNUTLS_DIG_SHA512, 64},
};

struct digest *digest_new(enum digest_kind kind)
{
    struct digest *d = malloc(sizeof(*d));
    if (!d)
        return NULL;
    d->n = kinds[kind].n;
    if (gnutls_hash_init(&d->h, kinds[kind].id) < 0) {
        free(d);
        return NULL;
    }
    return d;
}

void digest_add(struct digest *d, const void *p, size_t n)
{
    if (n)
        (void)gnutls_hash(d->h, p, n);
}

size_t digest_end(struct digest *d, uint8_t out[DIGEST_MAX])
{
    size_t n = d->n;
    gnutls_hash_deinit(d->h, out);
    free(d);
    return n;
}

void digest_free(struct digest *d)
{
    uint8_t none[DIGEST_MAX];
    if (d)
        (void)digest_end(d, none);
}

size_t digest_of(enum digest_kind kind, const void *p, size_t n, uint8_t out[DIGEST_MAX])
{
    if (gnutls_hash_fast(kinds[kind].id, p, n, out) < 0)
        return 0;
    return kinds[kind].n;
}
