/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Events: one typed record of something seen or done, and what writes them.
 *
 * An event is a flat record: a fixed head (struct event), then sections (tag, length, bytes).  Text
 * of any depth ("http": {...}) goes into a `fields` section: a tape of keys and typed values that
 * the writer side turns into JSON, so that the worker neither escapes strings nor formats numbers.
 * Records travel through a bounded ring from the engine to the logger (another process, or the same
 * in replay).  The logger treats them as foreign input.
 */
#ifndef EVENT_EVENT_H
#define EVENT_EVENT_H

#include "base/attr.h"
#include "base/diag.h"
#include "base/ip.h"
#include "base/ring.h"
#include "base/sbuf.h"
#include "base/str.h"

/* X(id, EVE's event_type).  APP events carry their own name in a section. */
#define EVENT_TYPES(X)                                                                             \
    X(ALERT, "alert")                                                                              \
    X(ANOMALY, "anomaly")                                                                          \
    X(APP, NULL)                                                                                   \
    X(FILEINFO, "fileinfo")                                                                        \
    X(FLOW, "flow")                                                                                \
    X(NETFLOW, "netflow")                                                                          \
    X(DROP, "drop")                                                                                \
    X(STATS, "stats")                                                                              \
    X(RESPONSE, "response")                                                                        \
    X(BLACKLIST, "blacklist")                                                                      \
    X(PACKET, "packet")                                                                            \
    X(LOSS, "loss")                                                                                \
    X(NOTICE, "notice")                                                                            \
    X(FRAME, NULL) /* every frame, where an output wants them all */                               \
    X(FILE, NULL)  /* a piece of a file that is to be kept: SECTION_FILE, SECTION_PAYLOAD */             \
    X(FLOW_PACKET, NULL) /* of a flow that alerted, for capture files; outputs: enum event_kept */
#define EVENT_TYPE_ID(id, name) EVENT_##id,
enum event_type { EVENT_TYPES(EVENT_TYPE_ID) EVENT_TYPE_COUNT };
#undef EVENT_TYPE_ID

/* What became of a packet, said with the event: never "blocked" of what passed. */
enum verdict_status { STATUS_NONE, STATUS_DONE, STATUS_WOULD, STATUS_COULD_NOT };

enum event_section {
    SECTION_FIELDS = 1, /* tape: members of the event's object (after the common ones) */
    SECTION_ALERT,      /* struct event_alert, then its strings */
    SECTION_PACKET,     /* struct event_packet, then frame bytes */
    SECTION_PAYLOAD,    /* bytes: packet payload, or the stream's around the match */
    SECTION_NAME,       /* EVENT_APP: event_type */
    SECTION_VERDICT,    /* struct event_verdict, then reason text */
    SECTION_HTTP_BODY,  /* reserved for bodies in alerts */
    SECTION_FILE,       /* struct event_file */
};

struct event {
    uint32_t size; /* of the whole record */
    uint16_t type; /* enum event_type */
    uint8_t ver;   /* 4, 6, 0: no addresses */
    uint8_t proto;
    uint64_t seq; /* of this worker: with sensor, boot and worker it makes event_id */
    uint64_t ts_ns;
    uint64_t number;        /* packet (pcap_cnt); 0: none.  Also the first key of the merge */
    uint64_t order, order2; /* within the packet, for merging workers */
    uint64_t flow_id;       /* 0: none */
    struct ip_addr src, dst;
    uint16_t sp, dp; /* or ICMP type and code (icmp set) */
    uint16_t vlan[3];
    uint8_t vlan_n;
    uint8_t flags; /* enum event_flag */
    uint16_t iface;
    uint8_t pkt_src;    /* enum packet_source; 0xff: not written */
    uint8_t dir;        /* 0 to server, 1 to client, 0xff: not written */
    uint64_t tx_id;     /* with EVENT_HAS_TX */
    uint64_t parent_id; /* 0: none */
    uint32_t worker;
    uint16_t app_proto; /* for `app_proto`; 0 none */
    uint16_t vips;
    uint8_t outputs;    /* bit i: only for the i-th eve-log of event_wants; 0: for all that want the
                           type */
    uint8_t mac[2][6];  /* source, destination, with EVENT_HAS_ETHER */
    uint64_t pcap_file; /* index of the input file */
    uint64_t policy_version;
    uint32_t payload_len; /* `payload_length` when gaps or the cap hide a part; 0: as long as the
                             section */
    uint16_t ether_type;  /* ether.ether_type; 0: not written */
    uint16_t more; /* enum event_more */
};
enum event_more { EVENT_PASSED = 1 /* a packet of a flow that a pass rule had let go before */ };
enum event_flag {
    EVENT_HAS_TX = 1,
    EVENT_ICMP = 2,
    EVENT_HAS_ETHER = 4,
    EVENT_NO_PORTS = 8,
    EVENT_HAS_PROTO = 16,
    EVENT_STREAM = 32, /* the payload is of the stream, not of the packet: EVE's "stream": 1 */
    EVENT_HIDE_NUMBER =
        64, /* number is for the merge alone: no pcap_cnt (timeouts, end of the run) */
    EVENT_TX_GUESSED = 128,
};

