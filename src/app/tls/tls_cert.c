/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A bounded walk over DER: definite lengths, one-byte tags, no recursion, each element inside its
 * parent.
 */
#include "app/tls/tls_cert.h"

#include <string.h>

#include "base/hash.h"
#include "base/ip.h"

enum der_tag {
    DER_INTEGER = 0x02,
    DER_BIT_STRING = 0x03,
    DER_OCTET_STRING = 0x04,
    DER_OID = 0x06,
    DER_BOOLEAN = 0x01,
    DER_UTC_TIME = 0x17,
    DER_GENERALIZED_TIME = 0x18,
    DER_UNIVERSAL_STRING = 0x1c,
    DER_BMP_STRING = 0x1e,
    DER_SEQUENCE = 0x30,
    DER_SET = 0x31,
    DER_VERSION = 0xa0,    /* [0] of tbsCertificate */
    DER_EXTENSIONS = 0xa3, /* [3] */
};

enum der {
    DER_OK,
    DER_END,
    DER_SHORT /* header cut off */,
    DER_BEYOND /* content leaves its parent */
};

/* The next element of c. */
static enum der der_next(struct cursor *c, unsigned *tag, struct cursor *content)
{
    if (cur_left(c) == 0)
        return DER_END;
    *tag = cur_u8(c);
    uint32_t n = cur_u8(c);
    if (n & 0x80) {
        unsigned k = n & 0x7f;
        if (k == 0 || k > 4)
            return DER_SHORT;
        n = 0;
        while (k--)
            n = n << 8 | cur_u8(c);
    }
    if (c->bad)
        return DER_SHORT;
    if (n > cur_left(c))
        return DER_BEYOND;
    *content = cur_sub(c, n);
    return DER_OK;
}

/* An element that must have this tag. */
static bool der_want(struct cursor *c, unsigned want, struct cursor *content)
{
    unsigned tag;
    return der_next(c, &tag, content) == DER_OK && tag == want;
}

static struct str view(const struct cursor *c)
{
    return str_of(c->at, cur_left(c));
}

/* ------------------------------------------------------------------ times */

/* Days from 1970-01-01 (proleptic Gregorian), year 0..9999. */
static int64_t days_of(int64_t y, unsigned m, unsigned d)
{
    y -= m <= 2;
    int64_t era = (y >= 0 ? y : y - 399) / 400;
    int64_t yoe = y - era * 400;
    int64_t doy = (153 * (int64_t)(m > 2 ? m - 3 : m + 9) + 2) / 5 + d - 1;
    return era * 146097 + yoe * 365 + yoe / 4 - yoe / 100 + doy - 719468;
}

static bool two(const uint8_t *p, unsigned *out)
{
    if (p[0] < '0' || p[0] > '9' || p[1] < '0' || p[1] > '9')
        return false;
    *out = (p[0] - '0') * 10u + (p[1] - '0');
    return true;
}

/* YYMMDDHHMM[SS]Z or YYYYMMDDHHMMSSZ (RFC 5280 4.1.2.5). */
static bool time_read(unsigned tag, struct cursor *c, int64_t *out)
{
    unsigned century, v[6] = {0}, n = 0;
    if (tag == DER_GENERALIZED_TIME) {
        const uint8_t *p = cur_take(c, 2);
        if (!p || !two(p, &century))
            return false;
    } else if (tag == DER_UTC_TIME) {
        century = 0;
    } else {
        return false;
    }
    while (n < 6 && cur_left(c) >= 2 && two(c->at, &v[n])) {
        cur_skip(c, 2);
        n++;
    }
    if (n < 5 || v[1] < 1 || v[1] > 12 || v[2] < 1 || v[2] > 31 || v[3] > 24 || v[4] > 59 ||
        v[5] > 60)
        return false;
    if (tag == DER_UTC_TIME)
        century = v[0] >= 50 ? 19 : 20;
    *out = days_of(century * 100 + v[0], v[1], v[2]) * 86400 + v[3] * 3600 + v[4] * 60 + v[5];
    return true;
}

