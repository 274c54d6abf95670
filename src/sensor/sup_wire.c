/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Wires: a bridge under each pair of ports, and the gate that lets it forward while no engine does
 * (capture/gate/gate.h, doc/inline.md).
 *
 * The supervisor holds duplicates of all sockets, so that their death opens nothing: it opens the
 * gate itself the moment the engine's process has ended.  Age covers hangs, and the supervisor's
 * own end.
 */
#include "sensor/supervisor.h"

#include "base/log.h"
#include "base/str.h"
#include "capture/gate/gate.h"
#include "capture/share/share.h"
#include "capture/xdp/xdp.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdlib.h>
#include <stdio.h>
#include <string.h>
#include <sys/pidfd.h>
#include <unistd.h>

enum { PIDFD_THREAD = 0200 }; /* O_EXCL */

struct wire {
    struct gate *gate;
    struct xdp_wire *xdp; /* NULL: by AF_PACKET */
    int frames_fd;        /* their memory */
    uint64_t taken;       /* by sockets of all generations before this one */
    bool began;               /* an engine has judged */
    int thread[WIRE_THREADS]; /* of the engine; -1: none */
};

static const char *port(const struct supervisor *s, unsigned i)
{
    return s->plan.live.iface[i];
}

/* Packet filters that see bridged traffic cut into what should go by untouched. */
static void warn_netfilter(void)
{
    static const char *const path[] = {"/proc/sys/net/bridge/bridge-nf-call-iptables",
                                       "/proc/sys/net/bridge/bridge-nf-call-ip6tables"};
    for (size_t i = 0; i < ARRAY_LEN(path); i++) {
        char c = '0';
        int fd = open(path[i], O_RDONLY | O_CLOEXEC);
        if (fd >= 0 && read(fd, &c, 1) == 1 && c == '1')
            log_at(LOG_AT_WARNING, "wire",
                   "%s is 1: while the kernel forwards, the host's packet filter sees the wire's "
                   "traffic",
                   path[i]);
        if (fd >= 0)
            close(fd);
    }
}

/* The sockets of a worker are told by place: no more queues than there is room for. */
static int count_queues(struct supervisor *s, unsigned i)
{
    unsigned n = xdp_queues(port(s, i)), most = CAPTURE_IFACES / s->plan.n;
    s->setup.queues[i] = (uint8_t)n;
    if (n <= most)
        return 0;
    diag_add(&s->diags, DIAG_ERROR, port(s, i), 0, 0, "`ethtool -L PORT combined N` sets fewer, or --mode af-packet",
             "it has %u queues: %u at most with %u ports", n, most, s->plan.n);
    return -EINVAL;
}

const struct gate *wire_gate(const struct supervisor *s)
{
    return s->wire->gate;
}

static unsigned iface_of(const struct supervisor *s, const char *name)
{
    unsigned i = 0;
    while (i < s->plan.n && strcmp(port(s, i), name) != 0)
        i++;
    return i;
}

/* The gate at a port, in place of what an earlier sensor may have left there, whichever way it went. */
int wire_gate_at(struct supervisor *s, struct trunk *t, unsigned end)
{
    static const char *const words[XDP_MODES] = {
        [XDP_MODE_NATIVE_TAGS] = "in the driver",
        [XDP_MODE_NATIVE] = "in the driver",
        [XDP_MODE_GENERIC] = "in the stack, for its driver takes none",
    };
    static const char joined[] =
        "; what a sender on this host or the stack itself has joined (super-frames) is too long for this way: it goes on unlooked, as too_long";
    struct wire *w = s->wire;
    const char *name = t->port[end];
    unsigned i = iface_of(s, name);
    t->index[end] = if_nametoindex(name);
    if (!w->xdp) {
        xdp_detach(name);
        return t->share ? share_attach(t->share, end, &s->diags) : gate_attach(w->gate, name, &s->diags);
    }
    gate_detach(name);
    int rc = count_queues(s, i);
    rc = rc ? rc : xdp_wire_attach(w->xdp, i, name, &s->diags);
    if (!rc)
        log_at(xdp_wire_mode(w->xdp, i) == XDP_MODE_GENERIC ? LOG_AT_WARNING : LOG_AT_NOTICE, "wire", "%s: XDP program %s, %u queue%s%s",
               name, words[xdp_wire_mode(w->xdp, i)], s->setup.queues[i], s->setup.queues[i] == 1 ? "" : "s",
               xdp_wire_mode(w->xdp, i) == XDP_MODE_GENERIC ? joined : "");
    return rc;
}

