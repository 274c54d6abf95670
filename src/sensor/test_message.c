/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages: what is sent arrives; what is none of ours never does, and leaves no descriptor. */
#include "sensor/message.h"

#include "base/arena.h"
#include "base/hash.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cmocka.h>

struct pair {
    int parent, child;
    struct message m;
};

static struct pair *pair_new(void)
{
    struct pair *p = calloc(1, sizeof(*p));
    assert_non_null(p);
    assert_int_equal(msg_channel(&p->parent, &p->child), 0);
    return p;
}

static void pair_free(struct pair *p)
{
    close(p->parent);
    close(p->child);
    free(p);
}

static unsigned open_fds(void)
{
    DIR *d = opendir("/proc/self/fd");
    unsigned n = 0;
    assert_non_null(d);
    while (readdir(d))
        n++;
    closedir(d);
    return n;
}

static void round_trip(void **state)
{
    (void)state;
    struct pair *p = pair_new();
    unsigned before = open_fds();
    struct msg_worker w = {.worker = 3, .mask = 5};
    int fd[2] = {open("/dev/null", O_RDONLY), open("/dev/zero", O_RDONLY)};
    assert_int_equal(msg_send(p->parent, MSG_RESPONSE, &w, sizeof(w), fd, 2), 0);
    assert_int_equal(msg_send(p->parent, MSG_STOP, NULL, 0, NULL, 0), 0);
    close(fd[0]);
    close(fd[1]);
    assert_int_equal(msg_recv(p->child, FROM_PARENT, true, &p->m), 1);
    assert_int_equal(p->m.type, MSG_RESPONSE);
    assert_int_equal(p->m.n_fds, 2);
    assert_memory_equal(p->m.body, &w, sizeof(w));
    int zero = msg_take_fd(&p->m, 1);
    char b = 1;
    assert_int_equal(read(zero, &b, 1), 1);
    assert_int_equal(b, 0);
    assert_true(fcntl(zero, F_GETFD) & FD_CLOEXEC);
    close(zero);
    assert_int_equal(msg_take_fd(&p->m, 1), -1);
    assert_int_equal(msg_take_fd(&p->m, 9), -1);
    msg_done(&p->m); /* closes the first */
    assert_int_equal(msg_recv(p->child, FROM_PARENT, true, &p->m), 1);
    assert_int_equal(p->m.type, MSG_STOP);
    assert_int_equal(msg_recv(p->child, FROM_PARENT, false, &p->m), -EAGAIN);
    assert_int_equal(open_fds(), before);
    close(p->parent);
    assert_int_equal(msg_recv(p->child, FROM_PARENT, true, &p->m), 0);
    p->parent = -1;
    pair_free(p);
}

/* What a child could send by hand. */
static void raw_send(int channel, const void *p, size_t n, unsigned n_fds)
{
    alignas(struct cmsghdr) char room[CMSG_SPACE(sizeof(int) * 64)] = {0};
    uint8_t copy[MSG_BODY + 4096];
    memcpy(copy, p, n);
    struct iovec v = {.iov_base = copy, .iov_len = n};
    struct msghdr m = {.msg_iov = &v, .msg_iovlen = 1};
    int fd[64];
    for (unsigned i = 0; i < n_fds; i++)
        fd[i] = open("/dev/null", O_RDONLY);
    if (n_fds) {
        m.msg_control = room;
        m.msg_controllen = CMSG_SPACE(sizeof(int) * n_fds);
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int) * n_fds);
        memcpy(CMSG_DATA(c), fd, sizeof(int) * n_fds);
    }
    assert_int_equal(sendmsg(channel, &m, 0), n);
    for (unsigned i = 0; i < n_fds; i++)
        close(fd[i]);
}

struct head {
    uint32_t magic, type, size, n_fds;
};
#define MAGIC 0x52504d31u

