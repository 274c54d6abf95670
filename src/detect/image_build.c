/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the intermediate form to the image: rules in order of evaluation, their tests split into what
 * looks at no buffer (tested first), blocks of one buffer each, and what is done after a match.
 */
#include "detect/image_build.h"

#include "base/hash.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

uint32_t build_put(struct builder *b, enum image_section s, const void *p, size_t size, size_t n)
{
    uint32_t at = (uint32_t)(b->sec[s].n / size);
    sbuf_put(&b->sec[s], p, size * n);
    return at;
}

uint32_t build_count(const struct builder *b, enum image_section s, size_t size)
{
    return (uint32_t)(b->sec[s].n / size);
}

/* Messages, references and metadata repeat thousands of times: an open hash over what SEC_DATA holds. */
static bool text_grow(struct builder *b)
{
    uint32_t slots = b->text_slots ? b->text_slots * 2 : 1u << 16;
    struct sbuf t;
    sbuf_init(&t);
    if (!sbuf_room(&t, slots * sizeof(struct img_text)))
        return false;
    memset(t.p, 0, slots * sizeof(struct img_text));
    struct img_text *to = (void *)t.p;
    const struct img_text *from = (void *)b->text_table.p;
    for (uint32_t k = 0; k < b->text_slots; k++) {
        if (!from[k].n)
            continue;
        uint64_t h = hash_bytes(b->sec[SEC_DATA].p + from[k].at, from[k].n, 0);
        while (to[h & (slots - 1)].n)
            h++;
        to[h & (slots - 1)] = from[k];
    }
    sbuf_done(&b->text_table);
    b->text_table = t;
    b->text_slots = slots;
    return true;
}

struct img_text build_text(struct builder *b, struct str s)
{
    if (!s.n)
        return (struct img_text){0, 0};
    if (b->text_used * 2 >= b->text_slots && !text_grow(b)) {
        b->failed = true;
        return (struct img_text){0, 0};
    }
    struct img_text *slot = (void *)b->text_table.p;
    uint64_t h = hash_bytes(s.p, s.n, 0);
    for (;; h++) {
        struct img_text *t = &slot[h & (b->text_slots - 1)];
        if (!t->n) {
            *t = (struct img_text){(uint32_t)b->sec[SEC_DATA].n, s.n};
            sbuf_put(&b->sec[SEC_DATA], s.p, s.n);
            b->text_used++;
            return *t;
        }
        if (t->n == s.n && !memcmp(b->sec[SEC_DATA].p + t->at, s.p, s.n))
            return *t;
    }
}

/* ------------------------------------------------------------------ order of evaluation */

/* Suricata's action-order: pass, drop, reject, alert. */
static int action_rank(unsigned action)
{
    switch ((enum rule_action)action) {
    case ACTION_PASS:
    case ACTION_ACCEPT:
        return 0;
    case ACTION_DROP:
    case ACTION_SDROP:
    case ACTION_BLOCK:
    case ACTION_BLACKLIST:
        return 1;
    case ACTION_REJECT:
    case ACTION_REJECTSRC:
    case ACTION_REJECTDST:
    case ACTION_REJECTBOTH:
    case ACTION_RESET:
    case ACTION_REACT:
        return 2;
    case ACTION_ALERT:
    case ACTION_REPLACE:
    case ACTION_ACTIVATE:
    case ACTION_DYNAMIC:
    case ACTION_LOG:
    case ACTION_CONFIG:
    case ACTION_FILE_ID:
    case ACTION_COUNT:
        return 3;
    }
    return 3;
}

/* Setters run before readers: set 0, set and read 1, read 2, none 3; for flowbits, then flowints, then xbits. */
static void state_ranks(const struct rule *r, int rank[3])
{
    bool set[3] = {false}, get[3] = {false};
    for (unsigned k = 0; k < r->n_tests; k++) {
        const struct rule_test *t = &r->tests[k];
        if (t->kind == TEST_BITS) {
            unsigned w = t->u.bits.scope == BITS_FLOW ? 0 : 2;
            bool reads = t->u.bits.cmd == BITS_ISSET || t->u.bits.cmd == BITS_ISNOTSET;
            (reads ? get : set)[w] = true;
        } else if (t->kind == TEST_FLOWINT) {
            char op = (char)t->u.flowint.op;
            (op == '=' || op == '+' || op == '-' ? set : get)[1] = true;
        }
    }
    for (unsigned w = 0; w < 3; w++)
        rank[w] = set[w] ? (get[w] ? 1 : 0) : (get[w] ? 2 : 3);
}

