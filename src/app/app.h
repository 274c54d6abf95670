/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The application layer: which protocol a flow speaks, its transactions, buffers and events.
 *
 * A protocol is one folder below src/app and one row in protocols.def.  The folder declares, as data,
 * its buffers and fields (name in each dialect, direction, the progress at which it is whole,
 * getter), its events and its log records; the rule languages, the image and the writers work on
 * those tables and know no protocol by name.
 *
 * Owner of everything here: the worker.  A flow's state and transactions live in memory that is
 * counted against app_config.memcap_bytes.
 */
#ifndef APP_APP_H
#define APP_APP_H

#include "base/arena.h"
#include "base/attr.h"
#include "base/diag.h"
#include "base/str.h"
#include "event/event.h"
#include "flow/flow.h"
#include "app/file.h"

struct conf;

/* One number for each row of protocols.def. */
#define FOLDER(id, name, folder) APP_##id,
#define TOLD(id, name)           APP_##id,
enum app_proto_id {
    APP_UNKNOWN,
#include "app/protocols.def"
    APP_FAILED,
    APP_COUNT
};
#undef FOLDER
#undef TOLD

struct app_tx;
struct app_flow;
struct app_engine;

/* ------------------------------------------------------------------ what a protocol declares */

/* Where bytes for inspection are. */
struct app_view {
    const uint8_t *data;
    uint32_t n;
    uint64_t offset; /* of data[0] in a growing buffer (a body) */
    bool growing;    /* more may come: not `last` yet */
    bool last;       /* nothing follows */
};
struct app_get {
    struct app_flow *af;
    struct app_tx *tx;
    unsigned dir;
    struct arena *scratch; /* lives as long as this packet's inspection */
    bool
        on_ack; /* the peers' thresholds for growing buffers hold (replay without --simulate-ips) */
};

/* A parameter's view: these flags, the name's length (two bytes, low first), name, value.  One of that name stands
 * before it: exactly so, or but for case. */
enum app_param_flag { APP_PARAM_AGAIN = 1, APP_PARAM_AGAIN_NOCASE = 2 };

enum app_buffer_kind {
    APP_BUF_ONE,     /* there or not; whole at its progress */
    APP_BUF_MULTI,   /* several instances, each inspected alone: index 0.. until get says false */
    APP_BUF_GROWING, /* a body: inspected as it grows */
    APP_BUF_FILE,    /* each file of the transaction, growing */
    APP_BUF_UINT, /* a number: keyword takes N, <N, >N, <=N, >=N, !N, N-M, or a name of `names` */
    APP_BUF_MULTI_UINT,
};
struct app_enum {
    const char *name; /* NULL ends */
    uint64_t value;
};
/* One buffer or field.  NULL names: the dialect has none. */
struct app_buffer {
    const char *name;   /* sticky buffer of Suricata: "http.uri"; the canonical name */
    const char *su_old; /* older sticky spelling: "dns_query", "tls_sni", "ja3_hash", "file_data" */
    const char *su_mod; /* content modifier of Suricata: "http_uri" */
    const char *s2_mod; /* content modifier of Snort 2: "http_uri" (or sticky, with s2_sticky) */
    const char *s3;     /* sticky buffer of Snort 3: "http_uri" */
    char su_pcre, s2_pcre; /* letter of pcre that moves the match here; 0: none */
    bool s2_sticky;
    uint8_t dirs;    /* bit 0: to server, bit 1: to client */
    uint8_t kind;    /* enum app_buffer_kind */
    uint8_t at[2];   /* progress of that direction at which it is whole */
    int8_t priority; /* for the choice of the prefilter pattern; 2 as the peers' app buffers */
    uint8_t flags;   /* enum app_buffer_flag */
    bool (*get)(const struct app_get *q, unsigned index, struct app_view *out);
    bool (*get_uint)(const struct app_get *q, unsigned index, uint64_t *out);
    const struct app_enum *names;
    const char *help;
};
enum app_buffer_flag {
    APP_BUF_LOWER =
        1, /* content is lower case: upper-case patterns can't match (Suricata refuses them) */
    APP_BUF_TRIM_FP = 2,
    APP_BUF_NO_MPM = 4,    /* too poor for a prefilter (method, status) */
    APP_BUF_MORE = 16,     /* numbers, several instances: more may come until the direction is over */
    APP_BUF_MD5 = 32,      /* an MD5 in 32 small hex digits: Suricata refuses other contents */
    APP_BUF_ANY_PROTO = 8, /* the same name is declared by several protocols (file.data) */
};

