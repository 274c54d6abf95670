/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Detection: the image (compiled rules), the overlay (what one vIPS changes of it), and the matcher.
 *
 * image   a position-independent file, mapped read-only and shared by all processes that use it:
 *         rules in order of evaluation, their tests as a program, one pattern database for each distinct
 *         set of literals (Hyperscan, serialised), the pcre programs, names and texts.
 * overlay a flat array by rule index (enabled, action, response ...) plus the variables of the vIPS,
 *         resolved: one search tells for an address, one look for a port, which expressions hold.
 * detect  one a worker: scratch, candidates.  Image and overlay are swapped between two bursts.
 *
 * Matching gives a list of (rule, transaction, where); thresholds and actions are verdict's.
 */
#ifndef DETECT_DETECT_H
#define DETECT_DETECT_H

#include "app/app.h"
#include "base/attr.h"
#include "base/diag.h"
#include "base/sbuf.h"
#include "flow/flow.h"
#include "rules/rules.h"

/* ------------------------------------------------------------------ image */

struct image;
struct image_info {
    uint64_t content_hash; /* key in the cache */
    uint64_t bytes;
    uint32_t n_rules, n_groups, n_patterns, n_pcre, n_slow; /* slow: rules without a literal or cheap fact */
    uint64_t pattern_db_bytes;
};
/*
 * Compiles a rule set; writes the file whole and renames it into place (mode 0644).  -ENOMEM, -errno with d.
 * threads: pattern databases are compiled side by side.  The same input gives the same bytes.
 */
int image_build(const struct rule_set *s, const char *path, unsigned threads, struct diags *d) MUST_CHECK;
/*
 * The same for large sets and for who builds again and again.  cache_dir: databases of pattern sets that have not
 * changed are taken from the newest images there (only those that image_open_cached would use).  last: the rules
 * are given up (rules_release) as soon as they stand in the image, before databases are compiled.
 */
struct image_options {
    unsigned threads;
    const char *cache_dir; /* NULL: everything is compiled */
    bool last;
};
struct image_made {
    uint32_t databases, compiled, reused; /* distinct pattern sets */
};
int image_make(struct rule_set *s, const char *path, const struct image_options *o, struct image_made *made,
               struct diags *d) MUST_CHECK;
const char *pattern_library(void); /* version of what is linked */
unsigned image_threads(void); /* as many as there are cores for us, and as pay */
/* Maps and checks a file: version, size, checksum, CPU features. NULL with d. */
struct image *image_open(const char *path, struct diags *d);
struct image *image_from_fd(int fd, struct diags *d); /* the descriptor stays the caller's */
/*
 * The same of a file in the cache, which must be ours or root's, and nobody else's to write.  NULL without a word
 * when there is none; one warning in d says why a file that is there is not used: the caller makes it anew.
 */
struct image *image_open_cached(const char *path, struct diags *d);
struct image *image_ref(struct image *i);
void image_close(struct image *i);
void image_info(const struct image *i, struct image_info *out);
/*
 * What the compile had to say.  It stands in the image, so that a start from the cache says the same: the first
 * IMAGE_REFUSALS refusals and IMAGE_NOTES warnings; left_out counts the rest.
 */
enum { IMAGE_REFUSALS = 1000, IMAGE_NOTES = 200 };
struct image_report {
    uint32_t loaded, disabled, refused, replaced, skipped, n_files, n_notes, left_out;
};
void image_report(const struct image *i, struct image_report *out);
/* Note n: warnings and errors first, then refusals. Texts are borrowed from the image. */
void image_note(const struct image *i, uint32_t n, struct diag *out, bool *refusal);
void image_rule_file(const struct image *i, uint32_t n, struct rule_file_info *out);
/* Where the cache keeps the image of this content: $XDG_CACHE_HOME/riposte, else the system's. -errno. */
int image_cache_path(const char *cache_dir, uint64_t content_hash, char *out, size_t room) MUST_CHECK;
/*
 * Images of the cache that are too many, too large together, or were not used for so long (0: no limit) go, the oldest
 * first, `most` of them at once.  For whoever has put one there.  It looks at each file: a folder
 * that was left to grow takes seconds.
 */
void image_cache_prune(const char *dir, uint64_t max_age_s, uint64_t now_s, unsigned most);
#define IMAGE_VERSION 14

