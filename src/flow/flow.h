/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Flows, and the TCP streams in them.
 *
 * A flow belongs to one worker; so does its table: no locks.  Direction 0 goes to the server, 1 to
 * the client; the client is who sent the first packet, unless a SYN, a SYN/ACK, the application or
 * a port says better (flow_swap).
 *
 * Time is packet time and comes as a parameter.  Everything has a cap; what a cap refuses is
 * counted, and the setting's exception policy says what becomes of the packet.
 */
#ifndef FLOW_FLOW_H
#define FLOW_FLOW_H

#include "base/attr.h"
#include "packet/packet.h"

enum { DIR_TO_SERVER = 0, DIR_TO_CLIENT = 1 };

enum exception_policy {
    EXCEPTION_IGNORE, /* let it on without inspection by what met its cap */
    EXCEPTION_AUTO,
    EXCEPTION_PASS_PACKET,
    EXCEPTION_PASS_FLOW,
    EXCEPTION_BYPASS,
    EXCEPTION_DROP_PACKET,
    EXCEPTION_DROP_FLOW,
    EXCEPTION_REJECT,
    EXCEPTION_REJECT_BOTH,
    EXCEPTION_POLICIES,
};
/* What met its cap or rule; EVE's flow.exception_policy[].target and drop reasons. */
enum exception_target {
    EXCEPTION_NONE,
    EXCEPTION_FLOW_MEMCAP,
    EXCEPTION_STREAM_MEMCAP,
    EXCEPTION_REASSEMBLY_MEMCAP,
    EXCEPTION_MIDSTREAM,
    EXCEPTION_DEFRAG_MEMCAP,
    EXCEPTION_APP_ERROR,
    EXCEPTION_TARGETS,
};
struct exception {
    uint8_t target; /* enum exception_target; NONE: nothing happened */
    uint8_t policy; /* enum exception_policy */
};

enum flow_state { FLOW_NEW, FLOW_ESTABLISHED, FLOW_CLOSED, FLOW_BYPASSED, FLOW_STATES };
/* Why a flow ended: EVE's flow.reason "timeout", "forced", "shutdown", "tcp_reuse". */
enum flow_end { FLOW_END_TIMEOUT, FLOW_END_FORCED, FLOW_END_SHUTDOWN, FLOW_END_TCP_REUSE };

enum flow_flag {
    FLOW_SEEN_TO_SERVER = 1u << 0,
    FLOW_SEEN_TO_CLIENT = 1u << 1,
    FLOW_DROP = 1u << 2,                  /* a rule or policy drops the rest of the flow */
    FLOW_PASS = 1u << 3,                  /* a pass rule: no more alerts */
    FLOW_NO_PAYLOAD_INSPECTION = 1u << 4, /* encrypted, by-passed */
    FLOW_NO_PACKET_INSPECTION = 1u << 5,
    FLOW_ALERTED = 1u << 6,
    FLOW_SWAPPED = 1u << 7,
    FLOW_IPONLY_TO_SERVER = 1u << 8, /* address-only rules have seen this direction */
    FLOW_IPONLY_TO_CLIENT = 1u << 9,
    FLOW_TCP_REUSED = 1u << 10,
    FLOW_EMERGENCY = 1u << 11,
    FLOW_BYPASS = 1u << 12,
    FLOW_DROP_TO_SERVER = 1u << 13, /* one direction only */
    FLOW_DROP_TO_CLIENT = 1u << 14,
    FLOW_ACCEPT = 1u << 15, /* firewall rules */
    FLOW_ELEPHANT_TO_SERVER = 1u << 16,
    FLOW_ELEPHANT_TO_CLIENT = 1u << 17,
    FLOW_RESPONDED = 1u << 18,    /* a response of ours was sent into it */
    FLOW_PD_TO_SERVER = 1u << 19, /* protocol detection of this direction is final */
    FLOW_PD_TO_CLIENT = 1u << 20,
    FLOW_REJECT = 1u << 21,
    FLOW_DROP_SAID_TO_SERVER = 1u << 22, /* a drop event was written for this direction */
    FLOW_DROP_SAID_TO_CLIENT = 1u << 23,
    FLOW_WOULD_DROP = 1u << 24, /* a rule wants to drop the rest, and nothing can be dropped here */
    FLOW_START_TO_SERVER = 1u << 25, /* detect has seen the first packet of this direction */
    FLOW_START_TO_CLIENT = 1u << 26,
    FLOW_DROP_BY_FIREWALL = 1u << 27, /* beside FLOW_DROP: who did it */
    FLOW_DROP_BY_EXCEPTION = 1u << 28,
};

