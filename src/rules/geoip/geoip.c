/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * geoip:[src|dst|both|any,][!]COUNTRY,...: the country of an address, by a file of the setting
 * geoip-database.
 *
 * The file (mmdb.c reads it) is compiled once into a table that lies in the image, so that an
 * engine opens no file and trusts no byte of it.  An address that the file does not know has no
 * country: the keyword does not hold, also with !.
 */
#include "rules/geoip/mmdb.h"
#include "rules/kw.h"
#include "rules/lists.h"

#include "config/config.h"

#include <errno.h>
#include <string.h>

enum { WHO, NEGATED }; /* in key.b */
enum { ANY, SRC, DST, BOTH, SIDES };

static bool countries(struct parse *p, struct rule_key *k, struct str v)
{
    uint8_t *out = arena_alloc_raw(p->c->arena, v.n + 1u);
    uint32_t n = 0;
    if (!out)
        return no_memory(p);
    while (v.n) {
        struct str c = list_next(&v, ',');
        bool letters = c.n == 2;
        for (uint32_t i = 0; letters && i < 2; i++) {
            uint8_t u = c.p[i] & (uint8_t)~0x20u;
            letters = u >= 'A' && u <= 'Z';
            out[n + i] = u;
        }
        if (!letters)
            return bad(p, "two letters of ISO 3166: FR,DE", "'" STR_FMT "' is no country",
                       STR_ARG(c));
        n += 2;
    }
    k->text[0] = str_of(out, n);
    return n > 0 || bad(p, NULL, "no country is named");
}

static bool geoip_parse(struct parse *p, struct rule_key *k, struct str v)
{
    static const char *const sides[SIDES] = {"any", "src", "dst", "both"};
    struct str rest = v, first = list_next(&rest, ',');
    for (unsigned i = 0; i < SIDES; i++)
        if (str_eq(first, str_cstr(sides[i]))) {
            k->b[WHO] = (uint8_t)i;
            v = rest;
        }
    k->b[NEGATED] = value_negated(&v);
    return countries(p, k, v);
}

static int geoip_bind(struct lists *x, struct rule_key *k, struct list_error *e)
{
    const char *path = x->o->conf ? conf_str(x->o->conf, "geoip-database") : NULL;
    struct str file, table;
    if (!path || !*path)
        return list_bad(e, "name a file of countries: geoip-database: /path/GeoLite2-Country.mmdb",
                        "countries of addresses need a database, and none is set");
    int have = list_data_find(x, STR("geoip"));
    if (have >= 0) {
        k->data = (uint16_t)have;
        return 0;
    }
    int rc = list_bytes(x, path, &file);
    if (rc == -ENOMEM)
        return rc;
    if (rc)
        return list_bad(e, "geoip-database tells where it is",
                        "the database of countries %s can't be read: %s", path, strerror(-rc));
    const char *wrong = NULL;
    rc = geo_compile(x->arena, file, &table, &wrong);
    if (rc == -ENOMEM)
        return rc;
    if (rc)
        return list_bad(e, "give a MaxMind DB of countries or cities",
                        "the database of countries %s: %s", path, wrong);
    return list_data_put(x, STR("geoip"), table, &k->data);
}

static bool of_country(const struct key_look *l, const struct ip_addr *a)
{
    char c[2];
    bool found = false;
    if (!geo_find(l->data, l->p->ver, a, c))
        return false;
    for (uint32_t i = 0; i + 1 < l->text[0].n && !found; i += 2)
        found = !memcmp(l->text[0].p + i, c, 2);
    return found != (l->b[NEGATED] != 0);
}

static bool geoip_holds(const struct key_look *l)
{
    if (!l->p->ver)
        return false;
    bool src = l->b[WHO] != DST && of_country(l, &l->p->src),
         dst = l->b[WHO] != SRC && of_country(l, &l->p->dst);
    return l->b[WHO] == BOTH ? src && dst : src || dst;
}

static const struct key_word geoip = {
    .kw = {.name = "geoip",
           .dialects = D_SU,
           .flags = KW_VALUE,
           .parse = key_option,
           .arg = "[src|dst|both|any,][!]country,...",
           .help = "country of addresses"},
    .def = {.setting = "geoip-database",
            .words = "country of addresses",
            .of_addresses = true,
            .holds = geoip_holds},
    .parse = geoip_parse,
    .bind = geoip_bind,
};
extern const struct key_word *const keys_geoip[];
const struct key_word *const keys_geoip[] = {&geoip, NULL};
