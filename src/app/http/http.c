/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * HTTP/1: the protocol's tables and its parser, which is libhtp (0.5.42) behind callbacks.
 *
 * One libhtp connection parser a flow.  Each of its transactions carries a pointer to ours, which
 * is made at its first callback.  Ours may go first (reaped): libhtp's is then destroyed with it
 * when libhtp has done with both sides; else it stays, marked `gone`, until the connection's end,
 * since libhtp still points at it.
 */
#include "app/http/http_tx.h"

#include <netinet/in.h>
#include <string.h>

#include "app/http/http.h"

/* User data of a libhtp transaction whose counterpart was freed. */
static char gone;

enum {
    RUBBISH_MAX = 256, /* bytes in front of a status line that are looked through for it */
    EARLY_MAX = 4096,  /* a first line that may wait */
    /* What libhtp takes from the heap, as measured for 8 headers in all: it counts against the cap. */
    FLOW_COST = 896,
    TX_COST = 4608,
};

/* ------------------------------------------------------------------ transactions */

struct http_tx *http_tx_of(htp_tx_t *tx)
{
    void *have = tx ? htp_tx_get_user_data(tx) : NULL;
    if (!tx || have == &gone)
        return NULL;
    if (have)
        return have;
    struct http_flow *hf = htp_connp_get_user_data(tx->connp);
    struct app_flow *af = hf->af;
    const struct http_config *config = app_config_get(af);
    if (af->n_tx >= config->max_tx || !app_mem_take(af, TX_COST))
        return NULL;
    struct http_tx *t = app_tx_new(af, sizeof *t);
    if (!t) {
        app_mem_give(af, TX_COST);
        return NULL;
    }
    t->hf = hf;
    t->htp = tx;
    for (unsigned dir = 0; dir < 2; dir++)
        t->body[dir].limit = hf->server->body_limit[dir];
    t->head.events = hf->pending;
    hf->pending = 0;
    htp_tx_set_user_data(tx, t);
    return t;
}
static void tx_free(struct app_flow *af, struct app_tx *tx)
{
    struct http_tx *t = http_of(tx);
    for (unsigned dir = 0; dir < 2; dir++) {
        app_free(af, t->raw_headers[dir].p);
        for (unsigned i = 0; i < MADE_COUNT; i++)
            app_free(af, t->made[dir][i].p);
        app_body_free(af, &t->body[dir]);
        http_decoder_free(t->decoder[dir]);
    }
    app_free(af, t->uri.p);
    app_free(af, t->form.p);
    http_multipart_free(t);
    app_mem_give(af, TX_COST);
    if (htp_tx_destroy(t->htp) != HTP_OK)
        htp_tx_set_user_data(t->htp, &gone);
}
bool http_bytes_add(struct app_flow *af, struct http_bytes *b, const void *p, size_t n)
{
    if (n > b->room - b->n) {
        size_t room = b->n + n;
        room += b->n ? room / 2 : 0;
        uint8_t *more = room <= 1u << 24 ? app_alloc(af, room) : NULL;
        if (!more)
            return false;
        if (b->n)
            memcpy(more, b->p, b->n);
        app_free(af, b->p);
        b->p = more;
        b->room = (uint32_t)room;
    }
    if (n)
        memcpy(b->p + b->n, p, n);
    b->n += (uint32_t)n;
    return true;
}
void http_event(struct http_tx *t, enum http_event e)
{
    if (t)
        app_event_tx(&t->head, e);
}

/* ------------------------------------------------------------------ flows */

static void *state_new(struct app_flow *af)
{
    const struct http_config *config = app_config_get(af);
    const struct flow *f = af->flow;
    struct http_flow *hf = app_alloc(af, sizeof *hf);
    if (!hf)
        return NULL;
    hf->af = af;
    hf->server = http_server_of(config, f);
    bool room = app_mem_take(af, FLOW_COST);
    hf->connp = room ? htp_connp_create(hf->server->htp) : NULL;
    if (!hf->connp) {
        if (room)
            app_mem_give(af, FLOW_COST);
        app_free(af, hf);
        return NULL;
    }
    htp_connp_set_user_data(hf->connp, hf);
    htp_connp_open(hf->connp, NULL, f->port[0], NULL, f->port[1], NULL);
    return hf;
}
static void state_free(struct app_flow *af, void *state)
{
    struct http_flow *hf = state;
    htp_connp_destroy_all(hf->connp);
    app_mem_give(af, FLOW_COST);
    app_free(af, hf->early.p);
    app_free(af, hf);
}

