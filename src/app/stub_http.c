/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Stands in for the protocol's folder until it is there. */
#include "app/app.h"

const struct app_proto_def app_http_def;
const struct app_proto_def app_http_def = {.name = "http", .tcp = true, .udp = true};
