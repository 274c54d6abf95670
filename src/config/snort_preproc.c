/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * preprocessor NAME: options that have a counterpart here become settings; the others are named,
 * all of one statement in one warning.
 */
#include "config/snort.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

struct option;
struct work {
    struct snort *s;
    const char *name;  /* of the preprocessor */
    const char *scope; /* "defrag" or "stream", where a policy goes */
    struct str policy, networks;
    struct sbuf unused; /* options without counterpart */
};
struct option {
    const char *word;
    int (*f)(struct work *w, const struct option *o, struct str *args);
    const char *path;
};

static int opt_value(struct work *w, const struct option *o, struct str *args)
{
    char text[64];
    struct str v = snort_inside(snort_word(args));
    const struct setting *row = setting_find(o->path);
    if (!v.n || v.n >= sizeof(text))
        return 0;
    memcpy(text, v.p, v.n);
    text[v.n] = 0;
    if (value_wrong(row, text)) {
        snort_warn(w->s, "preprocessor %s: %s %s: out of range here, left out", w->name, o->word,
                   text);
        return 0;
    }
    return snort_set(w->s, o->path, v);
}

/* Bytes of a body: -1 means none and 0 all. */
static int opt_depth(struct work *w, const struct option *o, struct str *args)
{
    struct str left = *args, v = snort_word(&left);
    if (!str_eq(v, STR("-1")))
        return opt_value(w, o, args);
    *args = left;
    snort_warn(w->s, "preprocessor %s: %s -1: bodies are inspected within their limits", w->name,
               o->word);
    return 0;
}

static int opt_quiet(struct work *w, const struct option *o, struct str *args)
{
    (void)w;
    (void)o;
    (void)args;
    return 0;
}

/* { 80 8080 } or { 80, 8080 } becomes "80, 8080"; other words than numbers are left out. */
static int opt_ports(struct work *w, const struct option *o, struct str *args)
{
    struct str list = snort_inside(snort_word(args));
    if (str_eq(list, STR("client")) || str_eq(list, STR("server")) || str_eq(list, STR("both")))
        return 0;
    struct sbuf b;
    sbuf_init(&b);
    for (struct str p = snort_word(&list); p.n; p = snort_word(&list)) {
        uint64_t port;
        if (!str_u64(p, &port) || port > 65535)
            continue;
        if (b.n)
            sbuf_cstr(&b, ", ");
        sbuf_u64(&b, port);
    }
    int rc = b.failed ? -ENOMEM : b.n ? snort_set(w->s, o->path, sbuf_view(&b)) : 0;
    sbuf_done(&b);
    return rc;
}

static int opt_policy(struct work *w, const struct option *o, struct str *args)
{
    (void)o;
    w->policy = snort_word(args);
    return 0;
}

static int opt_bind(struct work *w, const struct option *o, struct str *args)
{
    (void)o;
    w->networks = snort_word(args);
    return 0;
}

static int opt_3whs(struct work *w, const struct option *o, struct str *args)
{
    (void)o;
    (void)args;
    w->s->needs_3whs = true;
    return 0;
}

/* A switch of the same meaning: yes or no follows, or nothing. */
static int opt_truth(struct work *w, const struct option *o, struct str *args)
{
    struct str left = *args, v = snort_word(&left);
    bool no = str_ieq(v, STR("no"));
    if (no || str_ieq(v, STR("yes")))
        *args = left;
    return snort_set_z(w->s, o->path, no ? "no" : "yes");
}

static int opt_profile(struct work *w, const struct option *o, struct str *args)
{
    struct str v = snort_word(args);
    const char *personality = "IDS";
    if (str_eq(v, STR("apache")))
        personality = "Apache_2";
    else if (str_istarts(v, STR("iis")))
        personality = "IIS_7_0";
    return snort_set_z(w->s, o->path, personality);
}

#define HTTP(key) "app-layer.protocols.http." key
#define HTP(key)  HTTP("libhtp.default-config." key)
#define PORTS(n)  "app-layer.protocols." n ".detection-ports.dp"
#define END                                                                                        \
    {                                                                                              \
        NULL, NULL, NULL                                                                           \
    }

