/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What `ctl` tells, as JSON.  Counters are rows of tables: name, place in struct worker_counts, and
 * for losses the stage where it happens and the reason.
 */
#include "sensor/supervisor.h"

#include "base/clock.h"
#include "base/log.h"

#include <net/if.h>
#include <stddef.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

/* All of it are 64-bit numbers; those that are no counters are put right by the caller. */
static void add(struct worker_counts *sum, const struct worker_counts *x)
{
    uint64_t *a = (void *)sum;
    const uint64_t *b = (const void *)x;
    for (size_t i = 0; i < sizeof(*sum) / sizeof(*a); i++)
        a[i] += b[i];
}

bool counts_sum(struct supervisor *s, struct worker_counts *sum)
{
    struct worker_counts one;
    bool any = false;
    memset(sum, 0, sizeof(*sum));
    for (unsigned w = 0; w < s->plan.workers && s->page; w++)
        if (worker_counts_get(&s->page->worker[w], &one) && one.started_ns) {
            add(sum, &one);
            sum->version = one.version;
            sum->started_ns = one.started_ns;
            any = true;
        }
    return any;
}

void counts_past(struct supervisor *s)
{
    if (!counts_sum(s, &s->ended))
        memset(&s->ended, 0, sizeof(s->ended));
    add(&s->past, &s->ended);
    struct worker_counts *none = &s->sum;
    memset(none, 0, sizeof(*none));
    for (unsigned w = 0; w < SENSOR_WORKERS; w++)
        worker_counts_put(&s->page->worker[w], none);
}

static void log_sum(struct supervisor *s, struct logger_counts *c)
{
    if (!s->log_page || !snapshot_get(&s->log_page->seq, s->log_page->word, c, sizeof(*c)))
        memset(c, 0, sizeof(*c));
    c->error[sizeof(c->error) - 1] = 0;
    uint64_t *a = (void *)&c->logger;
    const uint64_t *b = (const void *)&s->past_log;
    for (size_t i = 0; i < sizeof(s->past_log) / sizeof(*a); i++)
        a[i] += b[i];
}

/* ------------------------------------------------------------------ stats */

struct row {
    const char *group, *name; /* a new group opens an object */
    size_t at;
};
#define ROW(group, name, member)                                                                   \
    {                                                                                              \
        group, name, offsetof(struct worker_counts, member)                                        \
    }

static const struct row stats_rows[] = {
    ROW("capture", "packets", capture.received),
    ROW("capture", "bytes", capture.bytes),
    ROW("capture", "kernel_packets", capture.kernel_packets),
    ROW("capture", "kernel_drops", capture.kernel_drops),
    ROW("capture", "truncated", capture.truncated),
    ROW("capture", "super_frames", capture.super_frames),
    ROW("capture", "checksum_unfinished", capture.checksum_unfinished),
    ROW("engine", "packets", engine.packets),
    ROW("engine", "bytes", engine.bytes),
    ROW("engine", "handed_over", engine.handed_over),
    ROW("engine", "alerts", engine.alerts),
    ROW("engine", "events", engine.events),
    ROW("decoder", "invalid", engine.decode.invalid),
    ROW("decoder", "ipv4", engine.decode.ipv4),
    ROW("decoder", "ipv6", engine.decode.ipv6),
    ROW("decoder", "tcp", engine.decode.tcp),
    ROW("decoder", "udp", engine.decode.udp),
    ROW("decoder", "icmpv4", engine.decode.icmpv4),
    ROW("decoder", "icmpv6", engine.decode.icmpv6),
    ROW("decoder", "vlan", engine.decode.vlan),
    ROW("decoder", "fragments_ipv4", engine.decode.frag_ipv4),
    ROW("decoder", "fragments_ipv6", engine.decode.frag_ipv6),
    ROW("flow", "total", engine.flow.total),
    ROW("flow", "active", engine.flow.active),
    ROW("flow", "memuse", engine.flow.memuse_bytes),
    ROW("flow", "emergencies", engine.flow.emergency_entered),
    ROW("tcp", "sessions", engine.stream.sessions),
    ROW("tcp", "active_sessions", engine.stream.active_sessions),
    ROW("tcp", "midstream_pickups", engine.stream.midstream_pickups),
    ROW("tcp", "invalid_checksum", engine.stream.invalid_checksum),
    ROW("tcp", "gaps", engine.stream.reassembly_gap),
    ROW("tcp", "memuse", engine.stream.memuse_bytes),
    ROW("tcp", "reassembly_memuse", engine.stream.reassembly_memuse_bytes),
    ROW("app", "memuse", engine.app.memuse_bytes),
    ROW("detect", "scans", engine.detect.scans),
    ROW("detect", "scanned_bytes", engine.detect.scan_bytes),
    ROW("detect", "candidates", engine.detect.candidates),
    ROW("detect", "evaluated", engine.detect.evaluated),
    ROW("detect", "matched", engine.detect.matched),
    ROW("verdict", "alerts", engine.verdict.alerts),
    ROW("verdict", "suppressed", engine.verdict.suppressed),
    ROW("verdict", "accepted", engine.verdict.accepted),
    ROW("verdict", "blocked", engine.verdict.blocked),
    ROW("verdict", "blacklisted", engine.verdict.blacklisted),
    ROW("verdict", "rejected", engine.verdict.rejected),
    ROW("response", "requested", engine.response.requested),
    ROW("response", "injected", engine.response.injected),
    ROW("response", "frames_sent", inject.sent),
    ROW("response", "failed", engine.response.failed),
    ROW("response", "damped", engine.response.damped),
    ROW("response", "rate_limited", engine.response.rate_limited),
    ROW("response", "not_own", engine.response.not_own),
    ROW("response", "not_answerable", engine.response.not_answerable),
    ROW("response", "challenge_acks", engine.response.challenge_acks),
    ROW("response", "chased", engine.response.chased),
    ROW("response", "died", engine.response.died),
    ROW("response", "lived", engine.response.lived),
    ROW("response", "unknown", engine.response.unknown),
    ROW("response", "leaked_packets", engine.response.leaked_packets),
    ROW("response", "leaked_bytes", engine.response.leaked_bytes),
};

