/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Live capture on virtual links, in a network namespace of its own that dies with the test.
 * Needs root, ip(8) and veth; without them it is skipped (77).
 *
 * The receiving side is always a child that has given up root before it maps the rings.
 */
#include "capture/test_util.h"

#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/bytes.h"
#include "base/clock.h"

static struct arena arena;
static struct diags diags;

static void run(const char *fmt, ...) PRINTF_LIKE(1, 2);
static void run(const char *fmt, ...)
{
    char cmd[512];
    va_list ap;
    va_start(ap, fmt);
    vsnprintf(cmd, sizeof cmd, fmt, ap);
    va_end(ap);
    if (system(cmd) != 0)
        fail_msg("failed: %s", cmd);
}

/* A pair of links: NAME to listen at, NAMEx to send from. */
static void pair_up(const char *name)
{
    run("ip link add %s type veth peer name %sx", name, name);
    assert_int_equal(capture_silence_port(name, &diags), 0);
    char other[IFNAMSIZ];
    snprintf(other, sizeof other, "%sx", name);
    assert_int_equal(capture_silence_port(other, &diags), 0);
    run("ip link set %s mtu 65535", name);
    usleep(50000); /* carrier */
}
static void pair_down(const char *name)
{
    run("ip link del %s 2>/dev/null || :", name);
}

/* UDP over IPv4 between 10.9.0.1 and 10.9.0.2, number in the payload. */
static size_t make_frame(uint8_t *f, size_t size, unsigned flow, bool back, uint32_t number,
                         unsigned tags)
{
    static const uint8_t mac[12] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1};
    memset(f, 0, size);
    memcpy(f, mac, 12);
    uint8_t *p = f + 12;
    for (unsigned i = 0; i < tags; i++, p += 4) {
        be16_put(p, i + 1 < tags ? 0x88a8 : 0x8100);
        be16_put(p + 2, (uint16_t)(0xa000 | (100 + i))); /* with a priority */
    }
    be16_put(p, 0x0800);
    uint8_t *ip = p + 2;
    ip[0] = 0x45;
    be16_put(ip + 2, (uint16_t)(size - (size_t)(ip - f)));
    ip[8] = 64;
    ip[9] = 17;
    memcpy(ip + 12, back ? "\x0a\x09\x00\x02\x0a\x09\x00\x01" : "\x0a\x09\x00\x01\x0a\x09\x00\x02",
           8);
    uint16_t client = (uint16_t)(20000 + flow);
    be16_put(ip + 20, back ? 53 : client);
    be16_put(ip + 22, back ? client : 53);
    be16_put(ip + 24, (uint16_t)(size - (size_t)(ip - f) - 20));
    be32_put(ip + 28, number);
    be32_put(ip + 32, flow << 1 | back);
    return size;
}
static struct injector *open_injector(const char *iface)
{
    int fd = injector_socket(iface, &diags);
    assert_true(fd >= 0);
    struct injector *i = injector_attach(fd, -1, -1);
    assert_non_null(i);
    return i;
}

/* What a receiving child reports, in shared memory. */
enum { FLOWS = 64, WORKERS = 2 };
struct report {
    _Atomic int ready, stop;
    _Atomic uint64_t frames;
    uint64_t bytes, super, unfinished, truncated, drops, out_of_order, wrong_tag, wrong_bytes,
        max_len;
    uint64_t tagged[3];          /* frames with 0, 1, 2 tags */
    uint64_t seen[2][FLOWS * 2]; /* by interface: frames of a flow's direction */
    uint8_t tcp_seen[1 << 20];   /* byte of the TCP test's stream was there */
    _Atomic uint32_t dead;
    int failed; /* line of the child's failure */
};
static struct report *reports; /* WORKERS of them */

