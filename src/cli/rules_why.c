/* SPDX-License-Identifier: GPL-2.0-or-later */
/* riposte rules why SID -r FILE: what of a rule held where it came furthest, and what did not. */
#include "cli/rules_cmd.h"

#include "base/log.h"
#include "base/sbuf.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct why {
    const struct rules_args *a;
    const struct rule_set *s;
    const struct rule *r;
    const struct overlay *o;
    const struct watch_report *w;
    struct replay_result run;
};

static const char *const results[] = {"holds", "fails", "waits", "not tried"};
static const char *const fates[] = {"alert written",
                                    "acted without an alert, as its action or noalert says",
                                    "silenced by a threshold or suppress",
                                    "not often enough for its detection_filter",
                                    "a pass rule came before it",
                                    "more alerts than packet-alert-max for this packet",
                                    "Snort's event queue: another action's event or others before it (detect.event-queue, "
                                    "detect.process-all-events)",
                                    "not decided"};
static const char *const fate_words[] = {"alert", "no_alert", "silenced", "detection_filter", "passed", "overflow", "event_queue", "undecided"};
static const char *const unlooked[] = {"flow passed", "flow dropped", "flow bypassed"};
static const char *const unlooked_words[] = {"flow_passed", "flow_dropped", "bypassed"};

static const char *proto_word(unsigned proto)
{
    return proto == IPPROTO_TCP      ? "tcp"
           : proto == IPPROTO_UDP    ? "udp"
           : proto == IPPROTO_ICMP   ? "icmp"
           : proto == IPPROTO_ICMPV6 ? "icmpv6"
           : proto == IPPROTO_SCTP   ? "sctp"
                                     : "ip";
}

static void transports_words(const struct rule *r, struct sbuf *b)
{
    static const char *const words[] = {"tcp", "udp", "icmp", "icmpv6", "sctp", "other IP", "no IP"};
    const char *sep = "";
    for (unsigned k = 0; k < ARRAY_LEN(words); k++)
        if (r->transports >> k & 1) {
            sbuf_printf(b, "%s%s", sep, words[k]);
            sep = ", ";
        }
}

/* What the rule asks, for a gate. */
static void gate_words(const struct why *y, unsigned gate, unsigned buffer, struct sbuf *b)
{
#define WORDS(id, words) [WATCH_##id] = words,
    static const char *const names[WATCH_GATE_COUNT] = {WATCH_GATES(WORDS)};
#undef WORDS
    const struct rule *r = y->r;
    const char *app = app_name(r->app), *name = buffer ? rule_buffer_name(buffer) : "payload";
    sbuf_cstr(b, names[gate < WATCH_GATE_COUNT ? gate : 0]);
    switch ((enum watch_gate)gate) {
    case WATCH_TRANSPORT:
        sbuf_byte(b, ' ');
        transports_words(r, b);
        break;
    case WATCH_IP_VERSION:
        sbuf_cstr(b, r->flags & RULE_IP4_ONLY ? " 4" : " 6");
        break;
    case WATCH_FRAGMENT:
        sbuf_cstr(b, r->flags & RULE_ONLY_FRAG ? ": one" : ": none");
        break;
    case WATCH_DIRECTION:
        sbuf_cstr(b, r->flags & RULE_TO_SERVER ? " to server" : r->flags & RULE_TO_CLIENT ? " to client" : " of its buffers");
        break;
    case WATCH_STATE:
        sbuf_cstr(b, r->flags & RULE_ESTABLISHED ? ": established" : ": not established");
        break;
    case WATCH_APP:
        sbuf_printf(b, " %s", app ? app : "?");
        break;
    case WATCH_SRC_ADDR:
    case WATCH_DST_ADDR:
        sbuf_printf(b, " " STR_FMT, STR_ARG(y->s->addr[r->addr[gate == WATCH_DST_ADDR]]));
        break;
    case WATCH_SRC_PORT:
    case WATCH_DST_PORT:
        sbuf_printf(b, " " STR_FMT, STR_ARG(y->s->port[r->port[gate == WATCH_DST_PORT]]));
        break;
    case WATCH_BUFFER:
    case WATCH_ABSENT:
        sbuf_printf(b, " %s", name ? name : "?");
        break;
    case WATCH_NONE:
    case WATCH_IN_FORCE:
    case WATCH_FLOW:
    case WATCH_TRANSACTION:
    case WATCH_HOOK:
    case WATCH_ASKED:
    case WATCH_GATE_COUNT:
        break;
    }
}

