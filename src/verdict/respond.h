/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to verdict: the table of answered connections and what is sent. */
#ifndef VERDICT_RESPOND_H
#define VERDICT_RESPOND_H

#include "verdict/verdict.h"

#include "base/hash.h"
#include "capture/capture.h"

enum { OWN_RING = 1024, TARGETS = 1024, RULE_ROWS = 256, CHASE_MOST = 64, FRAME_ROOM = 2048 };

/* A connection that was answered; side 0 sent the packet that matched. */
struct answered {
    struct ip_addr addr[2];
    uint16_t port[2];
    uint8_t proto, ver;
    bool used, over;
    uint32_t next; /* chain, + 1 */
    uint32_t older, newer; /* by time of answer, + 1 */
    uint32_t hash;
    uint64_t flow_id;
    struct flow *flow;
    uint32_t rule;
    uint8_t kind, sends, status;
    const char *reason;
    uint64_t sent_ns, last_ns; /* first and last send */
    uint64_t seen_ns;          /* last packet of either end behind the first send */
    uint32_t last_seq[2];      /* number of the last reset sent to that side */
    bool reset_to[2];
    uint32_t chases[2];
    uint32_t ack[2];           /* last acknowledgement of that side */
    bool has_ack[2];
    uint64_t progress_ns;      /* last time a side acknowledged something new */
    bool host_reset;           /* an end has sent a reset of its own */
    uint64_t leaked_packets, leaked_bytes, challenge_acks;
    uint64_t dead_ns;
};

struct bucket {
    struct ip_addr addr;
    uint8_t ver;
    uint32_t tokens;
    uint64_t second;
};

struct rule_row {
    uint32_t rule;
    bool used;
    struct response_counters count;
};

struct responder {
    struct response_config config;
    struct injector *out;
    response_report_fn *report;
    void *ctx;
    struct response_counters count;
    struct answered *row;
    uint32_t rows, slots, used;
    uint32_t *slot;
    uint32_t oldest, newest; /* + 1 */
    uint64_t own[OWN_RING];  /* hashes of what we sent lately */
    uint32_t own_at;
    struct bucket target[TARGETS];
    struct bucket total;
    struct rule_row rule[RULE_ROWS];
    uint16_t ip_id;
    uint64_t now_ns;
    uint8_t frame[FRAME_ROOM];
};

/* table.c */
int answered_init(struct responder *r) MUST_CHECK;
void answered_done(struct responder *r);
struct answered *answered_find(struct responder *r, const struct packet *p, bool *turned);
struct answered *answered_make(struct responder *r, const struct packet *p); /* recycles the oldest */
bool rate_ok(struct responder *r, uint8_t ver, const struct ip_addr *target);
void own_put(struct responder *r, uint64_t hash);
bool own_has(const struct responder *r, uint64_t hash);
uint64_t own_hash(const struct ip_addr *src, const struct ip_addr *dst, uint16_t sp, uint16_t dp, uint32_t seq);
struct response_counters *rule_count(struct responder *r, uint32_t rule);
/* send.c: true: on the wire */
bool send_reset(struct responder *r, struct answered *a, const struct packet *p, unsigned side, uint32_t seq,
                uint32_t ack, uint8_t flags);
bool send_icmp(struct responder *r, struct answered *a, const struct packet *p, unsigned what);
bool can_send(const struct responder *r, const struct packet *p, const char **why);

#endif
