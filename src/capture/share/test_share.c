/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Whose frame: the kernel's programs, run by BPF_PROG_TEST_RUN on random frames, against a naive
 * search in C; and the worker that the group's program chooses against capture_owner.  Needs BPF;
 * skipped (77) without.  Tags that the kernel takes off can't be given to such a run:
 * tests/live/vips has them.
 */
#include "capture/share/share.h"

#include "base/clock.h"
#include "base/hash.h"
#include "capture/capture.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

enum { MEMBERS = 6, NETS = 40, FRAMES = 4000, LO = 1 };

struct net {
    struct ip_prefix p;
    unsigned member;
};
struct world {
    struct share *s;
    struct arena arena;
    struct diags d;
    struct net net[NETS];
    unsigned n, rest, by[MEMBERS][MEMBERS];
    uint64_t random;
};

static uint64_t rnd(struct world *w, uint64_t below)
{
    w->random = hash_mix(w->random + 0x9e3779b97f4a7c15u);
    return w->random % below;
}

/* Few different bytes, so that networks and frames meet. */
static struct ip_addr address(struct world *w, uint8_t ver)
{
    uint8_t b[16] = {0x20, 0x01, 0x0d, 0xb8};
    for (unsigned i = ver == 4 ? 0 : 4; i < (ver == 4 ? 4u : 16u); i++)
        b[i] = (uint8_t)(rnd(w, 3) * 85);
    return ver == 4 ? ip_from_v4(b) : ip_from_v6(b);
}

static struct ip_prefix network(struct world *w)
{
    uint8_t ver = rnd(w, 2) ? 4 : 6, bits = (uint8_t)(ver == 4 ? rnd(w, 33) : 32 + rnd(w, 97));
    struct ip_addr a = address(w, ver);
    unsigned from = ver == 4 ? 96 : 0;
    for (unsigned i = from + bits; i < 128; i++)
        a.b[i / 8] &= (uint8_t) ~(0x80 >> i % 8);
    return (struct ip_prefix){.addr = a, .ver = ver, .bits = bits};
}

static unsigned naive_net(const struct world *w, uint8_t ver, const struct ip_addr *a)
{
    unsigned best = UINT32_MAX, bits = 0;
    for (unsigned i = 0; i < w->n; i++)
        if (w->net[i].p.ver == ver && ip_prefix_has(&w->net[i].p, ver, a) &&
            (best == UINT32_MAX || w->net[i].p.bits > bits)) {
            best = w->net[i].member;
            bits = w->net[i].p.bits;
        }
    return best;
}

static unsigned naive(const struct world *w, uint8_t ver, const struct ip_addr *s,
                      const struct ip_addr *d)
{
    unsigned a = naive_net(w, ver, s), b = naive_net(w, ver, d);
    if (a == UINT32_MAX && b == UINT32_MAX)
        return w->rest;
    if (a == UINT32_MAX || b == UINT32_MAX || a == b)
        return a == UINT32_MAX ? b : a;
    return w->by[a < b ? a : b][a < b ? b : a];
}

/* What a program says of a frame. */
static uint32_t run(int program, const uint8_t *frame, size_t n)
{
    LIBBPF_OPTS(bpf_test_run_opts, o, .data_in = frame, .data_size_in = (uint32_t)n, .repeat = 1);
    assert_int_equal(bpf_prog_test_run_opts(program, &o), 0);
    return o.retval;
}

struct made {
    uint8_t b[128];
    size_t n;
    struct ip_addr src, dst;
    uint8_t ver;
    uint16_t sp, dp; /* as capture_owner wants them */
};

static void put16(struct made *f, uint16_t v)
{
    f->b[f->n++] = (uint8_t)(v >> 8);
    f->b[f->n++] = (uint8_t)v;
}

