/* SPDX-License-Identifier: GPL-2.0-or-later */
/* From matches to a decision: thresholds, order, scope of actions (packet or flow), what may be
 * claimed. */
#include "verdict/verdict.h"

#include "verdict/blacklist/shut.h"
#include "verdict/queue.h"

#include <string.h>

static const char *const reason_text[] = {
#define TEXT(id, text) [DROP_##id] = text,
    DROP_REASONS(TEXT)
#undef TEXT
};
static const char *const reason_counter[DROP_REASON_COUNT] = {
    [DROP_NONE] = "unknown",
    [DROP_RULES] = "rules",
    [DROP_RULES_THRESHOLD] = "threshold_detection_filter",
    [DROP_FLOW_DROP] = "flow_drop",
    [DROP_DECODE_ERROR] = "decode_error",
    [DROP_DEFRAG_ERROR] = "defrag_error",
    [DROP_DEFRAG_MEMCAP] = "defrag_memcap",
    [DROP_FLOW_MEMCAP] = "flow_memcap",
    [DROP_APP_ERROR] = "applayer_error",
    [DROP_STREAM_ERROR] = "stream_error",
    [DROP_STREAM_MEMCAP] = "stream_memcap",
    [DROP_STREAM_MIDSTREAM] = "stream_midstream",
    [DROP_STREAM_REASSEMBLY] = "stream_reassembly",
    [DROP_STREAM_URGENT] = "stream_urgent",
    [DROP_INNER_PACKET] = "tunnel_packet_drop",
    [DROP_EXCEPTION_FLOW] = "exception_policy_flow_drop",
    [DROP_BLACKLIST] = "blacklist",
    [DROP_FW_RULES] = "rules",
    [DROP_FW_DEFAULT_PACKET] = "default_packet_policy",
    [DROP_FW_DEFAULT_APP] = "default_app_policy",
    [DROP_FW_FLOW_DROP] = "flow_drop",
    [DROP_FW_PRE_FLOW] = "pre_flow_hook",
    [DROP_FW_PRE_STREAM] = "pre_stream_hook",
};

const char *drop_reason_text(unsigned reason)
{
    return reason < DROP_REASON_COUNT ? reason_text[reason] : "unknown";
}

const char *drop_reason_counter(unsigned reason)
{
    return reason < DROP_REASON_COUNT ? reason_counter[reason] : "unknown";
}

/* What an action does besides being written. */
enum effect { DOES_NOTHING = 0, DOES_DROP = 1, DOES_REJECT = 2, DOES_PASS = 4, IS_SILENT = 8 };
static const uint8_t effects[ACTION_COUNT] = {
    [ACTION_PASS] = DOES_PASS | IS_SILENT,
    [ACTION_DROP] = DOES_DROP,
    [ACTION_SDROP] = DOES_DROP | IS_SILENT,
    [ACTION_BLOCK] = DOES_DROP,
    [ACTION_REJECT] = DOES_DROP | DOES_REJECT,
    [ACTION_REJECTSRC] = DOES_DROP | DOES_REJECT,
    [ACTION_REJECTDST] = DOES_DROP | DOES_REJECT,
    [ACTION_REJECTBOTH] = DOES_DROP | DOES_REJECT,
    [ACTION_RESET] = DOES_DROP | DOES_REJECT,
    [ACTION_REACT] = DOES_DROP | DOES_REJECT,
    [ACTION_CONFIG] = IS_SILENT,
    [ACTION_FILE_ID] = IS_SILENT,
    [ACTION_ACCEPT] = DOES_PASS | IS_SILENT,
};
static const uint8_t responses[ACTION_COUNT] = {
    [ACTION_REJECT] = RESP_RST_SRC | RESP_ICMP_PORT,
    [ACTION_REJECTSRC] = RESP_RST_SRC | RESP_ICMP_PORT,
    [ACTION_REJECTDST] = RESP_RST_DST | RESP_ICMP_PORT,
    [ACTION_REJECTBOTH] = RESP_RST_BOTH | RESP_ICMP_PORT,
    [ACTION_RESET] = RESP_RST_BOTH | RESP_ICMP_PORT,
    [ACTION_REACT] = RESP_RST_BOTH | RESP_REACT,
};

