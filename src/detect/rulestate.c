/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What rules remember: flowbits and numbers of the flow (the worker's own), bits of hosts and pairs (shared). */
#include "detect/match.h"

#include "base/hash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int rulestate_init(struct detect *d)
{
    uint64_t n = img_count(d->image, SEC_TESTS);
    if (!d->names)
        d->names = names_new();
    d->name_of = d->names ? names_of_image(d->names, d->image) : NULL;
    d->host_tags = false;
    for (uint64_t k = 0; k < n; k++)
        d->host_tags |= d->image->tests[k].kind == TEST_TAG && d->image->tests[k].u.tag.host;
    return d->name_of ? 0 : -ENOMEM;
}

void rulestate_done(struct detect *d)
{
    free(d->name_of);
    d->name_of = NULL;
}

struct detect_flow *flow_memory(struct detect *d, struct flow *f)
{
    if (f->detect)
        return f->detect;
    struct detect_flow *m = d->free_flows;
    if (m) {
        d->free_flows = m->next_free;
        memset(m, 0, sizeof(*m));
    } else {
        m = calloc(1, sizeof(*m));
        if (!m) {
            d->count.refused++;
            return NULL;
        }
        d->count.flow_state_bytes += sizeof(*m);
    }
    m->epoch = d->names->epoch;
    f->detect = m;
    return m;
}

void detect_flow_free(struct detect *d, struct flow *f)
{
    struct detect_flow *m = f->detect;
    if (!m)
        return;
    vars_free(m);
    free(m->bits);
    free(m->numbers);
    free(m->thresholds);
    once_free(m);
    m->bits = NULL;
    m->next_free = d->free_flows;
    d->free_flows = m;
    f->detect = NULL;
}

/* ------------------------------------------------------------------ flowbits */

/* The flow's memory, if what it holds is by names that still are. */
struct detect_flow *flow_memory_now(const struct detect *d, const struct flow *f)
{
    struct detect_flow *m = f ? f->detect : NULL;
    if (m && m->epoch != d->names->epoch) {
        if (m->bits)
            memset(m->bits, 0, m->n_bits / 8);
        m->n_numbers = 0;
        vars_free(m);
        m->epoch = d->names->epoch;
    }
    return m;
}

static bool bit_get(const struct detect_flow *m, uint32_t id)
{
    return m && id < m->n_bits && (m->bits[id / 64] >> (id % 64) & 1);
}

static bool bits_room(struct detect *d, struct detect_flow *m)
{
    uint32_t n = (d->names->n + 63) / 64 * 64;
    if (m->n_bits >= n)
        return true;
    uint64_t *p = realloc(m->bits, n / 8);
    if (!p) {
        d->count.refused++;
        return false;
    }
    memset(p + m->n_bits / 64, 0, (n - m->n_bits) / 8);
    m->bits = p;
    m->n_bits = n;
    return true;
}

static void bit_put(struct detect *d, uint32_t id, enum bits_cmd cmd)
{
    struct detect_flow *m = d->p->flow ? flow_memory(d, d->p->flow) : NULL;
    m = m ? flow_memory_now(d, d->p->flow) : NULL;
    if (!m || !bits_room(d, m))
        return;
    uint64_t bit = 1ull << (id % 64), *w = &m->bits[id / 64];
    if (cmd == BITS_SET || cmd == BITS_SETX)
        *w |= bit;
    else if (cmd == BITS_UNSET)
        *w &= ~bit;
    else if (cmd == BITS_TOGGLE)
        *w ^= bit;
}

/* Snort: all bits of a group, or of the flow (group 0), go. */
static void bits_reset(struct detect *d, unsigned group)
{
    struct detect_flow *m = flow_memory_now(d, d->p->flow);
    uint64_t n = img_count(d->image, SEC_BIT_GROUPS);
    if (!m || !m->bits)
        return;
    if (!group)
        memset(m->bits, 0, m->n_bits / 8);
    for (uint64_t k = 0; k < n; k++)
        if (d->image->bit_groups[k].group == group)
            bit_put(d, d->name_of[d->image->bit_groups[k].name], BITS_UNSET);
}

static bool group_holds(const struct detect *d, const struct img_test *t)
{
    const struct detect_flow *m = flow_memory_now(d, d->p->flow);
    uint64_t n = img_count(d->image, SEC_BIT_GROUPS);
    unsigned in = 0, on = 0;
    for (uint64_t k = 0; k < n; k++) {
        if (d->image->bit_groups[k].group != t->u.bits.group)
            continue;
        in++;
        on += bit_get(m, d->name_of[d->image->bit_groups[k].name]);
    }
    return t->u.bits.all ? in && on == in : on > 0;
}

unsigned detect_flowbits(const struct detect *d, const struct flow *f, struct str *out, unsigned room)
{
    const struct detect_flow *m = f->detect;
    unsigned n = 0;
    if (!m || m->epoch != d->names->epoch)
        return 0;
    for (uint32_t id = 0; m->bits && id < m->n_bits && id < d->names->n && n < room; id++)
        if (bit_get(m, id))
            out[n++] = names_get(d->names, id);
    return n;
}

/* ------------------------------------------------------------------ bits of a transaction */

static uint32_t *tx_bit(const struct detect *d, struct app_tx *tx, uint32_t id)
{
    struct tx_detect *t = tx ? tx->detect : NULL;
    for (uint32_t k = 0; t && t->epoch == d->names->epoch && k < t->n_bits; k++)
        if (t->bit[k] == id)
            return &t->bit[k];
    return NULL;
}

static void tx_bit_put(struct detect *d, struct app_tx *tx, uint32_t id, enum bits_cmd cmd)
{
    struct tx_detect *t = tx ? tx_memory(d, tx, 0) : NULL;
    if (!t)
        return;
    if (t->epoch != d->names->epoch) {
        t->n_bits = 0;
        t->epoch = d->names->epoch;
    }
    uint32_t *have = tx_bit(d, tx, id);
    if (have && (cmd == BITS_UNSET || cmd == BITS_TOGGLE))
        *have = t->bit[--t->n_bits];
    else if (!have && cmd != BITS_UNSET && t->n_bits < TX_BITS)
        t->bit[t->n_bits++] = id;
    else if (!have && cmd != BITS_UNSET)
        d->count.refused++;
}

/* ------------------------------------------------------------------ bits of hosts and pairs */

/* 1 or 2 keys: a bit of both hosts stands at either. */
static unsigned bits_keys(const struct detect *d, const struct img_test *t, unsigned id, struct state_key out[2])
{
    const struct packet *p = d->p;
    /* Keyed by the name's hash: a reload may number names anew. */
    struct str name = img_str(d->image, d->image->names[id]);
    memset(out, 0, 2 * sizeof(*out));
    for (unsigned k = 0; k < 2; k++) {
        out[k].kind = STATE_XBIT;
        out[k].id = (uint32_t)hash_bytes(name.p, name.n, 0);
    }
    switch ((enum bits_scope)t->u.bits.scope) {
    case BITS_HOST_SRC:
        out[0].a = p->src;
        break;
    case BITS_HOST_DST:
        out[0].a = p->dst;
        break;
    case BITS_HOST_BOTH:
        out[0].a = p->src;
        out[1].a = p->dst;
        return ip_eq(&p->src, &p->dst) ? 1 : 2;
    case BITS_PAIR: {
        bool turn = ip_cmp(&p->src, &p->dst) > 0;
        out[0].a = turn ? p->dst : p->src;
        out[0].b = turn ? p->src : p->dst;
        break;
    }
    case BITS_FLOW:
    case BITS_TX:
        break;
    }
    return 1;
}

struct bit_change {
    enum bits_cmd cmd;
    uint64_t expires_ns;
};

static int bit_row(void *ctx, struct state_row *row, bool fresh)
{
    (void)fresh;
    struct bit_change *c = ctx;
    if (c->cmd == BITS_ISSET)
        return row->v[0] != 0;
    row->v[0] = c->cmd == BITS_SET || (c->cmd == BITS_TOGGLE && !row->v[0]);
    row->expires_ns = c->expires_ns;
    return 1;
}

static bool shared_bit(struct detect *d, const struct img_test *t, unsigned id, enum bits_cmd cmd)
{
    enum { EXPIRE_S = 30 };
    struct state_key k[2];
    unsigned n = bits_keys(d, t, id, k);
    uint64_t s = t->u.bits.expire_s ? t->u.bits.expire_s : EXPIRE_S;
    struct bit_change c = {cmd, d->p->ts_ns + s * 1000000000u};
    bool any = false;
    for (unsigned e = 0; e < n; e++)
        any |= state_with(d->config.state, d->config.worker, d->p->number, d->p->ts_ns, &k[e],
                          cmd != BITS_ISSET && cmd != BITS_UNSET, bit_row, &c) > 0;
    return any;
}

static bool bit_is_set(struct detect *d, const struct img_test *t, unsigned id, struct app_tx *tx)
{
    if (t->u.bits.scope == BITS_FLOW)
        return bit_get(flow_memory_now(d, d->p->flow), d->name_of[id]);
    if (t->u.bits.scope == BITS_TX)
        return tx_bit(d, tx, d->name_of[id]) != NULL;
    return d->config.state && shared_bit(d, t, id, BITS_ISSET);
}

bool bits_test(struct detect *d, const struct img_test *t, struct app_tx *tx)
{
    bool any = false, all = true;
    if (t->u.bits.scope == BITS_FLOW && !d->p->flow)
        return false;
    for (unsigned k = 0; k < t->u.bits.n; k++) {
        bool on = bit_is_set(d, t, t->u.bits.id[k], tx);
        any |= on;
        all &= on;
    }
    bool holds = t->u.bits.group && !t->u.bits.n ? group_holds(d, t) : t->u.bits.all ? all : any;
    return t->u.bits.cmd == BITS_ISNOTSET ? !holds : holds;
}

static void bits_do(struct detect *d, const struct img_test *t, struct app_tx *tx)
{
    enum bits_cmd cmd = t->u.bits.cmd;
    if (t->u.bits.scope == BITS_FLOW && (cmd == BITS_RESET || (cmd == BITS_SETX && t->u.bits.group)))
        bits_reset(d, t->u.bits.group);
    for (unsigned k = 0; k < t->u.bits.n; k++) {
        if (t->u.bits.scope == BITS_FLOW)
            bit_put(d, d->name_of[t->u.bits.id[k]], cmd);
        else if (t->u.bits.scope == BITS_TX)
            tx_bit_put(d, tx, d->name_of[t->u.bits.id[k]], cmd);
        else if (d->config.state)
            shared_bit(d, t, t->u.bits.id[k], cmd);
    }
}

/* ------------------------------------------------------------------ flowint */

static struct flow_number *number_find(struct detect_flow *m, uint32_t id)
{
    for (uint32_t k = 0; m && k < m->n_numbers; k++)
        if (m->numbers[k].id == id)
            return &m->numbers[k];
    return NULL;
}

static bool number_value(const struct detect *d, const struct img_test *t, int64_t *v)
{
    *v = t->u.flowint.value;
    if (!t->u.flowint.value_is_var)
        return true;
    const struct flow_number *n = number_find(flow_memory_now(d, d->p->flow), d->name_of[t->u.flowint.value_id]);
    *v = n ? n->v : 0;
    return n != NULL;
}

bool flowint_get(const struct detect *d, uint16_t name, int64_t *v)
{
    const struct flow_number *n = number_find(flow_memory_now(d, d->p->flow), d->name_of[name]);
    *v = n ? n->v : 0;
    return n != NULL;
}

bool flowint_test(struct detect *d, const struct img_test *t)
{
    if (!d->p->flow)
        return false;
    const struct flow_number *n = number_find(flow_memory_now(d, d->p->flow), d->name_of[t->u.flowint.id]);
    int64_t v;
    if (t->u.flowint.op == 's')
        return n != NULL;
    if (t->u.flowint.op == 'u')
        return n == NULL;
    if (!n || !number_value(d, t, &v))
        return false;
    switch (t->u.flowint.op) {
    case '<':
        return n->v < v;
    case '>':
        return n->v > v;
    case 'l':
        return n->v <= v;
    case 'g':
        return n->v >= v;
    case 'e':
        return n->v == v;
    case 'n':
        return n->v != v;
    default:
        return false;
    }
}

static void flowint_do(struct detect *d, const struct img_test *t)
{
    struct detect_flow *m = d->p->flow ? flow_memory(d, d->p->flow) : NULL;
    int64_t v;
    uint32_t id = d->name_of[t->u.flowint.id];
    if (!m || !number_value(d, t, &v))
        return;
    struct flow_number *n = number_find(flow_memory_now(d, d->p->flow), id);
    if (!n) {
        if (m->n_numbers == m->room_numbers) {
            uint32_t room = m->room_numbers ? m->room_numbers * 2 : 4;
            struct flow_number *p = realloc(m->numbers, room * sizeof(*p));
            if (!p) {
                d->count.refused++;
                return;
            }
            m->numbers = p;
            m->room_numbers = room;
        }
        n = &m->numbers[m->n_numbers++];
        *n = (struct flow_number){.id = id};
    }
    if (t->u.flowint.op == '=')
        n->v = v;
    else if (t->u.flowint.op == '+')
        n->v += v;
    else
        n->v -= v;
}

/* ------------------------------------------------------------------ activate and dynamic */

/* Of a number: v[0] how often it was activated, v[1] by which packet. */
static int activate(void *ctx, struct state_row *row, bool fresh)
{
    (void)fresh;
    row->v[0]++;
    row->v[1] = *(const uint64_t *)ctx;
    row->expires_ns = UINT64_MAX;
    return 0;
}

struct asking {
    const struct img_rule *r;
    uint64_t number, times;
};

static int activations(void *ctx, struct state_row *row, bool fresh)
{
    (void)fresh;
    struct asking *a = ctx;
    a->times = row->v[1] < a->number ? row->v[0] : 0; /* the packets behind it */
    return 0;
}

/* Of a dynamic rule: v[0] the activation that it is on by, v[1] packets left. */
static int take_packet(void *ctx, struct state_row *row, bool fresh)
{
    (void)fresh;
    const struct asking *a = ctx;
    row->expires_ns = UINT64_MAX;
    if (row->v[0] != a->times) {
        row->v[0] = a->times;
        row->v[1] = a->r->count;
    }
    if (!row->v[1])
        return 0;
    row->v[1]--;
    return 1;
}

bool rule_is_on(struct detect *d, const struct img_rule *r)
{
    if (!r->activated_by)
        return true;
    struct state_key k;
    struct asking a = {.r = r, .number = d->p->number};
    memset(&k, 0, sizeof(k));
    k.kind = STATE_ACTIVE;
    k.id = r->activated_by;
    if (!d->config.state ||
        state_with(d->config.state, d->config.worker, d->p->number, d->p->ts_ns, &k, false, activations, &a) < 0 || !a.times)
        return false;
    k.kind = STATE_DYNAMIC;
    k.a.w[0] = r->gid;
    k.a.w[1] = r->sid;
    return state_with(d->config.state, d->config.worker, d->p->number, d->p->ts_ns, &k, true, take_packet, &a) > 0;
}

static void activate_rules(struct detect *d, const struct img_rule *r)
{
    struct state_key k;
    memset(&k, 0, sizeof(k));
    k.kind = STATE_ACTIVE;
    k.id = r->activates;
    if (d->config.state)
        (void)state_with(d->config.state, d->config.worker, d->p->number, d->p->ts_ns, &k, true, activate, &d->p->number);
}

/* ------------------------------------------------------------------ filestore */

static void files_want(struct detect *d, const struct img_rule *r, const struct img_test *t, struct app_tx *tx)
{
    enum { SCOPE_OF_FLOW = 2 };
    unsigned dirs = t->u.flags.value ? t->u.flags.value : 1u << (d->p->dir & 1);
    for (unsigned dir = 0; d->p->flow && d->p->flow->app && dir < 2; dir++)
        if (dirs >> dir & 1)
            app_files_want(d->p->flow->app, tx, dir, t->u.flags.mode == SCOPE_OF_FLOW, r->sid);
}

/* ------------------------------------------------------------------ after a match */

void rule_post(struct detect *d, const struct img_rule *r, struct app_tx *tx)
{
    const struct img_test *t = &d->image->tests[r->post_first];
    if (d->n_taken)
        vars_put(d);
    for (unsigned k = 0; k < r->n_post; k++) {
        if (t[k].kind == TEST_BITS)
            bits_do(d, &t[k], tx);
        else if (t[k].kind == TEST_FLOWINT)
            flowint_do(d, &t[k]);
        else if (t[k].kind == TEST_TAG)
            tag_begin(d, r, &t[k]);
        else if (t[k].kind == TEST_FILESTORE && tx)
            files_want(d, r, &t[k], tx);
    }
    if (r->activates)
        activate_rules(d, r);
    if ((r->flags & RULE_UNLOGGED) && tx)
        tx->flags |= TX_UNLOGGED;
    if ((r->flags & RULE_BYPASS) && d->p->flow)
        d->p->flow->flags |= FLOW_BYPASS;
}
