/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Flexible response: what is answered, and with what.
 *
 * The sender of what matched is told first: its number is mostly exact, and it is who would send
 * more.  What happens afterwards is watch.c's.
 */
#include "verdict/respond.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#define TABLE_NS  10000000000ull
#define EFFECT_NS 1000000000ull

static void config_fill(struct response_config *c)
{
    if (!c->attempts)
        c->attempts = RESPONSE_ATTEMPTS;
    if (c->attempts > RESPONSE_ATTEMPTS_MOST)
        c->attempts = RESPONSE_ATTEMPTS_MOST;
    if (!c->table_ns)
        c->table_ns = TABLE_NS;
    if (!c->effect_ns)
        c->effect_ns = EFFECT_NS;
}

struct responder *responder_new(const struct response_config *c, struct injector *i,
                                response_report_fn *f, void *ctx)
{
    struct responder *r = calloc(1, sizeof(*r));
    if (!r)
        return NULL;
    r->config = *c;
    config_fill(&r->config);
    r->out = i;
    r->report = f;
    r->ctx = ctx;
    if (random_bytes(&r->seed, sizeof(r->seed)) ||
        random_bytes(&r->packet_id, sizeof(r->packet_id)))
        r->seed = 0;
    r->head = calloc(HEADS, sizeof(*r->head));
    if (!r->head || answered_init(r) || limits_init(r) || own_init(r)) {
        responder_free(r);
        return NULL;
    }
    return r;
}

void responder_settings(struct responder *r, const struct response_config *c)
{
    r->config.attempts = c->attempts;
    r->config.table_ns = c->table_ns;
    r->config.rate_per_s = c->rate_per_s;
    r->config.rate_per_target_s = c->rate_per_target_s;
    r->config.own = c->own;
    r->config.ctx = c->ctx;
    config_fill(&r->config);
    limits_set(r);
}

void responder_free(struct responder *r)
{
    if (!r)
        return;
    answered_done(r);
    limits_done(r);
    own_done(r);
    free(r->head);
    free(r);
}

/* ------------------------------------------------------------------ what may be answered */

/* Why nobody can be told anything at this address; NULL: somebody can. */
static const char *address_class(uint8_t ver, const struct ip_addr *a)
{
    static const char *const none = "the unspecified address is not answered",
                            *const own = "a loopback address is not answered",
                            *const group = "multicast is not answered";
    static const uint8_t zero[15];
    if (ver == 6)
        return a->b[0] == 0xff                      ? group
               : memcmp(a->b, zero, 15) || a->b[15] > 1 ? NULL
               : a->b[15]                           ? own
                                                    : none;
    uint8_t first = a->b[12];
    if (first == 255 && a->b[13] == 255 && a->b[14] == 255 && a->b[15] == 255)
        return "broadcast is not answered";
    return first == 0     ? none
           : first == 127 ? own
           : first >= 240 ? "a reserved address (240.0.0.0/4) is not answered"
           : first >= 224 ? group
                          : NULL;
}

/* To or from a group at the link: of the frame that an answer would go back by. */
static bool link_group(const struct packet *p)
{
    while (p->outer && p->src_kind != PKT_SRC_ERSPAN)
        p = p->outer;
    return p->l2 && p->link == LINK_ETHERNET && ((p->l2[0] | p->l2[6]) & 1);
}

/* Echo, timestamp, information and mask requests: never an error or an answer (RFC 1122 3.2.2). */
static bool icmp_answerable(const struct packet *p)
{
    if (p->flags & PKT_ICMP)
        return p->icmp_type == 8 || p->icmp_type == 13 || p->icmp_type == 15 || p->icmp_type == 17;
    if (p->flags & PKT_ICMP6)
        return p->icmp_type == 128;
    return true;
}

/* NULL: it may be answered. */
static const char *unanswerable(const struct packet *p)
{
    if (!p->ver || !p->ip || (p->flags & (PKT_PSEUDO | PKT_IGNORE)))
        return "nothing of it can be answered";
    if ((p->flags & PKT_TCP) && (p->tcp.flags & TCP_RST))
        return "a reset is not answered";
    if ((p->flags & PKT_TCP) && p->tcp.has_auth)
        return "its segments are signed (TCP-MD5, TCP-AO)";
    if (!icmp_answerable(p))
        return "ICMP errors and answers are not answered";
    if (p->frag_off && !(p->flags & PKT_REBUILT))
        return "a fragment without its first part is not answered";
    if (ip_eq(&p->src, &p->dst))
        return "its source is its destination";
    const char *why = address_class(p->ver, &p->src);
    if (!why)
        why = address_class(p->ver, &p->dst);
    if (why)
        return why;
    if (link_group(p))
        return p->l2 && (p->l2[6] & 1) ? "its source MAC is a group's" : "multicast is not answered";
    return NULL;
}

