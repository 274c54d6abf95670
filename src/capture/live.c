/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Mirror ports as a capture: the rings of one worker, merged by the kernel's times.
 *
 * Frames go nowhere from here: verdicts give the slots back, holding is refused.
 */
#include "capture/live.h"

#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/clock.h"

enum { CHECK_NS = 1000000000 };

static void check_ports(struct live *l)
{
    uint64_t packets = 0, drops = 0;
    for (unsigned i = 0; i < l->n_ports; i++) {
        struct port *p = &l->port[i];
        port_check(p);
        packets += p->count.kernel_packets;
        drops += p->count.kernel_drops;
    }
    l->base.n.kernel_packets = packets;
    l->base.n.kernel_drops = drops;
}

void live_count(struct capture *base)
{
    struct live *l = (struct live *)base;
    uint64_t now = clock_mono_ns();
    if (now - l->checked_ns < CHECK_NS)
        return;
    l->checked_ns = now;
    check_ports(l);
}

/* Fills the burst with what waits, earliest first. */
static void gather(struct live *l, struct burst *b)
{
    uint64_t head[CAPTURE_IFACES], bytes = 0;
    for (unsigned i = 0; i < l->n_ports; i++)
        head[i] = port_peek(&l->port[i]);
    while (b->n < BURST_MAX) {
        unsigned best = 0;
        for (unsigned i = 1; i < l->n_ports; i++)
            if (head[i] && (!head[best] || head[i] < head[best]))
                best = i;
        if (!head[best])
            return;
        struct frame *f = &b->frame[b->n++];
        port_take(&l->port[best], &l->super, f);
        f->iface = (uint16_t)best;
        f->number = ++l->number;
        if (l->taken)
            l->taken(l, b->n - 1, best, f);
        bytes += f->len;
        if (l->burst_bytes && bytes >= l->burst_bytes)
            return;
        head[best] = port_peek(&l->port[best]);
    }
}

static void wait_for_frames(struct live *l, int wait_ms)
{
    struct pollfd p[CAPTURE_IFACES + 1];
    nfds_t n = 0;
    bool trouble = false;
    if (l->wake_fd >= 0)
        p[n++] = (struct pollfd){.fd = l->wake_fd, .events = POLLIN};
    for (unsigned i = 0; i < l->n_ports; i++)
        if (l->port[i].fd >= 0)
            p[n++] = (struct pollfd){.fd = l->port[i].fd, .events = POLLIN};
    if (poll(p, n, wait_ms) <= 0)
        return;
    uint64_t count;
    if (l->wake_fd >= 0 && p[0].revents)
        (void)!read(l->wake_fd, &count, sizeof count);
    for (nfds_t i = 0; i < n; i++)
        trouble |= (p[i].revents & ~POLLIN) != 0;
    if (trouble) /* an interface went down: its error must be fetched, or poll would return at once
                  */
        check_ports(l);
}

/* The wall clock, but for the small step back that frames stamped a moment ago would make. */
static uint64_t settle(uint64_t before, uint64_t now)
{
    return now < before && before - now < NS_PER_SEC ? before : now;
}

void live_given(struct capture *base, struct burst *b UNUSED)
{
    struct live *l = (struct live *)base;
    for (unsigned i = 0; i < l->n_ports; i++)
        port_done(&l->port[i]);
    l->super.used = 0;
}

static void look(struct live *l, struct burst *b)
{
    uint64_t now_ns = l->wake_fd >= 0 ? clock_wall_ns() : 0;
    gather(l, b);
    l->horizon_ns = b->n == BURST_MAX ? b->frame[b->n - 1].ts_ns : now_ns;
}

enum capture_state live_recv(struct capture *base, struct burst *b, int wait_ms)
{
    struct live *l = (struct live *)base;
    live_given(base, b); /* also where an empty burst got no verdict */
    look(l, b);
    if (!b->n && wait_ms) {
        wait_for_frames(l, wait_ms);
        look(l, b);
    }
    b->now_ns = settle(base->now_ns, b->n ? b->frame[b->n - 1].ts_ns : clock_wall_ns());
    live_count(base);
    return CAPTURE_MORE;
}

