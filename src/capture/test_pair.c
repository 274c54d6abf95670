/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A wire on virtual links, in a network namespace of its own: verdicts carried out, frames held,
 * and the gate on the rings.  Needs root, ip(8), veth and BPF; without them it is skipped (77).
 */
#include "capture/test_util.h"

#include <arpa/inet.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <sched.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"
#include "capture/gate/gate.h"

static struct arena arena;
static struct diags diags;
enum { LEN = 90, AFTER_MS = 200 };

struct world {
    struct gate *gate;
    struct gate_beats *beats;
    struct capture *c;
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
    assert_int_equal(bind(fd, (struct sockaddr *)&l, sizeof l), 0);
    return fd;
}

static int begin(void **state)
{
    struct world *w = calloc(1, sizeof *w);
    struct gate_options g = {.after_ns = AFTER_MS * NS_PER_MS, .workers = 1};
    static const char *const port[] = {"ila", "ilb"};
    assert_int_equal(
        system(
            "ip link add ila type veth peer name ilax && ip link add ilb type veth peer name ilbx"),
        0);
    static const char *const all[] = {"ila", "ilax", "ilb", "ilbx"};
    for (size_t i = 0; i < ARRAY_LEN(all); i++)
        assert_int_equal(capture_silence_port(all[i], &diags), 0);
    usleep(50000); /* carrier */
    w->gate = gate_new(&g, &diags);
    assert_non_null(w->gate);
    w->beats = gate_beats_map(gate_beats_fd(w->gate));
    assert_non_null(w->beats);
    struct capture_pair_options o = {.live = {.ring = RING_V2,
                                              .ring_bytes = 1 << 20,
                                              .in_wire = true,
                                              .gate_fd = gate_filter_fd(w->gate)},
                                     .beats = w->beats,
                                     .after_ns = g.after_ns};
    int fd[2];
    for (unsigned i = 0; i < 2; i++)
        o.live.iface[i] = port[i];
    for (unsigned i = 0; i < 2; i++) {
        fd[i] = capture_live_socket(&o.live, i, &diags);
        assert_true(fd[i] >= 0);
    }
    w->c = capture_pair_attach(&o, fd, 2, &diags);
    assert_non_null(w->c);
    w->left = ear("ilax");
    w->right = ear("ilbx");
    assert_int_equal(capture_recv(w->c, &w->b, 0), CAPTURE_MORE); /* the first beat */
    *state = w;
    return 0;
}

static int end(void **state)
{
    struct world *w = *state;
    capture_close(w->c);
    gate_beats_unmap(w->beats);
    gate_free(w->gate);
    close(w->left);
    close(w->right);
    free(w);
    return system("ip link del ila && ip link del ilb") != 0;
}

static void say(int fd, char mark)
{
    uint8_t f[LEN] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5};
    f[14] = (uint8_t)mark;
    assert_int_equal(send(fd, f, sizeof f, 0), LEN);
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
        assert_int_equal(capture_recv(w->c, &w->b, 20), CAPTURE_MORE);
    while (!w->b.n && clock_mono_ns() < until);
    assert_int_equal(w->b.n, n);
}

static void both_ways(void **state)
{
    struct world *w = *state;
    say(w->left, 'a');
    take(w, 1);
    assert_int_equal(w->b.frame[0].iface, 0);
    capture_verdict(w->c, &w->b);
    assert_string_equal(heard(w->right), "a");
    say(w->right, 'b');
    take(w, 1);
    assert_int_equal(w->b.frame[0].iface, 1);
    capture_verdict(w->c, &w->b);
    assert_string_equal(heard(w->left), "b");
    assert_string_equal(heard(w->right), ""); /* not back where it came from */
    assert_int_equal(capture_counters(w->c)->out_sent, 2);
}

