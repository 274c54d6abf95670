/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For this folder's tests: pcap and pcapng files, record by record. */
#ifndef CAPTURE_TEST_MAKE_H
#define CAPTURE_TEST_MAKE_H

#include "capture/test_util.h"

struct pcap_kind {
    uint32_t magic, units;
    uint16_t major, minor;
    uint8_t extra, more; /* bytes behind a record header, behind the file header */
    bool swapped;
};
static const struct pcap_kind kinds[] = {
    {0xa1b2c3d4, 1000000, 2, 4, 0, 0, false},    {0xa1b23c4d, 1000000000, 2, 4, 0, 0, false},
    {0xa1b2cd34, 1000000, 2, 4, 8, 0, false},    {0xa1b234cd, 1000000, 2, 4, 8, 0, false},
    {0x1c0001ac, 1000000000, 2, 4, 0, 4, false}, {0x1c0001ab, 1000000, 2, 4, 0, 4, false},
    {0xa1b2c3d4, 1000000, 2, 2, 0, 0, true},     {0xa1b2c3d4, 1000000, 2, 3, 0, 0, false},
    {0xa1b2c3d4, 1000000, 2, 3, 0, 0, true},     {0xa1b2c3d4, 1000000, 543, 0, 0, 0, true},
};

static inline void pcap_head(struct maker *m, const struct pcap_kind *k, uint32_t link)
{
    mk32(m, k->magic);
    mk16(m, k->major);
    mk16(m, k->minor);
    mk32(m, 0);
    mk32(m, 0);
    mk32(m, 65535);
    mk32(m, link);
    mk_fill(m, 0, k->more);
}
static inline void pcap_record(struct maker *m, const struct pcap_kind *k, uint32_t sec,
                               uint32_t frac, uint32_t len, uint32_t wire, uint8_t fill)
{
    mk32(m, sec);
    mk32(m, frac);
    mk32(m, k->swapped ? wire : len);
    mk32(m, k->swapped ? len : wire);
    mk_fill(m, 0xee, k->extra);
    mk_fill(m, fill, len);
}
/* Five frames of 10, 11, 0, 13, 14 bytes, cut off by 100. */
static inline void pcap_make(struct maker *m, const struct pcap_kind *k, bool big)
{
    sbuf_init(&m->b);
    m->big = big;
    pcap_head(m, k, LINK_SLL);
    for (uint32_t i = 0; i < 5; i++)
        pcap_record(m, k, 1000 + i, i * 7, i == 2 ? 0 : 10 + i, 110 + i, (uint8_t)('a' + i));
}

/* ---- pcapng ---- */

static inline void ng_block(struct maker *m, uint32_t type, const void *body, size_t n)
{
    uint32_t total = (uint32_t)(12 + n + (-n & 3));
    mk32(m, type);
    mk32(m, total);
    if (n)
        sbuf_put(&m->b, body, n);
    mk_fill(m, 0, (uint32_t)(-n & 3));
    mk32(m, total);
}
static inline void ng_section(struct maker *m)
{
    mk32(m, 0x0a0d0d0a);
    mk32(m, 28);
    mk32(m, 0x1a2b3c4d);
    mk16(m, 1);
    mk16(m, 0);
    mk64(m, UINT64_MAX);
    mk32(m, 28);
}
struct ng_if {
    uint16_t link;
    uint32_t snap;
    int resol; /* -1: none */
    int64_t offset;
    const char *name;
};
static inline void ng_iface(struct maker *m, const struct ng_if *i)
{
    struct maker b = {.big = m->big};
    sbuf_init(&b.b);
    mk16(&b, i->link);
    mk16(&b, 0);
    mk32(&b, i->snap);
    if (i->name) {
        uint16_t n = (uint16_t)strlen(i->name);
        mk16(&b, 2);
        mk16(&b, n);
        sbuf_put(&b.b, i->name, n);
        mk_fill(&b, 0, -(uint32_t)n & 3);
    }
    if (i->resol >= 0) {
        mk16(&b, 9);
        mk16(&b, 1);
        sbuf_byte(&b.b, (uint8_t)i->resol);
        mk_fill(&b, 0, 3);
    }
    if (i->offset) {
        mk16(&b, 14);
        mk16(&b, 8);
        mk64(&b, (uint64_t)i->offset);
    }
    mk32(&b, 0);
    ng_block(m, 1, b.b.p, b.b.n);
    sbuf_done(&b.b);
}
static inline void ng_packet(struct maker *m, uint32_t iface, uint64_t t, uint32_t len,
                             uint8_t fill, bool old)
{
    struct maker b = {.big = m->big};
    sbuf_init(&b.b);
    if (old) {
        mk16(&b, (uint16_t)iface);
        mk16(&b, 3); /* drops */
    } else {
        mk32(&b, iface);
    }
    mk32(&b, (uint32_t)(t >> 32));
    mk32(&b, (uint32_t)t);
    mk32(&b, len);
    mk32(&b, len + 1);
    mk_fill(&b, fill, len);
    mk_fill(&b, 0, -len & 3);
    mk32(&b, 0x00040002); /* epb_flags */
    mk32(&b, 1);
    mk32(&b, 0);
    ng_block(m, old ? 2 : 6, b.b.p, b.b.n);
    sbuf_done(&b.b);
}
static inline void ng_simple(struct maker *m, uint32_t wire, uint32_t len, uint8_t fill)
{
    struct maker b = {.big = m->big};
    sbuf_init(&b.b);
    mk32(&b, wire);
    mk_fill(&b, fill, len);
    ng_block(m, 3, b.b.p, b.b.n);
    sbuf_done(&b.b);
}

#endif
