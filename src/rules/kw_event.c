/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Events of decoder, stream and protocols; which protocol a flow speaks and how far it is. */
#include "rules/kw.h"

#include "flow/flow.h"
#include "packet/packet.h"

static bool event_test(struct parse *p, enum test_kind kind, int id, unsigned app)
{
    struct rule_test *t = test_add_at(p, kind, 0, 0);
    if (!t)
        return false;
    t->u.event.id = (uint16_t)id;
    t->app = (uint16_t)app;
    return true;
}

bool kw_stream_event(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    if (str_starts(v, STR("stream.")))
        v = str_skip(v, 7);
    int id = stream_event_find(v);
    if (id < 0)
        return bad(p, NULL, "unknown stream event '" STR_FMT "'", STR_ARG(v));
    return event_test(p, TEST_STREAM_EVENT, id, 0);
}

/* decode-event, engine-event; the latter also names stream events */
bool kw_decode_event(struct parse *p, const struct keyword *k, struct str v)
{
    if (str_starts(v, STR("decoder.")))
        v = str_skip(v, 8);
    if (str_starts(v, STR("stream.")))
        return kw_stream_event(p, k, v);
    int id = decode_event_find(v);
    if (id < 0)
        return bad(p, NULL, "unknown decoder event '" STR_FMT "'", STR_ARG(v));
    return event_test(p, TEST_DECODE_EVENT, id, 0);
}

/* protocol.event, or applayer_... of the core */
bool kw_app_event(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    struct str name, proto = str_split(v, '.', &name);
    if (!name.n) {
        int id = app_core_event_find(v);
        if (id < 0)
            return bad(p, "protocol.event or applayer_...", "unknown event '" STR_FMT "'",
                       STR_ARG(v));
        p->r->flags |= RULE_NEEDS_FLOW;
        return event_test(p, TEST_APP_EVENT, id, 0);
    }
    int app = app_find(proto);
    if (app <= 0)
        return bad(p, NULL, "unknown protocol '" STR_FMT "'", STR_ARG(proto));
    if (!app_def((enum app_proto_id)app))
        return bad(p, NULL, "events of " STR_FMT " need its parser, which is not built",
                   STR_ARG(proto));
    int id = app_event_find((enum app_proto_id)app, name);
    if (id < 0)
        return bad(p, NULL, "unknown event '" STR_FMT "' of " STR_FMT, STR_ARG(name),
                   STR_ARG(proto));
    return app_bind(p, (unsigned)app, "app-layer-event") &&
           event_test(p, TEST_APP_EVENT, id, (unsigned)app);
}

/* [!]protocol[,mode] */
bool kw_app_protocol(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    static const char *const modes[] = {"",          "final",     "original", "either",
                                        "to_server", "to_client", "toserver", "toclient"};
    struct str name = list_next(&v, ',');
    bool negated = value_negated(&name);
    unsigned mode = 0;
    while (mode < ARRAY_LEN(modes) && !str_eq(v, str_cstr(modes[mode])))
        mode++;
    if (mode == ARRAY_LEN(modes))
        return bad(p, "final, original, either, to_server, to_client", "unknown mode '" STR_FMT "'",
                   STR_ARG(v));
    int app;
    if (str_eq(name, STR("unknown")))
        app = APP_UNKNOWN;
    else if (str_eq(name, STR("failed")))
        app = APP_FAILED;
    else if ((app = app_find(name)) <= 0)
        return bad(p, NULL, "unknown protocol '" STR_FMT "'", STR_ARG(name));
    if (p->app && p->d == DIALECT_SURICATA)
        return bad(p, NULL, "the rule is bound to %s already", app_name(p->app));
    struct rule_test *t = test_add_at(p, TEST_APP_PROTOCOL, 0, 0);
    if (!t)
        return false;
    t->u.app_proto.id = (uint16_t)app;
    t->u.app_proto.negated = negated;
    t->u.app_proto.mode = (uint8_t)(mode > 5 ? mode - 2 : mode);
    p->r->flags |= RULE_NEEDS_FLOW;
    return true;
}

/* [<|>]state of the header's protocol */
bool kw_app_state(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    unsigned dir = 0;
    bool before = v.n && v.p[0] == '<', after = v.n && v.p[0] == '>';
    if (before || after)
        v = str_trim(str_skip(v, 1));
    if (!p->app)
        return bad(p, NULL, "app-layer-state needs an application protocol in the header");
    if (!app_def((enum app_proto_id)p->app))
        return bad(p, NULL, "states of %s need its parser, which is not built", app_name(p->app));
    int progress = app_state_find((enum app_proto_id)p->app, v, &dir);
    if (progress < 0)
        return bad(p, NULL, "unknown state '" STR_FMT "'", STR_ARG(v));
    struct rule_test *t = test_add_at(p, TEST_APP_STATE, 0, 0);
    if (!t)
        return false;
    t->app = p->app;
    t->u.state.dir = (uint8_t)dir;
    t->u.state.progress = (uint8_t)progress;
    t->u.state.op = before ? NUM_LT : after ? NUM_GT : NUM_GE;
    return true;
}
