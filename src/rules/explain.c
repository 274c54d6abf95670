/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A rule's intermediate form in words, for `riposte rules show`. */
#include "rules/explain.h"

#include "rules/parse.h"

#include "base/sbuf.h"
#include "flow/flow.h"
#include "packet/packet.h"

#include <string.h>

struct explain {
    const struct rule_set *s;
    const struct rule *r;
    struct sbuf *out;
};

void explain_bytes(struct sbuf *out, struct str s)
{
    bool hex = false;
    sbuf_byte(out, '"');
    for (uint32_t i = 0; i < s.n && i < 120; i++) {
        uint8_t c = s.p[i];
        bool plain = c >= 32 && c < 127 && c != '"' && c != '|' && c != '\\' && c != ';';
        if (plain == hex) {
            sbuf_byte(out, '|');
            hex = !hex;
        } else if (hex) {
            sbuf_byte(out, ' ');
        }
        if (plain)
            sbuf_byte(out, c);
        else
            sbuf_hex(out, &c, 1);
    }
    if (hex)
        sbuf_byte(out, '|');
    sbuf_cstr(out, s.n > 120 ? "...\"" : "\"");
}

static void num_put(struct sbuf *out, const struct rule_num *n)
{
    if (n->var < 0)
        sbuf_i64(out, n->v);
    else if (n->v)
        sbuf_printf(out, "variable %d%+lld", n->var, (long long)n->v);
    else
        sbuf_printf(out, "variable %d", n->var);
}

static void uint_put(struct sbuf *out, const struct test_uint *u)
{
    static const char *const ops[] = {"=", "!=", "<", "<=", ">", ">="};
    unsigned long long a = u->a, b = u->b;
    if (u->op == NUM_IN || u->op == NUM_NOT_IN)
        sbuf_printf(out, "%s %llu to %llu", u->op == NUM_IN ? "from" : "not from", a, b);
    else if (u->op == NUM_MASK_SET || u->op == NUM_MASK_ANY)
        sbuf_printf(out, "& 0x%llx %s 0x%llx", a, u->op == NUM_MASK_SET ? "=" : "!=", b);
    else
        sbuf_printf(out, "%s %llu", u->op < ARRAY_LEN(ops) ? ops[u->op] : "?", a);
}

static const char *xform_name(unsigned x)
{
#define WORD(id, word) [XFORM_##id] = word,
    static const char *const words[XFORM_COUNT] = {RULE_TRANSFORMS(WORD)};
#undef WORD
    return x < XFORM_COUNT && words[x] ? words[x] : "?";
}

static const char *field_name(unsigned f)
{
#define WORD(id, word) [PFIELD_##id] = word,
    static const char *const words[PFIELD_COUNT] = {RULE_PACKET_FIELDS(WORD)};
#undef WORD
    return f < PFIELD_COUNT ? words[f] : "?";
}

static void where_put(const struct explain *x, const struct rule_test *t)
{
    const struct rule_where *w = &x->s->where[t->where];
    const char *name = rule_buffer_name(w->buffer);
    if (t->tx_dir)
        sbuf_cstr(x->out, t->tx_dir == 1 ? "request's " : "answer's ");
    sbuf_cstr(x->out, name ? name : "?");
    for (unsigned i = 0; i < w->n_xform; i++)
        sbuf_printf(x->out, ", %s", xform_name(w->xform[i]));
    if (t->instance)
        sbuf_printf(x->out, " (%u. of them)", t->instance + 1u);
    sbuf_cstr(x->out, ": ");
}

