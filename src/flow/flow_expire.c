/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * How flows end: the timer wheel, the emergency, the shutdown.
 *
 * A flow's time is over when last_ns + timeout <= now.  flow_tick looks once a second of packet
 * time; in between, flow_get itself ends an overdue flow when a packet of its ends comes, so what
 * belongs to which flow never depends on when somebody ticked.  Flows of one tick end in order of
 * (expiry, first packet).
 */
#include "flow/flow_table.h"

#include <netinet/in.h>

#define NS UINT64_C(1000000000)

uint32_t flow_timeout(const struct flow_table *t, const struct flow *f)
{
    const struct flow_timeouts *c = &t->cfg.other;
    if (f->proto == IPPROTO_TCP)
        c = &t->cfg.tcp;
    else if (f->proto == IPPROTO_UDP)
        c = &t->cfg.udp;
    else if (f->proto == IPPROTO_ICMP || f->proto == IPPROTO_ICMPV6)
        c = &t->cfg.icmp;
    if (!t->emergency)
        return c->s[f->state];
    return u32_min(c->emergency_s[f->state], c->s[f->state]);
}

uint64_t flow_expiry_ns(const struct flow *f)
{
    return f->last_ns + f->timeout_s * NS + ((const struct flow_slot *)f)->skew_ns;
}

void wheel_remove(struct flow_table *t, struct flow_slot *s)
{
    if (s->prev)
        slot_at(t, s->prev)->next = s->next;
    else if (t->wheel[s->list] == s->f.index)
        t->wheel[s->list] = s->next;
    if (s->next)
        slot_at(t, s->next)->prev = s->prev;
    s->prev = s->next = 0;
}

void wheel_arm(struct flow_table *t, struct flow_slot *s)
{
    if (!t->started) {
        t->started = true;
        t->wheel_s = t->now_ns / NS;
    }
    uint64_t at = flow_expiry_ns(&s->f) / NS;
    if (at < t->wheel_s)
        at = t->wheel_s;
    if (at >= t->wheel_s + WHEEL_SLOTS)
        at = t->wheel_s + WHEEL_SLOTS - 1;
    s->list = (uint32_t)(at % WHEEL_SLOTS);
    s->armed_s = (uint32_t)at;
    s->prev = 0;
    s->next = t->wheel[s->list];
    if (s->next)
        slot_at(t, s->next)->prev = s->f.index;
    t->wheel[s->list] = s->f.index;
}

void flow_state_set(struct flow *f, enum flow_state state)
{
    if (f->state == state || (f->state == FLOW_BYPASSED && state != FLOW_CLOSED))
        return;
    f->state = (uint8_t)state;
    if (!f->index)
        return;
    struct flow_slot *s = slot_of(f);
    struct flow_table *t = s->table;
    f->timeout_s = flow_timeout(t, f);
    if ((int32_t)((uint32_t)(flow_expiry_ns(f) / NS) - s->armed_s) < 0) {
        wheel_remove(t, s);
        wheel_arm(t, s);
    }
}

void flow_finish(struct flow_table *t, struct flow *f, enum flow_end why, flow_end_fn *end,
                 void *ctx)
{
    f->end = (uint8_t)why;
    uint64_t *const by_state[FLOW_STATES] = {&t->n.end_new, &t->n.end_established, &t->n.end_closed,
                                             &t->n.end_closed};
    (*by_state[f->state])++;
    if (why == FLOW_END_TIMEOUT)
        t->n.end_timeout++;
    if (why == FLOW_END_FORCED)
        t->n.end_forced++;
    if (t->emergency && (why == FLOW_END_TIMEOUT || why == FLOW_END_FORCED)) {
        f->emergency = 1;
        f->flags |= FLOW_EMERGENCY;
    }
    if (end)
        end(ctx, f);
    flow_release(t, f);
}

void flow_emergency(struct flow_table *t, bool counted)
{
    if (t->emergency)
        return;
    t->emergency = true;
    t->rearm = true;
    t->emergency_counted = counted;
    t->n.emergency_entered += counted;
    uint32_t percent = u32_min(t->cfg.emergency_recovery, 100);
    t->emergency_leave = (uint32_t)((t->n.active + t->others) * (100 - percent) / 100);
}

void flow_table_peers(struct flow_table *t, const struct flow_peers *p)
{
    t->peers = *p;
}

void flow_others(struct flow_table *t, uint64_t active)
{
    t->others = active;
}

bool flow_near_cap(const struct flow_table *t, uint64_t active, uint64_t more)
{
    return t->emergency || t->rearm || active + more >= t->max_flows;
}