/* Frames of make_frame, checked and counted. */
static void look(struct report *r, const struct frame *f)
{
    unsigned tags = 0;
    const uint8_t *p = f->data + 12;
    while (f->len >= 12 + 4 * tags + 6 && tags < 2 &&
           (be16_at(p) == 0x8100 || be16_at(p) == 0x88a8)) {
        tags++;
        p += 4;
    }
    r->max_len = u64_max(r->max_len, f->len);
    r->super += f->seg_size != 0;
    r->unfinished += f->csum == FRAME_CSUM_UNFINISHED;
    r->truncated += f->len < f->wire_len;
    r->bytes += f->len;
    if (f->len < 60 || be16_at(p) != 0x0800 || p[11] != 17)
        return;
    uint8_t want[2048];
    uint32_t id = be32_at(p + 2 + 32), number = be32_at(p + 2 + 28);
    make_frame(want, u32_min(f->len, sizeof want), id >> 1, id & 1, number, tags);
    if (f->len <= sizeof want && memcmp(want, f->data, f->len) != 0)
        r->wrong_bytes++;
    r->tagged[tags]++;
    if (f->iface < 2 && id < FLOWS * 2)
        r->seen[f->iface][id]++;
    r->frames++;
}

static void give_up_root(void)
{
    if (setgroups(0, NULL) != 0 || setgid(65534) != 0 || setuid(65534) != 0 || setuid(0) == 0)
        _exit(9);
}

typedef void (*look_fn)(struct report *r, const struct frame *f);

static void receive(struct report *r, const struct capture_live_options *o, const int *fd,
                    unsigned n, look_fn fn)
{
    static struct burst b;
    give_up_root();
    struct capture *c = capture_live_attach(o, fd, n, &diags);
    if (!c)
        _exit(8);
    uint64_t last = 0;
    r->ready = 1;
    while (!r->stop) {
        if (capture_recv(c, &b, 20) != CAPTURE_MORE)
            _exit(7);
        for (unsigned i = 0; i < b.n; i++) {
            if (b.frame[i].ts_ns < last)
                r->out_of_order++;
            last = b.frame[i].ts_ns;
            fn(r, &b.frame[i]);
        }
        capture_verdict(c, &b);
        r->dead = capture_live_dead(c);
    }
    usleep(1000000); /* statistics are read once a second */
    r->drops = capture_counters(c)->kernel_drops;
    capture_close(c);
    _exit(0);
}

static pid_t start(unsigned worker, const struct capture_live_options *o, const int *fd, unsigned n,
                   look_fn fn)
{
    struct report *r = &reports[worker];
    memset(r, 0, sizeof *r);
    fflush(stdout);
    pid_t kid = fork();
    assert_true(kid >= 0);
    if (kid == 0)
        receive(r, o, fd, n, fn);
    for (unsigned i = 0; i < n; i++)
        close(fd[i]);
    for (int i = 0; i < 500 && !r->ready; i++)
        usleep(10000);
    assert_true(r->ready);
    return kid;
}
static void stop(unsigned worker, pid_t kid)
{
    int st = -1;
    reports[worker].stop = 1;
    waitpid(kid, &st, 0);
    if (st != 0)
        fail_msg("receiver ended with %x", st);
}
/* Waits until the workers have got n frames (or 5 s). */
static void await_frames(unsigned workers, uint64_t n)
{
    for (int i = 0; i < 500; i++) {
        uint64_t got = 0;
        for (unsigned w = 0; w < workers; w++)
            got += reports[w].frames;
        if (got >= n)
            return;
        usleep(10000);
    }
}

/* Sends with patience: a full queue of the sender is not what is tested. */
static void send_all(struct injector *i, const uint8_t *f, size_t n)
{
    for (int k = 0; k < 1000 && !injector_send_frame(i, f, n); k++)
        usleep(100);
}

static const char *const ring_name[] = {"V2", "V3"};

/* Frames of all sizes with 0, 1 and 2 tags: whole, unchanged, in order. */
static void all_frames(void **state)
{
    (void)state;
    for (enum capture_ring ring = RING_V2; ring <= RING_V3; ring++) {
        pair_up("lva");
        struct capture_live_options o = {.iface = {"lva"}, .ring = ring, .promisc = true};
        int fd = capture_live_socket(&o, 0, &diags);
        assert_true(fd >= 0);
        pid_t kid = start(0, &o, &fd, 1, look);
        struct injector *i = open_injector("lvax");
        uint8_t f[2048];
        const uint32_t n = 20000;
        for (uint32_t k = 0; k < n; k++)
            send_all(i, f, make_frame(f, 64 + k % 1437, k % FLOWS, k & 1, k, k % 3));
        assert_int_equal(injector_counters(i)->sent, n);
        injector_close(i);
        await_frames(1, n);
        stop(0, kid);
        struct report *r = &reports[0];
        print_message("# %s: %ju frames, %ju drops\n", ring_name[ring], (uintmax_t)r->frames,
                      (uintmax_t)r->drops);
        assert_int_equal(r->frames + r->drops, n);
        assert_int_equal(r->drops, 0);
        assert_int_equal(r->wrong_bytes, 0);
        assert_int_equal(r->truncated, 0);
        assert_int_equal(r->out_of_order, 0);
        assert_int_equal(r->tagged[1], n / 3 + (n % 3 > 1));
        assert_int_equal(r->tagged[2], n / 3);
        pair_down("lva");
    }
}

