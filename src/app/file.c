/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Files of transactions: names, sizes, digests, and the window that rules look into.
 *
 * A digest holds of a file that was seen whole: a gap takes MD5 and SHA-1 away; of a truncated file
 * the SHA-256 of what was seen is kept, as the peers do, since it names the stored bytes.
 */
#include "app/core.h"
#include "app/filetype.h"

#include <string.h>

static const char *const state_name[] = {
    [FILE_OPEN] = "UNKNOWN",
    [FILE_CLOSED] = "CLOSED",
    [FILE_TRUNCATED] = "TRUNCATED",
    [FILE_ERROR] = "ERROR",
};
const char *app_file_state_name(unsigned state)
{
    return state < ARRAY_LEN(state_name) ? state_name[state] : "UNKNOWN";
}

enum { NAME_MAX_BYTES = 4096 };

struct app_file *app_file_open(struct app_flow *af, struct app_tx *tx, unsigned dir,
                               struct str name)
{
    const struct app_file_config *c = &af->engine->file;
    uint32_t n = u32_min(name.n, NAME_MAX_BYTES);
    struct app_file *f = app_alloc(af, sizeof *f + n);
    if (!f)
        return NULL;
    if (n)
        memcpy(f + 1, name.p, n);
    f->name = str_of(f + 1, n);
    f->id = ++af->n_files;
    f->tx_id = tx->id;
    f->dir = (uint8_t)dir;
    f->state = FILE_OPEN;
    f->body.limit = c->inspect_limit;
    f->keep.limit = c->store ? UINT32_MAX : 0;
    f->want_store = c->store && (c->store_all || ((tx->store | af->store) >> dir & 1));
    if (c->md5)
        f->md5 = digest_new(DIGEST_MD5);
    if (c->sha1)
        f->sha1 = digest_new(DIGEST_SHA1);
    if (c->sha256)
        f->sha256 = digest_new(DIGEST_SHA256);
    struct app_files *files = &tx->files[dir];
    if (files->last)
        files->last->next = f;
    else
        files->first = f;
    files->last = f;
    return f;
}

static void drop_digest(struct digest **d)
{
    if (*d)
        digest_free(*d);
    *d = NULL;
}
/* ---- files that may be kept */

static void keep_free(struct app_flow *af, struct app_file *f)
{
    af->engine->file.stored -= f->keep.n;
    app_body_free(af, &f->keep);
    f->keep.n = 0;
}
/* What nobody has decided on yet waits, up to a limit. */
static void store_add(struct app_flow *af, struct app_file *f, const uint8_t *p, uint32_t n)
{
    struct app_file_config *c = &af->engine->file;
    if (!f->keep.limit || f->lost)
        return;
    bool fits = (f->want_store || f->keep.n + (uint64_t)n <= c->store_undecided) && c->stored + n <= c->store_total;
    uint32_t before = f->keep.n;
    f->lost = !fits || !app_body_add(af, &f->keep, p, n);
    c->stored += f->keep.n - before;
    if (f->lost)
        keep_free(af, f);
}
struct str app_file_unsent(const struct app_file *f)
{
    uint32_t gone = (uint32_t)(f->sent - f->keep.offset);
    return f->lost || gone >= f->keep.n ? (struct str){0} : str_of(f->keep.data + gone, f->keep.n - gone);
}
void app_file_sent(struct app_flow *af, struct app_file *f, uint32_t n)
{
    struct app_body *b = &f->keep;
    uint32_t before = b->n;
    f->sent += n;
    b->inspected = f->sent;
    if (f->sent < b->offset + b->n) {
        app_body_slide(af, b, 0);
    } else {
        b->offset += b->n;
        b->n = 0;
    }
    af->engine->file.stored -= before - b->n;
    if (f->state != FILE_OPEN && !b->n)
        keep_free(af, f);
}
/* ---- types of files */

