/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Capture files: every format, order and unit; every cut; broken records. */
#include "capture/test_make.h"

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

static void pcap_of_every_kind(void **state)
{
    (void)state;
    struct tmp_dir t = tmp_make();
    char path[256];
    for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
        for (int big = 0; big < 2; big++)
            for (int gz = 0; gz < 2; gz++) {
                struct maker m;
                pcap_make(&m, &kinds[i], big);
                (gz ? file_put_gz : file_put)(tmp_path(&t, "x", path), m.b.p, m.b.n);
                run_file(path, NULL);
                assert_int_equal(got.errors, 0);
                check_five(&kinds[i], 5);
                sbuf_done(&m.b);
            }
    tmp_remove(&t);
}

static const struct ng_if ng_ifs[] = {
    {LINK_ETHERNET, 20, -1, 0, "eth0"},
    {LINK_RAW, 0, 9, 0, "a name that is much longer than any interface's"},
    {LINK_SLL2, 0, 0x80 | 20, 100, NULL},
    {LINK_NULL, 0, 12, -5, NULL},
};
static const struct {
    uint64_t ns;
    uint32_t len;
    uint16_t link, iface;
} ng_want[] = {
    {1000000007000, 5, LINK_ETHERNET, 0},  {1000000000007, 6, LINK_RAW, 1},
    {1100500000000, 7, LINK_SLL2, 2},      {995000000007, 8, LINK_NULL, 3},
    {995000000007, 20, LINK_ETHERNET, 0},  {1000000009000, 4, LINK_ETHERNET, 0},
    {2000000000000, 9, LINK_PPP_ETHER, 0},
};
static void ng_make(struct maker *m, bool big)
{
    sbuf_init(&m->b);
    m->big = big;
    ng_section(m);
    for (size_t i = 0; i < ARRAY_LEN(ng_ifs); i++)
        ng_iface(m, &ng_ifs[i]);
    ng_packet(m, 0, 1000000007, 5, 'a', false);
    ng_block(m, 5, "statistics", 10);
    ng_packet(m, 1, 1000000000007, 6, 'b', false);
    ng_packet(m, 2, (1000ull << 20) + (1 << 19), 7, 'c', false);
    ng_packet(m, 3, 1000000000007123, 8, 'd', false);
    ng_simple(m, 100, 20, 'e'); /* cut by the interface's snap length */
    ng_packet(m, 0, 1000000009, 4, 'f', true);
    m->big = !big; /* a section of the other order forgets the interfaces */
    ng_section(m);
    ng_iface(m, &(struct ng_if){LINK_PPP_ETHER, 0, -1, 0, NULL});
    ng_packet(m, 0, 2000000000, 9, 'g', false);
}
static void check_ng(unsigned n)
{
    assert_int_equal(got.frames, n);
    for (unsigned i = 0; i < n; i++) {
        const struct frame *f = &got.frame[i];
        assert_int_equal(f->ts_ns, ng_want[i].ns);
        assert_int_equal(f->len, ng_want[i].len);
        assert_int_equal(f->wire_len, i == 4 ? 100 : f->len + 1);
        assert_int_equal(f->link, ng_want[i].link);
        assert_int_equal(f->iface, ng_want[i].iface);
        for (uint32_t j = 0; j < f->len; j++)
            assert_int_equal(f->data[j], 'a' + i);
    }
}

static void pcapng_of_both_orders(void **state)
{
    (void)state;
    struct tmp_dir t = tmp_make();
    char path[256];
    for (int big = 0; big < 2; big++)
        for (int gz = 0; gz < 2; gz++) {
            struct maker m;
            ng_make(&m, big);
            (gz ? file_put_gz : file_put)(tmp_path(&t, "x", path), m.b.p, m.b.n);
            struct capture *c = capture_file_open(path, NULL, &diags);
            assert_non_null(c);
            drain(c, &got);
            assert_int_equal(got.errors, 0);
            check_ng(ARRAY_LEN(ng_want));
            capture_close(c);
            sbuf_done(&m.b);
        }
    tmp_remove(&t);
}