static unsigned owner_of(unsigned flow)
{
    struct ip_addr a = ip_from_v4("\x0a\x09\x00\x01"), b = ip_from_v4("\x0a\x09\x00\x02");
    return capture_owner(4, &a, &b, (uint16_t)(20000 + flow), 53, WORKERS);
}

/* Two ports, two workers: a flow and its way back at one worker, the same on both ports. */
static void fanout_by(unsigned members)
{
    for (enum capture_ring ring = RING_V2; ring <= RING_V3; ring++) {
        pair_up("lva");
        pair_up("lvb");
        struct capture_live_options o = {
            .iface = {"lva", "lvb"}, .ring = ring, .fanout_group = 700, .fanout_members = (uint16_t)members,
            .ring_bytes = 8 << 20};
        int fd[WORKERS][2];
        for (unsigned w = 0; w < WORKERS; w++)
            for (unsigned p = 0; p < 2; p++)
                assert_true((fd[w][p] = capture_live_socket(&o, p, &diags)) >= 0);
        pid_t kid[WORKERS];
        for (unsigned w = 0; w < WORKERS; w++)
            kid[w] = start(w, &o, fd[w], 2, look);
        struct injector *i[2] = {open_injector("lvax"), open_injector("lvbx")};
        uint8_t f[2048];
        const uint32_t n = 8 * 2 * FLOWS;
        for (uint32_t k = 0; k < n; k++)
            for (unsigned p = 0; p < 2; p++)
                send_all(i[p], f, make_frame(f, 100, k / 2 % FLOWS, k & 1, k, k % 3 == 2));
        injector_close(i[0]);
        injector_close(i[1]);
        await_frames(2, 2 * n);
        for (unsigned w = 0; w < WORKERS; w++)
            stop(w, kid[w]);
        assert_int_equal(reports[0].frames + reports[1].frames, 2 * n);
        /* Tagged and plain frames of a flow may differ (the hash knows the tag); the ends may not.
         */
        print_message("# %s: workers got %ju and %ju\n", ring_name[ring],
                      (uintmax_t)reports[0].frames, (uintmax_t)reports[1].frames);
        assert_true(reports[0].frames > n / 4 && reports[1].frames > n / 4);
        for (unsigned w = 0; w < WORKERS; w++)
            for (unsigned k = 0; k < FLOWS; k++) {
                assert_int_equal(reports[w].seen[0][2 * k], reports[w].seen[0][2 * k + 1]);
                assert_int_equal(reports[w].seen[0][2 * k], reports[w].seen[1][2 * k]);
                assert_int_equal(reports[w].seen[1][2 * k], reports[w].seen[1][2 * k + 1]);
                if (members && reports[w].seen[0][2 * k] != (w == owner_of(k) ? n / FLOWS / 2 : 0))
                    fail_msg("worker %u has %ju frames of flow %u", w, (uintmax_t)reports[w].seen[0][2 * k], k);
            }
        pair_down("lva");
        pair_down("lvb");
    }
}
static void fanout(void **state)
{
    (void)state;
    fanout_by(0);
}
/* By our own program the engine can tell where each packet goes, tagged or not. */
static void fanout_by_owner(void **state)
{
    (void)state;
    fanout_by(WORKERS);
}

/* ---- super-frames: a TCP stream from another namespace, as the kernel makes them ---- */

enum { STREAM = 1 << 20, STREAM_PORT = 7777 };
static uint32_t stream_isn;