static void type_tell(struct app_flow *af, struct app_file *f)
{
    f->typed = true;
    struct str t = filetype_tell(af->engine->magic, f->head, f->n_head);
    app_free(af, f->head);
    f->head = NULL;
    uint8_t *p = t.n ? app_alloc(af, t.n) : NULL;
    if (!p)
        return;
    memcpy(p, t.p, t.n);
    f->magic = str_of(p, t.n);
}
/* The first bytes; what is behind a gap is no longer the beginning. */
static void type_add(struct app_flow *af, struct app_file *f, const uint8_t *p, uint32_t n)
{
    if (!af->engine->file.magic || f->typed)
        return;
    if (!f->head && (f->size || !(f->head = app_alloc(af, TYPE_BYTES)))) {
        f->typed = true; /* begun before it was asked for, or no memory (counted) */
        return;
    }
    uint32_t more = u32_min(n, TYPE_BYTES - f->n_head);
    memcpy(f->head + f->n_head, p, more);
    f->n_head = (uint16_t)(f->n_head + more);
    if (f->n_head >= TYPE_LEAST)
        type_tell(af, f);
}
static void type_end(struct app_flow *af, struct app_file *f)
{
    if (f->head)
        type_tell(af, f);
    f->typed = true;
}
static void type_free(struct app_flow *af, struct app_file *f)
{
    app_free(af, f->head);
    if (f->magic.n)
        app_free(af, (void *)(uintptr_t)f->magic.p);
    f->head = NULL;
    f->magic = (struct str){0};
}
void app_files_want(struct app_flow *af, struct app_tx *tx, unsigned dir, bool flow, uint32_t sid)
{
    tx->store |= (uint8_t)(1u << dir);
    af->store |= (uint8_t)(flow ? 1u << dir : 0u);
    for (struct app_file *f = tx->files[dir].first; f; f = f->next) {
        f->want_store = f->keep.limit != 0 || f->want_store;
        if (f->n_sids < ARRAY_LEN(f->sids))
            f->sids[f->n_sids++] = sid;
    }
}
void app_file_data(struct app_flow *af, struct app_file *f, const uint8_t *p, uint32_t n)
{
    if (f->state != FILE_OPEN || !n)
        return;
    type_add(af, f, p, n);
    f->size += n;
    if (f->md5)
        digest_add(f->md5, p, n);
    if (f->sha1)
        digest_add(f->sha1, p, n);
    if (f->sha256)
        digest_add(f->sha256, p, n);
    store_add(af, f, p, n);
    app_body_slide(af, &f->body, af->engine->file.inspect_window);
    app_body_add(af, &f->body, p, n);
}
void app_file_gap(struct app_flow *af, struct app_file *f, uint32_t n)
{
    if (f->state != FILE_OPEN)
        return;
    type_end(af, f);
    f->gaps = true;
    f->size += n;
    app_body_hole(&f->body, n);
    drop_digest(&f->md5);
    drop_digest(&f->sha1);
}

static bool end_digest(struct digest **d, uint8_t *out, size_t room)
{
    uint8_t value[DIGEST_MAX];
    if (!*d)
        return false;
    digest_end(*d, value);
    memcpy(out, value, room);
    *d = NULL;
    return true;
}
void app_file_close(struct app_flow *af, struct app_file *f, enum app_file_state state)
{
    if (f->state != FILE_OPEN)
        return;
    type_end(af, f);
    f->state = f->gaps && state == FILE_CLOSED ? FILE_TRUNCATED : (uint8_t)state;
    f->body.done = true;
    if (f->state == FILE_CLOSED) {
        f->has_md5 = end_digest(&f->md5, f->md5_value, sizeof f->md5_value);
        f->has_sha1 = end_digest(&f->sha1, f->sha1_value, sizeof f->sha1_value);
    }
    f->has_sha256 = end_digest(&f->sha256, f->sha256_value, sizeof f->sha256_value);
    drop_digest(&f->md5);
    drop_digest(&f->sha1);
}
void app_files_free(struct app_flow *af, struct app_files *files)
{
    for (struct app_file *f = files->first, *next; f; f = next) {
        next = f->next;
        app_body_free(af, &f->body);
        keep_free(af, f);
        type_free(af, f);
        drop_digest(&f->md5);
        drop_digest(&f->sha1);
        drop_digest(&f->sha256);
        app_free(af, f);
    }
    files->first = files->last = NULL;
}

