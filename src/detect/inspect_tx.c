/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Transactions: a buffer is scanned when the transaction has reached its progress, once, or as it grows.
 * What a rule has found so far is kept with the transaction; a rule fires once per transaction and
 * direction.
 */
#include "detect/match.h"

#include <string.h>

enum { OF_BOTH = 4 };

void detect_tx_free(struct app_tx *tx)
{
    free(tx->detect);
    tx->detect = NULL;
}

struct tx_rule *tx_rule_find(struct tx_detect *t, uint32_t rule, unsigned dir)
{
    for (uint32_t k = 0; t && k < t->n; k++)
        if (t->rule[k].rule == rule && t->rule[k].dir == dir)
            return &t->rule[k];
    return NULL;
}

/*
 * Another image came: rule numbers mean others, and so do the bits of buffers that were scanned.  All is looked at
 * again; what has fired does not fire twice.
 */
void tx_renumber(struct detect *d, struct app_tx *tx)
{
    struct tx_detect *t = tx->detect;
    if (!t || t->stamp == d->image->h->checksum)
        return;
    uint32_t n = 0;
    for (uint32_t k = 0; k < t->n; k++) {
        int64_t now = t->rule[k].over ? image_find_sid(d->image, t->rule[k].gid, t->rule[k].sid) : -1;
        if (now < 0)
            continue;
        t->rule[n] = t->rule[k];
        t->rule[n++].rule = (uint32_t)now;
    }
    t->n = n;
    t->stamp = d->image->h->checksum;
    t->slow_done[0] = t->slow_done[1] = false;
}

enum { SEEN_GROUPS = 56 }; /* bits of tx->seen; the others: which image they are of */
static void seen_renumber(const struct detect *d, struct app_tx *tx, unsigned dir)
{
    uint64_t now = (uint64_t)(d->generation & 0xff) << SEEN_GROUPS;
    if (tx->seen[dir] >> SEEN_GROUPS << SEEN_GROUPS != now)
        tx->seen[dir] = now;
}

struct tx_detect *tx_memory(struct detect *d, struct app_tx *tx, uint32_t more)
{
    struct tx_detect *t = tx->detect;
    if (t && t->n + more <= t->room)
        return t;
    uint32_t room = t ? t->room * 2 : 4;
    struct tx_detect *p = realloc(t, sizeof(*t) + room * sizeof(t->rule[0]));
    if (!p) {
        d->count.refused++;
        return t && !more ? t : NULL;
    }
    if (!t)
        *p = (struct tx_detect){.stamp = d->image->h->checksum, .epoch = d->names->epoch};
    p->room = room;
    tx->detect = p;
    return p;
}

static struct tx_rule *rule_keep(struct tx_work *w, uint32_t rule, unsigned dir)
{
    struct tx_detect *t = tx_memory(w->d, w->tx, 1);
    if (!t)
        return NULL;
    const struct img_rule *r = &w->d->rules[rule];
    t->rule[t->n] = (struct tx_rule){.rule = rule, .gid = r->gid, .sid = r->sid, .dir = (uint8_t)dir};
    return &t->rule[t->n++];
}

static struct app_get query(const struct tx_work *w, unsigned dir)
{
    return (struct app_get){.af = w->af, .tx = w->tx, .dir = dir, .scratch = &w->d->arena, .on_ack = w->d->config.on_ack};
}

/* ------------------------------------------------------------------ candidates */

static void scan_buffer(struct tx_work *w, const struct group_use *u, bool *again)
{
    struct detect *d = w->d;
    struct app_get q = query(w, w->dir);
    const struct img_where *where = &d->image->wheres[d->image->groups[u->group].where];
    bool many = u->row->kind == APP_BUF_MULTI || u->row->kind == APP_BUF_FILE;
    enum { INSTANCES = 1024 };
    for (unsigned k = 0; k < (many ? INSTANCES : 1u); k++) {
        struct app_view v = {0};
        if (!u->row->get || !u->row->get(&q, k, &v))
            break;
        struct input in = {.p = v.data, .n = v.n, .offset = v.offset, .last = v.last};
        if (v.growing && !v.last)
            *again = true;
        if (transform_apply(d, where, &in))
            prefilter_scan(d, u->group, in.p, in.n, &d->tx_cand);
    }
}

