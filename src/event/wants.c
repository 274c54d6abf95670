/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The outputs section: what each eve-log asks for, and what all outputs together ask the engine to
 * produce.  Defaults are Suricata's for a key that is absent.
 */
#include "event/logger_impl.h"

#include "config/config.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool on(const struct conf_node *n, const char *path, bool dflt)
{
    return n ? conf_sub_bool(n, path, dflt) : dflt;
}

static void name_fix(const char *name, char out[NAME_BYTES])
{
    size_t i = 0;
    for (; name[i] && i < NAME_BYTES - 1; i++)
        out[i] = name[i] == '-' ? '_' : name[i];
    out[i] = 0;
}

static bool name_is(const char *a, const char *b)
{
    size_t i = 0;
    for (; a[i] && b[i]; i++)
        if ((a[i] == '-' ? '_' : a[i]) != (b[i] == '-' ? '_' : b[i]))
            return false;
    return !a[i] && !b[i];
}

/* The options of a type in a `types` list; NULL: not there or `enabled: no`. */
static const struct conf_node *type_find(const struct conf_node *types, const char *name)
{
    if (!types)
        return NULL;
    for (const struct conf_node *i = types->child; i; i = i->next) {
        const char *have;
        const struct conf_node *n = conf_item(i, &have);
        if (have && name_is(have, name))
            return on(n, "enabled", true) ? n : NULL;
    }
    return NULL;
}

static bool type_listed(const struct conf_node *types, const char *name)
{
    if (!types)
        return false;
    for (const struct conf_node *i = types->child; i; i = i->next) {
        const char *have;
        (void)conf_item(i, &have);
        if (have && name_is(have, name))
            return true;
    }
    return false;
}

/* ---- the set of names */

static uint32_t name_slot(const uint8_t *p, uint32_t n)
{
    uint32_t h = 2166136261u;
    for (uint32_t i = 0; i < n; i++)
        h = (h ^ p[i]) * 16777619u;
    return (h ^ h >> 16) % NAME_SLOTS;
}

static void name_add(struct name_set *s, const char *name)
{
    char fixed[NAME_BYTES];
    name_fix(name, fixed);
    uint32_t n = (uint32_t)strlen(fixed), i = name_slot((const uint8_t *)fixed, n);
    if (!n || s->n == NAMES_MOST)
        return;
    while (s->name[i][0] && strcmp(s->name[i], fixed) != 0)
        i = (i + 1) % NAME_SLOTS;
    s->n += !s->name[i][0];
    memcpy(s->name[i], fixed, sizeof(fixed));
}

static bool name_has(const struct name_set *s, struct str name)
{
    if (!name.n || name.n >= NAME_BYTES)
        return false;
    for (uint32_t i = name_slot(name.p, name.n); s->name[i][0]; i = (i + 1) % NAME_SLOTS)
        if (!memcmp(s->name[i], name.p, name.n) && !s->name[i][name.n])
            return true;
    return false;
}

/* ---- one eve-log */

/* Types whose events have another name. */
static const struct {
    const char *type, *event;
} also[] = {{"ftp", "ftp_data"}, {"http2", "http"}, {"doh2", "dns"}, {"ikev2", "ike"}};

static void apps_read(const struct conf_node *types, struct name_set *out)
{
    for (const struct conf_node *i = types ? types->child : NULL; i; i = i->next) {
        const char *name;
        const struct conf_node *n = conf_item(i, &name);
        if (!name || !on(n, "enabled", true))
            continue;
        name_add(out, name);
        for (size_t k = 0; k < ARRAY_LEN(also); k++)
            if (name_is(name, also[k].type))
                name_add(out, also[k].event);
    }
}

/* Of the eve-log, or of its alerts. */
static void xff_read(const struct conf_node *n, struct eve_options *o)
{
    if (!n || !on(n, "xff.enabled", false))
        return;
    o->xff = true;
    o->xff_overwrite = !strcmp(conf_sub_str(n, "xff.mode", "extra-data"), "overwrite");
    o->xff_forward = !strcmp(conf_sub_str(n, "xff.deployment", "reverse"), "forward");
    snprintf(o->xff_header, sizeof(o->xff_header), "%s",
             conf_sub_str(n, "xff.header", "X-Forwarded-For"));
}