static struct made make(struct world *w)
{
    struct made f = {.ver = rnd(w, 2) ? 4 : 6};
    static const uint8_t protos[] = {6, 17, 132, 1, 47};
    uint8_t proto = protos[rnd(w, 5)];
    bool fragment = f.ver == 4 && !rnd(w, 6), pppoe = !rnd(w, 4);
    unsigned options = f.ver == 4 ? (unsigned)rnd(w, 3) * 4 : 0;
    uint16_t type = f.ver == 4 ? 0x0800 : 0x86dd;
    f.src = address(w, f.ver);
    f.dst = address(w, f.ver);
    f.n = 12;
    if (pppoe) {
        put16(&f, 0x8864);
        f.n += 6;
        put16(&f, f.ver == 4 ? 0x21 : 0x57);
    } else {
        put16(&f, type);
    }
    uint8_t *ip = f.b + f.n;
    if (f.ver == 4) {
        ip[0] = (uint8_t)(0x45 + options / 4);
        ip[6] = fragment ? 0x20 : 0;
        ip[9] = proto;
        memcpy(ip + 12, f.src.b + 12, 4);
        memcpy(ip + 16, f.dst.b + 12, 4);
        f.n += 20 + options;
    } else {
        ip[0] = 0x60;
        ip[6] = proto;
        memcpy(ip + 8, f.src.b, 16);
        memcpy(ip + 24, f.dst.b, 16);
        f.n += 40;
    }
    uint16_t sp = (uint16_t)rnd(w, 65536), dp = (uint16_t)rnd(w, 65536);
    put16(&f, sp);
    put16(&f, dp);
    f.n += 16;
    if (!fragment && (proto == 6 || proto == 17 || proto == 132)) {
        f.sp = sp;
        f.dp = dp;
    }
    return f;
}

static struct world world(void)
{
    struct world w = {.rest = MEMBERS - 1, .random = clock_wall_ns()};
    const char *port = "lo";
    arena_init(&w.arena, 0, 0);
    diags_init(&w.d, &w.arena);
    print_message("seed %llu\n", (unsigned long long)w.random);
    w.s = share_new(&port, 1, false, &w.d);
    return w;
}

static void claims_of(struct world *w)
{
    unsigned by = 99;
    for (unsigned k = 0; k < NETS; k++) {
        struct net x = {.p = network(w), .member = (unsigned)rnd(w, MEMBERS - 1)};
        int rc = share_claim_net(w->s, x.member, SHARE_VLAN_ANY, &x.p.addr, x.p.ver, x.p.bits, &by);
        bool known = false;
        for (unsigned i = 0; i < w->n; i++)
            if (w->net[i].p.ver == x.p.ver && w->net[i].p.bits == x.p.bits &&
                ip_eq(&w->net[i].p.addr, &x.p.addr)) {
                known = true;
                assert_int_equal(rc, w->net[i].member == x.member ? 0 : -EEXIST);
                assert_int_equal(by, w->net[i].member);
            }
        if (!known) {
            assert_int_equal(rc, 0);
            w->net[w->n++] = x;
        }
    }
    assert_int_equal(share_claim_rest(w->s, w->rest, &by), 0);
    assert_int_equal(share_claim_rest(w->s, 0, &by), -EEXIST);
    assert_int_equal(by, w->rest);
    for (unsigned a = 0; a < MEMBERS; a++)
        for (unsigned b = a + 1; b < MEMBERS; b++) {
            w->by[a][b] = a;
            if (rnd(w, 2))
                continue;
            w->by[a][b] = rnd(w, 2) ? a : b;
            assert_int_equal(share_between(w->s, b, a, w->by[a][b]), 0);
        }
}