/* Zero-copy, if all ports can: they share the memory of frames. */
static int xdp_begin(struct supervisor *s)
{
    bool zero = true;
    if (!s->plan.xdp)
        return 0;
    for (unsigned i = 0; i < s->plan.n && zero; i++)
        zero = xdp_wire_mode(s->wire->xdp, i) != XDP_MODE_GENERIC && xdp_can_zero_copy(port(s, i));
    s->setup.frames = xdp_frames_for(s->wire->xdp, s->plan.live.ring_bytes);
    s->wire->frames_fd = memory_shared("riposte-frames", s->setup.frames.bytes);
    if (s->wire->frames_fd < 0)
        return s->wire->frames_fd;
    s->setup.xdp = zero ? SETUP_XDP_ZERO_COPY : SETUP_XDP_COPY;
    log_at(LOG_AT_NOTICE, "wire", "AF_XDP: %s", zero ? "zero-copy" : "copying, for not all ports' drivers have zero-copy");
    return 0;
}

static int no_addresses(struct supervisor *s)
{
    for (unsigned i = 0; i < s->plan.n; i++)
        if (s->plan.with_address >> i & 1) {
            diag_add(&s->diags, DIAG_ERROR, port(s, i), 0, 0,
                     "`ip addr flush dev PORT`, or another port",
                     "it has addresses: a port in the wire has none, the host would lose them");
            return -EINVAL;
        }
    return 0;
}

int wire_prepare(struct supervisor *s)
{
    const struct port_plan *p = &s->plan;
    if (!p->in_wire)
        return 0;
    int rc = no_addresses(s);
    if (rc)
        return rc;
    struct gate_options o = {.after_ns = p->after_ns,
                             .workers = p->workers,
                             .stale_drop = p->hold_start || p->drop_stale};
    s->wire = calloc(1, sizeof(*s->wire));
    if (!s->wire)
        return -ENOMEM;
    memset(s->wire->thread, -1, sizeof(s->wire->thread));
    s->wire->frames_fd = -1;
    for (unsigned i = 0; i < p->n && !rc && !p->queue; i += PAIR_ENDS)
        rc = trunk_lock(s, s->trunk[i]);
    if (rc)
        return rc;
    s->wire->gate = gate_new(&o, &s->diags);
    if (!s->wire->gate || (p->xdp && !(s->wire->xdp = xdp_wire_new(s->wire->gate, p->workers, &s->diags))))
        return -EINVAL;
    for (unsigned i = 0; i < p->n && !rc && !p->queue; i += PAIR_ENDS)
        rc = trunk_up(s, s->trunk[i]);
    rc = rc ? rc : xdp_begin(s);
    if (!rc && p->queue)
        rc = queue_up(s, s->wire->gate);
    if (rc)
        return rc;
    if (!p->queue)
        warn_netfilter();
    log_at(LOG_AT_NOTICE, "wire",
           "until the first rules are loaded, the kernel %s; once no worker's loop has turned for "
           "%llu ms, it %s%s",
           o.stale_drop ? "drops everything" : "forwards unlooked",
           (unsigned long long)(p->after_ns / 1000000),
           p->drop_stale ? "drops everything" : "forwards unlooked",
           p->test ? "; inline-test: nothing is dropped by rules" : "");
    return 0;
}