static void alert_read(const struct conf_node *n, struct eve_options *o)
{
    const struct conf_node *meta = conf_sub(n, "metadata");
    bool all = on(n, "metadata", true); /* a map says no to nothing */
    if (meta && meta->kind == CONF_MAP)
        all = true;
    o->app_metadata = all && on(n, "metadata.app-layer", true);
    o->flow_metadata = all && on(n, "metadata.flow", true);
    o->rule_metadata = all && on(n, "metadata.rule.metadata", true);
    o->rule_raw = all && on(n, "metadata.rule.raw", false);
    o->reference = all && on(n, "metadata.rule.reference", false);
    o->payload = on(n, "payload", false);
    o->payload_printable = on(n, "payload-printable", false);
    o->payload_length = on(n, "payload-length", false);
    o->packet = on(n, "packet", false);
    o->verdict = on(n, "verdict", false);
    o->http_body = on(n, "http-body", false);
    o->http_body_printable = on(n, "http-body-printable", false);
    o->websocket = on(n, "websocket-payload", false) || on(n, "websocket-payload-printable", false);
    o->tagged_packets = on(n, "tagged-packets", false);
    uint64_t most = conf_sub_bytes(n, "payload-buffer-size", 4096);
    o->payload_buffer_bytes = (uint32_t)u64_min(most, 1 << 20);
    xff_read(n, o);
}

static void anomaly_read(const struct conf_node *n, struct eve_options *o)
{
    o->anomaly_app = on(n, "types.applayer", true);
    o->anomaly_stream = on(n, "types.stream", false);
    o->anomaly_decode = on(n, "types.decode", false);
    o->anomaly_packethdr = on(n, "packethdr", false);
}

static void drop_read(const struct conf_node *n, struct eve_options *o)
{
    const char *flows = conf_sub_str(n, "flows", "start");
    o->drop_alerts = on(n, "alerts", false);
    o->drop_verdict = on(n, "verdict", false);
    o->drop_flows_all = flows && !strcmp(flows, "all");
}

static void stats_read(const struct conf_node *n, struct eve_options *o)
{
    o->stats_totals = on(n, "totals", true);
    o->stats_threads = on(n, "threads", false);
    o->stats_deltas = on(n, "deltas", false);
    o->stats_null = on(n, "null-values", true);
}

static void files_read(const struct conf_node *n, struct eve_options *o)
{
    const struct conf_node *hash = conf_sub(n, "force-hash");
    o->file_magic = on(n, "force-magic", false);
    for (const struct conf_node *i = hash ? hash->child : NULL; i; i = i->next) {
        o->file_md5 |= i->value && !strcmp(i->value, "md5");
        o->file_sha1 |= i->value && !strcmp(i->value, "sha1");
        o->file_sha256 |= i->value && !strcmp(i->value, "sha256");
    }
}

/* X(event type, name in `types`, reader of its options) */
static const struct {
    enum event_type type;
    const char *name;
    void (*read)(const struct conf_node *n, struct eve_options *o);
} typed[] = {
    {EVENT_ALERT, "alert", alert_read},
    {EVENT_ANOMALY, "anomaly", anomaly_read},
    {EVENT_FILEINFO, "files", files_read},
    {EVENT_FLOW, "flow", NULL},
    {EVENT_NETFLOW, "netflow", NULL},
    {EVENT_DROP, "drop", drop_read},
    {EVENT_STATS, "stats", stats_read},
    {EVENT_RESPONSE, "response", NULL},
    {EVENT_BLACKLIST, "blacklist", NULL},
    {EVENT_LOSS, "loss", NULL},
    {EVENT_NOTICE, "notice", NULL},
};

const char *eve_type_name(size_t i)
{
    return i < ARRAY_LEN(typed) ? typed[i].name : NULL;
}

bool eve_name_is(const char *a, const char *b)
{
    return name_is(a, b);
}

