/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests against lists that others keep: datasets, reputation, countries, file hashes; and entropy.
 */
#include "rules/kw.h"

#include <stdlib.h>
#include <string.h>

static int word_find(struct str w, const char *const *words, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (str_eq(w, str_cstr(words[i])))
            return (int)i;
    return -1;
}

/* "type", "load", "state", "save", "memcap", "hashsize", "format" ... of dataset and datarep */
static bool dataset_part(struct parse *p, struct rule_test *t, struct str word, struct str v)
{
    static const char *const types[] = {"string", "md5", "sha256", "ipv4", "ip", "ipv6"};
    uint64_t n;
    if (str_eq(word, STR("type"))) {
        int i = word_find(v, types, ARRAY_LEN(types));
        t->u.dataset.type = (uint8_t)(i + 1);
        return i >= 0 || bad(p, "string, md5, sha256, ip, ipv4, ipv6", "unknown type '" STR_FMT "'",
                             STR_ARG(v));
    }
    if (str_eq(word, STR("load")) || str_eq(word, STR("state")) || str_eq(word, STR("save"))) {
        if (v.n && !str_eq(word, STR("load")) && v.p[0] == '/')
            return bad(p, "a name below the data folder", "an absolute path can't be written");
        if (!str_eq(word, STR("load")) && str_find(v, STR("..")) >= 0)
            return bad(p, "a name below the data folder", "the path leaves its folder");
        t->u.dataset.file = keep(p, v);
        return v.n > 0 || bad(p, NULL, "the file's name is missing");
    }
    bool memcap = str_eq(word, STR("memcap"));
    if (memcap || str_eq(word, STR("hashsize"))) {
        if (!str_size(v, &n) || n > UINT32_MAX)
            return bad(p, NULL, "'" STR_FMT "' is no size", STR_ARG(v));
        *(memcap ? &t->u.dataset.memcap : &t->u.dataset.hashsize) = (uint32_t)n;
        return true;
    }
    static const char *const others[] = {"format",    "context_key", "value_key",
                                         "array_key", "remove_key",  "key"};
    return word_find(word, others, ARRAY_LEN(others)) >= 0 ||
           bad(p, NULL, "unknown word '" STR_FMT "'", STR_ARG(word));
}

/* set|unset|isset|isnotset,NAME,...; datarep (extra 1): NAME,OP,VALUE,... */
bool kw_dataset(struct parse *p, const struct keyword *k, struct str v)
{
    static const char *const cmds[] = {"set", "unset", "isset", "isnotset"};
    static const char *const ops[] = {"<", ">", "=", "<=", ">=", "!="};
    if (!p->sticky)
        return bad(p, NULL, "%s needs a sticky buffer before it", k->name);
    struct rule_test *t = test_add(p, TEST_DATASET);
    if (!t)
        return false;
    struct str first = list_next(&v, ','), second = list_next(&v, ',');
    int cmd =
        k->extra ? word_find(second, ops, ARRAY_LEN(ops)) : word_find(first, cmds, ARRAY_LEN(cmds));
    if (cmd < 0)
        return bad(p, NULL, "unknown command of %s", k->name);
    t->u.dataset.cmd = (uint8_t)(cmd + (k->extra ? 16 : 0));
    t->u.dataset.name = keep(p, k->extra ? first : second);
    if (!t->u.dataset.name.n)
        return p->failed ? false : bad(p, NULL, "the name is missing");
    uint64_t value;
    if (k->extra && (!str_u64(list_next(&v, ','), &value) || value > 65535))
        return bad(p, NULL, "the reputation is no number from 0 to 65535");
    t->u.dataset.options = keep(p, v);
    while (v.n) {
        struct str part = list_next(&v, ','), word = word_next(&part);
        if (!dataset_part(p, t, word, str_trim(part)))
            return false;
    }
    return !p->failed;
}

static bool side_find(struct str w, uint8_t *who)
{
    static const char *const words[] = {"any", "src", "dst", "both"};
    int i = word_find(w, words, ARRAY_LEN(words));
    *who = (uint8_t)(i < 0 ? 0 : i);
    return i >= 0;
}

/* any|src|dst|both,CATEGORY,OP,VALUE or isset, isnotset */
bool kw_iprep(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    struct rule_test *t = test_add_at(p, TEST_IPREP, 0, 0);
    if (!t)
        return false;
    struct str side = list_next(&v, ','), category = list_next(&v, ','), op = list_next(&v, ',');
    if (!side_find(side, &t->u.iprep.who) || !category.n)
        return bad(p, "iprep:any|src|dst|both,CATEGORY,>,VALUE", "iprep is not understood");
    int32_t id = name_id(p, category);
    if (id < 0)
        return false;
    t->u.iprep.category = (uint16_t)id;
    if (str_eq(op, STR("isset")) || str_eq(op, STR("isnotset"))) {
        t->u.iprep.set = str_eq(op, STR("isset")) ? 1 : 2;
        return !v.n || bad(p, NULL, "a value stands behind " STR_FMT, STR_ARG(op));
    }
    struct str joined = arena_printf(&p->c->scratch, STR_FMT STR_FMT, STR_ARG(op), STR_ARG(v));
    return uint_parse(p, joined, UINT_SURICATA, 127, NULL, &t->u.iprep.uint);
}

