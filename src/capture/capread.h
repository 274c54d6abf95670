/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Records of pcap and pcapng files as frames.
 *
 * pcap: the classic format with its time units and byte orders (IETF draft-ietf-opsawg-pcap).
 * pcapng: draft-ietf-opsawg-pcapng; sections, interfaces, enhanced, simple and old packet blocks.
 * Frames point into the source's window.
 */
#ifndef CAPTURE_CAPREAD_H
#define CAPTURE_CAPREAD_H

#include "base/attr.h"
#include "capture/capsrc.h"
#include "capture/capture.h"

enum {
    CAP_FRAME_MAX = 256 * 1024, /* captured bytes of one frame, as libpcap's limit */
    CAP_NG_IFACES = 1024,       /* of one section */
    CAP_IFNAME = 32,
    CAP_NG_NOTES = 64, /* of one file */
};

enum cap_read {
    CAP_FRAME,
    CAP_SKIP, /* a packet that can't be decoded is passed over */
    CAP_NOTE, /* the same, for the first time on its interface: why says which and why */
    CAP_FILL, /* fill the window to *need and come again */
    CAP_END,
    CAP_BROKEN, /* why says what; the source stands at the broken record */
};

struct cap_ng_iface {
    uint64_t units; /* a second */
    int64_t offset_s;
    uint32_t snap;
    uint16_t link;
    bool told; /* that its packets are passed over */
};

struct cap_reader {
    bool ng, swap;
    /* pcap */
    bool lens_swapped, lens_maybe;
    uint8_t record_bytes; /* record header */
    uint16_t link;
    uint32_t units; /* a second */
    /* pcapng */
    bool in_section;
    uint32_t n_iface, notes;
    struct cap_ng_iface *iface; /* CAP_NG_IFACES of them */
    char name[CAPTURE_IFACES][CAP_IFNAME];

    uint64_t last_ns; /* for blocks without a time */
    bool nanosecond;  /* the file is finer than microseconds */
    char why[200];
};

/* Reads the file's header.  0, -EINVAL (no capture file, or a broken header), or a source's error.
 */
int cap_reader_start(struct cap_reader *r, struct cap_src *s) MUST_CHECK;
void cap_reader_done(struct cap_reader *r);
/* Fills f's data, len, wire_len, ts_ns, link and iface; clears the rest. */
enum cap_read cap_reader_next(struct cap_reader *r, struct cap_src *s, struct frame *f,
                              size_t *need) MUST_CHECK;
/* True if the first bytes (up to 4) may begin a capture file or a packed one. */
bool cap_magic_known(const uint8_t *p, size_t n);

/* Whether frames of this link type can be decoded; if not, why names it. */
bool cap_link_known(struct cap_reader *r, uint16_t link);

/* The two formats, for capread.c alone. */
int cap_pcap_start(struct cap_reader *r, struct cap_src *s) MUST_CHECK;
enum cap_read cap_pcap_next(struct cap_reader *r, struct cap_src *s, struct frame *f, size_t *need);
enum cap_read cap_ng_next(struct cap_reader *r, struct cap_src *s, struct frame *f, size_t *need);
enum cap_read cap_broken(struct cap_reader *r, const char *fmt, ...) PRINTF_LIKE(2, 3);

static inline uint32_t cap_u32(const struct cap_reader *r, const void *p)
{
    uint32_t v;
    __builtin_memcpy(&v, p, 4);
    return r->swap ? __builtin_bswap32(v) : v;
}
static inline uint16_t cap_u16(const struct cap_reader *r, const void *p)
{
    uint16_t v;
    __builtin_memcpy(&v, p, 2);
    return r->swap ? __builtin_bswap16(v) : v;
}
static inline uint64_t cap_u64(const struct cap_reader *r, const void *p)
{
    uint64_t v;
    __builtin_memcpy(&v, p, 8);
    return r->swap ? __builtin_bswap64(v) : v;
}

#endif
