/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What answers look like on the wire: tags, MACs, ICMP errors, tunnels.  Read back by the decoder,
 * or byte by byte. */
#include "verdict/respond_test.h"

static void answer_request(struct lab *w, unsigned bits)
{
    lab_open(w);
    w->response = (uint8_t)bits;
    lab_tcp(w, 'c', "PA", 1001, 5001, 100, 0);
}

/* Tags of any depth come back as they were; the priority bits, too. */
static void tags(void **state)
{
    (void)state;
    for (unsigned depth = 0; depth <= 3; depth++)
        for (unsigned off = 0; off <= 2; off++) /* so many more were taken off by the kernel */
            for (uint8_t ver = 4; ver <= 6; ver += 2) {
                if (depth + off > 3)
                    continue;
                struct lab *w = lab_new(NULL);
                w->ver = ver;
                w->vlan_n = depth;
                w->vlan[0] = 0x6064; /* priority 3, VID 100 */
                w->vlan[1] = 200;
                w->vlan[2] = 300;
                w->tci_n = off;
                w->tci[0] = 0xa00a;
                w->tci[1] = 11;
                answer_request(w, RESP_RST_BOTH);
                assert_int_equal(w->n_sent, 2);
                for (unsigned k = 0; k < 2; k++) {
                    uint8_t want[64];
                    size_t n = 12;
                    memcpy(want, k ? mac_server : mac_client, 6);
                    memcpy(want + 6, mac_own, 6);
                    for (unsigned i = 0; i < off; i++, n += 4) {
                        be16_put(want + n, 0x8100);
                        be16_put(want + n + 2, w->tci[i]);
                    }
                    for (unsigned i = 0; i < depth; i++, n += 4) {
                        be16_put(want + n, i + 1 < depth ? 0x88a8 : 0x8100);
                        be16_put(want + n + 2, w->vlan[i]);
                    }
                    be16_put(want + n, ver == 4 ? 0x0800 : 0x86dd);
                    n += 2;
                    assert_memory_equal(w->sent[k].data, want, n);
                    assert_int_equal(w->sent[k].n, n + (ver == 4 ? 40 : 60));
                }
                /* probes go the same way */
                lab_wait(w, 300 * MSEC);
                assert_int_equal(w->n_sent, 4);
                assert_memory_equal(w->sent[2].data, w->sent[0].data, 12 + 4 * (depth + off) + 2);
                assert_int_equal(w->sent[2].p.tcp.flags, TCP_ACK);
                lab_free(w);
            }
}

/* A whole frame, by hand. */
static void byte_by_byte(void **state)
{
    (void)state;
    struct lab *w = lab_new(NULL);
    w->vlan_n = 1;
    w->vlan[0] = 10;
    answer_request(w, RESP_RST_SRC);
    assert_int_equal(w->n_sent, 1);
    uint8_t *f = w->sent[0].data;
    static const uint8_t want[] = {
        0x02, 0,    0,    0,    0,    0xc1, 0x02, 0,    0,    0,
        0,    0xee, 0x81, 0x00, 0x00, 0x0a, 0x08, 0x00, /* link */
        0x45, 0x00, 0x00, 0x28, 0,    0,    0x40, 0x00, 0x3f, 0x06,
        0,    0,    10,   0,    0,    2,    10,   0,    0,    1, /* IP */
        0x00, 0x50, 0x9c, 0x40, 0x00, 0x00, 0x13, 0x89, 0,    0,
        0,    0,    0x50, 0x04, 0,    0,    0,    0,    0,    0,
    };
    assert_int_equal(w->sent[0].n, sizeof(want));
    assert_true(be16_at(f + 22)); /* an identification */
    be16_put(f + 22, 0);
    be16_put(f + 28, 0); /* sums: the decoder has verified them */
    be16_put(f + 54, 0);
    assert_memory_equal(f, want, sizeof(want));
    lab_free(w);
}

