/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One rule under watch: every test of it for itself, on each packet and transaction.
 *
 * A look is made in the rule's own place in the order of evaluation, just before the engine may judge it, so that
 * bits and numbers are as the engine finds them.  How far a block comes is found by trying its first test, its first
 * two and so on: the matcher itself needs to know nothing of being watched.  What a look calls changes no state;
 * tests that change a data set are left out.
 */
#include "detect/watch.h"

#include <string.h>

struct watch *watch_new(uint32_t rule)
{
    struct watch *w = calloc(1, sizeof(*w));
    if (w) {
        w->rule = rule;
        w->report.passed_by = UINT32_MAX;
    }
    return w;
}

void watch_free(struct watch *w)
{
    if (!w)
        return;
    for (unsigned k = 0; k < WATCH_MATCHES; k++)
        free(w->report.match[k].step);
    for (unsigned k = 0; k < WATCH_LOOKS; k++)
        free(w->report.near[k].step);
    free(w);
}

const struct watch_report *watch_report(struct watch *w) { return &w->report; }
void detect_watch(struct detect *d, struct watch *w) { d->watch = w; }
void watch_turn(struct detect *d) { d->watch->due = true; }
bool watch_due(const struct detect *d, uint32_t before) { return d->watch->due && d->watch->rule <= before; }

/* ------------------------------------------------------------------ what is kept */

static bool is_body(const struct detect *d, const struct watch_step *s)
{
    const struct img_rule *r = &d->rules[d->watch->rule];
    if (!s->test)
        return false;
    for (unsigned k = 0; k < r->n_blocks; k++) {
        const struct img_block *b = &d->image->blocks[r->block_first + k];
        for (unsigned i = 0; i < b->n; i++) {
            const struct img_test *t = &d->image->tests[b->first + i];
            bool searches = t->kind == TEST_CONTENT || t->kind == TEST_PCRE || t->kind == TEST_BYTE_TEST;
            if (t->number == s->test)
                return searches && !(t->kind == TEST_CONTENT && (t->flags & CONTENT_NEGATED)) &&
                       !(t->kind == TEST_PCRE && (t->flags & REGEX_NEGATED));
        }
    }
    return false;
}

/* What was found in the bytes says more than a header that most packets have. */
static uint32_t score(const struct detect *d, const struct watch *w)
{
    uint32_t n = 0;
    for (unsigned k = 0; k < w->now.n; k++)
        if (w->step[k].result == WATCH_HOLDS)
            n += is_body(d, &w->step[k]) ? 4 : 2;
    return n + w->engine_ok + 2 * w->nearly;
}

static const struct watch_step *first_failure(const struct watch_step *s, unsigned n)
{
    for (unsigned k = 0; k < n; k++)
        if (s[k].result == WATCH_FAILS)
            return &s[k];
    for (unsigned k = 0; k < n; k++)
        if (s[k].result != WATCH_HOLDS)
            return &s[k];
    return NULL;
}

static bool same_step(const struct watch_step *a, const struct watch_step *b)
{
    return a && b && a->test == b->test && a->gate == b->gate && a->buffer == b->buffer;
}

/* The slot's steps with their texts in one piece. */
static void keep(const struct watch *w, struct watch_look *slot)
{
    free(slot->step);
    *slot = w->now;
    size_t steps = w->now.n * sizeof(*slot->step);
    char *p = malloc(steps + w->used);
    slot->step = (void *)p;
    if (!p)
        return;
    memcpy(p, w->step, steps);
    memcpy(p + steps, w->text, w->used);
    for (unsigned k = 0; k < slot->n; k++)
        if (slot->step[k].seen)
            slot->step[k].seen = p + steps + (slot->step[k].seen - w->text);
}

static void count_end(struct watch *w, const struct watch_step *s)
{
    struct watch_report *o = &w->report;
    for (unsigned k = 0; k < o->n_end; k++)
        if (o->end[k].test == s->test && o->end[k].gate == s->gate && o->end[k].buffer == s->buffer) {
            o->end[k].n++;
            return;
        }
    if (o->n_end < WATCH_ENDS)
        o->end[o->n_end++] = (struct watch_end){.test = s->test, .gate = s->gate, .buffer = s->buffer, .n = 1};
}

