/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Verdicts: what the rules that matched mean for the packet and its flow; and flexible response.
 *
 * verdict_decide goes through the matches in order of evaluation, asks thresholds, and says which
 * alerts are to be written, whether the packet goes on, and what is to be answered.  It never says
 * "done" of what can't be done: on a mirror port a drop is `would`, until the response has been
 * seen to work.
 */
#ifndef VERDICT_VERDICT_H
#define VERDICT_VERDICT_H

#include "base/attr.h"
#include "detect/detect.h"
#include "event/event.h"
#include "flow/flow.h"

enum { VERDICT_ALERTS = 256 };

/* Why a packet does not go on: EVE's drop.reason and stats.ips.drop_reason. */
#define DROP_REASONS(X)                                                                            \
    X(NONE, "unknown")                                                                             \
    X(RULES, "rules")                                                                              \
    X(RULES_THRESHOLD, "threshold detection_filter")                                               \
    X(FLOW_DROP, "flow drop")                                                                      \
    X(DECODE_ERROR, "decode error")                                                                \
    X(DEFRAG_ERROR, "defrag error")                                                                \
    X(DEFRAG_MEMCAP, "defrag memcap")                                                              \
    X(FLOW_MEMCAP, "flow memcap")                                                                  \
    X(APP_ERROR, "applayer error")                                                                 \
    X(STREAM_ERROR, "stream error")                                                                \
    X(STREAM_MEMCAP, "stream memcap")                                                              \
    X(STREAM_MIDSTREAM, "stream midstream")                                                        \
    X(STREAM_REASSEMBLY, "stream reassembly")                                                      \
    X(STREAM_URGENT, "stream urgent")                                                              \
    X(INNER_PACKET, "tunnel packet drop")                                                          \
    X(EXCEPTION_FLOW, "exception policy flow drop")                                                \
    X(BLACKLIST, "blacklist")                                                                      \
    X(FW_RULES, "firewall rules") /* from here on the firewall's */                                \
    X(FW_DEFAULT_PACKET, "firewall default packet policy")                                         \
    X(FW_DEFAULT_APP, "firewall default app policy")                                               \
    X(FW_FLOW_DROP, "firewall flow drop")                                                          \
    X(FW_PRE_FLOW, "firewall pre flow hook")                                                       \
    X(FW_PRE_STREAM, "firewall pre stream hook")
#define DROP_REASON_ID(id, text) DROP_##id,
enum drop_reason { DROP_REASONS(DROP_REASON_ID) DROP_REASON_COUNT };
#undef DROP_REASON_ID
static inline bool drop_by_firewall(unsigned reason) { return reason >= DROP_FW_RULES; }
const char *drop_reason_text(unsigned reason);    /* "flow drop" */
const char *drop_reason_counter(unsigned reason); /* "flow_drop", as in stats.ips.drop_reason */

enum verdict_place {
    PLACE_MIRROR, /* nothing can be held back; responses may be sent */
    PLACE_INLINE,
};
/* Snort's dialects: of one packet's events `log` act, of at most `max` that are kept.  log 0: no queue. */
struct event_queue {
    uint32_t max, log;
    bool by_priority; /* else the longest content comes first */
    bool all;         /* every action's events, not only the first's that has any */
};
struct verdict_config {
    struct event_queue queue;
    enum verdict_place place;
    bool would;          /* inline-test: decide everything, drop nothing */
    bool both_ends;      /* reject tears down both ends: what it drops never reaches the other */
    uint32_t alerts_max; /* packet-alert-max; 0: 15 */
    struct blacklist *blacklist; /* NULL: there is none */
    uint64_t blacklist_ns;       /* how long a rule that does not say it blocks */
    uint8_t on_drop;     /* response.on-drop: what answers dropping rules on a mirror; enum
                            rule_response bits */
};

