/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Rules by query: parsed into terms, asked for each rule when a policy is made. */
#include "verdict/query.h"

#include <string.h>

enum { TERMS_MOST = 32, VALUES_MOST = 1024 };

enum key {
    KEY_SID,
    KEY_GID,
    KEY_REV,
    KEY_PRIORITY,
    KEY_CLASSTYPE,
    KEY_ACTION,
    KEY_DIALECT,
    KEY_MSG,
    KEY_METADATA,
    KEYS
};
static const struct {
    const char *name;
    bool number;
} keys[KEYS] = {
    [KEY_SID] = {"sid", true},
    [KEY_GID] = {"gid", true},
    [KEY_REV] = {"rev", true},
    [KEY_PRIORITY] = {"priority", true},
    [KEY_CLASSTYPE] = {"classtype", false},
    [KEY_ACTION] = {"action", false},
    [KEY_DIALECT] = {"dialect", false},
    [KEY_MSG] = {"msg", false},
    [KEY_METADATA] = {"metadata", false},
};

struct value {
    struct value *next;
    struct str text;
    uint64_t lo, hi;
};
struct term {
    struct term *next;
    enum key key;
    bool negated;
    struct value *value;
};
struct query {
    struct term *term;
};

/* ------------------------------------------------------------------ parsing */

struct reader {
    struct arena *a;
    struct str left;
    const char *why;
};

static bool blank(uint8_t c)
{
    return c == ' ' || c == '\t';
}

/* Up to one of `stop` outside of quotes; quotes go. */
static struct str take(struct reader *r, const char *stop)
{
    struct str s = r->left;
    if (s.n && s.p[0] == '"') {
        int64_t end = str_chr(str_skip(s, 1), '"');
        if (end < 0) {
            r->why = "a quote is not closed";
            return STR("");
        }
        r->left = str_skip(s, (uint32_t)end + 2);
        return str_first(str_skip(s, 1), (uint32_t)end);
    }
    uint32_t n = 0;
    while (n < s.n && !strchr(stop, s.p[n]))
        n++;
    r->left = str_skip(s, n);
    return str_first(s, n);
}

static bool eat(struct reader *r, uint8_t c)
{
    if (!r->left.n || r->left.p[0] != c)
        return false;
    r->left = str_skip(r->left, 1);
    return true;
}

/* 5, 100-200, -3, 7- */
static bool range_read(struct str s, struct value *v)
{
    int64_t dash = str_chr(s, '-');
    if (dash < 0) {
        bool ok = str_u64(s, &v->lo);
        v->hi = v->lo;
        return ok;
    }
    struct str lo = str_first(s, (uint32_t)dash), hi = str_skip(s, (uint32_t)dash + 1);
    v->lo = 0;
    v->hi = UINT64_MAX;
    return (lo.n || hi.n) && (!lo.n || str_u64(lo, &v->lo)) && (!hi.n || str_u64(hi, &v->hi)) &&
           v->lo <= v->hi;
}

static struct value *values_read(struct reader *r, enum key key)
{
    struct value *first = NULL, **last = &first;
    for (unsigned n = 0;; n++) {
        struct str s = take(r, ", \t");
        struct value *v = r->why ? NULL : arena_alloc(r->a, sizeof(*v));
        if (!v || n == VALUES_MOST) {
            r->why = r->why ? r->why : v ? "too many values" : "no memory";
            return NULL;
        }
        v->text = s;
        if (!s.n)
            r->why = "a value is missing";
        else if (keys[key].number && !range_read(s, v))
            r->why = "numbers are written 5, 100-200, -3 or 7-";
        if (r->why)
            return NULL;
        *last = v;
        last = &v->next;
        if (!eat(r, ','))
            return first;
    }
}

