/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The supervisor's part of a wire by AF_XDP: the program at each port, its table of sockets, and
 * the sockets themselves (xdp.h).
 *
 * A port's program is loaded for it alone: it may then ask the driver for the tag.  It is attached
 * by netlink and stays when we end: age makes it pass everything.
 */
#include "capture/xdp/xdp.h"

#include "capture/gate/gate.h"
#include "capture/xdp/area.h"
#include "capture/xdp/kernel.h"
#include "capture/xdp/xdp_object.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/ethtool.h>
#include <linux/if_link.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#define OUR_NAME "riposte_xdp" /* how our programs' names begin */
enum {
    ETH_BYTES = 14 + 2 * 4,
    SEND_BYTES = 16 << 20,
    FRAMES_LEAST = 4096,
    DEV_BOUND_ONLY = 1 << 6
};

struct xdp_wire_port {
    struct bpf_object *object;
    int sockets_fd;
    enum xdp_mode mode;
    uint32_t most;
    char name[IFNAMSIZ];
};
struct xdp_wire {
    struct gate *gate;
    unsigned workers;
    struct xdp_wire_port port[CAPTURE_IFACES];
};
/* Laid out as the program's constants. */
struct constants {
    uint32_t most_bytes, workers;
};

static const struct {
    const char *entry;
    uint32_t flags;
    bool bound;
} modes[XDP_MODES] = {
    [XDP_MODE_NATIVE_TAGS] = {"riposte_xdptag", XDP_FLAGS_DRV_MODE, true},
    [XDP_MODE_NATIVE] = {"riposte_xdp", XDP_FLAGS_DRV_MODE, false},
    [XDP_MODE_GENERIC] = {"riposte_xdp", XDP_FLAGS_SKB_MODE, false},
};

struct xdp_wire *xdp_wire_new(struct gate *g, unsigned workers, struct diags *d)
{
    struct xdp_wire *w = calloc(1, sizeof(*w));
    if (!w) {
        diag_add(d, DIAG_ERROR, NULL, 0, 0, NULL, "no memory");
        return NULL;
    }
    w->gate = g;
    w->workers = workers;
    return w;
}

void xdp_wire_free(struct xdp_wire *w)
{
    for (unsigned i = 0; w && i < CAPTURE_IFACES; i++)
        bpf_object__close(w->port[i].object);
    free(w);
}

/* ------------------------------------------------------------------ asking the port */

static int ask(const char *name, unsigned long what, void *data, int *out)
{
    struct ifreq r = {0};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    snprintf(r.ifr_name, sizeof(r.ifr_name), "%s", name);
    r.ifr_data = data;
    int rc = ioctl(fd, what, &r) ? -errno : 0;
    close(fd);
    if (!rc && out)
        *out = r.ifr_mtu;
    return rc;
}

unsigned xdp_queues(const char *name)
{
    struct ethtool_channels c = {.cmd = ETHTOOL_GCHANNELS};
    if (ask(name, SIOCETHTOOL, &c, NULL))
        return 1;
    return u32_max(c.rx_count + c.combined_count, 1);
}

static uint32_t frame_most(const char *name)
{
    int mtu = 1500;
    (void)ask(name, SIOCGIFMTU, NULL, &mtu);
    uint32_t most = (uint32_t)mtu + ETH_BYTES,
             whole = xdp_in_parts() ? XDP_PARTS_BYTES : XDP_CHUNK_MOST - XDP_CHUNK_ROOM;
    return most < whole ? most : whole;
}

/* A card that takes tags off would keep them from us. */
static void keep_tags(const char *name)
{
    struct ethtool_value v = {.cmd = ETHTOOL_GFLAGS};
    if (ask(name, SIOCETHTOOL, &v, NULL) || !(v.data & ETH_FLAG_RXVLAN))
        return;
    v = (struct ethtool_value){.cmd = ETHTOOL_SFLAGS, .data = v.data & ~(uint32_t)ETH_FLAG_RXVLAN};
    (void)!ask(name, SIOCETHTOOL, &v, NULL);
}

/* In the stack frames are joined before the program sees them: too long to be sent on. */
static void keep_apart(const char *name)
{
    struct ethtool_value v = {.cmd = ETHTOOL_SGRO};
    (void)!ask(name, SIOCETHTOOL, &v, NULL);
    v = (struct ethtool_value){.cmd = ETHTOOL_GFLAGS};
    if (ask(name, SIOCETHTOOL, &v, NULL) || !(v.data & ETH_FLAG_LRO))
        return;
    v = (struct ethtool_value){.cmd = ETHTOOL_SFLAGS, .data = v.data & ~(uint32_t)ETH_FLAG_LRO};
    (void)!ask(name, SIOCETHTOOL, &v, NULL);
}

