/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Data of flows on their way to the parsers: detection of the protocol, bytes held back, gaps,
 * ends.
 *
 * A direction is `detected` when no more is to be found out about it; proto[dir] is then the
 * protocol or APP_FAILED.  While neither direction has a protocol, bytes of both are held
 * (HOLD_UNKNOWN each): the protocol's parser shall see the start of both.  Once one direction has
 * told, the other one's bytes go to the parser at once, and are looked at only to see whether they
 * agree.
 */
#include "app/core.h"

#include <netinet/in.h>
#include <string.h>

/* What came: one piece of one direction. */
struct piece {
    struct app_flow *af;
    struct packet *p;
    const uint8_t *data;
    uint32_t n;
    unsigned flags; /* enum stream_piece */
    unsigned dir;
};

/* ------------------------------------------------------------------ held bytes */

bool held_add(struct app_flow *af, unsigned dir, const uint8_t *p, uint32_t n)
{
    struct app_held *h = af->held[dir];
    if (!n)
        return true;
    if (!h && !(h = af->held[dir] = app_alloc(af, sizeof *h)))
        return false;
    if (n > h->room - h->n) {
        uint64_t room = u64_max((uint64_t)h->n + n, 256);
        room += h->n ? room / 2 : 0;
        uint8_t *more = app_alloc(af, room);
        if (!more)
            return false;
        if (h->n)
            memcpy(more, h->p, h->n);
        app_free(af, h->p);
        h->p = more;
        h->room = (uint32_t)room;
    }
    memcpy(h->p + h->n, p, n);
    h->n += n;
    return true;
}
void held_drop(struct app_flow *af, unsigned dir)
{
    if (!af->held[dir])
        return;
    app_free(af, af->held[dir]->p);
    app_free(af, af->held[dir]);
    af->held[dir] = NULL;
}
static void held_skip(struct app_flow *af, unsigned dir, uint32_t n)
{
    struct app_held *h = af->held[dir];
    if (n >= h->n) {
        held_drop(af, dir);
        return;
    }
    memmove(h->p, h->p + n, h->n - n);
    h->n -= n;
}

/* ------------------------------------------------------------------ parsing */

