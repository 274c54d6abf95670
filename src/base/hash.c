/* SPDX-License-Identifier: GPL-2.0-or-later */
/* XXH3 compiled into this file: for keys of tens of bytes the call costs as much as the hash. */
#define XXH_INLINE_ALL
#include "base/hash.h"

#include <errno.h>
#include <sys/random.h>
#include <xxhash.h>

uint64_t hash_bytes(const void *p, size_t n, uint64_t seed)
{
    return XXH3_64bits_withSeed(p, n, seed);
}

int random_bytes(void *p, size_t n)
{
    uint8_t *at = p;
    while (n) {
        ssize_t got = getrandom(at, n, 0);
        if (got < 0 && errno != EINTR)
            return -errno;
        if (got > 0) {
            at += got;
            n -= (size_t)got;
        }
    }
    return 0;
}