/* One policy serves in the wire and on a mirror; words that name one end keep it. */
uint8_t response_on_mirror(unsigned action, uint8_t response, uint8_t on_drop)
{
    bool one_end = action == ACTION_REJECTSRC || action == ACTION_REJECTDST;
    uint8_t answer = (uint8_t)(response | responses[action]);
    return (effects[action] & DOES_DROP) && !response && !one_end ? answer | on_drop : answer;
}

/* Does the action reach the rest of the flow?  By the rule's type, and where in the packet it
 * matched (A5). */
static bool whole_flow(const struct image_rule_info *r, const struct match *m, unsigned action)
{
    enum { SCOPE_PACKET = 1, SCOPE_FLOW = 2 };
    if (r->scope == SCOPE_PACKET || r->scope == SCOPE_FLOW) /* "drop:flow" */
        return r->scope == SCOPE_FLOW;
    switch ((enum rule_type)r->type) {
    case TYPE_IP_ONLY:
    case TYPE_LIKE_IP_ONLY:
    case TYPE_PD_ONLY:
    case TYPE_APP_LAYER:
    case TYPE_APP_TX:
        return true;
    case TYPE_PKT_STREAM:
    case TYPE_STREAM:
        return m->flags & MATCH_STREAM;
    case TYPE_DE_ONLY:
    case TYPE_PKT:
        return action == ACTION_BLOCK;
    }
    return false;
}

struct deciding {
    const struct verdict_config *c;
    struct packet *p;
    struct decision *out;
    const struct firewall_word *firewall;
};

static unsigned other_end(unsigned answer)
{
    bool src = answer & RESP_RST_SRC, dst = answer & RESP_RST_DST;
    return (answer & ~(unsigned)RESP_RST_BOTH) | (src ? RESP_RST_DST : 0u) | (dst ? RESP_RST_SRC : 0u);
}

/* No rule's answer hides another's: all that is asked for is answered. */
static void ask(struct decision *o, const struct match *m, unsigned answer)
{
    if (!o->response) {
        o->response_rule = m->rule;
        o->response_dir = m->dir;
        o->response_placed = m->placed;
        o->response_end_seq = m->end_seq;
    }
    o->response |= (uint8_t)(m->dir == o->response_dir ? answer : other_end(answer));
    struct answer *a = o->answer;
    unsigned n = o->n_answers;
    for (; n && (a->rule != m->rule || a->dir != m->dir); n--)
        a++;
    if (!n && o->n_answers < DECISION_ANSWERS) {
        a = &o->answer[o->n_answers++];
        *a = (struct answer){.rule = m->rule, .dir = m->dir, .placed = m->placed, .end_seq = m->end_seq};
    } else if (!n) { /* more than anybody writes: the last one asks for them, too */
        o->answers_over++;
        a = &o->answer[DECISION_ANSWERS - 1];
        answer = a->dir == m->dir ? answer : other_end(answer);
    }
    a->response |= (uint8_t)answer;
}

static bool snort_dialect(const struct image_rule_info *r)
{
    return r->dialect == DIALECT_SNORT2 || r->dialect == DIALECT_SNORT3;
}

static void apply(struct deciding *w, const struct image_rule_info *r, const struct match *m,
                  unsigned action, unsigned response, bool by_rate)
{
    struct flow *f = w->p->flow;
    struct decision *o = w->out;
    unsigned does = effects[action];
    bool flow_wide = f && whole_flow(r, m, action);
    if (does & DOES_PASS) {
        o->pass = true;
        if (flow_wide && !(f->flags & FLOW_DROP))
            f->flags |= FLOW_PASS;
        return;
    }
    if ((does & DOES_DROP) && w->c->place == PLACE_INLINE && !w->c->would) {
        if (!o->drop) {
            o->drop = true;
            o->drop_reason = by_rate ? DROP_RULES_THRESHOLD : DROP_RULES;
            o->drop_rule = m->rule;
        }
        if (flow_wide && !(f->flags & FLOW_PASS))
            f->flags |= FLOW_DROP;
    } else if ((does & DOES_DROP) && flow_wide && !(f->flags & FLOW_PASS)) {
        f->flags |= FLOW_WOULD_DROP;
    }
    unsigned answer = w->c->place == PLACE_MIRROR ? response_on_mirror(action, (uint8_t)response, w->c->on_drop)
                                                   : response | responses[action];
    if (w->c->both_ends && action == ACTION_REJECT)
        answer |= RESP_RST_BOTH;
    if (does & DOES_REJECT)
        o->reject = true;
    if ((m->flags & MATCH_NOALERT) && snort_dialect(r)) /* Snort: what is no event answers nothing */
        answer = 0;
    if (answer)
        ask(o, m, answer);
}

