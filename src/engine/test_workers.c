/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Any number of workers writes the same files, counters included.  Captures at random: TCP and
 * UDP, half of it in tunnels, fragments, errors that speak of other flows, tags, a clock that jumps
 * and is set back, rules with state of hosts, pairs and flows, as a mirror and in the wire; and
 * rings so small that they fill in the middle of a burst and at the end.
 */
#include "engine/engine_test.h"

#include "base/hash.h"

#include <sys/stat.h>
#include <time.h>

enum { PACKETS = 500, CROWD = 4000, ROUNDS = 12, TALKS = 40, WORKERS_MOST = 4 };

static char home[64];

static const char *const rules =
    "alert ip any any -> any any (msg:\"src\"; threshold:type limit, track by_src, count 3, "
    "seconds 20; sid:1;)\n"
    "alert ip any any -> any any (msg:\"dst\"; threshold:type threshold, track by_dst, count 7, "
    "seconds 60; sid:2;)\n"
    "alert ip any any -> any any (msg:\"both\"; threshold:type both, track by_both, count 3, "
    "seconds 9; sid:3;)\n"
    "alert ip any any -> any any (msg:\"rule\"; threshold:type threshold, track by_rule, count 11, "
    "seconds 60; sid:4;)\n"
    "alert tcp any any -> any any (msg:\"filter\"; detection_filter:track by_src, count 4, seconds "
    "9; sid:5;)\n"
    "alert tcp any any -> any any (msg:\"set\"; content:\"marker 1\"; xbits:set,x,track "
    "ip_pair,expire 50; sid:6;)\n"
    "alert udp any any -> any any (msg:\"is set\"; xbits:isset,x,track ip_pair; sid:7;)\n"
    "alert udp any any -> any any (msg:\"unset\"; content:\"marker 2\"; xbits:unset,x,track "
    "ip_pair; sid:8;)\n"
    "alert udp any any -> any any (msg:\"src bit\"; content:\"marker 3\"; xbits:toggle,y,track "
    "ip_src; sid:9;)\n"
    "alert tcp any any -> any any (msg:\"tag\"; flags:R+; xbits:isset,y,track ip_dst; "
    "tag:host,5,packets,src; sid:10;)\n"
    "alert tcp any any -> any any (msg:\"end\"; flow:to_server; content:\"marker\"; threshold:type "
    "limit, track by_src, "
    "count 5, seconds 600; sid:11;)\n"
    "alert udp any any -> any any (msg:\"number\"; flowint:n,+,1; flowint:n,>,2; sid:12;)\n"
    "drop udp any any -> any any (msg:\"dropped\"; content:\"marker 42\"; sid:13;)\n"
    "drop tcp any any -> any any (msg:\"dropped\"; content:\"marker 7\"; threshold:type both, "
    "track by_src, count 2, "
    "seconds 30; sid:14;)\n";

static uint64_t random_next(uint64_t *seed)
{
    *seed += 0x9e3779b97f4a7c15u;
    return hash_mix(*seed);
}

/* An IPv4 header of IP in IP before the packet. */
static size_t wrap(uint8_t *out, const uint8_t *p, size_t n, uint32_t from, uint32_t to)
{
    memset(out, 0, 20);
    out[0] = 0x45;
    be16_put(out + 2, (uint16_t)(20 + n));
    out[8] = 60;
    out[9] = IPPROTO_IPIP;
    be32_put(out + 12, 0xc0000200 + from);
    be32_put(out + 16, 0xc0000200 + to);
    be16_put(out + 10, csum_inet(out, 20));
    memcpy(out + 20, p, n);
    return 20 + n;
}

struct talk_state {
    uint32_t seq[2];
    uint8_t step;
};

/* An error of the receiver about an IPv4 packet: its own addresses are another flow's. */
static size_t refused(uint8_t *out, const uint8_t *p, size_t n)
{
    size_t quoted = n < 28 ? n : 28, len = 28 + quoted;
    memset(out, 0, 28);
    out[0] = 0x45;
    be16_put(out + 2, (uint16_t)len);
    out[8] = 60;
    out[9] = IPPROTO_ICMP;
    memcpy(out + 12, p + 16, 4);
    memcpy(out + 16, p + 12, 4);
    be16_put(out + 10, csum_inet(out, 20));
    out[20] = 3;
    out[21] = 3;
    memcpy(out + 28, p, quoted);
    be16_put(out + 22, csum_inet(out + 20, 8 + quoted));
    return len;
}

