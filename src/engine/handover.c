/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Handing over among the workers of a sensor.
 *
 * The fanout gives each worker the packets of its own flows by capture_owner; what it can't see
 * comes to the wrong one: the flow that an ICMP error speaks of, an inner packet, a datagram
 * rebuilt from fragments (these have no ports), layers that the fanout's program does not know.
 * Each worker decodes what it gets, judges what is its own, and copies the frame into the ring of
 * each other owner, who decodes it again and judges what is his.  A frame is handed on once at
 * most: what lies in it is never handed back.
 *
 * Fragments: whoever has the address pair rebuilds.  What lies in a rebuilt datagram is in no
 * frame: its link header and whole datagram are handed on as one, by the worker that owns the
 * fragments (others see only some of them).
 *
 * One ring for each pair of workers, one writer, one reader; a full one is counted as lost.  A
 * worker about to wait for frames says so (asleep), looks once more, then waits for its eventfd,
 * too; who gave looks at `asleep` behind a fence: one of both sees the other.
 */
#include "engine/handover.h"

#include "base/ring.h"
#include "engine/worker.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <unistd.h>

enum { TAKE_MAX = 64 }; /* before its own frames come again */
#define RING_PAYLOAD (1u << 20)
#define HANDED_NUMBER                                                                              \
    (1ull << 48) /* numbers of handed frames: none that the worker's own capture gives */

struct pair {
    void *mem;
    struct rec_ring *in, *out; /* handles of the writer and of the reader */
};
struct seat {
    CACHE_ALIGNED _Atomic bool asleep;
    int fd;
};
struct handover {
    unsigned n;
    struct seat *seat;
    struct pair pair[]; /* from * n + to */
};

/* ------------------------------------------------------------------ before the start */

static int pair_init(struct pair *p)
{
    size_t bytes = rec_ring_bytes(RING_PAYLOAD);
    p->mem = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE,
                  -1, 0);
    if (p->mem == MAP_FAILED) {
        p->mem = NULL;
        return -ENOMEM;
    }
    p->in = rec_ring_format(p->mem, bytes);
    p->out = p->in ? rec_ring_attach(p->mem, bytes) : NULL;
    return p->out ? 0 : -ENOMEM;
}

struct handover *handover_new(unsigned workers)
{
    struct handover *h = calloc(1, sizeof(*h) + (size_t)workers * workers * sizeof(h->pair[0]));
    if (!h)
        return NULL;
    h->seat = aligned_alloc(CACHE_LINE, workers * sizeof(*h->seat));
    int rc = h->seat ? 0 : -ENOMEM;
    for (unsigned i = 0; i < workers && !rc; i++, h->n++) {
        atomic_init(&h->seat[i].asleep, false);
        h->seat[i].fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
        rc = h->seat[i].fd < 0 ? -errno : 0;
    }
    for (unsigned i = 0; i < workers * workers && !rc; i++)
        if (i / workers != i % workers)
            rc = pair_init(&h->pair[i]);
    if (!rc)
        return h;
    handover_free(h);
    return NULL;
}

void handover_free(struct handover *h)
{
    if (!h)
        return;
    for (unsigned i = 0; i < h->n; i++)
        if (h->seat[i].fd >= 0)
            close(h->seat[i].fd);
    for (unsigned i = 0; i < h->n * h->n; i++) {
        rec_ring_free(h->pair[i].in);
        rec_ring_free(h->pair[i].out);
        if (h->pair[i].mem)
            munmap(h->pair[i].mem, rec_ring_bytes(RING_PAYLOAD));
    }
    free(h->seat);
    free(h);
}

int handover_wake_fd(const struct handover *h, unsigned worker)
{
    return h->seat[worker].fd;
}

/* ------------------------------------------------------------------ giving */

static bool has_ports(uint8_t proto)
{
    return proto == IPPROTO_TCP || proto == IPPROTO_UDP || proto == IPPROTO_SCTP;
}

static unsigned owner_by_addresses(const struct engine *e, const struct packet *p)
{
    return capture_owner(p->ver, &p->src, &p->dst, 0, 0, e->parts.n_workers);
}

/* The worker that has the flow of p (for an ICMP error: of what it quotes). */
static unsigned owner_of(const struct engine *e, const struct packet *p)
{
    const struct icmp_quote *q = &p->quote;
    unsigned n = e->parts.n_workers;
    if (!p->ver || p->flags & PKT_L3_BROKEN) /* nobody's: whoever has captured it */
        return e->hand.taken ? n : e->parts.worker;
    if (q->have) {
        bool ports = has_ports(q->proto);
        return capture_owner(q->ver, &q->src, &q->dst, ports ? q->sp : 0, ports ? q->dp : 0, n);
    }
    if (!(p->flags & (PKT_TCP | PKT_UDP | PKT_SCTP)))
        return owner_by_addresses(e, p);
    return capture_owner(p->ver, &p->src, &p->dst, p->sp, p->dp, n);
}

