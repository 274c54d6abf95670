/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Tests of the intermediate form as tests of the image, and those of one buffer as a block. */
#include "detect/image_build.h"

#include <string.h>

bool build_is_buffer_test(unsigned kind)
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
    case TEST_KEY_BUFFER:
        return true;
    default:
        return false;
    }
}

bool build_is_post_test(const struct rule_test *t)
{
    if (t->kind == TEST_TAG || t->kind == TEST_BLACKLIST || t->kind == TEST_FILESTORE)
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
    if (t->kind == TEST_HOOK || t->kind == TEST_APP_STATE || t->kind == TEST_FILESTORE)
        return true;
    return build_is_buffer_test(t->kind) && s->where[t->where].buffer >= RULE_BUF_APP;
}

static int32_t clamp32(int64_t v)
{
    return v > INT32_MAX ? INT32_MAX : v < INT32_MIN ? INT32_MIN : (int32_t)v;
}

static struct img_num num_of(struct rule_num n)
{
    return (struct img_num){.v = clamp32(n.v), .var = n.var};
}

static void put_content(struct builder *b, struct img_test *o, const struct rule_test *t)
{
    const struct test_content *c = &t->u.content;
    o->flags = c->flags;
    o->u.content.bytes = build_text(b, (c->flags & CONTENT_NOCASE) && c->folded.n ? c->folded : c->bytes);
    o->u.content.offset = num_of(c->offset);
    o->u.content.depth = num_of(c->depth);
    o->u.content.distance = num_of(c->distance);
    o->u.content.within = num_of(c->within);
    if (c->flags & CONTENT_REPLACE)
        o->u.content.replace = build_text(b, c->replace);
}

static void put_pcre(struct builder *b, struct img_test *o, const struct rule_test *t)
{
    const struct test_pcre *p = &t->u.pcre;
    o->flags = p->flags;
    o->u.pcre.pattern = build_text(b, p->pattern);
    o->u.pcre.options = p->options;
    o->u.pcre.index = b->n_pcre++;
    o->u.pcre.n_captures = p->n_captures;
    for (unsigned k = 0; k < p->n_captures && k < RULE_CAPTURES; k++) {
        o->u.pcre.capture_group[k] = p->capture[k].group;
        o->u.pcre.capture_kind[k] = p->capture[k].kind;
        o->u.pcre.capture_name[k] = p->capture[k].name;
    }
}

