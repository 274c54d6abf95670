/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Hello messages to views. */
#include "app/tls/tls_hello.h"

#include <string.h>

enum { OFFERS_MAX = 127 }; /* what one byte of length has room for */

/* ------------------------------------------------------------------ extensions */

/* ServerNameList (RFC 6066 3): the first host name counts. */
static void ext_sni(struct tls_hello *h, struct str body)
{
    struct cursor c = cur_of(body.p, body.n);
    if (h->has_sni) {
        h->events |= TLS_BIT(MULTIPLE_SNI_EXTENSIONS);
        return;
    }
    h->has_sni = true;
    if (body.n == 0) /* a server's answer, or nothing said */
        return;
    struct cursor list = cur_sub(&c, cur_be16(&c));
    unsigned type = cur_u8(&list);
    struct cursor name = cur_sub(&list, cur_be16(&list));
    if (list.bad || name.bad) {
        h->events |= TLS_BIT(INVALID_SNI_LENGTH);
        return;
    }
    if (type != 0) {
        h->events |= TLS_BIT(INVALID_SNI_TYPE);
        return;
    }
    if (cur_left(&name) == 0)
        h->events |= TLS_BIT(INVALID_SNI_LENGTH);
    h->sni = str_of(name.at, cur_left(&name));
}

/* A list behind a length of `width` bytes; what the length claims beyond the extension is cut. */
static struct str list_of(struct str body, unsigned width)
{
    struct cursor c = cur_of(body.p, body.n);
    uint32_t n = width == 1 ? cur_u8(&c) : cur_be16(&c);
    struct cursor l = cur_sub(&c, u32_min(n, (uint32_t)cur_left(&c)));
    return str_of(l.at, cur_left(&l));
}

static void extension_take(struct tls_hello *h, bool client, uint16_t type, struct str body)
{
    switch (type) {
    case TLS_EXT_SNI:
        ext_sni(h, body);
        break;
    case TLS_EXT_ALPN:
        h->alpn = list_of(body, 2);
        break;
    case TLS_EXT_GROUPS:
        h->groups = list_of(body, 2);
        break;
    case TLS_EXT_POINT_FORMATS:
        h->point_formats = list_of(body, 1);
        break;
    case TLS_EXT_SIG_ALGS:
        h->sig_algs = list_of(body, 2);
        break;
    case TLS_EXT_SESSION_TICKET:
        h->ticket = body.n > 0;
        break;
    case TLS_EXT_VERSIONS:
        h->has_versions = true;
        h->versions = client ? list_of(body, 1) : body;
        break;
    default:
        break;
    }
}

/* false: the block is broken; what came before that is kept. */
static bool extensions_read(struct tls_hello *h, struct cursor *c, bool client)
{
    if (cur_left(c) == 0)
        return true;
    if (cur_left(c) < 2)
        return false;
    uint32_t n = cur_be16(c);
    bool whole = n <= cur_left(c);
    struct cursor e = cur_sub(c, u32_min(n, (uint32_t)cur_left(c)));
    h->has_extensions = true;
    h->extensions = str_of(e.at, cur_left(&e));
    uint16_t type;
    struct str body;
    while (tls_extension_next(&e, &type, &body))
        extension_take(h, client, type, body);
    return whole && !e.bad && cur_left(&e) == 0;
}

bool tls_alpn_at(struct str list, unsigned i, struct str *out)
{
    struct cursor c = cur_of(list.p, list.n);
    for (;; i--) {
        struct cursor name = cur_sub(&c, cur_u8(&c));
        if (name.bad)
            return false;
        if (i == 0) {
            *out = str_of(name.at, cur_left(&name));
            return true;
        }
    }
}

/* ------------------------------------------------------------------ messages */

static bool broken(struct tls_hello *h)
{
    h->events |= TLS_BIT(INVALID_HANDSHAKE_MESSAGE);
    return false;
}

bool tls_client_hello_read(const uint8_t *p, uint32_t n, struct tls_hello *out)
{
    struct cursor c = cur_of(p, n);
    *out = (struct tls_hello){0};
    out->legacy_version = out->version = cur_be16(&c);
    out->random = cur_take(&c, 32);
    struct cursor id = cur_sub(&c, cur_u8(&c));
    struct cursor ciphers = cur_sub(&c, cur_be16(&c));
    struct cursor compressions = cur_sub(&c, cur_u8(&c));
    if (c.bad || compressions.bad || cur_left(&id) > 32 || cur_left(&ciphers) % 2)
        return broken(out);
    out->session_id = str_of(id.at, cur_left(&id));
    out->ciphers = str_of(ciphers.at, cur_left(&ciphers));
    if (!extensions_read(out, &c, true))
        out->events |=
            TLS_BIT(INVALID_HANDSHAKE_MESSAGE); /* what is there is still worth reading */
    return true;
}

