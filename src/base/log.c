/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The program's own log.  Level, descriptor and scope are the three things of the process that are not an
 * object handed around; each line is one write, so that threads do not mix their lines.
 */
#include "base/log.h"

#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static _Atomic int log_most = LOG_AT_NOTICE;
static _Atomic int log_fd = -1;
static const char *_Atomic log_scope;

void log_set_level(enum log_level most)
{
    atomic_store_explicit(&log_most, (int)most, memory_order_relaxed);
}

void log_set_fd(int fd)
{
    atomic_store_explicit(&log_fd, fd, memory_order_relaxed);
}

void log_set_scope(const char *name)
{
    atomic_store_explicit(&log_scope, name, memory_order_release);
}

static void write_all(int fd, const char *p, size_t n)
{
    while (n) {
        ssize_t done = write(fd, p, n);
        if (done <= 0)
            return; /* a log that can't be written must not stop anything */
        p += done;
        n -= (size_t)done;
    }
}

void log_at(enum log_level level, const char *area, const char *fmt, ...)
{
    static const char *const names[] = {"Error", "Warning", "Notice", "Info", "Debug"};
    if ((int)level > atomic_load_explicit(&log_most, memory_order_relaxed))
        return;
    char line[2048];
    const char *scope = atomic_load_explicit(&log_scope, memory_order_acquire);
    int n = snprintf(line, sizeof(line), "%s: %s%s%s: ", names[level], scope ? scope : "", scope ? ": " : "", area);
    if (n < 0 || (size_t)n >= sizeof(line) - 1)
        return;
    va_list args;
    va_start(args, fmt);
    (void)vsnprintf(line + n, sizeof(line) - 1 - (size_t)n, fmt, args);
    va_end(args);
    size_t len = strlen(line);
    line[len++] = '\n';
    write_all(STDERR_FILENO, line, len);
    int fd = atomic_load_explicit(&log_fd, memory_order_relaxed);
    if (fd >= 0)
        write_all(fd, line, len);
}
