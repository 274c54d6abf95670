/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A queue of the kernel's packet filter as a capture.
 *
 * Each message lies in a room of its own until the burst is judged; the Ethernet header is written
 * over attributes that have been read.  Verdicts are gathered in order and sent in one call:
 * packets that pass alike and have nothing older waiting are one batch, "all up to number n". While
 * something is held, each packet is named, for a batch would let the held ones go.
 *
 * frame.number is the kernel's number of the packet, carried on past 32 bits: gaps are packets that
 * found no room in the socket.
 */
#include "capture/capture.h"

#include <netinet/in.h> /* before the kernel's own of the same names */

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/clock.h"
#include "capture/gate/gate.h"
#include "capture/impl.h"
#include "capture/nfq/peers.h"
#include "capture/vnet.h"

#ifndef NFQA_SKB_CSUM_NOTVERIFIED
#define NFQA_SKB_CSUM_NOTVERIFIED (1 << 2)
#endif

enum {
    ROOM = 68 * 1024 +
           192, /* a message; not a multiple of a page, so that heads spread over the cache */
    OUT_BYTES = 128 * 1024,
    OUT_FLUSH = 48 * 1024,
    BURST_BYTES = 256 * 1024,
    LEAST_TAKE = 4,
    FULL_NUM = 3, /* of 4: the beat goes */
    FULL_DEN = 4,
    MTU = 1500,
    OWN_BYTES = 64 * 1024, /* frames of our own that wait */
    OWN_MOST = 2048,       /* one of them */
};

/* Beside each frame of the burst: frame.slot. */
struct ticket {
    uint32_t mark;
    uint8_t head; /* bytes of our header */
    bool cut;     /* its end was not told: it leaves as it came */
    const uint8_t *data;
};
struct nfq {
    struct capture base;
    struct capture_queue_options o;
    int fd[QUEUE_FDS], wake_fd;
    char name[24];
    uint8_t *room; /* BURST_MAX rooms */
    struct mmsghdr msg[BURST_MAX];
    struct iovec io[BURST_MAX];
    struct ticket ticket[BURST_MAX];
    const struct burst *burst; /* in work */
    unsigned take;             /* messages asked for at once */
    uint64_t number, beat_ns, horizon_ns;
    bool let_go, over;
    struct nfq_out out;
    /* a run of packets that pass alike: not yet written */
    bool run;
    uint32_t run_id, run_mark;
    bool run_marked;
    struct peers peers;
    struct capture_iface_counters count;
    uint32_t own_n; /* bytes: a length of two bytes and a frame, one behind the other */
    uint8_t own[OWN_BYTES];
};

static struct nfq *nfq_of(const struct capture *c)
{
    return (struct nfq *)(uintptr_t)c;
}

/* ------------------------------------------------------------------ verdicts */

static void flush(struct nfq *q)
{
    if (!q->out.n)
        return;
    ssize_t r;
    do
        r = send(q->fd[0], q->out.mem, q->out.n, MSG_NOSIGNAL | MSG_DONTWAIT);
    while (r < 0 && errno == EINTR);
    if (r < 0) /* what was refused waits in the kernel; the gate opens for the rest */
        q->base.n.out_failed++;
    q->out.n = 0;
}

static void make_room(struct nfq *q, uint32_t n)
{
    if (q->out.n + n > q->out.room || q->out.n > OUT_FLUSH)
        flush(q);
}

static uint32_t pass_verdict(const struct nfq *q)
{
    return q->o.mode == QUEUE_REPEAT ? (uint32_t)NF_REPEAT
           : q->o.mode == QUEUE_ROUTE
               ? (uint32_t)NF_QUEUE_NR(q->o.route_to) | NF_VERDICT_FLAG_QUEUE_BYPASS
               : (uint32_t)NF_ACCEPT;
}

static void run_end(struct nfq *q)
{
    if (!q->run)
        return;
    q->run = false;
    make_room(q, 256);
    (void)nfq_put_batch(&q->out, q->o.queue, q->run_id, pass_verdict(q),
                        q->run_marked ? &q->run_mark : NULL);
}

