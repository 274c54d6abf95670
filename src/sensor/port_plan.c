/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Ports, rings and responses as the configuration asks (place.h). */
#include "sensor/place.h"

#include "base/str.h"

#include <errno.h>
#include <fcntl.h>
#include <ifaddrs.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

bool port_has_address(const char *iface)
{
    struct ifaddrs *all = NULL;
    bool has = false;
    if (getifaddrs(&all))
        return false;
    for (const struct ifaddrs *a = all; a && !has; a = a->ifa_next) {
        if (!a->ifa_addr || strcmp(a->ifa_name, iface) != 0)
            continue;
        if (a->ifa_addr->sa_family == AF_INET)
            has = true;
        if (a->ifa_addr->sa_family == AF_INET6) {
            const struct sockaddr_in6 *s = (const void *)a->ifa_addr;
            has = !IN6_IS_ADDR_LINKLOCAL(&s->sin6_addr);
        }
    }
    freeifaddrs(all);
    return has;
}

static const char *keep(struct port_plan *p, const char *s)
{
    return s && *s ? (const char *)arena_dup(&p->arena, s, strlen(s)).p : NULL;
}

static int add_port(struct port_plan *p, const char *name, const char *filter, struct diags *d)
{
    if (!name || !strcmp(name, "default"))
        return 0;
    for (unsigned i = 0; i < p->n; i++)
        if (!strcmp(p->live.iface[i], name))
            return 0;
    if (p->n == CAPTURE_IFACES || strlen(name) >= MSG_NAME) {
        diag_add(d, DIAG_ERROR, name, 0, 0, NULL,
                 p->n == CAPTURE_IFACES ? "more than %d interfaces"
                                        : "no name of an interface (most: %d bytes)",
                 p->n == CAPTURE_IFACES ? CAPTURE_IFACES : MSG_NAME - 1);
        return -EINVAL;
    }
    p->filter[p->n] = keep(p, filter);
    p->live.iface[p->n] = keep(p, name);
    return p->live.iface[p->n++] ? 0 : -ENOMEM;
}

static int ports_of(const struct conf *c, const char *path, struct port_plan *p, struct diags *d)
{
    const struct conf_node *list = conf_node(c, path);
    int rc = 0;
    for (const struct conf_node *i = list ? list->child : NULL; i && !rc; i = i->next) {
        const char *name = i->value ? i->value : conf_sub_str(i, "interface", NULL);
        rc = add_port(p, name, i->value ? NULL : conf_sub_str(i, "bpf-filter", NULL), d);
    }
    return rc;
}

/* ------------------------------------------------------------------ pairs */

static int wrong_pair(const char *text, const char *why, struct diags *d)
{
    diag_add(d, DIAG_ERROR, text, 0, 0, "--pair eth1:eth2", "no pair of ports: %s", why);
    return -EINVAL;
}

static int add_pair(struct port_plan *p, const char *a, const char *b, struct diags *d)
{
    unsigned before = p->n;
    int rc = add_port(p, a, NULL, d);
    rc = rc ? rc : add_port(p, b, NULL, d);
    if (!rc && p->n != before + 2)
        return wrong_pair(a, "a port stands in one pair, and a pair has two", d);
    return rc;
}

static int pair_of(struct port_plan *p, const char *text, struct diags *d)
{
    char a[MSG_NAME + 1];
    const char *colon = text ? strchr(text, ':') : NULL;
    if (!colon || colon == text || !colon[1] || strchr(colon + 1, ':') || (size_t)(colon - text) >= MSG_NAME)
        return wrong_pair(text ? text : "capture.pairs", "it is written A:B", d);
    snprintf(a, sizeof(a), "%.*s", (int)(colon - text), text);
    return add_pair(p, a, colon + 1, d);
}

