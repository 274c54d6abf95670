/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzz target: HTTP/1 through detection, libhtp, decoding, multipart, buffers and log.
 *
 * Input: pieces: length (two bytes, top bit: to client, next: a hole), bytes.
 */
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "app/fuzz_flow.h"
#include "app/http/http.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_flow(&app_http_def, IPPROTO_TCP, 80, data, size);
    return 0;
}
