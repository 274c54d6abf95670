/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Around capture files: size, standard input, folders, filters, what leaves, full disks. */
#include "capture/test_make.h"

#include <fcntl.h>
#include <signal.h>
#include <time.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "capture/capread.h"

static struct drained got; /* large */
static struct arena arena;
static struct diags diags;

static int setup(void **state)
{
    (void)state;
    arena_init(&arena, 0, 0);
    diags_init(&diags, &arena);
    return 0;
}
static int teardown(void **state)
{
    (void)state;
    arena_done(&arena);
    return 0;
}

static void check_five(const struct pcap_kind *k, unsigned n)
{
    assert_int_equal(got.frames, n);
    for (uint32_t i = 0; i < n; i++) {
        const struct frame *f = &got.frame[i];
        assert_int_equal(f->len, i == 2 ? 0 : 10 + i);
        assert_int_equal(f->wire_len, 110 + i);
        assert_int_equal(f->ts_ns, (1000 + i) * 1000000000ull + i * 7 * (1000000000 / k->units));
        assert_int_equal(f->number, i + 1);
        assert_int_equal(f->link, LINK_SLL);
        for (uint32_t j = 0; j < f->len; j++)
            assert_int_equal(f->data[j], 'a' + i);
    }
}

static void run_file(const char *path, const struct capture_file_options *o)
{
    struct capture *c = capture_file_open(path, o, &diags);
    assert_non_null(c);
    drain(c, &got);
    capture_close(c);
}

/* ---- size: a stream's window moves many times, a large block is passed over ---- */

static uint64_t sum_capture(const char *path, uint64_t *frames)
{
    static struct burst b;
    struct capture *c = capture_file_open(path, NULL, &diags);
    uint64_t sum = 0;
    assert_non_null(c);
    *frames = 0;
    enum capture_state st;
    while ((st = capture_recv(c, &b, 100)) != CAPTURE_END) {
        assert_int_equal(st, CAPTURE_MORE);
        for (unsigned i = 0; i < b.n; i++) {
            assert_int_equal(b.frame[i].number, ++*frames);
            for (uint32_t j = 0; j < b.frame[i].len; j += 61)
                sum = sum * 31 + b.frame[i].data[j];
            sum = sum * 31 + b.frame[i].len + b.frame[i].ts_ns;
        }
        capture_verdict(c, &b);
    }
    capture_close(c);
    return sum;
}

static void large_files(void **state)
{
    (void)state;
    struct tmp_dir t = tmp_make();
    char path[256];
    struct maker m = {.big = false};
    sbuf_init(&m.b);
    ng_section(&m);
    ng_iface(&m, &(struct ng_if){LINK_ETHERNET, 0, -1, 0, NULL});
    uint32_t x = 7, many = 3000;
    for (uint32_t i = 0; i < many; i++) {
        x = x * 1664525 + 1013904223;
        uint32_t len = i % 500 == 250 ? CAP_FRAME_MAX : (x >> 16) % 9000;
        ng_packet(&m, 0, i, len, (uint8_t)x, false);
    }
    void *large = calloc(1, 3 << 20);
    ng_block(&m, 10, large, 3 << 20); /* larger than the window */
    free(large);
    ng_packet(&m, 0, many, 60, 'x', false);
    uint64_t plain, packed;
    file_put(tmp_path(&t, "x", path), m.b.p, m.b.n);
    uint64_t a = sum_capture(path, &plain);
    assert_int_equal(plain, many + 1);
    for (size_t k = 1; k < ARRAY_LEN(file_put_as); k++) {
        file_put_as[k](path, m.b.p, m.b.n);
        assert_int_equal(sum_capture(path, &packed), a);
        assert_int_equal(packed, many + 1);
    }
    sbuf_done(&m.b);
    tmp_remove(&t);
}

/* ---- packed ---- */