static void look_tcp(struct report *r, const struct frame *f)
{
    r->max_len = u64_max(r->max_len, f->len);
    r->super += f->seg_size != 0;
    r->truncated += f->len < f->wire_len;
    r->bytes += f->len;
    uint32_t at = 14;
    if (f->len > 18 && be16_at(f->data + 12) == 0x8100)
        at = 18;
    if (f->len < at + 40 || be16_at(f->data + at - 2) != 0x0800 || f->data[at + 9] != 6)
        return;
    r->unfinished += f->csum == FRAME_CSUM_UNFINISHED;
    const uint8_t *tcp = f->data + at + 20;
    uint32_t head = at + 20 + (tcp[12] >> 4) * 4u, seq = be32_at(tcp + 4);
    if (be16_at(tcp + 2) != STREAM_PORT)
        return;
    if (tcp[13] & 2)
        stream_isn = seq + 1;
    for (uint32_t i = head; i < f->len; i++) {
        uint32_t byte = seq - stream_isn + (i - head);
        if (byte < STREAM && f->data[i] == (uint8_t)(byte * 7 ^ byte >> 8))
            r->tcp_seen[byte] = 1;
    }
    r->frames++;
}

static void stream_sender(int go)
{
    char c;
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(STREAM_PORT)};
    inet_aton("10.9.1.1", &to.sin_addr);
    if (unshare(CLONE_NEWNET) != 0 || write(go, "u", 1) != 1 || read(go, &c, 1) != 1)
        _exit(1);
    if (system("ip link set lo up; ip link set lvax up; ip addr add 10.9.1.2/24 dev lvax") != 0)
        _exit(2);
    static uint8_t data[STREAM];
    for (uint32_t i = 0; i < STREAM; i++)
        data[i] = (uint8_t)(i * 7 ^ i >> 8);
    int s = socket(AF_INET, SOCK_STREAM, 0);
    for (int k = 0; connect(s, (struct sockaddr *)&to, sizeof to) != 0; k++) {
        if (k == 100)
            _exit(3);
        usleep(20000);
    }
    for (size_t at = 0; at < sizeof data;) {
        ssize_t n = write(s, data + at, sizeof data - at);
        if (n <= 0)
            _exit(4);
        at += (size_t)n;
    }
    close(s);
    _exit(0);
}
static uint64_t stream_receiver(int l)
{
    static uint8_t buf[65536];
    struct pollfd p = {.fd = l, .events = POLLIN};
    if (poll(&p, 1, 5000) <= 0)
        return 0;
    int s = accept(l, NULL, NULL);
    uint64_t sum = 0;
    for (ssize_t n; (n = read(s, buf, sizeof buf)) > 0;)
        sum += (uint64_t)n;
    close(s);
    return sum;
}

static void super_frames(void **state)
{
    (void)state;
    for (enum capture_ring ring = RING_V2; ring <= RING_V3; ring++) {
        int go[2];
        char c;
        run("ip link add lva type veth peer name lvax");
        assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, go), 0);
        fflush(stdout);
        pid_t sender = fork();
        if (sender == 0)
            stream_sender(go[1]);
        assert_int_equal(read(go[0], &c, 1), 1);
        run("ip link set lvax netns %d; ip link set lva up; ip addr add 10.9.1.1/24 dev lva",
            sender);
        struct capture_live_options o = {.iface = {"lva"}, .ring = ring, .bpf = "tcp"};
        int fd = capture_live_socket(&o, 0, &diags);
        assert_true(fd >= 0);
        pid_t kid = start(0, &o, &fd, 1, look_tcp);
        struct sockaddr_in at = {.sin_family = AF_INET, .sin_port = htons(STREAM_PORT)};
        int l = socket(AF_INET, SOCK_STREAM, 0), one = 1, st;
        setsockopt(l, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
        assert_int_equal(bind(l, (struct sockaddr *)&at, sizeof at), 0);
        assert_int_equal(listen(l, 1), 0);
        assert_int_equal(write(go[0], "g", 1), 1);
        assert_int_equal(stream_receiver(l), STREAM);
        waitpid(sender, &st, 0);
        assert_int_equal(st, 0);
        usleep(100000);
        stop(0, kid);
        struct report *r = &reports[0];
        uint64_t bytes = 0;
        for (uint32_t i = 0; i < STREAM; i++)
            bytes += r->tcp_seen[i];
        print_message("# %s: %ju frames, %ju super-frames, largest %ju, unfinished checksums %ju\n",
                      ring_name[ring], (uintmax_t)r->frames, (uintmax_t)r->super,
                      (uintmax_t)r->max_len, (uintmax_t)r->unfinished);
        assert_int_equal(r->drops, 0);
        assert_int_equal(bytes, STREAM); /* each byte of the stream, in its place */
        assert_int_equal(r->truncated, 0);
        assert_true(r->super > 0 && r->max_len > 4096);
        assert_true(r->unfinished > 0);
        close(l);
        close(go[0]);
        close(go[1]);
        pair_down("lva");
    }
}

