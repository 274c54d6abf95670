/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events that rules give: alert, drop. */
#include "engine/worker.h"

#include "base/jread.h"
#include "base/sbuf.h"

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

/* Strings of an alert lie behind its struct. */
struct alert_text {
    struct sbuf b;
};

static struct event_text text_put(struct sbuf *b, struct str s)
{
    struct event_text t = {(uint32_t)(sizeof(struct event_alert) + b->n), s.n};
    sbuf_str(b, s);
    return t;
}

static struct event_text tape_references(struct sbuf *b, const struct image *i, uint32_t rule)
{
    struct sbuf tape;
    struct fields f;
    struct str s;
    sbuf_init(&tape);
    fields_init(&f, &tape);
    fields_array(&f, "references");
    for (unsigned k = 0; image_rule_reference(i, rule, k, &s); k++)
        fields_str(&f, NULL, s);
    fields_array_end(&f);
    struct event_text t = text_put(b, sbuf_view(&tape));
    sbuf_done(&tape);
    return t;
}

/* metadata: each key an array of its values, in order of first mention. */
static struct event_text tape_metadata(struct sbuf *b, const struct image *i, uint32_t rule)
{
    struct sbuf tape;
    struct fields f;
    struct str key, value, k2, v2;
    sbuf_init(&tape);
    fields_init(&f, &tape);
    fields_open(&f, "metadata");
    for (unsigned k = 0; image_rule_meta(i, rule, k, &key, &value); k++) {
        bool before = false;
        for (unsigned m = 0; m < k && !before && image_rule_meta(i, rule, m, &k2, &v2); m++)
            before = str_eq(key, k2);
        if (before || key.n > 200)
            continue;
        char name[208];
        memcpy(name, key.p, key.n);
        name[key.n] = 0;
        fields_array(&f, name);
        for (unsigned m = k; image_rule_meta(i, rule, m, &k2, &v2); m++)
            if (str_eq(key, k2))
                fields_str(&f, NULL, v2);
        fields_array_end(&f);
    }
    fields_close(&f);
    struct event_text t = text_put(b, sbuf_view(&tape));
    sbuf_done(&tape);
    return t;
}

/* JSON that came with a list, as items: what is written is ours to the last byte. */
static void json_items(struct fields *f, const char *key, const struct jvalue *v)
{
    uint8_t room[1024];
    struct str at = jread_inner(v), k;
    struct jvalue x;
    char name[200];
    int64_t n;
    switch (v->kind) {
    case JREAD_NULL:
        fields_null(f, key);
        break;
    case JREAD_TRUE:
    case JREAD_FALSE:
        fields_bool(f, key, v->kind == JREAD_TRUE);
        break;
    case JREAD_NUMBER:
        if (str_i64(v->text, &n))
            fields_i64(f, key, n);
        else
            fields_str(f, key, v->text);
        break;
    case JREAD_STRING:
        fields_str(f, key, v->text.n <= sizeof(room) ? str_of(room, jread_string(v, room)) : v->text);
        break;
    case JREAD_ARRAY:
        fields_array(f, key);
        while (jread_item(&at, &x))
            json_items(f, NULL, &x);
        fields_array_end(f);
        break;
    case JREAD_OBJECT:
        fields_open(f, key);
        while (jread_member(&at, &k, &x)) {
            snprintf(name, sizeof(name), STR_FMT, STR_ARG(k));
            json_items(f, name, &x);
        }
        fields_close(f);
        break;
    }
}

/* Entries of lists that the rule found. */
static void context_items(const struct engine *e, const struct alert *a, struct fields *f)
{
    fields_open(f, "context");
    for (unsigned n = 0; n < a->n_told; n++) {
        struct str key, json, text;
        struct jvalue v;
        char name[200];
        detect_told(e->detect, a->told + n, &key, &json, &text);
        snprintf(name, sizeof(name), STR_FMT, STR_ARG(key));
        if (!json.n)
            fields_printable(f, name, text.p, text.n);
        else if (jread_value(&json, &v))
            json_items(f, name, &v);
    }
    fields_close(f);
}

/* Which end the rule calls the target. */
static void target_items(const struct image_rule_info *r, const struct packet *p, struct fields *f)
{
    bool src = r->target == TARGET_SRC;
    fields_open(f, "source");
    fields_ip(f, "ip", p->ver, src ? &p->dst : &p->src);
    if (p->proto == IPPROTO_TCP || p->proto == IPPROTO_UDP)
        fields_u64(f, "port", src ? p->dp : p->sp);
    fields_close(f);
    fields_open(f, "target");
    fields_ip(f, "ip", p->ver, src ? &p->src : &p->dst);
    if (p->proto == IPPROTO_TCP || p->proto == IPPROTO_UDP)
        fields_u64(f, "port", src ? p->sp : p->dp);
    fields_close(f);
}