static const uint8_t retry_random[32] = {
    0xcf, 0x21, 0xad, 0x74, 0xe5, 0x9a, 0x61, 0x11, 0xbe, 0x1d, 0x8c, 0x02, 0x1e, 0x65, 0xb8, 0x91,
    0xc2, 0xa2, 0x11, 0x16, 0x7a, 0xbb, 0x8c, 0x5e, 0x07, 0x9e, 0x09, 0xe2, 0xc8, 0xa8, 0x33, 0x9c,
};

/* Drafts of TLS 1.3 below 22 have neither session id nor compression in it. */
static bool short_server_hello(uint16_t version)
{
    return version >> 8 == 0x7f || version == TLS_1_3;
}

bool tls_server_hello_read(const uint8_t *p, uint32_t n, struct tls_hello *out)
{
    struct cursor c = cur_of(p, n);
    *out = (struct tls_hello){0};
    out->legacy_version = out->version = cur_be16(&c);
    out->random = cur_take(&c, 32);
    bool brief = short_server_hello(out->version);
    if (!brief) {
        struct cursor id = cur_sub(&c, cur_u8(&c));
        out->session_id = str_of(id.at, id.bad ? 0 : cur_left(&id));
    }
    struct cursor cipher = cur_sub(&c, 2);
    if (!brief)
        cur_skip(&c, 1);
    if (c.bad || out->session_id.n > 32)
        return broken(out);
    out->ciphers = str_of(cipher.at, 2);
    out->retry = memcmp(out->random, retry_random, sizeof(retry_random)) == 0;
    if (!extensions_read(out, &c, false))
        out->events |= TLS_BIT(INVALID_HANDSHAKE_MESSAGE);
    uint16_t v;
    if (tls_list_u16(out->versions, 0, &v))
        out->version = v;
    else if (out->version == TLS_1_3) /* only drafts said so here */
        out->version = TLS_1_3_EARLY;
    return true;
}

bool tls_v2_client_hello_read(const uint8_t *p, uint32_t n, struct tls_hello *out)
{
    struct cursor c = cur_of(p, n);
    *out = (struct tls_hello){.sslv2 = true};
    unsigned type = cur_u8(&c);
    uint16_t version = cur_be16(&c);
    uint32_t specs = cur_be16(&c), id = cur_be16(&c), challenge = cur_be16(&c);
    if (c.bad || type != 1 || specs % 3 || specs + id + challenge > cur_left(&c)) {
        out->events |= TLS_BIT(INVALID_SSLV2_HEADER);
        return false;
    }
    out->legacy_version = out->version = version == 0x0002 ? SSL_2 : version;
    cur_skip(&c, specs);
    struct cursor sid = cur_sub(&c, id);
    out->session_id = str_of(sid.at, cur_left(&sid));
    return true;
}

/* ------------------------------------------------------------------ versions */

/*
 * The highest of supported_versions (RFC 8446 4.2.1); a draft's only where no final version of SSL
 * 3 to TLS 1.3 stands beside it, so that GREASE (RFC 8701) never counts.
 */
uint16_t tls_best_offer(const struct tls_hello *h)
{
    uint16_t best = 0, draft = 0, v;
    for (unsigned i = 0; i < OFFERS_MAX && tls_list_u16(h->versions, i, &v); i++) {
        if (v >= SSL_3 && v <= TLS_1_3 && v > best)
            best = v;
        else if (v >> 8 == 0x7f && v > draft)
            draft = v;
    }
    return best ? best : draft ? draft : h->version;
}

static const struct {
    uint16_t version;
    const char *name;
} version_names[] = {
    {0, "UNDETERMINED"},  {SSL_2, "SSLv2"},     {SSL_3, "SSLv3"},     {TLS_1_0, "TLSv1"},
    {TLS_1_1, "TLS 1.1"}, {TLS_1_2, "TLS 1.2"}, {TLS_1_3, "TLS 1.3"},
};

struct str tls_version_name(uint16_t version, struct arena *a)
{
    for (size_t i = 0; i < ARRAY_LEN(version_names); i++)
        if (version_names[i].version == version)
            return str_cstr(version_names[i].name);
    unsigned low = version & 0xff;
    if (version >> 8 == 0x7f && low < 16)
        return STR("TLS 1.3 draft-<16");
    if (version >> 8 == 0x7f && low <= 28)
        return arena_printf(a, "TLS 1.3 draft-%u", low);
    if (version >> 8 == 0xfb && low >= 20 && low <= 28)
        return arena_printf(a, "TLS 1.3 draft-%u-fb", low);
    return arena_printf(a, "0x%04x", version);
}
