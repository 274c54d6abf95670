/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A wire by AF_XDP: what the sockets of one worker receive, earliest first, leaves by the other
 * port (xdp.h).
 *
 * Frames of a burst lie in the shared memory until their verdict; long ones, which come in several
 * parts, are put together in a buffer for whoever looks at them, and sent from their parts.  The
 * program at the port put the time in front of each.
 */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "capture/vnet.h"
#include "capture/xdp/kernel.h"
#include "capture/xdp/sockets.h"
#include "capture/xdp/xdp_shared.h"

enum { FULL_NUM = 3, FULL_DEN = 4, STARVED = 8 /* of the fill ring: an eighth is left */ };
#define CHECK_NS NS_PER_SEC

static struct xdp *xdp_of(struct capture *c)
{
    return (struct xdp *)c;
}

/* ------------------------------------------------------------------ the beat */

static bool is_full(const void *ctx)
{
    const struct xdp *x = ctx;
    for (unsigned i = 0; i < x->n; i++) {
        struct xring rx = x->sock[i].rx; /* a look must change nothing */
        if (x->sock[i].dead)
            continue;
        const struct xring *fill = &x->store.area->queue[i].fill;
        if (xring_waiting(&rx, rx.size) >= rx.size / FULL_DEN * FULL_NUM)
            return true;
        /* The memory of frames is at its end: the kernel finds none to put the next into. */
        if (__atomic_load_n(fill->ours, __ATOMIC_RELAXED) -
                    __atomic_load_n(fill->theirs, __ATOMIC_RELAXED) <
                fill->size / STARVED &&
            atomic_load_explicit(&x->store.area->n_free, memory_order_relaxed) <=
                x->store.area->reserve)
            return true;
    }
    return false;
}

static bool is_empty(const void *ctx)
{
    const struct xdp *x = ctx;
    for (unsigned i = 0; i < x->n; i++) {
        struct xring rx = x->sock[i].rx;
        if (!x->sock[i].dead && xring_waiting(&rx, 1))
            return false;
    }
    return true;
}

static void xdp_let_go(struct capture *c)
{
    beat_end(&xdp_of(c)->beat);
}

/* ------------------------------------------------------------------ receiving */

/* The wall's time of a monotonic one; the difference stays as it was while it is right to a
 * millisecond. */
static void clocks(struct xdp *x, uint64_t wall_ns)
{
    uint64_t now = wall_ns - clock_mono_ns(), off = now - x->to_wall_ns;
    if (off + NS_PER_MS > 2 * NS_PER_MS)
        x->to_wall_ns = now;
}

/* When the frame in front of a socket came; 0: none is there. */
static uint64_t head_time(struct xdp *x, struct xsock *s, uint64_t now_ns)
{
    if (s->dead || !xring_waiting(&s->rx, 1))
        return 0;
    const struct xring_desc d = xring_peek(&s->rx, 0);
    const uint8_t *p = x->store.area->mem + d.addr % x->store.area->bytes;
    struct xdp_stamp st;
    if (d.addr % x->store.area->bytes < sizeof st)
        return now_ns;
    memcpy(&st, p - sizeof st, sizeof st);
    return st.magic == XDP_STAMP_MAGIC ? u64_max(st.ns + x->to_wall_ns, 1) : now_ns;
}

/* How many parts the frame in front has; 0: its end is not there yet. */
static unsigned parts_of(struct xsock *s)
{
    for (uint32_t k = 0;; k++) {
        if (k >= xring_waiting(&s->rx, k + 1))
            return 0;
        if (!(xring_peek(&s->rx, k).options & XDP_PKT_CONTD))
            return k + 1;
    }
}

/* More parts than any frame of ours can have: away. */
static void throw_away(struct xdp *x, struct xsock *s, unsigned n)
{
    for (unsigned i = 0; i < n; i++, s->rx.at++)
        xdp_store_put(&x->store, xdp_frame(x->store.area, xring_peek(&s->rx, 0).addr));
    xring_tell(&s->rx);
    x->count[s->iface].kernel_drops++;
}

