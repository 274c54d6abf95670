/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The normalised URI: libhtp's path (decoded, dot segments resolved, by personality), then the
 * query, decoded once, then the fragment.  With uri-include-all scheme, user, host and port stand
 * in front.
 */
#include "app/http/http_tx.h"

#include <stdio.h>

/* Decodes once more; says so if there was something left to decode. */
static void decode_again(struct http_tx *t, enum htp_decoder_ctx_t how, bstr *part, bool wanted)
{
    uint64_t flags = 0;
    if (!part || !wanted)
        return;
    size_t before = bstr_len(part);
    htp_urldecode_inplace(t->hf->server->htp, how, part, &flags);
    if (bstr_len(part) != before)
        http_event(t, HTTP_EV_DOUBLE_ENCODED);
}
static void put(struct http_tx *t, const char *before, const bstr *part, const char *behind)
{
    if (!part)
        return;
    struct str s = http_str(part), b = str_cstr(before), e = str_cstr(behind);
    http_bytes_add(t->hf->af, &t->uri, b.p, b.n);
    http_bytes_add(t->hf->af, &t->uri, s.p, s.n);
    http_bytes_add(t->hf->af, &t->uri, e.p, e.n);
}
static void put_all(struct http_tx *t, const htp_uri_t *u)
{
    put(t, "", u->scheme, "://");
    put(t, "", u->username, "");
    put(t, ":", u->password, "");
    if (u->username || u->password)
        http_bytes_add(t->hf->af, &t->uri, "@", 1);
    put(t, "", u->hostname, "");
    put(t, ":", u->port, "");
}
void http_uri_normalise(struct http_tx *t)
{
    const struct http_server *s = t->hf->server;
    htp_uri_t *u = t->htp->parsed_uri;
    uint64_t flags = 0;
    if (!u || t->uri.n)
        return;
    if (u->query)
        htp_urldecode_inplace(s->htp, HTP_DECODER_URLENCODED, u->query, &flags);
    decode_again(t, HTP_DECODER_URL_PATH, u->path, s->double_decode_path);
    decode_again(t, HTP_DECODER_URLENCODED, u->query, s->double_decode_query);
    if (s->uri_include_all)
        put_all(t, u);
    put(t, "", u->path, "");
    put(t, "?", u->query, "");
    put(t, "#", u->fragment, "");
}