static const struct option frag_global[] = {
    {"max_frags", opt_value, "defrag.max-frags"},
    {"memcap", opt_value, "defrag.memcap"},
    {"timeout", opt_value, "defrag.timeout"},
    {"prealloc_frags", opt_quiet, NULL},
    {"prealloc_memcap", opt_quiet, NULL},
    {"prealloc_nodes", opt_quiet, NULL},
    END,
};
static const struct option frag_engine[] = {
    {"policy", opt_policy, NULL},
    {"bind_to", opt_bind, NULL},
    {"timeout", opt_value, "defrag.timeout"},
    {"detect_anomalies", opt_quiet, NULL},
    END,
};
static const struct option stream_global[] = {
    {"memcap", opt_value, "stream.reassembly.memcap"},
    {"min_response_seconds", opt_value, "response.table.time"},
    {"track_tcp", opt_quiet, NULL},
    {"track_udp", opt_quiet, NULL},
    {"track_icmp", opt_quiet, NULL},
    END,
};
static const struct option stream_tcp[] = {
    {"policy", opt_policy, NULL},
    {"bind_to", opt_bind, NULL},
    {"timeout", opt_value, "flow-timeouts.tcp.established"},
    {"require_3whs", opt_3whs, NULL},
    {"ports", opt_quiet, NULL}, /* all ports are reassembled, both ways */
    {"client", opt_quiet, NULL},
    {"server", opt_quiet, NULL},
    {"both", opt_quiet, NULL},
    {"all", opt_quiet, NULL},
    {"detect_anomalies", opt_quiet, NULL},
    {"use_static_footprint_sizes", opt_quiet, NULL},
    END,
};
static const struct option stream_old[] = {
    {"timeout", opt_value, "flow-timeouts.tcp.established"},
    {"memcap", opt_value, "stream.reassembly.memcap"},
    {"enforce_state", opt_3whs, NULL},
    END,
};
static const struct option stream_udp[] = {
    {"timeout", opt_value, "flow-timeouts.udp.established"},
    {"ignore_any_rules", opt_quiet, NULL},
    END,
};
static const struct option stream_icmp[] = {
    {"timeout", opt_value, "flow-timeouts.icmp.established"},
    END,
};
static const struct option http_server[] = {
    {"server", opt_quiet, NULL},
    {"default", opt_quiet, NULL},
    {"profile", opt_profile, HTP("personality")},
    {"ports", opt_ports, HTTP("detection-ports.dp")},
    {"server_flow_depth", opt_depth, HTP("response-body-limit")},
    {"flow_depth", opt_depth, HTP("response-body-limit")},
    {"post_depth", opt_depth, HTP("request-body-limit")},
    {"double_decode", opt_truth, HTP("double-decode-path")},
    {"inspect_gzip", opt_quiet, NULL},
    {"enable_cookie", opt_quiet, NULL},
    {"extended_response_inspection", opt_quiet, NULL},
    {"enable_xff", opt_quiet, NULL},
    END,
};
static const struct option telnet[] = {{"ports", opt_ports, PORTS("telnet")}, END};
static const struct option ftp[] = {{"ports", opt_ports, PORTS("ftp")}, END};
static const struct option smtp[] = {{"ports", opt_ports, PORTS("smtp")}, END};
static const struct option imap[] = {{"ports", opt_ports, PORTS("imap")}, END};
static const struct option pop3[] = {{"ports", opt_ports, PORTS("pop3")}, END};
static const struct option ssh[] = {
    {"server_ports", opt_ports, PORTS("ssh")}, {"autodetect", opt_quiet, NULL}, END};
static const struct option dns[] = {{"ports", opt_ports, PORTS("dns")}, END};
static const struct option ssl[] = {{"ports", opt_ports, PORTS("tls")},
                                    {"noinspect_encrypted", opt_quiet, NULL},
                                    {"trustservers", opt_quiet, NULL},
                                    END};
static const struct option sip[] = {{"ports", opt_ports, PORTS("sip")}, END};
static const struct option modbus[] = {{"ports", opt_ports, PORTS("modbus")}, END};
static const struct option dnp3[] = {{"ports", opt_ports, PORTS("dnp3")}, END};
static const struct option none[] = {END};

static const struct preprocessor {
    const char *name;
    const struct option *options; /* NULL: no counterpart at all */
    const char *enable;           /* protocol that it turns on */
} table[] = {
    {"frag2", frag_global, NULL},
    {"frag3_global", frag_global, NULL},
    {"frag3_engine", frag_engine, NULL},
    {"stream4", stream_old, NULL},
    {"stream4_reassemble", none, NULL},
    {"stream5_global", stream_global, NULL},
    {"stream5_tcp", stream_tcp, NULL},
    {"stream5_udp", stream_udp, NULL},
    {"stream5_icmp", stream_icmp, NULL},
    {"http_inspect", none, NULL},
    {"http_inspect_server", http_server, NULL},
    {"ftp_telnet", none, NULL},
    {"smtp", smtp, NULL},
    {"imap", imap, NULL},
    {"pop", pop3, NULL},
    {"ssh", ssh, NULL},
    {"dns", dns, NULL},
    {"ssl", ssl, NULL},
    {"sip", sip, NULL},
    {"dcerpc", none, NULL},
    {"dcerpc2", none, NULL},
    {"dcerpc2_server", none, NULL},
    {"modbus", modbus, "app-layer.protocols.modbus.enabled"},
    {"dnp3", dnp3, "app-layer.protocols.dnp3.enabled"},
};

/* Snort's names of policies; what is not here has the same name. */
static struct str policy_name(struct str p)
{
    static const struct {
        const char *theirs, *ours;
    } names[] = {
        {"hpux", "hpux11"},         {"win2003", "windows2k3"},     {"win2k3", "windows2k3"},
        {"win-2003", "windows2k3"}, {"windows2003", "windows2k3"}, {"unix", "bsd"},
        {"openbsd", "linux"},
    };
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_ieq(p, str_cstr(names[i].theirs)))
            return str_cstr(names[i].ours);
    return p;
}

