/* SPDX-License-Identifier: GPL-2.0-or-later */
/* content and everything that stands behind one: options of their own, or words behind commas. */
#include "rules/kw.h"

#include <string.h>

enum { WINDOW_MAX = 1024 * 1024 };

static struct rule_test *content_before(struct parse *p)
{
    if (p->last_content < 0) {
        bad(p, "it changes the content before it", STR_FMT " needs a content before it",
            STR_ARG(p->opt->name));
        return NULL;
    }
    return &p->t[p->last_content];
}

/* Not in quotes on both sides: the quote is missing, or the semicolon behind it. */
static bool quote_lost(struct parse *p, struct str v)
{
    for (uint32_t i = 1; i + 1 < v.n; i++) {
        i += v.p[i] == '\\';
        if (i + 1 < v.n && v.p[i] == '"')
            return bad(p, "write content:\"text\"; with a semicolon before the next option",
                       "the semicolon is missing behind the closing quote");
    }
    return bad(p, "content:\"text\"", "the closing quote is missing");
}

/* The quoted text; *rest is what follows its closing quote (modifiers behind commas). */
static bool quoted_part(struct parse *p, struct str v, struct str *text, struct str *rest)
{
    if (!v.n || v.p[0] != '"')
        return bad(p, "content:\"text\"", "the value has no quotes");
    if (p->d == DIALECT_SURICATA) {
        *text = v;
        *rest = str_skip(v, v.n);
        return value_unquote(text) || quote_lost(p, v);
    }
    for (uint32_t i = 1; i < v.n; i++) {
        if (v.p[i] == '\\') {
            i++;
        } else if (v.p[i] == '"') {
            *text = (struct str){v.p + 1, i - 1};
            *rest = str_trim(str_skip(v, i + 1));
            return !rest->n || rest->p[0] == ',' ||
                   bad(p, "write \\\" inside a content, and a semicolon behind its end",
                       "text stands behind the closing quote");
        }
    }
    return bad(p, "content:\"text\"", "the closing quote is missing");
}

static struct str folded(struct parse *p, struct str s)
{
    uint8_t *b = arena_alloc_raw(p->c->arena, s.n + 1);
    if (!b) {
        no_memory(p);
        return s;
    }
    for (uint32_t i = 0; i < s.n; i++)
        b[i] = s.p[i] >= 'A' && s.p[i] <= 'Z' ? (uint8_t)(s.p[i] | 0x20) : s.p[i];
    b[s.n] = 0;
    return str_of(b, s.n);
}

/* "nocase,offset 3, depth 10" */
static bool inline_modifiers(struct parse *p, struct str rest)
{
    static const struct keyword mods[] = {
        {.name = "nocase", .parse = kw_nocase},
        {.name = "offset", .parse = kw_window, .extra = WINDOW_OFFSET},
        {.name = "depth", .parse = kw_window, .extra = WINDOW_DEPTH},
        {.name = "distance", .parse = kw_window, .extra = WINDOW_DISTANCE},
        {.name = "within", .parse = kw_window, .extra = WINDOW_WITHIN},
        {.name = "fast_pattern", .parse = kw_fast_pattern},
        {.name = "rawbytes", .parse = kw_rawbytes},
    };
    struct str fp_offset = {0}, fp_length = {0};
    rest = str_skip(rest, 1);
    while (rest.n) {
        struct str part = list_next(&rest, ','), value = part;
        struct str word = word_next(&value);
        value = str_trim(value);
        unsigned i = 0;
        while (i < ARRAY_LEN(mods) && !str_eq(word, str_cstr(mods[i].name)))
            i++;
        if (i < ARRAY_LEN(mods)) {
            if (!mods[i].parse(p, &mods[i], value))
                return false;
        } else if (str_eq(word, STR("fast_pattern_offset"))) {
            fp_offset = value;
        } else if (str_eq(word, STR("fast_pattern_length"))) {
            fp_length = value;
        } else if (str_eq(word, STR("width"))) {
            return bad(p, "write the padding into the content: \"|00|a|00|b\"",
                       "the modifier width of content is not built");
        } else {
            return bad(p, NULL, "unknown modifier '" STR_FMT "' of content", STR_ARG(word));
        }
    }
    if (!fp_offset.n && !fp_length.n)
        return true;
    struct test_content *c = &p->t[p->last_content].u.content;
    uint64_t o = 0, l = 0;
    if ((fp_offset.n && !str_u64(fp_offset, &o)) || (fp_length.n && !str_u64(fp_length, &l)) ||
        o + l > c->bytes.n || o >= c->bytes.n)
        return bad(p, NULL, "the piece for the fast pattern is not inside the content");
    c->fast_offset = (uint16_t)o;
    c->fast_len = (uint16_t)(l ? l : c->bytes.n - o);
    return true;
}