static void give_up(struct app_flow *af, unsigned dir, bool gap)
{
    unsigned l4 = l4_of(af->flow);
    if (gap)
        af->engine->n.error_gap[af->proto_any][l4]++;
    else
        af->engine->n.error_parser[af->proto_any][l4]++;
    af->failed[dir] = true;
    af->gave_up = true;
    held_drop(af, dir);
    core_direction_over(af, dir);
    if (l4 == L4_TCP)
        stream_app_disable(af->flow, dir);
}
static void keep_rest(struct app_flow *af, unsigned dir, const uint8_t *p, uint32_t n)
{
    if ((n > af->def->hold_bytes && !af->change_to) || !held_add(af, dir, p, n))
        give_up(af, dir, false);
}
static void parse(const struct piece *c)
{
    struct app_flow *af = c->af;
    unsigned dir = c->dir;
    bool was_held = held_bytes(af, dir) != 0;
    const uint8_t *p = c->data;
    uint32_t n = c->n;
    if (was_held && n) {
        if (!held_add(af, dir, p, n)) {
            give_up(af, dir, false);
            return;
        }
    }
    if (was_held) {
        p = af->held[dir]->p;
        n = af->held[dir]->n;
    }
    int64_t took = af->def->parse(af, af->state, dir, p, n, c->flags);
    if (took < 0) {
        give_up(af, dir, false);
        return;
    }
    took = took > n ? n : took;
    if (was_held) {
        held_skip(af, dir, (uint32_t)took);
        if (!af->change_to && held_bytes(af, dir) > af->def->hold_bytes)
            give_up(af, dir, false);
    } else if ((uint32_t)took < n)
        keep_rest(af, dir, p + took, n - (uint32_t)took);
}
/* A hole swallows what was waiting in front of it: without the rest it is of no use. */
static void parse_gap(const struct piece *c)
{
    struct app_flow *af = c->af;
    uint32_t n = c->n + held_bytes(af, c->dir);
    held_drop(af, c->dir);
    if (af->def->parse(af, af->state, c->dir, NULL, n, c->flags) < 0)
        give_up(af, c->dir, true);
}
static void feed(const struct piece *c)
{
    struct app_flow *af = c->af;
    if (af->failed[c->dir] || !af->def) {
        held_drop(af, c->dir);
        return;
    }
    if (af->eof[c->dir] && !c->n)
        return;
    af->bytes[c->dir] += c->n;
    af->feeding = (uint8_t)c->dir;
    if (c->flags & PIECE_EOF)
        af->eof[c->dir] = true;
    if (c->flags & PIECE_GAP)
        parse_gap(c);
    else
        parse(c);
}
/* What one direction had to wait for may have come with the other one. */
static void feed_again(struct app_flow *af, struct packet *p)
{
    for (unsigned dir = 0; dir < 2; dir++) {
        if (!af->again[dir])
            continue;
        af->again[dir] = false;
        if (!held_bytes(af, dir) || af->failed[dir] || !af->def || af->change_to)
            continue;
        struct piece c = {.af = af, .p = p, .dir = dir};
        parse(&c);
    }
}
void app_again(struct app_flow *af, unsigned dir)
{
    af->again[dir] = true;
}
/* Bytes that were held while the protocol was unknown. */
static void feed_held(struct app_flow *af, struct packet *p, unsigned dir, unsigned flags)
{
    struct app_held *h = af->held[dir];
    struct piece c = {.af = af, .p = p, .dir = dir, .flags = flags};
    if (af->lost[dir]) {
        c.flags = PIECE_GAP | PIECE_START;
        c.n = 1; /* how many is not known any more; that there is a hole is what counts */
        af->lost[dir] = false;
        feed(&c);
        return;
    }
    if (!h)
        return;
    af->held[dir] = NULL;
    c.data = h->p;
    c.n = h->n;
    feed(&c);
    app_free(af, h->p);
    app_free(af, h);
}

/* ------------------------------------------------------------------ detection */

static void say_detected(struct app_flow *af, unsigned dir, enum app_proto_id id)
{
    struct flow *f = af->flow;
    af->detected[dir] = true;
    af->proto[dir] = (uint16_t)id;
    f->app_proto[dir] = (uint16_t)id;
    f->flags |= dir ? FLOW_PD_TO_CLIENT : FLOW_PD_TO_SERVER;
}
static void nothing_found(struct app_flow *af)
{
    af->proto_any = APP_FAILED;
    af->flow->app_proto_any = APP_FAILED;
    af->engine->n.flow[APP_FAILED][l4_of(af->flow)]++;
    for (unsigned dir = 0; dir < 2; dir++) {
        held_drop(af, dir);
        af->failed[dir] = true;
        if (af->flow->proto == IPPROTO_TCP)
            stream_app_disable(af->flow, dir);
    }
}
static void fail_direction(struct app_flow *af, unsigned dir)
{
    say_detected(af, dir, APP_FAILED);
    /* The first datagram decides; should the other side's tell more, that counts. */
    if (af->flow->proto == IPPROTO_UDP && !af->detected[1 - dir])
        af->flow->app_proto_any = APP_FAILED;
    if (af->detected[1 - dir] && af->proto[1 - dir] == APP_FAILED)
        nothing_found(af);
}

/* Rules see it with the packet that brought it, the log once. */
static void core_event(struct app_flow *af, enum app_core_event e)
{
    af->core_events |= 1u << e;
    af->core_number = af->number;
}

/* The protocol after a change is not the one that was announced. */
static void check_expected(struct app_flow *af, enum app_proto_id id)
{
    if (!af->expecting)
        return;
    af->expecting = false;
    if (af->expected == APP_UNKNOWN || app_covers((enum app_proto_id)af->expected, id))
        return;
    core_event(af, af->expected == APP_TLS ? APP_CORE_NO_TLS_AFTER_STARTTLS : APP_CORE_UNEXPECTED_PROTOCOL);
}

