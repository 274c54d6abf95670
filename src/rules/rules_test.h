/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Shared by the tests of src/rules: rules from text, and what became of them in words. */
#ifndef RULES_RULES_TEST_H
#define RULES_RULES_TEST_H

#include "rules/parse.h"

#include "base/sbuf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static inline const char *test_var(void *ctx, bool port, const char *name)
{
    static const struct {
        const char *name, *text;
        bool port;
    } vars[] = {{"HOME_NET", "[192.168.0.0/16,10.0.0.0/8]", false},
                {"EXTERNAL_NET", "!$HOME_NET", false},
                {"ANY_NET", "any", false},
                {"NOWHERE", "!$ANY_NET", false},
                {"LOOP", "[$LOOP2]", false},
                {"LOOP2", "$LOOP", false},
                {"HTTP_PORTS", "[80,8080:8088]", true},
                {"BAD_PORTS", "70000", true},
                {"LOOP_PORTS", "$LOOP_PORTS", true}};
    (void)ctx;
    for (unsigned i = 0; i < ARRAY_LEN(vars); i++)
        if (vars[i].port == port && strcmp(vars[i].name, name) == 0)
            return vars[i].text;
    return NULL;
}

static inline struct rule_set *rules_of(const char *text, enum rule_dialect d,
                                        struct rules_options *o, unsigned threads)
{
    struct rules_options own = {.var = test_var};
    struct rule_loader *l = rules_begin(o ? o : &own);
    assert_non_null(l);
    assert_int_equal(rules_add_text(l, "t.rules", str_cstr(text), d), 0);
    struct rule_set *s = rules_finish(l, threads);
    assert_non_null(s);
    return s;
}

/* header and options of one rule; sid 1 is added when the options name none. */
static inline struct rule_set *rule_of(const char *header, const char *options, enum rule_dialect d)
{
    char text[4096];
    snprintf(text, sizeof(text), "%s (%s%s)\n", header, options,
             strstr(options, "sid:") ? "" : " sid:1;");
    return rules_of(text, d, NULL, 1);
}

struct rule_case {
    enum rule_dialect d;
    const char *header; /* NULL: alert tcp any any -> any any */
    const char *options;
    const char
        *words; /* all parts (divided by ~) stand in the explanation; "!" first: in the refusal */
};

static inline void parts_found(const char *text, const char *parts, const char *options)
{
    while (*parts) {
        size_t n = strcspn(parts, "~");
        bool found = false;
        for (const char *at = text; *at && !found; at++)
            found = strncmp(at, parts, n) == 0;
        if (!found)
            fail_msg("'%s': '%.*s' is not in\n%s", options, (int)n, parts, text);
        parts += n + (parts[n] == '~');
    }
}

static inline void rule_case_run(const struct rule_case *c)
{
    const char *header = c->header ? c->header : "alert tcp any any -> any any";
    struct rule_set *s = rule_of(header, c->options, c->d);
    if (c->words[0] == '!') {
        if (s->n_rules || s->n_refusals != 1)
            fail_msg("'%s' should be refused (%s)", c->options, c->words + 1);
        parts_found(s->refusals[0].reason, c->words + 1, c->options);
        assert_true(s->refusals[0].line == 1 && s->refusals[0].column >= 1);
        if (!s->refusals[0].hint || !*s->refusals[0].hint)
            fail_msg("'%s' is refused without a hint", c->options);
        assert_string_equal(s->refusals[0].file, "t.rules");
    } else {
        if (!s->n_rules)
            fail_msg("'%s' is refused: %s", c->options, s->refusals[0].reason);
        struct sbuf out;
        sbuf_init(&out);
        rule_explain(s, s->rules[0], &out);
        parts_found(sbuf_z(&out), c->words, c->options);
        sbuf_done(&out);
    }
    rules_free(s);
}
#define CASES_RUN(cases)                                                                           \
    for (size_t i_ = 0; i_ < ARRAY_LEN(cases); i_++)                                               \
    rule_case_run(&(cases)[i_])

#endif
