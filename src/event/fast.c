/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One line an alert: Suricata's fast.log, Snort's alert_fast, and the same without time for syslog.
 * No text can break the line: controls become '.'.
 */
#include "event/writer.h"

#include <string.h>

void line_text_put(struct sbuf *b, struct str s)
{
    if (!s.n || !sbuf_room(b, s.n))
        return;
    for (uint32_t i = 0; i < s.n; i++)
        b->p[b->n++] = s.p[i] < 32 || s.p[i] == 127 ? '.' : s.p[i];
}

void line_time_put(const struct line_style *s, uint64_t ns, struct sbuf *b)
{
    char time[40];
    sbuf_put(b, time, time_line(ns, s->year, s->utc, time));
}

const char *drop_mark(const struct event_view *v)
{
    struct event_alert a;
    struct event_verdict d;
    struct str reason;
    if (view_verdict(v, &d, &reason) && d.action == EVENT_VERDICT_DROP && d.status != STATUS_NONE)
        return d.status == STATUS_DONE ? "[Drop] " : "[wDrop] ";
    if (!view_alert(v, &a))
        return "";
    return a.would ? "[wDrop] " : a.blocked ? "[Drop] " : "";
}

void endpoint_put(struct sbuf *b, const struct event *h, const struct line_style *s,
                  bool destination, bool ports)
{
    char text[IP_TEXT];
    if (h->ver && s->obfuscate)
        sbuf_cstr(b, h->ver == 4 ? "xxx.xxx.xxx.xxx" : "x:x:x:x::x");
    else if (h->ver)
        sbuf_cstr(b, ip_format(destination ? &h->dst : &h->src, h->ver, text));
    if (!ports)
        return;
    sbuf_byte(b, ':');
    sbuf_u64(b, destination ? h->dp : h->sp);
}

static void proto_put(struct sbuf *b, const struct event *h, enum line_dialect d)
{
    char text[24];
    const char *name = proto_keyword(h->proto);
    if (name) {
        sbuf_cstr(b, name);
        return;
    }
    event_proto_text(h->proto, h->ver, text);
    if (d == LINE_SURICATA)
        sbuf_cstr(b, "PROTO:");
    sbuf_cstr(b, text);
}

void line_class_put(struct sbuf *b, const struct event_view *v, const struct event_alert *a,
                    enum line_dialect d)
{
    struct str text;
    bool have = event_alert_text(v, a->class_text, &text);
    if (!have && d == LINE_SNORT)
        return;
    sbuf_cstr(b, "[Classification: ");
    line_text_put(b, have ? text : STR("(null)"));
    sbuf_cstr(b, "] ");
}

void fast_put(const struct event_view *v, enum line_dialect d, const struct line_style *s,
              struct sbuf *b)
{
    const struct event *h = v->head;
    struct event_alert a;
    struct str text;
    if (!view_alert(v, &a))
        return;
    if (d != LINE_SYSLOG) {
        line_time_put(s, h->ts_ns, b);
        sbuf_cstr(b, "  ");
    }
    sbuf_cstr(b, drop_mark(v));
    sbuf_cstr(b, d == LINE_SYSLOG ? "[" : "[**] [");
    sbuf_u64(b, a.gid);
    sbuf_byte(b, ':');
    sbuf_u64(b, a.sid);
    sbuf_byte(b, ':');
    sbuf_u64(b, a.rev);
    sbuf_cstr(b, "] ");
    if (s->iface && h->iface < s->ifaces) {
        sbuf_byte(b, '<');
        sbuf_cstr(b, s->iface[h->iface]);
        sbuf_cstr(b, "> ");
    }
    line_text_put(b, event_alert_text(v, a.msg, &text) ? text : STR(""));
    sbuf_cstr(b, d == LINE_SYSLOG ? " " : " [**] ");
    line_class_put(b, v, &a, d);
    sbuf_cstr(b, "[Priority: ");
    sbuf_u64(b, a.priority);
    sbuf_cstr(b, "] {");
    proto_put(b, h, d);
    sbuf_cstr(b, "} ");
    /* Suricata writes type and code of ICMP as ports, and zeroes where there are none. */
    bool ports = d == LINE_SNORT ? !(h->flags & (EVENT_NO_PORTS | EVENT_ICMP)) : h->ver != 0;
    endpoint_put(b, h, s, false, ports);
    sbuf_cstr(b, " -> ");
    endpoint_put(b, h, s, true, ports);
}
