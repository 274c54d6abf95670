/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Texts kept once, with numbers in the order of their first mention. */
#include "rules/parse.h"

#include "base/hash.h"

#include <string.h>

void strtab_init(struct strtab *t, struct arena *a)
{
    *t = (struct strtab){.arena = a};
}

/* The slot of the text: of its entry, or the free one where it belongs. */
static uint32_t slot_of(const struct strtab *t, struct str s)
{
    uint32_t i = (uint32_t)hash_bytes(s.p, s.n, 0) & (t->n_slot - 1);
    while (t->slot[i] && !str_eq(t->s[t->slot[i] - 1], s))
        i = (i + 1) & (t->n_slot - 1);
    return i;
}

int64_t strtab_find(const struct strtab *t, struct str s)
{
    if (!t->n_slot)
        return -1;
    return (int64_t)t->slot[slot_of(t, s)] - 1;
}

static bool grow(struct strtab *t)
{
    uint32_t room = t->room ? t->room * 2 : 32;
    struct str *s = arena_alloc_raw(t->arena, room * sizeof(*s));
    uint32_t *slot = arena_alloc(t->arena, (size_t)room * 2 * sizeof(*slot));
    if (!s || !slot)
        return false;
    if (t->n)
        memcpy(s, t->s, t->n * sizeof(*s));
    t->s = s;
    t->room = room;
    t->slot = slot;
    t->n_slot = room * 2;
    for (uint32_t i = 0; i < t->n; i++)
        t->slot[slot_of(t, s[i])] = i + 1;
    return true;
}

int64_t strtab_add(struct strtab *t, struct str s, bool copy)
{
    int64_t at = strtab_find(t, s);
    if (at >= 0)
        return at;
    if (t->n == t->room && !grow(t))
        return -1;
    if (copy) {
        uint32_t n = s.n;
        s = arena_dup(t->arena, s.p, s.n);
        if (!s.p && n)
            return -1;
    }
    t->s[t->n] = s;
    t->slot[slot_of(t, s)] = t->n + 1;
    return t->n++;
}
