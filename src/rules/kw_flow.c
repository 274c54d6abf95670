/* SPDX-License-Identifier: GPL-2.0-or-later */
/* flow, and state that rules leave for one another: flowbits, xbits, hostbits, flowint. */
#include "rules/kw.h"

#include <string.h>

bool kw_flow(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    static const struct {
        const char *word;
        uint32_t flag, conflict;
    } t[] = {{"to_server", RULE_TO_SERVER, RULE_TO_CLIENT},
             {"from_client", RULE_TO_SERVER, RULE_TO_CLIENT},
             {"to_client", RULE_TO_CLIENT, RULE_TO_SERVER},
             {"from_server", RULE_TO_CLIENT, RULE_TO_SERVER},
             {"established", RULE_ESTABLISHED, RULE_NOT_ESTABLISHED | RULE_STATELESS},
             {"not_established", RULE_NOT_ESTABLISHED, RULE_ESTABLISHED | RULE_STATELESS},
             {"stateless", RULE_STATELESS, RULE_ESTABLISHED | RULE_NOT_ESTABLISHED},
             {"only_stream", RULE_STREAM_ONLY | RULE_NEVER_ALONE, RULE_NO_STREAM},
             {"no_stream", RULE_NO_STREAM, RULE_STREAM_ONLY},
             {"only_frag", RULE_ONLY_FRAG, RULE_NO_FRAG},
             {"no_frag", RULE_NO_FRAG, RULE_ONLY_FRAG}};
    if (p->seen.flow)
        return bad(p, NULL, "flow stands twice in the rule");
    p->seen.flow = true;
    uint32_t seen = 0;
    if (!v.n)
        return bad(p, NULL, "flow names nothing");
    while (v.n) {
        struct str w = list_next(&v, ',');
        unsigned i = 0;
        while (i < ARRAY_LEN(t) && !str_ieq(w, str_cstr(t[i].word)))
            i++;
        if (i == ARRAY_LEN(t))
            return bad(
                p, "to_server, to_client, established, not_established, stateless, only_stream ...",
                "unknown word '" STR_FMT "' of flow", STR_ARG(w));
        if ((seen & t[i].conflict) || ((seen & t[i].flag) && p->d == DIALECT_SURICATA))
            return bad(p, "one direction and one state: leave one of the two words out",
                       "'" STR_FMT "' does not go with the words before it", STR_ARG(w));
        seen |= t[i].flag;
    }
    p->r->flags |= seen;
    if (p->d == DIALECT_SURICATA || seen != RULE_STATELESS)
        p->r->flags |= RULE_NEEDS_FLOW;
    if (seen & RULE_NO_STREAM)
        p->r->flags |= RULE_PACKET_ONLY;
    return true;
}

static int command_find(struct str w)
{
    static const char *const words[] = {"set",      "unset", "toggle", "isset",
                                        "isnotset", "reset", "setx",   "noalert"};
    static const uint8_t cmds[] = {BITS_SET,      BITS_UNSET, BITS_TOGGLE, BITS_ISSET,
                                   BITS_ISNOTSET, BITS_RESET, BITS_SETX,   BITS_NOALERT};
    for (unsigned i = 0; i < ARRAY_LEN(words); i++)
        if (str_ieq(w, str_cstr(words[i])))
            return cmds[i];
    return -1;
}

static bool command_parse(struct parse *p, struct str w, uint8_t *cmd)
{
    int c = command_find(w);
    bool snort = p->d != DIALECT_SURICATA;
    if (c < 0 || (!snort && (c == BITS_RESET || c == BITS_SETX)))
        return bad(p, "set, unset, toggle, isset, isnotset, noalert",
                   "unknown command '" STR_FMT "'", STR_ARG(w));
    *cmd = (uint8_t)c;
    return true;
}

static bool name_fits(struct str s)
{
    for (uint32_t i = 0; i < s.n; i++)
        if (s.p[i] == ' ' || s.p[i] == '\t' || s.p[i] == ',' || s.p[i] == ':')
            return false;
    return s.n > 0 && s.n < 200;
}