static void types_read(const struct conf_node *types, struct eve_options *o)
{
    for (size_t i = 0; i < ARRAY_LEN(typed); i++) {
        const struct conf_node *n = type_find(types, typed[i].name);
        if (!n)
            continue;
        o->type_bits |= 1u << typed[i].type;
        if (typed[i].read)
            typed[i].read(n, o);
    }
    /* A suricata.yaml knows nothing of responses; who wants alerts wants to know of them. */
    if ((o->type_bits & 1u << EVENT_ALERT) && !type_listed(types, "response"))
        o->type_bits |= 1u << EVENT_RESPONSE;
    if ((o->type_bits & 1u << EVENT_ALERT) && !type_listed(types, "blacklist"))
        o->type_bits |= 1u << EVENT_BLACKLIST;
    /* Likewise of rules that were suspended. */
    if ((o->type_bits & 1u << EVENT_ALERT) && !type_listed(types, "notice"))
        o->type_bits |= 1u << EVENT_NOTICE;
    if (o->tagged_packets)
        o->type_bits |= 1u << EVENT_PACKET;
    apps_read(types, &o->apps);
    if (o->apps.n)
        o->type_bits |= 1u << EVENT_APP;
}

void eve_options_all(struct eve_options *o)
{
    memset(o, 0, sizeof(*o));
    o->type_bits = UINT32_MAX;
    o->all_apps = o->metadata = o->verdict = o->drop_alerts = o->drop_verdict = true;
    o->rule_metadata = o->app_metadata = o->flow_metadata = true;
    o->anomaly_decode = o->anomaly_stream = o->anomaly_app = true;
    o->stats_totals = o->stats_null = true;
    o->payload_buffer_bytes = 4096;
}

void eve_options_read(const struct conf_node *eve, struct eve_options *o)
{
    memset(o, 0, sizeof(*o));
    o->types = conf_sub(eve, "types");
    o->ethernet = on(eve, "ethernet", false);
    o->community_id = on(eve, "community-id", false);
    o->pcap_file = on(eve, "pcap-file", false);
    o->metadata = on(eve, "metadata", true);
    o->version = on(eve, "suricata-version", false);
    xff_read(eve, o);
    int64_t seed = conf_sub_int(eve, "community-id-seed", 0);
    o->community_seed = seed < 0 || seed > UINT16_MAX ? 0 : (uint16_t)seed;
    types_read(o->types, o);
}

static bool anomaly_wanted(const struct eve_options *o, const struct event_view *v)
{
    struct str type;
    if (o->anomaly_app && o->anomaly_stream && o->anomaly_decode)
        return true;
    if (!fields_find_str(v->section[SECTION_FIELDS], "anomaly", "type", &type))
        return true;
    if (str_eq(type, STR("stream")))
        return o->anomaly_stream;
    return str_eq(type, STR("decode")) ? o->anomaly_decode : o->anomaly_app;
}

bool eve_wants_event(const struct eve_options *o, const struct event_view *v)
{
    unsigned type = v->head->type;
    if (!(o->type_bits >> type & 1))
        return false;
    if (type == EVENT_APP)
        return o->all_apps || name_has(&o->apps, v->section[SECTION_NAME]);
    return type != EVENT_ANOMALY || anomaly_wanted(o, v);
}

/* ---- all outputs together */