static uint64_t value(const struct worker_counts *c, size_t at)
{
    uint64_t v;
    memcpy(&v, (const uint8_t *)c + at, sizeof(v));
    return v;
}

static void put_logger(struct supervisor *s, struct json *j)
{
    struct logger_counts l;
    log_sum(s, &l);
    json_open(j, "logger");
    json_u64(j, "events", l.logger.events);
    json_u64(j, "alerts", l.logger.alerts);
    json_u64(j, "bytes", l.logger.bytes);
    json_u64(j, "files_rotated", l.logger.files_rotated);
    json_u64(j, "reopened", l.reopens);
    json_close(j);
}

void report_stats(struct supervisor *s, struct json *j)
{
    struct worker_counts *c = &s->sum;
    const char *group = NULL;
    bool any = counts_sum(s, c);
    json_u64(j, "uptime_s", (sup_now() - s->started_ns) / NS_PER_SEC);
    json_u64(j, "engine_uptime_s", any ? (sup_now() - c->started_ns) / NS_PER_SEC : 0);
    for (size_t i = 0; i < ARRAY_LEN(stats_rows); i++) {
        const struct row *r = &stats_rows[i];
        if (!group || strcmp(group, r->group) != 0) {
            if (group)
                json_close(j);
            json_open(j, r->group);
            group = r->group;
        }
        json_u64(j, r->name, value(c, r->at));
    }
    json_close(j);
    put_logger(s, j);
    if (s->engine.restarts) {
        json_open(j, "before_restart");
        json_u64(j, "packets", s->past.engine.packets);
        json_u64(j, "bytes", s->past.engine.bytes);
        json_u64(j, "alerts", s->past.engine.alerts);
        json_u64(j, "events", s->past.engine.events);
        json_close(j);
    }
}

/* ------------------------------------------------------------------ losses */