/* name, a&b, a|b */
static bool bit_names(struct parse *p, struct str s, struct test_bits *b)
{
    uint8_t sep = str_chr(s, '&') >= 0 ? '&' : '|';
    b->all = sep == '&';
    if (p->d == DIALECT_SURICATA && sep == '&')
        return bad(p, "write one flowbits for each name", "names can't be joined with &");
    if (p->d == DIALECT_SURICATA && str_chr(s, '|') >= 0 && b->cmd != BITS_ISSET &&
        b->cmd != BITS_ISNOTSET)
        return bad(p, NULL, "only isset and isnotset take several names");
    while (s.n) {
        struct str name = list_next(&s, sep);
        if (!name_fits(name))
            return bad(p, NULL, "'" STR_FMT "' is no name", STR_ARG(name));
        if (b->n == ARRAY_LEN(b->id))
            return bad(p, NULL, "more than %zu names", ARRAY_LEN(b->id));
        int32_t id = name_id(p, name);
        if (id < 0)
            return false;
        b->id[b->n++] = (uint16_t)id;
    }
    return true;
}

static bool bits_test(struct parse *p, const struct test_bits *b)
{
    if (b->cmd == BITS_NOALERT) {
        p->r->flags |= RULE_NOALERT;
        return true;
    }
    struct rule_test *t = test_add_at(p, TEST_BITS, 0, 0);
    if (!t)
        return false;
    t->u.bits = *b;
    if (b->scope == BITS_FLOW || b->scope == BITS_TX)
        p->r->flags |= RULE_NEEDS_FLOW;
    return true;
}

/* command[,names[,group]] */
bool kw_flowbits(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    struct test_bits b = {.scope = BITS_FLOW};
    struct str cmd = list_next(&v, ','), names = list_next(&v, ','), group = list_next(&v, ',');
    if (!command_parse(p, cmd, &b.cmd))
        return false;
    if (b.cmd == BITS_NOALERT)
        return !names.n ? bits_test(p, &b) : bad(p, NULL, "noalert takes no name");
    if (v.n || (group.n && p->d == DIALECT_SURICATA))
        return bad(p, NULL, "too many parts");
    bool by_group = str_eq(names, STR("any")) || str_eq(names, STR("all"));
    if (b.cmd == BITS_RESET && !group.n) {
        group = names;
        names = (struct str){0};
    } else if (by_group && group.n) {
        b.all = str_eq(names, STR("all"));
    } else if (!names.n) {
        return bad(p, NULL, "the name is missing");
    } else if (!bit_names(p, names, &b)) {
        return false;
    }
    if (group.n) {
        int32_t id = name_id(p, group);
        if (id < 0)
            return false;
        b.group = (uint16_t)(id + 1);
    }
    return bits_test(p, &b);
}

/* xbits: command,name,track WHOM[,expire N]; hostbits (extra 1): command,name[,src|dst|both] */
bool kw_xbits(struct parse *p, const struct keyword *k, struct str v)
{
    bool host = k->extra == 1;
    struct test_bits b = {.scope = BITS_HOST_SRC, .expire_s = host ? 300 : 30};
    struct str cmd = list_next(&v, ','), names = list_next(&v, ',');
    if (!command_parse(p, cmd, &b.cmd))
        return false;
    if (b.cmd == BITS_NOALERT)
        return !names.n ? bits_test(p, &b) : bad(p, NULL, "noalert takes no name");
    if (!name_fits(names))
        return bad(p, NULL, "'" STR_FMT "' is no name", STR_ARG(names));
    bool tracked = host;
    while (v.n) {
        struct str part = list_next(&v, ','), word = word_next(&part);
        part = str_trim(part);
        uint64_t n;
        if (host && str_eq(word, STR("src")))
            b.scope = BITS_HOST_SRC;
        else if (host && str_eq(word, STR("dst")))
            b.scope = BITS_HOST_DST;
        else if (host && str_eq(word, STR("both")))
            b.scope = BITS_HOST_BOTH;
        else if (!host && str_eq(word, STR("track"))) {
            tracked = true;
            if (str_eq(part, STR("ip_src")))
                b.scope = BITS_HOST_SRC;
            else if (str_eq(part, STR("ip_dst")))
                b.scope = BITS_HOST_DST;
            else if (str_eq(part, STR("ip_pair")))
                b.scope = BITS_PAIR;
            else if (str_eq(part, STR("tx")))
                b.scope = BITS_TX;
            else
                return bad(p, "ip_src, ip_dst, ip_pair, tx", "unknown side '" STR_FMT "'",
                           STR_ARG(part));
        } else if (!host && str_eq(word, STR("expire")) && str_u64(part, &n) && n > 0 &&
                   n <= UINT32_MAX) {
            b.expire_s = (uint32_t)n;
        } else {
            return bad(p, NULL, "'" STR_FMT "' is not understood", STR_ARG(word));
        }
    }
    if (!tracked)
        return bad(p, "track ip_src, ip_dst, ip_pair or tx", "the side to track is missing");
    return bit_names(p, names, &b) && bits_test(p, &b);
}

