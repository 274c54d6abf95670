/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What all captures do alike: carrying out verdicts, holding and releasing.
 *
 * Frames leave in packet time: a held frame whose deadline is T goes before the first frame of time
 * T or later, wherever the bursts are cut.
 */
#include "capture/impl.h"

#include <errno.h>
#include <unistd.h>

void capture_base_init(struct capture *c, const struct capture_ops *ops, uint64_t hold_cap_bytes)
{
    c->ops = ops;
    hold_init(&c->hold, hold_cap_bytes);
}

void capture_base_done(struct capture *c)
{
    hold_done(&c->hold);
}

static void leave(struct capture *c, const struct frame *f)
{
    if (!c->ops->leave)
        return;
    if (c->ops->leave(c, f))
        c->n.out_sent++;
    else
        c->n.out_failed++;
}

static void carry_out(struct capture *c, const struct frame *f, enum capture_verdict v,
                      const uint8_t *data, uint32_t len)
{
    if (v == VERDICT_DROP) {
        c->n.dropped++;
        if (c->ops->stay)
            c->ops->stay(c, f);
        return;
    }
    struct frame g = *f;
    if (v == VERDICT_MODIFIED) {
        c->n.modified++;
        g.data = data;
        g.len = g.wire_len = len;
    } else {
        c->n.passed++;
    }
    leave(c, &g);
}

void capture_expire(struct capture *c, uint64_t now_ns)
{
    struct hold_slot *s;
    while ((s = hold_first(&c->hold)) && s->until_ns <= now_ns) {
        c->n.held_late++;
        carry_out(c, &s->frame, VERDICT_PASS, NULL, 0);
        hold_drop(&c->hold, s);
    }
}

bool capture_release(struct capture *c, uint64_t hold_id, enum capture_verdict v,
                     const uint8_t *data, uint32_t len)
{
    struct hold_slot *s = hold_find(&c->hold, hold_id);
    if (!s)
        return false;
    c->n.released++;
    carry_out(c, &s->frame, v, data, len);
    hold_drop(&c->hold, s);
    return true;
}

/* True if the frame is held; where it can't be, it passes and that is counted. */
static bool keep(struct capture *c, struct burst *b, unsigned i)
{
    uint64_t id = c->ops->leave ? hold_put(&c->hold, &b->frame[i], b->until_ns[i]) : 0;
    b->hold_id[i] = id;
    if (id)
        c->n.held++;
    else
        c->n.held_refused++;
    return id != 0;
}

void capture_verdict(struct capture *c, struct burst *b)
{
    for (unsigned i = 0; i < b->n; i++) {
        enum capture_verdict v = (enum capture_verdict)b->verdict[i];
        if (c->hold.n)
            capture_expire(c, b->frame[i].ts_ns);
        if (v == VERDICT_HOLD) {
            if (keep(c, b, i))
                continue;
            v = VERDICT_PASS;
        }
        carry_out(c, &b->frame[i], v, b->data[i], b->len[i]);
    }
    if (c->ops->done)
        c->ops->done(c, b);
}

static void count_burst(struct capture *c, const struct burst *b)
{
    uint64_t bytes = 0;
    for (unsigned i = 0; i < b->n; i++) {
        const struct frame *f = &b->frame[i];
        bytes += f->len;
        c->n.truncated += f->len < f->wire_len;
        c->n.super_frames += f->seg_size != 0;
        c->n.checksum_unfinished += f->csum == FRAME_CSUM_UNFINISHED;
    }
    c->n.received += b->n;
    c->n.bytes += bytes;
}

static void burst_begin(struct capture *c, struct burst *b)
{
    b->n = 0;
    b->now_ns = c->now_ns;
}

static void burst_end(struct capture *c, struct burst *b)
{
    for (unsigned i = 0; i < b->n; i++) {
        b->verdict[i] = VERDICT_PASS;
        b->hold_id[i] = 0;
        b->done_with[i] = 0;
    }
    count_burst(c, b);
    c->now_ns = b->now_ns;
}

void capture_more(struct capture *c, struct burst *b)
{
    burst_begin(c, b);
    if (c->ops->more && !c->hold.n)
        c->ops->more(c, b);
    burst_end(c, b);
}

enum capture_state capture_recv(struct capture *c, struct burst *b, int wait_ms)
{
    burst_begin(c, b);
    enum capture_state st = c->ops->recv(c, b, wait_ms);
    burst_end(c, b);
    if (c->hold.n)
        capture_expire(c, b->n ? b->frame[0].ts_ns : b->now_ns);
    if (st == CAPTURE_END && c->hold.n) {
        /* The engine had one empty burst since the end to let them go (see capture.h). */
        if (c->ended)
            capture_expire(c, UINT64_MAX);
        else
            st = CAPTURE_MORE;
        c->ended = true;
    }
    return st;
}

const char *capture_error(const struct capture *c)
{
    return c->error;
}

const struct capture_counters *capture_counters(struct capture *c)
{
    if (c->ops->count)
        c->ops->count(c);
    return &c->n;
}

const char *capture_iface_name(const struct capture *c, unsigned iface)
{
    return c->ops->iface_name ? c->ops->iface_name(c, iface) : NULL;
}

void capture_close(struct capture *c)
{
    if (c)
        c->ops->close(c);
}

/* ------------------------------------------------------------------ in the wire, and live */

bool capture_send(struct capture *c, unsigned iface, const void *frame, size_t n)
{
    return c->ops->send && c->ops->send(c, iface, frame, n);
}

void capture_let_go(struct capture *c)
{
    if (c->ops->let_go)
        c->ops->let_go(c);
}

void capture_live_wake(struct capture *c, int fd)
{
    if (c->ops->live && c->ops->live->wake)
        c->ops->live->wake(c, fd);
}

uint64_t capture_live_horizon(const struct capture *c)
{
    return c->ops->live && c->ops->live->horizon ? c->ops->live->horizon(c) : UINT64_MAX;
}

uint32_t capture_live_dead(const struct capture *c)
{
    return c->ops->live ? c->ops->live->dead(c) : 0;
}

int capture_live_replace(struct capture *c, unsigned iface, int fd)
{
    if (c->ops->live && c->ops->live->replace)
        return c->ops->live->replace(c, iface, fd);
    close(fd);
    return -EINVAL;
}

const struct capture_iface_counters *capture_live_iface(const struct capture *c, unsigned iface)
{
    return c->ops->live ? c->ops->live->iface(c, iface) : NULL;
}
