/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames leave: what passes unchanged is sent from where it was received, all else is copied into a
 * frame of ours.  Put into the TX ring one by one, told to the kernel a burst at a time.
 */
#include <errno.h>
#include <string.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "capture/vnet.h"
#include "capture/xdp/kernel.h"
#include "capture/xdp/sockets.h"

enum { KICKS_MOST = 128 };

/* The same queue of the other port, as far as it has so many. */
static struct xsock *socket_to(struct xdp *x, unsigned iface, unsigned queue)
{
    if (iface >= x->n_ifaces || !x->queues[iface])
        return NULL;
    struct xsock *s = &x->sock[x->first[iface] + queue % x->queues[iface]];
    return s->dead ? NULL : s;
}

/*
 * Copying, the kernel sends some frames a call, and says EAGAIN when there are more.  EBUSY: a
 * frame was lost on the way to the card.  What it leaves (a port that is down, memory short) is
 * tried again next turn.
 */
static void kick(struct xdp *x, struct xsock *s)
{
    xring_tell(&s->tx);
    uint32_t behind = xring_behind(&s->tx);
    for (unsigned k = 0; behind && k < KICKS_MOST && (!x->zero_copy || xring_sleeps(&s->tx)); k++) {
        uint32_t was = behind;
        int err = sendto(s->fd, NULL, 0, MSG_DONTWAIT | MSG_NOSIGNAL, NULL, 0) < 0 ? errno : 0;
        s->down = err == ENETDOWN || err == ENXIO;
        if (err == EBUSY && !x->zero_copy) {
            x->base.n.out_sent -= x->base.n.out_sent > 0;
            x->base.n.out_failed++;
        }
        behind = xring_behind(&s->tx);
        if (x->zero_copy || behind == was)
            break;
    }
    s->to_kick = behind && (!x->zero_copy || s->down);
}

static struct xdp_queue *queue_of(struct xdp *x, const struct xsock *s)
{
    return &x->store.area->queue[s - x->sock];
}

/* True: its frames are the kernel's now. */
static bool push(struct xdp *x, struct xsock *s, const struct xring_desc *part, unsigned n)
{
    if (s->down) /* what waits there would come out minutes later */
        return false;
    if (xring_room(&s->tx, n) < n) {
        kick(x, s);
        xdp_queue_reclaim(&x->store, queue_of(x, s));
        if (xring_room(&s->tx, n) < n)
            return false;
    }
    for (unsigned i = 0; i < n; i++) {
        struct xring_desc d = part[i];
        d.options = i + 1 < n ? XDP_PKT_CONTD : 0;
        xring_put_desc(&s->tx, d);
    }
    s->to_kick = true;
    return true;
}

static bool frame_get(struct xdp *x, uint32_t *frame)
{
    if (xdp_store_get(&x->store, 0, frame))
        return true;
    for (unsigned i = 0; i < x->store.area->n_queues; i++)
        xdp_queue_reclaim(&x->store, &x->store.area->queue[i]);
    return xdp_store_get(&x->store, 0, frame);
}

/* Bytes into frames of ours, which are the ticket's then. */
static bool copy_in(struct xdp *x, struct xticket *t, const uint8_t *data, size_t n)
{
    const struct xdp_area *a = x->store.area;
    uint32_t frame;
    t->n = 0;
    for (size_t at = 0; at < n; t->n++) {
        uint32_t len = (uint32_t)(n - at < xdp_room(a) ? n - at : xdp_room(a));
        if (t->n == XDP_PARTS || !frame_get(x, &frame)) {
            xdp_recycle(x, t);
            return false;
        }
        uint64_t addr = xdp_addr(a, frame) + XDP_CHUNK_ROOM;
        memcpy(a->mem + addr, data + at, len);
        t->part[t->n] = (struct xring_desc){.addr = addr, .len = len};
        at += len;
    }
    return true;
}

