/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Several workers of a sensor see what one would: frames go to workers by chance or as the fanout
 * has it, and what belongs to another one's flow (of an ICMP error, in a tunnel, rebuilt from
 * fragments) is judged there, once.
 */
#include "engine/engine_test.h"

#include "base/hash.h"
#include "base/ring.h"

#include <time.h>

enum { ENGINES = 3 };

struct crew {
    unsigned n;
    struct et t;
    struct overlay *overlay;
    struct engine_settings *settings;
    struct state *state;
    struct handover *handover;
    struct engine *e[ENGINES];
    struct rec_ring *ring[ENGINES];
    void *mem[ENGINES];
    uint64_t now_ns, number;
    struct engine_counters sum;
};

static const char rules[] = "alert udp any any -> any any (msg:\"u\"; content:\"marker\"; sid:1;)\n"
                            "alert tcp any any -> any any (msg:\"t\"; flow:established,to_server; "
                            "content:\"first second\"; sid:2;)\n"
                            "alert icmp any any -> any any (msg:\"e\"; itype:3; sid:3;)\n"
                            "alert udp any any -> any any (msg:\"r\"; flow:established,to_client; "
                            "content:\"reply\"; sid:4;)\n"
                            "alert ip any any -> any any (msg:\"b\"; flowbits:isset,x; sid:5;)\n"
                            "alert udp any any -> any any (msg:\"s\"; content:\"marker\"; "
                            "flowbits:set,x; noalert; sid:6;)\n";

static void crew_open(struct crew *c, unsigned n)
{
    size_t bytes = rec_ring_bytes(1 << 22);
    memset(c, 0, sizeof(*c));
    c->n = n;
    c->now_ns = 1700000000000000000ull;
    et_open(&c->t);
    c->overlay = et_overlay(&c->t, rules, 1);
    c->settings = engine_settings_new(c->t.conf, false, false, 1, &c->t.diags);
    struct state_config sc = {0};
    c->state = state_new(&sc);
    c->handover = n > 1 ? handover_new(n) : NULL;
    assert_true(c->settings && c->state && (n == 1 || c->handover));
    for (unsigned k = 0; k < n; k++) {
        c->mem[k] = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
        c->ring[k] = rec_ring_format(c->mem[k], bytes);
        struct engine_parts p = {.settings = c->settings,
                                 .overlay = c->overlay,
                                 .state = c->state,
                                 .ring = c->ring[k],
                                 .worker = k,
                                 .n_workers = n,
                                 .handover = c->handover};
        c->e[k] = engine_new(&p, &c->t.diags);
        assert_non_null(c->e[k]);
    }
}

static void crew_close(struct crew *c)
{
    struct engine_counters one;
    memset(&c->sum, 0, sizeof(c->sum));
    for (unsigned k = 0; k < c->n; k++) {
        engine_finish(c->e[k]);
        engine_counters(c->e[k], &one);
        engine_counters_add(&c->sum, &one);
        engine_free(c->e[k]);
        rec_ring_free(c->ring[k]);
        munmap(c->mem[k], rec_ring_bytes(1 << 22));
    }
    handover_free(c->handover);
    state_free(c->state);
    engine_settings_free(c->settings);
    overlay_close(c->overlay);
    et_close(&c->t);
}

/* All that waits among the workers. */
static void settle(struct crew *c)
{
    static struct burst room;
    bool more = c->n > 1;
    while (more) {
        more = false;
        for (unsigned k = 0; k < c->n; k++)
            more |= engine_take(c->e[k], UINT64_MAX, &room) > 0;
    }
}

static void frame_to(struct crew *c, unsigned worker, const uint8_t *p, size_t n)
{
    static struct burst b;
    uint8_t *exact = malloc(n);
    assert_non_null(exact);
    memcpy(exact, p, n);
    c->now_ns += 1000;
    b.n = 1;
    b.frame[0] = (struct frame){.data = exact,
                                .len = (uint32_t)n,
                                .wire_len = (uint32_t)n,
                                .ts_ns = c->now_ns,
                                .number = ++c->number,
                                .link = LINK_RAW};
    b.now_ns = c->now_ns;
    engine_burst(c->e[worker % c->n], &b, NULL);
    free(exact); /* whoever else must judge it has a copy */
    settle(c);
}

