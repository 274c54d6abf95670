/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Keywords that protocols declare in their own folders (struct app_keyword): a content or an expression in a buffer. */
#include "rules/kw.h"

static bool as_content(struct parse *p, const struct app_keyword *k, struct str v, bool negated)
{
    struct str bytes;
    if (!value_unquote(&v) || !v.n)
        return bad(p, NULL, "%s needs a value in quotes", k->name);
    if (!content_bytes(p, v, &bytes))
        return false;
    return text_test(p, k->buffer, bytes, negated, k->nocase) != NULL;
}

bool kw_app(struct parse *p, const struct app_keyword *k, struct str v)
{
    struct str pattern;
    if (!v.n)
        return bad(p, NULL, "%s needs a value", k->name);
    bool negated = value_negated(&v);
    if (!k->expression)
        return as_content(p, k, v, negated);
    (void)value_unquote(&v);
    if (!k->expression(v, p->c->arena, &pattern))
        return bad(p, NULL, "'" STR_FMT "' is no value of %s", STR_ARG(v), k->name);
    return regex_test(p, k->buffer, pattern, negated);
}