int wire_options(struct supervisor *s, unsigned iface, struct capture_live_options *o)
{
    if (s->wire) {
        o->in_wire = true;
        o->gate_fd = gate_filter_fd(s->wire->gate);
    }
    return trunk_options(s, iface, o);
}

int wire_send(struct supervisor *s, int channel)
{
    if (!s->wire)
        return 0;
    int fd[2] = {gate_beats_fd(s->wire->gate), s->wire->frames_fd};
    return msg_send(channel, MSG_GATE, NULL, 0, fd, fd[1] >= 0 ? 2 : 1);
}

int wire_port_back(struct supervisor *s, unsigned i)
{
    if (!s->wire)
        return 0;
    return trunk_port_back(s, s->trunk[i], i % PAIR_ENDS);
}

/* Before another engine: a port that went and came while there was none has neither bridge nor gate. */
int wire_ports_there(struct supervisor *s)
{
    int rc = 0;
    for (unsigned i = 0; s->wire && !s->plan.queue && i < s->plan.n && !rc; i++) {
        unsigned index = if_nametoindex(port(s, i));
        if (index && index == s->trunk[i]->index[i % PAIR_ENDS])
            continue;
        rc = capture_silence_port(port(s, i), &s->diags);
        rc = rc ? rc : wire_port_back(s, i);
    }
    return rc;
}

int wire_socket(struct supervisor *s, unsigned iface, unsigned queue, unsigned worker)
{
    int fd = xdp_wire_socket(s->wire->xdp, iface, queue, worker, &s->diags);
    if (fd < 0 || iface || queue || worker) /* the first one has the memory */
        return fd;
    int rc = xdp_register(fd, s->wire->frames_fd, &s->setup.frames, &s->diags);
    if (rc)
        close(fd);
    return rc ? rc : fd;
}

static uint64_t all_taken(const struct supervisor *s)
{
    struct gate_counters c;
    gate_counters(s->wire->gate, &c);
    return c.taken;
}

void wire_generation(struct supervisor *s)
{
    if (s->wire)
        s->wire->taken = all_taken(s);
}

uint64_t wire_taken(const struct supervisor *s)
{
    return s->wire ? all_taken(s) - s->wire->taken : 0;
}

uint64_t wire_too_long(const struct supervisor *s)
{
    struct gate_counters c = {0};
    if (s->wire)
        gate_counters(s->wire->gate, &c);
    return c.too_long;
}

void wire_began(struct supervisor *s)
{
    if (!s->wire || s->wire->began)
        return;
    s->wire->began = true;
    struct gate_counters c;
    gate_counters(s->wire->gate, &c);
    if (c.bridged)
        log_at(LOG_AT_NOTICE, "wire",
               "%llu frames went on unlooked before the first rules were loaded",
               (unsigned long long)c.bridged);
    gate_stale_drop(s->wire->gate, s->plan.drop_stale);
}

/*
 * A process's end is told when its memory has been given back, which takes tens of milliseconds
 * where there is much of it.  The first thread to go does not wait for that: two are watched, one
 * of them is not the last (the first thread of all is told of with the process).  Linux 6.9; before
 * that the process's own end must do.
 */
void wire_engine_ready(struct supervisor *s)
{
    char path[64];
    unsigned n = 0;
    if (!s->wire)
        return;
    snprintf(path, sizeof(path), "/proc/%ld/task", (long)s->engine.pid);
    DIR *d = opendir(path);
    for (struct dirent *e; d && n < WIRE_THREADS && (e = readdir(d));) {
        uint64_t tid;
        if (!str_u64(str_cstr(e->d_name), &tid) || tid > INT32_MAX || (pid_t)tid == s->engine.pid)
            continue;
        int fd = pidfd_open((pid_t)tid, PIDFD_THREAD);
        if (fd >= 0)
            s->wire->thread[n++] = fd;
    }
    if (d)
        closedir(d);
}