static void broken_compression(void (*put)(const char *path, const void *p, size_t n), size_t from)
{
    struct tmp_dir t = tmp_make();
    char path[256];
    static uint8_t z[4096];
    struct maker m;
    pcap_make(&m, &kinds[0], false);
    put(tmp_path(&t, "x", path), m.b.p, m.b.n);
    size_t n = file_get(path, z, sizeof z);
    for (size_t cut = from; cut < n; cut++) {
        file_put(path, z, cut);
        struct capture *c = capture_file_open(path, NULL, &diags);
        if (!c)
            continue;
        drain(c, &got);
        assert_true(got.frames <= 5);
        assert_int_equal(got.errors, 1);
        assert_non_null(strstr(got.error, "compressed data is broken or cut"));
        capture_close(c);
    }
    /* Two members are one file; garbage behind them is nobody's. */
    size_t half = 24 + 26;
    put(path, m.b.p, half);
    size_t a = file_get(path, z, sizeof z);
    if (put == file_put_xz) { /* padding */
        memset(z + a, 0, 8);
        a += 8;
    }
    put(path, m.b.p + half, m.b.n - half);
    size_t b = file_get(path, z + a, sizeof z - a);
    memcpy(z + a + b, "garbage", 7);
    file_put(path, z, a + b + 7);
    run_file(path, NULL);
    check_five(&kinds[0], 5);
    assert_int_equal(got.errors, 0);
    sbuf_done(&m.b);
    tmp_remove(&t);
}
static void broken_gzip(void **state)
{
    (void)state;
    broken_compression(file_put_gz, 2);
}
static void broken_xz(void **state)
{
    (void)state;
    broken_compression(file_put_xz, 6);
}

/* What is not unpacked here is told with the command that does. */
static void packed_otherwise(void **state)
{
    (void)state;
    static const struct {
        const char *begin, *said;
    } t[] = {{"\x28\xb5\x2f\xfd\x24", "`zstd -dc FILE | riposte replay -r -`"},
             {"BZh91AY&SY", "`bzip2 -dc FILE |"}};
    struct tmp_dir dir = tmp_make();
    char path[256];
    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        file_put(tmp_path(&dir, "x", path), t[i].begin, strlen(t[i].begin));
        assert_null(capture_file_open(path, NULL, &diags));
        if (!strstr(diags.newest->reason, t[i].said))
            fail_msg("\"%s\" lacks \"%s\"", diags.newest->reason, t[i].said);
        assert_null(capture_file_open(dir.path, NULL,
                                      &diags)); /* nor is it left out of a folder without a word */
        assert_non_null(strstr(diags.newest->reason, t[i].said));
    }
    tmp_remove(&dir);
}

/* ---- standard input ---- */

static void from_stdin(void **state)
{
    (void)state;
    struct maker m;
    struct tmp_dir t = tmp_make();
    char path[256];
    int keep = dup(0), p[2];
    pcap_make(&m, &kinds[0], true);
    for (size_t k = ARRAY_LEN(file_put_as); k--;) { /* the last one is plain */
        file_put_as[k](tmp_path(&t, "x", path), m.b.p, m.b.n);
        static uint8_t bytes[4096];
        size_t n = file_get(path, bytes, sizeof bytes);
        assert_int_equal(pipe(p), 0);
        pid_t kid = fork();
        if (kid == 0) { /* byte by byte */
            for (size_t i = 0; i < n; i++)
                if (write(p[1], bytes + i, 1) != 1)
                    _exit(1);
            _exit(0);
        }
        close(p[1]);
        dup2(p[0], 0);
        close(p[0]);
        run_file("-", NULL);
        check_five(&kinds[0], 5);
        assert_int_equal(got.errors, 0);
        waitpid(kid, NULL, 0);
    }
    FILE *f = freopen(path, "rb", stdin); /* a regular file is mapped */
    assert_non_null(f);
    run_file("-", NULL);
    check_five(&kinds[0], 5);
    dup2(keep, 0);
    close(keep);
    sbuf_done(&m.b);
    tmp_remove(&t);
}

