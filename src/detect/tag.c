/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Tags: packets that follow an alert are logged, of its flow (in the flow's own memory) or of a host (shared).
 * The packet that began a tag is the alert's own: it is not logged; Suricata's rules count it among their packets.
 */
#include "detect/match.h"

#include <string.h>

enum tag_limit { LIMIT_PACKETS = 1, LIMIT_SECONDS = 2, LIMIT_BYTES = 4, LIMIT_BITS = 3 };

static uint32_t less(uint32_t n, uint32_t m)
{
    return n > m ? n - m : 0;
}

/* What goes over a limit is still covered by its last packet. */
static bool tag_use(struct tag *t, const struct packet *p)
{
    if (((t->limits & LIMIT_SECONDS) && p->ts_ns > t->until_ns) || ((t->limits & LIMIT_PACKETS) && !t->packets) ||
        ((t->limits & LIMIT_BYTES) && !t->bytes))
        return false;
    t->packets = less(t->packets, p->seg_n);
    t->bytes = less(t->bytes, p->ip_len);
    return true;
}

static bool tag_over(const struct tag *t)
{
    return ((t->limits & LIMIT_PACKETS) && !t->packets) || ((t->limits & LIMIT_BYTES) && !t->bytes);
}

/* ------------------------------------------------------------------ hosts */

struct host_tag {
    struct tag tag;
    const struct packet *p;
};

static void row_put(struct state_row *row, const struct tag *t)
{
    row->v[0] = (uint64_t)t->packets << 32 | t->bytes;
    row->v[1] = t->until_ns;
    row->v[2] = (uint64_t)t->gid << 32 | t->sid;
    row->v[3] = t->begun << LIMIT_BITS | t->limits;
    row->expires_ns = tag_over(t) ? 1 : t->limits & LIMIT_SECONDS ? t->until_ns + 1 : UINT64_MAX;
}

static int host_set(void *ctx, struct state_row *row, bool fresh)
{
    (void)fresh;
    const struct host_tag *h = ctx;
    row_put(row, &h->tag);
    return 1;
}

static int host_use(void *ctx, struct state_row *row, bool fresh)
{
    (void)fresh;
    struct host_tag *h = ctx;
    struct tag *t = &h->tag;
    *t = (struct tag){.packets = (uint32_t)(row->v[0] >> 32),
                      .bytes = (uint32_t)row->v[0],
                      .until_ns = row->v[1],
                      .gid = (uint32_t)(row->v[2] >> 32),
                      .sid = (uint32_t)row->v[2],
                      .begun = row->v[3] >> LIMIT_BITS,
                      .limits = row->v[3] & (LIMIT_PACKETS | LIMIT_SECONDS | LIMIT_BYTES)};
    if (t->begun == h->p->number)
        return 0;
    bool covered = tag_use(t, h->p);
    row_put(row, t);
    return covered;
}

static struct state_key host_key(const struct ip_addr *a)
{
    struct state_key k;
    memset(&k, 0, sizeof(k));
    k.kind = STATE_TAG;
    k.a = *a;
    return k;
}

static bool host_covered(struct detect *d, const struct packet *p, struct tag *out)
{
    if (!d->host_tags || !p->ver || !state_has_tags(d->config.state, d->config.worker, p->number))
        return false;
    const struct ip_addr *ends[2] = {&p->src, &p->dst};
    for (unsigned e = 0; e < 2; e++) {
        struct host_tag h = {.p = p};
        struct state_key k = host_key(ends[e]);
        if (state_with(d->config.state, d->config.worker, p->number, p->ts_ns, &k, false, host_use, &h) > 0) {
            *out = h.tag;
            return true;
        }
    }
    return false;
}

/* ------------------------------------------------------------------ both */

void tag_begin(struct detect *d, const struct img_rule *r, const struct img_test *t)
{
    const struct test_tag *g = &t->u.tag;
    const struct packet *p = d->p;
    uint32_t packets = g->packets ? g->packets : g->capped ? d->config.tag_packets : 0;
    struct tag tag = {.packets = packets,
                      .bytes = g->bytes,
                      .gid = r->gid,
                      .sid = r->sid,
                      .limits = (uint8_t)((packets ? LIMIT_PACKETS : 0) | (g->seconds ? LIMIT_SECONDS : 0) |
                                          (g->bytes ? LIMIT_BYTES : 0)),
                      .begun = p->number,
                      .on = true,
                      .until_ns = p->ts_ns + (uint64_t)g->seconds * 1000000000u};
    if (r->dialect == DIALECT_SURICATA)
        tag.packets = less(packets, p->seg_n);
    if (g->host) {
        struct host_tag h = {.tag = tag, .p = p};
        struct state_key k = host_key(g->dst ? &p->dst : &p->src);
        if (d->config.state)
            state_with(d->config.state, d->config.worker, p->number, p->ts_ns, &k, true, host_set, &h);
        return;
    }
    struct detect_flow *m = p->flow ? flow_memory(d, p->flow) : NULL;
    if (m)
        m->tag = tag;
}

bool detect_tagged(struct detect *d, const struct packet *p, uint32_t *gid, uint32_t *sid)
{
    struct detect_flow *m = p->flow ? p->flow->detect : NULL;
    struct tag *t = m && m->tag.on ? &m->tag : NULL;
    struct tag host;
    if (p->flags & PKT_PSEUDO)
        return false;
    if (t && t->begun != p->number && !tag_use(t, p))
        t->on = false;
    if (!t || t->begun == p->number || !t->on) {
        if (!host_covered(d, p, &host))
            return false;
        t = &host;
    }
    *gid = t->gid;
    *sid = t->sid;
    return true;
}
