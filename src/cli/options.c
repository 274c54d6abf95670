/* SPDX-License-Identifier: GPL-2.0-or-later */
#include "cli/options.h"

#include "base/log.h"
#include "base/str.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct parse {
    const char *command;
    const struct opt *rows;
    size_t n;
    uint8_t *into;
    int argc, at;
    char **argv;
};

static int bad(const struct parse *p, const char *what, const char *name)
{
    log_at(LOG_AT_ERROR, p->command, "%s: %s (riposte %s --help lists the options)", name, what,
           p->command);
    return -EINVAL;
}

static int list_add(struct texts *l, const char *v)
{
    if (l->n == TEXTS_MOST)
        return -E2BIG;
    l->v[l->n++] = v;
    return 0;
}

static int store(const struct parse *p, const struct opt *o, const char *shown, const char *v)
{
    uint8_t *to = p->into + o->at;
    uint64_t number;
    bool yes = true;
    switch (o->kind) {
    case OPT_FLAG:
        memcpy(to, &yes, sizeof(yes));
        return 0;
    case OPT_TEXT:
    case OPT_JOINED:
    case OPT_MAYBE:
        memcpy(to, &v, sizeof(v));
        return 0;
    case OPT_LIST:
        return list_add((struct texts *)(void *)to, v) ? bad(p, "too often", shown) : 0;
    case OPT_EMPTY:
        return list_add((struct texts *)(void *)to,
                        o->name && shown[1] == '-' ? o->name : o->shorts)
                   ? bad(p, "too often", shown)
                   : 0;
    case OPT_NUMBER:
        if (!str_u64(str_cstr(v), &number))
            return bad(p, "takes a number", shown);
        memcpy(to, &number, sizeof(number));
        return 0;
    case OPT_ABSENT:
        return bad(p, o->help, shown);
    case OPT_HEAD:
        break;
    }
    return -EINVAL;
}

/* N, or N-M. */
static bool is_number(const char *s)
{
    uint64_t v;
    const char *dash = s ? strchr(s, '-') : NULL;
    if (dash && dash[1])
        return str_u64(str_of(s, (size_t)(dash - s)), &v) && str_u64(str_cstr(dash + 1), &v);
    return s && str_u64(str_cstr(s), &v);
}

/* The value: `joined` (in the same word) or the next word. */
static int with_value(struct parse *p, const struct opt *o, const char *shown, const char *joined)
{
    const char *next = p->at + 1 < p->argc ? p->argv[p->at + 1] : NULL;
    if (o->kind == OPT_ABSENT)
        return bad(p, o->help, shown);
    if (!o->arg)
        return joined ? bad(p, "takes no value", shown) : store(p, o, shown, NULL);
    if (joined)
        return store(p, o, shown, joined);
    if (o->kind == OPT_JOINED || (o->kind == OPT_MAYBE && !is_number(next)))
        return store(p, o, shown, "");
    if (!next)
        return bad(p, "needs a value", shown);
    p->at++;
    return store(p, o, shown, next);
}

static int long_option(struct parse *p, const char *word)
{
    const char *eq = strchr(word, '=');
    size_t len = eq ? (size_t)(eq - word) : strlen(word);
    for (size_t i = 0; i < p->n; i++) {
        const struct opt *o = &p->rows[i];
        if (o->kind != OPT_HEAD && o->name && strlen(o->name) == len - 2 &&
            !strncmp(o->name, word + 2, len - 2))
            return with_value(p, o, word, eq ? eq + 1 : NULL);
    }
    return bad(p, "no such option", word);
}

static const struct opt *short_find(const struct parse *p, char c)
{
    for (size_t i = 0; i < p->n; i++)
        if (p->rows[i].kind != OPT_HEAD && p->rows[i].shorts[0] && p->rows[i].shorts[0] == c)
            return &p->rows[i];
    return NULL;
}

/* -x, -xVALUE, -xyz */
static int short_options(struct parse *p, const char *word)
{
    for (const char *c = word + 1; *c; c++) {
        char shown[3] = {'-', *c, 0};
        const struct opt *o = short_find(p, *c);
        if (!o)
            return bad(p, "no such option", shown);
        if (o->arg)
            return with_value(p, o, shown,
                              c[1] && (o->kind != OPT_MAYBE || is_number(c + 1)) ? c + 1 : NULL);
        int rc = store(p, o, shown, NULL);
        if (rc)
            return rc;
    }
    return 0;
}

int options_parse(const char *command, const struct opt *rows, size_t n, void *into, int argc,
                  char **argv, struct texts *rest)
{
    struct parse p = {
        .command = command, .rows = rows, .n = n, .into = into, .argc = argc, .argv = argv};
    bool words = false;
    for (p.at = 1; p.at < argc; p.at++) {
        const char *w = argv[p.at];
        int rc;
        if (words || w[0] != '-' || !w[1])
            rc = list_add(rest, w) ? bad(&p, "too many words", w) : 0;
        else if (!strcmp(w, "--"))
            words = true, rc = 0;
        else
            rc = w[1] == '-' ? long_option(&p, w) : short_options(&p, w);
        if (rc)
            return rc;
    }
    return 0;
}

void options_help(const char *usage, const struct opt *rows, size_t n)
{
    printf("%s\n", usage);
    for (size_t i = 0; i < n; i++) {
        const struct opt *o = &rows[i];
        char left[64] = "";
        if (!o->help || o->kind == OPT_ABSENT)
            continue;
        if (o->kind == OPT_HEAD) {
            printf("\n%s\n", o->help);
            continue;
        }
        size_t at =
            (size_t)snprintf(left, sizeof(left), "  %s%s", o->shorts[0] ? "-" : "    ", o->shorts);
        if (o->name)
            at += (size_t)snprintf(left + at, sizeof(left) - at, "%s--%s", o->shorts[0] ? ", " : "",
                                   o->name);
        if (o->arg)
            snprintf(left + at, sizeof(left) - at, " %s", o->arg);
        printf("%-30s %s\n", left, o->help);
    }
}