/* ------------------------------------------------------------------ traffic */

struct maker {
    struct crew *c;
    uint64_t seed;
    bool by_fanout;
};

static void emit(struct maker *m, const uint8_t *p, size_t n)
{
    unsigned w = (unsigned)(hash_mix(m->seed + m->c->number) % m->c->n);
    if (m->by_fanout) {
        struct ip_addr a = ip_from_v4(p + 12), b = ip_from_v4(p + 16);
        bool ports = (p[9] == IPPROTO_TCP || p[9] == IPPROTO_UDP) && !(be16_at(p + 6) & 0x3fff);
        w = capture_owner(4, &a, &b, ports ? be16_at(p + 20) : 0, ports ? be16_at(p + 22) : 0,
                          m->c->n);
    }
    frame_to(m->c, w, p, n);
}

enum way { PLAIN, IN_IPIP, IN_VXLAN, IN_PIECES, IN_VXLAN_IN_PIECES, PIECES_IN_IPIP, WAYS };

static size_t wrap(uint8_t *out, size_t room, const uint8_t *p, size_t n, bool vxlan,
                   unsigned tunnel)
{
    struct et_talk k = {.ver = 4,
                        .proto = IPPROTO_UDP,
                        .client = 900 + tunnel,
                        .server = 950 + tunnel,
                        .sp = 5555,
                        .dp = 4789};
    uint8_t data[4000] = {0};
    if (!vxlan) { /* the header of a datagram of that size, with another protocol */
        size_t len = et_packet(out, room, &k, 0, p, n);
        memmove(out + 20, out + 28, len - 28);
        out[9] = IPPROTO_IPIP;
        be16_put(out + 2, (uint16_t)(len - 8));
        be16_put(out + 10, 0);
        be16_put(out + 10, csum_inet(out, 20));
        return len - 8;
    }
    data[0] = 8;
    be16_put(data + 8 + 12, 0x0800);
    memcpy(data + 22, p, n);
    return et_packet(out, room, &k, 0, data, n + 22);
}

static void pieces(struct maker *m, const uint8_t *p, size_t n, bool in_ipip)
{
    static uint16_t id;
    uint8_t f[2000], o[2100];
    id++;
    for (size_t at = 20; at < n; at += 48) {
        size_t k = n - at < 48 ? n - at : 48;
        memcpy(f, p, 20);
        memcpy(f + 20, p + at, k);
        be16_put(f + 2, (uint16_t)(20 + k));
        be16_put(f + 4, id);
        be16_put(f + 6, (uint16_t)((at + k < n ? 0x2000 : 0) | (at - 20) / 8));
        be16_put(f + 10, 0);
        be16_put(f + 10, csum_inet(f, 20));
        if (in_ipip)
            emit(m, o, wrap(o, sizeof(o), f, k + 20, false, 3));
        else
            emit(m, f, k + 20);
    }
}

static void say(struct maker *m, enum way way, const struct et_talk *k, unsigned dir,
                const char *data)
{
    uint8_t p[2000], o[3000];
    size_t n = et_packet(p, sizeof(p), k, dir, data, strlen(data));
    switch (way) {
    case PLAIN:
        emit(m, p, n);
        break;
    case IN_IPIP:
        emit(m, o, wrap(o, sizeof(o), p, n, false, dir));
        break;
    case IN_VXLAN:
        emit(m, o, wrap(o, sizeof(o), p, n, true, dir));
        break;
    case IN_PIECES:
        pieces(m, p, n, false);
        break;
    case IN_VXLAN_IN_PIECES:
        pieces(m, o, wrap(o, sizeof(o), p, n, true, 7), false);
        break;
    case PIECES_IN_IPIP:
        pieces(m, p, n, true);
        break;
    case WAYS:
        break;
    }
}