/* The program at the port: 0 none, 1 ours, -EBUSY another's. */
static int standing(unsigned index, uint32_t *mode)
{
    LIBBPF_OPTS(bpf_xdp_query_opts, q);
    if (bpf_xdp_query((int)index, 0, &q))
        return 0;
    uint32_t id = q.prog_id ? q.prog_id : q.drv_prog_id ? q.drv_prog_id : q.skb_prog_id;
    *mode = q.attach_mode == XDP_ATTACHED_SKB ? XDP_FLAGS_SKB_MODE : XDP_FLAGS_DRV_MODE;
    if (!id)
        return 0;
    struct bpf_prog_info info = {0};
    uint32_t n = sizeof(info);
    int fd = bpf_prog_get_fd_by_id(id);
    bool ours = fd >= 0 && !bpf_obj_get_info_by_fd(fd, &info, &n) &&
                !strncmp(info.name, OUR_NAME, strlen(OUR_NAME));
    if (fd >= 0)
        close(fd);
    return ours ? 1 : -EBUSY;
}

void xdp_detach(const char *name)
{
    unsigned index = if_nametoindex(name);
    uint32_t mode = 0;
    if (index && standing(index, &mode) == 1)
        (void)!bpf_xdp_detach((int)index, mode, NULL);
}

/* ------------------------------------------------------------------ loading and attaching */

static int prepare(struct xdp_wire *w, struct bpf_object *o, unsigned index, unsigned queues,
                   uint32_t most, enum xdp_mode mode)
{
    static const char *const shared[] = {"beats", "settings", "counts"};
    struct bpf_program *p;
    struct constants k = {.most_bytes = most, .workers = w->workers};
    struct bpf_map *sockets = bpf_object__find_map_by_name(o, "sockets"),
                   *constants = bpf_object__find_map_by_name(o, ".rodata");
    if (!sockets || !constants)
        return -ENOENT;
    int rc = bpf_map__set_max_entries(sockets, queues * w->workers);
    rc = rc ? rc : bpf_map__set_initial_value(constants, &k, sizeof(k));
    for (size_t i = 0; i < ARRAY_LEN(shared) && !rc; i++) {
        struct bpf_map *m = bpf_object__find_map_by_name(o, shared[i]);
        rc = m ? bpf_map__reuse_fd(m, gate_map_fd(w->gate, shared[i])) : -ENOENT;
    }
    bpf_object__for_each_program(p, o)
    {
        bool it = !strcmp(bpf_program__name(p), modes[mode].entry);
        (void)bpf_program__set_autoload(p, it);
        if (it && modes[mode].bound) {
            bpf_program__set_ifindex(p, index);
            rc = rc ? rc : bpf_program__set_flags(p, bpf_program__flags(p) | DEV_BOUND_ONLY);
        }
    }
    return rc;
}

static int try_mode(struct xdp_wire *w, struct xdp_wire_port *p, unsigned index, enum xdp_mode mode)
{
    LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "riposte_xdp");
    struct bpf_object *o = bpf_object__open_mem(xdp_object, xdp_object_bytes, &opts);
    if (!o)
        return -errno;
    int rc = prepare(w, o, index, xdp_queues(p->name), p->most, mode);
    rc = rc ? rc : bpf_object__load(o);
    const struct bpf_program *prog = bpf_object__find_program_by_name(o, modes[mode].entry);
    const struct bpf_map *m = bpf_object__find_map_by_name(o, "sockets");
    if (!rc)
        rc = bpf_xdp_attach((int)index, bpf_program__fd(prog), modes[mode].flags, NULL);
    if (rc) {
        bpf_object__close(o);
        return rc;
    }
    bpf_object__close(p->object); /* of before it came back */
    p->object = o;
    p->sockets_fd = bpf_map__fd(m);
    p->mode = mode;
    return 0;
}

int xdp_wire_attach(struct xdp_wire *w, unsigned iface, const char *name, struct diags *d)
{
    struct xdp_wire_port *p = &w->port[iface];
    unsigned index = if_nametoindex(name);
    uint32_t was = 0;
    int rc = -ENODEV, at = index ? standing(index, &was) : 0;
    if (at < 0) {
        diag_add(d, DIAG_ERROR, name, 0, 0,
                 "`ip link set PORT xdp off` takes it away, or --mode af-packet",
                 "another's XDP program stands at the port");
        return at;
    }
    snprintf(p->name, sizeof(p->name), "%s", name);
    p->most = frame_most(name);
    keep_tags(name);
    for (enum xdp_mode m = 0; index && m < XDP_MODES && rc; m++) {
        if (at && was != modes[m].flags)
            xdp_detach(name);
        rc = try_mode(w, p, index, m);
    }
    if (rc) {
        diag_add(d, DIAG_ERROR, name, 0, 0,
                 rc == -EPERM ? "that needs root, or CAP_BPF and CAP_NET_ADMIN"
                              : "--mode af-packet does without",
                 "the XDP program can't be set up at the port: %s", strerror(-rc));
        return rc;
    }
    if (p->mode == XDP_MODE_GENERIC)
        keep_apart(name);
    return 0;
}