static void whose(void **state)
{
    (void)state;
    struct world w = world();
    unsigned each[MEMBERS] = {0};
    claims_of(&w);
    for (unsigned m = 0; m < MEMBERS; m++) {
        assert_int_equal(share_member(w.s, m, NULL, &w.d), 0);
        for (unsigned k = 0; k < 3; k++) /* three workers each: places m * 3 + k */
            assert_int_equal(share_joined(w.s, 0, m, k, 1000 + (int)(m * 3 + k)), 0);
    }
    for (unsigned n = 0; n < FRAMES; n++) {
        struct made f = make(&w);
        unsigned own = naive(&w, f.ver, &f.src, &f.dst),
                 at = capture_owner(f.ver, &f.src, &f.dst, f.sp, f.dp, 3);
        each[own]++;
        assert_int_equal(run(share_program_fd(w.s), f.b, f.n), own * 3 + at);
        for (unsigned m = 0; m < MEMBERS; m++)
            assert_int_equal(run(share_filter_fd(w.s, m), f.b, f.n), m == own ? UINT32_MAX : 0);
    }
    unsigned some = 0;
    for (unsigned m = 0; m < MEMBERS; m++)
        some += each[m] > 0;
    assert_true(some > 2);
    struct share_counters c;
    share_counters(w.s, &c);
    assert_int_equal(c.astray,
                     FRAMES * (MEMBERS - 1)); /* each frame was shown to all the others' filters */
    share_free(w.s);
    arena_done(&w.arena);
}

/* Sockets that come and go: the map follows as the kernel's array does. */
static void places(void **state)
{
    (void)state;
    struct world w = world();
    unsigned by;
    enum { MOST = 40 };
    int array[MOST], n = 0; /* the kernel's */
    unsigned owner[2000];
    assert_int_equal(share_claim_rest(w.s, 3, &by), 0);
    for (int fd = 100; fd < 600; fd++) {
        bool leave = n == MOST || (n > 1 && rnd(&w, 2));
        if (leave) {
            int i = (int)rnd(&w, (uint64_t)n);
            share_left(w.s, 0, array[i]);
            array[i] = array[--n];
        } else {
            owner[fd] = rnd(&w, 3) ? 2 : 3;
            assert_int_equal(share_joined(w.s, 0, owner[fd], 0, fd), 0);
            array[n++] = fd;
        }
        struct made f = make(&w);
        int newest = -1;
        for (int i = 0; i < n; i++)
            if (owner[array[i]] == 3 && (newest < 0 || array[i] > array[newest]))
                newest = i;
        if (newest >= 0)
            assert_int_equal(run(share_program_fd(w.s), f.b, f.n), newest);
    }
    share_free(w.s);
    arena_done(&w.arena);
}

static void vlans(void **state)
{
    (void)state;
    struct world w = world();
    unsigned by = 99;
    struct ip_prefix p;
    assert_true(ip_prefix_parse(STR("10.0.0.0/8"), &p));
    assert_int_equal(share_claim_vlan(w.s, 1, 20, &by), 0);
    assert_int_equal(share_claim_vlan(w.s, 1, 20, &by), 0); /* again, by itself */
    assert_int_equal(share_claim_vlan(w.s, 2, 20, &by), -EEXIST);
    assert_int_equal(by, 1);
    assert_int_equal(share_claim_net(w.s, 2, 20, &p.addr, 4, 8, &by),
                     -EEXIST); /* the whole VLAN is taken */
    assert_int_equal(share_claim_net(w.s, 2, 30, &p.addr, 4, 8, &by), 0);
    assert_int_equal(share_claim_net(w.s, 3, 31, &p.addr, 4, 8, &by),
                     0); /* the same network elsewhere */
    assert_int_equal(share_claim_net(w.s, 3, 30, &p.addr, 4, 9, &by), 0);
    assert_int_equal(share_claim_net(w.s, 3, 30, &p.addr, 4, 8, &by), -EEXIST);
    assert_int_equal(by, 2);
    assert_int_equal(share_claim_vlan(w.s, 1, 4097, &by), -EINVAL);
    share_free(w.s);
    arena_done(&w.arena);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    struct world w = world();
    if (!w.s) {
        printf("1..0 # SKIP no BPF here: %s\n", w.d.first ? w.d.first->reason : "");
        return 77;
    }
    share_free(w.s);
    arena_done(&w.arena);
    const struct CMUnitTest tests[] = {cmocka_unit_test(whose), cmocka_unit_test(places),
                                       cmocka_unit_test(vlans)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