static void content_put(const struct explain *x, const struct rule_test *t)
{
    const struct test_content *c = &t->u.content;
    struct sbuf *o = x->out;
    sbuf_cstr(o, c->flags & CONTENT_NEGATED ? "holds no " : "holds ");
    explain_bytes(o, c->bytes);
    if (c->flags & CONTENT_NOCASE)
        sbuf_cstr(o, ", case ignored");
    static const struct {
        uint16_t flag;
        const char *word;
        size_t at;
    } limits[] = {
        {CONTENT_OFFSET, ", from byte ", offsetof(struct test_content, offset)},
        {CONTENT_DEPTH, ", within the next ", offsetof(struct test_content, depth)},
        {CONTENT_DISTANCE, ", behind the last match by ", offsetof(struct test_content, distance)},
        {CONTENT_WITHIN, ", ending within ", offsetof(struct test_content, within)}};
    for (unsigned i = 0; i < ARRAY_LEN(limits); i++)
        if ((c->flags & limits[i].flag) && !(c->flags & CONTENT_STARTS)) {
            sbuf_cstr(o, limits[i].word);
            num_put(o, (const struct rule_num *)((const char *)c + limits[i].at));
        }
    if (c->flags & CONTENT_STARTS)
        sbuf_cstr(o, ", at its start");
    if (c->flags & CONTENT_ENDS)
        sbuf_cstr(o, ", at its end");
    if (c->flags & CONTENT_REPLACE) {
        sbuf_cstr(o, ", to be replaced by ");
        explain_bytes(o, c->replace);
    }
    if (x->r->fast >= 0 && t == &x->r->tests[x->r->fast]) {
        sbuf_cstr(o, " [prefilter");
        if (c->fast_len)
            sbuf_printf(o, ": %u bytes from %u", c->fast_len, c->fast_offset);
        sbuf_cstr(o, "]");
    }
}

static void bytes_test_put(const struct explain *x, const struct rule_test *t)
{
    static const char *const ops[] = {"<", ">", "=", "<=", ">=", "&", "^"};
    const struct test_bytes *b = &t->u.bytes;
    struct sbuf *o = x->out;
    bool rel = b->flags & BYTE_RELATIVE;
    if (t->kind == TEST_ISDATAAT) {
        sbuf_cstr(o, b->flags & BYTE_NEGATED ? "has not " : "has ");
        sbuf_cstr(o, rel ? "at least " : "more than ");
        num_put(o, &b->value);
        sbuf_cstr(o, rel ? " bytes behind the last match" : " bytes");
        return;
    }
    num_put(o, &b->n);
    sbuf_printf(o, " %s%s at ", b->flags & BYTE_STRING ? "digits" : "bytes",
                b->flags & BYTE_LITTLE ? " (little endian)"
                : b->flags & BYTE_DCE  ? " (DCE order)"
                                       : "");
    num_put(o, &b->offset);
    sbuf_cstr(o, rel ? " behind the last match" : "");
    if (b->bitmask)
        sbuf_printf(o, " & 0x%llx", (unsigned long long)b->bitmask);
    switch (t->kind) {
    case TEST_BYTE_TEST:
        sbuf_printf(o, " %s%s ", b->flags & BYTE_NEGATED ? "not " : "", ops[b->op]);
        num_put(o, &b->value);
        break;
    case TEST_BYTE_JUMP:
        sbuf_printf(o, ": move on by it, times %lld, and by %lld", (long long)b->multiplier,
                    (long long)b->post);
        if (b->flags & (BYTE_FROM_BEGIN | BYTE_FROM_END))
            sbuf_cstr(o, b->flags & BYTE_FROM_BEGIN ? ", from the start" : ", from the end");
        break;
    case TEST_BYTE_MATH:
        sbuf_printf(o, " %c%s ", b->op,
                    b->op == '<' || b->op == '>' ? (b->op == '<' ? "<" : ">") : "");
        num_put(o, &b->value);
        sbuf_printf(o, " is variable %d", b->result);
        break;
    case TEST_BYTE_EXTRACT:
        sbuf_printf(o, " is variable %d", b->result);
        break;
    default:
        sbuf_cstr(o, ": base64 decoded");
        break;
    }
}

