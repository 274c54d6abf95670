/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Sinks: whole records over full disks, rotation, reopening, sockets that come and go. */
#include "event/out.h"
#include "event/test_help.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

struct place {
    char *dir;
    char path[200];
    struct out_state st;
    struct out *o;
};

static void place_new(struct place *p)
{
    memset(p, 0, sizeof(*p));
    p->dir = test_dir();
    snprintf(p->path, sizeof(p->path), "%s/log", p->dir);
}

static int place_open(struct place *p, struct out_config c)
{
    c.path = p->path;
    return out_new(&c, &p->st, &p->o);
}

static void place_free(struct place *p)
{
    out_free(p->o);
    test_dir_free(p->dir);
}

static const uint64_t sec = 1000000000u;

/* Writes line i: its number and filling up to `size` bytes with the newline. */
static void line(struct place *p, unsigned i, size_t size, uint64_t ts)
{
    struct sbuf *b = out_begin(p->o, ts);
    if (!b)
        return;
    size_t at = b->n;
    sbuf_printf(b, "%08u ", i);
    while (b->n - at < size - 1)
        sbuf_byte(b, (uint8_t)('a' + (b->n - at) % 26));
    sbuf_byte(b, '\n');
    out_commit(p->o);
}

/* Checks that a file consists of whole lines of that size; *last is the number of the last one. */
static unsigned lines(const char *dir, const char *name, size_t size, unsigned *first,
                      unsigned *last)
{
    size_t n;
    char *text = test_file(dir, name, &n);
    assert_non_null(text);
    assert_int_equal(n % size, 0);
    for (size_t i = 0; i < n; i += size) {
        assert_int_equal(text[i + size - 1], '\n');
        assert_int_equal(text[i + 8], ' ');
        assert_null(memchr(text + i, '\n', size - 1));
    }
    *first = n ? (unsigned)strtoul(text, NULL, 10) : 0;
    *last = n ? (unsigned)strtoul(text + n - size, NULL, 10) : 0;
    free(text);
    return (unsigned)(n / size);
}

static void test_append(void **state)
{
    (void)state;
    struct place p;
    unsigned first, last;
    place_new(&p);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(place_open(&p, (struct out_config){.text = true}), 0);
        line(&p, i, 20, 0);
        out_free(p.o);
        p.o = NULL;
    }
    assert_int_equal(lines(p.dir, "log", 20, &first, &last), 3);
    /* What a crash left half written is cut off. */
    FILE *f = fopen(p.path, "a");
    fputs("00000009 half", f);
    fclose(f);
    assert_int_equal(place_open(&p, (struct out_config){.text = true}), 0);
    line(&p, 3, 20, 0);
    out_free(p.o);
    assert_int_equal(lines(p.dir, "log", 20, &first, &last), 4);
    assert_int_equal(last, 3);
    /* append: no */
    assert_int_equal(place_open(&p, (struct out_config){.text = true, .truncate = true}), 0);
    line(&p, 4, 20, 0);
    out_free(p.o);
    assert_int_equal(lines(p.dir, "log", 20, &first, &last), 1);
    struct stat st;
    assert_int_equal(stat(p.path, &st), 0);
    assert_int_equal(st.st_mode & 0777 & ~0640, 0);
    p.o = NULL;
    place_free(&p);
}

static void test_missing_folder(void **state)
{
    (void)state;
    struct place p;
    struct arena a;
    struct diags d;
    static const char *const settings[] = {"outputs.0.fast.enabled=yes", NULL};
    static const struct logger_identity id = {.sensor = "s"};
    place_new(&p);
    snprintf(p.path, sizeof(p.path), "%s/none/log", p.dir);
    assert_int_equal(place_open(&p, (struct out_config){0}), -ENOENT);
    assert_int_equal(place_open(&p, (struct out_config){.kind = OUT_STAMPED}), -ENOENT);
    snprintf(p.path, sizeof(p.path), "%s/none", p.dir);
    arena_init(&a, 0, 0);
    diags_init(&d, &a);
    struct conf *c = test_conf(settings);
    struct logger *l = logger_new(c, p.path, &id, &d);
    assert_non_null(l);
    assert_int_equal(d.errors, 1);
    assert_non_null(strstr(d.first->reason, "none/fast.log: No such file or directory"));
    assert_non_null(d.first->hint);
    logger_free(l);
    conf_free(c);
    arena_done(&a);
    place_free(&p);
}

