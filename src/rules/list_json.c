/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Data sets in JSON: an array of objects, or an object a line; what an object says besides its key
 * goes into alerts. */
#include "rules/lists.h"

#include "base/jread.h"
#include "base/sbuf.h"

#include <errno.h>
#include <string.h>

static const char broken[] = "JSON as RFC 8259 has it: an array of objects, or an object a line";

/* The object's members without the one at `cut`, at any depth (of which jread has a limit). */
static void copy_without(struct sbuf *b, const struct jvalue *o, const uint8_t *cut)
{
    struct str at = jread_inner(o), key;
    struct jvalue v;
    bool any = false;
    sbuf_byte(b, '{');
    while (jread_member(&at, &key, &v)) {
        if (v.text.p == cut)
            continue;
        sbuf_cstr(b, any ? ",\"" : "\"");
        sbuf_str(b, key);
        sbuf_cstr(b, "\":");
        any = true;
        if (v.kind == JREAD_OBJECT && cut > v.text.p && cut < v.text.p + v.text.n)
            copy_without(b, &v, cut);
        else
            sbuf_str(b, v.text);
    }
    sbuf_byte(b, '}');
}

static int object_read(struct list_file *f, const struct jvalue *o, unsigned no)
{
    struct jvalue v;
    struct str key;
    if (o->kind == JREAD_OBJECT && !jread_path(o, f->words->value_key, &v, NULL))
        return 0; /* objects of other kinds stand in feeds, too */
    if (o->kind != JREAD_OBJECT || v.kind != JREAD_STRING)
        return list_bad(f->error, "each object has a string there",
                        "%s:%u: the object has no string '" STR_FMT "'", f->path, no,
                        STR_ARG(f->words->value_key));
    uint8_t *p = arena_alloc_raw(f->arena, v.text.n);
    if (!p)
        return -ENOMEM;
    struct str text = str_of(p, jread_string(&v, p));
    if (!list_key(f->arena, f->type, text, false, &key))
        return list_bad(f->error, "a value of the set's type",
                        "%s:%u: '%.*s' is no value of the set's type", f->path, no,
                        text.n < 80 ? (int)text.n : 80, (const char *)text.p);
    struct sbuf b;
    sbuf_init(&b);
    if (f->words->remove_key)
        copy_without(&b, o, v.text.p);
    else
        sbuf_str(&b, o->text);
    struct str json = b.failed ? (struct str){0} : arena_dup(f->arena, b.p, b.n);
    sbuf_done(&b);
    return json.p ? list_add(f, key, 0, json) : -ENOMEM;
}

static unsigned line_of(const struct list_file *f, const uint8_t *at)
{
    unsigned no = 1;
    for (const uint8_t *p = f->text.p; p < at; p++)
        no += *p == '\n';
    return no;
}

static int array_read(struct list_file *f)
{
    struct str rest = f->text;
    struct jvalue root, a, v;
    if (!jread_value(&rest, &root) || !jread_end(rest))
        return list_bad(f->error, broken, "%s:%u: the JSON is broken here", f->path,
                        line_of(f, rest.p));
    if (!f->words->array_key.n)
        a = root;
    else if (!jread_path(&root, f->words->array_key, &a, NULL))
        a = (struct jvalue){.kind = JREAD_NULL};
    if (a.kind != JREAD_ARRAY)
        return list_bad(f->error, "array_key NAME.NAME tells where it is",
                        "%s: there is no array of objects", f->path);
    int rc = 0;
    unsigned no = line_of(f, a.text.p);
    const uint8_t *seen = a.text.p;
    for (struct str at = jread_inner(&a); !rc && jread_item(&at, &v);) {
        for (; seen < v.text.p; seen++)
            no += *seen == '\n';
        rc = object_read(f, &v, no);
    }
    return rc;
}

static int lines_read(struct list_file *f)
{
    unsigned no = 0;
    int rc = 0;
    for (struct str rest = f->text; rest.n && !rc;) {
        struct str line = str_trim(str_split(rest, '\n', &rest));
        struct jvalue o;
        no++;
        if (!line.n)
            continue;
        rc = jread_value(&line, &o) && jread_end(line)
                 ? object_read(f, &o, no)
                 : list_bad(f->error, broken, "%s:%u: the JSON is broken", f->path, no);
    }
    return rc;
}

int list_read_json(struct list_file *f)
{
    return f->words->format == LISTED_FORMAT_JSON ? array_read(f) : lines_read(f);
}
