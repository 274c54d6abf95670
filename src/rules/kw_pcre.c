/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * pcre and Snort 3's regex.
 *
 * Letters behind the expression: i s m x A E G as in Perl, R relative, O without limits, and
 * letters of buffers, which the application protocols declare.  Groups become variables by names
 * behind a comma, in order, or by their own (flow_NAME, pkt_NAME, alert_NAME).  Each expression is compiled once
 * here to refuse what PCRE2 does not take; the image compiles it again.
 */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "rules/kw.h"

#include <pcre2.h>
#include <stdio.h>
#include <string.h>

/* Delimiters off: pattern, and what follows the last one. */
static bool delimited(struct parse *p, struct str v, struct str *pattern, struct str *flags)
{
    uint8_t delim = v.n ? v.p[0] : 0;
    uint32_t from = 1;
    if (delim == 'm' && v.n > 1 && p->d != DIALECT_SURICATA) {
        delim = v.p[1];
        from = 2;
    } else if (delim != '/') {
        return bad(p, "pcre:\"/expression/letters\"", "the expression is not between slashes");
    }
    /* The last delimiter before the letters; captures behind it may hold none. */
    uint32_t end = v.n;
    while (end > from && v.p[end - 1] != delim)
        end--;
    if (end <= from)
        return bad(p, "pcre:\"/expression/letters\"", "the expression has no end");
    *pattern = (struct str){v.p + from, end - 1 - from};
    *flags = str_skip(v, end);
    return true;
}

/* A letter of a buffer; sets *buffer. */
static bool buffer_letter(struct parse *p, char c, int *buffer)
{
    int b = app_buffer_find_pcre(c, (enum app_dialect)p->d);
    if (b < 0)
        return bad(p, NULL, "unknown letter '%c' behind the expression", c);
    if (*buffer >= 0 && *buffer != b)
        return bad(p, NULL, "the letters behind the expression name two buffers");
    *buffer = b;
    return true;
}

/* A capital letter that is none of an escape: \W, \xAB. */
static bool has_capital(struct str s)
{
    for (uint32_t i = 0; i < s.n; i++) {
        if (s.p[i] == '\\') {
            i++;
            if (i < s.n && s.p[i] == 'x')
                i += 2;
        } else if (s.p[i] >= 'A' && s.p[i] <= 'Z') {
            return true;
        }
    }
    return false;
}

/* W of Suricata is the host's name in small letters. */
static bool host_fits(struct parse *p, const struct test_pcre *t, int buffer)
{
    if (p->d != DIALECT_SURICATA || buffer < 0 || buffer != app_buffer_find_pcre('W', APP_SURICATA) ||
        (t->options & PCRE2_CASELESS) || !has_capital(t->pattern))
        return true;
    return bad(p, "write the expression in small letters",
               "the host's name is in small letters: the expression has capitals");
}

static bool letters(struct parse *p, struct str f, struct test_pcre *t, int *buffer)
{
    static const struct {
        char c;
        uint32_t option;
    } perl[] = {{'i', PCRE2_CASELESS}, {'s', PCRE2_DOTALL},   {'m', PCRE2_MULTILINE},
                {'x', PCRE2_EXTENDED}, {'A', PCRE2_ANCHORED}, {'E', PCRE2_DOLLAR_ENDONLY},
                {'G', PCRE2_UNGREEDY}};
    for (uint32_t i = 0; i < f.n; i++) {
        char c = (char)f.p[i];
        unsigned k = 0;
        while (k < ARRAY_LEN(perl) && perl[k].c != c)
            k++;
        if (k < ARRAY_LEN(perl))
            t->options |= perl[k].option;
        else if (c == 'R')
            t->flags |= REGEX_RELATIVE;
        else if (c == 'O')
            t->flags |= REGEX_NO_LIMIT;
        else if (c == 'B' && p->d != DIALECT_SNORT3)
            t->flags |= REGEX_RAW;
        else if (!buffer_letter(p, c, buffer))
            return false;
    }
    return true;
}

static bool capture_add(struct parse *p, struct test_pcre *t, unsigned kind, struct str name, unsigned group)
{
    if (t->n_captures == RULE_CAPTURES || group > RULE_GROUP_LAST)
        return bad(p, NULL, "more than %d captures, or one of a group behind the %dth", RULE_CAPTURES,
                   RULE_GROUP_LAST);
    if (t->flags & REGEX_NEGATED)
        return bad(p, NULL, "what must not match captures nothing");
    int32_t id = name_id(p, name);
    if (id < 0)
        return false;
    t->capture[t->n_captures].kind = (uint8_t)kind;
    t->capture[t->n_captures].group = (uint8_t)group;
    t->capture[t->n_captures++].name = (uint16_t)id;
    return true;
}

