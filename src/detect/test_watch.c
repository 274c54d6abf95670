/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The rule under watch: which of its tests fails, at which byte, and what is said of it. */
#include "detect/detect_test.h"

struct row {
    const char *head, *options, *payload;
    int first;         /* number of the first test that fails; -gate: of its header; 0: it fires */
    int64_t at, end;   /* of that test */
    const char *seen;
};

static const struct watch_step *failing(const struct watch_look *l)
{
    for (unsigned k = 0; k < l->n; k++)
        if (l->step[k].result != WATCH_HOLDS)
            return &l->step[k];
    return NULL;
}

static void one(const struct row *r)
{
    char text[1024];
    struct dt t;
    snprintf(text, sizeof(text), "alert %s (msg:\"t\"; %s sid:1; rev:1;)\n", r->head ? r->head : "udp any any -> any any", r->options);
    dt_open(&t, text, DIALECT_SURICATA);
    struct watch *w = watch_new(0);
    assert_non_null(w);
    detect_watch(t.detect, w);
    const struct matches *m = detect_packet(t.detect, dt_udp(&t, r->payload, strlen(r->payload)), NULL);
    const struct watch_report *o = watch_report(w);
    assert_int_equal(m->n, !r->first);
    assert_int_equal(o->matches, !r->first);
    assert_int_equal(o->looks, 1);
    assert_int_equal(o->near[0].number, t.p.number);
    const struct watch_step *s = failing(&o->near[0]);
    if (!s != !r->first)
        fail_msg("%s on '%s'", r->options, r->payload);
    if (s && (r->first > 0 ? s->test != r->first : s->test || s->gate != -r->first))
        fail_msg("%s: test %u, gate %u", r->options, s->test, s->gate);
    if (s && r->first > 0 && (s->at != r->at || s->end != r->end))
        fail_msg("%s: bytes %lld to %lld", r->options, (long long)s->at, (long long)s->end);
    if (s && r->seen && (!s->seen || strcmp(s->seen, r->seen)))
        fail_msg("%s: \"%s\", not \"%s\"", r->options, s->seen ? s->seen : "", r->seen);
    assert_int_equal(o->n_end, r->first != 0);
    watch_free(w);
    dt_close(&t);
}

static const struct row rows[] = {
    {NULL, "content:\"abc\";", "xxabcxx", 0, 0, 0, NULL},
    {NULL, "content:\"abc\";", "xxABCxx", 1, 0, 7, "it stands at byte 2 in other case"},
    {NULL, "content:\"abc\"; depth:4;", "xxabcxx", 1, 0, 4, "it stands at byte 2, which is not within bytes 0 to 4"},
    {NULL, "content:\"abc\"; offset:9;", "xxabcxx", 1, -1, -1, "it stands at byte 2, and what the rule looks at lies behind the end"},
    {NULL, "content:\"ab\"; content:\"cd\"; distance:1; within:2;", "abcdabcd", 2, 3, 5, "it stands at byte 2, which is not within bytes 3 to 5"},
    {NULL, "content:\"ab\"; content:!\"cd\"; distance:0;", "abxcd", 2, 2, 5, "it stands at byte 3"},
    {NULL, "content:\"ab\"; pcre:\"/x[0-9]/R\";", "abxy", 2, 2, 4, "it matches nowhere in bytes 2 to 4"},
    {NULL, "content:\"ab\"; byte_test:2,>,30000,0,relative;", "ab00", 2, 2, 4, "it is 12336 (0x3030)"},
    {NULL, "content:\"ab\"; byte_test:4,>,3,1,relative;", "ab00", 2, 3, -1, "it lies outside of the 4 bytes"},
    {NULL, "content:\"ab\"; isdataat:3,relative;", "ab00", 2, 2, -1, "2 bytes follow"},
    {NULL, "content:\"ab\"; dsize:5;", "ab00", 2, -1, -1, "it is 4"},
    {NULL, "content:\"ab\"; ttl:>70;", "ab00", 2, -1, -1, "it is 64"},
    {NULL, "content:\"ab\"; flowbits:isset,x;", "ab00", -WATCH_FLOW, 0, 0, "the packet belongs to none"},
    {"udp any any -> any 54", "content:\"ab\";", "ab", -WATCH_DST_PORT, 0, 0, "53"},
    {"udp !10.1.1.0/24 any -> any any", "content:\"ab\";", "ab", -WATCH_SRC_ADDR, 0, 0, "10.1.1.10"},
    {"tcp any any -> any any", "content:\"ab\";", "ab", -WATCH_TRANSPORT, 0, 0, "udp"},
    {"dns any any -> any any", "dns.query; content:\"ab\";", "ab", -WATCH_FLOW, 0, 0, NULL},
    {NULL, "flow:established; content:\"ab\";", "ab", -WATCH_FLOW, 0, 0, NULL},
};

