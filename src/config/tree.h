/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the parts of this module share: the tree under construction. */
#ifndef CONFIG_TREE_H
#define CONFIG_TREE_H

#include "config/config.h"

enum {
    CONF_DEPTH = 64,            /* of the tree, so that every walk may recurse */
    CONF_NODES = 400000,        /* aliases can make a small file large */
    CONF_MAP_KEYS = 20000,      /* lookups in a map are linear */
    CONF_INCLUDES = 16,         /* include inside include */
    CONF_ALL_INCLUDES = 10000,
    CONF_FILE_BYTES = 32 << 20, /* of one file */
    CONF_PATH = 512,            /* dotted path of a setting */
};

/* Every conf_node is the head of one of these. */
struct tree_node {
    struct conf_node n;
    struct tree_node *last;
    uint32_t kids;
};

struct conf_array {
    void *p;
    size_t n, room;
};

/* An include statement that is being carried out. */
struct conf_include {
    const struct conf_include *outer; /* that its own file was read for */
    const char *file;
    uint32_t line;
};

struct conf {
    struct arena arena;
    struct conf_node *root;
    struct conf_node *snort_vars; /* plain `var`: addresses, ports or paths */
    enum conf_format format;
    uint32_t nodes;
    bool no_files;           /* fuzzing: includes are not opened */
    const char *dir;         /* of the file given to conf_load, "" for the current one */
    struct conf_array sets;  /* struct conf_line: assignments of conf_set, to be made again */
    struct conf_array rules; /* struct conf_rule_file */
    struct conf_array lines[CONF_LINE_KINDS];
    unsigned includes;       /* carried out */
    const struct conf_include *inside; /* the statement whose file is being read; NULL: the first file */
    const char **joined; /* by row: text of a list where a single value is expected */
};

/* All return NULL (and leave the tree whole) without memory or past a limit. */
struct conf_node *tree_new(struct conf *c, const char *name, size_t name_n);
bool tree_append(struct conf *c, struct conf_node *parent, struct conf_node *n);
struct conf_node *tree_child(const struct conf_node *parent, const char *name);
/* A child of that name, emptied if it was there (a key that comes again replaces). */
struct conf_node *tree_put(struct conf *c, struct conf_node *parent, const char *name, size_t n);
/* A new last item of a list. */
struct conf_node *tree_item(struct conf *c, struct conf_node *list);
/* The node at a path, with maps made on the way; depth counted from the root. */
struct conf_node *tree_make(struct conf *c, const char *path);
bool tree_scalar(struct conf *c, struct conf_node *n, const char *value, size_t len);
bool tree_set(struct conf *c, const char *path, const char *value, const struct conf_node *where);
/* Deep copy of what is in `from` into `to`, which lies at `depth`. */
bool tree_copy(struct conf *c, struct conf_node *to, const struct conf_node *from, unsigned depth);
void tree_mark(struct conf_node *n, const char *file, uint32_t line, uint32_t column);
/* a_b becomes a-b, as Suricata takes old keys, but not the names of variables. */
void tree_key_fix(const struct conf_node *parent, char *key);

void *array_add(struct conf *c, struct conf_array *a, size_t item); /* zeroed; NULL: no memory */

/* A path relative to the directory of `file` (as given there, if that does not exist: to c->dir).
 */
const char *path_beside(struct conf *c, const char *file, const char *path);
/* Whole file with a NUL behind it; free() it.  -ENOENT, -EFBIG, ... */
int file_read(const char *path, char **text, size_t *n) MUST_CHECK;

/* Around the reading of an included file.  -EINVAL, with a report: it is being read already, or too deep inside others. */
int include_enter(struct conf *c, struct conf_include *i, uint32_t column, const char *path, struct diags *d) MUST_CHECK;
void include_leave(struct conf *c, const struct conf_include *i);

/* Reads YAML into `into`, a map at `depth`. */
int yaml_read(struct conf *c, struct conf_node *into, unsigned depth, const char *file,
              const char *text, size_t n, struct diags *d) MUST_CHECK;
int snort_read(struct conf *c, const char *file, const char *text, size_t n,
               struct diags *d) MUST_CHECK;
/* Which of the two it looks like. */
enum conf_format format_guess(const char *text, size_t n);
/* What follows when the tree is complete: values against their rows, unknown keys, rule files. */
int conf_finish(struct conf *c, struct diags *d) MUST_CHECK;
/* The members of a map as if they stood at the top: values, unknown keys.  What it joins does not stay. */
int conf_check_below(struct conf *c, const struct conf_node *map, struct diags *d) MUST_CHECK;
int conf_assign_sets(struct conf *c) MUST_CHECK; /* --set again, after the tree has changed */

bool value_time(const char *s, uint64_t *ns) MUST_CHECK;
/* A section ("response") nearly of that name, with as many dots; false: none. */
bool section_nearest(const char *path, char *out, size_t room) MUST_CHECK;
/* The best of them, for a message: a key beside it, any key, a section; NULL: none is near. */
const char *key_nearest(const char *path, char *room, size_t n);
/* NULL: fits the row; else why not. */
const char *value_wrong(const struct setting *s, const char *value);
/* What fits; NULL: nothing more to say. */
const char *value_hint(const struct setting *s, char *to, size_t room);
const struct conf_node *value_node(const struct conf *c, const struct setting *s);
/* There is such a row, or one above it that takes anything, or rows below it. */
const struct setting *setting_above(const char *path); /* its row, or that of a map or list that it is in */
bool setting_covers(const char *path);
bool str_hint(char *to, size_t room, const char *near);
/* conf_load from memory; includes are not followed (tests, fuzzing, the stock configuration). */
int conf_load_text(struct conf *c, const char *name, const char *text, size_t n,
                   enum conf_format format, struct diags *d) MUST_CHECK;
/* The built-in texts, one after the other. */
int conf_load_parts(struct conf *c, const char *const *parts, size_t n, struct diags *d) MUST_CHECK;
int rules_collect(struct conf *c, struct diags *d) MUST_CHECK;

#endif
