/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * EVE's "http" object, as event and inside alerts.
 *
 * Options of `- http:` in the configuration: extended (no without it), custom: [names of headers],
 * dump-all-headers: request | response | both.
 */
#include "app/http/http_tx.h"

#include <string.h>

#include "config/config.h"

enum { DUMP_REQUEST = 1, DUMP_RESPONSE = 2 };

static void put(struct fields *out, const char *key, struct str s)
{
    if (s.p)
        fields_str(out, key, s);
}
static void put_range(const htp_tx_t *tx, struct fields *out)
{
    struct str v = http_header_value(tx->response_headers, "content-range"), size, end;
    uint64_t n;
    if (!v.p)
        return;
    fields_open(out, "content_range");
    fields_str(out, "raw", v);
    struct str s = str_trim(v);
    if (str_istarts(s, STR("bytes")))
        s = str_trim(str_skip(s, 5));
    struct str range = str_split(s, '/', &size), start = str_split(range, '-', &end);
    if (str_u64(str_trim(start), &n))
        fields_u64(out, "start", n);
    if (str_u64(str_trim(end), &n))
        fields_u64(out, "end", n);
    if (str_u64(str_trim(size), &n))
        fields_u64(out, "size", n);
    fields_close(out);
}
static void put_basic(const htp_tx_t *tx, struct fields *out)
{
    struct str type = http_header_value(tx->response_headers, "content-type"), rest;
    put(out, "hostname", http_str(tx->request_hostname));
    if (tx->request_port_number > 0)
        fields_u64(out, "http_port", (uint64_t)tx->request_port_number);
    put(out, "url", http_str(tx->request_uri));
    put(out, "http_user_agent", http_header_value(tx->request_headers, "user-agent"));
    if (type.p)
        fields_str(out, "http_content_type", str_split(type, ';', &rest));
    put_range(tx, out);
}
static void put_extended(const htp_tx_t *tx, struct fields *out)
{
    int status = tx->response_status_number;
    put(out, "http_refer", http_header_value(tx->request_headers, "referer"));
    put(out, "http_method", http_str(tx->request_method));
    put(out, "protocol", http_str(tx->request_protocol));
    if (status > 0)
        fields_u64(out, "status", (uint64_t)status);
    else
        put(out, "status_string", http_str(tx->response_status));
    if (status >= 300 && status < 400)
        put(out, "redirect", http_header_value(tx->response_headers, "location"));
    fields_u64(out, "length",
               tx->response_message_len > 0 ? (uint64_t)tx->response_message_len : 0);
}

/* ------------------------------------------------------------------ options */

