/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * Frames to layers: what stands in a frame, as views into it; checksums; fragments; and the
 * building of packets of our own (responses).
 *
 * One frame gives one or more packets: a tunnel's inner packet, a datagram whose last fragment
 * came, are packets of their own beside the frame's outer packet.  They come in the order in which
 * they are to be judged: inner before outer.  A `struct packet` borrows the frame's bytes (or, when
 * rebuilt from fragments, the decoder's) until the burst is done.
 *
 * A frame may be a super-frame (seg_size != 0, up to 64 KB): one frame to the stream, seg_n packets
 * to counts.  Owner of everything here: the worker.
 */
#ifndef PACKET_PACKET_H
#define PACKET_PACKET_H

#include "base/attr.h"
#include "base/ip.h"
#include "base/str.h"

struct flow;

/* LINKTYPE_ values of the capture file formats. */
enum link_type {
    LINK_NULL = 0,
    LINK_ETHERNET = 1,
    LINK_PPP = 9,
    LINK_RAW_OLD = 12,
    LINK_RAW_BSD = 14,
    LINK_CHDLC = 104,
    LINK_RAW = 101,
    LINK_LOOP = 108,
    LINK_SLL = 113,
    LINK_PPP_ETHER = 51,
    LINK_PPP_SERIAL = 50,
    LINK_IPV4 = 228,
    LINK_IPV6 = 229,
    LINK_SLL2 = 276,
};

enum frame_csum {
    FRAME_CSUM_CHECK,      /* verify in software if settings say so */
    FRAME_CSUM_UNFINISHED, /* of a local sender: not yet computed, good */
    FRAME_CSUM_GOOD,       /* the card has verified it */
};

/* What capture delivers.  Borrowed until the frame's verdict. */
struct frame {
    const uint8_t *data;
    uint32_t len;      /* captured */
    uint32_t wire_len; /* on the wire */
    uint64_t ts_ns;    /* packet time */
    uint64_t number;   /* from 1: in the capture file, or since start */
    uint16_t link;     /* enum link_type */
    uint16_t iface;    /* index into the sensor's interfaces */
    uint16_t seg_size; /* payload bytes a segment of a super-frame; 0: an ordinary frame */
    uint8_t csum;      /* enum frame_csum */
    uint8_t
        vlan_n; /* tags that the kernel took off (outermost first) and capture did not put back */
    uint16_t vlan_tci[2];
    uint8_t depth; /* of the tunnel that this was taken out of, by another worker */
    uint8_t owner; /* replay with several workers: index + 1 of the one whose flow it is; 0: look */
    uint32_t hash; /* of its packet, where there is an owner */
    void *slot; /* capture's own */
};

enum {
    PACKET_VLANS = 3,
    PACKET_EVENTS = 12,
    PACKET_LAYERS_MAX = 16,
    STREAM_EVENT_BASE = 512, /* events of the flow layer (flow.h) in packet.events */
};

bool link_type_known(uint16_t link);       /* can decode_frame read it? */
const char *link_type_name(uint16_t link); /* "EN10MB", "LINUX_SLL", "C_HDLC" ...; NULL: unknown */

/*
 * Decoder events.  X(id, name as rules write it behind "decode-event:").  Names are Suricata's;
 * they come out as "decoder.NAME" in stats, with anomaly "event" in lower case "decoder.NAME".
 */
#include "packet/events.def"
#define DECODE_EVENT_ID(id, name) DECODE_##id,
enum decode_event { DECODE_EVENTS(DECODE_EVENT_ID) DECODE_EVENT_COUNT };
#undef DECODE_EVENT_ID
const char *decode_event_name(unsigned id); /* "ipv4.pkt_too_small" */
int decode_event_find(struct str name);     /* id, or -1 */