/* Frames that don't fit into a slot, with and without a tag: jumbo and super-frames of a raw
 * sender. */
static void look_long(struct report *r, const struct frame *f)
{
    unsigned tagged = f->len > 18 && be16_at(f->data + 12) == 0x8100;
    const uint8_t *ip = f->data + 14 + 4 * tagged;
    if (f->len < 100 || be16_at(ip - 2) != 0x0800)
        return;
    if (tagged && be16_at(f->data + 14) != 0xa064)
        r->wrong_tag++;
    for (uint32_t i = (uint32_t)(ip - f->data) + 40; i < f->len; i++)
        r->wrong_bytes += f->data[i] != (uint8_t)(i - 4 * tagged);
    r->truncated += f->len < f->wire_len;
    r->wrong_bytes += f->len != be16_at(ip + 2) + 14 + 4 * tagged;
    r->super += f->seg_size == 1448 && f->csum == FRAME_CSUM_UNFINISHED;
    r->tagged[tagged]++;
    r->frames++;
}

static size_t make_long(uint8_t *out, size_t ip_len, bool tagged, bool super)
{
    size_t at = 10 + 14 + (tagged ? 4 : 0);
    memset(out, 0, 10);
    make_frame(out + 10, at - 10 + 60, 1, false, 0, tagged);
    uint8_t *ip = out + at;
    be16_put(ip + 2, (uint16_t)ip_len);
    memset(ip + 10, 0, 2);
    ip[9] = 6;
    uint32_t sum = 0; /* the kernel checks the header of what it may have to cut up */
    for (unsigned i = 0; i < 20; i += 2)
        sum += be16_at(ip + i);
    sum = (sum & 0xffff) + (sum >> 16);
    be16_put(ip + 10, (uint16_t)~sum);
    memset(ip + 20, 0, 20);
    be16_put(ip + 20, 1000);
    be16_put(ip + 22, 80);
    ip[32] = 0x50;
    ip[33] = 0x10;
    for (size_t i = 40; i < ip_len; i++)
        ip[i] = (uint8_t)(i + 14);
    if (super) {
        out[0] = 1; /* NEEDS_CSUM */
        out[1] = 1; /* TCPV4 */
        uint16_t fields[4] = {(uint16_t)(at - 10 + 40), 1448, (uint16_t)(at - 10 + 20), 16};
        memcpy(out + 2, fields, sizeof fields);
    }
    return at + ip_len;
}

static void long_frames(void **state)
{
    (void)state;
    static uint8_t f[70000];
    for (enum capture_ring ring = RING_V2; ring <= RING_V3; ring++) {
        pair_up("lva");
        run("ip link set lvax mtu 65535");
        struct capture_live_options o = {.iface = {"lva"}, .ring = ring};
        int fd = capture_live_socket(&o, 0, &diags), one = 1, sent = 0;
        pid_t kid = start(0, &o, &fd, 1, look_long);
        int s = injector_socket("lvax", &diags);
        assert_int_equal(setsockopt(s, 263, 15 /* PACKET_VNET_HDR */, &one, sizeof one), 0);
        for (size_t n = 100; n <= 60100; n += 1200)
            for (int kind = 0; kind < 4; kind++) {
                size_t len = make_long(f, n, kind & 1, kind & 2 && n > 1600);
                for (int k = 0; k < 100 && send(s, f, len, 0) < 0; k++)
                    usleep(1000);
                sent++;
            }
        close(s);
        await_frames(1, (uint64_t)sent);
        stop(0, kid);
        struct report *r = &reports[0];
        print_message("# %s: %ju of %d, %ju super-frames\n", ring_name[ring], (uintmax_t)r->frames,
                      sent, (uintmax_t)r->super);
        assert_int_equal(r->frames, sent);
        assert_int_equal(r->tagged[1], sent / 2);
        assert_int_equal(r->wrong_tag, 0);
        assert_int_equal(r->wrong_bytes, 0);
        assert_int_equal(r->truncated, 0);
        assert_int_equal(r->super, sent / 2 - 4);
        pair_down("lva");
    }
}

