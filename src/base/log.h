/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The log of the program itself (not of events).  Only engine, sensor and cli call it.
 * Lines go to standard error as Suricata's do ("Notice: area: text") or, when a file or syslog is
 * set, there.  Any thread.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/attr.h"

enum log_level { LOG_AT_ERROR, LOG_AT_WARNING, LOG_AT_NOTICE, LOG_AT_INFO, LOG_AT_DEBUG };
void log_set_level(enum log_level most);
/*
 * A name before the area in each line: "Notice: dormitory: rules: text"; NULL: none.  The text stays the caller's, and
 * must stay as it is.
 */
void log_set_scope(const char *name);
/* Also append to this descriptor (-1: none). */
void log_set_fd(int fd);
void log_at(enum log_level level, const char *area, const char *fmt, ...) PRINTF_LIKE(3, 4);

#endif
