/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The text between a rule's parentheses, cut into options.
 *
 * Suricata ends an option at each `;` without a backslash before it, inside quotes or not (so an
 * unescaped `"` inside a pcre does no harm).  Snort 2 does the same, but a backslash takes the next
 * character with it, so `\\;` ends one.  Snort 3 knows quotes.
 */
#include "rules/parse.h"

#include <errno.h>

static bool blank(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Offset behind the option that starts at i: of its ';', or body.n. */
static uint32_t option_end(struct str body, uint32_t i, enum split_style style)
{
    bool in = false;
    for (; i < body.n; i++) {
        uint8_t c = body.p[i];
        if (c == '\\' && style == SPLIT_SURICATA)
            i += i + 1 < body.n && body.p[i + 1] == ';';
        else if (c == '\\')
            i++;
        else if (c == '"' && style == SPLIT_QUOTES)
            in = !in;
        else if (c == ';' && !in)
            return i;
    }
    return body.n;
}

static void option_fill(struct str body, uint32_t from, uint32_t to, uint32_t at, struct option *o)
{
    struct str s = {body.p + from, to - from};
    int64_t colon = str_chr(s, ':');
    struct str name = colon < 0 ? s : str_first(s, (uint32_t)colon);
    struct str value = colon < 0 ? (struct str){s.p + s.n, 0} : str_skip(s, (uint32_t)colon + 1);
    o->name = str_trim(name);
    o->value = str_trim(value);
    o->has_value = colon >= 0;
    o->at = at + (uint32_t)(o->name.p - body.p);
    o->value_at = at + (uint32_t)(o->value.p - body.p);
}

int options_split(struct str body, uint32_t at, enum split_style style, struct option *out,
                  uint32_t room, uint32_t *n, const char **error, uint32_t *error_at)
{
    uint32_t i = 0, k = 0;
    for (;;) {
        while (i < body.n && blank(body.p[i]))
            i++;
        if (i >= body.n)
            break;
        uint32_t end = option_end(body, i, style);
        *error_at = at + i;
        if (end == i) {
            *error = "an option is empty";
            return -EINVAL;
        }
        if (k == room) {
            *error = "too many options";
            return -EINVAL;
        }
        if (end == body.n) {
            *error = "the last option has no ';'";
            return -EINVAL;
        }
        option_fill(body, i, end, at, &out[k]);
        if (!out[k].name.n) {
            *error = "an option has no name";
            return -EINVAL;
        }
        k++;
        i = end + 1;
    }
    *n = k;
    return 0;
}

struct str word_next(struct str *s)
{
    uint32_t i = 0;
    while (i < s->n && (blank(s->p[i]) || s->p[i] == ','))
        i++;
    uint32_t from = i;
    while (i < s->n && !blank(s->p[i]) && s->p[i] != ',')
        i++;
    struct str w = {s->p + from, i - from};
    *s = str_skip(*s, i);
    return w;
}

struct str list_next(struct str *s, uint8_t sep)
{
    struct str rest;
    struct str part = str_split(*s, sep, &rest);
    *s = str_trim(rest);
    return str_trim(part);
}

bool value_negated(struct str *v)
{
    if (!v->n || v->p[0] != '!')
        return false;
    *v = str_trim(str_skip(*v, 1));
    return true;
}

bool value_unquote(struct str *v)
{
    if (v->n < 2 || v->p[0] != '"' || v->p[v->n - 1] != '"')
        return false;
    *v = (struct str){v->p + 1, v->n - 2};
    return true;
}
