/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The `stats` event: counters by name, one row each; names are those of Suricata's stats. */
#include "engine/worker.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

struct stat_row {
    const char *name;
    size_t at; /* in struct engine_counters */
};
#define ROW(name, member) {name, offsetof(struct engine_counters, member)}

static const struct stat_row decoder_rows[] = {
    ROW("pkts", decode.pkts),
    ROW("bytes", decode.bytes),
    ROW("invalid", decode.invalid),
    ROW("ipv4", decode.ipv4),
    ROW("ipv6", decode.ipv6),
    ROW("ethernet", decode.ethernet),
    ROW("arp", decode.arp),
    ROW("unknown_ethertype", decode.unknown_ethertype),
    ROW("chdlc", decode.chdlc),
    ROW("raw", decode.raw),
    ROW("null", decode.null),
    ROW("sll", decode.sll),
    ROW("sll2", decode.sll2),
    ROW("tcp", decode.tcp),
    ROW("udp", decode.udp),
    ROW("sctp", decode.sctp),
    ROW("esp", decode.esp),
    ROW("icmpv4", decode.icmpv4),
    ROW("icmpv6", decode.icmpv6),
    ROW("igmp", decode.igmp),
    ROW("ppp", decode.ppp),
    ROW("pppoe", decode.pppoe),
    ROW("geneve", decode.geneve),
    ROW("gre", decode.gre),
    ROW("vlan", decode.vlan),
    ROW("vlan_qinq", decode.vlan_qinq),
    ROW("vlan_qinqinq", decode.vlan_qinqinq),
    ROW("ieee8021ah", decode.ieee8021ah),
    ROW("vntag", decode.vntag),
    ROW("etag", decode.etag),
    ROW("nsh", decode.nsh),
    ROW("vxlan", decode.vxlan),
    ROW("teredo", decode.teredo),
    ROW("ipv4_in_ipv4", decode.ipv4_in_ipv4),
    ROW("ipv6_in_ipv4", decode.ipv6_in_ipv4),
    ROW("ipv4_in_ipv6", decode.ipv4_in_ipv6),
    ROW("ipv6_in_ipv6", decode.ipv6_in_ipv6),
    ROW("mpls", decode.mpls),
    ROW("erspan", decode.erspan),
    ROW("max_pkt_size", decode.max_pkt_size),
    ROW("too_many_layers", decode.too_many_layers),
};
static const struct stat_row flow_rows[] = {
    ROW("total", flow.total),
    ROW("active", flow.active),
    ROW("tcp", flow.tcp),
    ROW("udp", flow.udp),
    ROW("icmpv4", flow.icmpv4),
    ROW("icmpv6", flow.icmpv6),
    ROW("tcp_reuse", flow.tcp_reuse),
    ROW("get_used", flow.get_used),
    ROW("memcap", flow.memcap),
    ROW("memuse", flow.memuse_bytes),
    ROW("emerg_mode_entered", flow.emergency_entered),
    ROW("emerg_mode_over", flow.emergency_over),
    ROW("elephant", flow.elephant),
};
static const struct stat_row tcp_rows[] = {
    ROW("sessions", stream.sessions),
    ROW("active_sessions", stream.active_sessions),
    ROW("ssn_memcap_drop", stream.ssn_memcap_drop),
    ROW("pseudo", stream.pseudo),
    ROW("invalid_checksum", stream.invalid_checksum),
    ROW("midstream_pickups", stream.midstream_pickups),
    ROW("syn", stream.syn),
    ROW("synack", stream.synack),
    ROW("rst", stream.rst),
    ROW("segment_memcap_drop", stream.segment_memcap_drop),
    ROW("stream_depth_reached", stream.stream_depth_reached),
    ROW("reassembly_gap", stream.reassembly_gap),
    ROW("overlap", stream.overlap),
    ROW("overlap_diff_data", stream.overlap_diff_data),
    ROW("insert_data_normal_fail", stream.insert_data_normal_fail),
    ROW("insert_data_overlap_fail", stream.insert_data_overlap_fail),
    ROW("urgent_oob_data", stream.urgent_oob),
    ROW("acked_unseen_bytes", stream.acked_unseen_bytes),
    ROW("memuse", stream.memuse_bytes),
    ROW("reassembly_memuse", stream.reassembly_memuse_bytes),
};
static const struct stat_row detect_rows[] = {
    ROW("alert", verdict.alerts),
    ROW("alert_queue_overflow", verdict.overflow),
    ROW("alerts_suppressed", verdict.suppressed),
    ROW("rules_suspended", detect.suspended_rules),
    ROW("checks_suspended", detect.suspended_checks),
};
static const struct stat_row ips_rows[] = {
    ROW("accepted", verdict.accepted),
    ROW("blocked", verdict.blocked),
    ROW("rejected", verdict.rejected),
    ROW("replaced", verdict.replaced),
};
static const struct stat_row firewall_rows[] = {
    ROW("accepted", verdict.firewall_accepted),
    ROW("blocked", verdict.firewall_blocked),
    ROW("rejected", verdict.firewall_rejected),
    ROW("discarded_alerts", verdict.firewall_discarded),
};
static const struct stat_row response_rows[] = {
    ROW("requested", response.requested),
    ROW("injected", response.injected),
    ROW("failed", response.failed),
    ROW("damped", response.damped),
    ROW("rate_limited", response.rate_limited),
    ROW("challenge_acks", response.challenge_acks),
    ROW("died", response.died),
    ROW("lived", response.lived),
    ROW("leaked_packets", response.leaked_packets),
    ROW("leaked_bytes", response.leaked_bytes),
};