/* A router says that what k sent is not wanted. */
static void unreachable(struct maker *m, const struct et_talk *k)
{
    uint8_t p[200], e[300];
    size_t n = et_packet(p, sizeof(p), k, 0, "marker quoted", 13);
    struct build_ip ip = et_ip(k, 1);
    ip.src = ip_from_v4("\x0a\xff\xff\x01");
    n = build_icmp_error(e, sizeof(e), &ip, 3, 1, 0, p, n);
    assert_true(n > 0);
    emit(m, e, n);
}

static void conversation(struct maker *m, unsigned i)
{
    uint64_t r = hash_mix(m->seed * 31 + i);
    struct et_talk u = {.ver = 4,
                        .proto = IPPROTO_UDP,
                        .client = 1 + i % 50,
                        .server = 200,
                        .sp = (uint16_t)(1024 + i),
                        .dp = 53000};
    struct et_talk t = u;
    say(m, (enum way)(r % WAYS), &u, 0,
        "a marker in a long enough text, so that it makes a few pieces of it .......");
    say(m, (enum way)(r >> 8 & 0xff) % WAYS, &u, 1,
        "the reply to it, also of some length, and more of it, and more of it ......");
    unreachable(m, &u);
    t.proto = IPPROTO_TCP;
    t.dp = 7000;
    t.seq = 1000;
    t.flags = TCP_SYN;
    say(m, (enum way)(r >> 16 & 0xff) % WAYS, &t, 0, "");
    t.seq = 5000;
    t.ack = 1001;
    t.flags = TCP_SYN | TCP_ACK;
    say(m, (enum way)(r >> 24 & 0xff) % WAYS, &t, 1, "");
    t.seq = 1001;
    t.ack = 5001;
    t.flags = TCP_ACK;
    say(m, PLAIN, &t, 0, "");
    say(m, (enum way)(r >> 32 & 0xff) % WAYS, &t, 0, "the first ");
    t.seq += 10;
    say(m, (enum way)(r >> 40 & 0xff) % WAYS, &t, 0, "second, and the rest of it");
    unreachable(m, &t);
    uint8_t noise[60] = {0x15, 1, 2, (uint8_t)i}; /* no IP */
    emit(m, noise, sizeof(noise));
}

static void run(struct crew *c, unsigned workers, bool by_fanout, uint64_t seed)
{
    struct maker m = {.c = c, .seed = seed, .by_fanout = by_fanout};
    crew_open(c, workers);
    for (unsigned i = 0; i < 150; i++)
        conversation(&m, i);
    crew_close(c);
}

static void as_one_worker(void **state)
{
    (void)state;
    uint64_t seed = (uint64_t)time(NULL);
    static struct crew one, many;
    printf("# seed %llu\n", (unsigned long long)seed);
    run(&one, 1, false, seed);
    assert_true(one.sum.alerts > 600);
    assert_int_equal(one.sum.handed_over, 0);
    for (unsigned by_fanout = 0; by_fanout < 2; by_fanout++)
        for (unsigned n = 2; n <= ENGINES; n++) {
            run(&many, n, by_fanout, seed);
            const struct engine_counters *a = &one.sum, *b = &many.sum;
            printf("# %u workers %s: %llu packets, %llu alerts, %llu handed over\n", n,
                   by_fanout ? "by fanout" : "by chance", (unsigned long long)b->packets,
                   (unsigned long long)b->alerts, (unsigned long long)b->handed_over);
            assert_int_equal(a->packets, b->packets);
            assert_int_equal(a->bytes, b->bytes);
            assert_int_equal(a->alerts, b->alerts);
            assert_int_equal(a->flow.total, b->flow.total);
            assert_int_equal(a->flow.tcp, b->flow.tcp);
            assert_int_equal(a->stream.sessions, b->stream.sessions);
            assert_int_equal(a->decode.pkts, b->decode.pkts);
            if (by_fanout) { /* else fragments are scattered, and what is rebuilt elsewhere is not
                                counted */
                assert_int_equal(a->decode.udp, b->decode.udp);
                assert_int_equal(a->decode.vxlan, b->decode.vxlan);
                assert_int_equal(a->decode.frag_ipv4_whole, b->decode.frag_ipv4_whole);
            }
            assert_int_equal(a->decode.invalid, b->decode.invalid);
            assert_int_equal(a->events, b->events);
            assert_int_equal(b->handover_lost, 0);
            assert_int_equal(b->handed_over, b->handed_in);
            assert_true(b->handed_over > 100);
        }
}

