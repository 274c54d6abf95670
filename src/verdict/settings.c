/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The settings of responses: words, own networks, responses by query. */
#include "verdict/respond.h"

#include "config/config.h"
#include "verdict/override.h"
#include "verdict/query.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { DEFAULTS_MOST = 256 };

/* ------------------------------------------------------------------ words */

static const struct {
    const char *word;
    uint8_t bits;
} words[] = {
    {"reset_source", RESP_RST_SRC}, {"reset_dest", RESP_RST_DST},    {"reset_both", RESP_RST_BOTH},
    {"rst_snd", RESP_RST_SRC},      {"rst_rcv", RESP_RST_DST},       {"rst_all", RESP_RST_BOTH},
    {"icmp_net", RESP_ICMP_NET},    {"icmp_host", RESP_ICMP_HOST},   {"icmp_port", RESP_ICMP_PORT},
    {"icmp_all", RESP_ICMP_ALL},    {"icmp_admin", RESP_ICMP_ADMIN}, {"none", 0},
};

int response_words(struct str text, uint8_t *bits, struct str *bad)
{
    uint8_t sum = 0;
    for (text = str_trim(text); text.n;) {
        struct str w = str_trim(str_split(text, ',', &text));
        size_t k = 0;
        while (k < ARRAY_LEN(words) && !str_ieq(w, str_cstr(words[k].word)))
            k++;
        if (k == ARRAY_LEN(words)) {
            *bad = w;
            return -1;
        }
        sum |= words[k].bits;
    }
    *bits = sum;
    return 0;
}

static bool words_read(const char *text, uint8_t *bits, const struct conf_node *at,
                       const char *what, struct diags *d)
{
    struct str bad;
    if (!response_words(str_cstr(text), bits, &bad))
        return true;
    diag_add(d, DIAG_ERROR, at ? at->file : NULL, at ? at->line : 0, at ? at->column : 0,
             "reset_source, reset_dest, reset_both, icmp_net, icmp_host, icmp_port, icmp_all, "
             "icmp_admin, none",
             "%s: \"" STR_FMT "\" is no response", what, STR_ARG(bad));
    return false;
}

/* ------------------------------------------------------------------ policy */

struct response_default {
    struct query *query;
    uint8_t bits;
};
struct response_policy {
    struct arena arena;
    bool all; /* every address is ours */
    struct ip_ranges own;
    struct response_default by_query[DEFAULTS_MOST];
    unsigned n;
    struct overrides *overrides;
};

static const char *variable(void *ctx, bool port, const char *name)
{
    return port ? conf_port_var(ctx, name) : conf_address_var(ctx, name);
}

/* The list as one expression: "[a,b]". */
static struct str networks_text(struct response_policy *p, const struct conf_node *list)
{
    struct str s = STR("");
    if (!list || (list->kind != CONF_SCALAR && !list->child))
        return STR("$HOME_NET");
    if (list->kind == CONF_SCALAR)
        return str_cstr(list->value);
    for (const struct conf_node *k = list->child; k; k = k->next)
        if (k->value)
            s = arena_printf(&p->arena, STR_FMT "%s%s", STR_ARG(s), s.n ? "," : "", k->value);
    return arena_printf(&p->arena, "[" STR_FMT "]", STR_ARG(s));
}

/* A policy without networks owns nothing: no response is sent, and the error says why. */
static int networks_read(struct response_policy *p, const struct conf *c, struct diags *d)
{
    const struct conf_node *list = conf_node(c, "response.networks");
    struct str text = networks_text(p, list);
    if (!text.p)
        return -1;
    if (str_ieq(text, STR("any")) || str_ieq(text, STR("[any]"))) {
        p->all = true;
        return 0;
    }
    /* rules_var_fn takes its context without const and does not write to it. */
    union {
        const struct conf *in;
        void *out;
    } ctx = {.in = c};
    struct diags why;
    diags_init(&why, &p->arena);
    if (rules_resolve_addr(&p->arena, text, variable, ctx.out, &p->own, &why))
        diag_add(d, DIAG_ERROR, list ? list->file : NULL, list ? list->line : 0,
                 list ? list->column : 0, "write networks as [10.0.0.0/8, $HOME_NET], or any",
                 "response.networks: \"" STR_FMT "\" can't be used, nothing will be answered: %s",
                 STR_ARG(text), why.first ? why.first->reason : "no memory");
    return 0;
}

