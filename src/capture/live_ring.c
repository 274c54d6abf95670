/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Reading AF_PACKET rings, versions 2 and 3 (live.h).
 *
 * V2: slots in a circle, each with its own status word.  V3: blocks of frames, handed over when
 * full or after a time-out.  In front of each frame stands its virtio_net_hdr: segment size of
 * super-frames and checksum state.  The kernel takes the outer VLAN tag off; it goes back in front
 * of the frame, where the used-up headers leave room.
 */
#include "capture/live.h"

#include <errno.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <linux/virtio_net.h>
#include <net/if_arp.h>
#include <poll.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/bytes.h"
#include "base/clock.h"

static_assert(sizeof(struct virtio_net_hdr) == VNET_BYTES, "as PACKET_VNET_HDR lays it");

enum { TAG_BYTES = 4, SUPER_HEADROOM = 64 };

uint64_t ring_bytes(const struct capture_live_options *o)
{
    uint64_t n = o->ring_bytes ? o->ring_bytes : RING_DEFAULT_BYTES;
    n -= n % RING_BLOCK_BYTES;
    n = u64_max(n, RING_MIN_BYTES);
    return u64_min(n, 2048ull * 1024 * 1024);
}

static int link_of(int fd, uint16_t *link)
{
    struct sockaddr_ll l;
    socklen_t n = sizeof l;
    if (getsockname(fd, (struct sockaddr *)&l, &n) != 0)
        return -errno;
    if (l.sll_ifindex <= 0)
        return -ENODEV;
    *link =
        l.sll_hatype == ARPHRD_ETHER || l.sll_hatype == ARPHRD_LOOPBACK ? LINK_ETHERNET : LINK_RAW;
    return 0;
}

int port_open(struct port *p, int fd, enum capture_ring ring, uint64_t bytes)
{
    int r = link_of(fd, &p->link);
    void *m = MAP_FAILED;
    /* The opener took less where memory was short: the size that fits tells. */
    for (; r == 0 && m == MAP_FAILED && bytes >= RING_MIN_BYTES; bytes /= 2) {
        bytes -= bytes % RING_BLOCK_BYTES;
        m = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
        if (m == MAP_FAILED && errno != EINVAL)
            r = -errno;
        p->map_bytes = bytes;
    }
    if (m == MAP_FAILED) {
        close(fd);
        return r < 0 ? r : -EINVAL;
    }
    p->fd = fd;
    p->ring = ring;
    p->map = m;
    p->n = (uint32_t)(p->map_bytes / (ring == RING_V3 ? RING_BLOCK_BYTES : RING_SLOT_BYTES));
    p->at = p->given = p->left = 0;
    p->next = NULL;
    p->count.dead = false;
    return 0;
}

void port_close(struct port *p)
{
    if (p->fd < 0)
        return;
    munmap(p->map, p->map_bytes);
    close(p->fd);
    p->fd = -1;
    p->count.dead = true;
}

static uint64_t v2_next(const struct port *p, uint64_t i)
{
    return i + 1 == p->n ? 0 : i + 1;
}
static struct tpacket2_hdr *v2_slot(const struct port *p, uint64_t i)
{
    return (struct tpacket2_hdr *)(void *)(p->map + (size_t)i * RING_SLOT_BYTES);
}
static struct tpacket_block_desc *v3_block(const struct port *p, uint64_t i)
{
    return (struct tpacket_block_desc *)(void *)(p->map + (size_t)i * RING_BLOCK_BYTES);
}

/* Never 0, which says that no frame waits. */
static uint64_t frame_time(uint32_t sec, uint32_t nsec)
{
    return u64_max(sec * NS_PER_SEC + nsec, 1);
}

static uint64_t v2_peek(struct port *p)
{
    struct tpacket2_hdr *h = v2_slot(p, p->at);
    uint32_t s = __atomic_load_n(&h->tp_status, __ATOMIC_ACQUIRE);
    if (!(s & TP_STATUS_USER))
        return 0;
    __builtin_prefetch((uint8_t *)h + RING_SLOT_BYTES);
    return frame_time(h->tp_sec, h->tp_nsec);
}

