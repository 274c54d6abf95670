/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The flow table: keys, directions, ICMP, timeouts, emergency, caps, order of ends. */
#include "flow/flow_test.h"

static struct packet *udp(struct packet *p, unsigned src, unsigned dst, uint16_t sp, uint16_t dp,
                          uint64_t ts)
{
    memset(p, 0, sizeof(*p));
    p->src = w_addr(src);
    p->dst = w_addr(dst);
    p->sp = sp;
    p->dp = dp;
    p->proto = IPPROTO_UDP;
    p->ver = 4;
    p->flags = PKT_UDP | PKT_WANTS_FLOW;
    p->ttl = 64;
    p->seg_n = 1;
    p->ip_len = 100;
    p->ts_ns = ts;
    p->number = 1;
    return p;
}

static struct packet *icmp(struct packet *p, unsigned src, unsigned dst, uint8_t type, uint64_t ts)
{
    udp(p, src, dst, 0, 0, ts);
    p->proto = IPPROTO_ICMP;
    p->flags = PKT_ICMP | PKT_WANTS_FLOW;
    p->icmp_type = type;
    return p;
}

struct ends {
    unsigned n;
    uint64_t number[4096];
    uint8_t why[4096];
    bool emergency[4096];
};
static void note_end(void *ctx, struct flow *f)
{
    struct ends *e = ctx;
    assert_true(e->n < ARRAY_LEN(e->number));
    assert_int_equal(f->live, 1);
    e->emergency[e->n] = f->emergency;
    e->why[e->n] = f->end;
    e->number[e->n++] = f->first_number;
}

static struct flow *get(struct flow_table *t, struct packet *p)
{
    struct exception exc;
    struct flow *f = flow_get(t, p, &exc, NULL, NULL);
    if (f)
        assert_int_equal(exc.target, EXCEPTION_NONE);
    assert_ptr_equal(p->flow, f);
    return f;
}

static struct flow_table *table(void)
{
    struct flow_config fc = w_flow_config();
    struct flow_table *t = flow_table_new(&fc);
    assert_non_null(t);
    return t;
}

static void both_directions(void **state)
{
    (void)state;
    struct flow_table *t = table();
    struct packet a, b;
    struct flow *f = get(t, udp(&a, 1, 2, 5000, 53, 10 * SEC));
    assert_non_null(f);
    assert_int_equal(a.dir, 0);
    assert_true(a.flags & PKT_FLOW_NEW && a.flags & PKT_FIRST_OF_FLOW_DIR);
    assert_false(a.flags & PKT_STREAM_EST);
    assert_string_equal(flow_state_name(f), "new");
    assert_true(f->id && f->id < UINT64_C(1) << 53);
    b = *udp(&b, 2, 1, 53, 5000, 11 * SEC);
    b.ttl = 57;
    assert_ptr_equal(get(t, &b), f);
    assert_int_equal(b.dir, 1);
    assert_true(b.flags & PKT_FIRST_OF_FLOW_DIR && b.flags & PKT_STREAM_EST);
    assert_false(b.flags & PKT_FLOW_NEW);
    assert_string_equal(flow_state_name(f), "established");
    assert_int_equal(f->timeout_s, 300);
    assert_ptr_equal(get(t, udp(&a, 1, 2, 5000, 53, 12 * SEC)), f);
    assert_false(a.flags & PKT_FIRST_OF_FLOW_DIR);
    assert_int_equal(f->pkts[0], 2);
    assert_int_equal(f->pkts[1], 1);
    assert_int_equal(f->bytes[0], 200);
    assert_int_equal(f->ttl[1], 57);
    assert_int_equal(f->last_ns, 12 * SEC);
    assert_ptr_equal(flow_find(t, &b), f);
    assert_int_equal(flow_counters(t)->udp, 1);
    flow_swap(f);
    assert_int_equal(f->pkts[1], 2);
    assert_int_equal(f->port[0], 53);
    assert_ptr_equal(get(t, udp(&a, 1, 2, 5000, 53, 12 * SEC)), f);
    assert_int_equal(a.dir, 1);
    flow_end_all(t, NULL, NULL);
    flow_table_free(t);
}