struct hostile {
    const char *what;
    struct head h;
    size_t body;   /* bytes really sent */
    unsigned fds;  /* descriptors really sent */
    unsigned fill; /* byte of the body */
};
static const struct hostile hostile[] = {
    {"nothing", {0, 0, 0, 0}, 0, 0, 0},
    {"wrong magic", {MAGIC + 1, MSG_READY, 8, 0}, 8, 0, 0},
    {"type out of range", {MAGIC, MSG_TYPES, 8, 0}, 8, 0, 0},
    {"type far out of range", {MAGIC, UINT32_MAX, 8, 0}, 8, 0, 0},
    {"not the engine's to send", {MAGIC, MSG_STOP, 0, 0}, 0, 0, 0},
    {"a setup from a child",
     {MAGIC, MSG_SETUP, sizeof(struct msg_setup), 1},
     sizeof(struct msg_setup),
     1,
     0},
    {"rules from a child",
     {MAGIC, MSG_RULES, sizeof(struct msg_rules), 2},
     sizeof(struct msg_rules),
     2,
     0},
    {"the compiler's word from the engine",
     {MAGIC, MSG_COMPILED, sizeof(struct msg_compiled), 0},
     sizeof(struct msg_compiled),
     0,
     0},
    {"the logger's word from the engine", {MAGIC, MSG_RING_DONE, 8, 0}, 8, 0, 0},
    {"too short", {MAGIC, MSG_READY, 7, 0}, 7, 0, 0},
    {"too long", {MAGIC, MSG_READY, 9, 0}, 9, 0, 0},
    {"says less than it is", {MAGIC, MSG_READY, 8, 0}, 16, 0, 0},
    {"says more than it is", {MAGIC, MSG_READY, 8, 0}, 4, 0, 0},
    {"longer than any", {MAGIC, MSG_DIAG, MSG_BODY + 64, 0}, MSG_BODY + 64, 0, 0},
    {"unasked descriptor", {MAGIC, MSG_READY, 8, 1}, 8, 1, 0},
    {"hidden descriptors", {MAGIC, MSG_READY, 8, 0}, 8, 3, 0},
    {"more descriptors than any", {MAGIC, MSG_READY, 8, 40}, 8, 40, 0},
    {"promised descriptors", {MAGIC, MSG_READY, 8, 2}, 8, 0, 0},
    {"texts longer than the message",
     {MAGIC, MSG_DIAG, sizeof(struct msg_diag), 0},
     sizeof(struct msg_diag),
     0,
     0x41},
    {"lengths that wrap around", {MAGIC, MSG_DIAG, 64, 0}, 64, 0, 0xff},
    {"impossible results of a swap",
     {MAGIC, MSG_SWAPPED, sizeof(struct msg_swapped), 0},
     sizeof(struct msg_swapped),
     0,
     0x55},
};

static void hostile_child(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(hostile); i++) {
        const struct hostile *x = &hostile[i];
        struct pair *p = pair_new();
        uint8_t record[sizeof(struct head) + MSG_BODY + 64];
        unsigned before = open_fds();
        size_t n = strcmp(x->what, "nothing") ? sizeof(x->h) + x->body : 1;
        memset(record, (int)x->fill, sizeof(record));
        memcpy(record, &x->h, sizeof(x->h));
        raw_send(p->child, record, n, x->fds);
        int rc = msg_recv(p->parent, FROM_ENGINE, true, &p->m);
        if (rc != -EPROTO)
            fail_msg("%s: %d", x->what, rc);
        assert_int_equal(open_fds(), before);
        /* The next one is not hurt. */
        struct msg_number ready = {.value = 1};
        assert_int_equal(msg_send(p->child, MSG_READY, &ready, sizeof(ready), NULL, 0), 0);
        assert_int_equal(msg_recv(p->parent, FROM_ENGINE, true, &p->m), 1);
        assert_int_equal(p->m.type, MSG_READY);
        msg_done(&p->m);
        pair_free(p);
    }
}

static void ranges(void **state)
{
    (void)state;
    struct {
        struct head h;
        struct msg_swapped s;
    } r = {.h = {MAGIC, MSG_SWAPPED, sizeof(struct msg_swapped), 0}};
    assert_true(msg_valid(&r, sizeof(r), 0, FROM_ENGINE));
    r.s.n_sample = MSG_SAMPLE + 1;
    assert_false(msg_valid(&r, sizeof(r), 0, FROM_ENGINE));
    r.s.n_sample = 1;
    assert_false(msg_valid(&r, sizeof(r), 0, FROM_ENGINE)); /* what: 0 */
    r.s.sample[0].what = '+';
    assert_true(msg_valid(&r, sizeof(r), 0, FROM_ENGINE));
    r.s.sample[0].was = ACTION_COUNT;
    assert_false(msg_valid(&r, sizeof(r), 0, FROM_ENGINE));
    r.s.sample[0].was = 0;
    r.s.rc = 1;
    assert_false(msg_valid(&r, sizeof(r), 0, FROM_ENGINE));
    r.s.rc = -EINVAL;
    assert_true(msg_valid(&r, sizeof(r), 0, FROM_ENGINE));
    struct {
        struct head h;
        struct msg_setup s;
    } *u = calloc(1, sizeof(*u));
    u->h = (struct head){MAGIC, MSG_SETUP, sizeof(struct msg_setup), 1};
    u->s.n_workers = 1;
    assert_true(msg_valid(u, sizeof(*u), 1, FROM_PARENT));
    u->s.n_workers = SENSOR_WORKERS + 1;
    assert_false(msg_valid(u, sizeof(*u), 1, FROM_PARENT));
    u->s.n_workers = 0;
    assert_false(msg_valid(u, sizeof(*u), 1, FROM_PARENT));
    u->s.n_workers = 1;
    u->s.n_ifaces = CAPTURE_IFACES + 1;
    assert_false(msg_valid(u, sizeof(*u), 1, FROM_PARENT));
    u->s.n_ifaces = 1;
    memset(u->s.iface[0], 'x', MSG_NAME); /* no end */
    assert_false(msg_valid(u, sizeof(*u), 1, FROM_PARENT));
    free(u);
}