static struct term *term_read(struct reader *r)
{
    struct term *t = arena_alloc(r->a, sizeof(*t));
    if (!t) {
        r->why = "no memory";
        return NULL;
    }
    t->negated = eat(r, '!');
    struct str name = take(r, ": \t");
    unsigned k = 0;
    while (k < KEYS && !str_ieq(name, str_cstr(keys[k].name)))
        k++;
    if (!r->why && (k == KEYS || !eat(r, ':')))
        r->why =
            "terms are sid: gid: rev: priority: classtype: action: dialect: msg: metadata:, or all";
    if (r->why)
        return NULL;
    t->key = (enum key)k;
    t->value = values_read(r, t->key);
    return t->value ? t : NULL;
}

struct query *query_parse(struct arena *a, struct str text, const char **why)
{
    struct reader r = {.a = a, .left = arena_dup(a, text.p, text.n)};
    struct query *q = arena_alloc(a, sizeof(*q));
    *why = NULL;
    if (!q || (text.n && !r.left.p)) {
        *why = "no memory";
        return NULL;
    }
    r.left = str_trim(r.left);
    if (!r.left.n)
        *why = "the query is empty (all: every rule)";
    if (*why)
        return NULL;
    if (str_eq(r.left, STR("*")) || str_ieq(r.left, STR("all")))
        return q;
    struct term **last = &q->term;
    for (unsigned n = 0; r.left.n; n++) {
        struct term *t = n < TERMS_MOST ? term_read(&r) : NULL;
        if (!t) {
            *why = r.why ? r.why : "too many terms";
            return NULL;
        }
        *last = t;
        last = &t->next;
        if (r.left.n && !blank(r.left.p[0])) {
            *why = "a blank is missing between terms";
            return NULL;
        }
        r.left = str_trim(r.left);
    }
    return q;
}

/* ------------------------------------------------------------------ asking */

static bool metadata_match(const struct image *i, uint32_t rule, struct str want)
{
    struct str key, value, wanted_value = STR(""), wanted_key;
    int64_t eq = str_chr(want, '=');
    wanted_key = eq < 0 ? want : str_first(want, (uint32_t)eq);
    if (eq >= 0)
        wanted_value = str_skip(want, (uint32_t)eq + 1);
    for (unsigned k = 0; image_rule_meta(i, rule, k, &key, &value); k++)
        if (str_ieq(key, wanted_key) && (eq < 0 || str_ieq(value, wanted_value)))
            return true;
    return false;
}

static bool value_match(enum key key, const struct value *v, const struct image *i, uint32_t rule,
                        const struct image_rule_info *r, const struct overlay_rule *now)
{
    static const char *const dialect[] = {
        [DIALECT_SURICATA] = "suricata", [DIALECT_SNORT2] = "snort2", [DIALECT_SNORT3] = "snort3"};
    uint64_t n = 0;
    switch (key) {
    case KEY_SID:
        n = r->sid;
        break;
    case KEY_GID:
        n = r->gid;
        break;
    case KEY_REV:
        n = r->rev;
        break;
    case KEY_PRIORITY:
        n = now->priority ? now->priority : r->priority;
        break;
    case KEY_CLASSTYPE:
        return str_ieq(v->text, r->class_name);
    case KEY_ACTION:
        return str_ieq(v->text, str_cstr(rule_action_name(now->action)));
    case KEY_DIALECT:
        return r->dialect < ARRAY_LEN(dialect) && dialect[r->dialect] &&
               str_ieq(v->text, str_cstr(dialect[r->dialect]));
    case KEY_MSG:
        return str_ifind(r->msg, v->text) >= 0;
    case KEY_METADATA:
        return metadata_match(i, rule, v->text);
    case KEYS:
        return false;
    }
    return n >= v->lo && n <= v->hi;
}

bool query_match(const struct query *q, const struct image *i, uint32_t rule,
                 const struct overlay_rule *now)
{
    struct image_rule_info r;
    image_rule(i, rule, &r);
    for (const struct term *t = q->term; t; t = t->next) {
        bool any = false;
        for (const struct value *v = t->value; v && !any; v = v->next)
            any = value_match(t->key, v, i, rule, &r, now);
        if (any == t->negated)
            return false;
    }
    return true;
}
