/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What rules remember: flowbits, numbers, bits of hosts and pairs, thresholds, tags; and what a reload keeps of it. */
#include "detect/detect_test.h"

#define SECOND UINT64_C(1000000000)

/* One packet of a script: payload ("hit 7": to port 7), in which flow, from and to whom, when. */
struct step {
    const char *payload;
    uint8_t flow; /* 0: none */
    uint8_t src, dst;
    uint32_t at_s;
    const char *sids; /* of the rules that alert, ascending: "1 3" */
};
enum { FLOWS = 4 };
struct script {
    struct dt t;
    struct flow flow[FLOWS];
};

static void script_open(struct script *s, const char *rules, enum rule_dialect d)
{
    memset(s->flow, 0, sizeof(s->flow));
    dt_open(&s->t, rules, d);
}

static void script_close(struct script *s)
{
    for (unsigned k = 0; k < FLOWS; k++)
        if (s->flow[k].detect)
            detect_flow_free(s->t.detect, &s->flow[k]);
    dt_close(&s->t);
}

static const struct matches *step_match(struct script *s, const struct step *x)
{
    struct packet *p = dt_udp(&s->t, x->payload, strlen(x->payload));
    uint8_t a[4] = {10, 1, 1, x->src}, b[4] = {10, 1, 1, x->dst};
    p->src = ip_from_v4(a);
    p->dst = ip_from_v4(b);
    p->ts_ns = (1000 + x->at_s) * SECOND;
    p->dp = strncmp(x->payload, "hit ", 4) ? 53 : (uint16_t)strtoul(x->payload + 4, NULL, 10);
    p->ip_len = 28 + p->payload_len;
    if (x->flow) {
        struct flow *f = &s->flow[x->flow];
        f->proto = IPPROTO_UDP;
        f->ver = 4;
        f->flags |= FLOW_SEEN_TO_SERVER;
        p->flow = f;
    }
    return detect_packet(s->t.detect, p, NULL);
}

/* Sids that alert, thresholds asked; rate_filter's new action stands behind a slash. */
static const char *step_sids(struct script *s, const struct step *x)
{
    static char text[256];
    const struct matches *m = step_match(s, x);
    uint32_t sid[64], n = 0;
    int action[64];
    for (uint32_t k = 0; k < m->n && n < 64; k++) {
        int to;
        if (detect_threshold(s->t.detect, &s->t.p, &m->m[k], &to) != 1 || m->m[k].flags & MATCH_NOALERT)
            continue;
        uint32_t at = n++, now = overlay_image(detect_overlay(s->t.detect))->rules[m->m[k].rule].sid;
        for (; at && sid[at - 1] > now; at--) {
            sid[at] = sid[at - 1];
            action[at] = action[at - 1];
        }
        sid[at] = now;
        action[at] = to;
    }
    size_t used = 0;
    text[0] = 0;
    for (uint32_t k = 0; k < n; k++)
        used += (size_t)snprintf(text + used, sizeof(text) - used, action[k] >= 0 ? "%s%u/%s" : "%s%u", k ? " " : "", sid[k],
                                 action[k] >= 0 ? rule_action_name((unsigned)action[k]) : "");
    return text;
}

static void steps_run(struct script *s, const struct step *x, size_t n)
{
    for (size_t k = 0; k < n; k++) {
        const char *got = step_sids(s, &x[k]);
        if (strcmp(got, x[k].sids ? x[k].sids : ""))
            fail_msg("step %zu (%s): alerts \"%s\", not \"%s\"", k, x[k].payload, got, x[k].sids ? x[k].sids : "");
    }
}
static void run(const char *rules, enum rule_dialect d, const struct step *x, size_t n)
{
    struct script s;
    script_open(&s, rules, d);
    steps_run(&s, x, n);
    script_close(&s);
}
#define RUN(rules, dialect, steps) run(rules, dialect, steps, ARRAY_LEN(steps))

/* ------------------------------------------------------------------ flowbits, numbers */

