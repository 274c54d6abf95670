/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What stands before the parenthesis: action, protocol, addresses, ports, direction.
 *
 * Snort 3 may leave addresses and ports out ("alert http (", "alert ("); Suricata writes a hook
 * behind the protocol ("tls:client_hello_done") and, in firewall rules, a scope behind the action.
 */
#include "rules/expr.h"

#include "config/config.h"

#include <errno.h>
#include <string.h>

struct proto_row {
    const char *name;
    uint8_t transports;
    uint32_t flags;
};
static const struct proto_row protos[] = {
    {"ip", RULE_IP_ALL, 0},
    {"tcp", RULE_TCP, 0},
    {"udp", RULE_UDP, 0},
    {"icmp", RULE_ICMP4 | RULE_ICMP6, 0},
    {"icmpv4", RULE_ICMP4, 0},
    {"icmp4", RULE_ICMP4, 0},
    {"icmpv6", RULE_ICMP6, 0},
    {"icmp6", RULE_ICMP6, 0},
    {"ipv4", RULE_IP_ALL, RULE_IP4_ONLY},
    {"ip4", RULE_IP_ALL, RULE_IP4_ONLY},
    {"ipv6", RULE_IP_ALL, RULE_IP6_ONLY},
    {"ip6", RULE_IP_ALL, RULE_IP6_ONLY},
    {"sctp", RULE_SCTP, 0},
    {"tcp-pkt", RULE_TCP, RULE_PACKET_ONLY},
    {"tcp-stream", RULE_TCP, RULE_STREAM_ONLY},
    {"pkthdr", RULE_IP_ALL | RULE_NO_IP, RULE_PKTHDR},
    {"arp", RULE_NO_IP, RULE_ARP},
    {"ether", RULE_IP_ALL | RULE_NO_IP, RULE_ETHER},
};

/* The next word; blanks inside brackets belong to it. */
static struct str head_word(struct str *s)
{
    *s = str_trim(*s);
    uint32_t i = 0;
    unsigned depth = 0;
    for (; i < s->n; i++) {
        uint8_t c = s->p[i];
        depth += c == '[';
        if (c == ']' && depth)
            depth--;
        if (!depth && (c == ' ' || c == '\t'))
            break;
    }
    struct str w = str_first(*s, i);
    *s = str_trim(str_skip(*s, i));
    return w;
}

static int action_find(struct str w)
{
    for (unsigned a = 0; a < ACTION_COUNT; a++)
        if (str_ieq(w, str_cstr(rule_action_name(a))))
            return (int)a;
    return str_ieq(w, STR("rewrite")) ? ACTION_REPLACE : -1;
}

static int scope_find(struct str w)
{
    static const char *const names[] = {"packet", "flow", "hook", "tx"};
    for (unsigned i = 0; i < ARRAY_LEN(names); i++)
        if (str_eq(w, str_cstr(names[i])))
            return (int)i + 1;
    return -1;
}

/* ",pass:flow,alert" */
static bool secondary_parse(struct parse *p, struct str s)
{
    while (s.n) {
        struct str scope, word = list_next(&s, ',');
        word = str_split(word, ':', &scope);
        if (str_eq(word, STR("alert")) && !scope.n)
            p->r->secondary |= SECOND_ALERT;
        else if (str_eq(word, STR("pass")) && str_eq(scope, STR("flow")))
            p->r->secondary |= SECOND_PASS_FLOW;
        else if (str_eq(word, STR("pass")) && (!scope.n || str_eq(scope, STR("packet"))))
            p->r->secondary |= SECOND_PASS_PACKET;
        else
            return bad(p, "alert, pass:flow and pass:packet may follow the first action",
                       "unknown secondary action '" STR_FMT "'", STR_ARG(word));
    }
    return true;
}

