/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the supervisor prepares: ports from a configuration, folders, images, what is found. */
#include "sensor/sensor.h"
#include "sensor/place.h"

#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

struct world {
    struct arena arena;
    struct diags d;
    struct conf *c;
    char dir[64];
};

static int begin(void **state)
{
    struct world *w = calloc(1, sizeof(*w));
    arena_init(&w->arena, 0, 0);
    diags_init(&w->d, &w->arena);
    w->c = conf_new();
    snprintf(w->dir, sizeof(w->dir), "/tmp/test-place-XXXXXX");
    *state = w;
    return !w->c || conf_load_stock(w->c) || !mkdtemp(w->dir);
}

static int end(void **state)
{
    struct world *w = *state;
    char cmd[128];
    snprintf(cmd, sizeof(cmd), "rm -rf '%s'", w->dir);
    int rc = system(cmd);
    conf_free(w->c);
    arena_done(&w->arena);
    free(w);
    return rc;
}

static void set(struct world *w, const char *path, const char *value)
{
    char text[256];
    snprintf(text, sizeof(text), "%s=%s", path, value);
    assert_int_equal(conf_set(w->c, text, &w->d), 0);
}

static void ports(void **state)
{
    struct world *w = *state;
    struct port_plan *p = calloc(1, sizeof(*p));
    assert_int_equal(port_plan(w->c, p, &w->d), -EINVAL); /* none */
    assert_non_null(strstr(w->d.first->reason, "no interface"));
    port_plan_done(p);
    set(w, "capture.interfaces", "eth1");
    set(w, "capture.interfaces.1.interface", "eth2");
    set(w, "capture.interfaces.1.bpf-filter", "tcp");
    set(w, "capture.interfaces.2", "eth1"); /* twice is once */
    set(w, "capture.bpf-filter", "ip");
    set(w, "event.ring-size", "100000");
    set(w, "workers", "3");
    assert_int_equal(port_plan(w->c, p, &w->d), 0);
    assert_int_equal(p->n, 2);
    assert_string_equal(p->live.iface[0], "eth1");
    assert_string_equal(p->live.iface[1], "eth2");
    assert_null(p->filter[0]);
    assert_string_equal(p->filter[1], "tcp");
    assert_string_equal(p->live.bpf, "ip");
    assert_int_equal(p->workers, 3);
    assert_int_equal(p->live.ring, RING_V2); /* several rings: their frames keep their order */
    assert_int_equal(p->event_bytes, 131072);
    assert_null(p->response);
    port_plan_done(p);
    struct conf *all = w->c;
    w->c = conf_new();
    assert_non_null(w->c);
    set(w, "capture.interfaces", "eth1");
    set(w, "workers", "1");
    assert_int_equal(port_plan(w->c, p, &w->d), 0);
    assert_int_equal(p->live.ring,
                     RING_V3); /* one ring, and nothing is answered: what costs least */
    port_plan_done(p);
    conf_free(w->c);
    w->c = all;
    set(w, "response.interface", "eth3");
    set(w, "workers", "0");
    assert_int_equal(port_plan(w->c, p, &w->d), 0);
    assert_int_equal(p->live.ring, RING_V2);
    assert_string_equal(p->response, "eth3");
    assert_in_range(p->workers, 1, SENSOR_WORKERS);
    port_plan_done(p);
    /* host-mode counts where response.mode says nothing */
    static const struct {
        const char *mode, *host;
        bool raw;
    } ways[] = {{"auto", "auto", false}, {"auto", "router", true},  {"auto", "sniffer-only", false},
                {"ip", "auto", true},    {"link", "router", false}, {"ip", "sniffer-only", true}};
    for (size_t i = 0; i < ARRAY_LEN(ways); i++) {
        set(w, "response.mode", ways[i].mode);
        set(w, "host-mode", ways[i].host);
        assert_int_equal(port_plan(w->c, p, &w->d), 0);
        assert_int_equal(p->raw, ways[i].raw);
        port_plan_done(p);
    }
    set(w, "response.mode", "auto");
    set(w, "host-mode", "auto");
    set(w, "workers", "200"); /* no core is left */
    assert_int_equal(port_plan(w->c, p, &w->d), 0);
    assert_false(p->realtime);
    port_plan_done(p);
    set(w, "worker-priority", "realtime");
    assert_int_equal(port_plan(w->c, p, &w->d), 0);
    assert_true(p->realtime);
    port_plan_done(p);
    set(w, "worker-priority", "auto");
    set(w, "capture.ring", "v3");
    set(w, "capture.library", "pcap");
    set(w, "workers", "4");
    assert_int_equal(port_plan(w->c, p, &w->d), 0);
    assert_int_equal(p->workers, 1);
    assert_int_equal(p->live.ring, RING_NONE);
    port_plan_done(p);
    arena_reset(&w->arena);
    diags_init(&w->d, &w->arena);
    set(w, "capture.library", "auto");
    set(w, "capture.interfaces", "lo");
    set(w, "response.interface", "lo0");
    assert_int_equal(port_plan(w->c, p, &w->d), 0);
    assert_int_equal(port_plan_check(w->c, p, &w->d), -ENODEV);
    assert_string_equal(w->d.first->reason, "there is no port lo0");
    assert_string_equal(w->d.first->file, "--response");
    port_plan_done(p);
    set(w, "response.interface", "none");
    assert_int_equal(port_plan(w->c, p, &w->d), 0);
    assert_int_equal(port_plan_check(w->c, p, &w->d), 0);
    port_plan_done(p);
    /* One port that watches and answers: refused, unless somebody says that it may. */
    arena_reset(&w->arena);
    diags_init(&w->d, &w->arena);
    set(w, "response.interface", "lo");
    assert_int_equal(port_plan(w->c, p, &w->d), 0);
    assert_int_equal(port_plan_check(w->c, p, &w->d), -EINVAL);
    assert_int_equal(w->d.errors, 1);
    assert_string_equal(w->d.first->reason, "lo is watched: a mirror port sends nothing");
    assert_int_equal(sensor_check(w->c, &w->d), -EINVAL);
    assert_int_equal(w->d.errors, 2);
    port_plan_done(p);
    set(w, "response.allow-mirror-port", "yes");
    assert_int_equal(port_plan(w->c, p, &w->d), 0);
    assert_int_equal(port_plan_check(w->c, p, &w->d), 0);
    assert_int_equal(sensor_check(w->c, &w->d), 0);
    assert_int_equal(w->d.errors, 2);
    port_plan_done(p);
    set(w, "response.src-mac", "nonsense");
    assert_int_equal(sensor_check(w->c, &w->d), -EINVAL);
    set(w, "capture.interfaces", "a-name-that-is-too-long");
    assert_int_equal(port_plan(w->c, p, &w->d), -EINVAL);
    port_plan_done(p);
    free(p);
}

