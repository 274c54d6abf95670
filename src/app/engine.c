/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The worker's application engine: settings, memory, counters, and the state of flows.
 *
 * Memory: blocks of up to 16 KB are recycled by size, so that flows and small transactions cost no
 * heap call once the worker is warm; all that is in use counts against app-layer.memcap.
 */
#include "app/core.h"
#include "app/filetype.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"

/* ------------------------------------------------------------------ memory */

/* Rounds up to a class; BLOCK_CLASSES: none. */
static unsigned class_of(size_t *whole)
{
    size_t n = (*whole + BLOCK_UNIT - 1) / BLOCK_UNIT, top = 2 * BLOCK_FINE;
    unsigned class = BLOCK_FINE;
    if (n <= BLOCK_FINE) {
        *whole = n * BLOCK_UNIT;
        return (unsigned)n - 1;
    }
    for (; class < BLOCK_CLASSES && n > top; class ++)
        top *= 2;
    *whole = (class < BLOCK_CLASSES ? top : n) * BLOCK_UNIT;
    return class;
}
void *core_alloc(struct app_engine *e, size_t size)
{
    size_t whole = size + sizeof(struct app_block);
    unsigned class = class_of(&whole);
    if (whole > UINT32_MAX || e->n.memuse_bytes + e->others + whole > e->memcap_bytes) {
        e->n.refused++;
        return NULL;
    }
    struct app_block *b = class < BLOCK_CLASSES ? e->pool[class] : NULL;
    if (b) {
        e->pool[class] = b->next;
        e->pool_bytes -= whole;
        memset(b, 0, whole);
    } else {
        b = calloc(1, whole);
        if (!b) {
            e->n.refused++;
            return NULL;
        }
    }
    b->size = (uint32_t)whole;
    b->class = class;
    e->n.memuse_bytes += whole;
    return b + 1;
}
void core_free(struct app_engine *e, void *p)
{
    if (!p)
        return;
    struct app_block *b = (struct app_block *)p - 1;
    e->n.memuse_bytes -= b->size;
    if (b->class >= BLOCK_CLASSES || e->pool_bytes + b->size > POOL_CAP) {
        free(b);
        return;
    }
    e->pool_bytes += b->size;
    b->next = e->pool[b->class];
    e->pool[b->class] = b;
}
void *app_alloc(struct app_flow *af, size_t size)
{
    return core_alloc(af->engine, size);
}
void app_free(struct app_flow *af, void *p)
{
    core_free(af->engine, p);
}
void app_others(struct app_engine *e, uint64_t bytes)
{
    e->others = bytes;
}
bool app_mem_take(struct app_flow *af, size_t bytes)
{
    struct app_engine *e = af->engine;
    if (bytes > e->memcap_bytes || e->n.memuse_bytes + e->others > e->memcap_bytes - bytes) {
        e->n.refused++;
        return false;
    }
    e->n.memuse_bytes += bytes;
    af->mem_bytes += bytes;
    return true;
}
void app_mem_give(struct app_flow *af, size_t bytes)
{
    af->engine->n.memuse_bytes -= bytes;
    af->mem_bytes -= bytes;
}

/* ------------------------------------------------------------------ settings */

static uint8_t use_of(const char *text, uint8_t otherwise)
{
    if (!text)
        return otherwise;
    if (str_ieq(str_cstr(text), STR("detection-only")))
        return USE_DETECT_ONLY;
    int truth = conf_truth(text);
    return truth < 0 ? otherwise : truth ? USE_FULL : USE_OFF;
}
/* What the table of settings says when the configuration is silent. */
static uint8_t use_by_default(unsigned id)
{
    char path[96];
    snprintf(path, sizeof path, "app-layer.protocols.%s.enabled", app_name(id));
    const struct setting *s = setting_find(path);
    const struct detect_only *only = detect_only_get((enum app_proto_id)id);
    return use_of(s ? s->dflt : NULL, only && only->off ? USE_OFF : USE_FULL);
}
static void read_use(struct app_engine *e, const struct conf *c, unsigned id)
{
    static const char *const l4_key[L4_COUNT] = {"tcp.enabled", "udp.enabled"};
    const struct conf_node *node = conf_sub(conf_node(c, "app-layer.protocols"), app_name(id));
    uint8_t use = use_of(conf_sub_str(node, "enabled", NULL), use_by_default(id));
    for (unsigned l4 = 0; l4 < L4_COUNT; l4++)
        e->proto[id].use[l4] = use_of(conf_sub_str(node, l4_key[l4], NULL), use);
}
static bool read_protocols(struct app_engine *e, const struct conf *c, struct diags *d)
{
    uint32_t errors = d ? d->errors : 0;
    for (unsigned id = 1; id < APP_FAILED; id++) {
        const struct app_proto_def *def = app_def((enum app_proto_id)id);
        read_use(e, c, id);
        if (def && def->config_new && !(e->proto[id].config = def->config_new(c, d)))
            return false;
    }
    return !d || d->errors == errors;
}
static void read_files(struct app_engine *e, const struct conf *c)
{
    struct event_wants w;
    event_wants_read(c, &w);
    e->file = (struct app_file_config){
        .md5 = w.file_md5,
        .sha1 = w.file_sha1,
        .sha256 = w.file_sha256 || w.file_store,
        .magic = w.file_magic,
        .store = w.file_store_all,
        .store_all = w.file_store_all,
        .store_undecided = 1 << 20,
        .store_total = 64 << 20,
        .inspect_limit = 100000,
        .min_inspect = 32768,
        .inspect_window = 4096,
    };
}