/* The target, and what lists say. */
static struct event_text tape_extra(const struct engine *e, struct sbuf *b, const struct image_rule_info *r, const struct alert *a,
                                    const struct packet *p, const struct emit_xff *x)
{
    if (r->target == TARGET_NONE && !a->n_told && !(x && x->ver) && !e->settings->firewall)
        return (struct event_text){0, 0};
    struct sbuf tape;
    struct fields f;
    sbuf_init(&tape);
    fields_init(&f, &tape);
    if (r->target != TARGET_NONE)
        target_items(r, p, &f);
    if (a->n_told)
        context_items(e, a, &f);
    if (e->settings->firewall)
        fields_cstr(&f, "engine", a->flags & MATCH_FIREWALL ? "fw" : "td");
    if (x && x->ver)
        fields_ip(&f, "xff", x->ver, &x->addr);
    struct event_text t = text_put(b, sbuf_view(&tape));
    sbuf_done(&tape);
    return t;
}

static struct event_text rule_text(struct engine *e, struct sbuf *b, const struct image *i, uint32_t rule)
{
    struct event_text t = {0, 0};
    struct sbuf text;
    if (!e->settings->wants.alert_rule_raw)
        return t;
    sbuf_init(&text);
    if (image_rule_text(i, rule, &text))
        t = text_put(b, sbuf_view(&text));
    sbuf_done(&text);
    return t;
}

static void alert_section(struct engine *e, const struct alert *a, const struct packet *p, const struct emit_xff *x)
{
    const struct image *i = overlay_image(detect_overlay(e->detect));
    struct image_rule_info r;
    image_rule(i, a->rule, &r);
    struct event_alert h;
    memset(&h, 0, sizeof(h));
    struct sbuf b;
    sbuf_init(&b);
    h.gid = r.gid;
    h.sid = r.sid;
    h.rev = r.rev;
    const struct overlay_rule *tuned = overlay_rule(detect_overlay(e->detect), a->rule);
    h.priority = tuned->priority ? tuned->priority : r.priority;
    h.class_id = r.class_id;
    h.blocked = a->blocked;
    h.would = a->would;
    h.rule_action = a->action;
    h.ruletype = r.ruletype;
    h.log_only = r.dialect != DIALECT_SURICATA && (a->action == ACTION_LOG || a->action == ACTION_DYNAMIC);
    h.tags = e->tagged || image_rule_tags(i, a->rule);
    h.msg = text_put(&b, r.msg);
    h.class_text = text_put(&b, r.class_text);
    if (r.n_references)
        h.references = tape_references(&b, i, a->rule);
    if (r.n_metadata)
        h.metadata = tape_metadata(&b, i, a->rule);
    h.extra = tape_extra(e, &b, &r, a, p, x);
    h.rule = rule_text(e, &b, i, a->rule);
    event_section2(e->out, SECTION_ALERT, &h, sizeof(h), b.p, (uint32_t)b.n);
    sbuf_done(&b);
}

/* What is sent, by protocol: an action asks for a reset, and for an error where there is nothing to reset. */
static uint8_t reject_kinds(unsigned asked, const struct packet *p)
{
    unsigned icmp = asked & (RESP_ICMP_ALL | RESP_ICMP_ADMIN);
    if (!(p->flags & PKT_TCP) && p->proto != IPPROTO_TCP)
        return icmp || !(asked & RESP_RST_BOTH) ? REJECT_ICMP_PROHIB : 0;
    bool error = icmp && (!(asked & RESP_RST_BOTH) || icmp != RESP_ICMP_PORT);
    return (uint8_t)((asked & RESP_RST_BOTH ? REJECT_TCP_RESET : 0) | (error ? REJECT_ICMP_PROHIB : 0));
}

static const struct answer *answer_of(const struct decision *d, const struct alert *a)
{
    for (unsigned k = 0; a && k < d->n_answers; k++)
        if (d->answer[k].rule == a->rule && d->answer[k].dir == a->dir)
            return &d->answer[k];
    return NULL;
}