/* Who has the pid file keeps it. */
/* Pairs: by our setting, by Suricata's copy-mode; what makes no wire is refused. */
static void pairs(void **state)
{
    static const struct {
        const char *set[3];
        int rc;
        unsigned ports;
        bool test;
    } cases[] = {
        {{"capture.pairs=a:b"}, 0, 2, false},
        {{"capture.pairs=a:b", "capture.pairs.1=c:d"}, 0, 4, false},
        {{"capture.pairs=a:b", "inline-test=yes"}, 0, 2, true},
        {{"af-packet.0.interface=a", "af-packet.0.copy-mode=ips", "af-packet.0.copy-iface=b"}, 0, 2, false},
        {{"af-packet.0.interface=a", "af-packet.0.copy-mode=tap", "af-packet.0.copy-iface=b"}, 0, 2, true},
        {{"af-packet.0.interface=a", "af-packet.0.copy-mode=ips"}, -EINVAL, 0, false},
        {{"capture.pairs=a"}, -EINVAL, 0, false},
        {{"capture.pairs=a:"}, -EINVAL, 0, false},
        {{"capture.pairs=:b"}, -EINVAL, 0, false},
        {{"capture.pairs=a:b:c"}, -EINVAL, 0, false},
        {{"capture.pairs=a:a"}, -EINVAL, 0, false},
        {{"capture.pairs=a:b", "capture.pairs.1=b:c"}, -EINVAL, 0, false},
        {{"capture.pairs=a:b", "capture.interfaces=c"}, -EINVAL, 0, false},
        {{"capture.pairs=a:b", "capture.bpf-filter=tcp"}, -EINVAL, 0, false},
        {{"capture.pairs=a:b", "capture.library=pcap"}, -EINVAL, 0, false},
    };
    struct world *w = *state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct port_plan *p = calloc(1, sizeof(*p));
        struct conf *c = conf_new();
        for (unsigned k = 0; k < 3 && cases[i].set[k]; k++)
            assert_int_equal(conf_set(c, cases[i].set[k], &w->d), 0);
        int rc = port_plan(c, p, &w->d);
        if (rc != cases[i].rc)
            fail_msg("%s: %d", cases[i].set[0], rc);
        if (!rc) {
            assert_true(p->in_wire);
            assert_int_equal(p->n, cases[i].ports);
            assert_int_equal(p->test, cases[i].test);
            assert_int_equal(p->live.ring, RING_V2);
            assert_string_equal(p->live.iface[0], "a");
            assert_string_equal(p->live.iface[1], "b");
            assert_int_equal(p->after_ns, 100000000);
        }
        port_plan_done(p);
        free(p);
        conf_free(c);
    }
}

