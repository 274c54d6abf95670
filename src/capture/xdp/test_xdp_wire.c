/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A wire by AF_XDP on virtual links, in a network namespace of its own: verdicts carried out,
 * frames held, the gate with a bridge below, tags beside the frame, overload.  Needs root, ip(8),
 * veth, bridge and BPF; without them it is skipped (77).
 */
#include "capture/test_util.h"

#include <arpa/inet.h>
#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <linux/pkt_cls.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "capture/gate/gate.h"
#include "capture/xdp/xdp.h"

static struct arena arena;
static struct diags diags;
enum { LEN = 90, AFTER_MS = 300, WORKERS = 2 };

struct world {
    struct gate *gate;
    struct gate_beats *beats;
    struct xdp_wire *wire;
    struct xdp_area *area;
    int frames_fd;
    struct capture *c[WORKERS];
    int left, right; /* hosts' ends */
    struct burst b;
};

static int ear(const char *iface)
{
    int fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0), one = 1;
    struct sockaddr_ll l = {.sll_family = AF_PACKET,
                            .sll_protocol = htons(3),
                            .sll_ifindex = (int)if_nametoindex(iface)};
    assert_true(fd >= 0);
    (void)setsockopt(fd, SOL_PACKET, 23 /* PACKET_IGNORE_OUTGOING */, &one, sizeof one);
    (void)setsockopt(fd, SOL_PACKET, PACKET_AUXDATA, &one, sizeof one);
    assert_int_equal(bind(fd, (struct sockaddr *)&l, sizeof l), 0);
    return fd;
}

static void open_workers(struct world *w, const struct gate_options *g)
{
    static const char *const port[] = {"xla", "xlb"};
    struct xdp_frames f = xdp_frames_for(w->wire, 16 << 20);
    w->frames_fd = memfd_create("frames", MFD_CLOEXEC);
    assert_true(w->frames_fd >= 0 && !ftruncate(w->frames_fd, (off_t)f.bytes));
    for (unsigned k = 0; k < g->workers; k++) {
        struct capture_xdp_options o = {
            .pair = {.beats = w->beats, .worker = k, .after_ns = g->after_ns},
            .queues = {1, 1},
            .workers = g->workers,
            .frames = f,
            .frames_fd = w->frames_fd,
            .area = &w->area,
        };
        int fd[2];
        for (unsigned i = 0; i < 2; i++) {
            o.pair.live.iface[i] = port[i];
            fd[i] = xdp_wire_socket(w->wire, i, 0, k, &diags);
            assert_true(fd[i] >= 0);
            if (!i && !k)
                assert_int_equal(xdp_register(fd[i], w->frames_fd, &f, &diags), 0);
        }
        w->c[k] = capture_xdp_attach(&o, fd, 2, &diags);
        assert_non_null(w->c[k]);
    }
}

static void beat_all(struct world *w)
{
    for (unsigned k = 0; k < WORKERS; k++)
        if (w->c[k])
            assert_int_equal(capture_recv(w->c[k], &w->b, 0), CAPTURE_MORE);
}

static int begin_with(void **state, unsigned workers, bool stale_drop)
{
    struct world *w = calloc(1, sizeof *w);
    struct gate_options g = {
        .after_ns = AFTER_MS * NS_PER_MS, .workers = workers, .stale_drop = stale_drop};
    static const char *const all[] = {"xla", "xlax", "xlb", "xlbx"};
    static const char *const port[] = {"xla", "xlb"};
    struct wire_bridge bridge;
    assert_int_equal(
        system(
            "ip link add xla type veth peer name xlax && ip link add xlb type veth peer name xlbx"),
        0);
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        assert_int_equal(capture_silence_port(all[i], &diags), 0);
    assert_int_equal(wire_bridge_up("xla", "xlb", &bridge, &diags), 0);
    usleep(50000); /* carrier */
    w->gate = gate_new(&g, &diags);
    assert_non_null(w->gate);
    w->beats = gate_beats_map(gate_beats_fd(w->gate));
    w->wire = xdp_wire_new(w->gate, workers, &diags);
    assert_true(w->beats && w->wire);
    for (unsigned i = 0; i < 2; i++)
        assert_int_equal(xdp_wire_attach(w->wire, i, port[i], &diags), 0);
    open_workers(w, &g);
    w->left = ear("xlax");
    w->right = ear("xlbx");
    beat_all(w);
    *state = w;
    return 0;
}

