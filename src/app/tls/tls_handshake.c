/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Handshake messages (RFC 8446 4, RFC 5246 7.4), cut over records as they come.
 *
 * Only hellos and certificates are kept: in a block that grows with what arrives, never with what a
 * length claims.  A whole message gives its block to the transaction.
 */
#include <string.h>

#include "app/tls/tls_state.h"
#include "base/bytes.h"

enum { MESSAGE_MAX = 256 * 1024 }; /* longer ones are passed over */

enum message_type {
    HS_CLIENT_HELLO = 1,
    HS_SERVER_HELLO = 2,
    HS_CERTIFICATE = 11,
    HS_SERVER_KEYX = 12,
    HS_CERTIFICATE_REQUEST = 13,
    HS_SERVER_HELLO_DONE = 14,
    HS_CLIENT_KEYX = 16,
};

static void events(struct tls_state *st, uint64_t bits)
{
    for (unsigned i = 0; bits; i++, bits >>= 1)
        if (bits & 1)
            tls_event(st, i);
}

static void seen(struct tls_state *st, unsigned what)
{
    if (st->tx)
        st->tx->seen |= (uint8_t)what;
}

/* The message in work goes to its owner in the transaction. */
static void body_give(struct tls_state *st, struct tls_dir *d, uint8_t **owner)
{
    app_free(st->af, *owner);
    *owner = d->body;
    d->body = NULL;
}

/* ------------------------------------------------------------------ hellos */

static void client_hello(struct tls_state *st, struct tls_dir *d)
{
    struct tls_side *s = &st->tx->side[0];
    struct tls_hello h;
    bool ok = d->v2 ? tls_v2_client_hello_read(d->body, d->body_n, &h)
                    : tls_client_hello_read(d->body, d->body_n, &h);
    events(st, h.events);
    /* After a retry there is a second one: the first names the client. */
    if (ok && !s->has_hello) {
        s->hello = h;
        s->has_hello = true;
        body_give(st, d, &s->hello_block);
    }
    seen(st, TLS_SEEN_CLIENT_HELLO);
    tls_advance(st, 0, TLS_CLIENT_HELLO_DONE);
}

static void server_hello(struct tls_state *st, struct tls_dir *d)
{
    struct tls_side *s = &st->tx->side[1];
    struct tls_hello h;
    bool ok = tls_server_hello_read(d->body, d->body_n, &h);
    events(st, h.events);
    if (!ok)
        return;
    st->retry = h.retry;
    if (h.retry && s->has_hello)
        return;
    s->hello = h;
    s->has_hello = true;
    s->ja3[0] = 0;
    body_give(st, d, &s->hello_block);
    if (h.retry)
        return;
    st->version = h.version;
    seen(st, TLS_SEEN_SERVER_HELLO);
    tls_advance(st, 1, TLS_SERVER_HELLO);
}

/* ------------------------------------------------------------------ certificates */

/* Views of the chain (RFC 5246 7.4.2) into its block. */
static void chain_read(struct tls_state *st, struct tls_side *s, uint32_t n)
{
    struct str kept[TLS_CHAIN_KEPT];
    struct cursor c = cur_of(s->chain_block, n);
    uint32_t claimed = cur_be24(&c);
    struct cursor list = cur_sub(&c, u32_min(claimed, (uint32_t)cur_left(&c)));
    bool whole = !list.bad && cur_left(&list) == claimed;
    while (cur_left(&list)) {
        struct cursor der = cur_sub(&list, cur_be24(&list));
        if (der.bad) {
            whole = false;
            break;
        }
        if (cur_left(&der) == 0)
            continue;
        if (s->chain_kept < TLS_CHAIN_KEPT)
            kept[s->chain_kept++] = str_of(der.at, cur_left(&der));
        s->chain_len++;
    }
    if (!whole)
        tls_event(st, TLS_EVENT_CERT_INVALID_LENGTH);
    if (s->chain_kept)
        s->chain = app_alloc(st->af, s->chain_kept * sizeof(struct str));
    if (s->chain)
        memcpy(s->chain, kept, s->chain_kept * sizeof(struct str));
    else
        s->chain_kept = 0;
}

static void certificate(struct tls_state *st, struct tls_dir *d, unsigned dir)
{
    struct tls_side *s = &st->tx->side[dir];
    uint64_t bits = 0;
    if (s->chain_block)
        return; /* the first one counts */
    body_give(st, d, &s->chain_block);
    chain_read(st, s, d->body_n);
    s->has_cert = s->chain_kept > 0;
    if (s->has_cert)
        (void)tls_cert_read(s->chain[0].p, s->chain[0].n, &s->cert, &bits);
    events(st, bits);
}

