/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Which protocol do the first bytes of a direction speak?
 *
 * Literals first (any port): of those that match the longest wins.  Then probes: those whose ports
 * the flow has, then those for any port, each in the order of the tables.  PD_MORE: no word yet,
 * but more bytes could make one.  All of it runs once or twice in a flow, so it is simple; literals
 * are found by first byte.
 */
#include "app/core.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "config/config.h"

enum { PORTS_MAX = 32 };

struct pattern {
    const struct app_pattern *p;
    uint16_t proto;
    uint16_t next; /* index + 1 in the chain of its first byte */
};
struct probe {
    const struct app_probe *p;
    uint16_t proto;
    uint16_t n_ports; /* 0: any */
    uint16_t port[PORTS_MAX];
};
struct pd_side {
    uint16_t first[256]; /* by first byte, for literals at offset 0; index + 1 */
    uint16_t other;      /* chain of literals that may stand further back */
    uint16_t depth;      /* last byte that any literal looks at */
};
struct pd {
    struct pattern *pattern;
    unsigned n_patterns;
    struct probe *probe[L4_COUNT];
    unsigned n_probes[L4_COUNT];
    struct pd_side side[L4_COUNT][2];
    bool words[APP_COUNT][L4_COUNT][2];
};

static unsigned l4_index(uint8_t ip_proto)
{
    return ip_proto == IPPROTO_UDP ? L4_UDP : L4_TCP;
}
static bool anchored(const struct app_pattern *p)
{
    return p->offset == 0 && p->depth <= p->n;
}

/* ------------------------------------------------------------------ tables */

static const struct app_pattern *patterns_of(enum app_proto_id id)
{
    const struct app_proto_def *def = app_declared(id);
    const struct detect_only *only = detect_only_get(id);
    return def && def->patterns ? def->patterns : only ? only->patterns : NULL;
}
static const struct app_probe *probes_of(enum app_proto_id id)
{
    const struct app_proto_def *def = app_declared(id);
    const struct detect_only *only = detect_only_get(id);
    return def && def->probes ? def->probes : only ? only->probes : NULL;
}

static void chain(struct pd *pd, uint16_t *head, uint16_t proto, const struct app_pattern *p)
{
    pd->pattern[pd->n_patterns] = (struct pattern){.p = p, .proto = proto, .next = *head};
    *head = (uint16_t)++pd->n_patterns;
}
static uint8_t other_case(uint8_t c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ? c ^ 0x20 : c;
}
static void add_pattern(struct pd *pd, uint16_t proto, const struct app_pattern *p)
{
    unsigned l4 = l4_index(p->ip_proto);
    struct pd_side *side = &pd->side[l4][p->dir];
    uint8_t c = (uint8_t)p->bytes[0];
    uint16_t depth = p->depth > p->offset + p->n ? p->depth : (uint16_t)(p->offset + p->n);
    side->depth = side->depth > depth ? side->depth : depth;
    pd->words[proto][l4][p->dir] = true;
    if (!anchored(p)) {
        chain(pd, &side->other, proto, p);
        return;
    }
    chain(pd, &side->first[c], proto, p);
    if (p->nocase && other_case(c) != c)
        chain(pd, &side->first[other_case(c)], proto, p);
}