struct sort_key {
    const struct rule *r;
    int rank[3];
};

static int rule_before(const void *x, const void *y)
{
    const struct sort_key *a = x, *b = y;
    int d = action_rank(a->r->action) - action_rank(b->r->action);
    for (unsigned w = 0; w < 3 && !d; w++)
        d = a->rank[w] - b->rank[w];
    if (!d && a->r->priority != b->r->priority)
        d = a->r->priority < b->r->priority ? -1 : 1;
    if (!d)
        d = a->r->index < b->r->index ? -1 : a->r->index > b->r->index;
    return d;
}

static bool order_rules(struct builder *b)
{
    uint32_t n = 0;
    struct sort_key *k = calloc(b->set->n_rules + 1, sizeof(*k));
    b->order = calloc(b->set->n_rules + 1, sizeof(*b->order));
    if (!k || !b->order) {
        free(k);
        return false;
    }
    for (uint32_t i = 0; i < b->set->n_rules; i++) {
        const struct rule *r = b->set->rules[i];
        if (r->flags & RULE_DISABLED)
            continue;
        k[n].r = r;
        state_ranks(r, k[n].rank);
        n++;
    }
    qsort(k, n, sizeof(*k), rule_before);
    for (uint32_t i = 0; i < n; i++)
        b->order[i] = k[i].r;
    b->n_rules = n;
    free(k);
    return true;
}

/* ------------------------------------------------------------------ tests */

static bool is_buffer_test(unsigned kind)
{
    switch (kind) {
    case TEST_CONTENT:
    case TEST_PCRE:
    case TEST_ISDATAAT:
    case TEST_BYTE_TEST:
    case TEST_BYTE_JUMP:
    case TEST_BYTE_EXTRACT:
    case TEST_BYTE_MATH:
    case TEST_BSIZE:
    case TEST_BASE64_DECODE:
    case TEST_BUFFER_UINT:
    case TEST_BUFFER_PRESENT:
    case TEST_BUFFER_ABSENT:
    case TEST_RPC:
    case TEST_ASN1:
    case TEST_FTPBOUNCE:
    case TEST_FILE_HASH:
    case TEST_DATASET:
    case TEST_ENTROPY:
        return true;
    default:
        return false;
    }
}

static bool is_post_test(const struct rule_test *t)
{
    if (t->kind == TEST_TAG || t->kind == TEST_FILESTORE)
        return true;
    if (t->kind == TEST_BITS)
        return t->u.bits.cmd != BITS_ISSET && t->u.bits.cmd != BITS_ISNOTSET;
    if (t->kind == TEST_FLOWINT) {
        char op = (char)t->u.flowint.op;
        return op == '=' || op == '+' || op == '-';
    }
    return false;
}

bool build_is_tx_test(const struct rule_set *s, const struct rule_test *t)
{
    if (t->kind == TEST_APP_EVENT)
        return t->app != 0;
    if (t->kind == TEST_HOOK || t->kind == TEST_APP_STATE)
        return true;
    return is_buffer_test(t->kind) && s->where[t->where].buffer >= RULE_BUF_APP;
}

static int32_t clamp32(int64_t v)
{
    return v > INT32_MAX ? INT32_MAX : v < INT32_MIN ? INT32_MIN : (int32_t)v;
}

static struct img_num num_of(struct rule_num n)
{
    return (struct img_num){.v = clamp32(n.v), .var = n.var};
}

static void put_content(struct builder *b, struct img_test *o, const struct test_content *c)
{
    o->flags = c->flags;
    o->u.content.bytes = build_text(b, (c->flags & CONTENT_NOCASE) && c->folded.n ? c->folded : c->bytes);
    o->u.content.offset = num_of(c->offset);
    o->u.content.depth = num_of(c->depth);
    o->u.content.distance = num_of(c->distance);
    o->u.content.within = num_of(c->within);
}