/* [src|dst|both|any,][!]COUNTRY,... */
bool kw_geoip(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    struct rule_test *t = test_add_at(p, TEST_GEOIP, 0, 0);
    if (!t)
        return false;
    struct str rest = v, first = list_next(&rest, ',');
    if (side_find(first, &t->u.geoip.who))
        v = rest;
    t->u.geoip.negated = value_negated(&v);
    t->u.geoip.countries = keep(p, v);
    return v.n > 1 || bad(p, NULL, "no country is named");
}

/* filemd5, filesha1, filesha256: a file of hashes; extra: the digest */
bool kw_file_hash(struct parse *p, const struct keyword *k, struct str v)
{
    struct rule_test *t = test_add_at(p, TEST_FILE_HASH, 0, 0);
    if (!t)
        return false;
    t->u.dataset.cmd = value_negated(&v);
    t->u.dataset.type = (uint8_t)k->extra;
    value_unquote(&v);
    t->u.dataset.file = keep(p, v);
    return v.n > 0 || bad(p, NULL, "the list's name is missing");
}

/* [request|response|both|to_server|to_client[,file|tx|flow ...]] */
bool kw_filestore(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    static const char *const words[] = {"request", "response", "both", "to_server", "to_client",
                                        "file",    "tx",       "flow", "ssn",       "session"};
    p->r->flags |= RULE_FILESTORE | RULE_NEEDS_FLOW;
    struct rule_test *t = test_add_at(p, TEST_FILESTORE, 0, 0);
    if (!t)
        return false;
    while (v.n) {
        struct str w = list_next(&v, ',');
        int i = word_find(w, words, ARRAY_LEN(words));
        if (i < 0)
            return bad(p, NULL, "unknown word '" STR_FMT "' of filestore", STR_ARG(w));
        if (i < 5)
            t->u.filestore.dirs = i == 2 ? 3 : i == 0 || i == 3 ? 1 : 2;
        else
            t->u.filestore.scope = (uint8_t)(i == 5 ? 0 : i == 6 ? 1 : 2);
    }
    return true;
}

static bool real(struct str s, double *out)
{
    char text[32], *end;
    s = str_trim(s);
    if (!s.n || s.n >= sizeof(text))
        return false;
    memcpy(text, s.p, s.n);
    text[s.n] = 0;
    *out = strtod(text, &end);
    return *end == 0 && *out >= 0 && *out <= 8;
}

/* [offset N,][bytes N,]value OP X */
bool kw_entropy(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    static const struct {
        const char *word;
        uint8_t op;
    } ops[] = {{">=", NUM_GE}, {"<=", NUM_LE}, {"!=", NUM_NE},   {">", NUM_GT},
               {"<", NUM_LT},  {"=", NUM_EQ},  {"!", NUM_NOT_IN}};
    struct rule_test *t = test_add(p, TEST_ENTROPY);
    bool value = false;
    if (!t)
        return false;
    while (v.n) {
        struct str part = list_next(&v, ','), word = word_next(&part);
        uint64_t n;
        part = str_trim(part);
        bool offset = str_eq(word, STR("offset"));
        if (offset || str_eq(word, STR("bytes"))) {
            if (!str_u64(part, &n) || n > UINT32_MAX)
                return bad(p, NULL, "'" STR_FMT "' is no number", STR_ARG(part));
            *(offset ? &t->u.entropy.offset : &t->u.entropy.bytes) = (uint32_t)n;
            continue;
        }
        if (!str_eq(word, STR("value")))
            return bad(p, "offset N, bytes N, value OP X", "unknown word '" STR_FMT "'",
                       STR_ARG(word));
        value = true;
        t->u.entropy.op = NUM_EQ;
        for (unsigned i = 0; i < ARRAY_LEN(ops); i++)
            if (str_starts(part, str_cstr(ops[i].word))) {
                t->u.entropy.op = ops[i].op;
                part = str_trim(str_skip(part, (uint32_t)strlen(ops[i].word)));
                break;
            }
        int64_t dash = str_chr(part, '-');
        if (dash > 0 && t->u.entropy.op == NUM_EQ)
            t->u.entropy.op = NUM_IN;
        bool range = t->u.entropy.op == NUM_IN || t->u.entropy.op == NUM_NOT_IN;
        if (range && dash < 1)
            return bad(p, NULL, "a range has two ends");
        if (!real(range ? str_first(part, (uint32_t)dash) : part, &t->u.entropy.a) ||
            (range && !real(str_skip(part, (uint32_t)dash + 1), &t->u.entropy.b)))
            return bad(p, NULL, "'" STR_FMT "' is no entropy from 0 to 8", STR_ARG(part));
    }
    return value || bad(p, NULL, "the value is missing");
}
