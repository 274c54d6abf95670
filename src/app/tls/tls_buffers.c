/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What rules see of a TLS handshake.  Getters of certificates look at the end that speaks in that
 * direction: the client's to server, the server's to client.
 *
 * Numbers for keywords with a grammar of their own: ssl_state is a mask (enum tls_seen), tls_cert_*
 * are seconds since 1970, tls_cert_expired and tls_cert_valid are there, with 1, when they hold.
 */
#include <string.h>

#include "app/tls/tls_tx.h"
#include "base/hash.h"

enum { ALPN_MAX = 256 }; /* each is found from the list's start */

/* ------------------------------------------------------------------ values made once */

const char *tls_fingerprint_get(struct tls_side *s)
{
    if (!s->has_cert)
        return NULL;
    if (!s->fingerprint[0] && !tls_cert_fingerprint(s->cert.der, s->fingerprint))
        return NULL;
    return s->fingerprint;
}

static struct str ja3_string(struct tls_tx *t, unsigned side, struct arena *scratch)
{
    const struct tls_side *s = &t->side[side];
    if (!s->has_hello || s->hello.sslv2)
        return (struct str){NULL, 0};
    return side == 0 ? tls_ja3_string(&s->hello, scratch) : tls_ja3s_string(&s->hello, scratch);
}

const char *tls_ja3_get(struct tls_tx *t, unsigned side, struct arena *scratch)
{
    static const char digits[] = "0123456789abcdef";
    struct tls_side *s = &t->side[side];
    uint8_t d[DIGEST_MAX];
    if (s->ja3[0])
        return s->ja3;
    struct str text = ja3_string(t, side, scratch);
    if (!text.n || digest_of(DIGEST_MD5, text.p, text.n, d) != 16)
        return NULL;
    for (unsigned i = 0; i < 16; i++) {
        s->ja3[2 * i] = digits[d[i] >> 4];
        s->ja3[2 * i + 1] = digits[d[i] & 15];
    }
    return s->ja3;
}

const char *tls_ja4_get(struct tls_tx *t, struct arena *scratch)
{
    const struct tls_side *s = &t->side[0];
    if (!s->has_hello || s->hello.sslv2)
        return NULL;
    if (!t->ja4[0] && !tls_ja4(&s->hello, scratch, t->ja4))
        return NULL;
    return t->ja4;
}

/* ------------------------------------------------------------------ getters */

static bool show(struct str s, struct app_view *out)
{
    if (!s.p)
        return false;
    *out = (struct app_view){.data = s.p, .n = s.n, .last = true};
    return true;
}
static bool show_text(const char *s, struct app_view *out)
{
    return s && show(str_cstr(s), out);
}
static struct tls_side *end_of(const struct app_get *q)
{
    return &tls_tx_of(q->tx)->side[q->dir];
}
static struct tls_side *end_with_cert(const struct app_get *q)
{
    struct tls_side *s = end_of(q);
    return s->has_cert ? s : NULL;
}
static const struct tls_config *config_of(const struct app_get *q)
{
    return app_config_get(q->af);
}

static bool get_sni(const struct app_get *q, unsigned i, struct app_view *out)
{
    return i == 0 && show(tls_tx_of(q->tx)->side[0].hello.sni, out);
}
static bool get_subject(const struct app_get *q, unsigned i, struct app_view *out)
{
    const struct tls_side *s = end_with_cert(q);
    return s && i == 0 && s->cert.has_subject &&
           show(tls_cert_name(s->cert.subject, q->scratch), out);
}
static bool get_issuer(const struct app_get *q, unsigned i, struct app_view *out)
{
    const struct tls_side *s = end_with_cert(q);
    return s && i == 0 && s->cert.has_issuer &&
           show(tls_cert_name(s->cert.issuer, q->scratch), out);
}
static bool get_serial(const struct app_get *q, unsigned i, struct app_view *out)
{
    const struct tls_side *s = end_with_cert(q);
    return s && i == 0 && s->cert.has_serial && show(tls_cert_serial(&s->cert, q->scratch), out);
}
static bool get_fingerprint(const struct app_get *q, unsigned i, struct app_view *out)
{
    return i == 0 && show_text(tls_fingerprint_get(end_of(q)), out);
}
static bool get_certs(const struct app_get *q, unsigned i, struct app_view *out)
{
    const struct tls_side *s = end_of(q);
    return i < s->chain_kept && show(s->chain[i], out);
}
/* The walk goes on where the last call left it: rules ask in order. */
static bool get_alt_name(const struct app_get *q, unsigned i, struct app_view *out)
{
    struct tls_side *s = end_with_cert(q);
    struct str name = {NULL, 0};
    if (!s)
        return false;
    if (i < s->alt_index)
        s->alt_index = s->alt_at = 0;
    struct cursor walk = cur_of(s->cert.alt_names.p, s->cert.alt_names.n);
    cur_skip(&walk, s->alt_at);
    for (; s->alt_index <= i; s->alt_index++) {
        if (!tls_cert_alt_next(&walk, q->scratch, &name))
            return false;
        s->alt_at = (uint32_t)(walk.at - s->cert.alt_names.p);
    }
    return show(name, out);
}
static bool get_alpn(const struct app_get *q, unsigned i, struct app_view *out)
{
    struct str name;
    return i < ALPN_MAX && tls_alpn_at(end_of(q)->hello.alpn, i, &name) && show(name, out);
}
static bool get_random(const struct app_get *q, unsigned i, struct app_view *out)
{
    const uint8_t *r = end_of(q)->hello.random;
    return i == 0 && r && show(str_of(r, 32), out);
}
static bool get_random_time(const struct app_get *q, unsigned i, struct app_view *out)
{
    const uint8_t *r = end_of(q)->hello.random;
    return i == 0 && r && show(str_of(r, 4), out);
}
static bool get_random_bytes(const struct app_get *q, unsigned i, struct app_view *out)
{
    const uint8_t *r = end_of(q)->hello.random;
    return i == 0 && r && show(str_of(r + 4, 28), out);
}
static bool get_ja3_hash(const struct app_get *q, unsigned i, struct app_view *out)
{
    return i == 0 && config_of(q)->ja3 &&
           show_text(tls_ja3_get(tls_tx_of(q->tx), q->dir, q->scratch), out);
}
static bool get_ja3_string(const struct app_get *q, unsigned i, struct app_view *out)
{
    return i == 0 && config_of(q)->ja3 &&
           show(ja3_string(tls_tx_of(q->tx), q->dir, q->scratch), out);
}
static bool get_ja4(const struct app_get *q, unsigned i, struct app_view *out)
{
    return i == 0 && config_of(q)->ja4 && show_text(tls_ja4_get(tls_tx_of(q->tx), q->scratch), out);
}