/* Strings lie behind the struct: offsets count from its start; length 0: none. */
enum event_kept { EVENT_KEPT_FLOW = 1, EVENT_KEPT_MATCH = 2 /* may have brought what matched */ };
struct event_text {
    uint32_t at, n;
};
struct event_alert {
    uint32_t gid, sid, rev, priority;
    uint32_t class_id;   /* number in classification.config, from 1; 0: none */
    uint8_t blocked;     /* EVE's action: 0 allowed, 1 blocked */
    uint8_t would;       /* fast.log [wDrop] */
    uint8_t rule_action; /* enum rule_action, for writers that name it */
    uint8_t ruletype;    /* the configuration's own action, from 1; 0: none */
    uint8_t log_only;    /* Snort's log and dynamic: no line in the text logs, the packet is written */
    uint8_t tags; /* the rule tags what follows */
    uint8_t pad[2];
    struct event_text msg, class_text;
    /*
     * Tapes of members of the `alert` object: "references": [...], "metadata": {...} (written where
     * the output asks for them), and `extra` (source, target, context, xff, engine: always
     * written).
     */
    struct event_text references, metadata, extra;
    struct event_text rule; /* the rule's text */
};
struct event_packet {
    uint32_t link, len, wire_len;
    uint64_t ts_ns;
};
/* Pieces come in order, without holes, from offset 0 on. */
struct event_file {
    uint64_t offset; /* of this piece */
    uint32_t id;     /* in its flow */
    uint8_t end;     /* the last one */
    uint8_t whole;   /* with end: all pieces were sent, and sha256 is theirs */
    uint8_t pad[2];
    uint8_t sha256[32];
};
struct event_verdict {
    uint8_t status;        /* enum verdict_status */
    uint8_t action;        /* enum event_verdict_action */
    uint8_t reject_target; /* enum event_reject_target */
    uint8_t reject;        /* bits of enum event_reject */
    struct event_text reason;
};
enum event_verdict_action {
    EVENT_VERDICT_ALERT,
    EVENT_VERDICT_PASS,
    EVENT_VERDICT_DROP,
    EVENT_VERDICT_ACCEPT
};
enum event_reject_target { REJECT_NONE, REJECT_TO_CLIENT, REJECT_TO_SERVER, REJECT_BOTH };
/* Of actions that reject: Suricata's two words.  What `resp` asked for by name keeps the name. */
enum event_reject { REJECT_TCP_RESET = 1, REJECT_ICMP_PROHIB = 2, REJECT_ICMP_NET = 4, REJECT_ICMP_HOST = 8, REJECT_ICMP_PORT = 16 };

/*
 * ---- the tape: keys and values in order.  Depth <= FIELDS_DEPTH; a tape that does not fit
 * (FIELDS_MOST, or no memory) is cut between two values and marked.  Keys are copied; longer than
 * 255 bytes they are cut.  key NULL: inside an array.
 */
enum { FIELDS_DEPTH = 16 };
#define FIELDS_MOST (1u << 20)
struct fields {
    struct sbuf *out;
    uint32_t depth;
    uint32_t skipped; /* levels opened behind the cut */
    bool cut;
};
enum fields_op {
    FIELDS_END = 1, /* of an object or array */
    FIELDS_OBJECT,
    FIELDS_ARRAY,
    FIELDS_STR,
    FIELDS_U64,
    FIELDS_I64,
    FIELDS_DOUBLE,
    FIELDS_TRUE,
    FIELDS_FALSE,
    FIELDS_NULL,
    FIELDS_HEX,
    FIELDS_BASE64,
    FIELDS_PRINTABLE,
    FIELDS_IP4,
    FIELDS_IP6,
    FIELDS_TIME,
    FIELDS_CUT, /* here something is missing */
    FIELDS_OP_COUNT
};
void fields_init(struct fields *f, struct sbuf *out);
/* The two behind the rest: a key with its length, and a value. */
void fields_put(struct fields *f, enum fields_op op, const char *key, size_t kn, const void *v,
                size_t n);
