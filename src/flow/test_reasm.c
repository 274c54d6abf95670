/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reassembly against a naive model: random segments (overlapping, reordered, repeated,
 * contradicting) and acknowledgements, every policy, byte by byte.  The model holds the table of
 * who wins in its own words.  Set FLOW_TEST_SEED to repeat a run.
 */
#include "base/hash.h"
#include "flow/flow_test.h"

enum { SPACE = 400, SEGS = 64 };

static uint64_t rng;
static uint32_t rnd(uint32_t below)
{
    rng = rng * 6364136223846793005u + 1442695040888963407u;
    return (uint32_t)((rng >> 33) % below);
}

/* ---------------------------------------------------------------- the model */

struct seg {
    int s, e;
};
struct model {
    enum os_policy policy;
    bool ack_mode, first_wins;
    uint8_t byte[SPACE], have[SPACE];
    struct seg seg[SEGS * 4];
    int segs, app, acked;
};

/* One old segment against the new one: does the new byte count? */
static bool says_new(enum os_policy o, struct seg n, struct seg old)
{
    if (o == OS_FIRST || o == OS_VISTA)
        return false;
    if (o == OS_LAST)
        return true;
    bool solaris = o == OS_SOLARIS || o == OS_OLD_SOLARIS || o == OS_HPUX11;
    if (n.s > old.s)
        return solaris && n.e > old.e;
    if (n.s < old.s)
        return n.e >= old.e ? true : !solaris;
    if (n.e < old.e)
        return false;
    if (n.e == old.e)
        return solaris || o == OS_OLD_LINUX;
    return solaris || o == OS_OLD_LINUX || o == OS_LINUX;
}

static void model_contiguous(struct model *m)
{
    int edge = m->app;
    while (edge < SPACE && m->have[edge])
        edge++;
    if (m->ack_mode && edge > m->acked)
        edge = m->acked > m->app ? m->acked : m->app;
    m->app = edge;
}

static void model_segment(struct model *m, int s, int e, const uint8_t *data)
{
    struct seg n = {s < m->app ? m->app : s, e};
    if (n.s >= n.e)
        return;
    for (int x = n.s; x < n.e; x++) {
        bool wins = true;
        for (int i = 0; i < m->segs; i++)
            if (x >= m->seg[i].s && x < m->seg[i].e)
                wins = wins && !m->first_wins && says_new(m->policy, n, m->seg[i]);
        if (!m->have[x] || wins)
            m->byte[x] = data[x - s];
    }
    for (int x = n.s; x < n.e; x++)
        m->have[x] = 1;
    m->seg[m->segs++] = n;
    model_contiguous(m);
}

/* ---------------------------------------------------------------- the comparison */

struct run {
    struct world w;
    struct model m;
    uint32_t isn;
    uint64_t inspected; /* raw: all below was fresh once */
    uint8_t first[SPACE], first_have[SPACE];
};

static void look_raw(struct run *r)
{
    struct stream_view v;
    while (stream_raw(r->w.e, r->w.f, &r->w.p, 0, &v)) {
        assert_true(v.fresh < v.n);
        assert_int_equal(v.offset + v.fresh, r->inspected); /* no byte twice, none left out */
        assert_memory_equal(v.data, r->w.got[0].data + v.offset, v.n);
        r->inspected = v.offset + v.n;
        stream_raw_done(r->w.e, r->w.f, 0);
    }
}

static void send_segment(struct run *r, int s, int e)
{
    uint8_t *data =
        malloc((size_t)(e - s) ? (size_t)(e - s) : 1); /* exact: ASan sees any byte too many */
    for (int i = s; i < e; i++)
        data[i - s] = (uint8_t)(rnd(3) ? 'a' + (unsigned)i % 16 : 'A' + rnd(26));
    w_tcp(&r->w, 'c', "A", r->isn + 1 + (uint32_t)s, 5001, data, (uint32_t)(e - s));
    r->w.rewritten_n = 0;
    memcpy(r->w.rewritten, data, (size_t)(e - s));
    w_send(&r->w);
    model_segment(&r->m, s, e, data);
    if (r->w.sc.inline_mode)
        for (int i = s; i < e; i++) {
            if (!r->first_have[i]) {
                r->first[i] = data[i - s];
                r->first_have[i] = 1;
            }
            if (i >= r->m.acked) /* what the receiver already has, it does not read again */
                assert_int_equal(r->w.rewritten[i - s], r->first[i]);
        }
    free(data);
}

static void compare(struct run *r, int upto)
{
    const struct got *g = &r->w.got[0];
    assert_int_equal(g->n, upto);
    assert_memory_equal(g->data, r->m.byte, (size_t)upto);
    assert_int_equal(g->gaps, 0);
}