/* ------------------------------------------------------------------ messages */

enum message_flag { BY_CLIENT = 1, BY_SERVER = 2, KEPT = 4 };

/* Who may send it, and is its body kept?  0: no such message. */
static unsigned message_flags(uint8_t type)
{
    static const uint8_t flags[] = {
        [0] = BY_SERVER, /* HelloRequest */
        [HS_CLIENT_HELLO] = BY_CLIENT | KEPT,
        [HS_SERVER_HELLO] = BY_SERVER | KEPT,
        [3] = BY_SERVER, /* HelloVerifyRequest */
        [4] = BY_SERVER, /* NewSessionTicket */
        [5] = BY_CLIENT, /* EndOfEarlyData */
        [6] = BY_SERVER, /* HelloRetryRequest of drafts */
        [8] = BY_SERVER, /* EncryptedExtensions */
        [HS_CERTIFICATE] = BY_CLIENT | BY_SERVER | KEPT,
        [HS_SERVER_KEYX] = BY_SERVER,
        [HS_CERTIFICATE_REQUEST] = BY_SERVER,
        [HS_SERVER_HELLO_DONE] = BY_SERVER,
        [15] = BY_CLIENT, /* CertificateVerify */
        [HS_CLIENT_KEYX] = BY_CLIENT,
        [20] = BY_CLIENT | BY_SERVER, /* Finished */
        [21] = BY_CLIENT,             /* CertificateURL */
        [22] = BY_SERVER,             /* CertificateStatus */
        [23] = BY_CLIENT | BY_SERVER, /* SupplementalData */
        [24] = BY_CLIENT | BY_SERVER, /* KeyUpdate */
        [25] = BY_CLIENT | BY_SERVER, /* CompressedCertificate */
        [67] = BY_CLIENT,             /* NextProtocol */
    };
    return type < sizeof(flags) ? flags[type] : 0;
}

/* What a message of that type tells of the way, whatever its body. */
static void message_progress(struct tls_state *st, unsigned dir, uint8_t type)
{
    if (dir == 0) {
        if (type == HS_CLIENT_KEYX)
            seen(st, TLS_SEEN_CLIENT_KEYX);
        if (type == HS_CLIENT_KEYX || type == HS_CERTIFICATE)
            tls_advance(st, 0, TLS_CLIENT_CERT_DONE);
        return;
    }
    if (type == HS_SERVER_KEYX)
        seen(st, TLS_SEEN_SERVER_KEYX);
    st->cert_asked |= type == HS_CERTIFICATE_REQUEST;
    st->server_flight |= type == HS_CERTIFICATE || type == HS_SERVER_HELLO_DONE;
    if (type == HS_SERVER_KEYX || type == HS_CERTIFICATE)
        tls_advance(st, 1, TLS_SERVER_CERT_DONE);
    if (type == HS_SERVER_HELLO_DONE) {
        tls_advance(st, 1, TLS_SERVER_HELLO_DONE);
        if (st->tx) /* nothing of the server's is left to be read; what follows is in order without it */
            app_tx_progress(&st->tx->tx, 1, TLS_SERVER_HANDSHAKE_DONE);
        if (!st->cert_asked) /* no certificate of the client will come */
            tls_advance(st, 0, TLS_CLIENT_CERT_DONE);
    }
}

static void message_done(struct tls_state *st, unsigned dir)
{
    struct tls_dir *d = &st->dir[dir];
    uint8_t type = d->message[0];
    if (d->keep && st->tx) {
        if (type == HS_CLIENT_HELLO)
            client_hello(st, d);
        else if (type == HS_SERVER_HELLO)
            server_hello(st, d);
        else
            certificate(st, d, dir);
    }
    message_progress(st, dir, type);
    tls_message_drop(st, dir);
}

void tls_message_drop(struct tls_state *st, unsigned dir)
{
    struct tls_dir *d = &st->dir[dir];
    app_free(st->af, d->body);
    d->body = NULL;
    d->message_n = 0;
    d->keep = false;
    d->body_n = d->body_have = d->body_room = 0;
}

