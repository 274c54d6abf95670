/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "base/packed.h"

#include <string.h>

static const struct {
    const char *magic;
    size_t n;
    const char *unpack;
} packers[] = {
    {"\xfd" "7zX", 4, "xz -dc"},        /* the .xz file format 2.1.1.1 */
    {"\x28\xb5\x2f\xfd", 4, "zstd -dc"}, /* RFC 8878 3.1.1 */
    {"BZh", 3, "bzip2 -dc"},
    {"\x04\x22\x4d\x18", 4, "lz4 -dc"},
    {"PK\x03\x04", 4, "unzip -p"},
    {"\x1f\x8b", 2, "gzip -dc"}, /* RFC 1952 2.3.1 */
};

const char *packed_by(const void *p, size_t n)
{
    for (size_t i = 0; i < ARRAY_LEN(packers); i++)
        if (n >= packers[i].n && memcmp(p, packers[i].magic, packers[i].n) == 0)
            return packers[i].unpack;
    return NULL;
}
