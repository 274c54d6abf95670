/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * byte_test, byte_jump, byte_extract, byte_math, isdataat.
 *
 * A relative one that stands behind no sticky buffer goes to the buffer of the last match, as in
 * the peers (their cursor is there).
 */
#include "rules/kw.h"

#include <string.h>

struct bytes_word {
    const char *word;
    uint16_t flag;
    uint8_t base;
};
static const struct bytes_word words[] = {
    {"relative", BYTE_RELATIVE, 0},
    {"big", BYTE_ENDIAN_GIVEN, 0},
    {"little", BYTE_ENDIAN_GIVEN | BYTE_LITTLE, 0},
    {"string", BYTE_STRING, 0},
    {"hex", 0, 16},
    {"dec", 0, 10},
    {"oct", 0, 8},
    {"dce", BYTE_DCE, 0},
    {"from_beginning", BYTE_FROM_BEGIN, 0},
    {"from_end", BYTE_FROM_END, 0},
};
enum { KIND_TEST = 1, KIND_JUMP = 2, KIND_EXTRACT = 4, KIND_MATH = 8 };

/* Where a relative test goes that stands behind no sticky buffer. */
static void follow_match(struct parse *p, bool relative, uint16_t *where, uint8_t *instance)
{
    *where = p->where;
    *instance = p->instance;
    if (!relative || p->sticky || p->last_match < 0)
        return;
    *where = p->t[p->last_match].where;
    *instance = p->t[p->last_match].instance;
}

static bool number_word(struct parse *p, struct str v, const char *what, int64_t min, int64_t max,
                        int64_t *out)
{
    if (!str_i64(str_trim(v), out) || *out < min || *out > max)
        return bad(p, NULL, "%s '" STR_FMT "' is no number from %lld to %lld", what, STR_ARG(v),
                   (long long)min, (long long)max);
    return true;
}

/* A word with a value: multiplier, post_offset, bitmask, align N, endian E, string B. */
static bool valued_word(struct parse *p, struct str word, struct str value, unsigned kind,
                        struct test_bytes *t, uint16_t where, bool *known)
{
    int64_t n;
    *known = true;
    if (str_eq(word, STR("multiplier")) && (kind & (KIND_JUMP | KIND_EXTRACT)))
        return number_word(p, value, "the multiplier", 1, 65535, &t->multiplier);
    if (str_eq(word, STR("post_offset")) && (kind & KIND_JUMP)) {
        if (str_i64(value, &n))
            return number_word(p, value, "post_offset", -65535, 65535, &t->post);
        return num_parse(p, value, "post_offset", 0, 0, where, &t->post_var);
    }
    if (str_eq(word, STR("bitmask"))) {
        struct str digits = str_istarts(value, STR("0x")) ? str_skip(value, 2) : value;
        if (!str_u64_base(digits, 16, &t->bitmask) || !t->bitmask)
            return bad(p, NULL, "the bitmask '" STR_FMT "' is no hex number above 0",
                       STR_ARG(value));
        return true;
    }
    if (str_eq(word, STR("align")) && (kind & (KIND_JUMP | KIND_EXTRACT))) {
        bool two = str_eq(value, STR("2"));
        if (kind == KIND_EXTRACT && !two && !str_eq(value, STR("4")))
            return bad(p, NULL, "align takes 2 or 4");
        t->flags |= two ? BYTE_ALIGN2 : BYTE_ALIGN4;
        return true;
    }
    *known = false;
    return true;
}

/* relative, little, string, hex ... in any order behind the fixed parts. */
static bool trailing_words(struct parse *p, struct str v, unsigned kind, struct test_bytes *t,
                           uint16_t where)
{
    while (v.n) {
        struct str value = list_next(&v, ','), part = value;
        struct str word = word_next(&value);
        value = str_trim(value);
        if (!part.n)
            return bad(p, NULL, "a word is missing between two commas");
        bool known = false;
        if (!valued_word(p, word, value, kind, t, where, &known))
            return false;
        for (unsigned i = 0; !known && i < ARRAY_LEN(words); i++) {
            if (!str_eq(word, str_cstr(words[i].word)))
                continue;
            known = value.n == 0 &&
                    ((kind & KIND_JUMP) || !(words[i].flag & (BYTE_FROM_BEGIN | BYTE_FROM_END)));
            t->flags |= words[i].flag;
            if (words[i].base)
                t->base = words[i].base;
        }
        if (!known && str_eq(word, STR("string")) && value.n) { /* Suricata: "string hex" */
            t->flags |= BYTE_STRING;
            t->base = str_eq(value, STR("hex"))   ? 16
                      : str_eq(value, STR("dec")) ? 10
                      : str_eq(value, STR("oct")) ? 8
                                                  : 0;
            known = t->base != 0;
        }
        if (!known)
            return bad(p, NULL, "unknown word '" STR_FMT "'", STR_ARG(part));
    }
    return true;
}