struct str tls_cert_time(int64_t seconds, struct arena *a)
{
    int64_t days = (seconds >= 0 ? seconds : seconds - 86399) / 86400;
    unsigned s = (unsigned)(seconds - days * 86400);
    int64_t z = days + 719468, era = (z >= 0 ? z : z - 146096) / 146097, doe = z - era * 146097;
    int64_t yoe = (doe - doe / 1460 + doe / 36524 - doe / 146096) / 365;
    int64_t doy = doe - (365 * yoe + yoe / 4 - yoe / 100), mp = (5 * doy + 2) / 153;
    unsigned d = (unsigned)(doy - (153 * mp + 2) / 5 + 1),
             m = (unsigned)(mp < 10 ? mp + 3 : mp - 9);
    return arena_printf(a, "%04d-%02u-%02uT%02u:%02u:%02u", (int)(yoe + era * 400 + (m <= 2)), m, d,
                        s / 3600, s / 60 % 60, s % 60);
}

/* ------------------------------------------------------------------ the certificate */

static bool validity_read(struct cursor *tbs, struct tls_cert *out, uint64_t *events)
{
    struct cursor v, t;
    unsigned tag;
    if (!der_want(tbs, DER_SEQUENCE, &v)) {
        *events |= TLS_BIT(CERT_INVALID_VALIDITY);
        return false;
    }
    bool ok = der_next(&v, &tag, &t) == DER_OK && time_read(tag, &t, &out->not_before) &&
              der_next(&v, &tag, &t) == DER_OK && time_read(tag, &t, &out->not_after);
    if (!ok)
        *events |= TLS_BIT(CERT_INVALID_DATE);
    out->has_validity = ok;
    return true;
}

static const uint8_t oid_alt_name[] = {0x55, 0x1d, 0x11};

static void extension_read(struct cursor *e, struct tls_cert *out)
{
    struct cursor oid, value, names;
    unsigned tag;
    if (!der_want(e, DER_OID, &oid) ||
        !str_eq(view(&oid), str_of(oid_alt_name, sizeof(oid_alt_name))))
        return;
    if (der_next(e, &tag, &value) != DER_OK)
        return;
    if (tag == DER_BOOLEAN && der_next(e, &tag, &value) != DER_OK)
        return;
    if (tag == DER_OCTET_STRING && der_want(&value, DER_SEQUENCE, &names))
        out->alt_names = view(&names);
}

/* Behind the key: [1], [2] identifiers, [3] extensions. */
static void extensions_read(struct cursor *tbs, struct tls_cert *out, uint64_t *events)
{
    struct cursor c, list, e;
    unsigned tag;
    enum der r;
    while ((r = der_next(tbs, &tag, &c)) == DER_OK && tag != DER_EXTENSIONS)
        ;
    if (r == DER_END)
        return;
    bool ok = r == DER_OK && der_want(&c, DER_SEQUENCE, &list);
    while (ok && (r = der_next(&list, &tag, &e)) == DER_OK)
        extension_read(&e, out);
    if (!ok || r != DER_END)
        *events |= TLS_BIT(CERT_INVALID_EXTENSIONS);
}

/* An optional [0] with the version, then the serial number. */
static bool serial_read(struct cursor *tbs, struct tls_cert *out, uint64_t *events)
{
    struct cursor c, v;
    unsigned tag;
    if (der_next(tbs, &tag, &c) != DER_OK) {
        *events |= TLS_BIT(INVALID_CERTIFICATE);
        return false;
    }
    if (tag == DER_VERSION) {
        if (!der_want(&c, DER_INTEGER, &v) || cur_left(&v) != 1 || v.at[0] > 2)
            *events |= TLS_BIT(CERT_INVALID_VERSION);
        if (der_next(tbs, &tag, &c) != DER_OK)
            tag = 0;
    }
    if (tag != DER_INTEGER) {
        *events |= TLS_BIT(CERT_INVALID_SERIAL);
        return false;
    }
    out->serial = view(&c);
    out->has_serial = true;
    return true;
}

static bool name_read(struct cursor *tbs, struct str *out, bool *has, uint64_t *events,
                      uint64_t event)
{
    struct cursor name;
    *has = der_want(tbs, DER_SEQUENCE, &name);
    if (*has)
        *out = view(&name);
    else
        *events |= event;
    return *has;
}

