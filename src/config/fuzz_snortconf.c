/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzzing the reader of snortconf: whatever the text, a result and diags. */
#include "config/tree.h"

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *p, size_t n)
{
    struct arena a;
    struct diags d;
    arena_init(&a, 0, 0);
    diags_init(&d, &a);
    struct conf *c = conf_new();
    if (c) {
        int rc = conf_load_text(c, "fuzz", (const char *)p, n, CONF_FORMAT_SNORT, &d);
        assert(!rc || d.errors);
    }
    conf_free(c);
    arena_done(&a);
    return 0;
}