static int begin(void **state)
{
    return begin_with(state, 1, false);
}
static int begin_two(void **state)
{
    return begin_with(state, 2, false);
}
static int begin_shut(void **state)
{
    return begin_with(state, 1, true);
}

static int end(void **state)
{
    struct world *w = *state;
    for (unsigned k = 0; k < WORKERS; k++)
        capture_close(w->c[k]);
    xdp_wire_free(w->wire);
    gate_beats_unmap(w->beats);
    gate_free(w->gate);
    close(w->frames_fd);
    close(w->left);
    close(w->right);
    free(w);
    return system("ip link del xla && ip link del xlb && for b in $(ip -br link show type bridge | "
                  "cut -d' ' -f1); do ip "
                  "link del $b; done") != 0;
}

static void say_n(int fd, char mark, size_t n)
{
    uint8_t f[1514] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5};
    f[14] = (uint8_t)mark;
    assert_int_equal(send(fd, f, n, 0), n);
}
static void say(int fd, char mark)
{
    say_n(fd, mark, LEN);
}

/* The marks of what arrives within 100 ms. */
static const char *heard(int fd)
{
    static char marks[64];
    unsigned n = 0;
    struct pollfd p = {.fd = fd, .events = POLLIN};
    while (n + 1 < sizeof marks && poll(&p, 1, 100) > 0) {
        uint8_t f[2048];
        ssize_t r = recv(fd, f, sizeof f, MSG_DONTWAIT);
        if (r > 14)
            marks[n++] = (char)f[14];
    }
    marks[n] = 0;
    return marks;
}

static void take(struct world *w, unsigned n)
{
    uint64_t until = clock_mono_ns() + 5 * NS_PER_SEC;
    do
        assert_int_equal(capture_recv(w->c[0], &w->b, 20), CAPTURE_MORE);
    while (!w->b.n && clock_mono_ns() < until);
    assert_int_equal(w->b.n, n);
}

/* ------------------------------------------------------------------ */

static void both_ways(void **state)
{
    struct world *w = *state;
    uint64_t before = clock_wall_ns();
    say(w->left, 'a');
    take(w, 1);
    assert_int_equal(w->b.frame[0].iface, 0);
    assert_in_range(w->b.frame[0].ts_ns, before - NS_PER_MS * 2,
                    clock_wall_ns()); /* when it came */
    capture_verdict(w->c[0], &w->b);
    assert_string_equal(heard(w->right), "a");
    say(w->right, 'b');
    take(w, 1);
    assert_int_equal(w->b.frame[0].iface, 1);
    capture_verdict(w->c[0], &w->b);
    assert_string_equal(heard(w->left), "b");
    assert_string_equal(heard(w->right), ""); /* not back where it came from */
    assert_int_equal(capture_counters(w->c[0])->out_sent, 2);
    struct gate_counters g;
    gate_counters(w->gate, &g);
    assert_int_equal(g.taken, 2);
    assert_int_equal(g.bridged, 0);
}

static void verdicts(void **state)
{
    struct world *w = *state;
    uint8_t other[1000];
    for (const char *m = "abcd"; *m; m++)
        say(w->left, *m);
    usleep(20000);
    take(w, 4);
    memset(other, 7, sizeof other); /* longer than it came */
    memcpy(other, w->b.frame[2].data, LEN);
    other[14] = 'C';
    w->b.verdict[1] = VERDICT_DROP;
    w->b.verdict[2] = VERDICT_MODIFIED;
    w->b.data[2] = other;
    w->b.len[2] = sizeof other;
    uint8_t own[LEN] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5, 'o'};
    assert_true(capture_send(w->c[0], 1, own, LEN)); /* behind the burst */
    assert_false(capture_send(w->c[0], 2, own, LEN));
    capture_verdict(w->c[0], &w->b);
    assert_string_equal(heard(w->right), "aCdo");
    const struct capture_counters *n = capture_counters(w->c[0]);
    assert_true(n->dropped == 1 && n->modified == 1 && n->out_sent == 3 && n->out_failed == 0);
}