void fields_put_bytes(struct fields *f, enum fields_op op, const char *key, size_t kn,
                      const void *v, size_t n); /* with its length before it */
void fields_begin(struct fields *f, enum fields_op op, const char *key, size_t kn);
void fields_end(struct fields *f);

/* Inline, so that the length of a literal key is a constant. */
static inline size_t fields_key_len(const char *key)
{
    return key ? __builtin_strlen(key) : 0;
}
static inline void fields_open(struct fields *f, const char *key) /* object */
{
    fields_begin(f, FIELDS_OBJECT, key, fields_key_len(key));
}
static inline void fields_close(struct fields *f)
{
    fields_end(f);
}
static inline void fields_array(struct fields *f, const char *key)
{
    fields_begin(f, FIELDS_ARRAY, key, fields_key_len(key));
}
static inline void fields_array_end(struct fields *f)
{
    fields_end(f);
}
static inline void fields_str(struct fields *f, const char *key, struct str v)
{
    fields_put_bytes(f, FIELDS_STR, key, fields_key_len(key), v.p, v.n);
}
static inline void fields_cstr(struct fields *f, const char *key, const char *v)
{
    fields_put_bytes(f, FIELDS_STR, key, fields_key_len(key), v, fields_key_len(v));
}
static inline void fields_u64(struct fields *f, const char *key, uint64_t v)
{
    fields_put(f, FIELDS_U64, key, fields_key_len(key), &v, sizeof(v));
}
static inline void fields_i64(struct fields *f, const char *key, int64_t v)
{
    fields_put(f, FIELDS_I64, key, fields_key_len(key), &v, sizeof(v));
}
static inline void fields_double(struct fields *f, const char *key, double v)
{
    fields_put(f, FIELDS_DOUBLE, key, fields_key_len(key), &v, sizeof(v));
}
static inline void fields_bool(struct fields *f, const char *key, bool v)
{
    fields_put(f, v ? FIELDS_TRUE : FIELDS_FALSE, key, fields_key_len(key), NULL, 0);
}
static inline void fields_null(struct fields *f, const char *key)
{
    fields_put(f, FIELDS_NULL, key, fields_key_len(key), NULL, 0);
}
static inline void fields_hex(struct fields *f, const char *key, const void *p,
                              size_t n) /* hex text */
{
    fields_put_bytes(f, FIELDS_HEX, key, fields_key_len(key), p, n);
}
static inline void fields_base64(struct fields *f, const char *key, const void *p, size_t n)
{
    fields_put_bytes(f, FIELDS_BASE64, key, fields_key_len(key), p, n);
}
static inline void fields_printable(struct fields *f, const char *key, const void *p, size_t n)
{
    fields_put_bytes(f, FIELDS_PRINTABLE, key, fields_key_len(key), p, n);
}
static inline void fields_ip(struct fields *f, const char *key, uint8_t ver,
                             const struct ip_addr *a)
{
    fields_put(f, ver == 4 ? FIELDS_IP4 : FIELDS_IP6, key, fields_key_len(key),
               ver == 4 ? a->b + 12 : a->b, ver == 4 ? 4 : 16);
}
static inline void fields_time(struct fields *f, const char *key,
                               uint64_t ns) /* EVE's time format */
{
    fields_put(f, FIELDS_TIME, key, fields_key_len(key), &ns, sizeof(ns));
}
/* As fields_str with a key that is a view. */
static inline void fields_str_key(struct fields *f, struct str key, struct str v)
{
    fields_put_bytes(f, FIELDS_STR, key.p ? (const char *)key.p : "", key.n, v.p, v.n);
}
/*
 * Plays a tape into the object that is open in j.  False if the tape is broken: what was valid up
 * to there is written and closed, so that j is good to go on with.
 */