static void flowbits_are_the_flows(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {"read", 1, 1, 2, 0, ""},       {"login", 1, 1, 2, 0, "1"},     {"read", 1, 1, 2, 0, "2"},
        {"read", 2, 1, 2, 0, ""},       {"read", 0, 1, 2, 0, ""},       {"logout", 1, 1, 2, 0, ""},
        {"read", 1, 1, 2, 0, ""},       {"toggle", 2, 1, 2, 0, ""},     {"read", 2, 1, 2, 0, "2"},
        {"toggle", 2, 1, 2, 0, ""},     {"read", 2, 1, 2, 0, ""},       {"write", 1, 1, 2, 0, "5"},
        {"login", 1, 1, 2, 0, "1"},     {"write", 1, 1, 2, 0, ""},
        /* setters come before readers, whatever their order in the file */
        {"login read", 3, 1, 2, 0, "1 2"},
    };
    RUN("alert udp any any -> any any (msg:\"r\"; content:\"read\"; flowbits:isset,in; sid:2;)\n"
        "alert udp any any -> any any (msg:\"l\"; content:\"login\"; flowbits:set,in; sid:1;)\n"
        "alert udp any any -> any any (msg:\"o\"; content:\"logout\"; flowbits:unset,in; noalert; sid:3;)\n"
        "alert udp any any -> any any (msg:\"t\"; content:\"toggle\"; flowbits:toggle,in; flowbits:noalert; sid:4;)\n"
        "alert udp any any -> any any (msg:\"w\"; content:\"write\"; flowbits:isnotset,in; sid:5;)\n",
        DIALECT_SURICATA, steps);
}

static void flowbits_in_lists_and_groups(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {"is or", 1, 1, 2, 0, ""},  {"set a1", 1, 1, 2, 0, ""},   {"is or", 1, 1, 2, 0, "10"},
        {"is and", 1, 1, 2, 0, ""}, {"set b1", 1, 1, 2, 0, ""},   {"is and", 1, 1, 2, 0, "11"},
        {"any g", 1, 1, 2, 0, "12"},
        /* setx leaves the others of its group, and theirs alone */
        {"setx c1", 1, 1, 2, 0, ""}, {"is or", 1, 1, 2, 0, ""},   {"any g", 1, 1, 2, 0, "12"},
        {"all g", 1, 1, 2, 0, ""},   {"set a1", 1, 1, 2, 0, ""},  {"set b1", 1, 1, 2, 0, ""},
        {"all g", 1, 1, 2, 0, "13"}, {"set other", 1, 1, 2, 0, ""}, {"reset", 1, 1, 2, 0, ""},
        {"any g", 1, 1, 2, 0, ""},   {"is other", 1, 1, 2, 0, "15"},
    };
    RUN("alert udp any any -> any any (msg:\"1\"; content:\"set a1\"; flowbits:set,a,g; flowbits:noalert; sid:1;)\n"
        "alert udp any any -> any any (msg:\"2\"; content:\"set b1\"; flowbits:set,b,g; flowbits:noalert; sid:2;)\n"
        "alert udp any any -> any any (msg:\"3\"; content:\"setx c1\"; flowbits:setx,c,g; flowbits:noalert; sid:3;)\n"
        "alert udp any any -> any any (msg:\"4\"; content:\"set other\"; flowbits:set,o; flowbits:noalert; sid:4;)\n"
        "alert udp any any -> any any (msg:\"5\"; content:\"reset\"; flowbits:reset,g; flowbits:noalert; sid:5;)\n"
        "alert udp any any -> any any (msg:\"10\"; content:\"is or\"; flowbits:isset,a|b; sid:10;)\n"
        "alert udp any any -> any any (msg:\"11\"; content:\"is and\"; flowbits:isset,a&b; sid:11;)\n"
        "alert udp any any -> any any (msg:\"12\"; content:\"any g\"; flowbits:isset,any,g; sid:12;)\n"
        "alert udp any any -> any any (msg:\"13\"; content:\"all g\"; flowbits:isset,all,g; sid:13;)\n"
        "alert udp any any -> any any (msg:\"15\"; content:\"is other\"; flowbits:isset,o; sid:15;)\n",
        DIALECT_SNORT2, steps);
}