static void bits_put(const struct explain *x, const struct test_bits *b)
{
    static const char *const cmds[] = {"set",        "clear", "toggle",    "is set",
                                       "is not set", "reset", "set alone", "no alert"};
    static const char *const scopes[] = {"flow", "source",      "destination",
                                         "pair", "transaction", "both ends"};
    sbuf_printf(x->out, "bit of the %s: %s", scopes[b->scope], cmds[b->cmd]);
    for (unsigned i = 0; i < b->n; i++)
        sbuf_printf(x->out, "%s" STR_FMT, i ? (b->all ? " and " : " or ") : " ",
                    STR_ARG(x->s->bits[b->id[i]]));
    if (b->group)
        sbuf_printf(x->out, " in group " STR_FMT, STR_ARG(x->s->bits[b->group - 1]));
    bool asks = b->cmd == BITS_ISSET || b->cmd == BITS_ISNOTSET || b->cmd == BITS_UNSET;
    if (b->scope != BITS_FLOW && b->scope != BITS_TX && !asks)
        sbuf_printf(x->out, ", for %u s", b->expire_s);
}

static void flowint_put(const struct explain *x, const struct test_flowint *f)
{
    static const struct {
        char op;
        const char *word;
    } t[] = {{'=', "becomes"}, {'+', "grows by"}, {'-', "falls by"},  {'<', "<"},
             {'>', ">"},       {'l', "<="},       {'g', ">="},        {'e', "="},
             {'n', "!="},      {'s', "is set"},   {'u', "is not set"}};
    unsigned i = 0;
    while (i + 1 < ARRAY_LEN(t) && t[i].op != (char)f->op)
        i++;
    sbuf_printf(x->out, "number of the flow " STR_FMT " %s ", STR_ARG(x->s->bits[f->id]),
                t[i].word);
    if (f->op == 's' || f->op == 'u')
        return;
    if (f->value_is_var)
        sbuf_printf(x->out, STR_FMT, STR_ARG(x->s->bits[f->value_id]));
    else
        sbuf_i64(x->out, f->value);
}

static const char *event_name(const struct rule_test *t)
{
    if (t->kind == TEST_DECODE_EVENT)
        return decode_event_name(t->u.event.id);
    if (t->kind == TEST_STREAM_EVENT)
        return stream_event_name(t->u.event.id);
    const struct app_proto_def *def = t->app ? app_def((enum app_proto_id)t->app) : NULL;
    return !t->app ? app_core_event_name(t->u.event.id)
           : def   ? def->events[t->u.event.id].name
                   : "?";
}

static const char *plain_word(unsigned kind)
{
    static const char *const words[TEST_KINDS] = {[TEST_BUFFER_PRESENT] = "is there",
                                                  [TEST_SAMEIP] = "source is destination",
                                                  [TEST_IPOPTS] = "an IP option is there",
                                                  [TEST_RPC] = "a call of Sun RPC",
                                                  [TEST_ASN1] = "odd ASN.1",
                                                  [TEST_FTPBOUNCE] = "PORT names another host",
                                                  [TEST_CSUM] = "state of a checksum",
                                                  [TEST_FILESTORE] = "keep the file",
                                                  [TEST_HOOK] = "hook",
                                                  [TEST_FILE_HASH] = "hash of the file"};
    return words[kind] ? words[kind] : "?";
}

static void named_put(const struct explain *x, const struct rule_test *t)
{
    const char *name = t->kind == TEST_APP_PROTOCOL ? app_name(t->u.app_proto.id) : event_name(t);
    if (t->kind == TEST_APP_PROTOCOL)
        sbuf_printf(x->out, "protocol %s %s", t->u.app_proto.negated ? "is not" : "is",
                    name ? name : "unknown");
    else
        sbuf_printf(x->out, "event %s", name ? name : "?");
}

