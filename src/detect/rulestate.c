/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What rules remember: flowbits and numbers of the flow (the worker's own), bits of hosts and pairs (shared). */
#include "detect/match.h"

#include "base/hash.h"

#include <string.h>

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
    f->detect = m;
    return m;
}

void detect_flow_free(struct detect *d, struct flow *f)
{
    struct detect_flow *m = f->detect;
    if (!m)
        return;
    free(m->bits);
    free(m->numbers);
    free(m->thresholds);
    m->bits = NULL;
    m->next_free = d->free_flows;
    d->free_flows = m;
    f->detect = NULL;
}

/* ------------------------------------------------------------------ flowbits */

static bool bit_get(const struct detect_flow *m, unsigned id)
{
    return m && id < m->n_bits && (m->bits[id / 64] >> (id % 64) & 1);
}

static bool bits_room(struct detect *d, struct detect_flow *m)
{
    uint32_t n = (uint32_t)(img_count(d->image, SEC_NAMES) + 63) / 64 * 64;
    if (m->n_bits >= n)
        return true;
    uint64_t *p = calloc(n / 64, 8);
    if (!p) {
        d->count.refused++;
        return false;
    }
    if (m->bits)
        memcpy(p, m->bits, m->n_bits / 8);
    free(m->bits);
    m->bits = p;
    m->n_bits = n;
    return true;
}

static void bit_put(struct detect *d, unsigned id, enum bits_cmd cmd)
{
    struct detect_flow *m = d->p->flow ? flow_memory(d, d->p->flow) : NULL;
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

unsigned detect_flowbits(const struct detect *d, const struct flow *f, struct str *out, unsigned room)
{
    const struct detect_flow *m = f->detect;
    unsigned n = 0;
    for (uint32_t id = 0; m && m->bits && id < m->n_bits && id < img_count(d->image, SEC_NAMES) && n < room; id++)
        if (bit_get(m, id))
            out[n++] = img_str(d->image, d->image->names[id]);
    return n;
}

/* ------------------------------------------------------------------ bits of hosts and pairs */

static struct state_key bits_key(const struct detect *d, const struct img_test *t, unsigned id)
{
    const struct packet *p = d->p;
    /* Keyed by the name's hash: a reload may number names anew. */
    struct str name = img_str(d->image, d->image->names[id]);
    struct state_key k;
    memset(&k, 0, sizeof(k));
    k.kind = STATE_XBIT;
    k.id = (uint32_t)hash_bytes(name.p, name.n, 0);
    switch ((enum bits_scope)t->u.bits.scope) {
    case BITS_HOST_SRC:
        k.a = p->src;
        break;
    case BITS_HOST_DST:
        k.a = p->dst;
        break;
    case BITS_PAIR: {
        bool turn = ip_cmp(&p->src, &p->dst) > 0;
        k.a = turn ? p->dst : p->src;
        k.b = turn ? p->src : p->dst;
        break;
    }
    case BITS_FLOW:
    case BITS_TX:
    case BITS_HOST_BOTH:
        break;
    }
    return k;
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
    struct state_key k = bits_key(d, t, id);
    uint64_t s = t->u.bits.expire_s ? t->u.bits.expire_s : EXPIRE_S;
    struct bit_change c = {cmd, d->p->ts_ns + s * 1000000000u};
    return state_with(d->config.state, d->config.worker, d->p->number, d->p->ts_ns, &k, cmd != BITS_ISSET && cmd != BITS_UNSET,
                      bit_row, &c) > 0;
}

/* Bits of a transaction: kept among the flow's, told apart by the transaction's number. */
static bool bit_is_set(struct detect *d, const struct img_test *t, unsigned id)
{
    if (t->u.bits.scope == BITS_FLOW || t->u.bits.scope == BITS_TX)
        return d->p->flow && bit_get(d->p->flow->detect, id);
    return d->config.state && shared_bit(d, t, id, BITS_ISSET);
}

bool bits_test(struct detect *d, const struct img_test *t, struct app_tx *tx)
{
    (void)tx;
    bool any = false, all = true;
    if (t->u.bits.scope == BITS_FLOW && !d->p->flow)
        return false;
    for (unsigned k = 0; k < t->u.bits.n; k++) {
        bool on = bit_is_set(d, t, t->u.bits.id[k]);
        any |= on;
        all &= on;
    }
    bool holds = t->u.bits.all ? all : any;
    return t->u.bits.cmd == BITS_ISNOTSET ? !holds : holds;
}

static void bits_do(struct detect *d, const struct img_test *t)
{
    for (unsigned k = 0; k < t->u.bits.n; k++) {
        if (t->u.bits.scope == BITS_FLOW || t->u.bits.scope == BITS_TX)
            bit_put(d, t->u.bits.id[k], t->u.bits.cmd);
        else if (d->config.state)
            shared_bit(d, t, t->u.bits.id[k], t->u.bits.cmd);
    }
}

/* ------------------------------------------------------------------ flowint */

static struct flow_number *number_find(struct detect_flow *m, unsigned id)
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
    const struct flow_number *n = number_find(d->p->flow->detect, t->u.flowint.value_id);
    *v = n ? n->v : 0;
    return n != NULL;
}