static bool words_fit(struct parse *p, struct test_bytes *t)
{
    if (t->base && !(t->flags & BYTE_STRING)) {
        if (p->d == DIALECT_SURICATA)
            return bad(p, "write string before hex, dec or oct, or leave the base out",
                       "a base needs string: bytes are a number without one");
        t->flags |= BYTE_STRING;
    }
    if ((t->flags & BYTE_STRING) && (t->flags & BYTE_DCE))
        return bad(p, NULL, "string and dce can't stand together");
    if ((t->flags & BYTE_ENDIAN_GIVEN) && (t->flags & BYTE_DCE))
        return bad(p, NULL, "dce brings its byte order: big and little can't stand beside it");
    if ((t->flags & BYTE_STRING) && !t->base && p->d != DIALECT_SURICATA)
        t->base = 10;
    if ((t->flags & BYTE_FROM_BEGIN) && (t->flags & BYTE_FROM_END))
        return bad(p, NULL, "from_beginning and from_end can't stand together");
    return true;
}

/* How many bytes may be read: 1..8, in Snort 1, 2, 4; strings longer. */
static bool size_fits(struct parse *p, const struct test_bytes *t, bool zero, bool extract)
{
    if (t->n.var >= 0)
        return true;
    bool text = t->flags & BYTE_STRING, snort = p->d != DIALECT_SURICATA;
    int64_t n = t->n.v, most = text ? (snort ? 10 : 23) : snort ? 4 : 8;
    if (n == 0 && zero)
        return true;
    if (text && !snort && extract)
        most = t->base == 8 ? 23 : t->base == 16 ? 14 : 20; /* more would not fit into 64 bits */
    if (n < 1 || n > most)
        return bad(p,
                   text ? "give the number of digits to read"
                        : "read as many, or the digits of a text with string,dec",
                   "%lld bytes can't be read: 1 to %lld", (long long)n, (long long)most);
    return true;
}

static struct rule_test *bytes_add(struct parse *p, enum test_kind kind, const struct test_bytes *b)
{
    uint16_t where;
    uint8_t instance;
    follow_match(p, (b->flags & BYTE_RELATIVE) != 0, &where, &instance);
    struct rule_test *t = test_add_at(p, kind, where, instance);
    if (t)
        t->u.bytes = *b;
    return t;
}

static struct test_bytes bytes_new(void)
{
    return (struct test_bytes){.n = num_of(0),
                               .offset = num_of(0),
                               .value = num_of(0),
                               .post_var = num_of(0),
                               .multiplier = 1,
                               .result = -1};
}

/* [!]op */
static bool operator(struct parse *p, struct str op, struct test_bytes *t)
{
    static const struct {
        const char *word;
        uint8_t op;
    } ops[] = {{"<=", BYTE_LE}, {">=", BYTE_GE}, {"<", BYTE_LT}, {">", BYTE_GT},
               {"=", BYTE_EQ},  {"&", BYTE_AND}, {"^", BYTE_XOR}};
    if (value_negated(&op))
        t->flags |= BYTE_NEGATED;
    t->op = BYTE_EQ;
    if (!op.n && (t->flags & BYTE_NEGATED))
        return true; /* "!" alone is "!=" */
    for (unsigned i = 0; i < ARRAY_LEN(ops); i++)
        if (str_eq(op, str_cstr(ops[i].word))) {
            t->op = ops[i].op;
            return true;
        }
    return bad(p, "< > = <= >= & ^, with ! before them", "unknown operator '" STR_FMT "'",
               STR_ARG(op));
}

static bool mentions(struct str v, const char *word)
{
    while (v.n) {
        struct str part = list_next(&v, ',');
        if (str_eq(word_next(&part), str_cstr(word)))
            return true;
    }
    return false;
}

bool kw_byte_test(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    struct test_bytes t = bytes_new();
    uint16_t where;
    uint8_t instance;
    follow_match(p, mentions(v, "relative"), &where, &instance);
    struct str n = list_next(&v, ','), op = list_next(&v, ','), value = list_next(&v, ','),
               offset = list_next(&v, ',');
    if (!offset.n)
        return bad(p, "byte_test:BYTES,OPERATOR,VALUE,OFFSET[,words]", "a part is missing");
    if (!num_parse(p, n, "the number of bytes", 0, 23, where, &t.n) || !operator(p, op, &t) ||
        !num_parse(p, offset, "the offset", -65535, 65535, where, &t.offset) ||
        !trailing_words(p, v, KIND_TEST, &t, where) || !words_fit(p, &t) ||
        !size_fits(p, &t, (t.flags & BYTE_STRING) != 0, false))
        return false;
    uint64_t u;
    if (str_u64(value, &u))
        t.value = num_of((int64_t)u);
    else if (!num_parse(p, value, "the value", INT64_MIN, INT64_MAX, where, &t.value))
        return false;
    return bytes_add(p, TEST_BYTE_TEST, &t) != NULL;
}

