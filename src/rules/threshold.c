/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * threshold, detection_filter, event_filter, rate_filter, suppress: their parts, in rules and in
 * the files of both peers.
 */
#include "rules/load.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

enum {
    PART_TYPE = 1,
    PART_TRACK = 2,
    PART_COUNT = 4,
    PART_SECONDS = 8,
    PART_ACTION = 16,
    PART_TIMEOUT = 32,
    PART_MULTIPLIER = 64,
    PART_GID = 128,
    PART_SID = 256,
    PART_IP = 512,
    PART_UNIQUE = 1024,
    PART_APPLY = 2048
};
static const uint32_t COUNT_OFF = UINT32_MAX; /* of -1, until the line is checked */

static int word_in(struct str w, const char *const *words, unsigned n)
{
    for (unsigned i = 0; i < n; i++)
        if (str_ieq(w, str_cstr(words[i])))
            return (int)i;
    return -1;
}

static bool type_part(struct str v, struct rule_threshold *t)
{
    static const char *const types[] = {"limit", "threshold", "both", "backoff"};
    int i = word_in(v, types, ARRAY_LEN(types));
    if (i < 0)
        return false;
    t->type = (uint8_t)i;
    return true;
}
static_assert(THRESH_LIMIT == 0 && THRESH_THRESHOLD == 1 && THRESH_BOTH == 2 && THRESH_BACKOFF == 3,
              "type_part counts on it");

static bool track_part(struct str v, struct rule_threshold *t)
{
    static const char *const tracks[] = {"by_src",  "by_dst",  "by_rule",
                                         "by_both", "by_flow", "by_either"};
    int i = word_in(v, tracks, ARRAY_LEN(tracks));
    if (i < 0)
        return false;
    t->track = (uint8_t)i;
    return true;
}
static_assert(TRACK_SRC == 0 && TRACK_DST == 1 && TRACK_RULE == 2 && TRACK_BOTH == 3 &&
                  TRACK_FLOW == 4 && TRACK_EITHER == 5,
              "track_part counts on it");

static bool action_part(struct str v, struct rule_threshold *t)
{
    for (unsigned a = 0; a <= ACTION_RESET; a++) /* those of a packet or flow */
        if (str_ieq(v, str_cstr(rule_action_name(a)))) {
            t->new_action = (uint8_t)a;
            return true;
        }
    return false;
}

enum { SECONDS_MAX = 60 * 60 * 24 * 365 };

/* What is wrong with a part or line, what would be right, and where it stands. */
struct wrong {
    const char *reason, *hint;
    struct str at;
};

static bool wrong(struct wrong *w, struct str at, const char *reason, const char *hint)
{
    if (!w->reason)
        *w = (struct wrong){reason, hint, at};
    return false;
}

/* One number; count alone may be -1, which switches a filter off (Snort). */
static bool number_part(struct str v, unsigned bit, uint32_t *out, struct wrong *w)
{
    uint64_t n, most = bit == PART_SECONDS || bit == PART_TIMEOUT ? SECONDS_MAX : UINT32_MAX;
    if (bit == PART_COUNT && str_eq(v, STR("-1"))) {
        *out = COUNT_OFF;
        return true;
    }
    if (!str_u64_base(v, 10, &n) || n > most)
        return wrong(w, v,
                     bit == PART_SECONDS || bit == PART_TIMEOUT
                         ? "the number of seconds is none from 0 to a year"
                     : bit == PART_COUNT      ? "the count is no number"
                     : bit == PART_MULTIPLIER ? "the multiplier is no number"
                                              : "gen_id or sig_id is no number",
                     "a whole number from 0 to 4294967295 without a unit");
    *out = (uint32_t)n;
    return true;
}

static bool word_part(struct str word, struct str v, struct rule_threshold *t, unsigned bit,
                      struct wrong *w)
{
    static const char *const unique[] = {"", "src_port", "dst_port"};
    int i;
    switch (bit) {
    case PART_TYPE:
        return type_part(v, t) ||
               wrong(w, v, "the type is unknown", "type limit, threshold, both or backoff");
    case PART_TRACK:
        return track_part(v, t) ||
               wrong(w, v, "the way to track is unknown",
                     "track by_src, by_dst, by_rule, by_both or by_flow; suppress: by_either");
    case PART_ACTION:
        return action_part(v, t) ||
               wrong(w, v, "the new action is unknown",
                     "new_action alert, drop, pass, log, reject, sdrop or block");
    case PART_UNIQUE:
        i = word_in(v, unique, ARRAY_LEN(unique));
        t->unique_on = (uint8_t)(i > 0 ? i : 0);
        return i > 0 || wrong(w, v, "the port is unknown", "unique_on src_port or dst_port");
    default:
        return wrong(
            w, word, "a word is not understood",
            "gen_id, sig_id, type, track, count, seconds, ip, new_action, timeout, apply_to");
    }
}