static bool action_parse(struct parse *p, struct str w)
{
    struct str more, scope;
    struct str first = str_split(w, ',', &more);
    bool has_more = more.n || first.n < w.n;
    struct str word = str_split(first, ':', &scope);
    const char *type = NULL;
    const struct conf *conf = p->c->o->conf;
    int own = conf && !has_more && !scope.n ? conf_ruletype_find(conf, word) : -1;
    if (own >= 0 && conf_ruletype(conf, (unsigned)own, &type))
        p->r->ruletype = (uint8_t)(own + 1);
    int a = action_find(type ? str_cstr(type) : word);
    if (a < 0)
        return bad(p,
                   "alert, pass, drop, reject, rejectsrc, rejectdst, rejectboth, log, sdrop, "
                   "block, reset, react ...",
                   "unknown action '" STR_FMT "'", STR_ARG(word));
    p->r->action = (uint8_t)a;
    if (p->raw->firewall)
        p->r->flags |= RULE_FIREWALL;
    if (scope.n) {
        int s = scope_find(scope);
        if (s < 0)
            return bad(p, "scopes are packet, flow, hook and tx", "unknown scope '" STR_FMT "'",
                       STR_ARG(scope));
        p->r->scope = (uint8_t)s;
    }
    if (p->raw->firewall && !scope.n && (a == ACTION_ACCEPT || a == ACTION_DROP))
        return bad(p, "write accept:flow, accept:hook, drop:packet ...",
                   "a firewall rule's action needs a scope");
    if (!p->raw->firewall && a == ACTION_ACCEPT)
        return bad(p, "load the file as firewall rules", "accept is an action of firewall rules");
    if (!p->raw->firewall && p->r->scope > 2)
        return bad(p, "packet or flow", "only actions of firewall rules have that scope");
    return !has_more || secondary_parse(p, more);
}

static bool hook_parse(struct parse *p, struct str h)
{
    static const struct {
        const char *name;
        uint8_t hook;
    } t[] = {{"all", HOOK_ALL},
             {"pre_flow", HOOK_PRE_FLOW},
             {"pre_stream", HOOK_PRE_STREAM},
             {"flow_start", HOOK_FLOW_START}};
    p->r->hook_before = h.n && h.p[0] == '<';
    if (p->r->hook_before)
        h = str_skip(h, 1);
    for (unsigned i = 0; !p->r->app && i < ARRAY_LEN(t); i++)
        if (str_eq(h, str_cstr(t[i].name)))
            p->r->hook = t[i].hook;
    if (p->r->hook)
        return true;
    unsigned dir = 0;
    int progress = p->r->app ? app_state_find((enum app_proto_id)p->r->app, h, &dir) : -1;
    if (progress < 0 && p->r->app && !app_def((enum app_proto_id)p->r->app))
        return bad(p, NULL, "rule hooks of %s need its parser, which is not built",
                   app_name(p->r->app));
    if (progress < 0)
        return bad(p, "pre_flow, pre_stream, flow_start, all, or a state of the protocol",
                   "unknown rule hook '" STR_FMT "'", STR_ARG(h));
    p->r->hook = HOOK_APP;
    p->r->hook_app = p->r->app;
    p->r->hook_dir = (uint8_t)dir;
    p->r->hook_progress = (uint8_t)progress;
    p->header_dirs &= 1u << dir;
    return true;
}

static uint8_t app_transports(unsigned app)
{
    const struct app_proto_def *def = app_def((enum app_proto_id)app);
    uint8_t t = 0;
    if (def)
        t = (uint8_t)((def->tcp ? RULE_TCP : 0) | (def->udp ? RULE_UDP : 0));
    return t ? t : RULE_TCP | RULE_UDP;
}