static void test_reopen(void **state)
{
    (void)state;
    struct place p;
    char moved[220], gone[220];
    unsigned first, last;
    place_new(&p);
    assert_int_equal(place_open(&p, (struct out_config){.text = true}), 0);
    line(&p, 1, 20, 0);
    snprintf(moved, sizeof(moved), "%s/log.old", p.dir);
    assert_int_equal(rename(p.path, moved), 0);
    line(&p, 2, 20, 0); /* before the signal: still to the old file */
    out_reopen(p.o);
    line(&p, 3, 20, 0);
    out_flush(p.o);
    assert_int_equal(lines(p.dir, "log.old", 20, &first, &last), 2);
    assert_int_equal(lines(p.dir, "log", 20, &first, &last), 1);
    assert_int_equal(first, 3);
    /* The folder went away: nothing is lost, the error is said, and the next flush tries again. */
    snprintf(gone, sizeof(gone), "%s-gone", p.dir);
    assert_int_equal(rename(p.dir, gone), 0);
    out_reopen(p.o);
    assert_int_equal(p.st.count.write_errors, 1);
    assert_string_equal(p.st.error, "log: No such file or directory");
    line(&p, 4, 20, 0);
    out_flush(p.o);
    assert_int_equal(lines(gone, "log", 20, &first, &last), 2);
    assert_int_equal(rename(gone, p.dir), 0);
    out_flush(p.o);
    line(&p, 5, 20, 0);
    out_flush(p.o);
    assert_int_equal(lines(p.dir, "log", 20, &first, &last), 3);
    assert_int_equal(p.st.count.lost, 0);
    place_free(&p);
}

static void test_rotate_size(void **state)
{
    (void)state;
    struct place p;
    unsigned first, last, sum = 0, files = 0;
    char name[40];
    place_new(&p);
    assert_int_equal(place_open(&p, (struct out_config){.text = true, .limit_bytes = 1000}), 0);
    for (unsigned i = 0; i < 100; i++)
        line(&p, i, 90, (1000 + i / 30) * sec); /* several files in one second */
    out_flush(p.o);
    for (unsigned s = 1000; s < 1020; s++) {
        snprintf(name, sizeof(name), "log.%u", s);
        if (!test_names(p.dir, name))
            continue;
        unsigned n = lines(p.dir, name, 90, &first, &last);
        assert_int_equal(n, 11); /* 990 bytes */
        assert_int_equal(first, sum);
        sum += n;
        files++;
    }
    assert_int_equal(files, 9);
    sum += lines(p.dir, "log", 90, &first, &last);
    assert_int_equal(sum, 100);
    assert_int_equal(last, 99);
    assert_int_equal(p.st.count.files_rotated, 9);
    place_free(&p);
}

/* Names by the time of the first record, in the zone of the process; a new file at the clock's turn. */
static void test_dated(void **state)
{
    (void)state;
    struct place p;
    unsigned first, last;
    setenv("TZ", "UTC", 1);
    place_new(&p);
    size_t at = strlen(p.path);
    snprintf(p.path + at, sizeof(p.path) - at, "-%%Y%%m%%d-%%H%%M");
    struct out_config c = {.text = true, .dated = true, .dated_from = at, .every = {.unit = TURN_HOUR}};
    assert_int_equal(place_open(&p, c), 0);
    assert_int_equal(test_names(p.dir, ""), 0); /* no record, no file */
    static const uint64_t day = 86400;
    line(&p, 0, 20, (day * 365 + 3599) * sec + 999999999);
    line(&p, 1, 20, (day * 365 + 3600) * sec); /* the first of the next hour */
    line(&p, 2, 20, (day * 365 + 3500) * sec); /* late: where the others are now */
    line(&p, 3, 20, (day * 365 + 7199) * sec);
    line(&p, 4, 20, (day * 365 + 9000) * sec); /* an hour later than the one that is over */
    line(&p, 5, 20, (day * 366 + 0) * sec);
    out_flush(p.o);
    assert_int_equal(lines(p.dir, "log-19710101-0059", 20, &first, &last), 1);
    assert_int_equal(lines(p.dir, "log-19710101-0100", 20, &first, &last), 3);
    assert_int_equal(last, 3);
    assert_int_equal(lines(p.dir, "log-19710101-0230", 20, &first, &last), 1);
    assert_int_equal(lines(p.dir, "log-19710102-0000", 20, &first, &last), 1);
    assert_int_equal(test_names(p.dir, ""), 4);
    assert_int_equal(p.st.count.files_rotated, 3);
    /* A signal: the next record names the file, the same name is gone on with. */
    out_reopen(p.o);
    line(&p, 6, 20, (day * 366 + 1) * sec);
    out_reopen(p.o);
    line(&p, 7, 20, (day * 366 + 61) * sec);
    out_flush(p.o);
    assert_int_equal(lines(p.dir, "log-19710102-0000", 20, &first, &last), 2);
    assert_int_equal(lines(p.dir, "log-19710102-0001", 20, &first, &last), 1);
    place_free(&p);
}

