/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * alert_csv of Snort 2: one line an alert, columns by name.
 *
 * Columns speak of the packet that comes with the alert, decoded here; a column that it has not
 * (ports of ICMP, Ethernet of raw IP ...) is empty.  `msg` is in quotes, quotes in it are doubled.
 * `iplen` is the header's length and `dgmlen` the datagram's, as IpLen and DgmLen of alert_full.
 */
#include "event/writer.h"

#include "packet/packet.h"
#include <string.h>

struct csv_row {
    const struct event_view *v;
    const struct line_style *style;
    struct event_alert a;
    const struct packet *p; /* NULL: there is none */
    const struct frame *f;
};
typedef void csv_column(struct sbuf *b, const struct csv_row *r);

static bool is_tcp(const struct csv_row *r)
{
    return r->p && r->p->flags & PKT_TCP;
}

static bool is_icmp(const struct csv_row *r)
{
    return r->v->head->flags & EVENT_ICMP;
}

static bool has_ports(const struct csv_row *r)
{
    return !(r->v->head->flags & (EVENT_NO_PORTS | EVENT_ICMP));
}

static const uint8_t *ether_of(const struct csv_row *r)
{
    return r->p && r->f->link == LINK_ETHERNET && r->f->len >= 14 ? r->f->data : NULL;
}

static void c_timestamp(struct sbuf *b, const struct csv_row *r)
{
    line_time_put(r->style, r->v->head->ts_ns, b);
    sbuf_byte(b, ' '); /* as Snort's readers know it */
}

static void c_gid(struct sbuf *b, const struct csv_row *r)
{
    sbuf_u64(b, r->a.gid);
}

static void c_sid(struct sbuf *b, const struct csv_row *r)
{
    sbuf_u64(b, r->a.sid);
}

static void c_rev(struct sbuf *b, const struct csv_row *r)
{
    sbuf_u64(b, r->a.rev);
}

static void c_msg(struct sbuf *b, const struct csv_row *r)
{
    struct str t;
    sbuf_byte(b, '"');
    if (event_alert_text(r->v, r->a.msg, &t))
        for (uint32_t i = 0; i < t.n; i++) {
            if (t.p[i] == '"')
                sbuf_byte(b, '"');
            sbuf_byte(b, t.p[i] < 32 || t.p[i] == 127 ? '.' : t.p[i]);
        }
    sbuf_byte(b, '"');
}

static void c_proto(struct sbuf *b, const struct csv_row *r)
{
    char text[24];
    event_proto_text(r->v->head->proto, r->v->head->ver, text);
    if (r->v->head->ver)
        sbuf_cstr(b, text);
}

static void c_src(struct sbuf *b, const struct csv_row *r)
{
    endpoint_put(b, r->v->head, r->style, false, false);
}

static void c_dst(struct sbuf *b, const struct csv_row *r)
{
    endpoint_put(b, r->v->head, r->style, true, false);
}

static void c_srcport(struct sbuf *b, const struct csv_row *r)
{
    if (has_ports(r))
        sbuf_u64(b, r->v->head->sp);
}

static void c_dstport(struct sbuf *b, const struct csv_row *r)
{
    if (has_ports(r))
        sbuf_u64(b, r->v->head->dp);
}

static void mac_put(struct sbuf *b, const uint8_t *m)
{
    sbuf_printf(b, "%02X:%02X:%02X:%02X:%02X:%02X", m[0], m[1], m[2], m[3], m[4], m[5]);
}

static void c_ethsrc(struct sbuf *b, const struct csv_row *r)
{
    if (ether_of(r))
        mac_put(b, ether_of(r) + 6);
}

static void c_ethdst(struct sbuf *b, const struct csv_row *r)
{
    if (ether_of(r))
        mac_put(b, ether_of(r));
}

static void c_ethlen(struct sbuf *b, const struct csv_row *r)
{
    if (ether_of(r))
        sbuf_printf(b, "0x%X", r->f->wire_len);
}

static void c_tcpflags(struct sbuf *b, const struct csv_row *r)
{
    static const char letters[] = "12UAPRSF";
    for (int i = 0; i < 8 && is_tcp(r); i++)
        sbuf_byte(b, r->p->tcp.flags & 0x80 >> i ? (uint8_t)letters[i] : '*');
}

static void c_tcpseq(struct sbuf *b, const struct csv_row *r)
{
    if (is_tcp(r))
        sbuf_printf(b, "0x%X", r->p->tcp.seq);
}

static void c_tcpack(struct sbuf *b, const struct csv_row *r)
{
    if (is_tcp(r))
        sbuf_printf(b, "0x%X", r->p->tcp.ack);
}

