/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Bodies (de-chunked and decompressed by libhtp), and the files that they are.
 *
 * A response body is a file named by Content-Disposition or by the request's path; so is the body
 * of a PUT or POST; the parts of multipart/form-data that have a file name are files of their own
 * (http_multipart.c). Rules see the window of the body (http.response_body, file.data); a
 * response's file keeps no bytes of its own.
 */
#include "app/http/http_tx.h"

#include <stdlib.h>

enum {
    WINDOW_UNLIMITED = 256 * 1024
}; /* bytes kept of a body without limit that no rule looks at */

/* A parameter of a header value: filename="a b.exe" or filename=a.exe. */
struct str http_disposition_name(struct str value)
{
    static const char key[] = "filename=";
    struct str rest = value;
    while (rest.n) {
        struct str part = str_trim(str_split(rest, ';', &rest));
        if (!str_istarts(part, STR("filename=")))
            continue;
        /* A quoted name may hold a semicolon: take it from the whole value. */
        struct str name = str_skip(part, sizeof key - 1);
        if (!name.n || name.p[0] != '"')
            return name;
        name = str_of(name.p + 1, (size_t)(value.p + value.n - name.p - 1));
        int64_t end = str_chr(name, '"');
        return end < 0 ? name : str_first(name, (uint32_t)end);
    }
    return str_of(NULL, 0);
}

/* Content-Range: bytes START-END/SIZE (RFC 9110 14.4); whole contents are no range. */
static void note_range(struct http_tx *t, struct app_file *f)
{
    struct str v = http_header_value(t->htp->response_headers, "content-range"), size, end;
    uint64_t first, last, whole;
    if (t->htp->response_status_number != 206 || !v.p)
        return;
    v = str_trim(v);
    if (str_istarts(v, STR("bytes")))
        v = str_trim(str_skip(v, 5));
    struct str start = str_split(str_split(v, '/', &size), '-', &end);
    if (!str_u64(str_trim(start), &first) || !str_u64(str_trim(end), &last) || first > last ||
        (str_u64(str_trim(size), &whole) && last >= whole)) {
        http_event(t, HTTP_EV_RANGE);
        return;
    }
    f->has_range = true;
    f->start = first;
    f->end = last;
}

static struct str path_of(const struct http_tx *t)
{
    return t->htp->parsed_uri ? http_str(t->htp->parsed_uri->path) : str_of(NULL, 0);
}
static void begin_response(struct http_tx *t)
{
    struct str name =
        http_disposition_name(http_header_value(t->htp->response_headers, "content-disposition"));
    if (!name.n)
        name = path_of(t);
    if (!name.p)
        return;
    t->file[1] = app_file_open(t->hf->af, &t->head, 1, name);
    if (!t->file[1])
        return;
    t->file[1]->body.limit = 0;
    note_range(t, t->file[1]);
}
static void begin_request(struct http_tx *t)
{
    struct str type = http_header_value(t->htp->request_headers, "content-type");
    enum htp_method_t method = t->htp->request_method_number;
    if (method == HTP_M_POST && http_multipart_begin(t, type)) {
        t->request_kind = BODY_MULTIPART;
        return;
    }
    http_form_begin(t, type);
    if (method != HTP_M_POST && method != HTP_M_PUT)
        return;
    t->request_kind = BODY_FILE;
    struct str name = path_of(t);
    if (name.p)
        t->file[0] = app_file_open(t->hf->af, &t->head, 0, name);
}
void http_body_begin(struct http_tx *t, unsigned dir)
{
    if (t->body_begun[dir])
        return;
    t->body_begun[dir] = t->has_body[dir] = true;
    if (dir)
        begin_response(t);
    else
        begin_request(t);
}

void http_body_hole(struct http_tx *t, unsigned dir, size_t size)
{
    struct app_flow *af = t->hf->af;
    struct app_body *b = &t->body[dir];
    uint32_t n = size < UINT32_MAX ? (uint32_t)size : UINT32_MAX;
    app_body_hole(b, n);
    if (t->file[dir])
        app_file_gap(af, t->file[dir], n);
    if (!dir && t->multipart)
        http_multipart_end(t);
}
static void body_gap(struct http_tx *t, unsigned dir, size_t n)
{
    http_body_hole(t, dir, n);
    /* Behind it nothing can be decoded. */
    http_decoder_free(t->decoder[dir]);
    t->decoder[dir] = NULL;
}
void http_body_plain(struct http_tx *t, unsigned dir, const uint8_t *p, size_t size)
{
    struct app_flow *af = t->hf->af;
    struct app_body *b = &t->body[dir];
    uint32_t n = size < UINT32_MAX ? (uint32_t)size : UINT32_MAX;
    if (b->limit == UINT32_MAX && b->n > WINDOW_UNLIMITED)
        b->inspected = b->offset + b->n;
    app_body_slide(af, b, t->hf->server->window[dir]);
    app_body_add(af, b, p, n);
    if (!dir && t->is_form)
        http_form_add(t, p, n);
    if (!dir && t->multipart) /* whose parts are the files */
        http_multipart_add(t, p, n);
    else if (t->file[dir])
        app_file_data(af, t->file[dir], p, n);
}
/* p == NULL: so many bytes are missing. */
void http_body_add(struct http_tx *t, unsigned dir, const uint8_t *p, size_t n)
{
    if (!p)
        body_gap(t, dir, n);
    else if (t->decoder[dir])
        http_decoder_add(t->decoder[dir], p, n);
    else
        http_body_plain(t, dir, p, n);
}
void http_body_end(struct http_tx *t, unsigned dir)
{
    if (t->decoder[dir])
        http_decoder_end(t->decoder[dir]);
    t->body[dir].done = true;
    if (!dir && t->multipart)
        http_multipart_end(t);
    if (t->file[dir])
        app_file_close(t->hf->af, t->file[dir], FILE_CLOSED);
    t->file[dir] = NULL;
    http_decoder_free(t->decoder[dir]);
    t->decoder[dir] = NULL;
}