static void diags(void **state)
{
    (void)state;
    struct pair *p = pair_new();
    struct arena a;
    arena_init(&a, 0, 0);
    char longer[6000];
    memset(longer, 'r', sizeof(longer) - 1);
    longer[sizeof(longer) - 1] = 0;
    struct diag in[] = {
        {.level = DIAG_WARNING,
         .line = 3,
         .column = 4,
         .sid = 5,
         .file = "a.rules",
         .reason = "why\n\x1b[31mred",
         .hint = "do"},
        {.level = DIAG_ERROR, .reason = longer},
        {.level = DIAG_ERROR, .reason = ""},
    };
    for (size_t i = 0; i < ARRAY_LEN(in); i++) {
        assert_int_equal(msg_send_diag(p->child, &in[i], DIAG_REFUSAL), 0);
        assert_int_equal(msg_recv(p->parent, FROM_COMPILER, true, &p->m), 1);
        struct diag *out = msg_read_diag(&p->m, &a);
        assert_non_null(out);
        assert_int_equal(out->level, in[i].level);
        assert_int_equal(out->line, in[i].line);
        assert_int_equal(out->sid, in[i].sid);
        if (i == 0) {
            assert_string_equal(out->file, "a.rules");
            assert_string_equal(out->reason, "why??[31mred");
            assert_string_equal(out->hint, "do");
        } else {
            assert_null(out->file);
            assert_null(out->hint);
            assert_int_equal(strlen(out->reason), i == 1 ? 4096 : 1);
        }
        msg_done(&p->m);
    }
    arena_done(&a);
    pair_free(p);
}

/* Any bytes: never more than "no". */
static void noise(void **state)
{
    (void)state;
    uint64_t seed = 0;
    if (random_bytes(&seed, sizeof(seed)))
        seed = 1;
    printf("# seed %llu\n", (unsigned long long)seed);
    srandom((unsigned)seed);
    for (unsigned turn = 0; turn < 20000; turn++) {
        size_t n = (size_t)random() % 200;
        uint8_t *r = malloc(n + 1);
        for (size_t i = 0; i < n; i++)
            r[i] = (uint8_t)random();
        struct head h = {MAGIC, (uint32_t)random() % (MSG_TYPES + 1),
                         (uint32_t)(n < sizeof(h) ? 0 : n - sizeof(h)), 0};
        if (n >= sizeof(h) && turn & 1)
            memcpy(r, &h, sizeof(h));
        if (msg_valid(r, n, 0, FROM_ANY)) {
            /* What passes has the size of its type. */
            memcpy(&h, r, sizeof(h));
            assert_int_equal(h.size, n - sizeof(h));
            assert_string_not_equal(msg_name(h.type), "?");
        }
        free(r);
    }
}

static void memory(void **state)
{
    (void)state;
    uint8_t *p;
    size_t n;
    int fd = memory_of("t", "hello", 5);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, "x", 1, 0), -1); /* sealed */
    assert_int_equal(ftruncate(fd, 1), -1);
    assert_int_equal(memory_read(fd, 4, &p, &n), -EFBIG);
    assert_int_equal(memory_read(fd, 5, &p, &n), 0);
    assert_int_equal(n, 5);
    assert_memory_equal(p, "hello", 5);
    free(p);
    close(fd);
    fd = memory_shared("s", 8192);
    assert_true(fd >= 0);
    assert_int_equal(ftruncate(fd, 1), -1); /* no SIGBUS for whoever has it mapped */
    assert_int_equal(ftruncate(fd, 9000), -1);
    assert_int_equal(pwrite(fd, "x", 1, 0), 1);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(round_trip), cmocka_unit_test(hostile_child), cmocka_unit_test(ranges),
        cmocka_unit_test(diags),      cmocka_unit_test(noise),         cmocka_unit_test(memory),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
