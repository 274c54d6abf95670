/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What several types of events have besides their own: what rules noted at the flow (`metadata`,
 * `traffic`), and the address that a proxy names (`xff`).
 */
#include "engine/worker.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

enum { NAMES_ROOM = 64 };

static void names_array(struct fields *out, const char *key, const struct str *name, unsigned n,
                        struct str prefix)
{
    bool any = false;
    for (unsigned k = 0; k < n; k++) {
        if (!str_starts(name[k], prefix))
            continue;
        if (!any)
            fields_array(out, key);
        any = true;
        fields_str(out, NULL, str_skip(name[k], prefix.n));
    }
    if (any)
        fields_array_end(out);
}

/* Bits whose names begin so are written apart: what the traffic is, in people's words. */
static const struct {
    const char *key, *prefix;
} kinds[] = {{"id", "traffic/id/"}, {"label", "traffic/label/"}};

static bool is_traffic(struct str name)
{
    for (unsigned k = 0; k < ARRAY_LEN(kinds); k++)
        if (str_starts(name, str_cstr(kinds[k].prefix)))
            return true;
    return false;
}

static void var_member(struct fields *out, const struct detect_var *v)
{
    char key[200];
    snprintf(key, sizeof(key), STR_FMT, STR_ARG(v->name));
    if (v->kind == VAR_BYTES_OF)
        fields_printable(out, key, v->text.p, v->text.n);
    else if (v->kind == VAR_INTEGER)
        fields_i64(out, key, v->integer);
    else
        fields_double(out, key, v->real);
}

/* [{"name": "value"}, ...] */
static void packet_vars(const struct engine *e, struct fields *out)
{
    struct detect_var v;
    if (!detect_packet_var(e->detect, 0, &v))
        return;
    fields_array(out, "pktvars");
    for (unsigned k = 0; detect_packet_var(e->detect, k, &v); k++) {
        fields_open(out, NULL);
        var_member(out, &v);
        fields_close(out);
    }
    fields_array_end(out);
}

/* Captured bytes as an array of objects of one member, numbers as one object. */
static void flow_vars(const struct engine *e, const struct flow *f, unsigned kind, const char *key, struct fields *out)
{
    struct detect_var v;
    bool any = false, list = kind == VAR_BYTES_OF;
    for (unsigned k = 0; detect_flow_var(e->detect, f, k, &v); k++) {
        if (v.kind != kind)
            continue;
        if (!any)
            fields_begin(out, list ? FIELDS_ARRAY : FIELDS_OBJECT, key, strlen(key));
        any = true;
        if (list)
            fields_open(out, NULL);
        var_member(out, &v);
        if (list)
            fields_close(out);
    }
    if (any)
        fields_end(out);
}

void emit_packet_metadata(struct engine *e, const struct packet *p)
{
    static const char name[] = "metadata";
    struct detect_var v;
    if (!detect_packet_var(e->detect, 0, &v) || !event_wants_app(&e->settings->wants, name) ||
        !emit_begin(e, EVENT_APP, p, p->flow, p->flow ? p->dir : 0xff))
        return;
    event_section(e->out, SECTION_NAME, name, sizeof(name) - 1);
    emit_metadata(e, p, p->flow, event_fields(e->out));
    event_end(e->out);
}

