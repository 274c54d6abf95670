/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Replay of capture files: reader, workers and logger in one process.
 *
 * With one worker everything runs in the caller's thread.  With more, some bursts, a round, are shown to all
 * workers, who judge the packets of their own flows side by side; the logger merges their rings by packet when
 * all have done with a round.  Shared state waits for all packets of lower number, so the events are the same.
 */
#include "engine/engine.h"

#include "base/clock.h"
#include "verdict/blacklist/blacklist.h"

#include <errno.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

enum { REPLAY_WORKERS = ENGINE_WORKERS_MOST, WAIT_MS = 200, ROUND_BURSTS = 128, ROUND_BYTES = 4 << 20, YIELDS_MOST = 100, SHORT_BURSTS = 8 };
#define RING_PAYLOAD (8u << 20)

struct crew;
struct hand {
    struct crew *crew;
    unsigned index;
    struct engine *engine;
    struct rec_ring *ring;
    void *ring_mem;
    pthread_t thread;
    sem_t go; /* its next round is there */
    _Atomic uint64_t yields; /* of it, waiting for its turn */
    bool running;
};
struct crew {
    const struct replay_options *o;
    struct engine_settings *settings;
    struct state *state;
    struct blacklist *blacklist;
    void *list_mem; /* its block */
    size_t list_bytes;
    struct hand hand[REPLAY_WORKERS];
    struct rec_ring *rings[REPLAY_WORKERS];
    unsigned n;
    struct burst burst[ROUND_BURSTS]; /* of a round */
    unsigned bursts, most;
    struct engine_need need; /* of them */
    bool full;               /* a ring was, in this round */
    uint64_t yields;         /* of all, until this round */
    _Atomic uint8_t verdict[ROUND_BURSTS][BURST_MAX];
    sem_t done; /* by one hand, with the round */
    bool serial; /* caps are near: one worker at a time */
    bool stop; /* the next round is the last: flows end */
    uint64_t idle; /* rounds without a packet */
    pthread_mutex_t drain;
};

static size_t ring_bytes(const struct crew *c)
{
    return rec_ring_bytes(c->o->ring_bytes ? c->o->ring_bytes : RING_PAYLOAD);
}

/* All that one worker would do before comes first. */
static void wait_turn(struct crew *c, unsigned worker)
{
    for (unsigned k = 0; k < c->n; k++)
        while (k != worker && engine_waits(c->hand[worker].engine, c->hand[k].engine)) {
            atomic_fetch_add_explicit(&c->hand[worker].yields, 1, memory_order_relaxed);
            sched_yield();
        }
}

/*
 * The worker's ring is full in the middle of a burst.  One worker: the logger takes what is there.  Else what
 * comes before this worker's event, when the others are past of it: the first in order never waits.
 */
static void ring_full(void *ctx)
{
    struct hand *h = ctx;
    struct crew *c = h->crew;
    if (c->n == 1) {
        logger_drain(c->o->logger, c->rings, 1, false, UINT64_MAX);
        return;
    }
    struct event_place last;
    engine_event_place(h->engine, &last);
    if (!c->serial)
        wait_turn(c, h->index);
    pthread_mutex_lock(&c->drain);
    c->full = true;
    logger_drain_to(c->o->logger, c->rings, c->n, &last);
    pthread_mutex_unlock(&c->drain);
}

static void hand_turn(void *ctx)
{
    struct hand *h = ctx;
    wait_turn(h->crew, h->index);
}

/* Shared state.  Near a cap a worker has waited already; or another ends a flow of its. */
static void state_enter(void *ctx, unsigned worker, uint64_t number)
{
    struct crew *c = ctx;
    (void)number;
    if (!c->serial)
        wait_turn(c, worker);
}

/* ------------------------------------------------------------------ caps of all workers */

static void tell_others(struct crew *c, struct hand *h)
{
    struct engine_use sum = {0};
    for (unsigned k = 0; k < c->n; k++)
        if (k != h->index)
            engine_use(c->hand[k].engine, &sum);
    engine_others(h->engine, &sum);
}

