/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Live capture through libpcap, for interfaces and libpcap variants that AF_PACKET does not reach.
 *
 * libpcap hands out one frame at a time and takes it back: frames are copied into the burst's
 * buffers. It puts VLAN tags back itself; it tells neither segment sizes nor unfinished checksums.
 */
#include <errno.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <pcap/pcap.h>

#include "base/clock.h"
#include "capture/impl.h"

enum { SNAP = 262144, ROOM = 264 * 1024, NICE_TIMEOUT_MS = 10, BUFFER_BYTES = 64 << 20 };
#define BUFFERS_BYTES ((size_t)BURST_MAX * ROOM)

struct pcap_port {
    pcap_t *h;
    int fd;
    uint16_t link;
    bool ns, broken;
    char name[IFNAMSIZ];
    struct capture_iface_counters count;
};
struct live_pcap {
    struct capture base;
    unsigned n;
    struct pcap_port port[CAPTURE_IFACES];
    uint8_t *mem;
    uint64_t number, checked_ns;
};

static uint32_t sum16(uint32_t sum, const uint8_t *p, uint32_t n)
{
    for (uint32_t i = 0; i + 1 < n; i += 2)
        sum += (uint32_t)p[i] << 8 | p[i + 1];
    return sum;
}

/*
 * Does the transport's checksum stand as the kernel leaves it for a card to finish: the sum over
 * the pseudo header alone?  A frame of this host's virtual links does, and libpcap does not say so.
 */
static bool is_unfinished(const uint8_t *p, uint32_t n)
{
    uint32_t at = 12, proto, head, l4_len, sum;
    while (at + 6 <= n && ((p[at] == 0x81 && !p[at + 1]) || (p[at] == 0x88 && p[at + 1] == 0xa8)))
        at += 4;
    if (at + 42 > n)
        return false;
    bool v4 = p[at] == 8 && !p[at + 1], v6 = p[at] == 0x86 && p[at + 1] == 0xdd;
    const uint8_t *ip = p + at + 2;
    n -= at + 2;
    if (!v4 && !v6)
        return false;
    proto = v4 ? ip[9] : ip[6];
    head = v4 ? (ip[0] & 15u) * 4 : 40;
    l4_len = v4 ? ((uint32_t)ip[2] << 8 | ip[3]) - head : (uint32_t)ip[4] << 8 | ip[5];
    uint32_t field = head + (proto == 6 ? 16 : 6);
    if ((proto != 6 && proto != 17) || l4_len > 65535 || field + 2 > n)
        return false;
    sum = sum16(proto + l4_len, v4 ? ip + 12 : ip + 8, v4 ? 8 : 32);
    sum = (sum & 0xffff) + (sum >> 16);
    sum = (sum & 0xffff) + (sum >> 16);
    return sum == ((uint32_t)ip[field] << 8 | ip[field + 1]);
}

static bool take(struct live_pcap *l, unsigned i, struct burst *b)
{
    struct pcap_port *p = &l->port[i];
    struct pcap_pkthdr *h;
    const u_char *data;
    int r = p->broken ? 0 : pcap_next_ex(p->h, &h, &data);
    if (r < 0 && !p->broken) {
        p->broken = p->count.dead = true;
        snprintf(l->base.error, sizeof l->base.error, "%s: %.300s", p->name, pcap_geterr(p->h));
    }
    if (r <= 0)
        return false;
    uint8_t *to = l->mem + (size_t)b->n * ROOM;
    uint32_t n = u32_min(h->caplen, ROOM);
    memcpy(to, data, n);
    p->count.received++;
    p->count.bytes += n;
    b->frame[b->n++] = (struct frame){
        .data = to,
        .len = n,
        .wire_len = u32_max(h->len, n),
        .ts_ns =
            (uint64_t)h->ts.tv_sec * NS_PER_SEC + (uint64_t)h->ts.tv_usec * (p->ns ? 1 : NS_PER_US),
        .number = ++l->number,
        .link = p->link,
        .iface = (uint16_t)i,
        .csum = p->link == LINK_ETHERNET && is_unfinished(to, n) ? FRAME_CSUM_UNFINISHED
                                                                 : FRAME_CSUM_CHECK,
    };
    return true;
}

static void gather(struct live_pcap *l, struct burst *b)
{
    bool more = true;
    while (more && b->n < BURST_MAX) {
        more = false;
        for (unsigned i = 0; i < l->n && b->n < BURST_MAX; i++)
            more |= take(l, i, b);
    }
}

static void pcap_count(struct capture *base)
{
    struct live_pcap *l = (struct live_pcap *)base;
    uint64_t now = clock_mono_ns(), packets = 0, drops = 0;
    if (now - l->checked_ns < NS_PER_SEC)
        return;
    l->checked_ns = now;
    for (unsigned i = 0; i < l->n; i++) {
        struct pcap_stat st;
        if (pcap_stats(l->port[i].h, &st) != 0)
            continue;
        l->port[i].count.kernel_packets = st.ps_recv;
        l->port[i].count.kernel_drops = (uint64_t)st.ps_drop + st.ps_ifdrop;
        packets += st.ps_recv;
        drops += (uint64_t)st.ps_drop + st.ps_ifdrop;
    }
    base->n.kernel_packets = packets; /* libpcap's are totals already */
    base->n.kernel_drops = drops;
}

