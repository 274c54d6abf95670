/* SPDX-License-Identifier: GPL-2.0-or-later */
/* A few numbers of one virtual IPS, for a table of many (`riposte ctl top`). */
#include "sensor/supervisor.h"

#include "base/clock.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* CPU time and memory of a child, from /proc; what can't be read stays 0. */
static void proc_load(const struct proc *p, uint64_t *cpu_ms, uint64_t *rss_kb)
{
    char path[64], line[1024];
    snprintf(path, sizeof(path), "/proc/%ld/stat", (long)p->pid);
    FILE *f = p->state == PROC_NONE ? NULL : fopen(path, "re");
    if (!f)
        return;
    if (fgets(line, sizeof(line), f)) {
        unsigned long user, kernel;
        long pages;
        const char *at = strrchr(line, ')'); /* the name may hold anything */
        if (at && sscanf(at + 1,
                         " %*c %*d %*d %*d %*d %*d %*u %*u %*u %*u %*u %lu %lu %*d %*d %*d %*d %*d "
                         "%*d %*u %*u %ld",
                         &user, &kernel, &pages) == 3) {
            *cpu_ms += (user + kernel) * 1000 / (unsigned long)sysconf(_SC_CLK_TCK);
            *rss_kb += (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE) / 1024;
        }
    }
    fclose(f);
}

void report_brief(struct supervisor *s, struct json *j)
{
    struct worker_counts *c = &s->sum;
    uint64_t cpu = 0, rss = 0;
    (void)counts_sum(s, c);
    proc_load(&s->engine, &cpu, &rss);
    proc_load(&s->logger, &cpu, &rss);
    json_cstr(j, "vips", conf_str(s->conf, "vips.name"));
    json_cstr(j, "state",
              s->stop                                         ? "stopping"
              : s->running && s->engine.state == PROC_RUNNING ? "running"
                                                              : "starting");
    json_u64(j, "at_ms", sup_now() / NS_PER_MS);
    json_u64(j, "packets", c->engine.packets);
    json_u64(j, "bytes", c->engine.bytes);
    json_u64(j, "kernel_drops", c->capture.kernel_drops);
    json_u64(j, "alerts", c->engine.alerts);
    json_u64(j, "flows", c->engine.flow.active);
    json_u64(j, "cpu_ms", cpu);
    json_u64(j, "rss_kb", rss);
    json_u64(j, "gave_way", s->hogged);
    json_u64(j, "restarts", s->engine.restarts);
    json_u64(j, "policy_version", s->version);
    json_u64(j, "rules", s->rules.n_rules);
}
