/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Loading the gate's programs from memory, attaching them, its maps (gate.h). */
#include "capture/gate/gate.h"

#include "capture/gate/gate_object.h"
#include "capture/gate/gate_shared.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

static_assert(sizeof(struct gate_beats) == GATE_BEATS * sizeof(struct gate_beat),
              "one array, two views");
static_assert((int)GATE_WORKERS == (int)GATE_BEATS, "one array, two views");

/* Ours among the filters of a port: no other program is likely to use it. */
enum { FILTER_HANDLE = 0x5249, FILTER_PRIORITY = 1, CPUS_MOST = 1024 };

struct gate {
    struct bpf_object *object;
    int beats_fd, settings_fd, counts_fd, port_fd, ring_fd;
    struct gate_beats *beats;
    struct gate_settings settings;
};

static int quiet(enum libbpf_print_level level, const char *fmt, va_list args)
{
    (void)level;
    (void)fmt;
    (void)args;
    return 0;
}

struct gate_beats *gate_beats_map(int fd)
{
    void *p = mmap(NULL, sizeof(struct gate_beats), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    return p == MAP_FAILED ? NULL : p;
}

void gate_beats_unmap(struct gate_beats *b)
{
    if (b)
        munmap(b, sizeof(*b));
}

int gate_map_fd(const struct gate *g, const char *name)
{
    const struct bpf_map *m = bpf_object__find_map_by_name(g->object, name);
    return m ? bpf_map__fd(m) : -ENOENT;
}

static int program_fd(const struct gate *g, const char *name)
{
    const struct bpf_program *p = bpf_object__find_program_by_name(g->object, name);
    return p ? bpf_program__fd(p) : -ENOENT;
}

static int settings_put(struct gate *g)
{
    uint32_t zero = 0;
    return bpf_map_update_elem(g->settings_fd, &zero, &g->settings, BPF_ANY);
}

static int load(struct gate *g)
{
    LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "riposte_gate");
    g->object = bpf_object__open_mem(gate_object, gate_object_bytes, &opts);
    if (!g->object)
        return -errno;
    int rc = bpf_object__load(g->object);
    if (rc)
        return rc;
    g->beats_fd = gate_map_fd(g, "beats");
    g->settings_fd = gate_map_fd(g, "settings");
    g->counts_fd = gate_map_fd(g, "counts");
    g->port_fd = program_fd(g, "gate_port");
    g->ring_fd = program_fd(g, "gate_ring");
    if (g->beats_fd < 0 || g->settings_fd < 0 || g->counts_fd < 0 || g->port_fd < 0 ||
        g->ring_fd < 0)
        return -ENOENT;
    g->beats = gate_beats_map(g->beats_fd);
    return g->beats ? settings_put(g) : -errno;
}

struct gate *gate_new(const struct gate_options *o, struct diags *d)
{
    struct gate *g = calloc(1, sizeof(*g));
    if (!g)
        return NULL;
    (void)libbpf_set_print(quiet);
    g->settings =
        (struct gate_settings){.after_ns = u64_max(o->after_ns, 2 * GATE_GUARD_NS),
                               .guard_ns = GATE_GUARD_NS,
                               .workers = o->workers < GATE_WORKERS ? o->workers : GATE_WORKERS,
                               .stale_drop = o->stale_drop};
    int rc = load(g);
    if (!rc)
        return g;
    diag_add(d, DIAG_ERROR, NULL, 0, 0,
             rc == -EPERM ? "that needs root, or CAP_BPF and CAP_NET_ADMIN"
                          : "the kernel must have BPF and BTF (5.10 or later)",
             "the gate's programs can't be loaded: %s", strerror(-rc));
    gate_free(g);
    return NULL;
}

void gate_free(struct gate *g)
{
    if (!g)
        return;
    gate_beats_unmap(g->beats);
    bpf_object__close(g->object);
    free(g);
}

int gate_beats_fd(const struct gate *g)
{
    return g->beats_fd;
}

int gate_filter_fd(const struct gate *g)
{
    return g->ring_fd;
}

int gate_attach_program(int program, const char *iface, struct diags *d)
{
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)if_nametoindex(iface),
                .attach_point = BPF_TC_INGRESS);
    LIBBPF_OPTS(bpf_tc_opts, opts, .prog_fd = program, .handle = FILTER_HANDLE,
                .priority = FILTER_PRIORITY, .flags = BPF_TC_F_REPLACE);
    int rc = hook.ifindex ? bpf_tc_hook_create(&hook) : -ENODEV;
    if (rc == -EEXIST) /* a clsact that was there: its filters stay */
        rc = 0;
    if (!rc)
        rc = bpf_tc_attach(&hook, &opts);
    if (rc)
        diag_add(d, DIAG_ERROR, iface, 0, 0, "the kernel must have clsact and cls_bpf (tc)",
                 "the gate can't be set up at the port: %s", strerror(-rc));
    return rc;
}

int gate_attach(struct gate *g, const char *iface, struct diags *d)
{
    return gate_attach_program(g->port_fd, iface, d);
}

void gate_detach(const char *iface)
{
    LIBBPF_OPTS(bpf_tc_hook, hook, .ifindex = (int)if_nametoindex(iface),
                .attach_point = BPF_TC_INGRESS);
    LIBBPF_OPTS(bpf_tc_opts, opts, .handle = FILTER_HANDLE, .priority = FILTER_PRIORITY);
    (void)libbpf_set_print(quiet);
    if (hook.ifindex)
        (void)bpf_tc_detach(&hook, &opts);
}

int gate_pin_queue(const struct gate *g, const char *queue_path, const char *shut_path)
{
    int queue = program_fd(g, "gate_queue"), shut = program_fd(g, "gate_shut");
    if (queue < 0 || shut < 0)
        return -ENOENT;
    int rc = bpf_obj_pin(queue, queue_path) ? -errno : 0;
    return rc ? rc : bpf_obj_pin(shut, shut_path) ? -errno : 0;
}

void gate_open(struct gate *g)
{
    for (unsigned i = 0; i < GATE_WORKERS; i++)
        atomic_store_explicit(&g->beats->worker[i].ns, 0, memory_order_relaxed);
    atomic_thread_fence(memory_order_seq_cst);
}

void gate_stale_drop(struct gate *g, bool drop)
{
    g->settings.stale_drop = drop;
    (void)settings_put(g);
}

void gate_counters(const struct gate *g, struct gate_counters *out)
{
    struct gate_count cpu[CPUS_MOST];
    uint64_t *to[GATE_COUNTS][2] = {[GATE_BRIDGED] = {&out->bridged, &out->bridged_bytes},
                                    [GATE_STALE_DROPPED] = {&out->stale_dropped, &out->stale_bytes},
                                    [GATE_BETWEEN] = {&out->between, &out->between_bytes},
                                    [GATE_TAKEN] = {&out->taken, &out->taken_bytes},
                                    [GATE_TOO_LONG] = {&out->too_long, &out->too_long_bytes}};
    int n = libbpf_num_possible_cpus();
    *out = (struct gate_counters){0};
    for (uint32_t k = 0; k < GATE_COUNTS && n > 0 && n <= CPUS_MOST; k++) {
        if (bpf_map_lookup_elem(g->counts_fd, &k, cpu))
            continue;
        for (int i = 0; i < n; i++) {
            *to[k][0] += cpu[i].frames;
            *to[k][1] += cpu[i].bytes;
        }
    }
}
