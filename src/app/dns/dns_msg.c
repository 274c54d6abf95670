/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading DNS messages (RFC 1035 4.1; names 4.1.4; EDNS RFC 6891).
 *
 * Hostile messages aim at the cost of names: a record of six bytes may point to a name of a
 * thousand. Every name is bounded (bytes, labels, pointers), and all names of one message share a
 * budget.
 */
#include "app/dns/dns_msg.h"

#include <string.h>

#include "base/bytes.h"

/* ------------------------------------------------------------------ names */

struct walk {
    const uint8_t *raw;
    uint32_t n, at;
    unsigned labels, pointers;
    bool jumped;
    struct dns_name *out;
};

/* A label's text, cut at the limit; the dot goes before every label but the first. */
static void label_add(struct dns_name *o, const uint8_t *p, uint32_t n, bool first)
{
    if (o->events & (1u << DNS_EVENT_NAME_TOO_LONG | 1u << DNS_EVENT_TOO_MANY_LABELS))
        return;
    if (!first) {
        if (o->n < DNS_NAME_MAX)
            o->text[o->n++] = '.';
        else
            o->events |= 1u << DNS_EVENT_NAME_TOO_LONG;
    }
    uint32_t k = DNS_NAME_MAX - o->n;
    if (n > k) {
        o->events |= 1u << DNS_EVENT_NAME_TOO_LONG;
        n = k;
    }
    memcpy(o->text + o->n, p, n);
    o->n += n;
}

enum step { STEP_ON, STEP_END, STEP_BAD };

static enum step step_pointer(struct walk *w)
{
    if (w->n - w->at < 2)
        return STEP_BAD;
    uint32_t to = be16_at(w->raw + w->at) & 0x3fff;
    if (!w->jumped)
        w->out->end = w->at + 2;
    w->jumped = true;
    if (to >= w->n)
        return STEP_BAD;
    if (++w->pointers > DNS_POINTERS_MAX) {
        w->out->events |= 1u << DNS_EVENT_INFINITE_LOOP;
        return STEP_END;
    }
    w->at = to;
    return STEP_ON;
}

static enum step step_label(struct walk *w)
{
    uint32_t len = w->raw[w->at];
    if (len == 0) {
        if (!w->jumped)
            w->out->end = w->at + 1;
        return STEP_END;
    }
    if (w->n - w->at - 1 < len)
        return STEP_BAD;
    if (w->labels++ == DNS_LABELS_MAX)
        w->out->events |= 1u << DNS_EVENT_TOO_MANY_LABELS;
    label_add(w->out, w->raw + w->at + 1, len, w->labels == 1);
    w->at += 1 + len;
    return STEP_ON;
}

/* The text is finished; only the end of the name as it stands here is still unknown. */
static bool text_full(const struct walk *w)
{
    return w->out->events & (1u << DNS_EVENT_NAME_TOO_LONG | 1u << DNS_EVENT_TOO_MANY_LABELS);
}

bool dns_name_read(const uint8_t *raw, uint32_t n, uint32_t at, struct dns_name *out)
{
    struct walk w = {.raw = raw, .n = n, .at = at, .out = out};
    out->n = out->end = out->events = out->steps = 0;
    for (;;) {
        out->steps++;
        if (w.at >= n)
            return false;
        enum step s = STEP_BAD; /* label types 01 and 10 are no names (RFC 6891 5) */
        if (raw[w.at] >= 0xc0)
            s = step_pointer(&w);
        else if (raw[w.at] < 0x40)
            s = step_label(&w);
        if (s != STEP_ON)
            return s == STEP_END;
        if (w.jumped && text_full(&w))
            return true;
    }
}

/* ------------------------------------------------------------------ records */

struct reader {
    struct dns_msg *m;
    struct dns_rr *rr;
    uint32_t room, at;
    uint64_t steps, bytes; /* what is left of the budget */
    struct dns_name name;
};

static bool read_name(struct reader *r, uint32_t end, uint32_t at, uint32_t *behind)
{
    if (!dns_name_read(r->m->raw, r->m->n, at, &r->name) || r->name.end > end)
        return false;
    r->m->events |= r->name.events;
    if (r->name.steps > r->steps || r->name.n > r->bytes) {
        r->m->events |= 1u << DNS_EVENT_TOO_MANY_LABELS;
        return false;
    }
    r->steps -= r->name.steps;
    r->bytes -= r->name.n;
    *behind = r->name.end;
    return true;
}

/* Offset of the host name within record data by type; UINT8_MAX: none. */
static uint32_t name_offset(uint16_t type)
{
    switch (type) {
    case DNS_TYPE_CNAME:
    case DNS_TYPE_NS:
    case DNS_TYPE_PTR:
    case DNS_TYPE_DNAME:
    case DNS_TYPE_SOA:
        return 0;
    case DNS_TYPE_MX:
        return 2;
    case DNS_TYPE_SRV:
        return 6;
    default:
        return UINT8_MAX;
    }
}