static enum capture_state pcap_recv(struct capture *base, struct burst *b, int wait_ms)
{
    struct live_pcap *l = (struct live_pcap *)base;
    struct pollfd p[CAPTURE_IFACES];
    nfds_t n = 0;
    bool dead = true;
    gather(l, b);
    for (unsigned i = 0; i < l->n; i++) {
        dead &= l->port[i].broken;
        if (!l->port[i].broken && l->port[i].fd >= 0)
            p[n++] = (struct pollfd){.fd = l->port[i].fd, .events = POLLIN};
    }
    if (!b->n && dead)
        return CAPTURE_ERROR;
    if (!b->n && wait_ms) {
        /* Without a descriptor to wait on (some variants), look again soon. */
        (void)poll(p, n, n == l->n || wait_ms < NICE_TIMEOUT_MS ? wait_ms : NICE_TIMEOUT_MS);
        gather(l, b);
    }
    b->now_ns = b->n ? b->frame[b->n - 1].ts_ns : clock_wall_ns();
    pcap_count(base);
    return CAPTURE_MORE;
}

static const char *pcap_iface_name(const struct capture *base, unsigned iface)
{
    const struct live_pcap *l = (const struct live_pcap *)base;
    return iface < l->n ? l->port[iface].name : NULL;
}

static void pcap_end(struct capture *base)
{
    struct live_pcap *l = (struct live_pcap *)base;
    for (unsigned i = 0; i < l->n; i++)
        if (l->port[i].h)
            pcap_close(l->port[i].h);
    if (l->mem)
        munmap(l->mem, BUFFERS_BYTES);
    capture_base_done(base);
    free(l);
}

static const struct capture_iface_counters *pcap_iface(const struct capture *c, unsigned iface)
{
    const struct live_pcap *l = (const struct live_pcap *)c;
    return iface < l->n ? &l->port[iface].count : NULL;
}

static uint32_t pcap_dead(const struct capture *c)
{
    const struct live_pcap *l = (const struct live_pcap *)c;
    uint32_t mask = 0;
    for (unsigned i = 0; i < l->n; i++)
        mask |= l->port[i].broken ? 1u << i : 0;
    return mask;
}

static const struct capture_live_ops pcap_live = {.dead = pcap_dead, .iface = pcap_iface};

static const struct capture_ops pcap_ops = {
    .recv = pcap_recv,
    .count = pcap_count,
    .iface_name = pcap_iface_name,
    .close = pcap_end,
    .live = &pcap_live,
};

static bool set_filter(struct pcap_port *p, const char *text, struct diags *d)
{
    struct bpf_program code;
    bool ok = pcap_compile(p->h, &code, text, 1, PCAP_NETMASK_UNKNOWN) == 0;
    if (ok) {
        ok = pcap_setfilter(p->h, &code) == 0;
        pcap_freecode(&code);
    }
    if (!ok)
        diag_add(d, DIAG_ERROR, p->name, 0, 0, "see pcap-filter(7)", "filter \"%.100s\": %s", text,
                 pcap_geterr(p->h));
    return ok;
}

static bool open_one(struct pcap_port *p, const char *iface, const char *bpf,
                     const struct capture_live_options *o, struct diags *d)
{
    char err[PCAP_ERRBUF_SIZE] = "";
    snprintf(p->name, sizeof p->name, "%s", iface);
    p->h = pcap_create(iface, err);
    if (!p->h) {
        diag_add(d, DIAG_ERROR, iface, 0, 0, NULL, "libpcap: %s", err);
        return false;
    }
    pcap_set_snaplen(p->h, SNAP);
    pcap_set_promisc(p->h, o->promisc);
    pcap_set_immediate_mode(p->h, 1);
    /* Its slots are as large as the interface's MTU: the usual 2 MB would hold 32 frames of a
     * mirror port. */
    pcap_set_buffer_size(p->h,
                         (int)u64_min(o->ring_bytes ? o->ring_bytes : BUFFER_BYTES, 1u << 30));
    p->ns = pcap_set_tstamp_precision(p->h, PCAP_TSTAMP_PRECISION_NANO) == 0;
    if (pcap_activate(p->h) < 0 || pcap_setnonblock(p->h, 1, err) < 0) {
        diag_add(d, DIAG_ERROR, iface, 0, 0, "capture needs root", "libpcap: %s",
                 pcap_geterr(p->h));
        return false;
    }
    if (!o->outgoing)
        (void)pcap_setdirection(p->h, PCAP_D_IN);
    int dlt = pcap_datalink(p->h);
    p->link = (uint16_t)(dlt == DLT_RAW ? LINK_RAW : dlt);
    p->fd = pcap_get_selectable_fd(p->h);
    return !bpf || !bpf[0] || set_filter(p, bpf, d);
}

struct capture *capture_pcap_open(const struct capture_live_options *o, struct diags *d)
{
    struct live_pcap *l = calloc(1, sizeof *l);
    if (!l)
        return NULL;
    capture_base_init(&l->base, &pcap_ops, 1);
    void *m = mmap(NULL, BUFFERS_BYTES, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    bool ok = m != MAP_FAILED;
    l->mem = ok ? m : NULL;
    for (unsigned i = 0; ok && i < CAPTURE_IFACES && o->iface[i]; i++) {
        l->n++;
        ok = open_one(&l->port[i], o->iface[i], o->bpf_of[i] ? o->bpf_of[i] : o->bpf, o, d);
    }
    if (ok && l->n)
        return &l->base;
    if (ok)
        diag_add(d, DIAG_ERROR, NULL, 0, 0, NULL, "no interface");
    pcap_end(&l->base);
    return NULL;
}
