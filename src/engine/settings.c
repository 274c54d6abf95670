/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From the configuration to what each stage wants to know. */
#include "engine/engine.h"

#include "base/clock.h"
#include "base/lpm.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Target policies, and timeouts of fragments in seconds, by network: longest prefix wins. */
struct os_networks {
    struct lpm *lpm, *timeout;
    uint64_t timeout_ns; /* of the rest */
};

static enum os_policy os_of(void *ctx, uint8_t ver, const struct ip_addr *a)
{
    const struct os_networks *n = ctx;
    uint32_t v = lpm_get(n->lpm, ver, a);
    return v == LPM_NONE ? OS_BSD : (enum os_policy)v;
}

static enum frag_policy frag_of(void *ctx, uint8_t ver, const struct ip_addr *a)
{
    return os_frag_policy(os_of(ctx, ver, a));
}

static uint64_t frag_timeout_of(void *ctx, uint8_t ver, const struct ip_addr *a)
{
    const struct os_networks *n = ctx;
    uint32_t v = lpm_get(n->timeout, ver, a);
    return v == LPM_NONE ? n->timeout_ns : v * 1000000000ull;
}

static int network_add(struct lpm *to, uint32_t value, const char *text, const struct conf_node *at, const char *what,
                       struct diags *d)
{
    struct str rest = str_trim(str_cstr(text));
    if (rest.n >= 2 && rest.p[0] == '[' && rest.p[rest.n - 1] == ']')
        rest = str_first(str_skip(rest, 1), rest.n - 2);
    while (rest.n) {
        struct str one = str_trim(str_split(rest, ',', &rest));
        struct ip_prefix p;
        if (!one.n)
            continue;
        if (!ip_prefix_parse(one, &p)) {
            diag_add(d, DIAG_WARNING, at->file, at->line, at->column, "write addresses as 10.0.0.0/8",
                     "%s: \"" STR_FMT "\" is no network", what, STR_ARG(one));
            continue;
        }
        if (lpm_add(to, &p, value))
            return -1;
    }
    return 0;
}

static struct os_networks *os_read(const struct conf *c, const char *path, struct diags *d)
{
    struct os_networks *n = calloc(1, sizeof(*n));
    if (!n || !(n->lpm = lpm_new())) {
        free(n);
        return NULL;
    }
    const struct conf_node *map = conf_node(c, path);
    for (const struct conf_node *k = map ? map->child : NULL; k; k = k->next) {
        int os = os_policy_find(str_cstr(k->name));
        if (os < 0) {
            diag_add(d, DIAG_WARNING, k->file, k->line, k->column, NULL, "host-os-policy: unknown system %s", k->name);
            continue;
        }
        if (k->value && network_add(n->lpm, (uint32_t)os, k->value, k, "host-os-policy", d))
            break;
        for (const struct conf_node *a = k->child; a; a = a->next)
            if (a->value && network_add(n->lpm, (uint32_t)os, a->value, a, "host-os-policy", d))
                break;
    }
    return n;
}

/* defrag.host-config: [NAME: {timeout: SECONDS, address: [...]}] */
static int timeouts_by_network(struct os_networks *n, const struct conf *c, struct diags *d)
{
    const struct conf_node *list = conf_node(c, "defrag.host-config");
    n->timeout_ns = conf_ns(c, "defrag.timeout");
    if (!list)
        return 0;
    if (!(n->timeout = lpm_new()))
        return -1;
    for (const struct conf_node *i = list->child; i; i = i->next) {
        const char *name = i->name;
        const struct conf_node *one = list->kind == CONF_LIST ? conf_item(i, &name) : i;
        const struct conf_node *at = one ? conf_sub(one, "address") : NULL;
        int64_t s = one ? conf_sub_int(one, "timeout", 0) : 0;
        if (!at || s < 1 || s >= LPM_NONE) {
            diag_add(d, DIAG_ERROR, i->file, i->line, i->column, "NAME: {timeout: 30, address: [10.0.0.0/8]}",
                     "defrag.host-config: %s has no timeout or no address", name);
            continue;
        }
        if (at->value && network_add(n->timeout, (uint32_t)s, at->value, at, "defrag.host-config", d))
            return -1;
        for (const struct conf_node *a = at->child; a; a = a->next)
            if (a->value && network_add(n->timeout, (uint32_t)s, a->value, a, "defrag.host-config", d))
                return -1;
    }
    return 0;
}

