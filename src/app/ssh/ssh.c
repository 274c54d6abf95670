/* SPDX-License-Identifier: GPL-2.0-or-later */
/* SSH is told by its banner (RFC 4253 4.2) and not parsed yet. */
#include "app/app.h"

#include <netinet/in.h>

static const struct app_pattern patterns[] = {
    {"SSH-", 4, 0, 4, 0, false, IPPROTO_TCP}, {"SSH-", 4, 0, 4, 1, false, IPPROTO_TCP}, {.n = 0}};

const struct app_proto_def app_ssh_def = {.name = "ssh", .patterns = patterns, .tcp = true};