static void put_bytes(struct builder *b, struct img_test *o, const struct rule_test *test)
{
    const struct test_bytes *t = &test->u.bytes;
    (void)b;
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

static void put_bits(struct builder *b, struct img_test *o, const struct rule_test *test)
{
    const struct test_bits *t = &test->u.bits;
    (void)b;
    for (unsigned k = 0; k < t->n && k < 8; k++)
        o->u.bits.id[k] = t->id[k];
    o->u.bits.group = t->group;
    o->u.bits.cmd = t->cmd;
    o->u.bits.scope = t->scope;
    o->u.bits.n = t->n;
    o->u.bits.all = t->all;
    o->u.bits.expire_s = t->expire_s;
}

static void uint_of(struct img_test *o, const struct test_uint *u, unsigned field)
{
    o->u.uint.a = u->a;
    o->u.uint.b = u->b;
    o->u.uint.op = u->op;
    o->u.uint.field = (uint16_t)field;
}

static void put_uint(struct builder *b, struct img_test *o, const struct rule_test *t)
{
    (void)b;
    uint_of(o, &t->u.uint, 0);
}

static void put_packet(struct builder *b, struct img_test *o, const struct rule_test *t)
{
    (void)b;
    uint_of(o, &t->u.packet.uint, t->u.packet.field);
    o->u.uint.index = t->u.packet.index;
}

static void put_key(struct builder *b, struct img_test *o, const struct rule_test *t)
{
    const struct rule_key *k = &t->u.key;
    o->u.key.key = k->key;
    o->u.key.data = k->data;
    o->u.key.n_names = k->n_names;
    memcpy(o->u.key.name, k->name, sizeof(k->name));
    memcpy(o->u.key.b, k->b, sizeof(k->b));
    memcpy(o->u.key.n, k->n, sizeof(k->n));
    for (unsigned i = 0; i < KEY_TEXTS; i++)
        o->u.key.text[i] = build_text(b, k->text[i]);
}

static void put_flags(struct builder *b, struct img_test *o, const struct rule_test *t)
{
    (void)b;
    o->u.flags.value = t->u.flags.value;
    o->u.flags.mask = t->u.flags.mask;
    o->u.flags.mode = t->u.flags.mode;
}

static void put_flowint(struct builder *b, struct img_test *o, const struct rule_test *t)
{
    (void)b;
    o->u.flowint.value = t->u.flowint.value;
    o->u.flowint.id = t->u.flowint.id;
    o->u.flowint.value_id = t->u.flowint.value_id;
    o->u.flowint.op = t->u.flowint.op;
    o->u.flowint.value_is_var = t->u.flowint.value_is_var;
}

static void put_size(struct builder *b, struct img_test *o, const struct rule_test *t)
{
    (void)b;
    o->u.size.size = t->u.size.size;
    o->u.size.who = t->u.size.who;
    o->u.size.op = t->u.size.op;
}

static void put_event(struct builder *b, struct img_test *o, const struct rule_test *t)
{
    (void)b;
    o->u.ref.id = t->u.event.id;
    o->u.ref.app = t->app;
}

static void put_protocol(struct builder *b, struct img_test *o, const struct rule_test *t)
{
    (void)b;
    o->u.ref.id = t->u.app_proto.id;
    o->u.ref.negated = t->u.app_proto.negated;
    o->u.ref.mode = t->u.app_proto.mode;
}

static void put_hook(struct builder *b, struct img_test *o, const struct rule_test *t)
{
    (void)b;
    o->u.ref.app = t->app;
    o->u.ref.dir = t->u.hook.dir;
    o->u.ref.progress = t->u.hook.progress;
}

static void put_state(struct builder *b, struct img_test *o, const struct rule_test *t)
{
    (void)b;
    o->u.ref.app = t->app;
    o->u.ref.dir = t->u.state.dir;
    o->u.ref.progress = t->u.state.progress;
    o->u.ref.mode = t->u.state.op;
}

static void put_rpc(struct builder *b, struct img_test *o, const struct rule_test *t)
{
    (void)b;
    o->u.rpc.program = t->u.rpc.program;
    o->u.rpc.version = t->u.rpc.version;
    o->u.rpc.procedure = t->u.rpc.procedure;
}

static void put_asn1(struct builder *b, struct img_test *o, const struct rule_test *t)
{
    (void)b;
    o->u.asn1.oversize_length = t->u.asn1.oversize_length;
    o->u.asn1.absolute_offset = t->u.asn1.absolute_offset;
    o->u.asn1.relative_offset = t->u.asn1.relative_offset;
    o->u.asn1.bitstring_overflow = t->u.asn1.bitstring_overflow;
    o->u.asn1.double_overflow = t->u.asn1.double_overflow;
    o->u.asn1.oversize = t->u.asn1.oversize;
    o->u.asn1.relative = t->u.asn1.relative;
}

static void put_csum(struct builder *b, struct img_test *o, const struct rule_test *t)
{
    (void)b;
    o->u.csum.which = t->u.csum.which;
    o->u.csum.ver = t->u.csum.ver;
    o->u.csum.valid = t->u.csum.valid;
}

static void put_listed(struct builder *b, struct img_test *o, const struct rule_test *t)
{
    o->u.listed.set = t->u.listed.list;
    o->u.listed.context = build_text(b, t->u.listed.context);
    o->u.listed.cmd = t->u.listed.cmd;
    o->u.listed.op = t->u.listed.op;
    o->u.listed.a = t->u.listed.value;
    o->u.listed.subdomain = t->u.listed.subdomain;
}

static void put_entropy(struct builder *b, struct img_test *o, const struct rule_test *t)
{
    (void)b;
    o->u.entropy.a = t->u.entropy.a;
    o->u.entropy.b = t->u.entropy.b;
    o->u.entropy.offset = t->u.entropy.offset;
    o->u.entropy.bytes = t->u.entropy.bytes;
    o->u.entropy.op = t->u.entropy.op;
    o->u.entropy.name = t->u.entropy.name;
}

static void put_iprep(struct builder *b, struct img_test *o, const struct rule_test *t)
{
    (void)b;
    o->u.listed.set = t->u.iprep.list;
    o->u.listed.who = t->u.iprep.who;
    o->u.listed.cmd = t->u.iprep.set == 1 ? LISTED_IS_SET : t->u.iprep.set == 2 ? LISTED_IS_NOT_SET : LISTED_SCORE;
    o->u.listed.op = t->u.iprep.uint.op;
    o->u.listed.a = t->u.iprep.uint.a;
    o->u.listed.b = t->u.iprep.uint.b;
}

static void put_filestore(struct builder *b, struct img_test *o, const struct rule_test *t)
{
    (void)b;
    o->u.flags.value = t->u.filestore.dirs;
    o->u.flags.mode = t->u.filestore.scope;
}

static void put_tag(struct builder *b, struct img_test *o, const struct rule_test *t)
{
    (void)b;
    o->u.tag = t->u.tag;
}

static void put_blacklist(struct builder *b, struct img_test *o, const struct rule_test *t)
{
    (void)b;
    o->u.blacklist = t->u.blacklist;
}

static void put_absent(struct builder *b, struct img_test *o, const struct rule_test *t)
{
    (void)b;
    o->flags = t->u.flag;
}

/* Kinds that are not here have no argument. */
static void (*const puts_of[TEST_KINDS])(struct builder *b, struct img_test *o, const struct rule_test *t) = {
    [TEST_CONTENT] = put_content,
    [TEST_PCRE] = put_pcre,
    [TEST_ISDATAAT] = put_bytes,
    [TEST_BYTE_TEST] = put_bytes,
    [TEST_BYTE_JUMP] = put_bytes,
    [TEST_BYTE_EXTRACT] = put_bytes,
    [TEST_BYTE_MATH] = put_bytes,
    [TEST_BASE64_DECODE] = put_bytes,
    [TEST_BSIZE] = put_uint,
    [TEST_BUFFER_UINT] = put_uint,
    [TEST_FRAGOFFSET] = put_uint,
    [TEST_IPOPTS] = put_uint,
    [TEST_PACKET] = put_packet,
    [TEST_TCP_FLAGS] = put_flags,
    [TEST_FRAGBITS] = put_flags,
    [TEST_BITS] = put_bits,
    [TEST_FLOWINT] = put_flowint,
    [TEST_STREAM_SIZE] = put_size,
    [TEST_DECODE_EVENT] = put_event,
    [TEST_STREAM_EVENT] = put_event,
    [TEST_APP_EVENT] = put_event,
    [TEST_APP_PROTOCOL] = put_protocol,
    [TEST_HOOK] = put_hook,
    [TEST_APP_STATE] = put_state,
    [TEST_RPC] = put_rpc,
    [TEST_ASN1] = put_asn1,
    [TEST_CSUM] = put_csum,
    [TEST_DATASET] = put_listed,
    [TEST_FILE_HASH] = put_listed,
    [TEST_ENTROPY] = put_entropy,
    [TEST_IPREP] = put_iprep,
    [TEST_KEY_PACKET] = put_key,
    [TEST_KEY_BUFFER] = put_key,
    [TEST_FILESTORE] = put_filestore,
    [TEST_TAG] = put_tag,
    [TEST_BLACKLIST] = put_blacklist,
    [TEST_BUFFER_ABSENT] = put_absent,
};

/* One test of the intermediate form as an image test. */
struct img_test build_test(struct builder *b, const struct rule_test *t)
{
    struct img_test o;
    memset(&o, 0, sizeof(o));
    o.kind = t->kind;
    if (t->kind < TEST_KINDS && puts_of[t->kind])
        puts_of[t->kind](b, &o, t);
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
    case TEST_FTPBOUNCE:
        return true;
    case TEST_KEY_BUFFER:
        return rule_key_def(t->u.key.key)->moves;
    default:
        return false;
    }
}