static void pcapng_names(void **state)
{
    (void)state;
    struct tmp_dir t = tmp_make();
    char path[256];
    struct maker m = {.big = false};
    static struct burst b;
    sbuf_init(&m.b);
    ng_section(&m);
    ng_iface(&m, &ng_ifs[0]);
    ng_iface(&m, &ng_ifs[1]);
    ng_packet(&m, 0, 1, 1, 'a', false);
    file_put(tmp_path(&t, "x", path), m.b.p, m.b.n);
    struct capture *c = capture_file_open(path, NULL, &diags);
    assert_int_equal(capture_recv(c, &b, 0), CAPTURE_MORE);
    assert_string_equal(capture_iface_name(c, 0), "eth0");
    assert_int_equal(strlen(capture_iface_name(c, 1)), CAP_IFNAME - 1);
    assert_null(capture_iface_name(c, 2));
    assert_null(capture_iface_name(c, 99));
    capture_close(c);
    sbuf_done(&m.b);
    tmp_remove(&t);
}

/* ---- every cut, on exact-size buffers and on files ---- */

/* Whole frames in the first n bytes: offsets of the ends of frames. */
static unsigned whole_frames(const size_t *ends, unsigned frames, size_t n)
{
    unsigned k = 0;
    while (k < frames && ends[k] <= n)
        k++;
    return k;
}

/* Reads from memory; returns the number of frames and the state at the end. */
static enum cap_read read_memory(const uint8_t *p, size_t n, unsigned *frames, size_t *ends)
{
    uint8_t *copy = malloc(n ? n : 1);
    memcpy(copy, p, n);
    struct cap_src s = {.at = copy, .base = copy, .end = copy + n, .eof = true};
    static struct cap_reader r;
    struct frame f;
    size_t need;
    enum cap_read st = CAP_BROKEN;
    *frames = 0;
    if (cap_reader_start(&r, &s) == 0)
        while ((st = cap_reader_next(&r, &s, &f, &need)) == CAP_FRAME) {
            volatile uint8_t touch = 0;
            for (uint32_t i = 0; i < f.len; i++)
                touch ^= f.data[i];
            (void)touch;
            if (ends)
                ends[*frames] = cap_src_offset(&s);
            ++*frames;
        }
    cap_reader_done(&r);
    free(copy);
    return st;
}

static void every_cut(void **state)
{
    (void)state;
    struct tmp_dir t = tmp_make();
    char path[256];
    for (int ng = 0; ng < 2; ng++)
        for (int big = 0; big < 2; big++) {
            struct maker m;
            if (ng)
                ng_make(&m, big);
            else
                pcap_make(&m, &kinds[0], big);
            size_t ends[16];
            unsigned all, n;
            assert_int_equal(read_memory(m.b.p, m.b.n, &all, ends), CAP_END);
            assert_int_equal(all, ng ? 7 : 5);
            for (size_t cut = 0; cut < m.b.n; cut++) {
                enum cap_read st = read_memory(m.b.p, cut, &n, NULL);
                assert_int_equal(n, whole_frames(ends, all, cut));
                assert_true(st == CAP_END || st == CAP_BROKEN);
                if (!ng && cut >= 24)
                    assert_int_equal(st, n && ends[n - 1] == cut ? CAP_END
                                         : cut == 24             ? CAP_END
                                                                 : CAP_BROKEN);
                /* The same through files, plain and compressed. */
                (cut & 1 ? file_put_gz : file_put)(tmp_path(&t, "x", path), m.b.p, cut);
                struct capture *c = capture_file_open(path, NULL, &diags);
                if (!c)
                    continue;
                drain(c, &got);
                assert_int_equal(got.frames, n);
                assert_int_equal(got.errors, st == CAP_BROKEN);
                capture_close(c);
            }
            sbuf_done(&m.b);
        }
    tmp_remove(&t);
}

/* ---- broken files say what and where ---- */

