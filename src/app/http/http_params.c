/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Parameters (Snort 3's http_param): name=value of the query, then of a form's body, each decoded
 * by itself (WHATWG URL 5.1: divided at '&', '+' is a blank, %XX a byte).
 *
 * Made once at the request's end: the number of them, where each begins (4 bytes each), then the
 * records (enum app_param_flag).  At most PARAMS_MAX; of a body its first FORM_MAX bytes.
 */
#include "app/http/http_tx.h"

#include <string.h>

enum { PARAMS_MAX = 256, FORM_MAX = 1 << 14, HEAD = 3 };

void http_form_begin(struct http_tx *t, struct str content_type)
{
    t->is_form = str_istarts(str_trim(content_type), STR("application/x-www-form-urlencoded"));
}
void http_form_add(struct http_tx *t, const uint8_t *p, size_t n)
{
    size_t room = FORM_MAX - t->form.n;
    http_bytes_add(t->hf->af, &t->form, p, n < room ? n : room);
}

static int hex(uint8_t c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}
static void add_decoded(struct http_tx *t, struct http_bytes *b, struct str s)
{
    for (uint32_t i = 0; i < s.n; i++) {
        uint8_t c = s.p[i] == '+' ? ' ' : s.p[i];
        if (c == '%' && s.n - i > 2 && hex(s.p[i + 1]) >= 0 && hex(s.p[i + 2]) >= 0) {
            c = (uint8_t)(hex(s.p[i + 1]) << 4 | hex(s.p[i + 2]));
            i += 2;
        }
        http_bytes_add(t->hf->af, b, &c, 1);
    }
}

static uint32_t number_at(const struct http_bytes *b, uint32_t at)
{
    uint32_t v;
    memcpy(&v, b->p + at, sizeof(v));
    return v;
}
static void number_put(struct http_bytes *b, uint32_t at, uint32_t v)
{
    memcpy(b->p + at, &v, sizeof(v));
}
static uint32_t begin_of(const struct http_bytes *b, uint32_t index)
{
    return number_at(b, (1 + index) * 4);
}
static struct str name_of(const struct http_bytes *b, uint32_t index)
{
    uint32_t at = begin_of(b, index);
    return str_of(b->p + at + HEAD, b->p[at + 1] | (uint32_t)b->p[at + 2] << 8);
}

static void mark_again(struct http_bytes *b, uint32_t index)
{
    uint8_t *flags = &b->p[begin_of(b, index)];
    struct str name = name_of(b, index);
    for (uint32_t k = 0; k < index; k++) {
        struct str other = name_of(b, k);
        *flags |= str_eq(name, other) ? APP_PARAM_AGAIN : 0;
        *flags |= str_ieq(name, other) ? APP_PARAM_AGAIN_NOCASE : 0;
    }
}

/* One pair; what memory doesn't allow is left out whole. */
static void add_pair(struct http_tx *t, struct http_bytes *b, struct str pair)
{
    static const uint8_t head[HEAD];
    struct str value, name = str_split(pair, '=', &value);
    uint32_t index = number_at(b, 0), at = b->n;
    if (!pair.n || index == PARAMS_MAX || !http_bytes_add(t->hf->af, b, head, HEAD))
        return;
    add_decoded(t, b, name);
    uint32_t n = b->n - at - HEAD;
    if (n > UINT16_MAX) {
        b->n = at;
        return;
    }
    b->p[at + 1] = (uint8_t)n;
    b->p[at + 2] = (uint8_t)(n >> 8);
    add_decoded(t, b, value);
    number_put(b, (1 + index) * 4, at);
    number_put(b, 0, index + 1);
    mark_again(b, index);
}
static void add_pairs(struct http_tx *t, struct http_bytes *b, struct str s)
{
    while (s.n)
        add_pair(t, b, str_split(s, '&', &s));
}

static void make_params(struct http_tx *t, unsigned dir, struct http_bytes *b)
{
    static const uint8_t table[(1 + PARAMS_MAX) * 4];
    const htp_uri_t *raw = t->htp->parsed_uri_raw;
    struct str query = raw ? http_str(raw->query) : str_of(NULL, 0);
    (void)dir;
    if ((!query.n && !t->form.n) || !http_bytes_add(t->hf->af, b, table, sizeof(table)))
        return;
    add_pairs(t, b, query);
    add_pairs(t, b, str_of(t->form.p, t->form.n));
}

bool http_get_param(const struct app_get *q, unsigned index, struct app_view *out)
{
    struct app_view all;
    const struct http_bytes *b = &http_of(q->tx)->made[0][MADE_PARAMS];
    if (q->dir || !http_get_made(q, MADE_PARAMS, make_params, &all) || index >= number_at(b, 0))
        return false;
    uint32_t at = begin_of(b, index),
             end = index + 1 < number_at(b, 0) ? begin_of(b, index + 1) : b->n;
    *out = (struct app_view){.data = b->p + at, .n = end - at, .last = true};
    return true;
}