static bool is_syn(const struct packet *p)
{
    return (p->flags & PKT_TCP) && (p->tcp.flags & (TCP_SYN | TCP_ACK)) == TCP_SYN;
}

/*
 * What is sent of what was asked for.  ICMP errors end only TCP connections that are not yet there;
 * beside resets icmp_port is meant for the rest of the traffic, others were asked for by name.
 */
static unsigned kinds(const struct packet *p, unsigned asked)
{
    unsigned icmp = asked & (RESP_ICMP_ALL | RESP_ICMP_ADMIN), rst = asked & RESP_RST_BOTH;
    if ((asked & RESP_REACT) && !rst)
        rst = RESP_RST_BOTH;
    if (p->flags & PKT_TCP) {
        if (rst && icmp == RESP_ICMP_PORT && !is_syn(p))
            icmp = 0;
        return rst | icmp;
    }
    if ((p->flags & (PKT_ICMP | PKT_ICMP6)) && (icmp & RESP_ICMP_PORT)) /* there is no port */
        icmp = icmp == RESP_ICMP_PORT ? RESP_ICMP_ADMIN : icmp & ~(unsigned)RESP_ICMP_PORT;
    return icmp;
}

/* What is sent may not help: said in the alert. */
static const char *doubt(const struct packet *p, unsigned what)
{
    const struct flow *f = p->flow;
    if ((p->flags & PKT_UDP) && f && f->app_proto_any == APP_QUIC)
        return "QUIC ignores forged answers: only a sensor in the wire can stop it";
    if ((p->flags & PKT_TCP) && !(what & RESP_RST_BOTH) && !is_syn(p))
        return "ICMP errors do not end an established connection";
    return NULL;
}

/* ------------------------------------------------------------------ answering */

static void answer_syn(struct responder *r, struct answered *a, const struct packet *p,
                       unsigned what, unsigned from)
{
    uint32_t end = p->tcp.seq + segment_len(p);
    unsigned to_sender = from == 0 ? RESP_RST_SRC : RESP_RST_DST;
    /* A connecting end believes a reset that acknowledges its SYN. */
    if (what & to_sender && send_reset(r, a, p, from, 0, end, TCP_RST | TCP_ACK)) {
        watch_told(r, a, from, 0);
        a->end[from].told_ns = 0; /* it will expect a number that nobody knows yet */
    }
    if (what & RESP_RST_BOTH & ~to_sender) {
        if (send_reset(r, a, p, !from, p->tcp.seq + 1, 0, TCP_RST))
            watch_told(r, a, !from, p->tcp.seq + 1);
        if (end != p->tcp.seq + 1) /* Fast Open: the server may have taken the data, or not */
            send_reset(r, a, p, !from, end, 0, TCP_RST);
    }
}

/* from: side of p's sender. */
static void answer_tcp(struct responder *r, struct answered *a, const struct packet *p,
                       unsigned what, unsigned from, bool dropped)
{
    uint32_t number[2][RESPONSE_ATTEMPTS_MOST];
    unsigned n[2] = {0, 0};
    for (unsigned side = 0; side < 2; side++)
        if (what & (side ? RESP_RST_DST : RESP_RST_SRC))
            n[side] = numbers_for(r, a, p, side, dropped, number[side]);
    /* A SYN/ACK's receiver may still be connecting: then only an acknowledgement of its SYN counts.
     */
    bool synack = p->tcp.flags & TCP_SYN;
    for (unsigned k = 0; k < n[0] || k < n[1]; k++)
        for (unsigned turn = 0; turn < 2; turn++) {
            unsigned side = turn ? !from : from;
            uint8_t flags = synack && side != from ? TCP_RST | TCP_ACK : TCP_RST;
            if (k >= n[side])
                continue;
            if (send_reset(r, a, p, side, number[side][k], p->tcp.ack, flags) && !k)
                watch_told(r, a, side, number[side][k]);
        }
}

static void answer_icmp(struct responder *r, struct answered *a, const struct packet *p,
                        unsigned bits)
{
    if (bits & RESP_ICMP_PORT) /* what a connected socket believes comes first */
        send_icmp(r, a, p, RESP_ICMP_PORT);
    for (unsigned bit = RESP_ICMP_NET; bit <= RESP_ICMP_ADMIN; bit <<= 1)
        if ((bits & bit) && bit != RESP_ICMP_PORT)
            send_icmp(r, a, p, bit);
}