/* ", flow:name, pkt:name" */
static bool captures(struct parse *p, struct str s, struct test_pcre *t)
{
    static const char *const kinds[] = {"pkt", "flow", "alert"};
    while (s.n) {
        struct str name, part = list_next(&s, ',');
        struct str kind = str_trim(str_split(part, ':', &name));
        name = str_trim(name);
        unsigned k = 0;
        while (k < ARRAY_LEN(kinds) && !str_eq(kind, str_cstr(kinds[k])))
            k++;
        if (k == ARRAY_LEN(kinds) || !name.n)
            return bad(p, "pkt:NAME, flow:NAME or alert:NAME", "a capture is not understood");
        if (!capture_add(p, t, k, name, t->n_captures + 1u))
            return false;
    }
    return true;
}

/* (?P<flow_NAME>...) */
static bool named_groups(struct parse *p, pcre2_code *code, struct test_pcre *t)
{
    static const char *const prefixes[] = {"pkt_", "flow_", "alert_"};
    uint32_t n = 0, size = 0;
    PCRE2_SPTR table = NULL;
    pcre2_pattern_info(code, PCRE2_INFO_NAMECOUNT, &n);
    pcre2_pattern_info(code, PCRE2_INFO_NAMEENTRYSIZE, &size);
    pcre2_pattern_info(code, PCRE2_INFO_NAMETABLE, &table);
    for (uint32_t i = 0; i < n; i++) {
        const uint8_t *row = table + (size_t)i * size;
        struct str name = str_cstr((const char *)row + 2);
        for (unsigned k = 0; k < ARRAY_LEN(prefixes); k++) {
            struct str prefix = str_cstr(prefixes[k]);
            if (name.n > prefix.n && str_starts(name, prefix) &&
                !capture_add(p, t, k, str_skip(name, prefix.n), (unsigned)row[0] << 8 | row[1]))
                return false;
        }
    }
    return true;
}

static bool compiles(struct parse *p, struct test_pcre *t)
{
    int error;
    PCRE2_SIZE at;
    pcre2_code *code = pcre2_compile(t->pattern.p, t->pattern.n, t->options, &error, &at, NULL);
    if (code) {
        uint32_t n = 0;
        pcre2_pattern_info(code, PCRE2_INFO_CAPTURECOUNT, &n);
        bool fits = t->n_captures <= n ||
                    bad(p, NULL, "%u names for %u groups of the expression", t->n_captures, n);
        fits = fits && (p->d != DIALECT_SURICATA || named_groups(p, code, t));
        pcre2_code_free(code);
        return fits;
    }
    PCRE2_UCHAR text[160];
    if (pcre2_get_error_message(error, text, sizeof(text)) < 0)
        text[0] = 0;
    return bad(p, NULL, "the regular expression is wrong at byte %zu: %s", (size_t)at,
               (const char *)text);
}

/* A test before that a relative expression can start from, in this buffer. */
static bool match_before(const struct parse *p, uint16_t where, uint8_t instance)
{
    for (uint32_t i = p->n; i-- > 0;)
        if (p->t[i].where == where && p->t[i].instance == instance &&
            (p->t[i].kind == TEST_CONTENT || p->t[i].kind == TEST_PCRE))
            return true;
    return false;
}

/* Suricata's Q (server body) and its sticky file_data are one buffer. */
static bool letter_is_file_data(const struct parse *p, unsigned buffer)
{
    int files = app_buffer_find(STR("file.data"), APP_SURICATA);
    return files >= 0 && buffer_at(p, p->where) == RULE_BUF_APP + (unsigned)files &&
           app_buffer_find_pcre('Q', APP_SURICATA) == (int)buffer;
}

static bool place(struct parse *p, struct test_pcre *t, int buffer, uint16_t *where,
                  uint8_t *instance)
{
    *where = p->where;
    *instance = p->instance;
    if (buffer >= 0) {
        unsigned b = RULE_BUF_APP + (unsigned)buffer;
        int32_t w = where_of_buffer(p, b);
        if (w < 0)
            return false;
        if (p->sticky && p->d == DIALECT_SURICATA && (uint16_t)w != p->where &&
            letter_is_file_data(p, (unsigned)buffer))
            return true; /* where it stands */
        if (p->sticky && p->d == DIALECT_SURICATA && (uint16_t)w != p->where)
            return bad(p, "leave the letter out behind a sticky buffer",
                       "the letter names another buffer than the sticky one before it");
        if (!buffer_bind(p, b, "the letter of pcre"))
            return false;
        *where = (uint16_t)w;
        *instance = (uint16_t)w == p->where ? p->instance : 0;
        if ((t->flags & REGEX_RELATIVE) && p->d == DIALECT_SNORT2)
            return bad(p, NULL, "R and the letter of a buffer can't stand together");
    } else if ((t->flags & REGEX_RAW) && p->d == DIALECT_SNORT2 && !p->sticky) {
        int32_t w = where_of_buffer(p, BUF_RAW_PAYLOAD);
        if (w < 0)
            return false;
        *where = (uint16_t)w;
    }
    if (!(t->flags & REGEX_RELATIVE) || p->sticky || match_before(p, *where, *instance))
        return true;
    if (p->d == DIALECT_SURICATA)
        return bad(p, "put a content before it into the same buffer",
                   "a relative expression has no match before it in its buffer");
    if (buffer < 0 && p->last_match >= 0) { /* Snort goes on where the last match ended */
        *where = p->t[p->last_match].where;
        *instance = p->t[p->last_match].instance;
    }
    return true;
}

