/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The state of a TLS connection that its record layer and its handshake share. */
#ifndef APP_TLS_TLS_STATE_H
#define APP_TLS_TLS_STATE_H

#include "app/tls/tls_tx.h"

enum { TLS_RECORD_HEADER = 5, TLS_MESSAGE_HEADER = 4 };

/* One direction. */
struct tls_dir {
    uint8_t header[TLS_RECORD_HEADER];
    uint8_t header_n, header_want;
    uint8_t type;            /* of the record in work */
    bool v2;                 /* SSL 2 framing */
    bool encrypted;          /* ChangeCipherSpec was seen */
    bool broken;             /* handshake messages are not looked at any more */
    uint8_t head[3], head_n; /* first bytes of alerts and heartbeats */
    uint32_t record_n, record_left;
    uint32_t heartbeat_n; /* length of the last encrypted heartbeat, 0: none */
    /* message in work */
    uint8_t message[TLS_MESSAGE_HEADER], message_n;
    bool keep;
    uint32_t body_n, body_have, body_room;
    uint8_t *body;
};

struct tls_state {
    struct app_flow *af;
    struct tls_tx *tx; /* NULL: not yet, or gone */
    struct tls_dir dir[2];
    uint8_t progress[2];
    uint16_t version;   /* of the server's hello, 0: none yet */
    bool asked;         /* for the transaction; refused once, the connection goes on without */
    bool begun;         /* a record was seen */
    bool over;          /* the handshake is: what encryption-handling says was done */
    bool retry;         /* HelloRetryRequest seen, its ServerHello not yet */
    bool cert_asked;    /* CertificateRequest seen */
    bool server_flight; /* Certificate or ServerHelloDone seen: no resumption */
};

static inline bool tls_is_13(uint16_t version)
{
    return version == TLS_1_3 || version >> 8 == 0x7f || version >> 8 == 0xfb;
}

void tls_event(struct tls_state *st, unsigned e);
void tls_advance(struct tls_state *st, unsigned dir, uint8_t to);

/* Handshake bytes of one direction (tls_handshake.c). */
void tls_handshake_bytes(struct tls_state *st, unsigned dir, const uint8_t *p, uint32_t n);
/* An SSL 2 message begins, n bytes; its bytes; it is whole. */
void tls_v2_begin(struct tls_state *st, unsigned dir, uint32_t n);
void tls_v2_bytes(struct tls_state *st, unsigned dir, const uint8_t *p, uint32_t n);
bool tls_v2_done(struct tls_state *st, unsigned dir); /* false: no SSL 2 message */
/* Drops the message in work. */
void tls_message_drop(struct tls_state *st, unsigned dir);

#endif