static void os_free(struct os_networks *n)
{
    if (n)
        lpm_free(n->lpm);
    if (n)
        lpm_free(n->timeout);
    free(n);
}

/* ------------------------------------------------------------------ exception policies */

static const struct {
    const char *word;
    enum exception_policy policy;
} policies[] = {
    {"ignore", EXCEPTION_IGNORE},       {"auto", EXCEPTION_AUTO},
    {"pass-packet", EXCEPTION_PASS_PACKET}, {"pass-flow", EXCEPTION_PASS_FLOW},
    {"bypass", EXCEPTION_BYPASS},       {"drop-packet", EXCEPTION_DROP_PACKET},
    {"drop-flow", EXCEPTION_DROP_FLOW}, {"reject", EXCEPTION_REJECT},
    {"reject-both", EXCEPTION_REJECT_BOTH},
};

/*
 * `auto` is forward and say so.  Only a configuration in Suricata's format (replay compares with it) means
 * what Suricata means: drop the flow when inline.
 */
static enum exception_policy policy_read(const struct conf *c, const char *path, bool as_peers, bool flow_wide)
{
    const char *v = conf_str(c, path);
    if (!v || !*v)
        v = conf_str(c, "exception-policy");
    enum exception_policy p = EXCEPTION_AUTO;
    for (unsigned k = 0; v && k < ARRAY_LEN(policies); k++)
        if (!strcmp(policies[k].word, v))
            p = policies[k].policy;
    if (p == EXCEPTION_AUTO)
        p = as_peers && conf_format(c) != CONF_FORMAT_RIPOSTE
                ? (flow_wide ? EXCEPTION_DROP_FLOW : EXCEPTION_DROP_PACKET)
                : EXCEPTION_IGNORE;
    return p;
}

/* A stream whose start was not seen: what makes no sense there is an error, as its users know it. */
static enum exception_policy midstream_read(const struct conf *c, bool inline_mode, bool replay, struct diags *d)
{
    bool midstream = conf_bool(c, "stream.midstream");
    const char *own = conf_str(c, "stream.midstream-policy");
    enum exception_policy p = policy_read(c, "stream.midstream-policy", inline_mode && replay, true);
    bool given = own && *own && strcmp(own, "auto");
    const char *why = NULL;
    if (p == EXCEPTION_DROP_PACKET || p == EXCEPTION_PASS_PACKET)
        why = "a stream has no single packet to decide on";
    else if (p == EXCEPTION_DROP_FLOW && (!inline_mode || midstream))
        why = inline_mode ? "stream.midstream takes such streams up" : "nothing can be dropped on a mirror";
    else if (p == EXCEPTION_REJECT && midstream)
        why = "stream.midstream takes such streams up";
    else if (p == EXCEPTION_BYPASS && inline_mode && midstream && given)
        why = "stream.midstream takes such streams up";
    if (!why)
        return p;
    if (!given) /* of the general policy: does not apply here */
        return EXCEPTION_IGNORE;
    const struct conf_node *n = conf_node(c, "stream.midstream-policy");
    diag_add(d, DIAG_ERROR, n ? n->file : NULL, n ? n->line : 0, n ? n->column : 0, "use ignore or pass-flow", "stream.midstream-policy: %s: %s", own, why);
    return EXCEPTION_IGNORE;
}

/* ------------------------------------------------------------------ stages */

