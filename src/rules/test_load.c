/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Whole sets: threads, rules that stand twice, files, compressed files, hashes, notes. */
#include "rules/rules_test.h"

#include "config/config.h"

#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#define TCP "alert tcp any any -> any any "

/* Rules of many shapes, some of them broken. */
static char *many(unsigned n)
{
    size_t room = (size_t)n * 320 + 1, at = 0;
    char *text = malloc(room);
    assert_non_null(text);
    for (unsigned i = 1; i <= n; i++) {
        if (i % 7 == 0)
            at += (size_t)snprintf(text + at, room - at,
                                   "# a comment\n#" TCP "(content:\"x\"; sid:%u;)\n", i);
        else if (i % 11 == 0)
            at += (size_t)snprintf(text + at, room - at,
                                   TCP "(content:\"x\"; nosuch:%u; sid:%u;)\n", i % 5, i);
        else
            at += (size_t)snprintf(
                text + at, room - at,
                "alert http [10.0.%u.0/24,!10.0.%u.1] any -> any %u:\\\n%u (msg:\"r%u\"; "
                "http.uri; content:\"/a%u\"; flowbits:set,bit%u; flowint:n%u,+,1; "
                "classtype:class%u; sid:%u; rev:%u;)\n",
                i % 250, i % 250, i % 1000, 1000 + i % 1000, i, i, i % 97, i % 13, i % 3,
                i - (i % 50 == 0), i % 9);
    }
    return text;
}

static void describe(const struct rule_set *s, struct sbuf *out)
{
    for (uint32_t i = 0; i < s->n_rules; i++) {
        const struct rule *r = s->rules[i];
        rule_explain(s, r, out);
        sbuf_printf(out, "%u %u %u %u %u %u %u\n", r->index, r->addr[0], r->port[1], r->class_id,
                    r->line, r->n_tests, r->n_tests > 2 ? r->tests[2].u.flowint.id : 0u);
    }
    for (uint32_t i = 0; i < s->n_refusals; i++)
        sbuf_printf(out, "%s:%u:%u %u %s\n", s->refusals[i].file, s->refusals[i].line,
                    s->refusals[i].column, s->refusals[i].sid, s->refusals[i].reason);
    sbuf_printf(out, "%u %u %u %u %u %u\n", s->n_addr, s->n_port, s->n_bits, s->n_classes,
                s->n_where, s->disabled);
}

static void threads_change_nothing(void **state)
{
    (void)state;
    char *text = many(3000);
    struct sbuf first, other;
    sbuf_init(&first);
    struct rule_set *s = rules_of(text, DIALECT_AUTO, NULL, 1);
    uint64_t hash = s->content_hash;
    describe(s, &first);
    assert_true(s->n_rules > 2000 && s->n_refusals > 200 && s->disabled > 400);
    rules_free(s);
    for (unsigned threads = 2; threads <= 5; threads++) {
        sbuf_init(&other);
        s = rules_of(text, DIALECT_AUTO, NULL, threads);
        describe(s, &other);
        assert_int_equal(s->content_hash, hash);
        rules_free(s);
        assert_int_equal(first.n, other.n);
        assert_memory_equal(first.p, other.p, first.n);
        sbuf_done(&other);
    }
    sbuf_done(&first);
    free(text);
}

static void twice(void **state)
{
    (void)state;
    static const struct {
        enum rule_dialect d;
        const char *text;
        uint32_t n, refused;
        const char *msg; /* of the rule that stays */
    } cases[] = {
        {DIALECT_SURICATA, TCP "(msg:\"a\"; sid:1; rev:1;)\n" TCP "(msg:\"b\"; sid:1; rev:2;)\n", 1,
         0, "b"},
        {DIALECT_SURICATA, TCP "(msg:\"a\"; sid:1; rev:2;)\n" TCP "(msg:\"b\"; sid:1; rev:1;)\n", 1,
         1, "a"},
        {DIALECT_SURICATA, TCP "(msg:\"a\"; sid:1; rev:1;)\n" TCP "(msg:\"b\"; sid:1; rev:1;)\n", 1,
         1, "a"},
        {DIALECT_SURICATA, TCP "(msg:\"a\"; sid:1; gid:2;)\n" TCP "(msg:\"b\"; sid:1;)\n", 2, 0,
         "a"},
        {DIALECT_SNORT2, TCP "(msg:\"a\"; sid:1; rev:1;)\n" TCP "(msg:\"b\"; sid:1; rev:1;)\n", 1,
         0, "b"},
        {DIALECT_SNORT2, TCP "(msg:\"a\"; sid:1; rev:3;)\n" TCP "(msg:\"b\"; sid:1; rev:1;)\n", 1,
         1, "a"},
        {DIALECT_SNORT2, TCP "(msg:\"a\"; content:\"x\";)\n" TCP "(msg:\"b\"; content:\"y\";)\n", 2,
         0, "a"},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rule_set *s = rules_of(cases[i].text, cases[i].d, NULL, 1);
        if (s->n_rules != cases[i].n || s->n_refusals != cases[i].refused ||
            !str_eq(s->rules[0]->msg, str_cstr(cases[i].msg)))
            fail_msg("%s", cases[i].text);
        assert_int_equal(s->files[0].loaded, cases[i].n);
        assert_int_equal(s->files[0].refused, cases[i].refused);
        /* every line is accounted for: what is neither loaded nor refused was replaced */
        assert_int_equal(s->n_rules + s->n_refusals + s->disabled, 2);
        assert_int_equal(s->n_replaced, s->disabled);
        assert_int_equal(s->files[0].disabled, s->disabled);
        if (s->n_replaced)
            assert_true(s->replaced[0].line == 1 && s->replaced[0].reason &&
                        s->replaced[0].sid == 1);
        rules_free(s);
    }
}

