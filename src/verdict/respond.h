/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Private to verdict: the table of answered connections, limits, what is sent.
 *
 * A row is a connection; its two ends are sides: side 0 sent what matched.  Rows stand in a hash
 * (both directions of a connection find the same row) and in a list by time of answer: the oldest
 * is recycled, and since every watch takes equally long, the list is the order in which watches
 * end, too.
 */
#ifndef VERDICT_RESPOND_H
#define VERDICT_RESPOND_H

#include "verdict/verdict.h"

#include "base/hash.h"
#include "capture/capture.h"

enum {
    OWN_SETS = 1024, /* of OWN_WAYS each: packets that we sent lately */
    OWN_WAYS = 4,
    TARGETS = 1024,
    RULE_ROWS = 256,
    FRAME_ROOM = 2048,
    IP_ROOM = 1400,  /* ICMPv6 errors have 1280 bytes at most */
    CHASE_MOST = 32, /* chase packets to one end */
    SENDS_MOST = 96, /* packets for one connection, all rounds */
    DUE_MOST = 64,
    PROBES_MOST = 3, /* to one end */
    ROW_RULES = 16,  /* rules of one answered connection that are told its fate */
    HEADS = 4096,    /* headers kept for probes and chases */
    HEAD_ROOM = 176, /* Ethernet and tags; twice, with a tunnel over IPv6 between them */
    HEAD_SUMS = 3,
    SENDS_OF_TWO = 8, /* the same where another sensor resets it, too */
    BULK_AFTER = 16384, /* so much passed behind the answer: no time to see who else resets */
    ROUNDS_MOST = 4,  /* times that a connection which lived on is answered again */
    LIMIT_SLOTS = 11, /* of 100 ms: any second lies within eleven */
};
#define LIMIT_SLOT_NS 100000000ull
#define REPEAT_NS                                                                                  \
    20000000ull             /* a number that was told and did not work is told again after this    \
                             */
#define ALONE_NS 50000000ull /* no other sensor's reset for so long: there is none */
#define LOOK_NS 20000000ull /* between two looks at what is watched */

/*
 * All that stands before the IP header of what is sent to an end, tunnels included: kept from the
 * first reset, for packets of the same length that are sent with none at hand.
 */
struct head_sum {
    uint16_t at, ip; /* of what is summed up; of its IPv6 header, 0: GRE */
};
struct head {
    uint32_t row; /* + 1, and side, that it was kept for: heads are recycled, oldest first */
    uint8_t side, n, n_sums;
    uint16_t port;                  /* in the wire: of the end that it goes to */
    uint16_t ip_n;                  /* bytes of IP: lengths are those of such a packet */
    struct head_sum sum[HEAD_SUMS]; /* over what follows: made anew, from the inside out */
    uint8_t bytes[HEAD_ROOM];
};

/*
 * From where it is counted what reached an end behind the forbidden bytes: those behind them in the same frame,
 * and what passed after it.
 */
struct leak_from {
    uint32_t base;    /* number behind the forbidden bytes; of the other end: of what had passed */
    uint32_t tail;    /* bytes that had passed behind them already */
    uint32_t spare;   /*   of these: in the same packet, which is forbidden itself */
    uint32_t tail_packets;
    uint32_t packets, bytes; /* end.after_* then */
    bool unseen;             /* nothing had passed on the way to this end: `base` is the end's `first` */
};

/* What is known of an end of an answered connection. */
struct end {
    struct ip_addr addr;
    uint16_t port;
    uint8_t ttl;         /* of what it sends */
    bool wanted;         /* it is to be reset */
    bool told;           /* `number` was sent to it */
    bool acked;          /* `ack` is known */
    bool seen;           /* `high` is known */
    bool gone;           /* its host has said that it knows no such connection */
    bool alive;          /* it acknowledged what had passed behind the last reset */
    bool fin, fin_acked; /* it has sent a FIN; the other end has acknowledged that */
    uint8_t chases, probes;
    uint32_t head;      /* + 1: of what is sent to it; 0: none */
    uint32_t number;    /* of the last exact reset */
    uint32_t high;      /* end of what has passed on its way to this end */
    uint32_t first;     /* begin of the first that passed, where none had before the answer */
    uint32_t high_told; /* the same, when the last reset was sent */
    uint32_t ack;       /* its highest acknowledgement */
    uint32_t fin_end;
    bool due; /* a chase packet waits for the end of the burst: */
    uint8_t due_flags;
    uint32_t due_number, due_ack;
    uint64_t told_ns;
    uint64_t last_ns;       /* its last packet but resets, behind the first reset */
    uint32_t after_packets; /* with new data, passed on their way to it behind the answer */
    uint64_t after_bytes;
};

