/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The logger: takes events from the engine's rings, writes files and sockets.
 *
 * Rings belong to a generation of the engine.  When an engine has died its successor gets new ones;
 * what waits in the old is still written, then they are given back.  Nobody rings a bell: the
 * worker makes no system call for an event, so the logger looks, and sleeps the longer the less
 * there is (1 to 20 ms).  It flushes after each batch.
 */
#include "sensor/role.h"

#include "base/clock.h"
#include "base/log.h"
#include "event/event.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

enum { SLEEP_MOST_MS = 20, PAGE_EVERY_MS = 100, ORPHAN_QUIET = 25, ORPHAN_MOST = 500 };

struct rings {
    uint32_t generation;
    unsigned n;
    struct rec_ring *ring[SENSOR_WORKERS];
    void *mem[SENSOR_WORKERS];
    size_t bytes[SENSOR_WORKERS];
};
struct role_log {
    struct child child;
    struct logger *logger;
    struct logger_page *page;
    struct logger_counts counts;
    struct rings now, old;
    uint64_t page_ns;
    bool stop, closed;
    const char *vips[2];
    const char *iface[CAPTURE_IFACES + 1];
    char host[256];
};

static const char *eve_name(uint16_t id)
{
    return app_name(id);
}

static void rings_free(struct rings *r)
{
    for (unsigned i = 0; i < SENSOR_WORKERS; i++) {
        rec_ring_free(r->ring[i]);
        if (r->mem[i])
            munmap(r->mem[i], r->bytes[i]);
    }
    memset(r, 0, sizeof(*r));
}

/*
 * One batch of each ring; logger_drain takes a list without gaps.  The caller flushes before the
 * next: a logger that dies leaves its batch to its successor, which may write some events once more
 * (the event_id tells).
 */
static size_t rings_drain(struct role_log *l, struct rings *r)
{
    struct rec_ring *list[SENSOR_WORKERS];
    unsigned n = 0;
    for (unsigned i = 0; i < r->n; i++)
        if (r->ring[i]) {
            rec_ring_batch(r->ring[i]); /* gives back what is flushed */
            list[n++] = r->ring[i];
        }
    return n ? logger_drain(l->logger, list, n, false, UINT64_MAX) : 0;
}

static void drain_all(struct role_log *l, struct rings *r)
{
    while (rings_drain(l, r))
        logger_flush(l->logger);
}

static void old_done(struct role_log *l)
{
    if (!l->old.n)
        return;
    drain_all(l, &l->old);
    struct msg_number g = {.value = l->old.generation};
    rings_free(&l->old);
    if (msg_send(l->child.channel, MSG_RING_DONE, &g, sizeof(g), NULL, 0))
        l->closed = true;
}

static void take_ring(struct role_log *l, struct message *m)
{
    struct msg_ring r;
    memcpy(&r, m->body, sizeof(r));
    if (r.generation != l->now.generation && l->now.n) {
        old_done(l); /* one old generation at a time */
        l->old = l->now;
        memset(&l->now, 0, sizeof(l->now));
    }
    l->now.generation = r.generation;
    l->now.n = r.n_workers;
    if (l->now.mem[r.worker])
        return;
    void *mem = child_map(msg_take_fd(m, 0), r.bytes);
    struct rec_ring *ring = mem ? rec_ring_attach(mem, r.bytes) : NULL;
    if (!ring) {
        if (mem)
            munmap(mem, r.bytes);
        log_at(LOG_AT_ERROR, "logger", "the ring of worker %u is unusable", r.worker);
        return;
    }
    l->now.mem[r.worker] = mem;
    l->now.ring[r.worker] = ring;
    l->now.bytes[r.worker] = r.bytes;
}

static void reopen(struct role_log *l)
{
    drain_all(l, &l->now); /* what was seen before the signal stands in the old file */
    logger_reopen(l->logger);
    struct msg_number x = {.value = 0};
    l->counts.reopens++;
    if (msg_send(l->child.channel, MSG_REOPENED, &x, sizeof(x), NULL, 0))
        l->closed = true;
}

static void one_message(struct role_log *l, struct message *m)
{
    struct msg_number ready = {.value = (uint32_t)getpid()};
    if (m->type == MSG_RING)
        take_ring(l, m);
    else if (m->type == MSG_REOPEN)
        reopen(l);
    else if (m->type == MSG_LOG)
        child_log(m);
    else if (m->type == MSG_STOP)
        l->stop = true;
    else if (m->type == MSG_START)
        l->closed |= msg_send(l->child.channel, MSG_READY, &ready, sizeof(ready), NULL, 0) != 0;
    msg_done(m);
}

