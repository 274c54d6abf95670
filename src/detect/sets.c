/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Lists that rules look into.  What files say lies in the image and is found by one hash; what
 * rules put in or took out of a data set since lies beside it, shared by the workers (sets_live.c),
 * and is asked for first.
 */
#include "detect/match.h"

#include "base/hash.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int sets_init(struct detect *d)
{
    uint64_t n = img_count(d->image, SEC_SETS);
    d->live = calloc(n + 1, sizeof(struct live_set *));
    if (!d->live)
        return -ENOMEM;
    for (uint64_t k = 0; k < n && d->config.state; k++) {
        const struct img_set *s = &d->image->sets[k];
        if (!s->changes)
            continue;
        d->live[k] =
            state_set(d->config.state, img_str(d->image, s->name), s->type, s->memcap_bytes);
        if (!d->live[k])
            return -ENOMEM;
    }
    return 0;
}

static const struct img_set_entry *entry_find(const struct image *i, const struct img_set *s,
                                              struct str key)
{
    if (!s->slots)
        return NULL;
    const uint32_t *slot = i->set_slots + s->slot_first;
    uint32_t mask = s->slots - 1, at = (uint32_t)hash_bytes(key.p, key.n, 0) & mask;
    for (; slot[at]; at = (at + 1) & mask) {
        const struct img_set_entry *e = &i->set_entries[s->first + slot[at] - 1];
        if (str_eq(img_str(i, e->key), key))
            return e;
    }
    return NULL;
}

/* The buffer as a key of the set; false: nothing of that kind. */
static bool key_of(const struct img_set *s, const struct input *in, uint8_t room[16],
                   struct str *key)
{
    static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff};
    *key = str_of(in->p, in->n);
    if (in->offset)
        return false; /* a later part of a buffer is not the buffer */
    switch ((enum listed_type)s->type) {
    case LISTED_STRING:
        return in->n > 0;
    case LISTED_MD5:
        return in->n == 16;
    case LISTED_SHA1:
        return in->n == 20;
    case LISTED_SHA256:
        return in->n == 32;
    case LISTED_IPV4:
        return in->n == 4;
    case LISTED_IP:
    case LISTED_IPV6:
        if (in->n == 4) {
            memcpy(room, mapped, 12);
            memcpy(room + 12, in->p, 4);
            *key = str_of(room, 16);
        }
        return key->n == 16;
    }
    return false;
}

static bool has(struct detect *d, const struct img_test *t, struct str key,
                const struct img_set_entry **e)
{
    uint32_t set = t->u.listed.set;
    struct live_set *live = d->live[set];
    enum live_what w =
        live ? live_get(d->config.state, live, d->config.worker, d->p->number, key) : LIVE_UNKNOWN;
    *e = w == LIVE_OUT ? NULL : entry_find(d->image, &d->image->sets[set], key);
    return *e || w == LIVE_IN;
}

/* ".a.b.c", then ".b.c", then ".c": a name below an entry. */
static bool has_name(struct detect *d, const struct img_test *t, struct str key,
                     const struct img_set_entry **e)
{
    while (!has(d, t, key, e)) {
        int64_t dot = key.n ? str_chr(str_skip(key, 1), '.') : -1;
        if (dot < 0)
            return false;
        key = str_skip(key, (uint32_t)dot + 1);
    }
    return true;
}

static void tell(struct detect *d, const struct img_test *t, const struct img_set_entry *e)
{
    if (e && e->json.n && t->u.listed.context.n && d->n_told < TOLD_MOST)
        d->told[d->n_told++] = (struct told){.key = img_str(d->image, t->u.listed.context), .json = img_str(d->image, e->json)};
}

static bool change(struct detect *d, const struct img_test *t, struct str key)
{
    uint32_t set = t->u.listed.set;
    bool image = entry_find(d->image, &d->image->sets[set], key) != NULL;
    return d->live[set] && live_put(d->config.state, d->live[set], d->config.worker, d->p->number,
                                    key, t->u.listed.cmd == LISTED_ADD, image);
}

bool set_test(struct detect *d, const struct img_test *t, const struct input *in)
{
    const struct img_set_entry *e = NULL;
    uint8_t room[16];
    struct str key;
    if (!key_of(&d->image->sets[t->u.listed.set], in, room, &key))
        return t->u.listed.cmd == LISTED_IS_NOT_SET;
    switch ((enum listed_cmd)t->u.listed.cmd) {
    case LISTED_IS_SET:
    case LISTED_IS_NOT_SET: {
        bool found = t->u.listed.subdomain ? has_name(d, t, key, &e) : has(d, t, key, &e);
        if (found && t->u.listed.cmd == LISTED_IS_SET)
            tell(d, t, e);
        return found == (t->u.listed.cmd == LISTED_IS_SET);
    }
    case LISTED_ADD:
    case LISTED_TAKE:
        return change(d, t, key);
    case LISTED_SCORE:
        e = entry_find(d->image, &d->image->sets[t->u.listed.set], key);
        return e && uint_holds(t->u.listed.op, e->score, t->u.listed.a, t->u.listed.b);
    }
    return false;
}

void detect_told(const struct detect *d, uint32_t k, struct str *key, struct str *json, struct str *text)
{
    *key = d->told[k].key;
    *json = d->told[k].json;
    *text = d->told[k].text;
}

/* ------------------------------------------------------------------ reputation of addresses */

/* The longest prefix counts. */
static const struct img_set_entry *rep_find(const struct image *i, const struct img_set *s,
                                            const struct ip_addr *a, uint8_t ver)
{
    uint8_t key[17];
    unsigned least = ver == 4 ? 96 : 0;
    memcpy(key, a->b, 16);
    for (unsigned bits = 128;; bits--) {
        if (bits < 128)
            key[bits / 8] &= (uint8_t)(0xff00u >> (bits % 8));
        if (s->lengths[bits / 64] >> (bits % 64) & 1) {
            key[16] = (uint8_t)bits;
            const struct img_set_entry *e = entry_find(i, s, str_of(key, sizeof(key)));
            if (e)
                return e;
        }
        if (bits == least)
            return NULL;
    }
}

static bool rep_holds(const struct img_test *t, const struct img_set_entry *e)
{
    if (t->u.listed.cmd == LISTED_SCORE)
        return e && uint_holds(t->u.listed.op, e->score, t->u.listed.a, t->u.listed.b);
    return (e != NULL) == (t->u.listed.cmd == LISTED_IS_SET);
}

bool rep_test(struct detect *d, const struct img_test *t)
{
    const struct packet *p = d->p;
    const struct img_set *s = &d->image->sets[t->u.listed.set];
    if (!p->ver)
        return false;
    bool src = t->u.listed.who != 2 && rep_holds(t, rep_find(d->image, s, &p->src, p->ver));
    bool dst = t->u.listed.who != 1 && rep_holds(t, rep_find(d->image, s, &p->dst, p->ver));
    return t->u.listed.who == 3 ? src && dst : src || dst;
}