bool flowint_test(struct detect *d, const struct img_test *t)
{
    if (!d->p->flow)
        return false;
    const struct flow_number *n = number_find(d->p->flow->detect, t->u.flowint.id);
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
    if (!m || !number_value(d, t, &v))
        return;
    struct flow_number *n = number_find(m, t->u.flowint.id);
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
        *n = (struct flow_number){.id = t->u.flowint.id};
    }
    if (t->u.flowint.op == '=')
        n->v = v;
    else if (t->u.flowint.op == '+')
        n->v += v;
    else
        n->v -= v;
}

/* ------------------------------------------------------------------ tags */

struct tag_row {
    uint64_t left, until_ns;
    uint32_t gid, sid, metric;
};

static int tag_set(void *ctx, struct state_row *row, bool fresh)
{
    (void)fresh;
    const struct tag_row *t = ctx;
    row->v[0] = t->left;
    row->v[1] = t->until_ns;
    row->v[2] = (uint64_t)t->gid << 32 | t->sid;
    row->v[3] = t->metric;
    row->expires_ns = t->metric == 1 ? t->until_ns : UINT64_MAX;
    return 1;
}

enum { TAG_PACKETS = 256 }; /* without a number, and at most */

static void tag_start(struct detect *d, const struct img_rule *r, const struct img_test *t)
{
    const struct test_tag *g = &t->u.tag;
    uint32_t count = g->count ? g->count : TAG_PACKETS;
    struct tag_row w = {.left = count, .gid = r->gid, .sid = r->sid, .metric = g->metric,
                        .until_ns = d->p->ts_ns + (uint64_t)count * 1000000000u};
    if (g->host) {
        struct state_key k;
        memset(&k, 0, sizeof(k));
        k.kind = STATE_TAG;
        k.a = g->dst ? d->p->dst : d->p->src;
        if (d->config.state)
            state_with(d->config.state, d->config.worker, d->p->number, d->p->ts_ns, &k, true, tag_set, &w);
        return;
    }
    struct detect_flow *m = d->p->flow ? flow_memory(d, d->p->flow) : NULL;
    if (!m)
        return;
    m->tag_on = 1;
    m->tag_number = d->p->number;
    m->tag_gid = w.gid;
    m->tag_sid = w.sid;
    m->tag_metric = g->metric;
    m->tag_left = w.left;
    m->tag_until_ns = w.until_ns;
}

static bool tag_use(uint64_t *left, uint64_t until_ns, unsigned metric, const struct packet *p)
{
    if (metric == 1)
        return p->ts_ns <= until_ns;
    uint64_t cost = metric == 0 ? 1 : p->ip_len;
    if (!*left)
        return false;
    *left = *left > cost ? *left - cost : 0;
    return true;
}

bool detect_tagged(struct detect *d, const struct packet *p, uint32_t *gid, uint32_t *sid)
{
    struct detect_flow *m = p->flow ? p->flow->detect : NULL;
    (void)d;
    if (!m || !m->tag_on)
        return false;
    if (m->tag_number == p->number)
        return false;
    if (!tag_use(&m->tag_left, m->tag_until_ns, m->tag_metric, p)) {
        m->tag_on = 0;
        return false;
    }
    *gid = m->tag_gid;
    *sid = m->tag_sid;
    return true;
}

/* ------------------------------------------------------------------ after a match */

void rule_post(struct detect *d, const struct img_rule *r, struct app_tx *tx)
{
    (void)tx;
    const struct img_test *t = &d->image->tests[r->post_first];
    for (unsigned k = 0; k < r->n_post; k++) {
        if (t[k].kind == TEST_BITS)
            bits_do(d, &t[k]);
        else if (t[k].kind == TEST_FLOWINT)
            flowint_do(d, &t[k]);
        else if (t[k].kind == TEST_TAG)
            tag_start(d, r, &t[k]);
    }
}
