/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzz target: SSH in pieces with holes (fuzz_flow.h), every buffer and the log. */
#include <netinet/in.h>

#include "app/fuzz_flow.h"
#include "app/ssh/ssh.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    fuzz_flow(&app_ssh_def, IPPROTO_TCP, 22, data, size);
    return 0;
}