/* The hash of a flow table is seeded in a sensor: an error must find the flow nevertheless, on one
 * worker or two. */
static void icmp_errors_are_of_their_flow(void **state)
{
    (void)state;
    static struct crew c;
    for (unsigned workers = 1; workers <= 2; workers++) {
        struct maker m = {.c = &c, .by_fanout = true};
        struct engine_counters n;
        crew_open(&c, workers);
        for (unsigned i = 0; i < 20; i++) {
            struct et_talk u = {.ver = 4,
                                .proto = IPPROTO_UDP,
                                .client = 1,
                                .server = 2,
                                .sp = (uint16_t)(1000 + i),
                                .dp = 9};
            uint64_t alerts[2] = {0};
            say(&m, PLAIN, &u, 0, "a marker");
            for (unsigned k = 0; k < 2; k++) {
                for (unsigned w = 0; w < workers; w++) {
                    engine_counters(c.e[w], &n);
                    alerts[k] += n.alerts;
                }
                if (!k)
                    unreachable(&m, &u);
            }
            assert_int_equal(alerts[1] - alerts[0], 2); /* sid 3, and 5 by the flow's bit */
        }
        crew_close(&c);
        assert_int_equal(c.sum.flow.total, 20);
    }
}

/* Nobody takes: the ring takes what it can, the rest is counted, and the worker goes on. */
static void a_full_ring_is_counted(void **state)
{
    (void)state;
    static struct crew c;
    static struct burst b;
    uint8_t p[1200], data[1000] = "marker";
    struct et_talk k = {.ver = 4, .proto = IPPROTO_UDP, .client = 1, .server = 2, .dp = 99};
    struct engine_counters n;
    unsigned foreign = 0;
    crew_open(&c, 2);
    for (unsigned i = 0; i < 5000; i++) {
        k.sp = (uint16_t)(1000 + i);
        size_t len = et_packet(p, sizeof(p), &k, 0, data, sizeof(data));
        struct ip_addr x = ip_from_v4(p + 12), y = ip_from_v4(p + 16);
        foreign += capture_owner(4, &x, &y, k.sp, k.dp, 2) == 1;
        b.n = 1;
        b.frame[0] = (struct frame){.data = p,
                                    .len = (uint32_t)len,
                                    .wire_len = (uint32_t)len,
                                    .ts_ns = ++c.now_ns,
                                    .number = ++c.number,
                                    .link = LINK_RAW};
        engine_burst(c.e[0], &b, NULL);
    }
    assert_true(engine_rest(c.e[0]));
    assert_false(engine_rest(c.e[1])); /* something is there */
    settle(&c);
    assert_true(engine_rest(c.e[1]));
    engine_counters(c.e[0], &n);
    assert_true(n.handover_lost > 0 && n.handed_over > 500);
    assert_int_equal(n.handover_lost + n.handed_over, foreign);
    assert_int_equal(n.packets, 5000);
    crew_close(&c);
    assert_int_equal(c.sum.alerts, 2 * (5000 - n.handover_lost)); /* sid 1 and 5 */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_one_worker),
        cmocka_unit_test(icmp_errors_are_of_their_flow),
        cmocka_unit_test(a_full_ring_is_counted),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
