/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Pattern databases: equal sets of literals share one, sets that an image of before has are taken from there, the
 * others are compiled side by side.
 *
 * The compiler of the library takes 4 KB a literal while it works, and up to 35 MB for some hundreds of short ones.  So
 * the sets in work at a time have a bound on their literals, and what a thread has freed goes back to the system after
 * each: more threads don't mean much more memory.
 */
#include "detect/image_build.h"

#include "base/hash.h"

#include <errno.h>
#include <hs.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

enum { THREADS_MOST = 64, LITERALS_AT_A_TIME = 9000, LITERALS_TRIM = 64 };

struct db_job {
    uint32_t first, n; /* patterns */
    uint64_t set_hash;
    struct db_job *same; /* an earlier job with the same set */
    void *db;            /* deserialised form */
    size_t bytes;
    uint64_t at;
    bool old; /* from an image of before */
};
struct db_work {
    struct builder *b;
    struct db_job *job;
    size_t n, next;
    uint32_t literals; /* in work */
    bool failed;
    pthread_mutex_t lock;
    pthread_cond_t less;
};

static const struct img_pattern *patterns(const struct builder *b)
{
    return (const void *)b->sec[SEC_PATTERNS].p;
}

static bool same_set(const struct builder *b, const struct db_job *x, const struct db_job *y)
{
    const struct img_pattern *p = patterns(b);
    const uint8_t *data = b->sec[SEC_DATA].p;
    return x->n == y->n && x->set_hash == y->set_hash &&
           pattern_set_same(p + x->first, data, p + y->first, data, x->n);
}

/* Compiled, then brought to the form and alignment in which it will be mapped. */
static hs_error_t db_compile(const struct builder *b, struct db_job *j)
{
    const struct img_pattern *p = patterns(b) + j->first;
    const char **text = calloc(j->n, sizeof(*text));
    unsigned *flags = calloc(j->n, sizeof(*flags)), *ids = calloc(j->n, sizeof(*ids));
    size_t *len = calloc(j->n, sizeof(*len));
    hs_database_t *db = NULL;
    hs_compile_error_t *err = NULL;
    char *flat = NULL;
    size_t flat_n = 0;
    hs_error_t rc = HS_NOMEM;
    if (!text || !flags || !ids || !len)
        goto done;
    for (uint32_t k = 0; k < j->n; k++) {
        text[k] = (const char *)b->sec[SEC_DATA].p + p[k].bytes.at;
        len[k] = p[k].bytes.n;
        flags[k] = HS_FLAG_SINGLEMATCH | (p[k].nocase ? HS_FLAG_CASELESS : 0);
        ids[k] = k;
    }
    rc = hs_compile_lit_multi(text, flags, ids, len, j->n, HS_MODE_BLOCK, NULL, &db, &err);
    if (rc != HS_SUCCESS)
        goto done;
    rc = hs_serialize_database(db, &flat, &flat_n);
    if (rc == HS_SUCCESS)
        rc = hs_serialized_database_size(flat, flat_n, &j->bytes);
    if (rc != HS_SUCCESS)
        goto done;
    hs_free_database(db);
    db = NULL;
    size_t room = (j->bytes + IMAGE_ALIGN - 1) / IMAGE_ALIGN * IMAGE_ALIGN;
    j->db = aligned_alloc(IMAGE_ALIGN, room);
    if (!j->db) {
        rc = HS_NOMEM;
        goto done;
    }
    memset(j->db, 0, room); /* the same input gives the same bytes */
    rc = hs_deserialize_database_at(flat, flat_n, j->db);
done:
    if (err)
        hs_free_compile_error(err);
    hs_free_database(db);
    free(flat);
    free(text);
    free(flags);
    free(ids);
    free(len);
    return rc;
}

/* The next job that has a place; waits while those in work take all. */
static struct db_job *job_take(struct db_work *w)
{
    pthread_mutex_lock(&w->lock);
    while (w->next < w->n && (w->job[w->next].same || w->job[w->next].db))
        w->next++;
    struct db_job *j = w->next < w->n ? &w->job[w->next++] : NULL;
    while (j && w->literals && w->literals + j->n > LITERALS_AT_A_TIME)
        pthread_cond_wait(&w->less, &w->lock);
    if (j)
        w->literals += j->n;
    pthread_mutex_unlock(&w->lock);
    return j;
}

static void *db_thread(void *ctx)
{
    struct db_work *w = ctx;
    for (struct db_job *j; (j = job_take(w));) {
        hs_error_t rc = db_compile(w->b, j);
        if (j->n >= LITERALS_TRIM)
            memory_trim();
        pthread_mutex_lock(&w->lock);
        w->literals -= j->n;
        w->failed |= rc != HS_SUCCESS;
        pthread_cond_broadcast(&w->less);
        pthread_mutex_unlock(&w->lock);
    }
    return NULL;
}

