/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A wire by AF_PACKET: what the rings of both ports bring leaves by the other port.
 *
 * Frames of a burst stay in their slots until they are sent, some at a time and port (sendmmsg),
 * each with the header of offloads that it came with; then the slots go back.  Held frames have
 * lost theirs: it is made anew.  Frames of our own wait for the end of the burst, behind those they
 * belong to.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "capture/beat.h"
#include "capture/gate/gate.h"
#include "capture/live.h"
#include "capture/vnet.h"

enum {
    FULL_NUM = 3, /* of 4: the beat goes */
    FULL_DEN = 4,
    BURST_BYTES = 256 * 1024, /* judged before the first of them leaves */
    OWN_BYTES = 64 * 1024,    /* frames of our own that wait */
    SUPER_COST = 68 * 1024,   /* of a super-frame in the socket's queue, about */
};

/* Beside each frame of the burst: frame.slot. */
struct ticket {
    struct virtio_net_hdr vnet;
    const uint8_t *data; /* as it came */
};
struct sending {
    unsigned n;
    struct virtio_net_hdr vnet[BURST_MAX];
    struct iovec io[BURST_MAX][2];
    struct mmsghdr msg[BURST_MAX];
};
struct pair {
    struct live live;
    struct beat beat;
    uint32_t full_supers;
    struct ticket ticket[BURST_MAX];
    struct sending out[CAPTURE_IFACES];
    uint32_t own_n; /* bytes: struct own_head and frame, one behind the other */
    uint8_t own[OWN_BYTES];
};
struct own_head {
    uint32_t iface, len;
};

static struct pair *pair_of(struct capture *c)
{
    return (struct pair *)c;
}

/* ------------------------------------------------------------------ sending */

static struct port *port_to(struct pair *p, unsigned iface)
{
    return iface < p->live.n_ports && p->live.port[iface].fd >= 0 ? &p->live.port[iface] : NULL;
}

/* What can't go at once is counted and lost: a wire that waits holds up all others. */
static void flush(struct pair *p, unsigned iface)
{
    struct sending *s = &p->out[iface];
    struct port *to = port_to(p, iface);
    unsigned at = 0, lost = 0;
    while (to && at < s->n) {
        int n = sendmmsg(to->fd, s->msg + at, s->n - at, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0 && errno == ENETDOWN) /* told once, instead of sending */
            n = sendmmsg(to->fd, s->msg + at, s->n - at, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n <= 0) {
            lost++;
            n = 1;
        }
        at += (unsigned)n;
    }
    lost += s->n - at;
    p->live.base.n.out_sent -= lost; /* capture.c counted them when they were put here */
    p->live.base.n.out_failed += lost;
    s->n = 0;
}

