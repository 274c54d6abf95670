/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * TLS on a flow: records (RFC 8446 5, RFC 5246 6.2; SSL 2 framing) and how far each end has come.
 *
 * Records and the messages inside them are cut independently of each other and of the stream's
 * pieces: a header may begin and end anywhere.  All bytes are taken at once; what waits is a header
 * of at most five bytes, here, and a message worth keeping, in tls_handshake.c.
 *
 * Progress: the client's certificate is "done" as soon as it is certain that none will come, so
 * that the record of the log is written when the server has said all that it says in the clear.
 */
#include "app/tls/tls.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "app/tls/tls_state.h"
#include "base/bytes.h"
#include "config/config.h"

enum {
    RECORD_MAX = 16384 + 2048, /* RFC 5246 6.2.3 */
    V2_RECORD_MAX = 16384,
    RECORDS_MAX = 64, /* in one piece, beside one for every 16 bytes */
    HEARTBEAT_PADDING = 16,
};
enum record_type {
    REC_CCS = 20,
    REC_ALERT = 21,
    REC_HANDSHAKE = 22,
    REC_DATA = 23,
    REC_HEARTBEAT = 24
};

/* ------------------------------------------------------------------ settings, state */

static uint8_t encryption_read(const struct conf_node *n)
{
    const char *s =
        conf_sub_str(n, "encryption-handling", conf_sub_str(n, "encrypt-handling", "track-only"));
    struct str v = str_cstr(s);
    return str_ieq(v, STR("full"))     ? ENCRYPT_FULL
           : str_ieq(v, STR("bypass")) ? ENCRYPT_BYPASS
                                       : ENCRYPT_TRACK_ONLY;
}

static void *tls_config_new(const struct conf *c, struct diags *d)
{
    struct tls_config *cfg = calloc(1, sizeof(*cfg));
    const struct conf_node *n = conf_node(c, "app-layer.protocols.tls");
    (void)d;
    if (!cfg)
        return NULL;
    cfg->encryption = encryption_read(n);
    cfg->hooks = c && conf_bool(c, "firewall.enabled");
    cfg->ja3 =
        conf_truth(conf_sub_str(n, "ja3-fingerprints", "yes")) != 0; /* auto: made when asked for */
    cfg->ja4 = conf_truth(conf_sub_str(n, "ja4-fingerprints", "yes")) != 0;
    return cfg;
}

static void *tls_state_new(struct app_flow *af)
{
    struct tls_state *st = app_alloc(af, sizeof(*st));
    if (st)
        st->af = af;
    return st;
}

static void tls_state_free(struct app_flow *af, void *state)
{
    struct tls_state *st = state;
    if (!st)
        return;
    tls_message_drop(st, 0);
    tls_message_drop(st, 1);
    app_free(af, st);
}

static void tls_tx_free(struct app_flow *af, struct app_tx *tx)
{
    struct tls_tx *t = tls_tx_of(tx);
    struct tls_state *st = af->state;
    for (unsigned i = 0; i < 2; i++) {
        app_free(af, t->side[i].hello_block);
        app_free(af, t->side[i].chain_block);
        app_free(af, t->side[i].chain);
    }
    if (st && st->tx == t)
        st->tx = NULL;
}

void tls_event(struct tls_state *st, unsigned e)
{
    if (st->tx)
        app_event_tx(&st->tx->tx, e);
    else
        app_event_flow(st->af, e);
}

/* ------------------------------------------------------------------ progress */

/* Both ends encrypt from here on. */
static void handshake_over(struct tls_state *st)
{
    const struct tls_config *cfg = app_config_get(st->af);
    st->over = true;
    if (!cfg || cfg->encryption == ENCRYPT_FULL)
        return;
    st->af->flow->flags |= FLOW_NO_PAYLOAD_INSPECTION;
    if (cfg->encryption != ENCRYPT_BYPASS)
        return;
    st->af->flow->flags |= FLOW_BYPASS;
    if (st->tx) {
        app_tx_progress(&st->tx->tx, 0, TLS_CLIENT_FINISHED);
        app_tx_progress(&st->tx->tx, 1, TLS_SERVER_FINISHED);
    }
    app_no_more(st->af, 0);
    app_no_more(st->af, 1);
}

