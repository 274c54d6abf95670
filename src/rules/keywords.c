/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of keywords and how an option finds its function. */
#include "rules/kw.h"

#include "base/hash.h"

#include <string.h>

#define X(n, d, f, fn, e, a, h)                                                                    \
    {.name = n, .dialects = (d), .flags = (f), .extra = (e), .parse = fn, .arg = a, .help = h},
static const struct keyword keywords[] = {
#include "rules/keywords.def"
};
#undef X

/* Those of the table, then those that are folders of their own. */
static const struct keyword *keyword_nth(size_t n)
{
    if (n < ARRAY_LEN(keywords))
        return &keywords[n];
    n -= ARRAY_LEN(keywords);
    unsigned at = 0;
    const struct key_word *w;
    while ((w = key_word_next(&at)) && n)
        n--;
    return w ? &w->kw : NULL;
}

bool rules_keyword_at(size_t i, struct keyword_info *out)
{
    const struct keyword *own = keyword_nth(i);
    if (own) {
        *out = (struct keyword_info){.name = own->name, .arg = own->arg, .help = own->help, .dialects = own->dialects};
        return true;
    }
    size_t before = 0;
    while (keyword_nth(before))
        before++;
    const struct app_keyword *k = app_keyword_at((unsigned)(i - before));
    if (k)
        *out = (struct keyword_info){.name = k->name, .arg = k->arg, .help = k->help, .dialects = D_SU};
    return k != NULL;
}

bool keyword_known(struct str name, unsigned dialects)
{
    if (keyword_find(name, dialects) || ((dialects & D_SU) && app_keyword_find(name)))
        return true;
    for (unsigned bit = DIALECT_SNORT2; bit <= DIALECT_SURICATA; bit <<= 1)
        if ((dialects & bit) && (app_buffer_find(name, (enum app_dialect)bit) >= 0 ||
                                 app_buffer_find_modifier(name, (enum app_dialect)bit) >= 0))
            return true;
    return false;
}

const struct keyword *keyword_find(struct str name, unsigned dialects)
{
    const struct keyword *k;
    for (size_t i = 0; (k = keyword_nth(i)); i++)
        if ((k->dialects & dialects) && str_eq(name, str_cstr(k->name)))
            return k;
    return NULL;
}

/* Beginnings of keywords that are not their protocol's name. */
static const struct {
    const char *prefix, *protocol;
} beginnings[] = {
    {"dce", "dcerpc"}, {"sdp.", "sip"}, {"cip_", "enip"}, {"email.", "smtp"}, {"gtp_", "gtp"},
    {"ssl_state", "tls"}, {"template", "template"}, {"s7comm", "s7comm"}, {"iec104", "iec104"},
    {"mms_", "mms"}, {"sctp.", "sctp"}, {"arp.", "arp"}, {"igmp.", "igmp"}, {"file.", "files"},
    {"filesize", "files"}, {"ja", "tls"},
};

/* The protocol that a keyword begins with, perhaps without a parser; buffers that exist are found before. */
const char *keyword_protocol(struct str name)
{
    const char *best = NULL;
    for (unsigned i = APP_UNKNOWN + 1; i < APP_FAILED; i++)
        if (str_starts(name, str_cstr(app_name(i))) && (!best || strlen(app_name(i)) > strlen(best)))
            best = app_name(i);
    for (size_t i = 0; !best && i < ARRAY_LEN(beginnings); i++)
        if (str_starts(name, str_cstr(beginnings[i].prefix)))
            best = beginnings[i].protocol;
    return best;
}

static unsigned distance_of(struct str a, const char *b)
{
    unsigned row[40], nb = (unsigned)strlen(b);
    if (a.n > 38 || nb > 38)
        return 99;
    for (unsigned j = 0; j <= nb; j++)
        row[j] = j;
    for (uint32_t i = 1; i <= a.n; i++) {
        unsigned diagonal = row[0];
        row[0] = i;
        for (unsigned j = 1; j <= nb; j++) {
            unsigned up = row[j], cost = diagonal + (a.p[i - 1] != (uint8_t)b[j - 1]);
            row[j] = u32_min(u32_min(up + 1, row[j - 1] + 1), cost);
            diagonal = up;
        }
    }
    return row[nb];
}