static void hand_alone(void *ctx)
{
    struct hand *h = ctx;
    wait_turn(h->crew, h->index);
    tell_others(h->crew, h);
}

static void hand_emergency(void *ctx)
{
    struct hand *h = ctx;
    for (unsigned k = 0; k < h->crew->n; k++) {
        tell_others(h->crew, &h->crew->hand[k]);
        engine_emergency(h->crew->hand[k].engine, k == h->index);
    }
}

static bool hand_evict(void *ctx)
{
    struct hand *h = ctx;
    struct engine *all[REPLAY_WORKERS];
    for (unsigned k = 0; k < h->crew->n; k++)
        all[k] = h->crew->hand[k].engine;
    bool any = engine_evict(all, h->crew->n, h->engine);
    tell_others(h->crew, h);
    return any;
}

/* Between two rounds: may such frames meet a cap? */
static bool near_caps(struct crew *c, const struct engine_need *need)
{
    struct engine_use sum = {0};
    for (unsigned k = 0; k < c->n; k++)
        engine_use(c->hand[k].engine, &sum);
    return engine_near_caps(c->hand[0].engine, &sum, need);
}

/* Between two rounds: one at a time? */
static void caps_look(struct crew *c)
{
    static const struct engine_use none;
    c->serial = near_caps(c, &c->need);
    for (unsigned k = 0; k < c->n && !c->serial; k++)
        engine_others(c->hand[k].engine, &none);
}

static void hand_round(struct hand *h)
{
    struct crew *c = h->crew;
    for (unsigned k = 0; k < c->bursts; k++)
        engine_burst(h->engine, &c->burst[k], c->verdict[k]);
}

static void sem_take(sem_t *s)
{
    while (sem_wait(s) < 0 && errno == EINTR)
        ;
}

static void all_go(struct crew *c)
{
    for (unsigned k = 1; k < c->n; k++)
        sem_post(&c->hand[k].go);
}

static void *hand_main(void *ctx)
{
    struct hand *h = ctx;
    struct crew *c = h->crew;
    for (;;) {
        sem_take(&h->go);
        if (c->stop) {
            engine_finish(h->engine);
            return NULL;
        }
        hand_round(h);
        sem_post(&c->done);
    }
}