void tls_advance(struct tls_state *st, unsigned dir, uint8_t to)
{
    if (to <= st->progress[dir])
        return;
    st->progress[dir] = to;
    /* Raw inspection in chunks must see the flight before payload is taken off the flow. */
    app_trigger_raw(st->af, dir);
    if (st->tx)
        app_tx_progress(&st->tx->tx, dir, to);
    if (!st->over && st->progress[0] >= TLS_CLIENT_HANDSHAKE_DONE &&
        st->progress[1] >= TLS_SERVER_HANDSHAKE_DONE)
        handshake_over(st);
}

/* ChangeCipherSpec; TLS 1.3 sends it for show (RFC 8446 D.4), also before a hello after a retry. */
static void on_ccs(struct tls_state *st, unsigned dir)
{
    if (tls_is_13(st->version) || st->retry)
        return;
    st->dir[dir].encrypted = true;
    tls_message_drop(st, dir);
    if (dir == 0) {
        tls_advance(st, 0, TLS_CLIENT_HANDSHAKE_DONE);
        return;
    }
    if (st->tx && st->version && !st->server_flight)
        st->tx->resumed = true;
    tls_advance(st, 0, TLS_CLIENT_CERT_DONE);
    tls_advance(st, 1, TLS_SERVER_HANDSHAKE_DONE);
}

/* Application data; in TLS 1.3 also the encrypted part of the handshake. */
static void on_data(struct tls_state *st, unsigned dir)
{
    const uint8_t done[2] = {TLS_CLIENT_HANDSHAKE_DONE, TLS_SERVER_HANDSHAKE_DONE};
    bool other_done = st->progress[1 - dir] >= done[1 - dir];
    if (tls_is_13(st->version) && (st->progress[dir] < done[dir] || !other_done)) {
        tls_advance(st, 0, TLS_CLIENT_CERT_DONE);
        tls_advance(st, dir, done[dir]);
        return;
    }
    const struct tls_config *cfg = app_config_get(st->af);
    if (cfg && cfg->hooks)
        return;
    if (st->version) /* data in front of the server's hello is early data, or nonsense */
        tls_advance(st, dir, dir == 0 ? TLS_CLIENT_FINISHED : TLS_SERVER_FINISHED);
}

/* ------------------------------------------------------------------ small records */

static void on_alert(struct tls_state *st, struct tls_dir *d)
{
    if (d->encrypted ||
        (d->record_n == 2 && d->head_n == 2 && (d->head[0] == 1 || d->head[0] == 2)))
        return;
    tls_event(st, TLS_EVENT_INVALID_ALERT_MESSAGE);
}

/* RFC 6520, and what Heartbleed looks like from outside: an answer of another length than the
 * question. */
static void on_heartbeat(struct tls_state *st, unsigned dir)
{
    struct tls_dir *d = &st->dir[dir], *peer = &st->dir[1 - dir];
    tls_event(st, TLS_EVENT_HEARTBEAT_MESSAGE);
    if (d->encrypted || tls_is_13(st->version)) {
        if (peer->heartbeat_n && d->record_n > peer->heartbeat_n)
            tls_event(st, TLS_EVENT_DATALEAK_HEARTBEAT_MISMATCH);
        d->heartbeat_n = peer->heartbeat_n ? 0 : d->record_n;
        peer->heartbeat_n = 0;
        return;
    }
    uint32_t payload = d->head_n == 3 ? be16_at(d->head + 1) : 0;
    if (d->head_n < 3 || (d->head[0] != 1 && d->head[0] != 2))
        tls_event(st, TLS_EVENT_INVALID_HEARTBEAT_MESSAGE);
    else if (payload + 3 > d->record_n)
        tls_event(st, TLS_EVENT_OVERFLOW_HEARTBEAT_MESSAGE);
    else if (payload + 3 + HEARTBEAT_PADDING > d->record_n)
        tls_event(st, TLS_EVENT_INVALID_HEARTBEAT_MESSAGE);
}

/* ------------------------------------------------------------------ records */

static bool refuse(struct tls_state *st, unsigned e)
{
    tls_event(st, e);
    return false;
}

