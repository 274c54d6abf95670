/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A worker: bursts from its capture through its engine.  No lock, no system call of its own while
 * there are packets, but for one look at the clock a burst and its counters every 100 ms.
 */
#include "sensor/engine_role.h"

#include "capture/xdp/xdp.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <sched.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum {
    WAIT_MS = 20,
    PUBLISH_MS = 100,
    SEAT_BURST = 8, /* more have waited for the worker, not for its core */
};

static struct capture *attach_pair(struct worker *w)
{
    struct engine_proc *p = w->proc;
    struct capture_pair_options o = {
        .live = p->live, .beats = p->beats, .worker = w->number, .after_ns = p->child.setup.after_ns};
    return capture_pair_attach(&o, w->capture_fd, w->n_capture, &p->child.diags);
}

static struct capture *attach_xdp(struct worker *w)
{
    struct engine_proc *p = w->proc;
    const struct msg_setup *x = &p->child.setup;
    struct capture_xdp_options o = {
        .pair = {.live = p->live, .beats = p->beats, .worker = w->number, .after_ns = x->after_ns},
        .workers = p->n,
        .zero_copy = x->xdp == SETUP_XDP_ZERO_COPY,
        .area = &p->frames,
        .frames = x->frames,
        .frames_fd = p->frames_fd,
    };
    memcpy(o.queues, x->queues, sizeof(o.queues));
    return capture_xdp_attach(&o, w->capture_fd, w->n_capture, &p->child.diags);
}

static struct capture *attach_queue(struct worker *w)
{
    const struct msg_setup *s = &w->proc->child.setup;
    struct capture_queue_options o = {.queue = (uint16_t)(s->queue_first + w->number),
                                      .route_to = (uint16_t)s->queue_route,
                                      .mode = (enum queue_mode)s->queue_mode,
                                      .mark = s->queue_mark,
                                      .mark_mask = s->queue_mask,
                                      .done_mark = s->queue_done,
                                      .beats = w->proc->beats,
                                      .worker = w->number,
                                      .after_ns = s->after_ns};
    return w->n_capture == QUEUE_FDS ? capture_queue_attach(&o, w->capture_fd, &w->proc->child.diags) : NULL;
}

static struct capture *attach(struct worker *w)
{
    const struct engine_proc *p = w->proc;
    if (p->child.setup.xdp)
        return attach_xdp(w);
    if (p->child.setup.queue)
        return attach_queue(w);
    return p->child.setup.in_wire ? attach_pair(w)
                                  : capture_live_attach(&p->live, w->capture_fd, w->n_capture, &w->proc->child.diags);
}

int worker_open(struct worker *w)
{
    struct engine_proc *p = w->proc;
    struct child *c = &p->child;
    if (!w->capture) /* libpcap's is open already */
        w->capture = attach(w);
    for (unsigned i = 0; i < CAPTURE_IFACES; i++)
        w->capture_fd[i] = -1;
    if (!w->capture)
        return -EINVAL;
    if (p->handover)
        capture_live_wake(w->capture, handover_wake_fd(p->handover, w->number));
    if (w->response_fd[0] >= 0 || w->response_fd[1] >= 0 || w->response_fd[2] >= 0) {
        w->injector = injector_attach(w->response_fd[0], w->response_fd[1], w->response_fd[2]);
        if (!w->injector)
            return -ENOMEM;
    }
    if (c->setup.in_wire && !(w->injector = injector_capture(w->capture)))
        return -ENOMEM;
    struct engine_parts parts = {
        .settings = p->settings,
        .overlay = p->overlay,
        .state = p->state,
        .blacklist = p->blacklist,
        .ring = w->ring,
        .injector = w->injector,
        .worker = w->number,
        .n_workers = c->setup.queue ? 1 : p->n, /* queues share nothing */
        .generation = c->setup.generation ? c->setup.generation - 1 : 0,
        .n_ifaces = c->setup.n_ifaces,
        .handover = p->handover,
    };
    w->slot = &p->page->worker[w->number];
    w->counts.version = overlay_version(p->overlay);
    w->counts.started_ns = p->started_ns;
    w->counts.n_ifaces = c->setup.n_ifaces;
    w->engine = w->ring ? engine_new(&parts, &c->diags) : NULL;
    return w->engine ? 0 : -ENOMEM;
}

