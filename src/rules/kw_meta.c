/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What a rule says of itself, and what shall happen besides its action. */
#include "rules/kw.h"

#include <string.h>

/* Without the backslashes that hide quotes, colons and semicolons. */
static struct str unescape(struct parse *p, struct str v)
{
    if (str_chr(v, '\\') < 0)
        return keep(p, v);
    uint8_t *out = arena_alloc_raw(p->c->arena, v.n + 1);
    if (!out) {
        no_memory(p);
        return v;
    }
    uint32_t n = 0;
    for (uint32_t i = 0; i < v.n; i++) {
        if (v.p[i] == '\\' && i + 1 < v.n)
            i++;
        out[n++] = v.p[i];
    }
    out[n] = 0;
    return str_of(out, n);
}

bool kw_msg(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    if (!value_unquote(&v) && p->d != DIALECT_SNORT2)
        return bad(p, "msg:\"text\"", "the value has no quotes");
    if (p->r->msg.p && p->d == DIALECT_SURICATA)
        return bad(p, NULL, "msg stands twice in the rule");
    p->r->msg = unescape(p, v);
    return !p->failed;
}

bool kw_number(struct parse *p, const struct keyword *k, struct str v)
{
    uint64_t n;
    value_unquote(&v);
    bool snort3 = p->d == DIALECT_SNORT3 && (k->extra == NUMBER_GID || k->extra == NUMBER_REV);
    bool used =
        k->extra == NUMBER_SID || k->extra == NUMBER_ACTIVATES || k->extra == NUMBER_ACTIVATED_BY;
    uint64_t min = used || snort3 ? 1 : 0;
    if (!str_u64_base(v, 10, &n) || n > UINT32_MAX || n < min)
        return bad(p, "a decimal number; own rules take a sid from 1000000 on",
                   "'" STR_FMT "' is no number from %u to 4294967295", STR_ARG(v), (unsigned)min);
    uint32_t *const out[] = {&p->r->sid,       &p->r->gid,          &p->r->rev,
                             &p->r->activates, &p->r->activated_by, &p->r->count};
    if (k->extra == NUMBER_REV && p->r->rev && p->d == DIALECT_SURICATA)
        return bad(p, "leave one of the two out", "rev stands twice in the rule");
    if (k->extra == NUMBER_SID) {
        if (p->seen.sid)
            return bad(p, "leave one of the two out", "sid stands twice in the rule");
        p->seen.sid = true;
    }
    *out[k->extra] = (uint32_t)n;
    return true;
}

bool kw_activates(struct parse *p, const struct keyword *k, struct str v)
{
    return kw_number(p, k, v);
}

bool kw_classtype(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    value_unquote(&v);
    if (!v.n)
        return bad(p, NULL, "the class's name is missing");
    int64_t id = strtab_find(&p->c->classes->names, v);
    if (id < 0) { /* numbered behind the known ones; load.c warns and adds it */
        id = strtab_add(&p->c->class_new, v, true);
        if (id < 0)
            return no_memory(p);
        id += p->c->classes->n;
    }
    if (id > UINT16_MAX - 1)
        return bad(p, NULL, "there are too many classes");
    p->r->class_id = (uint16_t)(id + 1);
    return true;
}

bool kw_priority(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    uint64_t n;
    value_unquote(&v);
    if (!str_u64_base(v, 10, &n) || n > UINT32_MAX || (p->d == DIALECT_SURICATA && n > 255) ||
        (p->d != DIALECT_SNORT2 && n < 1))
        return bad(p, "1 (highest) to 255", "'" STR_FMT "' is no priority", STR_ARG(v));
    p->r->priority = (uint32_t)n;
    p->seen.priority = true;
    return true;
}

bool kw_reference(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    struct str system = list_next(&v, ',');
    v = str_trim(v);
    value_unquote(&v);
    if (!system.n || !v.n)
        return p->d == DIALECT_SURICATA
                   ? bad(p, "reference:system,value", "the reference has no value")
                   : true;
    struct str whole = v;
    v = unescape(p, v);
    if (p->n_refs == p->refs_room) {
        uint32_t room = p->refs_room ? p->refs_room * 2 : 16;
        struct str *more = arena_alloc_raw(&p->c->scratch, room * sizeof(*more));
        if (!more)
            return no_memory(p);
        if (p->n_refs)
            memcpy(more, p->refs, p->n_refs * sizeof(*more));
        p->refs = more;
        p->refs_room = room;
    }
    struct str *out = &p->refs[p->n_refs++];
    if (v.p == whole.p && v.p == system.p + system.n + 1) { /* as it stands */
        *out = (struct str){system.p, system.n + 1 + v.n};
        return true;
    }
    *out = arena_printf(p->c->arena, STR_FMT "," STR_FMT, STR_ARG(system), STR_ARG(v));
    return out->p || no_memory(p);
}

