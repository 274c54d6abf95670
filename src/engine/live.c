/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What a reload takes up besides the rules: the settings of responses.
 *
 * They go with the overlay and live as long as it does, so that a packet is never judged by new rules and answered
 * by old settings.  Workers only read them.
 */
#include "engine/worker.h"

#include "config/config.h"

#include <stdlib.h>

struct engine_live {
    struct response_policy *policy;
    struct response_config response;
    uint8_t on_drop;
    uint64_t blacklist_ns;
};

void engine_live_free(void *live)
{
    struct engine_live *l = live;
    if (!l)
        return;
    response_policy_free(l->policy);
    free(l);
}

struct engine_live *engine_live_new(const struct conf *c, struct diags *d)
{
    uint32_t before = d->errors;
    struct engine_live *l = calloc(1, sizeof(*l));
    if (!l)
        return NULL;
    l->policy = response_policy_new(c, d);
    if (l->policy) {
        response_config_read(c, l->policy, &l->response, d);
        l->on_drop = response_on_drop(c, d);
        l->blacklist_ns = conf_ns(c, "blacklist.time");
    }
    if (l->policy && d->errors == before)
        return l;
    engine_live_free(l);
    return NULL;
}

struct response_policy *engine_live_policy(struct engine_live *l) { return l->policy; }

void live_take(struct engine *e, const struct overlay *o)
{
    const struct engine_live *l = overlay_keep(o);
    /* Nobody but rules fills it in a replay: without such rules nobody need wait for his turn to look. */
    e->verdict.blacklist = !e->settings->replay || image_blacklists(overlay_image(o)) ? e->parts.blacklist : NULL;
    if (!l)
        return;
    e->verdict.blacklist_ns = l->blacklist_ns;
    e->verdict.on_drop = l->on_drop;
    responder_settings(e->responder, &l->response);
}