static void rows(struct fields *out, const char *key, const struct stat_row *r, size_t n, const struct engine_counters *c,
                 bool zeros)
{
    fields_open(out, key);
    for (size_t k = 0; k < n; k++) {
        uint64_t v = *(const uint64_t *)(const void *)((const uint8_t *)c + r[k].at);
        if (v || zeros)
            fields_u64(out, r[k].name, v);
    }
}

/* "ipv4.pkt_too_small" as event: {ipv4: {pkt_too_small: n}}; names come sorted by layer. */
static void decoder_events(struct fields *out, const struct decode_counters *c)
{
    char layer[64] = "";
    fields_open(out, "event");
    for (unsigned pass = 0; pass < DECODE_EVENT_COUNT; pass++) {
        const char *name = decode_event_name(pass), *dot = name ? strchr(name, '.') : NULL;
        if (!dot || (size_t)(dot - name) >= sizeof(layer))
            continue;
        bool before = false;
        size_t n = (size_t)(dot - name);
        for (unsigned k = 0; k < pass && !before; k++) {
            const char *x = decode_event_name(k);
            before = x && !strncmp(x, name, n + 1);
        }
        if (before)
            continue;
        memcpy(layer, name, n);
        layer[n] = 0;
        fields_open(out, layer);
        for (unsigned k = pass; k < DECODE_EVENT_COUNT; k++) {
            const char *x = decode_event_name(k);
            if (x && !strncmp(x, name, n + 1))
                fields_u64(out, x + n + 1, c->event[k]);
        }
        fields_close(out);
    }
    fields_close(out);
}

static void app_rows(struct fields *out, const char *key, const uint64_t n[APP_COUNT][2], bool both)
{
    char name[64];
    fields_open(out, key);
    for (unsigned id = 0; id < APP_COUNT; id++) {
        const char *base = app_name(id);
        if (!base)
            continue;
        const struct app_proto_def *def = app_def(id);
        bool split = (def && def->udp && def->tcp) || id == APP_FAILED;
        for (unsigned u = 0; u < (split ? 2u : 1u); u++) {
            snprintf(name, sizeof(name), "%s%s", base, split ? (u ? "_udp" : "_tcp") : "");
            uint64_t v = split ? n[id][u] : n[id][0] + n[id][1];
            if (v || both || def)
                fields_u64(out, name, v);
        }
    }
    fields_close(out);
}

static void app_errors(struct fields *out, const struct app_counters *c)
{
    fields_open(out, "error");
    for (unsigned id = 0; id < APP_COUNT; id++) {
        const struct app_proto_def *def = app_def(id);
        if (!def)
            continue;
        char name[64];
        for (unsigned u = 0; u < (def->udp && def->tcp ? 2u : 1u); u++) {
            snprintf(name, sizeof(name), "%s%s", app_name(id), def->udp && def->tcp ? (u ? "_udp" : "_tcp") : "");
            fields_open(out, name);
            fields_u64(out, "gap", c->error_gap[id][u]);
            fields_u64(out, "alloc", c->error_alloc[id][u]);
            fields_u64(out, "parser", c->error_parser[id][u]);
            fields_u64(out, "internal", 0);
            fields_close(out);
        }
    }
    fields_close(out);
}

