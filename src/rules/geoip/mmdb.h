/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Private to geoip: countries by address, out of a MaxMind DB. */
#ifndef RULES_GEOIP_MMDB_H
#define RULES_GEOIP_MMDB_H

#include "base/arena.h"
#include "base/attr.h"
#include "base/ip.h"
#include "base/str.h"

/* A file's bytes as a table of the arena.  -ENOMEM; -EINVAL with *wrong. */
int geo_compile(struct arena *a, struct str file, struct str *table, const char **wrong) MUST_CHECK;
/* The two letters of an address's country; false: none is known.  At most 128 steps, whatever the
 * table holds. */
bool geo_find(struct str table, uint8_t ver, const struct ip_addr *a, char out[2]);

#endif