static const char *step_words(const struct why *y, unsigned test, unsigned gate, unsigned buffer, struct sbuf *b)
{
    sbuf_clear(b);
    if (test)
        rule_test_words(y->s, y->r, test - 1, b);
    else
        gate_words(y, gate, buffer, b);
    return sbuf_z(b) ? sbuf_z(b) : "";
}

/* A content or pattern that stood there: at its bytes; one that did not: where it was looked for. */
static void place_words(const struct watch_step *x, struct sbuf *b)
{
    sbuf_clear(b);
    if (x->old)
        sbuf_cstr(b, " in an earlier packet");
    else if (x->result == WATCH_HOLDS && x->at >= 0)
        sbuf_printf(b, " at byte %lld to %lld", (long long)x->at, (long long)x->end);
    else if (x->result == WATCH_FAILS && x->at >= 0 && x->end >= 0)
        sbuf_printf(b, " in bytes %lld to %lld", (long long)x->at, (long long)x->end);
    else if (x->result == WATCH_FAILS && x->at >= 0)
        sbuf_printf(b, " at byte %lld", (long long)x->at);
    if (x->seen)
        sbuf_printf(b, ": %s", x->seen);
}

/* ------------------------------------------------------------------ text */

static void look_head(const struct watch_look *l)
{
    char src[IP_TEXT], dst[IP_TEXT];
    if (l->flow_end)
        printf("at the end of a flow");
    else
        printf("packet %llu", (unsigned long long)l->number);
    if (l->tx)
        printf(", transaction %llu", (unsigned long long)l->tx_id);
    if (l->ver)
        printf(", %s %s:%u -> %s:%u", proto_word(l->proto), ip_format_short(&l->src, l->ver, src), l->sp,
               ip_format_short(&l->dst, l->ver, dst), l->dp);
    if (l->flow_id)
        printf(", %s", l->dir ? "to client" : "to server");
    printf("\n");
}

static void look_text(const struct why *y, const struct watch_look *l)
{
    struct sbuf what, place;
    sbuf_init(&what);
    sbuf_init(&place);
    look_head(l);
    for (unsigned k = 0; l->step && k < l->n; k++) {
        const struct watch_step *x = &l->step[k];
        place_words(x, &place);
        step_words(y, x->test, x->gate, x->buffer, &what);
        const char *p = sbuf_z(&place), *w = sbuf_z(&what);
        printf("  %-9s  ", results[x->result]);
        if (x->test)
            printf("%2u. ", x->test);
        while (p && (*p == ' ' || *p == ':'))
            p++;
        printf("%s%s%s\n", w ? w : "", p && *p ? "  | " : "", p ? p : "");
    }
    sbuf_done(&what);
    sbuf_done(&place);
}

static int end_cmp(const void *x, const void *y)
{
    const struct watch_end *a = x, *b = y;
    return a->n < b->n ? 1 : a->n > b->n ? -1 : 0;
}

static unsigned ends_sorted(const struct why *y, struct watch_end out[WATCH_ENDS])
{
    memcpy(out, y->w->end, sizeof(y->w->end));
    qsort(out, y->w->n_end, sizeof(*out), end_cmp);
    return y->w->n_end;
}