/* The mark that it leaves with.  False: as it came. */
static bool mark_of(const struct nfq *q, const struct frame *f, uint32_t *mark)
{
    const struct ticket *t = f->slot;
    uint32_t was = t ? t->mark : 0, now = (was & ~q->o.mark_mask) | (q->o.mark & q->o.mark_mask);
    size_t k = t ? (size_t)(t - q->ticket) : BURST_MAX;
    if (q->o.done_mark && q->burst && k < q->burst->n && q->burst->done_with[k])
        now |= q->o.done_mark;
    *mark = now;
    return t ? now != was : q->o.mark_mask != 0;
}

static bool nfq_leave(struct capture *c, const struct frame *f)
{
    struct nfq *q = nfq_of(c);
    const struct ticket *t = f->slot;
    uint32_t id = (uint32_t)f->number, mark;
    bool marked = mark_of(q, f, &mark),
         changed = t && !t->cut && f->data != t->data && f->len > t->head;
    if (changed || c->hold.n) {
        run_end(q);
        if (changed &&
            f->csum ==
                FRAME_CSUM_UNFINISHED) /* the kernel finishes none of what it is given back */
            (void)vnet_finish((uint8_t *)(uintptr_t)f->data, f->len);
        const uint8_t *data = changed ? f->data + t->head : NULL;
        uint32_t n = changed ? f->len - t->head : 0;
        make_room(q, n + 256);
        return nfq_put_verdict(&q->out, q->o.queue, id, pass_verdict(q), marked ? &mark : NULL,
                               data, n);
    }
    if (q->run && (q->run_marked != marked || (marked && q->run_mark != mark)))
        run_end(q);
    q->run = true;
    q->run_id = id;
    q->run_marked = marked;
    q->run_mark = mark;
    return true;
}

/* Before the batch of its neighbours, which would let it go. */
static void nfq_stay(struct capture *c, const struct frame *f)
{
    struct nfq *q = nfq_of(c);
    make_room(q, 256);
    (void)nfq_put_verdict(&q->out, q->o.queue, (uint32_t)f->number, NF_DROP, NULL, NULL, 0);
}

/* ------------------------------------------------------------------ frames of our own */

static bool send_routed(struct nfq *q, const uint8_t *ip, size_t n)
{
    struct sockaddr_in a4 = {.sin_family = AF_INET};
    struct sockaddr_in6 a6 = {.sin6_family = AF_INET6};
    if (n >= 40 && ip[0] >> 4 == 6) {
        memcpy(&a6.sin6_addr, ip + 24, 16);
        return sendto(q->fd[3], ip, n, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&a6,
                      sizeof(a6)) >= 0;
    }
    memcpy(&a4.sin_addr, ip + 16, 4);
    return n >= 20 && sendto(q->fd[2], ip, n, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&a4,
                             sizeof(a4)) >= 0;
}

/* To the bridge port that its receiver was seen behind. */
static void send_own(struct nfq *q, uint8_t *frame, size_t n)
{
    uint16_t type = be16_at(frame + 12);
    size_t head = type == ETH_P_8021Q || type == ETH_P_8021AD ? NFQ_HEAD_MOST : ETH_HLEN;
    const struct peer *p = peers_find(&q->peers, frame + head, n - head);
    if (!p) {
        (void)send_routed(q, frame + head, n - head);
        return;
    }
    memcpy(frame, p->mac, sizeof(p->mac));
    struct sockaddr_ll a = {.sll_family = AF_PACKET, .sll_ifindex = (int)p->port, .sll_halen = 6};
    (void)!sendto(q->fd[1], frame, n, MSG_DONTWAIT | MSG_NOSIGNAL, (struct sockaddr *)&a,
                  sizeof(a));
}

/* Its effect is watched for: what can't be sent is not known here. */
static void flush_own(struct nfq *q)
{
    for (uint32_t at = 0, n; at < q->own_n; at += 2 + n) {
        n = be16_at(q->own + at);
        send_own(q, q->own + at + 2, n);
    }
    q->own_n = 0;
}

