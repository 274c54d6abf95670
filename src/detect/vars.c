/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Variables: what rules take out of the traffic.
 *
 * An expression's groups are noted while its rule is tried (`taken`; an unsuccessful try takes its own back) and put
 * in place when the rule has matched: at the flow, where they stay, at the packet, or beside the alert.  Names are the
 * worker's numbers (names.c), so a reload keeps them.  A flow has so many variables and each so many bytes; what
 * finds no room is counted as refused.
 */
#include "detect/match.h"

#include <stdlib.h>
#include <string.h>

void vars_rule(struct detect *d)
{
    d->n_told = d->told_from;
    d->n_taken = 0;
}

/* Groups of a match whose offsets count from p. */
void vars_take(struct detect *d, const struct img_test *t, const uint8_t *p)
{
    const PCRE2_SIZE *v = pcre2_get_ovector_pointer(d->pcre_groups);
    for (unsigned k = 0; k < t->u.pcre.n_captures; k++) {
        unsigned g = t->u.pcre.capture_group[k];
        if (v[2 * g] == PCRE2_UNSET || v[2 * g + 1] <= v[2 * g])
            continue;
        if (d->n_taken == TAKEN_MOST) {
            d->count.refused++;
            return;
        }
        uint32_t n = (uint32_t)(v[2 * g + 1] - v[2 * g]);
        d->taken[d->n_taken++] = (struct taken){.name = t->u.pcre.capture_name[k],
                                                .kind = t->u.pcre.capture_kind[k],
                                                .value = str_of(p + v[2 * g], u32_min(n, VAR_BYTES))};
    }
}

/* ------------------------------------------------------------------ of the flow */

void vars_free(struct detect_flow *m)
{
    for (uint32_t k = 0; k < m->n_vars; k++)
        free(m->vars[k].bytes);
    free(m->vars);
    m->vars = NULL;
    m->n_vars = 0;
}

static struct flow_var *var_find(struct detect_flow *m, uint32_t id, bool number)
{
    for (uint32_t k = 0; m && k < m->n_vars; k++)
        if (m->vars[k].id == id && m->vars[k].number == number)
            return &m->vars[k];
    return NULL;
}

static struct flow_var *var_make(struct detect *d, uint32_t id, bool number)
{
    enum { STEP = 4 };
    struct detect_flow *m = d->p->flow ? flow_memory(d, d->p->flow) : NULL;
    m = m ? flow_memory_now(d, d->p->flow) : NULL;
    struct flow_var *v = var_find(m, id, number);
    if (v || !m)
        return v;
    if (m->n_vars == VARS_FLOW) {
        d->count.refused++;
        return NULL;
    }
    if (m->n_vars % STEP == 0) {
        struct flow_var *more = realloc(m->vars, (m->n_vars + STEP) * sizeof(*more));
        if (!more) {
            d->count.refused++;
            return NULL;
        }
        m->vars = more;
    }
    v = &m->vars[m->n_vars++];
    *v = (struct flow_var){.id = id, .number = number};
    return v;
}

static void put_flow(struct detect *d, const struct taken *t)
{
    struct flow_var *v = var_make(d, d->name_of[t->name], false);
    if (!v)
        return;
    uint8_t *p = v->n >= t->value.n ? v->bytes : realloc(v->bytes, t->value.n);
    if (!p) {
        d->count.refused++;
        return;
    }
    memcpy(p, t->value.p, t->value.n);
    v->bytes = p;
    v->n = t->value.n;
}

void vars_number(struct detect *d, unsigned name, double value)
{
    struct flow_var *v = d->aside ? NULL : var_make(d, d->name_of[name], true);
    if (v)
        v->value = value;
}

/* ------------------------------------------------------------------ of the packet, of the alert */

static struct str own_copy(struct detect *d, struct str s)
{
    return arena_dup(&d->arena, s.p, s.n);
}

static void put_packet(struct detect *d, const struct taken *t)
{
    struct str v = own_copy(d, t->value);
    for (unsigned k = 0; k < d->n_packet_vars; k++)
        if (d->packet_var[k].name == t->name && str_eq(d->packet_var[k].value, t->value))
            return;
    if (!v.p || d->n_packet_vars == VARS_PACKET) {
        d->count.refused++;
        return;
    }
    d->packet_var[d->n_packet_vars++] = (struct taken){.name = t->name, .value = v};
}

static void put_alert(struct detect *d, const struct taken *t)
{
    struct str v = own_copy(d, t->value);
    if (!v.p || d->n_told == TOLD_MOST) {
        d->count.refused++;
        return;
    }
    d->told[d->n_told++] = (struct told){.key = img_str(d->image, d->image->names[t->name]), .text = v};
}

void vars_put(struct detect *d)
{
    for (unsigned k = 0; k < d->n_taken; k++) {
        const struct taken *t = &d->taken[k];
        if (t->kind == CAPTURE_FLOW)
            put_flow(d, t);
        else if (t->kind == CAPTURE_PACKET)
            put_packet(d, t);
        else
            put_alert(d, t);
    }
    d->n_taken = 0;
}

/* ------------------------------------------------------------------ read */

bool vars_flow_get(const struct detect *d, unsigned name, struct str *out)
{
    struct detect_flow *m = flow_memory_now(d, d->p->flow);
    const struct flow_var *v = var_find(m, d->name_of[name], false);
    *out = v ? str_of(v->bytes, v->n) : (struct str){0};
    return v != NULL;
}

bool vars_packet_get(const struct detect *d, unsigned name, unsigned nth, struct str *out)
{
    for (unsigned k = 0; k < d->n_packet_vars; k++)
        if (d->packet_var[k].name == name && !nth--) {
            *out = d->packet_var[k].value;
            return true;
        }
    return false;
}

bool detect_packet_var(const struct detect *d, unsigned nth, struct detect_var *out)
{
    if (nth >= d->n_packet_vars)
        return false;
    *out = (struct detect_var){.kind = VAR_BYTES_OF,
                               .name = img_str(d->image, d->image->names[d->packet_var[nth].name]),
                               .text = d->packet_var[nth].value};
    return true;
}

bool detect_flow_var(const struct detect *d, const struct flow *f, unsigned nth, struct detect_var *out)
{
    const struct detect_flow *m = f->detect;
    if (!m || m->epoch != d->names->epoch)
        return false;
    if (nth < m->n_vars) {
        const struct flow_var *v = &m->vars[nth];
        *out = (struct detect_var){.kind = v->number ? VAR_REAL : VAR_BYTES_OF,
                                   .name = names_get(d->names, v->id),
                                   .text = str_of(v->bytes, v->n),
                                   .real = v->value};
        return true;
    }
    nth -= m->n_vars;
    if (nth >= m->n_numbers)
        return false;
    *out = (struct detect_var){
        .kind = VAR_INTEGER, .name = names_get(d->names, m->numbers[nth].id), .integer = m->numbers[nth].v};
    return true;
}