/* Names of services that differ from those of the registry. */
int service_find(struct str s)
{
    static const struct {
        const char *word, *name;
    } t[] = {{"ssl", "tls"},         {"https", "tls"},        {"netbios-ssn", "smb"},
             {"kerberos", "krb5"},   {"sunrpc", "rpc"},       {"http1", "http"},
             {"netbios-dgm", "smb"}, {"microsoft-ds", "smb"}, {"dce_http_server", "dcerpc"},
             {"mssql", "tds"},       {"ftp_data", "ftp-data"}};
    int id = app_find(s);
    for (unsigned i = 0; id < 0 && i < ARRAY_LEN(t); i++)
        if (str_ieq(s, str_cstr(t[i].word)))
            id = app_find(str_cstr(t[i].name));
    return id;
}

static bool proto_parse(struct parse *p, struct str w)
{
    struct str hook, name = str_split(w, ':', &hook);
    for (unsigned i = 0; i < ARRAY_LEN(protos); i++) {
        if (!str_ieq(name, str_cstr(protos[i].name)))
            continue;
        p->r->transports = protos[i].transports;
        p->r->flags |= protos[i].flags;
        return !hook.n || hook_parse(p, hook);
    }
    int app = service_find(name);
    if (app > 0 && p->d == DIALECT_SNORT2)
        return bad(p, "write tcp and the ports, or the rule in the words of Suricata or Snort 3",
                   "'" STR_FMT "' is no protocol of a Snort 2 header", STR_ARG(name));
    if (app <= 0)
        return bad(p, "ip, tcp, udp, icmp, tcp-pkt, tcp-stream, pkthdr, or an application protocol",
                   "unknown protocol '" STR_FMT "'", STR_ARG(name));
    p->r->app = p->app = (uint16_t)app;
    p->app_by_header = true;
    p->r->transports = app_transports((unsigned)app);
    return !hook.n || hook_parse(p, hook);
}

/* Grows a table of the chunk that runs along a strtab. */
static bool state_room(struct parse *p, bool port, uint32_t n)
{
    struct chunk *c = p->c;
    uint32_t *room = port ? &c->n_port_state : &c->n_addr_state;
    if (n < *room)
        return true;
    uint32_t more = (n + 1) * 2 + 64;
    uint8_t *state = arena_alloc(c->arena, more);
    struct str *error = arena_alloc(c->arena, more * sizeof(*error));
    if (!state || !error)
        return no_memory(p);
    if (*room) {
        memcpy(state, port ? c->port_state : c->addr_state, *room);
        memcpy(error, port ? c->port_error : c->addr_error, *room * sizeof(*error));
    }
    *(port ? &c->port_state : &c->addr_state) = state;
    *(port ? &c->port_error : &c->addr_error) = error;
    *room = more;
    return true;
}

static uint8_t expr_check(struct parse *p, bool port, struct str s, struct str *error)
{
    const struct rules_options *o = p->c->o;
    struct diags d;
    struct ip_ranges ranges;
    uint8_t bits[8192];
    diags_init(&d, p->c->arena);
    int rc = port ? port_resolve(s, o->var, o->ctx, !o->var, bits, &d)
                  : addr_resolve(&p->c->scratch, s, o->var, o->ctx, !o->var, &ranges, &d);
    if (rc == -ENOMEM)
        p->c->no_memory = true;
    if (rc == 0)
        return expr_negated(s, port, o->var, o->ctx, 0) ? EXPR_FINE | EXPR_NEGATED : EXPR_FINE;
    *error = str_cstr(d.first ? d.first->reason : "it can't be resolved");
    error[1] = str_cstr(d.first ? d.first->hint : NULL);
    return EXPR_BAD;
}

/* Interned and checked once for each distinct text. */
static int32_t expr_intern(struct parse *p, struct str text, bool port)
{
    struct strtab *t = port ? &p->c->port : &p->c->addr;
    text = file_vars_expand(p->c->vars, p->raw->n_vars, port, text, &p->c->scratch);
    if (!text.p) {
        no_memory(p);
        return -1;
    }
    text = expr_canonical(&p->c->scratch, text);
    if (str_ieq(text, STR("any")))
        return 0;
    int64_t at = text.p ? strtab_add(t, text, true) : -1;
    if (at < 0 || !state_room(p, port, (uint32_t)at * 2 + 2)) {
        no_memory(p);
        return -1;
    }
    uint8_t *state = &(port ? p->c->port_state : p->c->addr_state)[at];
    struct str *error = &(port ? p->c->port_error : p->c->addr_error)[at * 2];
    if (!*state)
        *state = expr_check(p, port, t->s[at], error);
    if (*state & EXPR_BAD) {
        bad(p, error[1].n ? (const char *)error[1].p : NULL, "%s", (const char *)error[0].p);
        return -1;
    }
    return (int32_t)at;
}