struct app_flow;    /* app/app.h */
struct detect_flow; /* detect/detect.h */
struct tcp_session; /* flow's own; accessors below */

struct flow {
    /* line 0: lookup */
    struct ip_addr addr[2]; /* client, server */
    uint16_t port[2];       /* or ICMP type and its answer's */
    uint32_t hash;
    uint32_t next; /* index in the table's slot chain */
    uint16_t vlan[PACKET_VLANS];
    uint8_t vlan_n;
    uint8_t proto, ver;
    uint8_t state; /* enum flow_state */
    uint8_t live;
    uint8_t end; /* enum flow_end, once it ends */
    uint32_t flags;
    uint32_t
        exceptions; /* bit (target * 4): which exception targets were met, for the flow event */

    struct tcp_session *tcp;
    struct app_flow *app;
    struct detect_flow *detect;
    uint64_t id; /* EVE's flow_id: below 2^53, the same for any number of workers */
    uint64_t first_ns, last_ns;
    uint64_t first_number;      /* packet that made it */
    uint64_t pkts[2], bytes[2]; /* by direction; super-frames count as the packets they stand for */
    uint64_t acked_unseen[2]; /* bytes that the peer acknowledged and we never saw: capture loss */
    uint32_t timeout_s;
    uint16_t iface;
    uint8_t emergency;
    uint8_t icmp_code[2];
    uint8_t mac_have;
    uint8_t mac[2][6]; /* of the ends as first seen */
    uint8_t ttl[2];    /* last seen from each side: responses impersonate it */
    uint8_t min_ttl[2], max_ttl[2];
    uint16_t app_proto[2];  /* enum app_proto_id by direction, and */
    uint16_t app_proto_any; /*   the flow's (0 unknown) */
    uint16_t app_proto_orig, app_proto_expected;
    uint32_t parent_hash;
    uint64_t parent_id; /* e.g. the FTP control connection of a data one */
    uint32_t tx_cnt;
    uint32_t index; /* own place in the table */
    struct exception exception_log[4];
    uint8_t exception_n;
    void *user[2]; /* engine, verdict */
    uint64_t unlisted; /* generation of the blacklist + 1 in which no entry names it, by direction: low, high half */
};

struct flow_timeouts {
    uint32_t s[FLOW_STATES], emergency_s[FLOW_STATES];
};
struct flow_config {
    uint64_t memcap_bytes;       /* the table, flows and sessions */
    uint32_t max_flows;          /* 0: what memcap allows */
    uint32_t buckets;            /* rounded up to a power of two */
    uint32_t emergency_recovery; /* percent of flows to get rid of */
    struct flow_timeouts tcp, udp, icmp, other;
    enum exception_policy memcap_policy;
    bool exact_evict; /* what goes at the cap is what expires first, exactly: replay */
    bool vlan_in_key;
    bool depth_in_key; /* a tunnel's inner flow is another than one of the same ends outside */
    uint64_t hash_seed;
    uint64_t elephant_bytes; /* 0: off */
};

struct flow_counters {
    uint64_t total, active, tcp, udp, icmpv4, icmpv6, tcp_reuse, get_used, memcap, spare;
    uint64_t end_new, end_established, end_closed, end_timeout, end_forced, emergency_entered,
        emergency_over;
    uint64_t memuse_bytes, elephant;
};

