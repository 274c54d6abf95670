/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Keywords that are a content in a buffer of their own: file names, old words of TLS; and base64,
 * asn1, rpc, which decode before they compare.
 */
#include "rules/kw.h"

#include <string.h>

/* A content test in the named buffer of Suricata; NULL: refused. */
struct rule_test *text_test(struct parse *p, const char *buffer, struct str bytes, bool negated,
                            bool nocase)
{
    int b = app_buffer_find(str_cstr(buffer), APP_SURICATA);
    if (b < 0) {
        bad(p, NULL, "the buffer %s is not built", buffer);
        return NULL;
    }
    int32_t w = where_of_buffer(p, RULE_BUF_APP + (unsigned)b);
    if (w < 0 || !buffer_bind(p, RULE_BUF_APP + (unsigned)b, buffer))
        return NULL;
    struct rule_test *t = test_add_at(p, TEST_CONTENT, (uint16_t)w, 0);
    if (!t)
        return NULL;
    uint8_t *low = arena_alloc_raw(p->c->arena, bytes.n + 1);
    if (!low) {
        no_memory(p);
        return NULL;
    }
    for (uint32_t i = 0; i < bytes.n; i++)
        low[i] = bytes.p[i] >= 'A' && bytes.p[i] <= 'Z' ? (uint8_t)(bytes.p[i] | 0x20) : bytes.p[i];
    t->u.content = (struct test_content){.bytes = bytes,
                                         .folded = nocase ? str_of(low, bytes.n) : bytes,
                                         .offset = num_of(0),
                                         .depth = num_of(0),
                                         .distance = num_of(0),
                                         .within = num_of(0)};
    t->u.content.flags =
        (uint16_t)((negated ? CONTENT_NEGATED : 0) | (nocase ? CONTENT_NOCASE : 0));
    return t;
}

/* fileext, filename, filemagic */
bool kw_file_text(struct parse *p, const struct keyword *k, struct str v)
{
    bool negated = value_negated(&v);
    struct str bytes;
    if (!value_unquote(&v) || !v.n)
        return bad(p, NULL, "%s needs a value in quotes", k->name);
    if (!content_bytes(p, v, &bytes))
        return false;
    bool ext = k->extra == 1;
    if (ext) {
        bytes = arena_printf(p->c->arena, "." STR_FMT, STR_ARG(bytes));
        if (!bytes.p)
            return no_memory(p);
    }
    struct rule_test *t =
        text_test(p, k->extra == 2 ? "file.magic" : "file.name", bytes, negated, true);
    if (t && ext)
        t->u.content.flags |= CONTENT_ENDS;
    return t != NULL;
}

/* bytes N, offset N, relative */
bool kw_base64_decode(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    struct test_bytes b = {.n = num_of(0),
                           .offset = num_of(0),
                           .value = num_of(0),
                           .post_var = num_of(0),
                           .multiplier = 1,
                           .result = -1};
    while (v.n) {
        struct str part = list_next(&v, ','), word = word_next(&part);
        part = str_trim(part);
        if (str_eq(word, STR("relative")) && !part.n)
            b.flags |= BYTE_RELATIVE;
        else if (str_eq(word, STR("bytes"))) {
            if (!num_parse(p, part, "bytes", 1, 65535, p->where, &b.n))
                return false;
        } else if (str_eq(word, STR("offset"))) {
            if (!num_parse(p, part, "offset", 0, 65535, p->where, &b.offset))
                return false;
        } else {
            return bad(p, "bytes N, offset N, relative", "unknown word '" STR_FMT "'",
                       STR_ARG(word));
        }
    }
    uint16_t where = p->where;
    uint8_t instance = p->instance;
    if ((b.flags & BYTE_RELATIVE) && !p->sticky && p->last_match >= 0) {
        where = p->t[p->last_match].where;
        instance = p->t[p->last_match].instance;
    }
    struct rule_test *t = test_add_at(p, TEST_BASE64_DECODE, where, instance);
    if (!t)
        return false;
    t->u.bytes = b;
    p->seen.base64 = true;
    return true;
}

bool kw_base64_data(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    (void)v;
    if (!p->seen.base64)
        return bad(p, NULL, "base64_data has no base64_decode before it");
    return sticky_close(p) && buffer_sticky(p, BUF_BASE64, (struct str){NULL, 0}, false);
}

bool kw_asn1(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    struct rule_test *t = test_add(p, TEST_ASN1);
    if (!t)
        return false;
    for (struct str w = word_next(&v); w.n; w = word_next(&v)) {
        int64_t n = 0;
        bool valued = str_eq(w, STR("oversize_length")) || str_eq(w, STR("absolute_offset")) ||
                      str_eq(w, STR("relative_offset"));
        int64_t least = str_eq(w, STR("relative_offset")) ? -65535 : 0;
        if (valued && (!str_i64(word_next(&v), &n) || n < least || n > UINT32_MAX))
            return bad(p, "a number from 0 on; only relative_offset may be negative",
                       STR_FMT " needs a number", STR_ARG(w));
        if (str_eq(w, STR("oversize_length"))) {
            t->u.asn1.oversize = true;
            t->u.asn1.oversize_length = (uint32_t)n;
        } else if (str_eq(w, STR("absolute_offset"))) {
            t->u.asn1.absolute_offset = (int32_t)n;
        } else if (str_eq(w, STR("relative_offset"))) {
            t->u.asn1.relative_offset = (int32_t)n;
            t->u.asn1.relative = true;
        } else if (str_eq(w, STR("bitstring_overflow"))) {
            t->u.asn1.bitstring_overflow = true;
        } else if (str_eq(w, STR("double_overflow"))) {
            t->u.asn1.double_overflow = true;
        } else if (!str_eq(w, STR("print"))) {
            return bad(p, NULL, "unknown word '" STR_FMT "'", STR_ARG(w));
        }
    }
    return true;
}

/* program,[version|*],[procedure|*] */
bool kw_rpc(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    struct rule_test *t = test_add(p, TEST_RPC);
    if (!t)
        return false;
    int64_t *const part[] = {&t->u.rpc.program, &t->u.rpc.version, &t->u.rpc.procedure};
    for (unsigned i = 0; i < ARRAY_LEN(part); i++) {
        struct str s = list_next(&v, ',');
        uint64_t n;
        *part[i] = -1;
        if ((!s.n && i) || str_eq(s, STR("*")))
            continue;
        if (!str_u64(s, &n) || n > UINT32_MAX)
            return bad(p, "rpc:PROGRAM,VERSION,PROCEDURE; * for any", "'" STR_FMT "' is no number",
                       STR_ARG(s));
        *part[i] = (int64_t)n;
    }
    return !v.n || bad(p, NULL, "too many parts");
}
