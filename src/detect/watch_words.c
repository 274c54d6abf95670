/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What was there where a test of the rule under watch failed; and what its header asks, one thing after the other. */
#include "detect/watch.h"

#include "base/find.h"
#include "base/ip.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *watch_say(struct watch *w, const char *fmt, ...)
{
    char *at = w->text + w->used;
    size_t room = sizeof(w->text) - w->used;
    va_list v;
    va_start(v, fmt);
    int n = vsnprintf(at, room, fmt, v);
    va_end(v);
    if (n < 0 || (size_t)n >= room)
        return NULL; /* the look goes on without words */
    w->used += (size_t)n + 1;
    return at;
}

/* ------------------------------------------------------------------ tests of a buffer */

static void say_content(struct watch *w, const struct block *b, const struct img_test *t, struct watch_step *s)
{
    const struct input *in = block_input(b, t);
    struct str what = img_str(b->d->image, t->u.content.bytes);
    unsigned long long base = t->on_base64 ? 0 : in->offset;
    int64_t from = 0, to = in->n;
    bool nocase = t->flags & CONTENT_NOCASE, window = block_window(b, t, &from, &to);
    if (window) {
        s->at = (int64_t)base + from;
        s->end = (int64_t)base + to;
    }
    if (t->flags & CONTENT_NEGATED) {
        const uint8_t *at = window ? find_bytes(in->p + from, (size_t)(to - from), what.p, what.n, nocase) : NULL;
        s->seen = at ? watch_say(w, "it stands at byte %llu", base + (unsigned long long)(at - in->p))
                     : watch_say(w, "there is no byte to look at");
        return;
    }
    const uint8_t *any = find_bytes(in->p, in->n, what.p, what.n, nocase);
    const uint8_t *other = any || nocase ? NULL : find_bytes(in->p, in->n, what.p, what.n, true);
    char where[96] = "";
    if (!window)
        snprintf(where, sizeof(where), ", and what the rule looks at lies behind the end");
    else if (from || to < in->n)
        snprintf(where, sizeof(where), ", which is not within bytes %llu to %llu", base + (unsigned long long)from,
                 base + (unsigned long long)to);
    else if (t->flags & CONTENT_ENDS)
        snprintf(where, sizeof(where), ", which is not the end (%llu)", base + in->n);
    w->nearly += any || other;
    if (any)
        s->seen = watch_say(w, "it stands at byte %llu%s", base + (unsigned long long)(any - in->p), where);
    else if (other)
        s->seen = watch_say(w, "it stands at byte %llu in other case", base + (unsigned long long)(other - in->p));
    else
        s->seen = watch_say(w, "it is nowhere in the %u bytes", in->n);
}

static void say_regex(struct watch *w, const struct block *b, const struct img_test *t, struct watch_step *s)
{
    const struct input *in = block_input(b, t);
    uint32_t start = t->flags & REGEX_RELATIVE ? b->d->cursor[t->on_base64] : 0;
    unsigned long long base = t->on_base64 ? 0 : in->offset;
    s->at = (int64_t)(base + start);
    s->end = (int64_t)(base + in->n);
    uint32_t ov[2];
    if (start > in->n)
        s->seen = watch_say(w, "there are %u bytes only", in->n);
    else if (!(t->flags & REGEX_NEGATED))
        s->seen = watch_say(w, "it matches nowhere in bytes %llu to %llu", base + start, base + in->n);
    else if (regex_match(b->d, t, in->p + start, in->n - start, 0, ov) == 1)
        s->seen = watch_say(w, "it matches at byte %llu to %llu", base + start + ov[0], base + start + ov[1]);
}