/* The nearest misses, one for each test that was the first to fail. */
static void keep_near(struct watch *w)
{
    struct watch_report *o = &w->report;
    const struct watch_step *first = first_failure(w->step, w->now.n);
    unsigned at = 0, same = o->n_near;
    for (unsigned k = 0; k < o->n_near; k++)
        if (o->near[k].step && same_step(first, first_failure(o->near[k].step, o->near[k].n)))
            same = k;
    if (same < o->n_near && o->near[same].score >= w->now.score)
        return;
    if (same == o->n_near && o->n_near < WATCH_LOOKS)
        o->n_near++;
    else if (same == o->n_near && o->near[--same].score >= w->now.score)
        return;
    while (at < same && o->near[at].score >= w->now.score)
        at++;
    struct watch_look out = o->near[same];
    memmove(&o->near[at + 1], &o->near[at], (same - at) * sizeof(o->near[0]));
    o->near[at] = out;
    keep(w, &o->near[at]);
}

static void look_end(struct detect *d)
{
    struct watch *w = d->watch;
    const struct watch_step *first = first_failure(w->step, w->now.n);
    w->report.looks++;
    w->now.score = score(d, w);
    if (first)
        count_end(w, first);
    keep_near(w);
}

void watch_matched(struct detect *d, uint32_t rule)
{
    struct watch *w = d->watch;
    if (rule != w->rule)
        return;
    w->now.matched = true;
    w->now.fate = WATCH_UNDECIDED;
    w->now.fate_rule = UINT32_MAX;
    w->report.matches++;
    if (w->report.n_match < WATCH_MATCHES)
        keep(w, &w->report.match[w->report.n_match++]);
}

void detect_watch_fate(struct detect *d, const struct match *m, enum watch_fate fate, uint32_t by)
{
    struct watch *w = d->watch;
    if (!w)
        return;
    if (m->rule != w->rule) {
        const struct flow *f = d->p->flow;
        if (fate == WATCH_ACTED && f && (f->flags & FLOW_PASS) && w->report.passed_by == UINT32_MAX)
            w->report.passed_by = m->rule;
        return;
    }
    w->report.fates[fate]++;
    for (unsigned k = 0; k < w->report.n_match; k++) {
        struct watch_look *l = &w->report.match[k];
        if (l->fate == WATCH_UNDECIDED && l->number == d->p->number && l->tx_id == m->tx_id && l->tx == (m->tx != NULL)) {
            l->fate = (uint8_t)fate;
            l->fate_rule = by;
            return;
        }
    }
}

void detect_watch_unlooked(struct detect *d, enum watch_unlooked why)
{
    if (d->watch)
        d->watch->report.unlooked[why]++;
}

/* ------------------------------------------------------------------ steps */

struct watch_step *watch_step(struct watch *w, unsigned test, unsigned gate, bool holds)
{
    struct watch_step *s = &w->step[w->now.n < WATCH_STEPS ? w->now.n++ : WATCH_STEPS - 1];
    *s = (struct watch_step){.test = (uint16_t)test, .gate = (uint8_t)gate, .at = -1, .end = -1,
                             .result = holds ? WATCH_HOLDS : WATCH_FAILS};
    return s;
}

static void look_begin(struct detect *d, const struct app_tx *tx, unsigned dir)
{
    struct watch *w = d->watch;
    const struct packet *p = d->p;
    w->due = false;
    w->used = 0;
    w->nearly = 0;
    w->now = (struct watch_look){.number = p->number, .tx = tx != NULL, .tx_id = tx ? tx->id : 0,
                                 .flow_id = p->flow ? p->flow->id : 0, .flow_end = (p->flags & PKT_PSEUDO) != 0,
                                 .dir = (uint8_t)dir, .proto = p->proto, .ver = p->ver, .src = p->src, .dst = p->dst,
                                 .sp = p->sp, .dp = p->dp, .fate = WATCH_UNDECIDED, .fate_rule = UINT32_MAX};
}

/* A block's best input so far. */
struct tried {
    struct input in;
    unsigned depth; /* tests that hold */
    bool any, whole, limit;
};