static void what_makes_a_flow(void **state)
{
    (void)state;
    struct flow_table *t = table();
    struct packet p;
    struct flow *f = get(t, udp(&p, 1, 2, 5000, 53, SEC));
    udp(&p, 1, 2, 5001, 53, SEC);
    assert_ptr_not_equal(get(t, &p), f);
    udp(&p, 1, 3, 5000, 53, SEC);
    assert_ptr_not_equal(get(t, &p), f);
    udp(&p, 1, 2, 53, 5000,
        SEC); /* not the other direction: the ports are crossed, the addresses not */
    assert_ptr_not_equal(get(t, &p), f);
    udp(&p, 1, 2, 5000, 53, SEC);
    p.proto = IPPROTO_SCTP;
    p.flags = PKT_SCTP | PKT_WANTS_FLOW;
    assert_ptr_not_equal(get(t, &p), f);
    udp(&p, 1, 2, 5000, 53, SEC);
    p.vlan_n = 1;
    p.vlan[0] = 7;
    assert_ptr_not_equal(get(t, &p), f);
    udp(&p, 1, 2, 5000, 53, SEC);
    p.ver = 6; /* mapped addresses on the wire are others */
    assert_ptr_not_equal(get(t, &p), f);
    static const uint32_t none[] = {PKT_FRAGMENT, PKT_IGNORE, PKT_L3_BROKEN, PKT_L4_BROKEN};
    for (size_t i = 0; i < ARRAY_LEN(none); i++) {
        udp(&p, 1, 2, 5000, 53, SEC);
        p.flags |= none[i];
        assert_null(get(t, &p));
    }
    udp(&p, 1, 2, 0, 0, SEC);
    p.proto = IPPROTO_GRE; /* carries others' flows and has none itself */
    p.flags = 0;
    assert_null(get(t, &p));
    assert_int_equal(flow_counters(t)->active, 7);
    flow_end_all(t, NULL, NULL);
    flow_table_free(t);

    struct flow_config fc = w_flow_config();
    fc.vlan_in_key = false;
    t = flow_table_new(&fc);
    f = get(t, udp(&p, 1, 2, 5000, 53, SEC));
    udp(&p, 1, 2, 5000, 53, SEC);
    p.vlan_n = 1;
    p.vlan[0] = 7;
    assert_ptr_equal(get(t, &p), f);
    flow_table_free(t);
}

static void icmp_flows(void **state)
{
    (void)state;
    struct flow_table *t = table();
    struct packet p;
    struct flow *f = get(t, icmp(&p, 1, 2, 8, SEC));
    assert_int_equal(f->port[0], 8);
    assert_int_equal(f->port[1], 0);
    assert_ptr_equal(get(t, icmp(&p, 2, 1, 0, SEC)), f);
    assert_int_equal(p.dir, 1);
    assert_int_equal(f->state, FLOW_ESTABLISHED);
    assert_ptr_not_equal(get(t, icmp(&p, 2, 1, 8, SEC)), f); /* pings back: its own flow */
    struct flow *lone = get(t, icmp(&p, 3, 4, 0, SEC));      /* an answer first */
    assert_int_equal(p.dir, 0);
    assert_ptr_equal(get(t, icmp(&p, 4, 3, 8, SEC)), lone);
    assert_int_equal(p.dir, 0); /* who asks is the client */
    assert_int_equal(lone->port[0], 8);
    assert_true(ip_eq(&lone->addr[0], &p.src));
    flow_end_all(t, NULL, NULL);
    flow_table_free(t);
}

/* An error about a packet of the client comes from the server's side, and the other way round. */
static void icmp_errors(void **state)
{
    (void)state;
    struct flow_table *t = table();
    struct packet p;
    struct flow *f = get(t, udp(&p, 1, 2, 5000, 53, SEC));
    for (unsigned back = 0; back < 2; back++) {
        icmp(&p, back ? 1 : 9, back ? 2 : 1, 3, 2 * SEC); /* a router may send it */
        p.quote = (struct icmp_quote){.have = true, .ver = 4, .proto = IPPROTO_UDP};
        p.quote.src = w_addr(back ? 2 : 1);
        p.quote.dst = w_addr(back ? 1 : 2);
        p.quote.sp = back ? 53 : 5000;
        p.quote.dp = back ? 5000 : 53;
        assert_ptr_equal(get(t, &p), f);
        assert_int_equal(p.dir, back ? 0 : 1);
        assert_int_equal(f->state, FLOW_NEW); /* an error is no answer */
        assert_int_equal(f->pkts[0], 1 + back); /* but a packet of the flow, on its way */
        assert_int_equal(f->pkts[1], 1);
        assert_int_equal(f->last_ns, 2 * SEC);
    }
    icmp(&p, 9, 1, 3, 2 * SEC);
    p.quote = (struct icmp_quote){.have = true, .ver = 4, .proto = IPPROTO_UDP, .sp = 1, .dp = 2};
    assert_null(get(t, &p)); /* of a packet that nobody sent */
    assert_int_equal(flow_counters(t)->active, 1);
    flow_end_all(t, NULL, NULL);
    flow_table_free(t);
}

