/* SPDX-License-Identifier: GPL-2.0-or-later */
/* JSON read back with jansson. */
#include "event/test_json.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

static json_t *load(const char *text, bool reals)
{
    return json_loads(text, JSON_ALLOW_NUL | (reals ? JSON_DECODE_INT_AS_REAL : 0), NULL);
}

bool test_json_good(const char *text)
{
    json_t *j = load(text, true);
    bool ok = json_is_object(j);
    json_decref(j);
    return ok;
}

static json_t *at(json_t *j, const char *path)
{
    char name[64];
    while (j && *path) {
        size_t n = strcspn(path, ".[");
        assert_true(n < sizeof(name));
        memcpy(name, path, n);
        name[n] = 0;
        path += n;
        if (n)
            j = json_object_get(j, name);
        if (*path == '[') {
            char *end;
            j = json_array_get(j, strtoul(path + 1, &end, 10));
            path = end + 1;
        }
        path += *path == '.';
    }
    return j;
}

char *test_json_at(const char *text, const char *path)
{
    json_t *j = load(text, false);
    json_t *v = at(j, path);
    char *out = v ? json_dumps(v, JSON_COMPACT | JSON_ENCODE_ANY) : NULL;
    json_decref(j);
    return out;
}

int test_json_members(const char *text, const char *path)
{
    json_t *j = load(text, false);
    int n = (int)json_object_size(at(j, path));
    json_decref(j);
    return n;
}

void test_json_is(const char *text, const char *path, const char *want)
{
    char *have = test_json_at(text, path);
    if ((want && (!have || strcmp(have, want) != 0)) || (!want && have))
        fail_msg("%s is %s, not %s, in %s", path, have ? have : "absent", want ? want : "absent",
                 text);
    free(have);
}
