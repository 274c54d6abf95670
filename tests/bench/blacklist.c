/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a look at a full blacklist costs: N entries, random addresses; prints nanoseconds of CPU a miss and a hit. */
#include "verdict/blacklist/blacklist.h"

#include "base/clock.h"
#include "base/hash.h"
#include "base/ip.h"

#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

static struct ip_addr address(uint64_t n, bool listed)
{
    uint32_t four = ((uint32_t)n << 1 | listed) * 2654435761u; /* each another */
    return ip_from_v4(&four);
}

static double looks(struct blacklist *b, uint64_t n, bool listed, uint64_t *found)
{
    enum { LOOKS = 4000000 };
    uint64_t at = clock_cpu_ns();
    for (uint64_t k = 0; k < LOOKS; k++) {
        struct ip_addr a = address(hash_mix(k) % n, listed), d = address(k, false);
        struct block_ends e = {.src = &a, .dst = &d, .ver = 4, .proto = 17, .sp = 53};
        *found += blacklist_look(b, &e, 1, NULL);
    }
    return (double)(clock_cpu_ns() - at) / LOOKS;
}

int main(int argc, char **argv)
{
    uint64_t n = argc > 1 ? strtoull(argv[1], NULL, 10) : 1000000, added = 0, hit = 0, miss = 0;
    struct blacklist_config c = {.entries = (uint32_t)n, .per_minute = UINT32_MAX, .seed = 11};
    size_t bytes = blacklist_bytes(&c);
    void *m = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    struct blacklist *b;
    if (m == MAP_FAILED)
        return 1;
    blacklist_lay(m, &c);
    if (blacklist_attach(m, bytes, &b))
        return 1;
    uint64_t at = clock_cpu_ns();
    for (uint64_t k = 0; k < n; k++) {
        struct block_entry e = {.key = {.kind = BLOCK_SRC, .ver = 4, .a = address(k, true)}, .until_ns = UINT64_MAX};
        added += blacklist_add(b, &e, true, 1) == BLOCK_ADDED;
    }
    double fill = (double)(clock_cpu_ns() - at) / (double)n;
    double for_miss = looks(b, n, false, &miss), for_hit = looks(b, n, true, &hit);
    printf("entries %llu, ns an add %.0f, a miss %.1f (%llu wrong), a hit %.1f (%llu found)\n", (unsigned long long)added, fill, for_miss,
           (unsigned long long)miss, for_hit, (unsigned long long)hit);
    blacklist_detach(b);
    munmap(m, bytes);
    return 0;
}