/* Suricata's way to say it: two entries of af-packet that name each other. */
static int copies_of(const struct conf *c, struct port_plan *p, struct diags *d)
{
    const struct conf_node *list = conf_node(c, "af-packet");
    bool tap = false;
    int rc = 0;
    for (const struct conf_node *i = list ? list->child : NULL; i && !rc; i = i->next) {
        const char *name = conf_sub_str(i, "interface", ""), *mode = conf_sub_str(i, "copy-mode", "none"),
                   *to = conf_sub_str(i, "copy-iface", NULL);
        bool there = false, is_tap = !strcmp(mode, "tap");
        if ((!is_tap && strcmp(mode, "ips")) || !strcmp(name, "default"))
            continue;
        if (!to)
            return wrong_pair(name, "copy-mode needs a copy-iface", d);
        for (unsigned k = 0; k < p->n; k++)
            there |= !strcmp(p->live.iface[k], name) && !strcmp(p->live.iface[capture_other_end(k)], to);
        tap |= is_tap;
        rc = there ? 0 : add_pair(p, name, to, d);
    }
    p->test |= tap;
    return rc;
}

static int pairs_of(const struct conf *c, struct port_plan *p, struct diags *d)
{
    const struct conf_node *list = conf_node(c, "capture.pairs"), *ports = conf_node(c, "capture.interfaces");
    bool named = list && (list->child || list->value);
    int rc = 0;
    if (named && ports && ports->child)
        return wrong_pair("capture.interfaces", "a virtual IPS watches mirror ports or stands in wires, not both", d);
    if (list && list->value)
        rc = pair_of(p, list->value, d);
    for (const struct conf_node *i = list ? list->child : NULL; i && !rc; i = i->next)
        rc = pair_of(p, i->value, d);
    if (!rc && !named && !(ports && ports->child))
        rc = copies_of(c, p, d);
    p->in_wire = p->n > 0;
    return rc;
}

/* ------------------------------------------------------------------ queues */

static int wrong_queue(const char *path, const char *text, const char *why, struct diags *d)
{
    diag_add(d, DIAG_ERROR, path, 0, 0, "riposte run --queue 0-3 ...", "%s: %s", text, why);
    return -EINVAL;
}

static bool number_of(struct str s, uint64_t most, uint64_t *out)
{
    bool hex = s.n > 2 && s.p[0] == '0' && (s.p[1] == 'x' || s.p[1] == 'X');
    char text[24];
    if (!s.n || s.n >= sizeof(text))
        return false;
    snprintf(text, sizeof(text), "%.*s", (int)s.n, (const char *)s.p);
    return (hex ? str_u64_base(str_cstr(text + 2), 16, out) : str_u64(s, out)) && *out <= most;
}

/* A, or A-B, or MARK/MASK. */
static bool two_numbers(const char *text, char sep, uint64_t most, uint64_t alone, uint64_t out[2])
{
    const char *at = strchr(text, sep);
    out[1] = alone;
    if (!number_of(at ? str_of(text, (size_t)(at - text)) : str_cstr(text), most, &out[0]))
        return false;
    return !at || number_of(str_cstr(at + 1), most, &out[1]);
}

static int queues_of(const struct conf *c, struct port_plan *p, struct diags *d)
{
    const char *text = conf_str(c, "capture.queues"), *mark = conf_str(c, "capture.queue-mark"),
               *done = conf_str(c, "capture.queue-done-mark"), *mode = conf_str(c, "capture.queue-mode");
    uint64_t n[2], m[2], bit[2];
    if (!text || !*text)
        return 0;
    if (!two_numbers(text, '-', UINT16_MAX, UINT64_MAX, n))
        return wrong_queue("capture.queues", text, "no numbers of queues: N or N-M", d);
    if (n[1] == UINT64_MAX)
        n[1] = n[0];
    if (n[1] < n[0] || n[1] - n[0] >= SENSOR_WORKERS)
        return wrong_queue("capture.queues", text, "64 queues at most, the lower number first", d);
    if (!two_numbers(mark ? mark : "0/0", '/', UINT32_MAX, UINT32_MAX, m) ||
        !two_numbers(done ? done : "0", '/', UINT32_MAX, 0, bit))
        return wrong_queue("capture.queue-mark", mark ? mark : "", "no mark: MARK/MASK", d);
    char name[MSG_NAME];
    (void)snprintf(name, sizeof(name), "queue %.20s", text);
    p->live.iface[p->n++] = keep(p, name);
    p->in_wire = p->queue = true;
    p->workers = (unsigned)(n[1] - n[0]) + 1;
    p->q = (struct capture_queue_options){.queue = (uint16_t)n[0],
                                          .route_to = (uint16_t)conf_int(c, "capture.queue-route"),
                                          .mark = (uint32_t)m[0],
                                          .mark_mask = (uint32_t)m[1],
                                          .done_mark = (uint32_t)bit[0],
                                          .most = (uint32_t)conf_int(c, "capture.queue-length"),
                                          .socket_bytes = conf_bytes(c, "capture.ring-size")};
    p->q.mode = mode && !strcmp(mode, "repeat") ? QUEUE_REPEAT : mode && !strcmp(mode, "route") ? QUEUE_ROUTE : QUEUE_ACCEPT;
    if (p->q.mode == QUEUE_REPEAT && !(p->q.mark & p->q.mark_mask))
        return wrong_queue("capture.queue-mode", "repeat", "it needs a capture.queue-mark, or packets go round for ever", d);
    if (p->q.mode == QUEUE_ROUTE && p->q.route_to >= n[0] && p->q.route_to <= n[1])
        return wrong_queue("capture.queue-route", "route", "that is one of our own queues", d);
    p->queue_bridge = conf_bool(c, "capture.queue-bridge");
    return 0;
}