/* A record begins; false: these are no records. */
static bool record_begin(struct tls_state *st, unsigned dir)
{
    struct tls_dir *d = &st->dir[dir];
    unsigned major = d->header[1], minor = d->header[2];
    d->type = d->header[0];
    d->record_n = d->record_left = be16_at(d->header + 3);
    d->head_n = 0;
    if (d->type < REC_CCS || d->type > REC_HEARTBEAT)
        return refuse(st, TLS_EVENT_INVALID_RECORD_TYPE);
    if (major != 3 && major != 0x7f && major != 0xfb)
        return refuse(st, TLS_EVENT_INVALID_RECORD_VERSION);
    if (d->record_n > RECORD_MAX) {
        tls_event(st, TLS_EVENT_INVALID_RECORD_LENGTH);
        return refuse(st, TLS_EVENT_INVALID_SSL_RECORD);
    }
    if (major == 3 && minor > 4)
        tls_event(st, TLS_EVENT_INVALID_RECORD_VERSION);
    return true;
}

static void record_bytes(struct tls_state *st, unsigned dir, const uint8_t *p, uint32_t n)
{
    struct tls_dir *d = &st->dir[dir];
    if (d->v2) {
        tls_v2_bytes(st, dir, p, n);
    } else if (d->type == REC_HANDSHAKE) {
        if (!d->encrypted)
            tls_handshake_bytes(st, dir, p, n);
    } else if (d->type != REC_DATA) {
        while (n-- && d->head_n < sizeof(d->head))
            d->head[d->head_n++] = *p++;
    }
}

/* Hooks of the state are asked again. */
static void hooks_again(struct tls_state *st, unsigned dir)
{
    const struct tls_config *cfg = app_config_get(st->af);
    if (st->tx && cfg && cfg->hooks)
        st->tx->tx.updated[dir] = true;
}

static bool record_done(struct tls_state *st, unsigned dir)
{
    struct tls_dir *d = &st->dir[dir];
    d->header_n = 0;
    hooks_again(st, dir);
    if (d->v2)
        return tls_v2_done(st, dir);
    switch ((enum record_type)d->type) {
    case REC_CCS:
        on_ccs(st, dir);
        break;
    case REC_ALERT:
        on_alert(st, d);
        break;
    case REC_DATA:
        on_data(st, dir);
        break;
    case REC_HEARTBEAT:
        on_heartbeat(st, dir);
        break;
    case REC_HANDSHAKE:
        break;
    }
    return true;
}

/* SSL 2: two bytes with the top bit set, or three with padding; TLS takes over at any record. */
static unsigned header_bytes(const struct tls_state *st, const struct tls_dir *d, unsigned dir)
{
    uint8_t first = d->header[0];
    bool may = !st->begun || d->v2 || (dir == 1 && st->dir[0].v2);
    if (!may || (first >= REC_CCS && first <= REC_HEARTBEAT))
        return TLS_RECORD_HEADER;
    return first & 0x80 ? 2 : d->v2 || st->dir[0].v2 ? 3 : TLS_RECORD_HEADER;
}

static bool v2_record_begin(struct tls_state *st, unsigned dir)
{
    struct tls_dir *d = &st->dir[dir];
    uint32_t n = be16_at(d->header) & (d->header_n == 2 ? 0x7fff : 0x3fff);
    d->v2 = true;
    d->record_n = d->record_left = n;
    if (n == 0 || n > V2_RECORD_MAX)
        return refuse(st, TLS_EVENT_INVALID_SSLV2_HEADER);
    tls_v2_begin(st, dir, n);
    return true;
}

/* The next byte of a header; *whole when a record has begun.  The first byte tells its length: what
 * the other direction says meanwhile changes nothing. */
static bool header_byte(struct tls_state *st, unsigned dir, uint8_t byte, bool *whole)
{
    struct tls_dir *d = &st->dir[dir];
    d->header[d->header_n++] = byte;
    if (d->header_n == 1)
        d->header_want = (uint8_t)header_bytes(st, d, dir);
    *whole = d->header_n == d->header_want;
    if (!*whole)
        return true;
    if (d->header_want != TLS_RECORD_HEADER)
        return v2_record_begin(st, dir);
    d->v2 = false;
    return record_begin(st, dir);
}

static bool in_record(const struct tls_dir *d)
{
    return d->record_left != 0;
}

static int64_t records(struct tls_state *st, unsigned dir, const uint8_t *p, uint32_t n)
{
    struct tls_dir *d = &st->dir[dir];
    uint32_t count = 0, at = 0;
    while (at < n) {
        if (!in_record(d)) {
            bool whole = false;
            if (!header_byte(st, dir, p[at++], &whole))
                return -1;
            if (!whole)
                continue;
            count++;
        }
        uint32_t k = u32_min(n - at, d->record_left);
        if (d->type == REC_DATA)
            hooks_again(st, dir);
        record_bytes(st, dir, p + at, k);
        at += k;
        d->record_left -= k;
        if (!in_record(d) && !record_done(st, dir))
            return -1;
        st->begun = true;
    }
    if (count > RECORDS_MAX + n / 16)
        tls_event(st, TLS_EVENT_TOO_MANY_RECORDS_IN_PACKET);
    return n;
}