/* Without a name that tells the time a file gets out of the way, as by size; one that can't be written stays. */
static void test_turn_of_one_name(void **state)
{
    (void)state;
    struct place p;
    unsigned first, last;
    place_new(&p);
    struct out_config c = {.text = true, .every = {.unit = TURN_SECONDS, .seconds = 10}};
    assert_int_equal(place_open(&p, c), 0);
    for (unsigned i = 0; i < 25; i++)
        line(&p, i, 20, (1000 + i) * sec);
    out_flush(p.o);
    assert_int_equal(lines(p.dir, "log.1010", 20, &first, &last), 10);
    assert_int_equal(last, 9);
    assert_int_equal(lines(p.dir, "log.1020", 20, &first, &last), 10);
    assert_int_equal(lines(p.dir, "log", 20, &first, &last), 5);
    assert_int_equal(first, 20);
    assert_int_equal(p.st.count.files_rotated, 2);
    place_free(&p);
    /* append: no, and a turn that is finer than the name: nothing of one's own is lost */
    place_new(&p);
    size_t at = strlen(p.path);
    snprintf(p.path + at, sizeof(p.path) - at, "-%%Y");
    c = (struct out_config){.text = true, .truncate = true, .dated = true, .dated_from = at, .every = {.unit = TURN_MINUTE}};
    assert_int_equal(place_open(&p, c), 0);
    for (unsigned i = 0; i < 5; i++)
        line(&p, i, 20, (1000 + i * 60) * sec);
    out_flush(p.o);
    assert_int_equal(lines(p.dir, "log-1970", 20, &first, &last), 5);
    place_free(&p);
}

static void test_intervals(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        enum turn_unit unit;
        uint32_t seconds;
        uint64_t from, next; /* seconds, UTC */
    } rows[] = {
        {"minute", TURN_MINUTE, 0, 61, 120},     {"hour", TURN_HOUR, 0, 3600, 7200},
        {"day", TURN_DAY, 0, 86399, 86400},      {"30", TURN_SECONDS, 30, 61, 91},
        {"30s", TURN_SECONDS, 30, 61, 91},       {"2m", TURN_SECONDS, 120, 61, 181},
        {"3h", TURN_SECONDS, 10800, 61, 10861},  {"1d", TURN_SECONDS, 86400, 0, 86400},
        {"1w", TURN_SECONDS, 604800, 0, 604800}, {"", 0, 0, 0, 0},
        {"0", 0, 0, 0, 0},                       {"s", 0, 0, 0, 0},
        {"month", 0, 0, 0, 0},                   {"-1s", 0, 0, 0, 0},
        {"10000w", 0, 0, 0, 0},
    };
    setenv("TZ", "UTC", 1);
    tzset();
    for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
        struct out_turn t = {0};
        if (out_turn_read(str_cstr(rows[i].text), &t) != (rows[i].unit != TURN_NEVER))
            fail_msg("%s", rows[i].text);
        if (rows[i].unit == TURN_NEVER)
            continue;
        assert_true(t.unit == rows[i].unit && t.seconds == rows[i].seconds);
        assert_int_equal(out_turn_next(&t, rows[i].from * sec), rows[i].next * sec);
    }
    /* A day of 23 hours, a day of 25, the hour that comes twice. */
    struct out_turn day = {.unit = TURN_DAY}, hour = {.unit = TURN_HOUR};
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    tzset();
    static const uint64_t march = 1774738800, october = 1792879200; /* 2026-03-29, 2026-10-25, 00:00 local */
    assert_int_equal(out_turn_next(&day, march * sec), (march + 23 * 3600) * sec);
    assert_int_equal(out_turn_next(&day, october * sec), (october + 25 * 3600) * sec);
    for (uint64_t h = 0, t = october; h < 25; h++, t += 3600)
        assert_int_equal(out_turn_next(&hour, t * sec), (t + 3600) * sec);
    setenv("TZ", "UTC", 1);
    tzset();
}

static void header(void *ctx, struct sbuf *b)
{
    sbuf_cstr(b, ctx);
}