/* Behind the burst in work: bytes before it must have left.  `iface` means nothing here. */
static bool nfq_send(struct capture *c, unsigned iface UNUSED, const void *frame, size_t n)
{
    struct nfq *q = nfq_of(c);
    if (n < NFQ_HEAD_MOST + 20 || n > OWN_MOST || n + 2 > OWN_BYTES - q->own_n)
        return false;
    be16_put(q->own + q->own_n, (uint16_t)n);
    memcpy(q->own + q->own_n + 2, frame, n);
    q->own_n += (uint32_t)n + 2;
    return true;
}

static void nfq_done(struct capture *c, struct burst *b UNUSED)
{
    struct nfq *q = nfq_of(c);
    run_end(q);
    flush(q);
    if (q->own_n)
        flush_own(q);
    q->burst = NULL;
}

/* ------------------------------------------------------------------ the beat */

static void beat_store(struct nfq *q, uint64_t ns)
{
    if (q->o.beats)
        atomic_store_explicit(&q->o.beats->worker[q->o.worker].ns, ns, memory_order_relaxed);
}

static bool is_full(const struct nfq *q)
{
    uint32_t mem[9] = {0}; /* SK_MEMINFO_*: 0 taken, 1 bound */
    socklen_t n = sizeof(mem);
    return getsockopt(q->fd[0], SOL_SOCKET, SO_MEMINFO, mem, &n) == 0 && n >= 8 &&
           (uint64_t)mem[0] * FULL_DEN >= (uint64_t)mem[1] * FULL_NUM;
}

/* After a burst of n: only a full one can mean a full socket. */
static bool beat(struct nfq *q, unsigned n)
{
    uint64_t now_ns = clock_mono_ns();
    bool stalled = false;
    if (q->over)
        return false;
    if (!q->let_go && n == q->take && is_full(q)) {
        q->let_go = true;
        q->base.n.let_go++;
        beat_store(q, 0);
    }
    if (q->let_go && n)
        return false;
    if (!q->let_go && q->beat_ns && now_ns - q->beat_ns > q->o.after_ns) {
        q->base.n.stalled++;
        stalled = true;
    }
    q->let_go = false;
    q->beat_ns = now_ns;
    beat_store(q, now_ns);
    return stalled;
}

static void nfq_let_go(struct capture *c)
{
    struct nfq *q = nfq_of(c);
    if (!q->over)
        beat_store(q, 0);
    q->over = true;
}

/* ------------------------------------------------------------------ receiving */

/* Payload bytes a segment: the kernel does not tell.  As of a link of 1500 bytes. */
static uint16_t segment_size(const struct nfq_packet *p)
{
    uint32_t l3 = p->data[0] >> 4 == 6 ? 40 : (p->data[0] & 15u) * 4, l4 = 20;
    bool tcp = p->data[0] >> 4 == 6 ? p->n > l3 && p->data[6] == IPPROTO_TCP
                                    : p->n > l3 && p->data[9] == IPPROTO_TCP;
    if (tcp && p->n >= l3 + 20)
        l4 = (uint32_t)(p->data[l3 + 12] >> 4) * 4;
    return (uint16_t)(MTU - l3 - l4);
}

static void number(struct nfq *q, uint32_t id)
{
    uint32_t step = id - (uint32_t)q->number;
    if (step > 1 && step < 1u << 31) { /* found no room in the socket */
        q->base.n.kernel_drops += step - 1;
        q->count.kernel_drops += step - 1;
    }
    q->base.n.kernel_packets += step < 1u << 31 ? step : 1;
    q->number += step < 1u << 31 ? step : 1;
}

