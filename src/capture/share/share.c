/* SPDX-License-Identifier: GPL-2.0-or-later */
/* The maps and programs of a shared port (share.h). */
#include "capture/share/share.h"

#include "capture/gate/gate.h"
#include "capture/share/share_object.h"
#include "capture/share/share_shared.h"
#include "capture/gate/gate_shared.h"

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <errno.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { SLOTS = 1024, CPUS_MOST = 1024 };
static_assert((int)SHARE_UNTAGGED == (int)SHARE_VLANS - 1 &&
                  (int)SHARE_VLAN_ANY == (int)SHARE_ANY_VLAN,
              "one number, two names");

/* A socket of the group, where the kernel has it. */
struct slot {
    int fd; /* the caller's; known by its number alone */
    uint16_t member, worker;
    uint64_t made;
};
struct group {
    char port[IFNAMSIZ];
    unsigned index; /* when the last socket joined */
    uint16_t id;
    unsigned n;
    struct slot slot[SLOTS];
    struct slot *before; /* the order that was thought of last */
    unsigned n_before;
};
struct member {
    struct bpf_object *object; /* its filters; NULL: it has never run */
    int filter_fd;
};
struct share {
    struct bpf_object *object;
    bool in_wire;
    unsigned ports;
    uint64_t made;
    uint64_t astray; /* when it was looked last */
    unsigned strays; /* looks that found some, since the sockets are what they are */
    struct group group[SHARE_PORTS];
    struct member member[SHARE_MEMBERS];
};

static int quiet(enum libbpf_print_level level, const char *fmt, va_list args)
{
    (void)level;
    (void)fmt;
    (void)args;
    return 0;
}

static int map_fd(const struct bpf_object *o, const char *name)
{
    const struct bpf_map *m = bpf_object__find_map_by_name(o, name);
    return m ? bpf_map__fd(m) : -ENOENT;
}

static int program_fd(const struct bpf_object *o, const char *name)
{
    const struct bpf_program *p = bpf_object__find_program_by_name(o, name);
    return p ? bpf_program__fd(p) : -ENOENT;
}

/* The object with these programs and no others. */
static struct bpf_object *open_with(const char *const *keep, size_t n)
{
    LIBBPF_OPTS(bpf_object_open_opts, opts, .object_name = "riposte_share");
    struct bpf_object *o = bpf_object__open_mem(share_object, share_object_bytes, &opts);
    struct bpf_program *p;
    if (!o)
        return NULL;
    bpf_object__for_each_program(p, o)
    {
        bool wanted = false;
        for (size_t i = 0; i < n; i++)
            wanted |= !strcmp(bpf_program__name(p), keep[i]);
        (void)bpf_program__set_autoload(p, wanted);
    }
    return o;
}

static int nobody_claims(struct share *s)
{
    struct share_vlan none = {.member = SHARE_NONE};
    struct share_all all = {.rest = SHARE_NONE};
    uint32_t zero = 0;
    int fd = map_fd(s->object, "vlans"), rc = 0;
    for (uint32_t k = 0; k < SHARE_VLANS && !rc; k++)
        rc = bpf_map_update_elem(fd, &k, &none, BPF_ANY);
    return rc ? rc : bpf_map_update_elem(map_fd(s->object, "all"), &zero, &all, BPF_ANY);
}

struct share *share_new(const char *const *port, unsigned ports, bool in_wire, struct diags *d)
{
    static const char *const ours[] = {"share_port", "share_fanout"};
    struct share *s = calloc(1, sizeof(*s));
    if (!s)
        return NULL;
    (void)libbpf_set_print(quiet);
    s->in_wire = in_wire;
    s->ports = ports < SHARE_PORTS ? ports : SHARE_PORTS;
    for (unsigned i = 0; i < s->ports; i++)
        snprintf(s->group[i].port, sizeof(s->group[i].port), "%s", port[i]);
    s->object = open_with(ours, ARRAY_LEN(ours));
    int rc = s->object ? bpf_object__load(s->object) : -errno;
    rc = rc ? rc : nobody_claims(s);
    if (!rc)
        return s;
    diag_add(d, DIAG_ERROR, port[0], 0, 0, "the kernel must have BPF and BTF (5.10 or later)",
             "the programs of a shared port can't be loaded: %s", strerror(-rc));
    share_free(s);
    return NULL;
}