static void held(void **state)
{
    struct world *w = *state;
    for (const char *m = "abc"; *m; m++)
        say(w->left, *m);
    usleep(20000);
    take(w, 3);
    w->b.verdict[0] = w->b.verdict[1] = VERDICT_HOLD;
    w->b.until_ns[0] = clock_wall_ns() + 3600 * NS_PER_SEC;
    w->b.until_ns[1] = clock_wall_ns() + 100 * NS_PER_MS;
    capture_verdict(w->c[0], &w->b);
    assert_string_equal(heard(w->right), "c");
    assert_true(capture_release(w->c[0], w->b.hold_id[0], VERDICT_PASS, NULL, 0));
    assert_string_equal(heard(w->right), "a");
    assert_false(capture_release(w->c[0], w->b.hold_id[0], VERDICT_PASS, NULL, 0));
    usleep(120000);
    assert_int_equal(capture_recv(w->c[0], &w->b, 0), CAPTURE_MORE);
    assert_string_equal(heard(w->right), "b"); /* its time is over */
    assert_int_equal(capture_counters(w->c[0])->held_late, 1);
}

/* Shut or open, it goes one way, once. */
static void gate(void **state)
{
    struct world *w = *state;
    struct gate_counters g;
    gate_open(w->gate); /* as the supervisor does */
    say(w->left, 'b');
    assert_string_equal(heard(w->right), "b"); /* by the bridge */
    beat_all(w);
    assert_int_equal(w->b.n, 0);
    say(w->left, 'c');
    assert_string_equal(heard(w->right), "");
    take(w, 1);
    capture_verdict(w->c[0], &w->b);
    assert_string_equal(heard(w->right), "c");
    usleep((AFTER_MS + 50) * 1000); /* a loop that hangs */
    say(w->left, 'd');
    assert_string_equal(heard(w->right), "d");
    beat_all(w);
    assert_int_equal(w->b.n, 0);
    assert_int_equal(capture_counters(w->c[0])->stalled, 1);
    capture_let_go(w->c[0]);
    say(w->left, 'e');
    assert_string_equal(heard(w->right), "e");
    beat_all(w); /* no beat any more */
    say(w->left, 'f');
    assert_string_equal(heard(w->right), "f");
    gate_counters(w->gate, &g);
    assert_int_equal(g.bridged, 4);
    assert_int_equal(g.taken, 1);
}

static void shut(void **state)
{
    struct world *w = *state;
    struct gate_counters g;
    gate_open(w->gate);
    say(w->left, 'b');
    assert_string_equal(heard(w->right), "");
    gate_counters(w->gate, &g);
    assert_true(g.stale_dropped == 1 && g.bridged == 0);
}

/* What waited is given, late; the kernel had no part in it. */
static void late(void **state)
{
    struct world *w = *state;
    say(w->left, 'a');
    usleep((AFTER_MS + 50) * 1000);
    take(w, 1);
    capture_verdict(w->c[0], &w->b);
    assert_string_equal(heard(w->right), "a");
    assert_int_equal(capture_counters(w->c[0])->late, 1);
}

/* A ring that runs full lets the beat go: the rest goes by the bridge. */
static void overload(void **state)
{
    struct world *w = *state;
    struct gate_counters g;
    unsigned got = 0;
    for (unsigned i = 0; i < 1800; i++) /* of 2048 */
        say(w->left, 'x');
    beat_all(w); /* with a burst of them */
    got = w->b.n;
    capture_verdict(w->c[0], &w->b);
    assert_int_equal(capture_counters(w->c[0])->let_go, 1);
    say(w->left, 'y');
    gate_counters(w->gate, &g);
    assert_int_equal(g.bridged, 1);
    for (unsigned i = 0; i < 100 && got < 1800; i++) {
        assert_int_equal(capture_recv(w->c[0], &w->b, 0), CAPTURE_MORE);
        got += w->b.n;
        capture_verdict(w->c[0], &w->b);
    }
    assert_int_equal(got, 1800);
    beat_all(w);
    say(w->left, 'z');
    take(w, 1);
    assert_int_equal(capture_counters(w->c[0])->out_failed, 0);
    assert_int_equal(capture_counters(w->c[0])->let_go, 1);
}