static void eve_add(struct event_wants *w, const struct eve_options *o)
{
    uint32_t t = o->type_bits;
    if (w->types_n < EVENT_EVES)
        w->types[w->types_n++] = o->types;
    w->alert |= t >> EVENT_ALERT & 1;
    w->anomaly_app |= o->anomaly_app;
    w->anomaly_stream |= o->anomaly_stream;
    w->anomaly_decode |= o->anomaly_decode;
    w->anomaly_packethdr |= o->anomaly_packethdr;
    w->fileinfo |= t >> EVENT_FILEINFO & 1;
    w->flow |= t >> EVENT_FLOW & 1;
    w->netflow |= t >> EVENT_NETFLOW & 1;
    w->drop |= t >> EVENT_DROP & 1;
    w->stats |= t >> EVENT_STATS & 1;
    w->response |= t >> EVENT_RESPONSE & 1;
    w->blacklist |= t >> EVENT_BLACKLIST & 1;
    w->drop_alerts |= o->drop_alerts;
    w->drop_flows_all |= o->drop_flows_all;
    w->drop_verdict |= o->drop_verdict;
    w->alert_payload |= o->payload || o->payload_length;
    w->alert_payload_printable |= o->payload_printable;
    w->alert_payload_length |= o->payload_length;
    w->alert_packet |= o->packet;
    w->alert_http_body |= o->http_body;
    w->alert_http_body_printable |= o->http_body_printable;
    w->alert_app_metadata |= o->app_metadata;
    w->alert_flow_metadata |= o->flow_metadata;
    w->alert_rule_metadata |= o->rule_metadata;
    w->alert_rule_raw |= o->rule_raw;
    w->alert_verdict |= o->verdict;
    w->alert_tagged |= o->tagged_packets;
    w->alert_reference |= o->reference;
    if (o->xff && !w->alert_xff) {
        w->alert_xff = true;
        w->xff_overwrite = o->xff_overwrite;
        w->xff_forward = o->xff_forward;
        memcpy(w->xff_header, o->xff_header, sizeof(w->xff_header));
    }
    w->alert_websocket |= o->websocket;
    w->payload_buffer_bytes = u32_max(w->payload_buffer_bytes, o->payload_buffer_bytes);
    w->community_id |= o->community_id;
    w->community_seed = o->community_id ? o->community_seed : w->community_seed;
    w->ether |= o->ethernet;
    w->metadata |= o->metadata;
    w->pcap_file |= o->pcap_file;
    w->file_magic |= o->file_magic;
    w->file_md5 |= o->file_md5;
    w->file_sha1 |= o->file_sha1;
    w->file_sha256 |= o->file_sha256;
    if (t >> EVENT_STATS & 1) {
        w->stats_totals |= o->stats_totals;
        w->stats_threads |= o->stats_threads;
        w->stats_deltas |= o->stats_deltas;
        w->stats_null |= o->stats_null;
    }
}

static void want_eve(const struct conf_node *n, struct event_wants *w)
{
    struct eve_options *o = malloc(sizeof(*o));
    if (!o)
        return;
    eve_options_read(n, o);
    eve_add(w, o);
    free(o);
}

static void want_alert(const struct conf_node *n, struct event_wants *w)
{
    (void)n;
    w->alert = true;
}

static void want_packet(const struct conf_node *n, struct event_wants *w)
{
    (void)n;
    w->alert = w->packet_bytes = true;
}

static void want_unified2(const struct conf_node *n, struct event_wants *w)
{
    want_packet(n, w);
    w->alert_tagged = true;
    w->alert_app_metadata = true; /* host and URI as extra data */
}

static void want_pcap(const struct conf_node *n, struct event_wants *w)
{
    const char *what = conf_sub_str(n, "conditional", "all");
    w->packet_bytes = true;
    w->packets_passed |= conf_sub_bool(n, "honor-pass-rules", false);
    if (!strcmp(what, "alerts")) {
        bool flows = conf_sub_bool(n, "flows", true);
        w->alert = w->packets_kept = true;
        w->packets_alerted |= flows;
        w->alert_tagged |= !flows;
    } else if (!strcmp(what, "tag")) {
        w->alert = w->alert_tagged = true;
    } else {
        w->packets_all = true;
    }
}

/* As text, with Snort's meaning of alerts: what they tag, not the rest of their flows. */
static void want_packets(const struct conf_node *n, struct event_wants *w)
{
    const char *what = conf_sub_str(n, "conditional", "all");
    bool all = strcmp(what, "alerts") != 0 && strcmp(what, "tag") != 0;
    w->packet_bytes = true;
    w->packets_all |= all;
    w->alert |= !all;
    w->alert_tagged |= !all;
    w->packets_kept |= !strcmp(what, "alerts");
}

static void want_stats(const struct conf_node *n, struct event_wants *w)
{
    w->stats = true;
    w->stats_totals |= on(n, "totals", true);
    w->stats_threads |= on(n, "threads", false);
}

static void want_console(const struct conf_node *n, struct event_wants *w)
{
    w->alert = true;
    if (strcmp(conf_sub_str(n, "format", "fast"), "fast") != 0)
        w->packet_bytes = true;
}

static void want_files(const struct conf_node *n, struct event_wants *w)
{
    w->file_store = true;
    w->file_store_info = on(n, "write-fileinfo", false);
    w->file_store_all = on(n, "force-filestore", false);
    w->file_store_stream_depth = (uint32_t)u64_min(conf_sub_bytes(n, "stream-depth", 0), UINT32_MAX);
}