static void put_pcre(struct builder *b, struct img_test *o, const struct test_pcre *p)
{
    o->flags = p->flags;
    o->u.pcre.pattern = build_text(b, p->pattern);
    o->u.pcre.options = p->options;
    o->u.pcre.index = b->n_pcre++;
    o->u.pcre.n_captures = p->n_captures;
    for (unsigned k = 0; k < p->n_captures && k < 4; k++) {
        o->u.pcre.capture_kind[k] = p->capture[k].kind;
        o->u.pcre.capture_name[k] = p->capture[k].name;
    }
}

static void put_bytes(struct img_test *o, const struct test_bytes *t)
{
    o->flags = t->flags;
    o->u.bytes.n = num_of(t->n);
    o->u.bytes.offset = num_of(t->offset);
    o->u.bytes.value = t->value.v;
    o->u.bytes.value_var = t->value.var;
    o->u.bytes.bitmask = t->bitmask;
    o->u.bytes.multiplier = clamp32(t->multiplier);
    o->u.bytes.post = clamp32(t->post);
    o->u.bytes.post_var = t->post_var.var;
    o->u.bytes.post = clamp32(t->post + t->post_var.v);
    o->u.bytes.result = t->result;
    o->u.bytes.base = t->base;
    o->u.bytes.op = t->op;
}

static void put_bits(struct img_test *o, const struct test_bits *t)
{
    for (unsigned k = 0; k < t->n && k < 8; k++)
        o->u.bits.id[k] = t->id[k];
    o->u.bits.group = t->group;
    o->u.bits.cmd = t->cmd;
    o->u.bits.scope = t->scope;
    o->u.bits.n = t->n;
    o->u.bits.all = t->all;
    o->u.bits.expire_s = t->expire_s;
}

static void put_uint(struct img_test *o, const struct test_uint *u, unsigned field)
{
    o->u.uint.a = u->a;
    o->u.uint.b = u->b;
    o->u.uint.op = u->op;
    o->u.uint.field = (uint16_t)field;
}

/* One test of the intermediate form as an image test. */
static struct img_test test_of(struct builder *b, const struct rule_test *t)
{
    struct img_test o;
    memset(&o, 0, sizeof(o));
    o.kind = t->kind;
    switch (t->kind) {
    case TEST_CONTENT:
        put_content(b, &o, &t->u.content);
        break;
    case TEST_PCRE:
        put_pcre(b, &o, &t->u.pcre);
        break;
    case TEST_ISDATAAT:
    case TEST_BYTE_TEST:
    case TEST_BYTE_JUMP:
    case TEST_BYTE_EXTRACT:
    case TEST_BYTE_MATH:
    case TEST_BASE64_DECODE:
        put_bytes(&o, &t->u.bytes);
        break;
    case TEST_BSIZE:
    case TEST_BUFFER_UINT:
    case TEST_FRAGOFFSET:
    case TEST_IPOPTS:
        put_uint(&o, &t->u.uint, 0);
        break;
    case TEST_PACKET:
        put_uint(&o, &t->u.packet.uint, t->u.packet.field);
        o.u.uint.index = t->u.packet.index;
        break;
    case TEST_TCP_FLAGS:
    case TEST_FRAGBITS:
        o.u.flags.value = t->u.flags.value;
        o.u.flags.mask = t->u.flags.mask;
        o.u.flags.mode = t->u.flags.mode;
        break;
    case TEST_BITS:
        put_bits(&o, &t->u.bits);
        break;
    case TEST_FLOWINT:
        o.u.flowint.value = t->u.flowint.value;
        o.u.flowint.id = t->u.flowint.id;
        o.u.flowint.value_id = t->u.flowint.value_id;
        o.u.flowint.op = t->u.flowint.op;
        o.u.flowint.value_is_var = t->u.flowint.value_is_var;
        break;
    case TEST_STREAM_SIZE:
        o.u.size.size = t->u.size.size;
        o.u.size.who = t->u.size.who;
        o.u.size.op = t->u.size.op;
        break;
    case TEST_DECODE_EVENT:
    case TEST_STREAM_EVENT:
    case TEST_APP_EVENT:
        o.u.ref.id = t->u.event.id;
        o.u.ref.app = t->app;
        break;
    case TEST_APP_PROTOCOL:
        o.u.ref.id = t->u.app_proto.id;
        o.u.ref.negated = t->u.app_proto.negated;
        o.u.ref.mode = t->u.app_proto.mode;
        break;
    case TEST_HOOK:
    case TEST_APP_STATE:
        o.u.ref.app = t->app;
        o.u.ref.dir = t->u.hook.dir;
        o.u.ref.progress = t->u.hook.progress;
        break;
    case TEST_RPC:
        o.u.rpc.program = t->u.rpc.program;
        o.u.rpc.version = t->u.rpc.version;
        o.u.rpc.procedure = t->u.rpc.procedure;
        break;
    case TEST_ASN1:
        o.u.asn1.oversize_length = t->u.asn1.oversize_length;
        o.u.asn1.absolute_offset = t->u.asn1.absolute_offset;
        o.u.asn1.relative_offset = t->u.asn1.relative_offset;
        o.u.asn1.bitstring_overflow = t->u.asn1.bitstring_overflow;
        o.u.asn1.double_overflow = t->u.asn1.double_overflow;
        o.u.asn1.oversize = t->u.asn1.oversize;
        o.u.asn1.relative = t->u.asn1.relative;
        break;
    case TEST_CSUM:
        o.u.csum.which = t->u.csum.which;
        o.u.csum.ver = t->u.csum.ver;
        o.u.csum.valid = t->u.csum.valid;
        break;
    case TEST_TAG:
        o.u.tag = t->u.tag;
        break;
    case TEST_BUFFER_ABSENT:
        o.flags = t->u.flag;
        break;
    default: /* kinds without an argument */
        break;
    }
    return o;
}