/* A port that is down takes nothing: counted, and not kept for when it is up again. */
static void down(void **state)
{
    struct world *w = *state;
    assert_int_equal(system("ip link set xlb down"), 0);
    for (unsigned k = 0; k < 100; k++) {
        say(w->left, 'x');
        take(w, 1);
        capture_verdict(w->c[0], &w->b);
    }
    const struct capture_counters *n = capture_counters(w->c[0]);
    assert_in_range(n->out_failed, 99, 100);
    assert_int_equal(system("ip link set xlb up"), 0);
    usleep(50000);
    beat_all(w);
    (void)heard(w->right); /* one may have been in the ring */
    say(w->left, 'y');
    take(w, 1);
    capture_verdict(w->c[0], &w->b);
    assert_string_equal(heard(w->right), "y");
}

/* Many times as many as there are places: none is forgotten anywhere. */
static void no_frame_is_forgotten(void **state)
{
    struct world *w = *state;
    unsigned got = 0, sent = 0;
    while (sent < 40000) {
        for (unsigned i = 0; i < 100; i++, sent++)
            say_n(i & 1 ? w->left : w->right, 'x', i & 2 ? LEN : 1514);
        do {
            assert_int_equal(capture_recv(w->c[0], &w->b, 0), CAPTURE_MORE);
            got += w->b.n;
            for (unsigned i = 0; i < w->b.n; i++) {
                static const uint8_t what[] = {VERDICT_PASS, VERDICT_DROP, VERDICT_MODIFIED,
                                               VERDICT_HOLD};
                w->b.verdict[i] = what[(sent + i) % ARRAY_LEN(what)];
                w->b.data[i] = w->b.frame[i].data;
                w->b.len[i] = w->b.frame[i].len;
                w->b.until_ns[i] = 0;
            }
            capture_verdict(w->c[0], &w->b);
        } while (w->b.n);
    }
    const struct capture_counters *n = capture_counters(w->c[0]);
    assert_int_equal(got, sent);
    assert_true(n->out_failed == 0 && n->let_go == 0);
    assert_int_equal(n->out_sent + n->dropped, sent);
}

/* A sender that keeps the tag beside the frame, as one with a tagged device does. */
static void a_tag_beside(void **state)
{
    struct world *w = *state;
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)if_nametoindex("xlax"),
                .attach_point = BPF_TC_EGRESS);
    LIBBPF_OPTS(bpf_tc_opts, opts);
    const struct bpf_insn push[] = {
        {.code = BPF_ALU64 | BPF_MOV | BPF_K,
         .dst_reg = 2,
         .imm = 0x0081}, /* 802.1Q in network order */
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 3, .imm = 10},
        {.code = BPF_JMP | BPF_CALL, .imm = BPF_FUNC_skb_vlan_push},
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = TC_ACT_OK},
        {.code = BPF_JMP | BPF_EXIT},
    };
    if (xdp_wire_mode(w->wire, 0) != XDP_MODE_NATIVE_TAGS) {
        print_message("# the kernel tells no tags\n");
        return;
    }
    opts.prog_fd =
        bpf_prog_load(BPF_PROG_TYPE_SCHED_CLS, "push", "GPL", push, ARRAY_LEN(push), NULL);
    assert_true(opts.prog_fd >= 0);
    assert_int_equal(bpf_tc_hook_create(&hook), 0);
    assert_int_equal(bpf_tc_attach(&hook, &opts), 0);
    say(w->left, 't');
    take(w, 1);
    const struct frame *f = &w->b.frame[0];
    assert_int_equal(f->len, LEN + 4);
    assert_memory_equal(f->data + 12, "\x81\x00\x00\x0a\x88\xb5t", 7);
    assert_memory_equal(f->data, "\2\0\0\0\0\2\2\0\0\0\0\1", 12);
    capture_verdict(w->c[0], &w->b);
    uint8_t got[200], aux[200];
    struct iovec io = {got, sizeof got};
    struct msghdr m = {
        .msg_iov = &io, .msg_iovlen = 1, .msg_control = aux, .msg_controllen = sizeof aux};
    struct pollfd p = {.fd = w->right, .events = POLLIN};
    assert_int_equal(poll(&p, 1, 1000), 1);
    assert_int_equal(recvmsg(w->right, &m, 0), LEN); /* the kernel took it off */
    struct cmsghdr *h = CMSG_FIRSTHDR(&m);
    struct tpacket_auxdata x;
    assert_non_null(h);
    memcpy(&x, CMSG_DATA(h), sizeof x);
    assert_int_equal(x.tp_vlan_tci, 10);
    close(opts.prog_fd);
}