void worker_close(struct worker *w)
{
    engine_free(w->engine);
    capture_close(w->capture);
    injector_close(w->injector);
    rec_ring_free(w->ring);
    if (w->ring_mem)
        munmap(w->ring_mem, w->ring_bytes);
    survey_free(atomic_exchange(&w->survey, NULL));
    survey_free(atomic_exchange(&w->surveyed, NULL));
    survey_free(w->surveying);
    overlay_close(atomic_exchange(&w->next, NULL));
    for (unsigned i = 0; i < CAPTURE_IFACES; i++)
        if (w->replace[i] >= 0)
            close(w->replace[i]);
}

/* ------------------------------------------------------------------ counters */

static void publish(struct worker *w)
{
    struct worker_counts *c = &w->counts;
    engine_counters(w->engine, &c->engine);
    c->capture = *capture_counters(w->capture);
    if (w->injector)
        c->inject = *injector_counters(w->injector);
    for (unsigned i = 0; i < w->proc->child.setup.n_ifaces; i++) {
        const struct capture_iface_counters *f = capture_live_iface(w->capture, i);
        if (!f)
            continue;
        c->iface[i].received = f->received;
        c->iface[i].bytes = f->bytes;
        c->iface[i].kernel_packets = f->kernel_packets;
        c->iface[i].kernel_drops = f->kernel_drops;
        c->iface[i].dead = f->dead;
    }
    worker_counts_put(w->slot, c);
}

/* Capture counters are 64-bit numbers without gaps, too. */
static void capture_add(struct capture_counters *sum, const struct capture_counters *x)
{
    uint64_t *a = (void *)sum;
    const uint64_t *b = (const void *)x;
    for (size_t i = 0; i < sizeof(*sum) / sizeof(*a); i++)
        a[i] += b[i];
}

void worker_stats(struct worker *w)
{
    struct engine_counters sum = w->counts.engine;
    struct capture_counters cap = w->counts.capture;
    struct worker_counts *other = &w->proc->worker[0].counts;
    struct worker_counts copy;
    for (unsigned i = 1; i < w->proc->n; i++) {
        other = &copy;
        if (!worker_counts_get(&w->proc->page->worker[i], other))
            continue;
        engine_counters_add(&sum, &other->engine);
        capture_add(&cap, &other->capture);
    }
    engine_stats(w->engine, &sum, &cap, (clock_mono_ns() - w->proc->started_ns) / NS_PER_SEC);
}

/* ------------------------------------------------------------------ between two bursts */

static void take_overlay(struct worker *w)
{
    struct overlay *o = atomic_exchange_explicit(&w->next, NULL, memory_order_acq_rel);
    if (!o)
        return;
    uint64_t version = overlay_version(o);
    int rc = engine_swap(w->engine, o);
    overlay_close(o);
    if (rc)
        w->counts.swaps_failed++;
    else
        w->counts.version = version;
    w->counts.swaps++;
    atomic_store_explicit(&w->swap_rc, rc, memory_order_relaxed);
    atomic_store_explicit(&w->swapped, version, memory_order_release);
}

static void take_sockets(struct worker *w)
{
    for (unsigned i = 0; i < w->proc->child.setup.n_ifaces; i++) {
        int fd = atomic_load_explicit(&w->replace[i], memory_order_relaxed);
        if (fd < 0)
            continue;
        fd = atomic_exchange_explicit(&w->replace[i], -1, memory_order_acq_rel);
        if (fd >= 0)
            (void)!capture_live_replace(w->capture, i, fd); /* stays dead: told again */
    }
}

static void sit(int core)
{
    cpu_set_t one;
    CPU_ZERO(&one);
    CPU_SET((size_t)core, &one);
    (void)sched_setaffinity(0, sizeof(one), &one); /* a core that has gone: stay */
}

/* A look around, at most every PUBLISH_MS. */
static void look_around(struct worker *w, uint64_t now_ns)
{
    w->published_ns = now_ns;
    take_sockets(w);
    uint32_t dead = capture_live_dead(w->capture);
    if (dead & ~atomic_load_explicit(&w->dead, memory_order_relaxed))
        w->counts.dead_ports++;
    atomic_store_explicit(&w->dead, dead, memory_order_relaxed);
    publish(w);
    struct engine_proc *p = w->proc;
    int core = w->tries_seats ? seat_look(&w->seat) : -1;
    if (core >= 0)
        sit(core);
    if (w->number == 0 && p->stats_every_ns && now_ns - w->stats_ns >= p->stats_every_ns) {
        w->stats_ns = now_ns;
        worker_stats(w);
    }
}

