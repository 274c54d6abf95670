/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Does the pattern library find what it is asked for?  Its fast paths differ by CPU, and one that
 * is wrong makes rules silent without any sign: Vectorscan 5.4.9, which takes Hyperscan's place
 * under the same name, misses about one in 3,000 literals of small sets on CPUs with AVX-512,
 * depending on where the buffer lies in memory.  So random sets of literals are sought in random
 * text at all alignments, beside a search that is obviously right.
 */
#include "detect/image_build.h"

#include "base/hash.h"

#include <errno.h>
#include <hs.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { LITERALS = 10, LITERAL_MOST = 8, TEXT_MOST = 300, ALIGNS = 64, TEXTS = 3 };

struct trial {
    uint64_t seed;
    char literal[LITERALS][LITERAL_MOST + 1];
    size_t len[LITERALS];
    unsigned flags[LITERALS], ids[LITERALS], n;
    uint32_t found; /* a bit a literal */
    char *memory;   /* TEXT_MOST and the alignments */
};

static unsigned below(struct trial *t, unsigned n)
{
    t->seed = hash_mix(t->seed + 0x9e3779b97f4a7c15u);
    return (unsigned)(t->seed >> 33) % n;
}

/* Few letters, so that literals share beginnings and fold into each other. */
static char letter(struct trial *t)
{
    return "abcABC.o"[below(t, 8)];
}

static int on_found(unsigned id, unsigned long long from, unsigned long long to, unsigned flags,
                    void *ctx)
{
    (void)from, (void)to, (void)flags;
    ((struct trial *)ctx)->found |= 1u << id;
    return 0;
}

static uint32_t naive(const struct trial *t, const char *text, size_t n)
{
    uint32_t found = 0;
    for (unsigned k = 0; k < t->n; k++)
        for (size_t at = 0; at + t->len[k] <= n; at++)
            if (!(t->flags[k] & HS_FLAG_CASELESS ? strncasecmp(text + at, t->literal[k], t->len[k])
                                                 : memcmp(text + at, t->literal[k], t->len[k])))
                found |= 1u << k;
    return found;
}

static uint32_t text_differs(struct trial *t, const hs_database_t *db, hs_scratch_t *scratch)
{
    char text[TEXT_MOST];
    size_t n = 1 + below(t, TEXT_MOST);
    for (size_t k = 0; k < n; k++)
        text[k] = (char)('d' + below(t, 10));
    for (unsigned k = 0; k < 2; k++) { /* few: where all are found, a missed one hides */
        unsigned which = below(t, t->n);
        if (t->len[which] <= n)
            memcpy(text + below(t, (unsigned)(n - t->len[which]) + 1), t->literal[which],
                   t->len[which]);
    }
    uint32_t want = naive(t, text, n), wrong = 0;
    for (unsigned align = 0; align < ALIGNS; align++) {
        memcpy(t->memory + align, text, n);
        t->found = 0;
        if (hs_scan(db, t->memory + align, (unsigned)n, 0, scratch, on_found, t) != HS_SUCCESS ||
            t->found != want)
            wrong++;
    }
    return wrong;
}

static int64_t set_differs(struct trial *t)
{
    const char *text[LITERALS];
    hs_database_t *db = NULL;
    hs_compile_error_t *err = NULL;
    hs_scratch_t *scratch = NULL;
    t->n = 1 + below(t, LITERALS);
    for (unsigned k = 0; k < t->n; k++) {
        t->len[k] = 1 + below(t, LITERAL_MOST);
        for (size_t at = 0; at < t->len[k]; at++)
            t->literal[k][at] = letter(t);
        t->flags[k] = HS_FLAG_SINGLEMATCH | (below(t, 2) ? HS_FLAG_CASELESS : 0);
        t->ids[k] = k;
        text[k] = t->literal[k];
    }
    int64_t wrong = -ENOMEM;
    if (hs_compile_lit_multi(text, t->flags, t->ids, t->len, t->n, HS_MODE_BLOCK, NULL, &db,
                             &err) == HS_SUCCESS &&
        hs_alloc_scratch(db, &scratch) == HS_SUCCESS) {
        wrong = 0;
        for (unsigned k = 0; k < TEXTS; k++)
            wrong += text_differs(t, db, scratch);
    }
    hs_free_compile_error(err);
    hs_free_scratch(scratch);
    hs_free_database(db);
    return wrong;
}

int64_t pattern_library_misses(uint64_t seed, unsigned sets)
{
    struct trial t = {.seed = seed, .memory = aligned_alloc(ALIGNS, 6 * ALIGNS)};
    static_assert(6 * ALIGNS >= TEXT_MOST + ALIGNS, "room for every alignment");
    int64_t wrong = t.memory ? 0 : -ENOMEM;
    for (unsigned k = 0; k < sets && wrong >= 0; k++) {
        int64_t more = set_differs(&t);
        wrong = more < 0 ? more : wrong + more;
    }
    free(t.memory);
    return wrong;
}

const char *pattern_library(void)
{
    return hs_version(); /* number, and with Hyperscan the date */
}
