/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The captures of ../shared (or $RIPOSTE_SHARED), where they are there: every frame of every file,
 * at full length and snapped to 64 bytes, keeps the invariants of packet_test.h; and the made-up
 * evasions raise exactly the events that the peer raised, but for the differences listed here.
 */
#include "packet/packet_test.h"

#include <dirent.h>
#include <jansson.h>
#include <sys/stat.h>
#include <zlib.h>

static const char *shared_path(const char *rest)
{
    static char path[1024];
    const char *root = getenv("RIPOSTE_SHARED");
    snprintf(path, sizeof(path), "%s/%s", root ? root : SHARED_DIR, rest);
    return path;
}

static uint8_t *file_read(const char *path, size_t *n)
{
    size_t room = 1 << 20, used = 0;
    uint8_t *b = malloc(room);
    gzFile g = gzopen(path, "rb");
    assert_non_null(b);
    assert_non_null(g);
    for (int r; (r = gzread(g, b + used, (unsigned)(room - used))) > 0;) {
        used += (size_t)r;
        if (used == room) {
            b = realloc(b, room *= 2);
            assert_non_null(b);
        }
    }
    gzclose(g);
    *n = used;
    return b;
}

static uint32_t num(const uint8_t *p, bool big)
{
    return big ? be32_at(p) : le32_at(p);
}

/* Decodes a classic capture file; returns how many frames. */
static unsigned capture_run(struct t_out *o, const char *path, uint32_t snap)
{
    size_t n;
    uint8_t *b = file_read(path, &n);
    unsigned frames = 0;
    if (n >= 24) {
        bool big = b[0] == 0xa1;
        uint16_t link = (uint16_t)num(b + 20, big);
        for (size_t at = 24; n - at >= 16;) {
            const uint8_t *h = b + at;
            size_t len = num(h + 8, big);
            at += 16;
            if (len > n - at)
                break;
            o->f.ts_ns = num(h, big) * 1000000000ull + num(h + 4, big) * 1000ull;
            o->f.wire_len = num(h + 12, big);
            t_feed(o, b + at, len < snap ? len : snap, link);
            decoder_burst_end(o->d, o->f.ts_ns);
            at += len;
            frames++;
        }
    }
    free(b);
    return frames;
}

static void every_capture(void **state)
{
    (void)state;
    static const char *const dirs[] = {"pcaps/proto", "pcaps/evil/gen", "pcaps/evil/real"};
    unsigned files = 0, frames = 0;
    struct t_out o;
    t_open(&o, NULL);
    for (unsigned i = 0; i < ARRAY_LEN(dirs); i++) {
        DIR *d = opendir(shared_path(dirs[i]));
        assert_non_null(d);
        for (struct dirent *e; (e = readdir(d));) {
            if (!strstr(e->d_name, ".pcap.gz"))
                continue;
            char path[600];
            snprintf(path, sizeof(path), "%s/%s", dirs[i], e->d_name);
            for (unsigned snapped = 0; snapped < 2; snapped++)
                frames += capture_run(&o, shared_path(path), snapped ? 64 : UINT32_MAX);
            files++;
        }
        closedir(d);
    }
    t_close(&o);
    print_message("# %u files, %u frames\n", files, frames);
    assert_true(files > 900);
}

/* Where we say more, or else, and why. */
static const struct {
    const char *name, *more, *less;
} differences[] = {
    {"arp", "arp.pkt_too_small", ""},        /* of version 8 */
    {"ethertypes", "etag.unknown_type", ""}, /* of version 9 */
    {"ip-protocols", "ipv4.wrong_ip_version ipv6.wrong_ip_version",
     ""}, /* broken inner packets stay */
    {"ip6-frag-not-aligned", "",
     "ipv6.frag_overlap"},                      /* hosts drop such a piece: nothing overlaps */
    {"ip6-jumbogram", "", "ipv6.trunc_exthdr"}, /* decoded */
    {"runts", "ipv6.pkt_too_small", ""},
};

static bool listed(const char *list, const char *event)
{
    const char *at = strstr(list, event);
    return at && (at == list || at[-1] == ' ') && (!at[strlen(event)] || at[strlen(event)] == ' ');
}

static bool wanted(const json_t *events, const char *name)
{
    size_t i;
    json_t *e;
    json_array_foreach(events, i, e)
    {
        const char *s = json_string_value(e);
        if (strncmp(s, "decoder.", 8) == 0 && strcmp(s + 8, name) == 0)
            return true;
    }
    return false;
}

/* "Unknown ethertype" became an event in version 8. */
static bool comparable(unsigned event)
{
    return event != DECODE_ETHERNET_UNKNOWN_ETHERTYPE;
}

static void made_up_evasions(void **state)
{
    (void)state;
    json_t *index = json_load_file(shared_path("pcaps/evil/suricata-7.0.10.json"), 0, NULL);
    assert_non_null(index);
    const char *name;
    json_t *row;
    unsigned rows = 0;
    json_object_foreach(index, name, row)
    {
        char path[300];
        struct t_out o;
        const char *more = "", *less = "";
        for (unsigned i = 0; i < ARRAY_LEN(differences); i++)
            if (strcmp(differences[i].name, name) == 0) {
                more = differences[i].more;
                less = differences[i].less;
            }
        snprintf(path, sizeof(path), "pcaps/evil/gen/%s.pcap.gz", name);
        t_open(&o, NULL);
        capture_run(&o, shared_path(path), UINT32_MAX);
        for (unsigned i = 0; i < DECODE_EVENT_COUNT; i++) {
            const char *event = decode_event_name(i);
            bool got = decoder_counters(o.d)->event[i] && comparable(i);
            bool want = wanted(json_object_get(row, "events"), event);
            want = (want || listed(more, event)) && !listed(less, event);
            if (got != want)
                fail_msg("%s: %s %s", name, got ? "says" : "does not say", event);
        }
        t_close(&o);
        rows++;
    }
    assert_true(rows > 200);
    json_decref(index);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    struct stat st;
    if (stat(shared_path("pcaps/proto"), &st) != 0) {
        printf("1..0 # SKIP %s is not there\n", shared_path("pcaps/proto"));
        return 0;
    }
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_capture),
        cmocka_unit_test(made_up_evasions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