static const struct loss {
    const char *stage, *reason, *unit, *text;
    size_t at;
} losses[] = {
#define LOSS(stage, reason, unit, text, member)                                                    \
    {                                                                                              \
        stage, reason, unit, text, offsetof(struct worker_counts, member)                          \
    }
    LOSS("capture", "kernel_drops", "packets", "the capture ring was full", capture.kernel_drops),
    LOSS("capture", "truncated", "packets", "frames longer than what is kept of them",
         capture.truncated),
    LOSS("capture", "dead_ports", "times", "an interface went away", dead_ports),
    LOSS("decoder", "fragments_refused", "packets",
         "no room for fragments, or their lengths are wrong", engine.decode.frag_refused),
    LOSS("decoder", "fragment_limit", "datagrams",
         "given up for newer ones: the limit of fragments", engine.decode.frag_max_hit),
    LOSS("decoder", "fragment_timeout_ipv4", "datagrams", "fragments that never came",
         engine.decode.frag_ipv4_timeout),
    LOSS("decoder", "fragment_timeout_ipv6", "datagrams", "fragments that never came",
         engine.decode.frag_ipv6_timeout),
    LOSS("decoder", "invalid", "packets", "broken headers: not inspected", engine.decode.invalid),
    LOSS("decoder", "too_many_layers", "packets", "more layers than decoder.max-layers",
         engine.decode.too_many_layers),
    LOSS("flow", "memcap", "packets", "flow.memcap is met: packets without a flow",
         engine.flow.memcap),
    LOSS("stream", "session_memcap", "packets", "stream.memcap is met: connections not followed",
         engine.stream.ssn_memcap_drop),
    LOSS("stream", "segment_memcap", "packets",
         "stream.reassembly.memcap is met: data not inspected", engine.stream.segment_memcap_drop),
    LOSS("stream", "depth", "streams", "past stream.reassembly.depth nothing is inspected",
         engine.stream.stream_depth_reached),
    LOSS("stream", "gaps", "gaps", "holes in streams", engine.stream.reassembly_gap),
    LOSS("stream", "acked_unseen", "bytes",
         "acknowledged by the receiver, never seen here: lost before or in the capture",
         engine.stream.acked_unseen_bytes),
    LOSS("stream", "invalid_checksum", "packets", "kept out of streams",
         engine.stream.invalid_checksum),
    LOSS("stream", "insert_failed", "segments", "no memory for them",
         engine.stream.insert_data_normal_fail),
    LOSS("stream", "insert_list", "segments", "more pieces than stream.reassembly.max-regions",
         engine.stream.insert_list_fail),
    LOSS("stream", "insert_overlap", "segments", "other data where some was already",
         engine.stream.insert_data_overlap_fail),
    LOSS("app", "refused", "transactions", "app-layer.memcap is met", engine.app.refused),
    LOSS("detect", "limit", "evaluations", "a rule met its limit of steps",
         engine.detect.limit_hits),
    LOSS("detect", "pcre_errors", "evaluations", "a pcre met its limit", engine.detect.pcre_errors),
    LOSS("detect", "alert_queue", "alerts", "more matches of a packet than are kept",
         engine.detect.alert_queue_overflow),
    LOSS("detect", "state_refused", "entries", "no room in the table of thresholds and bits",
         engine.detect.refused),
    LOSS("detect", "rule_budget", "evaluations", "of rules over detect.rule-budget, which rest",
         engine.detect.suspended_checks),
    LOSS("verdict", "alert_limit", "alerts", "over packet-alert-max", engine.verdict.overflow),
    LOSS("wire", "send_failed", "frames", "could not be sent on, or were cut", capture.out_failed),
    LOSS("wire", "held_late", "frames", "went on because their time was over, unjudged", capture.held_late),
    LOSS("response", "failed", "responses", "could not be sent", engine.response.failed),
    LOSS("response", "would_block", "frames", "the response port was busy", inject.would_block),
    LOSS("response", "send_failed", "frames", "the kernel refused them", inject.failed),
    LOSS("response", "rate_limited", "responses", "over response.rate-limit",
         engine.response.rate_limited),
    LOSS("response", "no_port", "responses", "asked for, and there is no response port",
         engine.response.no_port),
    LOSS("response", "rows_recycled", "connections",
         "forgotten before their time: response.table.rows or memcap", engine.response.recycled),
    LOSS("response", "rules_untold", "rules", "beyond the sixteen of a connection that are told its fate", engine.response.untold),
    LOSS("policy", "swaps_failed", "times", "a worker could not take new rules", swaps_failed),
    LOSS("engine", "handover_full", "frames", "of another worker's flow, whose queue was full",
         engine.handover_lost),
    LOSS("event", "ring_full", "events", "the logger was too slow", engine.events_lost),
#undef LOSS
};

static uint64_t put_loss(struct json *j, const char *stage, const char *reason, const char *unit,
                         const char *text, uint64_t n)
{
    json_open(j, NULL);
    json_cstr(j, "stage", stage);
    json_cstr(j, "reason", reason);
    json_u64(j, "count", n);
    json_cstr(j, "unit", unit);
    json_cstr(j, "text", text);
    json_close(j);
    return n;
}

