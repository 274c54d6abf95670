/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * What the files of this folder share: the decoder, and the way through one frame.
 *
 * Decoding is a walk of steps, one a layer.  Each step takes its header off the cursor, notes what
 * it found in the packet in work and names the next step.  A tunnel does not recurse: the step
 * leaves `inner`, and the driver (decode.c) opens the next packet with it; so packets of a frame
 * are a chain, outermost first, and are turned round at the end.
 */
#ifndef PACKET_DECODE_H
#define PACKET_DECODE_H

#include "base/cursor.h"
#include "packet/packet.h"

enum {
    IPPROTO_NUM_HOPOPT = 0,
    IPPROTO_NUM_ICMP = 1,
    IPPROTO_NUM_IGMP = 2,
    IPPROTO_NUM_IPIP = 4,
    IPPROTO_NUM_TCP = 6,
    IPPROTO_NUM_UDP = 17,
    IPPROTO_NUM_IPV6 = 41,
    IPPROTO_NUM_ROUTING = 43,
    IPPROTO_NUM_FRAGMENT = 44,
    IPPROTO_NUM_GRE = 47,
    IPPROTO_NUM_ESP = 50,
    IPPROTO_NUM_AH = 51,
    IPPROTO_NUM_ICMPV6 = 58,
    IPPROTO_NUM_NONE = 59,
    IPPROTO_NUM_DSTOPTS = 60,
    IPPROTO_NUM_SCTP = 132,
    IPPROTO_NUM_MOBILITY = 135,
    IPPROTO_NUM_HIP = 139,
    IPPROTO_NUM_SHIM6 = 140,
};

enum {
    ETHERTYPE_NUM_IPV4 = 0x0800,
    ETHERTYPE_NUM_ARP = 0x0806,
    ETHERTYPE_NUM_BRIDGE = 0x6558, /* transparent Ethernet bridging */
    ETHERTYPE_NUM_VLAN = 0x8100,
    ETHERTYPE_NUM_IPV6 = 0x86dd,
    ETHERTYPE_NUM_PPP = 0x880b,
    ETHERTYPE_NUM_MPLS = 0x8847,
    ETHERTYPE_NUM_MPLS_MCAST = 0x8848,
    ETHERTYPE_NUM_PPPOE_DISC = 0x8863,
    ETHERTYPE_NUM_PPPOE_SESS = 0x8864,
    ETHERTYPE_NUM_QINQ = 0x88a8,
    ETHERTYPE_NUM_ERSPAN = 0x88be,
    ETHERTYPE_NUM_ERSPAN3 = 0x22eb,
    ETHERTYPE_NUM_8021AH = 0x88e7,
    ETHERTYPE_NUM_DCE = 0x8903,
    ETHERTYPE_NUM_VNTAG = 0x8926,
    ETHERTYPE_NUM_ETAG = 0x893f,
    ETHERTYPE_NUM_NSH = 0x894f,
    ETHERTYPE_NUM_QINQ_OLD = 0x9100,
};

/* X(id, function) */
#define DECODE_STEPS(X)                                                                            \
    X(ETHER, ether_read)                                                                           \
    X(VLAN, vlan_read)                                                                             \
    X(PBB, pbb_read)                                                                               \
    X(VNTAG, vntag_read)                                                                           \
    X(ETAG, etag_read)                                                                             \
    X(DCE, dce_read)                                                                               \
    X(NSH, nsh_read)                                                                               \
    X(MPLS, mpls_read)                                                                             \
    X(ARP, arp_read)                                                                               \
    X(PPPOE_DISC, pppoe_discovery_read)                                                            \
    X(PPPOE_SESS, pppoe_session_read)                                                              \
    X(PPP, ppp_read)                                                                               \
    X(CHDLC, chdlc_read)                                                                           \
    X(LOOPBACK, null_read)                                                                         \
    X(RAW, raw_read)                                                                               \
    X(SLL, sll_read)                                                                               \
    X(SLL2, sll2_read)                                                                             \
    X(IP4, ip4_read)                                                                               \
    X(IP6, ip6_read)                                                                               \
    X(ERSPAN1, erspan1_read)                                                                       \
    X(ERSPAN2, erspan2_read)                                                                       \
    X(ERSPAN3, erspan3_read)