static void timeouts(void **state)
{
    (void)state;
    struct flow_table *t = table();
    struct packet p;
    struct ends e = {0};
    get(t, udp(&p, 1, 2, 5000, 53, 100 * SEC));
    flow_tick(t, 129 * SEC, note_end, &e);
    assert_int_equal(e.n, 0);
    get(t, udp(&p, 1, 2, 5000, 53, 129 * SEC)); /* only moves last_ns */
    flow_tick(t, 131 * SEC, note_end, &e);
    flow_tick(t, 158 * SEC, note_end, &e);
    assert_int_equal(e.n, 0);
    get(t, udp(&p, 2, 1, 53, 5000, 158 * SEC)); /* established: 300 s */
    flow_tick(t, 457 * SEC, note_end, &e);
    assert_int_equal(e.n, 0);
    flow_tick(t, 458 * SEC, note_end, &e);
    assert_int_equal(e.n, 1);
    assert_int_equal(e.why[0], FLOW_END_TIMEOUT);
    /* without a tick: the packet itself finds that its flow's time is over */
    struct flow *old = get(t, udp(&p, 1, 2, 5000, 53, 500 * SEC));
    uint64_t id = old->id;
    struct exception exc;
    udp(&p, 1, 2, 5000, 53, 530 * SEC);
    struct flow *f = flow_get(t, &p, &exc, note_end, &e);
    assert_int_equal(e.n, 2);
    assert_true(f->id != id && p.flags & PKT_FLOW_NEW);
    assert_int_equal(flow_counters(t)->end_timeout, 2);
    /* a clock that leaps: no loop over the missing years */
    flow_tick(t, UINT64_C(4000000000) * SEC, note_end, &e);
    assert_int_equal(e.n, 3);
    /* and one that runs back: nothing ends early */
    f = get(t, udp(&p, 1, 2, 5000, 53, 600 * SEC));
    assert_int_equal(f->first_ns, 600 * SEC);
    flow_tick(t, UINT64_C(4000000020) * SEC, note_end, &e);
    assert_int_equal(e.n, 3);
    assert_ptr_equal(get(t, udp(&p, 1, 2, 5000, 53, 601 * SEC)), f);
    flow_tick(t, UINT64_C(4000000032) * SEC, note_end, &e);
    assert_int_equal(e.n, 4);
    flow_table_free(t);
}

static void time_zero(void **state)
{
    (void)state;
    struct flow_table *t = table();
    struct packet p;
    struct ends e = {0};
    get(t, udp(&p, 1, 2, 5000, 53, 0));
    flow_tick(t, 29 * SEC, note_end, &e);
    assert_int_equal(e.n, 0);
    flow_tick(t, 30 * SEC, note_end, &e);
    assert_int_equal(e.n, 1);
    flow_table_free(t);
}

static void long_timeouts(void **state)
{
    (void)state;
    struct flow_config fc = w_flow_config();
    fc.udp.s[FLOW_NEW] = 100000; /* beyond the wheel */
    struct flow_table *t = flow_table_new(&fc);
    struct packet p;
    struct ends e = {0};
    get(t, udp(&p, 1, 2, 5000, 53, 5 * SEC));
    for (uint64_t s = 6; s < 100005; s += 97) {
        flow_tick(t, s * SEC, note_end, &e);
        assert_int_equal(e.n, 0);
    }
    flow_tick(t, 100005 * SEC, note_end, &e);
    assert_int_equal(e.n, 1);
    flow_table_free(t);
}