/* Key and value stand in the rule's text, one behind the other; without a key it is `service`. */
static bool meta_add(struct parse *p, struct str key, struct str value)
{
    if (p->n_meta == p->meta_room) {
        uint32_t room = p->meta_room ? p->meta_room * 2 : 32;
        struct rule_meta *more = arena_alloc_raw(&p->c->scratch, room * sizeof(*more));
        if (!more)
            return no_memory(p);
        if (p->n_meta)
            memcpy(more, p->meta, p->n_meta * sizeof(*more));
        p->meta = more;
        p->meta_room = room;
    }
    uint64_t at = key.n ? (uint64_t)(value.p - key.p) : 0;
    if (!value.n)
        at = 0;
    if (p->n_meta == UINT16_MAX || key.n > UINT16_MAX || at > UINT16_MAX)
        return bad(p, NULL, "too much metadata");
    p->meta[p->n_meta++] =
        (struct rule_meta){key.n ? key.p : value.p, (uint16_t)key.n, (uint16_t)at, value.n};
    return true;
}

static void service_add(struct parse *p, struct str name)
{
    int id = service_find(name);
    if (id > 0 && p->r->n_apps < ARRAY_LEN(p->r->apps))
        p->r->apps[p->r->n_apps++] = (uint16_t)id;
}

/* key value, key value ... */
bool kw_metadata(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    v = keep(p, v);
    while (v.n) {
        struct str value = list_next(&v, ',');
        struct str key = word_next(&value);
        value = str_trim(value);
        if (!key.n)
            continue;
        if (str_eq(key, STR("riposte_dialect")) && rule_dialect_find(value) <= 0)
            return bad(p, "riposte_dialect snort2, snort3 or suricata",
                       "unknown dialect '" STR_FMT "'", STR_ARG(value));
        if (p->d == DIALECT_SNORT2 && str_eq(key, STR("engine")) && str_eq(value, STR("shared")))
            return bad(p, NULL, "the rule's body is in a shared object");
        if (p->d == DIALECT_SNORT2 && str_eq(key, STR("service")))
            service_add(p, value);
        if (!meta_add(p, key, value))
            return false;
    }
    return !p->failed;
}

/* Snort 3: service:http, smtp */
bool kw_service(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    while (v.n) {
        struct str name = list_next(&v, ',');
        service_add(p, name);
        if (!meta_add(p, str_of(NULL, 0), keep(p, name)))
            return false;
    }
    return !p->failed;
}

bool kw_target(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    if (str_eq(v, STR("src_ip")))
        p->r->target = TARGET_SRC;
    else if (str_eq(v, STR("dest_ip")))
        p->r->target = TARGET_DST;
    else
        return bad(p, NULL, "target takes src_ip or dest_ip");
    return true;
}

bool kw_nothing(struct parse *p, const struct keyword *k, struct str v)
{
    (void)p;
    (void)k;
    (void)v;
    return true;
}

/* Known, but what it needs is not built: table rows give the reason as help. */
/* Snort 3 */
bool kw_enable(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    bool no = str_eq(v, STR("no"));
    if (!no && !str_eq(v, STR("yes")) && !str_eq(v, STR("inherit")))
        return bad(p, "yes, no or inherit", "'" STR_FMT "' is no state of a rule", STR_ARG(v));
    if (no && p->c->o->keep_disabled)
        p->r->flags |= RULE_DISABLED;
    p->skip |= no && !p->c->o->keep_disabled;
    return true;
}

bool kw_refuse(struct parse *p, const struct keyword *k, struct str v)
{
    (void)v;
    return bad(p, NULL, "%s: %s", k->name, k->help);
}

/* ---- responses */

