/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Buffers: sticky ones, content modifiers, transforms, and tests of a buffer's length and presence.
 *
 * Application buffers come from the registry (app.h) under each dialect's names; this file knows
 * only the packet's own.
 */
#include "rules/kw.h"

#include <string.h>

int32_t where_add(struct parse *p, const struct rule_where *w)
{
    struct chunk *c = p->c;
    for (uint32_t i = 0; i < c->n_where; i++) {
        const struct rule_where *o = &c->where[i];
        if (o->buffer != w->buffer || o->n_xform != w->n_xform ||
            memcmp(o->xform, w->xform, w->n_xform) != 0)
            continue;
        bool same = true;
        for (unsigned k = 0; k < w->n_xform; k++)
            same &= str_eq(o->arg[k], w->arg[k]);
        if (same)
            return (int32_t)i;
    }
    if (c->n_where == c->where_room) {
        uint32_t room = c->where_room ? c->where_room * 2 : 64;
        struct rule_where *more =
            room > UINT16_MAX ? NULL : arena_alloc(c->arena, room * sizeof(*more));
        if (!more) {
            no_memory(p);
            return -1;
        }
        if (c->n_where)
            memcpy(more, c->where, c->n_where * sizeof(*more));
        c->where = more;
        c->where_room = room;
    }
    c->where[c->n_where] = *w;
    return (int32_t)c->n_where++;
}

int32_t where_of_buffer(struct parse *p, unsigned buffer)
{
    struct rule_where w = {.buffer = (uint16_t)buffer};
    return where_add(p, &w);
}

const struct app_buffer *buffer_row(const struct parse *p, unsigned buffer)
{
    if (buffer < RULE_BUF_APP)
        return NULL;
    enum app_proto_id id;
    const struct app_buffer *row =
        p->app ? app_buffer_of(buffer - RULE_BUF_APP, (enum app_proto_id)p->app) : NULL;
    return row ? row : app_buffer_any(buffer - RULE_BUF_APP, &id);
}

bool app_bind(struct parse *p, unsigned app, const char *what)
{
    if (!p->app) {
        const struct app_proto_def *def = app_def((enum app_proto_id)app);
        unsigned t = def ? (def->tcp ? RULE_TCP : 0u) | (def->udp ? RULE_UDP : 0u) : 0;
        if (t && !(p->r->transports & t))
            return bad(p, NULL, "%s belongs to %s, which the header's protocol never carries", what,
                       app_name(app));
        if (p->r->flags & (RULE_PKTHDR | RULE_ARP | RULE_ETHER))
            return bad(p, NULL, "%s belongs to %s, which the header's protocol never carries", what,
                       app_name(app));
        p->app = (uint16_t)app;
        return true;
    }
    if (p->app == app || app_covers((enum app_proto_id)p->app, (enum app_proto_id)app))
        return true;
    return bad(p, "one rule looks at one application protocol", "%s belongs to %s, the rule to %s",
               what, app_name(app), app_name(p->app));
}

bool buffer_bind(struct parse *p, unsigned buffer, const char *what)
{
    if (buffer < RULE_BUF_APP)
        return true;
    enum app_proto_id id = APP_UNKNOWN;
    const struct app_buffer *row = app_buffer_any(buffer - RULE_BUF_APP, &id);
    if (!row)
        return bad(p, NULL, "%s has no buffer in this build", what);
    const struct app_buffer *own =
        p->app ? app_buffer_of(buffer - RULE_BUF_APP, (enum app_proto_id)p->app) : NULL;
    if (row->flags & APP_BUF_ANY_PROTO) {
        if (p->app && !own)
            return bad(p, NULL, "%s: %s has no such buffer in this build", what, app_name(p->app));
    } else if (!own && p->app && !app_def((enum app_proto_id)p->app) &&
               app_covers(id, (enum app_proto_id)p->app)) {
        return bad(p, NULL, "%s of %s needs its parser, which is not built", what,
                   app_name(p->app));
    } else if (!own && !app_bind(p, id, what)) {
        return false;
    }
    if (own)
        row = own;
    uint32_t dirs = row->dirs ? row->dirs : 3u;
    if (!(p->r->flags & RULE_TX_WHOLE) && p->d != DIALECT_SNORT3) /* Snort 3: snort3_directions */
        p->header_dirs &= p->tx_dir ? dirs & p->tx_dir : dirs;
    return true;
}

bool sticky_close(struct parse *p)
{
    if (!p->sticky || !p->sticky_open)
        return true;
    p->sticky_open = false;
    if (p->d == DIALECT_SURICATA) {
        p->opt = p->sticky_opt;
        return bad(p, "put a content, pcre ... behind it",
                   "nothing is tested in the buffer " STR_FMT, STR_ARG(p->sticky_opt->name));
    }
    if (buffer_at(p, p->where) < RULE_BUF_APP)
        return true;
    return test_add(p, TEST_BUFFER_PRESENT) != NULL;
}