static void pid_file(void **state)
{
    struct world *w = *state;
    char path[128], text[32];
    snprintf(path, sizeof(path), "%s/p.pid", w->dir);
    int a = pidfile_take(path, &w->d);
    assert_true(a >= 0);
    assert_int_equal(pidfile_take(path, &w->d), -EBUSY);
    snprintf(text, sizeof(text), "process %ld", (long)getpid());
    assert_non_null(strstr(w->d.first->reason, text));
    close(a); /* died: its file is taken over */
    a = pidfile_take(path, &w->d);
    assert_true(a >= 0);
    close(a);
    unlink(path);
    assert_true(pidfile_take("/nonexistent/x", &w->d) < 0);
}

static void filter_file(void **state)
{
    struct world *w = *state;
    struct port_plan *p = calloc(1, sizeof(*p));
    char path[128];
    snprintf(path, sizeof(path), "%s/f", w->dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fputs("# not this\ntcp # nor that\nand port 80\n", f);
    fclose(f);
    set(w, "capture.interfaces", "eth1");
    set(w, "capture.bpf-file", path);
    assert_int_equal(port_plan(w->c, p, &w->d), 0);
    assert_null(strstr(p->live.bpf, "not"));
    assert_null(strchr(p->live.bpf, '#'));
    assert_non_null(strstr(p->live.bpf, "tcp"));
    assert_non_null(strstr(p->live.bpf, "and port 80"));
    port_plan_done(p);
    set(w, "capture.bpf-file", "/nonexistent");
    assert_int_equal(port_plan(w->c, p, &w->d), -EINVAL);
    port_plan_done(p);
    free(p);
}

/* As root, for another user; as anybody else, for oneself. */
static void log_folder(void **state)
{
    struct world *w = *state;
    struct msg_setup s = {.uid = geteuid(), .gid = getegid()};
    char path[128], file[160];
    struct stat st;
    if (geteuid() == 0)
        s = (struct msg_setup){.drop = 1, .uid = 65534, .gid = 65534};
    snprintf(path, sizeof(path), "%s/a/b", w->dir);
    set(w, "default-log-dir", path);
    int fd = place_logs(w->c, &s, &w->d);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_uid, s.uid);
    close(fd);
    if (!s.drop)
        return;
    /* One that root made, with a file that root's replay left. */
    snprintf(path, sizeof(path), "%s/mine", w->dir);
    snprintf(file, sizeof(file), "%s/eve.json", path);
    assert_int_equal(mkdir(path, 0700), 0);
    close(open(file, O_CREAT | O_WRONLY, 0600));
    set(w, "default-log-dir", path);
    fd = place_logs(w->c, &s, &w->d);
    assert_true(fd >= 0);
    assert_int_equal(fstat(fd, &st), 0);
    assert_int_equal(st.st_uid, 0); /* it stays root's */
    assert_int_equal(st.st_gid, 65534);
    assert_int_equal(st.st_mode & 0777, 0770);
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_uid, 65534);
    close(fd);
    static const char *const never[] = {"/etc", "/", "/var/log", "/usr/lib", "/dev/null"};
    for (size_t i = 0; i < ARRAY_LEN(never); i++) {
        struct stat before, after;
        assert_int_equal(stat(never[i], &before), 0);
        set(w, "default-log-dir", never[i]);
        assert_true(place_logs(w->c, &s, &w->d) < 0);
        assert_int_equal(stat(never[i], &after), 0);
        assert_int_equal(before.st_gid, after.st_gid);
        assert_int_equal(before.st_mode, after.st_mode);
    }
}