static void test_stamped(void **state)
{
    (void)state;
    struct place p;
    static char head[] = "HEADHEADHEADHEADHEAD"; /* as long as one line */
    place_new(&p);
    assert_int_equal(place_open(&p, (struct out_config){.kind = OUT_STAMPED,
                                                        .limit_bytes = 100,
                                                        .max_files = 3,
                                                        .header = header,
                                                        .ctx = head}),
                     0);
    assert_int_equal(test_names(p.dir, ""), 0);
    for (unsigned i = 0; i < 20; i++)
        line(&p, i, 20, (50 + i) * sec);
    out_flush(p.o);
    /* Four lines a file beside the header; the newest three of five are kept. */
    assert_int_equal(test_names(p.dir, ""), 3);
    for (unsigned s = 58; s <= 66; s += 4) {
        char name[40];
        size_t n;
        snprintf(name, sizeof(name), "log.%u", s);
        char *text = test_file(p.dir, name, &n);
        assert_non_null(text);
        assert_int_equal(n, 100);
        assert_memory_equal(text, head, 20);
        assert_int_equal(strtoul(text + 20, NULL, 10), s - 50);
        free(text);
    }
    assert_int_equal(p.st.count.files_rotated, 4);
    /* After a signal the next record begins a file; a name that is taken is not written over. */
    out_reopen(p.o);
    line(&p, 30, 20, 66 * sec);
    out_flush(p.o);
    assert_int_equal(test_names(p.dir, "log.67"), 1);
    place_free(&p);
}

/* A disk that is full takes whole lines only, keeps the rest, and goes on when there is room. */
static void full_disk(struct place *p, void (*free_room)(void *ctx), void *ctx)
{
    unsigned first, last;
    enum { SIZE = 1000, SOME = 400 };
    for (unsigned i = 0; i < SOME; i++)
        line(p, i, SIZE, 0);
    out_flush(p->o);
    assert_true(p->st.count.write_errors > 0);
    assert_non_null(strstr(p->st.error, "log: "));
    assert_int_equal(p->st.count.lost, 0);
    unsigned n = lines(p->dir, "log", SIZE, &first, &last);
    assert_true(n > 5 && n < SOME);
    assert_int_equal(last, n - 1);
    /* More than is kept: counted. */
    for (unsigned i = SOME; i < 2000; i++)
        line(p, i, SIZE, 0);
    uint64_t lost = p->st.count.lost;
    assert_true(lost > 300 && lost < 1600);
    assert_int_equal(lines(p->dir, "log", SIZE, &first, &last), n);
    free_room(ctx);
    out_flush(p->o);
    line(p, 5000, SIZE, 0);
    out_flush(p->o);
    assert_int_equal(lines(p->dir, "log", SIZE, &first, &last), 2000 - lost + 1);
    assert_int_equal(first, 0);
    assert_int_equal(last, 5000);
    assert_int_equal(p->st.count.lost, lost);
}

static void raise_limit(void *ctx)
{
    assert_int_equal(setrlimit(RLIMIT_FSIZE, ctx), 0);
}

static void test_file_limit(void **state)
{
    (void)state;
    struct place p;
    struct rlimit old, small;
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    small = old;
    small.rlim_cur = 100300;
    place_new(&p);
    assert_int_equal(place_open(&p, (struct out_config){.text = true}), 0);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    full_disk(&p, raise_limit, &old);
    place_free(&p);
}

static void remove_ballast(void *ctx)
{
    const struct place *p = ctx;
    char name[220];
    snprintf(name, sizeof(name), "%s/ballast", p->dir);
    assert_int_equal(unlink(name), 0);
}

static void test_full_tmpfs(void **state)
{
    (void)state;
    struct place p;
    char name[220];
    place_new(&p);
    if (mount("tmpfs", p.dir, "tmpfs", 0, "size=4m")) {
        print_message("# no right to mount a tmpfs: skipped\n");
        place_free(&p);
        return; /* cmocka's skip() counts as a failure in TAP */
    }
    snprintf(name, sizeof(name), "%s/ballast", p.dir);
    int fd = open(name, O_WRONLY | O_CREAT, 0600);
    assert_true(fd >= 0);
    assert_int_equal(posix_fallocate(fd, 0, (4 << 20) - 200000), 0);
    close(fd);
    assert_int_equal(place_open(&p, (struct out_config){.text = true}), 0);
    full_disk(&p, remove_ballast, &p);
    assert_non_null(strstr(p.st.error, "No space left on device"));
    out_free(p.o);
    p.o = NULL;
    assert_int_equal(umount(p.dir), 0);
    place_free(&p);
}