/* a: NULL: of the packet as a whole. */
static void verdict_section(struct engine *e, const struct decision *d, const struct packet *p, const struct alert *a)
{
    unsigned status = a ? a->status : STATUS_DONE;
    const struct answer *own = e->settings->replay ? NULL : answer_of(d, a);
    unsigned asked = own ? own->response : d->response, dir = own ? own->dir : d->response_dir;
    const char *why = own ? own->why : e->settings->replay && status == STATUS_WOULD ? NULL : d->response_why; /* it answers nobody */
    struct event_verdict v;
    memset(&v, 0, sizeof(v));
    v.status = (uint8_t)status;
    v.action = d->drop ? EVENT_VERDICT_DROP : d->pass ? EVENT_VERDICT_PASS : d->accept ? EVENT_VERDICT_ACCEPT : EVENT_VERDICT_ALERT;
    if (d->reject || d->response) {
        bool src = asked & RESP_RST_SRC, dst = asked & RESP_RST_DST;
        v.reject = reject_kinds(asked, p);
        bool by_name = (v.reject & REJECT_ICMP_PROHIB) && !d->reject && !(p->flags & (PKT_ICMP | PKT_ICMP6));
        if (by_name && (asked & RESP_ICMP_ALL)) /* the bits are the same */
            v.reject = (uint8_t)((v.reject & ~(unsigned)REJECT_ICMP_PROHIB) | (asked & RESP_ICMP_ALL));
        /* Replay says what the action asks for; on a mirror an error goes to the packet's sender alone. */
        if ((v.reject & REJECT_TCP_RESET) || (d->reject && e->settings->replay))
            v.reject_target = src && dst ? REJECT_BOTH : (src != (dir == 1)) ? REJECT_TO_CLIENT : REJECT_TO_SERVER;
        else if (v.reject)
            v.reject_target = p->dir ? REJECT_TO_SERVER : REJECT_TO_CLIENT;
    }
    const char *reason = d->drop ? drop_reason_text(d->drop_reason) : why ? why : "";
    v.reason = (struct event_text){sizeof(v), (uint32_t)strlen(reason)};
    event_section2(e->out, SECTION_VERDICT, &v, sizeof(v), reason, v.reason.n);
}

/* What carried the packet. */
static void tunnel_object(struct fields *out, const struct packet *p)
{
    const struct packet *o = p->outer;
    char proto[24];
    fields_open(out, "tunnel");
    fields_ip(out, "src_ip", o->ver, &o->src);
    fields_u64(out, "src_port", o->sp);
    fields_ip(out, "dest_ip", o->ver, &o->dst);
    fields_u64(out, "dest_port", o->dp);
    event_proto_text(o->proto, o->ver, proto);
    fields_cstr(out, "proto", proto);
    fields_u64(out, "depth", p->depth);
    fields_cstr(out, "pkt_src", packet_source_name(o->src_kind));
    fields_close(out);
}

static void flow_object(struct fields *out, const struct flow *f)
{
    fields_open(out, "flow");
    fields_u64(out, "pkts_toserver", f->pkts[0]);
    fields_u64(out, "pkts_toclient", f->pkts[1]);
    fields_u64(out, "bytes_toserver", f->bytes[0]);
    fields_u64(out, "bytes_toclient", f->bytes[1]);
    fields_time(out, "start", f->first_ns);
    fields_ip(out, "src_ip", f->ver, &f->addr[0]);
    fields_ip(out, "dest_ip", f->ver, &f->addr[1]);
    if (f->proto == IPPROTO_TCP || f->proto == IPPROTO_UDP || f->proto == IPPROTO_SCTP) {
        fields_u64(out, "src_port", f->port[0]);
        fields_u64(out, "dest_port", f->port[1]);
    }
    fields_close(out);
}

static void app_context(struct engine *e, const struct alert *a, struct flow *f, struct fields *out)
{
    struct app_flow *af = f->app;
    if (!af || !af->def || !af->def->alert_fields)
        return;
    struct app_log_ctx c = {.af = af, .tx = a->tx, .flow = f, .scratch = &e->scratch};
    af->def->alert_fields(&c, out);
}

static void files_context(const struct alert *a, struct fields *out)
{
    const struct app_file *file = a->tx ? a->tx->files[a->dir & 1].first : NULL;
    if (!file)
        return;
    fields_array(out, "files");
    for (; file; file = file->next) {
        fields_open(out, NULL);
        app_file_members(file, out);
        fields_close(out);
    }
    fields_array_end(out);
}

/* What the rule saw: the stream's bytes when it matched there, else the packet's. */
static void payload_section(struct engine *e, const struct alert *a, const struct packet *p, struct event *ev)
{
    uint32_t most = e->settings->wants.payload_buffer_bytes;
    if ((a->flags & (MATCH_STREAM | MATCH_TX)) && p->flow && p->flow->tcp) {
        uint8_t *b = arena_alloc_raw(&e->scratch, most ? most : 1);
        uint32_t n = b ? stream_copy(p->flow, p->dir, 0, b, most) : 0;
        if (n) {
            ev->flags |= EVENT_STREAM;
            event_section(e->out, SECTION_PAYLOAD, b, n);
            return;
        }
    }
    if (p->payload && p->payload_len)
        event_section(e->out, SECTION_PAYLOAD, p->payload, p->payload_len);
}

