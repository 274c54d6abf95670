/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Sockets and rings of one generation of the engine.
 *
 * Each generation gets new sockets and new event rings: a capture ring that another process has
 * read from can't be taken up in the middle, and what a dying process left in an event ring is not
 * to be trusted by its successor.  Frames that waited in the old capture ring are lost and counted.
 */
#include "sensor/supervisor.h"

#include "base/clock.h"
#include "base/log.h"

#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

static void ids_reset(struct generation *g)
{
    memset(g->ring, -1, sizeof(g->ring));
    memset(g->capture, -1, sizeof(g->capture));
    memset(g->response, -1, sizeof(g->response));
}

static void shut(int *fd)
{
    if (*fd >= 0)
        close(*fd);
    *fd = -1;
}

/* Sockets in a group with others' (`shared`) keep their places until those that follow them have theirs. */
static void captures_close(struct supervisor *s, struct generation *g, bool shared)
{
    for (unsigned w = 0; w < SENSOR_WORKERS; w++)
        for (unsigned i = 0; i < CAPTURE_IFACES; i++) {
            if (trunk_is_shared(s, i) != shared)
                continue;
            trunk_left(s, i, g->capture[w][i]);
            shut(&g->capture[w][i]);
        }
}

void generation_close(struct supervisor *s, struct generation *g, bool rings)
{
    captures_close(s, g, false);
    if (s->stop || rings)
        captures_close(s, g, true);
    for (unsigned w = 0; w < SENSOR_WORKERS; w++) {
        for (unsigned i = 0; i < 3; i++)
            shut(&g->response[w][i]);
        if (rings)
            shut(&g->ring[w]);
    }
    if (rings)
        g->number = 0;
}

/* By name, so that a port that returns is silent from the first moment; silencing what is there stays the first line. */
void ports_hush(struct supervisor *s)
{
    const struct port_plan *p = &s->plan;
    const char *name[CAPTURE_IFACES + 1];
    unsigned n = 0;
    if (s->hush_fd >= 0)
        close(s->hush_fd);
    s->hush_fd = -1;
    for (unsigned i = 0; i < p->n; i++)
        if (!(p->with_address >> i & 1) && strcmp(p->live.iface[i], "lo"))
            name[n++] = p->live.iface[i];
    if (p->response && !p->raw && !port_has_address(p->response))
        name[n++] = p->response;
    int fd = n ? capture_hush(name, n) : -1;
    if (n && fd < 0)
        log_at(LOG_AT_INFO, "capture", "no nf_tables (%s): a port that comes back may speak for some milliseconds before it is silent",
               strerror(-fd));
    s->hush_fd = fd < 0 ? -1 : fd;
}

/* Mirror and response ports say nothing; ports with addresses are the host's own. */
int ports_prepare(struct supervisor *s)
{
    struct port_plan *p = &s->plan;
    for (unsigned i = 0; i < p->n && !p->queue; i++) {
        const char *name = p->live.iface[i];
        if (p->with_address >> i & 1) {
            log_at(
                LOG_AT_NOTICE, "capture",
                "%s has addresses: it is not made silent, and what this host sends is watched, too",
                name);
            continue;
        }
        if (!strcmp(name, "lo"))
            continue;
        int rc = capture_silence_port(name, &s->diags);
        sup_tell(s);
        if (rc)
            return rc;
    }
    if (p->response && !port_has_address(p->response)) {
        int rc = capture_silence_port(p->response, &s->diags);
        sup_tell(s);
        if (rc)
            return rc;
    }
    ports_hush(s);
    return 0;
}

/* Another group for each generation, so that sockets that are about to close don't matter. */
static uint16_t group_of(const struct supervisor *s)
{
    unsigned base = (unsigned)(getpid() % 1000) * 2 + (s->now.number & 1);
    return (uint16_t)(base * CAPTURE_IFACES + 1);
}

static int open_port(struct supervisor *s, unsigned iface, unsigned worker)
{
    struct capture_live_options o = s->plan.live;
    if (s->plan.filter[iface])
        o.bpf = s->plan.filter[iface];
    o.outgoing = s->plan.with_address >> iface & 1;
    o.fanout_group = s->plan.workers > 1 ? group_of(s) : 0;
    o.fanout_members = s->plan.workers > 1 ? (uint16_t)s->plan.workers : 0;
    int rc = wire_options(s, iface, &o), fd = rc ? rc : capture_live_socket(&o, iface, &s->diags);
    rc = fd < 0 ? fd : trunk_joined(s, iface, worker, fd);
    if (rc && fd >= 0)
        close(fd);
    return rc ? rc : fd;
}