/* The frame in front, put together where it has several parts. */
static bool take(struct xdp *x, struct xsock *s, unsigned n, struct xticket *t, struct frame *f)
{
    const struct xdp_area *a = x->store.area;
    uint8_t *to = x->super + (size_t)x->n_supers * XDP_SUPER_BYTES, *first = NULL;
    uint32_t len = 0;
    for (t->n = 0; t->n < n; t->n++, s->rx.at++) {
        struct xring_desc d = xring_peek(&s->rx, 0);
        uint64_t in = d.addr & ((1u << a->chunk_log) - 1);
        d.addr %= a->bytes;
        d.len = u32_min(d.len, (uint32_t)((1u << a->chunk_log) - in));
        t->part[t->n] = d;
        first = first ? first : a->mem + d.addr;
        if (n > 1 && d.len <= XDP_SUPER_BYTES - len)
            memcpy(to + len, a->mem + d.addr, d.len);
        len += d.len;
    }
    xring_tell(&s->rx);
    /* Read: a later frame without a time must not be taken to have this one's. */
    if (t->part[0].addr >= sizeof(struct xdp_stamp))
        memset(first - sizeof(struct xdp_stamp), 0, sizeof(((struct xdp_stamp *)0)->magic));
    if (n > 1 && len > XDP_SUPER_BYTES)
        return false;
    x->n_supers += n > 1;
    t->data = n > 1 ? to : first;
    t->queue = s->queue;
    *f = (struct frame){.data = t->data,
                        .len = len,
                        .wire_len = len,
                        .ts_ns = f->ts_ns,
                        .link = LINK_ETHERNET,
                        .iface = s->iface,
                        .slot = t};
    if (vnet_unfinished(f->data, len))
        f->csum = FRAME_CSUM_UNFINISHED;
    x->count[s->iface].received++;
    x->count[s->iface].bytes += len;
    return true;
}

/* Fills the burst with what waits, earliest first. */
static void gather(struct xdp *x, struct burst *b)
{
    uint64_t head[CAPTURE_IFACES], now_ns = clock_wall_ns();
    clocks(x, now_ns);
    x->horizon_ns = now_ns;
    for (unsigned i = 0; i < x->n; i++)
        head[i] = head_time(x, &x->sock[i], now_ns);
    while (b->n < BURST_MAX) {
        unsigned best = 0;
        for (unsigned i = 1; i < x->n; i++)
            if (head[i] && (!head[best] || head[i] < head[best]))
                best = i;
        struct xsock *s = &x->sock[best];
        unsigned n = head[best] ? parts_of(s) : 0;
        if (!head[best])
            return;
        struct frame *f = &b->frame[b->n];
        struct xticket *t = &x->ticket[b->n];
        f->ts_ns = head[best];
        if (n > XDP_PARTS)
            throw_away(x, s, n);
        else if (n && take(x, s, n, t, f))
            b->frame[b->n++].number = ++x->number;
        else if (n) {
            xdp_recycle(x, t);
            x->count[s->iface].kernel_drops++;
        }
        head[best] = n ? head_time(x, s, now_ns) : 0;
    }
    x->horizon_ns = b->frame[b->n - 1].ts_ns;
}

static void wait_for_frames(struct xdp *x, int wait_ms)
{
    struct pollfd p[CAPTURE_IFACES + 1];
    nfds_t n = 0;
    if (x->wake_fd >= 0)
        p[n++] = (struct pollfd){.fd = x->wake_fd, .events = POLLIN};
    for (unsigned i = 0; i < x->n; i++)
        if (!x->sock[i].dead)
            p[n++] = (struct pollfd){.fd = x->sock[i].fd, .events = POLLIN};
    if (poll(p, n, wait_ms) <= 0)
        return;
    uint64_t count;
    if (x->wake_fd >= 0 && p[0].revents)
        (void)!read(x->wake_fd, &count, sizeof count);
}

/* What was not sent is free, what was sent comes back, the kernel gets room for more. */
static void turn(struct xdp *x)
{
    for (unsigned i = 0; i < x->n_tickets; i++)
        xdp_recycle(x, &x->ticket[i]);
    x->n_tickets = x->n_supers = 0;
    xdp_flush_own(x);
    xdp_flush(x);
    for (unsigned i = 0; i < x->n; i++) {
        struct xdp_queue *q = &x->store.area->queue[i];
        xdp_queue_reclaim(&x->store, q);
        xdp_queue_fill(&x->store, q);
        if (x->zero_copy && !x->sock[i].dead && xring_sleeps(&q->fill))
            (void)!recvfrom(x->sock[i].fd, NULL, 0, MSG_DONTWAIT, NULL, NULL);
    }
}

static void xdp_count(struct capture *c)
{
    struct xdp *x = xdp_of(c);
    uint64_t now = clock_mono_ns(), packets = 0, drops = 0, lost[CAPTURE_IFACES] = {0};
    if (now - x->checked_ns < CHECK_NS)
        return;
    x->checked_ns = now;
    for (unsigned i = 0; i < x->n; i++) {
        struct xsock *s = &x->sock[i];
        struct xdp_statistics st = {0};
        int err = 0;
        socklen_t n = sizeof st, m = sizeof err;
        if (!getsockopt(s->fd, SOL_XDP, XDP_STATISTICS, &st, &n))
            lost[s->iface] += st.rx_dropped + st.rx_ring_full;
        if (!getsockopt(s->fd, SOL_SOCKET, SO_ERROR, &err, &m) &&
            err == ENETDOWN) { /* unregistered, or its link was taken away */
            s->dead = true;
            x->count[s->iface].dead = true;
        }
    }
    for (unsigned i = 0; i < x->n_ifaces; i++) {
        struct capture_iface_counters *f = &x->count[i];
        f->kernel_drops = lost[i];
        f->kernel_packets = f->received + lost[i];
        packets += f->kernel_packets;
        drops += f->kernel_drops;
    }
    c->n.kernel_packets = packets;
    c->n.kernel_drops = drops;
}

