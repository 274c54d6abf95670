/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Chunk extensions (RFC 9112 7.1.1): libhtp reads over them.
 *
 * While libhtp works on a piece of ours, its body callbacks point into that piece.  What lies
 * between the end of one chunk's data and the start of the next is a line end and the chunk line; a
 * semicolon in it begins an extension.  The state is kept from piece to piece, so that it does not
 * matter where they are cut.
 */
#include "app/http/http_tx.h"

enum chunk_state {
    CHUNK_NONE, /* not in a chunked body, or behind its last chunk line */
    CHUNK_LINE, /* in a chunk line */
    CHUNK_DATA, /* in or right behind a chunk's data: a line end, then a chunk line */
};

void http_chunks_piece(struct http_flow *hf, unsigned dir, const uint8_t *p, uint32_t n)
{
    hf->piece[dir] = hf->chunk_at[dir] = p;
    hf->piece_n[dir] = n;
}
/* Bytes that are no data, up to `to`. */
static void scan(struct http_flow *hf, struct http_tx *t, unsigned dir, const uint8_t *to)
{
    for (const uint8_t *p = hf->chunk_at[dir]; p < to && hf->chunk_state[dir] != CHUNK_NONE; p++) {
        if (hf->chunk_state[dir] == CHUNK_DATA && *p != '\r' && *p != '\n')
            hf->chunk_state[dir] = CHUNK_LINE;
        if (hf->chunk_state[dir] != CHUNK_LINE)
            continue;
        if (*p == ';')
            http_event(t, dir ? HTTP_EV_RES_CHUNK_EXT : HTTP_EV_REQ_CHUNK_EXT);
        if (*p == '\n')
            hf->chunk_state[dir] = CHUNK_NONE; /* data, or trailers */
    }
    if (to > hf->chunk_at[dir])
        hf->chunk_at[dir] = to;
}
void http_chunks_piece_end(struct http_flow *hf, unsigned dir)
{
    htp_tx_t *tx = dir ? htp_connp_get_out_tx(hf->connp) : htp_connp_get_in_tx(hf->connp);
    if (hf->piece[dir] && tx)
        scan(hf, http_tx_of(tx), dir, hf->piece[dir] + hf->piece_n[dir]);
    hf->piece[dir] = NULL;
}
/* The message ends: the last chunk line is in front of it. */
void http_chunks_message_end(struct http_tx *t, unsigned dir)
{
    struct http_flow *hf = t->hf;
    if (hf->piece[dir])
        scan(hf, t, dir, hf->piece[dir] + hf->piece_n[dir]);
    hf->chunk_state[dir] = CHUNK_NONE;
}
/* The headers end here: the first chunk line follows. */
void http_chunks_begin(struct http_tx *t, unsigned dir)
{
    struct http_flow *hf = t->hf;
    bool chunked = (dir ? t->htp->response_transfer_coding : t->htp->request_transfer_coding) ==
                   HTP_CODING_CHUNKED;
    size_t used =
        dir ? htp_connp_res_data_consumed(hf->connp) : htp_connp_req_data_consumed(hf->connp);
    hf->chunk_state[dir] = chunked ? CHUNK_LINE : CHUNK_NONE;
    if (hf->piece[dir] && used <= hf->piece_n[dir])
        hf->chunk_at[dir] = hf->piece[dir] + used;
}
/* Data of a chunk: looks at what stands in front of them. */
void http_chunks_data(struct http_tx *t, unsigned dir, const uint8_t *data, size_t n)
{
    struct http_flow *hf = t->hf;
    const uint8_t *p = hf->piece[dir];
    if (!p || !data || data < hf->chunk_at[dir] || data + n > p + hf->piece_n[dir])
        return; /* not of this piece */
    bool chunked = (dir ? t->htp->response_transfer_coding : t->htp->request_transfer_coding) ==
                   HTP_CODING_CHUNKED;
    if (!chunked)
        return;
    scan(hf, t, dir, data);
    hf->chunk_state[dir] = CHUNK_DATA;
    hf->chunk_at[dir] = data + n;
}
