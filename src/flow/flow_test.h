/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For tests of this folder: packets by hand, a sink that writes down what it gets, a small world.
 */
#ifndef FLOW_FLOW_TEST_H
#define FLOW_FLOW_TEST_H

#include "flow/flow.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>

#define SEC UINT64_C(1000000000)

enum { GOT_ROOM = 1 << 17 };
struct got {
    uint8_t data[GOT_ROOM]; /* gaps stand as '?' */
    uint32_t n;
    unsigned starts, eofs, gaps, depths, pieces;
    uint64_t gap_bytes;
};
struct world {
    struct flow_table *t;
    struct stream_engine *e;
    struct flow_config fc;
    struct stream_config sc;
    struct stream_sink sink;
    struct got got[2];
    struct flow *f;
    uint64_t now_ns, number;
    uint16_t sp, dp;
    unsigned ended;
    enum flow_end last_end;
    struct exception exc;
    uint32_t events_n;
    char events[512];
    uint8_t rewritten[4096];
    uint32_t rewritten_at, rewritten_n;
    struct packet p; /* the last one */
};

UNUSED static void w_data(void *ctx, struct flow *f, struct packet *p, unsigned dir,
                          const uint8_t *data, uint32_t n, unsigned piece)
{
    struct world *w = ctx;
    (void)f;
    (void)p;
    struct got *g = &w->got[dir];
    assert_int_equal(g->eofs, 0); /* nothing follows */
    assert_int_equal(g->depths, 0);
    g->pieces++;
    assert_int_equal(!!(piece & PIECE_START), g->pieces == 1);
    g->starts += !!(piece & PIECE_START);
    g->eofs += !!(piece & PIECE_EOF);
    g->depths += !!(piece & PIECE_DEPTH);
    if (piece & PIECE_GAP) {
        assert_null(data);
        g->gaps++;
        g->gap_bytes += n;
        uint32_t mark = n > 64 ? 64 : n;
        assert_true(g->n + mark <= GOT_ROOM);
        memset(g->data + g->n, '?', mark);
        g->n += mark;
        return;
    }
    assert_true(g->n + n <= GOT_ROOM);
    if (n)
        memcpy(g->data + g->n, data, n);
    g->n += n;
}

UNUSED static void w_rewrite(void *ctx, struct packet *p, uint32_t offset, const uint8_t *data,
                             uint32_t n)
{
    struct world *w = ctx;
    assert_true(offset + n <= p->payload_len);
    assert_true(offset + n <= sizeof(w->rewritten));
    memcpy(w->rewritten + offset, data, n);
    w->rewritten_at = offset;
    w->rewritten_n += n;
}

UNUSED static void w_end(void *ctx, struct flow *f)
{
    struct world *w = ctx;
    stream_flush(w->e, f, &w->sink);
    stream_done(w->e, f);
    if (w->f == f)
        w->f = NULL;
    w->ended++;
    w->last_end = (enum flow_end)f->end;
}

UNUSED static struct flow_config w_flow_config(void)
{
    return (struct flow_config){
        .memcap_bytes = 16 << 20,
        .buckets = 1024,
        .emergency_recovery = 30,
        .tcp = {{60, 600, 60, 100}, {5, 100, 10, 50}},
        .udp = {{30, 300, 30, 100}, {10, 100, 10, 50}},
        .icmp = {{30, 300, 30, 100}, {10, 100, 10, 50}},
        .other = {{30, 300, 30, 100}, {10, 100, 10, 50}},
        .vlan_in_key = true,
        .hash_seed = 42,
    };
}

UNUSED static void w_init(struct world *w, const struct stream_config *sc,
                          const struct flow_config *fc)
{
    memset(w, 0, sizeof(*w));
    w->fc = fc ? *fc : w_flow_config();
    if (sc)
        w->sc = *sc;
    w->t = flow_table_new(&w->fc);
    w->e = stream_engine_new(&w->sc);
    assert_non_null(w->t);
    assert_non_null(w->e);
    w->sink = (struct stream_sink){.ctx = w, .data = w_data, .rewrite = w_rewrite};
    w->now_ns = 1000 * SEC;
    w->sp = 40000;
    w->dp = 80;
}

