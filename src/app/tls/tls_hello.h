/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * ClientHello and ServerHello (RFC 8446 4.1, RFC 5246 7.4.1; SSL 2 as in RFC 5246 E.2).
 *
 * A hello is read once into views of its bytes, which the caller keeps; lists are read again from
 * the views where somebody wants their members.
 */
#ifndef APP_TLS_TLS_HELLO_H
#define APP_TLS_TLS_HELLO_H

#include "base/arena.h"
#include "base/cursor.h"
#include "base/str.h"

#define TLS_EVENTS(X)                                                                              \
    X(INVALID_SSLV2_HEADER, "invalid_sslv2_header")                                                \
    X(INVALID_TLS_HEADER, "invalid_tls_header")                                                    \
    X(INVALID_RECORD_VERSION, "invalid_record_version")                                            \
    X(INVALID_RECORD_TYPE, "invalid_record_type")                                                  \
    X(INVALID_RECORD_LENGTH, "invalid_record_length")                                              \
    X(INVALID_HANDSHAKE_MESSAGE, "invalid_handshake_message")                                      \
    X(HANDSHAKE_INVALID_LENGTH, "handshake_invalid_length")                                        \
    X(HEARTBEAT_MESSAGE, "heartbeat_message")                                                      \
    X(INVALID_HEARTBEAT_MESSAGE, "invalid_heartbeat_message")                                      \
    X(OVERFLOW_HEARTBEAT_MESSAGE, "overflow_heartbeat_message")                                    \
    X(DATALEAK_HEARTBEAT_MISMATCH, "dataleak_heartbeat_mismatch")                                  \
    X(MULTIPLE_SNI_EXTENSIONS, "multiple_sni_extensions")                                          \
    X(INVALID_SNI_TYPE, "invalid_sni_type")                                                        \
    X(INVALID_SNI_LENGTH, "invalid_sni_length")                                                    \
    X(TOO_MANY_RECORDS_IN_PACKET, "too_many_records_in_packet")                                    \
    X(INVALID_ALERT_MESSAGE, "invalid_alert_message")                                              \
    X(INVALID_CERTIFICATE, "invalid_certificate")                                                  \
    X(CERT_MISSING_ELEMENT, "certificate_missing_element")                                         \
    X(CERT_UNKNOWN_ELEMENT, "certificate_unknown_element")                                         \
    X(CERT_INVALID_LENGTH, "certificate_invalid_length")                                           \
    X(CERT_INVALID_VERSION, "certificate_invalid_version")                                         \
    X(CERT_INVALID_SERIAL, "certificate_invalid_serial")                                           \
    X(CERT_INVALID_ALGORITHM, "certificate_invalid_algorithmidentifier")                           \
    X(CERT_INVALID_X509NAME, "certificate_invalid_x509name")                                       \
    X(CERT_INVALID_DATE, "certificate_invalid_date")                                               \
    X(CERT_INVALID_EXTENSIONS, "certificate_invalid_extensions")                                   \
    X(CERT_INVALID_DER, "certificate_invalid_der")                                                 \
    X(CERT_INVALID_SUBJECT, "certificate_invalid_subject")                                         \
    X(CERT_INVALID_ISSUER, "certificate_invalid_issuer")                                           \
    X(CERT_INVALID_VALIDITY, "certificate_invalid_validity")                                       \
    X(CERT_INVALID_STRING, "certificate_invalid_string")                                           \
    X(ERROR_MESSAGE_ENCOUNTERED, "error_message_encountered")                                      \
    X(INVALID_SSL_RECORD, "invalid_ssl_record")
#define TLS_EVENT_ID(id, name) TLS_EVENT_##id,
enum tls_event { TLS_EVENTS(TLS_EVENT_ID) TLS_EVENT_COUNT };
#undef TLS_EVENT_ID
#define TLS_BIT(id) (1ull << TLS_EVENT_##id)

