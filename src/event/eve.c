/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The lines of EVE JSON.
 *
 * The head is written through a bare pointer into room made once; members come in Suricata's order:
 * timestamp, flow_id, parent_id, in_iface, host, pcap_cnt, event_type, vlan, addresses, proto,
 * ip_v, pkt_src, ether, community_id, (our own), tx_id, alert, app_proto, direction, the tape,
 * verdict, payload, stream, packet.
 */
#include "event/eve.h"

#include "event/community.h"
#include "packet/packet.h"
#include <stdlib.h>
#include <string.h>

/* Room for the head without the fragments of eve_common and the event's name. */
enum { HEAD_ROOM = 1024 };

#define LIT(to, s) (memcpy((to), (s), sizeof(s) - 1), (to) + sizeof(s) - 1)

static uint8_t *put_u64(uint8_t *to, uint64_t v)
{
    uint8_t text[20];
    unsigned n = 0;
    do {
        text[sizeof(text) - ++n] = (uint8_t)('0' + v % 10);
        v /= 10;
    } while (v);
    memcpy(to, text + sizeof(text) - n, n);
    return to + n;
}

static uint8_t *put_ip(uint8_t *to, const struct event *h, const struct ip_addr *a)
{
    char text[IP_TEXT];
    size_t n = strlen(ip_format(a, h->ver, text));
    memcpy(to, text, n);
    return to + n;
}

static uint8_t *put_mac(uint8_t *to, const uint8_t mac[6])
{
    static const char hex[] = "0123456789abcdef";
    for (int i = 0; i < 6; i++) {
        if (i)
            *to++ = ':';
        *to++ = (uint8_t)hex[mac[i] >> 4];
        *to++ = (uint8_t)hex[mac[i] & 15];
    }
    return to;
}

static uint8_t *put_vlan(uint8_t *to, const struct event *h)
{
    to = LIT(to, ",\"vlan\":[");
    for (unsigned i = 0; i < h->vlan_n; i++) {
        if (i)
            *to++ = ',';
        to = put_u64(to, h->vlan[i]);
    }
    *to++ = ']';
    return to;
}

static uint8_t *put_addresses(uint8_t *to, const struct event *h)
{
    bool ports = !(h->flags & (EVENT_NO_PORTS | EVENT_ICMP));
    to = LIT(to, ",\"src_ip\":\"");
    to = put_ip(to, h, &h->src);
    *to++ = '"';
    if (ports) {
        to = LIT(to, ",\"src_port\":");
        to = put_u64(to, h->sp);
    }
    to = LIT(to, ",\"dest_ip\":\"");
    to = put_ip(to, h, &h->dst);
    *to++ = '"';
    if (ports) {
        to = LIT(to, ",\"dest_port\":");
        to = put_u64(to, h->dp);
    }
    return to;
}

static uint8_t *put_transport(uint8_t *to, const struct event *h)
{
    if (h->flags & EVENT_HAS_PROTO) {
        char text[24];
        uint32_t n = event_proto_text(h->proto, h->ver, text);
        to = LIT(to, ",\"proto\":\"");
        memcpy(to, text, n);
        to += n;
        *to++ = '"';
    }
    if (h->ver) {
        to = LIT(to, ",\"ip_v\":");
        *to++ = (uint8_t)('0' + h->ver);
    }
    if (h->ver && h->proto == 50) { /* ESP: the SPI lies where others have ports */
        to = LIT(to, ",\"spi\":");
        to = put_u64(to, (uint32_t)h->sp << 16 | h->dp);
    }
    if (h->flags & EVENT_ICMP) {
        to = LIT(to, ",\"icmp_type\":");
        to = put_u64(to, h->sp);
        to = LIT(to, ",\"icmp_code\":");
        to = put_u64(to, h->dp);
    }
    return to;
}

static uint8_t *put_ether(uint8_t *to, const struct event *h)
{
    to = LIT(to, ",\"ether\":{");
    if (h->ether_type) {
        to = LIT(to, "\"ether_type\":");
        to = put_u64(to, h->ether_type);
        *to++ = ',';
    }
    to = LIT(to, "\"src_mac\":\"");
    to = put_mac(to, h->mac[0]);
    to = LIT(to, "\",\"dest_mac\":\"");
    to = put_mac(to, h->mac[1]);
    return LIT(to, "\"}");
}

