/* SPDX-License-Identifier: GPL-2.0-or-later */
/* find_bytes against the obvious way, on random bytes of few values in buffers of exact size. */
#include "base/find.h"

#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static size_t naive(const uint8_t *p, size_t n, const uint8_t *what, size_t m, bool nocase)
{
    for (size_t k = 0; k + m <= n; k++) {
        size_t i = 0;
        while (i < m && (nocase ? tolower(p[k + i]) : p[k + i]) == what[i])
            i++;
        if (i == m)
            return k;
    }
    return SIZE_MAX;
}

static void as_the_obvious_way(void **state)
{
    (void)state;
    static const uint8_t bytes[] = {'a', 'A', 'b', 'B', 0, '[', '@', 0xe4, 0xc4};
    uint32_t seed = 20261122;
    for (unsigned run = 0; run < 60000; run++) {
        size_t n = run % 90, m = 1 + run / 90 % 7;
        unsigned kinds = 2 + run % 8;
        uint8_t *p = malloc(n + 1), what[8];
        for (size_t k = 0; k < n + m; k++) {
            seed = seed * 1664525 + 1013904223;
            uint8_t c = bytes[(seed >> 16) % kinds];
            if (k < n)
                p[k] = c;
            else
                what[k - n] = c;
        }
        for (unsigned nocase = 0; nocase < 2; nocase++) {
            for (size_t k = 0; nocase && k < m; k++)
                what[k] = (uint8_t)(what[k] < 128 ? tolower(what[k]) : what[k]);
            uint8_t *exact = realloc(memcpy(malloc(n ? n : 1), p, n), n ? n : 1);
            const uint8_t *at = find_bytes(exact, n, what, m, nocase);
            size_t want = naive(p, n, what, m, nocase);
            if ((at ? (size_t)(at - exact) : SIZE_MAX) != want)
                fail_msg("run %u nocase %u", run, nocase);
            free(exact);
        }
        free(p);
    }
}

static void edges(void **state)
{
    (void)state;
    static const uint8_t text[] = "Header: Value";
    assert_ptr_equal(find_bytes(text, 13, text, 0, false), text);
    assert_null(find_bytes(text, 3, text, 4, false));
    assert_ptr_equal(find_bytes(text, 13, text, 13, false), text);
    assert_ptr_equal(find_bytes(text, 13, (const uint8_t *)"value", 5, true), text + 8);
    assert_null(find_bytes(text, 13, (const uint8_t *)"value", 5, false));
    assert_ptr_equal(find_bytes(text, 13, (const uint8_t *)"v", 1, true), text + 8);
    assert_ptr_equal(find_bytes(text, 13, (const uint8_t *)":", 1, true), text + 6);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(as_the_obvious_way),
        cmocka_unit_test(edges),
    };
    cmocka_set_message_output(CM_OUTPUT_TAP);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