/* The same sid in two files: as in one. */
static void twice_in_two_files(void **state)
{
    (void)state;
    struct rules_options o = {.var = test_var};
    struct rule_loader *l = rules_begin(&o);
    assert_non_null(l);
    assert_int_equal(rules_add_text(l, "a.rules",
                                    STR(TCP "(msg:\"a\"; sid:1; rev:1;)\n" TCP "(sid:2; rev:5;)\n"),
                                    DIALECT_SURICATA),
                     0);
    assert_int_equal(rules_add_text(l, "b.rules",
                                    STR(TCP "(msg:\"b\"; sid:1; rev:2;)\n" TCP "(sid:2; rev:4;)\n"),
                                    DIALECT_SURICATA),
                     0);
    struct rule_set *s = rules_finish(l, 2);
    assert_non_null(s);
    assert_true(s->n_rules == 2 && s->n_refusals == 1 && s->disabled == 1 && s->n_replaced == 1);
    assert_string_equal(s->refusals[0].file, "b.rules");
    assert_true(s->refusals[0].line == 2 && s->refusals[0].sid == 2 &&
                strstr(s->refusals[0].reason, "a.rules:2"));
    assert_string_equal(s->replaced[0].file, "a.rules");
    assert_true(s->replaced[0].line == 1 && strstr(s->replaced[0].reason, "b.rules:1"));
    assert_true(s->files[0].loaded == 1 && s->files[0].disabled == 1 && s->files[0].refused == 0);
    assert_true(s->files[1].loaded == 1 && s->files[1].disabled == 0 && s->files[1].refused == 1);
    rules_free(s);
}

/*
 * Whose words hold: the rule's own metadata, what is told for its file, what is told for all, the
 * marks.  dsize:5<>5 tells: Snort 2 counts the ends in.
 */
static void dialects_are_told(void **state)
{
    (void)state;
    const enum rule_dialect AUTO = DIALECT_AUTO, S2 = DIALECT_SNORT2, S3 = DIALECT_SNORT3, SU = DIALECT_SURICATA;
    const struct {
        enum rule_dialect all, file;
        const char *text;
        enum rule_dialect want; /* 0: refused */
        bool told;
    } cases[] = {
        {AUTO, AUTO, TCP "(msg:\"a\"; content:\"x\"; sid:1;)", SU, false},
        {AUTO, AUTO, "sdrop tcp any any -> any any (msg:\"a\"; content:\"x\"; sid:1;)", S2, false},
        {AUTO, AUTO, TCP "(msg:\"a\"; content:\"x\",nocase; sid:1;)", S3, false},
        {AUTO, AUTO, "alert http any any -> any any (http.uri; content:\"x\"; sid:1;)", SU, false},
        {S2, AUTO, TCP "(msg:\"a\"; dsize:5<>5; sid:1;)", S2, true},
        {SU, AUTO, TCP "(msg:\"a\"; dsize:5<>5; sid:1;)", AUTO, true},
        {SU, S2, TCP "(msg:\"a\"; dsize:5<>5; sid:1;)", S2,
         true}, /* the file's setting goes before the option */
        {SU, SU, TCP "(msg:\"a\"; dsize:5<>5; metadata:riposte_dialect snort2; sid:1;)", S2, true},
        {SU, AUTO, TCP "(msg:\"a\"; metadata:a b, riposte_dialect snort2, c d; dsize:5<>5; sid:1;)",
         S2, true},
        {S2, AUTO, TCP "(msg:\"a\"; content:\"x\",nocase; metadata:riposte_dialect snort3; sid:1;)",
         S3, true},
        {S2, AUTO, TCP "(msg:\"a\"; dsize:5<>5; metadata:riposte_dialect suricata; sid:1;)", AUTO,
         true},
        {S2, AUTO, TCP "(msg:\"riposte_dialect suricata\"; dsize:5<>5; sid:1;)", S2,
         true}, /* no metadata */
        {S2, AUTO, TCP "(msg:\"a\"; metadata:riposte_dialect snort9; sid:1;)", AUTO, true},
    };
    for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
        struct rules_options o = {.var = test_var, .dialect = cases[i].all};
        struct rule_set *s = rules_of(cases[i].text, cases[i].file, &o, 1);
        enum rule_dialect got = s->n_rules ? (enum rule_dialect)s->rules[0]->dialect : DIALECT_AUTO;
        if (got != cases[i].want || s->files[0].told != cases[i].told)
            fail_msg("%s: %s", cases[i].text,
                     s->n_rules ? rule_dialect_name(got) : s->refusals[0].reason);
        if (!cases[i].told && cases[i].want == S2)
            assert_true(s->files[0].marks[0] > s->files[0].marks[2]);
        rules_free(s);
    }
}

