/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the files of app/http share. */
#ifndef APP_HTTP_HTTP_TX_H
#define APP_HTTP_HTTP_TX_H

#include "app/app.h"

#include <htp/htp.h>

#include "base/lpm.h"

/*
 * Progress of a direction: what is whole.  The names are those of Suricata's hooks
 * (request_started ... response_complete).
 */
enum http_progress {
    HTTP_NONE,
    HTTP_STARTED,
    HTTP_LINE,
    HTTP_HEADERS,
    HTTP_BODY,
    HTTP_TRAILER,
    HTTP_COMPLETE,
};

/* Events; names as behind "app-layer-event:http.". */
#define HTTP_EVENTS(X)                                                                             \
    X(UNKNOWN_ERROR, "unknown_error")                                                              \
    X(GZIP_FAILED, "gzip_decompression_failed")                                                    \
    X(REQ_FIELD_COLON, "request_field_missing_colon")                                              \
    X(RES_FIELD_COLON, "response_field_missing_colon")                                             \
    X(REQ_CHUNK_LEN, "invalid_request_chunk_len")                                                  \
    X(RES_CHUNK_LEN, "invalid_response_chunk_len")                                                 \
    X(REQ_TE, "invalid_transfer_encoding_value_in_request")                                        \
    X(RES_TE, "invalid_transfer_encoding_value_in_response")                                       \
    X(REQ_CL, "invalid_content_length_field_in_request")                                           \
    X(RES_CL, "invalid_content_length_field_in_response")                                          \
    X(REQ_CL_TWICE, "duplicate_content_length_field_in_request")                                   \
    X(RES_CL_TWICE, "duplicate_content_length_field_in_response")                                  \
    X(CONTINUE_TWICE, "100_continue_already_seen")                                                 \
    X(NO_REQUEST, "unable_to_match_response_to_request")                                           \
    X(SERVER_PORT, "invalid_server_port_in_request")                                               \
    X(AUTHORITY_PORT, "invalid_authority_port")                                                    \
    X(REQ_HEADER, "request_header_invalid")                                                        \
    X(RES_HEADER, "response_header_invalid")                                                       \
    X(NO_HOST, "missing_host_header")                                                              \
    X(HOST_AMBIGUOUS, "host_header_ambiguous")                                                     \
    X(REQ_FOLDING, "invalid_request_field_folding")                                                \
    X(RES_FOLDING, "invalid_response_field_folding")                                               \
    X(REQ_TOO_LONG, "request_field_too_long")                                                      \
    X(RES_TOO_LONG, "response_field_too_long")                                                     \
    X(FILE_NAME, "file_name_too_long")                                                             \
    X(REQ_LINE, "request_line_invalid")                                                            \
    X(REQ_BODY_UNEXPECTED, "request_body_unexpected")                                              \
    X(PORT_MISMATCH, "request_server_port_tcp_port_mismatch")                                      \
    X(URI_HOST, "request_uri_host_invalid")                                                        \
    X(HEADER_HOST, "request_header_host_invalid")                                                  \
    X(URI_DELIM, "uri_delim_non_compliant")                                                        \
    X(METHOD_DELIM, "method_delim_non_compliant")                                                  \
    X(LEADING_BLANK, "request_line_leading_whitespace")                                            \
    X(ENCODING_LAYERS, "too_many_encoding_layers")                                                 \
    X(CE_HEADER, "abnormal_ce_header")                                                             \
    X(AUTH, "request_auth_unrecognized")                                                           \
    X(REQ_REPEATED, "request_header_repetition")                                                   \
    X(RES_REPEATED, "response_header_repetition")                                                  \
    X(BYTERANGES, "response_multipart_byteranges")                                                 \
    X(RES_TE_ABNORMAL, "response_abnormal_transfer_encoding")                                      \
    X(RES_CHUNKED_OLD, "response_chunked_old_proto")                                               \
    X(RES_PROTOCOL, "response_invalid_protocol")                                                   \
    X(RES_STATUS, "response_invalid_status")                                                       \
    X(REQ_INCOMPLETE, "request_line_incomplete")                                                   \
    X(DOUBLE_ENCODED, "double_encoded_uri")                                                        \
    X(BOMB, "compression_bomb")                                                                    \
    X(BOMB_LIMIT, "compression_bomb_limit_reached")                                                \
    X(LZMA_MEMORY, "lzma_memlimit_reached")                                                        \
    X(MULTIPART, "multipart_generic_error")                                                        \
    X(MULTIPART_NO_FILE, "multipart_no_filedata")                                                  \
    X(MULTIPART_HEADER, "multipart_invalid_header")                                                \
    X(TOO_MANY_WARNINGS, "too_many_warnings")                                                      \
    X(RANGE, "range_invalid")                                                                      \
    X(REQ_CHUNK_EXT, "request_chunk_extension")                                                    \
    X(RES_CHUNK_EXT, "response_chunk_extension")                                                   \
    X(REQ_NO_PROTOCOL, "request_line_missing_protocol")                                            \
    X(REQ_HEADERS_MANY, "request_too_many_headers")                                                \
    X(RES_HEADERS_MANY, "response_too_many_headers")                                               \
    X(CHANGE_FAILED, "failed_protocol_change")