static bool changes_set(const struct img_test *t)
{
    return (t->kind == TEST_DATASET || t->kind == TEST_FILE_HASH) &&
           (t->u.listed.cmd == LISTED_ADD || t->u.listed.cmd == LISTED_TAKE);
}

static void try_input(struct detect *d, const struct img_block *b, const struct input *in, struct tried *best)
{
    struct watch *w = d->watch;
    const struct img_test *t = &d->image->tests[b->first];
    struct input free = *in;
    uint64_t limit = d->count.limit_hits;
    unsigned n = b->n < WATCH_STEPS ? b->n : WATCH_STEPS, depth = 0;
    free.fresh = 0;
    while (depth < n && !changes_set(&t[depth]) && block_match_path(d, t, depth + 1, &free, w->trial))
        depth++;
    bool stop = depth < n && changes_set(&t[depth]);
    bool whole = depth == b->n && block_match(d, t, b->n, in);
    if (best->any && (best->whole || (best->depth >= depth && !whole)))
        return;
    if (depth) /* the tries that failed have written, too */
        (void)block_match_path(d, t, depth, &free, w->trial);
    memcpy(w->span, w->trial, sizeof(w->span));
    *best = (struct tried){.in = free, .any = true, .depth = depth, .whole = whole || stop,
                           .limit = d->count.limit_hits != limit};
}

static void block_steps(struct detect *d, const struct img_block *b, const struct tried *x)
{
    struct watch *w = d->watch;
    const struct img_test *t = &d->image->tests[b->first];
    struct block at = {.d = d, .first = t, .end = t + b->n, .in = &x->in};
    if (x->depth) /* cursor and variables as they stand behind what held */
        (void)block_match(d, t, x->depth, &x->in);
    else if (b->n)
        d->cursor[0] = d->cursor[1] = 0;
    for (unsigned k = 0; k < b->n; k++) {
        struct watch_step *s = watch_step(w, t[k].number, WATCH_NONE, k < x->depth);
        bool placed = t[k].kind == TEST_CONTENT ? !(t[k].flags & CONTENT_NEGATED)
                                                : t[k].kind == TEST_PCRE && !(t[k].flags & REGEX_NEGATED);
        if (k < x->depth && placed && k < WATCH_STEPS) {
            uint64_t base = t[k].on_base64 ? 0 : x->in.offset;
            s->at = (int64_t)(base + w->span[k].at);
            s->end = (int64_t)(base + w->span[k].end);
            s->seen = t[k].on_base64 ? "in what base64 gave" : NULL;
            if (s->seen)
                s->seen = watch_say(w, "%s", s->seen);
        } else if (k > x->depth || (k == x->depth && changes_set(&t[k]))) {
            s->result = WATCH_UNTRIED;
        } else if (k == x->depth) {
            watch_say_block(w, &at, &t[k], s);
            if (x->limit)
                s->seen = watch_say(w, "the limit of tries (%u) was met before it held", d->config.recursion_limit);
        }
    }
    if (x->depth + 1 < b->n)
        w->nearly += watch_also_there(d, t + x->depth + 1, b->n - x->depth - 1u, &x->in);
    if (x->depth == b->n && !x->whole)
        watch_step(w, 0, WATCH_ASKED, false)->seen =
            watch_say(w, "all of it lies in bytes of the stream that were inspected before");
}

static struct watch_step *buffer_step(struct watch *w, const struct img_block *b, bool holds)
{
    struct watch_step *s = watch_step(w, 0, WATCH_BUFFER, holds);
    s->buffer = b->buffer;
    return s;
}

static void untried(struct watch *w, struct detect *d, const struct img_block *b, unsigned result, bool old)
{
    for (unsigned k = 0; k < b->n; k++) {
        struct watch_step *s = watch_step(w, d->image->tests[b->first + k].number, WATCH_NONE, false);
        s->result = (uint8_t)result;
        s->old = old;
    }
}

/* ------------------------------------------------------------------ buffers of a packet */

