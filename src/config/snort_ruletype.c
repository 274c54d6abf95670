/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ruletype NAME { type ACTION  output ... }: an action of the configuration's own.
 *
 * It becomes an entry of `ruletypes`; its outputs stand with the others and say whose they are.
 */
#include "config/snort.h"

#include <errno.h>
#include <string.h>

static const char *const actions[] = {"alert", "log",   "pass",  "activate", "dynamic",
                                      "drop",  "sdrop", "block", "reject"};

static bool is_blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The next word: braces stand alone. */
static struct str word_of(struct str *left)
{
    struct str t = str_trim(*left);
    uint32_t n = 0;
    while (n < t.n && !is_blank(t.p[n]) && t.p[n] != ':' && t.p[n] != '{' && t.p[n] != '}')
        n++;
    n += n == 0 && t.n;
    *left = str_trim(str_skip(t, n));
    return str_first(t, n);
}

/* A line's output ends at the next one, or at the brace. */
static struct str output_of(struct str *left)
{
    struct str t = *left;
    uint32_t n = 0;
    for (; n < t.n && t.p[n] != '}'; n++)
        if (n && is_blank(t.p[n - 1]) && str_starts(str_skip(t, n), STR("output ")))
            break;
    *left = str_skip(t, n);
    return str_trim(str_first(t, n));
}

static int take_type(struct snort *s, struct str word)
{
    struct str had = STR("");
    for (size_t i = 0; i < ARRAY_LEN(actions); i++)
        if (str_eq(word, str_cstr(actions[i])))
            had = str_cstr(actions[i]);
    if (!had.n) {
        snort_warn(
            s, "ruletype %s: type %.*s: alert, log, pass, drop, sdrop, reject, activate or dynamic",
            s->ruletype, (int)u32_min(word.n, 60), (const char *)word.p);
        return 0;
    }
    if (conf_ruletype_find(s->c, str_cstr(s->ruletype)) >= 0) {
        snort_warn(s, "ruletype %s stands twice: the first holds", s->ruletype);
        return 0;
    }
    const struct conf_node *list = conf_node(s->c, "ruletypes");
    unsigned n = 0;
    for (const struct conf_node *k = list ? list->child : NULL; k; k = k->next)
        n++;
    if (n >= CONF_RULETYPES) {
        snort_warn(s, "ruletype %s: more than %d are not taken", s->ruletype, CONF_RULETYPES);
        return 0;
    }
    struct conf_node *map = snort_item_map(s, "ruletypes", s->ruletype);
    s->typed = true;
    return map ? snort_put(s, map, "type", had) : -ENOMEM;
}

static void end(struct snort *s)
{
    if (!s->typed)
        snort_warn(s, "ruletype %s: no type: its rules are refused", s->ruletype);
    s->in_ruletype = false;
    s->ruletype = NULL;
}

int snort_ruletype_line(struct snort *s, struct str text)
{
    int rc = 0;
    while (!rc && s->in_ruletype && (text = str_trim(text)).n && text.p[0] != '#') {
        struct str w = word_of(&text);
        if (str_eq(w, STR("}"))) {
            end(s);
        } else if (str_eq(w, STR("type"))) {
            if (text.n && text.p[0] == ':')
                text = str_trim(str_skip(text, 1));
            rc = take_type(s, word_of(&text));
        } else if (str_eq(w, STR("output"))) {
            rc = snort_output(s, output_of(&text));
        } else if (!str_eq(w, STR("{"))) {
            snort_warn(s, "ruletype %s: %.*s is not taken: type and output are", s->ruletype,
                       (int)u32_min(w.n, 60), (const char *)w.p);
            text = str_skip(text, text.n);
        }
    }
    return rc;
}

int snort_ruletype(struct snort *s, struct str args)
{
    struct str name = word_of(&args);
    struct str copy = arena_dup(&s->c->arena, name.p, name.n);
    if (!copy.p)
        return -ENOMEM;
    s->ruletype = (const char *)copy.p;
    s->in_ruletype = true;
    s->typed = false;
    return snort_ruletype_line(s, args);
}