static void number_put(const struct explain *x, const struct rule_test *t)
{
    struct sbuf *o = x->out;
    if (t->kind == TEST_TCP_FLAGS || t->kind == TEST_FRAGBITS) {
        sbuf_printf(o, "%s & 0x%02x %c 0x%02x",
                    t->kind == TEST_TCP_FLAGS ? "flags" : "fragment bits", t->u.flags.mask,
                    t->u.flags.mode, t->u.flags.value);
    } else if (t->kind == TEST_STREAM_SIZE) {
        sbuf_cstr(o, "bytes of the stream ");
        uint_put(o, &(struct test_uint){.op = t->u.size.op, .a = t->u.size.size});
    } else if (t->kind == TEST_PACKET) {
        sbuf_printf(o, "%s ", field_name(t->u.packet.field));
        uint_put(o, &t->u.packet.uint);
    } else {
        unsigned buffer = x->s->where[t->where].buffer;
        enum app_proto_id id;
        const struct app_buffer *row = t->kind == TEST_BUFFER_UINT && buffer >= RULE_BUF_APP ? app_buffer_any(buffer - RULE_BUF_APP, &id) : NULL;
        const char *name = row && t->u.uint.op <= NUM_NE ? app_enum_name(row->names, t->u.uint.a) : NULL;
        sbuf_cstr(o, t->kind == TEST_BSIZE ? "length " : "");
        uint_put(o, &t->u.uint);
        if (name)
            sbuf_printf(o, " (%s)", name);
    }
}

static void captures_put(const struct explain *x, const struct test_pcre *t)
{
    static const char *const of[] = {"packet", "flow", "alert"};
    for (unsigned k = 0; k < t->n_captures; k++)
        sbuf_printf(x->out, "%s group %u as " STR_FMT " of the %s", k ? "," : ", takes", t->capture[k].group,
                    STR_ARG(x->s->bits[t->capture[k].name]), of[t->capture[k].kind]);
}

static const char *const compares[] = {"=", "!=", "<", "<=", ">", ">="};

static void entropy_put(const struct explain *x, const struct rule_test *t)
{
    bool range = t->u.entropy.op == NUM_IN || t->u.entropy.op == NUM_NOT_IN;
    sbuf_cstr(x->out, "entropy ");
    if (range)
        sbuf_printf(x->out, "%s %g to %g", t->u.entropy.op == NUM_IN ? "from" : "not from", t->u.entropy.a, t->u.entropy.b);
    else
        sbuf_printf(x->out, "%s %g", t->u.entropy.op < ARRAY_LEN(compares) ? compares[t->u.entropy.op] : "?", t->u.entropy.a);
}

static void listed_put(const struct explain *x, const struct rule_test *t)
{
    static const char *const cmds[] = {[LISTED_IS_SET] = "is in", [LISTED_IS_NOT_SET] = "is not in", [LISTED_ADD] = "goes into",
                                       [LISTED_TAKE] = "goes out of", [LISTED_SCORE] = "has a score in"};
    const struct test_listed *l = &t->u.listed;
    struct str name = l->list < x->s->n_lists ? x->s->lists[l->list].name : STR("?");
    sbuf_printf(x->out, "%s the set " STR_FMT, l->cmd < ARRAY_LEN(cmds) ? cmds[l->cmd] : "?", STR_ARG(name));
    if (l->cmd == LISTED_SCORE)
        sbuf_printf(x->out, " %s %u", l->op < ARRAY_LEN(compares) ? compares[l->op] : "?", l->value);
}

static void reputation_put(const struct explain *x, const struct rule_test *t)
{
    static const char *const who[] = {"one end", "the source", "the destination", "both ends"};
    sbuf_printf(x->out, "reputation of %s in " STR_FMT " ", who[t->u.iprep.who & 3], STR_ARG(x->s->bits[t->u.iprep.category]));
    if (t->u.iprep.set)
        sbuf_cstr(x->out, t->u.iprep.set == 1 ? "is known" : "is not known");
    else
        uint_put(x->out, &t->u.iprep.uint);
}

