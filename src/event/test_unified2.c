/* SPDX-License-Identifier: GPL-2.0-or-later */
/* unified2 and capture files, read back by a reader of the test's own. */
#include "event/test_help.h"
#include "event/writer.h"

#include "base/cursor.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct record {
    uint32_t type;
    struct cursor body;
};

static bool next(struct cursor *c, struct record *r)
{
    if (!cur_left(c))
        return false;
    r->type = cur_be32(c);
    r->body = cur_sub(c, cur_be32(c));
    assert_false(c->bad);
    return true;
}

static void make(uint8_t ver, uint8_t vlan_n, int status, struct event_view *v)
{
    struct bench b;
    bench_new(&b, 1 << 16, 0);
    struct event *h = bench_event(&b, EVENT_ALERT);
    h->ver = ver;
    h->vlan_n = vlan_n;
    h->vlan[0] = 6;
    if (ver == 6) {
        memset(h->src.b, 0x11, 16);
        memset(h->dst.b, 0x22, 16);
    }
    bench_alert(&b, "m", "c");
    struct event_packet p = {.link = 1, .len = 4, .wire_len = 9, .ts_ns = 1500000000000007000u};
    event_section2(b.e, SECTION_PACKET, &p, sizeof(p), "abcd", 4);
    if (status >= 0) {
        struct event_verdict d = {.status = (uint8_t)status, .action = EVENT_VERDICT_DROP};
        event_section(b.e, SECTION_VERDICT, &d, sizeof(d));
    }
    fields_open(event_fields(b.e), "http");
    fields_cstr(event_fields(b.e), "hostname", "host.example");
    fields_cstr(event_fields(b.e), "url", "/index");
    assert_true(event_end(b.e));
    bench_take(&b, v);
    bench_free(&b);
}

static void check_event(struct record *r, uint8_t ver, bool vlan, uint32_t vlan_id,
                        unsigned blocked)
{
    static const uint32_t types[2][2] = {{7, 104}, {72, 105}};
    static const uint32_t sizes[2][2] = {{52, 60}, {76, 84}};
    struct cursor *c = &r->body;
    assert_int_equal(r->type, types[ver == 6][vlan]);
    assert_int_equal(cur_left(c), sizes[ver == 6][vlan]);
    assert_int_equal(cur_be32(c), 3); /* sensor */
    assert_int_equal(cur_be32(c), 41);
    assert_int_equal(cur_be32(c), 1468449727);
    assert_int_equal(cur_be32(c), 573103);
    assert_int_equal(cur_be32(c), 2002152);
    assert_int_equal(cur_be32(c), 1);
    assert_int_equal(cur_be32(c), 2);
    assert_int_equal(cur_be32(c), 4);
    assert_int_equal(cur_be32(c), 3);
    if (ver == 4) {
        assert_int_equal(cur_be32(c), 0x0a000001);
        assert_int_equal(cur_be32(c), 0xc0a80102);
    } else {
        for (int i = 0; i < 8; i++)
            assert_int_equal(cur_be32(c), i < 4 ? 0x11111111 : 0x22222222);
    }
    assert_int_equal(cur_be16(c), 1234);
    assert_int_equal(cur_be16(c), 80);
    assert_int_equal(cur_u8(c), 6);
    assert_int_equal(cur_u8(c), blocked == 1 ? 32 : 0);
    assert_int_equal(cur_u8(c), 0);
    assert_int_equal(cur_u8(c), blocked);
    if (vlan) {
        assert_int_equal(cur_be32(c), 0);
        assert_int_equal(cur_be16(c), vlan_id);
        assert_int_equal(cur_be16(c), 0);
    }
    assert_int_equal(cur_left(c), 0);
}

static void check_extra(struct record *r, uint32_t kind, const char *text)
{
    struct cursor *c = &r->body;
    size_t n = strlen(text);
    assert_int_equal(r->type, 110);
    assert_int_equal(cur_left(c), 32 + n);
    assert_int_equal(cur_be32(c), 4);
    assert_int_equal(cur_be32(c), 32 + n);
    assert_int_equal(cur_be32(c), 3);
    assert_int_equal(cur_be32(c), 41);
    assert_int_equal(cur_be32(c), 1468449727);
    assert_int_equal(cur_be32(c), kind);
    assert_int_equal(cur_be32(c), 1);
    assert_int_equal(cur_be32(c), 8 + n);
    assert_memory_equal(cur_take(c, n), text, n);
}

static void check_packet(struct record *r)
{
    struct cursor *c = &r->body;
    assert_int_equal(r->type, 2);
    assert_int_equal(cur_left(c), 32);
    assert_int_equal(cur_be32(c), 3);
    assert_int_equal(cur_be32(c), 41);
    assert_int_equal(cur_be32(c), 1468449727);
    assert_int_equal(cur_be32(c), 1500000000);
    assert_int_equal(cur_be32(c), 7);
    assert_int_equal(cur_be32(c), 1);
    assert_int_equal(cur_be32(c), 4);
    assert_memory_equal(cur_take(c, 4), "abcd", 4);
}

