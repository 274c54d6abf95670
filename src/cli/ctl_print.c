/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A sensor's answer, for people.  In a file of its own: jansson and our JSON writer share names. */
#include "cli/ctl_print.h"

#include "base/log.h"

#include <jansson.h>
#include <stdio.h>
#include <string.h>

static void print_value(const char *key, const json_t *v, int depth);

static void print_members(const json_t *o, int depth)
{
    const char *key;
    json_t *v;
    /* jansson's loop wants a pointer that is not const; nothing is changed. */
    union {
        const json_t *c;
        json_t *p;
    } u = {.c = o};
    json_object_foreach(u.p, key, v) if (depth || strcmp(key, "ok") != 0)
        print_value(key, v, depth);
}

static void print_flat(const json_t *v)
{
    if (json_is_string(v))
        printf("%s", json_string_value(v));
    else if (json_is_integer(v))
        printf("%lld", (long long)json_integer_value(v));
    else if (json_is_boolean(v))
        printf("%s", json_is_true(v) ? "yes" : "no");
    else
        printf("-");
}

/* One line an object: a=1 b=2. */
static void print_row(const json_t *o)
{
    union {
        const json_t *c;
        json_t *p;
    } u = {.c = o};
    const char *key;
    json_t *v;
    bool first = true;
    if (!json_is_object(o)) {
        print_flat(o);
        return;
    }
    json_object_foreach(u.p, key, v)
    {
        printf("%s%s=", first ? "" : "  ", key);
        print_flat(v);
        first = false;
    }
}

static void print_value(const char *key, const json_t *v, int depth)
{
    if (json_is_object(v)) {
        printf("%*s%s:\n", depth * 2, "", key);
        print_members(v, depth + 1);
        return;
    }
    if (json_is_array(v)) {
        printf("%*s%s: %zu\n", depth * 2, "", key, json_array_size(v));
        for (size_t i = 0; i < json_array_size(v); i++) {
            printf("%*s- ", depth * 2 + 2, "");
            print_row(json_array_get(v, i));
            printf("\n");
        }
        return;
    }
    printf("%*s%-20s ", depth * 2, "", key);
    print_flat(v);
    printf("\n");
}

static void print_losses(const json_t *list, bool all)
{
    size_t shown = 0;
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *x = json_array_get(list, i);
        json_int_t n = json_integer_value(json_object_get(x, "count"));
        if (!n && !all)
            continue;
        shown++;
        printf("%14lld %-12s %-10s %-18s %s\n", (long long)n,
               json_string_value(json_object_get(x, "unit")),
               json_string_value(json_object_get(x, "stage")),
               json_string_value(json_object_get(x, "reason")),
               json_string_value(json_object_get(x, "text")));
    }
    if (!shown)
        printf("nothing was lost\n");
}

bool ctl_print(const char *answer, size_t n, bool raw, bool all)
{
    json_t *j = json_loadb(answer, n, 0, NULL);
    bool ok = json_is_true(json_object_get(j, "ok"));
    if (raw || !j) {
        fwrite(answer, 1, n, stdout);
        if (!j)
            log_at(LOG_AT_ERROR, "ctl", "that is no JSON");
    } else if (!ok) {
        const char *why = json_string_value(json_object_get(j, "error"));
        log_at(LOG_AT_ERROR, "ctl", "%s", why ? why : "refused");
        json_t *list = json_object_get(j, "commands");
        for (size_t i = 0; i < json_array_size(list); i++)
            fprintf(stderr, "  %-10s %s\n",
                    json_string_value(json_object_get(json_array_get(list, i), "name")),
                    json_string_value(json_object_get(json_array_get(list, i), "help")));
    } else if (json_object_get(j, "losses")) {
        print_losses(json_object_get(j, "losses"), all);
    } else {
        print_members(j, 0);
    }
    json_decref(j);
    return ok;
}
