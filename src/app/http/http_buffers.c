/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HTTP's buffers: names in the three dialects, direction, progress, getter.
 *
 * Views point into libhtp's strings or the transaction's memory; they live as long as the
 * transaction.
 */
#include "app/http/http_tx.h"

static bool give(struct str s, struct app_view *out)
{
    if (!s.p)
        return false;
    *out = (struct app_view){.data = s.p, .n = s.n, .last = true};
    return true;
}
static bool give_some(struct str s, struct app_view *out)
{
    return s.n && give(s, out);
}
static bool give_header(const struct app_get *q, unsigned index, const char *name,
                        struct app_view *out)
{
    struct http_tx *t = http_of(q->tx);
    if (index || t->head.progress[q->dir] < HTTP_HEADERS)
        return false;
    return give(http_header_value(http_headers(t, q->dir), name), out);
}

/* One member of libhtp's transaction. */
#define MEMBER(fn, request, response)                                                              \
    static bool fn(const struct app_get *q, unsigned index, struct app_view *out)                  \
    {                                                                                              \
        const htp_tx_t *tx = http_of(q->tx)->htp;                                                  \
        return index == 0 && give_some(http_str(q->dir ? (response) : (request)), out);            \
    }
MEMBER(get_method, tx->request_method, NULL)
MEMBER(get_protocol, tx->request_protocol, tx->response_protocol)
MEMBER(get_line, tx->request_line, tx->response_line)
MEMBER(get_status, NULL, tx->response_status)
MEMBER(get_message, NULL, tx->response_message)
MEMBER(get_raw_uri, tx->request_uri, NULL)

#define HEADER(fn, name)                                                                           \
    static bool fn(const struct app_get *q, unsigned index, struct app_view *out)                  \
    {                                                                                              \
        return give_header(q, index, name, out);                                                   \
    }
HEADER(get_user_agent, "user-agent")
HEADER(get_referer, "referer")
HEADER(get_accept, "accept")
HEADER(get_accept_encoding, "accept-encoding")
HEADER(get_accept_language, "accept-language")
HEADER(get_connection, "connection")
HEADER(get_content_type, "content-type")
HEADER(get_content_length, "content-length")
HEADER(get_server, "server")
HEADER(get_location, "location")

static bool get_header_count(const struct app_get *q, unsigned index, uint64_t *out)
{
    const struct http_tx *t = http_of(q->tx);
    const htp_table_t *table = http_headers(t, q->dir);
    if (index || t->head.progress[q->dir] < HTTP_HEADERS)
        return false;
    *out = table ? htp_table_size(table) : 0;
    return true;
}
static bool get_cookie(const struct app_get *q, unsigned index, struct app_view *out)
{
    return give_header(q, index, q->dir ? "set-cookie" : "cookie", out);
}
static bool get_uri(const struct app_get *q, unsigned index, struct app_view *out)
{
    const struct http_tx *t = http_of(q->tx);
    return index == 0 && give_some(str_of(t->uri.p, t->uri.n), out);
}

/* Parts of the normalised URI; what the URI lacks has no buffer. */
#define PART(fn, uri, part)                                                                        \
    static bool fn(const struct app_get *q, unsigned index, struct app_view *out)                  \
    {                                                                                              \
        const htp_tx_t *tx = http_of(q->tx)->htp;                                                  \
        return index == 0 && tx->uri && give_some(http_str(tx->uri->part), out);                   \
    }
PART(get_uri_scheme, parsed_uri, scheme)
PART(get_uri_host, parsed_uri, hostname)
PART(get_uri_port, parsed_uri_raw, port) /* the normalised one has it as a number alone */
PART(get_uri_path, parsed_uri, path)
PART(get_uri_query, parsed_uri, query)
PART(get_uri_fragment, parsed_uri, fragment)

