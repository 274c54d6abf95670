/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Candidates: rules that a literal in some input, or a list, brings up. */
#include "detect/match.h"

#include <errno.h>
#include <string.h>

static bool candidates_init(struct candidates *c, uint32_t rules)
{
    c->rule = calloc(rules + 1, sizeof(*c->rule));
    c->seen = calloc(rules / 64 + 1, 8);
    c->some = calloc(rules / 4096 + 1, 8);
    c->room = rules;
    c->n = 0;
    return c->rule && c->seen && c->some;
}

static void candidates_done(struct candidates *c)
{
    free(c->rule);
    free(c->seen);
    free(c->some);
    *c = (struct candidates){0};
}

void candidates_add(struct candidates *c, uint32_t rule)
{
    uint64_t bit = 1ull << (rule % 64), *w = &c->seen[rule / 64];
    if ((c->gate[rule] & c->now) != c->now || (*w & bit))
        return;
    *w |= bit;
    c->some[rule / 4096] |= 1ull << (rule / 64 % 64);
    c->n++;
}

bool gate_holds(const struct detect *d, uint32_t rule)
{
    return (d->cand.gate[rule] & d->cand.now) == d->cand.now;
}

void candidates_list(const struct detect *d, struct candidates *c, const struct img_list *l)
{
    if (!l)
        return;
    const uint32_t *r = d->image->refs + l->refs;
    for (uint32_t k = 0; k < l->n_refs; k++)
        candidates_add(c, r[k]);
}

/* Which pairs of neighbouring bytes there are in what the packet's payload rules look at. */
static void pairs_add(struct detect *d, const uint8_t *p, uint32_t n)
{
    enum { PIECE = 256 };
    uint8_t folded[PIECE + 1];
    for (uint32_t from = 0; from + 1 < n; from += PIECE) {
        uint32_t m = u32_min(n - from, PIECE + 1);
        for (uint32_t k = 0; k < m; k++) /* apart from the stores below: many bytes at once */
            folded[k] = pair_fold(p[from + k]);
        for (uint32_t k = 1; k < m; k++)
            d->pairs[pair_place(folded[k - 1], folded[k])] = 1; /* a byte a place: storing needs no reading */
    }
}

static void know_pairs(struct detect *d)
{
    const struct packet *p = d->p;
    d->pairs_known = true;
    memset(d->pairs, 0, sizeof(d->pairs));
    if (p->payload && !(p->flags & (PKT_PSEUDO | PKT_CARRIER)))
        pairs_add(d, p->payload, p->payload_len);
    /* Most often the view is the payload itself, or ends with a copy of it. */
    if (d->has_stream && d->stream.data != p->payload)
        pairs_add(d, d->stream.data, d->stream.n);
}

/* Bytes that a map of pairs would have to be made of. */
static uint32_t pair_bytes(const struct detect *d)
{
    const struct packet *p = d->p;
    uint32_t n = p->payload && !(p->flags & (PKT_PSEUDO | PKT_CARRIER)) ? p->payload_len : 0;
    return n + (d->has_stream && d->stream.data != p->payload ? d->stream.n : 0);
}

/*
 * In a super-frame the map of pairs costs more than all else, and where addresses and ports leave few rules, their own
 * searches are cheaper: most of them look at a few bytes.  False: there are too many.
 */
static bool few_rules(struct detect *d, const struct img_list *l)
{
    enum { FEW = 16 };
    const uint32_t *r = d->image->refs + l->refs;
    uint32_t few[FEW], n = 0;
    for (uint32_t k = 0; k < l->n_refs; k++) {
        if (!gate_holds(d, r[k]) || !rule_header_ok(d, &d->rules[r[k]], r[k]))
            continue;
        if (n == FEW)
            return false;
        few[n++] = r[k];
    }
    while (n)
        candidates_add(&d->cand, few[--n]);
    return true;
}