static void say_bytes(struct watch *w, const struct block *b, const struct img_test *t, struct watch_step *s)
{
    const struct input *in = block_input(b, t);
    uint64_t v;
    int64_t end;
    int64_t at = block_num(b->d, t->u.bytes.offset);
    at = t->flags & BYTE_RELATIVE ? at + b->d->cursor[t->on_base64] : at - (int64_t)in->offset;
    bool there = block_field(b, t, &v, &end);
    s->at = (int64_t)in->offset + at;
    if (there) {
        char var[48] = "";
        if (t->kind == TEST_BYTE_TEST && t->u.bytes.value_var >= 0)
            snprintf(var, sizeof(var), ", variable %d is %lld", t->u.bytes.value_var, (long long)b->d->var[(uint8_t)t->u.bytes.value_var]);
        s->end = (int64_t)in->offset + end;
        s->seen = watch_say(w, "it is %llu (0x%llx)%s", (unsigned long long)v, (unsigned long long)v, var);
    } else {
        s->seen = at < 0 || at + block_num(b->d, t->u.bytes.n) > in->n
                      ? watch_say(w, "it lies outside of the %u bytes", in->n)
                      : watch_say(w, "there is no number");
    }
}

void watch_say_block(struct watch *w, const struct block *b, const struct img_test *t, struct watch_step *s)
{
    const struct input *in = block_input(b, t);
    switch (t->kind) {
    case TEST_CONTENT:
        say_content(w, b, t, s);
        break;
    case TEST_PCRE:
        say_regex(w, b, t, s);
        break;
    case TEST_BYTE_TEST:
    case TEST_BYTE_JUMP:
    case TEST_BYTE_EXTRACT:
    case TEST_BYTE_MATH:
        say_bytes(w, b, t, s);
        break;
    case TEST_ISDATAAT:
        if (t->flags & BYTE_RELATIVE) {
            s->at = (int64_t)in->offset + b->d->cursor[t->on_base64];
            s->seen = watch_say(w, "%lld bytes follow", (long long)in->n - b->d->cursor[t->on_base64]);
        } else {
            s->seen = watch_say(w, "it has %llu bytes", (unsigned long long)in->n + in->offset);
        }
        break;
    case TEST_BSIZE:
        s->seen = watch_say(w, "it has %llu bytes", (unsigned long long)in->n + in->offset);
        break;
    case TEST_BASE64_DECODE:
        s->seen = watch_say(w, "nothing there can be decoded");
        break;
    case TEST_ENTROPY: {
        double bits;
        s->seen = block_entropy_of(b, t, &bits) ? watch_say(w, "it is %.3f", bits) : watch_say(w, "there is no byte to look at");
        break;
    }
    case TEST_DATASET:
    case TEST_FILE_HASH:
        s->seen = t->u.listed.cmd == LISTED_SCORE ? watch_say(w, "its score is not that, or it is not in the list")
                                                  : watch_say(w, t->u.listed.cmd == LISTED_IS_NOT_SET ? "it is in the list" : "it is not in the list");
        break;
    default:
        break;
    }
}

/* Contents behind the test that failed: where they stand as well, more of the rule is there. */
unsigned watch_also_there(const struct detect *d, const struct img_test *t, unsigned n, const struct input *in)
{
    unsigned found = 0;
    for (unsigned k = 0; k < n; k++) {
        struct str what = img_str(d->image, t[k].u.content.bytes);
        found += t[k].kind == TEST_CONTENT && !(t[k].flags & CONTENT_NEGATED) && !t[k].on_base64 &&
                 find_bytes(in->p, in->n, what.p, what.n, t[k].flags & CONTENT_NOCASE);
    }
    return found;
}

void watch_say_shown(struct watch *w, struct watch_step *s, const struct app_buffer *row, uint64_t v, unsigned n)
{
    char name[64] = "", of[32] = "";
    const char *word = app_enum_name(row->names, v);
    if (word)
        snprintf(name, sizeof(name), " (%s)", word);
    if (n > 1)
        snprintf(of, sizeof(of), ", one of %u", n);
    s->seen = watch_say(w, "it is %llu%s%s", (unsigned long long)v, name, of);
}

/* ------------------------------------------------------------------ tests of no buffer */

static const char *say_bits(struct watch *w, const struct detect *d, const struct img_test *t)
{
    char names[200];
    size_t n = 0;
    for (unsigned k = 0; k < t->u.bits.n && n < sizeof(names) - 1; k++) {
        struct str s = img_str(d->image, d->image->names[t->u.bits.id[k]]);
        int more = snprintf(names + n, sizeof(names) - n, "%s" STR_FMT, k ? ", " : "", STR_ARG(s));
        n += more > 0 ? (size_t)more : 0;
    }
    bool is_not = t->u.bits.cmd == BITS_ISNOTSET;
    if (t->u.bits.scope == BITS_FLOW && !d->p->flow)
        return watch_say(w, "the packet belongs to no flow");
    if (t->u.bits.scope != BITS_FLOW || is_not || t->u.bits.n != 1)
        return watch_say(w, is_not ? "set: %s" : "not set, or not all of them: %s", names);
    return watch_say(w, "no rule has set %s on this flow before", names);
}