static int compile_dbs(struct db_work *w)
{
    pthread_t t[THREADS_MOST];
    unsigned n = 0, want = w->b->threads > THREADS_MOST ? THREADS_MOST : w->b->threads;
    pthread_mutex_init(&w->lock, NULL);
    pthread_cond_init(&w->less, NULL);
    while (n + 1 < want && !pthread_create(&t[n], NULL, db_thread, w))
        n++;
    db_thread(w);
    while (n)
        pthread_join(t[--n], NULL);
    pthread_cond_destroy(&w->less);
    pthread_mutex_destroy(&w->lock);
    return w->failed ? -ENOMEM : 0;
}

static int job_by_size(const void *x, const void *y)
{
    const struct db_job *a = x, *b = y;
    if (a->n != b->n)
        return a->n > b->n ? -1 : 1; /* the largest first: threads end together */
    return a->first < b->first ? -1 : a->first > b->first;
}

static int jobs_make(struct db_work *w, const struct img_group *g, uint32_t n_groups)
{
    const struct builder *b = w->b;
    w->job = calloc((size_t)n_groups * 2 + 1, sizeof(struct db_job));
    if (!w->job)
        return -ENOMEM;
    for (uint32_t k = 0; k < n_groups; k++)
        for (unsigned s = 0; s < 2; s++)
            if (g[k].n[s])
                w->job[w->n++] = (struct db_job){
                    .first = g[k].first[s],
                    .n = g[k].n[s],
                    .set_hash = pattern_set_hash(patterns(b) + g[k].first[s], g[k].n[s], b->sec[SEC_DATA].p)};
    qsort(w->job, w->n, sizeof(*w->job), job_by_size);
    for (size_t k = 1; k < w->n; k++)
        for (size_t m = k; m-- > 0 && w->job[m].n == w->job[k].n;)
            if (!w->job[m].same && same_set(b, &w->job[m], &w->job[k])) {
                w->job[k].same = &w->job[m];
                break;
            }
    return 0;
}

static void take_old(struct db_work *w)
{
    struct builder *b = w->b;
    struct old_images *o = b->cache_dir && w->n ? old_images_new(b->cache_dir) : NULL;
    for (size_t k = 0; o && k < w->n; k++) {
        struct db_job *j = &w->job[k];
        if (!j->same)
            j->db = old_images_find(o, patterns(b) + j->first, j->n, b->sec[SEC_DATA].p, &j->bytes);
        j->old = j->db != NULL;
    }
    old_images_free(o);
}

static void count(struct db_work *w)
{
    struct image_made *m = &w->b->made;
    for (size_t k = 0; k < w->n; k++) {
        if (w->job[k].same)
            continue;
        m->databases++;
        *(w->job[k].old ? &m->reused : &m->compiled) += 1;
    }
}

static void put_dbs(struct db_work *w)
{
    static const uint8_t zero[IMAGE_ALIGN] = {0};
    struct builder *b = w->b;
    build_stream(b, SEC_DBS);
    for (size_t k = 0; k < w->n; k++) {
        struct db_job *j = &w->job[k];
        if (j->same) {
            j->at = j->same->at;
            j->bytes = j->same->bytes;
            continue;
        }
        uint32_t at = build_count(b, SEC_DBS, 1);
        build_put(b, SEC_DBS, zero, 1, (IMAGE_ALIGN - at % IMAGE_ALIGN) % IMAGE_ALIGN);
        j->at = build_put(b, SEC_DBS, j->db, 1, j->bytes);
        build_flush(b, SEC_DBS);
        free(j->db);
        j->db = NULL;
    }
    build_section_out(b, SEC_DBS);
}

int build_dbs(struct builder *b)
{
    struct img_group *g = (void *)b->sec[SEC_GROUPS].p;
    uint32_t n_groups = build_count(b, SEC_GROUPS, sizeof(*g));
    struct db_work w = {.b = b};
    int rc = jobs_make(&w, g, n_groups);
    if (!rc) {
        take_old(&w);
        rc = compile_dbs(&w);
    }
    if (!rc) {
        count(&w);
        put_dbs(&w);
    }
    for (uint32_t k = 0; k < n_groups && !rc; k++)
        for (unsigned s = 0; s < 2; s++)
            for (size_t m = 0; m < w.n && g[k].n[s]; m++)
                if (w.job[m].first == g[k].first[s]) {
                    g[k].db_at[s] = w.job[m].at;
                    g[k].db_bytes[s] = (uint32_t)w.job[m].bytes;
                }
    for (size_t k = 0; k < w.n; k++)
        free(w.job[k].db);
    free(w.job);
    if (rc)
        diag_add(b->d, DIAG_ERROR, NULL, 0, 0, NULL, "a pattern database can't be compiled");
    return rc;
}