static struct app_file *file_at(const struct app_get *q, unsigned index)
{
    struct app_file *f = q->tx->files[q->dir].first;
    while (f && index--)
        f = f->next;
    return f;
}
bool app_file_get_data(const struct app_get *q, unsigned index, struct app_view *out)
{
    struct app_file *f = file_at(q, index);
    struct app_body *b = f ? &f->body : NULL;
    if (!b || !b->limit)
        return false;
    bool last = b->done || b->limited;
    if (q->on_ack && !last && b->total < q->af->engine->file.min_inspect)
        return false; /* not yet */
    *out = (struct app_view){
        .data = b->data, .n = b->n, .offset = b->offset, .growing = !last, .last = last};
    b->inspected = b->offset + b->n;
    return true;
}
static bool got_md5(const struct app_file *f) { return f->has_md5; }
static bool got_sha1(const struct app_file *f) { return f->has_sha1; }
static bool got_sha256(const struct app_file *f) { return f->has_sha256; }
static bool is_over(const struct app_file *f) { return f->state != FILE_OPEN; }

/* The file number `index` of those that `has` holds for. */
static const struct app_file *file_with(const struct app_get *q, unsigned index, bool (*has)(const struct app_file *f))
{
    const struct app_file *f = q->tx->files[q->dir].first;
    while (f && (!has(f) || index--))
        f = f->next;
    return f;
}
bool app_file_get_md5(const struct app_get *q, unsigned index, struct app_view *out)
{
    const struct app_file *f = file_with(q, index, got_md5);
    if (f)
        *out = (struct app_view){.data = f->md5_value, .n = sizeof(f->md5_value), .last = true};
    return f != NULL;
}
bool app_file_get_sha1(const struct app_get *q, unsigned index, struct app_view *out)
{
    const struct app_file *f = file_with(q, index, got_sha1);
    if (f)
        *out = (struct app_view){.data = f->sha1_value, .n = sizeof(f->sha1_value), .last = true};
    return f != NULL;
}
bool app_file_get_sha256(const struct app_get *q, unsigned index, struct app_view *out)
{
    const struct app_file *f = file_with(q, index, got_sha256);
    if (f)
        *out = (struct app_view){.data = f->sha256_value, .n = sizeof(f->sha256_value), .last = true};
    return f != NULL;
}
bool app_file_get_size(const struct app_get *q, unsigned index, uint64_t *out)
{
    const struct app_file *f = file_with(q, index, is_over);
    if (f)
        *out = f->size;
    return f != NULL;
}
bool app_file_get_name(const struct app_get *q, unsigned index, struct app_view *out)
{
    const struct app_file *f = file_at(q, index);
    if (!f)
        return false;
    *out = (struct app_view){.data = f->name.p, .n = f->name.n, .last = true};
    return true;
}

bool app_file_get_magic(const struct app_get *q, unsigned index, struct app_view *out)
{
    const struct app_file *f = file_at(q, index);
    if (!f || !f->typed)
        return false;
    *out = (struct app_view){.data = f->magic.p, .n = f->magic.n, .last = true};
    return true;
}

void app_file_members(const struct app_file *f, struct fields *out)
{
    fields_str(out, "filename", f->name);
    if (f->n_sids) {
        fields_array(out, "sid");
        for (unsigned i = 0; i < f->n_sids; i++)
            fields_u64(out, NULL, f->sids[i]);
        fields_array_end(out);
    }
    if (f->has_range) {
        fields_u64(out, "start", f->start);
        fields_u64(out, "end", f->end);
    }
    if (f->magic.n)
        fields_str(out, "magic", f->magic);
    fields_bool(out, "gaps", f->gaps);
    fields_cstr(out, "state", app_file_state_name(f->state));
    if (f->has_md5)
        fields_hex(out, "md5", f->md5_value, sizeof f->md5_value);
    if (f->has_sha1)
        fields_hex(out, "sha1", f->sha1_value, sizeof f->sha1_value);
    if (f->has_sha256)
        fields_hex(out, "sha256", f->sha256_value, sizeof f->sha256_value);
    fields_bool(out, "stored", f->stored);
    if (f->want_store && !f->stored)
        fields_bool(out, "storing", true);
    if (f->stored)
        fields_u64(out, "file_id", f->id);
    fields_u64(out, "size", f->size);
    fields_u64(out, "tx_id", f->tx_id);
}
void app_file_fields(const struct app_file *f, struct fields *out)
{
    fields_open(out, "fileinfo");
    app_file_members(f, out);
    fields_close(out);
}
