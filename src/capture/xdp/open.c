/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Taking up AF_XDP sockets in the engine: rings mapped, bound to their queues.
 *
 * Worker 0's socket at the first queue has the memory, its others bring each their queue's fill
 * and completion rings; the sockets of all other workers join worker 0's at the same queue.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "capture/xdp/kernel.h"
#include "capture/xdp/sockets.h"

enum {
    RING_MOST = 16384,
    RING_LEAST = 64,
    TX_MOST = 2048,
    BIND_TRIES = 200,
    BIND_WAIT_MS = 10,
    SENT_A_CALL = 512,
};

struct opening {
    struct xdp *x;
    const struct capture_xdp_options *o;
    struct xdp_area *area;
    uint32_t fill, tx;
    bool parts;
    struct diags *d;
};

static int complain(struct opening *w, const struct xsock *s, int err, const char *what)
{
    diag_add(w->d, DIAG_ERROR, w->x->name[s->iface], 0, 0, "--mode af-packet does without",
             "%s of queue %u: %s", what, s->queue, strerror(-err));
    return err;
}

static uint32_t power_below(uint64_t n, uint32_t most)
{
    uint32_t p = RING_LEAST;
    while (p < most && (uint64_t)p * 2 <= n)
        p *= 2;
    return p;
}

/* `entry`: bytes of each. */
static int map_ring(struct xring *r, int fd, const struct xdp_ring_offset *o, uint32_t n,
                    size_t entry, uint64_t where, bool producer)
{
    r->map_bytes = o->desc + n * entry;
    r->map = mmap(NULL, r->map_bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, fd,
                  (off_t)where);
    if (r->map == MAP_FAILED) {
        r->map = NULL;
        return -errno;
    }
    uint8_t *at = r->map;
    uint32_t *put = (void *)(at + o->producer), *taken = (void *)(at + o->consumer);
    r->ours = producer ? put : taken;
    r->theirs = producer ? taken : put;
    r->flags = (void *)(at + o->flags);
    r->entry = at + o->desc;
    r->size = n;
    r->mask = n - 1;
    r->at = *r->ours;
    r->seen = producer ? *taken : r->at;
    return 0;
}

static int option(int fd, int name, const void *v, socklen_t n)
{
    return setsockopt(fd, SOL_XDP, name, v, n) ? -errno : 0;
}

/* ------------------------------------------------------------------ one socket */

static int make_rings(const struct opening *w, int fd, bool owner)
{
    uint32_t done = w->tx * 2, budget = SENT_A_CALL;
    int rc = option(fd, XDP_RX_RING, &w->fill, sizeof w->fill);
    rc = rc ? rc : option(fd, XDP_TX_RING, &w->tx, sizeof w->tx);
    if (!rc && owner)
        rc = option(fd, XDP_UMEM_FILL_RING, &w->fill, sizeof w->fill);
    if (!rc && owner)
        rc = option(fd, XDP_UMEM_COMPLETION_RING, &done, sizeof done);
    (void)option(fd, XDP_MAX_TX_SKB_BUDGET, &budget, sizeof budget); /* where it is not there: 32 */
    return rc;
}

static int map_rings(struct opening *w, struct xsock *s, bool owner)
{
    struct xdp_mmap_offsets o;
    socklen_t n = sizeof o;
    struct xdp_queue *q = &w->area->queue[s - w->x->sock];
    if (getsockopt(s->fd, SOL_XDP, XDP_MMAP_OFFSETS, &o, &n))
        return -errno;
    size_t desc = sizeof(struct xring_desc), addr = sizeof(uint64_t);
    int rc = map_ring(&s->rx, s->fd, &o.rx, w->fill, desc, XDP_PGOFF_RX_RING, false);
    rc = rc ? rc : map_ring(&s->tx, s->fd, &o.tx, w->tx, desc, XDP_PGOFF_TX_RING, true);
    if (rc || !owner)
        return rc;
    rc = map_ring(&q->fill, s->fd, &o.fr, w->fill, addr, XDP_UMEM_PGOFF_FILL_RING, true);
    return rc ? rc
              : map_ring(&q->done, s->fd, &o.cr, w->tx * 2, addr, XDP_UMEM_PGOFF_COMPLETION_RING,
                         false);
}

