/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Loading with the n-th allocation failing, for every n: no set or a whole one, nothing lost, no
 * crash. */
#include "rules/rules_test.h"

#include <stdlib.h>

static long left = -1; /* allocations until one fails; negative: none */

void *__real_malloc(size_t n);
void *__real_calloc(size_t n, size_t size);
void *__real_realloc(void *p, size_t n);
void *__wrap_malloc(size_t n);
void *__wrap_calloc(size_t n, size_t size);
void *__wrap_realloc(void *p, size_t n);

static bool fails(void)
{
    return left >= 0 && left-- == 0;
}
void *__wrap_malloc(size_t n)
{
    return fails() ? NULL : __real_malloc(n);
}
void *__wrap_calloc(size_t n, size_t size)
{
    return fails() ? NULL : __real_calloc(n, size);
}
void *__wrap_realloc(void *p, size_t n)
{
    return fails() ? NULL : __real_realloc(p, n);
}

static const char text[] =
    "ipvar OWN [1.1.1.1,$HOME_NET]\n"
    "alert http $HOME_NET any -> [1.1.1.1,!2.2.2.2] [80,443] (msg:\"a\\;b\"; http.uri; dotprefix; "
    "content:\"A\"; "
    "nocase; pcre:\"/a/\"; flowbits:set,x; reference:url,a b; metadata:a b, c d; "
    "classtype:none-such; "
    "threshold:type limit, track by_src, count 1, seconds 6; sid:1;)\n"
    "alert tcp $EXTERNAL_NET any -> $OWN any \\\n (content:\"b\"; nosuch:1; sid:2;)\n"
    "#alert tcp any any -> any any (content:\"b\"; sid:3;)\n"
    "alert tcp any any -> any any (content:\"b\"; resp:rst_all; sid:4;)\n";

static struct rule_set *load_all(void)
{
    struct rules_options o = {.var = test_var, .keep_disabled = true};
    struct rule_loader *l = rules_begin(&o);
    if (!l)
        return NULL;
    int rc = rules_add_text(l, "t.rules", str_cstr(text), DIALECT_AUTO);
    struct rule_set *s = rules_finish(l, 1);
    if (rc < 0 && s) { /* the text is not in it */
        assert_int_equal(s->n_rules, 0);
        rules_free(s);
        return NULL;
    }
    return s;
}

static void nth_allocation_fails(void **state)
{
    (void)state;
    unsigned whole = 0, none = 0;
    for (long n = 0; n < 2000 && whole < 3; n++) {
        left = n;
        struct rule_set *s = load_all();
        bool all = left >= 0; /* nothing failed */
        left = -1;
        none += !s;
        if (all) {
            assert_non_null(s);
            assert_true(s->n_rules == 3 && s->n_refusals == 1);
            whole++;
        }
        if (s) {
            struct sbuf out;
            sbuf_init(&out);
            for (uint32_t i = 0; i < s->n_rules; i++)
                rule_explain(s, s->rules[i], &out);
            sbuf_done(&out);
        }
        rules_free(s);
    }
    print_message("# %u loads ended without a set\n", none);
    assert_true(whole == 3 && none > 5);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(nth_allocation_fails)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