/* A writer that pauses: recv comes back empty within its time. */
static void slow_pipe(void **state)
{
    (void)state;
    struct maker m;
    static struct burst b;
    int keep = dup(0), p[2];
    pcap_make(&m, &kinds[0], false);
    assert_int_equal(pipe(p), 0);
    assert_int_equal(write(p[1], m.b.p, 24 + 26 + 3), 24 + 26 + 3);
    dup2(p[0], 0);
    struct capture *c = capture_file_open("-", NULL, &diags);
    assert_non_null(c);
    assert_int_equal(capture_recv(c, &b, 0), CAPTURE_MORE);
    assert_int_equal(b.n, 1);
    capture_verdict(c, &b);
    assert_int_equal(capture_recv(c, &b, 0), CAPTURE_MORE);
    assert_int_equal(b.n, 0);
    assert_int_equal(write(p[1], m.b.p + 53, m.b.n - 53), m.b.n - 53);
    close(p[1]);
    drain(c, &got);
    assert_int_equal(got.frames, 4);
    capture_close(c);
    dup2(keep, 0);
    close(keep);
    close(p[0]);
    sbuf_done(&m.b);
}

/* ---- folders ---- */

static void put_one(const struct tmp_dir *t, const char *name, uint32_t sec, uint16_t link)
{
    char path[256];
    struct maker m = {.big = false};
    sbuf_init(&m.b);
    pcap_head(&m, &kinds[0], link);
    pcap_record(&m, &kinds[0], sec, 0, 4, 4, name[strlen(name) - 1] == 'z' ? 'z' : 'p');
    pcap_record(&m, &kinds[0], sec + 1, 0, 4, 4, 'q');
    (strstr(name, ".gz") ? file_put_gz : file_put)(tmp_path(t, name, path), m.b.p, m.b.n);
    sbuf_done(&m.b);
}
static void expect_times(unsigned n, const uint32_t *sec)
{
    assert_int_equal(got.frames, 2 * n);
    for (unsigned i = 0; i < n; i++) {
        assert_int_equal(got.frame[2 * i].ts_ns / 1000000000, sec[i]);
        assert_int_equal(got.frame[2 * i].number, 2 * i + 1);
    }
}

static void folders(void **state)
{
    (void)state;
    struct tmp_dir t = tmp_make();
    char path[256];
    assert_null(capture_file_open(t.path, NULL, &diags)); /* empty */
    put_one(&t, "b.pcap", 100, LINK_ETHERNET);
    put_one(&t, "a.pcap.gz", 300, LINK_RAW);
    put_one(&t, ".hidden", 1, LINK_RAW);
    file_put(tmp_path(&t, "README", path), "text", 4);
    assert_int_equal(mkdir(tmp_path(&t, "sub", path), 0700), 0);
    put_one(&t, "sub/c.pcap", 200, LINK_SLL);
    assert_int_equal(symlink("..", tmp_path(&t, "sub/up", path)), 0);

    uint32_t warned = diags.warnings;
    run_file(t.path, NULL);
    expect_times(2, (uint32_t[]){300, 100});
    assert_int_equal(diags.warnings, warned + 2); /* README is none, and sub is left out */
    assert_int_equal(got.frame[0].link, LINK_RAW);
    assert_int_equal(got.frame[2].link, LINK_ETHERNET);
    run_file(t.path, &(struct capture_file_options){.recursive = true});
    expect_times(3, (uint32_t[]){300, 100, 200});
    run_file(t.path, &(struct capture_file_options){.recursive = true, .by_time = true});
    expect_times(3, (uint32_t[]){100, 200, 300});

    /* One that is broken in the middle of the order is told, and the next one follows. */
    struct maker m = {.big = false};
    sbuf_init(&m.b);
    pcap_head(&m, &kinds[0], LINK_ETHERNET);
    pcap_record(&m, &kinds[0], 1, 2, 3, 3, 'x');
    pcap_record(&m, &kinds[0], 1, 2, CAP_FRAME_MAX + 1, 1, 'x');
    file_put(tmp_path(&t, "aa.pcap", path), m.b.p, m.b.n);
    sbuf_done(&m.b);
    file_put(tmp_path(&t, "ab.pcap", path), "\xa1\xb2\xc3\xd4", 4);
    run_file(t.path, NULL);
    assert_int_equal(got.frames, 5);
    assert_int_equal(got.errors, 2);
    assert_int_equal(got.frame[4].number, 5);
    tmp_remove(&t);
}

