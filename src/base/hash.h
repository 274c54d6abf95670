/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hashing.  Tables on the packet's way seed it at start, so that nobody outside can aim at a slot.
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/attr.h"

uint64_t hash_bytes(const void *p, size_t n, uint64_t seed); /* XXH3, 64 bit */
/* Finaliser for integers that are nearly random already. */
static inline uint64_t hash_mix(uint64_t x)
{
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93u;
    x ^= x >> 32;
    x *= 0xd6e8feb86659fd93u;
    x ^= x >> 32;
    return x;
}
int random_bytes(void *p, size_t n) MUST_CHECK;

/* MD5, SHA-1, SHA-256, SHA-512 in pieces (GnuTLS behind it). */
enum digest_kind { DIGEST_MD5, DIGEST_SHA1, DIGEST_SHA256, DIGEST_SHA512 };
#define DIGEST_MAX 64
struct digest;
struct digest *digest_new(enum digest_kind kind); /* NULL: no memory */
void digest_add(struct digest *d, const void *p, size_t n);
size_t digest_end(struct digest *d, uint8_t out[DIGEST_MAX]); /* length; frees d */
void digest_free(struct digest *d);
size_t digest_of(enum digest_kind kind, const void *p, size_t n, uint8_t out[DIGEST_MAX]);

#endif