int32_t addr_intern(struct parse *p, struct str text)
{
    return expr_intern(p, text, false);
}

int32_t port_intern(struct parse *p, struct str text)
{
    return expr_intern(p, text, true);
}

static bool direction_parse(struct parse *p, struct str w)
{
    if (str_eq(w, STR("->")))
        return true;
    if (str_eq(w, STR("<>")))
        p->r->flags |= RULE_BOTH_WAYS;
    else if (str_eq(w, STR("=>")) && p->d == DIALECT_SURICATA)
        p->r->flags |= RULE_TX_WHOLE;
    else
        return bad(p, "-> from the left to the right, <> both ways, => request and response",
                   "unknown direction '" STR_FMT "'", STR_ARG(w));
    return true;
}

/* A list that is not closed takes the rest of the header with it. */
static bool closed(struct parse *p, struct str w, bool port)
{
    uint32_t at;
    if (!expr_open(w, &at))
        return true;
    p->error_at = (uint32_t)(w.p + at - p->raw->text.p);
    return bad(p, port ? "write lists as [80,443,!8080]" : "write lists as [a,b,!c]", "the list of %s is broken: %s",
               port ? "ports" : "addresses", expr_broken(w));
}

/* Source and destination behind the protocol. */
static bool ends_parse(struct parse *p, struct str head)
{
    for (unsigned side = 0; side < 2; side++) {
        struct str addr = head_word(&head), port = head_word(&head);
        if (!closed(p, addr, false) || !closed(p, port, true))
            return false;
        if (!addr.n || !port.n)
            return bad(p, "action protocol source ports -> destination ports (options)",
                       "the header is too short");
        p->error_at = (uint32_t)(addr.p - p->raw->text.p);
        int32_t a = addr_intern(p, addr);
        if (a < 0)
            return false;
        p->error_at = (uint32_t)(port.p - p->raw->text.p);
        int32_t q = port_intern(p, port);
        if (q < 0)
            return false;
        p->r->addr[side] = (uint32_t)a;
        p->r->port[side] = (uint32_t)q;
        if (side == 0) {
            struct str dir = head_word(&head);
            p->error_at = (uint32_t)(dir.p - p->raw->text.p);
            if (!direction_parse(p, dir))
                return false;
        }
    }
    if (head.n)
        return bad(p, "action protocol source ports -> destination ports (options)",
                   "'" STR_FMT "' stands behind the header", STR_ARG(head));
    return true;
}

bool header_parse(struct parse *p, struct str head, uint32_t at)
{
    p->error_at = at;
    p->header_dirs = 3;
    struct str w = head_word(&head);
    if (!action_parse(p, w))
        return false;
    w = head_word(&head);
    p->error_at = w.n ? (uint32_t)(w.p - p->raw->text.p) : at;
    if (!w.n) {
        p->r->transports = RULE_IP_ALL;
        if (p->d == DIALECT_SURICATA)
            return bad(p, "action protocol source ports -> destination ports (options)",
                       "the header has no protocol");
        return true;
    }
    p->seen.protocol = true;
    if (p->d == DIALECT_SNORT3 && str_ieq(w, STR("file")) && !head.n)
        p->r->transports = RULE_TCP | RULE_UDP;
    else if (!proto_parse(p, w))
        return false;
    if (!head.n && p->d == DIALECT_SNORT3)
        return true;
    return ends_parse(p, head);
}
