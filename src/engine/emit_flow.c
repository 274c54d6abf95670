/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flow and netflow events. */
#include "engine/worker.h"

#include <netinet/in.h>
#include <stdio.h>

static const char *const reasons[] = {
    [FLOW_END_TIMEOUT] = "timeout",
    [FLOW_END_FORCED] = "forced",
    [FLOW_END_SHUTDOWN] = "shutdown",
    [FLOW_END_TCP_REUSE] = "tcp_reuse",
};
static const char *const targets[EXCEPTION_TARGETS] = {
    [EXCEPTION_NONE] = "none",
    [EXCEPTION_FLOW_MEMCAP] = "flow_memcap",
    [EXCEPTION_STREAM_MEMCAP] = "stream_memcap",
    [EXCEPTION_REASSEMBLY_MEMCAP] = "stream_reassembly_memcap",
    [EXCEPTION_MIDSTREAM] = "stream_midstream",
    [EXCEPTION_DEFRAG_MEMCAP] = "defrag_memcap",
    [EXCEPTION_APP_ERROR] = "app_layer_error",
};
static const char *const policies[] = {
    [EXCEPTION_IGNORE] = "ignore",           [EXCEPTION_AUTO] = "auto",
    [EXCEPTION_PASS_PACKET] = "pass_packet", [EXCEPTION_PASS_FLOW] = "pass_flow",
    [EXCEPTION_BYPASS] = "bypass",           [EXCEPTION_DROP_PACKET] = "drop_packet",
    [EXCEPTION_DROP_FLOW] = "drop_flow",     [EXCEPTION_REJECT] = "reject",
    [EXCEPTION_REJECT_BOTH] = "reject_both",
};

static const struct {
    const char *name;
    uint8_t bit;
} tcp_flags[] = {{"syn", TCP_SYN}, {"fin", TCP_FIN}, {"rst", TCP_RST}, {"psh", TCP_PSH},
                 {"ack", TCP_ACK}, {"urg", TCP_URG}, {"ecn", TCP_ECE}, {"cwr", TCP_CWR}};

static void flags_written(struct fields *out, uint8_t flags)
{
    for (unsigned k = 0; k < ARRAY_LEN(tcp_flags); k++)
        if (flags & tcp_flags[k].bit)
            fields_bool(out, tcp_flags[k].name, true);
}

static void hex2(struct fields *out, const char *key, uint8_t v)
{
    char t[4];
    snprintf(t, sizeof(t), "%02x", v);
    fields_cstr(out, key, t);
}

static void tcp_object(struct fields *out, const struct flow *f)
{
    struct tcp_side s[2] = {{0}};
    bool session = f->tcp && tcp_side_get(f, 0, &s[0]) && tcp_side_get(f, 1, &s[1]);
    if (f->proto != IPPROTO_TCP)
        return;
    fields_open(out, "tcp");
    hex2(out, "tcp_flags", s[0].flags_seen | s[1].flags_seen);
    hex2(out, "tcp_flags_ts", s[0].flags_seen);
    hex2(out, "tcp_flags_tc", s[1].flags_seen);
    flags_written(out, s[0].flags_seen | s[1].flags_seen);
    if (session) {
        fields_cstr(out, "state", tcp_state_name(tcp_flow_state(f)));
        fields_u64(out, "ts_max_regions", u32_max(1, s[0].max_regions));
        fields_u64(out, "tc_max_regions", u32_max(1, s[1].max_regions));
    }
    fields_close(out);
}

static void exceptions(struct fields *out, const struct flow *f)
{
    if (!f->exception_n)
        return;
    fields_array(out, "exception_policy");
    for (unsigned k = 0; k < f->exception_n && k < ARRAY_LEN(f->exception_log); k++) {
        const struct exception *x = &f->exception_log[k];
        fields_open(out, NULL);
        fields_cstr(out, "target", targets[x->target % EXCEPTION_TARGETS]);
        fields_cstr(out, "policy", policies[x->policy % ARRAY_LEN(policies)]);
        fields_close(out);
    }
    fields_array_end(out);
}

/* What the other side answered with. */
static void icmp_answer(struct fields *out, const struct flow *f)
{
    if ((f->proto != IPPROTO_ICMP && f->proto != IPPROTO_ICMPV6) || !(f->flags & FLOW_SEEN_TO_CLIENT))
        return;
    fields_u64(out, "response_icmp_type", f->port[1]);
    fields_u64(out, "response_icmp_code", f->icmp_code[1]);
}

