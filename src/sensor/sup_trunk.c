/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Trunks: a wire's two ports with the bridge below them and the gate at them, or a mirror port; of
 * one virtual IPS, or shared by several (capture/share/share.h).  Who shares is found out from
 * their plans before any port is opened.
 */
#include "sensor/supervisor.h"

#include "base/log.h"
#include "capture/gate/gate.h"
#include "capture/share/share.h"
#include "capture/xdp/xdp.h"

#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

static bool claims(const struct supervisor *s)
{
    return s->plan.claims.vlans || s->plan.claims.n_nets;
}

/* ------------------------------------------------------------------ who shares what */

/* Shared by all who name these ports, or one's own, of a start before this one. */
static struct trunk *known(struct sensor *x, const char *const *port, unsigned ports,
                           const struct supervisor *own)
{
    for (unsigned i = 0; i < x->n_trunks; i++) {
        struct trunk *t = x->trunk[i];
        if (t->ports != ports ||
            (own ? t->share || !(t->planned_by[own->seat / 64] >> own->seat % 64 & 1) : !t->share))
            continue;
        if (!strcmp(t->port[0], port[0]) && (ports == 1 || !strcmp(t->port[1], port[1])))
            return t;
    }
    return NULL;
}

/* A port of one wire is no port of another one. */
static int apart(struct sensor *x, struct supervisor *s, const char *const *port, unsigned ports)
{
    for (unsigned i = 0; i < x->n_trunks; i++)
        for (unsigned k = 0; k < ports; k++) {
            const struct trunk *t = x->trunk[i];
            bool same =
                !strcmp(t->port[0], port[k]) || (t->ports == 2 && !strcmp(t->port[1], port[k]));
            if (!same || (t->ports == 1 && ports == 1))
                continue;
            diag_add(
                &s->diags, DIAG_ERROR, port[k], 0, 0,
                "virtual IPSs that share a wire name the same pair, in the same order",
                "it stands in another pair already, or is a mirror port of another virtual IPS");
            return -EINVAL;
        }
    return 0;
}

static int row_between(struct sensor *x, struct trunk *t, const struct conf_node *row,
                       struct diags *d)
{
    const struct conf_node *pair = conf_sub(row, "between");
    const char *name[3] = {NULL, NULL, conf_sub_str(row, "by", NULL)};
    unsigned who[3], n = 0;
    for (const struct conf_node *k = pair ? pair->child : NULL; k && n < 2; k = k->next)
        name[n++] = k->value;
    for (unsigned i = 0; i < 3; i++) {
        for (who[i] = 0; name[i] && who[i] < x->n && strcmp(x->seat[who[i]].name, name[i]) != 0;
             who[i]++)
            ;
        if (!name[i] || who[i] == x->n) {
            diag_add(d, DIAG_ERROR, row->file, row->line, row->column,
                     "{between: [dormitory, servers], by: servers}", "virtual-ips-between: %s%s",
                     name[i] ? name[i] : "two names and a judge",
                     name[i] ? " is no virtual IPS" : " are expected");
            return -EINVAL;
        }
    }
    return share_between(t->share, who[0], who[1], who[2]);
}

static int table_between(struct sensor *x, struct trunk *t, struct diags *d)
{
    const struct conf_node *list = conf_node(x->conf, "virtual-ips-between");
    int rc = 0;
    for (const struct conf_node *row = list ? list->child : NULL; row && !rc; row = row->next)
        rc = row_between(x, t, row, d);
    return rc;
}

static struct trunk *trunk_new(struct sensor *x, const char *const *port, unsigned ports)
{
    struct trunk *t = x->n_trunks < TRUNKS ? calloc(1, sizeof(*t)) : NULL;
    if (!t)
        return NULL;
    t->ports = ports;
    for (unsigned k = 0; k < ports; k++)
        snprintf(t->port[k], sizeof(t->port[k]), "%s", port[k]);
    memset(t->lock, -1, sizeof(t->lock));
    return x->trunk[x->n_trunks++] = t;
}