bool kw_byte_jump(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    struct test_bytes t = bytes_new();
    uint16_t where;
    uint8_t instance;
    follow_match(p, mentions(v, "relative"), &where, &instance);
    if (p->d == DIALECT_SURICATA)
        t.flags |= BYTE_TO_START;
    struct str n = list_next(&v, ','), offset = list_next(&v, ',');
    if (!offset.n)
        return bad(p, "byte_jump:BYTES,OFFSET[,words]", "a part is missing");
    /* "align" without a number is 4 bytes. */
    if (!num_parse(p, n, "the number of bytes", 0, 23, where, &t.n) ||
        !num_parse(p, offset, "the offset", -65535, 65535, where, &t.offset) ||
        !trailing_words(p, v, KIND_JUMP, &t, where) || !words_fit(p, &t) || !size_fits(p, &t, true, false))
        return false;
    if (t.n.var < 0 && !t.n.v && !(t.flags & (BYTE_FROM_END | BYTE_FROM_BEGIN)) && !t.post &&
        t.post_var.var < 0)
        return bad(p, "read 1 byte or more, or say from_end with post_offset",
                   "it reads no byte and jumps nowhere");
    return bytes_add(p, TEST_BYTE_JUMP, &t) != NULL;
}

enum { SNORT2_EXTRACTS = 2 };

bool kw_byte_extract(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    unsigned before = 0;
    for (uint32_t i = 0; i < p->n; i++)
        before += p->t[i].kind == TEST_BYTE_EXTRACT;
    if (p->d == DIALECT_SNORT2 && before >= SNORT2_EXTRACTS)
        return bad(p, "use a variable for both, or divide the rule",
                   "a Snort 2 rule has %d variables at most", SNORT2_EXTRACTS);
    struct test_bytes t = bytes_new();
    struct str n = list_next(&v, ','), offset = list_next(&v, ','), name = list_next(&v, ',');
    int64_t count;
    uint16_t where, here = p->where;
    uint8_t instance;
    follow_match(p, mentions(v, "relative"), &where, &instance);
    if (!name.n)
        return bad(p, "byte_extract:BYTES,OFFSET,NAME[,words]", "a part is missing");
    if (!number_word(p, n, "the number of bytes", 0, 23, &count) ||
        !num_parse(p, offset, "the offset", -65535, 65535, where, &t.offset))
        return false;
    t.n = num_of(count);
    p->where = where;
    bool fine = trailing_words(p, v, KIND_EXTRACT, &t, where) && words_fit(p, &t) &&
                size_fits(p, &t, (t.flags & BYTE_STRING) != 0, true) && var_add(p, name, &t.result);
    p->where = here;
    return fine && bytes_add(p, TEST_BYTE_EXTRACT, &t) != NULL;
}

static bool math_operator(struct parse *p, struct str v, struct test_bytes *t)
{
    static const char *const ops[] = {"+", "-", "*", "/", "<<", ">>"};
    for (unsigned i = 0; i < ARRAY_LEN(ops); i++)
        if (str_eq(v, str_cstr(ops[i]))) {
            t->op = (uint8_t)ops[i][0];
            return true;
        }
    return bad(p, "+ - * / << >>", "unknown operator '" STR_FMT "'", STR_ARG(v));
}

