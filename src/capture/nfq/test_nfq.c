/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Messages of queues: whole, cut at every byte, with every byte wrong; the header in front; who is
 * where. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_queue.h>
#include <linux/netlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "capture/nfq/peers.h"

static const uint8_t ip4[28] = {0x45, 0,  0,  28, 0, 1,  0, 0, 64, 17, 0, 0, 10, 8,
                                0,    10, 10, 8,  0, 20, 1, 2, 3,  4,  0, 8, 0,  0};

struct made {
    uint8_t bytes[512];
    size_t n;
};

static void add(struct made *m, uint16_t type, const void *data, size_t n)
{
    struct nlattr a = {.nla_len = (uint16_t)(NLA_HDRLEN + n), .nla_type = type};
    memcpy(m->bytes + m->n, &a, sizeof(a));
    memcpy(m->bytes + m->n + NLA_HDRLEN, data, n);
    m->n += NLA_HDRLEN + ((n + 3) & ~(size_t)3);
}

static void add32(struct made *m, uint16_t type, uint32_t v)
{
    v = htonl(v);
    add(m, type, &v, sizeof(v));
}

static void finish(struct made *m, uint16_t type)
{
    struct nlmsghdr h = {.nlmsg_len = (uint32_t)m->n, .nlmsg_type = type};
    memcpy(m->bytes, &h, sizeof(h));
}

/* As of a bridge; `l2`: as of nft's bridge family, with tag. */
static struct made packet(bool l2)
{
    struct made m = {.n = sizeof(struct nlmsghdr) + sizeof(struct nfgenmsg)};
    const uint8_t head[7] = {0, 0, 0x12, 0x34, 0x08, 0x00, 2},
                  hw[12] = {0, 6, 0, 0, 2, 0, 0, 0, 1, 0x10, 0, 0};
    const uint8_t eth[14] = {2, 0, 0, 0, 1, 0x20, 2, 0, 0, 0, 1, 0x11, 8, 0};
    const uint8_t when[16] = {0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 7};
    add(&m, NFQA_PACKET_HDR, head, sizeof(head));
    add32(&m, NFQA_IFINDEX_INDEV, 9);
    add32(&m, NFQA_IFINDEX_PHYSINDEV, 3);
    add32(&m, NFQA_IFINDEX_PHYSOUTDEV, 4);
    add32(&m, NFQA_IFINDEX_OUTDEV, 9);
    add32(&m, NFQA_MARK, 0x55);
    add(&m, NFQA_HWADDR, hw, sizeof(hw));
    add(&m, NFQA_TIMESTAMP, when, sizeof(when));
    if (l2) {
        struct made v = {.n = 0};
        const uint8_t tpid[2] = {0x88, 0xa8}, tci[2] = {0, 42};
        add(&v, NFQA_VLAN_PROTO, tpid, 2);
        add(&v, NFQA_VLAN_TCI, tci, 2);
        add(&m, NFQA_VLAN | NLA_F_NESTED, v.bytes, v.n);
        add(&m, NFQA_L2HDR, eth, sizeof(eth));
    }
    add32(&m, NFQA_SKB_INFO, NFQA_SKB_CSUMNOTREADY);
    add32(&m, 77, 1); /* a later kernel's */
    add(&m, NFQA_PAYLOAD, ip4, sizeof(ip4));
    finish(&m, (NFNL_SUBSYS_QUEUE << 8) | NFQNL_MSG_PACKET);
    return m;
}

static void reads(void **state)
{
    (void)state;
    struct made m = packet(false);
    struct nfq_packet p;
    assert_int_equal(nfq_read(m.bytes, m.n, &p), NFQ_PACKET);
    assert_int_equal(p.id, 0x1234);
    assert_int_equal(p.mark, 0x55);
    assert_int_equal(p.in, 3);
    assert_int_equal(p.out, 4);
    assert_true(p.bridged && p.has_src && !p.has_dst && !p.tagged);
    assert_int_equal(p.info, NFQA_SKB_CSUMNOTREADY);
    assert_int_equal(p.n, sizeof(ip4));
    assert_memory_equal(p.data, ip4, sizeof(ip4));
    assert_true(p.ts_ns == 9000007000ull);
    const uint8_t eth[14] = {0, 0, 0, 0, 0, 0, 2, 0, 0, 0, 1, 0x10, 8, 0};
    assert_int_equal(nfq_head(&p, m.bytes), 14);
    assert_memory_equal(p.data - 14, eth, 14);
}

static void reads_tag(void **state)
{
    (void)state;
    struct made m = packet(true);
    struct nfq_packet p;
    assert_int_equal(nfq_read(m.bytes, m.n, &p), NFQ_PACKET);
    const uint8_t eth[18] = {2, 0, 0, 0, 1, 0x20, 2, 0, 0, 0, 1, 0x11, 0x88, 0xa8, 0, 42, 8, 0};
    assert_int_equal(nfq_head(&p, m.bytes), 18);
    assert_memory_equal(p.data - 18, eth, 18);
}