static void ports_read(const struct conf *c, uint16_t out[4], const char *text)
{
    if (text[0] == '$') {
        text = conf_port_var(c, text + 1);
        if (!text)
            return;
    }
    struct str rest = str_trim(str_cstr(text));
    unsigned n = 0;
    if (rest.n >= 2 && rest.p[0] == '[')
        rest = str_first(str_skip(rest, 1), rest.n - 2);
    while (rest.n && n < 4) {
        uint64_t v;
        if (str_u64(str_trim(str_split(rest, ',', &rest)), &v) && v && v < 65536)
            out[n++] = (uint16_t)v;
    }
}

static void decode_read(struct engine_settings *s, const struct conf *c)
{
    struct decode_config *d = &s->decode;
    *d = (struct decode_config){
        .layers_max = (uint8_t)conf_int(c, "decoder.max-layers"),
        .check_csum = conf_bool(c, "stream.checksum-validation"),
        .teredo = conf_bool(c, "decoder.teredo.enabled"),
        .vxlan = conf_bool(c, "decoder.vxlan.enabled"),
        .geneve = conf_bool(c, "decoder.geneve.enabled"),
        .erspan_i = conf_bool(c, "decoder.erspan.typeI.enabled"),
        .no_ipip = !conf_bool(c, "decoder.ipv4.ipip.enabled"),
        .no_vntag = !conf_bool(c, "decoder.vntag.enabled"),
        .frag_pieces_max = (uint32_t)conf_int(c, "defrag.max-frags"),
        .frag_max = (uint32_t)conf_int(c, "defrag.trackers"),
        .frag_cap_bytes = conf_bytes(c, "defrag.memcap"),
        .frag_timeout_ns = conf_ns(c, "defrag.timeout"),
        .frag_policy = frag_of,
        .frag_timeout = conf_node(c, "defrag.host-config") ? frag_timeout_of : NULL,
        .ctx = s->frag_os,
    };
    const char *v;
    if ((v = conf_str(c, "decoder.vxlan.ports")))
        ports_read(c, d->vxlan_ports, v);
    if ((v = conf_str(c, "decoder.geneve.ports")))
        ports_read(c, d->geneve_ports, v);
    if ((v = conf_str(c, "decoder.teredo.ports"))) {
        d->teredo_any = !strcmp(v, "any");
        ports_read(c, d->teredo_ports, v);
    }
}

static void timeouts_read(const struct conf *c, const char *proto, struct flow_timeouts *t)
{
    static const char *const state[FLOW_STATES] = {"new", "established", "closed", "bypassed"};
    char path[96];
    for (unsigned k = 0; k < FLOW_STATES; k++) {
        snprintf(path, sizeof(path), "flow-timeouts.%s.%s", proto, state[k]);
        t->s[k] = setting_find(path) ? (uint32_t)(conf_ns(c, path) / 1000000000u) : 0;
        snprintf(path, sizeof(path), "flow-timeouts.%s.emergency-%s", proto, state[k]);
        t->emergency_s[k] = setting_find(path) ? (uint32_t)(conf_ns(c, path) / 1000000000u) : 0;
    }
}

static void flow_read(struct engine_settings *s, const struct conf *c)
{
    struct flow_config *f = &s->flow;
    *f = (struct flow_config){
        .memcap_bytes = conf_bytes(c, "flow.memcap"),
        .buckets = (uint32_t)conf_int(c, "flow.hash-size"),
        .emergency_recovery = (uint32_t)conf_int(c, "flow.emergency-recovery"),
        .memcap_policy = policy_read(c, "flow.memcap-policy", s->inline_mode && s->replay, false),
        .exact_evict = s->replay,
        .vlan_in_key = conf_bool(c, "vlan.use-for-tracking"),
        .depth_in_key = conf_bool(c, "decoder.recursion-level.use-for-tracking"),
    };
    timeouts_read(c, "tcp", &f->tcp);
    timeouts_read(c, "udp", &f->udp);
    timeouts_read(c, "icmp", &f->icmp);
    timeouts_read(c, "default", &f->other);
    const struct conf_node *rate = conf_node(c, "flow.rate-tracking");
    if (rate)
        f->elephant_bytes = conf_sub_bytes(rate, "bytes", 0);
}

