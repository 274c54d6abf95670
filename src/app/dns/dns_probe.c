/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Is this DNS?  On port 53 the header and its counts decide; elsewhere the message must be whole,
 * say only usual things and end where the data ends.
 */
#include "app/dns/dns_tx.h"

#include <string.h>

#include "base/bytes.h"

enum { PROBE_RECORDS = 64 };

bool dns_header_plausible(const uint8_t *raw, uint32_t n, uint32_t message_bytes)
{
    if (n < DNS_HEADER || message_bytes < DNS_HEADER)
        return false;
    uint32_t questions = be16_at(raw + 4);
    uint32_t records = 0u + be16_at(raw + 6) + be16_at(raw + 8) + be16_at(raw + 10);
    /* shortest question: root, type, class; shortest record: that, ttl and length */
    return DNS_HEADER + questions * 5 + records * 11 <= message_bytes;
}

static enum app_probe_result by_direction(uint16_t flags, unsigned dir)
{
    bool response = flags & DNS_QR;
    return response == (dir == 1) ? PROBE_YES : PROBE_REVERSED;
}

/* Opcodes without a meaning are only believed of a message that is whole. */
static enum app_probe_result probe_known_port(const uint8_t *raw, uint32_t n,
                                              uint32_t message_bytes, unsigned dir)
{
    if (!dns_header_plausible(raw, n, message_bytes))
        return PROBE_NO;
    uint16_t flags = be16_at(raw + 2);
    struct dns_rr rr[PROBE_RECORDS];
    struct dns_msg m;
    if (!dns_msg_read(&m, raw, n, rr, PROBE_RECORDS))
        return PROBE_NO;
    bool whole = n == message_bytes;
    if (dns_opcode(flags) >= 7 &&
        (!whole || m.events & 1u << DNS_EVENT_MALFORMED_DATA || m.count[0] == 0))
        return PROBE_NO;
    /* a first question that can't be read is somebody else's protocol */
    if (whole && be16_at(raw + 4) && m.count[DNS_QUERIES] == 0)
        return PROBE_NO;
    return by_direction(flags, dir);
}

enum app_probe_result dns_probe_udp(const uint8_t *data, uint32_t n, unsigned dir)
{
    return probe_known_port(data, n, n, dir);
}

enum app_probe_result dns_probe_tcp(const uint8_t *data, uint32_t n, unsigned dir)
{
    if (n < 2)
        return PROBE_MORE;
    uint32_t len = be16_at(data);
    if (len < DNS_HEADER)
        return PROBE_NO;
    if (n < 2 + DNS_HEADER)
        return PROBE_MORE;
    return probe_known_port(data + 2, u32_min(n - 2, len), len, dir);
}

/* NetBIOS names (RFC 1001 14.1) look like DNS: one label of 32 letters A to P. */
static bool netbios_name(const struct dns_name *name)
{
    if (name->n != 32)
        return false;
    for (uint32_t i = 0; i < 32; i++)
        if (name->text[i] < 'A' || name->text[i] > 'P')
            return false;
    return true;
}

static bool usual_name(const struct dns_name *name)
{
    for (uint32_t i = 0; i < name->n; i++)
        if (name->text[i] <= ' ' || name->text[i] >= 0x7f)
            return false;
    return name->events == 0 && name->n <= 253 && !netbios_name(name);
}

static bool usual(const uint8_t *raw, uint32_t n)
{
    struct dns_rr rr[PROBE_RECORDS];
    struct dns_msg m;
    struct dns_name name;
    if (!dns_header_plausible(raw, n, n) || !dns_msg_read(&m, raw, n, rr, PROBE_RECORDS))
        return false;
    if (m.events || m.end != n || m.count[DNS_QUERIES] != 1 || dns_opcode(m.flags) != 0)
        return false;
    const struct dns_rr *q = &m.rr[0];
    return (q->klass == 1 || q->klass == 3 || q->klass == 255) && dns_type_name(q->type) &&
           dns_name_read(raw, n, q->name, &name) && name.n && usual_name(&name);
}

enum app_probe_result dns_probe_udp_any(const uint8_t *data, uint32_t n, unsigned dir)
{
    return usual(data, n) ? by_direction(be16_at(data + 2), dir) : PROBE_NO;
}

enum app_probe_result dns_probe_tcp_any(const uint8_t *data, uint32_t n, unsigned dir)
{
    uint32_t len = n >= 2 ? be16_at(data) : DNS_HEADER;
    if (len < DNS_HEADER || len > 4096 || (n >= 5 && data[4] & 0x78) ||
        (n >= 8 && be16_at(data + 6) != 1))
        return PROBE_NO; /* most other protocols end here, with few bytes */
    if (n < 2 + DNS_HEADER)
        return PROBE_MORE;
    if (!dns_header_plausible(data + 2, n - 2, len))
        return PROBE_NO;
    if (n - 2 < len)
        return PROBE_MORE;
    return usual(data + 2, len) ? by_direction(be16_at(data + 4), dir) : PROBE_NO;
}
