/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * For fuzz targets of protocols: one flow through the whole of the application layer, then every
 * buffer, every record of the log and the fields of an alert of all its transactions.
 */
#ifndef APP_FUZZ_FLOW_H
#define APP_FUZZ_FLOW_H

#include <stdlib.h>
#include <string.h>

#include "app/app.h"
#include "base/sbuf.h"
#include "config/config.h"

struct fuzz_world {
    struct conf *conf;
    struct app_engine *engine;
    struct arena scratch;
};

/* Made once, for the life of the process. */
static inline struct fuzz_world *fuzz_world(void)
{
    static struct fuzz_world w;
    if (w.engine)
        return &w;
    w.conf = conf_new();
    if (!w.conf || conf_load_stock(w.conf) != 0 ||
        !(w.engine = app_engine_new(w.conf, false, NULL)))
        abort();
    arena_init(&w.scratch, 0, 0);
    return &w;
}

static inline void fuzz_buffers(struct fuzz_world *w, const struct app_proto_def *def,
                                struct app_flow *af, struct app_tx *tx)
{
    for (const struct app_buffer *b = def->buffers; b->name; b++)
        for (unsigned dir = 0; dir < 2; dir++) {
            struct app_get q = {.af = af, .tx = tx, .dir = dir, .scratch = &w->scratch};
            struct app_view v;
            uint64_t u, sum = 0;
            if (!(b->dirs & 1u << dir) || tx->progress[dir] < b->at[dir])
                continue;
            for (unsigned i = 0; b->get ? b->get(&q, i, &v) : b->get_uint(&q, i, &u); i++)
                for (uint32_t k = 0; b->get && k < v.n; k++)
                    sum += v.data[k]; /* every byte is there */
            if (sum == 1)
                arena_reset(&w->scratch);
        }
}

static inline void fuzz_log(struct fuzz_world *w, const struct app_proto_def *def,
                            struct app_flow *af, struct app_tx *tx)
{
    struct app_log_ctx c = {.af = af, .tx = tx, .flow = af->flow, .scratch = &w->scratch};
    struct sbuf tape, text;
    struct fields f;
    struct json j;
    sbuf_init(&tape);
    sbuf_init(&text);
    fields_init(&f, &tape);
    for (const struct app_log *l = def->logs; l->event_type; l++)
        (void)l->write(&c, &f);
    def->alert_fields(&c, &f);
    json_init(&j, &text);
    json_open(&j, NULL);
    if (!fields_to_json(&j, tape.p, tape.n) && !f.cut)
        abort();
    sbuf_done(&tape);
    sbuf_done(&text);
}

static inline void fuzz_say(struct fuzz_world *w, struct flow *f, struct packet *p, unsigned head,
                            const uint8_t *data, uint32_t n)
{
    uint8_t *exact = malloc(n ? n : 1);
    if (!exact)
        return;
    memcpy(exact, data, n);
    p->dir = head >> 15 & 1;
    p->number++;
    p->payload = exact;
    p->payload_len = n;
    if (f->proto == 17)
        app_datagram(w->engine, f, p);
    else if (head & 0x4000)
        app_stream_data(w->engine, f, p, p->dir, NULL, head & 0x3fff, PIECE_GAP);
    else
        app_stream_data(w->engine, f, p, p->dir, exact, n, 0);
    free(exact);
}

static inline void fuzz_flow(const struct app_proto_def *def, uint8_t proto, uint16_t port,
                             const uint8_t *data, size_t size)
{
    struct fuzz_world *w = fuzz_world();
    struct flow f;
    struct packet p;
    memset(&f, 0, sizeof(f));
    memset(&p, 0, sizeof(p));
    f.proto = proto;
    f.ver = 4;
    f.port[0] = 40000;
    f.port[1] = port;
    p.flow = &f;
    for (size_t at = 0; at + 2 <= size;) {
        unsigned head = (unsigned)data[at] << 8 | data[at + 1];
        at += 2;
        uint32_t n = head & 0x4000 ? 0 : (uint32_t)u64_min(head & 0x3fff, size - at);
        fuzz_say(w, &f, &p, head, data + at, n);
        at += n;
    }
    app_finish(&f);
    for (struct app_tx *tx = f.app && f.app->def == def ? f.app->first : NULL; tx; tx = tx->next) {
        fuzz_buffers(w, def, f.app, tx);
        fuzz_log(w, def, f.app, tx);
        arena_reset(&w->scratch);
    }
    app_flow_free(&f);
    if (app_counters(w->engine)->memuse_bytes != 0)
        abort(); /* a leak */
}

#endif