static void numbers_of_a_flow(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {"new?", 1, 1, 2, 0, "4"}, {"hit", 1, 1, 2, 0, ""},     {"hit", 1, 1, 2, 0, ""},      {"hit", 1, 1, 2, 0, "2 3"},
        {"hit", 1, 1, 2, 0, "2"},  {"new?", 1, 1, 2, 0, ""},    {"hit", 2, 1, 2, 0, ""},      {"down", 1, 1, 2, 0, ""},
        {"down", 1, 1, 2, 0, ""},  {"hit", 1, 1, 2, 0, "2 3"},
    };
    RUN("alert udp any any -> any any (msg:\"s\"; content:\"hit\"; flowint:n,+,1; noalert; sid:1;)\n"
        "alert udp any any -> any any (msg:\"g\"; content:\"hit\"; flowint:n,>,2; sid:2;)\n"
        "alert udp any any -> any any (msg:\"e\"; content:\"hit\"; flowint:n,==,3; sid:3;)\n"
        "alert udp any any -> any any (msg:\"u\"; content:\"new?\"; flowint:n,notset; sid:4;)\n"
        "alert udp any any -> any any (msg:\"d\"; content:\"down\"; flowint:n,-,1; noalert; sid:5;)\n",
        DIALECT_SURICATA, steps);
}

/* Snort: each activation lets a dynamic rule log its count of packets, from the next one on. */
static void dynamic_rules_count(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {"log", 0, 1, 2, 0, ""},       {"go log", 0, 1, 2, 0, "1"}, {"log", 0, 1, 2, 0, "2 3"}, {"no", 0, 1, 2, 0, ""},
        {"log", 0, 3, 4, 99, "2 3"},   {"log", 0, 1, 2, 0, "3"},    {"log", 0, 1, 2, 0, ""},    {"go", 0, 1, 2, 0, "1"},
        {"log", 0, 1, 2, 0, "2 3"},    {"go", 0, 1, 2, 0, "1"},     {"log", 0, 1, 2, 0, "2 3"}, {"log", 0, 1, 2, 0, "2 3"},
        {"log", 0, 1, 2, 0, "3"},      {"log", 0, 1, 2, 0, ""},
    };
    RUN("activate udp any any -> any any (msg:\"a\"; content:\"go\"; activates:7; sid:1;)\n"
        "dynamic udp any any -> any any (msg:\"d\"; content:\"log\"; activated_by:7; count:2; sid:2;)\n"
        "dynamic udp any any -> any any (msg:\"e\"; content:\"log\"; activated_by:7; count:3; sid:3;)\n"
        "dynamic udp any any -> any any (msg:\"f\"; content:\"log\"; activated_by:8; count:3; sid:4;)\n",
        DIALECT_SNORT2, steps);
}

static void bits_of_hosts_and_pairs(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {"src", 0, 1, 2, 0, "1"},    {"is src", 0, 1, 9, 1, "2"}, {"is src", 0, 2, 1, 1, ""},  {"is dst", 0, 9, 1, 1, "3"},
        {"is src", 0, 1, 9, 61, ""}, /* 60 s are over */
        {"pair", 0, 3, 4, 0, ""},    {"is pair", 0, 4, 3, 1, "5"}, {"is pair", 0, 3, 5, 1, ""},  {"is pair", 0, 3, 4, 31, ""},
        {"both", 0, 6, 7, 0, ""},    {"is src", 0, 6, 9, 1, ""},   {"hb src", 0, 6, 9, 1, "8"}, {"hb src", 0, 7, 9, 1, "8"},
        {"hb src", 0, 8, 9, 1, ""},  {"src", 0, 10, 2, 5, "1"},    {"clear", 0, 10, 2, 6, ""},   {"is src", 0, 10, 9, 6, ""},
    };
    RUN("alert udp any any -> any any (msg:\"1\"; content:\"src\"; depth:3; xbits:set,x,track ip_src,expire 60; sid:1;)\n"
        "alert udp any any -> any any (msg:\"2\"; content:\"is src\"; xbits:isset,x,track ip_src; sid:2;)\n"
        "alert udp any any -> any any (msg:\"3\"; content:\"is dst\"; xbits:isset,x,track ip_dst; sid:3;)\n"
        "alert udp any any -> any any (msg:\"4\"; content:\"pair\"; depth:4; xbits:set,x,track ip_pair; noalert; sid:4;)\n"
        "alert udp any any -> any any (msg:\"5\"; content:\"is pair\"; xbits:isset,x,track ip_pair; sid:5;)\n"
        "alert udp any any -> any any (msg:\"7\"; content:\"both\"; hostbits:set,h,both; noalert; sid:7;)\n"
        "alert udp any any -> any any (msg:\"8\"; content:\"hb src\"; hostbits:isset,h,src; sid:8;)\n"
        "alert udp any any -> any any (msg:\"9\"; content:\"clear\"; xbits:unset,x,track ip_src; noalert; sid:9;)\n",
        DIALECT_SURICATA, steps);
}