/* A rule's facts, borrowed from the image. */
struct image_rule_info {
    uint32_t gid, sid, rev, priority, class_id;
    uint8_t action, dialect, type, scope, response, target, ruletype;
    uint16_t longest; /* bytes of its longest content */
    uint32_t flags;
    struct str msg, class_name, class_text;
    uint64_t text_hash; /* of the rule's text: tells whether a rule was edited */
    uint16_t n_references, n_metadata;
    const void *references, *metadata;
};
void image_rule(const struct image *i, uint32_t rule, struct image_rule_info *out);
/* The rule's text behind what out holds: unpacked, so not for each packet. False: no memory. */
bool image_rule_text(const struct image *i, uint32_t rule, struct sbuf *out);
bool image_rule_tags(const struct image *i, uint32_t rule); /* it tags what follows */
const struct test_blacklist *image_rule_blacklist(const struct image *i, uint32_t rule); /* NULL: it has none */
bool image_blacklists(const struct image *i);                                             /* any rule has */
uint32_t image_n_rules(const struct image *i);
int64_t image_find_sid(const struct image *i, uint32_t gid, uint32_t sid); /* index or -1 */
bool image_rule_reference(const struct image *i, uint32_t rule, unsigned n, struct str *out);
bool image_rule_meta(const struct image *i, uint32_t rule, unsigned n, struct str *key, struct str *value);
struct str image_class_name(const struct image *i, uint32_t class_id);
/* What the engine must provide for these rules. */
struct image_needs {
    bool stream_raw, files, file_md5, file_sha1, file_sha256, file_magic, filestore;
};
void image_needs(const struct image *i, struct image_needs *out);

/* ------------------------------------------------------------------ overlay */

struct overlay_rule {
    uint8_t enabled;
    uint8_t action;   /* enum rule_action */
    uint8_t response; /* enum rule_response bits */
    uint8_t priority; /* 0: the rule's */
    uint8_t rank;     /* of its action in the order of evaluation; tune leaves it alone */
};
struct overlay;
struct overlay_options {
    rules_var_fn *var;
    void *ctx;
    uint64_t version; /* policy version, written into events; each overlay of an image has its own */
    /* Changes a rule; called for each; may be NULL. */
    void (*tune)(void *ctx, const struct image *i, uint32_t rule, struct overlay_rule *r);
    void *tune_ctx;
    /* What lives as long as the overlay, for those above (policy); keep_free(NULL) is not called. */
    void *keep;
    void (*keep_free)(void *keep);
};
/* `keep` is taken, also when it fails.  NULL with d: no memory. A rule whose variables don't resolve is disabled, with a diag. */
struct overlay *overlay_build(struct image *i, const struct overlay_options *o, struct diags *d);
struct overlay *overlay_ref(struct overlay *o);
void overlay_close(struct overlay *o);
struct image *overlay_image(const struct overlay *o);
uint64_t overlay_version(const struct overlay *o);
void *overlay_keep(const struct overlay *o);
const struct overlay_rule *overlay_rule(const struct overlay *o, uint32_t rule);
/* Some rule's action is another than the image's: its place in the order of rules does not say when it is evaluated. */
bool overlay_reorders(const struct overlay *o);

/* ------------------------------------------------------------------ state shared by workers */

/*
 * Hosts, pairs, rules: thresholds, xbits, tags.  One table a vIPS, sharded, with expiry and a cap.  Replay
 * with several workers gives `enter`, which returns when all packets of lower number are done, so that any
 * number of workers sees one order.
 */
struct state;
struct state_config {
    uint64_t cap_bytes; /* 0: 64 MiB */
    void (*enter)(void *ctx, unsigned worker, uint64_t number);
    void *ctx;
};
struct state *state_new(const struct state_config *c);
void state_free(struct state *s);
struct state_counters {
    uint64_t entries, bytes, refused, expired;
};
void state_counters(const struct state *s, struct state_counters *out);
void state_tick(struct state *s, uint64_t now_ns);
/*
 * Writes the data sets that rules want kept below `dir`, each whole and then renamed; `newer`: those that rules have
 * changed since.  One caller at a time; workers may run.  The first error, or 0; d says which file.
 */
int state_save(struct state *s, const struct image *i, const char *dir, bool newer, struct diags *d) MUST_CHECK;

