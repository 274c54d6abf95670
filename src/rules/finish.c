/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What can be said of a rule only when all its options are known: contradictions, direction,
 * protocol, flags, type, prefilter.
 */
#include "rules/parse.h"

#include <string.h>

/* ---- contents against transforms and lengths (Suricata refuses what can never match) */

static bool has_upper(struct str s)
{
    for (uint32_t i = 0; i < s.n; i++)
        if (s.p[i] >= 'A' && s.p[i] <= 'Z')
            return true;
    return false;
}

static bool has_lower(struct str s)
{
    for (uint32_t i = 0; i < s.n; i++)
        if (s.p[i] >= 'a' && s.p[i] <= 'z')
            return true;
    return false;
}

/* Longest run of white space. */
static uint32_t space_run(struct str s)
{
    uint32_t best = 0, run = 0;
    for (uint32_t i = 0; i < s.n; i++) {
        uint8_t c = s.p[i];
        run = c == ' ' || (c >= 9 && c <= 13) ? run + 1 : 0;
        best = u32_max(best, run);
    }
    return best;
}

static bool transform_fits(struct parse *p, const struct rule_where *w,
                           const struct test_content *c)
{
    bool nocase = c->flags & CONTENT_NOCASE;
    for (unsigned i = 0; i < w->n_xform; i++) {
        bool last = i + 1u == w->n_xform;
        switch (w->xform[i]) {
        case XFORM_STRIP_WS:
            if (space_run(c->bytes))
                return bad(p, "take the blanks out of the content",
                           "strip_whitespace leaves no white space for the content");
            break;
        case XFORM_COMPRESS_WS:
            if (space_run(c->bytes) > 1)
                return bad(p, "write one blank for several",
                           "compress_whitespace leaves no two blanks for the content");
            break;
        case XFORM_LOWER:
            if (last && !nocase && has_upper(c->bytes))
                return bad(p, "write the content in small letters",
                           "to_lowercase leaves no capital letters for the content");
            break;
        case XFORM_UPPER:
            if (last && !nocase && has_lower(c->bytes))
                return bad(p, "write the content in capital letters",
                           "to_uppercase leaves no small letters for the content");
            break;
        default:
            break;
        }
    }
    return true;
}

static struct str cased(struct parse *p, struct str s, bool upper)
{
    uint8_t *b = arena_alloc_raw(p->c->arena, s.n + 1);
    if (!b) {
        no_memory(p);
        return s;
    }
    uint8_t from = upper ? 'a' : 'A';
    for (uint32_t i = 0; i < s.n; i++)
        b[i] = s.p[i] >= from && s.p[i] < from + 26 ? (uint8_t)(s.p[i] ^ 0x20) : s.p[i];
    b[s.n] = 0;
    return str_of(b, s.n);
}

/* A buffer that holds one case only: host names refuse the other, digests take either. */
static bool lower_fits(struct parse *p, const struct rule_test *t, struct test_content *c)
{
    const struct app_buffer *row = buffer_row(p, buffer_at(p, t->where));
    if (!row || p->c->where[t->where].n_xform)
        return true;
    enum hex_case digits = HEX_NONE;
    if (p->d == DIALECT_SURICATA && !form_fits(p, row, c->bytes, &digits))
        return false;
    if (digits != HEX_NONE) {
        c->bytes = cased(p, c->bytes, digits == HEX_UPPER);
        if (!(c->flags & CONTENT_NOCASE))
            c->folded = c->bytes;
        return !p->failed;
    }
    if (!(row->flags & APP_BUF_LOWER) || p->d != DIALECT_SURICATA)
        return true;
    if (c->flags & CONTENT_NOCASE)
        return bad(p, "leave nocase out", "%s is in small letters already", row->name);
    return !has_upper(c->bytes) ||
           bad(p, "write the content in small letters",
               "%s is in small letters: the content can't match", row->name);
}

