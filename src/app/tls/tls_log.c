/* SPDX-License-Identifier: GPL-2.0-or-later */
/* EVE's "tls": extended (the default), short, or the fields that `custom` names. */
#include <string.h>

#include "app/text.h"
#include "app/tls/tls_tx.h"
#include "config/config.h"

enum { LOG_LIST = 1024 }; /* members of one list */

/* ------------------------------------------------------------------ options */

static const struct {
    const char *name; /* in `custom` */
    uint32_t bit;
    bool basic, extended;
} field_names[] = {
    {"subject", TLS_F_SUBJECT, true, true},
    {"issuer", TLS_F_ISSUER, true, true},
    {"session_resumed", TLS_F_RESUMED, true, true},
    {"serial", TLS_F_SERIAL, false, true},
    {"fingerprint", TLS_F_FINGERPRINT, false, true},
    {"sni", TLS_F_SNI, false, true},
    {"version", TLS_F_VERSION, false, true},
    {"not_before", TLS_F_NOT_BEFORE, false, true},
    {"not_after", TLS_F_NOT_AFTER, false, true},
    {"certificate", TLS_F_CERTIFICATE, false, false},
    {"chain", TLS_F_CHAIN, false, false},
    {"ja3", TLS_F_JA3, false, true},
    {"ja3s", TLS_F_JA3S, false, true},
    {"ja4", TLS_F_JA4, false, true},
    {"subjectaltname", TLS_F_ALT_NAMES, false, true},
    {"client", TLS_F_CLIENT, false, true},
    {"client_certificate", TLS_F_CLIENT_CERT, false, false},
    {"client_chain", TLS_F_CLIENT_CHAIN, false, false},
    {"client_alpns", TLS_F_CLIENT_ALPNS, false, true},
    {"server_alpns", TLS_F_SERVER_ALPNS, false, true},
    {"client_handshake", TLS_F_CLIENT_HANDSHAKE, false, false},
    {"server_handshake", TLS_F_SERVER_HANDSHAKE, false, false},
};

static uint32_t fields_of(bool extended)
{
    uint32_t bits = 0;
    for (size_t i = 0; i < ARRAY_LEN(field_names); i++)
        if (extended ? field_names[i].extended : field_names[i].basic)
            bits |= field_names[i].bit;
    return bits;
}

static uint32_t custom_read(const struct conf_node *list)
{
    uint32_t bits = 0;
    for (const struct conf_node *n = list->child; n; n = n->next)
        for (size_t i = 0; n->value && i < ARRAY_LEN(field_names); i++)
            if (str_ieq(str_cstr(n->value), str_cstr(field_names[i].name)))
                bits |= field_names[i].bit;
    return bits;
}

static void options_read(struct tls_log_options *o, const struct conf_node *n)
{
    const struct conf_node *custom = n ? conf_sub(n, "custom") : NULL;
    *o = (struct tls_log_options){.node = n, .seen = true};
    /* A bare `- tls`: sessions that were resumed say too little. */
    o->resumed_too = !n || (n->child && conf_sub_bool(n, "session-resumption", true));
    if (custom && custom->child)
        o->fields = custom_read(custom);
    else
        o->fields = fields_of(conf_sub_bool(n, "extended", true));
    if (conf_sub_bool(n, "ja4", false))
        o->fields |= TLS_F_JA4;
}

static const struct tls_log_options *options_get(const struct app_log_ctx *c)
{
    struct tls_config *cfg = app_config_get(c->af);
    unsigned i = 0, last = ARRAY_LEN(cfg->log) - 1;
    while (i < last && cfg->log[i].seen && cfg->log[i].node != c->options)
        i++;
    if (!cfg->log[i].seen || cfg->log[i].node != c->options)
        options_read(&cfg->log[i], c->options);
    return &cfg->log[i];
}

/* ------------------------------------------------------------------ parts */

struct writer {
    struct fields *f;
    struct arena *scratch;
    struct tls_tx *t;
    uint32_t want;
    const struct tls_config *cfg;
};

static void put_text(struct writer *w, const char *key, struct str s)
{
    if (s.p)
        fields_text(w->f, w->scratch, key, s.p, s.n);
}

