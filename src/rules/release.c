/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The end of a rule set: as a whole, or of its rules alone. */
#include "rules/load.h"

#include <stdlib.h>
#include <string.h>

static void parts_free(struct whole *w)
{
    for (uint32_t i = 0; i < w->n_arenas; i++)
        arena_done(&w->arenas[i]);
    for (uint32_t i = 0; i < w->n_bytes; i++)
        free(w->bytes[i]);
    free(w->arenas);
    free(w->bytes);
    w->arenas = NULL;
    w->bytes = NULL;
    w->n_arenas = w->n_bytes = 0;
}

static const char *kept(struct arena *a, const char *s)
{
    return s ? (const char *)arena_dup(a, s, strlen(s)).p : NULL;
}

void rules_release(struct rule_set *s)
{
    struct whole *w = (struct whole *)s;
    struct rule_refusal *r = arena_alloc_raw(&s->arena, (s->n_refusals + 1) * sizeof(*r));
    for (uint32_t i = 0; r && i < s->n_refusals; i++) {
        r[i] = s->refusals[i];
        r[i].reason = kept(&s->arena, r[i].reason);
        r[i].hint = kept(&s->arena, r[i].hint);
        if (!r[i].reason)
            r[i].reason = "no memory for the reason";
    }
    parts_free(w);
    const struct rule_set old = *s;
    *s = (struct rule_set){.arena = old.arena,
                           .files = old.files,
                           .n_files = old.n_files,
                           .refusals = r,
                           .n_refusals = r ? old.n_refusals : 0,
                           .disabled = old.disabled,
                           .skipped = old.skipped,
                           .content_hash = old.content_hash,
                           .diags = old.diags};
    memory_trim();
}

void rules_free(struct rule_set *s)
{
    if (!s)
        return;
    struct whole *w = (struct whole *)s;
    parts_free(w);
    arena_done(&w->pub.arena);
    free(w);
}
