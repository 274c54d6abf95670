/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * From the intermediate form to the image: rules in order of evaluation, their tests split into what
 * looks at no buffer (tested first), blocks of one buffer each, and what is done after a match.
 */
#include "detect/image_build.h"

#include "base/hash.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>

enum {
    STREAM_PIECE = 65536,
    IMAGE_THREADS = 4, /* the two largest databases alone take a half of the time */
};

uint32_t build_put(struct builder *b, enum image_section s, const void *p, size_t size, size_t n)
{
    uint32_t at = build_count(b, s, size);
    if (b->stream == (int)s && b->sec[s].n + size * n > STREAM_PIECE)
        build_flush(b, s);
    sbuf_put(&b->sec[s], p, size * n);
    return at;
}

uint32_t build_count(const struct builder *b, enum image_section s, size_t size)
{
    return (uint32_t)((b->sec[s].n + (b->stream == (int)s ? b->streamed : 0)) / size);
}

/* ------------------------------------------------------------------ order of evaluation */

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
    int action;
};

static int rule_before(const void *x, const void *y)
{
    const struct sort_key *a = x, *b = y;
    int d = a->action - b->action;
    for (unsigned w = 0; w < 3 && !d; w++)
        d = a->rank[w] - b->rank[w];
    if (!d && a->r->priority != b->r->priority)
        d = a->r->priority < b->r->priority ? -1 : 1;
    if (!d)
        d = a->r->index < b->r->index ? -1 : a->r->index > b->r->index;
    return d;
}

/* Rules of more buffers than the mask of what was found has bits: said, and left out. */
static bool too_many_buffers(struct builder *b, const struct rule *r)
{
    unsigned n = 0;
    for (unsigned i = 0; i < r->n_tests && r->n_tests > RULE_BLOCKS_MOST; i++) {
        const struct rule_test *t = &r->tests[i];
        bool first = build_is_buffer_test(t->kind);
        for (unsigned k = 0; k < i && first; k++) {
            const struct rule_test *x = &r->tests[k];
            first = !(build_is_buffer_test(x->kind) && x->where == t->where && x->instance == t->instance &&
                      x->tx_dir == t->tx_dir);
        }
        n += first;
    }
    if (n <= RULE_BLOCKS_MOST)
        return false;
    diag_add(b->d, DIAG_ERROR, r->file, r->line, 1, "divide it, with flowbits between the parts",
             "a rule looks at %d buffers at most; this one (sid %u), at %u, is left out", RULE_BLOCKS_MOST, r->sid, n);
    return true;
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
        if ((r->flags & RULE_DISABLED) || too_many_buffers(b, r))
            continue;
        k[n].r = r;
        k[n].action = r->ruletype ? b->set->ruletype_rank[r->ruletype] : b->set->action_rank[r->action];
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
/* ------------------------------------------------------------------ rules */

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
        if (!build_is_tx_test(s, t) || !build_is_buffer_test(t->kind))
            continue;
        const struct app_buffer *a = app_buffer_any(s->where[t->where].buffer - RULE_BUF_APP, NULL);
        if (a && (dirs & a->dirs))
            dirs &= a->dirs;
    }
    return dirs;
}

static uint32_t put_references(struct builder *b, const struct rule *r)
{
    uint32_t first = build_count(b, SEC_TEXTS, sizeof(struct img_text));
    for (unsigned k = 0; k < r->n_references; k++) {
        struct img_text t = build_text(b, r->references[k]);
        build_put(b, SEC_TEXTS, &t, sizeof(t), 1);
    }
    return build_run(b, first);
}

static uint32_t put_meta(struct builder *b, const struct rule *r)
{
    uint32_t first = build_count(b, SEC_TEXTS, sizeof(struct img_text));
    for (unsigned k = 0; k < r->n_metadata; k++) {
        struct img_text t[2] = {build_text(b, rule_meta_key(&r->metadata[k])), build_text(b, rule_meta_value(&r->metadata[k]))};
        build_put(b, SEC_TEXTS, t, sizeof(t[0]), 2);
    }
    return build_run(b, first);
}

static uint32_t put_threshold(struct builder *b, const struct rule_threshold *t)
{
    return t ? build_put(b, SEC_THRESHOLDS, t, sizeof(*t), 1) + 1 : 0;
}

static uint16_t longest_content(const struct rule *r)
{
    size_t n = 0;
    for (unsigned k = 0; k < r->n_tests; k++)
        if (r->tests[k].kind == TEST_CONTENT && r->tests[k].u.content.bytes.n > n)
            n = r->tests[k].u.content.bytes.n;
    return (uint16_t)(n < UINT16_MAX ? n : UINT16_MAX);
}