/* That the server spoke first is worth an event here. */
static bool client_speaks_first(enum app_proto_id id)
{
    const struct app_proto_def *def = app_declared(id);
    return def && def->client_first;
}

static void swap_sides(struct app_flow *af, struct packet *p)
{
    flow_swap(af->flow);
    struct app_held *h = af->held[0];
    af->held[0] = af->held[1];
    af->held[1] = h;
    bool lost = af->lost[0];
    af->lost[0] = af->lost[1];
    af->lost[1] = lost;
    af->first_dir ^= 1;
    if (p && p->flow == af->flow)
        p->dir ^= 1;
}

/*
 * What protocol does this piece, behind what is held, tell?  When the answer is "more", the bytes
 * are held; else the caller says what becomes of them.
 */
static struct pd_answer look(struct piece *c, bool may_reverse)
{
    struct app_flow *af = c->af;
    struct pd_answer a = {.result = PD_NO};
    const uint8_t *p = c->data;
    uint32_t n = c->n;
    bool was_held = held_bytes(af, c->dir) != 0;
    if (af->lost[c->dir])
        return a;
    if (was_held) {
        if (!held_add(af, c->dir, c->data, c->n))
            return a;
        p = af->held[c->dir]->p;
        n = af->held[c->dir]->n;
    }
    bool final = (c->flags & (PIECE_EOF | PIECE_DEPTH)) || n >= HOLD_UNKNOWN;
    a = pd_run(af->engine->pd, af->flow, c->dir, p, n, final, may_reverse);
    if (!was_held && a.result == PD_MORE && !held_add(af, c->dir, c->data, c->n))
        a.result = PD_NO;
    return a;
}
/* The piece, which `look` has seen, goes on with what was held in front of it. */
static void go_on(struct piece *c)
{
    struct app_flow *af = c->af;
    c->flags |= PIECE_START;
    if (held_bytes(af, c->dir) || af->lost[c->dir])
        feed_held(af, c->p, c->dir, c->flags);
    else
        feed(c);
}