static bool fast_fits(struct parse *p, uint32_t i)
{
    const struct rule_test *t = &p->t[i];
    const struct test_content *c = &t->u.content;
    unsigned limits = CONTENT_OFFSET | CONTENT_DEPTH | CONTENT_RELATIVE;
    if (!(c->flags & CONTENT_FAST) || p->d != DIALECT_SURICATA)
        return true;
    if (buffer_at(p, t->where) == BUF_BASE64)
        return bad(p, "take a content of another buffer as the fast pattern",
                   "fast_pattern can't stand in base64_data");
    if ((c->flags & CONTENT_NEGATED) && (c->flags & limits))
        return bad(p, "put fast_pattern behind a content that must be there",
                   "a negated content with limits can't be the fast pattern");
    if ((c->flags & CONTENT_FAST_ONLY) && (c->flags & limits & ~(unsigned)CONTENT_STARTS))
        return bad(p, "write fast_pattern without only",
                   "fast_pattern:only can't stand with offset, depth, distance or within");
    if (!(c->flags & CONTENT_FAST_ONLY))
        return true;
    for (uint32_t k = i + 1; k < p->n; k++) {
        if (p->t[k].where != t->where || p->t[k].kind != TEST_CONTENT)
            continue;
        if (p->t[k].u.content.flags & CONTENT_RELATIVE)
            return bad(p, "write fast_pattern without only",
                       "a relative content can't follow one with fast_pattern:only");
        break;
    }
    return true;
}

/* What stands for a content in the wire: of the payload as it came. */
static bool replace_fits(struct parse *p, const struct rule_test *t)
{
    unsigned buffer = buffer_at(p, t->where);
    const struct test_content *c = &t->u.content;
    if (!(c->flags & CONTENT_REPLACE))
        return true;
    if ((buffer != BUF_PAYLOAD && buffer != BUF_RAW_PAYLOAD) || p->c->where[t->where].n_xform)
        return bad(p, "look for the bytes in the payload", "replace: only bytes of a packet's payload can be replaced");
    return true;
}

static bool contents_fit(struct parse *p)
{
    for (uint32_t i = 0; i < p->n; i++) {
        struct rule_test *t = &p->t[i];
        if (t->kind != TEST_CONTENT)
            continue;
        p->error_at = t->column ? t->column - 1 : 0;
        if (!transform_fits(p, &p->c->where[t->where], &t->u.content) ||
            !lower_fits(p, t, &t->u.content) || !fast_fits(p, i) || !replace_fits(p, t))
            return false;
    }
    p->error_at = 0;
    return true;
}

/* Bytes that the contents of one place need at least; a chain of relative ones adds up. */
static int64_t bytes_needed(const struct parse *p, uint16_t where, uint8_t instance, int64_t most)
{
    int64_t total = 0, offset = 0;
    bool first = true;
    for (uint32_t i = 0; i < p->n; i++) {
        const struct rule_test *t = &p->t[i];
        if (t->kind != TEST_CONTENT || t->where != where || t->instance != instance)
            continue;
        const struct test_content *c = &t->u.content;
        int64_t distance = c->distance.var < 0 ? c->distance.v : 0;
        int64_t within = c->within.var < 0 ? c->within.v : 0;
        if (!first && !(c->flags & CONTENT_RELATIVE))
            continue;
        if (!first && (c->flags & CONTENT_NEGATED)) {
            if (total + distance + within > most)
                return total + distance + within;
            continue;
        }
        total += c->bytes.n + distance;
        if (c->offset.var < 0 && c->offset.v > offset)
            offset = c->offset.v;
        first = false;
    }
    return total + offset;
}

static bool lengths_fit(struct parse *p)
{
    for (uint32_t i = 0; i < p->n && p->d == DIALECT_SURICATA; i++) {
        const struct rule_test *t = &p->t[i];
        bool dsize = t->kind == TEST_PACKET && t->u.packet.field == PFIELD_DSIZE;
        if (!dsize && t->kind != TEST_BSIZE)
            continue;
        if (t->kind == TEST_BSIZE && t->u.uint.op == NUM_LT && !t->u.uint.a)
            continue; /* urilen:20<>21 loads (urilen_empty) */
        uint64_t most = uint_max(dsize ? &t->u.packet.uint : &t->u.uint);
        if (most > INT32_MAX)
            continue;
        int64_t need = bytes_needed(p, t->where, t->instance, (int64_t)most);
        if (need > (int64_t)most) {
            p->error_at = t->column ? t->column - 1 : 0;
            return bad(p, "allow a longer buffer, or shorten the contents and their distances",
                       "the contents need %lld bytes, the length allows %llu", (long long)need,
                       (unsigned long long)most);
        }
    }
    return true;
}