/* One table or four, the ends come in one order. */
static void order_of_ends(void **state)
{
    (void)state;
    enum { N = 500 };
    static struct ends one, four;
    memset(&one, 0, sizeof(one));
    memset(&four, 0, sizeof(four));
    struct flow_table *t[5];
    for (unsigned i = 0; i < 5; i++)
        t[i] = table();
    struct packet p;
    uint64_t ids[N];
    for (unsigned i = 0; i < N; i++) {
        uint64_t ts = 1000 * SEC + (i * 7919 % N) * (SEC / 50);
        udp(&p, i, 2000, 5000, 53, ts);
        p.number = i + 1;
        ids[i] = get(t[0], &p)->id;
        udp(&p, i, 2000, 5000, 53, ts);
        p.number = i + 1;
        assert_int_equal(get(t[1 + i % 4], &p)->id, ids[i]);
    }
    for (uint64_t s = 1000; s < 1060; s += 5) {
        flow_tick(t[0], s * SEC, note_end, &one);
        /* what the workers' tables end at one time, merged by expiry and number, is the same list
         */
        unsigned from = four.n;
        for (unsigned k = 1; k < 5; k++)
            flow_tick(t[k], s * SEC, note_end, &four);
        for (unsigned a = from; a < four.n; a++)
            for (unsigned b = a + 1; b < four.n; b++) {
                uint64_t x = (four.number[a] - 1) * 7919 % N, y = (four.number[b] - 1) * 7919 % N;
                if (y < x) {
                    uint64_t m = four.number[a];
                    four.number[a] = four.number[b];
                    four.number[b] = m;
                }
            }
    }
    assert_int_equal(one.n, N);
    assert_int_equal(four.n, N);
    assert_memory_equal(one.number, four.number, N * sizeof(uint64_t));
    for (unsigned i = 0; i < 5; i++)
        flow_table_free(t[i]);
    /* the shutdown ends by number */
    struct flow_table *s = table();
    one.n = 0;
    for (unsigned i = 0; i < N; i++) {
        udp(&p, i, 2000, 5000, 53, SEC);
        p.number = i * 7919 % N;
        get(s, &p);
    }
    flow_end_all(s, note_end, &one);
    for (unsigned i = 0; i < N; i++) {
        assert_int_equal(one.number[i], i);
        assert_int_equal(one.why[i], FLOW_END_SHUTDOWN);
    }
    assert_int_equal(flow_counters(s)->active, 0);
    flow_table_free(s);
}

static void emergency(void **state)
{
    (void)state;
    static struct ends e;
    memset(&e, 0, sizeof(e));
    struct flow_config fc = w_flow_config();
    fc.max_flows = 100;
    struct flow_table *t = flow_table_new(&fc);
    struct packet p;
    struct exception exc;
    for (unsigned i = 0; i < 100; i++) {
        udp(&p, i, 2000, 5000, 53, 1000 * SEC + i);
        p.number = i + 1;
        get(t, &p);
    }
    assert_int_equal(flow_counters(t)->emergency_entered, 0);
    udp(&p, 100, 2000, 5000, 53, 1001 * SEC);
    assert_non_null(flow_get(t, &p, &exc, note_end, &e)); /* another one goes for it */
    assert_int_equal(e.n, 1);
    assert_int_equal(e.why[0], FLOW_END_FORCED);
    assert_true(e.emergency[0]);
    assert_int_equal(flow_counters(t)->emergency_entered, 1);
    assert_int_equal(flow_counters(t)->get_used, 1);
    flow_tick(t, 1009 * SEC, note_end, &e);
    assert_int_equal(e.n, 1);
    flow_tick(t, 1011 * SEC, note_end, &e); /* 10 s, not 30 */
    assert_true(e.n >= 100);
    assert_true(e.emergency[50]);
    flow_tick(t, 1012 * SEC, note_end, &e);
    assert_int_equal(flow_counters(t)->emergency_over, 1);
    unsigned n = e.n;
    get(t, udp(&p, 1, 2, 5000, 53, 1012 * SEC));
    flow_tick(t, 1040 * SEC, note_end, &e);
    assert_true(flow_counters(t)->active == 1 && e.n >= n);
    flow_end_all(t, note_end, &e);
    flow_table_free(t);
}

/* Attackers' half-open flows go before established ones. */
static void eviction_spares_the_established(void **state)
{
    (void)state;
    static struct ends e;
    memset(&e, 0, sizeof(e));
    struct flow_config fc = w_flow_config();
    fc.max_flows = 64;
    struct flow_table *t = flow_table_new(&fc);
    struct packet p;
    struct exception exc;
    for (unsigned i = 0; i < 10; i++) {
        get(t, udp(&p, i, 2000, 5000, 53, 1000 * SEC));
        get(t, udp(&p, 2000, i, 53, 5000, 1000 * SEC));
    }
    for (unsigned i = 100; i < 1100; i++) {
        udp(&p, i, 2000, 6000, 53, 1001 * SEC + i);
        p.number = i;
        assert_non_null(flow_get(t, &p, &exc, note_end, &e));
    }
    assert_int_equal(flow_counters(t)->active, 64);
    for (unsigned i = 0; i < e.n; i++)
        assert_true(e.number[i] >= 100);
    for (unsigned i = 0; i < 10; i++)
        assert_non_null(flow_find(t, udp(&p, i, 2000, 5000, 53, 1001 * SEC)));
    flow_table_free(t);
}