uint32_t dns_rdata_name_at(const struct dns_rr *rr)
{
    uint32_t o = name_offset(rr->type);
    return o == UINT8_MAX || o >= rr->rdlen ? 0 : (uint32_t)rr->rdata + o;
}

/* Names in the data of a record must end inside it (they may point anywhere in the message). */
static bool read_rdata(struct reader *r, const struct dns_rr *rr)
{
    uint32_t o = name_offset(rr->type), end = (uint32_t)rr->rdata + rr->rdlen, at;
    if (o == UINT8_MAX || rr->rdlen == 0)
        return true;
    if (o >= rr->rdlen || !read_name(r, end, rr->rdata + o, &at))
        return false;
    if (rr->type != DNS_TYPE_SOA)
        return true;
    return read_name(r, end, at, &at) && end - at >= 20;
}

/* A question or a record at r->at; false: broken. */
static bool read_rr(struct reader *r, bool question, struct dns_rr *rr)
{
    uint32_t at, n = r->m->n;
    const uint8_t *raw = r->m->raw;
    if (!read_name(r, n, r->at, &at) || n - at < 4)
        return false;
    *rr = (struct dns_rr){
        .name = (uint16_t)r->at, .type = be16_at(raw + at), .klass = be16_at(raw + at + 2)};
    at += 4;
    if (!question) {
        if (n - at < 6)
            return false;
        rr->ttl = be32_at(raw + at);
        rr->rdlen = be16_at(raw + at + 4);
        at += 6;
        if (n - at < rr->rdlen)
            return false;
        rr->rdata = (uint16_t)at;
        if (!read_rdata(r, rr))
            return false;
        at += rr->rdlen;
    }
    r->at = at;
    return true;
}

/* One section; false: it breaks off. */
static bool read_section(struct reader *r, unsigned section, unsigned count)
{
    struct dns_msg *m = r->m;
    m->first[section] = m->records;
    for (unsigned i = 0; i < count; i++) {
        if (m->records >= r->room || r->at >= m->n ||
            !read_rr(r, section == DNS_QUERIES, &r->rr[m->records]))
            return false;
        m->records++;
        m->count[section]++;
        m->end = r->at;
    }
    return true;
}

static void read_header(struct dns_msg *m)
{
    m->id = be16_at(m->raw);
    m->flags = be16_at(m->raw + 2);
    if (m->flags & DNS_Z)
        m->events |= 1u << DNS_EVENT_Z_FLAG_SET;
    if (dns_opcode(m->flags) >= 7)
        m->events |= 1u << DNS_EVENT_INVALID_OPCODE;
}

bool dns_msg_read(struct dns_msg *m, const uint8_t *raw, uint32_t n, struct dns_rr *rr,
                  uint32_t room)
{
    static const uint8_t broken[DNS_SECTIONS] = {DNS_EVENT_MALFORMED_DATA, DNS_EVENT_MALFORMED_DATA,
                                                 DNS_EVENT_INVALID_AUTHORITIES,
                                                 DNS_EVENT_INVALID_ADDITIONALS};
    if (n < DNS_HEADER)
        return false;
    if (n > UINT16_MAX)
        n = UINT16_MAX;
    memset(m, 0, sizeof(*m));
    m->raw = raw;
    m->n = n;
    m->rr = rr;
    m->end = DNS_HEADER;
    read_header(m);
    struct reader r;
    r.m = m;
    r.rr = rr;
    r.room = room;
    r.at = DNS_HEADER;
    r.steps = 16ull * n + 4096;
    r.bytes = 128ull * n + 4096;
    for (unsigned s = 0; s < DNS_SECTIONS; s++)
        if (!read_section(&r, s, be16_at(raw + 4 + 2 * s))) {
            m->events |= 1u << broken[s];
            break;
        }
    return true;
}

/* ------------------------------------------------------------------ names of numbers */

static const struct {
    uint16_t type;
    const char *name;
} types[] = {
#define DNS_TYPE_ROW(id, n, text) {n, text},
    DNS_TYPES(DNS_TYPE_ROW)
#undef DNS_TYPE_ROW
};

const char *dns_type_name(uint16_t type)
{
    if (type >= 1 && type <= 30) /* the rows have no hole there */
        return types[type - 1].name;
    for (size_t i = 30; i < ARRAY_LEN(types); i++)
        if (types[i].type == type)
            return types[i].name;
    return NULL;
}

int dns_type_find(struct str name)
{
    for (size_t i = 0; i < ARRAY_LEN(types); i++)
        if (str_ieq(name, str_cstr(types[i].name)))
            return types[i].type;
    return -1;
}

const char *dns_rcode_name(unsigned rcode)
{
    static const char *const names[] = {
        "NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP",  "REFUSED", "YXDOMAIN", "YXRRSET",
        "NXRRSET", "NOTAUTH", "NOTZONE",  NULL,       NULL,      NULL,      NULL,       NULL,
        "BADVERS", "BADKEY",  "BADTIME",  "BADMODE",  "BADNAME", "BADALG",  "BADTRUNC",
    };
    return rcode < ARRAY_LEN(names) ? names[rcode] : NULL;
}