static void take_packet(struct nfq *q, const struct nfq_packet *p, uint8_t *from, struct burst *b)
{
    struct ticket *t = &q->ticket[b->n];
    number(q, p->id);
    unsigned head = nfq_head(p, from);
    if (!head) { /* nothing to look at */
        make_room(q, 256);
        (void)nfq_put_verdict(&q->out, q->o.queue, p->id, pass_verdict(q), NULL, NULL, 0);
        q->base.n.truncated++;
        return;
    }
    peers_note(&q->peers, p);
    struct frame *f = &b->frame[b->n++];
    *f = (struct frame){.data = p->data - head,
                        .len = p->n + head,
                        .wire_len = u32_max(p->cap_n, p->n) + head,
                        .ts_ns = b->now_ns,
                        .number = q->number,
                        .link = LINK_ETHERNET,
                        .slot = t};
    if (p->info & NFQA_SKB_CSUMNOTREADY)
        f->csum = FRAME_CSUM_UNFINISHED;
    else if (!(p->info & NFQA_SKB_CSUM_NOTVERIFIED))
        f->csum = FRAME_CSUM_GOOD;
    if (p->info & NFQA_SKB_GSO)
        f->seg_size = segment_size(p);
    *t = (struct ticket){
        .mark = p->mark, .head = (uint8_t)head, .cut = p->cap_n > p->n, .data = f->data};
    q->count.received++;
    q->count.bytes += f->len;
}

static void trouble(struct nfq *q, int error)
{
    if (!error || error == -ENOENT) /* it went with its device */
        return;
    q->base.n.out_failed++;
    (void)snprintf(q->base.error, sizeof(q->base.error), "%s: the kernel refuses a verdict: %s",
                   q->name, strerror(-error));
}

/* Datagrams asked for at once: so many super-frames as fit the cache. */
static void pace(struct nfq *q, unsigned n, uint64_t bytes)
{
    uint64_t mean = n ? bytes / n : 0, want = mean ? BURST_BYTES / mean : BURST_MAX;
    q->take = (unsigned)(want < LEAST_TAKE ? LEAST_TAKE : want > BURST_MAX ? BURST_MAX : want);
}

static void gather(struct nfq *q, struct burst *b)
{
    uint64_t bytes = 0;
    for (unsigned i = 0; i < q->take; i++)
        q->io[i] = (struct iovec){q->room + (size_t)i * ROOM, ROOM};
    int n = recvmmsg(q->fd[0], q->msg, q->take, MSG_DONTWAIT, NULL);
    uint64_t now_ns = clock_wall_ns();
    b->now_ns = now_ns < b->now_ns && b->now_ns - now_ns < NS_PER_SEC ? b->now_ns : now_ns;
    for (int i = 0; i < n; i++) {
        struct nfq_packet p;
        uint8_t *at = q->io[i].iov_base;
        enum nfq_kind kind = nfq_read(at, u32_min(q->msg[i].msg_len, ROOM), &p);
        if (kind == NFQ_PACKET)
            take_packet(q, &p, at, b);
        else if (kind == NFQ_ERROR)
            trouble(q, p.error);
        else
            q->base.n.truncated += kind == NFQ_BAD;
        bytes += q->msg[i].msg_len;
    }
    if (n > 0)
        pace(q, (unsigned)n, bytes);
}

static void wait_for(struct nfq *q, int wait_ms)
{
    struct pollfd p[2] = {{.fd = q->fd[0], .events = POLLIN}, {.fd = q->wake_fd, .events = POLLIN}};
    uint64_t count;
    if (poll(p, q->wake_fd >= 0 ? 2 : 1, wait_ms) > 0 && p[1].revents)
        (void)!read(q->wake_fd, &count, sizeof(count));
}

static enum capture_state nfq_recv(struct capture *c, struct burst *b, int wait_ms)
{
    struct nfq *q = nfq_of(c);
    nfq_done(c, b); /* what was released between bursts */
    gather(q, b);
    if (!b->n && wait_ms) {
        (void)beat(q, 0);
        wait_for(q, wait_ms);
        gather(q, b);
    }
    q->horizon_ns = b->now_ns;
    if (beat(q, b->n))
        c->n.late += b->n;
    q->burst = b;
    return CAPTURE_MORE;
}

/* ------------------------------------------------------------------ */

static const char *nfq_name(const struct capture *c, unsigned iface)
{
    return iface ? NULL : nfq_of(c)->name;
}

static void nfq_wake(struct capture *c, int fd)
{
    nfq_of(c)->wake_fd = fd;
}

static uint64_t nfq_horizon(const struct capture *c)
{
    return nfq_of(c)->horizon_ns;
}

static uint32_t nfq_dead(const struct capture *c UNUSED)
{
    return 0;
}