struct alert {
    uint32_t rule;
    uint8_t action; /* enum rule_action: the overlay's, or rate_filter's new one */
    uint8_t flags;  /* enum match_flag */
    uint8_t dir;
    uint8_t status; /* enum verdict_status of a dropping or answering rule, else NONE */
    bool blocked;   /* EVE's alert.action */
    bool would;     /* a dropping rule that can't drop here: fast.log's [wDrop] */
    struct app_tx *tx;
    uint64_t tx_id;
    uint32_t told; /* as in struct match */
    uint8_t n_told;
    struct firewall_at at; /* with MATCH_FIREWALL */
};
/* What one rule of a packet asks to be answered, and what became of it. */
enum { DECISION_ANSWERS = 16 };
struct answer {
    uint32_t rule;
    uint8_t response; /* enum rule_response bits */
    uint8_t dir;      /* of the matched data */
    uint8_t status;   /* enum verdict_status */
    bool placed;      /* what it forbids ends before the number end_seq; else with the packet */
    uint32_t end_seq;
    const char *why;
};
/* What a rule put into the blacklist. */
enum { DECISION_SHUT = 4 };
struct shut {
    uint32_t rule;
    uint8_t result; /* enum block_added */
    uint8_t dir;    /* of the matched data */
};
struct decision {
    struct alert alert[VERDICT_ALERTS];
    uint32_t n_alerts;
    uint32_t suppressed,
        overflow; /* alerts not written: silenced by thresholds; over packet-alert-max */
    bool drop;    /* the packet does not go on (inline) */
    bool pass;    /* a pass rule held */
    bool accept;  /* the firewall let it on */
    uint8_t drop_reason;
    uint8_t response; /* enum rule_response bits: what to answer; 0 nothing */
    uint32_t response_rule;
    uint8_t response_dir;     /* direction of the matched data */
    bool response_placed;     /* as in struct answer */
    uint32_t response_end_seq;
    uint32_t answers_over;    /* rules that found no place in `answer` */
    uint8_t n_shut;
    struct shut shut[DECISION_SHUT];
    uint8_t n_answers;        /* by rule: what `response` is made of */
    struct answer answer[DECISION_ANSWERS];
    int64_t drop_rule;        /* -1: none */
    bool reject;              /* a reject rule acted */
    const char *response_why; /* of the alerts' status, or NULL */
};
struct verdict_counters {
    uint64_t accepted, blocked, rejected, replaced, drop_reason[DROP_REASON_COUNT];
    uint64_t exception[EXCEPTION_TARGETS][EXCEPTION_POLICIES];
    uint64_t blacklisted; /* packets that an entry named */
    uint64_t bypassed_pkts, bypassed_bytes;
    uint64_t alerts, suppressed, overflow;
    uint64_t firewall_accepted, firewall_blocked, firewall_rejected, firewall_discarded;
};
/* Sets flow flags (drop, pass) too. */
void verdict_decide(const struct verdict_config *c, struct detect *d, struct packet *p,
                    const struct matches *m, struct decision *out);
/* The blacklist, before rules are asked: drops, or on a mirror port answers, what an entry names.  True: one did. */
bool verdict_blacklist(const struct verdict_config *c, struct packet *p, struct decision *out);
struct block_key;
/* The key that a rule asked to block; false: none. */
bool shut_key(const struct image *i, const struct packet *p, const struct shut *s, struct block_key *out);
/* What an exception policy means here; adds to the decision. */
void verdict_exception(const struct verdict_config *c, struct packet *p, struct exception e,
                       struct decision *out);
void verdict_count(struct verdict_counters *n, const struct packet *p, const struct decision *d);

/* ------------------------------------------------------------------ flexible response
 * (doc/response.md) */

struct conf;
struct diags;
struct injector;

enum response_effect { EFFECT_UNKNOWN, EFFECT_DIED, EFFECT_LIVED };
enum { RESPONSE_ATTEMPTS = 4, RESPONSE_ATTEMPTS_MOST = 20 };

