/* SPDX-License-Identifier: GPL-2.0-or-later */
/* threshold, detection_filter and tag of a rule. */
#include "rules/kw.h"

static bool filter_parse(struct parse *p, struct str v, enum threshold_type type,
                         struct rule_threshold **out)
{
    struct rule_threshold t = {.type = (uint8_t)type};
    value_unquote(&v);
    const char *hint, *e = threshold_parts(v, &t, p->d, &hint);
    if (e)
        return bad(p, hint, "%s", e);
    struct rule_threshold *kept = arena_alloc(p->c->arena, sizeof(*kept));
    if (!kept)
        return no_memory(p);
    t.gid = t.sid = 0;
    *kept = t;
    *out = kept;
    struct rule_test *test =
        test_add_at(p, type == THRESH_DETECTION ? TEST_DETECTION_FILTER : TEST_THRESHOLD, 0, 0);
    if (!test)
        return false;
    test->u.threshold = t;
    return true;
}

bool kw_threshold(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    /* Suricata doesn't see the first one behind a sticky buffer: both hold, the last is the rule's.
     */
    bool unseen = p->d == DIALECT_SURICATA && p->sticky && !p->r->detection_filter;
    if ((p->r->threshold || p->r->detection_filter) && !unseen)
        return bad(p, NULL, "a rule has one threshold or detection_filter");
    return filter_parse(p, v, THRESH_LIMIT, &p->r->threshold);
}

bool kw_detection_filter(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    if (p->r->detection_filter || (p->r->threshold && p->d == DIALECT_SURICATA))
        return bad(p, NULL, "a rule has one threshold or detection_filter");
    return filter_parse(p, v, THRESH_DETECTION, &p->r->detection_filter);
}

/* "10" and "packets", or Snort 3's "packets 10"; false: none of these. */
static bool tag_limit(struct parse *p, struct str w, struct str *left, unsigned *metric, uint64_t *n)
{
    static const char *const metrics[] = {"packets", "seconds", "bytes"};
    struct str number = w, word;
    if (p->d == DIALECT_SNORT3) {
        word = word_next(&number);
        number = str_trim(number);
        if (!number.n) { /* "5, packets" does as well */
            number = word;
            word = list_next(left, ',');
        }
    } else {
        word = list_next(left, ',');
    }
    for (*metric = 0; *metric < ARRAY_LEN(metrics); ++*metric)
        if (str_eq(word, str_cstr(metrics[*metric])))
            return str_u64(number, n) && *n <= UINT32_MAX;
    return false;
}

/* session|host[,N,packets|seconds|bytes ...][,src|dst]; Snort 3: host_src, host_dst */
bool kw_tag(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    enum { TAG_PACKETS = 256, PACKETS = 0 };
    static const char hint[] = "tag:session|host,N,packets|seconds|bytes[,src|dst]";
    struct test_tag t = {0};
    uint32_t *const limit[] = {&t.packets, &t.seconds, &t.bytes};
    unsigned seen = 0, metric;
    struct str whom = list_next(&v, ',');
    bool host3 = p->d == DIALECT_SNORT3 && str_starts(whom, STR("host_"));
    bool side = host3;
    t.host = host3 || str_eq(whom, STR("host"));
    t.dst = host3 && str_eq(whom, STR("host_dst"));
    if ((!t.host && !str_eq(whom, STR("session"))) || (host3 && !t.dst && !str_eq(whom, STR("host_src"))))
        return bad(p, "session or host", "unknown kind '" STR_FMT "' of tag", STR_ARG(whom));
    while (v.n) {
        struct str w = list_next(&v, ',');
        uint64_t n;
        if (str_eq(w, STR("src")) || str_eq(w, STR("dst"))) {
            t.dst = str_eq(w, STR("dst"));
            side = true;
            continue;
        }
        if (str_eq(w, STR("exclusive")))
            continue;
        if (!tag_limit(p, w, &v, &metric, &n))
            return bad(p, hint, "'" STR_FMT "' is not understood", STR_ARG(w));
        if (seen >> metric & 1)
            return bad(p, hint, "the same limit stands twice in tag");
        if (seen && p->d == DIALECT_SURICATA)
            return bad(p, hint, "a tag has one limit in Suricata");
        *limit[metric] = (uint32_t)n;
        seen |= 1u << metric;
    }
    if (seen && !t.packets && !t.seconds && !t.bytes)
        return bad(p, "give how many packets, seconds or bytes are to be logged",
                   "the number of tag is 0");
    if (!seen)
        t.packets = TAG_PACKETS;
    t.capped = p->d != DIALECT_SURICATA && !(seen >> PACKETS & 1);
    if (t.host && !side && p->d == DIALECT_SURICATA)
        return bad(p, NULL, "tag:host needs src or dst");
    if (!t.host && side)
        return bad(p, NULL, "src and dst go with tag:host");
    struct rule_test *test = test_add_at(p, TEST_TAG, 0, 0);
    if (!test)
        return false;
    test->u.tag = t;
    return true;
}
