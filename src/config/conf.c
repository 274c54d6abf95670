/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Loading, and assignments of --set. */
#include "config/tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct conf *conf_new(void)
{
    struct conf *c = calloc(1, sizeof(*c));
    if (!c)
        return NULL;
    arena_init(&c->arena, 16384, (size_t)512 << 20);
    c->root = tree_new(c, "", 0);
    c->snort_vars = tree_new(c, "address-groups", 14); /* names keep their underscores */
    c->dir = "";
    if (!c->root || !c->snort_vars) {
        conf_free(c);
        return NULL;
    }
    return c;
}

void conf_free(struct conf *c)
{
    if (!c)
        return;
    arena_done(&c->arena);
    free(c);
}

enum conf_format conf_format(const struct conf *c)
{
    return c->format;
}

static bool first_word_in(struct str line, const char *const *words, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct str w = str_cstr(words[i]);
        if (str_starts(line, w) && (line.n == w.n || line.p[w.n] == ' ' || line.p[w.n] == '\t'))
            return true;
    }
    return false;
}

/* key: or "key": at the start of a line. */
static bool is_yaml_line(struct str line)
{
    if (str_starts(line, STR("---")) || str_starts(line, STR("%YAML")))
        return true;
    int64_t colon = str_chr(line, ':');
    if (colon <= 0 || (colon + 1 < line.n && line.p[colon + 1] != ' '))
        return false;
    for (int64_t i = 0; i < colon; i++)
        if (line.p[i] == ' ' || line.p[i] == '\t' || line.p[i] == '(')
            return false;
    return true;
}

enum conf_format format_guess(const char *text, size_t n)
{
    static const char *const words[] = {
        "var",
        "ipvar",
        "portvar",
        "config",
        "preprocessor",
        "output",
        "include",
        "dynamicengine",
        "dynamicpreprocessor",
        "dynamicdetection",
        "suppress",
        "event_filter",
        "rate_filter",
        "threshold",
        "ruletype",
        "alert",
        "log",
        "pass",
        "drop",
        "sdrop",
        "reject",
        "activate",
        "dynamic",
        "block",
    };
    unsigned yaml = 0, snort = 0;
    struct str left = {(const uint8_t *)text, n > UINT32_MAX ? UINT32_MAX : (uint32_t)n};
    while (left.n) {
        struct str line = str_split(left, '\n', &left);
        if (!line.n || line.p[0] == '#')
            continue;
        snort += first_word_in(str_trim(line), words, ARRAY_LEN(words));
        yaml += is_yaml_line(line);
    }
    return snort > yaml ? CONF_FORMAT_SNORT : CONF_FORMAT_SURICATA;
}

/* Marks that a suricata.yaml does not have. */
static bool is_own(const struct conf *c)
{
    static const char *const keys[] = {"rules",  "response", "workers", "vips",
                                       "tenant", "control",  "event",   "cache-dir", "virtual-ips"};
    for (size_t i = 0; i < ARRAY_LEN(keys); i++)
        if (tree_child(c->root, keys[i]))
            return true;
    return false;
}

static const char *dir_of(struct conf *c, const char *path)
{
    const char *slash = strrchr(path, '/');
    const char *d =
        (const char *)arena_dup(&c->arena, path, slash ? (size_t)(slash - path) + 1 : 0).p;
    return d ? d : "";
}

static void forget(struct conf *c)
{
    c->root->child = NULL;
    ((struct tree_node *)c->root)->last = NULL;
    ((struct tree_node *)c->root)->kids = 0;
    c->snort_vars->child = NULL;
    c->inside = NULL;
    c->includes = 0;
    c->rules.n = 0;
    for (unsigned k = 0; k < CONF_LINE_KINDS; k++)
        c->lines[k].n = 0;
}

static int assign(struct conf *c, const char *path, const char *value)
{
    const struct setting *row = setting_find(path);
    struct conf_node *n = tree_make(c, path);
    if (!n || !tree_scalar(c, n, value, strlen(value)))
        return -ENOMEM;
    if (row && row->type == SET_LIST && *value) {
        /* One value where a list is meant: a list of one. */
        n->value = NULL;
        struct conf_node *k = tree_item(c, n);
        if (!k || !tree_scalar(c, k, value, strlen(value)))
            return -ENOMEM;
        k->from = CONF_SET;
    }
    n->from = CONF_SET;
    return 0;
}

int conf_assign_sets(struct conf *c)
{
    const struct conf_line *l = c->sets.p;
    int rc = 0;
    for (size_t i = 0; i < c->sets.n && !rc; i++)
        rc = assign(c, l[i].file, l[i].text);
    return rc;
}

/* The tree is read; what follows is the same for all. */
static int complete(struct conf *c, struct diags *d)
{
    int rc = conf_assign_sets(c);
    return rc ? rc : conf_finish(c, d);
}

