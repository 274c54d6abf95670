/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What libhtp complains about, as events.
 *
 * libhtp 0.5.42 tells by text alone: the table below maps beginnings of its messages.  Longer
 * beginnings stand before shorter ones with which they start.
 */
#include "app/http/http_tx.h"

#include <string.h>

#define HTTP_EVENT_ROW(id, text) [HTTP_EV_##id] = {.name = (text), .of_tx = true},
const struct app_event_def http_events[] = {HTTP_EVENTS(HTTP_EVENT_ROW){.name = NULL}};
#undef HTTP_EVENT_ROW
static_assert(HTTP_EV_COUNT <= 64, "events are bits");

static const struct {
    const char *text;
    enum http_event event;
} messages[] = {
    {"GZip decompressor:", HTTP_EV_GZIP_FAILED},
    {"LZMA decompressor: memory limit reached", HTTP_EV_LZMA_MEMORY},
    {"Compression bomb: multiple encoding with lzma", HTTP_EV_ENCODING_LAYERS},
    {"Compression bomb:", HTTP_EV_BOMB},
    {"Request buffer over the limit", HTTP_EV_REQ_TOO_LONG},
    {"Response the buffer limit", HTTP_EV_RES_TOO_LONG},
    {"Response buffer over the limit", HTTP_EV_RES_TOO_LONG},
    {"Request field length exceeds", HTTP_EV_REQ_TOO_LONG},
    {"Response field length exceeds", HTTP_EV_RES_TOO_LONG},
    {"Request chunk encoding: Invalid chunk length", HTTP_EV_REQ_CHUNK_LEN},
    {"Response chunk encoding: Invalid chunk length", HTTP_EV_RES_CHUNK_LEN},
    {"Request chunk extension", HTTP_EV_REQ_CHUNK_EXT},
    {"Response chunk extension", HTTP_EV_RES_CHUNK_EXT},
    {"Request line: missing protocol", HTTP_EV_REQ_NO_PROTOCOL},
    {"Request line: leading whitespace", HTTP_EV_LEADING_BLANK},
    {"Request line: non-compliant delimiter between Method and URI", HTTP_EV_METHOD_DELIM},
    {"Request line: URI contains non-compliant delimiter", HTTP_EV_URI_DELIM},
    {"Request line: unknown method", HTTP_EV_REQ_LINE},
    {"Request line incomplete", HTTP_EV_REQ_INCOMPLETE},
    {"Unexpected request body", HTTP_EV_REQ_BODY_UNEXPECTED},
    {"Invalid request field folding", HTTP_EV_REQ_FOLDING},
    {"Invalid response field folding", HTTP_EV_RES_FOLDING},
    {"Request field invalid: colon missing", HTTP_EV_REQ_FIELD_COLON},
    {"Response field invalid: missing colon", HTTP_EV_RES_FIELD_COLON},
    {"Request field invalid", HTTP_EV_REQ_HEADER},
    {"Response field invalid", HTTP_EV_RES_HEADER},
    {"Request header name is not a token", HTTP_EV_REQ_HEADER},
    {"Response header name is not a token", HTTP_EV_RES_HEADER},
    {"Ambiguous request C-L value", HTTP_EV_REQ_CL_TWICE},
    {"Ambiguous response C-L value", HTTP_EV_RES_CL_TWICE},
    {"Too many request headers", HTTP_EV_REQ_HEADERS_MANY},
    {"Too many response headers", HTTP_EV_RES_HEADERS_MANY},
    {"Transfer-encoding has abnormal chunked value", HTTP_EV_RES_TE_ABNORMAL},
    {"Chunked transfer-encoding on HTTP/0.9", HTTP_EV_RES_CHUNKED_OLD},
    {"Invalid T-E value in response", HTTP_EV_RES_TE},
    {"Invalid C-L field in response", HTTP_EV_RES_CL},
    {"C-T multipart/byteranges", HTTP_EV_BYTERANGES},
    {"Unable to match response to request", HTTP_EV_NO_REQUEST},
    {"Already seen 100-Continue", HTTP_EV_CONTINUE_TWICE},
    {"Invalid response line: invalid protocol", HTTP_EV_RES_PROTOCOL},
    {"Invalid response line: invalid response status", HTTP_EV_RES_STATUS},
    {"Too many response content encoding layers", HTTP_EV_ENCODING_LAYERS},
    {"C-E ", HTTP_EV_CE_HEADER},
    {"Invalid authority port", HTTP_EV_AUTHORITY_PORT},
    {"Request server port", HTTP_EV_PORT_MISMATCH},
    {"Invalid server port information in request", HTTP_EV_SERVER_PORT},
    {"Host information in request headers required", HTTP_EV_NO_HOST},
    {"Host information ambiguous", HTTP_EV_HOST_AMBIGUOUS},
    {"Excessive request header repetitions", HTTP_EV_REQ_REPEATED},
    {"Excessive response header repetitions", HTTP_EV_RES_REPEATED},
};
/* Said of what is no fault of the message, or together with another one. */
static const char *const harmless[] = {
    "Repetition for header",
    "Switching Protocol with Content-Length",
    "Weird response end of lines mix",
    "LZMA decompression disabled",
    "Response header value contains null",
    "C-L value with extra data",
    "Unexpected Response body",
    "Unexpected response body",
    "Inbound parser is in",
    "Outbound parser is in",
    "Gaps are not allowed",
    "Zero-length data",
    "Missing inbound transaction",
    "Missing outbound transaction",
    "Connection is already open",
};