/* Cuts an IPv4 packet behind 24 bytes; the second fragment goes to `rest`. */
static size_t fragment(uint8_t *p, size_t n, uint8_t *rest, size_t *rest_n, uint16_t id)
{
    enum { CUT = 24 };
    if (n <= 20 + CUT)
        return n;
    be16_put(p + 4, id);
    memcpy(rest, p, 20);
    memcpy(rest + 20, p + 20 + CUT, n - 20 - CUT);
    *rest_n = n - CUT;
    uint8_t *h[2] = {p, rest};
    for (unsigned k = 0; k < 2; k++) {
        be16_put(h[k] + 2, (uint16_t)(k ? *rest_n : 20 + CUT));
        be16_put(h[k] + 6, k ? CUT / 8 : 0x2000);
        be16_put(h[k] + 10, 0);
        be16_put(h[k] + 10, csum_inet(h[k], 20));
    }
    return 20 + CUT;
}

/*
 * The same in Ethernet, some with a tag: not in tunnels these are plain, and passed by where they
 * are another's.
 */
static void ether(uint8_t *p, size_t *n, unsigned vlan)
{
    size_t len = vlan ? 18 : 14;
    bool six = p[0] >> 4 == 6;
    memmove(p + len, p, *n);
    memset(p, 2, 12);
    if (vlan) {
        be16_put(p + 12, 0x8100);
        be16_put(p + 14, (uint16_t)vlan);
    }
    be16_put(p + len - 2, six ? 0x86dd : 0x0800);
    *n += len;
}

/* What one talk sends next; mostly as TCP goes, sometimes not. */
static size_t next_packet(uint8_t *out, size_t room, struct talk_state *talks, uint64_t *seed)
{
    static const uint8_t steps[] = {
        TCP_SYN,           TCP_SYN | TCP_ACK, TCP_ACK,           TCP_ACK | TCP_PSH, TCP_ACK,
        TCP_ACK | TCP_PSH, TCP_ACK,           TCP_ACK | TCP_FIN, TCP_ACK | TCP_FIN, TCP_ACK};
    unsigned i = (unsigned)(random_next(seed) % TALKS), dir = (unsigned)(random_next(seed) % 2);
    struct talk_state *s = &talks[i];
    struct et_talk k = {.ver = i % 8 == 7 ? 6 : 4,
                        .proto = i % 3 ? IPPROTO_UDP : IPPROTO_TCP,
                        .client = i % 5,
                        .server = 100 + i % 4,
                        .sp = (uint16_t)(1000 + i),
                        .dp = 2000};
    char data[32];
    int n = snprintf(data, sizeof(data), "marker %u", (unsigned)(random_next(seed) % 60));
    if (k.proto == IPPROTO_UDP)
        return et_packet(out, room, &k, dir, data, (size_t)n);
    unsigned step = s->step;
    if (random_next(seed) % 16 == 0)
        step = (unsigned)(random_next(seed) % ARRAY_LEN(steps));
    dir = step % 2;
    k.flags = random_next(seed) % 40 ? steps[step] : TCP_RST | TCP_ACK;
    if (k.flags == TCP_SYN)
        s->seq[0] = (uint32_t)random_next(seed);
    k.seq = s->seq[dir];
    k.ack = k.flags & TCP_ACK ? s->seq[!dir] : 0;
    size_t len = et_packet(out, room, &k, dir, data, k.flags & TCP_PSH ? (size_t)n : 0);
    s->seq[dir] += (k.flags & TCP_PSH ? (uint32_t)n : 0) + ((k.flags & (TCP_SYN | TCP_FIN)) != 0);
    s->step = (uint8_t)((step + 1) % ARRAY_LEN(steps));
    return len;
}

/*
 * A crowd of connections whose last data nobody acknowledged: all is seen when they end, half of
 * them in one tick, the others with the run.
 */