/* The first direction that told: the parser starts, with what was held of both directions. */
static void protocol_found(struct piece *c, const struct pd_answer *a)
{
    struct app_flow *af = c->af;
    if (a->reversed) {
        swap_sides(af, c->p);
        c->dir ^= 1;
    }
    unsigned dir = c->dir, other = 1 - dir;
    say_detected(af, dir, a->proto);
    check_expected(af, a->proto);
    if (af->first_dir == DIR_TO_CLIENT && client_speaks_first(a->proto) &&
        !af->flow->app_proto_orig)
        core_event(af, APP_CORE_WRONG_DIRECTION_FIRST_DATA);
    af->bytes[0] = af->bytes[1] = 0;
    bool start = core_start_protocol(af, a->proto);
    if (af->detected[other]) { /* had failed */
        say_detected(af, other, a->proto);
        if (pd_has_words(af->engine->pd, a->proto, l4_of(af->flow), other))
            core_event(af, APP_CORE_DETECT_PROTOCOL_ONLY_ONE_DIRECTION);
    }
    if (!start) {
        held_drop(af, 0);
        held_drop(af, 1);
        return;
    }
    if (af->first_dir == other)
        feed_held(af, c->p, other, PIECE_START);
    go_on(c);
    if (af->detected[other])
        feed_held(af, c->p, other, PIECE_START);
}
/* This direction says nothing, the other one has not spoken yet: keep the beginning. */
static void wait_for_other(struct piece *c)
{
    struct app_flow *af = c->af;
    unsigned other = 1 - c->dir;
    af->bytes[c->dir] += c->n;
    if (af->bytes[c->dir] > SKIP_UNKNOWN && !af->detected[other]) {
        core_event(af, APP_CORE_PROTO_DETECTION_SKIPPED);
        fail_direction(af, other);
        return;
    }
    if (af->lost[c->dir] || !c->n)
        return;
    if ((c->flags & PIECE_GAP) || held_bytes(af, c->dir) + c->n > HOLD_UNKNOWN ||
        !held_add(af, c->dir, c->data, c->n)) {
        held_drop(af, c->dir);
        af->lost[c->dir] = true;
    }
}
static void first_direction(struct piece *c)
{
    struct app_flow *af = c->af;
    bool midstream = (c->flags & PIECE_MIDSTREAM) && !af->detected[1 - c->dir] && !af->expecting;
    bool held = held_bytes(af, c->dir) != 0;
    struct pd_answer a = look(c, midstream);
    a.reversed &= midstream;
    switch (a.result) {
    case PD_YES:
        protocol_found(c, &a);
        return;
    case PD_MORE:
        return;
    case PD_NO:
        fail_direction(af, c->dir);
        if (!held && !af->failed[c->dir])
            wait_for_other(c);
        return;
    }
}
/* The other direction has told: parse, and see whether this one agrees. */
static void second_direction(struct piece *c)
{
    struct app_flow *af = c->af;
    enum app_proto_id known = (enum app_proto_id)af->proto[1 - c->dir];
    struct pd_answer a = look(c, false);
    if (a.result == PD_MORE)
        return;
    if (a.result == PD_YES && a.proto != known && !app_covers(known, a.proto))
        core_event(af, APP_CORE_MISMATCH_PROTOCOL_BOTH_DIRECTIONS);
    else if (a.result == PD_NO && pd_has_words(af->engine->pd, known, l4_of(af->flow), c->dir))
        core_event(af, APP_CORE_DETECT_PROTOCOL_ONLY_ONE_DIRECTION);
    say_detected(af, c->dir, a.result == PD_YES ? a.proto : known);
    if (!af->def && af->flow->proto == IPPROTO_TCP)
        stream_app_disable(af->flow, c->dir);
    go_on(c);
}
static void detection_gap(struct piece *c)
{
    struct app_flow *af = c->af;
    unsigned other = 1 - c->dir;
    bool known = af->detected[other] && af->proto[other] != APP_FAILED;
    held_drop(af, c->dir);
    af->lost[c->dir] = !known;
    if (!known) {
        fail_direction(af, c->dir);
        return;
    }
    say_detected(af, c->dir, (enum app_proto_id)af->proto[other]);
    feed(c);
}
static void detect(struct piece *c)
{
    struct app_flow *af = c->af;
    bool other = af->detected[1 - c->dir];
    if (c->n && !af->bytes[0] && !af->bytes[1] && !held_bytes(af, 0) && !held_bytes(af, 1) &&
        !other)
        af->first_dir = (uint8_t)c->dir;
    if (c->flags & PIECE_GAP)
        detection_gap(c);
    else if (!c->n && !held_bytes(af, c->dir))
        return; /* an end without any data tells nothing */
    else if (other && af->proto[1 - c->dir] != APP_FAILED)
        second_direction(c);
    else
        first_direction(c);
}

/* ------------------------------------------------------------------ change of protocol */

void app_change_protocol(struct app_flow *af, enum app_proto_id expected)
{
    af->change_to = APP_COUNT; /* done with the next packet, when this one was judged and written */
    af->change_number = af->number;
    af->expected = (uint16_t)expected;
}
/* Empty lines that wait behind the last message belong to neither protocol. */
static void drop_line_ends(struct app_flow *af, unsigned dir)
{
    const struct app_held *h = af->held[dir];
    uint32_t i = 0;
    while (h && i < h->n && (h->p[i] == '\r' || h->p[i] == '\n'))
        i++;
    if (h && i == h->n)
        held_drop(af, dir);
}
static void change_now(struct app_flow *af)
{
    struct flow *f = af->flow;
    af->change_to = 0;
    af->expecting = true;
    f->app_proto_orig = af->proto_any;
    f->app_proto_expected = af->expected;
    core_drop_protocol(af);
    af->next_tx_id = 0;
    for (unsigned dir = 0; dir < 2; dir++) {
        drop_line_ends(af, dir);
        af->detected[dir] = af->failed[dir] = af->lost[dir] = false;
        af->proto[dir] = APP_UNKNOWN;
        af->bytes[dir] = 0;
        f->app_proto[dir] = APP_UNKNOWN;
    }
    af->proto_any = APP_UNKNOWN;
    f->app_proto_any = APP_UNKNOWN;
    f->flags &= ~(uint32_t)(FLOW_PD_TO_SERVER | FLOW_PD_TO_CLIENT);
    enum app_proto_id id = (enum app_proto_id)af->expected;
    if (id == APP_UNKNOWN || pd_has_words(af->engine->pd, id, l4_of(f), 0) ||
        pd_has_words(af->engine->pd, id, l4_of(f), 1))
        return;
    /* What was announced can't be told by its first bytes: it is believed. */
    af->expecting = false;
    say_detected(af, 0, id);
    say_detected(af, 1, id);
    core_start_protocol(af, id);
}
void app_no_more(struct app_flow *af, unsigned dir)
{
    af->failed[dir] = true;
    held_drop(af, dir);
    if (af->flow->proto == IPPROTO_TCP)
        stream_app_disable(af->flow, dir);
}
void app_trigger_raw(struct app_flow *af, unsigned dir)
{
    if (af->flow->proto == IPPROTO_TCP)
        stream_raw_trigger(af->flow, dir);
}