static bool begins(const char *text, const char *with)
{
    return strncmp(text, with, strlen(with)) == 0;
}
static void say(struct http_flow *hf, struct http_tx *t, enum http_event e)
{
    if (t)
        http_event(t, e);
    else
        hf->pending |= 1ull << e;
}
int http_on_message(htp_log_t *log)
{
    struct http_flow *hf = log->connp ? htp_connp_get_user_data(log->connp) : NULL;
    if (!hf || !log->msg)
        return HTP_OK;
    htp_tx_t *tx = hf->dir ? htp_connp_get_out_tx(log->connp) : htp_connp_get_in_tx(log->connp);
    struct http_tx *t =
        http_tx_of(tx); /* log->tx is the request's, whatever the message is about */
    if (hf->messages < UINT16_MAX && ++hf->messages == 512)
        say(hf, t, HTTP_EV_TOO_MANY_WARNINGS);
    for (unsigned i = 0; i < ARRAY_LEN(messages); i++)
        if (begins(log->msg, messages[i].text)) {
            say(hf, t, messages[i].event);
            return HTP_OK;
        }
    for (unsigned i = 0; i < ARRAY_LEN(harmless); i++)
        if (begins(log->msg, harmless[i]))
            return HTP_OK;
    if (log->level == HTP_LOG_ERROR)
        say(hf, t, HTTP_EV_UNKNOWN_ERROR);
    return HTP_OK;
}

/* What libhtp keeps as flags of the transaction. */
void http_flag_events(struct http_tx *t)
{
    static const struct {
        uint64_t flag;
        enum http_event event;
    } flags[] = {
        {HTP_REQUEST_INVALID_T_E, HTTP_EV_REQ_TE}, {HTP_REQUEST_INVALID_C_L, HTTP_EV_REQ_CL},
        {HTP_HOST_MISSING, HTTP_EV_NO_HOST},       {HTP_HOST_AMBIGUOUS, HTTP_EV_HOST_AMBIGUOUS},
        {HTP_HOSTU_INVALID, HTTP_EV_URI_HOST},     {HTP_HOSTH_INVALID, HTTP_EV_HEADER_HOST},
    };
    const htp_tx_t *tx = t->htp;
    for (unsigned i = 0; i < ARRAY_LEN(flags); i++)
        if (tx->flags & flags[i].flag)
            http_event(t, flags[i].event);
    struct str auth = http_header_value(tx->request_headers, "authorization");
    if (tx->request_auth_type == HTP_AUTH_UNRECOGNIZED && !str_istarts(auth, STR("bearer ")))
        http_event(t, HTTP_EV_AUTH);
    if (tx->is_protocol_0_9 && tx->request_method_number == HTP_M_UNKNOWN &&
        tx->request_protocol_number < 0)
        http_event(t, HTTP_EV_REQ_LINE);
    if (tx->request_port_number > 0 && tx->request_port_number != t->hf->af->flow->port[1] &&
        tx->request_method_number != HTP_M_CONNECT)
        http_event(t, HTTP_EV_PORT_MISMATCH);
    if (tx->req_header_repetitions > HTP_MAX_HEADERS_REPETITIONS)
        http_event(t, HTTP_EV_REQ_REPEATED);
    if (tx->res_header_repetitions > HTP_MAX_HEADERS_REPETITIONS)
        http_event(t, HTTP_EV_RES_REPEATED);
}