static const struct {
    const char *outer, *inner; /* outer NULL: goes on in the object before */
    uint8_t target;
} exception_rows[] = {
    {"tcp", "ssn_memcap", EXCEPTION_STREAM_MEMCAP},
    {NULL, "reassembly", EXCEPTION_REASSEMBLY_MEMCAP},
    {NULL, "midstream", EXCEPTION_MIDSTREAM},
    {"flow", "memcap", EXCEPTION_FLOW_MEMCAP},
    {"defrag", "memcap", EXCEPTION_DEFRAG_MEMCAP},
    {"app_layer", "error", EXCEPTION_APP_ERROR},
};

/* A target whose policy is to go on as if nothing had been has no counters. */
static bool ignored(const struct engine_settings *s, unsigned target)
{
    switch ((enum exception_target)target) {
    case EXCEPTION_STREAM_MEMCAP:
        return s->stream.memcap_policy == EXCEPTION_IGNORE;
    case EXCEPTION_REASSEMBLY_MEMCAP:
        return s->stream.reassembly_policy == EXCEPTION_IGNORE;
    case EXCEPTION_MIDSTREAM:
        return s->stream.midstream_policy == EXCEPTION_IGNORE;
    case EXCEPTION_FLOW_MEMCAP:
        return s->flow.memcap_policy == EXCEPTION_IGNORE;
    case EXCEPTION_APP_ERROR:
        return s->app_error_policy == EXCEPTION_IGNORE;
    case EXCEPTION_DEFRAG_MEMCAP:
    case EXCEPTION_NONE:
    case EXCEPTION_TARGETS:
        break;
    }
    return false;
}

static void exception_stats(struct fields *out, const struct engine_settings *s, const struct verdict_counters *v,
                            bool zeros)
{
    static const char *const policy[EXCEPTION_POLICIES] = {
        [EXCEPTION_IGNORE] = "ignore",           [EXCEPTION_PASS_PACKET] = "pass_packet",
        [EXCEPTION_PASS_FLOW] = "pass_flow",     [EXCEPTION_BYPASS] = "bypass",
        [EXCEPTION_DROP_PACKET] = "drop_packet", [EXCEPTION_DROP_FLOW] = "drop_flow",
        [EXCEPTION_REJECT] = "reject",           [EXCEPTION_REJECT_BOTH] = "reject_both"};
    fields_open(out, "exception_policy");
    for (unsigned k = 0; k < ARRAY_LEN(exception_rows); k++) {
        if (exception_rows[k].outer) {
            if (k)
                fields_close(out);
            fields_open(out, exception_rows[k].outer);
        }
        if (ignored(s, exception_rows[k].target))
            continue;
        fields_open(out, exception_rows[k].inner);
        for (unsigned p = 0; p < EXCEPTION_POLICIES; p++) {
            uint64_t n = v->exception[exception_rows[k].target][p];
            if (policy[p] && (n || zeros))
                fields_u64(out, policy[p], n);
        }
        fields_close(out);
    }
    fields_close(out);
    fields_close(out);
}

/* What the compile of the rules in force took and refused, from the cache or not. */
static void rule_counts(struct fields *out, const struct image *i)
{
    struct image_report r;
    image_report(i, &r);
    fields_array(out, "engines");
    fields_open(out, NULL);
    fields_u64(out, "id", 0);
    fields_u64(out, "rules_loaded", r.loaded);
    fields_u64(out, "rules_failed", r.refused);
    fields_u64(out, "rules_skipped", r.skipped);
    fields_close(out);
    fields_array_end(out);
}

static void capture_stats(struct fields *out, const struct engine_counters *c, const struct capture_counters *cap)
{
    if (!cap)
        return;
    fields_open(out, "capture");
    fields_u64(out, "kernel_packets", cap->kernel_packets);
    fields_u64(out, "kernel_drops", cap->kernel_drops);
    if (c->twins)
        fields_u64(out, "duplicates", c->twins);
    fields_close(out);
}

static void stream_events(struct fields *out, const struct engine_counters *c)
{
    fields_open(out, "stream");
    for (unsigned k = 0; k < STREAM_EVENT_COUNT; k++)
        fields_u64(out, stream_event_name(k), c->stream.event[k]);
    fields_close(out);
}