bool tls_cert_read(const uint8_t *p, uint32_t n, struct tls_cert *out, uint64_t *events)
{
    struct cursor c = cur_of(p, n), cert, tbs, skip;
    unsigned tag;
    *out = (struct tls_cert){.der = str_of(p, n)};
    enum der r = der_next(&c, &tag, &cert);
    if (r == DER_OK && tag == DER_SEQUENCE)
        r = der_next(&cert, &tag, &tbs);
    if (r != DER_OK || tag != DER_SEQUENCE) {
        *events |= r == DER_SHORT ? TLS_BIT(CERT_INVALID_LENGTH)
                   : r == DER_OK  ? TLS_BIT(CERT_INVALID_DER)
                                  : TLS_BIT(INVALID_CERTIFICATE);
        return false;
    }
    if (!serial_read(&tbs, out, events))
        return false;
    if (!der_want(&tbs, DER_SEQUENCE, &skip)) {
        *events |= TLS_BIT(CERT_INVALID_ALGORITHM);
        return false;
    }
    if (!name_read(&tbs, &out->issuer, &out->has_issuer, events, TLS_BIT(CERT_INVALID_ISSUER)) ||
        !validity_read(&tbs, out, events) ||
        !name_read(&tbs, &out->subject, &out->has_subject, events, TLS_BIT(CERT_INVALID_SUBJECT)))
        return false;
    if (!der_want(&tbs, DER_SEQUENCE, &skip)) {
        *events |= TLS_BIT(INVALID_CERTIFICATE);
        return false;
    }
    extensions_read(&tbs, out, events);
    return true;
}

/* ------------------------------------------------------------------ names as text */

/* Attribute types (RFC 4519, RFC 5280 A, CA/B forum): DER of the OID, name. */
static const struct {
    const char *oid;
    uint8_t n;
    const char *name;
} attributes[] = {
    {"\x55\x04\x03", 3, "CN"},
    {"\x55\x04\x04", 3, "SN"},
    {"\x55\x04\x05", 3, "serialNumber"},
    {"\x55\x04\x06", 3, "C"},
    {"\x55\x04\x07", 3, "L"},
    {"\x55\x04\x08", 3, "ST"},
    {"\x55\x04\x09", 3, "street"},
    {"\x55\x04\x0a", 3, "O"},
    {"\x55\x04\x0b", 3, "OU"},
    {"\x55\x04\x0c", 3, "title"},
    {"\x55\x04\x0d", 3, "description"},
    {"\x55\x04\x0f", 3, "businessCategory"},
    {"\x55\x04\x11", 3, "postalCode"},
    {"\x55\x04\x2a", 3, "GN"},
    {"\x55\x04\x2b", 3, "initials"},
    {"\x55\x04\x2c", 3, "generationQualifier"},
    {"\x55\x04\x2e", 3, "dnQualifier"},
    {"\x55\x04\x61", 3, "organizationIdentifier"},
    {"\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x01", 10, "UID"},
    {"\x09\x92\x26\x89\x93\xf2\x2c\x64\x01\x19", 10, "DC"},
    {"\x2a\x86\x48\x86\xf7\x0d\x01\x09\x01", 9, "Email"},
    {"\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x01", 11, "jurisdictionL"},
    {"\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x02", 11, "jurisdictionST"},
    {"\x2b\x06\x01\x04\x01\x82\x37\x3c\x02\x01\x03", 11, "jurisdictionC"},
};

struct line {
    uint8_t *p;
    uint32_t n, room;
};

static void line_put(struct line *l, const void *p, uint32_t n)
{
    n = u32_min(n, l->room - l->n);
    memcpy(l->p + l->n, p, n);
    l->n += n;
}

static void line_number(struct line *l, uint64_t v)
{
    char t[20];
    unsigned k = sizeof(t);
    do
        t[--k] = (char)('0' + v % 10);
    while (v /= 10);
    line_put(l, t + k, (uint32_t)sizeof(t) - k);
}

/* Dotted numbers (X.690 8.19). */
static void line_oid(struct line *l, struct str oid)
{
    uint64_t v = 0;
    bool first = true;
    for (uint32_t i = 0; i < oid.n; i++) {
        v = v << 7 | (oid.p[i] & 0x7f);
        if (oid.p[i] & 0x80)
            continue;
        if (first) {
            uint64_t top = v < 80 ? v / 40 : 2;
            line_number(l, top);
            v -= top * 40;
        }
        first = false;
        line_put(l, ".", 1);
        line_number(l, v);
        v = 0;
    }
}

static void line_type(struct line *l, struct str oid)
{
    for (size_t i = 0; i < ARRAY_LEN(attributes); i++)
        if (str_eq(oid, str_of(attributes[i].oid, attributes[i].n))) {
            line_put(l, attributes[i].name, (uint32_t)strlen(attributes[i].name));
            return;
        }
    line_oid(l, oid);
}