/* Parsers that gave up: by protocol in stats, in one sum here. */
static uint64_t put_app_errors(struct json *j, const struct worker_counts *c,
                               const struct worker_counts *past)
{
    static const struct {
        const char *reason, *text;
        size_t at;
    } kinds[] = {
        {"gap", "a hole in the stream ended the parser",
         offsetof(struct worker_counts, engine.app.error_gap)},
        {"parser", "the parser did not understand it",
         offsetof(struct worker_counts, engine.app.error_parser)},
        {"alloc", "no memory for the parser",
         offsetof(struct worker_counts, engine.app.error_alloc)},
    };
    uint64_t all = 0;
    for (size_t k = 0; k < ARRAY_LEN(kinds); k++) {
        uint64_t n = 0;
        for (size_t i = 0; i < sizeof(c->engine.app.error_gap) / sizeof(uint64_t); i++)
            n += value(c, kinds[k].at + i * 8) + value(past, kinds[k].at + i * 8);
        all += put_loss(j, "app", kinds[k].reason, "flows", kinds[k].text, n);
    }
    return all;
}

void report_losses(struct supervisor *s, struct json *j)
{
    struct worker_counts *c = &s->sum;
    struct logger_counts l;
    (void)counts_sum(s, c);
    log_sum(s, &l);
    uint64_t all = 0;
    json_array(j, "losses");
    for (size_t i = 0; i < ARRAY_LEN(losses); i++) {
        const struct loss *x = &losses[i];
        all += put_loss(j, x->stage, x->reason, x->unit, x->text,
                        value(c, x->at) + value(&s->past, x->at));
    }
    all += put_app_errors(j, c, &s->past);
    all += put_loss(j, "supervisor", "engine_restarts", "packets",
                    "waited in the rings of an engine that ended (at most)", s->lost_frames);
    all += put_loss(j, "supervisor", "flows_forgotten", "flows",
                    "of an engine that ended without ending them",
                    s->engine.restarts ? s->past.engine.flow.active : 0);
    if (s->wire) {
        uint64_t dropped, between, bridged = wire_bridged(s, &dropped, &between);
        all += put_loss(j, "wire", "between", "frames", "lost as the gate was about to open: in no ring, not yet forwarded", between);
        all += put_loss(j, "wire", "too_long", "frames", "the kernel forwarded unlooked: longer than an AF_XDP socket could send on", wire_too_long(s));
        all += put_loss(j, "wire", "bridged", "frames", "the kernel forwarded unlooked: no engine, or none that kept up", bridged);
        all += put_loss(j, "wire", "stale_dropped", "frames", "dropped while no engine ran (fail-open.start, fail-open.on-stale)", dropped);
    }
    struct share_counters shared;
    trunks_counters(s, &shared);
    all += put_loss(j, "ports", "astray", "frames", "of all that share the port: came to another's socket, after the port was down", shared.astray);
    all += put_loss(j, "logger", "lost", "events", "refused while an output could not be written",
                    l.logger.lost);
    all += put_loss(j, "logger", "write_errors", "times", "a write failed (full disk ...)",
                    l.logger.write_errors);
    all += put_loss(j, "logger", "broken", "records", "not understood", l.logger.broken);
    json_array_end(j);
    json_bool(j, "any", all != 0);
    if (l.error[0])
        json_cstr(j, "last_write_error", l.error);
}

/* ------------------------------------------------------------------ status */

static void put_time(struct json *j, const char *key, uint64_t wall_ns)
{
    time_t t = (time_t)(wall_ns / NS_PER_SEC);
    struct tm tm;
    char text[40];
    if (gmtime_r(&t, &tm) && strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm))
        json_cstr(j, key, text);
}

static void put_proc(struct json *j, const struct proc *p)
{
    static const char *const state[] = {"none", "starting", "running", "stopping"};
    json_open(j, role_name[p->role]);
    json_cstr(j, "state", p->state == PROC_NONE && p->restart_ns ? "restarting" : state[p->state]);
    if (p->state != PROC_NONE) {
        json_u64(j, "pid", (uint64_t)p->pid);
        json_u64(j, "uptime_s", (sup_now() - p->started_ns) / NS_PER_SEC);
    }
    json_u64(j, "restarts", p->restarts);
    if (p->last_end[0])
        json_cstr(j, "last_end", p->last_end);
    json_close(j);
}

