/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Numbers that one process writes and others read, in shared memory, without waiting: a sequence
 * number is odd while the writer is at work; a reader that saw it change tries again, a few times.
 * What is read are numbers and nothing else: any value is harmless.
 */
#ifndef SENSOR_SNAPSHOT_H
#define SENSOR_SNAPSHOT_H

#include "base/attr.h"
#include "capture/capture.h"
#include "engine/engine.h"
#include "sensor/sensor.h"

#include <stdatomic.h>

/* One worker's counters, written by it, read by the supervisor and by worker 0. */
struct worker_counts {
    struct engine_counters engine;
    struct capture_counters capture;
    struct injector_counters inject;
    uint64_t version;    /* of the policy in use */
    uint64_t started_ns; /* monotonic */
    uint64_t swaps, swaps_failed, dead_ports;
    uint64_t n_ifaces;
    struct {
        uint64_t received, bytes, kernel_packets, kernel_drops, dead;
    } iface[CAPTURE_IFACES];
};
static_assert(sizeof(struct worker_counts) % 8 == 0, "copied word by word");
struct logger_counts {
    struct logger_counters logger;
    uint64_t drains, reopens, error_ns; /* error_ns: 0: none */
    char error[256];                    /* the last one */
};
static_assert(sizeof(struct logger_counts) % 8 == 0, "copied word by word");

struct worker_slot {
    CACHE_ALIGNED _Atomic uint64_t beat_ns; /* stored by the packet loop itself */
    CACHE_ALIGNED _Atomic uint64_t seq;
    _Atomic uint64_t word[sizeof(struct worker_counts) / 8];
};
/* The shared page of a vIPS: the engine's part, the logger's part (each writes its own mapping). */
struct engine_page {
    struct worker_slot worker[SENSOR_WORKERS];
};
struct logger_page {
    CACHE_ALIGNED _Atomic uint64_t beat_ns;
    CACHE_ALIGNED _Atomic uint64_t seq;
    _Atomic uint64_t word[sizeof(struct logger_counts) / 8];
};

void snapshot_put(_Atomic uint64_t *seq, _Atomic uint64_t *word, const void *p, size_t n);
/* False: the writer was at work each time (or died at it); *p is then as torn as it may be. */
bool snapshot_get(const _Atomic uint64_t *seq, const _Atomic uint64_t *word, void *p, size_t n);

static inline void worker_counts_put(struct worker_slot *s, const struct worker_counts *c)
{
    snapshot_put(&s->seq, s->word, c, sizeof(*c));
}
static inline bool worker_counts_get(const struct worker_slot *s, struct worker_counts *c)
{
    return snapshot_get(&s->seq, s->word, c, sizeof(*c));
}

#endif