/* What it gives may be more at a later look: it is asked again. */
static inline bool app_buffer_grows(const struct app_buffer *b)
{
    return b->kind == APP_BUF_GROWING || b->kind == APP_BUF_FILE || (b->kind == APP_BUF_MULTI && (b->flags & APP_BUF_MORE));
}

/*
 * A keyword of Suricata with a value of its own, beside the sticky buffers: what it asks of a buffer.  Without
 * `expression` the value is a content, in quotes; else it gives the regular expression (PCRE2) that stands for the
 * value; false: the value is none.  The rule languages see to '!' and to the quotes.
 */
struct app_keyword {
    const char *name;   /* "tls.subject" */
    const char *buffer; /* canonical name of the buffer */
    bool nocase;        /* of the content */
    bool (*expression)(struct str value, struct arena *a, struct str *out);
    const char *arg, *help;
};

struct app_event_def {
    const char *name; /* as behind "app-layer-event:dns." */
    bool of_tx;       /* else of the flow */
};

struct app_log_ctx {
    struct app_flow *af;
    struct app_tx *tx; /* NULL for logs of the flow */
    struct flow *flow;
    const struct conf_node *options; /* of the EVE type */
    struct arena *scratch;
};
struct app_log {
    const char *event_type; /* "http" */
    uint8_t at[2];          /* progress in each direction at which it is written */
    /* Writes the members of the event ("http": {...}); false: nothing to say. */
    bool (*write)(const struct app_log_ctx *c, struct fields *out);
    uint8_t dir; /* orientation of the addresses: 0 flow's, 1 as the packet to client */
};

/* A literal at the start of a direction's data that tells the protocol. */
struct app_pattern {
    const char *bytes;
    uint8_t n, offset, depth; /* depth: last byte of the window */
    uint8_t dir;              /* in which direction it is said: 0 to server, 1 to client */
    bool nocase;
    uint8_t ip_proto; /* IPPROTO_TCP, IPPROTO_UDP */
};
enum app_probe_result {
    PROBE_NO,
    PROBE_YES,
    PROBE_MORE,
    PROBE_REVERSED /* yes, and the direction is the other one */
};
struct app_probe {
    uint8_t ip_proto;
    const char *ports; /* "53,5353" of either side; NULL: any */
    uint8_t dirs;
    uint16_t min_bytes, max_bytes;
    enum app_probe_result (*probe)(const uint8_t *data, uint32_t n, unsigned dir);
};

struct app_proto_def {
    const char *name;
    const char *aliases;                /* other names that rules use, with blanks between; or NULL */
    const struct app_pattern *patterns; /* n == 0 ends */
    const struct app_probe *probes;     /* ip_proto == 0 ends */
    const struct app_buffer *buffers;   /* name == NULL ends */
    const struct app_keyword *keywords; /* name == NULL ends; may be NULL */
    const struct app_event_def *events; /* name == NULL ends; at most 64 */
    const struct app_log *logs;         /* event_type == NULL ends */
    const struct app_enum
        *states[2];      /* progress names of each direction for rule hooks; value = progress */
    uint8_t complete[2]; /* progress at which a direction is over */
    bool udp, tcp;
    bool client_first; /* that the server spoke first is worth an event */
    bool events_upper; /* EVE's anomalies have the events' names in capitals */
    /* Per worker, from settings: limits, personalities.  NULL if it needs none. */
    void *(*config_new)(const struct conf *c, struct diags *d);
    void (*config_free)(void *config);
    /* State of a flow. */
    void *(*state_new)(struct app_flow *af);
    void (*state_free)(struct app_flow *af, void *state);
    /*
     * Takes a piece of one direction (or a datagram).  `piece` holds stream_piece bits.  Returns
     * bytes taken; what is not taken comes again with more behind it (kept by the caller up to
     * `hold_bytes`, more is an error of the protocol); negative: the parser gives up on this
     * direction.  PIECE_GAP: data is NULL, n bytes are missing; a parser that can't go on returns
     * negative.
     */
    int64_t (*parse)(struct app_flow *af, void *state, unsigned dir, const uint8_t *data,
                     uint32_t n, unsigned piece);
    uint32_t hold_bytes;
    /* Frees what the transaction owns; its files and itself are freed by the caller. May be NULL.
     */
    void (*tx_free)(struct app_flow *af, struct app_tx *tx);
    /* Value of a header by name (xff); false: there is none.  May be NULL. */
    bool (*header)(const struct app_tx *tx, unsigned dir, const char *name, struct str *value);
    /* App-layer context of an alert: writes "http": {...} (and more). tx may be NULL. */
    void (*alert_fields)(const struct app_log_ctx *c, struct fields *out);
};

