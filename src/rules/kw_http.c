/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What Snort 3 adds to buffers of HTTP: arguments behind their names, parameters, and the message
 * that each means.
 *
 * A rule on the answer may look at its request: what only requests have is the request's there;
 * what both have is the answer's, or with `request` the request's (user manual, "Timing issues and
 * combining rule options").  The with_* words tell Snort when to look again; here what was found is
 * kept with the transaction, and they ask for nothing.
 */
#include "rules/kw.h"

#include <string.h>

/* ---- arguments */

enum { FIELD = 1, PARTS = 2, REQUEST = 4, WITH = 8 };
static const struct {
    const char *name;
    uint8_t takes;
} buffers[] = {
    {"http_header", FIELD | REQUEST | WITH},
    {"http_raw_header", FIELD | REQUEST | WITH},
    {"http_trailer", FIELD | REQUEST | WITH},
    {"http_raw_trailer", FIELD | REQUEST | WITH},
    {"http_cookie", REQUEST | WITH},
    {"http_raw_cookie", REQUEST | WITH},
    {"http_version", REQUEST | WITH},
    {"http_uri", PARTS | WITH},
    {"http_raw_uri", PARTS | WITH},
    {"http_method", WITH},
    {"http_raw_request", WITH},
    {"http_true_ip", WITH},
    {"http_stat_code", WITH},
    {"http_stat_msg", WITH},
    {"http_raw_status", WITH},
};

static unsigned taken_by(struct str name)
{
    for (unsigned i = 0; i < ARRAY_LEN(buffers); i++)
        if (str_eq(name, str_cstr(buffers[i].name)))
            return buffers[i].takes;
    return 0;
}

static bool is_token(struct str s)
{
    for (uint32_t i = 0; i < s.n; i++)
        if (s.p[i] <= ' ' || s.p[i] >= 127 || s.p[i] == ',' || s.p[i] == ':' || s.p[i] == '"')
            return false;
    return s.n > 0;
}

/* The sticky buffer gets one more transform. */
static bool narrow(struct parse *p, unsigned xform, struct str arg)
{
    struct rule_where w = p->c->where[p->where];
    w.xform[w.n_xform] = (uint8_t)xform;
    w.arg[w.n_xform++] = keep(p, arg);
    int32_t at = where_add(p, &w);
    if (at < 0)
        return false;
    p->where = (uint16_t)at;
    return !p->failed;
}

/* One header's value: a buffer of its own, or its line. */
static bool field_sticky(struct parse *p, unsigned buffer, struct str name, bool request)
{
    static const struct {
        const char *field, *buffer;
    } t[] = {{"user-agent", "http.user_agent"},
             {"referer", "http.referer"},
             {"content-type", "http.content_type"},
             {"accept", "http.accept"},
             {"accept-encoding", "http.accept_enc"},
             {"accept-language", "http.accept_lang"},
             {"server", "http.server"},
             {"location", "http.location"},
             {"content-length", "http.content_len"},
             {"cookie", "http.cookie"},
             {"set-cookie", "http.cookie"},
             {"connection", "http.connection"}};
    bool header = str_eq(p->opt->name, STR("http_header"));
    for (unsigned i = 0; header && i < ARRAY_LEN(t); i++)
        if (str_ieq(name, str_cstr(t[i].field))) {
            if (!strcmp(t[i].buffer, "http.cookie") && !request)
                p->header_dirs &= name.n == 6 ? 1u : 2u; /* one buffer, which has both */
            return sticky_named(p, t[i].buffer);
        }
    if (header)
        return sticky_named(p, "http.header") && narrow(p, XFORM_FIELD, name);
    return buffer_bind(p, buffer, "a header's field") && sticky_set(p, buffer) &&
           narrow(p, XFORM_FIELD, name);
}

static const char *part_of_uri(struct str word)
{
    static const struct {
        const char *part, *buffer;
    } parts[] = {{"scheme", "http uri scheme"}, {"host", "http uri host"},
                 {"port", "http uri port"},     {"path", "http uri path"},
                 {"query", "http uri query"},   {"fragment", "http uri fragment"}};
    for (unsigned i = 0; i < ARRAY_LEN(parts); i++)
        if (str_eq(word, str_cstr(parts[i].part)))
            return parts[i].buffer;
    return NULL;
}

struct arguments {
    struct str field;
    const char *part;
    bool request;
};

static bool argument_read(struct parse *p, unsigned takes, struct str item, struct arguments *a)
{
    struct str rest = item, word = word_next(&rest), name = p->opt->name;
    rest = str_trim(rest);
    bool with = str_eq(word, STR("with_header")) || str_eq(word, STR("with_body")) ||
                str_eq(word, STR("with_trailer"));
    const char *part = part_of_uri(word);
    if ((takes & FIELD) && str_eq(word, STR("field"))) {
        a->field = rest;
        return is_token(rest) ||
               bad(p, "field NAME", "'" STR_FMT "' is no name of a header", STR_ARG(rest));
    }
    if ((takes & REQUEST) && str_eq(word, STR("request")) && !rest.n) {
        a->request = true;
        return true;
    }
    if ((takes & WITH) && with && !rest.n)
        return true;
    if ((takes & PARTS) && part && !rest.n && str_eq(name, STR("http_uri"))) {
        a->part = part;
        return true;
    }
    if ((takes & PARTS) && part && !rest.n)
        return bad(p, "http_uri has its parts", STR_FMT ":" STR_FMT " is not built", STR_ARG(name),
                   STR_ARG(item));
    return bad(p, NULL, "this argument of " STR_FMT " is not known", STR_ARG(name));
}

bool http_arguments(struct parse *p, unsigned buffer, struct str v)
{
    unsigned takes = taken_by(p->opt->name);
    struct arguments a = {0};
    while (v.n)
        if (!argument_read(p, takes, str_trim(list_next(&v, ',')), &a))
            return false;
    p->tx_dir = a.request ? 1 : 0;
    if (a.field.n)
        return field_sticky(p, buffer, a.field, a.request);
    if (a.part)
        return sticky_named(p, a.part);
    return buffer_bind(p, buffer, "this buffer") && sticky_set(p, buffer);
}

/* ---- parameters */

/* "name"[,nocase] */
bool kw_http_param(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    struct str name = str_trim(list_next(&v, ',')), word = str_trim(v);
    if (!value_unquote(&name) || !name.n)
        return bad(p, "http_param:\"name\"[,nocase];", "the parameter's name stands in quotes");
    if (word.n && !str_eq(word, STR("nocase")))
        return bad(p, "nocase", "unknown word '" STR_FMT "'", STR_ARG(word));
    p->tx_dir = 0;
    return sticky_close(p) && sticky_named(p, "http params") &&
           narrow(p, word.n ? XFORM_PARAM_NOCASE : XFORM_PARAM, name);
}

static bool is_relative(const struct rule_test *t)
{
    unsigned k = t->kind;
    if (k == TEST_CONTENT)
        return t->u.content.flags & CONTENT_RELATIVE;
    if (k == TEST_PCRE)
        return t->u.pcre.flags & REGEX_RELATIVE;
    bool bytes = k == TEST_BYTE_TEST || k == TEST_BYTE_JUMP || k == TEST_BYTE_EXTRACT ||
                 k == TEST_BYTE_MATH || k == TEST_ISDATAAT;
    return bytes && (t->u.bytes.flags & BYTE_RELATIVE);
}

bool snort3_params(struct parse *p)
{
    for (uint32_t i = 0; p->d == DIALECT_SNORT3 && i < p->n; i++) {
        struct rule_test *t = &p->t[i];
        struct rule_where w = p->c->where[t->where];
        uint8_t *x = w.n_xform ? &w.xform[w.n_xform - 1] : NULL;
        if (!x || (*x != XFORM_PARAM && *x != XFORM_PARAM_NOCASE) || !is_relative(t))
            continue;
        uint16_t where = t->where;
        uint8_t instance = t->instance;
        bool first = true;
        for (uint32_t k = 0; k < i; k++)
            first &= p->t[k].where != where || p->t[k].instance != instance;
        *x = *x == XFORM_PARAM ? XFORM_PARAM_ANY : XFORM_PARAM_ANY_NOCASE;
        int32_t at = first ? where_add(p, &w) : (int32_t)where;
        if (at < 0)
            return false;
        for (uint32_t k = i; first && k < p->n; k++)
            if (p->t[k].where == where && p->t[k].instance == instance)
                p->t[k].where = (uint16_t)at;
    }
    return true;
}

/* ---- which message */

unsigned snort3_directions(struct parse *p, unsigned flow)
{
    bool request = false, answer = false, current = false, asked = false, body = false;
    unsigned all = flow;
    for (uint32_t i = 0; i < p->n; i++) {
        const struct app_buffer *row = buffer_row(p, buffer_at(p, p->t[i].where));
        unsigned dirs = row ? row->dirs : 0;
        if (!dirs)
            continue;
        all &= dirs;
        asked |= p->t[i].tx_dir == 1;
        request |= dirs == 1;
        answer |= dirs == 2;
        current |= dirs == 3 && !p->t[i].tx_dir;
        body |= dirs == 1 && row->kind == APP_BUF_GROWING;
    }
    unsigned dirs = 3;
    if (p->app != APP_HTTP)
        return all;
    if (answer || (flow & 3u) == 2)
        dirs = 2;
    else if (request || (asked && !current))
        dirs = 1;
    dirs &= flow;
    if (dirs != 2 || !(request || asked))
        return dirs;
    if (body)
        return 0; /* the request's body is gone when the answer comes */
    for (uint32_t i = 0; i < p->n; i++) {
        const struct app_buffer *row = buffer_row(p, buffer_at(p, p->t[i].where));
        if (row && row->dirs == 1)
            p->t[i].tx_dir = 1;
    }
    return dirs;
}
