/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Names of bits and numbers over reloads.  An image numbers its names anew; what flows remember is by numbers of
 * the worker's own, which grow with each name that was ever seen.  When there are too many the table begins
 * anew, and what flows remember is void (they compare its epoch).
 */
#include "detect/match.h"

#include "base/hash.h"

#include <stdlib.h>
#include <string.h>

enum { NAMES_MOST = 1 << 18 };

struct names *names_new(void)
{
    struct names *n = calloc(1, sizeof(*n));
    if (n)
        n->epoch = 1;
    return n;
}

static void names_clear(struct names *n)
{
    for (uint32_t k = 0; k < n->n; k++)
        free(n->name[k].text);
    free(n->name);
    free(n->slot);
    n->name = NULL;
    n->slot = NULL;
    n->n = n->room = n->slots = 0;
}

void names_free(struct names *n)
{
    if (!n)
        return;
    names_clear(n);
    free(n);
}

struct str names_get(const struct names *n, uint32_t id) { return str_of(n->name[id].text, n->name[id].n); }

static bool names_grow(struct names *n)
{
    uint32_t room = n->room ? n->room * 2 : 256;
    struct name *name = realloc(n->name, room * sizeof(*name));
    if (!name)
        return false;
    n->name = name;
    n->room = room;
    uint32_t slots = room * 2, *slot = calloc(slots, sizeof(*slot));
    if (!slot)
        return false;
    for (uint32_t k = 0; k < n->n; k++) {
        uint64_t h = name[k].hash;
        while (slot[h & (slots - 1)])
            h++;
        slot[h & (slots - 1)] = k + 1;
    }
    free(n->slot);
    n->slot = slot;
    n->slots = slots;
    return true;
}

static int64_t names_find(struct names *n, struct str s)
{
    if (n->n * 2 >= n->slots && !names_grow(n))
        return -1;
    uint64_t h = hash_bytes(s.p, s.n, 0);
    uint32_t *slot = &n->slot[h & (n->slots - 1)];
    for (uint64_t k = h; *slot; slot = &n->slot[++k & (n->slots - 1)]) {
        const struct name *x = &n->name[*slot - 1];
        if (x->hash == h && x->n == s.n && !memcmp(x->text, s.p, s.n))
            return *slot - 1;
    }
    uint8_t *text = malloc(s.n ? s.n : 1);
    if (!text)
        return -1;
    if (s.n)
        memcpy(text, s.p, s.n);
    n->name[n->n] = (struct name){h, text, s.n};
    *slot = ++n->n;
    return n->n - 1;
}

uint32_t *names_of_image(struct names *n, const struct image *i)
{
    uint64_t many = img_count(i, SEC_NAMES);
    uint32_t *map = calloc(many + 1, sizeof(*map));
    if (n->n + many > NAMES_MOST && n->n) {
        names_clear(n);
        n->epoch++;
    }
    for (uint64_t k = 0; map && k < many; k++) {
        int64_t id = names_find(n, img_str(i, i->names[k]));
        if (id < 0) {
            free(map);
            return NULL;
        }
        map[k] = (uint32_t)id;
    }
    return map;
}