void share_free(struct share *s)
{
    if (!s)
        return;
    for (unsigned i = 0; i < SHARE_MEMBERS; i++)
        bpf_object__close(s->member[i].object);
    for (unsigned i = 0; i < SHARE_PORTS; i++)
        free(s->group[i].before);
    bpf_object__close(s->object);
    free(s);
}

/* ------------------------------------------------------------------ claims */

int share_claim_vlan(struct share *s, unsigned member, unsigned vlan, unsigned *by)
{
    struct share_vlan v;
    uint32_t k = vlan;
    int fd = map_fd(s->object, "vlans");
    if (member >= SHARE_MEMBERS || vlan >= SHARE_VLANS || bpf_map_lookup_elem(fd, &k, &v))
        return -EINVAL;
    if (v.known && v.member != member) {
        *by = v.member;
        return -EEXIST;
    }
    v = (struct share_vlan){.member = (uint16_t)member, .known = 1};
    return bpf_map_update_elem(fd, &k, &v, BPF_ANY);
}

/* The VLAN's frames, or those of all VLANs without a claim, are told apart by network. */
static int by_network(struct share *s, unsigned vlan, unsigned *by)
{
    uint32_t k = vlan == SHARE_VLAN_ANY ? 0 : vlan;
    if (vlan == SHARE_VLAN_ANY) {
        struct share_all all;
        int fd = map_fd(s->object, "all");
        if (bpf_map_lookup_elem(fd, &k, &all))
            return -EINVAL;
        all.nets = 1;
        return bpf_map_update_elem(fd, &k, &all, BPF_ANY);
    }
    struct share_vlan v;
    int fd = map_fd(s->object, "vlans");
    if (vlan >= SHARE_VLANS || bpf_map_lookup_elem(fd, &k, &v))
        return -EINVAL;
    if (v.known && v.member != SHARE_NONE) {
        *by = v.member;
        return -EEXIST;
    }
    v = (struct share_vlan){.member = SHARE_NONE, .known = 1, .nets = 1};
    return bpf_map_update_elem(fd, &k, &v, BPF_ANY);
}

int share_claim_net(struct share *s, unsigned member, unsigned vlan, const struct ip_addr *a,
                    uint8_t ver, unsigned prefix, unsigned *by)
{
    struct share_net k = {
        .prefixlen = SHARE_FAMILY_BITS + prefix, .vlan = (uint16_t)vlan, .version = ver};
    uint32_t who = member, has;
    int fd = map_fd(s->object, "nets");
    if (member >= SHARE_MEMBERS || (ver != 4 && ver != 6) || prefix > (ver == 4 ? 32u : 128u))
        return -EINVAL;
    int rc = by_network(s, vlan, by);
    if (rc)
        return rc;
    memcpy(k.addr, ver == 4 ? a->b + 12 : a->b, ver == 4 ? 4 : 16);
    /* A look-up would find the shorter ones, too: this very key is what NOEXIST asks for. */
    rc = bpf_map_update_elem(fd, &k, &who, BPF_NOEXIST);
    if (rc == -EEXIST && !bpf_map_lookup_elem(fd, &k, &has)) {
        *by = has;
        return has == member ? 0 : -EEXIST;
    }
    return rc;
}

int share_claim_rest(struct share *s, unsigned member, unsigned *by)
{
    struct share_all all;
    uint32_t zero = 0;
    int fd = map_fd(s->object, "all");
    if (member >= SHARE_MEMBERS || bpf_map_lookup_elem(fd, &zero, &all))
        return -EINVAL;
    if (all.rest != SHARE_NONE && all.rest != member) {
        *by = all.rest;
        return -EEXIST;
    }
    all.rest = (uint16_t)member;
    return bpf_map_update_elem(fd, &zero, &all, BPF_ANY);
}

int share_between(struct share *s, unsigned a, unsigned b, unsigned by)
{
    struct share_pair k = {.a = (uint16_t)(a < b ? a : b), .b = (uint16_t)(a < b ? b : a)};
    uint32_t who = by;
    if (a >= SHARE_MEMBERS || b >= SHARE_MEMBERS || by >= SHARE_MEMBERS || a == b)
        return -EINVAL;
    return bpf_map_update_elem(map_fd(s->object, "between"), &k, &who, BPF_ANY);
}