static void disabled_rules(void **state)
{
    (void)state;
    static const char text[] =
        "#" TCP "(msg:\"a\"; sid:1; rev:5;)\n" TCP "(msg:\"b\"; sid:1; rev:1;)\n"
        "# " TCP "(sid:2;)\n";
    struct rule_set *s = rules_of(text, DIALECT_SURICATA, NULL, 1);
    assert_true(s->n_rules == 1 && s->disabled == 2);
    rules_free(s);
    struct rules_options o = {.var = test_var, .keep_disabled = true};
    s = rules_of(text, DIALECT_SURICATA, &o, 1);
    assert_true(s->n_rules == 2 && s->disabled == 1 && s->n_refusals == 0 && s->n_replaced == 1);
    assert_true(str_eq(s->rules[0]->msg, STR("b")) && !(s->rules[0]->flags & RULE_DISABLED));
    assert_true(s->rules[1]->flags & RULE_DISABLED);
    rules_free(s);
}

static void mixed_dialects(void **state)
{
    (void)state;
    struct rule_set *s = rules_of(TCP "(content:\"a\"; resp:rst_all; sid:1;)\n" TCP
                                      "(content:\"a\"; startswith; sid:2;)\n" TCP
                                      "(content:\"a\"; isdataat:1,relative; sid:3;)\n" TCP
                                      "( content:\"a\",nocase; bufferlen:5; sid:4; )\n",
                                  DIALECT_SNORT2, NULL, 1);
    assert_int_equal(s->n_rules, 4);
    assert_int_equal(s->rules[0]->dialect, DIALECT_SNORT2);
    assert_int_equal(s->rules[1]->dialect, DIALECT_SURICATA);
    assert_int_equal(s->rules[2]->dialect, DIALECT_SNORT2);
    assert_int_equal(s->rules[3]->dialect, DIALECT_SNORT3);
    assert_true(s->files[0].told && s->files[0].dialect == DIALECT_SNORT2);
    rules_free(s);
}

static void files(void **state)
{
    (void)state;
    char plain[] = "/tmp/riposte-test-XXXXXX", packed[80];
    static const char text[] = TCP "(content:\"a\"; sid:1;)\nfoo\n";
    int fd = mkstemp(plain);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
    close(fd);
    snprintf(packed, sizeof(packed), "%s.gz", plain);
    gzFile z = gzopen(packed, "wb");
    assert_non_null(z);
    assert_int_equal(gzputs(z, TCP "(content:\"b\"; sid:2;)\n"),
                     (int)sizeof(TCP "(content:\"b\"; sid:2;)\n") - 1);
    gzclose(z);
    struct rules_options o = {.var = test_var};
    struct rule_loader *l = rules_begin(&o);
    assert_int_equal(rules_add_file(l, plain, DIALECT_AUTO, false), 0);
    assert_int_equal(rules_add_file(l, packed, DIALECT_SNORT2, false), 0);
    uint64_t hash = rules_input_hash(l);
    struct rule_set *s = rules_finish(l, 2);
    assert_non_null(s);
    assert_true(s->n_rules == 2 && s->n_files == 2 && s->n_refusals == 1);
    assert_int_equal(s->content_hash, hash);
    assert_true(!s->files[0].told && s->files[1].told);
    assert_true(s->refusals[0].line == 2 && s->refusals[0].column == 1);
    assert_string_equal(s->refusals[0].file, plain);
    rules_free(s);
    /* A damaged one is an error, not rules. */
    assert_int_equal(truncate(packed, 30), 0);
    l = rules_begin(&o);
    assert_true(rules_add_file(l, packed, DIALECT_AUTO, false) < 0);
    rules_free(rules_finish(l, 1));
    unlink(plain);
    unlink(packed);
}