static void macs_by_setting(void **state)
{
    (void)state;
    struct lab *w = lab_new(&(struct response_config){.dst_mac = {2, 1, 1, 1, 1, 1},
                                                      .has_dst_mac = true,
                                                      .src_mac = {2, 2, 2, 2, 2, 2},
                                                      .has_src_mac = true});
    answer_request(w, RESP_RST_BOTH);
    static const uint8_t want[12] = {2, 1, 1, 1, 1, 1, 2, 2, 2, 2, 2, 2};
    for (unsigned k = 0; k < 2; k++)
        assert_memory_equal(w->sent[k].data, want, 12);
    lab_free(w);
}

/* TTL: what the impersonated side's packets have here, now. */
static void ttl(void **state)
{
    (void)state;
    struct lab *w = lab_new(NULL);
    lab_open(w);
    w->ttl[1] = 51; /* its way has changed */
    lab_tcp(w, 's', "PA", 5001, 1001, 10, 0);
    w->ttl[0] = 120;
    w->response = RESP_RST_BOTH;
    lab_tcp(w, 'c', "PA", 1001, 5011, 100, 0);
    assert_int_equal(w->n_sent, 2);
    assert_int_equal(w->sent[0].p.ttl, 51);
    assert_int_equal(w->sent[1].p.ttl, 120);
    lab_free(w);
}

/* Errors to the sender of a datagram: the one that a connected socket believes first, quoting what
 * it needs. */
static void icmp_errors(void **state)
{
    (void)state;
    static const struct {
        uint8_t ver, bits, n, code[4];
    } cases[] = {
        {4, RESP_ICMP_PORT, 1, {3}},
        {4, RESP_ICMP_NET, 1, {0}},
        {4, RESP_ICMP_HOST, 1, {1}},
        {4, RESP_ICMP_ADMIN, 1, {13}},
        {4, RESP_ICMP_ALL, 3, {3, 0, 1}},
        {4, RESP_ICMP_ALL | RESP_ICMP_ADMIN, 4, {3, 0, 1, 13}},
        {4, RESP_RST_BOTH | RESP_ICMP_PORT, 1, {3}},
        {6, RESP_ICMP_PORT, 1, {4}},
        {6, RESP_ICMP_NET, 1, {0}},
        {6, RESP_ICMP_HOST, 1, {3}},
        {6, RESP_ICMP_ADMIN, 1, {1}},
        {6, RESP_ICMP_ALL, 3, {4, 0, 3}},
    };
    static const uint32_t sizes[] = {0, 3, 30, 600, 1400};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++)
        for (size_t s = 0; s < ARRAY_LEN(sizes); s++) {
            struct lab *w = lab_new(NULL);
            w->ver = cases[i].ver;
            w->dp = 53;
            w->response = cases[i].bits;
            lab_udp(w, 'c', sizes[s]);
            assert_int_equal(w->n_sent, cases[i].n);
            for (unsigned k = 0; k < w->n_sent; k++) {
                const struct packet *p = &w->sent[k].p;
                struct ip_addr client = lab_addr(w, 1), server = lab_addr(w, 2);
                assert_int_equal(p->proto, w->ver == 4 ? IPPROTO_ICMP : IPPROTO_ICMPV6);
                assert_int_equal(p->icmp_type, w->ver == 4 ? 3 : 1);
                assert_int_equal(p->icmp_code, cases[i].code[k]);
                assert_true(ip_eq(&p->src, &server) && ip_eq(&p->dst, &client));
                assert_true(p->quote.have);
                assert_int_equal(p->quote.sp, w->sp);
                assert_int_equal(p->quote.dp, 53);
                assert_true(ip_eq(&p->quote.src, &client) && ip_eq(&p->quote.dst, &server));
                assert_memory_equal(p->l2, mac_client, 6);
                uint32_t head = w->ver == 4 ? 28 : 48, most = w->ver == 4 ? 576 : 1280;
                uint32_t quoted = sizes[s] + head < most - head ? sizes[s] + head : most - head;
                assert_int_equal(p->ip_len, head + quoted);
            }
            lab_free(w);
        }
}

