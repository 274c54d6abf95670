/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which dialect a file is written in: the majority of its telling marks.
 *
 * A keyword, buffer, action or letter that one dialect alone knows is an unmistakable mark; buffer
 * names that stand before any content are Snort 3's, behind one the others'.
 */
#include "rules/parse.h"

enum { MARKS_RULES = 3000 }; /* rules that are looked at */

/* Dialects that know a name as keyword or buffer. */
static unsigned name_dialects(struct str name)
{
    unsigned d = 0;
    for (unsigned bit = DIALECT_SNORT2; bit <= DIALECT_SURICATA; bit <<= 1)
        if (keyword_known(name, bit))
            d |= bit;
    return d;
}

static void mark(struct marks *m, unsigned dialects)
{
    m->snort2 += dialects == DIALECT_SNORT2;
    m->snort3 += dialects == DIALECT_SNORT3;
    m->suricata += dialects == DIALECT_SURICATA;
}

static unsigned action_dialects(struct str w)
{
    static const struct {
        const char *word;
        uint8_t d;
    } t[] = {{"activate", D_S2},  {"dynamic", D_S2},   {"sdrop", D_S2},      {"log", D_SN},
             {"block", D_SN},     {"rewrite", D_S3},   {"file_id", D_S3},    {"react", D_S3},
             {"rejectsrc", D_SU}, {"rejectdst", D_SU}, {"rejectboth", D_SU}, {"accept", D_SU}};
    for (unsigned i = 0; i < ARRAY_LEN(t); i++)
        if (str_ieq(w, str_cstr(t[i].word)))
            return t[i].d;
    return D_ALL;
}

/* Letters behind a pcre that one dialect alone knows. */
static void mark_pcre(struct marks *m, struct str v)
{
    for (uint32_t i = v.n; i > 0 && v.p[i - 1] != '/'; i--) {
        uint8_t c = v.p[i - 1];
        m->suricata += c == 'V' || c == 'W' || c == 'Q' || c == 'Z';
        m->snort2 += c == 'K';
    }
}

/* content:"..", nocase: modifiers inside. */
static bool content_inline(struct str v)
{
    for (uint32_t i = 1; i < v.n; i++) {
        if (v.p[i] == '\\')
            i++;
        else if (v.p[i] == '"' && v.p[0] != '!')
            return str_chr(str_skip(v, i), ',') >= 0;
        else if (v.p[i] == '"' && i > 1)
            return str_chr(str_skip(v, i), ',') >= 0;
    }
    return false;
}

static void mark_option(struct marks *m, const struct option *o, unsigned dialects, bool *content)
{
    if (str_eq(o->name, STR("content"))) {
        m->snort3 += content_inline(o->value);
        *content = true;
        return;
    }
    if (str_eq(o->name, STR("pcre")))
        mark_pcre(m, o->value);
    if (str_eq(o->name, STR("blacklist"))) /* ours, in all dialects */
        return;
    if (str_eq(o->name, STR("resp"))) { /* ours in all dialects, but Snort 2 has it */
        m->weak_snort2++;
        return;
    }
    if (str_eq(o->name, STR("metadata"))) {
        m->snort2 += str_find(o->value, STR("service ")) >= 0;
        return;
    }
    if (!*content && !o->has_value && (dialects & DIALECT_SNORT3) && dialects != DIALECT_SNORT3 &&
        app_buffer_find_modifier(o->name, APP_SURICATA) >= 0)
        m->weak_snort3++;
    mark(m, dialects);
}

struct mark_ctx {
    struct strtab names;
    uint8_t *dialects;
    uint32_t room;
    struct arena arena;
    struct option *options;
};

static unsigned cached(struct mark_ctx *x, struct str name)
{
    uint32_t before = x->names.n;
    int64_t at = strtab_add(&x->names, name, false);
    if (at < 0)
        return D_ALL;
    if (x->names.n > before) {
        if ((uint32_t)at >= x->room)
            return name_dialects(name);
        x->dialects[at] = (uint8_t)name_dialects(name);
    }
    return (uint32_t)at < x->room ? x->dialects[at] : name_dialects(name);
}