/* ------------------------------------------------------------------ the table's part */

/* The connection that a was answered for, or a new one on the same ports? */
static bool same_connection(const struct responder *r, const struct answered *a,
                            const struct packet *p)
{
    if (!(p->flags & PKT_TCP) || !p->flow || a->flow_id == p->flow->id)
        return true;
    /* A flow may have been given up that the hosts go on with: then the new one has no beginning.
     */
    bool begun = p->flow->tcp && !tcp_is_midstream(p->flow);
    return !is_syn(p) && !begun && a->asked_ns + r->config.table_ns > p->ts_ns;
}

/* Ends are sides of the row from here on.  from: side of p's sender; turned: p's receiver sent what
 * matched. */
static unsigned by_side(unsigned what, unsigned from, bool turned)
{
    unsigned rst = what & RESP_RST_BOTH;
    if (from != turned && (rst == RESP_RST_SRC || rst == RESP_RST_DST))
        return what ^ RESP_RST_BOTH;
    return what;
}

/* A TCP connection that outlived our answer attacks again: then nothing holds. */
static bool still_holds(const struct responder *r, const struct answered *a, const struct packet *p)
{
    return same_connection(r, a, p) && a->asked_ns + r->config.table_ns > p->ts_ns &&
           !((p->flags & PKT_TCP) && a->effect == EFFECT_LIVED);
}

/* What it has had already of what is asked for now. */
static unsigned had(const struct responder *r, const struct answered *a, const struct packet *p,
                    unsigned what, unsigned from)
{
    bool tcp = p->flags & PKT_TCP;
    if (!same_connection(r, a, p))
        return 0;
    if (tcp && (is_spent(a) || (a->over && a->rounds >= ROUNDS_MOST)))
        return what;
    if ((!tcp || a->over) && !still_holds(r, a, p)) /* else the chase goes on */
        return 0;
    unsigned errors = (unsigned)(from ? a->sent >> SIDE_1 : a->sent) & ~(unsigned)RESP_RST_BOTH;
    return what & ((a->sent & RESP_RST_BOTH) | errors);
}

static unsigned sides_swapped(unsigned sent)
{
    unsigned rst = sent & RESP_RST_BOTH, icmp = 0xff & ~(unsigned)RESP_RST_BOTH;
    if (rst == RESP_RST_SRC || rst == RESP_RST_DST)
        rst ^= RESP_RST_BOTH;
    return rst | (sent & icmp) << SIDE_1 | (sent >> SIDE_1 & icmp);
}

static void row_link(struct answered *a, const struct packet *p)
{
    if (a->flow && a->flow != p->flow)
        a->flow->user[1] = NULL;
    a->flow = p->flow;
    if (p->flow) {
        a->flow_id = p->flow->id;
        p->flow->user[1] = a;
        p->flow->flags |= FLOW_RESPONDED;
    }
}

/* The rule's place in the row; n_rules: it has none. */
static unsigned row_find(const struct answered *a, uint32_t rule)
{
    unsigned n = 0;
    while (n < a->n_rules && a->by[n].rule != rule)
        n++;
    return n;
}

/* by[n] sends from now on. */
static void row_last(struct answered *a, unsigned n)
{
    struct row_rule x = a->by[n];
    for (; n + 1 < a->n_rules; n++)
        a->by[n] = a->by[n + 1];
    a->by[n] = x;
    a->rule = x.rule;
}

static struct row_rule row_new(const struct answered *a, const struct decision *d, const struct packet *p)
{
    struct row_rule x = {.rule = d->response_rule, .asked_ns = p->ts_ns};
    leak_begin(a, p, d, x.from);
    return x;
}

/* Who sends from now on. */
static void row_rule(struct responder *r, struct answered *a, const struct decision *d, const struct packet *p)
{
    unsigned n = row_find(a, d->response_rule);
    if (n == a->n_rules) {
        if (n < ROW_RULES) {
            a->n_rules++;
        } else { /* one that only waits to be told gives way, or the last */
            for (n = 0; n + 1 < ROW_RULES && !a->by[n].damped; n++)
                ;
            r->count.untold++;
            rule_count(r, a->by[n].rule)->untold++;
        }
        a->by[n] = row_new(a, d, p);
    }
    a->by[n].damped = false;
    if (!a->by[n].sends)
        a->by[n].sent_ns = p->ts_ns;
    row_last(a, n);
}