/* Is a later failure worth another try of the match before it?  Only if what follows starts from it. */
static bool starts_from_cursor(const struct img_test *t)
{
    switch (t->kind) {
    case TEST_CONTENT:
        return t->flags & CONTENT_RELATIVE;
    case TEST_PCRE:
        return t->flags & REGEX_RELATIVE;
    case TEST_ISDATAAT:
    case TEST_BYTE_TEST:
    case TEST_BYTE_JUMP:
    case TEST_BYTE_EXTRACT:
    case TEST_BYTE_MATH:
    case TEST_BASE64_DECODE:
        return t->flags & BYTE_RELATIVE;
    case TEST_ASN1:
        return t->u.asn1.relative;
    default:
        return false;
    }
}

static void mark_relative(struct img_test *t, unsigned n)
{
    for (unsigned k = 0; k + 1 < n; k++)
        t[k].next_relative = starts_from_cursor(&t[k + 1]);
}

enum { BLOCK_TESTS = 256 };

/* The tests of one where and instance, in order; base64 results are tests behind their decode. */
static void put_block(struct builder *b, const struct rule *r, bool *taken,
                      unsigned first)
{
    const struct rule_test *lead = &r->tests[first];
    const struct rule_where *w = &b->set->where[lead->where];
    struct img_test t[BLOCK_TESTS];
    unsigned n = 0;
    struct img_block k = {.where = lead->where, .buffer = w->buffer, .tx_dir = lead->tx_dir, .dirs = 3};
    if (w->buffer >= RULE_BUF_APP) {
        const struct app_buffer *a = app_buffer_any(w->buffer - RULE_BUF_APP, NULL);
        k.kind = a && (a->kind == APP_BUF_UINT || a->kind == APP_BUF_MULTI_UINT) ? BLOCK_APP_UINT : BLOCK_APP;
        k.dirs = a ? a->dirs : 3;
    } else {
        k.kind = w->buffer == BUF_PAYLOAD ? BLOCK_PAYLOAD : BLOCK_PACKET;
    }
    for (unsigned i = first; i < r->n_tests && n < BLOCK_TESTS; i++) {
        const struct rule_test *x = &r->tests[i];
        if (taken[i] || !is_buffer_test(x->kind))
            continue;
        bool same = x->where == lead->where && x->instance == lead->instance && x->tx_dir == lead->tx_dir;
        bool base64 = b->set->where[x->where].buffer == BUF_BASE64;
        if (!same && !base64)
            continue;
        taken[i] = true;
        if (x->kind == TEST_BUFFER_PRESENT)
            continue;
        if (x->kind == TEST_BUFFER_ABSENT) {
            k.absent = x->u.flag ? 2 : 1;
            continue;
        }
        t[n] = test_of(b, x);
        if (base64 && w->buffer != BUF_BASE64)
            t[n].on_base64 = 1;
        n++;
    }
    mark_relative(t, n);
    k.n = (uint16_t)n;
    k.first = build_put(b, SEC_TESTS, t, sizeof(t[0]), n);
    build_put(b, SEC_BLOCKS, &k, sizeof(k), 1);
}