static uint8_t claim(const struct deciding *w, unsigned action, unsigned response)
{
    if (!(effects[action] & DOES_DROP) && !response)
        return STATUS_NONE;
    if (w->c->place == PLACE_INLINE && (effects[action] & DOES_DROP))
        return w->c->would ? STATUS_WOULD : STATUS_DONE;
    return STATUS_WOULD; /* until a response has worked */
}

/* False: there are enough alerts of this packet. */
static bool write_alert(struct deciding *w, const struct match *m, unsigned action, unsigned acts,
                        unsigned response)
{
    struct decision *o = w->out;
    uint32_t most = w->c->alerts_max ? w->c->alerts_max : 15;
    if (o->n_alerts >= most || o->n_alerts >= VERDICT_ALERTS) {
        o->overflow++;
        return false;
    }
    struct alert *a = &o->alert[o->n_alerts++];
    *a = (struct alert){.rule = m->rule,
                        .action = (uint8_t)action,
                        .flags = m->flags,
                        .dir = m->dir,
                        .tx = m->tx,
                        .tx_id = m->tx_id,
                        .told = m->told,
                        .n_told = m->n_told,
                        .at = m->at,
                        .status = claim(w, acts, response)};
    a->would = (effects[acts] & DOES_DROP) && (w->c->place == PLACE_MIRROR || w->c->would);
    a->blocked = (effects[acts] & DOES_DROP) && w->c->place == PLACE_INLINE && !w->c->would;
    return true;
}

/*
 * Order of the matches: by rule, and for one rule the later transaction first (A5).  In firewall mode by phase before
 * that; the firewall's own stay as they came.
 */
static bool comes_before(const struct match *a, const struct match *b, bool phases, const struct overlay *reordered)
{
    if (phases && a->phase != b->phase)
        return a->phase < b->phase;
    if (a->flags & MATCH_FIREWALL)
        return false;
    if (reordered && !(b->flags & MATCH_FIREWALL)) {
        uint8_t x = overlay_rule(reordered, a->rule)->rank, y = overlay_rule(reordered, b->rule)->rank;
        if (x != y)
            return x < y;
    }
    return a->rule < b->rule || (a->rule == b->rule && a->tx_id > b->tx_id);
}

static void sort(struct match *m, uint32_t n, bool phases, const struct overlay *o)
{
    const struct overlay *reordered = overlay_reorders(o) ? o : NULL;
    for (uint32_t k = 1; k < n; k++) {
        struct match v = m[k];
        uint32_t i = k;
        for (; i && comes_before(&v, &m[i - 1], phases, reordered); i--)
            m[i] = m[i - 1];
        m[i] = v;
    }
}

/* ------------------------------------------------------------------ firewall mode */

static uint8_t firewall_reason(const struct firewall_word *x)
{
    if (x->at.table == FIREWALL_PRE_FLOW)
        return DROP_FW_PRE_FLOW;
    if (x->at.table == FIREWALL_PRE_STREAM)
        return DROP_FW_PRE_STREAM;
    if (x->rule >= 0)
        return DROP_FW_RULES;
    return x->at.table == FIREWALL_APP ? DROP_FW_DEFAULT_APP : DROP_FW_DEFAULT_PACKET;
}