static bool is_up(const char *name)
{
    struct ifreq r = {0};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    strncpy(r.ifr_name, name, sizeof(r.ifr_name) - 1);
    bool up = fd >= 0 && !ioctl(fd, SIOCGIFFLAGS, &r) && r.ifr_flags & IFF_UP;
    if (fd >= 0)
        close(fd);
    return up;
}

/* An engine that starts anew looks at the ports that are there; the others are taken up when they come back. */
static int open_away(struct supervisor *s, unsigned iface)
{
    if (!(s->dead >> iface & 1))
        log_at(LOG_AT_WARNING, "capture", "%s is away: the engine starts without it; it is taken up when it comes back",
               s->plan.live.iface[iface]);
    s->dead |= 1u << iface;
    return capture_live_away(&s->plan.live, iface, &s->diags);
}

static bool may_be_away(const struct supervisor *s)
{
    return s->running && !s->plan.in_wire && s->plan.n > 1;
}

/* A worker's place for the first queue of a port; of n: how many there are (AF_XDP). */
static unsigned place_of(const struct supervisor *s, unsigned iface)
{
    unsigned at = 0;
    for (unsigned i = 0; i < iface; i++)
        at += s->plan.xdp ? s->setup.queues[i] : 1;
    return at;
}

static int open_queues(struct supervisor *s)
{
    for (unsigned i = 0; i < s->plan.n; i++)
        for (unsigned q = 0; q < s->setup.queues[i]; q++)
            for (unsigned w = 0; w < s->plan.workers; w++) {
                int fd = wire_socket(s, i, q, w);
                if (fd < 0)
                    return fd;
                s->now.capture[w][place_of(s, i) + q] = fd;
            }
    return 0;
}

static int open_captures(struct supervisor *s)
{
    if (s->plan.xdp)
        return open_queues(s);
    if (s->plan.queue)
        return queue_open(s);
    for (unsigned i = 0; i < s->plan.n && !s->plan.pcap; i++)
        for (unsigned w = 0; w < s->plan.workers; w++) {
            int fd = may_be_away(s) && (s->dead >> i & 1 || !is_up(s->plan.live.iface[i])) ? open_away(s, i) : open_port(s, i, w);
            if (fd < 0)
                return fd;
            s->now.capture[w][i] = fd;
        }
    return 0;
}

static int open_responses(struct supervisor *s)
{
    for (unsigned w = 0; w < s->plan.workers; w++) {
        int *r = s->now.response[w], rc = 0;
        if (s->plan.response && !s->plan.raw)
            /* An engine that starts anew judges, also while the port is away. */
            rc = r[0] = s->running && !if_nametoindex(s->plan.response) ? injector_socket_away(&s->diags)
                                                                        : injector_socket(s->plan.response, &s->diags);
        if (s->plan.raw) {
            rc = r[1] = injector_raw_socket(4, &s->diags);
            if (rc >= 0)
                rc = r[2] = injector_raw_socket(6, &s->diags);
        }
        if (rc < 0)
            return rc;
    }
    return 0;
}

static int open_rings(struct supervisor *s)
{
    size_t bytes = rec_ring_bytes(s->plan.event_bytes);
    for (unsigned w = 0; w < s->plan.workers; w++) {
        int fd = memory_shared("riposte-events", bytes);
        if (fd < 0)
            return fd;
        s->now.ring[w] = fd;
        void *mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (mem == MAP_FAILED)
            return -errno;
        struct rec_ring *r = rec_ring_format(mem, bytes);
        rec_ring_free(r);
        munmap(mem, bytes);
        if (!r)
            return -EINVAL;
    }
    return 0;
}

/*
 * Frames that no engine judged: all that the kernel took, less what it dropped, less what the
 * engine had counted 100 ms before its end at the latest.  So at most this many.
 */
static uint64_t frames_unjudged(const struct supervisor *s, const struct generation *g)
{
    const struct capture_counters *c = &s->ended.capture;
    uint64_t taken = s->plan.xdp ? wire_taken(s) : c->kernel_packets, gone = c->kernel_drops + c->received;
    for (unsigned w = 0; w < g->workers; w++)
        for (unsigned i = 0; i < g->ifaces; i++) {
            struct tpacket_stats_v3 st = {0};
            socklen_t len = sizeof(st);
            if (g->capture[w][i] < 0 ||
                getsockopt(g->capture[w][i], SOL_PACKET, PACKET_STATISTICS, &st, &len))
                continue;
            taken += st.tp_packets;
            gone += st.tp_drops;
        }
    return taken > gone ? taken - gone : 0;
}

