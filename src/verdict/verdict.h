/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Verdicts: what the rules that matched mean for the packet and its flow; and flexible response.
 *
 * verdict_decide goes through the matches in order of evaluation, asks thresholds, and says which alerts are
 * to be written, whether the packet goes on, and what is to be answered.  It never says "done" of what can't
 * be done: on a mirror port a drop is `would`, until the response has been seen to work.
 */
#ifndef VERDICT_VERDICT_H
#define VERDICT_VERDICT_H

#include "base/attr.h"
#include "detect/detect.h"
#include "event/event.h"
#include "flow/flow.h"

enum { VERDICT_ALERTS = 256 };

/* Why a packet does not go on: EVE's drop.reason and stats.ips.drop_reason. */
#define DROP_REASONS(X)                              \
    X(NONE, "unknown")                               \
    X(RULES, "rules")                                \
    X(RULES_THRESHOLD, "threshold detection_filter") \
    X(FLOW_DROP, "flow drop")                        \
    X(DECODE_ERROR, "decode error")                  \
    X(DEFRAG_ERROR, "defrag error")                  \
    X(DEFRAG_MEMCAP, "defrag memcap")                \
    X(FLOW_MEMCAP, "flow memcap")                    \
    X(APP_ERROR, "applayer error")                   \
    X(STREAM_ERROR, "stream error")                  \
    X(STREAM_MEMCAP, "stream memcap")                \
    X(STREAM_MIDSTREAM, "stream midstream")          \
    X(STREAM_REASSEMBLY, "stream reassembly")        \
    X(STREAM_URGENT, "stream urgent")                \
    X(INNER_PACKET, "tunnel packet drop")            \
    X(DEFAULT_PACKET, "default packet policy")       \
    X(DEFAULT_APP, "default app policy")
#define DROP_REASON_ID(id, text) DROP_##id,
enum drop_reason { DROP_REASONS(DROP_REASON_ID) DROP_REASON_COUNT };
#undef DROP_REASON_ID
const char *drop_reason_text(unsigned reason);    /* "flow drop" */
const char *drop_reason_counter(unsigned reason); /* "flow_drop", as in stats.ips.drop_reason */

enum verdict_place {
    PLACE_MIRROR, /* nothing can be held back; responses may be sent */
    PLACE_INLINE,
};
struct verdict_config {
    enum verdict_place place;
    bool would;          /* inline-test: decide everything, drop nothing */
    uint32_t alerts_max; /* packet-alert-max; 0: 15 */
    bool respond_on_drop; /* response.on-drop */
};

struct alert {
    uint32_t rule;
    uint8_t action; /* enum rule_action: the overlay's, or rate_filter's new one */
    uint8_t flags;  /* enum match_flag */
    uint8_t dir;
    uint8_t status; /* enum verdict_status of a dropping or answering rule, else NONE */
    bool blocked;   /* EVE's alert.action */
    struct app_tx *tx;
    uint64_t tx_id;
};
struct decision {
    struct alert alert[VERDICT_ALERTS];
    uint32_t n_alerts;
    uint32_t suppressed, overflow; /* alerts not written: silenced by thresholds; over packet-alert-max */
    bool drop;          /* the packet does not go on (inline) */
    bool pass;          /* a pass rule held */
    uint8_t drop_reason;
    uint8_t response;   /* enum rule_response bits: what to answer; 0 nothing */
    uint32_t response_rule;
    uint8_t response_dir; /* direction of the matched data */
    int64_t drop_rule;  /* -1: none */
    bool reject;        /* a reject rule acted */
};
struct verdict_counters {
    uint64_t accepted, blocked, rejected, replaced, drop_reason[DROP_REASON_COUNT];
    uint64_t exception[EXCEPTION_TARGETS][EXCEPTION_POLICIES];
    uint64_t bypassed_pkts, bypassed_bytes;
    uint64_t alerts, suppressed, overflow;
};
/* Sets flow flags (drop, pass) too. */
void verdict_decide(const struct verdict_config *c, struct detect *d, struct packet *p, const struct matches *m,
                    struct decision *out);
/* What an exception policy means here; adds to the decision. */
void verdict_exception(const struct verdict_config *c, struct packet *p, struct exception e, struct decision *out);
void verdict_count(struct verdict_counters *n, const struct packet *p, const struct decision *d);

/* ------------------------------------------------------------------ flexible response */

struct injector;
enum response_effect { EFFECT_UNKNOWN, EFFECT_DIED, EFFECT_LIVED };
struct response_config {
    uint8_t attempts;     /* 1..20; default 4 */
    bool on_drop;
    bool chase;           /* answer challenge ACKs with one exact reset */
    uint8_t dst_mac[6];
    bool has_dst_mac;
    uint32_t table_rows;  /* of what was answered lately */
    uint64_t table_ns;
    uint32_t rate_per_s, rate_per_target_s;
    uint64_t effect_ns;   /* how long a connection is watched after a response; default 1 s */
    /* Only connections with an end in our own networks are answered; NULL: all. */
    bool (*own)(void *ctx, uint8_t ver, const struct ip_addr *a);
    void *ctx;
};
struct response_counters {
    uint64_t requested, injected, failed, damped, rate_limited, not_own, not_answerable, challenge_acks, chased,
        died, lived, unknown, leaked_packets, leaked_bytes, own_seen;
};
/* One finished or failed response, for EVE's `response` event. */
struct response_report {
    const struct flow *flow; /* NULL: it has none */
    uint32_t rule;
    uint8_t kind;     /* enum rule_response bits that were sent */
    uint8_t attempts; /* sends */
    uint8_t effect;   /* enum response_effect */
    uint8_t status;   /* enum verdict_status */
    const char *reason;
    uint64_t sent_ns, over_ns; /* packet times: first send, end of the connection or of the watch */
    uint64_t leaked_packets, leaked_bytes, challenge_acks;
    uint8_t ver, proto;
    struct ip_addr src, dst;
    uint16_t sp, dp;
    uint64_t flow_id;
};
typedef void response_report_fn(void *ctx, const struct response_report *r);
struct responder;
/* One a worker.  The injector stays the caller's; NULL: responses are decided and counted, none is sent. */
struct responder *responder_new(const struct response_config *c, struct injector *i, response_report_fn *f, void *ctx);
void responder_free(struct responder *r);
/* Answers what the decision asks for.  Never blocks. Returns the status that the alert may claim now. */
enum verdict_status responder_answer(struct responder *r, const struct decision *d, struct packet *p);
/*
 * Sees every packet of flows that were answered (FLOW_RESPONDED), before detection: chase, effect, leaks.
 * True: the packet is one of our own (seen on the mirror): it is not judged.
 */
bool responder_see(struct responder *r, struct packet *p);
/* Ends watches whose time is over. */
void responder_tick(struct responder *r, uint64_t now_ns);
void responder_flow_end(struct responder *r, struct flow *f);
const struct response_counters *responder_counters(const struct responder *r);
/* Counters of one rule; false: none yet. */
bool responder_rule_counters(const struct responder *r, uint32_t rule, struct response_counters *out);

#endif
