/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A packet that several ports show is known again; another packet is not. */
#include "engine/twin.h"

#include "base/bytes.h"
#include "base/clock.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

struct made {
    uint8_t data[128];
    struct frame f;
};

/* A UDP datagram of 10 bytes; tags from `tags` until a 0. */
static struct made udp(uint8_t ver, uint16_t iface, uint64_t ts_ns, const uint16_t *tags,
                       const char *text)
{
    struct made m = {0};
    uint8_t *p = m.data;
    memset(p, (int)(0x20 + iface), 12); /* other MACs at each place */
    p += 12;
    for (; tags && *tags; tags++, p += 4) {
        be16_put(p, 0x8100);
        be16_put(p + 2, *tags);
    }
    be16_put(p, ver == 4 ? 0x0800 : 0x86dd);
    p += 2;
    if (ver == 4) {
        static const uint8_t head[20] = {0x45, 0, 0,  38, 7, 7, 0,  0, 64, 17,
                                         0,    0, 10, 0,  0, 1, 10, 0, 0,  2};
        memcpy(p, head, 20);
        p += 20;
    } else {
        memset(p, 0xfd, 40);
        memcpy(p, "\x60\0\0\0\0\x12\x11\x40", 8);
        p += 40;
    }
    memcpy(p, "\x10\0\0\x35\0\x12\0\0", 8);
    memcpy(p + 8, text, 10);
    m.f = (struct frame){
        .len = (uint32_t)(p + 18 - m.data), .ts_ns = ts_ns, .link = LINK_ETHERNET, .iface = iface};
    m.f.wire_len = m.f.len;
    return m;
}

static bool seen(struct twins *t, struct made m)
{
    /* An exact buffer: the sanitizer sees what is read behind it. */
    uint8_t *copy = malloc(m.f.len);
    memcpy(copy, m.data, m.f.len);
    m.f.data = copy;
    bool twin = twins_seen(t, &m.f);
    free(copy);
    return twin;
}

static const uint64_t T = 1000 * NS_PER_SEC, MS = NS_PER_MS;

static void judged_once(void **state)
{
    (void)state;
    for (uint8_t ver = 4; ver <= 6; ver += 2) {
        struct twins *t = twins_new(20 * MS, 7, false);
        assert_false(seen(t, udp(ver, 0, T, NULL, "0123456789")));
        assert_true(seen(t, udp(ver, 1, T + MS, NULL, "0123456789")));
        assert_true(seen(t, udp(ver, 2, T + MS, NULL, "0123456789")));
        /* the port itself shows another: a second packet, with its own copy */
        assert_false(seen(t, udp(ver, 0, T + 2 * MS, NULL, "0123456789")));
        assert_true(seen(t, udp(ver, 1, T + 3 * MS, NULL, "0123456789")));
        assert_false(seen(t, udp(ver, 1, T + 4 * MS, NULL, "0123456789")));
        /* another packet, another time */
        assert_false(seen(t, udp(ver, 1, T + MS, NULL, "012345678X")));
        assert_false(seen(t, udp(ver, 1, T + 30 * MS, NULL, "0123456789")));
        twins_free(t);
    }
}

static void earlier_stamp(void **state)
{
    (void)state;
    struct twins *t = twins_new(20 * MS, 7, false);
    assert_false(seen(t, udp(4, 1, T + 5 * MS, NULL, "0123456789")));
    assert_true(seen(t, udp(4, 0, T, NULL, "0123456789")));
    twins_free(t);
}

static void what_may_differ(void **state)
{
    (void)state;
    struct twins *t = twins_new(20 * MS, 7, false);
    struct made m = udp(4, 1, T, NULL, "0123456789");
    assert_false(seen(t, udp(4, 0, T, NULL, "0123456789")));
    m.data[14 + 1] = 0xb8; /* class */
    m.data[14 + 8] = 63;   /* hops */
    m.data[14 + 10] = 0x12;
    assert_true(seen(t, m));
    m.f.iface = 2;
    m.f.len += 12; /* padding */
    assert_true(seen(t, m));
    m.f.iface = 3;
    m.data[14 + 5] ^= 1; /* identification: a repetition by its sender */
    assert_false(seen(t, m));
    m = udp(6, 1, T, NULL, "0123456789");
    assert_false(seen(t, udp(6, 0, T, NULL, "0123456789")));
    m.data[14 + 7]--;
    m.data[14] = 0x6b;
    m.data[15] = 0x80;
    assert_true(seen(t, m));
    m.f.iface = 2;
    m.data[14 + 39] ^= 1; /* another address */
    assert_false(seen(t, m));
    twins_free(t);
}

static void tags(void **state)
{
    (void)state;
    static const uint16_t ten[] = {10, 0}, twenty[] = {20, 0}, both[] = {10, 20, 0};
    for (unsigned vlan = 0; vlan < 2; vlan++) {
        struct twins *t = twins_new(20 * MS, 7, vlan);
        assert_false(seen(t, udp(4, 0, T, ten, "0123456789")));
        assert_int_equal(seen(t, udp(4, 1, T, twenty, "0123456789")), !vlan);
        assert_int_equal(seen(t, udp(4, 2, T, both, "0123456789")), !vlan);
        assert_int_equal(seen(t, udp(4, 3, T, NULL, "0123456789")), !vlan);
        struct made off = udp(4, 4, T, NULL, "0123456789"); /* taken off by the kernel */
        off.f.vlan_n = 1;
        off.f.vlan_tci[0] = 10;
        assert_true(seen(t, off));
        twins_free(t);
    }
}

static void never_the_same(void **state)
{
    (void)state;
    struct twins *t = twins_new(20 * MS, 7, false);
    struct made arp = udp(4, 0, T, NULL, "0123456789");
    be16_put(arp.data + 12, 0x0806);
    assert_false(seen(t, arp));
    arp.f.iface = 1;
    assert_false(seen(t, arp));
    for (uint32_t n = 0; n < 60; n++) { /* cut anywhere */
        struct made m = udp(4, 0, T + n * 100 * MS, NULL, "0123456789");
        m.f.len = n < m.f.len ? n : m.f.len;
        assert_false(seen(t, m));
        m.f.iface = 1;
        assert_int_equal(seen(t, m), n >= 14 + 20);
    }
    twins_free(t);
}

/* Far more packets than rows: what is recycled is judged again, nothing else happens. */
static void many(void **state)
{
    (void)state;
    struct twins *t = twins_new(20 * MS, 7, false);
    unsigned twice = 0, n = 10000;
    char text[16];
    for (unsigned k = 0; k < n; k++) {
        snprintf(text, sizeof(text), "%010u", k);
        assert_false(seen(t, udp(4, 0, T + k, NULL, text)));
    }
    for (unsigned k = 0; k < n; k++) {
        snprintf(text, sizeof(text), "%010u", k);
        twice += !seen(t, udp(4, 1, T + k, NULL, text));
    }
    assert_in_range(twice, 0, n / 40);
    twins_free(t);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(judged_once),     cmocka_unit_test(earlier_stamp),
        cmocka_unit_test(what_may_differ), cmocka_unit_test(tags),
        cmocka_unit_test(never_the_same),  cmocka_unit_test(many),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
