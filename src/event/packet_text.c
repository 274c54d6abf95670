/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Snort's long forms: the headers of the packet in words, and a hex dump.
 *
 * The frame that came with the event is decoded again here, by the same decoder; of a tunnel's
 * packets the one with the event's addresses is shown.
 */
#include "event/writer.h"

#include "base/cursor.h"
#include "packet/packet.h"
#include <stdlib.h>
#include <string.h>

enum { DUMP_WIDTH = 16, OPTIONS_MOST = 40 };

struct packet_text {
    struct decoder *d;
    struct packet packet[PACKET_LAYERS_MAX];
};

struct packet_text *packet_text_new(void)
{
    struct packet_text *t = calloc(1, sizeof(*t));
    struct decode_config c = {.frag_max = 1, .teredo = true, .vxlan = true, .geneve = true};
    if (!t)
        return NULL;
    t->d = decoder_new(&c);
    if (!t->d) {
        free(t);
        return NULL;
    }
    return t;
}

void packet_text_free(struct packet_text *t)
{
    if (!t)
        return;
    decoder_free(t->d);
    free(t);
}

/* The packet in the event's frame that the event speaks of; NULL: none with IP. */
const struct packet *packet_text_find(struct packet_text *t, const struct event_view *v,
                                      struct frame *f)
{
    struct event_packet p;
    struct str bytes;
    if (!view_packet(v, &p, &bytes))
        return NULL;
    *f = (struct frame){.data = bytes.p,
                        .len = bytes.n,
                        .wire_len = u32_max(p.wire_len, bytes.n),
                        .ts_ns = p.ts_ns,
                        .number = v->head->number,
                        .link = (uint16_t)p.link,
                        .csum = FRAME_CSUM_GOOD};
    unsigned n = decode_frame(t->d, f, t->packet, PACKET_LAYERS_MAX);
    const struct packet *best = NULL;
    for (unsigned i = 0; i < n; i++) {
        const struct packet *k = &t->packet[i];
        bool same = k->ver == v->head->ver && ip_eq(&k->src, &v->head->src) &&
                    ip_eq(&k->dst, &v->head->dst);
        if (k->ip && k->ver && (!best || same))
            best = k;
    }
    return best;
}

static void proto_name_put(struct sbuf *b, uint8_t proto)
{
    char text[24];
    event_proto_text(proto, 0, text);
    if (!proto_keyword(proto))
        sbuf_cstr(b, "PROTO:");
    sbuf_cstr(b, text);
}

/* TCP TTL:64 TOS:0x0 ID:1 IpLen:20 DgmLen:60 DF */
static void ip_line_put(struct sbuf *b, const struct packet *p)
{
    proto_name_put(b, p->proto);
    sbuf_printf(b, " TTL:%u TOS:0x%X ID:%u IpLen:%u DgmLen:%u", p->ttl, p->tos,
                p->ver == 4 ? p->ip_id : p->frag_id, p->ip_hlen, p->ip_len);
    if (p->ip_flags & 4)
        sbuf_cstr(b, " RB");
    if (p->ip_flags & 2)
        sbuf_cstr(b, " DF");
    if (p->ip_flags & 1)
        sbuf_cstr(b, " MF");
    sbuf_byte(b, '\n');
    if (p->flags & PKT_FRAGMENT)
        sbuf_printf(b, "Frag Offset: 0x%04X   Frag Size: 0x%04X\n", p->frag_off / 8u,
                    p->ip_len - u32_min(p->ip_len, p->ip_hlen));
}

/* One option; false: the list ends or is broken. */
static bool tcp_option_put(struct sbuf *b, struct cursor *c)
{
    uint8_t kind = cur_u8(c);
    if (kind == 1)
        sbuf_cstr(b, " NOP");
    if (kind <= 1)
        return kind == 1;
    uint8_t len = cur_u8(c);
    struct cursor v = cur_sub(c, len >= 2 ? len - 2u : 0);
    if (len < 2 || v.bad)
        return false;
    size_t n = cur_left(&v);
    if (kind == 2 && n == 2)
        sbuf_printf(b, " MSS: %u", cur_be16(&v));
    else if (kind == 3 && n == 1)
        sbuf_printf(b, " WS: %u", cur_u8(&v));
    else if (kind == 4)
        sbuf_cstr(b, " SackOK");
    else if (kind == 5 && n >= 8)
        sbuf_cstr(b, " Sack:");
    else if (kind == 8 && n == 8)
        sbuf_cstr(b, " TS:");
    else
        sbuf_printf(b, " Opt %u (%u):", kind, len);
    while (kind > 4 && cur_left(&v) >= 4)
        sbuf_printf(b, " %u", cur_be32(&v));
    return true;
}

