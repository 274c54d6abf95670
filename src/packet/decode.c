/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The decoder's driver: opens packets, walks their steps, follows tunnels and rebuilt datagrams,
 * counts.
 *
 * The packets of one frame are a chain (each has at most one packet inside), so the loop here is
 * all the nesting there is; its bound is the number of layers.
 */
#include "packet/decode.h"

#include <stdlib.h>
#include <string.h>

static_assert((offsetof(struct packet, quote) + 31) / 32 * 32 <= sizeof(struct packet),
              "clear_lines");

typedef enum step step_fn(struct way *w);
static step_fn *const steps[STEP_COUNT] = {
#define STEP_ROW(id, fn) [STEP_##id] = fn,
    DECODE_STEPS(STEP_ROW)
#undef STEP_ROW
};

static const struct {
    uint16_t link;
    uint8_t step;
} link_steps[] = {
    {LINK_ETHERNET, STEP_ETHER},
    {LINK_RAW, STEP_RAW},
    {LINK_RAW_OLD, STEP_RAW},
    {LINK_RAW_BSD, STEP_RAW},
    {LINK_NULL, STEP_LOOPBACK},
    {LINK_LOOP, STEP_LOOPBACK},
    {LINK_SLL, STEP_SLL},
    {LINK_SLL2, STEP_SLL2},
    {LINK_IPV4, STEP_IP4},
    {LINK_IPV6, STEP_IP6},
    {LINK_PPP, STEP_PPP},
    {LINK_PPP_SERIAL, STEP_PPP},
    {LINK_PPP_ETHER, STEP_PPPOE_SESS},
    {LINK_CHDLC, STEP_CHDLC},
};

static const uint16_t usual_vxlan[4] = {4789}, usual_geneve[4] = {6081}, usual_teredo[4] = {3544};

static void ports_set(struct decoder *d, bool on, uint16_t ports[4], const uint16_t usual[4])
{
    if (!ports[0])
        memcpy(ports, usual, 4 * sizeof(ports[0]));
    for (unsigned i = 0; on && i < 4 && ports[i]; i++)
        d->tunnel_ports |= 1ull << (ports[i] & 63);
}

struct decoder *decoder_new(const struct decode_config *c)
{
    struct decoder *d = calloc(1, sizeof(*d));
    if (!d)
        return NULL;
    d->cfg = *c;
    d->layers_max = c->layers_max ? c->layers_max : PACKET_LAYERS_MAX;
    ports_set(d, c->vxlan, d->cfg.vxlan_ports, usual_vxlan);
    ports_set(d, c->geneve, d->cfg.geneve_ports, usual_geneve);
    ports_set(d, c->teredo, d->cfg.teredo_ports, usual_teredo);
    csum_crc32c_init(d);
    d->frags = frag_table_new(&d->cfg, &d->n);
    if (!d->frags) {
        free(d);
        return NULL;
    }
    return d;
}

void decoder_free(struct decoder *d)
{
    if (!d)
        return;
    frag_table_free(d->frags);
    free(d);
}

void decoder_burst_end(struct decoder *d, uint64_t now_ns)
{
    d->now_ns = u64_max(d->now_ns, now_ns);
    frag_burst_end(d->frags, d->now_ns);
}

const struct decode_counters *decoder_counters(const struct decoder *d)
{
    return &d->n;
}

void decoder_uncount(struct decoder *d, const struct decode_counters *before)
{
    uint64_t bytes = d->n.frag_mem_bytes, trackers = d->n.frag_trackers;
    d->n = *before;
    d->n.frag_mem_bytes = bytes;
    d->n.frag_trackers = trackers;
}

bool way_layer(struct way *w)
{
    if (++w->layers <= w->d->layers_max)
        return true;
    packet_event(w->p, DECODE_TOO_MANY_LAYERS);
    w->p->flags |= PKT_INVALID | PKT_IGNORE;
    w->d->n.too_many_layers++;
    return false;
}

enum step way_broken(struct way *w, unsigned event, uint32_t flags)
{
    packet_event(w->p, event);
    w->p->flags |= PKT_INVALID | PKT_IGNORE | flags;
    return STEP_END;
}

enum step way_inner(struct way *w, enum step step, struct cursor c, enum packet_source src)
{
    w->inner = step;
    w->inner_c = c;
    w->inner_src = (uint8_t)src;
    w->inner_quiet = false;
    return STEP_END;
}

bool way_inner_type(struct way *w, uint16_t type, struct cursor c, enum packet_source src)
{
    enum step s = type == ETHERTYPE_NUM_BRIDGE ? STEP_ETHER : ethertype_step(type);
    if (s == STEP_NONE)
        return false;
    way_inner(w, s, c, src);
    return true;
}

bool way_snapped(const struct way *w, uint32_t missing)
{
    const struct frame *f = w->f;
    return f->wire_len > f->len && w->c.end == f->data + f->len && missing <= f->wire_len - f->len;
}

/*
 * memset of a few hundred bytes becomes `rep stos`, whose start-up costs a third of a packet's
 * decoding; the empty asm keeps the compiler from making one of this loop, too.
 */
static inline void clear_lines(void *p, size_t n32)
{
    for (uint8_t *at = p; n32; n32--, at += 32) {
        memset(at, 0, 32);
        __asm__ volatile("" : : "r"(at) : "memory");
    }
}