static bool mark_ctx_init(struct mark_ctx *x)
{
    arena_init(&x->arena, 65536, 0);
    strtab_init(&x->names, &x->arena);
    x->room = 4096;
    x->dialects = arena_alloc(&x->arena, x->room);
    x->options = arena_alloc_raw(&x->arena, RULE_OPTIONS_MAX * sizeof(*x->options));
    return x->dialects && x->options;
}

static void header_marks(struct str head, struct marks *m)
{
    struct str action = word_next(&head), rest;
    mark(m, action_dialects(str_split(action, ':', &rest)));
    m->suricata += str_chr(action, ':') > 0;
    struct str proto = word_next(&head);
    if (proto.n && !str_trim(head).n) {
        m->snort3++;
        return;
    }
    static const char *const own[] = {"tcp-pkt", "tcp-stream", "pkthdr", "ipv6", "icmpv6", "sctp"};
    for (unsigned i = 0; i < ARRAY_LEN(own); i++)
        m->suricata += str_ieq(proto, str_cstr(own[i]));
    m->suricata += str_chr(proto, ':') > 0 || app_find(proto) > 0;
}

static void rule_marks_in(struct mark_ctx *x, struct str rule, struct marks *m)
{
    int64_t open = str_chr(rule, '(');
    if (open < 0 || !rule.n)
        return;
    struct marks one = {0};
    struct str head = str_first(rule, (uint32_t)open), body = str_skip(rule, (uint32_t)open + 1);
    while (body.n && body.p[body.n - 1] != ')')
        body.n--;
    body.n -= body.n > 0;
    uint32_t n = 0, at;
    const char *error;
    if (options_split(body, 0, SPLIT_SURICATA, x->options, RULE_OPTIONS_MAX, &n, &error, &at) < 0)
        return;
    bool content = false, http = false;
    for (uint32_t i = 0; i < n; i++) {
        mark_option(&one, &x->options[i], cached(x, x->options[i].name), &content);
        http |= str_eq(x->options[i].name, STR("http_uri")) ||
                str_eq(x->options[i].name, STR("uricontent")) ||
                str_eq(x->options[i].name, STR("http_header"));
    }
    struct marks h = {0};
    header_marks(head, &h);
    if (one.snort3 || one.weak_snort3) /* services stand in its headers as well */
        h.suricata = 0;
    if (one.suricata || one.snort3)
        one.snort2 = 0; /* "service" is a word of others' metadata, too */
    m->snort2 += one.snort2 + h.snort2;
    m->snort3 += one.snort3 + h.snort3;
    m->suricata += one.suricata + h.suricata;
    m->weak_snort2 += one.weak_snort2;
    m->weak_snort3 += one.weak_snort3;
    struct str h2 = head;
    word_next(&h2);
    m->weak_snort2 +=
        http && str_ieq(word_next(&h2), STR("tcp")) && str_find(head, STR("$HTTP_PORTS")) >= 0;
}

void rule_marks(struct str rule, struct marks *m)
{
    struct mark_ctx x;
    *m = (struct marks){0};
    if (mark_ctx_init(&x))
        rule_marks_in(&x, rule, m);
    arena_done(&x.arena);
}

enum rule_dialect source_dialect(struct str text, struct marks *out)
{
    struct mark_ctx x;
    struct marks m = {0};
    *out = m;
    if (!mark_ctx_init(&x)) {
        arena_done(&x.arena);
        return DIALECT_SURICATA;
    }
    /* Rules behind # tell as well: a file may have nothing else. */
    for (unsigned rules = 0; text.n && rules < MARKS_RULES;) {
        struct str rest, line = str_trim(str_split(text, '\n', &rest));
        text = rest;
        m.snort2 += str_starts(line, STR("ruletype ")); /* a statement of Snort 2 */
        while (line.n && (line.p[0] == '#' || line.p[0] == ' '))
            line = str_skip(line, 1);
        if (!action_word(line))
            continue;
        rule_marks_in(&x, line, &m);
        rules++;
    }
    arena_done(&x.arena);
    m.snort3 += m.weak_snort3;
    *out = m;
    if (m.suricata >= m.snort2 && m.suricata >= m.snort3 && m.suricata)
        return DIALECT_SURICATA;
    if (m.snort3 > m.snort2)
        return DIALECT_SNORT3;
    if (m.snort2)
        return DIALECT_SNORT2;
    return m.weak_snort2 ? DIALECT_SNORT2 : DIALECT_SURICATA;
}