/* ------------------------------------------------------------------ matching */

enum match_flag {
    MATCH_STREAM = 1, /* in the stream, not only in this packet */
    MATCH_TX = 2,
    MATCH_IP_ONLY = 4,
    MATCH_PD = 8,
    MATCH_NOALERT = 16,
    MATCH_ALERT = 32, /* written whatever its action: `pass` with `alert` */
    MATCH_FIREWALL = 64, /* of a firewall rule or policy: `at` tells where */
};
/* Firewall mode: where in the way of a packet or transaction. */
enum firewall_table { FIREWALL_PRE_FLOW, FIREWALL_PRE_STREAM, FIREWALL_FILTER, FIREWALL_TABLES, FIREWALL_APP = FIREWALL_TABLES };
struct firewall_at {
    uint8_t table; /* enum firewall_table */
    uint8_t dir, state;
    uint16_t app;
};
/* The order of what is asked: alerts of a later phase fall when an earlier one drops. */
enum match_phase { PHASE_FILTER, PHASE_PACKET, PHASE_APP_FILTER, PHASE_APP };
struct match {
    uint32_t rule;
    uint8_t flags;
    uint8_t dir;
    uint8_t n_told;    /* entries of lists for alert.context */
    struct app_tx *tx; /* with MATCH_TX */
    uint64_t tx_id;
    uint32_t told; /* the first of them, until the next detect_packet */
    uint8_t phase; /* enum match_phase */
    struct firewall_at at;
    /* Of a TCP packet's or stream's own bytes (not of an application's buffers): the number behind what matched. */
    bool placed;
    uint32_t end_seq;
};

/* What a firewall rule or policy does; action 0 (ALERT): none is set. */
struct firewall_policy {
    uint8_t action;    /* ACTION_ACCEPT, ACTION_DROP, ACTION_REJECT ... */
    uint8_t scope;     /* as rule.scope: 1 packet, 2 flow, 3 hook, 4 tx */
    uint8_t secondary; /* enum rule_secondary */
};
enum { FIREWALL_STATES = 16 }; /* of a protocol's direction, most */
struct firewall {
    struct firewall_policy packet[FIREWALL_TABLES];
    struct firewall_policy app[APP_COUNT][2][FIREWALL_STATES];
};
/* What the firewall says of a packet. */
struct firewall_word {
    bool asked;
    struct firewall_policy does;
    int64_t rule; /* -1: a policy */
    struct firewall_at at;
};
/* "packet:filter", "http:request_line" */
void firewall_at_text(const struct firewall_at *at, char out[96]);

/* Bytes that a rule wants in the place of what it found in this packet's payload. */
struct replacement {
    uint32_t rule, at;
    struct str bytes; /* the image's */
};
enum { REPLACEMENTS_MOST = 64 }; /* of a packet; further ones are not asked for */

struct matches {
    struct match *m;
    uint32_t n, room;
    uint32_t overflow; /* not kept for want of room: counted */
    struct firewall_word firewall;
    const struct replacement *replace; /* in the order of the matches */
    uint32_t n_replace;
};

struct detect_config {
    unsigned worker;
    bool inline_mode;       /* arrival: bodies are judged as they grow */
    bool on_ack;
    uint32_t pcre_match_limit, pcre_recursion_limit;
    uint32_t asn1_elements; /* that the asn1 keyword walks; 0: 256 */
    uint32_t recursion_limit; /* of content retries; 0: 3000 */
    uint32_t rule_sample;     /* cost of rules is taken of one packet in so many; 0: of none */
    uint32_t rule_budget;     /* steps of one rule in a second of packet time; 0: no budget */
    uint32_t rule_suspend_s;  /* for how long a rule over its budget rests */
    bool sums_shared;         /* replay: the workers' steps are one sum */
    uint32_t tag_packets;     /* most of a Snort tag that names none; 0: no limit */
    struct state *state;
    const struct firewall *firewall; /* NULL: no firewall mode; kept */
};
struct detect_counters {
    uint64_t packets, streams, txs, scans, scan_bytes, candidates, evaluated, matched, pcre_runs, pcre_errors,
        limit_hits, mpm_list, alert_queue_overflow, flow_state_bytes, refused, suspended_rules, suspended_checks;
};