static int defaults_read(struct response_policy *p, const struct conf *c, struct diags *d)
{
    const struct conf_node *list = conf_node(c, "response.default");
    for (const struct conf_node *k = list ? list->child : NULL; k; k = k->next) {
        const char *query = conf_sub_str(k, "query", NULL), *resp = conf_sub_str(k, "resp", NULL),
                   *why = NULL;
        struct response_default *x = &p->by_query[p->n];
        if (!query || !resp || p->n == DEFAULTS_MOST) {
            diag_add(d, DIAG_ERROR, k->file, k->line, k->column,
                     "- {query: \"classtype:trojan-activity\", resp: reset_both}",
                     p->n == DEFAULTS_MOST ? "response.default: more than 256 entries"
                                           : "response.default: an entry has a query and a resp");
            continue;
        }
        if (!words_read(resp, &x->bits, k, "response.default", d))
            continue;
        x->query = query_parse(&p->arena, str_cstr(query), &why);
        if (x->query)
            p->n++;
        else
            diag_add(d, DIAG_ERROR, k->file, k->line, k->column, NULL,
                     "response.default: query \"%s\": %s", query, why);
    }
    return 0;
}

struct response_policy *response_policy_new(const struct conf *c, struct diags *d)
{
    struct response_policy *p = calloc(1, sizeof(*p));
    if (!p)
        return NULL;
    arena_init(&p->arena, 0, 0);
    p->overrides = overrides_read(&p->arena, c, d);
    if (!p->overrides || networks_read(p, c, d) || defaults_read(p, c, d)) {
        response_policy_free(p);
        return NULL;
    }
    return p;
}

void response_policy_free(struct response_policy *p)
{
    if (!p)
        return;
    arena_done(&p->arena);
    free(p);
}

bool response_policy_own(void *policy, uint8_t ver, const struct ip_addr *a)
{
    const struct response_policy *p = policy;
    if (p->all)
        return true;
    const struct ip_range *r = ver == 4 ? p->own.v4 : p->own.v6;
    uint32_t lo = 0, hi = ver == 4 ? p->own.n4 : p->own.n6;
    while (lo < hi) { /* the last range that begins at or before a */
        uint32_t mid = lo + (hi - lo) / 2;
        if (ip_cmp(&r[mid].lo, a) <= 0)
            lo = mid + 1;
        else
            hi = mid;
    }
    return lo && ip_cmp(a, &r[lo - 1].hi) <= 0;
}

void response_policy_tune(void *policy, const struct image *i, uint32_t rule,
                          struct overlay_rule *r)
{
    const struct response_policy *p = policy;
    struct image_rule_info info;
    overrides_apply(p->overrides, i, rule, r);
    if (r->response)
        return;
    image_rule(i, rule, &info);
    if (info.flags & RULE_NOALERT) /* it marks what is mostly harmless, and nobody would see why it died */
        return;
    for (unsigned k = 0; k < p->n; k++) /* the first that fits */
        if (query_match(p->by_query[k].query, i, rule, r)) {
            r->response = p->by_query[k].bits;
            return;
        }
}

void response_policy_tell(const struct response_policy *p, struct diags *d)
{
    overrides_tell(p->overrides, d);
}

/* ------------------------------------------------------------------ configuration */

static bool mac_read(const struct conf *c, const char *path, uint8_t out[6], struct diags *d)
{
    const char *text = conf_str(c, path);
    unsigned v[6];
    char more;
    if (!text || !*text)
        return false;
    if (sscanf(text, "%2x%*1[:-]%2x%*1[:-]%2x%*1[:-]%2x%*1[:-]%2x%*1[:-]%2x%c", &v[0], &v[1], &v[2],
               &v[3], &v[4], &v[5], &more) != 6) {
        const struct conf_node *at = conf_node(c, path);
        diag_add(d, DIAG_ERROR, at ? at->file : NULL, at ? at->line : 0, at ? at->column : 0,
                 "six bytes in hex: 02:00:00:00:00:01", "%s: \"%s\" is no MAC address", path, text);
        return false;
    }
    if (v[0] & 1) {
        const struct conf_node *at = conf_node(c, path);
        diag_add(d, DIAG_ERROR, at ? at->file : NULL, at ? at->line : 0, at ? at->column : 0, "name one port's address",
                 "%s: \"%s\" is the address of a group", path, text);
        return false;
    }
    for (unsigned k = 0; k < 6; k++)
        out[k] = (uint8_t)v[k];
    return true;
}

