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

/* format, keys of JSON, match: words of Suricata 8 */
static bool listed_more(struct parse *p, struct rule_test *t, struct listed_words *w, struct str word,
                        struct str v)
{
    struct {
        const char *word;
        struct str *to;
    } key[] = {{"value_key", &w->value_key}, {"array_key", &w->array_key}, {"context_key", &t->u.listed.context}};
    for (unsigned i = 0; i < ARRAY_LEN(key); i++)
        if (str_eq(word, str_cstr(key[i].word))) {
            *key[i].to = keep(p, v);
            return v.n > 0 || bad(p, NULL, "%s needs a key", key[i].word);
        }
    if (str_eq(word, STR("format"))) {
        static const char *const formats[] = {"csv", "json", "ndjson"};
        int i = word_find(v, formats, ARRAY_LEN(formats));
        w->format = (uint8_t)(i < 0 ? 0 : i);
        return i >= 0 || bad(p, "csv, json, ndjson", "unknown format '" STR_FMT "'", STR_ARG(v));
    }
    if (str_eq(word, STR("match"))) {
        t->u.listed.subdomain = str_eq(v, STR("subdomain"));
        return t->u.listed.subdomain || str_eq(v, STR("exact")) ||
               bad(p, "exact, subdomain", "unknown way to match '" STR_FMT "'", STR_ARG(v));
    }
    if (str_eq(word, STR("remove_key"))) {
        w->remove_key = true;
        return !v.n || bad(p, NULL, "remove_key takes no value");
    }
    return bad(p, "type, load, state, save, memcap, hashsize, format, value_key, array_key, context_key, remove_key, match",
               "unknown word '" STR_FMT "'", STR_ARG(word));
}

/* "type", "load", "state", "save", "memcap", "hashsize" ... of dataset and datarep */
static bool listed_part(struct parse *p, struct rule_test *t, struct listed_words *w, struct str word,
                        struct str v)
{
    static const char *const types[] = {"string", "md5", "sha256", "ipv4", "ip", "ipv6"};
    uint64_t n;
    if (str_eq(word, STR("type"))) {
        int i = word_find(v, types, ARRAY_LEN(types));
        t->u.listed.type = (uint8_t)(i + 1);
        return i >= 0 || bad(p, "string, md5, sha256, ip, ipv4, ipv6", "unknown type '" STR_FMT "'",
                             STR_ARG(v));
    }
    bool state = str_eq(word, STR("state")), load = str_eq(word, STR("load"));
    if (load || state || str_eq(word, STR("save"))) {
        if (!load && str_find(v, STR("..")) >= 0)
            return bad(p, "a name below the data folder", "the path leaves its folder");
        if (load || state) {
            if (w->load.n)
                return bad(p, NULL, "a set has one file to begin with");
            w->load = keep(p, v);
            w->load_below_data = state;
        }
        if (!load)
            w->save = keep(p, v);
        return v.n > 0 || bad(p, NULL, "the file's name is missing");
    }
    bool memcap = str_eq(word, STR("memcap"));
    if (memcap || str_eq(word, STR("hashsize"))) {
        if (!str_size(v, &n) || !n)
            return bad(p, NULL, "'" STR_FMT "' is no size", STR_ARG(v));
        *(memcap ? &w->memcap : &w->hashsize) = n;
        return true;
    }
    return listed_more(p, t, w, word, v);
}

static bool listed_fits(struct parse *p, const struct rule_test *t, const struct listed_words *w)
{
    bool json = w->format != LISTED_FORMAT_CSV;
    if (json && (!w->value_key.n || !w->load.n))
        return bad(p, "format json|ndjson,load FILE,value_key KEY,context_key KEY",
                   "a set in JSON needs load and value_key");
    if (!json && (w->value_key.n || w->array_key.n || t->u.listed.context.n || w->remove_key))
        return bad(p, "write format json or format ndjson", "keys belong to a set in JSON");
    if (json && (w->save.n || t->u.listed.cmd > LISTED_IS_NOT_SET))
        return bad(p, "isset or isnotset, with load", "a set in JSON is only read");
    return true;
}