static void the_first_test_that_fails(void **state)
{
    (void)state;
    for (size_t k = 0; k < ARRAY_LEN(rows); k++)
        one(&rows[k]);
}

/* The place of a content is the one of the way that came furthest, not the first that is tried. */
static void places_belong_together(void **state)
{
    (void)state;
    struct dt t;
    dt_open(&t, "alert udp any any -> any any (content:\"ab\"; content:\"cd\"; distance:0; within:2; sid:1;)\n", DIALECT_SURICATA);
    struct watch *w = watch_new(0);
    detect_watch(t.detect, w);
    assert_int_equal(detect_packet(t.detect, dt_udp(&t, "abxxabcd", 8), NULL)->n, 1);
    const struct watch_report *o = watch_report(w);
    const struct watch_look *l = &o->match[0];
    assert_int_equal(l->step[l->n - 2].at, 4);
    assert_int_equal(l->step[l->n - 1].at, 6);
    assert_int_equal(l->step[l->n - 1].end, 8);
    watch_free(w);
    dt_close(&t);
}

/* A look changes nothing: with and without it the same matches, bits and entries of data sets. */
static void a_look_changes_nothing(void **state)
{
    (void)state;
    static const char rules[] =
        "alert udp any any -> any any (content:\"ab\"; ip.src; dataset:set,seen,type ip; sid:1;)\n"
        "alert udp any any -> any any (content:\"ab\"; ip.src; dataset:isset,seen,type ip; sid:2;)\n";
    unsigned hits[2][2];
    for (unsigned watched = 0; watched < 2; watched++) {
        struct dt t;
        dt_open(&t, rules, DIALECT_SURICATA);
        struct watch *w = watch_new((uint32_t)image_find_sid(t.image, 1, 1));
        if (watched)
            detect_watch(t.detect, w);
        for (unsigned k = 0; k < 2; k++)
            hits[watched][k] = detect_packet(t.detect, dt_udp(&t, "ab", 2), NULL)->n;
        watch_free(w);
        dt_close(&t);
    }
    assert_int_equal(hits[0][0], hits[1][0]);
    assert_int_equal(hits[0][1], hits[1][1]);
}

/* The best looks are kept, one for each test that ended one; all are counted. */
static void the_furthest_is_kept(void **state)
{
    (void)state;
    struct dt t;
    dt_open(&t, "alert udp any any -> any any (content:\"ab\"; content:\"cd\"; content:\"ef\"; sid:1;)\n", DIALECT_SURICATA);
    struct watch *w = watch_new(0);
    detect_watch(t.detect, w);
    static const char *const payload[] = {"xx", "ab", "abcd", "abcd..", "xx"};
    for (unsigned k = 0; k < ARRAY_LEN(payload); k++)
        (void)detect_packet(t.detect, dt_udp(&t, payload[k], strlen(payload[k])), NULL);
    const struct watch_report *o = watch_report(w);
    assert_int_equal(o->looks, 5);
    assert_int_equal(o->n_near, 3);
    assert_int_equal(o->near[0].number, 3);
    assert_int_equal(o->near[1].number, 2);
    assert_int_equal(o->near[2].number, 1);
    assert_int_equal(o->n_end, 3);
    assert_int_equal(o->end[0].n, 2);
    watch_free(w);
    dt_close(&t);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {cmocka_unit_test(the_first_test_that_fails), cmocka_unit_test(places_belong_together),
                                       cmocka_unit_test(a_look_changes_nothing), cmocka_unit_test(the_furthest_is_kept)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