/* The connection is another protocol's from here: the transaction is over, libhtp says so or not.
 */
static void leave(struct http_flow *hf, struct http_tx *t, enum app_proto_id expected)
{
    hf->tunnel = true;
    for (unsigned dir = 0; dir < 2; dir++) {
        http_body_end(t, dir);
        app_tx_progress(&t->head, dir, HTTP_COMPLETE);
    }
    app_change_protocol(hf->af, expected);
}
/* Where the connection goes behind a 101 or a CONNECT that was granted. */
static void change_protocol(struct http_flow *hf, struct http_tx *t)
{
    const struct app_engine *e = hf->af->engine;
    int status = t->htp->response_status_number;
    if (t->htp->request_method_number == HTP_M_CONNECT && status >= 200 && status < 300) {
        leave(hf, t, APP_UNKNOWN);
        return;
    }
    if (status != 101)
        return;
    struct str upgrade = http_header_value(t->htp->response_headers, "upgrade");
    if (str_ieq(upgrade, STR("h2c")) && app_proto_enabled(e, APP_HTTP2, false))
        leave(hf, t, APP_HTTP2);
    else if (str_ieq(upgrade, STR("websocket")) && app_proto_enabled(e, APP_WEBSOCKET, false))
        leave(hf, t, APP_WEBSOCKET);
}

/* HTP_STREAM_CLOSED answers a gap outside of bodies: libhtp leaves it out and goes on with what
 * follows. */
static int64_t took(struct http_flow *hf, unsigned dir, int rc, uint32_t n)
{
    if (rc == HTP_STREAM_ERROR)
        return -1;
    if (rc != HTP_STREAM_DATA_OTHER)
        return n;
    /* The rest when the other side has spoken. */
    size_t used =
        dir ? htp_connp_res_data_consumed(hf->connp) : htp_connp_req_data_consumed(hf->connp);
    return used < n ? (int64_t)used : n;
}
static void close_side(struct http_flow *hf, unsigned dir)
{
    if (hf->closed[dir])
        return;
    hf->closed[dir] = true;
    if (dir)
        htp_connp_close(hf->connp, NULL);
    else
        htp_connp_req_close(hf->connp, NULL);
}

/*
 * Clients skip a line of rubbish in front of a status line; libhtp would take all that follows for
 * the body of an HTTP/0.9 answer.  Returns how many bytes to leave out, or -1: more is needed to
 * tell.
 */
static int64_t rubbish(const struct http_flow *hf, const uint8_t *p, uint32_t n, bool final)
{
    static const char word[] = "HTTP/";
    enum { WORD = sizeof word - 1 };
    const htp_tx_t *tx = hf->af->last ? http_of(hf->af->last)->htp : NULL;
    if (hf->in_response || (tx && tx->is_protocol_0_9))
        return 0;
    uint32_t end = u32_min(n, RUBBISH_MAX);
    for (uint32_t i = 0; i < end; i++) {
        bool line_start = i == 0 || p[i - 1] == '\r' || p[i - 1] == '\n';
        uint32_t have = u32_min(n - i, WORD);
        if (!line_start || memcmp(p + i, word, have) != 0)
            continue;
        if (have == WORD)
            return i;
        return final || i == 0
                   ? 0
                   : -1; /* a word that begins at the very start is libhtp's to wait for */
    }
    return final || n >= RUBBISH_MAX ? 0 : -1;
}
static int64_t to_libhtp(struct http_flow *hf, unsigned dir, const uint8_t *p, uint32_t n)
{
    http_chunks_piece(hf, dir, p, n);
    int rc =
        dir ? htp_connp_res_data(hf->connp, NULL, p, n) : htp_connp_req_data(hf->connp, NULL, p, n);
    int64_t used = took(hf, dir, rc, n);
    http_chunks_piece_end(hf, dir);
    return used;
}

/*
 * A gap that reaches beyond the body in which it began: the body's part of it is given to libhtp,
 * the rest lies between messages, where the next one is looked for.
 */
