/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lists that rules look into: entries, and slots that find one by its hash.  Of equal keys the
 * first counts. */
#include "detect/image_build.h"

#include "base/hash.h"

#include <stdlib.h>

/* -1: it stands already */
static int64_t slot_of(const struct rule_list *l, const uint32_t *slot, uint32_t slots,
                       const uint32_t *kept, struct str key)
{
    uint32_t at = (uint32_t)hash_bytes(key.p, key.n, 0) & (slots - 1);
    for (; slot[at]; at = (at + 1) & (slots - 1))
        if (str_eq(l->e[kept[slot[at] - 1]].key, key))
            return -1;
    return at;
}

static void put_entries(struct builder *b, const struct rule_list *l, struct img_set *s)
{
    uint32_t slots = 4;
    while (slots < 2ull * l->n)
        slots *= 2;
    uint32_t *slot = calloc(slots, sizeof(*slot)), *kept = calloc(l->n + 1u, sizeof(*kept));
    b->failed |= !slot || !kept;
    for (uint32_t k = 0; k < l->n && !b->failed; k++) {
        const struct rule_list_entry *e = &l->e[k];
        int64_t at = slot_of(l, slot, slots, kept, e->key);
        if (at < 0)
            continue;
        struct img_set_entry x = {
            .key = build_text(b, e->key), .json = build_text(b, e->json), .score = e->score};
        build_put(b, SEC_SET_ENTRIES, &x, sizeof(x), 1);
        kept[s->n++] = k;
        slot[at] = s->n;
        if (l->kind == LISTED_IPREP)
            s->lengths[e->key.p[16] / 64] |= 1ull << (e->key.p[16] % 64);
    }
    if (!b->failed && s->n) {
        s->slots = slots;
        s->slot_first = build_put(b, SEC_SET_SLOTS, slot, sizeof(*slot), slots);
    }
    free(slot);
    free(kept);
}

void build_sets(struct builder *b)
{
    for (uint32_t k = 0; k < b->set->n_lists; k++) {
        const struct rule_list *l = &b->set->lists[k];
        struct img_set s = {.name = build_text(b, l->name),
                            .save = build_text(b, l->save),
                            .first = build_count(b, SEC_SET_ENTRIES, sizeof(struct img_set_entry)),
                            .memcap_bytes = l->memcap_bytes,
                            .kind = l->kind,
                            .type = l->type,
                            .changes = l->changes};
        put_entries(b, l, &s);
        build_put(b, SEC_SETS, &s, sizeof(s), 1);
    }
    for (uint32_t k = 0; k < b->set->n_deps; k++) {
        const struct rule_dep *d = &b->set->deps[k];
        struct img_dep x = {build_text(b, str_of(d->path.p, d->path.n + 1u)), d->hash};
        build_put(b, SEC_DEPS, &x, sizeof(x), 1);
    }
}