/* ------------------------------------------------------------------ numbers */

static bool get_version(const struct app_get *q, unsigned i, uint64_t *out)
{
    const struct tls_side *s = end_of(q);
    *out = q->dir == 0 ? tls_best_offer(&s->hello) : s->hello.version;
    return i == 0 && s->has_hello;
}
/*
 * A hello is seen in the direction it is said in: else ssl_state:client_hello fires on the answer,
 * too.  Keys are asked at the hello of the other end, so both directions see them.
 */
static bool get_state(const struct app_get *q, unsigned i, uint64_t *out)
{
    unsigned other = q->dir == 0 ? TLS_SEEN_SERVER_HELLO : TLS_SEEN_CLIENT_HELLO;
    *out = tls_tx_of(q->tx)->seen & ~other;
    return i == 0 && *out;
}
static bool get_chain_len(const struct app_get *q, unsigned i, uint64_t *out)
{
    const struct tls_side *s = end_with_cert(q);
    *out = s ? s->chain_len : 0;
    return i == 0 && s;
}
static bool get_time(const struct app_get *q, unsigned i, bool after, uint64_t *out)
{
    const struct tls_side *s = end_with_cert(q);
    if (i || !s || !s->cert.has_validity)
        return false;
    int64_t t = after ? s->cert.not_after : s->cert.not_before;
    *out = t < 0 ? 0 : (uint64_t)t;
    return true;
}
static bool get_not_before(const struct app_get *q, unsigned i, uint64_t *out)
{
    return get_time(q, i, false, out);
}
static bool get_not_after(const struct app_get *q, unsigned i, uint64_t *out)
{
    return get_time(q, i, true, out);
}
static bool get_expired(const struct app_get *q, unsigned i, uint64_t *out)
{
    uint64_t end, now = q->af->now_ns / 1000000000u;
    *out = 1;
    return get_time(q, i, true, &end) && end < now;
}
static bool get_valid(const struct app_get *q, unsigned i, uint64_t *out)
{
    uint64_t start, end, now = q->af->now_ns / 1000000000u;
    *out = 1;
    return get_time(q, i, false, &start) && get_time(q, i, true, &end) && start <= now &&
           now <= end;
}

/* ------------------------------------------------------------------ the table */

static const struct app_enum version_names[] = {
    {"1.0", TLS_1_0}, {"1.1", TLS_1_1}, {"1.2", TLS_1_2}, {"1.3", TLS_1_3}, {NULL, 0}};
static const struct app_enum ssl_version_names[] = {{"sslv2", SSL_2},
                                                    {"sslv3", SSL_3},
                                                    {"tls1.0", TLS_1_0},
                                                    {"tls1.1", TLS_1_1},
                                                    {"tls1.2", TLS_1_2},
                                                    {"tls1.3", TLS_1_3},
                                                    {NULL, 0}};
static const struct app_enum state_names[] = {
    {"client_hello", TLS_SEEN_CLIENT_HELLO}, {"server_hello", TLS_SEEN_SERVER_HELLO},
    {"client_keyx", TLS_SEEN_CLIENT_KEYX},   {"server_keyx", TLS_SEEN_SERVER_KEYX},
    {"unknown", TLS_SEEN_UNKNOWN},           {NULL, 0}};