static void put_blocks(struct builder *b, const struct rule *r, struct img_rule *o)
{
    bool taken[1024] = {false};
    o->block_first = build_count(b, SEC_BLOCKS, sizeof(struct img_block));
    for (unsigned i = 0; i < r->n_tests && i < ARRAY_LEN(taken); i++) {
        if (taken[i] || !is_buffer_test(r->tests[i].kind))
            continue;
        put_block(b, r, taken, i);
        o->n_blocks++;
    }
}

uint8_t build_dirs(const struct rule_set *s, const struct rule *r)
{
    uint8_t dirs = 3;
    if (r->flags & RULE_TO_SERVER)
        dirs &= 1;
    if (r->flags & RULE_TO_CLIENT)
        dirs &= 2;
    if (r->flags & RULE_TX_WHOLE)
        return 3;
    for (unsigned i = 0; i < r->n_tests; i++) {
        const struct rule_test *t = &r->tests[i];
        if (!build_is_tx_test(s, t) || !is_buffer_test(t->kind))
            continue;
        const struct app_buffer *a = app_buffer_any(s->where[t->where].buffer - RULE_BUF_APP, NULL);
        if (a && (dirs & a->dirs))
            dirs &= a->dirs;
    }
    return dirs;
}

static uint32_t put_texts(struct builder *b, const struct str *s, unsigned n)
{
    uint32_t first = build_count(b, SEC_TEXTS, sizeof(struct img_text));
    for (unsigned k = 0; k < n; k++) {
        struct img_text t = build_text(b, s[k]);
        build_put(b, SEC_TEXTS, &t, sizeof(t), 1);
    }
    return first;
}

static uint32_t put_meta(struct builder *b, const struct rule *r)
{
    uint32_t first = build_count(b, SEC_TEXTS, sizeof(struct img_text));
    for (unsigned k = 0; k < r->n_metadata; k++) {
        struct img_text t[2] = {build_text(b, r->metadata[k].key), build_text(b, r->metadata[k].value)};
        build_put(b, SEC_TEXTS, t, sizeof(t[0]), 2);
    }
    return first;
}

static uint32_t put_threshold(struct builder *b, const struct rule_threshold *t)
{
    return t ? build_put(b, SEC_THRESHOLDS, t, sizeof(*t), 1) + 1 : 0;
}

static void put_facts(struct builder *b, const struct rule *r, struct img_rule *o)
{
    o->gid = r->gid;
    o->sid = r->sid;
    o->rev = r->rev;
    o->priority = r->priority;
    o->class_id = r->class_id;
    o->action = r->action;
    o->dialect = r->dialect;
    o->response = r->response;
    o->target = r->target;
    o->scope = r->scope;
    o->noalert = (r->flags & RULE_NOALERT) != 0;
    o->n_references = r->n_references;
    o->references = put_texts(b, r->references, r->n_references);
    o->n_metadata = r->n_metadata;
    o->metadata = put_meta(b, r);
    o->msg = build_text(b, r->msg);
    o->text = build_text(b, r->text);
    o->threshold = put_threshold(b, r->threshold);
    o->detection_filter = put_threshold(b, r->detection_filter);
    memcpy(o->apps, r->apps, sizeof(o->apps));
    o->n_apps = r->n_apps;
    o->load_order = r->index;
    o->activates = r->activates;
    o->activated_by = r->activated_by;
    o->count = r->count;
}

