/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Command lines, as people write them. */
#include "cli/options.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <cmocka.h>

struct args {
    const char *text, *maybe;
    const char *joined;
    struct texts list, empty;
    uint64_t number;
    bool flag, other;
};
static const struct opt rows[] = {
    {"t", "text", "T", OPT_TEXT, offsetof(struct args, text), "a text"},
    {"l", NULL, "L", OPT_LIST, offsetof(struct args, list), "texts"},
    {"n", "number", "N", OPT_NUMBER, offsetof(struct args, number), "a number"},
    {"f", "flag", NULL, OPT_FLAG, offsetof(struct args, flag), "a flag"},
    {"o", NULL, NULL, OPT_FLAG, offsetof(struct args, other), "another"},
    {"q", NULL, "N", OPT_MAYBE, offsetof(struct args, maybe), "perhaps a number"},
    {"d", NULL, NULL, OPT_EMPTY, offsetof(struct args, empty), "nothing"},
    {"", "perf", "F", OPT_EMPTY, offsetof(struct args, empty), "nothing"},
    {"", "joined", "J", OPT_JOINED, offsetof(struct args, joined), "with = or nothing"},
    {"", NULL, NULL, OPT_HEAD, 0, "Head"},
};

static int parse(const char *line, struct args *a, struct texts *rest)
{
    static char text[512], *argv[32];
    int argc = 0;
    memset(a, 0, sizeof(*a));
    memset(rest, 0, sizeof(*rest));
    snprintf(text, sizeof(text), "cmd %s", line);
    for (char *p = text, *w; (w = strsep(&p, " "));)
        if (*w)
            argv[argc++] = w;
    return options_parse("test", rows, ARRAY_LEN(rows), a, argc, argv, rest);
}

static void taken(void **state)
{
    (void)state;
    struct args a;
    struct texts r;
    assert_int_equal(parse("-t one -l x -lxy -fo --number=7 tcp port 80", &a, &r), 0);
    assert_string_equal(a.text, "one");
    assert_int_equal(a.list.n, 2);
    assert_string_equal(a.list.v[1], "xy");
    assert_true(a.flag && a.other);
    assert_int_equal(a.number, 7);
    assert_int_equal(r.n, 3);
    assert_string_equal(r.v[2], "80");
    assert_int_equal(parse("-ofn 12 --text=", &a, &r), 0);
    assert_int_equal(a.number, 12);
    assert_string_equal(a.text, "");
    assert_int_equal(parse("-t -l -- -f -", &a, &r), 0); /* a value may look like an option */
    assert_string_equal(a.text, "-l");
    assert_int_equal(r.n, 2);
    assert_false(a.flag);
    assert_int_equal(parse("-q -f", &a, &r), 0);
    assert_string_equal(a.maybe, "");
    assert_true(a.flag);
    assert_int_equal(parse("-q 0 -f", &a, &r), 0);
    assert_string_equal(a.maybe, "0");
    assert_int_equal(parse("-q3", &a, &r), 0);
    assert_string_equal(a.maybe, "3");
    assert_int_equal(parse("-q", &a, &r), 0);
    assert_string_equal(a.maybe, "");
    assert_int_equal(parse("-d --perf file -d", &a, &r), 0);
    assert_int_equal(a.empty.n, 3);
    assert_string_equal(a.empty.v[0], "d");
    assert_string_equal(a.empty.v[1], "perf");
    assert_int_equal(parse("--joined word --flag", &a, &r), 0);
    assert_string_equal(a.joined, "");
    assert_int_equal(r.n, 1);
    assert_int_equal(parse("--joined=eth0", &a, &r), 0);
    assert_string_equal(a.joined, "eth0");
    assert_int_equal(parse("", &a, &r), 0);
}

static void refused(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "-z",
        "--nothing",
        "-t",
        "--text",
        "-n x",
        "-n -1",
        "-n 99999999999999999999",
        "--flag=yes",
        "-fz",
        "--tex one",
    };
    struct args a;
    struct texts r;
    for (size_t i = 0; i < ARRAY_LEN(lines); i++)
        if (parse(lines[i], &a, &r) != -EINVAL)
            fail_msg("%s is taken", lines[i]);
    assert_int_equal(parse("--", &a, &r), 0);
    char one[] = "-lx", *argv[TEXTS_MOST + 3] = {one};
    for (unsigned i = 1; i < TEXTS_MOST + 2; i++)
        argv[i] = one;
    memset(&a, 0, sizeof(a));
    assert_int_equal(options_parse("test", rows, ARRAY_LEN(rows), &a, TEXTS_MOST + 2, argv, &r),
                     -EINVAL);
    assert_int_equal(a.list.n, TEXTS_MOST);
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(taken), cmocka_unit_test(refused)};
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