/* As payload_block has it: the stream's view, the packet itself, or both one after the other. */
static void payload_steps(struct detect *d, const struct img_rule *r, const struct img_block *b)
{
    struct watch *w = d->watch;
    const struct packet *p = d->p;
    struct tried best = {.any = false};
    struct input in;
    /* A rule of another protocol looks at no stream. */
    bool tcp = d->transport == TR_TCP && rule_transport_ok(d, r), stream = false;
    if (tcp && r->needs_packet != 2 && d->has_stream) {
        in = (struct input){d->stream.data, d->stream.n, d->stream.offset, d->stream.eof, d->stream.fresh};
        try_input(d, b, &in, &best);
        stream = true;
    }
    bool alone = !(tcp && r->needs_packet != 2 && (p->flags & PKT_STREAM_ADD) && (!r->needs_packet || r->needs_stream)) &&
                 !(tcp && r->needs_stream == 2 && !(p->flags & PKT_STREAM_ADD) && p->flow);
    unsigned depth = best.depth;
    bool had = best.any;
    if (alone && packet_buffer(p, BUF_PAYLOAD, &in))
        try_input(d, b, &in, &best);
    struct watch_step *s = buffer_step(w, b, best.any);
    if (best.any)
        s->seen = watch_say(w, "%u bytes of the %s", best.in.n,
                            had && stream && (best.depth == depth) && best.in.p == d->stream.data ? "stream" : "packet");
    else
        s->seen = watch_say(w, p->payload_len && alone == false ? "the packet gave the stream nothing new in order"
                                                                : "the packet carries no data");
    if (best.any)
        block_steps(d, b, &best);
    else
        untried(w, d, b, WATCH_UNTRIED, false);
}

static void packet_steps(struct detect *d, const struct img_rule *r, const struct img_block *b)
{
    struct watch *w = d->watch;
    struct tried best = {.any = false};
    struct input in;
    if (b->buffer == BUF_PAYLOAD) {
        payload_steps(d, r, b);
        return;
    }
    if (b->buffer < RULE_BUF_APP && packet_buffer(d->p, b->buffer, &in) &&
        transform_apply(d, &d->image->wheres[b->where], &in))
        try_input(d, b, &in, &best);
    buffer_step(w, b, best.any);
    if (best.any)
        block_steps(d, b, &best);
    else
        untried(w, d, b, WATCH_UNTRIED, false);
}

/* ------------------------------------------------------------------ buffers of a transaction */

struct tx_look {
    struct detect *d;
    struct app_flow *af;
    struct app_tx *tx;
    unsigned dir;
    bool whole;
};

static void number_steps(const struct tx_look *x, const struct img_block *b, const struct app_buffer *row, unsigned dir)
{
    enum { INSTANCES = 1024, SHOWN = 8 };
    struct watch *w = x->d->watch;
    struct app_get q = {.af = x->af, .tx = x->tx, .dir = dir, .scratch = &x->d->arena, .on_ack = x->d->config.on_ack};
    const struct img_test *t = &x->d->image->tests[b->first];
    bool many = row->kind == APP_BUF_MULTI_UINT;
    unsigned best = 0, n = 0;
    uint64_t v, shown = 0;
    for (; n < (many ? INSTANCES : 1u) && row->get_uint && row->get_uint(&q, n, &v); n++) {
        unsigned depth = 0;
        while (depth < b->n && uint_holds(t[depth].u.uint.op, v, t[depth].u.uint.a, t[depth].u.uint.b))
            depth++;
        if (!n || depth > best) {
            best = depth;
            shown = v;
        }
    }
    struct watch_step *s = buffer_step(w, b, n > 0);
    if (!n && (row->flags & APP_BUF_MORE) && !x->whole)
        s->result = WATCH_WAITS;
    for (unsigned k = 0; k < b->n; k++) {
        s = watch_step(w, t[k].number, WATCH_NONE, n && k < best);
        if (!n || k > best)
            s->result = WATCH_UNTRIED;
        else
            watch_say_shown(w, s, row, shown, n);
    }
}