static bool send_one(struct pair *p, unsigned iface, const struct virtio_net_hdr *v,
                     const void *data, size_t n)
{
    struct port *to = port_to(p, iface);
    struct virtio_net_hdr head = *v;
    struct iovec io[2] = {{&head, sizeof head}, {(void *)(uintptr_t)data, n}};
    struct msghdr m = {.msg_iov = io, .msg_iovlen = 2};
    if (!to)
        return false;
    ssize_t r = sendmsg(to->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (r < 0 && errno == ENETDOWN)
        r = sendmsg(to->fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
    return r >= 0;
}

static void put(struct pair *p, unsigned iface, const struct virtio_net_hdr *v,
                const struct frame *f)
{
    struct sending *s = &p->out[iface];
    if (s->n == BURST_MAX)
        flush(p, iface);
    unsigned k = s->n++;
    s->vnet[k] = *v;
    s->io[k][0] = (struct iovec){&s->vnet[k], sizeof s->vnet[k]};
    s->io[k][1] = (struct iovec){(void *)(uintptr_t)f->data, f->len};
    s->msg[k].msg_hdr = (struct msghdr){.msg_iov = s->io[k], .msg_iovlen = 2};
}

static bool pair_leave(struct capture *c, const struct frame *f)
{
    struct pair *p = pair_of(c);
    unsigned to = capture_other_end(f->iface);
    const struct ticket *t = f->slot;
    struct virtio_net_hdr v;
    if (!port_to(p, to) || f->len < f->wire_len) /* cut: its rest is lost */
        return false;
    if (!t) { /* held: its bytes go away with this call */
        vnet_make(f, &v);
        flush(p, to);
        return send_one(p, to, &v, f->data, f->len);
    }
    v = t->vnet;
    if (f->data != t->data)
        vnet_refit((uint8_t *)(uintptr_t)f->data, f->len, &v);
    put(p, to, &v, f);
    return true;
}

static void flush_own(struct pair *p)
{
    static const struct virtio_net_hdr none;
    struct own_head h;
    for (uint32_t at = 0; at < p->own_n; at += (uint32_t)sizeof h + h.len) {
        memcpy(&h, p->own + at, sizeof h);
        (void)!send_one(p, h.iface, &none, p->own + at + sizeof h,
                        h.len); /* its effect is watched for */
    }
    p->own_n = 0;
}

static bool pair_send(struct capture *c, unsigned iface, const void *frame, size_t n)
{
    struct pair *p = pair_of(c);
    struct own_head h = {.iface = iface, .len = (uint32_t)n};
    if (!port_to(p, iface) || n > OWN_BYTES - sizeof h)
        return false;
    if (n + sizeof h > OWN_BYTES - p->own_n)
        flush_own(p);
    memcpy(p->own + p->own_n, &h, sizeof h);
    memcpy(p->own + p->own_n + sizeof h, frame, n);
    p->own_n += (uint32_t)(sizeof h + n);
    return true;
}

static void flush_all(struct pair *p)
{
    for (unsigned i = 0; i < p->live.n_ports; i++)
        if (p->out[i].n)
            flush(p, i);
    if (p->own_n)
        flush_own(p);
}

/* ------------------------------------------------------------------ the beat */

/* Super-frames wait in the socket's queue, which has a bound of its own. */
static bool queue_is_full(const struct port *p)
{
    uint32_t mem[9] = {0}; /* SK_MEMINFO_*: 0 taken, 1 bound */
    socklen_t n = sizeof mem;
    return getsockopt(p->fd, SOL_SOCKET, SO_MEMINFO, mem, &n) == 0 && n >= 8 &&
           (uint64_t)mem[0] * FULL_DEN >= (uint64_t)mem[1] * FULL_NUM;
}

static bool is_full(const void *ctx)
{
    const struct pair *p = ctx;
    for (unsigned i = 0; i < p->live.n_ports; i++) {
        const struct port *x = &p->live.port[i];
        if (port_holds(x, (uint32_t)((uint64_t)x->n * FULL_NUM / FULL_DEN)) ||
            (port_holds(x, p->full_supers) && queue_is_full(x)))
            return true;
    }
    return false;
}

static bool is_empty(const void *ctx)
{
    const struct pair *p = ctx;
    for (unsigned i = 0; i < p->live.n_ports; i++)
        if (port_holds(&p->live.port[i], 1))
            return false;
    return true;
}

static void beat(struct pair *p)
{
    beat_turn(&p->beat, &p->live.base.n, is_full, is_empty, p);
}

static void pair_let_go(struct capture *c)
{
    beat_end(&pair_of(c)->beat);
}

/* ------------------------------------------------------------------ */

static void taken(struct live *l, unsigned i, unsigned port, struct frame *f)
{
    struct pair *p = (struct pair *)l;
    struct ticket *t = &p->ticket[i];
    memcpy(&t->vnet, l->port[port].vnet, sizeof t->vnet);
    t->data = f->data;
    f->slot = t;
}

static enum capture_state pair_recv(struct capture *c, struct burst *b, int wait_ms)
{
    struct pair *p = pair_of(c);
    flush_all(p);
    beat(p);
    enum capture_state st = live_recv(c, b, wait_ms);
    uint64_t wall_ns = b->n ? clock_wall_ns() : 0;
    for (unsigned i = 0;
         i < b->n && wall_ns > b->frame[i].ts_ns && wall_ns - b->frame[i].ts_ns > p->beat.after_ns; i++)
        c->n.late++;
    beat(p);
    return st;
}

static void pair_done(struct capture *c, struct burst *b)
{
    flush_all(pair_of(c));
    live_given(c, b);
}

static void pair_close(struct capture *c)
{
    struct pair *p = pair_of(c);
    pair_let_go(c);
    flush_all(p);
    live_done(&p->live);
    free(p);
}

const struct capture_ops pair_ops = {
    .recv = pair_recv,
    .done = pair_done,
    .leave = pair_leave,
    .count = live_count,
    .iface_name = live_iface_name,
    .close = pair_close,
    .send = pair_send,
    .let_go = pair_let_go,
    .live = &live_part,
};

struct capture *capture_pair_attach(const struct capture_pair_options *o, const int *fd, unsigned n,
                                    struct diags *d)
{
    bool fits = n && n <= CAPTURE_IFACES && n % PAIR_ENDS == 0 && o->live.ring == RING_V2 &&
                o->worker < GATE_WORKERS;
    struct pair *p = fits ? calloc(1, sizeof *p) : NULL;
    if (!p || live_init(&p->live, &pair_ops, &o->live, o->hold_cap_bytes)) {
        diag_add(d, DIAG_ERROR, NULL, 0, 0, NULL,
                 fits ? "no memory for a capture" : "a wire has two ends and V2 rings");
        for (unsigned i = 0; i < n; i++)
            close(fd[i]);
        free(p);
        return NULL;
    }
    p->live.taken = taken;
    p->live.burst_bytes = BURST_BYTES;
    uint64_t after_ns = u64_max(o->after_ns, 2 * GATE_GUARD_NS);
    /* As old as shuts the rings now; the bridge opens GATE_GUARD_NS later. */
    p->beat = (struct beat){
        .beats = o->beats, .worker = o->worker, .after_ns = after_ns, .gone_ns = after_ns - GATE_GUARD_NS};
    p->full_supers = (uint32_t)(p->live.ring_bytes / SUPER_COST / 2);
    if (live_open(&p->live, &o->live, fd, n, d) == 0)
        return &p->live.base;
    pair_close(&p->live.base);
    return NULL;
}