/* ------------------------------------------------------------------ members */

/* Maps of the whole, and of the member's gate, in the places of those that its object would make.
 */
static int take_maps(struct share *s, struct bpf_object *o, const struct gate *g)
{
    static const char *const gates[] = {"beats", "settings", "counts"};
    struct bpf_map *m;
    bpf_object__for_each_map(m, o)
    {
        const char *name = bpf_map__name(m);
        int fd = -1;
        if (bpf_map__is_internal(m))
            continue;
        for (size_t i = 0; i < ARRAY_LEN(gates) && g; i++)
            if (!strcmp(name, gates[i]))
                fd = gate_map_fd(g, name);
        if (fd < 0)
            fd = map_fd(s->object, name);
        int rc = fd < 0 ? fd : bpf_map__reuse_fd(m, fd);
        if (rc)
            return rc;
    }
    return 0;
}

static int load_member(struct share *s, unsigned member, const struct gate *g)
{
    const char *const program = g ? "share_ring" : "share_mirror";
    struct member *x = &s->member[member];
    uint32_t self = member;
    x->object = open_with(&program, 1);
    if (!x->object)
        return -errno;
    struct bpf_map *ro = bpf_object__find_map_by_name(x->object, ".rodata");
    int rc = ro ? bpf_map__set_initial_value(ro, &self, sizeof(self)) : -ENOENT;
    rc = rc ? rc : take_maps(s, x->object, g);
    rc = rc ? rc : bpf_object__load(x->object);
    x->filter_fd = rc ? rc : program_fd(x->object, program);
    return rc ? rc : x->filter_fd < 0 ? x->filter_fd : 0;
}

/* The gate's maps among those that the program at the ports asks. */
static int put_gate(struct share *s, unsigned member, const struct gate *g)
{
    static const struct {
        const char *all, *own;
    } maps[] = {{"all_settings", "settings"},
                {"all_counts", "counts"},
                {"all_beats", "beats"} /* last: it makes them count */};
    uint32_t k = member;
    int rc = 0;
    for (size_t i = 0; i < ARRAY_LEN(maps) && !rc; i++) {
        uint32_t fd = (uint32_t)gate_map_fd(g, maps[i].own);
        rc = bpf_map_update_elem(map_fd(s->object, maps[i].all), &k, &fd, BPF_ANY);
    }
    return rc;
}

int share_member(struct share *s, unsigned member, const struct gate *g, struct diags *d)
{
    if (member >= SHARE_MEMBERS)
        return -EINVAL;
    struct member *x = &s->member[member];
    bpf_object__close(x->object); /* sockets keep the program that they have */
    *x = (struct member){.filter_fd = -1};
    int rc = load_member(s, member, g);
    if (!rc && g)
        rc = put_gate(s, member, g);
    if (rc)
        diag_add(d, DIAG_ERROR, s->group[0].port, 0, 0, NULL,
                 "the filter of a shared port can't be loaded: %s", strerror(-rc));
    return rc;
}

int share_filter_fd(const struct share *s, unsigned member)
{
    return member < SHARE_MEMBERS && s->member[member].object ? s->member[member].filter_fd
                                                              : -ENOENT;
}

void share_gone(struct share *s, unsigned member)
{
    static const char *const maps[] = {"all_beats", "all_settings", "all_counts"};
    uint32_t k = member;
    for (size_t i = 0; i < ARRAY_LEN(maps); i++)
        (void)bpf_map_delete_elem(map_fd(s->object, maps[i]), &k);
}

int share_attach(struct share *s, unsigned port, struct diags *d)
{
    return gate_attach_program(program_fd(s->object, "share_port"), s->group[port].port, d);
}

/* ------------------------------------------------------------------ the fanout group */

uint16_t share_group(const struct share *s, unsigned port)
{
    return s->group[port].id;
}

int share_program_fd(const struct share *s)
{
    return program_fd(s->object, "share_fanout");
}