bool kw_content(struct parse *p, const struct keyword *k, struct str v)
{
    bool negated = value_negated(&v);
    struct str text, rest, bytes;
    if (!quoted_part(p, v, &text, &rest))
        return false;
    if (!content_bytes(p, text, &bytes))
        return false;
    uint16_t where = p->where;
    uint8_t instance = p->instance;
    if (k->extra) {
        int buffer = app_buffer_find_modifier(STR("http_uri"), (enum app_dialect)p->d);
        int32_t w = buffer < 0 ? -1 : where_of_buffer(p, RULE_BUF_APP + (unsigned)buffer);
        if (w < 0)
            return bad(p, NULL, "there is no buffer for uricontent");
        if (!buffer_bind(p, RULE_BUF_APP + (unsigned)buffer, "uricontent"))
            return false;
        where = (uint16_t)w;
        instance = 0;
    }
    struct rule_test *t = test_add_at(p, TEST_CONTENT, where, instance);
    if (!t)
        return false;
    t->u.content = (struct test_content){.bytes = bytes,
                                         .folded = bytes,
                                         .flags = negated ? CONTENT_NEGATED : 0,
                                         .offset = num_of(0),
                                         .depth = num_of(0),
                                         .distance = num_of(0),
                                         .within = num_of(0)};
    p->last_content = (int32_t)p->n - 1;
    return !rest.n || inline_modifiers(p, rest);
}

bool kw_nocase(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    (void)v;
    struct rule_test *t = content_before(p);
    if (!t)
        return false;
    if (p->d == DIALECT_SNORT3 && str_eq(p->opt->name, STR("nocase")))
        return bad(p, "write content:\"text\",nocase;",
                   "nocase is no option of its own in Snort 3");
    if ((t->u.content.flags & CONTENT_NOCASE) && p->d == DIALECT_SURICATA)
        return bad(p, NULL, "nocase stands twice behind one content");
    t->u.content.flags |= CONTENT_NOCASE;
    t->u.content.folded = folded(p, t->u.content.bytes);
    return !p->failed;
}

/* offset, depth, distance, within */
bool kw_window(struct parse *p, const struct keyword *k, struct str v)
{
    static const uint16_t flag[] = {CONTENT_OFFSET, CONTENT_DEPTH, CONTENT_DISTANCE,
                                    CONTENT_WITHIN};
    static const char *const name[] = {"the offset", "the depth", "the distance", "within"};
    struct rule_test *t = content_before(p);
    if (!t)
        return false;
    struct test_content *c = &t->u.content;
    struct rule_num *const num[] = {&c->offset, &c->depth, &c->distance, &c->within};
    unsigned w = k->extra;
    if (c->flags & flag[w])
        return bad(p, "leave one of the two out", "%s of this content is set twice", name[w]);
    bool relative = w >= WINDOW_DISTANCE;
    unsigned other = relative ? CONTENT_OFFSET | CONTENT_DEPTH : CONTENT_DISTANCE | CONTENT_WITHIN;
    if (c->flags & other)
        return bad(p,
                   "offset and depth count from the start, distance and within from the last match",
                   "a content can't have both absolute and relative limits");
    /* Suricata's relative numbers go farther; all others have 16 bits. */
    int64_t max = relative && p->d == DIALECT_SURICATA ? WINDOW_MAX : 65535;
    int64_t min = w == WINDOW_DISTANCE ? -max : 0;
    if (w == WINDOW_OFFSET && p->d != DIALECT_SURICATA)
        min = -65535;
    if (!num_parse(p, v, name[w], min, max, t->where, num[w]))
        return false;
    if (w == WINDOW_OFFSET && num[w]->var < 0 && num[w]->v < 0)
        num[w]->v = 0;
    if ((w == WINDOW_DEPTH || w == WINDOW_WITHIN) && num[w]->var < 0 && num[w]->v < c->bytes.n)
        return bad(p, "give at least the content's length, or shorten the content",
                   "%s is %lld, less than the %u bytes of the content", name[w],
                   (long long)num[w]->v, c->bytes.n);
    c->flags |= flag[w];
    if (relative)
        c->flags |= CONTENT_RELATIVE;
    return true;
}