const char *live_iface_name(const struct capture *base, unsigned iface)
{
    const struct live *l = (const struct live *)base;
    return iface < l->n_ports ? l->name[iface] : NULL;
}

void live_done(struct live *l)
{
    for (unsigned i = 0; i < l->n_ports; i++)
        port_close(&l->port[i]);
    if (l->super.mem)
        munmap(l->super.mem, (size_t)BURST_MAX * SUPER_BYTES);
    capture_base_done(&l->base);
}

static void live_close(struct capture *base)
{
    struct live *l = (struct live *)base;
    live_done(l);
    free(l);
}

static void live_wake(struct capture *c, int fd)
{
    ((struct live *)c)->wake_fd = fd;
}

static uint64_t live_horizon(const struct capture *c)
{
    return ((const struct live *)c)->horizon_ns;
}

static uint32_t live_dead(const struct capture *c)
{
    const struct live *l = (const struct live *)c;
    uint32_t mask = 0;
    for (unsigned i = 0; i < l->n_ports; i++)
        if (l->port[i].fd < 0)
            mask |= 1u << i;
    return mask;
}

static int live_replace(struct capture *c, unsigned iface, int fd)
{
    struct live *l = (struct live *)c;
    if (iface >= l->n_ports) {
        close(fd);
        return -EINVAL;
    }
    port_close(&l->port[iface]);
    return port_open(&l->port[iface], fd, l->ring, l->ring_bytes);
}

static const struct capture_iface_counters *live_iface(const struct capture *c, unsigned iface)
{
    const struct live *l = (const struct live *)c;
    return iface < l->n_ports ? &l->port[iface].count : NULL;
}

const struct capture_live_ops live_part = {
    .wake = live_wake,
    .horizon = live_horizon,
    .dead = live_dead,
    .replace = live_replace,
    .iface = live_iface,
};

static const struct capture_ops live_ops = {
    .recv = live_recv,
    .done = live_given,
    .count = live_count,
    .iface_name = live_iface_name,
    .close = live_close,
    .live = &live_part,
};

int live_init(struct live *l, const struct capture_ops *ops, const struct capture_live_options *o,
              uint64_t hold_cap_bytes)
{
    capture_base_init(&l->base, ops, hold_cap_bytes);
    l->ring = o->ring;
    l->wake_fd = -1;
    l->ring_bytes = ring_bytes(o);
    for (unsigned i = 0; i < CAPTURE_IFACES; i++)
        l->port[i].fd = -1;
    void *m = mmap(NULL, (size_t)BURST_MAX * SUPER_BYTES, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (m == MAP_FAILED)
        return -ENOMEM;
    l->super.mem = m;
    return 0;
}

int live_open(struct live *l, const struct capture_live_options *o, const int *fd, unsigned n,
              struct diags *d)
{
    int rc = 0;
    for (unsigned i = 0; i < n; i++) {
        if (rc) {
            close(fd[i]);
            continue;
        }
        snprintf(l->name[i], IFNAMSIZ, "%s", o->iface[i]);
        l->n_ports++;
        rc = port_open(&l->port[i], fd[i], o->ring, l->ring_bytes);
        if (rc == -ENODEV) { /* bound to nothing: away from the start */
            l->port[i].count.dead = true;
            rc = 0;
        }
        if (rc < 0)
            diag_add(d, DIAG_ERROR, o->iface[i], 0, 0, NULL, "can't map the ring: %s",
                     strerror(-rc));
    }
    return rc;
}

struct capture *capture_live_attach(const struct capture_live_options *o, const int *fd, unsigned n,
                                    struct diags *d)
{
    struct live *l = n && n <= CAPTURE_IFACES ? calloc(1, sizeof *l) : NULL;
    if (!l || live_init(l, &live_ops, o, 1)) {
        diag_add(d, DIAG_ERROR, NULL, 0, 0, NULL, n ? "no memory for a capture" : "no interface");
        for (unsigned i = 0; i < n; i++)
            close(fd[i]);
        free(l);
        return NULL;
    }
    if (live_open(l, o, fd, n, d) == 0)
        return &l->base;
    live_close(&l->base);
    return NULL;
}
