/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * libhtp's callbacks: each raises the progress of a direction, or hands bytes on.
 *
 * HTP_ERROR as answer makes libhtp give up the direction: said only when no transaction could be
 * made.
 */
#include "app/http/http_tx.h"

static int reach(htp_tx_t *tx, unsigned dir, enum http_progress progress)
{
    struct http_tx *t = http_tx_of(tx);
    if (!t)
        return HTP_ERROR;
    t->head.last_ns = t->hf->af->now_ns;
    app_tx_progress(&t->head, dir, (uint8_t)progress);
    return HTP_OK;
}

/* libhtp does not look at the answer here, and would begin another transaction for ever on an
 * error. */
static int request_start(htp_tx_t *tx)
{
    struct http_flow *hf = htp_connp_get_user_data(tx->connp);
    hf->in_request = true;
    (void)reach(tx, 0, HTTP_STARTED);
    return HTP_OK;
}
/*
 * A line without protocol is HTTP/0.9, unless another line follows that is not empty: then the
 * protocol was left out, and servers read on.  libhtp sees it when that line is a header.
 */
static bool headers_follow(const struct http_flow *hf)
{
    size_t used = htp_connp_req_data_consumed(hf->connp);
    if (!hf->piece[0] || used >= hf->piece_n[0])
        return false;
    uint8_t next = hf->piece[0][used];
    return next != '\r' && next != '\n';
}
static int request_line(htp_tx_t *tx)
{
    struct http_tx *t = http_tx_of(tx);
    if (!t)
        return HTP_ERROR;
    if (tx->is_protocol_0_9 && !tx->request_protocol && headers_follow(t->hf)) {
        tx->is_protocol_0_9 = 0;
        http_event(t, HTTP_EV_REQ_NO_PROTOCOL);
    }
    http_uri_normalise(t);
    return reach(tx, 0, HTTP_LINE);
}
static int request_headers(htp_tx_t *tx)
{
    struct http_tx *t = http_tx_of(tx);
    if (t) {
        http_flag_events(t);
        if (!t->decoder[0])
            t->decoder[0] = http_decoder_new(t, 0);
        http_chunks_begin(t, 0);
    }
    return reach(tx, 0, HTTP_HEADERS);
}
static int request_trailer(htp_tx_t *tx)
{
    return reach(tx, 0, HTTP_TRAILER);
}
static int request_complete(htp_tx_t *tx)
{
    struct http_tx *t = http_tx_of(tx);
    if (!t)
        return HTP_ERROR;
    http_chunks_message_end(t, 0);
    t->hf->in_request = false;
    t->hf->old |= tx->is_protocol_0_9;
    http_body_end(t, 0);
    http_flag_events(t);
    app_trigger_raw(t->hf->af, 0);
    return reach(tx, 0, HTTP_COMPLETE);
}

/* A reply without a request: the request's side is over before it began. */
static int response_start(htp_tx_t *tx)
{
    bool fresh = !htp_tx_get_user_data(tx);
    struct http_tx *t = http_tx_of(tx);
    if (!t)
        return HTP_ERROR;
    if (fresh) {
        http_uri_normalise(t);
        app_tx_progress(&t->head, 0, HTTP_COMPLETE);
    }
    t->hf->in_response = true;
    return reach(tx, 1, HTTP_STARTED);
}
/* The line of an interim answer (100 Continue) gives way to the final one. */
static int response_line(htp_tx_t *tx)
{
    if (tx->response_status_number == 100 && tx->seen_100continue) {
        http_event(http_tx_of(tx), HTTP_EV_CONTINUE_TWICE);
        tx->seen_100continue = 0; /* or libhtp would give up */
    }
    return reach(tx, 1, tx->response_status_number == 100 ? HTTP_STARTED : HTTP_LINE);
}
static int response_headers(htp_tx_t *tx)
{
    struct http_tx *t = http_tx_of(tx);
    if (t && !t->decoder[1])
        t->decoder[1] = http_decoder_new(t, 1);
    if (t)
        http_chunks_begin(t, 1);
    return reach(tx, 1, HTTP_HEADERS);
}
static int response_trailer(htp_tx_t *tx)
{
    return reach(tx, 1, HTTP_TRAILER);
}
static int response_complete(htp_tx_t *tx)
{
    struct http_tx *t = http_tx_of(tx);
    if (!t)
        return HTP_ERROR;
    http_chunks_message_end(t, 1);
    t->hf->in_response = false;
    http_body_end(t, 1);
    http_flag_events(t);
    app_trigger_raw(t->hf->af, 1);
    return reach(tx, 1, HTTP_COMPLETE);
}

static int body_data(htp_tx_data_t *d, unsigned dir)
{
    struct http_tx *t = http_tx_of(d->tx);
    if (!t)
        return HTP_ERROR;
    if (!d->len)
        return HTP_OK; /* libhtp's mark of the end: the completion says it as well */
    http_chunks_data(t, dir, d->data, d->len);
    http_body_begin(t, dir);
    http_body_add(t, dir, d->data, d->len);
    return reach(d->tx, dir, HTTP_BODY); /* rules look at the body from its first byte on */
}
static int request_body(htp_tx_data_t *d)
{
    return body_data(d, 0);
}
static int response_body(htp_tx_data_t *d)
{
    return body_data(d, 1);
}

static int raw_header(htp_tx_data_t *d, unsigned dir, bool trailer)
{
    struct http_tx *t = http_tx_of(d->tx);
    if (!t)
        return HTP_ERROR;
    if (trailer && !t->trailer_at[dir])
        t->trailer_at[dir] = t->raw_headers[dir].n;
    if (d->data && d->len)
        http_bytes_add(t->hf->af, &t->raw_headers[dir], d->data, d->len);
    return HTP_OK;
}
static int request_header_data(htp_tx_data_t *d)
{
    return raw_header(d, 0, false);
}
static int response_header_data(htp_tx_data_t *d)
{
    return raw_header(d, 1, false);
}
static int request_trailer_data(htp_tx_data_t *d)
{
    return raw_header(d, 0, true);
}
static int response_trailer_data(htp_tx_data_t *d)
{
    return raw_header(d, 1, true);
}

void http_register(htp_cfg_t *cfg)
{
    htp_config_register_log(cfg, http_on_message);
    htp_config_register_request_start(cfg, request_start);
    htp_config_register_request_line(cfg, request_line);
    htp_config_register_request_headers(cfg, request_headers);
    htp_config_register_request_header_data(cfg, request_header_data);
    htp_config_register_request_trailer_data(cfg, request_trailer_data);
    htp_config_register_request_body_data(cfg, request_body);
    htp_config_register_request_trailer(cfg, request_trailer);
    htp_config_register_request_complete(cfg, request_complete);
    htp_config_register_response_start(cfg, response_start);
    htp_config_register_response_line(cfg, response_line);
    htp_config_register_response_headers(cfg, response_headers);
    htp_config_register_response_header_data(cfg, response_header_data);
    htp_config_register_response_trailer_data(cfg, response_trailer_data);
    htp_config_register_response_body_data(cfg, response_body);
    htp_config_register_response_trailer(cfg, response_trailer);
    htp_config_register_response_complete(cfg, response_complete);
}
