/* SPDX-License-Identifier: GPL-2.0-or-later */
/* For tests of applications: an engine with the stock settings, and one flow to talk on. */
#ifndef APP_TEST_UTIL_H
#define APP_TEST_UTIL_H

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <netinet/in.h>

#include "app/app.h"
#include "base/ip.h"
#include "base/sbuf.h"
#include "config/config.h"

struct talk {
    struct conf *conf;
    struct app_engine *engine;
    struct flow flow;
    struct packet packet;
    struct arena scratch;
};

/* `set`: assignments like "a.b=c", NULL ends; may be NULL. */
static inline void talk_begin(struct talk *t, const char *const *set)
{
    memset(t, 0, sizeof *t);
    t->conf = conf_new();
    assert_non_null(t->conf);
    assert_int_equal(conf_load_stock(t->conf), 0);
    struct diags d;
    arena_init(&t->scratch, 0, 0);
    diags_init(&d, &t->scratch);
    for (; set && *set; set++)
        assert_int_equal(conf_set(t->conf, *set, &d), 0);
    t->engine = app_engine_new(t->conf, false, &d);
    assert_non_null(t->engine);
    static const uint8_t client[4] = {10, 0, 0, 1}, server[4] = {10, 0, 0, 2};
    t->flow.addr[0] = ip_from_v4(client);
    t->flow.addr[1] = ip_from_v4(server);
    t->flow.port[0] = 40000;
    t->flow.port[1] = 80;
    t->flow.proto = IPPROTO_TCP;
    t->flow.ver = 4;
}
static inline void talk_flow_end(struct talk *t)
{
    app_finish(&t->flow);
    app_flow_free(&t->flow);
    assert_null(t->flow.app);
    memset(t->flow.app_proto, 0, sizeof t->flow.app_proto);
    t->flow.app_proto_any = t->flow.app_proto_orig = t->flow.app_proto_expected = 0;
    t->flow.flags = 0;
}
static inline void talk_end(struct talk *t)
{
    talk_flow_end(t);
    assert_int_equal(app_counters(t->engine)->memuse_bytes, 0); /* nothing leaks */
    app_engine_free(t->engine);
    conf_free(t->conf);
    arena_done(&t->scratch);
}
/* A piece in a heap buffer of exact size, so that a sanitizer sees every step beyond it. */
static inline void talk_piece(struct talk *t, unsigned dir, const void *p, size_t n, unsigned piece)
{
    uint8_t *exact = n && p ? malloc(n) : NULL;
    if (exact)
        memcpy(exact, p, n);
    t->packet.number++;
    t->packet.ts_ns += 1000000;
    t->packet.flow = &t->flow;
    t->packet.dir = (uint8_t)dir;
    app_stream_data(t->engine, &t->flow, &t->packet, dir, exact, (uint32_t)n, piece);
    free(exact);
}
static inline void talk_say(struct talk *t, unsigned dir, const char *text)
{
    talk_piece(t, dir, text, strlen(text), 0);
}
static inline void talk_close(struct talk *t)
{
    talk_piece(t, 0, NULL, 0, PIECE_EOF);
    talk_piece(t, 1, NULL, 0, PIECE_EOF);
}
static inline void talk_datagram(struct talk *t, unsigned dir, const void *p, size_t n)
{
    uint8_t *exact = malloc(n ? n : 1);
    memcpy(exact, p, n);
    t->flow.proto = IPPROTO_UDP;
    t->packet.flow = &t->flow;
    t->packet.dir = (uint8_t)dir;
    t->packet.payload = exact;
    t->packet.payload_len = (uint32_t)n;
    app_datagram(t->engine, &t->flow, &t->packet);
    t->packet.payload = NULL;
    free(exact);
}
static inline struct app_tx *talk_tx(const struct talk *t, uint64_t id)
{
    struct app_tx *tx = t->flow.app ? t->flow.app->first : NULL;
    while (tx && tx->id != id)
        tx = tx->next;
    return tx;
}
/* A buffer by its name; false: not there. */
static inline bool talk_get(struct talk *t, struct app_tx *tx, unsigned dir, const char *name,
                            unsigned index, bool on_ack, struct app_view *out)
{
    int number = app_buffer_find(str_cstr(name), APP_SURICATA);
    assert_true(number >= 0);
    const struct app_buffer *b =
        app_buffer_of((unsigned)number, (enum app_proto_id)t->flow.app_proto_any);
    assert_non_null(b);
    assert_true(b->dirs & 1u << dir);
    struct app_get q = {
        .af = t->flow.app, .tx = tx, .dir = dir, .scratch = &t->scratch, .on_ack = on_ack};
    return b->get(&q, index, out);
}
/* The buffer's text must be `want` (NULL: not there). */
static inline void talk_expect(struct talk *t, uint64_t id, unsigned dir, const char *name,
                               const char *want)
{
    struct app_view v;
    struct app_tx *tx = talk_tx(t, id);
    assert_non_null(tx);
    bool have = talk_get(t, tx, dir, name, 0, false, &v);
    if (!want) {
        assert_false(have);
        return;
    }
    if (!have || v.n != strlen(want) || memcmp(v.data, want, v.n) != 0)
        fail_msg("%s is \"%.*s\", not \"%s\"", name, have ? (int)v.n : 0,
                 have ? (const char *)v.data : "", want);
}
static inline bool talk_event(const struct talk *t, const struct app_tx *tx, const char *name)
{
    int e = app_event_find((enum app_proto_id)t->flow.app_proto_any, str_cstr(name));
    assert_true(e >= 0);
    return (tx->events >> e) & 1;
}
static inline bool talk_core_event(const struct talk *t, enum app_core_event e)
{
    return t->flow.app && (t->flow.app->core_events >> e) & 1;
}

#endif