static int taken(struct supervisor *s, const char *what, unsigned by)
{
    const struct sensor *x = s->sensor;
    diag_add(&s->diags, DIAG_ERROR, what, 0, 0, "capture.vlans and capture.networks divide a port",
             "the virtual IPS %s has it already", by < x->n ? x->seat[by].name : "?");
    return -EINVAL;
}

static int claim_nets(struct supervisor *s, struct trunk *t, unsigned vlan)
{
    const struct port_claims *c = &s->plan.claims;
    unsigned by = UINT32_MAX;
    for (unsigned i = 0; i < c->n_nets; i++) {
        char text[IP_TEXT + 8], a[IP_TEXT];
        snprintf(text, sizeof(text), "%s/%u", ip_format_short(&c->net[i].addr, c->net[i].ver, a),
                 c->net[i].bits);
        int rc = share_claim_net(t->share, s->seat, vlan, &c->net[i].addr, c->net[i].ver,
                                 c->net[i].bits, &by);
        if (rc)
            return rc == -EEXIST ? taken(s, text, by) : rc;
    }
    return 0;
}

static int claim(struct supervisor *s, struct trunk *t)
{
    const struct port_claims *c = &s->plan.claims;
    unsigned by = UINT32_MAX;
    int rc = 0;
    if (!claims(s)) {
        rc = share_claim_rest(t->share, s->seat, &by);
        return rc == -EEXIST ? taken(s, t->port[0], by) : rc;
    }
    if (!c->vlans)
        return claim_nets(s, t, SHARE_VLAN_ANY);
    for (unsigned v = 0; v <= SHARE_UNTAGGED && !rc; v++) {
        char text[24];
        if (!(c->vlan[v / 64] >> v % 64 & 1))
            continue;
        snprintf(text, sizeof(text), v == SHARE_UNTAGGED ? "untagged" : "VLAN %u", v);
        rc = c->n_nets ? claim_nets(s, t, v) : share_claim_vlan(t->share, s->seat, v, &by);
        if (rc == -EEXIST)
            rc = taken(s, text, by);
    }
    return rc;
}

static int join(struct supervisor *s, unsigned iface, unsigned ports, bool shared)
{
    struct sensor *x = s->sensor;
    const char *const *port = &s->plan.live.iface[iface];
    struct trunk *t = known(x, port, ports, shared ? NULL : s);
    int rc = 0;
    if (!t) {
        rc = ports == 2 ? apart(x, s, port, ports) : 0;
        t = rc ? NULL : trunk_new(x, port, ports);
        if (!rc && !t)
            rc = -ENOMEM;
        if (!rc && shared && !(t->share = share_new(port, ports, ports == 2, &s->diags)))
            rc = -EINVAL;
        if (!rc && shared)
            rc = table_between(x, t, &s->diags);
    }
    if (!rc && shared)
        rc = claim(s, t);
    if (rc)
        return rc;
    t->planned += !(t->planned_by[s->seat / 64] >> s->seat % 64 & 1);
    t->planned_by[s->seat / 64] |= 1ull << s->seat % 64;
    for (unsigned k = 0; k < ports; k++)
        s->trunk[iface + k] = t;
    return 0;
}

/* Somebody asks for a part of this mirror port. */
static bool is_divided(struct sensor *x, const char *port)
{
    if (known(x, &port, 1, NULL))
        return true;
    for (unsigned i = 0; i < x->n; i++) {
        const struct supervisor *o = x->seat[i].s;
        for (unsigned k = 0; o && claims(o) && k < o->plan.n; k++)
            if (!o->plan.in_wire && !strcmp(o->plan.live.iface[k], port))
                return true;
    }
    return false;
}

int trunks_plan(struct supervisor *s)
{
    struct sensor *x = s->sensor;
    const struct port_plan *p = &s->plan;
    int rc = 0;
    if (p->queue || p->pcap)
        return 0;
    for (unsigned i = 0; i < p->n && !rc; i += p->in_wire ? PAIR_ENDS : 1) {
        bool shared =
            p->in_wire ? !p->xdp && (x->several || claims(s)) : is_divided(x, p->live.iface[i]);
        if (p->in_wire || shared)
            rc = join(s, i, p->in_wire ? PAIR_ENDS : 1, shared);
    }
    sup_tell(s);
    return rc;
}