static int load_text(struct conf *c, const char *file, const char *text, size_t n,
                     enum conf_format format, struct diags *d)
{
    forget(c);
    c->format = format == CONF_FORMAT_AUTO ? format_guess(text, n) : format;
    int rc = c->format == CONF_FORMAT_SNORT ? snort_read(c, file, text, n, d)
                                            : yaml_read(c, c->root, 0, file, text, n, d);
    if (rc == -ENOMEM)
        diag_add(d, DIAG_ERROR, file, 0, 0, NULL, "no memory for the configuration");
    if (rc)
        return rc;
    if (format == CONF_FORMAT_AUTO && c->format == CONF_FORMAT_SURICATA && is_own(c))
        c->format = CONF_FORMAT_RIPOSTE;
    return complete(c, d);
}

int conf_load_parts(struct conf *c, const char *const *parts, size_t n, struct diags *d)
{
    forget(c);
    c->format = CONF_FORMAT_SURICATA;
    int rc = 0;
    for (size_t i = 0; i < n && !rc; i++)
        rc = yaml_read(c, c->root, 0, NULL, parts[i], strlen(parts[i]), d);
    return rc ? rc : complete(c, d);
}

int conf_load(struct conf *c, const char *path, enum conf_format format, struct diags *d)
{
    char *text;
    size_t n;
    const char *file = (const char *)arena_dup(&c->arena, path, strlen(path)).p;
    int rc = file ? file_read(file, &text, &n) : -ENOMEM;
    if (rc) {
        diag_add(d, DIAG_ERROR, file, 0, 0, NULL, "cannot read the configuration: %s",
                 strerror(-rc));
        return rc;
    }
    c->dir = dir_of(c, file);
    rc = load_text(c, file, text, n, format, d);
    free(text);
    return rc;
}

int conf_load_text(struct conf *c, const char *name, const char *text, size_t n,
                   enum conf_format format, struct diags *d)
{
    c->no_files = true;
    return load_text(c, name, text, n, format, d);
}

static void unknown_key(const char *path, struct diags *d)
{
    char hint[CONF_PATH], room[CONF_PATH];
    const char *near = key_nearest(path, room, sizeof(room));
    bool ok = near && str_hint(hint, sizeof(hint), near);
    diag_add(d, DIAG_ERROR, "--set", 0, 0, ok ? hint : "riposte config show lists them",
             "no such setting: %s", path);
}

const char *conf_ruletype(const struct conf *c, unsigned n, const char **type)
{
    const struct conf_node *list = conf_node(c, "ruletypes");
    const struct conf_node *i = list ? list->child : NULL;
    const char *name = NULL;
    if (n >= CONF_RULETYPES)
        return NULL;
    for (unsigned k = 0; i && k < n; k++)
        i = i->next;
    const struct conf_node *inner = i ? conf_item(i, &name) : NULL;
    *type = inner ? conf_sub_str(inner, "type", "alert") : NULL;
    return name;
}

int conf_ruletype_find(const struct conf *c, struct str name)
{
    const char *type, *known;
    for (unsigned n = 0; (known = conf_ruletype(c, n, &type)); n++)
        if (str_eq(name, str_cstr(known)))
            return (int)n;
    return -1;
}

int conf_set(struct conf *c, const char *assignment, struct diags *d)
{
    const char *eq = strchr(assignment, '=');
    struct str key = str_trim(str_of(assignment, eq ? (size_t)(eq - assignment) : 0));
    if (!eq || !key.n || key.n >= CONF_PATH) {
        diag_add(d, DIAG_ERROR, "--set", 0, 0, "key=value", "not an assignment: %s", assignment);
        return -EINVAL;
    }
    while (eq[1] == ' ')
        eq++;
    const char *path = (const char *)arena_dup(&c->arena, key.p, key.n).p;
    const char *value = (const char *)arena_dup(&c->arena, eq + 1, strlen(eq + 1)).p;
    struct conf_line *l = array_add(c, &c->sets, sizeof(*l));
    if (!path || !value || !l)
        return -ENOMEM;
    const struct setting *row = setting_find(path);
    /* In a file, `key:` leaves the default; who sets a number to nothing has lost it. */
    const char *wrong = row && (*value || row->type != SET_STR) ? value_wrong(row, value) : NULL;
    if (wrong) {
        c->sets.n--;
        char room[80];
        diag_add(d, DIAG_ERROR, "--set", 0, 0, value_hint(row, room, sizeof(room)), "%s=%s: %s",
                 path, value, wrong);
        return -EINVAL;
    }
    if (!setting_covers(path)) {
        c->sets.n--;
        unknown_key(path, d);
        return -EINVAL;
    }
    if (!row)
        row = setting_above(path);
    if (row && strstr(row->help, "no effect"))
        diag_add(d, DIAG_WARNING, "--set", 0, 0, NULL, "%s: %s", path, row->help);
    *l = (struct conf_line){.file = path, .text = value};
    int rc = assign(c, path, value);
    return rc ? rc : rules_collect(c, d);
}
