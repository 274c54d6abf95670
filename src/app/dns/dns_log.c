/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * EVE's "dns": version 3 (as Suricata 8) and version 2, by the option `version` of the EVE type.
 *
 * A TXT record gives one entry for each of its strings.  Sections are written up to LOG_ENTRIES.
 */
#include "app/dns/dns_tx.h"

#include <string.h>

#include "app/text.h"
#include "base/bytes.h"
#include "base/cursor.h"
#include "config/config.h"

enum { LOG_ENTRIES = 2048 };

/* ------------------------------------------------------------------ options */

static void types_read(struct dns_log_options *o, const struct conf_node *list)
{
    o->all_types = !list || !list->child;
    for (const struct conf_node *n = list ? list->child : NULL; n; n = n->next) {
        int type = n->value ? dns_type_find(str_cstr(n->value)) : -1;
        if (type >= 0 && o->n_types < ARRAY_LEN(o->types))
            o->types[o->n_types++] = (uint16_t)type;
    }
}

/* `formats` names what is written; empty or absent: both. */
static void formats_read(struct dns_log_options *o, const struct conf_node *list)
{
    o->detailed = o->grouped = !list || !list->child;
    for (const struct conf_node *n = list ? list->child : NULL; n; n = n->next) {
        struct str s = str_cstr(n->value);
        o->detailed |= str_ieq(s, STR("detailed"));
        o->grouped |= str_ieq(s, STR("grouped"));
    }
}

static void options_read(struct dns_log_options *o, const struct conf_node *n)
{
    *o = (struct dns_log_options){.node = n, .seen = true};
    o->version = conf_sub_int(n, "version", 3) <= 2 ? 2 : 3;
    o->requests = conf_sub_bool(n, "requests", conf_sub_bool(n, "query", true));
    o->responses = conf_sub_bool(n, "responses", conf_sub_bool(n, "answer", true));
    types_read(o, n ? conf_sub(n, conf_sub(n, "types") ? "types" : "custom") : NULL);
    formats_read(o, n ? conf_sub(n, "formats") : NULL);
}

static const struct dns_log_options *options_get(const struct app_log_ctx *c)
{
    struct dns_config *cfg = app_config_get(c->af);
    unsigned last = ARRAY_LEN(cfg->log) - 1;
    for (unsigned i = 0; i <= last; i++) {
        if (cfg->log[i].seen && cfg->log[i].node == c->options)
            return &cfg->log[i];
        if (!cfg->log[i].seen || i == last) {
            options_read(&cfg->log[i], c->options);
            return &cfg->log[i];
        }
    }
    return NULL;
}

static bool type_wanted(const struct dns_log_options *o, uint16_t type)
{
    if (o->all_types)
        return true;
    for (uint32_t i = 0; i < o->n_types; i++)
        if (o->types[i] == type)
            return true;
    return false;
}

static bool any_type_wanted(const struct dns_log_options *o, const struct dns_msg *m)
{
    if (o->all_types)
        return true;
    for (unsigned i = 0; i < m->count[DNS_QUERIES]; i++)
        if (type_wanted(o, dns_rr_at(m, DNS_QUERIES, i)->type))
            return true;
    return false;
}

/* ------------------------------------------------------------------ parts */

struct writer {
    struct fields *f;
    struct arena *scratch;
    const struct dns_msg *m;
    struct dns_name name;
};

static void put_type(struct writer *w, const char *key, uint16_t type)
{
    const char *name = dns_type_name(type);
    if (name)
        fields_cstr(w->f, key, name);
    else
        fields_str(w->f, key, arena_printf(w->scratch, "%u", type));
}

/* `cut`: key that says that the name was too long; NULL where EVE has none. */
static void put_name(struct writer *w, const char *key, const char *cut, uint32_t at)
{
    if (!dns_name_read(w->m->raw, w->m->n, at, &w->name))
        return;
    fields_text(w->f, w->scratch, key, w->name.text, w->name.n);
    if (cut && w->name.events & 1u << DNS_EVENT_NAME_TOO_LONG)
        fields_bool(w->f, cut, true);
}

