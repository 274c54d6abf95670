/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Records of the application layer: written when a transaction reaches the progress that the protocol's log
 * row names, or when its flow ends; fileinfo when a file is over; anomalies of parsers.
 */
#include "engine/worker.h"

#include <string.h>

enum { LOG_ROWS = 8 };

int emit_app_init(struct engine *e)
{
    e->arp_wanted = event_wants_app(&e->settings->wants, "arp") != NULL;
    for (unsigned id = 0; id < APP_COUNT; id++) {
        const struct app_proto_def *def = app_def(id);
        for (unsigned k = 0; def && def->logs && def->logs[k].event_type && k < LOG_ROWS; k++) {
            e->app_options[id][k] = event_wants_app(&e->settings->wants, def->logs[k].event_type);
            e->app_wanted[id][k] = e->app_options[id][k] != NULL;
        }
    }
    return 0;
}

static void xff_put(struct engine *e, struct flow *f, struct app_tx *tx, struct event *ev, struct fields *out)
{
    struct emit_xff x;
    if (emit_xff(e, f, tx, ev, &x) && x.ver)
        fields_ip(out, "xff", x.ver, &x.addr);
}

static void log_row(struct engine *e, const struct packet *p, struct flow *f, struct app_tx *tx, unsigned row)
{
    struct app_flow *af = f->app;
    const struct app_log *l = &af->def->logs[row];
    struct event_app_want want[EVENT_EVES];
    unsigned n = event_wants_app_each(&e->settings->wants, l->event_type, want);
    for (unsigned k = 0; k < n; k++) {
        struct event *ev = emit_begin(e, EVENT_APP, p, f, l->dir);
        if (!ev)
            return;
        ev->outputs = want[k].outputs;
        ev->flags |= EVENT_HAS_TX;
        ev->tx_id = tx->id;
        event_section(e->out, SECTION_NAME, l->event_type, (uint32_t)strlen(l->event_type));
        struct app_log_ctx c = {.af = af, .tx = tx, .flow = f, .options = want[k].options, .scratch = &e->scratch};
        struct fields *out = event_fields(e->out);
        if (l->write(&c, out)) {
            xff_put(e, f, tx, ev, out);
            emit_metadata(e, p, f, out);
            event_end(e->out);
        } else {
            event_abort(e->out);
        }
        arena_reset(&e->scratch);
    }
}

static void log_tx(struct engine *e, const struct packet *p, struct flow *f, struct app_tx *tx, bool all)
{
    struct app_flow *af = f->app;
    if (tx->flags & TX_LOGGED_ALL)
        return;
    bool whole = true;
    for (unsigned k = 0; af->def->logs && af->def->logs[k].event_type && k < LOG_ROWS; k++) {
        const struct app_log *l = &af->def->logs[k];
        if (tx->logged >> k & 1)
            continue;
        if (!all && (tx->progress[0] < l->at[0] || tx->progress[1] < l->at[1])) {
            whole = false;
            continue;
        }
        tx->logged |= (uint16_t)(1u << k);
        if (!(tx->flags & TX_UNLOGGED) && e->app_wanted[af->proto_any < APP_COUNT ? af->proto_any : 0][k])
            log_row(e, p, f, tx, k);
    }
    if (whole)
        tx->flags |= TX_LOGGED_ALL;
}

/* ------------------------------------------------------------------ files */

static void file_members(struct engine *e, const struct packet *p, struct flow *f, struct app_tx *tx, struct app_file *x,
                         struct event *ev)
{
    struct app_flow *af = f->app;
    ev->app_proto = af->proto_any;
    struct fields *out = event_fields(e->out);
    if (af->def && af->def->alert_fields) {
        struct app_log_ctx c = {.af = af, .tx = tx, .flow = f, .scratch = &e->scratch};
        af->def->alert_fields(&c, out);
    }
    app_file_fields(x, out);
    xff_put(e, f, tx, ev, out);
    emit_metadata(e, p, f, out);
}

static void log_file(struct engine *e, const struct packet *p, struct flow *f, struct app_tx *tx, struct app_file *x)
{
    struct event *ev = emit_begin(e, EVENT_FILEINFO, p, f, x->dir);
    if (!ev)
        return;
    file_members(e, p, f, tx, x, ev);
    event_end(e->out);
    arena_reset(&e->scratch);
}

/* A rule may still want it kept: what is told of it waits for that. */
static bool undecided(const struct flow *f, const struct app_tx *tx, const struct app_file *x)
{
    bool looked_at = !(f->flags & (FLOW_PASS | FLOW_NO_PACKET_INSPECTION));
    return looked_at && x->keep.n && !x->stored && !tx->inspected[x->dir];
}

static void log_files(struct engine *e, const struct packet *p, struct flow *f, struct app_tx *tx, bool all)
{
    for (unsigned dir = 0; dir < 2; dir++)
        for (struct app_file *x = tx->files[dir].first; x; x = x->next) {
            if (x->logged || x->state == FILE_OPEN || (!all && undecided(f, tx, x)))
                continue;
            x->logged = true;
            if (!(tx->flags & TX_UNLOGGED))
                log_file(e, p, f, tx, x);
        }
}

/* ------------------------------------------------------------------ files that are kept */