/* 64 MB of ring for each of many is more than a machine has, unless somebody asks for it. */
void trunks_rings(struct supervisor *s)
{
    enum { LEAST = 4 << 20 };
    unsigned most = 1;
    for (unsigned i = 0; i < s->plan.n; i++)
        if (s->trunk[i] && s->trunk[i]->planned > most)
            most = s->trunk[i]->planned;
    const struct conf_node *n = conf_node(s->conf, "capture.ring-size");
    if (most > 1 && !(n && n->value && *n->value))
        s->plan.live.ring_bytes = s->setup.ring_bytes =
            u64_max(s->plan.live.ring_bytes / most, LEAST);
}

void trunks_free(struct sensor *x)
{
    for (unsigned i = 0; i < x->n_trunks; i++) {
        share_free(x->trunk[i]->share);
        for (unsigned k = 0; k < PAIR_ENDS; k++)
            if (x->trunk[i]->lock[k] >= 0)
                close(x->trunk[i]->lock[k]);
        free(x->trunk[i]);
    }
    x->n_trunks = 0;
}

/* ------------------------------------------------------------------ a wire's bridge and gate */

/*
 * Two sensors on one wire would send each frame twice.  A name in the network namespace's own space
 * of sockets, one a port: it is free the moment its holder is gone, however he goes.
 */
static int lock_port(struct supervisor *s, struct trunk *t, unsigned i)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    int n = snprintf(a.sun_path + 1, sizeof(a.sun_path) - 1, "riposte-wire-%u",
                     if_nametoindex(t->port[i]));
    int fd = t->lock[i] < 0 ? socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0) : -1;
    if (t->lock[i] >= 0)
        return 0;
    if (fd >= 0 && !bind(fd, (struct sockaddr *)&a,
                         (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + (size_t)n))) {
        t->lock[i] = fd;
        return 0;
    }
    int rc = -errno;
    if (fd >= 0)
        close(fd);
    diag_add(&s->diags, DIAG_ERROR, t->port[i], 0, 0, "end that one first", "%s",
             rc == -EADDRINUSE ? "another sensor stands in the wire there" : strerror(-rc));
    return rc;
}

static void say_bridge(const struct supervisor *s, const struct trunk *t)
{
    const struct wire_bridge *b = &t->bridge;
    const char *a = t->port[0], *z = t->port[1];
    if (!b->found)
        log_at(LOG_AT_NOTICE, "wire", "%s and %s: bridge %s made%s", a, z, b->name,
               s->plan.remove_at_stop ? "" : "; it stays when the sensor ends (fail-open.stop)");
    else
        log_at(LOG_AT_NOTICE, "wire", "%s and %s: bridge %s is there and taken%s", a, z, b->name,
               b->own ? " over" : " as it is");
    if (b->others)
        log_at(LOG_AT_WARNING, "wire",
               "%u more port%s in bridge %s: while the engine runs, nothing passes between %s and "
               "the pair",
               b->others, b->others == 1 ? "" : "s", b->name, b->others == 1 ? "it" : "them");
}

int trunk_lock(struct supervisor *s, struct trunk *t)
{
    int rc = lock_port(s, t, 0);
    return rc ? rc : lock_port(s, t, 1);
}

/* `s` stands in it from now on, with its gate. */
int trunk_up(struct supervisor *s, struct trunk *t)
{
    bool first = !t->users;
    int rc = t->share ? share_member(t->share, s->seat, wire_gate(s), &s->diags) : 0;
    if (!rc && first) {
        rc = wire_bridge_up(t->port[0], t->port[1], &t->bridge, &s->diags);
        if (!rc)
            say_bridge(s, t);
    }
    for (unsigned i = 0; i < PAIR_ENDS && !rc && (first || !t->share); i++)
        rc = wire_gate_at(s, t, i);
    if (!rc)
        t->users++;
    return rc;
}

/* One that came back, or another of its name: back into the bridge, with the gate at it.  Once for
 * all who share it. */