/* Lines and columns of refusals, in rules over several lines too. */
static void refusal_places(void **state)
{
    (void)state;
    struct rule_set *s = rules_of("\n" TCP "(msg:\"x\"; \\\n   foo:1; \\\n sid:7;)\n"
                                  "  alert tcp any 70000 -> any any (sid:8;)\n",
                                  DIALECT_SURICATA, NULL, 1);
    assert_int_equal(s->n_refusals, 2);
    assert_true(s->refusals[0].line == 3 && s->refusals[0].column == 4 && s->refusals[0].sid == 7);
    assert_true(s->refusals[1].line == 5 && s->refusals[1].column == 17 && s->refusals[1].sid == 8);
    rules_free(s);
}

static void empty_input(void **state)
{
    (void)state;
    struct rule_set *s = rules_of("", DIALECT_AUTO, NULL, 4);
    assert_true(s->n_rules == 0 && s->n_refusals == 0 && s->diags.errors == 0 && s->n_addr == 1);
    rules_free(s);
    struct rules_options o = {0};
    s = rules_finish(rules_begin(&o), 1);
    assert_true(s && s->n_rules == 0 && s->n_files == 0);
    rules_free(s);
    rules_free(NULL);
}

struct notes {
    char text[512];
};
static void take_note(void *ctx, const struct rule_note *x)
{
    struct notes *n = ctx;
    assert_true(*x->reason && *x->hint && x->line && x->column);
    size_t at = strlen(n->text);
    snprintf(n->text + at, sizeof(n->text) - at, "%u %s\n", x->sid, x->kind);
}

static void notes(void **state)
{
    (void)state;
    struct notes n = {""};
    struct rule_set *s = rules_of(TCP "(content:\"abcd\"; flowbits:isset,never; sid:1;)\n" TCP
                                      "(content:\"abcd\"; flowbits:isset,ever; sid:2;)\n" TCP
                                      "(content:\"abcd\"; flowbits:set,ever; sid:3;)\n" TCP
                                      "(content:\"ab\"; sid:4;)\n" TCP
                                      "(pcre:\"/a/\"; sid:5;)\n" TCP "(content:!\"abcd\"; sid:6;)\n"
                                      "drop udp any any -> any any (content:\"abcd\"; sid:7;)\n",
                                  DIALECT_SURICATA, NULL, 1);
    rules_lint(s, take_note, &n);
    assert_string_equal(n.text,
                        "1 bit-never-set\n4 short-literal\n5 pcre-alone\n6 negated-literal\n");
    rules_free(s);
}

/* Options of one rule, and what is noted of it. */
static void lints(void **state)
{
    (void)state;
    static const struct {
        const char *options, *kinds;
    } row[] = {
        {"content:\"abcd\";", ""},
        {"content:\"a\";", "one-byte-literal"},
        {"byte_test:1,>,3,0;", "no-literal"},
        {"pcre:\"/ab/\"; byte_test:1,>,3,0;", "no-literal"},
        {"content:\"abcd\"; flowbits:set,x;", "bit-never-read"},
        {"content:\"abcd\"; flowbits:set,x; flowbits:isset,x;", ""},
        {"content:\"abcd\"; flowbits:set,x; flowbits:isnotset,x;", ""},
        {"content:\"abcd\"; flowbits:isset,x; flowbits:isnotset,x;", "bits-contradict bit-never-set"},
        {"content:\"abcd\"; noalert;", "no-effect"},
        {"content:\"abcd\"; ttl:>9; ttl:<5;", "empty-range"},
        {"content:\"abcd\"; ttl:>5; ttl:<9;", ""},
        {"content:\"abcd\"; ttl:>254; ttl:<9;", "empty-range"},
        {"content:\"abcd\"; startswith; content:\"abXd\"; depth:4;", "contents-contradict"},
        {"content:\"abcd\"; startswith; content:\"cdef\"; offset:2; depth:4;", ""},
        {"content:\"abcd\"; startswith; content:\"xdef\"; offset:2; depth:4;", "contents-contradict"},
        {"content:\"abcd\"; startswith; content:\"ABCD\"; nocase; depth:4;", ""},
        {"content:\"abcd\"; content:!\"bc\";", "contents-contradict"},
        {"content:\"abcd\"; content:!\"BC\";", ""},
        {"content:\"abcd\"; content:!\"BC\"; nocase;", "contents-contradict"},
        {"content:\"abcd\"; content:!\"bc\"; distance:0;", ""},
        {"content:\"abcd\"; content:!\"abc\"; offset:4;", ""},
    };
    for (size_t k = 0; k < ARRAY_LEN(row); k++) {
        char text[512], got[512] = "";
        struct notes n = {""};
        snprintf(text, sizeof(text), TCP "(%s sid:1;)\n", row[k].options);
        struct rules_options o = {.dialect = DIALECT_AUTO};
        struct rule_loader *l = rules_begin(&o);
        assert_int_equal(rules_add_text(l, "t.rules", str_cstr(text), DIALECT_SURICATA), 0);
        struct rule_set *s = rules_finish(l, 1);
        assert_non_null(s);
        if (s->n_rules != 1)
            fail_msg("%s: %s", row[k].options, s->n_refusals ? s->refusals[0].reason : "?");
        rules_lint(s, take_note, &n);
        for (const char *p = n.text; *p; p = strchr(p, '\n') + 1) {
            size_t at = strlen(got);
            snprintf(got + at, sizeof(got) - at, "%s%.*s", at ? " " : "", (int)strcspn(p + 2, "\n"), p + 2);
        }
        if (strcmp(got, row[k].kinds))
            fail_msg("%s: \"%s\", not \"%s\"", row[k].options, got, row[k].kinds);
        rules_free(s);
    }
    /* A sid that stands twice is a note, refused or replaced. */
    for (unsigned rev = 1; rev < 3; rev++) {
        char text[256];
        struct notes n = {""};
        snprintf(text, sizeof(text), TCP "(content:\"abcd\"; sid:1; rev:1;)\n" TCP "(content:\"abcd\"; sid:1; rev:%u;)\n", rev);
        struct rule_set *s = rules_of(text, DIALECT_SURICATA, NULL, 1);
        rules_lint(s, take_note, &n);
        assert_string_equal(n.text, "1 duplicate-sid\n");
        rules_free(s);
    }
}