static void scan_buffers(struct tx_work *w)
{
    struct detect *d = w->d;
    unsigned id = w->af->proto_any < APP_COUNT ? w->af->proto_any : 0;
    struct app_tx *tx = w->tx;
    uint32_t n = d->n_tx_group[id][w->dir];
    seen_renumber(d, tx, w->dir);
    for (uint32_t k = 0; k < n; k++) {
        const struct group_use *u = &d->tx_group[id][w->dir][k];
        uint64_t bit = k < SEEN_GROUPS ? 1ull << k : 0;
        bool grows = app_buffer_grows(u->row);
        if (tx->seen[w->dir] & bit)
            continue;
        if (tx->progress[w->dir] < u->row->at[w->dir])
            continue;
        bool again = grows && !w->whole;
        scan_buffer(w, u, &again);
        if (!again || w->whole)
            tx->seen[w->dir] |= bit;
    }
}

static void collect(struct tx_work *w)
{
    struct detect *d = w->d;
    struct app_tx *tx = w->tx;
    unsigned id = w->af->proto_any < APP_COUNT ? w->af->proto_any : 0;
    scan_buffers(w);
    struct tx_detect *t = tx->detect;
    if (d->list_tx[id][w->dir]) {
        t = tx_memory(d, tx, 0);
        if (t && !t->slow_done[w->dir]) {
            candidates_list(d, &d->tx_cand, d->list_tx[id][w->dir]);
            t->slow_done[w->dir] = true;
        }
    }
    if (d->list_event[id][w->dir] && (tx->events || w->af->flow_events))
        candidates_list(d, &d->tx_cand, d->list_event[id][w->dir]);
    for (uint32_t k = 0; t && k < t->n; k++)
        if (!t->rule[k].over && (t->rule[k].dir == w->dir || (t->rule[k].dir & OF_BOTH)))
            candidates_add(&d->tx_cand, t->rule[k].rule);
    for (uint32_t k = 0; d->n_cand_tx && k < d->cand.n; k++)
        if (d->rules[d->cand.rule[k]].of_tx)
            candidates_add(&d->tx_cand, d->cand.rule[k]);
    candidates_sort(&d->tx_cand);
}

/* ------------------------------------------------------------------ judging */

static enum found number_block(struct tx_work *w, const struct img_block *b, const struct app_buffer *row,
                               unsigned dir)
{
    enum { INSTANCES = 1024 };
    struct app_get q = query(w, dir);
    const struct img_test *t = &w->d->image->tests[b->first];
    bool many = row->kind == APP_BUF_MULTI_UINT;
    uint64_t v;
    for (unsigned k = 0; k < (many ? INSTANCES : 1u) && row->get_uint && row->get_uint(&q, k, &v); k++) {
        bool ok = true;
        for (unsigned i = 0; i < b->n && ok; i++)
            ok = uint_holds(t[i].u.uint.op, v, t[i].u.uint.a, t[i].u.uint.b);
        if (ok)
            return FOUND;
    }
    return (row->flags & APP_BUF_MORE) && !w->whole ? NOT_YET : NEVER;
}

static enum found bytes_block(struct tx_work *w, const struct img_block *b, const struct app_buffer *row,
                              unsigned dir)
{
    enum { INSTANCES = 1024 };
    struct detect *d = w->d;
    struct app_get q = query(w, dir);
    bool many = row->kind == APP_BUF_MULTI || row->kind == APP_BUF_FILE, any = false, more = false;
    for (unsigned k = 0; k < (many ? INSTANCES : 1u); k++) {
        struct app_view v = {0};
        if (!row->get || !row->get(&q, k, &v))
            break;
        any = true;
        struct input in = {.p = v.data, .n = v.n, .offset = v.offset, .last = v.last};
        if (v.growing && !v.last)
            more = true;
        if (b->absent == 1)
            continue;
        if (!transform_apply(d, &d->image->wheres[b->where], &in))
            continue;
        if (block_match(d, &d->image->tests[b->first], b->n, &in))
            return FOUND;
    }
    bool grows = app_buffer_grows(row);
    if (b->absent && !any)
        return grows && !w->whole ? NOT_YET : FOUND;
    if (b->absent == 1)
        return NEVER;
    return more || (grows && !w->whole) ? NOT_YET : NEVER;
}