static void bytes_steps(const struct tx_look *x, const struct img_block *b, const struct app_buffer *row, unsigned dir)
{
    enum { INSTANCES = 1024 };
    struct detect *d = x->d;
    struct watch *w = d->watch;
    struct app_get q = {.af = x->af, .tx = x->tx, .dir = dir, .scratch = &d->arena, .on_ack = d->config.on_ack};
    bool many = row->kind == APP_BUF_MULTI || row->kind == APP_BUF_FILE;
    bool more = app_buffer_grows(row);
    struct tried best = {.any = false};
    unsigned n = 0;
    for (; n < (many ? INSTANCES : 1u) && row->get; n++) {
        struct app_view v = {0};
        if (!row->get(&q, n, &v))
            break;
        struct input in = {.p = v.data, .n = v.n, .offset = v.offset, .last = v.last};
        if (transform_apply(d, &d->image->wheres[b->where], &in))
            try_input(d, b, &in, &best);
    }
    if (b->absent && (!n || b->absent == 1)) {
        struct watch_step *s = buffer_step(w, b, !n);
        s->gate = WATCH_ABSENT;
        s->seen = n ? watch_say(w, "it is there") : NULL;
        if (!n && more && !x->whole)
            s->result = WATCH_WAITS;
        untried(w, d, b, n ? WATCH_UNTRIED : WATCH_HOLDS, false);
        return;
    }
    struct watch_step *s = buffer_step(w, b, n > 0);
    if (n)
        s->seen = many && n > 1 ? watch_say(w, "%u of them; the best has %u bytes", n, best.in.n)
                                : watch_say(w, "%u bytes", best.in.n);
    else if (more && !x->whole)
        s->result = WATCH_WAITS;
    if (best.any)
        block_steps(d, b, &best);
    else
        untried(w, d, b, WATCH_UNTRIED, false);
}

static void app_steps(const struct tx_look *x, const struct img_rule *r, const struct img_block *b)
{
    struct watch *w = x->d->watch;
    unsigned id = x->af->proto_any < APP_COUNT ? x->af->proto_any : 0, dir = x->dir;
    const struct app_buffer *row = app_buffer_of(b->buffer - RULE_BUF_APP, id);
    if (b->tx_dir)
        dir = b->tx_dir - 1u;
    else if (row && (r->flags & RULE_TX_WHOLE) && !(row->dirs & 1u << dir))
        dir ^= 1;
    const char *why = NULL;
    bool waits = false;
    if (!row) {
        why = watch_say(w, "%s has none", app_name((enum app_proto_id)id));
    } else if (!(row->dirs & 1u << dir)) {
        why = watch_say(w, "it belongs to the other direction");
    } else if (x->tx->progress[dir] < row->at[dir]) {
        waits = !(x->whole && dir == x->dir);
        why = watch_say(w, waits ? "the transaction is not so far yet" : "the transaction never came so far");
    }
    if (why) {
        struct watch_step *s = buffer_step(w, b, !waits && b->absent && row);
        s->seen = why;
        if (waits)
            s->result = WATCH_WAITS;
        untried(w, x->d, b, WATCH_UNTRIED, false);
    } else if (b->kind == BLOCK_APP_UINT) {
        number_steps(x, b, row, dir);
    } else {
        bytes_steps(x, b, row, dir);
    }
}

/* ------------------------------------------------------------------ looks */

static void pre_steps(struct detect *d, const struct img_rule *r, struct app_tx *tx)
{
    const struct img_test *t = &d->image->tests[r->pre_first];
    for (unsigned k = 0; k < r->n_pre; k++) {
        bool holds = rule_pre_test(d, &t[k], tx);
        struct watch_step *s = watch_step(d->watch, t[k].number, WATCH_NONE, holds);
        s->seen = watch_say_pre(d->watch, d, &t[k], tx);
    }
}

static bool is_candidate(const struct candidates *c, uint32_t rule) { return c->seen[rule / 64] >> (rule % 64) & 1; }

/* All holds, and yet the engine does not come to it. */
static void asked_step(struct detect *d, const struct img_rule *r, const struct candidates *c)
{
    struct watch *w = d->watch;
    if (first_failure(w->step, w->now.n) || is_candidate(c, w->rule))
        return;
    struct watch_step *s = watch_step(w, 0, WATCH_ASKED, false);
    if (r->type == TYPE_IP_ONLY)
        s->seen = watch_say(w, "a rule on addresses alone is asked with the first packet of a flow in each direction");
    else if (r->type == TYPE_PD_ONLY)
        s->seen = watch_say(w, "it is asked once in each direction, when the protocol is known");
    else if (d->p->flags & PKT_IGNORE)
        s->seen = watch_say(w, "the packet is broken: only rules on its event or its addresses are asked");
    else
        s->seen = watch_say(w, "the prefilter does not bring it up");
}

