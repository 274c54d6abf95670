/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Any bytes as a message of a queue. */
#include "capture/nfq/peers.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    static struct peers peers;
    uint8_t *b = malloc(n ? n : 1);
    struct nfq_packet p;
    if (!b)
        return 0;
    if (n)
        memcpy(b, data, n);
    if (nfq_read(b, n, &p) == NFQ_PACKET && nfq_head(&p, b)) {
        peers_note(&peers, &p);
        (void)peers_find(&peers, p.data, p.n);
    }
    free(b);
    return 0;
}
