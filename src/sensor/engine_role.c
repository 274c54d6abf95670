/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The engine's main thread: takes descriptors, builds overlays, hands them to the workers.
 *
 * Nothing is opened here but through libpcap, and that before the rights are gone.
 */
#include "sensor/engine_role.h"
#include "sensor/place.h"

#include "capture/gate/gate.h"
#include "verdict/blacklist/blacklist.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <time.h>
#include <unistd.h>

enum { SWAP_MOST_MS = 10000, LOOK_MS = 100, SURVEY_MS = 5 };

static const char *variable(void *ctx, bool port, const char *name)
{
    const struct conf *c = ctx;
    return port ? conf_port_var(c, name) : conf_address_var(c, name);
}

static struct overlay *overlay_from(struct engine_proc *p, struct conf *conf, int image_fd,
                                    uint64_t version)
{
    struct diags *d = &p->child.diags;
    struct image *i = image_from_fd(image_fd, d);
    struct engine_live *l = i ? engine_live_new(conf, d) : NULL;
    struct overlay_options oo = {.var = variable,
                                 .ctx = conf,
                                 .version = version,
                                 .tune = response_policy_tune,
                                 .tune_ctx = l ? engine_live_policy(l) : NULL,
                                 .keep = l,
                                 .keep_free = engine_live_free};
    struct overlay *o = l ? overlay_build(i, &oo, d) : NULL;
    if (o)
        response_policy_tell(engine_live_policy(l), d);
    image_close(i);
    return o;
}

/* Rules whose authors want connections ended, where nobody can: said once a load, and in each of their alerts. */
static void tell_unanswered(struct engine_proc *p, const struct conf *c, const struct overlay *o)
{
    const struct msg_setup *x = &p->child.setup;
    if (!o || x->in_wire || x->answers)
        return;
    struct diags none;
    struct arena a;
    arena_init(&a, 0, 0);
    diags_init(&none, &a);
    uint8_t on_drop = response_on_drop(c, &none); /* what is wrong with it has been said */
    arena_done(&a);
    uint32_t all = image_n_rules(overlay_image(o)), n = 0;
    for (uint32_t i = 0; i < all; i++) {
        const struct overlay_rule *r = overlay_rule(o, i);
        n += r->enabled && response_on_mirror(r->action, r->response, on_drop);
    }
    if (n)
        diag_add(&p->child.diags, DIAG_WARNING, NULL, 0, 0, "name one with --response IF or response.interface",
                 "%u rule%s an answer, and there is no response port: their alerts say `would`", n,
                 n == 1 ? " wants" : "s want");
}

static void wait_ms(unsigned ms)
{
    struct timespec t = {.tv_nsec = (long)ms * 1000000};
    (void)nanosleep(&t, NULL);
}

/* All workers take it up, or say why not. */
static int hand_out(struct engine_proc *p, struct overlay *o)
{
    uint64_t version = overlay_version(o), end = clock_mono_ns() + SWAP_MOST_MS * NS_PER_MS;
    int rc = 0;
    for (unsigned i = 0; i < p->n; i++)
        overlay_close(
            atomic_exchange_explicit(&p->worker[i].next, overlay_ref(o), memory_order_acq_rel));
    for (unsigned i = 0; i < p->n; i++) {
        struct worker *w = &p->worker[i];
        while (atomic_load_explicit(&w->swapped, memory_order_acquire) != version) {
            if (clock_mono_ns() > end)
                return -ETIMEDOUT;
            wait_ms(1);
        }
        int one = atomic_load_explicit(&w->swap_rc, memory_order_relaxed);
        rc = one ? one : rc;
    }
    return rc;
}

static unsigned enabled_rules(const struct overlay *o)
{
    unsigned n = 0;
    uint32_t all = image_n_rules(overlay_image(o));
    for (uint32_t i = 0; i < all; i++)
        n += overlay_rule(o, i)->enabled != 0;
    return n;
}

static void take_rules(struct engine_proc *p, struct message *m)
{
    struct msg_rules r;
    struct msg_swapped s = {.rc = -EINVAL};
    memcpy(&r, m->body, sizeof(r));
    int image_fd = msg_take_fd(m, 0);
    struct conf *conf = child_conf(msg_take_fd(m, 1));
    struct overlay *o = conf ? overlay_from(p, conf, image_fd, r.version) : NULL;
    tell_unanswered(p, conf, o);
    close(image_fd);
    conf_free(conf);
    child_tell(&p->child);
    s.request = r.request;
    s.version = r.version;
    if (o) {
        s.n_rules = image_n_rules(overlay_image(o));
        s.enabled = enabled_rules(o);
        s.rc = p->started ? hand_out(p, o) : 0;
        if (!s.rc && p->overlay)
            overlay_compare(p->overlay, o, &s);
    }
    if (o && !s.rc) {
        overlay_close(p->overlay);
        p->overlay = o;
    } else {
        overlay_close(o);
    }
    if (p->started && msg_send(p->child.channel, MSG_SWAPPED, &s, sizeof(s), NULL, 0))
        p->closed = true;
    if (!p->started && s.rc)
        p->stop = true;
}