struct broken {
    const char *name, *want;
    void (*make)(struct maker *m);
    unsigned frames;
    bool at_open;
};
static void usual_head(struct maker *m)
{
    pcap_head(m, &kinds[0], LINK_ETHERNET);
    pcap_record(m, &kinds[0], 1, 2, 3, 3, 'x');
}
static void bad_long(struct maker *m)
{
    usual_head(m);
    pcap_record(m, &kinds[0], 1, 2, CAP_FRAME_MAX + 1, CAP_FRAME_MAX + 1, 'x');
}
static void bad_huge(struct maker *m)
{
    usual_head(m);
    mk32(m, 1), mk32(m, 1), mk32(m, UINT32_MAX), mk32(m, UINT32_MAX);
}
static void bad_link(struct maker *m)
{
    pcap_head(m, &kinds[0], 147);
}
static void bad_record_cut(struct maker *m)
{
    usual_head(m);
    pcap_record(m, &kinds[0], 1, 2, 30, 30, 'x');
    m->b.n -= 5;
}
static void bad_head_cut(struct maker *m)
{
    usual_head(m);
    mk32(m, 1);
}
static void bad_file_head(struct maker *m)
{
    mk32(m, 0xa1b2c3d4), mk32(m, 0x00040002);
}
static void bad_version(struct maker *m)
{
    struct pcap_kind k = kinds[0];
    k.major = 3;
    pcap_head(m, &k, 1);
}
static void bad_empty(struct maker *m)
{
    (void)m;
}
static void bad_text(struct maker *m)
{
    sbuf_cstr(&m->b, "alert tcp any any -> any any\n");
}
static void ng_head(struct maker *m)
{
    ng_section(m);
    ng_iface(m, &ng_ifs[0]);
    ng_packet(m, 0, 1, 4, 'x', false);
}
static void bad_ng_iface(struct maker *m)
{
    ng_head(m);
    ng_packet(m, 1, 1, 4, 'x', false);
}
static void bad_ng_trailer(struct maker *m)
{
    ng_head(m);
    ng_packet(m, 0, 1, 4, 'x', false);
    m->b.p[m->b.n - 1] ^= 1;
}
static void bad_ng_length(struct maker *m)
{
    ng_head(m);
    mk32(m, 6), mk32(m, 33);
    mk_fill(m, 0, 40);
}
static void bad_ng_tiny(struct maker *m)
{
    ng_head(m);
    mk32(m, 6), mk32(m, 8);
    mk_fill(m, 0, 40);
}
static void bad_ng_resol(struct maker *m)
{
    ng_head(m);
    ng_iface(m, &(struct ng_if){1, 0, 77, 0, NULL});
}
static void bad_ng_time(struct maker *m)
{
    ng_head(m);
    ng_iface(m, &(struct ng_if){1, 0, 0, 0, NULL});
    ng_packet(m, 1, UINT64_MAX, 4, 'x', false);
}
static void bad_ng_order(struct maker *m)
{
    ng_head(m);
    mk32(m, 0x0a0d0d0a), mk32(m, 28), mk32(m, 5);
    mk_fill(m, 0, 16);
}
static void bad_ng_option(struct maker *m)
{
    ng_head(m);
    struct maker b = {.big = m->big};
    sbuf_init(&b.b);
    mk32(&b, 1), mk32(&b, 0), mk16(&b, 2), mk16(&b, 400);
    ng_block(m, 1, b.b.p, b.b.n);
    sbuf_done(&b.b);
}
static void bad_ng_caplen(struct maker *m)
{
    ng_head(m);
    uint32_t body[6] = {0, 0, 1, 50, 50, 0};
    ng_block(m, 6, body, sizeof body);
}
static void bad_ng_skip(struct maker *m)
{
    ng_head(m);
    mk32(m, 4), mk32(m, 0xfffffff0);
    mk_fill(m, 0, 40);
}
static void bad_ng_before(struct maker *m)
{
    ng_section(m);
    ng_simple(m, 4, 4, 'x');
}
static void bad_ng_version(struct maker *m)
{
    ng_section(m);
    m->b.p[12] = 9;
}
static const struct broken brokens[] = {
    {"long", "offset 43: record of 262145 bytes", bad_long, 1, false},
    {"huge", "offset 43: record of 4294967295 bytes", bad_huge, 1, false},
    {"link", "link type 147 (USER0) is not supported", bad_link, 0, true},
    {"cut", "offset 43: record is cut: 41 bytes of 46", bad_record_cut, 1, false},
    {"headcut", "offset 43: record header is cut: 4 bytes of 16", bad_head_cut, 1, false},
    {"filehead", "file header is cut: 8 bytes of 24", bad_file_head, 0, true},
    {"version", "pcap version 3.4", bad_version, 0, true},
    {"empty", "file is empty", bad_empty, 0, true},
    {"text", "no capture file: begins with 616c6572", bad_text, 0, true},
    {"ng-iface", "offset 108: packet of interface 1, but the section has 1", bad_ng_iface, 1,
     false},
    {"ng-trailer", "offset 108: block of 48 bytes says", bad_ng_trailer, 1, false},
    {"ng-length", "offset 108: block of type 00000006 has a length that can't be: 33",
     bad_ng_length, 1, false},
    {"ng-tiny", "length that can't be: 8", bad_ng_tiny, 1, false},
    {"ng-resol", "time unit that can't be: 77", bad_ng_resol, 1, false},
    {"ng-time", "time of a packet is out of range", bad_ng_time, 1, false},
    {"ng-order", "without a byte order mark", bad_ng_order, 1, false},
    {"ng-option", "option 2 of an interface block", bad_ng_option, 1, false},
    {"ng-caplen", "packet of 50 bytes in a block that holds 4", bad_ng_caplen, 1, false},
    {"ng-skip", "block is cut", bad_ng_skip, 1, false},
    {"ng-before", "before the first interface", bad_ng_before, 0, false},
    {"ng-version", "pcapng version 9.0", bad_ng_version, 0, false},
};