/* MAC addresses of the two ends, as lists: a flow may have more. */
static void ether_object(struct fields *out, const struct flow *f, unsigned dir)
{
    static const char *const key[2] = {"src_macs", "dest_macs"};
    char t[24];
    if (!f->mac_have)
        return;
    fields_open(out, "ether");
    for (unsigned k = 0; k < 2; k++) {
        const uint8_t *m = f->mac[k ? !dir : dir];
        fields_array(out, key[k]);
        snprintf(t, sizeof(t), "%02x:%02x:%02x:%02x:%02x:%02x", m[0], m[1], m[2], m[3], m[4], m[5]);
        fields_cstr(out, NULL, t);
        fields_array_end(out);
    }
    fields_close(out);
}

void emit_flow(struct engine *e, const struct flow *f)
{
    if (!e->settings->wants.flow)
        return;
    struct event *ev = emit_begin(e, EVENT_FLOW, NULL, f, 0);
    if (!ev)
        return;
    ev->ts_ns = e->now_ns;
    ev->app_proto = f->app_proto_any;
    struct fields *out = event_fields(e->out);
    icmp_answer(out, f);
    if (e->settings->wants.ether)
        ether_object(out, f, 0);
    emit_app_protos(out, f);
    fields_open(out, "flow");
    fields_u64(out, "pkts_toserver", f->pkts[0]);
    fields_u64(out, "pkts_toclient", f->pkts[1]);
    fields_u64(out, "bytes_toserver", f->bytes[0]);
    fields_u64(out, "bytes_toclient", f->bytes[1]);
    fields_time(out, "start", f->first_ns);
    fields_time(out, "end", f->last_ns);
    fields_u64(out, "age", f->last_ns / 1000000000u - f->first_ns / 1000000000u);
    if (f->flags & FLOW_EMERGENCY)
        fields_bool(out, "emergency", true);
    if (f->state == FLOW_BYPASSED)
        fields_cstr(out, "bypass", "local");
    fields_cstr(out, "state", flow_state_name(f));
    fields_cstr(out, "reason", reasons[f->end % ARRAY_LEN(reasons)]);
    fields_bool(out, "alerted", f->flags & FLOW_ALERTED);
    if (f->flags & (FLOW_ELEPHANT_TO_SERVER | FLOW_ELEPHANT_TO_CLIENT))
        fields_bool(out, "elephant", true);
    exceptions(out, f);
    /* A capture file's flows are nobody's: the rules' word stands.  A sensor claims only what it did. */
    if ((f->flags & FLOW_DROP) || ((f->flags & FLOW_WOULD_DROP) && e->settings->replay))
        fields_cstr(out, "action", "drop");
    else if (f->flags & FLOW_ACCEPT)
        fields_cstr(out, "action", "accept");
    else if (f->flags & FLOW_PASS)
        fields_cstr(out, "action", "pass");
    if (f->app || f->tx_cnt)
        fields_u64(out, "tx_cnt", f->tx_cnt);
    if (f->acked_unseen[0] | f->acked_unseen[1]) {
        fields_u64(out, "acked_unseen_toserver", f->acked_unseen[0]);
        fields_u64(out, "acked_unseen_toclient", f->acked_unseen[1]);
    }
    fields_close(out);
    tcp_object(out, f);
    emit_metadata(e, NULL, f, out);
    event_end(e->out);
}

/* One event a direction. */
void emit_netflow(struct engine *e, const struct flow *f)
{
    if (!e->settings->wants.netflow)
        return;
    for (unsigned dir = 0; dir < 2; dir++) {
        if (dir && !f->pkts[1])
            return;
        struct event *ev = emit_begin(e, EVENT_NETFLOW, NULL, f, dir);
        if (!ev)
            return;
        ev->app_proto = f->app_proto_any;
        struct fields *out = event_fields(e->out);
        if (e->settings->wants.ether)
            ether_object(out, f, dir);
        fields_open(out, "netflow");
        fields_u64(out, "pkts", f->pkts[dir]);
        fields_u64(out, "bytes", f->bytes[dir]);
        fields_time(out, "start", f->first_ns);
        fields_time(out, "end", f->last_ns);
        fields_u64(out, "age", f->last_ns / 1000000000u - f->first_ns / 1000000000u);
        fields_u64(out, "min_ttl", f->min_ttl[dir]);
        fields_u64(out, "max_ttl", f->max_ttl[dir]);
        fields_u64(out, "tx_cnt", f->tx_cnt);
        fields_close(out);
        struct tcp_side s;
        if (f->tcp && tcp_side_get(f, dir, &s)) {
            fields_open(out, "tcp");
            hex2(out, "tcp_flags", s.flags_seen);
            flags_written(out, s.flags_seen);
            fields_close(out);
        }
        emit_metadata(e, NULL, f, out);
        event_end(e->out);
    }
}
