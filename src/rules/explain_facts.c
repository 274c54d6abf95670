/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Of a rule in words: what brings it up, its action and answers, thresholds, metadata. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include "rules/explain.h"

#include "base/sbuf.h"

#include <pcre2.h>
#include <string.h>

enum explain_step explain_step_of(const struct rule_test *t)
{
    if (t->kind <= TEST_BUFFER_ABSENT || t->kind == TEST_DATASET || t->kind == TEST_ENTROPY ||
        t->kind == TEST_KEY_BUFFER)
        return STEP_BUFFER;
    bool sets =
        t->kind == TEST_BITS && t->u.bits.cmd != BITS_ISSET && t->u.bits.cmd != BITS_ISNOTSET;
    bool counts = t->kind == TEST_FLOWINT &&
                  (t->u.flowint.op == '=' || t->u.flowint.op == '+' || t->u.flowint.op == '-');
    bool post = t->kind == TEST_TAG || t->kind == TEST_BLACKLIST || t->kind == TEST_THRESHOLD ||
                t->kind == TEST_DETECTION_FILTER || t->kind == TEST_FILESTORE;
    return sets || counts || post ? STEP_MATCH : STEP_PACKET;
}

const char *explain_step_name(enum explain_step step)
{
    static const char *const names[STEPS] = {"first, of the packet and its flow",
                                             "then, in the buffers", "when all of it holds"};
    return names[step];
}

void explain_regex(struct sbuf *out, const struct test_pcre *t)
{
    static const struct {
        uint32_t option;
        const char *word;
    } words[] = {{PCRE2_CASELESS, ", case ignored"},      {PCRE2_DOTALL, ", . takes line ends"},
                 {PCRE2_MULTILINE, ", ^ and $ at lines"}, {PCRE2_EXTENDED, ", blanks ignored"},
                 {PCRE2_ANCHORED, ", at the start"},      {PCRE2_UNGREEDY, ", shortest first"}};
    for (unsigned i = 0; i < ARRAY_LEN(words); i++)
        if (t->options & words[i].option)
            sbuf_cstr(out, words[i].word);
    if (t->flags & REGEX_RELATIVE)
        sbuf_cstr(out, " behind the last match");
}

void explain_tag(struct sbuf *out, const struct test_tag *t)
{
    const struct {
        uint32_t n;
        const char *unit;
    } limit[] = {{t->packets, "packets"}, {t->seconds, "seconds"}, {t->bytes, "bytes"}};
    const char *before = "then log ";
    for (unsigned i = 0; i < ARRAY_LEN(limit); i++)
        if (limit[i].n) {
            sbuf_printf(out, "%s%u more %s", before, limit[i].n, limit[i].unit);
            before = " or ";
        }
    sbuf_printf(out, " of the %s",
                !t->host ? "connection"
                : t->dst ? "destination"
                         : "source");
    if (t->capped)
        sbuf_cstr(out, ", at most as many packets as detect.tag.packet-limit says");
}

void explain_blacklist(struct sbuf *out, const struct test_blacklist *t)
{
    static const char *const whom[BLOCK_KIND_COUNT] = {"the source", "the destination", "the source's port",
                                                       "the source, towards this destination,", "the source's network"};
    if (t->after)
        sbuf_printf(out, "after %u within %u s ", t->after, t->within);
    sbuf_printf(out, "%s", whom[t->kind]);
    if (t->kind == BLOCK_NET)
        sbuf_printf(out, " (/%u, IPv6 /%u)", t->prefix, t->prefix6);
    sbuf_cstr(out, " is blocked for ");
    if (t->seconds)
        sbuf_printf(out, "%u s", t->seconds);
    else
        sbuf_cstr(out, "as long as blacklist.time says");
    if (t->sensor)
        sbuf_cstr(out, ", in the whole sensor");
}

void explain_threshold(struct sbuf *out, const struct rule_threshold *t)
{
    static const char *const types[] = {
        "limit", "threshold", "both", "backoff", "detection filter", "rate filter", "suppress"};
    static const char *const tracks[] = {"source",    "destination", "rule",
                                         "both ends", "flow",        "either end"};
    sbuf_printf(out, "%s", types[t->type]);
    if (t->type == THRESH_SUPPRESS && t->addr < 0)
        return;
    if (t->type == THRESH_SUPPRESS)
        sbuf_printf(out, " by %s", tracks[t->track]);
    else if (t->type == THRESH_BACKOFF)
        sbuf_printf(out, ": at %u, then each %u times as many, for each %s", t->count,
                    t->multiplier, tracks[t->track]);
    else
        sbuf_printf(out, ": %u in %u s for each %s", t->count, t->seconds, tracks[t->track]);
    if (t->type == THRESH_RATE)
        sbuf_printf(out, ", then %s for %u s", rule_action_name(t->new_action), t->timeout_s);
}