/* Asked until nothing comes any more; the numbers of the first frames' seconds. */
static unsigned ask(struct capture *c, uint32_t *sec, unsigned room)
{
    static struct burst b;
    unsigned n = 0, quiet = 0;
    while (quiet < 3) {
        enum capture_state st = capture_recv(c, &b, 0);
        assert_int_not_equal(st, CAPTURE_END);
        quiet = b.n || st == CAPTURE_ERROR ? 0 : quiet + 1;
        for (unsigned i = 0; i < b.n && n < room; i++)
            sec[n++] = (uint32_t)(b.frame[i].ts_ns / 1000000000);
        capture_verdict(c, &b);
    }
    return n;
}

static void set_age(const struct tmp_dir *t, const char *name, time_t seconds)
{
    char path[256];
    struct timespec now;
    assert_int_equal(clock_gettime(CLOCK_REALTIME, &now), 0);
    struct timespec both[2] = {{now.tv_sec - seconds, 0}, {now.tv_sec - seconds, 0}};
    assert_int_equal(utimensat(AT_FDCWD, tmp_path(t, name, path), both, 0), 0);
}

/* A folder that grows: each file once, in the order of its last change, when it is old enough;
 * deleted when read. */
static void followed(void **state)
{
    (void)state;
    struct tmp_dir t = tmp_make();
    char path[256];
    uint32_t sec[16];
    struct capture_file_options o = {.follow = true, .delay_ns = 60 * 1000000000ull};
    struct capture *c = capture_file_open(t.path, &o, &diags);
    assert_non_null(c); /* empty is fine */
    assert_int_equal(ask(c, sec, 16), 0);
    put_one(&t, "a.pcap", 100, LINK_ETHERNET);
    put_one(&t, "b.pcap", 200, LINK_ETHERNET);
    put_one(&t, "c.pcap", 300, LINK_ETHERNET);
    set_age(&t, "a.pcap", 70);
    set_age(&t, "b.pcap", 90);
    assert_int_equal(ask(c, sec, 16), 4); /* c may still be written to */
    assert_true(sec[0] == 200 && sec[1] == 201 && sec[2] == 100);
    assert_int_equal(ask(c, sec, 16), 0);
    set_age(&t, "a.pcap", 65); /* changed, but read */
    set_age(&t, "c.pcap", 61);
    assert_int_equal(ask(c, sec, 16), 2);
    assert_int_equal(sec[0], 300);
    /* Another file under a name that was there. */
    put_one(&t, "new", 400, LINK_ETHERNET);
    char from[256];
    assert_int_equal(rename(tmp_path(&t, "new", from), tmp_path(&t, "b.pcap", path)), 0);
    set_age(&t, "b.pcap", 61);
    assert_int_equal(ask(c, sec, 16), 2);
    assert_int_equal(sec[0], 400);
    capture_close(c);

    o.delete_done = true;
    c = capture_file_open(t.path, &o, &diags);
    file_put(tmp_path(&t, "cut", path), "\xa1\xb2\xc3\xd4", 4);
    set_age(&t, "cut", 61);
    assert_int_equal(ask(c, sec, 16), 6);
    assert_int_equal(access(tmp_path(&t, "a.pcap", path), F_OK), -1);
    assert_int_equal(access(tmp_path(&t, "c.pcap", path), F_OK), -1);
    assert_int_equal(access(tmp_path(&t, "cut", path), F_OK), 0); /* not read whole */
    capture_close(c);
    o.follow = false;
    put_one(&t, "d.pcap", 500, LINK_ETHERNET);
    run_file(t.path, &o);
    assert_int_equal(got.frames, 2);
    assert_int_equal(access(tmp_path(&t, "d.pcap", path), F_OK), -1);
    o.follow = true;
    assert_null(capture_file_open(tmp_path(&t, "cut", path), &o, &diags)); /* no folder */
    tmp_remove(&t);
}