static const char *conf_var(void *ctx, bool port, const char *name)
{
    return port ? conf_port_var(ctx, name) : conf_address_var(ctx, name);
}

/* A snort.conf that carries lines of ours, and variables that it lacks. */
static void with_configuration(void **state)
{
    (void)state;
    char path[] = "/tmp/riposte-test-XXXXXX";
    static const char text[] =
        "ipvar HOME_NET 10.0.0.0/8\nportvar MY_PORTS [80,443]\n"
        "config classification: mine,My Class,1\n"
        "suppress gen_id 1, sig_id 7, track by_src, ip 10.0.0.1\n"
        "preprocessor frag3_global: max_frags 65536\n"
        "alert tcp $HOME_NET any -> any $MY_PORTS (msg:\"a\"; classtype:mine; sid:1;)\n";
    int fd = mkstemp(path);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, sizeof(text) - 1), sizeof(text) - 1);
    close(fd);
    struct conf *c = conf_new();
    struct arena a;
    struct diags d;
    arena_init(&a, 0, 0);
    diags_init(&d, &a);
    assert_non_null(c);
    assert_int_equal(conf_load(c, path, CONF_FORMAT_SNORT, &d), 0);
    struct rules_options o = {.var = conf_var, .ctx = c, .conf = c};
    struct rule_loader *l = rules_begin(&o);
    assert_int_equal(rules_add_file(l, path, DIALECT_SNORT2, false), 0);
    assert_int_equal(
        rules_add_text(l, "more",
                       STR("alert tcp $HOME_NET any -> $HTTP_SERVERS any (content:\"a\"; sid:2;)\n"
                           "alert tcp $NO_SUCH_NET any -> any any (content:\"a\"; sid:3;)\n"),
                       DIALECT_SNORT2),
        0);
    struct rule_set *s = rules_finish(l, 1);
    assert_non_null(s);
    bool fallback = conf_var_is_fallback(c, false, "HTTP_SERVERS");
    assert_int_equal(s->n_rules, conf_address_var(c, "HTTP_SERVERS") ? 2 : 1);
    assert_int_equal(s->n_refusals, 3u - s->n_rules);
    assert_int_equal(s->rules[0]->priority, 1);
    assert_int_equal(s->n_file_thresholds, 1);
    assert_int_equal(s->diags.warnings,
                     fallback + 1u); /* and one for a line of a rule that is not there */
    assert_int_equal(s->diags.errors, 0);
    rules_free(s);
    conf_free(c);
    arena_done(&a);
    unlink(path);
}