/* A buffer that is not there holds nothing; or_else means: this, or what is tested beside it. */
static bool absences_fit(struct parse *p)
{
    for (uint32_t i = 0; i < p->n; i++) {
        const struct rule_test *t = &p->t[i];
        if (t->kind != TEST_BUFFER_ABSENT)
            continue;
        bool others = false;
        for (uint32_t k = 0; k < p->n; k++)
            others |= k != i && p->t[k].where == t->where && p->t[k].instance == t->instance;
        if (others == t->u.flag)
            continue;
        p->error_at = t->column ? t->column - 1 : 0;
        return bad(p, others ? "absent:or_else takes both" : "write absent without or_else",
                   others ? "the buffer is absent and tested otherwise"
                          : "nothing else is tested in the buffer of absent:or_else");
    }
    return true;
}

/* ---- the whole */

static bool has_app_buffer(const struct parse *p)
{
    for (uint32_t i = 0; i < p->n; i++)
        if (buffer_at(p, p->t[i].where) >= RULE_BUF_APP)
            return true;
    return false;
}

static bool words_fit(struct parse *p)
{
    struct rule *r = p->r;
    if (!p->seen.sid && p->d != DIALECT_SNORT2)
        return bad(p, "add sid:N;", "the rule has no sid");
    if (p->d != DIALECT_SURICATA && r->gid != 1 && !p->n && !p->seen.protocol)
        return bad(p,
                   "leave it out; decoder, stream and application events have rules of their own "
                   "(decode-event ...)",
                   "it switches on event %u of Snort's generator %u, which has no counterpart here",
                   r->sid, r->gid);
    if (p->d != DIALECT_SURICATA)
        return true;
    if ((p->seen.packet || (r->flags & RULE_PACKET_ONLY)) && has_app_buffer(p))
        return bad(p, "leave one of the two out",
                   "tests of one packet (dsize, flags, ttl, tcp-pkt, no_stream ...) can't stand with "
                   "buffers of a protocol");
    if ((p->seen.packet || (r->flags & RULE_PACKET_ONLY)) && (r->flags & RULE_STREAM_ONLY))
        return bad(p, "leave one of the two out",
                   "tests of one packet can't stand with tcp-stream or flow:only_stream");
    return true;
}

/* Transports that a test needs: elsewhere it could never hold (Snort: "... on non-TCP rule"). */
static uint8_t transports_of(const struct rule_test *t, const char **name)
{
    static const uint8_t fields[PFIELD_COUNT] = {[PFIELD_SEQ] = RULE_TCP,
                                                 [PFIELD_ACK] = RULE_TCP,
                                                 [PFIELD_WINDOW] = RULE_TCP,
                                                 [PFIELD_MSS] = RULE_TCP,
                                                 [PFIELD_WSCALE] = RULE_TCP,
                                                 [PFIELD_TCP_HLEN] = RULE_TCP,
                                                 [PFIELD_VXLAN_VNI] = RULE_UDP,
                                                 [PFIELD_ICMP6_MTU] = RULE_ICMP6,
                                                 [PFIELD_ITYPE] = RULE_ICMP4 | RULE_ICMP6,
                                                 [PFIELD_ICODE] = RULE_ICMP4 | RULE_ICMP6,
                                                 [PFIELD_ICMP_ID] = RULE_ICMP4 | RULE_ICMP6,
                                                 [PFIELD_ICMP_SEQ] = RULE_ICMP4 | RULE_ICMP6};
    uint8_t need = t->kind == TEST_TCP_FLAGS || t->kind == TEST_STREAM_SIZE ? RULE_TCP
                   : t->kind == TEST_PACKET ? fields[t->u.packet.field]
                                            : 0;
    *name = need == RULE_TCP     ? "TCP"
            : need == RULE_UDP   ? "UDP"
            : need == RULE_ICMP6 ? "ICMPv6"
                                 : "ICMP";
    return need;
}