/* What one rule has sent into a connection, or would have, had others not sent it. */
struct row_rule {
    uint32_t rule;
    uint8_t kind;
    bool damped; /* it counts what became of the connection, and sent nothing */
    const char *reason;
    uint32_t sends;
    uint64_t asked_ns, sent_ns;
    struct leak_from from[2]; /* by side */
};

struct answered {
    struct end end[2];
    struct leak_from from[2]; /* of the first rule, by side */
    struct row_rule by[ROW_RULES]; /* by[n_rules - 1] is who sends now: `rule` */
    uint8_t n_rules;
    uint16_t sent; /* of this round and those before: kinds to side 0, resets to both; 8 bits
                      further on: errors to side 1 */
    uint8_t proto, ver;
    bool used, over;
    uint8_t effect; /* once it is over */
    uint8_t kind, rounds, status;
    uint8_t server; /* side of the server */
    uint32_t next;  /* hash chain; this and the next two: index + 1 */
    uint32_t older, newer;
    uint32_t hash;
    uint32_t rule;
    uint64_t flow_id;
    struct flow *flow; /* while it lives; flow->user[1] points back */
    const char *fate; /* why it lived */
    uint32_t sends, round_sends; /* packets for this connection; in this round */
    uint32_t earlier;            /* packets of the sender before the answer */
    uint64_t begun_ns; /* the first answer of all rounds */
    uint64_t asked_ns, sent_ns,
        last_ns; /* the packet that matched; first send; last sign of an end */
    uint64_t challenge_acks, chased;
    uint16_t foreign; /* resets that are not ours */
};

enum { SIDE_1 = 8 }; /* shift of what goes to side 1, in answered.sent */
/* Whatever happens, a connection gets so many packets and no more. */
static inline bool is_spent(const struct answered *a)
{
    return a->sends >= (a->foreign ? SENDS_OF_TWO : SENDS_MOST);
}

/* Packets in the last second, counted in slots. */
struct limit {
    uint64_t slot;
    uint32_t n[LIMIT_SLOTS], sum;
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
    uint64_t seed;
    struct answered *row;
    uint32_t rows, slots, used;
    uint32_t *slot;
    uint32_t oldest, newest, watch; /* + 1; watch: the first in the list that may not be over */
    uint64_t (*own)[OWN_WAYS];      /* [OWN_SETS]: hashes */
    uint8_t own_at[OWN_SETS];
    struct limit *target; /* [TARGETS], by hash of the address */
    struct limit total;
    uint32_t total_per_s, target_per_s; /* this worker's part */
    struct rule_row rule[RULE_ROWS];
    struct response_counters rule_rest;
    uint32_t packet_id; /* IPv4 identification, IPv6 flow label: makes own packets known again */
    struct head *head;  /* [HEADS] */
    uint32_t n_heads;   /* ever made */
    uint32_t due[DUE_MOST]; /* rows with chase packets that wait */
    unsigned n_due;
    uint64_t now_ns, look_ns;
    uint8_t frame[FRAME_ROOM];
};

/* ---- table.c */
int answered_init(struct responder *r) MUST_CHECK;
void answered_done(struct responder *r);
/* The row of p's connection; *side: of p's sender. */
struct answered *answered_find(struct responder *r, const struct packet *p, unsigned *side);
/* A new row; the oldest is finished and recycled when all are used.  Side 0 is p's sender, or its
 * receiver. */