static void add_ports(struct probe *out, const char *text)
{
    struct str rest = str_cstr(text), part;
    while (rest.n && out->n_ports < PORTS_MAX) {
        uint64_t port;
        part = str_trim(str_split(rest, ',', &rest));
        while (part.n && (part.p[0] == '[' || part.p[part.n - 1] == ']'))
            part = part.p[0] == '[' ? str_skip(part, 1) : str_first(part, part.n - 1);
        if (str_u64(part, &port) && port < 65536)
            out->port[out->n_ports++] = (uint16_t)port;
    }
}
static void add_conf_ports(struct probe *out, const struct conf_node *n)
{
    if (n && n->kind == CONF_SCALAR)
        add_ports(out, n->value);
    for (const struct conf_node *c = n && n->kind == CONF_LIST ? n->child : NULL; c; c = c->next)
        if (c->kind == CONF_SCALAR)
            add_ports(out, c->value);
}
/* detection-ports of the configuration replace those of the table. */
static void add_probe(struct pd *pd, const struct conf *c, uint16_t proto,
                      const struct app_probe *p)
{
    static const char *const sub[L4_COUNT][2] = {
        {"tcp.detection-ports.dp", "tcp.detection-ports.sp"},
        {"udp.detection-ports.dp", "udp.detection-ports.sp"}};
    unsigned l4 = l4_index(p->ip_proto);
    struct probe *out = &pd->probe[l4][pd->n_probes[l4]++];
    *out = (struct probe){.p = p, .proto = proto};
    for (unsigned dir = 0; dir < 2; dir++)
        if (p->dirs & 1u << dir)
            pd->words[proto][l4][dir] = true;
    if (!p->ports)
        return;
    const struct conf_node *node = conf_sub(conf_node(c, "app-layer.protocols"), app_name(proto));
    add_conf_ports(out, conf_sub(node, "detection-ports.dp"));
    add_conf_ports(out, conf_sub(node, "detection-ports.sp"));
    add_conf_ports(out, conf_sub(node, sub[l4][0]));
    add_conf_ports(out, conf_sub(node, sub[l4][1]));
    if (!out->n_ports)
        add_ports(out, p->ports);
}
static bool has_port(const struct probe *p, const struct flow *f)
{
    for (unsigned i = 0; i < p->n_ports; i++)
        if (p->port[i] == f->port[0] || p->port[i] == f->port[1])
            return true;
    return false;
}

static bool wanted(const struct app_engine *e, unsigned id, uint8_t ip_proto)
{
    return e->proto[id].use[l4_index(ip_proto)] != USE_OFF;
}
static bool make_room(struct pd *pd)
{
    unsigned patterns = 0, probes = 0;
    for (unsigned id = 1; id < APP_FAILED; id++) {
        const struct app_pattern *p = patterns_of((enum app_proto_id)id);
        const struct app_probe *q = probes_of((enum app_proto_id)id);
        for (; p && p->n; p++)
            patterns += 2;
        for (; q && q->ip_proto; q++)
            probes++;
    }
    assert(patterns < UINT16_MAX);
    pd->pattern = calloc(patterns + 1, sizeof *pd->pattern);
    pd->probe[L4_TCP] = calloc(probes + 1, sizeof *pd->probe[0]);
    pd->probe[L4_UDP] = calloc(probes + 1, sizeof *pd->probe[0]);
    return pd->pattern && pd->probe[L4_TCP] && pd->probe[L4_UDP];
}
struct pd *pd_new(const struct app_engine *e, const struct conf *c)
{
    struct pd *pd = calloc(1, sizeof *pd);
    if (!pd || !make_room(pd)) {
        pd_free(pd);
        return NULL;
    }
    for (unsigned id = 1; id < APP_FAILED; id++) {
        const struct app_pattern *p = patterns_of((enum app_proto_id)id);
        const struct app_probe *q = probes_of((enum app_proto_id)id);
        for (; p && p->n; p++)
            if (wanted(e, id, p->ip_proto))
                add_pattern(pd, (uint16_t)id, p);
        for (; q && q->ip_proto; q++)
            if (wanted(e, id, q->ip_proto))
                add_probe(pd, c, (uint16_t)id, q);
    }
    return pd;
}
void pd_free(struct pd *pd)
{
    if (!pd)
        return;
    free(pd->pattern);
    free(pd->probe[L4_TCP]);
    free(pd->probe[L4_UDP]);
    free(pd);
}
bool pd_has_words(const struct pd *pd, enum app_proto_id id, unsigned l4, unsigned dir)
{
    return pd->words[id][l4][dir];
}

/* ------------------------------------------------------------------ looking */

