/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Stands in for the protocol's folder until it is there. */
#include "app/app.h"

const struct app_proto_def app_tls_def;
const struct app_proto_def app_tls_def = {.name = "tls", .tcp = true, .udp = true};
