/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For tests of this folder: a switch with a client and a server, a mirror of it with decoder,
 * flows, streams and a responder behind it, as the engine puts them together; what the responder
 * sends is kept.
 */
#ifndef VERDICT_RESPOND_TEST_H
#define VERDICT_RESPOND_TEST_H

#include "verdict/respond.h"

#include "base/bytes.h"
#include "base/clock.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define SEC  UINT64_C(1000000000)
#define MSEC UINT64_C(1000000)

enum { SENT_MOST = 4096, REPORTS_MOST = 4096, RULE = 7 };

static const uint8_t mac_client[6] = {2, 0, 0, 0, 0, 0xc1}, mac_server[6] = {2, 0, 0, 0, 0, 0x51},
                     mac_own[6] = {2, 0, 0, 0, 0, 0xee};

struct sent {
    uint8_t data[FRAME_ROOM];
    size_t n;
    bool link;
    struct frame frame;
    struct packet p;     /* decoded: the innermost, and */
    struct packet outer; /*   the outermost */
    unsigned layers;
};

struct lab {
    uint8_t ver;
    unsigned vlan_n;
    uint16_t vlan[3];
    uint16_t sp, dp;
    const uint8_t *payload; /* of TCP segments; NULL: zeros */
    struct response_config config;
    struct decoder *decoder, *reader;
    struct flow_table *flows;
    struct stream_engine *streams;
    struct stream_sink sink;
    struct injector *out;
    struct responder *r;
    struct sent *sent;
    unsigned n_sent, n_tried;
    uint64_t refuse; /* by bit: which of the first tries the port refuses */
    struct response_report report[REPORTS_MOST];
    unsigned n_reports;
    uint64_t now_ns, number;
    struct packet layer[PACKET_LAYERS_MAX];
    struct packet *p; /* the last one */
    /* what the next packet is answered with */
    uint8_t response;
    uint32_t rule, end_seq;
    bool dropped, placed; /* placed: what is forbidden ends before end_seq */
    struct detect *detect; /* rules of its own decide */
    struct decision decision;
    enum verdict_status status;
    const char *why;
    bool was_own;
    uint8_t ttl[2];
    /* what carries the packets: n bytes of IP stand at out + at; the frame's length */
    size_t (*tunnel)(const struct lab *w, uint8_t *out, size_t at, size_t n, bool client);
    uint16_t tci[2]; /* tags that the kernel took off */
    unsigned tci_n;
};

UNUSED static void lab_data(void *ctx, struct flow *f, struct packet *p, unsigned dir,
                            const uint8_t *data, uint32_t n, unsigned piece)
{
    (void)ctx, (void)f, (void)p, (void)dir, (void)data, (void)n, (void)piece;
}

UNUSED static bool lab_sent(void *ctx, const void *frame, size_t n, bool link)
{
    struct lab *w = ctx;
    if (w->n_tried < 64 && w->refuse >> w->n_tried++ & 1)
        return false;
    assert_true(w->n_sent < SENT_MOST && n <= FRAME_ROOM);
    struct sent *s = &w->sent[w->n_sent++];
    memcpy(s->data, frame, n);
    s->n = n;
    s->link = link;
    s->frame = (struct frame){.data = s->data,
                              .len = (uint32_t)n,
                              .wire_len = (uint32_t)n,
                              .ts_ns = w->now_ns,
                              .number = 1,
                              .link = link ? LINK_ETHERNET : LINK_RAW};
    struct packet out[PACKET_LAYERS_MAX];
    unsigned k = decode_frame(w->reader, &s->frame, out, PACKET_LAYERS_MAX);
    assert_true(k >= 1);
    assert_int_equal(out[0].flags & (PKT_IGNORE | PKT_IP_CSUM_BAD | PKT_L4_CSUM_BAD | PKT_INVALID),
                     0);
    s->p = out[0];
    s->outer = out[k - 1];
    s->layers = k;
    for (unsigned i = 0; i < k; i++)
        assert_int_equal(out[i].flags & (PKT_IP_CSUM_BAD | PKT_L4_CSUM_BAD | PKT_INVALID), 0);
    return true;
}

UNUSED static void lab_report(void *ctx, const struct response_report *r)
{
    struct lab *w = ctx;
    assert_true(w->n_reports < REPORTS_MOST);
    w->report[w->n_reports++] = *r;
}