/* What a packet starts as; quote is left alone but for its `have`. */
static struct packet *packet_open(struct way *w, struct cursor c)
{
    struct packet *p = &w->out[w->n++];
    clear_lines(p, (offsetof(struct packet, quote) + 31) / 32);
    p->quote.have = false;
    p->frame = w->f;
    p->ts_ns = w->f->ts_ns;
    p->number = w->f->number;
    p->data = c.at;
    p->data_len = (uint32_t)cur_left(&c);
    p->link = LINK_RAW;
    p->seg_n = 1;
    w->p = p;
    w->c = c;
    w->csum_src = w->csum_dst = NULL;
    w->inner = STEP_END;
    w->whole.data = NULL;
    w->check = w->d->cfg.check_csum && w->f->csum != FRAME_CSUM_UNFINISHED && !w->f->seg_size;
    return p;
}

static enum step frame_open(struct way *w)
{
    const struct frame *f = w->f;
    struct packet *p = packet_open(w, cur_of(f->data, f->len));
    p->link = f->link;
    p->depth = f->depth;
    if (f->csum == FRAME_CSUM_GOOD)
        w->check = false;
    for (unsigned i = 0; i < f->vlan_n && i < ARRAY_LEN(f->vlan_tci); i++)
        p->vlan[p->vlan_n++] = f->vlan_tci[i] & 0x0fff;
    for (unsigned i = 0; i < ARRAY_LEN(link_steps); i++)
        if (link_steps[i].link == f->link)
            return link_steps[i].step;
    return STEP_END;
}

static enum step inner_open(struct way *w)
{
    struct packet *outer = w->p;
    enum step step = w->inner;
    outer->flags |= PKT_HAS_TUNNEL;
    struct packet *p = packet_open(w, w->inner_c);
    p->outer = outer;
    p->flags = PKT_INNER;
    p->depth = (uint8_t)(outer->depth + 1);
    p->src_kind = w->inner_src;
    p->vxlan_vni = outer->vxlan_vni;
    return step;
}

static enum step whole_open(struct way *w)
{
    const struct packet *frag = w->p;
    struct frag_whole g = w->whole;
    struct packet *p = packet_open(w, cur_of(g.data, g.len));
    p->outer = frag->outer;
    p->flags = PKT_REBUILT | (frag->flags & PKT_INNER);
    p->depth = frag->depth;
    p->src_kind = PKT_SRC_DEFRAG;
    p->link = frag->link;
    if (g.prefix && frag->l2)
        p->l2 = g.data + (frag->l2 - frag->data);
    p->vlan_n = frag->vlan_n;
    memcpy(p->vlan, frag->vlan, sizeof(p->vlan));
    p->mpls_label = frag->mpls_label;
    p->vxlan_vni = frag->vxlan_vni;
    (void)cur_skip(&w->c, g.prefix);
    return frag->ver == 4 ? STEP_IP4 : STEP_IP6;
}

static void packet_close(struct way *w)
{
    struct packet *p = w->p;
    if (!p->ver)
        p->flags |= PKT_IGNORE;
    if (p->flags & PKT_INVALID)
        w->d->n.invalid++;
    else if (p->ver && p->outer) /* all of them lie in our array */
        w->out[p->outer - w->out].flags |= PKT_CARRIER;
    for (unsigned i = 0; i < p->n_events; i++)
        w->d->n.event[p->events[i]]++;
}

/* The next packet of the chain, or STEP_END. */
static enum step packet_next(struct way *w)
{
    bool more = w->whole.data || w->inner != STEP_END;
    if (more && w->n == w->room) {
        packet_event(w->p, DECODE_TOO_MANY_LAYERS);
        w->d->n.too_many_layers++;
        more = false;
    }
    packet_close(w);
    if (!more)
        return STEP_END;
    return w->whole.data ? whole_open(w) : inner_open(w);
}

static enum step walk(struct way *w, enum step step)
{
    bool quiet = w->inner_quiet;
    w->inner_quiet = false;
    while (step != STEP_END)
        step = steps[step](w);
    if (quiet && w->p->flags & PKT_INVALID) { /* was no tunnel, then */
        w->n--;
        w->d->n.teredo--;
        w->out[w->n - 1].flags &= ~(uint32_t)PKT_HAS_TUNNEL;
        return STEP_END;
    }
    return packet_next(w);
}

/* Super-frames: how many packets of the wire this one was. */
static void segments_count(struct way *w)
{
    uint32_t size = w->f->seg_size;
    const struct packet *last = &w->out[w->n - 1];
    uint32_t n = last->payload_len ? (last->payload_len + size - 1) / size : 1;
    for (unsigned i = 0; i < w->n; i++) {
        if (w->out[i].flags & PKT_REBUILT)
            continue;
        w->out[i].seg_size = w->f->seg_size;
        w->out[i].seg_n = (uint16_t)u32_min(n, UINT16_MAX);
    }
}

/* Inner before outer: that is the order in which they are judged. */
static void chain_turn(struct packet *out, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (out[i].outer)
            out[i].outer = &out[n - 1 - (out[i].outer - out)];
    for (unsigned i = 0; i < n / 2; i++) {
        struct packet t = out[i];
        out[i] = out[n - 1 - i];
        out[n - 1 - i] = t;
    }
}

unsigned decode_frame(struct decoder *d, const struct frame *f, struct packet *out, unsigned room)
{
    struct way w __attribute__((uninitialized)); /* the rest is set when a packet is opened */
    w.d = d;
    w.f = f;
    w.out = out;
    w.n = w.layers = 0;
    w.room = u32_min(room, PACKET_LAYERS_MAX);
    w.inner_quiet = false;
    d->now_ns = u64_max(d->now_ns, f->ts_ns);
    d->n.pkts++;
    d->n.bytes += f->wire_len;
    d->n.max_pkt_size = u64_max(d->n.max_pkt_size, f->wire_len);
    enum step step = frame_open(&w);
    do
        step = walk(&w, step);
    while (step != STEP_END);
    if (f->seg_size)
        segments_count(&w);
    if (w.n > 1)
        chain_turn(out, w.n);
    return w.n;
}