/* ------------------------------------------------------------------ transactions */

enum app_tx_flag {
    TX_LOGGED_ALL = 1,
    TX_DONE = 2,           /* parser made it whole or gave up */
    TX_SKIP_TO_SERVER = 4, /* direction not inspected (depth, encrypted) */
    TX_SKIP_TO_CLIENT = 8,
    TX_FILE_LOGGED = 16,
    TX_DROP = 32,
    TX_PASS = 64,
    TX_UNLOGGED = 128, /* a rule of the action config: no record of it is written */
};
struct tx_detect; /* detect's: partial results of rules */

/* Head of each protocol's transaction: its first member. */
struct app_tx {
    struct app_tx *next;
    uint64_t id;                /* from 0 in the flow */
    uint8_t progress[2];        /* by direction; only grows */
    uint8_t detect_progress[2]; /* progress up to which hooks were run, detect's */
    uint8_t firewall_progress[2]; /* state that firewall rules have reached, detect's */
    bool firewall_done[2];        /* they have said their last of this direction */
    uint64_t begun_bytes[2]; /* app_flow.bytes when it began; UINT64_MAX in the direction that began it */
    uint64_t firewall_bytes[2]; /* the same when firewall rules looked last */
    uint16_t flags;
    uint16_t logged; /* bit i: def->logs[i] was written */
    uint64_t events; /* bit i: def->events[i] happened */
    uint64_t events_logged;
    uint64_t seen[2];  /* detect: buffers already scanned, by direction */
    bool inspected[2]; /* detect: nothing more to do in that direction */
    bool updated[2];   /* parser touched it since detect looked */
    struct tx_detect *detect;
    struct app_files files[2];
    uint64_t first_number; /* packet that began it */
    uint64_t last_ns;
    uint8_t store; /* bit dir: its files are kept */
};

struct app_flow {
    struct flow *flow;
    struct app_engine *engine;
    const struct app_proto_def *def; /* NULL: unknown or without a parser */
    void *state;
    struct app_tx *first, *last;
    uint64_t next_tx_id;
    uint32_t n_tx, n_files;
    uint8_t store; /* bit dir: files of later transactions are kept */
    uint64_t flow_events; /* bit i: def->events[i], or core events below in core_events */
    uint64_t flow_events_logged;
    uint32_t core_events; /* bits of enum app_core_event */
    uint32_t core_events_logged;
    uint64_t core_number; /* packet that brought the last of them */
    uint16_t proto[2]; /* enum app_proto_id by direction */
    uint16_t proto_any;
    bool detected[2], failed[2]; /* detection is over; failed: error, no more parsing */
    bool eof[2];
    uint64_t bytes[2];        /* given to the parser */
    struct app_held *held[2]; /* bytes not yet taken */
    uint64_t mem_bytes;
    uint16_t change_to;     /* STARTTLS, CONNECT, upgrade: look again from here; 0 none */
    uint64_t now_ns;        /* packet time of the piece in work */
    uint64_t number;        /* packet in work */
    uint8_t first_dir;      /* direction of the first data */
    uint8_t feeding;        /* direction of the piece in work */
    bool lost[2];           /* bytes were given up before the protocol was known */
    uint64_t change_number; /* packet in which it was asked for */
    bool expecting;         /* after app_change_protocol: the next detection answers change_to */
    uint16_t expected;      /* what it should be, or APP_UNKNOWN */
    bool again[2];          /* app_again */
    bool gave_up; /* a parser gave up at this packet: app-layer.error-policy; the engine resets */
};