enum packet_flag {
    PKT_IP_CSUM_BAD = 1u << 0,
    PKT_L4_CSUM_BAD = 1u << 1,
    PKT_FRAGMENT = 1u << 2, /* a piece of a datagram: no transport header */
    PKT_REBUILT = 1u << 3,  /* whole datagram of fragments */
    PKT_INNER = 1u << 4,    /* came out of a tunnel */
    PKT_IGNORE = 1u << 5,   /* no flow, no rules but decode-event ones (no IP, or malformed) */
    PKT_TCP = 1u << 6,      /* the header of this transport is whole: l4 is valid */
    PKT_UDP = 1u << 7,
    PKT_ICMP = 1u << 8, /* ICMPv4 */
    PKT_ICMP6 = 1u << 9,
    PKT_SCTP = 1u << 10,
    PKT_L3_BROKEN = 1u << 11, /* IP header unusable */
    PKT_L4_BROKEN = 1u << 12, /* transport header unusable */
    PKT_PSEUDO = 1u << 13,    /* no frame on the wire: end of a flow */
    PKT_ARP = 1u << 14,
    PKT_HAS_TUNNEL = 1u << 15, /* outer packet whose inner one is judged on its own */
    /* written by later stages */
    PKT_STREAM_EST = 1u << 16, /* the stream is established (or the flow is, for others) */
    PKT_STREAM_ADD = 1u << 17, /* payload went into the stream: stream rules see it there */
    PKT_STREAM_IGNORE =
        1u << 18, /* refused by the stream (window, checksum): not for stream rules */
    PKT_RETRANSMIT = 1u << 19,
    PKT_FIRST_OF_FLOW_DIR = 1u << 20, /* first packet of the flow in this direction */
    PKT_MODIFIED = 1u << 21,
    PKT_STREAM_EOF = 1u << 22, /* the stream ends with this packet */
    PKT_DROPPED = 1u << 23,
    PKT_FLOW_NEW = 1u << 24, /* made its flow */
    /* of the decoder again */
    PKT_WANTS_FLOW = 1u << 25, /* whole transport header of a kind that has flows: TCP, UDP, ICMP,
                                  ICMPv6, SCTP, ESP.  Others (GRE, OSPF, fragments) have none */
    PKT_INVALID = 1u << 26,    /* malformed (PKT_IGNORE is set, too) */
    PKT_CARRIER = 1u << 27,    /* PKT_HAS_TUNNEL, and what it carries is whole IP: its payload is judged there */
};

/* Who carried a packet: EVE's pkt_src. */
enum packet_source {
    PKT_SRC_WIRE,
    PKT_SRC_GRE,
    PKT_SRC_IPV4,
    PKT_SRC_IPV6,
    PKT_SRC_TEREDO,
    PKT_SRC_VXLAN,
    PKT_SRC_GENEVE,
    PKT_SRC_DEFRAG,
    PKT_SRC_FLOW_TIMEOUT,
    PKT_SRC_ERSPAN,
    PKT_SRC_STREAM_END,
};
const char *packet_source_name(unsigned src); /* "wire/pcap", "gre tunnel", "defrag", ... */

enum tcp_flag {
    TCP_FIN = 0x01,
    TCP_SYN = 0x02,
    TCP_RST = 0x04,
    TCP_PSH = 0x08,
    TCP_ACK = 0x10,
    TCP_URG = 0x20,
    TCP_ECE = 0x40,
    TCP_CWR = 0x80,
};

struct tcp_view {
    uint32_t seq, ack;
    uint16_t win, urp;
    uint8_t flags;
    uint8_t hlen;
    /* options */
    bool has_ts, has_sack_ok, has_mss, has_wscale, has_fastopen, has_auth; /* auth: MD5 or AO */
    uint8_t wscale;
    uint16_t mss;
    uint32_t ts_val, ts_ecr;
    uint8_t sack_n;      /* blocks */
    const uint8_t *sack; /* sack_n pairs of be32 */
};

/* The packet that an ICMP error quotes. */
struct icmp_quote {
    bool have;
    uint8_t ver, proto;
    uint16_t sp, dp;              /* 0 where it has none or they were cut */
    uint8_t icmp_type, icmp_code; /* of a quoted ICMP */
    uint16_t icmp_id;
    struct ip_addr src, dst;
    uint32_t seq; /* TCP */
};

struct packet {
    /* line 0: what the flow lookup reads */
    struct ip_addr src, dst;
    uint16_t sp, dp; /* host order; 0 where the transport has none; ESP: halves of the SPI */
    uint8_t proto;   /* IPPROTO_ of the transport */
    uint8_t ver;     /* 4, 6; 0: no IP */
    uint8_t vlan_n;
    uint8_t dir;                 /* 0: to server, 1: to client; set by the flow stage */
    uint16_t vlan[PACKET_VLANS]; /* VLAN ids, outermost first */
    uint8_t icmp_type, icmp_code;
    uint32_t flags; /* enum packet_flag */
    uint32_t hash;  /* symmetric over addresses, ports, proto, vlan; set by packet_hash */

    struct flow *flow; /* set by the flow stage */
    const struct frame *frame;
    uint64_t ts_ns;
    uint64_t number;