void rule_response_words(uint8_t bits, struct sbuf *out)
{
    static const struct {
        uint8_t bits;
        const char *word;
    } t[] = {{RESP_RST_BOTH, "reset_both (rst_all): a reset to both ends"},
             {RESP_RST_SRC, "reset_source (rst_snd): a reset to the source"},
             {RESP_RST_DST, "reset_dest (rst_rcv): a reset to the destination"},
             {RESP_ICMP_ALL, "icmp_all: network, host and port unreachable to the source"},
             {RESP_ICMP_NET, "icmp_net: network unreachable to the source"},
             {RESP_ICMP_HOST, "icmp_host: host unreachable to the source"},
             {RESP_ICMP_PORT, "icmp_port: port unreachable to the source"},
             {RESP_ICMP_ADMIN, "icmp_admin: prohibited, to the source"},
             {RESP_REACT, "react: a page, then the end of the connection"}};
    bool any = false;
    for (unsigned i = 0; i < ARRAY_LEN(t); i++)
        if ((bits & t[i].bits) == t[i].bits) {
            sbuf_printf(out, "%s%s", any ? "; " : "", t[i].word);
            bits &= (uint8_t)~t[i].bits;
            any = true;
        }
    if (!any)
        sbuf_cstr(out, "none");
}

static const char *action_words(unsigned action)
{
    static const char *const words[ACTION_COUNT] = {
        [ACTION_ALERT] = "an event; the packet goes on",
        [ACTION_PASS] = "nothing more is asked: no other rule speaks",
        [ACTION_LOG] = "the packet is written, without an alert",
        [ACTION_DROP] = "in the wire the packet is dropped, with an event",
        [ACTION_SDROP] = "in the wire the packet is dropped, without an event",
        [ACTION_BLOCK] = "in the wire the packet and the rest of its flow are dropped",
        [ACTION_REJECT] = "in the wire dropped; a reset or an ICMP error to the source",
        [ACTION_REJECTSRC] = "in the wire dropped; a reset or an ICMP error to the source",
        [ACTION_REJECTDST] = "in the wire dropped; a reset or an ICMP error to the destination",
        [ACTION_REJECTBOTH] = "in the wire dropped; a reset or an ICMP error to both ends",
        [ACTION_RESET] = "in the wire dropped; a reset to both ends",
        [ACTION_REACT] = "in the wire dropped; a page, then the end of the connection",
        [ACTION_BLACKLIST] = "an event; what the blacklist then names is dropped for a time",
        [ACTION_REPLACE] = "in the wire bytes are replaced",
        [ACTION_ACTIVATE] = "an event, and dynamic rules of its number begin to log",
        [ACTION_DYNAMIC] = "logs when an activate rule of its number has fired"};
    return action < ACTION_COUNT && words[action] ? words[action] : "as its engine says";
}

static void transports_put(const struct rule *r, struct sbuf *out)
{
    static const struct {
        uint8_t bit;
        const char *word;
    } t[] = {{RULE_TCP, "tcp"},
             {RULE_UDP, "udp"},
             {RULE_ICMP4, "icmp"},
             {RULE_ICMP6, "icmpv6"},
             {RULE_SCTP, "sctp"},
             {RULE_IP_OTHER, "ip"},
             {RULE_NO_IP, "frames without IP"}};
    bool any = false;
    for (unsigned i = 0; i < ARRAY_LEN(t); i++)
        if (r->transports & t[i].bit) {
            sbuf_printf(out, "%s%s", any ? ", " : "", t[i].word);
            any = true;
        }
}

static bool event_rule(const struct rule *r)
{
    for (unsigned i = 0; i < r->n_tests; i++)
        if (r->tests[i].kind == TEST_DECODE_EVENT || r->tests[i].kind == TEST_STREAM_EVENT ||
            r->tests[i].kind == TEST_APP_EVENT)
            return true;
    return false;
}