static bool moves_cursor(const struct img_test *t)
{
    switch (t->kind) {
    case TEST_CONTENT:
        return !(t->flags & CONTENT_NEGATED);
    case TEST_PCRE:
        return !(t->flags & REGEX_NEGATED);
    case TEST_BYTE_JUMP:
    case TEST_BYTE_EXTRACT:
    case TEST_BYTE_MATH:
        return true;
    case TEST_KEY_BUFFER:
        return rule_key_def(t->u.key.key)->moves;
    default:
        return false;
    }
}

/* Tests that leave the cursor alone may stand between. */
static bool needed_later(const struct img_test *t, const struct img_test *end)
{
    for (const struct img_test *x = t + 1; x < end; x++) {
        if (x->on_base64 != t->on_base64)
            continue;
        if (starts_from_cursor(x))
            return true;
        if (moves_cursor(x))
            return false;
    }
    return false;
}

/* Behind it the cursor stands no earlier when it stood later before it, and nothing that it read differs. */
static bool keeps_order(const struct img_test *t)
{
    return (t->kind == TEST_CONTENT || t->kind == TEST_ISDATAAT || t->kind == TEST_BYTE_TEST) && !t->on_base64;
}

/* From a later cursor it finds no place that it would not have found from an earlier one. */
static bool searches_onwards(const struct img_test *t)
{
    static const uint32_t bounds = CONTENT_NEGATED | CONTENT_OFFSET | CONTENT_DEPTH | CONTENT_WITHIN | CONTENT_STARTS |
                                   CONTENT_ENDS;
    return t->kind == TEST_CONTENT && (t->flags & CONTENT_RELATIVE) && !(t->flags & bounds) && keeps_order(t);
}

