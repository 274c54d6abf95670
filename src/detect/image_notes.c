/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the compile had to say, in the image: counts, warnings, refusals with their places, files.
 * Without it a start from the cache would hide what the first one refused.
 */
#include "detect/image_build.h"

#include <stdio.h>
#include <string.h>

static struct img_text put_cstr(struct builder *b, const char *s)
{
    return s && *s ? build_text(b, str_of(s, (uint32_t)strlen(s) + 1)) : (struct img_text){0, 0};
}

static void put_note(struct builder *b, const struct img_note *facts, const char *file,
                     const char *reason, const char *hint)
{
    struct img_note x = *facts;
    x.file = put_cstr(b, file);
    x.reason = put_cstr(b, reason);
    x.hint = put_cstr(b, hint);
    build_put(b, SEC_NOTES, &x, sizeof(x), 1);
}

/* Said at every start from this image, not at its compile alone. */
static void library_note(struct builder *b)
{
    if (pattern_library_misses(LIBRARY_SEED, LIBRARY_SETS) <= 0)
        return;
    char reason[160];
    snprintf(reason, sizeof(reason), "the pattern library %s misses literals on this CPU: rules stay silent at random",
             pattern_library());
    struct img_note x = {.level = DIAG_WARNING};
    put_note(b, &x, NULL, reason, "install libhyperscan5 in its place");
}

void build_notes(struct builder *b)
{
    const struct rule_set *s = b->set;
    uint32_t n = 0;
    for (const struct diag *d = s->diags.first; d; d = d->next, n++) {
        struct img_note x = {
            .line = d->line, .column = d->column, .sid = d->sid, .level = (uint8_t)d->level};
        if (n < IMAGE_NOTES)
            put_note(b, &x, d->file, d->reason, d->hint);
        else
            b->notes_left++;
    }
    library_note(b);
    for (n = 0; n < s->n_refusals; n++) {
        const struct rule_refusal *r = &s->refusals[n];
        struct img_note x = {
            .line = r->line, .column = r->column, .sid = r->sid, .level = DIAG_ERROR, .refusal = 1};
        if (n < IMAGE_REFUSALS)
            put_note(b, &x, r->file, r->reason, r->hint);
        else
            b->notes_left++;
    }
    for (n = 0; n < s->n_files; n++) {
        const struct rule_file_info *f = &s->files[n];
        struct img_file x = {put_cstr(b, f->path), f->dialect, f->told, f->loaded,
                             f->disabled,          f->refused};
        build_put(b, SEC_FILES, &x, sizeof(x), 1);
    }
}

static const char *cstr_of(const struct image *i, struct img_text t)
{
    return t.n ? (const char *)i->data + t.at : NULL;
}

void image_report(const struct image *i, struct image_report *out)
{
    const struct img_header *h = i->h;
    *out = (struct image_report){h->loaded,
                                 h->disabled,
                                 h->refused,
                                 h->replaced,
                                 h->skipped,
                                 (uint32_t)img_count(i, SEC_FILES),
                                 (uint32_t)img_count(i, SEC_NOTES),
                                 h->notes_left};
}

void image_note(const struct image *i, uint32_t n, struct diag *out, bool *refusal)
{
    const struct img_note *x = &i->notes[n];
    *out = (struct diag){.level = (enum diag_level)x->level,
                         .line = x->line,
                         .column = x->column,
                         .sid = x->sid,
                         .file = cstr_of(i, x->file),
                         .reason = cstr_of(i, x->reason),
                         .hint = cstr_of(i, x->hint)};
    if (!out->reason)
        out->reason = "?";
    *refusal = x->refusal;
}

void image_rule_file(const struct image *i, uint32_t n, struct rule_file_info *out)
{
    const struct img_file *f = &i->files[n];
    const char *path = cstr_of(i, f->path);
    *out = (struct rule_file_info){.path = path ? path : "?",
                                   .dialect = (enum rule_dialect)f->dialect,
                                   .told = f->told,
                                   .loaded = f->loaded,
                                   .disabled = f->disabled,
                                   .refused = f->refused};
}
