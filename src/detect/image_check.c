/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * One pass over an image that was opened: every index, offset and enumeration that the matcher leans on, so that
 * it needs no further checks.  Pattern databases are tested for their frame alone: they are code for the
 * pattern library, and only their checksum says that they are what was compiled.
 */
#include "detect/match.h"

#include <hs.h>

/* Options that rules can ask for; others (no check of UTF) would be a way out of the buffer. */
enum {
    REGEX_OPTIONS = PCRE2_CASELESS | PCRE2_DOTALL | PCRE2_MULTILINE | PCRE2_EXTENDED | PCRE2_DOLLAR_ENDONLY |
                    PCRE2_UNGREEDY,
};

static bool text_ok(const struct image *i, struct img_text t)
{
    return (uint64_t)t.at + t.n <= img_count(i, SEC_DATA);
}

static bool range_ok(uint64_t first, uint64_t n, uint64_t count) { return first <= count && n <= count - first; }

static bool texts_ok(const struct image *i, const struct img_text *t, uint64_t n)
{
    for (uint64_t k = 0; k < n; k++)
        if (!text_ok(i, t[k]))
            return false;
    return true;
}

/* ------------------------------------------------------------------ tests */

static bool var_ok(int var) { return var >= -1 && var < RULE_BYTE_VARS; }
static bool num_ok(struct img_num n) { return var_ok(n.var); }
static bool name_ok(const struct image *i, unsigned id) { return id < img_count(i, SEC_NAMES); }

static bool bits_ok(const struct image *i, const struct img_test *t)
{
    if (t->u.bits.n > ARRAY_LEN(t->u.bits.id) || t->u.bits.group > img_count(i, SEC_NAMES))
        return false;
    for (unsigned k = 0; k < t->u.bits.n; k++)
        if (!name_ok(i, t->u.bits.id[k]))
            return false;
    return t->u.bits.cmd <= BITS_NOALERT && t->u.bits.scope <= BITS_HOST_BOTH;
}

static bool content_ok(const struct image *i, const struct img_test *t)
{
    return text_ok(i, t->u.content.bytes) && t->u.content.bytes.n > 0 && num_ok(t->u.content.offset) &&
           num_ok(t->u.content.depth) && num_ok(t->u.content.distance) && num_ok(t->u.content.within);
}

static bool bytes_ok(const struct img_test *t)
{
    return var_ok(t->u.bytes.result) && num_ok(t->u.bytes.n) && num_ok(t->u.bytes.offset) &&
           var_ok(t->u.bytes.value_var) && var_ok(t->u.bytes.post_var);
}

static bool captures_ok(const struct image *i, const struct img_test *t)
{
    if (t->u.pcre.n_captures > RULE_CAPTURES)
        return false;
    for (unsigned k = 0; k < t->u.pcre.n_captures; k++)
        if (t->u.pcre.capture_group[k] > RULE_GROUP_LAST || !name_ok(i, t->u.pcre.capture_name[k]))
            return false;
    return true;
}

static bool key_ok(const struct image *i, const struct img_test *t)
{
    const struct key_def *d = rule_key_def(t->u.key.key);
    if (!d || (d->place == KEY_OF_BUFFER) != (t->kind == TEST_KEY_BUFFER) || t->u.key.n_names > KEY_NAMES)
        return false;
    for (unsigned k = 0; k < t->u.key.n_names; k++)
        if (!name_ok(i, t->u.key.name[k]))
            return false;
    for (unsigned k = 0; k < KEY_TEXTS; k++)
        if (!text_ok(i, t->u.key.text[k]))
            return false;
    return t->u.key.data == KEY_NO_DATA || t->u.key.data < img_count(i, SEC_SETS);
}

static bool test_ok(const struct image *i, const struct img_test *t)
{
    if (t->on_base64 > 1)
        return false;
    switch (t->kind) {
    case TEST_CONTENT:
        return content_ok(i, t);
    case TEST_PCRE:
        return text_ok(i, t->u.pcre.pattern) && t->u.pcre.index < i->h->n_pcre && captures_ok(i, t) &&
               !(t->u.pcre.options & ~((uint32_t)REGEX_OPTIONS | PCRE2_ANCHORED));
    case TEST_BASE64_DECODE:
    case TEST_BYTE_TEST:
    case TEST_BYTE_JUMP:
    case TEST_BYTE_EXTRACT:
    case TEST_BYTE_MATH:
    case TEST_ISDATAAT:
        return bytes_ok(t);
    case TEST_BITS:
        return bits_ok(i, t);
    case TEST_FLOWINT:
        return name_ok(i, t->u.flowint.id) && (!t->u.flowint.value_is_var || name_ok(i, t->u.flowint.value_id));
    case TEST_KEY_PACKET:
    case TEST_KEY_BUFFER:
        return key_ok(i, t);
    case TEST_ENTROPY:
        return name_ok(i, t->u.entropy.name);
    case TEST_DECODE_EVENT:
    case TEST_STREAM_EVENT:
        return true; /* compared alone */
    case TEST_APP_EVENT:
        return t->u.ref.id < 64;
    case TEST_APP_STATE:
        return t->u.ref.dir < 2;
    case TEST_DATASET:
    case TEST_FILE_HASH:
    case TEST_IPREP:
        return t->u.listed.set < img_count(i, SEC_SETS) && text_ok(i, t->u.listed.context);
    default:
        return t->kind < TEST_KINDS;
    }
}