/* ------------------------------------------------------------------ descriptors */

static void take_ring(struct engine_proc *p, struct message *m)
{
    struct msg_ring r;
    memcpy(&r, m->body, sizeof(r));
    struct worker *w = &p->worker[r.worker];
    if (p->started || w->ring_mem || r.worker >= p->n)
        return;
    w->ring_mem = child_map(msg_take_fd(m, 0), r.bytes);
    w->ring_bytes = r.bytes;
    w->ring = w->ring_mem ? rec_ring_attach(w->ring_mem, r.bytes) : NULL;
}

static void take_capture(struct engine_proc *p, struct message *m)
{
    const struct msg_worker *x = (const void *)m->body;
    struct worker *w = &p->worker[x->worker];
    if (p->started || x->worker >= p->n || w->n_capture)
        return;
    w->n_capture = m->n_fds;
    for (unsigned i = 0; i < m->n_fds; i++)
        w->capture_fd[i] = msg_take_fd(m, i);
}

static void take_response(struct engine_proc *p, struct message *m)
{
    const struct msg_worker *x = (const void *)m->body;
    struct worker *w = &p->worker[x->worker];
    if (p->started || x->worker >= p->n)
        return;
    for (unsigned i = 0, k = 0; i < 3; i++)
        if (x->mask >> i & 1)
            w->response_fd[i] = msg_take_fd(m, k++);
}

static void take_gate(struct engine_proc *p, struct message *m)
{
    int fd = msg_take_fd(m, 0);
    if (!p->started && !p->beats)
        p->beats = gate_beats_map(fd);
    close(fd);
    fd = msg_take_fd(m, 1);
    if (fd >= 0 && p->frames_fd < 0)
        p->frames_fd = fd;
    else if (fd >= 0)
        close(fd);
}

static void take_blacklist(struct engine_proc *p, struct message *m)
{
    struct msg_block b;
    memcpy(&b, m->body, sizeof(b));
    if (p->started || p->list_block)
        return;
    p->list_block = child_map(msg_take_fd(m, 0), b.bytes);
    p->list_bytes = b.bytes;
    if (p->list_block && blacklist_attach(p->list_block, b.bytes, &p->blacklist))
        p->blacklist = NULL;
}

static void take_replacement(struct engine_proc *p, struct message *m)
{
    const struct msg_worker *x = (const void *)m->body;
    if (x->worker >= p->n || x->mask >= p->child.setup.n_ifaces)
        return;
    int fd = msg_take_fd(m, 0);
    int old =
        atomic_exchange_explicit(&p->worker[x->worker].replace[x->mask], fd, memory_order_acq_rel);
    if (old >= 0)
        close(old);
    p->dead_told &= ~(1u << x->mask);
    /* Its worker has not looked since: it would be told once more. */
    atomic_fetch_and_explicit(&p->worker[x->worker].dead, ~(1u << x->mask), memory_order_relaxed);
}

/* ------------------------------------------------------------------ start and end */

/*
 * The lowest of the real-time priorities: before all ordinary processes, behind what the
 * administrator put higher; the kernel keeps 5 % of the time for others whatever we do.  Taken
 * while the rights are there, inherited by the workers, given up by the main thread.
 */
static int priority(int policy)
{
    struct sched_param p = {.sched_priority = policy == SCHED_OTHER ? 0 : 1};
    return sched_setscheduler(0, policy, &p);
}

/* Does nothing but end with the process: the supervisor watches two threads beside this one (sup_wire.c). */
static void *stand_by(void *none)
{
    for (;;)
        (void)pause();
    return none;
}

static int stand_by_start(void)
{
    pthread_t t;
    pthread_attr_t small;
    int rc = pthread_attr_init(&small);
    if (rc)
        return -rc;
    (void)pthread_attr_setdetachstate(&small, PTHREAD_CREATE_DETACHED);
    (void)pthread_attr_setstacksize(&small, 128 * 1024);
    rc = pthread_create(&t, &small, stand_by, NULL);
    (void)pthread_attr_destroy(&small);
    return -rc;
}