/* Events of the core: anomaly "app-layer-event:applayer_..." */
#define APP_CORE_EVENTS(X)                                                                         \
    X(MISMATCH_PROTOCOL_BOTH_DIRECTIONS, "applayer_mismatch_protocol_both_directions")             \
    X(WRONG_DIRECTION_FIRST_DATA, "applayer_wrong_direction_first_data")                           \
    X(DETECT_PROTOCOL_ONLY_ONE_DIRECTION, "applayer_detect_protocol_only_one_direction")           \
    X(PROTO_DETECTION_SKIPPED, "applayer_proto_detection_skipped")                                 \
    X(NO_TLS_AFTER_STARTTLS, "applayer_no_tls_after_starttls")                                     \
    X(UNEXPECTED_PROTOCOL, "applayer_unexpected_protocol")
#define APP_CORE_ID(id, name) APP_CORE_##id,
enum app_core_event { APP_CORE_EVENTS(APP_CORE_ID) APP_CORE_COUNT };
#undef APP_CORE_ID

/* For parsers. */
void *app_tx_new(struct app_flow *af,
                 size_t size); /* a transaction of `size` bytes, zeroed, linked; NULL: cap */
void app_tx_progress(struct app_tx *tx, unsigned dir, uint8_t progress); /* raises; marks updated */
void app_event_tx(struct app_tx *tx, unsigned event);
void app_event_flow(struct app_flow *af, unsigned event);
void *app_config_get(const struct app_flow *af);      /* what config_new made for this protocol */
bool app_mem_take(struct app_flow *af, size_t bytes); /* count against the cap; false: refused */
void app_mem_give(struct app_flow *af, size_t bytes);
/* Zeroed memory of the flow's protocol, counted against the cap; small sizes are recycled. NULL:
 * cap met. */
void *app_alloc(struct app_flow *af, size_t size) MUST_CHECK;
void app_free(struct app_flow *af, void *p); /* NULL is fine */
const struct app_tx *app_tx_last(const struct app_flow *af);
/* The protocol changes here (STARTTLS, CONNECT 200, upgrade); expected: APP_UNKNOWN or what it
 * should be. */
void app_change_protocol(struct app_flow *af, enum app_proto_id expected);
/* Nothing more of this direction is of use: encrypted data. `both` as setting encryption-handling
 * says. */
void app_no_more(struct app_flow *af, unsigned dir);
/* A request or reply is whole: rules on the raw stream shall see it now. */
void app_trigger_raw(struct app_flow *af, unsigned dir);
/* Bytes of this direction that were not taken are given again when the current call of `parse` is
 * done. */
void app_again(struct app_flow *af, unsigned dir);

/* ------------------------------------------------------------------ the engine's side */