/* Names in `outputs`; logger_new (logger_conf.c) has the same. */
static const struct {
    const char *name;
    void (*read)(const struct conf_node *n, struct event_wants *w);
} outputs[] = {
    {"eve-log", want_eve},   {"fast", want_alert},
    {"full", want_packet},   {"console", want_console},
    {"syslog", want_alert},  {"unified2", want_unified2},
    {"pcap-log", want_pcap}, {"unified2-alert", want_unified2},
    {"stats", want_stats},   {"csv", want_packet},
    {"packets", want_packets}, {"file-store", want_files},
};

const char *output_name(size_t i)
{
    return i < ARRAY_LEN(outputs) ? outputs[i].name : NULL;
}

/* Snort's -N and nolog: no packets, but for those shown on standard output. */
bool output_silent(const struct conf *c, const char *name, const struct conf_node *n)
{
    if (conf_bool(c, "event.log-packets"))
        return false;
    if (!strcmp(name, "unified2"))
        return !strcmp(conf_sub_str(n, "records", "all"), "packets");
    if (!strcmp(name, "packets"))
        return strcmp(conf_sub_str(n, "filename", "-"), "-") != 0 || conf_sub_bool(n, "by-host", false);
    return !strcmp(name, "pcap-log");
}

static void stats_global(const struct conf *c, struct event_wants *w)
{
    w->stats_interval_ns = conf_ns(c, "stats.interval");
    w->stats_decoder_events = conf_bool(c, "stats.decoder-events");
    w->stats_exceptions = conf_bool(c, "stats.exception-policy.global-stats");
    w->stats_stream_events = conf_bool(c, "stats.stream-events");
    const char *prefix = conf_str(c, "stats.decoder-events-prefix");
    size_t len = prefix ? strnlen(prefix, sizeof(w->decoder_events_prefix) - 1) : 0;
    memcpy(w->decoder_events_prefix, prefix, len);
    if (!conf_bool(c, "stats.enabled"))
        w->stats = false;
}

void event_wants_read(const struct conf *c, struct event_wants *w)
{
    memset(w, 0, sizeof(*w));
    const struct conf_node *list = conf_node(c, "outputs");
    for (const struct conf_node *i = list ? list->child : NULL; i; i = i->next) {
        const char *name;
        const struct conf_node *n = conf_item(i, &name);
        if (!name || !on(n, "enabled", false) || output_silent(c, name, n))
            continue;
        for (size_t k = 0; k < ARRAY_LEN(outputs); k++)
            if (!strcmp(outputs[k].name, name)) {
                outputs[k].read(n, w);
                w->any = true;
            }
    }
    if (!w->payload_buffer_bytes)
        w->payload_buffer_bytes = 4096;
    stats_global(c, w);
}

const struct conf_node *event_wants_app(const struct event_wants *w, const char *name)
{
    for (uint32_t i = 0; i < w->types_n; i++) {
        const struct conf_node *n = type_find(w->types[i], name);
        if (n)
            return n;
    }
    return NULL;
}

static bool same_options(const struct conf_node *a, const struct conf_node *b, unsigned depth)
{
    if (depth == 8 || !a->value != !b->value ||
        (a->value && depth && strcmp(a->value, b->value) != 0))
        return false;
    const struct conf_node *x = a->child, *y = b->child;
    for (; x && y; x = x->next, y = y->next)
        if (strcmp(x->name, y->name) != 0 || !same_options(x, y, depth + 1))
            return false;
    return !x && !y;
}

unsigned event_wants_app_each(const struct event_wants *w, const char *name,
                              struct event_app_want out[EVENT_EVES])
{
    unsigned n = 0;
    for (uint32_t i = 0; i < w->types_n; i++) {
        const struct conf_node *o = type_find(w->types[i], name);
        unsigned k = 0;
        if (!o)
            continue;
        while (k < n && !same_options(out[k].options, o, 0))
            k++;
        if (k == n)
            out[n++] = (struct event_app_want){.options = o};
        out[k].outputs |= (uint8_t)(1u << i);
    }
    if (n == 1)
        out[0].outputs = 0;
    return n;
}