static void flow_stats(struct fields *out, const struct engine_counters *c, bool null)
{
    rows(out, "flow", flow_rows, ARRAY_LEN(flow_rows), c, null);
    fields_open(out, "end");
    fields_open(out, "state");
    fields_u64(out, "new", c->flow.end_new);
    fields_u64(out, "established", c->flow.end_established);
    fields_u64(out, "closed", c->flow.end_closed);
    fields_close(out);
    fields_close(out);
    fields_close(out);
}

static void defrag_stats(struct fields *out, const struct decode_counters *c)
{
    fields_open(out, "defrag");
    fields_open(out, "ipv4");
    fields_u64(out, "fragments", c->frag_ipv4);
    fields_u64(out, "reassembled", c->frag_ipv4_whole);
    fields_close(out);
    fields_open(out, "ipv6");
    fields_u64(out, "fragments", c->frag_ipv6);
    fields_u64(out, "reassembled", c->frag_ipv6_whole);
    fields_close(out);
    fields_u64(out, "max_trackers_reached", c->frag_max_hit);
    fields_u64(out, "memuse", c->frag_mem_bytes);
    fields_close(out);
}

/* The object that rows() has left open, with why frames were dropped. */
static void drop_reasons(struct fields *out, const struct engine_counters *c, unsigned first, unsigned end)
{
    fields_open(out, "drop_reason");
    for (unsigned k = first; k < end; k++)
        fields_u64(out, drop_reason_counter(k), c->verdict.drop_reason[k]);
    fields_close(out);
    fields_close(out);
}

static void app_stats(struct fields *out, const struct app_counters *c)
{
    fields_open(out, "app_layer");
    app_rows(out, "flow", c->flow, true);
    app_rows(out, "tx", c->tx, false);
    app_errors(out, c);
    fields_u64(out, "memuse", c->memuse_bytes);
    fields_close(out);
}

void engine_stats(struct engine *e, const struct engine_counters *c, const struct capture_counters *cap,
                  uint64_t uptime_s)
{
    const struct event_wants *w = &e->settings->wants;
    if (!w->stats)
        return;
    struct event *ev = emit_begin(e, EVENT_STATS, NULL, NULL, 0xff);
    if (!ev)
        return;
    struct fields *out = event_fields(e->out);
    fields_open(out, "stats");
    fields_u64(out, "uptime", uptime_s);
    capture_stats(out, c, cap);
    rows(out, "decoder", decoder_rows, ARRAY_LEN(decoder_rows), c, w->stats_null);
    fields_u64(out, "avg_pkt_size", c->decode.pkts ? c->decode.bytes / c->decode.pkts : 0);
    if (w->stats_decoder_events)
        decoder_events(out, &c->decode);
    fields_close(out);
    rows(out, "tcp", tcp_rows, ARRAY_LEN(tcp_rows), c, w->stats_null);
    fields_close(out);
    if (w->stats_stream_events)
        stream_events(out, c);
    flow_stats(out, c, w->stats_null);
    defrag_stats(out, &c->decode);
    if (w->stats_exceptions)
        exception_stats(out, e->settings, &c->verdict, w->stats_null);
    fields_open(out, "flow_bypassed");
    fields_u64(out, "local_pkts", c->verdict.bypassed_pkts);
    fields_u64(out, "local_bytes", c->verdict.bypassed_bytes);
    fields_close(out);
    rows(out, "detect", detect_rows, ARRAY_LEN(detect_rows), c, w->stats_null);
    rule_counts(out, overlay_image(detect_overlay(e->detect)));
    fields_close(out);
    app_stats(out, &c->app);
    rows(out, "response", response_rows, ARRAY_LEN(response_rows), c, w->stats_null);
    fields_close(out);
    if (e->settings->inline_mode) {
        rows(out, "ips", ips_rows, ARRAY_LEN(ips_rows), c, w->stats_null);
        drop_reasons(out, c, 1, DROP_FW_RULES);
    }
    if (e->settings->firewall) {
        rows(out, "firewall", firewall_rows, ARRAY_LEN(firewall_rows), c, w->stats_null);
        drop_reasons(out, c, DROP_FW_RULES, DROP_REASON_COUNT);
    }
    fields_close(out);
    event_end(e->out);
}