static enum found app_block(struct tx_work *w, const struct img_rule *r, const struct img_block *b)
{
    unsigned id = w->af->proto_any < APP_COUNT ? w->af->proto_any : 0, dir = w->dir;
    const struct app_buffer *row = app_buffer_of(b->buffer - RULE_BUF_APP, id);
    if (!row)
        return NEVER;
    if (b->tx_dir)
        dir = b->tx_dir - 1u;
    else if ((r->flags & RULE_TX_WHOLE) && !(row->dirs & 1u << dir))
        dir ^= 1;
    if (!(row->dirs & 1u << dir))
        return NEVER;
    /* Snort 3's look back at the request comes with the answer, not with a bare acknowledgement. */
    if (dir != w->dir && !(r->flags & RULE_TX_WHOLE) && !w->tx->progress[w->dir])
        return w->whole ? NEVER : NOT_YET;
    bool ready = w->tx->progress[dir] >= row->at[dir];
    if (!ready)
        return w->whole && dir == w->dir ? (b->absent ? FOUND : NEVER) : NOT_YET;
    return b->kind == BLOCK_APP_UINT ? number_block(w, b, row, dir) : bytes_block(w, b, row, dir);
}

static enum found any_block(struct tx_work *w, const struct img_rule *r, const struct img_block *b, bool *in_stream)
{
    struct detect *d = w->d;
    if (b->buffer >= RULE_BUF_APP)
        return app_block(w, r, b);
    if (b->buffer == BUF_PAYLOAD)
        return payload_block(d, r, b, in_stream) ? FOUND : w->whole ? NEVER : NOT_YET;
    struct input in;
    bool ok = packet_buffer(d->p, b->buffer, &in) && transform_apply(d, &d->image->wheres[b->where], &in) &&
              block_match(d, &d->image->tests[b->first], b->n, &in);
    return ok ? FOUND : NEVER;
}

static bool hook_reached(const struct tx_work *w, const struct img_rule *r)
{
    if (r->hook != HOOK_APP)
        return true;
    return (!r->hook_app || app_covers(r->hook_app, w->af->proto_any)) && r->hook_dir == w->dir &&
           w->tx->progress[w->dir] >= r->hook_progress;
}

/*
 * A hook alone fires each time that something comes while its state holds, and when it was passed since the last
 * look.  It stays on the transaction's list.
 */
static bool hook_alone(const struct img_rule *r) { return r->hook == HOOK_APP && !r->n_blocks; }

static void judge_hook(struct tx_work *w, uint32_t index)
{
    struct detect *d = w->d;
    const struct img_rule *r = &d->rules[index];
    if ((r->hook_app && !app_covers(r->hook_app, w->af->proto_any)) || r->hook_dir != w->dir)
        return;
    if (!tx_rule_find(w->tx->detect, index, w->dir) && !rule_keep(w, index, w->dir))
        return;
    bool begun = w->tx->progress[w->dir] || w->tx->begun_bytes[w->dir] != w->af->bytes[w->dir];
    bool now = begun && hook_reached(w, r) && (r->hook_progress >= w->tx->detect_progress[w->dir] || r->hook_before);
    if (!now || !rule_header_ok(d, r, index) || !rule_pre_ok(d, r, w->tx, w->dir) || !rule_is_on(d, r))
        return;
    rule_post(d, r, w->tx);
    match_add(d, index, MATCH_TX | match_voice(r), w->tx, w->dir);
}

enum found tx_rule_blocks(struct tx_work *w, uint32_t index, unsigned dir, bool *in_stream)
{
    struct detect *d = w->d;
    const struct img_rule *r = &d->rules[index];
    struct tx_rule *s = tx_rule_find(w->tx->detect, index, dir);
    /* What goes into the alert is found with the last block. */
    uint32_t done = s && !r->tells ? s->done : 0, all = r->n_blocks == 32 ? UINT32_MAX : (1u << r->n_blocks) - 1;
    bool wait = false;
    memset(d->var, 0, r->n_vars * sizeof(d->var[0]));
    for (unsigned k = 0; k < r->n_blocks; k++) {
        if (done >> k & 1)
            continue;
        enum found f = any_block(w, r, &d->image->blocks[r->block_first + k], in_stream);
        if (f == NEVER) {
            if (s)
                s->over = true;
            return NEVER;
        }
        if (f == NOT_YET)
            wait = true;
        else
            done |= 1u << k;
    }
    if (!s)
        s = rule_keep(w, index, dir);
    if (!s)
        return NEVER; /* no memory: rather no alert than one for each packet */
    s->done = done;
    if (wait || done != all)
        return NOT_YET;
    s->over = s->fired = true;
    return FOUND;
}