UNUSED static void w_done(struct world *w)
{
    flow_end_all(w->t, w_end, w);
    assert_int_equal(stream_counters(w->e)->memuse_bytes, 0);
    assert_int_equal(stream_counters(w->e)->reassembly_memuse_bytes, 0);
    assert_int_equal(stream_counters(w->e)->active_sessions, 0);
    assert_int_equal(flow_counters(w->t)->active, 0);
    flow_table_free(w->t);
    stream_engine_free(w->e);
}

UNUSED static struct ip_addr w_addr(unsigned last)
{
    uint8_t four[4] = {10, 0, (uint8_t)(last >> 8), (uint8_t)last};
    return ip_from_v4(four);
}

UNUSED static uint8_t w_flags(const char *s)
{
    static const char names[] = "FSRPAUEC";
    uint8_t f = 0;
    for (; *s; s++) {
        const char *at = strchr(names, *s);
        assert_non_null(at);
        f |= (uint8_t)(1 << (at - names));
    }
    return f;
}

/* A TCP packet from client ('c') or server ('s'); the caller may change w->p before w_send. */
UNUSED static struct packet *w_tcp(struct world *w, char who, const char *flags, uint32_t seq,
                                   uint32_t ack, const void *data, uint32_t n)
{
    struct packet *p = &w->p;
    memset(p, 0, sizeof(*p));
    bool c = who == 'c';
    p->src = w_addr(c ? 1 : 2);
    p->dst = w_addr(c ? 2 : 1);
    p->sp = c ? w->sp : w->dp;
    p->dp = c ? w->dp : w->sp;
    p->proto = IPPROTO_TCP;
    p->ver = 4;
    p->flags = PKT_TCP | PKT_WANTS_FLOW;
    p->ttl = 64;
    p->seg_n = 1;
    p->number = ++w->number;
    p->ts_ns = w->now_ns += 1000;
    p->payload = data;
    p->payload_len = n;
    p->ip_len = 40 + n;
    p->tcp = (struct tcp_view){
        .seq = seq, .ack = ack, .win = 65535, .flags = w_flags(flags), .hlen = 20};
    return p;
}

UNUSED static void w_names(struct world *w)
{
    size_t at = 0;
    w->events[0] = 0;
    w->events_n = w->p.n_events;
    for (unsigned i = 0; i < w->p.n_events; i++) {
        assert_true(w->p.events[i] >= STREAM_EVENT_BASE);
        at += (size_t)snprintf(w->events + at, sizeof(w->events) - at, "%s%s", i ? " " : "",
                               stream_event_name(w->p.events[i] - STREAM_EVENT_BASE));
    }
}

UNUSED static void w_send(struct world *w)
{
    struct flow *f = flow_get(w->t, &w->p, &w->exc, w_end, w);
    assert_non_null(f);
    w->f = f;
    w->exc = stream_packet(w->e, f, &w->p, &w->sink);
    w_names(w);
}

UNUSED static void w_seg(struct world *w, char who, const char *flags, uint32_t seq, uint32_t ack,
                         const char *data)
{
    w_tcp(w, who, flags, seq, ack, data, (uint32_t)strlen(data));
    w_send(w);
}

/* Client's first byte 1001, server's 5001. */
UNUSED static void w_open(struct world *w)
{
    w_seg(w, 'c', "S", 1000, 0, "");
    w_seg(w, 's', "SA", 5000, 1001, "");
    w_seg(w, 'c', "A", 1001, 5001, "");
    assert_int_equal(tcp_flow_state(w->f), TCP_ESTABLISHED);
    assert_string_equal(w->events, "");
}

UNUSED static const char *w_text(const struct world *w, unsigned dir)
{
    static char text[2][256];
    uint32_t n = w->got[dir].n < 255 ? w->got[dir].n : 255;
    memcpy(text[dir], w->got[dir].data, n);
    text[dir][n] = 0;
    return text[dir];
}

#endif