enum encryption_handling { ENCRYPT_TRACK_ONLY, ENCRYPT_FULL, ENCRYPT_BYPASS };
struct app_counters {
    uint64_t flow[APP_COUNT][2]; /* [proto][0 tcp, 1 udp] */
    uint64_t tx[APP_COUNT][2];
    uint64_t error_gap[APP_COUNT][2], error_parser[APP_COUNT][2], error_alloc[APP_COUNT][2];
    uint64_t memuse_bytes, refused;
};
/* NULL: no memory or broken settings (d). One a worker. */
struct app_engine *app_engine_new(const struct conf *c, bool inline_mode, struct diags *d);
void app_engine_free(struct app_engine *e);
/* Rules (or outputs) that need digests of files: from now on, for files opened later. */
void app_engine_want_hash(struct app_engine *e, bool md5, bool sha1, bool sha256);
/* Rules (or outputs) that ask for the type of files by libmagic: of those opened later.  0, or a negative errno. */
int app_engine_want_magic(struct app_engine *e);
/* Files are kept where the outputs say so: rules ask for it, or all are. */
void app_engine_want_store(struct app_engine *e, bool rules);
/* `fn` is called before a transaction is freed: detect's part of it goes. */
void app_engine_on_tx_free(struct app_engine *e, void (*fn)(struct app_tx *tx));
/* What other workers' engines hold under the same cap (replay). */
void app_others(struct app_engine *e, uint64_t bytes);
const struct app_counters *app_counters(const struct app_engine *e);
/* TCP data as the stream delivers it. */
void app_stream_data(struct app_engine *e, struct flow *f, struct packet *p, unsigned dir,
                     const uint8_t *data, uint32_t n, unsigned piece);
void app_datagram(struct app_engine *e, struct flow *f, struct packet *p);
/* Frees transactions that are whole, inspected (if asked) and logged. */
void app_reap(struct app_flow *af, bool need_inspected, bool need_logged);
/* The flow ends: marks every transaction complete in both directions, open files truncated. */
void app_finish(struct flow *f);
void app_finish_side(struct flow *f, unsigned dir);
void app_flow_free(struct flow *f);
/* A header of a transaction, where the protocol has headers. */
bool app_header(const struct app_flow *af, const struct app_tx *tx, unsigned dir, const char *name,
                struct str *value);
bool app_proto_enabled(const struct app_engine *e, enum app_proto_id id, bool udp);

/* ------------------------------------------------------------------ declarations, looked up */

const struct app_proto_def *app_def(enum app_proto_id id); /* NULL: no parser */
const char *app_name(unsigned id); /* name in rules and EVE; "failed"; NULL for unknown */
int app_find(struct str name);     /* id or -1; knows aliases (http1, ikev2, dcerpc ...) */
/* Does a rule for `rule_proto` hold on a flow of `flow_proto`?  (http: http1 and http2; dns: doh2
 * ...) */
bool app_covers(enum app_proto_id rule_proto, enum app_proto_id flow_proto);

enum app_dialect { APP_SNORT2 = 1, APP_SNORT3 = 2, APP_SURICATA = 4 };
/*
 * Every distinct buffer name has a number (the same in all processes of one build): rows of several
 * protocols with one name (file.data) share it.
 */
unsigned app_buffer_count(void);
const char *app_buffer_name(unsigned number);
int app_buffer_find(struct str name, enum app_dialect d);          /* as a sticky buffer; -1 */
int app_buffer_find_modifier(struct str name, enum app_dialect d); /* as a content modifier; -1 */
int app_buffer_find_pcre(char letter, enum app_dialect d);         /* -1 */
/* Row of that buffer in a protocol, or NULL. */
const struct app_buffer *app_buffer_of(unsigned number, enum app_proto_id id);
/* First row of that number in any protocol; *id tells which. */
const struct app_buffer *app_buffer_any(unsigned number, enum app_proto_id *id);
/* Keywords of all protocols: the i-th, NULL: no more; by name, NULL: none.  Neither is for hot paths. */
const struct app_keyword *app_keyword_at(unsigned i);
const struct app_keyword *app_keyword_find(struct str name);
int app_event_find(enum app_proto_id id, struct str name); /* index, or -1 */
/* What a protocol calls a number; NULL: nothing. */
const char *app_enum_name(const struct app_enum *e, uint64_t value);
/* The state's name; NULL: it has none. */
const char *app_state_name(enum app_proto_id id, unsigned dir, unsigned progress);
int app_state_find(enum app_proto_id id, struct str name,
                   unsigned *dir); /* progress of a hook name, -1 */
const char *app_core_event_name(unsigned e);
int app_core_event_find(struct str name);
/* An event's name as EVE's anomaly writes it: capitals for some protocols and for the core (id 0).
 */
const char *app_event_eve(enum app_proto_id id, const char *name, char room[96]);

#endif