/* One "word value"; its bit, 0 when it is not understood. */
static unsigned part(struct str word, struct str v, struct rule_threshold *t, struct str *ip,
                     struct wrong *w)
{
    const struct {
        const char *word;
        unsigned bit;
        uint32_t *n;
    } words[] = {
        {"count", PART_COUNT, &t->count},
        {"seconds", PART_SECONDS, &t->seconds},
        {"timeout", PART_TIMEOUT, &t->timeout_s},
        {"multiplier", PART_MULTIPLIER, &t->multiplier},
        {"gid", PART_GID, &t->gid},
        {"gen_id", PART_GID, &t->gid},
        {"sid", PART_SID, &t->sid},
        {"sig_id", PART_SID, &t->sid},
        {"type", PART_TYPE, NULL},
        {"track", PART_TRACK, NULL},
        {"new_action", PART_ACTION, NULL},
        {"unique_on", PART_UNIQUE, NULL},
        {"apply_to", PART_APPLY, NULL}, /* Snort: networks to which rate_filter is limited */
        {"ip", PART_IP, NULL}};
    unsigned i = 0;
    while (i < ARRAY_LEN(words) && !str_eq(word, str_cstr(words[i].word)))
        i++;
    unsigned bit = i < ARRAY_LEN(words) ? words[i].bit : 0;
    if (bit & (PART_IP | PART_APPLY)) {
        *ip = v;
        return v.n ? bit
                   : wrong(w, word, "the address is missing",
                           "ip 10.0.0.1, ip 10.0.0.0/8 or ip [a,b]");
    }
    bool fine =
        bit && words[i].n ? number_part(v, bit, words[i].n, w) : word_part(word, v, t, bit, w);
    return fine ? bit : 0;
}

static bool parts_parse(struct str v, struct rule_threshold *t, unsigned *seen, struct str *ip,
                        struct wrong *w)
{
    while (v.n) {
        struct str p = str_trim(v), word = word_next(&p);
        p = str_trim(p);
        /* An address list may hold commas: it goes to the end, or to a comma outside brackets. */
        uint32_t end = 0;
        unsigned depth = 0;
        for (; end < p.n && (p.p[end] != ',' || depth); end++)
            depth += (p.p[end] == '[') - (p.p[end] == ']' && depth > 0);
        struct str value = str_trim(str_first(p, end));
        v = end < p.n ? str_skip(p, end + 1) : str_skip(p, p.n);
        if (!word.n)
            return wrong(w, p, "a part is missing", "write \"word value\" between two commas");
        unsigned bit = part(word, value, t, ip, w);
        if (!bit)
            return false;
        if (*seen & bit)
            return wrong(w, word, "a part stands twice", "leave one of the two out");
        *seen |= bit;
    }
    return true;
}

/* What a kind needs and what else it takes, with its right form. */
struct form {
    unsigned need, more;
    const char *missing, *hint;
};
enum { FORM_FILTER, FORM_BACKOFF, FORM_DETECTION, FORM_RATE, FORM_SUPPRESS, FORMS };
#define FILTER_PARTS (PART_TYPE | PART_TRACK | PART_COUNT)
static const struct form forms[FORMS] = {
    [FORM_FILTER] = {FILTER_PARTS | PART_SECONDS, PART_UNIQUE,
                     "type, track, count and seconds (of backoff: multiplier) are needed",
                     "type limit, track by_src, count 1, seconds 60"},
    [FORM_BACKOFF] = {FILTER_PARTS | PART_MULTIPLIER, 0,
                      "type, track, count and multiplier are needed",
                      "type backoff, track by_flow, count 1, multiplier 10"},
    [FORM_DETECTION] = {PART_TRACK | PART_COUNT | PART_SECONDS, PART_UNIQUE,
                        "track, count and seconds are needed", "track by_src, count 5, seconds 60"},
    [FORM_RATE] = {PART_TRACK | PART_COUNT | PART_SECONDS | PART_ACTION | PART_TIMEOUT, PART_APPLY,
                   "track, count, seconds, new_action and timeout are needed",
                   "rate_filter gen_id 1, sig_id 5, track by_src, count 10, seconds 60, new_action "
                   "drop, timeout 300"},
    [FORM_SUPPRESS] = {0, PART_TRACK | PART_IP, NULL,
                       "suppress gen_id 1, sig_id 5, track by_src, ip 10.0.0.0/8"},
};