static int64_t give_gap(struct http_flow *hf, unsigned dir, uint32_t n)
{
    const htp_tx_t *tx = dir ? htp_connp_get_out_tx(hf->connp) : htp_connp_get_in_tx(hf->connp);
    if (!(dir ? hf->in_response : hf->in_request) || !tx)
        return n;
    bool known =
        (dir ? tx->response_transfer_coding : tx->request_transfer_coding) == HTP_CODING_IDENTITY;
    int64_t length = dir ? tx->response_content_length : tx->request_content_length;
    int64_t seen = dir ? tx->response_message_len : tx->request_message_len;
    uint32_t part = n;
    if (known && length > seen && length - seen < n)
        part = (uint32_t)(length - seen);
    int64_t used = to_libhtp(hf, dir, NULL, part);
    return used < 0 ? used : n;
}

/*
 * "GET /" without a protocol, and the piece ends: is it HTTP/0.9, or do headers follow?  libhtp
 * looks at what stands behind the line in the same piece alone, so the line waits for the next one,
 * for the reply, or the end.
 */
static bool waits_for_headers(struct http_flow *hf, const uint8_t *p, uint32_t n)
{
    if (hf->in_request || n < 6 || n > EARLY_MAX || p[n - 1] != '\n')
        return false;
    struct str line = str_trim(str_of(p, n));
    return str_chr(line, '\n') < 0 && str_chr(line, ' ') > 0 && str_ifind(line, STR("HTTP/")) < 0;
}
static int64_t give_early(struct http_flow *hf)
{
    int64_t used = 0;
    if (hf->early.n)
        used = to_libhtp(hf, 0, hf->early.p, hf->early.n);
    hf->early.n = 0;
    return used;
}
static int64_t give_request(struct http_flow *hf, const uint8_t *p, uint32_t n, bool final)
{
    if (hf->old)
        return n;
    if (!final && !hf->early.n && waits_for_headers(hf, p, n) &&
        http_bytes_add(hf->af, &hf->early, p, n))
        return n;
    if (!hf->early.n)
        return to_libhtp(hf, 0, p, n);
    uint32_t before = hf->early.n;
    if (!http_bytes_add(hf->af, &hf->early, p, n))
        return -1;
    int64_t used = to_libhtp(hf, 0, hf->early.p, hf->early.n);
    hf->early.n = 0;
    return used < before ? used : used - before;
}
static int64_t give_response(struct http_flow *hf, const uint8_t *p, uint32_t n, bool final)
{
    int64_t skip = rubbish(hf, p, n, final);
    if (skip < 0)
        return 0;
    int64_t used = skip < n ? to_libhtp(hf, 1, p + skip, n - (uint32_t)skip) : 0;
    return used < 0 ? used : used + skip;
}
static int64_t give(struct http_flow *hf, unsigned dir, const uint8_t *p, uint32_t n, bool final)
{
    if ((dir || !p) && give_early(hf) < 0)
        return -1;
    if (!n)
        return 0;
    if (!p)
        return give_gap(hf, dir, n);
    return dir ? give_response(hf, p, n, final) : give_request(hf, p, n, final);
}
static int64_t parse(struct app_flow *af, void *state, unsigned dir, const uint8_t *data,
                     uint32_t n, unsigned piece)
{
    struct http_flow *hf = state;
    bool final = piece & (PIECE_EOF | PIECE_DEPTH);
    hf->dir = (uint8_t)dir;
    if (hf->tunnel)
        return 0; /* what stands behind the change is the next protocol's */
    int64_t used = give(hf, dir, n ? data : NULL, n, final);
    if (used >= 0 && (piece & PIECE_EOF))
        close_side(hf, dir);
    if (hf->messages > 512)
        return -1;
    if (dir && !hf->tunnel) {
        if (af->last && af->last->progress[1] >= HTTP_HEADERS)
            change_protocol(hf, http_of(af->last));
        app_again(af, 0);
    }
    return used;
}
static bool header(const struct app_tx *tx, unsigned dir, const char *name, struct str *value)
{
    const struct http_tx *t = (const struct http_tx *)tx;
    *value = http_header_value(http_headers(t, dir), name);
    return value->p != NULL;
}

/* ------------------------------------------------------------------ tables */

#define METHOD(m)                                                                                  \
    {.bytes = m " ",                                                                               \
     .n = sizeof m,                                                                                \
     .depth = sizeof m,                                                                            \
     .dir = 0,                                                                                     \
     .nocase = true,                                                                               \
     .ip_proto = IPPROTO_TCP},                                                                     \
    {                                                                                              \
        .bytes = m "\t", .n = sizeof m, .depth = sizeof m, .dir = 0, .nocase = true,               \
        .ip_proto = IPPROTO_TCP                                                                    \
    }
