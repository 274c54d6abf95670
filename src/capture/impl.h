/* SPDX-License-Identifier: GPL-2.0-or-later */
/* What every kind of capture shares: the base object, its operations, and the way frames leave. */
#ifndef CAPTURE_IMPL_H
#define CAPTURE_IMPL_H

#include "capture/capture.h"
#include "capture/hold.h"

struct capture_ops {
    /* Fills the burst; `n` is 0, verdicts are PASS, now_ns is the last one's. */
    enum capture_state (*recv)(struct capture *c, struct burst *b, int wait_ms);
    /* The same, while the frames of the burst before stay.  May be NULL. */
    void (*more)(struct capture *c, struct burst *b);
    /* Verdicts of the burst are carried out: its frames may be given back.  May be NULL. */
    void (*done)(struct capture *c, struct burst *b);
    /* A frame goes on its way.  NULL: frames go nowhere (a mirror) and holding makes no sense. */
    bool (*leave)(struct capture *c, const struct frame *f);
    /* Brings counters up to date.  May be NULL. */
    void (*count)(struct capture *c);
    const char *(*iface_name)(const struct capture *c, unsigned iface);
    void (*close)(struct capture *c);
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

/* live_pcap.c: NULL where c is no libpcap capture or has no such port. */
const struct capture_iface_counters *live_pcap_iface(const struct capture *c, unsigned iface);
uint32_t live_pcap_dead(const struct capture *c);

#endif
