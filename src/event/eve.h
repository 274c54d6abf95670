/* SPDX-License-Identifier: GPL-2.0-or-later */
/* EVE JSON: what one eve-log of the configuration asks for, and the lines. */
#ifndef EVENT_EVE_H
#define EVENT_EVE_H

#include "event/record.h"

/* Names of application events that pass: a small open-addressing set. */
enum { NAME_SLOTS = 256, NAME_BYTES = 32, NAMES_MOST = 96 };
struct name_set {
    char name[NAME_SLOTS][NAME_BYTES];
    uint32_t n;
};

struct eve_options {
    const struct conf_node *types;
    uint32_t type_bits; /* by enum event_type */
    struct name_set apps;
    bool all_apps;
    bool payload, payload_printable, payload_length, packet, verdict, rule_metadata, rule_raw,
        reference, app_metadata, flow_metadata, http_body, http_body_printable, websocket, xff,
        tagged_packets;
    bool anomaly_decode, anomaly_stream, anomaly_app, anomaly_packethdr;
    bool drop_alerts, drop_flows_all, drop_verdict;
    bool stats_totals, stats_threads, stats_deltas, stats_null;
    bool ethernet, community_id, pcap_file, metadata, version;
    bool file_magic, file_md5, file_sha1, file_sha256;
    uint16_t community_seed;
    uint32_t payload_buffer_bytes;
    bool xff_overwrite, xff_forward;
    char xff_header[64];
};
/* Reads an `eve-log` node. */
void eve_options_read(const struct conf_node *eve, struct eve_options *out);
/* Everything, for an EVE log that a command line asks for. */
void eve_options_all(struct eve_options *out);
bool eve_wants_event(const struct eve_options *o, const struct event_view *v);

/* What all lines of a logger share: identity, rendered once. */
struct eve_common {
    const struct logger_identity *id;
    struct sbuf text;        /* all fragments */
    struct str host, tenant; /* `,"host":"..."` */
    struct str event_id;     /* `,"event_id":"sensor-boot-` */
    struct str version;
    struct str *iface, *vips;
    uint32_t ifaces, vips_n;
    struct time_cache times;
    struct community_cache *community;
};
int eve_common_init(struct eve_common *c, const struct logger_identity *id) MUST_CHECK;
void eve_common_done(struct eve_common *c);

/* Appends the object, without a newline.  False: the tape was broken (the line is whole anyway). */
bool eve_put(struct eve_common *c, const struct eve_options *o, const struct event_view *v,
             struct sbuf *b);

#endif