/* set|unset|isset|isnotset,NAME,...; datarep (extra 1): NAME,OP,VALUE,... */
bool kw_dataset(struct parse *p, const struct keyword *k, struct str v)
{
    static const char *const cmds[] = {"isset", "isnotset", "set", "unset"};
    static const char *const ops[] = {"<", ">", "=", "<=", ">=", "!=", "=="};
    static const uint8_t op_of[] = {NUM_LT, NUM_GT, NUM_EQ, NUM_LE, NUM_GE, NUM_NE, NUM_EQ};
    if (!p->sticky)
        return bad(p, NULL, "%s needs a sticky buffer before it", k->name);
    struct rule_test *t = test_add(p, TEST_DATASET);
    struct listed_words *w = arena_alloc(p->c->arena, sizeof(*w));
    if (!t)
        return false;
    if (!w)
        return no_memory(p);
    struct str first = list_next(&v, ','), second = list_next(&v, ',');
    int cmd =
        k->extra ? word_find(second, ops, ARRAY_LEN(ops)) : word_find(first, cmds, ARRAY_LEN(cmds));
    if (cmd < 0)
        return bad(p, k->extra ? "NAME,OP,SCORE,..." : "isset, isnotset, set, unset", "unknown command of %s", k->name);
    t->u.listed.cmd = (uint8_t)(k->extra ? LISTED_SCORE : cmd);
    t->u.listed.op = k->extra ? op_of[cmd] : 0;
    t->u.listed.words = w;
    w->name = keep(p, k->extra ? first : second);
    if (!w->name.n)
        return p->failed ? false : bad(p, NULL, "the name is missing");
    uint64_t value = 0;
    if (k->extra && (!str_u64(list_next(&v, ','), &value) || value > 65535))
        return bad(p, NULL, "the reputation is no number from 0 to 65535");
    t->u.listed.value = (uint16_t)value;
    while (v.n) {
        struct str part = list_next(&v, ','), word = word_next(&part);
        if (!listed_part(p, t, w, word, str_trim(part)))
            return false;
    }
    return !p->failed && listed_fits(p, t, w);
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

/* filemd5, filesha1, filesha256: a file of hashes; extra: the digest */
bool kw_file_hash(struct parse *p, const struct keyword *k, struct str v)
{
    /* Buffers with a blank in their names: binary, so no one's to write. */
    static const char *const buffers[] = {"", "file md5", "file sha1", "file sha256"};
    int b = app_buffer_find(str_cstr(buffers[k->extra]), APP_SURICATA);
    int32_t at = b < 0 ? -1 : where_of_buffer(p, RULE_BUF_APP + (unsigned)b);
    struct rule_test *t = NULL;
    if (at >= 0 && buffer_bind(p, RULE_BUF_APP + (unsigned)b, k->name))
        t = test_add_at(p, TEST_FILE_HASH, (uint16_t)at, 0);
    if (!t)
        return false;
    struct listed_words *w = arena_alloc(p->c->arena, sizeof(*w));
    if (!w)
        return no_memory(p);
    static const uint8_t type_of[] = {0, LISTED_MD5, LISTED_SHA1, LISTED_SHA256};
    t->u.listed.cmd = value_negated(&v) ? LISTED_IS_NOT_SET : LISTED_IS_SET;
    t->u.listed.type = type_of[k->extra];
    value_unquote(&v);
    w->load = w->name = keep(p, v);
    t->u.listed.words = w;
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

/* How events call the buffer: file_data; the payload is content. */
static int32_t entropy_name(struct parse *p)
{
    char name[64] = "content";
    const char *of = rule_buffer_name(buffer_at(p, p->where));
    for (unsigned i = 0; buffer_at(p, p->where) != BUF_PAYLOAD && i < sizeof(name); i++) {
        name[i] = of[i] == '.' ? '_' : of[i];
        if (!of[i])
            break;
    }
    name[sizeof(name) - 1] = 0;
    return name_id(p, str_cstr(name));
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
    int32_t name = t ? entropy_name(p) : -1;
    if (name < 0)
        return false;
    t->u.entropy.name = (uint16_t)name;
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