struct app_engine *app_engine_new(const struct conf *c, bool inline_mode, struct diags *d)
{
    struct app_engine *e = calloc(1, sizeof *e);
    if (!e)
        return NULL;
    e->memcap_bytes = conf_bytes(c, "app-layer.memcap");
    e->inline_mode = inline_mode;
    read_files(e, c);
    e->magic = filetype_new();
    if (e->file.magic && (!e->magic || filetype_begin(e->magic)))
        e->file.magic = false; /* the engine that asked says so (app_engine_want_magic) */
    if (!read_protocols(e, c, d) || !(e->pd = pd_new(e, c))) {
        app_engine_free(e);
        return NULL;
    }
    return e;
}
void app_engine_free(struct app_engine *e)
{
    if (!e)
        return;
    for (unsigned id = 0; id < APP_COUNT; id++) {
        const struct app_proto_def *def = app_def((enum app_proto_id)id);
        if (def && def->config_free && e->proto[id].config)
            def->config_free(e->proto[id].config);
    }
    pd_free(e->pd);
    filetype_free(e->magic);
    for (unsigned i = 0; i < BLOCK_CLASSES; i++)
        for (struct app_block *b = e->pool[i], *next; b; b = next) {
            next = b->next;
            free(b);
        }
    free(e);
}
const struct app_counters *app_counters(const struct app_engine *e)
{
    return &e->n;
}
bool app_proto_enabled(const struct app_engine *e, enum app_proto_id id, bool udp)
{
    return id < APP_COUNT && e->proto[id].use[udp] != USE_OFF;
}
void app_engine_want_hash(struct app_engine *e, bool md5, bool sha1, bool sha256)
{
    e->file.md5 |= md5;
    e->file.sha1 |= sha1;
    e->file.sha256 |= sha256;
}
int app_engine_want_magic(struct app_engine *e)
{
    int rc = e->magic ? filetype_begin(e->magic) : -ENOMEM;
    e->file.magic |= rc == 0;
    return rc;
}
void app_engine_want_store(struct app_engine *e, bool rules)
{
    e->file.store |= rules;
}
void app_engine_on_tx_free(struct app_engine *e, void (*fn)(struct app_tx *tx))
{
    e->on_tx_free = fn;
}
void *app_config_get(const struct app_flow *af)
{
    unsigned id = af->proto_any;
    return id < APP_COUNT ? af->engine->proto[id].config : NULL;
}

/* ------------------------------------------------------------------ flows */

struct app_flow *core_flow_get(struct app_engine *e, struct flow *f)
{
    if (f->app)
        return f->app;
    struct app_flow *af = core_alloc(e, sizeof *af);
    if (!af)
        return NULL;
    af->flow = f;
    af->engine = e;
    f->app = af;
    return af;
}
bool core_start_protocol(struct app_flow *af, enum app_proto_id id)
{
    struct app_engine *e = af->engine;
    unsigned l4 = l4_of(af->flow);
    const struct app_proto_def *def = app_def(id);
    e->n.flow[id][l4]++;
    af->proto_any = (uint16_t)id;
    af->flow->app_proto_any = (uint16_t)id;
    if (!def || !def->parse || e->proto[id].use[l4] != USE_FULL)
        return false;
    if (def->state_new && !(af->state = def->state_new(af))) {
        e->n.error_alloc[id][l4]++;
        return false;
    }
    af->def = def;
    return true;
}
void core_drop_protocol(struct app_flow *af)
{
    core_tx_free_all(af);
    if (af->def && af->def->state_free && af->state)
        af->def->state_free(af, af->state);
    af->state = NULL;
    af->def = NULL;
    af->flow_events = af->flow_events_logged = 0;
}
void app_flow_free(struct flow *f)
{
    struct app_flow *af = f->app;
    if (!af)
        return;
    f->app = NULL;
    core_drop_protocol(af);
    held_drop(af, 0);
    held_drop(af, 1);
    core_free(af->engine, af);
}