bool kw_resp(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    static const struct {
        const char *word;
        uint8_t bits;
    } t[] = {{"rst_snd", RESP_RST_SRC},      {"rst_rcv", RESP_RST_DST},
             {"rst_all", RESP_RST_BOTH},     {"reset_source", RESP_RST_SRC},
             {"reset_dest", RESP_RST_DST},   {"reset_both", RESP_RST_BOTH},
             {"icmp_net", RESP_ICMP_NET},    {"icmp_host", RESP_ICMP_HOST},
             {"icmp_port", RESP_ICMP_PORT},  {"icmp_all", RESP_ICMP_ALL},
             {"icmp_admin", RESP_ICMP_ADMIN}};
    value_unquote(&v);
    if (!v.n)
        return bad(p, NULL, "resp names no response");
    while (v.n) {
        struct str w = list_next(&v, ',');
        unsigned i = 0;
        while (i < ARRAY_LEN(t) && !str_ieq(w, str_cstr(t[i].word)))
            i++;
        if (i == ARRAY_LEN(t))
            return bad(
                p, "reset_source, reset_dest, reset_both, icmp_net, icmp_host, icmp_port, icmp_all",
                "unknown response '" STR_FMT "'", STR_ARG(w));
        p->r->response |= t[i].bits;
    }
    return true;
}

/* block, warn, msg, proxy N */
bool kw_react(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    value_unquote(&v);
    while (v.n) {
        struct str part = list_next(&v, ','), word = word_next(&part);
        if (str_eq(word, STR("warn")))
            return bad(p, NULL, "react:warn is not supported: the page can only replace an answer");
        if (!str_eq(word, STR("block")) && !str_eq(word, STR("msg")) && !str_eq(word, STR("proxy")))
            return bad(p, "react:block or react:msg", "unknown word '" STR_FMT "' of react",
                       STR_ARG(word));
    }
    p->r->response |= RESP_REACT;
    return true;
}

/* ---- requires */

enum { VERSION_OURS = 80006 }; /* rules are read as Suricata 8.0.6 reads them */

static bool version_number(struct str s, uint32_t *out)
{
    uint32_t v = 0;
    for (unsigned i = 0; i < 3; i++) {
        uint64_t n = 0;
        struct str part = list_next(&s, '.');
        if (part.n && (!str_u64_base(part, 10, &n) || n > 99))
            return false;
        if (!part.n && !i)
            return false;
        v = v * 100 + (uint32_t)n;
    }
    *out = v;
    return true;
}

/* ">= 7.0.3 < 8 | >= 8.0.1"; -1: not understood */
static int version_met(struct str v)
{
    bool met = false;
    while (v.n) {
        struct str all = list_next(&v, '|');
        bool each = true;
        if (!all.n)
            return -1;
        while (all.n) {
            struct str op = word_next(&all), text = op;
            uint32_t n = 0;
            while (n < op.n && (op.p[n] == '<' || op.p[n] == '>' || op.p[n] == '='))
                n++;
            text = str_skip(op, n);
            op = str_first(op, n);
            if (!text.n)
                text = word_next(&all);
            all = str_trim(all);
            uint32_t want;
            if (!version_number(text, &want))
                return -1;
            if (str_eq(op, STR(">=")))
                each &= VERSION_OURS >= want;
            else if (str_eq(op, STR(">")))
                each &= VERSION_OURS > want;
            else if (str_eq(op, STR("<=")))
                each &= VERSION_OURS <= want;
            else if (str_eq(op, STR("<")))
                each &= VERSION_OURS < want;
            else
                return -1;
        }
        met |= each;
    }
    return met;
}

static bool feature_met(struct str name)
{
    static const char *const have[] = {"ja3", "ja4", "output::file-store"};
    for (unsigned i = 0; i < ARRAY_LEN(have); i++)
        if (str_eq(name, str_cstr(have[i])))
            return true;
    return false;
}

bool kw_requires(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    while (v.n) {
        struct str part = list_next(&v, ','), word = word_next(&part);
        part = str_trim(part);
        if (str_eq(word, STR("version"))) {
            int met = version_met(part);
            if (met < 0)
                return bad(p, "version >= 7.0.3 < 8 | >= 8.0.1", "the version is not understood");
            p->skip |= !met;
        } else if (str_eq(word, STR("feature"))) {
            p->skip |= !feature_met(part);
        } else if (str_eq(word, STR("keyword"))) {
            p->skip |= !keyword_known(part, DIALECT_SURICATA);
        } else if (p->c->o->ignore_unknown_requirements) {
            p->skip = true;
        } else {
            return bad(p, "version, feature, keyword", "unknown requirement '" STR_FMT "'",
                       STR_ARG(word));
        }
    }
    return true;
}
