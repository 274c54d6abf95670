/* SPDX-License-Identifier: GPL-2.0-or-later */
/* EVE's type `blacklist`: what a rule put there, what is over. */
#include "engine/worker.h"
#include "verdict/blacklist/blacklist.h"

#include "base/clock.h"

#include <time.h>

static void put_moment(struct fields *out, const char *key, uint64_t ns)
{
    char z[32];
    struct tm t;
    time_t s = (time_t)(ns / NS_PER_SEC);
    if (ns != UINT64_MAX && gmtime_r(&s, &t) && strftime(z, sizeof(z), "%Y-%m-%dT%H:%M:%SZ", &t))
        fields_cstr(out, key, z);
}

static void put_entry(struct fields *out, const char *action, const struct block_entry *b)
{
    char text[IP_TEXT];
    const struct block_key *k = &b->key;
    fields_open(out, "blacklist");
    fields_cstr(out, "action", action);
    fields_cstr(out, "by", block_kind_word(k->kind));
    fields_cstr(out, "address", ip_format_short(&k->a, k->ver, text));
    if (k->kind == BLOCK_NET)
        fields_u64(out, "prefix", k->prefix);
    if (k->kind == BLOCK_PAIR)
        fields_cstr(out, "towards", ip_format_short(&k->b, k->ver, text));
    if (k->kind == BLOCK_SRC_PORT)
        fields_u64(out, "port", k->port);
    put_moment(out, "since", b->since_ns);
    put_moment(out, "until", b->until_ns);
    fields_cstr(out, "author", b->author);
    if (b->sid) {
        fields_u64(out, "gid", b->gid);
        fields_u64(out, "signature_id", b->sid);
    }
    if (b->reason[0])
        fields_cstr(out, b->sid ? "signature" : "reason", b->reason);
    fields_u64(out, "hits", b->hits);
    fields_close(out);
}

void emit_shut(struct engine *e, struct packet *p, const struct decision *d)
{
    const struct image *i = overlay_image(detect_overlay(e->detect));
    for (unsigned k = 0; k < d->n_shut && e->settings->wants.blacklist; k++) {
        const struct shut *s = &d->shut[k];
        bool would = s->result == BLOCK_WOULD;
        struct block_entry b = {0};
        if ((s->result != BLOCK_ADDED && !would) || !shut_key(i, p, s, &b.key))
            continue;
        if (!would && !blacklist_get(e->parts.blacklist, &b.key, &b)) /* somebody took it out meanwhile */
            continue;
        if (!emit_begin(e, EVENT_BLACKLIST, p, p->flow, s->dir))
            continue;
        put_entry(event_fields(e->out), would ? "would" : "added", &b);
        event_end(e->out);
    }
}

static void over(void *ctx, const struct block_entry *b)
{
    struct engine *e = ctx;
    if (e->settings->wants.blacklist && emit_begin(e, EVENT_BLACKLIST, NULL, NULL, 0xff)) {
        put_entry(event_fields(e->out), "expired", b);
        event_end(e->out);
    }
}

void emit_list_tick(struct engine *e, uint64_t now_ns)
{
    if (e->verdict.blacklist && e->parts.worker == 0 && !e->settings->replay)
        blacklist_tick(e->verdict.blacklist, now_ns, over, e);
}
