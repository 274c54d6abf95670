/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bytes to a sequence of segments of a few connections, through table and streams.  Checks what
 * must hold whatever comes: pieces in order, nothing after the end, views inside what was
 * delivered, memory within its cap and all of it given back.
 */
#include "flow/flow.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

enum { CAP = 1 << 20 };
struct fuzz {
    struct stream_engine *e;
    struct stream_sink sink;
};
struct seen {
    uint64_t bytes[2];
    bool started[2], ended[2];
};

static void must(bool ok)
{
    if (!ok)
        abort();
}

static void on_data(void *ctx, struct flow *f, struct packet *p, unsigned dir, const uint8_t *data,
                    uint32_t n, unsigned piece)
{
    struct seen *s = f->user[0];
    (void)ctx;
    (void)p;
    if (!s)
        must((s = f->user[0] = calloc(1, sizeof(*s))) != NULL);
    must(dir < 2 && !s->ended[dir]);
    must(!!(piece & PIECE_START) == !s->started[dir]);
    must(!(piece & PIECE_GAP) || !data);
    must(!n || data || (piece & PIECE_GAP));
    volatile uint8_t sum = 0;
    for (uint32_t i = 0; data && i < n; i++)
        sum = (uint8_t)(sum + data[i]); /* readable */
    s->started[dir] = true;
    s->ended[dir] = piece & (PIECE_EOF | PIECE_DEPTH);
    s->bytes[dir] += n;
}

static void on_rewrite(void *ctx, struct packet *p, uint32_t offset, const uint8_t *data,
                       uint32_t n)
{
    (void)ctx;
    must(data && offset + n <= p->payload_len);
}

static void look_raw(struct fuzz *z, struct flow *f, const struct packet *p)
{
    struct stream_view v;
    for (unsigned d = 0; d < 2; d++)
        for (unsigned turns = 0; stream_raw(z->e, f, p, d, &v); turns++) {
            must(turns < 64 && v.fresh < v.n);
            volatile uint8_t last = v.data[v.n - 1];
            (void)last;
            stream_raw_done(z->e, f, d);
        }
}

static void on_end(void *ctx, struct flow *f)
{
    struct fuzz *z = ctx;
    stream_flush(z->e, f, &z->sink);
    look_raw(z, f, NULL);
    stream_done(z->e, f);
    free(f->user[0]);
    f->user[0] = NULL;
}

static struct stream_config config_from(uint8_t a, uint8_t b)
{
    return (struct stream_config){
        .inspect = a & 1 ? INSPECT_ON_ACK : INSPECT_ON_ARRIVAL,
        .inline_mode = (a & 6) == 6,
        .midstream = a & 8,
        .async_oneside = a & 16,
        .raw = a & 32,
        .urgent = (enum urgent_policy)(a >> 6),
        .depth_bytes = b & 1 ? 3000 : 0,
        .drop_invalid = b & 2,
        .chunk_bytes = {b & 4 ? 16 : 2560, 100},
        .max_regions = (uint16_t)(b >> 5),
        .memcap_bytes = CAP,
        .reassembly_memcap_bytes = b & 8 ? 20000 : CAP,
    };
}

/* 12 bytes and a payload make a segment; numbers are near each other so that they meet. */
static size_t segment(const uint8_t *d, size_t n, struct packet *p, uint64_t *now)
{
    static uint8_t payload[70000];
    if (n < 12)
        return 0;
    bool up = d[0] & 1;
    uint8_t lo[4] = {10, 0, 0, 1}, hi[4] = {10, 0, 0, 2};
    memset(p, 0, sizeof(*p));
    p->src = ip_from_v4(up ? lo : hi);
    p->dst = ip_from_v4(up ? hi : lo);
    uint16_t port = (uint16_t)(40000 + (d[0] >> 1) % 4);
    p->sp = up ? port : 80;
    p->dp = up ? 80 : port;
    p->proto = IPPROTO_TCP;
    p->ver = 4;
    p->flags = PKT_TCP | PKT_WANTS_FLOW | (d[0] & 64 ? PKT_L4_CSUM_BAD : 0);
    p->seg_n = 1;
    *now += (uint64_t)d[0] * (d[0] & 128 ? 1000000000 : 1000);
    p->ts_ns = *now;
    static const uint8_t usual[8] = {TCP_SYN, TCP_SYN | TCP_ACK, TCP_ACK,
                                     TCP_ACK, TCP_ACK | TCP_PSH, TCP_FIN | TCP_ACK,
                                     TCP_RST, TCP_ACK | TCP_URG};
    p->tcp.flags = d[1] & 0x80 ? d[2] : usual[d[1] & 7];
    p->tcp.seq = (up ? 0xffffff00u : 5000u) + ((uint32_t)d[3] << (d[4] & 15)) + (d[4] >> 4);
    p->tcp.ack = (up ? 5000u : 0xffffff00u) + ((uint32_t)d[5] << (d[6] & 15)) + (d[6] >> 4);
    p->tcp.win = (uint16_t)(d[7] << 8 | d[7]);
    p->tcp.urp = d[8];
    p->tcp.has_ts = d[9] & 1;
    p->tcp.ts_val = d[9];
    p->tcp.has_wscale = d[9] & 2;
    p->tcp.wscale = d[9] >> 4;
    p->tcp.has_fastopen = d[9] & 4;
    uint32_t len = d[10] & 0xc0 ? d[10] & 63 : (uint32_t)d[10] * 1100;
    memset(payload, d[11], len); /* what differs is the byte, and that is enough to contradict */
    p->payload = payload;
    p->payload_len = len;
    p->ip_len = 40 + len;
    return 12;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
    if (n < 3)
        return 0;
    struct stream_config sc = config_from(data[0], data[1]);
    struct flow_config fc = {.memcap_bytes = 1 << 20,
                             .max_flows = data[2] & 1 ? 2 : 100,
                             .buckets = 64,
                             .emergency_recovery = 30,
                             .tcp = {{60, 600, 60, 100}, {5, 100, 10, 50}}};
    struct fuzz z = {.e = stream_engine_new(&sc)};
    struct flow_table *t = flow_table_new(&fc);
    must(z.e && t);
    z.sink = (struct stream_sink){.ctx = &z, .data = on_data, .rewrite = on_rewrite};
    uint64_t now = 0, number = 0;
    struct packet p;
    for (size_t at = 3; at < n;) {
        size_t used = segment(data + at, n - at, &p, &now);
        if (!used)
            break;
        at += used;
        p.number = ++number;
        struct exception exc;
        flow_tick(t, now, on_end, &z);
        struct flow *f = flow_get(t, &p, &exc, on_end, &z);
        if (!f)
            continue;
        stream_packet(z.e, f, &p, &z.sink);
        look_raw(&z, f, &p);
        struct tcp_side side;
        tcp_side_get(f, number & 1, &side);
        uint8_t copy[64];
        must(stream_copy(f, number & 1, data[at - 1], copy, sizeof(copy)) <= sizeof(copy));
        must(stream_counters(z.e)->reassembly_memuse_bytes <= sc.reassembly_memcap_bytes);
    }
    flow_end_all(t, on_end, &z);
    must(!stream_counters(z.e)->reassembly_memuse_bytes && !stream_counters(z.e)->memuse_bytes);
    flow_table_free(t);
    stream_engine_free(z.e);
    return 0;
}