/* Each member's newest sockets, by worker, into the map that the group's program reads. */
static int tell_places(struct share *s, struct group *g)
{
    int fd = map_fd(s->object, "places"), rc = 0;
    for (uint32_t m = 0; m < SHARE_MEMBERS; m++) {
        struct share_place p = {.workers = 0};
        uint64_t made[SHARE_PLACES] = {0};
        for (unsigned i = 0; i < g->n; i++) {
            const struct slot *t = &g->slot[i];
            if (t->member != m || t->made < made[t->worker])
                continue;
            made[t->worker] = t->made;
            p.at[t->worker] = i;
            if (t->worker >= p.workers)
                p.workers = t->worker + 1u;
        }
        struct share_place_key k = {.ifindex = g->index, .member = m};
        if (p.workers && bpf_map_update_elem(fd, &k, &p, BPF_ANY))
            rc = -errno;
    }
    return rc;
}

/* The number that the kernel gave the group. */
static void group_id(struct group *g, int fd)
{
    int v = 0;
    socklen_t n = sizeof(v);
    if (!g->id && !getsockopt(fd, SOL_PACKET, PACKET_FANOUT, &v, &n))
        g->id = (uint16_t)v;
}

int share_joined(struct share *s, unsigned port, unsigned member, unsigned worker, int fd)
{
    struct group *g = &s->group[port];
    if (g->n == SLOTS || worker >= SHARE_PLACES || member >= SHARE_MEMBERS)
        return -ENOSPC;
    unsigned index = if_nametoindex(g->port);
    if (index != g->index) { /* another interface of that name: the old one's group went with it */
        g->index = index;
        g->n = 0;
    }
    group_id(g, fd);
    g->n_before = UINT32_MAX;
    s->strays = 0;
    g->slot[g->n++] = (struct slot){
        .fd = fd, .member = (uint16_t)member, .worker = (uint16_t)worker, .made = ++s->made};
    return tell_places(s, g);
}

void share_left(struct share *s, unsigned port, int fd)
{
    struct group *g = &s->group[port];
    for (unsigned i = 0; i < g->n; i++)
        if (g->slot[i].fd == fd) {
            g->slot[i] = g->slot[--g->n]; /* as the kernel does */
            g->n_before = UINT32_MAX;
            s->strays = 0;
            (void)tell_places(s, g);
            return;
        }
}

static int by_age(const void *a, const void *b)
{
    const struct slot *x = a, *y = b;
    return x->made < y->made ? -1 : x->made > y->made;
}

/* Twice, and no socket came or went meanwhile: a frame or two go astray while one leaves. */
void share_look(struct share *s)
{
    struct share_counters c;
    share_counters(s, &c);
    s->strays += c.astray != s->astray;
    s->astray = c.astray;
    if (s->strays < 2)
        return;
    s->strays = 0;
    for (unsigned i = 0; i < s->ports; i++) {
        struct group *g = &s->group[i];
        struct slot *was = calloc(g->n + 1, sizeof(*was));
        if (!was)
            return;
        memcpy(was, g->slot, g->n * sizeof(*was));
        if (g->n_before == g->n) /* that was not it */
            memcpy(g->slot, g->before, g->n * sizeof(*was));
        else
            qsort(g->slot, g->n, sizeof(*g->slot), by_age);
        free(g->before);
        g->before = was;
        g->n_before = g->n;
        (void)tell_places(s, g);
    }
}

void share_relinked(struct share *s, unsigned port)
{
    struct group *g = &s->group[port];
    qsort(g->slot, g->n, sizeof(*g->slot), by_age);
    g->n_before = UINT32_MAX;
    s->strays = 0;
    (void)tell_places(s, g);
}

static uint64_t counted(const struct share *s, uint32_t what)
{
    struct gate_count cpu[CPUS_MOST];
    uint64_t sum = 0;
    int n = libbpf_num_possible_cpus();
    if (n <= 0 || n > CPUS_MOST ||
        bpf_map_lookup_elem(map_fd(s->object, "share_counts"), &what, cpu))
        return 0;
    for (int i = 0; i < n; i++)
        sum += cpu[i].frames;
    return sum;
}

void share_counters(const struct share *s, struct share_counters *out)
{
    *out = (struct share_counters){.unclaimed = counted(s, SHARE_UNCLAIMED),
                                   .astray = counted(s, SHARE_ASTRAY)};
}
