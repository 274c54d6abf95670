/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * unified2: records of type, length (both 32 bit) and body, all big-endian.
 *
 *   7, 72     event IPv4, IPv6: nine words, addresses, ports, protocol, impact flag, impact,
 * blocked 104, 105  the same, then MPLS label (32), VLAN id (16), pad (16) 2         packet:
 * sensor, event id, event second, packet second, packet microsecond, link type, length, bytes 110
 * extra data: type 4, length, sensor, event id, event second, kind, data type 1, length + 8
 */
#include "event/writer.h"

#include "base/bytes.h"
#include <string.h>

enum {
    U2_EVENT4 = 7,
    U2_EVENT6 = 72,
    U2_EVENT4_VLAN = 104,
    U2_EVENT6_VLAN = 105,
    U2_PACKET = 2,
    U2_EXTRA = 110,
    EXTRA_URI = 9,
    EXTRA_HOST = 10,
    EXTRA_MOST = 4096, /* of one URI or host */
    SNAP_MOST = 65535,
    IMPACT_BLOCKED = 32,
};

static void put8(struct sbuf *b, unsigned v)
{
    sbuf_byte(b, (uint8_t)v);
}

static void put16(struct sbuf *b, unsigned v)
{
    uint8_t raw[2];
    be16_put(raw, (uint16_t)v);
    sbuf_put(b, raw, sizeof(raw));
}

static void put32(struct sbuf *b, uint32_t v)
{
    uint8_t raw[4];
    be32_put(raw, v);
    sbuf_put(b, raw, sizeof(raw));
}

static uint32_t sec_of(uint64_t ns)
{
    return (uint32_t)(ns / 1000000000u);
}

static uint32_t usec_of(uint64_t ns)
{
    return (uint32_t)(ns % 1000000000u / 1000);
}

/* 0 no, 1 yes, 2 would have been, 3 could not be. */
static unsigned blocked(const struct event_view *v, const struct event_alert *a)
{
    static const uint8_t by_status[] = {
        [STATUS_DONE] = 1, [STATUS_WOULD] = 2, [STATUS_COULD_NOT] = 3};
    struct event_verdict d;
    struct str reason;
    if (view_verdict(v, &d, &reason) && d.action == EVENT_VERDICT_DROP && d.status)
        return by_status[d.status];
    return a->would ? 2 : a->blocked ? 1 : 0;
}

static void event_put(const struct event_view *v, const struct event_alert *a,
                      const struct unified2_style *s, uint32_t id, struct sbuf *b)
{
    const struct event *h = v->head;
    bool six = h->ver == 6, tag = s->vlan || h->vlan_n;
    uint32_t skip = six ? 0 : 12, body = (six ? 76u : 52u) + (tag ? 8 : 0);
    unsigned block = blocked(v, a);
    put32(b, six ? tag ? U2_EVENT6_VLAN : U2_EVENT6 : tag ? U2_EVENT4_VLAN : U2_EVENT4);
    put32(b, body);
    const uint32_t words[] = {s->sensor_id, id,     sec_of(h->ts_ns), usec_of(h->ts_ns), a->sid,
                              a->gid,       a->rev, a->class_id,      a->priority};
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        put32(b, words[i]);
    sbuf_put(b, h->src.b + skip, 16 - skip);
    sbuf_put(b, h->dst.b + skip, 16 - skip);
    put16(b, h->flags & EVENT_NO_PORTS ? 0 : h->sp);
    put16(b, h->flags & EVENT_NO_PORTS ? 0 : h->dp);
    put8(b, h->proto);
    put8(b, block == 1 ? IMPACT_BLOCKED : 0);
    put8(b, 0);
    put8(b, block);
    if (!tag)
        return;
    put32(b, 0); /* MPLS label */
    put16(b, h->vlan_n ? h->vlan[0] : 0);
    put16(b, 0);
}

static void packet_put(const struct event_view *v, const struct unified2_style *s, uint32_t id,
                       struct sbuf *b)
{
    struct event_packet p;
    struct str frame;
    if (!view_packet(v, &p, &frame))
        return;
    uint32_t n = u32_min(frame.n, SNAP_MOST);
    put32(b, U2_PACKET);
    put32(b, 28 + n);
    put32(b, s->sensor_id);
    put32(b, id);
    put32(b, sec_of(v->head->ts_ns));
    put32(b, sec_of(p.ts_ns));
    put32(b, usec_of(p.ts_ns));
    put32(b, p.link);
    put32(b, n);
    sbuf_put(b, frame.p, n);
}

static void extra_put(const struct event_view *v, const struct unified2_style *s, uint32_t id,
                      unsigned kind, const char *key, struct sbuf *b)
{
    struct str text;
    if (!fields_find_str(v->section[SECTION_FIELDS], "http", key, &text) || !text.n)
        return;
    text = str_first(text, EXTRA_MOST);
    put32(b, U2_EXTRA);
    put32(b, 32 + text.n);
    put32(b, 4);
    put32(b, 32 + text.n);
    put32(b, s->sensor_id);
    put32(b, id);
    put32(b, sec_of(v->head->ts_ns));
    put32(b, kind);
    put32(b, 1);
    put32(b, 8 + text.n);
    sbuf_str(b, text);
}

void unified2_put(const struct event_view *v, const struct unified2_style *s, uint32_t event_id,
                  struct sbuf *b)
{
    struct event_alert a;
    bool alert = view_alert(v, &a);
    bool said = alert && !s->no_alerts && !a.log_only;
    if (said)
        event_put(v, &a, s, event_id, b);
    if (!s->no_packets)
        packet_put(v, s, event_id, b);
    if (!said || s->no_extra)
        return;
    extra_put(v, s, event_id, EXTRA_URI, "url", b);
    extra_put(v, s, event_id, EXTRA_HOST, "hostname", b);
}
