/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * A TLS connection as one transaction, and the state that parses it.
 *
 * Messages that are worth keeping (hellos, certificates) live in one block each, owned by the
 * transaction; everything else is views into them.  Fingerprints are made when first asked for.
 */
#ifndef APP_TLS_TLS_TX_H
#define APP_TLS_TLS_TX_H

#include "app/app.h"
#include "app/tls/tls_cert.h"
#include "app/tls/tls_hello.h"

#define TLS_CLIENT_STATES(X)                                                                       \
    X(CLIENT_IN_PROGRESS, "client_in_progress")                                                    \
    X(CLIENT_HELLO_DONE, "client_hello_done")                                                      \
    X(CLIENT_CERT_DONE, "client_cert_done")                                                        \
    X(CLIENT_HANDSHAKE_DONE, "client_handshake_done") X(CLIENT_FINISHED, "client_finished")
#define TLS_SERVER_STATES(X)                                                                       \
    X(SERVER_IN_PROGRESS, "server_in_progress")                                                    \
    X(SERVER_HELLO, "server_hello")                                                                \
    X(SERVER_CERT_DONE, "server_cert_done")                                                        \
    X(SERVER_HELLO_DONE, "server_hello_done")                                                      \
    X(SERVER_HANDSHAKE_DONE, "server_handshake_done") X(SERVER_FINISHED, "server_finished")
#define TLS_STATE_ID(id, name) TLS_##id,
enum tls_client_state { TLS_CLIENT_STATES(TLS_STATE_ID) };
enum tls_server_state { TLS_SERVER_STATES(TLS_STATE_ID) };
#undef TLS_STATE_ID

/* What was seen, for ssl_state. */
enum tls_seen {
    TLS_SEEN_CLIENT_HELLO = 1,
    TLS_SEEN_SERVER_HELLO = 2,
    TLS_SEEN_CLIENT_KEYX = 4,
    TLS_SEEN_SERVER_KEYX = 8,
    TLS_SEEN_UNKNOWN = 16,
};

enum { TLS_CHAIN_KEPT = 32, TLS_HASH_TEXT = 32 };

/* What one end said. */
struct tls_side {
    struct tls_hello hello;
    struct tls_cert cert; /* first of the chain */
    struct str *chain;    /* DER of each, in the block of the message */
    uint8_t *hello_block, *chain_block;
    uint16_t chain_kept;
    uint32_t chain_len;
    bool has_hello, has_cert;
    uint32_t alt_index, alt_at;                  /* where the walk over alternative names stands */
    char fingerprint[TLS_FINGERPRINT_BYTES + 1]; /* empty: not made yet */
    char ja3[TLS_HASH_TEXT + 1];                 /* JA3 of the client, JA3S of the server */
};

struct tls_tx {
    struct app_tx tx;
    struct tls_side side[2]; /* client, server */
    char ja4[TLS_JA4_BYTES + 1];
    uint8_t seen; /* enum tls_seen */
    bool resumed;
};

/* Settings of a worker, and what EVE options say. */
enum tls_field {
    TLS_F_SUBJECT = 1 << 0,
    TLS_F_ISSUER = 1 << 1,
    TLS_F_RESUMED = 1 << 2,
    TLS_F_SERIAL = 1 << 3,
    TLS_F_FINGERPRINT = 1 << 4,
    TLS_F_SNI = 1 << 5,
    TLS_F_VERSION = 1 << 6,
    TLS_F_NOT_BEFORE = 1 << 7,
    TLS_F_NOT_AFTER = 1 << 8,
    TLS_F_CERTIFICATE = 1 << 9,
    TLS_F_CHAIN = 1 << 10,
    TLS_F_JA3 = 1 << 11,
    TLS_F_JA3S = 1 << 12,
    TLS_F_JA4 = 1 << 13,
    TLS_F_ALT_NAMES = 1 << 14,
    TLS_F_CLIENT = 1 << 15,
    TLS_F_CLIENT_CERT = 1 << 16,
    TLS_F_CLIENT_CHAIN = 1 << 17,
    TLS_F_CLIENT_ALPNS = 1 << 18,
    TLS_F_SERVER_ALPNS = 1 << 19,
    TLS_F_CLIENT_HANDSHAKE = 1 << 20,
    TLS_F_SERVER_HANDSHAKE = 1 << 21,
};
struct tls_log_options {
    const struct conf_node *node;
    bool seen, resumed_too;
    uint32_t fields; /* bits of enum tls_field */
};
struct tls_config {
    uint8_t encryption; /* enum encryption_handling */
    bool ja3, ja4;
    bool hooks; /* firewall rules ask each state to the end: the transaction lives as long as the connection */
    struct tls_log_options log[4]; /* by use; the last is overwritten */
};

extern const struct app_buffer tls_buffers[];
extern const struct app_keyword tls_keywords[];
extern const struct app_log tls_logs[];
void tls_alert_fields(const struct app_log_ctx *c, struct fields *out);

static inline struct tls_tx *tls_tx_of(const struct app_tx *tx)
{
    return (struct tls_tx *)(uintptr_t)tx;
}
/* The version that was agreed on, else the client's. */
static inline uint16_t tls_version_of(const struct tls_tx *t)
{
    const struct tls_side *s = &t->side[1];
    return s->has_hello ? s->hello.version : t->side[0].hello.version;
}
/* Values that are made once; NULL or empty: there is none. */
const char *tls_fingerprint_get(struct tls_side *s);
const char *tls_ja3_get(struct tls_tx *t, unsigned side, struct arena *scratch);
const char *tls_ja4_get(struct tls_tx *t, struct arena *scratch);

#endif