bool sticky_reset(struct parse *p)
{
    if (!sticky_close(p))
        return false;
    p->sticky = false;
    p->where = 0;
    p->instance = 0;
    p->tx_dir = 0;
    return true;
}

bool sticky_set(struct parse *p, unsigned buffer)
{
    int32_t w = where_of_buffer(p, buffer);
    if (w < 0)
        return false;
    p->where = (uint16_t)w;
    p->instance = 0;
    p->sticky = p->sticky_open = true;
    p->sticky_buffer = (uint16_t)buffer;
    p->sticky_opt = p->opt;
    const struct app_buffer *row = buffer_row(p, buffer);
    if (row && row->kind == APP_BUF_MULTI)
        p->instance = p->instances[buffer % ARRAY_LEN(p->instances)]++;
    return true;
}

bool sticky_named(struct parse *p, const char *buffer)
{
    int b = app_buffer_find(str_cstr(buffer), APP_SURICATA);
    return b >= 0 && buffer_bind(p, RULE_BUF_APP + (unsigned)b, buffer) && sticky_set(p, RULE_BUF_APP + (unsigned)b);
}

/* A number of the application layer: the value stands behind the name. */
static bool field_test(struct parse *p, unsigned buffer, const struct app_buffer *row, struct str v)
{
    struct test_uint u;
    if (!v.n)
        return bad(p, NULL, STR_FMT " needs a value", STR_ARG(p->opt->name));
    if (!uint_parse(p, v, uint_style(p), form_max(row->name), row->names, &u) ||
        !form_named(p, row, v))
        return false;
    int32_t w = where_of_buffer(p, buffer);
    struct rule_test *t = w < 0 ? NULL : test_add_at(p, TEST_BUFFER_UINT, (uint16_t)w, 0);
    if (!t)
        return false;
    t->u.uint = u;
    return true;
}

bool buffer_sticky(struct parse *p, unsigned buffer, struct str v, bool has_value)
{
    char what[64] = {0};
    memcpy(what, p->opt->name.p, u32_min(p->opt->name.n, sizeof(what) - 1));
    const struct app_buffer *row = buffer_row(p, buffer);
    if (row && (row->kind == APP_BUF_UINT || row->kind == APP_BUF_MULTI_UINT))
        return buffer_bind(p, buffer, what) && field_test(p, buffer, row, v);
    if (!sticky_close(p))
        return false;
    p->tx_dir = 0;
    if (has_value && p->d == DIALECT_SURICATA) {
        if (str_eq(v, STR("to_server")))
            p->tx_dir = 1;
        else if (str_eq(v, STR("to_client")))
            p->tx_dir = 2;
        else
            return bad(p, NULL, "a sticky buffer takes no value but to_server and to_client");
    }
    if (has_value && p->d != DIALECT_SURICATA)
        return http_arguments(p, buffer, v);
    return buffer_bind(p, buffer, what) && sticky_set(p, buffer);
}

bool buffer_modifier(struct parse *p, unsigned buffer)
{
    char what[64] = {0};
    memcpy(what, p->opt->name.p, u32_min(p->opt->name.n, sizeof(what) - 1));
    if (p->opt->has_value)
        return bad(p, NULL, "%s takes no value", what);
    if (p->last_content < 0)
        return bad(p, "it stands behind the content that it moves", "%s needs a content before it",
                   what);
    if (p->sticky && p->d == DIALECT_SURICATA)
        return bad(p, "use the sticky buffer of that name", "%s can't stand behind a sticky buffer",
                   what);
    int32_t at = p->last_content;
    if (p->d == DIALECT_SURICATA) /* the last one that is still in the payload */
        while (at >= 0 && (p->t[at].kind != TEST_CONTENT || p->t[at].where != 0))
            at--;
    struct rule_test *t = at >= 0 ? &p->t[at] : NULL;
    if (!t || t->where != p->where)
        return bad(p, NULL, "the content before %s is in a buffer already", what);
    int32_t w = where_of_buffer(p, buffer);
    if (w < 0 || !buffer_bind(p, buffer, what))
        return false;
    t->where = (uint16_t)w;
    t->instance = 0;
    return true;
}

/* ---- the packet's own */

bool kw_pkt_data(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    (void)v;
    return sticky_reset(p);
}

bool kw_raw_data(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    (void)v;
    return sticky_close(p) && sticky_set(p, BUF_RAW_PAYLOAD);
}