struct flow_table;
/* What a table with so many flows takes. */
uint64_t flow_table_bytes(const struct flow_config *c, uint64_t flows);
struct flow_table *flow_table_new(const struct flow_config *c); /* NULL: no memory */
void flow_table_free(struct flow_table *t);
/* Touches the slots that these packets will need. */
void flow_prefetch(struct flow_table *t, struct packet *const *p, unsigned n);
/*
 * The packet's flow, found or made; sets p->flow, p->dir and the first-packet flags, counts bytes
 * and packets.  ICMP errors get the flow that they speak of.  NULL: the packet has none
 * (PKT_IGNORE, fragment) or the cap is met (then *exc says so).  `end` is called for a flow whose
 * place a new connection of the same addresses and ports takes (TCP reuse).
 */
typedef void flow_end_fn(void *ctx, struct flow *f);
struct flow *flow_get(struct flow_table *t, struct packet *p, struct exception *exc,
                      flow_end_fn *end, void *ctx);
/*
 * Ends flows whose time is over; `end` sees each before it is freed.  Order: by time of expiry,
 * then by first_number: the same for any number of workers when called at the same times.
 */
void flow_tick(struct flow_table *t, uint64_t now_ns, flow_end_fn *end, void *ctx);
/*
 * Time went on, by packets that are of no flow here too: workers that see all packets (replay) then agree
 * on what a clock set back does to a flow's end.
 */
void flow_clock(struct flow_table *t, uint64_t now_ns);
/*
 * Tables of several workers under one cap (replay), while one worker goes and the others stand: what the others
 * hold is told before (flow_others), and at the cap all enter their emergency and what goes first is sought in all.
 */
enum { FLOW_TABLES = 64 };
struct flow_peers {
    void *ctx;
    void (*emergency)(void *ctx); /* flow_emergency of each */
    bool (*evict)(void *ctx);     /* flow_evict_exact of all */
};
void flow_table_peers(struct flow_table *t, const struct flow_peers *p);
void flow_others(struct flow_table *t, uint64_t active);
void flow_emergency(struct flow_table *t, bool counted);
bool flow_evict_exact(struct flow_table *const *t, unsigned n, flow_end_fn *end, void *const *ctx);
/* So many flows more, and the cap may be met; or it was, and the emergency goes on. */
bool flow_near_cap(const struct flow_table *t, uint64_t active, uint64_t more);
/* Ends all flows (shutdown), in order of first_number. */
void flow_end_all(struct flow_table *t, flow_end_fn *end, void *ctx);
void flow_swap(struct flow *f); /* client and server change places */
/* Walks live flows, e.g. for ctl; f returns false to stop. */
void flow_each(struct flow_table *t, bool (*f)(void *ctx, struct flow *f), void *ctx);
/*
 * The same in pieces: at most `places` of the table from *at on (0: its begin), so that a packet in
 * between waits for one piece and not for all.  False: that was the end.
 */
bool flow_walk(struct flow_table *t, uint32_t *at, uint32_t places,
               bool (*f)(void *ctx, struct flow *f), void *ctx);
/* Looks a flow up without making one; either direction. */
struct flow *flow_find(struct flow_table *t, const struct packet *p);
const struct flow_counters *flow_counters(const struct flow_table *t);
/* Sets a state of flows without TCP (both sides seen: established). */
/* When its time is over, as flow_tick sees it. */
uint64_t flow_expiry_ns(const struct flow *f);
const char *flow_state_name(const struct flow *f); /* "new", "established", "closed", "bypassed" */

/* ------------------------------------------------------------------ TCP streams */

/* Target policies: which copy of overlapping data wins, which reset counts. */
enum os_policy {
    OS_FIRST,
    OS_LAST,
    OS_BSD,
    OS_BSD_RIGHT,
    OS_OLD_LINUX,
    OS_LINUX,
    OS_OLD_SOLARIS,
    OS_SOLARIS,
    OS_HPUX10,
    OS_HPUX11,
    OS_IRIX,
    OS_MACOS,
    OS_WINDOWS,
    OS_VISTA,
    OS_WINDOWS2K3,
    OS_POLICIES,
};
int os_policy_find(struct str name); /* "linux", "bsd-right", "windows2k3" ...; -1 */
enum frag_policy os_frag_policy(enum os_policy p);

