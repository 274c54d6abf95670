/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Thresholds: limit, threshold, both, backoff, detection_filter, rate_filter, suppress; in the rule or in a
 * threshold file.  A window starts with the first hit and begins anew with the first hit behind its end.
 */
#include "detect/match.h"

#include <string.h>

enum { FLOW_THRESHOLDS = 64 }; /* kept in one flow */
enum answer { ANSWER_NONE, ANSWER_ALERT, ANSWER_SILENT };

struct window {
    const struct rule_threshold *t;
    uint64_t now_ns;
    int answer;
    bool entered; /* rate_filter: new action holds */
    bool again;   /* unique_on: a port that was counted in this window */
    uint32_t salt; /* which of a rule's thresholds */
};
enum { SALT_OWN, SALT_FILTER, SALT_RATE, SALT_AFTER = 255 };

static uint64_t window_ns(const struct rule_threshold *t) { return (uint64_t)t->seconds * 1000000000u; }

/* v[0] hits, v[1] start, v[2] next alert (backoff) or end of the new action (rate) */
static int window_hit(void *ctx, struct state_row *row, bool fresh)
{
    struct window *w = ctx;
    const struct rule_threshold *t = w->t;
    bool over = fresh || (t->seconds && w->now_ns - row->v[1] > window_ns(t)) || w->now_ns < row->v[1];
    if (over) {
        row->v[0] = 0;
        row->v[1] = w->now_ns;
        if (fresh)
            row->v[2] = 0;
    }
    row->expires_ns = t->seconds ? w->now_ns + window_ns(t) + 1 : UINT64_MAX;
    uint64_t n = w->again && row->v[0] ? row->v[0] : ++row->v[0];
    w->answer = ANSWER_SILENT;
    switch ((enum threshold_type)t->type) {
    case THRESH_LIMIT:
        if (n <= t->count)
            w->answer = ANSWER_ALERT;
        break;
    case THRESH_THRESHOLD:
        if (n >= t->count) {
            w->answer = ANSWER_ALERT;
            row->v[0] = 0;
        }
        break;
    case THRESH_BOTH:
        if (n == t->count)
            w->answer = ANSWER_ALERT;
        break;
    case THRESH_BACKOFF:
        if (!row->v[2])
            row->v[2] = t->count;
        if (n == row->v[2]) {
            w->answer = ANSWER_ALERT;
            row->v[2] *= t->multiplier ? t->multiplier : 2;
        }
        break;
    case THRESH_DETECTION:
        w->answer = n > t->count ? ANSWER_ALERT : ANSWER_NONE;
        break;
    case THRESH_RATE:
        w->answer = ANSWER_ALERT;
        if (row->v[2] > w->now_ns) {
            w->entered = true;
        } else if (n > t->count) {
            row->v[2] = t->timeout_s ? w->now_ns + (uint64_t)t->timeout_s * 1000000000u : UINT64_MAX;
            w->entered = true;
        }
        if (row->v[2] && row->v[2] != UINT64_MAX && row->v[2] >= row->expires_ns)
            row->expires_ns = row->v[2] + 1;
        if (row->v[2] == UINT64_MAX)
            row->expires_ns = UINT64_MAX;
        break;
    case THRESH_SUPPRESS:
        break;
    }
    return 0;
}

/* By flow: in the flow's own memory. */
static bool flow_window(struct detect *d, const struct packet *p, const struct img_rule *r, struct window *w)
{
    struct detect_flow *m = p->flow ? flow_memory(d, p->flow) : NULL;
    if (!m)
        return false;
    struct flow_threshold *t = NULL;
    for (uint32_t k = 0; k < m->n_thresholds && !t; k++)
        if (m->thresholds[k].sid == r->sid && m->thresholds[k].gid == r->gid && m->thresholds[k].salt == w->salt)
            t = &m->thresholds[k];
    bool fresh = !t;
    if (!t) {
        if (m->n_thresholds == FLOW_THRESHOLDS) {
            d->count.refused++;
            return false;
        }
        t = realloc(m->thresholds, (m->n_thresholds + 1) * sizeof(*t));
        if (!t)
            return false;
        m->thresholds = t;
        t = &m->thresholds[m->n_thresholds++];
        *t = (struct flow_threshold){.gid = r->gid, .sid = r->sid, .salt = w->salt};
    }
    struct state_row row = {.v = {t->count, t->start_ns, t->next}};
    window_hit(w, &row, fresh);
    t->count = (uint32_t)row.v[0];
    t->start_ns = row.v[1];
    t->next = row.v[2];
    return true;
}

/* ------------------------------------------------------------------ unique_on */

struct seen_port {
    uint64_t start, expires_ns; /* of the window */
    bool known;
};

static int window_peek(void *ctx, struct state_row *row, bool fresh)
{
    struct window *w = ctx;
    bool over = fresh || (w->t->seconds && w->now_ns - row->v[1] > window_ns(w->t)) || w->now_ns < row->v[1];
    w->now_ns = over ? w->now_ns : row->v[1];
    return 0;
}

static int port_mark(void *ctx, struct state_row *row, bool fresh)
{
    struct seen_port *s = ctx;
    s->known = !fresh && row->v[0] == s->start;
    row->v[0] = s->start;
    row->expires_ns = s->expires_ns;
    return 0;
}

