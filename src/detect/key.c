/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keywords that are folders of their own (rules/key.h): what their tests see. */
#include "detect/match.h"

static bool var_of(const struct key_look *l, unsigned which, bool of_flow, unsigned nth, struct str *out)
{
    const struct detect *d = l->owner;
    const struct img_test *t = l->test;
    if (which >= t->u.key.n_names)
        return false;
    if (!of_flow)
        return vars_packet_get(d, t->u.key.name[which], nth, out);
    return !nth && vars_flow_get(d, t->u.key.name[which], out);
}

bool key_holds(struct detect *d, const struct img_test *t, const struct input *in)
{
    const struct key_def *def = rule_key_def(t->u.key.key);
    struct key_look l = {.p = d->p, .b = t->u.key.b, .n = t->u.key.n, .var = var_of, .owner = d, .test = t};
    for (unsigned k = 0; k < KEY_TEXTS; k++)
        l.text[k] = img_str(d->image, t->u.key.text[k]);
    if (t->u.key.data != KEY_NO_DATA) {
        const struct img_set *s = &d->image->sets[t->u.key.data];
        l.data = s->n ? img_str(d->image, d->image->set_entries[s->first].key) : (struct str){0};
    }
    if (in) {
        l.in = str_of(in->p, in->n);
        l.offset = in->offset;
        l.cursor = &d->cursor[t->on_base64];
    }
    return def->holds(&l) && (!in || *l.cursor <= in->n);
}
