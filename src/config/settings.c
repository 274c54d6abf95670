/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The table of settings, and what can be said of a path or a value by it. */
#include "config/tree.h"

#include <stdio.h>
#include <string.h>

#define LIVE                                      true
#define RESTART                                   false
#define X(path, type, dflt, min, max, when, help) {path, dflt, min, max, SET_##type, when, help},
static const struct setting settings[] = {
#include "config/settings.def"
};
#undef X

const struct setting *settings_all(size_t *n)
{
    *n = ARRAY_LEN(settings);
    return settings;
}

const struct setting *setting_find(const char *path)
{
    for (size_t i = 0; i < ARRAY_LEN(settings); i++)
        if (!strcmp(settings[i].path, path))
            return &settings[i];
    return NULL;
}

enum { NEAR_LENGTH = 120, NEAR_MOST = 4 };

/* Edit distance (insert, delete, change), or more than NEAR_MOST. */
static unsigned distance(const char *a, size_t an, const char *b, size_t bn)
{
    unsigned row[NEAR_LENGTH + 1];
    if (an > NEAR_LENGTH || bn > NEAR_LENGTH || an > bn + NEAR_MOST || bn > an + NEAR_MOST)
        return NEAR_MOST + 1;
    for (unsigned k = 0; k <= bn; k++)
        row[k] = k;
    for (size_t i = 1; i <= an; i++) {
        unsigned corner = row[0], best = row[0] = (unsigned)i;
        for (size_t k = 1; k <= bn; k++) {
            unsigned change = corner + (a[i - 1] != b[k - 1]);
            corner = row[k];
            row[k] = u32_min(change, u32_min(row[k], row[k - 1]) + 1);
            best = u32_min(best, row[k]);
        }
        if (best > NEAR_MOST)
            return best;
    }
    return row[bn];
}

void name_offer(struct name_search *s, const char *known)
{
    if (!s->most)
        s->most = u32_min(NEAR_MOST, s->name.n / 3) + 1;
    unsigned d = distance((const char *)s->name.p, s->name.n, known, strlen(known));
    if (d < s->most) {
        s->most = d;
        s->best = known;
    }
}

const char *setting_nearest(const char *path)
{
    struct name_search s = {.name = str_cstr(path)};
    for (size_t i = 0; i < ARRAY_LEN(settings); i++)
        name_offer(&s, settings[i].path);
    return s.best;
}

static const char *number_wrong(const struct setting *s, bool read, bool fits)
{
    static const char *const what[] = {
        [SET_INT] = "not a whole number",
        [SET_BYTES] = "not a size (10, 10kb, 10 MiB ...)",
        [SET_TIME] = "not a time (10, 10s, 100ms, 1m ...)",
    };
    if (!read)
        return what[s->type];
    return fits || (!s->min && !s->max) ? NULL : "out of range";
}

const char *value_wrong(const struct setting *s, const char *value)
{
    uint64_t u = 0;
    int64_t i = 0;
    bool read;
    switch (s->type) {
    case SET_BOOL:
        return conf_truth(value) < 0 ? "neither yes nor no" : NULL;
    case SET_INT:
        read = str_i64(str_cstr(value), &i);
        return number_wrong(s, read, i >= s->min && i <= s->max);
    case SET_BYTES:
        read = str_size(str_cstr(value), &u);
        return number_wrong(s, read, u >= (uint64_t)s->min && u <= (uint64_t)s->max);
    case SET_TIME:
        read = value_time(value, &u);
        u /= 1000000000u;
        return number_wrong(s, read, u >= (uint64_t)s->min && u <= (uint64_t)s->max);
    case SET_STR:
    case SET_MAP:
    case SET_LIST:
        break;
    }
    return NULL;
}
