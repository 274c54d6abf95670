/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Making the packet socket of one mirror port: what needs rights happens here, in the supervisor.
 *
 * Order matters: version, vnet header, reserve, ring, bind, fanout; a filter that lets nothing
 * through stands until all is set, so that no frame of before the fanout is seen twice.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if_arp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <pcap/pcap.h>

#include "capture/fanout.h"
#include "capture/live.h"

#ifndef PACKET_IGNORE_OUTGOING
#define PACKET_IGNORE_OUTGOING 23
#endif

struct opening {
    const struct capture_live_options *o;
    const char *iface;
    unsigned index;
    int fd;
    int ifindex;
    struct diags *d;
};

static int complain(const struct opening *w, int err, const char *what, const char *hint)
{
    diag_add(w->d, DIAG_ERROR, w->iface, 0, 0, hint, "%s: %s", what, strerror(-err));
    return err;
}

static int set(const struct opening *w, int level, int name, const void *v, socklen_t n,
               const char *what)
{
    if (setsockopt(w->fd, level, name, v, n) == 0)
        return 0;
    return complain(w, -errno, what, NULL);
}
static int set_int(const struct opening *w, int name, int v, const char *what)
{
    return set(w, SOL_PACKET, name, &v, sizeof v, what);
}

static int find_iface(struct opening *w)
{
    struct ifreq r = {0};
    snprintf(r.ifr_name, sizeof r.ifr_name, "%s", w->iface);
    if (strlen(w->iface) >= IFNAMSIZ || ioctl(w->fd, SIOCGIFINDEX, &r) != 0)
        return complain(w, strlen(w->iface) >= IFNAMSIZ ? -ENAMETOOLONG : -errno,
                        "no such interface", "`ip link` lists them");
    w->ifindex = r.ifr_ifindex;
    if (ioctl(w->fd, SIOCGIFHWADDR, &r) != 0)
        return complain(w, -errno, "can't ask for its kind", NULL);
    static const uint16_t known[] = {ARPHRD_ETHER,   ARPHRD_LOOPBACK, ARPHRD_NONE, ARPHRD_TUNNEL,
                                     ARPHRD_TUNNEL6, ARPHRD_SIT,      ARPHRD_IPGRE};
    for (size_t i = 0; i < ARRAY_LEN(known); i++)
        if (r.ifr_hwaddr.sa_family == known[i])
            return 0;
    diag_add(w->d, DIAG_ERROR, w->iface, 0, 0, "Ethernet and raw IP are",
             "kind %u of interface is not supported", r.ifr_hwaddr.sa_family);
    return -EPROTONOSUPPORT;
}

/* A ring of `bytes`; where memory is short, of a half, a quarter ... (port_open finds out which).
 */
static int make_ring(const struct opening *w)
{
    bool v3 = w->o->ring == RING_V3;
    uint64_t want = ring_bytes(w->o);
    for (uint64_t bytes = want; bytes >= RING_MIN_BYTES; bytes /= 2) {
        bytes -= bytes % RING_BLOCK_BYTES;
        struct tpacket_req3 q = {
            .tp_block_size = RING_BLOCK_BYTES,
            .tp_block_nr = (unsigned)(bytes / RING_BLOCK_BYTES),
            .tp_frame_size = RING_SLOT_BYTES,
            .tp_frame_nr = (unsigned)(bytes / RING_SLOT_BYTES),
            .tp_retire_blk_tov = w->o->v3_timeout_ms ? w->o->v3_timeout_ms : 1,
        };
        socklen_t n = v3 ? sizeof q : sizeof(struct tpacket_req);
        if (setsockopt(w->fd, SOL_PACKET, PACKET_RX_RING, &q, n) == 0) {
            if (bytes < want)
                diag_add(w->d, DIAG_WARNING, w->iface, 0, 0, "set a smaller ring",
                         "ring is %ju MB: no memory for %ju MB", (uintmax_t)bytes >> 20,
                         (uintmax_t)want >> 20);
            return 0;
        }
        if (errno != ENOMEM)
            return complain(w, -errno, "can't make the ring", NULL);
    }
    return complain(w, -ENOMEM, "can't make the ring", "set a smaller ring");
}

