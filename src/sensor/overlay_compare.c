/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a reload changes: rules of the two overlays side by side, in order of gid and sid. */
#include "sensor/engine_role.h"

#include <stdlib.h>
#include <string.h>

struct item {
    uint32_t gid, sid;
    uint64_t text;
    uint8_t action;
};

static int by_id(const void *x, const void *y)
{
    const struct item *a = x, *b = y;
    if (a->gid != b->gid)
        return a->gid < b->gid ? -1 : 1;
    return a->sid < b->sid ? -1 : a->sid > b->sid;
}

static struct item *list(const struct overlay *o, uint32_t *n)
{
    struct image *im = overlay_image(o);
    uint32_t all = image_n_rules(im), k = 0;
    struct item *l = calloc(all ? all : 1, sizeof(*l));
    for (uint32_t i = 0; l && i < all; i++) {
        struct image_rule_info r;
        const struct overlay_rule *x = overlay_rule(o, i);
        if (!x->enabled)
            continue;
        image_rule(im, i, &r);
        l[k++] = (struct item){r.gid, r.sid, r.text_hash, x->action};
    }
    if (l)
        qsort(l, k, sizeof(*l), by_id);
    *n = k;
    return l;
}

static void note(struct msg_swapped *out, uint32_t *count, const struct item *i, char what,
                 uint8_t was)
{
    (*count)++;
    if (out->n_sample == MSG_SAMPLE)
        return;
    unsigned k = out->n_sample++;
    out->sample[k].gid = i->gid;
    out->sample[k].sid = i->sid;
    out->sample[k].what = (uint8_t)what;
    out->sample[k].was = was;
    out->sample[k].is = i->action;
}

void overlay_compare(const struct overlay *was, const struct overlay *is, struct msg_swapped *out)
{
    uint32_t n, m, i = 0, k = 0;
    struct item *a = list(was, &n), *b = list(is, &m);
    while (a && b && (i < n || k < m)) {
        int c = i == n ? 1 : k == m ? -1 : by_id(&a[i], &b[k]);
        if (c < 0)
            note(out, &out->removed, &a[i++], '-', 0);
        else if (c > 0)
            note(out, &out->added, &b[k++], '+', 0);
        else {
            if (a[i].action != b[k].action)
                note(out, &out->retuned, &b[k], 'a', a[i].action);
            else if (a[i].text != b[k].text)
                note(out, &out->changed, &b[k], '~', 0);
            i++;
            k++;
        }
    }
    free(a);
    free(b);
}