static const struct capture_iface_counters *nfq_iface(const struct capture *c, unsigned iface)
{
    return iface ? NULL : &nfq_of(c)->count;
}

static void nfq_count(struct capture *c)
{
    struct nfq *q = nfq_of(c);
    q->count.kernel_packets = c->n.kernel_packets;
}

static void nfq_close(struct capture *c)
{
    struct nfq *q = nfq_of(c);
    nfq_let_go(c);
    nfq_done(c, NULL);
    for (unsigned i = 0; i < QUEUE_FDS; i++)
        if (q->fd[i] >= 0)
            close(q->fd[i]);
    if (q->room)
        munmap(q->room, (size_t)BURST_MAX * ROOM);
    free(q->out.mem);
    capture_base_done(c);
    free(q);
}

static const struct capture_live_ops nfq_live = {
    .wake = nfq_wake, .horizon = nfq_horizon, .dead = nfq_dead, .iface = nfq_iface};
static const struct capture_ops nfq_ops = {
    .recv = nfq_recv,
    .done = nfq_done,
    .leave = nfq_leave,
    .stay = nfq_stay,
    .count = nfq_count,
    .iface_name = nfq_name,
    .close = nfq_close,
    .send = nfq_send,
    .let_go = nfq_let_go,
    .live = &nfq_live,
};

/* A verdict about nothing: may we give any?  The answer is the next message that is no packet. */
static int may_judge(struct nfq *q)
{
    uint8_t in[256];
    uint32_t at = q->out.n;
    (void)nfq_put_verdict(&q->out, q->o.queue, 0, NF_ACCEPT, NULL, NULL, 0);
    nfq_ask_ack(&q->out, at);
    if (send(q->fd[0], q->out.mem, q->out.n, MSG_NOSIGNAL) < 0)
        return -errno;
    q->out.n = 0;
    for (unsigned k = 0; k < BURST_MAX; k++) {
        struct nfq_packet p;
        ssize_t n = recv(q->fd[0], in, sizeof(in), MSG_DONTWAIT | MSG_PEEK);
        if (n <= 0)
            return 0;
        if (nfq_read(in, (size_t)n, &p) != NFQ_ERROR)
            return 0; /* packets wait before it: the first refusal will be counted */
        (void)!recv(q->fd[0], in, sizeof(in), MSG_DONTWAIT);
        if (p.error)
            return p.error == -ENOENT ? 0 : p.error;
    }
    return 0;
}

struct capture *capture_queue_attach(const struct capture_queue_options *o, const int fd[QUEUE_FDS],
                                     struct diags *d)
{
    struct nfq *q = calloc(1, sizeof(*q));
    int rc = q ? 0 : -ENOMEM;
    for (unsigned i = 0; i < QUEUE_FDS && !q; i++)
        if (fd[i] >= 0)
            close(fd[i]);
    if (q) {
        capture_base_init(&q->base, &nfq_ops, o->hold_cap_bytes);
        q->o = *o;
        q->o.after_ns = u64_max(o->after_ns, 2 * GATE_GUARD_NS);
        q->wake_fd = -1;
        q->take = BURST_MAX;
        memcpy(q->fd, fd, sizeof(q->fd));
        (void)snprintf(q->name, sizeof(q->name), "queue %u", o->queue);
        void *m = mmap(NULL, (size_t)BURST_MAX * ROOM, PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
        q->room = m == MAP_FAILED ? NULL : m;
        q->out = (struct nfq_out){.mem = malloc(OUT_BYTES), .room = OUT_BYTES};
        for (unsigned i = 0; i < BURST_MAX; i++)
            q->msg[i].msg_hdr = (struct msghdr){.msg_iov = &q->io[i], .msg_iovlen = 1};
        rc = q->room && q->out.mem ? may_judge(q) : -ENOMEM;
    }
    if (!rc)
        return &q->base;
    diag_add(d, DIAG_ERROR, q ? q->name : NULL, 0, 0,
             rc == -EPERM ? "verdicts need CAP_NET_ADMIN in the engine" : NULL,
             "the queue can't be read: %s", strerror(-rc));
    if (q)
        nfq_close(&q->base);
    return NULL;
}