/* The firewall's word stands above that of detection: what it drops is its own. */
static void firewall_apply(struct deciding *w, const struct firewall_word *x)
{
    enum { SCOPE_FLOW = 2 };
    struct flow *f = w->p->flow;
    struct decision *o = w->out;
    bool flow_wide = f && x->does.scope == SCOPE_FLOW;
    unsigned does = effects[x->does.action];
    if (x->does.action == ACTION_ACCEPT) {
        o->accept = true;
        if (flow_wide)
            f->flags |= FLOW_ACCEPT;
        if (f && (x->does.secondary & SECOND_PASS_FLOW) && !(f->flags & FLOW_DROP))
            f->flags |= FLOW_PASS;
        return;
    }
    if (!(does & DOES_DROP))
        return;
    if (w->c->place == PLACE_INLINE && !w->c->would) {
        o->drop = true;
        o->drop_reason = firewall_reason(x);
        o->drop_rule = x->rule;
        if (flow_wide)
            f->flags |= FLOW_DROP | FLOW_DROP_BY_FIREWALL;
    } else if (flow_wide) {
        f->flags |= FLOW_WOULD_DROP;
    }
    if (does & DOES_REJECT) {
        o->reject = true;
        o->response = responses[x->does.action];
        o->response_rule = x->rule >= 0 ? (uint32_t)x->rule : UINT32_MAX;
        o->response_dir = w->p->dir;
        o->response_placed = false;
        o->n_answers = 1;
        o->answer[0] = (struct answer){.rule = o->response_rule, .response = o->response, .dir = o->response_dir};
    }
}

/* Firewall rules write only what is asked for by `alert`. */
static void firewall_match(struct deciding *w, const struct match *m)
{
    const struct firewall_word *x = w->firewall;
    bool last = x->at.table == m->at.table && (x->rule < 0 || (uint32_t)x->rule == m->rule);
    if (m->phase > PHASE_PACKET && w->out->drop) /* detection has dropped the packet before */
        return;
    if ((m->flags & MATCH_ALERT) && !(m->flags & MATCH_NOALERT)) {
        unsigned action = last && x->at.state == m->at.state ? x->does.action : ACTION_ACCEPT;
        write_alert(w, m, action, action, 0);
    }
}

void verdict_decide(const struct verdict_config *c, struct detect *d, struct packet *p,
                    const struct matches *m, struct decision *out)
{
    struct deciding w = {c, p, out, &m->firewall};
    const struct overlay *o = detect_overlay(d);
    const struct image *i = overlay_image(o);
    bool passed = false;
    sort(m->m, m->n, m->firewall.asked, o);
    out->overflow += m->overflow;
    struct matches all = *m;
    uint32_t n = queue_select(&c->queue, o, &all);
    for (uint32_t k = n; k < m->n; k++)
        detect_watch_fate(d, &m->m[k], WATCH_QUEUE, UINT32_MAX);
    out->overflow += m->n - n;
    for (uint32_t k = 0; k < n; k++) {
        const struct match *x = &m->m[k];
        const struct overlay_rule *tuned = overlay_rule(o, x->rule);
        struct image_rule_info r;
        int new_action;
        if (x->flags & MATCH_FIREWALL) {
            firewall_match(&w, x);
            continue;
        }
        if (passed)
            continue;
        int answer = detect_threshold(d, p, x, &new_action);
        if (answer == 0) {
            detect_watch_fate(d, x, WATCH_UNCOUNTED, UINT32_MAX);
            continue;
        }
        image_rule(i, x->rule, &r);
        unsigned action = new_action >= 0 ? (unsigned)new_action : tuned->action;
        unsigned response = tuned->response;
        /* Snort: an event that a threshold silenced does nothing. */
        bool silent = answer == 2;
        unsigned acts = shut_by_rule(c, d, p, x, !silent, out) && action == ACTION_BLACKLIST ? ACTION_DROP : action;
        if (silent && snort_dialect(&r)) {
            out->suppressed++;
            detect_watch_fate(d, x, WATCH_SILENCED, UINT32_MAX);
            continue;
        }
        apply(&w, &r, x, acts, response, new_action >= 0);
        enum watch_fate fate = silent ? WATCH_SILENCED : WATCH_ACTED;
        if (silent)
            out->suppressed++;
        else if ((!(effects[action] & IS_SILENT) || (x->flags & MATCH_ALERT)) && !(x->flags & MATCH_NOALERT))
            fate = write_alert(&w, x, action, acts, response) ? WATCH_WRITTEN : WATCH_OVERFLOW;
        detect_watch_fate(d, x, fate, UINT32_MAX);
        if (effects[action] & DOES_PASS) {
            for (uint32_t left = k + 1; left < n; left++)
                detect_watch_fate(d, &m->m[left], WATCH_PASSED, x->rule);
            passed = true;
        }
    }
    if (m->firewall.asked)
        firewall_apply(&w, &m->firewall);
    if (out->n_alerts && p->flow)
        p->flow->flags |= FLOW_ALERTED;
}

