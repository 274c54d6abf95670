/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pcapng blocks (draft-ietf-opsawg-pcapng): type, total length, body, total length again.
 *
 * A section header gives the byte order of what follows and forgets the interfaces before it.  An
 * interface description gives link type, snap length and the unit and offset of times.  Packets
 * come in enhanced, simple and old ("obsolete") packet blocks.  Every other block is passed over.
 */
#include "capture/capread.h"

#include <stdio.h>
#include <string.h>

#include "base/clock.h"

enum ng_type {
    NG_INTERFACE = 1,
    NG_PACKET_OLD = 2,
    NG_PACKET_SIMPLE = 3,
    NG_PACKET = 6,
};
enum ng_option { OPT_END = 0, OPT_IF_NAME = 2, OPT_IF_TSRESOL = 9, OPT_IF_TSOFFSET = 14 };
#define NG_SECTION  0x0a0d0d0au
#define NG_ORDER    0x1a2b3c4du
#define UNITS_USUAL 1000000u

/* Body of a block; a cursor in the section's byte order would be one more kind of cursor: the block
 * is whole in memory and each access below is checked against n. */
struct ng_body {
    const uint8_t *p;
    uint32_t n;
};

static uint64_t units_of(uint8_t resol)
{
    unsigned e = resol & 0x7f;
    if (resol & 0x80)
        return e < 64 ? 1ull << e : 0;
    uint64_t u = 1;
    if (e > 19)
        return 0;
    while (e--)
        u *= 10;
    return u;
}

static enum cap_read if_option(struct cap_reader *r, struct cap_ng_iface *i, uint16_t code,
                               const uint8_t *v, uint16_t n)
{
    if (code == OPT_IF_TSRESOL && n >= 1) {
        i->units = units_of(v[0]);
        if (!i->units)
            return cap_broken(r, "interface has a time unit that can't be: %u", v[0]);
    } else if (code == OPT_IF_TSOFFSET && n >= 8) {
        i->offset_s = (int64_t)cap_u64(r, v);
    } else if (code == OPT_IF_NAME && r->n_iface < CAPTURE_IFACES) {
        snprintf(r->name[r->n_iface], CAP_IFNAME, "%.*s", (int)n, (const char *)v);
    }
    return CAP_FRAME;
}

static enum cap_read block_interface(struct cap_reader *r, struct ng_body b)
{
    if (b.n < 8)
        return cap_broken(r, "interface block is too short: %u bytes", b.n);
    if (r->n_iface == CAP_NG_IFACES)
        return cap_broken(r, "more than %u interfaces in a section", CAP_NG_IFACES);
    struct cap_ng_iface *i = &r->iface[r->n_iface];
    *i = (struct cap_ng_iface){
        .units = UNITS_USUAL, .link = cap_u16(r, b.p), .snap = cap_u32(r, b.p + 4)};
    if (r->n_iface < CAPTURE_IFACES)
        r->name[r->n_iface][0] = 0;
    for (uint32_t at = 8; b.n - at >= 4;) {
        uint16_t code = cap_u16(r, b.p + at), n = cap_u16(r, b.p + at + 2);
        uint32_t padded = (n + 3u) & ~3u;
        at += 4;
        if (code == OPT_END)
            break;
        if (padded > b.n - at)
            return cap_broken(r, "option %u of an interface block runs over its end", code);
        if (if_option(r, i, code, b.p + at, n) == CAP_BROKEN)
            return CAP_BROKEN;
        at += padded;
    }
    r->nanosecond |= i->units > 1000000;
    r->n_iface++;
    return CAP_FRAME;
}

/* Part of a second as nanoseconds: rest < units. */
static uint64_t ng_fraction(uint64_t rest, uint64_t units)
{
    if (units % NS_PER_SEC == 0)
        return rest / (units / NS_PER_SEC);
    for (; units > 1ull << 34; units >>= 1) /* a power of two, or the product would not fit */
        rest >>= 1;
    return rest * NS_PER_SEC / units;
}

static bool ng_time(const struct cap_ng_iface *i, uint64_t t, uint64_t *ns)
{
    uint64_t sec;
    if (__builtin_add_overflow(t / i->units, i->offset_s, &sec) || sec >= UINT64_MAX / NS_PER_SEC)
        return false;
    *ns = sec * NS_PER_SEC + ng_fraction(t % i->units, i->units);
    return true;
}

/* One interface's link type says nothing of the others'; why has it already. */
static enum cap_read foreign_packet(struct cap_reader *r, uint32_t iface)
{
    char what[100];
    if (r->iface[iface].told || r->notes == CAP_NG_NOTES)
        return CAP_SKIP;
    r->iface[iface].told = true;
    r->notes++;
    snprintf(what, sizeof what, "%.99s", r->why);
    cap_broken(r, "interface %u: %s: its packets are passed over", iface, what);
    return CAP_NOTE;
}

/* What all packet blocks have in common, behind their heads. */
static enum cap_read packet(struct cap_reader *r, struct frame *f, uint32_t iface, uint32_t len,
                            uint32_t wire, struct ng_body data)
{
    if (iface >= r->n_iface)
        return cap_broken(r, "packet of interface %u, but the section has %u", iface, r->n_iface);
    if (len > CAP_FRAME_MAX)
        return cap_broken(r, "packet of %u bytes is longer than a frame can be (%u)", len,
                          CAP_FRAME_MAX);
    if (len > data.n)
        return cap_broken(r, "packet of %u bytes in a block that holds %u", len, data.n);
    if (!cap_link_known(r, r->iface[iface].link))
        return foreign_packet(r, iface);
    f->data = data.p;
    f->len = len;
    f->wire_len = u32_max(wire, len);
    f->link = r->iface[iface].link;
    f->iface = (uint16_t)u32_min(iface, CAPTURE_IFACES - 1);
    return CAP_FRAME;
}