static uint8_t *room(struct sbuf *b, size_t n)
{
    return b->room - b->n >= n || sbuf_room(b, n) ? b->p + b->n : NULL;
}

static void finish(struct sbuf *b, const uint8_t *to)
{
    b->n = (size_t)(to - b->p);
}

/* timestamp ... pcap_cnt; false: no memory. */
static bool put_start(struct eve_common *c, const struct event *h, struct sbuf *b)
{
    uint8_t *to = room(b, HEAD_ROOM);
    if (!to)
        return false;
    to = LIT(to, "{\"timestamp\":\"");
    time_put(&c->times, h->ts_ns, to);
    to += TIME_TEXT;
    *to++ = '"';
    if (h->flow_id) {
        to = LIT(to, ",\"flow_id\":");
        to = put_u64(to, h->flow_id);
    }
    if (h->parent_id) {
        to = LIT(to, ",\"parent_id\":");
        to = put_u64(to, h->parent_id);
    }
    finish(b, to);
    if (h->iface < c->ifaces)
        sbuf_str(b, c->iface[h->iface]);
    sbuf_str(b, c->host);
    to = room(b, HEAD_ROOM);
    if (!to)
        return false;
    if (h->number && !(h->flags & EVENT_HIDE_NUMBER)) {
        to = LIT(to, ",\"pcap_cnt\":");
        to = put_u64(to, h->number);
    }
    finish(b, to);
    return true;
}

static bool put_type(const struct event_view *v, struct sbuf *b)
{
#define EVENT_TYPE_TEXT(id, name) name,
    static const char *const names[] = {EVENT_TYPES(EVENT_TYPE_TEXT)};
#undef EVENT_TYPE_TEXT
    const char *fixed = names[v->head->type];
    struct str name = v->section[SECTION_NAME];
    struct json j = {.out = b, .depth = 1, .comma = 2};
    json_str(&j, "event_type", fixed ? str_cstr(fixed) : name);
    return !b->failed;
}

static bool put_middle(const struct eve_options *o, const struct event *h, struct sbuf *b)
{
    uint8_t *to = room(b, HEAD_ROOM);
    if (!to)
        return false;
    if (h->vlan_n)
        to = put_vlan(to, h);
    if (h->ver)
        to = put_addresses(to, h);
    to = put_transport(to, h);
    if (h->pkt_src != 0xff) {
        const char *name = packet_source_name(h->pkt_src);
        size_t n = name ? strlen(name) : 0;
        if (n && n < 64) {
            to = LIT(to, ",\"pkt_src\":\"");
            memcpy(to, name, n);
            to += n;
            *to++ = '"';
        }
    }
    if (o->ethernet && (h->flags & EVENT_HAS_ETHER))
        to = put_ether(to, h);
    finish(b, to);
    return true;
}

/* event_id, vips, tenant, policy_version: who says it. */
static bool put_identity(struct eve_common *c, const struct event *h, struct sbuf *b)
{
    sbuf_str(b, c->event_id);
    uint8_t *to = room(b, HEAD_ROOM);
    if (!to)
        return false;
    to = put_u64(to, h->worker);
    *to++ = '-';
    to = put_u64(to, h->seq);
    *to++ = '"';
    finish(b, to);
    if (h->vips < c->vips_n)
        sbuf_str(b, c->vips[h->vips]);
    sbuf_str(b, c->tenant);
    if (h->policy_version) {
        struct json j = {.out = b, .depth = 1, .comma = 2};
        json_u64(&j, "policy_version", h->policy_version);
    }
    return !b->failed;
}

static bool tape_play(struct eve_common *c, const struct event_view *v, struct event_text t,
                      struct json *j)
{
    struct str tape;
    return !event_alert_text(v, t, &tape) || fields_play(j, tape, &c->times);
}