static void put_alt_names(struct writer *w, const struct tls_cert *c)
{
    struct cursor walk = cur_of(c->alt_names.p, c->alt_names.n);
    struct str name;
    unsigned n = 0;
    for (; n < LOG_LIST && tls_cert_alt_next(&walk, w->scratch, &name); n++) {
        if (n == 0)
            fields_array(w->f, "subjectaltname");
        fields_text(w->f, w->scratch, NULL, name.p, name.n);
    }
    if (n)
        fields_array_end(w->f);
}

static void put_times(struct writer *w, const struct tls_cert *c)
{
    if (!c->has_validity)
        return;
    if (w->want & TLS_F_NOT_BEFORE)
        fields_str(w->f, "notbefore", tls_cert_time(c->not_before, w->scratch));
    if (w->want & TLS_F_NOT_AFTER)
        fields_str(w->f, "notafter", tls_cert_time(c->not_after, w->scratch));
}

/* What is wanted of an end's certificate, by the server's bits. */
static void put_cert(struct writer *w, struct tls_side *s)
{
    const struct tls_cert *c = &s->cert;
    if (!s->has_cert)
        return;
    if (w->want & TLS_F_SUBJECT && c->has_subject)
        put_text(w, "subject", tls_cert_name(c->subject, w->scratch));
    if (w->want & TLS_F_ISSUER && c->has_issuer)
        put_text(w, "issuerdn", tls_cert_name(c->issuer, w->scratch));
    if (w->want & TLS_F_ALT_NAMES)
        put_alt_names(w, c);
    if (w->want & TLS_F_SERIAL && c->has_serial)
        put_text(w, "serial", tls_cert_serial(c, w->scratch));
    if (w->want & TLS_F_FINGERPRINT && tls_fingerprint_get(s))
        fields_cstr(w->f, "fingerprint", s->fingerprint);
    put_times(w, c);
    if (w->want & TLS_F_CERTIFICATE)
        fields_base64(w->f, "certificate", c->der.p, c->der.n);
    if (!(w->want & TLS_F_CHAIN))
        return;
    fields_array(w->f, "chain");
    for (unsigned i = 0; i < s->chain_kept; i++)
        fields_base64(w->f, NULL, s->chain[i].p, s->chain[i].n);
    fields_array_end(w->f);
}

static void put_client(struct writer *w)
{
    uint32_t saved = w->want;
    struct tls_side *s = &w->t->side[0];
    if (!s->has_cert || !(saved & (TLS_F_CLIENT | TLS_F_CLIENT_CERT | TLS_F_CLIENT_CHAIN)))
        return;
    w->want = 0;
    if (saved & TLS_F_CLIENT)
        w->want |= TLS_F_SUBJECT | TLS_F_ISSUER | TLS_F_SERIAL | TLS_F_FINGERPRINT |
                   TLS_F_NOT_BEFORE | TLS_F_NOT_AFTER | TLS_F_ALT_NAMES;
    if (saved & TLS_F_CLIENT_CERT)
        w->want |= TLS_F_CERTIFICATE;
    if (saved & TLS_F_CLIENT_CHAIN)
        w->want |= TLS_F_CHAIN;
    fields_open(w->f, "client");
    put_cert(w, s);
    fields_close(w->f);
    w->want = saved;
}

static void put_alpns(struct writer *w, const char *key, const struct tls_side *s)
{
    struct cursor c = cur_of(s->hello.alpn.p, s->hello.alpn.n);
    if (cur_left(&c) == 0)
        return;
    fields_array(w->f, key);
    for (unsigned i = 0; cur_left(&c) && i < LOG_LIST; i++) {
        struct cursor name = cur_sub(&c, cur_u8(&c));
        if (!name.bad)
            fields_text(w->f, w->scratch, NULL, name.at, (uint32_t)cur_left(&name));
    }
    fields_array_end(w->f);
}

static void put_ja3(struct writer *w, const char *key, unsigned side)
{
    const struct tls_hello *h = &w->t->side[side].hello;
    const char *hash = w->cfg->ja3 ? tls_ja3_get(w->t, side, w->scratch) : NULL;
    if (!hash)
        return;
    fields_open(w->f, key);
    fields_cstr(w->f, "hash", hash);
    put_text(w, "string",
             side == 0 ? tls_ja3_string(h, w->scratch) : tls_ja3s_string(h, w->scratch));
    fields_close(w->f);
}