static void tcp_options_put(struct sbuf *b, const struct packet *p)
{
    if (p->tcp.hlen <= 20 || p->l4_len < p->tcp.hlen)
        return;
    struct sbuf text;
    unsigned n = 0;
    sbuf_init(&text);
    struct cursor c = cur_of(p->l4 + 20, p->tcp.hlen - 20u);
    while (cur_left(&c) && n < OPTIONS_MOST && tcp_option_put(&text, &c))
        n++;
    sbuf_printf(b, "TCP Options (%u) =>", n);
    sbuf_put(b, text.p, text.n);
    sbuf_byte(b, '\n');
    sbuf_done(&text);
}

static void tcp_put(struct sbuf *b, const struct packet *p)
{
    static const char letters[] = "12UAPRSF";
    char flags[9];
    for (int i = 0; i < 8; i++)
        flags[i] = p->tcp.flags & 0x80 >> i ? letters[i] : '*';
    flags[8] = 0;
    sbuf_printf(b, "%s Seq: 0x%X  Ack: 0x%X  Win: 0x%X  TcpLen: %u", flags, p->tcp.seq, p->tcp.ack,
                p->tcp.win, p->tcp.hlen);
    if (p->tcp.flags & TCP_URG)
        sbuf_printf(b, "  UrgPtr: 0x%X", p->tcp.urp);
    sbuf_byte(b, '\n');
    tcp_options_put(b, p);
}

static void transport_put(struct sbuf *b, const struct packet *p)
{
    if (p->flags & PKT_TCP) {
        tcp_put(b, p);
    } else if (p->flags & PKT_UDP) {
        sbuf_printf(b, "Len: %u\n", p->payload_len);
    } else if (p->flags & (PKT_ICMP | PKT_ICMP6)) {
        sbuf_printf(b, "Type:%u  Code:%u", p->icmp_type, p->icmp_code);
        bool echo = p->flags & PKT_ICMP ? p->icmp_type == 8 || p->icmp_type == 0
                                        : p->icmp_type == 128 || p->icmp_type == 129;
        if (echo)
            sbuf_printf(b, "  ID:%u   Seq:%u  %s", p->icmp_id, p->icmp_seq,
                        p->icmp_type == 8 || p->icmp_type == 128 ? "ECHO" : "ECHO REPLY");
        sbuf_byte(b, '\n');
    }
}

static void addresses_put(struct sbuf *b, const struct event *h, const struct line_style *s)
{
    bool ports = !(h->flags & (EVENT_NO_PORTS | EVENT_ICMP));
    endpoint_put(b, h, s, false, ports);
    sbuf_cstr(b, " -> ");
    endpoint_put(b, h, s, true, ports);
}

/* [Xref => URL] for each reference. */
static void xrefs_put(struct sbuf *b, const struct event_view *v, const struct event_alert *a)
{
    struct str tape;
    struct fields_item it;
    bool any = false;
    if (!event_alert_text(v, a->references, &tape))
        return;
    struct cursor c = cur_of(tape.p, tape.n);
    while (cur_left(&c) && fields_next(&c, &it)) {
        if (it.op != FIELDS_STR)
            continue;
        sbuf_cstr(b, "[Xref => ");
        line_text_put(b, it.v);
        sbuf_byte(b, ']');
        any = true;
    }
    if (any)
        sbuf_byte(b, '\n');
}

void full_put(struct packet_text *t, const struct event_view *v, const struct line_style *s,
              struct sbuf *b)
{
    struct event_alert a;
    struct frame f;
    struct str text;
    if (!view_alert(v, &a))
        return;
    sbuf_cstr(b, drop_mark(v));
    sbuf_printf(b, "[**] [%u:%u:%u] ", a.gid, a.sid, a.rev);
    line_text_put(b, event_alert_text(v, a.msg, &text) ? text : STR(""));
    sbuf_cstr(b, " [**]\n");
    line_class_put(b, v, &a, LINE_SNORT);
    sbuf_printf(b, "[Priority: %u] \n", a.priority);
    line_time_put(s, v->head->ts_ns, b);
    sbuf_byte(b, ' ');
    addresses_put(b, v->head, s);
    sbuf_byte(b, '\n');
    const struct packet *p = packet_text_find(t, v, &f);
    if (p) {
        ip_line_put(b, p);
        transport_put(b, p);
    }
    decoder_burst_end(t->d, v->head->ts_ns);
    xrefs_put(b, v, &a);
    sbuf_byte(b, '\n');
}

static void dump_put(struct sbuf *b, const uint8_t *p, uint32_t n)
{
    for (uint32_t i = 0; i < n; i += DUMP_WIDTH) {
        uint32_t k = u32_min(n - i, DUMP_WIDTH);
        for (uint32_t j = 0; j < DUMP_WIDTH; j++) {
            if (j < k)
                sbuf_printf(b, "%02X ", p[i + j]);
            else
                sbuf_cstr(b, "   ");
        }
        sbuf_byte(b, ' ');
        for (uint32_t j = 0; j < k; j++)
            sbuf_byte(b, p[i + j] >= 32 && p[i + j] < 127 ? p[i + j] : '.');
        sbuf_byte(b, '\n');
    }
}

