/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The overlay in memory.  Private to detect.
 *
 * Every address belongs to a class: the set of address expressions that hold for it.  Classes of an address
 * come by one search in a sorted array of interval starts; whether an expression holds is then one bit.
 * Ports likewise, by a flat array.
 */
#ifndef DETECT_OVERLAY_H
#define DETECT_OVERLAY_H

#include "detect/detect.h"
#include "detect/image_layout.h"

#include <stdlib.h>

struct class_list { /* address-only rules that an address of the class brings up */
    uint32_t first, n;
};

struct overlay {
    struct image *image;
    struct overlay_rule *rule;
    uint64_t *gate; /* by rule (gate.c) */
    uint64_t version;
    void *keep; /* overlay_options.keep */
    void (*keep_free)(void *keep);
    bool reorders;  /* overlay_reorders */
    uint32_t stamp; /* of version and content: caches in flows compare it */
    /* addresses */
    uint32_t *start4;     /* ascending, start4[0] == 0 */
    struct ip_addr *start6;
    uint16_t *class4, *class6; /* class of the interval that begins there */
    uint32_t n4, n6;
    uint64_t *addr_bits; /* [class][addr_words] */
    uint32_t addr_words, n_addr_classes;
    /* ports */
    uint16_t *port_class; /* [65536] */
    uint64_t *port_bits;
    uint32_t port_words, n_port_classes;
    /* address-only rules */
    struct class_list *ip_only; /* by address class */
    uint32_t *ip_only_rules;
    uint32_t *ip_any; /* address-only rules without a selective address */
    uint32_t n_ip_any;
    _Atomic uint32_t users;
    _Atomic(struct rule_sums *) sums; /* replay with a budget: the workers' steps by rule */
};
enum { SUMS = 4 };
struct rule_sums {
    _Atomic uint32_t *steps[SUMS];
};
void sums_free(struct rule_sums *s); /* cost.c */

uint16_t overlay_addr_class(const struct overlay *o, uint8_t ver, const struct ip_addr *a);
static inline uint16_t overlay_port_class(const struct overlay *o, uint16_t port)
{
    return o->port_class[port];
}
static inline bool overlay_addr_has(const struct overlay *o, uint16_t class, uint32_t expr)
{
    return o->addr_bits[(size_t)class * o->addr_words + expr / 64] >> (expr % 64) & 1;
}
static inline bool overlay_port_has(const struct overlay *o, uint16_t class, uint32_t expr)
{
    return o->port_bits[(size_t)class * o->port_words + expr / 64] >> (expr % 64) & 1;
}

/* gate.c */
int gates_build(struct overlay *o) MUST_CHECK; /* when all else stands */

#endif
