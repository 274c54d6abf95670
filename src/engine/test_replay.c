/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Replay as a whole: a reload in the middle changes the action at one exact packet, whatever the
 * number of workers, wherever in a burst: seen in eve.json and in what leaves.
 */
#include "engine/engine_test.h"

#include <dirent.h>
#include <sys/stat.h>

enum { PACKETS = 300 };

static char dir[64];

static void write_capture(const char *path)
{
    uint8_t p[256];
    struct pcap_writer *w = pcap_writer_open(path, LINK_RAW, false);
    assert_non_null(w);
    for (unsigned k = 1; k <= PACKETS; k++) {
        struct et_talk t = {
            .ver = 4, .proto = IPPROTO_UDP, .client = k % 7, .server = 100, .sp = 1000, .dp = 2000};
        char data[32];
        int n = snprintf(data, sizeof(data), "marker %04u", k);
        size_t len = et_packet(p, sizeof(p), &t, k % 2, data, (size_t)n);
        assert_int_equal(
            pcap_writer_put(w, 1000000000ull * 1000 + k * 1000, p, (uint32_t)len, (uint32_t)len),
            0);
    }
    assert_int_equal(pcap_writer_close(w), 0);
}

/* Which packets were alerted on, by action: 'a' allowed, 'b' blocked, '.' none, '?' twice. */
static void read_alerts(char out[PACKETS + 2])
{
    char path[128], *line = NULL;
    size_t room = 0;
    memset(out, '.', PACKETS + 1);
    out[PACKETS + 1] = 0;
    snprintf(path, sizeof(path), "%s/eve.json", dir);
    FILE *f = fopen(path, "r");
    assert_non_null(f);
    while (getline(&line, &room, f) > 0) {
        const char *n = strstr(line, "\"pcap_cnt\":"), *a = strstr(line, "\"action\":\"");
        if (!strstr(line, "\"event_type\":\"alert\""))
            continue;
        assert_true(n && a);
        unsigned long k = strtoul(n + 11, NULL, 10);
        assert_true(k >= 1 && k <= PACKETS);
        out[k] = out[k] != '.' ? '?' : a[10];
    }
    free(line);
    fclose(f);
}

static unsigned forwarded(void)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/forwarded.pcap", dir);
    struct capture_file_options o = {0};
    struct arena a;
    struct diags d;
    arena_init(&a, 0, 0);
    diags_init(&d, &a);
    struct capture *c = capture_file_open(path, &o, &d);
    static struct burst b;
    unsigned n = 0;
    while (c && capture_recv(c, &b, 0) == CAPTURE_MORE)
        for (unsigned k = 0; k < b.n; k++, n++) {
            const uint8_t *at = memmem(b.frame[k].data, b.frame[k].len, "marker ", 7);
            assert_non_null(at); /* in order, from the first on */
            assert_int_equal(strtoul((const char *)at + 7, NULL, 10) % 10000, n + 1);
        }
    capture_close(c);
    arena_done(&a);
    return n;
}

static void clean(void)
{
    static const char *const names[] = {"eve.json", "fast.log", "stats.log", "forwarded.pcap"};
    char path[128];
    for (size_t k = 0; k < ARRAY_LEN(names); k++) {
        snprintf(path, sizeof(path), "%s/%s", dir, names[k]);
        unlink(path);
    }
}

static void swap_at(struct et *t, struct overlay *was, struct overlay *is, unsigned at,
                    unsigned workers)
{
    char capture[128], got[PACKETS + 2], want[PACKETS + 2];
    snprintf(capture, sizeof(capture), "%s/in.pcap", dir);
    static const char *const vips[] = {"default", NULL};
    struct logger_identity id = {.vips = vips};
    struct logger *l = logger_new(t->conf, dir, &id, &t->diags);
    assert_non_null(l);
    struct replay_options o = {.capture = capture,
                               .out_dir = dir,
                               .workers = workers,
                               .simulate_ips = true,
                               .check_csum = -1,
                               .conf = t->conf,
                               .overlay = was,
                               .swap_at = at,
                               .swap_to = is,
                               .logger = l};
    static struct replay_result r;
    assert_int_equal(replay_run(&o, &r, &t->diags), 0);
    logger_free(l);
    assert_int_equal(r.packets, PACKETS);
    read_alerts(got);
    memset(want, '.', PACKETS + 1);
    want[PACKETS + 1] = 0;
    for (unsigned k = 1; k <= PACKETS; k++)
        want[k] = k < at ? 'a' : 'b';
    if (strcmp(got, want) != 0)
        fail_msg("swap at %u, %u workers:\n%s", at, workers, got);
    assert_int_equal(forwarded(), at - 1);
    clean();
}

static void reload_at_one_exact_packet(void **state)
{
    (void)state;
    /* in the first burst, at its edges, in the middle of a later one, the last packet */
    static const unsigned at[] = {2, 64, 65, 66, 137, PACKETS};
    struct et t;
    char capture[128];
    et_open(&t);
    snprintf(capture, sizeof(capture), "%s/in.pcap", dir);
    write_capture(capture);
    struct overlay *was =
        et_overlay(&t, "alert udp any any -> any any (content:\"marker\"; sid:1;)", 1);
    /* another image, not only another overlay */
    struct overlay *is = et_overlay(&t,
                                    "alert udp any any -> any any (content:\"nothing\"; sid:7;)\n"
                                    "drop udp any any -> any any (content:\"marker\"; sid:1;)",
                                    2);
    for (size_t k = 0; k < ARRAY_LEN(at); k++)
        for (unsigned workers = 1; workers <= 3; workers += 2)
            swap_at(&t, was, is, at[k], workers);
    overlay_close(was);
    overlay_close(is);
    unlink(capture);
    et_close(&t);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(reload_at_one_exact_packet)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    snprintf(dir, sizeof(dir), "/tmp/riposte-replay-XXXXXX");
    if (!mkdtemp(dir))
        return 1;
    int rc = cmocka_run_group_tests(tests, NULL, NULL);
    clean();
    return rmdir(dir) ? 1 : rc;
}
