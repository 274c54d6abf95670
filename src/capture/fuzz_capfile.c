/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzz target: a capture file from memory, read to its end. */
#include <stdlib.h>
#include <string.h>

#include "capture/capread.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static const uint8_t none;
    data = n ? data : &none;
    struct cap_src s = {.at = data, .base = data, .end = data + n, .eof = true};
    struct cap_reader *r = calloc(1, sizeof *r);
    struct frame f;
    size_t need;
    volatile uint8_t sink = 0;
    enum cap_read got;
    if (!r)
        return 0;
    if (cap_reader_start(r, &s) == 0)
        while ((got = cap_reader_next(r, &s, &f, &need)) == CAP_FRAME || got == CAP_SKIP || got == CAP_NOTE) {
            if (got != CAP_FRAME)
                continue;
            if (f.len > CAP_FRAME_MAX || f.wire_len < f.len)
                abort();
            if (f.len)
                sink ^= (uint8_t)(f.data[0] ^ f.data[f.len - 1]);
        }
    (void)sink;
    cap_reader_done(r);
    free(r);
    return 0;
}