/* Headers that `custom` may name and how EVE calls them. */
static const struct {
    const char *option, *header;
    bool response;
} custom[] = {
    {"accept", "accept", false},
    {"accept_charset", "accept-charset", false},
    {"accept_datetime", "accept-datetime", false},
    {"accept_encoding", "accept-encoding", false},
    {"accept_language", "accept-language", false},
    {"accept_range", "accept-range", true},
    {"age", "age", true},
    {"allow", "allow", true},
    {"authorization", "authorization", false},
    {"cache_control", "cache-control", false},
    {"connection", "connection", true},
    {"content_encoding", "content-encoding", true},
    {"content_language", "content-language", true},
    {"content_length", "content-length", true},
    {"content_location", "content-location", true},
    {"content_md5", "content-md5", true},
    {"content_range", "content-range", true},
    {"content_type", "content-type", true},
    {"cookie", "cookie", false},
    {"date", "date", true},
    {"dnt", "dnt", false},
    {"etag", "etags", true},
    {"expires", "expires", true},
    {"from", "from", false},
    {"last_modified", "last-modified", true},
    {"link", "link", true},
    {"location", "location", true},
    {"max_forwards", "max-forwards", false},
    {"org_src_ip", "org-src-ip", false},
    {"origin", "origin", false},
    {"pragma", "pragma", false},
    {"proxy_authenticate", "proxy-authenticate", true},
    {"proxy_authorization", "proxy-authorization", false},
    {"range", "range", false},
    {"referrer", "referer", false},
    {"refresh", "refresh", true},
    {"retry_after", "retry-after", true},
    {"server", "server", true},
    {"set_cookie", "set-cookie", true},
    {"te", "te", false},
    {"trailer", "trailer", true},
    {"transfer_encoding", "transfer-encoding", true},
    {"true_client_ip", "true-client-ip", false},
    {"upgrade", "upgrade", true},
    {"vary", "vary", true},
    {"via", "via", false},
    {"warning", "warning", true},
    {"www_authenticate", "www-authenticate", true},
    {"x_authenticated_user", "x-authenticated-user", false},
    {"x_bluecoat_via", "x-bluecoat-via", false},
    {"x_flash_version", "x-flash-version", false},
    {"x_forwarded_proto", "x-forwarded-proto", false},
    {"x_requested_with", "x-requested-with", false},
};
static void put_custom(const htp_tx_t *tx, const char *name, struct fields *out)
{
    for (unsigned i = 0; i < ARRAY_LEN(custom); i++)
        if (str_ieq(str_cstr(custom[i].option), str_cstr(name)) ||
            str_ieq(str_cstr(custom[i].header), str_cstr(name)))
            put(out, custom[i].option,
                http_header_value(custom[i].response ? tx->response_headers : tx->request_headers,
                                  custom[i].header));
}
static void put_all_headers(const htp_table_t *table, const char *key, struct fields *out)
{
    size_t n = table ? htp_table_size(table) : 0;
    if (!n)
        return; /* the schema knows no empty list */
    fields_array(out, key);
    for (size_t i = 0; i < n; i++) {
        const htp_header_t *h = htp_table_get_index(table, i, NULL);
        fields_open(out, NULL);
        fields_str(out, "name", http_str(h->name));
        fields_str(out, "value", http_str(h->value));
        fields_close(out);
    }
    fields_array_end(out);
}
static unsigned dump_wanted(const struct conf_node *options)
{
    struct str s = str_cstr(conf_sub_str(options, "dump-all-headers", NULL));
    return str_ieq(s, STR("both"))       ? DUMP_REQUEST | DUMP_RESPONSE
           : str_ieq(s, STR("request"))  ? DUMP_REQUEST
           : str_ieq(s, STR("response")) ? DUMP_RESPONSE
                                         : 0;
}
static void put_options(const htp_tx_t *tx, const struct conf_node *options, struct fields *out)
{
    const struct conf_node *list = conf_sub(options, "custom");
    unsigned dump = dump_wanted(options);
    for (const struct conf_node *n = list ? list->child : NULL; n; n = n->next)
        if (n->kind == CONF_SCALAR)
            put_custom(tx, n->value, out);
    if (dump & DUMP_REQUEST)
        put_all_headers(tx->request_headers, "request_headers", out);
    if (dump & DUMP_RESPONSE)
        put_all_headers(tx->response_headers, "response_headers", out);
}

static bool log_http(const struct app_log_ctx *c, struct fields *out)
{
    const htp_tx_t *tx = http_of(c->tx)->htp;
    if (!tx->request_uri && !tx->request_line && !tx->response_line)
        return false; /* empty lines behind the last message */
    fields_open(out, "http");
    put_basic(tx, out);
    if (conf_sub_bool(c->options, "extended", false))
        put_extended(tx, out);
    put_options(tx, c->options, out);
    fields_close(out);
    return true;
}
const struct app_log http_logs[] = {
    {.event_type = "http", .at = {HTTP_COMPLETE, HTTP_COMPLETE}, .write = log_http},
    {.event_type = NULL}};

void http_alert_fields(const struct app_log_ctx *c, struct fields *out)
{
    if (!c->tx)
        return;
    const htp_tx_t *tx = http_of(c->tx)->htp;
    fields_open(out, "http");
    put_basic(tx, out);
    put_extended(tx, out);
    fields_close(out);
}
