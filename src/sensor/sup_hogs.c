/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Several virtual IPSs, and not enough cores for all: whose worker hogs one gives way to the
 * others.
 *
 * Workers run before all ordinary processes (worker-priority), so that a frame of a quiet network
 * does not wait for anybody's turn.  One that takes more than half of a core's time loses that
 * until it takes less than a quarter for two seconds: what its rules or its network cost is paid by
 * itself.
 */
#include "sensor/supervisor.h"

#include "base/clock.h"
#include "base/log.h"
#include "base/str.h"

#include <dirent.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

enum { LOOK_MS = 200, MUCH = 50, LITTLE = 25, QUIET_LOOKS = 10 };

/* Time on a core of one of the engine's threads; false: it has none. */
static bool spent(const struct supervisor *s, pid_t tid, uint64_t *ns)
{
    char path[80], text[80];
    snprintf(path, sizeof(path), "/proc/%ld/task/%ld/schedstat", (long)s->engine.pid, (long)tid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (fd >= 0)
        close(fd);
    if (n <= 0)
        return false;
    text[n] = 0;
    return str_u64(str_of(text, strcspn(text, " ")), ns);
}

/* Its workers: the threads that run before others. */
void hogs_engine_ready(struct supervisor *s)
{
    char path[64];
    s->n_hogs = 0;
    if (!s->sensor->several || !s->setup.realtime)
        return;
    snprintf(path, sizeof(path), "/proc/%ld/task", (long)s->engine.pid);
    DIR *d = opendir(path);
    for (struct dirent *e; d && s->n_hogs < SENSOR_WORKERS && (e = readdir(d));) {
        uint64_t tid;
        struct hog h = {0};
        if (!str_u64(str_cstr(e->d_name), &tid) || tid > INT32_MAX ||
            sched_getscheduler((pid_t)tid) != SCHED_RR)
            continue;
        h.tid = (pid_t)tid;
        if (spent(s, h.tid, &h.spent_ns))
            s->hog[s->n_hogs++] = h;
    }
    if (d)
        closedir(d);
    s->hogs_look_ns = sup_now();
}

static void move(const struct supervisor *s, struct hog *h, bool gives_way)
{
    struct sched_param p = {.sched_priority = gives_way ? 0 : 1};
    if (sched_setscheduler(h->tid, gives_way ? SCHED_OTHER : SCHED_RR, &p))
        return;
    h->gives_way = gives_way;
    h->quiet = 0;
    log_at(LOG_AT_INFO, "supervisor", "a worker (thread %ld of engine %ld) %s", (long)h->tid,
           (long)s->engine.pid,
           gives_way ? "takes more than half of a core: the others' go first"
                     : "goes before ordinary processes again");
}

void hogs_tick(struct supervisor *s)
{
    uint64_t now = sup_now(), past = now - s->hogs_look_ns;
    if (!s->n_hogs || past < LOOK_MS * NS_PER_MS)
        return;
    s->hogs_look_ns = now;
    for (unsigned i = 0; i < s->n_hogs && s->engine.state == PROC_RUNNING; i++) {
        struct hog *h = &s->hog[i];
        uint64_t ns;
        if (!spent(s, h->tid, &ns) || ns < h->spent_ns)
            continue;
        uint64_t share = (ns - h->spent_ns) * 100 / past;
        h->spent_ns = ns;
        h->quiet = share < LITTLE ? h->quiet + 1 : 0;
        if (!h->gives_way && share > MUCH) {
            s->hogged++;
            move(s, h, true);
        } else if (h->gives_way && h->quiet >= QUIET_LOOKS) {
            move(s, h, false);
        }
    }
}