enum tcp_state {
    TCP_NONE,
    TCP_LISTEN,
    TCP_SYN_SENT,
    TCP_SYN_RECV,
    TCP_ESTABLISHED,
    TCP_FIN_WAIT1,
    TCP_FIN_WAIT2,
    TCP_TIME_WAIT,
    TCP_LAST_ACK,
    TCP_CLOSE_WAIT,
    TCP_CLOSING,
    TCP_CLOSED,
};

/* Stream events: X(id, name behind "stream-event:"); names are Suricata's. */
#include "flow/events.def"
#define STREAM_EVENT_ID(id, name) STREAM_EV_##id,
enum stream_event { STREAM_EVENTS(STREAM_EVENT_ID) STREAM_EVENT_COUNT };
#undef STREAM_EVENT_ID
const char *stream_event_name(unsigned id);
int stream_event_find(struct str name);

enum stream_inspect { INSPECT_ON_ARRIVAL, INSPECT_ON_ACK };
enum urgent_policy { URGENT_OOB, URGENT_INLINE, URGENT_DROP, URGENT_GAP };

struct stream_config {
    uint64_t memcap_bytes, reassembly_memcap_bytes;
    enum exception_policy memcap_policy, reassembly_policy, midstream_policy;
    uint32_t depth_bytes;    /* 0: no limit */
    uint32_t chunk_bytes[2]; /* to server, to client: unit of raw inspection when on ack */
    bool check_csum;         /* packets with bad checksums stay out of the stream */
    bool midstream, async_oneside;
    bool inline_mode; /* first copy wins and is what leaves */
    bool liberal_timestamps; /* one tick back is taken as Linux takes it, whatever the target is */
    bool drop_invalid;
    bool bypass; /* by-pass a stream that reached its depth */
    enum stream_inspect inspect;
    enum urgent_policy urgent;
    uint8_t urgent_oob_limit_policy; /* URGENT_INLINE, _DROP, _GAP */
    uint8_t max_synack_queued, max_syn_queued;
    uint16_t max_regions;
    uint64_t raw_keep_bytes; /* bytes kept behind the inspected edge for rules that look back; 0:
                                chunk */
    bool raw;                /* raw inspection wanted at all (rules on stream payload exist) */
    enum os_policy (*os)(void *ctx, uint8_t ver, const struct ip_addr *dst); /* NULL: OS_BSD */
    void *ctx;
};

enum stream_piece {
    PIECE_START = 1u << 0,
    PIECE_EOF = 1u << 1,   /* nothing follows; n may be 0 */
    PIECE_GAP = 1u << 2,   /* n bytes are missing; data is NULL */
    PIECE_DEPTH = 1u << 3, /* depth reached: nothing follows */
    PIECE_MIDSTREAM = 1u << 4,
};
struct stream_sink {
    void *ctx;
    /*
     * Bytes for the application layer: in order, each byte once, at arrival or when acknowledged
     * (config). data is borrowed for the call.  `p` is the packet that made them available (its
     * direction may be the other one).
     */
    void (*data)(void *ctx, struct flow *f, struct packet *p, unsigned dir, const uint8_t *data,
                 uint32_t n, unsigned piece);
    /* Inline: `n` payload bytes of p at `offset` must leave as `data` (an earlier copy wins). */
    void (*rewrite)(void *ctx, struct packet *p, uint32_t offset, const uint8_t *data, uint32_t n);
};

struct stream_counters {
    uint64_t sessions, ssn_memcap_drop, ssn_pool, pseudo, invalid_checksum, midstream_pickups, syn,
        synack, rst, segment_memcap_drop, stream_depth_reached, reassembly_gap, overlap,
        overlap_diff_data, insert_data_normal_fail, insert_data_overlap_fail, insert_list_fail,
        urgent_oob, acked_unseen_bytes, memuse_bytes, reassembly_memuse_bytes, pkt_on_wrong_thread,
        active_sessions, invalid_ack, drop_invalid, urg, event[STREAM_EVENT_COUNT];
};

struct stream_engine;
struct stream_engine *stream_engine_new(const struct stream_config *c);
void stream_engine_free(struct stream_engine *e);
/*
 * Takes a TCP packet of a flow: state, window, reassembly; sets p->flags (PKT_STREAM_*) and events;
 * calls the sink.  Returns the exception that was met (target NONE: none); drop_invalid packets
 * have PKT_DROPPED set.
 */