bool kw_startswith(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    (void)v;
    struct rule_test *t = content_before(p);
    if (!t)
        return false;
    struct test_content *c = &t->u.content;
    if (c->flags & (CONTENT_OFFSET | CONTENT_DEPTH | CONTENT_RELATIVE))
        return bad(p, NULL, "startswith can't stand with offset, depth, distance or within");
    c->flags |= CONTENT_STARTS | CONTENT_OFFSET | CONTENT_DEPTH;
    c->depth = num_of(c->bytes.n);
    return true;
}

bool kw_endswith(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    (void)v;
    struct rule_test *t = content_before(p);
    if (!t)
        return false;
    t->u.content.flags |= CONTENT_ENDS;
    return true;
}

/* "only", "offset,length" or nothing */
bool kw_fast_pattern(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    struct rule_test *t = content_before(p);
    if (!t)
        return false;
    struct test_content *c = &t->u.content;
    if (c->flags & CONTENT_FAST)
        return bad(p, NULL, "fast_pattern stands twice behind one content");
    for (uint32_t i = 0; i < p->n && p->d != DIALECT_SNORT3; i++)
        if (p->t[i].kind == TEST_CONTENT && (p->t[i].u.content.flags & CONTENT_FAST))
            return bad(p, "leave one of them out",
                       "fast_pattern stands at two contents: a rule has one");
    c->flags |= CONTENT_FAST;
    if (!v.n)
        return true;
    if (str_eq(v, STR("only"))) {
        if (c->flags & CONTENT_NEGATED)
            return bad(p, NULL, "a negated content can't be fast_pattern:only");
        c->flags |= CONTENT_FAST_ONLY;
        /* Only Snort 2's prefilter looks for it, and that knows no case; Snort 3's own rules say
         * nocase there. */
        if (p->d == DIALECT_SNORT2) {
            c->flags |= CONTENT_NOCASE;
            c->folded = folded(p, c->bytes);
        }
        return true;
    }
    uint64_t o, l;
    struct str offset = list_next(&v, ',');
    if (!str_u64(offset, &o) || !str_u64(str_trim(v), &l) || !l)
        return bad(p, "fast_pattern, fast_pattern:only or fast_pattern:OFFSET,LENGTH",
                   "the fast pattern's piece is not understood");
    if (o + l > c->bytes.n)
        return bad(p, NULL, "the fast pattern's piece is not inside the content");
    c->fast_offset = (uint16_t)o;
    c->fast_len = (uint16_t)l;
    return true;
}

/* Suricata: behind a content it means fast_pattern; else it names the keyword to filter by. */
bool kw_prefilter(struct parse *p, const struct keyword *k, struct str v)
{
    (void)v;
    if (p->seen.prefilter)
        return bad(p, NULL, "prefilter stands twice in the rule");
    p->seen.prefilter = true;
    if (!p->n)
        return bad(p, NULL, "prefilter has no keyword before it");
    if (p->t[p->n - 1].kind != TEST_CONTENT)
        return true;
    if (p->t[p->n - 1].u.content.flags & CONTENT_FAST)
        return true;
    return kw_fast_pattern(p, k, (struct str){NULL, 0});
}

bool kw_rawbytes(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    (void)v;
    struct rule_test *t = content_before(p);
    if (!t)
        return false;
    if (p->d == DIALECT_SURICATA)
        return true; /* without effect there */
    if (buffer_at(p, t->where) == BUF_PAYLOAD) {
        int32_t w = where_of_buffer(p, BUF_RAW_PAYLOAD);
        if (w < 0)
            return false;
        t->where = (uint16_t)w;
    }
    t->u.content.flags |= CONTENT_RAW;
    return true;
}

bool kw_replace(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    struct rule_test *t = content_before(p);
    struct str bytes;
    if (!t)
        return false;
    if (!value_unquote(&v))
        return bad(p, "replace:\"text\"", "the value has no quotes");
    if (!content_bytes(p, v, &bytes))
        return false;
    struct test_content *c = &t->u.content;
    if (c->flags & CONTENT_NEGATED)
        return bad(p, NULL, "a negated content has nothing to replace");
    if (p->d == DIALECT_SURICATA && buffer_at(p, t->where) != BUF_PAYLOAD)
        return bad(p, "replace a content of the payload", "only the payload's bytes can be replaced");
    if (p->d != DIALECT_SNORT3 && bytes.n != c->bytes.n)
        return bad(p, NULL, "the replacement has %u bytes, the content %u", bytes.n, c->bytes.n);
    c->replace = bytes;
    c->flags |= CONTENT_REPLACE;
    return true;
}