/* A connection that is being made dies of errors; one that stands doesn't, and says so. */
static void icmp_for_tcp(void **state)
{
    (void)state;
    struct lab *w = lab_new(NULL);
    w->response = RESP_RST_BOTH | RESP_ICMP_PORT;
    lab_tcp(w, 'c', "S", 1000, 0, 0, 0);
    assert_int_equal(w->n_sent, 3);
    assert_int_equal(w->sent[2].p.proto, IPPROTO_ICMP);
    lab_free(w);

    w = lab_new(NULL); /* reset_both,icmp_port: each where it works */
    answer_request(w, RESP_RST_BOTH | RESP_ICMP_PORT);
    assert_int_equal(w->n_sent, 2);
    lab_free(w);

    w = lab_new(NULL); /* asked for by name */
    answer_request(w, RESP_RST_BOTH | RESP_ICMP_ALL);
    assert_int_equal(w->n_sent, 5);
    is_reset(w, 0, 'c', 5001);
    is_reset(w, 1, 's', 1101);
    for (unsigned k = 2; k < 5; k++)
        assert_int_equal(w->sent[k].p.quote.proto, IPPROTO_TCP);
    assert_null(w->why);
    lab_free(w);

    w = lab_new(NULL);
    answer_request(w, RESP_ICMP_PORT);
    assert_int_equal(w->n_sent, 1);
    assert_string_equal(w->why, "ICMP errors do not end an established connection");
    lab_free(w);
}

/* ICMP has no ports: an echo is forbidden by the administrator. */
static void icmp_for_icmp(void **state)
{
    (void)state;
    static const struct {
        uint8_t bits, n, code;
    } cases[] = {{RESP_ICMP_PORT, 1, 13}, {RESP_ICMP_HOST, 1, 1}, {RESP_ICMP_ALL, 2, 0}};
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct lab *w = lab_new(NULL);
        uint8_t f[100];
        struct build_ip h = lab_ip(w, true);
        size_t l = lab_link(w, f, true),
               n = build_icmp_error(f + l, sizeof(f) - l, &h, 8, 0, 0x10001, "ping", 4);
        w->response = cases[i].bits;
        lab_frame(w, f, l + n, 0);
        assert_int_equal(w->n_sent, cases[i].n);
        assert_int_equal(w->sent[0].p.icmp_code, cases[i].code);
        assert_int_equal(w->sent[0].p.quote.icmp_type, 8);
        lab_free(w);
    }
}

/* ------------------------------------------------------------------ tunnels */

static uint8_t *shift(uint8_t *out, size_t at, size_t n, size_t by)
{
    memmove(out + at + by, out + at, n);
    return out + at;
}

static struct ip_addr end4(bool near)
{
    uint8_t a[4] = {192, 0, 2, near ? 1 : 2};
    return ip_from_v4(a);
}

static size_t outer4(uint8_t *out, size_t at, size_t n, bool client, uint8_t proto)
{
    uint8_t *h = shift(out, at, n, 20);
    be16_put(out + at - 2, 0x0800);
    memset(h, 0, 20);
    h[0] = 0x45;
    be16_put(h + 2, (uint16_t)(20 + n));
    h[8] = 33;
    h[9] = proto;
    memcpy(h + 12, end4(client).b + 12, 4);
    memcpy(h + 16, end4(!client).b + 12, 4);
    be16_put(h + 10, csum_inet(h, 20));
    return at + 20 + n;
}

static size_t outer6(uint8_t *out, size_t at, size_t n, bool client, uint8_t next)
{
    uint8_t *h = shift(out, at, n, 40);
    be16_put(out + at - 2, 0x86dd);
    memset(h, 0, 40);
    h[0] = 0x60;
    be16_put(h + 4, (uint16_t)n);
    h[6] = next;
    h[7] = 33;
    h[8] = h[24] = 0xfd;
    h[23] = client ? 1 : 2;
    h[39] = client ? 2 : 1;
    return at + 40 + n;
}

static size_t put(uint8_t *out, size_t at, size_t n, const void *head, size_t m)
{
    memcpy(shift(out, at, n, m), head, m);
    return n + m;
}