void candidates_payload(struct detect *d, const struct img_list *l)
{
    enum { LONG = 8192 };
    struct candidates *c = &d->cand;
    if (!l || (!d->pairs_known && pair_bytes(d) > LONG && few_rules(d, l)))
        return;
    const uint32_t *r = d->image->refs + l->refs, *pair = d->image->pairs + l->pairs;
    for (uint32_t k = 0; k < l->n_refs; k++) {
        if ((c->gate[r[k]] & c->now) != c->now)
            continue;
        if (!d->pairs_known)
            know_pairs(d);
        if (pair[k] == PAIRS_NONE || (d->pairs[pair[k] & 0xffff] && d->pairs[pair[k] >> 16]))
            candidates_add(c, r[k]);
    }
}

void candidates_clear(struct candidates *c)
{
    for (uint32_t k = 0; c->n && k <= c->room / 4096; k++)
        for (; c->some[k]; c->some[k] &= c->some[k] - 1)
            c->seen[k * 64 + (uint32_t)__builtin_ctzll(c->some[k])] = 0;
    c->n = 0;
}

/* The bits are in order already: the more candidates, the less each costs. */
void candidates_sort(struct candidates *c)
{
    uint32_t n = 0;
    for (uint32_t k = 0; c->n && k <= c->room / 4096; k++)
        for (uint64_t some = c->some[k]; some; some &= some - 1) {
            uint32_t w = k * 64 + (uint32_t)__builtin_ctzll(some);
            for (uint64_t bits = c->seen[w]; bits; bits &= bits - 1)
                c->rule[n++] = w * 64 + (uint32_t)__builtin_ctzll(bits);
        }
}

struct scan {
    const struct image *i;
    const struct img_pattern *patterns;
    uint32_t n;
    struct candidates *out;
};

static int on_literal(unsigned id, unsigned long long from, unsigned long long to, unsigned flags, void *ctx)
{
    (void)from, (void)to, (void)flags;
    const struct scan *s = ctx;
    if (id >= s->n)
        return 0; /* a database of another group */
    const struct img_pattern *p = &s->patterns[id];
    const uint32_t *r = s->i->refs + p->refs;
    for (uint32_t k = 0; k < p->n_refs; k++)
        candidates_add(s->out, r[k]);
    return 0;
}

void prefilter_scan(struct detect *d, uint32_t group, const uint8_t *p, uint32_t n, struct candidates *out)
{
    const struct img_group *g = &d->image->groups[group];
    if (!n)
        return;
    for (unsigned s = 0; s < 2; s++) {
        if (!g->n[s])
            continue;
        struct scan ctx = {d->image, d->image->patterns + g->first[s], g->n[s], out};
        const hs_database_t *db = (const void *)(d->image->dbs + g->db_at[s]);
        d->count.scans++;
        d->count.scan_bytes += n;
        if (hs_scan(db, (const char *)p, n, 0, d->scratch, on_literal, &ctx) != HS_SUCCESS)
            d->count.pcre_errors++;
    }
}

/* ------------------------------------------------------------------ tables of one image */

static int scratch_for(struct detect *d)
{
    uint64_t n = img_count(d->image, SEC_GROUPS);
    for (uint64_t k = 0; k < n; k++)
        for (unsigned s = 0; s < 2; s++) {
            const struct img_group *g = &d->image->groups[k];
            if (g->n[s] &&
                hs_alloc_scratch((const void *)(d->image->dbs + g->db_at[s]), &d->scratch) != HS_SUCCESS)
                return -ENOMEM;
        }
    return 0;
}

/* Which protocols have a group's buffer in its direction. */
static int tx_groups(struct detect *d, uint32_t group)
{
    const struct img_group *g = &d->image->groups[group];
    uint16_t buffer = (uint16_t)(d->image->wheres[g->where].buffer - RULE_BUF_APP);
    for (unsigned id = 0; id < APP_COUNT; id++) {
        const struct app_buffer *row = app_def(id) ? app_buffer_of(buffer, id) : NULL;
        if (!row || !(row->dirs & 1u << g->dir))
            continue;
        uint32_t n = d->n_tx_group[id][g->dir];
        struct group_use *u = realloc(d->tx_group[id][g->dir], (n + 1) * sizeof(*u));
        if (!u)
            return -ENOMEM;
        u[n] = (struct group_use){group, buffer, row};
        d->tx_group[id][g->dir] = u;
        d->n_tx_group[id][g->dir] = n + 1;
    }
    return 0;
}

