/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * `replace`: where the contents lie that a rule which has matched wants to be replaced.
 *
 * The matcher keeps no places, for few rules need them: the payload's blocks are gone through once more.
 */
#include "detect/match.h"

#include <string.h>

static void note(struct detect *d, uint32_t rule, const struct img_test *t, const struct block_span *where, uint32_t room)
{
    struct matches *m = &d->matches;
    struct str bytes = img_str(d->image, t->u.content.replace);
    if (where->at == UINT32_MAX || m->n_replace == REPLACEMENTS_MOST || where->at > room || bytes.n > room - where->at)
        return;
    d->replace[m->n_replace++] = (struct replacement){.rule = rule, .at = where->at, .bytes = bytes};
}

void replace_note(struct detect *d, uint32_t rule)
{
    const struct img_rule *r = &d->rules[rule];
    struct input in;
    if (!packet_buffer(d->p, BUF_PAYLOAD, &in))
        return;
    memset(d->var, 0, r->n_vars * sizeof(d->var[0]));
    bool aside = d->aside;
    d->aside = true; /* what its tests do is done */
    for (unsigned k = 0; k < r->n_blocks; k++) {
        const struct img_block *b = &d->image->blocks[r->block_first + k];
        const struct img_test *t = &d->image->tests[b->first];
        if (b->buffer != BUF_PAYLOAD && b->buffer != BUF_RAW_PAYLOAD)
            continue;
        struct block_span *path = arena_alloc_raw(&d->arena, b->n * sizeof(*path));
        if (!path)
            break;
        memset(path, 0xff, b->n * sizeof(*path));
        if (!block_match_path(d, t, b->n, &in, path))
            break;
        for (uint32_t i = 0; i < b->n; i++)
            if (t[i].kind == TEST_CONTENT && (t[i].flags & CONTENT_REPLACE))
                note(d, rule, &t[i], &path[i], in.n);
    }
    d->aside = aside;
}