/* TCP contents: only in the stream, unless a position in the payload or a packet field is asked for. */
static void payload_scope(struct builder *b, const struct rule *r, struct img_rule *o)
{
    bool payload = false, position = false;
    for (unsigned i = 0; i < r->n_tests; i++) {
        const struct rule_test *t = &r->tests[i];
        if (!is_buffer_test(t->kind) || b->set->where[t->where].buffer != BUF_PAYLOAD)
            continue;
        payload = true;
        if (t->kind == TEST_CONTENT && (t->u.content.flags & (CONTENT_DEPTH | CONTENT_OFFSET | CONTENT_STARTS)))
            position = true;
    }
    if (!payload || !(r->transports & RULE_TCP))
        return;
    if (r->flags & (RULE_PACKET_ONLY | RULE_NO_STREAM))
        o->needs_packet = 2;
    else if (r->flags & RULE_STREAM_ONLY)
        o->needs_stream = 1;
    else if (position && r->type != TYPE_STREAM)
        o->needs_packet = 1;
    if (o->needs_packet != 2)
        b->needs |= NEED_STREAM_RAW;
}

static void put_rule(struct builder *b, const struct rule *r)
{
    struct img_rule o;
    memset(&o, 0, sizeof(o));
    o.flags = r->flags;
    o.transports = r->transports;
    o.type = r->type;
    o.dirs = build_dirs(b->set, r);
    o.app = r->app;
    o.n_vars = (uint8_t)r->n_vars;
    o.hook = r->hook;
    o.hook_app = r->hook_app;
    o.hook_dir = r->hook_dir;
    o.hook_progress = r->hook_progress;
    o.of_tx = r->hook == HOOK_APP;
    for (unsigned e = 0; e < 2; e++) {
        o.addr[e] = r->addr[e];
        o.port[e] = r->port[e];
    }
    o.pre_first = build_count(b, SEC_TESTS, sizeof(struct img_test));
    for (unsigned i = 0; i < r->n_tests; i++) {
        const struct rule_test *t = &r->tests[i];
        o.of_tx |= build_is_tx_test(b->set, t);
        if (is_buffer_test(t->kind) || is_post_test(t) || t->kind == TEST_THRESHOLD || t->kind == TEST_HOOK ||
            t->kind == TEST_DETECTION_FILTER)
            continue;
        struct img_test x = test_of(b, t);
        build_put(b, SEC_TESTS, &x, sizeof(x), 1);
        o.n_pre++;
    }
    o.post_first = build_count(b, SEC_TESTS, sizeof(struct img_test));
    for (unsigned i = 0; i < r->n_tests; i++) {
        if (!is_post_test(&r->tests[i]))
            continue;
        struct img_test x = test_of(b, &r->tests[i]);
        build_put(b, SEC_TESTS, &x, sizeof(x), 1);
        o.n_post++;
    }
    put_blocks(b, r, &o);
    payload_scope(b, r, &o);
    put_facts(b, r, &o);
    if (r->flags & RULE_FILESTORE)
        b->needs |= NEED_FILES | NEED_STORE;
    build_put(b, SEC_RULES, &o, sizeof(o), 1);
}

static void put_shared(struct builder *b)
{
    const struct rule_set *s = b->set;
    for (uint32_t k = 0; k < s->n_where; k++) {
        struct img_where w = {.buffer = s->where[k].buffer, .n_xform = s->where[k].n_xform};
        for (unsigned x = 0; x < w.n_xform; x++) {
            w.xform[x] = s->where[k].xform[x];
            w.arg[x] = build_text(b, s->where[k].arg[x]);
        }
        build_put(b, SEC_WHERES, &w, sizeof(w), 1);
    }
    const struct {
        enum image_section sec;
        const struct str *s;
        uint32_t n;
    } list[] = {{SEC_ADDRS, s->addr, s->n_addr}, {SEC_PORTS, s->port, s->n_port}, {SEC_NAMES, s->bits, s->n_bits}};
    for (unsigned l = 0; l < ARRAY_LEN(list); l++)
        for (uint32_t k = 0; k < list[l].n; k++) {
            struct img_text t = build_text(b, list[l].s[k]);
            build_put(b, list[l].sec, &t, sizeof(t), 1);
        }
    for (uint32_t k = 0; k < s->n_classes || k == 0; k++) {
        struct img_class c = {.priority = 0};
        if (k < s->n_classes) {
            c.name = build_text(b, s->classes[k].name);
            c.text = build_text(b, s->classes[k].text);
            c.priority = s->classes[k].priority;
        }
        build_put(b, SEC_CLASSES, &c, sizeof(c), 1);
    }
}

/* ------------------------------------------------------------------ the file */