static int place_groups(struct detect *d)
{
    uint64_t n = img_count(d->image, SEC_GROUPS);
    memset(d->packet_group, 0xff, sizeof(d->packet_group));
    memset(d->stream_group, 0xff, sizeof(d->stream_group));
    d->header_groups = calloc(n + 1, sizeof(*d->header_groups));
    if (!d->header_groups)
        return -ENOMEM;
    for (uint32_t k = 0; k < n; k++) {
        const struct img_group *g = &d->image->groups[k];
        if (g->kind == GROUP_PACKET)
            d->packet_group[g->transport][g->dir] = (int32_t)k;
        else if (g->kind == GROUP_STREAM)
            d->stream_group[g->dir] = (int32_t)k;
        else if (d->image->wheres[g->where].buffer < RULE_BUF_APP)
            d->header_groups[d->n_header_groups++] = k;
        else if (tx_groups(d, k))
            return -ENOMEM;
    }
    return 0;
}

static int place_lists(struct detect *d)
{
    d->list_decode = calloc(DECODE_EVENT_COUNT, sizeof(*d->list_decode));
    d->list_stream = calloc(STREAM_EVENT_COUNT, sizeof(*d->list_stream));
    if (!d->list_decode || !d->list_stream)
        return -ENOMEM;
    uint64_t n = img_count(d->image, SEC_LISTS);
    for (uint64_t k = 0; k < n; k++) {
        const struct img_list *l = &d->image->lists[k];
        unsigned dir = l->dir & 1;
        switch ((enum img_list_kind)l->kind) {
        case LIST_PACKET:
            d->list_packet[l->key % TR_COUNT][dir] = l;
            break;
        case LIST_PAYLOAD:
            d->list_payload[l->key % TR_COUNT][dir] = l;
            break;
        case LIST_DECODE:
            if (l->key < DECODE_EVENT_COUNT)
                d->list_decode[l->key] = l;
            break;
        case LIST_STREAM_EVENT:
            if (l->key < STREAM_EVENT_COUNT)
                d->list_stream[l->key] = l;
            break;
        case LIST_TX:
            if (l->key < APP_COUNT)
                d->list_tx[l->key][dir] = l;
            break;
        case LIST_APP_EVENT:
            if (l->key < APP_COUNT)
                d->list_event[l->key][dir] = l;
            break;
        case LIST_PROTOCOL:
            d->list_protocol[dir] = l;
            break;
        case LIST_IP_ONLY: /* overlay's */
            break;
        }
    }
    return 0;
}

int prefilter_init(struct detect *d)
{
    uint32_t rules = image_n_rules(d->image);
    if (!candidates_init(&d->cand, rules) || !candidates_init(&d->tx_cand, rules))
        return -ENOMEM;
    int rc = scratch_for(d);
    if (!rc)
        rc = place_groups(d);
    if (!rc)
        rc = place_lists(d);
    return rc;
}

void prefilter_done(struct detect *d)
{
    candidates_done(&d->cand);
    candidates_done(&d->tx_cand);
    for (unsigned id = 0; id < APP_COUNT; id++)
        for (unsigned dir = 0; dir < 2; dir++) {
            free(d->tx_group[id][dir]);
            d->tx_group[id][dir] = NULL;
            d->n_tx_group[id][dir] = 0;
            d->list_tx[id][dir] = d->list_event[id][dir] = NULL;
        }
    for (unsigned t = 0; t < TR_COUNT; t++)
        for (unsigned dir = 0; dir < 2; dir++)
            d->list_packet[t][dir] = d->list_payload[t][dir] = NULL;
    d->list_protocol[0] = d->list_protocol[1] = NULL;
    free(d->list_decode);
    free(d->list_stream);
    free(d->header_groups);
    d->list_decode = d->list_stream = NULL;
    d->header_groups = NULL;
    d->n_header_groups = 0;
    hs_free_scratch(d->scratch);
    d->scratch = NULL;
}