static int bind_policy(struct work *w)
{
    static const char *const known[] = {"first",       "last",       "bsd",     "bsd-right",
                                        "linux",       "old-linux",  "windows", "solaris",
                                        "old-solaris", "windows2k3", "vista",   "macos",
                                        "irix",        "hpux10",     "hpux11"};
    char path[64];
    struct str p = policy_name(w->policy);
    const char *name = NULL;
    for (size_t i = 0; i < ARRAY_LEN(known) && !name; i++)
        if (str_ieq(p, str_cstr(known[i])))
            name = known[i];
    if (!name) {
        snort_warn(w->s, "preprocessor %s: unknown policy %.*s", w->name,
                   (int)u32_min(w->policy.n, 60), (const char *)w->policy.p);
        return 0;
    }
    (void)snprintf(path, sizeof(path), "%s.host-os-policy.%s", w->scope, name);
    if (!w->networks.n) {
        int rc = snort_item(w->s, path, STR("0.0.0.0/0"));
        return rc ? rc : snort_item(w->s, path, STR("::/0"));
    }
    struct sbuf b;
    sbuf_init(&b);
    int rc = snort_expand(w->s, w->networks, true, &b, 0);
    struct str list = snort_inside(sbuf_view(&b));
    for (struct str n = snort_word(&list); n.n && !rc; n = snort_word(&list))
        rc = snort_item(w->s, path, n);
    sbuf_done(&b);
    return rc;
}

/* Remembers the names of options, not their values. */
static void note_unused(struct work *w, struct str word)
{
    static const char *const values[] = {"yes", "no", "global", "stateful", "stateless", "alert"};
    bool letter = (word.p[0] | 0x20) >= 'a' && (word.p[0] | 0x20) <= 'z';
    for (size_t i = 0; i < ARRAY_LEN(values); i++)
        letter = letter && !str_eq(word, str_cstr(values[i]));
    if (!letter || w->unused.n > 300 || str_find(sbuf_view(&w->unused), word) >= 0)
        return;
    if (w->unused.n)
        sbuf_cstr(&w->unused, ", ");
    sbuf_str(&w->unused, word);
}

static int read_options(struct work *w, const struct option *options, struct str args)
{
    int rc = 0;
    for (struct str word = snort_word(&args); word.n && !rc; word = snort_word(&args)) {
        const struct option *o = options;
        while (o->word && !str_eq(word, str_cstr(o->word)))
            o++;
        if (o->word)
            rc = o->f(w, o, &args);
        else
            note_unused(w, word);
    }
    if (!rc && w->policy.n)
        rc = bind_policy(w);
    if (w->unused.n)
        snort_warn(w->s, "preprocessor %s: no counterpart for: %.*s", w->name,
                   STR_ARG(sbuf_view(&w->unused)));
    return rc;
}

/* ftp_telnet_protocol: telnet ..., ftp server X ..., ftp client X ... */
static int ftp_telnet_protocol(struct work *w, struct str args)
{
    struct str first = snort_word(&args);
    if (str_eq(first, STR("telnet")))
        return read_options(w, telnet, args);
    struct str side = snort_word(&args);
    (void)snort_word(&args); /* default, or an address */
    return read_options(w, str_eq(side, STR("server")) ? ftp : none, args);
}

/* One that is written wrongly, or one of those that have no counterpart. */
static void no_preprocessor(struct snort *s, const char *name)
{
    enum { LONG = 6, NEAR = 3 };
    struct name_search near = {.name = str_cstr(name), .most = NEAR};
    for (size_t i = 0; i < ARRAY_LEN(table) && strlen(name) >= LONG; i++)
        name_offer(&near, table[i].name);
    snort_warn(s, "preprocessor %s: no counterpart, left out%s%s", name, near.best ? "; did you mean " : "",
               near.best ? near.best : "");
}

int snort_preprocessor(struct snort *s, struct str text)
{
    char name[64];
    struct str args, n = snort_name(text, &args);
    (void)snprintf(name, sizeof(name), "%.*s", (int)u32_min(n.n, 63), (const char *)n.p);
    struct work w = {
        .s = s, .name = name, .scope = str_starts(n, STR("frag")) ? "defrag" : "stream"};
    const struct preprocessor *p = NULL;
    for (size_t i = 0; i < ARRAY_LEN(table) && !p; i++)
        if (!strcmp(table[i].name, name))
            p = &table[i];
    s->tracks_tcp |= !strcmp(name, "stream4") || !strcmp(name, "stream5_tcp");
    int rc = 0;
    sbuf_init(&w.unused);
    if (!strcmp(name, "ftp_telnet_protocol"))
        rc = ftp_telnet_protocol(&w, args);
    else if (p)
        rc = read_options(&w, p->options, args);
    else
        no_preprocessor(s, name);
    if (!rc && p && p->enable)
        rc = snort_set_z(s, p->enable, "yes");
    sbuf_done(&w.unused);
    return rc;
}