bool fields_to_json(struct json *j, const void *tape, size_t n);
/* The text of a string at a path of keys ("http", "hostname"); false: none.  For writers of other
 * formats. */
bool fields_find_str(struct str tape, const char *outer, const char *inner, struct str *out);

/* ---- the engine's side */
struct emitter; /* one a worker */
struct emitter_config {
    struct rec_ring *ring;
    /* Replay: called when the ring is full, to empty it; NULL: full means counted and dropped. */
    void (*full)(void *ctx);
    void *ctx;
    uint32_t worker;
    uint16_t vips;
    uint64_t first_seq; /* events are numbered from here + 1 */
};
struct emitter *emitter_new(const struct emitter_config *c);
void emitter_free(struct emitter *e);
/*
 * An event is begun, given sections, and ended; nothing of it is visible before event_end.  The
 * emitter keeps one event in work.
 */
struct event *event_begin(struct emitter *e, enum event_type type);
struct fields *event_fields(struct emitter *e); /* the SECTION_FIELDS tape; at most one, any time */
void event_section(struct emitter *e, enum event_section tag, const void *p, uint32_t n);
/* A section in two parts (struct, then bytes). */
void event_section2(struct emitter *e, enum event_section tag, const void *p, uint32_t n,
                    const void *q, uint32_t m);
bool event_end(struct emitter *e); /* false: the ring was full; counted */
void event_abort(struct emitter *e);
uint64_t emitter_lost(const struct emitter *e);
uint64_t emitter_count(const struct emitter *e);

/* ---- reading a record back (logger, tests) */
struct event_view {
    const struct event *head;
    struct str section[16]; /* by tag; n == 0: absent */
};
bool event_view(const void *record, size_t n, struct event_view *out) MUST_CHECK;
bool event_alert_text(const struct event_view *v, struct event_text t, struct str *out);

/* ---- the logger's side */
enum log_format {
    LOGFMT_EVE,
    LOGFMT_FAST,
    LOGFMT_FULL,
    LOGFMT_UNIFIED2,
    LOGFMT_SYSLOG,
    LOGFMT_PCAP,
    LOGFMT_SNORT_FAST,
    LOGFMT_CONSOLE_CMG,
    LOGFMT_STATS,
    LOGFMT_CSV,
    LOGFMT_PACKETS,
    LOGFMT_FILES
};
struct conf;
struct logger;
/* CLAIMS_SET: of events that claim something (blocked, answered, would have ...); CLAIMS_ALL: of
 * each alert. */
enum event_claims { CLAIMS_NONE, CLAIMS_SET, CLAIMS_ALL };
struct logger_identity {
    const char *sensor, *host, *tenant; /* host: EVE's `host` when sensor-name is set, else NULL */
    const char *const *vips;            /* names by number; NULL ends */
    const char *const *iface;           /* names by number; NULL: none (replay) */
    uint64_t boot;                      /* part of event_id */
    const char *(*app_name)(uint16_t app_proto); /* EVE's name of a protocol; NULL: none */
    const char *(*pcap_name)(void *ctx, uint64_t pcap_file); /* for `pcap-file: yes`; may be NULL */
    void *ctx;
    const char *version; /* for `suricata-version: yes`; may be NULL */
    enum event_claims
        claims;    /* verdict.status and its reason, whatever the output's own `verdict` says */
    bool extended; /* event_id, vips, tenant, policy in EVE; off in plain replay */
};
/*
 * Opens what the `outputs` of the configuration name, below `dir`.  Errors in d.  NULL: none could
 * be opened for want of memory.
 */
struct logger *logger_new(const struct conf *c, const char *dir, const struct logger_identity *id,
                          struct diags *d);
/* A single output, as the Snort command line asks for (-A fast, -b ...). */
int logger_add(struct logger *l, enum log_format fmt, const char *path, struct diags *d) MUST_CHECK;
/* Takes all that waits in n rings; merged by (number, order, order2, worker) up to `limit` packet
 * number when ordered (replay with workers), else as it comes.  Returns events taken. */
size_t logger_drain(struct logger *l, struct rec_ring *const *ring, unsigned n, bool ordered,
                    uint64_t limit);
/* Merged, up to this place: the middle of a packet, where a worker's ring is full. */
struct event_place {
    uint64_t number, order, order2;
};
size_t logger_drain_to(struct logger *l, struct rec_ring *const *ring, unsigned n,
                       const struct event_place *last);
