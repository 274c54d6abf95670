/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the workers of a replay share: the frames, and the caps.
 *
 * All are shown all frames.  The reader marks those of which it is plain whose they are (packet/plain.c), and
 * counts them as decoded; the others pass them by.  What is not plain (tunnels, fragments, ICMP, odd headers)
 * everyone decodes, so that each knows all fragments and looks himself whose the packets are.
 */
#include "engine/worker.h"

/* ------------------------------------------------------------------ frames */

unsigned share_owner(const struct engine *e, uint32_t hash)
{
    return (unsigned)((uint64_t)hash * e->parts.n_workers >> 32);
}

/* All must see all: copies on several ports; the first packets, by whose checksums it is told if any is tested. */
static bool passing(const struct engine *e)
{
    return !e->twins && (!e->settings->csum_auto || e->csum_off || e->csum_seen >= CSUM_SAMPLE);
}

void engine_mark(struct engine *e, struct burst *b, struct engine_need *need)
{
    static_assert(ENGINE_WORKERS_MOST < UINT8_MAX, "frame.owner");
    bool pass = passing(e);
    for (unsigned k = 0; k < b->n; k++) {
        struct frame *f = &b->frame[k];
        struct packet p;
        f->owner = 0;
        need->frames++;
        need->bytes += f->len;
        need->flows += ENGINE_LAYERS;
        if (!pass || !decode_plain(e->decoder, f, &p))
            continue;
        need->flows -= ENGINE_LAYERS - 1;
        f->hash = packet_hash(&p, e->hash_seed, e->settings->flow.vlan_in_key);
        unsigned w = share_owner(e, f->hash);
        f->owner = (uint8_t)(w + 1);
        if (w != e->parts.worker)
            decoder_count_plain(e->decoder, f, &p);
    }
}

/* ------------------------------------------------------------------ caps */

void engine_use(const struct engine *e, struct engine_use *sum)
{
    sum->flows += flow_counters(e->flows)->active;
    sum->stream += stream_counters(e->streams)->memuse_bytes;
    sum->reassembly += stream_counters(e->streams)->reassembly_memuse_bytes;
    sum->app += app_counters(e->app)->memuse_bytes;
}

void engine_others(struct engine *e, const struct engine_use *others)
{
    flow_others(e->flows, others->flows);
    stream_others(e->streams, others->stream, others->reassembly);
    app_others(e->app, others->app);
}

/*
 * What they add at most, generously: a burst's 64 frames of 64 KB whatever they are, and what there is, kept, held
 * twice, unpacked.  One TCP header a frame.
 */
bool engine_near_caps(const struct engine *e, const struct engine_use *sum, const struct engine_need *need)
{
    uint64_t bytes = need->bytes + (4 << 20), streams = u64_max(need->frames, 1024);
    const struct stream_config *s = &e->settings->stream;
    uint64_t app = conf_bytes(e->settings->conf, "app-layer.memcap");
    return flow_near_cap(e->flows, sum->flows, need->flows) ||
           (s->memcap_bytes && sum->stream + streams * 8192 > s->memcap_bytes) ||
           (s->reassembly_memcap_bytes && sum->reassembly + 8 * bytes > s->reassembly_memcap_bytes) ||
           (app && sum->app + 24 * bytes > app);
}

void engine_emergency(struct engine *e, bool counted) { flow_emergency(e->flows, counted); }

struct evicted {
    struct engine *owner, *as;
};

static void evict_end(void *ctx, struct flow *f)
{
    struct evicted *v = ctx;
    uint64_t seq = v->owner->seq;
    v->owner->seq = v->as->seq;
    judge_flow_end(v->owner, f);
    v->as->seq = v->owner->seq;
    if (v->owner != v->as)
        v->owner->seq = seq;
}

bool engine_evict(struct engine *const *all, unsigned n, struct engine *as)
{
    struct flow_table *t[FLOW_TABLES];
    struct evicted v[FLOW_TABLES];
    void *ctx[FLOW_TABLES];
    for (unsigned k = 0; k < n && k < FLOW_TABLES; k++) {
        v[k] = (struct evicted){all[k], as};
        t[k] = all[k]->flows;
        ctx[k] = &v[k];
    }
    return flow_evict_exact(t, n < FLOW_TABLES ? n : FLOW_TABLES, evict_end, ctx);
}