static bool put_alert(struct eve_common *c, const struct eve_options *o, const struct event_view *v,
                      struct json *j)
{
    struct event_alert a;
    struct str text;
    bool ok = true;
    if (!view_alert(v, &a))
        return true;
    json_open(j, "alert");
    json_str(j, "action", a.blocked ? STR("blocked") : STR("allowed"));
    json_u64(j, "gid", a.gid);
    json_u64(j, "signature_id", a.sid);
    json_u64(j, "rev", a.rev);
    json_str(j, "signature", event_alert_text(v, a.msg, &text) ? text : STR(""));
    json_str(j, "category", event_alert_text(v, a.class_text, &text) ? text : STR(""));
    json_u64(j, "severity", a.priority);
    ok &= tape_play(c, v, a.extra, j);
    if (o->reference)
        ok &= tape_play(c, v, a.references, j);
    if (o->rule_metadata)
        ok &= tape_play(c, v, a.metadata, j);
    if (o->rule_raw && event_alert_text(v, a.rule, &text))
        json_str(j, "rule", text);
    json_close(j);
    return ok;
}

static void put_verdict(const struct eve_common *c, const struct event_view *v, struct json *j)
{
    static const char *const actions[] = {"alert", "pass", "drop", "accept"};
    static const char *const targets[] = {NULL, "to_client", "to_server", "both"};
    static const char *const status[] = {NULL, "done", "would", "could_not"};
    struct event_verdict d;
    struct str reason;
    if (!view_verdict(v, &d, &reason))
        return;
    json_open(j, "verdict");
    json_cstr(j, "action", actions[d.action]);
    if (d.reject_target)
        json_cstr(j, "reject-target", targets[d.reject_target]);
    if (d.reject) {
        json_array(j, "reject");
        if (d.reject & REJECT_TCP_RESET)
            json_str(j, NULL, STR("tcp-reset"));
        if (d.reject & REJECT_ICMP_PROHIB)
            json_str(j, NULL, STR("icmp-prohib"));
        static const char *const named[] = {"icmp_net", "icmp_host", "icmp_port"};
        for (unsigned k = 0; k < 3; k++)
            if (d.reject & REJECT_ICMP_NET << k)
                json_cstr(j, NULL, named[k]);
        json_array_end(j);
    }
    bool told = c->id->extended || c->id->claims;
    if (told && d.status)
        json_cstr(j, "status", status[d.status]);
    if (told && reason.n)
        json_str(j, "reason", reason);
    json_close(j);
}

static bool claims(const struct eve_common *c, const struct event_view *v, bool alert)
{
    struct event_verdict d;
    struct str reason;
    if (!alert || !c->id->claims || !view_verdict(v, &d, &reason))
        return false;
    return c->id->claims == CLAIMS_ALL || d.status != STATUS_NONE;
}

static void put_payload(const struct eve_options *o, const struct event_view *v, struct json *j)
{
    struct str p = v->section[SECTION_PAYLOAD];
    if (!o->payload && !o->payload_printable && !o->payload_length)
        return;
    if (p.n && o->payload)
        json_base64(j, "payload", p.p, p.n);
    if (p.n && o->payload_printable)
        json_printable(j, "payload_printable", p.p, p.n);
    if (p.n && o->payload_length)
        json_u64(j, "payload_length", v->head->payload_len ? v->head->payload_len : p.n);
    if (o->payload || o->payload_printable)
        json_u64(j, "stream", v->head->flags & EVENT_STREAM ? 1 : 0);
}

static void put_packet(const struct event_view *v, struct json *j)
{
    struct event_packet p;
    struct str frame;
    if (!view_packet(v, &p, &frame))
        return;
    const char *name = p.link <= UINT16_MAX ? link_type_name((uint16_t)p.link) : NULL;
    json_base64(j, "packet", frame.p, frame.n);
    json_open(j, "packet_info");
    json_u64(j, "linktype", p.link);
    if (name)
        json_cstr(j, "linktype_name", name);
    json_close(j);
}

static void put_tx(const struct event *h, struct json *j)
{
    if (h->flags & EVENT_HAS_TX)
        json_u64(j, "tx_id", h->tx_id);
    if (h->flags & EVENT_TX_GUESSED)
        json_bool(j, "tx_guessed", true);
}

static void put_app(const struct eve_common *c, const struct event *h, struct json *j)
{
    const char *app = h->app_proto && c->id->app_name ? c->id->app_name(h->app_proto) : NULL;
    if (app)
        json_cstr(j, "app_proto", app);
    if (h->dir <= 1)
        json_cstr(j, "direction", h->dir ? "to_client" : "to_server");
}