struct detect;
struct detect *detect_new(const struct detect_config *c, struct overlay *o); /* NULL: no memory */
void detect_free(struct detect *d);
/* Takes another overlay (and image); old flow state stays valid as far as names are equal. */
int detect_swap(struct detect *d, struct overlay *o) MUST_CHECK;
struct overlay *detect_overlay(const struct detect *d);
/*
 * Runs all rules that this packet can fire: packet, stream, and the transactions of its flow in its
 * direction.  Returns matches in order of evaluation, borrowed until the next call.  Rules' own state
 * (flowbits ...) is set as they match.
 */
const struct matches *detect_packet(struct detect *d, struct packet *p, struct stream_engine *streams);
/* Firewall mode: before the flow is looked up, before the stream. */
const struct matches *detect_early(struct detect *d, struct packet *p, enum firewall_table t);
/* Entry `told` + k of a match: the key in alert.context, and JSON or (json.n 0) a text. */
void detect_told(const struct detect *d, uint32_t k, struct str *key, struct str *json, struct str *text);
/* Only the transactions (end of flow, both directions come by pseudo packets). */
const struct detect_counters *detect_counters(const struct detect *d);
void detect_flow_free(struct detect *d, struct flow *f);
void detect_tx_free(struct app_tx *tx);

/* ------------------------------------------------------------------ what rules cost */

struct rule_cost { /* of the sampled packets */
    uint32_t gid, sid;
    uint64_t checks, matches, cycles, steps;
    bool suspended;
};
/* Of `places` rules from *at on those that were checked; false: these were the last, or nothing is sampled. */
bool detect_costs(const struct detect *d, uint32_t *at, uint32_t places, void (*f)(void *ctx, const struct rule_cost *c), void *ctx);
struct rule_over {
    uint32_t rule;
    uint64_t steps;
    bool goes_on; /* it drops, answers or passes: told, not suspended */
};
typedef void detect_over_fn(void *ctx, const struct rule_over *x);
/*
 * Packet time goes on.  When detect_clock_due says so a second is over, and detect_clock suspends the rules over their
 * budget; in replay all workers must have done with what comes before.
 */
bool detect_clock_due(const struct detect *d, uint64_t now_ns);
void detect_clock(struct detect *d, uint64_t now_ns, detect_over_fn *f, void *ctx);

/* ------------------------------------------------------------------ one rule under watch */

/*
 * `riposte rules why`: beside the matching, in its place in the order, the watched rule is tried on each packet and
 * each transaction, every test for itself and without the prefilter, and changes nothing.  Kept are the looks in
 * which most of it held, and how often each test was the first to fail.  One worker; not for a sensor's way.
 */
enum watch_gate { /* what a rule asks besides its tests; X(id, words) */
#define WATCH_GATES(X)                                                                              \
    X(NONE, "")                                                                                     \
    X(IN_FORCE, "the rule is in force")                                                             \
    X(TRANSPORT, "protocol")                                                                        \
    X(IP_VERSION, "IP version")                                                                     \
    X(FRAGMENT, "fragment")                                                                         \
    X(FLOW, "part of a flow")                                                                       \
    X(DIRECTION, "direction")                                                                       \
    X(STATE, "state of the connection")                                                             \
    X(APP, "application protocol")                                                                  \
    X(SRC_ADDR, "source address")                                                                   \
    X(SRC_PORT, "source port")                                                                      \
    X(DST_ADDR, "destination address")                                                              \
    X(DST_PORT, "destination port")                                                                 \
    X(TRANSACTION, "a transaction")                                                                 \
    X(HOOK, "hook of the rule")                                                                     \
    X(BUFFER, "there is")                                                                           \
    X(ABSENT, "there is no")                                                                        \
    X(ASKED, "the rule is asked")
#define WATCH_GATE_ID(id, words) WATCH_##id,
    WATCH_GATES(WATCH_GATE_ID) WATCH_GATE_COUNT
#undef WATCH_GATE_ID
};
enum watch_result { WATCH_HOLDS, WATCH_FAILS, WATCH_WAITS /* for more of the transaction */, WATCH_UNTRIED };
struct watch_step {
    uint16_t test;  /* of the rule, + 1; 0: gate */
    uint8_t gate;   /* enum watch_gate */
    uint8_t result; /* enum watch_result */
    bool old;       /* it held in an earlier packet */
    uint16_t buffer; /* WATCH_BUFFER, WATCH_ABSENT: enum rule_buffer */
    int64_t at, end; /* bytes of the buffer (or stream) that matched; -1: none */
    const char *seen; /* what was there, in words; NULL: nothing to be said */
};
/* What became of a match. */
enum watch_fate { WATCH_WRITTEN, WATCH_ACTED /* without an alert, as its action or noalert says */, WATCH_SILENCED /* threshold or suppress: no alert */,
                  WATCH_UNCOUNTED /* detection_filter: not yet often enough */, WATCH_PASSED /* a pass rule came before */,
                  WATCH_OVERFLOW /* more alerts than packet-alert-max */, WATCH_QUEUE /* Snort's event queue */, WATCH_UNDECIDED };