struct exception stream_packet(struct stream_engine *e, struct flow *f, struct packet *p,
                               const struct stream_sink *sink);
/* End of the flow: delivers what waits (also what was never acknowledged) and EOF, once a
 * direction. */
void stream_flush(struct stream_engine *e, struct flow *f, const struct stream_sink *sink);
/* The same of one direction alone. */
void stream_flush_side(struct stream_engine *e, struct flow *f, unsigned dir,
                       const struct stream_sink *sink);
/* Frees the session of an ended flow. */
void stream_done(struct stream_engine *e, struct flow *f);
/* What other workers' engines hold under the same caps (replay). */
void stream_others(struct stream_engine *e, uint64_t bytes, uint64_t reassembly_bytes);
const struct stream_counters *stream_counters(const struct stream_engine *e);

/*
 * Raw inspection.  A view holds the contiguous bytes of one direction that rules on the stream
 * should look at now; `fresh` is the offset in the view where what was not yet inspected starts
 * (bytes before it are kept so that a pattern that lies across is found).
 *  - On arrival: available with each packet that adds in-order data.  When nothing is missing and
 * nothing has to be kept, data points into the packet.
 *  - On ack: available when a chunk of acknowledged data is full, when the application asked for it
 *    (stream_raw_trigger), and at the end of the stream.
 */
struct stream_view {
    const uint8_t *data;
    uint32_t n;
    uint32_t fresh;
    uint64_t offset; /* of data[0] from the stream's start */
    bool eof;
};
bool stream_raw(struct stream_engine *e, struct flow *f, const struct packet *p, unsigned dir,
                struct stream_view *out);
void stream_raw_done(struct stream_engine *e, struct flow *f,
                     unsigned dir); /* inspected up to its end */
/* Bytes that no rule has seen; none where no rule looks at streams. */
bool stream_raw_waits(const struct stream_engine *e, const struct flow *f, unsigned dir);
void stream_raw_trigger(struct flow *f,
                        unsigned dir); /* a transaction is whole: let raw rules see it */
void stream_raw_disable(struct flow *f, unsigned dir);
/* The application layer needs no more of this direction (unknown protocol, error, encrypted). */
void stream_app_disable(struct flow *f, unsigned dir);
/* Raise the depth of this flow (file storing). */
void stream_set_depth(struct flow *f, uint32_t depth_bytes);
/* Bytes kept around a position, for EVE's payload of stream alerts: at most `room` bytes. */
uint32_t stream_copy(const struct flow *f, unsigned dir, uint64_t offset, uint8_t *out,
                     uint32_t room);

/* What others ask of a session. */
enum tcp_state tcp_flow_state(const struct flow *f);
const char *
tcp_state_name(enum tcp_state s); /* "established", "fin_wait1" ... as EVE's tcp.state */
struct tcp_side {
    uint32_t isn;      /* initial sequence number */
    uint32_t next_seq; /* next byte that this side will send, as seen */
    uint32_t last_ack; /* what the other side acknowledged of it */
    uint32_t window;   /* window that this side may use (the receiver's, scaled) */
    uint32_t rcv_nxt; /* what this side has acknowledged of the other, = exact number for a reset to
                         it */
    uint8_t wscale;
    uint8_t flags_seen;  /* TCP flags of all its packets, or-ed */
    uint64_t seen_bytes; /* payload bytes up to next_seq, lost ones as well */
    uint16_t max_regions;
    uint16_t mss;
    uint32_t ts_val; /* last timestamp value that it sent */
    uint32_t overlaps;
    uint32_t urgent_oob; /* urgent bytes taken out of the stream */
    bool has_ts;
    bool gap; /* bytes of it were acknowledged and never seen */
    bool known; /* isn is: its SYN was seen, or the session began in the middle */
};
bool tcp_side_get(const struct flow *f, unsigned dir, struct tcp_side *out); /* dir: whose bytes */
bool tcp_is_midstream(const struct flow *f);
/* Sequence number of the byte at this offset of the stream (of a view, say). */
bool stream_number_at(const struct flow *f, unsigned dir, uint64_t offset, uint32_t *seq);

#endif
