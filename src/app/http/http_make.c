/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Buffers that are put together from the headers: made at the first question and kept with the
 * transaction; made again only when more has become whole since (trailers).
 */
#include "app/http/http_tx.h"

#include <string.h>

static bool is_cookie(struct str name, unsigned dir)
{
    return str_ieq(name, dir ? STR("set-cookie") : STR("cookie"));
}
static void add_str(struct http_tx *t, struct http_bytes *b, struct str s)
{
    http_bytes_add(t->hf->af, b, s.p, s.n);
}
static void add_line(struct http_tx *t, struct http_bytes *b, const htp_header_t *h)
{
    add_str(t, b, http_str(h->name));
    add_str(t, b, STR(": "));
    add_str(t, b, http_str(h->value));
    add_str(t, b, STR("\r\n"));
}
static unsigned header_count(const htp_table_t *table)
{
    return table ? (unsigned)htp_table_size(table) : 0;
}

static void make_header(struct http_tx *t, unsigned dir, struct http_bytes *b)
{
    htp_table_t *table = http_headers(t, dir);
    for (unsigned i = 0, n = header_count(table); i < n; i++) {
        const htp_header_t *h = htp_table_get_index(table, i, NULL);
        if (!is_cookie(http_str(h->name), dir))
            add_line(t, b, h);
    }
}
/* Rules of Snort end with the empty line: content:"no-cache|0D 0A 0D 0A|"; http_header. */
static void make_header_block(struct http_tx *t, unsigned dir, struct http_bytes *b)
{
    make_header(t, dir, b);
    if (b->n)
        add_str(t, b, STR("\r\n"));
}
static void make_names(struct http_tx *t, unsigned dir, struct http_bytes *b)
{
    htp_table_t *table = http_headers(t, dir);
    unsigned n = header_count(table);
    if (!n)
        return;
    add_str(t, b, STR("\r\n"));
    for (unsigned i = 0; i < n; i++) {
        const htp_header_t *h = htp_table_get_index(table, i, NULL);
        add_str(t, b, http_str(h->name));
        add_str(t, b, STR("\r\n"));
    }
    add_str(t, b, STR("\r\n"));
}
static void make_start(struct http_tx *t, unsigned dir, struct http_bytes *b)
{
    const bstr *line = dir ? t->htp->response_line : t->htp->request_line;
    htp_table_t *table = http_headers(t, dir);
    if (!line)
        return;
    add_str(t, b, http_str(line));
    add_str(t, b, STR("\r\n"));
    for (unsigned i = 0, n = header_count(table); i < n; i++)
        add_line(t, b, htp_table_get_index(table, i, NULL));
    add_str(t, b, STR("\r\n"));
}
/* Lines of the trailers, "Name: value" each; a line that goes on from the one before is joined. */
static void make_trailer(struct http_tx *t, unsigned dir, struct http_bytes *b)
{
    const struct http_bytes *raw = &t->raw_headers[dir];
    struct str left = t->trailer_at[dir] ? str_of(raw->p + t->trailer_at[dir], raw->n - t->trailer_at[dir])
                                         : str_of(NULL, 0);
    while (left.n) {
        struct str line = str_split(left, '\n', &left), value, text = str_trim(line);
        bool goes_on = line.n && (line.p[0] == ' ' || line.p[0] == '\t');
        struct str name = str_split(text, ':', &value);
        if (!text.n)
            continue;
        if (goes_on && b->n > 2) {
            b->n -= 2; /* the line's end */
            add_str(t, b, STR(" "));
            add_str(t, b, text);
        } else if (name.n < text.n) {
            add_str(t, b, str_trim(name));
            add_str(t, b, STR(": "));
            add_str(t, b, str_trim(value));
        } else {
            add_str(t, b, text);
        }
        add_str(t, b, STR("\r\n"));
    }
}
static void make_host(struct http_tx *t, unsigned dir, struct http_bytes *b)
{
    (void)dir;
    add_str(t, b, http_str(t->htp->request_hostname));
    for (uint32_t i = 0; i < b->n; i++)
        if (b->p[i] >= 'A' && b->p[i] <= 'Z')
            b->p[i] |= 0x20;
}

bool http_get_made(const struct app_get *q, enum http_made what,
                   void (*make)(struct http_tx *t, unsigned dir, struct http_bytes *b),
                   struct app_view *out)
{
    struct http_tx *t = http_of(q->tx);
    struct http_bytes *b = &t->made[q->dir][what];
    uint8_t progress = t->head.progress[q->dir];
    if (progress < HTTP_HEADERS)
        return false;
    uint8_t stage = progress >= HTTP_TRAILER ? HTTP_TRAILER : HTTP_HEADERS;
    if (t->made_at[q->dir][what] < stage) {
        b->n = 0;
        make(t, q->dir, b);
        t->made_at[q->dir][what] = stage;
    }
    if (!b->n)
        return false;
    *out = (struct app_view){.data = b->p, .n = b->n, .last = true};
    return true;
}
bool http_get_header(const struct app_get *q, unsigned index, struct app_view *out)
{
    return index == 0 && http_get_made(q, MADE_HEADER, make_header, out);
}
bool http_get_header_block(const struct app_get *q, unsigned index, struct app_view *out)
{
    return index == 0 && http_get_made(q, MADE_HEADER_BLOCK, make_header_block, out);
}
bool http_get_header_names(const struct app_get *q, unsigned index, struct app_view *out)
{
    return index == 0 && http_get_made(q, MADE_NAMES, make_names, out);
}
bool http_get_start(const struct app_get *q, unsigned index, struct app_view *out)
{
    return index == 0 && http_get_made(q, MADE_START, make_start, out);
}
bool http_get_trailer(const struct app_get *q, unsigned index, struct app_view *out)
{
    return index == 0 && http_get_made(q, MADE_TRAILER, make_trailer, out);
}
bool http_get_host(const struct app_get *q, unsigned index, struct app_view *out)
{
    return index == 0 && http_get_made(q, MADE_HOST, make_host, out);
}

/* http.request_header, http.response_header: each line alone, without its end. */
bool http_get_one_header(const struct app_get *q, unsigned index, struct app_view *out)
{
    struct http_tx *t = http_of(q->tx);
    htp_table_t *table = http_headers(t, q->dir);
    if (t->head.progress[q->dir] < HTTP_HEADERS || index >= header_count(table))
        return false;
    const htp_header_t *h = htp_table_get_index(table, index, NULL);
    struct str name = http_str(h->name), value = http_str(h->value);
    uint8_t *p = arena_alloc_raw(q->scratch, (size_t)name.n + 2 + value.n);
    if (!p)
        return false;
    memcpy(p, name.p, name.n);
    memcpy(p + name.n, ": ", 2);
    if (value.n)
        memcpy(p + name.n + 2, value.p, value.n);
    *out = (struct app_view){.data = p, .n = name.n + 2 + value.n, .last = true};
    return true;
}
