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

static bool is_multicast(uint8_t ver, const struct ip_addr *a)
{
    return ver == 6 ? a->b[0] == 0xff : a->b[12] >= 224; /* and 255.255.255.255 */
}

/* Nobody, or this host. */
static bool is_nobody(uint8_t ver, const struct ip_addr *a)
{
    static const uint8_t zero[15];
    if (ver == 4)
        return a->b[12] == 0 || a->b[12] == 127;
    return !memcmp(a->b, zero, sizeof(zero)) && a->b[15] <= 1;
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
    if (is_multicast(p->ver, &p->src) || is_multicast(p->ver, &p->dst) ||
        is_nobody(p->ver, &p->src) || is_nobody(p->ver, &p->dst) ||
        (p->l2 && !p->outer && p->link == LINK_ETHERNET && (p->l2[0] & 1)))
        return "multicast is not answered";
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
                       unsigned from, bool dropped)
{
    uint32_t number[2][RESPONSE_ATTEMPTS_MOST];
    unsigned n[2] = {0, 0};
    for (unsigned side = 0; side < 2; side++)
        if (a->end[side].wanted)
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

/* Has it had its answer? */
static bool damped(const struct responder *r, const struct answered *a, const struct packet *p)
{
    bool tcp = p->flags & PKT_TCP;
    if (!same_connection(r, a, p))
        return false;
    if (tcp && !a->over)
        return true; /* the chase goes on */
    if (tcp && (a->rounds >= ROUNDS_MOST || is_spent(a)))
        return true;
    if (a->asked_ns + r->config.table_ns <= p->ts_ns)
        return false;
    return !tcp || a->effect != EFFECT_LIVED; /* it has outlived our answer, and attacks again */
}

static struct answered *row_for(struct responder *r, struct answered *a, const struct decision *d,
                                const struct packet *p, bool turned)
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
    }
    a->rule = d->response_rule;
    a->asked_ns = a->sent_ns = a->last_ns = p->ts_ns;
    if (!a->begun_ns)
        a->begun_ns = p->ts_ns;
    a->flow = p->flow;
    if (p->flow) {
        a->flow_id = p->flow->id;
        p->flow->user[1] = a;
        p->flow->flags |= FLOW_RESPONDED;
    }
    return a;
}

static void send_all(struct responder *r, struct answered *a, const struct packet *p, unsigned what,
                     bool turned, bool dropped)
{
    if (is_syn(p))
        answer_syn(r, a, p, what, turned);
    else if ((p->flags & PKT_TCP) && (what & RESP_RST_BOTH))
        answer_tcp(r, a, p, turned, dropped);
    if (r->config.clock_ns)
        a->sent_ns = r->config.clock_ns();
    if (what & (RESP_ICMP_ALL | RESP_ICMP_ADMIN)) {
        answer_icmp(r, a, p, what);
        if (r->config.clock_ns && !(what & RESP_RST_BOTH))
            a->sent_ns = r->config.clock_ns();
    }
}

static enum verdict_status answer(struct responder *r, struct answered *a, const struct decision *d,
                                  const struct packet *p, unsigned what, const char **why)
{
    bool turned = p->flow && d->response_dir != p->dir;
    a = row_for(r, a, d, p, turned);
    a->kind = (uint8_t)what;
    a->end[0].wanted = what & RESP_RST_SRC;
    a->end[1].wanted = what & RESP_RST_DST;
    watch_begin(r, a, p);
    send_all(r, a, p, what, turned, d->drop);
    a->reason = *why = doubt(p, what);
    if (a->round_sends) {
        COUNT(r, a->rule, answered, 1);
        a->status = STATUS_WOULD;
        return STATUS_WOULD;
    }
    a->reason = *why = "nothing could be sent";
    a->status = STATUS_COULD_NOT;
    watch_finish(r, a, EFFECT_UNKNOWN);
    a->asked_ns = 0; /* the next match is answered */
    return STATUS_COULD_NOT;
}

enum verdict_status responder_answer(struct responder *r, const struct decision *d,
                                     struct packet *p, const char **why)
{
    const struct response_config *c = &r->config;
    uint32_t rule = d->response_rule;
    unsigned side, what = kinds(p, d->response);
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
        *why = NULL;
        return STATUS_WOULD;
    }
    struct answered *a = answered_find(r, p, &side);
    if (a && damped(r, a, p)) {
        COUNT(r, rule, damped, 1);
        *why = a->reason;
        return (enum verdict_status)a->status;
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
    return answer(r, a, d, p, what, why);
}