/* Was this port counted in the window that is open now? */
static bool port_again(struct detect *d, const struct packet *p, const struct state_key *key, const struct window *w)
{
    struct window peek = *w;
    struct state_key k = *key;
    uint32_t port = w->t->unique_on == 1 ? p->sp : p->dp;
    state_with(d->config.state, d->config.worker, p->number, p->ts_ns, key, false, window_peek, &peek);
    struct seen_port s = {.start = peek.now_ns, .expires_ns = p->ts_ns + window_ns(w->t) + 1};
    k.kind = STATE_UNIQUE + (w->salt << 8) + (port << 16);
    state_with(d->config.state, d->config.worker, p->number, p->ts_ns, &k, true, port_mark, &s);
    return s.known;
}

/* ------------------------------------------------------------------ a rule's thresholds */

static void window_count(struct detect *d, const struct packet *p, const struct img_rule *r, uint32_t salt,
                         struct window *w)
{
    const struct rule_threshold *t = w->t;
    w->now_ns = p->ts_ns;
    w->answer = ANSWER_ALERT;
    w->salt = salt;
    if (t->track == TRACK_FLOW) {
        flow_window(d, p, r, w);
        return;
    }
    struct state_key k;
    memset(&k, 0, sizeof(k));
    k.kind = STATE_THRESHOLD + (salt << 8) + (r->gid << 16);
    k.id = r->sid;
    if (t->track == TRACK_SRC)
        k.a = p->src;
    else if (t->track == TRACK_DST)
        k.a = p->dst;
    else if (t->track == TRACK_BOTH) {
        bool turned = memcmp(p->src.b, p->dst.b, sizeof(p->src.b)) > 0; /* a pair, whoever speaks */
        k.a = turned ? p->dst : p->src;
        k.b = turned ? p->src : p->dst;
    }
    if (!d->config.state)
        return;
    if (t->unique_on)
        w->again = port_again(d, p, &k, w);
    state_with(d->config.state, d->config.worker, p->number, p->ts_ns, &k, true, window_hit, w);
}

static bool suppressed(const struct detect *d, const struct packet *p, const struct rule_threshold *t)
{
    if (t->addr < 0)
        return true;
    const struct overlay *o = d->overlay;
    bool src = overlay_addr_has(o, overlay_addr_class(o, p->ver, &p->src), (uint32_t)t->addr);
    bool dst = overlay_addr_has(o, overlay_addr_class(o, p->ver, &p->dst), (uint32_t)t->addr);
    return t->track == TRACK_SRC ? src : t->track == TRACK_DST ? dst : src || dst;
}

int detect_threshold(struct detect *d, const struct packet *p, const struct match *m, int *new_action)
{
    const struct image *i = d->image;
    const struct img_rule *r = &i->rules[m->rule];
    uint32_t n = i->h->n_file_thresholds;
    const struct rule_threshold *file = i->thresholds + img_count(i, SEC_THRESHOLDS) - n;
    const struct rule_threshold *own = r->threshold ? &i->thresholds[r->threshold - 1] : NULL;
    int answer = ANSWER_ALERT;
    *new_action = -1;
    if (r->detection_filter) {
        struct window w = {.t = &i->thresholds[r->detection_filter - 1]};
        window_count(d, p, r, SALT_FILTER, &w);
        if (w.answer != ANSWER_ALERT)
            return ANSWER_NONE;
    }
    for (uint32_t k = 0; k < n; k++) {
        const struct rule_threshold *t = &file[k];
        if ((t->gid && t->gid != r->gid) || (t->sid && t->sid != r->sid))
            continue;
        if (t->type == THRESH_SUPPRESS) {
            if (suppressed(d, p, t))
                answer = ANSWER_SILENT;
        } else if (t->type == THRESH_RATE) {
            struct window w = {.t = t};
            if (!suppressed(d, p, t)) /* apply_to */
                continue;
            window_count(d, p, r, SALT_RATE + k % 200, &w);
            if (w.entered)
                *new_action = t->new_action;
        } else if (t->sid || !own) {
            own = t;
        }
    }
    if (answer == ANSWER_ALERT && own && own->count) { /* 0: switched off (count -1) */
        struct window w = {.t = own};
        window_count(d, p, r, SALT_OWN, &w);
        answer = w.answer;
    }
    return answer;
}

bool detect_after(struct detect *d, const struct packet *p, uint32_t rule, const struct ip_addr *a, const struct ip_addr *b,
                  uint32_t count, uint32_t seconds)
{
    const struct img_rule *r = &d->image->rules[rule];
    struct rule_threshold t = {.type = THRESH_THRESHOLD, .count = count, .seconds = seconds};
    struct window w = {.t = &t, .now_ns = p->ts_ns, .answer = ANSWER_SILENT, .salt = SALT_AFTER};
    struct state_key k;
    memset(&k, 0, sizeof(k));
    k.kind = STATE_THRESHOLD + ((uint32_t)SALT_AFTER << 8) + (r->gid << 16);
    k.id = r->sid;
    k.a = *a;
    if (b)
        k.b = *b;
    if (d->config.state)
        state_with(d->config.state, d->config.worker, p->number, p->ts_ns, &k, true, window_hit, &w);
    return w.answer == ANSWER_ALERT;
}
