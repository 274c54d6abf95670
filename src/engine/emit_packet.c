/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events of packets that no rule needs: anomaly, ARP, tagged and kept packets, frames, responses. */
#include "engine/kept.h"
#include "engine/worker.h"

#include "base/sbuf.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/* The packet as a whole: of a rebuilt datagram or a tunnel's inner packet, that one. */
enum { ANOMALY_HEADER = 32 }; /* as much as is written of a packet that is odd */
void emit_packet_section(struct engine *e, const struct packet *p, uint32_t most)
{
    if (!p->data || (p->flags & PKT_PSEUDO))
        return;
    const struct frame *f = p->frame;
    struct event_packet h = {.link = p->link, .len = u32_min(p->data_len, most), .wire_len = p->data_len, .ts_ns = p->ts_ns};
    if (f && p->data == f->data) {
        h.wire_len = f->wire_len;
        h.ts_ns = f->ts_ns;
    }
    event_section2(e->out, SECTION_PACKET, &h, sizeof(h), p->data, h.len);
}

void emit_packet_header(struct engine *e, const struct packet *p) { emit_packet_section(e, p, ANOMALY_HEADER); }

/* ------------------------------------------------------------------ anomaly */

void emit_anomalies(struct engine *e, struct packet *p)
{
    const struct event_wants *w = &e->settings->wants;
    char name[96];
    for (unsigned k = 0; k < p->n_events; k++) {
        bool stream = p->events[k] >= STREAM_EVENT_BASE;
        if (stream ? !w->anomaly_stream : !w->anomaly_decode)
            continue;
        const char *what = stream ? stream_event_name(p->events[k] - STREAM_EVENT_BASE) : decode_event_name(p->events[k]);
        struct event *ev = emit_begin(e, EVENT_ANOMALY, p, p->flow, 0xff);
        if (!ev || !what)
            return;
        snprintf(name, sizeof(name), "%s.%s", stream ? "stream" : "decoder", what);
        struct fields *out = event_fields(e->out);
        fields_open(out, "anomaly");
        fields_cstr(out, "type", stream ? "stream" : "decode");
        fields_cstr(out, "event", name);
        fields_close(out);
        emit_metadata(e, p, p->flow, out);
        if (e->settings->wants.anomaly_packethdr)
            emit_packet_section(e, p, ANOMALY_HEADER);
        event_end(e->out);
    }
}

/* ------------------------------------------------------------------ ARP */

static void arp_side(struct fields *out, const char *mac_key, const char *ip_key, const uint8_t *at)
{
    char t[24];
    struct ip_addr a = ip_from_v4(at + 6);
    snprintf(t, sizeof(t), "%02x:%02x:%02x:%02x:%02x:%02x", at[0], at[1], at[2], at[3], at[4], at[5]);
    fields_cstr(out, mac_key, t);
    fields_ip(out, ip_key, 4, &a);
}

/* The decoder has checked that it is Ethernet's for IPv4, and whole. */
void emit_arp(struct engine *e, struct packet *p)
{
    static const char *const opcodes[] = {
        [1] = "request",       [2] = "reply",           [3] = "request_reverse", [4] = "reply_reverse",
        [8] = "request_inarp", [9] = "reply_inarp", [10] = "arp_nak"};
    unsigned op = (unsigned)p->l4[6] << 8 | p->l4[7];
    struct event *ev = emit_begin(e, EVENT_APP, p, NULL, 0xff);
    if (!ev)
        return;
    event_section(e->out, SECTION_NAME, "arp", 3);
    struct fields *out = event_fields(e->out);
    fields_open(out, "arp");
    fields_cstr(out, "hw_type", "ethernet");
    fields_cstr(out, "proto_type", "ipv4");
    fields_cstr(out, "opcode", op < ARRAY_LEN(opcodes) && opcodes[op] ? opcodes[op] : "unknown");
    arp_side(out, "src_mac", "src_ip", p->l4 + 8);
    arp_side(out, "dest_mac", "dest_ip", p->l4 + 18);
    fields_close(out);
    event_end(e->out);
}

static void passed_note(const struct engine *e, struct event *ev)
{
    if (e->flow_passed)
        ev->more |= EVENT_PASSED;
}

/* ------------------------------------------------------------------ tagged packets */

bool tagged(struct engine *e, const struct packet *p)
{
    uint32_t gid, sid;
    return e->settings->wants.alert_tagged && detect_tagged(e->detect, p, &gid, &sid);
}

void emit_tagged(struct engine *e, struct packet *p)
{
    if (!tagged(e, p))
        return;
    struct event *ev = emit_begin(e, EVENT_PACKET, p, p->flow, 0xff);
    if (!ev)
        return;
    passed_note(e, ev);
    emit_packet_section(e, p, UINT32_MAX);
    event_end(e->out);
}