static void c_tcplen(struct sbuf *b, const struct csv_row *r)
{
    if (is_tcp(r))
        sbuf_u64(b, r->p->tcp.hlen);
}

static void c_tcpwindow(struct sbuf *b, const struct csv_row *r)
{
    if (is_tcp(r))
        sbuf_printf(b, "0x%X", r->p->tcp.win);
}

static void c_ttl(struct sbuf *b, const struct csv_row *r)
{
    if (r->p)
        sbuf_u64(b, r->p->ttl);
}

static void c_tos(struct sbuf *b, const struct csv_row *r)
{
    if (r->p)
        sbuf_u64(b, r->p->tos);
}

static void c_id(struct sbuf *b, const struct csv_row *r)
{
    if (r->p)
        sbuf_u64(b, r->p->ver == 4 ? r->p->ip_id : r->p->frag_id);
}

static void c_dgmlen(struct sbuf *b, const struct csv_row *r)
{
    if (r->p)
        sbuf_u64(b, r->p->ip_len);
}

static void c_iplen(struct sbuf *b, const struct csv_row *r)
{
    if (r->p)
        sbuf_u64(b, r->p->ip_hlen);
}

static void c_icmptype(struct sbuf *b, const struct csv_row *r)
{
    if (is_icmp(r))
        sbuf_u64(b, r->v->head->sp);
}

static void c_icmpcode(struct sbuf *b, const struct csv_row *r)
{
    if (is_icmp(r))
        sbuf_u64(b, r->v->head->dp);
}

static void c_icmpid(struct sbuf *b, const struct csv_row *r)
{
    if (is_icmp(r) && r->p)
        sbuf_u64(b, r->p->icmp_id);
}

static void c_icmpseq(struct sbuf *b, const struct csv_row *r)
{
    if (is_icmp(r) && r->p)
        sbuf_u64(b, r->p->icmp_seq);
}

/* In the order of Snort's format "default". */
static const struct {
    const char *name;
    csv_column *put;
} columns[] = {
    {"timestamp", c_timestamp},
    {"sig_generator", c_gid},
    {"sig_id", c_sid},
    {"sig_rev", c_rev},
    {"msg", c_msg},
    {"proto", c_proto},
    {"src", c_src},
    {"srcport", c_srcport},
    {"dst", c_dst},
    {"dstport", c_dstport},
    {"ethsrc", c_ethsrc},
    {"ethdst", c_ethdst},
    {"ethlen", c_ethlen},
    {"tcpflags", c_tcpflags},
    {"tcpseq", c_tcpseq},
    {"tcpack", c_tcpack},
    {"tcplen", c_tcplen},
    {"tcpwindow", c_tcpwindow},
    {"ttl", c_ttl},
    {"tos", c_tos},
    {"id", c_id},
    {"dgmlen", c_dgmlen},
    {"iplen", c_iplen},
    {"icmptype", c_icmptype},
    {"icmpcode", c_icmpcode},
    {"icmpid", c_icmpid},
    {"icmpseq", c_icmpseq},
};

static int column_find(struct str name)
{
    if (str_ieq(name, STR("tcpln"))) /* as some of its manuals spell it */
        name = STR("tcplen");
    for (size_t i = 0; i < ARRAY_LEN(columns); i++)
        if (str_ieq(name, str_cstr(columns[i].name)))
            return (int)i;
    return -1;
}

bool csv_columns_read(struct str text, struct csv_columns *out, struct str *bad)
{
    bool good = true;
    out->n = 0;
    if (str_ieq(text, STR("default")))
        text = (struct str){NULL, 0};
    for (size_t i = 0; i < ARRAY_LEN(columns) && !text.n; i++)
        out->column[out->n++] = (uint8_t)i;
    while (text.n) {
        struct str one = str_trim(str_split(text, ',', &text));
        int k = one.n ? column_find(one) : -1;
        if (one.n && k < 0 && good) {
            *bad = one;
            good = false;
        }
        if (k >= 0 && out->n < CSV_COLUMNS)
            out->column[out->n++] = (uint8_t)k;
    }
    return good;
}

void csv_put(struct packet_text *t, const struct csv_columns *c, const struct event_view *v,
             const struct line_style *s, struct sbuf *b)
{
    struct frame f;
    struct csv_row r = {.v = v, .style = s, .f = &f};
    if (!view_alert(v, &r.a))
        return;
    r.p = packet_text_find(t, v, &f);
    for (unsigned i = 0; i < c->n; i++) {
        if (i)
            sbuf_byte(b, ',');
        columns[c->column[i]].put(b, &r);
    }
    sbuf_byte(b, '\n');
}