static void state_put(const struct explain *x, const struct rule_test *t)
{
    const char *name = app_state_name((enum app_proto_id)t->app, t->u.state.dir, t->u.state.progress);
    sbuf_printf(x->out, "the transaction is %s %s", t->u.state.op == NUM_LT ? "before" : t->u.state.op == NUM_GT ? "beyond" : "at or beyond",
                name ? name : "?");
}

static void key_put(const struct explain *x, const struct rule_test *t)
{
    sbuf_printf(x->out, "%s " STR_FMT, rule_key_def(t->u.key.key)->words, STR_ARG(t->u.key.value));
}

/* Keywords of their own, tests of lists, numbers that are not whole, states. */
static bool other_put(const struct explain *x, const struct rule_test *t)
{
    static const struct {
        uint8_t kind;
        void (*put)(const struct explain *x, const struct rule_test *t);
    } puts[] = {{TEST_ENTROPY, entropy_put}, {TEST_DATASET, listed_put}, {TEST_IPREP, reputation_put}, {TEST_APP_STATE, state_put},
             {TEST_KEY_PACKET, key_put}, {TEST_KEY_BUFFER, key_put}};
    for (unsigned i = 0; i < ARRAY_LEN(puts); i++)
        if (puts[i].kind == t->kind) {
            puts[i].put(x, t);
            return true;
        }
    return false;
}

static void test_put(const struct explain *x, const struct rule_test *t)
{
    struct sbuf *o = x->out;
    switch (t->kind) {
    case TEST_CONTENT:
        content_put(x, t);
        break;
    case TEST_PCRE:
        sbuf_printf(o, "%s /" STR_FMT "/",
                    t->u.pcre.flags & REGEX_NEGATED ? "does not match" : "matches",
                    STR_ARG(t->u.pcre.pattern));
        explain_regex(o, &t->u.pcre);
        captures_put(x, &t->u.pcre);
        break;
    case TEST_ISDATAAT:
    case TEST_BYTE_TEST:
    case TEST_BYTE_JUMP:
    case TEST_BYTE_EXTRACT:
    case TEST_BYTE_MATH:
    case TEST_BASE64_DECODE:
        bytes_test_put(x, t);
        break;
    case TEST_BSIZE:
    case TEST_BUFFER_UINT:
    case TEST_FRAGOFFSET:
    case TEST_PACKET:
    case TEST_TCP_FLAGS:
    case TEST_FRAGBITS:
    case TEST_STREAM_SIZE:
        number_put(x, t);
        break;
    case TEST_BUFFER_ABSENT:
        sbuf_cstr(o, t->u.flag ? "is not there, or" : "is not there");
        break;
    case TEST_BITS:
        bits_put(x, &t->u.bits);
        break;
    case TEST_FLOWINT:
        flowint_put(x, &t->u.flowint);
        break;
    case TEST_DECODE_EVENT:
    case TEST_STREAM_EVENT:
    case TEST_APP_EVENT:
    case TEST_APP_PROTOCOL:
        named_put(x, t);
        break;
    case TEST_THRESHOLD:
    case TEST_DETECTION_FILTER:
        explain_threshold(o, &t->u.threshold);
        break;
    case TEST_TAG:
        explain_tag(o, &t->u.tag);
        break;
    case TEST_BLACKLIST:
        explain_blacklist(o, &t->u.blacklist);
        break;
    default:
        if (!other_put(x, t))
            sbuf_cstr(o, plain_word(t->kind));
        break;
    }
}