static void mark_relative(struct img_test *t, unsigned n)
{
    for (unsigned k = 0; k + 1 < n; k++)
        t[k].next_relative = needed_later(&t[k], t + n);
    bool numbers = false, onwards = true;
    for (unsigned k = 0; k < n; k++) {
        bool searches = t[k].kind == TEST_CONTENT || t[k].kind == TEST_PCRE;
        /* what was decoded depends on where: another place of what stands before may help */
        t[k].for_good = GOOD_NOT;
        if (searches && !numbers && !t[k].on_base64 && !starts_from_cursor(&t[k]))
            t[k].for_good = GOOD_ALONE;
        else if (onwards && searches_onwards(&t[k]))
            t[k].for_good = GOOD_ONWARDS;
        numbers |= t[k].kind == TEST_BYTE_EXTRACT || t[k].kind == TEST_BYTE_MATH;
        onwards = onwards && keeps_order(&t[k]);
    }
}

enum { BLOCK_TESTS = 256 };

static bool same_place(const struct rule_test *a, const struct rule_test *b)
{
    return a->where == b->where && a->instance == b->instance && a->tx_dir == b->tx_dir;
}

/* What looks at base64_data stands with the decode before it, wherever that looked. */
static const struct rule_test *decode_before(const struct rule *r, unsigned at)
{
    while (at--)
        if (r->tests[at].kind == TEST_BASE64_DECODE)
            return &r->tests[at];
    return NULL;
}

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
        if (taken[i] || !build_is_buffer_test(x->kind))
            continue;
        bool base64 = b->set->where[x->where].buffer == BUF_BASE64;
        const struct rule_test *decode = base64 ? decode_before(r, i) : NULL;
        if (!same_place(decode ? decode : x, lead))
            continue;
        taken[i] = true;
        if (x->kind == TEST_BUFFER_PRESENT)
            continue;
        if (x->kind == TEST_BUFFER_ABSENT) {
            k.absent = x->u.flag ? 2 : 1;
            continue;
        }
        t[n] = build_test(b, x);
        t[n].number = (uint16_t)(i + 1);
        if (x->kind == TEST_CONTENT && r->dialect == DIALECT_SNORT2)
            t[n].flags |= IMG_CONTENT_WINDOW;
        if (base64 && w->buffer != BUF_BASE64)
            t[n].on_base64 = 1;
        n++;
    }
    mark_relative(t, n);
    k.n = (uint16_t)n;
    k.first = build_put(b, SEC_TESTS, t, sizeof(t[0]), n);
    build_put(b, SEC_BLOCKS, &k, sizeof(k), 1);
}

void build_blocks(struct builder *b, const struct rule *r, struct img_rule *o)
{
    bool taken[1024] = {false};
    o->block_first = build_count(b, SEC_BLOCKS, sizeof(struct img_block));
    for (unsigned i = 0; i < r->n_tests && i < ARRAY_LEN(taken); i++) {
        if (taken[i] || !build_is_buffer_test(r->tests[i].kind))
            continue;
        put_block(b, r, taken, i);
        o->n_blocks++;
    }
}