static const struct form *form_of(const struct rule_threshold *t)
{
    switch ((enum threshold_type)t->type) {
    case THRESH_BACKOFF:
        return &forms[FORM_BACKOFF];
    case THRESH_DETECTION:
        return &forms[FORM_DETECTION];
    case THRESH_RATE:
        return &forms[FORM_RATE];
    case THRESH_SUPPRESS:
        return &forms[FORM_SUPPRESS];
    case THRESH_LIMIT:
    case THRESH_THRESHOLD:
    case THRESH_BOTH:
        break;
    }
    return &forms[FORM_FILTER];
}

/* What holds in rules and in files. */
static bool form_check(const struct rule_threshold *t, unsigned seen, bool file, struct wrong *w)
{
    const struct form *f = form_of(t);
    const struct str none = {0};
    if ((seen & f->need) != f->need)
        return wrong(w, none, f->missing, f->hint);
    if (seen & ~(f->need | f->more | (file ? PART_GID | PART_SID : 0u)))
        return wrong(w, none, "a part does not belong here", f->hint);
    if (t->type == THRESH_SUPPRESS)
        return ((seen & PART_TRACK) != 0) == ((seen & PART_IP) != 0) ||
               wrong(w, none, "track and ip belong together", f->hint);
    if (!t->count)
        return wrong(w, none, "count and seconds must be above 0",
                     file && t->type != THRESH_RATE
                         ? "count 1 or more; count -1 switches the filter off"
                         : "count 1 or more");
    if (t->count == COUNT_OFF && (!file || t->type == THRESH_RATE))
        return wrong(w, none, "count and seconds must be above 0",
                     "count 1 or more; only event_filter in a file takes -1 (off)");
    /* Of a rate_filter 0 seconds mean the total, a timeout of 0 for ever. */
    if (!t->seconds && (f->need & PART_SECONDS) && t->type != THRESH_RATE)
        return wrong(w, none, "count and seconds must be above 0", "seconds 1 or more");
    if (t->track == TRACK_EITHER)
        return wrong(w, none, "by_either is for suppress alone", "track by_src or by_dst");
    if (t->type == THRESH_BACKOFF && t->track != TRACK_FLOW)
        return wrong(w, none, "backoff goes with track by_flow", f->hint);
    if (t->type == THRESH_BACKOFF && t->multiplier == 0)
        return wrong(w, none, "the multiplier must be above 0", f->hint);
    return true;
}

const char *threshold_parts(struct str v, struct rule_threshold *t, enum rule_dialect d,
                            const char **hint)
{
    unsigned seen = 0;
    struct str ip = {0};
    struct wrong w = {0};
    *t = (struct rule_threshold){.type = t->type, .addr = -1};
    bool fine = parts_parse(v, t, &seen, &ip, &w) && form_check(t, seen, false, &w);
    if (fine && d != DIALECT_SURICATA && t->track > TRACK_DST)
        wrong(&w, v, "track takes by_src and by_dst", "track by_src or by_dst");
    *hint = w.hint;
    return w.reason;
}

/* ---- files */

static bool line_check(const struct rule_threshold *t, unsigned seen, struct wrong *w)
{
    const struct str none = {0};
    if (!(seen & PART_GID) || !(seen & PART_SID))
        return wrong(w, none, "gen_id and sig_id are needed",
                     "gen_id 1, sig_id 2001219, then the rest");
    if (!t->gid && t->sid)
        return wrong(w, none, "gen_id 0 means all rules: sig_id must be 0 as well",
                     "gen_id 1, or sig_id 0");
    if (!form_check(t, seen, true, w))
        return false;
    if (t->type == THRESH_SUPPRESS && t->track > TRACK_DST && t->track != TRACK_EITHER)
        return wrong(w, none, "suppress tracks addresses", "track by_src, by_dst or by_either");
    return true;
}

static int kind_of(struct str word)
{
    if (str_eq(word, STR("threshold")) || str_eq(word, STR("event_filter")))
        return THRESH_LIMIT;
    if (str_eq(word, STR("rate_filter")))
        return THRESH_RATE;
    return str_eq(word, STR("suppress")) ? THRESH_SUPPRESS : -1;
}