static enum urgent_policy urgent_read(const char *v, enum urgent_policy dflt)
{
    static const char *const word[] = {[URGENT_OOB] = "oob", [URGENT_INLINE] = "inline", [URGENT_DROP] = "drop", [URGENT_GAP] = "gap"};
    for (unsigned k = 0; v && k < ARRAY_LEN(word); k++)
        if (!strcmp(word[k], v))
            return (enum urgent_policy)k;
    return dflt;
}

/* Replay compares with Suricata, which drops by itself; in the wire only who wrote so wants that. */
static bool drops_invalid(const struct engine_settings *s, const struct conf *c)
{
    return s->replay ? conf_format(c) != CONF_FORMAT_RIPOSTE : conf_node(c, "stream.drop-invalid") != NULL;
}

static void stream_read(struct engine_settings *s, const struct conf *c, struct diags *d)
{
    struct stream_config *t = &s->stream;
    const char *inl = conf_str(c, "stream.inline"), *insp = conf_str(c, "stream.inspect");
    bool inl_auto = !inl || !strcmp(inl, "auto"), test = !s->replay && conf_bool(c, "inline-test");
    *t = (struct stream_config){
        .memcap_bytes = conf_bytes(c, "stream.memcap"),
        .reassembly_memcap_bytes = conf_bytes(c, "stream.reassembly.memcap"),
        .memcap_policy = policy_read(c, "stream.memcap-policy", s->inline_mode && s->replay, true),
        .reassembly_policy = policy_read(c, "stream.reassembly.memcap-policy", s->inline_mode && s->replay, true),
        .midstream_policy = midstream_read(c, s->inline_mode, s->replay, d),
        .depth_bytes = (uint32_t)conf_bytes(c, "stream.reassembly.depth"),
        .chunk_bytes = {(uint32_t)conf_bytes(c, "stream.reassembly.toserver-chunk-size"),
                        (uint32_t)conf_bytes(c, "stream.reassembly.toclient-chunk-size")},
        .check_csum = conf_bool(c, "stream.checksum-validation"),
        /* In the wire, flows go by us while no engine runs: they are taken up again. */
        .midstream = conf_bool(c, "stream.midstream") || (s->inline_mode && !s->replay && !conf_node(c, "stream.midstream")),
        .async_oneside = conf_bool(c, "stream.async-oneside"),
        .inline_mode = inl_auto ? s->inline_mode && !test : conf_truth(inl) == 1,
        .drop_invalid = conf_bool(c, "stream.drop-invalid") && s->inline_mode && !test && drops_invalid(s, c),
        .bypass = conf_bool(c, "stream.bypass"),
        .liberal_timestamps = conf_bool(c, "stream.liberal-timestamps"),
        .urgent = (uint8_t)urgent_read(conf_str(c, "stream.reassembly.urgent.policy"), URGENT_OOB),
        .urgent_oob_limit_policy = (uint8_t)urgent_read(conf_str(c, "stream.reassembly.urgent.oob-limit-policy"), URGENT_DROP),
        .max_synack_queued = (uint8_t)conf_int(c, "stream.max-synack-queued"),
        .max_syn_queued = (uint8_t)conf_int(c, "stream.max-syn-queued"),
        .max_regions = (uint16_t)conf_int(c, "stream.reassembly.max-regions"),
        .os = os_of,
        .ctx = s->os,
    };
    bool arrival = insp && !strcmp(insp, "arrival");
    if (!insp || !strcmp(insp, "auto"))
        arrival = t->inline_mode || !s->replay;
    t->inspect = arrival ? INSPECT_ON_ARRIVAL : INSPECT_ON_ACK;
}