/* The two bytes at `at` of the whole, into the part where they lie (a byte each: they may lie in
 * two). */
static void put_sum(struct xdp *x, struct xticket *t, uint32_t at, const uint8_t *sum)
{
    for (unsigned b = 0; b < 2; b++, at++) {
        uint32_t skip = at;
        unsigned i = 0;
        while (i < t->n && skip >= t->part[i].len)
            skip -= t->part[i++].len;
        if (i < t->n)
            x->store.area->mem[t->part[i].addr + skip] = sum[b];
    }
}

/* What came with an unfinished checksum would be thrown away by who gets it: no header says so on
 * this way. */
static void finish(struct xdp *x, struct xticket *t, const struct frame *f)
{
    uint8_t *data = (uint8_t *)(uintptr_t)f->data;
    uint32_t at = vnet_finish(data, f->len);
    if (at && t->n > 1)
        put_sum(x, t, at, data + at);
}

static void finish_copy(struct xdp *x, struct xticket *t, const struct frame *f)
{
    if (t->n == 1)
        (void)vnet_finish(x->store.area->mem + t->part[0].addr, f->len);
    else
        finish(x, t, f); /* these bytes are ours as well: held, or made for this frame */
}

bool xdp_leave(struct capture *c, const struct frame *f)
{
    struct xdp *x = (struct xdp *)c;
    struct xticket *t = f->slot, copy;
    struct xsock *to = socket_to(x, capture_other_end(f->iface), t ? t->queue : 0);
    if (!to || f->len < f->wire_len)
        return false;
    if (t && f->data == t->data) {
        if (f->csum == FRAME_CSUM_UNFINISHED)
            finish(x, t, f);
        bool ok = push(x, to, t->part, t->n);
        t->n = ok ? 0 : t->n;
        return ok;
    }
    /* Held, or other bytes. */
    if (!copy_in(x, &copy, f->data, f->len))
        return false;
    if (f->csum == FRAME_CSUM_UNFINISHED)
        finish_copy(x, &copy, f);
    if (push(x, to, copy.part, copy.n)) {
        if (!t) /* held: nobody may come by for a while */
            kick(x, to);
        return true;
    }
    xdp_recycle(x, &copy);
    return false;
}

bool xdp_send(struct capture *c, unsigned iface, const void *frame, size_t n)
{
    struct xdp *x = (struct xdp *)c;
    struct xown *o = &x->own[x->n_own];
    if (x->n_own == XDP_OWN) {
        xdp_flush_own(x);
        o = &x->own[0];
    }
    if (!socket_to(x, iface, 0) || n > xdp_room(x->store.area) || !frame_get(x, &o->frame))
        return false;
    o->iface = iface;
    o->len = (uint32_t)n;
    memcpy(x->store.area->mem + xdp_addr(x->store.area, o->frame) + XDP_CHUNK_ROOM, frame, n);
    x->n_own++;
    return true;
}

void xdp_flush_own(struct xdp *x)
{
    for (unsigned i = 0; i < x->n_own; i++) {
        const struct xown *o = &x->own[i];
        struct xring_desc d = {.addr = xdp_addr(x->store.area, o->frame) + XDP_CHUNK_ROOM,
                               .len = o->len};
        struct xsock *to = socket_to(x, o->iface, 0);
        if (!to || !push(x, to, &d, 1)) /* its effect is watched for */
            xdp_store_put(&x->store, o->frame);
    }
    x->n_own = 0;
}

void xdp_flush(struct xdp *x)
{
    for (unsigned i = 0; i < x->n; i++)
        if (x->sock[i].to_kick)
            kick(x, &x->sock[i]);
}

void xdp_recycle(struct xdp *x, struct xticket *t)
{
    for (unsigned i = 0; i < t->n; i++)
        xdp_store_put(&x->store, xdp_frame(x->store.area, t->part[i].addr));
    t->n = 0;
}