static bool blacklist_made(struct crew *c)
{
    struct blacklist_config bc = {.entries = (uint32_t)conf_int(c->o->conf, "blacklist.entries"),
                                  .per_minute = (uint32_t)conf_int(c->o->conf, "blacklist.per-minute")};
    c->list_bytes = blacklist_bytes(&bc);
    c->list_mem = mmap(NULL, c->list_bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (c->list_mem == MAP_FAILED) {
        c->list_mem = NULL;
        return false;
    }
    blacklist_lay(c->list_mem, &bc);
    return !blacklist_attach(c->list_mem, c->list_bytes, &c->blacklist);
}

static int crew_init(struct crew *c, const struct replay_options *o, struct diags *d)
{
    c->o = o;
    c->n = o->workers && !o->watch ? o->workers : 1;
    c->most = ROUND_BURSTS;
    if (c->n > REPLAY_WORKERS)
        c->n = REPLAY_WORKERS;
    pthread_mutex_init(&c->drain, NULL);
    c->settings = engine_settings_new(o->conf, true, o->simulate_ips, o->check_csum, d);
    struct state_config sc = {.cap_bytes = conf_bytes(o->conf, "detect.thresholds.memcap"), .enter = state_enter, .ctx = c};
    c->state = state_new(&sc);
    if (!c->settings || !c->state || !blacklist_made(c))
        return -ENOMEM;
    c->settings->detect.rule_sample = o->cost ? 1 : 0; /* nobody else asks */
    if (d->errors)
        return -EINVAL;
    for (unsigned k = 0; k < c->n; k++) {
        struct hand *h = &c->hand[k];
        h->crew = c;
        h->index = k;
        h->ring_mem = mmap(NULL, ring_bytes(c), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        if (h->ring_mem == MAP_FAILED) {
            h->ring_mem = NULL;
            return -ENOMEM;
        }
        h->ring = c->rings[k] = rec_ring_format(h->ring_mem, ring_bytes(c));
        struct engine_parts p = {
            .settings = c->settings,
            .overlay = o->overlay,
            .state = c->state,
            .blacklist = c->blacklist,
            .ring = h->ring,
            .ring_full = ring_full,
            .wait_turn = c->n > 1 ? hand_turn : NULL,
            .alone = c->n > 1 ? hand_alone : NULL,
            .near_caps = &c->serial,
            .peers = {h, hand_emergency, c->n > 1 ? hand_evict : NULL},
            .ctx = h,
            .worker = k,
            .n_workers = c->n,
            .n_ifaces = CAPTURE_IFACES,
            .share_frames = c->n > 1,
            .watch = o->watch,
        };
        h->engine = h->ring ? engine_new(&p, d) : NULL;
        if (!h->engine)
            return -ENOMEM;
        if (o->swap_to && o->swap_at)
            engine_swap_at(h->engine, o->swap_at, o->swap_to);
    }
    return 0;
}

static int crew_start(struct crew *c)
{
    if (c->n == 1)
        return 0;
    sem_init(&c->done, 0, 0);
    for (unsigned k = 1; k < c->n; k++) { /* the reader is the first worker: who waits is woken, and that costs */
        sem_init(&c->hand[k].go, 0, 0);
        int rc = pthread_create(&c->hand[k].thread, NULL, hand_main, &c->hand[k]);
        if (rc)
            return -rc; /* the process ends: nothing was judged yet */
        c->hand[k].running = true;
    }
    return 0;
}

/* All flows end, side by side as the packets were judged. */
static void crew_stop(struct crew *c)
{
    if (c->n == 1) {
        engine_finish(c->hand[0].engine);
        return;
    }
    c->stop = true;
    c->bursts = 0;
    c->need = (struct engine_need){0};
    caps_look(c);
    all_go(c);
    engine_finish(c->hand[0].engine);
    for (unsigned k = 1; k < c->n; k++)
        pthread_join(c->hand[k].thread, NULL);
}

static void crew_done(struct crew *c)
{
    for (unsigned k = 0; k < c->n; k++) {
        engine_free(c->hand[k].engine);
        rec_ring_free(c->hand[k].ring);
        if (c->hand[k].ring_mem)
            munmap(c->hand[k].ring_mem, ring_bytes(c));
    }
    state_free(c->state);
    blacklist_detach(c->blacklist);
    if (c->list_mem)
        munmap(c->list_mem, c->list_bytes);
    engine_settings_free(c->settings);
    pthread_mutex_destroy(&c->drain);
}

/*
 * One more burst of the round: cut where capture.packet-count says (*left, 0: nowhere), and marked.  True: it is the
 * last of all.
 */
static bool crew_take(struct crew *c, uint64_t *left)
{
    struct burst *b = &c->burst[c->bursts++];
    bool last = *left && b->n >= *left;
    if (last) {
        b->n = (unsigned)*left;
        b->now_ns = b->frame[b->n - 1].ts_ns;
    }
    *left -= *left ? b->n : 0;
    if (c->n > 1)
        engine_mark(c->hand[0].engine, b, &c->need);
    return last;
}

/* Shorter where events fill the rings, or the workers, as far apart as a round lets them be, wait for each other. */
static void crew_length(struct crew *c)
{
    uint64_t yields = 0;
    for (unsigned k = 0; k < c->n; k++)
        yields += atomic_load_explicit(&c->hand[k].yields, memory_order_relaxed);
    bool shorter = c->full || (yields - c->yields > YIELDS_MOST && c->most > SHORT_BURSTS);
    c->most = shorter ? (c->most + 1) / 2 : c->most + (c->most < ROUND_BURSTS);
    c->yields = yields;
    c->full = false;
}

/*
 * The round's frames, of which one burst is there.  Who waits for others and is woken pays for it, with cold caches
 * too: rounds are long.  In the wire a burst's verdicts are carried out before the next; near a cap rounds are short,
 * so that few frames are walked in turn; and so are they where events fill the rings.  True: they are the last.
 */
static bool crew_gather(struct crew *c, struct capture *cap, uint64_t *left)
{
    c->bursts = 0;
    c->need = (struct engine_need){0};
    bool last = crew_take(c, left);
    if (c->n == 1 || c->o->simulate_ips)
        return last;
    crew_length(c);
    while (!last && c->bursts < c->most && c->need.bytes < ROUND_BYTES) {
        struct engine_need more = {c->need.frames + BURST_MAX, c->need.flows + BURST_MAX * PACKET_LAYERS_MAX,
                                   c->need.bytes + BURST_MAX * UINT16_MAX};
        if (near_caps(c, &more))
            break;
        capture_more(cap, &c->burst[c->bursts]);
        if (!c->burst[c->bursts].n)
            break;
        last = crew_take(c, left);
    }
    return last;
}

static void crew_round(struct crew *c)
{
    if (c->n == 1) {
        engine_burst(c->hand[0].engine, &c->burst[0], NULL);
        return;
    }
    memset(c->verdict, 0, sizeof(c->verdict[0]) * c->bursts);
    caps_look(c);
    all_go(c);
    hand_round(&c->hand[0]);
    for (unsigned k = 1; k < c->n; k++)
        sem_take(&c->done);
    for (unsigned k = 0; k < c->bursts; k++)
        for (unsigned i = 0; i < c->burst[k].n; i++)
            c->burst[k].verdict[i] = c->verdict[k][i];
}

static void crew_drain(struct crew *c, bool all)
{
    /* A single ring is taken when it is half full: batches keep caches warm. */
    if (c->n == 1 && !all && rec_ring_used(c->rings[0]) < ring_bytes(c) / 2)
        return;
    logger_drain(c->o->logger, c->rings, c->n, c->n > 1, UINT64_MAX);
}

static void crew_finish(struct crew *c, struct capture *cap, uint64_t first_ns, uint64_t last_ns, struct replay_result *r)
{
    struct engine_counters one;
    memset(&r->counters, 0, sizeof(r->counters));
    for (unsigned k = 0; k < c->n; k++) {
        engine_counters(c->hand[k].engine, &one);
        engine_counters_add(&r->counters, &one);
    }
    /* As one table has it: how many there were is no property of the traffic. */
    r->counters.flow.memuse_bytes = flow_table_bytes(&c->settings->flow, r->counters.flow.active);
    crew_drain(c, true);
    (void)cap;
    for (unsigned k = 0; k < c->n && c->o->cost; k++) {
        uint32_t at = 0;
        (void)engine_costs(c->hand[k].engine, &at, UINT32_MAX, c->o->cost, c->o->cost_ctx);
    }
    engine_stats(c->hand[0].engine, &r->counters, NULL, (last_ns - first_ns) / NS_PER_SEC);
    crew_drain(c, true);
    logger_flush(c->o->logger);
}

/* The logs were moved away: what was before goes into the old files. */
static void crew_reopen(struct crew *c)
{
    if (!c->o->reopen || !atomic_exchange(c->o->reopen, false))
        return;
    crew_drain(c, true);
    logger_flush(c->o->logger);
    logger_reopen(c->o->logger);
}

static struct capture_file_options file_options(const struct replay_options *o)
{
    struct capture_file_options co = {.bpf = o->bpf, .by_time = o->by_time, .recursive = o->recursive,
                                      .stop = o->stop, .follow = o->follow, .delete_done = o->delete_done};
    if (o->follow) {
        co.poll_ns = conf_ns(o->conf, "pcap-file.poll-interval");
        co.delay_ns = conf_ns(o->conf, "pcap-file.delay");
    }
    return co;
}

static void sums(struct replay_result *r)
{
    r->packets = r->counters.packets;
    r->bytes = r->counters.bytes;
    r->events = r->counters.events;
    r->alerts = r->counters.alerts;
    r->lost = r->counters.events_lost;
}

/* Nothing came: who waits reads what was found so far. */
static bool crew_idle(struct crew *c)
{
    if (c->burst[0].n) {
        c->idle = 0;
        return false;
    }
    if (c->o->follow && c->idle++ == 0) {
        crew_drain(c, true);
        logger_flush(c->o->logger);
    }
    return true;
}

static void tell_left_out(const struct replay_options *o, const struct capture_counters *n, const char *forwarded,
                          struct diags *d)
{
    if (n->foreign)
        diag_add(d, DIAG_WARNING, o->capture, 0, 0, NULL, "%llu packets of link types that are not known were passed over",
                 (unsigned long long)n->foreign);
    if (n->out_failed)
        diag_add(d, DIAG_WARNING, forwarded, 0, 0, "give each link type a run of its own",
                 "%llu frames are missing in it: of another link type, or not to be written",
                 (unsigned long long)n->out_failed);
}

int replay_run(const struct replay_options *o, struct replay_result *r, struct diags *d)
{
    char forwarded[4096] = "";
    struct capture_file_options co = file_options(o);
    if (o->simulate_ips && o->out_dir) {
        snprintf(forwarded, sizeof(forwarded), "%s/forwarded.pcap", o->out_dir);
        co.out_path = forwarded;
    }
    memset(r, 0, sizeof(*r));
    struct crew *c = calloc(1, sizeof(*c));
    struct capture *cap = capture_file_open(o->capture, &co, d);
    uint64_t wall = clock_mono_ns(), cpu = clock_cpu_ns(), first_ns = 0, last_ns = 0;
    int rc = !c ? -ENOMEM : !cap ? -EINVAL : crew_init(c, o, d);
    if (!rc)
        rc = crew_start(c);
    enum capture_state st = CAPTURE_MORE;
    unsigned broken = 0;
    bool last = false, begun = false;
    uint64_t left = (uint64_t)conf_int(o->conf, "capture.packet-count"); /* 0: all */
    while (!rc && st != CAPTURE_END && !last && !(o->stop && *o->stop)) {
        st = capture_recv(cap, &c->burst[0], WAIT_MS);
        crew_reopen(c);
        /* A file that breaks off is told; what was whole before is judged, and the next file is read. */
        if (st == CAPTURE_ERROR && ++broken)
            diag_add(d, DIAG_WARNING, NULL, 0, 0, NULL, "%s", capture_error(cap)); /* which names the file */
        if (crew_idle(c))
            continue;
        first_ns = begun ? first_ns : c->burst[0].frame[0].ts_ns; /* which may be 0 */
        begun = true;
        last = crew_gather(c, cap, &left);
        crew_round(c);
        for (unsigned k = 0; k < c->bursts; k++) {
            last_ns = u64_max(last_ns, c->burst[k].now_ns);
            capture_verdict(cap, &c->burst[k]);
        }
        crew_drain(c, false);
    }
    if (!rc) {
        crew_stop(c);
        capture_expire(cap, UINT64_MAX);
        crew_finish(c, cap, first_ns, u64_max(last_ns, first_ns), r);
        if (broken && !r->counters.packets) {
            diag_add(d, DIAG_ERROR, o->capture, 0, 0, NULL, "no packet could be read");
            rc = -EINVAL;
        }
    }
    if (!rc && !o->dry)
        rc = state_save(c->state, overlay_image(o->swap_to && o->swap_at ? o->swap_to : o->overlay), conf_str(o->conf, "data-dir"), false, d);
    if (cap)
        tell_left_out(o, capture_counters(cap), forwarded, d);
    sums(r);
    r->wall_ns = clock_mono_ns() - wall;
    r->cpu_ns = clock_cpu_ns() - cpu;
    if (c)
        crew_done(c);
    free(c);
    capture_close(cap);
    return rc;
}