static size_t put_udp(uint8_t *out, size_t at, size_t n, uint16_t sp, uint16_t dp)
{
    uint8_t h[8] = {0};
    be16_put(h, sp);
    be16_put(h + 2, dp);
    be16_put(h + 4, (uint16_t)(8 + n));
    return put(out, at, n, h, 8);
}

static size_t put_ether(const struct lab *w, uint8_t *out, size_t at, size_t n, bool client)
{
    uint8_t h[14] = {2, 0xaa, 0, 0, 0, client ? 2 : 1, 2, 0xaa, 0, 0, 0, client ? 1 : 2};
    be16_put(h + 12, w->ver == 4 ? 0x0800 : 0x86dd);
    return put(out, at, n, h, 14);
}

static size_t ipip(const struct lab *w, uint8_t *out, size_t at, size_t n, bool client)
{
    return outer4(out, at, n, client, w->ver == 4 ? 4 : 41);
}
static size_t ip_in_6(const struct lab *w, uint8_t *out, size_t at, size_t n, bool client)
{
    return outer6(out, at, n, client, w->ver == 4 ? 4 : 41);
}
static size_t gre(const struct lab *w, uint8_t *out, size_t at, size_t n, bool client)
{
    uint8_t h[8] = {0x20, 0, 0, 0, 0, 0, 0, 7}; /* key 7 */
    be16_put(h + 2, w->ver == 4 ? 0x0800 : 0x86dd);
    return outer4(out, at, put(out, at, n, h, 8), client, 47);
}
static size_t gre_csum(const struct lab *w, uint8_t *out, size_t at, size_t n, bool client)
{
    uint8_t h[8] = {0x80, 0};
    be16_put(h + 2, w->ver == 4 ? 0x0800 : 0x86dd);
    n = put(out, at, n, h, 8);
    be16_put(out + at + 4, csum_inet(out + at, n));
    return outer4(out, at, n, client, 47);
}
static size_t gre_seq(const struct lab *w, uint8_t *out, size_t at, size_t n, bool client)
{
    uint8_t h[8] = {0x10, 0, 0, 0, 0, 0, 0, 1};
    be16_put(h + 2, w->ver == 4 ? 0x0800 : 0x86dd);
    return outer4(out, at, put(out, at, n, h, 8), client, 47);
}
static size_t gre_ether(const struct lab *w, uint8_t *out, size_t at, size_t n, bool client)
{
    n = put_ether(w, out, at, n, client);
    return outer4(out, at, put(out, at, n, "\0\0\x65\x58", 4), client, 47);
}
static size_t vxlan4(const struct lab *w, uint8_t *out, size_t at, size_t n, bool client)
{
    n = put_ether(w, out, at, n, client);
    n = put(out, at, n, "\x08\0\0\0\0\x12\x34\0", 8);
    return outer4(out, at, put_udp(out, at, n, client ? 51000 : 52000, 4789), client, 17);
}
static size_t vxlan6(const struct lab *w, uint8_t *out, size_t at, size_t n, bool client)
{
    n = put_ether(w, out, at, n, client);
    n = put(out, at, n, "\x08\0\0\0\0\x12\x34\0", 8);
    n = put_udp(out, at, n, 51000, 4789);
    size_t total = outer6(out, at, n, client, 17);
    struct ip_addr src = ip_from_v6(out + at + 8), dst = ip_from_v6(out + at + 24);
    be16_put(out + at + 46, csum_l4(6, &src, &dst, 17, out + at + 40, n));
    return total;
}
static size_t geneve(const struct lab *w, uint8_t *out, size_t at, size_t n, bool client)
{
    n = put_ether(w, out, at, n, client);
    n = put(out, at, n, "\x01\0\x65\x58\0\x12\x34\0\x01\x02\x03\0", 12); /* an option */
    return outer4(out, at, put_udp(out, at, n, 51000, 6081), client, 17);
}
static size_t teredo(const struct lab *w, uint8_t *out, size_t at, size_t n, bool client)
{
    (void)w;
    return outer4(out, at, put_udp(out, at, n, client ? 51000 : 3544, client ? 3544 : 51000),
                  client, 17);
}
static size_t gre_in_ipip(const struct lab *w, uint8_t *out, size_t at, size_t n, bool client)
{
    return outer4(out, at, gre_csum(w, out, at, n, client) - at, client, 4);
}
static size_t pppoe(const struct lab *w, uint8_t *out, size_t at, size_t n, bool client)
{
    (void)client;
    uint8_t h[8] = {0x11, 0, 0, 9};
    be16_put(h + 4, (uint16_t)(n + 2));
    be16_put(h + 6, w->ver == 4 ? 0x21 : 0x57);
    be16_put(out + at - 2, 0x8864);
    return at + put(out, at, n, h, 8);
}
static size_t mpls(const struct lab *w, uint8_t *out, size_t at, size_t n, bool client)
{
    (void)w;
    be16_put(out + at - 2, 0x8847);
    return at + put(out, at, n, client ? "\0\x06\x41\x40" : "\0\x0c\x81\x40", 4);
}
static size_t erspan(const struct lab *w, uint8_t *out, size_t at, size_t n, bool client)
{
    n = put_ether(w, out, at, n, client);
    n = put(out, at, n, "\x10\x64\0\0\0\0\0\0", 8);
    return outer4(out, at, put(out, at, n, "\x10\0\x88\xbe\0\0\0\x01", 8), true, 47);
}

