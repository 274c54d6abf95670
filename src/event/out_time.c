/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Files that change by the clock of what they record: names with strftime's words, and when the next file begins. */
#include "event/out_impl.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

enum { SECOND = 1000000000 };

bool out_turn_read(struct str s, struct out_turn *t)
{
    static const struct {
        const char *word;
        enum turn_unit unit;
    } words[] = {{"minute", TURN_MINUTE}, {"hour", TURN_HOUR}, {"day", TURN_DAY}};
    static const struct {
        uint8_t letter;
        uint32_t seconds;
    } units[] = {{'s', 1}, {'m', 60}, {'h', 3600}, {'d', 86400}, {'w', 604800}};
    uint64_t n, times = 1;
    for (size_t i = 0; i < ARRAY_LEN(words); i++)
        if (str_eq(s, str_cstr(words[i].word))) {
            *t = (struct out_turn){.unit = words[i].unit};
            return true;
        }
    for (size_t i = 0; s.n && i < ARRAY_LEN(units); i++)
        if (s.p[s.n - 1] == units[i].letter) {
            times = units[i].seconds;
            s = str_first(s, s.n - 1);
            break;
        }
    if (!str_u64(s, &n) || !n || n > UINT32_MAX / times)
        return false;
    *t = (struct out_turn){.unit = TURN_SECONDS, .seconds = (uint32_t)(n * times)};
    return true;
}

uint64_t out_turn_next(const struct out_turn *t, uint64_t ts_ns)
{
    time_t s = (time_t)(ts_ns / SECOND);
    struct tm tm;
    if (t->unit == TURN_NEVER)
        return UINT64_MAX;
    if (t->unit == TURN_SECONDS || !localtime_r(&s, &tm))
        return ts_ns + (t->unit == TURN_SECONDS ? t->seconds : 60ull) * SECOND;
    time_t in_minute = tm.tm_sec < 60 ? tm.tm_sec : 59, in_hour = tm.tm_min * 60 + in_minute;
    if (t->unit == TURN_MINUTE)
        return (uint64_t)(s - in_minute + 60) * SECOND;
    if (t->unit == TURN_HOUR) /* one that comes twice is two */
        return (uint64_t)(s - in_hour + 3600) * SECOND;
    tm.tm_sec = tm.tm_min = tm.tm_hour = 0; /* days have 23 to 25 hours */
    tm.tm_isdst = -1;
    tm.tm_mday++;
    time_t next = mktime(&tm);
    return (uint64_t)(next > s ? next : s + 86400) * SECOND;
}

int out_name_at(const struct out *o, uint64_t ts_ns, char out[PATH_MAX])
{
    time_t s = (time_t)(ts_ns / SECOND);
    struct tm tm;
    size_t n = o->c.dated_from;
    if (n >= PATH_MAX || !localtime_r(&s, &tm))
        return -ENAMETOOLONG;
    memcpy(out, o->path, n);
/* The pattern is the administrator's, and strftime writes times alone and no further than told. */
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral"
    size_t put = strftime(out + n, PATH_MAX - n, o->path + n, &tm);
#pragma GCC diagnostic pop
    return put ? 0 : -ENAMETOOLONG;
}