static int listen_at(const char *path, int type)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
    int fd = socket(AF_UNIX, type | SOCK_NONBLOCK, 0);
    assert_true(fd >= 0);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    if (type == SOCK_STREAM)
        assert_int_equal(listen(fd, 4), 0);
    return fd;
}

static void test_dgram(void **state)
{
    (void)state;
    struct place p;
    char got[300];
    place_new(&p);
    /* Nobody there: no failure, lines wait. */
    assert_int_equal(place_open(&p, (struct out_config){.kind = OUT_DGRAM}), 0);
    line(&p, 1, 50, 0);
    out_flush(p.o);
    assert_int_equal(p.st.count.lost, 0);
    assert_true(p.st.count.write_errors > 0);
    int fd = listen_at(p.path, SOCK_DGRAM);
    line(&p, 2, 60, 0);
    out_flush(p.o);
    assert_int_equal(recv(fd, got, sizeof(got), 0), 50);
    assert_int_equal(recv(fd, got, sizeof(got), 0), 60);
    assert_int_equal(recv(fd, got, sizeof(got), 0), -1);
    /* A listener that doesn't read: never waited for, at the end counted. */
    for (unsigned i = 0; i < 6000; i++)
        line(&p, i, 1000, 0);
    out_flush(p.o);
    assert_true(p.st.count.lost > 100);
    unsigned n = 0;
    while (recv(fd, got, sizeof(got), 0) > 0)
        n++;
    assert_true(n > 0);
    /* It goes and another comes. */
    close(fd);
    unlink(p.path);
    out_flush(p.o);
    fd = listen_at(p.path, SOCK_DGRAM);
    out_flush(p.o);
    assert_true(recv(fd, got, sizeof(got), 0) > 0);
    close(fd);
    place_free(&p);
}

/* Reads what is there; the first bytes must begin a line. */
static size_t drain(int fd, char *all, size_t room)
{
    size_t n = 0;
    ssize_t got;
    while (n < room && (got = recv(fd, all + n, room - n, MSG_DONTWAIT)) > 0)
        n += (size_t)got;
    return n;
}

static void test_stream(void **state)
{
    (void)state;
    struct place p;
    enum { ROOM = 4 << 20, SIZE = 1000 };
    char *all = malloc(ROOM);
    assert_non_null(all);
    place_new(&p);
    int fd = listen_at(p.path, SOCK_STREAM);
    assert_int_equal(place_open(&p, (struct out_config){.kind = OUT_STREAM}), 0);
    int peer = accept(fd, NULL, NULL);
    assert_true(peer >= 0);
    /* More than the socket holds: some goes out, the rest waits, and what arrives has no holes. */
    for (unsigned i = 0; i < 900; i++)
        line(&p, i, SIZE, 0);
    out_flush(p.o);
    size_t n = 0;
    for (int round = 0; round < 100 && n < 900u * SIZE; round++) {
        n += drain(peer, all + n, ROOM - n);
        out_flush(p.o);
    }
    assert_int_equal(n, 900u * SIZE);
    for (unsigned i = 0; i < 900; i++)
        assert_int_equal(strtoul(all + i * SIZE, NULL, 10), i);
    assert_int_equal(p.st.count.lost, 0);
    /* The peer dies in the middle of a line: the next one begins with a whole line. */
    for (unsigned i = 0; i < 900; i++)
        line(&p, i, SIZE, 0);
    out_flush(p.o);
    close(peer);
    out_flush(p.o); /* sees the end */
    out_flush(p.o); /* connects again */
    peer = accept(fd, NULL, NULL);
    assert_true(peer >= 0);
    n = drain(peer, all, ROOM);
    assert_true(n > SIZE);
    assert_int_equal(all[8], ' ');
    assert_true(p.st.count.lost <= 1);
    close(peer);
    close(fd);
    free(all);
    place_free(&p);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_append),     cmocka_unit_test(test_missing_folder),
        cmocka_unit_test(test_reopen),     cmocka_unit_test(test_rotate_size),
        cmocka_unit_test(test_dated),      cmocka_unit_test(test_turn_of_one_name),
        cmocka_unit_test(test_intervals),
        cmocka_unit_test(test_stamped),    cmocka_unit_test(test_file_limit),
        cmocka_unit_test(test_full_tmpfs), cmocka_unit_test(test_dgram),
        cmocka_unit_test(test_stream),
    };
    setenv("TZ", "UTC", 1);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
