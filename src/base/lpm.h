/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Longest-prefix match from an address to a 32-bit value, IPv4 and IPv6 apart.
 *
 * Built once, then read by any thread.  Lookup is one hash probe for each prefix length that occurs
 * (mostly one to five); memory is about 24 (IPv4) or 64 (IPv6) bytes a prefix.
 */
#ifndef BASE_LPM_H
#define BASE_LPM_H

#include "base/attr.h"
#include "base/ip.h"

#define LPM_NONE UINT32_MAX

struct lpm;
struct lpm *lpm_new(void);
void lpm_free(struct lpm *t);
/* Later adds of the same prefix replace its value.  -ENOMEM. */
int lpm_add(struct lpm *t, const struct ip_prefix *p, uint32_t value) MUST_CHECK;
uint32_t lpm_get(const struct lpm *t, uint8_t ver, const struct ip_addr *a);
size_t lpm_bytes(const struct lpm *t);

#endif
