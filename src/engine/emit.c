/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The common head of events: who, when, and the order in which workers' events are merged. */
#include "engine/worker.h"

#include <netinet/in.h>
#include <string.h>

#define ORDER_OF_PACKETS (1ull << 63) /* behind all flows that end at the same packet's time */

static void emit_order(struct engine *e, struct event *ev)
{
    if (e->tick_order) {
        ev->order = e->tick_order;
        ev->order2 = e->tick_order2;
        return;
    }
    ev->order = ORDER_OF_PACKETS;
    ev->order2 = e->seq++;
}

static bool icmp(uint8_t proto) { return proto == IPPROTO_ICMP || proto == IPPROTO_ICMPV6; }

/* Addresses from the flow, as packets of that direction carry them. */
void emit_flow_ends(struct event *ev, const struct flow *f, unsigned dir)
{
    ev->ver = f->ver;
    ev->flags |= EVENT_HAS_PROTO;
    ev->proto = f->proto;
    ev->src = f->addr[dir];
    ev->dst = f->addr[!dir];
    ev->sp = f->port[dir];
    ev->dp = f->port[!dir];
    if (icmp(f->proto)) {
        ev->flags |= EVENT_ICMP;
        ev->sp = f->port[0];
        ev->dp = f->icmp_code[0];
    } else if (f->proto != IPPROTO_TCP && f->proto != IPPROTO_UDP && f->proto != IPPROTO_SCTP) {
        ev->flags |= EVENT_NO_PORTS;
    }
    ev->vlan_n = f->vlan_n;
    memcpy(ev->vlan, f->vlan, sizeof(ev->vlan));
    ev->iface = f->iface;
}

static void packet_ends(struct event *ev, const struct packet *p)
{
    ev->ver = p->ver;
    if (p->ver)
        ev->flags |= EVENT_HAS_PROTO;
    ev->proto = p->proto;
    ev->src = p->src;
    ev->dst = p->dst;
    ev->sp = p->sp;
    ev->dp = p->dp;
    if (icmp(p->proto)) {
        ev->flags |= EVENT_ICMP;
        ev->sp = p->icmp_type;
        ev->dp = p->icmp_code;
    } else if (!(p->flags & (PKT_TCP | PKT_UDP | PKT_SCTP)) && p->proto != IPPROTO_TCP && p->proto != IPPROTO_UDP) {
        ev->flags |= EVENT_NO_PORTS;
    }
    ev->vlan_n = p->vlan_n;
    memcpy(ev->vlan, p->vlan, sizeof(ev->vlan));
    ev->iface = p->frame ? p->frame->iface : 0;
}

static void ether(const struct engine *e, struct event *ev, const struct packet *p)
{
    if (!e->settings->wants.ether || !p->l2 || !p->frame || p->frame->link != LINK_ETHERNET)
        return;
    memcpy(ev->mac[1], p->l2, 6);
    memcpy(ev->mac[0], p->l2 + 6, 6);
    ev->flags |= EVENT_HAS_ETHER;
    if (!p->ver && p->data_len >= 14 && p->l2 == p->data) { /* nothing else says what it was */
        unsigned type = (unsigned)p->l2[12] << 8 | p->l2[13];
        ev->ether_type = (uint16_t)(type >= 0x600 ? type : 0);
    }
}

/*
 * p: the packet that the event is of, or during which it came up; f: its flow.  With dir 0 or 1 the
 * addresses are the flow's in that direction; 0xff: the packet's.
 */
struct event *emit_begin(struct engine *e, enum event_type type, const struct packet *p, const struct flow *f,
                         unsigned dir)
{
    struct event *ev = event_begin(e->out, type);
    if (!ev)
        return NULL;
    ev->ts_ns = p ? p->ts_ns : e->now_ns;
    ev->number = e->number;
    ev->pkt_src = 0xff;
    ev->dir = 0xff;
    ev->vips = e->parts.vips;
    ev->policy_version = overlay_version(detect_overlay(e->detect));
    if (!e->settings->replay || type == EVENT_FLOW || type == EVENT_NETFLOW || type == EVENT_STATS ||
        type == EVENT_RESPONSE)
        ev->flags |= EVENT_HIDE_NUMBER; /* of no packet, or of none that a file counts */
    emit_order(e, ev);
    e->event_place = (struct event_place){ev->number, ev->order, ev->order2};
    if (dir < 2 && f)
        emit_flow_ends(ev, f, dir);
    else if (p)
        packet_ends(ev, p);
    if (dir < 2 && f && f->mac_have && e->settings->wants.ether && type != EVENT_FLOW && type != EVENT_NETFLOW) {
        memcpy(ev->mac[0], f->mac[dir], 6);
        memcpy(ev->mac[1], f->mac[!dir], 6);
        ev->flags |= EVENT_HAS_ETHER;
    }
    if (p) {
        if (!(ev->flags & EVENT_HAS_ETHER))
            ether(e, ev, p);
        ev->pkt_src = p->src_kind;
    } else if (type == EVENT_APP || type == EVENT_FILEINFO || type == EVENT_ANOMALY) {
        ev->pkt_src = PKT_SRC_FLOW_TIMEOUT; /* came up as the flow ended */
    }
    if (f) {
        ev->flow_id = f->id;
        ev->parent_id = f->parent_id;
    }
    return ev;
}

/* app_proto_ts and so on, where the directions differ. */
void emit_app_protos(struct fields *out, const struct flow *f)
{
    if (f->app_proto[0] && f->app_proto[0] != f->app_proto_any && app_name(f->app_proto[0]))
        fields_cstr(out, "app_proto_ts", app_name(f->app_proto[0]));
    if (f->app_proto[1] && f->app_proto[1] != f->app_proto_any && app_name(f->app_proto[1]))
        fields_cstr(out, "app_proto_tc", app_name(f->app_proto[1]));
    if (f->app_proto_orig && f->app_proto_orig != f->app_proto_any && app_name(f->app_proto_orig))
        fields_cstr(out, "app_proto_orig", app_name(f->app_proto_orig));
    if (f->app_proto_expected && f->app_proto_expected != f->app_proto_any && app_name(f->app_proto_expected))
        fields_cstr(out, "app_proto_expected", app_name(f->app_proto_expected));
}
