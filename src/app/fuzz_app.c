/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzz target: detection of the protocol, with every port that a probe is bound to.
 *
 * Input: one byte (transport, port), then pieces as in fuzz_flow.h.
 */
#include <netinet/in.h>

#include "app/fuzz_flow.h"
#include "app/http/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const uint16_t ports[] = {80,  22,   23,   53,   67,   69,   88,   123,  139,   161,   389,
                                     445, 500,  502,  1883, 2049, 3389, 4500, 5353, 5355,  5432,  5900,
                                     110, 6379, 3306, 1433, 443,  21,   25,   9999, 20000, 44818};
    if (size == 0)
        return 0;
    fuzz_flow(&app_http_def, data[0] & 0x80 ? IPPROTO_UDP : IPPROTO_TCP,
              ports[(data[0] & 0x7f) % ARRAY_LEN(ports)], data + 1, size - 1);
    return 0;
}