struct response_config {
    uint8_t attempts; /* numbers that an end is told at first: 1..20, 0: 4 */
    bool chase; /* acknowledgements of an end that should be dead are answered with the number they
                   name */
    uint8_t dst_mac[6], src_mac[6];
    bool has_dst_mac, has_src_mac;
    uint32_t table_rows;  /* connections answered lately; 0: 4096 */
    uint64_t table_bytes; /* bound of their memory; 0: none */
    uint64_t table_ns;    /* how long an answer is remembered; 0: 10 s */
    /*
     * Packets in any second: in total, and to one address.  0: no limit.  The second, and a half of
     * the first, hold for answers to what anyone can forge (all but TCP of which both sides were
     * seen).
     */
    uint32_t rate_per_s, rate_per_target_s;
    unsigned worker, n_workers; /* limits are divided among workers */
    uint64_t effect_ns;         /* how long a connection is watched after a response; 0: 1 s */
    uint64_t (*clock_ns)(void); /* the clock of packet times, for delays in reports; NULL: none */
    /* Only connections with an end in our own networks are answered; NULL: all. */
    bool (*own)(void *ctx, uint8_t ver, const struct ip_addr *a);
    void *ctx;
};
/* X(name, metric): all are uint64_t. */
#define RESPONSE_COUNTERS(X)                                                                       \
    X(requested)      /* decisions that asked for a response */                                    \
    X(answered)       /* connections, or datagrams, that got one */                                \
    X(injected)       /* packets sent */                                                           \
    X(failed)         /* packets that could not be sent, or not be built */                        \
    X(damped)         /* asked for again while the first answer is remembered */                   \
    X(rate_limited)   /* packets not sent for the limits */                                        \
    X(not_own)        /* no end in our own networks */                                             \
    X(not_answerable) /* resets, multicast, LAND, signed segments, errors, resets without TCP ... */     \
    X(no_port)        /* there is no response port */                                              \
    X(challenge_acks)                                                                              \
    X(chased) /* packets of the chase */                                                           \
    X(died)                                                                                        \
    X(lived)                                                                                       \
    X(unknown)                                                                                     \
    X(leaked_packets)                                                                              \
    X(leaked_bytes)                                                                                \
    X(own_seen)       /* own packets that came in through a mirror port */                         \
    X(foreign_resets) /* resets in answered connections that are not ours: the hosts', another     \
                         sensor's */                                                               \
    X(recycled)       /* rows given up for new ones before their time */                         \
    X(untold)         /* rules of a connection that find no room to be told its fate */
#define RESPONSE_COUNTER(name) uint64_t name;
struct response_counters {
    RESPONSE_COUNTERS(RESPONSE_COUNTER)
};
#undef RESPONSE_COUNTER
/* One finished response, for EVE's `response` event. */
struct response_report {
    const struct flow *flow; /* NULL: it has none (any more) */
    uint32_t rule;           /* UINT32_MAX: not in the rules of now */
    uint8_t kind;            /* enum rule_response bits that were sent */
    uint16_t attempts;       /* packets sent */
    uint8_t effect;          /* enum response_effect */
    uint8_t status;          /* enum verdict_status */
    const char *reason;      /* or NULL */
    uint64_t asked_ns;       /* time of the packet that matched */
    uint64_t
        sent_ns; /* when the first packets had been sent: by config.clock_ns, else as asked_ns */
    uint64_t over_ns; /* last sign of either end, or the end of the watch */
    uint64_t leaked_packets, leaked_bytes, challenge_acks, chased;
    uint8_t ver, proto;
    struct ip_addr src, dst; /* sender and receiver of what matched */
    uint16_t sp, dp;
    uint64_t flow_id;
};
typedef void response_report_fn(void *ctx, const struct response_report *r);
struct responder;
/*
 * One a worker.  The injector stays the caller's; NULL: responses are decided and counted, none is
 * sent, and nothing is watched.  NULL: no memory.
 */