/* ---- a port that goes down, and one that goes away ---- */

static void send_some(const char *iface, uint32_t n)
{
    struct injector *i = open_injector(iface);
    uint8_t f[128];
    for (uint32_t k = 0; k < n; k++)
        send_all(i, f, make_frame(f, 100, k % FLOWS, 0, k, 0));
    injector_close(i);
}

static void down_and_up(void **state)
{
    (void)state;
    pair_up("lva");
    struct capture_live_options o = {.iface = {"lva"}, .ring = RING_V2, .ring_bytes = 1 << 20};
    int fd = capture_live_socket(&o, 0, &diags);
    assert_true(fd >= 0);
    pid_t kid = start(0, &o, &fd, 1, look);
    send_some("lvax", 10);
    await_frames(1, 10);
    run("ip link set lva down");
    usleep(100000);
    run("ip link set lva up");
    usleep(100000);
    send_some("lvax", 10);
    await_frames(1, 20);
    assert_int_equal(reports[0].dead, 0);
    run("ip link del lva"); /* gone: told within the second */
    for (int i = 0; i < 300 && !reports[0].dead; i++)
        usleep(10000);
    assert_int_equal(reports[0].dead, 1);
    stop(0, kid);
    assert_int_equal(reports[0].frames, 20);
}

static unsigned count_frames(struct capture *c, int ms)
{
    static struct burst b;
    unsigned n = 0;
    for (int t = 0; t < ms; t += 10) {
        assert_int_equal(capture_recv(c, &b, 10), CAPTURE_MORE);
        n += b.n;
        capture_verdict(c, &b);
    }
    return n;
}

static void replaced(void **state)
{
    (void)state;
    pair_up("lva");
    pair_up("lvb");
    struct capture_live_options o = {
        .iface = {"lva", "lvb"}, .ring = RING_V2, .ring_bytes = 1 << 20};
    int fd[2] = {capture_live_socket(&o, 0, &diags), capture_live_socket(&o, 1, &diags)};
    struct capture *c = capture_live_attach(&o, fd, 2, &diags);
    assert_non_null(c);
    assert_string_equal(capture_iface_name(c, 1), "lvb");
    assert_null(capture_iface_name(c, 2));
    pair_down("lva");
    for (int i = 0; i < 300 && !capture_live_dead(c); i++)
        (void)count_frames(c, 10);
    assert_int_equal(capture_live_dead(c), 1);
    send_some("lvbx", 5); /* the other one goes on */
    assert_int_equal(count_frames(c, 100), 5);
    pair_up("lva");
    assert_int_equal(capture_live_replace(c, 0, capture_live_socket(&o, 0, &diags)), 0);
    assert_int_equal(capture_live_dead(c), 0);
    send_some("lvax", 7);
    assert_int_equal(count_frames(c, 100), 7);
    assert_int_equal(capture_live_iface(c, 0)->received, 7);
    assert_int_equal(capture_live_iface(c, 1)->received, 5);
    capture_close(c);
    pair_down("lva");
    pair_down("lvb");
}

/* ---- filters ---- */

static void filtered(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned want; /* of 6 plain, 4 tagged frames */
    } cases[] = {{"udp port 53", 10}, {"tcp", 0},      {"vlan 100 and udp port 53", 4},
                 {"vlan 7", 0},       {"not vlan", 6}, {"port 20003", 2}};
    pair_up("lva");
    struct injector *inj = open_injector("lvax");
    for (size_t k = 0; k < ARRAY_LEN(cases); k++) {
        struct capture_live_options o = {
            .iface = {"lva"}, .bpf = cases[k].text, .ring_bytes = 1 << 20};
        int fd = capture_live_socket(&o, 0, &diags);
        struct capture *c = capture_live_attach(&o, &fd, 1, &diags);
        assert_non_null(c);
        uint8_t f[128];
        for (uint32_t i = 0; i < 10; i++)
            send_all(inj, f, make_frame(f, 100, i % 5, 0, i, i >= 6));
        unsigned n = count_frames(c, 50);
        if (n != cases[k].want)
            fail_msg("%s: %u frames, not %u", cases[k].text, n, cases[k].want);
        capture_close(c);
    }
    struct capture_live_options o = {.iface = {"lva"}, .bpf = "no such word"};
    uint32_t errors = diags.errors;
    assert_true(capture_live_socket(&o, 0, &diags) < 0);
    assert_int_equal(diags.errors, errors + 1);
    o.iface[0] = "nosuch";
    assert_int_equal(capture_live_socket(&o, 0, &diags), -ENODEV);
    injector_close(inj);
    pair_down("lva");
}

