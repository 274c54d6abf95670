/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzz target: DNS datagrams, streams in pieces with holes, every buffer and both versions of the
 * log.
 *
 * Input: one byte of flags, then pieces: length (two bytes, top bit: to client, next: a hole),
 * bytes.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "app/dns/dns.h"
#include "app/fuzz_flow.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    if (size == 0)
        return 0;
    fuzz_flow(&app_dns_def, data[0] & 1 ? IPPROTO_UDP : IPPROTO_TCP, data[0] & 2 ? 53 : 5300,
              data + 1, size - 1);
    return 0;
}