#define HTTP_EVENT_ID(id, name) HTTP_EV_##id,
enum http_event { HTTP_EVENTS(HTTP_EVENT_ID) HTTP_EV_COUNT };
#undef HTTP_EVENT_ID

/* Settings of one server (default-config or an entry of server-config). */
struct http_server {
    htp_cfg_t *htp;
    uint32_t body_limit[2];  /* request, response; UINT32_MAX: none */
    uint32_t min_inspect[2]; /* on ack: bytes before the first look at a body */
    uint32_t window[2];      /* bytes kept in front of new ones */
    bool double_decode_path, double_decode_query, uri_include_all;
    bool lzma, brotli;
    uint32_t layers;    /* encodings one inside the other; 0: nothing is decoded */
    uint32_t bombs_max; /* bombs of a flow, then nothing is decoded any more */
    uint64_t bomb_limit, lzma_memlimit;
    int8_t body_inline; /* 1 always at once, 0 never, -1 as the engine inspects */
};
struct http_config {
    struct http_server *server; /* [0]: default-config */
    unsigned n_servers;
    struct lpm *by_address;
    uint32_t max_tx;
};
void *http_config_new(const struct conf *c, struct diags *d);
void http_config_free(void *config);
const struct http_server *http_server_of(const struct http_config *c, const struct flow *f);

/* Bytes of ours that grow and live as long as the transaction. */
struct http_bytes {
    uint8_t *p;
    uint32_t n, room;
};

/* Buffers that are put together from others are made once. */
enum http_made {
    MADE_HEADER,
    MADE_HEADER_BLOCK,
    MADE_NAMES,
    MADE_START,
    MADE_HOST,
    MADE_TRAILER,
    MADE_PARAMS,
    MADE_COUNT
};

enum http_coding { CODING_NONE, CODING_GZIP, CODING_DEFLATE, CODING_BROTLI, CODING_LZMA };
enum http_body_kind { BODY_PLAIN, BODY_FILE, BODY_MULTIPART };

struct http_multipart;
struct http_flow;
struct http_tx {
    struct app_tx head;
    struct http_flow *hf;
    htp_tx_t *htp;
    struct http_bytes uri; /* normalised path and query */
    struct http_bytes raw_headers[2]; /* and trailers, from trailer_at on */
    uint32_t trailer_at[2];           /* 0: there are none */
    struct http_bytes form;           /* body of a form, up to its limit */
    bool is_form;
    struct http_bytes made[2][MADE_COUNT];
    uint8_t made_at[2][MADE_COUNT]; /* progress at which it was made; 0: not yet */
    struct app_body body[2];
    bool has_body[2], body_begun[2];
    uint8_t request_kind; /* enum http_body_kind */
    struct app_file *file[2];
    struct http_multipart *multipart;
    struct http_decoder *decoder[2];
};
struct http_flow {
    struct app_flow *af;
    const struct http_server *server;
    htp_connp_t *connp;
    bool closed[2];
    bool tunnel;
    bool old;                     /* a request of HTTP/0.9 was made: there is no other one */
    uint8_t dir;                  /* in work */
    bool in_request, in_response; /* between the first byte of a message and its end */
    const uint8_t *piece[2], *chunk_at[2]; /* http_chunks.c: this and the next two */
    uint32_t piece_n[2];
    uint8_t chunk_state[2];
    struct http_bytes early; /* a first line without protocol that waits for what follows */
    uint16_t messages;       /* of libhtp */
    uint32_t bombs;          /* compression bombs seen */
    uint64_t pending;        /* events said before their transaction was there */
};

