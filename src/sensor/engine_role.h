/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The engine's process: one main thread that talks with the supervisor, workers that do the work.
 */
#ifndef SENSOR_ENGINE_ROLE_H
#define SENSOR_ENGINE_ROLE_H

#include "sensor/role.h"
#include "sensor/survey.h"
#include "sensor/seat.h"

#include <pthread.h>

struct engine_proc;
struct worker {
    struct engine_proc *proc;
    unsigned number;
    pthread_t thread;
    bool running;
    /* before the start */
    int capture_fd[CAPTURE_IFACES], response_fd[3];
    unsigned n_capture;
    struct rec_ring *ring;
    void *ring_mem;
    size_t ring_bytes;
    /* the worker's own from then on */
    struct capture *capture;
    struct injector *injector;
    struct engine *engine;
    struct worker_slot *slot;
    struct worker_counts counts;
    uint64_t published_ns, stats_ns;
    struct burst burst;
    bool tries_seats;
    struct seat seat;
    /* between it and the main thread */
    _Atomic(struct overlay *) next; /* given by main, taken by the worker */
    _Atomic uint64_t swapped;       /* version of the last overlay it took up */
    _Atomic int swap_rc;
    _Atomic int replace[CAPTURE_IFACES]; /* a new socket; -1: none */
    _Atomic uint32_t dead;               /* interfaces that went away */
    _Atomic bool stop;
    /* A question goes there and comes back answered; in between it is the worker's alone. */
    _Atomic(struct survey *) survey, surveyed;
    struct survey *surveying;
    bool asked; /* main's: not back yet */
};

struct engine_proc {
    struct child child;
    struct engine_settings *settings;
    struct state *state;
    struct engine_page *page;
    struct overlay *overlay; /* in use */
    struct handover *handover; /* among several workers */
    struct capture_live_options live;
    struct gate_beats *beats; /* in the wire */
    struct xdp_area *frames;  /* AF_XDP: the workers share them */
    int frames_fd;
    struct blacklist *blacklist;
    void *list_block;
    size_t list_bytes;
    struct worker worker[SENSOR_WORKERS];
    unsigned n;
    uint64_t started_ns, stats_every_ns;
    uint64_t save_every_ns, saved_ns; /* data sets that rules change */
    bool save_failed;                 /* told once, until it goes well */
    bool counts_packets; /* capture.packet-count: no frame is judged past it */
    _Atomic uint64_t packets_left;
    uint32_t dead_told;
    bool started, stop, closed;
    uint64_t survey_request, survey_until_ns; /* request 0: none */
    enum survey_kind survey_kind;
    uint32_t survey_most;
};

/* engine_survey.c: questions of `ctl` */
void engine_survey_begin(struct engine_proc *p, const struct message *m);
void engine_survey_look(struct engine_proc *p); /* sends the answer when it is there */

/* Makes what the worker needs; errors into the child's diags. */
int worker_open(struct worker *w) MUST_CHECK;
int worker_start(struct worker *w) MUST_CHECK;
void worker_close(struct worker *w);
/* What waits in the rings was seen before the end.  After all threads have ended; twice: the second time finds what
 * the first handed over. */
void worker_drain(struct worker *w);
/* The last words: all flows end, all is logged, counters stand.  After the thread has ended. */
void worker_finish(struct worker *w);
/* One stats event with the sums of all, by worker 0. */
void worker_stats(struct worker *w);

/* What another overlay changes: numbers and some examples. */
void overlay_compare(const struct overlay *was, const struct overlay *is, struct msg_swapped *out);

#endif
