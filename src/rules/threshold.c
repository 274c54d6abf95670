/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * threshold, detection_filter, event_filter, rate_filter, suppress: their parts, in rules and in
 * the files of both peers.
 */
#include "rules/parse.h"

#include <errno.h>
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
    for (unsigned a = 0; a < ACTION_COUNT; a++)
        if (str_ieq(v, str_cstr(rule_action_name(a)))) {
            t->new_action = (uint8_t)a;
            return true;
        }
    return false;
}

static bool count_part(struct str v, uint32_t *out)
{
    uint64_t n;
    if (str_eq(v, STR("-1"))) { /* Snort: off */
        *out = 0;
        return true;
    }
    if (!str_u64(v, &n) || n > UINT32_MAX)
        return false;
    *out = (uint32_t)n;
    return true;
}

/* One "word value"; its bit, 0 when it is not understood. */
static unsigned part(struct str word, struct str v, struct rule_threshold *t, struct str *ip)
{
    static const char *const unique[] = {"", "src_port", "dst_port"};
    struct {
        const char *word;
        unsigned bit;
        uint32_t *n;
    } numbers[] = {{"count", PART_COUNT, &t->count},
                   {"seconds", PART_SECONDS, &t->seconds},
                   {"timeout", PART_TIMEOUT, &t->timeout_s},
                   {"multiplier", PART_MULTIPLIER, &t->multiplier},
                   {"gid", PART_GID, &t->gid},
                   {"gen_id", PART_GID, &t->gid},
                   {"sid", PART_SID, &t->sid},
                   {"sig_id", PART_SID, &t->sid}};
    for (unsigned i = 0; i < ARRAY_LEN(numbers); i++)
        if (str_eq(word, str_cstr(numbers[i].word)))
            return count_part(v, numbers[i].n) ? numbers[i].bit : 0;
    if (str_eq(word, STR("type")))
        return type_part(v, t) ? PART_TYPE : 0;
    if (str_eq(word, STR("track")))
        return track_part(v, t) ? PART_TRACK : 0;
    if (str_eq(word, STR("new_action")))
        return action_part(v, t) ? PART_ACTION : 0;
    if (str_eq(word, STR("unique_on"))) {
        int i = word_in(v, unique, ARRAY_LEN(unique));
        t->unique_on = (uint8_t)(i > 0 ? i : 0);
        return i > 0 ? PART_UNIQUE : 0;
    }
    if (str_eq(word, STR("apply_to"))) { /* Snort: a network to which rate_filter is limited */
        *ip = v;
        return PART_APPLY;
    }
    if (str_eq(word, STR("ip"))) {
        *ip = v;
        return PART_IP;
    }
    return 0;
}

static const char *parts_parse(struct str v, struct rule_threshold *t, unsigned *seen,
                               struct str *ip)
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
            return "a part is missing";
        unsigned bit = part(word, value, t, ip);
        if (!bit)
            return "a part is not understood";
        if (*seen & bit)
            return "a part stands twice";
        *seen |= bit;
    }
    return NULL;
}

const char *threshold_parts(struct str v, struct rule_threshold *t, enum rule_dialect d, bool file)
{
    (void)file;
    unsigned seen = 0;
    struct str ip = {0};
    bool filter = t->type == THRESH_DETECTION;
    *t = (struct rule_threshold){.type = t->type, .addr = -1};
    const char *e = parts_parse(v, t, &seen, &ip);
    if (e)
        return e;
    unsigned need = PART_TRACK | PART_COUNT | (filter ? PART_SECONDS : PART_TYPE);
    if (!filter && t->type == THRESH_BACKOFF)
        need |= PART_MULTIPLIER;
    else
        need |= PART_SECONDS;
    if ((seen & need) != need)
        return filter ? "track, count and seconds are needed"
                      : "type, track, count and seconds (of backoff: multiplier) are needed";
    if (seen & ~(need | PART_UNIQUE))
        return "a part does not belong here";
    if (!t->count || (!t->seconds && (need & PART_SECONDS)))
        return "count and seconds must be above 0";
    if (t->track == TRACK_EITHER)
        return "by_either is for suppress alone";
    if (t->type == THRESH_BACKOFF && t->track != TRACK_FLOW)
        return "backoff goes with track by_flow";
    if (t->type == THRESH_BACKOFF && t->multiplier == 0)
        return "the multiplier must be above 0";
    if (d != DIALECT_SURICATA && t->track > TRACK_DST)
        return "track takes by_src and by_dst";
    return NULL;
}

