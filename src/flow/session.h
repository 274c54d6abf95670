/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A TCP session from inside: what its two halves know, and how the parts of the stream engine call
 * each other.
 *
 * A half is one direction's bytes: half[0] what the client sends.  Positions in a stream are 64-bit
 * offsets from the first byte after the SYN (or from pickup), without urgent bytes that were taken
 * out; sequence numbers are mapped to them near `edge`, so wraps need no thought.
 *
 *      base <= ... <= app <= edge            app: given to the sink; edge: end of what is
 * contiguous raw  <= app                           raw: inspected by rules on the stream
 *
 * What lies below `app` never changes again.  What lies above is in the store: regions (bytes) and
 * extents (which segment brought which bytes; overlap policies need the segments' ends).
 */
#ifndef FLOW_SESSION_H
#define FLOW_SESSION_H

#include "flow/flow_table.h"

enum {
    BUF_CLASSES = 18, /* 512 << class: up to 64 MB */
    BUF_MIN = 512,
    STORE_REGIONS = 8,
    RUNS_FEW = 4,
    REGION_SLACK = 32 << 10, /* holes up to this are kept inside one region */
    EXTENTS_MAX = 8192,
    SYNS_MAX = 16,
    URGENT_KEPT = 8,
    URGENT_LIMIT = 65535,
    TCP_WSCALE_MAX = 14,
};

/* Bytes [off, off + len) of a stream. */
struct region {
    uint64_t off;
    uint8_t *buf; /* start of memory; the bytes start at buf + head */
    uint32_t head, len, room;
    uint8_t class;
};
/* A segment's bytes [s, e), as it brought them. */
struct extent {
    uint64_t s, e;
};
struct store {
    struct region region[STORE_REGIONS];
    struct extent run_few[RUNS_FEW];
    struct extent *run;   /* delivered and still kept: ascending, apart; NULL: run_few */
    struct extent *ext;   /* not yet delivered: ascending by s */
    uint64_t ext_longest; /* no segment in `ext` is longer */
    uint32_t ext_head, ext_n, ext_room;
    uint32_t runs, run_room;
    uint8_t regions, ext_class, run_class;
};

enum half_flag {
    HALF_TS = 1 << 0,       /* sends timestamps */
    HALF_FIN_SEEN = 1 << 1, /* fin_seq is known, its place not yet reached */
    HALF_FIN = 1 << 2,      /* FIN taken: all before it has been seen or skipped */
    HALF_FIN_ACKED = 1 << 3,
    HALF_RST = 1 << 4,     /* sent a reset that counted */
    HALF_STARTED = 1 << 5, /* first piece given to the sink */
    HALF_EOF = 1 << 6,     /* EOF or DEPTH given to the sink */
    HALF_DEPTH = 1 << 7,
    HALF_APP_OFF = 1 << 8,
    HALF_RAW_OFF = 1 << 9,
    HALF_RAW_TRIGGER = 1 << 10,
    HALF_RAW_END = 1 << 11,   /* nothing follows: let raw rules see the rest */
    HALF_BASE = 1 << 12,      /* isn, next_seq, edge are set */
    HALF_KEEPALIVE = 1 << 13, /* the last packet was a keep-alive */
    HALF_WSCALE = 1 << 14,
    HALF_URG_FULL = 1 << 15,
    HALF_ACK_HINT = 1 << 16,
    HALF_PROBE = 1 << 17,      /* probe_byte, at edge, was sent into a closed window */
    HALF_HINT_DOUBT = 1 << 18, /* bytes below ack_hint came after it: it was early, or a lie */
    HALF_JUMP_SENT = 1 << 19,  /* [jump, jump_end] was sent far outside the window */
    HALF_JUMP_ACKED = 1 << 20, /* jump was acknowledged far outside the window */
};

struct tcp_half {
    uint32_t isn, next_seq, last_ack;
    uint32_t window;   /* that this half may use; the other side's, scaled */
    uint32_t next_win; /* highest right edge that the other side ever offered */
    uint32_t edge_seq; /* sequence number of `edge` */
    uint32_t flags;    /* enum half_flag */
    uint32_t ts_val, ts_s;
    uint32_t fin_seq;
    uint64_t edge, app, raw;
    struct store *store;
    uint64_t view_end;       /* of the last raw view */
    uint64_t first_gap;      /* end of a gap at the very start, 0: none */
    uint32_t jump, jump_end; /* used by one end; if the other agrees, a loss lies before */
    uint32_t ack_hint;       /* HALF_ACK_HINT: acknowledged beyond all that was seen */
    uint32_t depth;
    uint32_t overlaps;
    uint32_t urg_total; /* urgent bytes taken out so far; the last of them: */
    uint32_t urg_seq[URGENT_KEPT];
    uint16_t mss, max_regions;
    uint8_t wscale; /* of the windows that this half's sender offers */
    uint8_t flags_seen;
    uint8_t policy; /* enum os_policy of this half's receiver */
    uint8_t probe_byte;
};

/* SYNs and SYN/ACKs of which the right one is not yet known. */
struct handshake {
    struct tcp_syn syn[SYNS_MAX], synack[SYNS_MAX];
    uint8_t syns, synacks;
    uint32_t syn_oldest;
};

enum session_flag {
    SSN_MIDSTREAM = 1 << 0,
    SSN_ASYNC = 1 << 1,
    SSN_FOURWAY = 1 << 2,
    SSN_TS = 1 << 3, /* both sides agreed on timestamps */
    SSN_AUTH = 1 << 4,
    SSN_SACK = 1 << 5,
    SSN_FASTOPEN = 1 << 6,
    SSN_SERVER_FIRST = 1 << 7, /* the server's FIN came first */
    SSN_RESYN = 1 << 8,        /* syn holds a SYN seen on the established session */
    SSN_WAS_UP = 1 << 10,
    SSN_SYN_FLOOD = 1 << 11, /* more SYNs than are remembered */
    SSN_ENDED = 1 << 9,      /* flushed */
};

struct tcp_session {
    struct tcp_half half[2];
    uint16_t flags; /* enum session_flag */
    uint8_t state;  /* enum tcp_state */
    uint8_t state_before_rst;
    struct stream_engine *engine;
    struct handshake *hs;
    struct tcp_syn syn; /* that began it; with SSN_RESYN: seen later, perhaps of the next */
};

/* Items of one size, never given back; freed ones are chained through their first word. */
struct slab {
    void *blocks; /* chained likewise */
    void *free;
    uint32_t item;
};

struct stream_engine {
    struct stream_config cfg;
    struct stream_counters n;
    struct slab sessions, handshakes, stores;
    void *buf_free[BUF_CLASSES];
    uint64_t buf_idle; /* bytes in buf_free */
    uint64_t others, others_reassembly; /* bytes of other engines under these caps */
};

/* One packet's way through the stream. */
struct pass {
    struct stream_engine *e;
    struct flow *f;
    struct tcp_session *s;
    struct packet *p;
    const struct stream_sink *sink;
    struct exception exc;
    unsigned dir;
    struct tcp_half *mine, *other;
    bool hold; /* bytes wait for their acknowledgement whatever the mode (data in a SYN) */
};

static inline bool on_ack(const struct pass *c)
{
    return c->e->cfg.inspect == INSPECT_ON_ACK && !(c->s->flags & SSN_ASYNC);
}
static inline uint32_t buf_room(uint8_t class)
{
    return (uint32_t)BUF_MIN << class;
}

/* pool.c */
struct tcp_session *session_take(struct stream_engine *e);
void session_give(struct stream_engine *e, struct tcp_session *s);
struct handshake *handshake_take(struct stream_engine *e);
void handshake_give(struct stream_engine *e, struct handshake *h);
struct store *store_take(struct stream_engine *e);
void store_give(struct stream_engine *e, struct store *s); /* and all that it holds */
uint8_t *buf_take(struct stream_engine *e, uint32_t bytes, uint8_t *class);
void buf_give(struct stream_engine *e, uint8_t *buf, uint8_t class);
void pools_done(struct stream_engine *e);

/* stream.c */
void stream_event(struct pass *c, enum stream_event ev);
void session_state(struct pass *c, enum tcp_state st);
void packet_refuse(struct pass *c); /* not for the stream; dropped if the setting says so */
void packet_skip(struct pass *c);   /* not for the stream, but nothing wrong with it */
void session_prefetch(const struct tcp_session *s);
void session_swap(struct tcp_session *s);
/* A SYN or SYN/ACK that ends the session in f and begins another; with has_seed, from an older SYN.
 */
bool tcp_replaces(struct flow *f, const struct packet *p, unsigned dir, struct tcp_syn *seed,
                  bool *has_seed);

/* pickup.c */
void half_base(struct tcp_half *h, uint32_t isn);
bool session_begin(struct pass *c, enum tcp_state st);
void state_none(struct pass *c);
void pickup_midstream(struct pass *c);

/* handshake.c */
void syn_read(const struct packet *p, struct tcp_syn *out);
void half_from_syn(struct pass *c, unsigned dir, const struct tcp_syn *s);
void syn_data(struct pass *c);
void windows_from_syns(struct pass *c, const struct tcp_syn *syn, const struct tcp_syn *synack);
/* The SYN that an acknowledgement number answers, NULL if none does. */
const struct tcp_syn *syn_of_ack(const struct tcp_session *s, uint32_t ack);
void synack_take(struct pass *c, const struct tcp_syn *syn, const struct tcp_syn *synack);
void syn_queue(struct pass *c);
void synack_queue(struct pass *c, const struct tcp_syn *synack);
void state_syn_sent(struct pass *c);

/* synrecv.c */
void state_syn_recv(struct pass *c);
void session_up(struct pass *c); /* established by this packet, whose rest is then taken */

/* connected.c */
void state_connected(struct pass *c); /* established and all states of closing */
/* Takes acknowledgement, window, data and FIN of a packet that has been found good. */
void connected_take(struct pass *c);

/* reset.c */
bool reset_counts(struct pass *c);
void reset_take(struct pass *c);
bool reset_undone(struct pass *c);

/* check.c */
bool timestamp_ok(const struct pass *c);
void timestamp_take(struct pass *c);
bool ack_plausible(const struct pass *c);
bool is_keepalive(const struct pass *c);
bool jump_acked(struct pass *c); /* the other half jumps to what this packet acknowledges */
bool jump_sent(struct pass *c);  /* this half jumps to where this packet starts */

/* reasm.c */
int64_t half_offset(const struct tcp_half *h, uint32_t seq);
void edge_advance(struct tcp_half *h, uint64_t to);
uint64_t half_acked(const struct tcp_half *h); /* offset up to which the other side has all */
bool half_is_off(const struct pass *c, const struct tcp_half *h);
void reasm_data(struct pass *c, uint32_t seq, const uint8_t *data, uint32_t n);

/* urgent.c */
bool urgent_note(struct pass *c); /* false: the packet's payload stays out */
int urgent_between(const struct tcp_half *h, uint32_t from, uint32_t to);
bool urgent_at(const struct tcp_half *h, uint32_t seq);

/* store.c */
enum reserve { RESERVE_OK, RESERVE_MEMCAP, RESERVE_REGIONS };
enum reserve store_reserve(struct stream_engine *e, struct tcp_half *h, uint64_t from, uint64_t to);
/* The kept bytes from off on, at most *n; NULL if off lies in no region. */
uint8_t *store_at(const struct store *st, uint64_t off, uint64_t *n);
bool store_extent_add(struct stream_engine *e, struct store *st, struct extent x);
void store_extents_drop(struct store *st, uint64_t upto);
/* The first extent that may reach beyond `from`, and how many stand from there on. */
const struct extent *store_extents(const struct store *st, uint64_t from, uint32_t *n);
void store_run_add(struct stream_engine *e, struct store *st, uint64_t from, uint64_t to);
static inline struct extent *store_runs(struct store *st)
{
    return st->run ? st->run : st->run_few;
}
uint32_t store_run_after(const struct store *st,
                         uint64_t off); /* the first run that ends behind off */
void store_trim(struct stream_engine *e, struct store *st, uint64_t floor);

/* overlap.c */
bool overlap_new_wins(enum os_policy policy, const struct extent *fresh, const struct extent *old);

/*
 * deliver.c.  `own`: the direction of the packet, else the other one.  The sink may swap the flow's
 * ends: halves are to be looked up again (side) after each call.
 */
static inline struct tcp_half *side(const struct pass *c, bool own)
{
    return own ? c->mine : c->other;
}
bool half_keeps(const struct stream_engine *e, const struct tcp_half *h);
void deliver_direct(struct pass *c, const uint8_t *data, uint32_t n);
void deliver_ready(struct pass *c, bool own); /* what the mode allows; declares gaps */
void deliver_all(struct pass *c, bool own, bool across_gaps);
void deliver_eof(struct pass *c, bool own);
void deliver_trim(struct stream_engine *e, struct tcp_half *h, unsigned dir);
void edge_follow(struct tcp_half *h);
void track_edge(struct pass *c, struct tcp_half *h, uint64_t to);
void reasm_no_memory(struct pass *c, enum reserve why);

#endif