static void one_alert(struct engine *e, struct packet *p, const struct decision *d, const struct alert *a)
{
    const struct event_wants *w = &e->settings->wants;
    struct flow *f = p->flow;
    struct event *ev = emit_begin(e, EVENT_ALERT, p, f, 0xff);
    if (!ev)
        return;
    if (a->flags & MATCH_TX) {
        ev->flags |= EVENT_HAS_TX;
        ev->tx_id = a->tx_id;
    }
    if (f) {
        ev->dir = p->dir;
        ev->app_proto = f->app_proto_any;
    }
    if (w->alert_payload || w->alert_payload_printable || w->packet_bytes)
        payload_section(e, a, p, ev);
    struct emit_xff xff;
    bool has_xff = emit_xff(e, f, a->tx, ev, &xff);
    alert_section(e, a, p, has_xff ? &xff : NULL);
    verdict_section(e, d, p, a);
    if (w->alert_packet || w->packet_bytes)
        emit_packet_section(e, p, UINT32_MAX);
    struct fields *out = event_fields(e->out);
    if ((p->flags & PKT_INNER) && p->outer && p->outer->ver)
        tunnel_object(out, p);
    if (a->flags & MATCH_FIREWALL) {
        char hook[96];
        firewall_at_text(&a->at, hook);
        fields_open(out, "firewall");
        fields_cstr(out, "hook", hook);
        fields_close(out);
    }
    if (f) {
        if (w->alert_app_metadata) {
            emit_app_protos(out, f);
            app_context(e, a, f, out);
            files_context(a, out);
        }
        if (w->alert_flow_metadata)
            flow_object(out, f);
        emit_metadata(e, p, f, out);
    }
    event_end(e->out);
    arena_reset(&e->scratch);
}

void emit_alerts(struct engine *e, struct packet *p, const struct decision *d)
{
    if (!e->settings->wants.alert && !e->settings->wants.any)
        return;
    for (unsigned k = 0; k < d->n_alerts; k++)
        one_alert(e, p, d, &d->alert[k]);
}

/* ------------------------------------------------------------------ drop */

void emit_drop(struct engine *e, struct packet *p, const struct decision *d)
{
    const struct event_wants *w = &e->settings->wants;
    struct flow *f = p->flow;
    if (!w->drop)
        return;
    /* A flow that is dropped as a whole is said once a direction, unless all are asked for; rules always. */
    if (!w->drop_flows_all && f && (f->flags & FLOW_DROP)) {
        uint32_t bit = p->dir ? FLOW_DROP_SAID_TO_CLIENT : FLOW_DROP_SAID_TO_SERVER;
        if ((f->flags & bit) && d->drop_rule < 0)
            return;
        f->flags |= bit;
    }
    struct event *ev = emit_begin(e, EVENT_DROP, p, f, 0xff);
    if (!ev)
        return;
    if (f)
        ev->dir = p->dir;
    struct fields *out = event_fields(e->out);
    fields_open(out, "drop");
    fields_u64(out, "len", p->ip_len);
    fields_u64(out, "tos", p->tos);
    fields_u64(out, "ttl", p->ttl);
    if (p->ver == 4)
        fields_u64(out, "ipid", p->ip_id);
    if (p->flags & PKT_TCP) {
        fields_u64(out, "tcpseq", p->tcp.seq);
        fields_u64(out, "tcpack", p->tcp.ack);
        fields_u64(out, "tcpwin", p->tcp.win);
        static const struct {
            const char *name;
            uint8_t bit;
        } flag[] = {{"syn", TCP_SYN}, {"ack", TCP_ACK}, {"psh", TCP_PSH}, {"rst", TCP_RST}, {"urg", TCP_URG}, {"fin", TCP_FIN}};
        for (unsigned k = 0; k < ARRAY_LEN(flag); k++)
            fields_bool(out, flag[k].name, p->tcp.flags & flag[k].bit);
        fields_u64(out, "tcpres", 0);
        fields_u64(out, "tcpurgp", p->tcp.urp);
    } else if (p->flags & PKT_UDP) {
        fields_u64(out, "udplen", p->l4_len);
    } else if (p->flags & (PKT_ICMP | PKT_ICMP6)) {
        fields_u64(out, "icmp_id", p->icmp_id);
        fields_u64(out, "icmp_seq", p->icmp_seq);
    }
    fields_cstr(out, "reason", drop_reason_text(d->drop_reason));
    fields_close(out);
    emit_metadata(e, p, f, out);
    if (w->drop_verdict)
        verdict_section(e, d, p, NULL);
    if (w->drop_alerts && d->drop_rule >= 0) {
        struct alert a = {.rule = (uint32_t)d->drop_rule,
                          .blocked = true,
                          .status = STATUS_DONE,
                          .flags = drop_by_firewall(d->drop_reason) ? MATCH_FIREWALL : 0};
        alert_section(e, &a, p, NULL);
    }
    event_end(e->out);
    arena_reset(&e->scratch);
}
