/* SPDX-License-Identifier: GPL-2.0-or-later */
/* riposte rules top: what rules cost, of a capture file or of a running sensor. */
#include "cli/ctl_print.h"
#include "cli/rules_cmd.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/sbuf.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* By rule, the workers added up. */
struct costs {
    struct rule_cost *row;
    uint32_t n, room;
    bool failed;
};

static void take(void *ctx, const struct rule_cost *c)
{
    struct costs *t = ctx;
    if (t->n == t->room) {
        uint32_t room = t->room ? t->room * 2 : 1024;
        struct rule_cost *p = realloc(t->row, room * sizeof(*p));
        t->failed |= !p;
        if (!p)
            return;
        t->row = p;
        t->room = room;
    }
    t->row[t->n++] = *c;
}

static int by_rule(const void *x, const void *y)
{
    const struct rule_cost *a = x, *b = y;
    return a->gid != b->gid ? (a->gid < b->gid ? -1 : 1) : a->sid < b->sid ? -1 : a->sid > b->sid;
}

static int by_cost(const void *x, const void *y)
{
    const struct rule_cost *a = x, *b = y;
    return a->cycles != b->cycles ? (a->cycles < b->cycles ? 1 : -1) : by_rule(x, y);
}

static void merge(struct costs *t)
{
    uint32_t out = 0;
    if (t->n)
        qsort(t->row, t->n, sizeof(*t->row), by_rule);
    for (uint32_t k = 0; k < t->n; k++) {
        if (!out || by_rule(&t->row[out - 1], &t->row[k])) {
            t->row[out++] = t->row[k];
            continue;
        }
        struct rule_cost *o = &t->row[out - 1];
        o->checks += t->row[k].checks;
        o->matches += t->row[k].matches;
        o->cycles += t->row[k].cycles;
        o->steps += t->row[k].steps;
        o->suspended |= t->row[k].suspended;
    }
    t->n = out;
    if (t->n)
        qsort(t->row, t->n, sizeof(*t->row), by_cost);
}

/* How many cycles a nanosecond has here. */
static double cycles_per_ns(void)
{
    struct timespec nap = {.tv_nsec = 20000000};
    uint64_t t = clock_mono_ns(), c = clock_cycles();
    (void)nanosleep(&nap, NULL);
    uint64_t ns = clock_mono_ns() - t;
    double r = ns ? (double)(clock_cycles() - c) / (double)ns : 1;
    return r > 0 ? r : 1;
}

static void print(const struct costs *t, const struct replay_result *r, const struct rules_args *a)
{
    struct sbuf b;
    struct json j;
    uint64_t all = 0, checks = 0;
    double per_ns = cycles_per_ns();
    for (uint32_t k = 0; k < t->n; k++) {
        all += t->row[k].cycles;
        checks += t->row[k].checks;
    }
    sbuf_init(&b);
    json_init(&j, &b);
    json_open(&j, NULL);
    json_u64(&j, "packets", r->packets);
    json_u64(&j, "sample", 1);
    json_u64(&j, "rules_checked", t->n);
    json_u64(&j, "checks", checks);
    json_double(&j, "ns", (double)all / per_ns);
    json_array(&j, "rules");
    for (uint32_t k = 0; k < t->n && k < a->count; k++) {
        const struct rule_cost *c = &t->row[k];
        json_open(&j, NULL);
        json_u64(&j, "gid", c->gid);
        json_u64(&j, "sid", c->sid);
        json_u64(&j, "checks", c->checks);
        json_u64(&j, "matches", c->matches);
        json_u64(&j, "steps", c->steps);
        json_double(&j, "share", all ? (double)c->cycles / (double)all : 0);
        json_double(&j, "ns", (double)c->cycles / per_ns);
        json_double(&j, "avg_ns", (double)c->cycles / per_ns / (double)c->checks);
        json_bool(&j, "suspended", c->suspended);
        json_close(&j);
    }
    json_array_end(&j);
    json_close(&j);
    sbuf_byte(&b, '\n');
    (void)rules_top_print((const char *)b.p, b.n, a->json);
    sbuf_done(&b);
}

int rules_top(const struct rules_args *a, const struct rule_set *s, struct conf *c, struct diags *d)
{
    struct costs t = {.row = NULL};
    struct replay_result *r = calloc(1, sizeof(*r));
    struct overlay *o = rules_in_force(s, c, d);
    struct replay_options ro = {.overlay = o, .cost = take, .cost_ctx = &t};
    int rc = r && o ? rules_replay(a, c, &ro, r, d) : -EINVAL;
    if (!rc && t.failed)
        rc = -ENOMEM;
    if (!rc) {
        merge(&t);
        print(&t, r, a);
    }
    overlay_close(o);
    free(t.row);
    free(r);
    return rc;
}

int rules_top_live(const struct rules_args *a)
{
    char path[PATH_MAX], line[64];
    struct arena mem;
    struct diags d;
    struct sbuf answer;
    arena_init(&mem, 0, 0);
    diags_init(&d, &mem);
    sbuf_init(&answer);
    snprintf(line, sizeof(line), "costs limit=%u", a->count);
    int rc = sensor_control_path(a->socket, path, sizeof(path), &d);
    if (!rc)
        rc = sensor_request(path, line, &answer, &d);
    print_diags(&d, false);
    int status = rc || !(a->json ? ctl_print((const char *)answer.p, answer.n, true, false)
                                 : rules_top_print((const char *)answer.p, answer.n, false));
    sbuf_done(&answer);
    arena_done(&mem);
    return status;
}
