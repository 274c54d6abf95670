/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Settings of HTTP: default-config, and server-config by the server's address.  What an entry of
 * server-config does not say is taken from default-config, and what neither says from the table of
 * settings.
 */
#include "app/http/http_tx.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "config/config.h"

#define BASE "app-layer.protocols.http.libhtp.default-config"

/* Bodies, headers: libhtp's own limits and ours. */
enum { LIMIT_SOFT = 9000, LIMIT_HARD = 18000, MAX_TX = 512, HEADERS = 1024 };
enum { REQUEST, RESPONSE };

static const struct {
    const char *name;
    enum htp_server_personality_t id;
} personalities[] = {
    {"minimal", HTP_SERVER_MINIMAL}, {"generic", HTP_SERVER_GENERIC},
    {"ids", HTP_SERVER_IDS},         {"iis_4_0", HTP_SERVER_IIS_4_0},
    {"iis_5_0", HTP_SERVER_IIS_5_0}, {"iis_5_1", HTP_SERVER_IIS_5_1},
    {"iis_6_0", HTP_SERVER_IIS_6_0}, {"iis_7_0", HTP_SERVER_IIS_7_0},
    {"iis_7_5", HTP_SERVER_IIS_7_5}, {"apache_2", HTP_SERVER_APACHE_2},
    {"apache", HTP_SERVER_APACHE_2}, {"apache_2_2", HTP_SERVER_APACHE_2},
};