/* A hole inside a record leaves the framing; messages that it touches are gone. */
static int64_t gap(struct tls_state *st, unsigned dir, uint32_t n)
{
    struct tls_dir *d = &st->dir[dir];
    if (n > d->record_left || d->v2)
        return -1;
    d->record_left -= n;
    if (d->type == REC_HANDSHAKE && !d->encrypted) {
        d->broken = true;
        tls_message_drop(st, dir);
    }
    if (!in_record(d))
        (void)record_done(st, dir);
    return n;
}

static int64_t tls_parse(struct app_flow *af, void *state, unsigned dir, const uint8_t *data,
                         uint32_t n, unsigned piece)
{
    struct tls_state *st = state;
    int64_t taken = n;
    if (!st->asked) {
        st->asked = true;
        st->tx = app_tx_new(af, sizeof(struct tls_tx));
    }
    if (piece & PIECE_GAP)
        taken = gap(st, dir, n);
    else if (n)
        taken = records(st, dir, data, n);
    if (taken < 0)
        tls_message_drop(st, dir);
    else if (piece & PIECE_EOF)
        tls_advance(st, dir, dir == 0 ? TLS_CLIENT_FINISHED : TLS_SERVER_FINISHED);
    return taken;
}

/* ------------------------------------------------------------------ the table */

#define RECORD_START(dir, minor)                                                                   \
    {                                                                                              \
        "\x16\x03" minor, 3, 0, 3, dir, false, IPPROTO_TCP                                         \
    }
#define ALERT_START(minor)                                                                         \
    {                                                                                              \
        "\x15\x03" minor "\x00\x02", 5, 0, 5, 1, false, IPPROTO_TCP                                \
    }
#define V2_START(version)                                                                          \
    {                                                                                              \
        "\x01" version, 3, 2, 5, 0, false, IPPROTO_TCP                                             \
    }
static const struct app_pattern patterns[] = {
    RECORD_START(0, "\x00"), RECORD_START(0, "\x01"),
    RECORD_START(0, "\x02"), RECORD_START(0, "\x03"),
    RECORD_START(1, "\x00"), RECORD_START(1, "\x01"),
    RECORD_START(1, "\x02"), RECORD_START(1, "\x03"),
    RECORD_START(0, "\x04"), RECORD_START(1, "\x04"),
    ALERT_START("\x00"),     ALERT_START("\x01"),
    ALERT_START("\x02"),     ALERT_START("\x03"),
    V2_START("\x00\x02"),    V2_START("\x03\x00"),
    V2_START("\x03\x01"),    V2_START("\x03\x02"),
    V2_START("\x03\x03"),    {.n = 0},
};

static const struct app_event_def event_defs[] = {
#define TLS_EVENT_ROW(id, name) {name, true},
    TLS_EVENTS(TLS_EVENT_ROW)
#undef TLS_EVENT_ROW
        {NULL, false},
};

#define TLS_STATE_ROW(id, text) {text, TLS_##id},
static const struct app_enum client_states[] = {TLS_CLIENT_STATES(TLS_STATE_ROW){NULL, 0}};
static const struct app_enum server_states[] = {TLS_SERVER_STATES(TLS_STATE_ROW){NULL, 0}};
#undef TLS_STATE_ROW

const struct app_proto_def app_tls_def = {
    .name = "tls",
    .aliases = "ssl",
    .client_first = true,
    .events_upper = true,
    .patterns = patterns,
    .buffers = tls_buffers,
    .keywords = tls_keywords,
    .events = event_defs,
    .logs = tls_logs,
    .states = {client_states, server_states},
    .complete = {TLS_CLIENT_FINISHED, TLS_SERVER_FINISHED},
    .tcp = true,
    .config_new = tls_config_new,
    .config_free = free,
    .state_new = tls_state_new,
    .state_free = tls_state_free,
    .parse = tls_parse,
    .hold_bytes = 0,
    .tx_free = tls_tx_free,
    .alert_fields = tls_alert_fields,
};
