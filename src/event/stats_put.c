/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * stats.log: the counters of a stats event as a table, nested names joined by dots.
 *
 * Expects {"stats": {"uptime": s, "a": {"b": n}, "threads": {"W#01": {...}}}}.
 */
#include "event/writer.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

enum { NAME_MOST = 192 };

struct walk {
    struct sbuf *b;
    const struct stats_style *s;
    char name[NAME_MOST];          /* of the level we are in, with a dot behind */
    uint32_t at[FIELDS_DEPTH + 1]; /* length of the name at each depth */
    uint32_t depth;
    uint32_t thread_depth; /* of the "threads" object, 0: not in it */
    struct str thread;
    uint64_t uptime;
};

static const char rule[] =
    "-------------------------------------------------------------------------"
    "-----------\n";

static void row_put(struct walk *w, struct str key, uint64_t value)
{
    uint32_t n = w->at[w->depth];
    char name[NAME_MOST + 1];
    bool in_thread = w->thread_depth != 0;
    if ((in_thread ? !w->s->threads : !w->s->totals) || (!value && !w->s->nulls))
        return;
    int len = snprintf(name, sizeof(name), "%.*s%.*s", (int)n, w->name, (int)u32_min(key.n, 64),
                       (const char *)key.p);
    if (len < 0)
        return;
    struct str thread = in_thread ? w->thread : STR("Total");
    size_t start = w->b->n;
    sbuf_printf(w->b, "%-45s | %-25.*s | %llu\n", name, (int)u32_min(thread.n, 40),
                (const char *)thread.p, (unsigned long long)value);
    for (size_t i = start; i + 1 < w->b->n; i++)
        if (w->b->p[i] < 32)
            w->b->p[i] = '.';
}

static void level_enter(struct walk *w, struct str key)
{
    uint32_t n = w->at[w->depth], add = u32_min(key.n, 64);
    bool skip = w->depth == 0 || !key.n; /* "stats" itself, array members */
    if (w->depth == 1 && str_eq(key, STR("threads")) && !w->thread_depth) {
        w->thread_depth = 2;
        skip = true;
    } else if (w->thread_depth && w->depth == w->thread_depth) {
        w->thread = key;
        skip = true;
    }
    if (!skip && n + add + 1 < NAME_MOST) {
        memcpy(w->name + n, key.p, add);
        w->name[n + add] = '.';
        n += add + 1;
    }
    w->depth++;
    w->at[w->depth] = n;
}

static bool item_take(struct walk *w, const struct fields_item *it)
{
    uint64_t v;
    if (it->op == FIELDS_OBJECT || it->op == FIELDS_ARRAY) {
        if (w->depth == FIELDS_DEPTH)
            return false;
        level_enter(w, it->key);
    } else if (it->op == FIELDS_END) {
        if (!w->depth)
            return false;
        w->depth--;
        if (w->thread_depth && w->depth < w->thread_depth)
            w->thread_depth = 0;
    } else if (it->op == FIELDS_U64 || it->op == FIELDS_I64) {
        memcpy(&v, it->v.p, sizeof(v));
        if (w->depth == 1 && str_eq(it->key, STR("uptime")))
            w->uptime = v;
        else
            row_put(w, it->key, v);
    }
    return true;
}

static void head_put(struct sbuf *b, uint64_t ns, uint64_t up)
{
    time_t t = (time_t)(ns / 1000000000u);
    struct tm tm;
    if (!localtime_r(&t, &tm))
        memset(&tm, 0, sizeof(tm));
    sbuf_cstr(b, rule);
    sbuf_printf(b, "Date: %d/%d/%04d -- %02d:%02d:%02d (uptime: %llud, %02lluh %02llum %02llus)\n",
                tm.tm_mon + 1, tm.tm_mday, tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec,
                (unsigned long long)(up / 86400), (unsigned long long)(up / 3600 % 24),
                (unsigned long long)(up / 60 % 60), (unsigned long long)(up % 60));
    sbuf_cstr(b, rule);
    sbuf_printf(b, "%-45s | %-25s | %s\n", "Counter", "TM Name", "Value");
    sbuf_cstr(b, rule);
}

void stats_put(const struct event_view *v, struct stats_style *s, struct sbuf *b)
{
    struct str tape = v->section[SECTION_FIELDS];
    struct sbuf rows;
    struct fields_item it;
    sbuf_init(&rows);
    struct walk w = {.b = &rows, .s = s};
    if (!s->first_ns)
        s->first_ns = v->head->ts_ns;
    w.uptime = (v->head->ts_ns - u64_min(s->first_ns, v->head->ts_ns)) / 1000000000u;
    if (tape.n) {
        struct cursor c = cur_of(tape.p, tape.n);
        while (cur_left(&c) && fields_next(&c, &it) && item_take(&w, &it))
            ;
    }
    head_put(b, v->head->ts_ns, w.uptime);
    sbuf_put(b, rows.p, rows.n);
    if (rows.failed)
        b->failed = true;
    sbuf_done(&rows);
}
