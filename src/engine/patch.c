/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bytes of a packet that leave otherwise than they came: data of which an earlier copy counts, and what rules
 * replace.  The frame stays as it came (it may be a mapped file or a ring slot); a changed copy leaves in its place.
 */
#include "engine/worker.h"

#include "base/bytes.h"

#include <string.h>

enum { UDP_SUM = 6, TCP_SUM = 16, ICMP_SUM = 2 };

static bool within(const struct frame *f, const uint8_t *p, uint32_t n)
{
    return p && p >= f->data && p <= f->data + f->len && n <= (size_t)(f->data + f->len - p);
}

/* Of one layer, anew.  What its sender left to a card, or left out, stays so. */
static void sum_anew(const struct frame *f, uint8_t *copy, const struct packet *p)
{
    unsigned at = p->flags & PKT_TCP ? TCP_SUM : p->flags & PKT_UDP ? UDP_SUM : ICMP_SUM;
    uint8_t *l4 = copy + (p->l4 - f->data);
    if (p->l4_len < at + 2 || ((p->flags & PKT_UDP) && be16_at(l4 + at) == 0))
        return;
    be16_put(l4 + at, 0);
    uint16_t sum = p->flags & PKT_ICMP ? csum_inet(l4, p->l4_len) : csum_l4(p->ver, &p->src, &p->dst, p->proto, l4, p->l4_len);
    be16_put(l4 + at, (p->flags & PKT_UDP) && sum == 0 ? 0xffff : sum);
}

bool packet_patch(struct engine *e, struct packet *p, uint32_t offset, const uint8_t *data, uint32_t n)
{
    const struct frame *f = p->frame;
    if (!e->burst || !p->l4 || offset > p->payload_len || n > p->payload_len - offset ||
        !within(f, p->payload, p->payload_len) || !within(f, p->l4, p->l4_len))
        return false;
    size_t slot = (size_t)(f - e->burst->frame);
    if (slot >= BURST_MAX)
        return false;
    uint8_t *copy = e->changed[slot];
    if (!copy) {
        copy = arena_alloc_raw(&e->burst_memory, f->len);
        if (!copy)
            return false;
        memcpy(copy, f->data, f->len);
        e->changed[slot] = copy;
    }
    memcpy(copy + (p->payload - f->data) + offset, data, n);
    if (f->csum != FRAME_CSUM_UNFINISHED)
        for (const struct packet *l = p; l; l = l->outer)
            if ((l->flags & (PKT_TCP | PKT_UDP | PKT_ICMP | PKT_ICMP6)) && within(f, l->l4, l->l4_len))
                sum_anew(f, copy, l);
    p->flags |= PKT_MODIFIED;
    return true;
}

/* Snort 3 replaces where the action says so, the others whatever it is. */
static bool replaces(const struct engine *e, uint32_t rule)
{
    const struct overlay *o = detect_overlay(e->detect);
    struct image_rule_info r;
    image_rule(overlay_image(o), rule, &r);
    unsigned action = overlay_rule(o, rule)->action;
    return action != ACTION_PASS && (r.dialect != DIALECT_SNORT3 || action == ACTION_REPLACE);
}

static void tell(struct decision *d, uint32_t rule, unsigned status, const char *why)
{
    for (uint32_t k = 0; k < d->n_alerts; k++)
        if (d->alert[k].rule == rule && d->alert[k].status == STATUS_NONE) {
            d->alert[k].status = (uint8_t)status;
            d->response_why = why;
        }
}

void packet_replace(struct engine *e, struct packet *p, const struct matches *m, struct decision *d)
{
    const struct verdict_config *c = &e->verdict;
    for (uint32_t k = 0; k < m->n_replace; k++) {
        const struct replacement *r = &m->replace[k];
        if (d->drop || d->pass || !replaces(e, r->rule))
            continue;
        if (c->place != PLACE_INLINE || c->would) {
            tell(d, r->rule, STATUS_WOULD, NULL);
            continue;
        }
        bool done = packet_patch(e, p, r->at, r->bytes.p, r->bytes.n);
        tell(d, r->rule, done ? STATUS_DONE : STATUS_COULD_NOT, done ? NULL : "the bytes lie in more than one frame");
    }
}