/* Frames that don't fit into a slot are queued whole, up to this much of them. */
static void room_for_copies(const struct opening *w)
{
    int bytes = (int)u64_min(ring_bytes(w->o), 512u << 20);
    if (setsockopt(w->fd, SOL_SOCKET, SO_RCVBUFFORCE, &bytes, sizeof bytes) != 0)
        (void)setsockopt(w->fd, SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
}

static int shut(const struct opening *w)
{
    struct sock_filter none[] = {BPF_STMT(BPF_RET | BPF_K, 0)};
    struct sock_fprog p = {.len = 1, .filter = none};
    return set(w, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof p, "can't attach a filter");
}

#ifndef SO_ATTACH_BPF
#define SO_ATTACH_BPF 50
#endif

static int unshut(const struct opening *w)
{
    int none = 0;
    if (w->o->in_wire || w->o->shared) /* in place of the one that stands */
        return set(w, SOL_SOCKET, SO_ATTACH_BPF, &w->o->gate_fd, sizeof w->o->gate_fd,
                   "can't attach the gate");
    if (w->o->bpf && w->o->bpf[0])
        return live_filter(w->iface, w->o->bpf, w->fd, w->d) ? 0 : -EINVAL;
    return set(w, SOL_SOCKET, SO_DETACH_FILTER, &none, sizeof none, "can't detach a filter");
}

static int configure(const struct opening *w)
{
    int r, v = w->o->ring == RING_V3 ? TPACKET_V3 : TPACKET_V2;
    if ((r = shut(w)) < 0 || (r = set_int(w, PACKET_VERSION, v, "no such ring version")) < 0 ||
        (r = set_int(w, PACKET_VNET_HDR, 1, "no segment sizes (PACKET_VNET_HDR)")) < 0)
        return r;
    if (v == TPACKET_V2) {
        if ((r = set_int(w, PACKET_COPY_THRESH, 1, "no copies of long frames")) < 0)
            return r;
        room_for_copies(w);
    }
    /* On loopback each frame goes out and comes in. */
    if (!w->o->outgoing || strcmp(w->iface, "lo") == 0)
        if ((r = set_int(w, PACKET_IGNORE_OUTGOING, 1, "can't leave out own frames")) < 0)
            return r;
    return make_ring(w);
}

/* It sends, too: straight to the card, with room for a burst of super-frames. */
static int make_sender(const struct opening *w)
{
    int bytes = 16 << 20;
    if (setsockopt(w->fd, SOL_SOCKET, SO_SNDBUFFORCE, &bytes, sizeof bytes) != 0)
        (void)setsockopt(w->fd, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes);
    return set_int(w, PACKET_QDISC_BYPASS, 1, "can't send straight to the card");
}

/* The group's program; each member sets the same. */
static int set_owner(const struct opening *w)
{
    struct fanout_program p;
    fanout_program(&p, (uint32_t)(SKF_AD_OFF + SKF_AD_PROTOCOL), (uint32_t)SKF_NET_OFF, w->o->fanout_members);
    struct sock_fprog f = {.len = (unsigned short)p.n, .filter = p.step};
    return set(w, SOL_PACKET, PACKET_FANOUT_DATA, &f, sizeof f, "can't set the program of the fanout group");
}

/* A group whose members are many, and whose program is not ours to make. */
static int join_shared(const struct opening *w)
{
    enum { MEMBERS = 1024 };
    struct fanout_args a = {.id = w->o->fanout_group,
                            .type_flags = PACKET_FANOUT_EBPF | (w->o->fanout_group ? 0 : PACKET_FANOUT_FLAG_UNIQUEID),
                            .max_num_members = MEMBERS};
    int r = set(w, SOL_PACKET, PACKET_FANOUT, &a, sizeof a, "can't join the fanout group");
    return r < 0 ? r : set(w, SOL_PACKET, PACKET_FANOUT_DATA, &w->o->fanout_program_fd, sizeof(int), "can't set the group's program");
}

static int join(const struct opening *w)
{
    struct sockaddr_ll l = {
        .sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL), .sll_ifindex = w->ifindex};
    if (bind(w->fd, (struct sockaddr *)&l, sizeof l) != 0)
        return complain(w, -errno, "can't bind", NULL);
    if (w->o->promisc) {
        struct packet_mreq m = {.mr_ifindex = w->ifindex, .mr_type = PACKET_MR_PROMISC};
        int r =
            set(w, SOL_PACKET, PACKET_ADD_MEMBERSHIP, &m, sizeof m, "can't make it promiscuous");
        if (r < 0)
            return r;
    }
    if (w->o->shared)
        return join_shared(w);
    if (!w->o->fanout_group)
        return 0;
    int how = w->o->fanout_members ? PACKET_FANOUT_CBPF : PACKET_FANOUT_HASH;
    int group = (uint16_t)(w->o->fanout_group + w->index) | how << 16;
    if (setsockopt(w->fd, SOL_PACKET, PACKET_FANOUT, &group, sizeof group) == 0)
        return w->o->fanout_members ? set_owner(w) : 0;
    int err = -errno;
    return complain(w, err, "can't join the fanout group",
                    err == -EINVAL ? "the interface must be up, and the group no other program's"
                                   : NULL);
}

