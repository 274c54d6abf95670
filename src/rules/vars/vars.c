/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * flowvar, pktvar: a variable that a rule took out of the traffic (pcre) holds a text.
 *
 * FORM: NAME,[!]CONTENT, with or without quotes, written as a content.  With ! the variable must be
 * there and hold no such text.  Of a packet's variables with one name any counts.
 */
#include "rules/kw.h"

#include "base/find.h"

enum { OF_FLOW, NEGATED }; /* in key.b */

static bool var_parse(struct parse *p, struct rule_key *k, struct str v, bool of_flow)
{
    struct str rest, name = str_trim(str_split(v, ',', &rest));
    rest = str_trim(rest);
    k->b[OF_FLOW] = of_flow;
    k->b[NEGATED] = value_negated(&rest);
    (void)value_unquote(&rest);
    if (!name.n || !rest.n)
        return bad(p, NULL, "a variable's name and a text are needed");
    int32_t id = name_id(p, name);
    if (id < 0 || !content_bytes(p, rest, &k->text[0]))
        return false;
    k->name[k->n_names++] = (uint16_t)id;
    return true;
}

static bool flowvar_parse(struct parse *p, struct rule_key *k, struct str v)
{
    return var_parse(p, k, v, true);
}
static bool pktvar_parse(struct parse *p, struct rule_key *k, struct str v)
{
    return var_parse(p, k, v, false);
}

static bool var_holds(const struct key_look *l)
{
    struct str v;
    bool any = false, found = false;
    for (unsigned nth = 0; !found && l->var(l, 0, l->b[OF_FLOW], nth, &v); nth++) {
        any = true;
        found = find_bytes(v.p, v.n, l->text[0].p, l->text[0].n, false) != NULL;
    }
    return any && found != l->b[NEGATED];
}

static const struct key_word flowvar = {
    .kw = {.name = "flowvar",
           .dialects = D_SU,
           .flags = KW_VALUE,
           .parse = key_option,
           .arg = "name,[!]\"bytes\"",
           .help = "a variable of the flow holds these bytes"},
    .def = {.words = "variable of the flow", .holds = var_holds},
    .parse = flowvar_parse,
};
static const struct key_word pktvar = {
    .kw = {.name = "pktvar",
           .dialects = D_SU,
           .flags = KW_VALUE,
           .parse = key_option,
           .arg = "name,[!]\"bytes\"",
           .help = "a variable of the packet holds these bytes"},
    .def = {.words = "variable of the packet", .holds = var_holds},
    .parse = pktvar_parse,
};
extern const struct key_word *const keys_vars[];
const struct key_word *const keys_vars[] = {&flowvar, &pktvar, NULL};