/* ---- libpcap ---- */

static void by_libpcap(void **state)
{
    (void)state;
    pair_up("lva");
    struct capture_live_options o = {.iface = {"lva"}, .promisc = true};
    struct capture *c = capture_pcap_open(&o, &diags);
    assert_non_null(c);
    static struct burst b;
    struct injector *inj = open_injector("lvax");
    uint8_t f[1600], want[1600];
    for (uint32_t i = 0; i < 100; i++)
        send_all(inj, f, make_frame(f, 100 + i, 3, 0, i, i % 3));
    uint32_t n = 0;
    for (int t = 0; t < 200 && n < 100; t++) {
        assert_int_equal(capture_recv(c, &b, 10), CAPTURE_MORE);
        for (unsigned i = 0; i < b.n; i++, n++) {
            make_frame(want, 100 + n, 3, 0, n, n % 3);
            assert_int_equal(b.frame[i].len, 100 + n);
            assert_memory_equal(b.frame[i].data, want, 100 + n);
        }
        capture_verdict(c, &b);
    }
    assert_int_equal(n, 100);
    capture_close(c);
    injector_close(inj);
    pair_down("lva");
}

/* ---- silence ---- */

static unsigned heard(bool silent)
{
    run("ip link add lva type veth peer name lvax");
    struct capture_live_options o = {.iface = {"lvax"}, .ring_bytes = 1 << 20};
    assert_int_equal(capture_silence_port("lvax", &diags), 0);
    int fd = capture_live_socket(&o, 0, &diags);
    struct capture *c = capture_live_attach(&o, &fd, 1, &diags);
    assert_non_null(c);
    if (silent) {
        assert_int_equal(capture_silence_port("lva", &diags), 0);
        assert_int_equal(capture_silence_port("lva", &diags), 0); /* again does no harm */
    } else {
        run("ip link set lva up");
    }
    unsigned n = count_frames(c, 1500);
    capture_close(c);
    pair_down("lva");
    return n;
}

static void silent_port(void **state)
{
    (void)state;
    assert_true(heard(false) > 0); /* the control: what an interface says when it comes up */
    assert_int_equal(heard(true), 0);
    assert_true(capture_silence_port("nosuch", &diags) < 0);
    assert_true(capture_silence_port("../../x", &diags) < 0);
}

/* A port that is up before anybody knows of it says nothing where its name was hushed; others do. */
static void hushed(void **state)
{
    (void)state;
    static const char *const names[] = {"elsewhere", "lva"};
    int fd = capture_hush(names, 2);
    if (fd < 0) {
        print_message("# no nf_tables: %s\n", strerror(-fd));
        skip();
    }
    assert_int_equal(heard(false), 0); /* no more than up */
    close(fd);
    assert_true(heard(false) > 0); /* gone with its socket */
    fd = capture_hush(names, 1);
    assert_true(fd >= 0);
    assert_true(heard(false) > 0);
    close(fd);
}

/* ---- raw sockets ---- */

static void raw_packets(void **state)
{
    (void)state;
    run("ip link set lo up");
    struct capture_live_options o = {.iface = {"lo"}, .ring_bytes = 1 << 20, .bpf = "udp port 53"};
    int fd = capture_live_socket(&o, 0, &diags);
    struct capture *c = capture_live_attach(&o, &fd, 1, &diags);
    assert_non_null(c);
    struct injector *i =
        injector_attach(-1, injector_raw_socket(4, &diags), injector_raw_socket(6, &diags));
    assert_false(injector_has_link(i));
    uint8_t f[128], six[60] = {0x60, 0, 0, 0, 0, 20, 17, 64};
    make_frame(f, 100, 1, 0, 1, 0);
    memcpy(f + 14 + 12, "\x7f\0\0\1\x7f\0\0\1", 8);
    six[23] = six[39] = 1;
    six[43] = 53;
    six[45] = 20;
    assert_true(injector_send_ip(i, f + 14, 86));
    assert_true(injector_send_ip(i, six, sizeof six));
    assert_false(injector_send_ip(i, "x", 1));
    assert_false(injector_send_frame(i, f, 100));
    assert_int_equal(count_frames(c, 100), 2);
    assert_int_equal(injector_counters(i)->sent, 2);
    assert_int_equal(injector_counters(i)->failed, 2);
    injector_close(i);
    capture_close(c);
}

