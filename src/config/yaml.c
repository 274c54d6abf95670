/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * YAML by libyaml's events into the tree: anchors, aliases, `<<`, `include:` and `!include`.
 * A key that comes again replaces what was there, whether from an include or not.
 */
#include "config/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <yaml.h>

struct anchor {
    struct anchor *next;
    const char *name;
    const struct conf_node *node;
};
struct reader {
    struct conf *c;
    yaml_parser_t p;
    yaml_event_t ev; /* the event at hand */
    const char *file;
    struct diags *d;
    struct anchor *anchors;
};

static int fail_at(struct reader *r, yaml_mark_t at, const char *why)
{
    diag_add(r->d, DIAG_ERROR, r->file, (uint32_t)at.line + 1, (uint32_t)at.column + 1, NULL, "%s",
             why);
    return -EINVAL;
}

static int fail(struct reader *r, const char *why)
{
    return fail_at(r, r->ev.start_mark, why);
}

static int fail_limit(struct reader *r)
{
    return fail(r, "the configuration is too large or too deep");
}

static int next(struct reader *r)
{
    yaml_event_delete(&r->ev);
    if (yaml_parser_parse(&r->p, &r->ev))
        return 0;
    memset(&r->ev, 0, sizeof(r->ev));
    yaml_mark_t at = r->p.problem_mark.line ? r->p.problem_mark : r->p.mark;
    return fail_at(r, at, r->p.problem ? r->p.problem : "not YAML");
}

static const char *scalar(const struct reader *r)
{
    return (const char *)r->ev.data.scalar.value;
}

static const struct conf_node *anchor_find(const struct reader *r, const char *name)
{
    for (const struct anchor *a = r->anchors; a; a = a->next)
        if (!strcmp(a->name, name))
            return a->node;
    return NULL;
}

static int anchor_note(struct reader *r, const char *name, const struct conf_node *node)
{
    struct anchor *a = arena_alloc(&r->c->arena, sizeof(*a));
    if (!a)
        return -ENOMEM;
    *a = (struct anchor){.next = r->anchors, .name = name, .node = node};
    r->anchors = a;
    return 0;
}

static const char *anchor_of(const yaml_event_t *e)
{
    const yaml_char_t *a = NULL;
    if (e->type == YAML_SCALAR_EVENT)
        a = e->data.scalar.anchor;
    else if (e->type == YAML_MAPPING_START_EVENT)
        a = e->data.mapping_start.anchor;
    else if (e->type == YAML_SEQUENCE_START_EVENT)
        a = e->data.sequence_start.anchor;
    return (const char *)a;
}

static int include_file(struct reader *r, struct conf_node *into, unsigned depth, const char *name)
{
    if (r->c->no_files)
        return 0;
    const char *path = path_beside(r->c, r->file, name);
    struct conf_include here = {.file = r->file, .line = (uint32_t)r->ev.start_mark.line + 1};
    uint32_t column = (uint32_t)r->ev.start_mark.column + 1;
    char *text;
    size_t n;
    int rc = path ? file_read(path, &text, &n) : -ENOMEM;
    if (rc) {
        diag_add(r->d, DIAG_ERROR, r->file, here.line, column, NULL, "cannot read include %s: %s",
                 path ? path : name, strerror(-rc));
        return -EINVAL;
    }
    rc = include_enter(r->c, &here, column, path, r->d);
    if (!rc) {
        rc = yaml_read(r->c, into, depth, path, text, n, r->d);
        include_leave(r->c, &here);
    }
    free(text);
    return rc;
}

static int read_value(struct reader *r, struct conf_node *n, unsigned depth);

/* The event at hand is the value of `include:`. */
static int read_includes(struct reader *r, struct conf_node *into, unsigned depth)
{
    if (r->ev.type == YAML_SCALAR_EVENT)
        return *scalar(r) ? include_file(r, into, depth, scalar(r)) : 0;
    if (r->ev.type != YAML_SEQUENCE_START_EVENT)
        return fail(r, "include takes a file name or a list of them");
    for (;;) {
        int rc = next(r);
        if (rc || r->ev.type == YAML_SEQUENCE_END_EVENT)
            return rc;
        if (r->ev.type != YAML_SCALAR_EVENT)
            return fail(r, "include takes a file name or a list of them");
        rc = include_file(r, into, depth, scalar(r));
        if (rc)
            return rc;
    }
}

static int merge_map(struct reader *r, struct conf_node *map, const struct conf_node *from,
                     unsigned depth)
{
    if (!from || from->kind != CONF_MAP)
        return fail(r, "<< takes maps");
    for (const struct conf_node *k = from->child; k; k = k->next) {
        if (tree_child(map, k->name))
            continue;
        struct conf_node *copy = tree_new(r->c, k->name, strlen(k->name));
        if (!copy || !tree_append(r->c, map, copy) || !tree_copy(r->c, copy, k, depth + 1))
            return fail_limit(r);
        tree_mark(copy, k->file, k->line, k->column);
    }
    return 0;
}

/* The event at hand is the value of `<<`: an alias, a map, or a list of these. */
static int read_merge(struct reader *r, struct conf_node *map, unsigned depth)
{
    struct conf_node *tmp = tree_new(r->c, "<<", 2);
    if (!tmp)
        return fail_limit(r);
    int rc = read_value(r, tmp, depth);
    if (rc)
        return rc;
    if (tmp->kind != CONF_LIST)
        return merge_map(r, map, tmp, depth);
    for (const struct conf_node *k = tmp->child; k && !rc; k = k->next)
        rc = merge_map(r, map, k, depth);
    return rc;
}