/* Snort's words: all, none, or all without some. */
static uint8_t csum_skip_of(const struct conf *c, struct diags *d)
{
    static const struct {
        const char *word;
        uint8_t bits;
    } words[] = {{"noip", SKIP_IP}, {"notcp", SKIP_TCP}, {"noudp", SKIP_UDP}, {"noicmp", SKIP_ICMP}, {"none", SKIP_ALL}, {"all", 0}};
    uint8_t skip = SKIP_ALL;
    for (struct str left = str_cstr(conf_str(c, "detect.checksum-mode")); left.n;) {
        struct str w = str_trim(str_split(left, ' ', &left));
        bool known = !w.n;
        for (size_t i = 0; i < ARRAY_LEN(words); i++)
            if (str_eq(w, str_cstr(words[i].word))) {
                skip &= (uint8_t)~words[i].bits;
                known = true;
            }
        const struct conf_node *at = conf_node(c, "detect.checksum-mode");
        if (!known)
            diag_add(d, DIAG_ERROR, at ? at->file : NULL, at ? at->line : 0, at ? at->column : 0, "all, noip, notcp, noudp, noicmp, none",
                     "detect.checksum-mode: \"" STR_FMT "\" is none", STR_ARG(w));
    }
    return skip;
}

static void rules_read(struct engine_settings *s, const struct conf *c, struct diags *d)
{
    uint8_t on_drop = response_on_drop(c, d);
    s->detect = (struct detect_config){
        .inline_mode = s->inline_mode,
        .on_ack = s->stream.inspect == INSPECT_ON_ACK,
        .pcre_match_limit = (uint32_t)conf_int(c, "pcre.match-limit"),
        .pcre_recursion_limit = (uint32_t)conf_int(c, "pcre.match-limit-recursion"),
        .asn1_elements = (uint32_t)conf_int(c, "asn1-max-frames"),
        .recursion_limit = (uint32_t)conf_int(c, "detect.inspection-recursion-limit"),
        .rule_sample = (uint32_t)conf_int(c, "detect.rule-sample"),
        .rule_budget = (uint32_t)conf_int(c, "detect.rule-budget"),
        .rule_suspend_s = (uint32_t)u64_min(conf_ns(c, "detect.rule-suspend") / 1000000000u, UINT32_MAX / 2),
        .sums_shared = s->replay,
        .firewall = s->firewall,
        .tag_packets = (uint32_t)conf_int(c, "detect.tag.packet-limit"),
    };
    s->verdict = (struct verdict_config){
        .place = s->inline_mode ? PLACE_INLINE : PLACE_MIRROR,
        .both_ends = s->inline_mode && !s->replay,
        .would = s->inline_mode && !s->replay && conf_bool(c, "inline-test"),
        .alerts_max = (uint32_t)conf_int(c, "packet-alert-max"),
        .queue = {.max = (uint32_t)conf_int(c, "detect.event-queue.max-queue"),
                  .log = (uint32_t)conf_int(c, "detect.event-queue.log"),
                  .by_priority = !strcmp(conf_str(c, "detect.event-queue.order"), "priority"),
                  .all = conf_bool(c, "detect.process-all-events")},
        .blacklist_ns = conf_ns(c, "blacklist.time"),
        .on_drop = s->replay ? 0 : on_drop, /* replay answers nobody */
    };
    response_config_read(c, s->response_policy, &s->response, d);
    s->response.clock_ns = s->replay ? NULL : clock_wall_ns;
    const char *csum = conf_str(c, "pcap-file.checksum-checks");
    s->twin_ns = s->inline_mode || (s->replay && !conf_node(c, "capture.duplicate-window"))
                     ? 0
                     : conf_ns(c, "capture.duplicate-window");
    s->csum_auto = s->replay && (!csum || !strcmp(csum, "auto"));
    s->csum_skip = csum_skip_of(c, d);
    const char *live = conf_str(c, "capture.checksum-validation");
    bool none = live && (!strcmp(live, "none") || conf_truth(live) == 0);
    if (none || (csum && conf_truth(csum) == 0))
        s->decode.check_csum = s->stream.check_csum = false;
}

