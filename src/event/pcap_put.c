/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Classic capture files (magic a1b2c3d4, microseconds, the machine's byte order). */
#include "event/writer.h"

enum { SNAP = 262144 };

static void put(struct sbuf *b, uint32_t v)
{
    sbuf_put(b, &v, sizeof(v));
}

void pcap_header_put(uint32_t link, struct sbuf *b)
{
    const uint16_t version[2] = {2, 4};
    put(b, 0xa1b2c3d4u);
    sbuf_put(b, version, sizeof(version));
    put(b, 0);
    put(b, 0);
    put(b, SNAP);
    put(b, link);
}

void pcap_put(const struct event_packet *p, struct str frame, struct sbuf *b)
{
    uint32_t n = u32_min(frame.n, SNAP);
    put(b, (uint32_t)(p->ts_ns / 1000000000u));
    put(b, (uint32_t)(p->ts_ns % 1000000000u / 1000));
    put(b, n);
    put(b, u32_max(p->wire_len, n));
    sbuf_put(b, frame.p, n);
}