UNUSED static struct lab *lab_new(const struct response_config *c)
{
    struct lab *w = calloc(1, sizeof(*w));
    w->config = c ? *c : (struct response_config){.chase = true};
    struct decode_config dc = {
        .check_csum = true, .vxlan = true, .geneve = true, .teredo = true, .erspan_i = true};
    struct flow_config fc = {
        .memcap_bytes = 16 << 20,
        .buckets = 1024,
        .emergency_recovery = 30,
        .tcp = {{60, 600, 60, 100}, {5, 100, 10, 50}},
        .udp = {{30, 300, 30, 100}, {10, 100, 10, 50}},
        .icmp = {{30, 300, 30, 100}, {10, 100, 10, 50}},
        .other = {{30, 300, 30, 100}, {10, 100, 10, 50}},
        .hash_seed = 42,
    };
    struct stream_config sc = {.memcap_bytes = 16 << 20,
                               .reassembly_memcap_bytes = 16 << 20,
                               .midstream = true,
                               .check_csum = true,
                               .raw = true,
                               .inspect = INSPECT_ON_ARRIVAL};
    w->ver = 4;
    w->rule = RULE;
    w->sp = 40000;
    w->dp = 80;
    w->now_ns = 1000 * SEC;
    w->ttl[0] = 57;
    w->ttl[1] = 63;
    w->decoder = decoder_new(&dc);
    w->reader = decoder_new(&dc);
    w->flows = flow_table_new(&fc);
    w->streams = stream_engine_new(&sc);
    w->sink = (struct stream_sink){.ctx = w, .data = lab_data};
    w->sent = calloc(SENT_MOST, sizeof(*w->sent));
    w->out = injector_mem(lab_sent, w);
    w->r = responder_new(&w->config, w->out, lab_report, w);
    assert_true(w->decoder && w->reader && w->flows && w->streams && w->sent && w->out && w->r);
    return w;
}

UNUSED static void lab_flow_end(void *ctx, struct flow *f)
{
    struct lab *w = ctx;
    responder_flow_end(w->r, f);
    if (w->detect)
        detect_flow_free(w->detect, f);
    stream_flush(w->streams, f, &w->sink);
    stream_done(w->streams, f);
}

UNUSED static void lab_free(struct lab *w)
{
    flow_end_all(w->flows, lab_flow_end, w);
    responder_free(w->r);
    injector_close(w->out);
    stream_engine_free(w->streams);
    flow_table_free(w->flows);
    decoder_free(w->decoder);
    decoder_free(w->reader);
    free(w->sent);
    free(w);
}

UNUSED static void lab_rules(struct lab *w, struct packet *p)
{
    static const struct verdict_config c = {.place = PLACE_MIRROR};
    struct decision *d = &w->decision;
    memset(d, 0, sizeof(*d));
    verdict_decide(&c, w->detect, p, detect_packet(w->detect, p, w->streams), d);
    if (d->response)
        responder_answer_all(w->r, d, p);
}

UNUSED static void lab_judge(struct lab *w, struct packet *p)
{
    struct exception exc;
    w->p = p;
    w->was_own = responder_own(w->r, p);
    if (w->was_own || (p->flags & PKT_IGNORE))
        return;
    packet_hash(p, 42, false);
    struct flow *f = flow_get(w->flows, p, &exc, lab_flow_end, w);
    if (f && (f->flags & FLOW_RESPONDED))
        responder_see(w->r, p);
    if (f && (p->flags & PKT_TCP))
        stream_packet(w->streams, f, p, &w->sink);
    if (w->detect)
        lab_rules(w, p);
    if (!w->response)
        return;
    struct decision d = {.response = w->response,
                         .response_rule = w->rule,
                         .response_dir = p->dir,
                         .response_placed = w->placed,
                         .response_end_seq = w->end_seq,
                         .drop = w->dropped};
    w->status = responder_answer(w->r, &d, p, &w->why);
    w->response = 0;
}

/* A frame passes the mirror. */
UNUSED static void lab_frame(struct lab *w, const uint8_t *data, size_t n, uint16_t seg_size)
{
    w->now_ns += 20000;
    struct frame f = {.data = data,
                      .len = (uint32_t)n,
                      .wire_len = (uint32_t)n,
                      .ts_ns = w->now_ns,
                      .number = ++w->number,
                      .link = LINK_ETHERNET,
                      .seg_size = seg_size,
                      .vlan_n = (uint8_t)w->tci_n,
                      .vlan_tci = {w->tci[0], w->tci[1]},
                      .csum = seg_size ? FRAME_CSUM_UNFINISHED : FRAME_CSUM_CHECK};
    unsigned k = decode_frame(w->decoder, &f, w->layer, PACKET_LAYERS_MAX);
    for (unsigned i = 0; i < k; i++)
        lab_judge(w, &w->layer[i]);
    responder_tick(w->r, w->now_ns);
    decoder_burst_end(w->decoder, w->now_ns);
    for (unsigned i = 0; i < k; i++)
        w->layer[i].frame = NULL; /* gone */
}

UNUSED static struct ip_addr lab_addr(const struct lab *w, unsigned last)
{
    uint8_t four[4] = {10, 0, (uint8_t)(last >> 8), (uint8_t)last},
            sixteen[16] = {0xfd, 7, [14] = (uint8_t)(last >> 8), [15] = (uint8_t)last};
    return w->ver == 4 ? ip_from_v4(four) : ip_from_v6(sixteen);
}

