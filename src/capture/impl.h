/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What every kind of capture shares: the base object, its operations, and the way frames leave. */
#ifndef CAPTURE_IMPL_H
#define CAPTURE_IMPL_H

#include "capture/capture.h"
#include "capture/hold.h"

/* Of captures of live interfaces (capture.h: capture_live_*). */
struct capture_live_ops {
    void (*wake)(struct capture *c, int fd);
    uint64_t (*horizon)(const struct capture *c);
    uint32_t (*dead)(const struct capture *c);
    int (*replace)(struct capture *c, unsigned iface, int fd); /* owns fd */
    const struct capture_iface_counters *(*iface)(const struct capture *c, unsigned iface);
};
struct capture_ops {
    /* Fills the burst; `n` is 0, verdicts are PASS, now_ns is the last one's. */
    enum capture_state (*recv)(struct capture *c, struct burst *b, int wait_ms);
    /* The same, while the frames of the burst before stay.  May be NULL. */
    void (*more)(struct capture *c, struct burst *b);
    /* Verdicts of the burst are carried out: its frames may be given back.  May be NULL. */
    void (*done)(struct capture *c, struct burst *b);
    /* A frame goes on its way.  NULL: frames go nowhere (a mirror) and holding makes no sense. */
    bool (*leave)(struct capture *c, const struct frame *f);
    /* A frame goes nowhere: dropped.  May be NULL. */
    void (*stay)(struct capture *c, const struct frame *f);
    /* Brings counters up to date.  May be NULL. */
    void (*count)(struct capture *c);
    const char *(*iface_name)(const struct capture *c, unsigned iface);
    void (*close)(struct capture *c);
    /* In the wire (capture_send, capture_let_go).  NULL: not. */
    bool (*send)(struct capture *c, unsigned iface, const void *frame, size_t n);
    void (*let_go)(struct capture *c);
    const struct capture_live_ops *live; /* NULL: no live interfaces */
};

struct capture {
    const struct capture_ops *ops;
    struct capture_counters n;
    struct hold hold;
    uint64_t now_ns;
    bool ended; /* file: all read */
    char error[512];
};

void capture_base_init(struct capture *c, const struct capture_ops *ops, uint64_t hold_cap_bytes);
void capture_base_done(struct capture *c);

#endif