/* Waits for messages; the rings are looked at when the time is over. */
static void listen(struct role_log *l, struct message *m, int wait_ms)
{
    struct pollfd p = {.fd = l->child.channel, .events = POLLIN};
    int rc = poll(&p, 1, wait_ms) > 0 ? 1 : -EAGAIN;
    while (rc > 0 && (rc = msg_recv(l->child.channel, FROM_PARENT, false, m)) > 0)
        one_message(l, m);
    if (rc != -EAGAIN)
        l->closed = true; /* the supervisor is gone: write what is there, then end */
}

static void publish(struct role_log *l)
{
    uint64_t now = clock_mono_ns();
    atomic_store_explicit(&l->page->beat_ns, now, memory_order_relaxed);
    if (now - l->page_ns < PAGE_EVERY_MS * NS_PER_MS)
        return;
    l->page_ns = now;
    l->counts.logger = *logger_counters(l->logger);
    const char *e = logger_last_error(l->logger);
    if (e && strncmp(e, l->counts.error, sizeof(l->counts.error) - 1) != 0) {
        strncpy(l->counts.error, e, sizeof(l->counts.error) - 1);
        l->counts.error_ns = clock_wall_ns();
    }
    char text[256];
    for (bool good; logger_news(l->logger, text, sizeof(text), &good);)
        log_at(good ? LOG_AT_NOTICE : LOG_AT_WARNING, "logger", "%s%s", text,
               good ? "" : "; what is lost is counted (riposte ctl losses)");
    snapshot_put(&l->page->seq, l->page->word, &l->counts, sizeof(l->counts));
}

/* Without a supervisor nobody says when the engine has ended: its last events come soon, or never.
 */
static void orphaned(struct role_log *l)
{
    for (unsigned quiet = 0, turns = 0; quiet < ORPHAN_QUIET && turns < ORPHAN_MOST; turns++) {
        size_t n = rings_drain(l, &l->now);
        if (n)
            logger_flush(l->logger);
        quiet = n ? 0 : quiet + 1;
        (void)poll(NULL, 0, SLEEP_MOST_MS);
    }
}

static void run(struct role_log *l, struct message *m)
{
    int wait_ms = 1;
    while (!l->stop && !l->closed) {
        size_t n = rings_drain(l, &l->now);
        old_done(l);
        l->counts.drains += n != 0;
        if (n)
            logger_flush(l->logger);
        wait_ms = n ? 1 : wait_ms * 2 > SLEEP_MOST_MS ? SLEEP_MOST_MS : wait_ms * 2;
        publish(l);
        listen(l, m, n > 1000 ? 0 : wait_ms);
    }
    old_done(l);
    if (l->closed && !l->stop)
        orphaned(l);
    drain_all(l, &l->now);
    logger_flush(l->logger);
    l->page_ns = 0;
    publish(l);
}

static int open_outputs(struct role_log *l)
{
    struct child *c = &l->child;
    l->vips[0] = conf_str(c->conf, "vips.name");
    for (unsigned i = 0; i < c->setup.n_ifaces; i++)
        l->iface[i] = c->setup.iface[i];
    struct logger_identity id = {
        .host = conf_str(c->conf, "sensor-name"),
        .sensor = conf_str(c->conf, "sensor-name"),
        .tenant = conf_str(c->conf, "tenant"),
        .vips = l->vips,
        .iface = l->iface,
        .boot = c->setup.boot,
        .app_name = eve_name,
        .extended = true,
    };
    if (!id.sensor && !gethostname(l->host, sizeof(l->host) - 1) && l->host[0])
        id.sensor = id.host = l->host;
    if (!id.sensor)
        id.sensor = id.host = "localhost";
    l->logger = logger_new(c->conf, NULL, &id, &c->diags);
    bool bad = !l->logger || c->diags.errors;
    child_tell(c);
    return bad ? -EINVAL : 0;
}

int role_logger(void)
{
    struct role_log *l = calloc(1, sizeof(*l));
    struct message *m = malloc(sizeof(*m));
    int rc = l && m ? child_begin(&l->child, ROLE_LOGGER, NULL) : -ENOMEM;
    if (!rc && !(l->page = child_map(l->child.page_fd, sizeof(*l->page))))
        rc = -ENOMEM;
    if (!rc)
        rc = open_outputs(l);
    if (!rc)
        run(l, m);
    if (l) {
        rings_free(&l->now);
        rings_free(&l->old);
        logger_free(l->logger);
        child_end(&l->child);
    }
    free(l);
    free(m);
    return rc ? 1 : 0;
}
