/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine: the way of a packet from capture to verdict to event.
 *
 * One worker is one `struct engine`, owned by one thread.  Replay and sensor run the same functions: replay
 * in one process, the sensor with the logger in another behind the ring.
 */
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include "base/attr.h"
#include "capture/capture.h"
#include "config/config.h"
#include "detect/detect.h"
#include "event/event.h"
#include "verdict/verdict.h"

enum csum_skip { SKIP_IP = 1, SKIP_TCP = 2, SKIP_UDP = 4, SKIP_ICMP = 8, SKIP_ALL = 15 };
/* What a run is, read from the configuration once, shared read-only by its workers. */
struct engine_settings {
    const struct conf *conf;
    struct event_wants wants;
    struct decode_config decode;
    struct flow_config flow;
    struct stream_config stream;
    struct detect_config detect;
    struct verdict_config verdict;
    struct response_config response;
    struct response_policy *response_policy; /* own networks, responses by query: for overlay_options.tune */
    struct state_config state;
    struct os_networks *os, *frag_os; /* targets by network */
    bool replay;
    uint8_t csum_skip;   /* enum csum_skip: of these packets with wrong checksums are not judged */
    bool csum_auto;      /* stop checking when many of the first packets are bad */
    bool inline_mode;
    uint64_t tick_ns;
    uint64_t twin_ns; /* copies on several ports; 0: judged each time */
    enum exception_policy app_error_policy;
    struct firewall *firewall; /* NULL: no firewall mode */
};
/* simulate_ips: inline.  check_csum: -1 as configured, 0 none, 1 all.  Errors and oddities in d. */
struct engine_settings *engine_settings_new(const struct conf *c, bool replay, bool inline_mode, int check_csum,
                                            struct diags *d);
void engine_settings_free(struct engine_settings *s);
/*
 * The settings that an overlay brings along, so that a reload takes them up between two bursts (responses, own
 * networks): for overlay_options.keep, .keep_free, and with its policy for .tune.  An overlay without them leaves
 * what engine_settings says.  NULL: no memory, or an error in d.
 */
struct engine_live;
struct engine_live *engine_live_new(const struct conf *c, struct diags *d);
void engine_live_free(void *live);
struct response_policy *engine_live_policy(struct engine_live *l);

/*
 * What joins the workers of a sensor: each hands on what it got of another's flows.  Made before the workers, freed
 * after them; with several workers each capture's fanout goes by capture_owner.  NULL: no memory or descriptors.
 */
struct handover;
struct handover *handover_new(unsigned workers);
void handover_free(struct handover *h);
int handover_wake_fd(const struct handover *h, unsigned worker); /* for capture_live_wake */

struct engine_parts {
    const struct engine_settings *settings;
    struct overlay *overlay;  /* taken a reference of */
    struct state *state;      /* shared by the workers; may be NULL */
    struct blacklist *blacklist; /* shared by the workers; NULL: there is none */
    struct rec_ring *ring;    /* events of this worker */
    void (*ring_full)(void *ctx); /* replay: empties it; NULL: full means counted */
    void (*wait_turn)(void *ctx); /* replay with several workers: until all that comes before is done */
    void *ctx;
    /* The same, and the others stand meanwhile: while caps, which hold for all together, are near. */
    void (*alone)(void *ctx);
    const bool *near_caps; /* changes between bursts */
    struct flow_peers peers; /* of several workers */
    struct injector *injector; /* NULL: no response port */
    unsigned worker, n_workers;
    uint32_t generation; /* of the process, from 0: event numbers begin beyond those of all before */
    uint16_t vips;
    unsigned n_ifaces; /* ports that a packet may be seen on */
    struct handover *handover; /* NULL: one worker, or replay */
    struct watch *watch; /* NULL, or one rule under watch (replay with one worker) */
    bool share_frames; /* replay: every worker sees every frame and judges those of its flows */
};
struct engine;
struct engine *engine_new(const struct engine_parts *p, struct diags *d);
void engine_free(struct engine *e);
/*
 * Judges a burst: verdicts are put into it.  With share_frames several workers do so for one burst: each
 * raises verdicts of its own packets, by `verdict` (one a frame, atomic).
 */
void engine_burst(struct engine *e, struct burst *b, _Atomic uint8_t *verdict);
/* What frames may add at most to what workers hold: flows are one a plain frame, else one a layer. */
struct engine_need {
    uint64_t frames, flows, bytes;
};
/* share_frames: the reader, before the burst is shown to all, marks by the first worker whose its frames are. */
void engine_mark(struct engine *e, struct burst *b, struct engine_need *need);
/* Time goes on without packets: expiry, watches. */
void engine_idle(struct engine *e, uint64_t now_ns);
/*
 * Judges what other workers handed over, up to packet time until_ns: what this worker's own capture has shown by
 * then comes first (b is only room).  How many frames.  Before a worker waits for frames it asks engine_rest: false
 * means that something is there already; behind the wait comes engine_awake.
 */