static void fate_text(const struct why *y, const struct watch_look *l)
{
    printf("  fired: %s", fates[l->fate]);
    if (l->fate_rule != UINT32_MAX) {
        struct image_rule_info i;
        image_rule(overlay_image(y->o), l->fate_rule, &i);
        printf(" (sid %u)", i.sid);
    }
    printf("\n");
}

static void print_text(const struct why *y)
{
    const struct watch_report *w = y->w;
    struct watch_end end[WATCH_ENDS];
    struct sbuf b;
    sbuf_init(&b);
    printf("%u:%u \"" STR_FMT "\": ", y->r->gid, y->r->sid, STR_ARG(y->r->msg));
    printf("%llu packets, %llu looks, fired %llu times\n", (unsigned long long)y->run.packets, (unsigned long long)w->looks,
           (unsigned long long)w->matches);
    for (unsigned k = 0; k < ARRAY_LEN(fates); k++)
        if (w->fates[k])
            printf("  %llu times: %s\n", (unsigned long long)w->fates[k], fates[k]);
    for (unsigned k = 0; k < WATCH_UNLOOKED; k++)
        if (w->unlooked[k]) {
            printf("  %llu packets not looked at: %s", (unsigned long long)w->unlooked[k], unlooked[k]);
            struct image_rule_info i;
            if (k == WATCH_FLOW_PASSED && w->passed_by != UINT32_MAX) {
                image_rule(overlay_image(y->o), w->passed_by, &i);
                printf(" by sid %u", i.sid);
            }
            printf("\n");
        }
    unsigned n = ends_sorted(y, end);
    for (unsigned k = 0; k < n; k++)
        printf("  %llu looks ended first with: %s\n", (unsigned long long)end[k].n,
               step_words(y, end[k].test, end[k].gate, end[k].buffer, &b));
    for (unsigned k = 0; k < w->n_match; k++) {
        printf("\n");
        look_text(y, &w->match[k]);
        fate_text(y, &w->match[k]);
    }
    for (unsigned k = 0; k < w->n_near && !w->n_match; k++) {
        printf(k ? "\nnext, " : "\nfurthest: ");
        look_text(y, &w->near[k]);
    }
    sbuf_done(&b);
}

/* ------------------------------------------------------------------ JSON */

static void look_json(const struct why *y, const struct watch_look *l, struct json *j)
{
    struct sbuf b;
    char text[IP_TEXT];
    sbuf_init(&b);
    json_open(j, NULL);
    if (l->flow_end)
        json_bool(j, "flow_end", true);
    else
        json_u64(j, "packet", l->number);
    if (l->tx)
        json_u64(j, "transaction", l->tx_id);
    if (l->ver) {
        json_cstr(j, "proto", proto_word(l->proto));
        json_cstr(j, "src_ip", ip_format_short(&l->src, l->ver, text));
        json_u64(j, "src_port", l->sp);
        json_cstr(j, "dest_ip", ip_format_short(&l->dst, l->ver, text));
        json_u64(j, "dest_port", l->dp);
    }
    json_cstr(j, "direction", l->dir ? "to_client" : "to_server");
    if (l->matched)
        json_cstr(j, "fate", fate_words[l->fate]);
    json_array(j, "tests");
    for (unsigned k = 0; l->step && k < l->n; k++) {
        const struct watch_step *x = &l->step[k];
        json_open(j, NULL);
        if (x->test) {
            json_u64(j, "number", x->test);
            json_u64(j, "column", y->r->tests[x->test - 1].column);
        }
        json_cstr(j, "test", step_words(y, x->test, x->gate, x->buffer, &b));
        json_cstr(j, "result", results[x->result]);
        if (x->at >= 0)
            json_i64(j, "at", x->at);
        if (x->end >= 0)
            json_i64(j, "end", x->end);
        if (x->old)
            json_bool(j, "earlier", true);
        if (x->seen)
            json_cstr(j, "seen", x->seen);
        json_close(j);
    }
    json_array_end(j);
    json_close(j);
    sbuf_done(&b);
}

