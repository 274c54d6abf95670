/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules fill the blacklist, packets ask it. */
#include "verdict/blacklist/shut.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>

/* The matched data's sender is the source, whichever packet brought the match. */
static struct block_ends ends_of(const struct packet *p, unsigned dir)
{
    bool turned = p->dir != dir && p->flow;
    return (struct block_ends){.src = turned ? &p->dst : &p->src,
                               .dst = turned ? &p->src : &p->dst,
                               .sp = turned ? p->dp : p->sp,
                               .ver = p->ver,
                               .proto = p->proto};
}

static bool key_of_rule(const struct test_blacklist *t, const struct packet *p, unsigned dir, struct block_key *k)
{
    struct block_ends e = ends_of(p, dir);
    return p->ver && block_key_of(t->kind, p->ver == 6 ? t->prefix6 : t->prefix, &e, k);
}

/* `after COUNT in TIME` counts each match for what would be blocked. */
static bool condition(struct detect *d, const struct packet *p, uint32_t rule, const struct test_blacklist *t, const struct block_key *k,
                      bool alerting)
{
    struct ip_addr b = k->b;
    if (!t->after)
        return alerting;
    b.b[0] ^= (uint8_t)(k->port >> 8);
    b.b[1] ^= (uint8_t)k->port;
    b.b[2] ^= k->proto;
    return detect_after(d, p, rule, &k->a, &b, t->after, t->within);
}

bool shut_by_rule(const struct verdict_config *c, struct detect *d, const struct packet *p, const struct match *m, bool alerting,
                  struct decision *out)
{
    const struct image *i = overlay_image(detect_overlay(d));
    const struct test_blacklist *t = c->blacklist ? image_rule_blacklist(i, m->rule) : NULL;
    struct block_entry e = {.author = "rule", .since_ns = p->ts_ns};
    struct image_rule_info r;
    if (!t || !key_of_rule(t, p, m->dir, &e.key) || !condition(d, p, m->rule, t, &e.key, alerting))
        return false;
    image_rule(i, m->rule, &r);
    e.gid = r.gid;
    e.sid = r.sid;
    e.until_ns = p->ts_ns + (t->seconds ? t->seconds * NS_PER_SEC : c->blacklist_ns);
    snprintf(e.reason, sizeof(e.reason), STR_FMT, STR_ARG(str_first(r.msg, sizeof(e.reason) - 1)));
    enum block_added result = c->would ? BLOCK_WOULD : blacklist_add(c->blacklist, &e, true, p->ts_ns);
    if (out->n_shut < DECISION_SHUT)
        out->shut[out->n_shut++] = (struct shut){.rule = m->rule, .result = (uint8_t)result, .dir = m->dir};
    return result == BLOCK_ADDED || result == BLOCK_EXTENDED || result == BLOCK_WOULD;
}

bool shut_key(const struct image *i, const struct packet *p, const struct shut *s, struct block_key *out)
{
    const struct test_blacklist *t = image_rule_blacklist(i, s->rule);
    return t && key_of_rule(t, p, s->dir, out);
}

/* A flow that no entry named needs no look until another comes. */
static bool known_clean(struct packet *p, uint32_t generation, bool note)
{
    struct flow *f = p->flow;
    unsigned shift = p->dir ? 32 : 0;
    if (!f || p->quote.have) /* an error's sender is not of the flow that it speaks of */
        return false;
    if (note)
        f->unlisted = (f->unlisted & ~(0xffffffffull << shift)) | (uint64_t)generation << shift;
    return (uint32_t)(f->unlisted >> shift) == generation;
}

bool verdict_blacklist(const struct verdict_config *c, struct packet *p, struct decision *out)
{
    if (!c->blacklist || !p->ver || (p->flags & PKT_PSEUDO))
        return false;
    uint32_t generation = (uint32_t)(blacklist_generation(c->blacklist) + 1);
    if (generation == 1 || known_clean(p, generation, false)) /* 1: never an entry */
        return false;
    struct block_ends e = {.src = &p->src, .dst = &p->dst, .sp = p->sp, .ver = p->ver, .proto = p->proto};
    struct block_entry entry;
    if (!blacklist_look(c->blacklist, &e, p->ts_ns, &entry)) {
        known_clean(p, generation, true);
        return false;
    }
    if (c->place == PLACE_INLINE) {
        out->drop = !c->would;
        out->drop_reason = DROP_BLACKLIST;
        return true;
    }
    /* On a mirror port each connection of his is ended once; what it sends nevertheless is looked at as ever. */
    struct flow *f = p->flow;
    if (c->on_drop && !out->response && !(f && (f->flags & FLOW_RESPONDED))) {
        out->response = c->on_drop;
        out->response_rule = UINT32_MAX;
        out->response_dir = p->dir;
        out->n_answers = 1;
        out->answer[0] = (struct answer){.rule = UINT32_MAX, .response = c->on_drop, .dir = p->dir};
    }
    return true;
}