struct kept { /* what a look may not change */
    struct detect_counters count;
    uint32_t n_told, n_taken;
};

static struct kept look_save(struct detect *d)
{
    d->aside = true;
    return (struct kept){d->count, d->n_told, d->n_taken};
}

static void look_restore(struct detect *d, const struct kept *k)
{
    d->count = k->count;
    d->n_told = k->n_told;
    d->n_taken = k->n_taken;
    d->aside = false;
}

void watch_packet(struct detect *d)
{
    struct watch *w = d->watch;
    const struct img_rule *r = &d->rules[w->rule];
    const struct app_flow *af = d->p->flow ? d->p->flow->app : NULL;
    w->due = false;
    if (r->of_tx && af && af->def && af->first)
        return; /* its transactions are looked at */
    struct kept kept = look_save(d);
    look_begin(d, NULL, d->p->dir);
    watch_gates(w, d, r);
    if (r->of_tx) {
        const char *name = d->p->flow ? app_name(d->p->flow->app_proto_any) : NULL;
        watch_step(w, 0, WATCH_TRANSACTION, false)->seen =
            watch_say(w, "%s%s%s", af && af->def ? "none is open in this flow" : "no parser is at work in this flow",
                      name ? ": its protocol is " : "", name ? name : "");
    } else {
        pre_steps(d, r, NULL);
        memset(d->var, 0, sizeof(d->var));
        for (unsigned k = 0; k < r->n_blocks; k++)
            packet_steps(d, r, &d->image->blocks[r->block_first + k]);
        asked_step(d, r, &d->cand);
    }
    look_end(d);
    look_restore(d, &kept);
}

static const struct tx_rule *remembered(const struct app_tx *tx, uint32_t rule, unsigned dir)
{
    const struct tx_detect *t = tx->detect;
    for (uint32_t k = 0; t && k < t->n; k++)
        if (t->rule[k].rule == rule && t->rule[k].dir == dir)
            return &t->rule[k];
    return NULL;
}

static bool hook_reached(const struct tx_look *x, const struct img_rule *r)
{
    return (!r->hook_app || app_covers(r->hook_app, x->af->proto_any)) && r->hook_dir == x->dir &&
           x->tx->progress[x->dir] >= r->hook_progress;
}

void watch_tx(struct detect *d, struct app_flow *af, struct app_tx *tx, unsigned dir, bool whole)
{
    enum { OF_BOTH = 4 };
    struct watch *w = d->watch;
    const struct img_rule *r = &d->rules[w->rule];
    struct tx_look x = {d, af, tx, dir, whole};
    const struct tx_rule *s = remembered(tx, w->rule, r->flags & RULE_TX_WHOLE ? OF_BOTH : dir);
    w->due = false;
    if (!r->of_tx || (s && s->over)) /* once for a transaction and direction */
        return;
    struct kept kept = look_save(d);
    look_begin(d, tx, dir);
    watch_gates(w, d, r);
    if (r->hook == HOOK_APP)
        watch_step(w, 0, WATCH_HOOK, hook_reached(&x, r));
    if (!s || s->waits)
        pre_steps(d, r, tx);
    uint32_t done = s && !r->tells ? s->done : 0;
    memset(d->var, 0, sizeof(d->var));
    for (unsigned k = 0; k < r->n_blocks; k++) {
        const struct img_block *b = &d->image->blocks[r->block_first + k];
        if (done >> k & 1) {
            buffer_step(w, b, true)->old = true;
            untried(w, d, b, WATCH_HOLDS, true);
        } else if (b->buffer >= RULE_BUF_APP) {
            app_steps(&x, r, b);
        } else {
            packet_steps(d, r, b);
        }
    }
    asked_step(d, r, &d->tx_cand);
    look_end(d);
    look_restore(d, &kept);
}