static void give(struct engine *e, const struct frame *f, unsigned to)
{
    struct handover *h = e->parts.handover;
    struct rec_ring *r = h->pair[e->parts.worker * h->n + to].in;
    uint8_t *at = rec_ring_reserve(r, (uint32_t)sizeof(*f) + f->len);
    if (!at) {
        e->handover_lost++;
        return;
    }
    memcpy(at, f, sizeof(*f));
    memcpy(at + sizeof(*f), f->data, f->len);
    rec_ring_commit(r, (uint32_t)sizeof(*f) + f->len);
    e->handed_over++;
    e->hand.gave |= 1ull << to;
}

/* What lies in r, of this owner, for him. */
static void give_rebuilt(struct engine *e, const struct packet *p, const struct packet *r,
                         unsigned owner)
{
    if (e->hand.rebuilt != r)
        e->hand.rebuilt_to = 0;
    e->hand.rebuilt = r;
    if (e->hand.rebuilt_to >> owner & 1)
        return;
    e->hand.rebuilt_to |= 1ull << owner;
    struct frame f = *p->frame;
    f.data = r->data;
    f.len = f.wire_len = r->data_len;
    f.link = r->link;
    f.depth = r->depth;
    f.seg_size = 0;
    f.vlan_n = 0;
    f.slot = NULL;
    give(e, &f, owner);
}

bool handover_mine(struct engine *e, const struct packet *p)
{
    unsigned owner = owner_of(e, p);
    const struct packet *r = p;
    while (r && !(r->flags & PKT_REBUILT))
        r = r->outer;
    /* Rebuilt from others' fragments: these have them, too, and what is ours in it comes from
     * there. */
    if (r && owner_by_addresses(e, r) != e->parts.worker)
        return false;
    if (owner == e->parts.worker)
        return true;
    if (owner >= e->parts.n_workers)
        return false;
    if (r) {
        give_rebuilt(e, p, r, owner);
    } else {
        if (!e->hand.taken && !(e->hand.frame >> owner & 1))
            give(e, p->frame, owner);
        e->hand.frame |= 1ull << owner;
    }
    return false;
}

void handover_frame_done(struct engine *e)
{
    e->hand.frame = e->hand.rebuilt_to = 0;
    e->hand.rebuilt = NULL;
}

void handover_burst_done(struct engine *e)
{
    struct handover *h = e->parts.handover;
    if (!h || !e->hand.gave)
        return;
    atomic_thread_fence(memory_order_seq_cst);
    for (unsigned w = 0; w < h->n; w++)
        if (e->hand.gave >> w & 1 && atomic_load_explicit(&h->seat[w].asleep, memory_order_relaxed))
            (void)!write(h->seat[w].fd, &(uint64_t){1}, sizeof(uint64_t));
    e->hand.gave = 0;
}

/* ------------------------------------------------------------------ taking */

static bool waits(const struct engine *e)
{
    const struct handover *h = e->parts.handover;
    for (unsigned from = 0; from < h->n; from++)
        if (from != e->parts.worker && rec_ring_used(h->pair[from * h->n + e->parts.worker].out))
            return true;
    return false;
}

bool engine_rest(struct engine *e)
{
    struct handover *h = e->parts.handover;
    atomic_store_explicit(&h->seat[e->parts.worker].asleep, true, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst);
    return !waits(e);
}

void engine_awake(struct engine *e)
{
    atomic_store_explicit(&e->parts.handover->seat[e->parts.worker].asleep, false,
                          memory_order_relaxed);
}

/* The ring whose oldest frame is the oldest of all. */
static struct rec_ring *oldest(struct engine *e, uint64_t until_ns, struct frame *f,
                               const void **data)
{
    struct handover *h = e->parts.handover;
    struct rec_ring *best = NULL;
    f->ts_ns = until_ns;
    for (unsigned from = 0; from < h->n; from++) {
        struct rec_ring *r = h->pair[from * h->n + e->parts.worker].out;
        const void *rec;
        struct frame x;
        if (from == e->parts.worker || rec_ring_peek(r, &rec) <= 0)
            continue;
        memcpy(&x, rec, sizeof(x));
        if (x.ts_ns > f->ts_ns)
            continue;
        *f = x;
        *data = (const uint8_t *)rec + sizeof(x);
        best = r;
    }
    return best;
}

unsigned engine_take(struct engine *e, uint64_t until_ns, struct burst *b)
{
    struct rec_ring *r;
    struct frame *f = &b->frame[0];
    const void *data;
    unsigned n = 0;
    for (; n < TAKE_MAX && (r = oldest(e, until_ns, f, &data)); n++) {
        f->data = data;
        f->number = HANDED_NUMBER + e->handed_in++;
        b->n = 1;
        b->verdict[0] = VERDICT_PASS;
        b->now_ns = f->ts_ns;
        e->hand.taken = true;
        engine_burst(e, b, NULL); /* one at a time: the record is borrowed */
        e->hand.taken = false;
        rec_ring_next(r);
    }
    return n;
}
