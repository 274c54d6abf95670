/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The table of protocols, and the numbers of their buffers.
 *
 * Numbers are given in the order of protocols.def and of the rows in each protocol's table, so they
 * are the same in every process of one build.  They are counted once before main() and never change
 * afterwards: lookups from any thread read constant memory.
 */
#include "app/core.h"

#include <string.h>

enum { BUFFERS_MAX = 320 };

#define FOLDER(id, name, folder) extern const struct app_proto_def app_##folder##_def;
#define TOLD(id, name)
#include "app/protocols.def"
#undef FOLDER
#undef TOLD
#define FOLDER(id, name, folder) [APP_##id] = &app_##folder##_def,
#define TOLD(id, name)           [APP_##id] = NULL,
static const struct app_proto_def *const defs[APP_COUNT] = {
#include "app/protocols.def"
};
#undef FOLDER
#undef TOLD

static struct {
    unsigned n;
    struct {
        const struct app_buffer *row;
        enum app_proto_id proto;
    } first[BUFFERS_MAX];
    const struct app_buffer *row[APP_COUNT][BUFFERS_MAX];
} numbers;

static unsigned number_for(const struct app_buffer *b)
{
    for (unsigned i = 0; i < numbers.n; i++)
        if (strcmp(numbers.first[i].row->name, b->name) == 0)
            return i;
    assert(numbers.n < BUFFERS_MAX);
    numbers.first[numbers.n].row = b;
    return numbers.n++;
}
__attribute__((constructor)) static void number_buffers(void)
{
    for (unsigned id = 0; id < APP_COUNT; id++) {
        const struct app_buffer *b = defs[id] ? defs[id]->buffers : NULL;
        for (; b && b->name; b++) {
            unsigned before = numbers.n, k = number_for(b);
            if (k >= before)
                numbers.first[k].proto = (enum app_proto_id)id;
            assert(!numbers.row[id][k]);
            numbers.row[id][k] = b;
        }
    }
}

const struct app_proto_def *app_def(enum app_proto_id id)
{
    return id < APP_COUNT && defs[id] && defs[id]->parse ? defs[id] : NULL;
}
const struct app_proto_def *app_declared(enum app_proto_id id)
{
    return id < APP_COUNT ? defs[id] : NULL;
}

unsigned app_buffer_count(void)
{
    return numbers.n;
}
const char *app_buffer_name(unsigned number)
{
    return number < numbers.n ? numbers.first[number].row->name : NULL;
}

static bool is(const char *name, struct str s)
{
    return name && name[0] == (char)s.p[0] && str_eq(str_cstr(name), s);
}
static bool is_sticky(const struct app_buffer *b, struct str name, enum app_dialect d)
{
    switch (d) {
    case APP_SURICATA:
        return is(b->name, name) || is(b->su_old, name);
    case APP_SNORT3:
        return is(b->s3, name);
    case APP_SNORT2:
        return b->s2_sticky && is(b->s2_mod, name);
    }
    return false;
}
static bool is_modifier(const struct app_buffer *b, struct str name, enum app_dialect d)
{
    switch (d) {
    case APP_SURICATA:
        return is(b->su_mod, name);
    case APP_SNORT2:
        return !b->s2_sticky && is(b->s2_mod, name);
    case APP_SNORT3:
        return false;
    }
    return false;
}
static int find_by(bool (*test)(const struct app_buffer *, struct str, enum app_dialect),
                   struct str name, enum app_dialect d)
{
    for (unsigned i = 0; name.n && i < numbers.n; i++)
        if (test(numbers.first[i].row, name, d))
            return (int)i;
    return -1;
}
int app_buffer_find(struct str name, enum app_dialect d)
{
    return find_by(is_sticky, name, d);
}
int app_buffer_find_modifier(struct str name, enum app_dialect d)
{
    return find_by(is_modifier, name, d);
}
int app_buffer_find_pcre(char letter, enum app_dialect d)
{
    for (unsigned i = 0; letter && i < numbers.n; i++) {
        const struct app_buffer *b = numbers.first[i].row;
        if ((d == APP_SURICATA && b->su_pcre == letter) ||
            (d == APP_SNORT2 && b->s2_pcre == letter))
            return (int)i;
    }
    return -1;
}
const struct app_buffer *app_buffer_of(unsigned number, enum app_proto_id id)
{
    return number < numbers.n && id < APP_COUNT ? numbers.row[id][number] : NULL;
}
const struct app_buffer *app_buffer_any(unsigned number, enum app_proto_id *id)
{
    if (number >= numbers.n)
        return NULL;
    if (id)
        *id = numbers.first[number].proto;
    return numbers.first[number].row;
}

const struct app_keyword *app_keyword_at(unsigned i)
{
    for (unsigned id = 0; id < APP_COUNT; id++)
        for (const struct app_keyword *k = defs[id] ? defs[id]->keywords : NULL; k && k->name; k++)
            if (i-- == 0)
                return k;
    return NULL;
}
const struct app_keyword *app_keyword_find(struct str name)
{
    const struct app_keyword *k;
    for (unsigned i = 0; (k = app_keyword_at(i)); i++)
        if (str_eq(str_cstr(k->name), name))
            return k;
    return NULL;
}

int app_event_find(enum app_proto_id id, struct str name)
{
    const struct app_proto_def *def = app_def(id);
    const struct app_event_def *ev = def ? def->events : NULL;
    for (int i = 0; ev && ev[i].name; i++)
        if (str_eq(str_cstr(ev[i].name), name))
            return i;
    return -1;
}
const char *app_enum_name(const struct app_enum *e, uint64_t value)
{
    for (; e && e->name; e++)
        if (e->value == value)
            return e->name;
    return NULL;
}

const char *app_state_name(enum app_proto_id id, unsigned dir, unsigned progress)
{
    const struct app_proto_def *def = app_def(id);
    const char *name = def ? app_enum_name(def->states[dir], progress) : NULL;
    if (name)
        return name;
    return def && progress == def->complete[dir] ? (dir ? "response_complete" : "request_complete") : NULL;
}
int app_state_find(enum app_proto_id id, struct str name, unsigned *dir)
{
    const struct app_proto_def *def = app_def(id);
    for (unsigned d = 0; def && d < 2; d++)
        for (const struct app_enum *s = def->states[d]; s && s->name; s++)
            if (str_eq(str_cstr(s->name), name)) {
                *dir = d;
                return (int)s->value;
            }
    /* Each protocol's first and last state have these names, too. */
    static const char *const ends[2][2] = {{"request_started", "request_complete"}, {"response_started", "response_complete"}};
    for (unsigned d = 0; def && d < 2; d++)
        for (unsigned last = 0; def->states[d] && last < 2; last++)
            if (str_eq(str_cstr(ends[d][last]), name)) {
                *dir = d;
                return last ? def->complete[d] : (int)def->states[d]->value;
            }
    return -1;
}