/* Parts that only some types have. */
static bool put_parts(struct eve_common *c, const struct eve_options *o, const struct event_view *v,
                      struct json *j)
{
    const struct event *h = v->head;
    bool alert = h->type == EVENT_ALERT, drop = h->type == EVENT_DROP, ok = true;
    put_tx(h, j);
    if (alert || (drop && o->drop_alerts))
        ok = put_alert(c, o, v, j);
    put_app(c, h, j);
    ok &= fields_play(j, v->section[SECTION_FIELDS], &c->times);
    if (c->id->extended || (alert && o->verdict) || (drop && o->drop_verdict) ||
        claims(c, v, alert))
        put_verdict(c, v, j);
    if (alert)
        put_payload(o, v, j);
    if ((alert && o->packet) || h->type == EVENT_PACKET ||
        (h->type == EVENT_ANOMALY && o->anomaly_packethdr))
        put_packet(v, j);
    if (o->pcap_file && c->id->pcap_name) {
        const char *name = c->id->pcap_name(c->id->ctx, h->pcap_file);
        if (name)
            json_cstr(j, "pcap_filename", name);
    }
    return ok;
}

bool eve_put(struct eve_common *c, const struct eve_options *o, const struct event_view *v,
             struct sbuf *b)
{
    const struct event *h = v->head;
    if (!put_start(c, h, b) || !put_type(v, b) || !put_middle(o, h, b))
        return true; /* no memory: the buffer says it */
    struct json j = {.out = b, .depth = 1, .comma = 2};
    if (o->community_id && h->flow_id) {
        const char *id = community_id(c->community, o->community_seed, h);
        if (id)
            json_str(&j, "community_id", str_of(id, COMMUNITY_TEXT));
    }
    if (c->id->extended && !put_identity(c, h, b))
        return true;
    if (o->version)
        sbuf_str(b, c->version);
    bool ok = put_parts(c, o, v, &j);
    sbuf_byte(b, '}');
    return ok;
}

/* ---- what is rendered once */

/* `,"key":"value"` as an offset into text; views are made when all is there. */
static struct str fragment(struct sbuf *b, const char *key, const char *value)
{
    size_t at = b->n;
    struct json j = {.out = b, .depth = 1, .comma = 2};
    if (value)
        json_cstr(&j, key, value);
    return (struct str){(const uint8_t *)at, (uint32_t)(b->n - at)};
}

static uint32_t names_count(const char *const *names)
{
    uint32_t n = 0;
    while (names && names[n])
        n++;
    return n;
}

static void fix(struct sbuf *b, struct str *s)
{
    s->p = s->n ? b->p + (size_t)s->p : NULL;
}

int eve_common_init(struct eve_common *c, const struct logger_identity *id)
{
    memset(c, 0, sizeof(*c));
    c->id = id;
    c->ifaces = names_count(id->iface);
    c->vips_n = names_count(id->vips);
    c->iface = calloc(c->ifaces + 1, sizeof(*c->iface));
    c->vips = calloc(c->vips_n + 1, sizeof(*c->vips));
    c->community = community_new();
    if (!c->iface || !c->vips || !c->community)
        return -1;
    struct sbuf *b = &c->text;
    for (uint32_t i = 0; i < c->ifaces; i++)
        c->iface[i] = fragment(b, "in_iface", id->iface[i]);
    for (uint32_t i = 0; i < c->vips_n; i++)
        c->vips[i] = fragment(b, "vips", id->vips[i]);
    c->host = fragment(b, "host", id->host);
    c->tenant = fragment(b, "tenant", id->tenant);
    c->version = fragment(b, "suricata_version", id->version);
    c->event_id = fragment(b, "event_id", id->sensor ? id->sensor : "");
    b->n--; /* the closing quote: boot, worker and number follow */
    sbuf_printf(b, "-%llx-", (unsigned long long)id->boot);
    c->event_id.n = (uint32_t)(b->n - (size_t)c->event_id.p);
    if (b->failed)
        return -1;
    for (uint32_t i = 0; i < c->ifaces; i++)
        fix(b, &c->iface[i]);
    for (uint32_t i = 0; i < c->vips_n; i++)
        fix(b, &c->vips[i]);
    fix(b, &c->host);
    fix(b, &c->tenant);
    fix(b, &c->version);
    fix(b, &c->event_id);
    return 0;
}

void eve_common_done(struct eve_common *c)
{
    sbuf_done(&c->text);
    free(c->iface);
    free(c->vips);
    community_free(c->community);
}