static bool get_raw_header(const struct app_get *q, unsigned index, struct app_view *out)
{
    const struct http_tx *t = http_of(q->tx);
    const struct http_bytes *b = &t->raw_headers[q->dir];
    return index == 0 && t->head.progress[q->dir] >= HTTP_HEADERS &&
           give_some(str_of(b->p, b->n), out);
}
static bool get_raw_trailer(const struct app_get *q, unsigned index, struct app_view *out)
{
    const struct http_tx *t = http_of(q->tx);
    const struct http_bytes *b = &t->raw_headers[q->dir];
    uint32_t at = t->trailer_at[q->dir];
    return index == 0 && at && at < b->n && give_some(str_of(b->p + at, b->n - at), out);
}
/* The last address that a proxy wrote; X-Forwarded-For before True-Client-IP. */
static bool get_true_ip(const struct app_get *q, unsigned index, struct app_view *out)
{
    static const char *const names[] = {"x-forwarded-for", "true-client-ip"};
    const struct http_tx *t = http_of(q->tx);
    for (unsigned i = 0; !index && i < ARRAY_LEN(names); i++) {
        struct str v = http_header_value(t->htp->request_headers, names[i]);
        uint32_t at = v.n;
        while (at && v.p[at - 1] != ',')
            at--;
        v = str_trim(str_skip(v, at));
        if (v.n)
            return give(v, out);
    }
    return false;
}
static bool get_raw_host(const struct app_get *q, unsigned index, struct app_view *out)
{
    const htp_tx_t *tx = http_of(q->tx)->htp;
    if (index == 0 && tx->parsed_uri && tx->parsed_uri->hostname)
        return give_some(http_str(tx->parsed_uri->hostname), out);
    return give_header(q, index, "host", out);
}

/* ------------------------------------------------------------------ bodies */

/* Do the peers' thresholds hold? */
static bool waits(const struct app_get *q, const struct http_server *s)
{
    return s->body_inline < 0 ? q->on_ack : !s->body_inline;
}
static bool get_body(const struct app_get *q, unsigned index, struct app_view *out)
{
    struct http_tx *t = http_of(q->tx);
    const struct http_server *s = t->hf->server;
    struct app_body *b = &t->body[q->dir];
    if (index || !t->has_body[q->dir])
        return false;
    bool last = b->done || b->limited || t->head.progress[q->dir] > HTTP_BODY;
    if (!last && b->total < s->min_inspect[q->dir] && waits(q, s))
        return false;
    *out = (struct app_view){
        .data = b->data, .n = b->n, .offset = b->offset, .growing = !last, .last = last};
    b->inspected = b->offset + b->n;
    return true;
}
/* file.data: to the client the body, to the server each file. */
static bool get_file_data(const struct app_get *q, unsigned index, struct app_view *out)
{
    return q->dir ? get_body(q, index, out) : app_file_get_data(q, index, out);
}

/* ------------------------------------------------------------------ the table */

enum { S = 1, C = 2, B = 3 }; /* to server, to client, both */

#define AT_LINE                 .at = {HTTP_LINE, HTTP_LINE}
#define AT_HEADERS              .at = {HTTP_HEADERS, HTTP_HEADERS}
#define AT_TRAILER              .at = {HTTP_TRAILER, HTTP_TRAILER}
#define AT_BODY                 .at = {HTTP_BODY, HTTP_BODY}
#define ONE(name_, dirs_, get_) .name = (name_), .dirs = (dirs_), .kind = APP_BUF_ONE, .get = (get_)