static void broken_files(void **state)
{
    (void)state;
    struct tmp_dir t = tmp_make();
    char path[256];
    for (size_t i = 0; i < ARRAY_LEN(brokens); i++)
        for (int gz = 0; gz < 2; gz++) {
            const struct broken *k = &brokens[i];
            struct maker m = {.big = false};
            sbuf_init(&m.b);
            k->make(&m);
            (gz ? file_put_gz : file_put)(tmp_path(&t, k->name, path), m.b.p, m.b.n);
            struct capture *c = capture_file_open(path, NULL, &diags);
            assert_int_equal(c == NULL, k->at_open);
            if (c) {
                drain(c, &got);
                assert_int_equal(got.frames, k->frames);
                assert_int_equal(got.errors, 1);
                if (!strstr(got.error, k->want) || !strstr(got.error, path))
                    fail_msg("%s: \"%s\" lacks \"%s\"", k->name, got.error, k->want);
                capture_close(c);
            } else {
                const struct diag *d = diags.first;
                while (d->next)
                    d = d->next;
                assert_string_equal(d->file, path);
                if (!strstr(d->reason, k->want))
                    fail_msg("%s: \"%s\" lacks \"%s\"", k->name, d->reason, k->want);
            }
            sbuf_done(&m.b);
        }
    tmp_remove(&t);
}

/* Link types that nobody decodes: their interfaces are told once each, the others' packets are
 * judged. */
static void foreign_interfaces(void **state)
{
    (void)state;
    struct tmp_dir t = tmp_make();
    char path[256];
    static struct burst b;
    for (size_t k = 0; k < ARRAY_LEN(file_put_as); k++) {
        struct maker m = {.big = false};
        sbuf_init(&m.b);
        ng_head(&m);
        ng_iface(&m, &(struct ng_if){147, 0, -1, 0, NULL});
        ng_iface(&m, &(struct ng_if){148, 0, -1, 0, NULL});
        static const unsigned of[] = {0, 1, 0, 1, 2, 2, 1, 0};
        for (size_t i = 0; i < ARRAY_LEN(of); i++)
            ng_packet(&m, of[i], (uint32_t)i + 1, 4, (uint8_t)('a' + i), i & 1);
        file_put_as[k](tmp_path(&t, "x", path), m.b.p, m.b.n);
        run_file(path, NULL);
        assert_int_equal(got.frames, 4);
        assert_int_equal(got.errors, 2);
        assert_int_equal(got.end, CAPTURE_END);
        assert_memory_equal(got.bytes + 4, "aaaacccchhhh", 12);
        assert_int_equal(got.frame[3].number, 4);
        struct capture *c = capture_file_open(path, NULL, &diags);
        char told[2][200];
        unsigned n = 0;
        for (enum capture_state st; (st = capture_recv(c, &b, 0)) != CAPTURE_END;
             capture_verdict(c, &b))
            if (st == CAPTURE_ERROR && n < 2)
                snprintf(told[n++], sizeof told[0], "%s", strrchr(capture_error(c), '/'));
        assert_string_equal(
            told[0],
            "/x: interface 1: link type 147 (USER0) is not supported: its packets are passed over");
        assert_string_equal(
            told[1],
            "/x: interface 2: link type 148 (USER1) is not supported: its packets are passed over");
        assert_int_equal(capture_counters(c)->foreign, 5);
        capture_close(c);
        /* Nothing but such: a file without a frame, told once. */
        m.b.n = 0;
        ng_section(&m);
        ng_iface(&m, &(struct ng_if){147, 0, -1, 0, NULL});
        ng_packet(&m, 0, 1, 4, 'x', false);
        ng_packet(&m, 0, 1, 4, 'x', false);
        file_put_as[k](path, m.b.p, m.b.n);
        run_file(path, NULL);
        assert_int_equal(got.frames, 0);
        assert_int_equal(got.errors, 1);
        sbuf_done(&m.b);
    }
    tmp_remove(&t);
}