static int entry_add(struct arena *a, struct threshold_file *out, const struct rule_threshold *t,
                     const char *file, uint32_t line)
{
    if (out->n == out->room) {
        uint32_t room = out->room ? out->room * 2 : 32;
        struct rule_threshold *more = arena_alloc(a, room * sizeof(*more));
        struct threshold_place *places = arena_alloc(a, room * sizeof(*places));
        if (!more || !places)
            return -ENOMEM;
        if (out->n) {
            memcpy(more, out->t, out->n * sizeof(*more));
            memcpy(places, out->place, out->n * sizeof(*places));
        }
        out->t = more;
        out->place = places;
        out->room = room;
    }
    out->place[out->n] = (struct threshold_place){file, line};
    out->t[out->n++] = *t;
    return 0;
}

struct lines {
    struct arena *a;
    struct strtab *addr;
    const char *file;
    rules_var_fn *var;
    void *ctx;
    struct diags *d;
};

static bool line_parse(struct lines *x, struct str line, struct rule_threshold *t, struct wrong *w)
{
    struct str first = word_next(&line), ip = {0};
    int kind = kind_of(first);
    unsigned seen = 0;
    if (kind < 0)
        return wrong(
            w, first, "the line begins with none of threshold, event_filter, rate_filter, suppress",
            "event_filter gen_id 1, sig_id 5, type limit, track by_src, count 1, seconds 60");
    *t = (struct rule_threshold){.type = (uint8_t)kind, .in_file = true, .addr = -1};
    if (!parts_parse(line, t, &seen, &ip, w) || !line_check(t, seen, w))
        return false;
    if (t->count == COUNT_OFF)
        t->count = 0;
    if (!ip.n)
        return true;
    struct str canon = expr_canonical(x->a, ip);
    struct ip_ranges ranges;
    struct diags why;
    diags_init(&why, x->a);
    if (rules_resolve_addr(x->a, canon, x->var, x->ctx, &ranges, &why) < 0)
        return wrong(w, ip,
                     why.first ? why.first->reason
                               : "the address is not understood, or a variable of it is not set",
                     why.first && why.first->hint ? why.first->hint
                                                  : "ip 10.0.0.1, ip 10.0.0.0/8 or ip [a,b]");
    int64_t id = canon.p ? strtab_add(x->addr, canon, true) : -1;
    t->addr = (int32_t)id;
    return id >= 0 || wrong(w, ip, "no memory", NULL);
}

/* Column of what is wrong in a line that may be joined of several: of the first alone it is known.
 */
static uint32_t column_of(const struct wrong *w, struct str line, uint32_t indent)
{
    bool inside = w->at.p >= line.p && w->at.p <= line.p + line.n;
    return inside ? indent + (uint32_t)(w->at.p - line.p) + 1 : indent + 1;
}

int thresholds_read(struct arena *a, struct strtab *addr, struct str text, const char *file,
                    uint32_t line0, bool lenient, struct threshold_file *out, rules_var_fn *var,
                    void *ctx, struct diags *d)
{
    struct lines x = {a, addr, file, var, ctx, d};
    int rc = 0;
    uint32_t no = line0;
    struct sbuf_line {
        uint8_t *p;
        uint32_t n;
    } joined = {arena_alloc_raw(a, text.n + 1), 0};
    if (!joined.p)
        return -ENOMEM;
    while (text.n) {
        uint32_t first = no, indent = 0;
        bool more = true;
        while (indent < text.n && (text.p[indent] == ' ' || text.p[indent] == '\t'))
            indent++;
        joined.n = 0;
        while (more && text.n) { /* lines that end with a backslash go on */
            struct str rest, line = str_trim(str_split(text, '\n', &rest));
            text = rest;
            no++;
            more = line.n && line.p[line.n - 1] == '\\';
            line.n -= more;
            memcpy(joined.p + joined.n, line.p, line.n);
            joined.n += line.n;
        }
        struct str line = str_trim(str_of(joined.p, joined.n)), word = line;
        if (!line.n || line.p[0] == '#')
            continue;
        if (lenient && kind_of(word_next(&word)) < 0)
            continue;
        struct rule_threshold t;
        struct wrong w = {0};
        if (!line_parse(&x, line, &t, &w)) {
            diag_add(d, DIAG_ERROR, file, first, column_of(&w, line, indent), w.hint,
                     "%s; the line is left out", w.reason);
            rc = -EINVAL;
        } else if (entry_add(a, out, &t, file, first) < 0) {
            return -ENOMEM;
        }
    }
    return rc;
}