static const char *say_number(struct watch *w, const struct detect *d, const struct img_test *t)
{
    int64_t v;
    if (!d->p->flow)
        return watch_say(w, "the packet belongs to no flow");
    if (!flowint_get(d, t->u.flowint.id, &v))
        return watch_say(w, "no rule has set it on this flow before");
    return watch_say(w, "it is %lld", (long long)v);
}

static const char *say_state(struct watch *w, const struct img_test *t, const struct app_tx *tx)
{
    const char *name = tx ? app_state_name((enum app_proto_id)t->u.ref.app, t->u.ref.dir, tx->progress[t->u.ref.dir]) : NULL;
    return !tx ? watch_say(w, "there is no transaction") : watch_say(w, "it is %s", name ? name : "between two states");
}

static const char *say_field(struct watch *w, const struct detect *d, const struct img_test *t)
{
    uint64_t v;
    if (!packet_field(d, t->u.uint.field, &v))
        return watch_say(w, "the packet has none");
    return watch_say(w, "it is %llu", (unsigned long long)v);
}

const char *watch_say_pre(struct watch *w, struct detect *d, const struct img_test *t, const struct app_tx *tx)
{
    const struct packet *p = d->p;
    struct tcp_side s[2] = {{0}};
    const char *name;
    bool failed = w->step[w->now.n - 1].result == WATCH_FAILS;
    switch (t->kind) {
    case TEST_PACKET:
        return say_field(w, d, t);
    case TEST_TCP_FLAGS:
        return p->flags & PKT_TCP ? watch_say(w, "they are 0x%02x", p->tcp.flags) : NULL;
    case TEST_FRAGBITS:
        return p->ver == 4 ? watch_say(w, "they are 0x%02x", (unsigned)p->ip_flags << 5) : NULL;
    case TEST_BITS:
        return failed ? say_bits(w, d, t) : NULL;
    case TEST_FLOWINT:
        return failed ? say_number(w, d, t) : NULL;
    case TEST_APP_STATE:
        return say_state(w, t, tx);
    case TEST_STREAM_SIZE:
        if (!p->flow || !tcp_side_get(p->flow, 0, &s[0]) || !tcp_side_get(p->flow, 1, &s[1]))
            return watch_say(w, "there is no TCP session");
        return watch_say(w, "client %llu, server %llu", (unsigned long long)s[0].seen_bytes,
                         (unsigned long long)s[1].seen_bytes);
    case TEST_APP_PROTOCOL:
        name = p->flow ? app_name(p->flow->app_proto_any) : NULL;
        return watch_say(w, "it is %s", name ? name : "not known");
    default:
        return NULL;
    }
}

/* ------------------------------------------------------------------ the header */

static void gate(struct watch *w, unsigned id, bool holds, const char *seen)
{
    watch_step(w, 0, id, holds)->seen = seen;
}

static void flow_gates(struct watch *w, struct detect *d, const struct img_rule *r)
{
    const struct packet *p = d->p;
    const struct flow *f = p->flow;
    if (r->app || (r->flags & (RULE_TO_SERVER | RULE_TO_CLIENT | RULE_ESTABLISHED | RULE_NEEDS_FLOW)))
        gate(w, WATCH_FLOW, f != NULL, f ? NULL : watch_say(w, "the packet belongs to none"));
    if (!f)
        return;
    if (r->dirs != 3)
        gate(w, WATCH_DIRECTION, r->dirs >> p->dir & 1, watch_say(w, p->dir ? "to client" : "to server"));
    bool est = flow_is_established(p);
    if (r->flags & (RULE_ESTABLISHED | RULE_NOT_ESTABLISHED))
        gate(w, WATCH_STATE, est == ((r->flags & RULE_ESTABLISHED) != 0),
             watch_say(w, est ? "established" : "not established"));
    if (r->app) {
        uint16_t have = f->app_proto[p->dir] ? f->app_proto[p->dir] : f->app_proto_any;
        const char *name = app_name(have);
        gate(w, WATCH_APP, app_covers(r->app, have) || app_covers(r->app, f->app_proto_any),
             watch_say(w, "%s", name ? name : "not known yet"));
    }
}