static void print_json(const struct why *y)
{
    const struct watch_report *w = y->w;
    struct watch_end end[WATCH_ENDS];
    struct sbuf out, b;
    struct json j;
    sbuf_init(&out);
    sbuf_init(&b);
    json_init(&j, &out);
    json_open(&j, NULL);
    json_u64(&j, "gid", y->r->gid);
    json_u64(&j, "sid", y->r->sid);
    json_str(&j, "msg", y->r->msg);
    json_u64(&j, "packets", y->run.packets);
    json_u64(&j, "looks", w->looks);
    json_u64(&j, "fired", w->matches);
    json_open(&j, "fates");
    for (unsigned k = 0; k < ARRAY_LEN(fate_words); k++)
        json_u64(&j, fate_words[k], w->fates[k]);
    json_close(&j);
    json_open(&j, "not_looked_at");
    for (unsigned k = 0; k < WATCH_UNLOOKED; k++)
        json_u64(&j, unlooked_words[k], w->unlooked[k]);
    json_close(&j);
    json_array(&j, "ends");
    unsigned n = ends_sorted(y, end);
    for (unsigned k = 0; k < n; k++) {
        json_open(&j, NULL);
        json_cstr(&j, "test", step_words(y, end[k].test, end[k].gate, end[k].buffer, &b));
        if (end[k].test)
            json_u64(&j, "number", end[k].test);
        json_u64(&j, "looks", end[k].n);
        json_close(&j);
    }
    json_array_end(&j);
    json_array(&j, "fired_at");
    for (unsigned k = 0; k < w->n_match; k++)
        look_json(y, &w->match[k], &j);
    json_array_end(&j);
    json_array(&j, "furthest");
    for (unsigned k = 0; k < w->n_near; k++)
        look_json(y, &w->near[k], &j);
    json_array_end(&j);
    json_close(&j);
    sbuf_byte(&out, '\n');
    fwrite(out.p, 1, out.n, stdout);
    sbuf_done(&out);
    sbuf_done(&b);
}

/* ------------------------------------------------------------------ the run */

/* The one rule, and its number in the image. */
static int find(struct why *y, struct image *i, uint32_t *index)
{
    const struct rules_args *a = y->a;
    unsigned n = 0;
    for (uint32_t k = 0; k < y->s->n_rules; k++) {
        const struct rule *r = y->s->rules[k];
        if (r->sid != a->sid || (a->gid && r->gid != a->gid))
            continue;
        y->r = r;
        n++;
    }
    if (n > 1) {
        log_at(LOG_AT_ERROR, "rules", "%u rules have the sid %llu: give GID:SID", n, (unsigned long long)a->sid);
        return -EINVAL;
    }
    int64_t at = n ? image_find_sid(i, y->r->gid, y->r->sid) : -1;
    if (n && at < 0)
        log_at(LOG_AT_ERROR, "rules", "sid %llu is not in force: %s", (unsigned long long)a->sid,
               y->r->flags & RULE_DISABLED ? "it stands behind #" : "it is left out (riposte check tells why)");
    *index = (uint32_t)at;
    return at < 0 ? -ENOENT : 0;
}

int rules_why(const struct rules_args *a, const struct rule_set *s, struct conf *c, struct diags *d)
{
    struct why y = {.a = a, .s = s};
    uint32_t index;
    struct overlay *o = rules_in_force(s, c, d);
    y.o = o;
    int rc = o ? find(&y, overlay_image(o), &index) : -EINVAL;
    struct watch *w = rc ? NULL : watch_new(index);
    if (!rc && !w)
        rc = -ENOMEM;
    struct replay_options ro = {.overlay = o, .watch = w};
    if (!rc)
        rc = rules_replay(a, c, &ro, &y.run, d);
    if (!rc) {
        y.w = watch_report(w);
        if (a->json)
            print_json(&y);
        else
            print_text(&y);
    }
    watch_free(w);
    overlay_close(o);
    return rc;
}