static void put_soa(struct writer *w, const char *key, const struct dns_rr *rr)
{
    static const char *const numbers[] = {"serial", "refresh", "retry", "expire", "minimum"};
    fields_open(w->f, key);
    put_name(w, "mname", "mname_truncated", rr->rdata);
    uint32_t at = w->name.end;
    put_name(w, "rname", NULL, at);
    const uint8_t *p = w->m->raw + w->name.end; /* 20 bytes are there: read_rdata has checked */
    for (unsigned i = 0; i < ARRAY_LEN(numbers); i++)
        fields_u64(w->f, numbers[i], be32_at(p + 4 * i));
    fields_close(w->f);
}

static void put_srv(struct writer *w, const char *key, const struct dns_rr *rr)
{
    const uint8_t *p = w->m->raw + rr->rdata;
    fields_open(w->f, key);
    fields_u64(w->f, "priority", be16_at(p));
    fields_u64(w->f, "weight", be16_at(p + 2));
    fields_u64(w->f, "port", be16_at(p + 4));
    put_name(w, "name", NULL, rr->rdata + 6u);
    fields_close(w->f);
}

static void put_sshfp(struct writer *w, const char *key, const struct dns_rr *rr)
{
    const uint8_t *p = w->m->raw + rr->rdata;
    uint32_t n = rr->rdlen - 2u;
    uint8_t *text = arena_alloc_raw(w->scratch, 3 * (size_t)n + 1);
    if (!text)
        return;
    for (uint32_t i = 0; i < n; i++) {
        static const char hex[] = "0123456789abcdef";
        text[3 * i] = (uint8_t)hex[p[2 + i] >> 4];
        text[3 * i + 1] = (uint8_t)hex[p[2 + i] & 15];
        text[3 * i + 2] = ':';
    }
    fields_open(w->f, key);
    fields_str(w->f, "fingerprint", str_of(text, n ? 3 * n - 1 : 0));
    fields_u64(w->f, "algo", p[0]);
    fields_u64(w->f, "type", p[1]);
    fields_close(w->f);
}

static void put_address(struct writer *w, const char *key, const struct dns_rr *rr)
{
    const uint8_t *p = w->m->raw + rr->rdata;
    struct ip_addr a = rr->rdlen == 4 ? ip_from_v4(p) : ip_from_v6(p);
    fields_ip(w->f, key, rr->rdlen == 4 ? 4 : 6, &a);
}

/* EDNS options (RFC 6891 6.1.2), data as hex. */
static void put_opt(struct writer *w, const struct dns_rr *rr)
{
    struct cursor c = cur_of(w->m->raw + rr->rdata, rr->rdlen);
    fields_array(w->f, "opt");
    while (cur_left(&c) >= 4) {
        unsigned code = cur_be16(&c);
        struct cursor d = cur_sub(&c, cur_be16(&c));
        if (d.bad)
            break;
        fields_open(w->f, NULL);
        fields_u64(w->f, "code", code);
        fields_hex(w->f, "data", d.at, cur_left(&d));
        fields_close(w->f);
    }
    fields_array_end(w->f);
}

/* What a record's data is in EVE. */
enum shape {
    SHAPE_NONE,
    SHAPE_ADDRESS,
    SHAPE_NAME,
    SHAPE_BYTES,
    SHAPE_TEXTS,
    SHAPE_SOA,
    SHAPE_SRV,
    SHAPE_SSHFP,
    SHAPE_OPT
};
static const struct {
    uint16_t type;
    uint8_t shape;
    uint8_t min, max; /* lengths that can be it; max 0: any */
} shapes[] = {
    {DNS_TYPE_A, SHAPE_ADDRESS, 4, 4},   {DNS_TYPE_AAAA, SHAPE_ADDRESS, 16, 16},
    {DNS_TYPE_CNAME, SHAPE_NAME, 1, 0},  {DNS_TYPE_MX, SHAPE_NAME, 3, 0},
    {DNS_TYPE_NS, SHAPE_NAME, 1, 0},     {DNS_TYPE_PTR, SHAPE_NAME, 1, 0},
    {DNS_TYPE_TXT, SHAPE_TEXTS, 0, 0},   {DNS_TYPE_NULL, SHAPE_BYTES, 0, 0},
    {DNS_TYPE_SOA, SHAPE_SOA, 22, 0},    {DNS_TYPE_SRV, SHAPE_SRV, 7, 0},
    {DNS_TYPE_SSHFP, SHAPE_SSHFP, 2, 0}, {DNS_TYPE_OPT, SHAPE_OPT, 4, 0},
};