void emit_flow_packet(struct engine *e, const struct packet *p)
{
    if (!e->settings->wants.packets_alerted || !p->flow || !(p->flow->flags & FLOW_ALERTED) || (p->flags & PKT_PSEUDO))
        return;
    struct event *ev = emit_begin(e, EVENT_FLOW_PACKET, p, p->flow, 0xff);
    if (!ev)
        return;
    ev->outputs = EVENT_KEPT_FLOW;
    passed_note(e, ev);
    emit_packet_section(e, p, UINT32_MAX);
    event_end(e->out);
}

struct kept_tell {
    struct engine *e;
    const struct packet *p;
    bool stream; /* a rule matched in the stream */
};

static unsigned kept_tell(void *ctx, const struct kept_packet *k)
{
    struct kept_tell *t = ctx;
    unsigned say = (t->e->settings->wants.packets_alerted ? EVENT_KEPT_FLOW : 0) |
                   (t->stream && k->dir == t->p->dir ? EVENT_KEPT_MATCH : 0);
    say &= ~(unsigned)k->said;
    struct event *ev = say ? emit_begin(t->e, EVENT_FLOW_PACKET, t->p, t->p->flow, 0xff) : NULL;
    if (!ev)
        return 0;
    ev->outputs = (uint8_t)say;
    struct event_packet h = {.link = k->link, .len = k->len, .wire_len = k->wire_len, .ts_ns = k->ts_ns};
    event_section2(t->e->out, SECTION_PACKET, &h, sizeof(h), k->data, k->len);
    event_end(t->e->out);
    return say;
}

void emit_kept(struct engine *e, const struct packet *p, const struct decision *d)
{
    struct kept_tell t = {.e = e, .p = p};
    for (unsigned k = 0; k < d->n_alerts; k++)
        t.stream |= (d->alert[k].flags & (MATCH_STREAM | MATCH_TX)) != 0;
    if (e->kept && p->flow)
        kept_each(e->kept, p->flow->id, kept_tell, &t);
}

void emit_frame(struct engine *e, const struct packet *p)
{
    struct event *ev = emit_begin(e, EVENT_FRAME, p, NULL, 0xff);
    if (!ev)
        return;
    passed_note(e, ev);
    emit_packet_section(e, p, UINT32_MAX);
    event_end(e->out);
}

/* ------------------------------------------------------------------ responses */

void emit_response(void *ctx, const struct response_report *r)
{
    struct engine *e = ctx;
    static const char *const effect[] = {"unknown", "died", "lived"};
    static const char *const status[] = {"none", "done", "would", "could_not"};
    struct event *ev = emit_begin(e, EVENT_RESPONSE, NULL, NULL, 0xff);
    if (!ev)
        return;
    ev->ver = r->ver;
    ev->flags |= EVENT_HAS_PROTO;
    ev->proto = r->proto;
    ev->src = r->src;
    ev->dst = r->dst;
    ev->sp = r->sp;
    ev->dp = r->dp;
    ev->flow_id = r->flow_id;
    if (r->flow) {
        ev->iface = r->flow->iface;
        ev->vlan_n = r->flow->vlan_n;
        memcpy(ev->vlan, r->flow->vlan, sizeof(ev->vlan));
    }
    const struct image *i = overlay_image(detect_overlay(e->detect));
    struct fields *out = event_fields(e->out);
    fields_open(out, "response");
    if (r->rule < image_n_rules(i)) {
        struct image_rule_info info;
        image_rule(i, r->rule, &info);
        fields_u64(out, "gid", info.gid);
        fields_u64(out, "signature_id", info.sid);
        fields_str(out, "signature", info.msg);
    }
    fields_array(out, "sent");
    static const struct {
        uint8_t bit;
        const char *name;
    } kind[] = {{RESP_RST_SRC, "reset_source"}, {RESP_RST_DST, "reset_dest"}, {RESP_ICMP_NET, "icmp_net"},
                {RESP_ICMP_HOST, "icmp_host"},  {RESP_ICMP_PORT, "icmp_port"}, {RESP_ICMP_ADMIN, "icmp_admin"},
                {RESP_REACT, "react"}};
    for (unsigned k = 0; k < ARRAY_LEN(kind); k++)
        if (r->kind & kind[k].bit)
            fields_cstr(out, NULL, kind[k].name);
    fields_array_end(out);
    fields_u64(out, "attempts", r->attempts);
    fields_cstr(out, "status", status[r->status & 3]);
    if (r->reason)
        fields_cstr(out, "reason", r->reason);
    fields_cstr(out, "effect", effect[r->effect % 3]);
    if (r->sent_ns > r->asked_ns)
        fields_u64(out, "delay_us", (r->sent_ns - r->asked_ns) / 1000);
    fields_u64(out, "chased", r->chased);
    fields_u64(out, "challenge_acks", r->challenge_acks);
    fields_u64(out, "leaked_packets", r->leaked_packets);
    fields_u64(out, "leaked_bytes", r->leaked_bytes);
    if (r->over_ns > r->sent_ns)
        fields_u64(out, "after_us", (r->over_ns - r->sent_ns) / 1000u);
    fields_close(out);
    event_end(e->out);
}