/* Others have sent already what this rule asks for: it is told what becomes of it. */
static void row_waits(struct responder *r, struct answered *a, const struct decision *d, const struct packet *p)
{
    if (a->over || !a->n_rules || !same_connection(r, a, p) || row_find(a, d->response_rule) < a->n_rules)
        return;
    if (a->n_rules == ROW_RULES) {
        COUNT(r, d->response_rule, untold, 1);
        return;
    }
    a->by[a->n_rules] = a->by[a->n_rules - 1]; /* who sends stays the last */
    a->by[a->n_rules - 1] = row_new(a, d, p);
    a->by[a->n_rules - 1].damped = true;
    a->n_rules++;
}

static struct answered *row_for(struct responder *r, struct answered *a, const struct packet *p,
                                bool turned)
{
    struct answered old = {0};
    if (a && !a->over)
        watch_finish(r, a, EFFECT_UNKNOWN);
    if (!a) {
        a = answered_make(r, p, turned);
    } else {
        if (a->flow)
            a->flow->user[1] = NULL;
        answered_again(r, a);
        old = *a;
        *a = (struct answered){.used = true,
                               .proto = old.proto,
                               .ver = old.ver,
                               .hash = old.hash,
                               .next = old.next,
                               .older = old.older,
                               .newer = old.newer};
        a->end[turned] = (struct end){.addr = p->src, .port = p->sp};
        a->end[!turned] = (struct end){.addr = p->dst, .port = p->dp};
        if ((p->flags & PKT_TCP) && same_connection(r, &old, p)) {
            a->rounds = (uint8_t)(old.rounds + 1);
            a->sends = old.sends;
            a->begun_ns = old.begun_ns;
            a->foreign = old.foreign;
        }
        if (still_holds(r, &old, p)) {
            bool same = ip_eq(&a->end[0].addr, &old.end[0].addr) && a->end[0].port == old.end[0].port;
            a->sent = (uint16_t)(same ? old.sent : sides_swapped(old.sent));
        }
    }
    a->asked_ns = a->last_ns = p->ts_ns;
    if (!a->begun_ns)
        a->begun_ns = p->ts_ns;
    row_link(a, p);
    return a;
}

/* from: side of p's sender; what: by sides. */
static void send_all(struct responder *r, struct answered *a, const struct packet *p, unsigned what,
                     unsigned from, bool dropped)
{
    struct row_rule *by = &a->by[a->n_rules - 1];
    if (is_syn(p))
        answer_syn(r, a, p, what, from);
    else if ((p->flags & PKT_TCP) && (what & RESP_RST_BOTH))
        answer_tcp(r, a, p, what, from, dropped);
    if (r->config.clock_ns)
        by->sent_ns = r->config.clock_ns();
    if (what & (RESP_ICMP_ALL | RESP_ICMP_ADMIN)) {
        answer_icmp(r, a, p, what);
        if (r->config.clock_ns && !(what & RESP_RST_BOTH))
            by->sent_ns = r->config.clock_ns();
    }
}

/* The chase is the work of who reset last, not of an error behind it. */
static void chaser(struct answered *a)
{
    unsigned k = a->n_rules;
    while (k && !(a->by[k - 1].kind & RESP_RST_BOTH))
        k--;
    if (k)
        row_last(a, k - 1);
}

/* a: the row there is, or NULL.  what: that was not sent yet, by sides of that row, or, without one
 * that goes on, as the rule says. */
static enum verdict_status answer(struct responder *r, struct answered *a, const struct decision *d,
                                  const struct packet *p, unsigned what, unsigned from,
                                  const char **why)
{
    bool goes_on = a && !a->over && same_connection(r, a, p);
    bool turned = p->flow && d->response_dir != p->dir;
    if (goes_on) {
        answered_again(r, a);
        a->asked_ns = p->ts_ns;
        row_link(a, p);
    } else {
        if (a)
            what = by_side(what, from, turned);
        from = turned;
        a = row_for(r, a, p, turned);
        watch_begin(r, a, p, d);
    }
    row_rule(r, a, d, p);
    uint32_t before = a->round_sends;
    a->kind |= (uint8_t)what;
    a->by[a->n_rules - 1].kind |= (uint8_t)what;
    a->end[0].wanted |= (what & RESP_RST_SRC) != 0;
    a->end[1].wanted |= (what & RESP_RST_DST) != 0;
    send_all(r, a, p, what, from, d->drop);
    *why = doubt(p, what);
    a->by[a->n_rules - 1].reason = *why;
    if (a->round_sends > before) {
        COUNT(r, a->rule, answered, 1);
        chaser(a);
        a->status = STATUS_WOULD;
        return STATUS_WOULD;
    }
    *why = "nothing could be sent";
    if (goes_on)
        return STATUS_COULD_NOT;
    a->by[a->n_rules - 1].reason = *why;
    a->status = STATUS_COULD_NOT; /* the next match is answered; until then it is told what becomes of it */
    return STATUS_COULD_NOT;
}