bool regex_test(struct parse *p, const char *buffer, struct str pattern, bool negated)
{
    struct test_pcre t = {.pattern = pattern, .flags = negated ? REGEX_NEGATED : 0};
    int b = app_buffer_find(str_cstr(buffer), APP_SURICATA);
    if (b < 0)
        return bad(p, NULL, "the buffer %s is not built", buffer);
    int32_t w = where_of_buffer(p, RULE_BUF_APP + (unsigned)b);
    if (!compiles(p, &t) || w < 0 || !buffer_bind(p, RULE_BUF_APP + (unsigned)b, buffer))
        return false;
    struct rule_test *test = test_add_at(p, TEST_PCRE, (uint16_t)w, 0);
    if (!test)
        return false;
    test->u.pcre = t;
    return true;
}

/* Snort 3: "1.0 1.1" */
bool kw_version_match(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    static const char *const versions[] = {"0.9", "1.0", "1.1"};
    char text[64] = "^HTTP/(?:";
    unsigned seen = 0;
    value_unquote(&v);
    while (v.n) {
        struct str word = word_next(&v);
        unsigned i = 0;
        v = str_trim(v);
        while (i < ARRAY_LEN(versions) && !str_eq(word, str_cstr(versions[i])))
            i++;
        if (i == ARRAY_LEN(versions))
            return bad(p, "0.9, 1.0, 1.1", "the version '" STR_FMT "' is not built", STR_ARG(word));
        seen |= 1u << i;
    }
    for (unsigned i = 0, n = 0; i < ARRAY_LEN(versions); i++)
        if (seen >> i & 1) {
            size_t at = strlen(text);
            snprintf(text + at, sizeof(text) - at, "%s%c\\.%c", n++ ? "|" : "", versions[i][0],
                     versions[i][2]);
        }
    size_t end = strlen(text);
    snprintf(text + end, sizeof(text) - end, ")$");
    uint32_t n = (uint32_t)strlen(text);
    uint8_t *kept = arena_alloc_raw(p->c->arena, n + 1);
    if (!seen || !kept)
        return kept ? bad(p, "0.9, 1.0, 1.1", "no version is named") : no_memory(p);
    memcpy(kept, text, n + 1);
    return regex_test(p, "http.protocol", str_of(kept, n), false);
}

static bool pcre_add(struct parse *p, struct str v, bool negated)
{
    struct str pattern = {0}, tail = {0};
    if (!delimited(p, v, &pattern, &tail))
        return false;
    struct str flags = list_next(&tail, ',');
    int buffer = -1;
    uint16_t where;
    uint8_t instance;
    struct test_pcre t = {.flags = negated ? REGEX_NEGATED : 0};
    t.pattern = keep(p, pattern);
    if (p->failed || !letters(p, flags, &t, &buffer) || !captures(p, tail, &t) ||
        !host_fits(p, &t, buffer) || !compiles(p, &t) || !place(p, &t, buffer, &where, &instance))
        return false;
    struct rule_test *test = test_add_at(p, TEST_PCRE, where, instance);
    if (!test)
        return false;
    test->u.pcre = t;
    return true;
}

bool kw_pcre(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    bool negated = value_negated(&v);
    bool quoted = value_unquote(&v);
    if (!quoted && (p->d != DIALECT_SURICATA || (v.n && v.p[0] == '"')))
        return bad(p, "pcre:\"/expression/letters\"", "the value has no quotes");
    return pcre_add(p, v, negated);
}

/* Snort 3: regex:"/expression/letters", fast_pattern; the same but for the engine behind it. */
bool kw_regex(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    bool negated = value_negated(&v);
    uint32_t end = v.n;
    while (end > 1 && v.p[end - 1] != '"')
        end--;
    struct str text = str_first(v, end), rest = str_skip(v, end);
    if (!value_unquote(&text))
        return bad(p, "regex:\"/expression/letters\"", "the value has no quotes");
    while (rest.n) {
        struct str word = list_next(&rest, ',');
        if (word.n && !str_eq(word, STR("fast_pattern")) && !str_eq(word, STR("nocase")))
            return bad(p, NULL, "unknown word '" STR_FMT "' behind the expression", STR_ARG(word));
    }
    return pcre_add(p, text, negated);
}