static bool blocks_ok(const struct image *i)
{
    uint64_t n = img_count(i, SEC_BLOCKS);
    for (uint64_t k = 0; k < n; k++)
        if (!range_ok(i->blocks[k].first, i->blocks[k].n, img_count(i, SEC_TESTS)) ||
            i->blocks[k].where >= img_count(i, SEC_WHERES) || i->blocks[k].tx_dir > 2)
            return false;
    n = img_count(i, SEC_WHERES);
    for (uint64_t k = 0; k < n; k++)
        if (i->wheres[k].n_xform > RULE_XFORMS || !texts_ok(i, i->wheres[k].arg, RULE_XFORMS))
            return false;
    return true;
}

/* ------------------------------------------------------------------ rules */

static bool rule_text_ok(const struct image *i, const struct img_rule *r)
{
    if (!r->text.n)
        return true;
    return r->text_block < img_count(i, SEC_PACKED) && range_ok(r->text.at, r->text.n, i->packed[r->text_block].n);
}

static bool packed_ok(const struct image *i)
{
    uint64_t n = img_count(i, SEC_PACKED);
    for (uint64_t k = 0; k < n; k++)
        if (!range_ok(i->packed[k].at, i->packed[k].packed, img_count(i, SEC_PACKED_DATA)) ||
            i->packed[k].n > PACKED_MOST)
            return false;
    return true;
}

static bool thresholds_ok(const struct image *i)
{
    uint64_t n = img_count(i, SEC_THRESHOLDS);
    for (uint64_t k = 0; k < n; k++) {
        const struct rule_threshold *t = &i->thresholds[k];
        if (t->type > THRESH_SUPPRESS || t->track > TRACK_EITHER || t->unique_on > 2 ||
            (t->type == THRESH_RATE && t->new_action >= ACTION_COUNT) ||
            (t->addr >= 0 && (uint64_t)t->addr >= img_count(i, SEC_ADDRS)))
            return false;
    }
    return i->h->n_file_thresholds <= n;
}

static bool facts_ok(const struct image *i, const struct img_rule *r)
{
    return text_ok(i, r->msg) && rule_text_ok(i, r) &&
           range_ok(r->references, r->n_references, img_count(i, SEC_TEXTS)) &&
           range_ok(r->metadata, 2ull * r->n_metadata, img_count(i, SEC_TEXTS)) &&
           r->threshold <= img_count(i, SEC_THRESHOLDS) && r->detection_filter <= img_count(i, SEC_THRESHOLDS) &&
           r->class_id < img_count(i, SEC_CLASSES) && r->action < ACTION_COUNT && r->n_apps <= ARRAY_LEN(r->apps);
}

static bool rules_ok(const struct image *i)
{
    uint64_t n = img_count(i, SEC_RULES), tests = img_count(i, SEC_TESTS);
    for (uint64_t k = 0; k < n; k++) {
        const struct img_rule *r = &i->rules[k];
        if (!range_ok(r->pre_first, r->n_pre, tests) || !range_ok(r->post_first, r->n_post, tests) ||
            !range_ok(r->block_first, r->n_blocks, img_count(i, SEC_BLOCKS)) || r->n_blocks > RULE_BLOCKS_MOST ||
            r->n_vars > RULE_BYTE_VARS || !facts_ok(i, r))
            return false;
        for (unsigned e = 0; e < 2; e++)
            if (r->addr[e] >= img_count(i, SEC_ADDRS) || r->port[e] >= img_count(i, SEC_PORTS))
                return false;
    }
    return true;
}

/* ------------------------------------------------------------------ groups */

static bool database_ok(const struct image *i, const struct img_group *g, unsigned s)
{
    size_t n;
    if (!g->n[s])
        return true;
    if (!range_ok(g->first[s], g->n[s], img_count(i, SEC_PATTERNS)) || g->db_at[s] % IMAGE_ALIGN ||
        !range_ok(g->db_at[s], g->db_bytes[s], img_count(i, SEC_DBS)) || g->db_bytes[s] < IMAGE_ALIGN)
        return false;
    return hs_database_size((const void *)(i->dbs + g->db_at[s]), &n) == HS_SUCCESS && n == g->db_bytes[s];
}