void logger_event(struct logger *l, const struct event_view *v); /* one event to all writers */
void logger_flush(struct logger *l);
void logger_reopen(struct logger *l); /* SIGHUP */
struct logger_counters {
    uint64_t events, bytes, write_errors, lost, broken, files_rotated, alerts;
};
const struct logger_counters *logger_counters(const struct logger *l);
const char *
logger_last_error(const struct logger *l); /* e.g. "eve.json: No space left on device" */
/* Each output: what reached its file or socket, and what did not (what still waits counts as lost:
 * ask after logger_flush). */
typedef void logger_output_fn(void *ctx, const char *path, uint64_t written, uint64_t lost);
void logger_outputs(const struct logger *l, logger_output_fn *f, void *ctx);
/* What happened to outputs since the last call: one begins to fail, or (*good) is written again.
 * False: nothing. */
bool logger_news(struct logger *l, char *text, size_t room, bool *good);
void logger_free(struct logger *l);

enum { EVENT_EVES = 8 };
/* What the outputs section asks engines to produce (read once at start, by the engine). */
struct event_wants {
    bool alert, anomaly_decode, anomaly_stream, anomaly_app, fileinfo, flow, netflow, drop, stats,
        response, blacklist;
    bool drop_alerts, drop_flows_all; /* drop: alerts: yes; flows: all|start */
    bool drop_verdict;
    bool alert_payload, alert_payload_printable, alert_packet, alert_http_body,
        alert_http_body_printable, alert_app_metadata, alert_flow_metadata, alert_rule_metadata,
        alert_rule_raw, alert_verdict, alert_tagged, alert_reference, alert_xff, alert_websocket;
    uint32_t payload_buffer_bytes;
    bool packet_bytes; /* some writer wants the packet (pcap, unified2, full, cmg) */
    bool stats_totals, stats_threads, stats_deltas, stats_null, stats_decoder_events,
        stats_stream_events;
    bool stats_exceptions; /* counters of exception policies */
    char decoder_events_prefix[32];
    uint64_t stats_interval_ns;
    bool any; /* some output at all */
    bool community_id;
    uint16_t community_seed;
    bool ether;
    bool packets_all; /* every packet is logged (conditional: all): a FRAME event for each */
    bool packets_alerted; /* a FLOW_PACKET for each packet of a flow that alerted (conditional: alerts) */
    bool packets_passed; /* some output leaves out packets of passed flows: they are marked */
    bool packets_kept; /* where streams are judged late: the segments that an alert's bytes came in */
    bool anomaly_packethdr, alert_payload_length;
    bool xff_overwrite, xff_forward;
    char xff_header[64];
    bool metadata; /* top-level `metadata` (flowbits ...) */
    bool pcap_file;
    bool file_magic, file_md5, file_sha1, file_sha256;
    bool file_store_info;             /* fileinfo beside each */
    bool file_store, file_store_all;  /* rules that say so are obeyed; all files are kept */
    uint32_t file_store_stream_depth; /* of flows with such a file; 0: none */
    /* `types` of each eve-log that is on, in order: bit i of struct event.outputs */
    const struct conf_node *types[EVENT_EVES];
    uint32_t types_n;
};
void event_wants_read(const struct conf *c, struct event_wants *out);
/* Entries of `outputs` that are on and that nobody here writes: a warning each. */
void event_outputs_check(const struct conf *c, struct diags *d);
/* The node of `- http: {...}` in the EVE types (options in it), or NULL: not wanted. A bare `-
 * http` gives an empty node. */
const struct conf_node *event_wants_app(const struct event_wants *w, const char *name);

/*
 * The same for several eve-logs with different options (one takes requests, another answers): each
 * entry is one set of options and the outputs that share it.  Usually one entry with outputs 0
 * (all). The event is written once an entry, with event.outputs set.
 */
struct event_app_want {
    const struct conf_node *options;
    uint8_t outputs;
};
unsigned event_wants_app_each(const struct event_wants *w, const char *name,
                              struct event_app_want out[EVENT_EVES]);

/* EVE's time: 2016-07-13T22:42:07.573103+0000 (time zone of the process). */
size_t event_time_format(uint64_t ns, char out[40]);
uint32_t event_proto_text(uint8_t proto, uint8_t ver, char out[24]); /* "TCP", "IPv6-ICMP", "047" */

#endif