static void missing(void **state)
{
    (void)state;
    assert_null(capture_file_open("/nonexistent/x.pcap", NULL, &diags));
    assert_string_equal(diags.first->file, "/nonexistent/x.pcap");
    assert_non_null(strstr(diags.first->reason, "No such file"));
}

/* ---- filters ---- */

static void ip_frame(struct maker *m, const struct pcap_kind *k, uint8_t proto, bool ether)
{
    static const uint8_t mac[14] = {2, 0, 0, 0, 0, 1, 2, 0, 0, 0, 0, 2, 8, 0};
    uint8_t ip[28] = {0x45, 0, 0, 28, 0,  0, 0, 0, 64, proto, 0, 0,
                      10,   0, 0, 1,  10, 0, 0, 2, 0,  53,    0, 53};
    uint32_t n = sizeof ip + (ether ? sizeof mac : 0);
    mk32(m, 1), mk32(m, proto), mk32(m, n), mk32(m, n);
    (void)k;
    if (ether)
        sbuf_put(&m->b, mac, sizeof mac);
    sbuf_put(&m->b, ip, sizeof ip);
}

static void filters(void **state)
{
    (void)state;
    struct tmp_dir t = tmp_make();
    char path[256];
    for (int ether = 0; ether < 2; ether++) {
        struct maker m = {.big = false};
        sbuf_init(&m.b);
        pcap_head(&m, &kinds[0], ether ? LINK_ETHERNET : LINK_RAW);
        for (unsigned i = 0; i < 9000; i++)
            ip_frame(&m, &kinds[0], i % 4500 == 4499 ? 17 : 6, ether);
        file_put(tmp_path(&t, ether ? "e" : "r", path), m.b.p, m.b.n);
        sbuf_done(&m.b);
        run_file(path, &(struct capture_file_options){.bpf = "udp and port 53"});
        assert_int_equal(got.frames, 2);
        assert_int_equal(got.errors, 0);
        assert_int_equal(got.frame[1].number, 2); /* frames that the filter let through count */
        assert_int_equal(got.frame[1].ts_ns, 1000017000);
    }
    run_file(t.path, &(struct capture_file_options){.bpf = "udp"}); /* both link types */
    assert_int_equal(got.frames, 4);
    run_file(t.path, &(struct capture_file_options){.bpf = "ether src 2:0:0:0:0:2 and udp"});
    assert_int_equal(got.frames, 2);
    assert_int_equal(got.errors, 1);
    assert_non_null(strstr(got.error, "link type 101"));
    uint32_t errors = diags.errors;
    assert_null(
        capture_file_open(path, &(struct capture_file_options){.bpf = "no such word"}, &diags));
    assert_int_equal(diags.errors, errors + 1);
    tmp_remove(&t);
}

/* ---- what leaves ---- */