/* ------------------------------------------------------------------ thresholds */

#define HIT(opt) "alert udp any any -> any any (msg:\"t\"; content:\"hit\"; " opt " sid:1;)\n"

static void thresholds_in_rules(void **state)
{
    (void)state;
    static const struct step limit[] = {
        {"hit", 0, 1, 2, 0, "1"}, {"hit", 0, 1, 2, 1, "1"}, {"hit", 0, 1, 2, 2, ""},   {"hit", 0, 5, 2, 2, "1"},
        {"hit", 0, 1, 3, 9, ""},  {"hit", 0, 1, 2, 11, "1"}, {"hit", 0, 1, 2, 12, "1"}, {"hit", 0, 1, 2, 12, ""},
    };
    RUN(HIT("threshold:type limit,track by_src,count 2,seconds 10;"), DIALECT_SURICATA, limit);
    RUN(HIT("threshold:type limit,track by_src,count 2,seconds 10;"), DIALECT_SNORT2, limit);
    static const struct step each[] = {
        {"hit", 0, 1, 2, 0, ""}, {"hit", 0, 9, 2, 1, ""},  {"hit", 0, 1, 2, 2, "1"}, {"hit", 0, 1, 2, 3, ""},
        {"hit", 0, 1, 3, 3, ""}, {"hit", 0, 1, 2, 20, ""}, {"hit", 0, 1, 2, 20, ""}, {"hit", 0, 1, 2, 20, "1"},
    };
    RUN(HIT("threshold:type threshold,track by_dst,count 3,seconds 10;"), DIALECT_SURICATA, each);
    static const struct step both[] = {
        {"hit", 0, 1, 2, 0, ""}, {"hit", 0, 1, 2, 1, "1"}, {"hit", 0, 1, 2, 2, ""},  {"hit", 0, 1, 2, 3, ""},
        {"hit", 0, 1, 2, 4, ""}, {"hit", 0, 1, 2, 20, ""}, {"hit", 0, 1, 2, 21, "1"},
    };
    RUN(HIT("threshold:type both,track by_src,count 2,seconds 10;"), DIALECT_SURICATA, both);
    static const struct step backoff[] = {
        {"hit", 1, 1, 2, 0, "1"}, {"hit", 1, 1, 2, 0, ""}, {"hit", 1, 1, 2, 0, "1"}, {"hit", 1, 1, 2, 0, ""},
        {"hit", 1, 1, 2, 0, ""},  {"hit", 1, 1, 2, 0, ""}, {"hit", 1, 1, 2, 0, ""},  {"hit", 1, 1, 2, 0, ""},
        {"hit", 1, 1, 2, 0, "1"}, {"hit", 2, 1, 2, 0, "1"},
    };
    RUN(HIT("threshold:type backoff,track by_flow,count 1,multiplier 3;"), DIALECT_SURICATA, backoff);
    static const struct step by_rule[] = {
        {"hit", 0, 1, 2, 0, "1"}, {"hit", 0, 7, 8, 1, ""}, {"hit", 0, 7, 8, 20, "1"},
    };
    RUN(HIT("threshold:type limit,track by_rule,count 1,seconds 10;"), DIALECT_SURICATA, by_rule);
    static const struct step by_both[] = {
        {"hit", 0, 1, 2, 0, "1"}, {"hit", 0, 1, 2, 1, ""}, {"hit", 0, 1, 3, 1, "1"}, {"hit", 0, 2, 2, 1, "1"},
    };
    RUN(HIT("threshold:type limit,track by_both,count 1,seconds 10;"), DIALECT_SURICATA, by_both);
}