static void errors(void **state)
{
    (void)state;
    uint8_t b[36] = {0};
    int32_t e = -1;
    struct nlmsghdr h = {.nlmsg_len = 36, .nlmsg_type = NLMSG_ERROR};
    memcpy(b, &h, sizeof(h));
    memcpy(b + 16, &e, sizeof(e));
    struct nfq_packet p;
    assert_int_equal(nfq_read(b, sizeof(b), &p), NFQ_ERROR);
    assert_int_equal(p.error, -1);
    assert_int_equal(nfq_read(b, 18, &p), NFQ_BAD);
    struct made m = packet(false);
    finish(&m, 3);
    assert_int_equal(nfq_read(m.bytes, m.n, &p), NFQ_OTHER);
    /* no number: no packet */
    struct made bare = {.n = 20};
    add(&bare, NFQA_PAYLOAD, ip4, sizeof(ip4));
    finish(&bare, (NFNL_SUBSYS_QUEUE << 8) | NFQNL_MSG_PACKET);
    assert_int_equal(nfq_read(bare.bytes, bare.n, &p), NFQ_BAD);
}

/* Everything that a reader may do with one, in memory of its very size. */
static void use(const uint8_t *bytes, size_t n)
{
    static struct peers peers;
    uint8_t *b = malloc(n ? n : 1);
    struct nfq_packet p;
    memcpy(b, bytes, n);
    if (nfq_read(b, n, &p) == NFQ_PACKET) {
        assert_true(!p.data || (p.data >= b && p.data + p.n <= b + n));
        unsigned head = nfq_head(&p, b);
        assert_true(!head || p.data - head >= b);
        peers_note(&peers, &p);
        if (p.data)
            (void)peers_find(&peers, p.data, p.n);
    }
    free(b);
}

static void cuts(void **state)
{
    (void)state;
    for (int l2 = 0; l2 < 2; l2++) {
        struct made m = packet(l2);
        for (size_t n = 0; n <= m.n; n++) {
            use(m.bytes, n);
            struct made c = m; /* its length says that it is whole */
            uint32_t len = (uint32_t)n;
            memcpy(c.bytes, &len, sizeof(len));
            use(c.bytes, n);
        }
        for (size_t at = 0; at < m.n; at++)
            for (unsigned v = 0; v < 256; v++) {
                struct made c = m;
                c.bytes[at] = (uint8_t)v;
                use(c.bytes, c.n);
            }
    }
}

static void noise(void **state)
{
    (void)state;
    unsigned seed = (unsigned)time(NULL);
    print_message("# seed %u\n", seed);
    srand(seed);
    for (unsigned k = 0; k < 20000; k++) {
        struct made m = packet(k & 1);
        for (unsigned i = rand() % 8; i--;)
            m.bytes[(unsigned)rand() % m.n] = (uint8_t)rand();
        uint32_t len = (uint32_t)m.n;
        if (k % 3)
            memcpy(m.bytes, &len, sizeof(len));
        use(m.bytes, m.n);
    }
}

static void writes(void **state)
{
    (void)state;
    uint8_t mem[128];
    struct nfq_out o = {.mem = mem, .room = sizeof(mem)};
    uint32_t mark = 7;
    assert_true(nfq_put_verdict(&o, 3, 9, NF_DROP, NULL, NULL, 0));
    uint32_t one = o.n;
    assert_int_equal(one, 32);
    assert_int_equal(be16_at(mem + 18), 3);
    assert_int_equal(be32_at(mem + 24), NF_DROP);
    assert_int_equal(be32_at(mem + 28), 9);
    assert_true(nfq_put_batch(&o, 3, 10, NF_ACCEPT, &mark));
    assert_int_equal(o.n, one + 40);
    assert_int_equal(be32_at(mem + one + 36), 7);
    assert_false(nfq_put_verdict(&o, 3, 9, NF_ACCEPT, NULL, ip4, sizeof(ip4)));
    assert_int_equal(o.n, one + 40);
    o.n = 0;
    assert_true(nfq_put_verdict(&o, 3, 9, NF_ACCEPT, NULL, ip4, sizeof(ip4)));
    assert_memory_equal(mem + 36, ip4, sizeof(ip4));
    assert_false(nfq_put_verdict(&o, 3, 9, NF_ACCEPT, NULL, mem, 70000));
}

static void peers_tell(void **state)
{
    (void)state;
    static struct peers t;
    struct made m = packet(false);
    struct nfq_packet p;
    uint8_t back[28];
    assert_int_equal(nfq_read(m.bytes, m.n, &p), NFQ_PACKET);
    memcpy(back, ip4, sizeof(back));
    memcpy(back + 12, ip4 + 16, 4);
    memcpy(back + 16, ip4 + 12, 4);
    assert_null(peers_find(&t, back, sizeof(back)));
    peers_note(&t, &p);
    const struct peer *r = peers_find(&t, back, sizeof(back));
    assert_non_null(r);
    assert_int_equal(r->port, 3);
    assert_memory_equal(r->mac, p.src, 6);
    assert_null(peers_find(&t, ip4, sizeof(ip4)));
    assert_null(peers_find(&t, back, 19));
    p.bridged = false; /* routed: the host's routes know better */
    memcpy(back + 16, "\x0a\x08\x00\x63", 4);
    p.data = back;
    peers_note(&t, &p);
    assert_null(peers_find(&t, back, sizeof(back)));
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {cmocka_unit_test(reads),     cmocka_unit_test(reads_tag),
                                       cmocka_unit_test(errors),    cmocka_unit_test(cuts),
                                       cmocka_unit_test(noise),     cmocka_unit_test(writes),
                                       cmocka_unit_test(peers_tell)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