static bool says(const struct conf *c, const char *path, const char *word)
{
    const char *v = conf_str(c, path);
    return v && !strcmp(v, word);
}

/* What a filter leaves out would neither be judged nor forwarded; libpcap forwards nothing. */
static int wire_of(const struct conf *c, struct port_plan *p, struct diags *d)
{
    const char *filter = conf_str(c, "capture.bpf-filter"), *file = conf_str(c, "capture.bpf-file");
    enum { LEAST_MS = 20 };
    if ((filter && *filter) || (file && *file))
        return wrong_pair("capture.bpf-filter", "a filter on a wire would cut off what it leaves out; pass rules leave it alone", d);
    if (p->pcap)
        return wrong_pair("capture.library", "pairs are read by af-packet", d);
    p->test |= conf_bool(c, "inline-test");
    p->xdp = !p->queue && says(c, "capture.pair-mode", "af-xdp");
    p->hold_start = says(c, "fail-open.start", "hold");
    p->drop_stale = says(c, "fail-open.on-stale", "drop");
    p->remove_at_stop = says(c, "fail-open.stop", "remove");
    p->after_ns = conf_ns(c, "fail-open.after");
    if (p->after_ns < LEAST_MS * 1000000ull)
        p->after_ns = LEAST_MS * 1000000ull;
    p->live.ring = RING_V2;
    p->live.in_wire = true;
    p->queue_rules = says(c, "capture.queue-rules", "set");
    p->q.drop_full = says(c, "capture.queue-full", "drop");
    return 0;
}

/* -i IF with a suricata.yaml: what it says about that port holds. */
static void own_filters(const struct conf *c, struct port_plan *p)
{
    const struct conf_node *list = conf_node(c, "af-packet");
    for (const struct conf_node *i = list ? list->child : NULL; i; i = i->next) {
        const char *name = conf_sub_str(i, "interface", ""),
                   *filter = conf_sub_str(i, "bpf-filter", NULL);
        for (unsigned k = 0; k < p->n; k++)
            if (!p->filter[k] && !strcmp(p->live.iface[k], name))
                p->filter[k] = keep(p, filter);
    }
}

static int read_filter(const char *path, struct port_plan *p, struct diags *d)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, p->filter_file, sizeof(p->filter_file) - 1);
    int err = n < 0 ? errno : n == (ssize_t)sizeof(p->filter_file) - 1 ? EFBIG : 0;
    if (fd >= 0)
        close(fd);
    if (err) {
        diag_add(d, DIAG_ERROR, path, 0, 0, NULL, "the filter can't be read: %s", strerror(err));
        return -EINVAL;
    }
    p->filter_file[n] = 0;
    /* Comments as in Snort's files: from # to the end of the line. */
    for (char *s = strchr(p->filter_file, '#'); s; s = strchr(s, '#'))
        for (; *s && *s != '\n'; s++)
            *s = ' ';
    p->live.bpf = p->filter_file;
    return 0;
}

static unsigned cores(void)
{
    cpu_set_t may;
    return sched_getaffinity(0, sizeof(may), &may) ? 1 : (unsigned)CPU_COUNT(&may);
}