static bool groups_ok(const struct image *i)
{
    uint64_t refs = img_count(i, SEC_RULE_REFS), n = img_count(i, SEC_GROUPS);
    for (uint64_t k = 0; k < n; k++) {
        const struct img_group *g = &i->groups[k];
        if (g->where >= img_count(i, SEC_WHERES) || g->dir > 1 || g->transport >= TR_COUNT ||
            !database_ok(i, g, 0) || !database_ok(i, g, 1))
            return false;
    }
    n = img_count(i, SEC_PATTERNS);
    for (uint64_t k = 0; k < n; k++)
        if (!range_ok(i->patterns[k].refs, i->patterns[k].n_refs, refs) || !text_ok(i, i->patterns[k].bytes))
            return false;
    n = img_count(i, SEC_LISTS);
    for (uint64_t k = 0; k < n; k++)
        if (!range_ok(i->lists[k].refs, i->lists[k].n_refs, refs) ||
            (i->lists[k].pairs != PAIRS_NONE &&
             !range_ok(i->lists[k].pairs, i->lists[k].n_refs, img_count(i, SEC_PAIRS))) ||
            (i->lists[k].pairs == PAIRS_NONE && i->lists[k].kind == LIST_PAYLOAD))
            return false;
    for (uint64_t k = 0; k < img_count(i, SEC_PAIRS); k++)
        if (i->pairs[k] != PAIRS_NONE && ((i->pairs[k] & 0xffff) >= PAIR_PLACES || i->pairs[k] >> 16 >= PAIR_PLACES))
            return false;
    for (uint64_t k = 0; k < refs; k++)
        if (i->refs[k] >= img_count(i, SEC_RULES))
            return false;
    return true;
}

/* A text that is read as far as its NUL. */
static bool cstr_ok(const struct image *i, struct img_text t)
{
    return text_ok(i, t) && (!t.n || !i->data[t.at + t.n - 1]);
}

static bool notes_ok(const struct image *i)
{
    uint64_t n = img_count(i, SEC_NOTES);
    for (uint64_t k = 0; k < n; k++) {
        const struct img_note *x = &i->notes[k];
        if (!cstr_ok(i, x->file) || !cstr_ok(i, x->reason) || !cstr_ok(i, x->hint) || x->level > DIAG_WARNING)
            return false;
    }
    n = img_count(i, SEC_FILES);
    for (uint64_t k = 0; k < n; k++)
        if (!cstr_ok(i, i->files[k].path) || i->files[k].dialect > DIALECT_SURICATA)
            return false;
    return true;
}

static bool sets_ok(const struct image *i)
{
    uint64_t n = img_count(i, SEC_SET_ENTRIES), slots = img_count(i, SEC_SET_SLOTS);
    for (uint64_t k = 0; k < img_count(i, SEC_SETS); k++) {
        const struct img_set *s = &i->sets[k];
        if (!text_ok(i, s->name) || !text_ok(i, s->save) || !range_ok(s->first, s->n, n) ||
            !range_ok(s->slot_first, s->slots, slots) || (s->slots & (s->slots - 1)) || s->slots < s->n ||
            (s->n && s->slots == s->n))
            return false;
        for (uint32_t x = 0; x < s->slots; x++)
            if (i->set_slots[s->slot_first + x] > s->n)
                return false;
    }
    for (uint64_t k = 0; k < n; k++)
        if (!text_ok(i, i->set_entries[k].key) || !text_ok(i, i->set_entries[k].json))
            return false;
    for (uint64_t k = 0; k < img_count(i, SEC_DEPS); k++)
        if (!i->deps[k].path.n || !cstr_ok(i, i->deps[k].path))
            return false;
    return true;
}

bool image_consistent(const struct image *i)
{
    uint64_t n = img_count(i, SEC_TESTS);
    if (i->h->n_pcre > n || !img_count(i, SEC_ADDRS) || !img_count(i, SEC_PORTS))
        return false;
    for (uint64_t k = 0; k < n; k++)
        if (!test_ok(i, &i->tests[k]))
            return false;
    n = img_count(i, SEC_CLASSES);
    for (uint64_t k = 0; k < n; k++)
        if (!text_ok(i, i->classes[k].name) || !text_ok(i, i->classes[k].text))
            return false;
    n = img_count(i, SEC_BIT_GROUPS);
    for (uint64_t k = 0; k < n; k++)
        if (!name_ok(i, i->bit_groups[k].name))
            return false;
    return sets_ok(i) && blocks_ok(i) && packed_ok(i) && notes_ok(i) && thresholds_ok(i) && rules_ok(i) && groups_ok(i) &&
           texts_ok(i, i->texts, img_count(i, SEC_TEXTS)) && texts_ok(i, i->addrs, img_count(i, SEC_ADDRS)) &&
           texts_ok(i, i->ports, img_count(i, SEC_PORTS)) && texts_ok(i, i->names, img_count(i, SEC_NAMES));
}