/* A key of a server: its own node, then default-config's, then the table's default. */
struct keys {
    const struct conf_node *own, *base;
};
static const char *text_of(const struct keys *k, const char *key, const char *otherwise)
{
    char path[128];
    const char *s = conf_sub_str(k->own, key, NULL);
    if (!s)
        s = conf_sub_str(k->base, key, NULL);
    if (s)
        return s;
    snprintf(path, sizeof path, BASE ".%s", key);
    const struct setting *row = setting_find(path);
    return row && row->dflt ? row->dflt : otherwise;
}
static bool truth_of(const struct keys *k, const char *key, bool otherwise)
{
    const char *s = text_of(k, key, NULL);
    int truth = s ? conf_truth(s) : -1;
    return truth < 0 ? otherwise : truth;
}
static uint64_t bytes_of(const struct keys *k, const char *key, uint64_t otherwise)
{
    const char *s = text_of(k, key, NULL);
    uint64_t n;
    return s && str_size(str_cstr(s), &n) ? n : otherwise;
}
static uint32_t limit_of(const struct keys *k, const char *key, uint32_t otherwise)
{
    uint64_t n = bytes_of(k, key, otherwise);
    return n == 0 || n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

/* IDS turns paths to lower case, which no rule expects. */
static bool personality(struct http_server *s, enum htp_server_personality_t id)
{
    if (htp_config_set_server_personality(s->htp, id) != HTP_OK)
        return false;
    if (id == HTP_SERVER_IDS)
        htp_config_set_convert_lowercase(s->htp, HTP_DECODER_URL_PATH, 0);
    return true;
}
static bool set_personality(struct http_server *s, const struct keys *k, struct diags *d)
{
    const char *name = text_of(k, "personality", "IDS");
    for (unsigned i = 0; i < ARRAY_LEN(personalities); i++)
        if (str_ieq(str_cstr(personalities[i].name), str_cstr(name)))
            return personality(s, personalities[i].id);
    if (d)
        diag_add(d, DIAG_WARNING, k->own ? k->own->file : NULL, k->own ? k->own->line : 0, 0,
                 "Minimal, Generic, IDS, IIS_4_0 to IIS_7_5 or Apache_2",
                 "personality %s is unknown: IDS is used", name);
    return personality(s, HTP_SERVER_IDS);
}
/*
 * Decoding is ours (http_decode.c), since libhtp's depends on how the body is cut and watches the
 * clock. decompression-time-limit has no effect: what is made is bounded by compression-bomb-limit.
 */
static void set_decompression(struct http_server *s, const struct keys *k)
{
    s->layers = (uint32_t)bytes_of(k, "response-body-decompress-layer-limit", 2);
    s->lzma = truth_of(k, "lzma-enabled", false);
    s->brotli = truth_of(k, "brotli-enabled", true);
    s->lzma_memlimit = bytes_of(k, "lzma-memlimit", 1 << 20);
    s->bomb_limit = bytes_of(k, "compression-bomb-limit", 1 << 20);
    s->bombs_max = (uint32_t)bytes_of(k, "compression-bomb-count", 3);
    htp_config_set_response_decompression(s->htp, 0);
    htp_config_set_request_decompression(s->htp, 0);
}
static void set_decoding(struct http_server *s, const struct keys *k)
{
    s->double_decode_path = truth_of(k, "double-decode-path", false);
    s->double_decode_query = truth_of(k, "double-decode-query", false);
    s->uri_include_all = truth_of(k, "uri-include-all", false);
    htp_config_set_plusspace_decode(s->htp, HTP_DECODER_URLENCODED,
                                    truth_of(k, "query-plusspace-decode", false));
    if (conf_sub_str(k->own, "path-convert-backslash-separators", NULL))
        htp_config_set_backslash_convert_slashes(
            s->htp, HTP_DECODER_URL_PATH, truth_of(k, "path-convert-backslash-separators", false));
    static const struct {
        const char *key;
        void (*set)(htp_cfg_t *, enum htp_decoder_ctx_t, int);
    } path_switches[] = {
        {"path-convert-lowercase", htp_config_set_convert_lowercase},
        {"path-nul-encoded-terminates", htp_config_set_nul_encoded_terminates},
        {"path-nul-raw-terminates", htp_config_set_nul_raw_terminates},
        {"path-separators-compress", htp_config_set_path_separators_compress},
        {"path-separators-decode", htp_config_set_path_separators_decode},
        {"path-u-encoding-decode", htp_config_set_u_encoding_decode},
        {"path-utf8-convert-bestfit", htp_config_set_utf8_convert_bestfit},
        {"path-convert-utf8", htp_config_set_utf8_convert_bestfit},
    };
    for (unsigned i = 0; i < ARRAY_LEN(path_switches); i++)
        if (conf_sub_str(k->own, path_switches[i].key, NULL))
            path_switches[i].set(s->htp, HTP_DECODER_URL_PATH,
                                 conf_sub_bool(k->own, path_switches[i].key, false));
}
static void set_limits(struct http_server *s, const struct keys *k)
{
    const char *at_once = text_of(k, "http-body-inline", "auto");
    s->body_limit[REQUEST] = limit_of(k, "request-body-limit", 4096);
    s->body_limit[RESPONSE] = limit_of(k, "response-body-limit", 4096);
    s->min_inspect[REQUEST] = (uint32_t)bytes_of(k, "request-body-minimal-inspect-size", 32768);
    s->min_inspect[RESPONSE] = (uint32_t)bytes_of(k, "response-body-minimal-inspect-size", 32768);
    s->window[REQUEST] = (uint32_t)bytes_of(k, "request-body-inspect-window", 4096);
    s->window[RESPONSE] = (uint32_t)bytes_of(k, "response-body-inspect-window", 4096);
    s->body_inline = (int8_t)conf_truth(at_once);
    uint64_t hard = 0;
    const char *meta = conf_sub_str(k->own, "meta-field-limit", NULL);
    if (!meta)
        meta = conf_sub_str(k->own, "header-limit", NULL);
    if (!meta || !str_size(str_cstr(meta), &hard) || hard == 0)
        hard = LIMIT_HARD;
    htp_config_set_field_limits(s->htp, hard < LIMIT_SOFT ? hard : LIMIT_SOFT, hard);
    htp_config_set_number_headers_limit(s->htp, (uint32_t)bytes_of(k, "headers-limit", HEADERS));
}
static bool server_init(struct http_server *s, const struct conf_node *own,
                        const struct conf_node *base, struct diags *d)
{
    struct keys k = {.own = own, .base = base};
    s->htp = htp_config_create();
    if (!s->htp || !set_personality(s, &k, d))
        return false;
    set_decompression(s, &k);
    set_decoding(s, &k);
    set_limits(s, &k);
    htp_config_set_parse_request_cookies(s->htp, 0);
    htp_config_set_allow_space_uri(s->htp, 1);
    http_register(s->htp);
    return true;
}

static int add_address(struct http_config *h, struct str text, unsigned server,
                       const struct conf_node *n, struct diags *d)
{
    struct ip_prefix p;
    text = str_trim(text);
    if (!text.n)
        return 0;
    if (ip_prefix_parse(text, &p))
        return lpm_add(h->by_address, &p, server);
    if (d)
        diag_add(d, DIAG_ERROR, n->file, n->line, n->column,
                 "an address or a network like 192.168.0.0/24", "%.*s is no address", (int)text.n,
                 (const char *)text.p);
    return 0;
}
static int add_addresses(struct http_config *h, const struct conf_node *list, unsigned server,
                         struct diags *d)
{
    if (!list)
        return 0;
    if (list->kind == CONF_SCALAR) {
        struct str rest = str_cstr(list->value);
        int rc = 0;
        if (rest.n >= 2 && rest.p[0] == '[' && rest.p[rest.n - 1] == ']')
            rest = str_of(rest.p + 1, rest.n - 2);
        while (rest.n && !rc)
            rc = add_address(h, str_split(rest, ',', &rest), server, list, d);
        return rc;
    }
    for (const struct conf_node *n = list->child; n; n = n->next)
        if (n->kind == CONF_SCALAR) {
            int rc = add_address(h, str_cstr(n->value), server, n, d);
            if (rc)
                return rc;
        }
    return 0;
}

static unsigned count(const struct conf_node *list)
{
    unsigned n = 0;
    for (const struct conf_node *i = list ? list->child : NULL; i; i = i->next)
        n++;
    return n;
}
void *http_config_new(const struct conf *c, struct diags *d)
{
    const struct conf_node *base = conf_node(c, BASE);
    const struct conf_node *list = conf_node(c, "app-layer.protocols.http.libhtp.server-config");
    struct http_config *h = calloc(1, sizeof *h);
    struct keys k = {.own = base};
    if (!h || !(h->server = calloc(count(list) + 1, sizeof *h->server)) ||
        !(h->by_address = lpm_new()))
        goto failed;
    h->max_tx = (uint32_t)bytes_of(&k, "max-tx", MAX_TX);
    h->n_servers = 1;
    if (!server_init(&h->server[0], base, NULL, d))
        goto failed;
    for (const struct conf_node *i = list ? list->child : NULL; i; i = i->next) {
        const char *name;
        const struct conf_node *own = conf_item(i, &name);
        unsigned at = h->n_servers++;
        if (!own || !server_init(&h->server[at], own, base, d) ||
            add_addresses(h, conf_sub(own, "address"), at, d) < 0)
            goto failed;
    }
    return h;
failed:
    http_config_free(h);
    return NULL;
}
void http_config_free(void *config)
{
    struct http_config *h = config;
    if (!h)
        return;
    for (unsigned i = 0; i < h->n_servers; i++)
        if (h->server[i].htp)
            htp_config_destroy(h->server[i].htp);
    free(h->server);
    lpm_free(h->by_address);
    free(h);
}
const struct http_server *http_server_of(const struct http_config *c, const struct flow *f)
{
    uint32_t i = lpm_get(c->by_address, f->ver, &f->addr[1]);
    return &c->server[i == LPM_NONE ? 0 : i];
}