/* Texts that can't be resolved belong to refused rules alone: whoever resolves the set's meets none. */
static void broken_ends_are_left_out(void **state)
{
    (void)state;
    struct rules_options o = {.var = test_var};
    struct rule_set *s = rules_of("alert tcp $NOTSET any -> any any (content:\"a\"; sid:1;)\n"
                                  "alert tcp any 80:20 -> 300.1.1.1 any (content:\"a\"; sid:2;)\n"
                                  "alert tcp any any -> 300.1.1.1 any (content:\"a\"; sid:3;)\n"
                                  "alert tcp any $NOTSET -> any any (content:\"a\"; sid:4;)\n"
                                  "alert tcp 10.0.0.1 80 -> any any (content:\"a\"; sid:5;)\n",
                                  DIALECT_SURICATA, &o, 1);
    assert_int_equal(s->n_refusals, 4);
    assert_int_equal(s->n_rules, 1);
    for (uint32_t i = 0; i < s->n_refusals; i++)
        assert_int_equal(s->refusals[i].sid, i + 1);
    assert_int_equal(s->n_addr, 2); /* any and 10.0.0.1 */
    assert_int_equal(s->n_port, 2);
    rules_free(s);
}

/* A companion that can't be read is said: an image made while none was asked for does not say it. */
static void hash_of_a_lost_companion(void **state)
{
    (void)state;
    uint64_t h[3];
    static const char *const path[] = {NULL, "/nowhere/threshold.config", "/nowhere/other"};
    for (unsigned i = 0; i < 3; i++) {
        struct rules_options o = {.var = test_var, .threshold = path[i]};
        struct rule_loader *l = rules_begin(&o);
        assert_int_equal(rules_add_text(l, "x", STR(TCP "(sid:1;)"), DIALECT_AUTO), 0);
        h[i] = rules_input_hash(l);
        struct rule_set *s = rules_finish(l, 1);
        assert_int_equal(s->diags.errors, path[i] != NULL);
        rules_free(s);
    }
    assert_true(h[0] != h[1] && h[1] != h[2]);
}

/* Text that is no rule, by dialect: where it is refused, with whose sid. */
static void lost_ends(void **state)
{
    (void)state;
    static const struct {
        enum rule_dialect d;
        const char *text;
        uint32_t line, sid, loaded;
        const char *reason;
    } t[] = {
        {DIALECT_SNORT3, TCP "(content:\"a\"; sid:1;)\n/* open\n" TCP "(content:\"b\"; sid:2;)\n", 2, 0, 1,
         "has no end"},
        {DIALECT_SNORT3, "/* fine\n*/\n" TCP "(content:\"a\"; sid:1;)\n/*", 4, 0, 1, "has no end"},
        {DIALECT_SURICATA, TCP "(content:\"a\"; sid:7;", 1, 7, 0, "closing parenthesis"},
        {DIALECT_SNORT2, TCP "(content:\"a\"; sid:7;", 1, 7, 0, "closing parenthesis"},
        {DIALECT_SNORT3, TCP "(content:\"a\"; sid:7;", 1, 7, 0, "closing parenthesis"},
        {DIALECT_SURICATA, TCP "(content:\"a\"; sid: 8;) and more", 1, 8, 0, "closing parenthesis"},
        {DIALECT_SURICATA, "alrt tcp any any -> any any (content:\"a\"; xsid:5; sid:9;)", 1, 9, 0,
         "begin with an action"},
        {DIALECT_SURICATA, TCP "(content:\"a\"; sid:10)", 1, 10, 0, "no ';'"},
        {DIALECT_SURICATA, TCP "(content:\"sid\"; sid:x)", 1, 0, 0, "no ';'"},
        {DIALECT_SNORT2, "\n\nab\1", 3, 0, 0, "begin with an action"},
    };
    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        struct rule_set *s = rules_of(t[i].text, t[i].d, NULL, 1);
        if (s->n_refusals != 1 || s->n_rules != t[i].loaded)
            fail_msg("%s: %u refused, %u loaded", t[i].text, s->n_refusals, s->n_rules);
        const struct rule_refusal *r = &s->refusals[0];
        if (r->line != t[i].line || r->sid != t[i].sid || !strstr(r->reason, t[i].reason) || !r->hint)
            fail_msg("%s: %u: sid %u: %s", t[i].text, r->line, r->sid, r->reason);
        rules_free(s);
    }
}

