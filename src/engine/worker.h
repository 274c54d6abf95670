/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to engine: one worker. */
#ifndef ENGINE_WORKER_H
#define ENGINE_WORKER_H

#include "engine/engine.h"
#include "engine/twin.h"

enum {
    ENGINE_LAYERS = PACKET_LAYERS_MAX,
    CSUM_SAMPLE = 1000, /* packets by which checksum-auto decides */
};
/* Numbers of the flows that end with the run come behind all packets. */
#define FINISH_NUMBER (1ull << 62)

struct engine {
    const struct engine_settings *settings;
    struct engine_parts parts;
    struct decoder *decoder;
    struct flow_table *flows;
    struct stream_engine *streams;
    struct app_engine *app;
    struct detect *detect;
    struct emitter *out;
    struct twins *twins; /* NULL: one port, or each copy is judged */
    struct responder *responder;
    struct kept *kept; /* NULL: the packet of an alert is the one that brought its bytes */
    struct arena scratch; /* of one event's making */
    struct stream_sink sink;
    struct burst *burst;      /* in work */
    struct arena burst_memory; /* changed frames of the burst */
    uint8_t *changed[BURST_MAX];
    uint64_t swaps_failed;
    uint64_t budgets_said; /* rules over their budget, in the log */
    uint64_t hash_seed; /* of the flow table: one hash a packet for all */
    uint64_t now_ns, next_tick_ns;
    uint64_t due_ns; /* before it nothing is to be done by the clock: frames may be passed by */
    uint64_t seq;          /* events of the packet in work */
    uint64_t number;       /* packet in work */
    bool ticking;          /* flows end by the clock, in no packet's way */
    uint64_t tick_order;   /* not 0: a flow ends in a tick or with the run; events are ordered by flow */
    uint64_t tick_order2;
    struct event_place event_place; /* of the event that was begun last */
    /*
     * Where this worker is, for others that wait for it (engine_waits).  Written in an order in which nobody
     * sees a place that lies ahead of the true one.
     */
    struct place {
        uint64_t turn; /* frames begun; its own */
        _Atomic uint64_t done; /* turns */
        _Atomic uint64_t order, order2; /* in the turn behind it */
    } place;
    struct hand { /* handover.c */
        bool taken;      /* the frame in work came from another worker */
        uint64_t frame;  /* who has got the frame in work */
        uint64_t gave;   /* who has got something since the last burst */
        const struct packet *rebuilt; /* of this datagram ... */
        uint64_t rebuilt_to;          /* ... these have got a copy */
    } hand;
    uint64_t handed_over, handed_in, handover_lost;
    uint64_t csum_seen, csum_bad, n_csum_bad;
    bool csum_off;
    bool tagged; /* the alerting packet in work follows a tag */
    bool flow_passed; /* its flow had been passed by a rule before it came */
    bool finishing;
    uint64_t swap_at;
    struct overlay *swap_to;
    struct verdict_config verdict; /* as set, on_drop as the overlay has it */
    struct verdict_counters verdicts;
    uint64_t packets, bytes, alerts, n_twins, files_stored, files_lost;
    struct packet layer[ENGINE_LAYERS];
    struct decision decision;
    const struct conf_node *app_options[APP_COUNT][8]; /* EVE type's options by protocol and log row */
    bool app_wanted[APP_COUNT][8];
    bool arp_wanted;
};

void live_take(struct engine *e, const struct overlay *o); /* live.c */
/* worker.c: this worker's place in its turn */
void alone(struct engine *e); /* all that comes before is done; near a cap the others stand meanwhile */
void place_set(struct engine *e, uint64_t order, uint64_t order2);
void place_turn(struct engine *e, uint64_t turn); /* all before it is done */
/* patch.c: what leaves instead; false: it can't be changed (not whole in this frame) */
bool packet_patch(struct engine *e, struct packet *p, uint32_t offset, const uint8_t *data, uint32_t n);
/* What the rules that matched want to be replaced, and what may be said of it. */
void packet_replace(struct engine *e, struct packet *p, const struct matches *m, struct decision *d);
/* share.c */
unsigned share_owner(const struct engine *e, uint32_t hash);
/* Is f marked as another worker's? */
static inline bool share_anothers(const struct engine *e, const struct frame *f)
{
    return e->parts.share_frames && f->owner && f->owner != e->parts.worker + 1;
}
/* judge.c */
void judge_packet(struct engine *e, struct packet *p, struct decision *d);
void judge_flow_end(void *ctx, struct flow *f);
/* emit.c: heads of events */
struct event *emit_begin(struct engine *e, enum event_type type, const struct packet *p, const struct flow *f,
                         unsigned dir);
void emit_flow_ends(struct event *ev, const struct flow *f, unsigned dir);
void emit_app_protos(struct fields *out, const struct flow *f);
/* emit_extra.c */
/* p: NULL: not of one packet. */
void emit_metadata(struct engine *e, const struct packet *p, const struct flow *f, struct fields *out);
void emit_packet_metadata(struct engine *e, const struct packet *p); /* EVE's type `metadata` */
/* The address that a proxy names in a header of tx (NULL: of any): ver 0: none to be written, it stands in the
 * event's head. */
struct emit_xff {
    struct ip_addr addr;
    uint8_t ver;
};
bool emit_xff(struct engine *e, const struct flow *f, const struct app_tx *tx, struct event *ev, struct emit_xff *out);
/* emit_alert.c */
void emit_alerts(struct engine *e, struct packet *p, const struct decision *d);
void emit_drop(struct engine *e, struct packet *p, const struct decision *d);
void emit_over_budget(struct engine *e, const struct image_rule_info *r, const struct rule_over *x);
/* emit_packet.c */
void emit_packet_section(struct engine *e, const struct packet *p, uint32_t most); /* at most `most` bytes of it */
bool tagged(struct engine *e, const struct packet *p); /* counts it: once a packet */
void emit_tagged(struct engine *e, struct packet *p);
void emit_flow_packet(struct engine *e, const struct packet *p); /* of a flow that alerted */
void emit_kept(struct engine *e, const struct packet *p, const struct decision *d); /* what brought the alerts' bytes */
void emit_frame(struct engine *e, const struct packet *p); /* the frame that the packet came in */
void emit_packet_header(struct engine *e, const struct packet *p); /* of an anomaly */
void emit_arp(struct engine *e, struct packet *p);
void emit_anomalies(struct engine *e, struct packet *p);
void emit_response(void *ctx, const struct response_report *r);
/* emit_list.c */
void emit_shut(struct engine *e, struct packet *p, const struct decision *d); /* what rules put into the blacklist */
void emit_list_tick(struct engine *e, uint64_t now_ns);                       /* what is over there */
/* emit_flow.c */
void emit_flow(struct engine *e, const struct flow *f);
void emit_netflow(struct engine *e, const struct flow *f);
/* emit_app.c */
int emit_app_init(struct engine *e);
void emit_app(struct engine *e, const struct packet *p, struct flow *f, bool all);
void emit_app_anomalies(struct engine *e, const struct packet *p, struct flow *f);

#endif