/* To the next block, once the current one is read to its end. */
static void v3_step(struct port *p)
{
    if (p->next && !p->left) {
        p->at++;
        p->next = NULL;
    }
}

static uint64_t v3_peek(struct port *p)
{
    while (!p->left) {
        v3_step(p);
        if (p->at - p->given == p->n) /* all blocks are in this burst */
            return 0;
        struct tpacket_block_desc *d = v3_block(p, p->at % p->n);
        if (!(__atomic_load_n(&d->hdr.bh1.block_status, __ATOMIC_ACQUIRE) & TP_STATUS_USER))
            return 0;
        p->left = d->hdr.bh1.num_pkts;
        p->next = (uint8_t *)d + d->hdr.bh1.offset_to_first_pkt;
    }
    const struct tpacket3_hdr *h = (const void *)p->next;
    return frame_time(h->tp_sec, h->tp_nsec);
}

uint64_t port_peek(struct port *p)
{
    if (p->fd < 0)
        return 0;
    return p->ring == RING_V3 ? v3_peek(p) : v2_peek(p);
}

/* One frame's metadata, the same for both versions. */
struct meta {
    uint8_t *mac;
    uint32_t status, snap, len;
    uint16_t tci, tpid;
};

static void set_offloads(struct frame *f, const struct virtio_net_hdr *v, uint32_t status)
{
    if (v->gso_type != VIRTIO_NET_HDR_GSO_NONE)
        f->seg_size = v->gso_size;
    if (v->flags & VIRTIO_NET_HDR_F_NEEDS_CSUM || status & TP_STATUS_CSUMNOTREADY)
        f->csum = FRAME_CSUM_UNFINISHED;
    else if (v->flags & VIRTIO_NET_HDR_F_DATA_VALID || status & TP_STATUS_CSUM_VALID)
        f->csum = FRAME_CSUM_GOOD;
}

/* The tag goes behind the addresses; these move to the front. */
static void put_tag_back(struct frame *f, uint8_t *mac, const struct meta *m)
{
    memmove(mac - TAG_BYTES, mac, 2 * ETH_ALEN);
    be16_put(mac + 2 * ETH_ALEN - TAG_BYTES, m->tpid);
    be16_put(mac + 2 * ETH_ALEN - TAG_BYTES + 2, m->tci);
    f->data = mac - TAG_BYTES;
    f->len += TAG_BYTES;
    f->wire_len += TAG_BYTES;
}

/* The whole of a frame that did not fit into its slot.  False: only the slot's part is there. */
static bool take_copy(struct port *p, struct super_pool *s, struct meta *m)
{
    uint8_t *mac = s->mem + (size_t)s->used * SUPER_BYTES + SUPER_HEADROOM;
    ssize_t n = -1;
    /* An error that waits at the socket (interface down) comes before the frame: once more, then.
     */
    for (int tries = 0; n < 0 && tries < 3; tries++)
        n = recv(p->fd, mac - VNET_BYTES, SUPER_BYTES - SUPER_HEADROOM, MSG_DONTWAIT);
    if (n <= VNET_BYTES)
        return false;
    s->used++;
    m->mac = mac;
    m->snap = (uint32_t)n - VNET_BYTES;
    return true;
}

static void fill_frame(struct port *p, struct frame *f, struct meta *m)
{
    struct virtio_net_hdr v;
    memcpy(&v, m->mac - VNET_BYTES, sizeof v);
    bool tagged = m->status & TP_STATUS_VLAN_VALID && m->snap >= 2 * ETH_ALEN;
    *f = (struct frame){.data = m->mac,
                        .len = m->snap,
                        .wire_len = u32_max(m->len, m->snap),
                        .ts_ns = f->ts_ns,
                        .link = p->link};
    set_offloads(f, &v, m->status);
    if (tagged) {
        put_tag_back(f, m->mac, m);
        if (v.flags & VIRTIO_NET_HDR_F_NEEDS_CSUM)
            v.csum_start = (uint16_t)(v.csum_start + TAG_BYTES);
        if (v.gso_type != VIRTIO_NET_HDR_GSO_NONE)
            v.hdr_len = (uint16_t)(v.hdr_len + TAG_BYTES);
    }
    memcpy(p->vnet, &v, sizeof v);
    p->count.received++;
    p->count.bytes += f->len;
}