/* A fraction above its second carries over into it. */
static void odd_times(void **state)
{
    (void)state;
    struct tmp_dir t = tmp_make();
    char path[256];
    for (size_t k = 0; k < 2; k++) {
        struct maker m = {.big = false};
        sbuf_init(&m.b);
        pcap_head(&m, &kinds[k], LINK_RAW);
        pcap_record(&m, &kinds[k], UINT32_MAX, kinds[k].units * 4 + 1, 1, 1, 'x');
        pcap_record(&m, &kinds[k], 0, 0, 1, 1, 'x');
        file_put(tmp_path(&t, "x", path), m.b.p, m.b.n);
        run_file(path, NULL);
        assert_int_equal(got.frames, 2);
        assert_int_equal(got.frame[0].ts_ns, (UINT32_MAX + 4ull) * 1000000000 + (k ? 1 : 1000));
        assert_int_equal(got.frame[1].ts_ns, 0);
        sbuf_done(&m.b);
    }
    tmp_remove(&t);
}

/* capture_more: frames stay until the next capture_recv; a map gives more, a stream does not. */
static void more_at_once(void **state)
{
    (void)state;
    enum { FRAMES = 3 * BURST_MAX + 10 };
    static uint8_t bytes[1 << 16];
    static struct burst b[8];
    struct tmp_dir t = tmp_make();
    char path[256];
    struct pcap_writer *w = pcap_writer_open(tmp_path(&t, "x", path), LINK_RAW, false);
    assert_non_null(w);
    for (uint32_t i = 0; i < FRAMES; i++)
        assert_int_equal(pcap_writer_put(w, i * 1000ull, &i, sizeof i, sizeof i), 0);
    assert_int_equal(pcap_writer_close(w), 0);
    size_t len = file_get(path, bytes, sizeof bytes);
    for (unsigned gz = 0; gz < 2; gz++) {
        if (gz)
            file_put_gz(path, bytes, len);
        struct capture *c = capture_file_open(path, NULL, &diags);
        assert_non_null(c);
        assert_int_equal(capture_recv(c, &b[0], 0), CAPTURE_MORE);
        unsigned n = 1;
        for (; n < 8; n++) {
            capture_more(c, &b[n]);
            if (!b[n].n)
                break;
        }
        assert_int_equal(n, gz ? 1 : 4);
        uint32_t number = 0;
        for (unsigned k = 0; k < n; k++)
            for (unsigned i = 0; i < b[k].n; i++, number++) {
                assert_int_equal(b[k].frame[i].number, number + 1);
                assert_memory_equal(b[k].frame[i].data, &number, sizeof number);
            }
        assert_int_equal(b[n - 1].now_ns, (number - 1) * 1000ull);
        for (unsigned k = 0; k < n; k++)
            capture_verdict(c, &b[k]);
        drain(c, &got);
        assert_int_equal(number + got.frames, FRAMES);
        assert_int_equal(got.errors, 0);
        assert_int_equal(capture_counters(c)->received, FRAMES);
        capture_close(c);
    }
    tmp_remove(&t);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
#define T(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
    const struct CMUnitTest tests[] = {
        T(pcap_of_every_kind), T(pcapng_of_both_orders), T(pcapng_names),
        T(every_cut),          T(broken_files),          T(odd_times),
        T(more_at_once),       T(foreign_interfaces),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