static bool sink(void *ctx, const void *frame, size_t n, bool link)
{
    (void)frame;
    *(size_t *)ctx += n + (link ? 1000 : 0);
    return n < 4;
}
static void test_double(void **state)
{
    (void)state;
    size_t sum = 0;
    struct injector *i = injector_mem(sink, &sum);
    assert_true(injector_send_frame(i, "abc", 3));
    assert_true(injector_send_ip(i, "ab", 2));
    assert_int_equal(sum, 1005);
    assert_false(injector_send_frame(i, "refused", 7));
    assert_int_equal(injector_counters(i)->sent, 2);
    assert_int_equal(injector_counters(i)->failed, 1);
    assert_true(injector_has_link(i));
    assert_int_equal(injector_mac(i)[0], 2);
    injector_close(i);
}

/* A response port that is away at the start: what is sent meanwhile is refused, its MAC is learned when it appears. */
static void away(void **state)
{
    (void)state;
    static const uint8_t none[6], first[6] = {2, 0, 0, 0, 9, 1}, second[6] = {2, 0, 0, 0, 9, 2};
    uint8_t f[64];
    make_frame(f, sizeof f, 1, false, 1, 0);
    int fd = injector_socket_away(&diags);
    assert_true(fd >= 0);
    struct injector *i = injector_attach(fd, -1, -1);
    assert_non_null(i);
    assert_memory_equal(injector_mac(i), none, 6);
    assert_false(injector_send_frame(i, f, sizeof f));
    assert_int_equal(injector_counters(i)->failed, 1);
    assert_true(injector_rebind(fd, "lvz") < 0);
    for (unsigned k = 0; k < 2; k++) { /* and another one in its place */
        const uint8_t *mac = k ? second : first;
        run("ip link add lvz address 02:00:00:00:09:0%u type veth peer name lvzx", k + 1);
        assert_int_equal(capture_silence_port("lvz", &diags), 0);
        assert_int_equal(capture_silence_port("lvzx", &diags), 0);
        assert_int_equal(injector_rebind(fd, "lvz"), 0);
        assert_memory_equal(injector_mac(i), mac, 6);
        usleep(50000); /* carrier */
        assert_true(injector_send_frame(i, f, sizeof f));
        assert_int_equal(injector_counters(i)->sent, k + 1);
        pair_down("lvz");
    }
    assert_memory_equal(injector_mac(i), second, 6);
    injector_close(i);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    if (geteuid() != 0 || unshare(CLONE_NEWNET) != 0 ||
        system("ip link add lvt type veth peer name lvtx >/dev/null 2>&1 && ip link del lvt") !=
            0) {
        printf("1..0 # SKIP needs root, network namespaces, ip and veth\n");
        return 77;
    }
    arena_init(&arena, 0, 0);
    diags_init(&diags, &arena);
    reports = mmap(NULL, WORKERS * sizeof *reports, PROT_READ | PROT_WRITE,
                   MAP_SHARED | MAP_ANONYMOUS, -1, 0);
    assert_true(reports != MAP_FAILED);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(all_frames),   cmocka_unit_test(fanout), cmocka_unit_test(fanout_by_owner),
        cmocka_unit_test(super_frames), cmocka_unit_test(long_frames),
        cmocka_unit_test(down_and_up),  cmocka_unit_test(replaced),
        cmocka_unit_test(filtered),     cmocka_unit_test(by_libpcap),
        cmocka_unit_test(silent_port),  cmocka_unit_test(raw_packets),
        cmocka_unit_test(test_double),
        cmocka_unit_test(away), cmocka_unit_test(hushed),
    };
    int r = cmocka_run_group_tests(tests, NULL, NULL);
    for (const struct diag *d = diags.first; d && r; d = d->next)
        print_message("# diag: %s: %s\n", d->file, d->reason);
    arena_done(&arena);
    return r;
}