/* Of the two ways round the better one. */
static void end_gates(struct watch *w, struct detect *d, const struct img_rule *r)
{
    const struct packet *p = d->p;
    const struct overlay *o = d->overlay;
    packet_classes(d);
    bool ports = (d->transport <= TR_UDP || d->transport == TR_SCTP) && !rule_service_holds(d, r);
    bool holds[2][4];
    unsigned best = 0, sum[2] = {0, 0};
    for (unsigned turn = 0; turn < (r->flags & RULE_BOTH_WAYS ? 2u : 1u); turn++) {
        for (unsigned e = 0; e < 2; e++) {
            holds[turn][2 * e] = !r->addr[e] || overlay_addr_has(o, d->addr_class[e ^ turn], r->addr[e]);
            holds[turn][2 * e + 1] = !ports || !r->port[e] || overlay_port_has(o, d->port_class[e ^ turn], r->port[e]);
            sum[turn] += (unsigned)holds[turn][2 * e] + holds[turn][2 * e + 1];
        }
        best = sum[turn] > sum[best] ? turn : best;
    }
    for (unsigned e = 0; e < 2; e++) {
        const struct ip_addr *a = (e ^ best) ? &p->dst : &p->src;
        char text[IP_TEXT];
        if (r->addr[e])
            gate(w, e ? WATCH_DST_ADDR : WATCH_SRC_ADDR, holds[best][2 * e],
                 watch_say(w, "%s", ip_format_short(a, p->ver, text)));
        if (r->port[e] && ports)
            gate(w, e ? WATCH_DST_PORT : WATCH_SRC_PORT, holds[best][2 * e + 1],
                 watch_say(w, "%u", (e ^ best) ? p->dp : p->sp));
    }
}

void watch_gates(struct watch *w, struct detect *d, const struct img_rule *r)
{
    static const char *const transports[TR_COUNT] = {"tcp", "udp", "icmp", "icmpv6", "sctp", "other IP", "no IP"};
    const struct packet *p = d->p;
    w->engine_ok = rule_header_ok(d, r, w->rule);
    w->now.n = 0;
    gate(w, WATCH_IN_FORCE, d->overlay->rule[w->rule].enabled, NULL);
    if (!(r->flags & RULE_PKTHDR)) {
        bool fragment = p->flags & (PKT_FRAGMENT | PKT_REBUILT);
        gate(w, WATCH_TRANSPORT, rule_transport_ok(d, r), watch_say(w, "%s", transports[d->transport]));
        if (r->flags & (RULE_IP4_ONLY | RULE_IP6_ONLY))
            gate(w, WATCH_IP_VERSION, !((r->flags & RULE_IP4_ONLY) && p->ver != 4) && !((r->flags & RULE_IP6_ONLY) && p->ver != 6),
                 watch_say(w, "%u", p->ver));
        if (r->flags & (RULE_ONLY_FRAG | RULE_NO_FRAG))
            gate(w, WATCH_FRAGMENT, !((r->flags & RULE_ONLY_FRAG) && !fragment) && !((r->flags & RULE_NO_FRAG) && fragment),
                 watch_say(w, fragment ? "it is one, or rebuilt of some" : "it is none"));
        flow_gates(w, d, r);
        if (p->ver)
            end_gates(w, d, r);
        else if (r->addr[0] || r->addr[1])
            gate(w, WATCH_SRC_ADDR, false, watch_say(w, "a frame without addresses"));
    }
    bool all = true;
    for (unsigned k = 0; k < w->now.n; k++)
        all &= w->step[k].result == WATCH_HOLDS;
    if (all != w->engine_ok) /* what the engine says holds */
        gate(w, WATCH_ASKED, w->engine_ok, watch_say(w, "the header as a whole"));
}