static void flags_put(const struct explain *x)
{
    static const struct {
        uint32_t flag;
        const char *word;
    } t[] = {{RULE_TO_SERVER, "to server"},
             {RULE_TO_CLIENT, "to client"},
             {RULE_ESTABLISHED, "established"},
             {RULE_NOT_ESTABLISHED, "not established"},
             {RULE_STATELESS, "stateless"},
             {RULE_PACKET_ONLY, "packets alone"},
             {RULE_STREAM_ONLY, "stream alone"},
             {RULE_BOTH_WAYS, "both ways"},
             {RULE_TX_WHOLE, "request and response"},
             {RULE_NOALERT, "no alert"},
             {RULE_DISABLED, "disabled"},
             {RULE_IP4_ONLY, "IPv4"},
             {RULE_IP6_ONLY, "IPv6"},
             {RULE_FIREWALL, "firewall"}};
    for (unsigned i = 0; i < ARRAY_LEN(t); i++)
        if (x->r->flags & t[i].flag)
            sbuf_printf(x->out, ", %s", t[i].word);
}

static void head_put(const struct explain *x)
{
    static const char *const types[] = {
        "addresses alone", "addresses alone, negated", "protocol", "decoder events",
        "packet",          "packet and stream",        "stream",   "protocol's flow",
        "transaction"};
    static const struct {
        uint8_t bit;
        const char *word;
    } transports[] = {{RULE_TCP, "tcp"},      {RULE_UDP, "udp"},   {RULE_ICMP4, "icmp"},
                      {RULE_ICMP6, "icmpv6"}, {RULE_SCTP, "sctp"}, {RULE_IP_OTHER, "other IP"},
                      {RULE_NO_IP, "no IP"}};
    const struct rule *r = x->r;
    const struct rule_set *s = x->s;
    sbuf_printf(x->out, "%s %u:%u:%u (%s, %s:%u) \"" STR_FMT "\"\n", rule_action_name(r->action),
                r->gid, r->sid, r->rev, rule_dialect_name(r->dialect), r->file ? r->file : "-",
                r->line, STR_ARG(r->msg));
    sbuf_printf(x->out, "type %s; ", r->type < ARRAY_LEN(types) ? types[r->type] : "?");
    for (unsigned i = 0; i < ARRAY_LEN(transports); i++)
        if (r->transports & transports[i].bit)
            sbuf_printf(x->out, "%s ", transports[i].word);
    const char *app = r->app ? app_name(r->app) : NULL;
    if (app)
        sbuf_printf(x->out, "%s ", app);
    for (unsigned i = 0; i < 2; i++)
        sbuf_printf(x->out, "%s" STR_FMT " " STR_FMT,
                    i ? (r->flags & RULE_BOTH_WAYS ? " <> " : " -> ") : "",
                    STR_ARG(s->addr[r->addr[i]]), STR_ARG(s->port[r->port[i]]));
    flags_put(x);
    struct str class = r->class_id ? s->classes[r->class_id].name : STR("none");
    sbuf_printf(x->out, "\nclass " STR_FMT ", priority %u\n", STR_ARG(class), r->priority);
}

/* Tests of one step of the way, numbered as they stand in the rule. */
static void step_put(const struct explain *x, enum explain_step step)
{
    bool first = true;
    for (unsigned i = 0; i < x->r->n_tests; i++) {
        const struct rule_test *t = &x->r->tests[i];
        if (explain_step_of(t) != step)
            continue;
        if (first)
            sbuf_printf(x->out, "%s:\n", explain_step_name(step));
        first = false;
        sbuf_printf(x->out, "%3u. ", i + 1);
        if (step == STEP_BUFFER)
            where_put(x, t);
        test_put(x, t);
        sbuf_byte(x->out, '\n');
    }
}

void rule_test_words(const struct rule_set *s, const struct rule *r, unsigned test, struct sbuf *out)
{
    struct explain x = {s, r, out};
    if (test >= r->n_tests)
        return;
    if (explain_step_of(&r->tests[test]) == STEP_BUFFER)
        where_put(&x, &r->tests[test]);
    test_put(&x, &r->tests[test]);
}

void rule_explain(const struct rule_set *s, const struct rule *r, struct sbuf *out)
{
    struct explain x = {s, r, out};
    head_put(&x);
    for (unsigned step = 0; step < STEPS; step++)
        step_put(&x, (enum explain_step)step);
    explain_facts(s, r, out);
}