/* http.c */
struct http_tx *http_tx_of(htp_tx_t *tx); /* NULL: refused, or already freed on our side */
bool http_bytes_add(struct app_flow *af, struct http_bytes *b, const void *p, size_t n);
void http_event(struct http_tx *t, enum http_event e);
/* http_hooks.c */
void http_register(htp_cfg_t *cfg);
/* http_events.c */
extern const struct app_event_def http_events[];
int http_on_message(htp_log_t *log);
void http_flag_events(struct http_tx *t);
/* http_chunks.c */
void http_chunks_piece(struct http_flow *hf, unsigned dir, const uint8_t *p, uint32_t n);
void http_chunks_piece_end(struct http_flow *hf, unsigned dir);
void http_chunks_message_end(struct http_tx *t, unsigned dir);
void http_chunks_begin(struct http_tx *t, unsigned dir);
void http_chunks_data(struct http_tx *t, unsigned dir, const uint8_t *data, size_t n);
/* http_uri.c */
void http_uri_normalise(struct http_tx *t);
/* http_body.c */
void http_body_begin(struct http_tx *t, unsigned dir);
void http_body_add(struct http_tx *t, unsigned dir, const uint8_t *p, size_t n);
void http_body_end(struct http_tx *t, unsigned dir);
void http_body_plain(struct http_tx *t, unsigned dir, const uint8_t *p, size_t n); /* decoded */
void http_body_hole(struct http_tx *t, unsigned dir, size_t n);
/* http_decode.c; NULL: nothing to decode */
struct http_decoder *http_decoder_new(struct http_tx *t, unsigned dir);
void http_decoder_add(struct http_decoder *d, const uint8_t *p, size_t n);
void http_decoder_end(struct http_decoder *d);
void http_decoder_free(struct http_decoder *d);
struct str
http_disposition_name(struct str value); /* filename of Content-Disposition; n == 0: none */
/* http_multipart.c */
bool http_multipart_begin(struct http_tx *t, struct str content_type);
void http_multipart_add(struct http_tx *t, const uint8_t *p, size_t n);
void http_multipart_end(struct http_tx *t);
void http_multipart_free(struct http_tx *t);
/* http_buffers.c */
extern const struct app_buffer http_buffers[];
/* http_make.c: buffers made of several headers */
bool http_get_header(const struct app_get *q, unsigned index, struct app_view *out);
bool http_get_header_block(const struct app_get *q, unsigned index, struct app_view *out);
bool http_get_header_names(const struct app_get *q, unsigned index, struct app_view *out);
bool http_get_start(const struct app_get *q, unsigned index, struct app_view *out);
bool http_get_host(const struct app_get *q, unsigned index, struct app_view *out);
bool http_get_trailer(const struct app_get *q, unsigned index, struct app_view *out);
bool http_get_made(const struct app_get *q, enum http_made what,
                   void (*make)(struct http_tx *t, unsigned dir, struct http_bytes *b),
                   struct app_view *out);
bool http_get_one_header(const struct app_get *q, unsigned index, struct app_view *out);
/* http_params.c: parameters of the query and of a form */
void http_form_begin(struct http_tx *t, struct str content_type);
void http_form_add(struct http_tx *t, const uint8_t *p, size_t n);
bool http_get_param(const struct app_get *q, unsigned index, struct app_view *out);
/* http_log.c */
extern const struct app_log http_logs[];
void http_alert_fields(const struct app_log_ctx *c, struct fields *out);

static inline struct http_tx *http_of(struct app_tx *tx)
{
    return (struct http_tx *)tx;
}
/* As bstr_ptr, but const stays. */
static inline struct str http_str(const bstr *b)
{
    if (!b)
        return str_of(NULL, 0);
    return str_of(b->realptr ? b->realptr : (const uint8_t *)b + sizeof *b, b->len);
}
/* Value of a header; n == 0 and p == NULL: there is none. */
static inline struct str http_header_value(const htp_table_t *t, const char *name)
{
    const htp_header_t *h = t ? htp_table_get_c(t, name) : NULL;
    return h ? http_str(h->value) : str_of(NULL, 0);
}
static inline htp_table_t *http_headers(const struct http_tx *t, unsigned dir)
{
    return dir ? t->htp->response_headers : t->htp->request_headers;
}

#endif