enum step {
    STEP_END,
#define STEP_ID(id, fn) STEP_##id,
    DECODE_STEPS(STEP_ID)
#undef STEP_ID
        STEP_COUNT,
    STEP_NONE = STEP_COUNT, /* nobody reads this type */
};

struct way;
#define STEP_FN(id, fn) enum step fn(struct way *w);
DECODE_STEPS(STEP_FN)
#undef STEP_FN

/* A datagram put together: whole packet at data, the IP header at data + prefix. */
struct frag_whole {
    uint8_t *data; /* NULL: none */
    uint32_t len, prefix;
};

/* One frame's way.  On the stack of decode_frame. */
struct way {
    struct decoder *d;
    const struct frame *f;
    struct packet *p;   /* in work */
    struct cursor c;    /* what is left of it */
    struct packet *out; /* all packets of the frame, outermost first */
    unsigned n, room, layers;
    uint8_t check; /* verify checksums of this packet */

    /* what the pseudo header takes instead of the fixed header's addresses, or NULL */
    const uint8_t *csum_src, *csum_dst;

    /* the packet inside this one, once it is read */
    enum step inner;                /* STEP_END: none */
    uint8_t inner_src, inner_quiet; /* quiet: a guess (Teredo); forgotten if it does not decode */
    struct cursor inner_c;
    struct frag_whole whole;
};

struct frag_table;

struct decoder {
    struct decode_config cfg;
    unsigned layers_max;
    uint64_t tunnel_ports; /* bit port % 64 of every tunnel's port: a quick no for nearly all UDP */
    uint64_t now_ns;       /* the newest packet time seen: never runs backwards */
    struct frag_table *frags;
    struct decode_counters n;
    uint32_t crc32c[256];
};

/* Counts a layer; false (and the event) when there are too many. */
bool way_layer(struct way *w);
/* The packet in work is malformed: event, flags; ends its walk. */
enum step way_broken(struct way *w, unsigned event, uint32_t flags);
/* The step for an ethertype (or an 802.3 length); STEP_NONE, with event and counter, if nobody
 * reads it. */
enum step way_ethertype(struct way *w, uint16_t type);
enum step ethertype_step(uint16_t type); /* the same without side effects */
/* Leaves the rest of the packet to a packet of its own. */
enum step way_inner(struct way *w, enum step step, struct cursor c, enum packet_source src);
/* An inner packet of this ethertype; false if nobody reads it. */
bool way_inner_type(struct way *w, uint16_t type, struct cursor c, enum packet_source src);
/* Is it the snap length that cut the bytes the cursor ends with, and no more than `missing` of
 * them? */
bool way_snapped(const struct way *w, uint32_t missing);

/* Transports: called with the cursor at their header, end at the datagram's. */
enum step transport_read(struct way *w, uint8_t proto);
enum step tcp_read(struct way *w);
enum step udp_read(struct way *w);
enum step sctp_read(struct way *w);
enum step icmp4_read(struct way *w);
enum step icmp6_read(struct way *w);
enum step gre_read(struct way *w);
enum step ipip_read(struct way *w, uint8_t proto);
/* UDP payload that is a tunnel's: leaves `inner`. */
void udp_tunnel_read(struct way *w, struct cursor payload);

/* Is the checksum right?  Over p->l4, l4_len. */
bool csum_l4_good(const struct way *w);

void csum_crc32c_init(struct decoder *d);

/*
 * Fragments.  frag_take puts a piece into its datagram; when that is whole, w->whole has it.  `hdr`
 * is the header before the data: IPv4 header, or IPv6 header and what stands before the fragment
 * header, with the next-header field at nh_at to be replaced with `nh`.
 */
struct frag_piece {
    const uint8_t *hdr;
    uint32_t hdr_len, nh_at;
    const uint8_t *data;
    uint32_t len, off;
    uint32_t id;
    bool more;
    uint8_t nh;
};
struct frag_table *frag_table_new(const struct decode_config *c, struct decode_counters *n);
void frag_table_free(struct frag_table *t);
void frag_take(struct way *w, const struct frag_piece *f);
void frag_burst_end(struct frag_table *t, uint64_t now_ns);

#endif
