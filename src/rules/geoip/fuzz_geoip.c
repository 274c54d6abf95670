/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a MaxMind DB; what compiles is asked for addresses cut from the same bytes. */
#include "rules/geoip/mmdb.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct arena a;
    struct str table;
    const char *wrong;
    if (size > 1 << 20)
        return 0;
    arena_init(&a, 0, 0);
    if (!geo_compile(&a, str_of(data, (uint32_t)size), &table, &wrong)) {
        char c[2];
        for (size_t at = 0; at + 16 <= size && at < 256; at += 16) {
            struct ip_addr x = ip_from_v6(data + at);
            (void)geo_find(table, 6, &x, c);
            x = ip_from_v4(data + at);
            (void)geo_find(table, 4, &x, c);
        }
    }
    arena_done(&a);
    return 0;
}