UNUSED static size_t lab_link(const struct lab *w, uint8_t *out, bool client)
{
    memcpy(out, client ? mac_server : mac_client, 6);
    memcpy(out + 6, client ? mac_client : mac_server, 6);
    size_t at = 12;
    for (unsigned k = 0; k < w->vlan_n; k++, at += 4) {
        be16_put(out + at, k + 1 < w->vlan_n ? 0x88a8 : 0x8100);
        be16_put(out + at + 2, w->vlan[k]);
    }
    be16_put(out + at, w->ver == 4 ? 0x0800 : 0x86dd);
    return at + 2;
}

UNUSED static struct build_ip lab_ip(const struct lab *w, bool client)
{
    return (struct build_ip){.ver = w->ver,
                             .ttl = w->ttl[!client],
                             .id = (uint16_t)w->number,
                             .src = lab_addr(w, client ? 1 : 2),
                             .dst = lab_addr(w, client ? 2 : 1)};
}

UNUSED static uint8_t lab_flags(const char *s)
{
    static const char names[] = "FSRPAU";
    uint8_t f = 0;
    for (; *s; s++)
        f |= (uint8_t)(1 << (strchr(names, *s) - names));
    return f;
}

/* From client ('c') or server ('s'): n bytes. seg: of a super-frame. */
UNUSED static void lab_tcp(struct lab *w, char who, const char *flags, uint32_t seq, uint32_t ack,
                           uint32_t n, uint16_t seg)
{
    static uint8_t zeros[65200];
    static uint8_t f[66000];
    struct build_ip h = lab_ip(w, who == 'c');
    size_t l = lab_link(w, f, who == 'c');
    size_t m = build_tcp(f + l, sizeof(f) - l, &h, who == 'c' ? w->sp : w->dp,
                         who == 'c' ? w->dp : w->sp, seq, ack, lab_flags(flags), 65535, w->payload ? w->payload : zeros, n);
    assert_true(m > 0);
    lab_frame(w, f, w->tunnel ? w->tunnel(w, f, l, m, who == 'c') : l + m, seg);
}

UNUSED static void lab_udp(struct lab *w, char who, uint32_t n)
{
    static uint8_t zeros[2000];
    uint8_t f[2300];
    struct build_ip h = lab_ip(w, who == 'c');
    size_t l = lab_link(w, f, who == 'c');
    size_t m = build_udp(f + l, sizeof(f) - l, &h, who == 'c' ? w->sp : w->dp,
                         who == 'c' ? w->dp : w->sp, zeros, n);
    lab_frame(w, f, w->tunnel ? w->tunnel(w, f, l, m, who == 'c') : l + m, 0);
}

/* The client's first byte is 1001, the server's 5001. */
UNUSED static void lab_open(struct lab *w)
{
    lab_tcp(w, 'c', "S", 1000, 0, 0, 0);
    lab_tcp(w, 's', "SA", 5000, 1001, 0, 0);
    lab_tcp(w, 'c', "A", 1001, 5001, 0, 0);
}

/* Nothing happens for a while. */
UNUSED static void lab_wait(struct lab *w, uint64_t ns)
{
    for (uint64_t end = w->now_ns + ns; w->now_ns < end;) {
        w->now_ns += 10 * MSEC;
        responder_tick(w->r, w->now_ns);
    }
}

/* The n-th packet sent: a reset to the client or server with this number. */
UNUSED static void is_reset(const struct lab *w, unsigned n, char to, uint32_t seq)
{
    assert_true(n < w->n_sent);
    const struct packet *p = &w->sent[n].p;
    struct ip_addr src = lab_addr(w, to == 'c' ? 2 : 1), dst = lab_addr(w, to == 'c' ? 1 : 2);
    assert_true(ip_eq(&p->src, &src) && ip_eq(&p->dst, &dst));
    assert_int_equal(p->sp, to == 'c' ? w->dp : w->sp);
    assert_int_equal(p->dp, to == 'c' ? w->sp : w->dp);
    assert_int_equal(p->tcp.flags & TCP_RST, TCP_RST);
    assert_int_equal(p->tcp.seq, seq);
    assert_int_equal(p->ttl, w->ttl[to == 'c']);
    assert_int_equal(p->tcp.win, 0);
    if (!(p->tcp.flags & TCP_ACK))
        assert_int_equal(p->tcp.ack, 0);
    if (!w->sent[n].link)
        return;
    assert_memory_equal(p->l2, to == 'c' ? mac_client : mac_server, 6);
    assert_memory_equal(p->l2 + 6, mac_own, 6);
    assert_int_equal(p->vlan_n, w->vlan_n);
}

#endif