/* Statements beside rules: thresholds and classes are taken, of the rest each line is warned. */
static void statements(void **state)
{
    (void)state;
    struct rule_set *s = rules_of("var A any\nipvar B any\nportvar C 80\nconfig x\ninclude f\n"
                                  "output y\npreprocessor z\nruletype r {\n type drop\n output q\n}\n"
                                  "event_filter gen_id 1, sig_id 1, type limit, track by_src, \\\n"
                                  " count 1, seconds 60\n"
                                  "config classification: own,Own,2\n" TCP
                                  "(content:\"a\"; classtype:own; sid:1;)\n",
                                  DIALECT_SNORT2, NULL, 1);
    assert_int_equal(s->n_rules, 1);
    assert_int_equal(s->rules[0]->priority, 2);
    assert_int_equal(s->n_refusals, 0);
    assert_int_equal(s->n_file_thresholds, 1);
    assert_int_equal(s->diags.errors, 0);
    assert_int_equal(s->diags.warnings, 5); /* not the variables */
    struct rule_set *open = rules_of("ruletype r {\n type drop\n" TCP "(content:\"a\"; sid:1;)\n",
                                     DIALECT_SNORT2, NULL, 1);
    assert_int_equal(open->n_rules, 1);
    rules_free(open);
    uint32_t line = 4;
    for (const struct diag *d = s->diags.first; d; d = d->next, line++)
        assert_true(d->line == line && d->file && d->hint);
    rules_free(s);
}

static const char *addr_of(const struct rule_set *s, unsigned rule, unsigned side)
{
    return (const char *)arena_printf((struct arena *)(uintptr_t)&s->arena, STR_FMT, STR_ARG(s->addr[s->rules[rule]->addr[side]])).p;
}

static const char *port_of(const struct rule_set *s, unsigned rule)
{
    return (const char *)arena_printf((struct arena *)(uintptr_t)&s->arena, STR_FMT, STR_ARG(s->port[s->rules[rule]->port[1]])).p;
}

/* var, ipvar and portvar hold from their line on; a mistake is an error with its line, and the line is left out. */
static void variables(void **state)
{
    (void)state;
    static const char rules[] = "ipvar A 10.1.1.1\n"                                                       /* 1 */
                                "alert tcp $A any -> !$A 80 (content:\"a\"; sid:1;)\n"                     /* 2 */
                                "ipvar A [$A,10.2.2.2]\nportvar P [80,\\\n 443]\nvar V !10.3.0.0/16\n" /* 3-6 */
                                "alert tcp $A any -> [$V,10.9.9.9] $P (content:\"a\"; sid:2;)\n"           /* 7 */
                                "ipvar A 300.1.1.1\nipvar B $A\nipvar C $NOWHERE\nportvar P 99999\n"       /* 8-11 */
                                "ipvar D\nipvar $D 1.1.1.1\n"                                              /* 12, 13 */
                                "alert tcp $B any -> $A $P (content:\"a\"; sid:3;)\n"                      /* 14 */
                                "alert tcp $C any -> any any (content:\"a\"; sid:4;)\n"                    /* 15 */
                                "alert tcp $P any -> any any (content:\"a\"; sid:5;)\n";                   /* 16 */
    static const uint32_t errors[] = {8, 10, 11, 12, 13};
    struct rule_set *s = rules_of(rules, DIALECT_SNORT2, NULL, 1);
    assert_int_equal(s->n_rules, 3);
    assert_int_equal(s->n_refusals, 2);
    assert_int_equal(s->refusals[0].line, 15);
    assert_int_equal(s->refusals[1].line, 16); /* a port variable is no address */
    assert_string_equal(addr_of(s, 0, 0), "10.1.1.1");
    assert_string_equal(addr_of(s, 0, 1), "!10.1.1.1");
    assert_string_equal(addr_of(s, 1, 0), "[10.1.1.1,10.2.2.2]");
    assert_string_equal(addr_of(s, 1, 1), "[[!10.3.0.0/16],10.9.9.9]");
    assert_string_equal(port_of(s, 1), "[80,443]");
    assert_string_equal(addr_of(s, 2, 0), "[10.1.1.1,10.2.2.2]");
    assert_string_equal(port_of(s, 2), "[80,443]");
    const struct diag *d = s->diags.first;
    for (size_t i = 0; i < ARRAY_LEN(errors); i++, d = d->next) {
        assert_non_null(d);
        assert_int_equal(d->line, errors[i]);
        assert_string_equal(d->file, "t.rules");
    }
    assert_null(d);
    rules_free(s);
}

/* Told at load: which answers can never be sent. */
static void resets_in_vain(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        unsigned warnings;
    } t[] = {
        {"alert udp any any -> any any (content:\"a\"; resp:reset_both; sid:1;)", 1},
        {"alert icmp any any -> any any (content:\"a\"; resp:reset_dest; sid:1;)", 1},
        {"alert udp any any -> any any (content:\"a\"; resp:reset_both,icmp_port; sid:1;)", 0},
        {"alert tcp any any -> any any (content:\"a\"; resp:reset_both; sid:1;)", 0},
        {"alert ip any any -> any any (content:\"a\"; resp:reset_both; sid:1;)", 0},
        {"alert udp any any -> any any (content:\"a\"; sid:1;)", 0},
    };
    for (size_t i = 0; i < ARRAY_LEN(t); i++) {
        struct rule_set *s = rules_of(t[i].text, DIALECT_SURICATA, NULL, 1);
        if (s->n_rules != 1 || s->diags.warnings != t[i].warnings)
            fail_msg("%s: %u loaded, %u warnings", t[i].text, s->n_rules, s->diags.warnings);
        rules_free(s);
    }
}