static const size_t element[SEC_COUNT] = {
    sizeof(struct img_rule),  sizeof(struct img_test),  sizeof(struct img_block),   sizeof(struct img_where),
    sizeof(struct img_text),  sizeof(struct img_text),  sizeof(struct img_text),    sizeof(struct img_text),
    sizeof(struct img_class), sizeof(struct img_group), sizeof(struct img_pattern), sizeof(struct img_list),
    sizeof(uint32_t),         sizeof(struct rule_threshold), 1, 1};

static int write_all(int fd, const void *p, size_t n)
{
    const uint8_t *b = p;
    while (n) {
        ssize_t k = write(fd, b, n);
        if (k < 0 && errno == EINTR)
            continue;
        if (k <= 0)
            return k < 0 ? -errno : -EIO;
        b += k;
        n -= (size_t)k;
    }
    return 0;
}

static int write_image(const struct builder *b, const char *path, struct diags *d)
{
    struct sbuf out;
    sbuf_init(&out);
    struct img_header h;
    memset(&h, 0, sizeof(h));
    static const uint8_t zero[IMAGE_ALIGN] = {0};
    sbuf_put(&out, &h, sizeof(h));
    for (unsigned s = 0; s < SEC_COUNT; s++) {
        sbuf_put(&out, zero, (IMAGE_ALIGN - out.n % IMAGE_ALIGN) % IMAGE_ALIGN);
        h.sec[s].at = out.n;
        h.sec[s].n = b->sec[s].n / element[s];
        sbuf_put(&out, b->sec[s].p, b->sec[s].n);
    }
    int rc = -ENOMEM, fd = -1;
    char tmp[4200];
    snprintf(tmp, sizeof(tmp), "%s.%ld.tmp", path, (long)getpid());
    if (out.failed)
        goto done;
    memcpy(h.magic, IMAGE_MAGIC, 8);
    h.version = IMAGE_VERSION;
    h.struct_hash = image_struct_hash();
    h.size = out.n;
    h.content_hash = b->set->content_hash;
    h.platform = image_platform();
    h.n_slow = b->n_slow;
    h.needs = b->needs;
    h.n_file_thresholds = b->set->n_file_thresholds;
    h.n_pcre = b->n_pcre;
    h.checksum = hash_bytes(out.p + sizeof(h), out.n - sizeof(h), 0);
    memcpy(out.p, &h, sizeof(h));
    fd = open(tmp, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    rc = fd < 0 ? -errno : write_all(fd, out.p, out.n);
    if (fd >= 0 && close(fd) && !rc)
        rc = -errno;
    if (!rc && rename(tmp, path))
        rc = -errno;
    if (rc && fd >= 0)
        unlink(tmp);
done:
    if (rc)
        diag_add(d, DIAG_ERROR, path, 0, 0, "choose another cache folder with cache-dir",
                 "the image of rules can't be written: %s", strerror(-rc));
    sbuf_done(&out);
    return rc;
}

int image_build(const struct rule_set *s, const char *path, unsigned threads, struct diags *d)
{
    struct builder b = {.set = s, .threads = threads ? threads : 1, .d = d};
    for (unsigned k = 0; k < SEC_COUNT; k++)
        sbuf_init(&b.sec[k]);
    sbuf_init(&b.text_table);
    sbuf_byte(&b.sec[SEC_DATA], 0); /* offset 0 means an empty text */
    int rc = -ENOMEM;
    if (!order_rules(&b))
        goto done;
    put_shared(&b);
    for (uint32_t k = 0; k < b.n_rules; k++)
        put_rule(&b, b.order[k]);
    build_put(&b, SEC_THRESHOLDS, s->file_thresholds, sizeof(struct rule_threshold), s->n_file_thresholds);
    rc = build_groups(&b);
    for (unsigned k = 0; k < SEC_COUNT; k++)
        if (b.sec[k].failed)
            rc = -ENOMEM;
    if (!rc && b.failed)
        rc = -ENOMEM;
    if (!rc)
        rc = write_image(&b, path, d);
done:
    for (unsigned k = 0; k < SEC_COUNT; k++)
        sbuf_done(&b.sec[k]);
    sbuf_done(&b.text_table);
    free(b.order);
    return rc;
}
