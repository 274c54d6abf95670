/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Records of a child: the first byte says how many descriptors and who sends. */
#include "sensor/message.h"

#include "base/arena.h"

#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 17 || n - 17 > MSG_BODY)
        return 0;
    if (!msg_valid(data + 1, n - 1, data[0] & 3, 1u << (data[0] >> 2 & 3)))
        return 0;
    struct message m = {.size = (uint32_t)(n - 17)};
    uint32_t type;
    memcpy(&type, data + 5, sizeof(type));
    memcpy(m.body, data + 17, n - 17);
    if (type == MSG_DIAG) {
        struct arena a;
        arena_init(&a, 0, 0);
        struct diag *d = msg_read_diag(&m, &a);
        if (d && strlen(d->reason) > MSG_BODY)
            __builtin_trap();
        arena_done(&a);
    }
    return 0;
}