static enum capture_state xdp_recv(struct capture *c, struct burst *b, int wait_ms)
{
    struct xdp *x = xdp_of(c);
    turn(x);
    beat_turn(&x->beat, &c->n, is_full, is_empty, x);
    gather(x, b);
    if (!b->n && wait_ms) {
        wait_for_frames(x, wait_ms);
        beat_turn(&x->beat, &c->n, is_full, is_empty, x);
        gather(x, b);
    }
    x->n_tickets = b->n;
    uint64_t wall_ns = b->n ? clock_wall_ns() : 0;
    for (unsigned i = 0;
         i < b->n && wall_ns > b->frame[i].ts_ns && wall_ns - b->frame[i].ts_ns > x->beat.after_ns;
         i++)
        c->n.late++;
    uint64_t now_ns = b->n ? b->frame[b->n - 1].ts_ns : clock_wall_ns();
    b->now_ns = now_ns < c->now_ns && c->now_ns - now_ns < NS_PER_SEC ? c->now_ns : now_ns;
    xdp_count(c);
    return CAPTURE_MORE;
}

static void xdp_done(struct capture *c, struct burst *b UNUSED)
{
    turn(xdp_of(c));
}

/* ------------------------------------------------------------------ the rest */

static const char *xdp_iface_name(const struct capture *c, unsigned iface)
{
    const struct xdp *x = (const struct xdp *)c;
    return iface < x->n_ifaces ? x->name[iface] : NULL;
}

static void xdp_close(struct capture *c)
{
    struct xdp *x = xdp_of(c);
    struct xdp_area *a = x->store.area;
    xdp_let_go(c);
    if (a) {
        turn(x);
        xdp_store_done(&x->store);
    }
    xdp_close_sockets(x);
    if (a && --a->users == 0)
        xdp_area_free(a);
    if (x->super)
        munmap(x->super, (size_t)BURST_MAX * XDP_SUPER_BYTES);
    capture_base_done(c);
    free(x);
}

static void xdp_wake(struct capture *c, int fd)
{
    xdp_of(c)->wake_fd = fd;
}
static uint64_t xdp_horizon(const struct capture *c)
{
    return ((const struct xdp *)c)->horizon_ns;
}
static uint32_t xdp_dead(const struct capture *c)
{
    const struct xdp *x = (const struct xdp *)c;
    uint32_t mask = 0;
    for (unsigned i = 0; i < x->n_ifaces; i++)
        mask |= x->count[i].dead ? 1u << i : 0;
    return mask;
}
static const struct capture_iface_counters *xdp_iface(const struct capture *c, unsigned iface)
{
    const struct xdp *x = (const struct xdp *)c;
    return iface < x->n_ifaces ? &x->count[iface] : NULL;
}

static const struct capture_live_ops xdp_live = {
    .wake = xdp_wake, .horizon = xdp_horizon, .dead = xdp_dead, .iface = xdp_iface};

const struct capture_ops xdp_ops = {
    .recv = xdp_recv,
    .done = xdp_done,
    .leave = xdp_leave,
    .count = xdp_count,
    .iface_name = xdp_iface_name,
    .close = xdp_close,
    .send = xdp_send,
    .let_go = xdp_let_go,
    .live = &xdp_live,
};

struct capture *capture_xdp_attach(const struct capture_xdp_options *o, const int *fd, unsigned n,
                                   struct diags *d)
{
    struct xdp *x = calloc(1, sizeof *x);
    if (!x) {
        diag_add(d, DIAG_ERROR, NULL, 0, 0, NULL, "no memory for a capture");
        for (unsigned i = 0; i < n; i++)
            close(fd[i]);
        return NULL;
    }
    capture_base_init(&x->base, &xdp_ops, o->pair.hold_cap_bytes);
    x->wake_fd = -1;
    x->zero_copy = o->zero_copy;
    uint64_t after_ns = o->pair.after_ns;
    x->beat = (struct beat){.beats = o->pair.beats,
                            .worker = o->pair.worker,
                            .after_ns = after_ns,
                            .gone_ns = after_ns};
    if (xdp_open(x, o, fd, n, d) == 0)
        return &x->base;
    xdp_close(&x->base);
    return NULL;
}