enum xdp_mode xdp_wire_mode(const struct xdp_wire *w, unsigned iface)
{
    return w->port[iface].mode;
}

uint32_t xdp_wire_most(const struct xdp_wire *w, unsigned iface)
{
    return w->port[iface].most;
}

/* ------------------------------------------------------------------ sockets */

int xdp_wire_socket(struct xdp_wire *w, unsigned iface, unsigned queue, unsigned worker,
                    struct diags *d)
{
    struct xdp_wire_port *p = &w->port[iface];
    uint32_t key = queue * w->workers + worker;
    int bytes = SEND_BYTES, fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0),
        rc = fd < 0 ? -errno : 0;
    if (!rc && setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof(bytes)))
        (void)setsockopt(fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
    if (!rc)
        rc = bpf_map_update_elem(p->sockets_fd, &key, &fd, BPF_ANY);
    if (!rc)
        return fd;
    diag_add(d, DIAG_ERROR, p->name, 0, 0,
             rc == -EAFNOSUPPORT ? "the kernel has no AF_XDP: --mode af-packet" : NULL,
             "no AF_XDP socket for queue %u: %s", queue, strerror(-rc));
    if (fd >= 0)
        close(fd);
    return rc;
}

struct xdp_frames xdp_frames_for(const struct xdp_wire *w, uint64_t bytes)
{
    uint32_t most = 0;
    for (unsigned i = 0; i < CAPTURE_IFACES; i++)
        most = u32_max(most, w->port[i].most);
    struct xdp_frames f = {.chunk = most <= XDP_CHUNK_LEAST - XDP_CHUNK_ROOM ? XDP_CHUNK_LEAST
                                                                             : XDP_CHUNK_MOST};
    f.bytes = u64_max(bytes, (uint64_t)FRAMES_LEAST * f.chunk) / XDP_CHUNK_MOST * XDP_CHUNK_MOST;
    return f;
}

int xdp_register(int socket, int frames_fd, const struct xdp_frames *f, struct diags *d)
{
    void *mem = mmap(NULL, f->bytes, PROT_READ | PROT_WRITE, MAP_SHARED, frames_fd, 0);
    struct xdp_umem_reg r = {
        .addr = (uint64_t)(uintptr_t)mem, .len = f->bytes, .chunk_size = f->chunk};
    int rc =
        mem == MAP_FAILED || setsockopt(socket, SOL_XDP, XDP_UMEM_REG, &r, sizeof(r)) ? -errno : 0;
    if (mem != MAP_FAILED)
        munmap(mem, f->bytes); /* the kernel keeps the pages */
    if (rc)
        diag_add(d, DIAG_ERROR, NULL, 0, 0,
                 "a smaller capture.ring-size; more locked memory (ulimit -l), or CAP_IPC_LOCK",
                 "the memory of frames (%ju MB) can't be registered: %s", (uintmax_t)f->bytes >> 20,
                 strerror(-rc));
    return rc;
}

/* A socket of its own for the question; what it set up goes with it. */
bool xdp_can_zero_copy(const char *name)
{
    enum { CHUNK = 4096, N = 64 };
    void *mem =
        mmap(NULL, (size_t)CHUNK * N, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    int fd = socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0), n = N;
    struct xdp_umem_reg r = {
        .addr = (uint64_t)(uintptr_t)mem, .len = CHUNK * N, .chunk_size = CHUNK};
    struct sockaddr_xdp a = {.sxdp_family = AF_XDP,
                             .sxdp_ifindex = if_nametoindex(name),
                             .sxdp_flags = XDP_ZEROCOPY | XDP_USE_NEED_WAKEUP};
    bool can = mem != MAP_FAILED && fd >= 0 &&
               !setsockopt(fd, SOL_XDP, XDP_UMEM_REG, &r, sizeof(r)) &&
               !setsockopt(fd, SOL_XDP, XDP_UMEM_FILL_RING, &n, sizeof(n)) &&
               !setsockopt(fd, SOL_XDP, XDP_UMEM_COMPLETION_RING, &n, sizeof(n)) &&
               !setsockopt(fd, SOL_XDP, XDP_RX_RING, &n, sizeof(n)) &&
               !setsockopt(fd, SOL_XDP, XDP_TX_RING, &n, sizeof(n)) &&
               !bind(fd, (struct sockaddr *)&a, sizeof(a));
    if (fd >= 0)
        close(fd);
    if (mem != MAP_FAILED)
        munmap(mem, (size_t)CHUNK * N);
    return can;
}