static bool piece(struct engine *e, const struct packet *p, struct flow *f, struct app_tx *tx, struct app_file *x, struct str bytes)
{
    bool end = !bytes.n;
    struct event_file h = {.offset = x->sent, .id = x->id, .end = end, .whole = end && !x->lost && x->has_sha256};
    struct event *ev = emit_begin(e, EVENT_FILE, p, f, x->dir);
    if (!ev)
        return false;
    memcpy(h.sha256, x->sha256_value, sizeof(h.sha256));
    event_section(e->out, SECTION_FILE, &h, sizeof(h));
    event_section(e->out, SECTION_PAYLOAD, bytes.p, bytes.n);
    if (h.whole && e->settings->wants.file_store_info) {
        x->stored = true;
        file_members(e, p, f, tx, x, ev);
    }
    bool sent = event_end(e->out);
    arena_reset(&e->scratch);
    return sent;
}

static void store_file(struct engine *e, const struct packet *p, struct flow *f, struct app_tx *tx, struct app_file *x)
{
    enum { PIECE = 32768 };
    struct str bytes;
    while ((bytes = str_first(app_file_unsent(x), PIECE)).n) {
        x->lost = !piece(e, p, f, tx, x, bytes);
        app_file_sent(f->app, x, bytes.n);
    }
    if (x->state == FILE_OPEN)
        return;
    x->stored = piece(e, p, f, tx, x, (struct str){0}) && !x->lost && x->has_sha256;
    x->want_store = false;
    e->files_stored += x->stored;
    e->files_lost += !x->stored;
}

static void store_files(struct engine *e, const struct packet *p, struct flow *f, struct app_tx *tx)
{
    for (unsigned dir = 0; dir < 2; dir++)
        for (struct app_file *x = tx->files[dir].first; x; x = x->next) {
            if (!x->want_store)
                continue;
            if (!x->sent && e->settings->wants.file_store_stream_depth)
                stream_set_depth(f, e->settings->wants.file_store_stream_depth);
            store_file(e, p, f, tx, x);
        }
}

/* ------------------------------------------------------------------ anomalies */

static void app_anomaly(struct engine *e, const struct packet *p, struct flow *f, const struct app_tx *tx,
                        const char *name, const char *layer)
{
    struct event *ev = emit_begin(e, EVENT_ANOMALY, p, f, p ? 0xff : 0);
    if (!ev)
        return;
    ev->app_proto = 0;
    if (tx) {
        ev->flags |= EVENT_HAS_TX;
        ev->tx_id = tx->id;
    }
    struct fields *out = event_fields(e->out);
    bool core = strcmp(layer, "proto_detect") == 0;
    char room[96];
    fields_open(out, "anomaly");
    if (app_name(f->app->proto_any))
        fields_cstr(out, "app_proto", app_name(f->app->proto_any));
    fields_cstr(out, "type", "applayer");
    fields_cstr(out, "event",
                app_event_eve(core ? APP_UNKNOWN : (enum app_proto_id)f->app->proto_any, name, room));
    fields_cstr(out, "layer", layer);
    fields_close(out);
    emit_metadata(e, p, f, out);
    if (p && e->settings->wants.anomaly_packethdr)
        emit_packet_header(e, p);
    event_end(e->out);
}

static void event_bits(struct engine *e, const struct packet *p, struct flow *f, const struct app_tx *tx, uint64_t bits)
{
    const struct app_event_def *def = f->app->def ? f->app->def->events : NULL;
    for (unsigned k = 0; def && k < 64 && def[k].name; k++)
        if (bits >> k & 1)
            app_anomaly(e, p, f, tx, def[k].name, "proto_parser");
}

void emit_app_anomalies(struct engine *e, const struct packet *p, struct flow *f)
{
    struct app_flow *af = f->app;
    if (!e->settings->wants.anomaly_app)
        return;
    uint32_t core = af->core_events & ~af->core_events_logged;
    af->core_events_logged |= core;
    for (unsigned k = 0; core && k < APP_CORE_COUNT; k++)
        if (core >> k & 1)
            app_anomaly(e, p, f, NULL, app_core_event_name(k), "proto_detect");
    uint64_t flow = af->flow_events & ~af->flow_events_logged;
    af->flow_events_logged |= flow;
    if (flow)
        event_bits(e, p, f, NULL, flow);
    for (struct app_tx *tx = af->first; tx; tx = tx->next) {
        uint64_t fresh = tx->events & ~tx->events_logged;
        tx->events_logged |= fresh;
        if (fresh)
            event_bits(e, p, f, tx, fresh);
    }
}

/* p NULL: the flow ends; all: nothing more will come. */
void emit_app(struct engine *e, const struct packet *p, struct flow *f, bool all)
{
    struct app_flow *af = f->app;
    emit_app_anomalies(e, p, f);
    if (!af->def)
        return;
    for (struct app_tx *tx = af->first; tx; tx = tx->next) {
        log_tx(e, p, f, tx, all);
        if (e->settings->wants.file_store && (tx->files[0].first || tx->files[1].first))
            store_files(e, p, f, tx);
        if (e->settings->wants.fileinfo && (tx->files[0].first || tx->files[1].first))
            log_files(e, p, f, tx, all);
    }
}
