/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Strings as pointer and length: views of bytes that somebody else owns. */
#ifndef BASE_STR_H
#define BASE_STR_H

#include "base/attr.h"

struct str {
    const uint8_t *p;
    uint32_t n;
};

#define STR(lit)   ((struct str){(const uint8_t *)(lit), sizeof(lit) - 1})
#define STR_FMT    "%.*s"
#define STR_ARG(s) (int)(s).n, (const char *)(s).p

static inline struct str str_of(const void *p, size_t n)
{
    return (struct str){p, (uint32_t)n};
}
struct str str_cstr(const char *s); /* NULL gives an empty string */
bool str_eq(struct str a, struct str b);
bool str_ieq(struct str a, struct str b); /* ASCII case folded */
bool str_starts(struct str s, struct str prefix);
bool str_istarts(struct str s, struct str prefix);
bool str_ends(struct str s, struct str suffix);
int str_cmp(struct str a, struct str b); /* as memcmp, shorter first */
/* Offset of the first occurrence, or -1. */
int64_t str_find(struct str s, struct str what);
int64_t str_ifind(struct str s, struct str what);
int64_t str_chr(struct str s, uint8_t c);
struct str str_trim(struct str s); /* blanks, tabs, CR, LF at both ends */
struct str str_skip(struct str s, uint32_t n);
struct str str_first(struct str s, uint32_t n);
/* The part before the first `sep` (all of it if there is none); *rest is what follows. */
struct str str_split(struct str s, uint8_t sep, struct str *rest);

/* Whole string as a number; false if it isn't one or does not fit.  Decimal, or hex after 0x. */
bool str_u64(struct str s, uint64_t *out) MUST_CHECK;
bool str_i64(struct str s, int64_t *out) MUST_CHECK;
/* 10, 10kb, 1 MiB, 2gb ...: units of 1024. */
bool str_size(struct str s, uint64_t *bytes) MUST_CHECK;
/* A time of use to people: "90", "90s", "10m", "2h", "7d", "2w"; not 0, at most 10 years. */
bool str_span(struct str s, uint64_t *ns) MUST_CHECK;
/* Whole string in the given base without prefix (2..16). */
bool str_u64_base(struct str s, unsigned base, uint64_t *out) MUST_CHECK;

#endif