/* ---- lines against the rules that are there */

static int by_key(const void *a, const void *b)
{
    const uint64_t *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static const struct rule_refusal *refusal_of(const struct rule_set *s, uint32_t sid)
{
    for (uint32_t i = 0; i < s->n_refusals; i++)
        if (s->refusals[i].sid == sid)
            return &s->refusals[i];
    return NULL;
}

static void unknown_note(struct whole *w, const struct rule_threshold *t,
                         const struct threshold_place *at, bool gid_known)
{
    const struct rule_refusal *r = t->gid <= 1 ? refusal_of(&w->pub, t->sid) : NULL;
    if (r)
        diag_add(&w->pub.diags, DIAG_WARNING, at->file, at->line, 1, "mend the rule",
                 "the line has no effect: rule %u:%u is refused (%s:%u)", t->gid, t->sid, r->file,
                 r->line);
    else if (!gid_known)
        diag_add(&w->pub.diags, DIAG_WARNING, at->file, at->line, 1,
                 "gen_id 1 is that of rules; generators of preprocessors have no counterpart here",
                 "the line has no effect: no rule has gen_id %u", t->gid);
    else
        diag_add(&w->pub.diags, DIAG_WARNING, at->file, at->line, 1,
                 "give the gen_id and sid of a rule that is loaded",
                 "the line has no effect: no rule %u:%u is loaded", t->gid, t->sid);
}

/* Two filters of one kind for the same: Snort 2 refuses the second.  Here the last one holds that
 * names a sid; of those for a whole generator the first. */
static bool is_filter(const struct rule_threshold *t)
{
    return t->type != THRESH_SUPPRESS && t->type != THRESH_RATE;
}

/* slot: of keys' hash, line number + 1. */
static void twice_note(struct whole *w, const struct threshold_file *t, uint32_t i, uint32_t *slot,
                       uint32_t mask)
{
    const struct rule_threshold *x = &t->t[i];
    uint32_t at = (x->sid * 2654435761u ^ x->gid * 40503u) & mask;
    if (!is_filter(x))
        return;
    for (; slot[at]; at = (at + 1) & mask) {
        const struct rule_threshold *y = &t->t[slot[at] - 1];
        if (y->gid != x->gid || y->sid != x->sid)
            continue;
        const struct threshold_place *old = &t->place[slot[at] - 1], *now = &t->place[i],
                                     *holds = x->sid ? now : old, *other = x->sid ? old : now;
        diag_add(&w->pub.diags, DIAG_WARNING, now->file, now->line, 1,
                 "leave one of the two out; Snort refuses the second",
                 "a second event_filter for %u:%u: line %u holds, line %u of %s has no effect",
                 x->gid, x->sid, holds->line, other->line, other->file);
        break;
    }
    slot[at] = i + 1;
}

static int twice(struct whole *w, const struct threshold_file *t)
{
    uint32_t room = 16;
    while (room / 2 < t->n)
        room *= 2;
    uint32_t *slot = calloc(room, sizeof(*slot));
    if (!slot)
        return -ENOMEM;
    for (uint32_t i = 0; i < t->n; i++)
        twice_note(w, t, i, slot, room - 1);
    free(slot);
    return 0;
}

int thresholds_settle(struct whole *w, const struct threshold_file *t)
{
    const struct rule_set *s = &w->pub;
    uint64_t *keys = t->n ? malloc((s->n_rules + 1) * sizeof(*keys)) : NULL;
    if (!t->n)
        return 0;
    if (!keys)
        return -ENOMEM;
    for (uint32_t i = 0; i < s->n_rules; i++)
        keys[i] = (uint64_t)s->rules[i]->gid << 32 | s->rules[i]->sid;
    if (s->n_rules > 1)
        qsort(keys, s->n_rules, sizeof(*keys), by_key);
    for (uint32_t i = 0; i < t->n; i++) {
        uint64_t key = (uint64_t)t->t[i].gid << 32 | t->t[i].sid;
        bool gid_known = !t->t[i].gid || t->t[i].gid == 1;
        for (uint32_t k = 0; k < s->n_rules && !gid_known; k++)
            gid_known = s->rules[k]->gid == t->t[i].gid;
        bool known = t->t[i].sid
                         ? s->n_rules && bsearch(&key, keys, s->n_rules, sizeof(*keys), by_key)
                         : gid_known;
        if (!known)
            unknown_note(w, &t->t[i], &t->place[i], gid_known);
    }
    free(keys);
    return twice(w, t);
}