static void memcap(void **state)
{
    (void)state;
    struct flow_config fc = w_flow_config();
    fc.memcap_bytes = 1024 * 4 + 300 * 1024;
    fc.memcap_policy = EXCEPTION_DROP_PACKET;
    struct flow_table *t = flow_table_new(&fc);
    static struct ends e;
    memset(&e, 0, sizeof(e));
    struct packet p;
    struct exception exc;
    for (unsigned i = 0; i < 3000; i++) {
        udp(&p, i, 2000, 5000, 53, 1000 * SEC + i);
        struct flow *f = flow_get(t, &p, &exc, note_end, &e);
        assert_non_null(f);
    }
    assert_true(flow_counters(t)->memuse_bytes <= fc.memcap_bytes);
    assert_true(flow_counters(t)->active + e.n == 3000);
    assert_true(flow_counters(t)->emergency_entered >= 1);
    flow_table_free(t);
}

static bool count_all(void *ctx, struct flow *f)
{
    (void)f;
    ++*(unsigned *)ctx;
    return true;
}

static bool count_some(void *ctx, struct flow *f)
{
    unsigned *n = ctx;
    assert_int_equal(f->live, 1);
    return ++*n < 5;
}

static void walk_and_elephants(void **state)
{
    (void)state;
    struct flow_config fc = w_flow_config();
    fc.elephant_bytes = 250;
    struct flow_table *t = flow_table_new(&fc);
    struct packet p;
    struct flow *f = NULL;
    for (unsigned i = 0; i < 4; i++)
        f = get(t, udp(&p, 1, 2, 5000, 53, SEC));
    assert_true(f->flags & FLOW_ELEPHANT_TO_SERVER);
    assert_int_equal(flow_counters(t)->elephant, 1);
    for (unsigned i = 0; i < 10; i++)
        get(t, udp(&p, 100 + i, 2, 5000, 53, SEC));
    unsigned n = 0;
    flow_each(t, count_some, &n);
    assert_int_equal(n, 5);
    unsigned walked = 0, pieces = 0;
    uint32_t at = 0;
    while (flow_walk(t, &at, 3, count_all, &walked))
        pieces++;
    assert_int_equal(walked, 11);
    assert_true(pieces > 2);
    assert_false(flow_walk(t, &at, 3, count_all, &walked));
    assert_int_equal(walked, 11);
    f->flags |= FLOW_BYPASS;
    get(t, udp(&p, 1, 2, 5000, 53, SEC));
    assert_string_equal(flow_state_name(f), "bypassed");
    assert_int_equal(f->timeout_s, 100);
    flow_table_free(t);
}

/* Random arrivals, sizes of steps and timeouts against a plain array. */
static void wheel_against_array(void **state)
{
    (void)state;
    enum { N = 300 };
    struct flow_table *t = table();
    uint64_t last[N] = {0}, now = 5000, timeout[N];
    bool live[N] = {false}, back[N] = {false};
    static struct ends e;
    uint32_t r = 12345;
    for (unsigned step = 0; step < 3000; step++) {
        r = r * 1664525 + 1013904223;
        now += (r >> 16) % 8;
        e.n = 0;
        flow_tick(t, now * SEC, note_end, &e);
        unsigned over = 0;
        for (unsigned i = 0; i < N; i++)
            if (live[i] && last[i] + timeout[i] <= now) {
                live[i] = back[i] = false;
                over++;
            }
        assert_int_equal(e.n, over);
        for (unsigned k = 0; k < 4; k++) {
            r = r * 1664525 + 1013904223;
            unsigned i = (r >> 8) % N;
            bool answer = live[i] && (r >> 20) % 4 == 0;
            struct packet p;
            udp(&p, answer ? 2000 : i, answer ? i : 2000, answer ? 53 : 5000, answer ? 5000 : 53,
                now * SEC);
            assert_non_null(get(t, &p));
            assert_int_equal(!!(p.flags & PKT_FLOW_NEW), !live[i]);
            back[i] |= answer;
            live[i] = true;
            last[i] = now;
            timeout[i] = back[i] ? 300 : 30;
        }
    }
    flow_table_free(t);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(both_directions),
        cmocka_unit_test(what_makes_a_flow),
        cmocka_unit_test(icmp_flows),
        cmocka_unit_test(icmp_errors),
        cmocka_unit_test(timeouts),
        cmocka_unit_test(time_zero),
        cmocka_unit_test(long_timeouts),
        cmocka_unit_test(order_of_ends),
        cmocka_unit_test(emergency),
        cmocka_unit_test(eviction_spares_the_established),
        cmocka_unit_test(memcap),
        cmocka_unit_test(walk_and_elephants),
        cmocka_unit_test(wheel_against_array),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