int trunk_port_back(struct supervisor *s, struct trunk *t, unsigned i)
{
    unsigned index = if_nametoindex(t->port[i]);
    if (index && index == t->index[i] && t->share)
        return 0;
    int rc = wire_bridge_join(&t->bridge, t->port[i], &s->diags);
    return rc ? rc : wire_gate_at(s, t, i);
}

static void say_end(const struct supervisor *s, const struct trunk *t, int rc)
{
    const struct wire_bridge *b = &t->bridge;
    if (s->plan.remove_at_stop && b->own)
        log_at(rc ? LOG_AT_WARNING : LOG_AT_NOTICE, "wire",
               "bridge %s %s%s: %s and %s are not connected any more", b->name,
               rc ? "can't be removed: " : "removed", rc ? strerror(-rc) : "", t->port[0],
               t->port[1]);
    else
        log_at(LOG_AT_NOTICE, "wire", "bridge %s stays: %s and %s %s", b->name, t->port[0],
               t->port[1],
               s->plan.drop_stale ? "are shut (fail-open.on-stale: drop)" : "stay connected");
}

/* The last one to go leaves the wire as its settings say; before it, the others' go on. */
void trunk_down(struct supervisor *s, struct trunk *t)
{
    if (t->share)
        share_gone(t->share, s->seat);
    if (!t->users || --t->users)
        return;
    loss_end(t);
    for (unsigned i = 0; i < PAIR_ENDS; i++)
        if (!s->plan.drop_stale || s->plan.remove_at_stop)
            s->plan.xdp ? xdp_detach(t->port[i]) : gate_detach(t->port[i]);
    if (t->bridge.name[0])
        say_end(s, t, s->plan.remove_at_stop && t->bridge.own ? wire_bridge_remove(&t->bridge) : 0);
    for (unsigned i = 0; i < PAIR_ENDS; i++) {
        if (t->lock[i] >= 0)
            close(t->lock[i]);
        t->lock[i] = -1;
        t->index[i] = 0;
    }
}

/* ------------------------------------------------------------------ capture sockets */

static unsigned end_of(const struct trunk *t, const char *port)
{
    return t->ports == 2 && !strcmp(t->port[1], port);
}

int trunk_options(struct supervisor *s, unsigned iface, struct capture_live_options *o)
{
    struct trunk *t = s->trunk[iface];
    if (!t || !t->share)
        return 0;
    if (share_filter_fd(t->share, s->seat) < 0) { /* a mirror port's */
        int rc = share_member(t->share, s->seat, NULL, &s->diags);
        if (rc)
            return rc;
    }
    o->shared = true;
    o->gate_fd = share_filter_fd(t->share, s->seat);
    o->fanout_program_fd = share_program_fd(t->share);
    o->fanout_group = share_group(t->share, end_of(t, s->plan.live.iface[iface]));
    return 0;
}

int trunk_joined(struct supervisor *s, unsigned iface, unsigned worker, int fd)
{
    struct trunk *t = s->trunk[iface];
    if (!t || !t->share)
        return 0;
    return share_joined(t->share, end_of(t, s->plan.live.iface[iface]), s->seat, worker, fd);
}

void trunk_left(struct supervisor *s, unsigned iface, int fd)
{
    struct trunk *t = s->trunk[iface];
    if (t && t->share && fd >= 0)
        share_left(t->share, end_of(t, s->plan.live.iface[iface]), fd);
}

void trunks_look(struct sensor *x)
{
    for (unsigned i = 0; i < x->n_trunks; i++)
        if (x->trunk[i]->share)
            share_look(x->trunk[i]->share);
}

bool trunk_is_shared(const struct supervisor *s, unsigned iface)
{
    return s->trunk[iface] && s->trunk[iface]->share;
}

void trunks_counters(const struct supervisor *s, struct share_counters *sum)
{
    *sum = (struct share_counters){0};
    for (unsigned i = 0; i < s->plan.n; i++) {
        struct share_counters c;
        if (!trunk_is_shared(s, i) || (i && s->trunk[i] == s->trunk[i - 1]))
            continue;
        share_counters(s->trunk[i]->share, &c);
        sum->unclaimed += c.unclaimed;
        sum->astray += c.astray;
    }
}