static void detection_filters(void **state)
{
    (void)state;
    static const struct step steps[] = {
        {"hit", 0, 1, 2, 0, ""},  {"hit", 0, 1, 2, 1, ""},  {"hit", 0, 1, 2, 2, "1"},  {"hit", 0, 1, 2, 3, "1"},
        {"hit", 0, 5, 2, 3, ""},  {"hit", 0, 1, 2, 20, ""}, {"hit", 0, 1, 2, 21, ""},  {"hit", 0, 1, 2, 22, "1"},
    };
    RUN(HIT("detection_filter:track by_src,count 2,seconds 10;"), DIALECT_SURICATA, steps);
    RUN(HIT("detection_filter:track by_src,count 2,seconds 10;"), DIALECT_SNORT2, steps);
    static const struct step ports[] = {
        {"hit 100", 0, 1, 2, 0, ""}, {"hit 100", 0, 1, 2, 1, ""},  {"hit 100", 0, 1, 2, 1, ""},
        {"hit 101", 0, 1, 2, 2, ""}, {"hit 102", 0, 1, 2, 3, "1"}, {"hit 100", 0, 1, 2, 4, "1"},
        {"hit 100", 0, 1, 2, 20, ""}, {"hit 101", 0, 1, 2, 20, ""}, {"hit 101", 0, 1, 2, 20, ""}, {"hit 102", 0, 1, 2, 21, "1"},
    };
    RUN(HIT("detection_filter:track by_src,count 2,seconds 10,unique_on dst_port;"), DIALECT_SURICATA, ports);
}

/* ------------------------------------------------------------------ threshold files */

static void open_with_file(struct script *s, const char *rules, const char *thresholds)
{
    char path[64], image[64];
    FILE *f;
    memset(s->flow, 0, sizeof(s->flow));
    dt_init(&s->t);
    dt_path(path);
    f = fopen(path, "w");
    assert_true(f && fputs(thresholds, f) >= 0 && !fclose(f));
    struct rules_options o = {.var = dt_var, .threshold = path};
    struct rule_loader *l = rules_begin(&o);
    assert_int_equal(rules_add_text(l, "t.rules", str_cstr(rules), DIALECT_SURICATA), 0);
    struct rule_set *set = rules_finish(l, 1);
    assert_true(set && !set->n_refusals);
    if (set->diags.first)
        fail_msg("%u: %s", set->diags.first->line, set->diags.first->reason);
    dt_path(image);
    assert_int_equal(image_build(set, image, 1, &s->t.diags), 0);
    rules_free(set);
    struct state_config sc = {0};
    struct overlay_options oo = {.var = dt_var, .version = 1};
    s->t.state = state_new(&sc);
    s->t.image = image_open(image, &s->t.diags);
    s->t.overlay = overlay_build(s->t.image, &oo, &s->t.diags);
    struct detect_config dc = {.state = s->t.state};
    s->t.detect = detect_new(&dc, s->t.overlay);
    unlink(path);
    unlink(image);
}