static bool same(const struct app_pattern *p, const uint8_t *at, uint32_t n)
{
    return p->nocase ? strncasecmp((const char *)at, p->bytes, n) == 0
                     : memcmp(at, p->bytes, n) == 0;
}
static enum pd_result match(const struct app_pattern *p, const uint8_t *data, uint32_t n)
{
    uint32_t end = u32_max(p->depth, (uint32_t)p->offset + p->n);
    if (anchored(p)) {
        if (!same(p, data, u32_min(n, p->n)))
            return PD_NO;
        return n >= p->n ? PD_YES : PD_MORE;
    }
    for (uint32_t i = p->offset; i + p->n <= u32_min(n, end); i++)
        if (same(p, data + i, p->n))
            return PD_YES;
    return n < end ? PD_MORE : PD_NO;
}
struct matched {
    uint32_t longest, possible; /* length of the longest word that is there; that may come */
    enum app_proto_id proto;
};
static void match_chain(const struct pd *pd, uint16_t i, const uint8_t *data, uint32_t n,
                        struct matched *m)
{
    for (; i; i = pd->pattern[i - 1].next) {
        const struct pattern *pt = &pd->pattern[i - 1];
        enum pd_result r = match(pt->p, data, n);
        if (r == PD_YES && pt->p->n > m->longest) {
            m->longest = pt->p->n;
            m->proto = pt->proto;
        } else if (r == PD_MORE)
            m->possible = u32_max(m->possible, pt->p->n);
    }
}
/* "OPTIONS " is HTTP's, "OPTIONS sip:" is not: a word counts when no longer one is possible any
 * more. */
static struct pd_answer match_side(const struct pd *pd, unsigned l4, unsigned dir,
                                   const uint8_t *data, uint32_t n, bool final)
{
    const struct pd_side *side = &pd->side[l4][dir];
    struct matched m = {0};
    match_chain(pd, side->first[data[0]], data, n, &m);
    match_chain(pd, side->other, data, n, &m);
    if (m.possible > m.longest && !final)
        return (struct pd_answer){.result = PD_MORE};
    if (m.longest)
        return (struct pd_answer){.result = PD_YES, .proto = m.proto};
    return (struct pd_answer){.result = PD_NO};
}

static enum pd_result ask(const struct probe *pr, unsigned dir, const uint8_t *data, uint32_t n,
                          bool final, struct pd_answer *a)
{
    const struct app_probe *p = pr->p;
    if (!(p->dirs & 1u << dir))
        return PD_NO;
    if (n < p->min_bytes)
        return final ? PD_NO : PD_MORE;
    switch (p->probe(data, n, dir)) {
    case PROBE_YES:
        *a = (struct pd_answer){.result = PD_YES, .proto = pr->proto};
        return PD_YES;
    case PROBE_REVERSED:
        *a = (struct pd_answer){.result = PD_YES, .proto = pr->proto, .reversed = true};
        return PD_YES;
    case PROBE_MORE:
        return final || (p->max_bytes && n >= p->max_bytes) ? PD_NO : PD_MORE;
    case PROBE_NO:
        break;
    }
    return PD_NO;
}
static enum pd_result ask_all(const struct pd *pd, const struct flow *f, unsigned dir, bool by_port,
                              const uint8_t *data, uint32_t n, bool final, struct pd_answer *a)
{
    unsigned l4 = l4_of(f);
    enum pd_result most = PD_NO;
    for (unsigned i = 0; i < pd->n_probes[l4]; i++) {
        const struct probe *pr = &pd->probe[l4][i];
        if (by_port ? !has_port(pr, f) : pr->n_ports != 0)
            continue;
        enum pd_result r = ask(pr, dir, data, n, final, a);
        if (r == PD_YES)
            return r;
        if (r == PD_MORE)
            most = r;
    }
    return most;
}

struct pd_answer pd_run(const struct pd *pd, const struct flow *f, unsigned dir,
                        const uint8_t *data, uint32_t n, bool final, bool may_reverse)
{
    unsigned l4 = l4_of(f);
    if (!n)
        return (struct pd_answer){.result = final ? PD_NO : PD_MORE};
    struct pd_answer a = match_side(pd, l4, dir, data, n, final), r, probed;
    if (a.result == PD_YES)
        return a;
    enum pd_result p = ask_all(pd, f, dir, true, data, n, final, &probed);
    if (p != PD_YES && may_reverse &&
        (r = match_side(pd, l4, 1 - dir, data, n, true)).result == PD_YES) {
        r.reversed = true;
        return r;
    }
    if (p == PD_NO)
        p = ask_all(pd, f, dir, false, data, n, final, &probed);
    if (p == PD_YES)
        return probed;
    bool more = a.result == PD_MORE || p == PD_MORE;
    return (struct pd_answer){.result = more && !final ? PD_MORE : PD_NO};
}
