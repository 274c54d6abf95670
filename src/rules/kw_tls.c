/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Words of TLS with a grammar of their own: versions, states, certificates. */
#include "rules/kw.h"

#include <string.h>

/* A number of TLS under its name in the registry; NULL: refused. */
static const struct app_buffer *tls_field(struct parse *p, const char *name, uint16_t *where)
{
    int b = app_buffer_find(str_cstr(name), APP_SURICATA);
    const struct app_buffer *row = b < 0 ? NULL : buffer_row(p, RULE_BUF_APP + (unsigned)b);
    if (!row || row->kind != APP_BUF_UINT) {
        bad(p, NULL, "the field %s is not built", name);
        return NULL;
    }
    int32_t w = where_of_buffer(p, RULE_BUF_APP + (unsigned)b);
    if (w < 0 || !buffer_bind(p, RULE_BUF_APP + (unsigned)b, name))
        return NULL;
    *where = (uint16_t)w;
    return row;
}

static bool field_add(struct parse *p, uint16_t where, enum num_op op, uint64_t a, uint64_t b)
{
    struct rule_test *t = test_add_at(p, TEST_BUFFER_UINT, where, 0);
    if (!t)
        return false;
    t->u.uint = (struct test_uint){.op = (uint8_t)op, .a = a, .b = b};
    return true;
}

/* Names behind commas or bars, each perhaps with '!': bits by position in `names`. */
static bool name_set(struct parse *p, struct str v, const struct app_enum *names, uint32_t *set,
                     bool *negated)
{
    while (v.n) {
        uint32_t n = 0;
        while (n < v.n && v.p[n] != ',' && v.p[n] != '|')
            n++;
        struct str w = str_trim(str_first(v, n));
        v = n < v.n ? str_skip(v, n + 1) : str_skip(v, v.n);
        *negated |= value_negated(&w);
        unsigned i = 0;
        while (names && names[i].name && !str_ieq(w, str_cstr(names[i].name)))
            i++;
        if (!names || !names[i].name || i > 31)
            return bad(p, NULL, "unknown word '" STR_FMT "'", STR_ARG(w));
        *set |= 1u << i;
    }
    return *set || bad(p, NULL, "nothing is named");
}

/*
 * ssl_version:[!]tls1.0,tls1.2: one of them.  A list of numbers is written as the range that it
 * spans without the named ones that are not in it.
 */
bool kw_ssl_version(struct parse *p, const struct keyword *k, struct str v)
{
    uint16_t where;
    uint32_t set = 0;
    bool negated = false;
    const struct app_buffer *row = tls_field(p, k->name, &where);
    if (!row || !name_set(p, v, row->names, &set, &negated))
        return false;
    uint64_t lo = UINT64_MAX, hi = 0;
    for (unsigned i = 0; row->names[i].name; i++)
        if (set >> i & 1) {
            lo = u64_min(lo, row->names[i].value);
            hi = u64_max(hi, row->names[i].value);
        }
    if (!negated && !field_add(p, where, NUM_IN, lo, hi))
        return false;
    for (unsigned i = 0; row->names[i].name; i++) {
        uint64_t value = row->names[i].value;
        bool in = set >> i & 1;
        if (in == negated && value >= lo && value <= hi && !field_add(p, where, NUM_NE, value, 0))
            return false;
    }
    return true;
}

/* ssl_state:[!]client_hello|server_hello: one of them was seen; negated: none. */
bool kw_ssl_state(struct parse *p, const struct keyword *k, struct str v)
{
    uint16_t where;
    uint32_t set = 0;
    uint64_t mask = 0;
    bool negated = false;
    const struct app_buffer *row = tls_field(p, k->name, &where);
    if (!row || !name_set(p, v, row->names, &set, &negated))
        return false;
    for (unsigned i = 0; row->names[i].name; i++)
        if (set >> i & 1)
            mask |= row->names[i].value;
    return field_add(p, where, negated ? NUM_MASK_SET : NUM_MASK_ANY, mask, 0);
}

/* "2019-01-31[T23:59:59]" as seconds since 1970 (proleptic, UTC). */
static bool date_parse(struct str s, int64_t *out)
{
    int64_t part[6] = {1970, 1, 1, 0, 0, 0};
    static const uint8_t ends[] = {'-', '-', 'T', ':', ':', 0};
    s = str_trim(s);
    for (unsigned i = 0; i < 6 && s.n; i++) {
        uint32_t n = 0;
        uint64_t v;
        while (n < s.n && s.p[n] >= '0' && s.p[n] <= '9')
            n++;
        if (!str_u64_base(str_first(s, n), 10, &v) || v > 9999)
            return false;
        part[i] = (int64_t)v;
        if (n < s.n && s.p[n] != ends[i] && !(i == 2 && s.p[n] == ' '))
            return false;
        s = str_skip(s, n < s.n ? n + 1 : n);
    }
    if (s.n || part[1] < 1 || part[1] > 12 || part[2] < 1 || part[2] > 31)
        return false;
    /* Days of the civil calendar, March first. */
    int64_t y = part[0] - (part[1] <= 2), era = y / 400, yoe = y - era * 400;
    int64_t doy = (153 * (part[1] + (part[1] > 2 ? -3 : 9)) + 2) / 5 + part[2] - 1;
    int64_t days = era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
    *out = days * 86400 + part[3] * 3600 + part[4] * 60 + part[5];
    return true;
}

/* tls_cert_notbefore, tls_cert_notafter: [<|>]DATE, DATE<>DATE */
bool kw_cert_time(struct parse *p, const struct keyword *k, struct str v)
{
    uint16_t where;
    enum num_op op = NUM_EQ;
    int64_t a, b = 0, range = str_find(v, STR("<>"));
    value_unquote(&v);
    if (!tls_field(p, k->name, &where))
        return false;
    if (range > 0) {
        op = NUM_IN;
    } else if (v.p[0] == '<' || v.p[0] == '>') {
        op = v.p[0] == '<' ? NUM_LT : NUM_GT;
        v = str_skip(v, 1);
    }
    struct str first = range > 0 ? str_first(v, (uint32_t)range) : v;
    if (!date_parse(first, &a) || (range > 0 && !date_parse(str_skip(v, (uint32_t)range + 2), &b)))
        return bad(p, "2019-01-31 or 2019-01-31T23:59:59", "the date is not understood");
    return field_add(p, where, op, (uint64_t)a, (uint64_t)b);
}

/* tls_cert_expired, tls_cert_valid */
bool kw_cert_state(struct parse *p, const struct keyword *k, struct str v)
{
    (void)v;
    uint16_t where;
    return tls_field(p, k->name, &where) && field_add(p, where, NUM_EQ, 1, 0);
}