/* Waits only where no other worker has something for this one. */
static enum capture_state receive(struct worker *w)
{
    bool alone = !w->proc->handover;
    enum capture_state st = capture_recv(w->capture, &w->burst, alone ? WAIT_MS : 0);
    if (alone || w->burst.n)
        return st;
    if (engine_rest(w->engine))
        st = capture_recv(w->capture, &w->burst, WAIT_MS);
    engine_awake(w->engine);
    return st;
}

/* How many of n frames are still to be seen, of all workers together. */
static unsigned packets_take(struct engine_proc *p, unsigned n)
{
    uint64_t left = atomic_load_explicit(&p->packets_left, memory_order_relaxed), take;
    if (!p->counts_packets)
        return n;
    do
        take = u64_min(left, n);
    while (!atomic_compare_exchange_weak_explicit(&p->packets_left, &left, left - take, memory_order_relaxed,
                                                  memory_order_relaxed));
    return (unsigned)take;
}

/* The engine judges the burst; what comes after the last packet to be seen passes unlooked. */
static void judge(struct worker *w)
{
    struct burst *b = &w->burst;
    unsigned n = b->n;
    b->n = packets_take(w->proc, n);
    for (unsigned i = b->n; i < n; i++)
        b->verdict[i] = VERDICT_PASS;
    if (b->n)
        engine_burst(w->engine, b, NULL);
    b->n = n;
    capture_verdict(w->capture, b);
}

static void one_turn(struct worker *w)
{
    struct burst *b = &w->burst;
    enum capture_state st = receive(w);
    uint64_t now_ns = clock_mono_ns();
    atomic_store_explicit(&w->slot->beat_ns, now_ns, memory_order_relaxed);
    if (b->n) {
        if (w->tries_seats && b->n <= SEAT_BURST) {
            uint64_t wall_ns = clock_wall_ns(), ts_ns = b->frame[0].ts_ns;
            seat_note(&w->seat, wall_ns > ts_ns ? wall_ns - ts_ns : 0);
        }
        judge(w);
    } else {
        engine_idle(w->engine, b->now_ns);
        if (st != CAPTURE_MORE) /* libpcap's interface has gone: don't spin */
            usleep(WAIT_MS * 1000);
    }
    if (w->proc->handover)
        (void)engine_take(w->engine, capture_live_horizon(w->capture), b);
    if (atomic_load_explicit(&w->next, memory_order_relaxed))
        take_overlay(w);
    if (atomic_load_explicit(&w->survey, memory_order_relaxed))
        w->surveying = atomic_exchange_explicit(&w->survey, NULL, memory_order_acq_rel);
    if (w->surveying && !survey_step(w->surveying, w->engine)) {
        atomic_store_explicit(&w->surveyed, w->surveying, memory_order_release);
        w->surveying = NULL;
    }
    if (now_ns - w->published_ns >= PUBLISH_MS * NS_PER_MS)
        look_around(w, now_ns);
}

/*
 * Several workers have a core each.  One alone is left to the scheduler: two sensors side by side
 * would otherwise choose the same core.  A real-time one, which the scheduler does not move, tries.
 */
static void pin(struct worker *w)
{
    cpu_set_t may;
    if (sched_getaffinity(0, sizeof(may), &may))
        return;
    if (w->proc->n < 2) {
        w->tries_seats = sched_getscheduler(0) == SCHED_RR;
        seat_init(&w->seat, &may, sched_getcpu());
        return;
    }
    unsigned n = (unsigned)CPU_COUNT(&may), want = n ? w->number % n : 0;
    for (int c = 0; c < CPU_SETSIZE; c++)
        if (CPU_ISSET((size_t)c, &may) && !want--) {
            sit(c);
            return;
        }
}

static void *worker_main(void *ctx)
{
    struct worker *w = ctx;
    pin(w);
    w->stats_ns = clock_mono_ns();
    while (!atomic_load_explicit(&w->stop, memory_order_relaxed))
        one_turn(w);
    capture_let_go(w->capture);
    return NULL;
}

int worker_start(struct worker *w)
{
    publish(w);
    int rc = pthread_create(&w->thread, NULL, worker_main, w);
    w->running = rc == 0;
    return -rc;
}

void worker_drain(struct worker *w)
{
    for (unsigned turn = 0; turn < 100000; turn++) {
        enum capture_state st = capture_recv(w->capture, &w->burst, 0);
        if (st != CAPTURE_MORE || !w->burst.n)
            break;
        judge(w);
    }
    while (w->proc->handover && engine_take(w->engine, UINT64_MAX, &w->burst))
        ;
}

void worker_finish(struct worker *w)
{
    engine_finish(w->engine);
    publish(w);
}