enum tls_version {
    SSL_2 = 0x0200, /* on the wire 0x0002 */
    SSL_3 = 0x0300,
    TLS_1_0 = 0x0301,
    TLS_1_1 = 0x0302,
    TLS_1_2 = 0x0303,
    TLS_1_3 = 0x0304,
    TLS_1_3_EARLY = 0x7f01, /* drafts that wrote 0x0304 themselves */
};

enum tls_extension {
    TLS_EXT_SNI = 0,
    TLS_EXT_GROUPS = 10,
    TLS_EXT_POINT_FORMATS = 11,
    TLS_EXT_SIG_ALGS = 13,
    TLS_EXT_ALPN = 16,
    TLS_EXT_SESSION_TICKET = 35,
    TLS_EXT_VERSIONS = 43,
};

struct tls_hello {
    uint16_t legacy_version; /* as in the message */
    uint16_t version;        /* negotiated, or the best that is offered */
    const uint8_t *random;   /* 32 bytes; NULL: none (SSL 2) */
    struct str session_id;
    struct str ciphers;    /* pairs of bytes; of a ServerHello one */
    struct str extensions; /* the whole block, after its length */
    struct str sni;        /* first host name */
    struct str alpn;       /* list: length byte, name */
    struct str groups, point_formats, sig_algs, versions;
    bool has_sni, has_versions, has_extensions;
    bool ticket; /* a session ticket that is not empty */
    bool retry;  /* HelloRetryRequest */
    bool sslv2;
    uint64_t events;
};

/* Bodies of handshake messages, without the four bytes of their header.  false: broken (event in
 * *out). */
bool tls_client_hello_read(const uint8_t *p, uint32_t n, struct tls_hello *out) MUST_CHECK;
bool tls_server_hello_read(const uint8_t *p, uint32_t n, struct tls_hello *out) MUST_CHECK;
/* An SSL 2 message, from its type byte on. */
bool tls_v2_client_hello_read(const uint8_t *p, uint32_t n, struct tls_hello *out) MUST_CHECK;

/* n-th number of a list of pairs of bytes; false behind the end. */
static inline bool tls_list_u16(struct str list, unsigned i, uint16_t *out)
{
    if (list.n / 2 <= i)
        return false;
    *out = be16_at(list.p + 2u * i);
    return true;
}
/* Values that clients send to be ignored (RFC 8701). */
static inline bool tls_grease(uint16_t v)
{
    return (v & 0x0f0f) == 0x0a0a && v >> 8 == (v & 0xff);
}
/* Next extension of a block. */
static inline bool tls_extension_next(struct cursor *c, uint16_t *type, struct str *body)
{
    if (cur_left(c) < 4)
        return false;
    *type = cur_be16(c);
    struct cursor b = cur_sub(c, cur_be16(c));
    *body = str_of(b.at, b.bad ? 0 : cur_left(&b));
    return !b.bad;
}
/* n-th name of an ALPN list. */
bool tls_alpn_at(struct str list, unsigned i, struct str *out);

/* EVE's names: "TLS 1.2", "TLSv1", "TLS 1.3 draft-28" ...; numbers without one as 0x%04x. */
/* The highest version that a ClientHello offers; its own field where it names no versions. */
uint16_t tls_best_offer(const struct tls_hello *h);
struct str tls_version_name(uint16_t version, struct arena *a);

/* ------------------------------------------------------------------ fingerprints (tls_ja.c) */

/* JA3 and JA3S strings; {NULL, 0} for want of memory. */
struct str tls_ja3_string(const struct tls_hello *client, struct arena *a);
struct str tls_ja3s_string(const struct tls_hello *server, struct arena *a);
enum { TLS_JA4_BYTES = 36 };
/* JA4 of a ClientHello over TCP; false: no memory. */
bool tls_ja4(const struct tls_hello *client, struct arena *a, char out[TLS_JA4_BYTES + 1]);

#endif