enum { TO_SERVER = 1, TO_CLIENT = 2, BOTH = 3 };
#define AT_HELLO .at = {TLS_CLIENT_HELLO_DONE, TLS_SERVER_HELLO}
#define AT_CERT  .at = {TLS_CLIENT_CERT_DONE, TLS_SERVER_CERT_DONE}
#define ROW(text, old, d, k, when, fn, what)                                                       \
    {                                                                                              \
        .name = text, .su_old = old, .dirs = d, .kind = k, when, .priority = 2, .get = fn,         \
        .help = what                                                                               \
    }
#define NUMBER(text, d, when, fn, map, what)                                                       \
    {                                                                                              \
        .name = text, .dirs = d, .kind = APP_BUF_UINT, when, .get_uint = fn, .names = map,         \
        .help = what                                                                               \
    }

const struct app_buffer tls_buffers[] = {
    ROW("tls.sni", "tls_sni", TO_SERVER, APP_BUF_ONE, AT_HELLO, get_sni,
        "server name that the client asks for"),
    ROW("tls.cert_subject", "tls_cert_subject", BOTH, APP_BUF_ONE, AT_CERT, get_subject,
        "subject of the first certificate"),
    ROW("tls.cert_issuer", "tls_cert_issuer", BOTH, APP_BUF_ONE, AT_CERT, get_issuer,
        "issuer of the first certificate"),
    ROW("tls.cert_serial", "tls_cert_serial", BOTH, APP_BUF_ONE, AT_CERT, get_serial,
        "serial number of the first certificate, upper-case hex with colons"),
    ROW("tls.cert_fingerprint", "tls_cert_fingerprint", BOTH, APP_BUF_ONE, AT_CERT, get_fingerprint,
        "SHA-1 of the first certificate, lower-case hex with colons"),
    ROW("tls.certs", NULL, BOTH, APP_BUF_MULTI, AT_CERT, get_certs,
        "each certificate of the chain as DER"),
    ROW("tls.subjectaltname", NULL, BOTH, APP_BUF_MULTI, AT_CERT, get_alt_name,
        "alternative names of the first certificate"),
    ROW("tls.alpn", NULL, BOTH, APP_BUF_MULTI, AT_HELLO, get_alpn, "protocols offered, or chosen"),
    ROW("tls.random", NULL, BOTH, APP_BUF_ONE, AT_HELLO, get_random, "32 bytes of the hello"),
    ROW("tls.random_time", NULL, BOTH, APP_BUF_ONE, AT_HELLO, get_random_time, "its first 4 bytes"),
    ROW("tls.random_bytes", NULL, BOTH, APP_BUF_ONE, AT_HELLO, get_random_bytes,
        "its other 28 bytes"),
    ROW("ja3.hash", "ja3_hash", TO_SERVER, APP_BUF_ONE, AT_HELLO, get_ja3_hash,
        "JA3 of the client"),
    ROW("ja3.string", NULL, TO_SERVER, APP_BUF_ONE, AT_HELLO, get_ja3_string,
        "what JA3 is the MD5 of"),
    ROW("ja3s.hash", NULL, TO_CLIENT, APP_BUF_ONE, AT_HELLO, get_ja3_hash, "JA3S of the server"),
    ROW("ja3s.string", NULL, TO_CLIENT, APP_BUF_ONE, AT_HELLO, get_ja3_string,
        "what JA3S is the MD5 of"),
    ROW("ja4.hash", NULL, TO_SERVER, APP_BUF_ONE, AT_HELLO, get_ja4, "JA4 of the client"),
    NUMBER("tls.version", BOTH, AT_HELLO, get_version, version_names,
           "version of the hello: 1.2, 0x7f12"),
    NUMBER("ssl_version", BOTH, AT_HELLO, get_version, ssl_version_names,
           "version by name: tls1.2, sslv3"),
    NUMBER("ssl_state", BOTH, AT_HELLO, get_state, state_names,
           "what of the handshake was seen (mask)"),
    NUMBER("tls.cert_chain_len", BOTH, AT_CERT, get_chain_len, NULL, "certificates in the chain"),
    NUMBER("tls_cert_notbefore", BOTH, AT_CERT, get_not_before, NULL, "start of validity, seconds"),
    NUMBER("tls_cert_notafter", BOTH, AT_CERT, get_not_after, NULL, "end of validity, seconds"),
    NUMBER("tls_cert_expired", BOTH, AT_CERT, get_expired, NULL,
           "1 when the certificate's time is over"),
    NUMBER("tls_cert_valid", BOTH, AT_CERT, get_valid, NULL, "1 within the certificate's time"),
    {.name = NULL},
};

const struct app_keyword tls_keywords[] = {
    {"tls.subject", "tls.cert_subject", false, NULL, "[!]\"text\"", "part of the certificate's subject"},
    {"tls.issuerdn", "tls.cert_issuer", false, NULL, "[!]\"text\"", "part of the certificate's issuer"},
    {"tls.fingerprint", "tls.cert_fingerprint", true, NULL, "[!]\"hex\"", "the certificate's SHA-1"},
    {.name = NULL},
};