/* name,OP,value|name; name,isset */
bool kw_flowint(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    static const struct {
        const char *word;
        char op;
    } t[] = {{"=", '='},  {"+", '+'},     {"-", '-'},        {"<", '<'},
             {">", '>'},  {"<=", 'l'},    {">=", 'g'},       {"==", 'e'},
             {"!=", 'n'}, {"isset", 's'}, {"isnotset", 'u'}, {"notset", 'u'}};
    struct str name = list_next(&v, ','), op = list_next(&v, ','), value = list_next(&v, ',');
    struct test_flowint f = {0};
    unsigned i = 0;
    while (i < ARRAY_LEN(t) && !str_eq(op, str_cstr(t[i].word)))
        i++;
    if (!name_fits(name) || i == ARRAY_LEN(t) || v.n)
        return bad(p, "flowint:NAME,+,1  = + - < > <= >= == != isset isnotset",
                   "flowint is not understood");
    f.op = (uint8_t)t[i].op;
    bool alone = f.op == 's' || f.op == 'u';
    if (alone == (value.n > 0))
        return bad(p, NULL, alone ? STR_FMT " takes no value" : STR_FMT " needs a value",
                   STR_ARG(op));
    int32_t id = name_id(p, name);
    if (id < 0)
        return false;
    f.id = (uint16_t)id;
    if (!alone && !str_i64(value, &f.value)) {
        int32_t other = name_fits(value) ? name_id(p, value) : -1;
        if (other < 0)
            return p->failed ? false : bad(p, NULL, "'" STR_FMT "' is no value", STR_ARG(value));
        f.value_is_var = true;
        f.value_id = (uint16_t)other;
    }
    if (!f.value_is_var && (f.value < 0 || f.value > UINT32_MAX))
        return bad(p, NULL, "the value is not from 0 to 4294967295");
    struct rule_test *test = test_add_at(p, TEST_FLOWINT, 0, 0);
    if (!test)
        return false;
    test->u.flowint = f;
    p->r->flags |= RULE_NEEDS_FLOW;
    return true;
}

/* config: logging disable, type tx, scope tx; -- Suricata knows these three words and no others. */
bool kw_config(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    static const struct {
        const char *key, *values[2];
    } parts[] = {{"logging", {"disable", NULL}}, {"type", {"tx", NULL}}, {"scope", {"tx", "flow"}}};
    if (p->r->action != ACTION_CONFIG)
        return bad(p, "write config dns any any -> any any (...)", "config stands in rules of the action config alone");
    for (unsigned i = 0; i < ARRAY_LEN(parts); i++) {
        struct str word = list_next(&v, ','), key = str_split(word, ' ', &word);
        word = str_trim(word);
        bool one = str_eq(word, str_cstr(parts[i].values[0])), two = parts[i].values[1] && str_eq(word, str_cstr(parts[i].values[1]));
        if (!str_eq(key, str_cstr(parts[i].key)) || !(one || two))
            return bad(p, "logging disable, type tx, scope tx", "the word %s is missing, not in its place, or has a value that is not known", parts[i].key);
        if (two)
            return bad(p, "use scope tx", "config with scope flow is not built");
    }
    if (v.n)
        return bad(p, NULL, "too many words");
    p->r->flags |= RULE_UNLOGGED | RULE_NEEDS_FLOW;
    return true;
}

bool kw_bypass(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    (void)v;
    p->r->flags |= RULE_BYPASS | RULE_NEEDS_FLOW;
    return true;
}

bool kw_noalert(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    (void)v;
    p->r->flags |= RULE_NOALERT;
    return true;
}

bool kw_alert(struct parse *p, const struct keyword *k, struct str v)
{
    (void)k;
    (void)v;
    p->r->secondary |= SECOND_ALERT;
    return true;
}