static const struct tunnel {
    const char *name;
    size_t (*put)(const struct lab *w, uint8_t *out, size_t at, size_t n, bool client);
    unsigned layers; /* packets that the decoder finds in an answer */
    bool v6_only, to_sender, to_receiver;
} tunnels[] = {
    {"IP in IPv4", ipip, 2, false, true, true},
    {"IP in IPv6", ip_in_6, 2, false, true, true},
    {"GRE with a key", gre, 2, false, true, true},
    {"GRE with a sum", gre_csum, 2, false, true, true},
    {"GRE with numbers", gre_seq, 2, false, false, false},
    {"Ethernet in GRE", gre_ether, 2, false, true, true},
    {"VXLAN", vxlan4, 2, false, true, true},
    {"VXLAN over IPv6", vxlan6, 2, false, true, true},
    {"Geneve", geneve, 2, false, true, true},
    {"Teredo", teredo, 2, true, true, true},
    {"GRE in IP in IP", gre_in_ipip, 3, false, true, true},
    {"PPPoE", pppoe, 1, false, true, true},
    {"MPLS", mpls, 1, false, false, true},
    {"ERSPAN", erspan, 1, false, true, true},
};

static void check_levels(const struct lab *w, const struct tunnel *t, const struct sent *s,
                         bool to_client)
{
    if (s->layers != t->layers)
        fail_msg("%s: %u layers", t->name, s->layers);
    assert_int_equal(s->p.tcp.flags, TCP_RST);
    assert_int_equal(s->p.ver, w->ver);
    if (t->layers == 1)
        return;
    if (s->outer.ver == 4) {
        struct ip_addr src = end4(!to_client), dst = end4(to_client);
        assert_true(ip_eq(&s->outer.src, &src) && ip_eq(&s->outer.dst, &dst));
    } else {
        assert_int_equal(s->outer.src.b[15], to_client ? 2 : 1);
    }
    assert_int_equal(s->outer.ttl, 33);
    assert_int_equal(s->outer.ip_len + (size_t)(s->outer.ip - s->data), s->n);
    if (t->put == teredo)
        assert_int_equal(s->outer.sp, to_client ? 3544 : 51000);
    if (t->put == vxlan4 || t->put == vxlan6)
        assert_int_equal(s->outer.dp, 4789);
    if (s->p.l2)
        assert_int_equal(s->p.l2[5], to_client ? 1 : 2);
}