struct answered *answered_make(struct responder *r, const struct packet *p, bool turned);
void answered_again(struct responder *r, struct answered *a); /* to the end of the list */

/* ---- limit.c */
enum limit_verdict { LIMIT_OK, LIMIT_MET };
int limits_init(struct responder *r) MUST_CHECK;
void limits_set(struct responder *r); /* the rates are others */
void limits_done(struct responder *r);
/* May a packet go to `target`?  Counts it if so.  proven: both ends were seen, so nobody forged
 * this. */
bool limit_take(struct responder *r, uint8_t ver, const struct ip_addr *target, bool proven);
/* The same question, not counting. */
bool limit_open(struct responder *r, uint8_t ver, const struct ip_addr *target, bool proven);

/* ---- count.c */
struct response_counters *rule_count(struct responder *r, uint32_t rule);
#define COUNT(r, rule_, name, n)                                                                   \
    do {                                                                                           \
        (r)->count.name += (n);                                                                    \
        rule_count((r), (rule_))->name += (n);                                                     \
    } while (0)

/* ---- own.c */
int own_init(struct responder *r) MUST_CHECK;
void own_done(struct responder *r);
void own_put(struct responder *r, const uint8_t *ip, size_t n);

/* ---- send.c; true: on the wire.  p: a packet of the connection, for link header, TTL and what is
 * quoted. */
bool send_reset(struct responder *r, struct answered *a, const struct packet *p, unsigned side,
                uint32_t seq, uint32_t ack, uint8_t flags);
bool send_icmp(struct responder *r, struct answered *a, const struct packet *p, unsigned what);
/* NULL: an answer to p can be built; else why not. */
const char *send_obstacle(const struct responder *r, const struct packet *p);

bool send_has_head(const struct responder *r, const struct answered *a, unsigned side);
/* The same without a packet at hand, by what was kept of the link when the first reset went. */
bool send_chase(struct responder *r, struct answered *a, unsigned side, uint32_t seq, uint32_t ack,
                uint8_t flags);

/* ---- wrap.c */
/*
 * An answer inside the tunnel (or the PPPoE session, or behind the MPLS labels) that p came in: the
 * frame's headers up to p's IP header with lengths and sums set for n bytes of IP, addresses turned
 * when the answer goes back.  0: it can't be built.  `keep` gets what head_again needs.
 */
size_t wrap_put(uint8_t *out, size_t room, const struct packet *p, bool back,
                const uint8_t dst_mac[6], const uint8_t src_mac[6], const uint8_t *ip, size_t n,
                struct head *keep);
/* Puts h before the n bytes of IP that stand at out + h->n.  False: they are of another length. */
bool head_again(const struct head *h, uint8_t *out, size_t n);

/* ---- numbers.c */
/* Numbers for a reset of the end `side`, the likeliest first; returns how many. */
unsigned numbers_for(const struct responder *r, const struct answered *a, const struct packet *p,
                     unsigned side, bool dropped, uint32_t out[RESPONSE_ATTEMPTS_MOST]);
/* Bytes of sequence space. */
static inline uint32_t segment_len(const struct packet *p)
{
    return packet_tcp_wire_len(p) + !!(p->tcp.flags & TCP_SYN) + !!(p->tcp.flags & TCP_FIN);
}

/* ---- watch.c */
void watch_begin(struct responder *r, struct answered *a, const struct packet *p, const struct decision *d);
void watch_told(struct responder *r, struct answered *a, unsigned side, uint32_t number);
void watch_finish(struct responder *r, struct answered *a, enum response_effect effect);

/* ---- leak.c */
struct leak {
    uint64_t packets, bytes;
};
/* From where d's rule counts what leaks, by side; p: what matched, as far as the row knows it already. */
void leak_begin(const struct answered *a, const struct packet *p, const struct decision *d, struct leak_from from[2]);
struct leak leaked(const struct answered *a, const struct leak_from from[2]);

/* ---- probe.c */
/* Asks ends that keep silent whether they live. */
void probe_ends(struct responder *r, struct answered *a);

#endif