static void message_begin(struct tls_state *st, unsigned dir)
{
    struct tls_dir *d = &st->dir[dir];
    unsigned flags = message_flags(d->message[0]);
    d->body_n = be24_at(d->message + 1);
    d->body_have = 0;
    if (!(flags & (dir == 0 ? BY_CLIENT : BY_SERVER)))
        tls_event(st, TLS_EVENT_INVALID_HANDSHAKE_MESSAGE);
    d->keep = flags & KEPT && flags & (dir == 0 ? BY_CLIENT : BY_SERVER) && st->tx;
    if (d->body_n > MESSAGE_MAX) {
        tls_event(st, TLS_EVENT_HANDSHAKE_INVALID_LENGTH);
        d->keep = false;
    }
}

/* Appends to the kept body; without memory the message is passed over. */
static void body_add(struct tls_state *st, struct tls_dir *d, const uint8_t *p, uint32_t n)
{
    uint32_t want = d->body_have + n;
    if (d->keep && want > d->body_room) {
        uint32_t room = u32_min(d->body_n, u32_max(want, 2 * d->body_have));
        uint8_t *more = app_alloc(st->af, room);
        if (more && d->body_have)
            memcpy(more, d->body, d->body_have);
        app_free(st->af, d->body);
        d->body = more;
        d->body_room = more ? room : 0;
        d->keep = more != NULL;
    }
    if (d->keep && n)
        memcpy(d->body + d->body_have, p, n);
    d->body_have = want;
}

void tls_handshake_bytes(struct tls_state *st, unsigned dir, const uint8_t *p, uint32_t n)
{
    struct tls_dir *d = &st->dir[dir];
    while (n && !d->broken) {
        if (d->message_n < TLS_MESSAGE_HEADER) {
            d->message[d->message_n++] = *p++;
            n--;
            if (d->message_n == TLS_MESSAGE_HEADER)
                message_begin(st, dir);
        } else {
            uint32_t k = u32_min(n, d->body_n - d->body_have);
            body_add(st, d, p, k);
            p += k;
            n -= k;
        }
        if (d->message_n == TLS_MESSAGE_HEADER && d->body_have == d->body_n)
            message_done(st, dir);
    }
}

/* ------------------------------------------------------------------ SSL 2 */

void tls_v2_begin(struct tls_state *st, unsigned dir, uint32_t n)
{
    struct tls_dir *d = &st->dir[dir];
    tls_message_drop(st, dir);
    d->body_n = n;
    d->keep = st->tx && !d->encrypted;
}

void tls_v2_bytes(struct tls_state *st, unsigned dir, const uint8_t *p, uint32_t n)
{
    body_add(st, &st->dir[dir], p, n);
}

/* ServerHello (SSL 2, 2.6): type 4, hit, certificate type, version, lengths, certificate ... */
static void v2_server_hello(struct tls_state *st, struct tls_dir *d)
{
    struct tls_side *s = &st->tx->side[1];
    struct cursor c = cur_of(d->body, d->body_n);
    cur_skip(&c, 3);
    uint16_t version = cur_be16(&c);
    if (c.bad) {
        tls_event(st, TLS_EVENT_INVALID_SSLV2_HEADER);
        return;
    }
    s->hello = (struct tls_hello){.sslv2 = true, .version = version == 0x0002 ? SSL_2 : version};
    s->hello.legacy_version = st->version = s->hello.version;
    s->has_hello = true;
    seen(st, TLS_SEEN_SERVER_HELLO);
    /* what follows is keys and then encrypted */
    tls_advance(st, 1, TLS_SERVER_HELLO_DONE);
    tls_advance(st, 0, TLS_CLIENT_CERT_DONE);
    st->dir[0].encrypted = st->dir[1].encrypted = true;
}

bool tls_v2_done(struct tls_state *st, unsigned dir)
{
    enum { V2_ERROR = 0, V2_CLIENT_HELLO = 1, V2_SERVER_HELLO = 4 };
    struct tls_dir *d = &st->dir[dir];
    bool good = true;
    if (d->keep) {
        uint8_t type = d->body_n ? d->body[0] : 0xff;
        if (type == V2_CLIENT_HELLO && dir == 0)
            client_hello(st, d);
        else if (type == V2_SERVER_HELLO && dir == 1)
            v2_server_hello(st, d);
        else if (type == V2_ERROR)
            tls_event(st, TLS_EVENT_ERROR_MESSAGE_ENCOUNTERED);
        else
            good = false;
    }
    if (!good)
        tls_event(st, TLS_EVENT_INVALID_SSLV2_HEADER);
    tls_message_drop(st, dir);
    return good;
}