/* ------------------------------------------------------------------ variables */

struct vars_check {
    const struct conf *c;
    struct diags *d;
    bool ports;
};

static const char *var_text(void *ctx, bool port, const char *name)
{
    return port ? conf_port_var(ctx, name) : conf_address_var(ctx, name);
}

/* `var` of a snort.conf may be anything: a folder, say. */
static bool is_network(const char *name)
{
    return strstr(name, "_NET") || strstr(name, "_SERVERS");
}

static void one_var(void *ctx, const char *name, const char *text)
{
    struct vars_check *k = ctx;
    const struct conf_node *n = conf_var_node(k->c, k->ports, name);
    bool of_snort = n && n->parent && !strcmp(n->parent->name, "address-groups") && !n->parent->parent;
    if (of_snort && (k->ports || !is_network(name)))
        return;
    struct arena mem;
    struct diags why;
    struct ip_ranges r = {0};
    uint8_t bits[8192];
    union { /* rules_var_fn does not write to it */
        const struct conf *in;
        void *out;
    } c = {.in = k->c};
    arena_init(&mem, 0, 0);
    diags_init(&why, &mem);
    int rc = k->ports ? rules_resolve_port(str_cstr(text), var_text, c.out, bits, &why)
                      : rules_resolve_addr(&mem, str_cstr(text), var_text, c.out, &r, &why);
    if (rc)
        diag_add(k->d, DIAG_ERROR, n ? n->file : NULL, n ? n->line : 0, n ? n->column : 0,
                 k->ports ? "write ports as [80, 8000:8080, !8001]" : "write networks as [10.0.0.0/8, fd00::/8, !10.1.2.3]",
                 "variable %s: \"%s\": %s", name, text, why.first ? why.first->reason : strerror(-rc));
    arena_done(&mem);
}

/* A variable that means nothing leaves rules out, or makes them blind: better said before the start. */
static void vars_check(const struct conf *c, struct diags *d)
{
    struct vars_check k = {.c = c, .d = d};
    (void)conf_each_var(c, false, one_var, &k);
    k.ports = true;
    (void)conf_each_var(c, true, one_var, &k);
}

/* ------------------------------------------------------------------ firewall mode */

/* "accept:hook", "alert": an action with its scope, and what is done besides. */
static bool policy_word(struct firewall_policy *p, struct str w)
{
    static const char *const scopes[] = {"", "packet", "flow", "hook", "tx"};
    struct str scope, word = str_split(w, ':', &scope);
    if (str_eq(word, STR("alert"))) {
        p->secondary |= SECOND_ALERT;
        return true;
    }
    if (str_eq(word, STR("pass"))) {
        p->secondary |= str_eq(scope, STR("flow")) ? SECOND_PASS_FLOW : SECOND_PASS_PACKET;
        return true;
    }
    for (unsigned a = 0; a < ACTION_COUNT; a++)
        if (str_eq(word, str_cstr(rule_action_name(a))) &&
            (a == ACTION_ACCEPT || a == ACTION_DROP || (a >= ACTION_REJECT && a <= ACTION_REJECTBOTH)))
            p->action = (uint8_t)a;
    for (unsigned k = 1; k < ARRAY_LEN(scopes); k++)
        if (str_eq(scope, str_cstr(scopes[k])))
            p->scope = (uint8_t)k;
    return p->action && p->scope;
}

static void policy_take(struct firewall_policy *p, const struct conf_node *n, struct diags *d)
{
    const struct conf_node *one = n->value ? n : n->child;
    for (; one; one = n->value ? NULL : one->next)
        if (!one->value || !policy_word(p, str_cstr(one->value)))
            diag_add(d, DIAG_ERROR, one->file, one->line, one->column, "accept:hook, accept:flow, drop:packet ..., alert",
                     "firewall.policies: %s is no policy", one->value ? one->value : n->name);
}