static bool rearm_one(void *ctx, struct flow *f)
{
    struct flow_table *t = ctx;
    f->timeout_s = flow_timeout(t, f);
    wheel_remove(t, slot_of(f));
    wheel_arm(t, slot_of(f));
    return true;
}

/* Entering and leaving change every timeout; it costs a walk, once for many flows gone or come. */
static void emergency_follow(struct flow_table *t)
{
    uint64_t active = t->n.active + t->others;
    if (t->emergency && active <= t->emergency_leave && active < t->max_flows) {
        t->emergency = false;
        t->rearm = true;
        t->n.emergency_over += t->emergency_counted;
    }
    if (t->rearm) {
        t->rearm = false;
        flow_each(t, rearm_one, t);
    }
}

/* Flows that end together, chained by the wheel's `next`. */
struct ending {
    struct flow_table *t;
    uint32_t first;
    bool by_number;
};

static bool flow_before(const struct flow *x, const struct flow *y, bool by_number)
{
    if (!by_number) {
        uint64_t ex = flow_expiry_ns(x), ey = flow_expiry_ns(y);
        if (ex != ey)
            return ex < ey;
    }
    if (x->first_number != y->first_number)
        return x->first_number < y->first_number;
    return x->id < y->id; /* a tunnel's flows begin with one packet */
}

static bool ends_before(const struct ending *e, uint32_t a, uint32_t b)
{
    return flow_before(&slot_at(e->t, a)->f, &slot_at(e->t, b)->f, e->by_number);
}

/* Merge sort of the chain, bottom up: no recursion, no memory. */
static uint32_t merge(const struct ending *e, uint32_t a, uint32_t b)
{
    uint32_t head = 0, tail = 0;
    while (a || b) {
        uint32_t *from = !b || (a && ends_before(e, a, b)) ? &a : &b;
        uint32_t one = *from;
        *from = slot_at(e->t, one)->next;
        if (tail)
            slot_at(e->t, tail)->next = one;
        else
            head = one;
        tail = one;
    }
    if (tail)
        slot_at(e->t, tail)->next = 0;
    return head;
}

static void sort_ending(struct ending *e)
{
    uint32_t run[32] = {0}; /* run[k]: sorted chain of 2^k flows */
    for (uint32_t i = e->first; i;) {
        uint32_t one = i;
        i = slot_at(e->t, i)->next;
        slot_at(e->t, one)->next = 0;
        unsigned k = 0;
        for (; k < 31 && run[k]; k++) {
            one = merge(e, run[k], one);
            run[k] = 0;
        }
        run[k] = run[k] ? merge(e, run[k], one) : one;
    }
    e->first = 0;
    for (unsigned k = 0; k < 32; k++)
        if (run[k])
            e->first = e->first ? merge(e, run[k], e->first) : run[k];
}

static void ending_add(struct ending *e, struct flow_slot *s)
{
    wheel_remove(e->t, s);
    s->next = e->first;
    s->list = 0;
    s->prev = s->f.index; /* marks "in no list": wheel_remove must not take it for a head */
    e->first = s->f.index;
}

static void end_sorted(struct ending *e, enum flow_end why, flow_end_fn *end, void *ctx)
{
    sort_ending(e);
    for (uint32_t i = e->first; i;) {
        struct flow_slot *s = slot_at(e->t, i);
        i = s->next;
        s->prev = s->next = 0;
        flow_finish(e->t, &s->f, why, end, ctx);
    }
}

/* ------------------------------------------------------------------ eviction */

/* Ends the flow that would be the first to expire, of a few that stand at the wheel's near end. */
bool flow_evict(struct flow_table *t, flow_end_fn *end, void *ctx)
{
    if (t->cfg.exact_evict)
        return flow_evict_exact(&t, 1, end, &ctx);
    if (t->rearm)
        emergency_follow(t);
    for (uint32_t d = 0; d < WHEEL_SLOTS; d++) {
        uint64_t second = t->wheel_s + d;
        for (unsigned tries = 0; tries < 16; tries++) {
            uint32_t i = t->wheel[second % WHEEL_SLOTS];
            if (!i)
                break;
            struct flow_slot *s = slot_at(t, i);
            uint64_t at = flow_expiry_ns(&s->f) / NS;
            if (at <= second || at >= t->wheel_s + WHEEL_SLOTS) {
                t->n.get_used++;
                flow_finish(t, &s->f, FLOW_END_FORCED, end, ctx);
                return true;
            }
            wheel_remove(t, s);
            wheel_arm(t, s);
        }
    }
    return false;
}