    const uint8_t *l2; /* link header, NULL if none (raw IP) */
    const uint8_t *ip; /* IP header (ARP: NULL, l4 is the ARP header) */
    const uint8_t *l4; /* transport header, NULL if none or cut */
    const uint8_t *payload;
    uint32_t payload_len;
    uint32_t ip_len; /* IP header and all behind it, as the header says, cut to what is there */
    uint32_t l4_len; /* transport header and payload */
    uint32_t cut; /* bytes that the IP header promises and that were not captured (snap length) */
    /*
     * The packet as a whole, for logs: the frame; what a tunnel carried; link header and whole
     * datagram of a rebuilt one.  `link` is its LINKTYPE_ (LINK_RAW for inner packets, whatever
     * they start with).
     */
    uint32_t data_len;
    const uint8_t *data;
    uint16_t link;
    uint16_t ip_hlen;  /* with options or extension headers */
    uint16_t seg_size; /* as in the frame, 0 for inner packets of ordinary frames */
    uint16_t seg_n;    /* packets that this one stands for; 1 but for super-frames */
    uint8_t src_kind;  /* enum packet_source */
    uint8_t depth;     /* tunnel depth, 0 outermost */
    uint8_t n_events;
    uint16_t
        events[PACKET_EVENTS]; /* enum decode_event, or STREAM_EVENT_BASE + enum stream_event */

    /* IPv4 and IPv6 fields */
    uint8_t ttl, tos;
    uint16_t ip_id; /* IPv4, or the IPv6 fragment header's low 16 bits */
    uint32_t frag_id;
    uint16_t frag_off; /* bytes */
    uint8_t ip_flags;  /* IPv4: bit 2 reserved, bit 1 DF, bit 0 MF; IPv6: MF */
    uint16_t ip_opts;  /* enum ip_opt bits, IPv4 */
    uint32_t mpls_label;
    uint32_t vxlan_vni;

    uint16_t icmp_id, icmp_seq;
    uint32_t icmp_mtu;
    /* the packet around this one (tunnel), or NULL; for responses and for EVE's `tunnel` */
    const struct packet *outer;
    void *user; /* the engine's */
    struct tcp_view tcp;
    struct icmp_quote quote; /* only `have` is set where it is false */
};

/* Payload bytes of a TCP segment on the wire: more than payload_len where the capture cut it. */
static inline uint32_t packet_tcp_wire_len(const struct packet *p)
{
    return p->l4_len + p->cut - p->tcp.hlen;
}

enum ip_opt {
    IPOPT_BIT_RR = 1u << 0,
    IPOPT_BIT_LSRR = 1u << 1,
    IPOPT_BIT_SSRR = 1u << 2,
    IPOPT_BIT_TS = 1u << 3,
    IPOPT_BIT_SEC = 1u << 4,
    IPOPT_BIT_SATID = 1u << 5,
    IPOPT_BIT_ESEC = 1u << 6,
    IPOPT_BIT_CIPSO_RTRALT = 1u << 7, /* any other option but EOL and NOP */
    IPOPT_BIT_EOL = 1u << 8,
    IPOPT_BIT_NOP = 1u << 9,
    IPOPT_BIT_QS = 1u << 10,
    IPOPT_BIT_CIPSO = 1u << 11,
    IPOPT_BIT_RTRALT = 1u << 12,
};

/* Which copy of overlapping fragments wins (see doc/fragments.md). */
enum frag_policy {
    FRAG_FIRST,
    FRAG_LAST,
    FRAG_BSD,
    FRAG_BSD_RIGHT,
    FRAG_LINUX,
    FRAG_WINDOWS,
    FRAG_SOLARIS,
};

struct decode_config {
    uint8_t layers_max; /* 0: PACKET_LAYERS_MAX */
    bool check_csum;    /* verify IP, TCP, UDP, ICMP, SCTP checksums */
    bool teredo, vxlan, geneve, erspan_i;
    bool no_ipip, no_vntag; /* IPv4 in IPv4 is a payload, a VN-tag an unknown ethertype */
    bool teredo_any; /* on any port */
    uint16_t vxlan_ports[4], geneve_ports[4], teredo_ports[4]; /* 0 ends; all 0: the usual ones */
    uint32_t frag_max;                                         /* datagrams in work at once */
    uint32_t frag_pieces_max; /* fragments kept of all of them; 0: no limit but the memory's */
    uint64_t frag_cap_bytes;
    uint64_t frag_timeout_ns;
    bool frag_ipv6_drop_overlap; /* RFC 5722; off: judged by policy, with the event */
    bool frag_ignore_vlan;       /* fragments of one datagram may come with different tags */
    bool refuse_len_zero; /* IPv4 length 0 is always an error; off: a big TCP frame may have it
                             (TSO) */
    /* fragment policy and timeout by destination; NULL: FRAG_BSD and frag_timeout_ns */
    enum frag_policy (*frag_policy)(void *ctx, uint8_t ver, const struct ip_addr *dst);
    uint64_t (*frag_timeout)(void *ctx, uint8_t ver, const struct ip_addr *dst);
    void *ctx;
};

