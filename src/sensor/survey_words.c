/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The words of `ctl flows`, and a flow as JSON in EVE's words (survey.h). */
#include "sensor/survey.h"

#include "app/app.h"
#include "base/sbuf.h"
#include "event/event.h"

#include <stdio.h>
#include <string.h>

static const char *const states[FLOW_STATES] = {"new", "established", "closed", "bypassed"};

static bool proto_find(struct str s, uint8_t *out)
{
    static const struct {
        const char *name;
        uint8_t proto;
    } names[] = {{"tcp", 6},        {"udp", 17},   {"icmp", 1},      {"icmpv6", 58},
                 {"ipv6-icmp", 58}, {"sctp", 132}, {"gre", 47},      {"esp", 50},
                 {"ah", 51},        {"igmp", 2},   {"ipv6-icmp", 58}};
    uint64_t v;
    for (size_t i = 0; i < ARRAY_LEN(names); i++)
        if (str_ieq(s, str_cstr(names[i].name))) {
            *out = names[i].proto;
            return true;
        }
    if (!str_u64(s, &v) || v > 255)
        return false;
    *out = (uint8_t)v;
    return true;
}

static bool get_proto(struct flow_query *q, struct str v)
{
    return proto_find(v, &q->proto);
}

static bool get_any(struct flow_query *q, struct str v)
{
    return ip_prefix_parse(v, &q->any);
}

static bool get_src(struct flow_query *q, struct str v)
{
    return ip_prefix_parse(v, &q->src);
}

static bool get_dst(struct flow_query *q, struct str v)
{
    return ip_prefix_parse(v, &q->dst);
}

static bool number(struct str s, uint64_t most, uint64_t *out)
{
    return str_u64(s, out) && *out <= most;
}

static bool get_port(struct flow_query *q, struct str v)
{
    uint64_t n;
    bool ok = number(v, 65535, &n);
    q->port = ok ? (uint16_t)n : 0;
    return ok;
}

static bool get_sport(struct flow_query *q, struct str v)
{
    uint64_t n;
    bool ok = number(v, 65535, &n);
    q->sport = ok ? (uint16_t)n : 0;
    return ok;
}

static bool get_dport(struct flow_query *q, struct str v)
{
    uint64_t n;
    bool ok = number(v, 65535, &n);
    q->dport = ok ? (uint16_t)n : 0;
    return ok;
}

static bool get_vlan(struct flow_query *q, struct str v)
{
    uint64_t n;
    bool ok = number(v, 4095, &n);
    q->vlan = ok ? (uint16_t)n : 0;
    return ok;
}

static bool get_app(struct flow_query *q, struct str v)
{
    int id = app_find(v);
    q->app = id < 0 ? 0 : (uint16_t)id;
    return id >= 0;
}

/* A flow's state, or TCP's: new, ESTABLISHED, SYN_SENT, time_wait ... */
static bool get_state(struct flow_query *q, struct str v)
{
    for (uint8_t i = 0; i < FLOW_STATES; i++)
        if (str_ieq(v, str_cstr(states[i]))) {
            q->state = i;
            q->ask |= ASK_STATE;
            return true;
        }
    for (unsigned i = TCP_NONE; i <= TCP_CLOSED; i++)
        if (str_ieq(v, str_cstr(tcp_state_name((enum tcp_state)i)))) {
            q->tcp_state = (uint8_t)i;
            q->ask |= ASK_TCP_STATE;
            return true;
        }
    return false;
}

static bool get_id(struct flow_query *q, struct str v)
{
    return str_u64(v, &q->id);
}

static bool get_most(struct flow_query *q, struct str v)
{
    uint64_t n;
    bool ok = number(v, SURVEY_MOST, &n) && n;
    q->most = ok ? (uint32_t)n : q->most;
    return ok;
}

static const struct {
    const char *names; /* with blanks around each */
    uint32_t ask;
    bool (*get)(struct flow_query *q, struct str v); /* NULL: the word is enough */
} words_known[] = {
    {" host addr address ip net any ", ASK_ANY, get_any},
    {" src src_ip orig-src client source ", ASK_SRC, get_src},
    {" dst dest dest_ip orig-dst server destination ", ASK_DST, get_dst},
    {" port ", ASK_PORT, get_port},
    {" sport src_port orig-port-src ", ASK_SPORT, get_sport},
    {" dport dest_port dst_port orig-port-dst ", ASK_DPORT, get_dport},
    {" proto protonum p ", ASK_PROTO, get_proto},
    {" app app_proto ", ASK_APP, get_app},
    {" state ", 0, get_state},
    {" vlan ", ASK_VLAN, get_vlan},
    {" id flow_id ", ASK_ID, get_id},
    {" limit n most max ", 0, get_most},
    {" alerted ", ASK_ALERTED, NULL},
    {" answered responded ", ASK_ANSWERED, NULL},
};

static int word_find(struct str w)
{
    char padded[40];
    if (w.n + 3 > sizeof(padded))
        return -1;
    snprintf(padded, sizeof(padded), " " STR_FMT " ", STR_ARG(w));
    for (size_t i = 0; i < ARRAY_LEN(words_known); i++)
        if (strcasestr(words_known[i].names, padded))
            return (int)i;
    return -1;
}

