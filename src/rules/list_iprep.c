/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reputation of addresses: categories (`number,name,text` a line) and lists
 * (`address[/length],number,score`). Each category is a list of its own; a key is an address and
 * the length of its prefix.
 */
#include "rules/lists.h"

#include "base/ip.h"
#include "config/config.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

enum { CATEGORIES = 256, SCORE_MOST = 127, PATH_ROOM = 4096, WARNINGS_MOST = 20, V4_BITS = 96 };

struct rep {
    struct str name[CATEGORIES];
    struct list_file of[CATEGORIES];
    uint32_t list[CATEGORIES]; /* in lists, + 1 */
    unsigned n, warned;
};

static void warn(struct lists *x, const char *file, unsigned line, const char *hint,
                 const char *what)
{
    if (x->rep->warned++ < WARNINGS_MOST) {
        struct str own = arena_dup(x->arena, file, strlen(file));
        diag_add(x->diags, DIAG_WARNING, (const char *)own.p, line, 1, hint, "%s", what);
    }
}

static void categories_read(struct lists *x, const char *file, struct str text)
{
    unsigned no = 0;
    while (text.n) {
        struct str line = str_trim(str_split(text, '\n', &text));
        uint64_t id;
        no++;
        if (!line.n || line.p[0] == '#')
            continue;
        struct str number = list_next(&line, ','), name = list_next(&line, ',');
        if (!str_u64(number, &id) || !id || id >= CATEGORIES || !name.n) {
            warn(x, file, no, "NUMBER,NAME,TEXT with a number from 1 to 255",
                 "this is no category");
            continue;
        }
        x->rep->n += !x->rep->name[id].n;
        x->rep->name[id] = name;
    }
}

static int address_read(struct lists *x, struct str line, const char **wrong)
{
    struct str addr = list_next(&line, ','), number = list_next(&line, ','), score = str_trim(line);
    struct ip_prefix p;
    uint64_t id, v;
    *wrong = NULL;
    if (!ip_prefix_parse(addr, &p))
        *wrong = "this is no address";
    else if (!str_u64(number, &id) || id >= CATEGORIES || !x->rep->name[id].n)
        *wrong = "there is no such category";
    else if (!str_u64(score, &v) || v > SCORE_MOST)
        *wrong = "the score is no number from 0 to 127";
    if (*wrong)
        return 0;
    uint8_t key[17];
    memcpy(key, p.addr.b, 16);
    key[16] = (uint8_t)(p.bits + (p.ver == 4 ? V4_BITS : 0));
    struct str k = arena_dup(x->arena, key, sizeof(key));
    x->rep->of[id].arena = x->arena;
    return k.p ? list_add(&x->rep->of[id], k, (uint32_t)v, (struct str){0}) : -ENOMEM;
}

static int addresses_read(struct lists *x, const char *name)
{
    char path[PATH_ROOM];
    const char *dir = conf_str(x->o->conf, "default-reputation-path");
    struct str text;
    snprintf(path, sizeof(path), "%s%s%s", name[0] == '/' || !dir ? "" : dir,
             name[0] == '/' || !dir ? "" : "/", name);
    int rc = list_bytes(x, path, &text);
    if (rc == -ENOMEM)
        return rc;
    if (rc) {
        warn(x, path, 0, "default-reputation-path and reputation-files tell where it is",
             "the reputation list can't be read");
        return 0;
    }
    for (unsigned no = 1; text.n && !rc; no++) {
        struct str line = str_trim(str_split(text, '\n', &text));
        const char *wrong = NULL;
        if (line.n && line.p[0] != '#')
            rc = address_read(x, line, &wrong);
        if (wrong)
            warn(x, path, no, "ADDRESS[/LENGTH],CATEGORY,SCORE", wrong);
    }
    return rc;
}

static int rep_read(struct lists *x)
{
    x->rep_read = true;
    x->rep = arena_alloc(x->arena, sizeof(*x->rep));
    if (!x->rep)
        return -ENOMEM;
    const char *file = x->o->conf ? conf_str(x->o->conf, "reputation-categories-file") : NULL;
    struct str text = {0};
    int rc = file ? list_bytes(x, file, &text) : 0;
    if (rc == -ENOMEM)
        return rc;
    if (rc)
        warn(x, file, 0, "reputation-categories-file tells where it is",
             "the categories of reputation can't be read");
    else if (file)
        categories_read(x, file, text);
    const struct conf_node *files = x->rep->n ? conf_node(x->o->conf, "reputation-files") : NULL;
    rc = files && files->value ? addresses_read(x, files->value) : 0;
    for (const struct conf_node *f = files ? files->child : NULL; f && !rc; f = f->next)
        if (f->value)
            rc = addresses_read(x, f->value);
    return rc;
}

int lists_bind_rep(struct lists *x, struct rule_test *t, struct list_error *e)
{
    struct str name = x->names[t->u.iprep.category];
    int rc = x->rep_read ? 0 : rep_read(x);
    if (rc)
        return rc;
    unsigned id = 1;
    while (id < CATEGORIES && !str_eq(x->rep->name[id], name))
        id++;
    if (id == CATEGORIES)
        return list_bad(e, "name it in the file of the setting reputation-categories-file",
                        "there is no category " STR_FMT " of reputation", STR_ARG(name));
    if (!x->rep->list[id]) {
        struct rule_list *l = list_new(x);
        if (!l)
            return -ENOMEM;
        *l = (struct rule_list){.name = name,
                                .kind = LISTED_IPREP,
                                .type = LISTED_IP,
                                .e = x->rep->of[id].e,
                                .n = x->rep->of[id].n};
        x->rep->list[id] = x->n;
    }
    t->u.iprep.list = x->rep->list[id] - 1;
    return 0;
}