/* ipv4.hdr, tcp.hdr ... */
bool kw_header_buffer(struct parse *p, const struct keyword *k, struct str v)
{
    (void)v;
    static const struct {
        uint8_t buffer, transports;
    } t[] = {{BUF_TCP_HDR, RULE_TCP},
             {BUF_UDP_HDR, RULE_UDP},
             {BUF_ICMPV4_HDR, RULE_ICMP4},
             {BUF_ICMPV6_HDR, RULE_ICMP6}};
    for (unsigned i = 0; i < ARRAY_LEN(t); i++)
        if (t[i].buffer == k->extra && !(p->r->transports & t[i].transports))
            return bad(p, NULL, "the header's protocol has no %s", k->name);
    return sticky_close(p) && sticky_set(p, k->extra);
}

/* ---- length and presence */

/* Snort 3: bufferlen:N,relative asks for the bytes behind the cursor. */
static bool rest_length(struct parse *p, const struct test_uint *u)
{
    uint64_t least = 0, most = UINT64_MAX;
    if (u->op == NUM_EQ || u->op == NUM_GE || u->op == NUM_IN)
        least = u->a;
    if (u->op == NUM_GT)
        least = u->a + 1;
    if (u->op != NUM_GE && u->op != NUM_GT)
        most = uint_max(u);
    if (u->op == NUM_NE || u->op == NUM_NOT_IN)
        return bad(p, NULL, "a negated relative length is not supported");
    for (unsigned i = 0; i < 2; i++) {
        uint64_t n = i ? most + 1 : least;
        if (i ? most == UINT64_MAX : least == 0)
            continue;
        struct rule_test *t = test_add(p, TEST_ISDATAAT);
        if (!t)
            return false;
        t->u.bytes =
            (struct test_bytes){.flags = (uint16_t)(BYTE_RELATIVE | (i ? BYTE_NEGATED : 0)),
                                .value = num_of((int64_t)n)};
        t->u.bytes.n = t->u.bytes.offset = t->u.bytes.post_var = num_of(0);
        t->u.bytes.result = -1;
    }
    return true;
}

bool kw_bsize(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    struct test_uint u;
    struct str number = list_next(&v, ',');
    bool relative = str_eq(v, STR("relative"));
    if (v.n && (!relative || p->d == DIALECT_SURICATA))
        return bad(p, NULL, "unknown word '" STR_FMT "'", STR_ARG(v));
    if (!p->sticky && p->d == DIALECT_SURICATA)
        return bad(p, NULL, "bsize has no sticky buffer before it");
    if (!uint_parse(p, number, uint_style(p), UINT64_MAX, NULL, &u))
        return false;
    if (relative)
        return rest_length(p, &u);
    struct rule_test *t = test_add(p, TEST_BSIZE);
    if (!t)
        return false;
    t->u.uint = u;
    return true;
}

/* 20<>21 of Suricata: loads, and never matches (check says so). */
static bool urilen_empty(const struct parse *p, struct str v, struct test_uint *u)
{
    int64_t at = str_find(v, STR("<>"));
    uint64_t a, b;
    if (p->d != DIALECT_SURICATA || at <= 0 || !str_u64(str_trim(str_first(v, (uint32_t)at)), &a) ||
        !str_u64(str_trim(str_skip(v, (uint32_t)at + 2)), &b) || b > 65535 || b != a + 1)
        return false;
    *u = (struct test_uint){.op = NUM_LT};
    return true;
}

/* N, <N, >N, N<>M with ,norm or ,raw */
bool kw_urilen(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    struct test_uint u;
    struct str number = list_next(&v, ',');
    bool raw = p->d == DIALECT_SNORT2;
    if (str_eq(v, STR("raw")))
        raw = true;
    else if (str_eq(v, STR("norm")))
        raw = false;
    else if (v.n)
        return bad(p, "norm or raw", "unknown word '" STR_FMT "'", STR_ARG(v));
    if (!urilen_empty(p, number, &u) && !uint_parse(p, number, uint_style(p), 65535, NULL, &u))
        return false;
    struct str name = raw ? STR("http_raw_uri") : STR("http_uri");
    int b = app_buffer_find_modifier(name, (enum app_dialect)p->d);
    if (b < 0)
        return bad(p, NULL, "there is no buffer for urilen");
    unsigned buffer = RULE_BUF_APP + (unsigned)b;
    int32_t w = where_of_buffer(p, buffer);
    if (w < 0 || !buffer_bind(p, buffer, "urilen"))
        return false;
    struct rule_test *t = test_add_at(p, TEST_BSIZE, (uint16_t)w, 0);
    if (!t)
        return false;
    t->u.uint = u;
    return true;
}

bool kw_absent(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    if (v.n && !str_eq(v, STR("or_else")))
        return bad(p, "absent or absent:or_else", "unknown word '" STR_FMT "'", STR_ARG(v));
    if (!p->sticky || !p->sticky_open)
        return bad(p, NULL, "absent stands right behind a sticky buffer");
    struct rule_test *t = test_add(p, TEST_BUFFER_ABSENT);
    if (!t)
        return false;
    t->u.flag = v.n > 0;
    return true;
}
