/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The classic capture format, and the choice between the formats (capread.h).
 *
 * File header: magic, version 2 + 2 bytes, zone, figures, snap length, link type: 24 bytes; the
 * magic tells byte order, time unit and the length of record headers.  Record header: seconds,
 * fraction, captured length, wire length.
 */
#include "capture/capread.h"

#include <endian.h>
#include <errno.h>
#include <pcap/pcap.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "base/packed.h"

static_assert(__BYTE_ORDER == __LITTLE_ENDIAN, "swap means big endian here");

#define NG_SECTION 0x0a0d0d0au /* a palindrome: the same in both orders */

struct magic {
    uint32_t value;
    uint32_t units;
    uint8_t record_bytes;
    uint8_t more_header; /* behind the 24 bytes */
};
static const struct magic magics[] = {
    {0xa1b2c3d4u, 1000000, 16, 0},    /* the usual one */
    {0xa1b23c4du, 1000000000, 16, 0}, /* nanoseconds */
    {0xa1b2cd34u, 1000000, 24, 0},    /* "modified": interface, protocol, kind behind the lengths */
    {0xa1b234cdu, 1000000, 24, 0},    /* another patch of that time */
    {0x1c0001acu, 1000000000, 16, 4}, /* Ixia, hardware and software capture */
    {0x1c0001abu, 1000000, 16, 4},
};

static const struct magic *magic_find(const uint8_t *p, bool *swap)
{
    for (size_t i = 0; i < ARRAY_LEN(magics); i++) {
        *swap = be32_at(p) == magics[i].value;
        if (*swap || le32_at(p) == magics[i].value)
            return &magics[i];
    }
    return NULL;
}

bool cap_magic_known(const uint8_t *p, size_t n)
{
    bool swap;
    if ((n >= 2 && p[0] == 0x1f && p[1] == 0x8b) || packed_by(p, n))
        return true;
    return n >= 4 && (be32_at(p) == NG_SECTION || magic_find(p, &swap));
}

enum cap_read cap_broken(struct cap_reader *r, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(r->why, sizeof r->why, fmt, ap);
    va_end(ap);
    return CAP_BROKEN;
}

bool cap_link_known(struct cap_reader *r, uint16_t link)
{
    static const uint16_t known[] = {
        LINK_NULL,  LINK_ETHERNET, LINK_PPP,        LINK_RAW_OLD, LINK_RAW_BSD,
        LINK_CHDLC, LINK_RAW,      LINK_LOOP,       LINK_SLL,     LINK_PPP_ETHER,
        LINK_IPV4,  LINK_IPV6,     LINK_PPP_SERIAL, LINK_SLL2,
    };
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (known[i] == link)
            return true;
    char user[16];
    const char *name = pcap_datalink_val_to_name(link);
    if (!name && link >= 147 && link <= 162) { /* left to private use */
        snprintf(user, sizeof user, "USER%u", link - 147u);
        name = user;
    }
    cap_broken(r, "link type %u (%s) is not supported", link, name ? name : "unknown");
    return false;
}

int cap_pcap_start(struct cap_reader *r, struct cap_src *s)
{
    const struct magic *m = magic_find(s->at, &r->swap);
    size_t n = 24u + m->more_header;
    int got = cap_src_fill(s, n, -1);
    if (got < 0)
        return got;
    if (got == 0) {
        cap_broken(r, "file header is cut: %zu bytes of %zu", cap_src_left(s), n);
        return -EINVAL;
    }
    uint16_t major = cap_u16(r, s->at + 4), minor = cap_u16(r, s->at + 6);
    if (major != 2 && !(major == 543 && minor == 0)) {
        cap_broken(r, "pcap version %u.%u is not known (2.4 is)", major, minor);
        return -EINVAL;
    }
    /* Files before 2.3 have the two lengths the other way round; 2.3 has both ways. */
    r->lens_swapped = major == 543 || minor < 3;
    r->lens_maybe = major == 2 && minor == 3;
    r->record_bytes = m->record_bytes;
    r->units = m->units;
    r->nanosecond = m->units > 1000000;
    r->link = (uint16_t)cap_u32(r, s->at + 20); /* the upper half speaks of frame check sequences */
    if (!cap_link_known(r, r->link))
        return -EINVAL;
    cap_src_skip(s, n);
    return 0;
}

static enum cap_read short_record(struct cap_reader *r, struct cap_src *s, size_t want,
                                  size_t *need)
{
    size_t left = cap_src_left(s);
    if (!s->eof) {
        *need = want;
        return CAP_FILL;
    }
    if (left == 0)
        return CAP_END;
    return left < r->record_bytes
               ? cap_broken(r, "record header is cut: %zu bytes of %u", left, r->record_bytes)
               : cap_broken(r, "record is cut: %zu bytes of %zu", left, want);
}

enum cap_read cap_pcap_next(struct cap_reader *r, struct cap_src *s, struct frame *f, size_t *need)
{
    size_t left = cap_src_left(s), head = r->record_bytes;
    if (left < head)
        return short_record(r, s, head, need);
    const uint8_t *p = s->at;
    uint32_t sec = cap_u32(r, p), frac = cap_u32(r, p + 4);
    uint32_t len = cap_u32(r, p + 8), wire = cap_u32(r, p + 12);
    if (r->lens_swapped || (r->lens_maybe && len > wire)) {
        uint32_t t = len;
        len = wire;
        wire = t;
    }
    if (len > CAP_FRAME_MAX)
        return cap_broken(r, "record of %u bytes is longer than a frame can be (%u)", len,
                          CAP_FRAME_MAX);
    if (left < head + len)
        return short_record(r, s, head + len, need);
    __builtin_prefetch(p + head + len);
    *f = (struct frame){
        .data = p + head,
        .len = len,
        .wire_len = u32_max(wire, len),
        /* A fraction beyond its second carries over. */
        .ts_ns = sec * NS_PER_SEC + (r->units == 1000000 ? frac * NS_PER_US : frac),
        .link = r->link,
    };
    s->at += head + len;
    return CAP_FRAME;
}

int cap_reader_start(struct cap_reader *r, struct cap_src *s)
{
    memset(r, 0, sizeof *r);
    int got = cap_src_fill(s, 4, -1);
    if (got < 0)
        return got;
    if (got == 0) {
        size_t left = cap_src_left(s);
        cap_broken(r, left ? "no capture file: %zu bytes" : "file is empty", left);
        return -EINVAL;
    }
    bool swap;
    if (magic_find(s->at, &swap))
        return cap_pcap_start(r, s);
    if (be32_at(s->at) != NG_SECTION) {
        const char *unpack = packed_by(s->at, 4);
        if (unpack)
            cap_broken(r, "it is packed: `%s FILE | riposte replay -r -` reads it", unpack);
        else
            cap_broken(r, "no capture file: begins with %08x", be32_at(s->at));
        return -EINVAL;
    }
    r->ng = true;
    r->iface = malloc(CAP_NG_IFACES * sizeof *r->iface);
    return r->iface ? 0 : -ENOMEM;
}

void cap_reader_done(struct cap_reader *r)
{
    free(r->iface);
    r->iface = NULL;
}

enum cap_read cap_reader_next(struct cap_reader *r, struct cap_src *s, struct frame *f,
                              size_t *need)
{
    enum cap_read got = r->ng ? cap_ng_next(r, s, f, need) : cap_pcap_next(r, s, f, need);
    if (got == CAP_FRAME)
        r->last_ns = f->ts_ns;
    return got;
}