/* What a suricata.yaml says of its ports; 0: nothing, or auto. */
static int64_t threads_of(const struct conf *c, const struct port_plan *p)
{
    const struct conf_node *list = conf_node(c, "af-packet");
    int64_t most = 0;
    for (const struct conf_node *i = list ? list->child : NULL; i; i = i->next) {
        const char *name = conf_sub_str(i, "interface", ""), *text = conf_sub_str(i, "threads", "auto");
        uint64_t n;
        for (unsigned k = 0; k < p->n; k++)
            if (!strcmp(p->live.iface[k], name) && str_u64(str_cstr(text), &n) && n <= SENSOR_WORKERS && (int64_t)n > most)
                most = (int64_t)n;
    }
    return most;
}

/* Where nobody says: a core stays free for the kernel, the logger and everybody else. */
static unsigned workers(const struct conf *c, const struct port_plan *p)
{
    int64_t n = conf_int(c, "workers");
    if (n <= 0)
        n = threads_of(c, p);
    if (n <= 0)
        n = cores() > 1 ? (int64_t)cores() - 1 : 1;
    return n > SENSOR_WORKERS ? SENSOR_WORKERS : (unsigned)n;
}

/*
 * A reset races with what it is to end: on a busy machine a worker that has to wait for its turn
 * comes milliseconds late.  By itself only where that counts, and a core is left for all others.
 */
static bool realtime_of(const struct conf *c, const struct port_plan *p)
{
    const char *w = conf_str(c, "worker-priority");
    if (!w || !strcmp(w, "auto"))
        return (p->response || p->raw || p->in_wire) && p->workers < cores();
    return !strcmp(w, "realtime");
}

static enum capture_ring ring_of(const struct conf *c, const struct port_plan *p)
{
    const char *r = conf_str(c, "capture.ring");
    if (r && !strcmp(r, "v2"))
        return RING_V2;
    if (r && !strcmp(r, "v3"))
        return RING_V3;
    /* Blocks of V3 come milliseconds late, each ring's at another time: frames of several would change places. */
    return p->response || p->raw || p->n > 1 || p->workers > 1 ? RING_V2 : RING_V3;
}

static uint64_t power_of_two(uint64_t n)
{
    uint64_t p = 65536;
    while (p < n && p < (uint64_t)4 << 30)
        p *= 2;
    return p;
}

int port_plan(const struct conf *c, struct port_plan *p, struct diags *d)
{
    const char *lib = conf_str(c, "capture.library"), *mode = conf_str(c, "response.mode");
    memset(p, 0, sizeof(*p));
    arena_init(&p->arena, 0, 0);
    int rc = queues_of(c, p, d);
    if (!rc && !p->n)
        rc = pairs_of(c, p, d);
    if (!rc && !p->n)
        rc = ports_of(c, "capture.interfaces", p, d);
    if (!rc && !p->n)
        rc = ports_of(c, "af-packet", p, d);
    if (rc)
        return rc;
    if (!p->n) {
        diag_add(d, DIAG_ERROR, NULL, 0, 0, "-i IF names one; `ip link` lists them",
                 "no interface to watch");
        return -EINVAL;
    }
    own_filters(c, p);
    p->live.bpf = keep(p, conf_str(c, "capture.bpf-filter"));
    if (!p->live.bpf && conf_str(c, "capture.bpf-file") &&
        read_filter(conf_str(c, "capture.bpf-file"), p, d))
        return -EINVAL;
    p->response = keep(p, conf_str(c, "response.interface"));
    if (p->response && !strcmp(p->response, "none"))
        p->response = NULL;
    if (p->response && strlen(p->response) >= MSG_NAME) {
        diag_add(d, DIAG_ERROR, p->response, 0, 0, NULL, "no name of an interface");
        return -EINVAL;
    }
    /* Suricata's host-mode says the same where response.mode leaves it open. */
    bool open = !mode || !strcmp(mode, "auto");
    p->raw = !strcmp(open ? conf_str(c, "host-mode") : mode, open ? "router" : "ip");
    p->pcap = lib && !strcmp(lib, "pcap");
    if (!p->queue)
        p->workers = p->pcap ? 1 : workers(c, p);
    p->realtime = realtime_of(c, p);
    p->live.promisc = conf_bool(c, "capture.promiscuous");
    p->live.ring_bytes = conf_bytes(c, "capture.ring-size");
    p->live.ring = p->pcap ? RING_NONE : ring_of(c, p);
    p->live.v3_timeout_ms = 10;
    if (p->in_wire && (rc = wire_of(c, p, d)))
        return rc;
    p->event_bytes = power_of_two(conf_bytes(c, "event.ring-size"));
    for (unsigned i = 0; i < p->n && !p->queue; i++)
        if (port_has_address(p->live.iface[i]))
            p->with_address |= 1u << i;
    return port_claims(c, p, d);
}