#define ANSWER(v)                                                                                  \
    {                                                                                              \
        .bytes = "HTTP/" v " ", .n = 9, .depth = 9, .dir = 1, .nocase = true,                      \
        .ip_proto = IPPROTO_TCP                                                                    \
    }
static const struct app_pattern patterns[] = {METHOD("GET"),
                                              METHOD("POST"),
                                              METHOD("HEAD"),
                                              METHOD("PUT"),
                                              METHOD("DELETE"),
                                              METHOD("OPTIONS"),
                                              METHOD("TRACE"),
                                              METHOD("CONNECT"),
                                              METHOD("PATCH"),
                                              METHOD("PROPFIND"),
                                              METHOD("PROPPATCH"),
                                              METHOD("MKCOL"),
                                              METHOD("COPY"),
                                              METHOD("MOVE"),
                                              METHOD("LOCK"),
                                              METHOD("UNLOCK"),
                                              METHOD("VERSION-CONTROL"),
                                              METHOD("CHECKOUT"),
                                              METHOD("UNCHECKOUT"),
                                              METHOD("CHECKIN"),
                                              METHOD("UPDATE"),
                                              METHOD("LABEL"),
                                              METHOD("REPORT"),
                                              METHOD("MKWORKSPACE"),
                                              METHOD("MKACTIVITY"),
                                              METHOD("BASELINE-CONTROL"),
                                              METHOD("MERGE"),
                                              METHOD("INVALID"),
                                              ANSWER("0.9"),
                                              ANSWER("1.0"),
                                              ANSWER("1.1"),
                                              {.n = 0}};

/*
 * A request line by its form: empty lines in front of it and any method, as servers take them.
 * PROBE_MORE as long as it may become one.
 */
static enum app_probe_result probe_request(const uint8_t *p, uint32_t n, unsigned dir)
{
    enum { BLANKS = 16, METHOD_MAX = 24 };
    struct str line = str_of(p, n);
    uint32_t blank = 0, method = 0;
    (void)dir;
    while (blank < line.n && blank < BLANKS && memchr("\r\n \t", line.p[blank], 4))
        blank++;
    line = str_skip(line, blank);
    while (method < line.n && method < METHOD_MAX &&
           ((line.p[method] >= 'A' && line.p[method] <= 'Z') || line.p[method] == '-' ||
            line.p[method] == '_'))
        method++;
    if (method == line.n)
        return PROBE_MORE;
    if (method < 2 || (line.p[method] != ' ' && line.p[method] != '\t'))
        return PROBE_NO;
    int64_t end = str_chr(line, '\n');
    if (end < 0)
        return PROBE_MORE;
    struct str last = str_trim(str_first(line, (uint32_t)end));
    return last.n > 8 && str_istarts(str_skip(last, last.n - 8), STR("HTTP/1.")) ? PROBE_YES
                                                                                 : PROBE_NO;
}
static const struct app_probe probes[] = {{IPPROTO_TCP, NULL, 1, 1, 4096, probe_request},
                                          {.ip_proto = 0}};

static const struct app_enum request_states[] = {{"request_started", HTTP_STARTED},
                                                 {"request_line", HTTP_LINE},
                                                 {"request_headers", HTTP_HEADERS},
                                                 {"request_body", HTTP_BODY},
                                                 {"request_trailer", HTTP_TRAILER},
                                                 {"request_complete", HTTP_COMPLETE},
                                                 {NULL, 0}};
static const struct app_enum response_states[] = {{"response_started", HTTP_STARTED},
                                                  {"response_line", HTTP_LINE},
                                                  {"response_headers", HTTP_HEADERS},
                                                  {"response_body", HTTP_BODY},
                                                  {"response_trailer", HTTP_TRAILER},
                                                  {"response_complete", HTTP_COMPLETE},
                                                  {NULL, 0}};

const struct app_proto_def app_http_def = {
    .name = "http",
    .aliases = "http1",
    .client_first = true,
    .events_upper = true,
    .patterns = patterns,
    .probes = probes,
    .buffers = http_buffers,
    .events = http_events,
    .logs = http_logs,
    .states = {request_states, response_states},
    .complete = {HTTP_COMPLETE, HTTP_COMPLETE},
    .tcp = true,
    .config_new = http_config_new,
    .config_free = http_config_free,
    .state_new = state_new,
    .state_free = state_free,
    .parse = parse,
    .hold_bytes = 65536,
    .tx_free = tx_free,
    .header = header,
    .alert_fields = http_alert_fields,
};
