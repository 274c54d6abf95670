/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JSON read back with jansson, whose names clash with those of base/sbuf.h: hence a file of its
 * own. */
#ifndef EVENT_TEST_JSON_H
#define EVENT_TEST_JSON_H

#include <stdbool.h>

/* True if text is one JSON object.  Integers are taken as reals: ours may have 64 bits. */
bool test_json_good(const char *text);
/* The value at a path ("alert.metadata.tag[0]") as compact JSON, malloc'ed; NULL: not there, or no
 * JSON. */
char *test_json_at(const char *text, const char *path);
/* Fails the test unless the value at path is `want` (as JSON text; NULL: absent). */
void test_json_is(const char *text, const char *path, const char *want);
int test_json_members(const char *text, const char *path);

#endif