/* A key is at hand. */
static int read_pair(struct reader *r, struct conf_node *map, unsigned depth)
{
    if (r->ev.type != YAML_SCALAR_EVENT)
        return fail(r, "a key must be a plain word");
    bool plain = r->ev.data.scalar.style == YAML_PLAIN_SCALAR_STYLE;
    bool merge = plain && !strcmp(scalar(r), "<<"), include = !strcmp(scalar(r), "include");
    struct conf_node *k = NULL;
    yaml_mark_t at = r->ev.start_mark;
    if (!merge && !include) {
        k = tree_put(r->c, map, scalar(r), strlen(scalar(r)));
        if (!k)
            return fail_limit(r);
        tree_mark(k, r->file, (uint32_t)at.line + 1, (uint32_t)at.column + 1);
    }
    int rc = next(r);
    if (rc)
        return rc;
    if (merge)
        return read_merge(r, map, depth);
    return include ? read_includes(r, map, depth) : read_value(r, k, depth + 1);
}

static int read_map(struct reader *r, struct conf_node *map, unsigned depth)
{
    for (;;) {
        int rc = next(r);
        if (rc || r->ev.type == YAML_MAPPING_END_EVENT)
            return rc;
        rc = read_pair(r, map, depth);
        if (rc)
            return rc;
    }
}

static int read_list(struct reader *r, struct conf_node *list, unsigned depth)
{
    list->kind = CONF_LIST;
    for (;;) {
        int rc = next(r);
        if (rc || r->ev.type == YAML_SEQUENCE_END_EVENT)
            return rc;
        struct conf_node *k = tree_item(r->c, list);
        if (!k)
            return fail_limit(r);
        tree_mark(k, r->file, (uint32_t)r->ev.start_mark.line + 1,
                  (uint32_t)r->ev.start_mark.column + 1);
        rc = read_value(r, k, depth + 1);
        if (rc)
            return rc;
    }
}

static int read_scalar(struct reader *r, struct conf_node *n, unsigned depth)
{
    const yaml_char_t *tag = r->ev.data.scalar.tag;
    if (tag && !strcmp((const char *)tag, "!include"))
        return include_file(r, n, depth, scalar(r));
    return tree_scalar(r->c, n, scalar(r), strlen(scalar(r))) ? 0 : -ENOMEM;
}

static int read_alias(struct reader *r, struct conf_node *n, unsigned depth)
{
    const struct conf_node *from = anchor_find(r, (const char *)r->ev.data.alias.anchor);
    if (!from)
        return fail(r, "no such anchor before this alias");
    return tree_copy(r->c, n, from, depth) ? 0 : fail_limit(r);
}

/* The value's first event is at hand; on return its last. */
static int read_value(struct reader *r, struct conf_node *n, unsigned depth)
{
    if (depth >= CONF_DEPTH)
        return fail_limit(r);
    const char *anchor = anchor_of(&r->ev), *kept = NULL;
    if (anchor && !(kept = (const char *)arena_dup(&r->c->arena, anchor, strlen(anchor)).p))
        return -ENOMEM;
    int rc;
    if (r->ev.type == YAML_SCALAR_EVENT)
        rc = read_scalar(r, n, depth);
    else if (r->ev.type == YAML_MAPPING_START_EVENT)
        rc = read_map(r, n, depth);
    else if (r->ev.type == YAML_SEQUENCE_START_EVENT)
        rc = read_list(r, n, depth);
    else if (r->ev.type == YAML_ALIAS_EVENT)
        rc = read_alias(r, n, depth);
    else
        rc = fail(r, "a value is missing");
    return !rc && kept ? anchor_note(r, kept, n) : rc;
}

static int read_document(struct reader *r, struct conf_node *into, unsigned depth)
{
    int rc = next(r); /* stream start */
    if (!rc)
        rc = next(r);
    if (rc || r->ev.type == YAML_STREAM_END_EVENT)
        return rc;
    rc = next(r); /* behind the document start */
    if (rc)
        return rc;
    if (r->ev.type == YAML_SCALAR_EVENT && !*scalar(r))
        return 0; /* nothing but comments */
    if (r->ev.type != YAML_MAPPING_START_EVENT)
        return fail(r, "not a map of settings");
    rc = read_map(r, into, depth);
    if (!rc)
        rc = next(r); /* document end */
    if (!rc)
        rc = next(r);
    if (!rc && r->ev.type != YAML_STREAM_END_EVENT)
        diag_add(r->d, DIAG_WARNING, r->file, (uint32_t)r->ev.start_mark.line + 1, 1, NULL,
                 "only the first YAML document of a file is read");
    return rc;
}

int yaml_read(struct conf *c, struct conf_node *into, unsigned depth, const char *file,
              const char *text, size_t n, struct diags *d)
{
    struct reader r = {.c = c, .file = file, .d = d};
    if (!yaml_parser_initialize(&r.p))
        return -ENOMEM;
    yaml_parser_set_input_string(&r.p, (const unsigned char *)text, n);
    int rc = read_document(&r, into, depth);
    yaml_event_delete(&r.ev);
    yaml_parser_delete(&r.p);
    return rc;
}
