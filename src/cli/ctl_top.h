/* SPDX-License-Identifier: GPL-2.0-or-later */
#ifndef CLI_CTL_TOP_H
#define CLI_CTL_TOP_H

#include <stdbool.h>
#include <stddef.h>

/* The answer to `brief`. */
struct ctl_brief {
    char vips[64], state[16];
    long long at_ms, packets, bytes, kernel_drops, alerts, flows, cpu_ms, rss_kb, restarts, policy_version, rules;
    bool there;
};
/* False: it is none.  In ctl_print.c, where jansson is. */
bool ctl_brief_parse(const char *text, size_t n, struct ctl_brief *r);

/* A table of virtual IPSs; only: NULL for all; times: how often, 0: until interrupted.  The exit status. */
int ctl_top(const char *only, unsigned long times);

#endif