/*
 * The flows of the wheel's first second that has any; in order.  A flow stands in no later slot
 * than that of its expiry (the wheel's last, if that lies beyond), so which they are does not
 * depend on when they were armed.
 */
static uint32_t first_second(struct ending *e, uint64_t *second)
{
    struct flow_table *t = e->t;
    uint32_t n = 0;
    if (t->rearm)
        emergency_follow(t);
    for (uint32_t d = 0; d < WHEEL_SLOTS && !n; d++) {
        *second = t->wheel_s + d;
        uint32_t i = t->wheel[*second % WHEEL_SLOTS];
        t->wheel[*second % WHEEL_SLOTS] = 0;
        while (i) {
            struct flow_slot *s = slot_at(t, i);
            i = s->next;
            s->prev = s->next = 0;
            if (flow_expiry_ns(&s->f) / NS <= *second || d == WHEEL_SLOTS - 1) {
                ending_add(e, s);
                n++;
            } else {
                wheel_arm(t, s);
            }
        }
    }
    sort_ending(e);
    return n;
}

static struct flow_slot *ending_take(struct ending *e)
{
    struct flow_slot *s = slot_at(e->t, e->first);
    e->first = s->next;
    s->prev = s->next = 0;
    return s;
}

/*
 * A sixteenth of the flows that expire in the first second of all: looking for them costs as many
 * steps as that second has flows.
 */
bool flow_evict_exact(struct flow_table *const *t, unsigned n, flow_end_fn *end, void *const *ctx)
{
    struct ending e[FLOW_TABLES];
    uint64_t second[FLOW_TABLES], least = UINT64_MAX;
    uint32_t count[FLOW_TABLES], room = 0;
    assert(n <= FLOW_TABLES);
    for (unsigned k = 0; k < n; k++) {
        e[k] = (struct ending){.t = t[k]};
        count[k] = first_second(&e[k], &second[k]);
        if (count[k] && second[k] < least)
            least = second[k];
    }
    for (unsigned k = 0; k < n; k++)
        room += second[k] == least ? count[k] : 0;
    for (uint32_t left = room ? room / 16 + 1 : 0; left; left--) {
        unsigned best = n;
        for (unsigned k = 0; k < n; k++)
            if (e[k].first && second[k] == least &&
                (best == n || flow_before(&slot_at(t[k], e[k].first)->f,
                                          &slot_at(t[best], e[best].first)->f, false)))
                best = k;
        struct flow_slot *s = ending_take(&e[best]);
        t[best]->n.get_used++;
        flow_finish(t[best], &s->f, FLOW_END_FORCED, end, ctx[best]);
    }
    for (unsigned k = 0; k < n; k++)
        while (e[k].first)
            wheel_arm(t[k], ending_take(&e[k]));
    return room > 0;
}

void flow_tick(struct flow_table *t, uint64_t now_ns, flow_end_fn *end, void *ctx)
{
    if (now_ns > t->now_ns)
        t->now_ns = now_ns;
    uint64_t now_s = t->now_ns / NS;
    if (now_s == t->now_s && !t->rearm)
        return;
    t->now_s = now_s;
    if (t->emergency || t->rearm)
        emergency_follow(t);
    struct ending e = {.t = t};
    uint64_t from = t->started ? t->wheel_s : now_s;
    if (now_s - from >= WHEEL_SLOTS)
        from = now_s - WHEEL_SLOTS + 1;
    t->wheel_s = now_s;
    uint64_t due =
        now_s * NS; /* whole seconds: the slot of this second is looked at when it is over */
    for (uint64_t second = from; second <= now_s; second++) {
        uint32_t i = t->wheel[second % WHEEL_SLOTS];
        t->wheel[second % WHEEL_SLOTS] = 0;
        while (i) {
            struct flow_slot *s = slot_at(t, i);
            i = s->next;
            s->prev = s->next = 0;
            if (flow_expiry_ns(&s->f) <= due)
                ending_add(&e, s);
            else
                wheel_arm(t, s);
        }
    }
    end_sorted(&e, FLOW_END_TIMEOUT, end, ctx);
}

void flow_end_all(struct flow_table *t, flow_end_fn *end, void *ctx)
{
    struct ending e = {.t = t, .by_number = true};
    for (uint32_t b = 0; b < t->blocks; b++)
        for (uint32_t i = 0; i < BLOCK_FLOWS; i++)
            if (t->block[b][i].f.live)
                ending_add(&e, &t->block[b][i]);
    end_sorted(&e, FLOW_END_SHUTDOWN, end, ctx);
}