static int start(struct engine_proc *p)
{
    struct child *c = &p->child;
    p->settings = engine_settings_new(c->conf, false, c->setup.in_wire != 0, c->setup.check_csum, &c->diags);
    struct state_config sc = {.cap_bytes = conf_bytes(c->conf, "detect.thresholds.memcap")};
    p->state = state_new(&sc);
    if (!p->settings || !p->state || !p->overlay)
        return -ENOMEM;
    int64_t most = conf_int(c->conf, "capture.packet-count");
    p->counts_packets = most > 0;
    atomic_store(&p->packets_left, most > 0 ? (uint64_t)most : 0);
    if (conf_bool(c->conf, "stats.enabled") && p->settings->wants.stats)
        p->stats_every_ns = conf_ns(c->conf, "stats.interval");
    p->started_ns = p->saved_ns = clock_mono_ns();
    p->save_every_ns = conf_ns(c->conf, "data-save-interval");
    if (p->n > 1 && !c->setup.queue && !(p->handover = handover_new(p->n)))
        return -ENOMEM;
    for (unsigned i = 0; i < p->n; i++) {
        int rc = worker_open(&p->worker[i]);
        if (rc)
            return rc;
    }
    for (unsigned i = 0; i < p->n; i++) {
        int rc = worker_start(&p->worker[i]);
        if (rc)
            return rc;
    }
    if (c->setup.in_wire && p->n < 2 && stand_by_start())
        return -EAGAIN;
    if (priority(SCHED_OTHER)) /* this thread has no hurry */
        log_at(LOG_AT_NOTICE, "engine", "the main thread's priority stays: %s", strerror(errno));
    p->started = true;
    struct msg_number ready = {.value = c->setup.generation};
    return msg_send(c->channel, MSG_READY, &ready, sizeof(ready), NULL, 0);
}

static void take_start(struct engine_proc *p)
{
    int rc = p->started ? 0 : start(p);
    if (rc && !p->child.diags.errors)
        diag_add(&p->child.diags, DIAG_ERROR, NULL, 0, 0, NULL, "the engine can't start: %s",
                 strerror(-rc));
    child_tell(&p->child);
    p->stop |= rc != 0;
}

static void one_message(struct engine_proc *p, struct message *m)
{
    switch (m->type) {
    case MSG_RING:
        take_ring(p, m);
        break;
    case MSG_CAPTURE:
        take_capture(p, m);
        break;
    case MSG_RESPONSE:
        take_response(p, m);
        break;
    case MSG_GATE:
        take_gate(p, m);
        break;
    case MSG_BLACKLIST:
        take_blacklist(p, m);
        break;
    case MSG_RULES:
        take_rules(p, m);
        break;
    case MSG_REPLACE:
        take_replacement(p, m);
        break;
    case MSG_SURVEY:
        engine_survey_begin(p, m);
        break;
    case MSG_LOG:
        child_log(m);
        break;
    case MSG_START:
        take_start(p);
        break;
    case MSG_STOP:
        p->stop = true;
        break;
    case MSG_SETUP:
    case MSG_FILE:
    case MSG_REOPEN:
    case MSG_DIAG:
    case MSG_READY:
    case MSG_COMPILED:
    case MSG_RULE_FILE:
    case MSG_SWAPPED:
    case MSG_DEAD_PORT:
    case MSG_RING_DONE:
    case MSG_REOPENED:
    case MSG_FORK:
    case MSG_FORKED:
    case MSG_SURVEYED:
    case MSG_TYPES:
        break;
    }
    msg_done(m);
}

/* Tells of interfaces that went away, once. */
static void tell_dead(struct engine_proc *p)
{
    struct msg_number x = {.mask = 0};
    for (unsigned i = 0; i < p->n; i++)
        x.mask |= atomic_load_explicit(&p->worker[i].dead, memory_order_relaxed);
    if (!(x.mask & ~p->dead_told)) {
        p->dead_told = x.mask;
        return;
    }
    p->dead_told = x.mask;
    if (msg_send(p->child.channel, MSG_DEAD_PORT, &x, sizeof(x), NULL, 0))
        p->closed = true;
}

/* Errors are told once: a folder that is missing would be each time. */
static void save_sets(struct engine_proc *p)
{
    struct diags *d = &p->child.diags, none;
    struct arena a;
    arena_init(&a, 0, 0);
    diags_init(&none, &a);
    p->saved_ns = clock_mono_ns();
    int rc = state_save(p->state, overlay_image(p->overlay), conf_str(p->child.conf, "data-dir"), true,
                        p->save_failed ? &none : d);
    p->save_failed = rc != 0;
    arena_done(&a);
    child_tell(&p->child);
}