static void put_facts(struct builder *b, const struct rule *r, const struct rule_fact *f, struct img_rule *o)
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
    o->ruletype = r->ruletype;
    o->longest = longest_content(r);
    o->scope = r->scope;
    o->noalert = r->flags & RULE_NOALERT ? RULE_SILENT : r->secondary & SECOND_ALERT ? RULE_LOUD : RULE_USUAL;
    o->n_references = r->n_references;
    o->references = put_references(b, r);
    o->n_metadata = r->n_metadata;
    o->metadata = put_meta(b, r);
    o->msg = build_text(b, r->msg);
    o->text_block = f->text_block;
    o->text = f->text;
    o->text_hash = f->text_hash;
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
        position |= t->kind == TEST_STREAM_SIZE; /* the size as it is when the packet comes */
        if (!build_is_buffer_test(t->kind) || b->set->where[t->where].buffer != BUF_PAYLOAD)
            continue;
        if (!payload && r->dialect != DIALECT_SURICATA && t->kind == TEST_CONTENT && (t->u.content.flags & CONTENT_RELATIVE))
            position = true; /* Snort: behind nothing is the payload's beginning */
        payload = true;
        if (t->kind == TEST_CONTENT && (t->u.content.flags & (CONTENT_DEPTH | CONTENT_OFFSET | CONTENT_STARTS)))
            position = true;
    }
    if (!payload || !(r->transports & RULE_TCP))
        return;
    if ((r->flags & (RULE_PACKET_ONLY | RULE_NO_STREAM)) || o->replaces) /* bytes are replaced where they lie: in a packet */
        o->needs_packet = 2;
    else if (r->flags & RULE_STREAM_ONLY)
        o->needs_stream = r->flags & RULE_NEVER_ALONE ? 2 : 1;
    else if (position && r->type != TYPE_STREAM)
        o->needs_packet = 1;
    if (o->needs_packet != 2)
        b->needs |= NEED_STREAM_RAW;
}

/* The type of a file, which libmagic is loaded for. */
static bool asks_type(const struct rule_set *set, const struct rule_test *t)
{
    enum app_proto_id id;
    unsigned buffer = set->where[t->where].buffer;
    const struct app_buffer *row = buffer >= RULE_BUF_APP ? app_buffer_any(buffer - RULE_BUF_APP, &id) : NULL;
    return row && row->get == app_file_get_magic;
}

static void put_rule(struct builder *b, uint32_t index)
{
    const struct rule *r = b->order[index];
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
    o.hook_before = r->hook_before;
    o.secondary = r->secondary;
    o.of_tx = r->hook == HOOK_APP;
    for (unsigned e = 0; e < 2; e++) {
        o.addr[e] = r->addr[e];
        o.port[e] = r->port[e];
    }
    o.pre_first = build_count(b, SEC_TESTS, sizeof(struct img_test));
    for (unsigned i = 0; i < r->n_tests; i++) {
        const struct rule_test *t = &r->tests[i];
        o.of_tx |= build_is_tx_test(b->set, t);
        if (t->kind == TEST_FILE_HASH)
            b->needs |= NEED_FILES | (t->u.listed.type == LISTED_MD5    ? NEED_MD5
                                      : t->u.listed.type == LISTED_SHA1 ? NEED_SHA1
                                                                        : NEED_SHA256);
        b->needs |= asks_type(b->set, t) ? NEED_FILES | NEED_MAGIC : 0u;
        o.replaces |= t->kind == TEST_CONTENT && (t->u.content.flags & CONTENT_REPLACE);
        o.tells |= t->kind == TEST_DATASET && t->u.listed.context.n;
        if (build_is_buffer_test(t->kind) || build_is_post_test(t) || t->kind == TEST_THRESHOLD || t->kind == TEST_HOOK ||
            t->kind == TEST_DETECTION_FILTER)
            continue;
        struct img_test x = build_test(b, t);
        x.number = (uint16_t)(i + 1);
        build_put(b, SEC_TESTS, &x, sizeof(x), 1);
        o.n_pre++;
    }
    o.post_first = build_count(b, SEC_TESTS, sizeof(struct img_test));
    for (unsigned i = 0; i < r->n_tests; i++) {
        if (!build_is_post_test(&r->tests[i]))
            continue;
        struct img_test x = build_test(b, &r->tests[i]);
        build_put(b, SEC_TESTS, &x, sizeof(x), 1);
        o.n_post++;
    }
    build_blocks(b, r, &o);
    payload_scope(b, r, &o);
    put_facts(b, r, &b->fact[index], &o);
    if (r->flags & RULE_FILESTORE)
        b->needs |= NEED_FILES | NEED_STORE;
    b->fact[index].of_tx = o.of_tx;
    b->fact[index].needs_packet = o.needs_packet;
    build_put(b, SEC_RULES, &o, sizeof(o), 1);
}