static unsigned shape_of(const struct dns_rr *rr)
{
    for (size_t i = 0; i < ARRAY_LEN(shapes); i++)
        if (shapes[i].type == rr->type)
            return rr->rdlen < shapes[i].min || (shapes[i].max && rr->rdlen > shapes[i].max)
                       ? SHAPE_NONE
                       : shapes[i].shape;
    return SHAPE_NONE;
}

/* The data under `key` (NULL: an element of an array), for all shapes but texts and options. */
static bool put_data(struct writer *w, unsigned shape, const char *key, const struct dns_rr *rr)
{
    switch (shape) {
    case SHAPE_ADDRESS:
        put_address(w, key, rr);
        return true;
    case SHAPE_NAME:
        put_name(w, key, key ? "rdata_truncated" : NULL, dns_rdata_name_at(rr));
        return true;
    case SHAPE_BYTES:
        fields_text(w->f, w->scratch, key, w->m->raw + rr->rdata, rr->rdlen);
        return true;
    case SHAPE_SOA:
        put_soa(w, key, rr);
        return true;
    case SHAPE_SRV:
        put_srv(w, key, rr);
        return true;
    case SHAPE_SSHFP:
        put_sshfp(w, key, rr);
        return true;
    default:
        return false;
    }
}

static const char *data_key(unsigned shape)
{
    return shape == SHAPE_SOA     ? "soa"
           : shape == SHAPE_SRV   ? "srv"
           : shape == SHAPE_SSHFP ? "sshfp"
                                  : "rdata";
}

static void record_open(struct writer *w, const struct dns_rr *rr)
{
    fields_open(w->f, NULL);
    put_name(w, "rrname", "rrname_truncated", rr->name);
    put_type(w, "rrtype", rr->type);
    fields_u64(w->f, "ttl", rr->ttl);
}

/* Calls f for each string of a TXT record (RFC 1035 3.3.14); a cut one is given as far as it goes.
 */
static void each_text(struct writer *w, const struct dns_rr *rr, unsigned *left,
                      void (*f)(struct writer *w, const struct dns_rr *rr, const uint8_t *p,
                                uint32_t n))
{
    struct cursor c = cur_of(w->m->raw + rr->rdata, rr->rdlen);
    for (; cur_left(&c) && *left; --*left) {
        uint32_t n = cur_u8(&c);
        struct cursor t = cur_sub(&c, u32_min(n, (uint32_t)cur_left(&c)));
        f(w, rr, t.at, (uint32_t)cur_left(&t));
    }
}

static void text_record(struct writer *w, const struct dns_rr *rr, const uint8_t *p, uint32_t n)
{
    record_open(w, rr);
    fields_text(w->f, w->scratch, "rdata", p, n);
    fields_close(w->f);
}
static void text_element(struct writer *w, const struct dns_rr *rr, const uint8_t *p, uint32_t n)
{
    (void)rr;
    fields_text(w->f, w->scratch, NULL, p, n);
}

static void put_section(struct writer *w, const char *key, unsigned section)
{
    unsigned left = LOG_ENTRIES;
    if (w->m->count[section] == 0)
        return;
    fields_array(w->f, key);
    for (unsigned i = 0; i < w->m->count[section] && left; i++) {
        const struct dns_rr *rr = dns_rr_at(w->m, section, i);
        unsigned shape = shape_of(rr);
        if (shape == SHAPE_TEXTS) {
            each_text(w, rr, &left, text_record);
            continue;
        }
        left--;
        record_open(w, rr);
        if (shape == SHAPE_OPT)
            put_opt(w, rr);
        else
            put_data(w, shape, data_key(shape), rr);
        fields_close(w->f);
    }
    fields_array_end(w->f);
}