/* Of an answer that was given already. */
static const char *reason_of(const struct answered *a, uint32_t rule)
{
    const struct row_rule *of = NULL;
    for (unsigned k = 0; k < a->n_rules; k++) {
        if (a->by[k].rule == rule && a->by[k].reason)
            return a->by[k].reason;
        if ((a->by[k].kind & RESP_RST_BOTH) || !of)
            of = &a->by[k];
    }
    return a->fate || !of ? a->fate : of->reason;
}

enum verdict_status responder_answer(struct responder *r, const struct decision *d,
                                     struct packet *p, const char **why)
{
    const struct response_config *c = &r->config;
    uint32_t rule = d->response_rule;
    unsigned side = 0, what = kinds(p, d->response);
    if (p->ts_ns > r->now_ns)
        r->now_ns = p->ts_ns;
    COUNT(r, rule, requested, 1);
    *why = unanswerable(p);
    if (!*why && !what)
        *why = "resets are for TCP";
    if (*why) {
        COUNT(r, rule, not_answerable, 1);
        return STATUS_COULD_NOT;
    }
    if (c->own && !c->own(c->ctx, p->ver, &p->src) && !c->own(c->ctx, p->ver, &p->dst)) {
        COUNT(r, rule, not_own, 1);
        *why = "no end is in response.networks";
        return STATUS_COULD_NOT;
    }
    if (!r->out) {
        COUNT(r, rule, no_port, 1);
        *why = "there is no response port";
        return STATUS_WOULD;
    }
    struct answered *a = answered_find(r, p, &side);
    if (a) {
        unsigned sides = by_side(what, side, p->flow && d->response_dir != p->dir);
        unsigned fresh = sides & ~had(r, a, p, sides, side);
        if (!fresh) {
            COUNT(r, rule, damped, 1);
            row_waits(r, a, d, p);
            *why = reason_of(a, rule);
            if (!*why)
                *why = "its connection has been answered already";
            return (enum verdict_status)a->status;
        }
        what = fresh;
    }
    if ((*why = send_obstacle(r, p))) {
        COUNT(r, rule, failed, 1);
        return STATUS_COULD_NOT;
    }
    const uint32_t both = FLOW_SEEN_TO_SERVER | FLOW_SEEN_TO_CLIENT;
    bool proven = (p->flags & PKT_TCP) && p->flow && (p->flow->flags & both) == both;
    if (!limit_open(r, p->ver, &p->src,
                    proven)) { /* before a row is made: forgeries push nothing out */
        COUNT(r, rule, rate_limited, 1);
        *why = "the rate limit of responses is met";
        return STATUS_COULD_NOT;
    }
    return answer(r, a, d, p, what, side, why);
}

static void answer_one(struct responder *r, struct decision *d, struct packet *p, struct answer *x)
{
    const uint8_t response = d->response, dir = d->response_dir;
    const uint32_t rule = d->response_rule;
    d->response = x->response;
    d->response_rule = x->rule;
    d->response_dir = x->dir;
    d->response_placed = x->placed;
    d->response_end_seq = x->end_seq;
    x->status = (uint8_t)responder_answer(r, d, p, &x->why);
    d->response = response;
    d->response_rule = rule;
    d->response_dir = dir;
}

void responder_answer_all(struct responder *r, struct decision *d, struct packet *p)
{
    r->count.untold += d->answers_over;
    for (unsigned resets = 2; resets--;) /* they have hurry */
        for (unsigned k = 0; k < d->n_answers; k++)
            if (!(d->answer[k].response & RESP_RST_BOTH) == !resets)
                answer_one(r, d, p, &d->answer[k]);
    for (unsigned k = 0; k < d->n_alerts; k++)
        for (unsigned i = 0; i < d->n_answers; i++) {
            const struct answer *x = &d->answer[i];
            struct alert *to = &d->alert[k];
            if (x->rule != to->rule || x->dir != to->dir)
                continue;
            if (to->status == STATUS_WOULD && x->status == STATUS_COULD_NOT)
                to->status = STATUS_COULD_NOT;
        }
}
