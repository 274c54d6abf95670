/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The pattern library that is linked finds every literal, wherever a buffer lies. */
#include "detect/image_build.h"

#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <cmocka.h>

static void finds_all(void **state)
{
    (void)state;
    const char *given = getenv("SEED");
    uint64_t seed = given ? strtoull(given, NULL, 0) : (uint64_t)time(NULL);
    printf("# seed %" PRIu64 ", library %s\n", seed, pattern_library());
    assert_int_equal(pattern_library_misses(seed, 400), 0);
}

int main(void)
{
    cmocka_set_message_output(CM_OUTPUT_TAP);
    const struct CMUnitTest tests[] = {cmocka_unit_test(finds_all)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
