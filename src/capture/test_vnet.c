/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The header of offloads, made of a frame and mended for changed bytes: against whole checksums. */
#include "capture/test_util.h"

#include <netinet/in.h>

#include "base/bytes.h"
#include "capture/vnet.h"

struct one {
    const char *name;
    unsigned tags, ver, proto, extension; /* bytes of an IPv6 hop-by-hop header */
    uint16_t seg;
    uint8_t gso;
};
static const struct one cases[] = {
    {"TCP", 0, 4, IPPROTO_TCP, 0, 0, 0},
    {"TCP, tag", 1, 4, IPPROTO_TCP, 0, 0, 0},
    {"TCP, two tags", 2, 6, IPPROTO_TCP, 0, 0, 0},
    {"TCP, super-frame", 0, 4, IPPROTO_TCP, 0, 500, VIRTIO_NET_HDR_GSO_TCPV4},
    {"TCP over IPv6, super-frame", 1, 6, IPPROTO_TCP, 0, 500, VIRTIO_NET_HDR_GSO_TCPV6},
    {"TCP behind an extension", 0, 6, IPPROTO_TCP, 16, 500, VIRTIO_NET_HDR_GSO_TCPV6},
    {"UDP", 0, 4, IPPROTO_UDP, 0, 0, 0},
    {"UDP, segments", 1, 6, IPPROTO_UDP, 8, 500, 5},
};
enum { PAYLOAD = 1201 };

struct made {
    uint8_t f[2048];
    uint32_t n, l4;
    struct ip_addr src, dst;
};

static void make(struct made *m, const struct one *c)
{
    memset(m, 0, sizeof *m);
    uint8_t *p = m->f + 12;
    for (unsigned i = 0; i < c->tags; i++, p += 4)
        be16_put(p, i + 1 < c->tags ? 0x88a8 : 0x8100);
    be16_put(p, c->ver == 4 ? 0x0800 : 0x86dd);
    uint8_t *ip = p + 2, *l4 = ip + (c->ver == 4 ? 20 : 40) + c->extension;
    uint32_t head = c->proto == IPPROTO_TCP ? 20 : 8, bytes = head + PAYLOAD;
    if (c->ver == 4) {
        ip[0] = 0x45;
        be16_put(ip + 2, (uint16_t)(20 + bytes));
        ip[9] = (uint8_t)c->proto;
        memcpy(ip + 12, "\x0a\x09\x00\x01\xc0\xa8\x07\x02", 8);
        m->src = ip_from_v4(ip + 12);
        m->dst = ip_from_v4(ip + 16);
    } else {
        ip[0] = 0x60;
        be16_put(ip + 4, (uint16_t)(c->extension + bytes));
        ip[6] = c->extension ? IPPROTO_HOPOPTS : (uint8_t)c->proto;
        memset(ip + 8, 0xfd, 16);
        memset(ip + 24, 0xe7, 16);
        if (c->extension) {
            ip[40] = (uint8_t)c->proto;
            ip[41] = (uint8_t)(c->extension / 8 - 1);
        }
        m->src = ip_from_v6(ip + 8);
        m->dst = ip_from_v6(ip + 24);
    }
    be16_put(l4, 4000);
    be16_put(l4 + 2, 80);
    if (c->proto == IPPROTO_TCP)
        l4[12] = 0x50;
    else
        be16_put(l4 + 4, (uint16_t)bytes);
    for (uint32_t i = 0; i < PAYLOAD; i++)
        l4[head + i] = (uint8_t)(i * 31 + 7);
    m->l4 = (uint32_t)(l4 - m->f);
    m->n = m->l4 + bytes;
}

static struct frame frame_of(const struct made *m, const struct one *c)
{
    return (struct frame){.data = m->f,
                          .len = m->n,
                          .wire_len = m->n,
                          .link = LINK_ETHERNET,
                          .seg_size = c->seg,
                          .csum = FRAME_CSUM_UNFINISHED};
}

static void made(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct one *c = &cases[i];
        struct made m;
        struct virtio_net_hdr v;
        make(&m, c);
        struct frame f = frame_of(&m, c);
        vnet_make(&f, &v);
        unsigned sum = c->proto == IPPROTO_TCP ? 16 : 6, head = c->proto == IPPROTO_TCP ? 20 : 8;
        if (v.flags != VIRTIO_NET_HDR_F_NEEDS_CSUM || v.csum_start != m.l4 ||
            v.csum_offset != sum || v.gso_type != c->gso || v.gso_size != c->seg ||
            v.hdr_len != (c->seg ? m.l4 + head : 0))
            fail_msg("%s: flags %u, start %u, offset %u, gso %u of %u, header %u", c->name, v.flags,
                     v.csum_start, v.csum_offset, v.gso_type, v.gso_size, v.hdr_len);
        f.csum = FRAME_CSUM_CHECK;
        f.seg_size = 0;
        vnet_make(&f, &v);
        assert_int_equal(v.flags | v.gso_type, 0);
    }
}