static void images(void **state)
{
    struct world *w = *state;
    struct msg_setup s = {.uid = geteuid(), .gid = getegid()};
    char build[256], built[300], link_path[300];
    assert_int_equal(place_build(w->dir, &s, build, sizeof(build)), 0);
    snprintf(built, sizeof(built), "%s/image", build);
    assert_true(place_image(built, w->dir, 1, &w->d) < 0); /* not there */
    int fd = open(built, O_CREAT | O_WRONLY, 0600);
    assert_int_equal(write(fd, "x", 1), 1);
    close(fd);
    snprintf(link_path, sizeof(link_path), "%s/link", build);
    assert_int_equal(symlink("/etc/passwd", link_path), 0);
    assert_true(place_image(link_path, w->dir, 1, &w->d) < 0); /* no way to another file */
    unlink(link_path);
    assert_int_equal(link(built, link_path), 0);
    assert_true(place_image(built, w->dir, 1, &w->d) < 0); /* somebody keeps a name of it */
    unlink(link_path);
    fd = place_image(built, w->dir, 1, &w->d);
    assert_true(fd >= 0);
    assert_int_equal(fcntl(fd, F_GETFL) & O_ACCMODE, O_RDONLY);
    assert_int_equal(access(built, F_OK), -1); /* moved into the cache */
    close(fd);
    place_build_done(build);
    assert_int_equal(access(build, F_OK), -1);
}

static void old_images(void **state)
{
    struct world *w = *state;
    static const struct {
        const char *name;
        time_t age_s;
        bool stays;
    } cases[] = {
        {"rules-1.image", 8 * 86400, false},
        {"rules-2.image", 6 * 86400, true},
        {"something-else", 80 * 86400, true},
        {"rules-3.txt", 80 * 86400, true},
    };
    char path[128];
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct timespec t[2] = {{.tv_sec = 100000000 - cases[i].age_s},
                                {.tv_sec = 100000000 - cases[i].age_s}};
        snprintf(path, sizeof(path), "%s/%s", w->dir, cases[i].name);
        close(open(path, O_CREAT | O_WRONLY, 0600));
        assert_int_equal(utimensat(AT_FDCWD, path, t, 0), 0);
    }
    place_prune(w->dir, "never", 100000000);
    place_prune(w->dir, "0d", 100000000);
    place_prune("", "7d", 100000000);
    for (unsigned turn = 0; turn < 2; turn++) {
        for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
            snprintf(path, sizeof(path), "%s/%s", w->dir, cases[i].name);
            assert_int_equal(access(path, F_OK) == 0, turn == 0 || cases[i].stays);
        }
        place_prune(w->dir, "7d", 100000000);
    }
}

static void users(void **state)
{
    struct world *w = *state;
    struct msg_setup s = {0};
    assert_int_equal(place_user(w->c, &s, &w->d), 0);
    assert_int_equal(s.drop, geteuid() == 0);
    if (!s.drop)
        return;
    assert_true(s.uid != 0);
    set(w, "run-as.user", "12345");
    assert_int_equal(place_user(w->c, &s, &w->d), 0);
    assert_int_equal(s.uid, 12345);
    set(w, "run-as.user", "no-such-user-here");
    assert_int_equal(place_user(w->c, &s, &w->d), -EINVAL);
    set(w, "run-as.user", "nobody");
    set(w, "run-as.group", "no-such-group-here");
    assert_int_equal(place_user(w->c, &s, &w->d), -EINVAL);
}

static void found_and_guessed(void **state)
{
    struct world *w = *state;
    char path[256], home[4096];
    const char *iface[] = {"nosuch0"};
    snprintf(path, sizeof(path), "%s/etc", w->dir);
    assert_int_equal(mkdir(path, 0755), 0);
    setenv("RIPOSTE_HOME", w->dir, 1);
    assert_true(sensor_find("etc", path, sizeof(path)));
    assert_non_null(strstr(path, w->dir));
    assert_false(sensor_find("no/such/thing", path, sizeof(path)));
    unsetenv("RIPOSTE_HOME");
    assert_false(sensor_guess_home(iface, 1, home, sizeof(home)));
    assert_int_equal(home[0], '[');
    assert_int_equal(home[strlen(home) - 1], ']');
    assert_non_null(strstr(home, "10.0.0.0/8"));
    assert_non_null(strstr(home, "fc00::/7"));
    assert_null(strstr(home, ",]"));
}

int main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, begin, end)
    const struct CMUnitTest tests[] = {
        CASE(ports),  CASE(pairs), CASE(filter_file), CASE(pid_file), CASE(log_folder),
        CASE(images), CASE(old_images),  CASE(users),    CASE(found_and_guessed),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