const char *keyword_nearest(struct chunk *c, struct str name)
{
    const char *best = NULL;
    unsigned least = name.n > 5 ? 3 : 2;
    const struct keyword *k;
    for (size_t i = 0; (k = keyword_nth(i)); i++) {
        unsigned d = distance_of(name, k->name);
        if (d < least) {
            least = d;
            best = k->name;
        }
    }
    if (!best)
        return NULL;
    struct str s = arena_printf(c->arena, "did you mean %s?", best);
    return (const char *)s.p;
}

/* What a name means in a dialect, looked up once a chunk. */
static const struct kw_hit *hit_find(struct chunk *c, struct str name, enum rule_dialect d)
{
    uint32_t i = (uint32_t)hash_bytes(name.p, name.n, (uint64_t)d) & (KW_SLOTS - 1);
    for (unsigned tries = 0; tries < 16; tries++, i = (i + 1) & (KW_SLOTS - 1)) {
        struct kw_hit *h = &c->kw[i];
        if (h->used && h->dialect == (uint8_t)d && str_eq(h->name, name))
            return h;
        if (h->used)
            continue;
        struct str own = arena_dup(c->arena, name.p, name.n);
        if (!own.p)
            return NULL;
        *h = (struct kw_hit){.name = own,
                             .k = keyword_find(name, (unsigned)d),
                             .app = d == DIALECT_SURICATA ? app_keyword_find(name) : NULL,
                             .sticky = app_buffer_find(name, (enum app_dialect)d),
                             .modifier = app_buffer_find_modifier(name, (enum app_dialect)d),
                             .dialect = (uint8_t)d,
                             .used = true};
        return h;
    }
    return NULL;
}

/* A word of another dialect: which, and how to have the rule taken so. */
static bool foreign(struct parse *p, struct str name, unsigned dialects)
{
    static const struct {
        const char *name, *hint;
    } t[] = {{"Suricata",
              "set the dialect of the file, or of the rule with metadata:riposte_dialect suricata"},
             {"Snort 3",
              "set the dialect of the file, or of the rule with metadata:riposte_dialect snort3"},
             {"Snort 2",
              "set the dialect of the file, or of the rule with metadata:riposte_dialect snort2"}};
    unsigned i = dialects & DIALECT_SURICATA ? 0 : dialects & DIALECT_SNORT3 ? 1 : 2;
    return bad(p, t[i].hint, STR_FMT " is a keyword of %s, the rule is taken as %s", STR_ARG(name),
               t[i].name, rule_dialect_name(p->d));
}

static bool unknown(struct parse *p, struct str name)
{
    const struct keyword *other = keyword_find(name, D_ALL);
    if (other)
        return foreign(p, name, other->dialects);
    if (app_keyword_find(name))
        return foreign(p, name, DIALECT_SURICATA);
    unsigned all[] = {DIALECT_SNORT2, DIALECT_SNORT3, DIALECT_SURICATA};
    for (unsigned i = 0; i < ARRAY_LEN(all); i++)
        if (app_buffer_find(name, (enum app_dialect)all[i]) >= 0 ||
            app_buffer_find_modifier(name, (enum app_dialect)all[i]) >= 0)
            return foreign(p, name, all[i]);
    const char *proto = keyword_protocol(name);
    if (proto)
        return bad(p, NULL, STR_FMT " needs %s, which this build does not look into that far",
                   STR_ARG(name), proto);
    const char *near = keyword_nearest(p->c, name);
    return bad(p, near ? near : "riposte dev tables --json lists the keywords of each dialect",
               "unknown keyword '" STR_FMT "'", STR_ARG(name));
}

bool option_parse(struct parse *p, const struct option *o)
{
    p->opt = o;
    p->error_at = o->at;
    const struct kw_hit *h = hit_find(p->c, o->name, p->d);
    if (!h)
        return no_memory(p);
    if (!h->k) {
        if (h->app)
            return kw_app(p, h->app, o->value);
        if (h->modifier >= 0)
            return buffer_modifier(p, RULE_BUF_APP + (unsigned)h->modifier);
        if (h->sticky >= 0)
            return buffer_sticky(p, RULE_BUF_APP + (unsigned)h->sticky, o->value, o->has_value);
        return unknown(p, o->name);
    }
    if ((h->k->flags & KW_VALUE) && !o->value.n)
        return bad(p, h->k->arg, "%s needs a value", h->k->name);
    if ((h->k->flags & KW_NO_VALUE) && o->value.n)
        return bad(p, NULL, "%s takes no value", h->k->name);
    if (h->k->flags & KW_PACKET)
        p->seen.packet = true;
    return h->k->parse(p, h->k, o->value);
}