static void put_ports(struct supervisor *s, struct json *j, const struct worker_counts *c)
{
    json_array(j, "interfaces");
    for (unsigned i = 0; i < s->plan.n; i++) {
        json_open(j, NULL);
        json_cstr(j, "name", s->plan.live.iface[i]);
        json_u64(j, "packets", c->iface[i].received);
        json_u64(j, "bytes", c->iface[i].bytes);
        json_u64(j, "kernel_drops", c->iface[i].kernel_drops);
        if (s->port_called[i][0] && link_is_there(s, i))
            json_cstr(j, "called", s->port_called[i]);
        json_bool(j, "there", link_is_there(s, i));
        json_bool(j, "up", link_is_there(s, i) && link_is_up(s, i));
        json_close(j);
    }
    json_array_end(j);
    if (s->wire)
        report_wire(s, j);
    if (s->plan.response)
        json_cstr(j, "response_interface", s->plan.response);
    else if (s->plan.raw)
        json_cstr(j, "response_interface", "(raw IP)");
    else
        json_null(j, "response_interface");
    if (s->plan.response && !s->plan.raw) {
        char called[IF_NAMESIZE];
        if (s->response_renamed && if_indextoname(s->response_index, called))
            json_cstr(j, "response_called", called);
        json_bool(j, "response_there", !s->response_gone);
        json_bool(j, "response_up", link_response_up(s));
    }
}

static void put_workers(struct supervisor *s, struct json *j)
{
    struct worker_counts c;
    uint64_t now = sup_now();
    json_array(j, "workers");
    for (unsigned w = 0; w < s->plan.workers; w++) {
        uint64_t beat = atomic_load_explicit(&s->page->worker[w].beat_ns, memory_order_relaxed);
        bool have = worker_counts_get(&s->page->worker[w], &c);
        json_open(j, NULL);
        json_u64(j, "worker", w);
        json_u64(j, "packets", have ? c.engine.packets : 0);
        json_u64(j, "policy_version", have ? c.version : 0);
        if (beat)
            json_u64(j, "beat_age_ms", now > beat ? (now - beat) / NS_PER_MS : 0);
        else
            json_null(j, "beat_age_ms");
        json_close(j);
    }
    json_array_end(j);
}

static void put_policy(struct supervisor *s, struct json *j)
{
    json_open(j, "policy");
    json_u64(j, "version", s->version);
    json_u64(j, "rules", s->rules.n_rules);
    json_u64(j, "refused", s->rules.sum.refused);
    json_bool(j, "reloading", s->reload.state != RELOAD_NONE);
    if (s->reload.error[0])
        json_cstr(j, "last_reload_error", s->reload.error);
    json_close(j);
}

void report_status(struct supervisor *s, struct json *j)
{
    struct worker_counts *c = &s->sum;
    (void)counts_sum(s, c);
    links_now(s);
    json_cstr(j, "version", RIPOSTE_VERSION);
    json_cstr(j, "vips", conf_str(s->conf, "vips.name"));
    json_cstr(j, "state", s->stop ? "stopping" : s->running ? "running" : "starting");
    json_u64(j, "pid", (uint64_t)getpid());
    put_time(j, "since", s->started_wall_ns);
    json_u64(j, "uptime_s", (sup_now() - s->started_ns) / NS_PER_SEC);
    put_ports(s, j, c);
    json_open(j, "processes");
    put_proc(j, &s->engine);
    put_proc(j, &s->logger);
    json_close(j);
    put_workers(s, j);
    put_policy(s, j);
    json_cstr(j, "log_dir", conf_str(s->conf, "default-log-dir"));
    json_u64(j, "packets", c->engine.packets);
    json_u64(j, "alerts", c->engine.alerts);
    json_u64(j, "run_as_uid", s->setup.uid);
}

/* ------------------------------------------------------------------ the rest */

