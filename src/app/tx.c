/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Transactions: a list by flow in order of their beginning.  A transaction is freed when both of
 * its directions are over, rules have seen it and it is written.
 */
#include "app/core.h"

void *app_tx_new(struct app_flow *af, size_t size)
{
    struct app_engine *e = af->engine;
    assert(size >= sizeof(struct app_tx));
    if (af->n_tx >= TX_CAP) {
        e->n.refused++;
        return NULL;
    }
    struct app_tx *tx = core_alloc(e, size);
    if (!tx)
        return NULL;
    tx->id = af->next_tx_id++;
    tx->first_number = af->number;
    tx->last_ns = af->now_ns;
    tx->updated[0] = tx->updated[1] = true;
    tx->begun_bytes[af->feeding] = tx->firewall_bytes[af->feeding] = UINT64_MAX;
    tx->begun_bytes[!af->feeding] = af->bytes[!af->feeding];
    if (af->last)
        af->last->next = tx;
    else
        af->first = tx;
    af->last = tx;
    af->n_tx++;
    af->flow->tx_cnt++;
    e->n.tx[af->proto_any][l4_of(af->flow)]++;
    return tx;
}
static void tx_free(struct app_flow *af, struct app_tx *tx)
{
    if (af->engine->on_tx_free)
        af->engine->on_tx_free(tx);
    if (af->def && af->def->tx_free)
        af->def->tx_free(af, tx);
    app_files_free(af, &tx->files[0]);
    app_files_free(af, &tx->files[1]);
    core_free(af->engine, tx);
}
void core_tx_free_all(struct app_flow *af)
{
    for (struct app_tx *tx = af->first, *next; tx; tx = next) {
        next = tx->next;
        tx_free(af, tx);
    }
    af->first = af->last = NULL;
    af->n_tx = 0;
}
const struct app_tx *app_tx_last(const struct app_flow *af)
{
    return af->last;
}

void app_tx_progress(struct app_tx *tx, unsigned dir, uint8_t progress)
{
    tx->updated[dir] = true;
    if (progress > tx->progress[dir])
        tx->progress[dir] = progress;
}
void app_event_tx(struct app_tx *tx, unsigned event)
{
    assert(event < 64);
    tx->events |= 1ull << event;
    tx->updated[0] = tx->updated[1] = true;
}
void app_event_flow(struct app_flow *af, unsigned event)
{
    assert(event < 64);
    af->flow_events |= 1ull << event;
}
void core_direction_over(struct app_flow *af, unsigned dir)
{
    for (struct app_tx *tx = af->first; af->def && tx; tx = tx->next) {
        if (tx->progress[dir] < af->def->complete[dir])
            app_tx_progress(tx, dir, af->def->complete[dir]);
        for (struct app_file *f = tx->files[dir].first; f; f = f->next)
            app_file_close(af, f, FILE_TRUNCATED);
    }
}

/* ------------------------------------------------------------------ reaping */

static bool tx_over(const struct app_proto_def *def, const struct app_tx *tx)
{
    return tx->progress[0] >= def->complete[0] && tx->progress[1] >= def->complete[1];
}
static bool tx_seen(const struct app_tx *tx)
{
    return (tx->inspected[0] || (tx->flags & TX_SKIP_TO_SERVER)) &&
           (tx->inspected[1] || (tx->flags & TX_SKIP_TO_CLIENT));
}
static bool files_written(const struct app_files *files)
{
    for (const struct app_file *f = files->first; f; f = f->next)
        if (f->state == FILE_OPEN || !f->logged)
            return false;
    return true;
}
static bool tx_written(const struct app_proto_def *def, const struct app_tx *tx)
{
    if (tx->flags & TX_LOGGED_ALL)
        return true;
    for (unsigned i = 0; def->logs && def->logs[i].event_type; i++)
        if (!(tx->logged & 1u << i))
            return false;
    return (tx->flags & TX_FILE_LOGGED) ||
           (files_written(&tx->files[0]) && files_written(&tx->files[1]));
}
void app_reap(struct app_flow *af, bool need_inspected, bool need_logged)
{
    struct app_tx **link = &af->first, *last = NULL;
    for (struct app_tx *tx = af->first, *next; tx; tx = next) {
        next = tx->next;
        if (tx_over(af->def, tx) && (!need_inspected || tx_seen(tx)) &&
            (!need_logged || tx_written(af->def, tx))) {
            *link = next;
            af->n_tx--;
            tx_free(af, tx);
        } else {
            link = &tx->next;
            last = tx;
        }
    }
    af->last = last;
}

void app_finish_side(struct flow *f, unsigned dir)
{
    if (f->app)
        core_direction_over(f->app, dir);
}

void app_finish(struct flow *f)
{
    for (unsigned dir = 0; dir < 2; dir++)
        app_finish_side(f, dir);
}

bool app_header(const struct app_flow *af, const struct app_tx *tx, unsigned dir, const char *name,
                struct str *value)
{
    return af->def && af->def->header && af->def->header(tx, dir, name, value);
}
