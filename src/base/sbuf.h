/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A growing byte buffer, and a JSON writer on top of it.
 *
 * An allocation that fails sets `failed`; later writes do nothing.  The owner tests it once.
 * The JSON writer makes no tree: it puts commas and quotes as it goes.
 */
#ifndef BASE_SBUF_H
#define BASE_SBUF_H

#include "base/attr.h"
#include "base/str.h"

struct sbuf {
    uint8_t *p;
    size_t n, room;
    bool failed;
};

void sbuf_init(struct sbuf *b);
void sbuf_done(struct sbuf *b);
static inline void sbuf_clear(struct sbuf *b)
{
    b->n = 0;
    b->failed = false;
}
bool sbuf_room(struct sbuf *b, size_t more); /* makes room; false (and failed) if there is none */
void sbuf_put(struct sbuf *b, const void *p, size_t n);
void sbuf_byte(struct sbuf *b, uint8_t c);
void sbuf_cstr(struct sbuf *b, const char *s);
void sbuf_str(struct sbuf *b, struct str s);
void sbuf_u64(struct sbuf *b, uint64_t v);
void sbuf_i64(struct sbuf *b, int64_t v);
void sbuf_hex(struct sbuf *b, const void *p, size_t n); /* lower case, no separator */
void sbuf_base64(struct sbuf *b, const void *p, size_t n);
void sbuf_printf(struct sbuf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);
static inline struct str sbuf_view(const struct sbuf *b)
{
    return str_of(b->p, b->n);
}
/* NUL behind the end (not counted); NULL if the buffer failed. */
const char *sbuf_z(struct sbuf *b);

struct json {
    struct sbuf *out;
    uint32_t depth;
    uint64_t comma; /* bit d: something stands already at depth d */
};

void json_init(struct json *j, struct sbuf *out);
/* key NULL inside arrays and for the top value. */
void json_open(struct json *j, const char *key);  /* { */
void json_close(struct json *j);                  /* } */
void json_array(struct json *j, const char *key); /* [ */
void json_array_end(struct json *j);              /* ] */
/*
 * Strings are bytes: what is UTF-8 stays, " \ and controls are escaped, and bytes that are no
 * UTF-8 become \u00XX, so that any input gives valid JSON.
 */
void json_str(struct json *j, const char *key, struct str v);
void json_cstr(struct json *j, const char *key, const char *v);
void json_u64(struct json *j, const char *key, uint64_t v);
void json_i64(struct json *j, const char *key, int64_t v);
void json_double(struct json *j, const char *key, double v);
void json_bool(struct json *j, const char *key, bool v);
void json_null(struct json *j, const char *key);
void json_hex(struct json *j, const char *key, const void *p, size_t n);
void json_base64(struct json *j, const char *key, const void *p, size_t n);
/* Bytes outside 32..126 as '.', but CR, LF kept: EVE's *_printable. */
void json_printable(struct json *j, const char *key, const void *p, size_t n);
void json_raw(struct json *j, const char *key, struct str text); /* text is JSON already */

#endif