/* ---- files */

static const char *line_check(const struct rule_threshold *t, unsigned seen)
{
    if (!(seen & PART_GID) || !(seen & PART_SID))
        return "gen_id and sig_id are needed";
    if (t->type == THRESH_SUPPRESS) {
        if (seen & ~(unsigned)(PART_GID | PART_SID | PART_TRACK | PART_IP))
            return "suppress takes gen_id, sig_id, track and ip";
        if (((seen & PART_TRACK) != 0) != ((seen & PART_IP) != 0))
            return "track and ip belong together";
        return NULL;
    }
    if (t->type == THRESH_RATE) {
        unsigned need = PART_TRACK | PART_COUNT | PART_SECONDS | PART_ACTION | PART_TIMEOUT;
        if ((seen & need) != need)
            return "track, count, seconds, new_action and timeout are needed";
        return !t->count ? "count must be above 0" : NULL;
    }
    unsigned need = PART_TYPE | PART_TRACK | PART_COUNT | PART_SECONDS;
    if (t->type == THRESH_BACKOFF)
        need = PART_TYPE | PART_TRACK | PART_COUNT | PART_MULTIPLIER;
    if ((seen & need) != need)
        return "type, track, count and seconds are needed";
    return NULL;
}

static int kind_of(struct str word)
{
    if (str_eq(word, STR("threshold")) || str_eq(word, STR("event_filter")))
        return THRESH_LIMIT;
    if (str_eq(word, STR("rate_filter")))
        return THRESH_RATE;
    return str_eq(word, STR("suppress")) ? THRESH_SUPPRESS : -1;
}

static int entry_add(struct arena *a, struct threshold_file *out, const struct rule_threshold *t)
{
    if (out->n == out->room) {
        uint32_t room = out->room ? out->room * 2 : 32;
        struct rule_threshold *more = arena_alloc(a, room * sizeof(*more));
        if (!more)
            return -ENOMEM;
        if (out->n)
            memcpy(more, out->t, out->n * sizeof(*more));
        out->t = more;
        out->room = room;
    }
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

static const char *line_parse(struct lines *x, struct str line, struct rule_threshold *t)
{
    struct str word = word_next(&line), ip = {0};
    int kind = kind_of(word);
    unsigned seen = 0;
    if (kind < 0)
        return "the line begins with none of threshold, event_filter, rate_filter, suppress";
    *t = (struct rule_threshold){.type = (uint8_t)kind, .in_file = true, .addr = -1};
    const char *e = parts_parse(line, t, &seen, &ip);
    if (!e)
        e = line_check(t, seen);
    if (e || !ip.n)
        return e;
    struct str canon = expr_canonical(x->a, ip);
    struct ip_ranges ranges;
    if (rules_resolve_addr(x->a, canon, x->var, x->ctx, &ranges, NULL) < 0)
        return "the address is not understood, or a variable of it is not set";
    int64_t id = canon.p ? strtab_add(x->addr, canon, true) : -1;
    t->addr = (int32_t)id;
    return id < 0 ? "no memory" : NULL;
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
        uint32_t first = no;
        bool more = true;
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
        const char *e = line_parse(&x, line, &t);
        if (e) {
            diag_add(d, DIAG_ERROR, file, first, 1, "the line is left out", "%s", e);
            rc = -EINVAL;
        } else if (entry_add(a, out, &t) < 0) {
            return -ENOMEM;
        }
    }
    return rc;
}