/* By what the engine comes upon the rule: a literal of one buffer's database, or a list. */
static void group_put(const struct rule_set *s, const struct rule *r, struct sbuf *out)
{
    if (r->fast < 0) {
        static const char *const lists[] = {
            [TYPE_IP_ONLY] = "the first packet of a flow in each direction, by its addresses",
            [TYPE_LIKE_IP_ONLY] = "each packet, by its addresses",
            [TYPE_PD_ONLY] = "each flow whose protocol is known",
            [TYPE_DE_ONLY] = "each packet with one of its events",
            [TYPE_PKT] = "each packet it may concern",
            [TYPE_PKT_STREAM] = "each packet and piece of stream it may concern",
            [TYPE_STREAM] = "each piece of stream it may concern",
            [TYPE_APP_LAYER] = "each packet of flows of its protocol",
            [TYPE_APP_TX] = "each transaction of its protocol"};
        sbuf_printf(out, "prefilter: no literal; tried on %s",
                    event_rule(r)                ? "what has one of its events"
                    : r->type < ARRAY_LEN(lists) ? lists[r->type]
                                                 : "all");
    } else {
        const struct rule_test *t = &r->tests[r->fast];
        const struct test_content *c = &t->u.content;
        struct str piece = c->bytes;
        if (c->fast_len && c->fast_offset + c->fast_len <= piece.n)
            piece = (struct str){piece.p + c->fast_offset, c->fast_len};
        const char *buffer = rule_buffer_name(s->where[t->where].buffer);
        sbuf_cstr(out, "prefilter: ");
        explain_bytes(out, piece);
        sbuf_printf(out, "%s, in the group of %s",
                    c->flags & CONTENT_NOCASE ? ", case ignored" : "", buffer ? buffer : "?");
    }
    sbuf_cstr(out, "; ");
    transports_put(r, out);
    bool server = r->flags & RULE_TO_SERVER, client = r->flags & RULE_TO_CLIENT;
    sbuf_printf(out, ", %s\n",
                server == client ? "both directions"
                : server         ? "to server"
                                 : "to client");
}

static bool concerns(const struct rule_threshold *t, const struct rule *r)
{
    return (!t->gid || t->gid == r->gid) && (!t->sid || t->sid == r->sid);
}

static void thresholds_put(const struct rule_set *s, const struct rule *r, struct sbuf *out)
{
    bool any = r->threshold || r->detection_filter;
    for (uint32_t i = 0; i < s->n_file_thresholds; i++) {
        const struct rule_threshold *t = &s->file_thresholds[i];
        if (!concerns(t, r))
            continue;
        any = true;
        sbuf_cstr(out, "by the threshold file: ");
        if (t->type != THRESH_SUPPRESS && !t->count)
            sbuf_cstr(out, "its thresholds are off");
        else
            explain_threshold(out, t);
        if (t->addr >= 0)
            sbuf_printf(out, ", of " STR_FMT, STR_ARG(s->addr[t->addr]));
        sbuf_byte(out, '\n');
    }
    if (any)
        sbuf_printf(out, "while it keeps silent: %s\n",
                    r->dialect == DIALECT_SURICATA ? "the action holds and answers are sent (as in "
                                                     "Suricata), except for detection_filter"
                                                   : "no event and no answer (as in Snort)");
}

static void metadata_put(const struct rule *r, struct sbuf *out)
{
    for (unsigned i = 0; i < r->n_references; i++)
        sbuf_printf(out, "reference " STR_FMT "\n", STR_ARG(r->references[i]));
    for (unsigned i = 0; i < r->n_metadata; i++)
        sbuf_printf(out, "%s" STR_FMT " " STR_FMT "%s", i ? ", " : "metadata ",
                    STR_ARG(rule_meta_key(&r->metadata[i])), STR_ARG(rule_meta_value(&r->metadata[i])),
                    i + 1u == r->n_metadata ? "\n" : "");
    if (r->target)
        sbuf_printf(out, "target: the %s\n", r->target == TARGET_SRC ? "source" : "destination");
}

void explain_facts(const struct rule_set *s, const struct rule *r, struct sbuf *out)
{
    group_put(s, r, out);
    sbuf_printf(out, "action %s: %s%s\n", rule_action_name(r->action), action_words(r->action),
                r->flags & RULE_NOALERT ? "; no alert is written" : "");
    if (r->ruletype)
        sbuf_printf(out, "of ruletype number %u: its own outputs take the place of the others of their kind\n", r->ruletype);
    if (r->activates)
        sbuf_printf(out, "activates dynamic rules of number %u\n", r->activates);
    if (r->activated_by)
        sbuf_printf(out, "activated by number %u, for %u packets\n", r->activated_by, r->count);
    if (r->response) {
        sbuf_cstr(out, "answers: ");
        rule_response_words(r->response, out);
        sbuf_byte(out, '\n');
    }
    thresholds_put(s, r, out);
    metadata_put(r, out);
}