int capture_live_socket(const struct capture_live_options *o, unsigned iface, struct diags *d)
{
    struct opening w = {.o = o, .index = iface, .d = d};
    if (iface >= CAPTURE_IFACES || !o->iface[iface])
        return -EINVAL;
    w.iface = o->iface[iface];
    /* Protocol 0: nothing comes before bind. */
    w.fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    if (w.fd < 0)
        return complain(&w, -errno, "can't open a packet socket",
                        errno == EPERM ? "capture needs root (or CAP_NET_RAW)" : NULL);
    int r = find_iface(&w);
    if (r == 0)
        r = configure(&w);
    if (r == 0 && o->in_wire)
        r = make_sender(&w);
    if (r == 0)
        r = join(&w);
    if (r == 0)
        r = unshut(&w);
    if (r == 0)
        return w.fd;
    close(w.fd);
    return r;
}

int capture_live_away(const struct capture_live_options *o, unsigned iface, struct diags *d)
{
    struct opening w = {.o = o, .index = iface, .d = d};
    if (iface >= CAPTURE_IFACES || !o->iface[iface])
        return -EINVAL;
    w.iface = o->iface[iface];
    w.fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, 0);
    return w.fd < 0 ? complain(&w, -errno, "can't open a packet socket", NULL) : w.fd;
}

/*
 * libpcap writes code for a live handle that also sees tags which the kernel took off; the filter
 * looks at the frame alone, never at the vnet header.
 */
static bool compile(pcap_t *h, const char *iface, const char *text, struct bpf_program *code,
                    struct diags *d)
{
    if (pcap_compile(h, code, text, 1, PCAP_NETMASK_UNKNOWN) == 0)
        return true;
    diag_add(d, DIAG_ERROR, iface, 0, 0, "see pcap-filter(7)", "filter \"%.100s\": %s", text,
             pcap_geterr(h));
    return false;
}

static pcap_t *filter_handle(const char *iface)
{
    char err[PCAP_ERRBUF_SIZE];
    pcap_t *h = pcap_create(iface, err);
    if (h) {
        pcap_set_snaplen(h, 262144);
        pcap_set_buffer_size(h, 1 << 20);
        if (pcap_activate(h) >= 0)
            return h;
        pcap_close(h);
    }
    return pcap_open_dead(DLT_EN10MB, 262144);
}

bool capture_filter_good(const char *text, const char *place, struct diags *d)
{
    struct bpf_program code;
    pcap_t *h = pcap_open_dead(DLT_EN10MB, 262144);
    bool good = h && compile(h, place, text, &code, d);
    if (good)
        pcap_freecode(&code);
    if (h)
        pcap_close(h);
    return good;
}

bool live_filter(const char *iface, const char *text, int fd, struct diags *d)
{
    struct bpf_program code;
    pcap_t *h = filter_handle(iface);
    if (!h)
        return false;
    bool ok = compile(h, iface, text, &code, d);
    pcap_close(h);
    if (!ok)
        return false;
    static_assert(sizeof(struct bpf_insn) == sizeof(struct sock_filter), "one machine, two names");
    struct sock_fprog p = {.len = (unsigned short)code.bf_len,
                           .filter = (struct sock_filter *)(void *)code.bf_insns};
    ok = code.bf_len <= BPF_MAXINSNS &&
         setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &p, sizeof p) == 0;
    if (!ok)
        diag_add(d, DIAG_ERROR, iface, 0, 0, NULL, "the kernel does not take the filter (%u steps)",
                 code.bf_len);
    pcap_freecode(&code);
    return ok;
}
