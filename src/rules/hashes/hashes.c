/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * md5, sha256, sha512 (Snort 3): a piece of the buffer has this hash.
 *
 * FORM: [!]"HEX",length N[,offset N][,relative].  The piece begins at `offset` (0), with `relative`
 * that far behind the cursor; what matches moves the cursor behind the piece.  `!` turns the whole
 * around, a buffer that is too short included, as with content.
 */
#include "base/hash.h"
#include "rules/kw.h"

#include <string.h>

enum { KIND, NEGATED, RELATIVE }; /* in key.b */
enum { LENGTH, OFFSET };          /* in key.n */
enum { PIECE_MAX = 65535 };

static const struct {
    enum digest_kind id;
    uint32_t n;
} kinds[] = {{DIGEST_MD5, 16}, {DIGEST_SHA256, 32}, {DIGEST_SHA512, 64}};

static int hex(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static bool hash_read(struct parse *p, struct str text, uint32_t n, struct str *out)
{
    if (text.n != n * 2)
        return bad(p, NULL, "the hash has %u hex digits, not %u", n * 2, text.n);
    uint8_t *b = arena_alloc_raw(p->c->arena, n);
    if (!b)
        return no_memory(p);
    for (uint32_t i = 0; i < n; i++) {
        int high = hex(text.p[i * 2]), low = hex(text.p[i * 2 + 1]);
        if (high < 0 || low < 0)
            return bad(p, NULL, "'" STR_FMT "' is no hash in hex digits", STR_ARG(text));
        b[i] = (uint8_t)(high << 4 | low);
    }
    *out = str_of(b, n);
    return true;
}

static bool offset_read(struct parse *p, struct str v, uint64_t *out)
{
    uint64_t n;
    bool minus = v.n && v.p[0] == '-';
    if (!str_u64(minus ? str_skip(v, 1) : v, &n) || n > PIECE_MAX)
        return bad(p, "a number; a name of byte_extract is not built", "'" STR_FMT "' is no offset",
                   STR_ARG(v));
    *out = minus ? 0 - n : n;
    return true;
}

static bool word_read(struct parse *p, struct rule_key *k, struct str item)
{
    struct str word = word_next(&item), v = str_trim(item);
    if (str_eq(word, STR("length"))) {
        if (str_u64(v, &k->n[LENGTH]) && k->n[LENGTH] && k->n[LENGTH] <= PIECE_MAX)
            return true;
        return bad(p, "length N, from 1 to 65535", "'" STR_FMT "' is no length", STR_ARG(v));
    }
    if (str_eq(word, STR("offset")))
        return offset_read(p, v, &k->n[OFFSET]);
    if (str_eq(word, STR("relative")) && !v.n) {
        k->b[RELATIVE] = 1;
        return true;
    }
    return bad(p, "length N, offset N, relative", "unknown word '" STR_FMT "'", STR_ARG(word));
}

static bool hash_parse(struct parse *p, struct rule_key *k, struct str v, uint8_t kind)
{
    struct str text = str_trim(list_next(&v, ','));
    k->b[KIND] = kind;
    if (text.n && text.p[0] == '!') {
        k->b[NEGATED] = 1;
        text = str_trim(str_skip(text, 1));
    }
    if (!value_unquote(&text))
        return bad(p, "\"HEX\",length N", "the hash stands in quotes");
    if (!hash_read(p, text, kinds[kind].n, &k->text[0]))
        return false;
    while (v.n)
        if (!word_read(p, k, str_trim(list_next(&v, ','))))
            return false;
    if (!k->n[LENGTH])
        return bad(p, "add length N, the bytes that were hashed", "the hash has no length");
    if ((int64_t)k->n[OFFSET] < 0 && !k->b[RELATIVE])
        return bad(p, "add relative", "an offset below 0 counts from the last match");
    return true;
}
static bool md5_parse(struct parse *p, struct rule_key *k, struct str v)
{
    return hash_parse(p, k, v, 0);
}
static bool sha256_parse(struct parse *p, struct rule_key *k, struct str v)
{
    return hash_parse(p, k, v, 1);
}
static bool sha512_parse(struct parse *p, struct rule_key *k, struct str v)
{
    return hash_parse(p, k, v, 2);
}

static bool piece_is(const struct key_look *l)
{
    uint8_t got[DIGEST_MAX];
    unsigned kind = l->b[KIND] < ARRAY_LEN(kinds) ? l->b[KIND] : 0;
    int64_t from = (int64_t)l->n[OFFSET] + (l->b[RELATIVE] ? (int64_t)*l->cursor : 0);
    uint64_t n = l->n[LENGTH];
    if (from < 0 || from > l->in.n || n > l->in.n - (uint64_t)from || l->text[0].n != kinds[kind].n)
        return false;
    if (digest_of(kinds[kind].id, l->in.p + from, n, got) != kinds[kind].n ||
        memcmp(got, l->text[0].p, kinds[kind].n) != 0)
        return false;
    if (!l->b[NEGATED])
        *l->cursor = (uint32_t)from + (uint32_t)n;
    return true;
}
static bool hash_holds(const struct key_look *l)
{
    return piece_is(l) != l->b[NEGATED];
}

#define WORD(id, word, of)                                                                         \
    static const struct key_word key_##id = {                                                      \
        .kw = {.name = word,                                                                       \
               .dialects = D_S3,                                                                   \
               .flags = KW_VALUE,                                                                  \
               .parse = key_option,                                                                \
               .arg = "[!]\"hex\",length N[,offset N][,relative]",                                 \
               .help = "a piece of the buffer has this " of},                                      \
        .def = {.words = "has a piece whose " of " is",                                            \
                .place = KEY_OF_BUFFER,                                                            \
                .moves = true,                                                                     \
                .holds = hash_holds},                                                              \
        .parse = id##_parse,                                                                       \
    };
WORD(md5, "md5", "MD5")
WORD(sha256, "sha256", "SHA-256")
WORD(sha512, "sha512", "SHA-512")
#undef WORD
extern const struct key_word *const keys_hashes[];
const struct key_word *const keys_hashes[] = {&key_md5, &key_sha256, &key_sha512, NULL};