/* Words of Snort 3 that load and are told: unknown services once by name, more than one fast pattern. */
static void doubts(void **state)
{
    (void)state;
    static const char rules[] = "alert tcp any any -> any any (content:\"a\"; service:http, htp; sid:1;)\n"
                                "alert tcp any any -> any any (content:\"a\"; service:htp, netbios-ns, blurbl; sid:2;)\n"
                                "alert tcp any any -> any any (content:\"abc\",fast_pattern; content:\"defg\",fast_pattern; sid:3;)\n"
                                "alert tcp any any -> any any (content:\"abc\",nocase,nocase; sid:4;)\n";
    static const struct {
        const char *reason, *hint;
        uint32_t line;
    } t[] = {{"sid 1: service 'htp' is not known: it names no application", "did you mean http?", 1},
             {"sid 2: service 'blurbl' is not known: it names no application", NULL, 2},
             {"sid 3: fast_pattern stands at 2 contents: the first is used", "leave the others out", 3}};
    struct rule_set *s = rules_of(rules, DIALECT_SNORT3, NULL, 1);
    assert_int_equal(s->n_rules, 4);
    assert_int_equal(s->rules[2]->fast, 0);
    const struct diag *d = s->diags.first;
    for (size_t i = 0; i < ARRAY_LEN(t); i++, d = d->next) {
        assert_non_null(d);
        assert_int_equal(d->line, t[i].line);
        assert_string_equal(d->reason, t[i].reason);
        if (t[i].hint)
            assert_string_equal(d->hint, t[i].hint);
        else
            assert_null(d->hint);
    }
    assert_null(d);
    rules_free(s);
}

static void no_rule_file(void **state)
{
    (void)state;
    struct rules_options o = {.var = test_var};
    uint8_t junk[4096];
    for (size_t i = 0; i < sizeof(junk); i++)
        junk[i] = (uint8_t)(i * 7 % 64 ? i * 7 % 64 : '\n');
    junk[100] = 0;
    struct rule_loader *l = rules_begin(&o);
    assert_int_equal(rules_add_text(l, "x", str_of(junk, sizeof(junk)), DIALECT_AUTO), 0);
    assert_int_equal(rules_add_text(l, "y", STR(TCP "(content:\"a\"; sid:1;)"), DIALECT_AUTO), 0);
    struct rule_set *s = rules_finish(l, 1);
    assert_int_equal(s->n_refusals, 1);
    assert_int_equal(s->n_rules, 1);
    assert_non_null(strstr(s->refusals[0].reason, "no rule file"));
    rules_free(s);
}

static void input_hash_tells(void **state)
{
    (void)state;
    struct rules_options o = {.var = test_var};
    uint64_t h[4];
    static const char *const texts[] = {TCP "(sid:1;)", TCP "(sid:2;)", TCP "(sid:1;)",
                                        TCP "(sid:1;)"};
    for (unsigned i = 0; i < 4; i++) {
        struct rule_loader *l = rules_begin(&o);
        assert_int_equal(
            rules_add_text(l, "x", str_cstr(texts[i]), i == 2 ? DIALECT_SNORT2 : DIALECT_AUTO), 0);
        h[i] = rules_input_hash(l);
        rules_free(rules_finish(l, 1));
    }
    assert_true(h[0] != h[1] && h[0] != h[2] && h[0] == h[3]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_change_nothing),
        cmocka_unit_test(twice),
        cmocka_unit_test(twice_in_two_files),
        cmocka_unit_test(dialects_are_told),
        cmocka_unit_test(disabled_rules),
        cmocka_unit_test(mixed_dialects),
        cmocka_unit_test(files),
        cmocka_unit_test(refusal_places),
        cmocka_unit_test(empty_input),
        cmocka_unit_test(notes), cmocka_unit_test(lints),
        cmocka_unit_test(input_hash_tells),
        cmocka_unit_test(broken_ends_are_left_out),
        cmocka_unit_test(hash_of_a_lost_companion),
        cmocka_unit_test(lost_ends),
        cmocka_unit_test(statements),
        cmocka_unit_test(no_rule_file),
        cmocka_unit_test(variables),
        cmocka_unit_test(resets_in_vain),
        cmocka_unit_test(doubts),
        cmocka_unit_test(with_configuration),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