static void thresholds_in_files(void **state)
{
    (void)state;
    struct script s;
    static const char two[] = HIT("") "alert udp any any -> any any (msg:\"2\"; content:\"hit\"; sid:2;)\n";
    static const struct step suppress[] = {
        {"hit", 0, 1, 2, 0, "2"}, {"hit", 0, 3, 2, 0, "1 2"}, {"hit", 0, 3, 9, 0, "1"}, {"hit", 0, 9, 3, 0, "1"},
        {"hit", 0, 3, 8, 0, "1"}, {"hit", 0, 8, 3, 0, "1 2"},
    };
    open_with_file(&s, two,
                   "suppress gen_id 1, sig_id 1, track by_src, ip 10.1.1.1\n"
                   "suppress gen_id 1, sig_id 2, track by_either, ip 10.1.1.9\n"
                   "suppress gen_id 1, sig_id 2, track by_dst, ip 10.1.1.8\n");
    steps_run(&s, suppress, ARRAY_LEN(suppress));
    script_close(&s);

    static const struct step rate[] = {
        {"hit", 0, 1, 2, 0, "1 2"},       {"hit", 0, 1, 2, 1, "1 2"},       {"hit", 0, 1, 2, 2, "1/drop 2"},
        {"hit", 0, 1, 2, 11, "1/drop 2"}, {"hit", 0, 5, 2, 11, "1 2"},      {"hit", 0, 1, 2, 40, "1 2"},
    };
    open_with_file(&s, two, "rate_filter gen_id 1, sig_id 1, track by_src, count 2, seconds 10, new_action drop, timeout 20\n");
    steps_run(&s, rate, ARRAY_LEN(rate));
    script_close(&s);

    static const struct step whole[] = {
        {"hit", 0, 1, 2, 0, "1 2"}, {"hit", 0, 1, 2, 1, "2"}, {"hit", 0, 1, 2, 2, ""}, {"hit", 0, 1, 2, 11, "1 2"},
    };
    /* one rule's entry comes before that of all rules of its generator */
    open_with_file(&s, two,
                   "event_filter gen_id 1, sig_id 0, type limit, track by_src, count 1, seconds 10\n"
                   "threshold gen_id 1, sig_id 2, type limit, track by_src, count 2, seconds 10\n");
    steps_run(&s, whole, ARRAY_LEN(whole));
    script_close(&s);
}

/* ------------------------------------------------------------------ tags */

static void tags_follow(void **state)
{
    (void)state;
    static const struct {
        const char *tag;
        struct step x;
        bool tagged;
    } rows[] = {
        {"session,2,packets", {"evil", 1, 1, 2, 0, NULL}, false}, {NULL, {"more", 1, 1, 2, 0, NULL}, true},
        {NULL, {"more", 2, 1, 2, 0, NULL}, false},                {NULL, {"more", 1, 2, 1, 0, NULL}, true},
        {NULL, {"more", 1, 1, 2, 0, NULL}, false},
        {"session,10,seconds", {"evil", 1, 1, 2, 0, NULL}, false}, {NULL, {"more", 1, 1, 2, 9, NULL}, true},
        {NULL, {"more", 1, 1, 2, 11, NULL}, false},
        {"session,40,bytes", {"evil", 1, 1, 2, 0, NULL}, false},  {NULL, {"more", 1, 1, 2, 0, NULL}, true},
        {NULL, {"more", 1, 1, 2, 0, NULL}, true},                 {NULL, {"more", 1, 1, 2, 0, NULL}, false},
        {"session,2,packets,10,seconds", {"evil", 1, 1, 2, 0, NULL}, false}, /* the first limit ends it */
        {NULL, {"more", 1, 1, 2, 0, NULL}, true},                 {NULL, {"more", 1, 1, 2, 11, NULL}, false},
        {"session,9,packets,80,bytes", {"evil", 1, 1, 2, 0, NULL}, false},
        {NULL, {"more", 1, 1, 2, 0, NULL}, true},                 {NULL, {"more", 1, 1, 2, 0, NULL}, true},
        {NULL, {"more", 1, 1, 2, 0, NULL}, true},                 {NULL, {"more", 1, 1, 2, 0, NULL}, false},
        {"host,1,packets,10,seconds,src", {"evil", 0, 1, 2, 0, NULL}, false},
        {NULL, {"more", 0, 1, 7, 0, NULL}, true},                 {NULL, {"more", 0, 1, 7, 0, NULL}, false},
        {"host,2,packets,src", {"evil", 0, 1, 2, 0, NULL}, false}, {NULL, {"more", 0, 9, 2, 0, NULL}, false},
        {NULL, {"more", 0, 1, 7, 0, NULL}, true},                 {NULL, {"more", 3, 2, 1, 0, NULL}, true},
        {NULL, {"more", 0, 1, 7, 0, NULL}, false},
        {"host,10,seconds,dst", {"evil", 0, 1, 2, 0, NULL}, false}, {NULL, {"more", 0, 1, 7, 1, NULL}, false},
        {NULL, {"more", 0, 7, 2, 5, NULL}, true},                 {NULL, {"more", 0, 7, 2, 11, NULL}, false},
        /* What is over stays over. */
        {NULL, {"more", 0, 7, 2, 12, NULL}, false},               {NULL, {"more", 0, 7, 2, 13, NULL}, false},
        {"host,1,packets,src", {"evil", 0, 1, 2, 0, NULL}, false}, {NULL, {"more", 0, 1, 7, 0, NULL}, true},
        {NULL, {"more", 0, 1, 7, 0, NULL}, false},                {NULL, {"more", 0, 1, 7, 1, NULL}, false},
        /* Suricata counts the packet of the alert. */
        {"su host,2,packets,src", {"evil", 0, 1, 2, 0, NULL}, false}, {NULL, {"more", 0, 1, 7, 0, NULL}, true},
        {NULL, {"more", 0, 1, 7, 0, NULL}, false},                {NULL, {"more", 0, 1, 7, 0, NULL}, false},
        {"su session,2,packets", {"evil", 1, 1, 2, 0, NULL}, false}, {NULL, {"more", 1, 1, 2, 0, NULL}, true},
        {NULL, {"more", 1, 1, 2, 0, NULL}, false},
    };
    struct script s;
    bool open = false;
    for (unsigned k = 0; k < ARRAY_LEN(rows); k++) {
        if (rows[k].tag) {
            char text[256];
            bool su = !strncmp(rows[k].tag, "su ", 3);
            if (open)
                script_close(&s);
            snprintf(text, sizeof(text), "alert udp any any -> any any (msg:\"t\"; content:\"evil\"; tag:%s; sid:7;)\n",
                     rows[k].tag + (su ? 3 : 0));
            script_open(&s, text, su ? DIALECT_SURICATA : DIALECT_SNORT2);
            open = true;
        }
        uint32_t gid = 0, sid = 0;
        (void)step_match(&s, &rows[k].x);
        bool got = detect_tagged(s.t.detect, &s.t.p, &gid, &sid);
        if (got != rows[k].tagged)
            fail_msg("row %u: %stagged", k, got ? "" : "not ");
        if (got)
            assert_true(gid == 1 && sid == 7);
    }
    script_close(&s);
}