/* As the kernel completes it: the sum over all from csum_start on, with what stands in the field.
 */
static void refitted(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct one *c = &cases[i];
        struct made m;
        struct virtio_net_hdr v;
        make(&m, c);
        struct frame f = frame_of(&m, c);
        vnet_make(&f, &v);
        uint16_t whole =
            csum_l4((uint8_t)c->ver, &m.src, &m.dst, (uint8_t)c->proto, m.f + m.l4, m.n - m.l4);
        uint8_t *field = m.f + v.csum_start + v.csum_offset;
        be16_put(field, whole);
        vnet_refit(m.f, m.n, &v);
        uint16_t done = csum_inet(m.f + m.l4, m.n - m.l4);
        if (done != whole)
            fail_msg("%s: %04x instead of %04x", c->name, done, whole);
        struct virtio_net_hdr none = {0};
        be16_put(field, whole);
        vnet_refit(m.f, m.n, &none);
        assert_int_equal(be16_at(field), whole);
    }
}

/* As a sender leaves it for its card, from the bytes alone; what pads the frame, or is broken, does not mislead. */
static void finished(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        const struct one *c = &cases[i];
        struct made m;
        make(&m, c);
        uint32_t n = m.n + 9, at = m.l4 + (c->proto == IPPROTO_TCP ? 16 : 6); /* padded */
        struct virtio_net_hdr v = {.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM, .csum_start = (uint16_t)m.l4};
        uint16_t whole = csum_l4((uint8_t)c->ver, &m.src, &m.dst, (uint8_t)c->proto, m.f + m.l4, m.n - m.l4);
        be16_put(m.f + at, whole);
        assert_false(vnet_unfinished(m.f, n));
        vnet_refit(m.f, m.n, &v);
        assert_int_not_equal(be16_at(m.f + at), whole);
        assert_true(vnet_unfinished(m.f, n));
        assert_int_equal(vnet_finish(m.f, n), at);
        assert_int_equal(be16_at(m.f + at), whole);
        assert_int_equal(vnet_finish(m.f, n), at); /* once more: the same */
        assert_int_equal(be16_at(m.f + at), whole);
        uint8_t *ip = m.f + 14 + 4 * c->tags;
        if (c->ver == 4) {
            be16_put(ip + 6, 0x2000); /* a fragment has none of its own */
            assert_int_equal(vnet_finish(m.f, n), 0);
            be16_put(ip + 6, 0);
            ip[0] = 0x43; /* a header shorter than any */
            assert_int_equal(vnet_finish(m.f, n), 0);
        } else {
            be16_put(ip + 4, 60000); /* longer than there is */
            assert_int_equal(vnet_finish(m.f, n), 0);
        }
    }
}

/* RFC 768: a sum of 0 is written as all ones, for 0 says that there is none. */
static void never_none(void **state)
{
    (void)state;
    struct made m;
    make(&m, &cases[6]);
    uint16_t sum = csum_l4(4, &m.src, &m.dst, IPPROTO_UDP, m.f + m.l4, m.n - m.l4);
    uint8_t *data = m.f + m.l4 + 8;
    uint32_t more = be16_at(data) + (uint32_t)sum; /* now all of it sums up to 0xffff */
    be16_put(data, (uint16_t)(more + (more >> 16)));
    assert_int_equal(vnet_finish(m.f, m.n), m.l4 + 6);
    assert_int_equal(be16_at(m.f + m.l4 + 6), 0xffff);
}

/* Every cut, in memory of exactly that size. */
static void cut(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct made m;
        make(&m, &cases[i]);
        for (uint32_t n = 0; n < m.l4 + 24; n++) {
            uint8_t *p = malloc(n ? n : 1);
            struct virtio_net_hdr v;
            assert_non_null(p);
            memcpy(p, m.f, n);
            struct frame f = frame_of(&m, &cases[i]);
            f.data = p;
            f.len = n;
            vnet_make(&f, &v);
            assert_true(!v.flags || (uint32_t)v.csum_start + v.csum_offset + 2u <= n);
            v = (struct virtio_net_hdr){.flags = VIRTIO_NET_HDR_F_NEEDS_CSUM,
                                        .csum_start = (uint16_t)m.l4};
            vnet_refit(p, n, &v);
            assert_false(vnet_unfinished(p, n));
            assert_int_equal(vnet_finish(p, n), 0);
            free(p);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(made), cmocka_unit_test(refitted),
                                       cmocka_unit_test(finished),
                                       cmocka_unit_test(never_none), cmocka_unit_test(cut)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