static void line_utf8(struct line *l, uint32_t c)
{
    uint8_t t[4];
    unsigned n = c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
    static const uint8_t lead[] = {0, 0, 0xc0, 0xe0, 0xf0};
    for (unsigned i = n; i-- > 1; c >>= 6)
        t[i] = (uint8_t)(0x80 | (c & 0x3f));
    t[0] = (uint8_t)(lead[n] | c);
    line_put(l, t, n);
}

/* Strings of 16 and 32 bits a character become UTF-8; all others are taken as they are. */
static void line_value(struct line *l, unsigned tag, struct cursor *v)
{
    unsigned width = tag == DER_BMP_STRING ? 2 : tag == DER_UNIVERSAL_STRING ? 4 : 1;
    if (width == 1) {
        line_put(l, v->at, (uint32_t)cur_left(v));
        return;
    }
    while (cur_left(v) >= width) {
        uint32_t c = width == 2 ? cur_be16(v) : cur_be32(v);
        line_utf8(l, c > 0x10ffff ? 0xfffd : c);
    }
}

static void line_rdn(struct line *l, struct cursor *set)
{
    struct cursor pair, oid, value;
    unsigned tag;
    bool more = false;
    while (der_next(set, &tag, &pair) == DER_OK) {
        if (tag != DER_SEQUENCE || !der_want(&pair, DER_OID, &oid) ||
            der_next(&pair, &tag, &value) != DER_OK)
            continue;
        if (more)
            line_put(l, " + ", 3);
        more = true;
        line_type(l, view(&oid));
        line_put(l, "=", 1);
        line_value(l, tag, &value);
    }
}

struct str tls_cert_name(struct str name, struct arena *a)
{
    /* a pair costs 11 bytes at least and adds a name of at most 22, ", " and "="; text grows by
     * half */
    struct line l = {.room = 4 * name.n + 64};
    struct cursor c = cur_of(name.p, name.n), set;
    unsigned tag;
    bool more = false;
    l.p = arena_alloc_raw(a, l.room);
    if (!l.p)
        return (struct str){NULL, 0};
    while (der_next(&c, &tag, &set) == DER_OK) {
        if (tag != DER_SET)
            continue;
        if (more)
            line_put(&l, ", ", 2);
        more = true;
        line_rdn(&l, &set);
    }
    return str_of(l.p, l.n);
}

static void hex_colons(char *out, const uint8_t *p, uint32_t n, const char *digits)
{
    for (uint32_t i = 0; i < n; i++) {
        out[3 * i] = digits[p[i] >> 4];
        out[3 * i + 1] = digits[p[i] & 15];
        out[3 * i + 2] = ':';
    }
}

struct str tls_cert_serial(const struct tls_cert *c, struct arena *a)
{
    uint32_t n = c->serial.n;
    char *p = arena_alloc_raw(a, 3 * (size_t)n + 1);
    if (!p || n == 0)
        return (struct str){NULL, 0};
    hex_colons(p, c->serial.p, n, "0123456789ABCDEF");
    return str_of(p, 3 * n - 1);
}

bool tls_cert_fingerprint(struct str der, char out[TLS_FINGERPRINT_BYTES + 1])
{
    uint8_t d[DIGEST_MAX];
    if (digest_of(DIGEST_SHA1, der.p, der.n, d) != 20)
        return false;
    hex_colons(out, d, 20, "0123456789abcdef");
    out[TLS_FINGERPRINT_BYTES] = 0;
    return true;
}

/* GeneralName (RFC 5280 4.2.1.6): [1] mail, [2] DNS, [6] URI are text, [7] is an address. */
static bool general_name(unsigned tag, struct cursor *v, struct arena *a, struct str *out)
{
    char text[IP_TEXT];
    size_t n = cur_left(v);
    if (tag == 0x81 || tag == 0x82 || tag == 0x86) {
        *out = view(v);
        return true;
    }
    if (tag != 0x87 || (n != 4 && n != 16))
        return false;
    struct ip_addr addr = n == 4 ? ip_from_v4(v->at) : ip_from_v6(v->at);
    ip_format(&addr, n == 4 ? 4 : 6, text);
    *out = arena_dup(a, text, strlen(text));
    return true;
}

bool tls_cert_alt_next(struct cursor *walk, struct arena *a, struct str *out)
{
    struct cursor v;
    unsigned tag;
    while (der_next(walk, &tag, &v) == DER_OK)
        if (general_name(tag, &v, a, out))
            return true;
    return false;
}