static void verdicts(void **state)
{
    struct world *w = *state;
    uint8_t other[LEN];
    for (const char *m = "abcd"; *m; m++)
        say(w->left, *m);
    usleep(20000);
    take(w, 4);
    memcpy(other, w->b.frame[2].data, LEN);
    other[14] = 'C';
    w->b.verdict[1] = VERDICT_DROP;
    w->b.verdict[2] = VERDICT_MODIFIED;
    w->b.data[2] = other;
    w->b.len[2] = LEN;
    uint8_t own[LEN] = {2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1, 0x88, 0xb5, 'o'};
    assert_true(capture_send(w->c, 1, own, LEN)); /* behind the burst */
    capture_verdict(w->c, &w->b);
    assert_string_equal(heard(w->right), "aCdo");
    const struct capture_counters *n = capture_counters(w->c);
    assert_int_equal(n->dropped, 1);
    assert_int_equal(n->modified, 1);
    assert_int_equal(n->out_sent, 3);
    assert_int_equal(n->out_failed, 0);
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
    capture_verdict(w->c, &w->b);
    assert_string_equal(heard(w->right), "c");
    assert_true(capture_release(w->c, w->b.hold_id[0], VERDICT_PASS, NULL, 0));
    assert_string_equal(heard(w->right), "a");
    assert_false(capture_release(w->c, w->b.hold_id[0], VERDICT_PASS, NULL, 0));
    usleep(120000);
    assert_int_equal(capture_recv(w->c, &w->b, 0), CAPTURE_MORE);
    assert_string_equal(heard(w->right), "b"); /* its time is over */
    assert_int_equal(capture_counters(w->c)->held_late, 1);
}

static void gate(void **state)
{
    struct world *w = *state;
    say(w->left, 'a');
    take(w, 1);
    capture_verdict(w->c, &w->b);
    assert_string_equal(heard(w->right), "a");
    gate_open(w->gate); /* as the supervisor does */
    say(w->left, 'b');
    usleep(20000);
    assert_int_equal(capture_recv(w->c, &w->b, 0), CAPTURE_MORE); /* beats */
    assert_int_equal(w->b.n, 0);
    say(w->left, 'c');
    take(w, 1);
    capture_verdict(w->c, &w->b);
    assert_string_equal(heard(w->right), "c");
    usleep((AFTER_MS + 50) * 1000); /* a loop that hangs */
    say(w->left, 'd');
    usleep(20000);
    assert_int_equal(capture_recv(w->c, &w->b, 0), CAPTURE_MORE);
    assert_int_equal(w->b.n, 0);
    assert_int_equal(capture_counters(w->c)->stalled, 1);
    capture_let_go(w->c);
    say(w->left, 'e');
    usleep(20000);
    for (unsigned i = 0; i < 3; i++) { /* no beat any more */
        assert_int_equal(capture_recv(w->c, &w->b, 10), CAPTURE_MORE);
        assert_int_equal(w->b.n, 0);
    }
}

/* What waited in the ring is given, late; the kernel had no part in it. */
static void late(void **state)
{
    struct world *w = *state;
    say(w->left, 'a');
    usleep((AFTER_MS + 50) * 1000);
    take(w, 1);
    capture_verdict(w->c, &w->b);
    assert_string_equal(heard(w->right), "a");
    assert_int_equal(capture_counters(w->c)->late, 1);
}

/* A ring that runs full lets the beat go, and takes it up when it is empty. */
static void overload(void **state)
{
    struct world *w = *state;
    unsigned got = 0;
    for (unsigned i = 0; i < 450; i++) /* of 512 slots */
        say(w->left, 'x');
    usleep(20000);
    for (unsigned i = 0; i < 100 && got < 450; i++) {
        assert_int_equal(capture_recv(w->c, &w->b, 0), CAPTURE_MORE);
        got += w->b.n;
        capture_verdict(w->c, &w->b);
    }
    assert_int_equal(got, 450);
    assert_int_equal(capture_counters(w->c)->let_go, 1);
    assert_int_equal(capture_recv(w->c, &w->b, 0), CAPTURE_MORE);
    (void)heard(w->right);
    assert_int_equal(capture_recv(w->c, &w->b, 0), CAPTURE_MORE);
    say(w->left, 'y');
    take(w, 1);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    arena_init(&arena, 0, 0);
    diags_init(&diags, &arena);
    struct gate_options g = {.after_ns = NS_PER_SEC, .workers = 1};
    struct gate *try = geteuid() ? NULL : gate_new(&g, &diags);
    if (!try || unshare(CLONE_NEWNET) ||
        system("ip link add ila type veth peer name ilax >/dev/null 2>&1 && ip link del ila") !=
            0) {
        printf("1..0 # SKIP needs root, network namespaces, ip, veth and BPF\n");
        return 77;
    }
    gate_free(try);
#define CASE(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {CASE(both_ways), CASE(verdicts), CASE(held),
                                       CASE(gate),      CASE(late),     CASE(overload)};
    int r = cmocka_run_group_tests(tests, NULL, NULL);
    for (const struct diag *d = diags.first; d && r; d = d->next)
        print_message("# diag: %s: %s\n", d->file ? d->file : "", d->reason);
    arena_done(&arena);
    return r;
}