void report_flows(struct supervisor *s, struct json *j)
{
    struct worker_counts *c = &s->sum;
    const struct flow_counters *f = &c->engine.flow;
    (void)counts_sum(s, c);
    json_u64(j, "active", f->active);
    json_u64(j, "total", f->total);
    json_u64(j, "tcp", f->tcp);
    json_u64(j, "udp", f->udp);
    json_u64(j, "icmpv4", f->icmpv4);
    json_u64(j, "icmpv6", f->icmpv6);
    json_u64(j, "memuse", f->memuse_bytes);
    json_u64(j, "memcap", conf_bytes(s->conf, "flow.memcap") * s->plan.workers);
    json_u64(j, "refused", f->memcap);
    json_u64(j, "emergencies", f->emergency_entered);
    json_open(j, "ended");
    json_u64(j, "new", f->end_new);
    json_u64(j, "established", f->end_established);
    json_u64(j, "closed", f->end_closed);
    json_u64(j, "timeout", f->end_timeout);
    json_u64(j, "forced", f->end_forced);
    json_close(j);
}

static void put_text(struct json *j, const char *key, const char *v)
{
    if (v)
        json_cstr(j, key, v);
}

void report_rules(struct supervisor *s, struct json *j)
{
    const struct rules_report *r = &s->rules;
    json_u64(j, "policy_version", s->version);
    json_u64(j, "loaded", r->n_rules);
    if (r->n_enabled)
        json_u64(j, "enabled", r->n_enabled);
    json_bool(j, "from_cache", r->sum.cached);
    json_open(j, "image");
    json_u64(j, "bytes", r->sum.bytes);
    json_u64(j, "groups", r->sum.n_groups);
    json_u64(j, "patterns", r->sum.n_patterns);
    json_u64(j, "pcre", r->sum.n_pcre);
    json_u64(j, "without_literal", r->sum.n_slow);
    json_close(j);
    json_u64(j, "disabled", r->sum.disabled);
    json_u64(j, "refused", r->sum.refused);
    json_array(j, "refusals");
    for (unsigned i = 0; i < r->n_refusals; i++) {
        json_open(j, NULL);
        put_text(j, "file", r->refusal[i].file);
        json_u64(j, "line", r->refusal[i].line);
        json_u64(j, "column", r->refusal[i].column);
        json_u64(j, "sid", r->refusal[i].sid);
        put_text(j, "reason", r->refusal[i].reason);
        put_text(j, "hint", r->refusal[i].hint);
        json_close(j);
    }
    json_array_end(j);
}

void report_reload(struct supervisor *s, struct json *j, bool ok)
{
    const struct msg_swapped *x = &s->swapped;
    if (!ok) {
        json_cstr(j, "error", s->reload.error);
        return;
    }
    json_u64(j, "policy_version", s->version);
    json_u64(j, "milliseconds", (sup_now() - s->reload.began_ns) / NS_PER_MS);
    json_u64(j, "rules", s->rules.n_rules);
    json_bool(j, "from_cache", s->rules.sum.cached);
    json_u64(j, "refused", s->rules.sum.refused);
    json_u64(j, "added", x->added);
    json_u64(j, "removed", x->removed);
    json_u64(j, "changed", x->changed);
    json_u64(j, "other_action", x->retuned);
    json_array(j, "examples");
    for (unsigned i = 0; i < x->n_sample; i++) {
        static const char *const what[] = {"added", "removed", "changed", "action"};
        json_open(j, NULL);
        json_cstr(j, "what", what[strchr("+-~a", x->sample[i].what) - "+-~a"]);
        json_u64(j, "gid", x->sample[i].gid);
        json_u64(j, "sid", x->sample[i].sid);
        if (x->sample[i].what == 'a') {
            json_cstr(j, "was", rule_action_name(x->sample[i].was));
            json_cstr(j, "is", rule_action_name(x->sample[i].is));
        }
        json_close(j);
    }
    json_array_end(j);
    if (s->reload.settings.n)
        json_raw(j, "settings", sbuf_view(&s->reload.settings));
}

void report_log(struct supervisor *s)
{
    struct worker_counts *c = &s->sum;
    struct logger_counts l;
    (void)counts_sum(s, c);
    add(c, &s->past);
    log_sum(s, &l);
    log_at(LOG_AT_NOTICE, "stats",
           "%llu packets, %llu dropped by the kernel, %llu alerts, %llu events, %llu events lost, "
           "%llu flows, %llu responses sent",
           (unsigned long long)c->engine.packets, (unsigned long long)c->capture.kernel_drops,
           (unsigned long long)c->engine.alerts, (unsigned long long)c->engine.events,
           (unsigned long long)(c->engine.events_lost + l.logger.lost),
           (unsigned long long)c->engine.flow.total, (unsigned long long)c->inject.sent);
}