int generation_open(struct supervisor *s)
{
    uint32_t number = s->now.number + 1;
    if (s->now.number) {
        queue_release(s);
        s->lost_frames += frames_unjudged(s, &s->now);
        generation_close(s, &s->now, false);
        generation_close(s, &s->old, true);
        s->old = s->now;
    }
    ids_reset(&s->now);
    s->now.number = number;
    s->now.workers = s->plan.workers;
    s->now.ifaces = s->plan.queue ? QUEUE_FDS : place_of(s, s->plan.n);
    wire_generation(s);
    s->dead = 0;
    int rc = s->running ? wire_ports_there(s) : 0;
    rc = rc ? rc : open_captures(s);
    captures_close(s, &s->old, true);
    if (!rc)
        rc = open_responses(s);
    if (!rc)
        rc = open_rings(s);
    links_began(s);
    sup_tell(s);
    return rc;
}

int generation_send(struct supervisor *s, int ch)
{
    const struct generation *g = &s->now;
    int rc = wire_send(s, ch);
    for (unsigned w = 0; w < g->workers && !rc; w++) {
        struct msg_ring r = {.generation = g->number,
                             .worker = w,
                             .n_workers = g->workers,
                             .bytes = rec_ring_bytes(s->plan.event_bytes)};
        struct msg_worker x = {.worker = w};
        int fd[3];
        unsigned n = 0;
        rc = msg_send(ch, MSG_RING, &r, sizeof(r), &g->ring[w], 1);
        if (!rc && !s->plan.pcap)
            rc = msg_send(ch, MSG_CAPTURE, &x, sizeof(x), g->capture[w], g->ifaces);
        for (unsigned i = 0; i < 3; i++)
            if (g->response[w][i] >= 0) {
                x.mask |= 1u << i;
                fd[n++] = g->response[w][i];
            }
        if (!rc && n)
            rc = msg_send(ch, MSG_RESPONSE, &x, sizeof(x), fd, n);
    }
    return rc;
}

/* ------------------------------------------------------------------ ports that come and go */

void ports_lost(struct supervisor *s, uint32_t mask)
{
    mask &= s->plan.n < 32 ? (1u << s->plan.n) - 1 : UINT32_MAX;
    uint32_t fresh = mask & ~s->dead;
    for (unsigned i = 0; i < s->plan.n; i++)
        if (fresh >> i & 1) {
            log_at(LOG_AT_WARNING, "capture", "%s is gone; it is taken up again when it comes back",
                   s->plan.live.iface[i]);
            s->dead_seen++;
            for (unsigned w = 0; w < s->now.workers; w++)
                for (unsigned k = place_of(s, i); k < place_of(s, i + 1); k++) {
                    trunk_left(s, i, s->now.capture[w][k]);
                    shut(&s->now.capture[w][k]);
                }
        }
    s->dead |= fresh;
}

static bool port_back(struct supervisor *s, unsigned i)
{
    const char *name = s->plan.live.iface[i];
    if (!if_nametoindex(name))
        return false;
    if (!(s->plan.with_address >> i & 1) && capture_silence_port(name, &s->diags))
        return false;
    if (!is_up(name) || wire_port_back(s, i))
        return false;
    if (s->plan.pcap || s->plan.xdp) { /* the next engine has it: opened with its rights; the sockets share their memory */
        log_at(LOG_AT_NOTICE, "capture", "%s is there again: the engine starts anew", name);
        if (s->engine.state == PROC_RUNNING)
            (void)!msg_send(s->engine.channel, MSG_STOP, NULL, 0, NULL, 0);
        return true;
    }
    for (unsigned w = 0; w < s->now.workers; w++) {
        int fd = open_port(s, i, w);
        struct msg_worker x = {.worker = w, .mask = i};
        if (fd < 0)
            return false;
        trunk_left(s, i, s->now.capture[w][i]);
        shut(&s->now.capture[w][i]);
        s->now.capture[w][i] = fd;
        if (s->engine.state == PROC_RUNNING &&
            msg_send(s->engine.channel, MSG_REPLACE, &x, sizeof(x), &fd, 1))
            return false;
    }
    links_opened(s, i);
    log_at(LOG_AT_NOTICE, "capture", "%s is there again", name);
    return true;
}

void ports_look(struct supervisor *s)
{
    uint64_t now = sup_now();
    if (!s->dead || now - s->dead_look_ns < NS_PER_SEC)
        return;
    s->dead_look_ns = now;
    for (unsigned i = 0; i < s->plan.n; i++)
        if (s->dead >> i & 1 && port_back(s, i))
            s->dead &= ~(1u << i);
    arena_reset(&s->arena); /* still away: said once is enough */
    diags_init(&s->diags, &s->arena);
}