unsigned engine_take(struct engine *e, uint64_t until_ns, struct burst *b);
bool engine_rest(struct engine *e);
void engine_awake(struct engine *e);
/* End of the run: all flows end, all is logged. */
void engine_finish(struct engine *e);
/* Takes another overlay between two bursts; the old one's reference is given up. */
int engine_swap(struct engine *e, struct overlay *o) MUST_CHECK;
/* The event in the making when the ring is full: all that come before it may be taken. */
void engine_event_place(const struct engine *e, struct event_place *out);
/*
 * Replay with several workers: must `other` go on before `e` may touch what they share?  Order is that of one
 * worker: by frame; in it flows that end, then packets, inner before outer.  Called by e's thread.
 */
bool engine_waits(const struct engine *e, const struct engine *other);
/*
 * Replay with several workers: caps hold for all together.  What a worker holds; what the others do (until told
 * anew); may frames that need so much meet a cap, when all hold `sum`?  While one goes and the others stand: all enter the flow
 * tables' emergency; the flows that go first end, in the way of the packet that `as` has in work.
 */
enum { ENGINE_WORKERS_MOST = 64 };
struct engine_use {
    uint64_t flows, stream, reassembly, app;
};
void engine_use(const struct engine *e, struct engine_use *sum);
void engine_others(struct engine *e, const struct engine_use *others);
bool engine_near_caps(const struct engine *e, const struct engine_use *sum, const struct engine_need *need);
void engine_emergency(struct engine *e, bool counted);
bool engine_evict(struct engine *const *all, unsigned n, struct engine *as);
/* Replay: the policy changes at this packet exactly. */
void engine_swap_at(struct engine *e, uint64_t number, struct overlay *o);

struct engine_counters {
    uint64_t csum_bad; /* packets with a wrong checksum, tested and judged by it or not */
    uint64_t packets, bytes, events, events_lost, alerts;
    uint64_t twins; /* copies of packets that another port had shown: not judged */
    uint64_t handed_over, handed_in, handover_lost; /* frames, among workers */
    struct decode_counters decode;
    struct flow_counters flow;
    struct stream_counters stream;
    struct app_counters app;
    struct detect_counters detect;
    struct verdict_counters verdict;
    struct response_counters response;
};
void engine_counters(const struct engine *e, struct engine_counters *out);
void engine_counters_add(struct engine_counters *sum, const struct engine_counters *x);
/*
 * For reports, between two bursts: a piece of the flow table (flow_walk), and the counters of each rule that
 * was answered (gid 0: rules without counters of their own).
 */
bool engine_flows(struct engine *e, uint32_t *at, uint32_t places, bool (*f)(void *ctx, struct flow *f), void *ctx);
bool engine_costs(const struct engine *e, uint32_t *at, uint32_t places, void (*f)(void *ctx, const struct rule_cost *c), void *ctx);
void engine_responses(struct engine *e,
                      void (*f)(void *ctx, uint32_t gid, uint32_t sid, const struct response_counters *c),
                      void *ctx);
/* One `stats` event with the sums of all workers, by worker 0. */
void engine_stats(struct engine *e, const struct engine_counters *sum, const struct capture_counters *cap,
                  uint64_t uptime_s);

/* ------------------------------------------------------------------ replay of capture files */

struct replay_options {
    const char *capture;    /* file, folder, "-" */
    const char *out_dir;
    const char *bpf;
    unsigned workers;       /* 0: 1 */
    bool simulate_ips, recursive, by_time;
    int check_csum;         /* -1 as configured, 0 none, 1 all */
    struct conf *conf;
    struct overlay *overlay;
    /* Another overlay from this packet on (ctl reload in tests); 0: none. */
    uint64_t swap_at;
    struct overlay *swap_to;
    struct logger *logger;
    uint64_t hold_test_ns;
    uint32_t ring_bytes;    /* of each worker's events, a power of two; 0: 8 MiB */
    const _Atomic bool *stop;
    _Atomic bool *reopen;   /* set: outputs are opened anew, and it is cleared; may be NULL */
    struct watch *watch;    /* one rule under watch: then one worker */
    bool dry;               /* data sets are not saved */
    bool follow;            /* a folder's new files, too, until *stop (capture.h) */
    bool delete_done;       /* a file that was read whole is deleted */
    /* At the end, of each worker and rule that was checked in a sampled packet; may be NULL. */
    void (*cost)(void *ctx, const struct rule_cost *c);
    void *cost_ctx;
};
struct replay_result {
    uint64_t packets, bytes, events, alerts, lost;
    uint64_t wall_ns, cpu_ns;
    struct engine_counters counters;
};
/* 0; -EINVAL with d when the capture can't be read (what was whole before is done). */
int replay_run(const struct replay_options *o, struct replay_result *r, struct diags *d) MUST_CHECK;

#endif