static void app_policies(struct firewall *w, const struct conf_node *proto, struct diags *d)
{
    int app = app_find(str_cstr(proto->name));
    const struct app_proto_def *def = app > 0 ? app_def((enum app_proto_id)app) : NULL;
    for (const struct conf_node *n = def ? proto->child : NULL; n; n = n->next) {
        char name[64];
        unsigned dir = 0;
        snprintf(name, sizeof(name), "%s", n->name);
        for (char *c = name; *c; c++)
            *c = *c == '-' ? '_' : *c;
        int state = app_state_find((enum app_proto_id)app, str_cstr(name), &dir);
        if (state < 0 || state >= FIREWALL_STATES)
            diag_add(d, DIAG_ERROR, n->file, n->line, n->column, NULL, "firewall.policies: %s has no state %s", proto->name, n->name);
        else
            policy_take(&w->app[app][dir][state], n, d);
    }
}

static struct firewall *firewall_read(const struct conf *c, struct diags *d)
{
    static const char *const table[FIREWALL_TABLES] = {"firewall.policies.packet.pre-flow", "firewall.policies.packet.pre-stream",
                                                       "firewall.policies.packet.filter"};
    struct firewall *w = calloc(1, sizeof(*w));
    for (unsigned t = 0; w && t < FIREWALL_TABLES; t++) {
        const struct conf_node *n = conf_node(c, table[t]);
        if (n)
            policy_take(&w->packet[t], n, d);
    }
    const struct conf_node *apps = conf_node(c, "firewall.policies.app");
    for (const struct conf_node *n = w && apps ? apps->child : NULL; n; n = n->next)
        app_policies(w, n, d);
    return w;
}

struct engine_settings *engine_settings_new(const struct conf *c, bool replay, bool inline_mode, int check_csum,
                                            struct diags *d)
{
    struct engine_settings *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    s->conf = c;
    s->replay = replay;
    s->inline_mode = inline_mode;
    s->tick_ns = 1000000000u;
    s->os = os_read(c, conf_node(c, "stream.host-os-policy") ? "stream.host-os-policy" : "host-os-policy", d);
    s->frag_os = os_read(c, conf_node(c, "defrag.host-os-policy") ? "defrag.host-os-policy" : "host-os-policy", d);
    if (s->frag_os && timeouts_by_network(s->frag_os, c, d)) {
        os_free(s->frag_os);
        s->frag_os = NULL;
    }
    s->response_policy = response_policy_new(c, d);
    bool firewall = conf_bool(c, "firewall.enabled");
    if (firewall)
        s->firewall = firewall_read(c, d);
    if (firewall && !inline_mode)
        diag_add(d, DIAG_WARNING, NULL, 0, 0, "firewall rules are for traffic that goes through",
                 "firewall: nothing is held back here; what no firewall rule accepts goes on, and other rules don't see it");
    if (!s->os || !s->frag_os || !s->response_policy || (firewall && !s->firewall)) {
        engine_settings_free(s);
        return NULL;
    }
    s->app_error_policy = policy_read(c, "app-layer.error-policy", inline_mode && replay, true);
    event_wants_read(c, &s->wants);
    event_outputs_check(c, d);
    vars_check(c, d);
    decode_read(s, c);
    flow_read(s, c);
    stream_read(s, c, d);
    rules_read(s, c, d);
    if (check_csum >= 0) {
        s->csum_auto = false;
        s->decode.check_csum = s->stream.check_csum = check_csum > 0;
    }
    return s;
}

void engine_settings_free(struct engine_settings *s)
{
    if (!s)
        return;
    os_free(s->os);
    os_free(s->frag_os);
    response_policy_free(s->response_policy);
    free(s->firewall);
    free(s);
}
