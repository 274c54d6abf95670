/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * riposte ctl top: all virtual IPSs that answer, a line each, anew every two seconds; `--limit 1`
 * once.
 */
#include "cli/ctl_top.h"

#include "base/sbuf.h"
#include "sensor/sensor.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { MOST = 512, PAUSE_S = 2 };

static bool brief(const char *path, struct ctl_brief *r)
{
    struct arena mem;
    struct diags d;
    struct sbuf answer;
    arena_init(&mem, 0, 0);
    diags_init(&d, &mem);
    sbuf_init(&answer);
    *r = (struct ctl_brief){0};
    r->there = !sensor_request(path, "brief", &answer, &d) &&
               ctl_brief_parse((const char *)answer.p, answer.n, r);
    sbuf_done(&answer);
    arena_done(&mem);
    return r->there;
}

/* 1234567 -> 1.2M */
static const char *short_number(double v, char *room, size_t n)
{
    static const char units[] = " kMGT";
    unsigned u = 0;
    while (v >= 9999.5 && u < 4) {
        v /= 1000;
        u++;
    }
    snprintf(room, n, u ? "%.1f%c" : "%.0f", v, units[u]);
    return room;
}

static double rate(long long now, long long before, double seconds)
{
    return seconds > 0 && now > before ? (double)(now - before) / seconds : 0;
}

static void print(const struct ctl_brief *r, const struct ctl_brief *was)
{
    char a[16], b[16], c[16];
    double s =
        was->there && !strcmp(was->vips, r->vips) ? (double)(r->at_ms - was->at_ms) / 1000 : 0;
    printf("%-20.20s %-9.9s %9s %8.1f %8s %10lld %9lld %6.1f %7s %5lld %4lld %7lld\n", r->vips,
           r->state, short_number(rate(r->packets, was->packets, s), a, sizeof(a)),
           rate(r->bytes, was->bytes, s) * 8 / 1e6,
           short_number(rate(r->alerts, was->alerts, s), b, sizeof(b)), r->alerts, r->kernel_drops,
           rate(r->cpu_ms, was->cpu_ms, s) / 10,
           short_number((double)r->rss_kb * 1024, c, sizeof(c)), r->restarts, r->policy_version,
           r->rules);
}

static void table(struct ctl_brief *now, const struct ctl_brief *was, unsigned n, bool clear)
{
    if (clear)
        printf("\033[H\033[2J");
    printf("%-20s %-9s %9s %8s %8s %10s %9s %6s %7s %5s %4s %7s\n", "VIPS", "STATE", "PACKETS/S",
           "MBIT/S", "ALERTS/S", "ALERTS", "LOST", "CPU %", "MEMORY", "ENDED", "POL", "RULES");
    for (unsigned i = 0; i < n; i++)
        if (now[i].there)
            print(&now[i], &was[i]);
    fflush(stdout);
}

static unsigned look(char (*path)[4096], const char *only, struct ctl_brief *r)
{
    unsigned n = 1;
    struct diags d;
    struct arena mem;
    arena_init(&mem, 0, 0);
    diags_init(&d, &mem);
    if (!only || !strcmp(only, "all"))
        n = sensor_control_all(path, MOST);
    else if (sensor_control_path(only, path[0], sizeof(path[0]), &d))
        n = 0;
    arena_done(&mem);
    for (unsigned i = 0; i < n; i++)
        (void)brief(path[i], &r[i]);
    return n;
}

/* The rates of those that came or went between two looks are of the next table. */
static void line_up(const struct ctl_brief *old, unsigned n_old, struct ctl_brief *out,
                    const struct ctl_brief *now, unsigned n)
{
    for (unsigned i = 0; i < n; i++) {
        out[i] = (struct ctl_brief){0};
        for (unsigned k = 0; k < n_old; k++)
            if (old[k].there && !strcmp(old[k].vips, now[i].vips))
                out[i] = old[k];
    }
}

int ctl_top(const char *only, unsigned long times)
{
    char(*path)[4096] = calloc(MOST, sizeof(*path));
    struct ctl_brief *r[3] = {calloc(MOST, sizeof(struct ctl_brief)),
                              calloc(MOST, sizeof(struct ctl_brief)),
                              calloc(MOST, sizeof(struct ctl_brief))};
    int status = !path || !r[0] || !r[1] || !r[2];
    unsigned n_old = 0;
    bool screen = isatty(STDOUT_FILENO);
    if (!times && !screen)
        times = 1; /* nobody watches */
    for (unsigned long k = 0; !status && (!times || k <= times); k++) {
        unsigned n = look(path, only, r[0]);
        line_up(r[1], n_old, r[2], r[0], n);
        if (k) /* the first look has nothing to compare with */
            table(r[0], r[2], n, screen && times != 1);
        if (!n) {
            fprintf(stderr, "Error: ctl: no sensor answers\n");
            status = 1;
        }
        struct ctl_brief *t = r[1];
        r[1] = r[0];
        r[0] = t;
        n_old = n;
        if (!status && (!times || k < times))
            (void)nanosleep(
                &(struct timespec){.tv_sec = k ? PAUSE_S : 0, .tv_nsec = k ? 0 : 500000000}, NULL);
    }
    for (unsigned i = 0; i < 3; i++)
        free(r[i]);
    free(path);
    return status;
}