enum { WATCH_STEPS = 320 };
struct watch_look {
    uint64_t number, tx_id, flow_id;
    bool tx, flow_end; /* of a transaction; at the end of its flow */
    uint8_t dir, proto, ver;
    struct ip_addr src, dst;
    uint16_t sp, dp;
    bool matched;
    uint8_t fate;       /* enum watch_fate, of a match */
    uint32_t fate_rule; /* the pass rule; UINT32_MAX: none */
    uint32_t score, n;
    struct watch_step *step;
};
struct watch_end { /* how often a step was the first that did not hold */
    uint16_t test, buffer;
    uint8_t gate;
    uint64_t n;
};
enum watch_unlooked { WATCH_FLOW_PASSED, WATCH_FLOW_DROPPED, WATCH_BYPASSED, WATCH_UNLOOKED };
enum { WATCH_LOOKS = 3, WATCH_MATCHES = 16, WATCH_ENDS = 128 };
struct watch_report {
    uint64_t looks, matches, unlooked[WATCH_UNLOOKED];
    uint64_t fates[WATCH_UNDECIDED + 1];
    uint32_t passed_by; /* the pass rule that took flows away; UINT32_MAX: none is known */
    struct watch_look match[WATCH_MATCHES], near[WATCH_LOOKS]; /* near: best first; step NULL: none */
    struct watch_end end[WATCH_ENDS];
    unsigned n_match, n_near, n_end;
};
struct watch;
struct watch *watch_new(uint32_t rule); /* NULL: no memory */
void watch_free(struct watch *w);
const struct watch_report *watch_report(struct watch *w); /* borrowed */
void detect_watch(struct detect *d, struct watch *w);     /* before the first packet; not with detect_swap */
/* verdict, engine: nothing without a watch */
void detect_watch_fate(struct detect *d, const struct match *m, enum watch_fate fate, uint32_t by);
void detect_watch_unlooked(struct detect *d, enum watch_unlooked why);

/* Threshold of a rule for this packet: 1 alert, 0 none, 2 silent (action without alert); new_action by
 * rate_filter or -1. */
int detect_threshold(struct detect *d, const struct packet *p, const struct match *m, int *new_action);
/*
 * Counts one more match of a rule for what a and b say (b may be NULL): true once `count` came within `seconds`, then it
 * begins anew.
 */
bool detect_after(struct detect *d, const struct packet *p, uint32_t rule, const struct ip_addr *a, const struct ip_addr *b,
                  uint32_t count, uint32_t seconds);
/* Does a tag of an earlier alert cover this packet? */
bool detect_tagged(struct detect *d, const struct packet *p, uint32_t *gid, uint32_t *sid);
/* Variables that rules took out of the traffic, and numbers of flowint: the n-th; false: there are no more. */
enum detect_var_kind { VAR_BYTES_OF, VAR_INTEGER, VAR_REAL /* entropy of the buffer of this name */ };
struct detect_var {
    uint8_t kind; /* enum detect_var_kind */
    struct str name, text;
    int64_t integer;
    double real;
};
bool detect_flow_var(const struct detect *d, const struct flow *f, unsigned nth, struct detect_var *out);
bool detect_packet_var(const struct detect *d, unsigned nth, struct detect_var *out); /* of the packet asked last */
/* Names of flowbits that are set, for EVE metadata. */
unsigned detect_flowbits(const struct detect *d, const struct flow *f, struct str *out, unsigned room);

#endif