static uint16_t tpid_of(uint32_t status, uint16_t tpid)
{
    return status & TP_STATUS_VLAN_TPID_VALID ? tpid : ETH_P_8021Q;
}

static void v2_take(struct port *p, struct super_pool *s, struct frame *f)
{
    struct tpacket2_hdr *h = v2_slot(p, p->at);
    struct meta m = {.mac = (uint8_t *)h + h->tp_mac,
                     .status = h->tp_status,
                     .snap = h->tp_snaplen,
                     .len = h->tp_len,
                     .tci = h->tp_vlan_tci,
                     .tpid = tpid_of(h->tp_status, h->tp_vlan_tpid)};
    f->ts_ns = h->tp_sec * NS_PER_SEC + h->tp_nsec;
    if (m.status & TP_STATUS_COPY)
        (void)take_copy(p, s, &m); /* false: a cut frame, which its lengths say */
    fill_frame(p, f, &m);
    p->at = v2_next(p, p->at);
}

static void v3_take(struct port *p, struct frame *f)
{
    struct tpacket3_hdr *h = (void *)p->next;
    struct meta m = {.mac = p->next + h->tp_mac,
                     .status = h->tp_status,
                     .snap = h->tp_snaplen,
                     .len = h->tp_len,
                     .tci = (uint16_t)h->hv1.tp_vlan_tci,
                     .tpid = tpid_of(h->tp_status, h->hv1.tp_vlan_tpid)};
    f->ts_ns = h->tp_sec * NS_PER_SEC + h->tp_nsec;
    p->next += h->tp_next_offset;
    p->left--;
    fill_frame(p, f, &m);
}

void port_take(struct port *p, struct super_pool *s, struct frame *f)
{
    if (p->ring == RING_V3)
        v3_take(p, f);
    else
        v2_take(p, s, f);
}

void port_done(struct port *p)
{
    if (p->fd < 0)
        return;
    if (p->ring == RING_V3) {
        v3_step(p);
        for (; p->given != p->at; p->given++)
            __atomic_store_n(&v3_block(p, p->given % p->n)->hdr.bh1.block_status, TP_STATUS_KERNEL,
                             __ATOMIC_RELEASE);
    } else {
        for (; p->given != p->at; p->given = v2_next(p, p->given))
            __atomic_store_n(&v2_slot(p, p->given)->tp_status, TP_STATUS_KERNEL, __ATOMIC_RELEASE);
    }
}

bool port_holds(const struct port *p, uint32_t frames)
{
    if (p->fd < 0 || p->ring != RING_V2 || !frames || frames > p->n)
        return false;
    uint64_t at = p->at + frames - 1;
    struct tpacket2_hdr *h = v2_slot(p, at < p->n ? at : at - p->n);
    return __atomic_load_n(&h->tp_status, __ATOMIC_RELAXED) & TP_STATUS_USER;
}

void port_check(struct port *p)
{
    struct tpacket_stats_v3 st = {0};
    socklen_t n = p->ring == RING_V3 ? sizeof st : sizeof(struct tpacket_stats);
    if (p->fd < 0)
        return;
    if (getsockopt(p->fd, SOL_PACKET, PACKET_STATISTICS, &st, &n) == 0) {
        p->count.kernel_packets += st.tp_packets; /* with those dropped */
        p->count.kernel_drops += st.tp_drops;
    }
    int err;
    n = sizeof err;
    (void)getsockopt(p->fd, SOL_SOCKET, SO_ERROR, &err, &n);
    struct sockaddr_ll l;
    n = sizeof l;
    if (getsockname(p->fd, (struct sockaddr *)&l, &n) == 0 && l.sll_ifindex < 0 && !port_peek(p))
        port_close(p);
}
