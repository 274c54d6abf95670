/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Fuzz target of the decoder.  Input: one byte of settings, then frames, each with a head of four
 * bytes: link type (index), flags (super-frame, checksum state, snapped, kernel's tags), length
 * (2).  Frames go through one decoder, so that fragments meet.  What comes out is read whole, and a
 * response is built from it.
 */
#include "base/cursor.h"
#include "packet/packet.h"

#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static volatile uint32_t sink;

static void touch(const uint8_t *p, size_t n)
{
    uint32_t sum = 0;
    for (size_t i = 0; i < n; i++)
        sum += p[i];
    sink += sum;
}

static void look(struct packet *p)
{
    uint8_t out[128];
    touch(p->data, p->data_len);
    touch(p->payload, p->payload_len);
    touch(p->l4, p->l4_len);
    touch(p->ip, p->ip_len);
    touch(p->tcp.sack, p->flags & PKT_TCP ? p->tcp.sack_n * 8u : 0);
    if (p->flags & (PKT_TCP | PKT_UDP | PKT_ICMP | PKT_ICMP6 | PKT_SCTP) && !p->l4)
        abort();
    if (!p->ver != !p->ip || (!p->ver && !(p->flags & PKT_IGNORE)))
        abort();
    if (p->flags & PKT_TCP && packet_tcp_wire_len(p) > 0x7fffffff)
        abort();
    sink += packet_hash(p, 1, true);
    if (p->quote.have)
        sink += packet_hash_quote(p, 1, true);
    if (!p->outer)
        sink += (uint32_t)build_ether(out, sizeof(out), out, out + 6, p, p->ver);
}

/* Told to be plain before it was decoded: it must have been. */
static void look_plain(const struct decoder *d, const struct frame *f, const struct packet *p,
                       unsigned n)
{
    struct packet q;
    if (!decode_plain(d, f, &q))
        return;
    struct packet r = p[0];
    if (n != 1 || r.n_events || r.flags & (PKT_IGNORE | PKT_INVALID | PKT_FRAGMENT) ||
        r.quote.have || packet_hash(&q, 1, true) != packet_hash(&r, 1, true))
        abort();
}

static void frame_set(struct frame *f, const uint8_t *head)
{
    static const uint16_t links[] = {LINK_ETHERNET, LINK_NULL, LINK_PPP,  LINK_RAW,
                                     LINK_CHDLC,    LINK_LOOP, LINK_SLL,  LINK_PPP_ETHER,
                                     LINK_IPV4,     LINK_IPV6, LINK_SLL2, LINK_RAW_OLD,
                                     LINK_ETHERNET, LINK_RAW,  147,       LINK_PPP_SERIAL};
    f->link = links[head[0] & 15];
    f->seg_size = head[1] & 1 ? 1460 : 0;
    f->csum = (uint8_t)((head[1] >> 1 & 3) % 3);
    f->wire_len = head[1] & 8 ? 70000 : 0;
    f->vlan_n = (uint8_t)((head[1] >> 4 & 3) % 3);
    f->ts_ns += 1ull << (head[1] >> 6) * 12;
    f->number++;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct cursor c = cur_of(data, size);
    uint8_t s = cur_u8(&c);
    struct decode_config cfg = {.check_csum = s & 1,
                                .teredo = true,
                                .vxlan = true,
                                .geneve = true,
                                .erspan_i = true,
                                .frag_cap_bytes = s & 2 ? 1 << 20 : 20000,
                                .frag_max = 8,
                                .frag_ipv6_drop_overlap = s & 4};
    struct decoder *d = decoder_new(&cfg);
    struct frame f = {0};
    struct packet p[PACKET_LAYERS_MAX];
    if (!d)
        return 0;
    for (unsigned i = 0; i < 64 && cur_left(&c) >= 4; i++) {
        const uint8_t *head = cur_take(&c, 4);
        frame_set(&f, head);
        f.len = u32_min(be16_at(head + 2), (uint32_t)cur_left(&c));
        f.wire_len = u32_max(f.wire_len, f.len);
        uint8_t *heap = malloc(f.len ? f.len : 1); /* of exactly its size */
        if (!heap)
            break;
        memcpy(heap, cur_take(&c, f.len), f.len);
        f.data = heap;
        memset(p, 0xa5, sizeof(p));
        unsigned n = decode_frame(d, &f, p, PACKET_LAYERS_MAX);
        look_plain(d, &f, p, n);
        for (unsigned k = 0; k < n; k++)
            look(&p[k]);
        decoder_burst_end(d, f.ts_ns);
        free(heap);
    }
    decoder_free(d);
    return 0;
}