static size_t crowd_packet(uint8_t *out, size_t room, unsigned number, unsigned mark)
{
    static const uint8_t steps[] = {TCP_SYN, TCP_SYN | TCP_ACK, TCP_ACK, TCP_ACK | TCP_PSH};
    unsigned i = number / 4, step = number % 4;
    char data[32];
    int n = snprintf(data, sizeof(data), "marker %u", mark);
    struct et_talk k = {.ver = 4,
                        .proto = IPPROTO_TCP,
                        .client = i % 5,
                        .server = 100 + i % 4,
                        .sp = (uint16_t)(1000 + i),
                        .dp = 2000,
                        .flags = steps[step],
                        .seq = step == 1 ? 7000 : 5000 + (step > 1),
                        .ack = step == 1 ? 5001
                               : step    ? 7001
                                         : 0};
    return et_packet(out, room, &k, step == 1, data, step == 3 ? (size_t)n : 0);
}

static uint64_t time_next(uint64_t now, uint64_t *seed)
{
    uint64_t r = random_next(seed) % 64, back = random_next(seed) % 300000000000;
    if (r < 50)
        return now + random_next(seed) % 400000000;
    if (r < 62)
        return now + random_next(seed) % 20000000000;
    if (r == 62)
        return now + random_next(seed) % 1000000000000;
    return now > 2 * back ? now - back : now;
}

static void write_capture(const char *path, uint64_t *seed, bool crowd, bool link)
{
    struct talk_state talks[TALKS] = {0};
    uint8_t p[320], q[320], rest[320];
    size_t rest_n = 0; /* a fragment that is still to come */
    uint64_t now = random_next(seed) % 3 ? 1000ull * 1000000000 : 0; /* some begin at no time at all */
    struct pcap_writer *w = pcap_writer_open(path, link ? LINK_ETHERNET : LINK_RAW, false);
    assert_non_null(w);
    for (unsigned k = 0; k < (crowd ? CROWD : PACKETS); k++) {
        size_t n = crowd ? crowd_packet(p, sizeof(p), k, (unsigned)(random_next(seed) % 60))
                         : next_packet(p, sizeof(p), talks, seed);
        uint8_t *out = p;
        unsigned odd = crowd || p[0] != 0x45 ? 99 : (unsigned)(random_next(seed) % 20);
        if (odd == 0 && rest_n) {
            memcpy(out = q, rest, n = rest_n);
            rest_n = 0;
        } else if (odd < 3) {
            n = fragment(p, n, rest, &rest_n, (uint16_t)k);
        } else if (odd == 3) {
            n = refused(out = q, p, n);
        }
        if (!crowd && out == p && random_next(seed) % 2) {
            n = wrap(q, p, n, (uint32_t)(random_next(seed) % 3), 9);
            be16_put(q + 4, (uint16_t)k);
            q[9] = p[0] == 0x45 ? IPPROTO_IPIP : IPPROTO_IPV6;
            be16_put(q + 10, 0);
            be16_put(q + 10, csum_inet(q, 20));
            out = q;
        }
        if (link)
            ether(out, &n, random_next(seed) % 10 ? 0 : 7);
        now = !k ? now : !crowd ? time_next(now, seed) : k == CROWD / 2 ? now + 5000000000000 : now + 100000;
        assert_int_equal(pcap_writer_put(w, now, out, (uint32_t)n, (uint32_t)n), 0);
    }
    assert_int_equal(pcap_writer_close(w), 0);
}

/* ------------------------------------------------------------------ runs */

static void run(struct et *t, struct overlay *v, const char *out, unsigned workers, bool ips,
                uint32_t ring)
{
    char capture[128];
    snprintf(capture, sizeof(capture), "%s/in.pcap", home);
    static const char *const vips[] = {"default", NULL};
    struct logger_identity id = {.vips = vips};
    struct logger *l = logger_new(t->conf, out, &id, &t->diags);
    assert_non_null(l);
    struct replay_options o = {.capture = capture,
                               .out_dir = out,
                               .workers = workers,
                               .simulate_ips = ips,
                               .check_csum = ring ? -1 : 1, /* at -1 the first thousand are decoded by all */
                               .conf = t->conf,
                               .overlay = v,
                               .logger = l,
                               .ring_bytes = ring};
    static struct replay_result r;
    assert_int_equal(replay_run(&o, &r, &t->diags), 0);
    logger_free(l);
    assert_int_equal(r.lost, 0);
    assert_true(r.alerts > 100);
}