/* ------------------------------------------------------------------ reload */

static const struct step set_a[] = {{"set a", 1, 1, 2, 0, "1"}, {"hit", 1, 1, 2, 0, ""}, {"hit", 1, 1, 2, 0, ""}};
static const struct step is_a[] = {{"is a", 1, 1, 2, 0, "2"}, {"is b", 1, 1, 2, 0, ""}, {"hit", 1, 1, 2, 0, "6"}};

static const char before[] = "alert udp any any -> any any (msg:\"s\"; content:\"set a\"; flowbits:set,a; sid:1;)\n"
                             "alert udp any any -> any any (msg:\"c\"; content:\"hit\"; flowint:n,+,1; noalert; sid:5;)\n";
static const char after[] = "alert udp any any -> any any (msg:\"x\"; content:\"set\"; flowbits:set,b; flowbits:set,c; "
                            "flowint:m,+,1; noalert; sid:3;)\n"
                            "alert udp any any -> any any (msg:\"b\"; content:\"is b\"; flowbits:isset,b; sid:4;)\n"
                            "alert udp any any -> any any (msg:\"a\"; content:\"is a\"; flowbits:isset,a; sid:2;)\n"
                            "alert udp any any -> any any (msg:\"n\"; content:\"hit\"; flowint:n,==,2; sid:6;)\n";

static struct overlay *overlay_of(struct script *s, const char *rules)
{
    struct image *i = dt_image(&s->t, rules, DIALECT_SURICATA);
    struct overlay_options oo = {.var = dt_var, .version = 2};
    struct overlay *o = overlay_build(i, &oo, &s->t.diags);
    assert_non_null(o);
    image_close(i);
    return o;
}