/* Answers by type: "grouped": {"A": [...], "CNAME": [...]}. */
static void put_grouped(struct writer *w)
{
    const struct dns_msg *m = w->m;
    if (m->count[DNS_ANSWERS] == 0)
        return;
    fields_open(w->f, "grouped");
    for (size_t s = 0; s < ARRAY_LEN(shapes); s++) {
        unsigned left = LOG_ENTRIES;
        bool open = false;
        for (unsigned i = 0; i < m->count[DNS_ANSWERS] && left; i++) {
            const struct dns_rr *rr = dns_rr_at(m, DNS_ANSWERS, i);
            unsigned shape = shape_of(rr);
            if (rr->type != shapes[s].type || shape == SHAPE_NONE || shape == SHAPE_OPT)
                continue;
            if (!open)
                fields_array(w->f, dns_type_name(rr->type));
            open = true;
            if (shape == SHAPE_TEXTS) {
                each_text(w, rr, &left, text_element);
            } else {
                put_data(w, shape, NULL, rr);
                left--;
            }
        }
        if (open)
            fields_array_end(w->f);
    }
    fields_close(w->f);
}

static void put_queries(struct writer *w)
{
    const struct dns_msg *m = w->m;
    if (m->count[DNS_QUERIES] == 0)
        return;
    fields_array(w->f, "queries");
    for (unsigned i = 0; i < m->count[DNS_QUERIES] && i < LOG_ENTRIES; i++) {
        const struct dns_rr *rr = dns_rr_at(m, DNS_QUERIES, i);
        fields_open(w->f, NULL);
        put_name(w, "rrname", "rrname_truncated", rr->name);
        put_type(w, "rrtype", rr->type);
        fields_close(w->f);
    }
    fields_array_end(w->f);
}

static void put_flags(struct writer *w)
{
    static const struct {
        uint16_t bit;
        const char *key;
    } bits[] = {{DNS_QR, "qr"}, {DNS_AA, "aa"}, {DNS_TC, "tc"},
                {DNS_RD, "rd"}, {DNS_RA, "ra"}, {DNS_Z, "z"}};
    uint16_t flags = w->m->flags;
    fields_str(w->f, "flags", arena_printf(w->scratch, "%x", flags));
    for (size_t i = 0; i < ARRAY_LEN(bits); i++)
        if (flags & bits[i].bit)
            fields_bool(w->f, bits[i].key, true);
    fields_u64(w->f, "opcode", dns_opcode(flags));
}

static void put_rcode(struct writer *w)
{
    unsigned rcode = w->m->flags & 15;
    const char *name = dns_rcode_name(rcode);
    if (name)
        fields_cstr(w->f, "rcode", name);
    else
        fields_str(w->f, "rcode", arena_printf(w->scratch, "%u", rcode));
}

/* ------------------------------------------------------------------ records of the log */

static struct writer writer_of(const struct app_log_ctx *c, struct fields *out)
{
    return (struct writer){
        .f = out, .scratch = c->scratch, .m = &((const struct dns_tx *)c->tx)->m};
}

static void put_v3(struct writer *w, const struct dns_tx *t, const struct dns_log_options *o)
{
    fields_open(w->f, "dns");
    fields_u64(w->f, "version", 3);
    fields_cstr(w->f, "type", t->response ? "response" : "request");
    fields_u64(w->f, "tx_id", t->tx.id);
    fields_u64(w->f, "id", t->m.id);
    put_flags(w);
    put_rcode(w);
    put_queries(w);
    if (!o || o->detailed)
        put_section(w, "answers", DNS_ANSWERS);
    if (t->response && o && o->grouped)
        put_grouped(w);
    put_section(w, "authorities", DNS_AUTHORITIES);
    put_section(w, "additionals", DNS_ADDITIONALS);
    fields_close(w->f);
}