/* ------------------------------------------------------------------ entry points */

static void take(struct piece *c)
{
    struct app_flow *af = c->af;
    if (af->change_to && af->number != af->change_number)
        change_now(af);
    if (af->failed[c->dir])
        return;
    if (!af->detected[c->dir])
        detect(c);
    else if (af->proto[c->dir] == APP_FAILED)
        wait_for_other(c);
    else
        feed(c);
}
static struct app_flow *begin(struct app_engine *e, struct flow *f, const struct packet *p)
{
    struct app_flow *af = core_flow_get(e, f);
    if (!af)
        return NULL;
    af->now_ns = p ? p->ts_ns : f->last_ns;
    af->number = p ? p->number : 0;
    return af;
}
void app_stream_data(struct app_engine *e, struct flow *f, struct packet *p, unsigned dir,
                     const uint8_t *data, uint32_t n, unsigned piece)
{
    if (!f->app && !n)
        return;
    struct app_flow *af = begin(e, f, p);
    if (!af)
        return;
    struct piece c = {.af = af, .p = p, .data = data, .n = n, .flags = piece, .dir = dir};
    take(&c);
    feed_again(af, p);
}

/* A datagram is whole or nothing: the first one of a flow decides, of either direction. */
static void datagram_detect(struct piece *c)
{
    struct app_flow *af = c->af;
    unsigned other = 1 - c->dir;
    if (af->detected[other] && af->proto[other] != APP_FAILED) {
        say_detected(af, c->dir, (enum app_proto_id)af->proto[other]);
        return;
    }
    struct pd_answer a = pd_run(af->engine->pd, af->flow, c->dir, c->data, c->n, true, true);
    if (a.result != PD_YES) {
        fail_direction(af, c->dir);
        return;
    }
    if (a.reversed && !af->detected[other]) {
        swap_sides(af, c->p);
        c->dir ^= 1;
        other ^= 1;
    }
    say_detected(af, c->dir, a.proto);
    if (af->detected[other])
        say_detected(af, other, a.proto);
    af->failed[0] = af->failed[1] = false;
    core_start_protocol(af, a.proto);
}
void app_datagram(struct app_engine *e, struct flow *f, struct packet *p)
{
    if (!p->payload_len)
        return;
    struct app_flow *af = begin(e, f, p);
    if (!af)
        return;
    struct piece c = {.af = af, .p = p, .data = p->payload, .n = p->payload_len, .dir = p->dir};
    if (!af->detected[c.dir])
        datagram_detect(&c);
    if (af->failed[c.dir] || !af->def)
        return;
    af->bytes[c.dir] += c.n;
    af->feeding = (uint8_t)c.dir;
    if (af->def->parse(af, af->state, c.dir, c.data, c.n, 0) < 0) {
        af->engine->n.error_parser[af->proto_any][L4_UDP]++;
        af->gave_up = true;
    }
}