static char *read_all(const char *out, const char *name, size_t *n)
{
    char path[160];
    snprintf(path, sizeof(path), "%s/%s", out, name);
    FILE *f = fopen(path, "r");
    *n = 0;
    if (!f)
        return NULL;
    char *p = NULL;
    size_t room = 0;
    for (size_t got = 1; got; *n += got) {
        p = room - *n < 65536 ? realloc(p, room += 1 << 20) : p;
        assert_non_null(p);
        got = fread(p + *n, 1, room - *n - 1, f);
    }
    fclose(f);
    p[*n] = 0;
    return p;
}

static void clean(const char *out)
{
    static const char *const names[] = {"eve.json", "fast.log", "stats.log", "forwarded.pcap",
                                        "in.pcap"};
    char path[160];
    for (size_t k = 0; k < ARRAY_LEN(names); k++) {
        snprintf(path, sizeof(path), "%s/%s", out, names[k]);
        unlink(path);
    }
}

static void same(const char *a, const char *b, unsigned workers, unsigned round)
{
    static const char *const names[] = {"eve.json", "fast.log", "forwarded.pcap"};
    for (size_t k = 0; k < ARRAY_LEN(names); k++) {
        size_t n, m, at = 0, line = 0;
        char *x = read_all(a, names[k], &n), *y = read_all(b, names[k], &m);
        if (k == 0)
            assert_true(n > 10000 && strstr(x, "\"event_type\":\"stats\""));
        for (; at < n && at < m && x[at] == y[at]; at++)
            line = x[at] == '\n' ? at + 1 : line;
        if (n != m || at < n)
            fail_msg("round %u, %s, 1 and %u workers:\n< %.300s\n> %.300s", round, names[k],
                     workers, n > line ? x + line : "", m > line ? y + line : "");
        free(x);
        free(y);
    }
}

static void compare(struct et *t, struct overlay *v, bool ips, uint32_t ring, unsigned round)
{
    char a[96], b[96];
    snprintf(a, sizeof(a), "%s/a", home);
    snprintf(b, sizeof(b), "%s/b", home);
    assert_int_equal(mkdir(a, 0700), 0);
    assert_int_equal(mkdir(b, 0700), 0);
    run(t, v, a, 1, ips, 0);
    for (unsigned w = 2; w <= WORKERS_MOST; w++) {
        run(t, v, b, w, ips, ring);
        same(a, b, w, round);
        clean(b);
    }
    clean(a);
    assert_int_equal(rmdir(a), 0);
    assert_int_equal(rmdir(b), 0);
}

static uint64_t seed;

/* Captures at random; every fourth a crowd. */
static void rounds(const char *const *settings, uint32_t crowd_ring, unsigned n)
{
    struct et t;
    char capture[128];
    et_open(&t);
    for (; *settings; settings++)
        assert_int_equal(conf_set(t.conf, *settings, &t.diags), 0);
    struct overlay *v = et_overlay(&t, rules, 1);
    snprintf(capture, sizeof(capture), "%s/in.pcap", home);
    for (unsigned k = 0; k < n; k++) {
        bool crowd = k % 4 == 3; /* many events at once, in small rings */
        write_capture(capture, &seed, crowd, (k + k / 4) % 2);
        compare(&t, v, k % 8 < 4, crowd ? crowd_ring : 0, k);
    }
    overlay_close(v);
    et_close(&t);
}

static void any_number_writes_the_same(void **state)
{
    (void)state;
    rounds((const char *const[]){NULL}, 1u << 15, ROUNDS);
}

static void caps_hold_for_all(void **state)
{
    (void)state;
    static const char *const caps[][6] = {
        {"flow.memcap=100kb", "flow.hash-size=1024"},
        {"stream.memcap=30kb"},
        {"stream.reassembly.memcap=20kb"},
        {"app-layer.memcap=64kb"},
        {"flow.memcap=100kb", "flow.hash-size=1024", "stream.memcap=60kb",
         "stream.reassembly.memcap=20kb"},
    };
    for (size_t k = 0; k < ARRAY_LEN(caps); k++)
        rounds(caps[k], 1u << 16, 4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(any_number_writes_the_same),
                                       cmocka_unit_test(caps_hold_for_all)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    seed = getenv("SEED") ? strtoull(getenv("SEED"), NULL, 10)
                          : (uint64_t)time(NULL) * 2654435761u + 1;
    print_message("# seed %llu\n", (unsigned long long)seed);
    snprintf(home, sizeof(home), "/tmp/riposte-workers-XXXXXX");
    if (!mkdtemp(home))
        return 1;
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    clean(home);
    return rmdir(home) ? 1 : rc;
}