static void test_records(void **state)
{
    (void)state;
    static const struct {
        uint8_t ver, vlan_n;
        bool style_vlan;
        int status;
        unsigned blocked;
    } cases[] = {
        {4, 0, false, -1, 0},          {4, 1, false, STATUS_DONE, 1},
        {4, 0, true, STATUS_WOULD, 2}, {6, 0, false, STATUS_COULD_NOT, 3},
        {6, 2, false, -1, 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct event_view v;
        struct sbuf b;
        struct record r;
        struct unified2_style s = {.vlan = cases[i].style_vlan, .sensor_id = 3};
        sbuf_init(&b);
        make(cases[i].ver, cases[i].vlan_n, cases[i].status, &v);
        unified2_put(&v, &s, 41, &b);
        struct cursor c = cur_of(b.p, b.n);
        assert_true(next(&c, &r));
        check_event(&r, cases[i].ver, cases[i].style_vlan || cases[i].vlan_n,
                    cases[i].vlan_n ? 6 : 0, cases[i].blocked);
        assert_true(next(&c, &r));
        check_packet(&r);
        assert_true(next(&c, &r));
        check_extra(&r, 9, "/index");
        assert_true(next(&c, &r));
        check_extra(&r, 10, "host.example");
        assert_false(next(&c, &r));
        sbuf_clear(&b);
        s.no_packets = true;
        s.no_extra = true;
        unified2_put(&v, &s, 41, &b);
        c = cur_of(b.p, b.n);
        assert_true(next(&c, &r) && r.type != 2);
        assert_false(next(&c, &r));
        sbuf_clear(&b);
        s = (struct unified2_style){.no_alerts = true};
        unified2_put(&v, &s, 41, &b);
        c = cur_of(b.p, b.n);
        assert_true(next(&c, &r) && r.type == 2);
        assert_false(next(&c, &r));
        sbuf_done(&b);
        free((void *)(uintptr_t)v.head);
    }
}

static void send_packet(struct bench *b, enum event_type t, uint64_t number, uint32_t link)
{
    bench_event(b, t)->number = number;
    if (t == EVENT_ALERT)
        bench_alert(b, "m", "c");
    struct event_packet p = {.link = link, .len = 3, .wire_len = 60, .ts_ns = 1500000000123456789u};
    event_section2(b->e, SECTION_PACKET, &p, sizeof(p), "xyz", 3);
    assert_true(event_end(b->e));
}

/* Number of packets in a capture file of this link type; checks each. */
static unsigned packets(const char *dir, const char *name, uint32_t link)
{
    size_t n;
    unsigned count = 0;
    char *p = test_file(dir, name, &n);
    assert_non_null(p);
    struct cursor c = cur_of(p, n);
    assert_int_equal(cur_le32(&c), 0xa1b2c3d4);
    assert_int_equal(cur_le32(&c), 2 | 4 << 16);
    assert_true(cur_skip(&c, 8));
    assert_true(cur_le32(&c) >= 65535);
    assert_int_equal(cur_le32(&c), link);
    for (; cur_left(&c); count++) {
        assert_int_equal(cur_le32(&c), 1500000000);
        assert_int_equal(cur_le32(&c), 123456);
        assert_int_equal(cur_le32(&c), 3);
        assert_int_equal(cur_le32(&c), 60);
        assert_memory_equal(cur_take(&c, 3), "xyz", 3);
    }
    free(p);
    return count;
}

static void test_pcap(void **state)
{
    (void)state;
    struct bench b;
    struct arena a;
    struct diags d;
    static const struct logger_identity id = {.sensor = "s"};
    arena_init(&a, 0, 0);
    diags_init(&d, &a);
    char *dir = test_dir(), path[100];
    bench_new(&b, 1 << 16, 0);
    snprintf(path, sizeof(path), "%s/tcpdump.log", dir);
    struct logger *l = logger_new(NULL, NULL, &id, &d);
    assert_int_equal(logger_add(l, LOGFMT_PCAP, path, &d), 0);
    assert_int_equal(test_names(dir, ""), 0); /* no packet, no file */
    send_packet(&b, EVENT_ALERT, 1, 1);
    send_packet(&b, EVENT_ALERT, 1, 1); /* a second alert of one packet */
    send_packet(&b, EVENT_PACKET, 2, 1);
    send_packet(&b, EVENT_FLOW, 3, 1); /* no reason to keep it */
    send_packet(&b, EVENT_ALERT, 4, 101);
    logger_drain(l, &b.reader, 1, false, 0);
    logger_free(l);
    assert_int_equal(packets(dir, "tcpdump.log.1468449727", 1), 2);
    assert_int_equal(packets(dir, "tcpdump.log.link101.1468449727", 101), 1);
    assert_int_equal(test_names(dir, ""), 2);
    test_dir_free(dir);
    arena_done(&a);
    bench_free(&b);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_records),
        cmocka_unit_test(test_pcap),
    };
    setenv("TZ", "UTC", 1);
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
