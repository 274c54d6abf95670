/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading JSON in place (RFC 8259): values are views of the text; nothing is built.  A value that
 * was given out is whole and right, so that its members may be asked for without further checks.
 */
#ifndef BASE_JREAD_H
#define BASE_JREAD_H

#include "base/attr.h"
#include "base/str.h"

enum jkind {
    JREAD_NULL,
    JREAD_TRUE,
    JREAD_FALSE,
    JREAD_NUMBER,
    JREAD_STRING,
    JREAD_ARRAY,
    JREAD_OBJECT
};
struct jvalue {
    enum jkind kind;
    struct str text; /* as it stands, with quotes and brackets */
};
enum { JREAD_DEPTH = 32 };

/* The first value of *in, which then begins behind it.  False: there is none, or it is broken at
 * in->p. */
bool jread_value(struct str *in, struct jvalue *out) MUST_CHECK;
/* Blanks may follow, nothing else. */
bool jread_end(struct str in);
/* Members of an object, items of an array: *at begins as jread_inner(v).  False: no more. */
struct str jread_inner(const struct jvalue *v);
bool jread_member(struct str *at, struct str *key,
                  struct jvalue *out) MUST_CHECK; /* key: escapes stand in it */
bool jread_item(struct str *at, struct jvalue *out) MUST_CHECK;
/* The member at a dotted path; *parent (may be NULL): the object that it is of. */
bool jread_path(const struct jvalue *from, struct str path, struct jvalue *out,
                struct jvalue *parent) MUST_CHECK;
/* A string's bytes, without quotes and escapes: at most text.n. */
uint32_t jread_string(const struct jvalue *v, uint8_t *out);

#endif