/* Ends that keep silent are asked through the tunnel, with no packet at hand. */
static void probed(struct lab *w, const struct tunnel *t, unsigned from)
{
    bool asked[2] = {false, false};
    lab_wait(w, 300 * MSEC);
    for (; from < w->n_sent; from++) {
        struct sent *s = &w->sent[from];
        if (s->p.tcp.flags != TCP_ACK)
            continue;
        bool to_client = s->p.sp == w->dp;
        asked[to_client] = true;
        s->p.tcp.flags = TCP_RST; /* the rest is as with resets */
        check_levels(w, t, s, to_client);
    }
    if (!asked[0] || !asked[1])
        fail_msg("%s: not asked", t->name);
    lab_tcp(w, 's', "R", 5501, 0, 0, 0);
    assert_int_equal(w->n_reports, 0);
    lab_wait(w, 2 * SEC);
    assert_int_equal(w->n_reports, 1);
    assert_int_equal(w->report[0].effect, EFFECT_DIED);
}

static void in_tunnels(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_LEN(tunnels); i++)
        for (uint8_t ver = tunnels[i].v6_only ? 6 : 4; ver <= 6; ver += 2)
            for (unsigned tag = 0; tag < 2; tag++) {
                const struct tunnel *t = &tunnels[i];
                struct lab *w = lab_new(NULL);
                w->ver = ver;
                w->vlan_n = tag;
                w->vlan[0] = 99;
                w->tunnel = t->put;
                w->ttl[1] = 57; /* as in the packet */
                answer_request(w, RESP_RST_BOTH);
                unsigned n = t->to_sender + t->to_receiver, at = 0;
                if (w->n_sent != n)
                    fail_msg("%s: %u sent", t->name, w->n_sent);
                if (t->to_sender) {
                    assert_int_equal(w->sent[at].p.tcp.seq, 5001);
                    check_levels(w, t, &w->sent[at++], true);
                }
                if (t->to_receiver) {
                    assert_int_equal(w->sent[at].p.tcp.seq, 1101);
                    check_levels(w, t, &w->sent[at], false);
                }
                for (unsigned k = 0; k < n; k++) {
                    assert_memory_equal(w->sent[k].data + 6, mac_own, 6);
                    if (tag && t->put != erspan)
                        assert_int_equal(be16_at(w->sent[k].data + 14), 99);
                }
                if (!n) {
                    assert_int_equal(w->status, STATUS_COULD_NOT);
                    assert_string_equal(w->why, "nothing could be sent");
                    assert_true(responder_counters(w->r)->failed > 0);
                }
                /* the chase goes through, too */
                unsigned before = w->n_sent;
                if (n == 2) {
                    lab_tcp(w, 'c', "A", 1101, 5501, 0, 0);
                    assert_int_equal(w->n_sent, before + 1);
                    assert_int_equal(w->sent[before].p.tcp.seq, 5501);
                    check_levels(w, t, &w->sent[before], true);
                    probed(w, t, before + 1);
                }
                lab_free(w);
            }
}

/* Errors about datagrams inside a tunnel go back through it. */
static void icmp_in_a_tunnel(void **state)
{
    (void)state;
    struct lab *w = lab_new(NULL);
    w->tunnel = vxlan4;
    w->dp = 53;
    w->response = RESP_ICMP_PORT;
    lab_udp(w, 'c', 1300);
    assert_int_equal(w->n_sent, 1);
    assert_int_equal(w->sent[0].layers, 2);
    assert_int_equal(w->sent[0].p.icmp_type, 3);
    assert_int_equal(w->sent[0].p.quote.dp, 53);
    assert_int_equal(w->sent[0].p.l2[5], 1);
    lab_free(w);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(tags),
        cmocka_unit_test(byte_by_byte),
        cmocka_unit_test(macs_by_setting),
        cmocka_unit_test(ttl),
        cmocka_unit_test(icmp_errors),
        cmocka_unit_test(icmp_for_tcp),
        cmocka_unit_test(icmp_for_icmp),
        cmocka_unit_test(in_tunnels),
        cmocka_unit_test(icmp_in_a_tunnel),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