static int bit_group_cmp(const void *x, const void *y)
{
    const struct img_bit_group *a = x, *b = y;
    return a->group != b->group ? a->group - b->group : a->name - b->name;
}

/* Snort: the bits that are named together with a group belong to it. */
static void put_bit_groups(struct builder *b)
{
    struct sbuf all;
    sbuf_init(&all);
    for (uint32_t k = 0; k < b->n_rules; k++)
        for (unsigned i = 0; i < b->order[k]->n_tests; i++) {
            const struct rule_test *t = &b->order[k]->tests[i];
            for (unsigned m = 0; t->kind == TEST_BITS && t->u.bits.group && m < t->u.bits.n; m++) {
                struct img_bit_group g = {t->u.bits.group, t->u.bits.id[m]};
                sbuf_put(&all, &g, sizeof(g));
            }
        }
    struct img_bit_group *g = (void *)all.p;
    size_t n = all.n / sizeof(*g);
    if (n)
        qsort(g, n, sizeof(*g), bit_group_cmp);
    for (size_t k = 0; k < n; k++)
        if (!k || bit_group_cmp(&g[k], &g[k - 1]))
            build_put(b, SEC_BIT_GROUPS, &g[k], sizeof(*g), 1);
    b->failed |= all.failed;
    sbuf_done(&all);
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
    put_bit_groups(b);
}

/* ------------------------------------------------------------------ whole */

/* Rules and what belongs to them alone; the two largest sections are in the file as soon as they are made. */
static int put_rules(struct builder *b)
{
    b->fact = calloc(b->n_rules + 1, sizeof(*b->fact));
    if (!b->fact)
        return -ENOMEM;
    build_stream(b, SEC_PACKED_DATA);
    for (uint32_t k = 0; k < b->n_rules; k++)
        build_rule_text(b, b->order[k]->text, &b->fact[k]);
    build_texts_end(b);
    build_section_out(b, SEC_PACKED_DATA);
    build_stream(b, SEC_TESTS);
    for (uint32_t k = 0; k < b->n_rules; k++)
        put_rule(b, k);
    build_section_out(b, SEC_TESTS);
    build_put(b, SEC_THRESHOLDS, b->set->file_thresholds, sizeof(struct rule_threshold), b->set->n_file_thresholds);
    static const enum image_section ready[] = {SEC_RULES, SEC_BLOCKS, SEC_TEXTS, SEC_PACKED, SEC_THRESHOLDS};
    for (unsigned k = 0; k < ARRAY_LEN(ready); k++)
        build_section_out(b, ready[k]);
    return b->failed ? -ENOMEM : 0;
}

/* Everything that rules are looked at for. */
static int put_all(struct builder *b)
{
    if (!order_rules(b))
        return -ENOMEM;
    build_facts(b);
    put_shared(b);
    build_notes(b);
    build_sets(b);
    int rc = put_rules(b);
    if (!rc)
        rc = build_groups(b);
    free(b->order);
    free(b->fact);
    b->order = NULL;
    b->fact = NULL;
    build_texts_done(b);
    b->set = NULL;
    if (!rc && b->own)
        rules_release(b->own);
    return rc;
}

static int build(struct builder *b, const char *path, struct diags *d)
{
    for (unsigned k = 0; k < SEC_COUNT; k++)
        sbuf_init(&b->sec[k]);
    b->stream = -1;
    b->d = d;
    build_texts_init(b);
    int rc = build_out_open(b, path);
    if (!rc)
        rc = put_all(b);
    if (!rc)
        rc = build_dbs(b);
    rc = build_out_close(b, path, rc);
    if (rc)
        diag_add(d, DIAG_ERROR, path, 0, 0, "choose another cache folder with cache-dir",
                 "the image of rules can't be written: %s", strerror(-rc));
    for (unsigned k = 0; k < SEC_COUNT; k++)
        sbuf_done(&b->sec[k]);
    free(b->order);
    free(b->fact);
    build_texts_done(b);
    return rc;
}

int image_build(const struct rule_set *s, const char *path, unsigned threads, struct diags *d)
{
    struct builder b = {.set = s, .threads = threads ? threads : 1};
    return build(&b, path, d);
}

int image_make(struct rule_set *s, const char *path, const struct image_options *o, struct image_made *made,
               struct diags *d)
{
    struct builder b = {.set = s,
                        .own = o->last ? s : NULL,
                        .threads = o->threads ? o->threads : 1,
                        .cache_dir = o->cache_dir};
    int rc = build(&b, path, d);
    if (made)
        *made = b.made;
    memory_trim();
    return rc;
}

unsigned image_threads(void)
{
    cpu_set_t may;
    unsigned n = sched_getaffinity(0, sizeof(may), &may) ? 1 : (unsigned)CPU_COUNT(&may);
    return n > IMAGE_THREADS ? IMAGE_THREADS : n;
}