/* One "word value" of byte_math. */
static bool math_part(struct parse *p, struct str word, struct str value, struct test_bytes *t,
                      struct str *result, unsigned *seen, uint16_t where)
{
    static const char *const parts[] = {"bytes",  "offset", "oper",    "rvalue", "result",
                                        "endian", "string", "bitmask", "dce",    "relative"};
    unsigned i = 0;
    while (i < ARRAY_LEN(parts) && !str_eq(word, str_cstr(parts[i])))
        i++;
    if (i == ARRAY_LEN(parts))
        return bad(p, NULL, "unknown word '" STR_FMT "'", STR_ARG(word));
    if (*seen & (1u << i))
        return bad(p, NULL, "%s stands twice", parts[i]);
    *seen |= 1u << i;
    bool known;
    switch (i) {
    case 0:
        return num_parse(p, value, "the number of bytes", 1, 10, where, &t->n);
    case 1:
        return num_parse(p, value, "the offset", -65535, 65535, where, &t->offset);
    case 2:
        return math_operator(p, value, t);
    case 3:
        return num_parse(p, value, "rvalue", p->d == DIALECT_SNORT3 ? 1 : 0, UINT32_MAX, where,
                         &t->value);
    case 4:
        *result = value;
        return true;
    case 5:
        t->flags |= BYTE_ENDIAN_GIVEN | (str_eq(value, STR("little")) ? BYTE_LITTLE : 0);
        return str_eq(value, STR("little")) || str_eq(value, STR("big")) ||
               bad(p, NULL, "endian takes big or little");
    case 6:
        t->flags |= BYTE_STRING;
        t->base = str_eq(value, STR("hex")) ? 16 : str_eq(value, STR("oct")) ? 8 : 10;
        return t->base != 10 || str_eq(value, STR("dec")) ||
               bad(p, NULL, "string takes hex, dec or oct");
    case 7:
        return valued_word(p, word, value, KIND_MATH, t, where, &known);
    default:
        t->flags |= i == 8 ? BYTE_DCE : BYTE_RELATIVE;
        return !value.n || bad(p, NULL, "%s takes no value", parts[i]);
    }
}

bool kw_byte_math(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    struct test_bytes t = bytes_new();
    struct str result = {0};
    unsigned seen = 0;
    uint16_t where, here = p->where;
    uint8_t instance;
    follow_match(p, mentions(v, "relative"), &where, &instance);
    while (v.n) {
        struct str part = list_next(&v, ','), word = word_next(&part);
        if (!word.n)
            return bad(p, NULL, "a word is missing between two commas");
        if (!math_part(p, word, str_trim(part), &t, &result, &seen, where))
            return false;
    }
    if ((seen & 0x1f) != 0x1f)
        return bad(p, "bytes, offset, oper, rvalue and result are needed", "a part is missing");
    if ((t.flags & BYTE_RELATIVE) && p->d == DIALECT_SURICATA) {
        bool before = false;
        for (uint32_t i = 0; i < p->n; i++)
            before |= p->t[i].where == where;
        if (!before)
            return bad(p, NULL, "a relative byte_math has no match before it in its buffer");
    }
    p->where = where;
    bool fine = words_fit(p, &t) && size_fits(p, &t, false, false) && var_add(p, result, &t.result);
    p->where = here;
    return fine && bytes_add(p, TEST_BYTE_MATH, &t) != NULL;
}

/* [!]N|name[,relative][,rawbytes] */
/*
 * Suricata: content:!"x"; isdataat:!1,relative is the old way to say that the buffer doesn't end
 * with x.  A negated content leaves no cursor, so the second test can't be asked on its own.
 */
static bool ends_of_negated(struct parse *p, const struct test_bytes *t, int32_t where)
{
    struct rule_test *m = p->n ? &p->t[p->n - 1] : NULL;
    unsigned nothing = BYTE_NEGATED | BYTE_RELATIVE;
    if (p->d != DIALECT_SURICATA || (t->flags & nothing) != nothing || t->value.var >= 0 ||
        t->value.v != 1 || !m || m->kind != TEST_CONTENT || m->where != where ||
        !(m->u.content.flags & CONTENT_NEGATED))
        return false;
    m->u.content.flags |= CONTENT_ENDS;
    return true;
}

bool kw_isdataat(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    struct test_bytes t = bytes_new();
    bool raw = false;
    uint16_t where;
    uint8_t instance;
    if (v.n && value_negated(&v))
        t.flags |= BYTE_NEGATED;
    struct str n = list_next(&v, ',');
    while (v.n) {
        struct str word = list_next(&v, ',');
        if (str_eq(word, STR("relative")))
            t.flags |= BYTE_RELATIVE;
        else if (str_eq(word, STR("rawbytes")))
            raw = true;
        else
            return bad(p, "relative, rawbytes", "unknown word '" STR_FMT "'", STR_ARG(word));
    }
    follow_match(p, (t.flags & BYTE_RELATIVE) != 0, &where, &instance);
    if (!num_parse(p, n, "the number of bytes", 0, 65535, where, &t.value))
        return false;
    /* Snort asks for a byte at the place n behind the cursor: n+1 bytes are there. */
    if ((t.flags & BYTE_RELATIVE) && p->d != DIALECT_SURICATA)
        t.value.v++;
    int32_t w = where;
    if (raw && p->d != DIALECT_SURICATA && buffer_at(p, where) == BUF_PAYLOAD)
        w = where_of_buffer(p, BUF_RAW_PAYLOAD);
    if (w < 0)
        return false;
    if (ends_of_negated(p, &t, w))
        return true;
    struct rule_test *test = test_add_at(p, TEST_ISDATAAT, (uint16_t)w, instance);
    if (!test)
        return false;
    test->u.bytes = t;
    return true;
}