/* Enhanced and old packet blocks have their fields at the same places but for the interface. */
static enum cap_read block_packet(struct cap_reader *r, struct frame *f, struct ng_body b, bool old)
{
    if (b.n < 20)
        return cap_broken(r, "packet block is too short: %u bytes", b.n);
    uint32_t iface = old ? cap_u16(r, b.p) : cap_u32(r, b.p);
    uint64_t t = (uint64_t)cap_u32(r, b.p + 4) << 32 | cap_u32(r, b.p + 8);
    struct ng_body data = {b.p + 20, b.n - 20};
    enum cap_read got = packet(r, f, iface, cap_u32(r, b.p + 12), cap_u32(r, b.p + 16), data);
    if (got == CAP_FRAME && !ng_time(&r->iface[iface], t, &f->ts_ns))
        return cap_broken(r, "time of a packet is out of range");
    return got;
}

static enum cap_read block_simple(struct cap_reader *r, struct frame *f, struct ng_body b)
{
    if (b.n < 4)
        return cap_broken(r, "packet block is too short: %u bytes", b.n);
    if (!r->n_iface)
        return cap_broken(r, "packet before the first interface block");
    uint32_t wire = cap_u32(r, b.p), snap = r->iface[0].snap;
    uint32_t len = snap ? u32_min(wire, snap) : wire;
    f->ts_ns = r->last_ns; /* the block has no time of its own */
    return packet(r, f, 0, u32_min(len, b.n - 4), wire, (struct ng_body){b.p + 4, b.n - 4});
}

/* A section's byte order counts from its own length on, so it is looked at first. */
static enum cap_read section_order(struct cap_reader *r, const uint8_t *p)
{
    r->swap = false;
    uint32_t order = cap_u32(r, p + 8);
    if (order != NG_ORDER && __builtin_bswap32(order) != NG_ORDER)
        return cap_broken(r, "section header without a byte order mark: %08x", order);
    r->swap = order != NG_ORDER;
    return CAP_FRAME;
}

static enum cap_read block_section(struct cap_reader *r, struct ng_body b)
{
    if (b.n < 16)
        return cap_broken(r, "section header is too short: %u bytes", b.n);
    uint16_t major = cap_u16(r, b.p + 4);
    if (major != 1)
        return cap_broken(r, "pcapng version %u.%u is not known (1.0 is)", major,
                          cap_u16(r, b.p + 6));
    r->n_iface = 0;
    r->in_section = true;
    return CAP_FRAME;
}

static enum cap_read block(struct cap_reader *r, struct frame *f, uint32_t type, struct ng_body b,
                           bool *is_frame)
{
    *is_frame = true;
    switch (type) {
    case NG_PACKET:
        return block_packet(r, f, b, false);
    case NG_PACKET_OLD:
        return block_packet(r, f, b, true);
    case NG_PACKET_SIMPLE:
        return block_simple(r, f, b);
    default:
        *is_frame = false;
        return type == NG_SECTION ? block_section(r, b) : block_interface(r, b);
    }
}

static bool is_read(uint32_t type)
{
    return type == NG_PACKET || type == NG_PACKET_OLD || type == NG_PACKET_SIMPLE ||
           type == NG_INTERFACE || type == NG_SECTION;
}

static enum cap_read short_block(struct cap_reader *r, struct cap_src *s, size_t want, size_t *need)
{
    if (!s->eof) {
        *need = want;
        return CAP_FILL;
    }
    if (s->skip)
        return cap_broken(r, "block is cut: %ju bytes more were said", (uintmax_t)s->skip);
    if (cap_src_left(s) == 0)
        return CAP_END;
    return cap_broken(r, "block is cut: %zu bytes of %zu", cap_src_left(s), want);
}

/* Type and total length of the block at the window's start; its byte order is set. */
static enum cap_read block_head(struct cap_reader *r, struct cap_src *s, uint32_t *type,
                                uint32_t *total, size_t *need)
{
    if (s->skip || cap_src_left(s) < 12)
        return short_block(r, s, 12, need);
    *type = cap_u32(r, s->at);
    if (*type == NG_SECTION && section_order(r, s->at) == CAP_BROKEN)
        return CAP_BROKEN;
    *total = cap_u32(r, s->at + 4);
    if (*total < 12 || *total % 4)
        return cap_broken(r, "block of type %08x has a length that can't be: %u", *type, *total);
    if (!r->in_section && *type != NG_SECTION)
        return cap_broken(r, "block of type %08x before a section header", *type);
    return CAP_FRAME;
}

enum cap_read cap_ng_next(struct cap_reader *r, struct cap_src *s, struct frame *f, size_t *need)
{
    for (;;) {
        uint32_t type = 0, total = 0;
        enum cap_read got = block_head(r, s, &type, &total, need);
        if (got != CAP_FRAME)
            return got;
        if (!is_read(type)) {
            cap_src_skip(s, total);
            continue;
        }
        if (total > CAP_SRC_PIECE)
            return cap_broken(r, "block of type %08x is longer than it may be: %u bytes", type,
                              total);
        if (cap_src_left(s) < total)
            return short_block(r, s, total, need);
        uint32_t again = cap_u32(r, s->at + total - 4);
        if (again != total)
            return cap_broken(r, "block of %u bytes says %u at its end", total, again);
        bool is_frame;
        memset(f, 0, sizeof *f);
        got = block(r, f, type, (struct ng_body){s->at + 8, total - 12}, &is_frame);
        if (got == CAP_BROKEN)
            return got;
        s->at += total;
        if (is_frame)
            return got;
    }
}