static void put_v2_query(struct writer *w, const struct dns_tx *t, const struct dns_rr *rr)
{
    fields_open(w->f, "dns");
    fields_u64(w->f, "version", 2);
    fields_cstr(w->f, "type", "query");
    fields_u64(w->f, "id", t->m.id);
    put_name(w, "rrname", "rrname_truncated", rr->name);
    put_type(w, "rrtype", rr->type);
    fields_u64(w->f, "tx_id", t->tx.id);
    if (t->m.flags & DNS_Z)
        fields_bool(w->f, "z", true);
    fields_u64(w->f, "opcode", dns_opcode(t->m.flags));
    fields_close(w->f);
}

static void put_v2_answer(struct writer *w, const struct dns_tx *t, const struct dns_log_options *o)
{
    const struct dns_rr *q = dns_rr_at(&t->m, DNS_QUERIES, 0);
    fields_open(w->f, "dns");
    fields_u64(w->f, "version", 2);
    fields_cstr(w->f, "type", "answer");
    fields_u64(w->f, "id", t->m.id);
    put_flags(w);
    if (q) {
        put_name(w, "rrname", "rrname_truncated", q->name);
        put_type(w, "rrtype", q->type);
    }
    put_rcode(w);
    if (o->detailed)
        put_section(w, "answers", DNS_ANSWERS);
    if (o->grouped)
        put_grouped(w);
    put_section(w, "authorities", DNS_AUTHORITIES);
    fields_close(w->f);
}

/* Is there something to write of this transaction, in the log of requests or in that of responses?
 */
static const struct dns_log_options *wanted(const struct app_log_ctx *c, bool response)
{
    const struct dns_tx *t = (const struct dns_tx *)c->tx;
    if (t->broken || t->response != response)
        return NULL;
    const struct dns_log_options *o = options_get(c);
    if (!(response ? o->responses : o->requests) || !any_type_wanted(o, &t->m))
        return NULL;
    return o;
}

/* Version 2 writes one question: the first that is wanted. */
static const struct dns_rr *wanted_query(const struct dns_log_options *o, const struct dns_msg *m)
{
    const struct dns_rr *rr;
    for (unsigned i = 0; (rr = dns_rr_at(m, DNS_QUERIES, i)); i++)
        if (type_wanted(o, rr->type))
            return rr;
    return NULL;
}

static bool write_request(const struct app_log_ctx *c, struct fields *out)
{
    const struct dns_tx *t = (const struct dns_tx *)c->tx;
    const struct dns_log_options *o = wanted(c, false);
    if (!o)
        return false;
    struct writer w = writer_of(c, out);
    const struct dns_rr *rr = o->version == 2 ? wanted_query(o, &t->m) : NULL;
    if (rr)
        put_v2_query(&w, t, rr);
    else if (o->version == 3)
        put_v3(&w, t, o);
    return rr || o->version == 3;
}

static bool write_response(const struct app_log_ctx *c, struct fields *out)
{
    const struct dns_log_options *o = wanted(c, true);
    if (!o || o->version != 3)
        return false;
    struct writer w = writer_of(c, out);
    put_v3(&w, (const struct dns_tx *)c->tx, o);
    return true;
}

static bool write_v2_answer(const struct app_log_ctx *c, struct fields *out)
{
    const struct dns_log_options *o = wanted(c, true);
    if (!o || o->version != 2)
        return false;
    struct writer w = writer_of(c, out);
    put_v2_answer(&w, (const struct dns_tx *)c->tx, o);
    return true;
}

/* Version 2 writes responses with the flow's addresses, version 3 with the packet's. */
#define WHOLE                                                                                      \
    {                                                                                              \
        DNS_PROGRESS_COMPLETE, DNS_PROGRESS_COMPLETE                                               \
    }
const struct app_log dns_logs[] = {
    {"dns", WHOLE, write_request, 0},
    {"dns", WHOLE, write_response, 1},
    {"dns", WHOLE, write_v2_answer, 0},
    {.event_type = NULL},
};

void dns_alert_fields(const struct app_log_ctx *c, struct fields *out)
{
    if (!c->tx || !((const struct dns_tx *)c->tx)->m.n)
        return;
    struct writer w = writer_of(c, out);
    put_v3(&w, (const struct dns_tx *)c->tx, NULL);
}
