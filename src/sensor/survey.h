/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Questions that only a worker can answer: which flows are there, what did each rule's responses
 * do.
 *
 * `ctl` -> supervisor -> engine's main thread -> workers, each of which looks at a bounded piece of
 * its tables between two bursts, into memory that is its own until it says done -> and back.
 */
#ifndef SENSOR_SURVEY_H
#define SENSOR_SURVEY_H

#include "base/ip.h"
#include "verdict/verdict.h"

struct engine;
struct json;

enum survey_kind { SURVEY_FLOWS, SURVEY_RESPONSES, SURVEY_COSTS, SURVEY_KINDS };
enum survey_const {
    SURVEY_DEFAULT = 100, /* flows told when nobody says how many */
    SURVEY_MOST = 1000,
    SURVEY_STEP = 512,  /* places of the flow table looked at between two bursts */
    SURVEY_RULES = 300, /* rules with responses of one worker */
    SURVEY_COST_STEP = 4096, /* rules looked at between two bursts */
    SURVEY_COSTS_MOST = 1000, /* the dearest rules of one worker; the others are one row */
};

enum flow_ask {
    ASK_ANY = 1,  /* either end */
    ASK_SRC = 2,  /* the client */
    ASK_DST = 4,  /* the server */
    ASK_PORT = 8, /* either end */
    ASK_SPORT = 16,
    ASK_DPORT = 32,
    ASK_PROTO = 64,
    ASK_APP = 128,
    ASK_STATE = 256,
    ASK_ALERTED = 512,
    ASK_ID = 1024,
    ASK_VLAN = 2048,
    ASK_TCP_STATE = 4096,
    ASK_ANSWERED = 8192,
    ASK_BITS = 16383,
};
struct flow_query {
    uint32_t ask; /* enum flow_ask: what has to fit */
    uint32_t most;
    struct ip_prefix any, src, dst;
    uint16_t port, sport, dport, app, vlan;
    uint8_t proto, state, tcp_state, pad[3];
    uint64_t id;
};
struct flow_row {
    struct ip_addr addr[2]; /* client, server */
    uint16_t port[2], vlan[3], app, iface;
    uint8_t ver, proto, state, tcp_state, vlan_n, alerted, answered, pad[3];
    uint64_t id, first_ns, last_ns, pkts[2], bytes[2];
    uint32_t timeout_s, worker;
};
struct response_row {
    uint32_t gid, sid; /* 0: rules without a row of their own */
    struct response_counters count;
};
struct cost_row {
    uint32_t gid, sid; /* 0: all that have no row of their own */
    uint64_t checks, matches, cycles, steps, suspended;
};

/*
 * Words of `ctl flows`: KEY=VALUE or KEY VALUE, and what speaks for itself (tcp, 10.0.0.0/8, 443).
 * False: *why says which word is none.
 */
bool flow_query_parse(const char *words, struct flow_query *out, char *why, size_t room) MUST_CHECK;
bool flow_query_good(const struct flow_query *q); /* as it came from another process */
bool flow_query_match(const struct flow_query *q, const struct flow *f);
bool flow_row_good(const struct flow_row *r);
void flow_row_json(const struct flow_row *r, const char *iface, struct json *j);

/* One worker's part. */
struct survey {
    enum survey_kind kind;
    struct flow_query query;
    uint32_t worker;
    uint32_t at; /* place in the table */
    uint32_t n, seen;
    struct flow_row *flow; /* a heap, the oldest on top, until it is done */
    struct response_row *rule;
    struct cost_row *cost; /* the first: all others; then a heap, the cheapest on top */
};
/* Room for a worker's answer; NULL: no memory. */
struct survey *survey_new(enum survey_kind kind, const struct flow_query *q, uint32_t worker);
void survey_free(struct survey *s);
/* The worker's step between two bursts; false: it is done. */
bool survey_step(struct survey *s, struct engine *e);
/* The newest packet first; at most `most`.  Returns how many there are. */
uint32_t flow_rows_order(struct flow_row *r, uint32_t n, uint32_t most);
/* One row a rule: those of the same gid and sid are added up. */
uint32_t response_rows_merge(struct response_row *r, uint32_t n);
uint32_t cost_rows_merge(struct cost_row *r, uint32_t n);
size_t survey_row_size(enum survey_kind k);

#endif