/* Another image numbers its names anew: what flows remember goes by name. */
static void other_rules_keep_what_flows_remember(void **state)
{
    (void)state;
    struct script s;
    script_open(&s, before, DIALECT_SURICATA);
    steps_run(&s, set_a, ARRAY_LEN(set_a));
    struct overlay *o = overlay_of(&s, after);
    assert_int_equal(detect_swap(s.t.detect, o), 0);
    overlay_close(o);
    struct str bit[4];
    steps_run(&s, is_a, ARRAY_LEN(is_a));
    assert_int_equal(detect_flowbits(s.t.detect, &s.flow[1], bit, 4), 1);
    assert_true(str_eq(bit[0], STR("a")));
    /* and back again, several times */
    for (unsigned k = 0; k < 5; k++) {
        o = overlay_of(&s, k % 2 ? after : before);
        assert_int_equal(detect_swap(s.t.detect, o), 0);
        overlay_close(o);
    }
    o = overlay_of(&s, after);
    assert_int_equal(detect_swap(s.t.detect, o), 0);
    overlay_close(o);
    steps_run(&s, is_a, ARRAY_LEN(is_a));
    script_close(&s);
}

/* A swap that fails leaves everything as it was. */
static void thresholds_outlive_a_reload(void **state)
{
    (void)state;
    static const struct step first[] = {{"hit", 1, 1, 2, 0, "1"}};
    static const struct step later[] = {{"hit", 1, 1, 2, 1, ""}, {"hit", 1, 1, 2, 20, "1"}};
    struct script s;
    script_open(&s, HIT("threshold:type limit,track by_src,count 1,seconds 10;"), DIALECT_SURICATA);
    steps_run(&s, first, ARRAY_LEN(first));
    struct overlay *o = overlay_of(&s, "alert udp any any -> any any (msg:\"before it\"; content:\"zzzz\"; sid:9;)\n" HIT(
                                           "threshold:type limit,track by_src,count 1,seconds 10;"));
    assert_int_equal(detect_swap(s.t.detect, o), 0);
    overlay_close(o);
    steps_run(&s, later, ARRAY_LEN(later));
    script_close(&s);
}

/* ------------------------------------------------------------------ the shared table */

static int count_up(void *ctx, struct state_row *row, bool fresh)
{
    *(bool *)ctx = fresh;
    row->expires_ns = 100;
    return (int)++row->v[0];
}

static void the_table_has_a_cap_and_forgets(void **state)
{
    (void)state;
    struct state_config c = {.cap_bytes = 1 << 20};
    struct state *s = state_new(&c);
    struct state_counters n;
    bool fresh;
    unsigned made = 0;
    for (uint32_t k = 0; k < 40000; k++) {
        struct state_key key = {.kind = STATE_XBIT, .id = k};
        made += state_with(s, 0, 1, 10, &key, true, count_up, &fresh) == 1;
    }
    state_counters(s, &n);
    assert_true(made > 8000 && made < 12000);
    assert_int_equal(n.entries, made);
    assert_int_equal(n.refused, 40000 - made);
    assert_true(n.bytes <= c.cap_bytes);
    struct state_key key = {.kind = STATE_XBIT, .id = 0};
    assert_int_equal(state_with(s, 0, 1, 99, &key, false, count_up, &fresh), 2);
    assert_false(fresh);
    /* over: not there, and its place is free again */
    assert_int_equal(state_with(s, 0, 1, 100, &key, false, count_up, &fresh), -1);
    assert_int_equal(state_with(s, 0, 1, 101, &key, false, count_up, &fresh), -1);
    state_tick(s, UINT64_C(20000000000));
    state_counters(s, &n);
    assert_int_equal(n.entries, 0);
    assert_true(n.expired >= made);
    assert_int_equal(state_with(s, 0, 1, UINT64_C(20000000000), &key, true, count_up, &fresh), 1);
    assert_true(fresh);
    state_free(s);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(flowbits_are_the_flows),
        cmocka_unit_test(flowbits_in_lists_and_groups),
        cmocka_unit_test(numbers_of_a_flow),
        cmocka_unit_test(dynamic_rules_count),
        cmocka_unit_test(bits_of_hosts_and_pairs),
        cmocka_unit_test(thresholds_in_rules),
        cmocka_unit_test(detection_filters),
        cmocka_unit_test(thresholds_in_files),
        cmocka_unit_test(tags_follow),
        cmocka_unit_test(other_rules_keep_what_flows_remember),
        cmocka_unit_test(thresholds_outlive_a_reload),
        cmocka_unit_test(the_table_has_a_cap_and_forgets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
