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

/* session|host[,N,packets|seconds|bytes[,src|dst]] */
bool kw_tag(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    enum { TAG_PACKETS = 256 };
    static const char *const metrics[] = {"packets", "seconds", "bytes"};
    struct test_tag t = {.count = TAG_PACKETS};
    bool side = false;
    struct str whom = list_next(&v, ',');
    t.host = str_eq(whom, STR("host"));
    if (!t.host && !str_eq(whom, STR("session")))
        return bad(p, "session or host", "unknown kind '" STR_FMT "' of tag", STR_ARG(whom));
    bool number = false, metric = false;
    while (v.n) {
        struct str w = list_next(&v, ','), tail = w;
        uint64_t n;
        unsigned i = 0;
        if (p->d == DIALECT_SNORT3 && !number) { /* "packets 5" */
            struct str word = word_next(&tail);
            if (str_u64(str_trim(tail), &n) && n <= UINT32_MAX) {
                t.count = (uint32_t)n;
                number = true;
                w = word;
            }
        }
        while (i < ARRAY_LEN(metrics) && !str_eq(w, str_cstr(metrics[i])))
            i++;
        if (i < ARRAY_LEN(metrics) && number && !metric) {
            t.metric = (uint8_t)i;
            metric = true;
        } else if (str_u64(w, &n) && n <= UINT32_MAX && (!number || metric)) {
            if (number && t.count) /* "0,packets,60,seconds": 0 is no limit */
                return bad(p, "give one limit: packets, seconds or bytes",
                           "two limits of one tag are not built");
            t.count = (uint32_t)n;
            number = true;
            metric = false;
        } else if (str_eq(w, STR("src")) || str_eq(w, STR("dst"))) {
            t.dst = str_eq(w, STR("dst"));
            side = true;
        } else if (!str_eq(w, STR("exclusive"))) {
            return bad(p, "tag:session|host,N,packets|seconds|bytes[,src|dst]",
                       "'" STR_FMT "' is not understood", STR_ARG(w));
        }
    }
    if (!t.count)
        return bad(p, "give how many packets, seconds or bytes are to be logged",
                   "the number of tag is 0");
    if (number != metric)
        return bad(p, NULL, "a number of tag has packets, seconds or bytes behind it");
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