uint8_t response_on_drop(const struct conf *c, struct diags *d)
{
    const char *text = conf_str(c, "response.on-drop");
    uint8_t bits = 0;
    if (!text || !*text || conf_truth(text) == 0)
        return 0;
    if (conf_truth(text) == 1)
        return RESP_RST_BOTH | RESP_ICMP_PORT;
    return words_read(text, &bits, conf_node(c, "response.on-drop"), "response.on-drop", d) ? bits
                                                                                            : 0;
}

void response_config_read(const struct conf *c, struct response_policy *p,
                          struct response_config *out, struct diags *d)
{
    *out = (struct response_config){
        .attempts = (uint8_t)conf_int(c, "response.attempts"),
        .chase = true,
        .table_rows = (uint32_t)conf_int(c, "response.table.rows"),
        .table_bytes = conf_bytes(c, "response.table.memcap"),
        .table_ns = conf_ns(c, "response.table.time"),
        .rate_per_s = (uint32_t)conf_int(c, "response.rate-limit"),
        .rate_per_target_s = (uint32_t)conf_int(c, "response.target-rate-limit"),
        .own = p ? response_policy_own : NULL,
        .ctx = p,
    };
    out->has_dst_mac = mac_read(c, "response.dst-mac", out->dst_mac, d);
    out->has_src_mac = mac_read(c, "response.src-mac", out->src_mac, d);
}

/* ------------------------------------------------------------------ what a mirror can't prevent */

static bool of_quic(const struct rule *r)
{
    bool quic = r->app == APP_QUIC;
    for (unsigned k = 0; k < r->n_apps; k++)
        quic |= r->apps[k] == APP_QUIC;
    return quic;
}

const char *response_limit(const struct rule *r)
{
    if (of_quic(r))
        return "QUIC ignores forged answers: only a sensor in the wire can stop it";
    if (!(r->transports & RULE_TCP))
        return "an attack of one packet has arrived before any answer: only a sensor in the wire "
               "can prevent it";
    return NULL;
}

static bool wants_to_prevent(const struct rule *r)
{
    static const bool actions[ACTION_COUNT] = {
        [ACTION_DROP] = true,       [ACTION_SDROP] = true,     [ACTION_BLOCK] = true,
        [ACTION_REJECT] = true,     [ACTION_REJECTSRC] = true, [ACTION_REJECTDST] = true,
        [ACTION_REJECTBOTH] = true, [ACTION_RESET] = true,     [ACTION_REACT] = true,
    };
    return r->response || (r->action < ACTION_COUNT && actions[r->action]);
}

void response_mirror_note(struct rule_set *s)
{
    unsigned n = response_lint(s, NULL, NULL, NULL);
    if (n)
        diag_add(&s->diags, DIAG_WARNING, NULL, 0, 0, "riposte check --lint names them",
                 "%u rule%s an answer that a mirror port can't give in time (attacks of one packet, QUIC)", n,
                 n == 1 ? " names" : "s name");
}

unsigned response_lint(const struct rule_set *s, rules_note_fn *f, void *ctx, unsigned *quic)
{
    unsigned n = 0, n_quic = 0;
    for (uint32_t k = 0; k < s->n_rules; k++) {
        const struct rule *r = s->rules[k];
        const char *why = wants_to_prevent(r) ? response_limit(r) : NULL;
        if (why && f)
            f(ctx, r, of_quic(r) ? "quic" : "one-packet", why);
        n += why != NULL;
        n_quic += why && of_quic(r);
    }
    if (quic)
        *quic = n_quic;
    return n;
}