/* Counters of the decoder; names are those of Suricata's stats.decoder and stats.defrag. */
struct decode_counters {
    uint64_t pkts, bytes, invalid, ethernet, chdlc, raw, null, sll, sll2, ppp, pppoe, vlan,
        vlan_qinq, vlan_qinqinq, mpls, gre, erspan, vxlan, geneve, teredo, ipv4, ipv6, ipv4_in_ipv6,
        ipv6_in_ipv6, ipv4_in_ipv4, ipv6_in_ipv4, tcp, udp, sctp, icmpv4, icmpv6, igmp, esp, arp,
        unknown_ethertype, too_many_layers, max_pkt_size, event[DECODE_EVENT_COUNT];
    uint64_t frag_ipv4, frag_ipv6, frag_ipv4_whole, frag_ipv6_whole, frag_ipv4_timeout,
        frag_ipv6_timeout, frag_max_hit, /* datagrams given up for newer ones: their number or their
                                            memory is capped */
        frag_mem_bytes, frag_trackers,   /* now */
        frag_refused; /* fragments not taken: no room, bad checksum, wrong lengths */
    uint64_t ieee8021ah, vntag, etag, nsh;
};

struct decoder;
struct decoder *decoder_new(const struct decode_config *c); /* NULL: no memory */
void decoder_free(struct decoder *d);
/*
 * Decodes a frame into at most `room` packets (PACKET_LAYERS_MAX is always enough); returns how
 * many, at least 1: a frame that can't be decoded gives one packet with PKT_IGNORE and events.  No
 * heap.
 */
unsigned decode_frame(struct decoder *d, const struct frame *f, struct packet *out, unsigned room);
/* Drops what rebuilt packets of this burst lived in.  Call after the last use of its packets. */
void decoder_burst_end(struct decoder *d, uint64_t now_ns);
const struct decode_counters *decoder_counters(const struct decoder *d);
/*
 * Several decoders that are shown the same frames.  Is the frame a plain one, which gives exactly
 * one packet and no events?  Then p gets what packet_hash reads and vlan_n, and nothing else
 * (plain.c).  Such a frame need not be decoded where its packet is not wanted, and one decoder
 * counts it (decoder_count_plain).  Who passes frames by sets the clock to the newest of them
 * (decoder_clock) before the next is decoded.
 */
bool decode_plain(const struct decoder *d, const struct frame *f, struct packet *p);
void decoder_count_plain(struct decoder *d, const struct frame *f, const struct packet *p);
void decoder_clock(struct decoder *d, uint64_t now_ns);
/* A frame that another decoder has counted: counters (not what is now) as they were. */
void decoder_uncount(struct decoder *d, const struct decode_counters *before);

/* Symmetric hash for the flow table, seeded; also sets p->hash. */
uint32_t packet_hash(struct packet *p, uint64_t seed, bool use_vlan);
/* The hash that the packet quoted by an ICMP error would have (p->quote.have). */
uint32_t packet_hash_quote(const struct packet *p, uint64_t seed, bool use_vlan);
void packet_event(struct packet *p, unsigned event); /* kept if there is room */

/* RFC 1071 sum over the pseudo header and data; give the result to a header field in network order.
 */
uint16_t csum_inet(const void *p, size_t n);
uint16_t csum_l4(uint8_t ver, const struct ip_addr *src, const struct ip_addr *dst, uint8_t proto,
                 const void *l4, size_t n);

/*
 * Building packets of our own.  Output goes into the caller's buffer; the functions return the
 * number of bytes, or 0 if it does not fit.  Checksums are complete.
 */
struct build_ip {
    uint8_t ver, ttl, tos;
    uint16_t id;
    bool df;
    struct ip_addr src, dst;
};
size_t build_tcp(uint8_t *out, size_t room, const struct build_ip *ip, uint16_t sp, uint16_t dp,
                 uint32_t seq, uint32_t ack, uint8_t flags, uint16_t win, const void *payload,
                 size_t n);
size_t build_udp(uint8_t *out, size_t room, const struct build_ip *ip, uint16_t sp, uint16_t dp,
                 const void *payload, size_t n);
/* ICMP or ICMPv6 error quoting `quoted` (an IP packet), as much of it as 576 / 1280 bytes allow. */
size_t build_icmp_error(uint8_t *out, size_t room, const struct build_ip *ip, uint8_t type,
                        uint8_t code, uint32_t rest_of_header, const void *quoted, size_t n);
/*
 * The link header for a packet of our own: MACs, the tags of `like` (any depth; also those that the
 * kernel took off), ethertype by `ver`.  0 also where `like` has something else than tags before IP
 * (PPPoE, MPLS ...): a plain frame would not get there.
 */
size_t build_ether(uint8_t *out, size_t room, const uint8_t dst[6], const uint8_t src[6],
                   const struct packet *like, uint8_t ver);

#endif