static bool transports_fit(struct parse *p)
{
    for (uint32_t i = 0; i < p->n; i++) {
        const char *name;
        uint8_t need = transports_of(&p->t[i], &name);
        if (!need || (p->r->transports & need))
            continue;
        p->error_at = p->t[i].column ? p->t[i].column - 1 : 0;
        return bad(
            p, "write the protocol in the header that the option is about, or leave the option out",
            "it tests a field of %s, which the header's protocol never carries", name);
    }
    return true;
}

/* Snort: what activates and is activated names the other. */
static bool activation_fits(struct parse *p)
{
    const struct rule *r = p->r;
    if (r->action == ACTION_ACTIVATE && !r->activates)
        return bad(p, "add activates:N; and a dynamic rule with activated_by:N;",
                   "an activate rule activates nothing");
    if (r->action == ACTION_DYNAMIC && !r->activated_by)
        return bad(p, "add activated_by:N; as in the activate rule's activates:N;",
                   "a dynamic rule that nothing activates");
    if (r->action == ACTION_DYNAMIC && !r->count)
        return bad(p, "add count:N;, the packets that it logs", "a dynamic rule that logs no packet");
    return true;
}

static bool direction_set(struct parse *p)
{
    struct rule *r = p->r;
    uint32_t flow = r->flags & RULE_TO_SERVER ? 1u : r->flags & RULE_TO_CLIENT ? 2u : 3u;
    if (r->flags & RULE_TX_WHOLE)
        return true;
    uint32_t dirs = p->header_dirs & (p->d == DIALECT_SNORT3 ? snort3_directions(p, flow) : flow);
    if (!dirs && p->d == DIALECT_SURICATA)
        return bad(p,
                   p->header_dirs ? "write flow:to_server for requests, flow:to_client for answers"
                                  : "make two rules of it and join them with flowbits",
                   p->header_dirs ? "flow names one direction, a buffer exists in the other"
                                  : "the buffers belong to different directions");
    if (dirs == 1 || !dirs)
        r->flags |= RULE_TO_SERVER;
    if (dirs == 2 || !dirs)
        r->flags |= RULE_TO_CLIENT;
    return true;
}

static bool protocol_set(struct parse *p)
{
    struct rule *r = p->r;
    r->app = p->app;
    const struct app_proto_def *def = p->app ? app_def((enum app_proto_id)p->app) : NULL;
    unsigned t = def ? (def->tcp ? RULE_TCP : 0u) | (def->udp ? RULE_UDP : 0u) : 0;
    if (t)
        r->transports &= (uint8_t)t;
    return r->transports || bad(p, "write the application protocol in the header",
                                "%s never runs over the header's protocol", app_name(p->app));
}

static void priority_set(struct parse *p)
{
    const struct classes *k = p->c->classes;
    if (p->seen.priority)
        return;
    uint16_t id = p->r->class_id;
    p->r->priority = id && id <= k->n ? k->rows[id - 1].priority : 3;
}

bool rule_finish(struct parse *p)
{
    if (!snort3_params(p) || !words_fit(p) || !contents_fit(p) || !lengths_fit(p) || !absences_fit(p) || !direction_set(p) ||
        !protocol_set(p) || !transports_fit(p) || !activation_fits(p))
        return false;
    if (!blacklist_fits(p))
        return false;
    priority_set(p);
    if ((p->r->flags & RULE_TX_WHOLE) && !p->r->app)
        return bad(p, "name a protocol with transactions (http, tls ...), or write ->",
                   "=> goes over request and response of a transaction: the rule has none");
    rule_type_set(p);
    fast_choose(p);
    return true;
}