void emit_metadata(struct engine *e, const struct packet *p, const struct flow *f, struct fields *out)
{
    struct str name[NAMES_ROOM], plain[NAMES_ROOM];
    unsigned n_plain = 0;
    struct detect_var v;
    if (!e->settings->wants.metadata)
        return;
    bool of_packet = p && detect_packet_var(e->detect, 0, &v);
    bool of_flow = f && f->detect && detect_flow_var(e->detect, f, 0, &v);
    unsigned n = f && f->detect ? detect_flowbits(e->detect, f, name, NAMES_ROOM) : 0;
    for (unsigned k = 0; k < n; k++)
        if (!is_traffic(name[k]))
            plain[n_plain++] = name[k];
    if (n_plain || of_packet || of_flow) {
        fields_open(out, "metadata");
        if (of_packet)
            packet_vars(e, out);
        if (of_flow) {
            flow_vars(e, f, VAR_BYTES_OF, "flowvars", out);
            flow_vars(e, f, VAR_INTEGER, "flowints", out);
        }
        names_array(out, "flowbits", plain, n_plain, STR(""));
        if (of_flow)
            flow_vars(e, f, VAR_REAL, "entropy", out);
        fields_close(out);
    }
    if (n_plain == n)
        return;
    fields_open(out, "traffic");
    for (unsigned k = 0; k < ARRAY_LEN(kinds); k++)
        names_array(out, kinds[k].key, name, n, str_cstr(kinds[k].prefix));
    fields_close(out);
}

/* ------------------------------------------------------------------ xff */

static bool address_of(struct str text, struct ip_addr *a, uint8_t *ver)
{
    char t[INET6_ADDRSTRLEN];
    uint8_t b[16];
    text = str_trim(text);
    if (!text.n || text.n >= sizeof(t))
        return false;
    memcpy(t, text.p, text.n);
    t[text.n] = 0;
    if (inet_pton(AF_INET, t, b) == 1) {
        *a = ip_from_v4(b);
        *ver = 4;
        return true;
    }
    if (inet_pton(AF_INET6, t, b) != 1)
        return false;
    memcpy(a->b, b, sizeof(b));
    *ver = 6;
    return true;
}

/*
 * The address in front of the proxies: a reverse proxy of ours adds the one that it saw at the end,
 * a forward proxy's clients stand first.
 */
static bool of_tx(const struct event_wants *w, const struct app_flow *af, const struct app_tx *tx,
                  struct ip_addr *a, uint8_t *ver)
{
    struct str v;
    if (!app_header(af, tx, 0, w->xff_header, &v))
        return false;
    for (uint32_t k = 0; k < v.n; k++) {
        uint32_t at = w->xff_forward ? k : v.n - 1 - k;
        if (v.p[at] != ',')
            continue;
        v = w->xff_forward ? str_first(v, at) : str_skip(v, at + 1);
        break;
    }
    return address_of(v, a, ver);
}

bool emit_xff(struct engine *e, const struct flow *f, const struct app_tx *tx, struct event *ev,
              struct emit_xff *out)
{
    const struct event_wants *w = &e->settings->wants;
    const struct app_flow *af = f ? f->app : NULL;
    out->ver = 0;
    if (!w->alert_xff || !af || !af->def)
        return false;
    bool found = tx && of_tx(w, af, tx, &out->addr, &out->ver);
    for (const struct app_tx *x = tx ? NULL : af->first; x && !found; x = x->next)
        found = of_tx(w, af, x, &out->addr, &out->ver);
    if (!found || !w->xff_overwrite || out->ver != ev->ver)
        return found;
    bool to_client = ip_eq(&ev->src, &f->addr[1]) && ev->sp == f->port[1];
    *(to_client ? &ev->dst : &ev->src) = out->addr;
    out->ver = 0; /* said */
    return true;
}

void emit_over_budget(struct engine *e, const struct image_rule_info *r, const struct rule_over *x)
{
    struct event *ev = emit_begin(e, EVENT_NOTICE, NULL, NULL, 0xff);
    if (!ev)
        return;
    ev->flags |= EVENT_HIDE_NUMBER;
    struct fields *out = event_fields(e->out);
    fields_open(out, "notice");
    fields_cstr(out, "kind", x->goes_on ? "rule_over_budget" : "rule_suspended");
    fields_u64(out, "gid", r->gid);
    fields_u64(out, "signature_id", r->sid);
    fields_str(out, "signature", r->msg);
    fields_u64(out, "steps", x->steps);
    fields_u64(out, "budget", e->settings->detect.rule_budget);
    if (!x->goes_on)
        fields_u64(out, "seconds", e->settings->detect.rule_suspend_s);
    fields_close(out);
    event_end(e->out);
}