/* The sockets of an engine that has just ended may hold the queue for a moment. */
static int bind_to(const struct xsock *s, const char *name, uint16_t flags, int with)
{
    struct sockaddr_xdp a = {.sxdp_family = AF_XDP,
                             .sxdp_flags = flags,
                             .sxdp_ifindex = if_nametoindex(name),
                             .sxdp_queue_id = s->queue,
                             .sxdp_shared_umem_fd = with >= 0 ? (uint32_t)with : 0};
    struct timespec pause = {.tv_nsec = BIND_WAIT_MS * 1000000L};
    for (unsigned k = 0; k < BIND_TRIES; k++) {
        if (!bind(s->fd, (struct sockaddr *)&a, sizeof a))
            return 0;
        if (errno != EBUSY)
            return -errno;
        (void)nanosleep(&pause, NULL);
    }
    return -EBUSY;
}

static uint16_t how(const struct opening *w)
{
    unsigned way = w->o->zero_copy ? XDP_ZEROCOPY : XDP_COPY;
    return (uint16_t)(way | XDP_USE_NEED_WAKEUP | (w->parts ? XDP_USE_SG : 0u));
}

static int open_socket(struct opening *w, struct xsock *s, bool owner)
{
    unsigned slot = (unsigned)(s - w->x->sock);
    bool first = owner && !slot;
    int rc = make_rings(w, s->fd, owner);
    rc = rc ? rc : map_rings(w, s, owner);
    if (rc)
        return complain(w, s, rc, "no rings for the socket");
    if (owner) {
        w->area->first_fd[slot] = s->fd;
        xdp_queue_fill(&w->x->store, &w->area->queue[slot]);
    }
    int with = first ? -1 : owner ? w->area->first_fd[0] : w->area->first_fd[slot];
    rc = bind_to(s, w->x->name[s->iface], first ? how(w) : XDP_SHARED_UMEM, with);
    return rc ? complain(w, s, rc, "can't bind the socket") : 0;
}

/* ------------------------------------------------------------------ */

static bool lay_out(struct xdp *x, const struct capture_xdp_options *o, const int *fd, unsigned n)
{
    for (unsigned i = 0; i < CAPTURE_IFACES && o->pair.live.iface[i]; i++) {
        x->first[i] = (uint8_t)x->n;
        x->queues[i] = o->queues[i];
        x->n_ifaces++;
        snprintf(x->name[i], sizeof x->name[i], "%s", o->pair.live.iface[i]);
        for (unsigned q = 0; q < o->queues[i]; q++, x->n++) {
            if (x->n == n)
                return false;
            x->sock[x->n] =
                (struct xsock){.fd = fd[x->n], .iface = (uint8_t)i, .queue = (uint8_t)q};
        }
    }
    return x->n == n && x->n_ifaces && x->n_ifaces % PAIR_ENDS == 0;
}

int xdp_open(struct xdp *x, const struct capture_xdp_options *o, const int *fd, unsigned n,
             struct diags *d)
{
    struct opening w = {.x = x, .o = o, .area = *o->area, .d = d};
    bool owner = !w.area;
    if (!lay_out(x, o, fd, n) || (!owner && w.area->n_queues != n)) {
        diag_add(d, DIAG_ERROR, NULL, 0, 0, NULL, "a wire has two ends, each queue a socket");
        for (unsigned i = x->n; i < n; i++)
            close(fd[i]);
        return -EINVAL;
    }
    void *m = mmap(NULL, (size_t)BURST_MAX * XDP_SUPER_BYTES, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    x->super = m == MAP_FAILED ? NULL : m;
    if (owner)
        w.area = xdp_area_new(o->frames_fd, &o->frames, n);
    if (!x->super || !w.area) {
        diag_add(d, DIAG_ERROR, NULL, 0, 0, "a smaller capture.ring-size", "no memory for frames");
        return -ENOMEM;
    }
    *o->area = w.area;
    w.area->users++;
    xdp_store_init(&x->store, w.area, o->workers);
    w.fill = power_below(w.area->n / n / 2, RING_MOST);
    w.tx = u32_min(w.fill, TX_MOST);
    w.parts = w.area->chunk_log > 11 && xdp_in_parts();
    int rc = 0;
    for (unsigned i = 0; i < n && !rc; i++)
        rc = open_socket(&w, &x->sock[i], owner);
    return rc;
}

void xdp_close_sockets(struct xdp *x)
{
    for (unsigned i = 0; i < x->n; i++) {
        struct xsock *s = &x->sock[i];
        if (s->rx.map)
            munmap(s->rx.map, s->rx.map_bytes);
        if (s->tx.map)
            munmap(s->tx.map, s->tx.map_bytes);
        close(s->fd);
    }
}