unsigned wire_watched(const struct supervisor *s, int fd[WIRE_THREADS])
{
    unsigned n = 0;
    for (unsigned i = 0; s->wire && i < WIRE_THREADS; i++)
        if (s->wire->thread[i] >= 0)
            fd[n++] = s->wire->thread[i];
    return n;
}

void wire_engine_gone(struct supervisor *s)
{
    if (!s->wire)
        return;
    gate_open(s->wire->gate);
    queue_release(s);
    for (unsigned i = 0; i < WIRE_THREADS; i++) {
        if (s->wire->thread[i] >= 0)
            close(s->wire->thread[i]);
        s->wire->thread[i] = -1;
    }
}

void wire_end(struct supervisor *s)
{
    if (!s->wire)
        return;
    bool prepared = s->wire->gate != NULL;
    if (prepared)
        wire_engine_gone(s);
    if (s->plan.queue)
        queue_down(s);
    for (unsigned i = 0; prepared && !s->plan.queue && i < s->plan.n; i += PAIR_ENDS)
        trunk_down(s, s->trunk[i]);
    xdp_wire_free(s->wire->xdp);
    if (s->wire->frames_fd >= 0)
        close(s->wire->frames_fd);
    if (prepared)
        gate_free(s->wire->gate);
    free(s->wire);
    s->wire = NULL;
}

/* What the kernel did in our place; the engine's part stands with its captures. */
void report_wire(struct supervisor *s, struct json *j)
{
    struct gate_counters c;
    if (!s->wire)
        return;
    gate_counters(s->wire->gate, &c);
    struct worker_counts *n = &s->sum;
    const struct capture_counters *past = &s->past.capture, *now = &n->capture;
    (void)counts_sum(s, n);
    json_open(j, "wire");
    json_u64(j, "forwarded", past->out_sent + now->out_sent);
    json_u64(j, "send_failed", past->out_failed + now->out_failed);
    json_u64(j, "dropped", past->dropped + now->dropped);
    json_u64(j, "modified", past->modified + now->modified);
    json_u64(j, "held", past->held + now->held);
    json_u64(j, "late", past->late + now->late);
    json_u64(j, "overloads", past->let_go + now->let_go);
    json_u64(j, "stalls", past->stalled + now->stalled);
    json_u64(j, "bridged", c.bridged);
    json_u64(j, "bridged_bytes", c.bridged_bytes);
    json_u64(j, "stale_dropped", c.stale_dropped);
    json_u64(j, "between", c.between);
    json_u64(j, "too_long", c.too_long);
    struct share_counters shared;
    trunks_counters(s, &shared);
    json_u64(j, "unclaimed", shared.unclaimed);
    json_u64(j, "astray", shared.astray);
    json_cstr(j, "mode", s->wire->xdp ? s->setup.xdp == SETUP_XDP_ZERO_COPY ? "af-xdp, zero-copy" : "af-xdp, copying" : s->plan.queue ? "nfqueue" : "af-packet");
    json_bool(j, "inline_test", s->plan.test);
    report_queues(j, s);
    json_array(j, "pairs");
    for (unsigned i = 0; i < s->plan.n && !s->plan.queue; i += PAIR_ENDS) {
        json_open(j, NULL);
        json_cstr(j, "a", port(s, i));
        json_cstr(j, "b", port(s, i + 1));
        json_cstr(j, "bridge", s->trunk[i]->bridge.name);
        json_close(j);
    }
    json_array_end(j);
    json_close(j);
}

uint64_t wire_bridged(const struct supervisor *s, uint64_t *dropped, uint64_t *between)
{
    struct gate_counters c = {0};
    if (s->wire)
        gate_counters(s->wire->gate, &c);
    *dropped = c.stale_dropped;
    *between = c.between;
    return c.bridged;
}