static const struct conf_node *named_at(const struct conf *c, const char *name)
{
    static const char *const lists[] = {"capture.interfaces", "af-packet"};
    for (size_t k = 0; k < ARRAY_LEN(lists); k++) {
        const struct conf_node *list = conf_node(c, lists[k]);
        for (const struct conf_node *i = list ? list->child : NULL; i; i = i->next)
            if (!strcmp(i->value ? i->value : conf_sub_str(i, "interface", ""), name))
                return i;
    }
    return NULL;
}

static int there(const char *name, const char *option, const struct conf_node *at, struct diags *d)
{
    char hint[160];
    if (if_nametoindex(name))
        return 0;
    struct name_search near = {.name = str_cstr(name)};
    struct if_nameindex *all = if_nameindex();
    for (const struct if_nameindex *i = all; i && i->if_index; i++)
        name_offer(&near, i->if_name);
    snprintf(hint, sizeof(hint), "%s%s%s`ip link` lists them", near.best ? "did you mean " : "",
             near.best ? near.best : "", near.best ? "? " : "");
    bool set = at && (at->from == CONF_SET || !at->file);
    diag_add(d, DIAG_ERROR, set || !at ? option : at->file, set || !at ? 0 : at->line,
             set || !at ? 0 : at->column, hint, "there is no port %s", name);
    if (all)
        if_freenameindex(all);
    return -ENODEV;
}

int port_plan_check(const struct conf *c, const struct port_plan *p, struct diags *d)
{
    int rc = 0;
    for (unsigned i = 0; i < p->n && !p->pcap && !p->queue; i++)
        if (there(p->live.iface[i], p->in_wire ? "--pair" : "-i", named_at(c, p->live.iface[i]), d))
            rc = -ENODEV;
    const char *response = conf_str(c, "response.interface");
    if (response && *response && strcmp(response, "none") &&
        there(response, "--response", conf_node(c, "response.interface"), d))
        rc = -ENODEV;
    return ports_apart(c, p, d) ? -EINVAL : rc;
}

int port_filters_check(const struct conf *c, const struct port_plan *p, struct diags *d)
{
    const char *all = p->filter_file[0] ? p->filter_file : conf_str(c, "capture.bpf-filter");
    int rc = 0;
    if (all && *all && !capture_filter_good(all, NULL, d))
        rc = -EINVAL;
    for (unsigned i = 0; i < p->n; i++)
        if (p->filter[i] && !capture_filter_good(p->filter[i], p->live.iface[i], d))
            rc = -EINVAL;
    return rc;
}

/* A mirror port sends nothing: most switches drop what comes back out of one, and an answer that
 * nobody gets looks like one that was given. */
int ports_apart(const struct conf *c, const struct port_plan *p, struct diags *d)
{
    const struct conf_node *at = conf_node(c, "response.interface");
    bool allowed = conf_bool(c, "response.allow-mirror-port"), set = !at || at->from == CONF_SET || !at->file;
    int rc = 0;
    for (unsigned i = 0; i < p->n && p->response; i++) {
        if (strcmp(p->response, p->live.iface[i]))
            continue;
        rc = allowed ? 0 : -EINVAL;
        diag_add(d, allowed ? DIAG_WARNING : DIAG_ERROR, set ? "--response" : at->file, set ? 0 : at->line,
                 set ? 0 : at->column,
                 allowed ? "riposte selftest tells whether the switch takes them"
                         : "name another port that the switch takes frames from; where the mirror port "
                           "does: --set response.allow-mirror-port=yes",
                 "%s is watched: a mirror port sends nothing%s", p->response,
                 allowed ? ", but responses, as response.allow-mirror-port says" : "");
    }
    return rc;
}

void port_plan_done(struct port_plan *p)
{
    arena_done(&p->arena);
}
