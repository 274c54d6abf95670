/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Stands in for the protocol's folder until it is there. */
#include "app/app.h"

const struct app_proto_def app_dns_def;
const struct app_proto_def app_dns_def = {.name = "dns", .tcp = true, .udp = true};