static const uint8_t exception_reason[EXCEPTION_TARGETS] = {
    [EXCEPTION_FLOW_MEMCAP] = DROP_FLOW_MEMCAP,
    [EXCEPTION_STREAM_MEMCAP] = DROP_STREAM_MEMCAP,
    [EXCEPTION_REASSEMBLY_MEMCAP] = DROP_STREAM_REASSEMBLY,
    [EXCEPTION_MIDSTREAM] = DROP_STREAM_MIDSTREAM,
    [EXCEPTION_DEFRAG_MEMCAP] = DROP_DEFRAG_MEMCAP,
    [EXCEPTION_APP_ERROR] = DROP_APP_ERROR,
};

static void exception_drop(const struct verdict_config *c, struct exception e, struct decision *out)
{
    if (c->place == PLACE_INLINE && !c->would) {
        out->drop = true;
        out->drop_reason = exception_reason[e.target];
    }
}

/* The flow remembers what it met, once each. */
static void exception_note(struct flow *f, struct exception e)
{
    for (unsigned k = 0; k < f->exception_n; k++)
        if (f->exception_log[k].target == e.target && f->exception_log[k].policy == e.policy)
            return;
    if (f->exception_n < ARRAY_LEN(f->exception_log))
        f->exception_log[f->exception_n++] = e;
}

void verdict_exception(const struct verdict_config *c, struct packet *p, struct exception e,
                       struct decision *out)
{
    struct flow *f = p->flow;
    if (f)
        exception_note(f, e);
    switch ((enum exception_policy)e.policy) {
    case EXCEPTION_IGNORE:
    case EXCEPTION_AUTO:
    case EXCEPTION_POLICIES:
        break;
    case EXCEPTION_PASS_FLOW:
        if (f)
            f->flags |= FLOW_PASS | FLOW_NO_PACKET_INSPECTION;
        out->pass = true;
        break;
    case EXCEPTION_PASS_PACKET:
        out->pass = true;
        break;
    case EXCEPTION_BYPASS:
        if (f) {
            f->flags |= FLOW_BYPASS | FLOW_PASS;
            f->state = FLOW_BYPASSED;
        }
        out->pass = true;
        break;
    case EXCEPTION_DROP_FLOW:
        if (f && c->place == PLACE_INLINE)
            f->flags |= FLOW_DROP | FLOW_DROP_BY_EXCEPTION;
        exception_drop(c, e, out);
        break;
    case EXCEPTION_DROP_PACKET:
        exception_drop(c, e, out);
        break;
    case EXCEPTION_REJECT:
    case EXCEPTION_REJECT_BOTH:
        if (f && c->place == PLACE_INLINE)
            f->flags |= FLOW_DROP | FLOW_DROP_BY_EXCEPTION;
        exception_drop(c, e, out);
        out->reject = true;
        out->response_dir = out->response ? out->response_dir : p->dir;
        if (!out->response) {
            out->response =
                (e.policy == EXCEPTION_REJECT ? RESP_RST_SRC : RESP_RST_BOTH) | RESP_ICMP_PORT;
            out->n_answers = 1;
            out->answer[0] = (struct answer){
                .rule = UINT32_MAX, .response = out->response, .dir = out->response_dir};
        }
        break;
    }
}

void verdict_count(struct verdict_counters *n, const struct packet *p, const struct decision *d)
{
    n->alerts += d->n_alerts;
    n->suppressed += d->suppressed;
    n->overflow += d->overflow;
    if (p->flags & PKT_PSEUDO)
        return;
    bool firewall = d->drop && drop_by_firewall(d->drop_reason);
    if (d->drop)
        n->drop_reason[d->drop_reason]++;
    if (firewall && d->reject)
        n->firewall_rejected++;
    else if (firewall)
        n->firewall_blocked++;
    else
        n->firewall_accepted++;
    if (d->drop && !firewall)
        n->blocked++;
    if (!d->drop && (p->flags & PKT_MODIFIED))
        n->replaced++;
    else if (!d->drop)
        n->accepted++;
    if (d->reject && !firewall)
        n->rejected++;
}