/* tcp, 10.0.0.0/8, 443, http, established */
static bool bare(struct flow_query *q, struct str w)
{
    uint64_t n;
    if (number(w, 65535, &n)) {
        q->ask |= ASK_PORT;
        return get_port(q, w);
    }
    if (ip_prefix_parse(w, &q->any)) {
        q->ask |= ASK_ANY;
        return true;
    }
    if (proto_find(w, &q->proto)) {
        q->ask |= ASK_PROTO;
        return true;
    }
    if (get_state(q, w))
        return true;
    if (!get_app(q, w))
        return false;
    q->ask |= ASK_APP;
    return true;
}

static struct str next_word(struct str *left)
{
    struct str t = str_trim(*left);
    uint32_t n = 0;
    while (n < t.n && t.p[n] != ' ' && t.p[n] != '\t' && t.p[n] != '\r' && t.p[n] != '\n')
        n++;
    *left = str_skip(t, n);
    return str_first(t, n);
}

bool flow_query_parse(const char *words, struct flow_query *q, char *why, size_t room)
{
    struct str left = str_cstr(words);
    memset(q, 0, sizeof(*q));
    q->most = SURVEY_DEFAULT;
    for (struct str w = next_word(&left); w.n; w = next_word(&left)) {
        while (w.n && w.p[0] == '-')
            w = str_skip(w, 1);
        int64_t eq = str_chr(w, '=');
        struct str key = eq < 0 ? w : str_first(w, (uint32_t)eq);
        int k = word_find(key);
        if (k < 0) {
            if (eq < 0 && bare(q, w))
                continue;
            snprintf(why, room,
                     "what is \"%.*s\"? flows [host|src|dst ADDRESS[/LEN]] [port|sport|dport N] "
                     "[proto P] [app A] [state S] [vlan N] [id N] [alerted] [answered] [limit N]",
                     (int)u32_min(w.n, 60), (const char *)w.p);
            return false;
        }
        q->ask |= words_known[k].ask;
        if (!words_known[k].get)
            continue;
        struct str v = eq < 0 ? next_word(&left) : str_skip(w, (uint32_t)eq + 1);
        if (!words_known[k].get(q, v)) {
            snprintf(why, room, "%.*s: \"%.*s\" does not fit", (int)u32_min(key.n, 30),
                     (const char *)key.p, (int)u32_min(v.n, 60), (const char *)v.p);
            return false;
        }
    }
    return true;
}

static bool prefix_good(const struct ip_prefix *p)
{
    return (p->ver == 4 && p->bits <= 32) || (p->ver == 6 && p->bits <= 128);
}

bool flow_query_good(const struct flow_query *q)
{
    return !(q->ask & ~(uint32_t)ASK_BITS) && q->most && q->most <= SURVEY_MOST &&
           (!(q->ask & ASK_ANY) || prefix_good(&q->any)) &&
           (!(q->ask & ASK_SRC) || prefix_good(&q->src)) &&
           (!(q->ask & ASK_DST) || prefix_good(&q->dst));
}

bool flow_row_good(const struct flow_row *r)
{
    return (r->ver == 4 || r->ver == 6) && r->state < FLOW_STATES && r->tcp_state <= TCP_CLOSED &&
           r->vlan_n <= ARRAY_LEN(r->vlan) && r->alerted <= 1 && r->answered <= 1;
}

void flow_row_json(const struct flow_row *r, const char *iface, struct json *j)
{
    char text[IP_TEXT], time[40], proto[24];
    json_open(j, NULL);
    json_u64(j, "flow_id", r->id);
    event_proto_text(r->proto, r->ver, proto);
    json_cstr(j, "proto", proto);
    json_cstr(j, "src_ip", ip_format_short(&r->addr[0], r->ver, text));
    json_u64(j, "src_port", r->port[0]);
    json_cstr(j, "dest_ip", ip_format_short(&r->addr[1], r->ver, text));
    json_u64(j, "dest_port", r->port[1]);
    const char *app = r->app ? app_name(r->app) : NULL;
    if (app)
        json_cstr(j, "app_proto", app);
    if (iface)
        json_cstr(j, "in_iface", iface);
    if (r->vlan_n) {
        json_array(j, "vlan");
        for (unsigned i = 0; i < r->vlan_n; i++)
            json_u64(j, NULL, r->vlan[i]);
        json_array_end(j);
    }
    json_cstr(j, "state", states[r->state]);
    if (r->tcp_state != TCP_NONE)
        json_cstr(j, "tcp_state", tcp_state_name((enum tcp_state)r->tcp_state));
    json_u64(j, "pkts_toserver", r->pkts[0]);
    json_u64(j, "pkts_toclient", r->pkts[1]);
    json_u64(j, "bytes_toserver", r->bytes[0]);
    json_u64(j, "bytes_toclient", r->bytes[1]);
    event_time_format(r->first_ns, time);
    json_cstr(j, "start", time);
    event_time_format(r->last_ns, time);
    json_cstr(j, "last", time);
    json_u64(j, "age", r->last_ns > r->first_ns ? (r->last_ns - r->first_ns) / 1000000000u : 0);
    json_u64(j, "timeout", r->timeout_s);
    json_bool(j, "alerted", r->alerted);
    json_bool(j, "answered", r->answered);
    json_u64(j, "worker", r->worker);
    json_close(j);
}