/* app-layer-state: it may hold later. */
static bool state_waits(const struct tx_work *w, const struct img_rule *r)
{
    const struct img_test *t = &w->d->image->tests[r->pre_first];
    for (unsigned k = 0; k < r->n_pre; k++)
        if (t[k].kind == TEST_APP_STATE && t[k].u.ref.mode != NUM_LT && !rule_pre_test(w->d, &t[k], w->tx))
            return true;
    return false;
}

static void judge_tx(struct tx_work *w, uint32_t index)
{
    struct detect *d = w->d;
    const struct img_rule *r = &d->rules[index];
    unsigned dir = r->flags & RULE_TX_WHOLE ? w->dir | OF_BOTH : w->dir;
    if (r->flags & RULE_TX_WHOLE)
        dir = OF_BOTH;
    struct tx_rule *s = tx_rule_find(w->tx->detect, index, dir);
    bool in_stream = false;
    d->count.evaluated++;
    if (hook_alone(r)) {
        judge_hook(w, index);
        return;
    }
    if (s && s->over)
        return;
    bool fresh = !s || s->waits;
    if (!hook_reached(w, r) || (fresh && state_waits(w, r))) {
        if (!s && (s = rule_keep(w, index, dir)))
            s->waits = true; /* its literal is not found again */
        return;
    }
    if (!rule_header_ok(d, r, index))
        return;
    if (fresh && !rule_pre_ok(d, r, w->tx, w->dir))
        return;
    if (s)
        s->waits = false;
    if ((r->flags & RULE_FILESTORE) && !r->n_blocks && !w->tx->files[w->dir].first)
        return; /* it speaks of a file: there is none yet */
    vars_rule(d);
    if (tx_rule_blocks(w, index, dir, &in_stream) != FOUND || !rule_is_on(d, r))
        return;
    rule_post(d, r, w->tx);
    match_add(d, index, MATCH_TX | (in_stream ? MATCH_STREAM : 0u) | match_voice(r), w->tx, w->dir);
}

static void judge_counted(struct tx_work *w, uint32_t index)
{
    if (!cost_counts(w->d)) {
        judge_tx(w, index);
    } else if (cost_begin(w->d, index)) {
        judge_tx(w, index);
        cost_end(w->d, index);
    }
}

void inspect_txs(struct detect *d, struct app_flow *af, unsigned dir)
{
    for (struct app_tx *tx = af->first; tx; tx = tx->next) {
        struct tx_work w = {.d = d, .af = af, .tx = tx, .dir = dir};
        if (tx->inspected[dir] || (tx->flags & (dir ? TX_SKIP_TO_CLIENT : TX_SKIP_TO_SERVER)))
            continue;
        w.whole = tx->progress[dir] >= af->def->complete[dir] || (tx->flags & TX_DONE);
        /* A rule that has begun here may wait for what the packet has. */
        bool begun = tx->detect && tx->detect->n && d->cand.n;
        if (!tx->updated[dir] && !w.whole && !d->n_cand_tx && !begun)
            continue;
        tx->updated[dir] = false;
        tx_renumber(d, tx);
        d->count.txs++;
        collect(&w);
        if (d->watch)
            watch_turn(d);
        for (uint32_t k = 0; k < d->tx_cand.n; k++) {
            if (d->watch && watch_due(d, d->tx_cand.rule[k]))
                watch_tx(d, af, tx, dir, w.whole);
            judge_counted(&w, d->tx_cand.rule[k]);
        }
        if (d->watch && watch_due(d, UINT32_MAX))
            watch_tx(d, af, tx, dir, w.whole);
        candidates_clear(&d->tx_cand);
        tx->detect_progress[dir] = tx->progress[dir];
        if (w.whole)
            tx->inspected[dir] = true;
    }
}
