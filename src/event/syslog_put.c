/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Lines for the local syslog socket, as RFC 3164 has them without the host. */
#include "event/writer.h"

#include <string.h>
#include <strings.h>
#include <time.h>

struct name_row {
    const char *name;
    int value;
};

static int find(const struct name_row *t, size_t n, const char *name)
{
    if (!strncasecmp(name, "LOG_", 4))
        name += 4;
    for (size_t i = 0; i < n; i++)
        if (!strcasecmp(t[i].name, name))
            return t[i].value;
    return -1;
}

int syslog_facility(const char *name)
{
    static const struct name_row rows[] = {
        {"kern", 0},      {"user", 1},    {"mail", 2},     {"daemon", 3},  {"auth", 4},
        {"syslog", 5},    {"lpr", 6},     {"news", 7},     {"uucp", 8},    {"cron", 9},
        {"authpriv", 10}, {"ftp", 11},    {"security", 4}, {"local0", 16}, {"local1", 17},
        {"local2", 18},   {"local3", 19}, {"local4", 20},  {"local5", 21}, {"local6", 22},
        {"local7", 23},
    };
    return find(rows, ARRAY_LEN(rows), name);
}

int syslog_level(const char *name)
{
    static const struct name_row rows[] = {
        {"emergency", 0}, {"emerg", 0},   {"alert", 1}, {"critical", 2}, {"crit", 2}, {"error", 3},
        {"err", 3},       {"warning", 4}, {"warn", 4},  {"notice", 5},   {"info", 6}, {"debug", 7},
    };
    return find(rows, ARRAY_LEN(rows), name);
}

void syslog_head_put(uint32_t priority, const char *tag, uint64_t ts_ns, struct sbuf *b)
{
    static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";
    time_t t = (time_t)(ts_ns / 1000000000u);
    struct tm tm;
    if (!localtime_r(&t, &tm))
        memset(&tm, 0, sizeof(tm));
    sbuf_printf(b, "<%u>%.3s %2d %02d:%02d:%02d %s: ", priority, months + 3 * tm.tm_mon, tm.tm_mday,
                tm.tm_hour, tm.tm_min, tm.tm_sec, tag);
}
