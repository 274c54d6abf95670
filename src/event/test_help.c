/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What the tests of this folder share. */
#include "event/test_help.h"

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

uint64_t test_random(uint64_t *seed)
{
    *seed ^= *seed << 13;
    *seed ^= *seed >> 7;
    *seed ^= *seed << 17;
    return *seed;
}

void bench_new(struct bench *b, size_t payload, uint32_t worker)
{
    size_t n = rec_ring_bytes(payload);
    b->mem = aligned_alloc(4096, n);
    assert_non_null(b->mem);
    b->ring = rec_ring_format(b->mem, n);
    b->reader = rec_ring_attach(b->mem, n);
    assert_non_null(b->ring);
    assert_non_null(b->reader);
    struct emitter_config c = {.ring = b->ring, .worker = worker};
    b->e = emitter_new(&c);
    assert_non_null(b->e);
}

void bench_free(struct bench *b)
{
    emitter_free(b->e);
    rec_ring_free(b->ring);
    rec_ring_free(b->reader);
    free(b->mem);
}

void bench_take(struct bench *b, struct event_view *v)
{
    const void *p;
    int64_t n = rec_ring_peek(b->reader, &p);
    assert_true(n > 0);
    void *copy = malloc((size_t)n);
    assert_non_null(copy);
    memcpy(copy, p, (size_t)n);
    rec_ring_next(b->reader);
    assert_true(event_view(copy, (size_t)n, v));
}

struct event *bench_event(struct bench *b, enum event_type t)
{
    struct event *h = event_begin(b->e, t);
    h->ver = 4;
    h->proto = 6;
    h->flags = EVENT_HAS_PROTO;
    h->ts_ns = 1468449727573103000u;
    h->number = 5;
    h->flow_id = 77;
    h->src = ip_from_v4("\x0a\0\0\1");
    h->dst = ip_from_v4("\xc0\xa8\1\2");
    h->sp = 1234;
    h->dp = 80;
    return h;
}

void bench_alert(struct bench *b, const char *msg, const char *class_text)
{
    struct event_alert a = {.gid = 1, .sid = 2002152, .rev = 2, .priority = 3, .class_id = 4};
    char text[512];
    size_t m = strlen(msg), n = class_text ? strlen(class_text) : 0;
    memcpy(text, msg, m);
    if (n)
        memcpy(text + m, class_text, n);
    a.msg = (struct event_text){sizeof(a), (uint32_t)m};
    a.class_text = (struct event_text){(uint32_t)(sizeof(a) + m), (uint32_t)n};
    event_section2(b->e, SECTION_ALERT, &a, sizeof(a), text, (uint32_t)(m + n));
}

struct conf *test_conf(const char *const *assignments)
{
    struct arena a;
    struct diags d;
    arena_init(&a, 0, 0);
    diags_init(&d, &a);
    struct conf *c = conf_new();
    assert_non_null(c);
    for (; *assignments; assignments++)
        assert_int_equal(conf_set(c, *assignments, &d), 0);
    assert_int_equal(d.errors, 0);
    arena_done(&a);
    return c;
}

char *test_dir(void)
{
    char *dir = strdup("/tmp/test-event-XXXXXX");
    assert_non_null(dir);
    assert_non_null(mkdtemp(dir));
    return dir;
}

void test_dir_free(char *dir)
{
    char name[512];
    DIR *d = opendir(dir);
    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
        snprintf(name, sizeof(name), "%.200s/%s", dir, e->d_name);
        if (e->d_name[0] != '.')
            unlink(name);
    }
    if (d)
        closedir(d);
    rmdir(dir);
    free(dir);
}

char *test_file(const char *dir, const char *name, size_t *n)
{
    char path[512];
    snprintf(path, sizeof(path), "%.200s/%.200s", dir, name);
    FILE *f = fopen(path, "rb");
    if (!f)
        return NULL;
    fseek(f, 0, SEEK_END);
    long size = ftell(f);
    rewind(f);
    char *p = malloc((size_t)size + 1);
    assert_non_null(p);
    size_t got = fread(p, 1, (size_t)size, f);
    fclose(f);
    p[got] = 0;
    if (n)
        *n = got;
    return p;
}

static unsigned names(const char *dir, const char *start, char *last, size_t room)
{
    unsigned n = 0;
    DIR *d = opendir(dir);
    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
        if (strncmp(e->d_name, start, strlen(start)) != 0 || e->d_name[0] == '.')
            continue;
        snprintf(last, room, "%s", e->d_name);
        n++;
    }
    if (d)
        closedir(d);
    return n;
}

unsigned test_names(const char *dir, const char *start)
{
    char last[300];
    return names(dir, start, last, sizeof(last));
}

char *test_name(const char *dir, const char *start)
{
    char last[300] = "";
    assert_int_equal(names(dir, start, last, sizeof(last)), 1);
    return strdup(last);
}