const struct app_buffer http_buffers[] = {
    {ONE("http.uri", S, get_uri), AT_LINE, .su_mod = "http_uri", .s2_mod = "http_uri",
     .s3 = "http_uri", .su_pcre = 'U', .s2_pcre = 'U', .priority = 2,
     .help = "path and query, normalised"},
    /* Snort 3: http_uri:path ...; no keywords of their own */
    {ONE("http uri scheme", S, get_uri_scheme), AT_LINE, .priority = 2,
     .help = "scheme of an absolute URI"},
    {ONE("http uri host", S, get_uri_host), AT_LINE, .priority = 2,
     .help = "host of an absolute URI"},
    {ONE("http uri port", S, get_uri_port), AT_LINE, .priority = 2,
     .help = "port of an absolute URI"},
    {ONE("http uri path", S, get_uri_path), AT_LINE, .priority = 2, .help = "path, normalised"},
    {ONE("http uri query", S, get_uri_query), AT_LINE, .priority = 2, .help = "query, decoded"},
    {ONE("http uri fragment", S, get_uri_fragment), AT_LINE, .priority = 2, .help = "fragment"},
    {ONE("http.uri.raw", S, get_raw_uri), AT_LINE, .su_mod = "http_raw_uri",
     .s2_mod = "http_raw_uri", .s3 = "http_raw_uri", .su_pcre = 'I', .s2_pcre = 'I', .priority = 2,
     .help = "the URI as sent"},
    {ONE("http.method", S, get_method), AT_LINE, .su_mod = "http_method", .s2_mod = "http_method",
     .s3 = "http_method", .su_pcre = 'M', .s2_pcre = 'M', .priority = 3, .flags = APP_BUF_NO_MPM,
     .help = "GET, POST ..."},
    {ONE("http.header", B, http_get_header), AT_HEADERS, .su_mod = "http_header", .su_pcre = 'H',
     .priority = 2, .help = "all headers but cookies, one \"Name: value\" a line"},
    {ONE("http.header_block", B, http_get_header_block), AT_HEADERS, .s2_mod = "http_header",
     .s3 = "http_header", .s2_pcre = 'H', .priority = 2,
     .help = "Snort: http.header with the empty line that ends it"},
    {ONE("http.header.raw", B, get_raw_header), AT_HEADERS, .su_mod = "http_raw_header",
     .s2_mod = "http_raw_header", .s3 = "http_raw_header", .su_pcre = 'D', .s2_pcre = 'D',
     .priority = 2, .help = "the headers as sent"},
    {ONE("http.header_names", B, http_get_header_names), AT_HEADERS, .su_old = "http_header_names",
     .priority = 2, .help = "names of the headers in order, each between line ends"},
    {.name = "http num headers", .s3 = "http_num_headers", .dirs = B, .kind = APP_BUF_UINT,
     .get_uint = get_header_count, AT_HEADERS, .help = "Snort 3: number of the headers"},
    {ONE("http trailer", B, http_get_trailer), AT_TRAILER, .s3 = "http_trailer", .priority = 2,
     .help = "Snort 3: headers behind a chunked body, one \"Name: value\" a line"},
    {ONE("http raw trailer", B, get_raw_trailer), AT_TRAILER, .s3 = "http_raw_trailer",
     .priority = 2, .help = "Snort 3: headers behind a chunked body as sent"},
    {ONE("http true ip", S, get_true_ip), AT_HEADERS, .s3 = "http_true_ip", .priority = 2,
     .help = "Snort 3: the client's address as a proxy wrote it"},
    /* Snort 3: http_param; no keyword of its own.  For the transform that picks a name. */
    {.name = "http params",
     .dirs = S,
     .kind = APP_BUF_MULTI,
     .get = http_get_param,
     AT_TRAILER,
     .priority = 2,
     .flags = APP_BUF_NO_MPM,
     .help = "parameters of the query and of a form's body, decoded"},
    {ONE("http.user_agent", S, get_user_agent), AT_HEADERS, .su_mod = "http_user_agent",
     .su_pcre = 'V', .priority = 2, .help = "User-Agent"},
    {ONE("http.host", S, http_get_host), AT_HEADERS, .su_mod = "http_host", .su_pcre = 'W',
     .priority = 2, .flags = APP_BUF_LOWER, .help = "name of the host in lower case, without port"},
    {ONE("http.host.raw", S, get_raw_host), AT_HEADERS, .su_mod = "http_raw_host", .su_pcre = 'Z',
     .priority = 2, .help = "Host as sent"},
    {ONE("http.cookie", B, get_cookie), AT_HEADERS, .su_mod = "http_cookie",
     .s2_mod = "http_cookie", .s3 = "http_cookie", .su_pcre = 'C', .s2_pcre = 'C', .priority = 2,
     .help = "Cookie, Set-Cookie"},
    {ONE("http.raw_cookie", B, get_cookie), AT_HEADERS, .s2_mod = "http_raw_cookie",
     .s3 = "http_raw_cookie", .s2_pcre = 'K', .priority = 2,
     .help = "Snort: cookies not normalised"},
    {ONE("http.referer", S, get_referer), AT_HEADERS, .su_old = "http_referer", .priority = 2,
     .help = "Referer"},
    {ONE("http.accept", S, get_accept), AT_HEADERS, .su_old = "http_accept", .priority = 2,
     .help = "Accept"},
    {ONE("http.accept_enc", S, get_accept_encoding), AT_HEADERS, .su_old = "http_accept_enc",
     .priority = 2, .help = "Accept-Encoding"},
    {ONE("http.accept_lang", S, get_accept_language), AT_HEADERS, .su_old = "http_accept_lang",
     .priority = 2, .help = "Accept-Language"},
    {ONE("http.connection", B, get_connection), AT_HEADERS, .su_old = "http_connection",
     .priority = 2, .help = "Connection"},
    {ONE("http.content_type", B, get_content_type), AT_HEADERS, .su_old = "http_content_type",
     .priority = 2, .help = "Content-Type"},
    {ONE("http.content_len", B, get_content_length), AT_HEADERS, .su_old = "http_content_len",
     .priority = 2, .help = "Content-Length"},
    {ONE("http.protocol", B, get_protocol), AT_LINE, .su_old = "http_protocol",
     .s3 = "http_version", .priority = 3, .help = "HTTP/1.1"},
    {ONE("http.start", B, http_get_start), AT_HEADERS, .su_old = "http_start", .priority = 2,
     .help = "first line and all headers"},
    {ONE("http.request_line", S, get_line), AT_LINE, .su_old = "http_request_line",
     .s3 = "http_raw_request", .priority = 2, .help = "first line of the request"},
    {ONE("http.response_line", C, get_line), AT_LINE, .su_old = "http_response_line",
     .s3 = "http_raw_status", .priority = 2, .help = "first line of the response"},
    {ONE("http.stat_code", C, get_status), AT_LINE, .su_mod = "http_stat_code",
     .s2_mod = "http_stat_code", .s3 = "http_stat_code", .su_pcre = 'S', .s2_pcre = 'S',
     .priority = 3, .flags = APP_BUF_NO_MPM, .help = "200, 404 ..."},
    {ONE("http.stat_msg", C, get_message), AT_LINE, .su_mod = "http_stat_msg",
     .s2_mod = "http_stat_msg", .s3 = "http_stat_msg", .su_pcre = 'Y', .s2_pcre = 'Y',
     .priority = 3, .flags = APP_BUF_NO_MPM, .help = "OK, Not Found ..."},
    {ONE("http.server", C, get_server), AT_HEADERS, .priority = 2, .help = "Server"},
    {ONE("http.location", C, get_location), AT_HEADERS, .priority = 2, .help = "Location"},
    {.name = "http.request_body",
     .dirs = S,
     .kind = APP_BUF_GROWING,
     .get = get_body,
     AT_BODY,
     .su_mod = "http_client_body",
     .s2_mod = "http_client_body",
     .s3 = "http_client_body",
     .su_pcre = 'P',
     .s2_pcre = 'P',
     .priority = 2,
     .help = "body of the request"},
    {.name = "http.response_body",
     .dirs = C,
     .kind = APP_BUF_GROWING,
     .get = get_body,
     AT_BODY,
     .su_mod = "http_server_body",
     .su_pcre = 'Q',
     .priority = 2,
     .help = "body of the response, decompressed"},
    {.name = "http.request_header",
     .dirs = S,
     .kind = APP_BUF_MULTI,
     .get = http_get_one_header,
     AT_HEADERS,
     .priority = 2,
     .help = "each header of the request alone"},
    {.name = "http.response_header",
     .dirs = C,
     .kind = APP_BUF_MULTI,
     .get = http_get_one_header,
     AT_HEADERS,
     .priority = 2,
     .help = "each header of the response alone"},
    {.name = "file.data",
     .dirs = B,
     .kind = APP_BUF_FILE,
     .get = get_file_data,
     AT_BODY,
     .su_old = "file_data",
     .s2_mod = "file_data",
     .s2_sticky = true,
     .s3 = "file_data",
     .priority = 2,
     .flags = APP_BUF_ANY_PROTO,
     .help = "contents of each file"},
    {.name = "file.name",
     .dirs = B,
     .kind = APP_BUF_MULTI,
     .get = app_file_get_name,
     AT_BODY,
     .priority = 2,
     .flags = APP_BUF_ANY_PROTO | APP_BUF_MORE,
     .help = "name of each file"},
    {.name = "file.magic",
     .dirs = B,
     .kind = APP_BUF_MULTI,
     .get = app_file_get_magic,
     AT_BODY,
     .priority = 2,
     .flags = APP_BUF_ANY_PROTO | APP_BUF_MORE,
     .help = "type of each file, in the words of libmagic"},
    {.name = "file md5",
     .dirs = B,
     .kind = APP_BUF_FILE,
     .get = app_file_get_md5,
     AT_BODY,
     .flags = APP_BUF_ANY_PROTO | APP_BUF_NO_MPM,
     .help = "MD5 of each file, binary; for filemd5"},
    {.name = "file sha1",
     .dirs = B,
     .kind = APP_BUF_FILE,
     .get = app_file_get_sha1,
     AT_BODY,
     .flags = APP_BUF_ANY_PROTO | APP_BUF_NO_MPM,
     .help = "SHA-1 of each file, binary; for filesha1"},
    {.name = "file sha256",
     .dirs = B,
     .kind = APP_BUF_FILE,
     .get = app_file_get_sha256,
     AT_BODY,
     .flags = APP_BUF_ANY_PROTO | APP_BUF_NO_MPM,
     .help = "SHA-256 of each file, binary; for filesha256"},
    {.name = "filesize",
     .dirs = B,
     .kind = APP_BUF_MULTI_UINT,
     .get_uint = app_file_get_size,
     AT_BODY,
     .flags = APP_BUF_ANY_PROTO | APP_BUF_MORE,
     .help = "size of each file that is over"},
    {.name = NULL}};