static void serve(struct engine_proc *p, struct message *m)
{
    while (!p->stop && !p->closed) {
        struct pollfd f = {.fd = p->child.channel, .events = POLLIN};
        if (poll(&f, 1, p->survey_request ? SURVEY_MS : p->started ? LOOK_MS : -1) > 0) {
            int rc = msg_recv(p->child.channel, FROM_PARENT, false, m);
            if (rc > 0)
                one_message(p, m);
            else if (rc != -EAGAIN)
                p->closed = true;
        }
        if (p->started)
            tell_dead(p);
        if (p->started && clock_mono_ns() - p->saved_ns >= p->save_every_ns)
            save_sets(p);
        if (p->survey_request)
            engine_survey_look(p);
    }
}

static void finish(struct engine_proc *p)
{
    for (unsigned i = 0; i < p->n; i++)
        atomic_store_explicit(&p->worker[i].stop, true, memory_order_relaxed);
    for (unsigned i = 0; i < p->n; i++)
        if (p->worker[i].running)
            pthread_join(p->worker[i].thread, NULL);
    for (unsigned i = 0; i < p->n && p->worker[i].capture; i++)
        capture_let_go(p->worker[i].capture); /* what waits is judged; the rest goes by the bridge */
    if (p->started) {
        for (unsigned i = 0; i < p->n * (p->n > 1 ? 3 : 1); i++) /* handed on, and on once more */
            worker_drain(&p->worker[i % p->n]);
        for (unsigned i = 0; i < p->n; i++)
            worker_finish(&p->worker[i]);
        if (p->stats_every_ns)
            worker_stats(&p->worker[0]);
        save_sets(p);
    }
    for (unsigned i = 0; i < p->n; i++)
        worker_close(&p->worker[i]);
    gate_beats_unmap(p->beats);
    blacklist_detach(p->blacklist);
    if (p->list_block)
        munmap(p->list_block, p->list_bytes);
    handover_free(p->handover);
    overlay_close(p->overlay);
    state_free(p->state);
    engine_settings_free(p->settings);
}

static void options(struct engine_proc *p)
{
    const struct msg_setup *s = &p->child.setup;
    p->live = (struct capture_live_options){
        .ring = (enum capture_ring)s->ring,
        .ring_bytes = s->ring_bytes,
        .promisc = true,
        .outgoing = s->outgoing != 0,
    };
    for (unsigned i = 0; i < s->n_ifaces; i++)
        p->live.iface[i] = s->iface[i];
    p->n = s->n_workers;
}

/* With the rights still there: libpcap opens for itself. */
static int early(struct child *c)
{
    struct engine_proc *p = (struct engine_proc *)c;
    options(p);
    if (c->setup.realtime && priority(SCHED_RR))
        log_at(LOG_AT_NOTICE, "engine", "workers can't run before other processes: %s",
               strerror(errno));
    if (!c->setup.library)
        return 0;
    struct port_plan *plan = calloc(1, sizeof(*plan));
    int rc = plan ? port_plan(c->conf, plan, &c->diags) : -ENOMEM;
    if (!rc) { /* one filter, or one a port */
        p->live.bpf = plan->live.bpf;
        p->live.promisc = plan->live.promisc;
        for (unsigned i = 0; i < plan->n; i++)
            p->live.bpf_of[i] = plan->filter[i];
        p->worker[0].capture = capture_pcap_open(&p->live, &c->diags);
        rc = p->worker[0].capture ? 0 : -EINVAL;
    }
    if (plan)
        port_plan_done(plan);
    free(plan);
    p->live.bpf = NULL;
    memset(p->live.bpf_of, 0, sizeof(p->live.bpf_of));
    child_tell(c);
    return rc;
}

int role_engine(void)
{
    struct engine_proc *p = calloc(1, sizeof(*p));
    struct message *m = malloc(sizeof(*m));
    int rc = p && m ? 0 : -ENOMEM;
    if (p)
        p->frames_fd = -1;
    for (unsigned i = 0; !rc && i < SENSOR_WORKERS; i++) {
        struct worker *w = &p->worker[i];
        w->proc = p;
        w->number = i;
        memset(w->capture_fd, -1, sizeof(w->capture_fd));
        memset(w->response_fd, -1, sizeof(w->response_fd));
        for (unsigned k = 0; k < CAPTURE_IFACES; k++)
            atomic_init(&w->replace[k], -1);
    }
    if (!rc)
        rc = child_begin(&p->child, ROLE_ENGINE, early);
    if (!rc && !(p->page = child_map(p->child.page_fd, sizeof(*p->page))))
        rc = -ENOMEM;
    if (!rc) {
        serve(p, m);
        finish(p);
        rc = p->started ? 0 : -EINVAL;
    }
    if (p)
        child_end(&p->child);
    free(p);
    free(m);
    return rc ? 1 : 0;
}