static void ether_put(struct sbuf *b, const struct frame *f, const struct line_style *s)
{
    if (f->link != LINK_ETHERNET || f->len < 14)
        return;
    line_time_put(s, f->ts_ns, b);
    sbuf_byte(b, ' ');
    for (int i = 0; i < 12; i++)
        sbuf_printf(b, "%02X%s", f->data[(i + 6) % 12], i == 5 ? " -> " : i == 11 ? "" : ":");
    sbuf_printf(b, " type:0x%X len:0x%X\n", be16_at(f->data + 12), f->wire_len);
}

void cmg_put(struct packet_text *t, const struct event_view *v, const struct line_style *s,
             struct sbuf *b)
{
    struct frame f = {0};
    fast_put(v, LINE_SNORT, s, b);
    sbuf_byte(b, '\n');
    const struct packet *p = packet_text_find(t, v, &f);
    ether_put(b, &f, s);
    if (p) {
        addresses_put(b, v->head, s);
        sbuf_byte(b, ' ');
        ip_line_put(b, p);
        transport_put(b, p);
        dump_put(b, p->payload, p->payload_len);
    } else {
        dump_put(b, f.data, f.len);
    }
    decoder_burst_end(t->d, v->head->ts_ns);
    sbuf_cstr(b, "\n=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+\n\n");
}

/* ---- every packet, as the sniffer shows it */

static const char ruler[] =
    "=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+=+\n\n";

/* Text alone: what can't be shown is a dot. */
static void chars_put(struct sbuf *b, const uint8_t *p, uint32_t n)
{
    enum { WIDTH = 64 };
    for (uint32_t i = 0; i < n; i++) {
        sbuf_byte(b, p[i] >= 32 && p[i] < 127 ? p[i] : '.');
        if (i % WIDTH == WIDTH - 1 || i + 1 == n)
            sbuf_byte(b, '\n');
    }
}

/* ARP who-has 10.0.0.1 tell 10.0.0.2; ARP reply 10.0.0.1 is-at 02:00:00:00:00:01 */
static bool arp_put(struct sbuf *b, const struct frame *f, const struct line_style *s)
{
    enum { ARP_AT = 14, ARP_BYTES = 28 };
    if (f->link != LINK_ETHERNET || f->len < ARP_AT + ARP_BYTES || be16_at(f->data + 12) != 0x0806)
        return false;
    const uint8_t *a = f->data + ARP_AT;
    unsigned op = be16_at(a + 6);
    line_time_put(s, f->ts_ns, b);
    if (op == 1)
        sbuf_printf(b, " ARP who-has %u.%u.%u.%u tell %u.%u.%u.%u\n", a[24], a[25], a[26], a[27],
                    a[14], a[15], a[16], a[17]);
    else
        sbuf_printf(b, " ARP %s %u.%u.%u.%u is-at %02X:%02X:%02X:%02X:%02X:%02X\n",
                    op == 2 ? "reply" : "operation", a[14], a[15], a[16], a[17], a[8], a[9], a[10],
                    a[11], a[12], a[13]);
    sbuf_byte(b, '\n');
    return true;
}

static void bytes_put(struct sbuf *b, const struct packets_style *o, const uint8_t *p, uint32_t n)
{
    if (o->chars)
        chars_put(b, p, n);
    else
        dump_put(b, p, n);
}

static void packet_ends_put(struct sbuf *b, const struct packet *p, const struct line_style *s)
{
    struct event h = {.ver = p->ver, .src = p->src, .dst = p->dst, .sp = p->sp, .dp = p->dp};
    bool ports = p->flags & (PKT_TCP | PKT_UDP | PKT_SCTP);
    endpoint_put(b, &h, s, false, ports);
    sbuf_cstr(b, " -> ");
    endpoint_put(b, &h, s, true, ports);
}

void packets_put(struct packet_text *t, const struct event_view *v, const struct packets_style *o,
                 const struct line_style *s, struct sbuf *b)
{
    struct frame f = {0};
    struct event_alert a;
    struct str text;
    const struct packet *p = packet_text_find(t, v, &f);
    if (p && v->head->type == EVENT_ALERT && view_alert(v, &a)) {
        sbuf_cstr(b, "[**] ");
        line_text_put(b, event_alert_text(v, a.msg, &text) ? text : STR(""));
        sbuf_cstr(b, " [**]\n");
    }
    if (p) {
        if (o->link && f.link == LINK_ETHERNET && f.len >= 14) {
            ether_put(b, &f, s);
        } else {
            line_time_put(s, f.ts_ns, b);
            sbuf_byte(b, ' ');
        }
        packet_ends_put(b, p, s);
        sbuf_byte(b, o->link ? ' ' : '\n');
        ip_line_put(b, p);
        transport_put(b, p);
        if (o->raw)
            bytes_put(b, o, f.data, f.len);
        else if (o->payload)
            bytes_put(b, o, p->payload, p->payload_len);
        sbuf_byte(b, '\n');
        sbuf_cstr(b, ruler);
    } else if (o->arp) {
        (void)arp_put(b, &f, s);
    }
    decoder_burst_end(t->d, v->head->ts_ns);
}