static void forwarded(void **state)
{
    (void)state;
    struct tmp_dir t = tmp_make();
    char in[256], out[256];
    static struct burst b;
    for (size_t k = 0; k < 2; k++) { /* micro- and nanoseconds */
        struct maker m;
        pcap_make(&m, &kinds[k], false);
        file_put(tmp_path(&t, "in", in), m.b.p, m.b.n);
        tmp_path(&t, "forwarded.pcap", out);
        struct capture *c =
            capture_file_open(in, &(struct capture_file_options){.out_path = out}, &diags);
        assert_int_equal(capture_recv(c, &b, 0), CAPTURE_MORE);
        assert_int_equal(b.n, 5);
        assert_int_equal(b.now_ns, b.frame[4].ts_ns);
        b.verdict[0] = VERDICT_DROP;
        b.verdict[1] = VERDICT_MODIFIED;
        b.data[1] = (const uint8_t *)"other";
        b.len[1] = 5;
        b.verdict[2] = VERDICT_HOLD; /* leaves behind the fourth */
        b.until_ns[2] = b.frame[4].ts_ns;
        capture_verdict(c, &b);
        assert_int_equal(capture_recv(c, &b, 0), CAPTURE_END);
        const struct capture_counters *n = capture_counters(c);
        assert_int_equal(n->received, 5);
        assert_int_equal(n->dropped, 1);
        assert_int_equal(n->modified, 1);
        assert_int_equal(n->passed, 3);
        assert_int_equal(n->held, 1);
        assert_int_equal(n->held_late, 1);
        assert_int_equal(n->out_sent, 4);
        assert_int_equal(n->truncated, 5);
        capture_close(c);
        run_file(out, NULL);
        assert_int_equal(got.frames, 4);
        assert_int_equal(got.frame[0].len, 5);
        assert_memory_equal(got.frame[0].data, "other", 5);
        assert_int_equal(got.frame[1].data[0], 'd');
        assert_int_equal(got.frame[2].len, 0);
        assert_int_equal(got.frame[2].wire_len, 112);
        assert_int_equal(got.frame[3].data[0], 'e');
        assert_int_equal(got.frame[3].link, LINK_SLL);
        uint64_t unit = k ? 1 : 1000;
        assert_int_equal(got.frame[3].ts_ns, 1004000000000ull + 28 * unit);
        sbuf_done(&m.b);
    }
    tmp_remove(&t);
}

/* A disk that is full for a while: the file never holds half a record, nothing is lost in between.
 */
static void full_disk(void **state)
{
    (void)state;
    struct tmp_dir t = tmp_make();
    char path[256];
    static uint8_t data[1000];
    struct rlimit old, small = {300000, RLIM_INFINITY};
    signal(SIGXFSZ, SIG_IGN);
    getrlimit(RLIMIT_FSIZE, &old);
    small.rlim_max = old.rlim_max;
    struct pcap_writer *w = pcap_writer_open(tmp_path(&t, "x", path), LINK_RAW, true);
    assert_non_null(w);
    setrlimit(RLIMIT_FSIZE, &small);
    unsigned kept = 0, refused = 0;
    for (unsigned i = 0; i < 1500; i++)
        if (pcap_writer_put(w, i, data, sizeof data, sizeof data) == 0)
            kept++;
        else
            refused++;
    assert_true(refused > 0);
    struct stat st;
    stat(path, &st);
    assert_true(st.st_size > 290000);
    assert_int_equal((st.st_size - 24) % 1016, 0);
    setrlimit(RLIMIT_FSIZE, &old);
    assert_int_equal(pcap_writer_flush(w), 0);
    assert_int_equal(pcap_writer_put(w, 5000000007, data, 10, 20), 0);
    assert_int_equal(pcap_writer_close(w), 0);
    uint64_t frames;
    sum_capture(path, &frames);
    assert_int_equal(frames, kept + 1);
    assert_null(pcap_writer_open("/nonexistent/x", LINK_RAW, false));
    tmp_remove(&t);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(broken_gzip), T(broken_xz), T(packed_otherwise), T(large_files),
        T(from_stdin),  T(slow_pipe), T(folders),          T(followed),
        T(missing),     T(filters),   T(forwarded),        T(full_disk),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