/* Two workers: both ends of a conversation come to the one that capture_owner names. */
static void by_owner(void **state)
{
    struct world *w = *state;
    unsigned of[WORKERS] = {0};
    for (unsigned i = 0; i < 64; i++) {
        uint8_t f[60] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 8, 0, 0x45, 0, 0, 46, [23] = 17};
        memcpy(f + 26, "\x0a\0\0\1\x0a\0\0\2", 8);
        be16_put(f + 34, (uint16_t)(1000 + i * 7));
        be16_put(f + 36, 53);
        struct ip_addr a = ip_from_v4(f + 26), b = ip_from_v4(f + 30);
        unsigned owner = capture_owner(4, &a, &b, (uint16_t)(1000 + i * 7), 53, WORKERS);
        assert_int_equal(send(w->left, f, sizeof f, 0), sizeof f);
        memcpy(f + 26, b.b + 12, 4);
        memcpy(f + 30, a.b + 12, 4);
        be16_put(f + 34, 53);
        be16_put(f + 36, (uint16_t)(1000 + i * 7));
        assert_int_equal(send(w->right, f, sizeof f, 0), sizeof f);
        for (unsigned k = 0; k < WORKERS; k++) {
            unsigned n = 0;
            for (unsigned turn = 0; turn < 20 && (turn < 2 || (k == owner && n < 2)); turn++) {
                assert_int_equal(capture_recv(w->c[k], &w->b, 1), CAPTURE_MORE);
                n += w->b.n;
                capture_verdict(w->c[k], &w->b);
            }
            assert_int_equal(n, k == owner ? 2 : 0);
        }
        of[owner]++;
    }
    assert_true(of[0] > 10 && of[1] > 10);
    assert_int_equal(capture_counters(w->c[0])->out_sent + capture_counters(w->c[1])->out_sent,
                     128);
}

static void anothers_program(void **state)
{
    struct world *w = *state;
    const struct bpf_insn pass[] = {
        {.code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = 0, .imm = 2},
        {.code = BPF_JMP | BPF_EXIT},
    };
    xdp_detach("xla");
    int fd = bpf_prog_load(BPF_PROG_TYPE_XDP, "theirs", "GPL", pass, 2, NULL),
        index = (int)if_nametoindex("xla");
    assert_true(fd >= 0);
    assert_int_equal(bpf_xdp_attach(index, fd, 0, NULL), 0);
    xdp_detach("xla"); /* not ours */
    assert_int_equal(xdp_wire_attach(w->wire, 0, "xla", &diags), -EBUSY);
    assert_int_equal(bpf_xdp_detach(index, 0, NULL), 0);
    assert_int_equal(xdp_wire_attach(w->wire, 0, "xla", &diags), 0);
    close(fd);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    arena_init(&arena, 0, 0);
    diags_init(&diags, &arena);
    struct gate_options g = {.after_ns = NS_PER_SEC, .workers = 1};
    struct gate *try = geteuid() ? NULL : gate_new(&g, &diags);
    if (!try || unshare(CLONE_NEWNET) ||
        system("ip link add xla type veth peer name xlax >/dev/null 2>&1 && ip link del xla") !=
            0) {
        printf("1..0 # SKIP needs root, network namespaces, ip, veth and BPF\n");
        return 77;
    }
    gate_free(try);
#define CASE(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        CASE(both_ways),
        CASE(verdicts),
        CASE(held),
        CASE(gate),
        cmocka_unit_test_setup_teardown(shut, begin_shut, end),
        CASE(late),
        CASE(overload),
        CASE(down),
        CASE(no_frame_is_forgotten),
        CASE(a_tag_beside),
        cmocka_unit_test_setup_teardown(by_owner, begin_two, end),
        CASE(anothers_program),
    };
    int r = cmocka_run_group_tests(tests, NULL, NULL);
    for (const struct diag *d = diags.first; d && r; d = d->next)
        print_message("# diag: %s: %s\n", d->file ? d->file : "", d->reason);
    arena_done(&arena);
    return r;
}