struct responder *responder_new(const struct response_config *c, struct injector *i,
                                response_report_fn *f, void *ctx);
void responder_free(struct responder *r);
/*
 * Answers what the decision asks for.  Never blocks.  Returns the status that the alert may claim
 * now; *why: the reason in words, or NULL.
 */
enum verdict_status responder_answer(struct responder *r, const struct decision *d,
                                     struct packet *p, const char **why);
/*
 * The same for each rule that asks, into d->answer; what one has sent is not sent again for the
 * next.  Alerts get the status of their own rule's answer.
 */
void responder_answer_all(struct responder *r, struct decision *d, struct packet *p);
/*
 * True: the packet is one of our own that came back through a mirror port.  It is not to be judged,
 * nor to be shown to the flow table.  Cheap for all but resets and ICMP errors.
 */
bool responder_own(struct responder *r, const struct packet *p);
/* Sees every packet of flows that were answered (FLOW_RESPONDED), before the stream does: chase,
 * effect, leaks. */
void responder_see(struct responder *r, struct packet *p);
/* Ends watches whose time is over; costs nothing when there are none.  UINT64_MAX: ends all. */
void responder_tick(struct responder *r, uint64_t now_ns);
void responder_flow_end(struct responder *r, struct flow *f);
/* Other rules come into force: what is open keeps its rule by gid and sid. */
void responder_rules(struct responder *r, const struct image *from, const struct image *to);
/* Other settings come into force: attempts, table_ns, rates, own and its ctx; all else is for good. */
void responder_settings(struct responder *r, const struct response_config *c);
const struct response_counters *responder_counters(const struct responder *r);
/* Counters of one rule; false: none yet. */
bool responder_rule_counters(const struct responder *r, uint32_t rule,
                             struct response_counters *out);
/* The n-th rule that has any; false: there are no more. Rules beyond 256 are counted under
 * UINT32_MAX. */
bool responder_rule_at(const struct responder *r, unsigned n, uint32_t *rule,
                       struct response_counters *out);

/* ------------------------------------------------------------------ settings of responses */

/* "reset_both,icmp_port" and Snort's other words; "none": nothing. -1: *bad is the word that is
 * none. */
int response_words(struct str text, uint8_t *bits, struct str *bad);
/*
 * response.networks, or HOME_NET: for response_config.own.  rule-overrides change rules by query, response.default
 * gives those that name no response one; for overlay_options.tune.  Errors in d; NULL: no memory.  Read-only afterwards.
 */
struct response_policy;
uint8_t response_on_drop(const struct conf *c, struct diags *d);
struct response_policy *response_policy_new(const struct conf *c, struct diags *d);
void response_policy_free(struct response_policy *p);
bool response_policy_own(void *policy, uint8_t ver, const struct ip_addr *a);
void response_policy_tune(void *policy, const struct image *i, uint32_t rule,
                          struct overlay_rule *r);
void response_policy_tell(const struct response_policy *p, struct diags *d); /* after it tuned all rules: what fitted none */
/* Settings of `response` into *out; own and ctx are set to the policy. */
void response_config_read(const struct conf *c, struct response_policy *p,
                          struct response_config *out, struct diags *d);
/* What a mirror port answers: the rule's own response, its action's, and response.on-drop. */
uint8_t response_on_mirror(unsigned action, uint8_t response, uint8_t on_drop);
/* Why a mirror port can't prevent what this rule finds, though it names a response; NULL: it can.
 */
const char *response_limit(const struct rule *r);
/* Tells f (or nobody) of each rule that wants to prevent and can't on a mirror port, as "quic" or "one-packet"; how
 * many, and how many of them can't be killed at all (QUIC; may be NULL). */
unsigned response_lint(const struct rule_set *s, rules_note_fn *f, void *ctx, unsigned *quic);
/* Says their number among the set's own warnings. */
void response_mirror_note(struct rule_set *s);

#endif