static void one_run(const struct stream_config *sc, enum os_policy policy, uint64_t seed)
{
    struct run *r = calloc(1, sizeof(*r));
    rng = seed;
    w_init(&r->w, sc, NULL);
    r->isn = rnd(2) ? (uint32_t) - (int32_t)rnd(SPACE) : rnd(UINT32_MAX);
    r->m.policy = policy;
    r->m.ack_mode = sc->inspect == INSPECT_ON_ACK;
    r->m.first_wins = sc->inline_mode;
    w_seg(&r->w, 'c', "S", r->isn, 0, "");
    w_seg(&r->w, 's', "SA", 5000, r->isn + 1, "");
    w_seg(&r->w, 'c', "A", r->isn + 1, 5001, "");
    int top = 0;
    for (unsigned i = 0; i < SEGS; i++) {
        int s = (int)rnd(60) + (int)i * 4 - 30, e;
        s = s < 0 ? 0 : s;
        if (!rnd(4))
            s = r->m.app;
        e = s + 1 + (int)rnd(rnd(4) ? 12 : 60);
        e = e > SPACE ? SPACE : e;
        send_segment(r, s, e);
        top = e > top ? e : top;
        if (!rnd(3)) { /* acknowledge some of what is contiguous */
            int edge = r->m.acked;
            while (edge < SPACE && r->m.have[edge])
                edge++;
            r->m.acked += (int)rnd((uint32_t)(edge - r->m.acked) + 1);
            w_seg(&r->w, 's', "A", 5001, r->isn + 1 + (uint32_t)r->m.acked, "");
            model_contiguous(&r->m);
        }
        compare(r, r->m.app);
        if (sc->raw)
            look_raw(r);
    }
    /* the end: what is there, over holes */
    uint8_t expect[2 * SPACE];
    int n = r->m.app, holes = 0;
    memcpy(expect, r->m.byte, (size_t)n);
    for (int x = r->m.app; x < top; x++) {
        expect[n++] = (uint8_t)(r->m.have[x] ? r->m.byte[x] : '?');
        holes += !r->m.have[x];
    }
    stream_flush(r->w.e, r->w.f, &r->w.sink);
    assert_int_equal(r->w.got[0].n, n);
    assert_memory_equal(r->w.got[0].data, expect, (size_t)n);
    assert_int_equal(r->w.got[0].gap_bytes, holes);
    assert_int_equal(r->w.got[0].eofs, 1);
    assert_int_equal(r->w.f->acked_unseen[0], 0);
    w_done(&r->w);
    free(r);
}

static enum os_policy policy_now;
static enum os_policy os_now(void *ctx, uint8_t ver, const struct ip_addr *dst)
{
    (void)ctx;
    assert_int_equal(ver, 4);
    assert_true(dst->b[15] == 1 || dst->b[15] == 2);
    return policy_now;
}

static void against_model(struct stream_config sc, unsigned rounds)
{
    uint64_t seed;
    const char *set = getenv("FLOW_TEST_SEED");
    assert_int_equal(random_bytes(&seed, sizeof(seed)), 0);
    if (set)
        seed = strtoull(set, NULL, 0);
    print_message("# FLOW_TEST_SEED=%llu\n", (unsigned long long)seed);
    sc.os = os_now;
    for (unsigned p = 0; p < OS_POLICIES; p++) {
        policy_now = (enum os_policy)p;
        for (unsigned i = 0; i < rounds; i++)
            one_run(&sc, policy_now, seed + i);
    }
}

static void model_on_arrival(void **state)
{
    (void)state;
    against_model((struct stream_config){.inspect = INSPECT_ON_ARRIVAL}, 40);
}
static void model_on_ack(void **state)
{
    (void)state;
    against_model((struct stream_config){.inspect = INSPECT_ON_ACK}, 40);
}
static void model_arrival_raw(void **state)
{
    (void)state;
    against_model(
        (struct stream_config){.inspect = INSPECT_ON_ARRIVAL, .raw = true, .chunk_bytes = {32, 32}},
        40);
}
static void model_ack_raw(void **state)
{
    (void)state;
    against_model(
        (struct stream_config){.inspect = INSPECT_ON_ACK, .raw = true, .chunk_bytes = {32, 32}},
        40);
}
static void model_inline(void **state)
{
    (void)state;
    against_model((struct stream_config){.inline_mode = true, .raw = true, .chunk_bytes = {16, 16}},
                  20);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(model_on_arrival),  cmocka_unit_test(model_on_ack),
        cmocka_unit_test(model_arrival_raw), cmocka_unit_test(model_ack_raw),
        cmocka_unit_test(model_inline),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