static void put_numbers(struct writer *w, const char *key, struct str list)
{
    uint16_t v;
    if (list.n < 2)
        return;
    fields_array(w->f, key);
    for (unsigned i = 0; i < LOG_LIST && tls_list_u16(list, i, &v); i++)
        if (!tls_grease(v))
            fields_u64(w->f, NULL, v);
    fields_array_end(w->f);
}

static void put_extensions(struct writer *w, const struct tls_hello *h)
{
    struct cursor c = cur_of(h->extensions.p, h->extensions.n);
    uint16_t type;
    struct str body;
    if (cur_left(&c) == 0)
        return;
    fields_array(w->f, "exts");
    for (unsigned i = 0; i < LOG_LIST && tls_extension_next(&c, &type, &body); i++)
        if (!tls_grease(type))
            fields_u64(w->f, NULL, type);
    fields_array_end(w->f);
}

static void put_handshake(struct writer *w, const char *key, unsigned side)
{
    const struct tls_side *s = &w->t->side[side];
    uint16_t cipher;
    if (!s->has_hello)
        return;
    fields_open(w->f, key);
    fields_str(w->f, "version", tls_version_name(s->hello.version, w->scratch));
    if (side == 0)
        put_numbers(w, "ciphers", s->hello.ciphers);
    else if (tls_list_u16(s->hello.ciphers, 0, &cipher))
        fields_u64(w->f, "cipher", cipher);
    put_extensions(w, &s->hello);
    if (side == 0)
        put_numbers(w, "sig_algs", s->hello.sig_algs);
    fields_close(w->f);
}

static void put_hellos(struct writer *w, const struct app_flow *af)
{
    struct tls_tx *t = w->t;
    uint16_t orig = af->flow->app_proto_orig;
    if (orig != APP_UNKNOWN && orig != APP_TLS && app_name(orig))
        fields_cstr(w->f, "from_proto", app_name(orig));
    if (w->want & TLS_F_SNI)
        put_text(w, "sni", t->side[0].hello.sni);
    if (w->want & TLS_F_VERSION)
        fields_str(w->f, "version", tls_version_name(tls_version_of(t), w->scratch));
    if (w->want & TLS_F_RESUMED && t->resumed)
        fields_bool(w->f, "session_resumed", true);
    if (w->want & TLS_F_CLIENT_ALPNS)
        put_alpns(w, "client_alpns", &t->side[0]);
    if (w->want & TLS_F_SERVER_ALPNS)
        put_alpns(w, "server_alpns", &t->side[1]);
    if (w->want & TLS_F_JA3)
        put_ja3(w, "ja3", 0);
    if (w->want & TLS_F_JA3S)
        put_ja3(w, "ja3s", 1);
    if (w->want & TLS_F_JA4 && w->cfg->ja4 && tls_ja4_get(t, w->scratch))
        fields_cstr(w->f, "ja4", t->ja4);
    if (w->want & TLS_F_CLIENT_HANDSHAKE)
        put_handshake(w, "client_handshake", 0);
    if (w->want & TLS_F_SERVER_HANDSHAKE)
        put_handshake(w, "server_handshake", 1);
}

static void put_all(const struct app_log_ctx *c, struct fields *out, uint32_t want)
{
    struct writer w = {.f = out,
                       .scratch = c->scratch,
                       .t = tls_tx_of(c->tx),
                       .want = want,
                       .cfg = app_config_get(c->af)};
    fields_open(out, "tls");
    put_cert(&w, &w.t->side[1]);
    put_hellos(&w, c->af);
    put_client(&w);
    fields_close(out);
}

/* ------------------------------------------------------------------ records of the log */

static bool write_tls(const struct app_log_ctx *c, struct fields *out)
{
    const struct tls_tx *t = tls_tx_of(c->tx);
    if (!t->side[0].has_hello && !t->side[1].has_hello)
        return false;
    const struct tls_log_options *o = options_get(c);
    if (t->resumed && !o->resumed_too)
        return false;
    put_all(c, out, o->fields);
    return true;
}

const struct app_log tls_logs[] = {
    {"tls", {TLS_CLIENT_CERT_DONE, TLS_SERVER_HELLO_DONE}, write_tls, 0},
    {.event_type = NULL},
};

void tls_alert_fields(const struct app_log_ctx *c, struct fields *out)
{
    if (c->tx)
        put_all(c, out, fields_of(true));
}
