/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Snort's event queue: of what one packet matched, the events of the first action that has any act, those with the
 * longest content (or the highest priority) first, so many of them (Snort manual: event_queue,
 * --process-all-events).  Rules of Suricata's dialect know no queue and keep their places; rules that raise no event
 * do not count.
 */
#include "verdict/queue.h"

/* An action of the configuration's own is a group beside the action that it stands for. */
static unsigned group_of(const struct image_rule_info *r, const struct overlay_rule *tuned)
{
    return tuned->action | (unsigned)r->ruletype << 8;
}

struct queued {
    uint32_t at; /* in the matches */
    uint32_t key;
    unsigned group;
    struct match m;
};

static uint32_t key_of(const struct event_queue *q, const struct image_rule_info *r, const struct overlay_rule *tuned)
{
    return q->by_priority ? tuned->priority ? tuned->priority : r->priority : UINT32_MAX - r->longest;
}

/* Groups stand in the order of the actions already. */
static void order(struct queued *v, uint32_t n)
{
    for (uint32_t k = 1; k < n; k++) {
        struct queued x = v[k];
        uint32_t i = k;
        for (; i && v[i - 1].group == x.group && v[i - 1].key > x.key; i--) {
            v[i].key = v[i - 1].key;
            v[i].m = v[i - 1].m;
        }
        v[i].key = x.key;
        v[i].m = x.m;
    }
}

static uint32_t collect(const struct event_queue *q, const struct overlay *o, const struct matches *m,
                        unsigned dialect, struct queued *v)
{
    uint32_t n = 0;
    for (uint32_t k = 0; k < m->n && n < QUEUE_ROOM; k++) {
        struct image_rule_info r;
        image_rule(overlay_image(o), m->m[k].rule, &r);
        if (r.dialect != dialect || (m->m[k].flags & MATCH_NOALERT))
            continue;
        const struct overlay_rule *tuned = overlay_rule(o, m->m[k].rule);
        v[n++] = (struct queued){k, key_of(q, &r, tuned), group_of(&r, tuned), m->m[k]};
    }
    return n;
}

/* One dialect: puts what acts back in order; marks the rest. */
static uint32_t one(const struct event_queue *q, const struct overlay *o, struct matches *m, unsigned dialect,
                    uint64_t *gone)
{
    struct queued v[QUEUE_ROOM];
    uint32_t n = collect(q, o, m, dialect, v), most = q->log < q->max ? q->log : q->max, out = 0;
    if (n < 2)
        return 0;
    order(v, n);
    for (uint32_t k = 0; k < n; k++) {
        m->m[v[k].at] = v[k].m;
        if (k < most && (q->all || v[k].group == v[0].group))
            continue;
        gone[v[k].at / 64] |= 1ull << v[k].at % 64;
        out++;
    }
    return out;
}

uint32_t queue_select(const struct event_queue *q, const struct overlay *o, struct matches *m)
{
    uint64_t gone[QUEUE_ROOM / 64] = {0};
    struct match rest[QUEUE_ROOM];
    if (!q->log || m->n < 2 || m->n > QUEUE_ROOM)
        return m->n;
    uint32_t out = one(q, o, m, DIALECT_SNORT2, gone) + one(q, o, m, DIALECT_SNORT3, gone);
    if (!out)
        return m->n;
    uint32_t n = 0, left = 0;
    for (uint32_t k = 0; k < m->n; k++)
        if (gone[k / 64] >> k % 64 & 1)
            rest[left++] = m->m[k];
        else
            m->m[n++] = m->m[k];
    for (uint32_t k = 0; k < left; k++)
        m->m[n + k] = rest[k];
    return n;
}
